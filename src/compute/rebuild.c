/* Rebuild: the same instance, with its addresses, from an image anew; its disks of before are gone (zed 7.5). Evacuation, which is
 * a rebuild of another host's instance, needs that other host. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"
#include "compute/notify-instance.h"
#include "compute/spawn-hooks.h"

#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"
#include "image/image.h"
#include "objects/instance-object.h"

#define GIB (INT64_C(1) << 30)

static const TaskState rebuilding[] = { TASK_REBUILDING, _TASK_STATE_INVALID };
static const TaskState mapping[] = { TASK_REBUILD_BLOCK_DEVICE_MAPPING, _TASK_STATE_INVALID };
static const TaskState spawning[] = { TASK_REBUILD_SPAWNING, _TASK_STATE_INVALID };

/* Before anything is touched. */
static int check_rebuild(const json_t *args, NovaException *e) {
        const json_t *file;
        size_t n;

        if (json_member_boolean(args, "recreate", false))
                return exception_setf(e, EXC_INSTANCE_EVACUATE_NOT_SUPPORTED, "Instance evacuate is not supported.");
        if (json_member_boolean(args, "preserve_ephemeral", false))
                return exception_setf(e, EXC_PRESERVE_EPHEMERAL_NOT_SUPPORTED,
                                      "The current driver does not support preserving ephemeral partitions.");
        if (json_member_boolean(args, "reimage_boot_volume", false))
                return exception_setf(e, EXC_CINDER_CONNECTION_FAILED, "Connection to cinder host failed: there is no volume service");
        json_array_foreach(json_object_get(args, "injected_files"), n, file)
                if (!json_is_array(file) || json_array_size(file) != 2 || !json_is_string(json_array_get(file, 0)) ||
                    !json_is_string(json_array_get(file, 1)))
                        return exception_setf(e, EXC_TYPE_ERROR, "rebuild_instance() got injected_files[%zu] which is not [path, contents]", n);
        return 0;
}

/* The image, from which it must be possible to make an instance of this flavor. */
static int new_image(InstanceCall *c, json_t **ret, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        _cleanup_(image_service_freep) ImageService *images = NULL;
        const char *ref = json_member_string(c->args, "image_ref");
        json_auto_t *meta = NULL;
        const char *status;
        int r;

        if (!ref)
                ref = c->i->image_ref;  /* Essex: the API has written it to the row */
        if (isempty(ref))
                return exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image (none) is unacceptable: the instance is made of a volume");
        r = image_service_new(&images, config, e);
        if (r >= 0)
                r = image_service_show(images, ref, &meta, e);
        if (r < 0)
                return r;

        status = json_member_string(meta, "status");
        if (status && !streq(status, "active"))
                return exception_setf(e, EXC_IMAGE_NOT_ACTIVE, "Image %s is not active.", ref);
        if (image_meta_integer(meta, "min_ram", 0) > c->i->memory_mb)
                return exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image %s is unacceptable: it needs %lld MiB of memory, the flavor has %lld",
                                      ref, (long long) image_meta_integer(meta, "min_ram", 0), (long long) c->i->memory_mb);
        /* A flavor without a root size takes what the image has. */
        if (c->i->root_gb > 0 && (image_meta_integer(meta, "min_disk", 0) > c->i->root_gb ||
                                  image_meta_integer(meta, "size", 0) > c->i->root_gb * GIB))
                return exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image %s is unacceptable: it is larger than the flavor's root disk of %lld GiB",
                                      ref, (long long) c->i->root_gb);
        *ret = TAKE_PTR(meta);
        return 0;
}

static int remember(Instance *i, const char *key, const json_t *value) {
        _cleanup_free_ char *name = NULL, *text = NULL;

        if (!value || json_is_null(value))
                return 0;
        if (asprintf(&name, "image_%s", key) < 0)
                return -ENOMEM;
        if (json_is_string(value))
                return instance_system_metadata_set(i, name, json_string_value(value));
        text = json_text(value);
        return text ? instance_system_metadata_set(i, name, text) : -ENOMEM;
}

/* What the API writes before it asks: the instance is of the new image, and remembers what that says of itself, not what the
 * old one said. */
static int take_image(Instance *i, const json_t *image, NovaException *e) {
        static const char *const columns[] = { "min_ram", "min_disk", "disk_format", "container_format" };
        const char *id = json_member_string(image, "id"), *key;
        json_auto_t *old = json_copy((json_t *) instance_system_metadata(i));
        const json_t *value;
        char *ref;
        int r = 0;

        json_object_foreach(old, key, value)
                if (startswith(key, "image_") && r >= 0)
                        r = instance_system_metadata_set(i, key, NULL);
        json_object_foreach(json_object_get(image, "properties"), key, value)
                if (r >= 0)
                        r = remember(i, key, value);
        for (size_t n = 0; n < ELEMENTSOF(columns) && r >= 0; n++)
                r = remember(i, columns[n], json_object_get(image, columns[n]));
        if (r >= 0 && id)
                r = instance_system_metadata_set(i, "image_base_image_ref", id);
        if (r >= 0 && id) {
                ref = strdup(id);
                if (ref) {
                        free(i->image_ref);
                        i->image_ref = ref;
                } else
                        r = -ENOMEM;
        }
        return r < 0 ? exception_set_errno(e, r, "The instance cannot be made of the new image") : 0;
}

static int save_task(InstanceCall *c, TaskState task, const TaskState *expected, NovaException *e) {
        c->i->task_state = task;
        return instance_call_save(c, expected, e);
}

/* From here on the guest of before is gone: a failure leaves an instance in error. */
static int make_anew(InstanceCall *c, const json_t *image, const json_t *network_info, NovaException *e) {
        SpawnHooks hooks;
        int r;

        (void) operation_step(c->operation, "destroy");
        r = driver_result(driver_call(c->manager, destroy, e, c->context, c->i, network_info, NULL, true), "destroy", e);
        if (r < 0)
                return r;
        compute_network_unplug(c->manager, c->i, network_info);
        r = save_task(c, TASK_REBUILD_BLOCK_DEVICE_MAPPING, rebuilding, e);
        if (r >= 0)
                r = save_task(c, TASK_REBUILD_SPAWNING, mapping, e);
        if (r < 0)
                return r;

        r = spawn_hooks_init(&hooks, c, network_info);
        if (r >= 0)
                r = compute_network_plug(c->manager, c->i, network_info, e);
        if (r >= 0)
                r = driver_result(driver_call(c->manager, spawn, e, c->context, c->i, image, json_object_get(c->args, "injected_files"),
                                              json_member_string(c->args, "new_pass"), network_info, NULL, &hooks.hooks), "spawn", e);
        spawn_hooks_done(&hooks);
        return r;
}

/* It was stopped: it is again. */
static int stop_again(InstanceCall *c, NovaException *e) {
        static const TaskState powering_off[] = { TASK_POWERING_OFF, _TASK_STATE_INVALID };
        int r;

        log_info("bringing vm to original state: 'stopped'");
        c->i->vm_state = VM_ACTIVE;
        r = save_task(c, TASK_POWERING_OFF, spawning, e);
        if (r < 0)
                return r;
        r = compute_guest_power_off(c->manager, c->i, false, e);
        return r < 0 ? r : instance_call_save_done(c, VM_STOPPED, powering_off, e);
}

/* A driver that was told to stop says so; for whose sake, the row knows. */
static bool is_overtaken(InstanceCall *c, int failure, const NovaException *why) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

        if (instance_call_overtaken(why))
                return true;
        return failure == -ECANCELED && !operation_cancelled(c->operation) && instance_call_save(c, NULL, &x) < 0 &&
               instance_call_overtaken(&x);
}

static int rebuild(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *image = NULL, *network_info = instance_network_info(c->i);
        bool was_stopped = c->i->vm_state == VM_STOPPED;
        PowerState power;
        int r;

        if (!network_info)
                return -ENOMEM;
        log_info("Rebuilding instance");
        if (c->i->volume_backed)
                return exception_setf(e, EXC_CINDER_CONNECTION_FAILED, "Connection to cinder host failed: there is no volume service");
        r = new_image(c, &image, e);
        if (r < 0)
                return r;
        r = compute_instance_power(c->manager, c->i, &power, e);
        if (r < 0)
                return r;
        c->i->power_state = power;
        if (r > 0) {    /* an instance in error may have no guest */
                r = compute_guest_power_off(c->manager, c->i, true, e);
                if (r < 0)
                        return r;
        }
        r = take_image(c->i, image, e);
        if (r >= 0)
                r = save_task(c, TASK_REBUILDING, rebuilding, e);
        if (r < 0)
                return r;

        r = make_anew(c, image, network_info, &x);
        if (r >= 0) {
                c->i->launched_at = now_realtime();
                r = was_stopped ? stop_again(c, &x) : instance_call_save_done(c, VM_ACTIVE, spawning, &x);
        }
        if (r >= 0)
                return 0;
        if (is_overtaken(c, r, &x)) {
                log_info("Instance %s was deleted while rebuilding", c->i->uuid);
                return 0;
        }
        instance_call_set_error(c, r, &x);
        exception_move(e, &x);
        return r;
}

/* A start finds a rebuild that was not finished. As long as the guest was not destroyed it goes on as it was; else there is
 * nothing to go on with, and what is half made goes. */
int guest_undo_rebuild(Operation *o, NovaException *e) {
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *network_info = NULL;
        ComputeManager *m;
        int r;

        r = guest_undo_begin(o, &m, &i, e);
        if (r <= 0)
                return r;
        network_info = instance_network_info(&i);
        if (!network_info)
                return -ENOMEM;
        if (i.task_state != TASK_REBUILDING && i.task_state != TASK_REBUILD_BLOCK_DEVICE_MAPPING &&
            i.task_state != TASK_REBUILD_SPAWNING)
                return 0;
        r = driver_result(driver_call(m, instance_exists, e, &i), "instance_exists", e);
        if (r < 0)
                return r;
        if (r > 0 && i.task_state == TASK_REBUILDING)
                return 0;

        r = driver_result(driver_call(m, destroy, e, o->context, &i, network_info, NULL, true), "destroy", e);
        if (r < 0)
                return r;
        compute_network_unplug(m, &i, network_info);
        i.vm_state = VM_ERROR;
        r = compute_instance_save(m, o->context, &i, NULL, e);
        return r < 0 ? exception_set_errno(e, r, "Cannot save the instance") : 0;
}

const InstanceMethod method_rebuild = {
        .action = "rebuild", .notify = "rebuild", .flags = WRAP_ALL | INSTANCE_LOCKABLE | INSTANCE_TELLS_FAILURE | INSTANCE_TELLS_USAGE,
        .vm_states = VMS(VM_ACTIVE, VM_STOPPED, VM_ERROR),
        .task = TASK_REBUILDING, .check = check_rebuild, .body = rebuild,
};

/* A guest's root disk becomes an image, once by snapshot_instance and in turns by backup_instance, of which the newest few are
 * kept (zed 7.7, essex 11.6). The driver makes and uploads it; here is what the image is said to be, the states of the task, and
 * what is left when it fails: nothing. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include <stdio.h>

#include "basic/json.h"
#include "basic/log.h"
#include "image/image.h"
#include "objects/instance-object.h"

#define ROTATION_MAX 100000

/* Python's names of what an instance remembers of its image, which the image of it does not inherit. */
static const char *const own_properties[] = { "min_ram", "min_disk", "disk_format", "container_format", "base_image_ref",
                                              "image_type", "backup_type", "instance_uuid", "user_id", NULL };

static bool names_have(const char *const *names, const char *name) {
        for (; names && *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

/* ---- arguments ---- */

static int argument_rotation(const json_t *args, int64_t *ret) {
        const json_t *value = json_object_get(args, "rotation");
        const char *text = json_string_value(value);
        char *end;

        if (!value || json_is_null(value))
                return 0;
        if (json_is_integer(value))
                *ret = json_integer_value(value);
        else if (text && *text) {
                *ret = strtoll(text, &end, 10);
                if (*end)
                        return -EINVAL;
        } else
                return -EINVAL;
        return *ret < 0 || *ret > ROTATION_MAX ? -EINVAL : 1;
}

static bool is_backup(const json_t *args) {
        const char *type = json_member_string(args, "image_type");

        return type && streq(type, "backup");
}

static int check_rotation(const char *method, const json_t *args, NovaException *e) {
        _cleanup_free_ char *shown = NULL;
        int64_t rotation;
        int r;

        r = argument_rotation(args, &rotation);
        if (r < 0) {
                shown = json_text(json_object_get(args, "rotation"));
                return exception_setf(e, EXC_INVALID, "%s: rotation is %.64s, not a number from 0 to %d", method, shown ? shown : "too long",
                                      ROTATION_MAX);
        }
        if (r == 0)
                return exception_setf(e, EXC_ROTATION_REQUIRED_FOR_BACKUP, "Rotation param is required for backup image_type");
        return 0;
}

/* An image of the directory: a path into another place, or a URL, is none that could be made. */
static int check_image_id(const json_t *args, NovaException *e) {
        const char *id = strempty(json_member_string(args, "image_id"));
        int r;

        if (*id && *id != '.' && !strchr(id, '/'))
                return 0;
        r = exception_setf(e, EXC_IMAGE_NOT_FOUND, "Image %.255s could not be found.", id);
        exception_kwarg(e, "image_id", json_string(id));
        return r;
}

static int check_snapshot(const json_t *args, NovaException *e) {
        const char *type = json_member_string(args, "image_type");
        int64_t rotation;
        int r;

        if (type && !streq(type, "snapshot") && !streq(type, "backup"))
                return exception_setf(e, EXC_INVALID, "Image type not recognized %.64s", type);
        if (!is_backup(args) && argument_rotation(args, &rotation) != 0)
                return exception_setf(e, EXC_IMAGE_ROTATION_NOT_ALLOWED, "Rotation is not allowed for snapshots");
        r = is_backup(args) ? check_rotation("snapshot_instance", args, e) : 0;
        return r < 0 ? r : check_image_id(args, e);
}

static int check_backup(const json_t *args, NovaException *e) {
        int r = check_rotation("backup_instance", args, e);

        return r < 0 ? r : check_image_id(args, e);
}

static int check_rotate(const json_t *args, NovaException *e) {
        return check_rotation("rotate_backups", args, e);
}

/* ---- the image ---- */

/* What the image inherits of the one the guest was made of, and what tells it from others (Nova's API makes the record before
 * it asks for the snapshot: here nobody does). */
static json_t *image_properties(InstanceCall *c, const Config *config, const char *backup_type) {
        const json_t *all = instance_system_metadata(c->i), *value;
        const char *const *left_out = config_list(config, "non_inheritable_image_properties");
        const char *base = instance_system_metadata_get(c->i, "image_base_image_ref");
        json_t *p = json_object();
        bool well = p;
        const char *key;

        json_object_foreach((json_t *) all, key, value) {
                const char *name = startswith(key, "image_");

                if (name && json_is_string(value) && !names_have(left_out, name) && !names_have(own_properties, name))
                        well = well && json_object_set(p, name, (json_t *) value) >= 0;
        }
        well = well && json_object_set_new(p, "image_type", json_string(backup_type ? "backup" : "snapshot")) >= 0 &&
               (!backup_type || json_object_set_new(p, "backup_type", json_string(backup_type)) >= 0) &&
               json_object_set_new(p, "instance_uuid", json_string(c->i->uuid)) >= 0 &&
               json_object_set_new(p, "user_id", json_string_or_null(c->i->user_id)) >= 0 &&
               json_object_set_new(p, "owner_id", json_string_or_null(c->i->project_id)) >= 0 &&
               json_object_set_new(p, "image_location", json_string("snapshot")) >= 0 &&
               json_object_set_new(p, "image_state", json_string("available")) >= 0 &&
               json_object_set_new(p, "base_image_ref", json_string_or_null(base ? base : c->i->image_ref)) >= 0;
        if (well)
                return p;
        json_decref(p);
        return NULL;
}

/* As asked for, else as the record that is there has it, else "snapshot-%s" of the image's id; a template without %s is the name. */
static json_t *image_name(const InstanceCall *c, const json_t *there, const Config *config, const char *image_id) {
        const char *template = strempty(config_string(config, "snapshot_name_template")), *at = strstr(template, "%s");
        const char *asked = json_member_string(c->args, "image_name");

        if (!isempty(asked))
                return json_string(asked);
        if (json_member_string(there, "name"))
                return json_incref(json_object_get(there, "name"));
        return at ? json_sprintf("%.*s%s%s", (int) (at - template), template, image_id, at + 2) : json_string(template);
}

/* The record as it is to be: what somebody has put there beforehand under the id (a name, properties), and ours. One that
 * holds an image already is not overwritten. */
static int image_record(InstanceCall *c, ImageService *images, const Config *config, const char *image_id, const char *backup_type,
                        json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *there = NULL, *properties = image_properties(c, config, backup_type), *meta = NULL;
        json_t *more;
        const char *status;
        int r;

        r = image_service_show(images, image_id, &there, &x);
        if (r < 0 && !failure_is(&x, EXC_IMAGE_NOT_FOUND)) {
                exception_move(e, &x);
                return r;
        }
        status = json_member_string(there, "status");
        if (status && streq(status, "active")) {
                r = exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image %s is unacceptable: it exists already", image_id);
                exception_kwarg(e, "image_id", json_string(image_id));
                return r;
        }
        more = json_object_get(there, "properties");
        if (!properties || (json_is_object(more) && json_object_update_missing(properties, more) < 0))
                return -ENOMEM;
        meta = json_pack("{s:o, s:b, s:O}", "name", image_name(c, there, config, image_id), "is_public", 0, "properties", properties);
        if (!meta)
                return -ENOMEM;
        *ret = TAKE_PTR(meta);
        return 0;
}

/* What may be there of a snapshot that failed. */
static void delete_image(ImageService *images, const char *image_id) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = image_service_delete(images, image_id, &x);
        if (r < 0 && !failure_is(&x, EXC_IMAGE_NOT_FOUND))
                log_error("Error while trying to clean up image %s: %s", image_id, failure_text(r, &x));
}

/* ---- the work ---- */

typedef struct Snapshot {
        InstanceCall *call;
        TaskState begun;                /* image_snapshot, or image_backup */
} Snapshot;

static void on_step(const char *step, void *userdata) {
        Snapshot *s = userdata;

        (void) operation_step(s->call->operation, step);
}

static void on_progress(unsigned percent, void *userdata) {
        Snapshot *s = userdata;

        operation_progress(s->call->operation, percent);
}

static bool on_cancelled(void *userdata) {
        Snapshot *s = userdata;

        return operation_cancelled(s->call->operation);
}

/* The driver's states are those of a snapshot; a backup begins from another. */
static int on_task_state(TaskState state, TaskState expected, void *userdata, NovaException *e) {
        Snapshot *s = userdata;
        const TaskState list[] = { expected == TASK_IMAGE_SNAPSHOT ? s->begun : expected, _TASK_STATE_INVALID };

        s->call->i->task_state = state;
        return instance_call_save(s->call, list, e);
}

static int take(InstanceCall *c, TaskState begun, const char *image_id, const json_t *meta, NovaException *e) {
        Snapshot s = { .call = c, .begun = begun };
        const DriverHooks hooks = {
                .step = on_step, .progress = on_progress, .cancelled = on_cancelled, .task_state = on_task_state, .userdata = &s,
        };
        int r;

        r = driver_result(driver_call(c->manager, snapshot, e, c->context, c->i, image_id, meta, &hooks), "snapshot", e);
        if (r < 0)
                return r;
        /* vm_state stays what it is: of a stopped guest too. */
        return instance_call_save_done(c, c->i->vm_state, NULL, e);
}

static int snapshot(InstanceCall *c, TaskState begun, const char *backup_type, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        const char *image_id = strempty(json_member_string(c->args, "image_id"));
        json_auto_t *meta = NULL;
        PowerState power;
        int r;

        log_info("instance snapshotting");
        r = image_service_new(&images, config, e);
        if (r < 0)
                return r;
        r = image_record(c, images, config, image_id, backup_type, &meta, e);
        if (r < 0)
                return r;

        if (compute_instance_power(c->manager, c->i, &power, NULL) >= 0) {
                c->i->power_state = power;
                if (power != POWER_RUNNING)
                        log_warning("trying to snapshot a non-running instance: (state: %s expected: %s)", power_state_to_string(power),
                                    power_state_to_string(POWER_RUNNING));
        }
        c->i->task_state = begun;
        r = instance_call_save(c, NULL, e);
        if (r < 0)
                return r;

        r = take(c, begun, image_id, meta, &x);
        if (r >= 0) {
                compute_offer_refresh(c->manager);      /* at once: whoever asked looks for it now */
                return 0;
        }
        delete_image(images, image_id);
        if (instance_call_overtaken(&x)) {
                log_info("Instance %s went away while its snapshot was taken: the image is deleted.", c->i->uuid);
                return 0;
        }
        exception_move(e, &x);
        return r;
}

/* ---- backups ---- */

static int newest_first(const void *a, const void *b) {
        const char *x = json_member_string(*(json_t *const *) a, "created_at"), *y = json_member_string(*(json_t *const *) b, "created_at");

        return strcmp(strempty(y), strempty(x));
}

/* Those beyond the newest @rotation of this kind and instance go, oldest first. One that cannot be deleted is named, and the
 * others go all the same. */
static int rotate(InstanceCall *c, const char *backup_type, int64_t rotation, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_free_ json_t **backups = NULL;
        json_auto_t *all = NULL;
        json_t *image;
        size_t i, n = 0;
        int r;

        r = image_service_new(&images, config, e);
        if (r >= 0)
                r = image_service_list(images, &all, e);
        if (r < 0)
                return r;
        backups = calloc(json_array_size(all) + 1, sizeof *backups);
        if (!backups)
                return -ENOMEM;
        json_array_foreach(all, i, image)
                if (streq(strempty(image_meta_property(image, "image_type")), "backup") &&
                    streq(strempty(image_meta_property(image, "backup_type")), backup_type) &&
                    streq(strempty(image_meta_property(image, "instance_uuid")), c->i->uuid))
                        backups[n++] = image;
        if (n > 0)
                qsort(backups, n, sizeof *backups, newest_first);
        if ((int64_t) n > rotation)
                log_info("Found %zu images (rotation: %lld)", n, (long long) rotation);
        for (; (int64_t) n > rotation; n--) {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
                const char *id = strempty(json_member_string(backups[n - 1], "id"));

                log_debug("Deleting image %s", id);
                r = image_service_delete(images, id, &x);
                if (r < 0 && !failure_is(&x, EXC_IMAGE_NOT_FOUND))
                        log_error("Failed to find image %s to delete: %s", id, failure_text(r, &x));
        }
        return 0;
}

/* snapshot_instance of today, and both of Essex's kinds. */
static int snapshot_instance(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int64_t rotation = 0;
        const char *type = strempty(json_member_string(c->args, "backup_type"));
        int r;

        if (!is_backup(c->args))
                return snapshot(c, TASK_IMAGE_SNAPSHOT, NULL, e);
        (void) argument_rotation(c->args, &rotation);
        r = snapshot(c, TASK_IMAGE_BACKUP, type, e);
        return r < 0 ? r : rotate(c, type, rotation, e);
}

static int backup_instance(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        const char *type = strempty(json_member_string(c->args, "backup_type"));
        int64_t rotation = 0;
        int r;

        (void) argument_rotation(c->args, &rotation);
        r = snapshot(c, TASK_IMAGE_BACKUP, type, e);
        return r < 0 ? r : rotate(c, type, rotation, e);
}

static int rotate_backups(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int64_t rotation = 0;

        (void) argument_rotation(c->args, &rotation);
        return rotate(c, strempty(json_member_string(c->args, "backup_type")), rotation, e);
}

/* A start finds a snapshot that was not finished, or not known to be: its image goes, if it is one of this instance. */
int guest_undo_snapshot(Operation *o, NovaException *e) {
        const char *image_id = strempty(json_member_string(o->args, "image_id"));
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(config_unrefp) Config *config = NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *there = NULL;
        ComputeManager *m;
        int r;

        r = guest_undo_begin(o, &m, &i, e);
        if (r < 0)
                return r;
        config = compute_manager_config(m);
        r = image_service_new(&images, config, e);
        if (r < 0)
                return r;
        /* Metadata alone is what an upload begins with. */
        r = image_service_show(images, image_id, &there, &x);
        if ((r < 0 && failure_is(&x, EXC_IMAGE_NOT_FOUND)) ||
            (r >= 0 && streq(strempty(image_meta_property(there, "instance_uuid")), strempty(o->instance_uuid))))
                delete_image(images, image_id);
        return 0;
}

#define SNAPSHOT_FROM VMS(VM_ACTIVE, VM_STOPPED, VM_PAUSED, VM_SUSPENDED)

static const InstanceMethod snapshot_once = {
        .action = "createImage", .verb = "snapshot", .notify = "snapshot", .flags = WRAP_ALL, .vm_states = SNAPSHOT_FROM, .task = TASK_IMAGE_SNAPSHOT_PENDING,
        .tasks = TASKS(TASK_IMAGE_SNAPSHOT), .check = check_snapshot, .body = snapshot_instance,
};

const InstanceMethod method_backup = {
        .action = "createBackup", .verb = "backup", .notify = "snapshot", .flags = WRAP_ALL, .vm_states = SNAPSHOT_FROM, .task = TASK_IMAGE_BACKUP,
        .check = check_backup, .body = backup_instance,
};

/* Essex asks for backups by the same method. */
static const InstanceMethod snapshot_in_turn = {
        .action = "createBackup", .verb = "backup", .notify = "snapshot", .flags = WRAP_ALL, .vm_states = SNAPSHOT_FROM, .task = TASK_IMAGE_BACKUP,
        .check = check_snapshot, .body = snapshot_instance,
};

static const InstanceMethod *snapshot_variant(const json_t *args) {
        return is_backup(args) ? &snapshot_in_turn : &snapshot_once;
}

const InstanceMethod method_snapshot = {
        .action = "createImage", .verb = "snapshot", .variant = snapshot_variant, .body = snapshot_instance,
};

const InstanceMethod method_rotate_backups = {
        .flags = WRAP_FAULT | INSTANCE_ANY_TASK, .check = check_rotate, .body = rotate_backups,
};

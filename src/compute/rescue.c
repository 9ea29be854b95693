/* Rescue: the guest starts from another image with its own disk beside it, until it is unrescued (zed 7.4). */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include "basic/json.h"
#include "basic/log.h"
#include "image/image.h"
#include "objects/instance-object.h"

static const TaskState rescuing[] = { TASK_RESCUING, _TASK_STATE_INVALID };
static const TaskState unrescuing[] = { TASK_UNRESCUING, _TASK_STATE_INVALID };

static int not_rescuable(InstanceCall *c, const char *why, const char *detail, NovaException *e) {
        _cleanup_free_ char *reason = NULL;
        int r;

        if (asprintf(&reason, "%s%s", why, strempty(detail)) < 0)
                reason = NULL;
        r = exception_setf(e, EXC_INSTANCE_NOT_RESCUABLE, "Instance %s cannot be rescued: %s", c->i->uuid, reason ? reason : why);
        exception_kwarg(e, "instance_id", json_string(c->i->uuid));
        exception_kwarg(e, "reason", json_string(reason ? reason : why));
        return r;
}

/* The image asked for, else the one the guest was made of. */
static int rescue_image(InstanceCall *c, json_t **ret, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        const char *ref = json_member_string(c->args, "rescue_image_ref");
        int r;

        if (isempty(ref))
                ref = c->i->image_ref;
        if (isempty(ref))
                ref = instance_system_metadata_get(c->i, "image_base_image_ref");
        if (isempty(ref))
                return not_rescuable(c, "it was not made of an image, and none is given", NULL, e);

        r = image_service_new(&images, config, e);
        if (r < 0)
                return r;
        r = image_service_show(images, ref, ret, &x);
        return r < 0 ? not_rescuable(c, "", failure_text(r, &x), e) : 0;
}

/* It could not be rescued: it goes on as it was. */
static void run_again(InstanceCall *c, const json_t *network_info) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = compute_network_plug(c->manager, c->i, network_info, &x);
        if (r >= 0)
                r = driver_result(driver_call(c->manager, power_on, &x, c->context, c->i, network_info, NULL), "power_on", &x);
        if (r < 0)
                log_error("Instance %s cannot be started again after its rescue failed: %s", c->i->uuid, failure_text(r, &x));
}

static int rescue(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *image_meta = NULL, *network_info = instance_network_info(c->i);
        const char *password = json_member_string(c->args, "rescue_password");
        char generated[GUEST_PASSWORD_MAX];
        PowerState power;
        int r;

        if (!network_info)
                return -ENOMEM;
        log_info("Rescuing");
        if (c->i->volume_backed)
                return not_rescuable(c, "Cannot rescue a volume-backed instance", NULL, e);
        r = rescue_image(c, &image_meta, e);
        if (r < 0)
                return r;
        if (!password) {
                r = guest_password(c->manager, generated);
                if (r < 0)
                        return exception_set_errno(e, r, "No password can be made up");
                password = generated;
        }

        r = compute_instance_power(c->manager, c->i, &power, e);
        if (r < 0)
                return r;
        r = compute_guest_power_off(c->manager, c->i, json_member_boolean(c->args, "clean_shutdown", true), &x);
        if (r >= 0) {
                (void) operation_step(c->operation, "rescue");
                r = driver_result(driver_call(c->manager, rescue, &x, c->context, c->i, network_info, image_meta, password),
                                  "rescue", &x);
        }
        explicit_bzero(generated, sizeof generated);
        if (r < 0) {
                log_error("Error trying to Rescue Instance: %s", failure_text(r, &x));
                if (power == POWER_RUNNING)
                        run_again(c, network_info);
                return not_rescuable(c, "Driver Error: ", failure_text(r, &x), e);
        }
        c->i->launched_at = now_realtime();
        return instance_call_save_done(c, VM_RESCUED, rescuing, e);
}

/* Of a guest that is not in rescue: it was unrescued already, by an earlier run of this request. */
static bool is_unrescued(InstanceCall *c, const NovaException *why) {
        PowerState power;

        return (failure_is(why, EXC_INSTANCE_NOT_IN_RESCUE_MODE) || failure_is(why, EXC_INSTANCE_INVALID_STATE)) &&
               compute_instance_power(c->manager, c->i, &power, NULL) > 0 && power == POWER_RUNNING;
}

static int unrescue(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        log_info("Unrescuing");
        (void) operation_step(c->operation, "unrescue");
        r = driver_result(driver_call(c->manager, unrescue, &x, c->context, c->i), "unrescue", &x);
        if (r < 0 && !is_unrescued(c, &x)) {
                exception_move(e, &x);
                return r;
        }
        return instance_call_save_done(c, VM_ACTIVE, unrescuing, e);
}

/* A start finds a rescue that was not finished: the guest goes on with its own disk, as it was before. */
int guest_undo_rescue(Operation *o, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *network_info = NULL;
        ComputeManager *m;
        PowerState power;
        int r;

        r = guest_undo_begin(o, &m, &i, e);
        if (r <= 0 || i.task_state != TASK_RESCUING)
                return MIN(r, 0);
        network_info = instance_network_info(&i);
        if (!network_info)
                return -ENOMEM;

        r = driver_result(driver_call(m, unrescue, &x, o->context, &i), "unrescue", &x);
        if (r < 0 && failure_is_passing(r, &x)) {
                exception_move(e, &x);
                return r;
        }
        if (r < 0)      /* it had not come so far */
                log_debug("Instance %s is not unrescued: %s", i.uuid, failure_text(r, &x));
        r = compute_instance_power(m, &i, &power, e);
        if (r <= 0)
                return r;
        if (i.vm_state == VM_ACTIVE && power != POWER_RUNNING) {
                r = compute_network_plug(m, &i, network_info, e);
                return r < 0 ? r : driver_result(driver_call(m, power_on, e, o->context, &i, network_info, NULL), "power_on", e);
        }
        if (i.vm_state == VM_STOPPED && power == POWER_RUNNING)
                return compute_guest_power_off(m, &i, false, e);
        return 0;
}

const InstanceMethod method_rescue = {
        .action = "rescue", .notify = "rescue", .flags = WRAP_ALL | INSTANCE_LOCKABLE, .vm_states = VMS(VM_ACTIVE, VM_STOPPED, VM_ERROR),
        .task = TASK_RESCUING, .body = rescue,
};

const InstanceMethod method_unrescue = {
        .action = "unrescue", .notify = "unrescue", .flags = WRAP_ALL | INSTANCE_LOCKABLE, .vm_states = VMS(VM_RESCUED),
        .task = TASK_UNRESCUING, .done = VMS(VM_ACTIVE), .body = unrescue,
};

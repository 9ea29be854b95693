/* What is asked of the agent inside a guest, or of its hypervisor about it: passwords, files, quiet disks, a crash dump. The
 * driver refuses in Nova's words what the guest has no agent for. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include <ctype.h>

#include "basic/json.h"
#include "basic/log.h"
#include "objects/instance-object.h"

static const TaskState updating_password[] = { TASK_UPDATING_PASSWORD, _TASK_STATE_INVALID };

/* Failures whose words the caller may see; others may hold the password. */
static bool may_be_told(const NovaException *x) {
        return failure_is(x, EXC_INSTANCE_AGENT_NOT_ENABLED) || failure_is(x, EXC_QEMU_GUEST_AGENT_NOT_ENABLED) ||
               failure_is(x, EXC_SET_ADMIN_PASSWD_NOT_SUPPORTED) || failure_is(x, EXC_INSTANCE_NOT_FOUND) ||
               failure_is(x, EXC_HYPERVISOR_UNAVAILABLE);
}

static int password_failed(InstanceCall *c, const char *reason, NovaException *e) {
        int r = exception_setf(e, EXC_INSTANCE_PASSWORD_SET_FAILED, "Failed to set admin password on %s because %s", c->i->uuid, reason);

        exception_kwarg(e, "instance", json_string(c->i->uuid));
        exception_kwarg(e, "reason", json_string(reason));
        return r;
}

static int set_admin_password(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        const char *password = json_member_string(c->args, "new_pass");
        char generated[GUEST_PASSWORD_MAX], reason[128];
        PowerState power;
        int r;

        r = compute_instance_power(c->manager, c->i, &power, e);
        if (r < 0)
                return r;
        if (power != POWER_RUNNING) {
                snprintf(reason, sizeof reason, "instance %s is not running", c->i->uuid);
                return password_failed(c, reason, e);
        }
        if (!password) {
                r = guest_password(c->manager, generated);
                if (r < 0)
                        return exception_set_errno(e, r, "No password can be made up");
                password = generated;
        }

        r = driver_result(driver_call(c->manager, set_admin_password, &x, c->i, password), "set_admin_password", &x);
        explicit_bzero(generated, sizeof generated);
        if (failure_is(&x, EXC_NOT_IMPLEMENTED))
                return exception_setf(e, EXC_NOT_IMPLEMENTED, "set_admin_password is not implemented by this driver or guest instance.");
        if (r < 0 && may_be_told(&x)) {
                exception_move(e, &x);
                return r;
        }
        if (r < 0) {
                log_error("set_admin_password failed: %s", exception_is_set(&x) ? x.class_name : failure_text(r, NULL));
                return password_failed(c, "error setting admin password", e);
        }
        log_info("Admin password set");
        c->i->task_state = TASK_NONE;
        return instance_call_save(c, updating_password, e);
}

/* ---- files ---- */

static bool is_base64(const char *s) {
        size_t n = 0;

        for (; isalnum((unsigned char) *s) || *s == '+' || *s == '/'; s++)
                n++;
        for (; *s == '='; s++)
                n++;
        return !*s && n % 4 == 0;
}

/* Both come in base64 (essex 13.2); what they hold is not quoted. */
static int check_inject_file(const json_t *args, NovaException *e) {
        static const char *const names[] = { "path", "file_contents" };

        for (size_t n = 0; n < ELEMENTSOF(names); n++)
                if (!is_base64(strempty(json_member_string(args, names[n]))))
                        return exception_setf(e, EXC_INVALID, "inject_file: %s is not base64", names[n]);
        return isempty(json_member_string(args, "path")) ? exception_setf(e, EXC_INVALID, "inject_file: path is empty") : 0;
}

static void warn_unless_running(InstanceCall *c, const char *method) {
        PowerState power;

        if (compute_instance_power(c->manager, c->i, &power, NULL) >= 0 && power != POWER_RUNNING)
                log_warning("trying to %s on a non-running instance: %s (state: %s expected: %s)", method, c->i->uuid,
                            power_state_to_string(power), power_state_to_string(POWER_RUNNING));
}

static int inject_file(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        warn_unless_running(c, "inject a file");
        return driver_result(driver_call(c->manager, inject_file, e, c->i, json_member_string(c->args, "path"),
                                         json_member_string(c->args, "file_contents")), "inject_file", e);
}

static int agent_update(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        warn_unless_running(c, "update the agent");
        return driver_result(driver_call(c->manager, agent_update, e, c->i, json_member_string(c->args, "url"),
                                         json_member_string(c->args, "md5hash")), "agent_update", e);
}

/* ---- disks ---- */

static int quiesce(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        json_auto_t *image_meta = image_meta_from_instance(c->i);

        if (!image_meta)
                return -ENOMEM;
        return driver_result(driver_call(c->manager, quiesce, e, c->context, c->i, image_meta), "quiesce", e);
}

/* The volume snapshots that the mapping names would be waited for: those are the volume service's, which is not here. */
static int unquiesce(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        json_auto_t *image_meta = image_meta_from_instance(c->i);

        if (!image_meta)
                return -ENOMEM;
        return driver_result(driver_call(c->manager, unquiesce, e, c->context, c->i, image_meta), "unquiesce", e);
}

static int trigger_crash_dump(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return driver_result(driver_call(c->manager, trigger_crash_dump, e, c->i), "trigger_crash_dump", e);
}

const InstanceMethod method_set_admin_password = {
        .action = "changePassword", .verb = "set_admin_password", .flags = WRAP_ALL | INSTANCE_LOCKABLE, .vm_states = VMS(VM_ACTIVE),
        .task = TASK_UPDATING_PASSWORD, .body = set_admin_password,
};

const InstanceMethod method_inject_file = {
        .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .check = check_inject_file, .body = inject_file,
};

const InstanceMethod method_agent_update = {
        .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .body = agent_update,
};

/* Around a snapshot of volumes, whose task is under way. */
const InstanceMethod method_quiesce = {
        .flags = WRAP_NOTIFY | INSTANCE_ANY_TASK, .body = quiesce,
};

const InstanceMethod method_unquiesce = {
        .flags = WRAP_NOTIFY | INSTANCE_ANY_TASK, .body = unquiesce,
};

const InstanceMethod method_trigger_crash_dump = {
        .action = "trigger_crash_dump", .notify = "trigger_crash_dump", .flags = WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE, VM_PAUSED, VM_RESCUED, VM_RESIZED, VM_ERROR), .body = trigger_crash_dump,
};

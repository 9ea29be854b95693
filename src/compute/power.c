/* Stop and start, reboot, pause and suspend (zed 5.2, 7.2, 7.3): what a guest does and its row says afterwards. Each finds out
 * how far it had come when a killed daemon begins it again. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"

#define SHUTDOWN_TIMEOUT_MAX 86400      /* seconds */
#define OLD_VM_STATE "old_vm_state"     /* system_metadata: what a suspended instance was before */

static bool is_off(PowerState s) {
        return s == POWER_NOSTATE || s == POWER_SHUTDOWN || s == POWER_CRASHED;
}

static int guest_power(InstanceCall *c, PowerState *ret, NovaException *e) {
        int r;

        r = compute_instance_power(c->manager, c->i, ret, e);
        return r < 0 ? r : 0;
}

/* vm_state error, as Nova has it when the guest is not what its row says; but not for a hypervisor that is away. The failure
 * itself goes on. */
static void set_error(InstanceCall *c, int r, const NovaException *why) {
        if (!failure_is_passing(r, why) && !instance_call_overtaken(why))
                instance_call_set_error(c, r, why);
}

/* ---- stop, start ---- */

/* Seconds that a guest gets to shut itself down: its image may say so. */
static unsigned shutdown_timeout(const Config *config, const Instance *i) {
        const char *text = instance_image_property(i, "os_shutdown_timeout");
        char *end = NULL;
        unsigned long n;

        if (!isempty(text) && strspn(text, "0123456789") == strlen(text) && strlen(text) < 9) {
                n = strtoul(text, &end, 10);
                return (unsigned) n;
        }
        return (unsigned) config_integer(config, "shutdown_timeout");
}

int compute_guest_power_off(ComputeManager *m, const Instance *i, bool clean, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        unsigned retry = (unsigned) config_integer(config, "compute.shutdown_retry_interval");

        return driver_call(m, power_off, e, i, clean ? shutdown_timeout(config, i) : 0, clean ? retry : 0);
}

int compute_guest_shut_down_within(ComputeManager *m, const Instance *i, unsigned seconds, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        return driver_call(m, power_off, e, i, MIN(seconds, shutdown_timeout(config, i)),
                           (unsigned) config_integer(config, "compute.shutdown_retry_interval"));
}

static int check_stop(const json_t *args, NovaException *e) {
        int64_t timeout = json_member_integer(args, "shutdown_timeout", 0);

        if (timeout >= 0 && timeout <= SHUTDOWN_TIMEOUT_MAX)
                return 0;
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: shutdown_timeout is %lld, but may be from 0 to %d seconds",
                              (long long) timeout, SHUTDOWN_TIMEOUT_MAX);
}

static int power_off(InstanceCall *c, NovaException *e) {
        const json_t *timeout = json_object_get(c->args, "shutdown_timeout");
        _cleanup_(config_unrefp) Config *config = NULL;
        unsigned seconds, retry;

        if (!timeout)
                return compute_guest_power_off(c->manager, c->i, json_member_boolean(c->args, "clean_shutdown", true), e);
        config = compute_manager_config(c->manager);
        seconds = (unsigned) json_integer_value(timeout);
        retry = (unsigned) config_integer(config, "compute.shutdown_retry_interval");
        return driver_call(c->manager, power_off, e, c->i, seconds, seconds > 0 ? retry : 0);
}

static int stop(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        PowerState power;
        int r;

        r = guest_power(c, &power, e);
        if (r < 0)
                return r;
        (void) operation_step(c->operation, "power_off");
        r = power_off(c, e);
        if (r < 0)
                return r;
        return instance_call_save_done(c, VM_STOPPED, is_off(power) ? TASKS(TASK_POWERING_OFF, TASK_NONE)
                                                                    : TASKS(TASK_POWERING_OFF), e);
}

const InstanceMethod method_stop = {
        .action = "stop", .notify = "power_off", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE, VM_ERROR), .task = TASK_POWERING_OFF, .done = VMS(VM_STOPPED), .check = check_stop,
        .body = stop,
};

int guest_power_on(InstanceCall *c, NovaException *e) {
        json_auto_t *info = instance_network_info(c->i);
        int r;

        if (!info)
                return -ENOMEM;
        (void) operation_step(c->operation, "power_on");
        r = compute_network_plug(c->manager, c->i, info, e);
        return r < 0 ? r : driver_call(c->manager, power_on, e, c->context, c->i, info, NULL);
}

static int start(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int r = guest_power_on(c, e);

        return r < 0 ? r : instance_call_save_done(c, VM_ACTIVE, TASKS(TASK_POWERING_ON), e);
}

const InstanceMethod method_start = {
        .action = "start", .notify = "power_on", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_STOPPED), .task = TASK_POWERING_ON, .done = VMS(VM_ACTIVE), .body = start,
};

/* ---- reboot ---- */

typedef struct RebootKind {
        RebootType type;
        TaskState asked, pending, started;
} RebootKind;

static const RebootKind reboots[] = {
        [REBOOT_SOFT] = { REBOOT_SOFT, TASK_REBOOTING, TASK_REBOOT_PENDING, TASK_REBOOT_STARTED },
        [REBOOT_HARD] = { REBOOT_HARD, TASK_REBOOTING_HARD, TASK_REBOOT_PENDING_HARD, TASK_REBOOT_STARTED_HARD },
};

static bool asks_for_hard(const json_t *args) {
        return streq(strempty(json_member_string(args, "reboot_type")), "HARD");
}

static int save_task(InstanceCall *c, TaskState task, const TaskState *expected, NovaException *e) {
        c->i->task_state = task;
        return instance_call_save(c, expected, e);
}

/* It did not come up: error, and the failure goes on. One that runs all the same stays active, with a fault only. */
static int reboot_failed(InstanceCall *c, VmState vm, int failure, const NovaException *why, NovaException *e) {
        PowerState power = POWER_NOSTATE;
        int r;

        compute_notify_instance(c->manager, c->context, c->i, "reboot", NOTIFY_ERROR, why);
        if (failure_is_passing(failure, why) || instance_call_overtaken(why))
                return failure;
        r = guest_power(c, &power, NULL);
        if (r < 0 || power != POWER_RUNNING) {
                set_error(c, failure, why);
                return failure;
        }
        log_warning("Reboot of instance %s failed, but it is running: %s", c->i->uuid, failure_text(failure, why));
        instance_fault_record(c->manager, c->i->uuid, failure, why);
        return instance_call_save_done(c, vm, NULL, e);
}

static int reboot(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        const RebootKind *asked = &reboots[asks_for_hard(c->args) ? REBOOT_HARD : REBOOT_SOFT], *kind = asked;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        VmState vm = c->i->vm_state == VM_RESCUED ? VM_RESCUED : VM_ACTIVE;
        json_auto_t *info = instance_network_info(c->i);
        int r;

        if (!info)
                return -ENOMEM;
        r = guest_power(c, &c->i->power_state, e);
        if (r < 0)
                return r;
        /* A guest that is off since an earlier run asked it to shut down hears nothing any more (zed 4.5). */
        if (operation_is_interrupted(c->operation) && c->i->power_state != POWER_RUNNING)
                kind = &reboots[REBOOT_HARD];
        r = save_task(c, kind->pending, TASKS(asked->asked, asked->pending, asked->started, kind->pending, kind->started), e);
        if (r < 0)
                return r;
        if (c->i->power_state != POWER_RUNNING && kind->type == REBOOT_SOFT)
                log_warning("Instance %s is not running and is asked to reboot: %s", c->i->uuid,
                            power_state_to_string(c->i->power_state));
        r = save_task(c, kind->started, TASKS(kind->pending), e);
        if (r < 0)
                return r;

        (void) operation_step(c->operation, "reboot");
        r = kind->type == REBOOT_HARD ? compute_network_plug(c->manager, c->i, info, &x) : 0;
        if (r >= 0)
                r = driver_call(c->manager, reboot, &x, c->context, c->i, info, kind->type, NULL);
        if (r < 0) {
                r = reboot_failed(c, vm, r, &x, e);
                if (r < 0 && !exception_is_set(e))
                        exception_move(e, &x);
                return r;
        }
        (void) operation_step(c->operation, "save");
        return instance_call_save_done(c, vm, NULL, e);
}

static int check_reboot(const json_t *args, NovaException *e) {
        const char *type = json_member_string(args, "reboot_type");

        if (!type || streq(type, "SOFT") || streq(type, "HARD"))
                return 0;
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: reboot_type %.64s is neither SOFT nor HARD", type);
}

static const InstanceMethod reboot_soft = {
        .action = "reboot", .notify = "reboot", .flags = WRAP_ALL | INSTANCE_LOCKABLE, .vm_states = VMS(VM_ACTIVE), .task = TASK_REBOOTING,
        .tasks = TASKS(TASK_REBOOT_PENDING, TASK_REBOOT_STARTED), .check = check_reboot, .body = reboot,
};

/* A hard one also ends what hangs. */
static const InstanceMethod reboot_hard = {
        .action = "reboot", .notify = "reboot", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE, VM_STOPPED, VM_PAUSED, VM_SUSPENDED, VM_RESCUED, VM_ERROR), .task = TASK_REBOOTING_HARD,
        .tasks = TASKS(TASK_REBOOT_PENDING_HARD, TASK_REBOOT_STARTED_HARD, TASK_REBOOTING, TASK_REBOOT_PENDING,
                       TASK_REBOOT_STARTED, TASK_PAUSING, TASK_UNPAUSING, TASK_SUSPENDING, TASK_RESUMING),
        .check = check_reboot, .body = reboot,
};

static const InstanceMethod *reboot_variant(const json_t *args) {
        return asks_for_hard(args) ? &reboot_hard : &reboot_soft;
}

const InstanceMethod method_reboot = {
        .action = "reboot", .variant = reboot_variant, .body = reboot,
};

/* ---- pause, suspend ---- */

/* The guest pauses, or goes on, where it does not already. */
static int set_paused(InstanceCall *c, bool paused, NovaException *e) {
        PowerState power;
        int r;

        r = guest_power(c, &power, e);
        if (r >= 0 && paused && power != POWER_PAUSED)
                r = driver_call(c->manager, pause, e, c->i);
        else if (r >= 0 && !paused && power != POWER_RUNNING)
                r = driver_call(c->manager, unpause, e, c->i);
        if (r < 0)
                return r;
        return instance_call_save_done(c, paused ? VM_PAUSED : VM_ACTIVE, paused ? TASKS(TASK_PAUSING) : TASKS(TASK_UNPAUSING), e);
}

static int pause_guest(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return set_paused(c, true, e);
}

const InstanceMethod method_pause = {
        .action = "pause", .notify = "pause", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE), .task = TASK_PAUSING, .done = VMS(VM_PAUSED), .body = pause_guest,
};

static int unpause_guest(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return set_paused(c, false, e);
}

const InstanceMethod method_unpause = {
        .action = "unpause", .notify = "unpause", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_PAUSED), .task = TASK_UNPAUSING, .done = VMS(VM_ACTIVE), .body = unpause_guest,
};

/* What a driver that cannot do it leaves as it was is no error of the instance's. */
static int suspend_failed(InstanceCall *c, int r, const NovaException *why) {
        if (r != -EOPNOTSUPP && !failure_is(why, EXC_INSTANCE_FAULT_ROLLBACK))
                set_error(c, r, why);
        return r;
}

static int suspend(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        const VmState before = c->i->vm_state;
        PowerState power;
        int r;

        /* Before the guest is: what is lost at a kill then is only the text. */
        r = instance_system_metadata_set(c->i, OLD_VM_STATE, vm_state_to_string(before));
        if (r >= 0)
                r = guest_power(c, &power, e);
        if (r < 0)
                return r;
        /* A managed save leaves a guest that is off, under another hypervisor one that is suspended. */
        if (power == POWER_RUNNING || power == POWER_PAUSED) {
                (void) operation_step(c->operation, "suspend");
                r = driver_call(c->manager, suspend, e, c->context, c->i);
                if (r < 0)
                        return suspend_failed(c, r, e);
        }
        return instance_call_save_done(c, VM_SUSPENDED, TASKS(TASK_SUSPENDING), e);
}

const InstanceMethod method_suspend = {
        .action = "suspend", .notify = "suspend", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE), .task = TASK_SUSPENDING, .done = VMS(VM_SUSPENDED), .body = suspend,
};

static int resume(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        VmState before = vm_state_from_string(instance_system_metadata_get(c->i, OLD_VM_STATE));
        json_auto_t *info = instance_network_info(c->i);
        PowerState power;
        int r;

        if (!info)
                return -ENOMEM;
        r = guest_power(c, &power, e);
        if (r < 0)
                return r;
        if (power != POWER_RUNNING) {
                (void) operation_step(c->operation, "resume");
                r = compute_network_plug(c->manager, c->i, info, e);
                if (r < 0)
                        return r;
                r = driver_call(c->manager, resume, e, c->context, c->i, info, NULL);
                if (r < 0)
                        return suspend_failed(c, r, e);
        }
        r = instance_system_metadata_set(c->i, OLD_VM_STATE, NULL);
        if (r < 0)
                return r;
        return instance_call_save_done(c, before == VM_PAUSED ? VM_PAUSED : VM_ACTIVE, TASKS(TASK_RESUMING), e);
}

const InstanceMethod method_resume = {
        .action = "resume", .notify = "resume", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_SUSPENDED), .task = TASK_RESUMING, .done = VMS(VM_ACTIVE, VM_PAUSED), .body = resume,
};

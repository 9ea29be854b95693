/* The soft deletion and its way back, and the lock of Essex, which its API asked the host to set (zed 5.2, essex 11.6). */
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include "compute/notify-instance.h"
#include "objects/instance-object.h"

/* The guest is off and stays, until it is restored or reclaimed. */
static int soft_delete(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        (void) operation_step(c->operation, "power_off");
        r = compute_guest_power_off(c->manager, c->i, true, &x);
        if (r < 0 && !failure_is(&x, EXC_INSTANCE_NOT_FOUND)) {
                exception_move(e, &x);
                return r;
        }
        c->i->deleted_at = now_realtime();
        return instance_call_save_done(c, VM_SOFT_DELETED, TASKS(TASK_SOFT_DELETING), e);
}

const InstanceMethod method_soft_delete = {
        .action = "delete", .verb = "soft_delete", .notify = "soft_delete", .flags = WRAP_ALL | INSTANCE_LOCKABLE | INSTANCE_OVERRIDES,
        .task = TASK_SOFT_DELETING, .body = soft_delete,
};

static int restore(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int r = guest_power_on(c, e);

        if (r < 0)
                return r;
        c->i->deleted_at = 0;
        return instance_call_save_done(c, VM_ACTIVE, TASKS(TASK_RESTORING), e);
}

const InstanceMethod method_restore = {
        .action = "restore", .notify = "restore", .flags = WRAP_ALL | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_SOFT_DELETED), .task = TASK_RESTORING, .done = VMS(VM_ACTIVE), .body = restore,
};

static int set_lock(InstanceCall *c, bool locked, NovaException *e) {
        int r;

        c->i->locked = locked;
        r = instance_call_save(c, NULL, e);
        if (r >= 0)
                compute_notify_instance(c->manager, c->context, c->i, locked ? "lock" : "unlock", NOTIFY_ONCE, NULL);
        return r;
}

static int lock(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return set_lock(c, true, e);
}

const InstanceMethod method_lock = {
        .action = "lock", .flags = WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT | INSTANCE_ANY_TASK, .body = lock,
};

static int unlock(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return set_lock(c, false, e);
}

const InstanceMethod method_unlock = {
        .action = "unlock", .flags = WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT | INSTANCE_ANY_TASK, .body = unlock,
};

static int get_lock(InstanceCall *c, json_t **ret, NovaException *e _unused_) {
        *ret = json_boolean(c->i->locked);
        return 0;
}

const InstanceMethod method_get_lock = {
        .action = "get_lock", .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK, .body = get_lock,
};

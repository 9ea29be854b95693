/* The wrapper of every method about one instance: what Nova's decorators do around a method of its compute manager (zed 5.1: X
 * R E F), and what its API does before it sends one, since in the role `local` there is no API in front of us.
 *
 * The row in the store is the truth about states. A message brings a new instance (a build), or the fields that it names in its
 * changes. An Instance that the store does not know and whose host is ours is adopted: the row is made of it. A caller of Essex
 * names the uuid alone: the same row, the same body.
 *
 * In order: the row is found (InstanceNotFound, InvalidUUID); a locked one refuses who is no administrator
 * (InstanceIsLocked); vm_state and task_state must be such as the API lets the method begin from (InstanceInvalidState,
 * UnexpectedDeletingTaskStateError), and the task_state the API would set is set; then the action's event begins, the body
 * runs, and when it fails the fault is written, the event ended with its failure, the task_state cleared. A refusal leaves
 * the row as it is. A row that a delete has marked stays marked, whatever else fails: a delete wins every race.
 *
 * Everything here runs on workers, under the instance's key, except where said. */
#pragma once

#include "compute/compute.h"

enum {
        WRAP_NOTIFY = 1 << 0,           /* X: a failure is notified */
        WRAP_REVERT = 1 << 1,           /* R: a failure clears task_state */
        WRAP_EVENT = 1 << 2,            /* E: recorded as an event of the request's action */
        WRAP_FAULT = 1 << 3,            /* F: a failure is recorded as the instance's fault */
        WRAP_ALL = WRAP_NOTIFY | WRAP_REVERT | WRAP_EVENT | WRAP_FAULT,

        INSTANCE_NEW = 1 << 4,          /* a build: the row is what the message says already, and `find` looks for it */
        INSTANCE_ABSENT_OK = 1 << 5,    /* no such instance: nothing to do, and well */
        INSTANCE_ANY_TASK = 1 << 6,     /* task_state does not matter and is not set: it only reads, or it is not about the guest */
        INSTANCE_LOCKABLE = 1 << 7,     /* a locked instance refuses it to all but administrators */
        INSTANCE_TELLS_FAILURE = 1 << 9,        /* <notify>.error when the body fails */
        INSTANCE_TELLS_USAGE = 1 << 10,         /* what there was of it until now is told before <notify>.start: it becomes another */
        INSTANCE_OVERRIDES = 1 << 8,    /* a delete: begins from whatever task_state there is, but a delete that goes further */
};

typedef struct InstanceCall InstanceCall;
typedef struct InstanceMethod InstanceMethod;

/* What the wrapper knows of a method: Method.instance of its row. */
struct InstanceMethod {
        const char *action;             /* the action in the user's list: "reboot"; of WRAP_EVENT */
        const char *event;              /* NULL = compute_<method> */
        const char *verb;               /* the API's function, for "Cannot <verb> while …"; NULL = the action */
        const char *notify;             /* its notifications' name: <notify>.start before the body, .end after; NULL = none */
        unsigned flags;
        const VmState *vm_states;       /* it may begin from these, ended by _VM_STATE_INVALID; NULL = from any */
        /* One that an earlier run of the daemon began has been done when its vm_state is one of these, where that is not one it may
         * begin from; NULL = it just runs again. */
        const VmState *done;
        TaskState task;                 /* what the API sets; TASK_NONE = nothing */
        const TaskState *tasks;         /* others than none and `task` that it may begin from, ended by _TASK_STATE_INVALID; NULL = none */
        /* Another row of this kind when the arguments ask for it (a soft and a hard reboot); NULL = there is one kind only. */
        const InstanceMethod *(*variant)(const json_t *args);
        /* What of the arguments the types do not say; before anything is looked up or changed. NULL = nothing. */
        int (*check)(const json_t *args, NovaException *e);
        /* Of INSTANCE_NEW: fills c->i with the row. 1; 0: nothing is to be done; -errno. */
        int (*find)(InstanceCall *c, const char *uuid, NovaException *e);
        /* The method. *ret NULL = null. */
        int (*body)(InstanceCall *c, json_t **ret, NovaException *e);
};

struct InstanceCall {
        ComputeManager *manager;
        Operation *operation;
        const InstanceMethod *method;
        RequestContext *context;        /* the operation's */
        const json_t *args;             /* the operation's */
        Instance *i;                    /* the row as this call last read or wrote it, with what the body changed since */
        TaskState task;                 /* the row's task_state as this call last read or wrote it */
        int64_t event;                  /* 0 = none was begun */
        bool store_failed;              /* how the instance is left could not be written */
        bool fault_recorded;            /* of this failure; the wrapper need not */
};

/* Method.run of such rows. */
int instance_call_run(Operation *o, json_t **ret, NovaException *e);

/* Method.accepted of those that delete: the row says so at once, so that whatever runs on the instance fails its next save.
 * Any thread but the main loop. */
void instance_call_accepted(Operation *o);

/* The event of an operation that an earlier run began and that cannot be carried on ends with this failure. */
void instance_call_interrupted(const Operation *o, const NovaException *why);

/* Writes c->i. @expected: what the row's task_state may be, ended by _TASK_STATE_INVALID; NULL = as this call left it. So no save
 * passes over a delete that came meanwhile: UnexpectedDeletingTaskStateError, UnexpectedTaskStateError; InstanceNotFound
 * when the row is gone. */
int instance_call_save(InstanceCall *c, const TaskState *expected, NovaException *e);

/* vm_state and no task, the power state as the hypervisor has it, saved. What most methods end with. */
int instance_call_save_done(InstanceCall *c, VmState vm, const TaskState *expected, NovaException *e);

/* Whether @e says that the instance is being deleted, or is gone: the method gives way quietly. */
bool instance_call_overtaken(const NovaException *e);

/* The fault of a body's failure, for a body that sets the instance to error: before that is saved, so that no kill in between leaves an
 * instance in error that nothing is said of. */
void instance_call_record_fault(InstanceCall *c, int r, const NovaException *why);
/* That, and vm_state error with no task, the power state as the hypervisor has it. The failure itself goes on. */
void instance_call_set_error(InstanceCall *c, int r, const NovaException *why);

/* InstanceNotReady: it is not of a host yet, or no more. */
int instance_not_ready(NovaException *e, const char *uuid);
/* InstanceInvalidState, in Nova's words: "Instance … in vm_state paused. Cannot stop while the instance is in this state." */
int instance_invalid_state(NovaException *e, const char *uuid, const char *attribute, const char *state, const char *verb);

/* Records a fault as F does: message of at most 255 bytes, code, details without this host's paths. Logs when it cannot. */
void instance_fault_record(ComputeManager *m, const char *uuid, int r, const NovaException *why);

/* From which states a method about an instance may begin: the rules of Nova's API (instance-call.h), by themselves, so that who
 * shows instances can say beforehand what may be asked. Pure. */
#pragma once

#include "compute/instance-call.h"

bool vm_state_in(const VmState *list, VmState vm);              /* @list ended by _VM_STATE_INVALID */
bool task_state_in(const TaskState *list, TaskState task);      /* ended by _TASK_STATE_INVALID; NULL is empty */

/* The task_states that @m may begin from, ended by _TASK_STATE_INVALID. Not of INSTANCE_ANY_TASK. */
void instance_method_tasks(const InstanceMethod *m, TaskState ret[static _TASK_STATE_MAX + 1]);

/* Whether @m (NULL or one about the host: no) would begin, with @args, on an instance in these states, for somebody whom a lock
 * holds. What else may keep it from that (the arguments) is not looked at. */
bool instance_method_may_begin(const Method *m, const json_t *args, VmState vm, TaskState task, bool locked);

/* InstanceIsLocked, in Nova's words. */
int instance_is_locked(NovaException *e, const char *uuid);

/* An instance as it is shown, and who asks. */
typedef struct InstanceStates {
        const char *uuid;
        VmState vm_state;
        TaskState task_state;
        bool locked;
        bool admin;                     /* a lock does not hold him */
} InstanceStates;

/* The same with a lock and what of the arguments the types do not say: 0, or InstanceIsLocked, InstanceInvalidState, or what the
 * method says of its arguments. Its turn may find other states. */
int instance_method_refusal(const Method *m, const json_t *args, const InstanceStates *s, NovaException *e);

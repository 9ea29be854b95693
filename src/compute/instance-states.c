/* The rules of states: see instance-states.h. */
#include "compute/instance-states.h"

bool vm_state_in(const VmState *list, VmState vm) {
        for (; *list != _VM_STATE_INVALID; list++)
                if (*list == vm)
                        return true;
        return false;
}

bool task_state_in(const TaskState *list, TaskState task) {
        for (; list && *list != _TASK_STATE_INVALID; list++)
                if (*list == task)
                        return true;
        return false;
}

static bool may_begin_from(const InstanceMethod *m, TaskState t) {
        if (m->flags & INSTANCE_OVERRIDES)
                return t == m->task || t != TASK_DELETING;
        return t == TASK_NONE || t == m->task || task_state_in(m->tasks, t);
}

void instance_method_tasks(const InstanceMethod *m, TaskState ret[static _TASK_STATE_MAX + 1]) {
        size_t n = 0;

        for (TaskState t = TASK_NONE; t < _TASK_STATE_MAX; t++)
                if (may_begin_from(m, t))
                        ret[n++] = t;
        ret[n] = _TASK_STATE_INVALID;
}

bool instance_method_may_begin(const Method *method, const json_t *args, VmState vm, TaskState task) {
        const InstanceMethod *m = method ? method->instance : NULL;

        if (m && m->variant)
                m = m->variant(args);
        if (!m || (m->vm_states && !vm_state_in(m->vm_states, vm)))
                return false;
        return (m->flags & INSTANCE_ANY_TASK) || may_begin_from(m, task);
}

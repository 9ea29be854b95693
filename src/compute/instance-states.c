/* The rules of states: see instance-states.h. */
#include "compute/instance-states.h"

#include <assert.h>

#include "basic/json.h"

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

bool instance_method_may_begin(const Method *method, const json_t *args, VmState vm, TaskState task, bool locked) {
        const InstanceMethod *m = method ? method->instance : NULL;

        if (m && m->variant)
                m = m->variant(args);
        if (!m || (m->vm_states && !vm_state_in(m->vm_states, vm)) || ((m->flags & INSTANCE_LOCKABLE) && locked))
                return false;
        return (m->flags & INSTANCE_ANY_TASK) || may_begin_from(m, task);
}

int instance_invalid_state(NovaException *e, const char *uuid, const char *attribute, const char *state, const char *verb) {
        int r = exception_setf(e, EXC_INSTANCE_INVALID_STATE,
                               "Instance %s in %s %s. Cannot %s while the instance is in this state.", uuid, attribute,
                               state ? state : "None", verb);

        exception_kwarg(e, "instance_uuid", json_string(uuid));
        exception_kwarg(e, "attr", json_string(attribute));
        exception_kwarg(e, "state", json_string_or_null(state));
        exception_kwarg(e, "method", json_string(verb));
        return r;
}

int instance_not_ready(NovaException *e, const char *uuid) {
        int r = exception_setf(e, EXC_INSTANCE_NOT_READY, "Instance %s is not ready", uuid);

        exception_kwarg(e, "instance_id", json_string(uuid));
        return r;
}

int instance_is_locked(NovaException *e, const char *uuid) {
        int r = exception_setf(e, EXC_INSTANCE_IS_LOCKED, "Instance %s is locked", uuid);

        exception_kwarg(e, "instance_uuid", json_string(uuid));
        return r;
}

int instance_method_refusal(const Method *method, const json_t *args, const InstanceStates *s, NovaException *e) {
        const InstanceMethod *m = method->instance;
        const char *verb;
        int r;

        assert(m && s);

        if (m->variant)
                m = m->variant(args);
        r = m->check ? m->check(args, e) : 0;
        if (r < 0)
                return r;
        if ((m->flags & INSTANCE_LOCKABLE) && s->locked && !s->admin)
                return instance_is_locked(e, s->uuid);
        verb = m->verb ? m->verb : m->action ? m->action : method->name;
        if (m->vm_states && !vm_state_in(m->vm_states, s->vm_state))
                return instance_invalid_state(e, s->uuid, "vm_state", vm_state_to_string(s->vm_state), verb);
        if ((m->flags & INSTANCE_ANY_TASK) || may_begin_from(m, s->task_state))
                return 0;
        return instance_invalid_state(e, s->uuid, "task_state", task_state_to_string(s->task_state), verb);
}

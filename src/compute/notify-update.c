/* Writes of instances' rows, and telling who listens of each (Nova's notifications of updates). What is told is what was written,
 * after it was; a listener that is away delays nothing. See notify-instance.h. */
#define LOG_LOGGER "nova.notifications.base"
#include "compute/notify-instance.h"

#include <assert.h>
#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/audit-period.h"

int compute_audit_period(ComputeManager *m, usec_t now, usec_t *ret_begin, usec_t *ret_end, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *unit = strempty(config_string(config, "instance_usage_audit_period"));

        if (audit_period(unit, now, ret_begin, ret_end) < 0)
                return exception_setf(e, EXC_INVALID, "instance_usage_audit_period is \"%s\", not hour, day, month or year, "
                                      "with @offset or without", unit);
        return 0;
}

static json_t *task_or_null(TaskState t) {
        return json_string_or_null(task_state_to_string(t));
}

json_t *notify_update_extra(const Instance *i, const InstanceBefore *before, StateChanges changes, usec_t begin, usec_t now) {
        bool vm_changed = i->vm_state != before->vm_state;
        bool states_changed = vm_changed || (changes == STATE_CHANGES_VM_AND_TASK && i->task_state != before->task_state);
        /* As in Nova, an old task_state of none is the new one: its function cannot tell "none" from "not given". */
        TaskState old_task = states_changed && before->task_state != TASK_NONE ? before->task_state : i->task_state;
        VmState old_vm = states_changed ? before->vm_state : i->vm_state;
        char beginning[TIME_TEXT_MAX], ending[TIME_TEXT_MAX];
        json_t *extra;

        extra = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "old_state", vm_state_to_string(old_vm), "state", vm_state_to_string(i->vm_state),
                          "old_task_state", task_or_null(old_task), "new_task_state", task_or_null(i->task_state), AUDIT_BEGINNING,
                          time_format_rpc(begin, beginning), AUDIT_ENDING, time_format_rpc(now, ending));
        /* In Nova a change of states hides one of the name. */
        if (extra && !states_changed && before->display_name && !streq_ptr(i->display_name, before->display_name) &&
            json_object_set_new(extra, "old_display_name", json_string(before->display_name)) < 0) {
                json_decref(extra);
                return NULL;
        }
        return extra;
}

static void tell(ComputeManager *m, const RequestContext *context, const Instance *i, const json_t *extra) {
        _cleanup_(context_unrefp) RequestContext *own = context ? NULL : context_new_admin();
        _cleanup_(instance_done) Instance stored = {};
        Instance whole = *i;            /* borrows all */
        int r = 0;

        /* What was written without its object, as lists have it, is told with the one that is stored. */
        if (!i->object)
                r = m->store->ops->instance_get(m->store, i->uuid, READ_DELETED_YES, &stored);
        if (r < 0)
                log_warning("Instance %s is notified of without all that is known of it: %s", i->uuid, failure_text(r, NULL));
        if (r > 0)
                whole.object = stored.object;
        compute_notify_instance_with(m, context ? context : own, &whole, "update", NOTIFY_ONCE, NULL, extra);
}

void compute_notify_update(ComputeManager *m, const RequestContext *context, const Instance *i, const InstanceBefore *before) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        StateChanges changes = notifier_tells_changes(m->notifier);
        json_auto_t *extra = NULL;
        usec_t begin, end, now = now_realtime();

        assert(m && i && before);

        if (changes == STATE_CHANGES_NONE)
                return;
        if (compute_audit_period(m, now, &begin, &end, &e) < 0) {
                log_error("No notification of the change of instance %s: %s", i->uuid, failure_text(-EINVAL, &e));
                return;
        }
        extra = notify_update_extra(i, before, changes, end, now);
        if (extra)
                tell(m, context, i, extra);
}

int compute_instance_save(ComputeManager *m, const RequestContext *context, Instance *i, const TaskState *expected, NovaException *e) {
        InstanceBefore before = {};
        int r;

        if (notifier_tells_changes(m->notifier) == STATE_CHANGES_NONE)
                return m->store->ops->instance_save(m->store, i, expected, e);
        r = m->store->ops->instance_exchange(m->store, i, expected, &before, e);
        if (r > 0)
                compute_notify_update(m, context, i, &before);
        instance_before_done(&before);
        return r;
}

int compute_instance_destroy(ComputeManager *m, const RequestContext *context, const Instance *i) {
        const InstanceBefore before = { .vm_state = i->vm_state, .task_state = i->task_state };
        Instance after = *i;            /* borrows all */
        int r;

        r = m->store->ops->instance_destroy(m->store, i->uuid);
        if (r <= 0)
                return r;
        after.vm_state = VM_DELETED;
        after.task_state = TASK_NONE;
        after.power_state = POWER_NOSTATE;
        after.cleaned = true;
        compute_notify_update(m, context, &after, &before);
        return r;
}

/* What recovery, power synchronization and the periodic tasks do to one instance, through the driver and the store. The
 * requests of users come with their own files; these here are for what the host finds out by itself. Called under the
 * instance's key, so that no request runs on it meanwhile. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"
#include "compute/build.h"
#include "compute/notify-instance.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/resource-tracker.h"

bool network_is_stub(ComputeManager *m) {
        static const char *const no[] = { "", "false", "no", "off", "0" };
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *text = strempty(config_string(config, "stub_network"));

        for (size_t n = 0; n < ELEMENTSOF(no); n++)
                if (strcasecmp(text, no[n]) == 0)
                        return false;
        return true;
}

json_t *instance_network_info(const Instance *i) {
        json_t *info = NULL;

        if (isempty(i->network_info) || json_parse(i->network_info, strlen(i->network_info), &info, NULL, 0) < 0)
                return json_array();
        if (!json_is_array(info)) {
                json_decref(info);
                return json_array();
        }
        return info;
}

PowerState power_state_normal(PowerState s) {
        switch (s) {
        case POWER_BLOCKED:
                return POWER_RUNNING;
        case POWER_SHUTOFF:
                return POWER_SHUTDOWN;
        case POWER_FAILED:
        case POWER_BUILDING:
                return POWER_NOSTATE;
        default:
                return s;
        }
}

int compute_instance_power(ComputeManager *m, const Instance *i, PowerState *ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        DomainInfo info = {};
        int r;

        r = driver_call(m, get_info, &x, i, &info);
        if (r >= 0) {
                *ret = power_state_normal(info.state);
                return 1;
        }
        if (failure_is(&x, EXC_INSTANCE_NOT_FOUND)) {
                *ret = POWER_NOSTATE;
                return 0;
        }
        exception_move(e, &x);
        return r;
}

/* The power state as the hypervisor has it now, for a row about to be saved; stays as it is when it cannot be had. */
static void refresh_power(ComputeManager *m, Instance *i) {
        PowerState power;

        if (compute_instance_power(m, i, &power, NULL) >= 0)
                i->power_state = power;
}

/* A deletion that was accepted since @i was read keeps its mark, unless it is @deletion that writes. */
static int save_row(ComputeManager *m, const RequestContext *c, Instance *i, bool deletion, NovaException *e) {
        TaskState expected[_TASK_STATE_MAX + 1];
        size_t n = 0;
        int r;

        for (TaskState t = TASK_NONE; t < _TASK_STATE_MAX; t++)
                if (deletion || t != TASK_DELETING)
                        expected[n++] = t;
        expected[n] = _TASK_STATE_INVALID;
        r = compute_instance_save(m, c, i, expected, e);
        if (r == 0)
                return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", i->uuid);
        if (r < 0 && !exception_is_set(e))
                return exception_set_errno(e, r, "Cannot save the instance");
        return r;
}

static int save(ComputeManager *m, const RequestContext *c, Instance *i, NovaException *e) {
        return save_row(m, c, i, false, e);
}

int compute_instance_failed(ComputeManager *m, Instance *i, int r, const NovaException *why) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *message = NULL;
        int code = exception_is_set(why) && why->code > 0 ? why->code : 500, q;
        bool deletion = i->task_state == TASK_DELETING;

        log_error("Instance %s is set to error: %s", i->uuid, failure_text(r, why));

        i->vm_state = VM_ERROR;
        i->task_state = TASK_NONE;
        /* The fault first: no kill in between leaves an instance in error that nothing is said of. */
        message = strndup(failure_text(r, why), 255);
        q = m->store->ops->instance_fault_create(m->store, i->uuid, m->host, code, strempty(message),
                                                 exception_is_set(why) ? why->class_name : "");
        if (q < 0)
                log_warning("Cannot record the fault of instance %s: %s", i->uuid, failure_text(q, NULL));
        q = save_row(m, NULL, i, deletion, &x);
        if (q < 0)
                log_error("Cannot write that instance %s is in error: %s", i->uuid, failure_text(q, &x));
        return q < 0 ? q : 0;
}

int compute_instance_delete(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        json_auto_t *info = instance_network_info(i);
        int r;

        if (!info)
                return -ENOMEM;
        if (i->volume_backed) {
                (void) exception_setf(e, EXC_NOT_IMPLEMENTED, "Instance %s boots from a volume, which only its deletion by "
                                      "request gives back", i->uuid);
                return -EOPNOTSUPP;
        }

        compute_notify_instance(m, c, i, "shutdown", NOTIFY_START, NULL);
        r = instance_build_was_begun(i) ? driver_call(m, destroy, e, c, i, info, NULL, true) : 0;
        if (r < 0)
                return r;
        /* Best effort from here on: what is left over is named, and the row goes. */
        compute_network_give_back(m, c, i, info);
        compute_notify_instance(m, c, i, "shutdown", NOTIFY_END, NULL);

        i->terminated_at = now_realtime();
        r = save_row(m, c, i, true, e);
        if (r < 0)
                return r;
        r = m->store->ops->console_token_clean(m->store, i->uuid);
        if (r < 0)
                log_warning("The console tokens of deleted instance %s are not removed: %s", i->uuid, failure_text(r, NULL));
        r = compute_instance_destroy(m, c, i);
        if (r < 0)
                return exception_setf(e, EXC_DB_ERROR, "Cannot delete the instance's row: %s", failure_text(r, NULL));
        /* As the row is now. */
        i->vm_state = VM_DELETED;
        i->task_state = TASK_NONE;
        i->power_state = POWER_NOSTATE;
        i->cleaned = true;
        resource_tracker_changed(m);
        return 0;
}

static int ended_as(ComputeManager *m, const RequestContext *c, Instance *i, VmState state, NovaException *e) {
        i->vm_state = state;
        i->task_state = TASK_NONE;
        refresh_power(m, i);
        return save(m, c, i, e);
}

/* Its network info, new, with its interfaces plugged: what runs next needs them. */
static int plugged(ComputeManager *m, const Instance *i, json_t **ret_info, NovaException *e) {
        json_auto_t *info = instance_network_info(i);
        int r;

        if (!info)
                return -ENOMEM;
        r = compute_network_plug(m, i, info, e);
        if (r < 0)
                return r;
        *ret_info = TAKE_PTR(info);
        return 0;
}

int compute_instance_reboot(ComputeManager *m, RequestContext *c, Instance *i, RebootType type, NovaException *e) {
        json_auto_t *info = NULL;
        int r;

        r = plugged(m, i, &info, e);
        if (r >= 0)
                r = driver_call(m, reboot, e, c, i, info, type, NULL);
        return r < 0 ? r : ended_as(m, c, i, VM_ACTIVE, e);
}

int compute_instance_power_off(ComputeManager *m, Instance *i, bool clean, NovaException *e) {
        int r;

        r = compute_guest_power_off(m, i, clean, e);
        if (r < 0)
                return r;
        return ended_as(m, NULL, i, VM_STOPPED, e);
}

int compute_instance_power_on(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        json_auto_t *info = NULL;
        int r;

        r = plugged(m, i, &info, e);
        if (r >= 0)
                r = driver_call(m, power_on, e, c, i, info, NULL);
        return r < 0 ? r : ended_as(m, c, i, VM_ACTIVE, e);
}

/* Bringing rows and guests together: every ten minutes for all, at once for what the hypervisor tells (zed 4.9). An
 * instance with a task is left alone: the task knows better. One verdict per row, from states read for that row and written
 * only if no task has begun meanwhile (F14).
 *
 * An event writes the power state at once. That a guest which went off by itself counts as stopped (and one that runs though
 * it should not is stopped) waits until it has settled, since a reboot from inside looks the same for a moment. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/log.h"
#include "compute/notify-instance.h"
#include "compute/resource-tracker.h"

#define SYNC_DEADLINE USEC_PER_MINUTE

static const TaskState no_task[] = { TASK_NONE, _TASK_STATE_INVALID };

PowerVerdict power_verdict(VmState vm, PowerState db, PowerState guest, bool exists) {
        bool off, differs;

        db = power_state_normal(db);
        guest = exists ? power_state_normal(guest) : POWER_NOSTATE;
        differs = db != guest;
        off = guest == POWER_SHUTDOWN || guest == POWER_CRASHED;

        if (!exists)
                return !differs || vm == VM_BUILDING || vm == VM_SHELVED_OFFLOADED ? POWER_KEEP : POWER_MISSING;

        switch (vm) {
        case VM_ACTIVE:
                if (off)
                        return POWER_STOP;
                if (guest == POWER_SUSPENDED)
                        return POWER_FORCE_STOP;
                break;
        case VM_STOPPED:
                if (guest == POWER_RUNNING || guest == POWER_PAUSED || guest == POWER_SUSPENDED)
                        return POWER_FORCE_STOP;
                break;
        case VM_PAUSED:
                if (off)
                        return POWER_STOP;
                break;
        default:
                break;
        }
        return differs ? POWER_SAVE : POWER_KEEP;
}

static int save_power(ComputeManager *m, Instance *i, PowerState guest) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int r;

        i->power_state = guest;
        r = compute_instance_save(m, NULL, i, no_task, &e);
        if (r > 0)
                log_info("Instance %s: power state is %s now.", i->uuid, power_state_to_string(guest));
        else if (r < 0 && r != -ESTALE)
                log_warning("Cannot save the power state of instance %s: %s", i->uuid, failure_text(r, &e));
        return r;
}

/* Read anew when the stop's turn has come: somebody may have started or deleted it since. */
static bool still_to_be_stopped(ComputeManager *m, const char *uuid) {
        _cleanup_(instance_done) Instance i = {};
        PowerVerdict verdict;
        PowerState guest;
        int exists;

        if (m->going_down || m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) <= 0 || !streq_ptr(i.host, m->host) ||
            i.task_state != TASK_NONE)
                return false;
        exists = compute_instance_power(m, &i, &guest, NULL);
        if (exists < 0)
                return false;
        verdict = power_verdict(i.vm_state, i.power_state, guest, exists > 0);
        return verdict == POWER_STOP || verdict == POWER_FORCE_STOP;
}

/* As a user's stop, but that its guest is not asked. */
static void stop(ComputeManager *m, Instance *i, PowerState guest) {
        int r;

        if (power_state_normal(i->power_state) != guest && save_power(m, i, guest) <= 0)
                return;
        r = compute_request_own(m, "stop_instance", i->uuid, json_pack("{s:b}", "clean_shutdown", 0), still_to_be_stopped);
        if (r > 0)
                log_warning("Instance %s is %s, its guest is %s: stopping it.", i->uuid, vm_state_to_string(i->vm_state),
                            power_state_to_string(guest));
        else if (r < 0)
                log_warning("Cannot stop instance %s: %s", i->uuid, failure_text(r, NULL));
}

/* @settled: the verdict on vm_state may be carried out now. */
static void sync_instance(ComputeManager *m, const char *uuid, bool settled) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        PowerVerdict verdict;
        PowerState guest;
        int exists, r;

        if (m->going_down)
                return;
        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i);
        if (r == 0)
                return;         /* not ours: somebody else's guest, or deleted meanwhile */
        if (r < 0) {
                log_warning("Cannot read instance %s: %s", uuid, failure_text(r, NULL));
                return;
        }
        if (!i.host)
                return;         /* not yet of a host, or no more: its build failed */
        if (!streq(i.host, m->host)) {
                log_info("Instance %s has moved to host %s.", uuid, strempty(i.host));
                return;
        }
        if (i.task_state != TASK_NONE) {
                log_debug("Instance %s has a task (%s): its power state is left to it.", uuid,
                          task_state_to_string(i.task_state));
                return;
        }
        exists = compute_instance_power(m, &i, &guest, &e);
        if (exists < 0) {
                log_warning("Cannot read the power state of instance %s: %s", uuid, failure_text(exists, &e));
                return;
        }

        verdict = power_verdict(i.vm_state, i.power_state, guest, exists > 0);
        if (!settled && (verdict == POWER_STOP || verdict == POWER_FORCE_STOP)) {
                if (power_state_normal(i.power_state) != guest)
                        (void) save_power(m, &i, guest);
                compute_manager_settle(m, uuid);
                return;
        }

        switch (verdict) {
        case POWER_KEEP:
                break;
        case POWER_MISSING:
                (void) save_power(m, &i, POWER_NOSTATE);
                break;
        case POWER_SAVE:
                (void) save_power(m, &i, guest);
                break;
        case POWER_STOP:
        case POWER_FORCE_STOP:
                stop(m, &i, guest);
                break;
        default:
                assert(false);
        }
}

void compute_sync_instance(ComputeManager *m, const char *uuid) {
        sync_instance(m, uuid, true);
}

static void sync_event(ComputeManager *m, const char *uuid) {
        sync_instance(m, uuid, false);
}

/* Those set to ERROR by recovery that somebody has repaired since are named no more. */
static void forget_repaired(ComputeManager *m, const InstanceList *rows) {
        bool changed = false;

        pthread_mutex_lock(&m->lock);
        for (size_t n = m->failed.n; n-- > 0;) {
                bool still = false;

                for (size_t k = 0; k < rows->n && !still; k++)
                        still = streq_ptr(rows->items[k].uuid, m->failed.items[n]) && !rows->items[k].deleted &&
                                rows->items[k].vm_state == VM_ERROR;
                if (!still)
                        changed |= name_set_remove(&m->failed, m->failed.items[n]);
        }
        pthread_mutex_unlock(&m->lock);
        if (changed)
                compute_manager_show_trouble(m);
}

/* Of a driver without that listing: each by itself. */
static int ask_each(ComputeManager *m, GuestState **ret, size_t *ret_n, NovaException *e) {
        _cleanup_(strv_freep) char **uuids = NULL;
        _cleanup_free_ GuestState *guests = NULL;
        size_t n = 0;
        int r;

        r = driver_call(m, list_instance_uuids, e, &uuids);
        if (r < 0)
                return r;
        while (uuids && uuids[n])
                n++;
        guests = calloc(MAX(n, 1u), sizeof *guests);
        if (!guests)
                return -ENOMEM;
        n = 0;
        for (char **u = uuids; u && *u; u++) {
                const Instance i = { .uuid = *u };

                r = compute_instance_power(m, &i, &guests[n].state, e);
                if (r < 0)
                        return r;       /* the hypervisor does not answer: the others would not fare better */
                if (r > 0)
                        snprintf(guests[n++].uuid, sizeof guests->uuid, "%s", *u);
        }
        *ret = TAKE_PTR(guests);
        *ret_n = n;
        return 0;
}

int compute_list_guests(ComputeManager *m, GuestState **ret, size_t *ret_n, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = driver_call(m, list_guest_states, &x, ret, ret_n);
        if (r == -EOPNOTSUPP)
                return ask_each(m, ret, ret_n, e);
        exception_move(e, &x);
        return r;
}

static int compare_guests(const void *a, const void *b) {
        return strcmp(((const GuestState *) a)->uuid, ((const GuestState *) b)->uuid);
}

static int compare_guest(const void *uuid, const void *guest) {
        return strcmp(uuid, ((const GuestState *) guest)->uuid);
}

int compute_sync_power_states(ComputeManager *m, RequestContext *c _unused_, NovaException *e) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_free_ GuestState *guests = NULL;
        size_t n_guests = 0;
        int r;

        if (m->going_down)
                return 0;
        compute_recover_again(m);

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances of this host");
        forget_repaired(m, &rows);
        r = compute_list_guests(m, &guests, &n_guests, e);
        if (r < 0)
                return r;
        if (n_guests > 0)
                qsort(guests, n_guests, sizeof *guests, compare_guests);

        for (size_t n = 0; n < rows.n; n++) {
                const Instance *i = &rows.items[n];
                const GuestState *guest;

                if (i->task_state != TASK_NONE)
                        continue;
                guest = n_guests > 0 ? bsearch(i->uuid, guests, n_guests, sizeof *guests, compare_guest) : NULL;
                if (power_verdict(i->vm_state, i->power_state, guest ? guest->state : POWER_NOSTATE, guest) == POWER_KEEP)
                        continue;
                /* What is to be done waits for its turn on that instance, and is decided there anew. */
                r = compute_manager_submit(m, JOB_STATE, "sync_power_state", i->uuid, SYNC_DEADLINE, compute_sync_instance);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot synchronize an instance's power state");
        }
        compute_drift_look(m, &rows, guests, n_guests);
        return 0;
}

/* After a reconnect events may have been missed: only a full listing is trusted. */
static void after_reconnect(ComputeManager *m, const char *key _unused_) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, x = NOVA_EXCEPTION_NULL;
        int r;

        r = c ? compute_sync_power_states(m, c, &e) : -ENOMEM;
        if (r < 0)
                log_warning("Cannot synchronize power states: %s", failure_text(r, &e));
        r = c ? resource_tracker_update(m, c, &x) : -ENOMEM;
        if (r < 0)
                log_warning("Cannot update the resources of this host: %s", failure_text(r, &x));
}

static bool follows_events(ComputeManager *m) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        return config_boolean(config, "workarounds.handle_virt_lifecycle_events");
}

/* On a thread of the driver's. */
void compute_on_driver_event(const DriverEvent *event, void *userdata) {
        ComputeManager *m = userdata;
        bool ready, closing;
        int r = 0;

        pthread_mutex_lock(&m->lock);
        ready = m->driver_ready;
        closing = m->driver_closing || m->stopping;
        pthread_mutex_unlock(&m->lock);
        if (closing)
                return;

        switch (event->type) {
        case DRIVER_EVENT_CONNECTED:
                log_event(LOG_LEVEL_INFO, MESSAGE_HYPERVISOR_CONNECTED, NULL, "Connected to the hypervisor%s%s.",
                          isempty(event->text) ? "" : ": ", strempty(event->text));
                compute_manager_show_hypervisor(m, NULL);
                /* During init_host all is read anyway. */
                if (ready)
                        r = compute_manager_submit(m, JOB_PERIODIC, "after_reconnect", NULL, SYNC_DEADLINE, after_reconnect);
                break;

        case DRIVER_EVENT_DISCONNECTED:
                log_event(LOG_LEVEL_ERROR, MESSAGE_HYPERVISOR_LOST, NULL, "The connection to the hypervisor is lost: %s",
                          isempty(event->text) ? "no reason given" : event->text);
                compute_manager_show_hypervisor(m, isempty(event->text) ? "connection lost" : event->text);
                break;

        case DRIVER_EVENT_LIFECYCLE:
                if (event->uuid && ready && follows_events(m))
                        r = compute_manager_submit(m, JOB_STATE, "sync_power_state", event->uuid, SYNC_DEADLINE, sync_event);
                break;
        }
        if (r < 0)
                log_warning("Cannot follow an event of the hypervisor: %s", failure_text(r, NULL));
}

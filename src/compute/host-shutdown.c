/* The host goes down: its guests are shut down as the host is configured (host_shutdown_guests) while logind waits for us, each as at a
 * stop, all at once as far as there are threads. Their rows stay as they are, active and running, so that a start after the boot
 * brings back whom it should (resume_guests_state_on_host_boot); so nothing that is seen of guests meanwhile counts. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/log.h"

#define MARGIN (2 * USEC_PER_SEC)       /* for the end of a guest that does not go by itself */

/* On the loop: all is done that can be. */
static void ended(ComputeManager *m) {
        void (*done)(void *userdata) = m->going_down_done;

        m->going_down_limit = sd_event_source_disable_unref(m->going_down_limit);
        m->going_down_done = NULL;
        if (done)
                done(m->going_down_userdata);
}

void compute_host_down_ended(ComputeManager *m) {
        if (m->going_down && m->going_down_done) {
                log_info("No guest that was to be shut down runs any more.");
                ended(m);
        }
}

static int on_limit(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        ComputeManager *m = userdata;

        log_event(LOG_LEVEL_WARNING, MESSAGE_HOST_SHUTDOWN_LATE, NULL,
                  "The host goes down now: %u guests are not shut down, as the time that logind gives for it is over",
                  atomic_load(&m->going_down_left));
        ended(m);
        return 0;
}

/* One less to wait for. The first one is who lists them. */
static void one_less(ComputeManager *m) {
        if (atomic_fetch_sub(&m->going_down_left, 1) == 1)
                compute_manager_show_host_down(m);
}

static void shut_down(ComputeManager *m, const char *uuid) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        usec_t now = now_monotonic(), until = m->going_down_until;
        PowerState guest;
        int r;

        if (!m->going_down || now >= until)
                goto end;               /* the host stays up after all, or it is too late: on_limit has counted it */
        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i);
        if (r == 0)
                goto end;               /* deleted, in its turn before us */
        if (r > 0)
                r = compute_instance_power(m, &i, &guest, &e);
        if (r > 0 && guest == POWER_RUNNING) {
                unsigned seconds = (unsigned) ((until - now - MIN(MARGIN, until - now)) / USEC_PER_SEC);

                log_event(LOG_LEVEL_INFO, MESSAGE_GUEST_SHUTDOWN, NULL, "Instance %s: its guest is shut down, as the host goes down", uuid);
                pthread_mutex_lock(&m->lock);
                r = name_set_add(&m->went_down, uuid);
                pthread_mutex_unlock(&m->lock);
                if (r >= 0)
                        r = compute_guest_shut_down_within(m, &i, seconds, &e);
        }
        if (r < 0)
                log_warning("The guest of instance %s is not shut down: %s", uuid, failure_text(r, &e));
end:
        one_less(m);
}

static bool goes_down(const Instance *i, const GuestState *guests, size_t n_guests) {
        if (i->vm_state == VM_BUILDING || i->vm_state == VM_DELETED || i->vm_state == VM_SOFT_DELETED)
                return false;
        for (size_t n = 0; n < n_guests; n++)
                if (streq(guests[n].uuid, i->uuid))
                        return guests[n].state == POWER_RUNNING;
        return false;
}

static void shut_down_all(ComputeManager *m, const char *key _unused_) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ GuestState *guests = NULL;
        size_t n_guests = 0;
        int r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r >= 0)
                r = compute_list_guests(m, &guests, &n_guests, &e);
        if (r < 0)
                log_warning("Guests are not shut down with the host: %s", failure_text(r, &e));
        for (size_t n = 0; r >= 0 && n < rows.n; n++) {
                int k;

                if (!goes_down(&rows.items[n], guests, n_guests))
                        continue;
                atomic_fetch_add(&m->going_down_left, 1);
                k = compute_manager_submit(m, JOB_STATE, "shut_down_with_host", rows.items[n].uuid, 0, shut_down);
                if (k < 0) {
                        log_warning("The guest of instance %s is not shut down: %s", rows.items[n].uuid, failure_text(k, NULL));
                        one_less(m);
                }
        }
        one_less(m);
}

void compute_host_goes_down(ComputeManager *m, usec_t until, void (*done)(void *userdata), void *userdata) {
        int r;

        m->going_down_until = until;
        m->going_down_done = done;
        m->going_down_userdata = userdata;
        m->going_down = true;           /* last: whoever sees it sees the others */
        if (!compute_host_down_waits(m)) {
                log_event(LOG_LEVEL_INFO, MESSAGE_HOST_SHUTDOWN, NULL, "The host goes down: guests are left as they are (host_shutdown_guests)");
                ended(m);
                return;
        }
        log_event(LOG_LEVEL_INFO, MESSAGE_HOST_SHUTDOWN, NULL, "The host goes down: guests are shut down, for at most %.0f s",
                  (double) (until - MIN(now_monotonic(), until)) / USEC_PER_SEC);
        atomic_fetch_add(&m->going_down_left, 1);
        r = sd_event_add_time(m->event, &m->going_down_limit, CLOCK_MONOTONIC, until, 0, on_limit, m);
        if (r >= 0) {
                (void) sd_event_source_set_description(m->going_down_limit, "host-goes-down");
                r = compute_manager_submit(m, JOB_SERVICE, "shut_down_guests", NULL, 0, shut_down_all);
        }
        if (r < 0) {
                log_warning("Guests are not shut down with the host: %s", failure_text(r, NULL));
                one_less(m);
        }
}

bool compute_host_down_waits(ComputeManager *m) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        return streq_ptr(config_string(config, "host_shutdown_guests"), "shutdown");
}

/* As at a start after a boot, if nobody has done anything about it since. */
static void start_again(ComputeManager *m, const char *uuid) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        PowerState guest;
        int r;

        r = c ? m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) : -ENOMEM;
        if (r == 0 || (r > 0 && (i.task_state != TASK_NONE || i.vm_state != VM_ACTIVE)))
                return;
        if (r > 0)
                r = compute_instance_power(m, &i, &guest, &e);
        if (r > 0 && guest == POWER_SHUTDOWN) {
                log_info("Instance %s: its guest is started again, as the host stays up", uuid);
                r = compute_instance_power_on(m, c, &i, &e);
        }
        if (r < 0)
                log_warning("The guest of instance %s is not started again: %s", uuid, failure_text(r, &e));
}

void compute_host_stays_up(ComputeManager *m) {
        NameSet again;

        if (!m->going_down)
                return;
        log_event(LOG_LEVEL_INFO, MESSAGE_HOST_SHUTDOWN, NULL, "The host does not go down after all");
        m->going_down = false;
        ended(m);
        pthread_mutex_lock(&m->lock);
        again = m->went_down;
        m->went_down = (NameSet) {};
        pthread_mutex_unlock(&m->lock);
        for (size_t n = 0; n < again.n; n++) {
                int r = compute_manager_submit(m, JOB_STATE, "start_with_host", again.items[n], 0, start_again);

                if (r < 0)
                        log_warning("The guest of instance %s is not started again: %s", again.items[n], failure_text(r, NULL));
        }
        name_set_done(&again);
}

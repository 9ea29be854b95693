/* Stop and kill (essex 7.5): one path for all causes.
 *
 * Timers end and consumers are cancelled at once; what has not begun is handed back. Operations in flight may end within
 * stop_timeout (or graceful_shutdown_timeout), then the connection is closed, which hands back the rest; then the manager cleans up, and
 * kill deletes the row. Each phase has a limit, and each is left by one function, stop_next. Nothing waits for a step of
 * the start that hangs. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/log.h"

#define CLEANUP_LIMIT (2 * USEC_PER_SEC)
#define DESTROY_LIMIT (10 * USEC_PER_SEC)

static void stop_enter(Service *s, StopPhase phase);

static void stop_finish(Service *s) {
        unsigned running = service_operations_running(s);

        s->stop_timer = sd_event_source_disable_unref(s->stop_timer);
        s->stop_phase = STOP_NOT;
        s->kill = false;
        s->state = s->failure < 0 ? SERVICE_FAILED : SERVICE_STOPPED;
        if (running > 0)
                log_warning("%u requests are still worked on after the stop of %s", running, s->topic);
        log_event(LOG_LEVEL_INFO, MESSAGE_SERVICE_STOPPED, NULL, "%s service on %s has %s", s->topic, s->host,
                  service_state_to_string(s->state));
        service_update_state(s);
        service_notify(s, SERVICE_CHANGED_STATE);
}

static void stop_next(Service *s) {
        switch (s->stop_phase) {
        case STOP_NOT:
                return;
        case STOP_DRAIN:
                stop_enter(s, STOP_CLOSE);
                return;
        case STOP_CLOSE:
                stop_enter(s, STOP_CLEANUP);
                return;
        case STOP_CLEANUP:
                if (s->kill) {
                        stop_enter(s, STOP_DESTROY);
                        return;
                }
                stop_finish(s);
                return;
        case STOP_DESTROY:
                stop_finish(s);
                return;
        }
}

static int stop_on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Service *s = userdata;

        if (s->stop_phase == STOP_DRAIN)
                log_warning("%u requests have not ended in time: they are handed back", service_operations_running(s));
        else if (s->stop_phase == STOP_DESTROY)
                log_error("The services row %lld was not deleted: the store has not answered in time",
                          (long long) s->record.id);
        stop_next(s);
        return 0;
}

static void stop_arm(Service *s, usec_t limit) {
        (void) service_timer_arm(s, &s->stop_timer, limit, stop_on_time, s, "service-stop");
}

/* ---- the manager ---- */

static int cleanup_work(ServiceJob *j) {
        j->manager->ops->cleanup_host(j->manager);
        return 0;
}

static void cleanup_ended(ServiceJob *j, int r _unused_) {
        Service *s = j->service;

        if (j->run == s->run && s->stop_phase == STOP_CLEANUP)
                stop_next(s);
}

/* Whether something is under way that the stop should wait for. */
static bool stop_cleanup(Service *s) {
        bool hung = s->host_jobs > 0;   /* it comes behind that one, if ever */
        ServiceJob *j;

        if (!s->manager->ops->cleanup_host)
                return false;
        j = service_job_new(s, sizeof *j, cleanup_work, cleanup_ended);
        return j && service_job_submit(j, JOB_SERVICE, "cleanup_host", LINE_HOST, CLEANUP_LIMIT) >= 0 && !hung;
}

/* ---- the row ---- */

typedef struct DestroyJob {
        ServiceJob job;
        RecordWish *wish;
        int64_t id;
} DestroyJob;

static int destroy_work(ServiceJob *j) {
        DestroyJob *d = CONTAINER_OF(j, DestroyJob, job);
        int r = 0;

        if (d->id == 0) {
                ServiceRecord row = {};

                r = j->store->ops->service_get_by_args(j->store, d->wish->host, d->wish->binary, &row);
                d->id = r > 0 ? row.id : 0;
                service_record_done(&row);
        }
        if (d->id > 0)
                r = j->store->ops->service_destroy(j->store, d->id);
        return r < 0 ? record_failure(r, "cannot delete the services row", &j->exception) : r;
}

static void destroy_release(ServiceJob *j) {
        free(CONTAINER_OF(j, DestroyJob, job)->wish);
}

static void destroy_ended(ServiceJob *j, int r) {
        Service *s = j->service;

        if (r == 0)
                log_warning("Service killed that has no database entry");
        else if (r < 0)
                log_error("The services row was not deleted: %s", service_job_error(j, r));
        if (r >= 0) {
                service_record_done(&s->record);
                s->record = (ServiceRecord){};
                service_notify(s, SERVICE_CHANGED_RECORD);
        }
        if (j->run == s->run && s->stop_phase == STOP_DESTROY)
                stop_next(s);
}

static bool stop_destroy(Service *s) {
        DestroyJob *j;

        j = service_job_new(s, sizeof *j, destroy_work, destroy_ended);
        if (!j)
                return false;
        j->job.release = destroy_release;
        j->id = s->record.id;
        if (service_record_wish(s, &j->wish) < 0) {
                service_job_free(&j->job);
                return false;
        }
        return service_job_submit(&j->job, JOB_SERVICE, "service_destroy", LINE_RECORD, DESTROY_LIMIT) >= 0;
}

/* ---- phases ---- */

/* Both options bound it; the phases that follow are short. */
static usec_t drain_limit(const Service *s) {
        usec_t stop = service_seconds_option(s, "stop_timeout");
        usec_t graceful = service_seconds_option(s, "graceful_shutdown_timeout");

        return graceful > 0 ? MIN(graceful, stop) : stop;
}

static void stop_enter(Service *s, StopPhase phase) {
        s->stop_phase = phase;
        switch (phase) {
        case STOP_NOT:
                return;
        case STOP_DRAIN:
                stop_arm(s, drain_limit(s));
                if (!s->requests)               /* else service_stop_drained follows, at once if nothing is in flight */
                        stop_next(s);
                return;
        case STOP_CLOSE:
                stop_arm(s, CLOSE_LIMIT + USEC_PER_SEC / 2);
                if (s->requests)
                        service_requests_retire(s, CLOSE_LIMIT);        /* service_stop_closed follows */
                else
                        stop_next(s);
                return;
        case STOP_CLEANUP:
                stop_arm(s, CLEANUP_LIMIT);
                if (!stop_cleanup(s))
                        stop_next(s);
                return;
        case STOP_DESTROY:
                stop_arm(s, DESTROY_LIMIT);
                if (!stop_destroy(s)) {
                        log_error("The services row %lld was not deleted: no worker for it", (long long) s->record.id);
                        stop_next(s);
                }
                return;
        }
}

void service_stop_drained(Service *s) {
        if (s->stop_phase == STOP_DRAIN)
                stop_next(s);
}

void service_stop_closed(Service *s, uint64_t run) {
        if (s->stop_phase == STOP_CLOSE && run == s->run)
                stop_next(s);
}

static void stop_begin(Service *s) {
        bool idle = s->state == SERVICE_STOPPED || s->state == SERVICE_FAILED;

        if (s->requests)
                service_requests_refuse(s);
        service_steps_reset(s);
        s->state = SERVICE_STOPPING;
        service_periodic_end(s);
        service_report_end(s);
        s->model_disconnected = false;
        service_update_state(s);
        service_notify(s, SERVICE_CHANGED_STATE | SERVICE_CHANGED_TIMERS);
        stop_enter(s, idle ? STOP_DESTROY : STOP_DRAIN);
}

int service_stop(Service *s) {
        if (!service_is_up(s))          /* stopped, or on the way to it */
                return 0;
        stop_begin(s);
        return 0;
}

int service_kill(Service *s) {
        s->kill = true;
        if (s->state == SERVICE_STOPPING && s->stop_phase != STOP_DESTROY)
                return 0;               /* the stop under way goes on to it */
        if (s->state != SERVICE_STOPPING)
                stop_begin(s);
        return 0;
}

void service_fail(Service *s, int r, const char *why) {
        s->failure = r;
        (void) service_replace_text(&s->failure_text, why);
        log_critical("The %s service on %s cannot run: %s", s->topic, s->host, why);
        if (service_is_up(s))
                stop_begin(s);
}

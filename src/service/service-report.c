/* report_state of the seed (essex 7.4): the service tells that it lives. Its timer waits for nothing else; a report runs
 * on a thread kept for such, and one that hangs is noticed at the next tick's time. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/log.h"

typedef struct ReportJob {
        ServiceJob job;
        RecordWish *wish;
        int64_t id;                     /* 0 = no row known */
        usec_t submitted;
        char *zone;                     /* to be written, or NULL */
        ServiceRecord record;
} ReportJob;

/* ---- whether the store answers ---- */

void service_model_lost(Service *s, const char *why) {
        (void) service_replace_text(&s->model_error, why);
        if (!s->model_disconnected) {
                s->model_disconnected = true;
                log_event(LOG_LEVEL_ERROR, MESSAGE_MODEL_LOST, NULL, "model server went away: %s", why);
                service_notify(s, SERVICE_CHANGED_REPORT);
        }
        service_update_state(s);
}

void service_model_recovered(Service *s) {
        if (!s->model_disconnected)
                return;
        s->model_disconnected = false;
        (void) service_replace_text(&s->model_error, NULL);
        log_event(LOG_LEVEL_ERROR, MESSAGE_MODEL_RECOVERED, NULL, "Recovered model server connection!");

        /* What failed for want of the store can work now. */
        service_step_retry_soon(s, SERVICE_STEP_INIT_HOST);
        service_step_retry_soon(s, SERVICE_STEP_RESOURCES);
        service_update_state(s);
}

/* ---- one report ---- */

static int report_work(ServiceJob *j) {
        ReportJob *p = CONTAINER_OF(j, ReportJob, job);
        const char *zone = p->zone;
        int64_t id = p->id;
        int r = 0;

        if (id > 0)
                r = j->store->ops->service_report(j->store, id, zone, &p->record);
        if (r == 0) {
                ServiceRecord row = {};

                if (id > 0)
                        log_debug("The service database object disappeared, Recreating it.");
                r = record_ensure(j->store, p->wish, &row, &j->exception);
                if (r < 0)
                        return r;
                id = row.id;
                service_record_done(&row);
                r = j->store->ops->service_report(j->store, id, zone, &p->record);
                if (r == 0)
                        r = -EAGAIN;    /* gone again: somebody deletes it as we speak */
        }
        return r < 0 ? record_failure(r, "cannot report the service's state", &j->exception) : 0;
}

static void report_release(ServiceJob *j) {
        ReportJob *p = CONTAINER_OF(j, ReportJob, job);

        free(p->wish);
        free(p->zone);
        service_record_done(&p->record);
}

static void waiters_call(ReportWaiter *list, int r, const NovaException *e) {
        _cleanup_exception_ NovaException own = NOVA_EXCEPTION_NULL;
        ReportWaiter *w;

        if (r < 0 && !exception_is_set(e)) {
                (void) exception_set_errno(&own, r, "report_state");
                e = &own;
        }
        while ((w = list)) {
                list = w->next;
                if (w->done)
                        w->done(r, r < 0 ? e : NULL, w->userdata);
                free(w);
        }
}

static int report_submit(Service *s);

static void report_ended(ServiceJob *j, int r) {
        ReportJob *p = CONTAINER_OF(j, ReportJob, job);
        Service *s = j->service;
        bool current = service_job_current(j);
        ReportWaiter *waiters;

        if (j->run != s->run)           /* of an earlier start: nothing waits for it */
                return;
        s->report_job = false;
        if (s->report_limit)
                (void) sd_event_source_set_enabled(s->report_limit, SD_EVENT_OFF);
        waiters = TAKE_PTR(s->report_waiters);

        if (r < 0)
                counter_add(&s->report_failures, 1);
        if (r >= 0) {
                histogram_observe(&s->report_took, now_monotonic() - p->submitted);
                s->last_report = now_realtime();
                service_set_record(s, &p->record);
                if (current) {
                        service_model_recovered(s);
                        service_update_step_done(s, SERVICE_STEP_SERVICE_ROW);
                }
                service_notify(s, SERVICE_CHANGED_REPORT);
        } else if (current)
                service_model_lost(s, service_job_error(j, r));

        if (s->report_tick) {
                s->report_tick = false;
                looping_call_finished(s->report, r);
                service_notify(s, SERVICE_CHANGED_TIMERS);
        }
        waiters_call(waiters, MIN(r, 0), &j->exception);
        if (s->report_next_waiters && service_is_up(s)) {
                r = report_submit(s);
                if (r < 0)
                        waiters_call(TAKE_PTR(s->report_next_waiters), r, NULL);
        }
}

static int report_on_limit(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Service *s = userdata;

        if (s->report_job && service_is_up(s))
                service_model_lost(s, "the store has not answered since the last report");
        return 0;
}

static int report_arm_limit(Service *s) {
        usec_t limit = service_report_interval(s) ?: 10 * USEC_PER_SEC;

        return service_timer_arm(s, &s->report_limit, limit, report_on_limit, s, "report-limit");
}

/* On success those who wait for the next report wait for this one. */
static int report_submit(Service *s) {
        ReportJob *j;
        int r;

        j = service_job_new(s, sizeof *j, report_work, report_ended);
        if (!j)
                return -ENOMEM;
        j->job.release = report_release;
        j->id = s->record.id;
        j->submitted = now_monotonic();
        r = service_record_wish(s, &j->wish);
        if (r >= 0 && s->zone_to_write && !(j->zone = strdup(s->zone_to_write)))
                r = -ENOMEM;
        if (r >= 0)
                r = report_arm_limit(s);
        if (r < 0) {
                service_job_free(&j->job);
                return r;
        }
        r = service_job_submit(&j->job, JOB_SERVICE, "report_state", LINE_RECORD, service_report_interval(s));
        if (r < 0)
                return r;
        s->report_job = true;
        s->report_waiters = TAKE_PTR(s->report_next_waiters);
        return 0;
}

static void report_on_tick(LoopingCall *l, void *userdata) {
        Service *s = userdata;
        int r;

        s->report_tick = true;
        if (s->report_job)              /* one is out: its end ends this run too */
                return;
        r = report_submit(s);
        if (r < 0) {
                s->report_tick = false;
                looping_call_finished(l, r);
                service_model_lost(s, strerror(-r));
        }
}

int service_report_state(Service *s, ServiceDone done, void *userdata) {
        ReportWaiter *w, **tail = &s->report_next_waiters;
        int r;

        if (!service_is_up(s) || !s->walked)
                return -ESHUTDOWN;
        w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        w->done = done;
        w->userdata = userdata;
        while (*tail)
                tail = &(*tail)->next;
        *tail = w;
        if (s->report_job)              /* that one began before this was asked for */
                return 0;
        r = report_submit(s);
        if (r < 0)
                free(TAKE_PTR(*tail));
        return r;
}

/* ---- the timer ---- */

int service_report_begin(Service *s) {
        usec_t interval = service_report_interval(s);
        int r;

        if (interval == 0)
                return 0;
        if (!s->report) {
                r = looping_call_new(&s->report, s->environment.event, "report_state", report_on_tick, s);
                if (r < 0)
                        return r;
        }
        /* The first at once: a row whose time stamp is old makes a running service look dead (F7). */
        r = looping_call_start(s->report, interval, true);
        if (r >= 0)
                service_notify(s, SERVICE_CHANGED_TIMERS);
        return r;
}

void service_report_reload(Service *s) {
        usec_t interval = service_report_interval(s);

        if (interval == 0)
                looping_call_stop(s->report);
        else if (s->report)
                (void) looping_call_start(s->report, interval, s->zone_to_write);
        else
                (void) service_report_begin(s);
        service_notify(s, SERVICE_CHANGED_TIMERS);
}

void service_report_end(Service *s) {
        s->report = looping_call_free(s->report);
        s->report_limit = sd_event_source_disable_unref(s->report_limit);
        s->report_job = s->report_tick = false;
        waiters_call(TAKE_PTR(s->report_waiters), -ESHUTDOWN, NULL);
        waiters_call(TAKE_PTR(s->report_next_waiters), -ESHUTDOWN, NULL);
}

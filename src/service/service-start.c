/* Service.start of the seed (essex 7.3): its steps in order.
 *
 * The chain walks the table below. A step is done at once, or is under way: then a job or an event ends it and the chain
 * goes on from there, on the loop. No step holds the chain: one that fails for a passing reason, or is not done within
 * start_step_timeout, stays pending while the chain goes on, and is tried again (1 s doubling to 60 s, sooner when an
 * event says that it may work). A lasting failure, before the chain has reached its end, fails the service. Afterwards
 * nothing does: a service that ran once heals itself. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/file-lock.h"
#include "basic/log.h"
#include "service/version.h"

typedef struct StepDefinition {
        const char *name;
        int (*begin)(Service *s);       /* 1: done; 0: under way, service_step_ended will say; -errno */
        bool retried;                   /* by time; others by events */
        bool may_fail_service;          /* a lasting failure is fatal */
        ServiceStep needs;              /* not tried before that one is done; itself = nothing */
} StepDefinition;

static const StepDefinition definitions[_SERVICE_STEP_MAX];

const char *service_step_to_string(ServiceStep step) {
        return step >= 0 && step < _SERVICE_STEP_MAX ? definitions[step].name : NULL;
}

/* ---- the steps ---- */

static int step_version(Service *s) {
        log_audit("Starting %s node (version %s)", s->topic, version_string_with_vcs());
        return 1;
}

static void step_job_ended(ServiceJob *j, int r) {
        if (service_job_current(j))
                service_step_ended(j->service, j->step, r, r < 0 ? service_job_error(j, r) : NULL);
}

static int step_submit(Service *s, ServiceStep step, ServiceJob *j, const char *line) {
        int r;

        if (!j)
                return -ENOMEM;
        j->step = step;
        r = service_job_submit(j, JOB_SERVICE, definitions[step].name, line, 0);
        if (r < 0)
                return r;
        s->steps[step].job = true;
        return 0;
}

typedef struct LocksJob {
        ServiceJob job;
        char *directory;
} LocksJob;

static int locks_work(ServiceJob *j) {
        const char *directory = CONTAINER_OF(j, LocksJob, job)->directory;
        int r = cleanup_file_locks(directory);

        /* Litter that cannot be removed keeps nobody from working. */
        if (r < 0)
                log_warning("Stale lock files of %s stay: %s", directory, strerror(-r));
        else if (r > 0)
                log_info("Removed %d stale lock files from %s", r, directory);
        return 0;
}

static void locks_release(ServiceJob *j) {
        free(CONTAINER_OF(j, LocksJob, job)->directory);
}

static int step_file_locks(Service *s) {
        const char *directory = config_string(s->config, "lock_path");
        LocksJob *j;

        if (isempty(directory) || config_boolean(s->config, "oslo_concurrency.disable_process_locking"))
                return 1;

        j = service_job_new(s, sizeof *j, locks_work, step_job_ended);
        if (!j)
                return -ENOMEM;
        j->job.release = locks_release;
        j->directory = strdup(directory);
        if (!j->directory) {
                service_job_free(&j->job);
                return -ENOMEM;
        }
        return step_submit(s, SERVICE_STEP_FILE_LOCKS, &j->job, NULL);
}

static int step_init_host(Service *s) {
        return step_submit(s, SERVICE_STEP_INIT_HOST, service_init_job(s, step_job_ended), LINE_HOST);
}

typedef struct RowJob {
        ServiceJob job;
        RecordWish *wish;
        ServiceRecord record;
} RowJob;

static int row_work(ServiceJob *j) {
        RowJob *row = CONTAINER_OF(j, RowJob, job);

        return record_ensure(j->store, row->wish, &row->record, &j->exception);
}

static void row_ended(ServiceJob *j, int r) {
        Service *s = j->service;

        if (r >= 0) {
                service_set_record(s, &CONTAINER_OF(j, RowJob, job)->record);
                /* The store answers again: the next report need not wait for its time. */
                if (service_job_current(j) && s->model_disconnected && s->report)
                        (void) looping_call_trigger(s->report);
        }
        step_job_ended(j, r);
}

static void row_release(ServiceJob *j) {
        RowJob *row = CONTAINER_OF(j, RowJob, job);

        free(row->wish);
        service_record_done(&row->record);
}

static int step_service_row(Service *s) {
        RowJob *j;
        int r;

        j = service_job_new(s, sizeof *j, row_work, row_ended);
        if (!j)
                return -ENOMEM;
        j->job.release = row_release;
        r = service_record_wish(s, &j->wish);
        if (r < 0) {
                service_job_free(&j->job);
                return r;
        }
        return step_submit(s, SERVICE_STEP_SERVICE_ROW, &j->job, LINE_RECORD);
}

int service_resources_work(ServiceJob *j) {
        return j->manager->ops->update_available_resource
                       ? j->manager->ops->update_available_resource(j->manager, j->context, &j->exception)
                       : 0;
}

static int step_resources(Service *s) {
        if (!streq(s->binary, "nova-compute"))
                return 1;
        return step_submit(s, SERVICE_STEP_RESOURCES,
                           service_job_new(s, sizeof(ServiceJob), service_resources_work, step_job_ended), LINE_HOST);
}

/* The connection was asked for at the very beginning, so that the queues are there before anybody casts to this host
 * (F67); here the chain waits for it. */
static int step_connection(Service *s) {
        int r;

        if (!s->environment.rpc)
                return 1;
        r = service_requests_open(s);
        if (r < 0)
                return r;
        if (s->broker.state == RPC_LINK_CONNECTED)
                return 1;
        return s->broker.state == RPC_LINK_WAITING ? -ENOTCONN : 0;
}

static int step_consumers(Service *s) {
        int r;

        log_debug("Creating Consumer connection for Service %s", s->topic);
        s->consuming = true;
        if (!s->environment.rpc)
                return 1;
        r = service_requests_consume(s);
        if (r < 0)
                return r;
        if (s->broker.consumers >= N_CONSUMERS)
                return 1;
        return s->broker.state == RPC_LINK_CONNECTED ? 0 : -ENOTCONN;
}

static int step_report_timer(Service *s) {
        int r = service_report_begin(s);
        return r < 0 ? r : 1;
}

static int step_periodic_timer(Service *s) {
        int r = service_periodic_begin(s);
        return r < 0 ? r : 1;
}

static const StepDefinition definitions[_SERVICE_STEP_MAX] = {
        [SERVICE_STEP_VERSION] = {"version", step_version, false, false, SERVICE_STEP_VERSION},
        [SERVICE_STEP_FILE_LOCKS] = {"file_locks", step_file_locks, true, false, SERVICE_STEP_FILE_LOCKS},
        [SERVICE_STEP_INIT_HOST] = {"init_host", step_init_host, true, true, SERVICE_STEP_INIT_HOST},
        [SERVICE_STEP_SERVICE_ROW] = {"service_row", step_service_row, true, true, SERVICE_STEP_SERVICE_ROW},
        [SERVICE_STEP_RESOURCES] = {"update_available_resource", step_resources, true, false, SERVICE_STEP_INIT_HOST},
        [SERVICE_STEP_CONNECTION] = {"connection", step_connection, true, false, SERVICE_STEP_CONNECTION},
        [SERVICE_STEP_CONSUMERS] = {"consumers", step_consumers, true, false, SERVICE_STEP_CONSUMERS},
        [SERVICE_STEP_REPORT_TIMER] = {"report_timer", step_report_timer, true, false, SERVICE_STEP_REPORT_TIMER},
        [SERVICE_STEP_PERIODIC_TIMER] = {"periodic_timer", step_periodic_timer, true, false, SERVICE_STEP_PERIODIC_TIMER},
};

/* ---- the chain ---- */

/* What trying again will not change: a wrong name or URL, something this build or that database cannot do. */
static bool failure_is_lasting(int r) {
        switch (-r) {
        case EINVAL:
        case EOPNOTSUPP:
        case EPROTONOSUPPORT:
        case ENOSYS:
        case ELIBBAD:
        case EALREADY:          /* another daemon works on this state */
        case ENOTDIR:
        case EISDIR:
                return true;
        default:
                return false;
        }
}

static int step_on_time(sd_event_source *source, uint64_t usec, void *userdata);

static void step_arm(Service *s, Step *st, usec_t delay) {
        (void) service_timer_arm(s, &st->timer, delay, step_on_time, st, definitions[st - s->steps].name);
}

static void step_disarm(Step *st) {
        if (st->timer)
                (void) sd_event_source_set_enabled(st->timer, SD_EVENT_OFF);
}

static void step_done(Service *s, ServiceStep step) {
        Step *st = s->steps + step;

        if (st->state == STEP_PENDING)
                log_info("Step %s of the start is done now", definitions[step].name);
        st->state = STEP_DONE;
        st->attempt = 0;
        free(TAKE_PTR(st->error));
        step_disarm(st);
}

/* The broker's own link tries again; its status ends the step. */
static bool step_waits_for_broker(const Service *s, ServiceStep step) {
        return (step == SERVICE_STEP_CONNECTION || step == SERVICE_STEP_CONSUMERS) && s->requests && s->requests->server;
}

static void step_pending(Service *s, ServiceStep step, const char *error, bool retry) {
        Step *st = s->steps + step;
        bool told = st->state == STEP_PENDING && streq(strempty(st->error), strempty(error));
        usec_t delay = retry ? backoff_delay(st->attempt++, RETRY_FIRST, RETRY_CAP) : 0;

        st->state = STEP_PENDING;
        (void) service_replace_text(&st->error, error);
        step_disarm(st);
        if (retry)
                step_arm(s, st, delay);

        /* A change is news, a further failure of the same kind is not. */
        if (told)
                log_debug("Step %s of the start failed again: %s", definitions[step].name, error);
        else if (retry)
                log_event(LOG_LEVEL_WARNING, MESSAGE_STEP_FAILED, NULL,
                          "Step %s of the start failed and will be tried again in %.1f s: %s", definitions[step].name,
                          (double) delay / USEC_PER_SEC, error);
        else
                log_event(LOG_LEVEL_WARNING, MESSAGE_STEP_FAILED, NULL, "Step %s of the start is not done yet: %s",
                          definitions[step].name, error);
}

bool service_step_waits(const Service *s, ServiceStep step) {
        return s->steps[definitions[step].needs].state != STEP_DONE && definitions[step].needs != step;
}

static void service_walk(Service *s);

/* Begins a step. Returns whether it is still under way. */
static bool step_try(Service *s, ServiceStep step) {
        const StepDefinition *d = definitions + step;
        Step *st = s->steps + step;
        int r;

        if (st->job)            /* an earlier try has not come back */
                return st->state == STEP_UNDER_WAY;
        if (service_step_waits(s, step)) {
                /* Tried again as soon as the other is done, which is the one to tell of. */
                st->state = STEP_PENDING;
                return false;
        }

        st->begun = service_now(s);
        r = d->begin(s);
        if (r > 0)
                step_done(s, step);
        else if (r < 0)
                step_pending(s, step, step_waits_for_broker(s, step) && s->broker_error ? s->broker_error : strerror(-r),
                             !step_waits_for_broker(s, step));
        return r == 0;
}

static void walk_ended(Service *s) {
        s->walked = true;
        service_update_state(s);
        log_event(LOG_LEVEL_INFO, MESSAGE_SERVICE_STARTED, NULL, "%s service on %s is %s%s%s", s->topic, s->host,
                  service_state_to_string(s->state), isempty(s->trouble) ? "" : ": ", strempty(s->trouble));
}

static void service_walk(Service *s) {
        while (s->state == SERVICE_STARTING && !s->walked) {
                Step *st = s->steps + s->step;

                if (st->state == STEP_NOT_BEGUN) {
                        st->state = STEP_UNDER_WAY;
                        service_notify(s, SERVICE_CHANGED_STATE);
                        if (step_try(s, s->step)) {
                                step_arm(s, st, service_seconds_option(s, "start_step_timeout"));
                                return;
                        }
                }
                if (st->state == STEP_UNDER_WAY)
                        return;
                if (s->step + 1 == _SERVICE_STEP_MAX) {
                        walk_ended(s);
                        return;
                }
                s->step++;
        }
}

/* Those that waited for @step, and the chain. */
static void step_follow(Service *s, ServiceStep step) {
        if (s->steps[step].state == STEP_DONE)
                for (int i = 0; i < _SERVICE_STEP_MAX; i++)
                        if (i != (int) step && definitions[i].needs == step && s->steps[i].state == STEP_PENDING)
                                (void) step_try(s, i);
        service_walk(s);
        service_update_state(s);
}

void service_step_ended(Service *s, ServiceStep step, int r, const char *error) {
        Step *st = s->steps + step;

        st->job = false;
        if (!service_is_up(s) || st->state == STEP_NOT_BEGUN)
                return;
        if (r >= 0)
                step_done(s, step);
        else if (definitions[step].may_fail_service && !s->walked && failure_is_lasting(r)) {
                service_fail(s, r, error ?: strerror(-r));
                return;
        } else
                step_pending(s, step, error ?: strerror(-r), definitions[step].retried && !step_waits_for_broker(s, step));
        step_follow(s, step);
}

static int step_on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Step *st = userdata;
        Service *s = st->service;
        ServiceStep step = st - s->steps;

        if (!service_is_up(s))
                return 0;
        if (st->state == STEP_UNDER_WAY) {
                char text[64];

                snprintf(text, sizeof text, "not done within %.0f s",
                         (double) service_seconds_option(s, "start_step_timeout") / USEC_PER_SEC);
                step_pending(s, step, text, !st->job && !step_waits_for_broker(s, step));
        } else if (st->state == STEP_PENDING)
                (void) step_try(s, step);
        step_follow(s, step);
        return 0;
}

/* Not more often than once a second, however many events there are. */
void service_step_retry_soon(Service *s, ServiceStep step) {
        Step *st = s->steps + step;
        usec_t since = service_now(s) - st->begun;

        if (!service_is_up(s) || st->state != STEP_PENDING || st->job)
                return;
        step_arm(s, st, since >= RETRY_FIRST ? 0 : RETRY_FIRST - since);
}

void service_update_step_done(Service *s, ServiceStep step) {
        Step *st = s->steps + step;

        if (!service_is_up(s) || (st->state != STEP_PENDING && st->state != STEP_UNDER_WAY))
                return;
        step_done(s, step);
        step_follow(s, step);
}

void service_steps_reset(Service *s) {
        for (int i = 0; i < _SERVICE_STEP_MAX; i++) {
                Step *st = s->steps + i;

                sd_event_source_disable_unref(st->timer);
                free(st->error);
                *st = (Step){.service = s};
        }
        s->step = SERVICE_STEP_VERSION;
        s->walked = s->consuming = false;
}

/* ---- start ---- */

void service_warn_of_intervals(const Service *s) {
        usec_t report = service_report_interval(s);
        usec_t down = service_seconds_option(s, "service_down_time");

        if (report > 0 && down > 0 && report >= down)
                log_warning("report_interval (%.0f s) is not shorter than service_down_time (%.0f s): between its reports "
                            "this service will be taken for dead",
                            (double) report / USEC_PER_SEC, (double) down / USEC_PER_SEC);
}

int service_start(Service *s) {
        int r;

        if (service_is_up(s))
                return 0;
        if (s->state == SERVICE_STOPPING)
                return -EBUSY;

        s->run++;
        /* The queues, as early as can be. Without memory or a thread for the connection its step tries again. */
        r = service_requests_open(s);
        if (r < 0 && !s->requests)
                return r;
        if (r < 0)
                log_debug("The RPC server is not there yet: %s", strerror(-r));
        service_steps_reset(s);
        s->state = SERVICE_STARTING;
        s->model_disconnected = false;
        (void) service_replace_text(&s->model_error, NULL);
        s->failure = 0;
        (void) service_replace_text(&s->failure_text, NULL);
        service_take_configured_zone(s, NULL);
        service_warn_of_intervals(s);

        service_update_state(s);
        service_notify(s, SERVICE_CHANGED_STATE);
        service_walk(s);
        return 0;
}

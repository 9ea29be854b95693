/* What the files of a Service share: the object, its steps and its jobs. Only for service*.c. All on the main loop, but
 * the work functions of jobs. */
#pragma once

#include "basic/json.h"
#include "service/operation-journal.h"
#include "service/operation-metrics.h"
#include "service/periodic-schedule.h"
#include "service/service.h"

#define NOVA_SERVICE_VERSION 64                 /* that of Zed, as peers compare it */
#define RETRY_FIRST USEC_PER_SEC
#define RETRY_CAP (60 * USEC_PER_SEC)
#define N_CONSUMERS 3u                          /* topic, topic.host, fan-out */
#define CLOSE_LIMIT (2 * USEC_PER_SEC)          /* for answers on their way when the connection is closed */

typedef enum StepState {
        STEP_NOT_BEGUN,
        STEP_UNDER_WAY,         /* the chain waits for it */
        STEP_PENDING,           /* failed or late: the chain went on, it is tried again or still waited for */
        STEP_DONE,
} StepState;

typedef struct Step {
        StepState state;
        bool job;                       /* its job has not come back */
        unsigned attempt;               /* failures since it was last well */
        usec_t begun;                   /* of the last try, environment's clock */
        char *error;                    /* why it is pending; NULL = no reason known */
        sd_event_source *timer;         /* while under way: its limit; while pending: the next try */
        struct Service *service;
} Step;

/* The RPC server of one run of the service, and what its requests need on the server's thread. It outlives the run
 * while requests are still worked on. */
typedef struct RequestServer RequestServer;
struct RequestServer {
        Service *service;               /* loop only */
        Manager *manager;
        Pool *pool;
        OperationGate *gate;
        OperationJournal *journal;      /* NULL: none is kept */
        Rpc *rpc;                       /* NULL without a broker */
        RpcServer *server;              /* NULL without a broker */
        bool closed;                    /* rpc_server_close has ended */
        RequestServer *next;            /* among the service's retired ones */
};

typedef struct StalledCall {
        char *name, *key;
        usec_t since;                   /* monotonic */
        struct StalledCall *next;
} StalledCall;

/* A periodic task, counted. */
typedef struct TaskMetrics {
        const char *name;
        Histogram took;
        Counter failures;
} TaskMetrics;

/* Someone who waits for the end of a state report. */
typedef struct ReportWaiter {
        ServiceDone done;
        void *userdata;
        struct ReportWaiter *next;
} ReportWaiter;

typedef enum StopPhase {
        STOP_NOT,
        STOP_DRAIN,                     /* consumers are cancelled, operations in flight may end */
        STOP_CLOSE,                     /* the connection is closed on a worker */
        STOP_CLEANUP,                   /* the manager's cleanup_host */
        STOP_DESTROY,                   /* the row is deleted (kill) */
} StopPhase;

struct Service {
        ServiceEnvironment environment;
        Config *config;

        /* as given, kept for a clone (saved_args of the seed) */
        char *host, *binary, *topic, *manager_class;
        char *compute_driver;
        char **extra;
        int report_argument, periodic_argument;         /* seconds; 0 = by configuration */

        Manager *manager;
        Observers observers;

        ServiceState state;
        uint64_t run;                   /* counts the starts: a job of an earlier one has no effect */
        Step steps[_SERVICE_STEP_MAX];
        ServiceStep step;
        bool walked;                    /* the chain has reached its end in this run */
        bool consuming;                 /* the consumers' step was reached */
        char *trouble;
        char *journal_trouble;          /* NULL = it is written */
        int failure;                    /* -errno of a lasting failure */
        char *failure_text;

        /* the row and its reports */
        ServiceRecord record;
        char *zone_to_write;            /* the operator configured it and it is not in the row yet */
        bool model_disconnected;
        char *model_error;
        usec_t last_report;
        LoopingCall *report;
        bool report_job, report_tick;   /* a job is out; it answers the looping call */
        sd_event_source *report_limit;
        ReportWaiter *report_waiters, *report_next_waiters;
        Histogram report_took;
        Counter report_failures;

        /* periodic tasks */
        LoopingCall *periodic;
        PeriodicSchedule schedule;
        unsigned *periodic_running;     /* per task: jobs out */
        unsigned tasks_out;             /* of all tasks, also of those that run on demand */
        bool trimming;                  /* a worker gives memory back */
        TaskMetrics *tasks;             /* of the manager's table, in its order */
        size_t n_tasks;

        /* requests */
        JobTable *job_table;            /* NULL once it is gone */
        RequestServer *requests;        /* of this run */
        RequestServer *retired;
        uint64_t requests_before, failures_before;      /* of those that are gone */
        bool putting_off;               /* the host goes down */
        OperationMetrics *metrics;
        RpcStatus broker;
        char *broker_address, *broker_error;
        char **queues;
        StalledCall *stalled;
        char **stalled_texts;

        /* stop */
        StopPhase stop_phase;
        bool kill;
        sd_event_source *stop_timer;

        unsigned jobs;                  /* out in the pool */
        unsigned host_jobs;             /* of these in the line of the host */
        bool gone;                      /* service_free was called; the last job frees */
};

/* ---- jobs of a service (service-job.c) ---- */

typedef struct ServiceJob ServiceJob;
struct ServiceJob {
        Job job;
        Service *service;               /* loop only */
        uint64_t run;
        Manager *manager;
        Store *store;
        RequestContext *context;
        NovaException exception;
        int (*work)(ServiceJob *j);                     /* on a worker; sets exception, returns -errno or more */
        void (*ended)(ServiceJob *j, int r);            /* on the loop; not called once the service is gone */
        void (*release)(ServiceJob *j);                 /* frees what the bigger object holds; may be NULL */
        ServiceStep step;
        ServiceDone done;
        void *userdata;
        bool host;                      /* counts in host_jobs */
};

/* Lines: jobs of one line of a service run one after another. */
#define LINE_HOST "host"                /* the manager's init_host, resources, cleanup_host */
#define LINE_RECORD "record"            /* the services row */
#define LINE_CONNECTION "connection"    /* closing the connection */

/* A zeroed job of @size bytes, of which ServiceJob is the beginning, with an admin context. NULL when out of memory. */
void *service_job_new(Service *s, size_t size, int (*work)(ServiceJob *j), void (*ended)(ServiceJob *j, int r));
/* Submits it; frees it on failure. @name is borrowed; @line NULL = in no line. */
int service_job_submit(ServiceJob *j, JobKind kind, const char *name, const char *line, usec_t deadline);
void service_job_free(ServiceJob *j);
/* Has a worker give what was freed back to the system. */
void service_give_memory_back(Service *s);
/* Of the job table: @userdata is the service. */
void service_on_jobs_emptied(void *userdata);
/* Whether the job belongs to the run that is under way. */
bool service_job_current(const ServiceJob *j);
/* Calls the job's done, if it has one. */
void service_job_answer(ServiceJob *j, int r);
/* The sentence for a failure. Belongs to the exception or the C library. */
const char *service_job_error(const ServiceJob *j, int r);

/* ---- service.c ---- */
usec_t service_now(const Service *s);
void service_notify(Service *s, unsigned what);
void service_update_state(Service *s);          /* computes trouble and state anew; notifies when they changed */
bool service_is_up(const Service *s);           /* starting, running or degraded */
void service_unref_when_idle(Service *s);       /* frees a gone service when its last job and request have ended */
usec_t service_seconds_option(const Service *s, const char *name);     /* an integer option; below 0 is 0 */
int service_replace_text(char **p, const char *text);
/* Makes the timer or sets it anew: @handler runs once after @delay. Logs a failure. */
int service_timer_arm(Service *s, sd_event_source **timer, usec_t delay, sd_event_time_handler_t handler, void *userdata,
                      const char *description);

/* ---- service-start.c ---- */
void service_step_ended(Service *s, ServiceStep step, int r, const char *error);
void service_step_retry_soon(Service *s, ServiceStep step);
void service_steps_reset(Service *s);
void service_update_step_done(Service *s, ServiceStep step);    /* done by other means */
bool service_step_waits(const Service *s, ServiceStep step);    /* for another step to be done */
int service_resources_work(ServiceJob *j);
void service_warn_of_intervals(const Service *s);

/* ---- service-record.c: on workers ---- */
typedef struct RecordWish {
        const char *host, *binary, *topic, *zone;
        bool disabled;                  /* of a row to be created, and why */
        const char *disabled_reason;
} RecordWish;
/* The row of @wish: found, or created with what it says; service version brought up to ours; compute nodes of a vanished
 * row taken over. 0 with *ret, 1 when it was created, or -errno with @e. */
int record_ensure(Store *store, const RecordWish *wish, ServiceRecord *ret, NovaException *e);
/* The wish of @s as it is now, its texts copied into one allocation. */
int service_record_wish(const Service *s, RecordWish **ret);
void service_set_record(Service *s, ServiceRecord *record);     /* takes its contents over */
/* A zone that the operator configured is written to the row: at the start when he named one, at a reload (from
 * @before) when he named another (F10). */
void service_take_configured_zone(Service *s, const Config *before);
int record_failure(int r, const char *what, NovaException *e);  /* on workers: with the store's last error */

/* ---- service-report.c ---- */
int service_report_begin(Service *s);           /* the timer's step */
void service_report_reload(Service *s);
void service_report_end(Service *s);            /* at stop */
void service_model_lost(Service *s, const char *why);
void service_model_recovered(Service *s);

/* ---- service-periodic.c ---- */
int service_periodic_begin(Service *s);
void service_periodic_end(Service *s);
void service_periodic_reload(Service *s);

/* ---- service-requests.c ---- */
int service_requests_open(Service *s);          /* declares queues; consumes nothing yet */
int service_requests_consume(Service *s);
void service_requests_refuse(Service *s);
/* Manager.request. */
int service_on_manager_request(void *service, const char *method, const json_t *args, RequestContext *c,
                               bool (*due)(Operation *o), void (*finished)(Operation *o), void *origin_data, NovaException *e);
/* Closes the connection, giving answers on their way @wait; service_stop_closed follows, perhaps at once. */
void service_requests_retire(Service *s, usec_t wait);
RequestServer *request_server_free(RequestServer *q);
void service_stalled_clear(Service *s);
void service_on_stalled(const JobInfo *info, bool ended, void *userdata);

/* ---- service-recovery.c ---- */
/* The job of the step init_host: with what the journal has open. NULL when out of memory. */
ServiceJob *service_init_job(Service *s, void (*ended)(ServiceJob *j, int r));
/* Any thread: the reply of row @id to @to, if somebody waits for it. Steals @result. */
void service_reply(Rpc *rpc, OperationJournal *j, int64_t id, const RpcReplyAddress *to, json_t *result, const NovaException *e);

/* ---- service-stop.c ---- */
void service_stop_drained(Service *s);
void service_stop_closed(Service *s, uint64_t run);
void service_fail(Service *s, int r, const char *why);

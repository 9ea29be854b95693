/* Service of the seed (essex 7): takes a manager and enables rpc by listening to queues based on topic, runs its
 * periodic tasks, reports its state to the services table. One object on the main loop; what blocks runs as jobs.
 *
 * service_start walks the seed's steps in order, each a function of its own that may be retried: version line, clean
 * file locks, manager.init_host, service row, update_available_resource, rpc connection, three consumers, report timer,
 * periodic timer. A broker, hypervisor or database that is away does not fail the start: the step is marked and retried
 * with jittered back-off while the others go on. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/observer.h"
#include "objects/service-record.h"
#include "service/job-table.h"
#include "service/looping-call.h"
#include "service/manager.h"
#include "service/operation-journal.h"

typedef struct Service Service;

typedef enum ServiceState {
        SERVICE_STOPPED,
        SERVICE_STARTING,
        SERVICE_RUNNING,                /* all steps done */
        SERVICE_DEGRADED,               /* steps walked, some still retried: service_trouble says which */
        SERVICE_STOPPING,
        SERVICE_FAILED,                 /* a lasting failure: service_trouble says why */
        _SERVICE_STATE_MAX,
} ServiceState;
const char *service_state_to_string(ServiceState s);            /* "stopped", "starting", … */

/* The steps of the start, for tracing and STATUS. */
typedef enum ServiceStep {
        SERVICE_STEP_VERSION,
        SERVICE_STEP_FILE_LOCKS,
        SERVICE_STEP_INIT_HOST,
        SERVICE_STEP_SERVICE_ROW,
        SERVICE_STEP_RESOURCES,
        SERVICE_STEP_CONNECTION,
        SERVICE_STEP_CONSUMERS,
        SERVICE_STEP_REPORT_TIMER,
        SERVICE_STEP_PERIODIC_TIMER,
        _SERVICE_STEP_MAX,
} ServiceStep;
const char *service_step_to_string(ServiceStep s);              /* "init_host", … */

/* What all services of the process share. Borrowed; outlives them. */
typedef struct ServiceEnvironment {
        sd_event *event;
        Config *config;
        Pool *pool;
        Store *store;
        Rpc *rpc;                       /* NULL = no broker: a service for D-Bus alone */
        OperationJournal *journal;      /* NULL = none is kept: what is accepted may be lost */
        const ManagerClass *const *manager_classes;     /* NULL-terminated */
        usec_t (*now)(void);            /* NULL = now_monotonic; tests turn it */
} ServiceEnvironment;

/* Arguments of Service.create; NULL, "" and 0 take the flag (essex 7.1); intervals below 0 mean off. */
typedef struct ServiceArgs {
        const char *host, *binary, *topic, *manager;
        int report_interval, periodic_interval;         /* seconds */
        const char *compute_driver;                     /* further arguments go to the manager and are kept */
        const char *const *extra;
} ServiceArgs;

/* Builds the service and its manager. ClassNotFound and the driver's failures in @e: the program ends with them. */
int service_create(Service **ret, const ServiceEnvironment *environment, const ServiceArgs *args, NovaException *e);
Service *service_free(Service *s);
DEFINE_CLEANUP(Service *, service_free)

/* Both return at once; observers hear of the end. Start of a running service and stop of a stopped one are 0 and do
 * nothing; -EBUSY while the other is under way. Stop: no more consuming, requests in flight end or are handed back
 * within the stop limit, timers end, connection closed. */
int service_start(Service *s);
int service_stop(Service *s);
/* stop, then the row (and its compute nodes) soft-deleted. */
int service_kill(Service *s);

/* report_state now, update_available_resource now, one periodic task by name (-ENOENT): @done on the main loop with 0 or
 * -errno and the exception; may be NULL. -ESHUTDOWN unless running or degraded. */
typedef void (*ServiceDone)(int r, const NovaException *e, void *userdata);
int service_report_state(Service *s, ServiceDone done, void *userdata);
int service_update_available_resource(Service *s, ServiceDone done, void *userdata);
int service_run_periodic_task(Service *s, const char *name, ServiceDone done, void *userdata);
/* The services row's disabled flag and reason, as the API would set them; tells the driver (set_host_enabled). */
int service_set_enabled(Service *s, bool enabled, const char *reason, ServiceDone done, void *userdata);
/* What is wrong with the journal, for trouble; NULL = nothing. */
void service_set_journal_trouble(Service *s, const char *text);
/* Asks the operation of that number (service_foreach_operation) to stop: 0, -ENOENT, -EALREADY. */
int service_cancel_operation(Service *s, uint64_t id);
/* Takes over what a new configuration may change while running. */
void service_reload(Service *s, Config *config);
/* What an accepted request, whatever its origin, comes through: finds the method by name; -ENOENT, -EINVAL for wrong
 * arguments, -ESHUTDOWN, with @e: then @finished is not called. @args is copied, @c gets a reference. @finished may run
 * before this returns. */
int service_call(Service *s, const char *method, const json_t *args, RequestContext *c, OperationOrigin origin,
                 void (*finished)(Operation *o), void *origin_data, NovaException *e);
/* For who asks on D-Bus (origin bus): the number of the operation in *ret_id. What becomes of it is told by service_job_table:
 * JOB_ADDED once it is accepted, JOB_REFUSED if it is not; of a method that changes nothing there is no telling. */
int service_begin(Service *s, const char *method, const json_t *args, RequestContext *c, uint64_t *ret_id, NovaException *e);

/* While it is @on nothing that changes something begins (the host goes down): those who ask on D-Bus are refused with -EHOSTDOWN, what comes
 * over RPC is accepted and waits, for the end of this or, after a stop, for the next start. */
void service_put_off(Service *s, bool on);

/* What changed, for observers. One may stop the service, not free it. */
enum {
        SERVICE_CHANGED_STATE = 1 << 0,         /* state, trouble, step */
        SERVICE_CHANGED_RECORD = 1 << 1,        /* enabled, reason, zone, id */
        SERVICE_CHANGED_REPORT = 1 << 2,        /* report count, last report, model connected */
        SERVICE_CHANGED_BROKER = 1 << 3,
        SERVICE_CHANGED_TIMERS = 1 << 4,
        SERVICE_CHANGED_STALLED = 1 << 5,
};
Observers *service_observers(Service *s);

/* For display, on the main loop; pointers live until the next change. */
const char *service_host(const Service *s);
const char *service_binary(const Service *s);
const char *service_topic(const Service *s);
const char *service_manager_class(const Service *s);
const char *service_compute_driver(const Service *s);   /* as given to service_create; NULL = by configuration */
const char *const *service_extra(const Service *s);     /* NULL-terminated */
Manager *service_manager(const Service *s);
ServiceState service_state(const Service *s);
ServiceStep service_step(const Service *s);
const char *service_trouble(const Service *s);          /* "" when well, else one line for people */
int service_failure(const Service *s);                  /* -errno of what failed it; 0 = it has not */
bool service_model_disconnected(const Service *s);
const ServiceRecord *service_record(const Service *s);  /* as last read; id 0 = none yet */
usec_t service_last_report(const Service *s);           /* realtime; 0 = never */
usec_t service_report_interval(const Service *s);       /* 0 = off */
usec_t service_periodic_interval(const Service *s);
const RpcStatus *service_broker(const Service *s);
const char *const *service_queues(const Service *s);    /* NULL-terminated */
size_t service_timers(const Service *s, LoopingCallInfo *ret, size_t max);

typedef struct PeriodicTaskInfo {
        const char *name;
        bool enabled;                   /* by its option, and the timer is on */
        usec_t spacing;                 /* 0 = every tick */
        uint64_t runs;                  /* times it was due since the start */
        bool running;
} PeriodicTaskInfo;
size_t service_periodic_tasks(const Service *s, PeriodicTaskInfo *ret, size_t max);

uint64_t service_requests(const Service *s);            /* accepted since the start of the process */
uint64_t service_failures(const Service *s);
/* "get_host_uptime (12 s)", NULL-terminated. A pool tells one listener: of several services on one pool, the one made last
 * lists the calls of all. */
char *const *service_stalled(const Service *s);
/* Whether a call of that name and key (NULL = none) is among them. */
bool service_is_stalled(const Service *s, const char *name, const char *key);
/* Each of them: @running so long, in microseconds. */
void service_foreach_stalled(const Service *s, void (*f)(const char *name, const char *key, usec_t running, void *userdata), void *userdata);
/* Operations in flight, oldest first: what a stop waits for. */
unsigned service_operations_running(const Service *s);
/* Those of them that change something, as they are shown, of all runs of the service. Lives as long as @s. */
JobTable *service_job_table(const Service *s);
void service_foreach_operation(const Service *s, void (*f)(const OperationInfo *info, void *userdata), void *userdata);

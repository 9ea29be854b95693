/* Between the files of this room. */
#pragma once

#include "bus/bus.h"
#include "bus/errors.h"
#include "bus/logind.h"
#include "bus/polkit.h"
#include "bus/value.h"
#include "compute/instance-table.h"

#define ACTION_MANAGE_SERVICE "org.nova.compute1.manage-service"
#define ACTION_REPORT_STATE "org.nova.compute1.report-state"
#define ACTION_UPDATE_RESOURCES "org.nova.compute1.update-resources"
#define ACTION_CREATE_INSTANCES "org.nova.compute1.create-instances"
#define ACTION_MANAGE_INSTANCES "org.nova.compute1.manage-instances"
#define ACTION_SNAPSHOT_INSTANCES "org.nova.compute1.snapshot-instances"
#define ACTION_DELETE_INSTANCES "org.nova.compute1.delete-instances"
#define ACTION_CHANGE_GUESTS "org.nova.compute1.change-guests"
#define ACTION_READ_CONSOLE "org.nova.compute1.read-console"
#define ACTION_READ_DIAGNOSTICS "org.nova.compute1.read-diagnostics"
#define ACTION_CANCEL_JOBS "org.nova.compute1.cancel-jobs"

#define SERVICE_INTERFACE "org.nova.Compute1.Service"
#define NODE_INTERFACE "org.nova.Compute1.Node"
#define MANAGER_INTERFACE "org.nova.Compute1.Manager"
#define INSTANCE_INTERFACE "org.nova.Compute1.Instance"
#define JOB_INTERFACE "org.nova.Compute1.Job"
#define INSTANCES_PATH BUS_PATH "/instance"
#define JOBS_PATH BUS_PATH "/job"
#define JOB_PATH_MAX 64         /* with NUL */

/* A row of an interface's table of properties. */
typedef struct BusProperty {
        const char *name;
        unsigned changes;               /* the observers' flags after which it may be another; 0 = const or not signalled */
} BusProperty;

#define UNSENT_MAX 2u                   /* messages of ours that the bus has not taken yet: beyond, there is no room for more */
#define BUS_PRIORITY_SERVE (SD_EVENT_PRIORITY_NORMAL + 10)      /* calls that wait: behind the bus itself, before what is done when idle */

#define PROPERTIES_MAX 64               /* of an interface: they are counted in the bits of a word */

typedef struct BusObject BusObject;
typedef struct BusFeed BusFeed;
typedef struct Fairness Fairness;
typedef struct BusFollowers BusFollowers;

typedef struct BusInterface {
        const char *name;
        const BusProperty *properties;
        size_t n;
        int (*value)(const BusObject *o, size_t property, BusValue *ret);
} BusInterface;

/* An interface of an object, and what was told of it. */
struct BusObject {
        Bus *bus;
        const BusInterface *interface;
        const char *path;
        uint64_t *told;                 /* hashes of the values last told, one per property */
        uint64_t dirty;                 /* a bit per property that may have changed since */
        bool announced;                 /* InterfacesAdded was told, or whoever asks knows it anyway */
        BusObject *previous, *next;     /* in the bus's list of those of which there is something to tell */
};

typedef enum BusCallWait {
        WAIT_RESULT,                    /* of something the service was asked */
        WAIT_STARTED,
        WAIT_STOPPED,
        WAIT_JOB,                       /* for the operation to be accepted */
        _BUS_CALL_WAIT_MAX,
} BusCallWait;

/* A verb whose answer is still to come. While the service works on it the service holds it (as the userdata of
 * bus_call_on_result); @bus is NULL when the answer can reach nobody any more. */
typedef struct BusCall BusCall;
typedef struct BusInstance BusInstance;
typedef struct BusJob BusJob;

struct BusCall {
        Bus *bus;
        sd_bus_message *message;
        BusCallWait wait;
        bool began;                     /* WAIT_STARTED: the start was seen under way */
        const char *what;               /* begins the sentence of a failure; static */
        uint64_t job;                   /* WAIT_JOB: the operation's number */
        int (*answer)(sd_bus_message *reply, const char *job, void *data);      /* WAIT_JOB: NULL = the path of the job, alone */
        void *data;                     /* for @answer; malloc'ed, freed with the call */
        BusCall *previous, *next;
};

/* Calls kept for the time when there is a service to answer for; more are answered without. */
#define BUS_EARLY_MAX 64

/* The verbs that two states and a lock allow: made when first asked for. */
typedef struct BusVerbs {
        const char **names;
} BusVerbs;

/* The manager's observers' flags that org.nova.Compute1.Manager depends on, and more. */
enum {
        BUS_MANAGER_CHANGED_INSTANCES = 1 << 16,
        BUS_MANAGER_CHANGED_JOBS = 1 << 17,
};

struct Bus {
        sd_event *event;
        Launcher *launcher;
        Service *service;
        Manager *manager;               /* the service's */
        bool had_service;               /* no service now means stopped, not yet starting */
        bool leaving;                   /* the name is given up next: nothing more is told */
        BusCallbacks callbacks;

        const char *name;               /* asked for */
        sd_bus *bus;                    /* NULL between a loss and the next try */
        bool named;                     /* the name is ours */
        bool starting;                  /* bus_new is waiting: it sees to failures itself */
        sd_bus_message *early[BUS_EARLY_MAX];   /* calls that came while it waited, such as the one that activated us */
        unsigned n_early;
        int refused;                    /* -errno: the bus has refused us the name */
        bool was_lost;                  /* the log says it is away */
        unsigned attempt;
        sd_event_source *retry;         /* timer to the next try; also closes what has ended */
        sd_bus_slot *name_request;

        Fairness *fairness;
        Authority *authority;
        BusFeed *feed;                  /* of queries */
        Logind *logind;
        bool host_goes_down;
        char *metrics;                  /* GetMetrics' last answer; NULL = none */
        usec_t metrics_made;            /* monotonic */
        BusFollowers *followers;        /* of consoles; NULL = none yet */
        BusCall *calls;
        unsigned n_calls;

        BusObject service_object, node_object, manager_object;
        uint64_t service_told[PROPERTIES_MAX], node_told[PROPERTIES_MAX], manager_told[PROPERTIES_MAX];
        BusObject *first_dirty, *last_dirty;    /* of which there is something to tell, in the order in which it came about */

        InstanceTable *instance_table;  /* the manager's; NULL = it has none */
        JobTable *job_table;            /* the service's */
        void *instances;                /* tree of BusInstance by uuid */
        BusInstance *first_instance, *last_instance;
        unsigned n_instances;
        BusVerbs verbs[2][_VM_STATE_MAX][_TASK_STATE_MAX];        /* the first: not locked, locked */
        void *jobs;                     /* tree of BusJob by id */
        BusJob *first_job, *last_job;
        unsigned n_jobs;
        bool behind;                    /* there was more to tell than the bus took at once */
        bool jobs_paused;               /* nothing is heard of jobs until the bus has taken what was told of them */
        sd_event_source *tell;          /* sends what is dirty, once per turn of the loop */
        sd_event_source *taken;         /* looks, after each turn of the loop, whether the bus has taken what we have sent */
};

/* ---- bus.c ---- */

/* Whether somebody can hear: there is a bus and the name is ours. */
bool bus_can_tell(const Bus *b);

/* ---- pace.c: telling as fast as the bus takes it ---- */

/* Makes b->tell and b->taken. 0 or -errno. */
int bus_pace_new(Bus *b);
void bus_pace_free(Bus *b);
/* There is something to tell: it is told within this turn of the loop, if the bus takes it. */
void bus_tell_soon(Bus *b);
/* How many of our messages the bus has not taken yet. */
uint64_t bus_unsent(const Bus *b);
/* Something was told of a job: if the bus does not keep up, nothing more is heard of jobs until it does. */
void bus_jobs_keep_pace(Bus *b);
/* There is no bus to wait for any more, or another table. */
void bus_jobs_go_on(Bus *b);
/* Some of what could not be told at once, between two calls that are served. */
void bus_tell_some(Bus *b);

/* ---- fair.c ---- */

int fairness_new(Fairness **ret, Bus *b);
Fairness *fairness_free(Fairness *f);
/* The bus goes: nobody waits any more. */
void fairness_drop_all(Fairness *f);
/* A caller has left the bus: his calls are let go. */
void fairness_drop_caller(Fairness *f, const char *name);
/* A filter, called before all others: @userdata is the Bus. */
int fairness_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* ---- properties.c ---- */

/* @path and @told (one per property) are the object's own. @announced: nobody need be told that it is there. */
void bus_object_init(BusObject *o, Bus *b, const BusInterface *i, const char *path, uint64_t *told, bool announced);
/* Has InterfacesAdded told in its turn; until then its changes are part of that. */
void bus_object_announce(BusObject *o);
/* Before its memory goes. */
void bus_object_done(BusObject *o);
/* Marks the properties that depend on @changes; they are compared and told at the end of the turn. */
void bus_object_changed(BusObject *o, unsigned changes);
/* Learns the values without telling: somebody new reads them himself. */
void bus_object_learn(BusObject *o);
/* The getter of every property: finds the row and appends the value. */
int bus_object_get(const BusObject *o, const char *property, sd_bus_message *reply);
/* Tells what is dirty, of at most @max objects, for as long as the bus takes it; UINT_MAX: all of it, whether it does or not. Whether
 * something is left. */
bool bus_tell_changes(Bus *b, unsigned max);

/* ---- bus-host.c ---- */

int bus_host_init(Bus *b);

/* ---- calls.c ---- */

/* Answers @m with what @append appends of @data. 1, or -errno when it is not answered. */
int bus_answer(sd_bus_message *m, int (*append)(sd_bus_message *reply, const void *data), const void *data);
/* Keeps @m to be answered later. LimitsExceeded when too many wait. */
int bus_call_new(Bus *b, sd_bus_message *m, BusCallWait wait, const char *what, BusCall **ret, sd_bus_error *error);
/* Forgets it unanswered: for a handler that answers with an error itself. */
BusCall *bus_call_free(BusCall *c);
/* Answers, and frees it. */
void bus_call_finish(BusCall *c, int r, const NovaException *e);
/* ServiceDone: @userdata is the BusCall. */
void bus_call_on_result(int r, const NovaException *e, void *userdata);
/* The service is in another state: answers those who wait for it. */
void bus_calls_on_state(Bus *b);
/* The service goes: answers who waits for its state. */
void bus_calls_on_no_service(Bus *b);
/* The bus goes: with @answer tells those who wait, else (it is gone) only forgets them. */
void bus_calls_drop(Bus *b, bool answer);

/* ---- one file per interface ---- */

extern const sd_bus_vtable bus_service_vtable[], bus_node_vtable[], bus_manager_vtable[], bus_instance_vtable[], bus_job_vtable[],
        bus_log_control_vtable[];
extern const BusInterface bus_service_interface, bus_node_interface, bus_manager_interface;
/* A filter: the writable properties of LogControl1 go through polkit too, which a property's setter cannot wait for. */
int bus_log_control_filter(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* The periodic tasks of @m, of any class, or NULL: none. */
const PeriodicTask *bus_manager_tasks(Manager *m, size_t *ret_n);

/* ---- bus-instance.c: the instances of the manager's table ---- */

/* An instance on the bus: what handlers of org.nova.Compute1.Instance get as userdata. It may be gone the next time. */
struct BusInstance {
        BusObject object;               /* first; object.bus is the Bus */
        const InstanceView *view;
        BusJob *first_job, *last_job;   /* about it, oldest first */
        BusInstance *previous, *next;   /* all there are, in the order they came */
        const char *path;               /* behind @told, in the same memory */
        uint64_t told[];
};

/* Adds what is in the table now, and follows it. NULL: there is none any more, all go. */
void bus_instances_set_table(Bus *b, InstanceTable *t);
BusInstance *bus_instance_find(const Bus *b, const char *uuid); /* NULL = there is none */
/* The path of an instance of that uuid, whether there is one or not: malloc'ed, NULL when out of memory. */
char *bus_instance_path(const char *uuid);
int bus_instance_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int bus_instance_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
/* A name as GetInstance takes it. NULL with @error: none, or several. */
BusInstance *bus_instance_by_name(const Bus *b, const char *name, sd_bus_error *error);
/* Its jobs changed. */
void bus_instance_jobs_changed(BusInstance *i);

/* ---- bus-job.c: the operations that change something ---- */

struct BusJob {
        BusObject object;               /* first */
        const JobView *view;
        BusInstance *instance;          /* NULL = none, or there is no such object */
        BusJob *of_instance_previous, *of_instance_next;
        BusJob *previous, *next;
        bool added;                     /* the bus was told of the object */
        char path[JOB_PATH_MAX];
        uint64_t told[];
};

void bus_jobs_set_table(Bus *b, JobTable *t);
void bus_job_path(uint64_t id, char ret[static JOB_PATH_MAX]);
int bus_job_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int bus_job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
/* @i has come, or goes: its jobs are found, or let go. */
void bus_jobs_join_instance(Bus *b, BusInstance *i);
void bus_jobs_leave_instance(BusInstance *i);

/* The service's list of calls beyond their deadline is another. */
void bus_jobs_stalled_changed(Bus *b);

/* Begins @method of the manager with @args (an object, copied) for the caller of @m, who has been authorized, as an operation
 * of origin bus; @context: as whom (a reference of its own is taken), NULL = the host's administrator. The call is answered when it is accepted: with the job's path, or what @answer appends (@data is malloc'ed
 * or NULL, and taken over in every case); or with the exception that it ended with before. Returns 1, or -errno with @error: for
 * a handler to return. */
int bus_job_begin(Bus *b, sd_bus_message *m, RequestContext *context, const char *method, const json_t *args, const char *what,
                  int (*answer)(sd_bus_message *reply, const char *job, void *data), void *data, sd_bus_error *error);

/* ---- queries.c: verbs that ask the manager before they answer ---- */

/* On the loop, with what the query found (NULL = null): answers @m and returns 1, or returns -errno with @error; may begin something else
 * that answers. @data stays whose it was. */
typedef int (*BusQueryDone)(Bus *b, sd_bus_message *m, const json_t *result, void *data, sd_bus_error *error);

/* Makes b->feed; and before the bus goes, on the loop: what still comes is let go. */
int bus_queries_new(Bus *b);
void bus_queries_free(Bus *b);
/* Runs the query @method of the manager with @args (copied) for the caller of @m, who has been authorized; then @done, unless it failed:
 * that is told. @data is freed with @free_data (may be NULL) in every case. Returns 1, or -errno with @error: for a handler to return. */
int bus_query_begin(Bus *b, sd_bus_message *m, RequestContext *context, const char *method, const json_t *args, const char *what,
                    BusQueryDone done, void *data, void (*free_data)(void *data), sd_bus_error *error);

/* The same for the bus itself: nobody waits. @told on the loop with what was found, or NULL and why; @data is malloc'ed and freed after it,
 * or when it is not called any more. 0, or -errno: then @data is freed. */
int bus_query_ask(Bus *b, const char *method, const json_t *args,
                  void (*told)(Bus *b, const json_t *result, const NovaException *e, void *data), void *data);

/* ---- follow-console.c ---- */

int bus_follow_console(sd_bus_message *m, void *userdata, sd_bus_error *error);         /* @userdata: the BusInstance */
int bus_unfollow_console(sd_bus_message *m, void *userdata, sd_bus_error *error);
void bus_followers_drop(Bus *b);        /* the connection goes */
void bus_followers_free(Bus *b);

/* ---- create-instance.c ---- */

int bus_create_instance(sd_bus_message *m, void *userdata, sd_bus_error *error);        /* @userdata: the Bus */

/* Who asks, as the compute API has it: user "uid:1000", or @user; of @project; an administrator only when @admin. NULL when out of
 * memory. Of a call that authority_check has just said yes to. */
RequestContext *bus_context(Bus *b, sd_bus_message *m, const char *user, const char *project, bool admin);
/* "uid:1000" of such a call; "uid:unknown" if the bus did not say. */
void bus_caller(Bus *b, sd_bus_message *m, char ret[static 24]);

/* ---- instance-verbs.c ---- */

int bus_instance_verb(sd_bus_message *m, void *userdata, sd_bus_error *error);  /* @userdata: the BusInstance */

/* Reads options, of which the verb knows none: InvalidArgs with the name of one. Returns 0 or -errno with @error. */
int bus_refuse_options(sd_bus_message *m, sd_bus_error *error);

/* ---- manager-lists.c: more of Manager ---- */

int bus_manager_list_drift(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_manager_list_stalled(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_manager_recover(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_manager_recover_dry_run(sd_bus_message *m, void *userdata, sd_bus_error *error);       /* recovery-plan.c */
void bus_drift_changed(Bus *b);

/* ---- bus-verbs.c: handlers ---- */

/* The part all verbs of the service share: polkit, before anything that the caller says is judged. Returns 1 to go on, with @m to be read
 * from its beginning, 0 when asked (the handler returns 1 and is called again), or -errno with @error. @task may be NULL. */
int bus_verb_authorize(Bus *b, sd_bus_message *m, const char *verb, const char *action, const char *task, sd_bus_error *error);
/* The same for a verb that takes options alone, of which it knows none. */
int bus_verb_authorize_simple(Bus *b, sd_bus_message *m, const char *verb, const char *action, sd_bus_error *error);

int bus_verb_start(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_stop(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_kill(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_reload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_report_state(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_update_available_resource(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_enable(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_disable(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_run_periodic_task(sd_bus_message *m, void *userdata, sd_bus_error *error);

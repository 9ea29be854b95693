/* The inside of ComputeManager, for the files of this folder and their tests. What is shown of it is in manager.h.
 *
 * Threads: the fields of the first group are set at construction and never change. Those of the second are the main
 * loop's. The third is under the lock. The gates belong to the one periodic task each. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "basic/id.h"
#include "basic/mailbox.h"
#include "compute/driver-metrics.h"
#include "compute/drift.h"
#include "compute/hooks.h"
#include "compute/leases.h"
#include "compute/instance-events.h"
#include "compute/manager.h"
#include "compute/notifier.h"
#include "compute/own-request.h"
#include "service/operation.h"

/* A set of texts that remembers what was said already: only what is new is told again. */
typedef struct NameSet {
        char **items;
        size_t n;
} NameSet;
void name_set_done(NameSet *s);
bool name_set_has(const NameSet *s, const char *name);
int name_set_add(NameSet *s, const char *name);         /* 1 if it is new, 0 if it was there, -ENOMEM */
bool name_set_remove(NameSet *s, const char *name);     /* whether it was there */

/* What is said in the log once, not each time. */
enum {
        SAID_FILTERING_RULES = 1 << 0,
        SAID_UNCONFIRMED_RESIZES = 1 << 1,
        SAID_BANDWIDTH = 1 << 2,
        SAID_IMAGE_CACHE = 1 << 3,
        SAID_HEAL_FAILED = 1 << 4,
        SAID_NODES_EMPTY = 1 << 5,
        SAID_HOST_STATS = 1 << 6,
        SAID_SHELVED = 1 << 7,
        SAID_PUBLISH_FAILED = 1 << 8,
};

typedef struct LinkEvents LinkEvents;   /* network/events.h */

struct ComputeManager {
        Manager manager;                /* first: a Manager is one */

        char *host;
        char *driver_name;              /* what compute_driver said */
        sd_event *event;
        Pool *pool;
        Store *store;
        Messenger *messenger;           /* may be NULL */
        ComputeDriver *driver;
        DriverMetrics driver_metrics;
        StoreLeases leases;             /* of the local networks */
        NetworkApi *network_api;
        VolumeApi *volume_api;
        NetworkManager *network_manager;
        Notifier *notifier;
        EventRegistry *events;          /* who waits for which external event */
        Hooks *hooks;
        char **extra;                   /* further construction arguments */
        usec_t (*now)(void);            /* monotonic; a test turns it */
        const char *boot_id_path;       /* a test has its own */
        usec_t settle_delay;            /* a guest that went off by itself is believed after so long */

        /* main loop */
        ComputeNode node;
        bool has_node;
        usec_t node_updated;
        char *hypervisor_error;
        char *trouble;
        NameSet settling;               /* uuids to look at again when settle_timer fires */
        sd_event_source *settle_timer;
        InstanceTable *instances;       /* what is shown of them */
        Offer *offer;                   /* NULL = not yet read */
        sd_event_source *images_watch, *images_timer;
        LinkEvents *link_events;        /* of bridges of the local networks; NULL = there are none */
        void (*going_down_done)(void *userdata);        /* who waits for it; NULL = nobody */
        void *going_down_userdata;
        sd_event_source *going_down_limit;

        /* under the lock */
        pthread_mutex_t lock;
        Config *config;
        Mailbox *mailbox;               /* NULL: the loop's part has ended */
        json_t *last_capabilities;
        NameSet unrecovered;            /* their recovery failed for a passing reason: tried again */
        NameSet failed;                 /* those that recovery set to ERROR: named in trouble */
        DriftList drift;                /* sorted by kind and name */
        NameSet deleted_guests;         /* guests of deleted rows, already named */
        json_t *delete_attempts;        /* {uuid: number}, of files of deleted rows; or NULL */
        NameSet open;                   /* with open requests in the journal: their recovery comes behind these */
        NameSet heal_queue;
        NameSet own_requests;           /* instances about which the host has asked itself for something */
        NameSet went_down;              /* those whose guests were shut down as the host goes down */
        bool driver_ready;              /* driver.init_host has succeeded */
        bool driver_closing;            /* cleanup_host was called: that the connection ends is no event */
        bool host_rebooted;             /* since the service ran last */
        char *boot_id;                  /* to be remembered when all recoveries have ended */
        unsigned recovering;

        pthread_mutex_t resources_lock; /* compute_resources: the tracker's, with all claims */
        struct TrackedNode *tracked_nodes;      /* under resources_lock */
        size_t n_tracked_nodes;
        char *identity_node;            /* under resources_lock: the one node of this host, NULL if it has several */
        char identity[UUID_TEXT_MAX];   /* its uuid (compute_id) */
        atomic_bool offer_submitted;    /* it is about to be read anew */
        atomic_bool refresh_submitted;  /* the usage is about to be computed anew */

        /* the gates of the seed: monotonic time of the last work, 0 = never */
        usec_t last_host_check, last_bw_usage_poll, last_info_cache_heal;

        atomic_uint refs;               /* the owner, and each job under way */
        atomic_uint said;               /* SAID_… */
        atomic_bool stopping;

        /* the host goes down: what guests do now says nothing about what they are to do */
        atomic_bool going_down;
        usec_t going_down_until;        /* monotonic; set before that */
        atomic_uint going_down_left;    /* jobs for it that have not ended */
};

static inline ComputeManager *manager_to_compute(Manager *m) {
        return CONTAINER_OF(m, ComputeManager, manager);
}

/* ---- manager.c ---- */

/* What the construction takes for granted; tests give their own driver. Owns @driver. */
int compute_manager_new(ComputeManager **ret, const ManagerArgs *args, ComputeDriver *driver, NovaException *e);
ComputeManager *compute_manager_ref(ComputeManager *m);
ComputeManager *compute_manager_unref(ComputeManager *m);

/* The snapshot in force, one reference. */
Config *compute_manager_config(ComputeManager *m);

/* Whether this is said for the first time. */
bool compute_manager_say_once(ComputeManager *m, unsigned what);

/* Runs @run on the pool; @uuid (may be NULL) is the key: after and before other work on that instance. */
int compute_manager_submit(ComputeManager *m, JobKind kind, const char *name, const char *uuid, usec_t deadline,
                           void (*run)(ComputeManager *m, const char *uuid));

/* Any thread: hands the loop a new view of the node (copied); tells it that the driver's state or the list of failed
 * instances changed; has an instance looked at once it has settled. */
void compute_manager_show_node(ComputeManager *m, const ComputeNode *n);
void compute_manager_show_hypervisor(ComputeManager *m, const char *error);
void compute_manager_show_trouble(ComputeManager *m);
void compute_manager_show_drift(ComputeManager *m);
void compute_manager_show_offer(ComputeManager *m, Offer *offer);       /* takes it over */
void compute_manager_settle(ComputeManager *m, const char *uuid);
void compute_manager_show_host_down(ComputeManager *m);         /* compute_host_down_ended, on the loop */
/* Any thread: has the loop begin a request of the host's own; takes it over. */
void compute_manager_post_request(ComputeManager *m, OwnRequest *q);

/* Failures that pass by themselves: nothing is wrong with the instance or the request. */
bool failure_is_passing(int r, const NovaException *e);
bool failure_is(const NovaException *e, ExceptionClass c);
/* For a driver's function that is not there. */
int driver_not_implemented(NovaException *e, const char *function);
#define driver_invoke(d, function, e, ...)                                                  \
        ((d)->ops->function ? (d)->ops->function((d), ##__VA_ARGS__, (e))                   \
                            : driver_not_implemented((e), #function))
/* The same of the manager's driver, counted. */
#define driver_call(m, function, e, ...)                                                                                    \
        ({                                                                                                                  \
                DriverMetrics *_k = &(m)->driver_metrics;                                                                   \
                usec_t _began = driver_metrics_begin(_k);                                                                   \
                driver_metrics_end(_k, DRIVER_FUNCTION(function), #function, _began,                                        \
                                   driver_invoke((m)->driver, function, e, ##__VA_ARGS__));                                 \
        })
/* What a driver says it cannot do is NotImplementedError for the caller, whether it said so in words or not. */
int driver_result(int r, const char *function, NovaException *e);
/* A sentence for the log. */
const char *failure_text(int r, const NovaException *e);

/* ---- init-host.c ---- */

/* What recovery does with an instance, by its states and the guest's (zed 4.5). Pure. */
typedef enum RecoveryAction {
        RECOVERY_LEAVE,                 /* nothing, not even its interfaces */
        RECOVERY_CONTINUE,              /* states are well: interfaces, filters, restart after a boot of the host */
        RECOVERY_ERROR,                 /* interrupted half-way: vm_state error */
        RECOVERY_FORGET,                /* deleted but for its row */
        RECOVERY_DELETE,                /* the deletion runs again */
        RECOVERY_CLEAR_TASK,            /* then as CONTINUE */
        RECOVERY_ACTIVE,                /* task done by the hypervisor: active, no task; then as CONTINUE */
        RECOVERY_REBOOT_SOFT,
        RECOVERY_REBOOT_HARD,
        RECOVERY_UNPAUSE,
        RECOVERY_POWER_OFF,
        RECOVERY_POWER_ON,
        RECOVERY_REVERT_MIGRATION,
        RECOVERY_ABORT_LIVE_MIGRATION,
        _RECOVERY_ACTION_MAX,
} RecoveryAction;
const char *recovery_action_to_string(RecoveryAction a);
RecoveryAction recovery_action(VmState vm, TaskState task, PowerState guest);

int compute_init_host(ComputeManager *m, RequestContext *c, NovaException *e);
/* A failure of the store during the start, in the store's own words, which may name our files: told here, not to peers.
 * Returns @r. */
int local_store_failure(int r, const char *what, NovaException *e);
/* Those whose recovery failed for a passing reason, again. */
void compute_recover_again(ComputeManager *m);
/* One more of them. */
void compute_recover_later(ComputeManager *m, const char *uuid);

/* Method.run of _recover: as a start does with the instances of this host, but those with requests in flight; then compares all with the
 * hypervisor. Ends when all that has ended. */
int compute_run_recover(Operation *o, json_t **ret, NovaException *e);

/* ManagerOps.interrupted and recover_instance. */
void compute_interrupted(ComputeManager *m, const Operation *o);
void compute_recover_open_instance(ComputeManager *m, const char *uuid);
/* A request that failed since the store could not be written has left its instance in the middle of something: as soon as the
 * store can be written it is dealt with as a start would. Waits for that, at most until the daemon ends. On a worker, under
 * the instance's key. */
void compute_recover_when_stored(ComputeManager *m, RequestContext *c, const char *uuid);

/* ---- instance.c: what several themes do to one instance ---- */

/* stub_network: there is no network service to talk to. */
bool network_is_stub(ComputeManager *m);
/* Its cached network info, always an array. New reference, NULL when out of memory. */
json_t *instance_network_info(const Instance *i);
/* Essex's numbers as today's, so that both compare. */
PowerState power_state_normal(PowerState s);
/* What the hypervisor says; POWER_NOSTATE and 0 when it knows no such guest, 1 when it does, -errno. */
int compute_instance_power(ComputeManager *m, const Instance *i, PowerState *ret, NovaException *e);
/* Before the guest starts; what was plugged stays, whoever fails unplugs. And after it is gone: what fails is logged. */
int compute_network_plug(ComputeManager *m, const Instance *i, const json_t *network_info, NovaException *e);
void compute_network_unplug(ComputeManager *m, const Instance *i, const json_t *network_info);
/* On the loop: looks after the bridges of the local networks from now on. One that is taken away, with guests on it, is made anew. */
void compute_watch_networks(ComputeManager *m);
/* Takes away what the local networks have for instances that are gone, and says so. */
void compute_sweep_networks(ComputeManager *m);
/* Unplugs and deallocates all that the instance has, as well as it can: what is left over is logged. */
void compute_network_give_back(ComputeManager *m, RequestContext *c, const Instance *i, const json_t *network_info);
/* vm_state error, no task, and a fault row with @why. Returns 0, or -errno when the state could not be written. */
int compute_instance_failed(ComputeManager *m, Instance *i, int r, const NovaException *why);
/* Guest destroyed, network given back, row deleted (essex 11.4); volumes are not touched. */
int compute_instance_delete(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e);
/* By the driver, hard or soft; then active, no task, the power state as it is. */
int compute_instance_reboot(ComputeManager *m, RequestContext *c, Instance *i, RebootType type, NovaException *e);
/* Only the guest. @clean: it is asked first, for as long as its image or shutdown_timeout says. */
int compute_guest_power_off(ComputeManager *m, const Instance *i, bool clean, NovaException *e);
/* The same, asked, for at most @seconds. */
int compute_guest_shut_down_within(ComputeManager *m, const Instance *i, unsigned seconds, NovaException *e);
int compute_instance_power_off(ComputeManager *m, Instance *i, bool clean, NovaException *e);
int compute_instance_power_on(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e);

/* ---- offer-watch.c ---- */

/* Any thread: reads it anew, soon. */
void compute_offer_refresh(ComputeManager *m);
/* On the loop. */
void compute_offer_watch(ComputeManager *m);

/* ---- power-sync.c ---- */

/* What to do about an instance whose task_state is none. Pure: one verdict per row (F14). */
typedef enum PowerVerdict {
        POWER_KEEP,                     /* equal, or its vm_state says to leave it */
        POWER_SAVE,                     /* only power_state is written */
        POWER_STOP,                     /* the guest went off by itself: stopped */
        POWER_FORCE_STOP,               /* the guest runs though it should not */
        POWER_MISSING,                  /* the hypervisor does not know it: named, power_state none */
        _POWER_VERDICT_MAX,
} PowerVerdict;
PowerVerdict power_verdict(VmState vm, PowerState db, PowerState guest, bool exists);

/* One instance now, under its key: states read anew, then the verdict. */
void compute_sync_instance(ComputeManager *m, const char *uuid);
/* Every guest of the hypervisor with its state: malloc'ed. */
int compute_list_guests(ComputeManager *m, GuestState **ret, size_t *ret_n, NovaException *e);
int compute_sync_power_states(ComputeManager *m, RequestContext *c, NovaException *e);
void compute_on_driver_event(const DriverEvent *event, void *userdata);

/* ---- host-shutdown.c: on the main loop ---- */

/* ManagerOps.host_goes_down, host_stays_up and delays_shutdown. */
void compute_host_goes_down(ComputeManager *m, usec_t until, void (*done)(void *userdata), void *userdata);
void compute_host_stays_up(ComputeManager *m);
bool compute_host_down_waits(ComputeManager *m);
/* The last job of it has ended. */
void compute_host_down_ended(ComputeManager *m);

/* ---- capabilities.c ---- */
int compute_report_driver_status(ComputeManager *m, RequestContext *c, NovaException *e);
int compute_publish_capabilities(ComputeManager *m, RequestContext *c, NovaException *e);

/* ---- console.c ---- */
/* Tokens that let nobody in any more are removed. */
int compute_clean_console_tokens(ComputeManager *m, NovaException *e);

/* ---- methods.c, periodic.c ---- */
const Method *compute_methods(size_t *ret_n);
/* X of zed 5.1: a failure is told to who listens, by its class and text and the arguments without secrets (F42). */
void compute_notify_failure(ComputeManager *m, const Operation *o, int r, const NovaException *e);
/* The hook of monkey_patch: notifies that @o is about to run (essex 5.1), without its secrets. */
void compute_before_method(ComputeManager *m, const Operation *o);
const RpcEndpoint *compute_endpoints(bool rpc_ping, size_t *ret_n);
const PeriodicTask *compute_periodic_tasks(size_t *ret_n);

/* ---- metrics.c ---- */

/* ManagerOps.metrics. */
void compute_metrics_write(ComputeManager *m, MetricsText *t);

/* True, and @last set to now, when @interval has passed since @last or it never happened. */
bool gate_pass(ComputeManager *m, usec_t *last, usec_t interval);

/* What a Service knows of its manager: the interface (nova.manager.Manager of the seed). compute/ implements it.
 * A manager is named in configuration and found in the table given to service_create, or as a module
 * <libdir>/nova-compute/manager/<name>.so. */
#pragma once

#include "basic/metrics.h"
#include "basic/observer.h"
#include "basic/pool.h"
#include "config/config.h"
#include "db/store.h"
#include "objects/context.h"
#include "objects/messenger.h"
#include "objects/method.h"
#include "rpc/rpc.h"

#define MANAGER_MAGIC 0x4e564d47u       /* "NVMG" */
#define MANAGER_ABI 5u

typedef struct Manager Manager;
typedef struct OperationGate OperationGate;      /* service/operation.h */

/* A periodic task (essex 11.7, zed 4.9). Each has its own due time on the monotonic clock; it runs as a job of its own,
 * so that a slow one delays no other, and never twice at once. */
typedef struct PeriodicTask {
        const char *name;               /* "_sync_power_states" */
        const char *spacing_option;     /* option with its seconds: 0 = the default below, below 0 = off; NULL = fixed */
        unsigned spacing;               /* seconds when the option is 0 or absent; 0 = every tick */
        bool off_when_zero;             /* the option at 0 switches it off (reboot_timeout, …) */
        bool run_immediately;           /* also at the first tick after the start */
        usec_t deadline;                /* reported as stalled beyond; 0 = none */
        int (*run)(Manager *m, RequestContext *c, NovaException *e);    /* on a worker */
} PeriodicTask;

typedef struct ManagerArgs {
        const char *host;
        const Config *config;
        sd_event *event;                /* the main loop */
        Pool *pool;
        Store *store;                   /* open or not */
        Messenger *messenger;           /* NULL in tests without one */
        const char *compute_driver;     /* argument that wins over the option; NULL = option */
        const char *const *extra;       /* further construction arguments, kept for a clone; NULL-terminated or NULL */
} ManagerArgs;

/* What changed, for observers (on the main loop). */
enum {
        MANAGER_CHANGED_NODE = 1 << 0,          /* resources of the node */
        MANAGER_CHANGED_HYPERVISOR = 1 << 1,    /* connected or not */
        MANAGER_CHANGED_INSTANCES = 1 << 2,
        MANAGER_CHANGED_DRIFT = 1 << 3,         /* a finding has come or gone */
        MANAGER_CHANGED_OFFER = 1 << 4,         /* flavors, networks, images */
};

typedef struct ManagerOps {
        const char *class_name;         /* "nova.compute.manager.ComputeManager" */
        const char *service_name;       /* "compute": name in the capability fan-out */

        Manager *(*free)(Manager *m);
        /* On workers, may block; called again when it failed for a passing reason (-ENOTCONN, -EAGAIN, -EROFS, -EBUSY, -EIO…). */
        int (*init_host)(Manager *m, RequestContext *c, NovaException *e);
        int (*update_available_resource)(Manager *m, RequestContext *c, NovaException *e);
        void (*cleanup_host)(Manager *m);       /* at stop */

        /* On any thread: whether what METHOD_WHEN_READY is for can be done now, as far as is known; never blocks. A change is told by
         * MANAGER_CHANGED_HYPERVISOR. NULL = always. */
        bool (*ready)(Manager *m);
        /* Called on the worker before a method runs, with its checked arguments: monkey_patch's hook. May be NULL. */
        void (*before_method)(Manager *m, const Operation *o);

        /* Called on the worker after a method that may change state has run, before its outcome is recorded and told: what it wrote is safe
         * afterwards. 0 or -errno. May be NULL. */
        int (*settle)(Manager *m);

        /* What an earlier run accepted and this one cannot finish (objects/method.h, MethodRecovery): on a worker, under the
         * operation's key, its exception says why. The instance gets its fault and loses its task_state. May be NULL. */
        void (*interrupted)(Manager *m, const Operation *o);
        /* On a worker, for each instance that init_host left alone since it has open requests: they have been given their turn,
         * what is to be done with the instance as such comes behind them. May be NULL. */
        void (*recover_instance)(Manager *m, const char *uuid);

        /* Tables, static: asked for from any thread. */
        const Method *(*methods)(Manager *m, size_t *ret_n);
        const RpcEndpoint *(*endpoints)(Manager *m, size_t *ret_n);
        const PeriodicTask *(*periodic_tasks)(Manager *m, size_t *ret_n);

        /* On the main loop. */
        void (*reload)(Manager *m, const Config *config);
        /* A word for STATUS= when something of the manager's is not well ("hypervisor test:///default is not connected"), or NULL. */
        const char *(*trouble)(Manager *m);
        /* Adds what the manager knows to the metrics, families of names that begin with nova_compute_, from what it has in memory. May be
         * NULL. */
        void (*metrics)(Manager *m, MetricsText *t);

        /* The machine is about to be switched off or booted anew. Whether the manager has something to do first, for which the
         * machine should wait; then what it does until @until (monotonic), after which @done is called, once, from the loop or
         * from within; and that the machine stays up after all. May be NULL, all of them together. */
        bool (*delays_shutdown)(Manager *m);
        void (*host_goes_down)(Manager *m, usec_t until, void (*done)(void *userdata), void *userdata);
        void (*host_stays_up)(Manager *m);
} ManagerOps;

struct Manager {
        uint32_t magic, abi;
        const ManagerOps *ops;
        Observers observers;            /* notified on the main loop */

        /* What the manager asks of the service it belongs to, on the main loop: that a method runs as an operation of origin
         * periodic, in its turn among all requests about that instance and journalled as they are, if @due (may be NULL) says
         * so when its turn has come. As service_call; NULL = it belongs to no service. Set by the service. */
        int (*request)(void *service, const char *method, const json_t *args, RequestContext *c, bool (*due)(Operation *o),
                       void (*finished)(Operation *o), void *origin_data, NovaException *e);
        void *service;

        /* Of init_host, while it runs: instances with open requests in the journal, NULL-terminated; NULL = none. */
        const char *const *open_instances;
        /* And the gate of what this run has accepted so far; NULL = nothing. */
        OperationGate *gate;
};

static inline Manager *manager_free(Manager *m) {
        return m ? m->ops->free(m) : NULL;
}
DEFINE_CLEANUP(Manager *, manager_free)

/* A class that can be named in configuration: Essex's dotted name, and short ones. A module exports one as
 * `nova_manager_class`. */
typedef struct ManagerClass {
        uint32_t magic, abi;
        const char *const *names;       /* NULL-terminated */
        int (*construct)(const ManagerArgs *args, Manager **ret, NovaException *e);
} ManagerClass;

#define MANAGER_CLASS_SYMBOL "nova_manager_class"

/* import_class of the seed: finds @name among @classes (NULL-terminated; may be NULL) or as the module
 * <directory>/<name>.so, which stays loaded. @directory: NULL = where modules are installed. -ENOENT with ClassNotFound
 * naming the class and what was tried; -ELIBBAD ("Expected object of type: …") for a module of another kind or ABI. */
int manager_class_find(const ManagerClass *const *classes, const char *directory, const char *name,
                       const ManagerClass **ret, NovaException *e);

/* The manager's method of that name that is served to one of @served; NULL if there is none. Any thread. */
const Method *manager_method(Manager *m, const char *name, unsigned served);

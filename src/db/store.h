/* The store: where Nova's records live. An interface (design.md section 1): `local` keeps them in SQLite, `conductor`
 * will ask a cell. All functions are thread-safe and may block: never on the main loop.
 *
 * Returns: 0 or more as said, or -errno; outputs are set on success only:
 *   -EROFS     the file or its directory cannot be written; reading may still work
 *   -ENOSPC    no room, or a limit on the size of files
 *   -EBUSY     locked by another process, or by other calls, beyond the busy timeout (5 s, or ?timeout= of sql_connection)
 *   -EUCLEAN   damaged: the file is kept as <file>.corrupt-<UTC time>[-n] with its log, one line with MESSAGE_DATABASE_CORRUPT
 *              says so (the one fault the store logs itself, since it acts on it), and the next call begins a new one
 *   -EALREADY  another process works on this state (holds <file>.lock)
 *   -ENOTSUP   written by a newer nova-compute; -EINVAL another program's database, not a file, or a row that no table takes
 *   -EEXIST    a unique key; -EBADMSG a row that somebody edited to what is no value
 *   -ENOENT, -ENOTDIR, -EACCES, -EIO, -ENOMEM … as of any file
 * @e, where given, carries Nova's exception. store_last_error says more.
 *
 * No failure ends the store: each call opens anew what the one before had to give up, so that it works again as soon as the
 * cause is gone; also when the file was removed or replaced meanwhile. A caller need not call open again. */
#pragma once

#include "basic/macros.h"
#include "config/config.h"
#include "objects/compute-node.h"
#include "objects/console-token.h"
#include "objects/exception.h"
#include "objects/instance.h"
#include "objects/service-record.h"
#include "objects/virtual-interface.h"

typedef struct Store Store;

typedef enum ReadDeleted {
        READ_DELETED_NO,
        READ_DELETED_YES,       /* both */
        READ_DELETED_ONLY,
} ReadDeleted;

typedef struct ServiceRecordList {
        ServiceRecord *items;
        size_t n;
} ServiceRecordList;
void service_record_list_done(ServiceRecordList *l);

typedef struct ComputeNodeList {
        ComputeNode *items;
        size_t n;
} ComputeNodeList;
void compute_node_list_done(ComputeNodeList *l);

/* The counters of an interface as they stand, and the period that what they grew by belongs to (bw_usage_cache). */
typedef struct BandwidthUsage {
        char *mac;
        char *instance_uuid;            /* may be NULL */
        usec_t start_period, last_refreshed;
        int64_t bw_in, bw_out;
} BandwidthUsage;

/* What an event of an action is recorded with (instance_actions, instance_actions_events). */
typedef struct ActionEvent {
        const char *instance_uuid;
        const char *action;             /* "reboot": what the user asked for */
        const char *event;              /* "compute_reboot_instance": what a service did for it */
        const char *request_id, *user_id, *project_id, *host;
} ActionEvent;

/* What the row of an instance said before it was written. */
typedef struct InstanceBefore {
        VmState vm_state;
        TaskState task_state;
        char *display_name;
} InstanceBefore;
void instance_before_done(InstanceBefore *b);

/* Who wants to hear of the instances of a host as they change. Belongs to who watches, and lives until instance_unwatch. */
typedef struct InstanceWatch InstanceWatch;
struct InstanceWatch {
        const char *host;
        /* Called on the thread that wrote, in the order of the writes: @f is short, blocks nowhere and calls nothing of the store.
         * One of: the row as it is now, in which object is NULL when it was not written; gone (@row NULL: deleted, or on another
         * host); or a fault of it (@fault, @at). An instance that no host has (yet, or since its build failed) is this one's. */
        void (*changed)(InstanceWatch *w, const char *uuid, const Instance *row, const char *fault, usec_t at);
        /* All that there is follows, until end: what is not among it is gone. */
        void (*begin)(InstanceWatch *w);
        void (*end)(InstanceWatch *w);
        void *userdata;
        InstanceWatch *next;                    /* private to the store */
};

typedef struct StoreOps {
        const char *backend;            /* "local" */

        /* Opens or re-opens what is behind it, migrating the schema. 0; 1: it was damaged, is kept aside and a new one is
         * begun. Without it the first call opens. */
        int (*open)(Store *s, NovaException *e);
        /* Gives the file and its lock back; a later call would open it again. */
        void (*close)(Store *s);
        /* What was written of instances, their actions, faults, interfaces, addresses and of what a node has in use is safe from a loss of power afterwards; all
         * else is when its call returns. In the order of the calls in any case. Before the outcome of a request is told. 0 or -errno. */
        int (*sync)(Store *s);
        Store *(*free)(Store *s);

        /* services: getters return 1 with *ret filled (service_record_done), 0 if there is no such row that is not deleted. */
        int (*service_get)(Store *s, int64_t id, ServiceRecord *ret);
        int (*service_get_by_args)(Store *s, const char *host, const char *binary, ServiceRecord *ret);
        int (*service_list)(Store *s, const char *host, const char *topic, ServiceRecordList *ret);     /* NULL = any */
        /* Fills id, uuid (unless given), created_at. An equal (host, binary) that is not deleted: -EEXIST, ServiceBinaryExists. All
         * else is stored as given: who makes a lost row anew gives it the disabled flag it had. */
        int (*service_create)(Store *s, ServiceRecord *record, NovaException *e);
        /* report_count + 1, updated_at and last_seen_up = now in one statement; zone too if not NULL. 1 with *ret (may be
         * NULL) the row as it is then, or 0: the row is gone. */
        int (*service_report)(Store *s, int64_t id, const char *availability_zone, ServiceRecord *ret);
        int (*service_set_disabled)(Store *s, int64_t id, bool disabled, const char *reason);           /* 1, or 0: gone */
        int (*service_set_version)(Store *s, int64_t id, int64_t version);
        /* Soft-deletes the row and, for topic compute, its compute_nodes. 1, or 0: there was none. */
        int (*service_destroy)(Store *s, int64_t id);

        /* compute_nodes, unique by (host, hypervisor_hostname) among those not deleted. */
        int (*compute_node_get)(Store *s, const char *host, const char *node, ComputeNode *ret);
        int (*compute_node_list_by_host)(Store *s, const char *host, ComputeNodeList *ret);     /* NULL = of any host */
        /* Fills id, uuid (unless given), created_at. A deleted one of that uuid makes room. */
        int (*compute_node_create)(Store *s, ComputeNode *node);
        int (*compute_node_save)(Store *s, ComputeNode *node);          /* by id; 1, or 0: gone */
        int (*compute_node_destroy)(Store *s, int64_t id);

        /* instances */
        int (*instance_get)(Store *s, const char *uuid, ReadDeleted read_deleted, Instance *ret);
        /* @host NULL: those that are nowhere. In a list object is NULL: what is listed every minute need not be parsed. */
        int (*instance_list_by_host)(Store *s, const char *host, ReadDeleted read_deleted, InstanceList *ret);
        /* Such a list of those, deleted or not, that were launched before @end, and not terminated at @begin or before. */
        int (*instance_list_active)(Store *s, const char *host, usec_t begin, usec_t end, InstanceList *ret);
        /* Keeps the id it has, else gives the next; fills created_at unless given. A living one with this uuid or id: -EEXIST,
         * InstanceExists. */
        int (*instance_create)(Store *s, Instance *instance, NovaException *e);
        /* Writes all fields; an object that is NULL leaves the one stored. @expected_task: a list, ended by _TASK_STATE_INVALID,
         * that the row's task_state must be in, or NULL. 1; 0: no such row; -ESTALE: another task_state (UnexpectedTaskStateError in
         * @e, or UnexpectedDeletingTaskStateError when it is deleting). */
        int (*instance_save)(Store *s, Instance *instance, const TaskState *expected_task, NovaException *e);
        /* The same, and with 1 what was overwritten, whoever else writes, in *ret_before (instance_before_done). */
        int (*instance_exchange)(Store *s, Instance *instance, const TaskState *expected_task, InstanceBefore *ret_before,
                                 NovaException *e);
        /* Soft-deletes, and with it vm_state becomes deleted, task_state and power_state none, terminated_at now unless it is set,
         * cleaned true: all or nothing. 1 or 0. */
        int (*instance_destroy)(Store *s, const char *uuid);
        int (*instance_fault_create)(Store *s, const char *uuid, const char *host, int code, const char *message,
                                     const char *details);
        /* Tells @w of all instances there are, then, from any thread, of each change. Of the objects listed at the beginning only
         * metadata, key_name and config_drive are there. 0 or -errno: then it does not watch. unwatch: it is not called any more. */
        int (*instance_watch)(Store *s, InstanceWatch *w);
        void (*instance_unwatch)(Store *s, InstanceWatch *w);

        /* The action of (instance, request), made if it is not there, and a new event of it that has begun, or one of this name
         * that has not ended: a request that a new run of the daemon takes up again is the same. @ret_id is the event's. */
        int (*action_event_start)(Store *s, const ActionEvent *event, int64_t *ret_id);
        /* The event has ended: with Success when @message is NULL, else with Error, which the action then says too. 1 or 0. */
        int (*action_event_finish)(Store *s, int64_t id, const char *message, const char *traceback);
        /* The newest @max actions of an instance, deleted or not, newest first: an array of {action, request_id, user_id, project_id,
         * message, start, finish, events: [{event, host, result, details, traceback, start, finish}]} with the events in their order;
         * texts may be null, times are microseconds, 0 = none. finish is the end of the last event, 0 while one is open. */
        int (*action_list)(Store *s, const char *instance_uuid, unsigned max, json_t **ret);

        /* console_auth_tokens. Fills id, created_at and token_hash of @token_text, which is not stored itself. */
        int (*console_token_create)(Store *s, ConsoleToken *token, const char *token_text);
        /* 1 with *ret (console_token_done), or 0: no such token, or it has expired. */
        int (*console_token_get)(Store *s, const char *token_text, ConsoleToken *ret);
        /* Removes those of the instance (NULL = none) and all that have expired; how many. */
        int (*console_token_clean)(Store *s, const char *instance_uuid);

        /* Adds to the row of (mac, start_period), made if missing, what the counters grew by since they were read last, in whatever
         * period. A counter that is smaller than it was began anew with the guest's interface: all of it is new. last_refreshed
         * 0 = now. */
        int (*bandwidth_update)(Store *s, const BandwidthUsage *usage);

        /* Interfaces of instances with the addresses leased to them. No two have the same uuid, hardware address, or address
         * in a network: -EEXIST. create writes all or none. list: by instance, network, both or (NULL) none, in the order
         * made. destroy: one of the instance's, or (@uuid NULL) all; how many. fixed_ip_create, _destroy: 1, or 0: there is
         * no such interface or address. */
        int (*vif_create)(Store *s, const VirtualInterface *vifs, size_t n);
        int (*vif_list)(Store *s, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret);
        int (*vif_destroy)(Store *s, const char *instance_uuid, const char *uuid);
        int (*fixed_ip_create)(Store *s, const char *vif_uuid, const char *address);
        int (*fixed_ip_destroy)(Store *s, const char *vif_uuid, const char *address);

        /* What else of the host must outlive the process: small named texts. Getter: 1 with malloc'ed *ret, or 0. */
        int (*setting_get)(Store *s, const char *name, char **ret);
        int (*setting_set)(Store *s, const char *name, const char *value);                              /* NULL removes it */
} StoreOps;

struct Store {
        const StoreOps *ops;
};

/* Makes the store that state_backend and sql_connection name, not yet open. A wrong URL or backend: -EINVAL with @e. */
int store_new(Store **ret, const Config *config, NovaException *e);
/* The same to look at without a trace: no lock, no migration; what writes is -EROFS. Also while a daemon uses it. */
int store_new_read_only(Store **ret, const Config *config, NovaException *e);
static inline Store *store_free(Store *s) {
        return s ? s->ops->free(s) : NULL;
}
DEFINE_CLEANUP(Store *, store_free)

/* A sentence on this thread's last failure in the store ("attempt to write a readonly database (/var/lib/…)"). */
const char *store_last_error(void);

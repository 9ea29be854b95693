/* The store: where Nova's records live. An interface (design.md section 1): `local` keeps them in SQLite, `conductor`
 * will ask a cell. All functions are thread-safe and may block: never on the main loop.
 *
 * Returns: 0 or more as said, or -errno: -EROFS, -ENOSPC, -EBUSY (locked beyond the busy timeout), -EUCLEAN (corrupt),
 * -EEXIST (a unique key), -EIO, -ENOMEM. @e, where given, carries Nova's exception. store_last_error says more. */
#pragma once

#include "basic/macros.h"
#include "config/config.h"
#include "objects/compute-node.h"
#include "objects/exception.h"
#include "objects/instance.h"
#include "objects/service-record.h"

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

/* One counter of bandwidth of an interface and period (bw_usage_cache). */
typedef struct BandwidthUsage {
        char *mac;
        usec_t start_period, last_refreshed;
        int64_t bw_in, bw_out;
} BandwidthUsage;

typedef struct StoreOps {
        const char *backend;            /* "local" */

        /* Opens or re-opens what is behind it, migrating the schema. */
        int (*open)(Store *s, NovaException *e);
        void (*close)(Store *s);
        Store *(*free)(Store *s);

        /* services: getters return 1 with *ret filled (service_record_done), 0 if there is no such row that is not deleted. */
        int (*service_get)(Store *s, int64_t id, ServiceRecord *ret);
        int (*service_get_by_args)(Store *s, const char *host, const char *binary, ServiceRecord *ret);
        int (*service_list)(Store *s, const char *host, const char *topic, ServiceRecordList *ret);     /* NULL = any */
        /* Fills id, uuid, created_at. An equal (host, binary) that is not deleted: -EEXIST. */
        int (*service_create)(Store *s, ServiceRecord *record, NovaException *e);
        /* report_count + 1, updated_at and last_seen_up = now in one statement; zone too if not NULL. 1, or 0: the row is gone. */
        int (*service_report)(Store *s, int64_t id, const char *availability_zone, ServiceRecord *ret);
        int (*service_set_disabled)(Store *s, int64_t id, bool disabled, const char *reason);           /* 1, or 0: gone */
        int (*service_set_version)(Store *s, int64_t id, int64_t version);
        /* Soft-deletes the row and, for topic compute, its compute_nodes. 1, or 0: there was none. */
        int (*service_destroy)(Store *s, int64_t id);

        /* compute_nodes, unique by (host, hypervisor_hostname) among those not deleted. */
        int (*compute_node_get)(Store *s, const char *host, const char *node, ComputeNode *ret);
        int (*compute_node_list_by_host)(Store *s, const char *host, ComputeNodeList *ret);
        int (*compute_node_create)(Store *s, ComputeNode *node);        /* fills id, uuid, created_at */
        int (*compute_node_save)(Store *s, ComputeNode *node);          /* by id; 1, or 0: gone */
        int (*compute_node_destroy)(Store *s, int64_t id);

        /* instances */
        int (*instance_get)(Store *s, const char *uuid, ReadDeleted read_deleted, Instance *ret);
        int (*instance_list_by_host)(Store *s, const char *host, ReadDeleted read_deleted, InstanceList *ret);
        int (*instance_create)(Store *s, Instance *instance, NovaException *e);
        /* Writes all fields. @expected_task: a NULL-terminated-by-_TASK_STATE_INVALID list the row's task_state must be in,
         * or NULL. 1; 0: no such row; -ESTALE: another task_state (UnexpectedTaskStateError in @e). */
        int (*instance_save)(Store *s, Instance *instance, const TaskState *expected_task, NovaException *e);
        int (*instance_destroy)(Store *s, const char *uuid);            /* soft-deletes; 1 or 0 */
        int (*instance_fault_create)(Store *s, const char *uuid, const char *host, int code, const char *message,
                                     const char *details);

        int (*bandwidth_update)(Store *s, const BandwidthUsage *usage);

        /* What else of the host must outlive the process: small named texts. Getter: 1 with malloc'ed *ret, or 0. */
        int (*setting_get)(Store *s, const char *name, char **ret);
        int (*setting_set)(Store *s, const char *name, const char *value);
} StoreOps;

struct Store {
        const StoreOps *ops;
};

/* Makes the store that state_backend and sql_connection name, not yet open. A wrong URL or backend: -EINVAL with @e. */
int store_new(Store **ret, const Config *config, NovaException *e);
static inline Store *store_free(Store *s) {
        return s ? s->ops->free(s) : NULL;
}
DEFINE_CLEANUP(Store *, store_free)

/* A sentence on this thread's last failure in the store ("attempt to write a readonly database (/var/lib/…)"). */
const char *store_last_error(void);

/* The store of the role `local`: records in one SQLite file. Private to db, but for tests; the functions of each theme
 * are in local-<theme>.c. */
#pragma once

#include "db/database.h"
#include "db/rows.h"
#include "db/store.h"

typedef struct LocalStore {
        Store store;
        Database database;

        pthread_mutex_t watch_lock;     /* taken while the database is, or alone */
        InstanceWatch *watches;
        unsigned opened;                /* database.opened when they were told of all that there is */
} LocalStore;

typedef struct LocalStoreSettings {
        const char *path;               /* absolute */
        bool synchronous;               /* false: SQLite does not wait for the disk, and a loss of power may damage the file */
        usec_t timeout;                 /* busy timeout */
        unsigned debug;                 /* sql_connection_debug */
        bool read_only;                 /* a look beside the daemon, or without it */
} LocalStoreSettings;

/* Not yet open. 0 or -ENOMEM. */
int local_store_new(Store **ret, const LocalStoreSettings *settings);

static inline Database *local_database(Store *s) {
        return &CONTAINER_OF(s, LocalStore, store)->database;
}

/* Reads one row: prepares @tail, gives the parameters (as many as not NULL) as texts, reads. 1, 0 or -errno. */
int local_read_by_texts(Database *d, const Table *t, const char *tail, const char *first, const char *second, void *ret);
int local_read_by_id(Database *d, const Table *t, int64_t id, void *ret);
/* Marks the row as deleted. 1, or 0 if there was none. */
int local_delete_by_id(Database *d, const char *sql, int64_t id);

/* local-services.c */
int local_service_get(Store *s, int64_t id, ServiceRecord *ret);
int local_service_get_by_args(Store *s, const char *host, const char *binary, ServiceRecord *ret);
int local_service_list(Store *s, const char *host, const char *topic, ServiceRecordList *ret);
int local_service_create(Store *s, ServiceRecord *record, NovaException *e);
int local_service_report(Store *s, int64_t id, const char *availability_zone, ServiceRecord *ret);
int local_service_set_disabled(Store *s, int64_t id, bool disabled, const char *reason);
int local_service_set_version(Store *s, int64_t id, int64_t version);
int local_service_destroy(Store *s, int64_t id);

/* local-compute-nodes.c */
int local_compute_node_get(Store *s, const char *host, const char *node, ComputeNode *ret);
int local_compute_node_list_by_host(Store *s, const char *host, ComputeNodeList *ret);
int local_compute_node_create(Store *s, ComputeNode *node);
int local_compute_node_save(Store *s, ComputeNode *node);
int local_compute_node_destroy(Store *s, int64_t id);

/* local-instances.c */
int local_instance_get(Store *s, const char *uuid, ReadDeleted read_deleted, Instance *ret);
int local_instance_list_by_host(Store *s, const char *host, ReadDeleted read_deleted, InstanceList *ret);
int local_instance_list_active(Store *s, const char *host, usec_t begin, usec_t end, InstanceList *ret);
int local_instance_create(Store *s, Instance *instance, NovaException *e);
int local_instance_save(Store *s, Instance *instance, const TaskState *expected_task, NovaException *e);
int local_instance_exchange(Store *s, Instance *instance, const TaskState *expected_task, InstanceBefore *ret_before, NovaException *e);
int local_instance_destroy(Store *s, const char *uuid);
int local_instance_fault_create(Store *s, const char *uuid, const char *host, int code, const char *message,
                                const char *details);

/* local-watch.c */
int local_instance_watch(Store *s, InstanceWatch *w);
void local_instance_unwatch(Store *s, InstanceWatch *w);
/* Between enter and leave, after the write: tells who watches. */
void local_instance_changed(Store *s, const Instance *row);
void local_instance_gone(Store *s, const char *uuid);
void local_instances_looked_at(Store *s);      /* the file that is open now is the one that was told of, or all is told anew */
void local_instance_fault(Store *s, const char *uuid, const char *message, usec_t at);
/* For local-watch.c: each row of @host and of none, without its object, until @f fails. */
int local_instances_shown(Database *d, const char *host, int (*f)(Database *d, Instance *row, void *userdata), void *userdata);

/* local-actions.c */
int local_action_event_start(Store *s, const ActionEvent *event, int64_t *ret_id);
int local_action_event_finish(Store *s, int64_t id, const char *message, const char *traceback);
int local_action_list(Store *s, const char *instance_uuid, unsigned max, json_t **ret);
/* local-networks.c */
int local_vif_create(Store *s, const VirtualInterface *vifs, size_t n);
int local_vif_list(Store *s, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret);
int local_vif_destroy(Store *s, const char *instance_uuid, const char *uuid);
int local_fixed_ip_create(Store *s, const char *vif_uuid, const char *address);
int local_fixed_ip_destroy(Store *s, const char *vif_uuid, const char *address);

/* local-settings.c */
int local_bandwidth_update(Store *s, const BandwidthUsage *usage);
int local_setting_get(Store *s, const char *name, char **ret);
int local_setting_set(Store *s, const char *name, const char *value);

/* local-console-tokens.c */
int local_console_token_create(Store *s, ConsoleToken *t, const char *token);
int local_console_token_get(Store *s, const char *token, ConsoleToken *ret);
int local_console_token_clean(Store *s, const char *instance_uuid);

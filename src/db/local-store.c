/* The local store as a whole: see local-store.h. */
#include "db/local-store.h"

#include <errno.h>

#include "db/store-error.h"

static int local_open(Store *s, NovaException *e) {
        int r;

        r = database_open(local_database(s));
        return r < 0 ? store_exception(e, r) : r;
}

static void local_close(Store *s) {
        database_close(local_database(s));
}

static int local_sync(Store *s) {
        return database_sync(local_database(s));
}

static Store *local_free(Store *s) {
        LocalStore *l = CONTAINER_OF(s, LocalStore, store);

        database_done(&l->database);
        (void) pthread_mutex_destroy(&l->watch_lock);
        free(l);
        return NULL;
}

static const StoreOps local_ops = {
        .backend = "local",
        .open = local_open,
        .close = local_close,
        .sync = local_sync,
        .free = local_free,
        .service_get = local_service_get,
        .service_get_by_args = local_service_get_by_args,
        .service_list = local_service_list,
        .service_create = local_service_create,
        .service_report = local_service_report,
        .service_set_disabled = local_service_set_disabled,
        .service_set_version = local_service_set_version,
        .service_destroy = local_service_destroy,
        .compute_node_get = local_compute_node_get,
        .compute_node_list_by_host = local_compute_node_list_by_host,
        .compute_node_create = local_compute_node_create,
        .compute_node_save = local_compute_node_save,
        .compute_node_destroy = local_compute_node_destroy,
        .instance_get = local_instance_get,
        .instance_list_by_host = local_instance_list_by_host,
        .instance_list_active = local_instance_list_active,
        .instance_create = local_instance_create,
        .instance_save = local_instance_save,
        .instance_exchange = local_instance_exchange,
        .instance_destroy = local_instance_destroy,
        .instance_fault_create = local_instance_fault_create,
        .instance_watch = local_instance_watch,
        .instance_unwatch = local_instance_unwatch,
        .console_token_create = local_console_token_create,
        .console_token_get = local_console_token_get,
        .console_token_clean = local_console_token_clean,
        .action_event_start = local_action_event_start,
        .action_event_finish = local_action_event_finish,
        .action_list = local_action_list,
        .bandwidth_update = local_bandwidth_update,
        .vif_create = local_vif_create,
        .vif_list = local_vif_list,
        .vif_destroy = local_vif_destroy,
        .fixed_ip_create = local_fixed_ip_create,
        .fixed_ip_destroy = local_fixed_ip_destroy,
        .setting_get = local_setting_get,
        .setting_set = local_setting_set,
};

int local_store_new(Store **ret, const LocalStoreSettings *settings) {
        LocalStore *l;
        int r;

        l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->store.ops = &local_ops;
        (void) pthread_mutex_init(&l->watch_lock, NULL);
        r = database_init(&l->database, settings->path, settings->synchronous, settings->timeout);
        if (r < 0) {
                (void) pthread_mutex_destroy(&l->watch_lock);
                free(l);
                return r;
        }
        l->database.debug = settings->debug;
        l->database.read_only = settings->read_only;
        *ret = &l->store;
        return 0;
}

int local_read_by_texts(Database *d, const Table *t, const char *tail, const char *first, const char *second, void *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, t, tail, &q);
        if (r >= 0)
                r = bind_text(d, q, 1, first);
        if (r >= 0 && second)
                r = bind_text(d, q, 2, second);
        return r < 0 ? r : row_read_one(d, t, q, ret);
}

int local_read_by_id(Database *d, const Table *t, int64_t id, void *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, t, "WHERE id = ?1 AND deleted = 0", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        return r < 0 ? r : row_read_one(d, t, q, ret);
}

int local_delete_by_id(Database *d, const char *sql, int64_t id) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, sql, &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

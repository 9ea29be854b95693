/* Rows of services in SQLite: see store.h for what each does. */
#include <errno.h>

#include "basic/id.h"
#include "db/local-store.h"
#include "db/store-error.h"

static const Column service_columns[] = {
        { "id", COLUMN_INTEGER, offsetof(ServiceRecord, id), .flags = COLUMN_GIVEN },
        { "uuid", COLUMN_TEXT, offsetof(ServiceRecord, uuid), .flags = COLUMN_FIXED },
        { "host", COLUMN_TEXT, offsetof(ServiceRecord, host) },
        { "binary", COLUMN_TEXT, offsetof(ServiceRecord, binary) },
        { "topic", COLUMN_TEXT, offsetof(ServiceRecord, topic) },
        { "report_count", COLUMN_INTEGER, offsetof(ServiceRecord, report_count) },
        { "disabled", COLUMN_BOOLEAN, offsetof(ServiceRecord, disabled) },
        { "disabled_reason", COLUMN_TEXT, offsetof(ServiceRecord, disabled_reason) },
        { "forced_down", COLUMN_BOOLEAN, offsetof(ServiceRecord, forced_down) },
        { "availability_zone", COLUMN_TEXT, offsetof(ServiceRecord, availability_zone) },
        { "version", COLUMN_INTEGER, offsetof(ServiceRecord, version) },
        { "last_seen_up", COLUMN_TIME, offsetof(ServiceRecord, last_seen_up) },
        { "created_at", COLUMN_TIME, offsetof(ServiceRecord, created_at), .flags = COLUMN_FIXED },
        { "updated_at", COLUMN_TIME, offsetof(ServiceRecord, updated_at) },
        { "deleted_at", COLUMN_TIME, offsetof(ServiceRecord, deleted_at), .flags = COLUMN_GIVEN },
        { "deleted", COLUMN_BOOLEAN, offsetof(ServiceRecord, deleted), .flags = COLUMN_GIVEN },
};

static void done(void *value) {
        service_record_done(value);
}

static const Table services = {
        .name = "services",
        .columns = service_columns,
        .n_columns = ELEMENTSOF(service_columns),
        .size = sizeof(ServiceRecord),
        .done = done,
};

int local_service_get(Store *s, int64_t id, ServiceRecord *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = local_read_by_id(d, &services, id, ret);
        return database_leave(d, r);
}

int local_service_get_by_args(Store *s, const char *host, const char *binary, ServiceRecord *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = local_read_by_texts(d, &services, "WHERE host = ?1 AND binary = ?2 AND deleted = 0", host, binary, ret);
        return database_leave(d, r);
}

static int list(Database *d, const char *host, const char *topic, ServiceRecordList *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        void *items;
        int r;

        r = row_select(d, &services,
                       "WHERE deleted = 0 AND (?1 IS NULL OR host = ?1) AND (?2 IS NULL OR topic = ?2) ORDER BY id", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, host);
        if (r >= 0)
                r = bind_text(d, q, 2, topic);
        if (r >= 0)
                r = row_read_all(d, &services, q, &items, &ret->n);
        if (r >= 0)
                ret->items = items;
        return r;
}

int local_service_list(Store *s, const char *host, const char *topic, ServiceRecordList *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = list(d, host, topic, ret);
        return database_leave(d, r);
}

int local_service_create(Store *s, ServiceRecord *record, NovaException *e) {
        Database *d = local_database(s);
        ServiceRecord row = *record;
        char uuid[UUID_TEXT_MAX];
        int64_t id;
        int r;

        row.created_at = now_realtime();
        row.updated_at = 0;
        if (!row.uuid)
                row.uuid = uuid4(uuid);

        r = database_enter(d, ACCESS_WRITE);
        if (r >= 0) {
                r = row_insert(d, &services, &row, &id);
                r = database_leave(d, r);
        }
        if (r == -EEXIST) {
                (void) exception_setf(e, EXC_SERVICE_BINARY_EXISTS, "Service with host %s binary %s exists.",
                                      strempty(record->host), strempty(record->binary));
                exception_kwarg(e, "host", json_string(strempty(record->host)));
                exception_kwarg(e, "binary", json_string(strempty(record->binary)));
                return r;
        }
        if (r < 0)
                return store_exception_for_peer(e, r);

        if (!record->uuid)
                record->uuid = strdup(uuid);    /* out of memory: the row is there, and can be read */
        record->id = id;
        record->created_at = row.created_at;
        record->updated_at = 0;
        return 0;
}

/* One statement, so that no beat of another writer is lost between reading and writing the count. */
static int report(Database *d, int64_t id, const char *availability_zone, ServiceRecord *ret) {
        _cleanup_(service_record_done) ServiceRecord row = {};
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_update_returning(d, &services,
                                 "SET report_count = report_count + 1, updated_at = ?2, last_seen_up = ?2,"
                                 " availability_zone = coalesce(?3, availability_zone) WHERE id = ?1 AND deleted = 0",
                                 &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        if (r >= 0)
                r = bind_text(d, q, 3, availability_zone);
        if (r >= 0)
                r = row_read_one(d, &services, q, &row);
        if (r <= 0)
                return r;

        r = database_run(d, q);         /* to its end: only then it is committed */
        if (r < 0)
                return r;
        if (ret) {
                *ret = row;
                row = (ServiceRecord) {};
        }
        return 1;
}

int local_service_report(Store *s, int64_t id, const char *availability_zone, ServiceRecord *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = report(d, id, availability_zone, ret);
        return database_leave(d, r);
}

/* UPDATEs the one row @id; the value is given by one of @text and @n. */
static int set(Database *d, const char *sql, int64_t id, int64_t n, const char *text) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, sql, &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        if (r >= 0)
                r = bind_integer(d, q, 3, n);
        if (r >= 0 && sqlite3_bind_parameter_count(q) >= 4)
                r = bind_text(d, q, 4, text);
        return r < 0 ? r : database_run(d, q);
}

int local_service_set_disabled(Store *s, int64_t id, bool disabled, const char *reason) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = set(d, "UPDATE services SET disabled = ?3, disabled_reason = ?4, updated_at = ?2 WHERE id = ?1 AND deleted = 0",
                id, disabled, disabled ? reason : NULL);
        return database_leave(d, r);
}

int local_service_set_version(Store *s, int64_t id, int64_t version) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = set(d, "UPDATE services SET version = ?3, updated_at = ?2 WHERE id = ?1 AND deleted = 0", id, version, NULL);
        return database_leave(d, r);
}

/* Nodes by host too: a service whose row was lost and made anew has another id than its nodes remember. */
static int destroy(Database *d, int64_t id) {
        int r, k;

        r = database_begin(d);
        if (r < 0)
                return r;
        r = local_delete_by_id(d, "UPDATE services SET deleted = 1, deleted_at = ?2 WHERE id = ?1 AND deleted = 0", id);
        if (r > 0) {
                k = local_delete_by_id(d,
                                       "UPDATE compute_nodes SET deleted = 1, deleted_at = ?2 FROM services"
                                       " WHERE services.id = ?1 AND services.topic = 'compute' AND compute_nodes.deleted = 0"
                                       " AND (compute_nodes.service_id = ?1 OR compute_nodes.host = services.host)",
                                       id);
                if (k < 0)
                        r = k;
        }
        return database_end(d, r);
}

int local_service_destroy(Store *s, int64_t id) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = destroy(d, id);
        return database_leave(d, r);
}

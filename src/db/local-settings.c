/* Bandwidth counters and settings in SQLite: see store.h for what each does. */
#include <errno.h>

#include "db/local-store.h"
#include "db/store-error.h"

/* What the counters were when they were read last; nothing, if they never were. */
static int last_counters(Database *d, const char *mac, int64_t *ret_in, int64_t *ret_out) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        *ret_in = *ret_out = 0;
        r = database_statement(d, "SELECT last_ctr_in, last_ctr_out FROM bw_usage_cache WHERE mac = ?1 AND deleted = 0"
                               " AND last_ctr_in IS NOT NULL ORDER BY start_period DESC LIMIT 1", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, mac);
        if (r >= 0)
                r = database_step(d, q);
        if (r <= 0)
                return r;
        *ret_in = sqlite3_column_int64(q, 0);
        *ret_out = sqlite3_column_int64(q, 1);
        return 1;
}

static int64_t growth(int64_t now, int64_t before) {
        return now < before ? now : now - before;
}

static int add_bandwidth(Database *d, const BandwidthUsage *usage) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        usec_t now = now_realtime();
        int64_t in, out;
        int r;

        r = last_counters(d, usage->mac, &in, &out);
        if (r >= 0)
                r = database_statement(d,
                               "INSERT INTO bw_usage_cache (mac, start_period, last_refreshed, bw_in, bw_out, created_at, uuid,"
                               " last_ctr_in, last_ctr_out) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                               " ON CONFLICT (mac, start_period) WHERE deleted = 0 DO UPDATE SET last_refreshed = ?3,"
                               " bw_in = bw_in + ?4, bw_out = bw_out + ?5, updated_at = ?6, uuid = ?7, last_ctr_in = ?8,"
                               " last_ctr_out = ?9",
                               &q);
        if (r >= 0)
                r = bind_text(d, q, 1, usage->mac);
        if (r >= 0)
                r = bind_time(d, q, 2, usage->start_period);
        if (r >= 0)
                r = bind_time(d, q, 3, usage->last_refreshed ? usage->last_refreshed : now);
        if (r >= 0)
                r = bind_integer(d, q, 4, growth(usage->bw_in, in));
        if (r >= 0)
                r = bind_integer(d, q, 5, growth(usage->bw_out, out));
        if (r >= 0)
                r = bind_time(d, q, 6, now);
        if (r >= 0)
                r = bind_text(d, q, 7, usage->instance_uuid);
        if (r >= 0)
                r = bind_integer(d, q, 8, usage->bw_in);
        if (r >= 0)
                r = bind_integer(d, q, 9, usage->bw_out);
        return r < 0 ? r : database_run(d, q);
}

static int bandwidth(Database *d, const BandwidthUsage *usage) {
        int r;

        r = database_begin(d);
        return r < 0 ? r : database_end(d, add_bandwidth(d, usage));
}

int local_bandwidth_update(Store *s, const BandwidthUsage *usage) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = bandwidth(d, usage);
        r = database_leave(d, r);
        return r < 0 ? r : 0;
}

static int setting_get(Database *d, const char *name, char **ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        const char *text;
        char *value;
        int r;

        r = database_statement(d, "SELECT value FROM settings WHERE name = ?1", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, name);
        if (r >= 0)
                r = database_step(d, q);
        if (r <= 0)
                return r;

        text = (const char *) sqlite3_column_text(q, 0);
        value = text ? strdup(text) : NULL;
        if (!value)
                return store_failed(-ENOMEM, "Out of memory");
        *ret = value;
        return 1;
}

int local_setting_get(Store *s, const char *name, char **ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = setting_get(d, name, ret);
        return database_leave(d, r);
}

static int setting_set(Database *d, const char *name, const char *value) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d,
                               value ? "INSERT INTO settings (name, value, updated_at) VALUES (?1, ?2, ?3)"
                                       " ON CONFLICT (name) DO UPDATE SET value = ?2, updated_at = ?3"
                                     : "DELETE FROM settings WHERE name = ?1",
                               &q);
        if (r >= 0)
                r = bind_text(d, q, 1, name);
        if (r >= 0 && value)
                r = bind_text(d, q, 2, value);
        if (r >= 0 && value)
                r = bind_time(d, q, 3, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

int local_setting_set(Store *s, const char *name, const char *value) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = setting_set(d, name, value);
        r = database_leave(d, r);
        return r < 0 ? r : 0;
}

/* Bandwidth counters and settings in SQLite: see store.h for what each does. */
#include <errno.h>

#include "db/local-store.h"
#include "db/store-error.h"

static int bandwidth(Database *d, const BandwidthUsage *usage) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        usec_t now = now_realtime();
        int r;

        r = database_statement(d,
                               "INSERT INTO bw_usage_cache (mac, start_period, last_refreshed, bw_in, bw_out, created_at)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (mac, start_period) WHERE deleted = 0"
                               " DO UPDATE SET last_refreshed = ?3, bw_in = ?4, bw_out = ?5, updated_at = ?6",
                               &q);
        if (r >= 0)
                r = bind_text(d, q, 1, usage->mac);
        if (r >= 0)
                r = bind_time(d, q, 2, usage->start_period);
        if (r >= 0)
                r = bind_time(d, q, 3, usage->last_refreshed ? usage->last_refreshed : now);
        if (r >= 0)
                r = bind_integer(d, q, 4, usage->bw_in);
        if (r >= 0)
                r = bind_integer(d, q, 5, usage->bw_out);
        if (r >= 0)
                r = bind_time(d, q, 6, now);
        return r < 0 ? r : database_run(d, q);
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

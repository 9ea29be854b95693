/* From whatever version of the schema to ours: see database.h and schema.h. */
#include <errno.h>
#include <stdio.h>

#include "db/database.h"
#include "db/store-error.h"

static int read_integer(Database *d, const char *sql, int64_t *ret) {
        sqlite3_stmt *q = NULL;
        int r, rc;

        rc = sqlite3_prepare_v2(d->handle, sql, -1, &q, NULL);
        if (rc != SQLITE_OK)
                return database_failed(d, rc);
        r = database_step(d, q);
        if (r > 0)
                *ret = sqlite3_column_int64(q, 0);
        (void) sqlite3_finalize(q);
        return r < 0 ? r : 0;
}

static int migrate_step(Database *d, const char *migration, int version) {
        char bump[96];
        int r;

        (void) snprintf(bump, sizeof bump, "PRAGMA application_id=%d; PRAGMA user_version=%d", d->application_id, version);
        r = database_begin(d);
        if (r < 0)
                return r;
        r = database_exec(d, migration);
        if (r >= 0)
                r = database_exec(d, bump);
        return database_end(d, r);
}

/* Whether the file reads as a whole: 0, or -EUCLEAN. Linear in its size, which for a thousand instances is some tens of
 * megabytes; but a damaged page that is met later costs what was written in between. */
static int database_check(Database *d) {
        sqlite3_stmt *q = NULL;
        int r, rc;

        rc = sqlite3_prepare_v2(d->handle, "PRAGMA quick_check(1)", -1, &q, NULL);
        if (rc != SQLITE_OK)
                return database_failed(d, rc);
        r = database_step(d, q);
        if (r > 0) {
                const char *text = (const char *) sqlite3_column_text(q, 0);

                r = 0;
                if (!text || !streq(text, "ok")) {
                        d->damaged = true;
                        r = store_failed(-EUCLEAN, "The database %s is damaged: %s", d->path, strempty(text));
                }
        }
        (void) sqlite3_finalize(q);
        return r;
}

int database_migrate(Database *d, const char *const *migrations, size_t n, bool may_write) {
        int64_t version = 0, application = 0, tables = 0;
        int r;

        r = read_integer(d, "PRAGMA user_version", &version);
        if (r >= 0)
                r = read_integer(d, "PRAGMA application_id", &application);
        if (r >= 0)
                r = read_integer(d, "SELECT count(*) FROM sqlite_schema", &tables);
        if (r < 0)
                return r;

        if (application != d->application_id && (application != 0 || tables > 0))
                return store_failed(-EINVAL, "The database %s is another program's (application_id %lld, %lld tables and indexes) "
                                    "and is left as it is; name another file in sql_connection",
                                    d->path, (long long) application, (long long) tables);
        if (version > (int64_t) n || version < 0)
                return store_failed(-ENOTSUP, "The database %s has schema version %lld, which is newer than version %zu of this "
                                    "nova-compute; it is left as it is",
                                    d->path, (long long) version, n);
        if (version < (int64_t) n && !may_write)
                return store_failed(-EROFS, "The database %s is read-only, and its schema version %lld has to become %zu first",
                                    d->path, (long long) version, n);

        /* Only now: what is damaged is set aside, and that must not happen to another program's file. */
        r = database_check(d);
        if (r < 0)
                return r;

        for (; version < (int64_t) n; version++) {
                r = migrate_step(d, migrations[version], (int) version + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

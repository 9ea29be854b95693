/* Statements and transactions on the open connection: see database.h. */
#include <errno.h>

#include "db/database.h"
#include "db/store-error.h"

int database_exec(Database *d, const char *sql) {
        int rc;

        errno = 0;
        rc = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);
        return rc == SQLITE_OK ? 0 : database_failed(d, rc);
}

int database_statement_find(Database *d, const void *owner, int verb, const char *tail, sqlite3_stmt **ret) {
        /* A few dozen at most: looking through them costs less than anything SQLite does with one. */
        for (size_t i = 0; i < d->n_statements; i++) {
                const Statement *s = &d->statements[i];

                if (s->owner == owner && s->verb == verb && (s->tail == tail || streq(s->tail, tail))) {
                        *ret = s->stmt;
                        return 1;
                }
        }
        return 0;
}

int database_statement_add(Database *d, const void *owner, int verb, const char *tail, const char *sql, sqlite3_stmt **ret) {
        sqlite3_stmt *stmt;
        Statement *grown;
        int rc;

        grown = reallocarray(d->statements, d->n_statements + 1, sizeof *grown);
        if (!grown)
                return store_failed(-ENOMEM, "Out of memory");
        d->statements = grown;

        rc = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
        if (rc != SQLITE_OK)
                return database_failed(d, rc);
        grown[d->n_statements++] = (Statement) { .owner = owner, .verb = verb, .tail = tail, .stmt = stmt };
        *ret = stmt;
        return 0;
}

int database_statement(Database *d, const char *sql, sqlite3_stmt **ret) {
        if (database_statement_find(d, NULL, 0, sql, ret))
                return 0;
        return database_statement_add(d, NULL, 0, sql, sql, ret);
}

void database_statements_drop(Database *d) {
        for (size_t i = 0; i < d->n_statements; i++)
                (void) sqlite3_finalize(d->statements[i].stmt);
        free(d->statements);
        d->statements = NULL;
        d->n_statements = 0;
}

int database_step(Database *d, sqlite3_stmt *q) {
        int rc;

        errno = 0;
        rc = sqlite3_step(q);
        if (rc == SQLITE_ROW)
                return 1;
        return rc == SQLITE_DONE ? 0 : database_failed(d, rc);
}

int database_run(Database *d, sqlite3_stmt *q) {
        int r;

        do
                r = database_step(d, q);
        while (r > 0);
        return r < 0 ? r : sqlite3_changes(d->handle);
}

void statement_resetp(sqlite3_stmt **q) {
        if (!*q)
                return;
        (void) sqlite3_reset(*q);
        (void) sqlite3_clear_bindings(*q);
}

int database_begin(Database *d) {
        return database_exec(d, "BEGIN IMMEDIATE");
}

int database_end(Database *d, int r) {
        int k;

        if (r >= 0) {
                k = database_exec(d, "COMMIT");
                if (k >= 0)
                        return r;
                r = k;
        }
        /* Some failures have rolled back already; then there is nothing to undo. Not by database_exec: the sentence kept is
         * that of the cause. */
        if (!sqlite3_get_autocommit(d->handle))
                (void) sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
        return r;
}

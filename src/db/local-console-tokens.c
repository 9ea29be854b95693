/* Console tokens in SQLite: see store.h for what each does. Expired ones are removed, not kept as deleted: they say
 * nothing about anything that still is. */
#include <errno.h>

#include "db/local-store.h"
#include "db/store-error.h"

#define FIELD(member) offsetof(ConsoleToken, member)

static const Column token_columns[] = {
        { "id", COLUMN_INTEGER, FIELD(id), .flags = COLUMN_FIXED | COLUMN_GIVEN },
        { "console_type", COLUMN_TEXT, FIELD(console_type) },
        { "host", COLUMN_TEXT, FIELD(host) },
        { "port", COLUMN_INTEGER, FIELD(port) },
        { "internal_access_path", COLUMN_TEXT, FIELD(internal_access_path) },
        { "instance_uuid", COLUMN_TEXT, FIELD(instance_uuid) },
        { "access_url_base", COLUMN_TEXT, FIELD(access_url_base) },
        { "token_hash", COLUMN_TEXT, FIELD(token_hash), .flags = COLUMN_FIXED },
        { "expires", COLUMN_TIME, FIELD(expires) },
        { "created_at", COLUMN_TIME, FIELD(created_at), .flags = COLUMN_FIXED },
};

static void token_done(void *value) {
        console_token_done(value);
}

static const Table token_table = {
        .name = "console_auth_tokens",
        .columns = token_columns,
        .n_columns = ELEMENTSOF(token_columns),
        .size = sizeof(ConsoleToken),
        .done = token_done,
};

int local_console_token_create(Store *s, ConsoleToken *t, const char *token) {
        Database *d = local_database(s);
        char hash[CONSOLE_TOKEN_HASH_MAX];
        int r;

        r = console_token_hash(token, hash);
        if (r < 0)
                return store_failed(r, "No SHA-256 to be had for a console token");
        free(t->token_hash);
        t->token_hash = strdup(hash);
        if (!t->token_hash)
                return store_failed(-ENOMEM, "Out of memory");

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        t->created_at = now_realtime();
        r = row_insert(d, &token_table, t, &t->id);
        r = database_leave(d, r);
        if (r < 0)
                t->id = 0;
        return r < 0 ? r : 0;
}

static int get(Database *d, const char *hash, ConsoleToken *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, &token_table, "WHERE token_hash = ?1 AND expires > ?2", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, hash);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        return r < 0 ? r : row_read_one(d, &token_table, q, ret);
}

int local_console_token_get(Store *s, const char *token, ConsoleToken *ret) {
        Database *d = local_database(s);
        char hash[CONSOLE_TOKEN_HASH_MAX];
        int r;

        r = console_token_hash(token, hash);
        if (r < 0)
                return store_failed(r, "No SHA-256 to be had for a console token");
        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = get(d, hash, ret);
        return database_leave(d, r);
}

static int clean(Database *d, const char *instance_uuid) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "DELETE FROM console_auth_tokens WHERE instance_uuid = ?1 OR expires <= ?2", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, instance_uuid);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

int local_console_token_clean(Store *s, const char *instance_uuid) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = clean(d, instance_uuid ? instance_uuid : "");
        return database_leave(d, r);
}

/* Rows as values: see rows.h. */
#include "db/rows.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "basic/json.h"
#include "db/store-error.h"
#include "objects/states.h"

enum {
        VERB_SELECT = 1,
        VERB_INSERT,
        VERB_UPDATE,
        VERB_UPDATE_RETURNING,
};

/* Offsets are those of the member's own type. */
#define MEMBER(type, value, offset) (*(type *) ((char *) (value) + (offset)))
#define CONST_MEMBER(type, value, offset) (*(const type *) ((const char *) (value) + (offset)))

static int out_of_memory(void) {
        return store_failed(-ENOMEM, "Out of memory");
}

/* "a, b, c" with @prefix before each name, and for assignments " = :a" after it; columns with one of @without left out. */
static void print_columns(FILE *f, const Table *t, const char *prefix, bool assign, unsigned without) {
        const char *comma = "";

        for (size_t i = 0; i < t->n_columns; i++) {
                const Column *c = &t->columns[i];

                if (c->flags & without)
                        continue;
                fprintf(f, "%s%s%s", comma, prefix, c->name);
                if (assign && (c->flags & COLUMN_KEPT))
                        fprintf(f, " = coalesce(:%s, %s)", c->name, c->name);
                else if (assign)
                        fprintf(f, " = :%s", c->name);
                comma = ", ";
        }
}

static int statement_for(Database *d, const Table *t, int verb, const char *tail, sqlite3_stmt **ret) {
        _cleanup_free_ char *sql = NULL;
        size_t size;
        FILE *f;

        if (database_statement_find(d, t, verb, tail, ret))
                return 0;

        f = open_memstream(&sql, &size);
        if (!f)
                return out_of_memory();
        switch (verb) {
        case VERB_SELECT:
                fprintf(f, "SELECT ");
                print_columns(f, t, "", false, 0);
                fprintf(f, " FROM %s %s", t->name, tail);
                break;
        case VERB_INSERT:
                fprintf(f, "INSERT INTO %s (", t->name);
                print_columns(f, t, "", false, COLUMN_GIVEN);
                fprintf(f, ") VALUES (");
                print_columns(f, t, ":", false, COLUMN_GIVEN);
                fprintf(f, ")");
                break;
        case VERB_UPDATE:
                fprintf(f, "UPDATE %s SET ", t->name);
                print_columns(f, t, "", true, COLUMN_FIXED | COLUMN_GIVEN);
                fprintf(f, " %s", tail);
                break;
        case VERB_UPDATE_RETURNING:
                fprintf(f, "UPDATE %s %s RETURNING ", t->name, tail);
                print_columns(f, t, "", false, 0);
                break;
        }
        if (fclose(f) != 0)
                return out_of_memory();
        return database_statement_add(d, t, verb, tail, sql, ret);
}

int row_select(Database *d, const Table *t, const char *tail, sqlite3_stmt **ret) {
        return statement_for(d, t, VERB_SELECT, tail, ret);
}

int row_update_returning(Database *d, const Table *t, const char *tail, sqlite3_stmt **ret) {
        return statement_for(d, t, VERB_UPDATE_RETURNING, tail, ret);
}

static int bound(Database *d, int rc) {
        return rc == SQLITE_OK ? 0 : database_failed(d, rc);
}

int bind_text(Database *d, sqlite3_stmt *q, int index, const char *text) {
        return bound(d, sqlite3_bind_text(q, index, text, -1, SQLITE_STATIC));
}

int bind_integer(Database *d, sqlite3_stmt *q, int index, int64_t n) {
        return bound(d, sqlite3_bind_int64(q, index, n));
}

int bind_time(Database *d, sqlite3_stmt *q, int index, usec_t t) {
        char text[TIME_TEXT_MAX];

        if (t == 0)
                return bound(d, sqlite3_bind_null(q, index));
        return bound(d, sqlite3_bind_text(q, index, time_format_log(t, text), -1, SQLITE_TRANSIENT));
}

static int bind_json(Database *d, sqlite3_stmt *q, int index, const json_t *value) {
        char *text;

        if (!value)
                return bound(d, sqlite3_bind_null(q, index));
        text = json_text(value);
        if (!text)
                return out_of_memory();
        return bound(d, sqlite3_bind_text(q, index, text, -1, free));
}

static int bind_column(Database *d, const Column *c, sqlite3_stmt *q, int index, const void *value) {
        switch (c->type) {
        case COLUMN_TEXT:
                return bind_text(d, q, index, CONST_MEMBER(char *, value, c->offset));
        case COLUMN_INTEGER:
                return bind_integer(d, q, index, CONST_MEMBER(int64_t, value, c->offset));
        case COLUMN_REFERENCE:
                if (CONST_MEMBER(int64_t, value, c->offset) == 0)
                        return bound(d, sqlite3_bind_null(q, index));
                return bind_integer(d, q, index, CONST_MEMBER(int64_t, value, c->offset));
        case COLUMN_OPTIONAL:
                if (!CONST_MEMBER(bool, value, c->present))
                        return bound(d, sqlite3_bind_null(q, index));
                return bind_integer(d, q, index, CONST_MEMBER(int64_t, value, c->offset));
        case COLUMN_BOOLEAN:
                return bind_integer(d, q, index, CONST_MEMBER(bool, value, c->offset));
        case COLUMN_REAL:
                return bound(d, sqlite3_bind_double(q, index, CONST_MEMBER(double, value, c->offset)));
        case COLUMN_TIME:
                return bind_time(d, q, index, CONST_MEMBER(usec_t, value, c->offset));
        case COLUMN_JSON:
                return bind_json(d, q, index, CONST_MEMBER(json_t *, value, c->offset));
        case COLUMN_VM_STATE:
                return bind_text(d, q, index, vm_state_to_string(CONST_MEMBER(VmState, value, c->offset)));
        case COLUMN_TASK_STATE:
                return bind_text(d, q, index, task_state_to_string(CONST_MEMBER(TaskState, value, c->offset)));
        case COLUMN_POWER_STATE:
                return bind_integer(d, q, index, CONST_MEMBER(PowerState, value, c->offset));
        }
        return -EINVAL;
}

/* Binds every column that the statement has a parameter for. */
static int bind_row(Database *d, const Table *t, sqlite3_stmt *q, const void *value) {
        int r;

        for (size_t i = 0; i < t->n_columns; i++) {
                char name[64];
                int index;

                (void) snprintf(name, sizeof name, ":%s", t->columns[i].name);
                index = sqlite3_bind_parameter_index(q, name);
                if (index == 0)
                        continue;
                r = bind_column(d, &t->columns[i], q, index, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int unreadable(Database *d, const Table *t, const Column *c, const char *why) {
        return store_failed(-EBADMSG, "The database %s has a row in %s whose %s is %s", d->path, t->name, c->name, why);
}

/* Texts that our own writing cannot have left (an operator's editing) fail by name; they are not damage of the file. */
static int read_column(Database *d, const Table *t, const Column *c, sqlite3_stmt *q, int index, void *value) {
        const char *text = NULL;
        int n;

        if (c->type == COLUMN_TEXT || c->type == COLUMN_TIME || c->type == COLUMN_JSON || c->type == COLUMN_VM_STATE ||
            c->type == COLUMN_TASK_STATE) {
                text = (const char *) sqlite3_column_text(q, index);
                if (!text && sqlite3_column_type(q, index) != SQLITE_NULL)
                        return out_of_memory();
        }

        switch (c->type) {
        case COLUMN_TEXT:
                if (text && !(MEMBER(char *, value, c->offset) = strdup(text)))
                        return out_of_memory();
                return 0;
        case COLUMN_OPTIONAL:
                MEMBER(bool, value, c->present) = sqlite3_column_type(q, index) != SQLITE_NULL;
                MEMBER(int64_t, value, c->offset) = sqlite3_column_int64(q, index);
                return 0;
        case COLUMN_INTEGER:
        case COLUMN_REFERENCE:
                MEMBER(int64_t, value, c->offset) = sqlite3_column_int64(q, index);
                return 0;
        case COLUMN_BOOLEAN:
                MEMBER(bool, value, c->offset) = sqlite3_column_int(q, index) != 0;
                return 0;
        case COLUMN_REAL:
                MEMBER(double, value, c->offset) = sqlite3_column_double(q, index);
                return 0;
        case COLUMN_TIME:
                if (text && time_parse(text, &MEMBER(usec_t, value, c->offset)) < 0)
                        return unreadable(d, t, c, "no time");
                return 0;
        case COLUMN_JSON:
                if (text && json_parse(text, strlen(text), &MEMBER(json_t *, value, c->offset), NULL, 0) < 0)
                        return unreadable(d, t, c, "no JSON");
                return 0;
        case COLUMN_VM_STATE:
                /* No state at all is what Nova has before the build begins. */
                n = text ? (int) vm_state_from_string(text) : VM_BUILDING;
                if (n < 0)
                        return unreadable(d, t, c, "no vm_state");
                MEMBER(VmState, value, c->offset) = (VmState) n;
                return 0;
        case COLUMN_TASK_STATE:
                n = (int) task_state_from_string(text);
                if (n < 0)
                        return unreadable(d, t, c, "no task_state");
                MEMBER(TaskState, value, c->offset) = (TaskState) n;
                return 0;
        case COLUMN_POWER_STATE:
                MEMBER(PowerState, value, c->offset) = (PowerState) sqlite3_column_int(q, index);
                return 0;
        }
        return -EINVAL;
}

int row_read(Database *d, const Table *t, sqlite3_stmt *q, void *ret) {
        int r;

        memset(ret, 0, t->size);
        for (size_t i = 0; i < t->n_columns; i++) {
                r = read_column(d, t, &t->columns[i], q, (int) i, ret);
                if (r < 0) {
                        t->done(ret);
                        return r;
                }
        }
        return 0;
}

int row_read_one(Database *d, const Table *t, sqlite3_stmt *q, void *ret) {
        int r;

        r = database_step(d, q);
        if (r <= 0)
                return r;
        r = row_read(d, t, q, ret);
        return r < 0 ? r : 1;
}

int row_read_all(Database *d, const Table *t, sqlite3_stmt *q, void **ret_items, size_t *ret_n) {
        size_t n = 0, allocated = 0;
        char *items = NULL;
        int r;

        while ((r = database_step(d, q)) > 0) {
                if (n == allocated) {
                        char *grown = reallocarray(items, MAX(2 * allocated, (size_t) 4), t->size);

                        if (!grown) {
                                r = out_of_memory();
                                break;
                        }
                        items = grown;
                        allocated = MAX(2 * allocated, (size_t) 4);
                }
                r = row_read(d, t, q, items + n * t->size);
                if (r < 0)
                        break;
                n++;
        }
        if (r < 0) {
                while (n > 0)
                        t->done(items + --n * t->size);
                free(items);
                return r;
        }
        *ret_items = items;
        *ret_n = n;
        return 0;
}

int row_insert(Database *d, const Table *t, const void *value, int64_t *ret_id) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = statement_for(d, t, VERB_INSERT, "", &q);
        if (r >= 0)
                r = bind_row(d, t, q, value);
        if (r >= 0)
                r = database_run(d, q);
        if (r < 0)
                return r;
        *ret_id = sqlite3_last_insert_rowid(d->handle);
        return 0;
}

int row_update(Database *d, const Table *t, const void *value, const char *tail) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = statement_for(d, t, VERB_UPDATE, tail, &q);
        if (r >= 0)
                r = bind_row(d, t, q, value);
        if (r >= 0)
                r = database_run(d, q);
        return r;
}

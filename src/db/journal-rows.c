/* The rows of the journal in SQLite: its schema and each write as statements. See journal.h. */
#include <errno.h>

#include "db/journal-internal.h"
#include "db/rows.h"
#include "db/store-error.h"

const char *const journal_migrations[] = {
        /* 1 */
        "CREATE TABLE requests ("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  service TEXT NOT NULL,"
        "  unique_id TEXT,"
        "  content TEXT,"
        "  method TEXT NOT NULL,"
        "  args TEXT,"
        "  context TEXT,"
        "  secrets_dropped INTEGER NOT NULL DEFAULT 0 CHECK (secrets_dropped IN (0, 1)),"
        "  essex INTEGER NOT NULL DEFAULT 0 CHECK (essex IN (0, 1)),"
        "  msg_id TEXT,"
        "  reply_q TEXT,"
        "  instance_uuid TEXT,"
        "  origin TEXT NOT NULL,"
        "  state TEXT NOT NULL CHECK (state IN ('accepted', 'begun', 'done', 'failed', 'undone')),"
        "  step TEXT,"
        "  result TEXT,"
        "  failure TEXT,"
        "  reply TEXT NOT NULL CHECK (reply IN ('none', 'wanted', 'sent', 'lost')),"
        "  accepted_at TEXT NOT NULL,"
        "  finished_at TEXT"
        ") STRICT;"
        "CREATE UNIQUE INDEX requests_unique_id ON requests (service, unique_id) WHERE unique_id IS NOT NULL;"
        "CREATE INDEX requests_content ON requests (content) WHERE content IS NOT NULL;"
        "CREATE INDEX requests_open ON requests (id) WHERE finished_at IS NULL;"
        "CREATE INDEX requests_unsent ON requests (id) WHERE finished_at IS NOT NULL AND reply = 'wanted';",
};
const size_t journal_n_migrations = ELEMENTSOF(journal_migrations);

static const char *const state_names[_JOURNAL_STATE_MAX] = {
        [JOURNAL_ACCEPTED] = "accepted", [JOURNAL_BEGUN] = "begun",   [JOURNAL_DONE] = "done",
        [JOURNAL_FAILED] = "failed",     [JOURNAL_UNDONE] = "undone",
};

const char *journal_state_to_string(JournalState s) {
        return s >= 0 && s < _JOURNAL_STATE_MAX ? state_names[s] : NULL;
}

JournalState journal_state_from_string(const char *s) {
        for (JournalState n = 0; s && n < _JOURNAL_STATE_MAX; n++)
                if (streq(state_names[n], s))
                        return n;
        return _JOURNAL_STATE_INVALID;
}

#define FIELD(name) offsetof(JournalRow, name)

static const Column columns[] = {
        { "id", COLUMN_INTEGER, FIELD(id), .flags = COLUMN_GIVEN },
        { "service", COLUMN_TEXT, FIELD(service), .flags = COLUMN_FIXED },
        { "unique_id", COLUMN_TEXT, FIELD(unique_id), .flags = COLUMN_FIXED },
        { "content", COLUMN_TEXT, FIELD(content), .flags = COLUMN_FIXED },
        { "method", COLUMN_TEXT, FIELD(method), .flags = COLUMN_FIXED },
        { "args", COLUMN_TEXT, FIELD(args) },
        { "context", COLUMN_TEXT, FIELD(context) },
        { "secrets_dropped", COLUMN_BOOLEAN, FIELD(secrets_dropped), .flags = COLUMN_FIXED },
        { "essex", COLUMN_BOOLEAN, FIELD(essex), .flags = COLUMN_FIXED },
        { "msg_id", COLUMN_TEXT, FIELD(msg_id), .flags = COLUMN_FIXED },
        { "reply_q", COLUMN_TEXT, FIELD(reply_q), .flags = COLUMN_FIXED },
        { "instance_uuid", COLUMN_TEXT, FIELD(instance_uuid), .flags = COLUMN_FIXED },
        { "origin", COLUMN_TEXT, FIELD(origin), .flags = COLUMN_FIXED },
        { "state", COLUMN_TEXT, FIELD(state) },
        { "step", COLUMN_TEXT, FIELD(step) },
        { "result", COLUMN_TEXT, FIELD(result) },
        { "failure", COLUMN_TEXT, FIELD(failure) },
        { "reply", COLUMN_TEXT, FIELD(reply) },
        { "accepted_at", COLUMN_TIME, FIELD(accepted_at), .flags = COLUMN_FIXED },
        { "finished_at", COLUMN_TIME, FIELD(finished_at) },
};

void journal_row_done(JournalRow *r) {
        char **const texts[] = { &r->service, &r->unique_id, &r->content, &r->method, &r->args, &r->context, &r->msg_id,
                                 &r->reply_q, &r->instance_uuid, &r->origin, &r->state, &r->step, &r->result, &r->failure,
                                 &r->reply };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                free(*texts[i]);
        *r = (JournalRow) {};
}

void journal_row_list_done(JournalRowList *l) {
        for (size_t i = 0; i < l->n; i++)
                journal_row_done(&l->items[i]);
        free(l->items);
        *l = (JournalRowList) {};
}

static void done(void *value) {
        journal_row_done(value);
}

static const Table requests = {
        .name = "requests",
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .size = sizeof(JournalRow),
        .done = done,
};

/* ---- writes ---- */

/* The row that this request is already: 1 with *ret, or 0. */
static int find_known(Database *d, const JournalWrite *w, JournalRow *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        const JournalRow *row = &w->row;
        int r;

        if (row->unique_id)
                r = row_select(d, &requests, "WHERE service = ?1 AND unique_id = ?2", &q);
        else if (row->content && w->redelivered)
                /* Not in the last writes of this batch only: the order of acceptance says which one it is. */
                r = row_select(d, &requests, "WHERE service = ?1 AND content = ?2 ORDER BY id DESC LIMIT 1", &q);
        else
                return 0;
        if (r >= 0)
                r = bind_text(d, q, 1, row->service);
        if (r >= 0)
                r = bind_text(d, q, 2, row->unique_id ? row->unique_id : row->content);
        return r < 0 ? r : row_read_one(d, &requests, q, ret);
}

static int set_text(char **p, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return store_failed(-ENOMEM, "Out of memory");
        free(*p);
        *p = copy;
        return 0;
}

static int apply_accept(Database *d, JournalWrite *w) {
        JournalRow known;
        int r;

        r = find_known(d, w, &known);
        if (r < 0)
                return r;
        if (r > 0) {
                journal_row_done(&w->row);
                w->row = known;
                w->id = known.id;
                return 0;
        }

        r = set_text(&w->row.state, "accepted");
        if (r >= 0)
                r = set_text(&w->row.reply, w->row.msg_id ? "wanted" : "none");
        if (r >= 0)
                r = row_insert(d, &requests, &w->row, &w->row.id);
        if (r < 0)
                return r;
        w->id = w->row.id;
        return 1;
}

static int run_by_id(Database *d, const char *sql, int64_t id, const char *first, const char *second, const char *third) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        const char *const texts[] = { first, second, third };
        int r;

        r = database_statement(d, sql, &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        for (int i = 0; i < (int) ELEMENTSOF(texts) && r >= 0; i++)
                if (sqlite3_bind_parameter_count(q) >= i + 2)
                        r = bind_text(d, q, i + 2, texts[i]);
        return r < 0 ? r : database_run(d, q);
}

static int apply_finish(Database *d, JournalWrite *w) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "UPDATE requests SET state = ?2, result = ?3, failure = ?4, finished_at = ?5,"
                               " args = NULL, context = NULL, step = NULL WHERE id = ?1 AND finished_at IS NULL", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, w->id);
        if (r >= 0)
                r = bind_text(d, q, 2, journal_state_to_string(w->state));
        if (r >= 0)
                r = bind_text(d, q, 3, w->result);
        if (r >= 0)
                r = bind_text(d, q, 4, w->failure);
        if (r >= 0)
                r = bind_time(d, q, 5, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

int journal_load(Database *d, const char *service, JournalRowList *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        void *items;
        int r;

        r = row_select(d, &requests, "WHERE (finished_at IS NULL OR (finished_at IS NOT NULL AND reply = 'wanted'))"
                       " AND (?1 IS NULL OR service = ?1) ORDER BY id", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, service);
        if (r >= 0)
                r = row_read_all(d, &requests, q, &items, &ret->n);
        if (r >= 0)
                ret->items = items;
        return r;
}

int journal_apply(Database *d, JournalWrite *w) {
        int r;

        switch (w->verb) {
        case JOURNAL_ACCEPT:
                return apply_accept(d, w);
        case JOURNAL_BEGIN:
                r = run_by_id(d, "UPDATE requests SET state = 'begun' WHERE id = ?1 AND state = 'accepted'", w->id, NULL, NULL, NULL);
                break;
        case JOURNAL_STEP:
                r = run_by_id(d, "UPDATE requests SET step = ?2 WHERE id = ?1 AND finished_at IS NULL", w->id, w->text, NULL, NULL);
                break;
        case JOURNAL_FINISH:
                r = apply_finish(d, w);
                break;
        case JOURNAL_REPLIED:
                r = run_by_id(d, "UPDATE requests SET reply = ?2 WHERE id = ?1", w->id, w->text, NULL, NULL);
                break;
        case JOURNAL_LOAD:
                r = journal_load(d, w->row.service, &w->rows);
                break;
        default:
                return -EINVAL;
        }
        return r < 0 ? r : 1;
}

int journal_prune(Database *d, usec_t before, int64_t keep_rows, int max) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE finished_at IS NOT NULL"
                               " AND ((?1 IS NOT NULL AND finished_at < ?1)"
                               " OR (?2 > 0 AND id <= (SELECT max(id) FROM requests) - ?2)) ORDER BY id LIMIT ?3)", &q);
        if (r >= 0)
                r = bind_time(d, q, 1, before);
        if (r >= 0)
                r = bind_integer(d, q, 2, keep_rows);
        if (r >= 0)
                r = bind_integer(d, q, 3, max);
        return r < 0 ? r : database_run(d, q);
}

/* Instance actions and their events in SQLite: see store.h for what each does. */
#include <errno.h>

#include "basic/json.h"
#include "db/local-store.h"
#include "db/store-error.h"

static int find_action(Database *d, const ActionEvent *event, int64_t *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "SELECT id FROM instance_actions WHERE instance_uuid = ?1 AND request_id = ?2"
                               " ORDER BY id DESC LIMIT 1", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, event->instance_uuid);
        if (r >= 0)
                r = bind_text(d, q, 2, event->request_id);
        if (r >= 0)
                r = database_step(d, q);
        if (r > 0)
                *ret = sqlite3_column_int64(q, 0);
        return r;
}

static int insert_action(Database *d, const ActionEvent *event, usec_t now, int64_t *ret) {
        const char *const texts[] = { event->action, event->instance_uuid, event->request_id, event->user_id,
                                      event->project_id };
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "INSERT INTO instance_actions (action, instance_uuid, request_id, user_id, project_id,"
                               " start_time, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)", &q);
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(texts); n++)
                r = bind_text(d, q, (int) n + 1, texts[n]);
        if (r >= 0)
                r = bind_time(d, q, 6, now);
        if (r >= 0)
                r = database_run(d, q);
        if (r >= 0)
                *ret = sqlite3_last_insert_rowid(d->handle);
        return r;
}

/* One that the run that ended had begun: it goes on. */
static int find_event(Database *d, const ActionEvent *event, int64_t action, int64_t *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "SELECT id FROM instance_actions_events WHERE action_id = ?1 AND event = ?2 AND finish_time IS NULL"
                               " ORDER BY id DESC LIMIT 1", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, action);
        if (r >= 0)
                r = bind_text(d, q, 2, event->event);
        if (r >= 0)
                r = database_step(d, q);
        if (r > 0)
                *ret = sqlite3_column_int64(q, 0);
        return r;
}

static int insert_event(Database *d, const ActionEvent *event, int64_t action, usec_t now, int64_t *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "INSERT INTO instance_actions_events (action_id, event, host, start_time, created_at)"
                               " VALUES (?1, ?2, ?3, ?4, ?4)", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, action);
        if (r >= 0)
                r = bind_text(d, q, 2, event->event);
        if (r >= 0)
                r = bind_text(d, q, 3, event->host);
        if (r >= 0)
                r = bind_time(d, q, 4, now);
        if (r >= 0)
                r = database_run(d, q);
        if (r >= 0)
                *ret = sqlite3_last_insert_rowid(d->handle);
        return r;
}

static int event_start(Database *d, const ActionEvent *event, int64_t *ret) {
        usec_t now = now_realtime();
        int64_t action = 0, id = 0;
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        r = find_action(d, event, &action);
        if (r == 0)
                r = insert_action(d, event, now, &action);
        if (r >= 0)
                r = find_event(d, event, action, &id);
        if (r == 0)
                r = insert_event(d, event, action, now, &id);
        r = database_end(d, r);
        if (r >= 0)
                *ret = id;
        return r;
}

int local_action_event_start(Store *s, const ActionEvent *event, int64_t *ret_id) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = event_start(d, event, ret_id);
        r = database_leave(d, r);
        return r < 0 ? r : 0;
}

static int finish_event(Database *d, int64_t id, const char *message, const char *traceback, usec_t now) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "UPDATE instance_actions_events SET finish_time = ?2, updated_at = ?2, result = ?3,"
                               " details = ?4, traceback = ?5 WHERE id = ?1 AND finish_time IS NULL", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, id);
        if (r >= 0)
                r = bind_time(d, q, 2, now);
        if (r >= 0)
                r = bind_text(d, q, 3, message ? "Error" : "Success");
        if (r >= 0)
                r = bind_text(d, q, 4, message);
        if (r >= 0)
                r = bind_text(d, q, 5, traceback);
        return r < 0 ? r : database_run(d, q);
}

/* An action says Error as soon as one of its events does, and nothing else. */
static int touch_action(Database *d, int64_t event, bool failed, usec_t now) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, failed ? "UPDATE instance_actions SET updated_at = ?2, message = 'Error' WHERE id ="
                                           " (SELECT action_id FROM instance_actions_events WHERE id = ?1)"
                                         : "UPDATE instance_actions SET updated_at = ?2 WHERE id ="
                                           " (SELECT action_id FROM instance_actions_events WHERE id = ?1)", &q);
        if (r >= 0)
                r = bind_integer(d, q, 1, event);
        if (r >= 0)
                r = bind_time(d, q, 2, now);
        return r < 0 ? r : database_run(d, q);
}

static int event_finish(Database *d, int64_t id, const char *message, const char *traceback) {
        usec_t now = now_realtime();
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        r = finish_event(d, id, message, traceback, now);
        if (r > 0)
                r = touch_action(d, id, message != NULL, now);
        return database_end(d, r);
}

int local_action_event_finish(Store *s, int64_t id, const char *message, const char *traceback) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = event_finish(d, id, message, traceback);
        return database_leave(d, r);
}

/* ---- reading ---- */

/* One row for each event, those of one action one after another; an action has at least one. */
#define LIST_COLUMNS                                                                                            \
        "SELECT a.id, a.action, a.request_id, a.user_id, a.project_id, a.message, a.start_time, e.event, e.host, " \
        "e.result, e.details, e.traceback, e.start_time, e.finish_time FROM instance_actions a "                  \
        "JOIN instance_actions_events e ON e.action_id = a.id WHERE a.id IN "                                     \
        "(SELECT id FROM instance_actions WHERE instance_uuid = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY a.id DESC, e.id"

static json_t *column_text(sqlite3_stmt *q, int n) {
        return json_string_or_null((const char *) sqlite3_column_text(q, n));
}

static json_int_t column_time(sqlite3_stmt *q, int n) {
        const char *text = (const char *) sqlite3_column_text(q, n);
        usec_t t;

        return text && time_parse(text, &t) >= 0 ? (json_int_t) t : 0;
}

static json_t *read_action(sqlite3_stmt *q) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:[]}", "action", column_text(q, 1), "request_id", column_text(q, 2), "user_id",
                         column_text(q, 3), "project_id", column_text(q, 4), "message", column_text(q, 5), "start", column_time(q, 6),
                         "finish", (json_int_t) 0, "events");
}

static json_t *read_event(sqlite3_stmt *q) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "event", column_text(q, 7), "host", column_text(q, 8), "result",
                         column_text(q, 9), "details", column_text(q, 10), "traceback", column_text(q, 11), "start", column_time(q, 12),
                         "finish", column_time(q, 13));
}

static int read_actions(Database *d, sqlite3_stmt *q, json_t *to) {
        json_t *action = NULL, *event;
        int64_t id = 0;
        bool open = false;
        int r;

        while ((r = database_step(d, q)) > 0) {
                if (!action || sqlite3_column_int64(q, 0) != id) {
                        action = read_action(q);
                        if (json_array_append_new(to, action) < 0)
                                return -ENOMEM;
                        id = sqlite3_column_int64(q, 0);
                        open = false;
                }
                event = read_event(q);
                open = open || column_time(q, 13) == 0;
                if (json_array_append_new(json_object_get(action, "events"), event) < 0 ||
                    json_object_set_new(action, "finish", json_integer(open ? 0 : column_time(q, 13))) < 0)
                        return -ENOMEM;
        }
        return r;
}

int local_action_list(Store *s, const char *instance_uuid, unsigned max, json_t **ret) {
        json_auto_t *actions = json_array();
        Database *d = local_database(s);
        int r;

        if (!actions)
                return -ENOMEM;
        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        {
                _cleanup_statement_ sqlite3_stmt *q = NULL;

                r = database_statement(d, LIST_COLUMNS, &q);
                if (r >= 0)
                        r = bind_text(d, q, 1, instance_uuid);
                if (r >= 0)
                        r = bind_integer(d, q, 2, max);
                if (r >= 0)
                        r = read_actions(d, q, actions);
        }
        r = database_leave(d, r);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(actions);
        return 0;
}

/* Telling who watches of changes of instances: see store.h. Told while the database is held, so in the order of the writes. When
 * another file has come under the database's name, or the old one was opened anew, all is told from the beginning. */
#define LOG_LOGGER "nova.db"
#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"
#include "db/local-store.h"

static LocalStore *local_store(Store *s) {
        return CONTAINER_OF(s, LocalStore, store);
}

static bool is_of_host(const Instance *row, const char *host) {
        return !row->deleted && (!row->host || streq(row->host, host));
}

/* ---- all that there is ---- */

/* What else is shown of an instance is in its object, which is too big to be read whole for each: Nova's object, or the
 * dictionary of Essex. As a dictionary in row->object. */
static int read_object_part(Database *d, Instance *row) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        static const char *const keys[] = { "metadata", "key_name", "config_drive" };
        json_auto_t *values = NULL;
        const char *text;
        int r;

        r = database_statement(d, "SELECT CASE WHEN json_type(object, '$.\"nova_object.data\"') IS NULL"
                               " THEN json_extract(object, '$.metadata', '$.key_name', '$.config_drive')"
                               " ELSE json_extract(object, '$.\"nova_object.data\".metadata', '$.\"nova_object.data\".key_name',"
                               " '$.\"nova_object.data\".config_drive') END"
                               " FROM instances WHERE uuid = ?1 AND deleted = 0 AND json_valid(object)", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, row->uuid);
        if (r >= 0)
                r = database_step(d, q);
        if (r < 0)
                return r;
        row->object = json_object();
        text = r > 0 ? (const char *) sqlite3_column_text(q, 0) : NULL;
        if (!row->object)
                return -ENOMEM;
        if (!text || json_parse(text, strlen(text), &values, NULL, 0) < 0)
                return 0;
        for (size_t n = 0; n < ELEMENTSOF(keys); n++)
                if (json_object_set(row->object, keys[n], json_array_get(values, n)) < 0 && json_array_get(values, n))
                        return -ENOMEM;
        return 0;
}

static int tell_faults(Database *d, InstanceWatch *w) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "SELECT instance_uuid, message, created_at FROM instance_faults WHERE id IN"
                               " (SELECT max(f.id) FROM instance_faults f JOIN instances i ON i.uuid = f.instance_uuid"
                               "  WHERE i.deleted = 0 AND (i.host = ?1 OR i.host IS NULL) GROUP BY f.instance_uuid)", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, w->host);
        while (r >= 0 && (r = database_step(d, q)) > 0) {
                const char *at = (const char *) sqlite3_column_text(q, 2), *message = (const char *) sqlite3_column_text(q, 1);
                usec_t t = 0;

                if (at)
                        (void) time_parse(at, &t);
                w->changed(w, (const char *) sqlite3_column_text(q, 0), NULL, strempty(message), t);
        }
        return r;
}

static int tell_row(Database *d, Instance *row, void *userdata) {
        InstanceWatch *w = userdata;
        int r;

        r = read_object_part(d, row);
        if (r >= 0)
                w->changed(w, row->uuid, row, NULL, 0);
        return r;
}

/* One row at a time: a list of all of them would leave the memory in holes. */
static int tell_all(Database *d, InstanceWatch *w) {
        int r;

        w->begin(w);
        r = local_instances_shown(d, w->host, tell_row, w);
        if (r < 0)
                return r;
        r = tell_faults(d, w);
        w->end(w);
        return r;
}

/* With the lock. False: all was told, what there is to tell is part of it. */
static bool same_file(LocalStore *l) {
        if (l->opened == l->database.opened)
                return true;
        l->opened = l->database.opened;
        for (InstanceWatch *w = l->watches; w; w = w->next)
                if (tell_all(&l->database, w) < 0)
                        log_warning("What is shown of the instances may be old: %s", store_last_error());
        return false;
}

/* ---- watching ---- */

int local_instance_watch(Store *s, InstanceWatch *w) {
        LocalStore *l = local_store(s);
        int r;

        r = database_enter(&l->database, ACCESS_READ);
        if (r < 0)
                return r;
        (void) pthread_mutex_lock(&l->watch_lock);
        (void) same_file(l);
        r = tell_all(&l->database, w);
        if (r >= 0) {
                w->next = l->watches;
                l->watches = w;
        }
        (void) pthread_mutex_unlock(&l->watch_lock);
        return database_leave(&l->database, r);
}

void local_instance_unwatch(Store *s, InstanceWatch *w) {
        LocalStore *l = local_store(s);

        (void) pthread_mutex_lock(&l->watch_lock);
        for (InstanceWatch **p = &l->watches; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        (void) pthread_mutex_unlock(&l->watch_lock);
}

void local_instances_looked_at(Store *s) {
        LocalStore *l = local_store(s);

        (void) pthread_mutex_lock(&l->watch_lock);
        (void) same_file(l);
        (void) pthread_mutex_unlock(&l->watch_lock);
}

void local_instance_changed(Store *s, const Instance *row) {
        LocalStore *l = local_store(s);

        (void) pthread_mutex_lock(&l->watch_lock);
        if (same_file(l))
                for (InstanceWatch *w = l->watches; w; w = w->next)
                        w->changed(w, row->uuid, is_of_host(row, w->host) ? row : NULL, NULL, 0);
        (void) pthread_mutex_unlock(&l->watch_lock);
}

void local_instance_gone(Store *s, const char *uuid) {
        LocalStore *l = local_store(s);

        (void) pthread_mutex_lock(&l->watch_lock);
        if (same_file(l))
                for (InstanceWatch *w = l->watches; w; w = w->next)
                        w->changed(w, uuid, NULL, NULL, 0);
        (void) pthread_mutex_unlock(&l->watch_lock);
}

void local_instance_fault(Store *s, const char *uuid, const char *message, usec_t at) {
        LocalStore *l = local_store(s);

        (void) pthread_mutex_lock(&l->watch_lock);
        if (same_file(l))
                for (InstanceWatch *w = l->watches; w; w = w->next)
                        w->changed(w, uuid, NULL, strempty(message), at);
        (void) pthread_mutex_unlock(&l->watch_lock);
}

/* Rows of instances and instance_faults in SQLite: see store.h for what each does. */
#include <errno.h>
#include <stdio.h>

#include "db/local-store.h"
#include "db/store-error.h"

#define FIELD(member) offsetof(Instance, member)

static const Column instance_columns[] = {
        { "id", COLUMN_INTEGER, FIELD(id), .flags = COLUMN_FIXED },
        { "uuid", COLUMN_TEXT, FIELD(uuid), .flags = COLUMN_FIXED },
        { "name", COLUMN_TEXT, FIELD(name) },
        { "display_name", COLUMN_TEXT, FIELD(display_name) },
        { "hostname", COLUMN_TEXT, FIELD(hostname) },
        { "host", COLUMN_TEXT, FIELD(host) },
        { "node", COLUMN_TEXT, FIELD(node) },
        { "launched_on", COLUMN_TEXT, FIELD(launched_on) },
        { "user_id", COLUMN_TEXT, FIELD(user_id) },
        { "project_id", COLUMN_TEXT, FIELD(project_id) },
        { "image_ref", COLUMN_TEXT, FIELD(image_ref) },
        { "os_type", COLUMN_TEXT, FIELD(os_type) },
        { "availability_zone", COLUMN_TEXT, FIELD(availability_zone) },
        { "vm_state", COLUMN_VM_STATE, FIELD(vm_state) },
        { "task_state", COLUMN_TASK_STATE, FIELD(task_state) },
        { "power_state", COLUMN_POWER_STATE, FIELD(power_state) },
        { "instance_type_id", COLUMN_INTEGER, FIELD(flavor_id) },
        { "instance_type_name", COLUMN_TEXT, FIELD(flavor_name) },
        { "memory_mb", COLUMN_INTEGER, FIELD(memory_mb) },
        { "vcpus", COLUMN_INTEGER, FIELD(vcpus) },
        { "root_gb", COLUMN_INTEGER, FIELD(root_gb) },
        { "ephemeral_gb", COLUMN_INTEGER, FIELD(ephemeral_gb) },
        { "swap_mb", COLUMN_INTEGER, FIELD(swap_mb) },
        { "locked", COLUMN_BOOLEAN, FIELD(locked) },
        { "volume_backed", COLUMN_BOOLEAN, FIELD(volume_backed) },
        { "cleaned", COLUMN_BOOLEAN, FIELD(cleaned) },
        { "network_info", COLUMN_TEXT, FIELD(network_info) },
        { "numa_topology", COLUMN_TEXT, FIELD(numa_topology) },
        { "launched_at", COLUMN_TIME, FIELD(launched_at) },
        { "terminated_at", COLUMN_TIME, FIELD(terminated_at) },
        { "created_at", COLUMN_TIME, FIELD(created_at), .flags = COLUMN_FIXED },
        { "updated_at", COLUMN_TIME, FIELD(updated_at) },
        { "deleted_at", COLUMN_TIME, FIELD(deleted_at) },
        { "deleted", COLUMN_BOOLEAN, FIELD(deleted), .flags = COLUMN_GIVEN },
        { "object", COLUMN_JSON, FIELD(object), .flags = COLUMN_KEPT },         /* the last: see instances_brief */
};

static void done(void *value) {
        instance_done(value);
}

static const Table instances = {
        .name = "instances",
        .columns = instance_columns,
        .n_columns = ELEMENTSOF(instance_columns),
        .size = sizeof(Instance),
        .done = done,
};

/* Without the object, which is some tens of kilobytes of JSON each: lists are read every minute, for their numbers. */
static const Table instances_brief = {
        .name = "instances",
        .columns = instance_columns,
        .n_columns = ELEMENTSOF(instance_columns) - 1,
        .size = sizeof(Instance),
        .done = done,
};

/* An instance may have been deleted here more than once; the last one counts, and one that lives before all. */
static const char *const by_uuid[] = {
        [READ_DELETED_NO] = "WHERE uuid = ?1 AND deleted = 0",
        [READ_DELETED_YES] = "WHERE uuid = ?1 ORDER BY deleted, row DESC LIMIT 1",
        [READ_DELETED_ONLY] = "WHERE uuid = ?1 AND deleted = 1 ORDER BY row DESC LIMIT 1",
};

static const char *const by_host[] = {
        [READ_DELETED_NO] = "WHERE host IS ?1 AND deleted = 0 ORDER BY row",
        [READ_DELETED_YES] = "WHERE host IS ?1 ORDER BY row",
        [READ_DELETED_ONLY] = "WHERE host IS ?1 AND deleted = 1 ORDER BY row",
};

int local_instance_get(Store *s, const char *uuid, ReadDeleted read_deleted, Instance *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = local_read_by_texts(d, &instances, by_uuid[read_deleted], uuid, NULL, ret);
        return database_leave(d, r);
}

static int read_list(Database *d, sqlite3_stmt *q, InstanceList *ret) {
        void *items;
        int r;

        r = row_read_all(d, &instances_brief, q, &items, &ret->n);
        if (r >= 0)
                ret->items = items;
        return r;
}

static int list_by_host(Database *d, const char *host, ReadDeleted read_deleted, InstanceList *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, &instances_brief, by_host[read_deleted], &q);
        if (r >= 0)
                r = bind_text(d, q, 1, host);
        return r < 0 ? r : read_list(d, q, ret);
}

int local_instance_list_by_host(Store *s, const char *host, ReadDeleted read_deleted, InstanceList *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = list_by_host(d, host, read_deleted, ret);
        if (r >= 0)
                local_instances_looked_at(s);
        return database_leave(d, r);
}

static int list_active(Database *d, const char *host, usec_t begin, usec_t end, InstanceList *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, &instances_brief, "WHERE host IS ?1 AND launched_at < ?3 AND (terminated_at IS NULL OR terminated_at > ?2)"
                       " ORDER BY row", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, host);
        if (r >= 0)
                r = bind_time(d, q, 2, begin);
        if (r >= 0)
                r = bind_time(d, q, 3, end);
        return r < 0 ? r : read_list(d, q, ret);
}

int local_instance_list_active(Store *s, const char *host, usec_t begin, usec_t end, InstanceList *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = list_active(d, host, begin, end, ret);
        return database_leave(d, r);
}

int local_instances_shown(Database *d, const char *host, int (*f)(Database *d, Instance *row, void *userdata), void *userdata) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = row_select(d, &instances_brief, "WHERE (host = ?1 OR host IS NULL) AND deleted = 0 ORDER BY row", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, host);
        while (r >= 0 && (r = database_step(d, q)) > 0) {
                _cleanup_(instance_done) Instance row = {};

                r = row_read(d, &instances_brief, q, &row);
                if (r >= 0)
                        r = f(d, &row, userdata);
        }
        return r;
}

static int next_id(Database *d, int64_t *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "SELECT coalesce(max(id), 0) + 1 FROM instances", &q);
        if (r >= 0)
                r = database_step(d, q);
        if (r > 0)
                *ret = sqlite3_column_int64(q, 0);
        return r;
}

/* The number an instance comes with is its cell's and is kept; one without gets the next. */
static int create(Database *d, Instance *row) {
        int64_t ignored;
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        if (row->id == 0)
                r = next_id(d, &row->id);
        if (r >= 0)
                r = row_insert(d, &instances, row, &ignored);
        return database_end(d, r);
}

int local_instance_create(Store *s, Instance *instance, NovaException *e) {
        Database *d = local_database(s);
        Instance row = *instance;
        int r;

        if (row.created_at == 0)
                row.created_at = now_realtime();

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r >= 0) {
                r = create(d, &row);
                if (r >= 0)
                        local_instance_changed(s, &row);
                r = database_leave(d, r);
        }
        if (r == -EEXIST) {
                (void) exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", strempty(instance->uuid));
                exception_kwarg(e, "name", json_string(strempty(instance->uuid)));
                return r;
        }
        if (r < 0)
                return store_exception_for_peer(e, r);

        instance->id = row.id;
        instance->created_at = row.created_at;
        return 0;
}

static bool is_expected(const TaskState *expected, TaskState task) {
        for (; *expected != _TASK_STATE_INVALID; expected++)
                if (*expected == task)
                        return true;
        return false;
}

/* Nova's words, down to Python's way of showing lists: its clients have them in their logs and tests. */
static int unexpected(NovaException *e, const char *uuid, const TaskState *expected, TaskState actual) {
        const char *name = task_state_to_string(actual);
        json_t *list = json_array();
        char text[2048] = "";           /* all task_states */
        size_t n = 0;

        for (const TaskState *x = expected; *x != _TASK_STATE_INVALID; x++) {
                const char *s = task_state_to_string(*x), *quote = s ? "'" : "";

                (void) json_array_append_new(list, s ? json_string(s) : json_null());
                if (n < sizeof text)
                        n += (size_t) snprintf(text + n, sizeof text - n, "%s%s%s%s", n > 0 ? ", " : "", quote, s ? s : "None", quote);
        }
        (void) exception_setf(e, actual == TASK_DELETING ? EXC_UNEXPECTED_DELETING_TASK_STATE : EXC_UNEXPECTED_TASK_STATE,
                              "Conflict updating instance %s. Expected: {'task_state': [%s]}. Actual: {'task_state': %s%s%s}",
                              uuid, text, name ? "'" : "", name ? name : "None", name ? "'" : "");
        if (e)
                e->error = -ESTALE;
        exception_kwarg(e, "instance_uuid", json_string(uuid));
        exception_kwarg(e, "expected", json_pack("{s:o}", "task_state", list));
        exception_kwarg(e, "actual", json_pack("{s:s?}", "task_state", name));
        return store_failed(-ESTALE, "Instance %s has task_state %s", uuid, name ? name : "none");
}

void instance_before_done(InstanceBefore *b) {
        free(b->display_name);
        *b = (InstanceBefore) {};
}

static int keep_before(sqlite3_stmt *q, InstanceBefore *ret) {
        const char *name = (const char *) sqlite3_column_text(q, 2);

        ret->display_name = name ? strdup(name) : NULL;
        if (name && !ret->display_name)
                return store_failed(-ENOMEM, "Out of memory");
        ret->vm_state = vm_state_from_string((const char *) sqlite3_column_text(q, 1));
        ret->task_state = task_state_from_string((const char *) sqlite3_column_text(q, 0));
        return 1;
}

/* What the row says before it is written; either may be NULL. */
static int look_at_row(Database *d, const char *uuid, const TaskState *expected_task, InstanceBefore *ret_before, NovaException *e) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        TaskState task;
        int r;

        r = database_statement(d, "SELECT task_state, vm_state, display_name FROM instances WHERE uuid = ?1 AND deleted = 0", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, uuid);
        if (r >= 0)
                r = database_step(d, q);
        if (r <= 0)
                return r;
        task = task_state_from_string((const char *) sqlite3_column_text(q, 0));
        if (expected_task && !is_expected(expected_task, task))
                return unexpected(e, uuid, expected_task, task);
        return ret_before ? keep_before(q, ret_before) : 1;
}

static int save(Database *d, const Instance *row, const TaskState *expected_task, InstanceBefore *ret_before, NovaException *e) {
        int r;

        if (!expected_task && !ret_before)
                return row_update(d, &instances, row, "WHERE uuid = :uuid AND deleted = 0");

        r = database_begin(d);
        if (r < 0)
                return r;
        r = look_at_row(d, row->uuid, expected_task, ret_before, e);
        if (r > 0)
                r = row_update(d, &instances, row, "WHERE uuid = :uuid AND deleted = 0");
        return database_end(d, r);
}

int local_instance_save(Store *s, Instance *instance, const TaskState *expected_task, NovaException *e) {
        return local_instance_exchange(s, instance, expected_task, NULL, e);
}

int local_instance_exchange(Store *s, Instance *instance, const TaskState *expected_task, InstanceBefore *ret_before, NovaException *e) {
        InstanceBefore before = {};
        Database *d = local_database(s);
        Instance row = *instance;
        int r;

        row.updated_at = now_realtime();

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r >= 0) {
                r = save(d, &row, expected_task, ret_before ? &before : NULL, e);
                if (r > 0)
                        local_instance_changed(s, &row);
                r = database_leave(d, r);
        }
        if (r > 0) {
                instance->updated_at = row.updated_at;
                if (ret_before)
                        *ret_before = before;
                return r;
        }
        instance_before_done(&before);
        return r < 0 ? store_exception_for_peer(e, r) : r;
}

static int destroy(Database *d, const char *uuid) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "UPDATE instances SET deleted = 1, deleted_at = ?2, vm_state = 'deleted', task_state = NULL, power_state = 0,"
                               " terminated_at = coalesce(terminated_at, ?2), cleaned = 1 WHERE uuid = ?1 AND deleted = 0", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, uuid);
        if (r >= 0)
                r = bind_time(d, q, 2, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

int local_instance_destroy(Store *s, const char *uuid) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = destroy(d, uuid);
        if (r > 0)
                local_instance_gone(s, uuid);
        return database_leave(d, r);
}

static int fault_create(Database *d, const char *uuid, const char *host, int code, const char *message, const char *details,
                        usec_t at) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "INSERT INTO instance_faults (instance_uuid, host, code, message, details, created_at)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, uuid);
        if (r >= 0)
                r = bind_text(d, q, 2, host);
        if (r >= 0)
                r = bind_integer(d, q, 3, code);
        if (r >= 0)
                r = bind_text(d, q, 4, message);
        if (r >= 0)
                r = bind_text(d, q, 5, details);
        if (r >= 0)
                r = bind_time(d, q, 6, at);
        return r < 0 ? r : database_run(d, q);
}

int local_instance_fault_create(Store *s, const char *uuid, const char *host, int code, const char *message,
                                const char *details) {
        Database *d = local_database(s);
        usec_t at = now_realtime();
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = fault_create(d, uuid, host, code, message, details, at);
        if (r >= 0)
                local_instance_fault(s, uuid, message, at);
        r = database_leave(d, r);
        return r < 0 ? r : 0;
}

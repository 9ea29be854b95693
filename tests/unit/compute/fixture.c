#include "fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sqlite3.h>

#define DEADLINE (10 * USEC_PER_SEC)

static void on_change(unsigned what, void *userdata) {
        Fixture *f = userdata;

        f->notified |= what;
        f->notifications++;
}

/* A kill may come between any two writes: none may leave an instance in error of which nothing is said, with nobody to say it later. */
static void forbid_errors_without_a_fault(Fixture *f) {
        (void) fixture_query(f, "CREATE TRIGGER error_without_a_fault BEFORE UPDATE OF vm_state ON instances"
                                " WHEN NEW.vm_state = 'error' AND OLD.vm_state <> 'error' AND NEW.task_state IS NULL AND NOT EXISTS"
                                " (SELECT 1 FROM instance_faults WHERE instance_uuid = NEW.uuid)"
                                " BEGIN SELECT RAISE(ABORT, 'an error without a fault'); END");
}

Fixture *fixture_new(const char *const *assignments) {
        Fixture *f = calloc(1, sizeof *f);
        _cleanup_free_ char *state_path = NULL;
        const char *all[24] = {};
        NovaException e = NOVA_EXCEPTION_NULL;
        ConfigError error = {};
        size_t n = 0;

        strcpy(f->dir, "/tmp/test-compute-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        assert_true(asprintf(&state_path, "state_path=%s", f->dir) > 0);
        all[n++] = state_path;
        all[n++] = "host=node1";
        all[n++] = "my_ip=192.0.2.7";
        for (; assignments && *assignments; assignments++)
                all[n++] = *assignments;
        if (config_new_for_test(&f->config, all, &error) < 0)
                fail_msg("configuration: %s", error.text);

        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(pool_new(&f->pool, f->event, 8), 0);
        if (store_new(&f->store, f->config, &e) < 0 || f->store->ops->open(f->store, &e) < 0)
                fail_msg("store: %s", e.message ? e.message : store_last_error());
        forbid_errors_without_a_fault(f);
        recording_messenger_init(&f->messenger);
        f->context = context_new_admin();

        f->driver = fake_driver_construct(f->config, &e);
        if (!f->driver)
                fail_msg("driver: %s", e.message);
        f->real = f->driver->ops;
        f->ops = *f->real;
        f->driver->ops = &f->ops;

        const ManagerArgs args = {
                .host = "node1", .config = f->config, .event = f->event, .pool = f->pool, .store = f->store,
                .messenger = &f->messenger.messenger,
        };
        if (compute_manager_new(&f->m, &args, f->driver, &e) < 0)
                fail_msg("manager: %s", e.message);
        assert_int_equal(observers_add(&f->m->manager.observers, on_change, f), 0);
        return f;
}

static int remove_one(const char *path, const struct stat *st _unused_, int flag _unused_, struct FTW *ftw _unused_) {
        return remove(path);
}

void fixture_free(Fixture *f) {
        assert_int_equal(pool_stop(f->pool, DEADLINE), 0);
        f->driver->ops = f->real;
        manager_free(&f->m->manager);
        pool_free(f->pool);
        fixture_free_rest(f);
}

void fixture_free_rest(Fixture *f) {
        context_unref(f->context);
        recording_messenger_done(&f->messenger);
        store_free(f->store);
        config_unref(f->config);
        sd_event_unref(f->event);
        (void) nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
}

void fixture_wait(Fixture *f, bool (*done)(Fixture *f)) {
        usec_t deadline = now_monotonic() + DEADLINE;

        while (!done(f)) {
                if (now_monotonic() > deadline)
                        fail_msg("nothing happened in ten seconds");
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static bool is_idle(Fixture *f) {
        return pool_unfinished(f->pool) == 0;
}

void fixture_settle(Fixture *f) {
        /* A job may post a note, and a note's handling may submit a job. */
        for (;;) {
                fixture_wait(f, is_idle);
                while (sd_event_run(f->event, 0) > 0)
                        ;
                if (is_idle(f))
                        return;
        }
}

const char *fixture_uuid(unsigned n, char buf[static UUID_TEXT_MAX]) {
        snprintf(buf, UUID_TEXT_MAX, "6f9e2a10-0000-4000-8000-%012u", n);
        return buf;
}

void fixture_row(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX], name[32];
        Instance i = {
                .uuid = strdup(fixture_uuid(n, uuid)), .host = strdup("node1"), .node = strdup("node1"),
                .project_id = strdup("p1"), .user_id = strdup("u1"), .vm_state = vm, .task_state = task, .power_state = power,
                .memory_mb = 512, .vcpus = 1, .root_gb = 10,
        };

        snprintf(name, sizeof name, "instance-%08x", n);
        i.name = strdup(name);
        if (f->store->ops->instance_create(f->store, &i, &e) < 0)
                fail_msg("instance_create: %s", e.message ? e.message : store_last_error());
        instance_done(&i);
}

void fixture_instance(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power, PowerState guest) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};

        fixture_row(f, n, vm, task, power);
        if (guest == POWER_NOSTATE)
                return;
        fixture_read(f, n, &i);
        /* A hypervisor that is not connected takes no guests; the manager has not seen it connect. */
        if (!f->real->is_connected(f->driver)) {
                f->real->set_event_callback(f->driver, NULL, NULL);
                assert_int_equal(f->real->init_host(f->driver, "node1", &e), 0);
                f->real->set_event_callback(f->driver, compute_on_driver_event, f->m);
        }
        if (f->real->spawn(f->driver, f->context, &i, NULL, NULL, NULL, NULL, NULL, NULL, &e) < 0)
                fail_msg("spawn: %s", e.message);
        assert_int_equal(fake_driver_set_guest_state(f->driver, i.uuid, guest), 0);
}

void fixture_read(Fixture *f, unsigned n, Instance *ret) {
        char uuid[UUID_TEXT_MAX];

        assert_int_equal(f->store->ops->instance_get(f->store, fixture_uuid(n, uuid), READ_DELETED_YES, ret), 1);
}

PowerState fixture_guest(Fixture *f, unsigned n) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX];
        Instance i = { .uuid = (char *) fixture_uuid(n, uuid) };
        DomainInfo info = {};

        return f->real->get_info(f->driver, &i, &info, &e) < 0 ? POWER_NOSTATE : info.state;
}

void fixture_expect(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power, PowerState guest) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, n, &i);
        if (i.vm_state != vm || i.task_state != task || i.power_state != power || fixture_guest(f, n) != guest)
                fail_msg("instance %u: %s, %s, %s, guest %s", n, vm_state_to_string(i.vm_state),
                         i.task_state == TASK_NONE ? "no task" : task_state_to_string(i.task_state),
                         power_state_to_string(i.power_state), power_state_to_string(fixture_guest(f, n)));
}

int64_t fixture_query(Fixture *f, const char *sql) {
        _cleanup_free_ char *path = NULL;
        sqlite3_stmt *statement = NULL;
        sqlite3 *db = NULL;
        int64_t value = -1;

        assert_true(asprintf(&path, "%s/nova.sqlite", f->dir) > 0);
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        if (sqlite3_step(statement) == SQLITE_ROW)
                value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return value;
}

int64_t fixture_service(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        ServiceRecord record = {
                .host = strdup("node1"), .binary = strdup("nova-compute"), .topic = strdup("compute"),
        };
        int64_t id;

        if (f->store->ops->service_create(f->store, &record, &e) < 0)
                fail_msg("service_create: %s", e.message ? e.message : store_last_error());
        id = record.id;
        service_record_done(&record);
        return id;
}

static void on_finished(Operation *o) {
        Answer *a = o->origin_data;

        a->result = o->result ? json_incref(o->result) : NULL;
        exception_move(&a->exception, &o->exception);
        operation_free(o);
        __atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
}

void answer_done(Answer *a) {
        json_decref(a->result);
        exception_done(&a->exception);
}

static Answer *answer_waited;

static bool is_answered(Fixture *f _unused_) {
        return __atomic_load_n(&answer_waited->done, __ATOMIC_ACQUIRE);
}

void fixture_call(Fixture *f, const char *name, const char *args, Answer *ret) {
        fixture_call_as(f, name, args, ORIGIN_RPC, ret);
}

void fixture_call_as(Fixture *f, const char *name, const char *args, OperationOrigin origin, Answer *ret) {
        const Method *m = manager_method(&f->m->manager, name, ~0u);
        json_auto_t *json = NULL;
        Operation *o = NULL;

        assert_non_null(m);
        json = json_loads(args, 0, NULL);
        assert_non_null(json);
        *ret = (Answer) {};
        if (operation_new(&o, &f->m->manager, m, f->context, json, origin, on_finished, ret, &ret->exception) < 0)
                return;
        operation_submit(o, NULL, f->pool);
        answer_waited = ret;
        fixture_wait(f, is_answered);
}

void fixture_do(Fixture *f, const char *name, const char *args) {
        _answer_ Answer a;

        fixture_call(f, name, args, &a);
        if (exception_is_set(&a.exception))
                fail_msg("%s: %s: %s", name, a.exception.class_name, a.exception.message);
}

void fixture_refused(Fixture *f, const char *name, const char *args, const char *class_name) {
        _answer_ Answer a;

        fixture_call(f, name, args, &a);
        if (!exception_is_set(&a.exception))
                fail_msg("%s(%s) was not refused", name, args);
        if (!streq(a.exception.class_name, class_name))
                fail_msg("%s: %s, not %s: %s", name, a.exception.class_name, class_name, a.exception.message);
        assert_null(a.result);
}

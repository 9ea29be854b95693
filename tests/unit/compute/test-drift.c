#include "compute/drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fixture.h"

/* "kind:name" of each finding, in order, with the number of the fixture's instance in place of its uuid. */
static void print_one(const Drift *d, void *userdata) {
        const char *name = d->name;
        FILE *out = userdata;

        fprintf(out, "%s%s:", ftell(out) > 0 ? " " : "", drift_kind_to_string(d->kind));
        if (startswith(name, "6f9e2a10-0000-4000-8000-"))
                fprintf(out, "%d%s", atoi(name + 24), name + 36);
        else
                fprintf(out, "%s", name);
        assert_true(d->since > 0);
        assert_non_null(strstr(d->text, name));
}

static void expect(Fixture *f, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        compute_drift_foreach(f->m, print_one, out);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, expected);
}

static void pass(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        if (compute_sync_power_states(f->m, f->context, &e) < 0)
                fail_msg("synchronization: %s", e.message);
        fixture_settle(f);
}

static void stranger(Fixture *f, unsigned n) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX];
        Instance i = { .uuid = (char *) fixture_uuid(n, uuid), .name = (char *) "stranger", .memory_mb = 1, .vcpus = 1 };

        assert_int_equal(f->real->spawn(f->driver, f->context, &i, NULL, NULL, NULL, NULL, NULL, NULL, &e), 0);
}

static void directory(Fixture *f, const char *name, bool make) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/instances", f->dir) > 0);
        (void) mkdir(path, 0700);
        free(TAKE_PTR(path));
        assert_true(asprintf(&path, "%s/instances/%s", f->dir, name) > 0);
        assert_int_equal(make ? mkdir(path, 0700) : rmdir(path), 0);
}

static void a_state_fits_or_not(void **state _unused_) {
        static const struct {
                VmState vm;
                PowerState guest;
                bool fits;
        } rows[] = {
                { VM_ACTIVE, POWER_RUNNING, true }, { VM_ACTIVE, POWER_BLOCKED, true }, { VM_ACTIVE, POWER_PAUSED, false },
                { VM_ACTIVE, POWER_SHUTDOWN, false }, { VM_STOPPED, POWER_SHUTDOWN, true }, { VM_STOPPED, POWER_SHUTOFF, true },
                { VM_STOPPED, POWER_RUNNING, false }, { VM_PAUSED, POWER_PAUSED, true }, { VM_PAUSED, POWER_RUNNING, false },
                { VM_SUSPENDED, POWER_SHUTDOWN, true }, { VM_SUSPENDED, POWER_RUNNING, false },
                { VM_RESCUED, POWER_RUNNING, true }, { VM_SOFT_DELETED, POWER_RUNNING, false },
                { VM_SOFT_DELETED, POWER_SHUTDOWN, true }, { VM_ERROR, POWER_RUNNING, true }, { VM_BUILDING, POWER_PAUSED, true },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++)
                if (drift_state_fits(rows[n].vm, rows[n].guest) != rows[n].fits)
                        fail_msg("%s and %s", vm_state_to_string(rows[n].vm), power_state_to_string(rows[n].guest));
}

static void each_case_is_named_and_stays_named_until_it_is_gone(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX], name[64];
        Instance gone = {};
        usec_t since;

        /* Well, missing, paused by somebody, deleted with its guest, under way, a stranger. */
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        fixture_instance(f, 2, VM_ACTIVE, TASK_NONE, POWER_PAUSED, POWER_PAUSED);
        fixture_instance(f, 3, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(f->store->ops->instance_destroy(f->store, fixture_uuid(3, uuid)), 1);
        fixture_row(f, 4, VM_ACTIVE, TASK_REBOOTING, POWER_RUNNING);
        fixture_row(f, 5, VM_ERROR, TASK_NONE, POWER_NOSTATE);
        stranger(f, 9);
        directory(f, fixture_uuid(0, uuid), true);
        directory(f, fixture_uuid(3, uuid), true);
        snprintf(name, sizeof name, "%s_del", fixture_uuid(8, uuid));
        directory(f, name, true);
        directory(f, "_base", true);
        directory(f, "locks", true);
        snprintf(name, sizeof name, "%s.bak", fixture_uuid(7, uuid));
        directory(f, name, true);

        pass(f);
        expect(f, "guest-unknown:9 guest-deleted:3 guest-missing:1 state:2 directory:3 directory:8_del");
        since = f->m->drift.items[0].since;
        assert_int_equal(f->m->drift.n, 6);
        f->notified = 0;

        /* Seen again it is no news. */
        pass(f);
        expect(f, "guest-unknown:9 guest-deleted:3 guest-missing:1 state:2 directory:3 directory:8_del");
        assert_true(f->m->drift.items[0].since == since);
        assert_int_equal(f->notified & MANAGER_CHANGED_DRIFT, 0);

        /* Two are put right, one comes. */
        gone.uuid = (char *) fixture_uuid(9, uuid);
        assert_int_equal(f->real->destroy(f->driver, f->context, &gone, NULL, NULL, true, &e), 0);
        directory(f, fixture_uuid(3, uuid), false);
        assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(2, uuid), POWER_RUNNING), 0);
        stranger(f, 6);
        pass(f);
        expect(f, "guest-unknown:6 guest-deleted:3 guest-missing:1 directory:8_del");
        assert_true(f->notified & MANAGER_CHANGED_DRIFT);
}

static void a_hypervisor_that_does_not_answer_changes_nothing(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        pass(f);
        expect(f, "guest-missing:1");
        fake_driver_set_connected(f->driver, false, "gone");
        assert_true(compute_sync_power_states(f->m, f->context, &e) < 0);
        fixture_settle(f);
        expect(f, "guest-missing:1");
}

static void a_driver_without_the_listing_is_asked_for_each(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);

        f->ops.list_guest_states = NULL;
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_NOSTATE, POWER_RUNNING);
        fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        pass(f);
        expect(f, "guest-missing:1");
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 0, &i);
                assert_int_equal(i.power_state, POWER_RUNNING);
        }
}

static void lists_merge_in_any_order_and_count_doubles_once(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        DriftList found = {};

        for (int n = 99; n >= 0; n--)
                assert_int_equal(drift_list_add(&found, n % 2 ? DRIFT_STATE : DRIFT_DIRECTORY, "x", "x %d", n), 0);
        assert_int_equal(drift_list_add(&found, DRIFT_STATE, "a", "a"), 0);
        compute_drift_settle(f->m, 1u << DRIFT_STATE | 1u << DRIFT_DIRECTORY, &found);
        expect(f, "state:a state:x directory:x");

        /* A pass over one kind says nothing of the others. */
        assert_int_equal(drift_list_add(&found, DRIFT_STATE, "b", "b"), 0);
        compute_drift_settle(f->m, 1u << DRIFT_STATE, &found);
        expect(f, "state:b directory:x");
        compute_drift_settle(f->m, 1u << DRIFT_DIRECTORY, &found);
        expect(f, "state:b");
        assert_int_equal(compute_drift_count(f->m), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_state_fits_or_not),
                cmocka_unit_test(each_case_is_named_and_stays_named_until_it_is_gone),
                cmocka_unit_test(a_hypervisor_that_does_not_answer_changes_nothing),
                cmocka_unit_test(a_driver_without_the_listing_is_asked_for_each),
                cmocka_unit_test(lists_merge_in_any_order_and_count_doubles_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rows and guests brought together: one verdict per row, events at once, missing guests by name (F14, F15; P17). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"

static void each_pair_of_states_has_one_verdict(void **state _unused_) {
        static const struct {
                VmState vm;
                PowerState db, guest;
                bool exists;
                PowerVerdict verdict;
        } rows[] = {
                { VM_ACTIVE, POWER_RUNNING, POWER_RUNNING, true, POWER_KEEP },
                { VM_ACTIVE, POWER_BLOCKED, POWER_RUNNING, true, POWER_KEEP },  /* Essex's number of the same */
                { VM_STOPPED, POWER_SHUTOFF, POWER_SHUTDOWN, true, POWER_KEEP },
                { VM_ACTIVE, POWER_NOSTATE, POWER_RUNNING, true, POWER_SAVE },
                { VM_ACTIVE, POWER_RUNNING, POWER_PAUSED, true, POWER_SAVE },
                { VM_ACTIVE, POWER_RUNNING, POWER_SHUTDOWN, true, POWER_STOP },
                { VM_ACTIVE, POWER_RUNNING, POWER_CRASHED, true, POWER_STOP },
                { VM_ACTIVE, POWER_SHUTDOWN, POWER_SHUTDOWN, true, POWER_STOP },
                { VM_ACTIVE, POWER_RUNNING, POWER_SUSPENDED, true, POWER_FORCE_STOP },
                { VM_STOPPED, POWER_SHUTDOWN, POWER_RUNNING, true, POWER_FORCE_STOP },
                { VM_STOPPED, POWER_SHUTDOWN, POWER_PAUSED, true, POWER_FORCE_STOP },
                { VM_PAUSED, POWER_PAUSED, POWER_SHUTDOWN, true, POWER_STOP },
                { VM_PAUSED, POWER_PAUSED, POWER_RUNNING, true, POWER_SAVE },
                { VM_ERROR, POWER_RUNNING, POWER_SHUTDOWN, true, POWER_SAVE },
                { VM_RESCUED, POWER_RUNNING, POWER_SHUTDOWN, true, POWER_SAVE },
                { VM_SUSPENDED, POWER_SHUTDOWN, POWER_SHUTDOWN, true, POWER_KEEP },
                { VM_ACTIVE, POWER_RUNNING, POWER_NOSTATE, false, POWER_MISSING },
                { VM_ACTIVE, POWER_NOSTATE, POWER_NOSTATE, false, POWER_KEEP }, /* told before */
                { VM_BUILDING, POWER_RUNNING, POWER_NOSTATE, false, POWER_KEEP },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++)
                if (power_verdict(rows[n].vm, rows[n].db, rows[n].guest, rows[n].exists) != rows[n].verdict)
                        fail_msg("row %zu: verdict %d", n, power_verdict(rows[n].vm, rows[n].db, rows[n].guest, rows[n].exists));
}

static Fixture *started(const char *const *assignments) {
        Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        return f;
}

static void a_full_pass_puts_every_row_right_and_leaves_tasks_alone(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_instance(f, 2, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_CRASHED);
        fixture_instance(f, 3, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_RUNNING);
        fixture_instance(f, 4, VM_ACTIVE, TASK_REBOOTING, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_instance(f, 5, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_NOSTATE);
        fixture_instance(f, 6, VM_ACTIVE, TASK_NONE, POWER_NOSTATE, POWER_RUNNING);
        fixture_instance(f, 7, VM_ERROR, TASK_NONE, POWER_NOSTATE, POWER_RUNNING);

        assert_int_equal(compute_sync_power_states(f->m, f->context, &e), 0);
        fixture_settle(f);

        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_expect(f, 1, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_expect(f, 2, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_expect(f, 3, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_expect(f, 4, VM_ACTIVE, TASK_REBOOTING, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_expect(f, 5, VM_ACTIVE, TASK_NONE, POWER_NOSTATE, POWER_NOSTATE);
        fixture_expect(f, 6, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_expect(f, 7, VM_ERROR, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

static void a_row_that_moved_to_another_host_is_left(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_read(f, 0, &i);
        free(i.host);
        i.host = strdup("node2");
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, &e), 1);

        compute_sync_instance(f->m, fixture_uuid(0, uuid));
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
}

static PowerState wanted;

static bool has_wanted_power(Fixture *f) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, 0, &i);
        return i.power_state == wanted;
}

static bool is_stopped(Fixture *f) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, 0, &i);
        return i.vm_state == VM_STOPPED;
}

static void an_event_of_the_hypervisor_is_in_the_store_within_a_second(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        char uuid[UUID_TEXT_MAX];
        usec_t begun;

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_settle(f);

        static const PowerState states[] = { POWER_PAUSED, POWER_RUNNING, POWER_SHUTDOWN };
        for (size_t n = 0; n < ELEMENTSOF(states); n++) {
                wanted = states[n];
                begun = now_monotonic();
                assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), wanted), 0);
                fixture_wait(f, has_wanted_power);
                assert_true(now_monotonic() - begun < USEC_PER_SEC);
        }
        /* That it counts as stopped waits until it has settled. */
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
}

static void a_guest_that_stays_off_counts_as_stopped_once_settled(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        char uuid[UUID_TEXT_MAX];

        f->m->settle_delay = USEC_PER_MSEC;
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), POWER_SHUTDOWN), 0);
        fixture_wait(f, is_stopped);
        fixture_expect(f, 0, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
}

static void a_guest_that_comes_back_before_it_settles_stays_active(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        char uuid[UUID_TEXT_MAX];

        f->m->settle_delay = 200 * USEC_PER_MSEC;
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_settle(f);
        assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), POWER_SHUTDOWN), 0);
        fixture_settle(f);
        assert_int_equal(f->m->settling.n, 1);
        assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), POWER_RUNNING), 0);

        usec_t deadline = now_monotonic() + 10 * USEC_PER_SEC;
        while (f->m->settling.n > 0 && now_monotonic() < deadline)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

static void events_can_be_switched_off(void **state _unused_) {
        const char *assignments[] = { "workarounds.handle_virt_lifecycle_events=false", NULL };
        _fixture_ Fixture *f = started(assignments);
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), POWER_PAUSED), 0);
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_PAUSED);
}

static void a_guest_without_a_row_is_named_once_and_left_alone(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX];
        Instance stranger = { .uuid = (char *) fixture_uuid(9, uuid), .name = (char *) "stranger", .memory_mb = 1, .vcpus = 1 };

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(f->real->spawn(f->driver, f->context, &stranger, NULL, NULL, NULL, NULL, NULL, NULL, &e), 0);
        for (unsigned pass = 0; pass < 2; pass++) {
                assert_int_equal(compute_sync_power_states(f->m, f->context, &e), 0);
                fixture_settle(f);
                assert_int_equal(f->m->drift.n, 1);
                assert_int_equal(f->m->drift.items[0].kind, DRIFT_GUEST_UNKNOWN);
                assert_string_equal(f->m->drift.items[0].name, uuid);
        }
        assert_int_equal(fixture_guest(f, 9), POWER_RUNNING);
}

static void a_stop_that_fails_leaves_no_task(void **state _unused_) {
        const char *assignments[] = { "fake.fault=power_off:fail", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 0, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_RUNNING);
        compute_sync_instance(f->m, fixture_uuid(0, uuid));
        fixture_expect(f, 0, VM_STOPPED, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

static void a_pass_without_a_hypervisor_is_one_error(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(f->real->init_host(f->driver, "node1", &e), 0);
        for (unsigned n = 0; n < 3; n++)
                fixture_instance(f, n, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fake_driver_set_connected(f->driver, false, "gone");
        assert_true(compute_sync_power_states(f->m, f->context, &e) < 0);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 0, &i);
                assert_int_equal(i.power_state, POWER_RUNNING);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_pair_of_states_has_one_verdict),
                cmocka_unit_test(a_full_pass_puts_every_row_right_and_leaves_tasks_alone),
                cmocka_unit_test(a_row_that_moved_to_another_host_is_left),
                cmocka_unit_test(an_event_of_the_hypervisor_is_in_the_store_within_a_second),
                cmocka_unit_test(a_guest_that_stays_off_counts_as_stopped_once_settled),
                cmocka_unit_test(a_guest_that_comes_back_before_it_settles_stays_active),
                cmocka_unit_test(events_can_be_switched_off),
                cmocka_unit_test(a_guest_without_a_row_is_named_once_and_left_alone),
                cmocka_unit_test(a_stop_that_fails_leaves_no_task),
                cmocka_unit_test(a_pass_without_a_hypervisor_is_one_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

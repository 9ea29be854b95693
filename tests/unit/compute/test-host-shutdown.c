/* The host goes down: whose guests are shut down, what stays as it is, who waits how long, and that it may stay up after all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"

static unsigned done_called;

static void on_done(void *userdata _unused_) {
        done_called++;
}

static bool is_done(Fixture *f _unused_) {
        return done_called > 0;
}

static int setup(void **state _unused_) {
        done_called = 0;
        return 0;
}

static Fixture *started(const char *const *assignments) {
        Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_instance(f, 1, VM_RESCUED, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_instance(f, 2, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_instance(f, 3, VM_PAUSED, TASK_NONE, POWER_PAUSED, POWER_PAUSED);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        return f;
}

static void those_that_run_are_shut_down_and_stay_active(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_true(compute_host_down_waits(f->m));
        compute_host_goes_down(f->m, now_monotonic() + USEC_PER_MINUTE, on_done, NULL);
        fixture_wait(f, is_done);
        fixture_settle(f);
        /* Nothing that is seen of them now counts. */
        assert_int_equal(compute_sync_power_states(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(done_called, 1);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_expect(f, 1, VM_RESCUED, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_expect(f, 2, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_expect(f, 3, VM_PAUSED, TASK_NONE, POWER_PAUSED, POWER_PAUSED);
}

static void they_are_left_where_the_host_is_configured_so(void **state _unused_) {
        _fixture_ Fixture *f = started((const char *const[]) { "host_shutdown_guests=leave", NULL });

        assert_false(compute_host_down_waits(f->m));
        compute_host_goes_down(f->m, now_monotonic() + USEC_PER_MINUTE, on_done, NULL);
        assert_int_equal(done_called, 1);
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

static const ComputeDriverOps *real;
static atomic_bool hold;
static atomic_uint longest;

static int slow_power_off(ComputeDriver *d, const Instance *i, unsigned timeout, unsigned retry_interval, NovaException *e) {
        atomic_store(&longest, timeout);
        while (hold)
                usleep(1000);
        return real->power_off(d, i, timeout, retry_interval, e);
}

static void the_machine_waits_no_longer_than_logind_does(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        usec_t began = now_monotonic();

        hold = true;
        real = f->real;
        f->ops.power_off = slow_power_off;
        compute_host_goes_down(f->m, began + 2500 * USEC_PER_MSEC, on_done, NULL);
        fixture_wait(f, is_done);
        assert_true(now_monotonic() - began >= 2400 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&longest), 0);     /* seconds that are left, but for the end of those that do not hear */
        hold = false;
        fixture_settle(f);
        assert_int_equal(done_called, 1);
}

static void a_guest_has_no_longer_than_at_a_stop(void **state _unused_) {
        _fixture_ Fixture *f = started((const char *const[]) { "shutdown_timeout=7", NULL });

        real = f->real;
        f->ops.power_off = slow_power_off;
        compute_host_goes_down(f->m, now_monotonic() + 3600 * USEC_PER_SEC, on_done, NULL);
        fixture_wait(f, is_done);
        assert_int_equal(atomic_load(&longest), 7);
}

static void a_shutdown_that_is_called_off_starts_them_again(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);

        compute_host_stays_up(f->m);            /* of nothing */
        compute_host_goes_down(f->m, now_monotonic() + USEC_PER_MINUTE, on_done, NULL);
        fixture_wait(f, is_done);
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        compute_host_stays_up(f->m);
        fixture_settle(f);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_expect(f, 2, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        assert_int_equal(done_called, 1);
        /* and it may go down again */
        compute_host_goes_down(f->m, now_monotonic() + USEC_PER_MINUTE, on_done, NULL);
        done_called = 0;
        fixture_wait(f, is_done);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
}

static void a_hypervisor_that_is_away_keeps_nobody(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);

        f->ops.list_guest_states = NULL;
        f->ops.list_instance_uuids = NULL;
        compute_host_goes_down(f->m, now_monotonic() + USEC_PER_MINUTE, on_done, NULL);
        fixture_wait(f, is_done);
        fixture_expect(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(those_that_run_are_shut_down_and_stay_active, setup),
                cmocka_unit_test_setup(they_are_left_where_the_host_is_configured_so, setup),
                cmocka_unit_test_setup(the_machine_waits_no_longer_than_logind_does, setup),
                cmocka_unit_test_setup(a_guest_has_no_longer_than_at_a_stop, setup),
                cmocka_unit_test_setup(a_shutdown_that_is_called_off_starts_them_again, setup),
                cmocka_unit_test_setup(a_hypervisor_that_is_away_keeps_nobody, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

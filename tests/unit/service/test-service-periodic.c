#include "service-fixture.h"

#include <errno.h>
#include <malloc.h>

static Fixture f;
static atomic_uint trimmed;

/* In place of the C library's. */
int malloc_trim(size_t pad _unused_) {
        atomic_fetch_add(&trimmed, 1);
        return 0;
}

static int setup(void **state) {
        fixture_begin(&f, (const char *const[]){"periodic_interval=1", NULL});
        return 0;
}

static int setup_fuzzy(void **state) {
        fixture_begin(&f, (const char *const[]){"periodic_interval=3600", "periodic_fuzzy_delay=1", NULL});
        return 0;
}

static int setup_slow(void **state) {
        fixture_begin(&f, NULL);
        return 0;
}

static int setup_disabled(void **state) {
        fixture_begin(&f, (const char *const[]){"periodic_interval=1", "periodic_enable=false", NULL});
        return 0;
}

static int teardown(void **state) {
        fixture_end(&f);
        return 0;
}

static unsigned runs(int task) {
        return atomic_load(&f.task_runs[task]);
}

/* checklist: 68, 69 */
static void each_tick_runs_what_is_due_and_the_first_comes_after_the_interval(void **state) {
        usec_t begin;

        fixture_start(&f);
        begin = now_monotonic();
        run_until(f.event, runs(0) == 1);
        assert_true(now_monotonic() - begin >= 900 * USEC_PER_MSEC);
        run_until(f.event, runs(0) == 3);
        assert_true(now_monotonic() - begin >= 2900 * USEC_PER_MSEC);
        assert_int_equal(runs(3), 0);   /* off by its option */
}

static void a_slow_task_delays_no_other_and_never_overlaps_itself(void **state) {
        PeriodicTaskInfo info[4];

        fixture_start(&f);
        hold_close(&f.task);
        run_until(f.event, runs(1) == 1);
        run_until(f.event, runs(0) >= 3);
        assert_int_equal(runs(1), 1);
        assert_int_equal(service_periodic_tasks(f.service, info, 4), 4);
        assert_string_equal(info[1].name, "_slow");
        assert_true(info[1].running && info[1].enabled);
        assert_false(info[3].enabled);
        assert_true(fixture_log_lines(&f, "Skipping nova.test.TestManager._slow") >= 1);

        hold_open(&f.task);
        run_until(f.event, runs(1) >= 2);
}

static void a_failing_task_is_told_and_the_rest_goes_on(void **state) {
        fixture_start(&f);
        run_until(f.event, runs(2) == 2 && runs(0) >= 2);
        run_until(f.event, fixture_log_lines(&f, "Error during nova.test.TestManager._failing: the task is broken") == 2);
        fixture_run_until(&f, SERVICE_RUNNING);
}

/* Tasks list all instances: while one still does, that would be for nothing. */
static void memory_goes_back_when_the_last_task_of_a_tick_has_ended(void **state) {
        atomic_store(&trimmed, 0);
        fixture_start(&f);
        hold_close(&f.task);
        run_until(f.event, runs(1) == 1);
        run_until(f.event, runs(0) >= 3);
        assert_int_equal(atomic_load(&trimmed), 0);
        hold_open(&f.task);
        run_until(f.event, atomic_load(&trimmed) > 0);
}

static void the_first_tick_has_a_random_phase(void **state) {
        fixture_start(&f);
        run_until(f.event, runs(0) == 1);       /* not after the hour of the interval */
}

/* checklist: 70 */
static void with_periodic_enable_off_nothing_ticks(void **state) {
        fixture_start(&f);
        run_for(f.event, 1200 * USEC_PER_MSEC);
        assert_int_equal(runs(0), 0);
        assert_int_equal(service_periodic_interval(f.service), 0);
}

static void a_task_can_be_run_by_its_name(void **state) {
        Answer a = {}, b = {};

        fixture_start(&f);
        assert_return_code(service_run_periodic_task(f.service, "_off", answer_on_done, &a), 0);
        assert_return_code(service_run_periodic_task(f.service, "_failing", answer_on_done, &b), 0);
        assert_int_equal(service_run_periodic_task(f.service, "_nothing", answer_on_done, &b), -ENOENT);
        run_until(f.event, a.n == 1 && b.n == 1);
        assert_int_equal(a.result, 0);
        assert_int_equal(runs(3), 1);
        assert_true(b.result < 0);
        assert_string_equal(b.text, "the task is broken");
}

static void a_task_asked_for_while_it_runs_runs_once_more_afterwards(void **state) {
        Answer a = {}, b = {};

        fixture_start(&f);
        hold_close(&f.task);
        assert_return_code(service_run_periodic_task(f.service, "_slow", answer_on_done, &a), 0);
        assert_return_code(service_run_periodic_task(f.service, "_slow", answer_on_done, &b), 0);
        run_until(f.event, runs(1) == 1);
        run_for(f.event, 20 * USEC_PER_MSEC);
        assert_int_equal(runs(1), 1);
        hold_open(&f.task);
        run_until(f.event, a.n == 1 && b.n == 1);
        assert_int_equal(runs(1), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_tick_runs_what_is_due_and_the_first_comes_after_the_interval, setup, teardown),
                cmocka_unit_test_setup_teardown(a_slow_task_delays_no_other_and_never_overlaps_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_task_is_told_and_the_rest_goes_on, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_goes_back_when_the_last_task_of_a_tick_has_ended, setup, teardown),
                cmocka_unit_test_setup_teardown(the_first_tick_has_a_random_phase, setup_fuzzy, teardown),
                cmocka_unit_test_setup_teardown(with_periodic_enable_off_nothing_ticks, setup_disabled, teardown),
                cmocka_unit_test_setup_teardown(a_task_can_be_run_by_its_name, setup_slow, teardown),
                cmocka_unit_test_setup_teardown(a_task_asked_for_while_it_runs_runs_once_more_afterwards, setup_slow, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

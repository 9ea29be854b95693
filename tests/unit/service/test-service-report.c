#include "service-fixture.h"

#include <errno.h>

static Fixture f;

static int setup(void **state) {
        fixture_begin(&f, (const char *const[]){"report_interval=1", NULL});
        return 0;
}

static int setup_slow(void **state) {
        fixture_begin(&f, NULL);
        return 0;
}

static int setup_zone(void **state) {
        fixture_begin(&f, (const char *const[]){"report_interval=1", "node_availability_zone=az2", NULL});
        return 0;
}

static int teardown(void **state) {
        fixture_end(&f);
        return 0;
}

/* A row that looks stale would make a service that has just started look dead (F7). */
static void the_first_report_comes_with_the_start(void **state) {
        usec_t before = now_realtime();

        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) >= before);
        assert_sql(&f, "SELECT report_count FROM services", "1");
        assert_sql(&f, "SELECT updated_at IS NOT NULL AND last_seen_up IS NOT NULL FROM services", "1");
}

/* checklist: 21, 65, 67 */
static void the_count_grows_each_interval(void **state) {
        usec_t first;

        fixture_start(&f);
        run_until(f.event, service_record(f.service)->report_count == 1);
        first = now_monotonic();
        run_until(f.event, service_record(f.service)->report_count == 3);
        assert_true(now_monotonic() - first >= 1900 * USEC_PER_MSEC);
        assert_sql(&f, "SELECT report_count FROM services", "3");
}

/* checklist: 67 */
static void a_row_that_disappeared_is_made_again_as_it_was(void **state) {
        Answer a = {};

        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        assert_return_code(service_set_enabled(f.service, false, "maintenance", answer_on_done, &a), 0);
        run_until(f.event, a.n == 1);
        fixture_sql(&f, "UPDATE services SET deleted = id", NULL, 0);

        run_until(f.event, service_record(f.service)->id == 2);
        assert_sql(&f, "SELECT disabled || disabled_reason FROM services WHERE deleted = 0", "1maintenance");
        assert_int_equal(fixture_log_lines(&f, "The service database object disappeared, Recreating it."), 1);
        assert_false(service_model_disconnected(f.service));
}

/* checklist: 49 */
static void a_lost_store_is_told_once_each_way(void **state) {
        fixture_start(&f);
        fixture_run_until(&f, SERVICE_RUNNING);
        run_until(f.event, service_last_report(f.service) > 0);
        assert_false(service_model_disconnected(f.service));

        atomic_store(&f.store.error, -EROFS);
        run_until(f.event, service_model_disconnected(f.service));
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "model server went away"));
        unsigned passed = hold_passed(&f.store.hold);
        run_until(f.event, hold_passed(&f.store.hold) >= passed + 2);  /* further failures are no news */

        atomic_store(&f.store.error, 0);
        run_until(f.event, !service_model_disconnected(f.service));
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
        assert_int_equal(fixture_log_lines(&f, "ERROR nova.service"), 2);
        assert_int_equal(fixture_log_lines(&f, "model server went away"), 1);
        assert_int_equal(fixture_log_lines(&f, "Recovered model server connection!"), 1);
}

/* checklist: 73 */
static void a_report_that_hangs_is_noticed_and_not_overlapped(void **state) {
        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        hold_close(&f.store.hold);
        run_until(f.event, service_model_disconnected(f.service));
        run_for(f.event, 1200 * USEC_PER_MSEC);
        assert_int_equal(hold_waiting(&f.store.hold), 1);
        hold_open(&f.store.hold);
        run_until(f.event, !service_model_disconnected(f.service));
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
}

static void the_zone_of_the_row_is_the_operator_s_when_nothing_is_configured(void **state) {
        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        fixture_sql(&f, "UPDATE services SET availability_zone = 'by-api'", NULL, 0);
        int64_t count = service_record(f.service)->report_count;
        run_until(f.event, service_record(f.service)->report_count >= count + 2);
        assert_string_equal(service_record(f.service)->availability_zone, "by-api");

        fixture_stop(&f);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until_up(&f);
        run_until(f.event, service_record(f.service)->report_count >= count + 3);
        assert_sql(&f, "SELECT availability_zone FROM services", "by-api");
}

/* checklist: 67 */
static void a_configured_zone_is_written_once_and_after_a_reload(void **state) {
        Config *fresh;

        fixture_start(&f);
        assert_sql(&f, "SELECT availability_zone FROM services", "az2");
        fixture_stop(&f);
        fixture_sql(&f, "UPDATE services SET availability_zone = 'old'", NULL, 0);
        service_free(f.service);
        fixture_start(&f);      /* as a new process */
        run_until(f.event, streq_ptr(service_record(f.service)->availability_zone, "az2"));

        fresh = fixture_config(&f, (const char *const[]){"report_interval=1", "node_availability_zone=az3", NULL});
        service_reload(f.service, fresh);
        config_unref(fresh);
        run_until(f.event, streq_ptr(service_record(f.service)->availability_zone, "az3"));

        /* Who changes it behind our back is left alone: it is not ours each beat (F10). */
        fixture_sql(&f, "UPDATE services SET availability_zone = 'by-api'", NULL, 0);
        int64_t count = service_record(f.service)->report_count;
        run_until(f.event, service_record(f.service)->report_count >= count + 2);
        assert_sql(&f, "SELECT availability_zone FROM services", "by-api");
}

static void a_report_asked_for_is_answered_by_one_that_began_afterwards(void **state) {
        Answer a = {}, b = {};

        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        assert_return_code(service_report_state(f.service, answer_on_done, &a), 0);
        assert_return_code(service_report_state(f.service, answer_on_done, &b), 0);
        run_until(f.event, a.n == 1 && b.n == 1);
        assert_int_equal(a.result, 0);
        assert_int_equal(b.result, 0);
        assert_true(service_record(f.service)->report_count >= 3);      /* b came while a's was out */

        atomic_store(&f.store.error, -ENOSPC);
        assert_return_code(service_report_state(f.service, answer_on_done, &a), 0);
        run_until(f.event, a.n == 2);
        assert_int_equal(a.result, -ENOSPC);
        assert_true(*a.text);
}

static void a_stop_answers_those_who_wait_for_a_report(void **state) {
        Answer a = {}, b = {};

        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        hold_close(&f.store.hold);
        assert_return_code(service_report_state(f.service, answer_on_done, &a), 0);
        assert_return_code(service_report_state(f.service, answer_on_done, &b), 0);
        fixture_stop(&f);
        assert_int_equal(a.n, 1);
        assert_int_equal(a.result, -ESHUTDOWN);
        assert_int_equal(b.n, 1);
        hold_open(&f.store.hold);
        run_for(f.event, 20 * USEC_PER_MSEC);
        assert_int_equal(a.n, 1);
}

static void a_reload_changes_the_interval(void **state) {
        LoopingCallInfo timers[2];
        Config *fresh;

        fixture_start(&f);
        fresh = fixture_config(&f, (const char *const[]){"report_interval=7", "periodic_interval=13", NULL});
        service_reload(f.service, fresh);
        config_unref(fresh);
        assert_int_equal(service_timers(f.service, timers, 2), 2);
        assert_int_equal(timers[0].interval, 7 * USEC_PER_SEC);
        assert_int_equal(timers[1].interval, 13 * USEC_PER_SEC);

        fresh = fixture_config(&f, (const char *const[]){"report_interval=0", "periodic_interval=0", NULL});
        service_reload(f.service, fresh);
        config_unref(fresh);
        assert_int_equal(service_timers(f.service, timers, 2), 0);

        fresh = fixture_config(&f, NULL);
        service_reload(f.service, fresh);
        config_unref(fresh);
        assert_int_equal(service_timers(f.service, timers, 2), 2);
        assert_int_equal(timers[0].interval, 10 * USEC_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_first_report_comes_with_the_start, setup_slow, teardown),
                cmocka_unit_test_setup_teardown(the_count_grows_each_interval, setup, teardown),
                cmocka_unit_test_setup_teardown(a_row_that_disappeared_is_made_again_as_it_was, setup, teardown),
                cmocka_unit_test_setup_teardown(a_lost_store_is_told_once_each_way, setup, teardown),
                cmocka_unit_test_setup_teardown(a_report_that_hangs_is_noticed_and_not_overlapped, setup, teardown),
                cmocka_unit_test_setup_teardown(the_zone_of_the_row_is_the_operator_s_when_nothing_is_configured, setup, teardown),
                cmocka_unit_test_setup_teardown(a_configured_zone_is_written_once_and_after_a_reload, setup_zone, teardown),
                cmocka_unit_test_setup_teardown(a_report_asked_for_is_answered_by_one_that_began_afterwards, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_answers_those_who_wait_for_a_report, setup, teardown),
                cmocka_unit_test_setup_teardown(a_reload_changes_the_interval, setup_slow, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "service-fixture.h"

#include <errno.h>

static Fixture f;

static int setup(void **state) {
        fixture_begin(&f, NULL);
        return 0;
}

static int setup_short(void **state) {
        fixture_begin(&f, (const char *const[]){"stop_timeout=1", "stall_timeout=1", NULL});
        return 0;
}

static int teardown(void **state) {
        fixture_end(&f);
        return 0;
}

static atomic_int finished, begun;

static void on_finished(Operation *o) {
        atomic_fetch_add(&begun, o->begun);
        atomic_fetch_add(&finished, 1);
        operation_free(o);
}

static void call_slow(void) {
        assert_return_code(service_call(f.service, "slow", NULL, NULL, ORIGIN_BUS, on_finished, NULL, NULL), 0);
}

static int setup_calls(void **state) {
        atomic_store(&finished, 0);
        atomic_store(&begun, 0);
        return setup(state);
}

/* checklist: 74 */
static void an_idle_service_stops_at_once_and_leaves_its_row(void **state) {
        usec_t before;

        fixture_start(&f);
        fixture_run_until(&f, SERVICE_RUNNING);
        before = now_monotonic();
        fixture_stop(&f);
        assert_true(now_monotonic() - before < 100 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&f.cleanup_calls), 1);
        assert_sql(&f, "SELECT count(*) FROM services WHERE deleted = 0", "1");
        assert_string_equal(service_trouble(f.service), "");
}

/* checklist: 74 */
static void kill_deletes_the_row_and_its_compute_nodes(void **state) {
        fixture_start(&f);
        fixture_sql(&f, "INSERT INTO compute_nodes (uuid, service_id, host, hypervisor_hostname, hypervisor_type, hypervisor_version,"
                        " vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used, cpu_info, created_at)"
                        " VALUES ('6f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b10', 1, 'host1', 'node1', 'fake', 1, 1, 1, 1, 0, 0, 0, '',"
                        " '2026-01-01 00:00:00')", NULL, 0);
        assert_sql(&f, "SELECT count(*) FROM compute_nodes WHERE deleted = 0", "1");
        assert_return_code(service_kill(f.service), 0);
        assert_int_equal(service_state(f.service), SERVICE_STOPPING);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_sql(&f, "SELECT count(*) FROM services WHERE deleted = 0", "0");
        assert_sql(&f, "SELECT count(*) FROM compute_nodes WHERE deleted = 0", "0");
        assert_int_equal(service_record(f.service)->id, 0);
}

/* checklist: 74 */
static void kill_without_a_row_is_warned_of(void **state) {
        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        fixture_sql(&f, "UPDATE services SET deleted = id", NULL, 0);
        assert_return_code(service_kill(f.service), 0);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_int_equal(fixture_log_lines(&f, "WARNING nova.service"), 1);
        assert_int_equal(fixture_log_lines(&f, "Service killed that has no database entry"), 1);
}

static void a_stopped_service_can_be_killed_and_a_stop_under_way_turned_into_one(void **state) {
        fixture_start(&f);
        fixture_stop(&f);
        assert_return_code(service_kill(f.service), 0);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_sql(&f, "SELECT count(*) FROM services WHERE deleted = 0", "0");

        assert_return_code(service_start(f.service), 0);
        fixture_run_until_up(&f);
        assert_return_code(service_stop(f.service), 0);
        assert_return_code(service_kill(f.service), 0);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_sql(&f, "SELECT count(*) FROM services WHERE deleted = 0", "0");
        assert_sql(&f, "SELECT count(*) FROM services", "2");
}

static void count_operation(const OperationInfo *info, void *userdata) {
        assert_string_equal(info->method, "slow");
        ++*(unsigned *) userdata;
}

static void a_stop_waits_for_what_runs(void **state) {
        unsigned n = 0;

        fixture_start(&f);
        hold_close(&f.method);
        call_slow();
        run_until(f.event, hold_waiting(&f.method) == 1);
        assert_return_code(service_stop(f.service), 0);
        run_for(f.event, 50 * USEC_PER_MSEC);
        assert_int_equal(service_state(f.service), SERVICE_STOPPING);
        assert_int_equal(service_operations_running(f.service), 1);
        service_foreach_operation(f.service, count_operation, &n);
        assert_int_equal(n, 1);

        hold_open(&f.method);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_int_equal(atomic_load(&finished), 1);
        assert_int_equal(service_requests(f.service), 1);
}

static void a_stop_does_not_wait_for_ever(void **state) {
        usec_t before;

        fixture_start(&f);
        hold_close(&f.method);
        call_slow();
        run_until(f.event, hold_waiting(&f.method) == 1);
        before = now_monotonic();
        fixture_stop(&f);
        assert_true(now_monotonic() - before >= USEC_PER_SEC / 2);      /* of one second, counted from the turn of the loop */
        assert_true(now_monotonic() - before < 20 * USEC_PER_SEC);       /* a bound, not a figure: machines are slow */
        assert_int_equal(service_operations_running(f.service), 1);

        /* A new start does not mind what the old one left, nor the other way round. */
        assert_return_code(service_start(f.service), 0);
        fixture_run_until_up(&f);
        hold_open(&f.method);
        run_until(f.event, service_operations_running(f.service) == 0);
        assert_int_equal(service_requests(f.service), 1);
}

static void a_call_that_overruns_is_told_and_listed(void **state) {
        fixture_start(&f);
        hold_close(&f.method);
        call_slow();
        run_until(f.event, service_stalled(f.service)[0]);
        assert_non_null(strstr(service_stalled(f.service)[0], "slow ("));
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "slow"));
        assert_int_equal(fixture_log_lines(&f, "slow has not ended after"), 1);
        hold_open(&f.method);
        run_until(f.event, !service_stalled(f.service)[0]);
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
}

static void disabling_writes_the_row_and_tells_the_driver(void **state) {
        Answer a = {};

        fixture_start(&f);
        assert_return_code(service_set_enabled(f.service, false, "broken fan", answer_on_done, &a), 0);
        run_until(f.event, a.n == 1);
        assert_int_equal(a.result, 0);
        assert_sql(&f, "SELECT disabled || disabled_reason FROM services", "1broken fan");
        assert_true(service_record(f.service)->disabled);
        assert_string_equal(service_record(f.service)->disabled_reason, "broken fan");
        run_until(f.event, atomic_load(&f.told_enabled) == 2);

        assert_return_code(service_set_enabled(f.service, true, NULL, answer_on_done, &a), 0);
        run_until(f.event, a.n == 2);
        assert_sql(&f, "SELECT disabled || ifnull(disabled_reason, '-') FROM services", "0-");
        run_until(f.event, atomic_load(&f.told_enabled) == 1);
}

static void disabling_while_the_store_is_away_fails_with_its_reason(void **state) {
        Answer a = {};

        fixture_start(&f);
        run_until(f.event, service_last_report(f.service) > 0);
        atomic_store(&f.store.error, -EBUSY);
        assert_return_code(service_set_enabled(f.service, false, NULL, answer_on_done, &a), 0);
        run_until(f.event, a.n == 1);
        assert_int_equal(a.result, -EBUSY);
        assert_false(service_record(f.service)->disabled);
        assert_int_equal(atomic_load(&f.told_enabled), 0);
}

static void resources_are_computed_when_asked_for(void **state) {
        Answer a = {};

        fixture_start(&f);
        int before = atomic_load(&f.resources_calls);
        assert_return_code(service_update_available_resource(f.service, answer_on_done, &a), 0);
        run_until(f.event, a.n == 1);
        assert_int_equal(a.result, 0);
        assert_int_equal(atomic_load(&f.resources_calls), before + 1);
        atomic_store(&f.resources_result, -ENOTCONN);
        assert_return_code(service_update_available_resource(f.service, answer_on_done, &a), 0);
        run_until(f.event, a.n == 2);
        assert_int_equal(a.result, -ENOTCONN);
}

static void calls_by_name_reach_the_manager_or_say_why_not(void **state) {
        json_auto_t *good = json_pack("{s:s}", "arg", "x"), *bad = json_pack("{s:i}", "arg", 1);
        _cleanup_exception_ NovaException unknown = NOVA_EXCEPTION_NULL, wrong = NOVA_EXCEPTION_NULL;

        fixture_start(&f);
        assert_return_code(service_call(f.service, "ping", good, NULL, ORIGIN_BUS, on_finished, NULL, NULL), 0);
        assert_int_equal(atomic_load(&finished), 1);
        assert_int_equal(service_call(f.service, "_ping", good, NULL, ORIGIN_BUS, on_finished, NULL, &unknown), -ENOENT);
        assert_string_equal(unknown.class_name, "NoSuchMethod");
        assert_int_equal(service_call(f.service, "ping", bad, NULL, ORIGIN_BUS, on_finished, NULL, &wrong), -EINVAL);
        assert_string_equal(wrong.class_name, "TypeError");
        assert_int_equal(atomic_load(&finished), 1);
        assert_int_equal(service_requests(f.service), 1);
        assert_int_equal(service_failures(f.service), 0);
}

static void freed_while_running_it_takes_nothing_down(void **state) {
        fixture_start(&f);
        hold_close(&f.method);
        hold_close(&f.init_host);
        call_slow();
        run_until(f.event, hold_waiting(&f.method) == 1);
        f.service = service_free(f.service);
        hold_open(&f.method);
        run_until(f.event, atomic_load(&finished) == 1);
        run_for(f.event, 20 * USEC_PER_MSEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_idle_service_stops_at_once_and_leaves_its_row, setup, teardown),
                cmocka_unit_test_setup_teardown(kill_deletes_the_row_and_its_compute_nodes, setup, teardown),
                cmocka_unit_test_setup_teardown(kill_without_a_row_is_warned_of, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stopped_service_can_be_killed_and_a_stop_under_way_turned_into_one, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_waits_for_what_runs, setup_calls, teardown),
                cmocka_unit_test_setup_teardown(a_stop_does_not_wait_for_ever, setup_short, teardown),
                cmocka_unit_test_setup_teardown(a_call_that_overruns_is_told_and_listed, setup_short, teardown),
                cmocka_unit_test_setup_teardown(disabling_writes_the_row_and_tells_the_driver, setup, teardown),
                cmocka_unit_test_setup_teardown(disabling_while_the_store_is_away_fails_with_its_reason, setup, teardown),
                cmocka_unit_test_setup_teardown(resources_are_computed_when_asked_for, setup, teardown),
                cmocka_unit_test_setup_teardown(calls_by_name_reach_the_manager_or_say_why_not, setup_calls, teardown),
                cmocka_unit_test_setup_teardown(freed_while_running_it_takes_nothing_down, setup_calls, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "service-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static Fixture f;

static int setup(void **state) {
        fixture_begin(&f, NULL);
        return 0;
}

static int setup_impatient(void **state) {
        fixture_begin(&f, (const char *const[]){"start_step_timeout=1", NULL});
        return 0;
}

static int teardown(void **state) {
        fixture_end(&f);
        return 0;
}

static ServiceStep seen[32];
static unsigned n_seen;

static void on_change(unsigned what, void *userdata) {
        ServiceStep step = service_step(f.service);

        if (what & SERVICE_CHANGED_STATE && n_seen < ELEMENTSOF(seen) && (n_seen == 0 || seen[n_seen - 1] != step))
                seen[n_seen++] = step;
}

/* checklist: 41, 45, 46, 51, 53, 54 */
static void walks_the_steps_of_the_seed_in_order(void **state) {
        static const char *const expected[] = {"init_host", "service_get_by_args", "service_create", "compute_node_list_by_host",
                                               "update_available_resource", "service_report"};

        n_seen = 0;
        fixture_service(&f);
        assert_return_code(observers_add(service_observers(f.service), on_change, NULL), 0);
        assert_return_code(service_start(f.service), 0);
        assert_int_equal(service_state(f.service), SERVICE_STARTING);
        fixture_run_until(&f, SERVICE_RUNNING);
        run_until(f.event, fixture_traced(&f, "service_report"));

        assert_int_equal(n_seen, _SERVICE_STEP_MAX);
        for (unsigned i = 0; i < n_seen; i++)
                assert_int_equal(seen[i], i);
        assert_int_equal(f.n_trace, ELEMENTSOF(expected));
        for (unsigned i = 0; i < f.n_trace; i++)
                assert_string_equal(f.trace[i], expected[i]);
        assert_string_equal(service_trouble(f.service), "");
}

/* checklist: 12, 42, 43 */
static void the_first_line_is_audit_with_topic_and_version(void **state) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        regex_t re;
        FILE *log;

        fixture_start(&f);
        assert_int_equal(regcomp(&re, "AUDIT nova\\.service .*Starting compute node \\(version [0-9.]+-[^ )]+\\)", REG_EXTENDED), 0);
        log = fopen(f.log, "re");
        assert_non_null(log);
        bool found = false;
        while (!found && getline(&line, &size, log) > 0)
                found = regexec(&re, line, 0, NULL, 0) == 0;
        fclose(log);
        regfree(&re);
        assert_true(found);
}

/* checklist: 56 */
static void the_consumers_step_is_told_at_debug(void **state) {
        fixture_start(&f);
        assert_int_equal(fixture_log_lines(&f, "Creating Consumer connection for Service compute"), 1);
}

/* checklist: 44 */
static void stale_locks_are_removed_and_live_ones_kept(void **state) {
        char lock[80], stale[PATH_MAX], live[PATH_MAX], host[HOST_NAME_MAX + 1];
        pid_t dead;

        assert_return_code(gethostname(host, sizeof host), 0);
        dead = fork();
        if (dead == 0)
                _exit(0);
        assert_int_equal(waitpid(dead, NULL, 0), dead);

        snprintf(lock, sizeof lock, "%s/lock", f.directory);
        assert_return_code(mkdir(lock, 0755), 0);
        snprintf(stale, sizeof stale, "%s/%s.thread-%d", lock, host, (int) dead);
        snprintf(live, sizeof live, "%s/%s.thread-%d", lock, host, (int) getpid());
        assert_return_code(close(open(stale, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        assert_return_code(close(open(live, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);

        fixture_start(&f);
        assert_int_not_equal(access(stale, F_OK), 0);
        assert_return_code(access(live, F_OK), 0);
}

/* checklist: 50, 52, 53 */
static void the_row_is_made_complete(void **state) {
        fixture_start(&f);
        assert_sql(&f, "SELECT host || ' ' || \"binary\" || ' ' || topic || ' ' || availability_zone || ' ' || disabled || ' ' || version"
                       " FROM services", "host1 nova-compute compute nova 0 64");
        assert_int_equal(service_record(f.service)->id, fixture_sql(&f, "SELECT id FROM services", NULL, 0));
        assert_string_equal(service_record(f.service)->availability_zone, "nova");
}

/* checklist: 51 */
static void a_deleted_twin_is_not_taken_for_the_row(void **state) {
        int64_t first;

        fixture_start(&f);
        first = service_record(f.service)->id;
        assert_return_code(service_kill(f.service), 0);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until_up(&f);
        assert_int_not_equal(service_record(f.service)->id, first);
        assert_sql(&f, "SELECT count(*) FROM services", "2");
}

static void an_existing_row_is_found_and_its_version_raised(void **state) {
        fixture_start(&f);
        int64_t id = service_record(f.service)->id;
        fixture_stop(&f);
        fixture_sql(&f, "UPDATE services SET version = 1", NULL, 0);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until_up(&f);
        assert_int_equal(service_record(f.service)->id, id);
        assert_sql(&f, "SELECT version FROM services", "64");
}

static int setup_disabled(void **state) {
        fixture_begin(&f, (const char *const[]){"enable_new_services=false", NULL});
        return 0;
}

static void new_services_are_disabled_when_so_configured(void **state) {
        fixture_start(&f);
        assert_sql(&f, "SELECT disabled FROM services", "1");
        assert_true(service_record(f.service)->disabled);
}

/* checklist: 54 */
static void only_nova_compute_computes_resources_at_the_start(void **state) {
        const ServiceArgs args = {.binary = "nova-other", .topic = "compute"};

        assert_return_code(service_create(&f.service, &f.environment, &args, NULL), 0);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_int_equal(atomic_load(&f.resources_calls), 0);
        assert_sql(&f, "SELECT \"binary\" FROM services", "nova-other");
}

/* The hypervisor is away: everything else is there, and it heals. */
static void a_step_that_fails_is_marked_and_tried_again(void **state) {
        atomic_store(&f.init_host_result, -ENOTCONN);
        fixture_start(&f);
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "init_host: init_host: the hypervisor is away"));
        assert_int_equal(atomic_load(&f.resources_calls), 0);   /* waits for it */
        assert_int_equal(service_record(f.service)->id, 1);

        atomic_store(&f.init_host_result, 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_true(atomic_load(&f.init_host_calls) >= 2);
        assert_int_equal(atomic_load(&f.resources_calls), 1);
        assert_string_equal(service_trouble(f.service), "");
        assert_int_equal(fixture_log_lines(&f, "Step init_host of the start failed"), 1);
}

static usec_t clock_ahead;

static usec_t fake_now(void) {
        return now_monotonic() + clock_ahead;
}

static void an_event_of_the_manager_cuts_the_back_off_short(void **state) {
        usec_t before;

        clock_ahead = 0;
        f.environment.now = fake_now;
        atomic_store(&f.init_host_result, -ENOTCONN);
        fixture_start(&f);
        unsigned calls = atomic_load(&f.init_host_calls);
        assert_int_equal(calls, 1);

        f.trouble = "the hypervisor is not connected";
        observers_notify(&service_manager(f.service)->observers, MANAGER_CHANGED_HYPERVISOR);
        clock_ahead = 10 * USEC_PER_SEC;
        f.trouble = NULL;
        atomic_store(&f.init_host_result, 0);
        before = now_monotonic();
        observers_notify(&service_manager(f.service)->observers, MANAGER_CHANGED_HYPERVISOR);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_true(now_monotonic() - before < 500 * USEC_PER_MSEC);    /* the back-off is 1 s */
}

static void the_manager_s_trouble_degrades_the_service_and_its_end_heals_it(void **state) {
        fixture_start(&f);
        fixture_run_until(&f, SERVICE_RUNNING);
        f.trouble = "hypervisor test:///default is not connected";
        observers_notify(&service_manager(f.service)->observers, MANAGER_CHANGED_HYPERVISOR);
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "test:///default"));
        f.trouble = NULL;
        observers_notify(&service_manager(f.service)->observers, MANAGER_CHANGED_HYPERVISOR);
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
}

/* A hung libvirt: the chain waits so long for the step and goes on; the call may end later. */
static void a_step_that_hangs_holds_the_chain_for_a_bounded_time(void **state) {
        usec_t before = now_monotonic(), took;

        hold_close(&f.init_host);
        fixture_start(&f);
        took = now_monotonic() - before;
        assert_true(took >= USEC_PER_SEC && took < 5 * USEC_PER_SEC);
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "init_host: not done within 1 s"));
        run_until(f.event, service_last_report(f.service) > 0);

        hold_open(&f.init_host);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_int_equal(atomic_load(&f.init_host_calls), 1);
        assert_int_equal(atomic_load(&f.resources_calls), 1);
}

static void a_locked_store_holds_it_no_longer(void **state) {
        hold_close(&f.store.hold);
        fixture_start(&f);
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "service_row: not done within 1 s"));
        assert_int_equal(service_record(f.service)->id, 0);
        hold_open(&f.store.hold);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_int_equal(service_record(f.service)->id, 1);
        assert_sql(&f, "SELECT count(*) FROM services", "1");
}

static void a_read_only_store_is_no_reason_not_to_start(void **state) {
        atomic_store(&f.store.error, -EROFS);
        fixture_start(&f);
        run_until(f.event, service_model_disconnected(f.service));
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        atomic_store(&f.store.error, 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_false(service_model_disconnected(f.service));
        assert_int_equal(service_record(f.service)->id, 1);
}

/* checklist: 39 */
static void a_lasting_failure_fails_the_service_with_its_reason(void **state) {
        atomic_store(&f.init_host_result, -EINVAL);
        fixture_service(&f);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_FAILED);
        assert_int_equal(service_failure(f.service), -EINVAL);
        assert_string_equal(service_trouble(f.service), "init_host: connection_uri is no uri");
        assert_int_equal(atomic_load(&f.init_host_calls), 1);

        /* It can be started again once the reason is gone. */
        atomic_store(&f.init_host_result, 0);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_int_equal(service_failure(f.service), 0);
}

/* checklist: 66, 70 */
static void with_both_intervals_off_the_service_runs_without_timers(void **state) {
        const ServiceArgs args = {.binary = "nova-compute", .report_interval = -1, .periodic_interval = -1};
        LoopingCallInfo timers[4];

        assert_return_code(service_create(&f.service, &f.environment, &args, NULL), 0);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        run_for(f.event, 50 * USEC_PER_MSEC);
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
        assert_int_equal(service_timers(f.service, timers, 4), 0);
        assert_sql(&f, "SELECT report_count FROM services", "0");
}

/* checklist: 26, 83 */
static void a_running_service_has_its_two_timers(void **state) {
        LoopingCallInfo timers[4];

        fixture_start(&f);
        assert_int_equal(service_timers(f.service, timers, 4), 2);
        assert_string_equal(timers[0].name, "report_state");
        assert_int_equal(timers[0].interval, 10 * USEC_PER_SEC);
        assert_string_equal(timers[1].name, "periodic_tasks");
        assert_int_equal(timers[1].interval, 60 * USEC_PER_SEC);
        fixture_stop(&f);
        assert_int_equal(service_timers(f.service, timers, 4), 0);
}

static void starting_twice_is_starting_once(void **state) {
        fixture_service(&f);
        assert_return_code(service_start(f.service), 0);
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_RUNNING);
        assert_return_code(service_start(f.service), 0);
        assert_int_equal(atomic_load(&f.init_host_calls), 1);
        assert_return_code(service_stop(f.service), 0);
        assert_int_equal(service_start(f.service), -EBUSY);
        fixture_run_until(&f, SERVICE_STOPPED);
}

/* P15: a stop at whatever step, while it hangs, is over at once. */
static void a_stop_at_any_step_works_at_once(void **state) {
        Hold *const holds[] = {&f.init_host, &f.store.hold, &f.resources};

        fixture_service(&f);
        for (size_t i = 0; i < ELEMENTSOF(holds); i++) {
                usec_t before;

                hold_close(holds[i]);
                assert_return_code(service_start(f.service), 0);
                run_until(f.event, hold_waiting(holds[i]) > 0);
                before = now_monotonic();
                fixture_stop(&f);
                assert_true(now_monotonic() - before < USEC_PER_SEC);
                hold_open(holds[i]);
                run_until(f.event, hold_waiting(holds[i]) == 0);
        }
        /* And it starts as if nothing had been. */
        assert_return_code(service_start(f.service), 0);
        fixture_run_until(&f, SERVICE_RUNNING);
}

static void a_stop_right_after_the_start_is_one_too(void **state) {
        fixture_service(&f);
        assert_return_code(service_start(f.service), 0);
        fixture_stop(&f);
        assert_int_equal(service_state(f.service), SERVICE_STOPPED);
}

static void a_report_interval_beyond_service_down_time_is_warned_of(void **state) {
        const ServiceArgs args = {.binary = "nova-compute", .report_interval = 90};

        assert_return_code(service_create(&f.service, &f.environment, &args, NULL), 0);
        assert_return_code(service_start(f.service), 0);
        assert_int_equal(fixture_log_lines(&f, "report_interval (90 s) is not shorter than service_down_time (60 s)"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(walks_the_steps_of_the_seed_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(the_first_line_is_audit_with_topic_and_version, setup, teardown),
                cmocka_unit_test_setup_teardown(the_consumers_step_is_told_at_debug, setup, teardown),
                cmocka_unit_test_setup_teardown(stale_locks_are_removed_and_live_ones_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(the_row_is_made_complete, setup, teardown),
                cmocka_unit_test_setup_teardown(a_deleted_twin_is_not_taken_for_the_row, setup, teardown),
                cmocka_unit_test_setup_teardown(an_existing_row_is_found_and_its_version_raised, setup, teardown),
                cmocka_unit_test_setup_teardown(new_services_are_disabled_when_so_configured, setup_disabled, teardown),
                cmocka_unit_test_setup_teardown(only_nova_compute_computes_resources_at_the_start, setup, teardown),
                cmocka_unit_test_setup_teardown(a_step_that_fails_is_marked_and_tried_again, setup, teardown),
                cmocka_unit_test_setup_teardown(an_event_of_the_manager_cuts_the_back_off_short, setup, teardown),
                cmocka_unit_test_setup_teardown(the_manager_s_trouble_degrades_the_service_and_its_end_heals_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_step_that_hangs_holds_the_chain_for_a_bounded_time, setup_impatient, teardown),
                cmocka_unit_test_setup_teardown(a_locked_store_holds_it_no_longer, setup_impatient, teardown),
                cmocka_unit_test_setup_teardown(a_read_only_store_is_no_reason_not_to_start, setup, teardown),
                cmocka_unit_test_setup_teardown(a_lasting_failure_fails_the_service_with_its_reason, setup, teardown),
                cmocka_unit_test_setup_teardown(with_both_intervals_off_the_service_runs_without_timers, setup, teardown),
                cmocka_unit_test_setup_teardown(a_running_service_has_its_two_timers, setup, teardown),
                cmocka_unit_test_setup_teardown(starting_twice_is_starting_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_at_any_step_works_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_right_after_the_start_is_one_too, setup, teardown),
                cmocka_unit_test_setup_teardown(a_report_interval_beyond_service_down_time_is_warned_of, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Fifty ticks of the service's clock over the manager's own table: how often each task runs, and how often what is behind a
 * gate acts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "fixture.h"
#include "service/periodic-schedule.h"

#define TICK USEC_PER_MINUTE
#define TICKS 50

static usec_t clock_now;
static unsigned stats_calls, bandwidth_calls;

static usec_t test_clock(void) {
        return clock_now;
}

static int counted_stats(ComputeDriver *d _unused_, bool refresh _unused_, json_t **ret, NovaException *e _unused_) {
        stats_calls++;
        *ret = json_object();
        return 0;
}

static int counted_bandwidth(ComputeDriver *d _unused_, usec_t start _unused_, usec_t stop _unused_, json_t **ret,
                             NovaException *e _unused_) {
        bandwidth_calls++;
        *ret = json_array();
        return 0;
}

/* Runs fifty ticks and writes how often each task ran. */
static void run_ticks(Fixture *f, uint64_t *ret_runs, size_t n_tasks) {
        size_t n, *due = calloc(n_tasks, sizeof *due);
        const PeriodicTask *tasks = compute_periodic_tasks(&n);
        PeriodicSchedule schedule = {};

        assert_int_equal(n, n_tasks);
        clock_now = 1000 * USEC_PER_SEC;
        f->m->now = test_clock;
        f->ops.get_host_stats = counted_stats;
        f->ops.get_all_bw_usage = counted_bandwidth;
        f->messenger.answer = json_array();
        stats_calls = bandwidth_calls = 0;

        assert_int_equal(periodic_schedule_init(&schedule, tasks, n, f->config, TICK, clock_now), 0);
        for (unsigned tick = 0; tick < TICKS; tick++) {
                size_t k;

                clock_now += TICK;
                k = periodic_schedule_tick(&schedule, clock_now, due);
                for (size_t i = 0; i < k; i++) {
                        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                        int r = tasks[due[i]].run(&f->m->manager, f->context, &e);

                        if (r < 0)
                                fail_msg("%s: %s", tasks[due[i]].name, failure_text(r, &e));
                }
                fixture_settle(f);
        }
        for (size_t i = 0; i < n; i++)
                ret_runs[i] = schedule.entries[i].runs;
        periodic_schedule_done(&schedule);
        free(due);
}

/* Network info comes from a network service, by messages. */
static const char *const service[] = { "network_backend=service", NULL };

/* checklist: 69 */
static void over_fifty_ticks_every_task_runs_as_often_as_it_should(void **state _unused_) {
        static const struct {
                const char *name;
                uint64_t runs;
        } rows[] = {
                { "update_available_resource", 50 },
                { "_sync_power_states", 6 },            /* at once, and at 600, 1200, … 3000 s */
                { "_report_driver_status", 50 },
                { "_publish_service_capabilities", 50 },
                { "_heal_instance_info_cache", 50 },
                { "_poll_bandwidth_usage", 50 },
                { "_poll_rebooting_instances", 50 },
                { "_poll_rescued_instances", 50 },
                { "_poll_unconfirmed_resizes", 50 },
                { "_reclaim_queued_deletes", 50 },
                { "_check_instance_build_time", 50 },
                { "_cleanup_running_deleted_instances", 2 },    /* at once, and at 1800 s */
                { "_run_pending_deletes", 10 },                 /* 300 s */
                { "_run_image_cache_manager_pass", 1 },         /* at 2400 s */
                { "_cleanup_expired_console_auth_tokens", 10 },
                { "_instance_usage_audit", 50 },
        };
        _fixture_ Fixture *f = fixture_new(service);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const PeriodicTask *tasks;
        uint64_t runs[ELEMENTSOF(rows)];
        size_t n;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        run_ticks(f, runs, ELEMENTSOF(rows));

        tasks = compute_periodic_tasks(&n);
        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                assert_string_equal(tasks[k].name, rows[k].name);
                if (runs[k] != rows[k].runs)
                        fail_msg("%s ran %u times, not %u", rows[k].name, (unsigned) runs[k], (unsigned) rows[k].runs);
        }
        /* 120 s, 600 s, 60 s. */
        assert_int_equal(stats_calls, 25);
        assert_int_equal(bandwidth_calls, 5);
        assert_int_equal(recording_messenger_count(&f->messenger), 50);
        assert_non_null(compute_manager_node(f->m));
}

/* checklist: 69 */
static void options_change_or_switch_off_the_cadence(void **state _unused_) {
        static const char *const assignments[] = {
                "update_resources_interval=300", "sync_power_state_interval=-1", "running_deleted_instance_poll_interval=0",
                "instance_delete_interval=-1",
                "image_cache.manager_interval=600", NULL,
        };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        uint64_t runs[16];

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        run_ticks(f, runs, ELEMENTSOF(runs));
        assert_int_equal(runs[0], 10);
        assert_int_equal(runs[1], 0);
        assert_int_equal(runs[11], 0);
        assert_int_equal(runs[12], 0);
        assert_int_equal(runs[13], 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(over_fifty_ticks_every_task_runs_as_often_as_it_should),
                cmocka_unit_test(options_change_or_switch_off_the_cadence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "loop-test.h"

#include "service/periodic-schedule.h"

#define S USEC_PER_SEC

static Config *config(const char *assignment) {
        ConfigError error = {};
        Config *c = NULL;

        if (config_new_for_test(&c, (const char *const[]){assignment, NULL}, &error) < 0)
                fail_msg("%s", error.text);
        return c;
}

/* Counts the runs of one task in 50 ticks of a clock that runs 20 ms late now and then, from @phase on. */
static unsigned runs(const PeriodicTask *task, const Config *c, usec_t tick, usec_t phase) {
        PeriodicSchedule p;
        usec_t begin = 1000 * S;
        unsigned n = 0;
        size_t due;

        assert_return_code(periodic_schedule_init(&p, task, 1, c, tick, begin), 0);
        for (unsigned i = 0; i < 50; i++)
                n += periodic_schedule_tick(&p, begin + phase + i * tick + (i % 7) * 20 * USEC_PER_MSEC, &due);
        assert_int_equal(p.entries[0].runs, n);
        periodic_schedule_done(&p);
        return n;
}

/* checklist: 69 */
static void each_task_runs_at_its_own_pace_over_50_ticks(void **state) {
        static const struct {
                PeriodicTask task;
                const char *option;     /* given */
                unsigned tick, phase, runs;
        } cases[] = {
                {{.name = "every tick"}, NULL, 60, 60, 50},
                {{.name = "every tick, early phase"}, NULL, 60, 3, 50},
                {{.name = "as the tick", .spacing = 60}, NULL, 60, 60, 50},
                {{.name = "each tenth, at once", .spacing = 600, .run_immediately = true}, NULL, 60, 60, 6},
                {{.name = "each tenth", .spacing = 600}, NULL, 60, 60, 5},
                {{.name = "each tenth, other phase", .spacing = 600}, NULL, 60, 17, 4},
                {{.name = "half an hour", .spacing = 1800}, NULL, 60, 60, 1},
                {{.name = "half an hour, at once", .spacing = 1800, .run_immediately = true}, NULL, 60, 60, 2},
                {{.name = "between ticks", .spacing = 90}, NULL, 60, 60, 33},
                {{.name = "shorter than a tick", .spacing = 5}, NULL, 60, 60, 50},
                {{.name = "longer than all", .spacing = 86400}, NULL, 60, 60, 0},
                {{.name = "by option", .spacing_option = "heal_instance_info_cache_interval", .spacing = 1},
                 "heal_instance_info_cache_interval=120", 60, 60, 25},
                {{.name = "0 = default", .spacing_option = "heal_instance_info_cache_interval", .spacing = 120},
                 "heal_instance_info_cache_interval=0", 60, 60, 25},
                {{.name = "below 0 = off", .spacing_option = "heal_instance_info_cache_interval", .spacing = 120},
                 "heal_instance_info_cache_interval=-1", 60, 60, 0},
                {{.name = "0 = off", .spacing_option = "reboot_timeout", .off_when_zero = true}, "reboot_timeout=0", 60, 60, 0},
                {{.name = "not off", .spacing_option = "reboot_timeout", .off_when_zero = true}, "reboot_timeout=120", 60, 60, 25},
                {{.name = "a fast tick", .spacing = 10}, NULL, 1, 1, 5},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Config *c = config(cases[i].option);
                unsigned n = runs(&cases[i].task, c, cases[i].tick * S, cases[i].phase * S);

                if (n != cases[i].runs)
                        fail_msg("%s: %u runs, not %u", cases[i].task.name, n, cases[i].runs);
                config_unref(c);
        }
}

static void what_fell_behind_runs_once_and_goes_on_from_there(void **state) {
        static const PeriodicTask task = {.name = "t", .spacing = 60};
        Config *c = config(NULL);
        PeriodicSchedule p;
        size_t due;

        assert_return_code(periodic_schedule_init(&p, &task, 1, c, 60 * S, 0), 0);
        assert_int_equal(periodic_schedule_tick(&p, 60 * S, &due), 1);
        assert_int_equal(periodic_schedule_tick(&p, 3600 * S, &due), 1);        /* the host slept */
        assert_int_equal(periodic_schedule_tick(&p, 3601 * S, &due), 0);
        assert_int_equal(periodic_schedule_tick(&p, 3660 * S, &due), 1);
        periodic_schedule_done(&p);
        config_unref(c);
}

static void the_order_is_that_of_the_table(void **state) {
        static const PeriodicTask tasks[] = {{.name = "a"}, {.name = "b", .spacing = 600}, {.name = "c"}};
        Config *c = config(NULL);
        PeriodicSchedule p;
        size_t due[3];

        assert_return_code(periodic_schedule_init(&p, tasks, 3, c, 60 * S, 0), 0);
        assert_int_equal(periodic_schedule_tick(&p, 60 * S, due), 2);
        assert_int_equal(due[0], 0);
        assert_int_equal(due[1], 2);
        periodic_schedule_done(&p);
        config_unref(c);
}

static void a_reload_changes_only_what_has_another_spacing(void **state) {
        static const PeriodicTask tasks[] = {
                {.name = "kept", .spacing = 600},
                {.name = "changed", .spacing_option = "heal_instance_info_cache_interval"},
                {.name = "switched on", .spacing_option = "reboot_timeout", .off_when_zero = true},
        };
        Config *before = config("heal_instance_info_cache_interval=3600"), *after;
        PeriodicSchedule p;
        ConfigError error;
        size_t due[3];

        assert_return_code(periodic_schedule_init(&p, tasks, 3, before, 60 * S, 0), 0);
        config_unref(before);
        assert_return_code(config_new_for_test(&after, (const char *const[]){"heal_instance_info_cache_interval=120",
                                               "reboot_timeout=120", NULL}, &error), 0);
        periodic_schedule_reload(&p, after, 60 * S, 300 * S);
        assert_int_equal(p.entries[0].due, 600 * S);
        assert_int_equal(p.entries[1].due, 420 * S);
        assert_true(p.entries[2].enabled);
        assert_int_equal(periodic_schedule_tick(&p, 420 * S, due), 2);
        periodic_schedule_done(&p);
        config_unref(after);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_task_runs_at_its_own_pace_over_50_ticks),
                cmocka_unit_test(what_fell_behind_runs_once_and_goes_on_from_there),
                cmocka_unit_test(the_order_is_that_of_the_table),
                cmocka_unit_test(a_reload_changes_only_what_has_another_spacing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ComputeManager as a class: found by name, constructed in the seed's order with the seed's failures, ended while jobs run.
 * $MODULE_PATH: where the built driver modules are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>

#include "fixture.h"

typedef struct World {
        sd_event *event;
        Pool *pool;
        Config *config;
        Manager *manager;
        NovaException e;
        int r;
} World;

/* Constructs by the class, with the real module. */
static World construct(const char *argument, const char *const *assignments, const char *const *extra) {
        _cleanup_free_ char *path = NULL;
        const char *all[12] = {};
        ConfigError error = {};
        size_t n = 0;
        World w = {};

        assert_true(asprintf(&path, "module_path=%s", strempty(getenv("MODULE_PATH"))) > 0);
        all[n++] = path;
        for (; assignments && *assignments; assignments++)
                all[n++] = *assignments;
        if (config_new_for_test(&w.config, all, &error) < 0)
                fail_msg("%s", error.text);
        assert_true(sd_event_new(&w.event) >= 0);
        assert_int_equal(pool_new(&w.pool, w.event, 2), 0);

        const ManagerArgs args = {
                .host = "node1", .config = w.config, .event = w.event, .pool = w.pool, .compute_driver = argument, .extra = extra,
        };
        w.r = compute_manager_class.construct(&args, &w.manager, &w.e);
        return w;
}

static void world_done(World *w) {
        (void) pool_stop(w->pool, USEC_PER_SEC);
        manager_free(w->manager);
        pool_free(w->pool);
        sd_event_unref(w->event);
        config_unref(w->config);
        exception_done(&w->e);
}
#define _world_ _cleanup_(world_done)

/* checklist: 45 */
static void the_class_is_found_by_its_names(void **state _unused_) {
        static const char *const names[] = { "nova.compute.manager.ComputeManager", "ComputeManager", "compute" };
        const ManagerClass *classes[] = { &compute_manager_class, NULL };

        for (size_t n = 0; n < ELEMENTSOF(names); n++) {
                const ManagerClass *c = NULL;

                assert_true(manager_class_find(classes, NULL, names[n], &c, NULL) >= 0);
                assert_ptr_equal(c, &compute_manager_class);
        }
}

/* checklist: 80 */
static void every_name_of_a_driver_comes_through_the_same_door(void **state _unused_) {
        static const struct {
                const char *driver, *type;
        } rows[] = {
                { "compute_driver=fake.FakeDriver", NULL },
                { "compute_driver=nova.virt.fake.FakeConnection", NULL },
                { "compute_driver=nova.virt.connection.get_connection", "connection_type=fake" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                const char *assignments[] = { rows[n].driver, rows[n].type, NULL };
                _world_ World w = construct(NULL, assignments, NULL);

                if (w.r < 0)
                        fail_msg("%s: %s", rows[n].driver, w.e.message);
                assert_non_null(strcasestr(compute_manager_driver_name(compute_manager_from(w.manager)), "fake"));
                assert_string_equal(w.manager->ops->class_name, "nova.compute.manager.ComputeManager");
        }
}

/* checklist: 27 */
static void the_argument_wins_over_the_option(void **state _unused_) {
        const char *good[] = { "compute_driver=fake.FakeDriver", NULL };
        const char *bad[] = { "compute_driver=no.such.Driver", NULL };
        _world_ World by_argument = construct("fake.FakeDriver", bad, NULL);
        _world_ World by_option = construct(NULL, good, NULL);
        _world_ World spoiled = construct("no.such.Driver", good, NULL);

        assert_int_equal(by_argument.r, 0);
        assert_int_equal(by_option.r, 0);
        assert_true(spoiled.r < 0);
        assert_null(spoiled.manager);
        assert_non_null(strstr(spoiled.e.message, "no.such.Driver"));
}

/* checklist: 77 */
static void the_driver_is_read_when_constructed_not_before(void **state _unused_) {
        const char *first[] = { "connection_type=hyperv", NULL };
        const char *second[] = { "connection_type=fake", NULL };
        _world_ World a = construct(NULL, first, NULL);
        _world_ World b = construct(NULL, second, NULL);

        assert_true(a.r < 0);
        assert_int_equal(b.r, 0);
}

/* checklist: 30 */
static void a_driver_that_cannot_be_loaded_has_the_seeds_text(void **state _unused_) {
        const char *assignments[] = { "compute_driver=fake.FakeDriver", "module_path=/nowhere", NULL };
        _world_ World w = construct(NULL, assignments, NULL);

        assert_true(w.r < 0);
        assert_ptr_equal(strstr(w.e.message, "Unable to load the virtualization driver: "), w.e.message);
}

/* checklist: 33 */
static void a_network_manager_of_another_name_ends_the_construction(void **state _unused_) {
        const char *assignments[] = { "compute_driver=fake.FakeDriver", "network_manager=nova.network.manager.MyManager", NULL };
        _world_ World w = construct(NULL, assignments, NULL);
        _world_ World whole = construct("fake.FakeDriver", NULL, NULL);

        assert_true(w.r < 0);
        assert_null(w.manager);
        assert_string_equal(w.e.class_name, "ClassNotFound");
        assert_non_null(strstr(w.e.message, "nova.network.manager.MyManager"));
        assert_string_equal(network_manager_name(compute_manager_from(whole.manager)->network_manager),
                            "nova.network.manager.VlanManager");
}

static void a_wrong_flavor_ends_the_construction(void **state _unused_) {
        const char *assignments[] = { "compute_driver=fake.FakeDriver", "flavor=name=m1.tiny,vcpus=1,memory=512", NULL };
        _world_ World w = construct(NULL, assignments, NULL);

        assert_true(w.r < 0);
        assert_string_equal(w.e.class_name, "InvalidConfiguration");
        assert_non_null(strstr(w.e.message, "flavor 'm1.tiny': disk is missing"));
}

/* checklist: 14 */
static void a_malformed_hook_ends_the_construction(void **state _unused_) {
        const char *assignments[] = { "compute_driver=fake.FakeDriver", "monkey_patch=true", "monkey_patch_modules=nova.compute.manager",
                                      NULL };
        _world_ World w = construct(NULL, assignments, NULL);

        assert_int_equal(w.r, -EINVAL);
        assert_non_null(strstr(w.e.message, "nova.compute.manager"));
}

/* checklist: 31, 32, 34 */
static void it_has_its_clients_and_the_three_gates_at_nothing(void **state _unused_) {
        _world_ World w = construct("fake.FakeDriver", NULL, NULL);
        ComputeManager *m = compute_manager_from(w.manager);

        assert_non_null(m->network_api);
        assert_non_null(m->volume_api);
        assert_non_null(m->network_manager);
        assert_int_equal(m->last_host_check, 0);
        assert_int_equal(m->last_bw_usage_poll, 0);
        assert_int_equal(m->last_info_cache_heal, 0);
        assert_null(compute_manager_node(m));
        assert_false(compute_manager_hypervisor_connected(m));
        assert_null(w.manager->ops->trouble(w.manager));
}

/* checklist: 81 */
static void further_arguments_reach_the_manager_and_are_kept(void **state _unused_) {
        const char *extra[] = { "one", "two", NULL };
        _world_ World w = construct("fake.FakeDriver", NULL, extra);
        ComputeManager *m = compute_manager_from(w.manager);

        assert_string_equal(m->host, "node1");
        assert_string_equal(m->extra[0], "one");
        assert_string_equal(m->extra[1], "two");
        assert_null(m->extra[2]);
}

static void another_class_is_no_compute_manager(void **state _unused_) {
        static const ManagerOps ops = { .class_name = "other" };
        Manager other = { .ops = &ops };

        assert_null(compute_manager_from(&other));
        assert_null(compute_manager_from(NULL));
}

static void the_end_of_the_connection_at_a_stop_is_no_trouble(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        f->m->manager.ops->cleanup_host(&f->m->manager);
        fixture_settle(f);
        assert_null(f->m->manager.ops->trouble(&f->m->manager));
        assert_false(compute_manager_hypervisor_connected(f->m));

        /* And a start after it connects again. */
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_true(compute_manager_hypervisor_connected(f->m));
}

static unsigned running_slow;

static void slow_job(ComputeManager *m, const char *uuid) {
        running_slow++;
        compute_sync_instance(m, uuid);
}

static void a_manager_freed_under_a_running_job_lives_until_it_ends(void **state _unused_) {
        const char *assignments[] = { "fake.fault=get_info:slow:0.1", NULL };
        Fixture *f = fixture_new(assignments);
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_settle(f);
        f->driver->ops = f->real;
        assert_int_equal(compute_manager_submit(f->m, JOB_STATE, "slow", fixture_uuid(0, uuid), 0, slow_job), 0);
        while (fake_driver_in_flight(f->driver) == 0)
                sched_yield();

        manager_free(&f->m->manager);
        assert_int_equal(pool_stop(f->pool, 10 * USEC_PER_SEC), 0);
        assert_int_equal(running_slow, 1);
        pool_free(f->pool);
        fixture_free_rest(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_class_is_found_by_its_names),
                cmocka_unit_test(every_name_of_a_driver_comes_through_the_same_door),
                cmocka_unit_test(the_argument_wins_over_the_option),
                cmocka_unit_test(the_driver_is_read_when_constructed_not_before),
                cmocka_unit_test(a_driver_that_cannot_be_loaded_has_the_seeds_text),
                cmocka_unit_test(a_network_manager_of_another_name_ends_the_construction),
                cmocka_unit_test(a_wrong_flavor_ends_the_construction),
                cmocka_unit_test(a_malformed_hook_ends_the_construction),
                cmocka_unit_test(it_has_its_clients_and_the_three_gates_at_nothing),
                cmocka_unit_test(further_arguments_reach_the_manager_and_are_kept),
                cmocka_unit_test(another_class_is_no_compute_manager),
                cmocka_unit_test(the_end_of_the_connection_at_a_stop_is_no_trouble),
                cmocka_unit_test(a_manager_freed_under_a_running_job_lives_until_it_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "service-fixture.h"

#include <errno.h>

#include "service/service.h"

static Fixture f;

static int setup(void **state) {
        fixture_begin(&f, NULL);
        return 0;
}

static int teardown(void **state) {
        fixture_end(&f);
        return 0;
}

static int create(const ServiceArgs *args, NovaException *e) {
        f.service = service_free(f.service);
        return service_create(&f.service, &f.environment, args, e);
}

/* checklist: 15, 16, 17, 19, 21, 22 */
static void takes_what_is_given_and_flags_for_the_rest(void **state) {
        static const struct {
                ServiceArgs args;
                const char *host, *binary, *topic;
                unsigned report, periodic;
        } cases[] = {
                {{.binary = "nova-compute"}, "host1", "nova-compute", "compute", 10, 60},
                {{.binary = "nova-compute", .host = "", .topic = "", .manager = ""}, "host1", "nova-compute", "compute", 10, 60},
                {{.binary = "nova-compute", .host = "other"}, "other", "nova-compute", "compute", 10, 60},
                {{.binary = "nova-compute", .topic = "weather", .manager = "nova.test.TestManager"}, "host1", "nova-compute",
                 "weather", 10, 60},
                {{.binary = "nova-compute", .report_interval = 3, .periodic_interval = 7}, "host1", "nova-compute", "compute", 3, 7},
                {{.binary = "nova-compute", .report_interval = -1, .periodic_interval = -1}, "host1", "nova-compute", "compute", 0, 0},
                {{.binary = "nova-nova-foo", .manager = "nova.test.TestManager"}, "host1", "nova-nova-foo", "foo", 10, 60},
                {{.binary = "mytool", .manager = "nova.test.TestManager"}, "host1", "mytool", "mytool", 10, 60},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                if (create(&cases[i].args, &e) < 0)
                        fail_msg("case %zu: %s", i, e.message);
                assert_string_equal(service_host(f.service), cases[i].host);
                assert_string_equal(service_binary(f.service), cases[i].binary);
                assert_string_equal(service_topic(f.service), cases[i].topic);
                assert_string_equal(service_manager_class(f.service), "nova.test.TestManager");
                assert_int_equal(service_report_interval(f.service), cases[i].report * USEC_PER_SEC);
                assert_int_equal(service_periodic_interval(f.service), cases[i].periodic * USEC_PER_SEC);
                assert_int_equal(service_state(f.service), SERVICE_STOPPED);
                assert_string_equal(f.constructed_host, cases[i].host);
        }
}

/* checklist: 18 */
static void the_binary_is_the_name_of_the_program_when_none_is_given(void **state) {
        char *before = program_invocation_short_name;
        static char name[] = "nova-compute";

        program_invocation_short_name = name;
        assert_return_code(create(NULL, NULL), 0);
        assert_string_equal(service_binary(f.service), "nova-compute");
        assert_string_equal(service_topic(f.service), "compute");
        program_invocation_short_name = before;
}

/* checklist: 20 */
static void a_topic_without_manager_is_an_error_that_names_the_option(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(create(&(ServiceArgs){.binary = "nova-foo"}, &e), -ENOENT);
        assert_string_equal(e.class_name, "ClassNotFound");
        assert_non_null(strstr(e.message, "foo_manager"));
        assert_null(f.service);
}

/* checklist: 23 */
static void an_unknown_manager_is_ClassNotFound(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(create(&(ServiceArgs){.binary = "nova-compute", .manager = "nova.compute.manager.Nothing"}, &e), -ENOENT);
        assert_non_null(strstr(e.message, "Class nova.compute.manager.Nothing could not be found"));
}

/* checklist: 24, 25, 81 */
static void further_arguments_reach_the_manager_and_are_kept(void **state) {
        const ServiceArgs args = {.binary = "nova-compute", .compute_driver = "fake.FakeDriver",
                                  .extra = (const char *const[]){"one", "two", NULL}};
        Config *fresh;

        assert_return_code(create(&args, NULL), 0);
        assert_string_equal(f.constructed_driver, "fake.FakeDriver");
        assert_string_equal(f.constructed_extra, "one");

        fresh = fixture_config(&f, NULL);
        service_reload(f.service, fresh);
        config_unref(fresh);
        assert_int_equal(f.reloads, 1);
        assert_string_equal(service_compute_driver(f.service), "fake.FakeDriver");
        assert_string_equal(service_extra(f.service)[0], "one");
        assert_string_equal(service_extra(f.service)[1], "two");
        assert_null(service_extra(f.service)[2]);
}

/* checklist: 84 */
static void a_host_is_any_text_that_a_queue_can_carry(void **state) {
        static const char *const good[] = {"nova", "node-1.example.org", "rechner-ü", "a:b/c", NULL};
        static const char *const bad[] = {"two words", "line\nbreak", "tab\t", NULL};
        char long_name[256];

        for (size_t i = 0; good[i]; i++)
                assert_return_code(create(&(ServiceArgs){.binary = "nova-compute", .host = good[i]}, NULL), 0);
        for (size_t i = 0; bad[i]; i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                assert_int_equal(create(&(ServiceArgs){.binary = "nova-compute", .host = bad[i]}, &e), -EINVAL);
                assert_non_null(strstr(e.message, "host name"));
        }
        memset(long_name, 'x', sizeof long_name);
        long_name[sizeof long_name - 1] = 0;
        assert_int_equal(create(&(ServiceArgs){.binary = "nova-compute", .host = long_name}, NULL), -EINVAL);
}

static void a_stopped_service_refuses_its_verbs(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_return_code(create(&(ServiceArgs){.binary = "nova-compute"}, NULL), 0);
        assert_int_equal(service_report_state(f.service, NULL, NULL), -ESHUTDOWN);
        assert_int_equal(service_update_available_resource(f.service, NULL, NULL), -ESHUTDOWN);
        assert_int_equal(service_run_periodic_task(f.service, "_slow", NULL, NULL), -ESHUTDOWN);
        assert_int_equal(service_call(f.service, "ping", NULL, NULL, ORIGIN_BUS, NULL, NULL, &e), -ESHUTDOWN);
        assert_non_null(strstr(e.message, "stopped"));
        assert_return_code(service_stop(f.service), 0);
        assert_int_equal(service_state(f.service), SERVICE_STOPPED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(takes_what_is_given_and_flags_for_the_rest, setup, teardown),
                cmocka_unit_test_setup_teardown(the_binary_is_the_name_of_the_program_when_none_is_given, setup, teardown),
                cmocka_unit_test_setup_teardown(a_topic_without_manager_is_an_error_that_names_the_option, setup, teardown),
                cmocka_unit_test_setup_teardown(an_unknown_manager_is_ClassNotFound, setup, teardown),
                cmocka_unit_test_setup_teardown(further_arguments_reach_the_manager_and_are_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(a_host_is_any_text_that_a_queue_can_carry, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stopped_service_refuses_its_verbs, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The method table: what is served to whom, and what each method of the host does, through the same operation that a request
 * becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json.h"
#include "compute/host.h"
#include "fixture.h"
#include "service/version.h"

/* ---- the table ---- */

/* checklist: 36 */
static void the_table_serves_each_method_to_whom_it_belongs(void **state _unused_) {
        static const struct {
                const char *name;
                unsigned served;
        } rows[] = {
                { "service_version", SERVED_ZED | SERVED_ESSEX },
                { "service_config", SERVED_ZED | SERVED_ESSEX },
                { "ping", SERVED_BASEAPI },
                { "get_backdoor_port", SERVED_BASEAPI },
                { "oslo_rpc_server_ping", SERVED_RPC_PING },
                { "get_host_uptime", SERVED_ZED | SERVED_ESSEX },
                { "set_host_enabled", SERVED_ZED | SERVED_ESSEX },
                { "host_maintenance_mode", SERVED_ZED | SERVED_ESSEX },
                { "host_power_action", SERVED_ZED | SERVED_ESSEX },
                { "update_available_resource", SERVED_ZED | SERVED_ESSEX },
                { "publish_service_capabilities", SERVED_ZED | SERVED_ESSEX },
                { "refresh_security_group_rules", SERVED_ZED | SERVED_ESSEX },
                { "refresh_security_group_members", SERVED_ZED | SERVED_ESSEX },
                { "refresh_provider_fw_rules", SERVED_ZED | SERVED_ESSEX },
                { "refresh_instance_security_rules", SERVED_ZED | SERVED_ESSEX },
                { "_reap_deleted_instance", SERVED_SELF },
                { "_shutdown_deleted_instance", SERVED_SELF },
                { "_remove_deleted_files", SERVED_SELF },
        };
        _fixture_ Fixture *f = fixture_new(NULL);

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                const Method *m = manager_method(&f->m->manager, rows[k].name, ~0u);

                assert_non_null(m);
                assert_int_equal(m->served, rows[k].served);
        }
        assert_string_equal(f->m->manager.ops->service_name, "compute");
}

static void nothing_else_can_be_called(void **state _unused_) {
        static const char *const names[] = { "_sync_power_states", "__init__", "init_host", "periodic_tasks", "db", "driver",
                                             "cleanup_host", "" };
        _fixture_ Fixture *f = fixture_new(NULL);

        for (size_t n = 0; n < ELEMENTSOF(names); n++)
                assert_null(manager_method(&f->m->manager, names[n], ~0u));
        assert_null(manager_method(&f->m->manager, "ping", SERVED_ZED));
}

static void endpoints_are_those_of_a_deployed_host_in_order(void **state _unused_) {
        static const char *const with[] = { "rpc_ping_enabled=true", NULL };

        for (unsigned ping = 0; ping < 2; ping++) {
                _fixture_ Fixture *f = fixture_new(ping ? with : NULL);
                const RpcEndpoint *e;
                size_t n;

                e = f->m->manager.ops->endpoints(&f->m->manager, &n);
                assert_int_equal(n, 4 + ping);
                assert_true(e[0].format == WIRE_ESSEX && e[0].served == SERVED_ESSEX);
                assert_true(e[1].format == WIRE_OSLO && !e[1].namespace && e[1].major == 6 && e[1].minor == 1);
                assert_true(streq(e[2].namespace, "baseapi") && e[2].major == 1 && e[2].minor == 1);
                assert_true(!e[3].namespace && e[3].major == 5 && e[3].minor == 13 && e[3].served == SERVED_ZED);
                if (ping)
                        assert_true(!e[4].namespace && e[4].major == 1 && e[4].minor == 0 && e[4].served == SERVED_RPC_PING);
        }
}

/* ---- calls ---- */

static void expect(Fixture *f, const char *name, const char *args, const char *expected) {
        _answer_ Answer a;
        json_auto_t *want = json_loads(expected, JSON_DECODE_ANY, NULL);

        fixture_call(f, name, args, &a);
        if (exception_is_set(&a.exception))
                fail_msg("%s: %s", name, a.exception.message);
        if (json_is_null(want) ? a.result && !json_is_null(a.result) : !json_equal(a.result, want)) {
                _cleanup_free_ char *text = a.result ? json_dumps(a.result, JSON_ENCODE_ANY) : NULL;

                fail_msg("%s: %s, not %s", name, text ? text : "null", expected);
        }
}

static void expect_failure(Fixture *f, const char *name, const char *args, const char *class_name) {
        _answer_ Answer a;

        fixture_call(f, name, args, &a);
        assert_true(exception_is_set(&a.exception));
        assert_string_equal(a.exception.class_name, class_name);
        assert_null(a.result);
}

/* checklist: 36 */
static void simple_methods_answer_as_peers_expect(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *version = NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        assert_true(asprintf(&version, "\"%s\"", version_string()) > 0);
        expect(f, "service_version", "{}", version);
        expect(f, "ping", "{\"arg\": \"1.21 GigaWatts\"}", "{\"service\": \"compute\", \"arg\": \"1.21 GigaWatts\"}");
        expect(f, "ping", "{\"arg\": null}", "{\"service\": \"compute\", \"arg\": null}");
        expect(f, "get_backdoor_port", "{}", "null");
        expect(f, "oslo_rpc_server_ping", "{}", "\"pong\"");
        expect(f, "set_host_enabled", "{\"enabled\": false}", "\"disabled\"");
        expect(f, "set_host_enabled", "{\"enabled\": true, \"host\": \"node1\"}", "\"enabled\"");
        expect(f, "host_maintenance_mode", "{\"host\": \"node1\", \"mode\": true}", "\"on_maintenance\"");
        expect(f, "host_power_action", "{\"host\": \"node1\", \"action\": \"reboot\"}", "\"reboot\"");
        expect(f, "host_power_action", "{\"action\": \"shutdown\"}", "\"shutdown\"");
        expect(f, "refresh_security_group_rules", "{\"security_group_id\": 3}", "null");
        expect(f, "refresh_security_group_members", "{\"security_group_id\": \"a-b\"}", "null");
        expect(f, "refresh_provider_fw_rules", "{}", "null");
        expect(f, "refresh_instance_security_rules", "{\"instance\": {\"uuid\": \"x\"}}", "null");
}

static void the_uptime_is_that_of_the_host(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _answer_ Answer a;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_call(f, "get_host_uptime", "{}", &a);
        assert_true(json_is_string(a.result));
        assert_non_null(strstr(json_string_value(a.result), "load average"));
}

static void wrong_arguments_are_typed_failures(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        expect_failure(f, "set_host_enabled", "{}", "TypeError");
        expect_failure(f, "set_host_enabled", "{\"enabled\": \"yes\"}", "TypeError");
        expect_failure(f, "host_maintenance_mode", "{\"host\": \"node1\"}", "TypeError");
        expect_failure(f, "host_power_action", "{}", "TypeError");
        expect_failure(f, "host_power_action", "{\"action\": 1}", "TypeError");
        expect_failure(f, "host_power_action", "{\"action\": \"explode\"}", "Invalid");
        expect_failure(f, "refresh_security_group_rules", "{}", "TypeError");
        expect_failure(f, "ping", "{}", "TypeError");
}

static void what_the_driver_cannot_do_is_not_implemented_error(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _answer_ Answer a;

        f->ops.host_power_action = NULL;
        f->ops.host_maintenance_mode = NULL;
        f->ops.get_host_uptime = NULL;
        f->ops.set_host_enabled = NULL;
        fixture_call(f, "host_power_action", "{\"action\": \"reboot\"}", &a);
        assert_string_equal(a.exception.class_name, "NotImplementedError");
        assert_string_equal(a.exception.module, "builtins");
        expect_failure(f, "host_maintenance_mode", "{\"mode\": false}", "NotImplementedError");
        expect_failure(f, "get_host_uptime", "{}", "NotImplementedError");
        /* Expected of a driver, and swallowed. */
        expect(f, "set_host_enabled", "{\"enabled\": false}", "\"disabled\"");
}

static void the_configuration_is_whole_and_holds_no_secret(void **state _unused_) {
        const char *assignments[] = { "transport_url=rabbit://nova:Hu5h-Hu5h@broker:5672/", "rabbit_password=Wh1sper",
                                      "glance.api_servers=http://a/,http://u:Murmur7@image:9292/", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_free_ char *text = NULL;
        _answer_ Answer a;

        fixture_call(f, "service_config", "{}", &a);
        assert_true(json_is_object(a.result));
        assert_true(json_object_size(a.result) > 200);
        assert_string_equal(json_member_string(a.result, "host"), "node1");
        assert_int_equal(json_member_integer(a.result, "report_interval", -1), 10);
        assert_true(json_is_false(json_object_get(a.result, "monkey_patch")));
        assert_true(json_is_array(json_object_get(a.result, "oslo_messaging_notifications.topics")));
        assert_true(json_is_real(json_object_get(a.result, "initial_ram_allocation_ratio")));
        assert_true(json_is_null(json_object_get(a.result, "cpu_allocation_ratio")));

        text = json_dumps(a.result, 0);
        assert_null(strstr(text, "Hu5h-Hu5h"));
        assert_null(strstr(text, "Wh1sper"));
        assert_null(strstr(text, "Murmur7"));
        assert_non_null(strstr(text, "image:9292"));
        assert_non_null(strstr(json_member_string(a.result, "transport_url"), "broker"));
}

static void update_available_resource_by_request_writes_the_row(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        expect(f, "update_available_resource", "{}", "null");
        fixture_settle(f);
        assert_non_null(compute_manager_node(f->m));
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes"), 1);
}

/* checklist: 35 */
static void capabilities_go_to_every_scheduler_under_the_name_compute(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *sent = NULL;
        const json_t *args;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        expect(f, "publish_service_capabilities", "{}", "null");
        assert_int_equal(recording_messenger_count(&f->messenger), 1);
        sent = recording_messenger_get(&f->messenger, 0);
        args = json_object_get(sent, "args");
        assert_string_equal(json_member_string(sent, "kind"), "fanout_cast");
        assert_string_equal(json_member_string(sent, "topic"), "scheduler");
        assert_string_equal(json_member_string(sent, "format"), "essex");
        assert_string_equal(json_member_string(sent, "method"), "update_service_capabilities");
        assert_int_equal(json_object_size(args), 3);
        assert_string_equal(json_member_string(args, "service_name"), "compute");
        assert_string_equal(json_member_string(args, "host"), "node1");
        assert_string_equal(json_member_string(json_object_get(args, "capabilities"), "hypervisor_type"), "fake");
}

/* ---- notifications around calls ---- */

/* checklist: 14 */
static void a_hooked_method_notifies_before_the_call(void **state _unused_) {
        const char *assignments[] = { "monkey_patch=true",
                                      "monkey_patch_modules=nova.compute.manager:nova.notifier.api.notify_decorator",
                                      "notification_driver=nova.notifier.test_notifier", "default_notification_level=WARN", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *recorded = NULL, *expected = NULL;
        const json_t *m;

        expect_failure(f, "host_power_action", "{\"action\": \"explode\", \"admin_pass\": \"s3cr3t\"}", "Invalid");
        recorded = notifier_recorded(f->m->notifier);
        assert_int_equal(json_array_size(recorded), 2);

        m = json_array_get(recorded, 0);
        assert_string_equal(json_member_string(m, "event_type"), "nova.compute.manager.ComputeManager.host_power_action");
        assert_string_equal(json_member_string(m, "publisher_id"), "node1");
        assert_string_equal(json_member_string(m, "priority"), "WARN");
        expected = json_pack("{s:[], s:{s:s, s:s}}", "args", "kwarg", "action", "explode", "admin_pass", "***");
        assert_true(json_equal(json_object_get(m, "payload"), expected));

        /* After it the failure's own. */
        m = json_array_get(recorded, 1);
        assert_string_equal(json_member_string(m, "event_type"), "host_power_action");
        assert_string_equal(json_member_string(m, "publisher_id"), "compute.node1");
        assert_string_equal(json_member_string(m, "priority"), "ERROR");
        assert_string_equal(json_member_string(json_object_get(json_object_get(m, "payload"), "exception"), "class"), "Invalid");
        assert_string_equal(json_member_string(json_object_get(json_object_get(m, "payload"), "args"), "admin_pass"), "***");
}

/* checklist: 14 */
static void without_monkey_patch_a_call_notifies_of_nothing(void **state _unused_) {
        const char *assignments[] = { "notification_driver=nova.notifier.test_notifier", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *recorded = NULL;

        expect(f, "oslo_rpc_server_ping", "{}", "\"pong\"");
        recorded = notifier_recorded(f->m->notifier);
        assert_int_equal(json_array_size(recorded), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_serves_each_method_to_whom_it_belongs),
                cmocka_unit_test(nothing_else_can_be_called),
                cmocka_unit_test(endpoints_are_those_of_a_deployed_host_in_order),
                cmocka_unit_test(simple_methods_answer_as_peers_expect),
                cmocka_unit_test(the_uptime_is_that_of_the_host),
                cmocka_unit_test(wrong_arguments_are_typed_failures),
                cmocka_unit_test(what_the_driver_cannot_do_is_not_implemented_error),
                cmocka_unit_test(the_configuration_is_whole_and_holds_no_secret),
                cmocka_unit_test(update_available_resource_by_request_writes_the_row),
                cmocka_unit_test(capabilities_go_to_every_scheduler_under_the_name_compute),
                cmocka_unit_test(a_hooked_method_notifies_before_the_call),
                cmocka_unit_test(without_monkey_patch_a_call_notifies_of_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

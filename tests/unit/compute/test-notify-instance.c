/* Notifications about instances: which forms are sent where, and what is in them. That the real library reads them is tried in
 * tests/integration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "basic/json.h"
#include "compute/notify-instance.h"
#include "fixture.h"
#include "objects/instance-object.h"

#define UUID "6f9e0b52-6a0c-4c7b-8f0a-0f6d3f5d8c11"

static const char network_info[] =
        "[{\"id\": \"p1\", \"address\": \"fa:16:3e:00:00:01\", \"devname\": \"tap1\", \"meta\": {\"injected\": false}, \"network\":"
        " {\"label\": \"net1\", \"subnets\": [{\"ips\": [{\"address\": \"192.0.2.9\", \"type\": \"fixed\", \"version\": 4}]}]}}]";

static Instance sample(void) {
        Instance i = {
                .id = 5,
                .uuid = strdup(UUID),
                .name = strdup("instance-00000005"),
                .display_name = strdup("guest"),
                .user_id = strdup("u"),
                .project_id = strdup("p"),
                .image_ref = strdup("img"),
                .flavor_name = strdup("m1"),
                .flavor_id = 7,
                .memory_mb = 128,
                .vcpus = 2,
                .root_gb = 3,
                .ephemeral_gb = 4,
                .vm_state = VM_ACTIVE,
                .task_state = TASK_POWERING_OFF,
                .power_state = POWER_RUNNING,
                .created_at = 1795365897 * USEC_PER_SEC,
                .launched_at = 1795365900 * USEC_PER_SEC,
                .network_info = strdup(network_info),
        };

        assert_int_equal(instance_set_field(&i, "metadata", json_pack("{s:s}", "a", "b")), 0);
        assert_int_equal(instance_system_metadata_set(&i, "image_os_type", "linux"), 0);
        assert_int_equal(instance_system_metadata_set(&i, "owner", "x"), 0);
        return i;
}

static const json_t *data_of(const json_t *object) {
        return json_object_get(object, "nova_object.data");
}

static void the_unversioned_payload_is_novas(void **state) {
        Instance i = sample();
        json_auto_t *payload = notify_unversioned_payload(&i, true, NULL, NULL), *expected = NULL;
        static const char text[] =
                "{\"tenant_id\": \"p\", \"user_id\": \"u\", \"instance_id\": \"" UUID "\", \"display_name\": \"guest\","
                " \"reservation_id\": null, \"hostname\": null, \"instance_type\": \"m1\", \"instance_type_id\": 7,"
                " \"instance_flavor_id\": \"\", \"architecture\": null, \"memory_mb\": 128, \"disk_gb\": 7, \"vcpus\": 2, \"root_gb\": 3,"
                " \"ephemeral_gb\": 4, \"host\": null, \"node\": null, \"availability_zone\": null, \"cell_name\": \"\","
                " \"created_at\": \"2026-11-22 16:44:57+00:00\", \"terminated_at\": \"\", \"deleted_at\": \"\","
                " \"launched_at\": \"2026-11-22T16:45:00.000000\", \"image_ref_url\": \"img\", \"os_type\": null, \"kernel_id\": null,"
                " \"ramdisk_id\": null, \"state\": \"active\", \"state_description\": \"powering-off\", \"progress\": \"\","
                " \"access_ip_v4\": null, \"access_ip_v6\": null, \"image_meta\": {\"os_type\": \"linux\"}, \"metadata\": {\"a\": \"b\"},"
                " \"fixed_ips\": [{\"address\": \"192.0.2.9\", \"type\": \"fixed\", \"version\": 4, \"label\": \"net1\","
                " \"vif_mac\": \"fa:16:3e:00:00:01\"}]}";

        assert_int_equal(json_parse(text, strlen(text), &expected, NULL, 0), 0);
        assert_true(json_equal(payload, expected));
        instance_done(&i);
}

static void a_failure_and_what_is_particular_are_told(void **state) {
        Instance i = sample();
        NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *extra = json_pack("{s:s, s:s, s:s}", "image_name", "linux", "display_name", "overridden", "snapshot_image_id", "s"), *payload = NULL, *versioned = NULL;
        const json_t *fault;

        (void) exception_setf(&e, EXC_INSTANCE_NOT_FOUND, "Instance x could not be found.");
        payload = notify_unversioned_payload(&i, false, &e, extra);
        assert_string_equal(json_member_string(payload, "exception"), "Instance x could not be found.");
        assert_string_equal(json_member_string(payload, "message"), "Instance x could not be found.");
        assert_int_equal(json_member_integer(payload, "code", 0), 404);
        assert_string_equal(json_member_string(payload, "image_name"), "linux");
        assert_string_equal(json_member_string(payload, "display_name"), "overridden");
        assert_null(json_object_get(payload, "fixed_ips"));
        assert_null(json_object_get(payload, "snapshot_image_id"));

        versioned = notify_versioned_payload(NULL, &i, "power_off", &e, false, NULL);
        fault = json_object_get(data_of(versioned), "fault");
        assert_string_equal(json_member_string(fault, "nova_object.name"), "ExceptionPayload");
        assert_string_equal(json_member_string(data_of(fault), "exception"), "InstanceNotFound");
        exception_done(&e);
        instance_done(&i);
}

static void each_action_has_its_versioned_class(void **state) {
        static const struct {
                const char *action, *class_name, *version, *field;
        } table[] = {
                { "create", "InstanceCreatePayload", "1.12", "instance_name" },
                { "rebuild", "InstanceActionRebuildPayload", "1.9", "trusted_image_certificates" },
                { "rescue", "InstanceActionRescuePayload", "1.3", "rescue_image_ref" },
                { "snapshot", "InstanceActionSnapshotPayload", "1.9", "snapshot_image_id" },
                { "reboot", "InstanceActionPayload", "1.8", "fault" },
        };
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        json_auto_t *extra = json_pack("{s:s, s:s}", "rescue_image_ref", "r", "snapshot_image_id", "s");

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                Instance i = sample();
                json_auto_t *payload = notify_versioned_payload(c, &i, table[n].action, NULL, false, extra);
                const json_t *address = data_of(json_array_get(json_object_get(data_of(payload), "ip_addresses"), 0));

                assert_string_equal(json_member_string(payload, "nova_object.name"), table[n].class_name);
                assert_string_equal(json_member_string(payload, "nova_object.version"), table[n].version);
                assert_non_null(json_object_get(data_of(payload), table[n].field));
                assert_null(json_object_get(payload, "nova_object.changes"));
                assert_string_equal(json_member_string(data_of(payload), "power_state"), "running");
                assert_string_equal(json_member_string(data_of(payload), "state"), "active");
                assert_string_equal(json_member_string(data_of(json_object_get(data_of(payload), "flavor")), "name"), "m1");
                assert_string_equal(json_member_string(address, "address"), "192.0.2.9");
                assert_string_equal(json_member_string(json_object_get(address, "meta"), "injected"), "False");
                assert_true(json_is_null(json_object_get(data_of(payload), "request_id")));            /* nobody asked */
                instance_done(&i);
        }
}

/* What was sent: the topics with the event types, in order. */
static void expect_sent(Fixture *f, const char *const (*expected)[2], size_t n_expected) {
        assert_int_equal(recording_messenger_count(&f->messenger), n_expected);
        for (size_t n = 0; n < n_expected; n++) {
                json_auto_t *sent = recording_messenger_get(&f->messenger, n);

                assert_string_equal(json_member_string(sent, "topic"), expected[n][0]);
                assert_string_equal(json_member_string(json_object_get(sent, "args"), "event_type"), expected[n][1]);
        }
}

static void the_format_says_which_forms_are_sent(void **state) {
        static const struct {
                const char *assignments[4];
                const char *const sent[4][2];
                size_t n;
        } table[] = {
                { { NULL }, {}, 0 },
                { { "notifications.notification_format=both", NULL }, {}, 0 },
                { { "oslo_messaging_notifications.driver=messagingv2", NULL },
                  { { "notifications", "compute.instance.power_off.start" }, { "notifications", "compute.instance.power_off.error" } }, 2 },
                { { "oslo_messaging_notifications.driver=messagingv2", "notifications.notification_format=versioned", NULL },
                  { { "versioned_notifications", "instance.power_off.start" }, { "versioned_notifications", "instance.power_off.error" },
                    { "versioned_notifications", "instance.interface_attach.end" } }, 3 },
                { { "oslo_messaging_notifications.driver=messagingv2", "notifications.notification_format=both",
                    "notifications.versioned_notifications_topics=mine", NULL },
                  { { "notifications", "compute.instance.power_off.start" }, { "mine", "instance.power_off.start" },
                    { "notifications", "compute.instance.power_off.error" }, { "mine", "instance.power_off.error" } }, 4 },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _fixture_ Fixture *f = fixture_new(table[n].assignments);
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                Instance i = sample();

                (void) exception_setf(&e, EXC_INTERNAL_ERROR, "no");
                compute_notify_instance(f->m, f->context, &i, "power_off", NOTIFY_START, NULL);
                compute_notify_instance(f->m, f->context, &i, "power_off", NOTIFY_ERROR, &e);
                if (table[n].n == 3)
                        compute_notify_instance(f->m, f->context, &i, "interface_attach", NOTIFY_END, NULL);
                expect_sent(f, table[n].sent, table[n].n);
                instance_done(&i);
        }
}

static void failures_have_the_priority_of_errors(void **state) {
        const char *assignments[] = { "oslo_messaging_notifications.driver=messagingv2", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *start = NULL, *error = NULL;
        Instance i = sample();

        compute_notify_instance(f->m, f->context, &i, "create", NOTIFY_START, NULL);
        compute_notify_instance(f->m, f->context, &i, "create", NOTIFY_ERROR, NULL);
        start = recording_messenger_get(&f->messenger, 0);
        error = recording_messenger_get(&f->messenger, 1);
        assert_string_equal(json_member_string(json_object_get(start, "args"), "priority"), "INFO");
        assert_string_equal(json_member_string(json_object_get(error, "args"), "priority"), "ERROR");
        assert_string_equal(json_member_string(json_object_get(error, "args"), "publisher_id"), "compute.node1");
        instance_done(&i);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_unversioned_payload_is_novas),
                cmocka_unit_test(a_failure_and_what_is_particular_are_told),
                cmocka_unit_test(each_action_has_its_versioned_class),
                cmocka_unit_test(the_format_says_which_forms_are_sent),
                cmocka_unit_test(failures_have_the_priority_of_errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

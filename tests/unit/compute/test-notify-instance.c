/* Notifications about instances: which forms are sent where, and what is in them. That the real library reads them is tried in
 * tests/integration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

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

/* ---- updates ---- */

/* checked against Nova's own function in tests/integration/test_objects.py */
static void an_update_tells_both_states_as_nova_does(void **state) {
        static const struct {
                StateChanges changes;
                VmState old_vm, vm;
                TaskState old_task, task;
                const char *old_name;
                const char *told[5];    /* old_state, state, old_task_state, new_task_state, old_display_name */
        } table[] = {
                { STATE_CHANGES_VM, VM_ACTIVE, VM_STOPPED, TASK_POWERING_OFF, TASK_NONE, "guest",
                  { "active", "stopped", "powering-off", NULL, NULL } },
                { STATE_CHANGES_VM, VM_ACTIVE, VM_ACTIVE, TASK_POWERING_OFF, TASK_NONE, "guest", { "active", "active", NULL, NULL, NULL } },
                { STATE_CHANGES_VM_AND_TASK, VM_ACTIVE, VM_ACTIVE, TASK_POWERING_OFF, TASK_NONE, "guest",
                  { "active", "active", "powering-off", NULL, NULL } },
                /* none before is told as what is now */
                { STATE_CHANGES_VM_AND_TASK, VM_ACTIVE, VM_ACTIVE, TASK_NONE, TASK_POWERING_OFF, "guest",
                  { "active", "active", "powering-off", "powering-off", NULL } },
                { STATE_CHANGES_VM, VM_ACTIVE, VM_ACTIVE, TASK_NONE, TASK_NONE, "before", { "active", "active", NULL, NULL, "before" } },
                { STATE_CHANGES_VM, VM_PAUSED, VM_ACTIVE, TASK_NONE, TASK_NONE, "before", { "paused", "active", NULL, NULL, NULL } },
        };
        static const char *const keys[] = { "old_state", "state", "old_task_state", "new_task_state", "old_display_name" };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                const InstanceBefore before = { table[n].old_vm, table[n].old_task, (char *) table[n].old_name };
                json_auto_t *extra = NULL, *versioned = NULL, *unversioned = NULL;
                const json_t *data, *update, *period;
                Instance i = sample();

                i.vm_state = table[n].vm;
                i.task_state = table[n].task;
                extra = notify_update_extra(&i, &before, table[n].changes, 1795365000 * USEC_PER_SEC, 1795365897 * USEC_PER_SEC + 5);
                unversioned = notify_unversioned_payload(&i, false, NULL, extra);
                versioned = notify_versioned_payload(NULL, &i, "update", NULL, false, extra);
                data = data_of(versioned);
                update = data_of(json_object_get(data, "state_update"));
                period = data_of(json_object_get(data, "audit_period"));
                for (size_t k = 0; k < ELEMENTSOF(keys); k++) {
                        const json_t *told = json_object_get(k < 4 ? update : data, keys[k]);

                        if (!streq_ptr(json_member_string(unversioned, keys[k]), table[n].told[k]) ||
                            !streq_ptr(json_string_value(told), table[n].told[k]))
                                fail_msg("row %zu: %s is %s and %s", n, keys[k], json_member_string(unversioned, keys[k]), json_string_value(told));
                        assert_non_null(told);
                }
                assert_string_equal(json_member_string(unversioned, AUDIT_BEGINNING), "2026-11-22T16:30:00.000000");
                assert_string_equal(json_member_string(unversioned, AUDIT_ENDING), "2026-11-22T16:44:57.000005");
                assert_string_equal(json_member_string(period, AUDIT_BEGINNING), "2026-11-22T16:30:00Z");
                assert_string_equal(json_member_string(period, AUDIT_ENDING), "2026-11-22T16:44:57Z");
                assert_string_equal(json_member_string(versioned, "nova_object.name"), "InstanceUpdatePayload");
                assert_string_equal(json_member_string(versioned, "nova_object.version"), "2.0");
                assert_null(json_object_get(data, "fault"));
                instance_done(&i);
        }
}

/* What was told of changes, "old/task -> new/task"; of several writes in a row that are told alike only the first is looked at. */
static void expect_changes(Fixture *f, const char *const *expected) {
        json_auto_t *recorded = notifier_recorded(f->m->notifier);
        const json_t *message;
        size_t n, k = 0;

        json_array_foreach(recorded, n, message) {
                const json_t *payload = json_object_get(message, "payload");
                _cleanup_free_ char *text = NULL;

                if (!streq(json_member_string(message, "event_type"), "compute.instance.update"))
                        continue;
                assert_true(asprintf(&text, "%s/%s -> %s/%s", json_member_string(payload, "old_state"),
                                     strempty(json_member_string(payload, "old_task_state")), json_member_string(payload, "state"),
                                     strempty(json_member_string(payload, "new_task_state"))) > 0);
                if ((k > 0 && streq(text, expected[k - 1])) || streq(text, "stopped/ -> stopped/"))
                        continue;       /* the latter of the power_state, perhaps */
                if (!expected[k])
                        fail_msg("one too many: %s", text);
                assert_string_equal(text, expected[k++]);
        }
        if (expected[k])
                fail_msg("not told: %s", expected[k]);
}

static void each_write_of_a_row_is_told_when_asked_for(void **state) {
        static const char driver[] = "oslo_messaging_notifications.driver=nova.notifier.test_notifier";
        static const struct {
                const char *assignments[3], *told[8];
        } table[] = {
                { { driver, NULL }, { NULL } },
                { { driver, "notifications.notify_on_state_change=None", NULL }, { NULL } },
                { { "notifications.notify_on_state_change=vm_state", NULL }, { NULL } },        /* nobody listens */
                { { driver, "notifications.notify_on_state_change=vm_state", NULL },
                  { "active/powering-off -> active/powering-off", "active/powering-off -> stopped/", "stopped/deleting -> stopped/deleting",
                    "stopped/deleting -> deleted/", NULL } },
                { { driver, "notify_on_state_change=vm_and_task_state", NULL },
                  { "active/powering-off -> active/powering-off", "active/powering-off -> stopped/", "stopped/deleting -> stopped/deleting",
                    "stopped/deleting -> deleted/", NULL } },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _fixture_ Fixture *f = fixture_new(table[n].assignments);
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                char uuid[UUID_TEXT_MAX];
                _cleanup_free_ char *args = NULL;

                assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
                fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
                fixture_settle(f);
                assert_true(asprintf(&args, "{\"instance_uuid\": \"%s\"}", fixture_uuid(1, uuid)) > 0);
                fixture_do(f, "stop_instance", args);
                fixture_do(f, "terminate_instance", args);
                expect_changes(f, table[n].told);
        }
}

static void a_write_that_fails_is_not_told(void **state) {
        const char *assignments[] = { "oslo_messaging_notifications.driver=test", "notify_on_state_change=vm_and_task_state", NULL };
        static const TaskState deleting[] = { TASK_DELETING, _TASK_STATE_INVALID };
        _fixture_ Fixture *f = fixture_new(assignments);
        Instance i = sample();

        assert_int_equal(compute_instance_save(f->m, f->context, &i, NULL, NULL), 0);
        fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        instance_done(&i);
        i = (Instance) {};
        fixture_read(f, 1, &i);
        i.vm_state = VM_STOPPED;
        assert_int_equal(compute_instance_save(f->m, f->context, &i, deleting, NULL), -ESTALE);
        expect_changes(f, (const char *[]) { NULL });
        assert_int_equal(compute_instance_save(f->m, NULL, &i, NULL, NULL), 1);
        expect_changes(f, (const char *[]) { "active/ -> stopped/", NULL });
        instance_done(&i);
}

/* Lists leave the object out: what is saved of one is told with what is stored. */
static void what_was_written_without_its_object_is_told_with_it(void **state) {
        const char *assignments[] = { "oslo_messaging_notifications.driver=test", "notify_on_state_change=vm_state", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_(instance_list_done) InstanceList l = {};
        json_auto_t *recorded = NULL;
        const json_t *payload;
        Instance i = sample();

        i.host = strdup("node1");
        assert_int_equal(f->store->ops->instance_create(f->store, &i, NULL), 0);
        assert_int_equal(f->store->ops->instance_list_by_host(f->store, "node1", READ_DELETED_NO, &l), 0);
        assert_int_equal(l.n, 1);
        l.items[0].vm_state = VM_ERROR;
        assert_int_equal(compute_instance_save(f->m, NULL, &l.items[0], NULL, NULL), 1);
        recorded = notifier_recorded(f->m->notifier);
        payload = json_object_get(json_array_get(recorded, 0), "payload");
        assert_string_equal(json_member_string(payload, "state"), "error");
        assert_string_equal(json_member_string(json_object_get(payload, "metadata"), "a"), "b");
        assert_string_equal(json_member_string(json_object_get(payload, "image_meta"), "os_type"), "linux");
        assert_null(l.items[0].object);
        instance_done(&i);
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
                cmocka_unit_test(an_update_tells_both_states_as_nova_does),
                cmocka_unit_test(each_write_of_a_row_is_told_when_asked_for),
                cmocka_unit_test(a_write_that_fails_is_not_told),
                cmocka_unit_test(what_was_written_without_its_object_is_told_with_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

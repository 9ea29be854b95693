/* Notifications and the hooks that send them (essex 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/id.h"
#include "basic/json.h"
#include "compute/hooks.h"
#include "compute/notifier.h"
#include "recording-messenger.h"

typedef struct Fixture {
        Config *config;
        RecordingMessenger messenger;
        Notifier *notifier;
        RequestContext *context;
} Fixture;

static Fixture *fixture_new(const char *const *assignments) {
        Fixture *f = calloc(1, sizeof *f);
        ConfigError error;

        if (config_new_for_test(&f->config, assignments, &error) < 0)
                fail_msg("%s", error.text);
        recording_messenger_init(&f->messenger);
        assert_int_equal(notifier_new(&f->notifier, f->config, &f->messenger.messenger, NULL), 0);
        f->context = context_new_admin();
        return f;
}

static void fixture_freep(Fixture **f) {
        context_unref((*f)->context);
        notifier_free((*f)->notifier);
        recording_messenger_done(&(*f)->messenger);
        config_unref((*f)->config);
        free(*f);
}
#define _fixture_ _cleanup_(fixture_freep)

static int send_one(Fixture *f, const char *priority, NovaException *e) {
        json_auto_t *payload = json_pack("{s:s}", "instance_id", "i1");

        return notifier_notify(f->notifier, f->context, "compute.node1", "compute.instance.create.end", priority, payload, e);
}

static void by_default_nothing_is_published(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);

        assert_false(notifier_active(f->notifier));
        assert_int_equal(send_one(f, "INFO", NULL), 0);
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

static void the_message_has_the_seeds_members(void **state _unused_) {
        const char *assignments[] = { "notification_driver=nova.notifier.test_notifier", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *recorded = NULL, *payload = json_pack("{s:s}", "instance_id", "i1");
        const json_t *m;
        usec_t when;

        assert_int_equal(send_one(f, "INFO", NULL), 0);
        recorded = notifier_recorded(f->notifier);
        assert_int_equal(json_array_size(recorded), 1);
        m = json_array_get(recorded, 0);
        assert_int_equal(json_object_size(m), 6);
        assert_true(uuid_is_valid(json_member_string(m, "message_id")));
        assert_string_equal(json_member_string(m, "publisher_id"), "compute.node1");
        assert_string_equal(json_member_string(m, "event_type"), "compute.instance.create.end");
        assert_string_equal(json_member_string(m, "priority"), "INFO");
        assert_true(json_equal(json_object_get(m, "payload"), payload));
        assert_int_equal(time_parse(json_member_string(m, "timestamp"), &when), 0);
        assert_int_equal(strlen(json_member_string(m, "timestamp")), strlen("2026-01-01 00:00:00.000000"));
}

static void each_driver_sends_to_each_topic_in_its_form(void **state _unused_) {
        static const struct {
                const char *driver, *format;
        } rows[] = {
                { "notification_driver=nova.notifier.rabbit_notifier", "essex" },
                { "notification_driver=nova.openstack.common.notifier.rpc_notifier", "essex" },
                { "oslo_messaging_notifications.driver=messaging", "essex" },
                { "oslo_messaging_notifications.driver=messagingv2", "oslo" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                const char *assignments[] = { rows[n].driver, "notification_topics=notifications,monitor", NULL };
                _fixture_ Fixture *f = fixture_new(assignments);

                assert_true(notifier_active(f->notifier));
                assert_int_equal(send_one(f, "WARN", NULL), 0);
                assert_int_equal(recording_messenger_count(&f->messenger), 2);
                for (size_t k = 0; k < 2; k++) {
                        json_auto_t *sent = recording_messenger_get(&f->messenger, k);

                        assert_string_equal(json_member_string(sent, "kind"), "notify");
                        assert_string_equal(json_member_string(sent, "topic"), k == 0 ? "notifications" : "monitor");
                        assert_string_equal(json_member_string(sent, "method"), "warn");        /* the routing key's end */
                        assert_string_equal(json_member_string(sent, "format"), rows[n].format);
                        assert_string_equal(json_member_string(json_object_get(sent, "args"), "priority"), "WARN");
                }
        }
}

static void the_list_driver_calls_all_and_a_missing_one_hurts_nobody(void **state _unused_) {
        const char *assignments[] = { "notification_driver=nova.notifier.list_notifier",
                                      "list_notifier_drivers=nova.notifier.nowhere_notifier",
                                      "list_notifier_drivers=nova.notifier.test_notifier",
                                      "list_notifier_drivers=nova.notifier.list_notifier",
                                      "list_notifier_drivers=nova.notifier.rabbit_notifier", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *recorded = NULL;

        assert_int_equal(send_one(f, "ERROR", NULL), 0);
        recorded = notifier_recorded(f->notifier);
        assert_int_equal(json_array_size(recorded), 1);
        assert_int_equal(recording_messenger_count(&f->messenger), 1);
}

static void a_broker_that_fails_is_not_the_notifiers_failure(void **state _unused_) {
        const char *assignments[] = { "notification_driver=messagingv2", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);

        f->messenger.result = -ENOTCONN;
        assert_int_equal(send_one(f, "INFO", NULL), 0);
        assert_int_equal(recording_messenger_count(&f->messenger), 1);
}

static void another_priority_is_refused(void **state _unused_) {
        static const char *const priorities[] = { "", "info", "WARNING", "AUDIT", "INFOX" };
        const char *assignments[] = { "notification_driver=test", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        json_auto_t *recorded = NULL;

        for (size_t n = 0; n < ELEMENTSOF(priorities); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                assert_int_equal(send_one(f, priorities[n], &e), -EINVAL);
                assert_non_null(strstr(e.message, "not in valid priorities"));
        }
        recorded = notifier_recorded(f->notifier);
        assert_int_equal(json_array_size(recorded), 0);
}

static void the_publisher_is_service_dot_host(void **state _unused_) {
        char buf[64];

        assert_string_equal(notifier_publisher_id("compute", "node1", buf, sizeof buf), "compute.node1");
}

/* checklist: 14 */
static void monkey_patch_entries_are_checked_at_the_start(void **state _unused_) {
        static const struct {
                const char *modules;
                bool ok, notify;
        } rows[] = {
                { NULL, true, false },  /* the default: modules this program never calls */
                { "nova.compute.manager:nova.notifier.api.notify_decorator", true, true },
                { "nova.compute.api:nova.notifier.api.notify_decorator,nova.compute.manager:nova.notifier.api.notify_decorator",
                  true, true },
                { "nova.compute.manager", false, false },
                { "nova.compute.manager:", false, false },
                { ":nova.notifier.api.notify_decorator", false, false },
                { "nova.compute.manager:a:b", false, false },
                { "nova.compute.manager:nova.notifier.api.no_decorator", false, false },
                { "nova.no.module:nova.notifier.api.notify_decorator", false, false },
                { "nova.compute.managers:nova.notifier.api.notify_decorator", false, false },
                { "nova.compute:nova.notifier.api.notify_decorator", false, false },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(config_unrefp) Config *config = NULL;
                _cleanup_(hooks_freep) Hooks *hooks = NULL;
                _cleanup_free_ char *modules = NULL;
                const char *assignments[3] = { "monkey_patch=true" };
                ConfigError error;
                int r;

                if (rows[n].modules) {
                        assert_true(asprintf(&modules, "monkey_patch_modules=%s", rows[n].modules) > 0);
                        assignments[1] = modules;
                }
                assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
                r = hooks_new(&hooks, config, &e);
                if (rows[n].ok) {
                        assert_int_equal(r, 0);
                        assert_int_equal(hooks_notify(hooks, "nova.compute.manager"), rows[n].notify);
                } else {
                        assert_int_equal(r, -EINVAL);
                        assert_non_null(strstr(e.message, rows[n].modules));
                        assert_null(hooks);
                }
        }
}

/* checklist: 14 */
static void without_the_flag_entries_are_not_read(void **state _unused_) {
        const char *assignments[] = { "monkey_patch_modules=nonsense", NULL };
        _cleanup_(config_unrefp) Config *config = NULL;
        _cleanup_(hooks_freep) Hooks *hooks = NULL;
        ConfigError error;

        assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
        assert_int_equal(hooks_new(&hooks, config, NULL), 0);
        assert_false(hooks_notify(hooks, "nova.compute.manager"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_default_nothing_is_published),
                cmocka_unit_test(the_message_has_the_seeds_members),
                cmocka_unit_test(each_driver_sends_to_each_topic_in_its_form),
                cmocka_unit_test(the_list_driver_calls_all_and_a_missing_one_hurts_nobody),
                cmocka_unit_test(a_broker_that_fails_is_not_the_notifiers_failure),
                cmocka_unit_test(another_priority_is_refused),
                cmocka_unit_test(the_publisher_is_service_dot_host),
                cmocka_unit_test(monkey_patch_entries_are_checked_at_the_start),
                cmocka_unit_test(without_the_flag_entries_are_not_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* publish_errors: lines of the log as notifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#define LOG_LOGGER "nova.test"
#include "basic/json.h"
#include "basic/log.h"
#include "compute/error-publisher.h"
#include "recording-messenger.h"

typedef struct Fixture {
        Config *config;
        RecordingMessenger messenger;
        sd_event *event;
        ErrorPublisher *publisher;
} Fixture;

static Fixture *fixture_new(const char *const *assignments) {
        Fixture *f = calloc(1, sizeof *f);
        ConfigError error;
        char why[200];

        if (config_new_for_test(&f->config, assignments, &error) < 0)
                fail_msg("%s", error.text);
        assert_int_equal(log_open(&(LogSettings) { .level = LOG_LEVEL_INFO, .target = LOG_TARGET_NULL }, why, sizeof why), 0);
        recording_messenger_init(&f->messenger);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(error_publisher_new(&f->publisher, f->event, f->config, &f->messenger.messenger, NULL), 0);
        return f;
}

static void fixture_freep(Fixture **f) {
        error_publisher_free((*f)->publisher);
        sd_event_unref((*f)->event);
        recording_messenger_done(&(*f)->messenger);
        config_unref((*f)->config);
        free(*f);
        log_close();
}
#define _fixture_ _cleanup_(fixture_freep)

/* Until nothing is left to do. */
static void turn(Fixture *f) {
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static void *log_elsewhere(void *userdata _unused_) {
        log_error("another thread's, with hunter22 in it");
        return NULL;
}

/* checklist: 11 */
static void lines_at_error_and_above_are_notified_without_secrets(void **state _unused_) {
        const char *assignments[] = { "publish_errors=true", "notification_driver=messaging", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        pthread_t thread;

        assert_int_equal(log_add_secret("hunter22"), 0);
        log_warning("no error");
        log_error("the disk %s", "burns");
        assert_int_equal(pthread_create(&thread, NULL, log_elsewhere, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        log_critical("the end");
        assert_int_equal(recording_messenger_count(&f->messenger), 0);          /* only from the loop */
        turn(f);

        assert_int_equal(recording_messenger_count(&f->messenger), 3);
        for (size_t n = 0; n < 3; n++) {
                static const char *const texts[] = { "the disk burns", "another thread's, with *** in it", "the end" };
                json_auto_t *sent = recording_messenger_get(&f->messenger, n);
                const json_t *message = json_object_get(sent, "args");

                assert_string_equal(json_member_string(message, "publisher_id"), "nova.error.publisher");
                assert_string_equal(json_member_string(message, "event_type"), "error_notification");
                assert_string_equal(json_member_string(message, "priority"), "ERROR");
                assert_string_equal(json_member_string(json_object_get(message, "payload"), "error"), texts[n]);
        }
}

static void a_notification_that_fails_causes_no_other(void **state _unused_) {
        const char *assignments[] = { "publish_errors=true", "notification_driver=messaging", "notification_driver=log", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);

        f->messenger.result = -ENOTCONN;
        log_error("the disk burns");
        turn(f);
        assert_int_equal(recording_messenger_count(&f->messenger), 1);
}

static void it_is_off_by_default_and_beside_the_log_notifier(void **state _unused_) {
        const char *beside[] = { "publish_errors=true", "list_notifier_drivers=nova.notifier.log_notifier", NULL };
        const char *const *const tables[] = { NULL, beside };

        for (size_t n = 0; n < ELEMENTSOF(tables); n++) {
                _fixture_ Fixture *f = fixture_new(tables[n]);

                assert_null(f->publisher);
                log_error("the disk burns");
                turn(f);
                assert_int_equal(recording_messenger_count(&f->messenger), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_at_error_and_above_are_notified_without_secrets),
                cmocka_unit_test(a_notification_that_fails_causes_no_other),
                cmocka_unit_test(it_is_off_by_default_and_beside_the_log_notifier),
        };

        return cmocka_run_group_tests_name("error-publisher", tests, NULL, NULL);
}

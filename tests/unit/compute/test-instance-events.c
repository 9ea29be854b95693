/* Waiting for external events of instances, from several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "compute/instance-events.h"

#define UUID "6f9e2a10-0000-4000-8000-000000000001"
#define OTHER "6f9e2a10-0000-4000-8000-000000000002"
#define PLUGGED "network-vif-plugged"
#define LONG (30 * USEC_PER_SEC)

static EventRegistry *registry(void) {
        EventRegistry *r = NULL;

        assert_int_equal(event_registry_new(&r), 0);
        return r;
}

static EventWait *wait_for(EventRegistry *r, const char *tag) {
        EventWait *w = NULL;

        assert_int_equal(event_wait_new(r, UUID, &w), 0);
        assert_int_equal(event_wait_add(w, PLUGGED, tag), 0);
        return w;
}

static void an_event_that_came_before_the_waiting_counts(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = wait_for(r, "port1");

        assert_true(event_registry_deliver(r, UUID, PLUGGED, "port1", EVENT_COMPLETED));
        assert_int_equal(event_wait_for(w, LONG, NULL, NULL, NULL), 0);
}

static void only_the_event_itself_wakes(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = wait_for(r, "port1");
        const char *key = NULL;

        assert_false(event_registry_deliver(r, OTHER, PLUGGED, "port1", EVENT_COMPLETED));
        assert_false(event_registry_deliver(r, UUID, PLUGGED, "port2", EVENT_COMPLETED));
        assert_false(event_registry_deliver(r, UUID, PLUGGED, NULL, EVENT_COMPLETED));
        assert_false(event_registry_deliver(r, UUID, "network-vif-unplugged", "port1", EVENT_COMPLETED));
        assert_false(event_registry_deliver(r, UUID, PLUGGED, "port1", EVENT_IN_PROGRESS));
        assert_int_equal(event_wait_missing(w), 1);
        assert_int_equal(event_wait_for(w, 0, NULL, NULL, &key), -ETIMEDOUT);
        assert_string_equal(key, PLUGGED "-port1");
}

static void all_events_are_waited_for_and_one_named_twice_is_one(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = wait_for(r, "a");
        const char *key = NULL;

        assert_int_equal(event_wait_add(w, PLUGGED, "b"), 0);
        assert_int_equal(event_wait_add(w, PLUGGED, "a"), 0);
        assert_int_equal(event_wait_missing(w), 2);
        assert_true(event_registry_deliver(r, UUID, PLUGGED, "a", EVENT_COMPLETED));
        assert_int_equal(event_wait_for(w, 10 * USEC_PER_MSEC, NULL, NULL, &key), -ETIMEDOUT);
        assert_string_equal(key, PLUGGED "-b");
        assert_true(event_registry_deliver(r, UUID, PLUGGED, "b", EVENT_COMPLETED));
        assert_int_equal(event_wait_for(w, 0, NULL, NULL, &key), 0);
        assert_null(key);
}

static void a_failed_event_fails_the_wait_at_once(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = wait_for(r, "a");
        const char *key = NULL;

        assert_int_equal(event_wait_add(w, PLUGGED, "b"), 0);
        assert_true(event_registry_deliver(r, UUID, PLUGGED, "b", EVENT_FAILED));
        assert_int_equal(event_wait_for(w, LONG, NULL, NULL, &key), -EREMOTEIO);
        assert_string_equal(key, PLUGGED "-b");
        /* What is said later does not unsay it. */
        assert_true(event_registry_deliver(r, UUID, PLUGGED, "b", EVENT_COMPLETED));
        assert_int_equal(event_wait_for(w, LONG, NULL, NULL, NULL), -EREMOTEIO);
}

static void nothing_to_wait_for_is_no_wait(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = NULL;

        assert_int_equal(event_wait_new(r, UUID, &w), 0);
        assert_int_equal(event_wait_for(w, LONG, NULL, NULL, NULL), 0);
}

typedef struct Waiter {
        EventWait *wait;
        int result;
} Waiter;

static void *wait_in_thread(void *arg) {
        Waiter *w = arg;

        w->result = event_wait_for(w->wait, LONG, NULL, NULL, NULL);
        return NULL;
}

static void two_that_wait_on_threads_are_woken_by_one_event(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *a = wait_for(r, "p"), *b = wait_for(r, "p");
        Waiter first = { .wait = a, .result = 1 }, second = { .wait = b, .result = 1 };
        pthread_t t[2];

        assert_int_equal(pthread_create(&t[0], NULL, wait_in_thread, &first), 0);
        assert_int_equal(pthread_create(&t[1], NULL, wait_in_thread, &second), 0);
        assert_true(event_registry_deliver(r, UUID, PLUGGED, "p", EVENT_COMPLETED));
        assert_int_equal(pthread_join(t[0], NULL), 0);
        assert_int_equal(pthread_join(t[1], NULL), 0);
        assert_int_equal(first.result, 0);
        assert_int_equal(second.result, 0);
}

static void a_deletion_ends_the_waits_of_its_instance_only(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *a = wait_for(r, "p"), *b = NULL;
        Waiter w = { .wait = a, .result = 1 };
        pthread_t t;

        assert_int_equal(event_wait_new(r, OTHER, &b), 0);
        assert_int_equal(event_wait_add(b, PLUGGED, "p"), 0);
        assert_int_equal(pthread_create(&t, NULL, wait_in_thread, &w), 0);
        assert_int_equal(event_registry_cancel(r, UUID), 1);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(w.result, -ECANCELED);
        assert_int_equal(event_wait_for(b, 0, NULL, NULL, NULL), -ETIMEDOUT);
        /* All of them, at the end of the service. */
        assert_int_equal(event_registry_cancel(r, NULL), 1);
        assert_int_equal(event_wait_for(b, LONG, NULL, NULL, NULL), -ECANCELED);
}

static bool yes(void *userdata) {
        ++*(unsigned *) userdata;
        return true;
}

static void who_waits_may_be_cancelled_by_its_own_operation(void **state _unused_) {
        _cleanup_(event_registry_freep) EventRegistry *r = registry();
        _cleanup_(event_wait_freep) EventWait *w = wait_for(r, "p");
        unsigned asked = 0;

        assert_int_equal(event_wait_for(w, LONG, yes, &asked, NULL), -ECANCELED);
        assert_int_equal(asked, 1);
}

static void statuses_have_novas_names(void **state _unused_) {
        assert_int_equal(event_status_from_string("completed"), EVENT_COMPLETED);
        assert_int_equal(event_status_from_string("failed"), EVENT_FAILED);
        assert_int_equal(event_status_from_string("in-progress"), EVENT_IN_PROGRESS);
        assert_int_equal(event_status_from_string("done"), _EVENT_STATUS_INVALID);
        assert_int_equal(event_status_from_string(NULL), _EVENT_STATUS_INVALID);
        assert_string_equal(event_status_to_string(EVENT_IN_PROGRESS), "in-progress");
        assert_null(event_status_to_string(_EVENT_STATUS_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_that_came_before_the_waiting_counts),
                cmocka_unit_test(only_the_event_itself_wakes),
                cmocka_unit_test(all_events_are_waited_for_and_one_named_twice_is_one),
                cmocka_unit_test(a_failed_event_fails_the_wait_at_once),
                cmocka_unit_test(nothing_to_wait_for_is_no_wait),
                cmocka_unit_test(two_that_wait_on_threads_are_woken_by_one_event),
                cmocka_unit_test(a_deletion_ends_the_waits_of_its_instance_only),
                cmocka_unit_test(who_waits_may_be_cancelled_by_its_own_operation),
                cmocka_unit_test(statuses_have_novas_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

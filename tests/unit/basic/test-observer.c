/* Observers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/macros.h"
#include "basic/observer.h"

typedef struct Log {
        char text[64];
        Observers *observers;
} Log;

static void note(Log *l, char who) {
        size_t n = strlen(l->text);

        assert_true(n + 1 < sizeof l->text);
        l->text[n] = who;
        l->text[n + 1] = '\0';
}

static void on_a(unsigned what, void *userdata) {
        note(userdata, what == 2 ? 'A' : 'a');
}

static void on_b(unsigned what, void *userdata) {
        note(userdata, what == 2 ? 'B' : 'b');
}

static void on_self_removing(unsigned what, void *userdata) {
        Log *l = userdata;

        note(l, 's');
        observers_remove(l->observers, on_self_removing, l);
}

static void on_remove_b(unsigned what, void *userdata) {
        Log *l = userdata;

        note(l, 'r');
        observers_remove(l->observers, on_b, l);
}

static void on_add_a(unsigned what, void *userdata) {
        Log *l = userdata;

        note(l, '+');
        assert_int_equal(observers_add(l->observers, on_a, l), 0);
}

static void on_nested(unsigned what, void *userdata) {
        Log *l = userdata;

        note(l, 'n');
        if (what == 1)
                observers_notify(l->observers, 2);
}

static void each_hears_each_notification_in_the_order_added(void **state) {
        Observers o = {};
        Log l = {.observers = &o};

        observers_notify(&o, 1);
        assert_int_equal(observers_add(&o, on_a, &l), 0);
        assert_int_equal(observers_add(&o, on_b, &l), 0);
        observers_notify(&o, 1);
        observers_notify(&o, 2);
        assert_string_equal(l.text, "abAB");

        observers_remove(&o, on_a, &l);
        observers_remove(&o, on_a, &l);
        observers_notify(&o, 1);
        assert_string_equal(l.text, "abABb");
        observers_done(&o);
        observers_notify(&o, 1);
        assert_string_equal(l.text, "abABb");
}

static void observers_may_go_while_they_are_notified(void **state) {
        Observers o = {};
        Log l = {.observers = &o};

        assert_int_equal(observers_add(&o, on_self_removing, &l), 0);
        assert_int_equal(observers_add(&o, on_remove_b, &l), 0);
        assert_int_equal(observers_add(&o, on_b, &l), 0);
        assert_int_equal(observers_add(&o, on_a, &l), 0);
        observers_notify(&o, 1);
        assert_string_equal(l.text, "sra");
        observers_notify(&o, 1);
        assert_string_equal(l.text, "srara");
        observers_done(&o);
}

static void who_comes_during_a_notification_hears_the_next_one(void **state) {
        Observers o = {};
        Log l = {.observers = &o};

        assert_int_equal(observers_add(&o, on_add_a, &l), 0);
        observers_notify(&o, 1);
        assert_string_equal(l.text, "+");
        observers_notify(&o, 1);
        assert_string_equal(l.text, "++a");
        observers_done(&o);
}

static void notifications_nest(void **state) {
        Observers o = {};
        Log l = {.observers = &o};

        assert_int_equal(observers_add(&o, on_nested, &l), 0);
        assert_int_equal(observers_add(&o, on_self_removing, &l), 0);
        assert_int_equal(observers_add(&o, on_b, &l), 0);
        observers_notify(&o, 1);
        assert_string_equal(l.text, "nnsBb");
        observers_done(&o);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_hears_each_notification_in_the_order_added),
                cmocka_unit_test(observers_may_go_while_they_are_notified),
                cmocka_unit_test(who_comes_during_a_notification_hears_the_next_one),
                cmocka_unit_test(notifications_nest),
        };
        return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}

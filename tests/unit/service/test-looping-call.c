#include "loop-test.h"

#include <errno.h>

#include "service/looping-call.h"

#define MS USEC_PER_MSEC

typedef struct Fixture {
        sd_event *event;
        LoopingCall *call;
        unsigned runs, overlaps;
        bool hold;              /* the function does not finish */
        bool inside;
        int result;
        usec_t begun[64], ended[64];
} Fixture;

static void on_run(LoopingCall *l, void *userdata) {
        Fixture *f = userdata;

        if (f->inside)
                f->overlaps++;
        assert_true(f->runs < 64);
        f->begun[f->runs++] = now_monotonic();
        f->inside = true;
        if (f->hold)
                return;
        f->inside = false;
        f->ended[f->runs - 1] = now_monotonic();
        looping_call_finished(l, f->result);
}

static void finish(Fixture *f) {
        f->inside = false;
        f->ended[f->runs - 1] = now_monotonic();
        looping_call_finished(f->call, f->result);
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        assert_return_code(sd_event_new(&f.event), 0);
        assert_return_code(looping_call_new(&f.call, f.event, "pulse", on_run, &f), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        looping_call_free(f->call);
        sd_event_unref(f->event);
        return 0;
}

/* checklist: 65, 68 */
static void starts_after_the_interval_unless_told_now(void **state) {
        Fixture *f = *state;
        usec_t before = now_monotonic();

        assert_return_code(looping_call_start(f->call, 30 * MS, false), 0);
        run_until(f->event, f->runs == 1);
        assert_true(f->begun[0] - before >= 30 * MS);

        assert_return_code(looping_call_start(f->call, 60 * USEC_PER_SEC, true), 0);
        run_until(f->event, f->runs == 2);
}

static void counts_the_interval_from_the_end_and_never_overlaps(void **state) {
        Fixture *f = *state;

        f->hold = true;
        assert_return_code(looping_call_start(f->call, 20 * MS, true), 0);
        run_until(f->event, f->runs == 1);
        run_for(f->event, 60 * MS);
        assert_int_equal(f->runs, 1);

        finish(f);
        run_until(f->event, f->runs == 2);
        assert_int_equal(f->overlaps, 0);
        assert_true(f->begun[1] - f->ended[0] >= 20 * MS);
        finish(f);
}

/* checklist: 73 */
static void goes_on_after_an_error_and_counts_it(void **state) {
        Fixture *f = *state;
        LoopingCallInfo info;

        f->result = -EIO;
        assert_return_code(looping_call_start(f->call, MS, true), 0);
        run_until(f->event, f->runs == 4);
        looping_call_info(f->call, &info);
        assert_string_equal(info.name, "pulse");
        assert_int_equal(info.runs, 4);
        assert_int_equal(info.errors, 4);
        assert_true(info.last_started > 0);
        assert_true(info.started && !info.running);
}

static void a_trigger_runs_it_at_once_or_once_more_after_the_run_under_way(void **state) {
        Fixture *f = *state;

        assert_return_code(looping_call_start(f->call, 60 * USEC_PER_SEC, false), 0);
        f->hold = true;
        assert_return_code(looping_call_trigger(f->call), 0);
        run_until(f->event, f->runs == 1);

        assert_return_code(looping_call_trigger(f->call), 0);
        assert_return_code(looping_call_trigger(f->call), 0);
        run_for(f->event, 10 * MS);
        assert_int_equal(f->runs, 1);
        finish(f);
        run_until(f->event, f->runs == 2);
        finish(f);
        run_for(f->event, 10 * MS);
        assert_int_equal(f->runs, 2);
}

static void stops_and_can_be_started_again_with_another_interval(void **state) {
        Fixture *f = *state;
        LoopingCallInfo info;

        assert_return_code(looping_call_start(f->call, MS, true), 0);
        run_until(f->event, f->runs == 2);
        looping_call_stop(f->call);
        unsigned before = f->runs;
        run_for(f->event, 10 * MS);
        assert_int_equal(f->runs, before);

        assert_return_code(looping_call_start_after(f->call, 60 * USEC_PER_SEC, 5 * MS), 0);
        run_until(f->event, f->runs == before + 1);
        looping_call_info(f->call, &info);
        assert_int_equal(info.interval, 60 * USEC_PER_SEC);
}

static void stopped_during_a_run_it_does_not_run_again(void **state) {
        Fixture *f = *state;

        f->hold = true;
        assert_return_code(looping_call_start(f->call, MS, true), 0);
        run_until(f->event, f->runs == 1);
        looping_call_stop(f->call);
        finish(f);
        run_for(f->event, 10 * MS);
        assert_int_equal(f->runs, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(starts_after_the_interval_unless_told_now, setup, teardown),
                cmocka_unit_test_setup_teardown(counts_the_interval_from_the_end_and_never_overlaps, setup, teardown),
                cmocka_unit_test_setup_teardown(goes_on_after_an_error_and_counts_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_trigger_runs_it_at_once_or_once_more_after_the_run_under_way, setup, teardown),
                cmocka_unit_test_setup_teardown(stops_and_can_be_started_again_with_another_interval, setup, teardown),
                cmocka_unit_test_setup_teardown(stopped_during_a_run_it_does_not_run_again, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Time: text forms, parsing, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "basic/macros.h"
#include "basic/time-util.h"

static void the_three_forms_are_those_of_nova(void **state) {
        usec_t t = (usec_t) 1795365811 * USEC_PER_SEC + 855594;
        char buf[TIME_TEXT_MAX];

        assert_string_equal(time_format_rpc(t, buf), "2026-11-22T16:43:31.855594");
        assert_string_equal(time_format_iso(t, buf), "2026-11-22T16:43:31Z");
        assert_string_equal(time_format_log(t, buf), "2026-11-22 16:43:31.855594");
        assert_string_equal(time_format_rpc(0, buf), "1970-01-01T00:00:00.000000");
        assert_string_equal(time_format_log(7, buf), "1970-01-01 00:00:00.000007");
}

static void times_are_read_in_every_form_and_wrong_ones_are_refused(void **state) {
        static const struct {
                const char *text;
                int r;
                usec_t t;
        } table[] = {
                {"2026-11-22T16:43:31.855594", 0, 1795365811855594},
                {"2026-11-22T16:43:31Z", 0, 1795365811000000},
                {"2026-11-22 16:43:31.855594", 0, 1795365811855594},
                {"2026-11-22 16:43:31", 0, 1795365811000000},
                {"2026-11-22T18:43:31+02:00", 0, 1795365811000000},
                {"2026-11-22T18:43:31+0200", 0, 1795365811000000},
                {"2026-11-22T18:43:31+02", 0, 1795365811000000},
                {"2026-11-22T11:13:31.5-05:30", 0, 1795365811500000},
                {"2026-11-22T16:43:31.123456789Z", 0, 1795365811123456},
                {"2026-11-22T16:43:31.1", 0, 1795365811100000},
                {"1970-01-01T00:00:00Z", 0, 0},
                {"2024-02-29T00:00:00Z", 0, 1709164800000000},
                {"9999-12-31T23:59:59.999999", 0, 253402300799999999},
                {NULL, -EINVAL},
                {"", -EINVAL},
                {"2026-11-22", -EINVAL},
                {"2026-11-22T16:43", -EINVAL},
                {"2026-11-22T16:43:31.", -EINVAL},
                {"2026-11-22T16:43:31.1234567890", -EINVAL},
                {"2026-11-22T16:43:31X", -EINVAL},
                {"2026-11-22T16:43:31Z ", -EINVAL},
                {" 2026-11-22T16:43:31Z", -EINVAL},
                {"2026-11-22t16:43:31Z", -EINVAL},
                {"2026-13-01T00:00:00Z", -EINVAL},
                {"2026-00-01T00:00:00Z", -EINVAL},
                {"2026-02-29T00:00:00Z", -EINVAL},
                {"1900-02-28T00:00:00Z", -EINVAL},
                {"2026-04-31T00:00:00Z", -EINVAL},
                {"2026-11-22T24:00:00Z", -EINVAL},
                {"2026-11-22T16:60:00Z", -EINVAL},
                {"2026-11-22T16:43:60Z", -EINVAL},
                {"2026-11-22T16:43:31+24:00", -EINVAL},
                {"2026-11-22T16:43:31+02:60", -EINVAL},
                {"2026-11-22T16:43:31+2", -EINVAL},
                {"2026-11-22T16:43:31+", -EINVAL},
                {"1970-01-01T00:00:00+01:00", -EINVAL},
                {"-026-11-22T16:43:31Z", -EINVAL},
                {"99999-11-22T16:43:31Z", -EINVAL},
                {"9999-12-31T23:59:59-00:01", -EINVAL},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                usec_t t = 4711;

                if (time_parse(table[i].text, &t) != table[i].r)
                        fail_msg("'%s' gave another result than %d", table[i].text, table[i].r);
                assert_true(t == (table[i].r < 0 ? 4711 : table[i].t));
        }
}

static void what_was_formatted_is_read_back(void **state) {
        char buf[TIME_TEXT_MAX];
        usec_t now = now_realtime(), t;

        assert_int_equal(time_parse(time_format_rpc(now, buf), &t), 0);
        assert_true(t == now);
        assert_int_equal(time_parse(time_format_log(now, buf), &t), 0);
        assert_true(t == now);
        assert_int_equal(time_parse(time_format_iso(now, buf), &t), 0);
        assert_true(t == now / USEC_PER_SEC * USEC_PER_SEC);
}

static void times_beyond_all_calendars_still_fit_the_buffer(void **state) {
        char buf[TIME_TEXT_MAX];

        assert_true(strlen(time_format_rpc(USEC_INFINITY, buf)) < TIME_TEXT_MAX);
        assert_true(strlen(time_format_iso(USEC_INFINITY, buf)) < TIME_TEXT_MAX);
        assert_true(strlen(time_format_log(USEC_INFINITY - 1, buf)) < TIME_TEXT_MAX);
}

static void the_monotonic_clock_does_not_go_back(void **state) {
        usec_t a = now_monotonic();

        assert_true(a > 0);
        assert_true(now_monotonic() >= a);
}

static void retries_double_up_to_the_cap_and_are_spread_by_a_quarter(void **state) {
        static const usec_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
        bool spread = false;

        for (int round = 0; round < 50; round++)
                for (unsigned i = 0; i < ELEMENTSOF(seconds); i++) {
                        usec_t d = backoff_delay(i, USEC_PER_SEC, USEC_PER_MINUTE), base = seconds[i] * USEC_PER_SEC;

                        assert_in_range(d, base, base + base / 4);
                        spread = spread || d != base;
                }
        assert_true(spread);

        assert_in_range(backoff_delay(UINT32_MAX, USEC_PER_SEC, USEC_PER_MINUTE), USEC_PER_MINUTE, 75 * USEC_PER_SEC);
        assert_in_range(backoff_delay(1000, USEC_INFINITY / 8, USEC_INFINITY / 4), USEC_INFINITY / 4, USEC_INFINITY / 2);
        assert_int_equal(backoff_delay(3, 0, USEC_PER_SEC), 0);
        assert_in_range(backoff_delay(0, 9 * USEC_PER_SEC, USEC_PER_SEC), USEC_PER_SEC, USEC_PER_SEC * 5 / 4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_three_forms_are_those_of_nova),
                cmocka_unit_test(times_are_read_in_every_form_and_wrong_ones_are_refused),
                cmocka_unit_test(what_was_formatted_is_read_back),
                cmocka_unit_test(times_beyond_all_calendars_still_fit_the_buffer),
                cmocka_unit_test(the_monotonic_clock_does_not_go_back),
                cmocka_unit_test(retries_double_up_to_the_cap_and_are_spread_by_a_quarter),
        };
        return cmocka_run_group_tests_name("time-util", tests, NULL, NULL);
}

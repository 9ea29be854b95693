/* The audit period's arithmetic. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "basic/macros.h"
#include "compute/audit-period.h"

static void the_last_completed_period_ends_before_now(void **state _unused_) {
        static const struct {
                const char *unit, *now, *begin, *end;
        } rows[] = {
                { "month", "2012-03-15T10:20:30Z", "2012-02-01T00:00:00Z", "2012-03-01T00:00:00Z" },
                { "month", "2012-01-01T00:00:00Z", "2011-12-01T00:00:00Z", "2012-01-01T00:00:00Z" },
                { "month@15", "2012-03-10T00:00:00Z", "2012-01-15T00:00:00Z", "2012-02-15T00:00:00Z" },
                { "month@15", "2012-03-20T00:00:00Z", "2012-02-15T00:00:00Z", "2012-03-15T00:00:00Z" },
                { "month@31", "2012-03-10T00:00:00Z", "2012-01-31T00:00:00Z", "2012-02-29T00:00:00Z" },
                { "day", "2012-03-01T10:20:30Z", "2012-02-29T00:00:00Z", "2012-03-01T00:00:00Z" },
                { "day@6", "2012-03-01T05:59:59Z", "2012-02-28T06:00:00Z", "2012-02-29T06:00:00Z" },
                { "day@6", "2012-03-01T06:00:00Z", "2012-02-29T06:00:00Z", "2012-03-01T06:00:00Z" },
                { "hour", "2012-03-01T00:20:30Z", "2012-02-29T23:00:00Z", "2012-03-01T00:00:00Z" },
                { "hour@30", "2012-03-01T00:20:30Z", "2012-02-29T22:30:00Z", "2012-02-29T23:30:00Z" },
                { "year", "2012-03-01T00:20:30Z", "2011-01-01T00:00:00Z", "2012-01-01T00:00:00Z" },
                { "year@4", "2012-03-01T00:20:30Z", "2010-04-01T00:00:00Z", "2011-04-01T00:00:00Z" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                char begin_text[TIME_TEXT_MAX], end_text[TIME_TEXT_MAX];
                usec_t now, begin, end;

                assert_int_equal(time_parse(rows[n].now, &now), 0);
                assert_int_equal(audit_period(rows[n].unit, now, &begin, &end), 0);
                assert_string_equal(time_format_iso(begin, begin_text), rows[n].begin);
                assert_string_equal(time_format_iso(end, end_text), rows[n].end);
        }
}

static void another_unit_or_offset_is_refused(void **state _unused_) {
        static const char *const units[] = { "", "week", "month@", "month@0", "month@32", "month@x", "month 1", "day@24", "hour@60",
                                             "year@13", "month@1x", "months", "month@-1", "month@99999999999999999999", NULL };

        for (size_t n = 0; n < ELEMENTSOF(units); n++) {
                usec_t begin = 1, end = 2;

                assert_int_equal(audit_period(units[n], 1000000000 * USEC_PER_SEC, &begin, &end), -EINVAL);
                assert_int_equal(begin, 1);
                assert_int_equal(end, 2);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_completed_period_ends_before_now),
                cmocka_unit_test(another_unit_or_offset_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

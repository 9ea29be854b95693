/* What of a console's log is shown, and the URLs of consoles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/json.h"
#include "compute/console-text.h"

static void the_tail_is_counted_in_lines_as_python_splits_them(void **state _unused_) {
        static const struct {
                const char *log, *length, *tail;
        } rows[] = {
                { "a\nb\nc", "null", "a\nb\nc" },
                { "a\nb\nc", "1", "c" },
                { "a\nb\nc", "2", "b\nc" },
                { "a\nb\nc", "3", "a\nb\nc" },
                { "a\nb\nc", "99", "a\nb\nc" },
                { "a\nb\nc", "9223372036854775807", "a\nb\nc" },
                { "a\nb\n", "1", "" },                  /* what follows the last newline is a line */
                { "a\nb\n", "2", "b\n" },
                { "\n\n\n", "2", "\n" },
                { "a\nb\nc", "0", "" },
                { "a\nb\nc", "\"2\"", "b\nc" },
                { "a\nb\nc", "\" 2\\n\"", "b\nc" },
                { "a\nb\nc", "\"two\"", "" },
                { "a\nb\nc", "\"2b\"", "" },
                { "a\nb\nc", "\"\"", "" },
                { "a\nb\nc", "2.9", "b\nc" },
                { "a\nb\nc", "[1]", "" },
                { "a\nb\nc", "-1", "a\nb\nc" },
                { "a\nb\nc", "\"-1\"", "a\nb\nc" },
                { "", "5", "" },
        };

        assert_string_equal(console_tail("a\nb", NULL), "a\nb");
        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                json_auto_t *length = json_loads(rows[n].length, JSON_DECODE_ANY, NULL);
                const char *tail = console_tail(rows[n].log, length);

                if (!streq(tail, rows[n].tail))
                        fail_msg("%s of \"%s\" is \"%s\"", rows[n].length, rows[n].log, tail);
        }
}

static void what_is_not_ascii_is_replaced_for_today_by_the_byte_and_for_essex_by_the_character(void **state _unused_) {
        static const struct {
                const char *log, *today, *essex;
        } rows[] = {
                { "plain\r\n", "plain\r\n", "plain\r\n" },
                { "x\xc3\xa9y", "x\xef\xbf\xbd\xef\xbf\xbdy", "x?y" },
                { "\xe2\x82\xac!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!", "?!" },
                { "\xf0\x9f\x98\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "?" },
                { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", "??" },
                { "\x80z", "\xef\xbf\xbdz", "?z" },
                { "\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz", "?z" },     /* cut short */
                { "\xe2", "\xef\xbf\xbd", "?" },
                { "", "", "" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_free_ char *today = console_ascii(rows[n].log, false), *essex = console_ascii(rows[n].log, true);
                json_auto_t *json = json_string(today);

                assert_string_equal(today, rows[n].today);
                assert_string_equal(essex, rows[n].essex);
                assert_non_null(json);  /* it can be sent */
        }
}

static void urls_are_those_of_novas_tokens(void **state _unused_) {
        static const struct {
                const char *base;
                bool novnc;
                const char *url;
        } rows[] = {
                { "http://127.0.0.1:6080/vnc_auto.html", true, "http://127.0.0.1:6080/vnc_auto.html?path=%3Ftoken%3DT" },
                { "http://127.0.0.1:6080/vnc_auto.html", false, "http://127.0.0.1:6080/vnc_auto.html?token=T" },
                { "ws://127.0.0.1:6083/", false, "ws://127.0.0.1:6083/?token=T" },
                { "http://a/vnc_lite.html?autoconnect=true", true, "http://a/vnc_lite.html?autoconnect=true&path=%3Ftoken%3DT" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_free_ char *url = console_access_url(rows[n].base, "T", rows[n].novnc);

                assert_string_equal(url, rows[n].url);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_tail_is_counted_in_lines_as_python_splits_them),
                cmocka_unit_test(what_is_not_ascii_is_replaced_for_today_by_the_byte_and_for_essex_by_the_character),
                cmocka_unit_test(urls_are_those_of_novas_tokens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

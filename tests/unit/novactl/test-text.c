#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "novactl/text.h"

#define MIB ((uint64_t) 1 << 20)
#define GIB ((uint64_t) 1 << 30)

static void control_characters_and_broken_bytes_are_shown(void **state _unused_) {
        static const struct {
                const char *text, *shown;
        } cases[] = {
                { "", "" },
                { "web1", "web1" },
                { "größe", "größe" },
                { "a\nb\tc", "a\\x0ab\\x09c" },
                { "\033[2J", "\\x1b[2J" },
                { "x\x7f", "x\\x7f" },
                { "\xc2\x9b" "31m", "\\xc2\\x9b31m" },          /* a control sequence in one character */
                { "\xff\xc3", "\\xff\\xc3" },
                { "\xc0\xaf", "\\xc0\\xaf" },                   /* over-long */
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* half of a surrogate pair */
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = text_shown(cases[i].text);

                assert_string_equal(shown, cases[i].shown);
        }
}

static void widths_are_columns_and_cuts_keep_to_them(void **state _unused_) {
        static const struct {
                const char *text;
                size_t width;
                const char *cut;
        } cases[] = {
                { "web1", 4, "web1" },   { "web10", 4, "web…" },   { "größer", 5, "größ…" }, { "日本語", 6, "日本語" },
                { "日本語", 5, "日本…" }, { "日本語", 4, "日…" },   { "ab", 1, "…" },          { "e\xcc\x81te", 3, "e\xcc\x81te" },
        };

        assert_int_equal(text_width("日本語"), 6);
        assert_int_equal(text_width("e\xcc\x81"), 1);           /* a combining accent takes none */
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *cut = text_cut(cases[i].text, cases[i].width);

                assert_string_equal(cut, cases[i].cut);
                assert_true(text_width(cut) <= cases[i].width);
        }
}

static void spans_have_their_two_largest_units(void **state _unused_) {
        static const struct {
                usec_t span;
                const char *text;
        } cases[] = {
                { 0, "0s" },
                { 999, "0s" },
                { 15 * USEC_PER_MSEC, "15ms" },
                { USEC_PER_SEC + 300 * USEC_PER_MSEC, "1s" },
                { 59 * USEC_PER_SEC, "59s" },
                { 192 * USEC_PER_SEC, "3min 12s" },
                { 3600 * USEC_PER_SEC, "1h" },
                { 26 * 3600 * USEC_PER_SEC + 5 * USEC_PER_MINUTE, "1d 2h" },
                { 400 * (usec_t) 24 * 3600 * USEC_PER_SEC, "1y 35d" },
        };
        char buf[TEXT_SPAN_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_string_equal(text_span(cases[i].span, buf), cases[i].text);
        (void) text_span(USEC_INFINITY, buf);
}

static void amounts_are_told_in_the_unit_that_fits(void **state _unused_) {
        char buf[TEXT_SPAN_MAX];

        assert_string_equal(text_mib(0, buf), "0 MiB");
        assert_string_equal(text_mib(512, buf), "512 MiB");
        assert_string_equal(text_mib(1024, buf), "1 GiB");
        assert_string_equal(text_mib(1536, buf), "1.5 GiB");
        assert_string_equal(text_mib(-2048, buf), "-2 GiB");
        assert_string_equal(text_mib(2 << 20, buf), "2 TiB");
        assert_string_equal(text_bytes(1023, buf), "1023 B");
        assert_string_equal(text_bytes(1536, buf), "1.5 KiB");
        assert_string_equal(text_bytes(UINT64_MAX, buf), "16 EiB");
}

static void sizes_are_parsed_or_left_alone(void **state _unused_) {
        static const struct {
                const char *text;
                uint64_t unit;
                int r;
                uint64_t n;
        } cases[] = {
                { "512", MIB, 0, 512 },          { "2G", MIB, 0, 2048 },           { "2GiB", MIB, 0, 2048 },     { "2gb", MIB, -EINVAL, 0 },
                { "20", GIB, 0, 20 },            { "1536M", GIB, 0, 2 },           { "1T", GIB, 0, 1024 },       { "0", GIB, 0, 0 },
                { "1B", MIB, 0, 1 },             { "1048577B", MIB, 0, 2 },        { "", MIB, -EINVAL, 0 },      { "G", MIB, -EINVAL, 0 },
                { "-1", MIB, -EINVAL, 0 },       { "1.5G", MIB, -EINVAL, 0 },      { " 1", MIB, -EINVAL, 0 },    { "1 G", MIB, -EINVAL, 0 },
                { "1X", MIB, -EINVAL, 0 },       { "1Gx", MIB, -EINVAL, 0 },       { "1BB", MIB, -EINVAL, 0 },   { "0x10", MIB, -EINVAL, 0 },
                { "8388608T", GIB, -ERANGE, 0 }, { "99999999999999999999", MIB, -ERANGE, 0 }, { "8388607T", GIB, 0, (uint64_t) 8388607 << 10 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t n = 4711;

                assert_int_equal(text_parse_size(cases[i].text, cases[i].unit, &n), cases[i].r);
                assert_int_equal(n, cases[i].r < 0 ? 4711 : cases[i].n);
        }
}

static void numbers_are_digits_up_to_a_limit(void **state _unused_) {
        uint64_t n = 4711;

        assert_int_equal(text_parse_number("10", 10, &n), 0);
        assert_int_equal(n, 10);
        assert_int_equal(text_parse_number("11", 10, &n), -ERANGE);
        assert_int_equal(text_parse_number("18446744073709551616", UINT64_MAX, &n), -ERANGE);
        assert_int_equal(text_parse_number("+1", 10, &n), -EINVAL);
        assert_int_equal(text_parse_number("", 10, &n), -EINVAL);
        assert_int_equal(n, 10);
        assert_int_equal(text_parse_number("18446744073709551615", UINT64_MAX, &n), 0);
        assert_int_equal(n, UINT64_MAX);
}

static void bars_are_filled_by_their_part(void **state _unused_) {
        static const struct {
                int64_t part, whole;
                const char *bar;
        } cases[] = {
                { 0, 10, "...." }, { 5, 10, "##.." }, { 10, 10, "####" }, { 99, 10, "####" }, { -1, 10, "...." }, { 5, 0, "...." }, { 9, 10, "###." },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *bar = text_bar(cases[i].part, cases[i].whole, 4, true);

                assert_string_equal(bar, cases[i].bar);
        }
}

static void the_nearest_word_is_one_that_can_be_meant(void **state _unused_) {
        static const char *const words[] = { "list", "status", "start", "stop", "reboot", "rebuild", "delete", "is-online" };
        static const struct {
                const char *word, *near;
        } cases[] = {
                { "strat", "start" }, { "stat", "start" }, { "stpo", "stop" }, { "rebot", "reboot" }, { "isonline", "is-online" }, { "delet", "delete" },
                { "xyzzy", NULL },    { "", NULL },        { "migrate", NULL },
                { "a-word-that-is-longer-than-any-of-ours-can-be", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *near = text_nearest(cases[i].word, words, ELEMENTSOF(words));

                if (cases[i].near)
                        assert_string_equal(strempty(near), cases[i].near);
                else
                        assert_null(near);
        }
        assert_null(text_nearest("x", NULL, 0));
}

static void times_are_local_and_never_is_a_dash(void **state _unused_) {
        char buf[TEXT_TIME_MAX];

        (void) setenv("TZ", "UTC", true);
        assert_string_equal(text_time(0, buf), "-");
        assert_string_equal(text_time(1767225600 * USEC_PER_SEC, buf), "Thu 2026-01-01 00:00:00 UTC");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(control_characters_and_broken_bytes_are_shown),
                cmocka_unit_test(widths_are_columns_and_cuts_keep_to_them),
                cmocka_unit_test(spans_have_their_two_largest_units),
                cmocka_unit_test(amounts_are_told_in_the_unit_that_fits),
                cmocka_unit_test(sizes_are_parsed_or_left_alone),
                cmocka_unit_test(numbers_are_digits_up_to_a_limit),
                cmocka_unit_test(bars_are_filled_by_their_part),
                cmocka_unit_test(the_nearest_word_is_one_that_can_be_meant),
                cmocka_unit_test(times_are_local_and_never_is_a_dash),
        };

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}

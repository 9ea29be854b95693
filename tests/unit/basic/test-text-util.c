/* Texts of others: characters, cuts, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/macros.h"
#include "basic/text-util.h"

static void characters_are_counted(void **state) {
        assert_int_equal(text_characters(""), 0);
        assert_int_equal(text_characters("abc"), 3);
        assert_int_equal(text_characters("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 3);
}

static void control_characters_are_seen(void **state) {
        assert_false(text_has_control(""));
        assert_false(text_has_control("a b~\xc3\xa4"));
        assert_true(text_has_control("a\nb"));
        assert_true(text_has_control("\x7f"));
        assert_true(text_has_control("\x1f"));
}

static void no_character_is_cut_in_two(void **state) {
        static const struct {
                const char *text;
                size_t max, cut;
        } table[] = {
                { "", 4, 0 },           { "abc", 4, 3 },        { "abcd", 4, 4 },       { "abcde", 4, 4 },      { "abcde", 0, 0 },
                { "abc\xc3\xa4", 4, 3 }, { "abc\xc3\xa4", 5, 5 }, { "\xf0\x9f\x98\x80", 3, 0 }, { "a\xe2\x82\xac", 3, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(text_cut_bytes(table[i].text, table[i].max), table[i].cut);
}

static void numbers_are_read(void **state) {
        static const struct {
                const char *text;
                int r;
        } table[] = {
                { "0", -ERANGE }, { "1", 0 }, { "007", 0 }, { "99", 0 }, { "100", -ERANGE }, { "9999", -EINVAL },
                { "", -EINVAL }, { "-1", -EINVAL }, { "+1", -EINVAL }, { "1 ", -EINVAL }, { "1x", -EINVAL },
        };
        int64_t n;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                n = -7;
                assert_int_equal(text_decimal(table[i].text, 3, 1, 99, &n), table[i].r);
                if (table[i].r < 0)
                        assert_int_equal(n, -7);
        }
        assert_int_equal(text_decimal("007", 3, 1, 99, &n), 0);
        assert_int_equal(n, 7);
}

static void pairs_are_cut_out(void **state) {
        char text[] = " a=1,\tb=,,c==2 d =x", *p = text, *key = NULL, *value = NULL;
        static const char *const wanted[][2] = { { "a", "1" }, { "b", "" }, { "c", "=2" } };

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                assert_int_equal(text_next_pair(&p, &key, &value), 1);
                assert_string_equal(key, wanted[i][0]);
                assert_string_equal(value, wanted[i][1]);
        }
        assert_int_equal(text_next_pair(&p, &key, &value), -EINVAL);
        assert_string_equal(key, "d");
        assert_int_equal(text_next_pair(&p, &key, &value), -EINVAL);    /* no key */
        assert_string_equal(key, "=x");
        assert_int_equal(text_next_pair(&p, &key, &value), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(characters_are_counted),
                cmocka_unit_test(control_characters_are_seen),
                cmocka_unit_test(no_character_is_cut_in_two),
                cmocka_unit_test(numbers_are_read),
                cmocka_unit_test(pairs_are_cut_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "novactl/table.h"

static const TableColumn columns[] = {
        { .title = "NAME", .key = "name", .shrinks = true },
        { .title = "N", .key = "n", .right = true },
        { .title = "HIDDEN", .key = "hidden", .json_only = true },
        { .title = "STATE", .key = "state" },
};

static void row(Table *t, const char *name, int n, const char *state) {
        table_cell(t, json_string(name), NULL, COLOUR_NONE);
        table_cell(t, json_integer(n), NULL, COLOUR_NONE);
        table_cell(t, json_true(), NULL, COLOUR_NONE);
        table_cell(t, json_string(state), NULL, COLOUR_GOOD);
}

/* malloc'ed. */
static char *printed(const Table *t, Output o) {
        char *text = NULL;
        size_t n = 0;

        o.file = open_memstream(&text, &n);
        assert_non_null(o.file);
        table_print(t, &o, "thing", "things", "No things.");
        (void) fclose(o.file);
        return text;
}

static void columns_are_aligned_and_counted(void **state _unused_) {
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ char *one = NULL, *two = NULL;

        row(t, "größe", 5, "active");
        one = printed(t, (Output) { .legend = true });
        assert_string_equal(one, "NAME  N STATE\ngröße 5 active\n\n1 thing listed.\n");
        row(t, "", 1000, "");
        two = printed(t, (Output) { .legend = true });
        assert_string_equal(two, "NAME     N STATE\ngröße    5 active\n-     1000 -\n\n2 things listed.\n");
}

static void without_legend_there_are_rows_only(void **state _unused_) {
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ char *none = printed(t, (Output) {}), *empty = printed(t, (Output) { .legend = true }), *one = NULL;

        assert_string_equal(none, "");
        assert_string_equal(empty, "No things.\n");
        row(t, "a", 5, "active");
        one = printed(t, (Output) {});
        assert_string_equal(one, "a 5 active\n");
}

static void what_is_too_wide_is_cut_on_a_terminal_unless_full(void **state _unused_) {
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ char *cut = NULL, *full = NULL, *least = NULL;

        row(t, "a-name-that-is-long", 5, "active");
        cut = printed(t, (Output) { .width = 20 });
        assert_string_equal(cut, "a-name-tha… 5 active\n");
        least = printed(t, (Output) { .width = 5 });
        assert_string_equal(least, "a-name-… 5 active\n");      /* no less than 8 */
        full = printed(t, (Output) { .width = 20, .full = true });
        assert_string_equal(full, "a-name-that-is-long 5 active\n");
}

static void colours_are_around_the_text_only(void **state _unused_) {
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ char *text = NULL;

        row(t, "a", 5, "active");
        text = printed(t, (Output) { .colours = true });
        assert_string_equal(text, "a 5 \033[0;32mactive\033[0m\n");
}

static void as_json_it_has_every_value(void **state _unused_) {
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ char *none = printed(t, (Output) { .json = JSON_SHORT, .legend = true }), *one = NULL;

        assert_string_equal(none, "[]\n");
        row(t, "a\n\"b\"", 5, "");
        one = printed(t, (Output) { .json = JSON_SHORT, .legend = true, .width = 10 });
        assert_string_equal(one, "[{\"name\":\"a\\n\\\"b\\\"\",\"n\":5,\"hidden\":true,\"state\":\"\"}]\n");
}

static void values_are_one_line_each(void **state _unused_) {
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "\"a\\nb\"", "a\\x0ab" }, { "7", "7" },         { "true", "yes" }, { "false", "no" },           { "null", "" },
                { "[]", "" },               { "{}", "" },         { "1.5", "1.5" },  { "[\"a\",\"b\",3]", "a b 3" }, { "[[1],{}]", "[[1],{}]" },
                { "{\"a\":1}", "{\"a\":1}" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_auto_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
                _cleanup_free_ char *text = value_text(value);

                assert_string_equal(text, cases[i].text);
        }
}

static void an_outline_is_indented_by_what_it_is_in(void **state _unused_) {
        json_auto_t *value = json_loads("{\"state\":\"running\",\"disks\":[{\"read\":1,\"errors\":null},{\"read\":2}],\"none\":[],\"words\":[\"a\"]}", 0, NULL);
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        Output o = { .file = open_memstream(&text, &n) };

        assert_non_null(o.file);
        output_outline(&o, value, 0);
        (void) fclose(o.file);
        assert_string_equal(text, "state: running\ndisks:\n  read:   1\n  errors: -\n\n  read: 2\nnone:  -\nwords:\n  - a\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(columns_are_aligned_and_counted),
                cmocka_unit_test(without_legend_there_are_rows_only),
                cmocka_unit_test(what_is_too_wide_is_cut_on_a_terminal_unless_full),
                cmocka_unit_test(colours_are_around_the_text_only),
                cmocka_unit_test(as_json_it_has_every_value),
                cmocka_unit_test(values_are_one_line_each),
                cmocka_unit_test(an_outline_is_indented_by_what_it_is_in),
        };

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The quick reader against jansson: what it accepts means the same to both, and it accepts nothing that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "basic/macros.h"
#include "rpc/plain-json.h"

static const char request[] = "{\"method\": \"ping\", \"args\": {\"arg\": [1, -20, 0, true, false, null, \"a "
                              "\\\"quoted\\\" \\\\ text\", {}, [], {\"_context_z\": {\"q\": 1}}]}, "
                              "\"namespace\":\"baseapi\",  \"version\" : \"1.0\", \"_msg_id\": \"fbd9\", \"_timeout\": "
                              "null, \"_context_user\": null, "
                              "\"_context_is_admin\": true, \"_context_roles\": [\"member\", \"reader\"], "
                              "\"_context_request_id\": \"req-05cb1974\"} ";

static bool keep(const char *name, size_t size, json_t *value, void *userdata) {
        if (json_object_getn(userdata, name, size)) {
                json_decref(value);
                return false;
        }
        return json_object_setn_new(userdata, name, size, value) == 0;
}

/* @s as it stands in an envelope's string, and something behind it, which is not read. */
static bool parse(const char *s, size_t n, json_t *context, json_t **ret) {
        _cleanup_free_ char *text = malloc(2 * n + 1);
        size_t k = 0, size = 0;

        assert_non_null(text);
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '"' || s[i] == '\\')
                        text[k++] = '\\';
                text[k++] = s[i];
        }
        text[k] = '"';
        if (!plain_json_parse(text, k + 1, "_context_", keep, context, ret, &size)) {
                assert_int_equal(size, 0);
                return false;
        }
        assert_true(size <= k);
        if (size == k)
                return true;
        json_decref(*ret);              /* there was more: the envelope's reader refuses that */
        *ret = NULL;
        return false;
}

/* Whether it is read; if so it must be what jansson makes of it. */
static bool reads(const char *s, size_t n) {
        json_auto_t *rest = NULL, *context = json_object(), *whole = NULL;
        const char *key;
        json_t *value;

        if (!parse(s, n, context, &rest)) {
                assert_null(rest);
                return false;
        }
        whole = json_loadb(s, n, JSON_REJECT_DUPLICATES, NULL);
        if (!whole)
                fail_msg("accepted what jansson refuses: %.*s", (int) n, s);
        json_object_foreach(context, key, value) {
                char name[512];

                snprintf(name, sizeof name, "_context_%s", key);
                assert_null(json_object_get(rest, name));
                assert_int_equal(json_object_set(rest, name, value), 0);
        }
        assert_true(json_equal(rest, whole));
        return true;
}

static void a_request_is_read_and_its_context_apart(void **state) {
        json_auto_t *rest = NULL, *context = json_object();

        assert_true(reads(request, strlen(request)));
        assert_true(parse(request, strlen(request), context, &rest));
        assert_int_equal(json_object_size(rest), 6);
        assert_int_equal(json_object_size(context), 4);
        assert_true(json_is_true(json_object_get(context, "is_admin")));
        assert_string_equal(json_string_value(json_array_get(json_object_get(json_object_get(rest, "args"), "arg"), 6)),
                            "a \"quoted\" \\ text");
}

static void what_is_not_plain_is_left_to_jansson(void **state) {
        static const char *const others[] = {
                "{\"a\": 1.5}",         "{\"a\": 1e3}",     "{\"a\": 1234567890123456789}",
                "{\"a\": \"\\u0041\"}", "{\"a\": \"\\n\"}", "{\"a\": \"\xc3\xa4\"}",
                "{\"\\\"\": 1}",        "{\"a\": -0}",
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                json_auto_t *v = json_loads(others[i], 0, NULL);

                assert_non_null(v);
                assert_false(reads(others[i], strlen(others[i])));
        }
}

/* In the string of an envelope a quote without a backslash ends it, and a line cannot end. */
static void quotes_and_lines_are_those_of_a_string(void **state) {
        static const char *const wrong[] = { "{\"a\": 1}", "{\\\"a\": 1}", "{\\\"a\\\": \"b\\\"}", "{\\\"a\\\":\n1}", "{\\\"a\\\": \\n1}",
                                             "{\\\"a\\\": \\\"b\\\\\"}", "{\\\"a\\\": \\\"b\\\\n\\\"}", "{\\\"a\\\": \\\"b\\", "{\\\"a\\\": \\" };
        static const char right[] = "{\\\"a\\\": \\\"b \\\\\\\"c\\\\\\\" \\\\\\\\\\\"} \"}";
        json_t *object = NULL;
        size_t size = 0;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                if (plain_json_parse(wrong[i], strlen(wrong[i]), NULL, NULL, NULL, &object, &size))
                        fail_msg("accepted: %s", wrong[i]);
        assert_true(plain_json_parse(right, strlen(right), NULL, NULL, NULL, &object, &size));
        assert_int_equal(size, strlen(right) - 2);
        assert_string_equal(json_string_value(json_object_get(object, "a")), "b \"c\" \\");
        json_decref(object);
}

/* Eight bytes are looked at at once: what ends a run of plain ones is found wherever it stands, among whatever others. */
static void what_is_not_plain_is_found_at_each_place(void **state) {
        static const char others[] = "!#[]~\x7f }";

        for (int c = 1; c < 256; c++)
                for (size_t at = 0; at < 24; at++) {
                        bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                        char text[64] = "{\"a\": \"";

                        for (size_t i = 0; i < 24; i++)
                                text[7 + i] = i == at ? (char) c : others[(i + at) % (sizeof others - 1)];
                        memcpy(text + 31, "\"}", 2);
                        if (c != '"' && c != '\\' && reads(text, 33) != plain)
                                fail_msg("byte %d at %zu", c, at);
                        if (c == '"' || (c == '\\' && at < 23))
                                assert_false(reads(text, 33));
                }
}

static void what_is_wrong_is_not_accepted(void **state) {
        static const char *const wrong[] = {
                "",
                "{",
                "}",
                "[]",
                "1",
                "\"a\"",
                "null",
                "{} {}",
                "{}x",
                "{,}",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\": 1,}",
                "{\"a\": 1 \"b\": 2}",
                "{a: 1}",
                "{\"a\": 01}",
                "{\"a\": +1}",
                "{\"a\": -}",
                "{\"a\": 1x}",
                "{\"a\": nul}",
                "{\"a\": nulll}",
                "{\"a\": True}",
                "{\"a\": [1,]}",
                "{\"a\": [1 2]}",
                "{\"a\": [}",
                "{\"a\": {]}",
                "{\"a\": \"b}",
                "{\"a\": \"b\\\"}",
                "{\"a\": \"\t\"}",
                "{\"a\": 1, \"a\": 2}",
                "{\"_context_a\": 1, \"_context_a\": 2}",
                "{\"a\": 'b'}",
                "{\"a\": \"\xff\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                if (reads(wrong[i], strlen(wrong[i])))
                        fail_msg("accepted: %s", wrong[i]);
        assert_false(reads("{\"a\": \"\0\"}", 10));
}

static void nesting_ends_before_the_stack_does(void **state) {
        char text[70000] = "{\"a\": ";
        size_t n = strlen(text);

        memset(text + n, '[', 60000);
        assert_false(reads(text, n + 60000));
        strcpy(text + n, "[[[[[[[[[[]]]]]]]]]]}");
        assert_true(reads(text, strlen(text)));
}

static void a_request_cut_or_damaged_anywhere_is_never_misread(void **state) {
        char text[sizeof request];
        uint32_t random = 1;

        for (size_t n = 0; n < strlen(request) - 1; n++)
                assert_false(reads(request, n));
        for (unsigned i = 0; i < 20000; i++) {
                static const char bytes[] = "\"\\{}[]:, 0-9enut\x01\xff";

                memcpy(text, request, sizeof request);
                for (unsigned k = 0; k < 1 + i % 3; k++) {
                        random = random * 1664525 + 1013904223;
                        text[(random >> 8) % strlen(request)] = bytes[(random >> 3) % (sizeof bytes - 1)];
                }
                (void) reads(text, strlen(request));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_is_read_and_its_context_apart),
                cmocka_unit_test(what_is_not_plain_is_left_to_jansson),
                cmocka_unit_test(quotes_and_lines_are_those_of_a_string),
                cmocka_unit_test(what_is_not_plain_is_found_at_each_place),
                cmocka_unit_test(what_is_wrong_is_not_accepted),
                cmocka_unit_test(nesting_ends_before_the_stack_does),
                cmocka_unit_test(a_request_cut_or_damaged_anywhere_is_never_misread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

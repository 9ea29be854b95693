/* JSON: limits, messages without quotes, masks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "basic/json.h"
#include "basic/macros.h"

static void bad_text_is_refused_with_a_sentence_that_quotes_nothing(void **state) {
#define T(text, words) {text, sizeof(text) - 1, words}
        static const struct {
                const char *text;
                size_t len;
                const char *words;
        } table[] = {
                T("", "ends too early"),
                T("{\"password\": \"hunter2\"", "ends too early"),
                T("{\"a\": \"hunter2\"} x", "more after the end"),
                T("{\"a\": \"hunter2", "ends too early"),
                T("{\"hunter2\": 1, \"hunter2\": 2}", "twice"),
                T("{\"a\": \"hunter2\\u0000\"}", "NUL"),
                T("{\"a\": hunter2}", "not JSON"),
                T("\xff\xfe hunter2", "not UTF-8"),
                T("{\"a\": \"hunter2\xc3\x28\"}", "not UTF-8"),
                T("{\"a\": \"\xed\xa0\x80\"}", "not UTF-8"),
                T("{\"a\": \"\\ud800\"}", "not JSON"),
                T("{\"a\": 99999999999999999999}", "too large"),
                T("{\"a\": 1e999}", "too large"),
                T("{\"a\": NaN}", "not JSON"),
                T("[1,]", "not JSON"),
                T("\0", "ends too early"), T("{}\0x", ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                json_t *v = (json_t *) 1;
                char why[200] = "";

                assert_int_equal(json_parse(table[i].text, table[i].len, &v, why, sizeof why), -EBADMSG);
                assert_ptr_equal(v, (json_t *) 1);
                if (!strstr(why, table[i].words))
                        fail_msg("'%s' does not say '%s'", why, table[i].words);
                assert_null(strstr(why, "hunter2"));
        }
}

static void any_value_is_read_and_its_length_counts(void **state) {
        static const char *const good[] = {"{}", "[]", "null", "true", "-12", "1.5", "\"a\"", " {\"a\": [1, {}]} "};

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                json_auto_t *v = NULL;
                assert_int_equal(json_parse(good[i], strlen(good[i]), &v, NULL, 0), 0);
        }

        json_auto_t *v = NULL;
        assert_int_equal(json_parse("12345", 2, &v, NULL, 0), 0);
        assert_int_equal(json_integer_value(v), 12);
}

static char *nested(size_t depth, const char *open, const char *close, const char *inner) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        for (size_t i = 0; i < depth; i++)
                (void) fputs(open, f);
        (void) fputs(inner, f);
        for (size_t i = 0; i < depth; i++)
                (void) fputs(close, f);
        assert_int_equal(fclose(f), 0);
        return text;
}

/* On a stack as small as a worker's: all that recurses over the deepest value that is let in. */
static void *use_deep_value(void *userdata) {
        const char *text = userdata;
        json_auto_t *v = NULL, *masked = NULL, *copy = NULL;
        _cleanup_free_ char *out = NULL;

        if (json_parse(text, strlen(text), &v, NULL, 0) < 0)
                return NULL;
        masked = json_masked(v);
        copy = json_deep_copy(v);
        out = json_text(v);
        return masked && copy && out && streq(out, text) ? userdata : NULL;
}

static void the_deepest_value_fits_the_stack_of_a_worker(void **state) {
        _cleanup_free_ char *text = nested(JSON_DEPTH_MAX / 2, "{\"a\":[", "]}", "");
        pthread_attr_t attr;
        pthread_t thread;
        void *result;

        assert_int_equal(pthread_attr_init(&attr), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        assert_int_equal(pthread_attr_setstacksize(&attr, (size_t) 256 * 1024), 0);
#endif
        assert_int_equal(pthread_create(&thread, &attr, use_deep_value, text), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, text);
        (void) pthread_attr_destroy(&attr);
}

static void deeper_nesting_is_refused_before_anything_is_built(void **state) {
        static const size_t depths[] = {JSON_DEPTH_MAX + 1, 3000, 1000000};

        for (size_t i = 0; i < ELEMENTSOF(depths); i++) {
                _cleanup_free_ char *text = nested(depths[i], "[", "]", "");
                json_auto_t *v = NULL;
                char why[100];

                assert_int_equal(json_parse(text, strlen(text), &v, why, sizeof why), -EBADMSG);
                assert_non_null(strstr(why, "nested deeper than 256 levels at byte 256"));
        }

        /* Brackets within strings do not count, also behind an escaped quote. */
        _cleanup_free_ char *brackets = nested(1000, "[", "", "");
        _cleanup_free_ char *text = NULL;
        json_auto_t *v = NULL;
        assert_true(asprintf(&text, "{\"a\": \"\\\"%s\\\\\", \"b\": []}", brackets) > 0);
        assert_int_equal(json_parse(text, strlen(text), &v, NULL, 0), 0);
}

static void members_of_another_type_count_as_missing(void **state) {
        json_auto_t *v = json_pack("{s:s, s:i, s:b, s:n}", "s", "text", "i", 5, "b", 1, "n");

        assert_string_equal(json_member_string(v, "s"), "text");
        assert_null(json_member_string(v, "i"));
        assert_null(json_member_string(v, "n"));
        assert_null(json_member_string(v, "x"));
        assert_null(json_member_string(NULL, "s"));
        assert_int_equal(json_member_integer(v, "i", 7), 5);
        assert_int_equal(json_member_integer(v, "s", 7), 7);
        assert_int_equal(json_member_integer(v, "n", -1), -1);
        assert_true(json_member_boolean(v, "b", false));
        assert_true(json_member_boolean(v, "i", true));
        assert_false(json_member_boolean(v, "x", false));

        json_auto_t *null = json_string_or_null(NULL), *text = json_string_or_null("a");
        assert_true(json_is_null(null));
        assert_string_equal(json_string_value(text), "a");
}

/* checklist: 11 */
static void secrets_are_masked_at_any_depth(void **state) {
        static const char text[] =
                "{\"admin_password\":\"s3cr3t\",\"args\":{\"new_pass\":\"s3cr3t\",\"instance_uuid\":\"u\","
                "\"injected_files\":[[\"/etc/shadow\",\"s3cr3t\"]],\"list\":[{\"auth_token\":\"s3cr3t\"},"
                "{\"nova_object.data\":{\"connection_info\":{\"x\":\"s3cr3t\"},\"key_data\":\"s3cr3t\"}}]},"
                "\"_context_auth_token\":\"s3cr3t\",\"Rescue_Password\":\"s3cr3t\",\"token\":\"s3cr3t\",\"secret\":\"s3cr3t\","
                "\"admin_pass\":\"s3cr3t\",\"file_contents\":\"s3cr3t\",\"rabbit_password\":null,\"n\":3}";
        json_auto_t *v = NULL, *masked = NULL;
        _cleanup_free_ char *out = NULL, *original = NULL;

        assert_int_equal(json_parse(text, strlen(text), &v, NULL, 0), 0);
        masked = json_masked(v);
        out = json_text(masked);
        assert_null(strstr(out, "s3cr3t"));
        assert_string_equal(out,
                            "{\"admin_password\":\"***\",\"args\":{\"new_pass\":\"***\",\"instance_uuid\":\"u\","
                            "\"injected_files\":\"***\",\"list\":[{\"auth_token\":\"***\"},{\"nova_object.data\":"
                            "{\"connection_info\":\"***\",\"key_data\":\"***\"}}]},\"_context_auth_token\":\"***\","
                            "\"Rescue_Password\":\"***\",\"token\":\"***\",\"secret\":\"***\",\"admin_pass\":\"***\","
                            "\"file_contents\":\"***\",\"rabbit_password\":null,\"n\":3}");

        original = json_text(v);        /* the value itself is as it was */
        assert_string_equal(original, text);
}

static void ordinary_names_are_not_secret(void **state) {
        static const char *const names[] = {"instance_uuid", "pass_through", "key_name", "tokens_left", "host", "", NULL,
                                            "compass", "bypass_cache"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (json_key_is_secret(names[i]))
                        fail_msg("'%s' is not a secret's name", names[i]);
}

static void text_keeps_order_and_is_compact(void **state) {
        json_auto_t *v = json_pack("{s:i, s:[s, n], s:s}", "z", 1, "a", "x", "m", "\xc3\xa4");
        _cleanup_free_ char *text = json_text(v);

        assert_string_equal(text, "{\"z\":1,\"a\":[\"x\",null],\"m\":\"\xc3\xa4\"}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bad_text_is_refused_with_a_sentence_that_quotes_nothing),
                cmocka_unit_test(any_value_is_read_and_its_length_counts),
                cmocka_unit_test(the_deepest_value_fits_the_stack_of_a_worker),
                cmocka_unit_test(deeper_nesting_is_refused_before_anything_is_built),
                cmocka_unit_test(members_of_another_type_count_as_missing),
                cmocka_unit_test(secrets_are_masked_at_any_depth),
                cmocka_unit_test(ordinary_names_are_not_secret),
                cmocka_unit_test(text_keeps_order_and_is_compact),
        };
        return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

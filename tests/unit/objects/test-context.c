/* Request contexts of both formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "basic/id.h"
#include "basic/json.h"
#include "basic/time-util.h"
#include "objects/context.h"

/* The context of a nova-compute 26 as it went over the wire, in its order. */
#define RECORDED                                                                                                      \
        "\"_context_user\": null, \"_context_project_id\": null, \"_context_system_scope\": null, "                    \
        "\"_context_project\": null, \"_context_domain\": null, \"_context_user_domain\": null, "                      \
        "\"_context_project_domain\": null, \"_context_is_admin\": true, \"_context_read_only\": false, "              \
        "\"_context_show_deleted\": false, \"_context_auth_token\": null, "                                            \
        "\"_context_request_id\": \"req-f99ec51b-1395-4335-9c19-9de6b46e4bd7\", "                                      \
        "\"_context_global_request_id\": null, \"_context_resource_uuid\": null, \"_context_roles\": [], "             \
        "\"_context_user_identity\": \"- - - - -\", \"_context_is_admin_project\": true, "                             \
        "\"_context_user_id\": null, \"_context_read_deleted\": \"no\", \"_context_remote_address\": null, "           \
        "\"_context_timestamp\": \"2026-11-22T16:43:31.855594\", \"_context_quota_class\": null, "                     \
        "\"_context_user_name\": null, \"_context_service_catalog\": [], \"_context_project_name\": null"

#define ESSEX                                                                                                         \
        "\"_context_user_id\": \"u1\", \"_context_project_id\": \"p1\", \"_context_is_admin\": false, "                \
        "\"_context_read_deleted\": \"no\", \"_context_roles\": [\"member\"], "                                        \
        "\"_context_remote_address\": \"10.0.0.9\", \"_context_timestamp\": \"2012-04-04T18:29:29.000001\", "          \
        "\"_context_request_id\": \"req-0b1c\", \"_context_auth_token\": \"t0ken\""

static json_t *parse(const char *text) {
        json_t *v = NULL;
        char why[200];

        if (json_parse(text, strlen(text), &v, why, sizeof why) < 0)
                fail_msg("%.300s: %s", text, why);
        return v;
}

static RequestContext *from_text(const char *text) {
        _cleanup_exception_ NovaException e = {};
        json_auto_t *message = parse(text);
        RequestContext *c = NULL;

        if (context_from_message(message, &c, &e) < 0)
                fail_msg("%s", e.message);
        return c;
}

static json_t *to_message(const RequestContext *c, WireFormat format) {
        json_t *message = json_object();

        assert_int_equal(context_to_message(c, format, message), 0);
        return message;
}

/* checklist: 50 */
static void an_admin_context_has_the_25_keys_of_a_recorded_one(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        json_auto_t *message = to_message(c, WIRE_OSLO), *recorded = parse("{" RECORDED "}");
        const char *key;
        json_t *value;
        usec_t t;

        assert_int_equal(json_object_size(message), 25);
        json_object_foreach(recorded, key, value) {
                const json_t *got = json_object_get(message, key);

                if (streq(key, "_context_request_id")) {
                        assert_non_null(startswith(json_string_value(got), "req-"));
                        assert_true(uuid_is_valid(json_string_value(got) + 4));
                        assert_string_equal(json_string_value(got), context_request_id(c));
                } else if (streq(key, "_context_timestamp")) {
                        assert_int_equal(strlen(json_string_value(got)), strlen("2026-11-22T16:43:31.855594"));
                        assert_int_equal(time_parse(json_string_value(got), &t), 0);
                        assert_in_range(t, now_realtime() - USEC_PER_MINUTE, now_realtime());
                } else if (!json_equal(got, value))
                        fail_msg("%s differs from the recorded one", key);
        }
        assert_true(context_is_admin(c));
        assert_null(context_user_id(c));
        assert_null(context_project_id(c));
        assert_null(context_global_request_id(c));
        assert_string_equal(context_read_deleted(c), "no");
}

/* checklist: 50 */
static void essex_gets_its_nine_keys_and_an_administrator_has_the_role(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        json_auto_t *message = to_message(c, WIRE_ESSEX);
        static const char *const keys[] = {
                "_context_user_id",   "_context_project_id",     "_context_is_admin",
                "_context_read_deleted", "_context_roles",       "_context_remote_address",
                "_context_timestamp", "_context_request_id",     "_context_auth_token",
        };
        json_auto_t *roles = parse("[\"admin\"]");

        assert_int_equal(json_object_size(message), ELEMENTSOF(keys));
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                assert_non_null(json_object_get(message, keys[i]));
        assert_true(json_is_null(json_object_get(message, "_context_user_id")));
        assert_true(json_is_true(json_object_get(message, "_context_is_admin")));
        assert_true(json_equal(json_object_get(message, "_context_roles"), roles));
}

static void a_received_context_is_passed_on_unchanged_with_unknown_keys(void **state) {
        static const char text[] = "{\"method\": \"x\", \"_msg_id\": \"1\", \"_unique_id\": \"2\", " RECORDED
                                   ", \"_context_trace_info\": {\"hmac\": [1]}, \"_context_zz_future\": 7}";
        _cleanup_(context_unrefp) RequestContext *c = from_text(text);
        json_auto_t *message = to_message(c, WIRE_OSLO), *original = parse(text);

        assert_int_equal(json_object_size(message), 27);
        assert_int_equal(json_object_del(original, "method"), 0);
        assert_int_equal(json_object_del(original, "_msg_id"), 0);
        assert_int_equal(json_object_del(original, "_unique_id"), 0);
        assert_true(json_equal(message, original));
}

static void an_essex_context_comes_through_and_gains_todays_keys(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = from_text("{" ESSEX "}");
        json_auto_t *essex = to_message(c, WIRE_ESSEX), *oslo = to_message(c, WIRE_OSLO), *original = parse("{" ESSEX "}");

        assert_true(json_equal(essex, original));
        assert_int_equal(json_object_size(oslo), 25);
        assert_string_equal(json_member_string(oslo, "_context_user"), "u1");
        assert_string_equal(json_member_string(oslo, "_context_project"), "p1");
        assert_string_equal(json_member_string(oslo, "_context_user_identity"), "u1 p1 - - -");
        assert_string_equal(context_user_id(c), "u1");
        assert_string_equal(context_project_id(c), "p1");
        assert_string_equal(context_request_id(c), "req-0b1c");
        assert_false(context_is_admin(c));
}

static void missing_keys_default_but_never_to_administrator(void **state) {
        static const struct {
                const char *text;
                bool admin;
        } table[] = {
                {"{}", false},
                {"{\"_context_is_admin\": null}", false},
                {"{\"_context_roles\": [\"Admin\", \"x\"]}", true},
                {"{\"_context_roles\": [\"Admin\"], \"_context_is_admin\": false}", false},
                {"{\"_context_roles\": null, \"_context_is_admin\": true}", true},
                {"{\"_context_\": \"empty\", \"context_is_admin\": true, \"is_admin\": true}", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(context_unrefp) RequestContext *c = from_text(table[i].text);
                json_auto_t *message = to_message(c, WIRE_OSLO);

                assert_int_equal(context_is_admin(c), table[i].admin);
                assert_int_equal(json_object_size(message), 25);
                assert_non_null(startswith(context_request_id(c), "req-"));
                assert_string_equal(context_read_deleted(c), "no");
        }

        /* Either of two names of one thing. */
        _cleanup_(context_unrefp) RequestContext *c = from_text("{\"_context_user\": \"u\", \"_context_project\": \"p\"}");
        assert_string_equal(context_user_id(c), "u");
        assert_string_equal(context_project_id(c), "p");
}

static void wrong_types_are_refused_by_name_without_the_secret(void **state) {
        static const struct {
                const char *text, *words;
        } table[] = {
                {"{\"_context_is_admin\": \"yes\"}", "'is_admin' is \"yes\": a boolean is required"},
                {"{\"_context_is_admin\": 1}", "'is_admin' is an integer: a boolean"},
                {"{\"_context_user_id\": {\"$gt\": \"\"}}", "'user_id' is an object: a string of at most 255 bytes or null"},
                {"{\"_context_project_id\": [\"p\"]}", "'project_id' is an array"},
                {"{\"_context_roles\": \"admin\"}", "'roles' is \"admin\": an array of strings"},
                {"{\"_context_roles\": [\"a\", 5]}", "'roles' is an array: an array of strings"},
                {"{\"_context_roles\": {\"admin\": true}}", "'roles' is an object"},
                {"{\"_context_read_deleted\": \"maybe\"}", "'read_deleted' is \"maybe\": one of 'no', 'yes' and 'only'"},
                {"{\"_context_read_deleted\": true}", "'read_deleted' is a boolean"},
                {"{\"_context_timestamp\": \"yesterday\"}", "'timestamp' is \"yesterday\": a time"},
                {"{\"_context_timestamp\": 12}", "'timestamp' is an integer"},
                {"{\"_context_request_id\": 12}", "'request_id' is an integer"},
                {"{\"_context_auth_token\": [\"s3cr3t\"]}", "'auth_token' is an array"},
                {"{\"_context_service_catalog\": \"s3cr3t\"}", "'service_catalog' is a string: an array"},
                {"{\"_context_user_identity\": 5.5}", "'user_identity' is a real number"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                json_auto_t *message = parse(table[i].text);
                RequestContext *c = (RequestContext *) 1;

                assert_int_equal(context_from_message(message, &c, &e), -EINVAL);
                assert_ptr_equal(c, (RequestContext *) 1);
                if (!strstr(e.message, table[i].words))
                        fail_msg("'%s' does not say '%s'", e.message, table[i].words);
                assert_null(strstr(e.message, "s3cr3t"));
        }
}

static void huge_ids_are_refused_and_huge_tokens_pass(void **state) {
        _cleanup_free_ char *huge = malloc(100001);
        json_auto_t *id = json_object(), *token = json_object();
        _cleanup_exception_ NovaException e = {};
        _cleanup_(context_unrefp) RequestContext *c = NULL;

        memset(huge, 'x', 100000);
        huge[100000] = '\0';
        assert_int_equal(json_object_set_new(id, "_context_request_id", json_string(huge)), 0);
        assert_int_equal(context_from_message(id, &c, &e), -EINVAL);
        assert_non_null(strstr(e.message, "'request_id' is a string of 100000 bytes"));
        assert_true(strlen(e.message) < 300);

        assert_int_equal(json_object_set_new(token, "_context_auth_token", json_string(huge)), 0);
        assert_int_equal(context_from_message(token, &c, NULL), 0);
}

static void a_message_that_is_no_object_has_an_empty_context(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = NULL;
        json_auto_t *array = json_array();

        assert_int_equal(context_from_message(array, &c, NULL), 0);
        assert_false(context_is_admin(c));
}

static void elevating_leaves_the_original_alone(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = from_text("{" ESSEX ", \"_context_extra\": 1}");
        _cleanup_(context_unrefp) RequestContext *up = context_elevated(c);
        _cleanup_(context_unrefp) RequestContext *twice = context_elevated(up);
        json_auto_t *before = parse("[\"member\"]"), *after = parse("[\"member\", \"admin\"]");
        json_auto_t *a = to_message(c, WIRE_OSLO), *b = to_message(up, WIRE_OSLO), *d = to_message(twice, WIRE_OSLO);

        assert_true(json_equal(json_object_get(a, "_context_roles"), before));
        assert_true(json_equal(json_object_get(b, "_context_roles"), after));
        assert_true(json_equal(json_object_get(d, "_context_roles"), after));
        assert_false(context_is_admin(c));
        assert_true(context_is_admin(up));
        assert_string_equal(context_request_id(up), context_request_id(c));
        assert_int_equal(json_integer_value(json_object_get(b, "_context_extra")), 1);
}

static void the_safe_form_has_no_token_no_catalog_and_nothing_unknown(void **state) {
        _cleanup_(context_unrefp) RequestContext *c =
                from_text("{" ESSEX ", \"_context_service_catalog\": [{\"type\": \"s3cr3t\"}], \"_context_pw\": \"s3cr3t\"}");
        json_auto_t *safe = context_safe_dict(c);
        _cleanup_free_ char *text = json_text(safe);

        assert_null(strstr(text, "t0ken"));
        assert_null(strstr(text, "s3cr3t"));
        assert_null(strstr(text, "_context_"));
        assert_string_equal(json_member_string(safe, "user_id"), "u1");
        assert_string_equal(json_member_string(safe, "request_id"), "req-0b1c");
        assert_int_equal(json_object_size(safe), 23);
}

static void *use_context(void *userdata) {
        RequestContext *c = userdata;

        for (int i = 0; i < 500; i++) {
                RequestContext *up = context_elevated(c);
                json_auto_t *message = json_object();

                if (context_to_message(up, WIRE_OSLO, message) < 0)
                        abort();
                context_unref(up);
        }
        context_unref(c);
        return NULL;
}

static void threads_share_one_context(void **state) {
        RequestContext *c = from_text("{" ESSEX "}");
        pthread_t threads[4];

        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, use_context, context_ref(c)), 0);
        context_unref(c);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_null(context_unref(NULL));
        assert_null(context_ref(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_admin_context_has_the_25_keys_of_a_recorded_one),
                cmocka_unit_test(essex_gets_its_nine_keys_and_an_administrator_has_the_role),
                cmocka_unit_test(a_received_context_is_passed_on_unchanged_with_unknown_keys),
                cmocka_unit_test(an_essex_context_comes_through_and_gains_todays_keys),
                cmocka_unit_test(missing_keys_default_but_never_to_administrator),
                cmocka_unit_test(wrong_types_are_refused_by_name_without_the_secret),
                cmocka_unit_test(huge_ids_are_refused_and_huge_tokens_pass),
                cmocka_unit_test(a_message_that_is_no_object_has_an_empty_context),
                cmocka_unit_test(elevating_leaves_the_original_alone),
                cmocka_unit_test(the_safe_form_has_no_token_no_catalog_and_nothing_unknown),
                cmocka_unit_test(threads_share_one_context),
        };
        return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}

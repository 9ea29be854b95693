/* Arguments of methods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "basic/json.h"
#include "objects/method.h"

static const Argument arguments[] = {
        {"host", ARGUMENT_STRING, 0},
        {"enabled", ARGUMENT_BOOLEAN, ARGUMENT_OPTIONAL},
        {"count", ARGUMENT_INTEGER, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE},
        {"instance_uuid", ARGUMENT_UUID, ARGUMENT_OPTIONAL},
        {"instance", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL},
        {"files", ARGUMENT_ARRAY, ARGUMENT_OPTIONAL},
        {"arg", ARGUMENT_ANY, ARGUMENT_OPTIONAL},
        {"code", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_SECRET},
        {"new_pass", ARGUMENT_STRING, ARGUMENT_OPTIONAL},
        {},
};
static const Method method = {.name = "set_host_enabled", .arguments = arguments};

static json_t *parse(const char *text) {
        json_t *v = NULL;

        if (json_parse(text, strlen(text), &v, NULL, 0) < 0)
                fail_msg("%s", text);
        return v;
}

static void right_arguments_pass_and_unknown_ones_are_counted(void **state) {
        static const struct {
                const char *text;
                int unknown;
        } table[] = {
                {"{\"host\": \"h\"}", 0},
                {"{\"host\": \"\", \"enabled\": false, \"count\": 0, \"arg\": null}", 0},
                {"{\"host\": \"h\", \"count\": null}", 0},
                {"{\"host\": \"h\", \"instance\": {}, \"files\": [], \"arg\": [1], \"code\": \"c\", \"new_pass\": \"p\"}", 0},
                {"{\"host\": \"h\", \"instance_uuid\": \"34fbced1-054d-4f25-a843-890271f65255\"}", 0},
                {"{\"host\": \"h\", \"x\": 1, \"y\": null}", 2},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                json_auto_t *args = parse(table[i].text);

                if (method_check_arguments(&method, args, &e) != table[i].unknown)
                        fail_msg("%s: %s", table[i].text, e.message ?: "another count");
                assert_false(exception_is_set(&e));
        }

        static const Method bare = {.name = "service_version"};
        assert_int_equal(method_check_arguments(&bare, NULL, NULL), 0);
}

static void objects_in_arguments_are_read_where_the_method_has_them(void **state) {
        json_auto_t *args = parse("{\"host\": \"h\", \"arg\": [{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\","
                                  " \"nova_object.version\": \"1.1.2\", \"nova_object.data\": {\"tag\": 5}}],"
                                  " \"unknown\": {\"nova_object.name\": \"Whatever\"}}");
        json_auto_t *plain = parse("{\"host\": \"h\"}"), *read = NULL, *same = NULL, *none = NULL, *failed = NULL;
        _cleanup_exception_ NovaException e = {};
        json_t *tag;

        assert_int_equal(method_read_objects(&method, args, &read, NULL), 0);
        tag = json_array_get(json_object_get(read, "arg"), 0);
        assert_string_equal(json_member_string(tag, "nova_object.version"), "1.1");
        assert_string_equal(json_member_string(json_object_get(tag, "nova_object.data"), "tag"), "5");
        assert_non_null(json_object_get(read, "unknown"));

        assert_int_equal(method_read_objects(&method, plain, &same, NULL), 0);
        assert_ptr_equal(same, plain);
        assert_int_equal(method_read_objects(&method, NULL, &none, NULL), 0);
        assert_int_equal(json_object_size(none), 0);

        json_object_set_new(json_object_get(json_array_get(json_object_get(args, "arg"), 0), "nova_object.data"), "tag", json_array());
        assert_true(method_read_objects(&method, args, &failed, &e) < 0);
        assert_string_equal(e.message, "Tag.tag: a string is allowed, not []");
        assert_null(failed);
}

/* checklist: 62 */
static void wrong_arguments_name_what_was_given_and_what_is_allowed(void **state) {
        static const struct {
                const char *text, *message;
        } table[] = {
                {NULL, "set_host_enabled() is missing the argument 'host': a string is required"},
                {"{}", "set_host_enabled() is missing the argument 'host': a string is required"},
                {"[\"h\"]", "set_host_enabled() got an array as its arguments: an object is required"},
                {"{\"host\": 5}", "set_host_enabled() got an integer, 5, as argument 'host': a string is required"},
                {"{\"host\": null}", "set_host_enabled() got null as argument 'host': a string is required"},
                {"{\"host\": \"h\", \"enabled\": \"yes\"}",
                 "set_host_enabled() got a string, \"yes\", as argument 'enabled': a boolean is required"},
                {"{\"host\": \"h\", \"enabled\": null}",
                 "set_host_enabled() got null as argument 'enabled': a boolean is required"},
                {"{\"host\": \"h\", \"count\": 1.5}",
                 "set_host_enabled() got a real number, 1.5, as argument 'count': an integer or null is required"},
                {"{\"host\": \"h\", \"count\": true}",
                 "set_host_enabled() got a boolean, true, as argument 'count': an integer or null is required"},
                {"{\"host\": \"h\", \"instance_uuid\": \"../../etc\"}",
                 "set_host_enabled() got a string, \"../../etc\", as argument 'instance_uuid': a uuid is required"},
                {"{\"host\": \"h\", \"instance\": [{\"k\": \"s3cr3t\"}]}",
                 "set_host_enabled() got an array as argument 'instance': an object is required"},
                {"{\"host\": \"h\", \"files\": {\"k\": \"s3cr3t\"}}",
                 "set_host_enabled() got an object as argument 'files': an array is required"},
                {"{\"host\": \"h\", \"code\": 31337}",
                 "set_host_enabled() got an integer as argument 'code': a string is required"},
                {"{\"host\": \"h\", \"new_pass\": 31337}",
                 "set_host_enabled() got an integer as argument 'new_pass': a string is required"},
                {"{\"host\": \"h\", \"enabled\": \"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
                 "set_host_enabled() got a string as argument 'enabled': a boolean is required"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                json_auto_t *args = table[i].text ? parse(table[i].text) : NULL;

                assert_int_equal(method_check_arguments(&method, args, &e), -EINVAL);
                assert_true(exception_is(&e, EXC_TYPE_ERROR));
                assert_string_equal(e.message, table[i].message);
        }
}

static void secrets_of_the_row_and_by_name_are_masked(void **state) {
        json_auto_t *args = parse("{\"host\": \"h\", \"code\": \"s3cr3t\", \"new_pass\": \"s3cr3t\", \"instance\": "
                                  "{\"admin_password\": \"s3cr3t\"}, \"x\": {\"token\": \"s3cr3t\"}}");
        json_auto_t *masked = method_masked_arguments(&method, args), *none = method_masked_arguments(&method, NULL);
        _cleanup_free_ char *text = json_text(masked);

        assert_string_equal(text, "{\"host\":\"h\",\"code\":\"***\",\"new_pass\":\"***\",\"instance\":{\"admin_password\":\"***\"},"
                                  "\"x\":{\"token\":\"***\"}}");
        assert_string_equal(json_member_string(args, "code"), "s3cr3t");
        assert_int_equal(json_object_size(none), 0);

        json_auto_t *null = parse("{\"code\": null}");
        json_auto_t *kept = method_masked_arguments(&method, null);
        assert_true(json_is_null(json_object_get(kept, "code")));
}

static void every_type_has_a_name(void **state) {
        for (ArgumentType t = 0; t < _ARGUMENT_TYPE_MAX; t++)
                assert_non_null(argument_type_to_string(t));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(right_arguments_pass_and_unknown_ones_are_counted),
                cmocka_unit_test(objects_in_arguments_are_read_where_the_method_has_them),
                cmocka_unit_test(wrong_arguments_name_what_was_given_and_what_is_allowed),
                cmocka_unit_test(secrets_of_the_row_and_by_name_are_masked),
                cmocka_unit_test(every_type_has_a_name),
        };
        return cmocka_run_group_tests_name("method", tests, NULL, NULL);
}

/* Exceptions and their forms on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "basic/json.h"
#include "objects/exception.h"

static json_t *parse(const char *text) {
        json_t *v = NULL;
        char why[200];

        if (json_parse(text, strlen(text), &v, why, sizeof why) < 0)
                fail_msg("%s: %s", text, why);
        return v;
}

static int fail_with(NovaException *e) {
        return exception_setf(e, EXC_COMPUTE_HOST_NOT_FOUND, "Compute host %s could not be found.", "compute1");
}

static void the_first_exception_stays_and_the_errno_is_returned(void **state) {
        _cleanup_exception_ NovaException e = {};

        assert_false(exception_is_set(&e));
        assert_false(exception_is_set(NULL));
        assert_int_equal(fail_with(&e), -ENOENT);
        assert_int_equal(exception_setf(&e, EXC_HYPERVISOR_UNAVAILABLE, "later"), -ENOTCONN);
        assert_true(exception_is(&e, EXC_COMPUTE_HOST_NOT_FOUND));
        assert_string_equal(e.class_name, "ComputeHostNotFound");
        assert_string_equal(e.module, "nova.exception");
        assert_string_equal(e.message, "Compute host compute1 could not be found.");
        assert_int_equal(e.code, 404);
        assert_int_equal(e.error, -ENOENT);
        assert_int_equal(fail_with(NULL), -ENOENT);

        NovaException moved = {};
        exception_move(&moved, &e);
        assert_false(exception_is_set(&e));
        assert_true(exception_is_set(&moved));
        exception_move(NULL, &moved);           /* nobody wants to know */
        assert_false(exception_is_set(&moved));
        exception_done(&moved);
        exception_done(NULL);
}

static void an_errno_becomes_a_nova_exception_with_its_text(void **state) {
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(exception_set_errno(&e, -EROFS, "Saving the service"), -EROFS);
        assert_true(exception_is(&e, EXC_NOVA));
        assert_string_equal(e.message, "Saving the service: Read-only file system");
        assert_int_equal(e.error, -EROFS);
        assert_int_equal(exception_set_errno(NULL, -EIO, "x"), -EIO);
}

static void every_class_has_a_name_a_module_a_code_and_an_errno(void **state) {
        for (ExceptionClass c = 0; c < _EXC_MAX; c++) {
                _cleanup_exception_ NovaException e = {};

                assert_non_null(exception_class_name(c));
                assert_non_null(exception_class_module(c));
                assert_in_range(exception_class_code(c), 400, 599);
                assert_true(exception_setf(&e, c, "x") < 0);
                for (ExceptionClass d = 0; d < c; d++)
                        assert_string_not_equal(exception_class_name(c), exception_class_name(d));
        }
}

/* What nova-conductor 26 sent for the same exception, but for its traceback. */
/* checklist: 63 */
static void the_oslo_form_is_that_of_a_real_conductor(void **state) {
        _cleanup_exception_ NovaException e = {};
        json_auto_t *got = NULL;
        json_auto_t *recorded = parse("{\"class\": \"ComputeHostNotFound\", \"module\": \"nova.exception\", "
                                      "\"message\": \"Compute host compute1 could not be found.\", "
                                      "\"args\": [\"Compute host compute1 could not be found.\"], "
                                      "\"kwargs\": {\"host\": \"compute1\", \"code\": 404}}");

        (void) fail_with(&e);
        exception_kwarg(&e, "host", json_string("compute1"));
        got = exception_to_oslo(&e);
        assert_non_null(got);

        const json_t *tb = json_object_get(got, "tb");
        assert_int_equal(json_array_size(tb), 2);
        assert_string_equal(json_string_value(json_array_get(tb, 0)), "Traceback (most recent call last):\n");
        assert_string_equal(json_string_value(json_array_get(tb, 1)),
                            "nova.exception.ComputeHostNotFound: Compute host compute1 could not be found.\n");
        assert_int_equal(json_object_del(got, "tb"), 0);
        assert_true(json_equal(got, recorded));
}

static void only_novas_own_classes_get_keyword_arguments(void **state) {
        static const ExceptionClass others[] = {EXC_TYPE_ERROR, EXC_NOT_IMPLEMENTED, EXC_UNSUPPORTED_VERSION,
                                                EXC_NO_SUCH_METHOD, EXC_MESSAGING_TIMEOUT};

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_exception_ NovaException e = {};
                json_auto_t *got = NULL;

                (void) exception_setf(&e, others[i], "text");
                exception_kwarg(&e, "method", json_string("m"));
                got = exception_to_oslo(&e);
                /* TypeError("text", code=400) would be a TypeError of another kind at the caller's. */
                assert_int_equal(json_object_size(json_object_get(got, "kwargs")), 0);
                assert_string_equal(json_member_string(got, "module"), exception_class_module(others[i]));
                assert_string_equal(json_string_value(json_array_get(json_object_get(got, "args"), 0)), "text");
        }
}

static void nothing_known_and_no_utf8_still_make_a_failure(void **state) {
        _cleanup_exception_ NovaException unset = {}, raw = {};
        json_auto_t *a = exception_to_oslo(&unset), *b = NULL, *c = exception_to_essex(NULL);

        assert_string_equal(json_member_string(a, "class"), "NovaException");
        assert_string_equal(json_member_string(a, "message"), "An unknown exception occurred.");
        assert_int_equal(json_member_integer(json_object_get(a, "kwargs"), "code", 0), 500);
        assert_string_equal(json_string_value(json_array_get(c, 0)), "NovaException");

        (void) exception_setf(&raw, EXC_INVALID, "file \xff\xfe is odd");
        b = exception_to_oslo(&raw);
        assert_string_equal(json_member_string(b, "message"), "file ?? is odd");
}

/* checklist: 63 */
static void the_essex_form_is_a_triple(void **state) {
        _cleanup_exception_ NovaException e = {};
        json_auto_t *got = NULL;
        json_auto_t *wanted = parse("[\"InstanceNotFound\", \"Instance 6f9e could not be found.\", [\"Traceback (most recent "
                                    "call last):\\n\", \"InstanceNotFound: Instance 6f9e could not be found.\\n\"]]");

        (void) exception_setf(&e, EXC_INSTANCE_NOT_FOUND, "Instance 6f9e could not be found.");
        got = exception_to_essex(&e);
        assert_true(json_equal(got, wanted));
}

static void failures_of_peers_are_read_in_every_form(void **state) {
        static const struct {
                const char *text;
                const char *class_name, *module, *message;
                int code, error;
        } table[] = {
                {"{\"class\":\"ComputeHostNotFound\",\"module\":\"nova.exception\",\"message\":\"m\",\"tb\":[\"x\"],"
                 "\"args\":[\"m\"],\"kwargs\":{\"host\":\"compute1\",\"code\":404}}",
                 "ComputeHostNotFound", "nova.exception", "m", 404, -ENOENT},
                /* relayed once before */
                {"{\"class\":\"ComputeHostNotFound_Remote\",\"module\":\"nova.exception_Remote\",\"message\":\"m\"}",
                 "ComputeHostNotFound", "nova.exception", "m", 404, -ENOENT},
                {"\"{\\\"class\\\":\\\"TypeError\\\",\\\"module\\\":\\\"builtins\\\",\\\"message\\\":\\\"m\\\"}\"", "TypeError",
                 "builtins", "m", 400, -EINVAL},
                {"{\"class\":\"OperationalError\",\"module\":\"sqlite3\",\"args\":[\"from args\"]}", "OperationalError",
                 "sqlite3", "from args", 500, -EREMOTEIO},
                {"{\"class\":\"NovaException\",\"module\":\"nova.exception\",\"message\":\"m\",\"kwargs\":{\"code\":1000000}}",
                 "NovaException", "nova.exception", "m", 500, -EIO},
                {"[\"InstanceNotFound\", \"m\", [\"Traceback\\n\"]]", "InstanceNotFound", "nova.exception", "m", 404, -ENOENT},
                {"[\"SomethingElse\", \"m\", []]", "SomethingElse", "", "m", 500, -EREMOTEIO},
                /* hostile */
                {"\"only words\"", "RemoteError", "oslo_messaging.rpc.client", "only words", 500, -EREMOTEIO},
                {"{\"class\":[],\"module\":{},\"message\":5,\"args\":\"x\",\"kwargs\":[1]}", "RemoteError",
                 "oslo_messaging.rpc.client", "An unknown exception occurred.", 500, -EREMOTEIO},
                {"[]", "RemoteError", "oslo_messaging.rpc.client", "An unknown exception occurred.", 500, -EREMOTEIO},
                {"[1, 2, 3]", "RemoteError", "oslo_messaging.rpc.client", "An unknown exception occurred.", 500, -EREMOTEIO},
                {"true", "RemoteError", "oslo_messaging.rpc.client", "An unknown exception occurred.", 500, -EREMOTEIO},
                {"{\"class\":\"\"}", "RemoteError", "oslo_messaging.rpc.client", "An unknown exception occurred.", 500,
                 -EREMOTEIO},
                {"{\"class\":\"NotFound\",\"module\":\"nova.exception\",\"message\":\"m\",\"kwargs\":{\"code\":4294967700}}",
                 "NotFound", "nova.exception", "m", 404, -ENOENT},
                {"{\"class\":\"Forbidden_Remote_Remote\",\"message\":\"m\"}", "Forbidden", "nova.exception", "m", 403, -EACCES},
                {"{\"class\":\"_Remote\",\"message\":\"m\"}", "_Remote", "", "m", 500, -EREMOTEIO},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                json_auto_t *failure = parse(table[i].text);

                (void) exception_setf(&e, EXC_INVALID, "what was there before goes");
                exception_from_wire(&e, failure);
                assert_string_equal(e.class_name, table[i].class_name);
                assert_string_equal(e.module, table[i].module);
                assert_string_equal(e.message, table[i].message);
                assert_int_equal(e.code, table[i].code);
                assert_int_equal(e.error, table[i].error);
        }

        _cleanup_exception_ NovaException e = {};
        exception_from_wire(&e, NULL);
        assert_true(exception_is(&e, EXC_REMOTE_ERROR));
}

static void a_relayed_failure_keeps_class_and_arguments(void **state) {
        json_auto_t *failure = parse("{\"class\":\"ServiceTooOld_Remote\",\"module\":\"nova.exception_Remote\",\"message\":\"m\","
                                     "\"tb\":[\"  File \\\"/usr/lib/python3/x.py\\\", line 1\"],\"args\":[\"m\"],"
                                     "\"kwargs\":{\"thisver\":1,\"minver\":2,\"code\":400}}");
        _cleanup_exception_ NovaException e = {};
        json_auto_t *again = NULL;
        _cleanup_free_ char *text = NULL;

        exception_from_wire(&e, failure);
        again = exception_to_oslo(&e);
        assert_string_equal(json_member_string(again, "class"), "ServiceTooOld");
        assert_string_equal(json_member_string(again, "module"), "nova.exception");
        assert_true(json_equal(json_object_get(again, "kwargs"), json_object_get(failure, "kwargs")));
        text = json_text(again);
        assert_null(strstr(text, "/usr"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_exception_stays_and_the_errno_is_returned),
                cmocka_unit_test(an_errno_becomes_a_nova_exception_with_its_text),
                cmocka_unit_test(every_class_has_a_name_a_module_a_code_and_an_errno),
                cmocka_unit_test(the_oslo_form_is_that_of_a_real_conductor),
                cmocka_unit_test(only_novas_own_classes_get_keyword_arguments),
                cmocka_unit_test(nothing_known_and_no_utf8_still_make_a_failure),
                cmocka_unit_test(the_essex_form_is_a_triple),
                cmocka_unit_test(failures_of_peers_are_read_in_every_form),
                cmocka_unit_test(a_relayed_failure_keeps_class_and_arguments),
        };
        return cmocka_run_group_tests_name("exception", tests, NULL, NULL);
}

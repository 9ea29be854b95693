/* The two wire formats, against messages as peers send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "rpc/envelope.h"
#include "rpc/inflate.h"

/* A call of nova-compute 26.2.2 to its conductor, byte by byte. */
#define CALL_CONTEXT                                                                                                   \
        "\\\"_context_user\\\": null, \\\"_context_project_id\\\": null, \\\"_context_system_scope\\\": null, "        \
        "\\\"_context_project\\\": null, \\\"_context_domain\\\": null, \\\"_context_user_domain\\\": null, "          \
        "\\\"_context_project_domain\\\": null, \\\"_context_is_admin\\\": true, \\\"_context_read_only\\\": false, "  \
        "\\\"_context_show_deleted\\\": false, \\\"_context_auth_token\\\": null, "                                    \
        "\\\"_context_request_id\\\": \\\"req-05cb1974-aa96-4f51-bfea-1dc08d769258\\\", "                              \
        "\\\"_context_global_request_id\\\": null, \\\"_context_resource_uuid\\\": null, \\\"_context_roles\\\": [], " \
        "\\\"_context_user_identity\\\": \\\"- - - - -\\\", \\\"_context_is_admin_project\\\": true, "                 \
        "\\\"_context_user_id\\\": null, \\\"_context_read_deleted\\\": \\\"no\\\", \\\"_context_remote_address\\\": " \
        "null, "                                                                                                       \
        "\\\"_context_timestamp\\\": \\\"2026-11-22T16:43:31.351776\\\", \\\"_context_quota_class\\\": null, "         \
        "\\\"_context_user_name\\\": null, \\\"_context_service_catalog\\\": [], \\\"_context_project_name\\\": null"
static const char call[] =
        "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"ping\\\", "
        "\\\"args\\\": {\\\"arg\\\": \\\"1.21 GigaWatts\\\"}, \\\"namespace\\\": \\\"baseapi\\\", \\\"version\\\": "
        "\\\"1.0\\\", "
        "\\\"_msg_id\\\": \\\"fbd9d697c4924859afa3ff5d36947de2\\\", \\\"_reply_q\\\": "
        "\\\"reply_33b0ee740aca4774a3c163e96f1c66d3\\\", "
        "\\\"_timeout\\\": null, \\\"_unique_id\\\": \\\"829fdc714e714860b8eeb42c2cec8908\\\", " CALL_CONTEXT "}\"}";

static int parse(const char *text, size_t size, Envelope *e, char why[static 256]) {
        char *body = malloc(size + 1);
        int r;

        assert_non_null(body);
        memcpy(body, text, size);
        body[size] = '\0';
        r = envelope_parse(body, size, e, why, 256);
        free(body);
        return r;
}

/* checklist: 62 */
static void a_recorded_call_is_read(void **state) {
        Envelope e;
        char why[256];

        assert_int_equal(parse(call, strlen(call), &e, why), 0);
        assert_int_equal(envelope_read_request(&e, why, sizeof why), 0);
        assert_int_equal(e.format, WIRE_OSLO);
        assert_string_equal(e.method, "ping");
        assert_string_equal(e.namespace, "baseapi");
        assert_int_equal(e.major, 1);
        assert_int_equal(e.minor, 0);
        assert_string_equal(e.msg_id, "fbd9d697c4924859afa3ff5d36947de2");
        assert_string_equal(e.reply_q, "reply_33b0ee740aca4774a3c163e96f1c66d3");
        assert_string_equal(e.unique_id, "829fdc714e714860b8eeb42c2cec8908");
        assert_int_equal(e.monitor, 0);
        assert_string_equal(json_member_string(e.args, "arg"), "1.21 GigaWatts");
        envelope_done(&e);
}

/* checklist: 63 */
static void a_call_is_written_byte_by_byte_as_a_peer_writes_it(void **state) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(context_unrefp) RequestContext *c = NULL;
        Envelope e;
        char why[256];
        Body b;

        assert_int_equal(parse(call, strlen(call), &e, why), 0);
        assert_int_equal(envelope_read_request(&e, why, sizeof why), 0);
        assert_int_equal(context_from_message(e.message, &c, &x), 0);

        RequestHead h = {.format = WIRE_OSLO,
                         .namespace = e.namespace,
                         .version = "1.0",
                         .msg_id = e.msg_id,
                         .reply_q = e.reply_q,
                         .unique_id = e.unique_id};
        assert_int_equal(envelope_request(&h, c, e.method, e.args, &b), 0);
        assert_int_equal(b.size, strlen(call));
        assert_memory_equal(b.data, call, b.size);
        body_done(&b);
        envelope_done(&e);
}

/* The same inner message whatever the outer text looks like. */
static void an_envelope_may_be_written_in_any_way_json_allows(void **state) {
        static const char *const texts[] = {
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\\\\\\\\\", \\\"args\\\": "
                "{}}\"}",
                "{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\\\"method\\\": \\\"m\\\\\\\\\\\", \\\"args\\\": {}}\"}",
                " {\n\"oslo.version\" : \"2.0\" ,\t\"oslo.message\" : \"{\\\"method\\\": \\\"m\\\\\\\\\\\", "
                "\\\"args\\\": {}}\" } \n",
                "{\"oslo.message\": \"{\\\"method\\\": \\\"m\\\\\\\\\\\", \\\"args\\\": {}}\", \"oslo.version\": "
                "\"2.0\"}",
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\u0022method\\\": \\\"m\\\\\\\\\\\", \\\"args\\\": "
                "{}}\"}",
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\":\\n\\t\\\"m\\\\\\\\\\\"}\"}",
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\\\\\\\\\"}\", \"more\": 1}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Envelope e;
                char why[256] = "";

                if (parse(texts[i], strlen(texts[i]), &e, why) != 0 || envelope_read_request(&e, why, sizeof why) != 0)
                        fail_msg("%zu: %s", i, why);
                assert_int_equal(e.format, WIRE_OSLO);
                assert_string_equal(e.method, "m\\");
                envelope_done(&e);
        }
}

static int parse_request(const char *text, Envelope *e, char why[static 256]) {
        char *body = strdup(text);
        int r;

        assert_non_null(body);
        r = envelope_parse_request(body, strlen(text), e, why, 256);
        free(body);
        return r;
}

static void a_request_read_in_two_pieces_is_the_same_request(void **state) {
        static const char *const contexts[] = {
                "\\\"_context_is_admin\\\": true, \\\"_context_roles\\\": [\\\"a,b}\\\", \\\"c\\\"]",
                "\\\"_context_user_id\\\": \\\"quote \\\\\\\" comma , brace }\\\", \\\"_context_is_admin\\\": true",
                "\\\"\\\\u005fcontext_is_admin\\\": true",
                "\\\"_context_is_admin\\\" : true , \\\"_context_x\\\" :\\n{\\\"a\\\": [1, {\\\"b\\\": null}]}",
                "\\\"_context_is_admin\\\": true, \\\"_context_\\\": 1",
        };

        for (size_t i = 0; i < ELEMENTSOF(contexts); i++) {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
                _cleanup_(context_unrefp) RequestContext *c = NULL;
                char text[1024], why[256] = "";
                Envelope e;

                snprintf(text, sizeof text,
                         "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\", %s, "
                         "\\\"args\\\": {\\\"_context_y\\\": [\\\"}\\\"]}}\"}",
                         contexts[i]);
                if (parse_request(text, &e, why) != 0 || envelope_read_request(&e, why, sizeof why) != 0)
                        fail_msg("%s: %s", text, why);
                assert_string_equal(e.method, "m");
                assert_int_equal(json_object_size(e.args), 1);
                if (e.context)
                        assert_int_equal(context_finish(c = TAKE_PTR(e.context), &x), 0);
                else
                        assert_int_equal(context_from_message(e.message, &c, &x), 0);
                assert_true(context_is_admin(c));
                envelope_done(&e);
        }
}

static void what_is_wrong_with_a_request_is_said_in_the_same_words(void **state) {
        static const char *const inner[] = {
                "{\\\"method\\\": \\\"m\\\", \\\"_context_a\\\": 1, \\\"_context_a\\\": 2}",
                "{\\\"method\\\": ",
                "{\\\"_context_a\\\": tru}",
                "{\\\"_context_a\\\"}",
                "[]",
                "{} {}",
                "{\\\"a\\\": 1,}",
                "{\\\"a\\\": [1}",
        };

        for (size_t i = 0; i < ELEMENTSOF(inner); i++) {
                char text[256], why[256] = "", again[256] = "";
                Envelope e, f;

                snprintf(text, sizeof text, "{\"oslo.version\": \"2.0\", \"oslo.message\": \"%s\"}", inner[i]);
                assert_int_equal(parse_request(text, &e, why), -EBADMSG);
                assert_int_equal(parse(text, strlen(text), &f, again), -EBADMSG);
                assert_string_equal(why, again);
                assert_null(e.context);
                envelope_done(&e);
                envelope_done(&f);
        }
}

static void a_bare_object_is_essex(void **state) {
        static const char text[] =
                "{\"method\": \"run_instance\", \"_msg_id\": \"3f0c\", \"_context_user_id\": \"u1\"}";
        Envelope e;
        char why[256];

        assert_int_equal(parse(text, strlen(text), &e, why), 0);
        assert_int_equal(envelope_read_request(&e, why, sizeof why), 0);
        assert_int_equal(e.format, WIRE_ESSEX);
        assert_string_equal(e.msg_id, "3f0c");
        assert_null(e.reply_q);
        assert_null(e.unique_id);
        assert_int_equal(e.major, 1);
        assert_int_equal(json_object_size(e.args), 0);
        envelope_done(&e);
}

static void the_call_monitors_time_may_be_a_fraction(void **state) {
        static const struct {
                const char *value;
                usec_t monitor;
        } table[] = {{"60", 60 * USEC_PER_SEC},
                     {"2.5", 2500 * USEC_PER_MSEC},
                     {"null", 0},
                     {"0", 0},
                     {"-3", 0},
                     {"true", 0},
                     {"\"60\"", 0},
                     {"1e300", 0}};

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char text[128], why[256];
                Envelope e;

                snprintf(text, sizeof text, "{\"method\": \"m\", \"_timeout\": %s}", table[i].value);
                assert_int_equal(parse(text, strlen(text), &e, why), 0);
                assert_int_equal(envelope_read_request(&e, why, sizeof why), 0);
                assert_int_equal(e.monitor, table[i].monitor);
                envelope_done(&e);
        }
}

typedef struct Bad {
        const char *text;
        size_t size;                    /* 0 = strlen */
        const char *why;
        bool answerable;                /* the caller can be found all the same */
} Bad;

#define ADDRESS "\"_msg_id\": \"m1\", \"_reply_q\": \"reply_1\""
#define ADDRESS_INNER "\\\"_msg_id\\\": \\\"m1\\\", \\\"_reply_q\\\": \\\"reply_1\\\""

static const Bad bad[] = {
        {"", 0, "empty"},
        {"\0", 1, "not valid JSON"},
        {"s3cret", 0, "not valid JSON"},
        {"[1, \"s3cret\"]", 0, "not a JSON object"},
        {"\"s3cret\"", 0, "not a JSON object"},
        {"{\"method\": \"s3cret", 0, "not valid JSON"},
        {"{\"method\": \"m\", \"x\": \"s3cret\xff\xfe\"}", 0, "not valid JSON"},
        {"{\"method\": \"m\", \"method\": \"s3cret\"}", 0, "not valid JSON"},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"s3cret\\\": \"}", 0,
         "message in the envelope is not valid JSON"},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"[\\\"s3cret\\\"]\"}", 0,
         "message in the envelope is not a JSON object"},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": {\"method\": \"s3cret\"}}", 0, "not a string"},
        {"{\"oslo.version\": \"3.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\", " ADDRESS_INNER "}\"}", 0,
         "envelope version 3.0 is not supported", true},
        {"{\"oslo.version\": \"2.1\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\", " ADDRESS_INNER "}\"}", 0, "2.1",
         true},
        {"{\"oslo.version\": 2, \"oslo.message\": \"{\\\"method\\\": \\\"m\\\"}\"}", 0, "version of the envelope"},
        {"{" ADDRESS "}", 0, "names no method", true},
        {"{\"method\": \"\", " ADDRESS "}", 0, "method is empty", true},
        {"{\"method\": 7, " ADDRESS "}", 0, "method is not a string", true},
        {"{\"method\": \"m\", \"args\": [1], " ADDRESS "}", 0, "args is not an object", true},
        {"{\"method\": \"m\", \"version\": \"six\", " ADDRESS "}", 0, "version is not", true},
        {"{\"method\": \"m\", \"version\": 6.0, " ADDRESS "}", 0, "version is not", true},
        {"{\"method\": \"m\", \"version\": \"6\", " ADDRESS "}", 0, "version is not", true},
        {"{\"method\": \"m\", \"version\": \"6.0.0.0\", " ADDRESS "}", 0, "version is not", true},
        {"{\"method\": \"m\", \"version\": \"99999999999.0\", " ADDRESS "}", 0, "version is not", true},
        {"{\"method\": \"m\", \"namespace\": 1, " ADDRESS "}", 0, "namespace is not", true},
        {"{\"method\": \"m\", \"_msg_id\": 1, \"_reply_q\": \"r\"}", 0, "_msg_id is not a string"},
        {"{\"method\": \"m\", \"_msg_id\": \"\"}", 0, "_msg_id is empty"},
        {"{\"method\": \"m\", \"_msg_id\": \"x\", \"_reply_q\": {}}", 0, "_reply_q is not a string"},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\", \\\"_msg_id\\\": \\\"x\\\"}\"}",
         0, "no _reply_q"},
};

static void a_bad_message_has_a_reason_without_content_and_often_an_address(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Envelope e;
                char why[256] = "", ignored[256];
                int r = parse(bad[i].text, bad[i].size ? bad[i].size : strlen(bad[i].text), &e, why);

                if (r == 0)
                        r = envelope_read_request(&e, why, sizeof why);
                else if (e.message)
                        (void) envelope_read_request(&e, ignored, sizeof ignored);
                if (r != -EBADMSG || !strstr(why, bad[i].why) || strstr(why, "s3cret"))
                        fail_msg("%zu %s: %d '%s'", i, bad[i].text, r, why);
                assert_int_equal(e.msg_id && e.reply_q, bad[i].answerable);
                envelope_done(&e);
        }
}

/* Names for the wire have AMQP's limit, and what the log and answers quote has the same. */
static void a_name_longer_than_amqp_allows_is_refused(void **state) {
        static const char *const formats[] = {
                "{\"method\": \"m\", \"_msg_id\": \"1\", \"_reply_q\": \"%s\"}",
                "{\"method\": \"m\", \"_msg_id\": \"%s\"}",
                "{\"method\": \"%s\"}",
                "{\"method\": \"m\", \"namespace\": \"%s\"}",
        };
        char text[512], why[256], name[300] = "";
        Envelope e;

        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                for (unsigned n = 255; n <= 256; n++) {
                        memset(name, 'q', n);
                        name[n] = '\0';
                        char *end = stpcpy(text, formats[i]), *at = strstr(text, "%s");

                        memmove(at + n, at + 2, (size_t) (end - at) - 1);
                        memcpy(at, name, n);
                        assert_int_equal(parse(text, strlen(text), &e, why), 0);
                        assert_int_equal(envelope_read_request(&e, why, sizeof why), n == 255 ? 0 : -EBADMSG);
                        if (n == 256)
                                assert_non_null(strstr(why, "longer than 255 bytes"));
                        envelope_done(&e);
                }
}

static void nesting_is_limited(void **state) {
        size_t n = 200000;
        char *text = malloc(n + 32), why[256];
        Envelope e;

        assert_non_null(text);
        strcpy(text, "{\"method\": ");
        memset(text + strlen(text), '[', n);
        assert_int_equal(parse(text, n, &e, why), -EBADMSG);
        assert_non_null(strstr(why, "not valid JSON"));
        free(text);
        envelope_done(&e);
}

static json_t *inner_of(const Body *b) {
        Envelope e;
        char why[256];

        assert_int_equal(parse(b->data, b->size, &e, why), 0);
        return e.message;
}

/* checklist: 63 */
static void replies_have_the_captured_shape(void **state) {
        json_auto_t *result = json_pack("{s:s, s:[i,b]}", "a", "quote \" backslash \\ \xc3\xa9", "b", 1, 1);
        ReplyHead h = {.format = WIRE_OSLO, .msg_id = "m1", .reply_q = "reply_1", .unique_id = "u1"};
        Body b[2] = {};

        assert_int_equal(envelope_reply(&h, NULL, NULL, b), 1);
        assert_string_equal(
                strndupa(b[0].data, b[0].size),
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"result\\\": null, \\\"failure\\\": null, "
                "\\\"ending\\\": true, \\\"_msg_id\\\": \\\"m1\\\", \\\"_unique_id\\\": \\\"u1\\\"}\"}");
        body_done(&b[0]);

        assert_int_equal(envelope_reply(&h, result, NULL, b), 1);
        json_auto_t *inner = inner_of(&b[0]);
        assert_true(json_equal(json_object_get(inner, "result"), result));
        body_done(&b[0]);

        assert_int_equal(envelope_heartbeat(&h, b), 0);
        assert_string_equal(
                strndupa(b[0].data, b[0].size),
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"result\\\": null, \\\"failure\\\": null, "
                "\\\"ending\\\": false, \\\"_msg_id\\\": \\\"m1\\\", \\\"_unique_id\\\": \\\"u1\\\"}\"}");
        body_done(&b[0]);
}

/* checklist: 63 */
static void a_failure_is_json_in_a_string_for_oslo_and_a_list_for_essex(void **state) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        ReplyHead oslo = {.format = WIRE_OSLO, .msg_id = "m1", .reply_q = "reply_1", .unique_id = "u1"},
                  essex = {.format = WIRE_ESSEX, .msg_id = "m1"};
        Body b[2] = {};

        exception_setf(&x, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", "6f9e");
        assert_int_equal(envelope_reply(&oslo, NULL, &x, b), 1);
        json_auto_t *inner = inner_of(&b[0]);
        assert_true(json_is_null(json_object_get(inner, "result")));
        assert_true(json_is_true(json_object_get(inner, "ending")));
        json_auto_t *failure = json_loads(json_member_string(inner, "failure"), 0, NULL);
        assert_string_equal(json_member_string(failure, "class"), "InstanceNotFound");
        assert_string_equal(json_member_string(failure, "module"), "nova.exception");
        assert_string_equal(json_string_value(json_array_get(json_object_get(failure, "args"), 0)),
                            "Instance 6f9e could not be found.");
        body_done(&b[0]);

        assert_int_equal(envelope_reply(&essex, NULL, &x, b), 1);
        json_auto_t *bare = inner_of(&b[0]);
        assert_string_equal(json_string_value(json_array_get(json_object_get(bare, "failure"), 0)), "InstanceNotFound");
        assert_string_equal(json_string_value(json_array_get(json_object_get(bare, "failure"), 1)),
                            "Instance 6f9e could not be found.");
        assert_null(json_object_get(bare, "ending"));
        body_done(&b[0]);
}

/* checklist: 63 */
static void essex_gets_a_value_and_then_an_ending(void **state) {
        json_auto_t *result = json_string("FAKE");
        ReplyHead h = {.format = WIRE_ESSEX, .msg_id = "m1"};
        Body b[2] = {};

        assert_int_equal(envelope_reply(&h, result, NULL, b), 2);
        assert_string_equal(strndupa(b[0].data, b[0].size), "{\"result\": \"FAKE\", \"failure\": null}");
        assert_string_equal(strndupa(b[1].data, b[1].size), "{\"result\": null, \"failure\": null, \"ending\": true}");
        body_done(&b[0]);
        body_done(&b[1]);
}

/* Peers between Essex and the envelope: bare, but with a reply queue. */
static void a_bare_request_with_a_reply_queue_is_answered_bare_there(void **state) {
        ReplyHead h = {.format = WIRE_ESSEX, .msg_id = "m1", .reply_q = "reply_1", .unique_id = "u1"};
        Body b[2] = {};

        assert_int_equal(envelope_reply(&h, NULL, NULL, b), 1);
        assert_string_equal(
                strndupa(b[0].data, b[0].size),
                "{\"result\": null, \"failure\": null, \"ending\": true, \"_msg_id\": \"m1\", \"_unique_id\": \"u1\"}");
        body_done(&b[0]);
}

static void an_essex_call_has_no_version_and_its_nine_context_keys(void **state) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        RequestHead h = {.format = WIRE_ESSEX,
                         .msg_id = "m1",
                         .namespace = "x",
                         .version = "9.9",
                         .reply_q = "r",
                         .unique_id = "u"};
        unsigned keys = 0;
        const char *key;
        json_t *value;
        Body b;

        assert_int_equal(envelope_request(&h, c, "get_fixed_ip_by_address", NULL, &b), 0);
        json_auto_t *m = inner_of(&b);
        assert_null(json_object_get(m, "version"));
        assert_null(json_object_get(m, "namespace"));
        assert_null(json_object_get(m, "_reply_q"));
        assert_string_equal(json_member_string(m, "_msg_id"), "m1");
        json_object_foreach(m, key, value)
                keys += startswith(key, "_context_") != NULL;
        assert_int_equal(keys, 9);
        body_done(&b);
}

static void a_notification_carries_the_context_but_no_token(void **state) {
        static const char text[] =
                "{\"method\": \"m\", \"_context_request_id\": \"req-1\", \"_context_auth_token\": \"s3cret\"}";
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(context_unrefp) RequestContext *c = NULL;
        json_auto_t *message = json_pack("{s:s}", "event_type", "compute.instance.create.end"),
                    *from = json_loads(text, 0, NULL);
        Body b;

        assert_int_equal(context_from_message(from, &c, &x), 0);
        for (int enveloped = 0; enveloped < 2; enveloped++) {
                assert_int_equal(envelope_notification(c, message, "u1", enveloped, &b), 0);
                assert_null(memmem(b.data, b.size, "s3cret", 6));
                assert_int_equal(memmem(b.data, b.size, "oslo.version", 12) != NULL, enveloped);
                json_auto_t *m = inner_of(&b);
                assert_string_equal(json_member_string(m, "event_type"), "compute.instance.create.end");
                assert_string_equal(json_member_string(m, "_unique_id"), "u1");
                assert_string_equal(json_member_string(m, "_context_request_id"), "req-1");
                body_done(&b);
        }
        assert_null(json_object_get(message, "_unique_id"));
}

static void compressed_bodies_open_with_a_cap(void **state) {
        /* zlib's and gzip's forms of 1000 times 'a' */
        static const unsigned char zlib_form[] = {0x78, 0x9c, 0x4b, 0x4c, 0x1c, 0x05, 0xa3, 0x60, 0x14,
                                                  0x0c, 0x77, 0x00, 0x00, 0xf9, 0xd8, 0x7a, 0xf8};
        char *out = NULL, why[256];
        size_t n = 0;

        assert_int_equal(body_inflate("application/x-gzip", (const char *) zlib_form, sizeof zlib_form, 1000, &out, &n,
                                      why, sizeof why),
                         0);
        assert_int_equal(n, 1000);
        assert_int_equal(strlen(out), 1000);
        free(out);
        assert_int_equal(
                body_inflate("gzip", (const char *) zlib_form, sizeof zlib_form, 999, &out, &n, why, sizeof why),
                -EBADMSG);
        assert_non_null(strstr(why, "999"));
        assert_int_equal(body_inflate("gzip", (const char *) zlib_form, 9, 1000, &out, &n, why, sizeof why), -EBADMSG);
        assert_non_null(strstr(why, "broken"));
        assert_int_equal(body_inflate("gzip", "", 0, 1000, &out, &n, why, sizeof why), -EBADMSG);
        assert_int_equal(body_inflate("application/x-bz2", "x", 1, 1000, &out, &n, why, sizeof why), -EBADMSG);
        assert_non_null(strstr(why, "not supported"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_recorded_call_is_read),
                cmocka_unit_test(a_call_is_written_byte_by_byte_as_a_peer_writes_it),
                cmocka_unit_test(an_envelope_may_be_written_in_any_way_json_allows),
                cmocka_unit_test(a_request_read_in_two_pieces_is_the_same_request),
                cmocka_unit_test(what_is_wrong_with_a_request_is_said_in_the_same_words),
                cmocka_unit_test(a_bare_object_is_essex),
                cmocka_unit_test(the_call_monitors_time_may_be_a_fraction),
                cmocka_unit_test(a_bad_message_has_a_reason_without_content_and_often_an_address),
                cmocka_unit_test(a_name_longer_than_amqp_allows_is_refused),
                cmocka_unit_test(nesting_is_limited),
                cmocka_unit_test(replies_have_the_captured_shape),
                cmocka_unit_test(a_failure_is_json_in_a_string_for_oslo_and_a_list_for_essex),
                cmocka_unit_test(essex_gets_a_value_and_then_an_ending),
                cmocka_unit_test(a_bare_request_with_a_reply_queue_is_answered_bare_there),
                cmocka_unit_test(an_essex_call_has_no_version_and_its_nine_context_keys),
                cmocka_unit_test(a_notification_carries_the_context_but_no_token),
                cmocka_unit_test(compressed_bodies_open_with_a_cap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whom to answer, found in bodies that nobody keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "rpc/caller.h"

static const struct {
        const char *body;
        WireFormat format;
        const char *msg_id, *reply_q;
} table[] = {
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"m\\\", \\\"args\\\": {\\\"a\\\": \\\"xxx\\\"}, "
         "\\\"_msg_id\\\": \\\"m1\\\", \\\"_reply_q\\\": \\\"reply_host:1\\\"}\"}", WIRE_OSLO, "m1", "reply_host:1"},
        {"{\"method\": \"m\", \"_msg_id\": \"m1\", \"args\": {}}", WIRE_ESSEX, "m1", NULL},
        {"{\"_reply_q\":\"r\",\"_msg_id\":\"m1\"}", WIRE_ESSEX, "m1", "r"},
        {"{\"_reply_q\": null, \"_msg_id\": null}", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"m\\u0031\", \"_reply_q\": \"a\\/b\"}", WIRE_ESSEX, "m1", "a/b"},

        /* what is deeper is no address, nor what only looks like one */
        {"{\"args\": {\"_msg_id\": \"x\", \"_reply_q\": \"y\"}, \"_msg_id\": \"m1\"}", WIRE_ESSEX, "m1", NULL},
        {"{\"args\": [\"_reply_q\", \"y\", {\"_reply_q\": \"y\"}], \"_msg_id\": \"m1\"}", WIRE_ESSEX, "m1", NULL},
        {"{\"args\": \"\\\"_reply_q\\\": \\\"y\\\"\", \"_msg_id\": \"m1\"}", WIRE_ESSEX, "m1", NULL},
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"args\\\": {\\\"a\\\": \\\"\\\\\\\"_reply_q\\\\\\\": \\\\\\\"y\\\\\\\"\\\"}, "
         "\\\"_msg_id\\\": \\\"m1\\\"}\"}", WIRE_OSLO, "m1", NULL},
        {"{\"_msg_id_of_another\": \"x\", \"x_msg_id\": \"x\"}", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\\u0000\": \"x\"}", WIRE_ESSEX, NULL, NULL},
        {"{\"a\": \"_msg_id\", \"b\": \"x\"}", WIRE_ESSEX, NULL, NULL},
        {"[\"_msg_id\", \"x\"]", WIRE_ESSEX, NULL, NULL},
        {"\"_msg_id\": \"x\"", WIRE_ESSEX, NULL, NULL},

        /* what cannot be the name of a queue */
        {"{\"_msg_id\": 7, \"_reply_q\": {\"_msg_id\": \"x\"}}", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"\", \"_reply_q\": \"a b\"}", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"a\\nb\", \"_reply_q\": \"\\u00e9\"}", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"\xc3\xa9\"}", WIRE_ESSEX, NULL, NULL},

        /* what is broken costs no more than the address */
        {"", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"m1", WIRE_ESSEX, NULL, NULL},
        {"{\"_msg_id\": \"m1\", \"_reply_q\": \"\\u00", WIRE_ESSEX, "m1", NULL},
        {"}}}}]]]]", WIRE_ESSEX, NULL, NULL},
};

static void check(size_t i, const CallerScan *c) {
        Envelope e;

        caller_envelope(c, &e);
        if (e.format != table[i].format || !streq_ptr(e.msg_id, table[i].msg_id) || !streq_ptr(e.reply_q, table[i].reply_q))
                fail_msg("%zu %s: %d %s %s", i, table[i].body, e.format, strempty(e.msg_id), strempty(e.reply_q));
}

static void the_address_is_found_in_whatever_pieces_the_body_comes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                size_t n = strlen(table[i].body);

                for (size_t piece = 1; piece <= n + 1; piece += 1 + piece / 4) {
                        CallerScan c = {};

                        for (size_t at = 0; at < n; at += piece)
                                caller_scan(&c, table[i].body + at, MIN(piece, n - at));
                        check(i, &c);
                }
        }
}

static void a_name_longer_than_a_queue_may_have_is_none(void **state) {
        for (unsigned n = 254; n <= 300; n++) {
                char name[301] = "", body[600];
                CallerScan c = {};
                Envelope e;

                memset(name, 'q', n);
                (void) snprintf(body, sizeof body, "{\"%s\": \"x\", \"_msg_id\": \"%s\"}", name, name);
                caller_scan(&c, body, strlen(body));
                caller_envelope(&c, &e);
                assert_int_equal(e.msg_id ? strlen(e.msg_id) : 0, n <= 255 ? n : 0);
        }
}

static void nesting_without_end_is_only_counted(void **state) {
        CallerScan c = {};
        Envelope e;

        for (unsigned i = 0; i < 1000000; i++)
                caller_scan(&c, "{[", 2);
        caller_scan(&c, "\"_msg_id\": \"x\"", 14);
        caller_envelope(&c, &e);
        assert_null(e.msg_id);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_address_is_found_in_whatever_pieces_the_body_comes),
                cmocka_unit_test(a_name_longer_than_a_queue_may_have_is_none),
                cmocka_unit_test(nesting_without_end_is_only_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

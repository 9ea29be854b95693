/* Requested networks, in each of the shapes that come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json.h"
#include "network/requested.h"

static json_t *parse(const char *text) {
        json_t *value;
        char why[200];

        if (json_parse(text, strlen(text), &value, why, sizeof why) < 0)
                fail_msg("the test's own JSON is wrong: %s: %s", text, why);
        return value;
}

static void each_shape_says_the_same(void **state _unused_) {
        static const char *const shapes[] = {
                "[[\"net1\", \"10.0.0.3\"]]",
                "[[\"net1\", \"10.0.0.3\", null, null]]",
                "[{\"network_id\": \"net1\", \"address\": \"10.0.0.3\"}]",
                "[{\"uuid\": \"net1\", \"fixed_ip\": \"10.0.0.3\"}]",
                "{\"nova_object.name\": \"NetworkRequestList\", \"nova_object.data\": {\"objects\": [{\"nova_object.name\":"
                " \"NetworkRequest\", \"nova_object.data\": {\"network_id\": \"net1\", \"address\": \"10.0.0.3\", \"port_id\": null,"
                " \"tag\": null}}]}}",
        };

        for (size_t n = 0; n < ELEMENTSOF(shapes); n++) {
                _cleanup_(network_requests_done) NetworkRequests q = {};
                json_auto_t *value = parse(shapes[n]);
                char text[IP_TEXT_MAX];

                assert_int_equal(network_requests_read(value, &q, NULL), 0);
                assert_false(q.none);
                assert_false(q.any);
                assert_int_equal(q.n, 1);
                assert_string_equal(q.items[0].network, "net1");
                assert_string_equal(ip_format(&q.items[0].address, text), "10.0.0.3");
                assert_null(q.items[0].port);
                assert_null(q.items[0].tag);
        }
}

static void none_auto_and_nothing(void **state _unused_) {
        static const struct {
                const char *text;
                bool none, any;
        } rows[] = {
                { "null", false, true },
                { "[]", false, true },
                { "[[null, null]]", false, true },
                { "\"none\"", true, false },
                { "\"auto\"", false, true },
                { "[{\"network_id\": \"none\"}]", true, false },
                { "[{\"network_id\": \"auto\"}]", false, true },
                { "{\"nova_object.data\": {\"objects\": [{\"nova_object.data\": {\"network_id\": \"none\", \"address\": null}}]}}", true, false },
                { "{\"nova_object.data\": {\"objects\": []}}", false, true },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(network_requests_done) NetworkRequests q = {};
                json_auto_t *value = parse(rows[n].text);

                assert_int_equal(network_requests_read(value, &q, NULL), 0);
                assert_int_equal(q.none, rows[n].none);
                assert_int_equal(q.any, rows[n].any);
                assert_int_equal(q.n, 0);
        }
        {
                _cleanup_(network_requests_done) NetworkRequests q = {};

                assert_int_equal(network_requests_read(NULL, &q, NULL), 0);
                assert_true(q.any);
        }
}

static void ports_and_tags_are_read(void **state _unused_) {
        _cleanup_(network_requests_done) NetworkRequests q = {};
        json_auto_t *value = parse("[{\"port_id\": \"p1\", \"tag\": \"front\"}, [null, null, \"p2\"], \"net2\"]");

        assert_int_equal(network_requests_read(value, &q, NULL), 0);
        assert_int_equal(q.n, 3);
        assert_string_equal(q.items[0].port, "p1");
        assert_string_equal(q.items[0].tag, "front");
        assert_string_equal(q.items[1].port, "p2");
        assert_string_equal(q.items[2].network, "net2");
}

static void what_has_no_such_shape_is_told_by_entry(void **state _unused_) {
        static const struct {
                const char *text;
                ExceptionClass class;
                const char *part;
        } rows[] = {
                { "7", EXC_INVALID_INPUT, "is an integer, not an array" },
                { "\"some\"", EXC_INVALID_INPUT, "'some' is neither none nor auto" },
                { "{}", EXC_INVALID_INPUT, "its objects are nothing" },
                { "[7]", EXC_INVALID_INPUT, "entry 0 is an integer" },
                { "[\"a\", [7]]", EXC_INVALID_INPUT, "the network of entry 1 is an integer" },
                { "[[\"a\", 7]]", EXC_INVALID_INPUT, "the address of entry 0 is an integer" },
                { "[[\"a\", \"10.0.0\"]]", EXC_FIXED_IP_INVALID, "Fixed IP address 10.0.0 is invalid." },
                { "[[1,2,3,4,5,6,7]]", EXC_INVALID_INPUT, "entry 0 has 7 members" },
                { "[[\"a\"], [null]]", EXC_INVALID_INPUT, "entry 1 names nothing" },
                { "[{\"port_id\": \"P1\"}, {\"port_id\": \"p1\"}]", EXC_NETWORK_DUPLICATED, "p1 is duplicated" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(network_requests_done) NetworkRequests q = {};
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *value = parse(rows[n].text);

                assert_int_equal(network_requests_read(value, &q, &e), -EINVAL);
                assert_true(exception_is(&e, rows[n].class));
                if (!strstr(e.message, rows[n].part))
                        fail_msg("%s: %s", rows[n].text, e.message);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_shape_says_the_same),
                cmocka_unit_test(none_auto_and_nothing),
                cmocka_unit_test(ports_and_tags_are_read),
                cmocka_unit_test(what_has_no_such_shape_is_told_by_entry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

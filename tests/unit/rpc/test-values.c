/* Names and flags of what is declared, the duplicate filter, dispatch, and what the options make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "basic/id.h"
#include "objects/method.h"
#include "rpc/duplicate.h"
#include "rpc/options.h"
#include "rpc/rpc-internal.h"
#include "rpc/topology.h"

/* ---- topology ---- */

static const TopologyOptions deployed = {.exchange = "nova", .transient_ttl = 1800};

/* checklist: 57, 58, 59 */
static void the_queues_are_those_of_a_deployed_zed(void **state) {
        TopologyQueue q[_TOPOLOGY_SERVER_MAX];

        assert_int_equal(topology_server(&deployed, "compute", "host1", "nova-compute", 1, q), 0);

        assert_string_equal(q[TOPOLOGY_TOPIC].name, "compute");
        assert_string_equal(q[TOPOLOGY_TOPIC].key, "compute");
        assert_string_equal(q[TOPOLOGY_HOST].name, "compute.host1");
        assert_string_equal(q[TOPOLOGY_HOST].key, "compute.host1");
        for (unsigned i = TOPOLOGY_TOPIC; i <= TOPOLOGY_HOST; i++) {
                assert_string_equal(q[i].exchange.name, "nova");
                assert_string_equal(q[i].exchange.type, "topic");
                assert_false(q[i].exchange.durable || q[i].exchange.auto_delete || q[i].durable || q[i].auto_delete ||
                             q[i].own);
                assert_int_equal(q[i].n_arguments, 0);
        }

        assert_string_equal(q[TOPOLOGY_FANOUT].name, "compute_fanout_host1:nova-compute:1");
        assert_string_equal(q[TOPOLOGY_FANOUT].key, "compute");
        assert_string_equal(q[TOPOLOGY_FANOUT].exchange.name, "compute_fanout");
        assert_string_equal(q[TOPOLOGY_FANOUT].exchange.type, "fanout");
        assert_true(q[TOPOLOGY_FANOUT].exchange.auto_delete);
        assert_false(q[TOPOLOGY_FANOUT].exchange.durable);
        assert_true(q[TOPOLOGY_FANOUT].own);
        assert_int_equal(q[TOPOLOGY_FANOUT].n_arguments, 1);
        assert_string_equal(q[TOPOLOGY_FANOUT].arguments[0].name, "x-expires");
        assert_int_equal(q[TOPOLOGY_FANOUT].arguments[0].number, 1800000);
}

static void durable_and_quorum_reach_the_shared_queues_only(void **state) {
        TopologyOptions o = deployed;
        TopologyQueue q[_TOPOLOGY_SERVER_MAX];

        o.durable = o.auto_delete = true;
        assert_int_equal(topology_server(&o, "compute", "h", "p", 1, q), 0);
        assert_true(q[TOPOLOGY_TOPIC].durable && q[TOPOLOGY_TOPIC].auto_delete && q[TOPOLOGY_HOST].exchange.durable);
        assert_false(q[TOPOLOGY_FANOUT].durable || q[TOPOLOGY_FANOUT].exchange.durable);

        o = deployed;
        o.quorum = true;
        o.quorum_delivery_limit = 3;
        assert_int_equal(topology_server(&o, "compute", "h", "p", 1, q), 0);
        assert_true(q[TOPOLOGY_TOPIC].durable && q[TOPOLOGY_TOPIC].exchange.durable);
        assert_int_equal(q[TOPOLOGY_TOPIC].n_arguments, 2);
        assert_string_equal(q[TOPOLOGY_TOPIC].arguments[0].name, "x-queue-type");
        assert_string_equal(q[TOPOLOGY_TOPIC].arguments[0].text, "quorum");
        assert_string_equal(q[TOPOLOGY_TOPIC].arguments[1].name, "x-delivery-limit");
        assert_int_equal(q[TOPOLOGY_TOPIC].arguments[1].number, 3);
        assert_int_equal(q[TOPOLOGY_FANOUT].n_arguments, 1);

        o = deployed;
        o.ha = true;
        assert_int_equal(topology_server(&o, "compute", "h", "p", 1, q), 0);
        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                assert_string_equal(q[i].arguments[0].name, "x-ha-policy");
}

/* checklist: 84 */
static void a_host_is_an_opaque_text_unless_it_would_match_others(void **state) {
        static const struct {
                const char *host;
                int r;
        } table[] = {{"a.b-c_d", 0}, {"h\xc3\xb6st", 0}, {"with space", 0}, {"a*b", 0},
                     {"*", -EINVAL}, {"a.#", -EINVAL},   {"#.b", -EINVAL},  {"", -EINVAL}};
        TopologyQueue q[_TOPOLOGY_SERVER_MAX];
        char longest[400];

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(topology_server(&deployed, "compute", table[i].host, "p", 1, q), table[i].r);
        memset(longest, 'h', sizeof longest);
        longest[248] = '\0';
        assert_int_equal(topology_server(&deployed, "compute", longest, "p", 1, q), -EINVAL);
        longest[200] = '\0';
        assert_int_equal(topology_server(&deployed, "compute", longest, "p", 1, q), 0);
}

static void a_reply_queue_names_its_host_and_hangs_on_the_default_exchange(void **state) {
        TopologyQueue q;

        assert_int_equal(topology_reply_queue(&deployed, "host1", "nova-compute", 2, &q), 0);
        assert_string_equal(q.name, "reply_host1:nova-compute:2");
        assert_string_equal(q.exchange.name, "");
        assert_true(q.own);
        assert_int_equal(q.arguments[0].number, 1800000);
}

/* ---- duplicates ---- */

static void an_id_is_known_while_it_runs_and_long_after(void **state) {
        Duplicates *d = NULL;
        DuplicateEntry *e = NULL, *other = NULL;
        void *running = NULL;
        int a, b;

        assert_int_equal(duplicates_new(&d, 100), 0);
        assert_int_equal(duplicates_enter(d, "x", &a, &e, &running), 1);
        assert_int_equal(duplicates_enter(d, "x", &b, &other, &running), 0);
        assert_ptr_equal(running, &a);

        duplicates_done(d, e);
        assert_int_equal(duplicates_enter(d, "x", &b, &other, &running), 0);
        assert_null(running);

        for (unsigned i = 0; i < 99; i++) {
                char id[HEX_ID_MAX];

                assert_int_equal(duplicates_enter(d, uuid4_hex(id), &a, &e, &running), 1);
                duplicates_done(d, e);
        }
        assert_int_equal(duplicates_enter(d, "x", &b, &other, &running), 0);
        assert_int_equal(duplicates_enter(d, "y", &a, &e, &running), 1);
        duplicates_done(d, e);
        assert_int_equal(duplicates_enter(d, "x", &b, &other, &running),
                         1); /* a hundred others later it is forgotten */
        duplicates_free(d);
}

static void what_was_handed_back_may_come_again(void **state) {
        Duplicates *d = NULL;
        DuplicateEntry *e = NULL;
        void *running = NULL;
        int a;

        assert_int_equal(duplicates_new(&d, 4), 0);
        assert_int_equal(duplicates_enter(d, "x", &a, &e, &running), 1);
        duplicates_forget(d, e);
        assert_int_equal(duplicates_enter(d, "x", &a, &e, &running), 1);
        duplicates_free(d);
}

/* ---- dispatch ---- */

static bool has(unsigned served, const char *method, void *userdata) {
        switch (served) {
        case SERVED_ZED:
                return streq(method, "start_instance") || streq(method, "both");
        case SERVED_BASEAPI:
                return streq(method, "ping");
        case SERVED_RPC_PING:
                return streq(method, "oslo_rpc_server_ping");
        default:
                return streq(method, "start_instance") || streq(method, "_private");
        }
}

/* checklist: 62 */
static void a_request_finds_its_endpoint_by_namespace_and_version(void **state) {
        static const RpcEndpoint endpoints[] = {
                {WIRE_OSLO, NULL, 6, 1, SERVED_ZED},    {WIRE_OSLO, "baseapi", 1, 1, SERVED_BASEAPI},
                {WIRE_OSLO, NULL, 5, 13, SERVED_ZED},   {WIRE_OSLO, NULL, 1, 0, SERVED_RPC_PING},
                {WIRE_ESSEX, NULL, 1, 0, SERVED_ESSEX},
        };
        static const struct {
                WireFormat format;
                const char *namespace;
                unsigned major, minor;
                const char *method;
                int result;
                const char *class, *message;
        } table[] = {
                {WIRE_OSLO, NULL, 6, 0, "start_instance", 0},
                {WIRE_OSLO, NULL, 6, 1, "start_instance", 0},
                {WIRE_OSLO, NULL, 5, 2, "both", 2},
                {WIRE_OSLO, "baseapi", 1, 0, "ping", 1},
                {WIRE_OSLO, NULL, 1, 0, "oslo_rpc_server_ping", 3},
                {WIRE_ESSEX, NULL, 1, 0, "start_instance", 4},
                {WIRE_OSLO, NULL, 6, 2, "start_instance", -1, "UnsupportedVersion",
                 "Endpoint does not support RPC version 6.2. Attempted method: start_instance"},
                {WIRE_OSLO, NULL, 7, 0, "x", -1, "UnsupportedVersion",
                 "Endpoint does not support RPC version 7.0. Attempted method: x"},
                {WIRE_OSLO, "other", 1, 0, "ping", -1, "UnsupportedVersion", NULL},
                {WIRE_OSLO, "", 6, 0, "start_instance", -1, "UnsupportedVersion", NULL},
                {WIRE_OSLO, "baseapi", 2, 0, "ping", -1, "UnsupportedVersion", NULL},
                {WIRE_OSLO, NULL, 6, 0, "nope", -1, "NoSuchMethod", "Endpoint does not support RPC method nope"},
                {WIRE_OSLO, NULL, 1, 0, "ping", -1, "NoSuchMethod", "Endpoint does not support RPC method ping"},
                {WIRE_ESSEX, NULL, 1, 0, "nope", -1, "AttributeError",
                 "'ComputeManager' object has no attribute 'nope'"},
                {WIRE_ESSEX, NULL, 1, 0, "_private", -1, "AttributeError",
                 "'ComputeManager' object has no attribute '_private'"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                RpcRequest r = {.envelope = {.format = table[i].format,
                                             .namespace = table[i].namespace,
                                             .major = table[i].major,
                                             .minor = table[i].minor,
                                             .method = table[i].method}};
                int k = rpc_dispatch(endpoints, ELEMENTSOF(endpoints), &r, has, NULL, &e);

                if (table[i].result >= 0) {
                        assert_int_equal(k, table[i].result);
                        assert_false(exception_is_set(&e));
                        continue;
                }
                assert_int_equal(k, -EOPNOTSUPP);
                assert_string_equal(e.class_name, table[i].class);
                if (table[i].message)
                        assert_string_equal(e.message, table[i].message);
        }
}

/* ---- options ---- */

static int read_options(RpcOptions **ret, NovaException *e, const char *const *assignments) {
        ConfigError error = {};
        Config *c = NULL;
        int r;

        if (config_new_for_test(&c, assignments, &error) < 0)
                fail_msg("%s", error.text);
        r = rpc_options_read(c, ret, e);
        config_unref(c);
        return r;
}
#define READ(ret, e, ...) read_options(ret, e, (const char *const[]){__VA_ARGS__, NULL})

static void the_options_of_essex_are_a_broker_too(void **state) {
        _cleanup_(rpc_options_freep) RpcOptions *o = NULL;

        assert_int_equal(READ(&o, NULL, "host=h", "rabbit_host=b1", "rabbit_port=5673", "rabbit_userid=u",
                              "rabbit_password=p", "rabbit_virtual_host=/v"),
                         0);
        assert_int_equal(o->url.n_hosts, 1);
        assert_string_equal(o->url.hosts[0].host, "b1");
        assert_int_equal(o->url.hosts[0].port, 5673);
        assert_string_equal(o->url.hosts[0].user, "u");
        assert_string_equal(o->url.hosts[0].password, "p");
        assert_string_equal(o->url.vhost, "/v");
}

static void several_hosts_of_rabbit_hosts_share_the_login(void **state) {
        _cleanup_(rpc_options_freep) RpcOptions *o = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(READ(&o, NULL, "host=h", "rabbit_hosts=b1,[::1]:5673", "rabbit_userid=u"), 0);
        assert_int_equal(o->url.n_hosts, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(o->url.hosts[i].user, "u");
                assert_int_equal(o->url.hosts[i].port, streq(o->url.hosts[i].host, "b1") ? 5672 : 5673);
        }
        o = rpc_options_free(o);
        assert_int_equal(READ(&o, &e, "host=h", "rabbit_hosts=b1:x"), -EINVAL);
        assert_non_null(strstr(e.message, "rabbit_hosts: 'b1:x'"));
}

static void the_urls_query_beats_the_options(void **state) {
        _cleanup_(rpc_options_freep) RpcOptions *o = NULL;

        assert_int_equal(READ(&o, NULL, "host=h", "oslo_messaging_rabbit.heartbeat_timeout_threshold=60",
                              "transport_url=rabbit://u:p@h/"
                              "?heartbeat_timeout_threshold=7&amqp_durable_queues=yes&rabbit_qos_prefetch_count=10"),
                         0);
        assert_int_equal(o->heartbeat, 7);
        assert_true(o->topology.durable);
        assert_int_equal(o->prefetch, 10);
}

static void no_prefetch_means_as_many_as_can_run(void **state) {
        _cleanup_(rpc_options_freep) RpcOptions *o = NULL;

        assert_int_equal(READ(&o, NULL, "host=h", "rpc_thread_pool_size=20"), 0);
        assert_int_equal(o->prefetch, 20);
}

static void bad_options_are_named_with_their_value(void **state) {
        static const struct {
                const char *a, *b, *why;
        } table[] = {
                {"transport_url=rabbit://u:s3cret@h:x/", NULL, "port"},
                {"transport_url=rabbit://u:s3cret@h/?ssl=maybe", NULL, "ssl=maybe"},
                {"transport_url=rabbit://u:s3cret@h/?heartbeat_timeout_threshold=soon", NULL,
                 "heartbeat_timeout_threshold=soon"},
                {"oslo_messaging_rabbit.rabbit_login_method=EXTERNAL", NULL, "ssl must be true"},
                {"oslo_messaging_rabbit.rabbit_login_method=RABBIT-CR-DEMO", NULL, "RABBIT-CR-DEMO"},
                {"transport_url=rabbit://u:s3cret@h/?rabbit_ha_queues=1&rabbit_quorum_queue=1", NULL,
                 "exclude each other"},
                {"oslo_messaging_rabbit.ssl=true", "oslo_messaging_rabbit.ssl_version=SSLv2", "SSLv2"},
                {"oslo_messaging_rabbit.ssl=true", "oslo_messaging_rabbit.ssl_key_file=/k", "ssl_cert_file"},
                {"rpc_backend=nova.rpc.impl_qpid", NULL, "nova.rpc.impl_qpid"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                RpcOptions *o = NULL;
                int r = READ(&o, &e, "host=h", table[i].a, table[i].b);

                if (r != -EINVAL || !strstr(e.message, table[i].why) || strstr(e.message, "s3cret"))
                        fail_msg("%s: %d %s", table[i].a, r, e.message);
                assert_null(o);
        }
}

/* checklist: 64 */
static void waits_between_tries_grow_as_configured_and_are_spread(void **state) {
        RpcOptions o = {.retry_first = USEC_PER_SEC, .retry_step = 2 * USEC_PER_SEC, .retry_max = 30 * USEC_PER_SEC};
        static const unsigned seconds[] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 30, 30, 30};

        for (unsigned i = 0; i < ELEMENTSOF(seconds); i++) {
                usec_t base = seconds[i] * USEC_PER_SEC, least = USEC_INFINITY, most = 0;

                for (uint32_t random = 0; random < 400; random++) {
                        usec_t d = rpc_options_retry_delay(&o, i + 1, false, 0, random * 2654435761u);

                        least = MIN(least, d);
                        most = MAX(most, d);
                }
                assert_true(least >= base && most <= base + base / 4 && most - least > base / 8);
        }
        assert_true(rpc_options_retry_delay(&o, 4000000000u, false, 0, 0) == 30 * USEC_PER_SEC);
}

static void a_port_that_refuses_is_tried_often_but_not_for_ever(void **state) {
        RpcOptions o = {.retry_first = USEC_PER_SEC, .retry_step = 2 * USEC_PER_SEC, .retry_max = 30 * USEC_PER_SEC};

        for (uint32_t random = 0; random < 100; random++) {
                assert_true(rpc_options_retry_delay(&o, 9, true, 20 * USEC_PER_SEC, random * 2654435761u) <=
                            300 * USEC_PER_MSEC);
                assert_true(rpc_options_retry_delay(&o, 9, true, 61 * USEC_PER_SEC, random * 2654435761u) >=
                            17 * USEC_PER_SEC);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_queues_are_those_of_a_deployed_zed),
                cmocka_unit_test(durable_and_quorum_reach_the_shared_queues_only),
                cmocka_unit_test(a_host_is_an_opaque_text_unless_it_would_match_others),
                cmocka_unit_test(a_reply_queue_names_its_host_and_hangs_on_the_default_exchange),
                cmocka_unit_test(an_id_is_known_while_it_runs_and_long_after),
                cmocka_unit_test(what_was_handed_back_may_come_again),
                cmocka_unit_test(a_request_finds_its_endpoint_by_namespace_and_version),
                cmocka_unit_test(the_options_of_essex_are_a_broker_too),
                cmocka_unit_test(several_hosts_of_rabbit_hosts_share_the_login),
                cmocka_unit_test(the_urls_query_beats_the_options),
                cmocka_unit_test(no_prefetch_means_as_many_as_can_run),
                cmocka_unit_test(bad_options_are_named_with_their_value),
                cmocka_unit_test(waits_between_tries_grow_as_configured_and_are_spread),
                cmocka_unit_test(a_port_that_refuses_is_tried_often_but_not_for_ever),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

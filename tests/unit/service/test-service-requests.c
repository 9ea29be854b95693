/* A service with the in-process transport, asked as a client would; and one whose broker is away. */
#include "service-fixture.h"

#include <errno.h>

static Fixture f;

static void begin(const char *transport, const char *more) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char url[128];

        snprintf(url, sizeof url, "transport_url=%s", transport);
        fixture_begin(&f, (const char *const[]){url, more, NULL});
        if (rpc_new(&f.environment.rpc, f.event, f.config, &e) < 0)
                fail_msg("%s", e.message);
}

static int setup(void **state) {
        begin("fake://", NULL);
        return 0;
}

static int setup_short(void **state) {
        begin("fake://", "stop_timeout=1");
        return 0;
}

static int setup_no_broker(void **state) {
        begin("rabbit://guest:guest@127.0.0.1:1/", NULL);
        return 0;
}

static int teardown(void **state) {
        Rpc *rpc = f.environment.rpc;

        hold_open(&f.init_host);
        hold_open(&f.method);
        if (f.service && service_state(f.service) != SERVICE_STOPPED) {
                (void) service_stop(f.service);
                fixture_run_until(&f, SERVICE_STOPPED);
        }
        run_until(f.event, !f.service || service_operations_running(f.service) == 0);
        f.service = service_free(f.service);
        assert_int_equal(pool_stop(f.pool, TEST_DEADLINE), 0);
        rpc_free(rpc, USEC_PER_SEC);
        fixture_end(&f);
        return 0;
}

/* One call by a client, on a thread of its own. */
typedef struct Client {
        pthread_t thread;
        Messenger *messenger;
        MessageTarget target;
        const char *method;
        json_t *args, *result;
        int r;
        NovaException e;
        atomic_bool ended;
} Client;

static void *client_main(void *p) {
        Client *c = p;
        _cleanup_(context_unrefp) RequestContext *context = context_new_admin();

        c->r = c->messenger->call(c->messenger, &c->target, context, c->method, c->args, TEST_DEADLINE, &c->result, &c->e);
        atomic_store(&c->ended, true);
        return NULL;
}

static void client_call(Client *c, WireFormat format, const char *namespace, const char *version, const char *method, json_t *args) {
        *c = (Client){
                .messenger = rpc_messenger(f.environment.rpc),
                .target = {.topic = "compute", .server = "host1", .namespace = namespace, .version = version, .format = format},
                .method = method,
                .args = args ?: json_object(),
        };
        assert_int_equal(pthread_create(&c->thread, NULL, client_main, c), 0);
}

/* Runs the loop until the answer is there. */
static void client_wait(Client *c) {
        run_until(f.event, atomic_load(&c->ended));
        assert_int_equal(pthread_join(c->thread, NULL), 0);
}

static void client_done(Client *c) {
        json_decref(c->args);
        json_decref(c->result);
        exception_done(&c->e);
}

/* checklist: 55, 57, 58, 59, 60, 71 */
static void all_three_queues_are_consumed_before_it_is_ready(void **state) {
        const char *const *queues;

        fixture_start(&f);
        assert_int_equal(service_state(f.service), SERVICE_RUNNING);
        assert_int_equal(service_broker(f.service)->state, RPC_LINK_CONNECTED);
        assert_int_equal(service_broker(f.service)->consumers, 3);
        queues = service_queues(f.service);
        assert_string_equal(queues[0], "compute");
        assert_string_equal(queues[1], "compute.host1");
        assert_ptr_equal(strstr(queues[2], "compute_fanout_"), queues[2]);
        assert_null(queues[3]);
}

/* checklist: 61, 75 */
static void requests_are_answered(void **state) {
        Client c;

        fixture_start(&f);
        client_call(&c, WIRE_OSLO, "baseapi", "1.0", "ping", json_pack("{s:s}", "arg", "hello"));
        client_wait(&c);
        assert_int_equal(c.r, 0);
        assert_string_equal(json_string_value(json_object_get(c.result, "service")), "compute");
        assert_string_equal(json_string_value(json_object_get(c.result, "arg")), "hello");
        client_done(&c);
        assert_int_equal(service_requests(f.service), 1);
        assert_int_equal(service_failures(f.service), 0);
}

/* checklist: 62 */
static void what_cannot_be_served_is_answered_as_the_caller_s_kind_expects(void **state) {
        static const struct {
                WireFormat format;
                const char *namespace, *version, *method, *args, *class, *text;
        } cases[] = {
                {WIRE_OSLO, NULL, "6.0", "nothing", "{}", "NoSuchMethod", "Endpoint does not support RPC method nothing"},
                {WIRE_OSLO, NULL, "7.0", "slow", "{}", "UnsupportedVersion",
                 "Endpoint does not support RPC version 7.0. Attempted method: slow"},
                {WIRE_OSLO, NULL, "6.2", "slow", "{}", "UnsupportedVersion", "version 6.2"},
                {WIRE_OSLO, NULL, "6.0", "_private", "{}", "NoSuchMethod", "_private"},
                {WIRE_OSLO, NULL, "6.0", "ping", "{\"arg\": \"x\"}", "NoSuchMethod", "ping"},
                {WIRE_OSLO, "baseapi", "1.0", "ping", "{}", "TypeError", "arg"},
                {WIRE_OSLO, "baseapi", "1.0", "ping", "{\"arg\": 5}", "TypeError", "arg"},
                {WIRE_OSLO, NULL, "6.0", "broken", "{}", "InstanceNotFound", "could not be found"},
                {WIRE_ESSEX, NULL, NULL, "nothing", "{}", "AttributeError", "'TestManager' object has no attribute 'nothing'"},
                {WIRE_ESSEX, NULL, NULL, "ping", "{}", "TypeError", "arg"},
                {WIRE_ESSEX, NULL, NULL, "broken", "{}", "InstanceNotFound", "could not be found"},
        };
        Client well;

        fixture_start(&f);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Client c;

                client_call(&c, cases[i].format, cases[i].namespace, cases[i].version, cases[i].method,
                            json_loads(cases[i].args, 0, NULL));
                client_wait(&c);
                assert_true(c.r < 0);
                if (!streq(strempty(c.e.class_name), cases[i].class) || !strstr(strempty(c.e.message), cases[i].text))
                        fail_msg("case %zu: %s: %s", i, c.e.class_name, c.e.message);
                client_done(&c);
        }
        assert_int_equal(service_failures(f.service), ELEMENTSOF(cases));

        /* And the consumer goes on. */
        client_call(&well, WIRE_ESSEX, NULL, NULL, "ping", json_pack("{s:s}", "arg", "x"));
        client_wait(&well);
        assert_int_equal(well.r, 0);
        client_done(&well);
}

/* checklist: 61 */
static void a_slow_request_does_not_delay_a_fast_one(void **state) {
        Client slow, fast;

        fixture_start(&f);
        hold_close(&f.method);
        client_call(&slow, WIRE_OSLO, NULL, "6.0", "slow", NULL);
        run_until(f.event, hold_waiting(&f.method) == 1);
        client_call(&fast, WIRE_OSLO, "baseapi", "1.0", "ping", json_pack("{s:s}", "arg", "x"));
        client_wait(&fast);
        assert_false(atomic_load(&slow.ended));
        hold_open(&f.method);
        client_wait(&slow);
        assert_string_equal(json_string_value(slow.result), "slow");
        client_done(&fast);
        client_done(&slow);
}

/* The queues are there from the first moment, and keep what comes until the consumers' step (F67). */
/* checklist: 61 */
static void what_is_sent_during_the_start_waits_for_the_consumers(void **state) {
        Client c;

        hold_close(&f.init_host);
        fixture_service(&f);
        assert_return_code(service_start(f.service), 0);
        run_until(f.event, hold_waiting(&f.init_host) == 1);
        client_call(&c, WIRE_OSLO, NULL, "6.0", "slow", NULL);
        run_for(f.event, 100 * USEC_PER_MSEC);
        assert_int_equal(service_requests(f.service), 0);
        assert_false(atomic_load(&c.ended));
        hold_open(&f.init_host);
        client_wait(&c);
        assert_int_equal(c.r, 0);
        client_done(&c);
}

/* checklist: 74 */
static void a_stop_answers_what_runs_and_leaves_the_rest_to_the_next_start(void **state) {
        Client running, waiting, late;

        pool_set_cap(f.pool, JOB_QUERY, 1);
        fixture_start(&f);
        hold_close(&f.method);
        client_call(&running, WIRE_OSLO, NULL, "6.0", "slow", NULL);
        run_until(f.event, hold_waiting(&f.method) == 1);
        client_call(&waiting, WIRE_OSLO, NULL, "6.0", "slow", NULL);
        run_until(f.event, service_operations_running(f.service) == 2);

        assert_return_code(service_stop(f.service), 0);
        run_for(f.event, 50 * USEC_PER_MSEC);
        assert_int_equal(service_state(f.service), SERVICE_STOPPING);
        hold_open(&f.method);
        client_wait(&running);
        assert_int_equal(running.r, 0);
        fixture_run_until(&f, SERVICE_STOPPED);
        assert_false(atomic_load(&waiting.ended));
        assert_int_equal(service_broker(f.service)->state, RPC_LINK_CLOSED);

        /* To a stopped service: kept in the queue. */
        client_call(&late, WIRE_OSLO, "baseapi", "1.0", "ping", json_pack("{s:s}", "arg", "x"));
        run_for(f.event, 50 * USEC_PER_MSEC);
        assert_false(atomic_load(&late.ended));

        assert_return_code(service_start(f.service), 0);
        client_wait(&waiting);
        client_wait(&late);
        assert_int_equal(waiting.r, 0);
        assert_int_equal(late.r, 0);
        client_done(&running);
        client_done(&waiting);
        client_done(&late);
}

static void a_request_that_outlasts_the_stop_is_handed_back_and_hurts_nobody(void **state) {
        Client c;
        usec_t before;

        fixture_start(&f);
        hold_close(&f.method);
        client_call(&c, WIRE_OSLO, NULL, "6.0", "slow", NULL);
        run_until(f.event, hold_waiting(&f.method) == 1);
        before = now_monotonic();
        fixture_stop(&f);
        assert_true(now_monotonic() - before < 5 * USEC_PER_SEC);
        hold_open(&f.method);
        run_until(f.event, service_operations_running(f.service) == 0);

        /* It was not answered, so the next start does it. */
        assert_false(atomic_load(&c.ended));
        assert_return_code(service_start(f.service), 0);
        client_wait(&c);
        assert_int_equal(c.r, 0);
        client_done(&c);
}

static void a_broker_that_is_away_does_not_hold_the_start(void **state) {
        usec_t before = now_monotonic();

        fixture_start(&f);
        assert_true(now_monotonic() - before < 3 * USEC_PER_SEC);
        assert_int_equal(service_state(f.service), SERVICE_DEGRADED);
        assert_non_null(strstr(service_trouble(f.service), "AMQP server on 127.0.0.1:1 is not connected"));
        assert_null(strstr(service_trouble(f.service), "guest"));
        run_until(f.event, service_last_report(f.service) > 0);
        before = now_monotonic();
        fixture_stop(&f);
        assert_true(now_monotonic() - before < USEC_PER_SEC);
}

static void it_can_be_stopped_and_started_again_and_again(void **state) {
        fixture_service(&f);
        for (int i = 0; i < 5; i++) {
                Client c;

                assert_return_code(service_start(f.service), 0);
                fixture_run_until(&f, SERVICE_RUNNING);
                client_call(&c, WIRE_OSLO, "baseapi", "1.0", "ping", json_pack("{s:s}", "arg", "x"));
                client_wait(&c);
                assert_int_equal(c.r, 0);
                client_done(&c);
                fixture_stop(&f);
        }
        assert_int_equal(service_requests(f.service), 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_three_queues_are_consumed_before_it_is_ready, setup, teardown),
                cmocka_unit_test_setup_teardown(requests_are_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(what_cannot_be_served_is_answered_as_the_caller_s_kind_expects, setup, teardown),
                cmocka_unit_test_setup_teardown(a_slow_request_does_not_delay_a_fast_one, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_sent_during_the_start_waits_for_the_consumers, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_answers_what_runs_and_leaves_the_rest_to_the_next_start, setup, teardown),
                cmocka_unit_test_setup_teardown(a_request_that_outlasts_the_stop_is_handed_back_and_hurts_nobody, setup_short, teardown),
                cmocka_unit_test_setup_teardown(a_broker_that_is_away_does_not_hold_the_start, setup_no_broker, teardown),
                cmocka_unit_test_setup_teardown(it_can_be_stopped_and_started_again_and_again, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

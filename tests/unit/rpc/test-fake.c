/* The whole of RPC over the in-process transport: the same server, client, envelopes and duplicate filter as with a
 * broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "basic/json.h"
#include "rpc/rpc-internal.h"

#define DEADLINE (10 * USEC_PER_SEC)

typedef struct Fixture {
        sd_event *event;
        Rpc *rpc;
        RpcServer *server;
        Messenger *m;
        RequestContext *context;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned noted, backs;
        RpcRequest *held;               /* method "hold" */
        unsigned consumers;
        bool cancelled;
        char answer[512];
} Fixture;

static void on_request(RpcRequest *r, void *userdata) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *method = rpc_request_method(r);
        json_t *result = NULL;
        Fixture *f = userdata;

        pthread_mutex_lock(&f->lock);
        if (streq(method, "echo"))
                result = json_incref(json_object_get(rpc_request_args(r), "value"));
        else if (streq(method, "note"))
                f->noted++;
        else if (streq(method, "fail"))
                exception_setf(&e, EXC_INSTANCE_NOT_FOUND, "Instance 6f9e could not be found.");
        else if (streq(method, "hold")) {
                f->held = r;
                r = NULL;
        } else if (streq(method, "back") && f->backs++ < 3) {
                rpc_request_hand_back(r);
                r = NULL;
        }
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        if (r)
                rpc_request_finish(r, result, &e);
}

static void on_status(const RpcStatus *s, void *userdata) {
        Fixture *f = userdata;

        assert_int_equal(s->state, RPC_LINK_CONNECTED);
        f->consumers = s->consumers;
}

static void on_cancelled(void *userdata) {
        Fixture *f = userdata;

        f->cancelled = true;
}

static int setup(void **state) {
        static const char *const assignments[] = {"host=host1", "transport_url=fake://", "rpc_response_timeout=5",
                                                  NULL};
        Fixture *f = calloc(1, sizeof *f);
        ConfigError error = {};
        Config *c = NULL;

        assert_non_null(f);
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->changed, NULL);
        assert_int_equal(config_new_for_test(&c, assignments, &error), 0);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(rpc_new(&f->rpc, f->event, c, NULL), 0);
        config_unref(c);
        f->m = rpc_messenger(f->rpc);
        f->context = context_new_admin();
        assert_int_equal(rpc_server_new(&f->server, f->rpc, "compute", "host1", on_request, f), 0);
        rpc_server_set_status_handler(f->server, on_status, f);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (f->server) {
                rpc_server_close(f->server, USEC_PER_SEC);
                if (f->held)
                        rpc_request_finish(f->held, NULL, NULL);
                rpc_server_free(f->server);
        }
        rpc_free(f->rpc, USEC_PER_SEC);
        context_unref(f->context);
        sd_event_unref(f->event);
        pthread_mutex_destroy(&f->lock);
        pthread_cond_destroy(&f->changed);
        free(f);
        return 0;
}

/* Turns the main loop until @condition, a field of the fixture, holds. */
#define TURN_UNTIL(f, condition)                                                             \
        do {                                                                                 \
                usec_t _end = now_monotonic() + DEADLINE;                                    \
                while (!(condition)) {                                                       \
                        assert_true(now_monotonic() < _end);                                 \
                        assert_true(sd_event_run((f)->event, 100 * USEC_PER_MSEC) >= 0);     \
                }                                                                            \
        } while (0)

/* Waits for what the server's thread does. */
#define WAIT_UNTIL(f, condition)                                                             \
        do {                                                                                 \
                struct timespec _ts;                                                         \
                clock_gettime(CLOCK_REALTIME, &_ts);                                         \
                _ts.tv_sec += 10;                                                            \
                pthread_mutex_lock(&(f)->lock);                                              \
                while (!(condition))                                                         \
                        assert_int_equal(pthread_cond_timedwait(&(f)->changed, &(f)->lock, &_ts), 0); \
                pthread_mutex_unlock(&(f)->lock);                                            \
        } while (0)

static const MessageTarget to_host = {.topic = "compute", .server = "host1", .version = "6.0"},
                           to_topic = {.topic = "compute"},
                           to_essex = {.topic = "compute", .server = "host1", .format = WIRE_ESSEX},
                           to_nobody = {.topic = "network"};

static int call(Fixture *f, const MessageTarget *t, const char *method, const json_t *args, usec_t timeout,
                json_t **ret, NovaException *e) {
        return f->m->call(f->m, t, f->context, method, args, timeout, ret, e);
}

static void start(Fixture *f) {
        assert_int_equal(rpc_server_start(f->server), 0);
        TURN_UNTIL(f, f->consumers == 3);
}

/* checklist: 61, 62 */
static void a_call_returns_what_the_method_returns_in_both_formats(void **state) {
        json_auto_t *args = json_pack("{s:[i,s,n]}", "value", 1, "\xc3\xa9\"\\");
        Fixture *f = *state;

        start(f);
        for (unsigned i = 0; i < 2; i++) {
                json_auto_t *result = NULL;

                assert_int_equal(call(f, i ? &to_essex : &to_host, "echo", args, 0, &result, NULL), 0);
                assert_true(json_equal(result, json_object_get(args, "value")));
        }
        json_auto_t *null = json_true();
        assert_int_equal(call(f, &to_host, "echo", NULL, 0, &null, NULL), 0);
        assert_null(null);
}

static void a_failure_comes_back_as_the_exception_it_was(void **state) {
        Fixture *f = *state;

        start(f);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_t *result = NULL;

                assert_true(call(f, i ? &to_essex : &to_host, "fail", NULL, 0, &result, &e) < 0);
                assert_string_equal(e.class_name, "InstanceNotFound");
                assert_non_null(strstr(e.message, "6f9e"));
                assert_null(result);
        }
}

static void a_call_that_nobody_answers_ends_at_its_deadline(void **state) {
        Fixture *f = *state;

        start(f);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                usec_t began = now_monotonic();
                json_t *result = NULL;

                assert_int_equal(call(f, i ? &to_nobody : &to_host, "hold", NULL, 300 * USEC_PER_MSEC, &result, &e),
                                 -ETIMEDOUT);
                assert_string_equal(e.class_name, "MessagingTimeout");
                assert_in_range(now_monotonic() - began, 300 * USEC_PER_MSEC, 4 * USEC_PER_SEC);
        }
}

static void casts_reach_the_host_the_topic_and_the_fanout(void **state) {
        Fixture *f = *state;

        start(f);
        assert_int_equal(f->m->cast(f->m, &to_host, f->context, "note", NULL), 0);
        assert_int_equal(f->m->cast(f->m, &to_topic, f->context, "note", NULL), 0);
        assert_int_equal(f->m->fanout_cast(f->m, &to_topic, f->context, "note", NULL), 0);
        assert_int_equal(f->m->cast(f->m, &to_essex, f->context, "note", NULL), 0);
        WAIT_UNTIL(f, f->noted == 4);
}

/* checklist: 61 */
static void what_came_before_the_start_is_served_after_it(void **state) {
        json_auto_t *result = NULL, *args = json_pack("{s:i}", "value", 7);
        Fixture *f = *state;

        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(f->m->cast(f->m, &to_host, f->context, "note", NULL), 0);
        assert_int_equal(f->noted, 0);
        start(f);
        WAIT_UNTIL(f, f->noted == 3);
        assert_int_equal(call(f, &to_host, "echo", args, 0, &result, NULL), 0);
}

static void what_is_handed_back_is_delivered_again(void **state) {
        json_t *result = NULL;
        Fixture *f = *state;

        start(f);
        assert_int_equal(call(f, &to_host, "back", NULL, 0, &result, NULL), 0);
        assert_int_equal(f->backs, 4);
}

static void a_repeated_message_runs_once(void **state) {
        RequestHead head = {.format = WIRE_OSLO, .version = "6.0", .unique_id = "0123456789abcdef0123456789abcdef"};
        json_auto_t *result = NULL;
        Fixture *f = *state;
        Body b;

        start(f);
        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(envelope_request(&head, f->context, "note", NULL, &b), 0);
                assert_int_equal(fake_publish(f->rpc->fake, "nova", "compute.host1", &b), 1);
                body_done(&b);
        }
        /* Messages of one queue are served in order: after this one all of them were. */
        assert_int_equal(call(f, &to_host, "echo", NULL, 0, &result, NULL), 0);
        WAIT_UNTIL(f, f->noted >= 1);
        assert_int_equal(f->noted, 1);
}

static void bad_messages_are_dropped_and_the_next_is_served(void **state) {
        static const char *const texts[] = {"",
                                            "\xff",
                                            "[]",
                                            "{}",
                                            "{\"oslo.version\": \"9.0\", \"oslo.message\": \"{}\"}",
                                            "{\"method\": \"note\", \"_context_roles\": 7}"};
        json_t *result = NULL;
        Fixture *f = *state;

        start(f);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Body b = {(char *) texts[i], strlen(texts[i])};

                assert_int_equal(fake_publish(f->rpc->fake, "nova", "compute.host1", &b), 1);
        }
        assert_int_equal(call(f, &to_host, "echo", NULL, 0, &result, NULL), 0);
        assert_int_equal(f->noted, 0);
}

static void on_answer(Body *body, const char *queue, void *userdata) {
        Fixture *f = userdata;

        pthread_mutex_lock(&f->lock);
        snprintf(f->answer, sizeof f->answer, "%.*s", (int) body->size, body->data);
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        body_done(body);
}

/* checklist: 62 */
static void an_essex_call_without_a_method_is_answered_with_a_failure(void **state) {
        static const char text[] = "{\"_msg_id\": \"0f0f\"}";
        TopologyQueue q = {.name = "0f0f"};
        Body b = {(char *) text, sizeof text - 1};
        LoopThread *caller = NULL;
        Fixture *f = *state;

        start(f);
        assert_int_equal(loop_thread_new(&caller, "caller"), 0);
        assert_int_equal(fake_declare(f->rpc->fake, &q), 0);
        assert_int_equal(fake_consume(f->rpc->fake, "0f0f", caller, on_answer, f), 0);
        assert_int_equal(fake_publish(f->rpc->fake, "nova", "compute.host1", &b), 1);
        WAIT_UNTIL(f, *f->answer);
        assert_non_null(startswith(f->answer, "{\"result\": null, \"failure\": [\"ValueError\", "));
        fake_cancel(f->rpc->fake, "0f0f", f);
        loop_thread_free(caller);
}

static void after_cancel_requests_wait_for_the_next_server(void **state) {
        Fixture *f = *state;

        start(f);
        assert_int_equal(rpc_server_cancel(f->server, on_cancelled, f), 0);
        TURN_UNTIL(f, f->cancelled);
        assert_int_equal(f->m->cast(f->m, &to_host, f->context, "note", NULL), 0);
        rpc_server_close(f->server, USEC_PER_SEC);
        f->server = rpc_server_free(f->server);
        assert_int_equal(f->noted, 0);

        assert_int_equal(rpc_server_new(&f->server, f->rpc, "compute", "host1", on_request, f), 0);
        rpc_server_set_status_handler(f->server, on_status, f);
        f->consumers = 0;
        start(f);
        WAIT_UNTIL(f, f->noted == 1);
}

static void a_request_that_runs_at_the_close_goes_back_and_ends_without_effect(void **state) {
        Fixture *f = *state;

        start(f);
        assert_int_equal(f->m->cast(f->m, &to_host, f->context, "hold", NULL), 0);
        WAIT_UNTIL(f, f->held);
        rpc_server_close(f->server, 100 * USEC_PER_MSEC);
        rpc_request_finish(f->held, NULL, NULL);
        f->held = NULL;
        f->server = rpc_server_free(f->server);

        assert_int_equal(rpc_server_new(&f->server, f->rpc, "compute", "host1", on_request, f), 0);
        rpc_server_set_status_handler(f->server, on_status, f);
        f->consumers = 0;
        start(f);
        WAIT_UNTIL(f, f->held);
}

static void the_queues_are_named_and_tell_the_host(void **state) {
        Fixture *f = *state;
        const char *const *q = rpc_server_queues(f->server);

        assert_string_equal(q[0], "compute");
        assert_string_equal(q[1], "compute.host1");
        assert_non_null(startswith(q[2], "compute_fanout_host1:"));
        assert_null(q[3]);
}

static void a_notification_waits_in_its_queue(void **state) {
        json_auto_t *message = json_pack("{s:s}", "event_type", "x"), *result = NULL;
        TopologyQueue q;
        Fixture *f = *state;
        Body probe = {(char *) "{}", 2};

        start(f);
        assert_int_equal(f->m->notify(f->m, f->context, "notifications", "INFO", message, true), 0);
        /* The publisher serves in order: after this call it is there. */
        assert_int_equal(call(f, &to_host, "echo", NULL, 0, &result, NULL), 0);
        assert_int_equal(topology_notification(&f->rpc->options->topology, NULL, "notifications.info", &q), 0);
        assert_int_equal(fake_publish(f->rpc->fake, "", "notifications.info", &probe), 1);
}

typedef struct Caller {
        Fixture *f;
        pthread_t thread;
        int number;
        unsigned wrong;
} Caller;

static void *caller_main(void *data) {
        Caller *c = data;

        for (int i = 0; i < 50; i++) {
                json_auto_t *args = json_pack("{s:i}", "value", c->number * 1000 + i), *result = NULL;

                if (call(c->f, i % 8 ? &to_host : &to_essex, "echo", args, 0, &result, NULL) < 0 ||
                    json_integer_value(result) != c->number * 1000 + i)
                        c->wrong++;
        }
        return NULL;
}

static void many_callers_at_once_each_get_their_own_answer(void **state) {
        Fixture *f = *state;
        Caller callers[8] = {};

        start(f);
        for (int i = 0; i < 8; i++) {
                callers[i] = (Caller){.f = f, .number = i};
                assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
        }
        for (int i = 0; i < 8; i++) {
                assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
                assert_int_equal(callers[i].wrong, 0);
        }
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                CASE(a_call_returns_what_the_method_returns_in_both_formats),
                CASE(a_failure_comes_back_as_the_exception_it_was),
                CASE(a_call_that_nobody_answers_ends_at_its_deadline),
                CASE(casts_reach_the_host_the_topic_and_the_fanout),
                CASE(what_came_before_the_start_is_served_after_it),
                CASE(what_is_handed_back_is_delivered_again),
                CASE(a_repeated_message_runs_once),
                CASE(bad_messages_are_dropped_and_the_next_is_served),
                CASE(an_essex_call_without_a_method_is_answered_with_a_failure),
                CASE(after_cancel_requests_wait_for_the_next_server),
                CASE(a_request_that_runs_at_the_close_goes_back_and_ends_without_effect),
                CASE(the_queues_are_named_and_tell_the_host),
                CASE(a_notification_waits_in_its_queue),
                CASE(many_callers_at_once_each_get_their_own_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

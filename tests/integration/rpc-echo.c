/* A server of nothing but src/rpc, for the tests that hold it against the real Python client and a real broker, and for
 * the benchmark. Options are nova-compute's. Prints a line per state of the consuming link, READY when it consumes, BYE
 * at the end. Its methods also make it a client: do_call and the like. */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define LOG_LOGGER "rpc-echo"
#include "basic/log.h"
#include "objects/method.h"
#include "rpc/rpc.h"

typedef struct Echo {
        sd_event *event;
        Rpc *rpc;
        RpcServer *server;
        const char *topic;
        bool ready, quiet;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        json_t *noted;                  /* what "note" brought; under the lock */
        unsigned busy;                  /* threads that work; under the lock */
        unsigned back;                  /* requests still to hand back */
} Echo;

typedef struct Work {
        Echo *echo;
        RpcRequest *request;
} Work;

static const char *string_arg(const RpcRequest *r, const char *key) {
        return json_string_value(json_object_get(rpc_request_args(r), key));
}

static double number_arg(const RpcRequest *r, const char *key) {
        return json_number_value(json_object_get(rpc_request_args(r), key));
}

/* ---- methods ---- */

static int method_fail(RpcRequest *r, NovaException *e) {
        const char *kind = string_arg(r, "kind");

        if (kind && streq(kind, "not-implemented"))
                return exception_setf(e, EXC_NOT_IMPLEMENTED, "not here");
        if (kind && streq(kind, "type-error"))
                return exception_setf(e, EXC_TYPE_ERROR, "missing argument 'x'");
        exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", "6f9e");
        exception_kwarg(e, "instance_id", json_string("6f9e"));
        return -ENOENT;
}

static int method_do(Echo *echo, RpcRequest *r, const char *method, json_t **ret, NovaException *e) {
        Messenger *m = rpc_messenger(echo->rpc);
        const char *format = string_arg(r, "format");
        MessageTarget t = {
                .topic = string_arg(r, "topic"),
                .server = string_arg(r, "server"),
                .namespace = string_arg(r, "namespace"),
                .version = string_arg(r, "version"),
                .exchange = string_arg(r, "exchange"),
                .format = format && streq(format, "essex") ? WIRE_ESSEX : WIRE_OSLO,
        };
        const char *what = string_arg(r, "what");
        const json_t *args = json_object_get(rpc_request_args(r), "args");
        RequestContext *c = rpc_request_context(r);
        int k;

        if (streq(method, "do_call"))
                return m->call(m, &t, c, what, args, (usec_t) (number_arg(r, "timeout") * (double) USEC_PER_SEC), ret,
                               e);
        if (streq(method, "do_cast"))
                k = m->cast(m, &t, c, what, args);
        else if (streq(method, "do_fanout"))
                k = m->fanout_cast(m, &t, c, what, args);
        else if (streq(method, "do_notify"))
                k = m->notify(m, c, t.topic, string_arg(r, "priority"), args, t.format == WIRE_OSLO);
        else
                k = rpc_cast_to_server(echo->rpc, string_arg(r, "url"), &t, c, what, args,
                                       json_is_true(json_object_get(rpc_request_args(r), "fanout")), e);
        if (k < 0)
                return exception_set_errno(e, k, method);
        *ret = json_string("sent");
        return 0;
}

static void *work_main(void *data) {
        Work *w = data;
        Echo *echo = w->echo;
        const char *method = rpc_request_method(w->request);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_t *result = NULL;

        if (streq(method, "slow")) {
                size_t size = (size_t) number_arg(w->request, "size");
                _cleanup_free_ char *text = calloc(1, size + 1);

                (void) usleep((useconds_t) (number_arg(w->request, "seconds") * 1e6));
                if (text)
                        memset(text, 'x', size);
                result = json_string(size > 0 ? text : "slept");
        } else
                (void) method_do(echo, w->request, method, &result, &e);
        rpc_request_finish(w->request, result, &e);
        free(w);

        pthread_mutex_lock(&echo->lock);
        echo->busy--;
        pthread_cond_signal(&echo->changed);
        pthread_mutex_unlock(&echo->lock);
        return NULL;
}

static void start_work(Echo *echo, RpcRequest *r) {
        Work *w = malloc(sizeof *w);
        pthread_t thread;

        if (!w)
                abort();
        *w = (Work){echo, r};
        puts("BUSY");
        fflush(stdout);
        pthread_mutex_lock(&echo->lock);
        echo->busy++;
        pthread_mutex_unlock(&echo->lock);
        if (pthread_create(&thread, NULL, work_main, w) != 0)
                abort();
        (void) pthread_detach(thread);
}

static bool has_method(unsigned served, const char *method, void *userdata) {
        static const char *const names[] = {"echo",
                                            "slow",
                                            "fail",
                                            "note",
                                            "noted",
                                            "give_back",
                                            "do_call",
                                            "do_cast",
                                            "do_fanout",
                                            "do_notify",
                                            "do_cast_to_server"};

        switch (served) {
        case SERVED_RPC_PING:
                return streq(method, "oslo_rpc_server_ping");
        case SERVED_BASEAPI:
                return streq(method, "ping");
        default:
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (streq(method, names[i]))
                                return true;
                return false;
        }
}

static void on_request(RpcRequest *r, void *userdata) {
        static const RpcEndpoint endpoints[] = {
                {WIRE_OSLO, NULL, 6, 1, SERVED_ZED},
                {WIRE_OSLO, "baseapi", 1, 1, SERVED_BASEAPI},
                {WIRE_OSLO, NULL, 1, 0, SERVED_RPC_PING},
                {WIRE_ESSEX, NULL, 1, 0, SERVED_ESSEX},
        };
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *method = rpc_request_method(r);
        json_t *result = NULL;
        Echo *echo = userdata;

        if (rpc_dispatch(endpoints, ELEMENTSOF(endpoints), r, has_method, NULL, &e) < 0)
                ;
        else if (streq(method, "slow") || startswith(method, "do_")) {
                start_work(echo, r);
                return;
        } else if (streq(method, "give_back") && echo->back < (unsigned) number_arg(r, "times")) {
                echo->back++;
                rpc_request_hand_back(r);
                return;
        } else if (streq(method, "fail"))
                (void) method_fail(r, &e);
        else if (streq(method, "ping"))
                result = json_pack("{s:s, s:O}", "service", echo->topic, "arg",
                                   json_object_get(rpc_request_args(r), "arg") ?: json_null());
        else if (streq(method, "oslo_rpc_server_ping"))
                result = json_string("pong");
        else if (streq(method, "note")) {
                pthread_mutex_lock(&echo->lock);
                (void) json_array_append(echo->noted, json_object_get(rpc_request_args(r), "value") ?: json_null());
                pthread_mutex_unlock(&echo->lock);
        } else if (streq(method, "noted")) {
                pthread_mutex_lock(&echo->lock);
                result = json_deep_copy(echo->noted);
                pthread_mutex_unlock(&echo->lock);
        } else
                result = json_incref(json_object_get(rpc_request_args(r), "value"));
        rpc_request_finish(r, result, &e);
}

/* ---- life ---- */

static void on_status(const RpcStatus *s, void *userdata) {
        Echo *echo = userdata;

        printf("STATUS %s %s consumers=%u attempt=%u blocked=%d %s\n", rpc_link_state_to_string(s->state), s->address,
               s->consumers, s->attempt, s->blocked, s->error);
        if (s->consumers == 3 && !echo->ready) {
                const char *const *queues = rpc_server_queues(echo->server);

                echo->ready = true;
                printf("READY %s %s %s\n", queues[0], queues[1], queues[2]);
        }
        fflush(stdout);
}

static void on_publisher_status(const RpcStatus *s, void *userdata) {
        printf("PUBLISHER %s %s blocked=%d %s\n", rpc_link_state_to_string(s->state), s->address, s->blocked, s->error);
        fflush(stdout);
}

static void on_cancelled(void *userdata) {
        Echo *echo = userdata;

        puts("CANCELLED");
        fflush(stdout);
        (void) sd_event_exit(echo->event, 0);
}

static int on_term(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Echo *echo = userdata;

        return rpc_server_cancel(echo->server, on_cancelled, echo);
}

int main(int argc, char **argv) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Echo echo = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .noted = json_array()};
        ConfigError error = {};
        Config *config = NULL;
        char why[256] = "";
        sigset_t mask;
        int r;

        if (config_load(argv, &config, NULL, &error) != 0) {
                fprintf(stderr, "%s\n", error.text);
                return 78;
        }
        LogSettings log = {.level = config_boolean(config, "debug") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
                           .target = LOG_TARGET_CONSOLE,
                           .program = "rpc-echo"};
        if (log_open(&log, why, sizeof why) < 0) {
                fprintf(stderr, "%s\n", why);
                return 1;
        }

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        r = sd_event_default(&echo.event);
        if (r >= 0)
                r = sd_event_add_signal(echo.event, NULL, SIGTERM, on_term, &echo);
        if (r < 0)
                return 1;

        echo.topic = config_string(config, "compute_topic");
        r = rpc_new(&echo.rpc, echo.event, config, &e);
        if (r < 0) {
                fprintf(stderr, "%s\n", strempty(e.message));
                return 78;
        }
        rpc_set_status_handler(echo.rpc, on_publisher_status, &echo);
        r = rpc_server_new(&echo.server, echo.rpc, echo.topic, config_string(config, "host"), on_request, &echo);
        if (r < 0) {
                fprintf(stderr, "the server cannot be made: %s\n", strerrordesc_np(-r));
                return 78;
        }
        rpc_server_set_status_handler(echo.server, on_status, &echo);
        if (!getenv("RPC_ECHO_DECLARE_ONLY"))
                (void) rpc_server_start(echo.server);

        (void) sd_event_loop(echo.event);

        /* What runs may end, for a while; what does not goes back to its queue. */
        struct timespec until;
        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 5;
        pthread_mutex_lock(&echo.lock);
        while (echo.busy > 0 && pthread_cond_timedwait(&echo.changed, &echo.lock, &until) == 0)
                ;
        pthread_mutex_unlock(&echo.lock);
        rpc_server_close(echo.server, 5 * USEC_PER_SEC);
        pthread_mutex_lock(&echo.lock);
        while (echo.busy > 0)
                pthread_cond_wait(&echo.changed, &echo.lock);
        pthread_mutex_unlock(&echo.lock);
        rpc_server_free(echo.server);
        rpc_free(echo.rpc, 5 * USEC_PER_SEC);
        json_decref(echo.noted);
        config_unref(config);
        sd_event_unref(echo.event);
        puts("BYE");
        log_close();
        return 0;
}

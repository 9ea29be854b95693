/* The sending side: call, cast, fan-out, notifications. A call waits on its caller's thread; its answer is matched by
 * _msg_id on the publisher's. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/rpc-internal.h"

struct Waiter {
        Waiter *next;
        char msg_id[HEX_ID_MAX];
        pthread_cond_t changed;
        bool ended;
        json_t *result;                 /* the last one that was not null */
        NovaException failure;
        usec_t heard;                   /* last sign of life */
};

static Rpc *rpc_of(Messenger *m) {
        return CONTAINER_OF(m, Rpc, messenger);
}

/* ---- answers ---- */

void rpc_on_answer(Rpc *r, const char *msg_id, char *body, size_t size) {
        Envelope e = ENVELOPE_NULL;
        char why[256];
        Waiter *w;
        int k;

        k = envelope_parse(body, size, &e, why, sizeof why);
        if (k < 0) {
                if (k == -EBADMSG)
                        log_event(LOG_LEVEL_WARNING, MESSAGE_BAD_MESSAGE, NULL, "A reply is dropped: %s", why);
                envelope_done(&e);
                return;
        }
        if (!msg_id)
                msg_id = strempty(json_string_value(json_object_get(e.message, "_msg_id")));
        json_t *result = json_object_get(e.message, "result");
        const json_t *failure = json_object_get(e.message, "failure");
        bool failed = json_is_string(failure) || json_is_array(failure) || json_is_object(failure);

        pthread_mutex_lock(&r->lock);
        for (w = r->waiters; w && !streq(w->msg_id, msg_id); w = w->next)
                ;
        if (w && !w->ended) {
                w->heard = now_monotonic();
                if (failed) {
                        exception_from_wire(&w->failure, failure);
                        w->ended = true;
                } else {
                        if (result && !json_is_null(result)) {
                                /* Out of the message: from now on it is the caller's thread's alone. */
                                json_decref(w->result);
                                w->result = json_incref(result);
                                (void) json_object_del(e.message, "result");
                        }
                        w->ended = json_is_true(json_object_get(e.message, "ending"));
                }
                pthread_cond_signal(&w->changed);
        }
        pthread_mutex_unlock(&r->lock);
        if (!w)
                log_debug("A reply came after its caller had stopped waiting");
        envelope_done(&e);
}

/* ---- sending ---- */

static int key_of(const MessageTarget *t, char key[static TOPOLOGY_NAME_MAX]) {
        int n = t->server ? snprintf(key, TOPOLOGY_NAME_MAX, "%s.%s", t->topic, t->server)
                          : snprintf(key, TOPOLOGY_NAME_MAX, "%s", t->topic);

        return n < 0 || n >= TOPOLOGY_NAME_MAX ? -EINVAL : 0;
}

static void on_cast_done(Outgoing *o, int r) {
        if (r == -EHOSTUNREACH)
                log_warning("A cast to %s reached no queue: nobody has ever consumed there", o->key);
        else if (r < 0 && r != -ECANCELED)
                log_warning("A cast to %s was not sent: %s", o->key, strerrordesc_np(-r));
}

/* A message without an answer. */
static int send_cast(Publisher *p, const MessageTarget *t, const RequestContext *c, const char *method,
                     const json_t *args, bool fanout, void (*done)(Outgoing *o, int r), void *userdata) {
        char key[TOPOLOGY_NAME_MAX], id[HEX_ID_MAX];
        RequestHead head = {
                .format = t->format, .namespace = t->namespace, .version = t->version, .unique_id = uuid4_hex(id)};
        Body body = {};
        Outgoing *o;
        int r;

        r = key_of(t, key);
        if (r < 0)
                return r;
        r = envelope_request(&head, c, method, args, &body);
        if (r < 0)
                return r;
        o = outgoing_new(fanout ? OUTGOING_FANOUT : OUTGOING_TOPIC, fanout ? t->topic : t->exchange, key, &body);
        body_done(&body);
        if (!o)
                return -ENOMEM;
        o->mandatory = !fanout;         /* F67: what reaches nobody is at least told */
        o->done = done;
        o->userdata = userdata;
        r = publisher_send(p, o);
        if (r < 0)
                outgoing_free(o);
        return r;
}

static int client_cast(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method,
                       const json_t *args) {
        return send_cast(rpc_of(m)->publisher, t, c, method, args, false, on_cast_done, NULL);
}

static int client_fanout_cast(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method,
                              const json_t *args) {
        return send_cast(rpc_of(m)->publisher, t, c, method, args, true, NULL, NULL);
}

static int client_notify(Messenger *m, const RequestContext *c, const char *topic, const char *priority,
                         const json_t *message, bool envelope) {
        char key[TOPOLOGY_NAME_MAX], id[HEX_ID_MAX];
        Body body = {};
        Outgoing *o;
        int n, r;

        n = snprintf(key, sizeof key, "%s.%s", topic, priority);
        if (n < 0 || (size_t) n >= sizeof key)
                return -EINVAL;
        for (char *p = key + strlen(topic); *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p += 'a' - 'A';
        r = envelope_notification(c, message, uuid4_hex(id), envelope, &body);
        if (r < 0)
                return r;
        o = outgoing_new(OUTGOING_NOTIFICATION, NULL, key, &body);
        body_done(&body);
        if (!o)
                return -ENOMEM;
        r = publisher_send(rpc_of(m)->publisher, o);
        if (r < 0)
                outgoing_free(o);
        return r;
}

/* ---- call ---- */

static void waiter_add(Rpc *r, Waiter *w) {
        pthread_condattr_t attr;

        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&w->changed, &attr);
        (void) pthread_condattr_destroy(&attr);
        w->heard = now_monotonic();
        pthread_mutex_lock(&r->lock);
        w->next = r->waiters;
        r->waiters = w;
        pthread_mutex_unlock(&r->lock);
}

static void waiter_remove(Rpc *r, Waiter *w) {
        pthread_mutex_lock(&r->lock);
        for (Waiter **p = &r->waiters; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        pthread_mutex_unlock(&r->lock);
        (void) pthread_cond_destroy(&w->changed);
        json_decref(w->result);
        exception_done(&w->failure);
}

/* Until the answer is complete, the deadline is over (the whole call's, not each message's: F26), or a monitored callee
 * has been silent for too long. */
static bool waiter_wait(Rpc *r, Waiter *w, usec_t deadline, usec_t monitor) {
        bool ended;

        pthread_mutex_lock(&r->lock);
        while (!w->ended) {
                usec_t now = now_monotonic(), until = monitor > 0 ? MIN(deadline, w->heard + monitor) : deadline;
                struct timespec ts = {.tv_sec = (time_t) (until / USEC_PER_SEC),
                                      .tv_nsec = (long) (until % USEC_PER_SEC) * 1000};

                if (now >= until)
                        break;
                (void) pthread_cond_timedwait(&w->changed, &r->lock, &ts);
        }
        ended = w->ended;
        pthread_mutex_unlock(&r->lock);
        return ended;
}

static int timed_out(NovaException *e, const Waiter *w, const char *method, const char *key, usec_t timeout) {
        return exception_setf(e, EXC_MESSAGING_TIMEOUT,
                              "Timed out waiting for a reply to message ID %s (%s to %s, %.3g seconds)", w->msg_id,
                              method, key, (double) timeout / (double) USEC_PER_SEC);
}

static int client_call(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method,
                       const json_t *args, usec_t timeout, json_t **ret, NovaException *e) {
        Rpc *r = rpc_of(m);
        usec_t patience = timeout > 0 ? timeout : r->options->response_timeout, deadline = now_monotonic() + patience;
        char key[TOPOLOGY_NAME_MAX], reply_q[TOPOLOGY_NAME_MAX], id[HEX_ID_MAX];
        bool essex = t->format == WIRE_ESSEX;
        Body body = {};
        Waiter w = {};
        Outgoing *o;
        int k;

        if (key_of(t, key) < 0)
                return exception_setf(e, EXC_VALUE_ERROR, "The topic of %s is too long", method);
        (void) uuid4_hex(w.msg_id);

        /* Where the answer will come must exist before the question is asked. */
        k = essex ? publisher_open_essex(r->publisher, w.msg_id, deadline)
                  : publisher_reply_queue(r->publisher, deadline, reply_q);
        if (k < 0) {
                if (essex && k == -ETIMEDOUT)
                        publisher_close_essex(r->publisher, w.msg_id);
                return k == -ETIMEDOUT ? timed_out(e, &w, method, key, patience) : exception_set_errno(e, k, method);
        }

        /* A call longer than usual is watched: the callee gives signs of life. */
        RequestHead head = {.format = t->format,
                            .namespace = t->namespace,
                            .version = t->version,
                            .msg_id = w.msg_id,
                            .reply_q = reply_q,
                            .unique_id = uuid4_hex(id),
                            .monitor = !essex && patience > r->options->response_timeout ? r->options->response_timeout
                                                                                         : 0};
        k = envelope_request(&head, c, method, args, &body);
        o = k >= 0 ? outgoing_new(OUTGOING_TOPIC, t->exchange, key, &body) : NULL;
        body_done(&body);
        if (!o) {
                if (essex)
                        publisher_close_essex(r->publisher, w.msg_id);
                return exception_set_errno(e, k < 0 ? k : -ENOMEM, method);
        }
        o->mandatory = true;
        o->give_up = deadline;
        snprintf(o->expiration, sizeof o->expiration, "%llu", (unsigned long long) (patience / USEC_PER_MSEC));

        waiter_add(r, &w);
        k = publisher_send(r->publisher, o);
        if (k < 0) {
                outgoing_free(o);
                exception_set_errno(e, k, method);
        } else if (!waiter_wait(r, &w, deadline, head.monitor))
                k = timed_out(e, &w, method, key, patience);
        else if (exception_is_set(&w.failure)) {
                k = w.failure.error < 0 ? w.failure.error : -EREMOTEIO;
                exception_move(e, &w.failure);
        } else
                *ret = TAKE_PTR(w.result);
        waiter_remove(r, &w);
        if (essex)
                publisher_close_essex(r->publisher, w.msg_id);
        return k;
}

void client_init(Rpc *r) {
        r->messenger = (Messenger){
                .call = client_call, .cast = client_cast, .fanout_cast = client_fanout_cast, .notify = client_notify};
}

/* ---- one cast to another broker ---- */

typedef struct OneCast {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool done;
        int result;
} OneCast;

static void on_one_cast_done(Outgoing *o, int r) {
        OneCast *c = o->userdata;

        pthread_mutex_lock(&c->lock);
        c->done = true;
        c->result = r;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
}

int rpc_cast_to_server(Rpc *rpc, const char *url, const MessageTarget *t, const RequestContext *c, const char *method,
                       const json_t *args, bool fanout, NovaException *e) {
        _cleanup_(rpc_options_freep) RpcOptions *options = NULL;
        OneCast one = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        struct timespec ts;
        Publisher *p = NULL;
        int r;

        r = rpc_options_read_url(rpc->config, url, &options, e);
        if (r < 0)
                return r;
        if (options->url.kind == TRANSPORT_FAKE)
                return fanout ? client_fanout_cast(&rpc->messenger, t, c, method, args)
                              : client_cast(&rpc->messenger, t, c, method, args);
        r = publisher_new(&p, options, NULL);
        if (r < 0)
                return exception_set_errno(e, r, method);

        r = send_cast(p, t, c, method, args, fanout, on_one_cast_done, &one);
        if (r >= 0) {
                (void) clock_gettime(CLOCK_REALTIME, &ts);
                ts.tv_sec += (time_t) (options->response_timeout / USEC_PER_SEC);
                pthread_mutex_lock(&one.lock);
                while (!one.done && pthread_cond_timedwait(&one.changed, &one.lock, &ts) == 0)
                        ;
                r = one.done ? one.result : -ETIMEDOUT;
                pthread_mutex_unlock(&one.lock);
        }
        if (r == -ETIMEDOUT) {
                LinkStatus status;

                link_status(publisher_link(p), &status);
                exception_setf(e, EXC_MESSAGING_TIMEOUT, "%s was not sent to the AMQP server on %s: %s", method,
                               status.address, *status.error ? status.error : "no answer");
        } else if (r == -EHOSTUNREACH)
                exception_setf(e, EXC_NOT_FOUND, "%s: nobody consumes topic %s on that broker", method, t->topic);
        else if (r < 0)
                exception_set_errno(e, r, method);
        publisher_free(p, 0);           /* before options and one, which it uses */
        return r;
}

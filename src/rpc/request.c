/* A request between its delivery and the moment its outcome is safe. The handler may end it on any thread; what follows
 * there is encoding the reply and handing it to the publisher. Acks and freeing are the server thread's. */
#include <assert.h>
#include <errno.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/rpc-internal.h"

RpcRequest *request_new(RpcServer *s, Envelope *e, RequestContext *c) {
        RpcRequest *r = calloc(1, sizeof *r);

        if (!r)
                return NULL;
        r->server = s;
        r->envelope = *e;
        *e = ENVELOPE_NULL;
        r->context = c;
        pthread_mutex_lock(&s->lock);
        s->alive++;
        pthread_mutex_unlock(&s->lock);
        return r;
}

void request_free(RpcRequest *r) {
        RpcServer *s = r->server;
        bool last;

        envelope_done(&r->envelope);
        context_unref(r->context);
        free(r->raw);
        free(r);
        pthread_mutex_lock(&s->lock);
        last = --s->alive == 0 && s->detached;
        pthread_mutex_unlock(&s->lock);
        if (last)
                server_free_memory(s);
}

const char *rpc_request_method(const RpcRequest *r) {
        return r->envelope.method;
}

const char *rpc_request_namespace(const RpcRequest *r) {
        return r->envelope.namespace;
}

void rpc_request_version(const RpcRequest *r, unsigned *ret_major, unsigned *ret_minor) {
        *ret_major = r->envelope.major;
        *ret_minor = r->envelope.minor;
}

WireFormat rpc_request_format(const RpcRequest *r) {
        return r->envelope.format;
}

RequestContext *rpc_request_context(const RpcRequest *r) {
        return r->context;
}

const json_t *rpc_request_args(const RpcRequest *r) {
        return r->envelope.args;
}

const char *rpc_request_unique_id(const RpcRequest *r) {
        return r->envelope.unique_id;
}

bool rpc_request_wants_reply(const RpcRequest *r) {
        return r->envelope.msg_id;
}

bool rpc_request_redelivered(const RpcRequest *r) {
        return r->redelivered;
}

void *rpc_request_userdata(const RpcRequest *r) {
        return r->server->userdata;
}

bool rpc_request_repeated(const RpcRequest *r) {
        return r->repeated;
}

void rpc_request_reply_address(const RpcRequest *r, RpcReplyAddress *ret) {
        const Envelope *e = &r->envelope;
        bool answered = e->msg_id && (e->format == WIRE_ESSEX || e->reply_q);

        *ret = (RpcReplyAddress) {
                .format = e->format,
                .msg_id = answered ? e->msg_id : NULL,
                .reply_q = answered ? e->reply_q : NULL,
        };
}

/* With the server's lock held: whether its thread is to be told of something to ack. */
static bool must_post(RpcServer *s) {
        bool post;

        s->n_settled++;
        post = !s->settling && !s->stopping && (!s->lazy || s->n_settled >= s->rpc->options->prefetch / 4);
        s->settling |= post;
        return post;
}

void rpc_request_accept(RpcRequest *r) {
        RpcServer *s = r->server;

        pthread_mutex_lock(&s->lock);
        assert(r->state == REQUEST_RUNNING && !r->accepted);
        r->accepted = true;
        if (!s->detached) {
                r->next_accepted = s->accepted;
                s->accepted = r;
                if (must_post(s))
                        server_post_settled(s);
        }
        pthread_mutex_unlock(&s->lock);
}

void rpc_request_end(RpcRequest *r) {
        RpcServer *s = r->server;

        pthread_mutex_lock(&s->lock);
        assert(r->state == REQUEST_RUNNING);
        r->state = REQUEST_FINISHED;
        pthread_mutex_unlock(&s->lock);
        request_settle(r);
}

void request_settle(RpcRequest *r) {
        RpcServer *s = r->server;
        bool post;

        pthread_mutex_lock(&s->lock);
        assert(!r->queued);
        if (r->pending) {
                r->pending = false;
                s->finishing--;
        }
        if (s->detached) {
                /* Its reply outlived the server: nobody else knows of it. */
                pthread_mutex_unlock(&s->lock);
                request_free(r);
                return;
        }
        r->queued = true;
        r->next_settled = s->settled;
        s->settled = r;
        post = must_post(s);
        if (s->finishing == 0)
                pthread_cond_broadcast(&s->changed);
        /* Under the lock: once the server's thread has seen it, the server may be gone. */
        if (post)
                server_post_settled(s);
        pthread_mutex_unlock(&s->lock);
}

static void on_reply_done(Outgoing *o, int r) {
        RpcRequest *q = o->userdata;

        if (q)
                request_settle(q);
}

/* Nobody has the queue for the moment: the outcome is known all the same, and the publisher goes on trying. The
 * delivery must not hold up others that wait for their turn behind the prefetch. */
static void on_reply_missing(Outgoing *o) {
        RpcRequest *q = o->userdata;

        o->userdata = NULL;
        if (q)
                request_settle(q);
}

static const char *reply_queue(const Envelope *e) {
        return e->reply_q ? e->reply_q : e->msg_id;
}

/* Publishes what answers @e; @q (may be NULL) is settled with the last message. Steals @result. Returns 0, or a
 * negative number: then nothing is on its way that would settle it. */
static int send_reply(RpcServer *s, const Envelope *e, json_t *result, const NovaException *x, RpcRequest *q) {
        Rpc *rpc = s->rpc;
        char id[HEX_ID_MAX];
        ReplyHead head = {
                .format = e->format, .msg_id = e->msg_id, .reply_q = e->reply_q, .unique_id = rpc_unique_id(rpc, id)};
        Body bodies[2] = {};
        int n, r = 0;

        n = envelope_reply(&head, result, x, bodies);
        /* Before anything is sent: it may be a part of the request, which the server's thread frees once that is
         * settled. */
        json_decref(result);
        if (n < 0)
                return n;
        for (int i = 0; i < n && r >= 0; i++) {
                Outgoing *o = outgoing_new(OUTGOING_DIRECT, NULL, reply_queue(e), &bodies[i]);

                if (!o) {
                        r = -ENOMEM;
                        break;
                }
                o->mandatory = rpc->options->mandatory;
                if (i == n - 1) {
                        o->done = on_reply_done;
                        o->on_missing = on_reply_missing;
                        o->userdata = q;
                }
                r = server_send(s, o);
                if (r < 0)
                        outgoing_free(o);
        }
        body_done(&bodies[0]);
        body_done(&bodies[1]);
        return r;
}

/* ---- replies without their request ---- */

typedef struct ReplyNote {
        void (*done)(int r, void *userdata);
        void *userdata;
} ReplyNote;

static void on_note_done(Outgoing *o, int r) {
        _cleanup_free_ ReplyNote *n = o->userdata;

        n->done(r, n->userdata);
}

int rpc_send_reply(Rpc *rpc, const RpcReplyAddress *to, json_t *result, const NovaException *x,
                   void (*done)(int r, void *userdata), void *userdata) {
        char id[HEX_ID_MAX];
        ReplyHead head = {.format = to->format, .msg_id = to->msg_id, .reply_q = to->reply_q,
                          .unique_id = rpc_unique_id(rpc, id)};
        Body bodies[2] = {};
        ReplyNote *note;
        int n, r = 0;

        assert(to->msg_id && done);
        n = envelope_reply(&head, result, x, bodies);
        json_decref(result);
        note = malloc(sizeof *note);
        if (n >= 0 && !note)
                r = -ENOMEM;
        for (int i = 0; i < n && r >= 0; i++) {
                Outgoing *o = outgoing_new(OUTGOING_DIRECT, NULL, to->reply_q ? to->reply_q : to->msg_id, &bodies[i]);

                if (!o) {
                        r = -ENOMEM;
                        break;
                }
                o->mandatory = rpc->options->mandatory;
                if (i == n - 1) {
                        *note = (ReplyNote) {done, userdata};
                        o->done = on_note_done;
                        o->userdata = note;
                }
                r = publisher_send(rpc->publisher, o);
                if (r < 0)
                        outgoing_free(o);
                else if (i == n - 1)
                        note = NULL;
        }
        free(note);
        body_done(&bodies[0]);
        body_done(&bodies[1]);
        return n < 0 ? n : r;
}

void reply_failure(RpcServer *s, const Envelope *e, const NovaException *x) {
        if (!e->msg_id || (e->format == WIRE_OSLO && !e->reply_q))
                return;
        if (send_reply(s, e, NULL, x, NULL) < 0)
                log_warning("No memory for the failure reply to a bad message");
}

void request_send_heartbeat(RpcRequest *r) {
        char id[HEX_ID_MAX];
        const Envelope *e = &r->envelope;
        ReplyHead head = {.format = e->format,
                          .msg_id = e->msg_id,
                          .reply_q = e->reply_q,
                          .unique_id = rpc_unique_id(r->server->rpc, id)};
        Body body = {};
        Outgoing *o;

        if (envelope_heartbeat(&head, &body) < 0)
                return;
        o = outgoing_new(OUTGOING_DIRECT, NULL, reply_queue(e), &body);
        body_done(&body);
        if (!o)
                return;
        o->mandatory = r->server->rpc->options->mandatory;
        o->no_resend = true;
        o->give_up = now_monotonic() + e->monitor;
        if (publisher_send(r->server->rpc->publisher, o) < 0)
                outgoing_free(o);
}

/* What is left of a finished request until the broker has confirmed its reply needs nothing of its message. Freed here,
 * where it is warm, its memory serves the next message at once; the call monitor alone may still look at it. */
static void request_take_message(RpcRequest *r, Envelope *ret_envelope, RequestContext **ret_context) {
        if (r->envelope.monitor > 0)
                return;
        *ret_envelope = r->envelope;
        r->envelope = ENVELOPE_NULL;
        *ret_context = TAKE_PTR(r->context);
}

void rpc_request_finish(RpcRequest *r, json_t *result, const NovaException *e) {
        RpcServer *s = r->server;
        RequestContext *context = NULL;
        Envelope message = ENVELOPE_NULL;
        bool monitored, reply;
        int k;

        pthread_mutex_lock(&s->lock);
        assert(r->state == REQUEST_RUNNING);
        r->state = REQUEST_FINISHED;
        reply = r->envelope.msg_id && !r->abandoned;
        if (reply) {
                r->pending = true;
                s->finishing++;
        }
        pthread_mutex_unlock(&s->lock);

        monitored = r->envelope.monitor > 0;
        request_take_message(r, &message, &context);
        if (!reply) {
                json_decref(result);
                request_settle(r);
        } else {
                k = send_reply(s, monitored ? &r->envelope : &message, result, e, r);
                if (k < 0) {
                        log_error("A reply could not be sent: %s", strerrordesc_np(-k));
                        request_settle(r);
                }
        }
        /* @r may be gone. */
        envelope_done(&message);
        context_unref(context);
}

void rpc_request_hand_back(RpcRequest *r) {
        RpcServer *s = r->server;

        pthread_mutex_lock(&s->lock);
        assert(r->state == REQUEST_RUNNING);
        r->state = REQUEST_HANDED_BACK;
        pthread_mutex_unlock(&s->lock);
        request_settle(r);
}

/* From a delivery to a request for the handler, or to a line in the journal. */
#include <errno.h>
#include <stdio.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/inflate.h"
#include "rpc/server-internal.h"

/* ---- deliveries ---- */

typedef struct Delivery {
        const LinkMessage *message;     /* NULL: from the fake */
        unsigned queue;
        uint64_t tag;
        unsigned generation;
        bool redelivered;
} Delivery;

static void count_delivery(RpcServer *s, bool again) {
        counter_add(&s->rpc->counters.deliveries, 1);
        if (again)
                counter_add(&s->rpc->counters.redeliveries, 1);
}

static void ack_now(RpcServer *s, const Delivery *d) {
        if (d->generation > 0)
                (void) link_ack(s->link, SERVER_CHANNEL, d->tag, false);
}

/* One line that names queue and reason; nothing of the content, which may hold secrets. */
static void bad_message(RpcServer *s, const Delivery *d, const Envelope *e, const char *why) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

        counter_add(&s->rpc->counters.bad, 1);
        log_event(LOG_LEVEL_WARNING, MESSAGE_BAD_MESSAGE, NULL, "A message in queue %s is dropped: %s",
                  s->queues[d->queue].name, why);
        if (e) {
                exception_setf(&x, EXC_VALUE_ERROR, "The request was not understood: %s", why);
                reply_failure(s, e, &x);
        }
        ack_now(s, d);
}

/* Whether the request was seen before; then its delivery is dealt with. */
static bool is_duplicate(RpcServer *s, const Delivery *d, const Envelope *e, RpcRequest *r) {
        char key[ENVELOPE_NAME_MAX + 8];
        void *known = NULL;
        int k;

        if (e->unique_id)
                snprintf(key, sizeof key, "%s", e->unique_id);
        else if (e->msg_id)
                snprintf(key, sizeof key, "call/%s", e->msg_id);        /* Essex has no other */
        else
                return false;

        k = duplicates_enter(s->duplicates, key, r, &r->entry, &known);
        if (k != 0)
                return false;           /* new, or no memory to know */

        RpcRequest *running = known;
        bool accepted = false;

        if (!running && s->repeats) {
                r->repeated = true;
                return false;
        }
        if (running) {
                pthread_mutex_lock(&s->lock);
                accepted = running->accepted;
                pthread_mutex_unlock(&s->lock);
        }
        if (running && !accepted && running->generation == 0 && d->generation > 0) {
                log_debug("%s (%s) is delivered again while it runs", e->method, key);
                server_append_unacked(s, running, d->tag, d->generation);
        } else {
                log_debug("%s (%s) is delivered again and was %s: dropped", e->method, key,
                          running ? "accepted" : "done");
                ack_now(s, d);
        }
        return true;
}

static void on_body(RpcServer *s, const Delivery *d, char *body, size_t size) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        Envelope e = ENVELOPE_NULL;
        RequestContext *context = NULL;
        _cleanup_free_ char *raw = NULL;        /* only the fake needs it, for handing back */
        char why[256] = "";
        RpcRequest *r;
        int k;

        if (s->rpc->fake) {
                raw = malloc(size + 1);
                if (raw)
                        memcpy(raw, body, size + 1);
        }
        k = s->rpc->fake && !raw ? -ENOMEM : envelope_parse_request(body, size, &e, why, sizeof why);
        if (k == -EBADMSG && e.message) {
                /* Only its envelope is wrong: a caller can be told. */
                char ignored[128];

                (void) envelope_read_request(&e, ignored, sizeof ignored);
        } else if (k >= 0)
                k = envelope_read_request(&e, why, sizeof why);
        if (k >= 0 && e.method) {
                if (e.context) {
                        context = TAKE_PTR(e.context);
                        k = context_finish(context, &x);
                } else
                        k = context_from_message(e.message, &context, &x);
                if (k == -EINVAL) {
                        snprintf(why, sizeof why, "%s", strempty(x.message));
                        k = -EBADMSG;
                }
        }
        if (k == -EBADMSG) {
                bad_message(s, d, &e, why);
                envelope_done(&e);
                context_unref(context);
                return;
        }
        r = k >= 0 ? request_new(s, &e, context) : NULL;
        if (!r) {
                /* The broker keeps it until there is memory again. */
                envelope_done(&e);
                context_unref(context);
                log_error("Out of memory: a message in queue %s waits", s->queues[d->queue].name);
                if (s->link)
                        link_fail(s->link, "out of memory");
                return;
        }

        if (is_duplicate(s, d, &r->envelope, r)) {
                counter_add(&s->rpc->counters.duplicates, 1);
                request_free(r);
                return;
        }
        r->redelivered = d->redelivered;
        r->queue = d->queue;
        if (s->rpc->fake) {
                r->raw = TAKE_PTR(raw);
                r->raw_size = size;
        }
        if (d->generation > 0)
                server_append_unacked(s, r, d->tag, d->generation);
        r->next = s->requests;
        if (r->next)
                r->next->previous = r;
        s->requests = r;
        if (r->envelope.monitor > 0 && r->envelope.msg_id && r->envelope.reply_q) {
                r->next_heartbeat = now_monotonic() + r->envelope.monitor / 2;
                server_arm_heartbeat(s);
        }
        s->handler(r, s->userdata);     /* it may have ended by now, but is not freed before we are back */
}

/* Who asked may hear that it was too much: the address is picked out of what is not kept. */
void server_on_oversize(Link *l, amqp_channel_t channel, const char *data, size_t size, void *userdata) {
        RpcServer *s = userdata;

        if (!s->caller)
                s->caller = calloc(1, sizeof *s->caller);
        if (s->caller)
                caller_scan(s->caller, data, size);
}

void server_forget_caller(RpcServer *s) {
        free(s->caller);
        s->caller = NULL;
}

void server_on_message(Link *l, LinkMessage *m, void *userdata) {
        RpcServer *s = userdata;
        Delivery d = {.message = m, .queue = MIN(m->consumer - 1, (unsigned) TOPOLOGY_FANOUT), .tag = m->tag,
                      .generation = link_generation(l), .redelivered = m->redelivered};
        char why[256];
        int r;

        if (s->cancelled) {
                server_forget_caller(s);
                (void) link_nack(l, SERVER_CHANNEL, m->tag, false);
                return;
        }
        count_delivery(s, m->redelivered);
        s->draining = true;
        if (!m->body) {
                snprintf(why, sizeof why, "it has %llu bytes, and rpc_max_message_size is %llu",
                         (unsigned long long) m->size, (unsigned long long) s->rpc->options->max_message_size);
                Envelope e = ENVELOPE_NULL;

                if (s->caller)
                        caller_envelope(s->caller, &e);
                bad_message(s, &d, &e, why);
                server_forget_caller(s);
        } else if (*m->content_type && !streq(m->content_type, "application/json") &&
                   !streq(m->content_type, "text/plain")) {
                snprintf(why, sizeof why, "its content type is not application/json");
                bad_message(s, &d, NULL, why);
        } else if (*m->compression) {
                size_t size = 0;
                _cleanup_free_ char *body = NULL;

                r = body_inflate(m->compression, m->body, m->size, s->rpc->options->max_message_size, &body, &size, why,
                                 sizeof why);
                if (r < 0)
                        bad_message(s, &d, NULL, why);
                else
                        on_body(s, &d, body, size);
        } else
                on_body(s, &d, m->body, m->size);
        s->draining = false;
        /* Acks wait for on_idle, together. */
}

void server_on_idle(Link *l, void *userdata) {
        RpcServer *s = userdata;

        publisher_send_replies(s->rpc->publisher, &s->outbox);
        server_settle_all(s);
        server_be_lazy(s);
}

void server_on_fake_message(Body *body, const char *queue, void *userdata) {
        RpcServer *s = userdata;
        Delivery d = {};

        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                if (streq(queue, s->queues[i].name))
                        d.queue = i;
        if (s->cancelled)
                (void) fake_requeue(s->rpc->fake, queue, body);
        else {
                count_delivery(s, false);
                s->draining = true;
                on_body(s, &d, body->data, body->size);
                s->draining = false;
                publisher_send_replies(s->rpc->publisher, &s->outbox);
                server_settle_all(s);
        }
        body_done(body);
}

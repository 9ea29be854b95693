/* A server: one thread, one connection, one channel, three consumers. Declares first and consumes last (F67). A delivery
 * is acked when its outcome is known; many at once where they allow it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/inflate.h"
#include "rpc/rpc-internal.h"

#define CHANNEL 1
#define REMEMBERED 4096                 /* done requests whose ids are known */
#define FANOUT_NAMES_MAX 16
#define CANCEL_LIMIT (2 * USEC_PER_SEC)
#define LAZY_FOR (2 * USEC_PER_MSEC)

/* ---- settled requests ---- */

static void unlink_unacked(RpcServer *s, RpcRequest *r) {
        if (r->generation == 0)
                return;
        if (r->unacked_previous)
                r->unacked_previous->unacked_next = r->unacked_next;
        else
                s->unacked_first = r->unacked_next;
        if (r->unacked_next)
                r->unacked_next->unacked_previous = r->unacked_previous;
        else
                s->unacked_last = r->unacked_previous;
        r->unacked_previous = r->unacked_next = NULL;
        r->generation = 0;
}

static void append_unacked(RpcServer *s, RpcRequest *r, uint64_t tag, unsigned generation) {
        r->tag = tag;
        r->generation = generation;
        r->unacked_previous = s->unacked_last;
        r->unacked_next = NULL;
        if (s->unacked_last)
                s->unacked_last->unacked_next = r;
        else
                s->unacked_first = r;
        s->unacked_last = r;
}

static void end_request(RpcServer *s, RpcRequest *r) {
        unlink_unacked(s, r);
        if (r->previous)
                r->previous->next = r->next;
        else
                s->requests = r->next;
        if (r->next)
                r->next->previous = r->previous;
        request_free(r);
}

/* Gives the message back to its queue. */
static void requeue(RpcServer *s, RpcRequest *r) {
        if (s->rpc->fake) {
                Body body = {r->raw, r->raw_size};

                r->raw = NULL;
                (void) fake_requeue(s->rpc->fake, s->queues[r->queue].name, &body);
        } else if (r->generation > 0)
                (void) link_nack(s->link, CHANNEL, r->tag, false);
}

static void settle_all(RpcServer *s) {
        RpcRequest *list, *r;
        uint64_t tag = 0;

        pthread_mutex_lock(&s->lock);
        list = s->settled;
        s->settled = NULL;
        s->n_settled = 0;
        s->settling = false;
        pthread_mutex_unlock(&s->lock);
        if (!list)
                return;

        for (r = list; r; r = r->next_settled) {
                bool back = r->state == REQUEST_HANDED_BACK;

                r->settled = true;
                if (back && !r->abandoned) {
                        requeue(s, r);
                        unlink_unacked(s, r);
                }
                if (r->entry && back)
                        duplicates_forget(s->duplicates, r->entry);
                else if (r->entry)
                        duplicates_done(s->duplicates, r->entry);
                r->entry = NULL;
        }

        /* What is done from the oldest on without a gap is one ack; the others one each. */
        while (s->unacked_first && s->unacked_first->settled) {
                tag = s->unacked_first->tag;
                unlink_unacked(s, s->unacked_first);
        }
        if (tag > 0)
                (void) link_ack(s->link, CHANNEL, tag, true);
        while ((r = list)) {
                list = r->next_settled;
                if (r->generation > 0)
                        (void) link_ack(s->link, CHANNEL, r->tag, false);
                end_request(s, r);
        }
        if (s->link)
                link_proven(s->link);
}

/* The server's own thread, outside of the link's callbacks. */
static void enter(RpcServer *s) {
        if (s->link)
                link_lock(s->link);
}

static void leave(RpcServer *s) {
        if (s->link)
                link_unlock(s->link);
}

static void on_settled(void *data) {
        RpcServer *s = data;

        enter(s);
        settle_all(s);
        leave(s);
}

/* An ack is in no hurry, as long as the prefetch is not used up: while requests come, what settles on other threads is
 * acked once in a moment instead of waking this thread for each. */
static int on_lazily(sd_event_source *source, uint64_t usec, void *userdata) {
        RpcServer *s = userdata;

        pthread_mutex_lock(&s->lock);
        s->lazy = false;
        pthread_mutex_unlock(&s->lock);
        on_settled(s);
        return 0;
}

static void be_lazy(RpcServer *s) {
        bool arm;

        if (!s->unacked_first)
                return;
        pthread_mutex_lock(&s->lock);
        arm = !s->lazy;
        s->lazy = true;
        pthread_mutex_unlock(&s->lock);
        if (arm) {
                (void) sd_event_source_set_time_relative(s->lazily, LAZY_FOR);
                (void) sd_event_source_set_enabled(s->lazily, SD_EVENT_ONESHOT);
        }
}

bool server_on_thread(const RpcServer *s) {
        return pthread_equal(s->id, pthread_self());
}

int server_send(RpcServer *s, Outgoing *o) {
        if (!server_on_thread(s) || !s->draining)
                return publisher_send(s->rpc->publisher, o);
        outgoing_append(&s->outbox, o);
        return 0;
}

void server_post_settled(RpcServer *s) {
        if (server_on_thread(s) && s->draining)
                return;                 /* seen to at the end of what is read */
        if (loop_thread_post(s->thread, on_settled, s) < 0)
                s->settling = false;    /* the next one brings it along */
}

/* ---- call monitor ---- */

static void arm_heartbeat(RpcServer *s) {
        usec_t first = USEC_INFINITY;

        for (RpcRequest *r = s->requests; r; r = r->next)
                if (r->next_heartbeat > 0)
                        first = MIN(first, r->next_heartbeat);
        if (first == USEC_INFINITY)
                return;
        (void) sd_event_source_set_time(s->heartbeat, first);
        (void) sd_event_source_set_enabled(s->heartbeat, SD_EVENT_ONESHOT);
}

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata) {
        RpcServer *s = userdata;
        usec_t now = now_monotonic();

        for (RpcRequest *r = s->requests; r; r = r->next) {
                bool running;

                if (r->next_heartbeat == 0 || r->next_heartbeat > now)
                        continue;
                pthread_mutex_lock(&s->lock);
                running = r->state == REQUEST_RUNNING && !r->abandoned;
                pthread_mutex_unlock(&s->lock);
                if (!running) {
                        r->next_heartbeat = 0;
                        continue;
                }
                request_send_heartbeat(r);
                r->next_heartbeat = now + r->envelope.monitor / 2;
        }
        arm_heartbeat(s);
        return 0;
}

/* ---- deliveries ---- */

typedef struct Delivery {
        const LinkMessage *message;     /* NULL: from the fake */
        unsigned queue;
        uint64_t tag;
        unsigned generation;
        bool redelivered;
} Delivery;

static void ack_now(RpcServer *s, const Delivery *d) {
        if (d->generation > 0)
                (void) link_ack(s->link, CHANNEL, d->tag, false);
}

/* One line that names queue and reason; nothing of the content, which may hold secrets. */
static void bad_message(RpcServer *s, const Delivery *d, const Envelope *e, const char *why) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

        log_event(LOG_LEVEL_WARNING, MESSAGE_BAD_MESSAGE, NULL, "A message in queue %s is dropped: %s", s->queues[d->queue].name, why);
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
        if (running && running->generation == 0 && d->generation > 0) {
                log_debug("%s (%s) is delivered again while it runs", e->method, key);
                append_unacked(s, running, d->tag, d->generation);
        } else {
                log_debug("%s (%s) is delivered again and was %s: dropped", e->method, key, running ? "accepted" : "done");
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
                k = e.context ? context_from_values(TAKE_PTR(e.context), &context, &x) : context_from_message(e.message, &context, &x);
                if (k == -EINVAL) {
                        snprintf(why, sizeof why, "%s", strempty(x.message));
                        k = -EBADMSG;
                }
        }
        if (k == -EBADMSG) {
                bad_message(s, d, &e, why);
                envelope_done(&e);
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
                append_unacked(s, r, d->tag, d->generation);
        r->next = s->requests;
        if (r->next)
                r->next->previous = r;
        s->requests = r;
        if (r->envelope.monitor > 0 && r->envelope.msg_id && r->envelope.reply_q) {
                r->next_heartbeat = now_monotonic() + r->envelope.monitor / 2;
                arm_heartbeat(s);
        }
        s->handler(r, s->userdata);     /* it may have ended by now, but is not freed before we are back */
}

/* Who asked may hear that it was too much: the address is picked out of what is not kept. */
static void on_oversize(Link *l, amqp_channel_t channel, const char *data, size_t size, void *userdata) {
        RpcServer *s = userdata;

        if (!s->caller)
                s->caller = calloc(1, sizeof *s->caller);
        if (s->caller)
                caller_scan(s->caller, data, size);
}

static void caller_forget(RpcServer *s) {
        free(s->caller);
        s->caller = NULL;
}

static void on_message(Link *l, LinkMessage *m, void *userdata) {
        RpcServer *s = userdata;
        Delivery d = {.message = m, .queue = MIN(m->consumer - 1, (unsigned) TOPOLOGY_FANOUT), .tag = m->tag,
                      .generation = link_generation(l), .redelivered = m->redelivered};
        char why[256];
        int r;

        if (s->cancelled) {
                caller_forget(s);
                (void) link_nack(l, CHANNEL, m->tag, false);
                return;
        }
        s->draining = true;
        if (!m->body) {
                snprintf(why, sizeof why, "it has %llu bytes, and rpc_max_message_size is %llu", (unsigned long long) m->size,
                         (unsigned long long) s->rpc->options->max_message_size);
                Envelope e = ENVELOPE_NULL;

                if (s->caller)
                        caller_envelope(s->caller, &e);
                bad_message(s, &d, &e, why);
                caller_forget(s);
        } else if (*m->content_type && !streq(m->content_type, "application/json") && !streq(m->content_type, "text/plain")) {
                snprintf(why, sizeof why, "its content type is not application/json");
                bad_message(s, &d, NULL, why);
        } else if (*m->compression) {
                size_t size = 0;
                _cleanup_free_ char *body = NULL;

                r = body_inflate(m->compression, m->body, m->size, s->rpc->options->max_message_size, &body, &size, why, sizeof why);
                if (r < 0)
                        bad_message(s, &d, NULL, why);
                else
                        on_body(s, &d, body, size);
        } else
                on_body(s, &d, m->body, m->size);
        s->draining = false;
        /* Acks wait for on_idle, together. */
}

static void on_idle(Link *l, void *userdata) {
        RpcServer *s = userdata;

        publisher_send_replies(s->rpc->publisher, &s->outbox);
        settle_all(s);
        be_lazy(s);
}

static void on_fake_message(Body *body, const char *queue, void *userdata) {
        RpcServer *s = userdata;
        Delivery d = {};

        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                if (streq(queue, s->queues[i].name))
                        d.queue = i;
        if (s->cancelled)
                (void) fake_requeue(s->rpc->fake, queue, body);
        else {
                s->draining = true;
                on_body(s, &d, body->data, body->size);
                s->draining = false;
                publisher_send_replies(s->rpc->publisher, &s->outbox);
                settle_all(s);
        }
        body_done(body);
}

/* ---- the connection ---- */

static void set_fanout_name(RpcServer *s) {
        pthread_mutex_lock(&s->lock);
        memcpy(s->fanout, s->queues[TOPOLOGY_FANOUT].name, sizeof s->fanout);
        pthread_mutex_unlock(&s->lock);
}

/* The fan-out queue is this process's own, under a name that is the same after a restart. If somebody consumes from it
 * already, it is another process of this name, or our predecessor's connection that the broker has not yet given up:
 * the next number is taken. What was broadcast while nobody was here is not for us. */
static int declare_fanout(RpcServer *s) {
        TopologyQueue *q = &s->queues[TOPOLOGY_FANOUT];
        const RpcOptions *o = s->rpc->options;
        uint32_t consumers = 0;
        unsigned n;
        int r;

        if (s->named)
                return link_declare(s->link, CHANNEL, q, NULL);

        for (n = 1; n <= FANOUT_NAMES_MAX; n++) {
                TopologyQueue all[_TOPOLOGY_SERVER_MAX];

                r = topology_server(&o->topology, s->topic, s->host, o->program, n, all);
                if (r < 0)
                        return r;
                *q = all[TOPOLOGY_FANOUT];
                r = link_declare(s->link, CHANNEL, q, &consumers);
                if (r < 0)
                        return r;
                if (consumers == 0)
                        break;
        }
        if (consumers > 0) {
                char id[HEX_ID_MAX];

                snprintf(q->name, sizeof q->name, "%.200s_fanout_%s", s->topic, uuid4_hex(id));
                r = link_declare(s->link, CHANNEL, q, NULL);
                if (r < 0)
                        return r;
        }
        r = link_purge(s->link, CHANNEL, q->name);
        if (r < 0)
                return r;
        s->named = true;
        set_fanout_name(s);
        return 0;
}

static int consume_all(RpcServer *s) {
        int r;

        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++) {
                r = link_consume(s->link, CHANNEL, s->queues[i].name, i + 1, s->rpc->options->cancel_on_failover);
                if (r < 0)
                        return r;
        }
        s->consumers = _TOPOLOGY_SERVER_MAX;
        link_set_consumers(s->link, s->consumers);
        return 0;
}

static int on_open(Link *l, void *userdata) {
        RpcServer *s = userdata;
        int r;

        s->consumers = 0;
        r = link_open_channel(l, CHANNEL, false);
        if (r >= 0)
                r = link_qos(l, CHANNEL, s->rpc->options->prefetch);
        if (r >= 0)
                r = link_declare(l, CHANNEL, &s->queues[TOPOLOGY_TOPIC], NULL);
        if (r >= 0)
                r = link_declare(l, CHANNEL, &s->queues[TOPOLOGY_HOST], NULL);
        if (r >= 0)
                r = declare_fanout(s);
        if (r >= 0 && s->started && !s->cancelled)
                r = consume_all(s);
        return r;
}

static void cancelled(RpcServer *s) {
        (void) sd_event_source_set_enabled(s->cancel_limit, SD_EVENT_OFF);
        s->cancel_pending = 0;
        s->consumers = 0;
        if (s->link)
                link_set_consumers(s->link, 0);
        rpc_note_cancelled(s->rpc, s->number);
}

/* A broker that does not answer shall not keep anybody from stopping. */
static int on_cancel_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        RpcServer *s = userdata;

        enter(s);
        if (s->cancel_pending > 0)
                cancelled(s);
        leave(s);
        return 0;
}

static void on_cancel_ok(Link *l, unsigned consumer, void *userdata) {
        RpcServer *s = userdata;

        if (s->cancel_pending > 0 && --s->cancel_pending == 0)
                cancelled(s);
}

static void on_lost(Link *l, void *userdata) {
        RpcServer *s = userdata;

        while (s->unacked_first)
                unlink_unacked(s, s->unacked_first);    /* the broker delivers them again */
        caller_forget(s);
        s->consumers = 0;
        if (s->cancel_pending > 0)
                cancelled(s);
}

static void on_status(Link *l, void *userdata) {
        RpcServer *s = userdata;

        rpc_note_status(s->rpc, s->number);
}

/* ---- start and stop ---- */

static void do_start(void *data) {
        RpcServer *s = data;

        if (s->started)
                return;
        s->started = true;
        if (s->rpc->fake) {
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        if (fake_consume(s->rpc->fake, s->queues[i].name, s->thread, on_fake_message, s) >= 0)
                                s->consumers++;
                pthread_mutex_lock(&s->lock);
                s->fake_consumers = s->consumers;
                pthread_mutex_unlock(&s->lock);
                rpc_note_status(s->rpc, s->number);
        } else {
                enter(s);
                if (link_is_open(s->link))
                        (void) consume_all(s);
                leave(s);
        }
}

int rpc_server_start(RpcServer *s) {
        return loop_thread_post(s->thread, do_start, s);
}

static void do_cancel(void *data) {
        RpcServer *s = data;

        s->cancelled = true;
        if (s->rpc->fake) {
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        fake_cancel(s->rpc->fake, s->queues[i].name, s);
                pthread_mutex_lock(&s->lock);
                s->fake_consumers = 0;
                pthread_mutex_unlock(&s->lock);
                rpc_note_status(s->rpc, s->number);
                cancelled(s);
                return;
        }
        enter(s);
        if (!link_is_open(s->link) || s->consumers == 0)
                cancelled(s);
        else {
                s->cancel_pending = s->consumers;
                (void) sd_event_source_set_time_relative(s->cancel_limit, CANCEL_LIMIT);
                (void) sd_event_source_set_enabled(s->cancel_limit, SD_EVENT_ONESHOT);
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        if (link_cancel(s->link, CHANNEL, i + 1) < 0)
                                break;          /* on_lost tells */
        }
        leave(s);
}

int rpc_server_cancel(RpcServer *s, void (*done)(void *userdata), void *userdata) {
        s->on_cancelled = done;
        s->on_cancelled_userdata = userdata;
        return loop_thread_post(s->thread, do_cancel, s);
}

static void do_close(void *data) {
        RpcServer *s = data;

        enter(s);
        s->cancelled = true;
        settle_all(s);
        pthread_mutex_lock(&s->lock);
        for (RpcRequest *r = s->requests; r; r = r->next)
                r->abandoned = true;
        pthread_mutex_unlock(&s->lock);

        /* Those whose reply is still on its way are done; the others are for who comes next. */
        for (RpcRequest *r = s->requests; r; r = r->next) {
                bool done;

                pthread_mutex_lock(&s->lock);
                done = r->state == REQUEST_FINISHED;
                pthread_mutex_unlock(&s->lock);
                if (!done)
                        requeue(s, r);
                else if (r->generation > 0)
                        (void) link_ack(s->link, CHANNEL, r->tag, false);
                unlink_unacked(s, r);
        }

        if (s->rpc->fake) {
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        fake_cancel(s->rpc->fake, s->queues[i].name, s);
                fake_delete(s->rpc->fake, s->queues[TOPOLOGY_FANOUT].name);
        } else {
                if (link_is_open(s->link) && s->named)
                        (void) link_delete_queue(s->link, CHANNEL, s->queues[TOPOLOGY_FANOUT].name);
                link_close(s->link, USEC_PER_SEC);
        }
        leave(s);
        pthread_mutex_lock(&s->lock);
        s->closed = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
}

/* Waits on the condition until @deadline. False when it is over. The lock is held. */
static bool wait_until(RpcServer *s, usec_t deadline) {
        struct timespec ts = {.tv_sec = (time_t) (deadline / USEC_PER_SEC), .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000};

        return pthread_cond_timedwait(&s->changed, &s->lock, &ts) != ETIMEDOUT;
}

void rpc_server_close(RpcServer *s, usec_t wait) {
        usec_t deadline = now_monotonic() + wait;

        assert(!server_on_thread(s));

        pthread_mutex_lock(&s->lock);
        while (s->finishing > 0 && wait_until(s, deadline))
                ;
        pthread_mutex_unlock(&s->lock);

        if (loop_thread_post(s->thread, do_close, s) < 0)
                return;
        deadline = MAX(deadline, now_monotonic() + 200 * USEC_PER_MSEC);
        if (s->link && !link_is_connected(s->link))
                deadline = now_monotonic();     /* a try to connect is broken off: it has nothing to say goodbye to */
        pthread_mutex_lock(&s->lock);
        while (!s->closed) {
                if (wait_until(s, deadline))
                        continue;
                pthread_mutex_unlock(&s->lock);
                if (s->link)
                        link_interrupt(s->link);
                pthread_mutex_lock(&s->lock);
                deadline = now_monotonic() + 100 * USEC_PER_MSEC;
        }
        pthread_mutex_unlock(&s->lock);
}

const char *const *rpc_server_queues(const RpcServer *s) {
        return s->name_list;
}

typedef struct Setup {
        RpcServer *server;
        int result;
} Setup;

static void setup(void *data) {
        static const LinkHandlers handlers = {
                .on_open = on_open,
                .on_message = on_message,
                .on_oversize = on_oversize,
                .on_cancel_ok = on_cancel_ok,
                .on_idle = on_idle,
                .on_lost = on_lost,
                .on_status = on_status,
        };
        Setup *u = data;
        RpcServer *s = u->server;
        sd_event *event = loop_thread_event(s->thread);
        int r;

        s->id = pthread_self();
        r = sd_event_add_time(event, &s->heartbeat, CLOCK_MONOTONIC, 0, 50 * USEC_PER_MSEC, on_heartbeat, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->heartbeat, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &s->lazily, CLOCK_MONOTONIC, 0, 100, on_lazily, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->lazily, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &s->cancel_limit, CLOCK_MONOTONIC, 0, 100 * USEC_PER_MSEC, on_cancel_limit, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->cancel_limit, SD_EVENT_OFF);
        if (r >= 0 && s->rpc->fake)
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX && r >= 0; i++)
                        r = fake_declare(s->rpc->fake, &s->queues[i]);
        else if (r >= 0)
                r = link_new(&s->link, event, s->rpc->options, "consumer", &handlers, s);
        u->result = r;
}

static void teardown(void *data) {
        RpcServer *s = data;

        s->link = link_free(s->link);
        s->heartbeat = sd_event_source_disable_unref(s->heartbeat);
        s->lazily = sd_event_source_disable_unref(s->lazily);
        s->cancel_limit = sd_event_source_disable_unref(s->cancel_limit);
}

static void do_connect(void *data) {
        RpcServer *s = data;

        if (s->link) {
                enter(s);
                link_start(s->link);
                leave(s);
        } else
                rpc_note_status(s->rpc, s->number);
}

static void destroy(RpcServer *s) {
        RpcRequest *ended = NULL;

        if (s->thread) {
                pthread_mutex_lock(&s->lock);
                s->stopping = true;
                pthread_mutex_unlock(&s->lock);
                (void) loop_thread_call(s->thread, teardown, s);
                s->thread = loop_thread_free(s->thread);
        }

        /* Requests whose reply the publisher still has hold on to this memory; they leave when that is off. */
        pthread_mutex_lock(&s->lock);
        for (RpcRequest *r = s->requests, *next; r; r = next) {
                next = r->next;
                if (!r->pending) {
                        r->next = ended;
                        ended = r;
                }
        }
        s->detached = true;
        s->alive++;
        pthread_mutex_unlock(&s->lock);
        while (ended) {
                RpcRequest *r = ended;

                ended = r->next;
                request_free(r);
        }
        s->duplicates = duplicates_free(s->duplicates);
        caller_forget(s);

        pthread_mutex_lock(&s->lock);
        bool last = --s->alive == 0;
        pthread_mutex_unlock(&s->lock);
        if (last)
                server_free_memory(s);
}

void server_free_memory(RpcServer *s) {
        free(s->topic);
        free(s->host);
        (void) pthread_cond_destroy(&s->changed);
        (void) pthread_mutex_destroy(&s->lock);
        free(s);
}

int rpc_server_new(RpcServer **ret, Rpc *rpc, const char *topic, const char *host, RpcRequestHandler handler, void *userdata) {
        RpcServer *s = calloc(1, sizeof *s);
        pthread_condattr_t attr;
        Setup u = {.server = s};
        int r;

        assert(ret && rpc && topic && host && handler);
        if (!s)
                return -ENOMEM;
        s->rpc = rpc;
        s->handler = handler;
        s->userdata = userdata;
        (void) pthread_mutex_init(&s->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&s->changed, &attr);
        (void) pthread_condattr_destroy(&attr);

        r = (s->topic = strdup(topic)) && (s->host = strdup(host)) ? 0 : -ENOMEM;
        if (r >= 0)
                r = topology_server(&rpc->options->topology, topic, host, rpc->options->program, 1, s->queues);
        if (r >= 0)
                r = duplicates_new(&s->duplicates, REMEMBERED);
        if (r >= 0)
                r = loop_thread_new(&s->thread, "amqp-consume");
        if (r < 0) {
                destroy(s);
                return r;
        }
        set_fanout_name(s);
        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++) {
                memcpy(s->names[i], s->queues[i].name, sizeof s->names[i]);
                s->name_list[i] = s->names[i];
        }

        pthread_mutex_lock(&rpc->lock);
        s->number = ++rpc->next_server;
        s->next = rpc->servers;
        rpc->servers = s;
        pthread_mutex_unlock(&rpc->lock);

        r = loop_thread_call(s->thread, setup, &u);
        if (r >= 0)
                r = u.result;
        if (r >= 0)
                r = loop_thread_post(s->thread, do_connect, s);
        if (r < 0) {
                rpc_server_free(s);
                return r;
        }
        /* Its replies will need it. */
        publisher_connect(rpc->publisher);
        *ret = s;
        return 0;
}

RpcServer *rpc_server_free(RpcServer *s) {
        if (!s)
                return NULL;
        pthread_mutex_lock(&s->rpc->lock);
        for (RpcServer **p = &s->rpc->servers; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        pthread_mutex_unlock(&s->rpc->lock);
        destroy(s);
        return NULL;
}

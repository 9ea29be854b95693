/* The publishing connection: one thread, one channel with confirms, another one for the answers to our calls.
 *
 * A message goes inbox -> waiting -> unconfirmed -> done. What is unconfirmed when the connection is lost waits again, at
 * the head and in order. What comes back for want of a queue (basic.return) is tried again each quarter of a second, a
 * reply for kombu_missing_consumer_retry_timeout: after a broker's restart the caller may be a moment later than we.
 * Then the queue counts as dead for a minute, so that a crowd of replies to a dead caller costs nothing. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/rpc-internal.h"

#define CHANNEL_PUBLISH 1
#define CHANNEL_ANSWERS 2
#define CONSUMER_REPLY 1                /* tags above it are Essex calls */
#define DIRECT_MAX 49152                /* bytes of replies that may take the short way at once */
#define WAITING_MAX 10000               /* casts and notifications; replies are bounded by the prefetch */
#define MISSING_RETRY (250 * USEC_PER_MSEC)
#define DEAD_QUEUES_MAX 200
#define DEAD_QUEUE_FOR (60 * USEC_PER_SEC)
#define REPLY_NAMES_MAX 16

typedef struct DeadQueue {
        char *name;
        usec_t until;
} DeadQueue;

/* An Essex call that waits on a queue of its own. */
typedef struct EssexCall {
        struct EssexCall *next;
        char msg_id[HEX_ID_MAX];
        unsigned consumer;
        unsigned generation;            /* of the connection it is declared on; 0 = not */
        bool ready;                     /* under the lock */
} EssexCall;

struct Publisher {
        const RpcOptions *options;
        Rpc *rpc;
        Fake *fake;
        LoopThread *thread;

        /* The publisher's thread. */
        Link *link;
        OutgoingList waiting, unconfirmed, missing;
        uint64_t seq;
        char **declared;                /* exchanges and queues declared on this connection */
        size_t n_declared;
        sd_event_source *retry;         /* timer: the first of the missing */
        DeadQueue dead[DEAD_QUEUES_MAX];
        unsigned next_dead;
        TopologyQueue reply;
        bool reply_wanted, reply_named;
        unsigned answers_generation, reply_generation;
        uint64_t answered_tag;          /* deliveries up to this one are to be acked; 0 = none */
        EssexCall *calls;
        unsigned next_consumer;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        OutgoingList inbox;
        bool posted;                    /* the thread knows of the inbox */
        bool closing, closed;
        unsigned count;                 /* messages that are anywhere here */
        bool reply_ready;
        char reply_name[TOPOLOGY_NAME_MAX];
};

/* ---- messages ---- */

Outgoing *outgoing_new(OutgoingKind kind, const char *exchange, const char *key, Body *body) {
        _cleanup_(outgoing_freep) Outgoing *o = calloc(1, sizeof *o);

        if (!o || !(o->key = strdup(key)) || (exchange && !(o->exchange = strdup(exchange))))
                return NULL;
        o->kind = kind;
        o->body = *body;
        *body = (Body){};
        return TAKE_PTR(o);
}

Outgoing *outgoing_free(Outgoing *o) {
        if (!o)
                return NULL;
        free(o->exchange);
        free(o->key);
        body_done(&o->body);
        free(o);
        return NULL;
}

void outgoing_append(OutgoingList *l, Outgoing *o) {
        o->next = NULL;
        if (l->last)
                l->last->next = o;
        else
                l->first = o;
        l->last = o;
}

Outgoing *outgoing_pop(OutgoingList *l) {
        Outgoing *o = l->first;

        if (o) {
                l->first = o->next;
                if (!l->first)
                        l->last = NULL;
                o->next = NULL;
        }
        return o;
}

/* @before, then what was in @l. */
static void list_prepend(OutgoingList *l, OutgoingList *before) {
        if (!before->first)
                return;
        before->last->next = l->first;
        l->first = before->first;
        if (!l->last)
                l->last = before->last;
        *before = (OutgoingList){};
}

static void finish(Publisher *p, Outgoing *o, int r) {
        if (o->done)
                o->done(o, r);
        outgoing_free(o);
        pthread_mutex_lock(&p->lock);
        if (--p->count == 0)
                pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
}

/* ---- queues nobody has any more ---- */

static bool is_dead(Publisher *p, const char *queue) {
        usec_t now = 0;

        for (size_t i = 0; i < DEAD_QUEUES_MAX && p->dead[i].name; i++) {
                if (!streq(p->dead[i].name, queue))
                        continue;
                if (now == 0)
                        now = now_monotonic();
                if (p->dead[i].until > now)
                        return true;
        }
        return false;
}

static void add_dead(Publisher *p, const char *queue) {
        DeadQueue *d = &p->dead[p->next_dead++ % DEAD_QUEUES_MAX];

        free(d->name);
        *d = (DeadQueue){.name = strdup(queue), .until = now_monotonic() + DEAD_QUEUE_FOR};
}

static void came_back(Publisher *p, Outgoing *o) {
        usec_t now = now_monotonic();

        o->returned = false;
        if (o->no_resend || (o->kind != OUTGOING_DIRECT && o->give_up == 0)) {
                finish(p, o, -EHOSTUNREACH);
                return;
        }
        if (o->missing_since == 0) {
                o->missing_since = now;
                if (o->on_missing)
                        o->on_missing(o);
        } else if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key)) {
                /* Another one to it was given up meanwhile, and that has been said. */
                finish(p, o, -EHOSTUNREACH);
                return;
        } else if (o->kind == OUTGOING_DIRECT && now - o->missing_since >= p->options->missing_queue_timeout) {
                if (is_dead(p, o->key)) {               /* told already */
                        finish(p, o, -EHOSTUNREACH);
                        return;
                }
                log_event(LOG_LEVEL_WARNING, MESSAGE_REPLY_UNDELIVERABLE, NULL,
                          "A reply could not be delivered for %llu seconds as its queue %s is missing; it is dropped, and others to it for a minute",
                          (unsigned long long) (p->options->missing_queue_timeout / USEC_PER_SEC), o->key);
                add_dead(p, o->key);
                finish(p, o, -EHOSTUNREACH);
                return;
        }
        o->next_try = now + MISSING_RETRY;
        if (!p->missing.first) {
                (void) sd_event_source_set_time_relative(p->retry, MISSING_RETRY);
                (void) sd_event_source_set_enabled(p->retry, SD_EVENT_ONESHOT);
        }
        outgoing_append(&p->missing, o);
}

/* ---- sending ---- */

static bool is_declared(Publisher *p, const char *name) {
        for (size_t i = 0; i < p->n_declared; i++)
                if (streq(p->declared[i], name))
                        return true;
        return false;
}

static void set_declared(Publisher *p, const char *name) {
        char **list = reallocarray(p->declared, p->n_declared + 1, sizeof *list);

        if (!list)
                return;                 /* then it is declared again next time */
        p->declared = list;
        list[p->n_declared] = strdup(name);
        if (list[p->n_declared])
                p->n_declared++;
}

static void clear_declared(Publisher *p) {
        for (size_t i = 0; i < p->n_declared; i++)
                free(p->declared[i]);
        free(p->declared);
        p->declared = NULL;
        p->n_declared = 0;
}

/* The queue of a notification, or just the exchange in it. */
static int topology_of(Publisher *p, const Outgoing *o, TopologyQueue *ret) {
        *ret = (TopologyQueue){};
        switch (o->kind) {
        case OUTGOING_TOPIC:
                return topology_topic_exchange(&p->options->topology, o->exchange, &ret->exchange);
        case OUTGOING_FANOUT:
                return topology_fanout_exchange(o->exchange, &ret->exchange);
        case OUTGOING_NOTIFICATION:
                return topology_notification(&p->options->topology, o->exchange, o->key, ret);
        default:
                return 0;
        }
}

static int ensure_declared(Publisher *p, const TopologyQueue *q) {
        const char *name = *q->name ? q->name : q->exchange.name;
        int r;

        if (!*name || is_declared(p, name))
                return 0;
        if (p->fake)
                r = *q->name ? fake_declare(p->fake, q) : 0;
        else if (*q->name)
                r = link_declare(p->link, CHANNEL_PUBLISH, q, NULL);
        else
                r = link_declare_exchange(p->link, CHANNEL_PUBLISH, &q->exchange);
        if (r < 0)
                return r;
        set_declared(p, name);
        return 0;
}

static void send_fake(Publisher *p, Outgoing *o, const char *exchange) {
        int r;

        r = fake_publish(p->fake, exchange, o->kind == OUTGOING_FANOUT ? "" : o->key, &o->body);
        if (r < 0)
                finish(p, o, r);
        else if (r == 0 && o->mandatory)
                came_back(p, o);
        else
                finish(p, o, 0);
}

/* Sends what waits, as long as the broker takes it. */
static void flush_waiting(Publisher *p) {
        while (p->waiting.first) {
                Outgoing *o = p->waiting.first;
                TopologyQueue q;
                int r;

                if (!p->fake && (!link_is_open(p->link) || link_is_blocked(p->link)))
                        return;
                if (o->give_up > 0 && now_monotonic() >= o->give_up) {
                        finish(p, outgoing_pop(&p->waiting), -ETIMEDOUT);
                        continue;
                }
                r = topology_of(p, o, &q);
                if (r < 0) {
                        finish(p, outgoing_pop(&p->waiting), r);
                        continue;
                }
                if (*q.exchange.name) {
                        r = ensure_declared(p, &q);
                        if (r < 0) {
                                int code = p->fake ? 0 : link_close_code(p->link);

                                /* It would fail again: let it not hold up the others. */
                                if (code == AMQP_PRECONDITION_FAILED || code == AMQP_ACCESS_REFUSED)
                                        finish(p, outgoing_pop(&p->waiting), -EACCES);
                                return;
                        }
                }
                if (p->fake) {
                        send_fake(p, outgoing_pop(&p->waiting), q.exchange.name);
                        continue;
                }

                r = link_publish(p->link, CHANNEL_PUBLISH, q.exchange.name, o->kind == OUTGOING_FANOUT ? "" : o->key, o->mandatory,
                                 o->expiration, o->body.data, o->body.size);
                if (r < 0)
                        return;         /* it stays the first for the next connection */
                o->seq = ++p->seq;
                outgoing_append(&p->unconfirmed, outgoing_pop(&p->waiting));
        }
}

/* Nothing to lock with the fake: only this thread knows of it. */
static void enter(Publisher *p) {
        if (p->link)
                link_lock(p->link);
}

static void leave(Publisher *p) {
        if (p->link)
                link_unlock(p->link);
}

static void flush(Publisher *p) {
        bool several = p->link && p->waiting.first && p->waiting.first->next;

        if (several)
                link_cork(p->link, true);
        flush_waiting(p);
        if (several)
                link_cork(p->link, false);
}

static int on_missing_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        Publisher *p = userdata;
        usec_t now = now_monotonic();

        enter(p);
        while (p->missing.first && p->missing.first->next_try <= now) {
                Outgoing *o = outgoing_pop(&p->missing);

                if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key))
                        finish(p, o, -EHOSTUNREACH);
                else
                        outgoing_append(&p->waiting, o);
        }
        if (p->missing.first) {
                (void) sd_event_source_set_time(p->retry, p->missing.first->next_try);
                (void) sd_event_source_set_enabled(p->retry, SD_EVENT_ONESHOT);
        }
        flush(p);
        leave(p);
        return 0;
}

static void on_inbox(void *data) {
        Publisher *p = data;
        OutgoingList inbox;
        Outgoing *o;

        enter(p);
        pthread_mutex_lock(&p->lock);
        inbox = p->inbox;
        p->inbox = (OutgoingList){};
        p->posted = false;
        pthread_mutex_unlock(&p->lock);

        while ((o = outgoing_pop(&inbox)))
                if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key))
                        finish(p, o, -EHOSTUNREACH);
                else
                        outgoing_append(&p->waiting, o);
        if (p->link) {
                link_start(p->link);
                link_check(p->link);
        }
        flush(p);
        leave(p);
}

/* The short way for replies: publishes on the caller's thread, when the connection is free and has room. Saves waking a
 * thread for each call, and where many come together they share packets. What does not fit stays in @l. */
static void send_directly(Publisher *p, OutgoingList *l) {
        size_t room = DIRECT_MAX;
        bool free, several;
        Outgoing *o;

        if (!p->link || l->first->body.size > room || !link_try_lock(p->link))
                return;
        pthread_mutex_lock(&p->lock);
        free = !p->closing && !p->inbox.first && !p->waiting.first;
        for (o = l->first; o && free; o = o->next)
                p->count++;
        pthread_mutex_unlock(&p->lock);
        if (!free) {
                link_unlock(p->link);
                return;
        }

        several = l->first->next;
        if (several)
                link_cork(p->link, true);
        while ((o = l->first) && o->body.size <= room && !is_dead(p, o->key)) {
                if (link_publish_directly(p->link, CHANNEL_PUBLISH, "", o->key, o->mandatory, o->expiration, o->body.data,
                                          o->body.size) < 0)
                        break;
                room -= o->body.size;
                o->seq = ++p->seq;
                outgoing_append(&p->unconfirmed, outgoing_pop(l));
        }
        if (several)
                link_cork(p->link, false);
        pthread_mutex_lock(&p->lock);
        for (o = l->first; o; o = o->next)
                p->count--;
        pthread_mutex_unlock(&p->lock);
        link_unlock(p->link);
}

/* The long way, over the publisher's thread. @p's lock is held and will be released. */
static void post_inbox(Publisher *p) {
        bool post = !p->posted;

        p->posted = true;
        pthread_mutex_unlock(&p->lock);

        if (post && loop_thread_post(p->thread, on_inbox, p) < 0) {
                pthread_mutex_lock(&p->lock);
                p->posted = false;      /* the next one brings this one along */
                pthread_mutex_unlock(&p->lock);
        }
}

void publisher_send_replies(Publisher *p, OutgoingList *l) {
        OutgoingList refused = {};
        Outgoing *o;

        if (!l->first)
                return;
        send_directly(p, l);
        if (!l->first)
                return;

        pthread_mutex_lock(&p->lock);
        while ((o = outgoing_pop(l)))
                if (p->closing)
                        outgoing_append(&refused, o);
                else {
                        outgoing_append(&p->inbox, o);
                        p->count++;
                }
        post_inbox(p);
        while ((o = outgoing_pop(&refused))) {
                if (o->done)
                        o->done(o, -ESHUTDOWN);
                outgoing_free(o);
        }
}

int publisher_send(Publisher *p, Outgoing *o) {
        OutgoingList l = {o, o};
        int r;

        if (o->kind == OUTGOING_DIRECT) {
                send_directly(p, &l);
                if (!l.first)
                        return 0;
        }

        pthread_mutex_lock(&p->lock);
        r = p->closing ? -ESHUTDOWN : p->count >= WAITING_MAX && o->kind != OUTGOING_DIRECT ? -ENOBUFS : 0;
        if (r < 0) {
                pthread_mutex_unlock(&p->lock);
                return r;
        }
        outgoing_append(&p->inbox, o);
        p->count++;
        post_inbox(p);
        return 0;
}

/* ---- the answers to our calls ---- */

static int open_answers(Publisher *p) {
        int r;

        if (p->answers_generation == link_generation(p->link))
                return 0;
        r = link_open_channel(p->link, CHANNEL_ANSWERS, false);
        if (r < 0)
                return r;
        p->answers_generation = link_generation(p->link);
        return 0;
}

/* Takes the first name under which nobody consumes: another process of this host and name, or this one's predecessor
 * whose connection the broker has not yet given up. */
static int name_reply_queue(Publisher *p) {
        uint32_t consumers = 0;
        int r;

        for (unsigned n = 1; n <= REPLY_NAMES_MAX; n++) {
                r = topology_reply_queue(&p->options->topology, p->options->host, p->options->program, n, &p->reply);
                if (r < 0)
                        break;
                r = link_declare(p->link, CHANNEL_ANSWERS, &p->reply, &consumers);
                if (r < 0)
                        return r;
                if (consumers > 0)
                        continue;
                return link_purge(p->link, CHANNEL_ANSWERS, p->reply.name);
        }

        char id[HEX_ID_MAX];
        (void) topology_reply_queue(&p->options->topology, "", "", 0, &p->reply);
        snprintf(p->reply.name, sizeof p->reply.name, "reply_%s", uuid4_hex(id));
        return link_declare(p->link, CHANNEL_ANSWERS, &p->reply, NULL);
}

static void on_fake_answer(Body *body, const char *queue, void *userdata) {
        Publisher *p = userdata;
        const char *msg_id = streq(queue, p->reply.name) ? NULL : queue;

        rpc_on_answer(p->rpc, msg_id, body->data, body->size);
        body_done(body);
}

static int open_reply(Publisher *p) {
        int r;

        if (!p->reply_wanted)
                return 0;
        if (p->fake) {
                if (p->reply_named)
                        return 0;
                r = topology_reply_queue(&p->options->topology, p->options->host, p->options->program, 1, &p->reply);
                if (r >= 0)
                        r = fake_declare(p->fake, &p->reply);
                if (r >= 0)
                        r = fake_consume(p->fake, p->reply.name, p->thread, on_fake_answer, p);
                if (r < 0)
                        return r;
        } else {
                if (p->reply_generation == link_generation(p->link))
                        return 0;
                r = open_answers(p);
                if (r >= 0)
                        r = p->reply_named ? link_declare(p->link, CHANNEL_ANSWERS, &p->reply, NULL) : name_reply_queue(p);
                if (r >= 0)
                        r = link_consume(p->link, CHANNEL_ANSWERS, p->reply.name, CONSUMER_REPLY, false);
                if (r < 0)
                        return r;
                p->reply_generation = link_generation(p->link);
        }

        p->reply_named = true;
        pthread_mutex_lock(&p->lock);
        memcpy(p->reply_name, p->reply.name, sizeof p->reply_name);
        p->reply_ready = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        return 0;
}

static void on_reply_wanted(void *data) {
        Publisher *p = data;

        enter(p);
        p->reply_wanted = true;
        if (p->link)
                link_start(p->link);
        if (p->fake || link_is_open(p->link))
                (void) open_reply(p);
        leave(p);
}

/* Waits on the condition until @deadline. False when it is over. The lock is held. */
static bool wait_until(Publisher *p, usec_t deadline) {
        struct timespec ts = {.tv_sec = (time_t) (deadline / USEC_PER_SEC), .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000};

        return pthread_cond_timedwait(&p->changed, &p->lock, &ts) != ETIMEDOUT;
}

int publisher_reply_queue(Publisher *p, usec_t deadline, char name[static TOPOLOGY_NAME_MAX]) {
        bool ready;
        int r;

        pthread_mutex_lock(&p->lock);
        if (!p->reply_ready) {
                pthread_mutex_unlock(&p->lock);
                r = loop_thread_post(p->thread, on_reply_wanted, p);
                if (r < 0)
                        return r;
                pthread_mutex_lock(&p->lock);
        }
        while (!p->reply_ready && !p->closing && wait_until(p, deadline))
                ;
        ready = p->reply_ready;
        memcpy(name, p->reply_name, TOPOLOGY_NAME_MAX);
        pthread_mutex_unlock(&p->lock);
        return ready ? 0 : -ETIMEDOUT;
}

/* ---- Essex: a queue and an exchange for each call ---- */

static void essex_topology(const EssexCall *c, TopologyQueue *ret) {
        *ret = (TopologyQueue){.auto_delete = true, .exchange = {.type = "direct", .auto_delete = true}};
        memcpy(ret->name, c->msg_id, sizeof c->msg_id);
        memcpy(ret->key, c->msg_id, sizeof c->msg_id);
        memcpy(ret->exchange.name, c->msg_id, sizeof c->msg_id);
}

static int open_essex(Publisher *p, EssexCall *c) {
        TopologyQueue q;
        int r;

        essex_topology(c, &q);
        if (p->fake) {
                r = fake_declare(p->fake, &q);
                if (r >= 0)
                        r = fake_consume(p->fake, q.name, p->thread, on_fake_answer, p);
                if (r < 0)
                        return r;
        } else {
                if (c->generation == link_generation(p->link))
                        return 0;
                r = open_answers(p);
                if (r >= 0)
                        r = link_declare(p->link, CHANNEL_ANSWERS, &q, NULL);
                if (r >= 0)
                        r = link_consume(p->link, CHANNEL_ANSWERS, q.name, c->consumer, false);
                if (r < 0)
                        return r;
                c->generation = link_generation(p->link);
        }
        pthread_mutex_lock(&p->lock);
        c->ready = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        return 0;
}

typedef struct EssexNote {
        Publisher *publisher;
        EssexCall *call;                /* to open */
        char msg_id[HEX_ID_MAX];        /* to close */
} EssexNote;

static void on_essex_open(void *data) {
        EssexNote *n = data;
        Publisher *p = n->publisher;
        EssexCall *c = n->call;

        free(n);
        enter(p);
        c->consumer = CONSUMER_REPLY + 1 + p->next_consumer++ % 60000;
        c->next = p->calls;
        p->calls = c;
        if (p->link)
                link_start(p->link);
        if (p->fake || link_is_open(p->link))
                (void) open_essex(p, c);
        leave(p);
}

static void on_essex_close(void *data) {
        EssexNote *n = data;
        Publisher *p = n->publisher;

        enter(p);
        for (EssexCall **i = &p->calls; *i; i = &(*i)->next) {
                EssexCall *c = *i;

                if (!streq(c->msg_id, n->msg_id))
                        continue;
                *i = c->next;
                if (p->fake)
                        fake_delete(p->fake, c->msg_id);
                else if (link_is_open(p->link) && c->generation == link_generation(p->link)) {
                        (void) link_cancel(p->link, CHANNEL_ANSWERS, c->consumer);
                        (void) link_delete_queue(p->link, CHANNEL_ANSWERS, c->msg_id);
                }
                free(c);
                break;
        }
        leave(p);
        free(n);
}

int publisher_open_essex(Publisher *p, const char *msg_id, usec_t deadline) {
        EssexCall *c = calloc(1, sizeof *c);
        EssexNote *n = calloc(1, sizeof *n);
        bool ready;

        if (!c || !n || (snprintf(c->msg_id, sizeof c->msg_id, "%s", msg_id), *n = (EssexNote){.publisher = p, .call = c},
                         loop_thread_post(p->thread, on_essex_open, n)) < 0) {
                free(c);
                free(n);
                return -ENOMEM;
        }
        pthread_mutex_lock(&p->lock);
        while (!c->ready && !p->closing && wait_until(p, deadline))
                ;
        ready = c->ready;
        pthread_mutex_unlock(&p->lock);
        return ready ? 0 : -ETIMEDOUT;
}

void publisher_close_essex(Publisher *p, const char *msg_id) {
        EssexNote *n = calloc(1, sizeof *n);

        if (!n)
                return;
        n->publisher = p;
        snprintf(n->msg_id, sizeof n->msg_id, "%s", msg_id);
        if (loop_thread_post(p->thread, on_essex_close, n) < 0)
                free(n);
}

/* ---- the connection ---- */

static int on_open(Link *l, void *userdata) {
        Publisher *p = userdata;
        int r;

        r = link_open_channel(l, CHANNEL_PUBLISH, true);
        if (r >= 0)
                r = open_reply(p);
        for (EssexCall *c = p->calls; c && r >= 0; c = c->next)
                r = open_essex(p, c);
        return r;
}

static void on_returned(Publisher *p, const LinkMessage *m) {
        for (Outgoing *o = p->unconfirmed.first; o; o = o->next)
                if (!o->returned && o->mandatory && o->body.size == m->size && streq(o->key, m->key) && m->body &&
                    memcmp(o->body.data, m->body, m->size) == 0) {
                        o->returned = true;
                        return;
                }
}

static void on_message(Link *l, LinkMessage *m, void *userdata) {
        Publisher *p = userdata;
        const char *msg_id = NULL;

        if (m->returned) {
                on_returned(p, m);
                return;
        }
        p->answered_tag = m->tag;
        for (EssexCall *c = p->calls; c; c = c->next)
                if (m->consumer == c->consumer)
                        msg_id = c->msg_id;
        if (!m->body)
                log_event(LOG_LEVEL_WARNING, MESSAGE_BAD_MESSAGE, NULL, "A reply of %llu bytes is dropped: rpc_max_message_size is %llu",
                          (unsigned long long) m->size, (unsigned long long) p->options->max_message_size);
        else if (p->rpc)
                rpc_on_answer(p->rpc, msg_id, m->body, m->size);
}

static void confirmed(Publisher *p, Outgoing *o, bool ack) {
        if (o->returned || !ack)
                came_back(p, o);
        else
                finish(p, o, 0);
}

static void on_confirm(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple, bool ack, void *userdata) {
        Publisher *p = userdata;

        if (channel != CHANNEL_PUBLISH)
                return;
        link_proven(l);
        if (multiple) {
                while (p->unconfirmed.first && p->unconfirmed.first->seq <= tag)
                        confirmed(p, outgoing_pop(&p->unconfirmed), ack);
                return;
        }
        for (Outgoing *previous = NULL, *o = p->unconfirmed.first; o && o->seq <= tag; previous = o, o = o->next) {
                if (o->seq != tag)
                        continue;
                if (previous)
                        previous->next = o->next;
                else
                        p->unconfirmed.first = o->next;
                if (p->unconfirmed.last == o)
                        p->unconfirmed.last = previous;
                confirmed(p, o, ack);
                return;
        }
}

static void on_idle(Link *l, void *userdata) {
        Publisher *p = userdata;

        if (p->answered_tag > 0) {
                uint64_t tag = p->answered_tag;

                p->answered_tag = 0;
                if (link_ack(l, CHANNEL_ANSWERS, tag, true) >= 0)
                        link_proven(l);
        }
        flush(p);
}

static void on_lost(Link *l, void *userdata) {
        Publisher *p = userdata;
        OutgoingList again = {};
        Outgoing *o;

        while ((o = outgoing_pop(&p->unconfirmed))) {
                if (o->no_resend)
                        finish(p, o, -ENOTCONN);
                else {
                        o->returned = false;
                        outgoing_append(&again, o);
                }
        }
        list_prepend(&p->waiting, &again);
        p->seq = 0;
        p->answered_tag = 0;
        p->answers_generation = p->reply_generation = 0;
        clear_declared(p);
}

static void on_status(Link *l, void *userdata) {
        Publisher *p = userdata;

        if (p->rpc)
                rpc_note_status(p->rpc, 0);
        /* The moment the broker takes messages again. */
        if (link_is_open(l) && !link_is_blocked(l))
                link_drain_soon(l);
}

/* ---- life ---- */

typedef struct Setup {
        Publisher *publisher;
        int result;
} Setup;

static void setup(void *data) {
        static const LinkHandlers handlers = {
                .on_open = on_open,
                .on_message = on_message,
                .on_confirm = on_confirm,
                .on_idle = on_idle,
                .on_lost = on_lost,
                .on_status = on_status,
        };
        Setup *s = data;
        Publisher *p = s->publisher;
        sd_event *event = loop_thread_event(p->thread);

        s->result = sd_event_add_time(event, &p->retry, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC, on_missing_retry, p);
        if (s->result >= 0)
                s->result = sd_event_source_set_enabled(p->retry, SD_EVENT_OFF);
        if (s->result >= 0 && !p->fake)
                s->result = link_new(&p->link, event, p->options, "publisher", &handlers, p);
}

static void teardown(void *data) {
        Publisher *p = data;

        p->link = link_free(p->link);
        p->retry = sd_event_source_disable_unref(p->retry);
}

static void destroy(Publisher *p) {
        OutgoingList *lists[] = {&p->unconfirmed, &p->waiting, &p->missing, &p->inbox};
        Outgoing *o;

        if (p->thread) {
                (void) loop_thread_call(p->thread, teardown, p);
                p->thread = loop_thread_free(p->thread);
        }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                while ((o = outgoing_pop(lists[i])))
                        finish(p, o, -ECANCELED);
        clear_declared(p);
        for (size_t i = 0; i < DEAD_QUEUES_MAX; i++)
                free(p->dead[i].name);
        while (p->calls) {
                EssexCall *c = p->calls;

                p->calls = c->next;
                free(c);
        }
        (void) pthread_cond_destroy(&p->changed);
        (void) pthread_mutex_destroy(&p->lock);
        free(p);
}

int publisher_new(Publisher **ret, const RpcOptions *options, Rpc *rpc) {
        Publisher *p = calloc(1, sizeof *p);
        pthread_condattr_t attr;
        Setup s = {.publisher = p};
        int r;

        if (!p)
                return -ENOMEM;
        p->options = options;
        p->rpc = rpc;
        p->fake = rpc ? rpc->fake : NULL;
        (void) pthread_mutex_init(&p->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&p->changed, &attr);
        (void) pthread_condattr_destroy(&attr);

        r = loop_thread_new(&p->thread, "amqp-publish");
        if (r >= 0)
                r = loop_thread_call(p->thread, setup, &s);
        if (r >= 0)
                r = s.result;
        if (r < 0) {
                destroy(p);
                return r;
        }
        *ret = p;
        return 0;
}

static void do_connect(void *data) {
        Publisher *p = data;

        enter(p);
        if (p->link)
                link_start(p->link);
        leave(p);
}

void publisher_connect(Publisher *p) {
        (void) loop_thread_post(p->thread, do_connect, p);
}

static void do_close(void *data) {
        Publisher *p = data;

        enter(p);
        if (p->link)
                link_close(p->link, USEC_PER_SEC);
        leave(p);
        pthread_mutex_lock(&p->lock);
        p->closed = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
}

Publisher *publisher_free(Publisher *p, usec_t wait) {
        usec_t deadline;

        if (!p)
                return NULL;

        deadline = now_monotonic() + wait;
        pthread_mutex_lock(&p->lock);
        p->closing = true;
        pthread_cond_broadcast(&p->changed);
        while (p->count > 0 && wait_until(p, deadline))
                ;
        pthread_mutex_unlock(&p->lock);

        /* A goodbye is no reason to hang: from the deadline on the thread is freed by force. */
        if (loop_thread_post(p->thread, do_close, p) >= 0) {
                pthread_mutex_lock(&p->lock);
                deadline = MAX(deadline, now_monotonic() + 200 * USEC_PER_MSEC);
                if (p->link && !link_is_connected(p->link))
                        deadline = now_monotonic();     /* a try to connect is broken off at once */
                while (!p->closed) {
                        if (wait_until(p, deadline))
                                continue;
                        pthread_mutex_unlock(&p->lock);
                        if (p->link)
                                link_interrupt(p->link);
                        pthread_mutex_lock(&p->lock);
                        deadline = now_monotonic() + 100 * USEC_PER_MSEC;
                }
                pthread_mutex_unlock(&p->lock);
        }
        destroy(p);
        return NULL;
}

Link *publisher_link(Publisher *p) {
        return p->link;
}

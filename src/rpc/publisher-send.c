/* The way of a message: inbox, waiting, unconfirmed, done; or missing, and waiting again. See publisher.c. */
#include <errno.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/publisher-internal.h"

#define DIRECT_MAX 49152                /* bytes of replies that may take the short way at once */
#define WAITING_MAX 10000               /* casts and notifications; replies are bounded by the prefetch */
#define MISSING_RETRY (250 * USEC_PER_MSEC)
#define DEAD_QUEUE_FOR (60 * USEC_PER_SEC)

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

void outgoing_prepend(OutgoingList *l, OutgoingList *before) {
        if (!before->first)
                return;
        before->last->next = l->first;
        l->first = before->first;
        if (!l->last)
                l->last = before->last;
        *before = (OutgoingList){};
}

void publisher_finish(Publisher *p, Outgoing *o, int r) {
        if (p->rpc) {
                counter_add(r >= 0 ? &p->rpc->counters.sent : &p->rpc->counters.undelivered, 1);
                if (r >= 0 && o->sent > 0)
                        histogram_observe(&p->rpc->counters.confirm, now_monotonic() - o->sent);
        }
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

void publisher_came_back(Publisher *p, Outgoing *o) {
        usec_t now = now_monotonic();

        o->returned = false;
        if (o->no_resend || (o->kind != OUTGOING_DIRECT && o->give_up == 0)) {
                publisher_finish(p, o, -EHOSTUNREACH);
                return;
        }
        if (o->missing_since == 0) {
                o->missing_since = now;
                if (o->on_missing)
                        o->on_missing(o);
        } else if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key)) {
                /* Another one to it was given up meanwhile, and that has been said. */
                publisher_finish(p, o, -EHOSTUNREACH);
                return;
        } else if (o->kind == OUTGOING_DIRECT && now - o->missing_since >= p->options->missing_queue_timeout) {
                if (is_dead(p, o->key)) {               /* told already */
                        publisher_finish(p, o, -EHOSTUNREACH);
                        return;
                }
                log_event(LOG_LEVEL_WARNING, MESSAGE_REPLY_UNDELIVERABLE, NULL,
                          "A reply could not be delivered for %llu seconds as its queue %s is missing; it is dropped, "
                          "and others to it for a minute",
                          (unsigned long long) (p->options->missing_queue_timeout / USEC_PER_SEC), o->key);
                add_dead(p, o->key);
                publisher_finish(p, o, -EHOSTUNREACH);
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

void publisher_clear_declared(Publisher *p) {
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
                publisher_finish(p, o, r);
        else if (r == 0 && o->mandatory)
                publisher_came_back(p, o);
        else
                publisher_finish(p, o, 0);
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
                        publisher_finish(p, outgoing_pop(&p->waiting), -ETIMEDOUT);
                        continue;
                }
                r = topology_of(p, o, &q);
                if (r < 0) {
                        publisher_finish(p, outgoing_pop(&p->waiting), r);
                        continue;
                }
                if (*q.exchange.name) {
                        r = ensure_declared(p, &q);
                        if (r < 0) {
                                int code = p->fake ? 0 : link_close_code(p->link);

                                /* It would fail again: let it not hold up the others. */
                                if (code == AMQP_PRECONDITION_FAILED || code == AMQP_ACCESS_REFUSED)
                                        publisher_finish(p, outgoing_pop(&p->waiting), -EACCES);
                                return;
                        }
                }
                if (p->fake) {
                        send_fake(p, outgoing_pop(&p->waiting), q.exchange.name);
                        continue;
                }

                r = link_publish(p->link, CHANNEL_PUBLISH, q.exchange.name, o->kind == OUTGOING_FANOUT ? "" : o->key,
                                 o->mandatory, o->expiration, o->body.data, o->body.size);
                if (r < 0)
                        return;         /* it stays the first for the next connection */
                o->seq = ++p->seq;
                o->sent = now_monotonic();
                outgoing_append(&p->unconfirmed, outgoing_pop(&p->waiting));
        }
}

/* Nothing to lock with the fake: only this thread knows of it. */
void publisher_enter(Publisher *p) {
        if (p->link)
                link_lock(p->link);
}

void publisher_leave(Publisher *p) {
        if (p->link)
                link_unlock(p->link);
}

void publisher_flush(Publisher *p) {
        bool several = p->link && p->waiting.first && p->waiting.first->next;

        if (several)
                link_cork(p->link, true);
        flush_waiting(p);
        if (several)
                link_cork(p->link, false);
}

int publisher_on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        Publisher *p = userdata;
        usec_t now = now_monotonic();

        publisher_enter(p);
        while (p->missing.first && p->missing.first->next_try <= now) {
                Outgoing *o = outgoing_pop(&p->missing);

                if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key))
                        publisher_finish(p, o, -EHOSTUNREACH);
                else
                        outgoing_append(&p->waiting, o);
        }
        if (p->missing.first) {
                (void) sd_event_source_set_time(p->retry, p->missing.first->next_try);
                (void) sd_event_source_set_enabled(p->retry, SD_EVENT_ONESHOT);
        }
        publisher_flush(p);
        publisher_leave(p);
        return 0;
}

static void on_inbox(void *data) {
        Publisher *p = data;
        OutgoingList inbox;
        Outgoing *o;

        publisher_enter(p);
        pthread_mutex_lock(&p->lock);
        inbox = p->inbox;
        p->inbox = (OutgoingList){};
        p->posted = false;
        pthread_mutex_unlock(&p->lock);

        while ((o = outgoing_pop(&inbox)))
                if (o->kind == OUTGOING_DIRECT && is_dead(p, o->key))
                        publisher_finish(p, o, -EHOSTUNREACH);
                else
                        outgoing_append(&p->waiting, o);
        if (p->link) {
                link_start(p->link);
                link_check(p->link);
        }
        publisher_flush(p);
        publisher_leave(p);
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
                if (link_publish_directly(p->link, CHANNEL_PUBLISH, "", o->key, o->mandatory, o->expiration,
                                          o->body.data, o->body.size) < 0)
                        break;
                room -= o->body.size;
                o->seq = ++p->seq;
                o->sent = now_monotonic();
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

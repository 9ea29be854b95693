/* The publishing connection: one thread, one channel with confirms, another one for the answers to our calls.
 *
 * A message goes inbox -> waiting -> unconfirmed -> done. What is unconfirmed when the connection is lost waits again,
 * at the head and in order. What comes back for want of a queue (basic.return) is tried again each quarter of a second,
 * a reply for kombu_missing_consumer_retry_timeout: after a broker's restart the caller may be a moment later than we.
 * Then the queue counts as dead for a minute, so that a crowd of replies to a dead caller costs nothing. */
#include <errno.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/publisher-internal.h"

/* ---- the connection ---- */

static int on_open(Link *l, void *userdata) {
        Publisher *p = userdata;
        int r;

        r = link_open_channel(l, CHANNEL_PUBLISH, true);
        if (r >= 0)
                r = publisher_open_reply(p);
        for (EssexCall *c = p->calls; c && r >= 0; c = c->next)
                r = publisher_open_essex_call(p, c);
        if (r >= 0 && p->rpc)
                counter_add(&p->rpc->counters.connects, 1);
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
                log_event(LOG_LEVEL_WARNING, MESSAGE_BAD_MESSAGE, NULL,
                          "A reply of %llu bytes is dropped: rpc_max_message_size is %llu",
                          (unsigned long long) m->size, (unsigned long long) p->options->max_message_size);
        else if (p->rpc)
                rpc_on_answer(p->rpc, msg_id, m->body, m->size);
}

static void confirmed(Publisher *p, Outgoing *o, bool ack) {
        if (o->returned || !ack)
                publisher_came_back(p, o);
        else
                publisher_finish(p, o, 0);
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
        publisher_flush(p);
}

static void on_lost(Link *l, void *userdata) {
        Publisher *p = userdata;
        OutgoingList again = {};
        Outgoing *o;

        while ((o = outgoing_pop(&p->unconfirmed))) {
                if (o->no_resend)
                        publisher_finish(p, o, -ENOTCONN);
                else {
                        o->returned = false;
                        outgoing_append(&again, o);
                }
        }
        outgoing_prepend(&p->waiting, &again);
        p->seq = 0;
        p->answered_tag = 0;
        p->answers_generation = p->reply_generation = 0;
        publisher_clear_declared(p);
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

        s->result = sd_event_add_time(event, &p->retry, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC, publisher_on_retry, p);
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
                        publisher_finish(p, o, -ECANCELED);
        publisher_clear_declared(p);
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

        publisher_enter(p);
        if (p->link)
                link_start(p->link);
        publisher_leave(p);
}

void publisher_connect(Publisher *p) {
        (void) loop_thread_post(p->thread, do_connect, p);
}

static void do_close(void *data) {
        Publisher *p = data;

        publisher_enter(p);
        if (p->link)
                link_close(p->link, USEC_PER_SEC);
        publisher_leave(p);
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
        while (p->count > 0 && publisher_wait_until(p, deadline))
                ;
        pthread_mutex_unlock(&p->lock);

        /* A goodbye is no reason to hang: from the deadline on the thread is freed by force. */
        if (loop_thread_post(p->thread, do_close, p) >= 0) {
                pthread_mutex_lock(&p->lock);
                if (p->link)
                        deadline = link_goodbye_until(p->link, deadline);
                while (!p->closed) {
                        if (publisher_wait_until(p, deadline))
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

/* Where the answers to our calls come: one queue of the process, and one for each call to an Essex peer. */
#include <errno.h>
#include <stdio.h>

#include "rpc/publisher-internal.h"

#define REPLY_NAMES_MAX 16

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

int publisher_open_reply(Publisher *p) {
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
                        r = p->reply_named ? link_declare(p->link, CHANNEL_ANSWERS, &p->reply, NULL)
                                           : name_reply_queue(p);
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

        publisher_enter(p);
        p->reply_wanted = true;
        if (p->link)
                link_start(p->link);
        if (p->fake || link_is_open(p->link))
                (void) publisher_open_reply(p);
        publisher_leave(p);
}

bool publisher_wait_until(Publisher *p, usec_t deadline) {
        struct timespec ts = {.tv_sec = (time_t) (deadline / USEC_PER_SEC),
                              .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000};

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
        while (!p->reply_ready && !p->closing && publisher_wait_until(p, deadline))
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

int publisher_open_essex_call(Publisher *p, EssexCall *c) {
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
        publisher_enter(p);
        c->consumer = CONSUMER_REPLY + 1 + p->next_consumer++ % 60000;
        c->next = p->calls;
        p->calls = c;
        if (p->link)
                link_start(p->link);
        if (p->fake || link_is_open(p->link))
                (void) publisher_open_essex_call(p, c);
        publisher_leave(p);
}

static void on_essex_close(void *data) {
        EssexNote *n = data;
        Publisher *p = n->publisher;

        publisher_enter(p);
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
        publisher_leave(p);
        free(n);
}

int publisher_open_essex(Publisher *p, const char *msg_id, usec_t deadline) {
        EssexCall *c = calloc(1, sizeof *c);
        EssexNote *n = calloc(1, sizeof *n);
        bool ready;

        if (!c || !n ||
            (snprintf(c->msg_id, sizeof c->msg_id, "%s", msg_id), *n = (EssexNote){.publisher = p, .call = c},
             loop_thread_post(p->thread, on_essex_open, n)) < 0) {
                free(c);
                free(n);
                return -ENOMEM;
        }
        pthread_mutex_lock(&p->lock);
        while (!c->ready && !p->closing && publisher_wait_until(p, deadline))
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

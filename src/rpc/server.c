/* A server: one thread, one connection, one channel, three consumers. Declares first and consumes last (F67). A
 * delivery is acked when its outcome is known; many at once where they allow it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "rpc/server-internal.h"

#define REMEMBERED 4096                 /* done requests whose ids are known */
#define FANOUT_NAMES_MAX 16
#define CANCEL_LIMIT (2 * USEC_PER_SEC)

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
                return link_declare(s->link, SERVER_CHANNEL, q, NULL);

        for (n = 1; n <= FANOUT_NAMES_MAX; n++) {
                TopologyQueue all[_TOPOLOGY_SERVER_MAX];

                r = topology_server(&o->topology, s->topic, s->host, o->program, n, all);
                if (r < 0)
                        return r;
                *q = all[TOPOLOGY_FANOUT];
                r = link_declare(s->link, SERVER_CHANNEL, q, &consumers);
                if (r < 0)
                        return r;
                if (consumers == 0)
                        break;
        }
        if (consumers > 0) {
                char id[HEX_ID_MAX];

                snprintf(q->name, sizeof q->name, "%.200s_fanout_%s", s->topic, uuid4_hex(id));
                r = link_declare(s->link, SERVER_CHANNEL, q, NULL);
                if (r < 0)
                        return r;
        }
        r = link_purge(s->link, SERVER_CHANNEL, q->name);
        if (r < 0)
                return r;
        s->named = true;
        set_fanout_name(s);
        return 0;
}

static int consume_all(RpcServer *s) {
        int r;

        for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++) {
                r = link_consume(s->link, SERVER_CHANNEL, s->queues[i].name, i + 1,
                                 s->rpc->options->cancel_on_failover);
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
        r = link_open_channel(l, SERVER_CHANNEL, false);
        if (r >= 0)
                r = link_qos(l, SERVER_CHANNEL, s->rpc->options->prefetch);
        if (r >= 0)
                r = link_declare(l, SERVER_CHANNEL, &s->queues[TOPOLOGY_TOPIC], NULL);
        if (r >= 0)
                r = link_declare(l, SERVER_CHANNEL, &s->queues[TOPOLOGY_HOST], NULL);
        if (r >= 0)
                r = atomic_load(&s->closing) ? 0 : declare_fanout(s);
        if (r >= 0 && s->started && !s->cancelled)
                r = consume_all(s);
        if (r >= 0)
                counter_add(&s->rpc->counters.connects, 1);
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

        server_enter(s);
        if (s->cancel_pending > 0)
                cancelled(s);
        server_leave(s);
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
                server_unlink_unacked(s, s->unacked_first);    /* the broker delivers them again */
        server_forget_caller(s);
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
                        if (fake_consume(s->rpc->fake, s->queues[i].name, s->thread, server_on_fake_message, s) >= 0)
                                s->consumers++;
                pthread_mutex_lock(&s->lock);
                s->fake_consumers = s->consumers;
                pthread_mutex_unlock(&s->lock);
                rpc_note_status(s->rpc, s->number);
        } else {
                server_enter(s);
                if (link_is_open(s->link))
                        (void) consume_all(s);
                server_leave(s);
        }
}

int rpc_server_start(RpcServer *s) {
        return loop_thread_post(s->thread, do_start, s);
}

void rpc_server_set_repeats(RpcServer *s, bool wanted) {
        s->repeats = wanted;
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
        server_enter(s);
        if (!link_is_open(s->link) || s->consumers == 0)
                cancelled(s);
        else {
                s->cancel_pending = s->consumers;
                (void) sd_event_source_set_time_relative(s->cancel_limit, CANCEL_LIMIT);
                (void) sd_event_source_set_enabled(s->cancel_limit, SD_EVENT_ONESHOT);
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        if (link_cancel(s->link, SERVER_CHANNEL, i + 1) < 0)
                                break;          /* on_lost tells */
        }
        server_leave(s);
}

int rpc_server_cancel(RpcServer *s, void (*done)(void *userdata), void *userdata) {
        s->on_cancelled = done;
        s->on_cancelled_userdata = userdata;
        return loop_thread_post(s->thread, do_cancel, s);
}

static void do_close(void *data) {
        RpcServer *s = data;

        server_enter(s);
        s->cancelled = true;
        server_settle_all(s);
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
                        server_requeue(s, r);
                else if (r->generation > 0)
                        (void) link_ack(s->link, SERVER_CHANNEL, r->tag, false);
                server_unlink_unacked(s, r);
        }

        if (s->rpc->fake) {
                for (unsigned i = 0; i < _TOPOLOGY_SERVER_MAX; i++)
                        fake_cancel(s->rpc->fake, s->queues[i].name, s);
                fake_delete(s->rpc->fake, s->queues[TOPOLOGY_FANOUT].name);
        } else {
                if (link_is_open(s->link) && s->named)
                        (void) link_delete_queue(s->link, SERVER_CHANNEL, s->queues[TOPOLOGY_FANOUT].name);
                link_close(s->link, USEC_PER_SEC);
        }
        server_leave(s);
        pthread_mutex_lock(&s->lock);
        s->closed = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
}

/* Waits on the condition until @deadline. False when it is over. The lock is held. */
static bool wait_until(RpcServer *s, usec_t deadline) {
        struct timespec ts = {.tv_sec = (time_t) (deadline / USEC_PER_SEC),
                              .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000};

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
        /* Who reads this after the login declares nothing that would stay behind; who has read it before is waited for. */
        atomic_store(&s->closing, true);
        if (s->link)
                deadline = link_goodbye_until(s->link, deadline);
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
                .on_message = server_on_message,
                .on_oversize = server_on_oversize,
                .on_cancel_ok = on_cancel_ok,
                .on_idle = server_on_idle,
                .on_lost = on_lost,
                .on_status = on_status,
        };
        Setup *u = data;
        RpcServer *s = u->server;
        sd_event *event = loop_thread_event(s->thread);
        int r;

        s->id = pthread_self();
        r = sd_event_add_time(event, &s->heartbeat, CLOCK_MONOTONIC, 0, 50 * USEC_PER_MSEC, server_on_heartbeat, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->heartbeat, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &s->lazily, CLOCK_MONOTONIC, 0, 100, server_on_lazily, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->lazily, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &s->cancel_limit, CLOCK_MONOTONIC, 0, 100 * USEC_PER_MSEC, on_cancel_limit,
                                      s);
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
                server_enter(s);
                link_start(s->link);
                server_leave(s);
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
        server_forget_caller(s);

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

int rpc_server_new(RpcServer **ret, Rpc *rpc, const char *topic, const char *host, RpcRequestHandler handler,
                   void *userdata) {
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

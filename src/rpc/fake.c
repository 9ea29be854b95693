/* The in-process broker (essex 9.8): exchanges are bindings, queues are lists, consumers take turns. Messages are the
 * same JSON texts as on the wire, so that what cannot be sent fails here too. */
#include <assert.h>
#include <errno.h>

#include "rpc/rpc-internal.h"

typedef struct FakeMessage {
        struct FakeMessage *next;
        Body body;
} FakeMessage;

typedef struct FakeConsumer {
        struct FakeConsumer *next;
        LoopThread *thread;
        FakeHandler handler;
        void *userdata;
} FakeConsumer;

typedef struct FakeQueue {
        struct FakeQueue *next;
        char name[TOPOLOGY_NAME_MAX], exchange[TOPOLOGY_NAME_MAX], key[TOPOLOGY_NAME_MAX];
        bool fanout;
        FakeMessage *first, **last;
        FakeConsumer *consumers;        /* the first one is next */
} FakeQueue;

struct Fake {
        pthread_mutex_t lock;
        FakeQueue *queues;
};

/* A message on its way to a consumer's thread. */
typedef struct FakeDelivery {
        Fake *fake;
        FakeHandler handler;
        void *userdata;
        Body body;
        char queue[TOPOLOGY_NAME_MAX];
} FakeDelivery;

int fake_new(Fake **ret) {
        Fake *f = calloc(1, sizeof *f);

        if (!f)
                return -ENOMEM;
        (void) pthread_mutex_init(&f->lock, NULL);
        *ret = f;
        return 0;
}

static void queue_free(FakeQueue *q) {
        while (q->first) {
                FakeMessage *m = q->first;

                q->first = m->next;
                body_done(&m->body);
                free(m);
        }
        while (q->consumers) {
                FakeConsumer *c = q->consumers;

                q->consumers = c->next;
                free(c);
        }
        free(q);
}

Fake *fake_free(Fake *f) {
        if (!f)
                return NULL;
        while (f->queues) {
                FakeQueue *q = f->queues;

                f->queues = q->next;
                queue_free(q);
        }
        (void) pthread_mutex_destroy(&f->lock);
        free(f);
        return NULL;
}

static FakeQueue *find_queue(Fake *f, const char *name) {
        for (FakeQueue *q = f->queues; q; q = q->next)
                if (streq(q->name, name))
                        return q;
        return NULL;
}

int fake_declare(Fake *f, const TopologyQueue *t) {
        int r = 0;

        pthread_mutex_lock(&f->lock);
        if (!find_queue(f, t->name)) {
                FakeQueue *q = calloc(1, sizeof *q);

                if (q) {
                        memcpy(q->name, t->name, sizeof q->name);
                        memcpy(q->exchange, t->exchange.name, sizeof q->exchange);
                        memcpy(q->key, t->key, sizeof q->key);
                        q->fanout = streq_ptr(t->exchange.type, "fanout");
                        q->last = &q->first;
                        q->next = f->queues;
                        f->queues = q;
                } else
                        r = -ENOMEM;
        }
        pthread_mutex_unlock(&f->lock);
        return r;
}

void fake_delete(Fake *f, const char *name) {
        pthread_mutex_lock(&f->lock);
        for (FakeQueue **p = &f->queues; *p; p = &(*p)->next) {
                FakeQueue *q = *p;

                if (!streq(q->name, name))
                        continue;
                *p = q->next;
                queue_free(q);
                break;
        }
        pthread_mutex_unlock(&f->lock);
}

/* On the consumer's thread. It may have been cancelled meanwhile: then the message goes back. */
static void deliver(void *data) {
        FakeDelivery *d = data;
        bool consuming = false;
        FakeQueue *q;

        pthread_mutex_lock(&d->fake->lock);
        q = find_queue(d->fake, d->queue);
        for (FakeConsumer *c = q ? q->consumers : NULL; c; c = c->next)
                consuming |= c->userdata == d->userdata;
        pthread_mutex_unlock(&d->fake->lock);

        if (consuming)
                d->handler(&d->body, d->queue, d->userdata);
        else if (q)
                (void) fake_requeue(d->fake, d->queue, &d->body);
        body_done(&d->body);
        free(d);
}

/* Hands out what waits. The lock is held. */
static int serve(Fake *f, FakeQueue *q) {
        while (q->first && q->consumers) {
                FakeMessage *m = q->first;
                FakeConsumer *c = q->consumers, **end = &q->consumers;
                FakeDelivery *d = calloc(1, sizeof *d);

                if (!d)
                        return -ENOMEM;
                *d = (FakeDelivery){.fake = f, .handler = c->handler, .userdata = c->userdata, .body = m->body};
                memcpy(d->queue, q->name, sizeof d->queue);
                if (loop_thread_post(c->thread, deliver, d) < 0) {
                        free(d);
                        return -ENOMEM;
                }
                q->first = m->next;
                if (!q->first)
                        q->last = &q->first;
                free(m);

                q->consumers = c->next;                 /* to the end of the line */
                while (*end)
                        end = &(*end)->next;
                *end = c;
                c->next = NULL;
        }
        return 0;
}

int fake_consume(Fake *f, const char *queue, LoopThread *thread, FakeHandler handler, void *userdata) {
        FakeConsumer *c = malloc(sizeof *c);
        FakeQueue *q;
        int r;

        if (!c)
                return -ENOMEM;
        pthread_mutex_lock(&f->lock);
        q = find_queue(f, queue);
        if (q) {
                *c = (FakeConsumer){.next = q->consumers, .thread = thread, .handler = handler, .userdata = userdata};
                q->consumers = c;
                r = serve(f, q);
        } else {
                free(c);
                r = -ENOENT;
        }
        pthread_mutex_unlock(&f->lock);
        return r;
}

void fake_cancel(Fake *f, const char *queue, void *userdata) {
        FakeQueue *q;

        pthread_mutex_lock(&f->lock);
        q = find_queue(f, queue);
        for (FakeConsumer **p = q ? &q->consumers : NULL; p && *p;) {
                FakeConsumer *c = *p;

                if (c->userdata == userdata) {
                        *p = c->next;
                        free(c);
                } else
                        p = &c->next;
        }
        pthread_mutex_unlock(&f->lock);
}

static int put(Fake *f, FakeQueue *q, const Body *body) {
        FakeMessage *m = calloc(1, sizeof *m);

        if (!m || !(m->body.data = malloc(body->size + 1))) {
                free(m);
                return -ENOMEM;
        }
        memcpy(m->body.data, body->data, body->size);
        m->body.data[body->size] = '\0';
        m->body.size = body->size;
        *q->last = m;
        q->last = &m->next;
        return serve(f, q);
}

int fake_publish(Fake *f, const char *exchange, const char *key, const Body *body) {
        int n = 0, r = 0;

        pthread_mutex_lock(&f->lock);
        for (FakeQueue *q = f->queues; q && r >= 0; q = q->next)
                if (*exchange ? streq(q->exchange, exchange) && (q->fanout || streq(q->key, key))
                              : streq(q->name, key)) {
                        r = put(f, q, body);
                        n++;
                }
        pthread_mutex_unlock(&f->lock);
        return r < 0 ? r : n;
}

int fake_requeue(Fake *f, const char *queue, Body *body) {
        FakeMessage *m = calloc(1, sizeof *m);
        FakeQueue *q;
        int r = -ENOENT;

        if (!m)
                return -ENOMEM;
        pthread_mutex_lock(&f->lock);
        q = find_queue(f, queue);
        if (q) {
                m->body = *body;
                *body = (Body){};
                m->next = q->first;
                if (!q->first)
                        q->last = &m->next;
                q->first = m;
                m = NULL;
                r = serve(f, q);
        }
        pthread_mutex_unlock(&f->lock);
        free(m);
        return r;
}

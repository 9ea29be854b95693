/* A thread that runs an sd_event and what is posted to it. See loop-thread.h. */
#include "basic/loop-thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "basic/mailbox.h"

#define STACK_SIZE ((size_t) 1024 * 1024)       /* name service modules and TLS libraries are hungry */

struct LoopThread {
        char name[16];
        pthread_t thread;
        bool started;
        sd_event *event;
        Mailbox *calls;
};

typedef struct Waiter {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool done;
} Waiter;

typedef struct Call {
        LoopThreadCall f;
        void *data;
        Waiter *waiter;         /* who waits for the end, on its own stack; or NULL */
} Call;

static void call_end(Call *c) {
        if (c->waiter) {
                pthread_mutex_lock(&c->waiter->lock);
                c->waiter->done = true;
                pthread_cond_signal(&c->waiter->changed);
                pthread_mutex_unlock(&c->waiter->lock);
        }
        free(c);
}

static void on_call(void *item, void *userdata) {
        Call *c = item;

        c->f(c->data);
        call_end(c);
}

/* Posted after the end of the loop, against the rules: at least nobody waits for ever. */
static void on_discard(void *item) {
        call_end(item);
}

static void *thread_main(void *userdata) {
        LoopThread *t = userdata;

        (void) pthread_setname_np(pthread_self(), t->name);
        (void) sd_event_loop(t->event);
        return NULL;
}

int loop_thread_new(LoopThread **ret, const char *name) {
        _cleanup_(loop_thread_freep) LoopThread *t = NULL;
        pthread_attr_t attr;
        sigset_t all;
        int r;

        assert(ret && name);

        t = calloc(1, sizeof *t);
        if (!t)
                return -ENOMEM;
        (void) snprintf(t->name, sizeof t->name, "%s", name);

        r = sd_event_new(&t->event);
        if (r < 0)
                return r;
        r = mailbox_new(&t->calls, t->event, "loop-thread-calls", SD_EVENT_PRIORITY_NORMAL, on_call, on_discard, t);
        if (r < 0)
                return r;

        r = pthread_attr_init(&attr);
        if (r != 0)
                return -r;
        sigfillset(&all);
        (void) pthread_attr_setstacksize(&attr, STACK_SIZE);
        r = pthread_attr_setsigmask_np(&attr, &all);
        if (r == 0)
                r = pthread_create(&t->thread, &attr, thread_main, t);
        (void) pthread_attr_destroy(&attr);
        if (r != 0)
                return -r;
        t->started = true;

        *ret = TAKE_PTR(t);
        return 0;
}

static void stop_loop(void *data) {
        (void) sd_event_exit(data, 0);
}

LoopThread *loop_thread_free(LoopThread *t) {
        if (!t)
                return NULL;

        if (t->started) {
                assert(!pthread_equal(t->thread, pthread_self()));
                /* Only memory can refuse, a few bytes of it: it comes back or the machine is lost anyway. */
                while (loop_thread_post(t, stop_loop, t->event) < 0)
                        (void) usleep(1000);
                (void) pthread_join(t->thread, NULL);
        }
        t->calls = mailbox_free(t->calls);
        sd_event_unref(t->event);
        free(t);
        return NULL;
}

sd_event *loop_thread_event(LoopThread *t) {
        assert(t);
        return t->event;
}

static int post(LoopThread *t, Call call) {
        Call *c;
        int r;

        assert(t && call.f);
        c = malloc(sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = call;

        r = mailbox_post(t->calls, c);
        if (r < 0)
                free(c);
        return r;
}

int loop_thread_post(LoopThread *t, LoopThreadCall f, void *data) {
        return post(t, (Call){.f = f, .data = data});
}

int loop_thread_call(LoopThread *t, LoopThreadCall f, void *data) {
        Waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        int r;

        assert(t && !pthread_equal(t->thread, pthread_self()));

        r = post(t, (Call){.f = f, .data = data, .waiter = &w});
        if (r >= 0) {
                pthread_mutex_lock(&w.lock);
                while (!w.done)
                        pthread_cond_wait(&w.changed, &w.lock);
                pthread_mutex_unlock(&w.lock);
        }
        (void) pthread_cond_destroy(&w.changed);
        (void) pthread_mutex_destroy(&w.lock);
        return r;
}

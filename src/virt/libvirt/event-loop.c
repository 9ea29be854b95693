/* libvirt's event loop. It must be registered before the first connection is opened, or events and keepalive are off
 * without a word; so a timer has to fire before anybody gets a connection.
 * libvirt has one loop per process, hence the one static here. */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <signal.h>

#define PROOF_TIMEOUT (5 * USEC_PER_SEC)

static struct {
        pthread_mutex_t lock;
        unsigned users;
        pthread_t thread;
        bool registered;
        atomic_bool stop;
} event_loop = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A timer that fires once on the loop and tells. Freed by libvirt after virEventRemoveTimeout. */
typedef struct Proof {
        pthread_mutex_t lock;
        pthread_cond_t fired_changed;
        bool fired;
        atomic_uint refs;
} Proof;

static void proof_unref(void *p) {
        Proof *proof = p;

        if (atomic_fetch_sub(&proof->refs, 1) > 1)
                return;
        pthread_cond_destroy(&proof->fired_changed);
        pthread_mutex_destroy(&proof->lock);
        free(proof);
}

static void on_proof(int timer, void *p) {
        Proof *proof = p;

        pthread_mutex_lock(&proof->lock);
        proof->fired = true;
        pthread_cond_signal(&proof->fired_changed);
        pthread_mutex_unlock(&proof->lock);
        (void) virEventRemoveTimeout(timer);
}

/* Whether the loop turns. 0, -ETIMEDOUT or -ENOMEM. */
static int prove(void) {
        usec_t deadline = now_monotonic() + PROOF_TIMEOUT;
        const struct timespec t = { .tv_sec = (time_t) (deadline / USEC_PER_SEC),
                                    .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000 };
        Proof *proof = calloc(1, sizeof *proof);
        int r = 0;

        if (!proof)
                return -ENOMEM;
        pthread_mutex_init(&proof->lock, NULL);
        pthread_cond_init(&proof->fired_changed, NULL);
        proof->refs = 2;
        if (virEventAddTimeout(0, on_proof, proof, proof_unref) < 0) {
                proof->refs = 1;
                proof_unref(proof);
                return -ENOMEM;
        }

        pthread_mutex_lock(&proof->lock);
        while (!proof->fired && r == 0)
                r = -pthread_cond_clockwait(&proof->fired_changed, &proof->lock, CLOCK_MONOTONIC, &t);
        if (proof->fired)
                r = 0;
        pthread_mutex_unlock(&proof->lock);
        proof_unref(proof);
        return r;
}

static void *event_loop_run(void *data _unused_) {
        (void) pthread_setname_np(pthread_self(), "libvirt-events");
        while (!event_loop.stop)
                if (virEventRunDefaultImpl() < 0)
                        (void) usleep(100000);  /* poll(2) failed: do not spin */
        return NULL;
}

static int start(void) {
        sigset_t all, former;
        int r;

        if (!event_loop.registered) {
                if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
                        return -EIO;
                event_loop.registered = true;
        }

        event_loop.stop = false;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &former);
        r = -pthread_create(&event_loop.thread, NULL, event_loop_run, NULL);
        pthread_sigmask(SIG_SETMASK, &former, NULL);
        return r;
}

/* The timer's firing is what wakes the loop, to see that it must end. */
static void on_wake(int timer, void *data _unused_) {
        (void) virEventRemoveTimeout(timer);
}

static void stop(void) {
        event_loop.stop = true;
        (void) virEventAddTimeout(0, on_wake, NULL, NULL);
        (void) pthread_join(event_loop.thread, NULL);
}

int event_loop_ref(NovaException *e) {
        int r = 0;

        pthread_mutex_lock(&event_loop.lock);
        if (event_loop.users == 0) {
                r = start();
                if (r >= 0) {
                        r = prove();
                        if (r < 0)
                                stop();
                }
        }
        if (r >= 0)
                event_loop.users++;
        pthread_mutex_unlock(&event_loop.lock);

        return r < 0 ? exception_set_errno(e, r, "The event loop of libvirt does not run") : 0;
}

void event_loop_unref(void) {
        pthread_mutex_lock(&event_loop.lock);
        if (--event_loop.users == 0)
                stop();
        pthread_mutex_unlock(&event_loop.lock);
}

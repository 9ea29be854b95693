/* The calls that are inside libvirt: each has a connection to itself, and one that does not come back is noticed.
 *
 * libvirt's connections are thread-safe by their contract, but its client (src/rpc/virnetclient.c) was not, until 10.3: a second thread's
 * call wakes the one that waits for answers, which leaves behind an event source that points to its stack, and the next to wait
 * runs that (CVE-2024-4418); and nobody wakes up the others that wait when the connection is given up. Debian 12 has 9.0. With
 * one thread to a connection none of this can happen; and libvirt's daemon, which works on five requests of a connection at
 * once, works on all. So connections are kept, as many as were needed at once, and those that are idle for long are closed. */
#include "virt/libvirt/private.h"

#include <stdio.h>
#include <time.h>

#define IDLE (3600 * USEC_PER_SEC)
#define KEPT_IDLE (60 * USEC_PER_SEC)           /* so long unused, all but one are closed */
#define COMPANIONS_MAX 128u                     /* more than there are workers, unless many are configured */

void libvirt_wait(LibvirtDriver *d, usec_t deadline) {
        const struct timespec t = { .tv_sec = (time_t) (deadline / USEC_PER_SEC),
                                    .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000 };

        (void) pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &t);
}

/* Closes what has been idle for long. Returns when there is more to do, and without the lock for a moment. */
static usec_t tidy_idle(LibvirtDriver *d) {
        usec_t now = now_monotonic(), next = now + IDLE;

        libvirt_close_idle(d, false, now - MIN(now, KEPT_IDLE));
        if (d->closing) {
                pthread_mutex_unlock(&d->lock);
                libvirt_closer_start(d);
                pthread_mutex_lock(&d->lock);
        }
        for (const LibvirtConnection *c = d->idle ? d->idle->next : NULL; c; c = c->next)
                next = MIN(next, c->idle_since + KEPT_IDLE + 1);
        return next;
}

void libvirt_watch_calls(LibvirtDriver *d) {
        const LibvirtUse *oldest = NULL;
        unsigned generation;
        char why[200];
        usec_t next;

        next = tidy_idle(d);
        for (const LibvirtUse *u = d->call_timeout > 0 ? d->uses : NULL; u; u = u->next)       /* a use may have begun its time anew */
                if (u->generation == d->generation && !u->patient && (!oldest || u->started < oldest->started))
                        oldest = u;

        if (!oldest || now_monotonic() < oldest->started + d->call_timeout) {
                libvirt_wait(d, MIN(next, (oldest ? oldest->started : now_monotonic()) + (d->call_timeout ?: IDLE)));
                return;
        }
        snprintf(why, sizeof why, "%s has not returned for %u s", oldest->method,
                 (unsigned) ((now_monotonic() - oldest->started) / USEC_PER_SEC));
        generation = d->generation;
        pthread_mutex_unlock(&d->lock);
        libvirt_lost(d, generation, why);
        pthread_mutex_lock(&d->lock);
}

/* With the lock held, as what follows. */
static bool is_usable(const LibvirtDriver *d) {
        return d->watched && !d->lost && !d->stopping;
}

/* Of the same thread, around this one: what it calls is one after the other. */
static LibvirtConnection *of_outer_use(const LibvirtDriver *d) {
        for (const LibvirtUse *u = d->uses; u; u = u->next)
                if (u->owner && u->generation == d->generation && pthread_equal(u->thread, pthread_self()))
                        return u->owner;
        return NULL;
}

typedef struct Opening {
        LibvirtDriver *d;
        unsigned generation;
} Opening;

/* Opens companions as long as somebody waits for one. */
static void *opener_run(void *data) {
        Opening *p = data;
        LibvirtDriver *d = p->d;
        bool failed = false;
        char why[200] = "";

        (void) pthread_setname_np(pthread_self(), "libvirt-open");
        pthread_mutex_lock(&d->lock);
        while (!failed && is_usable(d) && d->generation == p->generation && d->waiting > 0 && d->companions < COMPANIONS_MAX) {
                LibvirtConnection *c;

                d->companions++;
                pthread_mutex_unlock(&d->lock);
                c = libvirt_open(d, why, sizeof why);
                pthread_mutex_lock(&d->lock);

                if (is_usable(d) && d->generation == p->generation) {
                        if (c) {
                                c->generation = p->generation;
                                c->idle_since = now_monotonic();
                                c->next = d->idle;
                                d->idle = c;
                                pthread_cond_signal(&d->idle_changed);
                                continue;
                        }
                        d->companions--;
                        failed = true;
                } else if (c)
                        libvirt_close_later(d, c);
        }
        if (d->generation == p->generation)
                d->opening = false;
        failed = failed && d->companions == 0;  /* else those that there are must do */
        pthread_mutex_unlock(&d->lock);

        if (failed)
                libvirt_lost(d, p->generation, why);
        libvirt_closer_start(d);
        event_loop_unref();
        libvirt_driver_unref(d);
        free(p);
        return NULL;
}

/* Has one opened, unless that is under way. */
static void want_companion(LibvirtDriver *d) {
        pthread_t thread;
        Opening *p;

        if (d->opening || d->companions >= COMPANIONS_MAX)
                return;
        p = malloc(sizeof *p);
        if (!p)
                return;
        *p = (Opening){ .d = libvirt_driver_ref(d), .generation = d->generation };
        d->opening = true;
        pthread_mutex_unlock(&d->lock);
        if (event_loop_ref(NULL) >= 0) {
                if (libvirt_start_thread(&thread, opener_run, p) >= 0) {
                        (void) pthread_detach(thread);
                        pthread_mutex_lock(&d->lock);
                        return;
                }
                event_loop_unref();
        }
        pthread_mutex_lock(&d->lock);
        if (d->generation == p->generation)
                d->opening = false;
        libvirt_driver_unref(d);                /* the caller has another */
        free(p);
}

/* The connection that a call of this thread is to have; NULL when it is too late. Waits until one is free or opened. */
static LibvirtConnection *take(LibvirtDriver *d) {
        LibvirtConnection *c = d->watched->in_process ? d->watched : of_outer_use(d);
        unsigned generation = d->generation;

        while (!c && is_usable(d) && d->generation == generation) {
                c = d->idle;
                if (c) {
                        d->idle = c->next;
                        break;
                }
                d->waiting++;
                want_companion(d);
                if (!d->idle && is_usable(d) && d->generation == generation) {
                        /* Told when there is one; without memory or a thread for another, somebody gives one back. */
                        usec_t until = now_monotonic() + USEC_PER_SEC;
                        const struct timespec t = { .tv_sec = (time_t) (until / USEC_PER_SEC),
                                                    .tv_nsec = (long) (until % USEC_PER_SEC) * 1000 };

                        (void) pthread_cond_clockwait(&d->idle_changed, &d->lock, CLOCK_MONOTONIC, &t);
                }
                d->waiting--;
        }
        if (c)
                c->users++;
        return c;
}

/* Whether it is to be closed. */
static bool give_back(LibvirtDriver *d, LibvirtConnection *c) {
        if (--c->users > 0 || c == d->watched)
                return false;
        if (!is_usable(d) || c->generation != d->generation) {
                libvirt_close_later(d, c);
                return true;
        }
        c->idle_since = now_monotonic();
        c->next = d->idle;
        d->idle = c;
        pthread_cond_signal(&d->idle_changed);
        return false;
}

int libvirt_use(LibvirtUse *u, ComputeDriver *driver, const char *method, NovaException *e) {
        LibvirtDriver *d = libvirt_driver_ref(CONTAINER_OF(driver, LibvirtDriver, base));

        *u = (LibvirtUse){ .d = d, .method = method, .started = now_monotonic(), .thread = pthread_self() };

        pthread_mutex_lock(&d->lock);
        if (is_usable(d)) {
                /* In the list also while it waits: one that waits for long is noticed as well. */
                u->generation = d->generation;
                u->link = &d->uses;
                u->next = d->uses;
                if (u->next)
                        u->next->link = &u->next;
                d->uses = u;
                u->owner = take(d);
                u->connection = u->owner ? u->owner->connection : NULL;
        }
        pthread_mutex_unlock(&d->lock);

        if (!u->connection) {
                u->r = exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE,
                                      "Connection to the hypervisor is broken on host: %s (%s: not connected)", d->host, d->uri);
                exception_kwarg(e, "host", json_string(d->host));
        }
        return u->r;
}

void libvirt_use_done(LibvirtUse *u) {
        bool close = false;

        if (!u->d)
                return;
        pthread_mutex_lock(&u->d->lock);
        if (u->link) {
                *u->link = u->next;
                if (u->next)
                        u->next->link = u->link;
        }
        if (u->owner)
                close = give_back(u->d, u->owner);
        pthread_mutex_unlock(&u->d->lock);
        if (close)
                libvirt_closer_start(u->d);
        libvirt_driver_unref(u->d);
}

void libvirt_use_again(LibvirtUse *u, bool patient) {
        pthread_mutex_lock(&u->d->lock);
        u->started = now_monotonic();
        u->patient = patient;
        pthread_mutex_unlock(&u->d->lock);
}

unsigned libvirt_events_seen(LibvirtUse *u) {
        unsigned events;

        pthread_mutex_lock(&u->d->lock);
        events = u->d->events;
        u->started = now_monotonic();
        pthread_mutex_unlock(&u->d->lock);
        return events;
}

void libvirt_wait_event(LibvirtUse *u, unsigned seen, usec_t deadline) {
        LibvirtDriver *d = u->d;
        usec_t end = MIN(deadline, now_monotonic() + USEC_PER_SEC);

        pthread_mutex_lock(&d->lock);
        while (d->events == seen && !d->stopping && now_monotonic() < end)
                libvirt_wait(d, end);
        u->started = now_monotonic();
        pthread_mutex_unlock(&d->lock);
}

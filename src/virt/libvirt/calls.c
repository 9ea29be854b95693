/* The calls that are inside libvirt: each keeps its connection, and one that does not come back is noticed. */
#include "virt/libvirt/private.h"

#include <stdio.h>
#include <time.h>

#define IDLE (3600 * USEC_PER_SEC)

void libvirt_wait(LibvirtDriver *d, usec_t deadline) {
        const struct timespec t = { .tv_sec = (time_t) (deadline / USEC_PER_SEC),
                                    .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000 };

        (void) pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &t);
}

void libvirt_watch_calls(LibvirtDriver *d) {
        const LibvirtUse *oldest = NULL;
        virConnectPtr connection;
        char why[200];

        for (const LibvirtUse *u = d->call_timeout > 0 ? d->uses : NULL; u; u = u->next)
                if (u->connection == d->connection && !u->patient)
                        oldest = u;

        for (const LibvirtUse *u = oldest ? d->uses : NULL; u; u = u->next)     /* a use may have begun its time anew */
                if (u->connection == d->connection && !u->patient && u->started < oldest->started)
                        oldest = u;

        if (!oldest || now_monotonic() < oldest->started + d->call_timeout) {
                libvirt_wait(d, (oldest ? oldest->started : now_monotonic()) + (d->call_timeout ?: IDLE));
                return;
        }
        snprintf(why, sizeof why, "%s has not returned for %u s", oldest->method,
                 (unsigned) ((now_monotonic() - oldest->started) / USEC_PER_SEC));
        connection = d->connection;
        pthread_mutex_unlock(&d->lock);
        libvirt_lost(d, connection, why);
        pthread_mutex_lock(&d->lock);
}

int libvirt_use(LibvirtUse *u, ComputeDriver *driver, const char *method, NovaException *e) {
        LibvirtDriver *d = libvirt_driver_ref(CONTAINER_OF(driver, LibvirtDriver, base));

        *u = (LibvirtUse){ .d = d, .method = method, .started = now_monotonic() };

        pthread_mutex_lock(&d->lock);
        if (d->connection && !d->lost && !d->stopping && virConnectRef(d->connection) >= 0) {
                u->connection = d->connection;
                u->link = &d->uses;
                u->next = d->uses;
                if (u->next)
                        u->next->link = &u->next;
                d->uses = u;
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
        if (!u->d)
                return;
        if (u->connection) {
                pthread_mutex_lock(&u->d->lock);
                *u->link = u->next;
                if (u->next)
                        u->next->link = u->link;
                pthread_mutex_unlock(&u->d->lock);
                (void) virConnectClose(u->connection);
        }
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

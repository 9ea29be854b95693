/* Opening and closing one connection to libvirt. Both ask the other side, which may not answer: so calls have it done aside, by threads that
 * hold all that they touch, and go on without when the connections are lost. */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* Nobody is there to be asked for a name or password: what needs one must have it in libvirt's auth.conf. */
static int refuse_credentials(virConnectCredentialPtr credentials _unused_, unsigned n _unused_, void *data _unused_) {
        return -1;
}

static virConnectAuth no_credentials(void) {
        static int types[] = { VIR_CRED_AUTHNAME, VIR_CRED_NOECHOPROMPT };

        return (virConnectAuth){ .credtype = types, .ncredtype = ELEMENTSOF(types), .cb = refuse_credentials };
}

bool libvirt_unsupported(void) {
        ExceptionClass class;

        return libvirt_error_errno(virGetLastErrorCode(), &class) == -EOPNOTSUPP;
}

int libvirt_start_thread(pthread_t *ret, void *(*f)(void *data), void *data) {
        sigset_t all, former;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &former);
        r = -pthread_create(ret, NULL, f, data);
        pthread_sigmask(SIG_SETMASK, &former, NULL);
        return r;
}

LibvirtConnection *libvirt_open(LibvirtDriver *d, char *why, size_t size) {
        LibvirtConnection *c = calloc(1, sizeof *c);
        virConnectAuth auth = no_credentials();

        if (!c) {
                snprintf(why, size, "out of memory");
                return NULL;
        }
        c->event_id = -1;
        c->connection = virConnectOpenAuth(d->uri, &auth, 0);
        /* Whoever speaks libvirt's protocol knows keepalive, also when it is to be off. */
        if (c->connection && virConnectSetKeepAlive(c->connection, d->keepalive_interval, d->keepalive_count) >= 0)
                return c;
        c->in_process = c->connection && libvirt_unsupported();
        if (c->in_process)
                return c;

        snprintf(why, size, "%s", strempty(virGetLastErrorMessage()));
        if (c->connection)
                (void) virConnectClose(c->connection);
        free(c);
        return NULL;
}

void libvirt_close(LibvirtDriver *d _unused_, LibvirtConnection *c) {
        if (c->event_id >= 0)
                (void) virConnectDomainEventDeregisterAny(c->connection, c->event_id);
        (void) virConnectUnregisterCloseCallback(c->connection, libvirt_on_close);
        (void) virConnectClose(c->connection);
        free(c);
}

void libvirt_close_later(LibvirtDriver *d, LibvirtConnection *c) {
        c->next = d->closing;
        d->closing = c;
}

void libvirt_close_idle(LibvirtDriver *d, bool all, usec_t before) {
        LibvirtConnection **at = all || !d->idle ? &d->idle : &d->idle->next, *c;

        while ((c = *at)) {
                if (!all && c->idle_since > before) {
                        at = &c->next;
                        continue;
                }
                *at = c->next;
                d->companions--;
                libvirt_close_later(d, c);
        }
}

/* One after the other: when one hangs the others would too. */
void libvirt_close_waiting(LibvirtDriver *d) {
        LibvirtConnection *c;

        while ((c = d->closing)) {
                d->closing = c->next;
                pthread_mutex_unlock(&d->lock);
                libvirt_close(d, c);
                pthread_mutex_lock(&d->lock);
        }
}

static void close_as_closer(LibvirtDriver *d) {
        pthread_mutex_lock(&d->lock);
        libvirt_close_waiting(d);
        d->has_closer = false;
        pthread_mutex_unlock(&d->lock);
}

static void *closer_run(void *data) {
        LibvirtDriver *d = data;

        (void) pthread_setname_np(pthread_self(), "libvirt-close");
        close_as_closer(d);
        event_loop_unref();             /* keepalive, which ends a closing that hangs, runs there */
        libvirt_driver_unref(d);
        return NULL;
}

void libvirt_closer_start(LibvirtDriver *d) {
        pthread_t thread;
        bool wanted;

        pthread_mutex_lock(&d->lock);
        wanted = d->closing && !d->has_closer;
        if (wanted)
                d->has_closer = true;
        pthread_mutex_unlock(&d->lock);
        if (!wanted)
                return;

        if (event_loop_ref(NULL) >= 0) {
                if (libvirt_start_thread(&thread, closer_run, libvirt_driver_ref(d)) >= 0) {
                        (void) pthread_detach(thread);
                        return;
                }
                libvirt_driver_unref(d);
                event_loop_unref();
        }
        close_as_closer(d);             /* no thread can be had: then here */
}

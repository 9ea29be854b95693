/* The connections to libvirt: which URI, noticing that they are gone, and getting them back.
 *
 * One is watched: it tells of events and of a loss, and no call uses it. Calls have companions of it, each for itself (calls.c). init_host
 * opens the watched one on its caller's worker; as long as that fails the caller tries again. From the first success on the
 * driver looks after it: keepalive and close callback tell of a loss (a call that fails on a dead socket does too), calls
 * get HypervisorUnavailable at once instead of waiting, and a thread of the driver's own, the connector, has the old connections
 * closed and opens a new one with growing, jittered delays. A call that was inside libvirt keeps its connection until it returns. */
#include "virt/libvirt/private.h"

#include <errno.h>

#define RETRY_FIRST (1 * USEC_PER_SEC)
#define RETRY_CAP (60 * USEC_PER_SEC)
#define PROVEN_GOOD (30 * USEC_PER_SEC)         /* a connection that held so long begins the delays anew */
#define CLOSE_TIMEOUT (1 * USEC_PER_SEC)

#define MIN_LIBVIRT 6000000ul                   /* what Nova of this era wants */
#define MIN_QEMU 4002000ul

char *libvirt_uri_of(const Config *config) {
        static const struct {
                const char *type, *uri;
        } uris[] = {
                { "lxc", "lxc:///" },
                { "xen", "xen:///" },
                { "uml", "uml:///system" },
                { "parallels", "parallels:///system" },
                { "test", "test:///default" },
        };
        const char *uri = config_string(config, "libvirt.connection_uri"), *type = config_string(config, "libvirt.virt_type");

        if (!isempty(uri))
                return strdup(uri);
        for (size_t i = 0; i < ELEMENTSOF(uris); i++)
                if (streq(uris[i].type, strempty(type)))
                        return strdup(uris[i].uri);
        return strdup("qemu:///system");
}

bool libvirt_uri_is_local(const char *uri) {
        const char *authority = strstr(uri, "://");

        if (!authority || startswith(uri, "test:") || startswith(uri, "test+"))
                return false;
        authority += 3;
        return *authority == '/' || *authority == '\0' || startswith(authority, "localhost/");
}

/* Whoever ends the driver waits for tellers, so that nobody is told any more afterwards. */
static void tell(LibvirtDriver *d, const DriverEvent *event) {
        DriverEventCallback callback;
        void *data;

        pthread_mutex_lock(&d->lock);
        callback = d->stopping ? NULL : d->callback;
        data = d->callback_data;
        d->telling++;
        pthread_mutex_unlock(&d->lock);

        if (callback)
                callback(event, data);

        pthread_mutex_lock(&d->lock);
        d->telling--;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

void libvirt_lost(LibvirtDriver *d, unsigned generation, const char *why) {
        bool ours;

        pthread_mutex_lock(&d->lock);
        ours = d->watched && d->generation == generation && !d->lost && !d->stopping;
        if (ours) {
                d->lost = true;
                pthread_cond_broadcast(&d->changed);
                pthread_cond_broadcast(&d->idle_changed);
        }
        pthread_mutex_unlock(&d->lock);

        if (ours)
                tell(d, &(DriverEvent){ .type = DRIVER_EVENT_DISCONNECTED, .text = why });
}

void libvirt_on_close(virConnectPtr connection, int reason, void *userdata) {
        static const char *const why[] = {
                [VIR_CONNECT_CLOSE_REASON_ERROR] = "an error of the connection",
                [VIR_CONNECT_CLOSE_REASON_EOF] = "libvirt's daemon ended or closed the connection",
                [VIR_CONNECT_CLOSE_REASON_KEEPALIVE] = "libvirt's daemon does not answer",
        };

        LibvirtDriver *d = userdata;
        unsigned generation;
        bool ours;

        pthread_mutex_lock(&d->lock);
        ours = d->watched && d->watched->connection == connection;
        generation = d->generation;
        pthread_mutex_unlock(&d->lock);
        if (ours && reason >= 0 && (size_t) reason < ELEMENTSOF(why) && why[reason])
                libvirt_lost(d, generation, why[reason]);
}

void libvirt_count_event(LibvirtDriver *d) {
        pthread_mutex_lock(&d->lock);
        d->events++;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

/* On libvirt's thread: no libvirt call that could wait, only the copy of what happened. */
static int on_lifecycle(virConnectPtr connection _unused_, virDomainPtr domain, int event, int detail, void *userdata) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        PowerState state;

        if (libvirt_event_state(event, detail, &state) && virDomainGetUUIDString(domain, uuid) >= 0)
                tell(userdata, &(DriverEvent){ .type = DRIVER_EVENT_LIFECYCLE, .uuid = uuid, .state = state });
        libvirt_count_event(userdata);
        return 0;
}

static void on_callback_freed(void *userdata) {
        libvirt_driver_unref(userdata);
}

static int check_versions(const LibvirtUse *u, NovaException *e) {
        unsigned long version = 0;
        const char *type;

        if (virConnectGetLibVersion(u->connection, &version) < 0)
                return libvirt_failed(u, "The version of libvirt", NULL, e);
        if (version < MIN_LIBVIRT)
                return exception_setf(e, EXC_NOVA, "Nova requires libvirt version 6.0.0 or greater, and %s has %lu.%lu.%lu", u->d->uri,
                                      version / 1000000, version / 1000 % 1000, version % 1000);

        type = virConnectGetType(u->connection);
        if (!type || !streq(type, "QEMU") || virConnectGetVersion(u->connection, &version) < 0)
                return 0;
        if (version > 0 && version < MIN_QEMU)
                return exception_setf(e, EXC_NOVA, "Nova requires QEMU version 4.2.0 or greater, and %s has %lu.%lu.%lu", u->d->uri,
                                      version / 1000000, version / 1000 % 1000, version % 1000);
        return 0;
}

static int watch(const LibvirtUse *u, LibvirtConnection *c, NovaException *e) {
        /* No reference for it: hypervisors inside this process take the callback without keeping it, and never free what
         * goes with it. libvirt_close ends it while somebody holds the driver, and libvirt waits for one that runs. */
        if (virConnectRegisterCloseCallback(c->connection, libvirt_on_close, u->d, NULL) < 0 && !libvirt_unsupported())
                return libvirt_failed(u, "The close callback", NULL, e);

        c->event_id = virConnectDomainEventRegisterAny(c->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                       VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), libvirt_driver_ref(u->d),
                                                       on_callback_freed);
        if (c->event_id < 0) {
                libvirt_driver_unref(u->d);
                if (!libvirt_unsupported())
                        return libvirt_failed(u, "Lifecycle events", NULL, e);
        }
        return 0;
}

/* Opens the watched one and publishes it, under open_lock. */
static int open_watched(LibvirtDriver *d, NovaException *e) {
        LibvirtConnection *c;
        LibvirtUse u = { .d = d };
        unsigned generation;
        char why[400];
        int r;

        c = libvirt_open(d, why, sizeof why);
        if (!c) {
                /* Whatever libvirt calls it: there is no hypervisor to talk to. */
                r = exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "Connection to the hypervisor is broken on host: %s (%s: %s)",
                                   d->host, d->uri, why);
                exception_kwarg(e, "host", json_string(d->host));
                return r;
        }
        u.connection = c->connection;
        r = check_versions(&u, e);
        if (r >= 0)
                r = watch(&u, c, e);
        if (r >= 0)
                atomic_store(&d->has_filters, virConnectNumOfNWFilters(c->connection) >= 0);
        if (r < 0) {
                libvirt_close(d, c);
                return r;
        }

        pthread_mutex_lock(&d->lock);
        c->generation = generation = ++d->generation;
        d->watched = c;
        d->companions = 0;
        d->opening = false;             /* what is still being opened is of the former, and finds that out */
        d->connected_at = now_monotonic();
        pthread_mutex_unlock(&d->lock);
        tell(d, &(DriverEvent){ .type = DRIVER_EVENT_CONNECTED });

        /* It may have died while its callback did not know it as ours. */
        if (virConnectIsAlive(u.connection) == 0)
                libvirt_lost(d, generation, "an error of the connection");
        return 0;
}

bool libvirt_is_connected(LibvirtDriver *d) {
        bool connected;

        pthread_mutex_lock(&d->lock);
        connected = d->watched && !d->lost;
        pthread_mutex_unlock(&d->lock);
        return connected;
}

/* With the lock held: none is there any more. What is in use is closed by who used it last. A connection over which a call hangs may hang its
 * closing too: that must not keep the next one from being opened. */
static void drop_all(LibvirtDriver *d) {
        LibvirtConnection *c = TAKE_PTR(d->watched);

        if (c && c->users == 0)
                libvirt_close_later(d, c);
        libvirt_close_idle(d, true, 0);
        d->lost = false;
}

/* Under open_lock. */
static int ensure(LibvirtDriver *d, NovaException *e) {
        if (libvirt_is_connected(d))
                return 0;

        pthread_mutex_lock(&d->lock);
        drop_all(d);
        pthread_mutex_unlock(&d->lock);
        libvirt_closer_start(d);
        return open_watched(d, e);
}

static void *connector_run(void *data) {
        LibvirtDriver *d = data;
        unsigned attempt = 0;

        (void) pthread_setname_np(pthread_self(), "libvirt-connect");
        pthread_mutex_lock(&d->lock);
        while (!d->stopping) {
                usec_t retry;

                if (d->watched && !d->lost) {
                        libvirt_watch_calls(d);
                        continue;
                }
                if (now_monotonic() - d->connected_at > PROVEN_GOOD && d->watched)
                        attempt = 0;
                retry = now_monotonic() + backoff_delay(attempt++, RETRY_FIRST, RETRY_CAP);
                while (!d->stopping && now_monotonic() < retry && !(d->watched && !d->lost))
                        libvirt_wait(d, retry);
                if (d->stopping)
                        break;

                pthread_mutex_unlock(&d->lock);
                pthread_mutex_lock(&d->open_lock);
                (void) ensure(d, NULL);
                pthread_mutex_unlock(&d->open_lock);
                pthread_mutex_lock(&d->lock);
        }

        /* Here, not by the closer: whoever stops the driver waits for this thread. */
        drop_all(d);
        libvirt_close_waiting(d);
        pthread_mutex_unlock(&d->lock);
        event_loop_unref();

        pthread_mutex_lock(&d->lock);
        d->ended = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
        libvirt_driver_unref(d);
        return NULL;
}

/* libvirt_disconnect waits for its end, but not for ever. */
static int start_connector(LibvirtDriver *d, NovaException *e) {
        int r;

        pthread_mutex_lock(&d->lock);
        r = libvirt_start_thread(&d->connector, connector_run, libvirt_driver_ref(d));
        d->has_connector = d->joinable = r >= 0;
        if (d->stopping && d->joinable) {       /* the owner did not wait for us */
                (void) pthread_detach(d->connector);
                d->joinable = false;
        }
        pthread_mutex_unlock(&d->lock);
        if (r < 0) {
                libvirt_driver_unref(d);
                return exception_set_errno(e, r, "A thread for the connection to libvirt");
        }
        return 0;
}

/* Under open_lock. The connector holds the event loop from here on, and gives it back when it ends. */
static int connect_first(LibvirtDriver *d, NovaException *e) {
        int r;

        r = event_loop_ref(e);
        if (r < 0)
                return r;
        r = ensure(d, e);
        if (r >= 0)
                r = start_connector(d, e);
        if (r < 0) {
                pthread_mutex_lock(&d->lock);
                drop_all(d);
                pthread_mutex_unlock(&d->lock);
                libvirt_closer_start(d);
                event_loop_unref();
        }
        return r;
}

int libvirt_connect(LibvirtDriver *d, NovaException *e) {
        bool stopping, has_connector;
        int r;

        /* The opening may outlive the owner's patience, and the owner. */
        (void) libvirt_driver_ref(d);
        pthread_mutex_lock(&d->open_lock);
        pthread_mutex_lock(&d->lock);
        if (d->stopping && !d->freed && (!d->has_connector || d->ended))
                d->stopping = d->has_connector = d->ended = false;      /* the service was stopped and is started again */
        stopping = d->stopping;
        has_connector = d->has_connector;
        pthread_mutex_unlock(&d->lock);

        if (stopping)
                r = exception_set_errno(e, -ESHUTDOWN, "The libvirt driver was ended");
        else if (has_connector)
                r = ensure(d, e);
        else
                r = connect_first(d, e);
        pthread_mutex_unlock(&d->open_lock);
        libvirt_driver_unref(d);
        return r;
}

void libvirt_disconnect(LibvirtDriver *d) {
        usec_t deadline = now_monotonic() + CLOSE_TIMEOUT;
        bool joinable, ended;
        pthread_t connector;

        pthread_mutex_lock(&d->lock);
        d->stopping = true;
        pthread_cond_broadcast(&d->changed);
        pthread_cond_broadcast(&d->idle_changed);
        while (d->has_connector && !d->ended && now_monotonic() < deadline)
                libvirt_wait(d, deadline);
        while (d->telling > 0)
                pthread_cond_wait(&d->changed, &d->lock);
        joinable = d->joinable;
        ended = d->ended;
        connector = d->connector;
        d->joinable = false;
        pthread_mutex_unlock(&d->lock);

        /* A connector that libvirt holds is left to itself: it has references to all that it touches. */
        if (joinable && ended)
                (void) pthread_join(connector, NULL);
        else if (joinable)
                (void) pthread_detach(connector);
}

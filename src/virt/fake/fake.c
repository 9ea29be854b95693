/* The fake driver's object, its calls and faults: see fake.h. */
#include "virt/fake/private.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "virt/host-info.h"

/* How often a call that hangs looks whether fault_file still says so. */
#define FAULT_POLL (20 * USEC_PER_MSEC)

static FakeDriver *fake_driver(ComputeDriver *driver) {
        return CONTAINER_OF(driver, FakeDriver, base);
}

void fake_wait(FakeDriver *d, usec_t deadline) {
        struct timespec t = { .tv_sec = (time_t) (deadline / USEC_PER_SEC),
                              .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000 };

        (void) pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &t);
}

static int unavailable(const FakeDriver *d, NovaException *e) {
        int r = exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "Connection to the hypervisor is broken on host: %s (fake)", d->host);

        exception_kwarg(e, "host", json_string(d->host));
        return r;
}

/* Under the lock. Waits as a fault wants; 1 if the faults have to be looked at once more, else what the call gets. */
static int apply_fault(FakeDriver *d, Fault *f, const char *method, NovaException *e) {
        if (f->left > 0)
                f->left--;

        switch (f->kind) {
        case FAULT_SLOW: {
                usec_t deadline = now_monotonic() + f->delay;

                while (!d->closing && now_monotonic() < deadline)
                        fake_wait(d, deadline);
                return 0;
        }
        case FAULT_HANG:
                if (!d->closing)
                        fake_wait(d, now_monotonic() + FAULT_POLL);
                return 1;
        case FAULT_FAIL:
                return exception_setf(e, f->exception, "%s fails, as [fake] fault says", method);
        }
        return 0;
}

static int apply_faults(FakeDriver *d, const char *method, NovaException *e) {
        int r = 1;

        while (r == 1 && !d->closing) {
                _cleanup_(fault_list_done) FaultList of_file = {};
                FaultList *lists[] = { &d->faults, &of_file };
                bool away = !d->connected && !streq(method, "init_host");

                r = 0;
                if (d->fault_file) {
                        _cleanup_free_ char *text = NULL;

                        if (host_read_file(d->fault_file, &text) >= 0) {
                                r = fault_list_add_text(&of_file, text, e);
                                if (r < 0)
                                        return r;
                        }
                }
                for (size_t l = 0; l < ELEMENTSOF(lists) && r == 0; l++)
                        for (size_t i = 0; i < lists[l]->n && r == 0; i++) {
                                Fault *f = &lists[l]->items[i];

                                if (f->kind == FAULT_FAIL && f->left != 0 && streq(f->method, "connection"))
                                        away = true;
                                else if (fault_applies(f, method))
                                        r = apply_fault(d, f, method, e);
                        }
                if (r == 0 && away)
                        r = unavailable(d, e);
        }

        if (d->closing)
                return exception_set_errno(e, -ECANCELED, "The fake driver ends");
        return r;
}

FakeCall fake_enter(ComputeDriver *driver, const char *method, NovaException *e) {
        FakeDriver *d = fake_driver(driver);
        FakeCall c = { .d = d, .method = method };

        pthread_mutex_lock(&d->lock);
        d->in_flight++;
        c.r = apply_faults(d, method, e);
        return c;
}

static bool is_question(const char *method) {
        return startswith(method, "get_") || startswith(method, "list_") || strstr(method, "_stats");
}

/* The call may have ended its guest. */
static void keep_guest(const FakeCall *c) {
        for (const Guest *g = c->d->guests; g; g = g->next)
                if (g == c->guest)
                        fake_keep(c->d, g);
}

void fake_leave(FakeCall *c) {
        DriverEvent event = { .type = DRIVER_EVENT_LIFECYCLE, .uuid = c->uuid, .state = c->state };
        DriverEventCallback callback = c->tell ? c->d->callback : NULL;
        void *data = c->d->callback_data;

        if (c->guest && c->d->guests_fd >= 0 && !is_question(c->method))
                keep_guest(c);
        if (callback) {         /* not under the lock: whom it tells may take locks of its own */
                pthread_mutex_unlock(&c->d->lock);
                callback(&event, data);
                pthread_mutex_lock(&c->d->lock);
        }
        c->d->in_flight--;
        pthread_cond_broadcast(&c->d->changed);
        pthread_mutex_unlock(&c->d->lock);
}

int fake_no_memory(const FakeCall *c, NovaException *e) {
        return exception_set_errno(e, -ENOMEM, c->method);
}

static void set_connected(FakeDriver *d, bool connected, const char *why) {
        DriverEvent event = { .type = connected ? DRIVER_EVENT_CONNECTED : DRIVER_EVENT_DISCONNECTED, .text = why };
        DriverEventCallback callback;
        void *data;

        pthread_mutex_lock(&d->lock);
        callback = d->connected != connected ? d->callback : NULL;
        data = d->callback_data;
        d->connected = connected;
        d->in_flight++;
        pthread_mutex_unlock(&d->lock);

        if (callback)
                callback(&event, data);

        pthread_mutex_lock(&d->lock);
        d->in_flight--;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

static int fake_init_host(ComputeDriver *driver, const char *host, NovaException *e) {
        FakeDriver *d = fake_driver(driver);
        {
                _fake_call_ FakeCall c = fake_enter(driver, "init_host", e);

                if (c.r < 0)
                        return c.r;
                if (!d->nodes[0]) {
                        d->nodes[0] = strdup(host);
                        if (!d->nodes[0])
                                return fake_no_memory(&c, e);
                }
        }
        set_connected(d, true, NULL);
        return 0;
}

static void fake_cleanup_host(ComputeDriver *driver) {
        set_connected(fake_driver(driver), false, "cleanup_host");
}

static void fake_set_event_callback(ComputeDriver *driver, DriverEventCallback callback, void *userdata) {
        FakeDriver *d = fake_driver(driver);

        pthread_mutex_lock(&d->lock);
        d->callback = callback;
        d->callback_data = userdata;
        pthread_mutex_unlock(&d->lock);
}

static bool fake_is_connected(ComputeDriver *driver) {
        FakeDriver *d = fake_driver(driver);
        bool connected;

        pthread_mutex_lock(&d->lock);
        connected = d->connected;
        pthread_mutex_unlock(&d->lock);
        return connected;
}

static const char *fake_connection_uri(ComputeDriver *driver _unused_) {
        return "";
}

static ComputeDriver *fake_free(ComputeDriver *driver) {
        FakeDriver *d = fake_driver(driver);
        Guest *g;

        /* Calls that hang are let go, and waited for. */
        pthread_mutex_lock(&d->lock);
        d->closing = true;
        pthread_cond_broadcast(&d->changed);
        while (d->in_flight > 0)
                pthread_cond_wait(&d->changed, &d->lock);
        pthread_mutex_unlock(&d->lock);

        while ((g = d->guests)) {
                d->guests = g->next;
                fake_guest_free(g);
        }
        fault_list_done(&d->faults);
        for (char **n = d->nodes; n && *n; n++)
                free(*n);
        free(d->nodes);
        if (d->guests_fd >= 0)
                close(d->guests_fd);
        json_decref(d->cached_images);
        config_unref(d->config);
        free(d->fault_file);
        free(d->host);
        free(d->ip);
        free(d->storage_ip);
        pthread_cond_destroy(&d->changed);
        pthread_mutex_destroy(&d->lock);
        free((ComputeDriverOps *) d->base.ops);
        free(d);
        return NULL;
}

static ComputeDriverOps *fake_ops_new(void) {
        ComputeDriverOps *ops = calloc(1, sizeof *ops);

        if (!ops)
                return NULL;
        *ops = (ComputeDriverOps){
                .name = "fake.FakeDriver",
                .free = fake_free,
                .init_host = fake_init_host,
                .cleanup_host = fake_cleanup_host,
                .set_event_callback = fake_set_event_callback,
                .is_connected = fake_is_connected,
                .connection_uri = fake_connection_uri,
        };
        fake_host_ops(ops);
        fake_info_ops(ops);
        fake_guest_ops(ops);
        fake_device_ops(ops);
        fake_migration_ops(ops);
        return ops;
}

/* Copies a string that may be unset. */
static int copy(const char *s, char **ret) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_options(FakeDriver *d, const Config *config, NovaException *e) {
        const char *const *nodes = config_list(config, "fake.nodes"), *const *faults = config_list(config, "fake.fault");
        const char *file = config_string(config, "fake.fault_file");
        size_t n = 0;
        int r;

        d->vcpus = config_integer(config, "fake.vcpus");
        d->memory_mb = config_integer(config, "fake.memory_mb");
        d->local_gb = config_integer(config, "fake.local_gb");
        d->migration_time = (usec_t) (config_float(config, "fake.migration_seconds") * 1e6);

        r = copy(strempty(config_string(config, "host")), &d->host);
        if (r >= 0)
                r = copy(config_string(config, "my_ip"), &d->ip);
        if (r >= 0)
                r = copy(config_string(config, "my_block_storage_ip"), &d->storage_ip);
        if (r >= 0 && !isempty(file))
                r = copy(file, &d->fault_file);
        for (; faults[n] && r >= 0; n++)
                r = fault_list_add(&d->faults, faults[n], strlen(faults[n]), e);
        if (r < 0)
                return r;

        for (n = 0; nodes[n]; n++)
                ;
        d->nodes = calloc(MAX(n, 1u) + 1, sizeof *d->nodes);
        for (size_t i = 0; d->nodes && i < n; i++)
                if (copy(nodes[i], &d->nodes[i]) < 0)
                        return -ENOMEM;
        return d->nodes ? 0 : -ENOMEM;
}

ComputeDriver *fake_driver_construct(const Config *config, NovaException *e) {
        FakeDriver *d = calloc(1, sizeof *d);
        int r;

        if (!d)
                return NULL;
        d->base = (ComputeDriver){ .magic = COMPUTE_DRIVER_MAGIC, .abi = COMPUTE_DRIVER_ABI, .ops = fake_ops_new() };
        d->config = config_ref((Config *) config);
        d->enabled = true;
        d->guests_fd = -1;
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->changed, NULL);

        r = d->base.ops ? read_options(d, config, e) : -ENOMEM;
        if (r >= 0 && !isempty(config_string(config, "fake.guests_file")))
                r = fake_keep_open(d, config_string(config, "fake.guests_file"), e);
        if (r < 0) {
                (void) exception_set_errno(e, r, "The fake driver could not be constructed");
                (void) fake_free(&d->base);
                return NULL;
        }
        return &d->base;
}

int fake_driver_set_guest_state(ComputeDriver *driver, const char *uuid, PowerState state) {
        FakeDriver *d = fake_driver(driver);
        FakeCall c = { .d = d, .method = "guest" };
        Guest *g;

        pthread_mutex_lock(&d->lock);
        d->in_flight++;
        g = fake_guest_find(d, uuid);
        if (g) {
                c.guest = g;
                fake_guest_set_state(&c, g, state);
        }
        fake_leave(&c);
        return g ? 0 : -ENOENT;
}

void fake_driver_set_connected(ComputeDriver *driver, bool connected, const char *why) {
        set_connected(fake_driver(driver), connected, why);
}

unsigned fake_driver_in_flight(ComputeDriver *driver) {
        FakeDriver *d = fake_driver(driver);
        unsigned n;

        pthread_mutex_lock(&d->lock);
        n = d->in_flight;
        pthread_mutex_unlock(&d->lock);
        return n;
}

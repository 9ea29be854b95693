/* The connection: name, objects, what has changed, and coming back after a loss. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "compute/manager.h"

#define BUS_LIMIT_USEC (5 * USEC_PER_SEC)               /* a bus that does not answer must not hold up the start */
#define FLUSH_LIMIT_USEC (200 * USEC_PER_MSEC)
#define RETRY_FIRST_USEC USEC_PER_SEC
#define RETRY_CAP_USEC (60 * USEC_PER_SEC)
#define SEND_BUFFER_SIZE (16 * 1024)
#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"

bool bus_connected(const Bus *b) {
        return b->bus && b->named;
}

bool bus_can_tell(const Bus *b) {
        return bus_connected(b) && !b->leaving;
}

static void bus_on_caller_left(const char *caller, void *userdata) {
        const Bus *b = userdata;

        fairness_drop_caller(b->fairness, caller);
}

/* ---- what the rooms below tell ---- */

static void bus_on_service_changed(unsigned what, void *userdata) {
        Bus *b = userdata;

        bus_object_changed(&b->service_object, what);
        if (what & SERVICE_CHANGED_STALLED)
                bus_jobs_stalled_changed(b);
        if (what & SERVICE_CHANGED_STATE)
                bus_calls_on_state(b);
}

static void bus_on_manager_changed(unsigned what, void *userdata) {
        Bus *b = userdata;

        bus_object_changed(&b->node_object, what);
        bus_object_changed(&b->manager_object, what & ~MANAGER_CHANGED_DRIFT);
        if (what & MANAGER_CHANGED_DRIFT)
                bus_drift_changed(b);
        /* the manager's trouble is part of the service's */
        bus_object_changed(&b->service_object, SERVICE_CHANGED_STATE);
}

int bus_set_service(Bus *b, Service *service) {
        int r = 0;

        if (b->service) {
                observers_remove(service_observers(b->service), bus_on_service_changed, b);
                if (b->manager)
                        observers_remove(&b->manager->observers, bus_on_manager_changed, b);
                bus_calls_on_no_service(b);
        }
        b->service = service;
        b->had_service = b->had_service || service;
        b->manager = service ? service_manager(service) : NULL;
        if (service)
                r = observers_add(service_observers(service), bus_on_service_changed, b);
        if (r >= 0 && b->manager)
                r = observers_add(&b->manager->observers, bus_on_manager_changed, b);
        bus_jobs_set_table(b, service ? service_job_table(service) : NULL);
        bus_instances_set_table(b, b->manager && compute_manager_from(b->manager) ?
                                   compute_manager_instances(compute_manager_from(b->manager)) : NULL);
        bus_object_changed(&b->service_object, UINT32_MAX);
        bus_object_changed(&b->node_object, UINT32_MAX);
        bus_object_changed(&b->manager_object, UINT32_MAX);
        bus_reconsider_host(b);
        return MIN(r, 0);
}

/* ---- the connection ---- */

static void bus_disconnect(Bus *b) {
        if (b->logind)
                logind_disconnected(b->logind);
        authority_drop_all(b->authority);
        fairness_drop_all(b->fairness);
        bus_calls_drop(b, false);
        bus_followers_drop(b);
        b->name_request = sd_bus_slot_unref(b->name_request);
        b->named = false;
        bus_jobs_go_on(b);
        if (!b->bus)
                return;
        (void) sd_bus_detach_event(b->bus);
        sd_bus_close(b->bus);
        b->bus = sd_bus_unref(b->bus);
}

/* One line when it is lost, one when it is back: tries in between are not news. */
static void bus_retry_later(Bus *b, int error, const char *why) {
        usec_t delay = backoff_delay(b->attempt++, RETRY_FIRST_USEC, RETRY_CAP_USEC);

        if (!b->was_lost)
                log_event(LOG_LEVEL_WARNING, MESSAGE_BUS_LOST, NULL, "%s%s%s; the daemon goes on and tries again", why,
                          error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
        else
                log_debug("%s%s%s", why, error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
        b->was_lost = true;
        (void) sd_event_source_set_time_relative(b->retry, delay);
        (void) sd_event_source_set_enabled(b->retry, SD_EVENT_ONESHOT);
}

static void bus_is_named(Bus *b) {
        b->named = true;
        b->attempt = 0;
        if (b->was_lost)
                log_event(LOG_LEVEL_INFO, MESSAGE_BUS_CONNECTED, NULL, "on the system bus as %s", b->name);
        b->was_lost = false;
        bus_object_learn(&b->service_object);
        bus_object_learn(&b->node_object);
        bus_object_learn(&b->manager_object);
        for (BusInstance *i = b->first_instance; i; i = i->next) {
                bus_object_learn(&i->object);
                i->object.announced = true;
        }
        for (BusJob *j = b->first_job; j; j = j->next) {
                bus_object_learn(&j->object);
                j->added = true;
        }
        logind_connected(b->logind, b->bus);
}

static int bus_on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;

        b->named = false;
        bus_jobs_go_on(b);
        if (b->starting)
                return 0;
        /* The connection is torn down by the timer, not under the library's feet. */
        bus_retry_later(b, 0, "the system bus is lost");
        return 0;
}

static int bus_on_name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        uint32_t result = 0;
        Bus *b = userdata;

        b->name_request = sd_bus_slot_unref(b->name_request);
        if (!failure)
                (void) sd_bus_message_read(m, "u", &result);
        if (result == 1 || result == 4) {       /* PRIMARY_OWNER, ALREADY_OWNER */
                bus_is_named(b);
                return 0;
        }
        b->refused = failure ? -EACCES : -EEXIST;
        if (!b->starting)
                bus_retry_later(b, 0, failure ? strempty(failure->message) : "another process owns the name");
        return 0;
}

/* The call that made the bus activate this daemon is here before the service: it is put back, to be answered by the loop. */
static int bus_keep_early(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;

        if (!b->starting || b->n_early >= BUS_EARLY_MAX || sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        b->early[b->n_early++] = sd_bus_message_ref(m);
        return 1;
}

static void bus_put_back_early(Bus *b) {
        for (unsigned i = 0; i < b->n_early; i++) {
                if (b->bus && sd_bus_message_rewind(b->early[i], true) >= 0)
                        (void) sd_bus_enqueue_for_read(b->bus, b->early[i]);
                sd_bus_message_unref(b->early[i]);
        }
        b->n_early = 0;
}

static int bus_export(Bus *b) {
        int r;

        r = sd_bus_add_filter(b->bus, NULL, bus_keep_early, b);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, SERVICE_INTERFACE, bus_service_vtable, b);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, NODE_INTERFACE, bus_node_vtable, b);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, MANAGER_INTERFACE, bus_manager_vtable, b);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(b->bus, NULL, INSTANCES_PATH, INSTANCE_INTERFACE, bus_instance_vtable,
                                               bus_instance_object_find, b);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(b->bus, NULL, INSTANCES_PATH, bus_instance_enumerate, b);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(b->bus, NULL, JOBS_PATH, JOB_INTERFACE, bus_job_vtable, bus_job_object_find, b);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(b->bus, NULL, JOBS_PATH, bus_job_enumerate, b);
        if (r >= 0)
                r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, NULL, LOG_CONTROL_PATH, "org.freedesktop.LogControl1",
                                             bus_log_control_vtable, b);
        if (r >= 0)
                r = sd_bus_add_filter(b->bus, NULL, bus_log_control_filter, b);
        if (r >= 0)     /* the last one is the first that is called */
                r = sd_bus_add_filter(b->bus, NULL, fairness_on_message, b);
        if (r >= 0)
                r = sd_bus_match_signal(b->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                        "org.freedesktop.DBus.Local", "Disconnected", bus_on_disconnected, b);
        return r;
}

/* What the bus has not read yet is to wait with us, where it is counted (fair.c), not in megabytes of the socket's: an answer would be
 * behind all of it. */
static void keep_in_sight(sd_bus *bus) {
        int size = SEND_BUFFER_SIZE, fd = sd_bus_get_fd(bus);

        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) < 0)
                log_debug("the send buffer of the bus cannot be set: %s", strerror(errno));
}

/* What sd_bus_open_system does, but with a limit to the greeting too, and a close of our own at the end of the loop. */
static int bus_open(sd_bus **ret) {
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        r = sd_bus_new(ret);
        if (r >= 0)
                r = sd_bus_set_description(*ret, "nova-compute");
        if (r >= 0)
                r = sd_bus_set_address(*ret, isempty(address) ? "unix:path=/run/dbus/system_bus_socket" : address);
        if (r >= 0)
                r = sd_bus_set_bus_client(*ret, true);
        if (r >= 0)
                r = sd_bus_set_close_on_exit(*ret, false);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(*ret, BUS_LIMIT_USEC);
        if (r >= 0)
                r = sd_bus_start(*ret);
        if (r >= 0)
                keep_in_sight(*ret);
        return r;
}

/* Returns once everything is on its way; bus_on_name tells the end. */
static int bus_connect(Bus *b) {
        int r;

        b->refused = 0;
        r = bus_open(&b->bus);
        if (r >= 0)
                r = bus_export(b);
        if (r >= 0)
                r = sd_bus_request_name_async(b->bus, &b->name_request, b->name, 0, bus_on_name, b);
        return r;
}

/* The first time it is waited for, so that a second daemon is told apart from a bus that is away before anything else is
 * done. Not by the library's own waiting, which gives a silent bus 90 s. */
static int bus_wait_for_name(Bus *b) {
        usec_t end = now_monotonic() + BUS_LIMIT_USEC;
        int r;

        for (;;) {
                usec_t now = now_monotonic();

                r = sd_bus_process(b->bus, NULL);
                if (r < 0)
                        return r;
                if (b->named)
                        return 1;
                if (b->refused < 0)
                        return b->refused;
                if (sd_bus_is_open(b->bus) <= 0)
                        return -ENOTCONN;
                if (now >= end)
                        return -ETIMEDOUT;
                if (r > 0)
                        continue;
                r = sd_bus_wait(b->bus, end - now);
                if (r < 0 && r != -EINTR)
                        return r;
        }
}

static int bus_attach(Bus *b) {
        return sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
}

static int bus_on_retry(sd_event_source *s _unused_, uint64_t now _unused_, void *userdata) {
        Bus *b = userdata;
        int r;

        bus_disconnect(b);
        r = bus_connect(b);
        if (r >= 0)
                r = bus_attach(b);
        if (r < 0) {
                bus_disconnect(b);
                bus_retry_later(b, r, "the system bus cannot be reached");
        }
        return 0;
}

static int bus_add_sources(Bus *b) {
        int r;

        r = bus_pace_new(b);
        if (r >= 0)
                r = sd_event_add_time_relative(b->event, &b->retry, CLOCK_MONOTONIC, 0, 0, bus_on_retry, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->retry, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(b->retry, "bus-retry");
        return 0;
}

int bus_new(Bus **ret, sd_event *event, Launcher *launcher, const BusCallbacks *callbacks) {
        _cleanup_(bus_freep) Bus *b = calloc(1, sizeof *b);
        int r;

        if (!b)
                return -ENOMEM;
        b->event = sd_event_ref(event);
        b->launcher = launcher;
        if (callbacks)
                b->callbacks = *callbacks;
        b->name = b->callbacks.name ? b->callbacks.name : BUS_NAME;
        bus_object_init(&b->service_object, b, &bus_service_interface, BUS_PATH, b->service_told, true);
        bus_object_init(&b->node_object, b, &bus_node_interface, BUS_PATH, b->node_told, true);
        bus_object_init(&b->manager_object, b, &bus_manager_interface, BUS_PATH, b->manager_told, true);
        r = bus_host_init(b);
        if (r >= 0)
                r = fairness_new(&b->fairness, b);
        if (r >= 0)
                r = authority_new(&b->authority, event, bus_on_caller_left, b);
        if (r >= 0)
                r = bus_queries_new(b);
        if (r >= 0)
                r = bus_add_sources(b);
        if (r < 0)
                return r;

        b->starting = true;
        r = bus_connect(b);
        if (r >= 0)
                r = bus_wait_for_name(b);
        if (r >= 0)
                r = bus_attach(b);
        b->starting = false;
        bus_put_back_early(b);
        if (r == -EEXIST || r == -ENOMEM)
                return r;
        if (r < 0) {
                bus_disconnect(b);
                bus_retry_later(b, r, "the system bus cannot be reached");
        }
        *ret = TAKE_PTR(b);
        return r >= 0;
}

/* The last words go out, unless the bus does not take them. */
static void bus_flush(Bus *b) {
        usec_t end = now_monotonic() + FLUSH_LIMIT_USEC, now;
        uint64_t n;

        while (sd_bus_get_n_queued_write(b->bus, &n) >= 0 && n > 0 && (now = now_monotonic()) < end)
                if (sd_bus_process(b->bus, NULL) < 0 || sd_bus_wait(b->bus, end - now) < 0)
                        return;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;
        /* What is shown goes with the name. To take it apart first, object by object, would tell who looks that each
           instance has gone. */
        if (bus_connected(b))
                (void) bus_tell_changes(b, UINT_MAX);
        b->leaving = true;
        if (b->service)
                (void) bus_set_service(b, NULL);
        bus_calls_drop(b, true);
        if (bus_connected(b))
                bus_flush(b);
        if (b->authority)
                bus_disconnect(b);
        bus_queries_free(b);
        bus_followers_free(b);
        free(b->metrics);
        authority_free(b->authority);
        logind_free(b->logind);
        fairness_free(b->fairness);
        bus_pace_free(b);
        sd_event_source_disable_unref(b->retry);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}

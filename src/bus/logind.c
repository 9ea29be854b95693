/* The delay lock, and what logind announces. */
#define LOG_LOGGER "nova.bus"
#include "bus/logind.h"

#include <errno.h>
#include <fcntl.h>

#include "basic/log.h"

#define LOGIND_NAME "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER "org.freedesktop.login1.Manager"
#define DELAY_DEFAULT (5 * USEC_PER_SEC)        /* logind's own */
#define DELAY_SHORT (30 * USEC_PER_SEC)         /* less is too little for most guests */

struct Logind {
        LogindCallbacks callbacks;
        sd_bus *bus;                    /* borrowed; NULL = not connected */
        sd_bus_slot *prepare, *owner, *inhibit, *limit, *state;
        int lock;                       /* -1: none is held */
        usec_t delay;                   /* InhibitDelayMaxUSec */
        bool going_down;
        bool told_short;
};

int logind_new(Logind **ret, const LogindCallbacks *callbacks) {
        Logind *l = calloc(1, sizeof *l);

        if (!l)
                return -ENOMEM;
        l->callbacks = *callbacks;
        l->lock = -1;
        l->delay = DELAY_DEFAULT;
        *ret = l;
        return 0;
}

static void release(Logind *l) {
        if (l->lock >= 0)
                (void) close(l->lock);
        l->lock = -1;
}

void logind_disconnected(Logind *l) {
        l->prepare = sd_bus_slot_unref(l->prepare);
        l->owner = sd_bus_slot_unref(l->owner);
        l->inhibit = sd_bus_slot_unref(l->inhibit);
        l->limit = sd_bus_slot_unref(l->limit);
        l->state = sd_bus_slot_unref(l->state);
        l->bus = NULL;
}

Logind *logind_free(Logind *l) {
        if (!l)
                return NULL;
        logind_disconnected(l);
        release(l);
        free(l);
        return NULL;
}

/* ---- the lock ---- */

static int on_inhibit(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        Logind *l = userdata;
        int fd, r;

        l->inhibit = sd_bus_slot_unref(l->inhibit);
        if (failure) {
                log_full(sd_bus_error_has_name(failure, SD_BUS_ERROR_SERVICE_UNKNOWN) ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, NULL, NULL,
                         "Guests are not shut down with the host, as logind grants no lock: %s", strempty(failure->message));
                return 0;
        }
        r = sd_bus_message_read(m, "h", &fd);
        if (r >= 0) {
                release(l);
                l->lock = fcntl(fd, F_DUPFD_CLOEXEC, 3);        /* the message's own goes with it */
                r = l->lock < 0 ? -errno : 0;
        }
        if (r < 0)
                log_warning("Guests are not shut down with the host: logind's lock cannot be held: %s", strerror(-r));
        else
                log_debug("logind waits for us for at most %.0f s when the host goes down", (double) l->delay / USEC_PER_SEC);
        return 0;
}

static int on_limit(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Logind *l = userdata;
        uint64_t usec;

        l->limit = sd_bus_slot_unref(l->limit);
        if (sd_bus_message_get_error(m) || sd_bus_message_read(m, "v", "t", &usec) < 0)
                return 0;
        l->delay = usec;
        if (usec < DELAY_SHORT && l->callbacks.delays(l->callbacks.userdata) && !l->told_short) {
                l->told_short = true;
                log_event(LOG_LEVEL_WARNING, MESSAGE_HOST_SHUTDOWN_LATE, NULL,
                          "When the host goes down guests have only %.0f s to shut down: InhibitDelayMaxSec= of logind.conf is as little",
                          (double) usec / USEC_PER_SEC);
        }
        return 0;
}

static void take_lock(Logind *l) {
        int r;

        if (!l->bus || l->lock >= 0 || l->inhibit || l->going_down)
                return;
        l->limit = sd_bus_slot_unref(l->limit);
        r = sd_bus_call_method_async(l->bus, &l->limit, LOGIND_NAME, LOGIND_PATH, "org.freedesktop.DBus.Properties", "Get", on_limit, l,
                                     "ss", LOGIND_MANAGER, "InhibitDelayMaxUSec");
        if (r >= 0)
                r = sd_bus_call_method_async(l->bus, &l->inhibit, LOGIND_NAME, LOGIND_PATH, LOGIND_MANAGER, "Inhibit", on_inhibit, l,
                                             "ssss", "shutdown", "nova-compute", "Guests are shut down with the host", "delay");
        if (r < 0)
                log_warning("Guests are not shut down with the host: logind cannot be asked: %s", strerror(-r));
}

void logind_reconsider(Logind *l) {
        if (l->callbacks.delays(l->callbacks.userdata))
                take_lock(l);
        else if (!l->going_down) {
                l->inhibit = sd_bus_slot_unref(l->inhibit);
                release(l);
        }
}

void logind_ready(Logind *l) {
        release(l);
}

/* ---- what it announces ---- */

static void set_going_down(Logind *l, bool down) {
        if (down == l->going_down)
                return;
        l->going_down = down;
        if (down) {
                /* A second before its patience ends, for what is between it and us. */
                usec_t delay = l->delay - MIN(USEC_PER_SEC, l->delay / 4);

                l->callbacks.goes_down(now_monotonic() + delay, l->callbacks.userdata);
        } else {
                l->callbacks.stays_up(l->callbacks.userdata);
                logind_reconsider(l);
        }
}

static int on_prepare(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        int down;

        if (sd_bus_message_read(m, "b", &down) >= 0)
                set_going_down(userdata, down);
        return 0;
}

static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Logind *l = userdata;
        int down;

        l->state = sd_bus_slot_unref(l->state);
        if (!sd_bus_message_get_error(m) && sd_bus_message_read(m, "v", "b", &down) >= 0)
                set_going_down(l, down);
        return 0;
}

/* What was announced while nobody of us heard it, above all that the host stays up. */
static void ask_state(Logind *l) {
        l->state = sd_bus_slot_unref(l->state);
        (void) sd_bus_call_method_async(l->bus, &l->state, LOGIND_NAME, LOGIND_PATH, "org.freedesktop.DBus.Properties", "Get", on_state, l,
                                        "ss", LOGIND_MANAGER, "PreparingForShutdown");
}

/* It came, or came back: a lock that is held is held on, since logind keeps them over its own restarts. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *before, *now;
        Logind *l = userdata;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && !isempty(now)) {
                ask_state(l);
                logind_reconsider(l);
        }
        return 0;
}

void logind_connected(Logind *l, sd_bus *bus) {
        int r;

        logind_disconnected(l);
        l->bus = bus;
        r = sd_bus_match_signal_async(bus, &l->prepare, LOGIND_NAME, LOGIND_PATH, LOGIND_MANAGER, "PrepareForShutdown", on_prepare, NULL, l);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &l->owner, "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                           "member='NameOwnerChanged',arg0='" LOGIND_NAME "'", on_owner, NULL, l);
        if (r < 0)
                log_warning("What logind announces is not heard: %s", strerror(-r));
        ask_state(l);
        logind_reconsider(l);
}

/* FollowConsole: what an instance writes is sent to who follows, and only to him, as the signal ConsoleOutput.
 *
 * The file is read on workers, never here. Each reading leaves a one-shot inotify watch behind, which says when there is more to
 * read; where there is no file to look at, and in case a watch is lost, a timer asks. A follower goes with Unfollow, with its caller, and
 * with its instance. Its caller was authorized when it began. */
#define LOG_LOGGER "nova.bus"
#include "bus/instance-call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "basic/base64.h"
#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/time-util.h"

#define WHAT "The console could not be followed"
#define FOLLOWERS_MAX 128
#define FOLLOWERS_PER_SENDER_MAX 16
#define WATCHED_USEC (5 * USEC_PER_SEC)         /* in case that a watch is lost: the file was made anew */
#define UNWATCHED_USEC (500 * USEC_PER_MSEC)
#define FLOODED_USEC (50 * USEC_PER_MSEC)       /* 64 KiB at once, so that a guest that floods its console gets so much through */

typedef struct Follower Follower;
struct Follower {
        Bus *bus;
        uint64_t id;
        char *sender;
        char uuid[UUID_TEXT_MAX];
        json_t *position;
        int watch;                      /* of the inotify descriptor; -1 = none */
        bool reading, changed;          /* a query is under way; and it changed meanwhile */
        sd_event_source *timer;
        sd_bus_slot *gone, *check;      /* the caller left the bus; is it still there */
        Follower *previous, *next;
};

struct BusFollowers {
        Bus *bus;
        int inotify;
        sd_event_source *source;
        Follower *first;
        unsigned n;
        uint64_t last_id;
};

static Follower *follower_free(Follower *f) {
        BusFollowers *all = f->bus->followers;

        *(f->previous ? &f->previous->next : &all->first) = f->next;
        if (f->next)
                f->next->previous = f->previous;
        all->n--;
        sd_event_source_disable_unref(f->timer);
        sd_bus_slot_unref(f->gone);
        sd_bus_slot_unref(f->check);
        json_decref(f->position);
        free(f->sender);
        free(f);
        return NULL;
}

static Follower *follower_find(Bus *b, uint64_t id) {
        for (Follower *f = b->followers->first; f; f = f->next)
                if (f->id == id)
                        return f;
        return NULL;
}

/* ---- telling ---- */

static int tell(Follower *f, const char *encoded) {
        _cleanup_free_ char *data = NULL, *path = bus_instance_path(f->uuid);
        sd_bus_message *m = NULL;
        size_t size = 0;
        int r;

        if (!path)
                return -ENOMEM;
        r = base64_decode(strempty(encoded), &data, &size);
        if (r < 0 || size == 0)
                return r;
        r = sd_bus_message_new_signal(f->bus->bus, &m, path, INSTANCE_INTERFACE, "ConsoleOutput");
        if (r >= 0)
                r = sd_bus_message_set_destination(m, f->sender);
        if (r >= 0)
                r = sd_bus_message_append(m, "t", f->id);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', data, size);
        if (r >= 0)
                r = sd_bus_send(f->bus->bus, m, NULL);
        sd_bus_message_unref(m);
        return r;
}

static void follower_wait(Follower *f, usec_t delay) {
        (void) sd_event_source_set_time_relative(f->timer, delay);
        (void) sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

/* What a reading found: tells it, and waits for more. */
static void take(Follower *f, const json_t *found) {
        int r;

        f->reading = false;
        json_decref(f->position);
        f->position = json_deep_copy(json_object_get(found, "position"));
        f->watch = (int) json_member_integer(found, "watch", -1);
        r = tell(f, json_member_string(found, "data"));
        if (r < 0)
                log_debug("console output of instance %s could not be sent: %s", f->uuid, strerror(-r));
        if (f->changed || json_member_boolean(found, "more", false))
                follower_wait(f, FLOODED_USEC);
        else
                follower_wait(f, f->watch >= 0 ? WATCHED_USEC : UNWATCHED_USEC);
}

/* ---- reading ---- */

static json_t *arguments(const Follower *f, int64_t lines) {
        return json_pack("{s:s, s:I, s:i, s:O*}", "instance", f->uuid, "lines", (json_int_t) lines, "inotify", f->bus->followers->inotify,
                         "position", f->position);
}

static void on_read(Bus *b, const json_t *found, const NovaException *e, void *data) {
        Follower *f = follower_find(b, *(uint64_t *) data);

        if (!f)
                return;
        if (!bus_instance_find(b, f->uuid)) {
                follower_free(f);
                return;
        }
        if (found)
                take(f, found);
        else {                          /* the hypervisor may come back */
                log_debug("the console of instance %s cannot be read: %s", f->uuid, strempty(e ? e->message : NULL));
                f->reading = false;
                follower_wait(f, WATCHED_USEC);
        }
}

static int on_timer(sd_event_source *s _unused_, uint64_t now _unused_, void *userdata) {
        Follower *f = userdata;
        json_auto_t *args = arguments(f, 0);
        uint64_t *id = args ? malloc(sizeof *id) : NULL;
        int r = -ENOMEM;

        if (f->reading) {
                free(id);
                return 0;
        }
        if (!bus_instance_find(f->bus, f->uuid)) {
                free(id);
                follower_free(f);
                return 0;
        }
        if (id) {
                *id = f->id;
                r = bus_query_ask(f->bus, "_follow_console", args, on_read, id);
        }
        if (r < 0)
                follower_wait(f, WATCHED_USEC);
        else {
                f->reading = true;
                f->changed = false;
        }
        return 0;
}

/* One turn's worth; a watch is gone once it has told. */
static int on_inotify(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        _Alignas(struct inotify_event) char buffer[4096];
        BusFollowers *all = userdata;
        ssize_t n = read(fd, buffer, sizeof buffer);

        for (char *p = buffer; n > 0 && p < buffer + n;) {
                const struct inotify_event *event = (const struct inotify_event *) (const void *) p;

                for (Follower *f = all->first; f; f = f->next) {
                        bool mine = event->wd == f->watch || (event->mask & IN_Q_OVERFLOW);

                        if (f->reading)
                                f->changed = true;
                        else if (mine && !(event->mask & IN_IGNORED))
                                follower_wait(f, 0);
                }
                p += sizeof *event + event->len;
        }
        return 0;
}

/* ---- the caller ---- */

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *old, *new;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && !*new)
                follower_free(userdata);
        return 0;
}

static int on_match(sd_bus_message *m _unused_, void *userdata _unused_, sd_bus_error *error _unused_) {
        return 0;
}

/* It may have left before it was watched. */
static int on_checked(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Follower *f = userdata;
        int there = true;

        f->check = sd_bus_slot_unref(f->check);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "b", &there) >= 0 && !there)
                follower_free(f);
        return 0;
}

static int watch_caller(Follower *f) {
        char text[256];
        int r;

        snprintf(text, sizeof text, "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", f->sender);
        r = sd_bus_add_match_async(f->bus->bus, &f->gone, text, on_owner_changed, on_match, f);
        if (r >= 0)
                r = sd_bus_call_method_async(f->bus->bus, &f->check, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             "NameHasOwner", on_checked, f, "s", f->sender);
        return r;
}

/* ---- the verbs ---- */

static int make_followers(Bus *b) {
        BusFollowers *all;
        int r;

        if (b->followers)
                return 0;
        all = calloc(1, sizeof *all);
        if (!all)
                return -ENOMEM;
        all->bus = b;
        all->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (all->inotify < 0) {
                r = -errno;
                free(all);
                return r;
        }
        r = sd_event_add_io(b->event, &all->source, all->inotify, EPOLLIN, on_inotify, all);
        if (r < 0) {
                (void) close(all->inotify);
                free(all);
                return r;
        }
        (void) sd_event_source_set_description(all->source, "console-inotify");
        b->followers = all;
        return 0;
}

static int follower_new(Bus *b, const char *sender, const char *uuid, Follower **ret) {
        BusFollowers *all = b->followers;
        Follower *f = calloc(1, sizeof *f);
        int r;

        if (!f)
                return -ENOMEM;
        f->bus = b;
        f->id = ++all->last_id;
        f->watch = -1;
        f->sender = strdup(sender);
        (void) snprintf(f->uuid, sizeof f->uuid, "%s", uuid);
        f->next = all->first;
        if (f->next)
                f->next->previous = f;
        all->first = f;
        all->n++;
        r = f->sender ? sd_event_add_time_relative(b->event, &f->timer, CLOCK_MONOTONIC, UNWATCHED_USEC, 0, on_timer, f) : -ENOMEM;
        if (r >= 0)
                r = watch_caller(f);
        if (r < 0) {
                follower_free(f);
                return r;
        }
        (void) sd_event_source_set_description(f->timer, "console-follower");
        *ret = f;
        return 0;
}

/* The answer goes out before the first output does. */
static int on_first(Bus *b, sd_bus_message *m, const json_t *found, void *data, sd_bus_error *error _unused_) {
        Follower *f;
        int r;

        r = follower_new(b, strempty(sd_bus_message_get_sender(m)), data, &f);
        if (r < 0)
                return r;
        r = sd_bus_reply_method_return(m, "t", f->id);
        if (r < 0) {
                follower_free(f);
                return r;
        }
        take(f, found);
        return 1;
}

static const Verb follow = {
        "FollowConsole", "follow-console", ACTION_READ_CONSOLE, "_follow_console", WHAT, .options = (const BusOption[]) { { "lines", "u" }, {} },
};

int bus_follow_console(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusInstance *i = userdata;
        Bus *b = i->object.bus;
        json_auto_t *args = NULL;
        unsigned of_sender = 0;
        char *uuid;
        int r;

        r = bus_instance_authorize(i, m, &follow, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = make_followers(b);
        if (r < 0)
                return r;
        for (Follower *f = b->followers->first; f; f = f->next)
                of_sender += streq_ptr(f->sender, sd_bus_message_get_sender(m));
        if (b->followers->n >= FOLLOWERS_MAX || of_sender >= FOLLOWERS_PER_SENDER_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many consoles are followed");

        _cleanup_(bus_instance_call_done) VerbCall c = {
                .bus = b, .i = i, .uuid = i->view->uuid, .message = m, .verb = &follow, .error = error,
        };
        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = bus_instance_read_call(&c);
        if (r < 0)
                return r;
        args = json_pack("{s:s, s:I, s:i}", "instance", c.uuid, "lines", (json_int_t) json_member_integer(c.options, "lines", 0), "inotify",
                         b->followers->inotify);
        uuid = args ? strdup(c.uuid) : NULL;
        if (!uuid)
                return -ENOMEM;
        return bus_query_begin(b, m, NULL, follow.method, args, WHAT, on_first, uuid, free, error);
}

int bus_unfollow_console(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusInstance *i = userdata;
        Bus *b = i->object.bus;
        Follower *f = NULL;
        uint64_t id;
        int r;

        r = sd_bus_message_read(m, "t", &id);
        if (r < 0)
                return r;
        if (b->followers)
                f = follower_find(b, id);
        if (!f || !streq_ptr(f->sender, sd_bus_message_get_sender(m)) || !streq(f->uuid, i->view->uuid))
                return sd_bus_error_setf(error, BUS_ERROR_NOT_FOLLOWING, "You do not follow this console by the number %" PRIu64, id);
        follower_free(f);
        return sd_bus_reply_method_return(m, NULL);
}

/* All of them: who followed by this connection to the bus hears no more. */
void bus_followers_drop(Bus *b) {
        while (b->followers && b->followers->first)
                follower_free(b->followers->first);
}

void bus_followers_free(Bus *b) {
        if (!b->followers)
                return;
        bus_followers_drop(b);
        sd_event_source_disable_unref(b->followers->source);
        (void) close(b->followers->inotify);
        free(b->followers);
        b->followers = NULL;
}

/* Fairness among callers. The bus hands on what it gets in the order of arrival, so who sends much would have all others wait. Small
 * calls are therefore read as fast as they come, kept in a queue per caller, and dispatched in turns: one of each caller. Who has much
 * waiting, from however many connections, goes behind those who have little, and what takes long (all objects) behind all, though none
 * waits for ever. Nobody is served while answers wait to be taken by the bus: the next one would wait behind them. A call that polkit has
 * decided has had its turn, and is not kept again. A caller has a bounded number of places; what is
 * beyond is answered with LimitsExceeded. Large calls are not kept: they are dispatched where they arrive. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/time-util.h"

#define SMALL_MAX ((size_t) 4096)       /* bytes, about, of a call that is kept */
#define WAITING_MAX 128u                /* calls of a caller: as many as the bus lets him have without an answer */
#define WAITING_ALL_MAX 8192u           /* of all; beyond, only who has little waiting may add to it, */
#define WAITING_MODEST_MAX 4096u        /* up to so many more */
#define MODEST_MAX 4u                   /* of a caller who has little waiting */
#define MODEST_TURNS 3u                 /* of those who have little, between two of those who have much */
#define UNSERVED_MAX 32u                /* so many are read before one is dispatched, while there is more to read */
#define LONG_WAIT_MAX (100 * USEC_PER_MSEC)

typedef struct Waiting {
        sd_bus_message *message;
        struct Waiting *next;
} Waiting;

/* A caller, with what he waits for; exists while he does. */
typedef struct Caller {
        char *name;
        Waiting *first, *last;
        unsigned n;
        struct Caller *next;
} Caller;

/* Callers in the order of their turns. */
typedef struct Line {
        Caller *first, *last;
} Line;

struct Fairness {
        Bus *bus;
        Line modest, heavy, slow;
        unsigned n, unserved, turns;
        sd_bus_message *passing;        /* it is dispatched now */
        usec_t slow_since;              /* when the last slow one was dispatched, or the line began */
        sd_event_source *source;        /* dispatches when the bus has nothing to read */
        sd_event_source *sent;          /* looks, after each turn of the loop, whether the bus has taken what we have sent */
};

/* ---- size ---- */

static int weigh(sd_bus_message *m, size_t *left) {
        const char *contents, *text;
        const void *data;
        uint64_t value;
        size_t size;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                size = 16;
                if (strchr("sog", type)) {
                        r = sd_bus_message_read_basic(m, type, &text);
                        size += r > 0 ? strlen(text) : 0;
                } else if (type == 'a' && !contents[1] && strchr("ynqiuxtd", contents[0])) {
                        r = sd_bus_message_read_array(m, contents[0], &data, &size);
                        size += 16;
                } else if (strchr("avre", type)) {
                        r = sd_bus_message_enter_container(m, type, contents);
                        if (r > 0)
                                r = weigh(m, left);
                        if (r > 0)
                                r = sd_bus_message_exit_container(m);
                } else if (type == 'h') {
                        return 0;       /* holds a descriptor: not to be kept */
                } else
                        r = sd_bus_message_read_basic(m, type, &value);
                if (r <= 0)
                        return r;
                if (size > *left)
                        return 0;
                *left -= size;
        }
        return r < 0 ? r : 1;
}

static bool is_small(sd_bus_message *m) {
        size_t left = SMALL_MAX;
        int r;

        r = weigh(m, &left);
        return sd_bus_message_rewind(m, true) >= 0 && r > 0;
}

/* What only asks, of who does not want to know: nothing is lost if it is not even looked at. */
static bool is_idle(sd_bus_message *m) {
        static const struct {
                const char *interface, *member;
        } questions[] = {
                { "org.freedesktop.DBus.Properties", "Get" },
                { "org.freedesktop.DBus.Properties", "GetAll" },
                { "org.freedesktop.DBus.ObjectManager", NULL },
                { "org.freedesktop.DBus.Introspectable", NULL },
                { "org.freedesktop.DBus.Peer", NULL },
        };

        if (sd_bus_message_get_expect_reply(m) != 0)
                return false;
        for (size_t n = 0; n < ELEMENTSOF(questions); n++)
                if (sd_bus_message_is_method_call(m, questions[n].interface, questions[n].member) > 0)
                        return true;
        return false;
}

/* ---- lines ---- */

static bool takes_long(sd_bus_message *m) {
        return sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") > 0 ||
               sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Introspectable", "Introspect") > 0;
}

static void line_append(Line *l, Caller *c) {
        c->next = NULL;
        *(l->last ? &l->last->next : &l->first) = c;
        l->last = c;
}

/* The caller whose turn it is; he goes behind the others if he waits for more. */
static sd_bus_message *line_take(Line *l) {
        Caller *c = l->first;
        Waiting *w = c->first;
        sd_bus_message *m = w->message;

        l->first = c->next;
        if (!l->first)
                l->last = NULL;
        c->first = w->next;
        free(w);
        c->n--;
        if (c->first)
                line_append(l, c);
        else {
                free(c->name);
                free(c);
        }
        return m;
}

static Caller *line_find(Line *l, const char *name) {
        for (Caller *c = l->first; c; c = c->next)
                if (streq(c->name, name))
                        return c;
        return NULL;
}

static void line_remove(Line *l, Caller *c) {
        Caller *before = NULL;

        for (Caller *i = l->first; i != c; i = i->next)
                before = i;
        *(before ? &before->next : &l->first) = c->next;
        if (l->last == c)
                l->last = before;
}

static Caller *line_add(Line *l, const char *name) {
        Caller *c = calloc(1, sizeof *c);

        if (!c || !(c->name = strdup(name))) {
                free(c);
                return NULL;
        }
        line_append(l, c);
        return c;
}

/* The caller for one more of that kind, in the line that he belongs in with it. -ENOBUFS when he has enough. */
static int caller_for(Fairness *f, const char *name, bool slow, Caller **ret) {
        Caller *c = line_find(slow ? &f->slow : &f->modest, name);

        if (c && !slow && c->n >= MODEST_MAX) {
                line_remove(&f->modest, c);
                line_append(&f->heavy, c);
        }
        if (!c && !slow)
                c = line_find(&f->heavy, name);
        if (c && c->n >= (f->n < WAITING_ALL_MAX ? WAITING_MAX : MODEST_MAX))
                return -ENOBUFS;
        if (!c)
                c = line_add(slow ? &f->slow : &f->modest, name);
        *ret = c;
        return c ? 0 : -ENOMEM;
}

static int keep(Fairness *f, sd_bus_message *m, bool slow) {
        Waiting *w = calloc(1, sizeof *w);
        Caller *c;
        int r;

        r = w ? caller_for(f, sd_bus_message_get_sender(m), slow, &c) : -ENOMEM;
        if (r < 0) {
                free(w);
                return r;
        }
        w->message = sd_bus_message_ref(m);
        *(c->first ? &c->last->next : &c->first) = w;
        c->last = w;
        c->n++;
        return 0;
}

/* ---- dispatching ---- */

static bool may_serve(const Fairness *f) {
        return bus_unsent(f->bus) <= (f->modest.first || f->heavy.first ? UNSENT_MAX : 0);
}

/* Whose turn it is. */
static Line *next_line(Fairness *f) {
        usec_t now = f->slow.first ? now_monotonic() : 0;

        if (f->slow.first && ((!f->modest.first && !f->heavy.first) || now - f->slow_since > LONG_WAIT_MAX)) {
                f->slow_since = now;
                return &f->slow;
        }
        if (f->modest.first && (!f->heavy.first || f->turns < MODEST_TURNS)) {
                f->turns++;
                return &f->modest;
        }
        f->turns = 0;
        return &f->heavy;
}

static void serve(Fairness *f) {
        sd_bus_message *m;
        int r;

        if (f->passing || f->n == 0 || !may_serve(f))
                return;
        m = line_take(next_line(f));
        f->n--;
        f->unserved = 0;
        f->passing = m;
        r = sd_bus_enqueue_for_read(f->bus->bus, m);
        if (r < 0) {
                f->passing = NULL;
                (void) sd_bus_reply_method_errno(m, r, NULL);
        }
        sd_bus_message_unref(m);
}

static int on_turn(sd_event_source *s, void *userdata) {
        Fairness *f = userdata;

        serve(f);
        bus_tell_some(f->bus);
        if (f->n > 0 && !may_serve(f))
                return sd_event_source_set_enabled(f->sent, SD_EVENT_ON);
        return sd_event_source_set_enabled(s, f->n > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_sent(sd_event_source *s, void *userdata) {
        Fairness *f = userdata;

        if (f->n > 0 && !may_serve(f))
                return 0;
        if (f->n > 0)
                (void) sd_event_source_set_enabled(f->source, SD_EVENT_ONESHOT);
        return sd_event_source_set_enabled(s, SD_EVENT_OFF);
}

static int refuse(sd_bus_message *m) {
        if (sd_bus_message_get_expect_reply(m) > 0)
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for their turn");
        return 1;
}

/* A filter, the first one. */
int fairness_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;
        Fairness *f = b->fairness;
        bool slow;
        int r;

        if (f->passing == m) {
                f->passing = NULL;
                return 0;
        }
        if (authority_decided(b->authority, m))
                return 0;
        if (b->starting || !sd_bus_message_get_sender(m) || sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        if (is_idle(m))
                return 1;
        if (!is_small(m))
                return 0;
        if (f->n >= WAITING_ALL_MAX + WAITING_MODEST_MAX)
                return refuse(m);
        slow = takes_long(m);
        if (slow && !f->slow.first)
                f->slow_since = now_monotonic();
        r = keep(f, m, slow);
        if (r == -ENOBUFS)
                return refuse(m);
        if (r < 0)
                return 0;
        f->n++;
        if (++f->unserved >= UNSERVED_MAX)
                serve(f);
        if (f->n > 0)
                (void) sd_event_source_set_enabled(f->source, SD_EVENT_ONESHOT);
        return 1;
}

void fairness_drop_all(Fairness *f) {
        f->passing = NULL;
        while (f->n > 0) {
                Line *l = f->modest.first ? &f->modest : f->heavy.first ? &f->heavy : &f->slow;

                sd_bus_message_unref(line_take(l));
                f->n--;
        }
        (void) sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(f->sent, SD_EVENT_OFF);
}

static void line_drop(Fairness *f, Line *l, const char *name) {
        Caller *c = line_find(l, name);

        if (!c)
                return;
        line_remove(l, c);
        while (c->first) {
                Waiting *w = c->first;

                c->first = w->next;
                sd_bus_message_unref(w->message);
                free(w);
                f->n--;
        }
        free(c->name);
        free(c);
}

void fairness_drop_caller(Fairness *f, const char *name) {
        line_drop(f, &f->modest, name);
        line_drop(f, &f->heavy, name);
        line_drop(f, &f->slow, name);
}

int fairness_new(Fairness **ret, Bus *b) {
        Fairness *f = calloc(1, sizeof *f);
        int r;

        if (!f)
                return -ENOMEM;
        f->bus = b;
        r = sd_event_add_defer(b->event, &f->source, on_turn, f);
        if (r >= 0)
                r = sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(f->source, BUS_PRIORITY_SERVE);
        if (r >= 0)
                r = sd_event_add_post(b->event, &f->sent, on_sent, f);
        if (r >= 0)
                r = sd_event_source_set_enabled(f->sent, SD_EVENT_OFF);
        if (r < 0) {
                (void) fairness_free(f);
                return r;
        }
        (void) sd_event_source_set_description(f->source, "bus-turns");
        (void) sd_event_source_set_description(f->sent, "bus-sent");
        *ret = f;
        return 0;
}

Fairness *fairness_free(Fairness *f) {
        if (!f)
                return NULL;
        if (f->sent)
                fairness_drop_all(f);
        sd_event_source_disable_unref(f->source);
        sd_event_source_disable_unref(f->sent);
        free(f);
        return NULL;
}

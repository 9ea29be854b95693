/* Authorization by polkit.
 *
 * A call that must be authorized is kept in a list while CheckAuthorization is on its way. The answer puts the kept message
 * back into the read queue of the bus; its handler runs a second time from its beginning, looks everything up anew,
 * and finds the verdict under its message. A verdict belongs to one message and is used once: nothing is remembered, for
 * anybody. What a handler did not fetch (it failed before asking) is freed when the loop has nothing better to do.
 *
 * Whose call it is the bus is asked once for a caller, and a match watches him, as long as calls of his wait. If he leaves the bus, his calls
 * are dropped and polkit is told to close its dialog: a password typed for somebody who has gone starts nothing. Polkit is asked for
 * users in turn, so who asks much has himself to wait for. */
#define LOG_LOGGER "nova.bus.polkit"
#include "bus/polkit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/log.h"
#include "basic/time-util.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1u

/* What one caller has others wait for is bounded thrice: by connection, by user, and by what is held in memory. The bus grants a
 * connection 512 match rules and 128 replies that are waited for: of the latter each call that polkit decides costs one, so not more than so
 * many are at once, of one user fewer, and of one that is refused again and again only a few: polkit's time is others' too. */
#define QUERIES_MAX 1024
#define QUERIES_PER_SENDER_MAX 32
#define QUERIES_PER_USER_MAX 128
#define CALLERS_MAX 256
#define STARTING_MAX 24                                 /* the bus is asked who it is */
#define ASKED_MAX 80                                    /* polkit is asked */
#define ASKED_PER_USER_MAX 16
#define ASKED_PER_REFUSED_MAX 2
#define REFUSED_MANY 32                                 /* one after the other */
#define SMALL_CALL ((size_t) 4096)                      /* bytes that do not count */
#define HELD_MAX ((size_t) 64 * 1024 * 1024)
#define ANSWER_USEC (20 * USEC_PER_SEC)                 /* polkit itself: longer than the 15 s that it gives a rule which hangs */
#define ANSWER_INTERACTIVE_USEC (5 * USEC_PER_MINUTE)   /* somebody types */
#define ANSWER_SLOW_USEC (5 * USEC_PER_SEC)             /* the log says why a caller had to wait */

typedef enum QueryState {
        QUERY_WAITING,                  /* in its caller's line: whose call it is is not known yet */
        QUERY_KNOWN,                    /* in its user's line: its turn at polkit is to come */
        QUERY_ASKED,
        QUERY_ANSWERED,
} QueryState;

typedef struct Query Query;

typedef struct QueryLine {
        Query *first, *last;            /* by next_in_line */
} QueryLine;

/* Whose calls wait for polkit's word; exists while there are any. */
typedef struct User {
        uid_t uid;
        unsigned n;                     /* calls in the line and asked about */
        unsigned asked;
        unsigned refused;               /* so many times, one after the other */
        QueryLine line;
        struct User *previous, *next;   /* in the order of their turns */
} User;

/* A connection to the bus; exists while there are calls of it. */
typedef struct Caller {
        Authority *authority;
        char *name;
        sd_bus_slot *watch, *credentials;
        bool asking, identified;        /* the bus is asked; has answered */
        uid_t uid;
        unsigned n;                     /* its calls, whatever their state */
        QueryLine line;
        struct Caller *previous, *next;
} Caller;

struct Query {
        Authority *authority;
        sd_bus_message *call;
        char *action;
        uint64_t id;                    /* for cancelling */
        Caller *caller;
        User *user;                     /* KNOWN and ASKED */
        sd_bus_slot *question;
        QueryState state;
        usec_t asked_at;                /* monotonic */
        bool abandoned;                 /* the caller has left */
        bool decided;                   /* polkit has answered */
        sd_bus_message *message;        /* the question; until it is sent */
        size_t size;                    /* of the call, about; 0 = small */
        int verdict;                    /* 1 or -errno with @error, once answered */
        sd_bus_error error;
        Query *next_in_line;
        Query *previous, *next;
};

struct Authority {
        sd_event_source *sweep;         /* idle: frees verdicts that nobody fetched */
        Query *queries;
        unsigned n, decided;            /* all; of these those that polkit has answered */
        size_t held;                    /* bytes of calls that are not small */
        uint64_t last_id;
        Caller *callers;
        unsigned n_callers, starting, asked;
        User *first_user, *last_user;
        void (*left)(const char *caller, void *userdata);
        void *userdata;

        sd_bus_message *let_through;    /* the call that was said yes to last, for comparing only */
        uid_t uid;                      /* its sender */
};

/* ---- lines ---- */

static void line_append(QueryLine *l, Query *q) {
        q->next_in_line = NULL;
        *(l->last ? &l->last->next_in_line : &l->first) = q;
        l->last = q;
}

static void line_remove(QueryLine *l, Query *q) {
        Query *before = NULL;

        for (Query *i = l->first; i && i != q; i = i->next_in_line)
                before = i;
        *(before ? &before->next_in_line : &l->first) = q->next_in_line;
        if (l->last == q)
                l->last = before;
        q->next_in_line = NULL;
}

/* ---- users ---- */

static void user_link(Authority *a, User *u) {
        u->next = NULL;
        u->previous = a->last_user;
        *(a->last_user ? &a->last_user->next : &a->first_user) = u;
        a->last_user = u;
}

static void user_unlink(Authority *a, User *u) {
        *(u->previous ? &u->previous->next : &a->first_user) = u->next;
        *(u->next ? &u->next->previous : &a->last_user) = u->previous;
}

static User *user_of(Authority *a, uid_t uid) {
        User *u;

        for (u = a->first_user; u; u = u->next)
                if (u->uid == uid)
                        return u;
        u = calloc(1, sizeof *u);
        if (!u)
                return NULL;
        u->uid = uid;
        user_link(a, u);
        return u;
}

static void user_unused(Authority *a, User *u) {
        if (u->n > 0)
                return;
        user_unlink(a, u);
        free(u);
}

/* ---- callers ---- */

static void caller_unused(Caller *c) {
        Authority *a = c->authority;

        if (c->n > 0)
                return;
        *(c->previous ? &c->previous->next : &a->callers) = c->next;
        if (c->next)
                c->next->previous = c->previous;
        a->n_callers--;
        a->starting -= c->asking;
        sd_bus_slot_unref(c->watch);
        sd_bus_slot_unref(c->credentials);
        free(c->name);
        free(c);
}

static Caller *caller_find(const Authority *a, const char *name) {
        for (Caller *c = a->callers; c; c = c->next)
                if (streq(c->name, name))
                        return c;
        return NULL;
}

static Caller *caller_new(Authority *a, const char *name) {
        Caller *c = calloc(1, sizeof *c);

        if (!c || !(c->name = strdup(name))) {
                free(c);
                return NULL;
        }
        c->authority = a;
        c->next = a->callers;
        if (c->next)
                c->next->previous = c;
        a->callers = c;
        a->n_callers++;
        return c;
}

/* ---- queries ---- */

/* Out of the line that it is in, and of the counts. */
static void query_leave(Query *q) {
        User *u = q->user;

        if (q->state == QUERY_WAITING && q->caller)
                line_remove(&q->caller->line, q);
        if (!u)
                return;
        if (q->state == QUERY_KNOWN)
                line_remove(&u->line, q);
        else if (q->state == QUERY_ASKED) {
                u->asked--;
                q->authority->asked--;
        }
        u->n--;
        q->user = NULL;
        user_unused(q->authority, u);
}

static Query *query_free(Query *q) {
        Authority *a = q->authority;

        query_leave(q);
        if (q->previous)
                q->previous->next = q->next;
        else
                a->queries = q->next;
        if (q->next)
                q->next->previous = q->previous;
        a->n--;
        a->decided -= q->decided;
        a->held -= q->size;
        if (q->caller) {
                q->caller->n--;
                caller_unused(q->caller);
        }
        sd_bus_slot_unref(q->question);
        sd_bus_message_unref(q->message);
        sd_bus_message_unref(q->call);
        sd_bus_error_free(&q->error);
        free(q->action);
        free(q);
        return NULL;
}
DEFINE_CLEANUP(Query *, query_free)

static int authority_on_sweep(sd_event_source *s _unused_, void *userdata) {
        Authority *a = userdata;
        Query *next;

        for (Query *q = a->queries; q; q = next) {
                next = q->next;
                if (q->state == QUERY_ANSWERED)
                        query_free(q);
        }
        return 0;
}

int authority_new(Authority **ret, sd_event *event, void (*left)(const char *caller, void *userdata), void *userdata) {
        _cleanup_(authority_freep) Authority *a = calloc(1, sizeof *a);
        int r;

        if (!a)
                return -ENOMEM;
        a->left = left;
        a->userdata = userdata;
        r = sd_event_add_defer(event, &a->sweep, authority_on_sweep, a);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(a->sweep, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(a->sweep, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->sweep, "polkit-sweep");
        *ret = TAKE_PTR(a);
        return 0;
}

void authority_drop_all(Authority *a) {
        while (a->queries)
                query_free(a->queries);
}

Authority *authority_free(Authority *a) {
        if (!a)
                return NULL;
        authority_drop_all(a);
        sd_event_source_disable_unref(a->sweep);
        free(a);
        return NULL;
}

/* ---- the answer ---- */

static int query_read_answer(Query *q, sd_bus_message *reply) {
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        int authorized = 0, challenge = 0, r;

        if (failure) {
                log_warning("%s is refused: polkit gives no answer: %s", q->action, strempty(failure->message));
                return sd_bus_error_setf(&q->error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "Access denied: %s cannot be decided, polkit gives no answer: %s", q->action,
                                         strempty(failure->message));
        }
        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
        if (r < 0)
                return sd_bus_error_setf(&q->error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "Access denied: polkit's answer about %s is not understood", q->action);
        if (authorized)
                return 1;
        if (challenge && sd_bus_message_get_allow_interactive_authorization(q->call) <= 0)
                return sd_bus_error_setf(&q->error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                         "Access denied: %s needs interactive authentication, which the call does not allow", q->action);
        return sd_bus_error_setf(&q->error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: not authorized for %s", q->action);
}

static void authority_go_on(Authority *a);

/* The call is dispatched again, and finds the verdict. */
static void query_answered(Query *q, int verdict) {
        Authority *a = q->authority;
        int r;

        query_leave(q);
        q->verdict = verdict;
        q->state = QUERY_ANSWERED;
        r = sd_bus_message_rewind(q->call, true);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(sd_bus_message_get_bus(q->call), q->call);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(q->call, r, NULL);
                query_free(q);
                return;
        }
        (void) sd_event_source_set_enabled(a->sweep, SD_EVENT_ONESHOT);
}

static int query_on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Query *q = userdata;
        Authority *a = q->authority;
        usec_t took = now_monotonic() - q->asked_at;
        int verdict;

        q->question = sd_bus_slot_unref(q->question);
        if (took > ANSWER_SLOW_USEC && !sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_get_allow_interactive_authorization(q->call) <= 0)
                log_warning("polkit took %.1f s to decide %s: calls that ask it wait for so long.", (double) took / USEC_PER_SEC, q->action);
        if (q->abandoned)
                query_free(q);
        else {
                q->decided = true;
                a->decided++;
                verdict = query_read_answer(q, reply);
                q->user->refused = verdict > 0 ? 0 : q->user->refused + 1;
                query_answered(q, verdict);
        }
        authority_go_on(a);
        return 0;
}

/* ---- the caller leaves ---- */

static void query_cancel_question(Query *q) {
        sd_bus *bus = sd_bus_message_get_bus(q->call);
        sd_bus_message *m = NULL;
        char id[48];
        int r;

        snprintf(id, sizeof id, "nova-compute-%" PRIu64, q->id);
        r = sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", id);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        if (r >= 0)
                (void) sd_bus_send(bus, m, NULL);
        sd_bus_message_unref(m);
}

/* What polkit is asked about stays until it answers: so long the bus counts the question. */
static void caller_left(Caller *c) {
        Authority *a = c->authority;
        Query *next;

        c->n++;                         /* it stays for so long */
        for (Query *q = a->queries; q; q = next) {
                next = q->next;
                if (q->caller != c || q->abandoned)
                        continue;
                log_debug("%s left the bus, its call %s is dropped", c->name, strempty(sd_bus_message_get_member(q->call)));
                if (q->state == QUERY_ASKED) {
                        query_cancel_question(q);
                        q->abandoned = true;
                } else
                        query_free(q);
        }
        if (a->left)
                a->left(c->name, a->userdata);
        c->n--;
        caller_unused(c);
        authority_go_on(a);
}

static int caller_on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *old, *new;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && !*new)
                caller_left(userdata);
        return 0;
}

/* Without this the library would take a refused match for a reason to leave the bus. */
static int caller_on_watch_installed(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_) {
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("a caller cannot be watched: %s", strempty(sd_bus_message_get_error(m)->message));
        return 0;
}

/* ---- how large it is ---- */

/* What a call that waits keeps in memory is bounded by its size; the library does not tell that. Counts @m from where it is read, in
 * about so many bytes, until there is no more or @limit is passed. */
static int count_bytes(sd_bus_message *m, size_t limit, size_t *count) {
        const char *contents, *text;
        const void *data;
        char type;
        size_t size;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0 && *count <= limit) {
                *count += 32;
                if (type == 's' || type == 'o' || type == 'g') {
                        r = sd_bus_message_read_basic(m, type, &text);
                        *count += r > 0 ? strlen(text) : 0;
                } else if (type == 'a' && strlen(contents) == 1 && strchr("ybnqiuxtd", *contents) && *contents != 'b') {
                        r = sd_bus_message_read_array(m, *contents, &data, &size);
                        *count += r > 0 ? size : 0;
                } else if (strchr("avre", type)) {
                        r = sd_bus_message_enter_container(m, type, contents);
                        if (r >= 0)
                                r = count_bytes(m, limit, count);
                        if (r >= 0 && *count <= limit)
                                r = sd_bus_message_exit_container(m);
                } else {
                        uint64_t value;

                        r = sd_bus_message_read_basic(m, type, &value);
                }
                if (r < 0)
                        return r;
        }
        return r;
}

/* Reads @m, which is not put back: its handler is called again from the beginning. */
static int check_size(sd_bus_message *m, size_t *ret, sd_bus_error *error) {
        size_t count = 0;
        int r;

        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = count_bytes(m, AUTHORITY_CALL_SIZE_MAX, &count);
        if (r < 0)
                return r;
        if (count <= AUTHORITY_CALL_SIZE_MAX) {
                *ret = count;
                return 0;
        }
        return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "The arguments of %s have more than %zu bytes",
                                 strempty(sd_bus_message_get_member(m)), AUTHORITY_CALL_SIZE_MAX);
}

/* ---- the question ---- */

static int too_many_of_user(sd_bus_error *error, uid_t uid) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls of user %u wait for authorization", (unsigned) uid);
}

/* Whose call it is is known. */
static void query_to_user(Query *q) {
        Authority *a = q->authority;
        User *u = user_of(a, q->caller->uid);

        if (!u)
                query_answered(q, sd_bus_error_set_errno(&q->error, -ENOMEM));
        else if (u->n >= QUERIES_PER_USER_MAX)
                query_answered(q, too_many_of_user(&q->error, u->uid));
        else {
                q->state = QUERY_KNOWN;
                q->user = u;
                u->n++;
                line_append(&u->line, q);
        }
}

/* Or cannot be found out, and why. */
static void caller_identified(Caller *c, int r, const char *why) {
        Query *q;

        c->identified = r >= 0;
        c->n++;                         /* it stays for so long */
        while ((q = c->line.first)) {
                line_remove(&c->line, q);
                q->state = QUERY_KNOWN; /* in no line yet */
                if (r >= 0)
                        query_to_user(q);
                else
                        query_answered(q, sd_bus_error_setf(&q->error, SD_BUS_ERROR_ACCESS_DENIED,
                                                            "Access denied: whose call it is cannot be found out: %s", why));
        }
        c->n--;
        caller_unused(c);
}

static int caller_on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Caller *c = userdata;
        Authority *a = c->authority;
        uint32_t uid;
        int r;

        c->credentials = sd_bus_slot_unref(c->credentials);
        c->asking = false;
        a->starting--;
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                caller_left(c);
                return 0;
        }
        r = sd_bus_message_is_method_error(reply, NULL) ? -sd_bus_message_get_errno(reply) : sd_bus_message_read(reply, "u", &uid);
        if (r >= 0)
                c->uid = uid;
        caller_identified(c, r, sd_bus_message_is_method_error(reply, NULL) ? strempty(sd_bus_message_get_error(reply)->message) : strerror(-r));
        authority_go_on(a);
        return 0;
}

bool authority_decided(const Authority *a, const sd_bus_message *m) {
        if (a->decided == 0)
                return false;
        for (const Query *q = a->queries; q; q = q->next)
                if (q->call == m)
                        return q->decided;
        return false;
}

int authority_caller(const Authority *a, sd_bus_message *m, uid_t *ret) {
        if (a->let_through != m)
                return -ENODATA;
        *ret = a->uid;
        return 0;
}

static int query_prepare(Query *q, const char *const *details) {
        int interactive = sd_bus_message_get_allow_interactive_authorization(q->call) > 0;
        sd_bus *bus = sd_bus_message_get_bus(q->call);
        char id[48];
        int r;

        snprintf(id, sizeof id, "nova-compute-%" PRIu64, q->id);
        r = sd_bus_message_new_method_call(bus, &q->message, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(q->message, "(sa{sv})s", "system-bus-name", 1, "name", "s", sd_bus_message_get_sender(q->call),
                                          q->action);
        if (r >= 0)
                r = sd_bus_message_open_container(q->message, 'a', "{ss}");
        for (const char *const *d = details; r >= 0 && d && d[0]; d += 2)
                r = sd_bus_message_append(q->message, "{ss}", d[0], strempty(d[1]));
        if (r >= 0)
                r = sd_bus_message_close_container(q->message);
        if (r >= 0)
                r = sd_bus_message_append(q->message, "us", interactive ? POLKIT_ALLOW_INTERACTION : 0u, id);
        return r;
}

/* Asks the bus whose calls those are, and has it watched. */
static int caller_start(Caller *c, sd_bus *bus) {
        Authority *a = c->authority;
        char text[256];
        int r;

        snprintf(text, sizeof text, "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", c->name);
        r = sd_bus_add_match_async(bus, &c->watch, text, caller_on_owner_changed, caller_on_watch_installed, c);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &c->credentials, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             "GetConnectionUnixUser", caller_on_credentials, c, "s", c->name);
        if (r < 0)
                return r;
        c->asking = true;
        a->starting++;
        return 0;
}

static int query_ask(Query *q) {
        int interactive = sd_bus_message_get_allow_interactive_authorization(q->call) > 0;
        sd_bus *bus = sd_bus_message_get_bus(q->call);
        int r;

        line_remove(&q->user->line, q);
        q->state = QUERY_ASKED;
        q->asked_at = now_monotonic();
        q->user->asked++;
        q->authority->asked++;
        r = sd_bus_call_async(bus, &q->question, q->message, query_on_answer, q, interactive ? ANSWER_INTERACTIVE_USEC : ANSWER_USEC);
        q->message = sd_bus_message_unref(q->message);
        return r;
}

/* The next whose turn it is, and who goes behind the others with it. */
static User *next_user(Authority *a) {
        for (User *u = a->first_user; u; u = u->next) {
                if (!u->line.first || u->asked >= (u->refused >= REFUSED_MANY ? ASKED_PER_REFUSED_MAX : ASKED_PER_USER_MAX))
                        continue;
                user_unlink(a, u);
                user_link(a, u);
                return u;
        }
        return NULL;
}

/* As many as may be decided at once are. */
static void authority_go_on(Authority *a) {
        Caller *next;
        User *u;
        int r;

        for (Caller *c = a->callers; c && a->starting < STARTING_MAX; c = next) {
                next = c->next;
                if (c->asking || c->identified || !c->line.first)
                        continue;
                r = caller_start(c, sd_bus_message_get_bus(c->line.first->call));
                if (r < 0)
                        caller_identified(c, r, strerror(-r));
        }
        while (a->asked < ASKED_MAX && (u = next_user(a))) {
                Query *q = u->line.first;

                r = query_ask(q);
                if (r < 0)
                        query_answered(q, sd_bus_error_set_errno(&q->error, r));
        }
}

int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        _cleanup_(query_freep) Query *q = NULL;
        Caller *caller;
        size_t size = 0;
        int r;

        for (Query *i = a->queries; i && !q; i = i->next)
                if (i->call == m)
                        q = i;
        if (q && q->state != QUERY_ANSWERED) {
                TAKE_PTR(q);            /* not the answer's doing: the question stands */
                return 0;
        }
        if (q) {
                if (!streq(q->action, action))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: asked for %s, not for %s",
                                                 q->action, action);
                a->let_through = q->verdict > 0 ? m : NULL;
                a->uid = q->caller->uid;
                if (q->verdict < 0)
                        sd_bus_error_move(error, &q->error);
                return q->verdict;
        }
        if (!sender)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: the call has no sender");
        caller = caller_find(a, sender);
        if (a->n >= QUERIES_MAX || (caller ? caller->n >= QUERIES_PER_SENDER_MAX : a->n_callers >= CALLERS_MAX))
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for authorization");
        r = check_size(m, &size, error);
        if (r < 0)
                return r;
        if (size > SMALL_CALL && a->held + size > HELD_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too large calls wait for authorization");

        q = calloc(1, sizeof *q);
        if (!q)
                return -ENOMEM;
        q->authority = a;
        q->call = sd_bus_message_ref(m);
        q->id = ++a->last_id;
        q->next = a->queries;
        if (q->next)
                q->next->previous = q;
        a->queries = q;
        a->n++;
        q->size = size > SMALL_CALL ? size : 0;
        a->held += q->size;
        q->action = strdup(action);
        q->caller = caller ? caller : caller_new(a, sender);
        if (q->caller)
                q->caller->n++;
        if (!q->action || !q->caller)
                return -ENOMEM;

        r = query_prepare(q, details);
        if (r < 0)
                return r;
        if (q->caller->identified)
                query_to_user(q);
        else
                line_append(&q->caller->line, q);
        TAKE_PTR(q);
        authority_go_on(a);
        return 0;
}

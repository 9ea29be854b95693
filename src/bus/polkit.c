/* Authorization by polkit.
 *
 * A call that must be authorized is kept in a list while CheckAuthorization is on its way. The answer puts the kept message
 * back into the read queue of the bus; its handler runs a second time from its beginning, looks everything up anew,
 * and finds the verdict under its message. A verdict belongs to one message and is used once: nothing is remembered, for
 * anybody. What a handler did not fetch (it failed before asking) is freed when the loop has nothing better to do.
 *
 * Meanwhile a match watches the caller. If it leaves the bus, the call is dropped and polkit is told to close its dialog: a
 * password typed for somebody who has gone starts nothing. */
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
 * connection 512 match rules and 128 replies that are waited for: of both each call that is being decided costs one, so not more than so
 * many are at once, of one user fewer; the others wait their turn. */
#define QUERIES_MAX 1024
#define QUERIES_PER_SENDER_MAX 32
#define QUERIES_PER_USER_MAX 128
#define STARTING_MAX 24                                 /* the bus is asked who it is */
#define ASKED_MAX 80                                    /* polkit is asked */
#define ASKED_PER_USER_MAX 16
#define SMALL_CALL ((size_t) 4096)                      /* bytes that do not count */
#define HELD_MAX ((size_t) 64 * 1024 * 1024)
#define ANSWER_USEC (10 * USEC_PER_SEC)                 /* polkit itself */
#define ANSWER_INTERACTIVE_USEC (5 * USEC_PER_MINUTE)   /* somebody types */

typedef enum QueryState {
        QUERY_WAITING,                  /* nothing is sent yet */
        QUERY_STARTING,                 /* the bus is asked whose call it is */
        QUERY_KNOWN,                    /* its turn at polkit is to come */
        QUERY_ASKED,
        QUERY_ANSWERED,
} QueryState;

typedef struct Query Query;
struct Query {
        Authority *authority;
        sd_bus_message *call;
        char *action;
        uint64_t id;                    /* for cancelling */
        sd_bus_slot *question, *watch, *credentials;
        bool uid_known;
        uid_t uid;                      /* of the caller, as the bus says */
        QueryState state;
        bool abandoned;                 /* the caller has left */
        sd_bus_message *message;        /* the question; until it is sent */
        size_t size;                    /* of the call, about; 0 = small */
        int verdict;                    /* 1 or -errno with @error, once answered */
        sd_bus_error error;
        Query *previous, *next;
};

struct Authority {
        sd_event_source *sweep;         /* idle: frees verdicts that nobody fetched */
        Query *queries;
        unsigned n;
        size_t held;                    /* bytes of calls that are not small */
        uint64_t last_id;

        sd_bus_message *let_through;    /* the call that was said yes to last, for comparing only */
        bool uid_known;
        uid_t uid;                      /* its sender */
};

static Query *query_free(Query *q) {
        if (q->previous)
                q->previous->next = q->next;
        else
                q->authority->queries = q->next;
        if (q->next)
                q->next->previous = q->previous;
        q->authority->n--;
        q->authority->held -= q->size;

        sd_bus_slot_unref(q->question);
        sd_bus_slot_unref(q->watch);
        sd_bus_slot_unref(q->credentials);
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

int authority_new(Authority **ret, sd_event *event) {
        _cleanup_(authority_freep) Authority *a = calloc(1, sizeof *a);
        int r;

        if (!a)
                return -ENOMEM;
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

        q->question = sd_bus_slot_unref(q->question);
        q->watch = sd_bus_slot_unref(q->watch);
        if (q->abandoned)
                query_free(q);
        else
                query_answered(q, query_read_answer(q, reply));
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

static int query_on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *old, *new;
        Query *q = userdata;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || *new)
                return 0;
        log_debug("%s left the bus, its call %s is dropped", name, strempty(sd_bus_message_get_member(q->call)));
        Authority *a = q->authority;

        if (q->state == QUERY_ASKED) {  /* until polkit answers the bus counts the question */
                query_cancel_question(q);
                q->abandoned = true;
                q->watch = sd_bus_slot_unref(q->watch);
                return 0;
        }
        query_free(q);
        authority_go_on(a);
        return 0;
}

/* Without this the library would take a refused match for a reason to leave the bus. */
static int query_on_watch_installed(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_) {
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

static unsigned count_of(const Authority *a, QueryState state, const Query *of_user) {
        unsigned n = 0;

        for (const Query *q = a->queries; q; q = q->next)
                n += q->state == state && (!of_user || (q->uid_known && q->uid == of_user->uid));
        return n;
}

/* The bus does not answer about one that has just left: whose calls those are does not matter any more. */
static int query_on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Query *q = userdata;
        Authority *a = q->authority;
        uint32_t uid;

        q->credentials = sd_bus_slot_unref(q->credentials);
        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "u", &uid) >= 0) {
                q->uid = uid;
                q->uid_known = true;
        }
        q->state = QUERY_KNOWN;
        if (q->uid_known && count_of(a, QUERY_KNOWN, q) + count_of(a, QUERY_ASKED, q) > QUERIES_PER_USER_MAX) {
                q->watch = sd_bus_slot_unref(q->watch);
                query_answered(q, sd_bus_error_setf(&q->error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls of user %u wait for authorization",
                                                    (unsigned) q->uid));
        }
        authority_go_on(a);
        return 0;
}

int authority_caller(const Authority *a, sd_bus_message *m, uid_t *ret) {
        if (a->let_through != m || !a->uid_known)
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

static int query_start(Query *q) {
        sd_bus *bus = sd_bus_message_get_bus(q->call);
        const char *sender = sd_bus_message_get_sender(q->call);
        char text[256];
        int r;

        snprintf(text, sizeof text, "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", sender);
        r = sd_bus_add_match_async(bus, &q->watch, text, query_on_owner_changed, query_on_watch_installed, q);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &q->credentials, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             "GetConnectionUnixUser", query_on_credentials, q, "s", sender);
        if (r >= 0)
                q->state = QUERY_STARTING;
        return r;
}

static int query_ask(Query *q) {
        int interactive = sd_bus_message_get_allow_interactive_authorization(q->call) > 0;
        sd_bus *bus = sd_bus_message_get_bus(q->call);
        int r;

        r = sd_bus_call_async(bus, &q->question, q->message, query_on_answer, q, interactive ? ANSWER_INTERACTIVE_USEC : ANSWER_USEC);
        q->message = sd_bus_message_unref(q->message);
        if (r >= 0)
                q->state = QUERY_ASKED;
        return r;
}

/* The oldest that may go on from @state; the newest is first in the list. */
static Query *oldest(const Authority *a, QueryState state) {
        Query *found = NULL;

        for (Query *q = a->queries; q; q = q->next)
                if (q->state == state && (state != QUERY_KNOWN || !q->uid_known || count_of(a, QUERY_ASKED, q) < ASKED_PER_USER_MAX))
                        found = q;
        return found;
}

/* As many as may be decided at once are. */
static void authority_go_on(Authority *a) {
        unsigned starting = count_of(a, QUERY_STARTING, NULL), asked = count_of(a, QUERY_ASKED, NULL);
        Query *q;
        int r;

        while (starting < STARTING_MAX && (q = oldest(a, QUERY_WAITING))) {
                r = query_start(q);
                if (r < 0)
                        query_answered(q, sd_bus_error_set_errno(&q->error, r));
                else
                        starting++;
        }
        while (asked < ASKED_MAX && (q = oldest(a, QUERY_KNOWN))) {
                r = query_ask(q);
                if (r < 0)
                        query_answered(q, sd_bus_error_set_errno(&q->error, r));
                else
                        asked++;
        }
}

int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        _cleanup_(query_freep) Query *q = NULL;
        unsigned of_sender = 0;
        size_t size = 0;
        int r;

        for (Query *i = a->queries; i; i = i->next) {
                if (i->call == m) {
                        q = i;
                        break;
                }
                of_sender += streq_ptr(sd_bus_message_get_sender(i->call), sender);
        }
        if (q && q->state != QUERY_ANSWERED) {
                TAKE_PTR(q);            /* not the answer's doing: the question stands */
                return 0;
        }
        if (q) {
                if (!streq(q->action, action))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: asked for %s, not for %s",
                                                 q->action, action);
                a->let_through = q->verdict > 0 ? m : NULL;
                a->uid_known = q->uid_known;
                a->uid = q->uid;
                if (q->verdict < 0)
                        sd_bus_error_move(error, &q->error);
                return q->verdict;
        }
        if (!sender)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: the call has no sender");
        if (a->n >= QUERIES_MAX || of_sender >= QUERIES_PER_SENDER_MAX)
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
        if (!q->action)
                return -ENOMEM;

        r = query_prepare(q, details);
        if (r < 0)
                return r;
        TAKE_PTR(q);
        authority_go_on(a);
        return 0;
}

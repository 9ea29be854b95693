/* The transport of the process: what belongs to it, what comes from its threads to the main loop, and the watch over
 * threads that hang in a send. */
#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"
#include "rpc/rpc-internal.h"

static const char *const link_state_names[_RPC_LINK_STATE_MAX] = {
        [RPC_LINK_IDLE] = "idle",
        [RPC_LINK_CONNECTING] = "connecting",
        [RPC_LINK_CONNECTED] = "connected",
        [RPC_LINK_WAITING] = "waiting",
        [RPC_LINK_CLOSED] = "closed",
};

const char *rpc_link_state_to_string(RpcLinkState s) {
        return s >= 0 && s < _RPC_LINK_STATE_MAX ? link_state_names[s] : NULL;
}

/* ---- notes to the main loop ---- */

typedef enum NoteKind {
        NOTE_STATUS,
        NOTE_CANCELLED,
} NoteKind;

typedef struct Note {
        NoteKind kind;
        unsigned server;                /* number; 0 = the publishing link */
} Note;

static void post_note(Rpc *r, NoteKind kind, unsigned server) {
        Note *n = malloc(sizeof *n);

        if (!n)
                return;                 /* the next change tells */
        *n = (Note){.kind = kind, .server = server};
        if (mailbox_post(r->notes, n) < 0)
                free(n);
}

void rpc_note_status(Rpc *r, unsigned server) {
        post_note(r, NOTE_STATUS, server);
}

void rpc_note_cancelled(Rpc *r, unsigned server) {
        post_note(r, NOTE_CANCELLED, server);
}

static void tell(RpcStatusHandler handler, void *userdata, Link *link, unsigned fake_consumers) {
        LinkStatus s = {.state = RPC_LINK_CONNECTED, .address = "fake", .consumers = fake_consumers};

        if (link)
                link_status(link, &s);
        if (handler)
                handler(&(RpcStatus){.state = s.state, .address = s.address, .error = s.error, .attempt = s.attempt,
                                     .next_try = s.next_try, .blocked = s.blocked, .consumers = s.consumers},
                        userdata);
}

static RpcServer *find_server(Rpc *r, unsigned number) {
        RpcServer *s;

        pthread_mutex_lock(&r->lock);
        for (s = r->servers; s && s->number != number; s = s->next)
                ;
        pthread_mutex_unlock(&r->lock);
        return s;
}

static void on_note(void *item, void *userdata) {
        _cleanup_free_ Note *n = item;
        Rpc *r = userdata;
        RpcServer *s;

        if (n->server == 0) {
                tell(r->on_status, r->on_status_userdata, publisher_link(r->publisher), 0);
                return;
        }
        s = find_server(r, n->server);
        if (!s)
                return;
        if (n->kind == NOTE_CANCELLED) {
                void (*done)(void *) = s->on_cancelled;

                s->on_cancelled = NULL;
                if (done)
                        done(s->on_cancelled_userdata);
                return;
        }
        pthread_mutex_lock(&s->lock);
        unsigned consumers = s->fake_consumers;
        memcpy(s->names[TOPOLOGY_FANOUT], s->fanout, sizeof s->fanout);
        pthread_mutex_unlock(&s->lock);
        tell(s->on_status, s->on_status_userdata, s->link, consumers);
}

const RpcCounters *rpc_counters(const Rpc *r) {
        return &r->counters;
}

void rpc_set_status_handler(Rpc *r, RpcStatusHandler handler, void *userdata) {
        r->on_status = handler;
        r->on_status_userdata = userdata;
        rpc_note_status(r, 0);
}

void rpc_server_set_status_handler(RpcServer *s, RpcStatusHandler handler, void *userdata) {
        s->on_status = handler;
        s->on_status_userdata = userdata;
        rpc_note_status(s->rpc, s->number);
}

/* ---- life ---- */

static int on_watch(sd_event_source *source, uint64_t usec, void *userdata) {
        Rpc *r = userdata;
        usec_t next = link_watch(publisher_link(r->publisher));

        pthread_mutex_lock(&r->lock);
        for (RpcServer *s = r->servers; s; s = s->next)
                if (s->link)
                        next = MIN(next, link_watch(s->link));
        pthread_mutex_unlock(&r->lock);

        (void) sd_event_source_set_time(r->watch, next);
        (void) sd_event_source_set_enabled(r->watch, SD_EVENT_ONESHOT);
        return 0;
}

static void destroy(Rpc *r, usec_t wait) {
        assert(!r->servers);
        r->watch = sd_event_source_disable_unref(r->watch);
        r->publisher = publisher_free(r->publisher, wait);
        r->notes = mailbox_free(r->notes);
        r->fake = fake_free(r->fake);
        r->options = rpc_options_free(r->options);
        config_unref((Config *) r->config);
        (void) pthread_mutex_destroy(&r->lock);
        r->event = sd_event_unref(r->event);
        free(r);
}

int rpc_new(Rpc **ret, sd_event *event, const Config *config, NovaException *e) {
        Rpc *r = calloc(1, sizeof *r);
        int k;

        assert(ret && event && config);
        if (!r)
                return exception_set_errno(e, -ENOMEM, "RPC");
        r->event = sd_event_ref(event);
        r->config = config_ref((Config *) config);
        (void) pthread_mutex_init(&r->lock, NULL);
        client_init(r);
        if (getrandom(&r->id_run, sizeof r->id_run, 0) != sizeof r->id_run) {
                k = -errno;
                destroy(r, 0);
                return exception_set_errno(e, k, "RPC");
        }

        k = rpc_options_read(config, &r->options, e);
        if (k >= 0 && r->options->url.kind == TRANSPORT_FAKE)
                k = fake_new(&r->fake);
        if (k >= 0)
                k = mailbox_new(&r->notes, event, "rpc-notes", SD_EVENT_PRIORITY_NORMAL, on_note, free, r);
        if (k >= 0)
                k = publisher_new(&r->publisher, r->options, r);
        if (k >= 0 && !r->fake) {
                k = sd_event_add_time(event, &r->watch, CLOCK_MONOTONIC, now_monotonic(), 0, on_watch, r);
                if (k >= 0)
                        (void) sd_event_source_set_description(r->watch, "rpc-watch");
        }
        if (k < 0) {
                destroy(r, 0);
                return exception_set_errno(e, k, "RPC");
        }
        *ret = r;
        return 0;
}

Rpc *rpc_free(Rpc *r, usec_t wait) {
        if (r)
                destroy(r, wait);
        return NULL;
}

char *rpc_unique_id(Rpc *r, char id[static HEX_ID_MAX]) {
        static const char digits[] = "0123456789abcdef";
        uint64_t halves[] = {r->id_run, atomic_fetch_add_explicit(&r->id_next, 1, memory_order_relaxed)};

        for (unsigned i = 0; i < 32; i++)
                id[i] = digits[halves[i / 16] >> (60 - i % 16 * 4) & 15];
        id[32] = '\0';
        return id;
}

Messenger *rpc_messenger(Rpc *r) {
        return &r->messenger;
}

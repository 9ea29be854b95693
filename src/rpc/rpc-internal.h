/* What the files of RPC proper share: the transport, its publisher, the servers and their requests. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "basic/id.h"
#include "basic/loop-thread.h"
#include "basic/mailbox.h"
#include "rpc/caller.h"
#include "rpc/duplicate.h"
#include "rpc/envelope.h"
#include "rpc/link.h"
#include "rpc/rpc.h"

/* ---- messages on their way out ---- */

typedef struct Outgoing Outgoing;

typedef enum OutgoingKind {
        OUTGOING_TOPIC,                 /* exchange declared first */
        OUTGOING_FANOUT,
        OUTGOING_NOTIFICATION,          /* exchange, queue and binding declared first */
        OUTGOING_DIRECT,                /* default exchange: key is the queue */
} OutgoingKind;

struct Outgoing {
        Outgoing *next;
        OutgoingKind kind;
        char *exchange;                 /* TOPIC, NOTIFICATION: NULL = control_exchange. FANOUT: the topic */
        char *key;
        Body body;
        bool mandatory;
        bool returned;                  /* basic.return came for it; the confirm is still to come */
        char expiration[24];            /* milliseconds as text; "" = none */
        bool no_resend;                 /* a sign of life: worth nothing when it is late */
        usec_t give_up; /* monotonic: when it is not with the broker by then, it is dropped; 0 = never */
        usec_t missing_since;           /* returned first: no such queue; 0 = not */
        usec_t next_try;
        uint64_t seq;                   /* delivery tag on this connection, while unconfirmed */
        usec_t sent;                    /* monotonic: when it was last sent */

        /* Exactly once, on the publisher's thread: 0 = with the broker; -EHOSTUNREACH: nobody has the queue;
         * -ETIMEDOUT; -ECANCELED at the end. May be NULL. */
        void (*done)(Outgoing *o, int r);
        /* Once, when it came back for want of a queue and will be tried again. May be NULL. */
        void (*on_missing)(Outgoing *o);
        void *userdata;
};

typedef struct OutgoingList {
        Outgoing *first, *last;
} OutgoingList;

void outgoing_append(OutgoingList *l, Outgoing *o);
Outgoing *outgoing_pop(OutgoingList *l);

Outgoing *outgoing_new(OutgoingKind kind, const char *exchange, const char *key,
                       Body *body); /* takes the body; NULL = no memory */
Outgoing *outgoing_free(Outgoing *o);
DEFINE_CLEANUP(Outgoing *, outgoing_free)

typedef struct Publisher Publisher;

/* @rpc: whom to tell of status and answers; may be NULL (a connection for one cast). */
int publisher_new(Publisher **ret, const RpcOptions *options, Rpc *rpc);
/* Sends what waits within @wait, closes. Messages left get -ECANCELED. */
Publisher *publisher_free(Publisher *p, usec_t wait);
/* Any thread. Owns @o on success, then done is called. -ENOBUFS when too much waits already, -ESHUTDOWN at the end. */
int publisher_send(Publisher *p, Outgoing *o);
/* Any thread: several replies at once. Owns them all, whatever happens. */
void publisher_send_replies(Publisher *p, OutgoingList *l);
void publisher_connect(Publisher *p);                           /* any thread: does not wait */
/* Any thread, waits: 0 with the reply queue's name once it is consumed from, or -ETIMEDOUT. */
int publisher_reply_queue(Publisher *p, usec_t deadline, char name[static TOPOLOGY_NAME_MAX]);
/* Any thread, waits: an exchange and queue of Essex's kind for the answers to one call. */
int publisher_open_essex(Publisher *p, const char *msg_id, usec_t deadline);
void publisher_close_essex(Publisher *p, const char *msg_id);
Link *publisher_link(Publisher *p);

/* ---- the in-process broker ---- */

typedef struct Fake Fake;

/* Called on @thread for each message. Owns @body. */
typedef void (*FakeHandler)(Body *body, const char *queue, void *userdata);

int fake_new(Fake **ret);
Fake *fake_free(Fake *f);
int fake_declare(Fake *f, const TopologyQueue *q);
void fake_delete(Fake *f, const char *queue);
/* What waits in the queue comes at once. Several consumers take turns. */
int fake_consume(Fake *f, const char *queue, LoopThread *thread, FakeHandler handler, void *userdata);
void fake_cancel(Fake *f, const char *queue, void *userdata);
/* Puts @body (copied) into the queues that @exchange and @key reach; returns how many. Bindings are equal keys. */
int fake_publish(Fake *f, const char *exchange, const char *key, const Body *body);
/* Back to the head of the queue. Takes @body. */
int fake_requeue(Fake *f, const char *queue, Body *body);

/* ---- calls that wait for their answer ---- */

typedef struct Waiter Waiter;

struct Rpc {
        Messenger messenger;            /* first: a Messenger is an Rpc */
        RpcOptions *options;
        const Config *config;           /* a reference of our own */
        sd_event *event;                /* the main loop */
        sd_event_source *watch;         /* timer: looks after stuck threads */
        Mailbox *notes;                 /* to the main loop */
        Fake *fake;                     /* NULL: a real broker */
        Publisher *publisher;

        RpcStatusHandler on_status;     /* main loop */
        void *on_status_userdata;

        pthread_mutex_t lock;
        RpcServer *servers;             /* list; under the lock */
        Waiter *waiters;                /* list; under the lock */
        unsigned next_server;           /* number of the next server */
        uint64_t id_run;                /* random: half of the ids of our messages */
        atomic_uint_least64_t id_next;  /* the other half counts */
        RpcCounters counters;
};

/* A fresh _unique_id: no system call, as there is one for each reply. */
char *rpc_unique_id(Rpc *r, char id[static HEX_ID_MAX]);

/* ---- notes to the main loop ---- */

void rpc_note_status(Rpc *r, unsigned server);                  /* 0 = the publishing link; any thread */
void rpc_note_cancelled(Rpc *r, unsigned server);
/* Publisher's thread: a message from a reply queue. @msg_id: of Essex's queue per call, else NULL. */
void rpc_on_answer(Rpc *r, const char *msg_id, char *body, size_t size);

void client_init(Rpc *r);               /* client.c: fills the Messenger */

/* ---- servers ---- */

typedef enum RequestState {
        REQUEST_RUNNING,                /* with the handler */
        REQUEST_FINISHED,               /* outcome known; the reply on its way */
        REQUEST_HANDED_BACK,
} RequestState;

struct RpcRequest {
        RpcServer *server;
        Envelope envelope;
        RequestContext *context;
        bool redelivered;
        unsigned queue;                 /* TOPOLOGY_… */
        char *raw;                      /* the fake keeps the message for handing back */
        size_t raw_size;

        /* The server's thread. */
        uint64_t tag;
        unsigned generation;            /* of the connection that @tag belongs to; 0 = no delivery (any more) */
        RpcRequest *previous, *next;    /* of all that live */
        RpcRequest *unacked_previous, *unacked_next; /* with a delivery on this connection, in the order of its tags */
        bool settled;
        bool repeated;                  /* known as done when it came */
        usec_t next_heartbeat;          /* 0 = none wanted */
        DuplicateEntry *entry;          /* NULL: it had no id */

        /* Under the server's lock. */
        RequestState state;
        bool accepted;                  /* it is safe: acked, or about to be */
        RpcRequest *next_accepted;
        bool abandoned;                 /* the server was closed: whatever the handler does has no effect */
        bool pending;                   /* its reply is on the way */
        bool queued;                    /* in the list of the settled */
        RpcRequest *next_settled;
};

RpcRequest *request_new(RpcServer *s, Envelope *e, RequestContext *c); /* takes both; NULL = no memory, nothing taken */
void request_free(RpcRequest *r);
/* Any thread: the outcome is safe, or lost for good. */
void request_settle(RpcRequest *r);
/* A call-monitor heartbeat. */
void request_send_heartbeat(RpcRequest *r);
/* Tells a caller what was wrong with a message that never became a request. */
void reply_failure(RpcServer *s, const Envelope *envelope, const NovaException *e);

struct RpcServer {
        RpcServer *next;                /* of the transport's list */
        Rpc *rpc;
        unsigned number;
        char *topic, *host;
        RpcRequestHandler handler;
        void *userdata;
        LoopThread *thread;
        pthread_t id;                   /* of @thread */

        /* The server's thread. */
        Link *link;
        TopologyQueue queues[_TOPOLOGY_SERVER_MAX];
        bool named;                     /* the fan-out queue's name is settled */
        bool started, cancelled;
        bool repeats;                   /* what is done and comes again is the handler's */
        unsigned consumers;             /* consuming now */
        Duplicates *duplicates;
        CallerScan *caller;             /* of a message over the limit, while it comes */
        RpcRequest *requests;           /* all that live */
        RpcRequest *unacked_first, *unacked_last;
        bool draining;                  /* what settles now is seen to at the end of it, and what is answered */
        OutgoingList outbox;
        unsigned cancel_pending;        /* consumers whose cancel was not answered yet */
        sd_event_source *heartbeat;     /* call monitor */
        sd_event_source *cancel_limit;  /* timer: the broker does not answer a cancel */
        sd_event_source *lazily;        /* timer: acks that waited for company */
        atomic_bool closing;            /* nothing is declared any more that would stay behind */

        pthread_mutex_t lock;
        pthread_cond_t changed;
        RpcRequest *settled;            /* to be acked; under the lock */
        RpcRequest *accepted;           /* to be acked, and living on */
        unsigned n_settled;
        bool settling;                  /* the thread knows that there are some */
        bool lazy;                      /* it will look within a moment anyway */
        unsigned finishing;             /* finished but not yet safe */
        unsigned alive;                 /* requests not freed yet */
        bool closed;
        bool stopping;                  /* its thread ends: nothing is posted to it any more */
        bool detached;                  /* it is gone; the memory stays until the last reply is off */
        char fanout[TOPOLOGY_NAME_MAX]; /* the name in force */
        unsigned fake_consumers;

        /* Main loop. */
        RpcStatusHandler on_status;
        void *on_status_userdata;
        void (*on_cancelled)(void *userdata);
        void *on_cancelled_userdata;
        char names[_TOPOLOGY_SERVER_MAX][TOPOLOGY_NAME_MAX];
        const char *name_list[_TOPOLOGY_SERVER_MAX + 1];
};

int server_send(RpcServer *s, Outgoing *o);     /* as publisher_send; any thread */
void server_post_settled(RpcServer *s);
void server_free_memory(RpcServer *s);
bool server_on_thread(const RpcServer *s);

/* RPC over RabbitMQ: the process's transport (publisher, client) and servers, each with a connection of its own.
 * Topology and wire formats: essex 9, zed 1. What waits for the network is on threads of its own; every function here
 * returns at once unless it says otherwise. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/metrics.h"
#include "config/config.h"
#include "objects/context.h"
#include "objects/messenger.h"

/* ---- the transport ---- */

typedef struct Rpc Rpc;

typedef enum RpcLinkState {
        RPC_LINK_IDLE,                  /* not asked to connect */
        RPC_LINK_CONNECTING,
        RPC_LINK_CONNECTED,
        RPC_LINK_WAITING,               /* lost or refused; the next try is at next_try */
        RPC_LINK_CLOSED,
        _RPC_LINK_STATE_MAX,
} RpcLinkState;
const char *rpc_link_state_to_string(RpcLinkState s); /* "idle", "connecting", "connected", "waiting", "closed" */

typedef struct RpcStatus {
        RpcLinkState state;
        const char *address;            /* "host:port" connected to or tried last; "" */
        const char *error;              /* why it is not connected, without secrets; "" */
        unsigned attempt;               /* tries since it was last good */
        usec_t next_try;                /* monotonic; 0 = none */
        bool blocked;                   /* connection.blocked: the broker takes no publishes */
        unsigned consumers;             /* of this link now */
} RpcStatus;

/* On the main loop's thread. @status lives during the call. */
typedef void (*RpcStatusHandler)(const RpcStatus *status, void *userdata);

/* Reads transport_url, the rabbit_* options and [oslo_messaging_rabbit]; a bad one is -EINVAL with @e naming option and
 * value. rpc_backend nova.rpc.impl_fake or fake_rabbit or a transport_url of fake:// give the in-process transport with
 * the same behaviour. Starts the publishing thread; it connects when there is something to publish. @event: the main
 * loop. */
int rpc_new(Rpc **ret, sd_event *event, const Config *config, NovaException *e);
/* Closes pooled connections within @wait (rpc.cleanup of the seed). After all servers are freed. May block up to @wait.
 */
Rpc *rpc_free(Rpc *r, usec_t wait);

void rpc_set_status_handler(Rpc *r, RpcStatusHandler handler, void *userdata);  /* of the publishing link */

/* call, cast, fanout_cast, notify: thread-safe, belongs to @r. */
Messenger *rpc_messenger(Rpc *r);

/* What went over the process's connections since it began. */
typedef struct RpcCounters {
        Counter connects;               /* connections made, so beyond the first of each: made again */
        Counter deliveries;             /* messages that came in the queues of servers */
        Counter redeliveries;           /* of these: the broker says that it delivered them before */
        Counter duplicates;             /* of these: known already, and dropped */
        Counter bad;                    /* of these: not understood, and dropped */
        Counter sent, undelivered;      /* messages that the broker has; that it has not, and that are given up */
        Histogram confirm;              /* from the sending of a message to the broker's word that it has it */
} RpcCounters;
/* Any thread reads them; they live as long as @r. */
const RpcCounters *rpc_counters(const Rpc *r);

/* A cast on a connection of its own to another broker (essex 9.4 cast_to_server; the fan-out form goes to the fan-out
 * exchange). @url: transport_url form. Blocks: workers only. */
int rpc_cast_to_server(Rpc *r, const char *url, const MessageTarget *t, const RequestContext *c, const char *method,
                       const json_t *args, bool fanout, NovaException *e);

/* ---- servers ---- */

typedef struct RpcServer RpcServer;
typedef struct RpcRequest RpcRequest;

/* On the server's thread for each request that is new (not a duplicate). Owns @r: it ends with rpc_request_finish or
 * rpc_request_hand_back. */
typedef void (*RpcRequestHandler)(RpcRequest *r, void *userdata);

/* Connects and declares queues and bindings of topic, topic.host and the fan-out (consuming nothing yet, F67), again
 * after each reconnect. @prefetch 0 = by configuration. */
int rpc_server_new(RpcServer **ret, Rpc *r, const char *topic, const char *host, RpcRequestHandler handler,
                   void *userdata);
void rpc_server_set_status_handler(RpcServer *s, RpcStatusHandler handler, void *userdata);
/* The three basic.consume, now or as soon as connected; the status handler tells when consumers is 3. */
int rpc_server_start(RpcServer *s);
/* basic.cancel: no more requests; those handed out may still finish and are acked. @done on the main loop. */
int rpc_server_cancel(RpcServer *s, void (*done)(void *userdata), void *userdata);
/* Publishes and acks what is finished within @wait, hands back what is not, deletes the fan-out queue, closes the
 * connection. May block up to @wait: on a worker. */
void rpc_server_close(RpcServer *s, usec_t wait);
RpcServer *rpc_server_free(RpcServer *s);               /* after close, and after every request has ended */
/* "compute", "compute.host1", "compute_fanout_…": NULL-terminated, belongs to @s. */
const char *const *rpc_server_queues(const RpcServer *s);

/* ---- requests: any thread, one at a time ---- */

const char *rpc_request_method(const RpcRequest *r);
const char *rpc_request_namespace(const RpcRequest *r);         /* NULL = null */
void rpc_request_version(const RpcRequest *r, unsigned *ret_major, unsigned *ret_minor);        /* 1.0 if it had none */
WireFormat rpc_request_format(const RpcRequest *r);
RequestContext *rpc_request_context(const RpcRequest *r);       /* borrowed */
const json_t *rpc_request_args(const RpcRequest *r);            /* an object, never NULL */
const char *rpc_request_unique_id(const RpcRequest *r);         /* NULL: it had none */
bool rpc_request_wants_reply(const RpcRequest *r);
bool rpc_request_redelivered(const RpcRequest *r);
void *rpc_request_userdata(const RpcRequest *r);                /* the handler's */

/* The outcome is known: @e set = failure, else @result (stolen; NULL = null). Replies in the request's own format with
 * confirms, and acks the delivery when the reply is safe with the broker, or cannot be delivered any more. Ends @r. */
void rpc_request_finish(RpcRequest *r, json_t *result, const NovaException *e);
/* Not done and not answered: goes back to the queue (basic.nack requeue) for this host's next start or another
 * consumer. Ends @r. */
void rpc_request_hand_back(RpcRequest *r);

/* For who keeps a journal. The request is safe elsewhere: its delivery is acked now, and will not be handed back. @r lives on
 * until rpc_request_end or rpc_request_finish. Once, while it is with the handler. */
void rpc_request_accept(RpcRequest *r);
/* Over, and nothing is replied through it; acks what was not yet. Ends @r. */
void rpc_request_end(RpcRequest *r);
/* It was handled before, in this run of the server, and came again: only with rpc_server_set_repeats. */
bool rpc_request_repeated(const RpcRequest *r);
/* Whether the handler gets repeats of what has ended; else they are dropped. Before the start. */
void rpc_server_set_repeats(RpcServer *s, bool wanted);

/* ---- replies without their request ---- */

typedef struct RpcReplyAddress {
        WireFormat format;
        const char *msg_id;             /* NULL: nobody waits for a reply */
        const char *reply_q;            /* NULL: Essex */
} RpcReplyAddress;

void rpc_request_reply_address(const RpcRequest *r, RpcReplyAddress *ret);      /* texts live as long as @r */
/* Any thread. Publishes with confirms, again after a loss of the connection. Steals @result; @e set = failure. @done once,
 * on the publisher's thread, which it must not hold up: 0 = with the broker; -EHOSTUNREACH: the caller's queue is gone;
 * -ECANCELED at the end. A negative return: @done will not be called. */
int rpc_send_reply(Rpc *r, const RpcReplyAddress *to, json_t *result, const NovaException *e, void (*done)(int r, void *userdata),
                   void *userdata);

/* ---- dispatch: pure functions ---- */

typedef struct RpcEndpoint {
        WireFormat format;
        const char *namespace;          /* NULL = null */
        unsigned major, minor;
        unsigned served;                /* SERVED_… of objects/method.h: the methods it has */
} RpcEndpoint;

/* oslo's rule (zed 1.5): namespace equal, same major, asked minor not above; of these the first that has the method.
 * @has(served, method) says whether a method is there. Returns the index, or -EOPNOTSUPP with @e UnsupportedVersion or
 * NoSuchMethod. */
int rpc_dispatch(const RpcEndpoint *endpoints, size_t n, const RpcRequest *r,
                 bool (*has)(unsigned served, const char *method, void *userdata), void *userdata, NovaException *e);

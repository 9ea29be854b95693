/* One AMQP connection on the loop of one thread: connecting, heartbeats, frames put together to messages, loss and the
 * next try. Knows nothing of RPC. All functions are for the link's own thread, but those under "any thread". */
#pragma once

#include <amqp.h>
#include <systemd/sd-event.h>

#include "basic/time-util.h"
#include "rpc/options.h"
#include "rpc/rpc.h"

#define LINK_CHANNEL_MAX 2

typedef struct Link Link;

/* A message from the broker. Lives during the callback. */
typedef struct LinkMessage {
        amqp_channel_t channel;
        bool returned;                  /* basic.return: nobody could get what we published */
        uint16_t return_code;
        char return_text[128];
        unsigned consumer;              /* the tag we chose, a number */
        uint64_t tag;                   /* delivery tag */
        bool redelivered;
        char key[256];                  /* routing key */
        char content_type[64], compression[32];        /* "" = absent */
        uint64_t size;                  /* as announced */
        char *body; /* NUL-terminated, may be written to; NULL when size is over the limit: what came was
                     * dropped */
} LinkMessage;

typedef struct LinkHandlers {
        /* Logged in: open channels and declare (may wait for the broker). A negative return drops the connection. */
        int (*on_open)(Link *l, void *userdata);
        void (*on_message)(Link *l, LinkMessage *m, void *userdata);
        /* A piece of a message over the limit, in order; then on_message comes without a body. May be NULL. */
        void (*on_oversize)(Link *l, amqp_channel_t channel, const char *data, size_t size, void *userdata);
        void (*on_confirm)(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple, bool ack, void *userdata);
        void (*on_cancel_ok)(Link *l, unsigned consumer, void *userdata);
        /* All that was there has been read: the moment for what is better done once for many. */
        void (*on_idle)(Link *l, void *userdata);
        /* The connection is gone, and all that hung on it. Another one comes unless the link was closed. */
        void (*on_lost)(Link *l, void *userdata);
        /* What link_status tells has changed. */
        void (*on_status)(Link *l, void *userdata);
} LinkHandlers;

/* @purpose: of the log lines and the connection's name. @options and @event live longer. */
int link_new(Link **ret, sd_event *event, const RpcOptions *options, const char *purpose, const LinkHandlers *handlers,
             void *userdata);
Link *link_free(Link *l);
DEFINE_CLEANUP(Link *, link_free)

/* Connects, and again after each loss, until link_close. */
void link_start(Link *l);
/* Says goodbye to the broker within @wait, and is closed. */
void link_close(Link *l, usec_t wait);
bool link_is_open(const Link *l);
bool link_is_blocked(const Link *l);            /* the broker takes no publishes for now */
int link_close_code(const Link *l);             /* AMQP's code of the failure of this connection; 0 = none */
/* Connects that this link has made: tells deliveries of a lost connection from those of this one. */
unsigned link_generation(const Link *l);
/* The connection does its work: the next loss starts with the shortest delay. */
void link_proven(Link *l);
/* Ends the connection with @reason (a sentence), as if it had broken. */
void link_fail(Link *l, const char *reason);

/* Each returns 0, or -ENOTCONN when the connection is or has just been lost. They may wait for the broker. */
int link_open_channel(Link *l, amqp_channel_t channel, bool confirms);
int link_qos(Link *l, amqp_channel_t channel, unsigned prefetch);
int link_declare_exchange(Link *l, amqp_channel_t channel, const TopologyExchange *x);
/* Queue, its exchange, the binding. One of ours that exists with other flags is deleted at the next try. */
int link_declare(Link *l, amqp_channel_t channel, const TopologyQueue *q, uint32_t *ret_consumers);
int link_purge(Link *l, amqp_channel_t channel, const char *queue);
int link_delete_queue(Link *l, amqp_channel_t channel, const char *queue);
int link_consume(Link *l, amqp_channel_t channel, const char *queue, unsigned consumer, bool cancel_on_failover);
/* After calls that waited: frames may be in user space, where epoll does not see them. */
void link_drain_soon(Link *l);

/* Do not wait for an answer, but may hang while the broker does not read; see link_watch. */
int link_cancel(Link *l, amqp_channel_t channel, unsigned consumer);
int link_publish(Link *l, amqp_channel_t channel, const char *exchange, const char *key, bool mandatory,
                 const char *expiration, const char *body, size_t size);
/* Between on and off what is published goes out in as few packets as it fits. */
void link_cork(Link *l, bool on);
int link_ack(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple);
int link_nack(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple);

void link_set_consumers(Link *l, unsigned n);   /* for the status */

/* The link's thread holds this in all its callbacks; hold it to call the above outside of them. */
void link_lock(Link *l);
void link_unlock(Link *l);
/* Sees to a loss that link_publish_directly met. */
void link_check(Link *l);

/* ---- any thread ---- */

/* For a thread other than the link's, to save the way over it: takes the lock if nobody has it. False if somebody has,
 * or if publishing might wait: not connected, blocked, or the socket has no room. Else the lock is held, and what the
 * handlers touch may be touched, until link_unlock. */
bool link_try_lock(Link *l);
/* As link_publish, under link_try_lock, for small messages. On failure the link's thread must call link_check. */
int link_publish_directly(Link *l, amqp_channel_t channel, const char *exchange, const char *key, bool mandatory,
                          const char *expiration, const char *body, size_t size);

typedef struct LinkStatus {
        RpcLinkState state;
        bool logged_in;         /* the broker knows us, though not all may be declared yet */
        char address[300], error[512];
        unsigned attempt;
        usec_t next_try;
        bool blocked;
        unsigned consumers;
} LinkStatus;
void link_status(Link *l, LinkStatus *ret);

/* Called now and then by another thread: frees this link's thread when a send or an answer has kept it for too long, by
 * shutdown(2) on the socket. Returns when to call next (monotonic). */
usec_t link_watch(Link *l);
/* Breaks the connection at once, whatever its thread waits for. */
void link_interrupt(Link *l);
/* Until when (monotonic) to wait for the link's thread to say goodbye, at least until @deadline; then link_interrupt.
 * A broker that knows us is given a second to take back what is ours; a try to connect has nothing to take back. */
usec_t link_goodbye_until(Link *l, usec_t deadline);

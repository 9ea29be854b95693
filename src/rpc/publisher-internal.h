/* What the files publisher*.c share. */
#pragma once

#include "rpc/rpc-internal.h"

#define CHANNEL_PUBLISH 1
#define CHANNEL_ANSWERS 2
#define CONSUMER_REPLY 1                /* tags above it are Essex calls */
#define DEAD_QUEUES_MAX 200

typedef struct DeadQueue {
        char *name;
        usec_t until;
} DeadQueue;

/* An Essex call that waits on a queue of its own. */
typedef struct EssexCall {
        struct EssexCall *next;
        char msg_id[HEX_ID_MAX];
        unsigned consumer;
        unsigned generation;            /* of the connection it is declared on; 0 = not */
        bool ready;                     /* under the lock */
} EssexCall;

struct Publisher {
        const RpcOptions *options;
        Rpc *rpc;
        Fake *fake;
        LoopThread *thread;

        /* The publisher's thread. */
        Link *link;
        OutgoingList waiting, unconfirmed, missing;
        uint64_t seq;
        char **declared;                /* exchanges and queues declared on this connection */
        size_t n_declared;
        sd_event_source *retry;         /* timer: the first of the missing */
        DeadQueue dead[DEAD_QUEUES_MAX];
        unsigned next_dead;
        TopologyQueue reply;
        bool reply_wanted, reply_named;
        unsigned answers_generation, reply_generation;
        uint64_t answered_tag;          /* deliveries up to this one are to be acked; 0 = none */
        EssexCall *calls;
        unsigned next_consumer;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        OutgoingList inbox;
        bool posted;                    /* the thread knows of the inbox */
        bool closing, closed;
        unsigned count;                 /* messages that are anywhere here */
        bool reply_ready;
        char reply_name[TOPOLOGY_NAME_MAX];
};

/* The publisher's thread outside of the link's callbacks holds the link's lock between these two. */
void publisher_enter(Publisher *p);
void publisher_leave(Publisher *p);
/* Waits on the condition until @deadline. False when it is over. The lock is held. */
bool publisher_wait_until(Publisher *p, usec_t deadline);

/* publisher-send.c */
void outgoing_prepend(OutgoingList *l, OutgoingList *before);           /* @before, then what was in @l */
void publisher_finish(Publisher *p, Outgoing *o, int r);                /* calls done and frees */
void publisher_came_back(Publisher *p, Outgoing *o);                    /* nobody had its queue */
void publisher_clear_declared(Publisher *p);
void publisher_flush(Publisher *p); /* sends what waits, as long as the broker takes it */
int publisher_on_retry(sd_event_source *s, uint64_t usec, void *userdata);

/* publisher-answers.c: on each new connection */
int publisher_open_reply(Publisher *p);
int publisher_open_essex_call(Publisher *p, EssexCall *c);

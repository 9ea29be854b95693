/* What the files link*.c share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/link.h"

typedef struct LinkAssembly {
        bool active;                    /* deliver or return seen; header and body to come */
        bool has_header;
        LinkMessage message;
        uint64_t received;
        char *buffer;                   /* kept from message to message, while they are small */
        size_t buffer_size;
} LinkAssembly;

struct Link {
        const RpcOptions *options;
        const char *purpose;
        LinkHandlers handlers;
        void *userdata;
        sd_event *event;

        amqp_connection_state_t conn;
        sd_event_source *input;         /* on guard */
        sd_event_source *heartbeat;     /* timer: sends ours, misses theirs */
        sd_event_source *retry;         /* timer: the next try */
        sd_event_source *again;         /* defer: more to drain */
        sd_event_source *drop;          /* defer: the connection is lost */
        bool wanted;                    /* link_start was called, link_close was not */
        bool open;                      /* usable: frames may be sent */
        bool lost;                      /* dropped soon; nothing more is sent */
        unsigned generation;
        size_t host;                    /* index of the host tried last */
        unsigned failures;              /* since it was good */
        usec_t outage;                  /* when the connection was lost; 0 = it is there, or was never */
        usec_t opened;
        bool proven;
        unsigned heartbeat_seconds;     /* as negotiated */
        usec_t last_input;
        char delete_first[TOPOLOGY_NAME_MAX];  /* a queue of ours with other flags */
        int close_code;                 /* AMQP's reply code of the failure; 0 = none */
        bool refused;                   /* nobody listens on the port */
        char reason[512];
        char tls_reason[160];
        char said[512];                 /* the failure in the log last */
        usec_t said_at;
        LinkAssembly assembly[LINK_CHANNEL_MAX + 1];

        /* Any thread. */
        pthread_mutex_t io; /* held while the connection is used: by the link's thread in all it does, by another
                             * one for link_publish_directly */
        atomic_uint_least64_t waiting_since;    /* in a call of the library that may hang; 0 = not */
        pthread_mutex_t lock;
        int guard; /* a duplicate of the socket: the library may close its own behind our back. Set and
                    * closed under the lock */
        LinkStatus status;              /* under the lock */
};

/* Around each call of the library that may wait for the network. */
static inline void link_enter(Link *l) {
        atomic_store_explicit(&l->waiting_since, now_monotonic(), memory_order_relaxed);
}
static inline void link_leave(Link *l) {
        atomic_store_explicit(&l->waiting_since, 0, memory_order_relaxed);
}

/* Notes why; the first reason of a connection stays. */
void link_set_reason(Link *l, const char *format, ...) _printf_(2, 3);
/* Notes the failure of library call @what and returns -ENOTCONN, or 0. Marks the connection as lost. */
int link_check_status(Link *l, int status, const char *what);
int link_check_reply(Link *l, amqp_rpc_reply_t reply, const char *what);
/* A close that the broker sent: its code as a sentence. */
void link_set_close(Link *l, uint16_t code, amqp_bytes_t text, const char *what);
/* Drops the connection soon. */
void link_lose(Link *l);

int link_connect(Link *l);              /* link-connect.c: 0 = logged in */
void link_set_guard(Link *l, int fd);   /* takes a duplicate; -1 closes it */
int link_drain(Link *l);                /* link-frames.c */
int link_frame(Link *l, const amqp_frame_t *f);        /* one frame; negative: the connection is of no use any more */
void link_assemblies_done(Link *l);

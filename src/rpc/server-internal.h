/* What the files server*.c share. All on the server's thread. */
#pragma once

#include "rpc/rpc-internal.h"

#define SERVER_CHANNEL 1

/* The server's thread outside of the link's callbacks holds the link's lock between these two. */
void server_enter(RpcServer *s);
void server_leave(RpcServer *s);

/* server-settle.c */
void server_append_unacked(RpcServer *s, RpcRequest *r, uint64_t tag, unsigned generation);
void server_unlink_unacked(RpcServer *s, RpcRequest *r);
void server_requeue(RpcServer *s, RpcRequest *r);       /* gives the message back to its queue */
void server_settle_all(RpcServer *s);                   /* acks what is done, frees it */
void server_be_lazy(RpcServer *s);                      /* acks may wait for company */
int server_on_lazily(sd_event_source *source, uint64_t usec, void *userdata);
void server_arm_heartbeat(RpcServer *s);                /* of the call monitor */
int server_on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata);

/* server-deliver.c: handlers of the link and of the fake */
void server_on_message(Link *l, LinkMessage *m, void *userdata);
void server_on_oversize(Link *l, amqp_channel_t channel, const char *data, size_t size, void *userdata);
void server_forget_caller(RpcServer *s);
void server_on_idle(Link *l, void *userdata);
void server_on_fake_message(Body *body, const char *queue, void *userdata);

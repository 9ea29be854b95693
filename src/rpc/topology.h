/* Exchanges, queues and bindings with the flags that a deployed Zed declares (zed 1.3); a redeclaration with other
 * flags closes the channel (406). Pure values. */
#pragma once

#include <stdint.h>

#include "basic/macros.h"

#define TOPOLOGY_NAME_MAX 256           /* AMQP's 255 bytes and NUL */

/* What the configuration says about them. */
typedef struct TopologyOptions {
        const char *exchange;           /* control_exchange */
        bool durable;                   /* amqp_durable_queues, rabbit_durable_queues */
        bool auto_delete;               /* amqp_auto_delete */
        bool ha;                        /* rabbit_ha_queues */
        bool quorum;                    /* rabbit_quorum_queue */
        int64_t quorum_delivery_limit, quorum_max_length, quorum_max_bytes;    /* 0 = not sent */
        int64_t transient_ttl;          /* seconds; 0 = not sent */
} TopologyOptions;

typedef struct TopologyArgument {
        const char *name;
        const char *text;               /* NULL: @number */
        int64_t number;
} TopologyArgument;

typedef struct TopologyExchange {
        char name[TOPOLOGY_NAME_MAX];   /* "" = the default exchange, never declared */
        const char *type;               /* "topic", "fanout" */
        bool durable, auto_delete;
} TopologyExchange;

typedef struct TopologyQueue {
        char name[TOPOLOGY_NAME_MAX];
        bool durable, auto_delete;
        bool own;                       /* this process's alone: may be purged and deleted by it */
        TopologyArgument arguments[5];
        unsigned n_arguments;
        TopologyExchange exchange;      /* bound to, unless it is the default one */
        char key[TOPOLOGY_NAME_MAX];
} TopologyQueue;

enum {
        TOPOLOGY_TOPIC,
        TOPOLOGY_HOST,
        TOPOLOGY_FANOUT,
        _TOPOLOGY_SERVER_MAX,
};

/* The three queues of a server, in the order they are declared. Stable names that tell the owner: the fan-out queue is
 * <topic>_fanout_<host>:<program>:<n>, as later releases of oslo.messaging name theirs. Returns 0, or -EINVAL when a
 * name would be too long or @host would be a wildcard as a binding key (a word "*" or "#"). */
int topology_server(const TopologyOptions *o, const char *topic, const char *host, const char *program, unsigned n,
                    TopologyQueue ret[static _TOPOLOGY_SERVER_MAX]);

/* reply_<host>:<program>:<n>, on the default exchange. */
int topology_reply_queue(const TopologyOptions *o, const char *host, const char *program, unsigned n,
                         TopologyQueue *ret);

/* <topic>.<priority>, declared and bound by who publishes it. @exchange NULL = control_exchange. */
int topology_notification(const TopologyOptions *o, const char *exchange, const char *key, TopologyQueue *ret);

/* Exchanges to publish to. @name NULL = control_exchange. */
int topology_topic_exchange(const TopologyOptions *o, const char *name, TopologyExchange *ret);
int topology_fanout_exchange(const char *topic, TopologyExchange *ret);

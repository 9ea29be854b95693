/* How a room sends messages without knowing the broker: rpc/ implements it (RabbitMQ, in-process), network/, volume/
 * and compute/ use it. Calls block and are for workers only; the rest never waits. Thread-safe. */
#pragma once

#include "basic/time-util.h"
#include "objects/context.h"
#include "objects/exception.h"

typedef struct Messenger Messenger;

typedef struct MessageTarget {
        const char *topic;              /* "network" */
        const char *server;             /* "host1": topic.server; NULL = any */
        const char *namespace;          /* oslo; NULL = null */
        const char *version;            /* oslo; NULL = "1.0" */
        const char *exchange;           /* NULL = control_exchange */
        WireFormat format;
} MessageTarget;

struct Messenger {
        /* Sends and waits for the answer: 0 with *ret a new reference (may be NULL for null); -ETIMEDOUT and others with @e.
         * @timeout 0 = rpc_response_timeout. @args is borrowed. */
        int (*call)(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method, const json_t *args,
                    usec_t timeout, json_t **ret, NovaException *e);
        int (*cast)(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method, const json_t *args);
        int (*fanout_cast)(Messenger *m, const MessageTarget *t, const RequestContext *c, const char *method, const json_t *args);
        /* Publishes @message (a notification, complete but for _unique_id and context) under <topic>.<priority lower case>. */
        int (*notify)(Messenger *m, const RequestContext *c, const char *topic, const char *priority, const json_t *message,
                      bool envelope);
};

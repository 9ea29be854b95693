/* The two wire formats (essex 9.3, zed 1.4): oslo's envelope 2.0, JSON inside a JSON string, and the bare object of
 * Essex. Pure functions; thread-safe on objects of one's own. */
#pragma once

#include <jansson.h>

#include "basic/time-util.h"
#include "objects/context.h"
#include "objects/exception.h"

/* Names that end as a routing key have AMQP's limit. */
#define ENVELOPE_NAME_MAX 255

/* A request, a reply or a notification as received. Strings belong to @message. */
typedef struct Envelope {
        WireFormat format;
        json_t *message;                /* the inner object; NULL when nothing of it could be read */
        const char *method;
        const char *namespace;          /* NULL = null */
        unsigned major, minor;          /* 1.0 when it named none */
        const json_t *args;             /* an object; belongs to @message or @own_args */
        json_t *own_args;
        RequestContext *context;        /* not finished: of its "_context_*" members, if they are not in @message */
        const char *msg_id;             /* NULL: a cast */
        const char *reply_q;            /* NULL: Essex, which answers to the queue <msg_id> */
        const char *unique_id;
        usec_t monitor;                 /* the caller wants a sign of life within this; 0 = none */
} Envelope;

#define ENVELOPE_NULL (Envelope){}

/* Takes off the envelope and parses what is inside. Returns 0 with *ret->format and message set (an object); -EBADMSG
 * with a sentence in @why that quotes nothing of the content; -ENOMEM. On -EBADMSG the message may be there
 * nevertheless (a wrong envelope version): then the caller can be found. Works in @body, which holds nothing useful
 * afterwards. */
int envelope_parse(char *body, size_t size, Envelope *ret, char *why, size_t why_size);

/* As envelope_parse, for requests: the context's members, most of the message, need not pass through it; they may come
 * in ret->context. */
int envelope_parse_request(char *body, size_t size, Envelope *ret, char *why, size_t why_size);

/* Reads the members of a request. 0, or -EBADMSG with @why; msg_id and reply_q are set if they are usable even then, so
 * that a caller who can hear gets his failure. */
int envelope_read_request(Envelope *e, char *why, size_t why_size);

void envelope_done(Envelope *e);

/* "6.1" or "6.1.2". 0, or -EINVAL. */
int envelope_version_parse(const char *s, unsigned *ret_major, unsigned *ret_minor);

/* A message body as it is published; malloc'ed. */
typedef struct Body {
        char *data;
        size_t size;
} Body;
void body_done(Body *b);

/* What goes around a method and its arguments. */
typedef struct RequestHead {
        WireFormat format;
        const char *namespace;          /* oslo */
        const char *version;            /* oslo; NULL = "1.0" */
        const char *msg_id;             /* NULL = cast */
        const char *reply_q;            /* oslo calls */
        usec_t monitor;                 /* oslo calls: _timeout; 0 = null */
        const char *unique_id;          /* oslo */
} RequestHead;

/* Each returns 0 with *ret, or -ENOMEM. */
int envelope_request(const RequestHead *h, const RequestContext *c, const char *method, const json_t *args, Body *ret);
/* A notification: @message with the context and @unique_id added; @envelope false: bare JSON. */
int envelope_notification(const RequestContext *c, const json_t *message, const char *unique_id, bool envelope,
                          Body *ret);

/* Where and how an answer goes: taken from the request. */
typedef struct ReplyHead {
        WireFormat format;
        const char *msg_id;
        const char *reply_q;            /* NULL: Essex's queue per call */
        const char *unique_id;          /* fresh for each message */
} ReplyHead;

/* The answer to a call: one message, or for an Essex result two (value, then ending). @e set = failure, else @result
 * (NULL = null). Returns the number of messages in @ret, or -ENOMEM. */
int envelope_reply(const ReplyHead *h, const json_t *result, const NovaException *e, Body ret[static 2]);
/* The call monitor's sign of life: no result yet, not ending. Oslo only. */
int envelope_heartbeat(const ReplyHead *h, Body *ret);

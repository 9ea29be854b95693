/* Who asked, in a message that is too large to be kept: its _msg_id and _reply_q, found as the bytes pass by in whatever
 * pieces they come. Reads no more of JSON than it takes to tell the members of the message from what is inside of them, so
 * that nothing in the arguments can pose as an address. Pure; memory of a fixed size. */
#pragma once

#include "rpc/envelope.h"

#define CALLER_KEY_MAX 16

/* One layer of JSON: the envelope, or the message inside. */
typedef struct CallerLayer {
        unsigned depth;
        unsigned unicode;               /* hex digits of an escape still to come */
        unsigned codepoint;
        bool quoted, escaped;
        bool value;                     /* behind the colon of a member of the outermost object */
        char key[CALLER_KEY_MAX];       /* of that member, cut off */
        size_t n_key;
        char text[ENVELOPE_NAME_MAX + 2];       /* of its value, cut off */
        size_t n_text;
} CallerLayer;

typedef struct CallerScan {
        CallerLayer outer, inner;
        bool enveloped;
        char msg_id[ENVELOPE_NAME_MAX + 1], reply_q[ENVELOPE_NAME_MAX + 1];     /* "" = none, or none that may be used */
} CallerScan;

/* The next piece of the body. @c is all zero before the first. */
void caller_scan(CallerScan *c, const char *data, size_t size);
/* Format and address of whom to answer; the strings are @c's. */
void caller_envelope(const CallerScan *c, Envelope *ret);

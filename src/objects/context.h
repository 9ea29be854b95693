/* The request context: who asks, for whom, under which request id (essex 8, zed 2.1). Immutable once made, so that
 * threads share it by reference and elevating never touches the original. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"
#include "objects/exception.h"

typedef enum WireFormat {
        WIRE_OSLO,              /* envelope oslo.version 2.0 */
        WIRE_ESSEX,             /* un-enveloped */
        _WIRE_FORMAT_MAX,
} WireFormat;

typedef struct RequestContext RequestContext;

RequestContext *context_ref(RequestContext *c);
RequestContext *context_unref(RequestContext *c);
DEFINE_CLEANUP(RequestContext *, context_unref)

/* An admin context with a fresh request id. NULL when out of memory. */
RequestContext *context_new_admin(void);

/* From a message's "_context_*" members (@message is the inner message). Missing ones default, unknown ones are kept
 * for passing on but have no effect; ones of a wrong type are refused: -EINVAL with @e naming the key. */
int context_from_message(const json_t *message, RequestContext **ret, NovaException *e);

/* The same by hand, for who reads a message member by member: begin; take each, its name without the prefix and not
 * ended (steals @value, NULL is -ENOMEM; -EEXIST when it was there already); finish. Only a finished one may be used
 * otherwise; one that was not is dropped with context_unref. */
RequestContext *context_begin(void);
int context_take(RequestContext *c, const char *name, size_t size, json_t *value);
int context_finish(RequestContext *c, NovaException *e);

/* Adds the "_context_*" members to @message. Oslo: all that was received plus the defaults of the 25 keys, unchanged;
 * Essex: its 9 keys. Returns 0 or -ENOMEM. */
int context_to_message(const RequestContext *c, WireFormat format, json_t *message);

/* The context as a JSON object without prefix and without secrets: for notifications (safe keys) and the journal. */
json_t *context_safe_dict(const RequestContext *c);

/* A copy with is_admin and the admin role. NULL when out of memory. */
RequestContext *context_elevated(const RequestContext *c);

const char *context_request_id(const RequestContext *c);
const char *context_global_request_id(const RequestContext *c);
const char *context_user_id(const RequestContext *c);
const char *context_project_id(const RequestContext *c);
bool context_is_admin(const RequestContext *c);
const char *context_read_deleted(const RequestContext *c);              /* no, yes, only */

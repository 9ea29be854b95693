/* The operation: one request of any origin (RPC, D-Bus, timer, recovery) on its way through the daemon (design.md
 * section 4). It runs on a worker; its end is told to whoever asked. */
#pragma once

#include <jansson.h>

#include "objects/context.h"
#include "objects/method.h"
#include "service/manager.h"

typedef enum OperationOrigin {
        ORIGIN_RPC,
        ORIGIN_BUS,
        ORIGIN_PERIODIC,
        ORIGIN_RECOVERY,
        _ORIGIN_MAX,
} OperationOrigin;
const char *operation_origin_to_string(OperationOrigin o);

struct Operation {
        Job job;                        /* its turn in the pool */
        const Method *method;
        Manager *manager;
        RequestContext *context;        /* one reference */
        json_t *args;                   /* an object; checked against the method's list */
        OperationOrigin origin;
        json_t *result;                 /* after the run: NULL = null */
        NovaException exception;        /* after the run */
        usec_t accepted;                /* monotonic */

        /* Called once, on the worker that ran it (or where the operation was refused): answers, then frees the operation. */
        void (*finished)(Operation *o);
        void *origin_data;              /* the RpcRequest, the D-Bus call's token, … */
};

/* Takes references of what it is given. Checks the arguments: -EINVAL with @e. */
int operation_new(Operation **ret, Manager *manager, const Method *method, RequestContext *context, const json_t *args,
                  OperationOrigin origin, void (*finished)(Operation *o), void *origin_data, NovaException *e);
Operation *operation_free(Operation *o);

/* Runs it: METHOD_QUICK here and now, others on the pool under their kind and key. finished is called in every case,
 * also when the pool refuses (then with an exception). Any thread. */
void operation_submit(Operation *o, Pool *pool);

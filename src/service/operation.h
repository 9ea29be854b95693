/* The operation: one request of any origin (RPC, D-Bus, timer, recovery) on its way through the daemon (design.md
 * section 4). It runs on a worker; its end is told to whoever asked. Thread-safe where not said otherwise; one operation
 * belongs to one thread at a time. */
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

/* ---- the gate: what a service has taken in between its start and its stop ---- */

/* Counts the operations in flight, and lets no more begin once it is closed. Reference counted: each operation in
 * flight holds one. */
typedef struct OperationGate OperationGate;

/* @idle is called on the loop of @event once the gate is closed and nothing is in flight any more. */
int operation_gate_new(OperationGate **ret, sd_event *event, void (*idle)(void *userdata), void *userdata);
OperationGate *operation_gate_ref(OperationGate *g);
OperationGate *operation_gate_unref(OperationGate *g);
DEFINE_CLEANUP(OperationGate *, operation_gate_unref)

/* Any thread: the deadline of methods that have none of their own, or a longer one; 0 = none has one. */
void operation_gate_set_deadline(OperationGate *g, usec_t deadline);
/* On the loop. From now on operations are refused, and those that wait for a worker do not begin. */
void operation_gate_close(OperationGate *g);
/* On the loop: @idle will not be called any more; its userdata may go. */
void operation_gate_detach(OperationGate *g);
bool operation_gate_closed(const OperationGate *g);
unsigned operation_gate_running(const OperationGate *g);        /* in flight: waiting for a worker or on one */
uint64_t operation_gate_accepted(const OperationGate *g);
uint64_t operation_gate_failures(const OperationGate *g);       /* those that ended with an exception */

/* Any thread: counts a request that never became an operation as a failure. */
void operation_gate_count_refused(OperationGate *g);

/* An operation in flight, for display; lives during the call. */
typedef struct OperationInfo {
        const char *method;
        const char *instance_uuid;      /* NULL = none */
        const char *request_id;
        OperationOrigin origin;
        bool begun;                     /* on a worker */
        usec_t age;                     /* since it was accepted */
} OperationInfo;
/* Calls @f for each under the gate's lock, oldest first: @f must be short and call nothing of the gate. */
void operation_gate_foreach(OperationGate *g, void (*f)(const OperationInfo *info, void *userdata), void *userdata);

/* ---- operations ---- */

struct Operation {
        Job job;                        /* its turn in the pool */
        const Method *method;
        Manager *manager;
        RequestContext *context;        /* one reference */
        json_t *args;                   /* an object; checked against the method's list */
        char *instance_uuid;            /* the instance that the arguments name; NULL = none */
        OperationOrigin origin;
        bool begun;                     /* the method was called. false in finished: it was not, and may be asked for again */
        json_t *result;                 /* after the run: NULL = null */
        NovaException exception;        /* after the run */
        usec_t accepted;                /* monotonic */

        /* Called once, on the worker that ran it (or where the operation was refused): answers, then frees the operation. */
        void (*finished)(Operation *o);
        void *origin_data;              /* the RpcRequest, the D-Bus call's token, … */

        /* private to operation.c */
        OperationGate *gate;
        Operation *gate_previous, *gate_next;
};

/* Takes references of what it is given, but of @manager, which outlives it. Checks the arguments: -EINVAL with @e.
 * Whoever keeps @args too must not touch it until @finished, which frees the operation before it lets go of its own:
 * jansson's counts are not safe between threads. */
int operation_new(Operation **ret, Manager *manager, const Method *method, RequestContext *context, const json_t *args,
                  OperationOrigin origin, void (*finished)(Operation *o), void *origin_data, NovaException *e);
Operation *operation_free(Operation *o);
DEFINE_CLEANUP(Operation *, operation_free)

/* Runs it: METHOD_QUICK here and now, others on the pool under their kind and key. finished is called in every case,
 * also when the gate or the pool refuses (then with an exception and begun false). @gate may be NULL. Any thread. */
void operation_submit(Operation *o, OperationGate *gate, Pool *pool);

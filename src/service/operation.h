/* The operation: one request of any origin (RPC, D-Bus, timer, recovery) on its way through the daemon (design.md
 * section 4). It runs on a worker; its end is told to whoever asked. Thread-safe where not said otherwise; one operation
 * belongs to one thread at a time. */
#pragma once

#include <stdatomic.h>

#include <jansson.h>

#include "objects/context.h"
#include "db/journal.h"
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
typedef struct JobFeed JobFeed;         /* service/job-table.h */

/* @idle is called on the loop of @event once the gate is closed and nothing is in flight any more. */
int operation_gate_new(OperationGate **ret, sd_event *event, void (*idle)(void *userdata), void *userdata);
OperationGate *operation_gate_ref(OperationGate *g);
OperationGate *operation_gate_unref(OperationGate *g);
DEFINE_CLEANUP(OperationGate *, operation_gate_unref)

/* Any thread: what the manager is ready for, or not, may have changed. */
void operation_gate_wake(OperationGate *g);
/* Any thread: the deadline of methods that have none of their own, or a longer one; 0 = none has one. */
void operation_gate_set_deadline(OperationGate *g, usec_t deadline);
/* On the loop. From now on operations are refused, and those that wait for a worker do not begin. */
void operation_gate_close(OperationGate *g);
/* On the loop. While it is on nothing that changes something begins: what is accepted waits, in its order, as does what waits for a worker
 * already. A close ends it as what has not begun. */
void operation_gate_put_off(OperationGate *g, bool on);
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
        uint64_t id;                    /* of this run of the daemon */
        const char *method;
        const char *instance_uuid;      /* NULL = none */
        const char *request_id;
        OperationOrigin origin;
        bool begun;                     /* on a worker */
        bool cancelled;                 /* somebody asked it to stop */
        unsigned progress;              /* percent */
        const char *step;               /* the step it is in; NULL = none named */
        usec_t age;                     /* since it was accepted */
} OperationInfo;
/* Calls @f for each under the gate's lock, oldest first: @f must be short and call nothing of the gate. */
void operation_gate_foreach(OperationGate *g, void (*f)(const OperationInfo *info, void *userdata), void *userdata);

/* Before its first operation: what changes something and comes through @g is shown there from now on (job-table.h). Takes the
 * reference. */
void operation_gate_set_feed(OperationGate *g, JobFeed *feed);

/* Any thread: asks the operation of that number to stop at its next safe point; one that has not begun does not begin, and
 * ends with an exception that says so. 0; -ENOENT if there is none in flight; -EALREADY if it was asked before. */
int operation_cancel(OperationGate *g, uint64_t id);

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

        /* Asked when its turn has come, on the worker: false = what it was asked for is so no more. Then it ends well without
         * having run. Nothing is told before its turn (Method.accepted) of one that has it. NULL = it runs. */
        bool (*due)(Operation *o);

        /* Called once, on the worker that ran it (or where the operation was refused): answers, then frees the operation. */
        void (*finished)(Operation *o);
        void *origin_data;              /* the RpcRequest, the D-Bus call's token, … */

        /* Of those that are journalled (operation-journal.h). */
        void (*recorded)(Operation *o); /* once, when it is safe; not on the loop. May be NULL */
        int64_t journal_id;             /* above 0: its row */
        bool left;                      /* in finished: nothing is to be told. It stays in the journal for the next start, or
                                         * another delivery of it is worked on */
        char *msg_id, *reply_q;         /* who waits for the reply; NULL = nobody */
        bool essex;

        /* private to operation.c */
        uint64_t id;
        usec_t begun_at;                /* monotonic; 0 = it did not begin here */
        struct JobRecord *record;       /* as it is shown; NULL = it is not */
        atomic_uint progress;
        atomic_bool cancelled;
        char *step;                     /* under the gate's lock */
        OperationGate *gate;
        Operation *gate_previous, *gate_next;
        Operation *list_next;           /* in one list of operation-journal.c, or of the gate's put off */
        bool put_off;                   /* its turn came while the gate was putting off */
        Operation *flight_previous, *flight_next;
        Pool *pool;
        JournalWrite write;
        bool interrupted;               /* an earlier run began it */
        bool secrets_dropped;           /* the arguments are not what they were */
        bool undone;
        bool known;                     /* another delivery of what was accepted before */
        Operation *follows;             /* ended with this one; NULL = by itself */
        bool is_part;                   /* came of operation_follow */
        unsigned parts;                 /* so far */
        atomic_uint unended;            /* itself, and what follows it */
        atomic_bool part_not_begun;
};

/* How one has ended, or is about to: by what stands in it. */
typedef enum OperationResult {
        OPERATION_DONE,
        OPERATION_REFUSED,              /* for a reason that is the caller's: codes below 500 */
        OPERATION_FAILED,
        OPERATION_CANCELLED,
        OPERATION_LEFT,                 /* not begun, or not ended: for the next start, or another delivery of it */
        _OPERATION_RESULT_MAX,
} OperationResult;
const char *operation_result_to_string(OperationResult r);      /* "done", … */
OperationResult operation_result(const Operation *o);

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
/* Before operation_submit, of one whose end is waited for in the job table: 0, or -ENOMEM: it would not be shown. */
int operation_show(Operation *o, OperationGate *g);
/* Its number, as in OperationInfo. */
uint64_t operation_id(const Operation *o);

/* ---- of an operation that runs: on the thread that runs it ---- */

/* Asks for @method, a part of what @o was asked for that has its own turn; takes @args over. It is accepted before the outcome of @o is
 * recorded, and once, also if @o runs again after a crash; a stop leaves it to the next start. Without a journal the end of @o is
 * told when it has ended too, and if it did not begin @o did not. Its own outcome is the log's. 0 or -errno with @e. */
int operation_follow(Operation *o, const char *method, json_t *args, NovaException *e);

/* Calls @f for each that is in flight beside it, as operation_gate_foreach. */
void operation_foreach_other(const Operation *o, void (*f)(const OperationInfo *info, void *userdata), void *userdata);

/* Names the step that begins; NULL or "" ends the last one. Cheap. 0 or -ENOMEM, which nobody has to mind. */
int operation_step(Operation *o, const char *step);
void operation_progress(Operation *o, unsigned percent);
/* An earlier run of the daemon began it and did not end it (MethodRecovery RECOVER_AGAIN, and in undo). */
bool operation_is_interrupted(const Operation *o);
/* The step it was in then, or is in now; NULL = none named. On the thread that runs it. */
const char *operation_last_step(const Operation *o);
/* Within a method, after what it needs of its manager (ManagerOps.ready) has gone away: waits for it within the method's time, on this
 * thread. True: it is there, to be tried again. False: it is not, or the operation was cancelled, or the service stops. */
bool operation_wait_until_ready(Operation *o);

/* Somebody cancelled it: it stops at its next safe point and fails with operation_refuse_cancelled. */
bool operation_cancelled(const Operation *o);
int operation_refuse_cancelled(const Operation *o, NovaException *e);   /* -ECANCELED with @e */

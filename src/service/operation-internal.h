/* What operation.c, operation-journal.c and operation-recovery.c share. */
#pragma once

#include <pthread.h>

#include "service/job-table.h"
#include "service/operation-journal.h"
#include "service/operation-metrics.h"

typedef struct OperationList {
        Operation *first, *last;        /* by list_next */
} OperationList;

static inline void operation_list_append(OperationList *l, Operation *o) {
        o->list_next = NULL;
        *(l->last ? &l->last->list_next : &l->first) = o;
        l->last = o;
}

static inline Operation *operation_list_pop(OperationList *l) {
        Operation *o = l->first;

        if (o) {
                l->first = o->list_next;
                if (!l->first)
                        l->last = NULL;
                o->list_next = NULL;
        }
        return o;
}

struct OperationJournal {
        Journal *journal;
        unsigned max_open;

        pthread_mutex_t lock;
        Operation *flight;              /* all that this process has accepted and not ended */
        unsigned open;                  /* those, and those on their way there */
        OperationList waiting;          /* not yet written: too many are open */
};

struct OperationGate {
        atomic_uint references;
        pthread_mutex_t lock;
        pthread_cond_t woken;           /* of those that wait until the manager is ready */
        Operation *first, *last;        /* in flight, oldest first */
        unsigned running;
        bool closed;
        bool putting_off;
        OperationList later;            /* put off, oldest first */
        uint64_t accepted, failures;
        usec_t deadline;                /* the longest of any method; 0 = none has one */
        OperationMetrics *metrics;      /* one reference; NULL = nobody counts. Set before the first operation */
        JobFeed *feed;                  /* NULL: what comes through is not shown */
        int idle_fd;                    /* written when closed and nothing runs */
        sd_event_source *source;
        void (*idle)(void *userdata);
        void *userdata;

        /* the journal; set before the first operation */
        OperationJournal *journal;      /* NULL: none */
        char *service;
        /* under the lock */
        bool unanswered_told;
        bool loaded, recovered;         /* what an earlier run left is known; is dealt with */
        char **before;                  /* loaded, not recovered: the instances ("" = none) of what goes first */
        OperationList held;             /* accepted, wait for that */
};

static inline bool operation_is_journalled(const Operation *o) {
        return o->gate && o->gate->journal && (o->method->flags & METHOD_CHANGES_STATE);
}

/* operation.c */
/* As operation_new, with arguments that need not fit. */
int operation_new_unchecked(Operation **ret, Manager *manager, const Method *method, RequestContext *context, const json_t *args,
                            OperationOrigin origin, void (*finished)(Operation *o), void *origin_data);
void operation_to_pool(Operation *o);           /* its turn; in every case its end follows */
void operation_run_if_due(Operation *o);
/* What it wrote is safe afterwards; before its outcome is told. 0 or -errno, which is logged. */
int operation_settle(Operation *o);
void operation_end(Operation *o);
int operation_refuse_stopping(Operation *o);
int operation_gate_enter(OperationGate *g, Operation *o);

/* operation-journal.c */
void operation_journal_submit(Operation *o);            /* towards operation_to_pool, or its end */
void operation_journal_work(Operation *o);              /* on the worker, begun: runs it or what recovery wants */
void operation_journal_step(Operation *o, const char *step);
void operation_journal_not_begun(Operation *o);         /* accepted, but the service stops: what becomes of the row */
void operation_journal_remember(Operation *o, bool count);      /* in flight from now on; @count: it was not on its way there */
bool operation_must_wait(const OperationGate *g, const Operation *o);   /* behind what an earlier run left; with the gate's lock */
void operation_journal_forget(Operation *o);            /* it ends: no longer in flight */
void operation_journal_gate_closed(OperationGate *g);   /* what waits in lists of ours ends */

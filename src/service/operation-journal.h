/* The operations' side of the journal (design.md sections 4 and 6): what changes state is written before it is told to be
 * accepted, marked before it begins, and its outcome written before anybody hears it. One for the process; the gates of all
 * runs of its services share it. Thread-safe. */
#pragma once

#include "db/journal.h"
#include "service/operation.h"

typedef struct OperationJournal OperationJournal;

/* @journal stays the caller's and outlives it. @max_open: how many may be accepted and not ended; more wait unacknowledged
 * where they came from. 0 = any number. */
int operation_journal_new(OperationJournal **ret, Journal *journal, unsigned max_open);
OperationJournal *operation_journal_free(OperationJournal *j);  /* after the last operation has ended */
Journal *operation_journal_journal(const OperationJournal *j);  /* the one it was made of */
/* Any thread: how many are accepted and have not ended. */
unsigned operation_journal_open(OperationJournal *j);
DEFINE_CLEANUP(OperationJournal *, operation_journal_free)

/* Before its first operation: from now on what changes state and comes through @g is journalled as one of @service, and does
 * not begin before operation_recovery_run. */
int operation_gate_set_journal(OperationGate *g, OperationJournal *j, const char *service);

/* Whom a request came from, for the reply after a restart and to know it again. Before operation_submit; texts are copied. A
 * request without @unique_id may have @content, a digest of what it says, by which it is known when @redelivered. 0 or -ENOMEM. */
int operation_set_request(Operation *o, const char *unique_id, const char *content, bool redelivered, const RpcReplyAddress *reply);

/* Any thread: the reply of row @id is with the broker (0), or cannot be delivered any more (below 0); -ECANCELED is neither. */
void operation_journal_replied(OperationJournal *j, int64_t id, int r);

/* ---- what an earlier run left (service-recovery.c is its user) ---- */

typedef struct OperationRecovery OperationRecovery;

/* Reads what is open and not in flight. On a worker, waits for the journal. Until operation_recovery_run new operations that
 * would overtake one of them are accepted but wait. 0 or -errno with @e. */
int operation_recovery_load(OperationRecovery **ret, OperationGate *g, NovaException *e);
OperationRecovery *operation_recovery_free(OperationRecovery *r);
DEFINE_CLEANUP(OperationRecovery *, operation_recovery_free)
/* The instances of open requests, NULL-terminated; lives as long as @r. */
const char *const *operation_recovery_instances(const OperationRecovery *r);
/* Those that have ended but for their reply, in order; of one gate only once. */
void operation_recovery_foreach_unanswered(const OperationRecovery *r, OperationGate *g, void (*f)(const JournalRow *row, void *userdata), void *userdata);
/* On a worker: hands what is open to @pool in the order of acceptance, then each instance to the manager's recover_instance,
 * then what waited behind them. @finished as of operation_new, for each. Of one gate it has an effect once. */
void operation_recovery_run(OperationRecovery *r, OperationGate *g, Pool *pool, Manager *manager, void (*finished)(Operation *o),
                            void *origin_data);

/* What a start would do with @row: "runs", "runs again", "is put back and fails", "fails: …". A constant. */
const char *operation_recovery_verdict(const JournalRow *row, const Method *method);

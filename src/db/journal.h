/* The journal (design.md section 6): each state-changing request from its acceptance to the moment its reply is safe, in a
 * SQLite file of its own beside the store, so that neither waits for the other, and so that it is the same whatever the
 * store is. What the daemon promised is here; what is, say store and hypervisor.
 *
 * All writing is one thread's. Writes are queued by any thread and committed together, as many as wait, with one sync of the
 * disk; the journal's memory of them is what the disk has. Functions are thread-safe. Only journal_submit never blocks. */
#pragma once

#include "basic/macros.h"
#include "basic/metrics.h"
#include "basic/time-util.h"
#include "config/config.h"
#include "objects/exception.h"

typedef struct Journal Journal;

typedef enum JournalState {
        JOURNAL_ACCEPTED,               /* waits for its turn */
        JOURNAL_BEGUN,                  /* may have changed something */
        JOURNAL_DONE,
        JOURNAL_FAILED,
        JOURNAL_UNDONE,                 /* failed, and what was half made was put back by a start */
        _JOURNAL_STATE_MAX,
        _JOURNAL_STATE_INVALID = -1,
} JournalState;
const char *journal_state_to_string(JournalState s);            /* "accepted", … */
JournalState journal_state_from_string(const char *s);          /* NULL and others: _JOURNAL_STATE_INVALID */
static inline bool journal_state_is_open(JournalState s) {
        return s == JOURNAL_ACCEPTED || s == JOURNAL_BEGUN;
}

/* A request as it is kept. Texts are malloc'ed; NULL = none. */
typedef struct JournalRow {
        int64_t id;                     /* counts up in order of acceptance */
        char *service;                  /* "nova-compute@host1": whose it is */
        char *unique_id;                /* never accepted twice */
        char *content;                  /* of one without an id: a digest of what it says */
        char *method;
        char *args, *context;           /* JSON without secrets; gone once it has ended */
        bool secrets_dropped;           /* what it says can no longer be carried out */
        bool essex;                     /* the form of its reply */
        char *msg_id, *reply_q;         /* msg_id NULL: nobody waits for a reply */
        char *instance_uuid;
        char *origin;                   /* "rpc", "bus", … */
        char *state;
        char *step;                     /* of a long operation: the last one begun */
        char *result, *failure;         /* JSON, once it has ended; at most one of them */
        char *reply;                    /* "none", "wanted", "sent", "lost" */
        usec_t accepted_at, finished_at;
} JournalRow;
void journal_row_done(JournalRow *r);

typedef struct JournalRowList {
        JournalRow *items;
        size_t n;
} JournalRowList;
void journal_row_list_done(JournalRowList *l);

/* ---- writes ---- */

typedef enum JournalVerb {
        JOURNAL_ACCEPT,                 /* row: becomes a row, state accepted; its id is filled in */
        JOURNAL_BEGIN,                  /* id */
        JOURNAL_STEP,                   /* id, text: the step; NULL = between steps */
        JOURNAL_FINISH,                 /* id, state, result or failure */
        JOURNAL_REPLIED,                /* id, text: "sent" or "lost" */
        JOURNAL_LOAD,                   /* reads: rows gets what is open, and what has ended and is still to be replied to, of row.service */
        _JOURNAL_VERB_MAX,
} JournalVerb;

/* One write. The caller's until submitted, the journal's until done. */
typedef struct JournalWrite JournalWrite;
struct JournalWrite {
        JournalVerb verb;
        int64_t id;
        JournalRow row;
        JournalState state;
        const char *text, *result, *failure;    /* live until done */
        /* Waits for a journal that cannot be written, however long; else it fails at once. BEGIN, FINISH and REPLIED always wait. */
        bool insist;
        /* Of ACCEPT: without an id of its own, but delivered before. One of the same content is the same. */
        bool redelivered;

        /* Once, on the journal's thread, in the order of submission, when it is on the disk: 1; ACCEPT: 0 = known before,
         * *row is what is known. -errno: nothing was written; -ECANCELED at the end. Owns the write. May be NULL. */
        void (*done)(JournalWrite *w, int r);
        JournalRowList rows;            /* of LOAD; the owner's */

        /* private */
        JournalWrite *next;
        struct JournalSync *sync;       /* who waits in journal_write */
        int outcome;
};

typedef struct JournalSettings {
        const char *path;               /* absolute */
        bool synchronous;
        usec_t keep_for;                /* how long what has ended is remembered; 0 = only by number */
        int64_t keep_rows;              /* and how many; 0 = only by time */
} JournalSettings;

/* Starts the thread; the file is opened by the first write. 0 or -errno. */
int journal_new(Journal **ret, const JournalSettings *settings);
/* By configuration: journal_path, sqlite_synchronous, journal_keep_seconds, journal_keep_requests. *ret NULL, 0: switched
 * off. -EINVAL with @e. */
int journal_new_from_config(Journal **ret, const Config *config, NovaException *e);
/* Ends it: what waits and can be written at once is, what cannot gets -ECANCELED. */
Journal *journal_free(Journal *j);
DEFINE_CLEANUP(Journal *, journal_free)

/* Ends waiting: from now on what cannot be written at once gets -ECANCELED. For a stop, before workers are waited for. */
void journal_give_up(Journal *j);

/* Queues @w. Never blocks. REPLIED and STEP wait a moment for company. */
void journal_submit(Journal *j, JournalWrite *w);
/* Submits and waits; done is not used. */
int journal_write(Journal *j, JournalWrite *w);

/* What is to be forgotten is, now; it happens by itself each minute. Returns at once. */
void journal_prune_now(Journal *j);

/* Why it cannot be written: a sentence, malloc'ed; NULL when well (or out of memory). */
char *journal_trouble(Journal *j);
/* @changed is called on the journal's thread when trouble came, changed or went; it must not block. Before the first write. */
void journal_set_trouble_handler(Journal *j, void (*changed)(void *userdata), void *userdata);
uint64_t journal_commits(Journal *j);          /* so far: each with one sync of the disk */
/* How long those took. Any thread reads them; they live as long as @j. */
const Histogram *journal_commit_times(const Journal *j);

/* Reads what LOAD reads, all services, without changing anything, not even a lock: for --recover-dry-run. 1; 0: no such file; -errno
 * with store_last_error. */
int journal_peek(const char *path, JournalRowList *ret);
/* Its path by configuration: malloc'ed; NULL when out of memory. */
char *journal_path(const Config *config);

/* Worker threads for what may block: libvirt, disk, DNS. A job changes hands: the submitter's until pool_submit, a
 * worker's inside work(), the loop's again in done(). Jobs with the same key run one at a time in the order submitted;
 * each kind has a cap, so that a query never waits behind a build. Threads are started on demand, end after idling,
 * have 256 KiB stacks and all signals blocked. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef enum JobKind {
        JOB_SERVICE,            /* start steps and state reports: threads kept apart, never behind anything */
        JOB_QUERY,
        JOB_STATE,              /* state changes of an instance */
        JOB_BUILD,
        JOB_SNAPSHOT,
        JOB_MIGRATION,
        JOB_PERIODIC,
        _JOB_KIND_MAX,
} JobKind;

const char *job_kind_to_string(JobKind kind);

typedef struct Pool Pool;
typedef struct Job Job;

struct Job {
        JobKind kind;
        const char *name;               /* what is shown while it runs: the method's name. Lives as long as the job */
        char *key;                      /* jobs of one key run in order, one at a time; NULL = free. Lives as long */
        usec_t deadline;                /* after so long it is reported as stalled; 0 = never */
        int (*work)(Job *j);            /* on a worker: may block, may touch only what hangs off the job */
        void (*done)(Job *j, int r);    /* exactly once, with what work returned, or -ECANCELED; owns and frees the job */
        bool done_on_worker;            /* call done on the worker (it must be thread-safe) instead of the loop */

        /* private to the pool */
        Job *next;                      /* in the list it waits in, or among the finished */
        Job *running_next, **running_at;
        struct JobKey *queue;           /* the jobs of its key */
        struct StallNote *note;         /* what the stalled handler was told */
        uint64_t turn;                  /* when it became ready, as a number */
        usec_t started;
        int result;
};

/* A job that runs, for display. */
typedef struct JobInfo {
        JobKind kind;
        const char *name;
        const char *key;
        usec_t running;                 /* so long until now */
        bool stalled;                   /* beyond its deadline */
} JobInfo;

/* @max_threads: for all kinds but JOB_SERVICE, which has up to 4 more. Returns 0 or -errno. */
int pool_new(Pool **ret, sd_event *event, unsigned max_threads);

/* On the loop. Jobs not begun get -ECANCELED; those that run are waited for until @wait has passed, then abandoned
 * (the pool's memory stays allocated for them and their done is not called). Blocks the loop while it waits; the done of
 * those that end meanwhile is called within. Returns how many were abandoned. A second call does nothing. */
unsigned pool_stop(Pool *p, usec_t wait);
Pool *pool_free(Pool *p);                       /* after pool_stop */
DEFINE_CLEANUP(Pool *, pool_free)

void pool_set_cap(Pool *p, JobKind kind, unsigned cap);                 /* 0 = no cap of its own. Any thread */
/* So many of the threads are for queries only, but at least one for all others. Any thread. */
void pool_reserve_for_queries(Pool *p, unsigned n);

/* How long a thread waits for work before it ends; 10 s unless told. Any thread; for those that begin to wait after it. */
void pool_set_idle_time(Pool *p, usec_t idle);

/* Any thread, also from work() and done(). The key is free for the next job when work() has returned, with
 * done_on_worker when done() has. Returns 0; -ESHUTDOWN after pool_stop began, -ENOMEM, -EAGAIN when no thread can be
 * had: then @j stays the caller's and done is not called. */
int pool_submit(Pool *p, Job *j);

/* A job that waits need wait no more for its kind's cap, since what it has to do now is quick: it goes on as a query, soon. With
 * @past_key not for its key either: what it has to do touches nothing that the key guards. Any thread, while @j cannot end: false
 * when it waits for its key all the same, runs, has run or was never submitted, then nothing changes. It looks for @j among those
 * that wait. */
bool pool_let_ahead(Pool *p, Job *j, bool past_key);

/* Called on the loop when a job runs over its deadline, and again when that job ends (@ended). @info lives during the
 * call; the handler may call the pool. One timer serves all deadlines, armed only while jobs that have one run. */
void pool_set_stalled_handler(Pool *p, void (*handler)(const JobInfo *info, bool ended, void *userdata), void *userdata);

/* Any thread: jobs running / waiting of a kind (_JOB_KIND_MAX: of all), threads there are. */
unsigned pool_running(Pool *p, JobKind kind);
unsigned pool_waiting(Pool *p, JobKind kind);
/* Both, of all kinds, at one moment: of two numbers that are asked for one after the other a job that begins in between is in neither. */
unsigned pool_unfinished(Pool *p);
unsigned pool_threads(Pool *p);

/* On the loop: calls @f for each running job, under the pool's lock: @f must be short and may not call the pool. */
void pool_foreach_running(Pool *p, void (*f)(const JobInfo *info, void *userdata), void *userdata);

/* The operations that change something and have not ended, as they are shown: a copy on the main loop, so that whoever shows them
 * (bus) takes no lock of theirs. The loop learns of changes in batches: what began and ended in between is told at once. All on
 * the main loop but what is said to be the operations' side. */
#pragma once

#include <systemd/sd-event.h>

#include "service/operation.h"

typedef struct JobTable JobTable;

typedef enum JobViewState {
        JOB_WAITING,                    /* accepted, not on a worker yet */
        JOB_RUNNING,
        JOB_CANCELLING,
        _JOB_VIEW_STATE_MAX,
} JobViewState;
const char *job_view_state_to_string(JobViewState s);

typedef enum JobResult {
        JOB_RESULT_NONE,                /* it has not ended */
        JOB_RESULT_DONE,
        JOB_RESULT_FAILED,
        JOB_RESULT_CANCELLED,
        JOB_RESULT_LEFT,                /* it stays in the journal for the next start */
        _JOB_RESULT_MAX,
} JobResult;
const char *job_result_to_string(JobResult r);          /* "done"; "" for NONE */

typedef struct JobView {
        uint64_t id;                    /* of this run of the daemon; grows */
        const Method *method;
        char *instance_uuid;            /* NULL = none */
        char *request_id, *user_id;     /* "" = none */
        OperationOrigin origin;
        JobViewState state;
        char *step;                     /* NULL = none named */
        unsigned progress;              /* percent */
        usec_t accepted, started;       /* realtime; started 0 = not yet */
        usec_t deadline;                /* so long after its start it counts as stalled; 0 = never */

        JobResult result;
        char *error, *message;          /* of one that did not end well: Nova's exception, its sentence. NULL else */
} JobView;

typedef enum JobChange {
        JOB_ADDED,                      /* accepted; perhaps ended already (result) */
        JOB_CHANGED,
        JOB_REMOVED,                    /* ended; the view is freed after the call */
        JOB_REFUSED,                    /* it ended before it was accepted, was never ADDED. Only of origin bus */
} JobChange;

/* @v stays where it is from ADDED to REMOVED. */
typedef void (*JobObserver)(const JobView *v, JobChange change, void *userdata);

int job_table_new(JobTable **ret, sd_event *event);     /* 0 or -errno */
JobTable *job_table_free(JobTable *t);                  /* takes NULL, returns NULL; operations may outlive it */
DEFINE_CLEANUP(JobTable *, job_table_free)

/* Called on each change from now on, one observer only; NULL = none. Not of what there is: job_table_foreach. */
void job_table_observe(JobTable *t, JobObserver f, void *userdata);
/* While it is paused nothing is told: for an observer that cannot keep up. What happens meanwhile is told in one. */
void job_table_pause(JobTable *t, bool pause);
/* Called when the last of many has ended, as many as leave holes in the memory; NULL = nobody. */
void job_table_set_emptied_handler(JobTable *t, void (*f)(void *userdata), void *userdata);
const JobView *job_table_find(const JobTable *t, uint64_t id);          /* NULL = there is none */
size_t job_table_count(const JobTable *t);
/* Oldest first. */
void job_table_foreach(const JobTable *t, void (*f)(const JobView *v, void *userdata), void *userdata);

/* ---- the operations' side: any thread ---- */

typedef struct JobFeed JobFeed;
typedef struct JobRecord JobRecord;

JobFeed *job_table_feed(JobTable *t);                   /* one reference for the caller */
JobFeed *job_feed_unref(JobFeed *f);

/* What @o is shown as: its identity is copied. NULL when out of memory, which all below take: then it is not shown. @deadline as
 * of the view. */
JobRecord *job_record_new(JobFeed *f, const Operation *o, uint64_t id, usec_t deadline);
void job_record_accepted(JobRecord *r);
void job_record_begun(JobRecord *r);
void job_record_step(JobRecord *r, const char *step);
void job_record_progress(JobRecord *r, unsigned percent);
void job_record_cancelled(JobRecord *r);
/* It has ended, with the exception and so on of @o; the record goes. */
void job_record_ended(JobRecord *r, const Operation *o);

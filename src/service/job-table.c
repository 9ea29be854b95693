/* What is shown of operations: see job-table.h. An operation has a record that it writes under the feed's lock; a record that has
 * news is in the feed's list once, however much happened to it, and an eventfd wakes the loop for the whole list. */
#include "service/job-table.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <sys/eventfd.h>

#include "basic/time-util.h"

typedef enum RecordNews {
        NEWS_ACCEPTED = 1 << 0,
        NEWS_STATE = 1 << 1,
        NEWS_STEP = 1 << 2,
        NEWS_PROGRESS = 1 << 3,
        NEWS_ENDED = 1 << 4,
} RecordNews;

struct JobRecord {
        JobFeed *feed;                  /* one reference, until it has ended */
        unsigned news;
        bool accepted, listed;
        JobView view;                   /* what the operation knows; the table's copy is beside it */
        JobRecord *next;                /* in the list of those with news */
};

struct JobFeed {
        atomic_uint references;
        pthread_mutex_t lock;
        JobRecord *first, *last;
        int fd;                         /* written when the list was empty */
        bool gone;                      /* nobody reads it any more */
};

/* In the tree by id; in a list by age. */
typedef struct Entry {
        JobView view;                   /* first */
        struct Entry *previous, *next;
} Entry;

struct JobTable {
        JobFeed *feed;
        sd_event_source *source;
        bool paused;
        void *tree;
        Entry *first, *last;
        size_t n, peak;                 /* the most since there was none */
        JobObserver observer;
        void *userdata;
        void (*emptied)(void *userdata);
        void *emptied_userdata;
};

const char *job_view_state_to_string(JobViewState s) {
        static const char *const names[_JOB_VIEW_STATE_MAX] = {
                [JOB_WAITING] = "waiting",
                [JOB_RUNNING] = "running",
                [JOB_CANCELLING] = "cancelling",
        };

        return s >= 0 && s < _JOB_VIEW_STATE_MAX ? names[s] : NULL;
}

const char *job_result_to_string(JobResult r) {
        static const char *const names[_JOB_RESULT_MAX] = {
                [JOB_RESULT_NONE] = "",
                [JOB_RESULT_DONE] = "done",
                [JOB_RESULT_FAILED] = "failed",
                [JOB_RESULT_CANCELLED] = "cancelled",
                [JOB_RESULT_LEFT] = "left",
        };

        return r >= 0 && r < _JOB_RESULT_MAX ? names[r] : NULL;
}

static void view_done(JobView *v) {
        free(v->instance_uuid);
        free(v->request_id);
        free(v->user_id);
        free(v->step);
        free(v->error);
        free(v->message);
}

/* ---- the operations' side ---- */

JobFeed *job_feed_unref(JobFeed *f) {
        if (!f || atomic_fetch_sub(&f->references, 1) > 1)
                return NULL;
        if (f->fd >= 0)
                (void) close(f->fd);
        (void) pthread_mutex_destroy(&f->lock);
        free(f);
        return NULL;
}

static JobRecord *record_free(JobRecord *r) {
        if (!r)
                return NULL;
        view_done(&r->view);
        (void) job_feed_unref(r->feed);
        free(r);
        return NULL;
}

JobRecord *job_record_new(JobFeed *f, const Operation *o, uint64_t id, usec_t deadline) {
        JobRecord *r;

        if (!f)
                return NULL;
        r = calloc(1, sizeof *r);
        if (!r)
                return NULL;
        (void) atomic_fetch_add(&f->references, 1);
        r->feed = f;
        r->view = (JobView) {
                .id = id,
                .method = o->method,
                .instance_uuid = o->instance_uuid ? strdup(o->instance_uuid) : NULL,
                .request_id = strdup(strempty(context_request_id(o->context))),
                .user_id = strdup(strempty(context_user_id(o->context))),
                .origin = o->origin,
                .accepted = now_realtime(),
                .deadline = deadline,
        };
        if ((o->instance_uuid && !r->view.instance_uuid) || !r->view.request_id || !r->view.user_id)
                return record_free(r);
        return r;
}

/* With the lock. Before it is accepted nobody hears of it. */
static void news(JobRecord *r, unsigned what) {
        JobFeed *f = r->feed;
        bool wake = !f->first;

        r->news |= what;
        if (r->listed || f->gone || !(r->accepted || (what & NEWS_ENDED)))
                return;
        r->listed = true;
        r->next = NULL;
        *(f->last ? &f->last->next : &f->first) = r;
        f->last = r;
        if (wake)
                (void) eventfd_write(f->fd, 1);
}

void job_record_accepted(JobRecord *r) {
        if (!r)
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        r->accepted = true;
        r->news = 0;
        news(r, NEWS_ACCEPTED);
        (void) pthread_mutex_unlock(&r->feed->lock);
}

void job_record_begun(JobRecord *r) {
        if (!r)
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        r->view.started = now_realtime();
        if (r->view.state == JOB_WAITING)
                r->view.state = JOB_RUNNING;
        news(r, NEWS_STATE);
        (void) pthread_mutex_unlock(&r->feed->lock);
}

void job_record_step(JobRecord *r, const char *step) {
        char *copy = NULL, *before;

        if (!r || (!isempty(step) && !(copy = strdup(step))))
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        before = r->view.step;
        r->view.step = copy;
        news(r, NEWS_STEP);
        (void) pthread_mutex_unlock(&r->feed->lock);
        free(before);
}

void job_record_progress(JobRecord *r, unsigned percent) {
        if (!r)
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        if (r->view.progress != percent) {
                r->view.progress = percent;
                news(r, NEWS_PROGRESS);
        }
        (void) pthread_mutex_unlock(&r->feed->lock);
}

void job_record_cancelled(JobRecord *r) {
        if (!r)
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        r->view.state = JOB_CANCELLING;
        news(r, NEWS_STATE);
        (void) pthread_mutex_unlock(&r->feed->lock);
}

void job_record_ended(JobRecord *r, const Operation *o) {
        bool tell, failed = exception_is_set(&o->exception);

        if (!r)
                return;
        (void) pthread_mutex_lock(&r->feed->lock);
        if (failed) {
                r->view.error = strdup(strempty(o->exception.class_name));
                r->view.message = strdup(strempty(o->exception.message));
        }
        r->view.result = o->left ? JOB_RESULT_LEFT : !failed ? JOB_RESULT_DONE : operation_cancelled(o) ? JOB_RESULT_CANCELLED
                                                                                                        : JOB_RESULT_FAILED;
        tell = !r->feed->gone && (r->accepted || r->view.origin == ORIGIN_BUS);
        if (tell)
                news(r, NEWS_ENDED);
        (void) pthread_mutex_unlock(&r->feed->lock);
        if (!tell)
                (void) record_free(r);
}

/* ---- the loop's side ---- */

static int compare_id(const void *a, const void *b) {
        uint64_t x = ((const JobView *) a)->id, y = ((const JobView *) b)->id;

        return (x > y) - (x < y);
}

static Entry *entry_find(const JobTable *t, uint64_t id) {
        const JobView key = { .id = id };
        Entry **found = tfind(&key, &t->tree, compare_id);

        return found ? *found : NULL;
}

static void tell(JobTable *t, const JobView *v, JobChange change) {
        if (t->observer)
                t->observer(v, change, t->userdata);
}

static void entry_remove(JobTable *t, Entry *e) {
        (void) tdelete(e, &t->tree, compare_id);
        *(e->previous ? &e->previous->next : &t->first) = e->next;
        *(e->next ? &e->next->previous : &t->last) = e->previous;
        t->n--;
}

static Entry *entry_add(JobTable *t, uint64_t id) {
        Entry *e = calloc(1, sizeof *e);

        if (!e)
                return NULL;
        e->view.id = id;
        if (!tsearch(e, &t->tree, compare_id)) {
                free(e);
                return NULL;
        }
        e->previous = t->last;
        *(t->last ? &t->last->next : &t->first) = e;
        t->last = e;
        t->n++;
        t->peak = MAX(t->peak, t->n);
        return e;
}

/* A copy of a record's news, taken under the lock. The record itself may be gone afterwards. */
typedef struct News {
        unsigned what;
        bool accepted;
        JobView view;                   /* its texts are ours: those that have news */
} News;

static char *copy_of(const char *s) {
        return s ? strdup(s) : NULL;
}

/* With the lock: takes the first of the list. */
static bool take(JobFeed *f, News *ret, JobRecord **ret_ended) {
        JobRecord *r = f->first;

        if (!r)
                return false;
        f->first = r->next;
        if (!f->first)
                f->last = NULL;
        *ret = (News) { .what = r->news, .accepted = r->accepted, .view = r->view };
        r->news = 0;
        r->listed = false;
        *ret_ended = NULL;
        if (ret->what & NEWS_ENDED) {
                /* all of it becomes ours */
                r->view = (JobView) {};
                *ret_ended = r;
                return true;
        }
        ret->view.step = ret->what & (NEWS_STEP | NEWS_ACCEPTED) ? copy_of(r->view.step) : NULL;
        ret->view.instance_uuid = ret->view.request_id = ret->view.user_id = NULL;
        if (ret->what & NEWS_ACCEPTED) {
                ret->view.instance_uuid = copy_of(r->view.instance_uuid);
                ret->view.request_id = copy_of(r->view.request_id);
                ret->view.user_id = copy_of(r->view.user_id);
        }
        return true;
}

#define SWAP(a, b)                      \
        do {                            \
                typeof(a) _was = (a);   \
                (a) = (b);              \
                (b) = _was;             \
        } while (false)

static void entry_update(Entry *e, News *n) {
        JobView *v = &e->view;

        if (n->what & NEWS_ACCEPTED)
                SWAP(*v, n->view);
        else {
                v->state = n->view.state;
                v->started = n->view.started;
                v->progress = n->view.progress;
                if (n->what & (NEWS_STEP | NEWS_ENDED))
                        SWAP(v->step, n->view.step);
                v->result = n->view.result;
                SWAP(v->error, n->view.error);
                SWAP(v->message, n->view.message);
        }
}

static void on_news(JobTable *t, News *n) {
        Entry *e = entry_find(t, n->view.id);

        if (!n->accepted) {
                tell(t, &n->view, JOB_REFUSED);
                return;
        }
        if (!e && !(n->what & NEWS_ACCEPTED))
                return;                 /* there was no memory for it */
        if (!e) {
                e = entry_add(t, n->view.id);
                if (!e)
                        return;
        }
        entry_update(e, n);
        tell(t, &e->view, n->what & NEWS_ACCEPTED ? JOB_ADDED : JOB_CHANGED);
        if (e->view.result == JOB_RESULT_NONE)
                return;
        entry_remove(t, e);
        tell(t, &e->view, JOB_REMOVED);
        view_done(&e->view);
        free(e);
}

#define MANY 256u

static void tell_emptied(JobTable *t) {
        bool many = t->peak >= MANY;

        if (t->n > 0)
                return;
        t->peak = 0;
        if (many && t->emptied)
                t->emptied(t->emptied_userdata);
}

/* A batch of a turn: others on the loop have their turn too. */
#define BATCH_MAX 64

static int table_on_news(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        JobTable *t = userdata;
        JobFeed *f = t->feed;
        eventfd_t ignored;

        (void) eventfd_read(fd, &ignored);
        for (unsigned i = 0;; i++) {    /* the observer may pause it in between */
                JobRecord *ended = NULL;
                bool more, had;
                News n;

                (void) pthread_mutex_lock(&f->lock);
                had = i < BATCH_MAX && !t->paused && take(f, &n, &ended);
                more = f->first;
                (void) pthread_mutex_unlock(&f->lock);
                if (!had) {
                        if (more)
                                (void) eventfd_write(fd, 1);
                        tell_emptied(t);
                        return 0;
                }
                (void) record_free(ended);
                on_news(t, &n);
                view_done(&n.view);
        }
}

int job_table_new(JobTable **ret, sd_event *event) {
        _cleanup_(job_table_freep) JobTable *t = calloc(1, sizeof *t);
        JobFeed *f = calloc(1, sizeof *f);
        int r;

        if (!t || !f) {
                free(f);
                return -ENOMEM;
        }
        t->feed = f;
        atomic_init(&f->references, 1);
        (void) pthread_mutex_init(&f->lock, NULL);
        f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (f->fd < 0)
                return -errno;
        r = sd_event_add_io(event, &t->source, f->fd, EPOLLIN, table_on_news, t);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(t->source, "jobs");
        *ret = TAKE_PTR(t);
        return 0;
}

JobTable *job_table_free(JobTable *t) {
        JobRecord *list;

        if (!t)
                return NULL;
        t->source = sd_event_source_disable_unref(t->source);
        (void) pthread_mutex_lock(&t->feed->lock);
        t->feed->gone = true;
        list = t->feed->first;
        t->feed->first = t->feed->last = NULL;
        for (JobRecord *r = list, *next; r; r = next) {
                next = r->next;
                if (r->news & NEWS_ENDED)
                        (void) record_free(r);
                else
                        r->listed = false;
        }
        (void) pthread_mutex_unlock(&t->feed->lock);
        (void) job_feed_unref(t->feed);

        for (Entry *e = t->first, *next; e; e = next) {
                next = e->next;
                (void) tdelete(e, &t->tree, compare_id);
                view_done(&e->view);
                free(e);
        }
        free(t);
        return NULL;
}

void job_table_observe(JobTable *t, JobObserver f, void *userdata) {
        t->observer = f;
        t->userdata = userdata;
}

void job_table_pause(JobTable *t, bool pause) {
        t->paused = pause;
        (void) sd_event_source_set_enabled(t->source, pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

void job_table_set_emptied_handler(JobTable *t, void (*f)(void *userdata), void *userdata) {
        t->emptied = f;
        t->emptied_userdata = userdata;
}

const JobView *job_table_find(const JobTable *t, uint64_t id) {
        const Entry *e = entry_find(t, id);

        return e ? &e->view : NULL;
}

size_t job_table_count(const JobTable *t) {
        return t->n;
}

void job_table_foreach(const JobTable *t, void (*f)(const JobView *v, void *userdata), void *userdata) {
        for (const Entry *e = t->first; e; e = e->next)
                f(&e->view, userdata);
}

JobFeed *job_table_feed(JobTable *t) {
        (void) atomic_fetch_add(&t->feed->references, 1);
        return t->feed;
}

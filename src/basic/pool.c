/* Worker threads, fair by key and by kind. See pool.h.
 *
 * A job that may run as far as its key is concerned stands in the ready list of its kind; one whose key is taken stands in
 * that key's own list, and moves to the ready list when the job before it lets go. A free worker takes, of all kinds that
 * are below their cap, the job that became ready first. So neither submitting nor taking ever searches.
 *
 * There are two groups of threads, so that start steps and state reports (JOB_SERVICE) find one whatever the others do.
 * Threads are detached; each holds a reference to the pool, and the last one to go frees it. */
#include "basic/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE ((size_t) 2 * 1024 * 1024)   /* instrumented frames are many times as large */
#else
#define STACK_SIZE ((size_t) 256 * 1024)
#endif
#define SERVICE_THREADS 4
#define IDLE_TIME (10 * USEC_PER_SEC)
#define KEY_BUCKETS 256

typedef enum Group {
        GROUP_SERVICE,
        GROUP_OTHER,
        _GROUP_MAX,
} Group;

typedef struct JobList {
        Job *first, *last;
} JobList;

/* Exists while a job of the key is ready or runs. */
typedef struct JobKey {
        struct JobKey *next;            /* in the bucket */
        JobList waiting;
        unsigned bucket;
        char text[];
} JobKey;

/* What is said of a stalled job: a copy, since the job may be gone when the loop says it. */
typedef struct StallNote {
        struct StallNote *next;
        JobKind kind;
        char *name, *key;
        usec_t running;
} StallNote;

typedef struct Threads {
        pthread_cond_t work;            /* there is something to take, or it is over */
        unsigned n, max;
        unsigned starting;              /* created, not yet at work */
        unsigned idle;
} Threads;

struct Pool {
        atomic_uint refs;
        sd_event *event;
        sd_event_source *finished_source, *timer_source;
        int finished_fd, timer_fd;
        void (*stalled_handler)(const JobInfo *info, bool ended, void *userdata);
        void *stalled_userdata;

        pthread_mutex_t lock;           /* all below */
        pthread_cond_t quiet;           /* a job ended while pool_stop waits */
        Threads threads[_GROUP_MAX];
        JobList ready[_JOB_KIND_MAX];
        unsigned n_ready[_JOB_KIND_MAX], n_behind[_JOB_KIND_MAX], n_running[_JOB_KIND_MAX], cap[_JOB_KIND_MAX];
        unsigned reserved;              /* threads for queries only */
        unsigned n_busy;                /* from being taken to the end of work, or of done when that is the worker's */
        unsigned n_deadlines;           /* running jobs that have one */
        uint64_t turn;
        usec_t idle_time;
        usec_t armed;                   /* when the timer fires, 0 = never */
        Job *running;
        JobList finished;
        StallNote *ended;               /* stalled jobs that ended, to be told */
        JobKey *keys[KEY_BUCKETS];
        bool stopping, abandoned;
};

static const char *const kind_names[_JOB_KIND_MAX] = {
        [JOB_SERVICE] = "service",   [JOB_QUERY] = "query",         [JOB_STATE] = "state",       [JOB_BUILD] = "build",
        [JOB_SNAPSHOT] = "snapshot", [JOB_MIGRATION] = "migration", [JOB_PERIODIC] = "periodic",
};

const char *job_kind_to_string(JobKind kind) {
        assert(kind >= 0 && kind < _JOB_KIND_MAX);
        return kind_names[kind];
}

static void job_list_append(JobList *l, Job *j) {
        j->next = NULL;
        if (l->last)
                l->last->next = j;
        else
                l->first = j;
        l->last = j;
}

static Job *job_list_pop(JobList *l) {
        Job *j = l->first;

        if (j) {
                l->first = j->next;
                if (!l->first)
                        l->last = NULL;
                j->next = NULL;
        }
        return j;
}

static bool job_list_remove(JobList *l, Job *j) {
        Job *before = NULL;

        for (Job *i = l->first; i; before = i, i = i->next)
                if (i == j) {
                        *(before ? &before->next : &l->first) = j->next;
                        if (l->last == j)
                                l->last = before;
                        j->next = NULL;
                        return true;
                }
        return false;
}

static Group group_of(JobKind kind) {
        return kind == JOB_SERVICE ? GROUP_SERVICE : GROUP_OTHER;
}

static StallNote *stall_note_free(StallNote *n) {
        if (n) {
                free(n->name);
                free(n->key);
                free(n);
        }
        return NULL;
}

static Pool *pool_unref(Pool *p) {
        if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
                return NULL;

        while (p->ended) {
                StallNote *n = p->ended;
                p->ended = n->next;
                stall_note_free(n);
        }
        for (size_t i = 0; i < KEY_BUCKETS; i++)
                while (p->keys[i]) {
                        JobKey *k = p->keys[i];
                        p->keys[i] = k->next;
                        free(k);
                }
        if (p->finished_fd >= 0)
                (void) close(p->finished_fd);
        if (p->timer_fd >= 0)
                (void) close(p->timer_fd);
        for (size_t g = 0; g < _GROUP_MAX; g++)
                (void) pthread_cond_destroy(&p->threads[g].work);
        (void) pthread_cond_destroy(&p->quiet);
        (void) pthread_mutex_destroy(&p->lock);
        free(p);
        return NULL;
}

/* Keys */

static unsigned bucket_of(const char *key) {
        uint32_t h = 2166136261u;

        for (; *key; key++)
                h = (h ^ (uint8_t) *key) * 16777619u;
        return h % KEY_BUCKETS;
}

static JobKey *key_find(Pool *p, const char *key) {
        JobKey *k;

        for (k = p->keys[bucket_of(key)]; k && !streq(k->text, key); k = k->next)
                ;
        return k;
}

static JobKey *key_add(Pool *p, const char *key) {
        size_t n = strlen(key) + 1;
        JobKey *k = malloc(sizeof *k + n);

        if (!k)
                return NULL;
        *k = (JobKey){.bucket = bucket_of(key)};
        memcpy(k->text, key, n);
        k->next = p->keys[k->bucket];
        p->keys[k->bucket] = k;
        return k;
}

static void key_remove(Pool *p, JobKey *k) {
        JobKey **at;

        for (at = &p->keys[k->bucket]; *at != k; at = &(*at)->next)
                ;
        *at = k->next;
        free(k);
}

/* Who runs next */

static void make_ready(Pool *p, Job *j) {
        j->turn = p->turn++;
        job_list_append(&p->ready[j->kind], j);
        p->n_ready[j->kind]++;
}

/* The job of @k that ran is through: the next one may, or nobody needs the key any more. */
static void key_release(Pool *p, JobKey *k) {
        Job *j = job_list_pop(&k->waiting);

        if (!j) {
                key_remove(p, k);
                return;
        }
        p->n_behind[j->kind]--;
        make_ready(p, j);
}

static unsigned kind_room(const Pool *p, JobKind kind) {
        unsigned room = UINT32_MAX, max = p->threads[group_of(kind)].max, running = 0;

        if (p->cap[kind] > 0)
                room = p->cap[kind] > p->n_running[kind] ? p->cap[kind] - p->n_running[kind] : 0;
        if (p->reserved == 0 || kind == JOB_QUERY || group_of(kind) != group_of(JOB_QUERY))
                return room;

        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                if (k != JOB_QUERY && group_of(k) == group_of(kind))
                        running += p->n_running[k];
        max = max > p->reserved ? max - p->reserved : 1;
        return MIN(room, max > running ? max - running : 0);
}

static unsigned group_runnable(const Pool *p, Group g) {
        unsigned n = 0;

        for (JobKind kind = 0; kind < _JOB_KIND_MAX; kind++)
                if (group_of(kind) == g)
                        n += MIN(p->n_ready[kind], kind_room(p, kind));
        return n;
}

static Job *take(Pool *p, Group g) {
        JobKind best = _JOB_KIND_MAX;
        Job *j;

        for (JobKind kind = 0; kind < _JOB_KIND_MAX; kind++)
                if (group_of(kind) == g && p->ready[kind].first && kind_room(p, kind) > 0 &&
                    (best == _JOB_KIND_MAX || p->ready[kind].first->turn < p->ready[best].first->turn))
                        best = kind;
        if (best == _JOB_KIND_MAX)
                return NULL;

        j = job_list_pop(&p->ready[best]);
        p->n_ready[best]--;
        p->n_running[best]++;
        p->n_busy++;
        return j;
}

/* The timer of deadlines. It is a timerfd since workers arm it, which they may not do with a timer of the loop's. */

static void timer_arm(Pool *p, usec_t at) {
        struct itimerspec its = {.it_value = {.tv_sec = (time_t) (at / USEC_PER_SEC),
                                              .tv_nsec = (long) (at % USEC_PER_SEC) * 1000}};

        if (p->armed == at)
                return;
        p->armed = at;
        (void) timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static usec_t job_due(const Job *j) {
        return j->deadline > USEC_INFINITY / 4 ? USEC_INFINITY / 2 : j->started + j->deadline;
}

static void job_begin(Pool *p, Job *j) {
        j->started = now_monotonic();
        j->running_next = p->running;
        j->running_at = &p->running;
        if (p->running)
                p->running->running_at = &j->running_next;
        p->running = j;

        if (j->deadline == 0)
                return;
        p->n_deadlines++;
        if (p->armed == 0 || job_due(j) < p->armed)
                timer_arm(p, job_due(j));
}

static void job_end(Pool *p, Job *j) {
        *j->running_at = j->running_next;
        if (j->running_next)
                j->running_next->running_at = j->running_at;
        p->n_running[j->kind]--;

        if (j->deadline > 0 && --p->n_deadlines == 0)
                timer_arm(p, 0);
        if (j->note) {
                StallNote **tail;

                j->note->running = now_monotonic() - j->started;
                for (tail = &p->ended; *tail; tail = &(*tail)->next)
                        ;
                *tail = TAKE_PTR(j->note);
                (void) eventfd_write(p->finished_fd, 1);
        }
}

/* Threads */

static void *worker_main(void *userdata);

typedef struct Start {
        Pool *pool;
        Group group;
} Start;

static int thread_start(Pool *p, Group g) {
        _cleanup_free_ Start *s = malloc(sizeof *s);
        pthread_attr_t attr;
        pthread_t thread;
        sigset_t all;
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Start){p, g};

        r = pthread_attr_init(&attr);
        if (r != 0)
                return -r;
        sigfillset(&all);
        (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        (void) pthread_attr_setstacksize(&attr, STACK_SIZE);
        r = pthread_attr_setsigmask_np(&attr, &all);

        (void) atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
        if (r == 0)
                r = pthread_create(&thread, &attr, worker_main, s);
        (void) pthread_attr_destroy(&attr);
        if (r != 0) {
                (void) atomic_fetch_sub_explicit(&p->refs, 1, memory_order_relaxed);
                return -r;
        }
        (void) TAKE_PTR(s);
        p->threads[g].n++;
        p->threads[g].starting++;
        return 0;
}

/* Enough threads awake for what can run. An idle one that was already called still counts as idle, one that begins as
 * starting, and their jobs still as ready: so the numbers stay comparable. */
static void call_threads(Pool *p, Group g) {
        unsigned runnable = group_runnable(p, g);
        Threads *t = &p->threads[g];

        for (unsigned i = 0; i < MIN(runnable, t->idle); i++)
                pthread_cond_signal(&t->work);
        /* Without a further thread those that are there do it, later. */
        while (runnable > t->idle + t->starting && t->n < t->max)
                if (thread_start(p, g) < 0)
                        break;
}

/* Waits for work. Returns false when the thread shall end. */
static bool wait_for_work(Pool *p, Group g) {
        usec_t until = now_monotonic() + p->idle_time;
        struct timespec ts = {.tv_sec = (time_t) (until / USEC_PER_SEC),
                              .tv_nsec = (long) (until % USEC_PER_SEC) * 1000};
        int r = 0;

        p->threads[g].idle++;
        while (r == 0 && !p->stopping && group_runnable(p, g) == 0)
                r = pthread_cond_timedwait(&p->threads[g].work, &p->lock, &ts);
        p->threads[g].idle--;
        return !p->stopping && (r == 0 || group_runnable(p, g) > 0);
}

/* Runs @j, which was taken. Called and returns with the lock held. */
static void run(Pool *p, Job *j) {
        JobKey *key = j->queue;

        job_begin(p, j);
        pthread_mutex_unlock(&p->lock);
        j->result = j->work(j);
        pthread_mutex_lock(&p->lock);

        if (p->abandoned) {             /* too late: whoever waited has gone, the job is nobody's */
                p->n_busy--;
                return;
        }
        job_end(p, j);

        if (j->done_on_worker) {
                pthread_mutex_unlock(&p->lock);
                j->done(j, j->result);
                pthread_mutex_lock(&p->lock);
        } else {
                bool wake = !p->finished.first;

                job_list_append(&p->finished, j);
                if (wake)
                        (void) eventfd_write(p->finished_fd, 1);
        }

        p->n_busy--;
        if (key)
                key_release(p, key);
        if (p->stopping)
                pthread_cond_signal(&p->quiet);
        for (Group g = 0; g < _GROUP_MAX; g++)
                call_threads(p, g);
}

static void *worker_main(void *userdata) {
        Start start = *(Start *) userdata;
        Pool *p = start.pool;

        free(userdata);
        (void) pthread_setname_np(pthread_self(), start.group == GROUP_SERVICE ? "service-worker" : "worker");

        pthread_mutex_lock(&p->lock);
        p->threads[start.group].starting--;
        for (;;) {
                Job *j = p->stopping ? NULL : take(p, start.group);

                if (j)
                        run(p, j);
                else if (!wait_for_work(p, start.group))
                        break;
        }
        p->threads[start.group].n--;
        pthread_mutex_unlock(&p->lock);

        (void) pool_unref(p);
        return NULL;
}

int pool_submit(Pool *p, Job *j) {
        int r = 0;

        assert(p && j && j->work && j->done && j->name && j->kind >= 0 && j->kind < _JOB_KIND_MAX);

        pthread_mutex_lock(&p->lock);
        j->next = NULL;
        j->queue = NULL;
        j->note = NULL;
        if (p->stopping)
                r = -ESHUTDOWN;
        else if (j->key && (j->queue = key_find(p, j->key))) {
                job_list_append(&j->queue->waiting, j);
                p->n_behind[j->kind]++;
        } else if (j->key && !(j->queue = key_add(p, j->key)))
                r = -ENOMEM;
        else {
                Group g = group_of(j->kind);

                /* Before the job is in the list, so that nothing has to be taken back. */
                if (p->threads[g].n == 0)
                        r = thread_start(p, g);
                if (r >= 0) {
                        make_ready(p, j);
                        call_threads(p, g);
                } else if (j->queue)
                        key_remove(p, TAKE_PTR(j->queue));
        }
        pthread_mutex_unlock(&p->lock);
        return r;
}

bool pool_let_ahead(Pool *p, Job *j, bool past_key) {
        JobKey *k;
        bool found = false;

        assert(p && j);
        pthread_mutex_lock(&p->lock);
        /* Somebody may be about to submit it: its kind is read when it is found only. */
        k = past_key && j->key ? key_find(p, j->key) : NULL;
        if (k && job_list_remove(&k->waiting, j)) {
                p->n_behind[j->kind]--;
                j->queue = NULL;        /* the key stays with who has it */
                found = true;
        }
        for (JobKind kind = 0; kind < _JOB_KIND_MAX && !found; kind++)
                if (group_of(kind) == group_of(JOB_QUERY) && job_list_remove(&p->ready[kind], j)) {
                        p->n_ready[kind]--;
                        found = true;
                }
        if (found) {
                j->kind = JOB_QUERY;
                make_ready(p, j);
                call_threads(p, group_of(j->kind));
        }
        pthread_mutex_unlock(&p->lock);
        return found;
}

/* On the loop */

/* @running apart from the note: while the job still runs, its end writes the note's. */
static void tell(Pool *p, const StallNote *n, usec_t running, bool ended) {
        JobInfo info = {.kind = n->kind, .name = n->name, .key = n->key, .running = running, .stalled = true};

        if (p->stalled_handler)
                p->stalled_handler(&info, ended, p->stalled_userdata);
}

static int on_finished(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Pool *p = userdata;
        eventfd_t n;

        (void) eventfd_read(fd, &n);

        (void) atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);    /* done may free the pool */
        for (;;) {
                StallNote *note;
                Job *j = NULL;

                pthread_mutex_lock(&p->lock);
                note = p->ended;
                if (note)
                        p->ended = note->next;
                else
                        j = job_list_pop(&p->finished);
                pthread_mutex_unlock(&p->lock);

                if (note) {
                        tell(p, note, note->running, true);
                        stall_note_free(note);
                } else if (j)
                        j->done(j, j->result);
                else
                        break;
        }
        (void) pool_unref(p);
        return 0;
}

static StallNote *stall_note_new(const Job *j, usec_t now) {
        StallNote *n = calloc(1, sizeof *n);

        if (!n)
                return NULL;
        n->kind = j->kind;
        n->running = now - j->started;
        n->name = strdup(j->name);
        n->key = j->key ? strdup(j->key) : NULL;
        if (!n->name || (j->key && !n->key))
                return stall_note_free(n);
        return n;
}

static int on_timer(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Pool *p = userdata;
        uint64_t n;

        if (read(fd, &n, sizeof n) < 0)
                return 0;               /* armed anew meanwhile */

        /* One at a time: the handler is called without the lock, and the list of running jobs changes meanwhile. */
        for (;;) {
                StallNote *note = NULL;
                usec_t now = now_monotonic(), next = 0, running;

                pthread_mutex_lock(&p->lock);
                for (Job *j = p->running; j && !note; j = j->running_next) {
                        if (j->deadline == 0 || j->note)
                                continue;
                        if (job_due(j) <= now && (note = j->note = stall_note_new(j, now)))
                                break;
                        /* Not yet, or no memory to say so: then a little later. */
                        if (next == 0 || MAX(job_due(j), now + USEC_PER_SEC / 10) < next)
                                next = job_due(j) > now ? job_due(j) : now + USEC_PER_SEC / 10;
                }
                running = note ? note->running : 0;
                if (!note) {
                        p->armed = 0;
                        if (next > 0)
                                timer_arm(p, next);
                }
                pthread_mutex_unlock(&p->lock);

                if (!note)
                        return 0;
                /* It outlives its job: only on_finished frees it, on this thread. */
                tell(p, note, running, false);
        }
}

void pool_set_stalled_handler(Pool *p, void (*handler)(const JobInfo *info, bool ended, void *userdata), void *userdata) {
        assert(p);
        p->stalled_handler = handler;
        p->stalled_userdata = userdata;
}

void pool_set_cap(Pool *p, JobKind kind, unsigned cap) {
        assert(p && kind >= 0 && kind < _JOB_KIND_MAX);
        pthread_mutex_lock(&p->lock);
        p->cap[kind] = cap;
        call_threads(p, group_of(kind));
        pthread_mutex_unlock(&p->lock);
}

void pool_reserve_for_queries(Pool *p, unsigned n) {
        assert(p);
        pthread_mutex_lock(&p->lock);
        p->reserved = n;
        call_threads(p, group_of(JOB_QUERY));
        pthread_mutex_unlock(&p->lock);
}

void pool_set_idle_time(Pool *p, usec_t idle) {
        assert(p);
        pthread_mutex_lock(&p->lock);
        p->idle_time = MIN(idle, 3600 * USEC_PER_SEC);
        pthread_mutex_unlock(&p->lock);
}

static unsigned count_jobs(Pool *p, JobKind kind, bool running, bool waiting) {
        unsigned n = 0;

        assert(p && kind >= 0 && kind <= _JOB_KIND_MAX);
        pthread_mutex_lock(&p->lock);
        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                if (kind == _JOB_KIND_MAX || kind == k)
                        n += (running ? p->n_running[k] : 0) + (waiting ? p->n_ready[k] + p->n_behind[k] : 0);
        pthread_mutex_unlock(&p->lock);
        return n;
}

unsigned pool_running(Pool *p, JobKind kind) {
        return count_jobs(p, kind, true, false);
}

unsigned pool_waiting(Pool *p, JobKind kind) {
        return count_jobs(p, kind, false, true);
}

unsigned pool_unfinished(Pool *p) {
        return count_jobs(p, _JOB_KIND_MAX, true, true);
}

unsigned pool_threads(Pool *p) {
        unsigned n = 0;

        assert(p);
        pthread_mutex_lock(&p->lock);
        for (Group g = 0; g < _GROUP_MAX; g++)
                n += p->threads[g].n;
        pthread_mutex_unlock(&p->lock);
        return n;
}

void pool_foreach_running(Pool *p, void (*f)(const JobInfo *info, void *userdata), void *userdata) {
        usec_t now = now_monotonic();

        assert(p && f);
        pthread_mutex_lock(&p->lock);
        for (Job *j = p->running; j; j = j->running_next) {
                JobInfo info = {.kind = j->kind,
                                .name = j->name,
                                .key = j->key,
                                .running = now > j->started ? now - j->started : 0,
                                .stalled = j->note};
                f(&info, userdata);
        }
        pthread_mutex_unlock(&p->lock);
}

int pool_new(Pool **ret, sd_event *event, unsigned max_threads) {
        pthread_condattr_t attr;
        Pool *p;
        int r;

        assert(ret && event && max_threads > 0);

        p = malloc(sizeof *p);
        if (!p)
                return -ENOMEM;
        *p = (Pool){.refs = 1, .event = sd_event_ref(event), .finished_fd = -1, .timer_fd = -1, .idle_time = IDLE_TIME,
                    .lock = PTHREAD_MUTEX_INITIALIZER};
        p->threads[GROUP_SERVICE].max = SERVICE_THREADS;
        p->threads[GROUP_OTHER].max = max_threads;

        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&p->quiet, &attr);
        for (Group g = 0; g < _GROUP_MAX; g++)
                (void) pthread_cond_init(&p->threads[g].work, &attr);
        (void) pthread_condattr_destroy(&attr);

        p->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (p->finished_fd < 0 || p->timer_fd < 0)
                r = -errno;
        else
                r = sd_event_add_io(event, &p->finished_source, p->finished_fd, EPOLLIN, on_finished, p);
        if (r >= 0)
                r = sd_event_add_io(event, &p->timer_source, p->timer_fd, EPOLLIN, on_timer, p);
        if (r < 0) {
                pool_free(p);
                return r;
        }
        (void) sd_event_source_set_description(p->finished_source, "pool-finished");
        (void) sd_event_source_set_description(p->timer_source, "pool-deadlines");

        *ret = p;
        return 0;
}

/* All that waits, of every kind and key, in the order of submission per list. Lock held. */
static JobList take_waiting(Pool *p) {
        JobList all = {};
        Job *j;

        for (JobKind kind = 0; kind < _JOB_KIND_MAX; kind++) {
                while ((j = job_list_pop(&p->ready[kind])))
                        job_list_append(&all, j);
                p->n_ready[kind] = p->n_behind[kind] = 0;
        }
        for (size_t i = 0; i < KEY_BUCKETS; i++)
                for (JobKey *k = p->keys[i]; k; k = k->next)
                        while ((j = job_list_pop(&k->waiting)))
                                job_list_append(&all, j);
        return all;
}

unsigned pool_stop(Pool *p, usec_t wait) {
        usec_t now = now_monotonic(), until = wait > USEC_INFINITY / 4 ? USEC_INFINITY / 4 : now + wait;
        struct timespec ts = {.tv_sec = (time_t) (until / USEC_PER_SEC),
                              .tv_nsec = (long) (until % USEC_PER_SEC) * 1000};
        unsigned abandoned;
        JobList canceled;
        Job *j;
        int r = 0;

        assert(p);

        pthread_mutex_lock(&p->lock);
        if (p->stopping) {
                pthread_mutex_unlock(&p->lock);
                return 0;
        }
        p->stopping = true;
        canceled = take_waiting(p);
        for (Group g = 0; g < _GROUP_MAX; g++)
                pthread_cond_broadcast(&p->threads[g].work);
        pthread_mutex_unlock(&p->lock);

        while ((j = job_list_pop(&canceled)))
                j->done(j, -ECANCELED);

        pthread_mutex_lock(&p->lock);
        while (p->n_busy > 0 && r == 0) {
                while ((j = job_list_pop(&p->finished))) {
                        pthread_mutex_unlock(&p->lock);
                        j->done(j, j->result);
                        pthread_mutex_lock(&p->lock);
                }
                if (p->n_busy > 0)
                        r = pthread_cond_timedwait(&p->quiet, &p->lock, &ts);
        }
        abandoned = p->n_busy;
        p->abandoned = true;
        for (j = p->running; j; j = j->running_next)
                j->note = stall_note_free(j->note);
        p->running = NULL;              /* from here on nothing may touch those jobs */
        timer_arm(p, 0);
        pthread_mutex_unlock(&p->lock);

        /* What ended while we waited, and the stalled jobs among it. */
        if (p->finished_source)
                (void) on_finished(p->finished_source, p->finished_fd, 0, p);
        p->finished_source = sd_event_source_disable_unref(p->finished_source);
        p->timer_source = sd_event_source_disable_unref(p->timer_source);
        return abandoned;
}

Pool *pool_free(Pool *p) {
        if (!p)
                return NULL;

        (void) pool_stop(p, 0);
        p->event = sd_event_unref(p->event);
        return pool_unref(p);
}

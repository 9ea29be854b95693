/* The journal's thread: takes what waits, writes it in one transaction, tells. See journal.h.
 *
 * A journal that cannot be written keeps those who insist waiting, in order, and tries again with growing pauses; the others
 * hear at once. One line of the log says so, and one that it is over. A row that no table takes must not hold up the rest: a
 * batch that fails by its content is written one by one. */
#define LOG_LOGGER "nova.db"
#include "db/journal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

#include "basic/fault-step.h"
#include "basic/log.h"
#include "db/journal-internal.h"
#include "db/store-error.h"
#include "db/store-url.h"
#include "db/store.h"

#define BATCH_MAX 512
#define LAZY_FOR (100 * USEC_PER_MSEC)
#define RETRY_FIRST (250 * USEC_PER_MSEC)
#define RETRY_CAP (10 * USEC_PER_SEC)
#define BUSY_TIMEOUT (5 * USEC_PER_SEC)
#define PRUNE_INTERVAL (60 * USEC_PER_SEC)
#define PRUNE_MAX 1000

typedef struct WriteList {
        JournalWrite *first, *last;
} WriteList;

struct JournalSync {
        sem_t written;
        int result;
};

struct Journal {
        Database database;
        usec_t keep_for;
        int64_t keep_rows;
        void (*changed)(void *userdata);
        void *userdata;
        pthread_t thread;

        /* The journal's thread. */
        unsigned attempt;               /* failures in a row */
        usec_t next_prune;

        pthread_mutex_t lock;           /* all below */
        pthread_cond_t wake;
        WriteList queue;
        unsigned urgent;                /* of the queue: those that do not wait for company */
        usec_t lazy_until;              /* of the first that does; 0 = none */
        usec_t retry_at;                /* 0 = the last write went well */
        bool giving_up, ending, prune_now;
        char *trouble;
        uint64_t commits;
        Histogram commit_times;         /* no lock */
};

/* ---- the queue ---- */

static void list_append(WriteList *l, JournalWrite *w) {
        w->next = NULL;
        *(l->last ? &l->last->next : &l->first) = w;
        l->last = w;
}

static JournalWrite *list_pop(WriteList *l) {
        JournalWrite *w = l->first;

        if (w) {
                l->first = w->next;
                if (!l->first)
                        l->last = NULL;
                w->next = NULL;
        }
        return w;
}

static bool write_is_lazy(const JournalWrite *w) {
        return w->verb == JOURNAL_STEP || w->verb == JOURNAL_REPLIED;
}

/* Whether it waits for better times. */
static bool write_insists(const JournalWrite *w) {
        return w->verb == JOURNAL_BEGIN || w->verb == JOURNAL_FINISH || w->verb == JOURNAL_REPLIED || w->insist;
}

/* With the lock held. */
static void count_in(Journal *j, const JournalWrite *w) {
        if (!write_is_lazy(w))
                j->urgent++;
        else if (j->lazy_until == 0)
                j->lazy_until = now_monotonic() + LAZY_FOR;
}

static void tell(JournalWrite *w, int r) {
        if (w->sync) {
                w->sync->result = r;
                (void) sem_post(&w->sync->written);
        } else if (w->done)
                w->done(w, r);
}

void journal_submit(Journal *j, JournalWrite *w) {
        bool over;

        assert(j && w && w->verb >= 0 && w->verb < _JOURNAL_VERB_MAX);
        w->outcome = 0;
        (void) pthread_mutex_lock(&j->lock);
        over = j->ending;
        if (!over) {
                list_append(&j->queue, w);
                count_in(j, w);
                /* Who does not insist wants to know now: that is a try before its time. */
                if (!write_is_lazy(w) && !write_insists(w))
                        j->retry_at = MIN(j->retry_at, now_monotonic());
                (void) pthread_cond_signal(&j->wake);
        }
        (void) pthread_mutex_unlock(&j->lock);
        if (over)
                tell(w, -ECANCELED);
}

int journal_write(Journal *j, JournalWrite *w) {
        struct JournalSync sync = {};

        if (sem_init(&sync.written, 0, 0) < 0)
                return -errno;
        w->sync = &sync;
        journal_submit(j, w);
        while (sem_wait(&sync.written) < 0)
                ;
        (void) sem_destroy(&sync.written);
        w->sync = NULL;
        return sync.result;
}

/* ---- writing ---- */

/* Failures by what is to be written, not by what it is written to. */
static bool is_by_content(int r) {
        return r == -EINVAL || r == -E2BIG || r == -EBADMSG || r == -EEXIST;
}

static int apply_all(Journal *j, const WriteList *l, bool *ret_by_content) {
        Database *d = &j->database;
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        for (JournalWrite *w = l->first; w && r >= 0; w = w->next) {
                r = w->outcome = journal_apply(d, w);
                if (r < 0)
                        *ret_by_content = is_by_content(r);
        }
        for (JournalWrite *w = l->first; w && r >= 0; w = w->next)
                fault_step(w->verb == JOURNAL_ACCEPT ? "accept-uncommitted" : w->verb == JOURNAL_FINISH ? "finish-uncommitted" : "");
        return database_end(d, MIN(r, 0));
}

/* Each in a transaction of its own; what one of them fails by is its outcome. */
static int apply_each(Journal *j, WriteList *l) {
        for (JournalWrite *w = l->first; w; w = w->next) {
                JournalWrite *next = w->next;
                WriteList one = { w, w };
                bool by_content = false;
                int r;

                w->next = NULL;
                r = apply_all(j, &one, &by_content);
                w->next = next;
                if (r < 0 && !by_content)
                        return r;
                if (r < 0)
                        log_error("A request cannot be written to the journal %s: %s", j->database.path, store_last_error());
        }
        return 0;
}

static int write_batch(Journal *j, WriteList *l) {
        Database *d = &j->database;
        bool by_content = false;
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = apply_all(j, l, &by_content);
        if (r < 0 && by_content)
                r = apply_each(j, l);
        return database_leave(d, r);
}

static void set_trouble(Journal *j, const char *text) {
        char *copy = text ? strdup(text) : NULL, *before;
        bool change;

        (void) pthread_mutex_lock(&j->lock);
        change = !streq_ptr(j->trouble, copy);
        before = j->trouble;
        j->trouble = copy;
        (void) pthread_mutex_unlock(&j->lock);
        free(before);
        if (change && j->changed)
                j->changed(j->userdata);
}

static void batch_failed(Journal *j, WriteList *l, int r) {
        WriteList again = {}, refused = {};
        char text[600];
        JournalWrite *w;
        usec_t delay = backoff_delay(j->attempt, RETRY_FIRST, RETRY_CAP);

        snprintf(text, sizeof text, "journal: %.500s", isempty(store_last_error()) ? strerror(-r) : store_last_error());
        if (j->attempt++ == 0)
                log_event(LOG_LEVEL_ERROR, MESSAGE_STEP_FAILED, NULL,
                          "The journal %s cannot be written, so no request that changes something is accepted: %s; trying again "
                          "until it can", j->database.path, text + strlen("journal: "));
        set_trouble(j, text);

        (void) pthread_mutex_lock(&j->lock);
        while ((w = list_pop(l)))
                list_append(write_insists(w) && !j->giving_up ? &again : &refused, w);
        j->retry_at = now_monotonic() + delay;
        for (w = again.first; w; w = w->next)
                count_in(j, w);
        if (again.first) {              /* before what came meanwhile */
                again.last->next = j->queue.first;
                if (!j->queue.first)
                        j->queue.last = again.last;
                j->queue.first = again.first;
        }
        (void) pthread_mutex_unlock(&j->lock);

        while ((w = list_pop(&refused)))
                tell(w, j->giving_up && write_insists(w) ? -ECANCELED : r);
}

static void batch_written(Journal *j, WriteList *l) {
        JournalWrite *w;

        if (j->attempt > 0) {
                log_event(LOG_LEVEL_INFO, MESSAGE_STEP_FAILED, NULL, "The journal %s is written again", j->database.path);
                j->attempt = 0;
                set_trouble(j, NULL);
        }
        (void) pthread_mutex_lock(&j->lock);
        j->retry_at = 0;
        j->commits++;
        (void) pthread_mutex_unlock(&j->lock);

        for (w = l->first; w; w = w->next)
                fault_step(w->verb == JOURNAL_ACCEPT ? "accept-committed" : w->verb == JOURNAL_FINISH ? "finish-committed" : "");
        while ((w = list_pop(l)))
                tell(w, w->outcome);
}

void journal_prune_now(Journal *j) {
        (void) pthread_mutex_lock(&j->lock);
        j->prune_now = true;
        (void) pthread_cond_signal(&j->wake);
        (void) pthread_mutex_unlock(&j->lock);
}

static void prune(Journal *j) {
        Database *d = &j->database;
        usec_t before = j->keep_for > 0 ? now_realtime() - j->keep_for : 0;
        int r;

        j->next_prune = now_monotonic() + PRUNE_INTERVAL;
        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return;                 /* the next write tells */
        r = journal_prune(d, before, j->keep_rows, PRUNE_MAX);
        (void) database_leave(d, r);
        if (r > 0)
                log_debug("%d requests that ended long ago are forgotten", r);
        if (r == PRUNE_MAX)
                j->next_prune = now_monotonic() + USEC_PER_SEC;
}

/* Until when to sleep, 0 = there is something to do now. With the lock held. */
static usec_t sleep_until(Journal *j, usec_t now) {
        usec_t until;

        if (j->ending || j->prune_now)
                return 0;
        if (!j->queue.first)
                return j->next_prune;
        if (j->retry_at > now && !j->giving_up)
                return j->retry_at;
        until = j->urgent > 0 ? 0 : j->lazy_until;
        return until > now ? until : 0;
}

static WriteList take_batch(Journal *j) {
        WriteList l = {};
        JournalWrite *w;

        for (unsigned n = 0; n < BATCH_MAX && (w = list_pop(&j->queue)); n++)
                list_append(&l, w);
        j->urgent = 0;
        j->lazy_until = 0;
        for (w = j->queue.first; w; w = w->next)
                count_in(j, w);
        return l;
}

static void *journal_main(void *userdata) {
        Journal *j = userdata;

        (void) pthread_setname_np(pthread_self(), "journal");
        (void) pthread_mutex_lock(&j->lock);
        for (;;) {
                usec_t now = now_monotonic(), until = sleep_until(j, now);
                WriteList batch;
                int r;

                if (until > now) {
                        struct timespec ts = { .tv_sec = (time_t) (until / USEC_PER_SEC),
                                               .tv_nsec = (long) (until % USEC_PER_SEC) * 1000 };

                        (void) pthread_cond_timedwait(&j->wake, &j->lock, &ts);
                        continue;
                }
                if (!j->queue.first && j->ending)
                        break;
                batch = j->prune_now ? (WriteList) {} : take_batch(j);
                j->prune_now = false;
                (void) pthread_mutex_unlock(&j->lock);

                if (batch.first) {
                        usec_t began = now_monotonic();

                        r = write_batch(j, &batch);
                        if (r >= 0)
                                histogram_observe(&j->commit_times, now_monotonic() - began);
                        if (r < 0)
                                batch_failed(j, &batch, r);
                        else
                                batch_written(j, &batch);
                } else
                        prune(j);
                (void) pthread_mutex_lock(&j->lock);
        }
        (void) pthread_mutex_unlock(&j->lock);
        return NULL;
}

/* ---- life ---- */

int journal_new(Journal **ret, const JournalSettings *settings) {
        pthread_condattr_t monotonic;
        sigset_t all, before;
        Journal *j;
        int r;

        j = calloc(1, sizeof *j);
        if (!j)
                return -ENOMEM;
        r = database_init(&j->database, settings->path, settings->synchronous, BUSY_TIMEOUT);
        if (r < 0) {
                free(j);
                return r;
        }
        j->database.migrations = journal_migrations;
        j->database.n_migrations = journal_n_migrations;
        j->database.application_id = JOURNAL_APPLICATION_ID;
        j->keep_for = settings->keep_for;
        j->keep_rows = settings->keep_rows;
        j->next_prune = now_monotonic() + PRUNE_INTERVAL;
        (void) pthread_mutex_init(&j->lock, NULL);
        (void) pthread_condattr_init(&monotonic);
        (void) pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&j->wake, &monotonic);
        (void) pthread_condattr_destroy(&monotonic);

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&j->thread, NULL, journal_main, j);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0) {
                (void) pthread_cond_destroy(&j->wake);
                (void) pthread_mutex_destroy(&j->lock);
                database_done(&j->database);
                free(j);
                return -r;
        }
        *ret = j;
        return 0;
}

void journal_give_up(Journal *j) {
        (void) pthread_mutex_lock(&j->lock);
        j->giving_up = true;
        (void) pthread_cond_signal(&j->wake);
        (void) pthread_mutex_unlock(&j->lock);
}

Journal *journal_free(Journal *j) {
        if (!j)
                return NULL;
        (void) pthread_mutex_lock(&j->lock);
        j->giving_up = j->ending = true;
        (void) pthread_cond_signal(&j->wake);
        (void) pthread_mutex_unlock(&j->lock);
        (void) pthread_join(j->thread, NULL);
        (void) pthread_cond_destroy(&j->wake);
        (void) pthread_mutex_destroy(&j->lock);
        database_done(&j->database);
        free(j->trouble);
        free(j);
        return NULL;
}

void journal_set_trouble_handler(Journal *j, void (*changed)(void *userdata), void *userdata) {
        j->changed = changed;
        j->userdata = userdata;
}

char *journal_trouble(Journal *j) {
        char *copy;

        (void) pthread_mutex_lock(&j->lock);
        copy = j->trouble ? strdup(j->trouble) : NULL;
        (void) pthread_mutex_unlock(&j->lock);
        return copy;
}

const Histogram *journal_commit_times(const Journal *j) {
        return &j->commit_times;
}

uint64_t journal_commits(Journal *j) {
        uint64_t n;

        (void) pthread_mutex_lock(&j->lock);
        n = j->commits;
        (void) pthread_mutex_unlock(&j->lock);
        return n;
}

/* ---- by configuration ---- */

/* Beside the store's file and named after it, so that two daemons that share a directory do not share a journal. */
char *journal_path(const Config *config) {
        const char *given = config_string(config, "journal_path");
        _cleanup_(store_url_done) StoreUrl url = {};
        char *path;
        size_t n;

        if (!isempty(given))
                return strdup(given);
        if (!streq(strempty(config_string(config, "state_backend")), "local"))
                return asprintf(&path, "%s/journal.sqlite", strempty(config_string(config, "state_path"))) < 0 ? NULL : path;
        if (store_url_parse(strempty(config_string(config, "sql_connection")), &url) < 0)
                return NULL;
        n = strlen(url.path);
        if (n > strlen(".sqlite") && streq(url.path + n - strlen(".sqlite"), ".sqlite"))
                n -= strlen(".sqlite");
        return asprintf(&path, "%.*s-journal.sqlite", (int) n, url.path) < 0 ? NULL : path;
}

int journal_new_from_config(Journal **ret, const Config *config, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!config_boolean(config, "request_journal")) {
                *ret = NULL;
                return 0;
        }
        path = journal_path(config);
        if (!path)
                return -ENOMEM;
        if (*path != '/')
                return exception_setf(e, EXC_INVALID, "journal_path = %s is not an absolute path", path);
        r = journal_new(ret, &(JournalSettings) {
                                     .path = path,
                                     .synchronous = config_boolean(config, "sqlite_synchronous"),
                                     .keep_for = (usec_t) config_integer(config, "journal_keep_seconds") * USEC_PER_SEC,
                                     .keep_rows = config_integer(config, "journal_keep_requests"),
                             });
        return r < 0 ? exception_set_errno(e, r, "the journal") : 0;
}

/* ---- without changing anything ---- */

int journal_peek(const char *path, JournalRowList *ret) {
        Database d;
        int r;

        if (access(path, F_OK) < 0)
                return errno == ENOENT ? 0 : store_failed(-errno, "The journal %s cannot be read: %s", path, strerror(errno));
        r = database_init(&d, path, true, BUSY_TIMEOUT);
        if (r < 0)
                return r;
        d.read_only = true;
        d.migrations = journal_migrations;
        d.n_migrations = journal_n_migrations;
        d.application_id = JOURNAL_APPLICATION_ID;
        r = database_enter(&d, ACCESS_READ);
        if (r >= 0)
                r = database_leave(&d, journal_load(&d, NULL, ret));
        database_done(&d);
        return r < 0 ? r : 1;
}

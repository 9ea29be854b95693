/* The worker pool. Jobs meet the test at gates, so that nothing depends on how quick the machine is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "basic/pool.h"

#define PATIENCE (30 * USEC_PER_SEC)

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#ifndef SANITIZED
/* A machine that has no more threads, when wanted. */
static atomic_bool no_threads;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *), void *data) {
        int (*real)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *);

        if (atomic_load(&no_threads))
                return EAGAIN;
        *(void **) &real = dlsym(RTLD_NEXT, "pthread_create");
        return real(thread, attr, main, data);
}
#endif

typedef struct Gate {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned arrived;
        bool open;
} Gate;

#define GATE_CLOSED {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}

static void gate_pass(Gate *g) {
        pthread_mutex_lock(&g->lock);
        g->arrived++;
        pthread_cond_broadcast(&g->changed);
        while (!g->open)
                pthread_cond_wait(&g->changed, &g->lock);
        pthread_mutex_unlock(&g->lock);
}

static void gate_open(Gate *g) {
        pthread_mutex_lock(&g->lock);
        g->open = true;
        pthread_cond_broadcast(&g->changed);
        pthread_mutex_unlock(&g->lock);
}

/* Until @n jobs stand at the gate. */
static void gate_wait(Gate *g, unsigned n) {
        struct timespec until;

        assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
        until.tv_sec += PATIENCE / USEC_PER_SEC;
        pthread_mutex_lock(&g->lock);
        while (g->arrived < n)
                if (pthread_cond_timedwait(&g->changed, &g->lock, &until) != 0)
                        fail_msg("only %u of %u came to the gate", g->arrived, n);
        pthread_mutex_unlock(&g->lock);
}

typedef struct Scene {
        sd_event *event;
        Pool *pool;
        pthread_t loop;
        unsigned done, canceled;
        atomic_uint done_elsewhere;
        char order[64];                 /* one letter per job, as they were done */
        int last_result;
        unsigned stalls, ends;
        char stalled[64];
        usec_t stalled_running;
} Scene;

typedef struct TestJob {
        Job job;
        Scene *scene;
        Gate *gate;
        char letter;
        int result;
        usec_t takes;                   /* works so long */
        void (*more)(Scene *s);         /* in done */
} TestJob;

static int setup(void **state) {
        Scene *s = calloc(1, sizeof *s);

        assert_non_null(s);
        assert_true(sd_event_new(&s->event) >= 0);
        assert_int_equal(pool_new(&s->pool, s->event, 4), 0);
        s->loop = pthread_self();
        *state = s;
        return 0;
}

static int teardown(void **state) {
        Scene *s = *state;

        if (s->pool) {
                assert_int_equal(pool_stop(s->pool, PATIENCE), 0);
                pool_free(s->pool);
        }
        sd_event_unref(s->event);
        free(s);
        return 0;
}

static int work(Job *j) {
        TestJob *t = (TestJob *) j;

        if (t->gate)
                gate_pass(t->gate);
        for (usec_t until = now_monotonic() + t->takes; now_monotonic() < until;)
                ;
        return t->result;
}

static void done(Job *j, int r) {
        TestJob *t = (TestJob *) j;
        Scene *s = t->scene;
        size_t n = strlen(s->order);

        if (!pthread_equal(pthread_self(), s->loop))
                abort();
        s->done++;
        s->canceled += r == -ECANCELED;
        s->last_result = r;
        if (t->letter && n + 1 < sizeof s->order)
                s->order[n] = t->letter;
        if (t->more)
                t->more(s);
        free(t);
}

static void done_elsewhere(Job *j, int r) {
        TestJob *t = (TestJob *) j;

        (void) atomic_fetch_add(&t->scene->done_elsewhere, pthread_equal(pthread_self(), t->scene->loop) ? 1000 : 1);
        gate_pass(t->gate);
        free(t);
}

static void done_is_a_mistake(Job *j, int r) {
        abort();
}

static TestJob *new_job(Scene *s, JobKind kind, char *key, Gate *gate) {
        TestJob *t = calloc(1, sizeof *t);

        assert_non_null(t);
        *t = (TestJob){.job = {.kind = kind, .name = "test", .key = key, .work = work, .done = done}, .scene = s,
                       .gate = gate};
        return t;
}

static void submit(Scene *s, TestJob *t) {
        assert_int_equal(pool_submit(s->pool, &t->job), 0);
}

static void run_until_done(Scene *s, unsigned n) {
        usec_t until = now_monotonic() + PATIENCE;

        while (s->done < n) {
                if (now_monotonic() > until)
                        fail_msg("only %u of %u jobs are done", s->done, n);
                assert_true(sd_event_run(s->event, USEC_PER_SEC) >= 0);
        }
        assert_int_equal(s->done, n);
}

static int look_at_thread(Job *j) {
        pthread_attr_t attr;
        size_t size = 0;
        sigset_t set;

        (void) pthread_sigmask(SIG_SETMASK, NULL, &set);
        if (pthread_getattr_np(pthread_self(), &attr) != 0)
                return -EIO;
        (void) pthread_attr_getstacksize(&attr, &size);
        (void) pthread_attr_destroy(&attr);
        if (pthread_equal(pthread_self(), ((TestJob *) j)->scene->loop) || !sigismember(&set, SIGTERM) ||
            !sigismember(&set, SIGCHLD))
                return -EBADE;
        return (int) (size / 1024);
}

static void work_is_on_a_small_thread_without_signals_and_done_on_the_loop(void **state) {
        Scene *s = *state;
        TestJob *t = new_job(s, JOB_QUERY, NULL, NULL);

        t->job.work = look_at_thread;
        submit(s, t);
        run_until_done(s, 1);
#ifndef SANITIZED
        assert_int_equal(s->last_result, 256);
#else
        assert_true(s->last_result > 0);
#endif
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 0);
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 0);
}

static int no_work(Job *j) {
        return 0;
}

static void done_may_be_on_the_worker(void **state) {
        Scene *s = *state;
        Gate gate = GATE_CLOSED;

        for (int i = 0; i < 10; i++) {
                TestJob *t = new_job(s, JOB_QUERY, NULL, &gate);

                t->job.work = no_work;
                t->job.done_on_worker = true;
                t->job.done = done_elsewhere;
                submit(s, t);
        }
        gate_wait(&gate, 4);
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 0);
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 6);
        gate_open(&gate);
        gate_wait(&gate, 10);
        assert_int_equal(pool_stop(s->pool, PATIENCE), 0);      /* waits for those who are in done */
        assert_int_equal(atomic_load(&s->done_elsewhere), 10);
}

static void jobs_of_one_key_run_in_order_and_one_at_a_time(void **state) {
        Scene *s = *state;
        Gate a = GATE_CLOSED, b = GATE_CLOSED;
        char key[] = "6f9e", other[] = "other";

        for (char c = 'a'; c <= 'h'; c++) {
                /* Of different kinds: the key counts. */
                TestJob *t = new_job(s, c % 2 ? JOB_STATE : JOB_BUILD, key, &a);
                t->letter = c;
                submit(s, t);
        }
        submit(s, new_job(s, JOB_STATE, other, &b));
        gate_wait(&a, 1);
        gate_wait(&b, 1);
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 2);
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 7);
        assert_int_equal(pool_unfinished(s->pool), 9);
        assert_int_equal(pool_waiting(s->pool, JOB_STATE), 3);
        assert_int_equal(a.arrived, 1);
        gate_open(&b);
        run_until_done(s, 1);
        gate_open(&a);
        run_until_done(s, 9);
        assert_string_equal(s->order, "abcdefgh");
}

static void one_that_waits_may_be_let_ahead(void **state) {
        Scene *s = *state;
        Gate a = GATE_CLOSED;
        char key[] = "6f9e";
        TestJob *first = new_job(s, JOB_STATE, key, &a), *last = new_job(s, JOB_STATE, key, NULL), *capped, *behind[2];

        first->letter = 'a';
        submit(s, first);
        gate_wait(&a, 1);
        for (int i = 0; i < 2; i++) {
                behind[i] = new_job(s, JOB_STATE, key, NULL);
                behind[i]->letter = (char) ('b' + i);
                submit(s, behind[i]);
        }
        last->letter = 'z';
        submit(s, last);

        assert_false(pool_let_ahead(s->pool, &first->job, true));             /* it runs */
        assert_false(pool_let_ahead(s->pool, &behind[1]->job, false));  /* it waits for its key */
        assert_true(pool_let_ahead(s->pool, &behind[1]->job, true));
        run_until_done(s, 1);
        assert_string_equal(s->order, "c");
        assert_true(pool_let_ahead(s->pool, &last->job, true));               /* the end of the list */
        run_until_done(s, 2);
        submit(s, new_job(s, JOB_STATE, key, NULL));                    /* is appended all the same */

        pool_set_cap(s->pool, JOB_STATE, 1);
        capped = new_job(s, JOB_STATE, NULL, NULL);
        capped->letter = 'd';
        submit(s, capped);
        assert_true(pool_let_ahead(s->pool, &capped->job, false));
        run_until_done(s, 3);
        assert_int_equal(pool_waiting(s->pool, JOB_STATE), 2);

        gate_open(&a);
        run_until_done(s, 6);
        assert_string_equal(s->order, "czdab");
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 0);
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 0);
}

static void a_cap_holds_its_kind_back_and_nobody_else(void **state) {
        Scene *s = *state;
        Gate builds = GATE_CLOSED;

        pool_set_cap(s->pool, JOB_BUILD, 2);
        for (int i = 0; i < 6; i++)
                submit(s, new_job(s, JOB_BUILD, NULL, &builds));
        gate_wait(&builds, 2);
        submit(s, new_job(s, JOB_QUERY, NULL, NULL));
        run_until_done(s, 1);
        assert_int_equal(pool_running(s->pool, JOB_BUILD), 2);
        assert_int_equal(pool_waiting(s->pool, JOB_BUILD), 4);

        pool_set_cap(s->pool, JOB_BUILD, 0);            /* now as many as there are threads */
        gate_wait(&builds, 4);
        assert_int_equal(pool_running(s->pool, JOB_BUILD), 4);
        gate_open(&builds);
        run_until_done(s, 7);
}

static void queries_find_a_thread_whatever_all_others_do(void **state) {
        Scene *s = *state;
        Gate gate = GATE_CLOSED;

        pool_reserve_for_queries(s->pool, 1);
        for (int i = 0; i < 9; i++)
                submit(s, new_job(s, i % 3 == 0 ? JOB_STATE : i % 3 == 1 ? JOB_BUILD : JOB_PERIODIC, NULL, &gate));
        gate_wait(&gate, 3);
        submit(s, new_job(s, JOB_QUERY, NULL, NULL));
        run_until_done(s, 1);
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 3);
        gate_open(&gate);
        run_until_done(s, 10);

        pool_reserve_for_queries(s->pool, 100);         /* one is left to the others all the same */
        submit(s, new_job(s, JOB_STATE, NULL, NULL));
        run_until_done(s, 11);
}

static void service_jobs_find_a_thread_when_all_others_hang(void **state) {
        Scene *s = *state;
        Gate gate = GATE_CLOSED;

        for (int i = 0; i < 10; i++)
                submit(s, new_job(s, i % 2 ? JOB_STATE : JOB_QUERY, NULL, &gate));
        gate_wait(&gate, 4);
        assert_int_equal(pool_threads(s->pool), 4);
        for (unsigned i = 1; i <= 3; i++) {
                submit(s, new_job(s, JOB_SERVICE, NULL, NULL));
                run_until_done(s, i);
        }
        assert_int_equal(pool_running(s->pool, _JOB_KIND_MAX), 4);
        gate_open(&gate);
        run_until_done(s, 13);
}

static void threads_come_on_demand_and_end_when_idle(void **state) {
        Scene *s = *state;
        Gate gate = GATE_CLOSED;
        usec_t until;

        assert_int_equal(pool_threads(s->pool), 0);
        submit(s, new_job(s, JOB_QUERY, NULL, NULL));
        run_until_done(s, 1);
        assert_int_equal(pool_threads(s->pool), 1);
        submit(s, new_job(s, JOB_QUERY, NULL, &gate));
        submit(s, new_job(s, JOB_QUERY, NULL, &gate));
        gate_wait(&gate, 2);
        assert_true(pool_threads(s->pool) <= 3);
        pool_set_idle_time(s->pool, 1000);
        gate_open(&gate);
        run_until_done(s, 3);
        /* The first thread may have begun to wait with the former patience: what it is given makes it begin anew. */
        until = now_monotonic() + PATIENCE;
        for (unsigned n = 4; pool_threads(s->pool) > 0 && now_monotonic() < until; n++) {
                submit(s, new_job(s, JOB_QUERY, NULL, NULL));
                run_until_done(s, n);
                (void) sd_event_run(s->event, 5000);
        }
        assert_int_equal(pool_threads(s->pool), 0);
        unsigned before = s->done;
        submit(s, new_job(s, JOB_QUERY, NULL, NULL));
        run_until_done(s, before + 1);
}

static void on_stalled(const JobInfo *info, bool ended, void *userdata) {
        Scene *s = userdata;

        assert_true(pthread_equal(pthread_self(), s->loop));
        assert_true(info->stalled);
        if (ended)
                s->ends++;
        else
                s->stalls++;
        (void) snprintf(s->stalled, sizeof s->stalled, "%s %s %s", job_kind_to_string(info->kind), info->name,
                        info->key ?: "-");
        s->stalled_running = info->running;
        (void) pool_running(s->pool, _JOB_KIND_MAX);    /* the lock is free */
}

static void find_stalled(const JobInfo *info, void *userdata) {
        *(unsigned *) userdata += info->stalled ? 100 : 1;
        assert_string_equal(info->name, "test");
}

static void a_job_beyond_its_deadline_is_told_once_and_again_when_it_ends(void **state) {
        Scene *s = *state;
        Gate slow = GATE_CLOSED, free_gate = GATE_CLOSED;
        usec_t until = now_monotonic() + PATIENCE;
        unsigned seen = 0;
        char key[] = "6f9e";
        TestJob *t;

        pool_set_stalled_handler(s->pool, on_stalled, s);
        t = new_job(s, JOB_STATE, key, &slow);
        t->job.deadline = 20 * USEC_PER_MSEC;
        submit(s, t);
        t = new_job(s, JOB_STATE, NULL, &free_gate);
        t->job.deadline = 3600 * USEC_PER_SEC;
        submit(s, t);
        submit(s, new_job(s, JOB_STATE, NULL, &free_gate));     /* without a deadline */
        gate_wait(&slow, 1);
        gate_wait(&free_gate, 2);

        while (s->stalls == 0 && now_monotonic() < until)
                assert_true(sd_event_run(s->event, USEC_PER_SEC) >= 0);
        assert_int_equal(s->stalls, 1);
        assert_int_equal(s->ends, 0);
        assert_string_equal(s->stalled, "state test 6f9e");
        assert_in_range(s->stalled_running, 20 * USEC_PER_MSEC, PATIENCE);
        pool_foreach_running(s->pool, find_stalled, &seen);
        assert_int_equal(seen, 102);

        gate_open(&slow);
        run_until_done(s, 1);
        assert_int_equal(s->stalls, 1);
        assert_int_equal(s->ends, 1);
        gate_open(&free_gate);
        run_until_done(s, 3);
        assert_int_equal(s->ends, 1);
}

static void without_running_deadlines_nothing_wakes_the_loop(void **state) {
        Scene *s = *state;

        pool_set_stalled_handler(s->pool, on_stalled, s);
        for (unsigned i = 1; i <= 3; i++) {
                TestJob *t = new_job(s, JOB_STATE, NULL, NULL);
                t->job.deadline = 30 * USEC_PER_MSEC;
                submit(s, t);
                run_until_done(s, i);
        }
        while (sd_event_run(s->event, 0) > 0)
                ;
        unsigned stalls = s->stalls;            /* a slow machine may have had some */
        assert_int_equal(sd_event_run(s->event, 100 * USEC_PER_MSEC), 0);
        assert_int_equal(s->stalls, stalls);
}

static void stopping_cancels_what_waits_and_waits_for_what_runs(void **state) {
        Scene *s = *state;
        Gate open = GATE_CLOSED;
        char key[] = "k";
        TestJob *refused;

        gate_open(&open);
        for (int i = 0; i < 4; i++) {
                TestJob *t = new_job(s, JOB_STATE, NULL, &open);
                t->takes = 20 * USEC_PER_MSEC;
                submit(s, t);
        }
        gate_wait(&open, 4);
        for (int i = 0; i < 20; i++)
                submit(s, new_job(s, i % 3 ? JOB_BUILD : JOB_QUERY, i % 2 ? key : NULL, NULL));
        assert_int_equal(pool_stop(s->pool, PATIENCE), 0);
        assert_int_equal(s->done, 24);
        assert_in_range(s->canceled, 0, 20);

        refused = new_job(s, JOB_QUERY, NULL, NULL);
        assert_int_equal(pool_submit(s->pool, &refused->job), -ESHUTDOWN);
        free(refused);
        assert_int_equal(s->done, 24);
        assert_int_equal(pool_stop(s->pool, 0), 0);
}

static void every_waiting_job_is_canceled_once(void **state) {
        static Gate gate = GATE_CLOSED;         /* those who stand at it outlive this test, */
        static char key[] = "k";
        static TestJob running[4];              /* and are nobody's to free */
        Scene *s = *state;

        for (int i = 0; i < 4; i++) {
                running[i] = (TestJob){.job = {.kind = JOB_STATE, .name = "test", .key = i == 0 ? key : NULL, .work = work,
                                               .done = done_is_a_mistake},
                                       .gate = &gate};
                submit(s, &running[i]);
        }
        gate_wait(&gate, 4);
        for (int i = 0; i < 20; i++)
                submit(s, new_job(s, JOB_BUILD, i % 2 ? key : NULL, NULL));
        assert_int_equal(pool_waiting(s->pool, JOB_BUILD), 20);

        /* Those at the gate are given up, and nothing is called for them, also not when they end. */
        assert_int_equal(pool_stop(s->pool, 1000), 4);
        assert_int_equal(s->done, 20);
        assert_int_equal(s->canceled, 20);
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 0);
        assert_int_equal(pool_threads(s->pool), 4);
        gate_open(&gate);
}

static TestJob abandoned_jobs[3];

static int work_to_the_end(Job *j) {
        TestJob *t = (TestJob *) j;

        gate_pass(t->gate);
        return 0;
}

static void abandoned_jobs_may_end_after_the_pool_is_gone(void **state) {
        static Gate gate = GATE_CLOSED;         /* outlives this test: those who stand at it do */
        Scene *s = *state;

        pool_set_stalled_handler(s->pool, on_stalled, s);
        for (size_t i = 0; i < ELEMENTSOF(abandoned_jobs); i++) {
                abandoned_jobs[i] = (TestJob){.job = {.kind = JOB_QUERY, .name = "abandoned", .work = work_to_the_end,
                                                      .done = done_is_a_mistake, .done_on_worker = i == 1,
                                                      .deadline = i == 2 ? 1 : 0},
                                              .gate = &gate};
                assert_int_equal(pool_submit(s->pool, &abandoned_jobs[i].job), 0);
        }
        gate_wait(&gate, 3);
        for (usec_t until = now_monotonic() + PATIENCE; s->stalls == 0 && now_monotonic() < until;)
                assert_true(sd_event_run(s->event, USEC_PER_SEC) >= 0);
        assert_int_equal(pool_stop(s->pool, 0), 3);
        s->pool = pool_free(s->pool);
        assert_null(s->pool);
        gate_open(&gate);
}

static void submit_another(Scene *s) {
        TestJob *t = new_job(s, JOB_QUERY, NULL, NULL);

        t->letter = 'b';
        submit(s, t);
}

static void end_pool(Scene *s) {
        (void) pool_stop(s->pool, 0);
        s->pool = pool_free(s->pool);
}

static void done_may_submit_and_may_end_the_pool(void **state) {
        Scene *s = *state;
        TestJob *t = new_job(s, JOB_QUERY, NULL, NULL);

        t->letter = 'a';
        t->more = submit_another;
        submit(s, t);
        run_until_done(s, 2);
        assert_string_equal(s->order, "ab");

        t = new_job(s, JOB_QUERY, NULL, NULL);
        t->more = end_pool;
        submit(s, t);
        run_until_done(s, 3);
        assert_null(s->pool);
}

static void without_a_thread_the_job_stays_the_caller_s(void **state) {
#ifdef SANITIZED
        skip();
#else
        Scene *s = *state;
        char key[] = "k";
        TestJob *t = new_job(s, JOB_QUERY, key, NULL);
        Gate gate = GATE_CLOSED;

        atomic_store(&no_threads, true);
        assert_int_equal(pool_submit(s->pool, &t->job), -EAGAIN);
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 0);
        atomic_store(&no_threads, false);
        submit(s, t);
        run_until_done(s, 1);

        /* With one thread there, later jobs wait for it. */
        submit(s, new_job(s, JOB_QUERY, NULL, &gate));
        gate_wait(&gate, 1);
        atomic_store(&no_threads, true);
        submit(s, new_job(s, JOB_QUERY, NULL, NULL));
        submit(s, new_job(s, JOB_QUERY, key, NULL));
        assert_int_equal(pool_waiting(s->pool, _JOB_KIND_MAX), 2);
        gate_open(&gate);
        run_until_done(s, 4);
        atomic_store(&no_threads, false);
#endif
}

/* Many submitters, many keys: each key's jobs in order, never two at once, each done once. */

#define SUBMITTERS 4
#define JOBS_EACH 500
#define KEYS 25

typedef struct KeyState {
        atomic_uint inside;
        unsigned last[SUBMITTERS];      /* guarded by the key itself, which is what is tried */
} KeyState;

typedef struct Storm {
        Pool *pool;
        KeyState keys[KEYS];
        atomic_uint builds, most_builds, done, wrong;
} Storm;

typedef struct StormJob {
        Job job;
        Storm *storm;
        char key[8];
        unsigned k, who, number;
} StormJob;

static int storm_work(Job *j) {
        StormJob *t = (StormJob *) j;
        Storm *s = t->storm;
        KeyState *k = &s->keys[t->k];

        if (j->kind == JOB_BUILD) {
                unsigned n = atomic_fetch_add(&s->builds, 1) + 1, most = atomic_load(&s->most_builds);
                while (n > most && !atomic_compare_exchange_weak(&s->most_builds, &most, n))
                        ;
        }
        if (atomic_fetch_add(&k->inside, 1) != 0 || t->number <= k->last[t->who])
                (void) atomic_fetch_add(&s->wrong, 1);
        k->last[t->who] = t->number;
        (void) atomic_fetch_sub(&k->inside, 1);
        if (j->kind == JOB_BUILD)
                (void) atomic_fetch_sub(&s->builds, 1);
        return 0;
}

static void storm_done(Job *j, int r) {
        StormJob *t = (StormJob *) j;

        if (r != 0)
                (void) atomic_fetch_add(&t->storm->wrong, 1);
        (void) atomic_fetch_add(&t->storm->done, 1);
        free(t);
}

typedef struct Submitter {
        Storm *storm;
        unsigned who;
} Submitter;

static void *storm_submit(void *userdata) {
        Submitter *me = userdata;

        for (unsigned i = 1; i <= JOBS_EACH; i++) {
                StormJob *t = calloc(1, sizeof *t);

                if (!t)
                        abort();
                *t = (StormJob){.job = {.kind = i % 3 == 0 ? JOB_BUILD : i % 3 == 1 ? JOB_STATE : JOB_SERVICE,
                                        .name = "storm", .work = storm_work, .done = storm_done,
                                        .deadline = i % 5 ? 0 : USEC_PER_MINUTE, .done_on_worker = i % 2},
                                .storm = me->storm, .k = i * 7 % KEYS, .who = me->who, .number = i};
                (void) snprintf(t->key, sizeof t->key, "%u", t->k);
                t->job.key = t->key;
                while (pool_submit(me->storm->pool, &t->job) == -EAGAIN)
                        (void) sched_yield();
        }
        return NULL;
}

static void a_storm_of_jobs_keeps_order_caps_and_count(void **state) {
        Scene *s = *state;
        Storm *storm = calloc(1, sizeof *storm);
        usec_t until = now_monotonic() + PATIENCE;
        Submitter submitters[SUBMITTERS];
        pthread_t threads[SUBMITTERS];

        assert_non_null(storm);
        storm->pool = s->pool;
        pool_set_cap(s->pool, JOB_BUILD, 2);
        for (unsigned i = 0; i < SUBMITTERS; i++) {
                submitters[i] = (Submitter){storm, i};
                assert_int_equal(pthread_create(&threads[i], NULL, storm_submit, &submitters[i]), 0);
        }
        while (atomic_load(&storm->done) < SUBMITTERS * JOBS_EACH && now_monotonic() < until)
                assert_true(sd_event_run(s->event, 10 * USEC_PER_MSEC) >= 0);
        for (unsigned i = 0; i < SUBMITTERS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(pool_stop(s->pool, PATIENCE), 0);
        assert_int_equal(atomic_load(&storm->done), SUBMITTERS * JOBS_EACH);
        assert_int_equal(atomic_load(&storm->wrong), 0);
        assert_in_range(atomic_load(&storm->most_builds), 1, 2);
        free(storm);
}

static void every_kind_has_a_name(void **state) {
        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                assert_non_null(job_kind_to_string(k));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(work_is_on_a_small_thread_without_signals_and_done_on_the_loop),
                T(done_may_be_on_the_worker),
                T(jobs_of_one_key_run_in_order_and_one_at_a_time),
                T(one_that_waits_may_be_let_ahead),
                T(a_cap_holds_its_kind_back_and_nobody_else),
                T(queries_find_a_thread_whatever_all_others_do),
                T(service_jobs_find_a_thread_when_all_others_hang),
                T(threads_come_on_demand_and_end_when_idle),
                T(a_job_beyond_its_deadline_is_told_once_and_again_when_it_ends),
                T(without_running_deadlines_nothing_wakes_the_loop),
                T(stopping_cancels_what_waits_and_waits_for_what_runs),
                T(every_waiting_job_is_canceled_once),
                T(abandoned_jobs_may_end_after_the_pool_is_gone),
                T(done_may_submit_and_may_end_the_pool),
                T(without_a_thread_the_job_stays_the_caller_s),
                T(a_storm_of_jobs_keeps_order_caps_and_count),
                cmocka_unit_test(every_kind_has_a_name),
        };
        return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}

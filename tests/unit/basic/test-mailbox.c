/* Mailboxes and loop threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "basic/loop-thread.h"
#include "basic/macros.h"
#include "basic/mailbox.h"
#include "basic/time-util.h"

#define POSTERS 4
#define ITEMS 2000

typedef struct Reader {
        sd_event *event;
        Mailbox *box;
        intptr_t last[POSTERS];
        unsigned n, until;
} Reader;

typedef struct Poster {
        Mailbox *box;
        intptr_t id;
} Poster;

/* An item is poster * ITEMS + number, numbers from 1. */
static void on_item(void *item, void *userdata) {
        Reader *r = userdata;
        intptr_t value = (intptr_t) item - 1, who = value / ITEMS;

        assert_in_range(who, 0, POSTERS - 1);
        assert_true(value % ITEMS == r->last[who]);
        r->last[who]++;
        if (++r->n == r->until)
                assert_true(sd_event_exit(r->event, 0) >= 0);
}

static void *post_items(void *userdata) {
        Poster *p = userdata;

        for (intptr_t i = 0; i < ITEMS; i++)
                if (mailbox_post(p->box, (void *) (p->id * ITEMS + i + 1)) < 0)
                        return NULL;
        return p;
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        fail_msg("nothing came within 30 s");
        return 0;
}

static sd_event *new_event(void) {
        sd_event *e;

        assert_true(sd_event_new(&e) >= 0);
        assert_true(sd_event_add_time_relative(e, NULL, CLOCK_MONOTONIC, 30 * USEC_PER_SEC, 0, on_deadline, NULL) >= 0);
        return e;
}

static void items_of_many_threads_arrive_each_thread_s_in_order(void **state) {
        Reader r = {.event = new_event(), .until = POSTERS * ITEMS};
        Poster posters[POSTERS];
        pthread_t threads[POSTERS];

        assert_int_equal(mailbox_new(&r.box, r.event, "test", 0, on_item, NULL, &r), 0);
        for (intptr_t i = 0; i < POSTERS; i++) {
                posters[i] = (Poster){r.box, i};
                assert_int_equal(pthread_create(&threads[i], NULL, post_items, &posters[i]), 0);
        }
        assert_int_equal(sd_event_loop(r.event), 0);
        for (size_t i = 0; i < POSTERS; i++) {
                void *ok;
                assert_int_equal(pthread_join(threads[i], &ok), 0);
                assert_non_null(ok);
                assert_int_equal(r.last[i], ITEMS);
        }
        mailbox_free(r.box);
        sd_event_unref(r.event);
}

static void count_items(void *item, void *userdata) {
        Reader *r = userdata;

        r->n++;
}

static void many_items_wake_the_loop_once(void **state) {
        Reader r = {.event = new_event()};

        assert_int_equal(mailbox_new(&r.box, r.event, "test", 0, count_items, NULL, &r), 0);
        for (intptr_t i = 0; i < 100; i++)
                assert_int_equal(mailbox_post(r.box, (void *) (i + 1)), 0);
        assert_true(sd_event_run(r.event, 0) > 0);
        assert_int_equal(r.n, 100);
        assert_int_equal(sd_event_run(r.event, 0), 0);
        mailbox_free(r.box);
        sd_event_unref(r.event);
}

static void post_again(void *item, void *userdata) {
        Reader *r = userdata;

        r->n++;
        assert_int_equal(mailbox_post(r->box, item), 0);
}

static void a_handler_that_posts_does_not_starve_the_loop(void **state) {
        Reader r = {.event = new_event()};

        assert_int_equal(mailbox_new(&r.box, r.event, "test", 0, post_again, NULL, &r), 0);
        assert_int_equal(mailbox_post(r.box, &r), 0);
        for (unsigned i = 1; i <= 5; i++) {
                assert_true(sd_event_run(r.event, 0) > 0);
                assert_int_equal(r.n, i);
        }
        mailbox_free(r.box);
        sd_event_unref(r.event);
}

static unsigned discarded;

static void discard(void *item) {
        discarded++;
}

static void free_box(void *item, void *userdata) {
        Reader *r = userdata;

        r->n++;
        r->box = mailbox_free(r->box);
}

static void what_nobody_reads_is_discarded(void **state) {
        Reader r = {.event = new_event()};

        discarded = 0;
        assert_int_equal(mailbox_new(&r.box, r.event, "test", 0, on_item, discard, &r), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(mailbox_post(r.box, &r), 0);
        mailbox_free(r.box);
        assert_int_equal(discarded, 3);

        /* The same when a handler frees the mailbox at the first of three. */
        assert_int_equal(mailbox_new(&r.box, r.event, "test", 0, free_box, discard, &r), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(mailbox_post(r.box, &r), 0);
        assert_true(sd_event_run(r.event, 0) > 0);
        assert_int_equal(r.n, 1);
        assert_int_equal(discarded, 5);
        assert_null(mailbox_free(NULL));
        sd_event_unref(r.event);
}

/* Loop threads */

typedef struct Scene {
        LoopThread *thread;
        pthread_t runs_on;
        atomic_uint n;
        unsigned at_call;
        sigset_t blocked;
        char name[16];
        sd_event_source *timer;
} Scene;

static void count(void *data) {
        Scene *s = data;

        (void) atomic_fetch_add(&s->n, 1);
}

static void look(void *data) {
        Scene *s = data;

        s->runs_on = pthread_self();
        s->at_call = atomic_load(&s->n);
        (void) pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
        (void) pthread_getname_np(pthread_self(), s->name, sizeof s->name);
}

static void calls_run_in_order_on_the_thread_with_signals_blocked(void **state) {
        Scene s = {};

        assert_int_equal(loop_thread_new(&s.thread, "amqp-consumer-too-long"), 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(loop_thread_post(s.thread, count, &s), 0);
        assert_int_equal(loop_thread_call(s.thread, look, &s), 0);
        assert_int_equal(s.at_call, 100);
        assert_false(pthread_equal(s.runs_on, pthread_self()));
        assert_true(sigismember(&s.blocked, SIGTERM));
        assert_true(sigismember(&s.blocked, SIGHUP));
        assert_string_equal(s.name, "amqp-consumer-t");
        loop_thread_free(s.thread);
}

static void freeing_lets_run_what_was_posted_before(void **state) {
        Scene s = {};

        for (int round = 0; round < 20; round++) {
                atomic_store(&s.n, 0);
                assert_int_equal(loop_thread_new(&s.thread, "test"), 0);
                for (int i = 0; i < 50; i++)
                        assert_int_equal(loop_thread_post(s.thread, count, &s), 0);
                s.thread = loop_thread_free(s.thread);
                assert_null(s.thread);
                assert_int_equal(atomic_load(&s.n), 50);
        }
        assert_null(loop_thread_free(NULL));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        count(userdata);
        return 0;
}

static void start_timer(void *data) {
        Scene *s = data;

        if (sd_event_add_time_relative(loop_thread_event(s->thread), &s->timer, CLOCK_MONOTONIC, 1000, 1, on_timer, s) < 0)
                (void) atomic_fetch_add(&s->n, 1000);
}

static void stop_timer(void *data) {
        Scene *s = data;

        s->timer = sd_event_source_disable_unref(s->timer);
}

static void sources_of_the_thread_s_event_are_served(void **state) {
        usec_t until = now_monotonic() + 30 * USEC_PER_SEC;
        Scene s = {};

        assert_int_equal(loop_thread_new(&s.thread, "test"), 0);
        assert_int_equal(loop_thread_call(s.thread, start_timer, &s), 0);
        while (atomic_load(&s.n) == 0 && now_monotonic() < until)
                assert_int_equal(loop_thread_call(s.thread, look, &s), 0);
        assert_int_equal(atomic_load(&s.n), 1);
        assert_int_equal(loop_thread_call(s.thread, stop_timer, &s), 0);
        loop_thread_free(s.thread);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(items_of_many_threads_arrive_each_thread_s_in_order),
                cmocka_unit_test(many_items_wake_the_loop_once),
                cmocka_unit_test(a_handler_that_posts_does_not_starve_the_loop),
                cmocka_unit_test(what_nobody_reads_is_discarded),
                cmocka_unit_test(calls_run_in_order_on_the_thread_with_signals_blocked),
                cmocka_unit_test(freeing_lets_run_what_was_posted_before),
                cmocka_unit_test(sources_of_the_thread_s_event_are_served),
        };
        return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}

/* The journal: rows and their states, repeats, group commit, a disk that cannot be written, what is forgotten, what another
 * process may look at. */
#include "store-fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>

#include "basic/log.h"
#include "db/journal.h"

static Journal *open_journal(const Fixture *f, usec_t keep_for, int64_t keep_rows) {
        Journal *j;

        assert_result(journal_new(&j, &(JournalSettings) {
                                              .path = f->path, .synchronous = true, .keep_for = keep_for, .keep_rows = keep_rows }), 0);
        return j;
}

static JournalRow sample_row(const char *unique_id, const char *msg_id) {
        return (JournalRow) {
                .service = strdup("nova-compute@host1"),
                .unique_id = unique_id ? strdup(unique_id) : NULL,
                .method = strdup("reboot_instance"),
                .args = strdup("{\"reboot_type\":\"HARD\"}"),
                .context = strdup("{}"),
                .msg_id = msg_id ? strdup(msg_id) : NULL,
                .reply_q = msg_id ? strdup("reply_1") : NULL,
                .instance_uuid = strdup("6f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b10"),
                .origin = strdup("rpc"),
                .accepted_at = now_realtime(),
        };
}

static int accept_row(Journal *j, const char *unique_id, const char *msg_id, int64_t *ret_id) {
        JournalWrite w = { .verb = JOURNAL_ACCEPT, .row = sample_row(unique_id, msg_id) };
        int r = journal_write(j, &w);

        if (ret_id)
                *ret_id = w.id;
        journal_row_done(&w.row);
        return r;
}

static int simple(Journal *j, JournalVerb verb, int64_t id, const char *text) {
        JournalWrite w = { .verb = verb, .id = id, .text = text, .state = JOURNAL_DONE, .result = verb == JOURNAL_FINISH ? text : NULL };

        return journal_write(j, &w);
}

static JournalRowList load(Journal *j) {
        JournalWrite w = { .verb = JOURNAL_LOAD };

        w.row.service = (char *) "nova-compute@host1";
        assert_result(journal_write(j, &w), 1);
        return w.rows;
}

static void a_request_goes_from_accepted_to_replied_and_loses_its_arguments(void **state) {
        Fixture *f = *state;
        Journal *j = open_journal(f, 0, 0);
        JournalRowList l;
        int64_t id;

        assert_result(accept_row(j, "u1", "m1", &id), 1);
        assert_query(f, "SELECT state || ' ' || reply || ' ' || args FROM requests", "accepted wanted {\"reboot_type\":\"HARD\"}");
        assert_result(simple(j, JOURNAL_BEGIN, id, NULL), 1);
        assert_result(simple(j, JOURNAL_STEP, id, "power off"), 1);
        assert_query(f, "SELECT state || ' ' || step FROM requests", "begun power off");
        l = load(j);
        assert_int_equal(l.n, 1);
        assert_string_equal(l.items[0].step, "power off");
        assert_string_equal(l.items[0].reply_q, "reply_1");
        assert_true(l.items[0].accepted_at > 0);
        journal_row_list_done(&l);

        assert_result(simple(j, JOURNAL_FINISH, id, "5"), 1);
        assert_query(f, "SELECT state || ' ' || reply || ' ' || result FROM requests WHERE args IS NULL AND context IS NULL "
                     "AND step IS NULL AND finished_at IS NOT NULL", "done wanted 5");
        l = load(j);            /* its reply is still owed */
        assert_int_equal(l.n, 1);
        journal_row_list_done(&l);
        assert_result(simple(j, JOURNAL_REPLIED, id, "sent"), 1);
        l = load(j);
        assert_int_equal(l.n, 0);
        journal_row_list_done(&l);

        /* An outcome stays as it is. */
        assert_result(simple(j, JOURNAL_FINISH, id, "6"), 1);
        assert_query(f, "SELECT result FROM requests", "5");
        journal_free(j);
}

static void a_repeat_is_told_what_is_known_of_it_also_after_a_restart(void **state) {
        Fixture *f = *state;
        Journal *j = open_journal(f, 0, 0);
        JournalWrite w = { .verb = JOURNAL_ACCEPT };
        int64_t id, again;

        assert_result(accept_row(j, "u1", "m1", &id), 1);
        assert_result(accept_row(j, "u1", "m1", &again), 0);
        assert_int_equal(again, id);
        assert_result(simple(j, JOURNAL_FINISH, id, "5"), 1);
        journal_free(j);

        j = open_journal(f, 0, 0);
        w.row = sample_row("u1", "m1");
        assert_result(journal_write(j, &w), 0);
        assert_string_equal(w.row.state, "done");
        assert_string_equal(w.row.result, "5");
        journal_row_done(&w.row);
        /* Without an id nothing is known again, unless the broker says it delivered it before. */
        for (int n = 0; n < 3; n++) {
                w = (JournalWrite) { .verb = JOURNAL_ACCEPT, .row = sample_row(NULL, NULL), .redelivered = n == 2 };
                w.row.content = strdup("abc");
                assert_result(journal_write(j, &w), n < 2);
                journal_row_done(&w.row);
        }
        assert_query(f, "SELECT count(*) FROM requests", "3");
        journal_free(j);
}

typedef struct Flood {
        Journal *journal;
        sem_t *all;
        atomic_int accepted, order, wrong;
} Flood;

typedef struct FloodWrite {
        JournalWrite write;
        Flood *flood;
        int number;
} FloodWrite;

static void on_flood(JournalWrite *w, int r) {
        FloodWrite *x = CONTAINER_OF(w, FloodWrite, write);

        if (r != 1 || atomic_fetch_add(&x->flood->order, 1) != x->number)
                atomic_fetch_add(&x->flood->wrong, 1);
        (void) sem_post(x->flood->all);
}

static void those_that_wait_are_written_together_and_told_in_order(void **state) {
        enum { N = 2000 };
        static FloodWrite writes[N];
        Fixture *f = *state;
        Journal *j = open_journal(f, 0, 0);
        sem_t all;
        Flood flood = { .journal = j, .all = &all };
        char id[16];

        assert_return_code(sem_init(&all, 0, 0), errno);
        for (int i = 0; i < N; i++) {
                snprintf(id, sizeof id, "u%d", i);
                writes[i] = (FloodWrite) { .write = { .verb = JOURNAL_ACCEPT, .row = sample_row(id, NULL), .done = on_flood },
                                           .flood = &flood, .number = i };
                journal_submit(j, &writes[i].write);
        }
        for (int i = 0; i < N; i++)
                while (sem_wait(&all) < 0)
                        ;
        assert_int_equal(atomic_load(&flood.wrong), 0);
        assert_true(journal_commits(j) < N / 10);
        assert_query(f, "SELECT count(*) FROM requests", "2000");
        for (int i = 0; i < N; i++)
                journal_row_done(&writes[i].write.row);
        journal_free(j);
        (void) sem_destroy(&all);
}

static void *accept_insisting(void *p) {
        JournalWrite w = { .verb = JOURNAL_ACCEPT, .row = sample_row("patient", NULL), .insist = true };
        int r = journal_write(p, &w);

        journal_row_done(&w.row);
        return (void *) (intptr_t) r;
}

static atomic_int troubles;

static void on_trouble(void *userdata) {
        atomic_fetch_add(&troubles, 1);
}

/* The limit on the size of files stands for a full disk: it is the process's own. */
static void a_full_disk_keeps_who_insists_waiting_refuses_others_and_heals(void **state) {
        Fixture *f = *state;
        Journal *j = open_journal(f, 0, 0);
        struct rlimit before, none;
        _cleanup_free_ char *why = NULL;
        pthread_t thread;
        void *result;
        usec_t until;
        int r;

        (void) signal(SIGXFSZ, SIG_IGN);
        journal_set_trouble_handler(j, on_trouble, NULL);
        assert_result(accept_row(j, "first", NULL, NULL), 1);
        assert_return_code(getrlimit(RLIMIT_FSIZE, &before), errno);
        none = before;
        none.rlim_cur = 0;
        assert_return_code(setrlimit(RLIMIT_FSIZE, &none), errno);
        assert_return_code(pthread_create(&thread, NULL, accept_insisting, j), 0);
        r = accept_row(j, "hasty", NULL, NULL);
        why = journal_trouble(j);
        until = now_monotonic() + 300 * USEC_PER_MSEC;
        while (now_monotonic() < until && pthread_tryjoin_np(thread, &result) == EBUSY)
                usleep(10000);
        assert_return_code(setrlimit(RLIMIT_FSIZE, &before), errno);

        assert_int_equal(r, -ENOSPC);
        assert_non_null(why);
        assert_non_null(strstr(why, "journal: "));
        assert_return_code(pthread_join(thread, &result), 0);
        assert_int_equal((intptr_t) result, 1);
        assert_null(journal_trouble(j));
        assert_true(atomic_load(&troubles) >= 2);
        assert_query(f, "SELECT group_concat(unique_id) FROM requests", "first,patient");
        assert_int_equal(fixture_log_lines(f, "is written again"), 1);
        journal_free(j);
}

static void giving_up_ends_waiting_and_what_is_not_written_is_said(void **state) {
        Fixture *f = *state;
        Journal *j;
        pthread_t thread;
        void *result;

        assert_return_code(mkdir(f->path, 0700), errno);        /* no file can be there */
        j = open_journal(f, 0, 0);
        assert_return_code(pthread_create(&thread, NULL, accept_insisting, j), 0);
        assert_true(accept_row(j, "hasty", NULL, NULL) < 0);
        journal_give_up(j);
        assert_return_code(pthread_join(thread, &result), 0);
        assert_int_equal((intptr_t) result, -ECANCELED);
        journal_free(j);
        assert_return_code(rmdir(f->path), errno);
}

static void what_no_table_takes_fails_alone(void **state) {
        Fixture *f = *state;
        Journal *j = open_journal(f, 0, 0);
        JournalWrite bad = { .verb = JOURNAL_ACCEPT, .row = sample_row("bad", NULL) };

        free(bad.row.method);
        bad.row.method = NULL;
        assert_result(journal_write(j, &bad), -EINVAL);
        journal_row_done(&bad.row);
        assert_result(accept_row(j, "good", NULL, NULL), 1);
        assert_null(journal_trouble(j));
        journal_free(j);
}

static void old_and_surplus_rows_are_forgotten_but_never_open_ones(void **state) {
        Fixture *f = *state;
        int64_t id[6];
        Journal *j;
        char name[8];

        j = open_journal(f, 3600 * USEC_PER_SEC, 3);
        for (int i = 0; i < 6; i++) {
                snprintf(name, sizeof name, "u%d", i);
                assert_result(accept_row(j, name, NULL, &id[i]), 1);
                if (i != 1)
                        assert_result(simple(j, JOURNAL_FINISH, id[i], "1"), 1);
        }
        journal_free(j);
        fixture_sql(f, "UPDATE requests SET finished_at = '2001-01-01 00:00:00.000000' WHERE unique_id = 'u4'");

        j = open_journal(f, 3600 * USEC_PER_SEC, 3);
        journal_prune_now(j);
        assert_result(accept_row(j, "u6", NULL, NULL), 1);      /* behind it */
        assert_query(f, "SELECT group_concat(unique_id) FROM requests", "u1,u3,u5,u6");
        journal_free(j);
}

static void looking_at_it_changes_nothing(void **state) {
        Fixture *f = *state;
        JournalRowList l = {};
        Journal *j;
        int64_t id;

        assert_result(journal_peek(f->path, &l), 0);
        assert_int_equal(fixture_files(f, "nova.sqlite", NULL), 0);
        j = open_journal(f, 0, 0);
        assert_result(accept_row(j, "u1", NULL, NULL), 1);
        assert_result(accept_row(j, "u2", "m2", &id), 1);
        assert_result(simple(j, JOURNAL_FINISH, id, "1"), 1);
        assert_result(journal_peek(f->path, &l), 1);            /* beside the daemon */
        assert_int_equal(l.n, 2);
        journal_row_list_done(&l);
        journal_free(j);
        assert_result(journal_peek(f->path, &l), 1);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.items[0].unique_id, "u1");
        journal_row_list_done(&l);
        assert_int_equal(fixture_companions(f, "", NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_request_goes_from_accepted_to_replied_and_loses_its_arguments, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_repeat_is_told_what_is_known_of_it_also_after_a_restart, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(those_that_wait_are_written_together_and_told_in_order, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_full_disk_keeps_who_insists_waiting_refuses_others_and_heals, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(giving_up_ends_waiting_and_what_is_not_written_is_said, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(what_no_table_takes_fails_alone, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(old_and_surplus_rows_are_forgotten_but_never_open_ones, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(looking_at_it_changes_nothing, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

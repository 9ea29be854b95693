/* Operations that are journalled: what is on the disk at each moment, what a start does with what a crash left, and who is
 * told what. A crash is a copy of the journal's files, taken while the operation runs. */
#include "loop-test.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/log.h"
#include "service/operation-journal.h"

#define UUID "6f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b10"
#define OTHER "7f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b11"

static atomic_int runs, undos, accepts, interrupts, recovered;
static atomic_int blocking;
static sem_t begun, released;
static char order[512];
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *what) {
        pthread_mutex_lock(&order_lock);
        strncat(order, what, sizeof order - strlen(order) - 1);
        strncat(order, " ", sizeof order - strlen(order) - 1);
        pthread_mutex_unlock(&order_lock);
}

static int run(Operation *o, json_t **ret, NovaException *e) {
        atomic_fetch_add(&runs, 1);
        note(json_string_value(json_object_get(o->args, "arg")) ?: o->method->name);
        if (atomic_load(&blocking) > 0) {
                atomic_fetch_sub(&blocking, 1);
                (void) operation_step(o, "half way");
                sem_post(&begun);
                while (sem_wait(&released) < 0)
                        ;
        }
        if (json_object_get(o->args, "fail"))
                return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", UUID);
        *ret = json_incref(json_object_get(o->args, "arg"));
        return 0;
}

/* Has two parts, and may block behind the first. */
static int run_whole(Operation *o, json_t **ret, NovaException *e) {
        for (unsigned n = 0; n < 2; n++) {
                char name[] = "part 0";

                name[5] = (char) ('0' + n);
                assert_return_code(operation_follow(o, "again", json_pack("{s:s, s:s}", "instance_uuid", UUID, "arg", name), e), 0);
                if (n == 0 && json_object_get(o->args, "block")) {
                        sem_post(&begun);
                        while (sem_wait(&released) < 0)
                                ;
                }
        }
        return 0;
}

static int undo(Operation *o, NovaException *e) {
        atomic_fetch_add(&undos, 1);
        return 0;
}

static void on_accept(Operation *o) {
        atomic_fetch_add(&accepts, 1);
}

static const Argument arguments[] = {{"arg", ARGUMENT_STRING, ARGUMENT_OPTIONAL},
                                     {"password", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET},
                                     {}};
#define CHANGES METHOD_CHANGES_STATE | METHOD_PER_INSTANCE
static const Method methods[] = {
        {.name = "again", .arguments = arguments, .flags = CHANGES, .served = SERVED_ZED, .kind = JOB_STATE, .run = run,
         .accepted = on_accept, .recovery = RECOVER_AGAIN},
        {.name = "undone", .arguments = arguments, .flags = CHANGES, .served = SERVED_ZED, .kind = JOB_STATE, .run = run,
         .recovery = RECOVER_UNDO, .undo = undo},
        {.name = "fails", .arguments = arguments, .flags = CHANGES, .served = SERVED_ZED, .kind = JOB_STATE, .run = run},
        {.name = "whole", .arguments = arguments, .flags = METHOD_CHANGES_STATE | METHOD_REPEATABLE, .served = SERVED_ZED, .kind = JOB_QUERY,
         .run = run_whole, .recovery = RECOVER_AGAIN},
        {.name = "reads", .arguments = arguments, .served = SERVED_ZED, .kind = JOB_QUERY, .run = run},
};

static const Method *manager_methods(Manager *m, size_t *ret_n) {
        *ret_n = ELEMENTSOF(methods);
        return methods;
}

static void interrupted(Manager *m, const Operation *o) {
        assert_true(exception_is_set(&o->exception));
        atomic_fetch_add(&interrupts, 1);
}

static void recover_instance(Manager *m, const char *uuid) {
        assert_string_equal(uuid, UUID);
        atomic_fetch_add(&recovered, 1);
}

static const ManagerOps ops = {.class_name = "test.Manager", .methods = manager_methods, .interrupted = interrupted,
                               .recover_instance = recover_instance};
static Manager manager = {MANAGER_MAGIC, MANAGER_ABI, &ops, {}, NULL};

/* One run of a daemon. */
typedef struct Run {
        Journal *journal;
        OperationJournal *operations;
        Pool *pool;
        OperationGate *gate;
        bool idle;
} Run;

typedef struct Fixture {
        char directory[64], path[96], copy[96];
        sd_event *event;
        Run run;
} Fixture;

static void on_idle(void *userdata) {
        ((Run *) userdata)->idle = true;
}

static void run_begin(Fixture *f, Run *r, const char *path, unsigned max_open) {
        *r = (Run){};
        assert_return_code(journal_new(&r->journal, &(JournalSettings){.path = path, .synchronous = true}), 0);
        assert_return_code(operation_journal_new(&r->operations, r->journal, max_open), 0);
        assert_return_code(pool_new(&r->pool, f->event, 4), 0);
        assert_return_code(operation_gate_new(&r->gate, f->event, on_idle, r), 0);
        assert_return_code(operation_gate_set_journal(r->gate, r->operations, "nova-compute@host1"), 0);
}

static void run_end(Fixture *f, Run *r) {
        operation_gate_close(r->gate);
        run_until(f->event, r->idle);
        journal_give_up(r->journal);
        assert_int_equal(pool_stop(r->pool, TEST_DEADLINE), 0);
        pool_free(r->pool);
        operation_gate_detach(r->gate);
        operation_gate_unref(r->gate);
        journal_free(r->journal);
        operation_journal_free(r->operations);
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = "/tmp/test-operation-journal.XXXXXX"};
        atomic_store(&runs, 0);
        atomic_store(&undos, 0);
        atomic_store(&accepts, 0);
        atomic_store(&interrupts, 0);
        atomic_store(&recovered, 0);
        atomic_store(&blocking, 0);
        order[0] = '\0';
        assert_return_code(sem_init(&released, 0, 0), 0);
        assert_return_code(sem_init(&begun, 0, 0), 0);
        assert_non_null(mkdtemp(f.directory));
        snprintf(f.path, sizeof f.path, "%s/journal.sqlite", f.directory);
        snprintf(f.copy, sizeof f.copy, "%s/copy.sqlite", f.directory);
        assert_return_code(sd_event_new(&f.event), 0);
        run_begin(&f, &f.run, f.path, 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[128];

        run_end(f, &f->run);
        sd_event_unref(f->event);
        snprintf(command, sizeof command, "rm -r %s", f->directory);
        assert_int_equal(system(command), 0);
        return 0;
}

/* What a crash at this moment would leave of @path, as @copy. */
static void crash_of(const char *path, const char *copy) {
        char command[512];

        snprintf(command, sizeof command, "rm -f %s*; cp %s %s && cp %s-wal %s-wal", copy, path, copy, path, copy);
        assert_int_equal(system(command), 0);
}

static void crash(Fixture *f) {
        crash_of(f->path, f->copy);
}

static void assert_rows(const char *path, const char *expected) {
        sqlite3 *db;
        sqlite3_stmt *q;
        char text[512];

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        (void) sqlite3_busy_timeout(db, 5000);
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT coalesce(group_concat(method || ':' || state || ':' || reply), '') FROM (SELECT * FROM requests ORDER BY id)",
                                            -1, &q, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        snprintf(text, sizeof text, "%s", (const char *) sqlite3_column_text(q, 0));
        (void) sqlite3_finalize(q);
        (void) sqlite3_close(db);
        assert_string_equal(text, expected);
}

typedef struct End {
        atomic_int ended, recorded;
        bool begun, left;
        int64_t id;
        json_t *result;
        char text[256], class[64], msg_id[32];
} End;

static void on_finished(Operation *o) {
        End *end = o->origin_data;

        end->begun = o->begun;
        end->left = o->left;
        end->id = o->journal_id;
        json_decref(end->result);
        end->result = TAKE_PTR(o->result);
        snprintf(end->text, sizeof end->text, "%s", strempty(o->exception.message));
        snprintf(end->class, sizeof end->class, "%s", strempty(o->exception.class_name));
        snprintf(end->msg_id, sizeof end->msg_id, "%s", strempty(o->msg_id));
        operation_free(o);
        atomic_fetch_add(&end->ended, 1);
}

static void on_recorded(Operation *o) {
        atomic_fetch_add(&((End *) o->origin_data)->recorded, 1);
}

static void submit(Run *r, const char *method, json_t *args, const char *unique_id, OperationOrigin origin, End *end) {
        RpcReplyAddress to = {.format = WIRE_OSLO, .msg_id = unique_id, .reply_q = "reply_1"};
        Operation *o = NULL;

        (void) json_object_set_new(args, "instance_uuid", json_string(UUID));
        assert_return_code(operation_new(&o, &manager, manager_method(&manager, method, ~0u), NULL, args, origin, on_finished, end, NULL), 0);
        json_decref(args);
        assert_return_code(operation_set_request(o, unique_id, NULL, false, &to), 0);
        o->recorded = on_recorded;
        operation_submit(o, r->gate, r->pool);
}

static void recover(Run *r, End *end) {
        OperationRecovery *recovery;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        if (operation_recovery_load(&recovery, r->gate, &e) < 0)
                fail_msg("%s", strempty(e.message));
        operation_recovery_run(recovery, r->gate, r->pool, &manager, on_finished, end);
        operation_recovery_free(recovery);
}

static void it_is_on_the_disk_before_it_is_recorded_and_its_outcome_before_it_is_told(void **state) {
        Fixture *f = *state;
        End end = {}, quick = {};

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        submit(&f->run, "fails", json_pack("{s:s}", "arg", "x"), "u1", ORIGIN_RPC, &end);
        assert_return_code(sem_wait(&begun), 0);
        assert_int_equal(atomic_load(&end.recorded), 1);
        assert_rows(f->path, "fails:begun:wanted");
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&end.ended));
        assert_rows(f->path, "fails:done:wanted");
        assert_string_equal(json_string_value(end.result), "x");
        assert_true(end.begun);
        assert_int_equal(end.id, 1);
        json_decref(end.result);

        operation_journal_replied(f->run.operations, 1, 0);
        submit(&f->run, "again", json_pack("{s:b}", "fail", 1), "u2", ORIGIN_RPC, &quick);
        run_until(f->event, atomic_load(&quick.ended));
        assert_rows(f->path, "fails:done:sent,again:failed:wanted");
        assert_string_equal(quick.class, "InstanceNotFound");
        assert_int_equal(atomic_load(&accepts), 1);

        /* What reads leaves no trace. */
        quick = (End){};
        submit(&f->run, "reads", json_object(), "u3", ORIGIN_RPC, &quick);
        run_until(f->event, atomic_load(&quick.ended));
        assert_rows(f->path, "fails:done:sent,again:failed:wanted");
        assert_int_equal(atomic_load(&quick.recorded), 0);
}

static void a_repeat_is_dropped_while_it_runs_and_answered_from_the_journal_afterwards(void **state) {
        Fixture *f = *state;
        End end = {}, second = {}, third = {}, failed = {}, again = {};

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "x"), "u1", ORIGIN_RPC, &end);
        assert_return_code(sem_wait(&begun), 0);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "x"), "u1", ORIGIN_RPC, &second);
        run_until(f->event, atomic_load(&second.ended));
        assert_true(second.left);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&end.ended));
        json_decref(end.result);

        submit(&f->run, "again", json_pack("{s:s}", "arg", "x"), "u1", ORIGIN_RPC, &third);
        run_until(f->event, atomic_load(&third.ended));
        assert_false(third.left);
        assert_string_equal(json_string_value(third.result), "x");
        json_decref(third.result);

        submit(&f->run, "again", json_pack("{s:b}", "fail", 1), "u2", ORIGIN_RPC, &failed);
        run_until(f->event, atomic_load(&failed.ended));
        submit(&f->run, "again", json_pack("{s:b}", "fail", 1), "u2", ORIGIN_RPC, &again);
        run_until(f->event, atomic_load(&again.ended));
        assert_string_equal(again.class, "InstanceNotFound");
        assert_string_equal(again.text, failed.text);
        assert_int_equal(atomic_load(&runs), 2);
        assert_rows(f->path, "again:done:wanted,again:failed:wanted");
}

/* The daemon dies while @method runs and another waits behind it; the next one finds both. */
static void crashed(Fixture *f, const char *method, json_t *args, Run *next, End *ends) {
        static End lost[2];

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        lost[0] = lost[1] = (End){};
        submit(&f->run, method, args, "u1", ORIGIN_RPC, &lost[0]);
        assert_return_code(sem_wait(&begun), 0);
        submit(&f->run, "fails", json_pack("{s:s}", "arg", "behind"), "u2", ORIGIN_RPC, &lost[1]);
        run_until(f->event, atomic_load(&lost[1].recorded));
        crash(f);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&lost[0].ended) && atomic_load(&lost[1].ended));
        json_decref(lost[0].result);
        json_decref(lost[1].result);

        atomic_store(&runs, 0);
        order[0] = '\0';
        run_begin(f, next, f->copy, 0);
        recover(next, ends);
        run_until(f->event, atomic_load(&ends->ended) == 2);
        assert_int_equal(atomic_load(&recovered), 1);
}

static void what_may_run_again_does_and_what_had_not_begun_runs_behind_it(void **state) {
        Fixture *f = *state;
        End ends = {};
        Run next;

        crashed(f, "again", json_pack("{s:s}", "arg", "first"), &next, &ends);
        assert_string_equal(order, "first behind ");
        assert_rows(f->copy, "again:done:wanted,fails:done:wanted");
        assert_string_equal(ends.msg_id, "u2");
        assert_int_equal(atomic_load(&interrupts), 0);
        json_decref(ends.result);
        run_end(f, &next);
}

static void what_may_not_is_put_back_or_fails_with_a_reason(void **state) {
        Fixture *f = *state;
        End ends = {};
        Run next;

        crashed(f, "undone", json_pack("{s:s}", "arg", "first"), &next, &ends);
        assert_string_equal(order, "behind ");
        assert_rows(f->copy, "undone:undone:wanted,fails:done:wanted");
        assert_int_equal(atomic_load(&undos), 1);
        assert_int_equal(atomic_load(&interrupts), 1);
        json_decref(ends.result);
        run_end(f, &next);
}

static void without_an_undo_it_just_fails(void **state) {
        Fixture *f = *state;
        End ends = {};
        Run next;

        crashed(f, "fails", json_pack("{s:s}", "arg", "first"), &next, &ends);
        assert_string_equal(order, "behind ");
        assert_rows(f->copy, "fails:failed:wanted,fails:done:wanted");
        assert_int_equal(atomic_load(&interrupts), 1);
        json_decref(ends.result);
        run_end(f, &next);
}

static void secrets_are_not_stored_and_what_needs_them_fails_after_a_crash(void **state) {
        Fixture *f = *state;
        End ends = {};
        char command[256];
        Run next;

        crashed(f, "again", json_pack("{s:s, s:s, s:{s:s, s:s}}", "arg", "first", "password", "hunter2", "nested", "auth_token", "hunter2",
                                      "user_data", "kept"), &next, &ends);
        assert_string_equal(order, "behind ");
        assert_rows(f->copy, "again:failed:wanted,fails:done:wanted");
        snprintf(command, sizeof command, "grep -q hunter2 %s/*", f->directory);
        assert_int_not_equal(system(command), 0);
        snprintf(command, sizeof command, "grep -q kept %s/*", f->directory);
        assert_int_equal(system(command), 0);
        json_decref(ends.result);
        run_end(f, &next);
}

static void a_null_secret_is_none(void **state) {
        Fixture *f = *state;
        End ends = {};
        Run next;

        crashed(f, "again", json_pack("{s:s, s:n, s:[{s:s, s:s}]}", "arg", "first", "password", "bdms", "connection_info", "{}",
                                      "auth_token", ""), &next, &ends);
        assert_string_equal(order, "first behind ");
        json_decref(ends.result);
        run_end(f, &next);
}

/* Accepted at once, but not begun before what an earlier run left has had its turn. */
static void new_ones_wait_behind_what_was_left(void **state) {
        Fixture *f = *state;
        End early = {}, left = {}, late = {}, ends = {};

        submit(&f->run, "again", json_pack("{s:s}", "arg", "early"), "u1", ORIGIN_RPC, &early);
        run_until(f->event, atomic_load(&early.recorded));
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&runs), 0);
        /* The service stops before its start was through: it stays. */
        run_end(f, &f->run);
        assert_int_equal(atomic_load(&early.ended), 1);
        assert_true(early.left);
        assert_rows(f->path, "again:accepted:wanted");

        run_begin(f, &f->run, f->path, 0);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "late"), "u2", ORIGIN_RPC, &late);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "early"), "u1", ORIGIN_RPC, &left);
        run_until(f->event, atomic_load(&late.recorded) && atomic_load(&left.ended));
        assert_true(left.left);
        recover(&f->run, &ends);
        run_until(f->event, atomic_load(&ends.ended) && atomic_load(&late.ended));
        assert_string_equal(order, "early late ");
        assert_int_equal(atomic_load(&accepts), 3);     /* the recovered one is told again */
        json_decref(ends.result);
        json_decref(late.result);
}

static void on_the_bus_what_did_not_begin_does_not_happen_later(void **state) {
        Fixture *f = *state;
        End first = {}, waiting = {};

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "first"), NULL, ORIGIN_BUS, &first);
        assert_return_code(sem_wait(&begun), 0);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "second"), NULL, ORIGIN_BUS, &waiting);
        run_until(f->event, atomic_load(&waiting.recorded));
        operation_gate_close(f->run.gate);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, f->run.idle);
        assert_false(waiting.left);
        assert_non_null(strstr(waiting.text, "was not begun"));
        run_end(f, &f->run);
        assert_rows(f->path, "again:done:none,again:failed:none");
        json_decref(first.result);
        run_begin(f, &f->run, f->path, 0);
}

static void a_journal_that_cannot_be_written_refuses_the_bus_and_keeps_the_broker_waiting(void **state) {
        Fixture *f = *state;
        End bus = {}, rpc = {};
        Run broken;

        assert_int_equal(mkdir(f->copy, 0700), 0);
        run_begin(f, &broken, f->copy, 0);
        submit(&broken, "again", json_pack("{s:s}", "arg", "rpc"), "u1", ORIGIN_RPC, &rpc);
        submit(&broken, "again", json_pack("{s:s}", "arg", "bus"), NULL, ORIGIN_BUS, &bus);
        run_until(f->event, atomic_load(&bus.ended));
        assert_non_null(strstr(bus.text, "again was not accepted, as the journal cannot be written"));
        assert_int_equal(atomic_load(&rpc.ended) + atomic_load(&rpc.recorded) + atomic_load(&runs), 0);

        /* Well again. */
        assert_int_equal(rmdir(f->copy), 0);
        run_until(f->event, atomic_load(&rpc.recorded));
        recover(&broken, NULL);
        run_until(f->event, atomic_load(&rpc.ended));
        assert_string_equal(order, "rpc ");
        json_decref(rpc.result);
        run_end(f, &broken);
}

static void at_the_limit_the_next_one_waits_unaccepted(void **state) {
        Fixture *f = *state;
        End first = {}, second = {}, third = {};
        Run limited;

        run_begin(f, &limited, f->copy, 1);
        recover(&limited, NULL);
        atomic_store(&blocking, 1);
        submit(&limited, "again", json_pack("{s:s}", "arg", "1"), "u1", ORIGIN_RPC, &first);
        assert_return_code(sem_wait(&begun), 0);
        submit(&limited, "again", json_pack("{s:s}", "arg", "2"), "u2", ORIGIN_RPC, &second);
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&second.recorded), 0);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&second.ended));
        json_decref(first.result);
        json_decref(second.result);

        atomic_store(&blocking, 1);
        first = second = (End){};
        submit(&limited, "again", json_pack("{s:s}", "arg", "3"), "u3", ORIGIN_RPC, &first);
        assert_return_code(sem_wait(&begun), 0);
        submit(&limited, "again", json_pack("{s:s}", "arg", "4"), "u4", ORIGIN_RPC, &third);
        operation_gate_close(limited.gate);
        assert_int_equal(atomic_load(&third.ended), 1);         /* back to the broker */
        assert_false(third.begun);
        assert_false(third.left);
        assert_return_code(sem_post(&released), 0);
        run_end(f, &limited);
        json_decref(first.result);
}

static void parts_are_accepted_before_the_whole_has_ended_and_beyond_the_limit(void **state) {
        Fixture *f = *state;
        End whole = {}, ends = {};
        Run limited, next;
        char left[96];

        run_begin(f, &limited, f->copy, 1);
        recover(&limited, NULL);
        atomic_store(&blocking, 1);
        submit(&limited, "whole", json_object(), "u1", ORIGIN_RPC, &whole);
        run_until(f->event, atomic_load(&whole.ended));
        assert_return_code(sem_wait(&begun), 0);
        /* The machine goes down now. */
        assert_rows(f->copy, "whole:done:wanted,again:begun:none,again:accepted:none");
        snprintf(left, sizeof left, "%s/left.sqlite", f->directory);
        crash_of(f->copy, left);
        assert_return_code(sem_post(&released), 0);
        run_end(f, &limited);

        order[0] = '\0';
        run_begin(f, &next, left, 0);
        recover(&next, &ends);
        run_until(f->event, atomic_load(&ends.ended) == 2);
        assert_string_equal(order, "part 0 part 1 ");
        json_decref(ends.result);
        run_end(f, &next);
}

static void of_a_whole_that_runs_again_each_part_is_once(void **state) {
        Fixture *f = *state;
        End whole = {}, ends = {};
        Run next;

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        submit(&f->run, "whole", json_pack("{s:b}", "block", 1), "u1", ORIGIN_RPC, &whole);
        assert_return_code(sem_wait(&begun), 0);        /* the whole, */
        assert_return_code(sem_wait(&begun), 0);        /* and its first part */
        crash(f);
        assert_rows(f->copy, "whole:accepted:wanted,again:begun:none");
        assert_return_code(sem_post(&released), 0);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&whole.ended));
        run_until(f->event, operation_gate_running(f->run.gate) == 0);

        order[0] = '\0';
        run_begin(f, &next, f->copy, 0);
        assert_return_code(sem_post(&released), 0);
        recover(&next, &ends);
        run_until(f->event, atomic_load(&ends.ended) == 2 && operation_gate_running(next.gate) == 0);
        assert_string_equal(order, "part 0 part 1 ");
        assert_rows(f->copy, "whole:done:wanted,again:done:none,again:done:none");
        json_decref(ends.result);
        run_end(f, &next);
}

static void a_stop_leaves_parts_to_the_next_start(void **state) {
        Fixture *f = *state;
        End whole = {}, ends = {};
        Run next;

        run_begin(f, &next, f->copy, 0);
        recover(&next, NULL);
        submit(&next, "whole", json_pack("{s:b}", "block", 1), "u1", ORIGIN_RPC, &whole);
        assert_return_code(sem_wait(&begun), 0);
        run_until(f->event, operation_gate_running(next.gate) == 1);    /* the first part is done */
        operation_gate_close(next.gate);
        assert_return_code(sem_post(&released), 0);
        run_end(f, &next);
        assert_true(whole.begun);
        assert_rows(f->copy, "whole:done:wanted,again:done:none,again:accepted:none");

        run_begin(f, &next, f->copy, 0);
        recover(&next, &ends);
        run_until(f->event, atomic_load(&ends.ended) == 1);
        assert_string_equal(order, "part 0 part 1 ");
        json_decref(ends.result);
        run_end(f, &next);
}

static void end_plain(Run *r) {
        assert_int_equal(pool_stop(r->pool, TEST_DEADLINE), 0);
        pool_free(r->pool);
        operation_gate_detach(r->gate);
        operation_gate_unref(r->gate);
}

static void without_a_journal_the_whole_ends_with_its_last_part(void **state) {
        Fixture *f = *state;
        End whole = {}, again = {};
        Run plain = {};

        assert_return_code(pool_new(&plain.pool, f->event, 4), 0);
        assert_return_code(operation_gate_new(&plain.gate, f->event, on_idle, &plain), 0);
        atomic_store(&blocking, 1);
        submit(&plain, "whole", json_object(), "u1", ORIGIN_RPC, &whole);
        assert_return_code(sem_wait(&begun), 0);
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&whole.ended), 0);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&whole.ended));
        assert_true(whole.begun);
        assert_int_equal(atomic_load(&runs), 2);

        /* One that does not begin hands the whole back: nobody else knows of it. */
        atomic_store(&blocking, 1);
        submit(&plain, "whole", json_object(), "u2", ORIGIN_RPC, &again);
        assert_return_code(sem_wait(&begun), 0);
        operation_gate_close(plain.gate);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&again.ended));
        assert_false(again.begun);
        assert_int_equal(atomic_load(&runs), 3);
        run_until(f->event, plain.idle);
        end_plain(&plain);
}

static void what_is_put_off_waits_in_its_order_and_goes_on(void **state) {
        Fixture *f = *state;
        End ends[3] = {}, read = {};

        recover(&f->run, NULL);
        atomic_store(&blocking, 1);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "first"), "u1", ORIGIN_RPC, &ends[0]);
        assert_return_code(sem_wait(&begun), 0);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "behind"), "u2", ORIGIN_RPC, &ends[1]);      /* in the pool, which has its turn */
        run_until(f->event, atomic_load(&ends[1].recorded));
        operation_gate_put_off(f->run.gate, true);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "later"), "u3", ORIGIN_RPC, &ends[2]);
        run_until(f->event, atomic_load(&ends[2].recorded));
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&ends[0].ended));               /* what runs goes on */
        submit(&f->run, "reads", json_pack("{s:s}", "arg", "read"), "u4", ORIGIN_RPC, &read);           /* what changes nothing too */
        run_until(f->event, atomic_load(&read.ended));
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_string_equal(order, "first read ");
        assert_int_equal(operation_gate_running(f->run.gate), 2);
        assert_rows(f->path, "again:done:wanted,again:accepted:wanted,again:accepted:wanted");

        operation_gate_put_off(f->run.gate, false);
        run_until(f->event, atomic_load(&ends[1].ended) && atomic_load(&ends[2].ended));
        assert_string_equal(order, "first read behind later ");
        assert_true(ends[1].begun && ends[2].begun);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                json_decref(ends[i].result);
        json_decref(read.result);
}

static void what_is_put_off_at_a_stop_is_left_to_the_next_start_or_was_never_begun(void **state) {
        Fixture *f = *state;
        End rpc = {}, bus = {}, after = {}, handed_back = {};
        Run plain = {};

        recover(&f->run, NULL);
        operation_gate_put_off(f->run.gate, true);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "by RPC"), "u1", ORIGIN_RPC, &rpc);
        submit(&f->run, "again", json_pack("{s:s}", "arg", "by D-Bus"), NULL, ORIGIN_BUS, &bus);
        run_until(f->event, atomic_load(&rpc.recorded) && atomic_load(&bus.recorded));
        operation_gate_close(f->run.gate);
        run_until(f->event, atomic_load(&rpc.ended) && atomic_load(&bus.ended));
        assert_true(rpc.left && !rpc.begun && !bus.left && !bus.begun);
        assert_non_null(strstr(bus.text, "was not begun"));
        run_end(f, &f->run);
        assert_int_equal(atomic_load(&runs), 0);
        assert_rows(f->path, "again:accepted:wanted,again:failed:none");

        run_begin(f, &f->run, f->path, 0);
        recover(&f->run, &after);
        run_until(f->event, atomic_load(&after.ended));
        assert_string_equal(order, "by RPC ");
        json_decref(after.result);

        /* without a journal it is handed back */
        assert_return_code(pool_new(&plain.pool, f->event, 4), 0);
        assert_return_code(operation_gate_new(&plain.gate, f->event, on_idle, &plain), 0);
        operation_gate_put_off(plain.gate, true);
        submit(&plain, "again", json_object(), "u2", ORIGIN_RPC, &handed_back);
        run_for(f->event, 10 * USEC_PER_MSEC);
        assert_int_equal(atomic_load(&handed_back.ended), 0);
        operation_gate_close(plain.gate);
        run_until(f->event, atomic_load(&handed_back.ended) && plain.idle);
        assert_false(handed_back.begun);
        assert_int_equal(atomic_load(&runs), 1);
        end_plain(&plain);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_is_on_the_disk_before_it_is_recorded_and_its_outcome_before_it_is_told, setup, teardown),
                cmocka_unit_test_setup_teardown(a_repeat_is_dropped_while_it_runs_and_answered_from_the_journal_afterwards, setup, teardown),
                cmocka_unit_test_setup_teardown(what_may_run_again_does_and_what_had_not_begun_runs_behind_it, setup, teardown),
                cmocka_unit_test_setup_teardown(what_may_not_is_put_back_or_fails_with_a_reason, setup, teardown),
                cmocka_unit_test_setup_teardown(without_an_undo_it_just_fails, setup, teardown),
                cmocka_unit_test_setup_teardown(secrets_are_not_stored_and_what_needs_them_fails_after_a_crash, setup, teardown),
                cmocka_unit_test_setup_teardown(a_null_secret_is_none, setup, teardown),
                cmocka_unit_test_setup_teardown(new_ones_wait_behind_what_was_left, setup, teardown),
                cmocka_unit_test_setup_teardown(on_the_bus_what_did_not_begin_does_not_happen_later, setup, teardown),
                cmocka_unit_test_setup_teardown(a_journal_that_cannot_be_written_refuses_the_bus_and_keeps_the_broker_waiting, setup, teardown),
                cmocka_unit_test_setup_teardown(at_the_limit_the_next_one_waits_unaccepted, setup, teardown),
                cmocka_unit_test_setup_teardown(parts_are_accepted_before_the_whole_has_ended_and_beyond_the_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(of_a_whole_that_runs_again_each_part_is_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_leaves_parts_to_the_next_start, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_journal_the_whole_ends_with_its_last_part, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_put_off_waits_in_its_order_and_goes_on, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_put_off_at_a_stop_is_left_to_the_next_start_or_was_never_begun, setup, teardown),
        };

        log_set_level(LOG_LEVEL_CRITICAL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is shown of operations: each is told once it is accepted, with what became of it, however much happened between two turns. */
#include "loop-test.h"

#include <semaphore.h>

#include "service/job-table.h"

static sem_t go;

static int run_slow(Operation *o, json_t **ret, NovaException *e) {
        (void) operation_step(o, "first");
        operation_progress(o, 40);
        while (sem_wait(&go) < 0)
                ;
        return operation_cancelled(o) ? operation_refuse_cancelled(o, e) : 0;
}

static int run_fail(Operation *o, json_t **ret, NovaException *e) {
        return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "there is none");
}

static const Argument arguments[] = { {} };
static const Method slow = { "slow", arguments, METHOD_CHANGES_STATE, SERVED_ZED, JOB_STATE, 5 * USEC_PER_SEC, NULL, run_slow };
static const Method failing = { "failing", arguments, METHOD_CHANGES_STATE, SERVED_ZED, JOB_STATE, 0, NULL, run_fail };
static const Method query = { "query", arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_fail };

typedef struct Fixture {
        sd_event *event;
        Pool *pool;
        OperationGate *gate;
        JobTable *table;
        unsigned added, changed, removed, refused;
        JobView last;                   /* of the last change; its texts are copies */
        atomic_uint finished;
} Fixture;

static void forget(Fixture *f) {
        free(f->last.step);
        free(f->last.error);
        free(f->last.message);
        f->last = (JobView) {};
}

static void on_job(const JobView *v, JobChange change, void *userdata) {
        Fixture *f = userdata;

        f->added += change == JOB_ADDED;
        f->changed += change == JOB_CHANGED;
        f->removed += change == JOB_REMOVED;
        f->refused += change == JOB_REFUSED;
        forget(f);
        f->last = *v;
        f->last.step = v->step ? strdup(v->step) : NULL;
        f->last.error = v->error ? strdup(v->error) : NULL;
        f->last.message = v->message ? strdup(v->message) : NULL;
}

static void on_idle(void *userdata) {
}

static void on_finished(Operation *o) {
        Fixture *f = o->origin_data;

        (void) operation_free(o);
        atomic_fetch_add(&f->finished, 1);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);

        assert_return_code(sem_init(&go, 0, 0), 0);
        assert_return_code(sd_event_new(&f->event), 0);
        assert_return_code(pool_new(&f->pool, f->event, 4), 0);
        assert_return_code(operation_gate_new(&f->gate, f->event, on_idle, f), 0);
        operation_gate_set_deadline(f->gate, USEC_PER_MINUTE);
        assert_return_code(job_table_new(&f->table, f->event), 0);
        operation_gate_set_feed(f->gate, job_table_feed(f->table));
        job_table_observe(f->table, on_job, f);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        assert_int_equal(pool_stop(f->pool, TEST_DEADLINE), 0);
        operation_gate_detach(f->gate);
        (void) pool_free(f->pool);
        (void) job_table_free(f->table);
        (void) operation_gate_unref(f->gate);
        sd_event_unref(f->event);
        forget(f);
        free(f);
        return 0;
}

static uint64_t submit(Fixture *f, const Method *m, OperationOrigin origin) {
        static const ManagerOps ops = {};
        static Manager manager = { .ops = &ops };
        Operation *o;
        uint64_t id;

        assert_return_code(operation_new(&o, &manager, m, NULL, NULL, origin, on_finished, f, NULL), 0);
        id = operation_id(o);
        operation_submit(o, f->gate, f->pool);
        return id;
}

static void a_job_is_added_changed_and_removed(void **state) {
        Fixture *f = *state;
        uint64_t id = submit(f, &slow, ORIGIN_RPC);
        const JobView *v;

        run_until(f->event, f->last.progress == 40);
        assert_int_equal(f->added, 1);
        assert_int_equal(job_table_count(f->table), 1);
        v = job_table_find(f->table, id);
        assert_non_null(v);
        assert_ptr_equal(v->method, &slow);
        assert_int_equal(v->state, JOB_RUNNING);
        assert_string_equal(v->step, "first");
        assert_true(v->accepted > 0 && v->started >= v->accepted);
        assert_int_equal(v->deadline, 5 * USEC_PER_SEC);
        assert_null(v->instance_uuid);

        assert_return_code(operation_cancel(f->gate, id), 0);
        run_until(f->event, f->last.state == JOB_CANCELLING);
        sem_post(&go);
        run_until(f->event, f->removed == 1);
        assert_int_equal(f->last.result, JOB_RESULT_CANCELLED);
        assert_string_equal(f->last.message, "slow was cancelled");
        assert_int_equal(job_table_count(f->table), 0);
        assert_null(job_table_find(f->table, id));
        assert_int_equal(f->added, 1);
}

static void what_happens_between_two_turns_is_told_in_one(void **state) {
        Fixture *f = *state;

        sem_post(&go);
        (void) submit(f, &slow, ORIGIN_RPC);
        while (atomic_load(&f->finished) == 0)
                (void) usleep(1000);
        run_until(f->event, f->removed == 1);
        assert_int_equal(f->added, 1);
        assert_int_equal(f->changed, 0);
        assert_int_equal(f->last.result, JOB_RESULT_DONE);
        assert_null(f->last.error);
}

static void a_failure_has_its_exception_and_queries_are_none(void **state) {
        Fixture *f = *state;

        (void) submit(f, &query, ORIGIN_BUS);
        (void) submit(f, &failing, ORIGIN_RPC);
        run_until(f->event, f->removed == 1 && atomic_load(&f->finished) == 2);
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_int_equal(f->added, 1);
        assert_int_equal(f->last.result, JOB_RESULT_FAILED);
        assert_string_equal(f->last.error, "InstanceNotFound");
        assert_string_equal(f->last.message, "there is none");
}

static void what_is_refused_is_told_to_who_asked_on_the_bus_alone(void **state) {
        Fixture *f = *state;
        static const ManagerOps ops = {};
        static Manager manager = { .ops = &ops };
        Operation *o;

        operation_gate_close(f->gate);
        (void) submit(f, &failing, ORIGIN_RPC);
        assert_return_code(operation_new(&o, &manager, &failing, NULL, NULL, ORIGIN_BUS, on_finished, f, NULL), 0);
        assert_return_code(operation_show(o, f->gate), 0);
        operation_submit(o, f->gate, f->pool);
        run_until(f->event, f->refused == 1);
        assert_non_null(strstr(f->last.message, "the service stops"));
        assert_int_equal(f->added + f->removed, 0);
}

static void a_paused_table_tells_all_afterwards_in_order(void **state) {
        Fixture *f = *state;
        uint64_t ids[100];

        job_table_pause(f->table, true);
        for (size_t n = 0; n < ELEMENTSOF(ids); n++)
                ids[n] = submit(f, &slow, ORIGIN_RPC);
        run_for(f->event, 20 * USEC_PER_MSEC);
        assert_int_equal(f->added, 0);
        job_table_pause(f->table, false);
        run_until(f->event, f->added == ELEMENTSOF(ids));
        assert_int_equal(job_table_count(f->table), ELEMENTSOF(ids));
        for (size_t n = 0; n < ELEMENTSOF(ids); n++) {
                assert_non_null(job_table_find(f->table, ids[n]));
                sem_post(&go);
        }
        run_until(f->event, f->removed == ELEMENTSOF(ids));
}

static void operations_may_outlive_the_table(void **state) {
        Fixture *f = *state;

        (void) submit(f, &slow, ORIGIN_RPC);
        run_until(f->event, f->added == 1);
        f->table = job_table_free(f->table);
        sem_post(&go);
        run_until(f->event, atomic_load(&f->finished) == 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                test(a_job_is_added_changed_and_removed),
                test(what_happens_between_two_turns_is_told_in_one),
                test(a_failure_has_its_exception_and_queries_are_none),
                test(what_is_refused_is_told_to_who_asked_on_the_bus_alone),
                test(a_paused_table_tells_all_afterwards_in_order),
                test(operations_may_outlive_the_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

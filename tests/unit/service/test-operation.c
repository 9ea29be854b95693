#include "loop-test.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "basic/log.h"
#include "service/operation-metrics.h"
#include "service/operation.h"

#define UUID "6f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b10"

static atomic_int blocked, hooks, accepts;
static sem_t released;          /* one post lets one run_block end */

static int run_echo(Operation *o, json_t **ret, NovaException *e) {
        *ret = json_incref(json_object_get(o->args, "arg"));
        return 0;
}

static int run_fail(Operation *o, json_t **ret, NovaException *e) {
        return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", UUID);
}

static int run_errno(Operation *o, json_t **ret, NovaException *e) {
        return -EROFS;
}

static int run_block(Operation *o, json_t **ret, NovaException *e) {
        atomic_fetch_add(&blocked, 1);
        while (sem_wait(&released) < 0)
                ;
        return 0;
}

static int run_deadline(Operation *o, json_t **ret, NovaException *e) {
        *ret = json_integer((json_int_t) o->job.deadline);
        return 0;
}

static int run_steps(Operation *o, json_t **ret, NovaException *e) {
        assert_return_code(operation_step(o, "first"), 0);
        operation_progress(o, 40);
        run_block(o, ret, e);
        assert_return_code(operation_step(o, ""), 0);
        return operation_cancelled(o) ? operation_refuse_cancelled(o, e) : 0;
}

static void count_accepted(Operation *o) {
        assert_false(o->begun);
        atomic_fetch_add(&accepts, 1);
}

static const Argument arguments[] = {{"arg", ARGUMENT_STRING, ARGUMENT_OPTIONAL}, {}};
static const Method echo = {"echo", arguments, METHOD_QUICK, SERVED_ZED, JOB_QUERY, 0, NULL, run_echo};
static const Method slow_echo = {"slow_echo", arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_echo};
static const Method failing = {"failing", arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_fail};
static const Method errno_only = {"errno_only", arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_errno};
static const Method block = {"block", arguments, METHOD_PER_INSTANCE, SERVED_ZED, JOB_STATE, 0, NULL, run_block};
static const Method unhurried = {"unhurried", arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_deadline};
static const Method hurried = {"hurried", arguments, 0, SERVED_ZED, JOB_QUERY, 10 * USEC_PER_SEC, NULL, run_deadline};

static const Method steps = {.name = "steps", .arguments = arguments, .flags = METHOD_PER_INSTANCE, .served = SERVED_ZED,
                             .kind = JOB_STATE, .run = run_steps, .accepted = count_accepted};

static void before_method(Manager *m, const Operation *o) {
        atomic_fetch_add(&hooks, 1);
}

static atomic_bool away;

static bool is_ready(Manager *m) {
        return !away;
}

static const Method when_ready = {.name = "when_ready", .arguments = arguments, .flags = METHOD_PER_INSTANCE | METHOD_WHEN_READY,
                                  .served = SERVED_ZED, .kind = JOB_STATE, .deadline = USEC_PER_MINUTE, .run = run_echo};
static const Method soon = {.name = "soon", .arguments = arguments, .flags = METHOD_WHEN_READY, .served = SERVED_ZED, .kind = JOB_STATE,
                            .deadline = 50 * USEC_PER_MSEC, .run = run_echo};

static const ManagerOps ops = {.class_name = "test.Manager", .before_method = before_method, .ready = is_ready};
static Manager manager = {MANAGER_MAGIC, MANAGER_ABI, &ops, {}};

typedef struct Fixture {
        sd_event *event;
        Pool *pool;
        OperationGate *gate;
        bool idle;
} Fixture;

/* How an operation ended: filled on whatever thread, published by @ended. */
typedef struct End {
        atomic_int ended;
        bool begun;
        json_t *result;
        char text[256], class[64];
} End;

static void on_finished(Operation *o) {
        End *end = o->origin_data;

        end->begun = o->begun;
        end->result = TAKE_PTR(o->result);
        snprintf(end->text, sizeof end->text, "%s", strempty(o->exception.message));
        snprintf(end->class, sizeof end->class, "%s", strempty(o->exception.class_name));
        operation_free(o);
        atomic_fetch_add(&end->ended, 1);
}

static void on_idle(void *userdata) {
        ((Fixture *) userdata)->idle = true;
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        atomic_store(&blocked, 0);
        atomic_store(&accepts, 0);
        assert_return_code(sem_init(&released, 0, 0), 0);
        atomic_store(&hooks, 0);
        assert_return_code(sd_event_new(&f.event), 0);
        assert_return_code(pool_new(&f.pool, f.event, 4), 0);
        assert_return_code(operation_gate_new(&f.gate, f.event, on_idle, &f), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        assert_int_equal(pool_stop(f->pool, TEST_DEADLINE), 0);
        pool_free(f->pool);
        operation_gate_detach(f->gate);
        operation_gate_unref(f->gate);
        sd_event_unref(f->event);
        return 0;
}

static Operation *make(const Method *method, json_t *args, End *end) {
        Operation *o = NULL;

        assert_return_code(operation_new(&o, &manager, method, NULL, args, ORIGIN_RPC, on_finished, end, NULL), 0);
        json_decref(args);
        return o;
}

static void submit_with_deadline(Fixture *f, const Method *method, End *end) {
        operation_gate_set_deadline(f->gate, USEC_PER_MINUTE);
        operation_submit(make(method, json_pack("{s:s}", "arg", "x"), end), f->gate, f->pool);
}

static void what_wants_the_manager_ready_waits_for_it(void **state) {
        Fixture *f = *state;
        End waits = {}, other = {};

        away = true;
        submit_with_deadline(f, &when_ready, &waits);
        submit_with_deadline(f, &slow_echo, &other);
        run_until(f->event, atomic_load(&other.ended));
        assert_int_equal(waits.ended, 0);
        away = false;
        operation_gate_wake(f->gate);
        run_until(f->event, atomic_load(&waits.ended));
        assert_string_equal(json_string_value(waits.result), "x");
        json_decref(waits.result);
        json_decref(other.result);
}

static void it_runs_all_the_same_when_its_time_is_nearly_over(void **state) {
        Fixture *f = *state;
        End end = {};

        away = true;
        submit_with_deadline(f, &soon, &end);
        run_until(f->event, atomic_load(&end.ended));
        away = false;
        assert_string_equal(json_string_value(end.result), "x");
        json_decref(end.result);
}

static void while_it_waits_it_can_be_cancelled_and_the_gate_closed(void **state) {
        Fixture *f = *state;
        End cancelled = {}, left = {};
        Operation *o;
        uint64_t id;

        away = true;
        operation_gate_set_deadline(f->gate, USEC_PER_MINUTE);
        o = make(&when_ready, NULL, &cancelled);
        id = o->id;
        operation_submit(o, f->gate, f->pool);
        assert_return_code(operation_cancel(f->gate, id), 0);
        run_until(f->event, atomic_load(&cancelled.ended));
        assert_non_null(strstr(cancelled.text, "cancelled"));

        submit_with_deadline(f, &when_ready, &left);
        operation_gate_close(f->gate);
        run_until(f->event, atomic_load(&left.ended));
        away = false;
        assert_false(left.begun);
        assert_string_equal(left.text, "when_ready was not begun: the service stops");
}

/* checklist: 61 */
static void a_quick_method_runs_where_it_is_submitted(void **state) {
        Fixture *f = *state;
        End end = {};

        operation_submit(make(&echo, json_pack("{s:s}", "arg", "x"), &end), f->gate, f->pool);
        assert_int_equal(end.ended, 1);
        assert_true(end.begun);
        assert_string_equal(json_string_value(end.result), "x");
        assert_int_equal(atomic_load(&hooks), 1);
        json_decref(end.result);
        assert_int_equal(operation_gate_accepted(f->gate), 1);
        assert_int_equal(operation_gate_failures(f->gate), 0);
        assert_int_equal(operation_gate_running(f->gate), 0);
}

static void others_run_on_a_worker_and_tell_their_failure(void **state) {
        Fixture *f = *state;
        End well = {}, bad = {}, number = {};

        operation_submit(make(&slow_echo, json_pack("{s:s}", "arg", "y"), &well), f->gate, f->pool);
        operation_submit(make(&failing, NULL, &bad), f->gate, f->pool);
        operation_submit(make(&errno_only, NULL, &number), f->gate, f->pool);
        run_until(f->event, atomic_load(&well.ended) && atomic_load(&bad.ended) && atomic_load(&number.ended));
        assert_string_equal(json_string_value(well.result), "y");
        json_decref(well.result);
        assert_string_equal(bad.class, "InstanceNotFound");
        assert_non_null(strstr(bad.text, UUID));
        assert_string_equal(number.class, "NovaException");
        assert_non_null(strstr(number.text, "errno_only"));
        assert_int_equal(operation_gate_failures(f->gate), 2);
}

/* checklist: 62 */
static void wrong_arguments_are_a_TypeError_and_no_operation(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *args = json_pack("{s:i}", "arg", 5);
        Operation *o = NULL;

        assert_int_equal(operation_new(&o, &manager, &echo, NULL, args, ORIGIN_RPC, on_finished, NULL, &e), -EINVAL);
        assert_null(o);
        assert_string_equal(e.class_name, "TypeError");
        assert_non_null(strstr(e.message, "arg"));
}

static void the_instance_is_found_in_either_form_of_arguments(void **state) {
        static const struct {
                const char *args, *uuid;
        } cases[] = {
                {"{\"instance_uuid\": \"" UUID "\"}", UUID},
                {"{\"instance\": {\"nova_object.data\": {\"uuid\": \"" UUID "\"}}}", UUID},
                {"{\"instance\": {\"uuid\": \"" UUID "\"}}", UUID},
                {"{\"instance\": \"" UUID "\"}", UUID},
                {"{\"instance_uuid\": \"../../etc\"}", NULL},
                {"{\"instance\": 5}", NULL},
                {"{}", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                End end = {};
                Operation *o = make(&block, json_loads(cases[i].args, 0, NULL), &end);

                if (cases[i].uuid)
                        assert_string_equal(o->instance_uuid, cases[i].uuid);
                else
                        assert_null(o->instance_uuid);
                assert_ptr_equal(o->job.key, o->instance_uuid);
                operation_free(o);
        }
}

typedef struct Seen {
        unsigned n, begun;
        char last[64];
} Seen;

static void on_operation(const OperationInfo *info, void *userdata) {
        Seen *seen = userdata;

        seen->n++;
        seen->begun += info->begun;
        snprintf(seen->last, sizeof seen->last, "%s %s %s", operation_origin_to_string(info->origin), info->method,
                 strempty(info->instance_uuid));
}

/* A closed gate lets what runs end, begins nothing of what waits, refuses what is new, and tells when it is idle. */
/* checklist: 74 */
static void a_closed_gate_hands_back_what_has_not_begun(void **state) {
        Fixture *f = *state;
        End first = {}, waiting = {}, late = {};
        Seen seen = {};

        operation_submit(make(&block, json_pack("{s:s}", "instance_uuid", UUID), &first), f->gate, f->pool);
        operation_submit(make(&block, json_pack("{s:s}", "instance_uuid", UUID), &waiting), f->gate, f->pool);
        run_until(f->event, atomic_load(&blocked) == 1);
        assert_int_equal(operation_gate_running(f->gate), 2);
        operation_gate_foreach(f->gate, on_operation, &seen);
        assert_int_equal(seen.n, 2);
        assert_int_equal(seen.begun, 1);
        assert_string_equal(seen.last, "rpc block " UUID);

        operation_gate_close(f->gate);
        operation_submit(make(&echo, NULL, &late), f->gate, f->pool);
        assert_int_equal(late.ended, 1);
        assert_false(late.begun);
        assert_non_null(strstr(late.text, "echo was not begun"));
        run_for(f->event, 10 * USEC_PER_MSEC);
        assert_false(f->idle);

        assert_return_code(sem_post(&released), 0);
        run_until(f->event, f->idle);
        assert_int_equal(atomic_load(&first.ended), 1);
        assert_true(first.begun);
        assert_int_equal(atomic_load(&waiting.ended), 1);
        assert_false(waiting.begun);
        assert_int_equal(atomic_load(&blocked), 1);
        assert_int_equal(operation_gate_running(f->gate), 0);
}

static void an_idle_gate_tells_as_soon_as_it_is_closed(void **state) {
        Fixture *f = *state;

        operation_gate_close(f->gate);
        run_until(f->event, f->idle);
}

static void a_stopped_pool_hands_back_too(void **state) {
        Fixture *f = *state;
        End end = {};

        assert_int_equal(pool_stop(f->pool, 0), 0);
        operation_submit(make(&slow_echo, NULL, &end), f->gate, f->pool);
        assert_int_equal(end.ended, 1);
        assert_false(end.begun);
}

static void a_thousand_operations_from_workers_all_end_and_are_counted(void **state) {
        Fixture *f = *state;
        enum { N = 1000 };
        static End ends[N];

        for (int i = 0; i < N; i++) {
                ends[i] = (End){};
                operation_submit(make(i % 2 ? &slow_echo : &failing, NULL, ends + i), f->gate, f->pool);
        }
        operation_gate_close(f->gate);
        run_until(f->event, f->idle);
        for (int i = 0; i < N; i++)
                assert_int_equal(atomic_load(&ends[i].ended), 1);
        assert_int_equal(operation_gate_accepted(f->gate), N);
}

typedef struct Shown {
        uint64_t id[3];
        unsigned n, progress;
        char step[32];
        bool cancelled;
} Shown;

static void show(const OperationInfo *info, void *userdata) {
        Shown *s = userdata;

        if (s->n < ELEMENTSOF(s->id))
                s->id[s->n] = info->id;
        if (s->n++ > 0)
                return;
        s->progress = info->progress;
        s->cancelled = info->cancelled;
        snprintf(s->step, sizeof s->step, "%s", strempty(info->step));
}

static void steps_and_progress_are_shown_and_a_cancelled_one_stops_or_does_not_begin(void **state) {
        Fixture *f = *state;
        End first = {}, waiting = {}, marked = {};
        Shown shown = {};

        operation_submit(make(&steps, json_pack("{s:s}", "instance_uuid", UUID), &first), f->gate, f->pool);
        operation_submit(make(&block, json_pack("{s:s}", "instance_uuid", UUID), &waiting), f->gate, f->pool);
        operation_submit(make(&steps, json_pack("{s:s}", "instance_uuid", UUID), &marked), f->gate, f->pool);
        assert_int_equal(atomic_load(&accepts), 2);
        run_until(f->event, atomic_load(&blocked) == 1);
        operation_gate_foreach(f->gate, show, &shown);
        assert_int_equal(shown.n, 3);
        assert_string_equal(shown.step, "first");
        assert_int_equal(shown.progress, 40);
        assert_false(shown.cancelled);

        /* what has done something when it was accepted takes it back in its turn; what has not ends at once, whatever those before
         * it do */
        assert_int_equal(operation_cancel(f->gate, shown.id[2]), 0);
        assert_int_equal(operation_cancel(f->gate, shown.id[1]), 0);
        run_until(f->event, atomic_load(&waiting.ended));
        assert_string_equal(waiting.text, "block was cancelled");
        assert_true(waiting.begun);
        assert_false(atomic_load(&first.ended) || atomic_load(&marked.ended));
        assert_int_equal(operation_cancel(f->gate, shown.id[0]), 0);
        assert_int_equal(operation_cancel(f->gate, shown.id[0]), -EALREADY);
        assert_int_equal(operation_cancel(f->gate, shown.id[2] + 1), -ENOENT);
        assert_int_equal(atomic_load(&blocked), 1);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&first.ended));
        assert_string_equal(first.text, "steps was cancelled");
        run_until(f->event, atomic_load(&blocked) == 2);
        assert_return_code(sem_post(&released), 0);
        run_until(f->event, atomic_load(&marked.ended));
        assert_string_equal(marked.text, "steps was cancelled");
}

static json_int_t deadline_of(Fixture *f, const Method *method) {
        End end = {};
        json_int_t deadline;

        operation_submit(make(method, NULL, &end), f->gate, f->pool);
        run_until(f->event, atomic_load(&end.ended));
        deadline = json_integer_value(end.result);
        json_decref(end.result);
        return deadline;
}

static void the_shorter_of_the_gates_and_the_methods_time_counts(void **state) {
        Fixture *f = *state;

        operation_gate_set_deadline(f->gate, 300 * USEC_PER_SEC);
        assert_int_equal(deadline_of(f, &unhurried), 300 * USEC_PER_SEC);
        assert_int_equal(deadline_of(f, &hurried), 10 * USEC_PER_SEC);
        operation_gate_set_deadline(f->gate, 2 * USEC_PER_SEC);
        assert_int_equal(deadline_of(f, &hurried), 2 * USEC_PER_SEC);
        operation_gate_set_deadline(f->gate, 0);
        assert_int_equal(deadline_of(f, &unhurried), 0);
        assert_int_equal(deadline_of(f, &hurried), 0);
}

static void what_has_ended_is_counted_by_method_and_result(void **state) {
        static const char *const lines[] = {
                "nova_compute_operations_total{method=\"echo\",result=\"done\"} 3\n",
                "nova_compute_operations_total{method=\"failing\",result=\"refused\"} 1\n",
                "nova_compute_operations_total{method=\"errno_only\",result=\"failed\"} 1\n",
                "nova_compute_operations_total{method=\"steps\",result=\"cancelled\"} 1\n",
                "nova_compute_operations_by_origin_total{origin=\"rpc\"} 6\n",
                "nova_compute_operations_by_origin_total{origin=\"bus\"} 0\n",
                "nova_compute_operation_duration_seconds_count{method=\"echo\"} 3\n",
                "nova_compute_operation_wait_seconds_count{kind=\"state\"} 1\n",
        };
        _cleanup_(operation_metrics_unrefp) OperationMetrics *m = operation_metrics_new();
        End ends[6] = {};
        _cleanup_free_ char *text = NULL;
        Fixture *f = *state;
        MetricsText t;
        Operation *o;
        uint64_t id;

        assert_non_null(m);
        operation_gate_set_metrics(f->gate, m);
        for (unsigned i = 0; i < 3; i++)
                operation_submit(make(&echo, NULL, ends + i), f->gate, f->pool);
        operation_submit(make(&failing, NULL, ends + 3), f->gate, f->pool);
        operation_submit(make(&errno_only, NULL, ends + 4), f->gate, f->pool);
        o = make(&steps, NULL, ends + 5);
        id = o->id;
        operation_submit(o, f->gate, f->pool);
        run_until(f->event, atomic_load(&blocked) == 1);
        assert_int_equal(operation_cancel(f->gate, id), 0);
        assert_return_code(sem_post(&released), 0);
        for (unsigned i = 0; i < ELEMENTSOF(ends); i++)
                run_until(f->event, atomic_load(&ends[i].ended));

        assert_int_equal(metrics_text_begin(&t), 0);
        operation_metrics_write(m, &t);
        assert_int_equal(metrics_text_finish(&t, &text), 0);
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                if (!strstr(text, lines[i]))
                        fail_msg("%s is not in:\n%s", lines[i], text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_quick_method_runs_where_it_is_submitted, setup, teardown),
                cmocka_unit_test_setup_teardown(others_run_on_a_worker_and_tell_their_failure, setup, teardown),
                cmocka_unit_test_setup_teardown(wrong_arguments_are_a_TypeError_and_no_operation, setup, teardown),
                cmocka_unit_test_setup_teardown(the_instance_is_found_in_either_form_of_arguments, setup, teardown),
                cmocka_unit_test_setup_teardown(a_closed_gate_hands_back_what_has_not_begun, setup, teardown),
                cmocka_unit_test_setup_teardown(an_idle_gate_tells_as_soon_as_it_is_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stopped_pool_hands_back_too, setup, teardown),
                cmocka_unit_test_setup_teardown(the_shorter_of_the_gates_and_the_methods_time_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(steps_and_progress_are_shown_and_a_cancelled_one_stops_or_does_not_begin, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_wants_the_manager_ready_waits_for_it, setup, teardown),
                cmocka_unit_test_setup_teardown(it_runs_all_the_same_when_its_time_is_nearly_over, setup, teardown),
                cmocka_unit_test_setup_teardown(while_it_waits_it_can_be_cancelled_and_the_gate_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(a_thousand_operations_from_workers_all_end_and_are_counted, setup, teardown),
                cmocka_unit_test_setup_teardown(what_has_ended_is_counted_by_method_and_result, setup, teardown),
        };

        log_set_level(LOG_LEVEL_CRITICAL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

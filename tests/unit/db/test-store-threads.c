/* One store used by several threads at once: nothing is lost, no call waits for ever, and (under TSan) nothing races. */
#include "store-fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define ROUNDS 100

typedef struct Hammer {
        Store *store;
        int64_t service_id;
        unsigned number;
        const char *failed;             /* what went wrong: cmocka's assertions are for the main thread only */
        int error;
} Hammer;

#define check(h, condition, r)                                  \
        do {                                                    \
                if (!(condition) && !(h)->failed) {             \
                        (h)->failed = #condition;               \
                        (h)->error = (r);                       \
                }                                               \
        } while (0)

static void *work(void *userdata) {
        Hammer *h = userdata;
        Store *s = h->store;
        char uuid[64], name[32];
        int r;

        for (unsigned i = 0; i < ROUNDS; i++) {
                InstanceList l = {};
                ServiceRecord a = {};
                char *text = NULL;

                (void) snprintf(uuid, sizeof uuid, "6f9e3b1c-2f6f-4a55-9d30-%04u%08u", h->number, i);
                (void) snprintf(name, sizeof name, "name%u", h->number);

                r = s->ops->service_report(s, h->service_id, NULL, &a);
                check(h, r == 1 && a.report_count > (int64_t) i, r);
                service_record_done(&a);

                Instance x = sample_instance(uuid, "host1");
                r = s->ops->instance_create(s, &x, NULL);
                check(h, r == 0, r);
                x.task_state = TASK_POWERING_OFF;
                r = s->ops->instance_save(s, &x, (const TaskState[]) { TASK_NONE, _TASK_STATE_INVALID }, NULL);
                check(h, r == 1, r);
                instance_done(&x);

                r = s->ops->setting_set(s, name, uuid);
                check(h, r == 0, r);
                r = s->ops->setting_get(s, name, &text);
                check(h, r == 1 && streq(text, uuid), r);
                free(text);

                if (i % 20 == 0) {
                        r = s->ops->instance_list_by_host(s, "host1", READ_DELETED_NO, &l);
                        check(h, r == 0 && l.n > i, r);
                        instance_list_done(&l);
                }
                /* A failure belongs to the thread that met it. */
                r = s->ops->service_create(s, &(ServiceRecord) { .host = (char *) "host1", .binary = (char *) "nova-compute" }, NULL);
                check(h, r == -EEXIST && strstr(store_last_error(), "UNIQUE"), r);
        }
        return NULL;
}

/* Opens anew under the others' feet, as a reload or a repaired disk does. */
static void *reopen(void *userdata) {
        Hammer *h = userdata;

        for (unsigned i = 0; i < 20; i++) {
                int r = h->store->ops->open(h->store, NULL);

                check(h, r == 0, r);
        }
        return NULL;
}

static void threads_share_one_store(void **state) {
        Fixture *f = *state;
        ServiceRecord a = sample_service("host1");
        Hammer hammers[3] = {};
        pthread_t threads[3];
        char expected[32];
        Store *s = NULL;

        /* Not waiting for the disk: threads are what is tried. And time for who waits long on a slow machine. */
        assert_result(local_store_new(&s, &(LocalStoreSettings) { .path = f->path, .timeout = 30 * USEC_PER_SEC }), 0);
        store_free(f->store);
        f->store = s;
        assert_result(s->ops->service_create(s, &a, NULL), 0);

        for (unsigned i = 0; i < 3; i++) {
                hammers[i] = (Hammer) { .store = s, .service_id = a.id, .number = i };
                assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? work : reopen, &hammers[i]), 0);
        }
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (unsigned i = 0; i < 3; i++)
                if (hammers[i].failed)
                        fail_msg("thread %u: %s (%d)", i, hammers[i].failed, hammers[i].error);

        (void) snprintf(expected, sizeof expected, "%d", 2 * ROUNDS);
        assert_query(f, "SELECT report_count FROM services", expected);
        assert_query(f, "SELECT count(DISTINCT id) FROM instances WHERE task_state = 'powering-off'", expected);
        service_record_done(&a);
}

typedef struct Caller {
        Store *store;
        int r;
        char said[256];
} Caller;

static void *call(void *userdata) {
        Caller *c = userdata;

        c->r = c->store->ops->setting_set(c->store, "a", "b");
        (void) snprintf(c->said, sizeof c->said, "%s", store_last_error());
        return NULL;
}

/* Behind a call that hangs in the disk the others give up after the timeout, each with its own sentence. */
static void a_caller_behind_one_that_hangs_gives_up(void **state) {
        Fixture *f = *state;
        Database *d = local_database(f->store);
        Caller callers[4] = {};
        pthread_t threads[4];
        usec_t before;

        assert_result(f->store->ops->open(f->store, NULL), 0);
        assert_result(database_enter(d, ACCESS_WRITE), 0);
        before = now_monotonic();
        for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
                callers[i].store = f->store;
                assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(now_monotonic() - before < 10 * USEC_PER_SEC);
        assert_result(database_leave(d, 0), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
                assert_int_equal(callers[i].r, -EBUSY);
                assert_non_null(strstr(callers[i].said, "is busy"));
        }
        assert_result(f->store->ops->setting_set(f->store, "a", "b"), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(threads_share_one_store),
                CASE(a_caller_behind_one_that_hangs_gives_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

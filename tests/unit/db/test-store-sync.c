/* When what was written is on the disk: counted by standing between SQLite and the kernel. */
#include "store-fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UUID1 "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10"

static atomic_uint syncs;
static atomic_bool hold;                /* the next write of a file waits */
static sem_t held, released;

/* Ours comes before the C library's, for SQLite too. */
int fdatasync(int fd) {
        syncs++;
        return (int) syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
        syncs++;
        return (int) syscall(SYS_fsync, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
        bool expected = true;

        if (atomic_compare_exchange_strong(&hold, &expected, false)) {
                sem_post(&held);
                while (sem_wait(&released) < 0)
                        ;
        }
        return (ssize_t) syscall(SYS_pwrite64, fd, data, size, offset);
}

static void steps_of_an_instance_are_synced_once_before_they_are_told(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance i = sample_instance(UUID1, "host1");
        const ActionEvent event = { .instance_uuid = UUID1, .action = "create", .event = "compute_build", .request_id = "req-1", .host = "host1" };
        int64_t id;

        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->setting_set(s, "a", "b"), 0);             /* the log is begun */
        syncs = 0;
        assert_result(s->ops->instance_create(s, &i, NULL), 0);
        assert_result(s->ops->action_event_start(s, &event, &id), 0);
        for (unsigned n = 0; n < 5; n++)
                assert_result(s->ops->instance_save(s, &i, NULL, NULL), 1);
        assert_result(s->ops->action_event_finish(s, id, NULL, NULL), 1);
        assert_result(s->ops->instance_fault_create(s, UUID1, "host1", 500, "why", ""), 0);
        assert_int_equal(syncs, 0);
        assert_query(f, "SELECT count(*) FROM instances", "1");         /* others see it all the same */

        assert_result(s->ops->sync(s), 0);
        assert_int_equal(syncs, 1);
        assert_result(s->ops->sync(s), 0);
        assert_int_equal(syncs, 1);
        instance_done(&i);
}

static void what_is_no_step_is_synced_by_itself_and_all_before_it(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord service = sample_service("host1");
        Instance i = sample_instance(UUID1, "host1");

        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->service_create(s, &service, NULL), 0);
        assert_result(s->ops->instance_create(s, &i, NULL), 0);
        syncs = 0;
        assert_result(s->ops->service_set_disabled(s, service.id, true, "maintenance"), 1);
        assert_true(syncs >= 1);
        syncs = 0;
        assert_result(s->ops->setting_set(s, "a", "b"), 0);
        assert_true(syncs >= 1);
        instance_done(&i);
        service_record_done(&service);
}

static void *save(void *userdata) {
        Store *s = userdata;
        Instance i = sample_instance(UUID1, "host1");

        assert_result(s->ops->instance_create(s, &i, NULL), 0);
        instance_done(&i);
        return NULL;
}

static void a_sync_does_not_speak_for_what_is_just_being_written(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance i = sample_instance("7f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f11", "host1");
        pthread_t thread;

        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->instance_create(s, &i, NULL), 0);
        instance_done(&i);
        assert_int_equal(sem_init(&held, 0, 0) | sem_init(&released, 0, 0), 0);
        hold = true;
        assert_int_equal(pthread_create(&thread, NULL, save, s), 0);
        while (sem_wait(&held) < 0)
                ;
        assert_result(s->ops->sync(s), 0);      /* the first one's, while the second is written */
        sem_post(&released);
        assert_int_equal(pthread_join(thread, NULL), 0);
        syncs = 0;
        assert_result(s->ops->sync(s), 0);
        assert_int_equal(syncs, 1);
        assert_result(s->ops->sync(s), 0);
        assert_int_equal(syncs, 1);
}

static void without_a_log_there_is_nothing_to_sync(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance i = sample_instance(UUID1, "host1");

        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->instance_create(s, &i, NULL), 0);
        s->ops->close(s);                       /* all is in the file, and synced */
        assert_result(s->ops->sync(s), 0);
        instance_done(&i);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(steps_of_an_instance_are_synced_once_before_they_are_told, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_step_is_synced_by_itself_and_all_before_it, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_sync_does_not_speak_for_what_is_just_being_written, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(without_a_log_there_is_nothing_to_sync, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When what was written is on the disk: counted by standing between SQLite and the kernel. */
#include "store-fixture.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UUID1 "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10"

static atomic_uint syncs;

/* Ours comes before the C library's, for SQLite too. */
int fdatasync(int fd) {
        syncs++;
        return (int) syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
        syncs++;
        return (int) syscall(SYS_fsync, fd);
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
                cmocka_unit_test_setup_teardown(without_a_log_there_is_nothing_to_sync, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

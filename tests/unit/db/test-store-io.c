/* Every write, sync and allocation of a daemon's first minute fails in turn, once or for good. Whatever was answered with
 * success is there afterwards, whatever was not said so by -errno, nothing is taken for damage, and all works again. */
#include "store-fixture.h"

#include <errno.h>
#include <stdio.h>

#include "faulty-vfs.h"

typedef struct Outcome {
        int open, create, report, node, setting;
        int64_t reports;
} Outcome;

/* What a daemon does from its start to its stop. */
static Outcome run(Fixture *f) {
        _cleanup_(service_record_done) ServiceRecord a = sample_service("host1"), b = {};
        _cleanup_(compute_node_done) ComputeNode n = sample_node("host1", "node1");
        Store *s = f->store;
        Outcome o = {};

        o.open = s->ops->open(s, NULL);
        o.create = s->ops->service_create(s, &a, NULL);
        o.report = s->ops->service_report(s, 1, NULL, &b);
        o.reports = b.report_count;
        o.node = s->ops->compute_node_create(s, &n);
        o.setting = s->ops->setting_set(s, "name", "value");
        s->ops->close(s);
        return o;
}

static void assert_plausible(int r, int kind) {
        if (r >= 0 || r == -EEXIST)
                return;
        if (kind == FAULT_MALLOC ? r != -ENOMEM && r != -EIO && r != -EACCES : r != -EIO && r != -ENOSPC && r != -EROFS)
                fail_msg("%d: %s", r, store_last_error());
        if (!*store_last_error())
                fail_msg("%d without a sentence", r);
}

static unsigned each_fault_in_turn(void **state, FaultKind kind, int rc, int error, bool sticky) {
        unsigned n;

        /* All of the first, and of thousands of allocations every seventh later on: the same places come again. */
        for (n = 1;; n += kind == FAULT_MALLOC && n > 100 ? 7 : 1) {
                Fixture *f = *state;
                Outcome with, after;
                ServiceRecord a = {};
                char *text = NULL;
                bool hit;

                faulty_arm(kind, n, rc, error, sticky);
                with = run(f);
                hit = faulty_disarm();
                assert_plausible(with.open, (int) kind);
                assert_plausible(with.create, (int) kind);
                assert_plausible(with.report, (int) kind);
                assert_plausible(with.node, (int) kind);
                assert_plausible(with.setting, (int) kind);

                /* What was answered is there, in the same process and after a restart. */
                if (n % 2)
                        fixture_restart(f);
                assert_result(f->store->ops->service_get_by_args(f->store, "host1", "nova-compute", &a) >= (with.create == 0), 1);
                assert_true(a.report_count >= with.reports);
                service_record_done(&a);
                if (with.setting == 0) {
                        assert_result(f->store->ops->setting_get(f->store, "name", &text), 1);
                        free(text);
                }

                after = run(f);
                assert_result(after.open, 0);
                if (after.create != 0)
                        assert_result(after.create, -EEXIST);
                assert_result(after.report, 1);
                assert_result(after.setting, 0);
                assert_int_equal(fixture_files(f, "corrupt", NULL), 0);

                assert_int_equal(fixture_teardown(state), 0);
                assert_int_equal(fixture_setup(state), 0);
                if (!hit)
                        return n - 1;
        }
}

static void each_write_that_fails_once_is_told_and_forgotten(void **state) {
        assert_true(each_fault_in_turn(state, FAULT_WRITE, SQLITE_IOERR_WRITE, EIO, false) > 30);
}

static void each_write_after_which_the_disk_is_full_is_told_until_it_is_not(void **state) {
        assert_true(each_fault_in_turn(state, FAULT_WRITE, SQLITE_FULL, ENOSPC, true) > 30);
}

static void each_write_after_which_the_file_system_is_read_only_is_told(void **state) {
        assert_true(each_fault_in_turn(state, FAULT_WRITE, SQLITE_IOERR_WRITE, EROFS, true) > 30);
}

static void each_allocation_that_fails_is_told_and_forgotten(void **state) {
        assert_true(each_fault_in_turn(state, FAULT_MALLOC, 0, ENOMEM, false) > 100);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(each_write_that_fails_once_is_told_and_forgotten),
                CASE(each_write_after_which_the_disk_is_full_is_told_until_it_is_not),
                CASE(each_write_after_which_the_file_system_is_read_only_is_told),
                CASE(each_allocation_that_fails_is_told_and_forgotten),
        };

        if (faulty_install() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

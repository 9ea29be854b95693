/* The fault lines of the fake driver. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virt/fake/fault.h"

static void every_line_is_a_fault_nothing_or_refused(void **state) {
        static const struct {
                const char *line;
                int n;                  /* -1: refused */
                FaultKind kind;
                usec_t delay;
                int64_t left;
                ExceptionClass exception;
        } table[] = {
                { "", 0 },
                { "  \t", 0 },
                { "# spawn:hang", 0 },
                { "spawn:hang", 1, FAULT_HANG, 0, -1 },
                { "  spawn:hang \r", 1, FAULT_HANG, 0, -1 },
                { "*:slow:0.25", 1, FAULT_SLOW, 250000, -1 },
                { "spawn:slow:2:3", 1, FAULT_SLOW, 2000000, 3 },
                { "spawn:fail", 1, FAULT_FAIL, 0, -1, EXC_NOVA },
                { "spawn:fail:InstanceNotFound", 1, FAULT_FAIL, 0, -1, EXC_INSTANCE_NOT_FOUND },
                { "spawn:fail:HypervisorUnavailable:2", 1, FAULT_FAIL, 0, 2, EXC_HYPERVISOR_UNAVAILABLE },
                { "spawn:fail::1", 1, FAULT_FAIL, 0, 1, EXC_NOVA },
                { "spawn", -1 },
                { ":hang", -1 },
                { "spawn:explode", -1 },
                { "spawn:hang:3", -1 },
                { "spawn:slow", -1 },
                { "spawn:slow:soon", -1 },
                { "spawn:slow:-1", -1 },
                { "spawn:slow:nan", -1 },
                { "spawn:slow:1:x", -1 },
                { "spawn:fail:NoSuchError", -1 },
                { "spawn:fail:InstanceNotFound:-1", -1 },
                { "spawn:fail:InstanceNotFound:1:2", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(fault_list_done) FaultList l = {};
                _cleanup_exception_ NovaException e = {};
                int r = fault_list_add(&l, table[i].line, strlen(table[i].line), &e);

                if (table[i].n < 0) {
                        if (r >= 0)
                                fail_msg("'%s' was taken", table[i].line);
                        assert_int_equal(r, -EINVAL);
                        assert_int_equal(l.n, 0);
                        assert_non_null(strstr(e.message, table[i].line));
                        continue;
                }
                assert_int_equal(r, 0);
                assert_int_equal(l.n, table[i].n);
                if (l.n == 0)
                        continue;
                assert_int_equal(l.items[0].kind, table[i].kind);
                assert_int_equal(l.items[0].delay, table[i].delay);
                assert_int_equal(l.items[0].left, table[i].left);
                if (table[i].kind == FAULT_FAIL)
                        assert_int_equal(l.items[0].exception, table[i].exception);
        }
}

static void a_text_is_read_line_by_line(void **state) {
        _cleanup_(fault_list_done) FaultList l = {};

        assert_int_equal(fault_list_add_text(&l, "# two\nspawn:hang\n\n*:slow:1", NULL), 0);
        assert_int_equal(l.n, 2);
        assert_true(fault_applies(&l.items[0], "spawn"));
        assert_false(fault_applies(&l.items[0], "destroy"));
        assert_true(fault_applies(&l.items[1], "destroy"));
        l.items[1].left = 0;
        assert_false(fault_applies(&l.items[1], "destroy"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_line_is_a_fault_nothing_or_refused),
                cmocka_unit_test(a_text_is_read_line_by_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

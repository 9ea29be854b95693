/* States and their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects/states.h"

static void every_vm_state_has_a_name_that_leads_back(void **state) {
        for (VmState s = 0; s < _VM_STATE_MAX; s++) {
                assert_non_null(vm_state_to_string(s));
                assert_int_equal(vm_state_from_string(vm_state_to_string(s)), s);
        }
        assert_null(vm_state_to_string(_VM_STATE_MAX));
        assert_null(vm_state_to_string(_VM_STATE_INVALID));
}

static void every_task_state_has_a_name_that_leads_back(void **state) {
        for (TaskState s = TASK_NONE + 1; s < _TASK_STATE_MAX; s++) {
                assert_non_null(task_state_to_string(s));
                assert_int_equal(task_state_from_string(task_state_to_string(s)), s);
        }
        assert_null(task_state_to_string(TASK_NONE));
        assert_null(task_state_to_string(_TASK_STATE_MAX));
        assert_null(task_state_to_string(_TASK_STATE_INVALID));
}

static void names_are_novas_with_their_hyphens(void **state) {
        assert_string_equal(vm_state_to_string(VM_SOFT_DELETED), "soft-delete");
        assert_string_equal(vm_state_to_string(VM_SHELVED_OFFLOADED), "shelved_offloaded");
        assert_string_equal(task_state_to_string(TASK_POWERING_OFF), "powering-off");
        assert_string_equal(task_state_to_string(TASK_POWERING_ON), "powering-on");
        assert_string_equal(task_state_to_string(TASK_SOFT_DELETING), "soft-deleting");
        assert_string_equal(task_state_to_string(TASK_REBOOT_STARTED_HARD), "reboot_started_hard");
}

static void former_and_wrong_vm_states_are_understood_or_refused(void **state) {
        static const struct {
                const char *text;
                VmState expected;
        } table[] = {
                { "shutoff", VM_STOPPED },
                { "rebuilding", VM_ACTIVE },
                { "migrating", VM_ACTIVE },
                { "resizing", VM_ACTIVE },
                { "ACTIVE", _VM_STATE_INVALID },
                { "soft_delete", _VM_STATE_INVALID },
                { "", _VM_STATE_INVALID },
                { NULL, _VM_STATE_INVALID },
        };

        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                assert_int_equal(vm_state_from_string(table[i].text), table[i].expected);
}

static void former_and_wrong_task_states_are_understood_or_refused(void **state) {
        static const struct {
                const char *text;
                TaskState expected;
        } table[] = {
                { NULL, TASK_NONE },
                { "", TASK_NONE },
                { "stopping", TASK_POWERING_OFF },
                { "starting", TASK_POWERING_ON },
                { "resize_verify", TASK_NONE },
                { "powering_off", _TASK_STATE_INVALID },
                { "None", _TASK_STATE_INVALID },
        };

        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                assert_int_equal(task_state_from_string(table[i].text), table[i].expected);
}

static void power_states_have_novas_numbers_and_names(void **state) {
        static const struct {
                int number;
                const char *name;
        } table[] = {
                { 0, "pending" },  { 1, "running" },   { 2, "blocked" },         { 3, "paused" },   { 4, "shutdown" }, { 5, "shutdown" },
                { 6, "crashed" },  { 7, "suspended" }, { 8, "failed to spawn" }, { 9, "building" }, { 10, "unknown" }, { -1, "unknown" },
        };

        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                assert_string_equal(power_state_to_string(table[i].number), table[i].name);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_vm_state_has_a_name_that_leads_back),
                cmocka_unit_test(every_task_state_has_a_name_that_leads_back),
                cmocka_unit_test(names_are_novas_with_their_hyphens),
                cmocka_unit_test(former_and_wrong_vm_states_are_understood_or_refused),
                cmocka_unit_test(former_and_wrong_task_states_are_understood_or_refused),
                cmocka_unit_test(power_states_have_novas_numbers_and_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

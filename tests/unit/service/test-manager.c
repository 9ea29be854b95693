#include "loop-test.h"

#include <errno.h>

#include "service/manager.h"

static const char *const names[] = {"nova.compute.manager.ComputeManager", "ComputeManager", NULL};
static const ManagerClass compute = {MANAGER_MAGIC, MANAGER_ABI, names, NULL};
static const ManagerClass old = {MANAGER_MAGIC, MANAGER_ABI + 1, (const char *const[]){"old", NULL}, NULL};
static const ManagerClass *const table[] = {&compute, &old, NULL};

/* checklist: 23 */
static void finds_a_class_by_its_dotted_and_its_short_name(void **state) {
        const ManagerClass *c = NULL;

        for (const char *const *n = names; *n; n++) {
                assert_return_code(manager_class_find(table, NULL, *n, &c, NULL), 0);
                assert_ptr_equal(c, &compute);
        }
}

/* checklist: 23 */
static void an_unknown_class_is_ClassNotFound_with_its_name(void **state) {
        static const char *const bad[] = {"nova.compute.manager.Nothing", "../../etc/passwd", ".hidden", "a/b", "", NULL};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                const ManagerClass *c = &compute;

                assert_int_equal(manager_class_find(table, "/nonexistent", bad[i], &c, &e), -ENOENT);
                assert_string_equal(e.class_name, "ClassNotFound");
                assert_non_null(strstr(e.message, isempty(bad[i]) ? "None" : bad[i]));
                assert_ptr_equal(c, &compute);
        }
}

/* checklist: 29 */
static void a_class_of_another_interface_is_refused(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const ManagerClass *c = NULL;

        assert_int_equal(manager_class_find(table, NULL, "old", &c, &e), -ELIBBAD);
        assert_non_null(strstr(e.message, "Expected object of type: "));
        assert_null(c);
}

static void a_module_is_loaded_by_its_name(void **state) {
        const char *directory = getenv("MODULES");
        const ManagerClass *c = NULL;

        assert_non_null(directory);
        assert_return_code(manager_class_find(table, directory, "good-manager", &c, NULL), 0);
        assert_string_equal(c->names[0], "good-manager");
}

/* checklist: 29 */
static void a_module_that_is_no_manager_is_refused(void **state) {
        static const struct {
                const char *name, *text;
                int result;
        } cases[] = {
                {"wrong-magic", "Expected object of type: nova.manager.Manager", -ELIBBAD},
                {"no-symbol", "does not export nova_manager_class", -ENOENT},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                const ManagerClass *c = NULL;

                assert_int_equal(manager_class_find(NULL, getenv("MODULES"), cases[i].name, &c, &e), cases[i].result);
                assert_non_null(strstr(e.message, cases[i].text));
                assert_non_null(strstr(e.message, cases[i].name));
                assert_null(c);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_a_class_by_its_dotted_and_its_short_name),
                cmocka_unit_test(an_unknown_class_is_ClassNotFound_with_its_name),
                cmocka_unit_test(a_class_of_another_interface_is_refused),
                cmocka_unit_test(a_module_is_loaded_by_its_name),
                cmocka_unit_test(a_module_that_is_no_manager_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

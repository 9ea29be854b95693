/* The text form of sets of CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/json.h"
#include "virt/cpu-set.h"

static void every_text_means_its_cpus_or_is_refused(void **state) {
        static const struct {
                const char *text, *cpus;        /* NULL: refused */
        } table[] = {
                { "", "[]" },
                { "0", "[0]" },
                { "3,1,2", "[1,2,3]" },
                { "0-3", "[0,1,2,3]" },
                { "4-12,^8,15", "[4,5,6,7,9,10,11,12,15]" },
                { "^8,8-9", "[9]" },            /* an exclusion holds wherever it stands */
                { " 1 - 2 , 5 ", "[1,2,5]" },
                { "1,,2,", "[1,2]" },
                { "1023", "[1023]" },
                { "1024", NULL },
                { "3-1", NULL },
                { "1-", NULL },
                { "-1", NULL },
                { "0-3,^1-2", "[0,3]" },
                { "a", NULL },
                { "1 2", NULL },
                { "1;2", NULL },
                { "99999999999999999999", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char why[200] = "";
                CpuSet set, untouched;
                int r;

                CPU_ZERO(&set);
                CPU_SET(77, &set);
                untouched = set;
                r = cpu_set_parse(table[i].text, &set, why, sizeof why);
                if (!table[i].cpus) {
                        assert_int_equal(r, -EINVAL);
                        assert_true(CPU_EQUAL(&set, &untouched));
                        assert_non_null(strstr(why, "is no CPU number below 1024"));
                        continue;
                }
                assert_int_equal(r, 0);
                json_auto_t *list = cpu_set_to_json(&set);
                _cleanup_free_ char *text = json_text(list);
                assert_string_equal(text, table[i].cpus);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_text_means_its_cpus_or_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

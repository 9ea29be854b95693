/* The table of options: its names are unique, its defaults are valid, its help is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config-internal.h"

/* checklist: 9 */
static void no_name_means_two_options(void **state _unused_) {
        OptionIndex x = {};

        assert_int_equal(option_index_init(&x), 0);
        for (size_t i = 1; i < x.n; i++)
                if (streq(x.names[i - 1].text, x.names[i].text))
                        fail_msg("'%s' stands twice in the table", x.names[i].text);
        option_index_done(&x);
}

/* On the command line the dot after the group and the underscore look alike. */
static void no_flag_means_two_options(void **state _unused_) {
        OptionIndex x = {};

        assert_int_equal(option_index_init(&x), 0);
        for (size_t i = 0; i < x.n; i++)
                for (size_t k = 0; k < i; k++)
                        if (flag_equals(x.names[i].text, x.names[k].text, strlen(x.names[k].text)) &&
                            x.names[i].option != x.names[k].option)
                                fail_msg("'%s' and '%s' are the same flag", x.names[i].text, x.names[k].text);
        option_index_done(&x);
}

static void every_row_is_complete(void **state _unused_) {
        const Option *o;

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                assert_non_null(o->name);
                assert_non_null(option_type_to_string(o->type));
                if (!o->help || strlen(o->help) < 5)
                        fail_msg("'%s' has no help", o->name);
                if (o->min > o->max)
                        fail_msg("'%s' has an empty range", o->name);
                if (o->choices && o->type != OPTION_STRING && o->type != OPTION_INTEGER)
                        fail_msg("'%s' has choices that nobody reads", o->name);
        }
}

static void groups_stand_together(void **state _unused_) {
        const Option *o, *before = NULL;

        for (size_t i = 0; (o = option_table_at(i)); before = o, i++) {
                if (!o->group || (before && streq_ptr(before->group, o->group)))
                        continue;
                for (size_t k = 0; k < i; k++)
                        if (streq_ptr(option_table_at(k)->group, o->group))
                                fail_msg("[%s] begins twice, at '%s'", o->group, o->name);
        }
}

static void every_default_is_valid(void **state _unused_) {
        _cleanup_(config_unrefp) Config *c = NULL;
        ConfigError e = {};

        if (config_new_for_test(&c, NULL, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(config_string(c, "sql_connection"), "sqlite:////var/lib/nova/nova.sqlite");
        assert_string_equal(config_string(c, "instances_path"), "/var/lib/nova/instances");
        assert_int_equal(config_integer(c, "report_interval"), 10);
        assert_int_equal(config_integer(c, "rpc_max_message_size"), 16 * 1024 * 1024);
        assert_string_equal(config_string(c, "connection_type"), "libvirt");
        assert_string_equal(config_string(c, "compute_driver"), "nova.virt.connection.get_connection");
        assert_string_equal(config_list(c, "monkey_patch_modules")[1], "nova.compute.api:nova.notifier.api.notify_decorator");
        assert_null(*config_warnings(c));
        assert_false(config_is_set(c, "cpu_allocation_ratio"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_name_means_two_options),
                cmocka_unit_test(no_flag_means_two_options),
                cmocka_unit_test(every_row_is_complete),
                cmocka_unit_test(groups_stand_together),
                cmocka_unit_test(every_default_is_valid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

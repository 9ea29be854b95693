/* The command line: every option of the table, and the arguments that are about reading. */
#include <errno.h>

#include "fixture.h"

/* checklist: 7 */
static void every_option_of_the_table_is_taken(void **state) {
        Fixture *f = *state;
        const Option *o;

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                char name[256], flag[300], lo[32];
                const char *value = "0";

                option_full_name(o, name, sizeof name);
                snprintf(flag, sizeof flag, "--%s%s%s", strempty(o->group), o->group ? "-" : "", o->name);
                snprintf(lo, sizeof lo, "%lld", (long long) MAX(o->min, 1));
                if (o->choices)
                        value = o->choices[0];
                else if (o->type == OPTION_INTEGER || o->type == OPTION_FLOAT)
                        value = lo;

                if (o->type == OPTION_BOOLEAN) {
                        _cleanup_(config_unrefp) Config *no = NULL;
                        char negated[320];

                        c = LOAD(f, flag);
                        assert_true(config_boolean(c, name));
                        snprintf(negated, sizeof negated, "--no%s", flag + 2);
                        no = LOAD(f, negated);
                        assert_false(config_boolean(no, name));
                } else
                        c = LOAD(f, flag, value);
                assert_origin(c, name, "command line");
        }
}

/* checklist: 7 */
static void spellings_mean_the_same(void **state) {
        Fixture *f = *state;
        static const char *const forms[][3] = {
                { "--libvirt-virt_type=lxc" }, { "--libvirt-virt-type", "lxc" }, { "--libvirt_virt_type=lxc" },
                { "--libvirt.virt_type=lxc" }, { "--libvirt_type=lxc" },
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                _cleanup_(config_unrefp) Config *c = fixture_load(f, forms[i]);

                assert_string_equal(config_string(c, "libvirt.virt_type"), "lxc");
        }
}

static void short_ones_and_booleans(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = LOAD(f, "-d", "-v", "--use_syslog=no", "--use-journal=TRUE", "--noperiodic-enable");

        assert_true(config_boolean(c, "debug"));
        assert_true(config_boolean(c, "verbose"));
        assert_false(config_boolean(c, "use_syslog"));
        assert_true(config_boolean(c, "use_journal"));
        assert_false(config_boolean(c, "periodic_enable"));
}

/* checklist: 7 */
static void it_beats_files_and_multi_values_are_collected(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "a.conf", "[DEFAULT]\nreport_interval = 1\ndns_server = a\n");
        fixture_write(f, "b.conf", "[DEFAULT]\nreport_interval = 2\ndns_server = b\ndns_server = c\n");
        c = LOAD(f, "--dns_server=d", "--report_interval=3", "--config-file=a.conf", "--config-file", "b.conf");
        assert_int_equal(config_integer(c, "report_interval"), 3);
        assert_origin(c, "report_interval", "command line");
        assert_list(c, "dns_server", "a|b|c|d");
}

/* checklist: 7 */
static void what_is_left_over_is_returned(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *a = NULL, *b = NULL;
        _cleanup_(strv_freep) char **left = NULL, **left2 = NULL;
        const char *argv[] = { "nova-compute", "--report_interval=3", "one", "--debug", NULL };
        const char *dashes[] = { "nova-compute", "--", "--debug", NULL };

        assert_int_equal(config_load_at(&f->places, (char *const *) argv, &a, &left, &f->error), 0);
        assert_string_equal(left[0], "one");
        assert_string_equal(left[1], "--debug");
        assert_null(left[2]);
        assert_false(config_boolean(a, "debug"));

        assert_int_equal(config_load_at(&f->places, (char *const *) dashes, &b, &left2, &f->error), 0);
        assert_string_equal(left2[0], "--debug");
        assert_false(config_boolean(b, "debug"));
}

static void actions_are_told(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *argument;
                ConfigAction action;
                int r;
        } table[] = {
                { "--debug", CONFIG_RUN, 0 }, { "--help", CONFIG_HELP, 1 },           { "-h", CONFIG_HELP, 1 },
                { "--version", CONFIG_VERSION, 1 }, { "--show-config", CONFIG_SHOW, 1 }, { "--show_config", CONFIG_SHOW, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                const char *argv[] = { "nova-compute", table[i].argument, NULL };

                assert_int_equal(config_load_at(&f->places, (char *const *) argv, &c, NULL, &f->error), table[i].r);
                assert_int_equal(config_action(c), table[i].action);
        }
}

static void help_needs_no_file(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "etc/nova/nova.conf", "broken\n");
        c = LOAD(f, "--help");
        assert_int_equal(config_action(c), CONFIG_HELP);
}

/* checklist: 7 */
static void mistakes_get_a_sentence(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *arguments[3], *error;
        } table[] = {
                { { "--unheard-of" }, "command line: unknown option --unheard-of (--help lists all)" },
                { { "--unheard-of=1" }, "command line: unknown option --unheard-of (--help lists all)" },
                { { "--nohost" }, "command line: unknown option --nohost (--help lists all)" },
                { { "-x" }, "command line: unknown option -x (--help lists all)" },
                { { "--host" }, "command line: option --host needs a value" },
                { { "--host", "--debug" }, "command line: option --host needs a value" },
                { { "--config-file" }, "command line: option --config-file needs a value" },
                { { "--config-file=" }, "command line: --config-file needs a name" },
                { { "--config-file=absent" }, "cannot read configuration file 'absent': No such file or directory" },
                { { "--config-dir=absent" }, "cannot read configuration directory 'absent': No such file or directory" },
                { { "--flagfile", "absent" }, "cannot read configuration file 'absent': No such file or directory" },
                { { "--report_interval=-1" }, "command line: [DEFAULT] report_interval = '-1': must be a whole number, 0 or more" },
                { { "--debug=maybe" }, "command line: [DEFAULT] debug = 'maybe': must be true or false (also yes, no, on, off, 1, 0)" },
                { { "--libvirt-virt_type=vax" },
                  "command line: [libvirt] virt_type = 'vax': must be one of kvm, lxc, qemu, uml, xen, parallels, test" },
                { { "--host=\xff" }, "command line: the value of --host is not UTF-8 text" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_string_equal(fixture_refused(f, table[i].arguments), table[i].error);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                CASE(every_option_of_the_table_is_taken),
                CASE(spellings_mean_the_same),
                CASE(short_ones_and_booleans),
                CASE(it_beats_files_and_multi_values_are_collected),
                CASE(what_is_left_over_is_returned),
                CASE(actions_are_told),
                CASE(help_needs_no_file),
                CASE(mistakes_get_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Flag files: the gflags syntax, and the choice between the two syntaxes. */
#include <errno.h>

#include "fixture.h"

/* checklist: 7 */
static void the_first_line_that_says_something_decides_the_syntax(void **state _unused_) {
        static const struct {
                const char *text;
                bool ini;
        } table[] = {
                { "", false },
                { "\n  \n", false },
                { "# c\n// d\n", false },
                { "--debug\n", false },
                { "# c\n\n   --debug\n", false },
                { "[DEFAULT]\n", true },
                { "# c\n[DEFAULT]\n", true },
                { "; c\n--debug\n", true },
                { "debug\n", true },
                { "-debug\n", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (flagfile_is_ini(table[i].text, strlen(table[i].text)) != table[i].ini)
                        fail_msg("row %zu", i);
}

/* checklist: 7 */
static void flags_of_every_form_are_read(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "flags",
                      "# a comment\n"
                      "// another\n"
                      "\n"
                      "--host=node=1\n"
                      "  --report_interval=20  \n"
                      "--debug\n"
                      "--nouse_cow_images\n"
                      "--novncproxy_base_url=http://a/ # no comment\n"
                      "--libvirt_type=qemu\n"
                      "--vnc-enabled=false\n"
                      "--libvirt-wait_soft_reboot_seconds=7\n"
                      "--glance_api_servers=a:1, b:2\n"
                      "--virt_mkfs=a=b\n"
                      "--virt_mkfs=c=d\n"
                      "--sqlite_synchronous=false\n"
                      "--unheard_of=1\n"
                      "--nothing_of_ours\n");
        c = LOAD(f, "--flagfile=flags");
        assert_string_equal(config_string(c, "host"), "node=1");
        assert_int_equal(config_integer(c, "report_interval"), 20);
        assert_true(config_boolean(c, "debug"));
        assert_false(config_boolean(c, "use_cow_images"));
        assert_string_equal(config_string(c, "vnc.novncproxy_base_url"), "http://a/ # no comment");
        assert_string_equal(config_string(c, "libvirt.virt_type"), "qemu");
        assert_false(config_boolean(c, "vnc.enabled"));
        assert_int_equal(config_integer(c, "libvirt.wait_soft_reboot_seconds"), 7);
        assert_list(c, "glance.api_servers", "a:1|b:2");
        assert_list(c, "virt_mkfs", "a=b|c=d");
        assert_false(config_boolean(c, "sqlite_synchronous"));
        assert_origin(c, "report_interval", "flags:5");
        assert_int_equal(config_unknown(c, NULL), 2);
}

/* checklist: 7 */
static void ini_in_a_flag_file_is_read_too(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "some.conf", "# c\n[DEFAULT]\nreport_interval = 30\n[libvirt]\nvirt_type = lxc\n");
        c = LOAD(f, "--flagfile", "some.conf");
        assert_int_equal(config_integer(c, "report_interval"), 30);
        assert_string_equal(config_string(c, "libvirt.virt_type"), "lxc");
        assert_origin(c, "report_interval", "some.conf:3");
}

/* checklist: 7 */
static void a_nested_file_counts_where_it_stands(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "d/outer", "--report_interval=1\n--periodic_interval=1\n--flagfile=inner\n--periodic_interval=3\n");
        fixture_write(f, "d/inner", "--report_interval=2\n--periodic_interval=2\n");
        c = LOAD(f, "-flagfile", "d/outer");
        assert_int_equal(config_integer(c, "report_interval"), 2);
        assert_int_equal(config_integer(c, "periodic_interval"), 3);
        assert_origin(c, "report_interval", "d/inner:1");
        assert_origin(c, "periodic_interval", "d/outer:4");
}

static void the_home_directory_may_be_a_tilde(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_free_ char *before = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

        fixture_write(f, "outer", "--flagfile=~/inner\n");
        fixture_write(f, "home/inner", "--report_interval=2\n");
        setenv("HOME", f->home, 1);
        c = LOAD(f, "--flagfile=outer");
        if (before)
                setenv("HOME", before, 1);
        assert_int_equal(config_integer(c, "report_interval"), 2);
}

/* checklist: 7 */
static void errors_name_the_file_and_the_line(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *text, *error;
        } table[] = {
                { "--debug\nhost=a\n", "F:2: line 'host…' of a flag file does not begin with --" },
                { "--debug\n--host\n", "F:2: option --host needs a value" },
                { "--debug\n--nohost\n--=x\n", "F:3: -- without an option" },
                { "--flagfile\n", "F:1: --flagfile needs the name of a file" },
                { "--flagfile=\n", "F:1: --flagfile needs the name of a file" },
                { "--flagfile=F\n", "F:1: flag files include each other, or more than 16 deep" },
                { "--flagfile=absent\n", "cannot read configuration file 'absent': No such file or directory" },
                { "--report_interval=soon\n", "F:1: [DEFAULT] report_interval = 'soon': must be a whole number, 0 or more" },
                { "--novncproxy_base_url\n", "F:1: option --novncproxy_base_url needs a value" },
                { "--x\n--\xff\n", "F:2: the line is not UTF-8 text" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                fixture_write(f, "F", table[i].text);
                assert_string_equal(REFUSED(f, "--flagfile=F"), table[i].error);
        }
}

static void files_that_include_each_other_end(void **state) {
        Fixture *f = *state;

        fixture_write(f, "a", "--flagfile=b\n");
        fixture_write(f, "b", "--flagfile=a\n");
        assert_non_null(strstr(REFUSED(f, "--flagfile=a"), "flag files include each other"));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_line_that_says_something_decides_the_syntax),
                CASE(flags_of_every_form_are_read),
                CASE(ini_in_a_flag_file_is_read_too),
                CASE(a_nested_file_counts_where_it_stands),
                CASE(the_home_directory_may_be_a_tilde),
                CASE(errors_name_the_file_and_the_line),
                CASE(files_that_include_each_other_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What people see: masked passwords, --help, --show-config, the sample. */
#include <errno.h>

#include "fixture.h"

/* checklist: 72 */
static void passwords_in_urls_are_masked(void **state _unused_) {
        static const struct {
                const char *text, *masked;
        } table[] = {
                { "", "" },
                { "no url: a:b@c", "no url: a:b@c" },
                { "rabbit://u:p@h:5672/v", "rabbit://u:***@h:5672/v" },
                { "rabbit://u:p@h1:5672,u2:p2@h2:5672/v?ssl=1", "rabbit://u:***@h1:5672,u2:***@h2:5672/v?ssl=1" },
                { "rabbit://h1:5672,h2/v", "rabbit://h1:5672,h2/v" },
                { "rabbit://u@h/v", "rabbit://u@h/v" },
                { "rabbit://:p@h/", "rabbit://:***@h/" },
                { "rabbit://u:@h/", "rabbit://u:@h/" },
                { "rabbit://[::1]:5672/", "rabbit://[::1]:5672/" },
                { "rabbit://u:p@[::1]:5672/", "rabbit://u:***@[::1]:5672/" },
                { "mysql://u:a@b@h/db", "mysql://u:***@h/db" },
                { "mysql://u:a/b@h/db", "mysql://u:***@h/db" },
                { "mysql://u:a?b#c@h/db?x=1", "mysql://u:***@h/db?x=1" },
                { "rabbit://u:a,b@h/", "rabbit://u:***,b@h/" },
                { "http://h/?user=a&password=b&x=c", "http://h/?user=a&password=***&x=c" },
                { "http://h?auth_token=t", "http://h?auth_token=***" },
                { "http://a:b@c http://d:e@f", "http://a:***@c http://d:***@f" },
                /* with a blank in it */
                { "rabbit://u:a b\tc@h/v", "rabbit://u:***@h/v" },
                { "rabbit://u v:a@h/", "rabbit://u v:***@h/" },
                { "rabbit://u:a b@c://d@h/", "rabbit://u:***@h/" },
                { "http://a:b c@d http://e:f", "http://a:***@d http://e:f" },
                { "http://h:80/ is not admin", "http://h:80/ is not admin" },
                { "sqlite:////var/lib/nova/nova.sqlite", "sqlite:////var/lib/nova/nova.sqlite" },
                { "test:///default", "test:///default" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *masked = mask_url(table[i].text);

                assert_non_null(masked);
                assert_string_equal(masked, table[i].masked);
        }
}

static char *printed(const Config *c) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        if (c)
                config_print(c, f);
        else
                config_print_help(f, "nova-compute");
        assert_int_equal(fclose(f), 0);
        return text;
}

/* checklist: 72 */
static void no_secret_is_shown(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_free_ char *text = NULL;
        const Option *o;

        fixture_write(f, "x.conf",
                      "[DEFAULT]\ntransport_url = rabbit://u:sekret1@h/\nrabbit_password = sekret2\ndns_server = $rabbit_password\n"
                      "[neutron]\npassword = sekret3\nendpoint_override = http://u:sekret4@h\nservice_name = x$password\n");
        c = LOAD(f, "--config-file=x.conf", "--placement-password=sekret5", "--placement-token", "sekret6");
        assert_string_equal(config_string(c, "neutron.service_name"), "xsekret3");
        text = printed(c);
        assert_null(strstr(text, "sekret"));
        assert_non_null(strstr(text, "\ntransport_url = rabbit://u:***@h/\n"));
        assert_non_null(strstr(text, "\nrabbit_password = ***\n"));

        for (size_t i = 0; (o = config_option(c, i)); i++) {
                _cleanup_free_ char *shown = config_shown(c, o);

                assert_non_null(shown);
                assert_null(strstr(shown, "sekret"));
        }
}

static void a_wrong_value_does_not_show_a_secret(void **state) {
        Fixture *f = *state;

        fixture_write(f, "x.conf", "[DEFAULT]\nrabbit_password = sekret\nreport_interval = 1$rabbit_password\n");
        assert_string_equal(REFUSED(f, "--config-file=x.conf"),
                            "x.conf:3: [DEFAULT] report_interval = '***': must be a whole number, 0 or more");
        fixture_write(f, "x.conf", "[DEFAULT]\nreport_interval = http://u:sekret@h\n");
        assert_null(strstr(REFUSED(f, "--config-file=x.conf"), "sekret"));
}

static void show_config_says_where_each_value_is_from(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_free_ char *text = NULL;

        fixture_write(f, "x.conf", "[DEFAULT]\nreport_interval = 20\ndns_server = a\ndns_server = b\n");
        c = LOAD(f, "--config-file=x.conf", "--debug", "--show-config");
        text = printed(c);
        assert_non_null(strstr(text, "\n# x.conf:2\nreport_interval = 20\n"));
        assert_non_null(strstr(text, "\n# command line\ndebug = true\n"));
        assert_non_null(strstr(text, "\n# default\nservice_down_time = 60\n"));
        assert_non_null(strstr(text, "\n# x.conf:4\ndns_server = a\ndns_server = b\n"));
        assert_non_null(strstr(text, "\n[libvirt]\n# default\nvirt_type = kvm\n"));
        assert_non_null(strstr(text, "\n# default\n#tempdir =\n"));
}

/* What is shown can be read again and means the same. */
static void show_config_can_be_read_again(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *a = NULL, *b = NULL;
        _cleanup_free_ char *text = NULL;
        const Option *o;

        fixture_write(f, "x.conf", "[DEFAULT]\ndns_server = a\ndns_server = b\ntempdir = a$$host\nvirt_mkfs = a\n b\n"
                           "log_date_format = \"'q'\"\n[libvirt]\ndisk_cachemodes = x=y, z=a\n");
        a = LOAD(f, "--config-file=x.conf");
        text = printed(a);
        fixture_write(f, "y.conf", text);
        b = LOAD(f, "--config-file=y.conf");
        assert_int_equal(config_unknown(b, NULL), 0);
        for (size_t i = 0; (o = config_option(a, i)); i++) {
                _cleanup_free_ char *x = config_shown(a, o), *y = config_shown(b, o);

                /* One value of several lines looks like several values. */
                assert_string_equal(x, y);
        }
}

/* checklist: 9, 10 */
static void help_lists_every_option(void **state _unused_) {
        _cleanup_free_ char *text = printed(NULL);
        const Option *o;

        assert_non_null(strstr(text, "usage: nova-compute [options]\n"));
        assert_non_null(strstr(text, "Driver to use for controlling virtualization"));
        assert_non_null(strstr(text, "  --libvirt-virt_type VALUE\n"));
        assert_non_null(strstr(text, "  --debug\n"));
        for (size_t i = 0; (o = option_table_at(i)); i++) {
                char flag[300];

                snprintf(flag, sizeof flag, "  --%s%s%s%s\n", strempty(o->group), o->group ? "-" : "", o->name,
                         o->type == OPTION_BOOLEAN ? "" : " VALUE");
                if (!strstr(text, flag))
                        fail_msg("%s", flag);
        }
}

/* data/nova.conf.sample is what the table says. To write it anew: test-config-show > data/nova.conf.sample with
 * WRITE_SAMPLE=1 in the environment. */
static void the_sample_is_of_the_table(void **state) {
        _cleanup_free_ char *expected = NULL, *sample = NULL, *uncommented = NULL;
        char *next;
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        size_t size, n;
        FILE *file = open_memstream(&expected, &n);

        assert_non_null(file);
        config_print_sample(file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(read_whole(SAMPLE, &sample, &size), 0);
        if (!streq(sample, expected))
                fail_msg("data/nova.conf.sample differs from the table: write it anew");

        /* And with every setting made to count, it is a configuration of nothing but defaults. */
        uncommented = calloc(1, size + 1);
        assert_non_null(uncommented);
        for (char *line = strtok_r(sample, "\n", &next), *to = uncommented; line; line = strtok_r(NULL, "\n", &next)) {
                const char *value = *line == '#' && line[1] != ' ' ? strstr(line, " = ") : NULL;

                to = stpcpy(stpcpy(to, line + (value && value[3] != '<')), "\n");
        }
        fixture_write(f, "sample.conf", uncommented);
        c = LOAD(f, "--config-file=sample.conf");
        assert_int_equal(config_unknown(c, NULL), 0);
        assert_true(config_is_given(c, "report_interval"));
        assert_true(config_is_given(c, "libvirt.call_timeout"));
        for (size_t i = 0; config_option(c, i); i++) {
                const Option *o = config_option(c, i);
                _cleanup_free_ char *shown = config_shown(c, o);

                if (o->value && !strchr(o->value, '$') && !o->dynamic && !(o->flags & (OPTION_SECRET | OPTION_ACCEPTED | OPTION_PLANNED)))
                        assert_string_equal(shown, o->value);
        }
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(passwords_in_urls_are_masked),
                CASE(no_secret_is_shown),
                CASE(a_wrong_value_does_not_show_a_secret),
                CASE(show_config_says_where_each_value_is_from),
                CASE(show_config_can_be_read_again),
                cmocka_unit_test(help_lists_every_option),
                CASE(the_sample_is_of_the_table),
        };

        if (getenv("WRITE_SAMPLE")) {
                config_print_sample(stdout);
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

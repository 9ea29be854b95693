/* The snapshot: registering after the fact, reload, difference, rules over several options, what the log is told. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>

#include "basic/log.h"
#include "fixture.h"

static const Option late = { .group = "late", .name = "size", .type = OPTION_INTEGER, .value = "5", .min = 1, .max = 9,
                             .help = "For tests.", .deprecated = (const char *const[]) { "late_size", NULL } };
static const Option late_flag = { .name = "late_flag", .type = OPTION_BOOLEAN, .value = "false", .help = "For tests." };
static const Option late_text = { .group = "late", .name = "text", .type = OPTION_STRING, .value = "$host-$size", .help = "For tests." };
static const Option late_list = { .group = "late", .name = "names", .type = OPTION_MULTI_STRING, .help = "For tests." };

/* checklist: 8 */
static void an_option_registered_later_reads_the_stored_input(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL, *again = NULL;
        size_t n = 0;

        fixture_write(f, "x.conf", "[DEFAULT]\nhost=h\n[late]\nsize = 7\nnames = a\nnames = b\nother = 1\n");
        c = LOAD(f, "--config-file=x.conf");
        assert_int_equal(config_unknown(c, NULL), 3);
        assert_false(config_has(c, "late.size"));

        assert_int_equal(config_register(c, &late, NULL), 0);
        assert_int_equal(config_register(c, &late_text, NULL), 0);
        assert_int_equal(config_register(c, &late_list, NULL), 0);
        assert_true(config_has(c, "late.size"));
        assert_true(config_has(c, "late_size"));
        assert_int_equal(config_integer(c, "late.size"), 7);
        assert_string_equal(config_string(c, "late.text"), "h-7");
        assert_list(c, "late.names", "a|b");
        assert_origin(c, "late.size", "x.conf:4");
        assert_int_equal(config_unknown(c, NULL), 1);
        while (config_option(c, n))
                n++;
        assert_ptr_equal(config_option(c, n - 1), &late_list);
        assert_ptr_equal(config_option(c, n - 3), &late);

        fixture_write(f, "x.conf", "[late]\nsize = 8\n");
        assert_int_equal(config_reload(c, &again, NULL), 0);
        assert_int_equal(config_integer(again, "late.size"), 8);
        assert_int_equal(config_integer(c, "late.size"), 7);
}

/* checklist: 8 */
static void flags_of_files_are_read_later_too(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *a = NULL, *b = NULL, *c = NULL;

        fixture_write(f, "flags", "--late-flag\n--late_size=6\n");
        a = LOAD(f, "--flagfile=flags");
        assert_int_equal(config_register(a, &late_flag, NULL), 0);
        assert_int_equal(config_register(a, &late, NULL), 0);
        assert_true(config_boolean(a, "late_flag"));
        assert_int_equal(config_integer(a, "late.size"), 6);
        assert_int_equal(config_unknown(a, NULL), 0);

        fixture_write(f, "flags", "--late_flag\n--nolate_flag\n");
        b = LOAD(f, "--flagfile=flags");
        assert_int_equal(config_register(b, &late_flag, NULL), 0);
        assert_false(config_boolean(b, "late_flag"));

        fixture_write(f, "flags", "--late_flag=true\n");
        c = LOAD(f, "--flagfile=flags");
        assert_int_equal(config_register(c, &late_flag, NULL), 0);
        assert_true(config_boolean(c, "late_flag"));
}

/* checklist: 9 */
static void a_second_option_of_a_name_is_refused(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = LOAD(f, );
        const Option twin = { .group = "late", .name = "size", .type = OPTION_STRING, .help = "For tests." };
        const Option of_table = { .name = "report_interval", .type = OPTION_STRING, .help = "For tests." };
        const Option of_old_name = { .name = "libvirt_type", .type = OPTION_STRING, .help = "For tests." };
        const Option old_taken = { .name = "something", .type = OPTION_STRING, .help = "For tests.",
                                   .deprecated = (const char *const[]) { "host", NULL } };
        ConfigError e = {};

        assert_int_equal(config_register(c, &late, &e), 0);
        assert_int_equal(config_register(c, &late, &e), 0);
        assert_int_equal(config_register(c, &twin, &e), -EEXIST);
        assert_string_equal(e.text, "option 'late.size' is there already");
        assert_int_equal(config_register(c, &of_table, &e), -EEXIST);
        assert_int_equal(config_register(c, &of_old_name, &e), -EEXIST);
        assert_int_equal(config_register(c, &old_taken, &e), -EEXIST);
        assert_string_equal(e.text, "option 'host', a former name of 'something', is there already");
        assert_false(config_has(c, "something"));
}

/* checklist: 8 */
static void a_wrong_value_of_a_late_option_is_named(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        ConfigError e = {};

        fixture_write(f, "x.conf", "[late]\nsize = 10\n");
        c = LOAD(f, "--config-file=x.conf");
        assert_int_equal(config_register(c, &late, &e), -EINVAL);
        assert_string_equal(e.text, "x.conf:2: [late] size = '10': must be a whole number from 1 to 9");
        assert_false(config_has(c, "late.size"));
        assert_int_equal(config_unknown(c, NULL), 1);
}

static void *read_much(void *userdata) {
        const Config *c = userdata;

        while (!config_has(c, "late.names")) {
                if (config_has(c, "late.size"))
                        assert(config_integer(c, "late.size") == 7);
                assert(config_integer(c, "report_interval") == 10);
                for (size_t i = 0; config_option(c, i); i++)
                        ;
        }
        return NULL;
}

static void options_may_be_registered_while_others_read(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        pthread_t threads[3];

        fixture_write(f, "x.conf", "[late]\nsize = 7\n");
        c = LOAD(f, "--config-file=x.conf");
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, read_much, c), 0);
        assert_int_equal(config_register(c, &late, NULL), 0);
        assert_int_equal(config_unknown(c, NULL), 0);
        assert_int_equal(config_register(c, &late_list, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void count(const Option *o, void *userdata) {
        char *names = userdata;

        strcat(strcat(names, o->name), " ");
}

/* checklist: 77 */
static void a_reload_is_another_snapshot(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *a = NULL, *b = NULL, *c = NULL;
        char names[256] = "";
        ConfigError e = {};

        fixture_write(f, "x.conf", "[DEFAULT]\nreport_interval = 1\ncompute_driver = fake.FakeDriver\n");
        a = LOAD(f, "--config-file=x.conf", "--host=h");
        fixture_write(f, "x.conf", "[DEFAULT]\nreport_interval = 2\nhost = from-file\ncompute_driver = libvirt.LibvirtDriver\n");
        assert_int_equal(config_reload(a, &b, &e), 0);
        assert_int_equal(config_integer(a, "report_interval"), 1);
        assert_int_equal(config_integer(b, "report_interval"), 2);
        assert_string_equal(config_string(a, "compute_driver"), "fake.FakeDriver");
        assert_string_equal(config_string(b, "compute_driver"), "libvirt.LibvirtDriver");
        assert_string_equal(config_string(b, "host"), "h");
        config_diff(a, b, count, names);
        assert_string_equal(names, "report_interval compute_driver ");

        fixture_write(f, "x.conf", "[DEFAULT]\nreport_interval = soon\n");
        assert_int_equal(config_reload(b, &c, &e), -EINVAL);
        assert_null(c);
        assert_string_equal(e.text, "x.conf:2: [DEFAULT] report_interval = 'soon': must be a whole number, 0 or more");
        assert_int_equal(config_integer(b, "report_interval"), 2);
}

static void references_keep_a_snapshot(void **state) {
        Fixture *f = *state;
        Config *c = LOAD(f, );
        Config *d = config_ref(c);

        assert_ptr_equal(c, d);
        assert_null(config_unref(c));
        assert_int_equal(config_integer(d, "report_interval"), 10);
        assert_null(config_unref(d));
        assert_null(config_unref(NULL));
}

static void a_test_gives_its_own_values(void **state _unused_) {
        static const char *const good[] = { "libvirt.virt_type=lxc", "report_interval=3", "dns_server=a", "dns_server=b", NULL };
        static const char *const bad[][2] = { { "unheard_of=1" }, { "report_interval" }, { "report_interval=x" } };
        _cleanup_(config_unrefp) Config *c = NULL, *again = NULL;
        ConfigError e = {};

        assert_int_equal(config_new_for_test(&c, good, &e), 0);
        assert_string_equal(config_string(c, "libvirt.virt_type"), "lxc");
        assert_int_equal(config_integer(c, "report_interval"), 3);
        assert_list(c, "dns_server", "a|b");
        assert_int_equal(config_reload(c, &again, &e), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Config *none = NULL;

                assert_int_equal(config_new_for_test(&none, bad[i], &e), -EINVAL);
                assert_null(none);
        }
}

static void numbers_in_the_wrong_order_are_named_or_put_right(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *arguments[3], *option;
                int64_t value;
                const char *warning;
        } table[] = {
                { { "--report_interval=60", "--service_down_time=60" }, "service_down_time", 150,
                  "report_interval = 60 should be less than service_down_time = 60: the service would be taken for down between two "
                  "reports; using 150 for the latter" },
                { { "--report_interval=3", "--service_down_time=1" }, "service_down_time", 7,
                  "report_interval = 3 should be less than service_down_time = 1: the service would be taken for down between two "
                  "reports; using 7 for the latter" },
                { { "--report_interval=0", "--service_down_time=1" }, "service_down_time", 1, NULL },
                { { "--rpc_response_timeout=30" }, "oslo_messaging_rabbit.kombu_missing_consumer_retry_timeout", 30,
                  "oslo_messaging_rabbit.heartbeat_timeout_threshold = 60 should be at most rpc_response_timeout = 30: calls would time out "
                  "before a silent broker is noticed" },
                { { "--oslo_messaging_rabbit-heartbeat_timeout_threshold=0", "--rpc_response_timeout=60" },
                  "oslo_messaging_rabbit.heartbeat_timeout_threshold", 0, NULL },
                { { "--rpc_response_timeout=2000" }, "rpc_response_timeout", 2000,
                  "rpc_response_timeout = 2000 should be at most long_rpc_timeout = 1800: long calls would time out before short ones" },
                { { "--oslo_messaging_rabbit-rabbit_retry_interval=40" }, "oslo_messaging_rabbit.rabbit_retry_interval", 30,
                  "oslo_messaging_rabbit.rabbit_retry_interval = 40 should be at most oslo_messaging_rabbit.rabbit_interval_max = 30: the "
                  "first wait for the broker would be longer than the longest; using 30 for the former" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = fixture_load(f, table[i].arguments);
                const char *warning = *config_warnings(c);

                assert_int_equal(config_integer(c, table[i].option), table[i].value);
                if (table[i].warning) {
                        assert_non_null(warning);
                        assert_string_equal(warning, table[i].warning);
                } else
                        assert_null(warning);
        }
}

static void what_excludes_each_other_is_refused(void **state) {
        Fixture *f = *state;

        fixture_write(f, "x.conf", "[oslo_messaging_rabbit]\nrabbit_ha_queues = true\nrabbit_quorum_queue = true\n");
        assert_string_equal(REFUSED(f, "--config-file=x.conf"),
                            "x.conf:2: [oslo_messaging_rabbit] rabbit_ha_queues and (x.conf:3) rabbit_quorum_queue exclude each other: "
                            "set one of them to false");
}

static void a_mode_that_is_none_is_refused(void **state) {
        static const char *const wrong[] = { "abc", "0888", "01777", "-1", "" };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                char text[64], expected[160];

                snprintf(text, sizeof text, "[DEFAULT]\nlogfile_mode = %s\n", wrong[i]);
                fixture_write(f, "x.conf", text);
                snprintf(expected, sizeof expected, "x.conf:2: [DEFAULT] logfile_mode = '%s': must be an octal number from 0 to 0777", wrong[i]);
                assert_string_equal(REFUSED(f, "--config-file=x.conf"), expected);
        }
}

static void open_log(const Fixture *f, LogLevel level) {
        char path[128], why[256];

        snprintf(path, sizeof path, "%s/log", f->directory);
        if (log_open(&(LogSettings) { .level = level, .target = LOG_TARGET_FILE, .program = "test", .log_file = path }, why, sizeof why) < 0)
                fail_msg("%s", why);
}

static char *read_log(void) {
        char *text = NULL;
        size_t size;

        log_close();
        assert_int_equal(read_whole("log", &text, &size), 0);
        return text;
}

static void what_is_odd_is_logged(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_free_ char *info = NULL, *debug = NULL;

        fixture_write(f, "x.conf", "[DEFAULT]\nzebra=1\nape=2\nlibvirt_type=qemu\n[database]\nconnection=x\n"
                                   "[neutron]\nregion_name=one\n");
        c = LOAD(f, "--config-file=x.conf");

        open_log(f, LOG_LEVEL_INFO);
        config_log_unknown(c);
        info = read_log();
        assert_non_null(strstr(info, "2 options of the configuration are unknown here and ignored; named at DEBUG"));
        assert_non_null(strstr(info, "x.conf:4: libvirt_type is called libvirt.virt_type today"));
        assert_non_null(strstr(info, "1 option of the configuration is for what this version does not do; named at DEBUG"));
        assert_null(strstr(info, "zebra"));

        open_log(f, LOG_LEVEL_DEBUG);
        config_log_unknown(c);
        debug = read_log();
        assert_non_null(strstr(debug, "Unknown option ignored: x.conf:2: zebra"));
        assert_non_null(strstr(debug, "Option without effect here: database.connection"));
        assert_non_null(strstr(debug, "Option without effect here: neutron.region_name"));
}

static void the_log_is_told_every_secret(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_free_ char *text = NULL;

        fixture_write(f, "x.conf", "[DEFAULT]\ntransport_url = rabbit://guest:guest@a,u:first%2Fsekret@h/?x=1\nrabbit_password = second-sekret\n"
                                   "[neutron]\npassword = third-sekret\n");
        c = LOAD(f, "--config-file=x.conf", "--glance-api_servers=http://u:fourth-sekret@h/");
        open_log(f, LOG_LEVEL_DEBUG);
        assert_int_equal(config_register_secrets(c), 0);
        log_info("first/sekret first%%2Fsekret second-sekret third-sekret fourth-sekret, a guest");
        text = read_log();
        assert_null(strstr(text, "sekret"));
        assert_non_null(strstr(text, ", a guest"));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                CASE(an_option_registered_later_reads_the_stored_input),
                CASE(flags_of_files_are_read_later_too),
                CASE(a_second_option_of_a_name_is_refused),
                CASE(a_wrong_value_of_a_late_option_is_named),
                CASE(options_may_be_registered_while_others_read),
                CASE(a_reload_is_another_snapshot),
                CASE(references_keep_a_snapshot),
                cmocka_unit_test(a_test_gives_its_own_values),
                CASE(numbers_in_the_wrong_order_are_named_or_put_right),
                CASE(what_excludes_each_other_is_refused),
                CASE(a_mode_that_is_none_is_refused),
                CASE(what_is_odd_is_logged),
                CASE(the_log_is_told_every_secret),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Values: substitution, conversion, ranges, which name counts. */
#include <arpa/inet.h>
#include <errno.h>

#include "fixture.h"

static Config *from(Fixture *f, const char *text) {
        fixture_write(f, "x.conf", text);
        return LOAD(f, "--config-file=x.conf");
}

/* checklist: 7 */
static void names_are_replaced(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *text, *option, *result;
        } table[] = {
                { "[DEFAULT]\nhost=h\nconsole_host=$host", "console_host", "h" },
                { "[DEFAULT]\nhost=h\nconsole_host=a${host}b", "console_host", "ahb" },
                { "[DEFAULT]\nhost=h\nconsole_host=$host.example.org.", "console_host", "h.example.org." },
                { "[DEFAULT]\nconsole_host=$$host \\$host $ $1 ${ ${host $", "console_host", "$host $host $ $1 ${ ${host $" },
                { "[DEFAULT]\nconsole_host=$nothing.here $no ${such}", "console_host", "$nothing.here $no ${such}" },
                { "[DEFAULT]\nconsole_host=a\\b\\$$$", "console_host", "a\\b$$" },
                { "[DEFAULT]\nconsole_host=<$tempdir>", "console_host", "<>" },
                { "[DEFAULT]\nconsole_host=$libvirt.virt_type\n[libvirt]\nvirt_type=lxc", "console_host", "lxc" },
                { "[DEFAULT]\nhost=h\n[libvirt]\nrbd_user=$host-$virt_type-$DEFAULT.host", "libvirt.rbd_user", "h-kvm-h" },
                { "[cinder]\nos_region_name=$debug $DEFAULT.debug\ndebug=yes", "cinder.os_region_name", "yes false" },
                { "[DEFAULT]\nrabbit_host=b\nconsole_host=$oslo_messaging_rabbit.rabbit_host", "console_host", "b" },
                { "[DEFAULT]\nstate_path=/a\n", "libvirt.snapshots_directory", "/a/instances/snapshots" },
                { "[DEFAULT]\nstate_path=/a\nsqlite_db=b\n", "sql_connection", "sqlite:////a/b" },
                { "[DEFAULT]\nconsole_host=$host\nhost=${my_ip}\nmy_ip=1.2.3.4\n", "console_host", "1.2.3.4" },
                { "[DEFAULT]\nconsole_host=$report_interval-$service_down_time", "console_host", "10-60" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = from(f, table[i].text);

                if (!streq(config_string(c, table[i].option), table[i].result))
                        fail_msg("row %zu: '%s'", i, config_string(c, table[i].option));
        }
}

static void lists_and_numbers_are_replaced_too(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        c = from(f, "[DEFAULT]\nhost=a,b\nnon_inheritable_image_properties=$host, c\nreport_interval=$periodic_interval\n"
                    "service_down_time=1${periodic_interval}\ndns_server=$host\ndns_server=x\n");
        assert_list(c, "non_inheritable_image_properties", "a|b|c");
        assert_int_equal(config_integer(c, "report_interval"), 60);
        assert_int_equal(config_integer(c, "service_down_time"), 160);
        assert_list(c, "dns_server", "a,b|x");
}

/* checklist: 7 */
static void circles_are_named(void **state) {
        Fixture *f = *state;

        fixture_write(f, "x.conf", "[DEFAULT]\nhost=$console_host\nconsole_host=a$my_ip\nmy_ip=$host\n");
        assert_string_equal(REFUSED(f, "--config-file=x.conf"),
                            "x.conf:2: [DEFAULT] host refers to itself, through the $names in its value");
        fixture_write(f, "x.conf", "[DEFAULT]\nhost=$host\n");
        assert_string_equal(REFUSED(f, "--config-file=x.conf"),
                            "x.conf:2: [DEFAULT] host refers to itself, through the $names in its value");
}

static void what_grows_without_measure_is_refused(void **state) {
        Fixture *f = *state;
        static const char *const names[] = { "console_host", "public_interface", "flat_interface", "vlan_interface", "gateway",
                                             "gateway_v6", "networks_path", "dhcpbridge", "floating_range", "dnsmasq_config_file" };
        char text[2048] = "[DEFAULT]\nvpn_image_id=xxxxxxxxxx\n";
        const char *before = "vpn_image_id";

        for (size_t i = 0; i < ELEMENTSOF(names); before = names[i++]) {
                sprintf(text + strlen(text), "%s=", names[i]);
                for (unsigned k = 0; k < 8; k++)
                        sprintf(text + strlen(text), "$%s", before);
                strcat(text, "\n");
        }
        fixture_write(f, "x.conf", text);
        assert_non_null(strstr(REFUSED(f, "--config-file=x.conf"), "the value is longer than 262144 bytes when the names in it are replaced"));
}

/* checklist: 7 */
static void texts_become_values(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *text;
                int64_t integer;
                bool good;
        } integers[] = {
                { "0", 0, true }, { "12", 12, true }, { "+7", 7, true }, { "007", 7, true }, { " 5 ", 5, true },
                { "9223372036854775807", INT64_MAX, true }, { "9223372036854775808", 0, false }, { "-1", 0, false },
                { "1.5", 0, false }, { "0x10", 0, false }, { "1 2", 0, false }, { "ten", 0, false }, { "+", 0, false }, { "1k", 0, false },
        };
        static const struct {
                const char *text;
                int result;
        } booleans[] = {
                { "true", 1 }, { "TRUE", 1 }, { "Yes", 1 }, { "on", 1 }, { "1", 1 }, { "false", 0 }, { "No", 0 }, { "OFF", 0 },
                { "0", 0 }, { "maybe", -1 }, { "2", -1 }, { "", -1 }, { "y", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(integers); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                char argument[64];

                snprintf(argument, sizeof argument, "--reserved_host_disk_mb=%s", integers[i].text);
                if (integers[i].good) {
                        c = LOAD(f, argument);
                        assert_true(config_integer(c, "reserved_host_disk_mb") == integers[i].integer);
                } else
                        assert_non_null(strstr(REFUSED(f, argument), "must be a whole number, 0 or more"));
        }
        for (size_t i = 0; i < ELEMENTSOF(booleans); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                char argument[64];

                snprintf(argument, sizeof argument, "--debug=%s", booleans[i].text);
                if (booleans[i].result >= 0) {
                        c = LOAD(f, argument);
                        assert_int_equal(config_boolean(c, "debug"), booleans[i].result);
                } else
                        assert_non_null(strstr(REFUSED(f, argument), "must be true or false"));
        }
}

static void floats_have_a_point_and_no_infinity(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = LOAD(f, "--cpu_allocation_ratio=1.5e1", "--ram_allocation_ratio=2");
        static const char *const bad[] = { "nan", "inf", "1,5", "-0.5", "1e999", "0x1p3", "e" };

        assert_float_equal(config_float(c, "cpu_allocation_ratio"), 15, 0);
        assert_float_equal(config_float(c, "ram_allocation_ratio"), 2, 0);
        assert_false(config_is_set(c, "disk_allocation_ratio"));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char argument[64];

                snprintf(argument, sizeof argument, "--cpu_allocation_ratio=%s", bad[i]);
                assert_non_null(strstr(REFUSED(f, argument), "must be a number, 0 or more"));
        }
}

static void lists_are_trimmed(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *text, *joined;
        } table[] = {
                { "", "" }, { " ", "" }, { "a", "a" }, { " a , b ", "a|b" }, { "a,,b", "a||b" }, { "a,b,,", "a|b" },
                { ",a", "|a" }, { "\"a\",b", "\"a\"|b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                char argument[64];

                snprintf(argument, sizeof argument, "--non_inheritable_image_properties=%s", table[i].text);
                c = LOAD(f, argument);
                assert_list(c, "non_inheritable_image_properties", table[i].joined);
        }
}

static void a_number_set_to_nothing_has_its_default(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = from(f, "[DEFAULT]\nreport_interval =\ncpu_allocation_ratio =\n");

        assert_int_equal(config_integer(c, "report_interval"), 10);
        assert_false(config_is_set(c, "cpu_allocation_ratio"));
        assert_origin(c, "report_interval", "default");
}

static void options_without_effect_take_anything(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = from(f, "[database]\nmax_retries = many\n[vnc]\nnovncproxy_port = x\n");

        assert_int_equal(config_integer(c, "database.max_retries"), 10);
}

static void an_error_is_utf8_even_where_it_was_cut(void **state) {
        Fixture *f = *state;
        char argument[256] = "--report_interval=x";

        for (unsigned i = 0; i < 60; i++)
                strcat(argument, "\xc3\xa9");
        assert_true(text_is_utf8(REFUSED(f, argument), strlen(f->error.text)));
        assert_non_null(strstr(f->error.text, "\xc3\xa9?': must be"));
}

/* checklist: 7 */
static void deprecated_names_mean_todays_options(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *text, *option, *result;
        } table[] = {
                { "[DEFAULT]\nlibvirt_type=qemu", "libvirt.virt_type", "qemu" },
                { "[DEFAULT]\nkombu_ssl_ca_certs=/a", "oslo_messaging_rabbit.ssl_ca_file", "/a" },
                { "[oslo_messaging_rabbit]\nkombu_ssl_keyfile=/k", "oslo_messaging_rabbit.ssl_key_file", "/k" },
                { "[oslo_messaging_rabbit]\nrabbit_host=b", "rabbit_host", "b" },
                { "[DEFAULT]\nlogfile=/l", "log_file", "/l" },
                { "[DEFAULT]\nlock_path=/l", "oslo_concurrency.lock_path", "/l" },
                { "[DEFAULT]\ndefault_notification_level=WARN", "notifications.default_level", "WARN" },
                { "[DEFAULT]\nvncserver_listen=::", "vnc.server_listen", "::" },
                /* Today's name wins within a file, whatever the order; a later file wins whatever the name. */
                { "[DEFAULT]\nlibvirt_type=qemu\n[libvirt]\nvirt_type=lxc", "libvirt.virt_type", "lxc" },
                { "[libvirt]\nvirt_type=lxc\n[DEFAULT]\nlibvirt_type=qemu", "libvirt.virt_type", "lxc" },
        };
        _cleanup_(config_unrefp) Config *two = NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = from(f, table[i].text);

                assert_string_equal(config_string(c, table[i].option), table[i].result);
        }

        fixture_write(f, "a.conf", "[libvirt]\nvirt_type=lxc\n");
        fixture_write(f, "b.conf", "[DEFAULT]\nlibvirt_type=qemu\nlibvirt_type=uml\n");
        two = LOAD(f, "--config-file=a.conf", "--config-file=b.conf");
        assert_string_equal(config_string(two, "libvirt.virt_type"), "uml");
        assert_string_equal(config_warnings(two)[0], "b.conf:2: libvirt_type is called libvirt.virt_type today");
        assert_null(config_warnings(two)[1]);
}

/* checklist: 21, 66, 70 */
static void intervals_may_be_switched_off(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *d = LOAD(f, ), *c = LOAD(f, "--report_interval=0", "--periodic_interval=0");

        assert_int_equal(config_integer(d, "report_interval"), 10);
        assert_int_equal(config_integer(d, "periodic_interval"), 60);
        assert_int_equal(config_integer(c, "report_interval"), 0);
        assert_int_equal(config_integer(c, "periodic_interval"), 0);
        assert_null(*config_warnings(c));
}

/* checklist: 20 */
static void managers_are_found_by_topic(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = LOAD(f, );

        assert_true(config_has(c, "compute_manager"));
        assert_false(config_has(c, "foo_manager"));
}

/* checklist: 17 */
static void the_host_is_this_machine_unless_told(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *d = LOAD(f, ), *c = LOAD(f, "--host=node-1.example");
        struct in_addr address;
        char name[256];

        assert_int_equal(gethostname(name, sizeof name), 0);
        assert_string_equal(config_string(d, "host"), name);
        assert_string_equal(config_string(d, "console_host"), name);
        assert_string_equal(config_string(c, "host"), "node-1.example");
        assert_int_equal(inet_pton(AF_INET, config_string(d, "my_ip"), &address), 1);
}

/* checklist: 84 */
static void a_host_that_no_queue_can_bear_is_refused(void **state) {
        Fixture *f = *state;
        static const char *const good[] = { "nova", "a.b-c_d", "node:1", "10.0.0.1", "fe80::1" };
        static const char *const bad[] = { "", "a b", "a*", "#", "a/b", "n\xc3\xb6w", "a\tb", "a\"b" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_(config_unrefp) Config *c = LOAD(f, "--host", good[i]);

                assert_string_equal(config_string(c, "host"), good[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_non_null(strstr(REFUSED(f, "--host", bad[i]), "command line: [DEFAULT] host"));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                CASE(names_are_replaced),
                CASE(lists_and_numbers_are_replaced_too),
                CASE(circles_are_named),
                CASE(what_grows_without_measure_is_refused),
                CASE(texts_become_values),
                CASE(floats_have_a_point_and_no_infinity),
                CASE(lists_are_trimmed),
                CASE(a_number_set_to_nothing_has_its_default),
                CASE(options_without_effect_take_anything),
                CASE(an_error_is_utf8_even_where_it_was_cut),
                CASE(deprecated_names_mean_todays_options),
                CASE(intervals_may_be_switched_off),
                CASE(managers_are_found_by_topic),
                CASE(the_host_is_this_machine_unless_told),
                CASE(a_host_that_no_queue_can_bear_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which files are read, and in which order they count. */
#include <errno.h>

#include "fixture.h"

/* checklist: 7 */
static void default_files_are_found_where_oslo_config_finds_them(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *nova, *own;         /* created before the load */
                const char *nova_origin, *own_origin;
        } table[] = {
                { NULL, NULL, "default", "default" },
                { "etc/nova.conf", "etc/nova-compute.conf", "etc/nova.conf:2", "etc/nova-compute.conf:2" },
                { "etc/nova/nova.conf", NULL, "etc/nova/nova.conf:2", "etc/nova-compute.conf:2" },
                { "home/nova.conf", "etc/nova/nova-compute.conf", "home/nova.conf:2", "etc/nova/nova-compute.conf:2" },
                { "home/.nova/nova.conf", "home/.nova/nova-compute.conf", "home/.nova/nova.conf:2", "home/.nova/nova-compute.conf:2" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                char origin[256];

                if (table[i].nova)
                        fixture_write(f, table[i].nova, "[DEFAULT]\nreport_interval=1\n");
                if (table[i].own)
                        fixture_write(f, table[i].own, "[DEFAULT]\nperiodic_interval=1\n");
                c = fixture_load(f, (const char *const[]) { NULL });
                snprintf(origin, sizeof origin, "%s/%s", f->directory, table[i].nova_origin);
                assert_origin(c, "report_interval", i ? origin : "default");
                snprintf(origin, sizeof origin, "%s/%s", f->directory, table[i].own_origin);
                assert_origin(c, "periodic_interval", i ? origin : "default");
        }
}

static void later_files_count_more(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        char origin[256];

        fixture_write(f, "etc/nova/nova.conf", "[DEFAULT]\nreport_interval=1\nperiodic_interval=1\npassword_length=1\nshelved_poll_interval=1\n");
        fixture_write(f, "etc/nova/nova-compute.conf", "[DEFAULT]\nreport_interval=2\nperiodic_interval=2\npassword_length=2\n");
        fixture_write(f, "etc/nova/nova.conf.d/10-a.conf", "[DEFAULT]\nperiodic_interval=4\npassword_length=4\n");
        fixture_write(f, "etc/nova/nova.conf.d/05-b.conf", "[DEFAULT]\nperiodic_interval=3\npassword_length=3\n");
        fixture_write(f, "etc/nova/nova.conf.d/99-ignored.txt", "broken");
        fixture_write(f, "etc/nova/nova.conf.d/.hidden.conf", "broken");
        fixture_write(f, "etc/nova/nova-compute.conf.d/x.conf", "[DEFAULT]\npassword_length=5\n");
        c = LOAD(f, );
        assert_int_equal(config_integer(c, "shelved_poll_interval"), 1);
        assert_int_equal(config_integer(c, "report_interval"), 2);
        assert_int_equal(config_integer(c, "periodic_interval"), 4);
        assert_int_equal(config_integer(c, "password_length"), 5);
        snprintf(origin, sizeof origin, "%s/etc/nova/nova.conf.d/10-a.conf:2", f->directory);
        assert_origin(c, "periodic_interval", origin);
}

static void named_files_replace_the_default_ones_but_not_the_directories(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL, *d = NULL;

        fixture_write(f, "etc/nova/nova.conf", "[DEFAULT]\nreport_interval=1\n");
        fixture_write(f, "etc/nova/nova.conf.d/a.conf", "[DEFAULT]\nperiodic_interval=7\n");
        fixture_write(f, "x.conf", "[DEFAULT]\npassword_length=8\n");
        fixture_write(f, "dir/y.conf", "[DEFAULT]\npassword_length=9\n");

        c = LOAD(f, "--config-file=x.conf");
        assert_int_equal(config_integer(c, "report_interval"), 10);
        assert_int_equal(config_integer(c, "periodic_interval"), 7);
        assert_int_equal(config_integer(c, "password_length"), 8);

        d = LOAD(f, "--config-dir", "dir");
        assert_int_equal(config_integer(d, "report_interval"), 1);
        assert_int_equal(config_integer(d, "periodic_interval"), 60);
        assert_int_equal(config_integer(d, "password_length"), 9);
}

static void what_is_named_is_read_in_its_order(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *a = NULL, *b = NULL;

        fixture_write(f, "x.conf", "[DEFAULT]\npassword_length=1\n");
        fixture_write(f, "dir/y.conf", "[DEFAULT]\npassword_length=2\n");
        fixture_write(f, "flags", "--password_length=3\n");
        a = LOAD(f, "--config-file=x.conf", "--flagfile=flags", "--config-dir=dir");
        assert_int_equal(config_integer(a, "password_length"), 2);
        b = LOAD(f, "--config-dir=dir", "--flagfile=flags", "--config-file=x.conf");
        assert_int_equal(config_integer(b, "password_length"), 1);
}

/* A Debian host of Zed: the flag file that is inserted is nova.conf, and brings what Debian passes by --config-file. */
static void the_default_flag_file_brings_the_programs_own_file(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL, *d = NULL;
        _cleanup_(strv_freep) char **argv = NULL;
        const char *plain[] = { "/usr/bin/nova-compute", NULL };

        fixture_write(f, "etc/nova/nova.conf", "[DEFAULT]\npassword_length=1\ndns_server=a\n");
        fixture_write(f, "etc/nova/nova-compute.conf", "[DEFAULT]\npassword_length=2\ndns_server=b\n");
        fixture_write(f, "etc/nova/nova.conf.d/x.conf", "[DEFAULT]\ndns_server=c\n");
        assert_int_equal(default_flagfile_at(&f->places, NULL, "/nonexistent", (char *const *) plain, false, &argv), 1);
        assert_int_equal(config_load_at(&f->places, argv, &c, NULL, &f->error), 0);
        assert_int_equal(config_integer(c, "password_length"), 2);
        assert_list(c, "dns_server", "a|b|c");

        /* What has another name comes alone. */
        fixture_write(f, "etc/nova/flags", "--password_length=5\n");
        d = LOAD(f, "--flagfile=etc/nova/flags");
        assert_int_equal(config_integer(d, "password_length"), 5);
        assert_list(d, "dns_server", "c");
}

static void files_of_a_checkout_do_not_mix_with_those_of_the_system(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "etc/nova/nova-compute.conf", "[DEFAULT]\npassword_length=2\n");
        fixture_write(f, "etc/nova/nova.conf.d/x.conf", "[DEFAULT]\npassword_length=3\n");
        fixture_write(f, "nova.conf", "[DEFAULT]\nreport_interval=1\n");
        c = LOAD(f, "--flagfile=./nova.conf");
        assert_int_equal(config_integer(c, "report_interval"), 1);
        assert_int_equal(config_integer(c, "password_length"), 12);
}

static void credentials_and_environment_come_between_files_and_command_line(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        char *environment[] = { (char *) "OS_LIBVIRT__VIRT_TYPE=lxc", (char *) "OS_DEFAULT__REPORT_INTERVAL=5",
                                (char *) "OS_DEFAULT__HOST=env",      (char *) "OS_AUTH__NOT_OURS=1",
                                (char *) "OS_PASSWORD=x",             (char *) "PATH=/bin",
                                NULL };
        char origin[256];

        fixture_write(f, "etc/nova/nova.conf", "[DEFAULT]\nrabbit_password=file\nreport_interval=1\n[libvirt]\nvirt_type=qemu\n");
        fixture_write(f, "credentials/rabbit_password", "from the credential\n");
        fixture_write(f, "credentials/neutron.password", "neutral");
        fixture_write(f, "credentials/other.key", "\xff\x01");
        fixture_write(f, "credentials/more.conf", "[DEFAULT]\nreport_interval=2\npassword_length=3\n");
        f->places.environment = environment;
        c = LOAD(f, "--host=line");
        assert_string_equal(config_string(c, "rabbit_password"), "from the credential");
        assert_string_equal(config_string(c, "neutron.password"), "neutral");
        assert_int_equal(config_integer(c, "password_length"), 3);
        assert_int_equal(config_integer(c, "report_interval"), 5);
        assert_string_equal(config_string(c, "libvirt.virt_type"), "lxc");
        assert_string_equal(config_string(c, "host"), "line");
        assert_origin(c, "report_interval", "environment");
        snprintf(origin, sizeof origin, "%s/credentials/rabbit_password", f->directory);
        assert_origin(c, "rabbit_password", origin);
        assert_int_equal(config_unknown(c, NULL), 0);
}

static void unknown_names_are_counted_once_and_named_without_values(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(strv_freep) char **names = NULL;

        fixture_write(f, "x.conf", "[DEFAULT]\nzebra = secret1\n[libvirt]\nape = secret2\n[DEFAULT]\nzebra = secret3\n[zoo]\nape=1\n");
        c = LOAD(f, "--config-file=x.conf");
        assert_int_equal(config_unknown(c, &names), 3);
        assert_string_equal(names[0], "x.conf:4: libvirt.ape");
        assert_string_equal(names[1], "x.conf:2: zebra");
        assert_string_equal(names[2], "x.conf:8: zoo.ape");
        assert_null(names[3]);
}

/* What an unmodified nova.conf and nova-compute.conf of Debian 12 set. */
static void a_debian_host_of_zed_is_accepted(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        fixture_write(f, "etc/nova/nova.conf",
                      "[DEFAULT]\npybasedir = /usr/lib/python3/dist-packages\nstate_path = /var/lib/nova\n[api]\n[cache]\n"
                      "[cinder]\nos_region_name = regionOne\n[database]\nconnection = sqlite:////var/lib/nova/novadb\n"
                      "[keystone_authtoken]\nauth_url = http://localhost:5000\nproject_name = service\nproject_domain_name = Default\n"
                      "username = nova\nuser_domain_name = Default\nwww_authenticate_uri = http://localhost:5000\n"
                      "region_name = regionOne\nauth_type = password\n"
                      "[neutron]\ndefault_floating_pool = ext-net\nservice_metadata_proxy = true\nauth_type = password\n"
                      "auth_url = http://127.0.0.1:5000\nproject_name = admin\nproject_domain_name = default\nusername = admin\n"
                      "user_domain_name = default\nservice_name = neutron\n"
                      "[oslo_concurrency]\nlock_path = /var/lock/nova\n[oslo_messaging_rabbit]\n[oslo_policy]\n"
                      "policy_dirs = /etc/nova/policy.d\n"
                      "[placement]\nauth_type = password\nauth_url = http://localhost:5000/v3\nproject_name = service\n"
                      "project_domain_name = default\nusername = =\nuser_domain_name = default\nregion_name = regionOne\n"
                      "[spice]\nenabled = true\nserver_listen = 0.0.0.0\nserver_proxyclient_address = $my_ip\n[zvm]\n");
        fixture_write(f, "etc/nova/nova-compute.conf",
                      "[DEFAULT]\ncompute_driver=libvirt.LibvirtDriver\nneutron_ovs_bridge=br-int\n[libvirt]\nvirt_type=kvm\n"
                      "vif_driver=nova.virt.libvirt.vif.LibvirtGenericVIFDriver\nuse_virtio_for_bridges=true\n");
        c = LOAD(f, );
        assert_int_equal(config_unknown(c, NULL), 0);
        assert_string_equal(config_string(c, "compute_driver"), "libvirt.LibvirtDriver");
        assert_string_equal(config_string(c, "placement.username"), "=");
        assert_string_equal(config_string(c, "spice.server_proxyclient_address"), config_string(c, "my_ip"));
        assert_string_equal(config_string(c, "lock_path"), "/var/lock/nova");
        /* The cell's database is not ours. */
        assert_string_equal(config_string(c, "sql_connection"), "sqlite:////var/lib/nova/nova.sqlite");
}

/* The file itself, where Debian's package is installed. */
static void the_file_of_the_package_is_accepted(void **state) {
        static const char path[] = "/usr/share/nova-common/nova.conf";
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;

        if (access(path, R_OK) < 0)
                skip();
        c = LOAD(f, "--config-file", path);
        assert_int_equal(config_unknown(c, NULL), 0);
}

static void the_real_one_reads_what_is_named(void **state) {
        Fixture *f = *state;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(strv_freep) char **left = NULL;
        const char *argv[] = { "nova-compute", "--config-file=x.conf", "rest", NULL };

        fixture_write(f, "x.conf", "[DEFAULT]\npassword_length = 21\n");
        assert_int_equal(config_load((char *const *) argv, &c, &left, &f->error), 0);
        assert_int_equal(config_integer(c, "password_length"), 21);
        assert_string_equal(left[0], "rest");
}

/* checklist: 5 */
static void an_unreadable_file_is_named(void **state) {
        Fixture *f = *state;

        fixture_write(f, "etc/nova/nova.conf/x", "");   /* a directory of that name */
        assert_non_null(strstr(REFUSED(f, ), "etc/nova/nova.conf': Is a directory"));
}

static void a_file_too_long_is_refused(void **state) {
        Fixture *f = *state;

        fixture_write(f, "x.conf", "[DEFAULT]\n");
        assert_int_equal(truncate("x.conf", CONFIG_FILE_MAX + 1), 0);
        assert_string_equal(REFUSED(f, "--config-file=x.conf"), "configuration file 'x.conf' is longer than 4194304 bytes");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                CASE(default_files_are_found_where_oslo_config_finds_them),
                CASE(later_files_count_more),
                CASE(named_files_replace_the_default_ones_but_not_the_directories),
                CASE(what_is_named_is_read_in_its_order),
                CASE(the_default_flag_file_brings_the_programs_own_file),
                CASE(files_of_a_checkout_do_not_mix_with_those_of_the_system),
                CASE(credentials_and_environment_come_between_files_and_command_line),
                CASE(unknown_names_are_counted_once_and_named_without_values),
                CASE(a_debian_host_of_zed_is_accepted),
                CASE(the_file_of_the_package_is_accepted),
                CASE(the_real_one_reads_what_is_named),
                CASE(an_unreadable_file_is_named),
                CASE(a_file_too_long_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

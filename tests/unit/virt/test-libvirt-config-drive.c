/* The config drive, read back by real tools: what is on it, in both forms, and who may read it. */
#include "disk-fixture.h"

#include "basic/base64.h"
#include "virt/libvirt/config-drive.h"

#define VIF                                                                                                                            \
        "{\"id\": \"vif-1\", \"address\": \"fa:16:3e:00:00:01\", \"type\": \"bridge\", \"devname\": \"tap1\", \"network\": {\"id\": \"net-1\", "            \
        "\"meta\": {\"mtu\": 1450}, \"subnets\": [{\"version\": 4, \"cidr\": \"10.1.2.0/23\", \"gateway\": {\"address\": \"10.1.2.1\"}, \"dns\": "         \
        "[{\"address\": \"8.8.8.8\"}], \"routes\": [{\"cidr\": \"192.168.0.0/16\", \"gateway\": {\"address\": \"10.1.2.9\"}}], \"ips\": [{\"address\": "   \
        "\"10.1.2.3\", \"floating_ips\": [{\"address\": \"1.2.3.4\"}]}], \"meta\": {}}, {\"version\": 6, \"cidr\": \"fd00::/64\", \"gateway\": {}, \"dns\": " \
        "[{\"address\": \"8.8.8.8\"}, {\"address\": \"::8\"}], \"routes\": [], \"ips\": [{\"address\": \"fd00::3\"}], \"meta\": {\"ipv6_address_mode\": "   \
        "\"slaac\"}}]}}"
#define DHCP_VIF                                                                                                                       \
        "{\"id\": \"vif-2\", \"address\": \"fa:16:3e:00:00:02\", \"type\": \"macvtap\", \"network\": {\"id\": \"net-2\", \"meta\": {\"mtu\": 1500}, "     \
        "\"subnets\": [{\"version\": 4, \"cidr\": \"10.3.0.0/24\", \"dns\": [], \"ips\": [{\"address\": \"10.3.0.3\"}], \"meta\": {\"dhcp_server\": "     \
        "\"10.3.0.2\"}}]}}"

static json_t *parsed(const char *text) {
        json_error_t error;
        json_t *value = json_loads(text, 0, &error);

        if (!value)
                fail_msg("%s: %s", error.text, text);
        return value;
}

static void fill(DiskFixture *f) {
        Instance *i = &f->instance;

        i->availability_zone = strdup("nova");
        assert_int_equal(instance_set_field(i, "config_drive", json_string("True")), 0);
        assert_int_equal(instance_set_field(i, "user_data", json_string("IyEvYmluL3NoCmVjaG8gAP8K")), 0);      /* with bytes that are no text */
        assert_int_equal(instance_set_field(i, "metadata", parsed("{\"role\": \"web\"}")), 0);
        assert_int_equal(instance_set_field(i, "key_name", json_string("mykey")), 0);
        assert_int_equal(instance_set_field(i, "key_data", json_string("ssh-rsa AAAA")), 0);
        assert_int_equal(instance_set_field(i, "launch_index", json_integer(2)), 0);
        assert_int_equal(instance_set_field(i, "reservation_id", json_string("r-1")), 0);
}

static DiskSet create(DiskFixture *f, const json_t *network, const json_t *files) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *meta = NULL;
        DiskSet set = {};

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        meta = shown(f, IMAGE);
        if (instance_disks_create(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta, .network_info = network, .injected_files = files,
                                                           .admin_password = "s3cret-pass"}, &set, &e) < 0)
                fail_msg("%s", e.message);
        return set;
}

/* A file of the drive, and the list of all, by programs that know such drives. */
static char *from_iso(const DiskFixture *f, const char *path) {
        return run(ARGV("isoinfo", "-R", "-i", in_folder(f, "instances/" UUID "/disk.config"), "-x", path));
}

static char *from_vfat(const DiskFixture *f, const char *path) {
        _cleanup_free_ char *full = NULL;

        assert_true(asprintf(&full, "::%s", path) > 0);
        return run(ARGV("mtype", "-i", in_folder(f, "instances/" UUID "/disk.config"), full));
}

static void look(DiskFixture *f, char *(*get)(const DiskFixture *, const char *)) {
        _cleanup_free_ char *text = get(f, "/openstack/latest/meta_data.json"), *old = get(f, "/openstack/2012-08-10/meta_data.json"),
                            *network_text = get(f, "/openstack/latest/network_data.json"), *file = get(f, "/openstack/content/0000"),
                            *ec2_text = get(f, "/ec2/latest/meta-data.json"), *vendor = get(f, "/openstack/2013-10-17/vendor_data.json"),
                            *vendor2 = get(f, "/openstack/2016-10-06/vendor_data2.json");
        json_auto_t *meta = parsed(text), *oldest = parsed(old), *network = parsed(network_text), *ec2 = parsed(ec2_text);
        _cleanup_free_ char *seed = NULL;
        size_t size;

        assert_string_equal(json_member_string(meta, "uuid"), UUID);
        assert_string_equal(json_member_string(meta, "hostname"), "host.novalocal");
        assert_string_equal(json_member_string(meta, "name"), "name");
        assert_string_equal(json_member_string(meta, "admin_pass"), "s3cret-pass");
        assert_string_equal(json_member_string(meta, "availability_zone"), "nova");
        assert_string_equal(json_member_string(meta, "project_id"), "project");
        assert_int_equal(json_member_integer(meta, "launch_index", 0), 2);
        assert_string_equal(json_member_string(json_object_get(meta, "meta"), "role"), "web");
        assert_string_equal(json_member_string(json_object_get(meta, "public_keys"), "mykey"), "ssh-rsa AAAA");
        assert_string_equal(json_member_string(json_array_get(json_object_get(meta, "keys"), 0), "type"), "ssh");
        assert_string_equal(json_member_string(json_array_get(json_object_get(meta, "files"), 0), "path"), "/etc/motd");
        assert_string_equal(json_member_string(json_array_get(json_object_get(meta, "files"), 0), "content_path"), "/content/0000");
        assert_true(json_is_array(json_object_get(meta, "devices")) && json_is_array(json_object_get(meta, "dedicated_cpus")));
        assert_int_equal(base64_decode(json_member_string(meta, "random_seed"), &seed, &size), 0);
        assert_int_equal(size, 512);
        assert_string_equal(file, "hello");
        assert_string_equal(vendor, "{}");
        assert_string_equal(vendor2, "{}");

        /* What came later is not in what is older. */
        assert_string_equal(json_member_string(oldest, "uuid"), UUID);
        assert_null(json_object_get(oldest, "random_seed"));
        assert_null(json_object_get(oldest, "project_id"));
        assert_null(json_object_get(oldest, "devices"));

        assert_string_equal(json_member_string(ec2, "local-ipv4"), "10.1.2.3");
        assert_string_equal(json_member_string(ec2, "public-ipv4"), "1.2.3.4");
        assert_string_equal(json_member_string(ec2, "instance-type"), "m1.tiny");
        assert_string_equal(json_member_string(ec2, "reservation-id"), "r-1");
        assert_string_equal(json_member_string(json_object_get(json_object_get(ec2, "public-keys"), "0"), "openssh-key"), "ssh-rsa AAAA");
        assert_int_equal(json_array_size(json_object_get(network, "networks")), 3);
}

static void all_of_it_is_on_the_disc_and_on_the_disk(void **state) {
        DiskFixture *f = *state;
        json_auto_t *network = parsed("[" VIF ", " DHCP_VIF "]"), *files = parsed("[[\"/etc/motd\", \"aGVsbG8=\"]]");

        fill(f);
        /* as a process left it that was killed */
        free(run(ARGV("sh", "-c", "mkdir -p $0/disk.config.content/ec2; echo s3cret-pass > $0/disk.config.content/x; touch $0/disk.config.part", in_folder(f, "instances/" UUID))));
        for (int vfat = 0; vfat < 2; vfat++) {
                _cleanup_(disk_set_done) DiskSet set = {};
                _cleanup_free_ char *list = NULL, *label = NULL, *left = NULL, *user_data = NULL;
                struct stat st;

                disk_configure(f, ARGV(vfat ? "config_drive_format=vfat" : "config_drive_format=iso9660"));
                set = create(f, network, files);
                assert_true(set.made_config_drive);
                assert_string_equal(set.items[1].path, in_folder(f, "instances/" UUID "/disk.config"));
                assert_string_equal(set.items[1].device, vfat ? "disk" : "cdrom");
                assert_string_equal(set.items[1].format, "raw");
                look(f, vfat ? from_vfat : from_iso);

                label = run(ARGV("blkid", "-p", "-o", "value", "-s", "LABEL", set.items[1].path));
                assert_string_equal(label, "config-2\n");
                list = vfat ? run(ARGV("sh", "-c", "mdir -/ -b -i $0 | sed 's/^:://' | grep -c '[^/]$'", set.items[1].path))
                            : run(ARGV("sh", "-c", "xorriso -indev $0 -find / -type f 2>/dev/null | wc -l", set.items[1].path));
                assert_int_equal(atoi(list), 2 * 2 + 10 * 2 + 8 + 7 + 5 + 1);
                user_data = vfat ? run(ARGV("sh", "-c", "mtype -i $0 ::/openstack/latest/user_data | base64", set.items[1].path))
                                 : run(ARGV("sh", "-c", "isoinfo -R -i $0 -x /ec2/2009-04-04/user-data | base64", set.items[1].path));
                assert_string_equal(user_data, "IyEvYmluL3NoCmVjaG8gAP8K\n");

                /* Only ours to read, and nowhere else. */
                assert_int_equal(stat(set.items[1].path, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
                left = run(ARGV("sh", "-c", "grep -rl s3cret-pass $0 | wc -l; ls -A $0/" UUID " | tr '\\n' ' '", in_folder(f, "instances")));
                assert_string_equal(left, "1\ndisk disk.config disk.info ");
                assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), 0);
        }
}

static void network_data_is_novas(void **state) {
        json_auto_t *vifs = parsed("[" VIF ", " DHCP_VIF ", {\"id\": \"none\", \"network\": {\"subnets\": []}}, 7]"), *data = drive_network_data(vifs);
        json_auto_t *expected = parsed(
                "{\"links\": [{\"id\": \"tap1\", \"vif_id\": \"vif-1\", \"type\": \"bridge\", \"mtu\": 1450, \"ethernet_mac_address\": \"fa:16:3e:00:00:01\"},"
                "{\"id\": \"interface1\", \"vif_id\": \"vif-2\", \"type\": \"phy\", \"mtu\": null, \"ethernet_mac_address\": \"fa:16:3e:00:00:02\"}],"
                "\"networks\": [{\"id\": \"network0\", \"type\": \"ipv4\", \"link\": \"tap1\", \"ip_address\": \"10.1.2.3\", \"netmask\": \"255.255.254.0\","
                "\"network_id\": \"net-1\", \"routes\": [{\"network\": \"0.0.0.0\", \"netmask\": \"0.0.0.0\", \"gateway\": \"10.1.2.1\"}, {\"network\": \"192.168.0.0\","
                "\"netmask\": \"255.255.0.0\", \"gateway\": \"10.1.2.9\"}], \"services\": [{\"type\": \"dns\", \"address\": \"8.8.8.8\"}]},"
                "{\"id\": \"network1\", \"type\": \"ipv6_slaac\", \"link\": \"tap1\", \"ip_address\": \"fd00::3\", \"netmask\": \"ffff:ffff:ffff:ffff::\","
                "\"network_id\": \"net-1\", \"routes\": [], \"services\": [{\"type\": \"dns\", \"address\": \"8.8.8.8\"}, {\"type\": \"dns\", \"address\": \"::8\"}]},"
                "{\"id\": \"network2\", \"type\": \"ipv4_dhcp\", \"link\": \"interface1\", \"network_id\": \"net-2\"}],"
                "\"services\": [{\"type\": \"dns\", \"address\": \"8.8.8.8\"}, {\"type\": \"dns\", \"address\": \"::8\"}]}");

        if (!json_equal(data, expected)) {
                _cleanup_free_ char *text = json_text(data);
                fail_msg("%s", text);
        }
        json_auto_t *nothing = drive_network_data(NULL);
        assert_int_equal(json_object_size(nothing), 0);
}

static void what_is_no_base64_is_named_and_not_shown(void **state) {
        static const struct {
                const char *user_data, *files, *message;
        } table[] = {
                { "secret!", NULL, "Invalid input received: user data of instance " UUID " is no base64" },
                { NULL, "[[\"/a\", \"secret!\"]]", "Invalid input received: injected file /a is no base64" },
                { NULL, "[[\"/a\"]]", "Invalid input received: injected file 0 is no path with content" },
                { NULL, "[7]", "Invalid input received: injected file 0 is no path with content" },
        };
        DiskFixture *f = *state;

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *meta = shown(f, IMAGE), *files = table[i].files ? parsed(table[i].files) : NULL;
                DiskSet set = {};

                assert_int_equal(instance_set_field(&f->instance, "config_drive", json_string("True")), 0);
                assert_int_equal(instance_set_field(&f->instance, "user_data", json_string_or_null(table[i].user_data)), 0);
                assert_int_equal(instance_disks_create(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta, .injected_files = files}, &set, &e), -EINVAL);
                assert_string_equal(e.message, table[i].message);
                assert_false(disk_exists(in_folder(f, "instances/" UUID)));
        }
}

static void a_program_that_fails_is_told(void **state) {
        DiskFixture *f = *state;
        static const struct {
                const char *setting, *message;
        } table[] = {
                { "mkisofs_cmd=no-such-program-of-ours", "Making a config drive: the program no-such-program-of-ours is not installed" },
                { "mkisofs_cmd=false", "Making a config drive: false ended with 1: " },
        };

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *meta = shown(f, IMAGE);
                DiskSet set = {};

                disk_configure(f, ARGV("force_config_drive=true", table[i].setting));
                assert_true(instance_disks_create(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta}, &set, &e) < 0);
                assert_string_equal(e.message, table[i].message);
                assert_false(disk_exists(in_folder(f, "instances/" UUID)));
        }
}

static void another_program_may_make_the_disc(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *text = NULL;

        /* xorriso in the manner of mkisofs, as where there is no genisoimage */
        disk_configure(f, ARGV("force_config_drive=true", "mkisofs_cmd=xorrisofs"));
        set = create(f, NULL, NULL);
        text = from_iso(f, "/openstack/latest/meta_data.json");
        assert_non_null(strstr(text, UUID));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, disk_set_up, disk_tear_down)
        const struct CMUnitTest tests[] = {
                CASE(all_of_it_is_on_the_disc_and_on_the_disk),
                cmocka_unit_test(network_data_is_novas),
                CASE(what_is_no_base64_is_named_and_not_shown),
                CASE(a_program_that_fails_is_told),
                CASE(another_program_may_make_the_disc),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

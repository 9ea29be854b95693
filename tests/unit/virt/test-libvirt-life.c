/* The life of a guest on libvirt's own test hypervisor: all that needs no guest to speak. Its disks are real files. What real guests do is in
 * integration/test-libvirt-guests.c. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "objects/instance-object.h"
#include "virt/driver.h"

#define UUID "7d671d0e-f599-4e9a-9f56-820cca4200b5"
#define IMAGE "155d900f-4e14-4e4c-a73d-069cbf4541e6"

typedef struct Place {
        char dir[64];
        ComputeDriver *driver;
        virConnectPtr other;            /* test:///default is one for the process */
        Instance instance;
} Place;

static void write_text(const char *dir, const char *name, const char *text) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
}

static ComputeDriver *construct(const Place *p, const char *more) {
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_exception_ NovaException e = {};
        char module[300], state[100];
        ConfigError error = {};
        ComputeDriver *d = NULL;

        snprintf(module, sizeof module, "module_path=%s", getenv("VIRT_MODULE_PATH"));
        snprintf(state, sizeof state, "state_path=%s", p->dir);
        if (config_new_for_test(&c, (const char *const[]){ module, state, "libvirt.connection_uri=test:///default", "host=host1", "use_cow_images=false",
                                                           "libvirt.wait_soft_reboot_seconds=1", more, NULL }, &error) < 0)
                fail_msg("%s", error.text);
        if (compute_driver_load(c, "libvirt.LibvirtDriver", &d, &e) < 0 || d->ops->init_host(d, "host1", &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static int set_up(void **state) {
        Place *p = calloc(1, sizeof *p);
        json_t *metadata = json_pack("{s:s, s:s, s:s}", "image_base_image_ref", IMAGE, "image_disk_format", "raw", "image_container_format", "bare");
        char images[100];

        strcpy(p->dir, "/tmp/nova-life.XXXXXX");
        if (!p || !mkdtemp(p->dir))
                return -1;
        snprintf(images, sizeof images, "%s/images", p->dir);
        if (make_directories(images, 0755) < 0)
                return -1;
        write_text(images, IMAGE, "nothing that boots, of 32 bytes.");
        write_text(images, IMAGE ".json", "{\"disk_format\": \"raw\", \"container_format\": \"bare\"}");
        p->instance = (Instance){ .id = 1, .uuid = strdup(UUID), .name = strdup("instance-00000001"), .display_name = strdup("one"),
                                  .image_ref = strdup(IMAGE), .memory_mb = 64, .vcpus = 1 };
        assert_int_equal(instance_set_field(&p->instance, "system_metadata", metadata), 0);
        p->driver = construct(p, NULL);
        p->other = virConnectOpen("test:///default");
        *state = p;
        return p->other ? 0 : -1;
}

static int tear_down(void **state) {
        Place *p = *state;

        (void) p->driver->ops->destroy(p->driver, NULL, &p->instance, NULL, NULL, true, NULL);
        p->driver = compute_driver_free(p->driver);
        (void) virConnectClose(p->other);
        instance_done(&p->instance);
        assert_int_equal(remove_tree(p->dir), 0);
        free(p);
        return 0;
}

#define CALL(call)                                                                      \
        do {                                                                            \
                _cleanup_exception_ NovaException why = {};                             \
                if ((call) < 0)                                                         \
                        fail_msg("%s: %s: %s", #call, why.class_name, why.message);     \
        } while (0)

static void spawn(const Place *p, const DriverHooks *hooks) {
        CALL(p->driver->ops->spawn(p->driver, NULL, &p->instance, NULL, NULL, NULL, NULL, NULL, hooks, &why));
}

static PowerState power(const Place *p) {
        DomainInfo info = {};

        CALL(p->driver->ops->get_info(p->driver, &p->instance, &info, &why));
        return info.state;
}

static bool has(const Place *p, const char *name) {
        char path[256];
        struct stat st;

        snprintf(path, sizeof path, "%s/instances/%s", p->dir, name);
        return lstat(path, &st) >= 0;
}

static void a_guest_goes_through_its_states(void **state) {
        Place *p = *state;
        const ComputeDriverOps *o = p->driver->ops;

        spawn(p, NULL);
        assert_int_equal(power(p), POWER_RUNNING);
        assert_true(has(p, UUID "/disk") && has(p, UUID "/disk.info") && has(p, UUID "/console.log"));
        CALL(o->pause(p->driver, &p->instance, &why));
        assert_int_equal(power(p), POWER_PAUSED);
        CALL(o->unpause(p->driver, &p->instance, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->suspend(p->driver, NULL, &p->instance, &why));
        assert_int_equal(power(p), POWER_SHUTDOWN);
        CALL(o->resume(p->driver, NULL, &p->instance, NULL, NULL, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->reboot(p->driver, NULL, &p->instance, NULL, REBOOT_SOFT, NULL, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->reboot(p->driver, NULL, &p->instance, NULL, REBOOT_HARD, NULL, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->power_off(p->driver, &p->instance, 1, 1, &why));
        assert_int_equal(power(p), POWER_SHUTDOWN);
        CALL(o->power_off(p->driver, &p->instance, 0, 0, &why));               /* off already */
        CALL(o->power_on(p->driver, NULL, &p->instance, NULL, NULL, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->destroy(p->driver, NULL, &p->instance, NULL, NULL, false, &why));
        assert_int_equal(o->instance_exists(p->driver, &p->instance, NULL), 0);
        assert_true(has(p, UUID "/disk"));                                      /* its disks were to stay */
        CALL(o->power_on(p->driver, NULL, &p->instance, NULL, NULL, &why));     /* made again of what is there */
        assert_int_equal(power(p), POWER_RUNNING);
        CALL(o->destroy(p->driver, NULL, &p->instance, NULL, NULL, true, &why));
        assert_false(has(p, UUID));
        assert_false(has(p, UUID "_del"));
}

static char *inactive_xml(const Place *p) {
        virDomainPtr domain = virDomainLookupByUUIDString(p->other, UUID);
        char *xml;

        assert_non_null(domain);
        xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
        (void) virDomainFree(domain);
        return xml;
}

/* A guest that a Python nova-compute made, with a volume that we could not have made: what it has it keeps. */
static void a_guest_of_another_nova_keeps_its_disks_at_a_hard_reboot(void **state) {
        static const char xml[] =
                "<domain type='test'><uuid>" UUID "</uuid><name>instance-00000001</name><memory>65536</memory><os><type>hvm</type><boot dev='hd'/></os>"
                "<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/var/lib/nova/instances/" UUID "/disk'/>"
                "<target dev='vda' bus='virtio'/></disk>"
                "<disk type='network' device='disk'><source protocol='rbd' name='pool/volume'><host name='ceph' port='6789'/></source>"
                "<target dev='sdb' bus='scsi'/><serial>the-volume</serial></disk></devices></domain>";
        Place *p = *state;
        virDomainPtr domain = virDomainDefineXML(p->other, xml);
        _cleanup_free_ char *after = NULL;

        assert_non_null(domain);
        (void) virDomainFree(domain);
        CALL(p->driver->ops->reboot(p->driver, NULL, &p->instance, NULL, REBOOT_HARD, NULL, &why));
        assert_int_equal(power(p), POWER_RUNNING);
        after = inactive_xml(p);
        assert_non_null(strstr(after, "/var/lib/nova/instances/" UUID "/disk"));
        assert_non_null(strstr(after, "pool/volume"));
        assert_non_null(strstr(after, "<serial>the-volume</serial>"));
        assert_non_null(strstr(after, "virtio-scsi"));
        assert_non_null(strstr(after, "nova:instance"));
}

static int wait_in_vain(void *userdata _unused_, NovaException *e) {
        return exception_setf(e, EXC_VIRTUAL_INTERFACE_CREATE, "Virtual Interface creation failed");
}

static void a_spawn_that_fails_leaves_nothing(void **state) {
        const DriverHooks hooks = { .wait_plugged = wait_in_vain };
        json_auto_t *vifs = json_pack("[{s:s, s:s, s:s}]", "id", "ce531f90-199f", "address", "fa:16:3e:4c:2c:30", "type", "ethernet");
        _cleanup_exception_ NovaException e = {};
        Place *p = *state;

        assert_true(p->driver->ops->spawn(p->driver, NULL, &p->instance, NULL, NULL, NULL, vifs, NULL, &hooks, &e) < 0);
        if (!streq(e.class_name, "VirtualInterfaceCreateException"))
                fail_msg("%s: %s", e.class_name, e.message);
        assert_int_equal(p->driver->ops->instance_exists(p->driver, &p->instance, NULL), 0);
        assert_false(has(p, UUID));
}

static void a_name_that_is_given_is_refused_before_anything_is_made(void **state) {
        _cleanup_exception_ NovaException e = {};
        Place *p = *state;

        free(p->instance.name);
        p->instance.name = strdup("test");                                      /* libvirt's own domain */
        assert_int_equal(p->driver->ops->spawn(p->driver, NULL, &p->instance, NULL, NULL, NULL, NULL, NULL, NULL, &e), -EEXIST);
        assert_string_equal(e.message, "Instance test already exists.");
        assert_false(has(p, UUID));
}

static void a_domain_of_somebody_else_is_left_alone(void **state) {
        const Instance i = { .uuid = (char *) "6695eb01-f6a4-8304-79aa-97f2502e193f", .name = (char *) "instance-00000001" };
        _cleanup_exception_ NovaException a = {}, b = {};
        Place *p = *state;
        DomainInfo info = {};

        assert_true(p->driver->ops->destroy(p->driver, NULL, &i, NULL, NULL, true, &a) < 0);
        assert_non_null(strstr(a.message, "The domain test has the uuid of instance 6695eb01"));
        assert_true(p->driver->ops->reboot(p->driver, NULL, &i, NULL, REBOOT_HARD, NULL, &b) < 0);
        assert_int_equal(p->driver->ops->get_info(p->driver, &i, &info, NULL), 0);
        assert_int_equal(info.state, POWER_RUNNING);
}

static void what_is_not_there_is_not_found(void **state) {
        Place *p = *state;
        const ComputeDriverOps *o = p->driver->ops;
        NovaException e[8] = {};
        json_auto_t *json = NULL;
        char *text = NULL;
        size_t n = 0;

        assert_true(o->pause(p->driver, &p->instance, &e[n++]) < 0);
        assert_true(o->suspend(p->driver, NULL, &p->instance, &e[n++]) < 0);
        assert_true(o->power_off(p->driver, &p->instance, 0, 0, &e[n++]) < 0);
        assert_true(o->get_console_output(p->driver, &p->instance, 100, &text, &e[n++]) < 0);
        assert_true(o->get_vnc_console(p->driver, &p->instance, &json, &e[n++]) < 0);
        assert_true(o->get_diagnostics(p->driver, &p->instance, &json, &e[n++]) < 0);
        assert_true(o->rescue(p->driver, NULL, &p->instance, NULL, NULL, NULL, &e[n++]) < 0);
        assert_true(o->snapshot(p->driver, NULL, &p->instance, "image", NULL, NULL, &e[n++]) < 0);
        for (size_t k = 0; k < n; k++) {
                assert_string_equal(e[k].class_name, "InstanceNotFound");
                assert_string_equal(e[k].message, "Instance " UUID " could not be found.");
                exception_done(&e[k]);
        }
        assert_int_equal(o->destroy(p->driver, NULL, &p->instance, NULL, NULL, true, NULL), 0);
}

/* Of the log and those rotated away before it, the end. */
static void the_console_is_read_over_its_rotated_files(void **state) {
        _cleanup_free_ char *all = NULL, *some = NULL, *few = NULL, *mixed = NULL;
        Place *p = *state;
        char dir[150];

        spawn(p, NULL);
        snprintf(dir, sizeof dir, "%s/instances/" UUID, p->dir);
        write_text(dir, "console.log", "ghi");
        write_text(dir, "console.log.0", "def");
        write_text(dir, "console.log.1", "abc");
        CALL(p->driver->ops->get_console_output(p->driver, &p->instance, 100, &all, &why));
        assert_string_equal(all, "abcdefghi");
        CALL(p->driver->ops->get_console_output(p->driver, &p->instance, 4, &some, &why));
        assert_string_equal(some, "fghi");
        CALL(p->driver->ops->get_console_output(p->driver, &p->instance, 1, &few, &why));
        assert_string_equal(few, "i");

        {       /* a link in its place is not followed, a NUL does not end the text */
                char path[200], *text = NULL;
                _cleanup_exception_ NovaException e = {};
                int fd;

                snprintf(path, sizeof path, "%s/console.log.1", dir);
                assert_int_equal(unlink(path), 0);
                snprintf(path, sizeof path, "%s/console.log", dir);
                fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
                assert_int_equal(write(fd, "a\0b", 3), 3);
                (void) close(fd);
                CALL(p->driver->ops->get_console_output(p->driver, &p->instance, 100, &mixed, &why));
                assert_string_equal(mixed, "defa\xff" "b");
                assert_int_equal(unlink(path), 0);
                assert_int_equal(symlink("/etc/passwd", path), 0);
                assert_true(p->driver->ops->get_console_output(p->driver, &p->instance, 100, &text, &e) < 0);
                assert_null(text);
        }
}

static void a_guest_that_was_not_rescued_is_not_put_back(void **state) {
        _cleanup_exception_ NovaException e = {}, f = {};
        Place *p = *state;
        char dir[150];

        spawn(p, NULL);
        assert_true(p->driver->ops->unrescue(p->driver, NULL, &p->instance, &e) < 0);
        assert_string_equal(e.class_name, "InstanceNotInRescueMode");
        assert_int_equal(power(p), POWER_RUNNING);
        /* what is called so and is another's is not believed */
        snprintf(dir, sizeof dir, "%s/instances/" UUID, p->dir);
        write_text(dir, "unrescue.xml", "<domain type='test'><uuid>11111111-2222-3333-4444-555555555555</uuid><name>x</name></domain>");
        assert_true(p->driver->ops->unrescue(p->driver, NULL, &p->instance, &f) < 0);
        assert_non_null(strstr(f.message, "is not the description of instance " UUID));
        assert_int_equal(power(p), POWER_RUNNING);
}

static void a_rescue_and_its_end(void **state) {
        json_auto_t *meta = json_pack("{s:s, s:s, s:s}", "id", IMAGE, "disk_format", "raw", "container_format", "bare");
        _cleanup_free_ char *during = NULL, *after = NULL;
        Place *p = *state;

        spawn(p, NULL);
        CALL(p->driver->ops->rescue(p->driver, NULL, &p->instance, NULL, meta, "secret", &why));
        during = inactive_xml(p);
        assert_non_null(strstr(during, "/disk.rescue'"));
        assert_non_null(strstr(during, "/disk'"));
        assert_true(strstr(during, "/disk.rescue'") < strstr(during, "/disk'"));
        assert_true(has(p, UUID "/unrescue.xml"));
        CALL(p->driver->ops->unrescue(p->driver, NULL, &p->instance, &why));
        after = inactive_xml(p);
        assert_null(strstr(after, "disk.rescue"));
        assert_false(has(p, UUID "/unrescue.xml") || has(p, UUID "/disk.rescue"));
        assert_int_equal(power(p), POWER_RUNNING);
}

static void the_ports_of_serial_consoles_are_given_once_and_back(void **state) {
        json_auto_t *first = NULL, *again = NULL;
        Instance second;
        Place *p = *state;

        p->driver = compute_driver_free(p->driver);
        p->driver = construct(p, "serial_console.enabled=true");
        spawn(p, NULL);
        CALL(p->driver->ops->get_serial_console(p->driver, &p->instance, &first, &why));
        assert_int_equal(instance_copy(&p->instance, &second), 0);
        free(second.uuid);
        free(second.name);
        second.uuid = strdup("11111111-2222-4333-8444-555555555555");
        second.name = strdup("instance-00000002");
        CALL(p->driver->ops->spawn(p->driver, NULL, &second, NULL, NULL, NULL, NULL, NULL, NULL, &why));
        CALL(p->driver->ops->get_serial_console(p->driver, &second, &again, &why));
        assert_int_not_equal(json_member_integer(first, "port", 0), json_member_integer(again, "port", 0));
        CALL(p->driver->ops->destroy(p->driver, NULL, &second, NULL, NULL, true, &why));
        json_decref(again);
        again = NULL;
        CALL(p->driver->ops->spawn(p->driver, NULL, &second, NULL, NULL, NULL, NULL, NULL, NULL, &why));
        CALL(p->driver->ops->get_serial_console(p->driver, &second, &again, &why));
        assert_int_equal(json_member_integer(again, "port", 0), json_member_integer(first, "port", 0) + 1);
        CALL(p->driver->ops->destroy(p->driver, NULL, &second, NULL, NULL, true, &why));
        instance_done(&second);
}

static void what_needs_an_agent_is_refused_without_one(void **state) {
        _cleanup_exception_ NovaException a = {}, b = {}, c = {};
        Place *p = *state;

        spawn(p, NULL);
        assert_true(p->driver->ops->set_admin_password(p->driver, &p->instance, "x", &a) < 0);
        assert_string_equal(a.class_name, "QemuGuestAgentNotEnabled");
        assert_int_equal(instance_system_metadata_set(&p->instance, "image_hw_qemu_guest_agent", "yes"), 0);
        assert_true(p->driver->ops->inject_file(p->driver, &p->instance, "cmVsYXRpdmU=", "aGVsbG8=", &b) < 0);
        assert_string_equal(b.message, "inject_file: the path is no base64 of an absolute path");
        assert_true(p->driver->ops->inject_file(p->driver, &p->instance, "L2V0Yy9tb3Rk", "###", &c) < 0);
        assert_string_equal(c.message, "inject_file: the contents of /etc/motd are no base64");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void an_image_is_fetched_ahead_of_its_instances(void **state) {
        Place *p = *state;
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(p->driver->ops->cache_image(p->driver, NULL, IMAGE, NULL), 1);
        assert_int_equal(p->driver->ops->cache_image(p->driver, NULL, IMAGE, NULL), 0);
        assert_true(p->driver->ops->cache_image(p->driver, NULL, "../" IMAGE, &e) < 0);
        assert_string_equal(e.class_name, "ImageNotFound");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(an_image_is_fetched_ahead_of_its_instances),
                CASE(a_guest_goes_through_its_states),
                CASE(a_guest_of_another_nova_keeps_its_disks_at_a_hard_reboot),
                CASE(a_spawn_that_fails_leaves_nothing),
                CASE(a_name_that_is_given_is_refused_before_anything_is_made),
                CASE(a_domain_of_somebody_else_is_left_alone),
                CASE(what_is_not_there_is_not_found),
                CASE(the_console_is_read_over_its_rotated_files),
                CASE(a_guest_that_was_not_rescued_is_not_put_back),
                CASE(a_rescue_and_its_end),
                CASE(the_ports_of_serial_consoles_are_given_once_and_back),
                CASE(what_needs_an_agent_is_refused_without_one),
        };

        virSetErrorFunc(NULL, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

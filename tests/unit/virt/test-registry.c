/* Drivers by name: every name that Nova has given to one, and what is said where there is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "virt/registry.h"

/* @more: one assignment, or NULL. */
static Config *config(const char *module_path, const char *more) {
        _cleanup_free_ char *path = NULL;
        ConfigError e = {};
        Config *c = NULL;

        assert_true(asprintf(&path, "module_path=%s", module_path) > 0);
        if (config_new_for_test(&c, (const char *const[]){ path, "libvirt.connection_uri=test:///default", "host=host1", more, NULL }, &e) < 0)
                fail_msg("%s", e.text);
        return c;
}

static Config *built(const char *more) {
        return config(getenv("VIRT_MODULE_PATH"), more);
}

static void assert_loads(const Config *c, const char *name, const char *driver) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = NULL;
        _cleanup_exception_ NovaException e = {};

        if (compute_driver_load(c, name, &d, &e) < 0)
                fail_msg("%s: %s", name, e.message);
        assert_string_equal(d->ops->name, driver);
        assert_int_equal(d->abi, COMPUTE_DRIVER_ABI);
}

/* @text: of it every part between bars must be there. */
static void assert_refused(const Config *c, const char *name, const char *text) {
        _cleanup_exception_ NovaException e = {};
        _cleanup_free_ char *parts = strdup(text);
        ComputeDriver *d = NULL;
        char *rest = parts, *part;

        assert_true(compute_driver_load(c, name, &d, &e) < 0);
        assert_null(d);
        assert_true(exception_is_set(&e));
        while ((part = strsep(&rest, "|")))
                if (!strstr(e.message, part))
                        fail_msg("%s: '%s' does not say '%s'", name, e.message, part);
}

/* checklist: 28 */
static void a_module_a_class_and_a_factory_load(void **state) {
        static const struct {
                const char *name, *driver;
        } table[] = {
                { "nova.virt.fake", "fake.FakeDriver" },                        /* modules */
                { "nova.virt.libvirt.connection", "libvirt.LibvirtDriver" },
                { "nova.virt.fake.FakeConnection", "fake.FakeDriver" },         /* classes */
                { "nova.virt.fake.FakeDriver", "fake.FakeDriver" },
                { "fake.FakeDriver", "fake.FakeDriver" },
                { "nova.virt.libvirt.LibvirtDriver", "libvirt.LibvirtDriver" },
                { "nova.virt.libvirt.driver.LibvirtDriver", "libvirt.LibvirtDriver" },
                { "libvirt.LibvirtDriver", "libvirt.LibvirtDriver" },
                { "nova.virt.fake.get_connection", "fake.FakeDriver" },         /* factories */
                { "nova.virt.libvirt.connection.get_connection", "libvirt.LibvirtDriver" },
                { "fake", "fake.FakeDriver" },                                  /* files */
                { "fake.so", "fake.FakeDriver" },
                { "libvirt.so", "libvirt.LibvirtDriver" },
        };
        _cleanup_(config_unrefp) Config *c = built(NULL);
        _cleanup_free_ char *path = NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_loads(c, table[i].name, table[i].driver);

        assert_true(asprintf(&path, "%s/virt/fake.so", getenv("VIRT_MODULE_PATH")) > 0);
        assert_loads(c, path, "fake.FakeDriver");
}

/* checklist: 47 */
static void the_default_compute_driver_goes_by_connection_type(void **state) {
        _cleanup_(config_unrefp) Config *fake = built("connection_type=fake"), *unset = built(NULL);

        assert_string_equal(config_string(fake, "compute_driver"), "nova.virt.connection.get_connection");
        assert_loads(fake, config_string(fake, "compute_driver"), "fake.FakeDriver");
        assert_loads(unset, config_string(unset, "compute_driver"), "libvirt.LibvirtDriver");
}

/* checklist: 48 */
static void get_connection_answers_every_back_end_by_name(void **state) {
        static const struct {
                const char *type, *driver, *text;
        } table[] = {
                { "fake", "fake.FakeDriver", NULL },
                { "libvirt", "libvirt.LibvirtDriver", NULL },
                { "xenapi", NULL, "Unable to load the virtualization driver: xenapi:|without a driver for XenServer" },
                { "vmwareapi", NULL, "Unable to load the virtualization driver: vmwareapi:|without a driver for VMware" },
                { "baremetal", NULL, "Unable to load the virtualization driver: baremetal:|without a driver for bare metal" },
                { "hyperv", NULL, "Unable to load the virtualization driver: hyperv:|without a driver for Microsoft Hyper-V" },
                { "uml", NULL, "Unknown connection type \"uml\"" },
                { "Fake", NULL, "Unknown connection type \"Fake\"" },
                { "", NULL, "Unknown connection type \"\"" },
                { "connection", NULL, "Unknown connection type \"connection\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *assignment = NULL;
                _cleanup_(config_unrefp) Config *c = NULL;

                assert_true(asprintf(&assignment, "connection_type=%s", table[i].type) > 0);
                c = built(assignment);
                if (table[i].driver)
                        assert_loads(c, "nova.virt.connection.get_connection", table[i].driver);
                else
                        assert_refused(c, "nova.virt.connection.get_connection", table[i].text);
        }
}

static void drivers_of_others_are_refused_by_name(void **state) {
        _cleanup_(config_unrefp) Config *c = built(NULL);

        assert_refused(c, "vmwareapi.VMwareVCDriver", "Unable to load the virtualization driver: vmwareapi:|it has libvirt and fake");
        assert_refused(c, "nova.virt.xenapi_conn", "Unable to load the virtualization driver: xenapi:");
        assert_refused(c, "ironic.IronicDriver", "Unable to load the virtualization driver: ironic:");
}

/* checklist: 29 */
static void a_wrong_module_is_not_the_expected_object(void **state) {
        char abi[128];
        const struct {
                const char *file, *text;
        } table[] = {
                { "wrong-symbol", "Expected object of type: ComputeDriver|wrong-symbol.so" },
                { "wrong-magic", "Expected object of type: ComputeDriver|wrong-magic.so" },
                { "wrong-abi", abi },
                { "wrong-object", "Expected object of type: ComputeDriver|wrong-object.so constructs something else" },
                { "wrong-nothing", "the moon is not full" },
        };
        _cleanup_(config_unrefp) Config *c = built(NULL);

        snprintf(abi, sizeof abi, "Expected object of type: ComputeDriver|wrong-abi.so|version %u|needs %u", COMPUTE_DRIVER_ABI + 6,
                 COMPUTE_DRIVER_ABI);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, "%s/%s.so", getenv("WRONG_MODULE_PATH"), table[i].file) > 0);
                assert_refused(c, path, table[i].text);
        }
}

/* checklist: 30 */
static void a_library_that_is_missing_is_named(void **state) {
        _cleanup_(config_unrefp) Config *c = built(NULL), *nowhere = config("/nowhere", NULL);
        _cleanup_free_ char *path = NULL;

        assert_refused(nowhere, "libvirt.LibvirtDriver", "Unable to load the virtualization driver: |/nowhere/virt/libvirt.so|No such file");
        assert_true(asprintf(&path, "%s/wrong-unresolved.so", getenv("WRONG_MODULE_PATH")) > 0);
        assert_refused(c, path, "Unable to load the virtualization driver: |wrong-unresolved.so|a_function_that_no_library_has");
        assert_refused(c, "/etc/passwd", "Unable to load the virtualization driver: |/etc/passwd");
}

static void a_name_of_nothing_is_a_class_not_found(void **state) {
        static const char *const names[] = { "acme.AcmeDriver", "nova.virt.acme.AcmeDriver", "", "..", "a b.C", "%s" };
        _cleanup_(config_unrefp) Config *c = built(NULL);

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_exception_ NovaException e = {};
                ComputeDriver *d = NULL;

                assert_int_equal(compute_driver_load(c, names[i], &d, &e), -ENOENT);
                assert_string_equal(e.class_name, "ClassNotFound");
                assert_non_null(strstr(e.message, names[i]));
        }
        assert_refused(c, "nova.virt.acme.AcmeDriver", "Class nova.virt.acme.AcmeDriver could not be found|/virt/acme.so");
}

/* A driver of somebody else's is found beside ours by the first part of its name. */
static void a_module_of_ones_own_is_found_by_its_class(void **state) {
        _cleanup_free_ char *virt = NULL, *target = NULL;
        _cleanup_(config_unrefp) Config *c = NULL;
        char top[] = "/tmp/nova-modules.XXXXXX";

        assert_non_null(mkdtemp(top));
        assert_true(asprintf(&target, "%s/virt", getenv("VIRT_MODULE_PATH")) > 0);
        assert_true(asprintf(&virt, "%s/virt", top) > 0);
        assert_int_equal(symlink(target, virt), 0);
        c = config(top, NULL);
        assert_loads(c, "fake.SomeOtherClass", "fake.FakeDriver");
        (void) unlink(virt);
        (void) rmdir(top);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_module_a_class_and_a_factory_load),
                cmocka_unit_test(the_default_compute_driver_goes_by_connection_type),
                cmocka_unit_test(get_connection_answers_every_back_end_by_name),
                cmocka_unit_test(drivers_of_others_are_refused_by_name),
                cmocka_unit_test(a_wrong_module_is_not_the_expected_object),
                cmocka_unit_test(a_library_that_is_missing_is_named),
                cmocka_unit_test(a_name_of_nothing_is_a_class_not_found),
                cmocka_unit_test(a_module_of_ones_own_is_found_by_its_class),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

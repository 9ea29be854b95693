/* Nova's objects in their generic form. Objects as real services sent them are read and written without loss: those of
 * tests/data/objects.jsonl, or of the files given as arguments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "basic/json.h"
#include "objects/versioned.h"

static char **files;

static json_t *parse(const char *text) {
        json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

        if (!v)
                fail_msg("not JSON: %s", text);
        return v;
}

/* {name, version, data as given}. */
static json_t *make(const char *name, const char *version, const char *data) {
        return json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version",
                         version, "nova_object.data", parse(data));
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(json_string_value(*(json_t *const *) a), json_string_value(*(json_t *const *) b));
}

/* The order of changes does not matter (zed 2.3): here it is that of the alphabet. */
static void sort_changes(json_t *value) {
        json_t *changes = json_object_get(value, "nova_object.changes"), *v, *items[200];
        size_t n, size = json_array_size(changes);
        const char *key;

        assert_true(size <= ELEMENTSOF(items));
        for (n = 0; n < size; n++)
                items[n] = json_incref(json_array_get(changes, n));
        qsort(items, size, sizeof *items, compare_strings);
        for (n = 0; n < size; n++)
                json_array_set_new(changes, n, items[n]);
        json_object_foreach(value, key, v)
                sort_changes(v);
        json_array_foreach(value, n, v)
                sort_changes(v);
}

static void expect_equal(const char *what, const json_t *a, const json_t *b) {
        json_auto_t *x = json_deep_copy(a), *y = json_deep_copy(b);

        sort_changes(x);
        sort_changes(y);
        if (!json_equal(x, y)) {
                _cleanup_free_ char *left = json_dumps(x, JSON_SORT_KEYS | JSON_ENCODE_ANY);
                _cleanup_free_ char *right = json_dumps(y, JSON_SORT_KEYS | JSON_ENCODE_ANY);

                fail_msg("%s:\n%s\n%s", what, left, right);
        }
}

static void round_trip(const json_t *object) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *parsed = NULL, *written = NULL;

        if (object_parse(object, NULL, &parsed, &e) < 0)
                fail_msg("%s: %s", object_name(object), e.message);
        expect_equal(object_name(object), object, parsed);
        written = object_to_primitive(parsed);
        expect_equal(object_name(object), object, written);
}

static unsigned round_trip_file(const char *path) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t len;
        unsigned n = 0;
        FILE *f = fopen(path, "re");

        if (!f)
                fail_msg("%s", path);
        while ((len = getline(&line, &size, f)) > 0) {
                json_auto_t *object = json_loadb(line, (size_t) len, 0, NULL);

                assert_non_null(object);
                round_trip(object);
                n++;
        }
        (void) fclose(f);
        return n;
}

static void what_real_services_sent_is_kept_whole(void **state) {
        if (!*files)
                assert_int_equal(round_trip_file(OBJECTS), 76);
        for (char **f = files; *f; f++)
                print_message("%s: %u objects\n", *f, round_trip_file(*f));
}

static void values_are_coerced_as_python_does(void **state) {
        static const struct {
                const char *class_name, *field, *given, *expected;      /* NULL: refused */
        } table[] = {
                { "Flavor", "vcpus", "\"5\"", "5" },
                { "Flavor", "vcpus", "\" 5 \"", "5" },
                { "Flavor", "vcpus", "5.9", "5" },
                { "Flavor", "vcpus", "true", "1" },
                { "Flavor", "vcpus", "\"5.5\"", NULL },
                { "Flavor", "vcpus", "\"\"", NULL },
                { "Flavor", "vcpus", "\"99999999999999999999\"", NULL },
                { "Flavor", "vcpus", "1e300", NULL },
                { "Flavor", "vcpus", "[]", NULL },
                { "Flavor", "vcpus", "null", NULL },
                { "Flavor", "rxtx_factor", "1", "1.0" },
                { "Flavor", "rxtx_factor", "\"1.5\"", "1.5" },
                { "Flavor", "rxtx_factor", "\"inf\"", NULL },
                { "Flavor", "rxtx_factor", "\"0x10\"", NULL },
                { "Flavor", "rxtx_factor", "null", "null" },
                { "Flavor", "name", "5", "\"5\"" },
                { "Flavor", "name", "0.1", "\"0.1\"" },
                { "Flavor", "name", "100.0", "\"100.0\"" },
                { "Flavor", "name", "-0.00025", "\"-0.00025\"" },
                { "Flavor", "name", "123456.75", "\"123456.75\"" },
                { "Flavor", "name", "1e22", "\"1e+22\"" },
                { "Flavor", "name", "true", "\"True\"" },
                { "Flavor", "name", "[]", NULL },
                { "Flavor", "flavorid", "null", NULL },
                { "Flavor", "disabled", "\"False\"", "true" },
                { "Flavor", "disabled", "0", "false" },
                { "Flavor", "extra_specs", "{\"a\": 1}", "{\"a\": \"1\"}" },
                { "Flavor", "extra_specs", "{\"a\": null}", NULL },
                { "Flavor", "extra_specs", "[]", NULL },
                { "Flavor", "projects", "[\"a\", 2]", "[\"a\", \"2\"]" },
                { "Flavor", "projects", "\"a\"", NULL },
                { "Instance", "locked", "null", "false" },
                { "Instance", "system_metadata", "{\"a\": null}", "{\"a\": null}" },
                { "Instance", "launched_at", "\"2026-01-02T03:04:05Z\"", "\"2026-01-02T03:04:05Z\"" },
                { "Instance", "launched_at", "\"2026-01-02T03:04:05.999999\"", "\"2026-01-02T03:04:05Z\"" },
                { "Instance", "launched_at", "\"2026-01-02T03:04:05+02:00\"", "\"2026-01-02T01:04:05Z\"" },
                { "Instance", "launched_at", "\"soon\"", NULL },
                { "Instance", "launched_at", "7", NULL },
                { "Instance", "uuid", "\"not a uuid\"", "\"not a uuid\"" },
                { "Instance", "access_ip_v4", "\"192.0.2.1\"", "\"192.0.2.1\"" },
                { "Instance", "access_ip_v4", "\"2001:db8::1\"", NULL },
                { "Instance", "access_ip_v6", "\"2001:DB8:0:0::1\"", "\"2001:db8::1\"" },
                { "Instance", "access_ip_v6", "\"192.0.2.1\"", NULL },
                { "Instance", "info_cache", "{\"a\": 1}", NULL },
                { "Instance", "info_cache", "null", "null" },
                { "Instance", "flavor", "null", NULL },
                { "ComputeNode", "host_ip", "\"::ffff:192.0.2.1\"", "\"::ffff:192.0.2.1\"" },
                { "ComputeNode", "host_ip", "\"192.0.2.256\"", NULL },
                { "InstanceInfoCache", "network_info", "\"[{}]\"", "\"[{}]\"" },
                { "InstanceInfoCache", "network_info", "[{}]", "\"[{}]\"" },
                { "InstanceInfoCache", "network_info", "\"{}\"", NULL },
                { "InstanceInfoCache", "network_info", "\"[\"", NULL },
                { "InstanceInfoCache", "network_info", "\"[1]\"", NULL },
                { "InstanceInfoCache", "network_info", "[null]", NULL },
                { "VIFMigrateData", "source_vif", "\"{}\"", "\"{}\"" },
                { "VIFMigrateData", "source_vif", "{}", NULL },
                { "ImageMeta", "protected", "\"yes\"", "true" },
                { "ImageMeta", "protected", "\"off\"", "false" },
                { "ImageMeta", "protected", "1", "true" },
                { "ImageMetaProps", "hw_disk_bus", "\"virtio\"", "\"virtio\"" },
                { "ImageMetaProps", "hw_disk_bus", "\"VIRTIO\"", NULL },
                { "ImageMetaProps", "hw_disk_bus", "5", NULL },
                { "ImageMetaProps", "hw_architecture", "\"AMD64\"", "\"x86_64\"" },
                { "ImageMetaProps", "hw_vif_model", "\"VirtualE1000\"", "\"e1000\"" },
                { "ImageMetaProps", "os_type", "\"Linux\"", "\"linux\"" },
                { "ImageMetaProps", "hw_numa_cpus", "[[1, 1, \"2\"], [3]]", "[[1, 2], [3]]" },
                { "ImageMetaProps", "img_hv_requested_version", "\">=2.1, <3.0\"", "\">=2.1, <3.0\"" },
                { "ImageMetaProps", "img_hv_requested_version", "\"2.1\"", NULL },
                { "NUMACell", "cpuset", "[1, 2, 1]", "[1, 2]" },
                { "NUMACell", "cpuset", "\"12\"", NULL },
                { "NetworkInterfaceMetadata", "mac", "\"FA-16-3E-00-00-0a\"", "\"fa:16:3e:00:00:0a\"" },
                { "NetworkInterfaceMetadata", "mac", "\"fa:16:3e\"", NULL },
                { "PCIDeviceBus", "address", "\"0000:0A:1f.7\"", "\"0000:0a:1f.7\"" },
                { "Resource", "resource_class", "\"custom_x\"", "\"CUSTOM_X\"" },
                { "Diagnostics", "state", "1", "\"running\"" },
                { "Diagnostics", "state", "\"paused\"", "\"paused\"" },
                { "Diagnostics", "state", "99", NULL },
                { "LibvirtLiveMigrateNUMAInfo", "cpu_pins", "{\"0\": [1, \"2\"]}", "{\"0\": [1, 2]}" },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *object = object_new(table[n].class_name), *parsed = NULL;
                json_auto_t *expected = table[n].expected ? parse(table[n].expected) : NULL;
                int r;

                json_object_set_new(object_data(object), table[n].field, parse(table[n].given));
                r = object_parse(object, table[n].class_name, &parsed, &e);
                if (!expected) {
                        if (r >= 0)
                                fail_msg("%s.%s took %s", table[n].class_name, table[n].field, table[n].given);
                        assert_string_equal(e.class_name, "ValueError");
                        assert_non_null(strstr(e.message, table[n].class_name));
                        assert_non_null(strstr(e.message, table[n].field));
                        assert_null(parsed);
                        continue;
                }
                if (r < 0)
                        fail_msg("%s.%s does not take %s: %s", table[n].class_name, table[n].field, table[n].given, e.message);
                expect_equal(table[n].given, object_get(parsed, table[n].field), expected);
        }
}

static void a_refusal_says_where_what_and_what_is_allowed(void **state) {
        static const struct {
                const char *class_name, *data, *message;
        } table[] = {
                { "Flavor", "{\"vcpus\": \"ten\"}", "Flavor.vcpus: an integer is allowed, not \"ten\"" },
                { "Flavor", "{\"vcpus\": null}", "Field `vcpus' cannot be None: Flavor.vcpus is an integer" },
                { "HVSpec", "{\"vm_mode\": \"dance\"}", "HVSpec.vm_mode: one of hvm, xen, uml, exe is allowed, not \"dance\"" },
                { "Instance", "{\"user_data\": [1]}", "Instance.user_data: a string is allowed, not ***" },
                { "Instance",
                  "{\"flavor\": {\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\","
                  " \"nova_object.data\": {}}}",
                  "Instance.flavor: An object of type Flavor is required in field flavor, not a Tag" },
                { "Instance",
                  "{\"flavor\": {\"nova_object.name\": \"Flavor\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.2\","
                  " \"nova_object.data\": {\"swap\": {}}}}",
                  "Flavor.swap: an integer is allowed, not {}" },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *object = make(table[n].class_name, "2.0", table[n].data), *parsed = NULL;

                json_object_set_new(object, "nova_object.version",
                                    json_string(object_class_version(object_class_find(table[n].class_name))));
                assert_true(object_parse(object, NULL, &parsed, &e) < 0);
                assert_string_equal(e.message, table[n].message);
        }
}

static void versions_and_classes(void **state) {
        static const struct {
                const char *name, *version, *kept, *class_name, *message;
        } table[] = {
                { "Migration", "1.7", "1.7", NULL, NULL },
                { "Migration", "1.0", "1.0", NULL, NULL },
                { "Migration", "1.7.3", "1.7", NULL, NULL },
                { "Migration", "1.99", "1.99", NULL, NULL },
                { "Migration", "1.99.1", "1.99", NULL, NULL },
                { "Migration", "2.0", NULL, "IncompatibleObjectVersion",
                  "Version 2.0 of Migration is not supported, supported version is 1.7" },
                { "Migration", "0.9", NULL, "IncompatibleObjectVersion", "Version 0.9 of Migration" },
                { "Migration", "1", NULL, "IncompatibleObjectVersion", "Version 1 of Migration" },
                { "Migration", "1.7.", NULL, "IncompatibleObjectVersion", "Version 1.7. of Migration" },
                { "Migration", "1.7.3.4", NULL, "IncompatibleObjectVersion", "Version 1.7.3.4" },
                { "Migration", "1.-7", NULL, "IncompatibleObjectVersion", "Version 1.-7" },
                { "Migration", "", NULL, "IncompatibleObjectVersion", "Version  of Migration" },
                { "Nonsense", "1.0", NULL, "UnsupportedObjectError", "Unsupported object type Nonsense" },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *object = make(table[n].name, table[n].version, "{\"status\": \"running\", \"novelty\": [1]}"), *parsed = NULL;
                int r = object_parse(object, NULL, &parsed, &e);

                if (table[n].kept) {
                        assert_int_equal(r, 0);
                        assert_string_equal(json_member_string(parsed, "nova_object.version"), table[n].kept);
                        assert_int_equal(json_array_size(object_get(parsed, "novelty")), 1);
                        assert_null(object_get(parsed, "uuid"));
                } else {
                        assert_true(r < 0);
                        assert_string_equal(e.class_name, table[n].class_name);
                        assert_string_equal(e.module, "oslo_versionedobjects.exception");
                        assert_non_null(strstr(e.message, table[n].message));
                }
        }
}

static void another_namespace_is_refused(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *object = make("Migration", "1.7", "{}"), *parsed = NULL;

        json_object_set_new(object, "nova_object.namespace", json_string("cinder"));
        assert_true(object_parse(object, NULL, &parsed, &e) < 0);
        assert_string_equal(e.message, "Unsupported object type cinder.Migration");
}

static void only_a_newer_object_may_have_values_we_do_not_know(void **state) {
        json_auto_t *same = make("ImageMetaProps", "1.34", "{\"hw_video_model\": \"hologram\"}"), *parsed = NULL;
        json_auto_t *newer = make("ImageMetaProps", "1.40", "{\"hw_video_model\": \"hologram\"}");

        assert_true(object_parse(same, NULL, &parsed, NULL) < 0);
        assert_int_equal(object_parse(newer, NULL, &parsed, NULL), 0);
        assert_string_equal(json_string_value(object_get(parsed, "hw_video_model")), "hologram");
}

static void what_is_no_object_is_refused(void **state) {
        static const char *const texts[] = {
                "null", "5", "[]", "\"Instance\"", "{}",
                "{\"nova_object.name\": 5}",
                "{\"nova_object.name\": \"Tag\"}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\"}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": 1.1}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\"}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\", \"nova_object.data\": []}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\", \"nova_object.data\": {},"
                " \"nova_object.changes\": {}}",
                "{\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\", \"nova_object.data\": {},"
                " \"nova_object.changes\": [5]}",
        };

        for (size_t n = 0; n < ELEMENTSOF(texts); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *value = parse(texts[n]), *parsed = NULL;

                if (object_parse(value, NULL, &parsed, &e) >= 0)
                        fail_msg("took %s", texts[n]);
                assert_string_equal(e.class_name, "ValueError");
        }
}

static void unset_null_and_changed_are_apart(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *instance = object_new("Instance"), *changes = NULL, *sent = NULL, *expected = NULL;

        assert_null(object_get(instance, "host"));
        assert_int_equal(object_set(instance, "host", json_null(), NULL), 0);
        assert_true(json_is_null(object_get(instance, "host")));
        assert_true(object_is_changed(instance, "host"));
        assert_false(object_is_changed(instance, "node"));
        assert_int_equal(object_set(instance, "vcpus", json_string("3"), NULL), 0);
        assert_int_equal(json_integer_value(object_get(instance, "vcpus")), 3);

        changes = object_changes(instance);
        expected = parse("[\"host\", \"vcpus\"]");
        assert_true(json_equal(changes, expected));

        object_unset(instance, "host");
        assert_null(object_get(instance, "host"));
        assert_false(object_is_changed(instance, "host"));
        object_reset_changes(instance, false);
        sent = object_to_primitive(instance);
        assert_null(json_object_get(sent, "nova_object.changes"));

        assert_true(object_set(instance, "vcpus", json_string("many"), &e) < 0);
        assert_int_equal(json_integer_value(object_get(instance, "vcpus")), 3);
        exception_done(&e);
        assert_true(object_set(instance, "colour", json_string("red"), &e) < 0);
        assert_string_equal(e.class_name, "AttributeError");
}

static void a_change_deep_inside_is_told_at_every_level(void **state) {
        json_auto_t *instance = object_new("Instance"), *list = object_new("InstanceList"), *sent = NULL, *again = NULL;
        json_t *inner;

        assert_int_equal(object_set(instance, "flavor", make("Flavor", "1.2", "{\"id\": 1, \"swap\": 2}"), NULL), 0);
        assert_int_equal(object_set(list, "objects", json_pack("[O]", instance), NULL), 0);
        object_reset_changes(list, true);
        assert_false(object_is_changed(list, "objects"));

        inner = object_get(json_array_get(object_get(list, "objects"), 0), "flavor");
        assert_int_equal(object_set(inner, "swap", json_integer(4), NULL), 0);
        assert_true(object_is_changed(list, "objects"));
        sent = object_to_primitive(list);
        assert_string_equal(json_string_value(json_array_get(json_object_get(sent, "nova_object.changes"), 0)), "objects");
        inner = json_array_get(object_get(sent, "objects"), 0);
        assert_string_equal(json_string_value(json_array_get(json_object_get(inner, "nova_object.changes"), 0)), "flavor");
        assert_int_equal(object_parse(sent, "InstanceList", &again, NULL), 0);
        expect_equal("again", sent, again);
}

static void changes_name_only_fields_that_are_there(void **state) {
        json_auto_t *object = make("Tag", "1.1", "{\"tag\": \"a\"}"), *parsed = NULL;

        json_object_set_new(object, "nova_object.changes", parse("[\"tag\", \"resource_id\", \"tag\"]"));
        assert_int_equal(object_parse(object, NULL, &parsed, NULL), 0);
        assert_int_equal(json_array_size(json_object_get(parsed, "nova_object.changes")), 1);
}

static void read_only_fields_are_set_once(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *node = object_new("ComputeNode");

        assert_int_equal(object_set(node, "id", json_integer(1), &e), 0);
        assert_int_equal(object_set(node, "id", json_string("1"), &e), 0);
        assert_true(object_set(node, "id", json_integer(2), &e) < 0);
        assert_string_equal(e.class_name, "ReadOnlyFieldError");
        assert_string_equal(e.message, "Cannot modify readonly field id");
}

static void defaults_fill_what_is_unset(void **state) {
        json_auto_t *object = object_new("RequestGroup");

        assert_int_equal(object_set(object, "use_same_provider", json_false(), NULL), 0);
        assert_int_equal(object_set_defaults(object), 0);
        assert_true(json_is_false(object_get(object, "use_same_provider")));
        assert_true(json_is_object(object_get(object, "resources")));
        assert_true(json_is_null(object_get(object, "in_tree")));
}

static void kin_of_a_class_stand_for_it(void **state) {
        json_auto_t *bus = make("PCIDeviceBus", "1.0", "{\"address\": \"0000:00:1f.0\"}"), *tag = make("Tag", "1.1", "{}");
        json_auto_t *metadata = object_new("DiskMetadata");

        assert_int_equal(object_set(metadata, "bus", json_incref(bus), NULL), 0);
        assert_true(object_set(metadata, "bus", json_incref(tag), NULL) < 0);
}

static void objects_are_found_within_any_value(void **state) {
        json_auto_t *good = parse("{\"a\": [1, {\"b\": {\"nova_object.name\": \"Tag\", \"nova_object.namespace\": \"nova\","
                                  " \"nova_object.version\": \"1.1.5\", \"nova_object.data\": {\"tag\": 5}}}], \"c\": null}");
        json_auto_t *bad = parse("[[{\"nova_object.name\": \"Tag\"}]]"), *parsed = NULL, *none = NULL;
        json_t *tag;

        assert_int_equal(object_parse_all(good, &parsed, NULL), 0);
        tag = json_object_get(json_array_get(json_object_get(parsed, "a"), 1), "b");
        assert_string_equal(json_string_value(object_get(tag, "tag")), "5");
        assert_true(object_is(tag, "Tag"));
        assert_true(object_parse_all(bad, &none, NULL) < 0);
}

static void manifests_hold_all_that_can_be_inside(void **state) {
        json_auto_t *node = object_manifest("ComputeNode"), *instance = object_manifest("Instance"), *all = object_manifest(NULL);
        json_auto_t *expected = parse("{\"ComputeNode\": \"1.19\", \"HVSpec\": \"1.2\", \"PciDevicePool\": \"1.1\", \"PciDevicePoolList\": \"1.1\"}");

        assert_true(json_equal(node, expected));
        assert_int_equal(json_object_size(instance), 34);               /* zed 2.4 */
        assert_string_equal(json_member_string(all, "Instance"), "2.7");
        assert_int_equal(json_object_size(all), 100);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_real_services_sent_is_kept_whole),
                cmocka_unit_test(values_are_coerced_as_python_does),
                cmocka_unit_test(a_refusal_says_where_what_and_what_is_allowed),
                cmocka_unit_test(versions_and_classes),
                cmocka_unit_test(another_namespace_is_refused),
                cmocka_unit_test(only_a_newer_object_may_have_values_we_do_not_know),
                cmocka_unit_test(what_is_no_object_is_refused),
                cmocka_unit_test(unset_null_and_changed_are_apart),
                cmocka_unit_test(a_change_deep_inside_is_told_at_every_level),
                cmocka_unit_test(changes_name_only_fields_that_are_there),
                cmocka_unit_test(read_only_fields_are_set_once),
                cmocka_unit_test(defaults_fill_what_is_unset),
                cmocka_unit_test(kin_of_a_class_stand_for_it),
                cmocka_unit_test(objects_are_found_within_any_value),
                cmocka_unit_test(manifests_hold_all_that_can_be_inside),
        };

        files = argv + 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

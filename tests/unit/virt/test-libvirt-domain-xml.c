/* Descriptions of guests, whole: each domains/NAME.json is an instance with its options, image properties, flavor and VIFs, and
 * domains/NAME.xml what libvirt is to get, which must also satisfy libvirt's own schema. DOMAINS_WRITE=1 writes them anew. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "basic/json.h"
#include "config.h"
#include "objects/instance-object.h"
#include "virt/host-info.h"
#include "virt/libvirt/domain-xml.h"
#include "virt/libvirt/xml.h"

#define UUID "7d671d0e-f599-4e9a-9f56-820cca4200b5"

static const char *folder;

/* All that a description is made of, read of a case. */
typedef struct Case {
        json_t *json;
        Config *config;
        GuestOptions options;
        GuestHost host;
        GuestProperties properties;
        Instance instance;
        DomainDisk disks[8];
        uint16_t ports[4];
        RequestContext *context;
        DomainRequest request;
} Case;

static void case_done(Case *c) {
        host_topology_done(&c->host.numa);
        guest_options_done(&c->options);
        instance_done(&c->instance);
        context_unref(c->context);
        config_unref(c->config);
        json_decref(c->json);
}

static char *copy(const char *s) {
        return s ? strdup(s) : NULL;
}

static void set_instance(Instance *i, const json_t *j) {
        json_t *image = json_object_get(j, "image"), *metadata = json_object(), *value;
        const char *key;

        i->uuid = copy(json_member_string(j, "uuid") ?: UUID);
        i->name = copy(json_member_string(j, "name") ?: "instance-00000001");
        i->display_name = copy(json_member_string(j, "display_name") ?: "vm1");
        i->flavor_name = copy(json_member_string(j, "flavor_name") ?: "m1.tiny");
        i->image_ref = copy(json_object_get(j, "image_ref") ? json_member_string(j, "image_ref") : "155d900f-4e14-4e4c-a73d-069cbf4541e6");
        i->user_id = copy(json_member_string(j, "user_id"));
        i->project_id = copy(json_member_string(j, "project_id"));
        i->memory_mb = json_member_integer(j, "memory_mb", 512);
        i->vcpus = json_member_integer(j, "vcpus", 1);
        i->root_gb = json_member_integer(j, "root_gb", 1);
        json_object_foreach(image, key, value) {
                char name[100];

                snprintf(name, sizeof name, "image_%s", key);
                assert_int_equal(json_object_set(metadata, name, value), 0);
        }
        assert_int_equal(instance_set_field(i, "system_metadata", metadata), 0);
        value = json_object_get(j, "numa_topology");
        if (value) {
                char *numa = json_dumps(value, 0);

                assert_int_equal(instance_set_numa_topology(i, numa), 0);
                free(numa);
        }
        value = json_object_get(j, "extra_specs");
        assert_int_equal(instance_set_field(i, "flavor", json_pack("{s:s, s:s, s:s, s:{s:O?}}", "nova_object.name", "Flavor", "nova_object.namespace",
                                                                   "nova", "nova_object.version", "1.2", "nova_object.data", "extra_specs", value)), 0);
}

static void set_disks(Case *c, const json_t *list) {
        json_t *d;
        size_t i;

        json_array_foreach(list, i, d)
                c->disks[i] = (DomainDisk){ .path = json_member_string(d, "path"), .format = json_member_string(d, "format"),
                                            .device = json_member_string(d, "device") ?: "disk", .target = json_member_string(d, "target"),
                                            .bus = json_member_string(d, "bus"), .boot = json_member_boolean(d, "boot", false) };
        c->request.disks = c->disks;
        c->request.n_disks = json_array_size(list);
}

/* Reads all but the properties, which may be refused: that is left to the caller. */
static void case_read(Case *c, const char *text) {
        const char *assignments[32] = {};
        ConfigError error = {};
        char why[200];
        json_t *value;
        size_t i;

        *c = (Case){};
        if (json_parse(text, strlen(text), &c->json, why, sizeof why) < 0)
                fail_msg("%s", why);
        json_array_foreach(json_object_get(c->json, "options"), i, value)
                assignments[i] = json_string_value(value);
        if (config_new_for_test(&c->config, assignments, &error) < 0)
                fail_msg("%s", error.text);
        assert_int_equal(guest_options_read(&c->options, c->config, NULL), 0);
        
        c->host = (GuestHost){ .arch = json_member_string(c->json, "arch") ?: "x86_64", .virt_type = json_member_string(c->json, "virt_type") ?: "kvm",
                               .page_sizes_kib = { 4, 2048, 1048576 }, .direct_io = true, .has_uefi = json_member_boolean(c->json, "has_uefi", true) };
        set_instance(&c->instance, json_object_get(c->json, "instance"));
        value = json_object_get(c->json, "host_numa");
        if (value) {
                char *numa = json_dumps(value, 0);

                assert_int_equal(host_topology_read(numa, &c->host.numa, NULL), 1);
                free(numa);
        }
        c->request = (DomainRequest){
                .options = &c->options, .host = &c->host, .properties = &c->properties, .instance = &c->instance,
                .directory = "/var/lib/nova/instances/" UUID, .network_info = json_object_get(c->json, "network_info"),
                .kernel = json_member_string(c->json, "kernel"), .ramdisk = json_member_string(c->json, "ramdisk"), .created = 1795364318,
                .filters = json_member_boolean(c->json, "filters", false) };
        set_disks(c, json_object_get(c->json, "disks"));
        json_array_foreach(json_object_get(c->json, "serial_ports"), i, value)
                c->ports[i] = (uint16_t) json_integer_value(value);
        if (i > 0)
                c->request.serial_ports = c->ports;
        value = json_object_get(c->json, "context");
        if (value) {
                assert_int_equal(context_from_message(value, &c->context, NULL), 0);
                c->request.context = c->context;
        }
}

static int case_properties(Case *c, NovaException *e) {
        return guest_properties_read(&c->properties, &c->instance, NULL, &c->host, (const char *const *) c->options.machine_types,
                                     c->options.tablet, e);
}

static char *file_text(const char *name, const char *end) {
        char path[512], *text = NULL;

        snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
        return host_read_file(path, &text) >= 0 ? text : NULL;
}

static char *put_version(const char *text) {
        const char *mark = "@VERSION@", *found;
        char *out = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&out, &n);

        for (; (found = strstr(text, mark)); text = found + strlen(mark)) {
                fwrite(text, 1, (size_t) (found - text), f);
                fputs(PACKAGE_VERSION, f);
        }
        fputs(text, f);
        (void) fclose(f);
        return out;
}

static void write_golden(const char *name, const char *xml) {
        char path[512];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s.xml", folder, name);
        f = fopen(path, "we");
        assert_non_null(f);
        for (const char *s = xml, *found; *s;) {
                found = strstr(s, "\"" PACKAGE_VERSION "\"");
                if (!found)
                        found = strstr(s, ">" PACKAGE_VERSION "<");
                fwrite(s, 1, found ? (size_t) (found + 1 - s) : strlen(s), f);
                if (!found)
                        break;
                fputs("@VERSION@", f);
                s = found + 1 + strlen(PACKAGE_VERSION);
        }
        (void) fclose(f);
}

/* libvirt's schema, by its test driver, which has domains of one kind only. */
static void check_schema(const char *name, const char *xml) {
        _cleanup_free_ char *as_test = NULL;
        const char *rest = strchr(xml, '>');
        virConnectPtr c = virConnectOpen("test:///default");
        virDomainPtr domain;

        assert_non_null(c);
        assert_true(asprintf(&as_test, "<domain type='test'%s", rest) > 0);
        domain = virDomainDefineXMLFlags(c, as_test, VIR_DOMAIN_DEFINE_VALIDATE);
        /* Of what the schema allows the test driver may not have everything: that is no fault of the text. */
        if (!domain && virGetLastErrorCode() != VIR_ERR_CONFIG_UNSUPPORTED)
                fail_msg("%s: %s\n%s", name, virGetLastErrorMessage(), as_test);
        if (domain)
                (void) virDomainFree(domain);
        (void) virConnectClose(c);
}

static void check_golden(const char *name) {
        _cleanup_free_ char *text = file_text(name, ".json"), *golden = file_text(name, ".xml"), *wanted = NULL, *xml = NULL;
        _cleanup_exception_ NovaException e = {};
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        Case c;

        assert_non_null(text);
        case_read(&c, text);
        if (case_properties(&c, &e) < 0 || domain_xml(&c.request, &xml, &e) < 0)
                fail_msg("%s: %s: %s", name, e.class_name, e.message);
        doc = xml_parse(xml);
        assert_non_null(doc);
        if (getenv("DOMAINS_WRITE"))
                write_golden(name, xml);
        else {
                wanted = put_version(golden ?: "");
                if (!streq(wanted, xml))
                        fail_msg("%s: not as in %s/%s.xml:\n%s", name, folder, name, xml);
        }
        check_schema(name, xml);
        case_done(&c);
}

static void every_guest_is_described_as_its_file_says(void **state) {
        DIR *d = opendir(folder);
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(d);
        while ((entry = readdir(d))) {
                char name[256];
                size_t length = strlen(entry->d_name);

                if (length < 6 || !streq(entry->d_name + length - 5, ".json"))
                        continue;
                snprintf(name, sizeof name, "%.*s", (int) length - 5, entry->d_name);
                check_golden(name);
                n++;
        }
        (void) closedir(d);
        assert_true(n >= 10);
}

static void names_that_are_hostile_to_xml_stay_text(void **state) {
        static const char *const hostile[] = {
                "</nova:name><devices/>", "a\"b'c&d<e>f", "]]>", "<!--", "&amp;&#0;", "\x01\x02\x1f", "\xff\xfe", "\xc0\xaf", "\xed\xa0\x80",
                "\xf4\x90\x80\x80", "\xef\xbf\xbf", "\xe2\x82", "tab\tnewline\ncr\r", "emoji \xf0\x9f\x98\x80",
        };

        for (size_t i = 0; i < ELEMENTSOF(hostile); i++) {
                _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
                _cleanup_free_ char *xml = NULL;
                const xmlNode *instance;
                Case c;

                case_read(&c, "{\"disks\": [{\"path\": \"/d\", \"format\": \"raw\", \"target\": \"vda\", \"bus\": \"virtio\"}]}");
                free(c.instance.display_name);
                c.instance.display_name = strdup(hostile[i]);
                free(c.instance.flavor_name);
                c.instance.flavor_name = strdup(hostile[i]);
                c.disks[0].path = hostile[i];
                assert_int_equal(case_properties(&c, NULL), 0);
                assert_int_equal(domain_xml(&c.request, &xml, NULL), 0);
                doc = xml_parse(xml);
                if (!doc)
                        fail_msg("not well-formed: %s", xml);
                instance = xml_child(xml_child(xmlDocGetRootElement(doc), "metadata"), "instance");
                assert_non_null(instance);
                assert_non_null(xml_child(instance, "flavor"));
                assert_non_null(xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "disk"));
                assert_null(xml_next(xml_child(xmlDocGetRootElement(doc), "devices"), "devices"));
                if ((unsigned char) hostile[i][0] < 0x80 && (unsigned char) hostile[i][0] >= 0x20) {   /* what XML can hold comes back the same */
                        assert_string_equal(xml_text(xml_child(instance, "name")), hostile[i]);
                        assert_string_equal(xml_attribute(xml_child(instance, "flavor"), "name"), hostile[i]);
                }
                case_done(&c);
        }
}

static void what_cannot_be_is_refused_in_novas_words(void **state) {
        static const struct {
                const char *text, *class, *words;
        } table[] = {
                { "{\"instance\": {\"image\": {\"hw_disk_bus\": \"floppy\"}}}", "ValueError", "Field value floppy is invalid" },
                { "{\"instance\": {\"image\": {\"hw_disk_bus\": \"xen\"}}}", "UnsupportedHardware",
                  "Requested hardware 'xen' is not supported by the 'kvm' virt driver" },
                { "{\"instance\": {\"image\": {\"hw_vif_model\": \"netfront\"}}}", "UnsupportedHardware", "'netfront'" },
                { "{\"instance\": {\"image\": {\"hw_video_model\": \"gop\"}}}", "UnsupportedHardware", "'gop'" },
                { "{\"instance\": {\"image\": {\"hw_video_ram\": \"64\"}}}", "RequestedVRamTooHigh", "64 is higher than the maximum allowed by flavor 0" },
                { "{\"instance\": {\"image\": {\"hw_video_ram\": \"-1\"}}}", "ValueError", "Field value -1" },
                { "{\"instance\": {\"image\": {\"hw_cpu_cores\": \"99999999999999999999\"}}}", "ValueError", "hw_cpu_cores" },
                { "{\"instance\": {\"image\": {\"hw_qemu_guest_agent\": \"perhaps\"}}}", "ValueError", "Field value perhaps is invalid" },
                { "{\"instance\": {\"image\": {\"hw_machine_type\": \"pc,accel=tcg\"}}}", "Invalid", "'pc,accel=tcg'" },
                { "{\"instance\": {\"image\": {\"hw_architecture\": \"sparc\"}}}", "InvalidArchitectureName", "'sparc'" },
                { "{\"instance\": {\"image\": {\"hw_firmware_type\": \"uefi\"}}, \"has_uefi\": false}", "UEFINotSupported", "UEFI is not supported" },
                { "{\"instance\": {\"image\": {\"hw_machine_type\": \"q35\", \"hw_cdrom_bus\": \"ide\"}}}", "UnsupportedHardware", "'ide'" },
                { "{\"instance\": {\"image\": {\"hw_watchdog_action\": \"explode\"}}}", "InvalidWatchdogAction",
                  "Provided watchdog action (explode) is not supported." },
                { "{\"instance\": {\"extra_specs\": {\"hw:serial_port_count\": \"many\"}}}", "ImageSerialPortNumberInvalid", "got 'many'" },
                { "{\"instance\": {\"extra_specs\": {\"hw:serial_port_count\": \"1\"}, \"image\": {\"hw_serial_port_count\": \"3\"}}}",
                  "ImageSerialPortNumberExceedFlavorValue", "Forbidden to exceed" },
                { "{\"instance\": {\"vcpus\": 4, \"extra_specs\": {\"hw:cpu_max_sockets\": \"1\", \"hw:cpu_max_cores\": \"1\", \"hw:cpu_max_threads\": \"2\"}}}",
                  "ImageVCPULimitsRangeImpossible", "1:1:2 are impossible to satisfy for vcpus count 4" },
                { "{\"instance\": {\"extra_specs\": {\"hw:cpu_max_sockets\": \"1\"}, \"image\": {\"hw_cpu_max_sockets\": \"2\"}}}",
                  "ImageVCPULimitsRangeExceeded", "sockets=2" },
                { "{\"instance\": {\"extra_specs\": {\"hw:cpu_max_sockets\": \"1\", \"hw:cpu_sockets\": \"2\"}}}", "ImageVCPUTopologyRangeExceeded",
                  "sockets=2" },
                { "{\"instance\": {\"extra_specs\": {\"hw:mem_page_size\": \"huge\"}}}", "MemoryPageSizeInvalid", "Invalid memory page size 'huge'" },
                { "{\"instance\": {\"extra_specs\": {\"hw:mem_page_size\": \"3MB\"}}}", "MemoryPageSizeNotSupported", "3MB is not supported by the host" },
                { "{\"instance\": {\"extra_specs\": {\"hw:mem_page_size\": \"1GB\"}}}", "MemoryPageSizeNotSupported", "1GB" },
                { "{\"instance\": {\"image\": {\"hw_mem_page_size\": \"2MB\"}}}", "MemoryPageSizeForbidden", "2MB forbidden against 'small'" },
                { "{\"instance\": {\"extra_specs\": {\"hw:cpu_policy\": \"dedicated\"}}}", "Invalid", "'dedicated'" },
                { "{\"instance\": {\"extra_specs\": {\"quota:cpu_shares\": \"-5\"}}}", "Invalid", "quota:cpu_shares = -5" },
                { "{\"instance\": {\"extra_specs\": {\"hw:numa_nodes\": \"3\"}}}", "Invalid", "3 NUMA nodes" },
                { "{\"instance\": {\"extra_specs\": {\"hw:tpm_version\": \"2.0\"}}}", "Invalid", "vTPM" },
                { "{\"instance\": {\"vcpus\": 0}}", "Invalid", "0 vCPUs" },
                { "{\"instance\": {\"memory_mb\": 0}}", "Invalid", "0 MiB" },
                { "{\"instance\": {\"memory_mb\": 9000000000000000000}}", "Invalid", "9000000000000000000 MiB" },
                { "{\"instance\": {\"uuid\": \"../../etc\"}}", "InvalidUUID", "../../etc" },
                { "{\"instance\": {\"name\": \"a/b\"}}", "Invalid", "\"a/b\"" },
                { "{\"instance\": {\"name\": \"a\\nb\"}}", "Invalid", "control character" },
                { "{\"network_info\": [{\"address\": \"nonsense\", \"id\": \"x\"}]}", "Invalid", "\"nonsense\" is no MAC" },
                { "{\"network_info\": [{\"address\": \"fa:16:3e:4c:2c:30\", \"devname\": \"../x\"}]}", "Invalid", "\"../x\"" },
                { "{\"network_info\": [{\"address\": \"fa:16:3e:4c:2c:30\", \"type\": \"bridge\", \"network\": {\"bridge\": \"a b\"}}]}", "Invalid", "\"a b\"" },
                { "{\"network_info\": [{\"address\": \"fa:16:3e:4c:2c:30\", \"type\": \"hw_veb\", \"id\": \"p\"}]}", "VirtualInterfaceCreateException",
                  "vif_type=hw_veb" },
                { "{\"network_info\": [{\"address\": \"fa:16:3e:4c:2c:30\", \"type\": \"ovs\", \"vnic_type\": \"direct\", \"id\": \"p\"}]}",
                  "VirtualInterfaceCreateException", "port p" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                _cleanup_free_ char *xml = NULL;
                Case c;

                case_read(&c, table[i].text);
                if (case_properties(&c, &e) >= 0 && domain_xml(&c.request, &xml, &e) >= 0)
                        fail_msg("%s is not refused", table[i].text);
                assert_null(xml);
                if (!streq(strempty(e.class_name), table[i].class) || !strstr(e.message, table[i].words))
                        fail_msg("%s: %s: %s", table[i].text, e.class_name, e.message);
                case_done(&c);
        }
}

static void options_that_cannot_be_are_named(void **state) {
        static const char *const table[][2] = {
                { "serial_console.port_range=20000:10000", "port_range = 20000:10000" },
                { "serial_console.port_range=1:70000", "port_range = 1:70000" },
                { "serial_console.port_range=all", "port_range = all" },
                { "libvirt.cpu_mode=custom", "cpu_mode = custom wants a model" },
                { "libvirt.cpu_models=Haswell", "cpu_models = Haswell" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *config = NULL;
                _cleanup_exception_ NovaException e = {};
                GuestOptions o = {};

                assert_int_equal(config_new_for_test(&config, (const char *const[]){ table[i][0], NULL }, NULL), 0);
                assert_int_equal(guest_options_read(&o, config, &e), -EINVAL);
                assert_string_equal(e.class_name, "InvalidConfiguration");
                assert_non_null(strstr(e.message, table[i][1]));
                assert_null(o.cpu_models);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_guest_is_described_as_its_file_says),
                cmocka_unit_test(names_that_are_hostile_to_xml_stay_text),
                cmocka_unit_test(what_cannot_be_is_refused_in_novas_words),
                cmocka_unit_test(options_that_cannot_be_are_named),
        };

        folder = argc > 1 ? argv[1] : "domains";
        virSetErrorFunc(NULL, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

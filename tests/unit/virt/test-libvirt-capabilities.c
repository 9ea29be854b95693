/* Capabilities of libvirt in the shapes that Nova stores. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/json.h"
#include "objects/versioned.h"
#include "virt/libvirt/capabilities.h"

#define HOST_CPU "<cpu><arch>x86_64</arch><model>kvm64</model><vendor>AMD</vendor><microcode version='1'/>" \
                 "<topology sockets='1' dies='1' cores='2' threads='1'/><feature name='aes'/><feature name='sse4.1'/>" \
                 "<pages unit='KiB' size='4'/></cpu>"
#define CELL "<cell id='0'><memory unit='KiB'>7694552</memory><pages unit='KiB' size='4'>1923638</pages>" \
             "<pages unit='KiB' size='2048'>0</pages><distances><sibling id='0' value='10'/></distances><cpus num='2'>" \
             "<cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0'/><cpu id='1' socket_id='0' die_id='0' core_id='1' siblings='1'/>" \
             "</cpus></cell>"
#define ARCH(name) "<guest><os_type>hvm</os_type><arch name='" name "'><wordsize>64</wordsize><emulator>/usr/bin/qemu</emulator>" \
                   "<machine maxCpus='255'>pc</machine><domain type='qemu'/><domain type='kvm'><emulator>/usr/bin/kvm</emulator></domain>" \
                   "</arch></guest>"
#define CAPABILITIES(host, guests) "<capabilities><host><uuid>u</uuid>" host "</host>" guests "</capabilities>"

static void assert_json(const json_t *value, const char *text) {
        _cleanup_free_ char *is = NULL;
        json_auto_t *wanted = NULL;
        char why[200];

        assert_int_equal(json_parse(text, strlen(text), &wanted, why, sizeof why), 0);
        is = json_text(value);
        if (!json_equal(value, wanted))
                fail_msg("%s\nis not\n%s", is, text);
}

static void a_kvm_host_is_told_as_nova_tells_it(void **state) {
        _cleanup_(capabilities_done) Capabilities c = {};
        _cleanup_free_ char *text = NULL;
        json_auto_t *topology = NULL;
        json_auto_t *parsed = NULL;
        char why[200];
        CpuSet online;

        assert_int_equal(capabilities_parse(CAPABILITIES(HOST_CPU "<topology><cells num='1'>" CELL "</cells></topology>", ARCH("i686") ARCH("x86_64")), &c, NULL), 0);
        assert_json(c.cpu_info, "{\"arch\": \"x86_64\", \"model\": \"kvm64\", \"vendor\": \"AMD\", \"topology\": {\"cells\": 1, \"sockets\": 1, "
                                "\"cores\": 2, \"threads\": 1}, \"features\": [\"aes\", \"sse4.1\"]}");
        assert_json(c.hv_specs, "[[\"i686\", \"qemu\", \"hvm\"], [\"i686\", \"kvm\", \"hvm\"], [\"x86_64\", \"qemu\", \"hvm\"], [\"x86_64\", \"kvm\", \"hvm\"]]");

        CPU_ZERO(&online);
        CPU_SET(0, &online);
        CPU_SET(1, &online);
        assert_int_equal(capabilities_numa_topology(&c, &online, NULL, NULL, &text), 1);
        assert_int_equal(json_parse(text, strlen(text), &topology, why, sizeof why), 0);
        assert_int_equal(object_parse(topology, "NUMATopology", &parsed, NULL), 0);
        assert_true(json_equal(topology, parsed));
        assert_json(topology,
                "{\"nova_object.name\": \"NUMATopology\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.2\", "
                "\"nova_object.data\": {\"cells\": [{\"nova_object.name\": \"NUMACell\", \"nova_object.namespace\": \"nova\", "
                "\"nova_object.version\": \"1.5\", \"nova_object.data\": {\"id\": 0, \"cpuset\": [0, 1], \"pcpuset\": [0, 1], \"memory\": 7514, "
                "\"cpu_usage\": 0, \"memory_usage\": 0, \"pinned_cpus\": [], \"siblings\": [[0], [1]], \"mempages\": [{\"nova_object.name\": "
                "\"NUMAPagesTopology\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.1\", \"nova_object.data\": "
                "{\"size_kb\": 4, \"total\": 1923638, \"used\": 0, \"reserved\": 0}, \"nova_object.changes\": [\"size_kb\", \"total\", \"used\", "
                "\"reserved\"]}, {\"nova_object.name\": \"NUMAPagesTopology\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": "
                "\"1.1\", \"nova_object.data\": {\"size_kb\": 2048, \"total\": 0, \"used\": 0, \"reserved\": 0}, \"nova_object.changes\": "
                "[\"size_kb\", \"total\", \"used\", \"reserved\"]}], \"network_metadata\": {\"nova_object.name\": \"NetworkMetadata\", "
                "\"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.0\", \"nova_object.data\": {\"physnets\": [], \"tunneled\": "
                "false}, \"nova_object.changes\": [\"physnets\", \"tunneled\"]}, \"socket\": 0}, \"nova_object.changes\": [\"id\", \"cpuset\", "
                "\"pcpuset\", \"memory\", \"cpu_usage\", \"memory_usage\", \"pinned_cpus\", \"siblings\", \"mempages\", \"network_metadata\", "
                "\"socket\"]}]}, \"nova_object.changes\": [\"cells\"]}");
}

static CpuSet cpus(const char *text) {
        char why[100];
        CpuSet s;

        assert_int_equal(cpu_set_parse(text, &s, why, sizeof why), 0);
        return s;
}

static void cells_have_the_cpus_that_are_online_and_allowed(void **state) {
        static const struct {
                const char *online, *shared, *dedicated, *cpuset, *pcpuset, *siblings;
        } table[] = {
                { "0-3", NULL, NULL, "[0,1,2,3]", "[0,1,2,3]", "[[0,1],[2,3]]" },
                { "0-2", NULL, NULL, "[0,1,2]", "[0,1,2]", "[[0,1],[2]]" },
                { "0-3", "0,1", NULL, "[0,1]", "[]", "[[0,1],[2,3]]" },
                { "0-3", NULL, "2-3", "[]", "[2,3]", "[[0,1],[2,3]]" },
                { "0-3", "0", "3", "[0]", "[3]", "[[0,1],[2,3]]" },
                { "1", "0-1", "2-3", "[1]", "[]", "[[1]]" },
        };
        static const char xml[] = CAPABILITIES(HOST_CPU "<topology><cells><cell id='7'><memory unit='KiB'>2048</memory><cpus>"
                                               "<cpu id='0' siblings='0-1'/><cpu id='1' siblings='0-1'/><cpu id='2' siblings='2-3'/>"
                                               "<cpu id='3' siblings='2-3'/></cpus></cell></cells></topology>", "");

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                CpuSet online = cpus(table[i].online), shared = cpus(strempty(table[i].shared)), dedicated = cpus(strempty(table[i].dedicated));
                _cleanup_(capabilities_done) Capabilities c = {};
                _cleanup_free_ char *text = NULL;
                json_auto_t *topology = NULL;
                const json_t *cell;

                assert_int_equal(capabilities_parse(xml, &c, NULL), 0);
                assert_int_equal(capabilities_numa_topology(&c, &online, table[i].shared ? &shared : NULL, table[i].dedicated ? &dedicated : NULL, &text), 1);
                topology = json_loads(text, 0, NULL);
                cell = json_object_get(json_array_get(json_object_get(json_object_get(topology, "nova_object.data"), "cells"), 0), "nova_object.data");
                assert_json(json_object_get(cell, "cpuset"), table[i].cpuset);
                assert_json(json_object_get(cell, "pcpuset"), table[i].pcpuset);
                assert_json(json_object_get(cell, "siblings"), table[i].siblings);
                assert_json(json_object_get(cell, "socket"), "null");
                assert_int_equal(json_integer_value(json_object_get(cell, "id")), 7);
        }
}

static void a_host_without_numa_has_no_topology(void **state) {
        _cleanup_(capabilities_done) Capabilities c = {};
        char *text = (char *) 1;
        CpuSet online = cpus("0");

        assert_int_equal(capabilities_parse(CAPABILITIES(HOST_CPU, ""), &c, NULL), 0);
        assert_int_equal(capabilities_numa_topology(&c, &online, NULL, NULL, &text), 0);
        assert_ptr_equal(text, (char *) 1);
        assert_json(c.hv_specs, "[]");
}

static void what_is_no_single_cpu_is_refused(void **state) {
        static const char *const table[] = {
                "", "no xml", "<capabilities>", "<domain/>", "<capabilities/>", CAPABILITIES("", ""), CAPABILITIES(HOST_CPU HOST_CPU, ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                Capabilities c = { .n_cells = 77 };

                assert_int_equal(capabilities_parse(table[i], &c, &e), -EINVAL);
                assert_string_equal(e.class_name, "InvalidCPUInfo");
                assert_int_equal(c.n_cells, 77);
        }
}

static void what_the_host_does_not_tell_is_null_and_odd_numbers_are_passed_over(void **state) {
        _cleanup_(capabilities_done) Capabilities c = {};

        assert_int_equal(capabilities_parse(CAPABILITIES("<cpu><arch>i686</arch><features><pae/></features></cpu><topology><cells><cell id='x'>"
                                                         "<memory>-1</memory><pages size='4'>many</pages><cpus><cpu id='99999'/><cpu id='-1'/>"
                                                         "<cpu id='5' siblings='z'/></cpus></cell></cells></topology>", "<guest/>"), &c, NULL), 0);
        assert_false(c.has_topology);
        assert_json(c.cpu_info, "{\"arch\": \"i686\", \"model\": null, \"vendor\": null, \"topology\": {\"cells\": 1, \"sockets\": 1, \"cores\": 1, "
                                "\"threads\": 1}, \"features\": []}");
        assert_int_equal(c.cells[0].n_pages, 0);
        assert_int_equal(c.cells[0].memory_kib, 0);
        assert_int_equal(CPU_COUNT(&c.cells[0].cpus), 1);
        assert_int_equal(json_array_size(c.cells[0].siblings), 0);
}

static void a_cpu_info_becomes_the_cpu_to_compare(void **state) {
        static const struct {
                const char *info, *xml;         /* NULL: refused */
        } table[] = {
                { "{\"arch\": \"x86_64\", \"model\": \"Penryn\", \"vendor\": \"Intel\", \"topology\": {\"cells\": 1, \"sockets\": 1, \"cores\": 4, "
                  "\"threads\": 2}, \"features\": [\"vmx\", \"xtpr\"]}",
                  "<cpu><arch>x86_64</arch><model>Penryn</model><vendor>Intel</vendor><topology sockets=\"1\" cores=\"4\" threads=\"2\"/>"
                  "<feature name=\"vmx\"/><feature name=\"xtpr\"/></cpu>" },
                { "{\"arch\": \"x86_64\", \"topology\": {\"sockets\": \"1\", \"cores\": \"2\", \"threads\": \"1\"}}",           /* as of Essex */
                  "<cpu><arch>x86_64</arch><topology sockets=\"1\" cores=\"2\" threads=\"1\"/></cpu>" },
                { "{\"model\": \"a<b>&\", \"features\": [\"\\\"/><x\", 3]}",
                  "<cpu><model>a&lt;b&gt;&amp;</model><feature name=\"&quot;/&gt;&lt;x\"/></cpu>" },
                { "{}", "<cpu/>" },
                { "?", NULL },
                { "[]", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = {};
                _cleanup_free_ char *xml = NULL;
                int r = cpu_info_to_xml(table[i].info, &xml, &e);

                if (!table[i].xml) {
                        assert_int_equal(r, -EINVAL);
                        assert_string_equal(e.class_name, "InvalidCPUInfo");
                        assert_null(xml);
                        continue;
                }
                assert_int_equal(r, 0);
                if (!strstr(xml, table[i].xml))
                        fail_msg("%s\nis not\n%s", xml, table[i].xml);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_kvm_host_is_told_as_nova_tells_it),
                cmocka_unit_test(cells_have_the_cpus_that_are_online_and_allowed),
                cmocka_unit_test(a_host_without_numa_has_no_topology),
                cmocka_unit_test(what_is_no_single_cpu_is_refused),
                cmocka_unit_test(what_the_host_does_not_tell_is_null_and_odd_numbers_are_passed_over),
                cmocka_unit_test(a_cpu_info_becomes_the_cpu_to_compare),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

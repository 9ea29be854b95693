/* libvirt's capabilities, and a cpu_info as a peer sends it. */
#include <errno.h>

#include "basic/json.h"
#include "virt/libvirt/capabilities.h"
#include "fuzz.h"

static void check_topology(const Capabilities *c, const CpuSet *shared, const CpuSet *dedicated) {
        _cleanup_free_ char *text = NULL;
        json_auto_t *topology = NULL;
        CpuSet online;
        int r;

        CPU_ZERO(&online);
        for (unsigned i = 0; i < CPU_SET_MAX; i += 3)
                CPU_SET(i, &online);
        r = capabilities_numa_topology(c, &online, shared, dedicated, &text);
        fuzz_check(r == (c->n_cells > 0));
        if (r > 0)
                fuzz_check(json_parse(text, strlen(text), &topology, NULL, 0) == 0);
}

static void check_cpu_info(const char *cpu_info) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *xml = NULL;
        int r;

        r = cpu_info_to_xml(cpu_info, &xml, &e);
        fuzz_check(r >= 0 ? xml && *xml : exception_is_set(&e) && !xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *text = fuzz_text(data, size);
        Capabilities c = {};
        int r;

        check_cpu_info(text);

        r = capabilities_parse(text, &c, &e);
        if (r >= 0) {
                _cleanup_free_ char *cpu_info = json_text(c.cpu_info);
                CpuSet some;

                CPU_ZERO(&some);
                CPU_SET(0, &some);
                fuzz_check(json_is_object(c.cpu_info) && json_is_array(c.hv_specs) && cpu_info);
                check_topology(&c, NULL, NULL);
                check_topology(&c, &some, NULL);
                check_topology(&c, NULL, &some);
                check_cpu_info(cpu_info);
        } else
                fuzz_check(exception_is_set(&e));
        capabilities_done(&c);
        return 0;
}

/* Sets of CPUs, and the few lines of the host's own files. */
#include <errno.h>

#include "virt/cpu-set.h"
#include "virt/host-info.h"
#include "config-checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *initiator = NULL;
        json_auto_t *list = NULL;
        HostMemory memory = {};
        char why[200] = "";
        CpuSet set;
        int r;

        r = cpu_set_parse(text, &set, why, sizeof why);
        if (r >= 0) {
                list = cpu_set_to_json(&set);
                fuzz_check(list && json_array_size(list) == (size_t) CPU_COUNT(&set));
        } else
                fuzz_check(r == -EINVAL && *why);

        r = host_memory_parse(text, &memory);
        fuzz_check(r == -EBADMSG || (memory.total_kib > 0 && memory.available_kib <= memory.total_kib));

        r = host_iscsi_initiator(fuzz_config_file(data, size), &initiator);
        fuzz_check(r >= 0 ? *initiator && !strpbrk(initiator, " \t\r\n") : r == -ENOENT);
        return 0;
}

/* libvirt's capabilities in the shapes of Nova (zed 4.4, B6). Values of one's own; thread-safe. */
#pragma once

#include <jansson.h>

#include "objects/exception.h"
#include "virt/cpu-set.h"

typedef struct NumaPages {
        uint64_t size_kib, total;
} NumaPages;

typedef struct NumaCell {
        uint64_t id;
        uint64_t memory_kib;
        int64_t socket;                 /* of its first CPU; -1 = unknown */
        CpuSet cpus;
        json_t *siblings;               /* [[0, 1], …]: threads that share a core */
        NumaPages pages[8];
        size_t n_pages;
} NumaCell;

typedef struct Capabilities {
        json_t *cpu_info;               /* {arch, model, vendor, topology: {cells, sockets, cores, threads}, features: […]} */
        bool has_topology;              /* whether sockets, cores and threads were told */
        json_t *hv_specs;               /* [[arch, hv_type, vm_mode], …]: one per guest architecture and kind of domain */
        NumaCell *cells;                /* in order; none = the host tells no NUMA */
        size_t n_cells;
} Capabilities;

/* Returns 0, or -EINVAL with InvalidCPUInfo when the text is no capabilities, or the host's CPU is not told exactly once. */
int capabilities_parse(const char *xml, Capabilities *ret, NovaException *e);
void capabilities_done(Capabilities *c);

/* Nova's NUMATopology 1.2 as JSON text. @online: the CPUs that are; @shared, @dedicated: those for floating and for pinned
 * guests; both NULL = all for both, one NULL = none for that. Returns 1 with *ret malloc'ed, 0 if there are no cells, or
 * -ENOMEM. */
int capabilities_numa_topology(const Capabilities *c, const CpuSet *online, const CpuSet *shared, const CpuSet *dedicated, char **ret);

/* The CPU that a cpu_info asks for, as XML for virConnectCompareCPU. 0 with *ret malloc'ed; InvalidCPUInfo. */
int cpu_info_to_xml(const char *cpu_info, char **ret, NovaException *e);

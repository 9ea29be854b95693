/* A host's resources as a value: see compute-node.h. */
#include "objects/compute-node.h"

#include "objects/fields.h"

static const size_t compute_node_texts[] = {
        offsetof(ComputeNode, uuid),
        offsetof(ComputeNode, host),
        offsetof(ComputeNode, hypervisor_hostname),
        offsetof(ComputeNode, hypervisor_type),
        offsetof(ComputeNode, cpu_info),
        offsetof(ComputeNode, host_ip),
        offsetof(ComputeNode, numa_topology),
        offsetof(ComputeNode, metrics),
};

static const size_t compute_node_values[] = {
        offsetof(ComputeNode, supported_hv_specs),
        offsetof(ComputeNode, stats),
        offsetof(ComputeNode, pci_device_pools),
};

static const OwnedFields compute_node_fields = {
        .texts = compute_node_texts,
        .n_texts = ELEMENTSOF(compute_node_texts),
        .values = compute_node_values,
        .n_values = ELEMENTSOF(compute_node_values),
};

void compute_node_done(ComputeNode *n) {
        if (!n)
                return;
        owned_fields_done(&compute_node_fields, n);
        *n = (ComputeNode) {};
}

int compute_node_copy(const ComputeNode *n, ComputeNode *ret) {
        ComputeNode copy = *n;
        int r;

        r = owned_fields_copy(&compute_node_fields, n, &copy);
        if (r < 0)
                return r;
        *ret = copy;
        return 0;
}

bool compute_node_equal(const ComputeNode *a, const ComputeNode *b) {
        return a->id == b->id && a->service_id == b->service_id &&
               a->hypervisor_version == b->hypervisor_version &&
               a->vcpus == b->vcpus && a->memory_mb == b->memory_mb && a->local_gb == b->local_gb &&
               a->vcpus_used == b->vcpus_used && a->memory_mb_used == b->memory_mb_used &&
               a->local_gb_used == b->local_gb_used &&
               a->free_ram_mb == b->free_ram_mb && a->free_disk_gb == b->free_disk_gb &&
               a->current_workload == b->current_workload && a->running_vms == b->running_vms &&
               a->has_disk_available_least == b->has_disk_available_least &&
               (!a->has_disk_available_least || a->disk_available_least == b->disk_available_least) &&
               a->cpu_allocation_ratio == b->cpu_allocation_ratio &&
               a->ram_allocation_ratio == b->ram_allocation_ratio &&
               a->disk_allocation_ratio == b->disk_allocation_ratio &&
               a->deleted == b->deleted &&
               owned_fields_equal(&compute_node_fields, a, b);
}

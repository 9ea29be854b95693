/* The resources of this host: a row of compute_nodes (zed 4.3, 4.4; Nova's ComputeNode 1.19). Plain value. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct ComputeNode {
        int64_t id;                     /* 0 = not stored */
        char *uuid;
        int64_t service_id;
        char *host;                     /* CONF.host */
        char *hypervisor_hostname;      /* the node's name */
        char *hypervisor_type;
        int64_t hypervisor_version;
        int64_t vcpus, memory_mb, local_gb;
        int64_t vcpus_used, memory_mb_used, local_gb_used;
        int64_t free_ram_mb, free_disk_gb;
        int64_t current_workload, running_vms;
        int64_t disk_available_least;   /* GiB; meaning only if has_disk_available_least */
        bool has_disk_available_least;
        char *cpu_info;                 /* JSON text */
        char *host_ip;
        char *numa_topology;            /* JSON text or NULL */
        json_t *supported_hv_specs;     /* [[arch, hv_type, vm_mode], …] or NULL */
        json_t *stats;                  /* {name: text} or NULL */
        json_t *pci_device_pools;       /* [] or NULL */
        char *metrics;                  /* JSON text */
        double cpu_allocation_ratio, ram_allocation_ratio, disk_allocation_ratio;
        int64_t vcpus_reserved, memory_mb_reserved, local_gb_reserved;  /* reserved_host_*; not columns, shown on D-Bus */
        usec_t created_at, updated_at, deleted_at;
        bool deleted;
} ComputeNode;

void compute_node_done(ComputeNode *n);
int compute_node_copy(const ComputeNode *n, ComputeNode *ret);          /* deep; 0 or -ENOMEM */
/* Whether all that is stored, but for the times, is equal: a save is only due when not (zed 4.3 step 11). The *_reserved
 * are not stored and do not count. */
bool compute_node_equal(const ComputeNode *a, const ComputeNode *b);

/* Nova's primitive, version 1.19: {"nova_object.name": "ComputeNode", …}. A node that is not stored (id 0) has no id, uuid
 * (unless given) and times in it, and all its keys as changes, as Nova creates one; a stored one has no changes.
 * service_id is null, as today's Nova has it. New reference or NULL (out of memory). */
json_t *compute_node_to_primitive(const ComputeNode *n);

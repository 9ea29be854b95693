/* The resource tracker (zed 4.3): what this host has, what its instances use, and the row that says so. */
#pragma once

#include "config/config.h"
#include "objects/compute-node.h"
#include "objects/context.h"
#include "objects/instance.h"

typedef struct ComputeManager ComputeManager;

/* What the operator keeps back, and the over-commitment. */
typedef struct ResourceSettings {
        int64_t reserved_host_memory_mb, reserved_host_disk_mb, reserved_host_cpus;
        /* 0 = not set: the node's own stay, and a new node takes the initial ones */
        double cpu_allocation_ratio, ram_allocation_ratio, disk_allocation_ratio;
        double initial_cpu_allocation_ratio, initial_ram_allocation_ratio, initial_disk_allocation_ratio;
} ResourceSettings;
void resource_settings_read(ResourceSettings *s, const Config *config);

/* The arithmetic, pure: @node comes with the hypervisor's view, the id and ratios of the row (0 = none); used, free, counts
 * and stats are computed from @instances. @first: instances without a node belong to it. Returns 0 or -ENOMEM. */
int resource_tracker_compute(ComputeNode *node, const InstanceList *instances, bool first, const ResourceSettings *s);

/* update_available_resource of every node of the driver: rows found or created by (host, hypervisor_hostname), saved only
 * when changed; rows of nodes that are no more are destroyed (F66). Shows the first node. Blocks: workers only;
 * thread-safe. No services row: -EAGAIN with ComputeServiceUnavailable. */
int resource_tracker_update(ComputeManager *m, RequestContext *c, NovaException *e);

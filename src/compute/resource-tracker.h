/* The resource tracker (zed 4.3): what this host has, what its instances use, and the row that says so. */
#pragma once

#include "config/config.h"
#include "objects/compute-node.h"
#include "objects/context.h"
#include "objects/instance.h"
#include "objects/numa.h"

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

/* What instances take of a node: root disks on volumes not counted, swap in whole GiB, all sums saturated. */
typedef struct ResourceUsage {
        int64_t vcpus, memory_mb, local_gb;
        int64_t pinned;                 /* of the vcpus: those that have a CPU of the host's own set for such (resource_usage_add_numa) */
} ResourceUsage;
void resource_usage_add(ResourceUsage *u, const Instance *i);
/* And of its NUMA nodes; what cannot be read counts nothing, and the log says so. @u: its pinned CPUs are counted there, on a host that keeps
 * some for them; may be NULL. */
void resource_usage_add_numa(ResourceUsage *u, HostTopology *host, const Instance *i);
/* Whether @i counts on the node of that name (zed 4.3 step 6); @first: those without a node are this one's. */
bool resource_usage_counts(const Instance *i, const char *node, bool first);
/* What is reserved of @node, and each ratio: the configured one if set, else its own, else the initial one. */
void resource_settings_apply(ComputeNode *node, const ResourceSettings *s);

/* A node as the hypervisor described it when it was asked last. In ComputeManager, under resources_lock. */
typedef struct TrackedNode {
        ComputeNode view;               /* without what the tracker computes */
        bool first;
        int64_t failed_builds;          /* -1: as the row says */
} TrackedNode;
void tracked_node_done(TrackedNode *t);

/* Under resources_lock: the node of that name, or the first for NULL and ""; NULL if there is none. */
TrackedNode *resource_tracker_find(ComputeManager *m, const char *name);

/* Any thread: what instances use has changed. Soon, on a worker, the rows are computed anew from the hypervisor's last
 * view, saved if they changed, and shown; many calls at once cost one computation. */
void resource_tracker_changed(ComputeManager *m);
/* A build on @node (NULL: the first) has ended: failures are counted in the row's stats until one succeeds, for schedulers
 * that weigh hosts by them (never if consecutive_build_service_disable_threshold is 0). Deleted meanwhile is neither. Thread-safe, does not block on the hypervisor. */
void resource_tracker_build_ended(ComputeManager *m, const char *node, bool succeeded);

/* update_available_resource of every node of the driver: rows found or created by (host, hypervisor_hostname), saved only
 * when changed; rows of nodes that are no more are destroyed (F66). Shows the first node. Blocks: workers only;
 * thread-safe. No services row: -EAGAIN with ComputeServiceUnavailable. */
int resource_tracker_update(ComputeManager *m, RequestContext *c, NovaException *e);

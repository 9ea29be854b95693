/* What the manager adds to the metrics: hypervisor, resources, instances, drift. On the main loop, from what is known: nothing
 * here asks hypervisor or store. */
#include "basic/json.h"
#include "compute/compute.h"

#define MIB (1024.0 * 1024.0)
#define GIB (1024.0 * MIB)

static void gauge(MetricsText *t, const char *name, const char *unit, const char *help, double value) {
        metrics_family(t, name, METRIC_GAUGE, unit, help);
        metrics_real(t, value, NULL);
}

static void write_resources(const ComputeNode *n, MetricsText *t) {
        gauge(t, "nova_compute_vcpus", NULL, "Processors of the host that guests may have.", (double) n->vcpus);
        gauge(t, "nova_compute_vcpus_used", NULL, "Virtual processors that instances claim.", (double) n->vcpus_used);
        gauge(t, "nova_compute_vcpus_reserved", NULL, "Processors kept for the host.", (double) n->vcpus_reserved);
        gauge(t, "nova_compute_memory_bytes", "bytes", "Memory of the host.", (double) n->memory_mb * MIB);
        gauge(t, "nova_compute_memory_used_bytes", "bytes", "Memory that instances claim, and what is kept for the host.",
              (double) n->memory_mb_used * MIB);
        gauge(t, "nova_compute_memory_reserved_bytes", "bytes", "Memory kept for the host.", (double) n->memory_mb_reserved * MIB);
        gauge(t, "nova_compute_disk_bytes", "bytes", "Disk of the host for instances.", (double) n->local_gb * GIB);
        gauge(t, "nova_compute_disk_used_bytes", "bytes", "Disk that instances claim, and what is kept for the host.",
              (double) n->local_gb_used * GIB);
        gauge(t, "nova_compute_disk_reserved_bytes", "bytes", "Disk kept for the host.", (double) n->local_gb_reserved * GIB);
        if (n->has_disk_available_least)
                gauge(t, "nova_compute_disk_available_least_bytes", "bytes",
                      "Disk that is left when all disks of guests have grown to their sizes; below zero: there is less.",
                      (double) n->disk_available_least * GIB);
        metrics_family(t, "nova_compute_allocation_ratio", METRIC_GAUGE, "ratio", "How far a resource may be claimed beyond what there is.");
        metrics_real(t, n->cpu_allocation_ratio, "resource", "vcpus", NULL);
        metrics_real(t, n->ram_allocation_ratio, "resource", "memory", NULL);
        metrics_real(t, n->disk_allocation_ratio, "resource", "disk", NULL);
}

static uint64_t stat_of(const ComputeNode *n, const char *prefix, const char *name) {
        const char *text = NULL;
        char key[80];

        snprintf(key, sizeof key, "%s%s", prefix, name);
        text = json_member_string(n->stats, key);
        return text ? strtoull(text, NULL, 10) : 0;
}

/* The tracker counts them each time that it computes the usage: at each change, and once a minute. */
static void write_instances(const ComputeNode *n, MetricsText *t) {
        metrics_family(t, "nova_compute_instances", METRIC_GAUGE, NULL, "Instances of this host, by vm_state.");
        for (VmState s = 0; s < _VM_STATE_MAX; s++)
                metrics_value(t, stat_of(n, "num_vm_", vm_state_to_string(s)), "vm_state", vm_state_to_string(s), NULL);
        metrics_family(t, "nova_compute_instances_by_task", METRIC_GAUGE, NULL, "Instances of this host with a task under way, by task_state.");
        for (TaskState s = TASK_NONE + 1; s < _TASK_STATE_MAX; s++) {
                uint64_t count = stat_of(n, "num_task_", task_state_to_string(s));

                if (count > 0)
                        metrics_value(t, count, "task_state", task_state_to_string(s), NULL);
        }
        gauge(t, "nova_compute_instances_running", NULL, "Guests that run, as the hypervisor said last.", (double) n->running_vms);
        gauge(t, "nova_compute_consecutive_failed_builds", NULL, "Builds that failed since the last that did not.",
              (double) stat_of(n, "failed_", "builds"));
}

static void count_drift(const Drift *d, void *userdata) {
        uint64_t *counts = userdata;

        counts[d->kind]++;
}

static void write_drift(ComputeManager *m, MetricsText *t) {
        uint64_t counts[_DRIFT_KIND_MAX] = {};

        compute_drift_foreach(m, count_drift, counts);
        metrics_family(t, "nova_compute_drift", METRIC_GAUGE, NULL, "Where store, hypervisor and disk do not agree, by kind of finding.");
        for (DriftKind k = 0; k < _DRIFT_KIND_MAX; k++)
                metrics_value(t, counts[k], "kind", drift_kind_to_string(k), NULL);
}

void compute_metrics_write(ComputeManager *m, MetricsText *t) {
        metrics_family(t, "nova_compute_hypervisor", METRIC_INFO, NULL, "The hypervisor of this host.");
        metrics_info(t, "driver", m->driver_name, "uri", compute_manager_connection_uri(m), "type",
                     m->has_node ? m->node.hypervisor_type : NULL, NULL);
        gauge(t, "nova_compute_hypervisor_connected", NULL, "Whether the hypervisor is connected.",
              compute_manager_hypervisor_connected(m));
        driver_metrics_write(&m->driver_metrics, t);
        if (m->has_node) {
                write_resources(&m->node, t);
                write_instances(&m->node, t);
                metrics_family(t, "nova_compute_resources_updated_timestamp_seconds", METRIC_GAUGE, "seconds",
                               "When the resources of the host were computed last, in seconds since 1970.");
                metrics_usec(t, m->node_updated, NULL);
        }
        write_drift(m, t);
}

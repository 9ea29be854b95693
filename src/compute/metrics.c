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
        const char *failed_builds = json_member_string(n->stats, "failed_builds");

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
        gauge(t, "nova_compute_consecutive_failed_builds", NULL, "Builds that failed since the last that did not.",
              failed_builds ? (double) strtoull(failed_builds, NULL, 10) : 0.0);
        metrics_family(t, "nova_compute_allocation_ratio", METRIC_GAUGE, "ratio", "How far a resource may be claimed beyond what there is.");
        metrics_real(t, n->cpu_allocation_ratio, "resource", "vcpus", NULL);
        metrics_real(t, n->ram_allocation_ratio, "resource", "memory", NULL);
        metrics_real(t, n->disk_allocation_ratio, "resource", "disk", NULL);
}

typedef struct InstanceCounts {
        uint64_t vm[_VM_STATE_MAX], task[_TASK_STATE_MAX], running;
} InstanceCounts;

static void count_instance(const InstanceView *v, void *userdata) {
        InstanceCounts *c = userdata;

        if (v->vm_state >= 0 && v->vm_state < _VM_STATE_MAX)
                c->vm[v->vm_state]++;
        if (v->task_state >= 0 && v->task_state < _TASK_STATE_MAX)
                c->task[v->task_state]++;
        c->running += power_state_normal(v->power_state) == POWER_RUNNING;
}

static void write_instances(const ComputeManager *m, MetricsText *t) {
        InstanceCounts c = {};

        if (compute_manager_instances(m))
                instance_table_foreach(compute_manager_instances(m), count_instance, &c);
        metrics_family(t, "nova_compute_instances", METRIC_GAUGE, NULL, "Instances of this host, by vm_state.");
        for (VmState s = 0; s < _VM_STATE_MAX; s++)
                metrics_value(t, c.vm[s], "vm_state", vm_state_to_string(s), NULL);
        metrics_family(t, "nova_compute_instances_by_task", METRIC_GAUGE, NULL, "Instances of this host with a task under way, by task_state.");
        for (TaskState s = TASK_NONE + 1; s < _TASK_STATE_MAX; s++)
                if (c.task[s] > 0)
                        metrics_value(t, c.task[s], "task_state", task_state_to_string(s), NULL);
        gauge(t, "nova_compute_instances_running", NULL, "Instances whose guests run.", (double) c.running);
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
                metrics_family(t, "nova_compute_resources_updated_timestamp_seconds", METRIC_GAUGE, "seconds",
                               "When the resources of the host were computed last, in seconds since 1970.");
                metrics_usec(t, m->node_updated, NULL);
        }
        write_instances(m, t);
        write_drift(m, t);
}

/* org.nova.Compute1.Node: the resources of this host, as last computed by the manager. */
#include "bus/bus-internal.h"

#include <errno.h>

#include "compute/manager.h"

typedef enum NodeProperty {
        PROPERTY_DRIVER,
        PROPERTY_CONNECTION_URI,
        PROPERTY_HYPERVISOR_CONNECTED,
        PROPERTY_HYPERVISOR_ERROR,
        PROPERTY_HYPERVISOR_TYPE,
        PROPERTY_HYPERVISOR_VERSION,
        PROPERTY_HYPERVISOR_HOSTNAME,
        PROPERTY_UUID,
        PROPERTY_HOST_IP,
        PROPERTY_VCPUS,
        PROPERTY_VCPUS_USED,
        PROPERTY_VCPUS_RESERVED,
        PROPERTY_MEMORY,
        PROPERTY_MEMORY_USED,
        PROPERTY_MEMORY_FREE,
        PROPERTY_MEMORY_RESERVED,
        PROPERTY_DISK,
        PROPERTY_DISK_USED,
        PROPERTY_DISK_FREE,
        PROPERTY_DISK_RESERVED,
        PROPERTY_DISK_AVAILABLE_LEAST,
        PROPERTY_RUNNING_VMS,
        PROPERTY_CURRENT_WORKLOAD,
        PROPERTY_CPU_RATIO,
        PROPERTY_MEMORY_RATIO,
        PROPERTY_DISK_RATIO,
        PROPERTY_CPU_INFO,
        PROPERTY_SUPPORTED_INSTANCES,
        PROPERTY_STATS,
        PROPERTY_UPDATED,
        _NODE_PROPERTY_MAX,
} NodeProperty;

#define BOTH (MANAGER_CHANGED_NODE | MANAGER_CHANGED_HYPERVISOR)

static const BusProperty node_properties[_NODE_PROPERTY_MAX] = {
        [PROPERTY_DRIVER] = { "Driver", BOTH },
        [PROPERTY_CONNECTION_URI] = { "ConnectionUri", BOTH },
        [PROPERTY_HYPERVISOR_CONNECTED] = { "HypervisorConnected", BOTH },
        [PROPERTY_HYPERVISOR_ERROR] = { "HypervisorError", BOTH },
        [PROPERTY_HYPERVISOR_TYPE] = { "HypervisorType", MANAGER_CHANGED_NODE },
        [PROPERTY_HYPERVISOR_VERSION] = { "HypervisorVersion", MANAGER_CHANGED_NODE },
        [PROPERTY_HYPERVISOR_HOSTNAME] = { "HypervisorHostname", MANAGER_CHANGED_NODE },
        [PROPERTY_UUID] = { "Uuid", MANAGER_CHANGED_NODE },
        [PROPERTY_HOST_IP] = { "HostIp", MANAGER_CHANGED_NODE },
        [PROPERTY_VCPUS] = { "VCPUs", MANAGER_CHANGED_NODE },
        [PROPERTY_VCPUS_USED] = { "VCPUsUsed", MANAGER_CHANGED_NODE },
        [PROPERTY_VCPUS_RESERVED] = { "VCPUsReserved", MANAGER_CHANGED_NODE },
        [PROPERTY_MEMORY] = { "MemoryMiB", MANAGER_CHANGED_NODE },
        [PROPERTY_MEMORY_USED] = { "MemoryUsedMiB", MANAGER_CHANGED_NODE },
        [PROPERTY_MEMORY_FREE] = { "MemoryFreeMiB", MANAGER_CHANGED_NODE },
        [PROPERTY_MEMORY_RESERVED] = { "MemoryReservedMiB", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK] = { "DiskGiB", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK_USED] = { "DiskUsedGiB", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK_FREE] = { "DiskFreeGiB", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK_RESERVED] = { "DiskReservedGiB", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK_AVAILABLE_LEAST] = { "DiskAvailableLeastGiB", MANAGER_CHANGED_NODE },
        [PROPERTY_RUNNING_VMS] = { "RunningVMs", MANAGER_CHANGED_NODE | MANAGER_CHANGED_INSTANCES },
        [PROPERTY_CURRENT_WORKLOAD] = { "CurrentWorkload", MANAGER_CHANGED_NODE | MANAGER_CHANGED_INSTANCES },
        [PROPERTY_CPU_RATIO] = { "CPUAllocationRatio", MANAGER_CHANGED_NODE },
        [PROPERTY_MEMORY_RATIO] = { "MemoryAllocationRatio", MANAGER_CHANGED_NODE },
        [PROPERTY_DISK_RATIO] = { "DiskAllocationRatio", MANAGER_CHANGED_NODE },
        [PROPERTY_CPU_INFO] = { "CPUInfo", MANAGER_CHANGED_NODE },
        [PROPERTY_SUPPORTED_INSTANCES] = { "SupportedInstances", MANAGER_CHANGED_NODE },
        [PROPERTY_STATS] = { "Stats", MANAGER_CHANGED_NODE },
        [PROPERTY_UPDATED] = { "UpdatedUSec", MANAGER_CHANGED_NODE },
};

/* [[architecture, hypervisor, mode], …] as one flat list; what has another shape is left out. */
static int supported_instances(const ComputeNode *node, BusValue *ret) {
        size_t n = 0, at;
        json_t *row;

        *ret = (BusValue){ .type = "a(sss)" };
        ret->owned = calloc(3 * json_array_size(node->supported_hv_specs) + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        json_array_foreach(node->supported_hv_specs, at, row) {
                if (json_array_size(row) != 3 || !json_is_string(json_array_get(row, 0)) ||
                    !json_is_string(json_array_get(row, 1)) || !json_is_string(json_array_get(row, 2)))
                        continue;
                for (size_t i = 0; i < 3; i++)
                        ret->owned[n++] = json_string_value(json_array_get(row, i));
        }
        ret->as = ret->owned;
        return 0;
}

static int stats(const ComputeNode *node, BusValue *ret) {
        size_t n = 0;
        const char *key;
        json_t *value;

        *ret = (BusValue){ .type = "a{ss}" };
        ret->owned = calloc(2 * json_object_size(node->stats) + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        json_object_foreach(node->stats, key, value)
                if (json_is_string(value)) {
                        ret->owned[n++] = key;
                        ret->owned[n++] = json_string_value(value);
                }
        ret->as = ret->owned;
        return 0;
}

/* The one place that says what a property is; empty before the resources are known, and for managers of another kind. */
static int node_value(const BusObject *o, size_t property, BusValue *ret) {
        Bus *b = o->bus;
        static const ComputeNode no_node = {};
        const ComputeManager *m = b->manager ? compute_manager_from(b->manager) : NULL;
        const ComputeNode *node = m && compute_manager_node(m) ? compute_manager_node(m) : &no_node;

        switch ((NodeProperty) property) {
        case PROPERTY_DRIVER:
                *ret = BUS_STRING(m ? compute_manager_driver_name(m) : NULL);
                return 0;
        case PROPERTY_CONNECTION_URI:
                *ret = BUS_STRING(m ? compute_manager_connection_uri(m) : NULL);
                return 0;
        case PROPERTY_HYPERVISOR_CONNECTED:
                *ret = BUS_BOOLEAN(m && compute_manager_hypervisor_connected(m));
                return 0;
        case PROPERTY_HYPERVISOR_ERROR:
                *ret = BUS_STRING(m ? compute_manager_hypervisor_error(m) : NULL);
                return 0;
        case PROPERTY_HYPERVISOR_TYPE:
                *ret = BUS_STRING(node->hypervisor_type);
                return 0;
        case PROPERTY_HYPERVISOR_VERSION:
                *ret = BUS_INT64(node->hypervisor_version);
                return 0;
        case PROPERTY_HYPERVISOR_HOSTNAME:
                *ret = BUS_STRING(node->hypervisor_hostname);
                return 0;
        case PROPERTY_UUID:
                *ret = BUS_STRING(node->uuid);
                return 0;
        case PROPERTY_HOST_IP:
                *ret = BUS_STRING(node->host_ip);
                return 0;
        case PROPERTY_VCPUS:
                *ret = BUS_INT64(node->vcpus);
                return 0;
        case PROPERTY_VCPUS_USED:
                *ret = BUS_INT64(node->vcpus_used);
                return 0;
        case PROPERTY_VCPUS_RESERVED:
                *ret = BUS_INT64(node->vcpus_reserved);
                return 0;
        case PROPERTY_MEMORY:
                *ret = BUS_INT64(node->memory_mb);
                return 0;
        case PROPERTY_MEMORY_USED:
                *ret = BUS_INT64(node->memory_mb_used);
                return 0;
        case PROPERTY_MEMORY_FREE:
                *ret = BUS_INT64(node->free_ram_mb);
                return 0;
        case PROPERTY_MEMORY_RESERVED:
                *ret = BUS_INT64(node->memory_mb_reserved);
                return 0;
        case PROPERTY_DISK:
                *ret = BUS_INT64(node->local_gb);
                return 0;
        case PROPERTY_DISK_USED:
                *ret = BUS_INT64(node->local_gb_used);
                return 0;
        case PROPERTY_DISK_FREE:
                *ret = BUS_INT64(node->free_disk_gb);
                return 0;
        case PROPERTY_DISK_RESERVED:
                *ret = BUS_INT64(node->local_gb_reserved);
                return 0;
        case PROPERTY_DISK_AVAILABLE_LEAST:
                *ret = BUS_INT64(node->has_disk_available_least ? node->disk_available_least : 0);
                return 0;
        case PROPERTY_RUNNING_VMS:
                *ret = BUS_INT64(node->running_vms);
                return 0;
        case PROPERTY_CURRENT_WORKLOAD:
                *ret = BUS_INT64(node->current_workload);
                return 0;
        case PROPERTY_CPU_RATIO:
                *ret = BUS_DOUBLE(node->cpu_allocation_ratio);
                return 0;
        case PROPERTY_MEMORY_RATIO:
                *ret = BUS_DOUBLE(node->ram_allocation_ratio);
                return 0;
        case PROPERTY_DISK_RATIO:
                *ret = BUS_DOUBLE(node->disk_allocation_ratio);
                return 0;
        case PROPERTY_CPU_INFO:
                *ret = BUS_STRING(node->cpu_info);
                return 0;
        case PROPERTY_SUPPORTED_INSTANCES:
                return supported_instances(node, ret);
        case PROPERTY_STATS:
                return stats(node, ret);
        case PROPERTY_UPDATED:
                *ret = BUS_UINT64(m ? compute_manager_node_updated(m) : 0);
                return 0;
        case _NODE_PROPERTY_MAX:
                break;
        }
        return -ENOENT;
}

static int property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;

        return bus_object_get(&b->node_object, property, reply);
}

const BusInterface bus_node_interface = {
        .name = NODE_INTERFACE,
        .properties = node_properties,
        .n = ELEMENTSOF(node_properties),
        .value = node_value,
};

#define PROPERTY(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_node_vtable[] = {
        SD_BUS_VTABLE_START(0),
        PROPERTY("Driver", "s"),
        PROPERTY("ConnectionUri", "s"),
        PROPERTY("HypervisorConnected", "b"),
        PROPERTY("HypervisorError", "s"),
        PROPERTY("HypervisorType", "s"),
        PROPERTY("HypervisorVersion", "x"),
        PROPERTY("HypervisorHostname", "s"),
        PROPERTY("Uuid", "s"),
        PROPERTY("HostIp", "s"),
        PROPERTY("VCPUs", "x"),
        PROPERTY("VCPUsUsed", "x"),
        PROPERTY("VCPUsReserved", "x"),
        PROPERTY("MemoryMiB", "x"),
        PROPERTY("MemoryUsedMiB", "x"),
        PROPERTY("MemoryFreeMiB", "x"),
        PROPERTY("MemoryReservedMiB", "x"),
        PROPERTY("DiskGiB", "x"),
        PROPERTY("DiskUsedGiB", "x"),
        PROPERTY("DiskFreeGiB", "x"),
        PROPERTY("DiskReservedGiB", "x"),
        PROPERTY("DiskAvailableLeastGiB", "x"),
        PROPERTY("RunningVMs", "x"),
        PROPERTY("CurrentWorkload", "x"),
        PROPERTY("CPUAllocationRatio", "d"),
        PROPERTY("MemoryAllocationRatio", "d"),
        PROPERTY("DiskAllocationRatio", "d"),
        PROPERTY("CPUInfo", "s"),
        PROPERTY("SupportedInstances", "a(sss)"),
        PROPERTY("Stats", "a{ss}"),
        PROPERTY("UpdatedUSec", "t"),
        SD_BUS_VTABLE_END,
};

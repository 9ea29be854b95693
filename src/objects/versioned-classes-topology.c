/* Nova's classes: processors and memory as guests see hosts have them, devices. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField numa_topology_fields[] = {
        { "cells", LIST_OF(OBJECT("NUMACell")) },
};

static const ObjectField numa_cell_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "cpuset", &object_integer_set },
        { "pcpuset", &object_integer_set },
        { "memory", &object_integer },
        { "cpu_usage", &object_integer, .otherwise = "0" },
        { "memory_usage", &object_integer, .otherwise = "0" },
        { "pinned_cpus", &object_integer_set },
        { "siblings", LIST_OF(&object_integer_set) },
        { "mempages", LIST_OF(OBJECT("NUMAPagesTopology")) },
        { "network_metadata", OBJECT("NetworkMetadata") },
        { "socket", &object_integer, NULLABLE },
};

static const ObjectField numa_pages_topology_fields[] = {
        { "size_kb", &object_integer },
        { "total", &object_integer },
        { "used", &object_integer, .otherwise = "0" },
        { "reserved", &object_integer, .otherwise = "0" },
};

static const ObjectField numa_topology_limits_fields[] = {
        { "cpu_allocation_ratio", &object_float },
        { "ram_allocation_ratio", &object_float },
        { "network_metadata", OBJECT("NetworkMetadata") },
};

static const ObjectField network_metadata_fields[] = {
        { "physnets", &object_string_set },
        { "tunneled", &object_boolean },
};

static const ObjectField instance_numa_topology_fields[] = {
        { "id", &object_integer },
        { "instance_uuid", &object_uuid },
        { "cells", LIST_OF(OBJECT("InstanceNUMACell")) },
        { "emulator_threads_policy", &enum_cpu_emulator_threads_policy, NULLABLE },
};

static const ObjectField instance_numa_cell_fields[] = {
        { "id", &object_integer },
        { "cpuset", &object_integer_set },
        { "pcpuset", &object_integer_set },
        { "cpuset_reserved", &object_integer_set, NULLABLE, .otherwise = "null" },
        { "memory", &object_integer },
        { "pagesize", &object_integer, NULLABLE, .otherwise = "null" },
        { "cpu_topology", OBJECT("VirtCPUTopology"), NULLABLE },
        { "cpu_pinning_raw", DICT_OF(&object_integer), NULLABLE, .otherwise = "null" },
        { "cpu_policy", &enum_cpu_allocation_policy, NULLABLE, .otherwise = "null" },
        { "cpu_thread_policy", &enum_cpu_thread_allocation_policy, NULLABLE, .otherwise = "null" },
};

static const ObjectField virt_cpu_model_fields[] = {
        { "arch", &enum_architecture, NULLABLE },
        { "vendor", &object_string, NULLABLE },
        { "topology", OBJECT("VirtCPUTopology"), NULLABLE },
        { "features", LIST_OF(OBJECT("VirtCPUFeature")), .otherwise = "[]" },
        { "mode", &enum_cpu_mode, NULLABLE },
        { "model", &object_string, NULLABLE },
        { "match", &enum_cpu_match, NULLABLE },
};

static const ObjectField virt_cpu_topology_fields[] = {
        { "sockets", &object_integer, NULLABLE, .otherwise = "1" },
        { "cores", &object_integer, NULLABLE, .otherwise = "1" },
        { "threads", &object_integer, NULLABLE, .otherwise = "1" },
};

static const ObjectField virt_cpu_feature_fields[] = {
        { "policy", &enum_cpu_feature_policy, NULLABLE },
        { "name", &object_string },
};

static const ObjectField instance_pci_request_fields[] = {
        { "count", &object_integer },
        { "spec", LIST_OF(&object_nullable_strings) },
        { "alias_name", &object_string, NULLABLE },
        { "is_new", &object_boolean, .otherwise = "false" },
        { "request_id", &object_uuid, NULLABLE },
        { "requester_id", &object_string, NULLABLE },
        { "numa_policy", &enum_pci_numa_affinity_policy, NULLABLE },
};

static const ObjectField instance_pci_requests_fields[] = {
        { "instance_uuid", &object_uuid },
        { "requests", LIST_OF(OBJECT("InstancePCIRequest")) },
};

static const ObjectField pci_device_fields[] = {
        { "id", &object_integer },
        { "uuid", &object_uuid },
        { "compute_node_id", &object_integer, NULLABLE },
        { "address", &object_string },
        { "vendor_id", &object_string },
        { "product_id", &object_string },
        { "dev_type", &enum_pci_device_type },
        { "status", &enum_pci_device_status },
        { "dev_id", &object_string, NULLABLE },
        { "label", &object_string, NULLABLE },
        { "instance_uuid", &object_string, NULLABLE },
        { "request_id", &object_string, NULLABLE },
        { "extra_info", &object_strings, .otherwise = "{}" },
        { "numa_node", &object_integer, NULLABLE },
        { "parent_addr", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField pci_device_pool_fields[] = {
        { "product_id", &object_string },
        { "vendor_id", &object_string },
        { "numa_node", &object_integer, NULLABLE },
        { "tags", &object_nullable_strings },
        { "count", &object_integer },
};

static const ObjectField resource_fields[] = {
        { "provider_uuid", &object_uuid },
        { "resource_class", &object_resource_class },
        { "identifier", &object_string },
        { "metadata", KIN_OF("ResourceMetadata") },
};

static const ObjectField libvirt_vpmem_device_fields[] = {
        { "label", &object_string },
        { "name", &object_string },
        { "size", &object_integer },
        { "devpath", &object_string },
        { "align", &object_integer },
};

static const ObjectField pci_device_list_fields[] = { OBJECTS_OF("PciDevice") };
static const ObjectField pci_device_pool_list_fields[] = { OBJECTS_OF("PciDevicePool") };
static const ObjectField resource_list_fields[] = { OBJECTS_OF("Resource") };

static const ObjectClass classes[] = {
        { "NUMATopology", "1.2", FIELDS(numa_topology_fields) },
        { "NUMACell", "1.5", FIELDS(numa_cell_fields) },
        { "NUMAPagesTopology", "1.1", FIELDS(numa_pages_topology_fields) },
        { "NUMATopologyLimits", "1.1", FIELDS(numa_topology_limits_fields) },
        { "NetworkMetadata", "1.0", FIELDS(network_metadata_fields) },
        { "InstanceNUMATopology", "1.3", FIELDS(instance_numa_topology_fields) },
        { "InstanceNUMACell", "1.6", FIELDS(instance_numa_cell_fields) },
        { "VirtCPUModel", "1.0", FIELDS(virt_cpu_model_fields) },
        { "VirtCPUTopology", "1.0", FIELDS(virt_cpu_topology_fields) },
        { "VirtCPUFeature", "1.0", FIELDS(virt_cpu_feature_fields) },
        { "InstancePCIRequest", "1.4", FIELDS(instance_pci_request_fields) },
        { "InstancePCIRequests", "1.1", FIELDS(instance_pci_requests_fields) },
        { "PciDevice", "1.7", FIELDS(pci_device_fields) },
        { "PciDeviceList", "1.3", FIELDS(pci_device_list_fields), .is_list = true },
        { "PciDevicePool", "1.1", FIELDS(pci_device_pool_fields) },
        { "PciDevicePoolList", "1.1", FIELDS(pci_device_pool_list_fields), .is_list = true },
        { "Resource", "1.0", FIELDS(resource_fields) },
        { "ResourceList", "1.0", FIELDS(resource_list_fields), .is_list = true },
        { "ResourceMetadata", "1.0" },
        { "LibvirtVPMEMDevice", "1.0", FIELDS(libvirt_vpmem_device_fields), .parent = "ResourceMetadata" },
};

const ObjectTheme object_theme_topology = { classes, ELEMENTSOF(classes) };

/* Nova's classes: hosts: compute nodes, services. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField compute_node_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "uuid", &object_uuid, READ_ONLY },
        { "service_id", &object_integer, NULLABLE },
        { "host", &object_string, NULLABLE },
        { "vcpus", &object_integer },
        { "memory_mb", &object_integer },
        { "local_gb", &object_integer },
        { "vcpus_used", &object_integer },
        { "memory_mb_used", &object_integer },
        { "local_gb_used", &object_integer },
        { "hypervisor_type", &object_string },
        { "hypervisor_version", &object_integer },
        { "hypervisor_hostname", &object_string, NULLABLE },
        { "free_ram_mb", &object_integer, NULLABLE },
        { "free_disk_gb", &object_integer, NULLABLE },
        { "current_workload", &object_integer, NULLABLE },
        { "running_vms", &object_integer, NULLABLE },
        { "cpu_info", &object_string, NULLABLE },
        { "disk_available_least", &object_integer, NULLABLE },
        { "metrics", &object_string, NULLABLE },
        { "stats", &object_nullable_strings, NULLABLE },
        { "host_ip", &object_ip_address, NULLABLE },
        { "numa_topology", &object_string, NULLABLE },
        { "supported_hv_specs", LIST_OF(OBJECT("HVSpec")) },
        { "pci_device_pools", OBJECT("PciDevicePoolList"), NULLABLE },
        { "cpu_allocation_ratio", &object_float },
        { "ram_allocation_ratio", &object_float },
        { "disk_allocation_ratio", &object_float },
        { "mapped", &object_integer },
        TIMES_AND_DELETED,
};

static const ObjectField service_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "uuid", &object_uuid },
        { "host", &object_string, NULLABLE },
        { "binary", &object_string, NULLABLE },
        { "topic", &object_string, NULLABLE },
        { "report_count", &object_integer },
        { "disabled", &object_boolean },
        { "disabled_reason", &object_string, NULLABLE },
        { "availability_zone", &object_string, NULLABLE },
        { "compute_node", OBJECT("ComputeNode") },
        { "last_seen_up", &object_datetime, NULLABLE },
        { "forced_down", &object_boolean },
        { "version", &object_integer },
        TIMES_AND_DELETED,
};

static const ObjectField hv_spec_fields[] = {
        { "arch", &enum_architecture },
        { "hv_type", &enum_hv_type },
        { "vm_mode", &enum_vm_mode },
};

static const ObjectField host_mapping_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "host", &object_string },
        { "cell_mapping", OBJECT("CellMapping") },
        TIMES,
};

static const ObjectField cell_mapping_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "uuid", &object_uuid },
        { "name", &object_string, NULLABLE },
        { "transport_url", &object_string },
        { "database_connection", &object_string },
        { "disabled", &object_boolean, .otherwise = "false" },
        TIMES,
};

static const ObjectField aggregate_fields[] = {
        { "id", &object_integer },
        { "uuid", &object_uuid },
        { "name", &object_string },
        { "hosts", &object_string_list, NULLABLE },
        { "metadata", &object_strings, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField task_log_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "task_name", &object_string },
        { "state", &object_string, READ_ONLY },
        { "host", &object_string },
        { "period_beginning", &object_datetime },
        { "period_ending", &object_datetime },
        { "message", &object_string },
        { "task_items", &object_integer },
        { "errors", &object_integer },
        TIMES_AND_DELETED,
};

static const ObjectField monitor_metric_fields[] = {
        { "name", &enum_monitor_metric_type },
        { "value", &object_integer },
        { "numa_membw_values", DICT_OF(&object_integer), NULLABLE },
        { "timestamp", &object_datetime },
        { "source", &object_string },
};

static const ObjectField console_auth_token_fields[] = {
        { "id", &object_integer },
        { "console_type", &object_string },
        { "host", &object_string },
        { "port", &object_integer },
        { "internal_access_path", &object_string, NULLABLE },
        { "instance_uuid", &object_uuid },
        { "access_url_base", &object_string, NULLABLE },
        { "token", &object_string },
        TIMES,
};

static const ObjectField compute_node_list_fields[] = { OBJECTS_OF("ComputeNode") };
static const ObjectField service_list_fields[] = { OBJECTS_OF("Service") };
static const ObjectField host_mapping_list_fields[] = { OBJECTS_OF("HostMapping") };
static const ObjectField cell_mapping_list_fields[] = { OBJECTS_OF("CellMapping") };
static const ObjectField aggregate_list_fields[] = { OBJECTS_OF("Aggregate") };
static const ObjectField task_log_list_fields[] = { OBJECTS_OF("TaskLog") };
static const ObjectField monitor_metric_list_fields[] = { OBJECTS_OF("MonitorMetric") };

static const ObjectClass classes[] = {
        { "ComputeNode", "1.19", FIELDS(compute_node_fields) },
        { "ComputeNodeList", "1.17", FIELDS(compute_node_list_fields), .is_list = true },
        { "Service", "1.22", FIELDS(service_fields) },
        { "ServiceList", "1.19", FIELDS(service_list_fields), .is_list = true },
        { "HVSpec", "1.2", FIELDS(hv_spec_fields) },
        { "HostMapping", "1.0", FIELDS(host_mapping_fields) },
        { "HostMappingList", "1.1", FIELDS(host_mapping_list_fields), .is_list = true },
        { "CellMapping", "1.1", FIELDS(cell_mapping_fields) },
        { "CellMappingList", "1.1", FIELDS(cell_mapping_list_fields), .is_list = true },
        { "Aggregate", "1.3", FIELDS(aggregate_fields) },
        { "AggregateList", "1.3", FIELDS(aggregate_list_fields), .is_list = true },
        { "TaskLog", "1.0", FIELDS(task_log_fields) },
        { "TaskLogList", "1.0", FIELDS(task_log_list_fields), .is_list = true },
        { "MonitorMetric", "1.1", FIELDS(monitor_metric_fields) },
        { "MonitorMetricList", "1.1", FIELDS(monitor_metric_list_fields), .is_list = true },
        { "ConsoleAuthToken", "1.1", FIELDS(console_auth_token_fields) },
};

const ObjectTheme object_theme_host = { classes, ELEMENTSOF(classes) };

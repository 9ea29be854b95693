/* Nova's classes: what is asked for: flavors, scheduler requests, networks. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField flavor_fields[] = {
        { "id", &object_integer },
        { "name", &object_string, NULLABLE },
        { "memory_mb", &object_integer },
        { "vcpus", &object_integer },
        { "root_gb", &object_integer },
        { "ephemeral_gb", &object_integer },
        { "flavorid", &object_string },
        { "swap", &object_integer },
        { "rxtx_factor", &object_float, NULLABLE, .otherwise = "1.0" },
        { "vcpu_weight", &object_integer, NULLABLE },
        { "disabled", &object_boolean },
        { "is_public", &object_boolean },
        { "extra_specs", &object_strings },
        { "projects", &object_string_list },
        { "description", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField request_spec_fields[] = {
        { "id", &object_integer },
        { "image", OBJECT("ImageMeta"), NULLABLE },
        { "numa_topology", OBJECT("InstanceNUMATopology"), NULLABLE },
        { "pci_requests", OBJECT("InstancePCIRequests"), NULLABLE },
        { "project_id", &object_string, NULLABLE },
        { "user_id", &object_string, NULLABLE },
        { "availability_zone", &object_string, NULLABLE },
        { "flavor", OBJECT("Flavor") },
        { "num_instances", &object_integer, .otherwise = "1" },
        { "ignore_hosts", &object_string_list, NULLABLE },
        { "force_hosts", &object_string_list, NULLABLE },
        { "force_nodes", &object_string_list, NULLABLE },
        { "requested_destination", OBJECT("Destination"), NULLABLE, .otherwise = "null" },
        { "retry", OBJECT("SchedulerRetries"), NULLABLE },
        { "limits", OBJECT("SchedulerLimits"), NULLABLE },
        { "instance_group", OBJECT("InstanceGroup"), NULLABLE },
        { "scheduler_hints", DICT_OF(&object_string_list), NULLABLE },
        { "instance_uuid", &object_uuid },
        { "security_groups", OBJECT("SecurityGroupList") },
        { "network_metadata", OBJECT("NetworkMetadata") },
        { "is_bfv", &object_boolean },
        { "requested_resources", LIST_OF(OBJECT("RequestGroup")), NULLABLE, .otherwise = "null" },
        { "request_level_params", OBJECT("RequestLevelParams") },
        { "requested_networks", OBJECT("NetworkRequestList") },
};

static const ObjectField request_group_fields[] = {
        { "use_same_provider", &object_boolean, .otherwise = "true" },
        { "resources", DICT_OF(&object_integer), .otherwise = "{}" },
        { "required_traits", &object_string_set, .otherwise = "[]" },
        { "forbidden_traits", &object_string_set, .otherwise = "[]" },
        { "aggregates", LIST_OF(&object_string_list), .otherwise = "[]" },
        { "forbidden_aggregates", &object_string_set, .otherwise = "[]" },
        { "requester_id", &object_string, NULLABLE, .otherwise = "null" },
        { "provider_uuids", LIST_OF(&object_uuid), .otherwise = "[]" },
        { "in_tree", &object_uuid, NULLABLE, .otherwise = "null" },
};

static const ObjectField request_level_params_fields[] = {
        { "root_required", &object_string_set, .otherwise = "[]" },
        { "root_forbidden", &object_string_set, .otherwise = "[]" },
        { "same_subtree", LIST_OF(&object_string_list), .otherwise = "[]" },
};

static const ObjectField scheduler_limits_fields[] = {
        { "numa_topology", OBJECT("NUMATopologyLimits"), NULLABLE, .otherwise = "null" },
        { "vcpu", &object_integer, NULLABLE, .otherwise = "null" },
        { "disk_gb", &object_integer, NULLABLE, .otherwise = "null" },
        { "memory_mb", &object_integer, NULLABLE, .otherwise = "null" },
};

static const ObjectField scheduler_retries_fields[] = {
        { "num_attempts", &object_integer },
        { "hosts", OBJECT("ComputeNodeList") },
};

static const ObjectField destination_fields[] = {
        { "host", &object_string },
        { "node", &object_string, NULLABLE },
        { "cell", OBJECT("CellMapping"), NULLABLE },
        { "aggregates", &object_string_list, NULLABLE, .otherwise = "null" },
        { "allow_cross_cell_move", &object_boolean, .otherwise = "false" },
        { "forbidden_aggregates", &object_string_set, NULLABLE, .otherwise = "null" },
};

static const ObjectField selection_fields[] = {
        { "compute_node_uuid", &object_uuid },
        { "service_host", &object_string },
        { "nodename", &object_string },
        { "cell_uuid", &object_uuid },
        { "limits", OBJECT("SchedulerLimits"), NULLABLE },
        { "allocation_request", &object_string, NULLABLE },
        { "allocation_request_version", &object_string, NULLABLE },
        { "availability_zone", &object_string, NULLABLE },
};

static const ObjectField network_request_fields[] = {
        { "network_id", &object_string, NULLABLE },
        { "address", &object_ip_address, NULLABLE },
        { "port_id", &object_uuid, NULLABLE },
        { "pci_request_id", &object_uuid, NULLABLE },
        { "tag", &object_string, NULLABLE },
        { "arq_uuid", &object_uuid, NULLABLE },
        { "device_profile", &object_string, NULLABLE },
};

static const ObjectField flavor_list_fields[] = { OBJECTS_OF("Flavor") };
static const ObjectField network_request_list_fields[] = { OBJECTS_OF("NetworkRequest") };

static const ObjectClass classes[] = {
        { "Flavor", "1.2", FIELDS(flavor_fields) },
        { "FlavorList", "1.1", FIELDS(flavor_list_fields), .is_list = true },
        { "RequestSpec", "1.14", FIELDS(request_spec_fields) },
        { "RequestGroup", "1.3", FIELDS(request_group_fields) },
        { "RequestLevelParams", "1.1", FIELDS(request_level_params_fields) },
        { "SchedulerLimits", "1.0", FIELDS(scheduler_limits_fields) },
        { "SchedulerRetries", "1.1", FIELDS(scheduler_retries_fields) },
        { "Destination", "1.4", FIELDS(destination_fields) },
        { "Selection", "1.1", FIELDS(selection_fields) },
        { "NetworkRequest", "1.3", FIELDS(network_request_fields) },
        { "NetworkRequestList", "1.1", FIELDS(network_request_list_fields), .is_list = true },
};

const ObjectTheme object_theme_request = { classes, ELEMENTSOF(classes) };

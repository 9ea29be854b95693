/* Nova's classes: instances, and what belongs to one. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField instance_fields[] = {
        { "id", &object_integer },
        { "user_id", &object_string, NULLABLE },
        { "project_id", &object_string, NULLABLE },
        { "image_ref", &object_string, NULLABLE },
        { "kernel_id", &object_string, NULLABLE },
        { "ramdisk_id", &object_string, NULLABLE },
        { "hostname", &object_string, NULLABLE },
        { "launch_index", &object_integer, NULLABLE },
        { "key_name", &object_string, NULLABLE },
        { "key_data", &object_string, NULLABLE },
        { "power_state", &object_integer, NULLABLE },
        { "vm_state", &object_string, NULLABLE },
        { "task_state", &object_string, NULLABLE },
        { "services", OBJECT("ServiceList") },
        { "memory_mb", &object_integer, NULLABLE },
        { "vcpus", &object_integer, NULLABLE },
        { "root_gb", &object_integer, NULLABLE },
        { "ephemeral_gb", &object_integer, NULLABLE },
        { "ephemeral_key_uuid", &object_uuid, NULLABLE },
        { "host", &object_string, NULLABLE },
        { "node", &object_string, NULLABLE },
        { "instance_type_id", &object_integer, NULLABLE },
        { "user_data", &object_string, NULLABLE },
        { "reservation_id", &object_string, NULLABLE },
        { "launched_at", &object_datetime, NULLABLE },
        { "terminated_at", &object_datetime, NULLABLE },
        { "availability_zone", &object_string, NULLABLE },
        { "display_name", &object_string, NULLABLE },
        { "display_description", &object_string, NULLABLE },
        { "launched_on", &object_string, NULLABLE },
        { "locked", &object_boolean, .otherwise = "false" },
        { "locked_by", &object_string, NULLABLE },
        { "os_type", &object_string, NULLABLE },
        { "architecture", &object_string, NULLABLE },
        { "vm_mode", &object_string, NULLABLE },
        { "uuid", &object_uuid },
        { "root_device_name", &object_string, NULLABLE },
        { "default_ephemeral_device", &object_string, NULLABLE },
        { "default_swap_device", &object_string, NULLABLE },
        { "config_drive", &object_string, NULLABLE },
        { "access_ip_v4", &object_ipv4_address, NULLABLE },
        { "access_ip_v6", &object_ipv6_address, NULLABLE },
        { "auto_disk_config", &object_boolean, .otherwise = "false" },
        { "progress", &object_integer, NULLABLE },
        { "shutdown_terminate", &object_boolean, .otherwise = "false" },
        { "disable_terminate", &object_boolean, .otherwise = "false" },
        { "cell_name", &object_string, NULLABLE },
        { "metadata", &object_strings },
        { "system_metadata", &object_nullable_strings },
        { "info_cache", OBJECT("InstanceInfoCache"), NULLABLE },
        { "security_groups", OBJECT("SecurityGroupList") },
        { "fault", OBJECT("InstanceFault"), NULLABLE },
        { "cleaned", &object_boolean, .otherwise = "false" },
        { "pci_devices", OBJECT("PciDeviceList"), NULLABLE },
        { "numa_topology", OBJECT("InstanceNUMATopology"), NULLABLE },
        { "pci_requests", OBJECT("InstancePCIRequests"), NULLABLE },
        { "device_metadata", OBJECT("InstanceDeviceMetadata"), NULLABLE },
        { "tags", OBJECT("TagList") },
        { "flavor", OBJECT("Flavor") },
        { "old_flavor", OBJECT("Flavor"), NULLABLE },
        { "new_flavor", OBJECT("Flavor"), NULLABLE },
        { "vcpu_model", OBJECT("VirtCPUModel"), NULLABLE },
        { "ec2_ids", OBJECT("EC2Ids") },
        { "migration_context", OBJECT("MigrationContext"), NULLABLE },
        { "keypairs", OBJECT("KeyPairList") },
        { "trusted_certs", OBJECT("TrustedCerts"), NULLABLE },
        { "hidden", &object_boolean, .otherwise = "false" },
        { "resources", OBJECT("ResourceList"), NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField instance_info_cache_fields[] = {
        { "instance_uuid", &object_uuid },
        { "network_info", &object_network_model, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField instance_fault_fields[] = {
        { "id", &object_integer },
        { "instance_uuid", &object_uuid },
        { "code", &object_integer },
        { "message", &object_string, NULLABLE },
        { "details", &object_string, NULLABLE },
        { "host", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField instance_action_fields[] = {
        { "id", &object_integer },
        { "action", &object_string, NULLABLE },
        { "instance_uuid", &object_uuid, NULLABLE },
        { "request_id", &object_string, NULLABLE },
        { "user_id", &object_string, NULLABLE },
        { "project_id", &object_string, NULLABLE },
        { "start_time", &object_datetime, NULLABLE },
        { "finish_time", &object_datetime, NULLABLE },
        { "message", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField instance_action_event_fields[] = {
        { "id", &object_integer },
        { "event", &object_string, NULLABLE },
        { "action_id", &object_integer, NULLABLE },
        { "start_time", &object_datetime, NULLABLE },
        { "finish_time", &object_datetime, NULLABLE },
        { "result", &object_string, NULLABLE },
        { "traceback", &object_string, NULLABLE },
        { "host", &object_string, NULLABLE },
        { "details", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField instance_external_event_fields[] = {
        { "instance_uuid", &object_uuid },
        { "name", &enum_external_event_name },
        { "status", &enum_external_event_status },
        { "tag", &object_string, NULLABLE },
        { "data", &object_strings },
};

static const ObjectField instance_group_fields[] = {
        { "id", &object_integer },
        { "user_id", &object_string, NULLABLE },
        { "project_id", &object_string, NULLABLE },
        { "uuid", &object_uuid },
        { "name", &object_string, NULLABLE },
        { "policies", &object_string_list, NULLABLE | READ_ONLY },
        { "members", &object_string_list, NULLABLE },
        { "hosts", &object_string_list, NULLABLE },
        { "policy", &object_string, NULLABLE },
        { "_rules", &object_strings },
        TIMES_AND_DELETED,
};

static const ObjectField instance_mapping_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "instance_uuid", &object_uuid },
        { "cell_mapping", OBJECT("CellMapping"), NULLABLE },
        { "project_id", &object_string },
        { "user_id", &object_string },
        { "queued_for_delete", &object_boolean, .otherwise = "false" },
        TIMES,
};

static const ObjectField build_request_fields[] = {
        { "id", &object_integer },
        { "instance_uuid", &object_uuid },
        { "project_id", &object_string },
        { "instance", OBJECT("Instance") },
        { "block_device_mappings", OBJECT("BlockDeviceMappingList") },
        { "tags", OBJECT("TagList") },
        TIMES,
};

static const ObjectField ec2_ids_fields[] = {
        { "instance_id", &object_string, READ_ONLY },
        { "ami_id", &object_string, NULLABLE | READ_ONLY },
        { "kernel_id", &object_string, NULLABLE | READ_ONLY },
        { "ramdisk_id", &object_string, NULLABLE | READ_ONLY },
};

static const ObjectField key_pair_fields[] = {
        { "id", &object_integer },
        { "name", &object_string },
        { "user_id", &object_string, NULLABLE },
        { "fingerprint", &object_string, NULLABLE },
        { "public_key", &object_string, NULLABLE },
        { "type", &object_string },
        TIMES_AND_DELETED,
};

static const ObjectField tag_fields[] = {
        { "resource_id", &object_string },
        { "tag", &object_string },
};

static const ObjectField security_group_fields[] = {
        { "id", &object_integer },
        { "name", &object_string },
        { "description", &object_string },
        { "user_id", &object_string },
        { "project_id", &object_string },
        { "uuid", &object_uuid },
        TIMES_AND_DELETED,
};

static const ObjectField trusted_certs_fields[] = {
        { "ids", &object_string_list },
};

static const ObjectField instance_list_fields[] = { OBJECTS_OF("Instance") };
static const ObjectField instance_fault_list_fields[] = { OBJECTS_OF("InstanceFault") };
static const ObjectField instance_action_list_fields[] = { OBJECTS_OF("InstanceAction") };
static const ObjectField instance_action_event_list_fields[] = { OBJECTS_OF("InstanceActionEvent") };
static const ObjectField instance_group_list_fields[] = { OBJECTS_OF("InstanceGroup") };
static const ObjectField instance_mapping_list_fields[] = { OBJECTS_OF("InstanceMapping") };
static const ObjectField build_request_list_fields[] = { OBJECTS_OF("BuildRequest") };
static const ObjectField key_pair_list_fields[] = { OBJECTS_OF("KeyPair") };
static const ObjectField tag_list_fields[] = { OBJECTS_OF("Tag") };
static const ObjectField security_group_list_fields[] = { OBJECTS_OF("SecurityGroup") };

static const ObjectClass classes[] = {
        { "Instance", "2.7", FIELDS(instance_fields) },
        { "InstanceList", "2.6", FIELDS(instance_list_fields), .is_list = true },
        { "InstanceInfoCache", "1.5", FIELDS(instance_info_cache_fields) },
        { "InstanceFault", "1.2", FIELDS(instance_fault_fields) },
        { "InstanceFaultList", "1.2", FIELDS(instance_fault_list_fields), .is_list = true },
        { "InstanceAction", "1.2", FIELDS(instance_action_fields) },
        { "InstanceActionList", "1.1", FIELDS(instance_action_list_fields), .is_list = true },
        { "InstanceActionEvent", "1.4", FIELDS(instance_action_event_fields) },
        { "InstanceActionEventList", "1.1", FIELDS(instance_action_event_list_fields), .is_list = true },
        { "InstanceExternalEvent", "1.5", FIELDS(instance_external_event_fields) },
        { "InstanceGroup", "1.11", FIELDS(instance_group_fields) },
        { "InstanceGroupList", "1.8", FIELDS(instance_group_list_fields), .is_list = true },
        { "InstanceMapping", "1.2", FIELDS(instance_mapping_fields) },
        { "InstanceMappingList", "1.3", FIELDS(instance_mapping_list_fields), .is_list = true },
        { "BuildRequest", "1.3", FIELDS(build_request_fields) },
        { "BuildRequestList", "1.0", FIELDS(build_request_list_fields), .is_list = true },
        { "EC2Ids", "1.0", FIELDS(ec2_ids_fields) },
        { "KeyPair", "1.4", FIELDS(key_pair_fields) },
        { "KeyPairList", "1.3", FIELDS(key_pair_list_fields), .is_list = true },
        { "Tag", "1.1", FIELDS(tag_fields) },
        { "TagList", "1.1", FIELDS(tag_list_fields), .is_list = true },
        { "SecurityGroup", "1.2", FIELDS(security_group_fields) },
        { "SecurityGroupList", "1.1", FIELDS(security_group_list_fields), .is_list = true },
        { "TrustedCerts", "1.0", FIELDS(trusted_certs_fields) },
};

const ObjectTheme object_theme_instance = { classes, ELEMENTSOF(classes) };

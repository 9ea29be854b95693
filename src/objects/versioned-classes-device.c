/* Nova's classes: block devices, interfaces, and the metadata of devices. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField block_device_mapping_fields[] = {
        { "id", &object_integer },
        { "uuid", &object_uuid },
        { "instance_uuid", &object_uuid },
        { "instance", OBJECT("Instance"), NULLABLE },
        { "source_type", &enum_block_device_source_type, NULLABLE },
        { "destination_type", &enum_block_device_destination_type, NULLABLE },
        { "guest_format", &object_string, NULLABLE },
        { "device_type", &enum_block_device_type, NULLABLE },
        { "disk_bus", &object_string, NULLABLE },
        { "boot_index", &object_integer, NULLABLE },
        { "device_name", &object_string, NULLABLE },
        { "delete_on_termination", &object_boolean, .otherwise = "false" },
        { "snapshot_id", &object_string, NULLABLE },
        { "volume_id", &object_string, NULLABLE },
        { "volume_size", &object_integer, NULLABLE },
        { "image_id", &object_string, NULLABLE },
        { "no_device", &object_boolean, .otherwise = "false" },
        { "connection_info", &object_sensitive_string, NULLABLE },
        { "tag", &object_string, NULLABLE },
        { "attachment_id", &object_uuid, NULLABLE },
        { "volume_type", &object_string, NULLABLE },
        { "encrypted", &object_boolean, .otherwise = "false" },
        { "encryption_secret_uuid", &object_uuid, NULLABLE },
        { "encryption_format", &enum_block_device_encryption_format_type, NULLABLE },
        { "encryption_options", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField virtual_interface_fields[] = {
        { "id", &object_integer },
        { "address", &object_string, NULLABLE },
        { "network_id", &object_integer },
        { "instance_uuid", &object_uuid },
        { "uuid", &object_uuid },
        { "tag", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField volume_usage_fields[] = {
        { "id", &object_integer, READ_ONLY },
        { "volume_id", &object_uuid },
        { "instance_uuid", &object_uuid, NULLABLE },
        { "project_id", &object_string, NULLABLE },
        { "user_id", &object_string, NULLABLE },
        { "availability_zone", &object_string, NULLABLE },
        { "tot_last_refreshed", &object_datetime, NULLABLE | READ_ONLY },
        { "tot_reads", &object_integer, READ_ONLY },
        { "tot_read_bytes", &object_integer, READ_ONLY },
        { "tot_writes", &object_integer, READ_ONLY },
        { "tot_write_bytes", &object_integer, READ_ONLY },
        { "curr_last_refreshed", &object_datetime, NULLABLE | READ_ONLY },
        { "curr_reads", &object_integer },
        { "curr_read_bytes", &object_integer },
        { "curr_writes", &object_integer },
        { "curr_write_bytes", &object_integer },
        TIMES_AND_DELETED,
};

static const ObjectField instance_device_metadata_fields[] = {
        { "devices", LIST_OF(KIN_OF("DeviceMetadata")) },
};

static const ObjectField device_metadata_fields[] = {
        { "bus", KIN_OF("DeviceBus") },
        { "tags", &object_string_list },
};

static const ObjectField disk_metadata_fields[] = {
        { "serial", &object_string, NULLABLE },
        { "path", &object_string, NULLABLE },
        { "bus", KIN_OF("DeviceBus") },
        { "tags", &object_string_list },
};

static const ObjectField network_interface_metadata_fields[] = {
        { "mac", &object_mac_address },
        { "vlan", &object_integer },
        { "vf_trusted", &object_boolean, .otherwise = "false" },
        { "bus", KIN_OF("DeviceBus") },
        { "tags", &object_string_list },
};

static const ObjectField pci_device_bus_fields[] = {
        { "address", &object_pci_address },
};

static const ObjectField usb_device_bus_fields[] = {
        { "address", &object_usb_address },
};

static const ObjectField scsi_device_bus_fields[] = {
        { "address", &object_scsi_address },
};

static const ObjectField ide_device_bus_fields[] = {
        { "address", &object_ide_address },
};

static const ObjectField xen_device_bus_fields[] = {
        { "address", &object_xen_address },
};

static const ObjectField block_device_mapping_list_fields[] = { OBJECTS_OF("BlockDeviceMapping") };
static const ObjectField virtual_interface_list_fields[] = { OBJECTS_OF("VirtualInterface") };

static const ObjectClass classes[] = {
        { "BlockDeviceMapping", "1.21", FIELDS(block_device_mapping_fields) },
        { "BlockDeviceMappingList", "1.18", FIELDS(block_device_mapping_list_fields), .is_list = true },
        { "VirtualInterface", "1.3", FIELDS(virtual_interface_fields) },
        { "VirtualInterfaceList", "1.0", FIELDS(virtual_interface_list_fields), .is_list = true },
        { "VolumeUsage", "1.0", FIELDS(volume_usage_fields) },
        { "InstanceDeviceMetadata", "1.0", FIELDS(instance_device_metadata_fields) },
        { "DeviceMetadata", "1.0", FIELDS(device_metadata_fields) },
        { "DiskMetadata", "1.0", FIELDS(disk_metadata_fields), .parent = "DeviceMetadata" },
        { "NetworkInterfaceMetadata", "1.2", FIELDS(network_interface_metadata_fields), .parent = "DeviceMetadata" },
        { "DeviceBus", "1.0" },
        { "PCIDeviceBus", "1.0", FIELDS(pci_device_bus_fields), .parent = "DeviceBus" },
        { "USBDeviceBus", "1.0", FIELDS(usb_device_bus_fields), .parent = "DeviceBus" },
        { "SCSIDeviceBus", "1.0", FIELDS(scsi_device_bus_fields), .parent = "DeviceBus" },
        { "IDEDeviceBus", "1.0", FIELDS(ide_device_bus_fields), .parent = "DeviceBus" },
        { "XenDeviceBus", "1.0", FIELDS(xen_device_bus_fields), .parent = "DeviceBus" },
};

const ObjectTheme object_theme_device = { classes, ELEMENTSOF(classes) };

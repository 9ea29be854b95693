/* Nova's classes: migrations. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField migration_fields[] = {
        { "id", &object_integer },
        { "uuid", &object_uuid },
        { "source_compute", &object_string, NULLABLE },
        { "dest_compute", &object_string, NULLABLE },
        { "source_node", &object_string, NULLABLE },
        { "dest_node", &object_string, NULLABLE },
        { "dest_host", &object_string, NULLABLE },
        { "old_instance_type_id", &object_integer, NULLABLE },
        { "new_instance_type_id", &object_integer, NULLABLE },
        { "instance_uuid", &object_string, NULLABLE },
        { "status", &object_string, NULLABLE },
        { "migration_type", &enum_migration_type },
        { "hidden", &object_boolean, .otherwise = "false" },
        { "memory_total", &object_integer, NULLABLE },
        { "memory_processed", &object_integer, NULLABLE },
        { "memory_remaining", &object_integer, NULLABLE },
        { "disk_total", &object_integer, NULLABLE },
        { "disk_processed", &object_integer, NULLABLE },
        { "disk_remaining", &object_integer, NULLABLE },
        { "cross_cell_move", &object_boolean, .otherwise = "false" },
        { "user_id", &object_string, NULLABLE },
        { "project_id", &object_string, NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField migration_context_fields[] = {
        { "instance_uuid", &object_uuid },
        { "migration_id", &object_integer },
        { "new_numa_topology", OBJECT("InstanceNUMATopology"), NULLABLE },
        { "old_numa_topology", OBJECT("InstanceNUMATopology"), NULLABLE },
        { "new_pci_devices", OBJECT("PciDeviceList"), NULLABLE },
        { "old_pci_devices", OBJECT("PciDeviceList"), NULLABLE },
        { "new_pci_requests", OBJECT("InstancePCIRequests"), NULLABLE },
        { "old_pci_requests", OBJECT("InstancePCIRequests"), NULLABLE },
        { "new_resources", OBJECT("ResourceList"), NULLABLE },
        { "old_resources", OBJECT("ResourceList"), NULLABLE },
        TIMES_AND_DELETED,
};

static const ObjectField libvirt_live_migrate_data_fields[] = {
        { "filename", &object_string },
        { "image_type", &object_string },
        { "block_migration", &object_boolean },
        { "disk_over_commit", &object_boolean },
        { "disk_available_mb", &object_integer, NULLABLE },
        { "is_shared_instance_path", &object_boolean },
        { "is_shared_block_storage", &object_boolean },
        { "instance_relative_path", &object_string },
        { "graphics_listen_addr_vnc", &object_ip_address, NULLABLE },
        { "graphics_listen_addr_spice", &object_ip_address, NULLABLE },
        { "serial_listen_addr", &object_string, NULLABLE },
        { "serial_listen_ports", LIST_OF(&object_integer) },
        { "bdms", LIST_OF(OBJECT("LibvirtLiveMigrateBDMInfo")) },
        { "target_connect_addr", &object_string, NULLABLE },
        { "supported_perf_events", &object_string_list },
        { "src_supports_native_luks", &object_boolean },
        { "dst_wants_file_backed_memory", &object_boolean },
        { "file_backed_memory_discard", &object_boolean },
        { "src_supports_numa_live_migration", &object_boolean },
        { "dst_supports_numa_live_migration", &object_boolean },
        { "dst_numa_info", OBJECT("LibvirtLiveMigrateNUMAInfo") },
        { "is_volume_backed", &object_boolean },
        { "migration", OBJECT("Migration") },
        { "old_vol_attachment_ids", &object_strings },
        { "wait_for_vif_plugged", &object_boolean },
        { "vifs", LIST_OF(OBJECT("VIFMigrateData")) },
};

static const ObjectField libvirt_live_migrate_bdm_info_fields[] = {
        { "serial", &object_string },
        { "bus", &object_string },
        { "dev", &object_string },
        { "type", &object_string },
        { "format", &object_string, NULLABLE },
        { "boot_index", &object_integer, NULLABLE },
        { "connection_info_json", &object_string },
        { "encryption_secret_uuid", &object_uuid, NULLABLE },
};

static const ObjectField libvirt_live_migrate_numa_info_fields[] = {
        { "cpu_pins", DICT_OF(&object_integer_set) },
        { "cell_pins", DICT_OF(&object_integer_set) },
        { "emulator_pins", &object_integer_set },
        { "sched_vcpus", &object_integer_set },
        { "sched_priority", &object_integer },
};

static const ObjectField vif_migrate_data_fields[] = {
        { "port_id", &object_string },
        { "vnic_type", &object_string },
        { "vif_type", &object_string },
        { "vif_details_json", &object_string },
        { "profile_json", &object_string },
        { "host", &object_string },
        { "source_vif", &object_vif_model },
};

static const ObjectField migration_list_fields[] = { OBJECTS_OF("Migration") };

static const ObjectClass classes[] = {
        { "Migration", "1.7", FIELDS(migration_fields) },
        { "MigrationList", "1.5", FIELDS(migration_list_fields), .is_list = true },
        { "MigrationContext", "1.2", FIELDS(migration_context_fields) },
        { "LibvirtLiveMigrateData", "1.10", FIELDS(libvirt_live_migrate_data_fields) },
        { "LibvirtLiveMigrateBDMInfo", "1.1", FIELDS(libvirt_live_migrate_bdm_info_fields) },
        { "LibvirtLiveMigrateNUMAInfo", "1.0", FIELDS(libvirt_live_migrate_numa_info_fields) },
        { "VIFMigrateData", "1.0", FIELDS(vif_migrate_data_fields) },
};

const ObjectTheme object_theme_migration = { classes, ELEMENTSOF(classes) };

/* Nova's classes: diagnostics of a guest. See versioned-classes.h. */
#include "objects/versioned-classes.h"

static const ObjectField diagnostics_fields[] = {
        { "state", &enum_instance_power_state },
        { "driver", &enum_hypervisor_driver },
        { "hypervisor", &object_string, NULLABLE },
        { "hypervisor_os", &object_string, NULLABLE },
        { "uptime", &object_integer, NULLABLE },
        { "config_drive", &object_boolean },
        { "memory_details", OBJECT("MemoryDiagnostics"), .otherwise = EMPTY_OBJECT("MemoryDiagnostics", "1.0") },
        { "cpu_details", LIST_OF(OBJECT("CpuDiagnostics")), .otherwise = "[]" },
        { "nic_details", LIST_OF(OBJECT("NicDiagnostics")), .otherwise = "[]" },
        { "disk_details", LIST_OF(OBJECT("DiskDiagnostics")), .otherwise = "[]" },
        { "num_cpus", &object_integer },
        { "num_nics", &object_integer },
        { "num_disks", &object_integer },
};

static const ObjectField cpu_diagnostics_fields[] = {
        { "id", &object_integer, NULLABLE },
        { "time", &object_integer, NULLABLE },
        { "utilisation", &object_integer, NULLABLE },
};

static const ObjectField memory_diagnostics_fields[] = {
        { "maximum", &object_integer, NULLABLE },
        { "used", &object_integer, NULLABLE },
};

static const ObjectField disk_diagnostics_fields[] = {
        { "read_bytes", &object_integer, NULLABLE },
        { "read_requests", &object_integer, NULLABLE },
        { "write_bytes", &object_integer, NULLABLE },
        { "write_requests", &object_integer, NULLABLE },
        { "errors_count", &object_integer, NULLABLE },
};

static const ObjectField nic_diagnostics_fields[] = {
        { "mac_address", &object_mac_address, NULLABLE },
        { "rx_octets", &object_integer, NULLABLE },
        { "rx_errors", &object_integer, NULLABLE },
        { "rx_drop", &object_integer, NULLABLE },
        { "rx_packets", &object_integer, NULLABLE },
        { "rx_rate", &object_integer, NULLABLE },
        { "tx_octets", &object_integer, NULLABLE },
        { "tx_errors", &object_integer, NULLABLE },
        { "tx_drop", &object_integer, NULLABLE },
        { "tx_packets", &object_integer, NULLABLE },
        { "tx_rate", &object_integer, NULLABLE },
};

static const ObjectClass classes[] = {
        { "Diagnostics", "1.0", FIELDS(diagnostics_fields) },
        { "CpuDiagnostics", "1.0", FIELDS(cpu_diagnostics_fields) },
        { "MemoryDiagnostics", "1.0", FIELDS(memory_diagnostics_fields) },
        { "DiskDiagnostics", "1.0", FIELDS(disk_diagnostics_fields) },
        { "NicDiagnostics", "1.0", FIELDS(nic_diagnostics_fields) },
};

const ObjectTheme object_theme_diagnostics = { classes, ELEMENTSOF(classes) };

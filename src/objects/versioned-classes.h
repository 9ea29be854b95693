/* How the classes of Nova's objects are described: tables of fields, each with its type. For versioned*.c only; what others
 * may ask is in versioned.h. Constants, so thread-safe. */
#pragma once

#include "basic/macros.h"
#include "objects/versioned.h"

/* Each kind is a type of oslo.versionedobjects or Nova, with that one's coercion (zed 2.3). */
typedef enum ObjectKind {
        OBJECT_INTEGER,
        OBJECT_FLOAT,
        OBJECT_BOOLEAN,
        OBJECT_FLEXIBLE_BOOLEAN,
        OBJECT_STRING,
        OBJECT_SENSITIVE_STRING,
        OBJECT_UUID,
        OBJECT_DATETIME,
        OBJECT_ENUM,
        OBJECT_POWER_STATE,             /* a number or a name, told by name */
        OBJECT_IP_ADDRESS,
        OBJECT_IPV4_ADDRESS,
        OBJECT_IPV6_ADDRESS,
        OBJECT_PATTERN,                 /* addresses of devices, resource classes, version predicates */
        OBJECT_NETWORK_MODEL,           /* JSON text of a list */
        OBJECT_VIF_MODEL,               /* JSON text of an object */
        OBJECT_OBJECT,
        OBJECT_LIST,
        OBJECT_SET,
        OBJECT_DICT,
} ObjectKind;

typedef struct ObjectType ObjectType;
struct ObjectType {
        ObjectKind kind;
        bool nullable;                  /* as an element */
        bool folds;                     /* letter case of an enum does not matter */
        bool kin;                       /* classes made of class_name too */
        const ObjectType *element;
        const char *class_name;
        const char *const *choices;
        const char *const (*aliases)[2];        /* older names of choices */
        const char *pattern;            /* POSIX extended */
        const char *name;               /* of a pattern, for sentences: "a MAC address" */
        int (*change)(int);             /* of a pattern: done to each character first: tolower, toupper */
};

enum {
        NULLABLE = 1 << 0,
        READ_ONLY = 1 << 1,             /* once set */
};

typedef struct ObjectField {
        const char *name;
        const ObjectType *type;
        unsigned flags;
        const char *otherwise;          /* the default, as JSON text; NULL = none */
} ObjectField;

struct ObjectClass {
        const char *name;
        const char *version;
        const ObjectField *fields;
        size_t n_fields;
        bool is_list;                   /* one field, objects: changed when an element is */
        const char *parent;             /* the class it is made of */
};

typedef struct ObjectTheme {
        const ObjectClass *classes;
        size_t n_classes;
} ObjectTheme;

#define FIELDS(table) table, ELEMENTSOF(table)
#define OBJECT(class) &(const ObjectType) { .kind = OBJECT_OBJECT, .class_name = (class) }
#define KIN_OF(class) &(const ObjectType) { .kind = OBJECT_OBJECT, .class_name = (class), .kin = true }
#define LIST_OF(type) &(const ObjectType) { .kind = OBJECT_LIST, .element = (type) }
#define SET_OF(type) &(const ObjectType) { .kind = OBJECT_SET, .element = (type) }
#define DICT_OF(type) &(const ObjectType) { .kind = OBJECT_DICT, .element = (type) }
#define OBJECTS_OF(class) { "objects", LIST_OF(OBJECT(class)) }
#define EMPTY_OBJECT(class, version)                                                                                    \
        "{\"nova_object.name\": \"" class "\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"" version \
        "\", \"nova_object.data\": {}}"

#define TIMES                                                                                                           \
        { "created_at", &object_datetime, NULLABLE }, { "updated_at", &object_datetime, NULLABLE }
#define TIMES_AND_DELETED                                                                                               \
        TIMES, { "deleted_at", &object_datetime, NULLABLE }, { "deleted", &object_boolean, .otherwise = "false" }

extern const ObjectType object_integer, object_float, object_boolean, object_flexible_boolean, object_string, object_nullable_string,
        object_sensitive_string, object_version_predicate, object_uuid, object_datetime, object_ip_address, object_ipv4_address,
        object_ipv6_address, object_mac_address, object_pci_address, object_usb_address, object_scsi_address, object_ide_address,
        object_xen_address, object_resource_class, object_network_model, object_vif_model, object_strings,
        object_nullable_strings, object_string_list, object_string_set, object_integer_set;

extern const ObjectType enum_external_event_name, enum_external_event_status, enum_architecture, enum_hv_type,
        enum_vm_mode, enum_monitor_metric_type, enum_cpu_emulator_threads_policy,
        enum_cpu_allocation_policy, enum_cpu_thread_allocation_policy, enum_cpu_mode, enum_cpu_match,
        enum_cpu_feature_policy, enum_pci_numa_affinity_policy, enum_pci_device_type,
        enum_pci_device_status, enum_disk_bus, enum_firmware_type, enum_input_bus,
        enum_pointer_model_type, enum_block_device_type, enum_rng_model, enum_scsi_model,
        enum_video_model, enum_vif_model, enum_viommu_model, enum_watchdog_action, enum_tpm_model,
        enum_tpm_version, enum_block_device_encryption_format_type, enum_config_drive_policy,
        enum_image_signature_hash_type, enum_image_signature_key_type, enum_secure_boot, enum_os_type,
        enum_block_device_source_type, enum_block_device_destination_type, enum_migration_type,
        enum_instance_power_state, enum_hypervisor_driver;

extern const ObjectTheme object_theme_instance, object_theme_host, object_theme_topology, object_theme_request, object_theme_image,
        object_theme_device, object_theme_migration, object_theme_diagnostics;

/* The field, or NULL. */
const ObjectField *object_class_field(const ObjectClass *c, const char *name);

/* What a value is a value of, for sentences. */
typedef struct ObjectPlace {
        const ObjectClass *of;
        const ObjectField *field;
        bool newer;                     /* the object is of a newer minor version: enums may have grown */
} ObjectPlace;

/* The value as the type has it (zed 2.3): *ret is a new reference, perhaps to @value itself. ValueError with @e naming class,
 * field, value and what is allowed; or what object_parse says of nested objects. */
int object_coerce(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e);
/* The same for a field: with null and default. */
int object_coerce_field(const ObjectPlace *p, const json_t *value, json_t **ret, NovaException *e);

/* Nova's exceptions by value: what a failed method gives back, and what goes over the wire in a failure reply
 * (zed 1.4). Like sd_bus_error: filled by who fails, passed up, serialised at the edge. Not shared between threads. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"

typedef enum ExceptionClass {
        EXC_NOVA,                       /* NovaException 500 */
        EXC_INSTANCE_NOT_FOUND,         /* 404 */
        EXC_INSTANCE_EXISTS,
        EXC_INSTANCE_INVALID_STATE,
        EXC_INSTANCE_NOT_RUNNING,
        EXC_INSTANCE_NOT_READY,
        EXC_SERVICE_NOT_FOUND,
        EXC_SERVICE_BINARY_EXISTS,
        EXC_SERVICE_TOO_OLD,
        EXC_COMPUTE_HOST_NOT_FOUND,
        EXC_HOST_NOT_FOUND,
        EXC_COMPUTE_SERVICE_UNAVAILABLE,
        EXC_COMPUTE_SERVICE_IN_USE,
        EXC_COMPUTE_RESOURCES_UNAVAILABLE,
        EXC_NOT_FOUND,
        EXC_INVALID,
        EXC_INVALID_INPUT,
        EXC_INVALID_UUID,
        EXC_INVALID_CONFIGURATION,
        EXC_INVALID_CPU_INFO,
        EXC_INVALID_DISK_INFO,
        EXC_INVALID_HYPERVISOR_TYPE,
        EXC_HYPERVISOR_UNAVAILABLE,
        EXC_HYPERVISOR_TOO_OLD,
        EXC_VIRT_DRIVER_NOT_READY,
        EXC_FORBIDDEN,
        EXC_ADMIN_REQUIRED,
        EXC_CONSOLE_TYPE_UNAVAILABLE,
        EXC_CONSOLE_NOT_AVAILABLE,
        EXC_INSTANCE_NOT_RESCUABLE,
        EXC_INSTANCE_NOT_IN_RESCUE_MODE,
        EXC_INSTANCE_IS_LOCKED,
        EXC_INSTANCE_FAULT_ROLLBACK,
        EXC_INSTANCE_POWER_ON_FAILURE,
        EXC_INSTANCE_POWER_OFF_FAILURE,
        EXC_INSTANCE_REBOOT_FAILURE,
        EXC_INSTANCE_SUSPEND_FAILURE,
        EXC_INSTANCE_RESUME_FAILURE,
        EXC_INSTANCE_TERMINATION_FAILURE,
        EXC_INSTANCE_UNACCEPTABLE,
        EXC_BUILD_ABORT,
        EXC_RESCHEDULED,
        EXC_UNEXPECTED_DELETING_TASK_STATE,
        EXC_CONSOLE_TYPE_INVALID,
        EXC_IMAGE_SERIAL_PORT_NUMBER_INVALID,
        EXC_IMAGE_SERIAL_PORT_NUMBER_EXCEED_FLAVOR_VALUE,
        EXC_SOCKET_PORT_RANGE_EXHAUSTED,
        EXC_INSTANCE_PASSWORD_SET_FAILED,
        EXC_SET_ADMIN_PASSWD_NOT_SUPPORTED,
        EXC_INSTANCE_AGENT_NOT_ENABLED,
        EXC_QEMU_GUEST_AGENT_NOT_ENABLED,
        EXC_INSTANCE_QUIESCE_NOT_SUPPORTED,
        EXC_TRIGGER_CRASH_DUMP_NOT_SUPPORTED,
        EXC_PRESERVE_EPHEMERAL_NOT_SUPPORTED,
        EXC_INSTANCE_EVACUATE_NOT_SUPPORTED,
        EXC_IMAGE_NOT_FOUND,
        EXC_IMAGE_UNACCEPTABLE,
        EXC_IMAGE_NOT_ACTIVE,
        EXC_IMAGE_NOT_AUTHORIZED,
        EXC_IMAGE_QUOTA_EXCEEDED,
        EXC_IMAGE_ROTATION_NOT_ALLOWED,
        EXC_ROTATION_REQUIRED_FOR_BACKUP,
        EXC_GLANCE_CONNECTION_FAILED,
        EXC_NETWORK_NOT_FOUND,
        EXC_NETWORK_AMBIGUOUS,
        EXC_PORT_NOT_FOUND,
        EXC_PORT_IN_USE,
        EXC_PORT_NOT_USABLE,
        EXC_NO_MORE_FIXED_IPS,
        EXC_FIXED_IP_ALREADY_IN_USE,
        EXC_FIXED_IP_NOT_FOUND_FOR_INSTANCE,
        EXC_INTERFACE_ATTACH_FAILED,
        EXC_INTERFACE_ATTACH_FAILED_NO_NETWORK,
        EXC_INTERFACE_DETACH_FAILED,
        EXC_ATTACH_INTERFACE_NOT_SUPPORTED,
        EXC_INTERFACE_TAGGED_ATTACH_NOT_SUPPORTED,
        EXC_SECURITY_GROUP_CANNOT_BE_APPLIED,
        EXC_VIRTUAL_INTERFACE_CREATE,
        EXC_DEVICE_DETACH_FAILED,
        EXC_DEVICE_NOT_FOUND,
        EXC_INVALID_VOLUME,
        EXC_VOLUME_NOT_FOUND,
        EXC_VOLUME_BDM_NOT_FOUND,
        EXC_VOLUME_ATTACH_FAILED,
        EXC_CINDER_CONNECTION_FAILED,
        EXC_MIGRATION_ERROR,
        EXC_MIGRATION_PRE_CHECK_ERROR,
        EXC_MIGRATION_NOT_FOUND_BY_STATUS,
        EXC_UNABLE_TO_MIGRATE_TO_SELF,
        EXC_INVALID_SHARED_STORAGE,
        EXC_RESIZE_ERROR,
        EXC_AGGREGATE_ERROR,
        EXC_FILE_NOT_FOUND,
        EXC_COULD_NOT_FETCH_IMAGE,
        EXC_INVALID_DISK_FORMAT,
        EXC_INVALID_BDM_FORMAT,
        EXC_UNSUPPORTED_HARDWARE,
        EXC_DISK_NOT_FOUND,
        EXC_FLAVOR_NOT_FOUND,
        EXC_FLAVOR_DISK_SMALLER_THAN_IMAGE,
        EXC_FLAVOR_DISK_SMALLER_THAN_MIN_DISK,
        EXC_FLAVOR_MEMORY_TOO_SMALL,
        EXC_CONFIG_DRIVE_UNKNOWN_FORMAT,
        EXC_CONFIG_DRIVE_INVALID_VALUE,
        EXC_UEFI_NOT_SUPPORTED,
        EXC_INVALID_ARCHITECTURE_NAME,
        EXC_INVALID_WATCHDOG_ACTION,
        EXC_REQUESTED_VRAM_TOO_HIGH,
        EXC_IMAGE_VCPU_LIMITS_RANGE_EXCEEDED,
        EXC_IMAGE_VCPU_TOPOLOGY_RANGE_EXCEEDED,
        EXC_IMAGE_VCPU_LIMITS_RANGE_IMPOSSIBLE,
        EXC_MEMORY_PAGE_SIZE_INVALID,
        EXC_MEMORY_PAGE_SIZE_FORBIDDEN,
        EXC_MEMORY_PAGE_SIZE_NOT_SUPPORTED,
        EXC_OBJECT_ACTION_ERROR,
        EXC_UNEXPECTED_TASK_STATE,
        EXC_NETWORK_DUPLICATED,
        EXC_FIXED_IP_INVALID,
        EXC_FIXED_IP_NOT_FOUND_FOR_NETWORK,
        EXC_FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE,
        EXC_VIRTUAL_INTERFACE_MAC_ADDRESS,
        EXC_VIRTUAL_INTERFACE_PLUG,
        EXC_VIRTUAL_INTERFACE_UNPLUG,
        EXC_INTERNAL_ERROR,
        EXC_CLASS_NOT_FOUND,            /* Essex: a class named in configuration */
        EXC_DB_ERROR,
        EXC_NOT_IMPLEMENTED,            /* builtins.NotImplementedError */
        EXC_TYPE_ERROR,                 /* builtins.TypeError: arguments */
        EXC_VALUE_ERROR,
        EXC_KEY_ERROR,
        EXC_RUNTIME_ERROR,
        EXC_ATTRIBUTE_ERROR,            /* Essex peers: unknown method */
        EXC_INCOMPATIBLE_OBJECT_VERSION,        /* oslo_versionedobjects.exception */
        EXC_UNSUPPORTED_OBJECT,
        EXC_READ_ONLY_FIELD,
        EXC_UNSUPPORTED_VERSION,        /* oslo_messaging.rpc.dispatcher */
        EXC_NO_SUCH_METHOD,
        EXC_MESSAGING_TIMEOUT,          /* oslo_messaging.exceptions */
        EXC_REMOTE_ERROR,               /* a failure reply of a peer: class_name and module are the peer's */
        EXC_INVALID_NUMA_NODES_NUMBER,
        EXC_IMAGE_NUMA_TOPOLOGY_INCOMPLETE,
        EXC_IMAGE_NUMA_TOPOLOGY_FORBIDDEN,
        EXC_IMAGE_NUMA_TOPOLOGY_ASYMMETRIC,
        EXC_IMAGE_NUMA_TOPOLOGY_CPU_OUT_OF_RANGE,
        EXC_IMAGE_NUMA_TOPOLOGY_CPU_DUPLICATES,
        EXC_IMAGE_NUMA_TOPOLOGY_CPUS_UNASSIGNED,
        EXC_IMAGE_NUMA_TOPOLOGY_MEMORY_OUT_OF_RANGE,
        EXC_IMAGE_CPU_PINNING_FORBIDDEN,
        EXC_IMAGE_CPU_THREAD_POLICY_FORBIDDEN,
        EXC_CPU_THREAD_POLICY_CONFIGURATION_INVALID,
        EXC_INVALID_EMULATOR_THREADS_POLICY,
        EXC_INVALID_CPU_ALLOCATION_POLICY,
        EXC_INVALID_CPU_THREAD_ALLOCATION_POLICY,
        EXC_BAD_REQUIREMENT_EMULATOR_THREADS_POLICY,
        EXC_REQUIRED_MIXED_INSTANCE_POLICY,
        EXC_REQUIRED_MIXED_OR_REALTIME_CPU_MASK,
        EXC_INVALID_MIXED_INSTANCE_DEDICATED_MASK,
        EXC_INVALID_REQUEST,
        EXC_LOCK_MEMORY_FORBIDDEN,
        _EXC_MAX,
} ExceptionClass;

typedef struct NovaException {
        char *class_name;               /* "InstanceNotFound"; NULL = no exception */
        char *module;                   /* "nova.exception"; "" when a peer did not say */
        char *message;                  /* the full sentence */
        json_t *kwargs;                 /* format arguments and "code"; NULL = {} */
        int code;                       /* 404, 500 */
        int error;                      /* the negative errno that goes with it */
} NovaException;

#define NOVA_EXCEPTION_NULL (NovaException){}

void exception_done(NovaException *e);
#define _cleanup_exception_ _cleanup_(exception_done)

/* Fills @e (may be NULL) and returns the class's negative errno, so that a function may `return exception_setf(…)`.
 * An exception that is already set stays. When memory is short the class is still told, perhaps with a shorter text;
 * at worst @e stays unset and its code and error are set. */
int exception_setf(NovaException *e, ExceptionClass c, const char *format, ...) _printf_(3, 4);
/* For a failure that only has an errno: NovaException with "<what>: <strerror>". Returns @r. */
int exception_set_errno(NovaException *e, int r, const char *what);
/* Adds a format argument. Steals @value (NULL is ignored). @e may be NULL. */
void exception_kwarg(NovaException *e, const char *key, json_t *value);
static inline bool exception_is_set(const NovaException *e) {
        return e && e->class_name;
}
/* @from is empty afterwards; what @to held is freed. @to may be NULL, as everywhere: nobody wants to know. */
void exception_move(NovaException *to, NovaException *from);
/* Whether it is of this class, by the name: what a peer failed with included. */
bool exception_is(const NovaException *e, ExceptionClass c);

const char *exception_class_name(ExceptionClass c);
const char *exception_class_module(ExceptionClass c);
int exception_class_code(ExceptionClass c);

/* The failure as oslo.messaging 14 wants it, {class, module, message, tb, args, kwargs}: no path of this host in tb, args
 * is [message]. kwargs (with "code") only for nova.exception and oslo_versionedobjects.exception: other
 * classes take none. An unset exception is an unknown
 * NovaException. New reference or NULL when out of memory. */
json_t *exception_to_oslo(const NovaException *e);
/* Essex: [class name, text, [traceback lines]]. */
json_t *exception_to_essex(const NovaException *e);
/* From a failure as received: oslo's object, the string that holds its text, or Essex's array. Sets @e with the peer's
 * class (a "_Remote" suffix stripped), message and kwargs; code and error are those of our class of that name, else
 * those of EXC_REMOTE_ERROR. Parts of a wrong type count as missing. What @e held is freed. */
void exception_from_wire(NovaException *e, const json_t *failure);

/* The table of Nova's exceptions and their forms on the wire. See exception.h. */
#include "objects/exception.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/json.h"

#define NOVA "nova.exception"
#define BUILTIN "builtins"
#define DISPATCHER "oslo_messaging.rpc.dispatcher"
#define MESSAGING "oslo_messaging.exceptions"
#define DATABASE "oslo_db.exception"
#define OBJECTS "oslo_versionedobjects.exception"

#define REMOTE_SUFFIX "_Remote"
#define UNKNOWN_MESSAGE "An unknown exception occurred."

typedef struct ClassRow {
        const char *name;
        const char *module;
        int code;
        int error;
} ClassRow;

/* Names, modules and codes as in Nova 26. */
static const ClassRow classes[_EXC_MAX] = {
        [EXC_NOVA] = {"NovaException", NOVA, 500, -EIO},
        [EXC_INSTANCE_NOT_FOUND] = {"InstanceNotFound", NOVA, 404, -ENOENT},
        [EXC_INSTANCE_EXISTS] = {"InstanceExists", NOVA, 500, -EEXIST},
        [EXC_INSTANCE_INVALID_STATE] = {"InstanceInvalidState", NOVA, 400, -EBADFD},
        [EXC_INSTANCE_NOT_RUNNING] = {"InstanceNotRunning", NOVA, 400, -ESRCH},
        [EXC_INSTANCE_NOT_READY] = {"InstanceNotReady", NOVA, 400, -EAGAIN},
        [EXC_SERVICE_NOT_FOUND] = {"ServiceNotFound", NOVA, 404, -ENOENT},
        [EXC_SERVICE_BINARY_EXISTS] = {"ServiceBinaryExists", NOVA, 500, -EEXIST},
        [EXC_SERVICE_TOO_OLD] = {"ServiceTooOld", NOVA, 400, -EPROTO},
        [EXC_COMPUTE_HOST_NOT_FOUND] = {"ComputeHostNotFound", NOVA, 404, -ENOENT},
        [EXC_HOST_NOT_FOUND] = {"HostNotFound", NOVA, 404, -ENOENT},
        [EXC_COMPUTE_SERVICE_UNAVAILABLE] = {"ComputeServiceUnavailable", NOVA, 400, -EHOSTDOWN},
        [EXC_COMPUTE_SERVICE_IN_USE] = {"ComputeServiceInUse", NOVA, 500, -EBUSY},
        [EXC_COMPUTE_RESOURCES_UNAVAILABLE] = {"ComputeResourcesUnavailable", NOVA, 400, -ENOSPC},
        [EXC_NOT_FOUND] = {"NotFound", NOVA, 404, -ENOENT},
        [EXC_INVALID] = {"Invalid", NOVA, 400, -EINVAL},
        [EXC_INVALID_INPUT] = {"InvalidInput", NOVA, 400, -EINVAL},
        [EXC_INVALID_UUID] = {"InvalidUUID", NOVA, 400, -EINVAL},
        [EXC_INVALID_CONFIGURATION] = {"InvalidConfiguration", NOVA, 400, -EINVAL},
        [EXC_INVALID_CPU_INFO] = {"InvalidCPUInfo", NOVA, 400, -EINVAL},
        [EXC_INVALID_DISK_INFO] = {"InvalidDiskInfo", NOVA, 400, -EINVAL},
        [EXC_INVALID_HYPERVISOR_TYPE] = {"InvalidHypervisorType", NOVA, 400, -EINVAL},
        [EXC_HYPERVISOR_UNAVAILABLE] = {"HypervisorUnavailable", NOVA, 500, -ENOTCONN},
        [EXC_HYPERVISOR_TOO_OLD] = {"HypervisorTooOld", NOVA, 400, -EPROTO},
        [EXC_VIRT_DRIVER_NOT_READY] = {"VirtDriverNotReady", NOVA, 500, -EAGAIN},
        [EXC_FORBIDDEN] = {"Forbidden", NOVA, 403, -EACCES},
        [EXC_ADMIN_REQUIRED] = {"AdminRequired", NOVA, 403, -EPERM},
        [EXC_CONSOLE_TYPE_UNAVAILABLE] = {"ConsoleTypeUnavailable", NOVA, 400, -EOPNOTSUPP},
        [EXC_CONSOLE_NOT_AVAILABLE] = {"ConsoleNotAvailable", NOVA, 404, -ENXIO},
        [EXC_INSTANCE_NOT_RESCUABLE] = {"InstanceNotRescuable", NOVA, 400, -EINVAL},
        [EXC_INSTANCE_NOT_IN_RESCUE_MODE] = {"InstanceNotInRescueMode", NOVA, 400, -EBADFD},
        [EXC_INSTANCE_IS_LOCKED] = {"InstanceIsLocked", NOVA, 400, -EBUSY},
        [EXC_INSTANCE_FAULT_ROLLBACK] = {"InstanceFaultRollback", NOVA, 500, -EIO},
        [EXC_INSTANCE_POWER_ON_FAILURE] = {"InstancePowerOnFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_POWER_OFF_FAILURE] = {"InstancePowerOffFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_REBOOT_FAILURE] = {"InstanceRebootFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_SUSPEND_FAILURE] = {"InstanceSuspendFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_RESUME_FAILURE] = {"InstanceResumeFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_TERMINATION_FAILURE] = {"InstanceTerminationFailure", NOVA, 400, -EIO},
        [EXC_INSTANCE_UNACCEPTABLE] = {"InstanceUnacceptable", NOVA, 400, -EINVAL},
        [EXC_BUILD_ABORT] = {"BuildAbortException", NOVA, 500, -ECANCELED},
        [EXC_RESCHEDULED] = {"RescheduledException", NOVA, 500, -EAGAIN},
        [EXC_UNEXPECTED_DELETING_TASK_STATE] = {"UnexpectedDeletingTaskStateError", NOVA, 500, -EBUSY},
        [EXC_CONSOLE_TYPE_INVALID] = {"ConsoleTypeInvalid", NOVA, 400, -EINVAL},
        [EXC_IMAGE_SERIAL_PORT_NUMBER_INVALID] = {"ImageSerialPortNumberInvalid", NOVA, 400, -EINVAL},
        [EXC_IMAGE_SERIAL_PORT_NUMBER_EXCEED_FLAVOR_VALUE] = {"ImageSerialPortNumberExceedFlavorValue", NOVA, 400, -EINVAL},
        [EXC_SOCKET_PORT_RANGE_EXHAUSTED] = {"SocketPortRangeExhaustedException", NOVA, 500, -EADDRINUSE},
        [EXC_INSTANCE_PASSWORD_SET_FAILED] = {"InstancePasswordSetFailed", NOVA, 500, -EIO},
        [EXC_SET_ADMIN_PASSWD_NOT_SUPPORTED] = {"SetAdminPasswdNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_INSTANCE_AGENT_NOT_ENABLED] = {"InstanceAgentNotEnabled", NOVA, 400, -EOPNOTSUPP},
        [EXC_QEMU_GUEST_AGENT_NOT_ENABLED] = {"QemuGuestAgentNotEnabled", NOVA, 400, -EOPNOTSUPP},
        [EXC_INSTANCE_QUIESCE_NOT_SUPPORTED] = {"InstanceQuiesceNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_TRIGGER_CRASH_DUMP_NOT_SUPPORTED] = {"TriggerCrashDumpNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_PRESERVE_EPHEMERAL_NOT_SUPPORTED] = {"PreserveEphemeralNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_INSTANCE_EVACUATE_NOT_SUPPORTED] = {"InstanceEvacuateNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_IMAGE_NOT_FOUND] = {"ImageNotFound", NOVA, 404, -ENOENT},
        [EXC_IMAGE_UNACCEPTABLE] = {"ImageUnacceptable", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NOT_ACTIVE] = {"ImageNotActive", NOVA, 500, -EAGAIN},
        [EXC_IMAGE_NOT_AUTHORIZED] = {"ImageNotAuthorized", NOVA, 500, -EACCES},
        [EXC_IMAGE_QUOTA_EXCEEDED] = {"ImageQuotaExceeded", NOVA, 500, -ENOSPC},
        [EXC_IMAGE_ROTATION_NOT_ALLOWED] = {"ImageRotationNotAllowed", NOVA, 500, -EINVAL},
        [EXC_ROTATION_REQUIRED_FOR_BACKUP] = {"RotationRequiredForBackup", NOVA, 500, -EINVAL},
        [EXC_GLANCE_CONNECTION_FAILED] = {"GlanceConnectionFailed", NOVA, 500, -EHOSTUNREACH},
        [EXC_NETWORK_NOT_FOUND] = {"NetworkNotFound", NOVA, 404, -ENOENT},
        [EXC_NETWORK_AMBIGUOUS] = {"NetworkAmbiguous", NOVA, 400, -EINVAL},
        [EXC_PORT_NOT_FOUND] = {"PortNotFound", NOVA, 404, -ENOENT},
        [EXC_PORT_IN_USE] = {"PortInUse", NOVA, 400, -EBUSY},
        [EXC_PORT_NOT_USABLE] = {"PortNotUsable", NOVA, 400, -EACCES},
        [EXC_NO_MORE_FIXED_IPS] = {"NoMoreFixedIps", NOVA, 500, -EADDRNOTAVAIL},
        [EXC_FIXED_IP_ALREADY_IN_USE] = {"FixedIpAlreadyInUse", NOVA, 500, -EADDRINUSE},
        [EXC_FIXED_IP_NOT_FOUND_FOR_INSTANCE] = {"FixedIpNotFoundForInstance", NOVA, 404, -ENOENT},
        [EXC_INTERFACE_ATTACH_FAILED] = {"InterfaceAttachFailed", NOVA, 500, -EIO},
        [EXC_INTERFACE_ATTACH_FAILED_NO_NETWORK] = {"InterfaceAttachFailedNoNetwork", NOVA, 400, -EINVAL},
        [EXC_INTERFACE_DETACH_FAILED] = {"InterfaceDetachFailed", NOVA, 400, -EIO},
        [EXC_ATTACH_INTERFACE_NOT_SUPPORTED] = {"AttachInterfaceNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_INTERFACE_TAGGED_ATTACH_NOT_SUPPORTED] = {"NetworkInterfaceTaggedAttachNotSupported", NOVA, 400, -EOPNOTSUPP},
        [EXC_SECURITY_GROUP_CANNOT_BE_APPLIED] = {"SecurityGroupCannotBeApplied", NOVA, 400, -EINVAL},
        [EXC_VIRTUAL_INTERFACE_CREATE] = {"VirtualInterfaceCreateException", NOVA, 500, -EIO},
        [EXC_DEVICE_DETACH_FAILED] = {"DeviceDetachFailed", NOVA, 500, -EIO},
        [EXC_DEVICE_NOT_FOUND] = {"DeviceNotFound", NOVA, 404, -ENODEV},
        [EXC_INVALID_VOLUME] = {"InvalidVolume", NOVA, 400, -EINVAL},
        [EXC_VOLUME_NOT_FOUND] = {"VolumeNotFound", NOVA, 404, -ENOENT},
        [EXC_VOLUME_BDM_NOT_FOUND] = {"VolumeBDMNotFound", NOVA, 404, -ENOENT},
        [EXC_VOLUME_ATTACH_FAILED] = {"VolumeAttachFailed", NOVA, 400, -EIO},
        [EXC_CINDER_CONNECTION_FAILED] = {"CinderConnectionFailed", NOVA, 500, -EHOSTUNREACH},
        [EXC_MIGRATION_ERROR] = {"MigrationError", NOVA, 500, -EIO},
        [EXC_MIGRATION_PRE_CHECK_ERROR] = {"MigrationPreCheckError", NOVA, 500, -EOPNOTSUPP},
        [EXC_MIGRATION_NOT_FOUND_BY_STATUS] = {"MigrationNotFoundByStatus", NOVA, 404, -ENOENT},
        [EXC_UNABLE_TO_MIGRATE_TO_SELF] = {"UnableToMigrateToSelf", NOVA, 400, -EINVAL},
        [EXC_INVALID_SHARED_STORAGE] = {"InvalidSharedStorage", NOVA, 500, -EINVAL},
        [EXC_RESIZE_ERROR] = {"ResizeError", NOVA, 500, -EIO},
        [EXC_AGGREGATE_ERROR] = {"AggregateError", NOVA, 500, -EINVAL},
        [EXC_FILE_NOT_FOUND] = {"FileNotFound", NOVA, 404, -ENOENT},
        [EXC_COULD_NOT_FETCH_IMAGE] = {"CouldNotFetchImage", NOVA, 500, -EIO},
        [EXC_INVALID_DISK_FORMAT] = {"InvalidDiskFormat", NOVA, 400, -EINVAL},
        [EXC_INVALID_BDM_FORMAT] = {"InvalidBDMFormat", NOVA, 400, -EINVAL},
        [EXC_UNSUPPORTED_HARDWARE] = {"UnsupportedHardware", NOVA, 400, -EOPNOTSUPP},
        [EXC_DISK_NOT_FOUND] = {"DiskNotFound", NOVA, 404, -ENOENT},
        [EXC_FLAVOR_NOT_FOUND] = {"FlavorNotFound", NOVA, 404, -ENOENT},
        [EXC_FLAVOR_DISK_SMALLER_THAN_IMAGE] = {"FlavorDiskSmallerThanImage", NOVA, 500, -EFBIG},
        [EXC_FLAVOR_DISK_SMALLER_THAN_MIN_DISK] = {"FlavorDiskSmallerThanMinDisk", NOVA, 500, -EFBIG},
        [EXC_FLAVOR_MEMORY_TOO_SMALL] = {"FlavorMemoryTooSmall", NOVA, 500, -EINVAL},
        [EXC_CONFIG_DRIVE_UNKNOWN_FORMAT] = {"ConfigDriveUnknownFormat", NOVA, 500, -EINVAL},
        [EXC_CONFIG_DRIVE_INVALID_VALUE] = {"ConfigDriveInvalidValue", NOVA, 400, -EINVAL},
        [EXC_UEFI_NOT_SUPPORTED] = {"UEFINotSupported", NOVA, 409, -EOPNOTSUPP},
        [EXC_INVALID_ARCHITECTURE_NAME] = {"InvalidArchitectureName", NOVA, 400, -EINVAL},
        [EXC_INVALID_WATCHDOG_ACTION] = {"InvalidWatchdogAction", NOVA, 400, -EINVAL},
        [EXC_REQUESTED_VRAM_TOO_HIGH] = {"RequestedVRamTooHigh", NOVA, 500, -EINVAL},
        [EXC_IMAGE_VCPU_LIMITS_RANGE_EXCEEDED] = {"ImageVCPULimitsRangeExceeded", NOVA, 400, -EINVAL},
        [EXC_IMAGE_VCPU_TOPOLOGY_RANGE_EXCEEDED] = {"ImageVCPUTopologyRangeExceeded", NOVA, 400, -EINVAL},
        [EXC_IMAGE_VCPU_LIMITS_RANGE_IMPOSSIBLE] = {"ImageVCPULimitsRangeImpossible", NOVA, 400, -EINVAL},
        [EXC_MEMORY_PAGE_SIZE_INVALID] = {"MemoryPageSizeInvalid", NOVA, 400, -EINVAL},
        [EXC_MEMORY_PAGE_SIZE_FORBIDDEN] = {"MemoryPageSizeForbidden", NOVA, 400, -EINVAL},
        [EXC_MEMORY_PAGE_SIZE_NOT_SUPPORTED] = {"MemoryPageSizeNotSupported", NOVA, 400, -EINVAL},
        [EXC_OBJECT_ACTION_ERROR] = {"ObjectActionError", NOVA, 500, -EIO},
        [EXC_UNEXPECTED_TASK_STATE] = {"UnexpectedTaskStateError", NOVA, 500, -EBUSY},
        [EXC_NETWORK_DUPLICATED] = {"NetworkDuplicated", NOVA, 400, -EINVAL},
        [EXC_FIXED_IP_INVALID] = {"FixedIpInvalid", NOVA, 400, -EINVAL},
        [EXC_FIXED_IP_NOT_FOUND_FOR_NETWORK] = {"FixedIpNotFoundForNetwork", NOVA, 404, -ENOENT},
        [EXC_FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE] = {"FixedIpNotFoundForSpecificInstance", NOVA, 404, -ENOENT},
        [EXC_VIRTUAL_INTERFACE_MAC_ADDRESS] = {"VirtualInterfaceMacAddressException", NOVA, 500, -EADDRINUSE},
        [EXC_VIRTUAL_INTERFACE_PLUG] = {"VirtualInterfacePlugException", NOVA, 500, -EIO},
        [EXC_VIRTUAL_INTERFACE_UNPLUG] = {"VirtualInterfaceUnplugException", NOVA, 500, -EIO},
        [EXC_INTERNAL_ERROR] = {"InternalError", NOVA, 500, -EIO},
        [EXC_CLASS_NOT_FOUND] = {"ClassNotFound", NOVA, 404, -ENOENT},
        [EXC_DB_ERROR] = {"DBError", DATABASE, 500, -EIO},
        [EXC_NOT_IMPLEMENTED] = {"NotImplementedError", BUILTIN, 501, -EOPNOTSUPP},
        [EXC_TYPE_ERROR] = {"TypeError", BUILTIN, 400, -EINVAL},
        [EXC_VALUE_ERROR] = {"ValueError", BUILTIN, 400, -EINVAL},
        [EXC_KEY_ERROR] = {"KeyError", BUILTIN, 400, -EINVAL},
        [EXC_RUNTIME_ERROR] = {"RuntimeError", BUILTIN, 500, -EIO},
        [EXC_ATTRIBUTE_ERROR] = {"AttributeError", BUILTIN, 400, -ENOSYS},
        [EXC_INCOMPATIBLE_OBJECT_VERSION] = {"IncompatibleObjectVersion", OBJECTS, 500, -EPROTO},
        [EXC_UNSUPPORTED_OBJECT] = {"UnsupportedObjectError", OBJECTS, 500, -EPROTO},
        [EXC_READ_ONLY_FIELD] = {"ReadOnlyFieldError", OBJECTS, 500, -EPERM},
        [EXC_UNSUPPORTED_VERSION] = {"UnsupportedVersion", DISPATCHER, 400, -EPROTONOSUPPORT},
        [EXC_NO_SUCH_METHOD] = {"NoSuchMethod", DISPATCHER, 400, -ENOSYS},
        [EXC_MESSAGING_TIMEOUT] = {"MessagingTimeout", MESSAGING, 504, -ETIMEDOUT},
        [EXC_REMOTE_ERROR] = {"RemoteError", "oslo_messaging.rpc.client", 500, -EREMOTEIO},
        [EXC_INVALID_NUMA_NODES_NUMBER] = {"InvalidNUMANodesNumber", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_INCOMPLETE] = {"ImageNUMATopologyIncomplete", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_FORBIDDEN] = {"ImageNUMATopologyForbidden", NOVA, 403, -EACCES},
        [EXC_IMAGE_NUMA_TOPOLOGY_ASYMMETRIC] = {"ImageNUMATopologyAsymmetric", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_CPU_OUT_OF_RANGE] = {"ImageNUMATopologyCPUOutOfRange", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_CPU_DUPLICATES] = {"ImageNUMATopologyCPUDuplicates", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_CPUS_UNASSIGNED] = {"ImageNUMATopologyCPUsUnassigned", NOVA, 400, -EINVAL},
        [EXC_IMAGE_NUMA_TOPOLOGY_MEMORY_OUT_OF_RANGE] = {"ImageNUMATopologyMemoryOutOfRange", NOVA, 400, -EINVAL},
        [EXC_IMAGE_CPU_PINNING_FORBIDDEN] = {"ImageCPUPinningForbidden", NOVA, 403, -EACCES},
        [EXC_IMAGE_CPU_THREAD_POLICY_FORBIDDEN] = {"ImageCPUThreadPolicyForbidden", NOVA, 403, -EACCES},
        [EXC_CPU_THREAD_POLICY_CONFIGURATION_INVALID] = {"CPUThreadPolicyConfigurationInvalid", NOVA, 400, -EINVAL},
        [EXC_INVALID_EMULATOR_THREADS_POLICY] = {"InvalidEmulatorThreadsPolicy", NOVA, 400, -EINVAL},
        [EXC_INVALID_CPU_ALLOCATION_POLICY] = {"InvalidCPUAllocationPolicy", NOVA, 400, -EINVAL},
        [EXC_INVALID_CPU_THREAD_ALLOCATION_POLICY] = {"InvalidCPUThreadAllocationPolicy", NOVA, 400, -EINVAL},
        [EXC_BAD_REQUIREMENT_EMULATOR_THREADS_POLICY] = {"BadRequirementEmulatorThreadsPolicy", NOVA, 400, -EINVAL},
        [EXC_REQUIRED_MIXED_INSTANCE_POLICY] = {"RequiredMixedInstancePolicy", NOVA, 400, -EINVAL},
        [EXC_REQUIRED_MIXED_OR_REALTIME_CPU_MASK] = {"RequiredMixedOrRealtimeCPUMask", NOVA, 400, -EINVAL},
        [EXC_INVALID_MIXED_INSTANCE_DEDICATED_MASK] = {"InvalidMixedInstanceDedicatedMask", NOVA, 400, -EINVAL},
        [EXC_INVALID_REQUEST] = {"InvalidRequest", NOVA, 400, -EINVAL},
        [EXC_LOCK_MEMORY_FORBIDDEN] = {"LockMemoryForbidden", NOVA, 403, -EACCES},
};

static const ClassRow *row_of(ExceptionClass c) {
        assert(c >= 0 && c < _EXC_MAX);
        return &classes[c];
}

const char *exception_class_name(ExceptionClass c) {
        return row_of(c)->name;
}

const char *exception_class_module(ExceptionClass c) {
        return row_of(c)->module;
}

int exception_class_code(ExceptionClass c) {
        return row_of(c)->code;
}

static const ClassRow *row_by_name(const char *name) {
        for (size_t i = 0; i < _EXC_MAX; i++)
                if (streq(classes[i].name, name))
                        return &classes[i];
        return NULL;
}

void exception_done(NovaException *e) {
        if (!e)
                return;
        free(e->class_name);
        free(e->module);
        free(e->message);
        json_decref(e->kwargs);
        *e = NOVA_EXCEPTION_NULL;
}

void exception_move(NovaException *to, NovaException *from) {
        assert(from && to != from);
        if (!to) {
                exception_done(from);
                return;
        }
        exception_done(to);
        *to = *from;
        *from = NOVA_EXCEPTION_NULL;
}

bool exception_is(const NovaException *e, ExceptionClass c) {
        return exception_is_set(e) && streq(e->class_name, row_of(c)->name);
}

int exception_setf(NovaException *e, ExceptionClass c, const char *format, ...) {
        const ClassRow *row = row_of(c);
        va_list args;

        if (!e || e->class_name)
                return row->error;

        exception_done(e);
        e->code = row->code;
        e->error = row->error;
        va_start(args, format);
        if (vasprintf(&e->message, format, args) < 0)
                e->message = NULL;
        va_end(args);
        e->module = strdup(row->module);
        e->class_name = strdup(row->name);
        return row->error;
}

int exception_set_errno(NovaException *e, int r, const char *what) {
        assert(r < 0);
        if (!exception_is_set(e)) {
                (void) exception_setf(e, EXC_NOVA, "%s: %s", what, strerrordesc_np(-r) ?: "unknown error");
                if (e)
                        e->error = r;
        }
        return r;
}

void exception_kwarg(NovaException *e, const char *key, json_t *value) {
        if (e && value && !e->kwargs)
                e->kwargs = json_object();
        if (e && value && e->kwargs)
                (void) json_object_set_new(e->kwargs, key, value);
        else
                json_decref(value);
}

/* The traceback a peer may print: it has to be there, and nobody needs our source lines. */
static json_t *traceback(const char *module, const char *name, const char *message) {
        return json_pack("[s, o]", "Traceback (most recent call last):\n",
                         isempty(module) ? json_sprintf("%s: %s\n", name, message)
                                         : json_sprintf("%s.%s: %s\n", module, name, message));
}

/* A text of ours as JSON, also when it is not UTF-8 (a file name, a word of a library's). */
static json_t *text(const char *s) {
        _cleanup_free_ char *clean = NULL;
        json_t *t = json_string(s);

        if (t || !(clean = strdup(s)))
                return t;
        for (char *p = clean; *p; p++)
                if ((unsigned char) *p >= 0x80)
                        *p = '?';
        return json_string(clean);
}

static bool takes_kwargs(const char *module) {
        return streq(module, NOVA) || streq(module, OBJECTS);
}

json_t *exception_to_oslo(const NovaException *e) {
        bool set = exception_is_set(e);
        const char *name = set ? e->class_name : row_of(EXC_NOVA)->name;
        const char *module = set ? strempty(e->module) : NOVA;
        json_auto_t *message = text(set && e->message ? e->message : UNKNOWN_MESSAGE);
        json_auto_t *kwargs = NULL;

        if (!message)
                return NULL;
        kwargs = set && e->kwargs && takes_kwargs(module) ? json_copy(e->kwargs) : json_object();
        if (!kwargs)
                return NULL;
        if (takes_kwargs(module) && !json_object_get(kwargs, "code") &&
            json_object_set_new(kwargs, "code", json_integer(set && e->code > 0 ? e->code : 500)) < 0)
                return NULL;

        return json_pack("{s:s, s:s, s:O, s:o, s:[O], s:O}", "class", name, "module", module, "message", message, "tb",
                         traceback(module, name, json_string_value(message)), "args", message, "kwargs", kwargs);
}

json_t *exception_to_essex(const NovaException *e) {
        bool set = exception_is_set(e);
        const char *name = set ? e->class_name : row_of(EXC_NOVA)->name;
        json_auto_t *message = text(set && e->message ? e->message : UNKNOWN_MESSAGE);

        if (!message)
                return NULL;
        return json_pack("[s, O, o]", name, message, traceback(NULL, name, json_string_value(message)));
}

/* The name without the suffix that oslo gives to classes it made for a remote exception. A new string. */
static char *strip_suffix(const char *name) {
        size_t n = strlen(name), m = strlen(REMOTE_SUFFIX);

        /* A failure that was passed on may have it more than once. */
        while (n > m && strncmp(name + n - m, REMOTE_SUFFIX, m) == 0)
                n -= m;
        return strndup(name, n);
}

void exception_from_wire(NovaException *e, const json_t *failure) {
        const char *name = NULL, *module = NULL, *message = NULL;
        json_auto_t *parsed = NULL;
        json_t *kwargs = NULL;
        const ClassRow *row;
        int64_t code;

        assert(e);

        if (json_is_string(failure) &&
            json_parse(json_string_value(failure), json_string_length(failure), &parsed, NULL, 0) >= 0)
                failure = parsed;

        if (json_is_object(failure)) {
                name = json_member_string(failure, "class");
                module = json_member_string(failure, "module");
                message = json_member_string(failure, "message");
                if (!message)
                        message = json_string_value(json_array_get(json_object_get(failure, "args"), 0));
                kwargs = json_object_get(failure, "kwargs");
        } else if (json_is_array(failure)) {
                name = json_string_value(json_array_get(failure, 0));
                message = json_string_value(json_array_get(failure, 1));
        } else if (json_is_string(failure))
                message = json_string_value(failure);

        exception_done(e);
        e->class_name = isempty(name) ? NULL : strip_suffix(name);
        row = e->class_name ? row_by_name(e->class_name) : NULL;
        if (!e->class_name) {
                e->class_name = strdup(row_of(EXC_REMOTE_ERROR)->name);
                module = module ?: row_of(EXC_REMOTE_ERROR)->module;
        } else if (!module && row)      /* Essex names no module */
                module = row->module;
        if (!row)
                row = row_of(EXC_REMOTE_ERROR);

        e->module = module ? strip_suffix(module) : strdup("");
        e->message = strdup(message ?: UNKNOWN_MESSAGE);
        if (json_is_object(kwargs) && json_object_size(kwargs) > 0)
                e->kwargs = json_deep_copy(kwargs);
        e->error = row->error;
        code = json_member_integer(kwargs, "code", row->code);
        e->code = code < 100 || code > 599 ? row->code : (int) code;
}

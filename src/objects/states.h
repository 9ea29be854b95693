/* Nova's states as enums: strings only at the edge (bus, AMQP, database). Zed's values (zed 5.1, appendix C).
 * Functions are thread-safe; their texts are constants. */
#pragma once

typedef enum PowerState {
        POWER_NOSTATE = 0,
        POWER_RUNNING = 1,
        POWER_PAUSED = 3,
        POWER_SHUTDOWN = 4,
        POWER_CRASHED = 6,
        POWER_SUSPENDED = 7,
        /* Essex only, read from old rows and messages */
        POWER_BLOCKED = 2,
        POWER_SHUTOFF = 5,
        POWER_FAILED = 8,
        POWER_BUILDING = 9,
} PowerState;

const char *power_state_to_string(PowerState s);                /* "running"; "unknown" beyond */

typedef enum VmState {
        VM_ACTIVE,
        VM_BUILDING,
        VM_PAUSED,
        VM_SUSPENDED,
        VM_STOPPED,
        VM_RESCUED,
        VM_RESIZED,
        VM_SOFT_DELETED,
        VM_DELETED,
        VM_ERROR,
        VM_SHELVED,
        VM_SHELVED_OFFLOADED,
        _VM_STATE_MAX,
        _VM_STATE_INVALID = -1,
} VmState;

const char *vm_state_to_string(VmState s);                      /* "soft-delete"; NULL beyond */
/* Also Essex's shutoff (= stopped) and rebuilding, migrating, resizing (= active, with a task). NULL and others:
 * _VM_STATE_INVALID. */
VmState vm_state_from_string(const char *s);

typedef enum TaskState {
        TASK_NONE,                      /* null */
        TASK_SCHEDULING,
        TASK_BLOCK_DEVICE_MAPPING,
        TASK_NETWORKING,
        TASK_SPAWNING,
        TASK_IMAGE_SNAPSHOT,
        TASK_IMAGE_SNAPSHOT_PENDING,
        TASK_IMAGE_PENDING_UPLOAD,
        TASK_IMAGE_UPLOADING,
        TASK_IMAGE_BACKUP,
        TASK_UPDATING_PASSWORD,
        TASK_RESIZE_PREP,
        TASK_RESIZE_MIGRATING,
        TASK_RESIZE_MIGRATED,
        TASK_RESIZE_FINISH,
        TASK_RESIZE_REVERTING,
        TASK_RESIZE_CONFIRMING,
        TASK_REBOOTING,
        TASK_REBOOT_PENDING,
        TASK_REBOOT_STARTED,
        TASK_REBOOTING_HARD,
        TASK_REBOOT_PENDING_HARD,
        TASK_REBOOT_STARTED_HARD,
        TASK_PAUSING,
        TASK_UNPAUSING,
        TASK_SUSPENDING,
        TASK_RESUMING,
        TASK_POWERING_OFF,
        TASK_POWERING_ON,
        TASK_RESCUING,
        TASK_UNRESCUING,
        TASK_REBUILDING,
        TASK_REBUILD_BLOCK_DEVICE_MAPPING,
        TASK_REBUILD_SPAWNING,
        TASK_MIGRATING,
        TASK_DELETING,
        TASK_SOFT_DELETING,
        TASK_RESTORING,
        TASK_SHELVING,
        TASK_SHELVING_IMAGE_PENDING_UPLOAD,
        TASK_SHELVING_IMAGE_UPLOADING,
        TASK_SHELVING_OFFLOADING,
        TASK_UNSHELVING,
        _TASK_STATE_MAX,
        _TASK_STATE_INVALID = -1,
} TaskState;

const char *task_state_to_string(TaskState s);                  /* NULL for TASK_NONE */
/* NULL and "" are TASK_NONE; also Essex's stopping (= powering-off), starting (= powering-on) and resize_verify (= none).
 * Others: _TASK_STATE_INVALID. */
TaskState task_state_from_string(const char *s);

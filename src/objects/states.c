/* States and their names: one table each, plus what only Essex called them. */
#include "objects/states.h"

#include "basic/macros.h"

static const char *const power_state_names[] = {
        [POWER_NOSTATE] = "pending",
        [POWER_RUNNING] = "running",
        [POWER_BLOCKED] = "blocked",
        [POWER_PAUSED] = "paused",
        [POWER_SHUTDOWN] = "shutdown",
        [POWER_SHUTOFF] = "shutdown",
        [POWER_CRASHED] = "crashed",
        [POWER_SUSPENDED] = "suspended",
        [POWER_FAILED] = "failed to spawn",
        [POWER_BUILDING] = "building",
};

const char *power_state_to_string(PowerState s) {
        if ((unsigned) s >= ELEMENTSOF(power_state_names))
                return "unknown";
        return power_state_names[s];
}

static const char *const vm_state_names[_VM_STATE_MAX] = {
        [VM_ACTIVE] = "active",
        [VM_BUILDING] = "building",
        [VM_PAUSED] = "paused",
        [VM_SUSPENDED] = "suspended",
        [VM_STOPPED] = "stopped",
        [VM_RESCUED] = "rescued",
        [VM_RESIZED] = "resized",
        [VM_SOFT_DELETED] = "soft-delete",
        [VM_DELETED] = "deleted",
        [VM_ERROR] = "error",
        [VM_SHELVED] = "shelved",
        [VM_SHELVED_OFFLOADED] = "shelved_offloaded",
};

static const char *const task_state_names[_TASK_STATE_MAX] = {
        [TASK_NONE] = NULL,
        [TASK_SCHEDULING] = "scheduling",
        [TASK_BLOCK_DEVICE_MAPPING] = "block_device_mapping",
        [TASK_NETWORKING] = "networking",
        [TASK_SPAWNING] = "spawning",
        [TASK_IMAGE_SNAPSHOT] = "image_snapshot",
        [TASK_IMAGE_SNAPSHOT_PENDING] = "image_snapshot_pending",
        [TASK_IMAGE_PENDING_UPLOAD] = "image_pending_upload",
        [TASK_IMAGE_UPLOADING] = "image_uploading",
        [TASK_IMAGE_BACKUP] = "image_backup",
        [TASK_UPDATING_PASSWORD] = "updating_password",
        [TASK_RESIZE_PREP] = "resize_prep",
        [TASK_RESIZE_MIGRATING] = "resize_migrating",
        [TASK_RESIZE_MIGRATED] = "resize_migrated",
        [TASK_RESIZE_FINISH] = "resize_finish",
        [TASK_RESIZE_REVERTING] = "resize_reverting",
        [TASK_RESIZE_CONFIRMING] = "resize_confirming",
        [TASK_REBOOTING] = "rebooting",
        [TASK_REBOOT_PENDING] = "reboot_pending",
        [TASK_REBOOT_STARTED] = "reboot_started",
        [TASK_REBOOTING_HARD] = "rebooting_hard",
        [TASK_REBOOT_PENDING_HARD] = "reboot_pending_hard",
        [TASK_REBOOT_STARTED_HARD] = "reboot_started_hard",
        [TASK_PAUSING] = "pausing",
        [TASK_UNPAUSING] = "unpausing",
        [TASK_SUSPENDING] = "suspending",
        [TASK_RESUMING] = "resuming",
        [TASK_POWERING_OFF] = "powering-off",
        [TASK_POWERING_ON] = "powering-on",
        [TASK_RESCUING] = "rescuing",
        [TASK_UNRESCUING] = "unrescuing",
        [TASK_REBUILDING] = "rebuilding",
        [TASK_REBUILD_BLOCK_DEVICE_MAPPING] = "rebuild_block_device_mapping",
        [TASK_REBUILD_SPAWNING] = "rebuild_spawning",
        [TASK_MIGRATING] = "migrating",
        [TASK_DELETING] = "deleting",
        [TASK_SOFT_DELETING] = "soft-deleting",
        [TASK_RESTORING] = "restoring",
        [TASK_SHELVING] = "shelving",
        [TASK_SHELVING_IMAGE_PENDING_UPLOAD] = "shelving_image_pending_upload",
        [TASK_SHELVING_IMAGE_UPLOADING] = "shelving_image_uploading",
        [TASK_SHELVING_OFFLOADING] = "shelving_offloading",
        [TASK_UNSHELVING] = "unshelving",
};

/* What only Essex said. Its shutoff and stopped were both "not running, to be started"; rebuilding, migrating and
 * resizing were vm_states of a guest that was being worked on, which today is active with a task_state. */
typedef struct FormerName {
        const char *name;
        int state;
} FormerName;

static const FormerName former_vm_states[] = {
        { "shutoff", VM_STOPPED },
        { "rebuilding", VM_ACTIVE },
        { "migrating", VM_ACTIVE },
        { "resizing", VM_ACTIVE },
};

static const FormerName former_task_states[] = {
        { "stopping", TASK_POWERING_OFF },
        { "starting", TASK_POWERING_ON },
        { "resize_verify", TASK_NONE },         /* waiting for the user's confirmation: vm_state resized, no task */
};

static int state_from_string(const char *const *names, size_t n_names, const FormerName *former, size_t n_former, const char *s) {
        for (size_t i = 0; i < n_names; i++)
                if (names[i] && streq(names[i], s))
                        return (int) i;
        for (size_t i = 0; i < n_former; i++)
                if (streq(former[i].name, s))
                        return former[i].state;
        return -1;
}

const char *vm_state_to_string(VmState s) {
        return (unsigned) s < _VM_STATE_MAX ? vm_state_names[s] : NULL;
}

VmState vm_state_from_string(const char *s) {
        if (!s)
                return _VM_STATE_INVALID;
        return state_from_string(vm_state_names, _VM_STATE_MAX, former_vm_states, ELEMENTSOF(former_vm_states), s);
}

const char *task_state_to_string(TaskState s) {
        return (unsigned) s < _TASK_STATE_MAX ? task_state_names[s] : NULL;
}

TaskState task_state_from_string(const char *s) {
        if (isempty(s))
                return TASK_NONE;
        return state_from_string(task_state_names, _TASK_STATE_MAX, former_task_states, ELEMENTSOF(former_task_states), s);
}

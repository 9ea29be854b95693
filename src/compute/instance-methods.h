/* The methods about one instance, by theme: the rows that methods.c puts into its table. See instance-call.h for what is in
 * them. */
#pragma once

#include "compute/instance-call.h"

/* Lists of states, ended as they must be. */
#define VMS(...) ((const VmState[]) { __VA_ARGS__, _VM_STATE_INVALID })
#define TASKS(...) ((const TaskState[]) { __VA_ARGS__, _TASK_STATE_INVALID })

/* ---- build.c ---- */
extern const InstanceMethod method_build;
/* Method.accepted of it: the row is there as soon as the request is safe. */
void compute_build_accepted(Operation *o);

/* ---- power.c ---- */
extern const InstanceMethod method_stop, method_start, method_reboot, method_pause, method_unpause, method_suspend,
        method_resume;

/* ---- soft-delete.c ---- */
extern const InstanceMethod method_soft_delete, method_restore, method_lock, method_unlock, method_get_lock;

/* ---- terminate.c ---- */
extern const InstanceMethod method_terminate;

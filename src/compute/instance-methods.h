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

/* ---- console.c, diagnostics.c ---- */
extern const InstanceMethod method_console_output, method_vnc_console, method_spice_console, method_serial_console,
        method_no_such_console, method_validate_console_port, method_diagnostics, method_instance_diagnostics;

/* Method.run of _follow_console(instance, lines, position, inotify): what an instance wrote since a position that an earlier answer gave,
 * or @lines of the end of it: {data: base64, position, more: bool, watch}. watch is of the inotify descriptor given, that the file is
 * looked at with until it changes once; -1 = it is not. */
int compute_run_follow_console(Operation *o, json_t **ret, NovaException *e);

/* Method.run of _list_actions: what was done with the instance of operation's uuid, as the store's action_list has it. */
int compute_run_list_actions(Operation *o, json_t **ret, NovaException *e);

/* ---- rescue.c, rebuild.c, snapshot.c ---- */
extern const InstanceMethod method_rescue, method_unrescue, method_rebuild, method_snapshot, method_backup, method_rotate_backups;

/* ---- guest-agent.c ---- */
extern const InstanceMethod method_set_admin_password, method_inject_file, method_agent_update, method_quiesce, method_unquiesce,
        method_trigger_crash_dump;

/* ---- interface.c, external-event.c ---- */
extern const InstanceMethod method_attach_interface, method_detach_interface, method_add_fixed_ip, method_remove_fixed_ip,
        method_reset_network, method_inject_network_info, method_change_metadata, method_network_event;

/* The daemon's own names (of methods, task states, power states, steps) as people read them. One that is not here is shown as it is
   called, without its underscores. */
import type { Instance } from "../store/types";
import { _ } from "./context";

function spaced(name: string): string {
        return name.replace(/[_-]/g, " ").replace(/(?<=[a-z])(?=[A-Z])/g, " ").trim();
}

/* What an instance is in the middle of. */
export function task(instance: Instance): string {
        return ({ scheduling: _("scheduling"), block_device_mapping: _("preparing its disks"), networking: _("preparing its network"), spawning: _("spawning"),
                  image_snapshot: _("taking a snapshot"), image_snapshot_pending: _("taking a snapshot"), image_pending_upload: _("storing the image"),
                  image_uploading: _("storing the image"), image_backup: _("taking a backup"), updating_password: _("setting its password"),
                  rebooting: _("rebooting"), reboot_pending: _("rebooting"), reboot_started: _("rebooting"), rebooting_hard: _("rebooting"),
                  reboot_pending_hard: _("rebooting"), reboot_started_hard: _("rebooting"), pausing: _("pausing"), unpausing: _("unpausing"),
                  suspending: _("suspending"), resuming: _("resuming"), "powering-off": _("powering off"), "powering-on": _("powering on"),
                  rescuing: _("rescuing"), unrescuing: _("ending the rescue"), rebuilding: _("rebuilding"), rebuild_block_device_mapping: _("rebuilding"),
                  rebuild_spawning: _("rebuilding"), deleting: _("deleting"), "soft-deleting": _("soft-deleting"),
                  restoring: _("restoring") } as Record<string, string>)[instance.TaskState] ?? spaced(instance.TaskState);
}

/* A job, or an action of the past: "stop_instance" of the API and "stop" of an action's record are the same. */
export function method(name: string): string {
        const words = ({ build_and_run: _("Create"), run: _("Create"), create: _("Create"), terminate: _("Delete"), delete: _("Delete"), soft_delete: _("Delete for now"),
                         restore: _("Restore"), start: _("Start"), stop: _("Shut down"), reboot: _("Reboot"), pause: _("Pause"), unpause: _("Unpause"),
                         suspend: _("Suspend to disk"), resume: _("Resume"), rescue: _("Rescue"), unrescue: _("End the rescue"), rebuild: _("Rebuild"),
                         snapshot: _("Take a snapshot"), createImage: _("Take a snapshot"), backup: _("Take a backup"), createBackup: _("Take a backup"), lock: _("Lock"),
                         unlock: _("Unlock"), set_admin_password: _("Set the password"), changePassword: _("Set the password"), inject_file: _("Put a file into it"),
                         change_instance_metadata: _("Change metadata"), quiesce: _("Freeze its file systems"),
                         unquiesce: _("Thaw its file systems"), trigger_crash_dump: _("Trigger a crash dump"), attach_interface: _("Attach an interface"),
                         detach_interface: _("Detach an interface"), reset_network: _("Reset the network"), update_available_resource: _("Update the resources"),
                         _recover: _("Repair") } as Record<string, string>)[name] ?? "";
        if (words)
                return words;
        if (name.endsWith("_instance"))
                return method(name.slice(0, -"_instance".length));
        const text = spaced(name).toLowerCase();
        return text.charAt(0).toUpperCase() + text.slice(1);
}

export function power(state: string): string {
        return ({ running: _("running"), paused: _("paused"), shutdown: _("off"), crashed: _("crashed"), suspended: _("suspended"),
                  pending: _("unknown"), blocked: _("blocked"), building: _("building"), "failed to spawn": _("failed to start"),
                  "": "–" } as Record<string, string>)[state] ?? spaced(state);
}

/* How far a job is. */
export function step(name: string): string {
        return ({ claim: _("claiming room"), network: _("preparing its network"), active: _("recording it"), undo: _("undoing"), allocate: _("allocating an address"),
                  attach: _("attaching"), detach: _("detaching"), power_off: _("powering off"), power_on: _("powering on"), reboot: _("rebooting"), save: _("recording it"),
                  suspend: _("suspending"), resume: _("resuming"), destroy: _("removing"), rescue: _("rescuing"), unrescue: _("ending the rescue"),
                  image: _("fetching the image"), copying: _("copying the image"), extract: _("storing the image"), upload: _("storing the image"),
                  disks: _("preparing its disks"), config_drive: _("making its config drive"), plugged: _("plugging its interfaces"),
                  domain: _("starting its guest"), instances: _("looking at instances"), "power states": _("looking at power states") } as Record<string, string>)[name] ?? spaced(name);
}

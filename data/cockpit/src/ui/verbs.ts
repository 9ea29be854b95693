/* The verbs of an instance as buttons: one row each. Which of them its states allow is told by its property Verbs; a row
   only says how it looks and what it asks for. */
import type { Variant } from "../cockpit";
import { base64 } from "../store/variant";
import type { Instance } from "../store/types";
import { _ } from "./context";

export type Value = string | boolean | Uint8Array | Record<string, string>;
export type Values = Record<string, Value>;

export interface Field {
        name: string;
        label: string;
        kind: "text" | "password" | "number" | "area" | "check" | "image" | "network" | "interface" | "file" | "pairs";
        required?: boolean;
        help?: string;
        initial?: (instance: Instance) => Value;
}

export interface Verb {
        id: string;                     /* of the row; two rows may be one verb */
        verb: string;
        action: string;                 /* polkit's */
        label: string;
        done: string;                   /* $0 is the name of the instance */
        group: "power" | "sleep" | "image" | "guest" | "network" | "end";
        danger?: boolean;
        question?: string;              /* asked before; $0 likewise */
        fields?: Field[];
        args?: (values: Values) => [args: unknown[], type: string];
}

const text = (v: Value): Variant => ({ t: "s", v });
const plain: () => [unknown[], string] = () => [[{}], "a{sv}"];

/* Options of those fields that are filled in. */
function options(values: Values, ...names: string[]): Record<string, Variant> {
        return Object.fromEntries(names.filter(n => values[n]).map(n => [n, text(values[n])]));
}

const password = (name: string, required = false): Field =>
        ({ name, label: _("Password of the administrator"), kind: "password", required, help: required ? "" : _("Empty: one is made.") });

export const verbs = (): Verb[] => [
        { id: "start", verb: "Start", action: "manage-instances", group: "power", label: _("Start"), done: _("$0 is started") },
        { id: "stop", verb: "Stop", action: "manage-instances", group: "power", label: _("Shut down"), done: _("$0 is shut down") },
        { id: "reboot", verb: "Reboot", action: "manage-instances", group: "power", label: _("Reboot"), done: _("$0 is rebooted"),
          args: () => [["soft", {}], "sa{sv}"] },
        { id: "stop-hard", verb: "Stop", action: "manage-instances", group: "power", label: _("Force off"), danger: true, done: _("$0 is off"),
          question: _("$0 is switched off at once, as if its plug were pulled."), args: () => [[{ timeout: { t: "u", v: 0 } }], "a{sv}"] },
        { id: "reboot-hard", verb: "Reboot", action: "manage-instances", group: "power", label: _("Force reboot"), danger: true, done: _("$0 is rebooted"),
          question: _("$0 is reset at once, without being asked."), args: () => [["hard", {}], "sa{sv}"] },

        { id: "pause", verb: "Pause", action: "manage-instances", group: "sleep", label: _("Pause"), done: _("$0 is paused") },
        { id: "unpause", verb: "Unpause", action: "manage-instances", group: "sleep", label: _("Unpause"), done: _("$0 goes on") },
        { id: "suspend", verb: "Suspend", action: "manage-instances", group: "sleep", label: _("Suspend to disk"), done: _("$0 is suspended") },
        { id: "resume", verb: "Resume", action: "manage-instances", group: "sleep", label: _("Resume"), done: _("$0 is resumed") },
        { id: "lock", verb: "Lock", action: "manage-instances", group: "sleep", label: _("Lock"), done: _("$0 is locked") },
        { id: "unlock", verb: "Unlock", action: "manage-instances", group: "sleep", label: _("Unlock"), done: _("$0 is unlocked") },

        { id: "snapshot", verb: "Snapshot", action: "snapshot-instances", group: "image", label: _("Take a snapshot"), done: _("There is a snapshot of $0"),
          fields: [{ name: "name", label: _("Name of the image"), kind: "text", required: true, initial: i => i.DisplayName + "-snapshot" }],
          args: v => [[v.name, {}], "sa{sv}"] },
        { id: "backup", verb: "Backup", action: "snapshot-instances", group: "image", label: _("Take a backup"), done: _("There is a backup of $0"),
          fields: [{ name: "name", label: _("Name of the image"), kind: "text", required: true, initial: i => i.DisplayName + "-backup" },
                   { name: "type", label: _("Kind"), kind: "text", required: true, initial: () => "daily", help: _("Any word: daily, weekly.") },
                   { name: "rotation", label: _("How many of that kind are kept"), kind: "number", required: true, initial: () => "7" }],
          args: v => [[v.name, v.type, Number(v.rotation), {}], "ssua{sv}"] },
        { id: "rescue", verb: "Rescue", action: "manage-instances", group: "image", label: _("Rescue"), done: _("$0 runs from its rescue image"),
          question: _("$0 is stopped and boots from another image, with its own disk beside it."),
          fields: [{ name: "image", label: _("Rescue image"), kind: "image", help: _("Empty: the configured one, or its own.") }, password("admin_password")],
          args: v => [[options(v, "image", "admin_password")], "a{sv}"] },
        { id: "unrescue", verb: "Unrescue", action: "manage-instances", group: "image", label: _("End the rescue"), done: _("$0 is back on its own disk") },

        { id: "password", verb: "SetAdminPassword", action: "change-guests", group: "guest", label: _("Set the password"), done: _("The password of $0 is set"),
          fields: [password("password", true)], args: v => [[v.password, {}], "sa{sv}"] },
        { id: "file", verb: "InjectFile", action: "change-guests", group: "guest", label: _("Put a file into it"), done: _("The file is in $0"),
          fields: [{ name: "path", label: _("Path in the guest"), kind: "text", required: true, initial: () => "/" },
                   { name: "contents", label: _("Contents"), kind: "area" }],
          args: v => [[v.path, base64(new TextEncoder().encode(v.contents as string)), {}], "saya{sv}"] },
        { id: "metadata", verb: "SetMetadata", action: "manage-instances", group: "guest", label: _("Change metadata"), done: _("The metadata of $0 is changed"),
          fields: [{ name: "metadata", label: _("One a line: name=value. A line less is an item less."), kind: "pairs",
                     initial: i => ({ ...i.Metadata }) }],
          args: v => [[v.metadata, {}], "a{ss}a{sv}"] },
        { id: "quiesce", verb: "Quiesce", action: "change-guests", group: "guest", label: _("Freeze its file systems"), done: _("The file systems of $0 are frozen") },
        { id: "unquiesce", verb: "Unquiesce", action: "change-guests", group: "guest", label: _("Thaw its file systems"), done: _("The file systems of $0 are thawed") },
        { id: "crash-dump", verb: "TriggerCrashDump", action: "change-guests", group: "guest", label: _("Trigger a crash dump"), danger: true,
          done: _("$0 got its interrupt"), question: _("$0 gets a non-maskable interrupt: most systems stop with a dump of their memory.") },

        { id: "attach", verb: "AttachInterface", action: "change-guests", group: "network", label: _("Attach an interface"), done: _("$0 has another interface"),
          fields: [{ name: "network", label: _("Network"), kind: "network", required: true },
                   { name: "fixed_ip", label: _("Address"), kind: "text", help: _("Empty: the next that is free.") }],
          args: v => [[v.network, options(v, "fixed_ip")], "sa{sv}"] },
        { id: "detach", verb: "DetachInterface", action: "change-guests", group: "network", label: _("Detach an interface"), danger: true,
          done: _("An interface of $0 is gone"), fields: [{ name: "interface", label: _("Interface"), kind: "interface", required: true }],
          args: v => [[v.interface, {}], "sa{sv}"] },
        { id: "reset-network", verb: "ResetNetwork", action: "change-guests", group: "network", label: _("Reset the network"), done: _("The network of $0 is made anew") },

        { id: "restore", verb: "Restore", action: "manage-instances", group: "end", label: _("Restore"), done: _("$0 is back") },
        { id: "rebuild", verb: "Rebuild", action: "delete-instances", group: "end", label: _("Rebuild"), danger: true, done: _("$0 is rebuilt"),
          question: _("The disk of $0 is made anew from an image. What is on it is lost."),
          fields: [{ name: "image", label: _("Image"), kind: "image", help: _("Empty: the one it has.") }, password("admin_password")],
          args: v => [[v.image ?? "", options(v, "admin_password")], "sa{sv}"] },
        { id: "soft-delete", verb: "SoftDelete", action: "delete-instances", group: "end", label: _("Delete for now"), danger: true,
          done: _("$0 is soft-deleted"), question: _("$0 is stopped. Its disks are kept for the configured time, and it can be restored until then.") },
        { id: "delete", verb: "Delete", action: "delete-instances", group: "end", label: _("Delete"), danger: true, done: _("$0 is deleted"),
          question: _("$0 is ended and its disks are removed. This cannot be undone."),
          fields: [{ name: "force", label: _("Also if it is locked"), kind: "check" }],
          args: v => [[v.force ? { force: { t: "b", v: true } } : {}], "a{sv}"] },
];

/* On a button: with dots where more is asked for. */
export function title(verb: Verb): string {
        return verb.fields ? verb.label + "…" : verb.label;
}

export function call(verb: Verb, values: Values): [unknown[], string] {
        return (verb.args ?? plain)(values);
}

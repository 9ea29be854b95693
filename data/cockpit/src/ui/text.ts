/* Numbers, times and states as people read them. */
import type { Cockpit } from "../cockpit";
import type { Instance } from "../store/types";
import { _, format } from "./context";
import { power } from "./names";

declare const cockpit: Cockpit;

function locale(): string | undefined {
        return cockpit.language?.replace("_", "-") || undefined;
}

export function number(value: number): string {
        return value.toLocaleString(locale(), { maximumFractionDigits: 1 });
}

export function mib(value: number): string {
        return value < 1024 ? format(_("$0 MiB"), number(value)) : gib(value / 1024);
}

export function gib(value: number): string {
        return value < 1024 ? format(_("$0 GiB"), number(value)) : format(_("$0 TiB"), number(value / 1024));
}

export function size(bytes: number): string {
        return bytes < 1048576 ? format(_("$0 KiB"), number(Math.ceil(bytes / 1024))) : mib(bytes / 1048576);
}

/* The hour of today, else the day too. */
export function time(usec: number): string {
        if (!usec)
                return _("never");
        const date = new Date(usec / 1000);
        return date.toDateString() === new Date().toDateString()
                ? date.toLocaleTimeString(locale())
                : date.toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" });
}

export function label(instance: Instance): string {
        return instance.DisplayName || instance.Name || instance.Uuid;
}

export type Colour = "green" | "red" | "orange" | "blue" | "grey" | "purple" | "teal" | "yellow";

/* What an instance is doing, in a word, and its colour. */
export function state(instance: Instance): [text: string, colour: Colour] {
        const words: Record<string, [string, Colour]> = {
                building: [_("Building"), "blue"], active: [_("Running"), "green"], paused: [_("Paused"), "orange"],
                suspended: [_("Suspended"), "orange"], stopped: [_("Stopped"), "grey"], rescued: [_("Rescued"), "purple"],
                resized: [_("Resized"), "blue"], "soft-delete": [_("Soft-deleted"), "grey"], deleted: [_("Deleted"), "grey"],
                shelved: [_("Shelved"), "grey"], shelved_offloaded: [_("Shelved"), "grey"], error: [_("Error"), "red"],
        };
        const found = words[instance.VmState] ?? [instance.VmState, "grey"];
        if (instance.VmState === "active" && instance.PowerState !== "running" && instance.PowerState !== "" && !instance.TaskState)
                return [format(_("Running ($0)"), power(instance.PowerState)), "orange"];
        return found;
}

export function addresses(instance: Instance): string[] {
        return (instance.Networks ?? []).flatMap(n => n.addresses ?? []).map(a => a.replace(/\/\d+$/, ""));
}

export function path(uuid: string): string {
        return "/org/nova/Compute1/instance/" + uuid.replace(/-/g, "_");
}

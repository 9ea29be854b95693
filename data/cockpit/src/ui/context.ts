/* The store and the connection of this page, and what views read of them. */
import { useEffect, useState, useSyncExternalStore } from "react";
import type { Cockpit, Location } from "../cockpit";
import { Connection } from "../store/connection";
import { Store } from "../store/store";
import type { State } from "../store/types";

declare const cockpit: Cockpit;

export const _ = (text: string) => cockpit.gettext(text);
export const format = (text: string, ...args: unknown[]) => cockpit.format(text, ...args);

export const store = new Store();
export const connection = new Connection(store);

/* @select must give the same thing for the same state. */
export function useDaemon<T>(select: (state: State) => T): T {
        return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

export function useLocation(): Location {
        const [location, set] = useState(cockpit.location);
        useEffect(() => {
                const changed = () => set(cockpit.location);
                cockpit.addEventListener("locationchanged", changed);
                return () => cockpit.removeEventListener("locationchanged", changed);
        }, []);
        return location;
}

export function go(path: string[], options?: Record<string, string>) {
        cockpit.location.go(path, options);
}

export function replace(path: string[], options?: Record<string, string>) {
        cockpit.location.replace(path, options);
}

/* Whether the user may press what is under that polkit action now; a sentence if not. */
export function useRefusal(action: string): string {
        return useDaemon(s => s.phase !== "ready" ? _("The compute service does not answer now.")
                            : s.leaves[action] === "no" ? _("You are not allowed to do this.") : "");
}

/* A sentence for an error of a call: what the daemon said, and of what polkit refused what to do. */
export function sentence(error: unknown): string {
        const { message, name } = error as { message?: string; name?: string };
        if (name === "org.freedesktop.DBus.Error.AccessDenied" || name === "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")
                return format(_("Not permitted. Turn on administrative access, or have a polkit rule allow it. ($0)"), message);
        if (name === "org.freedesktop.DBus.Error.NoReply")
                return _("The service went away before it answered. What it had accepted it carries on when it is back.");
        return message || String(error);
}

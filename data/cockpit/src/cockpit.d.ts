/* What this page uses of Cockpit's documented API (cockpit.js of base1, from 287 on). */
export interface Variant { t: string; v: unknown }

export interface DBusError extends Error { problem: string | null; name: string }

export interface Subscription { remove(): void }

export interface DBusClient {
        readonly unique_name: string | null;
        wait(): Promise<unknown>;
        close(problem?: string): void;
        call(path: string, iface: string, method: string, args: unknown[] | null,
             options?: { type?: string; flags?: string; timeout?: number }): Promise<unknown[]>;
        subscribe(match: { path?: string; path_namespace?: string; interface?: string; member?: string },
                  handler: (path: string, iface: string, signal: string, args: unknown[]) => void): Subscription;
        addEventListener(event: "close", handler: (event: unknown, options: { problem?: string; message?: string }) => void): void;
        addEventListener(event: "owner", handler: (event: unknown, owner: string | null) => void): void;
}

export interface Process extends Promise<string> {
        stream(handler: (data: string) => void): Process;
        close(problem?: string): void;
}

export interface Location {
        readonly path: string[];
        readonly options: Record<string, string | string[]>;
        go(path: string[] | string, options?: Record<string, string>): void;
        replace(path: string[] | string, options?: Record<string, string>): void;
}

export interface Permission {
        readonly allowed: boolean | null;
        addEventListener(event: "changed", handler: () => void): void;
        close(): void;
}

export interface Cockpit {
        dbus(name: string, options?: { superuser?: "try" | "require"; bus?: string }): DBusClient;
        spawn(args: string[], options?: { superuser?: "try"; err?: "message" | "ignore"; batch?: number; latency?: number }): Process;
        permission(options?: { group?: string; admin?: boolean }): Permission;
        gettext(text: string): string;
        ngettext(one: string, many: string, n: number): string;
        format(text: string, ...args: unknown[]): string;
        location: Location;
        language?: string;
        addEventListener(event: "locationchanged", handler: () => void): void;
        removeEventListener(event: "locationchanged", handler: () => void): void;
}

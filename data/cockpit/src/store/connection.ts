/* The daemon on the bus: fills the store, and asks for what the user wants done. Nothing here is asked again and again: the
   snapshot is read when somebody takes the name, and all else comes by signals. */
import type { Cockpit, DBusClient, DBusError, Subscription, Variant } from "../cockpit";
import { Store } from "./store";
import { bytes } from "./variant";
import { INSTANCE, JOB, MANAGER, NAME, NODE, ROOT, SERVICE, type Leave } from "./types";
import { words } from "./words";

declare const cockpit: Cockpit;

const PROPERTIES = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager";
const POLKIT = "org.freedesktop.PolicyKit1";
const AUTHORITY = POLKIT + ".Authority";
export const ACTIONS = ["manage-service", "report-state", "update-resources", "create-instances", "manage-instances",
                        "snapshot-instances", "delete-instances", "change-guests", "read-console", "read-diagnostics",
                        "cancel-jobs"] as const;

export interface End { result: string; error: string; message: string }

export class Connection {
        private watcher: DBusClient | null = null;      /* tells who owns the name */
        private client: DBusClient | null = null;       /* speaks with that owner */
        private timer: number | undefined;
        private polkit: DBusClient | null = null;
        private generation = 0;                 /* of the owner of the name */
        private retries = 0;
        private ended = new Map<string, End>();         /* jobs that ended since the snapshot, newest last */
        private waiting = new Map<string, (end: End) => void>();
        private asking = false;
        private early: (() => void)[] | null = null;    /* what signals told while the snapshot was under way, in order */

        constructor(private store: Store) {}

        /* Whoever owns the name is spoken to by its unique name: a call to the well-known one would have the bus start a service that
           has just been stopped. */
        open = () => {
                const watcher = this.watcher = cockpit.dbus(NAME, { superuser: "try" });
                watcher.addEventListener("owner", (_event, owner) => {
                        if (watcher !== this.watcher)
                                return;
                        this.leave();
                        if (owner)
                                this.join(owner);
                        else
                                this.store.phase("absent");
                });
                watcher.addEventListener("close", (_event, options) => {
                        if (watcher === this.watcher)
                                this.lost(options.problem ? words.problem(options.problem, options.message) : "");
                });
                void this.authority();
        };

        /* The owner is gone, or another. */
        private leave() {
                const client = this.client;
                this.generation++;
                this.early = null;
                this.client = null;
                client?.close();
                this.ended.clear();
                for (const end of this.waiting.values())
                        end({ result: "left", error: "", message: "" });
                this.waiting.clear();
        }

        /* Cockpit's bridge has given up: again in a while, or when somebody asks for it. */
        private lost(problem: string) {
                const watcher = this.watcher;
                this.watcher = null;
                this.leave();
                watcher?.close();
                this.store.phase("broken", problem);
                window.clearTimeout(this.timer);
                this.timer = window.setTimeout(this.open, Math.min(1000 * 2 ** this.retries++, 30000));
        }

        reopen = () => {
                window.clearTimeout(this.timer);
                this.watcher = null;
                this.leave();
                this.open();
        };

        private join(owner: string) {
                const client = this.client = cockpit.dbus(owner, { superuser: "try" });
                client.subscribe({ interface: OBJECT_MANAGER, path: ROOT }, (_path, _iface, signal, args) => {
                        const [path, what] = args as [string, never];
                        if (signal === "InterfacesAdded")
                                this.told(() => this.store.add(path, what));
                        else if (signal === "InterfacesRemoved")
                                this.told(() => this.store.removed(path, what));
                });
                client.subscribe({ interface: PROPERTIES, path_namespace: ROOT, member: "PropertiesChanged" },
                                 (path, _iface, _signal, args) => this.told(() => this.changed(path, args as [string, Record<string, Variant>, string[]])));
                client.subscribe({ interface: MANAGER, path: ROOT }, (_path, _iface, signal, args) => {
                        if (signal === "DriftChanged")
                                void this.drift();
                        else if (signal === "JobRemoved")
                                this.jobRemoved(args as [number, string, string, Record<string, Variant>]);
                });
                client.addEventListener("close", (_event, options) => {
                        if (client === this.client)
                                this.lost(options.problem ? words.problem(options.problem, options.message) : "");
                });
                void this.load();
                void this.leaves();
        }

        private told(what: () => void) {
                if (this.early)
                        this.early.push(what);
                else
                        what();
        }

        /* The snapshot. Cockpit's bridge may hand on an answer after signals that were sent later (seen with 287), so what signals tell
           meanwhile is kept and told again behind the snapshot: signals are in order among themselves, and whatever an older one says of
           something, the last one or the snapshot says what is. */
        private async load() {
                const generation = this.generation, client = this.client as DBusClient;
                this.store.phase("loading");
                this.early = [];
                try {
                        const roots = [SERVICE, NODE, MANAGER].map(async iface => {
                                const [values] = await client.call(ROOT, PROPERTIES, "GetAll", [iface], { type: "s" });
                                if (generation === this.generation)
                                        this.store.root(iface, values as Record<string, Variant>);
                        });
                        const objects = client.call(ROOT, OBJECT_MANAGER, "GetManagedObjects", [], { type: "" }).then(([all]) => {
                                if (generation === this.generation)
                                        this.store.objects(all as never);
                        });
                        await Promise.all([...roots, objects]);
                        if (generation !== this.generation)
                                return;
                        this.retries = 0;
                        const early = this.early ?? [];
                        this.early = null;
                        for (const what of early)
                                what();
                        this.store.phase("ready");
                        void this.drift();
                        void this.stalled();
                } catch (error) {
                        /* an owner that goes meanwhile is told by "owner" */
                        if (generation === this.generation)
                                this.lost((error as DBusError).message);
                }
        }

        private changed(path: string, [iface, values, invalidated]: [string, Record<string, Variant>, string[]]) {
                const change = this.store.changed(path, iface, values);
                if (change && invalidated.length > 0)
                        void this.load();
                else if (change && (iface === SERVICE || iface === JOB) && "Stalled" in change)
                        void this.stalled();
        }

        private async drift() {
                const generation = this.generation;
                try {
                        const [all] = await this.call(ROOT, MANAGER, "ListDrift", [], "");
                        if (generation === this.generation)
                                this.store.drift((all as [string, string, string, number][]).map(
                                        ([kind, name, sentence, since]) => ({ kind, name, sentence, since })));
                } catch (error) {
                        if (generation === this.generation)
                                this.store.notify("warning", words.drift_unknown, (error as Error).message);
                }
        }

        private async stalled() {
                const generation = this.generation;
                try {
                        const [all] = await this.call(ROOT, MANAGER, "ListStalled", [], "");
                        if (generation === this.generation)
                                this.store.stalled((all as [string, string, number, string][]).map(
                                        ([method, uuid, usec, job]) => ({ method, uuid, since: Date.now() * 1000 - usec, job })));
                } catch (error) {
                        if (generation === this.generation)
                                this.store.notify("warning", words.stalled_unknown, (error as Error).message);
                }
        }

        private jobRemoved([, path, result, details]: [number, string, string, Record<string, Variant>]) {
                const end = { result, error: String(details.error?.v ?? ""), message: String(details.message?.v ?? "") };
                const waits = this.waiting.get(path);
                if (waits) {
                        this.waiting.delete(path);
                        waits(end);
                        return;
                }
                /* the answer with the job's path may come after the job's end */
                this.ended.set(path, end);
                if (this.ended.size > 64)
                        this.ended.delete(this.ended.keys().next().value as string);
        }

        /* How a job that this page asked for ended. */
        jobEnd(path: string): Promise<End> {
                const end = this.ended.get(path);
                if (end)
                        return Promise.resolve(end);
                return new Promise(resolve => this.waiting.set(path, resolve));
        }

        call(path: string, iface: string, method: string, args: unknown[], type: string): Promise<unknown[]> {
                if (!this.client)
                        return Promise.reject(new Error(words.not_connected));
                return this.client.call(path, iface, method, args, { type, flags: "i" });
        }

        /* A verb that returns a job; a notice tells how it ended: @done, or that @what was not done. Rejected when the verb itself is refused. */
        async verb(path: string, method: string, args: unknown[], type: string, done: string, what: string, iface = INSTANCE): Promise<string[]> {
                const paths = await this.call(path, iface, method, args, type) as string[];
                void this.jobEnd(paths[paths.length - 1]).then(end => {
                        if (end.result === "done")
                                this.store.notify("success", done);
                        else if (end.result === "cancelled")
                                this.store.notify("warning", words.cancelled(what));
                        else if (end.result === "left")
                                this.store.notify("warning", words.left(what));
                        else
                                this.store.notify("danger", words.failed(what), end.message || end.error);
                });
                return paths;
        }

        /* What is written on a console, from its last @lines on, until the function that is returned is called. */
        follow(path: string, lines: number, onData: (data: Uint8Array) => void, onError: (error: Error) => void): () => void {
                const client = this.client, generation = this.generation;
                let id: unknown = null, over = false;
                let early: [unknown, string][] = [];
                if (!client) {
                        onError(new Error(words.not_connected));
                        return () => undefined;
                }
                const subscription: Subscription = client.subscribe({ interface: INSTANCE, path, member: "ConsoleOutput" },
                        (_path, _iface, _signal, args) => {
                                const [of, data] = args as [unknown, string];
                                if (id === null)
                                        early.push([of, data]);
                                else if (of === id)
                                        onData(bytes(data));
                        });
                /* who went has forgotten it */
                const unfollow = () => {
                        if (generation === this.generation)
                                client.call(path, INSTANCE, "UnfollowConsole", [id], { type: "t" }).catch(() => undefined);
                };
                client.call(path, INSTANCE, "FollowConsole", [{ lines: { t: "u", v: lines } }], { type: "a{sv}", flags: "i" }).then(([got]) => {
                        id = got;
                        if (over) {
                                unfollow();
                                return;
                        }
                        for (const [of, data] of early)
                                if (of === id)
                                        onData(bytes(data));
                        early = [];
                }, error => {
                        if (!over)
                                onError(error as Error);
                });
                return () => {
                        over = true;
                        subscription.remove();
                        if (id !== null)
                                unfollow();
                };
        }

        /* What polkit would say to each action now, without asking anybody. Rules that look at details (a project's own instances)
           can only be tried: "ask". Asked again when polkit says that something changed. */
        private async authority() {
                if (this.polkit) {
                        this.leaves();
                        return;
                }
                const polkit = this.polkit = cockpit.dbus(POLKIT, { superuser: "try" });
                polkit.subscribe({ interface: AUTHORITY, member: "Changed" }, this.leaves);
                polkit.addEventListener("close", () => { this.polkit = null; });
                this.leaves();
        }

        private leaves = async () => {
                const client = this.client, polkit = this.polkit;
                if (!client || !polkit || this.asking)
                        return;
                this.asking = true;
                try {
                        await client.wait();
                        const subject = ["system-bus-name", { name: { t: "s", v: client.unique_name } }];
                        await Promise.all(ACTIONS.map(async action => {
                                let leave: Leave = "ask";
                                try {
                                        const [[yes, challenge]] = await polkit.call("/org/freedesktop/PolicyKit1/Authority", AUTHORITY, "CheckAuthorization",
                                                [subject, NAME.toLowerCase() + "." + action, {}, 0, ""], { type: "(sa{sv})sa{ss}us" }) as [[boolean, boolean]];
                                        leave = yes ? "yes" : challenge ? "ask" : "no";
                                } catch { /* no polkit, or an action it does not know: the daemon decides */ }
                                this.store.leave(action, leave);
                        }));
                } catch { /* the client has closed: it says so itself */ } finally {
                        this.asking = false;
                }
        };
}

/* The one place where this page keeps what the daemon shows: a snapshot, and then each signal in the order in which it came.
   Views are told once for all that came together. */
import { dictionary, key, type Properties } from "./variant";
import { INSTANCE, JOB, MANAGER, NODE, ROOT, SERVICE } from "./types";
import type { Drift, Instance, Job, Leave, Notice, Phase, Stalled, State } from "./types";
import type { Variant } from "../cockpit";

type Interfaces = Record<string, Record<string, Variant>>;

const EMPTY: State = {
        phase: "waiting", epoch: 0, problem: "", service: null, node: null, manager: null, instances: new Map(), jobs: new Map(),
        drift: [], stalled: [], notices: [], leaves: {},
};

const ROOM: Record<string, "service" | "node" | "manager"> = { [SERVICE]: "service", [NODE]: "node", [MANAGER]: "manager" };

export class Store {
        private shown: State = EMPTY;
        private next: State = EMPTY;
        private listeners = new Set<() => void>();
        private timer: number | undefined;
        private delay = 15;                             /* ms from a change to the views, in which others join it */
        private lastNotice = 0;

        get = (): State => this.shown;

        subscribe = (listener: () => void): (() => void) => {
                this.listeners.add(listener);
                return () => this.listeners.delete(listener);
        };

        private set(change: Partial<State>) {
                this.next = { ...this.next, ...change };
                this.timer ??= window.setTimeout(() => {
                        this.timer = undefined;
                        this.shown = this.next;
                        const began = performance.now();
                        for (const listener of this.listeners)
                                listener();
                        /* signals by the thousand: the views get a third of the time at most */
                        this.delay = Math.min(250, Math.max(15, 2 * (performance.now() - began)));
                }, this.delay);
        }

        /* A map that may be changed: the shown one never is. */
        private instances(): Map<string, Instance> {
                if (this.next.instances === this.shown.instances)
                        this.set({ instances: new Map(this.shown.instances) });
                return this.next.instances as Map<string, Instance>;
        }

        private jobs(): Map<string, Job> {
                if (this.next.jobs === this.shown.jobs)
                        this.set({ jobs: new Map(this.shown.jobs) });
                return this.next.jobs as Map<string, Job>;
        }

        /* What was known last stays while nobody owns the name. */
        phase(phase: Phase, problem = "") {
                this.set({ phase, problem, epoch: this.next.epoch + (phase === "ready" ? 1 : 0) });
        }

        root(iface: string, values: Record<string, Variant>) {
                this.set({ [ROOM[iface]]: dictionary(values) });
        }

        objects(all: Record<string, Interfaces>) {
                this.set({ instances: new Map(), jobs: new Map() });
                for (const [path, interfaces] of Object.entries(all))
                        this.add(key(path), interfaces);
        }

        add(path: string, interfaces: Interfaces) {
                if (interfaces[INSTANCE])
                        this.instances().set(path, { ...dictionary(interfaces[INSTANCE]), path } as unknown as Instance);
                if (interfaces[JOB])
                        this.jobs().set(path, { ...dictionary(interfaces[JOB]), path } as unknown as Job);
        }

        removed(path: string, interfaces: string[]) {
                if (interfaces.includes(INSTANCE))
                        this.instances().delete(path);
                if (interfaces.includes(JOB))
                        this.jobs().delete(path);
        }

        /* The names of what changed; null if it is nothing that is kept. */
        changed(path: string, iface: string, values: Record<string, Variant>): Properties | null {
                const change = dictionary(values);
                if (path === ROOT && ROOM[iface]) {
                        const room = ROOM[iface];
                        this.set({ [room]: { ...this.next[room], ...change } });
                } else if (iface === INSTANCE && this.next.instances.has(path)) {
                        this.instances().set(path, { ...this.next.instances.get(path) as Instance, ...change });
                } else if (iface === JOB && this.next.jobs.has(path)) {
                        this.jobs().set(path, { ...this.next.jobs.get(path) as Job, ...change });
                } else {
                        return null;
                }
                return change;
        }

        drift(drift: Drift[]) { this.set({ drift }); }
        stalled(stalled: Stalled[]) { this.set({ stalled }); }

        leave(action: string, leave: Leave) {
                if (this.next.leaves[action] !== leave)
                        this.set({ leaves: { ...this.next.leaves, [action]: leave } });
        }

        notify(kind: Notice["kind"], title: string, text = "") {
                /* the oldest goes: a page that is left open must not grow */
                this.set({ notices: [...this.next.notices.slice(-4), { id: ++this.lastNotice, kind, title, text }] });
        }

        dismiss(id: number) {
                this.set({ notices: this.next.notices.filter(n => n.id !== id) });
        }
}

/* What the daemon shows, as this page keeps it: org.nova.Compute1(5) says what each means. */
export const NAME = "org.nova.Compute1";
export const ROOT = "/org/nova/Compute1";
export const SERVICE = NAME + ".Service";
export const NODE = NAME + ".Node";
export const MANAGER = NAME + ".Manager";
export const INSTANCE = NAME + ".Instance";
export const JOB = NAME + ".Job";

export interface Service {
        Version: string; Binary: string; Host: string; State: string; Step: string; Trouble: string; Zone: string;
        Enabled: boolean; DisabledReason: string; ForcedDown: boolean; ModelConnected: boolean; ReportCount: number;
        LastReportUSec: number; ReportIntervalUSec: number; BrokerState: string; BrokerAddress: string; BrokerError: string;
        BrokerAttempts: number; BrokerBlocked: boolean; Consumers: number; Stalled: string[];
}

export interface Node {
        Driver: string; ConnectionUri: string; HypervisorConnected: boolean; HypervisorError: string; HypervisorType: string;
        HypervisorVersion: number; HypervisorHostname: string; HostIp: string; VCPUs: number; VCPUsUsed: number; VCPUsReserved: number;
        MemoryMiB: number; MemoryUsedMiB: number; MemoryReservedMiB: number; DiskGiB: number; DiskUsedGiB: number;
        DiskReservedGiB: number; RunningVMs: number; CPUAllocationRatio: number; MemoryAllocationRatio: number;
        DiskAllocationRatio: number; UpdatedUSec: number;
}

export type Flavor = [name: string, vcpus: number, memory: number, disk: number];
export type Image = [id: string, name: string, format: string, size: number];

export interface Manager {
        NInstances: number; NJobs: number; NDrift: number;
        Flavors: Flavor[]; Networks: [name: string, uuid: string][]; Images: Image[];
}

export interface Interface {
        port?: string; mac?: string; network?: string; network_uuid?: string; bridge?: string; device?: string; type?: string;
        addresses?: string[];
}

export interface Volume { id?: string; device?: string; size_gib?: number; boot_index?: number }

export interface Instance {
        path: string;
        Uuid: string; Name: string; DisplayName: string; Hostname: string; Project: string; User: string; VmState: string;
        TaskState: string; PowerState: string; Locked: boolean; Flavor: string; VCPUs: number; MemoryMiB: number; RootGiB: number;
        EphemeralGiB: number; SwapMiB: number; Image: string; KeyName: string; ConfigDrive: boolean; AvailabilityZone: string;
        Metadata: Record<string, string>; Networks: Interface[]; Volumes: Volume[]; Fault: string; FaultUSec: number;
        CreatedUSec: number; LaunchedUSec: number; UpdatedUSec: number; Jobs: string[]; Verbs: string[];
}

export interface Job {
        path: string;
        Id: number; Method: string; Instance: string; InstanceUuid: string; Origin: string; RequestId: string; User: string;
        State: string; Step: string; Progress: number; AcceptedUSec: number; StartedUSec: number; DeadlineUSec: number;
        Stalled: boolean; Cancellable: boolean;
}

export interface Drift { kind: string; name: string; sentence: string; since: number }
export interface Stalled { method: string; uuid: string; since: number; job: string }

/* A sentence in the corner: what a job came to, or why a verb was refused. */
export interface Notice { id: number; kind: "success" | "danger" | "warning"; title: string; text: string }

/* waiting: nothing is known yet; absent: nobody owns the name; loading: it has an owner, the snapshot is under way; ready;
   broken: Cockpit's bridge gave up, for `problem`. */
export type Phase = "waiting" | "absent" | "loading" | "ready" | "broken";

/* yes: without being asked; ask: an administrator's password or a rule with details decides when it is pressed; no. */
export type Leave = "yes" | "ask" | "no";

export interface State {
        phase: Phase;
        epoch: number;          /* how many snapshots there have been */
        problem: string;
        service: Service | null;
        node: Node | null;
        manager: Manager | null;
        instances: ReadonlyMap<string, Instance>;
        jobs: ReadonlyMap<string, Job>;
        drift: readonly Drift[];
        stalled: readonly Stalled[];
        notices: readonly Notice[];
        leaves: Readonly<Record<string, Leave>>;
}

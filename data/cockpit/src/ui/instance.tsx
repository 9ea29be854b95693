/* The page of one instance. */
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { Breadcrumb, BreadcrumbItem, Button, Card, CardBody, CardHeader, CardTitle, ClipboardCopy, DescriptionList, EmptyState,
         EmptyStateActions, EmptyStateBody, EmptyStateFooter, Label, Spinner, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { INSTANCE, type Instance } from "../store/types";
import { plain } from "../store/variant";
import type { Variant } from "../cockpit";
import { Alert } from "./alert";
import { Actions } from "./actions";
import { Console } from "./console";
import { _, connection, format, go, replace, sentence, useDaemon, useRefusal } from "./context";
import { Fact } from "./host";
import { StateLabel } from "./instances";
import { JobTable } from "./jobs";
import { LogCard } from "./log";
import { method, power } from "./names";
import { gib, label, mib, path, time } from "./text";

function Facts({ instance: i }: { instance: Instance }) {
        const image = useDaemon(s => s.manager?.Images.find(([id]) => id === i.Image));
        return <Card id="facts-card" isFullHeight>
                <CardHeader><CardTitle component="h2">{_("Instance")}</CardTitle></CardHeader>
                <CardBody><DescriptionList isHorizontal isCompact horizontalTermWidthModifier={{ default: "9rem" }}>
                        <Fact name={_("Power")}><span id="power">{power(i.PowerState)}</span></Fact>
                        <Fact name={_("Size")}>{i.Flavor && <>{i.Flavor}: </>}{format(_("$0 vCPU"), i.VCPUs)}, {mib(i.MemoryMiB)}</Fact>
                        <Fact name={_("Disks")}>{[i.RootGiB ? gib(i.RootGiB) : _("as the image"), i.EphemeralGiB ? format(_("$0 ephemeral"), gib(i.EphemeralGiB)) : "",
                                                  i.SwapMiB ? format(_("$0 swap"), mib(i.SwapMiB)) : ""].filter(Boolean).join(", ")}</Fact>
                        <Fact name={_("Image")}><span className="nova-break">{image?.[1] || i.Image || _("a volume")}</span></Fact>
                        <Fact name={_("At the hypervisor")}>{i.Name}</Fact>
                        <Fact name={_("Host name")}>{i.Hostname || "–"}</Fact>
                        <Fact name={_("Uuid")}><ClipboardCopy isReadOnly variant="inline-compact" hoverTip={_("Copy")} clickTip={_("Copied")}>{i.Uuid}</ClipboardCopy></Fact>
                        <Fact name={_("Project")}><span className="nova-break">{i.Project || "–"}</span></Fact>
                        <Fact name={_("User")}><span className="nova-break">{i.User || "–"}</span></Fact>
                        {i.KeyName && <Fact name={_("Key")}>{i.KeyName}</Fact>}
                        {i.ConfigDrive && <Fact name={_("Config drive")}>{_("yes")}</Fact>}
                        <Fact name={_("Created")}>{time(i.CreatedUSec)}</Fact>
                        <Fact name={_("First ran")}>{time(i.LaunchedUSec)}</Fact>
                        {Object.keys(i.Metadata ?? {}).length > 0 && <Fact name={_("Metadata")}>
                                <ul id="metadata" className="nova-plain">{Object.entries(i.Metadata).map(([k, v]) => <li key={k}><code>{k}={v}</code></li>)}</ul></Fact>}
                </DescriptionList></CardBody>
        </Card>;
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
        return <Card id={id}><CardHeader><CardTitle component="h2">{title}</CardTitle></CardHeader><CardBody>{children}</CardBody></Card>;
}

function Networks({ instance }: { instance: Instance }) {
        return <Section id="network-card" title={_("Networks")}>
                {instance.Networks.length === 0 ? <p className="nova-aside">{_("It has no interfaces.")}</p>
                : <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Networks")} borders={false}>
                        <Thead><Tr><Th>{_("Network")}</Th><Th>{_("Addresses")}</Th><Th>{_("MAC address")}</Th><Th>{_("Device")}</Th></Tr></Thead>
                        <Tbody>{instance.Networks.map(n => <Tr key={n.port || n.mac} data-mac={n.mac}>
                                <Td dataLabel={_("Network")}>{n.network || n.network_uuid || "–"}</Td>
                                <Td dataLabel={_("Addresses")}>{(n.addresses ?? []).join(", ") || "–"}</Td>
                                <Td dataLabel={_("MAC address")}><code>{n.mac}</code></Td>
                                <Td dataLabel={_("Device")}>{[n.device, n.bridge].filter(Boolean).join(" → ") || n.type || "–"}</Td>
                        </Tr>)}</Tbody>
                </Table>}
        </Section>;
}

function Volumes({ instance }: { instance: Instance }) {
        return <Section id="volume-card" title={_("Volumes")}>
                {instance.Volumes.length === 0 ? <p className="nova-aside">{_("It has no volumes.")}</p>
                : <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Volumes")} borders={false}>
                        <Thead><Tr><Th>{_("Device")}</Th><Th>{_("Size")}</Th><Th>{_("Volume")}</Th></Tr></Thead>
                        <Tbody>{instance.Volumes.map(v => <Tr key={v.id}>
                                <Td dataLabel={_("Device")}>{v.device || "–"}{v.boot_index === 0 && <> <Label isCompact>{_("boot")}</Label></>}</Td>
                                <Td dataLabel={_("Size")}>{gib(v.size_gib ?? 0)}</Td>
                                <Td dataLabel={_("Volume")}><span className="nova-break">{v.id}</span></Td>
                        </Tr>)}</Tbody>
                </Table>}
        </Section>;
}

function Jobs({ instance }: { instance: Instance }) {
        const all = useDaemon(s => s.jobs);
        const jobs = useMemo(() => [...all.values()].filter(j => j.Instance === instance.path).sort((a, b) => a.Id - b.Id), [all, instance.path]);
        return <Section id="job-card" title={_("Jobs")}>
                {jobs.length === 0 ? <p className="nova-aside" id="no-jobs">{_("Nothing is under way.")}</p> : <JobTable jobs={jobs} withInstance={false} />}
        </Section>;
}

interface Action { action: string; request_id: string; user: string; start: number; finish: number; message: string; events: Record<string, Variant>[] }

/* What was done with it, and what the hypervisor says of it: asked when the view is opened and when something of it has ended. */
function History({ instance }: { instance: Instance }) {
        const refusal = useRefusal("read-diagnostics");
        const phase = useDaemon(s => s.phase);
        const [actions, setActions] = useState<Action[] | null>(null);
        const [diagnostics, setDiagnostics] = useState<Record<string, unknown> | null>(null);
        const [error, setError] = useState("");
        const [noDiagnostics, setNoDiagnostics] = useState("");
        const running = instance.Jobs.length;
        useEffect(() => {
                if (phase !== "ready" || running > 0)
                        return undefined;
                let over = false;
                connection.call(instance.path, INSTANCE, "GetActions", [{}], "a{sv}").then(([all]) => {
                        if (!over)
                                setActions(plain({ t: "aa{sv}", v: all }) as Action[]);
                }, e => !over && setError(sentence(e)));
                connection.call(instance.path, INSTANCE, "GetDiagnostics", [{}], "a{sv}").then(([json]) => {
                        if (!over) {
                                setDiagnostics(JSON.parse(json as string) as Record<string, unknown>);
                                setNoDiagnostics("");
                        }
                }, e => {
                        if (!over) {
                                setDiagnostics(null);
                                setNoDiagnostics(sentence(e));
                        }
                });
                return () => { over = true; };
        }, [instance.path, instance.PowerState, phase, running]);
        if (error || refusal && phase === "ready")
                return <Alert variant="danger" isInline title={_("The history cannot be read")} id="history-error">{error || refusal}</Alert>;
        return <div className="nova-stack">
                <Section id="action-card" title={_("What was done")}>
                        {actions === null ? <Spinner size="lg" aria-label={_("Loading")} /> : actions.length === 0 ? <p className="nova-aside">{_("Nothing yet.")}</p>
                        : <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("What was done")} borders={false}>
                                <Thead><Tr><Th>{_("Action")}</Th><Th>{_("Began")}</Th><Th>{_("Ended")}</Th><Th>{_("Result")}</Th><Th>{_("By")}</Th></Tr></Thead>
                                <Tbody>{actions.map((a, n) => {
                                        const results = (a.events ?? []).map(e => String(e.result ?? "")).filter(Boolean);
                                        return <Tr key={n} data-action={a.action}>
                                                <Td dataLabel={_("Action")}><span title={a.request_id}>{method(a.action)}</span></Td>
                                                <Td dataLabel={_("Began")}>{time(a.start)}</Td>
                                                <Td dataLabel={_("Ended")}>{a.finish ? time(a.finish) : "–"}</Td>
                                                <Td dataLabel={_("Result")}>{a.message || results.join(", ") || "–"}</Td>
                                                <Td dataLabel={_("By")}><span className="nova-break">{a.user || "–"}</span></Td>
                                        </Tr>;
                                })}</Tbody>
                        </Table>}
                </Section>
                <Section id="diagnostics-card" title={_("What the hypervisor says")}>
                        {noDiagnostics ? <Alert variant="info" isInline isPlain title={_("There are no diagnostics")}>{noDiagnostics}</Alert>
                        : diagnostics === null ? <Spinner size="lg" aria-label={_("Loading")} />
                        : <DescriptionList isHorizontal isCompact id="diagnostics">{Object.entries(diagnostics).filter(([, v]) => v !== null)
                                .map(([k, v]) => <Fact key={k} name={k.replace(/_/g, " ")}>{typeof v === "object" ? <code className="nova-break">{JSON.stringify(v)}</code> : String(v)}</Fact>)}</DescriptionList>}
                </Section>
        </div>;
}

export function InstancePage({ uuid, tab }: { uuid: string; tab: string }) {
        const instance = useDaemon(s => s.instances.get(path(uuid)));
        const epoch = useDaemon(s => s.epoch);
        const faulty = instance?.Fault && instance.VmState === "error";
        const crumbs = <Breadcrumb><BreadcrumbItem><Button variant="link" isInline onClick={() => go([])}>{_("Instances")}</Button></BreadcrumbItem>
                <BreadcrumbItem isActive>{instance ? label(instance) : uuid}</BreadcrumbItem></Breadcrumb>;
        if (!instance)
                return <div className="nova-stack">{crumbs}
                        {epoch === 0 ? <EmptyState titleText={_("Looking for it")} icon={Spinner} headingLevel="h2" />
                        : <EmptyState titleText={_("This instance is not here")} headingLevel="h2" id="gone">
                                <EmptyStateBody>{_("It was deleted, or never was on this host.")}</EmptyStateBody>
                                <EmptyStateFooter><EmptyStateActions><Button onClick={() => go([])}>{_("To the instances")}</Button></EmptyStateActions></EmptyStateFooter>
                        </EmptyState>}
                </div>;
        return <div className="nova-stack">
                {crumbs}
                <header className="nova-header" data-uuid={uuid}>
                        <h1>{label(instance)}</h1>
                        <span className="nova-states"><StateLabel instance={instance} />
                                {instance.Locked && <Label isCompact icon={<LockIcon />} id="locked">{_("Locked")}</Label>}</span>
                        <div className="nova-actions"><Actions instance={instance} wide /></div>
                </header>
                {faulty && <Alert variant="danger" isInline title={instance.Fault} id="fault">{time(instance.FaultUSec)}</Alert>}
                <Tabs activeKey={tab} onSelect={(_event, key) => replace(["instance", uuid, ...key === "overview" ? [] : [String(key)]])} aria-label={_("Views of the instance")} role="region">
                        <Tab eventKey="overview" id="tab-overview" tabContentId="view" title={<TabTitleText>{_("Overview")}</TabTitleText>} />
                        <Tab eventKey="console" id="tab-console" tabContentId="view" title={<TabTitleText>{_("Console")}</TabTitleText>} />
                        <Tab eventKey="history" id="tab-history" tabContentId="view" title={<TabTitleText>{_("History")}</TabTitleText>} />
                        <Tab eventKey="log" id="tab-log" tabContentId="view" title={<TabTitleText>{_("Log")}</TabTitleText>} />
                </Tabs>
                <div id="view" role="tabpanel" aria-labelledby={`pf-tab-${tab}-tab-${tab}`}>
                {tab === "console" ? <Console instance={instance} />
                : tab === "history" ? <History instance={instance} />
                : tab === "log" ? <LogCard match={"INSTANCE_UUID=" + uuid} title={_("Log of this instance")} />
                : <div className="nova-columns nova-uneven"><Facts instance={instance} />
                        <div className="nova-stack"><Jobs instance={instance} /><Networks instance={instance} /><Volumes instance={instance} /></div></div>}
                </div>
        </div>;
}

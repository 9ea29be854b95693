/* The page: banners for what is wrong with the connection, and below them the view that its address names. */
import { useEffect, useMemo, useState } from "react";
import { AlertActionCloseButton, AlertActionLink, AlertGroup, Card, CardBody, CardHeader, CardTitle, EmptyState, Spinner, Tab,
         Tabs, TabTitleText } from "@patternfly/react-core";
import type { Cockpit } from "./cockpit";
import { Alert } from "./ui/alert";
import { InstanceCard } from "./ui/instances";
import { InstancePage } from "./ui/instance";
import { ResourceCard, ServiceCard } from "./ui/host";
import { DriftCard, StalledAlert } from "./ui/trouble";
import { JobTable } from "./ui/jobs";
import { LogCard } from "./ui/log";
import { AbsentAlert } from "./ui/unit";
import { _, connection, replace, store, useDaemon, useLocation } from "./ui/context";

declare const cockpit: Cockpit;

function Notices() {
        const notices = useDaemon(s => s.notices);
        return <AlertGroup isToast isLiveRegion aria-label={_("Notices")}>
                {notices.map(n => <Alert key={n.id} variant={n.kind} title={n.title} timeout={n.kind === "success" ? 6000 : false} onTimeout={() => store.dismiss(n.id)}
                                         actionClose={<AlertActionCloseButton title={n.title} onClose={() => store.dismiss(n.id)} />}>{n.text}</Alert>)}
        </AlertGroup>;
}

/* Reloads by itself when the user gains or loses administrative access: Cockpit's permission object does that. */
function LimitedAlert() {
        const [allowed, setAllowed] = useState<boolean | null>(true);
        const asks = useDaemon(s => Object.values(s.leaves).some(l => l !== "yes"));
        useEffect(() => {
                const permission = cockpit.permission({ admin: true });
                const take = () => setAllowed(permission.allowed);
                permission.addEventListener("changed", take);
                take();
                return () => permission.close();
        }, []);
        if (allowed !== false || !asks)
                return null;
        return <Alert id="limited" variant="info" isInline isPlain title={_("You see everything. What changes something asks for authorization first, or needs administrative access.")} />;
}

function JobsCard() {
        const all = useDaemon(s => s.jobs);
        const jobs = useMemo(() => [...all.values()].sort((a, b) => a.Id - b.Id), [all]);
        if (jobs.length === 0)
                return null;
        return <Card id="jobs-card"><CardHeader><CardTitle component="h2">{_("Jobs")} <span className="nova-count">{jobs.length}</span></CardTitle></CardHeader>
                <CardBody><JobTable jobs={jobs} withInstance /></CardBody></Card>;
}

function Host({ tab }: { tab: string }) {
        return <div className="nova-stack">
                <h1 className="pf-v6-screen-reader">{_("Compute")}</h1>
                <Tabs activeKey={tab} onSelect={(_event, key) => replace(key === "log" ? ["log"] : [])} aria-label={_("Views of the host")} role="region">
                        <Tab eventKey="overview" id="tab-overview" tabContentId="view" title={<TabTitleText>{_("Overview")}</TabTitleText>} />
                        <Tab eventKey="log" id="tab-log" tabContentId="view" title={<TabTitleText>{_("Log")}</TabTitleText>} />
                </Tabs>
                <div id="view" role="tabpanel" aria-labelledby={`pf-tab-${tab}-tab-${tab}`} className="nova-stack">
                {tab === "log" ? <LogCard match="--unit=nova-compute.service" title={_("Log of the compute service")} linked />
                : <>
                        <StalledAlert />
                        <div className="nova-columns"><ServiceCard /><ResourceCard /></div>
                        <JobsCard />
                        <DriftCard />
                        <InstanceCard />
                </>}
                </div>
        </div>;
}

export function App() {
        const phase = useDaemon(s => s.phase);
        const problem = useDaemon(s => s.problem);
        const epoch = useDaemon(s => s.epoch);
        const { path } = useLocation();
        useEffect(() => connection.open(), []);
        const nothing = epoch === 0 && (phase === "waiting" || phase === "absent" || phase === "broken");
        return <main className={"nova" + (epoch > 0 && phase !== "ready" ? " nova-old" : "")} data-phase={phase} data-epoch={epoch} aria-busy={phase === "loading"}>
                {phase === "absent" && <AbsentAlert />}
                {phase === "broken" && <Alert id="broken" variant="danger" isInline title={_("The compute service cannot be reached")}
                                              actionLinks={<AlertActionLink onClick={connection.reopen}>{_("Try again")}</AlertActionLink>}>{problem}</Alert>}
                <LimitedAlert />
                {nothing && phase === "waiting" ? <EmptyState titleText={_("Looking for the compute service")} icon={Spinner} headingLevel="h1" />
                : path[0] === "instance" && path[1] ? <InstancePage uuid={path[1]} tab={path[2] ?? "overview"} />
                : nothing ? (path[0] === "log" ? <Host tab="log" /> : null)
                : <Host tab={path[0] === "log" ? "log" : "overview"} />}
                <Notices />
        </main>;
}

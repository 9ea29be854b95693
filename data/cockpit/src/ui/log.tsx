/* The journal, of the service or of one instance. Cockpit's documented API has no journal of its own: journalctl is spawned, and
   followed until the view goes. */
import { useEffect, useMemo, useState } from "react";
import { Button, Card, CardBody, CardHeader, CardTitle, EmptyState, EmptyStateBody, FormSelect, FormSelectOption, Label, SearchInput,
         Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import type { Cockpit } from "../cockpit";
import { _, go, useDaemon } from "./context";
import { label, path, time, type Colour } from "./text";

declare const cockpit: Cockpit;

const LINES = 200;              /* from before */
const KEPT = 1000;

interface Entry { cursor: string; usec: number; priority: number; message: string; uuid: string; request: string; operation: string }

function text(value: unknown): string {
        if (typeof value === "string")
                return value;
        /* what is no UTF-8 comes as its bytes */
        return Array.isArray(value) && typeof value[0] === "number" ? new TextDecoder().decode(Uint8Array.from(value as number[]))
                : Array.isArray(value) ? text(value[0]) : "";
}

function entry(line: string): Entry | null {
        let e: Record<string, unknown>;
        try {
                e = JSON.parse(line) as Record<string, unknown>;
        } catch {
                return null;
        }
        return { cursor: text(e.__CURSOR), usec: Number(text(e.__REALTIME_TIMESTAMP)), priority: Number(text(e.PRIORITY) || 6), message: text(e.MESSAGE),
                 uuid: text(e.INSTANCE_UUID), request: text(e.REQUEST_ID), operation: text(e.OPERATION) };
}

function level(priority: number): [string, Colour] | null {
        return priority <= 3 ? [_("error"), "red"] : priority === 4 ? [_("warning"), "orange"] : priority === 5 ? [_("notice"), "blue"] : null;
}

function Origin({ uuid }: { uuid: string }) {
        const instance = useDaemon(s => s.instances.get(path(uuid)));
        return instance ? <> <Button variant="link" isInline className="nova-small" onClick={() => go(["instance", uuid])}>{label(instance)}</Button></> : null;
}

export function LogCard({ match, title, linked = false }: { match: string; title: string; linked?: boolean }) {
        const [entries, setEntries] = useState<Entry[]>([]);
        const [problem, setProblem] = useState("");
        const [began, setBegan] = useState(false);
        const [priority, setPriority] = useState("7");
        const [wanted, setWanted] = useState("");

        useEffect(() => {
                let rest = "", kept: Entry[] = [], timer = 0;
                setEntries([]);
                setProblem("");
                setBegan(false);
                const process = cockpit.spawn(["journalctl", "--quiet", "--no-pager", "--output=json", "--all", "--follow", "--lines=" + LINES,
                                               "--priority=" + priority, ...match.startsWith("--") ? [match] : [match]],
                                              { superuser: "try", err: "message", latency: 200 });
                const started = window.setTimeout(() => setBegan(true), 1500);
                process.stream(data => {
                        const lines = (rest + data).split("\n");
                        rest = lines.pop() as string;
                        kept = kept.concat(lines.map(entry).filter(e => e !== null)).slice(-KEPT);
                        timer ||= window.setTimeout(() => { timer = 0; setEntries(kept); }, 100);
                });
                process.catch((e: { problem?: string; message?: string }) => {
                        if (e.problem !== "cancelled")
                                setProblem(e.message || e.problem || "");
                });
                return () => {
                        window.clearTimeout(timer);
                        window.clearTimeout(started);
                        process.close("cancelled");
                };
        }, [match, priority]);

        const shown = useMemo(() => {
                const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
                return entries.filter(e => words.every(w => (e.message + " " + e.request + " " + e.operation).toLowerCase().includes(w))).reverse();
        }, [entries, wanted]);
        return <Card id="log-card">
                <CardHeader><CardTitle component="h2">{title}</CardTitle></CardHeader>
                <CardBody>
                        <Toolbar inset={{ default: "insetNone" }}><ToolbarContent>
                                <ToolbarItem className="nova-search"><SearchInput id="log-filter" aria-label={_("Filter the log")} placeholder={_("Words, request id")} value={wanted}
                                        onChange={(_event, v) => setWanted(v)} onClear={() => setWanted("")} resetButtonLabel={_("Clear")} /></ToolbarItem>
                                <ToolbarItem><FormSelect id="log-priority" aria-label={_("Least priority")} value={priority} onChange={(_event, v) => setPriority(v)}>
                                        <FormSelectOption value="7" label={_("Everything")} /><FormSelectOption value="5" label={_("Notices and worse")} />
                                        <FormSelectOption value="4" label={_("Warnings and worse")} /><FormSelectOption value="3" label={_("Errors")} /></FormSelect></ToolbarItem>
                        </ToolbarContent></Toolbar>
                        {problem ? <EmptyState titleText={_("The journal cannot be read")} status="danger" headingLevel="h3" variant="sm" id="log-problem"><EmptyStateBody>{problem}</EmptyStateBody></EmptyState>
                        : shown.length === 0 ? (began || entries.length > 0) && <EmptyState titleText={_("No entries")} headingLevel="h3" variant="sm" id="log-empty">
                                <EmptyStateBody>{_("Or none that you may read: the system's journal is for administrators and members of systemd-journal.")}</EmptyStateBody></EmptyState>
                        : <ol id="log" className="nova-log" aria-label={title}>{shown.map(e => <li key={e.cursor} data-priority={e.priority}>
                                <time dateTime={new Date(e.usec / 1000).toISOString()}>{time(e.usec)}</time>
                                <span className="nova-message">{level(e.priority) && <Label color={(level(e.priority) as [string, Colour])[1]} isCompact>{(level(e.priority) as [string, Colour])[0]}</Label>} {e.message}
                                        {linked && e.uuid && <Origin uuid={e.uuid} />}
                                        {e.request && <span className="nova-request" title={_("Request")}> {e.request}</span>}</span>
                        </li>)}</ol>}
                </CardBody>
        </Card>;
}

/* All instances of the host, filtered by what stands in the address of the page. */
import { memo, useMemo, useState } from "react";
import { Button, Card, CardBody, CardHeader, CardTitle, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, FormSelect,
         FormSelectOption, Label, Pagination, SearchInput, Skeleton, Spinner, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import SearchIcon from "@patternfly/react-icons/dist/esm/icons/search-icon";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import type { Instance } from "../store/types";
import { Actions } from "./actions";
import { CreateDialog } from "./create";
import { _, format, go, replace, useDaemon, useLocation, useRefusal } from "./context";
import { task } from "./names";
import { addresses, gib, label, mib, state } from "./text";

const PAGE = 50;
const order = new Intl.Collator(undefined, { numeric: true });

export function StateLabel({ instance }: { instance: Instance }) {
        const [text, colour] = state(instance);
        return <>
                <Label className="nova-state" color={colour} isCompact>{text}</Label>
                {instance.TaskState && <span className="nova-task"><Spinner size="sm" aria-hidden /> {task(instance)}</span>}
        </>;
}

function matches(instance: Instance, words: string[], wanted: string): boolean {
        if (wanted && (wanted === "busy" ? !instance.TaskState : wanted === "locked" ? !instance.Locked : instance.VmState !== wanted))
                return false;
        if (words.length === 0)
                return true;
        const text = [instance.DisplayName, instance.Name, instance.Uuid, instance.Hostname, instance.Project, instance.Flavor, instance.Image,
                      ...addresses(instance)].join("\n").toLowerCase();
        return words.every(w => text.includes(w));
}

/* Of a thousand instances one changes: its row alone is made anew. */
const Row = memo(function Row({ instance }: { instance: Instance }) {
        return <Tr data-uuid={instance.Uuid}>
                <Td dataLabel={_("Name")}><Button variant="link" isInline onClick={() => go(["instance", instance.Uuid])}>{label(instance)}</Button>
                        {instance.Locked && <span className="nova-lock" title={_("Locked")}><LockIcon aria-label={_("Locked")} role="img" /></span>}</Td>
                <Td dataLabel={_("State")}><StateLabel instance={instance} /></Td>
                <Td dataLabel={_("Size")}><span className="nova-nowrap">{format(_("$0 vCPU"), instance.VCPUs)}, {mib(instance.MemoryMiB)}{instance.RootGiB ? ", " + gib(instance.RootGiB) : ""}</span></Td>
                <Td dataLabel={_("Addresses")}>{addresses(instance).join(", ") || "–"}</Td>
                <Td dataLabel={_("Project")}><span className="nova-break">{instance.Project || "–"}</span></Td>
                <Td isActionCell><Actions instance={instance} /></Td>
        </Tr>;
});

function pagination() {
        return { paginationAriaLabel: _("Pages of the instances"), toPreviousPageAriaLabel: _("Page before"), toNextPageAriaLabel: _("Next page"), items: "",
                 ofWord: _("of"), perPageSuffix: _("a page"), itemsPerPage: _("Instances a page"), optionsToggleAriaLabel: _("Instances a page") };
}

export function CreateButton() {
        const refusal = useRefusal("create-instances");
        const [open, setOpen] = useState(false);
        return <>
                <Button id="create" isDisabled={!!refusal} title={refusal || undefined} onClick={() => setOpen(true)}>{_("Create instance")}</Button>
                {open && <CreateDialog onClose={() => setOpen(false)} />}
        </>;
}

export function InstanceCard() {
        const all = useDaemon(s => s.instances);
        const phase = useDaemon(s => s.phase);
        const epoch = useDaemon(s => s.epoch);
        const { options } = useLocation();
        const text = String(options.name ?? ""), wanted = String(options.state ?? "");
        const [page, setPage] = useState(1);
        const words = useMemo(() => text.toLowerCase().split(/\s+/).filter(Boolean), [text]);
        const found = useMemo(() => [...all.values()].filter(i => matches(i, words, wanted))
                .sort((a, b) => order.compare(label(a), label(b)) || (a.Uuid < b.Uuid ? -1 : 1)), [all, words, wanted]);
        const pages = Math.max(1, Math.ceil(found.length / PAGE)), at = Math.min(page, pages);
        const filter = (change: Record<string, string>) =>
                replace([], Object.fromEntries(Object.entries({ name: text, state: wanted, ...change }).filter(([, v]) => v)));
        const states: [string, string][] = [["", _("All states")], ["active", _("Running")], ["stopped", _("Stopped")], ["paused", _("Paused")],
                ["suspended", _("Suspended")], ["building", _("Building")], ["rescued", _("Rescued")], ["error", _("Error")],
                ["soft-delete", _("Soft-deleted")], ["busy", _("With something under way")], ["locked", _("Locked")]];
        return <Card id="instance-card">
                <CardHeader actions={{ actions: <CreateButton />, hasNoOffset: true }}>
                        <CardTitle component="h2">{_("Instances")} <span className="nova-count" id="instance-count">{epoch > 0 ? all.size : ""}</span></CardTitle>
                </CardHeader>
                <CardBody>
                        {epoch === 0 && phase === "loading" ? <Skeleton height="8rem" screenreaderText={_("Loading")} />
                        : all.size === 0 ? <EmptyState titleText={epoch === 0 ? _("No instances are known yet") : _("There are no instances on this host")}
                                                       icon={ServerIcon} headingLevel="h3" variant="sm" id="no-instances">
                                <EmptyStateBody>{_("What is created here or sent by the cloud's scheduler shows up at once.")}</EmptyStateBody>
                        </EmptyState>
                        : <>
                                <Toolbar inset={{ default: "insetNone" }}><ToolbarContent>
                                        <ToolbarItem className="nova-search"><SearchInput id="filter-name" aria-label={_("Filter by name, uuid, address or project")}
                                                placeholder={_("Name, uuid, address, project")} value={text} onChange={(_event, v) => filter({ name: v })} onClear={() => filter({ name: "" })} resetButtonLabel={_("Clear")} /></ToolbarItem>
                                        <ToolbarItem><FormSelect id="filter-state" aria-label={_("Filter by state")} value={wanted} onChange={(_event, v) => filter({ state: v })}>
                                                {states.map(([v, t]) => <FormSelectOption key={v} value={v} label={t} />)}</FormSelect></ToolbarItem>
                                        {pages > 1 && <ToolbarItem align={{ default: "alignEnd" }} variant="pagination">
                                                <Pagination isCompact itemCount={found.length} perPage={PAGE} page={at} onSetPage={(_event, n) => setPage(n)} perPageOptions={[{ title: String(PAGE), value: PAGE }]}
                                                            titles={pagination()} />
                                        </ToolbarItem>}
                                </ToolbarContent></Toolbar>
                                {found.length === 0
                                        ? <EmptyState titleText={_("No instance is like that")} icon={SearchIcon} headingLevel="h3" variant="sm" id="no-match">
                                                <EmptyStateFooter><EmptyStateActions><Button variant="link" onClick={() => replace([])}>{_("Show all")}</Button></EmptyStateActions></EmptyStateFooter>
                                        </EmptyState>
                                        : <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Instances")} id="instances">
                                                <Thead><Tr><Th>{_("Name")}</Th><Th>{_("State")}</Th><Th>{_("Size")}</Th><Th>{_("Addresses")}</Th><Th>{_("Project")}</Th><Th screenReaderText={_("Actions")} /></Tr></Thead>
                                                <Tbody>{found.slice((at - 1) * PAGE, at * PAGE).map(i => <Row key={i.path} instance={i} />)}</Tbody>
                                        </Table>}
                        </>}
                </CardBody>
        </Card>;
}

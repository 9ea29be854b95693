/* The host: what the service is and does, and what room there is. */
import { useState } from "react";
import { Button, Card, CardBody, CardHeader, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup,
         DescriptionListTerm, Dropdown, DropdownItem, DropdownList, Form, FormGroup, FormHelperText, HelperText, HelperTextItem,
         Label, MenuToggle, Modal, ModalBody, ModalFooter, ModalHeader, Progress, Skeleton, TextInput } from "@patternfly/react-core";
import EllipsisVIcon from "@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon";
import type { ReactNode } from "react";
import { ROOT, SERVICE, type Service } from "../store/types";
import { Alert } from "./alert";
import { _, connection, format, sentence, store, useDaemon, useRefusal } from "./context";
import { gib, mib, number, time, type Colour } from "./text";

export function Fact({ name, children }: { name: string; children: ReactNode }) {
        return <DescriptionListGroup>
                <DescriptionListTerm>{name}</DescriptionListTerm>
                <DescriptionListDescription>{children}</DescriptionListDescription>
        </DescriptionListGroup>;
}

function stateOf(service: Service): [string, Colour] {
        return ({ running: [_("Running"), "green"], degraded: [_("Running, with trouble"), "orange"], starting: [_("Starting"), "blue"],
                  stopping: [_("Stopping"), "blue"], stopped: [_("Stopped"), "grey"], failed: [_("Failed"), "red"] } as
                Record<string, [string, Colour]>)[service.State] ?? [service.State, "grey"];
}

function broker(service: Service): [string, Colour] {
        return ({ connected: [_("connected"), "green"], connecting: [_("connecting"), "blue"], waiting: [_("lost, tried again"), "orange"],
                  idle: [_("not configured"), "grey"], closed: [_("closed"), "grey"] } as
                Record<string, [string, Colour]>)[service.BrokerState] ?? [service.BrokerState, "grey"];
}

function DisableDialog({ onClose }: { onClose: () => void }) {
        const [reason, setReason] = useState("");
        const [busy, setBusy] = useState(false);
        const [error, setError] = useState("");
        const press = async () => {
                setBusy(true);
                try {
                        await connection.call(ROOT, SERVICE, "Disable", [reason.trim(), {}], "sa{sv}");
                        onClose();
                } catch (e) {
                        setError(sentence(e));
                        setBusy(false);
                }
        };
        return <Modal isOpen variant="small" onClose={onClose} aria-labelledby="disable-title" id="disable-dialog" elementToFocus="#disable-reason">
                <ModalHeader title={_("Take this host out of scheduling")} labelId="disable-title" />
                <ModalBody>
                        {error && <Alert variant="danger" isInline title={_("It is not done")} className="nova-gap">{error}</Alert>}
                        <Form onSubmit={event => { event.preventDefault(); if (!busy && reason.trim()) void press(); }}>
                                <FormGroup label={_("Reason")} isRequired fieldId="disable-reason">
                                        <TextInput id="disable-reason" value={reason} onChange={(_event, v) => setReason(v)} maxLength={255} autoComplete="off" />
                                        <FormHelperText><HelperText><HelperTextItem>
                                                {_("Instances that are here stay and can be managed; the scheduler sends no new ones.")}
                                        </HelperTextItem></HelperText></FormHelperText>
                                </FormGroup>
                        </Form>
                </ModalBody>
                <ModalFooter>
                        <Button id="disable-apply" onClick={press} isDisabled={busy || !reason.trim()} isLoading={busy}>{_("Disable")}</Button>
                        <Button variant="link" onClick={onClose}>{_("Cancel")}</Button>
                </ModalFooter>
        </Modal>;
}

/* A verb of the service. It answers when it is done; the button waits for that. */
function ServiceButton({ method, action, label, done }: { method: string; action: string; label: string; done?: string }) {
        const refusal = useRefusal(action);
        const [busy, setBusy] = useState(false);
        const press = async () => {
                setBusy(true);
                try {
                        await connection.call(ROOT, SERVICE, method, [{}], "a{sv}");
                        if (done)
                                store.notify("success", done);
                } catch (e) {
                        store.notify("danger", label, sentence(e));
                } finally {
                        setBusy(false);
                }
        };
        return <Button variant="secondary" size="sm" id={"host-" + method} title={refusal || undefined} isDisabled={!!refusal || busy} isLoading={busy}
                       onClick={press}>{label}</Button>;
}

function ServiceMenu() {
        const [open, setOpen] = useState(false);
        const refusal = useRefusal("manage-service");
        const state = useDaemon(s => s.service?.State ?? "");
        const press = (method: string, label: string) => {
                setOpen(false);
                connection.call(ROOT, SERVICE, method, [{}], "a{sv}").catch(e => store.notify("danger", label, sentence(e)));
        };
        const item = (method: string, label: string, fits: boolean, description: string) =>
                <DropdownItem key={method} id={"service-" + method} isDisabled={!fits} description={description} onClick={() => press(method, label)}>{label}</DropdownItem>;
        const stopped = state === "stopped" || state === "failed";
        return <Dropdown isOpen={open} onOpenChange={setOpen} shouldFocusFirstItemOnOpen shouldFocusToggleOnSelect popperProps={{ position: "right" }}
                         toggle={ref => <MenuToggle ref={ref} variant="plain" isExpanded={open} isDisabled={!!refusal} onClick={() => setOpen(!open)}
                                                    id="service-menu" aria-label={_("Actions of the service")}><EllipsisVIcon /></MenuToggle>}>
                <DropdownList>
                        {item("Start", _("Start consuming"), stopped, _("Take requests again"))}
                        {item("Stop", _("Stop consuming"), !stopped, _("Ends what runs; the daemon stays and guests go on"))}
                        {item("Reload", _("Reload the configuration"), true, _("As systemctl reload does"))}
                </DropdownList>
        </Dropdown>;
}

function EnableButton() {
        const refusal = useRefusal("manage-service");
        const enabled = useDaemon(s => s.service?.Enabled);
        const [dialog, setDialog] = useState(false);
        if (enabled === false)
                return <ServiceButton method="Enable" action="manage-service" label={_("Enable")} />;
        return <>
                <Button variant="secondary" size="sm" id="host-Disable" isDisabled={!!refusal} title={refusal || undefined} onClick={() => setDialog(true)}>{_("Disable") + "…"}</Button>
                {dialog && <DisableDialog onClose={() => setDialog(false)} />}
        </>;
}

export function ServiceCard() {
        const phase = useDaemon(s => s.phase);
        const away = phase === "absent" || phase === "broken";
        const service = useDaemon(s => s.service);
        const node = useDaemon(s => s.node);
        const unread = service?.State === "starting" && service.LastReportUSec === 0;   /* its row has not been read yet */
        return <Card id="host-card" isFullHeight>
                <CardHeader actions={{ actions: <ServiceMenu />, hasNoOffset: true }}>
                        <CardTitle component="h2">{service?.Host || _("Host")}</CardTitle>
                </CardHeader>
                <CardBody>
                        {!service ? <Skeleton height="10rem" screenreaderText={_("Loading")} /> : <>
                                <DescriptionList isHorizontal isCompact horizontalTermWidthModifier={{ default: "9rem" }}>
                                        <Fact name={_("Service")}>
                                                <Label id="host-state" color={away ? "red" : stateOf(service)[1]} isCompact>{away ? _("Away") : stateOf(service)[0]}</Label>
                                                {service.State === "starting" && <> {service.Step.replace(/_/g, " ")}</>}
                                                {service.Trouble && <div id="host-trouble">{service.Trouble}</div>}
                                        </Fact>
                                        <Fact name={_("Scheduling")}>
                                                <Label id="host-enabled" color={unread ? "grey" : service.Enabled ? "green" : "orange"} isCompact>
                                                        {unread ? _("Not known yet") : service.Enabled ? _("Enabled") : _("Disabled")}</Label>
                                                {!service.Enabled && service.DisabledReason && <> <span id="host-reason">{service.DisabledReason}</span></>}
                                                {service.ForcedDown && <> <Label color="red" isCompact>{_("Forced down")}</Label></>}
                                        </Fact>
                                        <Fact name={_("Broker")}>
                                                <Label id="host-broker" color={broker(service)[1]} isCompact>{broker(service)[0]}</Label> {service.BrokerAddress}
                                                {service.BrokerBlocked && <div>{_("It takes no messages now, for want of memory or disk.")}</div>}
                                                {service.BrokerError && <div>{service.BrokerError}</div>}
                                        </Fact>
                                        {node && <Fact name={_("Hypervisor")}>
                                                <Label id="host-hypervisor" color={node.HypervisorConnected ? "green" : unread ? "grey" : "red"} isCompact>
                                                        {node.HypervisorConnected ? _("connected") : unread ? _("not asked yet") : _("away")}</Label> {node.HypervisorType} {version(node.HypervisorVersion)}
                                                {node.HypervisorError && <div>{node.HypervisorError}</div>}
                                        </Fact>}
                                        <Fact name={_("Last report")}><span id="host-report">{time(service.LastReportUSec)}</span> ({format(_("$0 in all"), number(service.ReportCount))})</Fact>
                                        <Fact name={_("Version")}>{service.Version}</Fact>
                                </DescriptionList>
                                <div className="nova-buttons">
                                        <EnableButton />
                                        <ServiceButton method="ReportState" action="report-state" label={_("Report now")} />
                                </div>
                        </>}
                </CardBody>
        </Card>;
}

function version(value: number): string {
        return value ? `${Math.floor(value / 1e6)}.${Math.floor(value / 1e3) % 1000}.${value % 1000}` : "";
}

function ResourceBar({ id, name, used, total, reserved, ratio, unit }:
                     { id: string; name: string; used: number; total: number; reserved: number; ratio: number; unit: (v: number) => string }) {
        const room = Math.max(0, total - reserved) * (ratio || 1);
        const most = Math.max(total, room);
        const percent = most > 0 ? Math.min(100, Math.max(0, Math.round(100 * used / most))) : 0;
        const facts = [format(_("$0 of $1"), unit(used), unit(total))];
        if (ratio && ratio !== 1)
                facts.push(format(_("$0 may be given"), unit(room)));
        if (reserved)
                facts.push(format(_("$0 are kept for the host"), unit(reserved)));
        return <Progress id={"bar-" + id} title={name} value={percent} label={facts[0]} valueText={facts.join(", ")} size="sm"
                         helperText={facts.length > 1 ? facts.slice(1).join(", ") : undefined}
                         variant={used > most ? "danger" : percent >= 90 ? "warning" : undefined} />;
}

export function ResourceCard() {
        const node = useDaemon(s => s.node);
        return <Card id="resource-card" isFullHeight>
                <CardHeader><CardTitle component="h2">{_("Resources")}</CardTitle></CardHeader>
                <CardBody>
                        {!node ? <Skeleton height="10rem" screenreaderText={_("Loading")} /> : <>
                                {node.UpdatedUSec ? <div className="nova-bars">
                                        <ResourceBar id="vcpus" name={_("Processors")} used={node.VCPUsUsed} total={node.VCPUs} reserved={node.VCPUsReserved}
                                                     ratio={node.CPUAllocationRatio} unit={number} />
                                        <ResourceBar id="memory" name={_("Memory")} used={node.MemoryUsedMiB} total={node.MemoryMiB} reserved={node.MemoryReservedMiB}
                                                     ratio={node.MemoryAllocationRatio} unit={mib} />
                                        <ResourceBar id="disk" name={_("Disk")} used={node.DiskUsedGiB} total={node.DiskGiB} reserved={node.DiskReservedGiB}
                                                     ratio={node.DiskAllocationRatio} unit={gib} />
                                </div> : <p>{_("The resources of this host have not been looked at yet.")}</p>}
                                <div className="nova-buttons">
                                        <ServiceButton method="UpdateAvailableResource" action="update-resources" label={_("Update")} />
                                        <span className="nova-aside" id="resource-updated">{format(_("as of $0"), time(node.UpdatedUSec))}</span>
                                </div>
                        </>}
                </CardBody>
        </Card>;
}

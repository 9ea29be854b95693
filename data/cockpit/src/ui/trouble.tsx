/* What is not as it should be: where store and hypervisor disagree, and what takes too long. Nothing is shown when nothing is wrong. */
import { Button, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { MANAGER, ROOT } from "../store/types";
import { Alert } from "./alert";
import { _, connection, format, go, sentence, store, useDaemon, useRefusal } from "./context";
import { method } from "./names";
import { label, path, time } from "./text";

function Name({ name }: { name: string }) {
        const instance = useDaemon(s => s.instances.get(path(name)));
        return instance ? <Button variant="link" isInline onClick={() => go(["instance", name])}>{label(instance)}</Button> : <code>{name}</code>;
}

function kindOf(kind: string): string {
        return { "guest-unknown": _("Guest of no instance"), "guest-deleted": _("Guest of a deleted instance"), "guest-missing": _("Instance without its guest"),
                 state: _("States differ"), directory: _("Directory of nobody") }[kind] ?? kind;
}

export function DriftCard() {
        const drift = useDaemon(s => s.drift);
        const refusal = useRefusal("manage-service");
        if (drift.length === 0)
                return null;
        const recover = () => {
                connection.verb(ROOT, "Recover", [{}], "a{sv}", _("Store and hypervisor are compared"), _("Repair"), MANAGER)
                        .catch(e => store.notify("danger", _("Repair"), sentence(e)));
        };
        return <Card id="drift-card">
                <CardHeader actions={{ actions: <Button variant="secondary" size="sm" id="recover" isDisabled={!!refusal} onClick={recover}>{_("Repair what may be repaired")}</Button>, hasNoOffset: true }}>
                        <CardTitle component="h2">{_("Store and hypervisor disagree")}</CardTitle>
                </CardHeader>
                <CardBody>
                        <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Drift")} borders={false}>
                                <Thead><Tr><Th>{_("What")}</Th><Th>{_("Of")}</Th><Th>{_("In words")}</Th><Th>{_("Since")}</Th></Tr></Thead>
                                <Tbody>{drift.map(d => <Tr key={d.kind + d.name}>
                                        <Td dataLabel={_("What")}>{kindOf(d.kind)}</Td>
                                        <Td dataLabel={_("Of")}><Name name={d.name} /></Td>
                                        <Td dataLabel={_("In words")}>{d.sentence}</Td>
                                        <Td dataLabel={_("Since")}>{time(d.since)}</Td>
                                </Tr>)}</Tbody>
                        </Table>
                </CardBody>
        </Card>;
}

export function StalledAlert() {
        const stalled = useDaemon(s => s.stalled);
        if (stalled.length === 0)
                return null;
        return <Alert variant="warning" isInline id="stalled" title={_("Some operations take longer than they may")}>
                <ul>{stalled.map((s, n) => <li key={n}>
                        {format(_("$0, since $1"), method(s.method), time(s.since))}{s.uuid && <>: <Name name={s.uuid} /></>}
                </li>)}</ul>
        </Alert>;
}

/* Jobs, the oldest first. */
import { memo } from "react";
import { Button, Label, Progress, ProgressMeasureLocation, ProgressSize } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Job } from "../store/types";
import { JOB } from "../store/types";
import { _, connection, format, go, sentence, store, useDaemon, useRefusal } from "./context";
import { method, step } from "./names";
import { label, number, time } from "./text";

function Cancel({ job }: { job: Job }) {
        const refusal = useRefusal("cancel-jobs");
        const press = () => {
                connection.call(job.path, JOB, "Cancel", [{}], "a{sv}").catch(error => {
                        /* one that has ended meanwhile is as good as cancelled */
                        if (store.get().jobs.has(job.path))
                                store.notify("danger", format(_("$0 is not cancelled"), method(job.Method)), sentence(error));
                });
        };
        return <Button variant="link" isInline onClick={press} isDisabled={!!refusal || !job.Cancellable || job.State === "cancelling"}
                       aria-label={format(_("Cancel job $0"), job.Id)}>{_("Cancel")}</Button>;
}

function InstanceLink({ job }: { job: Job }) {
        const instance = useDaemon(s => s.instances.get(job.Instance));
        if (!job.InstanceUuid)
                return <>{_("the host")}</>;
        return <Button variant="link" isInline onClick={() => go(["instance", job.InstanceUuid])}>{instance ? label(instance) : job.InstanceUuid}</Button>;
}

export function stateOfJob(job: Job): string {
        return { waiting: _("waiting"), running: _("running"), cancelling: _("being cancelled") }[job.State] ?? job.State;
}

function Bar({ job }: { job: Job }) {
        return <Progress id={"job-" + job.Id} value={job.Progress} title={job.Step ? step(job.Step) : stateOfJob(job)} size={ProgressSize.sm}
                         measureLocation={job.Progress ? ProgressMeasureLocation.outside : ProgressMeasureLocation.none}
                         variant={job.Stalled ? "warning" : undefined} aria-label={format(_("Progress of job $0"), job.Id)} />;
}

const Row = memo(function Row({ job, withInstance }: { job: Job; withInstance: boolean }) {
        return <Tr data-job={job.Id} data-method={job.Method}>
                <Td dataLabel={_("Job")}><span title={job.RequestId}>{method(job.Method)}</span></Td>
                {withInstance && <Td dataLabel={_("Instance")}><InstanceLink job={job} /></Td>}
                <Td dataLabel={_("State")}>{stateOfJob(job)} {job.Stalled && <Label color="orange" isCompact>{_("stalled")}</Label>}</Td>
                <Td dataLabel={_("Progress")}><Bar job={job} /></Td>
                <Td dataLabel={_("Since")}><span className="nova-time">{time(job.StartedUSec || job.AcceptedUSec)}</span></Td>
                <Td isActionCell><Cancel job={job} /></Td>
        </Tr>;
});

/* Those that run come first; of what waits behind a thousand others a number is enough. */
const SHOWN = 20;

export function JobTable({ jobs, withInstance }: { jobs: Job[]; withInstance: boolean }) {
        const first = jobs.length <= SHOWN ? jobs : [...jobs].sort((a, b) => Number(a.State === "waiting") - Number(b.State === "waiting")).slice(0, SHOWN);
        return <>
                <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Jobs")} borders={false}>
                        <Thead><Tr>
                                <Th>{_("Job")}</Th>{withInstance && <Th>{_("Instance")}</Th>}
                                <Th>{_("State")}</Th><Th width={35}>{_("Progress")}</Th><Th>{_("Since")}</Th><Th screenReaderText={_("Actions")} />
                        </Tr></Thead>
                        <Tbody>{first.map(job => <Row key={job.path} job={job} withInstance={withInstance} />)}</Tbody>
                </Table>
                {jobs.length > SHOWN && <p className="nova-aside" id="more-jobs">{format(_("$0 more wait or run."), number(jobs.length - SHOWN))}</p>}
        </>;
}

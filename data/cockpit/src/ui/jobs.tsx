import { Button, Label, Progress, ProgressMeasureLocation, ProgressSize } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { Job } from "../store/types";
import { JOB } from "../store/types";
import { _, connection, format, go, sentence, store, useDaemon, useRefusal } from "./context";
import { label, method, time } from "./text";

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
        const step = job.Step.replace(/_/g, " ") || stateOfJob(job);
        return <Progress id={"job-" + job.Id} value={job.Progress} title={step} size={ProgressSize.sm}
                         measureLocation={job.Progress ? ProgressMeasureLocation.outside : ProgressMeasureLocation.none}
                         variant={job.Stalled ? "warning" : undefined} aria-label={format(_("Progress of job $0"), job.Id)} />;
}

export function JobTable({ jobs, withInstance }: { jobs: Job[]; withInstance: boolean }) {
        return <Table variant="compact" gridBreakPoint="grid-md" aria-label={_("Jobs")} borders={false}>
                <Thead><Tr>
                        <Th>{_("Job")}</Th>{withInstance && <Th>{_("Instance")}</Th>}
                        <Th>{_("State")}</Th><Th width={35}>{_("Progress")}</Th><Th>{_("Since")}</Th><Th screenReaderText={_("Actions")} />
                </Tr></Thead>
                <Tbody>{jobs.map(job => <Tr key={job.path} data-job={job.Id} data-method={job.Method}>
                        <Td dataLabel={_("Job")}><span title={job.RequestId}>{method(job.Method)}</span></Td>
                        {withInstance && <Td dataLabel={_("Instance")}><InstanceLink job={job} /></Td>}
                        <Td dataLabel={_("State")}>{stateOfJob(job)} {job.Stalled && <Label color="orange" isCompact>{_("stalled")}</Label>}</Td>
                        <Td dataLabel={_("Progress")}><Bar job={job} /></Td>
                        <Td dataLabel={_("Since")}><span className="nova-time">{time(job.StartedUSec || job.AcceptedUSec)}</span></Td>
                        <Td isActionCell><Cancel job={job} /></Td>
                </Tr>)}</Tbody>
        </Table>;
}

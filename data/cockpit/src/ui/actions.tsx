/* The buttons of an instance, and the dialogs of those that ask first. */
import { useEffect, useState } from "react";
import { Button, Checkbox, Divider, Dropdown, DropdownGroup, DropdownItem, DropdownList, Form, FormGroup, FormHelperText,
         FormSelect, FormSelectOption, HelperText, HelperTextItem, MenuToggle, Modal, ModalBody, ModalFooter, ModalHeader,
         TextArea, TextInput } from "@patternfly/react-core";
import EllipsisVIcon from "@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon";
import type { Instance } from "../store/types";
import { Alert } from "./alert";
import { _, connection, format, sentence, store, useDaemon } from "./context";
import { label } from "./text";
import { call, title, verbs, type Field, type Value, type Values, type Verb } from "./verbs";

/* What is done to which, in a notice. */
function what(verb: Verb, instance: Instance): string {
        return format(_("$0 ($1)"), verb.label, label(instance));
}

async function run(verb: Verb, instance: Instance, values: Values) {
        const [args, type] = call(verb, values);
        await connection.verb(instance.path, verb.verb, args, type, format(verb.done, label(instance)), what(verb, instance));
}

/* "name=value" lines; taken apart again at the end, for an item half typed is none. */
function Pairs({ id, value, onChange }: { id: string; value: Record<string, string>; onChange: (v: Record<string, string>) => void }) {
        const [text, set] = useState(() => Object.entries(value).map(([k, v]) => `${k}=${v}`).join("\n"));
        const [before] = useState(value);
        return <TextArea id={id} value={text} resizeOrientation="vertical" onChange={(_event, now) => {
                set(now);
                const left = Object.fromEntries(now.split("\n").filter(l => l.includes("=")).map(l =>
                        [l.slice(0, l.indexOf("=")).trim(), l.slice(l.indexOf("=") + 1).trim()]));
                /* an empty value takes an item away */
                onChange({ ...Object.fromEntries(Object.keys(before).filter(k => !(k in left)).map(k => [k, ""])), ...left });
        }} />;
}

export function ImageSelect({ id, value, onChange, none }: { id: string; value: string; onChange: (v: string) => void; none: string }) {
        const images = useDaemon(s => s.manager?.Images);
        return <FormSelect id={id} value={value} onChange={(_event, v) => onChange(v)}>
                <FormSelectOption value="" label={none} />
                {(images ?? []).map(([image, name, kind]) =>
                        <FormSelectOption key={image} value={image} label={(name || image) + (kind ? ` (${kind})` : "")} />)}
        </FormSelect>;
}

function Input({ field, instance, value, set }: { field: Field; instance: Instance; value: Value | undefined; set: (v: Value) => void }) {
        const networks = useDaemon(s => s.manager?.Networks);
        const id = "field-" + field.name;
        switch (field.kind) {
        case "check":
                return <Checkbox id={id} label={field.label} isChecked={value === true} onChange={(_event, v) => set(v)} />;
        case "area":
                return <TextArea id={id} value={value as string ?? ""} onChange={(_event, v) => set(v)} resizeOrientation="vertical" />;
        case "pairs":
                return <Pairs id={id} value={value as Record<string, string>} onChange={set} />;
        case "image":
                return <ImageSelect id={id} value={value as string ?? ""} onChange={set} none="—" />;
        case "network":
        case "interface": {
                const choices = field.kind === "network" ? (networks ?? []).map(([name, uuid]) => [uuid || name, name])
                        : instance.Networks.map(n => [n.mac ?? n.port ?? "", `${n.mac} ${n.network ?? ""} ${(n.addresses ?? []).join(" ")}`]);
                return <FormSelect id={id} value={value as string ?? ""} onChange={(_event, v) => set(v)}>
                        <FormSelectOption value="" label="—" />
                        {choices.map(([v, text]) => <FormSelectOption key={v} value={v} label={text} />)}
                </FormSelect>;
        }
        default:
                return <TextInput id={id} value={value as string ?? ""} onChange={(_event, v) => set(v)} isRequired={field.required}
                                  type={field.kind === "number" ? "number" : field.kind === "password" ? "password" : "text"}
                                  min={field.kind === "number" ? 0 : undefined} autoComplete={field.kind === "password" ? "new-password" : "off"} />;
        }
}

function VerbDialog({ verb, instance, onClose }: { verb: Verb; instance: Instance; onClose: () => void }) {
        const [values, setValues] = useState<Values>(() => Object.fromEntries((verb.fields ?? []).filter(f => f.initial)
                .map(f => [f.name, (f.initial as (i: Instance) => Value)(instance)])));
        const [busy, setBusy] = useState(false);
        const [error, setError] = useState("");
        const missing = (verb.fields ?? []).some(f => f.required && !values[f.name]);
        const press = async () => {
                setBusy(true);
                setError("");
                try {
                        await run(verb, instance, values);
                        onClose();
                } catch (e) {
                        setError(sentence(e));
                        setBusy(false);
                }
        };
        return <Modal isOpen variant="small" onClose={onClose} aria-labelledby="verb-title" aria-describedby="verb-body" id="verb-dialog"
                      elementToFocus={verb.fields?.length ? `#field-${verb.fields[0].name}` : "#verb-apply"}>
                <ModalHeader title={what(verb, instance)} labelId="verb-title" titleIconVariant={verb.danger ? "warning" : undefined} />
                <ModalBody id="verb-body">
                        {error && <Alert variant="danger" isInline title={_("It is not done")} className="nova-gap">{error}</Alert>}
                        {verb.question && <p className="nova-gap">{format(verb.question, label(instance))}</p>}
                        {verb.fields && <Form id="verb-form" onSubmit={event => { event.preventDefault(); if (!missing && !busy) void press(); }}>
                                {verb.fields.map(field => <FormGroup key={field.name} fieldId={"field-" + field.name} isRequired={field.required}
                                                                     label={field.kind === "check" ? undefined : field.label}>
                                        <Input field={field} instance={instance} value={values[field.name]} set={v => setValues(old => ({ ...old, [field.name]: v }))} />
                                        {field.help && <FormHelperText><HelperText><HelperTextItem>{field.help}</HelperTextItem></HelperText></FormHelperText>}
                                </FormGroup>)}
                        </Form>}
                </ModalBody>
                <ModalFooter>
                        <Button id="verb-apply" variant={verb.danger ? "danger" : "primary"} isDisabled={missing || busy} isLoading={busy} onClick={press}>
                                {verb.label}</Button>
                        <Button variant="link" onClick={onClose}>{_("Cancel")}</Button>
                </ModalFooter>
        </Modal>;
}

const GROUPS = ["power", "sleep", "image", "guest", "network", "end"] as const;
const PRIMARY = ["start", "unpause", "resume", "unrescue", "restore", "stop", "reboot"];

/* All verbs in a menu, and (@wide) the likeliest beside it as buttons. */
export function Actions({ instance, wide = false }: { instance: Instance; wide?: boolean }) {
        const [open, setOpen] = useState(false);
        const [used, setUsed] = useState(false);        /* a list has a menu in each row: it is made when it is wanted */
        const [dialog, setDialog] = useState<Verb | null>(null);
        const ready = useDaemon(s => s.phase === "ready");
        const leaves = useDaemon(s => s.leaves);
        const allowed = (v: Verb) => ready && instance.Verbs.includes(v.verb) && leaves[v.action] !== "no";
        const why = (v: Verb) => !ready ? _("The compute service does not answer now.")
                : leaves[v.action] === "no" ? _("You are not allowed to do this.") : _("Not in the state it is in.");
        const press = (v: Verb) => {
                setOpen(false);
                if (v.question || v.fields) {
                        setDialog(v);
                        return;
                }
                run(v, instance, {}).catch(error => store.notify("danger", what(v, instance), sentence(error)));
        };
        const all = verbs();
        const primary = wide ? PRIMARY.map(id => all.find(v => v.id === id) as Verb).filter(allowed).slice(0, 3) : [];
        useEffect(() => setOpen(used), [used]);         /* after it is there, or its first item gets no focus */
        const name = format(_("Actions of $0"), label(instance));
        if (!used && !wide)
                return <MenuToggle variant="plain" onClick={() => setUsed(true)} aria-label={name} className="nova-menu"><EllipsisVIcon /></MenuToggle>;
        return <>
                {primary.map((v, n) => <Button key={v.id} variant={n === 0 && v.id !== "stop" && v.id !== "reboot" ? "primary" : "secondary"} data-verb={v.id} onClick={() => press(v)}>{title(v)}</Button>)}
                <Dropdown isOpen={open} onOpenChange={setOpen} shouldFocusFirstItemOnOpen shouldFocusToggleOnSelect popperProps={{ position: "right" }} isScrollable maxMenuHeight="24rem"
                          toggle={ref => <MenuToggle ref={ref} variant="plain" onClick={() => setOpen(!open)} isExpanded={open}
                                                     aria-label={name} className="nova-menu"><EllipsisVIcon /></MenuToggle>}>
                        {GROUPS.map((group, n) => <DropdownGroup key={group}>
                                {n > 0 && <Divider component="li" />}
                                <DropdownList>{all.filter(v => v.group === group).map(v =>
                                        <DropdownItem key={v.id} data-verb={v.id} isDanger={v.danger} isAriaDisabled={!allowed(v)}
                                                      tooltipProps={allowed(v) ? undefined : { content: why(v), position: "left" }}
                                                      onClick={() => press(v)}>{title(v)}</DropdownItem>)}</DropdownList>
                        </DropdownGroup>)}
                </Dropdown>
                {dialog && <VerbDialog verb={dialog} instance={instance} onClose={() => setDialog(null)} />}
        </>;
}

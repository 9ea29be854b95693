/* A new instance: what CreateInstance takes, most of it optional. */
import { useState } from "react";
import { Button, Checkbox, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, Grid, GridItem, HelperText,
         HelperTextItem, Modal, ModalBody, ModalFooter, ModalHeader, TextArea, TextInput } from "@patternfly/react-core";
import type { Variant } from "../cockpit";
import { MANAGER, ROOT } from "../store/types";
import { Alert } from "./alert";
import { _, connection, format, go, sentence, useDaemon } from "./context";
import { gib, mib, size } from "./text";

const OWN = "own";

export function CreateDialog({ onClose }: { onClose: () => void }) {
        const manager = useDaemon(s => s.manager);
        const flavors = manager?.Flavors ?? [], images = manager?.Images ?? [], networks = manager?.Networks ?? [];
        const [name, setName] = useState("");
        const [image, setImage] = useState(images[0]?.[0] ?? "");
        const [flavor, setFlavor] = useState(flavors[0]?.[0] ?? OWN);
        const [vcpus, setVcpus] = useState("1");
        const [memory, setMemory] = useState("512");
        const [disk, setDisk] = useState("0");
        const [chosen, setChosen] = useState<string[]>([]);
        const [userData, setUserData] = useState("");
        const [key, setKey] = useState("");
        const [password, setPassword] = useState("");
        const [drive, setDrive] = useState(false);
        const [busy, setBusy] = useState(false);
        const [error, setError] = useState("");
        const [tried, setTried] = useState(false);

        const own = flavor === OWN;
        const whole = (text: string, least: number) => /^\d+$/.test(text) && Number(text) >= least;
        const wrong = {
                name: !name.trim() ? _("An instance needs a name.") : "",
                image: !image ? _("Choose an image.") : "",
                network: networks.length > 1 && chosen.length === 0 ? _("Choose a network: there is more than one.") : "",
                size: own && !(whole(vcpus, 1) && whole(memory, 1) && whole(disk, 0)) ? _("Whole numbers: at least 1 processor and 1 MiB.") : "",
        };
        const press = async () => {
                setTried(true);
                if (Object.values(wrong).some(Boolean))
                        return;
                const properties: Record<string, Variant> = { name: { t: "s", v: name.trim() }, image: { t: "s", v: image } };
                if (own) {
                        properties.vcpus = { t: "u", v: Number(vcpus) };
                        properties.memory_mib = { t: "t", v: Number(memory) };
                        properties.disk_gib = { t: "t", v: Number(disk) };
                } else {
                        properties.flavor = { t: "s", v: flavor };
                }
                if (chosen.length)
                        properties.networks = { t: "as", v: chosen };
                if (userData)
                        properties.user_data = { t: "s", v: userData };
                if (key.trim())
                        properties.public_key = { t: "s", v: key.trim() };
                if (password)
                        properties.admin_password = { t: "s", v: password };
                if (drive)
                        properties.config_drive = { t: "b", v: true };
                setBusy(true);
                setError("");
                try {
                        const [path] = await connection.verb(ROOT, "CreateInstance", [properties], "a{sv}", format(_("$0 is created"), name.trim()),
                                                               format(_("$0 ($1)"), _("Create"), name.trim()), MANAGER);
                        onClose();
                        go(["instance", path.slice(path.lastIndexOf("/") + 1).replace(/_/g, "-")]);
                } catch (e) {
                        setError(sentence(e));
                        setBusy(false);
                }
        };
        const complaint = (text: string) => tried && text
                ? <FormHelperText><HelperText><HelperTextItem variant="error">{text}</HelperTextItem></HelperText></FormHelperText> : null;
        return <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="create-title" id="create-dialog" elementToFocus="#create-name">
                <ModalHeader title={_("Create an instance")} labelId="create-title" />
                <ModalBody tabIndex={0}>
                        {error && <Alert variant="danger" isInline title={_("The instance is not created")} className="nova-gap">{error}</Alert>}
                        <Form onSubmit={event => { event.preventDefault(); if (!busy) void press(); }}>
                                <FormGroup label={_("Name")} isRequired fieldId="create-name">
                                        <TextInput id="create-name" value={name} onChange={(_event, v) => setName(v)} maxLength={255} autoComplete="off"
                                                   validated={tried && wrong.name ? "error" : "default"} />
                                        {complaint(wrong.name)}
                                </FormGroup>
                                <FormGroup label={_("Image")} isRequired fieldId="create-image">
                                        <FormSelect id="create-image" value={image} onChange={(_event, v) => setImage(v)} validated={tried && wrong.image ? "error" : "default"}>
                                                {images.length === 0 && <FormSelectOption value="" label={_("There are no images in the image directory")} isDisabled />}
                                                {images.map(([id, title, kind, bytes]) =>
                                                        <FormSelectOption key={id} value={id} label={`${title || id}${kind ? `, ${kind}` : ""}${bytes ? `, ${size(bytes)}` : ""}`} />)}
                                        </FormSelect>
                                        {complaint(wrong.image)}
                                </FormGroup>
                                <FormGroup label={_("Size")} fieldId="create-flavor">
                                        <FormSelect id="create-flavor" value={flavor} onChange={(_event, v) => setFlavor(v)}>
                                                {flavors.map(([title, cpus, ram, root]) =>
                                                        <FormSelectOption key={title} value={title} label={format(_("$0: $1 vCPU, $2, $3 disk"), title, cpus, mib(ram), gib(root))} />)}
                                                <FormSelectOption value={OWN} label={_("Of its own")} />
                                        </FormSelect>
                                        {complaint(wrong.size)}
                                </FormGroup>
                                {own && <Grid hasGutter>
                                        <GridItem sm={4}><FormGroup label={_("vCPUs")} fieldId="create-vcpus">
                                                <TextInput id="create-vcpus" type="number" min={1} value={vcpus} onChange={(_event, v) => setVcpus(v)} /></FormGroup></GridItem>
                                        <GridItem sm={4}><FormGroup label={_("Memory in MiB")} fieldId="create-memory">
                                                <TextInput id="create-memory" type="number" min={1} value={memory} onChange={(_event, v) => setMemory(v)} /></FormGroup></GridItem>
                                        <GridItem sm={4}><FormGroup label={_("Disk in GiB (0: as the image)")} fieldId="create-disk">
                                                <TextInput id="create-disk" type="number" min={0} value={disk} onChange={(_event, v) => setDisk(v)} /></FormGroup></GridItem>
                                </Grid>}
                                {networks.length > 0 && <FormGroup role="group" label={_("Networks")} fieldId="create-networks">
                                        {networks.map(([title, uuid]) =>
                                                <Checkbox key={uuid} id={"create-network-" + title} label={title} isChecked={chosen.includes(uuid || title)}
                                                          onChange={(_event, on) => setChosen(old => on ? [...old, uuid || title] : old.filter(n => n !== (uuid || title)))} />)}
                                        {networks.length === 1 && <FormHelperText><HelperText><HelperTextItem>{_("It is used if it is not chosen, too.")}</HelperTextItem></HelperText></FormHelperText>}
                                        {complaint(wrong.network)}
                                </FormGroup>}
                                <FormGroup label={_("Public SSH key")} fieldId="create-key">
                                        <TextInput id="create-key" value={key} onChange={(_event, v) => setKey(v)} autoComplete="off" />
                                </FormGroup>
                                <FormGroup label={_("Password of the administrator")} fieldId="create-password">
                                        <TextInput id="create-password" type="password" value={password} onChange={(_event, v) => setPassword(v)} autoComplete="new-password" />
                                </FormGroup>
                                <FormGroup label={_("User data")} fieldId="create-user-data">
                                        <TextArea id="create-user-data" value={userData} onChange={(_event, v) => setUserData(v)} resizeOrientation="vertical" rows={4} className="nova-mono" />
                                </FormGroup>
                                <Checkbox id="create-drive" label={_("With a config drive")} isChecked={drive} onChange={(_event, v) => setDrive(v)} />
                        </Form>
                </ModalBody>
                <ModalFooter>
                        <Button id="create-apply" onClick={press} isDisabled={busy} isLoading={busy}>{_("Create")}</Button>
                        <Button variant="link" onClick={onClose}>{_("Cancel")}</Button>
                </ModalFooter>
        </Modal>;
}

/* What an instance writes on its serial console, as it comes. */
import { useEffect, useRef, useState } from "react";
import { Button, Card, CardBody, CardHeader, CardTitle, DescriptionList } from "@patternfly/react-core";
import { INSTANCE, type Instance } from "../store/types";
import { plain } from "../store/variant";
import type { Variant } from "../cockpit";
import { Alert } from "./alert";
import { _, connection, format, sentence, useDaemon, useRefusal } from "./context";
import { Fact } from "./host";
import { label } from "./text";

const LINES = 500;
const KEPT = 200000;            /* characters: a guest that never ends must not fill the browser */

/* Without escape sequences and what else is no text; a line that was written over with \r is what it was at last. */
function readable(text: string): string {
        // eslint-disable-next-line no-control-regex
        return text.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g, "").replace(/\r+\n/g, "\n")
                .replace(/[^\n]*\r(?=[^\n])/g, "").replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}

export function Console({ instance }: { instance: Instance }) {
        const epoch = useDaemon(s => s.epoch);
        const phase = useDaemon(s => s.phase);
        const refusal = useRefusal("read-console");
        const [raw, setRaw] = useState("");
        const [error, setError] = useState("");
        const [tries, setTries] = useState(0);
        const screen = useRef<HTMLPreElement>(null);
        const atEnd = useRef(true);
        const { path } = instance;

        useEffect(() => {
                if (phase !== "ready")
                        return undefined;
                const decoder = new TextDecoder();
                let text = "", timer = 0;
                setRaw("");
                setError("");
                const stop = connection.follow(path, LINES, data => {
                        text = (text + decoder.decode(data, { stream: true })).slice(-KEPT);
                        timer ||= window.setTimeout(() => { timer = 0; setRaw(text); }, 50);
                }, e => setError(sentence(e)));
                const leave = () => stop();
                window.addEventListener("pagehide", leave);
                return () => {
                        window.removeEventListener("pagehide", leave);
                        window.clearTimeout(timer);
                        stop();
                };
        }, [path, epoch, phase, tries]);

        useEffect(() => {
                if (atEnd.current && screen.current)
                        screen.current.scrollTop = screen.current.scrollHeight;
        }, [raw]);

        const scrolled = () => {
                const s = screen.current as HTMLPreElement;
                atEnd.current = s.scrollHeight - s.scrollTop - s.clientHeight < 40;
        };
        return <Card id="console-card">
                <CardHeader><CardTitle component="h2">{_("Console")}</CardTitle></CardHeader>
                <CardBody>
                        {error || refusal && phase === "ready"
                                ? <Alert variant="danger" isInline title={_("The console cannot be read")} id="console-error"
                                         actionLinks={<Button variant="link" isInline onClick={() => setTries(tries + 1)}>{_("Try again")}</Button>}>{error || refusal}</Alert>
                                : <pre ref={screen} id="console" className="nova-console" tabIndex={0} role="log" onScroll={scrolled}
                                       aria-label={format(_("Console of $0"), label(instance))}>{readable(raw) || _("Nothing has been written yet.")}</pre>}
                        <Screens instance={instance} />
                </CardBody>
        </Card>;
}

const KINDS = ["GetVncConsole", "GetSpiceConsole", "GetSerialConsole"] as const;

/* Where a viewer finds the screen or the line. */
function Screens({ instance }: { instance: Instance }) {
        const refusal = useRefusal("read-console");
        const [found, setFound] = useState<[string, Record<string, unknown> | string] | null>(null);
        const names = { GetVncConsole: _("VNC"), GetSpiceConsole: _("SPICE"), GetSerialConsole: _("Serial line") };
        const ask = async (method: typeof KINDS[number]) => {
                try {
                        const [values] = await connection.call(instance.path, INSTANCE, method, [{}], "a{sv}");
                        setFound([names[method], plain({ t: "a{sv}", v: values } as Variant) as Record<string, unknown>]);
                } catch (e) {
                        setFound([names[method], sentence(e)]);
                }
        };
        return <div className="nova-screens">
                <div className="nova-buttons">
                        <span className="nova-aside">{_("Where its screen can be reached:")}</span>
                        {KINDS.map(k => <Button key={k} id={k} variant="secondary" size="sm" isDisabled={!!refusal} onClick={() => ask(k)}>{names[k]}</Button>)}
                </div>
                {found && (typeof found[1] === "string"
                        ? <Alert id="screen" variant="info" isInline isPlain title={found[0]}>{found[1]}</Alert>
                        : <DescriptionList id="screen" isHorizontal isCompact>{Object.entries(found[1]).map(([k, v]) =>
                                <Fact key={k} name={found[0] + " " + k}><code>{String(v)}</code></Fact>)}</DescriptionList>)}
        </div>;
}

/* What systemd says of the service while it does not answer on the bus, and its start. By systemd's own signals. */
import { useEffect, useState } from "react";
import { AlertActionLink } from "@patternfly/react-core";
import type { Cockpit, DBusClient, Variant } from "../cockpit";
import { plain } from "../store/variant";
import { Alert } from "./alert";
import { _, format, sentence, store, useDaemon } from "./context";

declare const cockpit: Cockpit;

const SYSTEMD = "org.freedesktop.systemd1";
const UNIT = "nova-compute.service";

export function AbsentAlert() {
        const [unit, setUnit] = useState<Record<string, unknown>>({});
        const [client, setClient] = useState<DBusClient | null>(null);
        const known = useDaemon(s => s.epoch > 0);
        useEffect(() => {
                const systemd = cockpit.dbus(SYSTEMD, { superuser: "try" });
                let over = false;
                setClient(systemd);
                void (async () => {
                        try {
                                const [path] = await systemd.call("/org/freedesktop/systemd1", SYSTEMD + ".Manager", "LoadUnit", [UNIT], { type: "s" }) as [string];
                                const take = (values: Record<string, Variant>) => {
                                        if (over)
                                                return;
                                        const wanted = Object.entries(values).filter(([k]) => ["ActiveState", "LoadState", "SubState"].includes(k));
                                        setUnit(old => ({ ...old, ...Object.fromEntries(wanted.map(([k, v]) => [k, plain(v)])) }));
                                };
                                systemd.subscribe({ path, interface: "org.freedesktop.DBus.Properties", member: "PropertiesChanged" },
                                                  (_path, _iface, _signal, args) => take(args[1] as Record<string, Variant>));
                                /* the bridge's connection may have subscribed before: that is an error, and good enough */
                                await systemd.call("/org/freedesktop/systemd1", SYSTEMD + ".Manager", "Subscribe", [], { type: "" }).catch(() => undefined);
                                const [values] = await systemd.call(path, "org.freedesktop.DBus.Properties", "GetAll", [SYSTEMD + ".Unit"], { type: "s" });
                                take(values as Record<string, Variant>);
                        } catch { /* no systemd to ask: the alert says what the bus says */ }
                })();
                return () => {
                        over = true;
                        systemd.close();
                };
        }, []);
        const start = () => {
                client?.call("/org/freedesktop/systemd1", SYSTEMD + ".Manager", "StartUnit", [UNIT, "replace"], { type: "ss", flags: "i" })
                        .catch(e => store.notify("danger", _("The service is not started"), sentence(e)));
        };
        const state = unit.ActiveState as string | undefined;
        const title = state === "activating" || state === "reloading" ? _("The compute service is starting")
                : state === "failed" ? _("The compute service has failed") : _("The compute service is not running");
        return <Alert id="absent" variant={state === "activating" ? "info" : "danger"} isInline title={title}
                      actionLinks={(state === "inactive" || state === "failed") && <AlertActionLink id="start-unit" onClick={start}>{_("Start it")}</AlertActionLink>}>
                {unit.LoadState === "not-found" ? format(_("There is no unit $0."), UNIT)
                : known ? _("What is shown is as it was known last. Instances go on running; nothing that was accepted is lost.")
                : _("Instances go on running without it.")}
        </Alert>;
}

/* Sentences of the store; what the views say stands in them. */
import type { Cockpit } from "../cockpit";

declare const cockpit: Cockpit;
const _ = (text: string) => cockpit.gettext(text);

export const words = {
        get not_connected() { return _("There is no connection to the compute service."); },
        get drift_unknown() { return _("Cannot tell where store and hypervisor disagree"); },
        get stalled_unknown() { return _("Cannot tell which operations are stalled"); },
        cancelled: (what: string) => cockpit.format(_("Cancelled: $0"), what),
        failed: (what: string) => cockpit.format(_("Failed: $0"), what),
        left: (what: string) => cockpit.format(_("The service went away, and carries on when it is back: $0"), what),
        problem: (problem: string, message?: string) => message || {
                "not-found": _("There is no system bus on this host."),
                "access-denied": _("The bus does not let you in."),
                terminated: _("The session has ended."),
                disconnected: _("The connection to the host is lost."),
        }[problem] || problem,
};

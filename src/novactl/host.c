/* The service and the host: enable, disable, service, recover, metrics, is-online, version. */
#include <errno.h>

#include "config.h"
#include "novactl/act.h"
#include "novactl/props.h"
#include "novactl/table.h"
#include "novactl/verbs.h"

/* A verb of the service: it answers when it is done. */
static ExitStatus service_call(Ctl *c, const char *method, const char *reason, const char *what) {
        sd_bus_message *m = client_message(c, BUS_PATH, INTERFACE_SERVICE, method), *reply = NULL;
        ExitStatus status;

        if (reason)
                client_append(m, "s", reason);
        client_append(m, "a{sv}", 0);
        status = client_call(c, m, CALL_INTERACTIVE, what, NULL, &reply);
        sd_bus_message_unref(reply);
        if (status == EXIT_DONE && c->out.json != JSON_OFF) {
                json_auto_t *done = must(json_pack("{ss}", "result", "done"));

                output_json(&c->out, done);
        }
        return status;
}

ExitStatus verb_service_method(Ctl *c, const Verb *verb, char **arguments _unused_) {
        return service_call(c, verb->method, NULL, verb->gerund);
}

/* Words of a reason need no quotes. */
ExitStatus verb_disable(Ctl *c, const Verb *verb, char **arguments) {
        _cleanup_free_ char *reason = must(strdup(*arguments));

        while (*++arguments) {
                _cleanup_free_ char *before = TAKE_PTR(reason);

                reason = text_format("%s %s", before, *arguments);
        }
        if (!utf8_is_valid(reason)) {
                ctl_error("disable: the reason is no UTF-8 text");
                return EXIT_USAGE;
        }
        return service_call(c, verb->method, reason, verb->gerund);
}

ExitStatus verb_service(Ctl *c, const Verb *verb _unused_, char **arguments) {
        static const struct {
                const char *word, *method, *what;
        } methods[] = {
                { "start", "Start", "starting the service" },
                { "stop", "Stop", "stopping the service" },
                { "reload", "Reload", "reloading the configuration" },
        };
        _cleanup_free_ char *shown = text_shown(*arguments);

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (streq(methods[i].word, *arguments))
                        return service_call(c, methods[i].method, NULL, methods[i].what);
        ctl_error("service: '%s' is not start, stop or reload", shown);
        return EXIT_USAGE;
}

/* ---- recovery ---- */

static ExitStatus recover_dry_run(Ctl *c) {
        static const TableColumn columns[] = {
                { .title = "METHOD", .key = "method" },   { .title = "INSTANCE", .key = "instance_uuid" },
                { .title = "STATE", .key = "state" },     { .title = "STEP", .key = "step" },
                { .title = "ACTION", .key = "action" },   { .title = "REASON", .key = "reason", .shrinks = true },
        };
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        sd_bus_message *m = client_message(c, BUS_PATH, INTERFACE_MANAGER, "RecoverDryRun");
        json_auto_t *plan = NULL;
        const json_t *one;
        ExitStatus status;
        size_t i, k;

        client_append(m, "a{sv}", 0);
        status = client_query(c, m, CALL_INTERACTIVE | CALL_NO_START, "cannot say what recovery would do", NULL, &plan);
        if (status != EXIT_DONE)
                return status;
        json_array_foreach(plan, i, one)
                for (k = 0; k < ELEMENTSOF(columns); k++)
                        table_cell(t, json_string(prop_text(one, columns[k].key)), NULL, k == 4 ? COLOUR_BOLD : COLOUR_NONE);
        output_open_pager(&c->out);
        table_print(t, &c->out, "operation", "operations", "Nothing to recover: every operation has ended.");
        return EXIT_DONE;
}

ExitStatus verb_recover(Ctl *c, const Verb *verb, char **arguments _unused_) {
        _cleanup_(waiter_freep) Waiter *w = NULL;
        sd_bus_message *m, *reply = NULL;
        const char *job = NULL;
        ExitStatus status;

        if (ctl_has(c, OPTION_DRY_RUN))
                return recover_dry_run(c);
        w = waiter_new(c);
        if (!w)
                return EXIT_UNREACHABLE;
        m = client_message(c, BUS_PATH, INTERFACE_MANAGER, verb->method);
        client_append(m, "a{sv}", 0);
        status = client_call(c, m, CALL_INTERACTIVE, verb->gerund, NULL, &reply);
        if (status == EXIT_DONE && sd_bus_message_read(reply, "o", &job) >= 0)
                waiter_add(w, job, verb->name, verb->gerund, "", "");
        sd_bus_message_unref(reply);
        return status == EXIT_DONE ? wait_as_asked(c, w) : status;
}

/* ---- metrics ---- */

ExitStatus verb_metrics(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        json_auto_t *text = NULL;
        ExitStatus status;

        /* a collector that comes by does not start the service */
        status = client_query(c, client_message(c, BUS_PATH, INTERFACE_MANAGER, "GetMetrics"), CALL_NO_START, "cannot read the metrics", NULL, &text);
        if (status != EXIT_DONE)
                return status;
        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF)
                output_json(&c->out, text);
        else
                fputs(strempty(json_string_value(text)), c->out.file);
        return EXIT_DONE;
}

/* ---- health ---- */

/* Why the service is not well, as one sentence; NULL if it is. malloc'ed. */
static char *why_not_online(const json_t *service, const json_t *node) {
        const char *state = prop_text(service, "State"), *trouble = prop_text(service, "Trouble");

        if (!isempty(trouble))
                return text_format("%s: %s", isempty(state) ? "not running" : state, trouble);
        if (!streq(state, "running"))
                return must(strdup(isempty(state) ? "not running" : state));
        if (prop_true(service, "ForcedDown"))
                return must(strdup("forced down by an administrator"));
        if (!prop_true(service, "ModelConnected"))
                return must(strdup("the database cannot be written"));
        if (!prop_true(node, "HypervisorConnected"))
                return text_format("the hypervisor does not answer%s%s", isempty(prop_text(node, "HypervisorError")) ? "" : ": ",
                                   prop_text(node, "HypervisorError"));
        return NULL;
}

ExitStatus verb_is_online(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        json_auto_t *service = NULL, *node = NULL, *answer = NULL;
        _cleanup_free_ char *why = NULL, *shown = NULL;
        ExitStatus status;
        bool enabled;

        status = client_connect(c, true);
        if (status == EXIT_DONE)
                status = client_properties(c, BUS_PATH, INTERFACE_SERVICE, CALL_NO_START | CALL_SILENT | CALL_BRIEF, &service);
        if (status == EXIT_DONE)
                status = client_properties(c, BUS_PATH, INTERFACE_NODE, CALL_NO_START | CALL_SILENT | CALL_BRIEF, &node);
        why = status != EXIT_DONE ? must(strdup("nova-compute does not answer on the system bus")) : why_not_online(service, node);
        enabled = prop_true(service, "Enabled");
        if (ctl_has(c, OPTION_QUIET))
                return why ? EXIT_OFFLINE : EXIT_DONE;
        shown = text_shown(why ? why : enabled ? "" : prop_text(service, "DisabledReason"));
        if (c->out.json != JSON_OFF) {
                answer = must(json_pack("{sb sb ss}", "online", why == NULL, "enabled", (int) enabled, "reason", why ? shown : ""));
                output_json(&c->out, answer);
        } else if (why)
                fprintf(c->out.file, "%soffline%s: %s\n", output_colour(&c->out, COLOUR_BAD), output_colour_end(&c->out, COLOUR_BAD), shown);
        else
                fprintf(c->out.file, "%sonline%s%s%s%s\n", output_colour(&c->out, COLOUR_GOOD), output_colour_end(&c->out, COLOUR_GOOD),
                        enabled ? "" : ", disabled", isempty(shown) ? "" : ": ", shown);
        return why ? EXIT_OFFLINE : EXIT_DONE;
}

/* ---- version ---- */

ExitStatus verb_version(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        json_auto_t *service = NULL, *answer = NULL;
        const char *daemon_version;

        /* of the daemon where one runs; that none does is no failure here */
        if (client_connect(c, true) == EXIT_DONE)
                (void) client_properties(c, BUS_PATH, INTERFACE_SERVICE, CALL_NO_START | CALL_SILENT | CALL_BRIEF, &service);
        daemon_version = prop_text(service, "Version");
        if (c->out.json != JSON_OFF) {
                answer = must(json_pack("{ss ss}", "novactl", PACKAGE_VERSION, "nova-compute", daemon_version));
                output_json(&c->out, answer);
        } else {
                _cleanup_free_ char *shown = text_shown(daemon_version);

                fprintf(c->out.file, "novactl %s\nnova-compute %s\n", PACKAGE_VERSION, isempty(shown) ? "not running" : shown);
        }
        return EXIT_DONE;
}

/* What is asked of one guest: diagnostics, actions, the address of its screen. */
#include <inttypes.h>

#include "basic/json.h"
#include "novactl/client.h"
#include "novactl/props.h"
#include "novactl/table.h"
#include "novactl/verbs.h"

/* A query of the instance without arguments but options. */
static ExitStatus guest_query(Ctl *c, const char *name, const char *method, const char *doing, json_t **ret) {
        _cleanup_free_ char *path = NULL, *shown = text_shown(name), *what = text_format("%s of '%s'", doing, shown);
        ExitStatus status = client_find(c, name, CALL_NO_START, &path);
        sd_bus_message *m;

        if (status != EXIT_DONE)
                return status;
        m = client_message(c, path, INTERFACE_INSTANCE, method);
        client_append(m, "a{sv}", 0);
        return client_query(c, m, CALL_INTERACTIVE | CALL_NO_START, what, shown, ret);
}

ExitStatus verb_diagnostics(Ctl *c, const Verb *verb _unused_, char **arguments) {
        json_auto_t *text = NULL, *value = NULL;
        ExitStatus status;
        char why[128];

        status = guest_query(c, *arguments, "GetDiagnostics", "diagnostics", &text);
        if (status != EXIT_DONE)
                return status;
        if (json_parse(strempty(json_string_value(text)), strlen(strempty(json_string_value(text))), &value, why, sizeof why) < 0) {
                ctl_error("the diagnostics are no JSON: %s", why);
                return EXIT_FAILED;
        }
        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF)
                output_json(&c->out, value);
        else
                output_outline(&c->out, value, 0);
        return EXIT_DONE;
}

static void print_event(const Output *o, const json_t *event) {
        _cleanup_free_ char *name = text_shown(prop_text(event, "event")), *result = text_shown(prop_text(event, "result"));
        int64_t start = prop_number(event, "start"), finish = prop_number(event, "finish");
        char span[TEXT_SPAN_MAX];
        Colour colour = streq(result, "Error") ? COLOUR_BAD : COLOUR_NONE;

        fprintf(o->file, "    %s%s%s  %s%s%s\n", output_colour(o, colour), name, output_colour_end(o, colour), isempty(result) ? "not ended" : result,
                finish > start ? "  " : "", finish > start ? text_span((usec_t) (finish - start), span) : "");
}

ExitStatus verb_actions(Ctl *c, const Verb *verb _unused_, char **arguments) {
        json_auto_t *actions = NULL;
        const json_t *action, *event;
        ExitStatus status;
        size_t i, k;

        status = guest_query(c, *arguments, "GetActions", "actions", &actions);
        if (status != EXIT_DONE)
                return status;
        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF) {
                output_json(&c->out, actions);
                return EXIT_DONE;
        }
        if (json_array_size(actions) == 0 && c->out.legend)
                fputs("Nothing was done with it yet.\n", c->out.file);
        json_array_foreach(actions, i, action) {
                _cleanup_free_ char *name = text_shown(prop_text(action, "action")), *request = text_shown(prop_text(action, "request_id")),
                                    *message = text_shown(prop_text(action, "message")), *user = text_shown(prop_text(action, "user"));
                char when[TEXT_TIME_MAX];

                fprintf(c->out.file, "%s  %s%s%s%s%s  %s\n", text_time((usec_t) prop_number(action, "start"), when), output_colour(&c->out, COLOUR_BOLD), name,
                        output_colour_end(&c->out, COLOUR_BOLD), isempty(user) ? "" : " by ", user, request);
                if (!isempty(message))
                        fprintf(c->out.file, "    %s%s%s\n", output_colour(&c->out, COLOUR_BAD), message, output_colour_end(&c->out, COLOUR_BAD));
                json_array_foreach(json_object_get(action, "events"), k, event)
                        print_event(&c->out, event);
        }
        return EXIT_DONE;
}

ExitStatus verb_console_url(Ctl *c, const Verb *verb _unused_, char **arguments) {
        static const struct {
                const char *word, *method;
        } kinds[] = { { "vnc", "GetVncConsole" }, { "spice", "GetSpiceConsole" }, { "serial", "GetSerialConsole" } };
        _cleanup_free_ char *shown = text_shown(arguments[1]);
        json_auto_t *console = NULL;
        const char *method = NULL;
        ExitStatus status;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].word, arguments[1]))
                        method = kinds[i].method;
        if (!method) {
                ctl_error("console-url: '%s' is not vnc, spice or serial", shown);
                return EXIT_USAGE;
        }
        status = guest_query(c, *arguments, method, "console", &console);
        if (status != EXIT_DONE)
                return status;
        if (c->out.json != JSON_OFF)
                output_json(&c->out, console);
        else if (!isempty(prop_text(console, "url"))) {
                _cleanup_free_ char *url = text_shown(prop_text(console, "url"));

                fprintf(c->out.file, "%s\n", url);
        } else {
                _cleanup_free_ char *host = text_shown(prop_text(console, "host"));

                fprintf(c->out.file, "%s:%" PRId64 "\n", host, prop_number(console, "port"));
        }
        return EXIT_DONE;
}

/* status: the host, or instances, as systemctl status shows a unit. */
#include "novactl/status.h"

#include <inttypes.h>
#include <systemd/sd-journal.h>

#include "novactl/client.h"
#include "novactl/props.h"
#include "novactl/verbs.h"

#define LINES_DEFAULT 10u

static const char *dot(const Output *o) {
        return o->ascii ? "*" : "●";
}

/* "yes" in green, or what is not well in its colour. */
static void state_line(const Output *o, const char *label, const char *state, const char *more) {
        _cleanup_free_ char *text = text_shown(state), *rest = text_shown(more);
        Colour colour = colour_of_state(state);

        status_line(o, label, "%s%s%s%s%s%s", output_colour(o, colour), isempty(text) ? "-" : text, output_colour_end(o, colour),
                    isempty(rest) ? "" : " (", rest, isempty(rest) ? "" : ")");
}

/* ---- the host ---- */

static void service_lines(const Output *o, const json_t *service) {
        _cleanup_free_ char *trouble = text_shown(prop_text(service, "Trouble")), *reported = status_since((usec_t) prop_number(service, "LastReportUSec")),
                            *reason = text_shown(prop_text(service, "DisabledReason")), *broker = text_shown(prop_text(service, "BrokerAddress")),
                            *error = text_shown(prop_text(service, "BrokerError"));
        bool enabled = prop_true(service, "Enabled");

        state_line(o, "State", prop_text(service, "State"), streq(prop_text(service, "State"), "starting") ? prop_text(service, "Step") : "");
        if (!isempty(trouble))
                status_line(o, "Trouble", "%s%s%s", output_colour(o, COLOUR_BAD), trouble, output_colour_end(o, COLOUR_BAD));
        status_line(o, "Scheduling", "%s%s%s%s%s", output_colour(o, enabled ? COLOUR_GOOD : COLOUR_WARN), enabled ? "enabled" : "disabled",
                    output_colour_end(o, enabled ? COLOUR_GOOD : COLOUR_WARN), isempty(reason) ? "" : ": ", reason);
        state_line(o, "Broker", prop_text(service, "BrokerState"), !isempty(error) ? error : broker);
        status_line(o, "Reported", "%s", reported);
}

static void counts_lines(const Output *o, const json_t *manager, const json_t *objects) {
        json_auto_t *states = must(json_object());
        _cleanup_free_ char *text = must(strdup(""));
        const char *path, *state;
        json_t *interfaces, *n;
        int64_t drift = prop_number(manager, "NDrift");

        json_object_foreach((json_t *) objects, path, interfaces) {
                const json_t *instance = json_object_get(interfaces, INTERFACE_INSTANCE);

                if (!instance)
                        continue;
                state = prop_text(instance, "VmState");
                must(json_object_set_new(states, state, json_integer(prop_number(states, state) + 1)) == 0 ? states : NULL);
        }
        json_object_foreach(states, state, n) {
                _cleanup_free_ char *before = TAKE_PTR(text), *shown = text_shown(state);

                text = text_format("%s%s%" JSON_INTEGER_FORMAT " %s", before, isempty(before) ? "" : ", ", json_integer_value(n), shown);
        }
        status_line(o, "Instances", "%" PRId64 "%s%s%s", prop_number(manager, "NInstances"), isempty(text) ? "" : " (", text, isempty(text) ? "" : ")");
        status_line(o, "Jobs", "%" PRId64, prop_number(manager, "NJobs"));
        if (drift > 0)
                status_line(o, "Drift", "%s%" PRId64 " %s%s; 'novactl drift' lists %s", output_colour(o, COLOUR_WARN), drift,
                            drift == 1 ? "finding" : "findings", output_colour_end(o, COLOUR_WARN), drift == 1 ? "it" : "them");
}

static ExitStatus status_host(Ctl *c) {
        json_auto_t *service = NULL, *node = NULL, *manager = NULL, *objects = NULL;
        const Output *o = &c->out;
        Colour colour;
        ExitStatus status;

        /* to look at a service that is off does not start it */
        status = client_properties(c, BUS_PATH, INTERFACE_SERVICE, CALL_NO_START, &service);
        if (status == EXIT_DONE)
                status = client_properties(c, BUS_PATH, INTERFACE_NODE, CALL_NO_START, &node);
        if (status == EXIT_DONE)
                status = client_properties(c, BUS_PATH, INTERFACE_MANAGER, CALL_NO_START, &manager);
        if (status == EXIT_DONE)
                status = client_objects(c, CALL_NO_START, &objects);
        if (status != EXIT_DONE)
                return status;
        output_open_pager(&c->out);
        if (o->json != JSON_OFF) {
                json_auto_t *all = must(json_pack("{sO sO sO}", "service", service, "manager", manager, "node", node));

                output_json(o, all);
                return EXIT_DONE;
        }
        colour = colour_of_state(prop_text(service, "State"));
        {
                _cleanup_free_ char *host = text_shown(prop_text(service, "Host")), *version = text_shown(prop_text(service, "Version"));

                fprintf(o->file, "%s%s%s %s - nova-compute %s\n", output_colour(o, colour), dot(o), output_colour_end(o, colour),
                        isempty(host) ? "this host" : host, version);
        }
        service_lines(o, service);
        status_hypervisor(o, node, prop_text(service, "Trouble"));
        status_resources(o, node);
        counts_lines(o, manager, objects);
        return EXIT_DONE;
}

/* ---- an instance ---- */

static void network_lines(const Output *o, const json_t *instance) {
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(instance, "Networks"), i, one) {
                _cleanup_free_ char *network = text_shown(prop_text(one, "network")), *mac = text_shown(prop_text(one, "mac")),
                                    *addresses = value_text(json_object_get(one, "addresses") ? json_object_get(one, "addresses") : json_null());

                status_line(o, i == 0 ? "Networks" : "", "%s  %s  %s", isempty(network) ? "-" : network, mac, isempty(addresses) ? "no address" : addresses);
        }
}

static void volume_lines(const Output *o, const json_t *instance) {
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(instance, "Volumes"), i, one) {
                _cleanup_free_ char *id = text_shown(prop_text(one, "id")), *device = text_shown(prop_text(one, "device"));

                status_line(o, i == 0 ? "Volumes" : "", "%s  %" PRId64 " GiB  %s", isempty(device) ? "-" : device, prop_number(one, "size_gib"), id);
        }
}

static void job_lines(Ctl *c, const json_t *instance) {
        const Output *o = &c->out;
        const json_t *path;
        const char *label = "Jobs";
        size_t i;

        json_array_foreach(json_object_get(instance, "Jobs"), i, path) {
                _cleanup_free_ char *step = NULL;
                json_auto_t *job = NULL;
                int64_t progress;

                /* one that has ended just now is none */
                if (client_properties(c, json_string_value(path), INTERFACE_JOB, CALL_NO_START | CALL_SILENT, &job) != EXIT_DONE)
                        continue;
                step = text_shown(prop_text(job, "Step"));
                progress = prop_number(job, "Progress");
                if (progress > 0)
                        status_line(o, label, "%" PRId64 " %s, %s%s%s, %" PRId64 "%%", prop_number(job, "Id"), prop_text(job, "Method"),
                                    prop_text(job, "State"), isempty(step) ? "" : ": ", step, progress);
                else
                        status_line(o, label, "%" PRId64 " %s, %s%s%s", prop_number(job, "Id"), prop_text(job, "Method"),
                                    prop_text(job, "State"), isempty(step) ? "" : ": ", step);
                label = "";
        }
}

/* The verbs of novactl whose methods are allowed now. */
static char *verbs_text(const json_t *instance) {
        char *text = must(strdup(""));

        for (size_t i = 0; i < n_verbs; i++) {
                const json_t *method;
                size_t k;

                if (!verbs[i].method)
                        continue;
                json_array_foreach(json_object_get(instance, "Verbs"), k, method) {
                        _cleanup_free_ char *before = NULL;

                        if (!streq(strempty(json_string_value(method)), verbs[i].method))
                                continue;
                        before = TAKE_PTR(text);
                        text = text_format("%s%s%s", before, isempty(before) ? "" : " ", verbs[i].name);
                }
        }
        return text;
}

static void sizes_line(const Output *o, const json_t *instance) {
        _cleanup_free_ char *flavor = text_shown(prop_text(instance, "Flavor"));
        int64_t ephemeral = prop_number(instance, "EphemeralGiB"), swap = prop_number(instance, "SwapMiB");
        char memory[TEXT_SPAN_MAX], disk[TEXT_SPAN_MAX], more[2][TEXT_SPAN_MAX];

        status_line(o, "Flavor", "%s%s%" PRId64 " %s, %s memory, %s disk%s%s%s%s", flavor, isempty(flavor) ? "" : ": ", prop_number(instance, "VCPUs"),
                    prop_number(instance, "VCPUs") == 1 ? "vCPU" : "vCPUs", text_mib(prop_number(instance, "MemoryMiB"), memory), text_mib(prop_number(instance, "RootGiB") * 1024, disk),
                    ephemeral > 0 ? ", ephemeral " : "", ephemeral > 0 ? text_mib(ephemeral * 1024, more[0]) : "", swap > 0 ? ", swap " : "",
                    swap > 0 ? text_mib(swap, more[1]) : "");
}

/* Its last lines in the journal of this machine, as far as the caller may read it. */
static void journal_lines(Ctl *c, const char *uuid) {
        _cleanup_free_ char *match = text_format("INSTANCE_UUID=%s", uuid);
        uint64_t lines = LINES_DEFAULT, n = 0;
        sd_journal *journal = NULL;

        if (ctl_has(c, OPTION_LINES))
                (void) text_parse_number(ctl_value(c, OPTION_LINES), UINT32_MAX, &lines);
        if (c->host || lines == 0 || sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
                return;
        if (sd_journal_add_match(journal, match, 0) >= 0 && sd_journal_seek_tail(journal) >= 0)
                while (n < lines && sd_journal_previous(journal) > 0)
                        n++;
        for (uint64_t i = 0; i < n && (i == 0 || sd_journal_next(journal) > 0); i++) {
                _cleanup_free_ char *text = NULL, *shown = NULL;
                const void *data = NULL;
                char when[TEXT_TIME_MAX];
                size_t size = 0;
                uint64_t t = 0;

                if (sd_journal_get_realtime_usec(journal, &t) < 0 || sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0 || size < 8)
                        continue;
                text = must(strndup((const char *) data + 8, size - 8));
                shown = text_shown(text);
                fprintf(c->out.file, "%s%s %s\n", i == 0 ? "\n" : "", text_time(t, when), shown);
        }
        sd_journal_close(journal);
}

static void instance_print(Ctl *c, const json_t *instance) {
        const Output *o = &c->out;
        const char *state = prop_text(instance, "VmState");
        Colour colour = colour_of_state(state);
        _cleanup_free_ char *name = text_shown(prop_name(instance)), *fault = text_shown(prop_text(instance, "Fault")), *verbs_now = verbs_text(instance),
                            *image = text_shown(prop_text(instance, "Image")), *project = text_shown(prop_text(instance, "Project")),
                            *user = text_shown(prop_text(instance, "User")), *domain = text_shown(prop_text(instance, "Name")),
                            *key = text_shown(prop_text(instance, "KeyName")), *created = status_since((usec_t) prop_number(instance, "CreatedUSec"));
        const json_t *metadata = json_object_get(instance, "Metadata");

        fprintf(o->file, "%s%s%s %s - %s\n", output_colour(o, colour), dot(o), output_colour_end(o, colour), name, prop_text(instance, "Uuid"));
        state_line(o, "State", state, prop_text(instance, "TaskState"));
        state_line(o, "Power", prop_text(instance, "PowerState"), prop_true(instance, "Locked") ? "locked" : "");
        if (!isempty(fault)) {
                _cleanup_free_ char *since = status_since((usec_t) prop_number(instance, "FaultUSec"));

                status_line(o, "Fault", "%s%s%s (%s)", output_colour(o, COLOUR_BAD), fault, output_colour_end(o, COLOUR_BAD), since);
        }
        status_line(o, "Guest", "%s", isempty(domain) ? "-" : domain);
        sizes_line(o, instance);
        status_line(o, "Image", "%s", isempty(image) ? "none: it boots from a volume" : image);
        network_lines(o, instance);
        volume_lines(o, instance);
        if (!isempty(key))
                status_line(o, "Key", "%s", key);
        if (json_object_size(metadata) > 0) {
                const char *key_name;
                json_t *value;
                bool first = true;

                json_object_foreach((json_t *) metadata, key_name, value) {
                        _cleanup_free_ char *name_shown = text_shown(key_name), *text = value_text(value);

                        status_line(o, first ? "Metadata" : "", "%s=%s", name_shown, text);
                        first = false;
                }
        }
        status_line(o, "Owner", "project %s, user %s", isempty(project) ? "-" : project, isempty(user) ? "-" : user);
        status_line(o, "Created", "%s", created);
        if (prop_number(instance, "LaunchedUSec") > 0) {
                _cleanup_free_ char *launched = status_since((usec_t) prop_number(instance, "LaunchedUSec"));

                status_line(o, "Launched", "%s", launched);
        }
        job_lines(c, instance);
        if (!isempty(verbs_now))
                status_line(o, "Verbs", "%s", verbs_now);
        journal_lines(c, prop_text(instance, "Uuid"));
}

ExitStatus verb_status(Ctl *c, const Verb *verb _unused_, char **arguments) {
        json_auto_t *found = must(json_array());
        ExitStatus status = EXIT_DONE, one;
        json_t *instance = NULL;
        uint64_t lines;
        size_t i;

        if (ctl_has(c, OPTION_LINES) && text_parse_number(ctl_value(c, OPTION_LINES), UINT32_MAX, &lines) < 0) {
                _cleanup_free_ char *shown = text_shown(ctl_value(c, OPTION_LINES));

                ctl_error("--lines=%s: it is a number of lines", shown);
                return EXIT_USAGE;
        }
        if (!*arguments)
                return status_host(c);
        for (; *arguments; arguments++) {
                _cleanup_free_ char *path = NULL;

                one = client_find(c, *arguments, CALL_NO_START, &path);
                if (one == EXIT_UNREACHABLE)
                        return one;
                if (one == EXIT_DONE)
                        one = client_properties(c, path, INTERFACE_INSTANCE, CALL_NO_START, &instance);
                if (one == EXIT_DONE)
                        must(json_array_append_new(found, instance) == 0 ? found : NULL);
                status = client_status_join(status, one);
        }
        if (json_array_size(found) == 0)
                return status;
        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF)
                output_json(&c->out, found);
        else
                json_array_foreach(found, i, instance) {
                        if (i > 0)
                                (void) fputc('\n', c->out.file);
                        instance_print(c, instance);
                }
        return status;
}

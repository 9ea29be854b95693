/* show: properties as KEY=VALUE. status: how things are, for people. node: the resources of the host. */
#include <errno.h>
#include <inttypes.h>

#include "novactl/client.h"
#include "novactl/props.h"
#include "novactl/status.h"
#include "novactl/verbs.h"

/* ---- show ---- */

static bool is_wanted(const Ctl *c, const char *name) {
        const OptionValues *v = c->options + OPTION_PROPERTY;

        if (v->n == 0)
                return true;
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->values[i], name))
                        return true;
        return false;
}

static json_t *wanted_of(const Ctl *c, json_t *properties) {
        json_t *wanted = must(json_object()), *value;
        const char *name;

        json_object_foreach(properties, name, value)
                if (is_wanted(c, name))
                        must(json_object_set(wanted, name, value) == 0 ? wanted : NULL);
        return wanted;
}

/* A property that none of @shown has is a mistake to be told, not an empty line. */
static ExitStatus properties_checked(const Ctl *c, const json_t *shown) {
        const OptionValues *v = c->options + OPTION_PROPERTY;
        ExitStatus status = EXIT_DONE;

        for (size_t i = 0; i < v->n; i++) {
                _cleanup_free_ char *name = text_shown(v->values[i]);
                const json_t *one;
                bool found = false;
                size_t k;

                json_array_foreach(shown, k, one)
                        found = found || json_object_get(one, v->values[i]);
                if (!found) {
                        ctl_error("--property=%s: there is no such property here", name);
                        status = EXIT_USAGE;
                }
        }
        return status;
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void show_pairs(const Ctl *c, const json_t *properties) {
        _cleanup_free_ const char **names = must(calloc(json_object_size(properties) + 1, sizeof *names));
        const OptionValues *v = c->options + OPTION_PROPERTY;
        const char *name;
        json_t *value;
        size_t n = 0;

        if (v->n > 0) {                         /* in the order asked for */
                free(names);
                names = must(calloc(v->n, sizeof *names));
                for (size_t i = 0; i < v->n; i++)
                        if (json_object_get(properties, v->values[i]))
                                names[n++] = v->values[i];
        } else {
                json_object_foreach((json_t *) properties, name, value)
                        names[n++] = name;
                qsort(names, n, sizeof *names, compare_text);
        }
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *text = value_text(json_object_get(properties, names[i]));

                if (ctl_has(c, OPTION_VALUE))
                        fprintf(c->out.file, "%s\n", text);
                else
                        fprintf(c->out.file, "%s=%s\n", names[i], text);
        }
}

/* The properties of the host: of the service, the manager and the node together. */
static ExitStatus host_properties(Ctl *c, json_t **ret) {
        static const char *const interfaces[] = { INTERFACE_SERVICE, INTERFACE_MANAGER, INTERFACE_NODE };
        json_auto_t *all = must(json_object());

        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++) {
                json_auto_t *some = NULL;
                ExitStatus status = client_properties(c, BUS_PATH, interfaces[i], CALL_NO_START, &some);

                if (status != EXIT_DONE)
                        return status;
                must(json_object_update_missing(all, some) == 0 ? all : NULL);
        }
        *ret = TAKE_PTR(all);
        return EXIT_DONE;
}

static ExitStatus object_properties(Ctl *c, const char *name, json_t **ret) {
        _cleanup_free_ char *path = NULL, *what = NULL, *shown = text_shown(name);
        bool job = !isempty(name) && name[strspn(name, "0123456789")] == '\0' && strlen(name) < 8;
        sd_bus_message *m;
        ExitStatus status;

        /* a number is a job; a name of digits alone goes by its uuid */
        if (job) {
                path = text_format(JOB_PREFIX "%s", name);
                what = text_format("cannot show job %s", name);
        } else {
                status = client_find(c, name, CALL_NO_START, &path);
                if (status != EXIT_DONE)
                        return status;
                what = text_format("cannot show instance '%s'", shown);
        }
        m = client_message(c, path, INTERFACE_PROPERTIES, "GetAll");
        client_append(m, "s", job ? INTERFACE_JOB : INTERFACE_INSTANCE);
        status = client_query(c, m, CALL_NO_START | (job ? CALL_MAY_BE_GONE : 0), what, shown, ret);
        if (job && status == EXIT_NO_SUCH)
                client_no_job(name);
        return status;
}

ExitStatus verb_show(Ctl *c, const Verb *verb _unused_, char **arguments) {
        json_auto_t *shown = must(json_array());
        ExitStatus status = EXIT_DONE;
        json_t *properties = NULL;
        size_t i;

        if (!*arguments) {
                status = host_properties(c, &properties);
                if (status == EXIT_DONE)
                        must(json_array_append_new(shown, properties) == 0 ? shown : NULL);
        }
        for (; *arguments; arguments++) {
                ExitStatus one = object_properties(c, *arguments, &properties);

                if (one == EXIT_DONE)
                        must(json_array_append_new(shown, properties) == 0 ? shown : NULL);
                status = client_status_join(status, one);
                if (one == EXIT_UNREACHABLE)
                        break;
        }
        if (status == EXIT_DONE)
                status = properties_checked(c, shown);
        if (json_array_size(shown) == 0)
                return status;

        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF) {
                json_auto_t *all = must(json_array());

                json_array_foreach(shown, i, properties)
                        must(json_array_append_new(all, wanted_of(c, properties)) == 0 ? all : NULL);
                output_json(&c->out, json_array_size(all) == 1 ? json_array_get(all, 0) : all);
        } else
                json_array_foreach(shown, i, properties) {
                        if (i > 0)
                                (void) fputc('\n', c->out.file);
                        show_pairs(c, properties);
                }
        return status;
}

/* ---- what status and node are made of ---- */

void status_line(const Output *o, const char *label, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        fprintf(o->file, "%12s%s %s\n", label, isempty(label) ? " " : ":", (char *) must(text));
}

char *status_since(usec_t t) {
        usec_t now = now_realtime();
        char when[TEXT_TIME_MAX], span[TEXT_SPAN_MAX];

        if (t == 0)
                return must(strdup("never"));
        return text_format("%s; %s ago", text_time(t, when), text_span(now > t ? now - t : 0, span));
}

static void resource_line(const Output *o, const char *label, int64_t used, int64_t total, int64_t reserved, bool plain) {
        _cleanup_free_ char *bar = text_bar(used, total, 20, o->ascii), *kept = NULL;
        char a[TEXT_SPAN_MAX], b[TEXT_SPAN_MAX], r[TEXT_SPAN_MAX];
        Colour colour = total > 0 && used > total ? COLOUR_BAD : total > 0 && used * 10 > total * 9 ? COLOUR_WARN : COLOUR_GOOD;

        if (plain) {
                snprintf(a, sizeof a, "%" PRId64, used);
                snprintf(b, sizeof b, "%" PRId64, total);
                snprintf(r, sizeof r, "%" PRId64, reserved);
        } else {
                (void) text_mib(used, a);
                (void) text_mib(total, b);
                (void) text_mib(reserved, r);
        }
        kept = reserved > 0 ? text_format(", %s kept for the host", r) : must(strdup(""));
        status_line(o, label, "%s%s%s %s of %s used%s", output_colour(o, colour), bar, output_colour_end(o, colour), a, b, kept);
}

void status_resources(const Output *o, const json_t *node) {
        if (prop_number(node, "UpdatedUSec") == 0) {
                status_line(o, "Resources", "not known yet");
                return;
        }
        resource_line(o, "vCPUs", prop_number(node, "VCPUsUsed"), prop_number(node, "VCPUs"), prop_number(node, "VCPUsReserved"), true);
        resource_line(o, "Memory", prop_number(node, "MemoryUsedMiB"), prop_number(node, "MemoryMiB"), prop_number(node, "MemoryReservedMiB"), false);
        resource_line(o, "Disk", prop_number(node, "DiskUsedGiB") * 1024, prop_number(node, "DiskGiB") * 1024,
                      prop_number(node, "DiskReservedGiB") * 1024, false);
}

void status_hypervisor(const Output *o, const json_t *node, const char *trouble) {
        _cleanup_free_ char *error = text_shown(prop_text(node, "HypervisorError")), *uri = text_shown(prop_text(node, "ConnectionUri")),
                            *type = text_shown(prop_text(node, "HypervisorType"));
        int64_t version = prop_number(node, "HypervisorVersion");
        bool told = isempty(error) || strstr(trouble, prop_text(node, "HypervisorError"));

        if (prop_true(node, "HypervisorConnected"))
                status_line(o, "Hypervisor", "%s%s %" PRId64 ".%" PRId64 ".%" PRId64 "%s%s%s", output_colour(o, COLOUR_GOOD),
                            isempty(type) ? "connected" : type, version / 1000000, version / 1000 % 1000, version % 1000,
                            output_colour_end(o, COLOUR_GOOD), isempty(uri) ? "" : " at ", uri);
        else
                status_line(o, "Hypervisor", "%snot connected%s%s%s", output_colour(o, COLOUR_BAD), output_colour_end(o, COLOUR_BAD),
                            told ? "" : ": ", told ? "" : error);
}

/* ---- node ---- */

static void node_print(const Output *o, const json_t *node) {
        _cleanup_free_ char *name = text_shown(prop_text(node, "HypervisorHostname")), *driver = text_shown(prop_text(node, "Driver")),
                            *ip = text_shown(prop_text(node, "HostIp")), *uuid = text_shown(prop_text(node, "Uuid")),
                            *updated = status_since((usec_t) prop_number(node, "UpdatedUSec"));
        json_auto_t *cpu = json_loads(prop_text(node, "CPUInfo"), JSON_REJECT_DUPLICATES, NULL);
        const json_t *supported = json_object_get(node, "SupportedInstances"), *one;
        int64_t guests = prop_number(node, "RunningVMs"), tasks = prop_number(node, "CurrentWorkload");
        _cleanup_free_ char *runs = must(strdup(""));
        size_t i;

        fprintf(o->file, "%s%s%s\n", output_colour(o, COLOUR_BOLD), isempty(name) ? "this host" : name, output_colour_end(o, COLOUR_BOLD));
        status_line(o, "Uuid", "%s", isempty(uuid) ? "-" : uuid);
        status_line(o, "Address", "%s", isempty(ip) ? "-" : ip);
        status_line(o, "Driver", "%s", isempty(driver) ? "-" : driver);
        status_hypervisor(o, node, "");
        if (json_is_object(cpu)) {
                const json_t *topology = json_object_get(cpu, "topology");
                _cleanup_free_ char *model = text_shown(prop_text(cpu, "model")), *vendor = text_shown(prop_text(cpu, "vendor")),
                                    *arch = text_shown(prop_text(cpu, "arch"));

                status_line(o, "CPU", "%s %s (%s), sockets %" PRId64 ", cores %" PRId64 ", threads %" PRId64, vendor, model, arch,
                            prop_number(topology, "sockets"), prop_number(topology, "cores"), prop_number(topology, "threads"));
        }
        status_resources(o, node);
        status_line(o, "Guests", "%" PRId64 " instance%s, %" PRId64 " task%s under way", guests, guests == 1 ? "" : "s", tasks, tasks == 1 ? "" : "s");
        json_array_foreach(supported, i, one) {
                _cleanup_free_ char *before = TAKE_PTR(runs), *text = value_text(one);

                for (char *p = text; *p; p++)
                        if (*p == ' ')
                                *p = '/';
                runs = text_format("%s%s%s", before, isempty(before) ? "" : " ", text);
        }
        if (!isempty(runs))
                status_line(o, "Runs", "%s", runs);
        status_line(o, "Updated", "%s", updated);
}

ExitStatus verb_node(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        json_auto_t *node = NULL;
        ExitStatus status = client_properties(c, BUS_PATH, INTERFACE_NODE, CALL_NO_START, &node);

        if (status != EXIT_DONE)
                return status;
        output_open_pager(&c->out);
        if (c->out.json != JSON_OFF)
                output_json(&c->out, node);
        else
                node_print(&c->out, node);
        return EXIT_DONE;
}

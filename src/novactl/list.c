/* list, jobs, drift, stalled, flavors, images, networks: tables. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>

#include "novactl/client.h"
#include "novactl/props.h"
#include "novactl/table.h"
#include "novactl/verbs.h"

/* How long ago @t was, as text. */
static char *ago_text(usec_t t) {
        usec_t now = now_realtime();
        char span[TEXT_SPAN_MAX];

        if (t == 0)
                return must(strdup(""));
        return must(strdup(text_span(now > t ? now - t : 0, span)));
}

/* A copy of a member, null where there is none. */
static json_t *member(const json_t *properties, const char *name) {
        json_t *value = json_object_get(properties, name);

        return value ? json_incref(value) : json_null();
}

/* ---- instances ---- */

static json_t *addresses_of(const json_t *instance) {
        json_t *all = must(json_array()), *network, *address;
        size_t i, j;

        json_array_foreach(json_object_get(instance, "Networks"), i, network)
                json_array_foreach(json_object_get(network, "addresses"), j, address)
                        must(json_array_append(all, address) == 0 ? all : NULL);
        return all;
}

/* Without the length of the prefix, in one line. */
static char *addresses_text(const json_t *addresses) {
        _cleanup_free_ char *text = value_text(addresses);
        char *shown = must(strdup(text)), *to = shown;

        for (const char *p = text; *p; p++) {
                if (*p == '/')
                        p += strspn(p + 1, "0123456789") + 1;
                if (!*p)
                        break;
                *to++ = *p;
        }
        *to = '\0';
        return shown;
}

static bool pattern_matches(const char *pattern, const json_t *instance) {
        const char *uuid = prop_text(instance, "Uuid");

        return fnmatch(pattern, prop_text(instance, "DisplayName"), 0) == 0 || fnmatch(pattern, prop_text(instance, "Name"), 0) == 0 ||
               fnmatch(pattern, uuid, 0) == 0 || (!isempty(pattern) && startswith(uuid, pattern));
}

static bool is_listed(Ctl *c, const json_t *instance, char **patterns) {
        const OptionValues *states = c->options + OPTION_STATE;
        const char *project = ctl_value(c, OPTION_PROJECT);
        bool found = states->n == 0;

        for (size_t i = 0; i < states->n && !found; i++)
                found = streq(states->values[i], prop_text(instance, "VmState")) || streq(states->values[i], prop_text(instance, "TaskState")) ||
                        streq(states->values[i], prop_text(instance, "PowerState"));
        if (!found || (project && !streq(project, prop_text(instance, "Project"))))
                return false;
        if (!*patterns)
                return true;
        for (; *patterns; patterns++)
                if (pattern_matches(*patterns, instance))
                        return true;
        return false;
}

/* So many digits of a uuid, 8 at least, that no two of @instances begin alike. They are sorted by uuid for that. */
static int compare_uuid(const void *a, const void *b) {
        return strcmp(prop_text(*(json_t *const *) a, "Uuid"), prop_text(*(json_t *const *) b, "Uuid"));
}

static size_t uuid_digits(json_t **instances, size_t n) {
        size_t digits = 8;

        qsort(instances, n, sizeof *instances, compare_uuid);
        for (size_t i = 1; i < n; i++) {
                const char *a = prop_text(instances[i - 1], "Uuid"), *b = prop_text(instances[i], "Uuid");
                size_t same = 0;

                while (a[same] && a[same] == b[same])
                        same++;
                digits = MAX(digits, same + 1);
        }
        return digits;
}

static int compare_name(const void *a, const void *b) {
        int r = strcmp(prop_text(*(json_t *const *) a, "DisplayName"), prop_text(*(json_t *const *) b, "DisplayName"));

        return r ? r : compare_uuid(a, b);
}

static void list_instance(Table *t, const json_t *instance, size_t digits, bool cut) {
        const char *state = prop_text(instance, "VmState"), *power = prop_text(instance, "PowerState");
        json_t *addresses = addresses_of(instance);
        char memory[TEXT_SPAN_MAX];

        table_cell(t, member(instance, "Uuid"), cut ? text_format("%.*s", (int) digits, prop_text(instance, "Uuid")) : NULL, COLOUR_NONE);
        table_cell(t, member(instance, "DisplayName"), NULL, COLOUR_BOLD);
        table_cell(t, member(instance, "VmState"), NULL, colour_of_state(state));
        table_cell(t, member(instance, "TaskState"), NULL, COLOUR_WARN);
        table_cell(t, member(instance, "PowerState"), NULL, colour_of_state(power));
        table_cell(t, member(instance, "VCPUs"), NULL, COLOUR_NONE);
        table_cell(t, member(instance, "MemoryMiB"), must(strdup(text_mib(prop_number(instance, "MemoryMiB"), memory))), COLOUR_NONE);
        table_cell(t, addresses, addresses_text(addresses), COLOUR_NONE);
        table_cell(t, member(instance, "CreatedUSec"), ago_text((usec_t) prop_number(instance, "CreatedUSec")), COLOUR_NONE);
        table_cell(t, member(instance, "Project"), NULL, COLOUR_NONE);
        table_cell(t, member(instance, "Locked"), NULL, COLOUR_NONE);
        table_cell(t, member(instance, "Fault"), NULL, COLOUR_NONE);
}

ExitStatus verb_list(Ctl *c, const Verb *verb _unused_, char **arguments) {
        static const TableColumn columns[] = {
                { .title = "UUID", .key = "uuid" },
                { .title = "NAME", .key = "name", .shrinks = true },
                { .title = "STATE", .key = "state" },
                { .title = "TASK", .key = "task", .shrinks = true },
                { .title = "POWER", .key = "power" },
                { .title = "VCPUS", .key = "vcpus", .right = true },
                { .title = "MEMORY", .key = "memory_mib", .right = true },
                { .title = "ADDRESSES", .key = "addresses", .shrinks = true },
                { .title = "AGE", .key = "created_usec", .right = true },
                { .title = "PROJECT", .key = "project", .json_only = true },
                { .title = "LOCKED", .key = "locked", .json_only = true },
                { .title = "FAULT", .key = "fault", .json_only = true },
        };
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ json_t **instances = NULL;
        json_auto_t *objects = NULL;
        json_t *interfaces;
        ExitStatus status;
        const char *path;
        size_t n = 0, digits;

        status = client_objects(c, CALL_NO_START, &objects);
        if (status != EXIT_DONE)
                return status;
        instances = must(calloc(json_object_size(objects) + 1, sizeof *instances));
        json_object_foreach(objects, path, interfaces) {
                json_t *instance = json_object_get(interfaces, INTERFACE_INSTANCE);

                if (instance)
                        instances[n++] = instance;
        }
        digits = uuid_digits(instances, n);
        qsort(instances, n, sizeof *instances, compare_name);
        for (size_t i = 0; i < n; i++)
                if (is_listed(c, instances[i], arguments))
                        list_instance(t, instances[i], digits, c->out.terminal && !c->out.full);
        output_open_pager(&c->out);
        table_print(t, &c->out, "instance", "instances", *arguments || c->options[OPTION_STATE].n || ctl_has(c, OPTION_PROJECT) ? "No such instances." : "No instances.");
        return EXIT_DONE;
}

/* ---- jobs ---- */

static int compare_job(const void *a, const void *b) {
        int64_t x = prop_number(*(json_t *const *) a, "Id"), y = prop_number(*(json_t *const *) b, "Id");

        return (x > y) - (x < y);
}

static void list_job(Table *t, const json_t *objects, const json_t *job) {
        const json_t *instance = json_object_get(json_object_get(objects, prop_text(job, "Instance")), INTERFACE_INSTANCE);
        const char *state = prop_text(job, "State");
        int64_t progress = prop_number(job, "Progress");

        table_cell(t, member(job, "Id"), NULL, COLOUR_BOLD);
        table_cell(t, member(job, "Method"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "InstanceUuid"), instance ? text_shown(prop_name(instance)) : NULL, COLOUR_NONE);
        table_cell(t, member(job, "State"), NULL, prop_true(job, "Stalled") ? COLOUR_BAD : colour_of_state(state));
        table_cell(t, member(job, "Step"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "Progress"), progress > 0 ? text_format("%" PRId64 "%%", progress) : must(strdup("")), COLOUR_NONE);
        table_cell(t, member(job, "AcceptedUSec"), ago_text((usec_t) prop_number(job, "AcceptedUSec")), COLOUR_NONE);
        table_cell(t, member(job, "Origin"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "User"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "RequestId"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "StartedUSec"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "Stalled"), NULL, COLOUR_NONE);
        table_cell(t, member(job, "Cancellable"), NULL, COLOUR_NONE);
}

ExitStatus verb_jobs(Ctl *c, const Verb *verb _unused_, char **arguments) {
        static const TableColumn columns[] = {
                { .title = "JOB", .key = "job", .right = true },
                { .title = "METHOD", .key = "method", .shrinks = true },
                { .title = "INSTANCE", .key = "instance", .shrinks = true },
                { .title = "STATE", .key = "state" },
                { .title = "STEP", .key = "step", .shrinks = true },
                { .title = "DONE", .key = "progress", .right = true },
                { .title = "AGE", .key = "accepted_usec", .right = true },
                { .title = "ORIGIN", .key = "origin" },
                { .title = "USER", .key = "user", .shrinks = true },
                { .title = "REQUEST", .key = "request_id", .json_only = true },
                { .title = "STARTED", .key = "started_usec", .json_only = true },
                { .title = "STALLED", .key = "stalled", .json_only = true },
                { .title = "CANCELLABLE", .key = "cancellable", .json_only = true },
        };
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        _cleanup_free_ json_t **jobs = NULL;
        json_auto_t *objects = NULL, *wanted = must(json_object());
        json_t *interfaces;
        ExitStatus status;
        const char *path;
        size_t n = 0;

        for (char **a = arguments; *a; a++) {
                _cleanup_free_ char *instance = NULL;

                status = client_find(c, *a, CALL_NO_START, &instance);
                if (status != EXIT_DONE)
                        return status;
                must(json_object_set_new(wanted, instance, json_true()) == 0 ? wanted : NULL);
        }
        status = client_objects(c, CALL_NO_START, &objects);
        if (status != EXIT_DONE)
                return status;
        jobs = must(calloc(json_object_size(objects) + 1, sizeof *jobs));
        json_object_foreach(objects, path, interfaces) {
                json_t *job = json_object_get(interfaces, INTERFACE_JOB);

                if (job && (!*arguments || json_object_get(wanted, prop_text(job, "Instance"))))
                        jobs[n++] = job;
        }
        qsort(jobs, n, sizeof *jobs, compare_job);
        for (size_t i = 0; i < n; i++)
                list_job(t, objects, jobs[i]);
        output_open_pager(&c->out);
        table_print(t, &c->out, "job", "jobs", "No jobs.");
        return EXIT_DONE;
}

/* ---- drift, stalled ---- */

ExitStatus verb_drift(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        static const TableColumn columns[] = {
                { .title = "KIND", .key = "kind" },
                { .title = "NAME", .key = "name" },
                { .title = "AGE", .key = "since_usec", .right = true },
                { .title = "FINDING", .key = "sentence", .shrinks = true },
        };
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        json_auto_t *findings = NULL;
        json_t *finding;
        ExitStatus status;
        size_t i;

        status = client_query(c, client_message(c, BUS_PATH, INTERFACE_MANAGER, "ListDrift"), CALL_NO_START, "cannot list drift", NULL, &findings);
        if (status != EXIT_DONE)
                return status;
        json_array_foreach(findings, i, finding) {
                json_t *since = json_array_get(finding, 3);

                table_cell(t, json_incref(json_array_get(finding, 0)), NULL, COLOUR_WARN);
                table_cell(t, json_incref(json_array_get(finding, 1)), NULL, COLOUR_BOLD);
                table_cell(t, json_incref(since), ago_text((usec_t) json_integer_value(since)), COLOUR_NONE);
                table_cell(t, json_incref(json_array_get(finding, 2)), NULL, COLOUR_NONE);
        }
        output_open_pager(&c->out);
        table_print(t, &c->out, "finding", "findings", "No drift: store, hypervisor and disk agree.");
        return EXIT_DONE;
}

ExitStatus verb_stalled(Ctl *c, const Verb *verb _unused_, char **arguments _unused_) {
        static const TableColumn columns[] = {
                { .title = "METHOD", .key = "method" },
                { .title = "INSTANCE", .key = "instance" },
                { .title = "RUNS FOR", .key = "usec", .right = true },
                { .title = "JOB", .key = "job", .right = true },
        };
        _cleanup_(table_freep) Table *t = table_new(columns, ELEMENTSOF(columns));
        json_auto_t *stalled = NULL;
        json_t *one;
        ExitStatus status;
        size_t i;

        status = client_query(c, client_message(c, BUS_PATH, INTERFACE_MANAGER, "ListStalled"), CALL_NO_START, "cannot list stalled operations", NULL, &stalled);
        if (status != EXIT_DONE)
                return status;
        json_array_foreach(stalled, i, one) {
                const char *job = startswith(strempty(json_string_value(json_array_get(one, 3))), JOB_PREFIX);
                char span[TEXT_SPAN_MAX];
                uint64_t number = 0;

                (void) text_parse_number(strempty(job), INT64_MAX, &number);
                table_cell(t, json_incref(json_array_get(one, 0)), NULL, COLOUR_BOLD);
                table_cell(t, json_incref(json_array_get(one, 1)), NULL, COLOUR_NONE);
                table_cell(t, json_incref(json_array_get(one, 2)),
                           must(strdup(text_span((usec_t) json_integer_value(json_array_get(one, 2)), span))), COLOUR_BAD);
                table_cell(t, job ? json_integer((json_int_t) number) : json_null(), NULL, COLOUR_NONE);
        }
        output_open_pager(&c->out);
        table_print(t, &c->out, "stalled operation", "stalled operations", "No operation is beyond its deadline.");
        return EXIT_DONE;
}

/* ---- what create takes ---- */

ExitStatus verb_catalogue(Ctl *c, const Verb *verb, char **arguments _unused_) {
        static const struct {
                const char *verb, *property, *one, *many, *none;
                TableColumn columns[4];
                size_t n;
                int mib, gib, bytes;            /* which of the columns is such an amount; -1 = none */
        } catalogues[] = {
                { "flavors", "Flavors", "flavor", "flavors", "No flavors are configured: create takes --vcpus, --memory and --disk.",
                  { { .title = "NAME", .key = "name" },
                    { .title = "VCPUS", .key = "vcpus", .right = true },
                    { .title = "MEMORY", .key = "memory_mib", .right = true },
                    { .title = "DISK", .key = "disk_gib", .right = true } },
                  4, 2, 3, -1 },
                { "images", "Images", "image", "images", "No images in the image directory.",
                  { { .title = "ID", .key = "id" },
                    { .title = "NAME", .key = "name", .shrinks = true },
                    { .title = "FORMAT", .key = "format" },
                    { .title = "SIZE", .key = "size_bytes", .right = true } },
                  4, -1, -1, 3 },
                { "networks", "Networks", "network", "networks", "No networks are configured: guests have none.",
                  { { .title = "NAME", .key = "name", .shrinks = true }, { .title = "UUID", .key = "uuid" } },
                  2, -1, -1, -1 },
        };
        size_t which = 0, i, j;
        json_auto_t *properties = NULL;
        json_t *row, *value;
        ExitStatus status;
        Table *t;

        while (!streq(catalogues[which].verb, verb->name))
                which++;
        status = client_properties(c, BUS_PATH, INTERFACE_MANAGER, CALL_NO_START, &properties);
        if (status != EXIT_DONE)
                return status;
        t = table_new(catalogues[which].columns, catalogues[which].n);
        json_array_foreach(json_object_get(properties, catalogues[which].property), i, row)
                for (j = 0; j < catalogues[which].n; j++) {
                        char amount[TEXT_SPAN_MAX];
                        char *text = NULL;

                        value = json_array_get(row, j);
                        if ((int) j == catalogues[which].mib)
                                text = must(strdup(text_mib(json_integer_value(value), amount)));
                        else if ((int) j == catalogues[which].gib)
                                text = must(strdup(text_mib(json_integer_value(value) * 1024, amount)));
                        else if ((int) j == catalogues[which].bytes)
                                text = must(strdup(text_bytes((uint64_t) json_integer_value(value), amount)));
                        table_cell(t, json_incref(value), text, j == 0 ? COLOUR_BOLD : COLOUR_NONE);
                }
        output_open_pager(&c->out);
        table_print(t, &c->out, catalogues[which].one, catalogues[which].many, catalogues[which].none);
        (void) table_free(t);
        return EXIT_DONE;
}

/* Translates between libvirt's capabilities XML and Nova's JSON. */
#include "virt/libvirt/capabilities.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/json.h"
#include "virt/libvirt/xml.h"

bool xml_number(const char *s, uint64_t *ret) {
        uint64_t n = 0;

        if (isempty(s))
                return false;
        for (; *s; s++) {
                if (*s < '0' || *s > '9' || n > UINT64_MAX / 10 - 1)
                        return false;
                n = n * 10 + (uint64_t) (*s - '0');
        }
        *ret = n;
        return true;
}

static int64_t number_or(const xmlNode *node, const char *attribute, int64_t otherwise) {
        uint64_t n;

        return xml_number(xml_attribute(node, attribute), &n) ? (int64_t) n : otherwise;
}

/* Owned by the caller; NULL when out of memory. */
static json_t *parse_features(const xmlNode *cpu) {
        json_t *features = json_array();

        for (const xmlNode *f = xml_child(cpu, "feature"); f; f = xml_next(f, "feature"))
                if (xml_attribute(f, "name"))
                        (void) json_array_append_new(features, json_string(xml_attribute(f, "name")));
        return features;
}

static int parse_cpu(const xmlNode *host, Capabilities *c, NovaException *e) {
        const xmlNode *cpu = xml_child(host, "cpu"), *topology = xml_child(cpu, "topology");

        if (!cpu || xml_next(cpu, "cpu"))
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: libvirt's capabilities tell of %s host CPU",
                                      cpu ? "more than one" : "no");

        c->has_topology = topology != NULL;
        c->cpu_info = json_pack("{s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:o}",
                                "arch", json_string_or_null(xml_text(xml_child(cpu, "arch"))),
                                "model", json_string_or_null(xml_text(xml_child(cpu, "model"))),
                                "vendor", json_string_or_null(xml_text(xml_child(cpu, "vendor"))),
                                "topology", "cells", (json_int_t) MAX(c->n_cells, 1u),
                                "sockets", (json_int_t) number_or(topology, "sockets", 1),
                                "cores", (json_int_t) number_or(topology, "cores", 1),
                                "threads", (json_int_t) number_or(topology, "threads", 1), "features", parse_features(cpu));
        return c->cpu_info ? 0 : -ENOMEM;
}

/* Threads of one core are named by each of them: keep each list once. */
static int add_siblings(NumaCell *cell, const char *text) {
        char why[100];
        json_t *list, *known;
        CpuSet set;
        size_t i;

        if (isempty(text) || cpu_set_parse(text, &set, why, sizeof why) < 0)
                return 0;
        list = cpu_set_to_json(&set);
        if (!list)
                return -ENOMEM;
        json_array_foreach(cell->siblings, i, known)
                if (json_equal(known, list)) {
                        json_decref(list);
                        return 0;
                }
        return json_array_append_new(cell->siblings, list) < 0 ? -ENOMEM : 0;
}

static int parse_cell(const xmlNode *node, NumaCell *cell) {
        const char *memory = xml_text(xml_child(node, "memory"));
        int r;

        CPU_ZERO(&cell->cpus);
        cell->socket = -1;
        cell->id = (uint64_t) number_or(node, "id", 0);
        (void) xml_number(memory, &cell->memory_kib);
        cell->siblings = json_array();
        if (!cell->siblings)
                return -ENOMEM;

        for (const xmlNode *p = xml_child(node, "pages"); p && cell->n_pages < ELEMENTSOF(cell->pages); p = xml_next(p, "pages")) {
                NumaPages pages = {};

                if (xml_number(xml_attribute(p, "size"), &pages.size_kib) && xml_number(xml_text(p), &pages.total))
                        cell->pages[cell->n_pages++] = pages;
        }
        for (const xmlNode *p = xml_child(xml_child(node, "cpus"), "cpu"); p; p = xml_next(p, "cpu")) {
                int64_t id = number_or(p, "id", -1);

                if (id < 0 || id >= CPU_SET_MAX)
                        continue;
                if (CPU_COUNT(&cell->cpus) == 0)
                        cell->socket = number_or(p, "socket_id", -1);
                CPU_SET((unsigned) id, &cell->cpus);
                r = add_siblings(cell, xml_attribute(p, "siblings"));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_cells(const xmlNode *host, Capabilities *c) {
        const xmlNode *cells = xml_child(xml_child(host, "topology"), "cells");
        size_t n = 0;

        for (const xmlNode *p = xml_child(cells, "cell"); p; p = xml_next(p, "cell"))
                n++;
        if (n == 0)
                return 0;
        c->cells = calloc(n, sizeof *c->cells);
        if (!c->cells)
                return -ENOMEM;
        for (const xmlNode *p = xml_child(cells, "cell"); p; p = xml_next(p, "cell")) {
                int r = parse_cell(p, &c->cells[c->n_cells++]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_guests(const xmlNode *root, Capabilities *c) {
        c->hv_specs = json_array();

        for (const xmlNode *g = xml_child(root, "guest"); g; g = xml_next(g, "guest")) {
                const char *mode = xml_text(xml_child(g, "os_type"));

                for (const xmlNode *a = xml_child(g, "arch"); a; a = xml_next(a, "arch"))
                        for (const xmlNode *d = xml_child(a, "domain"); d; d = xml_next(d, "domain")) {
                                const char *arch = xml_attribute(a, "name"), *type = xml_attribute(d, "type");

                                if (mode && arch && type &&
                                    json_array_append_new(c->hv_specs, json_pack("[s, s, s]", arch, type, mode)) < 0)
                                        return -ENOMEM;
                        }
        }
        return c->hv_specs ? 0 : -ENOMEM;
}

void capabilities_done(Capabilities *c) {
        json_decref(c->cpu_info);
        json_decref(c->hv_specs);
        for (size_t i = 0; i < c->n_cells; i++)
                json_decref(c->cells[i].siblings);
        free(c->cells);
        *c = (Capabilities){};
}

int capabilities_parse(const char *xml, Capabilities *ret, NovaException *e) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = xml_parse(xml);
        _cleanup_(capabilities_done) Capabilities c = {};
        const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL, *host;
        int r;

        if (!root || !xml_is(root, "capabilities"))
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: libvirt's capabilities are no such XML");
        host = xml_child(root, "host");

        r = parse_cells(host, &c);
        if (r >= 0)
                r = parse_cpu(host, &c, e);
        if (r >= 0)
                r = parse_guests(root, &c);
        if (r < 0)
                return exception_is_set(e) ? r : exception_set_errno(e, r, "The capabilities of libvirt");

        *ret = c;
        c = (Capabilities){};
        return 0;
}

/* A versioned object with all its fields changed, as a new one has. Steals @data; NULL when out of memory. */
static json_t *object(const char *name, const char *version, json_t *data) {
        json_t *changes = json_array(), *value;
        const char *key;

        json_object_foreach(data, key, value)
                (void) json_array_append_new(changes, json_string(key));
        return json_pack("{s:s, s:s, s:s, s:o, s:o}", "nova_object.name", name, "nova_object.namespace", "nova",
                         "nova_object.version", version, "nova_object.data", data, "nova_object.changes", changes);
}

static json_t *cell_pages(const NumaCell *cell) {
        json_t *list = json_array();

        for (size_t i = 0; i < cell->n_pages; i++)
                (void) json_array_append_new(list, object("NUMAPagesTopology", "1.1",
                        json_pack("{s:I, s:I, s:i, s:i}", "size_kb", (json_int_t) cell->pages[i].size_kib,
                                  "total", (json_int_t) cell->pages[i].total, "used", 0, "reserved", 0)));
        return list;
}

/* Those of @cpus that are online and @allowed (NULL: none, unless @all). */
static json_t *cpu_list(const CpuSet *cpus, const CpuSet *online, const CpuSet *allowed, bool all) {
        CpuSet set;

        CPU_AND(&set, cpus, online);
        if (!all && allowed)
                CPU_AND(&set, &set, allowed);
        else if (!all)
                CPU_ZERO(&set);
        return cpu_set_to_json(&set);
}

/* The sibling lists without the CPUs that are offline. */
static json_t *online_siblings(const NumaCell *cell, const CpuSet *online) {
        json_t *lists = json_array(), *list, *cpu;
        size_t i, k;

        json_array_foreach(cell->siblings, i, list) {
                json_t *some = json_array();

                json_array_foreach(list, k, cpu)
                        if (CPU_ISSET((unsigned) json_integer_value(cpu), online))
                                (void) json_array_append(some, cpu);
                if (json_array_size(some) > 0)
                        (void) json_array_append_new(lists, some);
                else
                        json_decref(some);
        }
        return lists;
}

int capabilities_numa_topology(const Capabilities *c, const CpuSet *online, const CpuSet *shared, const CpuSet *dedicated, char **ret) {
        bool all = !shared && !dedicated;
        json_auto_t *topology = NULL;
        json_t *cells;

        if (c->n_cells == 0)
                return 0;

        cells = json_array();
        for (size_t i = 0; i < c->n_cells; i++) {
                const NumaCell *n = &c->cells[i];
                json_t *network = object("NetworkMetadata", "1.0", json_pack("{s:[], s:b}", "physnets", "tunneled", false));

                (void) json_array_append_new(cells, object("NUMACell", "1.5",
                        json_pack("{s:I, s:o, s:o, s:I, s:i, s:i, s:[], s:o, s:o, s:o, s:o}", "id", (json_int_t) n->id,
                                  "cpuset", cpu_list(&n->cpus, online, shared, all), "pcpuset", cpu_list(&n->cpus, online, dedicated, all),
                                  "memory", (json_int_t) (n->memory_kib / 1024), "cpu_usage", 0, "memory_usage", 0, "pinned_cpus",
                                  "siblings", online_siblings(n, online), "mempages", cell_pages(n), "network_metadata", network,
                                  "socket", n->socket < 0 ? json_null() : json_integer(n->socket))));
        }
        topology = object("NUMATopology", "1.2", json_pack("{s:o}", "cells", cells));
        *ret = topology && json_array_size(cells) == c->n_cells ? json_text(topology) : NULL;
        return *ret ? 1 : -ENOMEM;
}

static void add_text(xmlNode *cpu, const json_t *info, const char *key) {
        const char *text = json_member_string(info, key);

        if (text)
                (void) xmlNewTextChild(cpu, NULL, BAD_CAST key, BAD_CAST text);
}

int cpu_info_to_xml(const char *cpu_info, char **ret, NovaException *e) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        json_auto_t *info = NULL;
        const json_t *topology, *feature;
        xmlChar *text = NULL;
        xmlNode *cpu, *node;
        char why[200], n[24];
        int r, length;
        size_t i;

        r = json_parse(cpu_info, strlen(cpu_info), &info, why, sizeof why);
        if (r < 0 || !json_is_object(info))
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: %s", r < 0 ? why : "not a JSON object");

        doc = xmlNewDoc(BAD_CAST "1.0");
        cpu = doc ? xmlNewNode(NULL, BAD_CAST "cpu") : NULL;
        if (!cpu)
                return exception_set_errno(e, -ENOMEM, "CPU info");
        (void) xmlDocSetRootElement(doc, cpu);

        add_text(cpu, info, "arch");
        add_text(cpu, info, "model");
        add_text(cpu, info, "vendor");
        topology = json_object_get(info, "topology");
        if (json_is_object(topology)) {
                node = xmlNewChild(cpu, NULL, BAD_CAST "topology", NULL);
                for (const char *const *key = (const char *const[]){ "sockets", "cores", "threads", NULL }; *key; key++) {
                        const char *as_text = json_member_string(topology, *key);       /* Essex wrote numbers as texts */

                        snprintf(n, sizeof n, "%" PRId64, json_member_integer(topology, *key, 1));
                        (void) xmlNewProp(node, BAD_CAST *key, BAD_CAST (as_text ?: n));
                }
        }
        json_array_foreach(json_object_get(info, "features"), i, feature)
                if (json_is_string(feature)) {
                        node = xmlNewChild(cpu, NULL, BAD_CAST "feature", NULL);
                        (void) xmlNewProp(node, BAD_CAST "name", BAD_CAST json_string_value(feature));
                }

        xmlDocDumpMemory(doc, &text, &length);
        *ret = text ? strdup((const char *) text) : NULL;
        xmlFree(text);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "CPU info");
}

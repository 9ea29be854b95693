/* NUMA topologies from and to Nova's objects: see numa.h. */
#include "objects/numa.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"

#define DATA "nova_object.data"
#define HOST "NUMATopology"
#define GUEST "InstanceNUMATopology"

static const char *const policies[_NUMA_POLICY_MAX] = { NULL, "shared", "dedicated", "mixed" };
static const char *const thread_policies[_NUMA_THREADS_MAX] = { NULL, "prefer", "isolate", "require" };
static const char *const emulator_policies[_NUMA_EMULATOR_MAX] = { NULL, "share", "isolate" };

const char *numa_policy_to_string(NumaPolicy p) {
        return policies[p];
}

void host_topology_done(HostTopology *t) {
        for (size_t n = 0; n < t->n; n++) {
                free(t->cells[n].siblings);
                free(t->cells[n].pages);
        }
        free(t->cells);
        json_decref(t->object);
        *t = (HostTopology) {};
}

void guest_topology_done(GuestTopology *t) {
        free(t->cells);
        json_decref(t->object);
        *t = (GuestTopology) {};
}

/* ---- reading ---- */

static const json_t *data_of(const json_t *object) {
        const json_t *data = json_object_get(object, DATA);

        return data ? data : object;
}

static int bad(NovaException *e, const char *what, const char *field, const json_t *value) {
        _cleanup_free_ char *text = value ? json_text(value) : NULL;

        return exception_setf(e, EXC_INVALID, "%s: %s cannot be %.100s", what, field, text ? text : "missing");
}

/* @list may be missing. */
static int check_list(const json_t *list, const char *what, const char *field, NovaException *e) {
        return !list || json_is_null(list) || json_is_array(list) ? 0 : bad(e, what, field, list);
}

static int read_cpus(const json_t *list, const char *what, const char *field, cpu_set_t *ret, NovaException *e) {
        const json_t *cpu;
        size_t n;

        CPU_ZERO(ret);
        json_array_foreach((json_t *) list, n, cpu) {
                json_int_t number = json_integer_value(cpu);

                if (!json_is_integer(cpu) || number < 0 || number >= NUMA_CPUS_MAX)
                        return bad(e, what, field, cpu);
                CPU_SET((size_t) number, ret);
        }
        return check_list(list, what, field, e);
}

/* A member of an object, and where in our struct it goes: an int64_t, or a cpu_set_t. */
typedef struct Field {
        const char *name;
        enum { FIELD_NUMBER, FIELD_NUMBER_OR_NONE, FIELD_CPUS } type;
        size_t offset;
} Field;

static int read_fields(const json_t *data, const char *what, const Field *fields, size_t n_fields, void *to, NovaException *e) {
        for (const Field *f = fields; f < fields + n_fields; f++) {
                const json_t *value = json_object_get(data, f->name);
                void *at = (char *) to + f->offset;

                if (f->type == FIELD_CPUS) {
                        int r = read_cpus(value, what, f->name, at, e);

                        if (r < 0)
                                return r;
                } else if (json_is_integer(value) || (f->type == FIELD_NUMBER_OR_NONE && (!value || json_is_null(value))))
                        *(int64_t *) at = json_integer_value(value);
                else
                        return bad(e, what, f->name, value);
        }
        return 0;
}

static int read_items(const json_t *list, void *items, size_t size, int (*read)(const json_t *, void *, NovaException *), NovaException *e) {
        const json_t *item;
        size_t n;

        json_array_foreach((json_t *) list, n, item) {
                int r = read(item, (char *) items + n * size, e);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Makes room for all of @list, zeroed, and has @read fill each. What is read before a failure is there. */
#define READ_ITEMS(list, items, n, read, e)                                                     \
        ({                                                                                      \
                (items) = calloc(json_array_size(list) + 1, sizeof *(items));                   \
                (n) = (items) ? json_array_size(list) : 0;                                      \
                (items) ? read_items((list), (items), sizeof *(items), (read), (e)) : -ENOMEM;  \
        })

/* 1: *ret_cells are the cells; 0: there is no topology. */
static int read_object(const char *text, const char *what, json_t **ret, const json_t **ret_cells, NovaException *e) {
        json_auto_t *object = NULL;
        const json_t *cells;
        int r;

        if (isempty(text) || streq(text, "null"))
                return 0;
        r = json_parse(text, strlen(text), &object, NULL, 0);
        if (r < 0)
                return r == -ENOMEM ? r : exception_setf(e, EXC_INVALID, "%s: it is not JSON", what);
        cells = json_object_get(data_of(object), "cells");
        if (!json_is_array(cells) || json_array_size(cells) == 0 || json_array_size(cells) > NUMA_CELLS_MAX)
                return bad(e, what, "cells", cells);
        *ret_cells = cells;
        *ret = TAKE_PTR(object);
        return 1;
}

static int read_siblings(const json_t *list, void *to, NovaException *e) {
        return read_cpus(list, HOST, "siblings", to, e);
}

static int read_pages(const json_t *item, void *to, NovaException *e) {
        static const Field fields[] = {
                { "size_kb", FIELD_NUMBER, offsetof(HostPages, size_kib) },
                { "total", FIELD_NUMBER, offsetof(HostPages, total) },
                { "used", FIELD_NUMBER_OR_NONE, offsetof(HostPages, used) },
                { "reserved", FIELD_NUMBER_OR_NONE, offsetof(HostPages, reserved) },
        };
        const json_t *data = data_of(item);
        HostPages *p = to;
        int r;

        r = read_fields(data, HOST, fields, ELEMENTSOF(fields), p, e);
        return r >= 0 && p->size_kib <= 0 ? bad(e, HOST, "size_kb", json_object_get(data, "size_kb")) : r;
}

static int read_host_cell(const json_t *item, void *to, NovaException *e) {
        static const Field fields[] = {
                { "id", FIELD_NUMBER, offsetof(HostCell, id) },
                { "memory", FIELD_NUMBER, offsetof(HostCell, memory_mb) },
                { "memory_usage", FIELD_NUMBER_OR_NONE, offsetof(HostCell, memory_usage) },
                { "cpu_usage", FIELD_NUMBER_OR_NONE, offsetof(HostCell, cpu_usage) },
                { "cpuset", FIELD_CPUS, offsetof(HostCell, cpus) },
                { "pcpuset", FIELD_CPUS, offsetof(HostCell, pcpus) },
                { "pinned_cpus", FIELD_CPUS, offsetof(HostCell, pinned) },
        };
        const json_t *data = data_of(item), *siblings = json_object_get(data, "siblings"), *pages = json_object_get(data, "mempages");
        HostCell *c = to;
        int r;

        r = read_fields(data, HOST, fields, ELEMENTSOF(fields), c, e);
        if (r >= 0)
                r = check_list(siblings, HOST, "siblings", e);
        if (r >= 0)
                r = check_list(pages, HOST, "mempages", e);
        if (r >= 0)
                r = READ_ITEMS(siblings, c->siblings, c->n_siblings, read_siblings, e);
        if (r >= 0)
                r = READ_ITEMS(pages, c->pages, c->n_pages, read_pages, e);
        return r;
}

int host_topology_read(const char *text, HostTopology *ret, NovaException *e) {
        _cleanup_(host_topology_done) HostTopology t = {};
        const json_t *cells;
        int r;

        r = read_object(text, HOST, &t.object, &cells, e);
        if (r <= 0)
                return r;
        r = READ_ITEMS(cells, t.cells, t.n, read_host_cell, e);
        if (r < 0)
                return r;
        *ret = t;
        t = (HostTopology) {};
        return 1;
}

static int read_word(const json_t *data, const char *field, const char *const *words, int n_words, int *ret, NovaException *e) {
        const json_t *value = json_object_get(data, field);

        *ret = 0;
        if (!value || json_is_null(value))
                return 0;
        for (int n = 1; n < n_words; n++)
                if (streq_ptr(json_string_value(value), words[n])) {
                        *ret = n;
                        return 0;
                }
        return bad(e, GUEST, field, value);
}

static int read_pins(const json_t *pins, GuestCell *c, NovaException *e) {
        const char *key;
        json_t *value;

        memset(c->pins, 0xff, sizeof c->pins);
        if (!pins || json_is_null(pins))
                return 0;
        if (!json_is_object(pins))
                return bad(e, GUEST, "cpu_pinning_raw", pins);
        json_object_foreach((json_t *) pins, key, value) {
                char *end;
                unsigned long vcpu = strtoul(key, &end, 10);
                json_int_t cpu = json_integer_value(value);

                if (*end || end == key || vcpu >= NUMA_CPUS_MAX || !json_is_integer(value) || cpu < 0 || cpu >= NUMA_CPUS_MAX)
                        return bad(e, GUEST, "cpu_pinning_raw", pins);
                c->pins[vcpu] = (int16_t) cpu;
        }
        return 0;
}

static int read_guest_cell(const json_t *item, void *to, NovaException *e) {
        static const Field fields[] = {
                { "id", FIELD_NUMBER, offsetof(GuestCell, id) },
                { "memory", FIELD_NUMBER, offsetof(GuestCell, memory_mb) },
                { "pagesize", FIELD_NUMBER_OR_NONE, offsetof(GuestCell, page_kib) },
                { "cpuset", FIELD_CPUS, offsetof(GuestCell, cpus) },
                { "pcpuset", FIELD_CPUS, offsetof(GuestCell, pcpus) },
                { "cpuset_reserved", FIELD_CPUS, offsetof(GuestCell, reserved) },
        };
        const json_t *data = data_of(item), *reserved = json_object_get(data, "cpuset_reserved");
        int policy = 0, threads = 0, r;
        GuestCell *c = to;

        r = read_fields(data, GUEST, fields, ELEMENTSOF(fields), c, e);
        if (r >= 0 && (c->memory_mb < 0 || c->memory_mb > INT64_MAX / 1024))
                r = bad(e, GUEST, "memory", json_object_get(data, "memory"));
        if (r >= 0)
                r = read_word(data, "cpu_policy", policies, _NUMA_POLICY_MAX, &policy, e);
        if (r >= 0)
                r = read_word(data, "cpu_thread_policy", thread_policies, _NUMA_THREADS_MAX, &threads, e);
        if (r >= 0)
                r = read_pins(json_object_get(data, "cpu_pinning_raw"), c, e);
        if (r < 0)
                return r;
        c->has_reserved = reserved && !json_is_null(reserved);
        c->policy = (NumaPolicy) policy;
        c->threads = (NumaThreads) threads;
        /* Before InstanceNUMACell 1.5 pinned ones were in cpuset. */
        if (c->policy == NUMA_DEDICATED && CPU_COUNT(&c->cpus) > 0 && CPU_COUNT(&c->pcpus) == 0) {
                c->pcpus = c->cpus;
                CPU_ZERO(&c->cpus);
        }
        return 0;
}

int guest_topology_read(const char *text, GuestTopology *ret, NovaException *e) {
        _cleanup_(guest_topology_done) GuestTopology t = {};
        const json_t *cells;
        int emulator = 0, r;

        r = read_object(text, GUEST, &t.object, &cells, e);
        if (r <= 0)
                return r;
        r = read_word(data_of(t.object), "emulator_threads_policy", emulator_policies, _NUMA_EMULATOR_MAX, &emulator, e);
        if (r >= 0)
                r = READ_ITEMS(cells, t.cells, t.n, read_guest_cell, e);
        if (r < 0)
                return r;
        t.emulator = (NumaEmulator) emulator;
        *ret = t;
        t = (GuestTopology) {};
        return 1;
}

/* ---- writing ---- */

static json_t *cpu_list(const cpu_set_t *s) {
        json_t *list = json_array();

        for (size_t n = 0; list && n < NUMA_CPUS_MAX; n++)
                if (CPU_ISSET(n, s) && json_array_append_new(list, json_integer((json_int_t) n)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

char *host_topology_text(const HostTopology *t) {
        json_auto_t *copy = json_deep_copy(t->object);
        const json_t *cells = json_object_get(data_of(copy), "cells");

        for (size_t n = 0; copy && n < t->n; n++) {
                const HostCell *c = &t->cells[n];
                json_t *data = (json_t *) data_of(json_array_get(cells, n)), *pages = json_object_get(data, "mempages");
                int r;

                r = json_object_set_new(data, "cpu_usage", json_integer(c->cpu_usage));
                r |= json_object_set_new(data, "memory_usage", json_integer(c->memory_usage));
                r |= json_object_set_new(data, "pinned_cpus", cpu_list(&c->pinned));
                for (size_t p = 0; p < c->n_pages; p++)
                        r |= json_object_set_new((json_t *) data_of(json_array_get(pages, p)), "used", json_integer(c->pages[p].used));
                if (r < 0)
                        return NULL;
        }
        return copy ? json_text(copy) : NULL;
}

static json_t *object(const char *name, const char *version) {
        return json_pack("{s:s, s:s, s:s, s:{}}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version", version, DATA);
}

static json_t *word(const char *text) {
        return text ? json_string(text) : json_null();
}

static int write_guest_cell(const GuestCell *c, json_t *data) {
        json_t *pins = json_object();
        char key[8];
        bool pinned = false;
        int r = pins ? 0 : -1;

        for (size_t n = 0; r >= 0 && n < NUMA_CPUS_MAX; n++)
                if (c->pins[n] >= 0) {
                        snprintf(key, sizeof key, "%u", (unsigned) n);
                        r = json_object_set_new(pins, key, json_integer(c->pins[n]));
                        pinned = true;
                }
        if (!pinned && pins) {
                json_decref(pins);
                pins = json_null();
        }
        r |= json_object_set_new(data, "cpu_pinning_raw", pins);
        r |= json_object_set_new(data, "id", json_integer(c->id));
        r |= json_object_set_new(data, "memory", json_integer(c->memory_mb));
        r |= json_object_set_new(data, "pagesize", c->page_kib ? json_integer(c->page_kib) : json_null());
        r |= json_object_set_new(data, "cpuset", cpu_list(&c->cpus));
        r |= json_object_set_new(data, "pcpuset", cpu_list(&c->pcpus));
        r |= json_object_set_new(data, "cpuset_reserved", c->has_reserved ? cpu_list(&c->reserved) : json_null());
        r |= json_object_set_new(data, "cpu_policy", word(policies[c->policy]));
        r |= json_object_set_new(data, "cpu_thread_policy", word(thread_policies[c->threads]));
        return r < 0 ? -ENOMEM : 0;
}

char *guest_topology_text(const GuestTopology *t) {
        json_auto_t *copy = t->object ? json_deep_copy(t->object) : object(GUEST, "1.3");
        json_t *data = (json_t *) data_of(copy), *cells = json_object_get(data, "cells");

        if (!copy || json_object_set_new(data, "emulator_threads_policy", word(emulator_policies[t->emulator])) < 0)
                return NULL;
        if (!cells && (json_object_set_new(data, "cells", json_array()) < 0 || !(cells = json_object_get(data, "cells"))))
                return NULL;
        for (size_t n = 0; n < t->n; n++) {
                if (n >= json_array_size(cells) && json_array_append_new(cells, object("InstanceNUMACell", "1.6")) < 0)
                        return NULL;
                if (write_guest_cell(&t->cells[n], (json_t *) data_of(json_array_get(cells, n))) < 0)
                        return NULL;
        }
        return json_text(copy);
}

/* ---- small questions ---- */

int64_t numa_page_size(const char *s) {
        static const char *const words[] = { "small", "large", "any" };
        static const struct {
                const char *unit;
                int64_t kib;
        } units[] = { { "", 1 }, { "KB", 1 }, { "KiB", 1 }, { "MB", 1024 }, { "MiB", 1024 }, { "GB", 1024 * 1024 }, { "GiB", 1024 * 1024 } };
        size_t digits = strspn(s, "0123456789");

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(s, words[i]))
                        return -(int64_t) i - 1;
        if (digits == 0 || digits > 11)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcasecmp(s + digits, units[i].unit) == 0)
                        return (int64_t) strtoull(s, NULL, 10) * units[i].kib;
        return 0;
}

bool guest_topology_is_pinned(const GuestTopology *t) {
        for (size_t n = 0; n < t->n; n++)
                for (size_t cpu = 0; cpu < NUMA_CPUS_MAX; cpu++)
                        if (CPU_ISSET(cpu, &t->cells[n].pcpus) && t->cells[n].pins[cpu] < 0)
                                return false;
        return true;
}

void guest_topology_clear(GuestTopology *t) {
        for (size_t n = 0; n < t->n; n++) {
                t->cells[n].id = -1;
                memset(t->cells[n].pins, 0xff, sizeof t->cells[n].pins);
        }
}

/* Flavor and image to an InstanceNUMATopology: see numa-constraints.h. */
#include "compute/numa-constraints.h"

#include <errno.h>
#include <stdio.h>

#include "basic/text-util.h"
#include "virt/cpu-set.h"

typedef struct Wish {
        const json_t *specs, *properties;
        int64_t vcpus, memory_mb;
        NovaException *e;
        char numbers[8][24];                    /* texts of numbers among them */
        unsigned n_numbers;
} Wish;

static const char *text_of(Wish *w, const json_t *value) {
        if (json_is_integer(value) && w->n_numbers < ELEMENTSOF(w->numbers)) {
                char *text = w->numbers[w->n_numbers++];

                snprintf(text, sizeof w->numbers[0], "%lld", (long long) json_integer_value(value));
                return text;
        }
        return json_string_value(value);
}

/* NULL: it is not said, or empty. */
static const char *said(Wish *w, const json_t *by, const char *prefix, const char *key) {
        char name[80];
        const char *text;

        snprintf(name, sizeof name, "%s%s", prefix, key);
        text = text_of(w, json_object_get(by, name));
        return isempty(text) ? NULL : text;
}

static const char *of_flavor(Wish *w, const char *key) {
        return said(w, w->specs, "hw:", key);
}

static const char *of_image(Wish *w, const char *key) {
        return said(w, w->properties, "hw_", key);
}

static bool read_integer(const char *text, int64_t *ret) {
        char *end;
        long long n;

        errno = 0;
        n = strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end)
                return false;
        *ret = n;
        return true;
}

/* ---- policies ---- */

static int find_word(const char *text, const char *const *words, int n) {
        for (int k = 1; k < n; k++)
                if (streq(text, words[k]))
                        return k;
        return -1;
}

static int read_policy(Wish *w, NumaPolicy *ret) {
        static const char *const words[_NUMA_POLICY_MAX] = { NULL, "shared", "dedicated", "mixed" };
        const char *flavor = of_flavor(w, "cpu_policy"), *image = of_image(w, "cpu_policy");
        int by_flavor = flavor ? find_word(flavor, words, _NUMA_POLICY_MAX) : 0;
        int by_image = image ? find_word(image, words, _NUMA_POLICY_MAX) : 0;

        if (by_flavor < 0 || by_image < 0)
                return exception_setf(w->e, EXC_INVALID_CPU_ALLOCATION_POLICY,
                                      "CPU policy requested from '%s' is invalid, given: '%s', available: '('dedicated', 'shared', 'mixed')'.",
                                      by_flavor < 0 ? "flavor extra specs" : "image properties", by_flavor < 0 ? flavor : image);
        if ((by_flavor == NUMA_MIXED && by_image == NUMA_DEDICATED) ||
            (by_flavor == NUMA_SHARED && (by_image == NUMA_MIXED || by_image == NUMA_DEDICATED)))
                return exception_setf(w->e, EXC_IMAGE_CPU_PINNING_FORBIDDEN, "Image property 'hw_cpu_policy' is not permitted to override CPU "
                                      "pinning policy set against the flavor");
        *ret = (NumaPolicy) (by_flavor ? by_flavor : by_image);
        return 0;
}

static int read_threads(Wish *w, NumaThreads *ret) {
        static const char *const words[_NUMA_THREADS_MAX] = { NULL, "prefer", "isolate", "require" };
        const char *flavor = of_flavor(w, "cpu_thread_policy"), *image = of_image(w, "cpu_thread_policy");
        int by_flavor = flavor ? find_word(flavor, words, _NUMA_THREADS_MAX) : 0;
        int by_image = image ? find_word(image, words, _NUMA_THREADS_MAX) : 0;

        if (by_flavor < 0 || by_image < 0)
                return exception_setf(w->e, EXC_INVALID_CPU_THREAD_ALLOCATION_POLICY, "CPU thread policy requested from '%s' is invalid, given: "
                                      "'%s', available: '('prefer', 'isolate', 'require')'.",
                                      by_flavor < 0 ? "flavor extra specs" : "image properties", by_flavor < 0 ? flavor : image);
        if (by_flavor > NUMA_PREFER && by_image && by_image != by_flavor)
                return exception_setf(w->e, EXC_IMAGE_CPU_THREAD_POLICY_FORBIDDEN, "Image property 'hw_cpu_thread_policy' is not permitted to "
                                      "override CPU thread pinning policy set against the flavor");
        /* A flavor that prefers says so over an image; one that says nothing leaves it to the image. */
        *ret = (NumaThreads) (by_flavor ? by_flavor : by_image);
        return 0;
}

static int read_emulator(Wish *w, NumaEmulator *ret) {
        static const char *const words[_NUMA_EMULATOR_MAX] = { NULL, "share", "isolate" };
        const char *text = of_flavor(w, "emulator_threads_policy");
        int word = text ? find_word(text, words, _NUMA_EMULATOR_MAX) : 0;

        if (word < 0)
                return exception_setf(w->e, EXC_INVALID_EMULATOR_THREADS_POLICY, "CPU emulator threads option requested is invalid, given: '%s', "
                                      "available: '('share', 'isolate')'.", text);
        *ret = (NumaEmulator) word;
        return 0;
}

static cpu_set_t all_cpus(const Wish *w) {
        cpu_set_t all;

        CPU_ZERO(&all);
        for (int64_t n = 0; n < w->vcpus; n++)
                CPU_SET((size_t) n, &all);
        return all;
}

static int parse_cpus(const Wish *w, const char *text, cpu_set_t *ret) {
        char why[160];

        if (cpu_set_parse(text, ret, why, sizeof why) < 0)
                return exception_setf(w->e, EXC_INVALID, "Invalid inclusion expression: %s", why);
        return 0;
}

/* 1: there is a mask. */
static int read_mask(Wish *w, cpu_set_t *ret) {
        const char *mask = of_flavor(w, "cpu_dedicated_mask");
        cpu_set_t all = all_cpus(w), common;
        _cleanup_free_ char *whole = NULL;
        int r;

        CPU_ZERO(ret);
        if (!mask)
                return 0;
        if (mask[strspn(mask, " \t")] == '^') {
                if (asprintf(&whole, "0-%lld,%s", (long long) w->vcpus - 1, mask) < 0)
                        return -ENOMEM;
                mask = whole;
        }
        r = parse_cpus(w, mask, ret);
        if (r < 0)
                return r;
        CPU_AND(&common, ret, &all);
        if (CPU_COUNT(ret) == 0 || CPU_EQUAL(&common, &all))
                return exception_setf(w->e, EXC_INVALID_MIXED_INSTANCE_DEDICATED_MASK, "Mixed instance must have at least 1 pinned vCPU and 1 "
                                      "unpinned vCPU. See 'hw:cpu_dedicated_mask'.");
        if (!CPU_EQUAL(&common, ret))
                return exception_setf(w->e, EXC_INVALID_MIXED_INSTANCE_DEDICATED_MASK, "Mixed instance dedicated vCPU(s) mask is not a subset of "
                                      "vCPUs in the flavor. See \"hw:cpu_dedicated_mask\"");
        return 1;
}

/* ---- what is asked for as a resource ---- */

/* Whether @key is "resources<number>:@name…" or "trait<number>:…". */
static bool is_group_key(const char *key, const char *kind, const char *name) {
        size_t n = strlen(kind), digits;

        if (strncmp(key, kind, n) != 0)
                return false;
        digits = strspn(key + n, "0123456789");
        if (digits > 0 && key[n] == '0')
                return false;
        return key[n + digits] == ':' && strncmp(key + n + digits + 1, name, strlen(name)) == 0;
}

static int read_resources(Wish *w, NumaPolicy *policy, NumaThreads *threads, NumaEmulator emulator) {
        const char *key, *trait = NULL;
        int64_t floating = 0, own = 0;
        json_t *value;

        json_object_foreach((json_t *) w->specs, key, value) {
                const char *text = json_string_value(value);
                int64_t n;

                if (text && is_group_key(key, "resources", "VCPU") && read_integer(text, &n))
                        floating += n;
                if (text && is_group_key(key, "resources", "PCPU") && read_integer(text, &n))
                        own += n;
                if (text && !trait && is_group_key(key, "trait", "HW_CPU_HYPERTHREADING"))
                        trait = text;
        }
        if (*policy != NUMA_POLICY_NONE && (floating || own))
                return exception_setf(w->e, EXC_INVALID_REQUEST, "It is not possible to use the 'resources:VCPU' or 'resources:PCPU' extra specs "
                                      "in combination with the 'hw:cpu_policy' extra spec or 'hw_cpu_policy' image metadata property; use one "
                                      "or the other");
        if (floating && own)
                return exception_setf(w->e, EXC_INVALID_REQUEST, "It is not possible to specify both 'resources:VCPU' and 'resources:PCPU' extra "
                                      "specs; use one or the other");
        if (own && emulator == NUMA_EMULATOR_ISOLATE && own != w->vcpus + 1)
                return exception_setf(w->e, EXC_INVALID_REQUEST, "You have requested 'hw:emulator_threads_policy=isolate' but have not requested "
                                      "sufficient PCPUs to handle this policy; you must allocate exactly flavor.vcpus + 1 PCPUs.");
        if (own && emulator != NUMA_EMULATOR_ISOLATE && own != w->vcpus)
                return exception_setf(w->e, EXC_INVALID_REQUEST, "There is a mismatch between the number of PCPUs requested via "
                                      "'resourcesNN:PCPU' and the flavor); you must allocate exactly flavor.vcpus PCPUs");
        if (own)
                *policy = NUMA_DEDICATED;
        if (floating)
                *policy = NUMA_SHARED;
        if (trait && *threads != NUMA_THREADS_NONE)
                return exception_setf(w->e, EXC_INVALID_REQUEST, "It is not possible to use the 'trait:HW_CPU_HYPERTHREADING' extra spec in "
                                      "combination with the 'hw:cpu_thread_policy' extra spec or 'hw_cpu_thread_policy' image metadata "
                                      "property; use one or the other");
        if (streq_ptr(trait, "forbidden"))
                *threads = NUMA_ISOLATE;
        else if (streq_ptr(trait, "required"))
                *threads = NUMA_REQUIRE;
        return 0;
}

/* ---- nodes and pages ---- */

static int read_nodes(Wish *w, int64_t *ret) {
        const char *flavor = of_flavor(w, "numa_nodes"), *image = of_image(w, "numa_nodes"), *said = flavor ? flavor : image;

        *ret = 0;
        if (flavor && image)
                return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_FORBIDDEN, "Image property 'hw_numa_nodes' is not permitted to override NUMA "
                                      "configuration set against the flavor");
        if (said && (!read_integer(said, ret) || *ret < 1))
                return exception_setf(w->e, EXC_INVALID_NUMA_NODES_NUMBER, "The property 'numa_nodes' cannot be '%s'. It must be a number greater "
                                      "than 0", said);
        return 0;
}

static int read_pages(Wish *w, int64_t *ret) {
        const char *flavor = of_flavor(w, "mem_page_size"), *image = of_image(w, "mem_page_size"), *said = flavor;

        *ret = 0;
        if (!flavor && image)
                return exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_FORBIDDEN, "Page size %s forbidden against '<empty>'", image);
        if (!flavor)
                return 0;
        *ret = numa_page_size(flavor);
        if (*ret != 0 && image) {
                if (*ret != PAGES_ANY && *ret != PAGES_LARGE)
                        return exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_FORBIDDEN, "Page size %s forbidden against '%s'", image, flavor);
                *ret = numa_page_size(said = image);
        }
        return *ret == 0 ? exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_INVALID, "Invalid memory page size '%s'", said) : 0;
}

/* ---- cells ---- */

/* What the flavor says of a cell's CPUs or memory, else the image, which has a list of texts or values. NULL: no more. */
static const char *of_cell(Wish *w, const char *key, int64_t cell, bool *ret_forbidden) {
        char name[64], image_name[64];
        const char *flavor;
        const json_t *image;

        snprintf(name, sizeof name, "%s.%lld", key, (long long) cell);
        snprintf(image_name, sizeof image_name, "hw_%s.%lld", key, (long long) cell);
        w->n_numbers = 0;
        flavor = of_flavor(w, name);
        image = json_object_get(w->properties, image_name);
        if (flavor && image)
                *ret_forbidden = true;
        return flavor ? flavor : text_of(w, image);
}

static int incomplete(const Wish *w) {
        return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_INCOMPLETE, "CPU and memory allocation must be provided for all NUMA nodes");
}

static int add_auto_cell(const Wish *w, GuestCell *c, int64_t k, int64_t nodes) {
        int64_t each = w->vcpus / nodes;

        c->memory_mb = w->memory_mb / nodes;
        for (int64_t n = k * each; n < (k + 1) * each; n++)
                CPU_SET((size_t) n, &c->cpus);
        return 0;
}

static int add_manual_cell(Wish *w, GuestCell *c, int64_t k, cpu_set_t *left) {
        bool forbidden = false;
        const char *text;
        cpu_set_t cpus;
        int r;

        text = of_cell(w, "numa_cpus", k, &forbidden);
        if (!text)
                return incomplete(w);
        r = parse_cpus(w, text, &cpus);
        if (r < 0)
                return r;
        text = of_cell(w, "numa_mem", k, &forbidden);
        if (!text)
                return incomplete(w);
        if (!read_integer(text, &c->memory_mb) || c->memory_mb < 0)
                return exception_setf(w->e, EXC_INVALID, "hw:numa_mem.%lld = %.40s is not a number of MiB", (long long) k, text);
        if (forbidden)
                return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_FORBIDDEN, "Image property 'hw_numa_cpus' is not permitted to override NUMA "
                                      "configuration set against the flavor");
        for (size_t n = 0; n < NUMA_CPUS_MAX; n++) {
                if (!CPU_ISSET(n, &cpus))
                        continue;
                if ((int64_t) n >= w->vcpus)
                        return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_CPU_OUT_OF_RANGE, "CPU number %zu is larger than max %lld", n,
                                              (long long) w->vcpus - 1);
                if (!CPU_ISSET(n, left))
                        return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_CPU_DUPLICATES, "CPU number %zu is assigned to two nodes", n);
                CPU_CLR(n, left);
        }
        c->cpus = cpus;
        return 0;
}

/* Python's: {2, 3}. */
static void describe_set(const cpu_set_t *s, char *buf, size_t size) {
        size_t at = (size_t) snprintf(buf, size, "{");

        for (size_t n = 0; n < NUMA_CPUS_MAX && at < size; n++)
                if (CPU_ISSET(n, s))
                        at += (size_t) snprintf(buf + at, size - at, "%s%zu", at > 1 ? ", " : "", n);
        if (at < size)
                (void) snprintf(buf + at, size - at, "}");
}

static int64_t count_cells(Wish *w, const char *key) {
        bool forbidden = false;
        int64_t n = 0;

        while (n < NUMA_CELLS_MAX && of_cell(w, key, n, &forbidden))
                n++;
        return n;
}

static int make_cells(Wish *w, GuestTopology *t, int64_t nodes) {
        int64_t with_cpus = count_cells(w, "numa_cpus"), with_memory = count_cells(w, "numa_mem");
        bool some_cpus = with_cpus > 0;
        cpu_set_t left = all_cpus(w);
        int64_t memory = 0;
        char text[200];
        int r = 0;

        if (with_cpus != with_memory || (some_cpus && with_cpus != nodes))
                return incomplete(w);
        if (!some_cpus && (w->vcpus % nodes != 0 || w->memory_mb % nodes != 0))
                return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_ASYMMETRIC, "Instance CPUs and/or memory cannot be evenly distributed across "
                                      "instance NUMA nodes. Explicit assignment of CPUs and memory to nodes is required");
        if (nodes > NUMA_CELLS_MAX)
                return exception_setf(w->e, EXC_INVALID_NUMA_NODES_NUMBER, "The property 'numa_nodes' cannot be '%lld'. It must be a number "
                                      "greater than 0 and at most %d", (long long) nodes, NUMA_CELLS_MAX);
        t->cells = calloc((size_t) nodes, sizeof *t->cells);
        if (!t->cells)
                return -ENOMEM;
        for (t->n = 0; (int64_t) t->n < nodes && r >= 0; t->n++) {
                GuestCell *c = &t->cells[t->n];

                c->id = (int64_t) t->n;
                memset(c->pins, 0xff, sizeof c->pins);
                r = some_cpus ? add_manual_cell(w, c, c->id, &left) : add_auto_cell(w, c, c->id, nodes);
                if (r >= 0 && __builtin_add_overflow(memory, c->memory_mb, &memory))
                        r = exception_setf(w->e, EXC_INVALID, "hw:numa_mem asks for too much");
        }
        if (r < 0 || !some_cpus)
                return r;
        if (CPU_COUNT(&left) > 0) {
                describe_set(&left, text, sizeof text);
                return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_CPUS_UNASSIGNED, "CPU number %s is not assigned to any node", text);
        }
        if (memory != w->memory_mb)
                return exception_setf(w->e, EXC_IMAGE_NUMA_TOPOLOGY_MEMORY_OUT_OF_RANGE, "%lld MB of memory assigned, but expected %lld MB",
                                      (long long) memory, (long long) w->memory_mb);
        return 0;
}

/* ---- all of it ---- */

static int check_policies(const Wish *w, NumaPolicy policy, NumaThreads threads, NumaEmulator emulator, bool mask) {
        if (policy == NUMA_POLICY_NONE || policy == NUMA_SHARED) {
                if (threads != NUMA_THREADS_NONE)
                        return exception_setf(w->e, EXC_CPU_THREAD_POLICY_CONFIGURATION_INVALID, "Cannot set cpu thread pinning policy in a non "
                                              "dedicated cpu pinning policy");
                if (emulator == NUMA_EMULATOR_ISOLATE)
                        return exception_setf(w->e, EXC_BAD_REQUIREMENT_EMULATOR_THREADS_POLICY, "An isolated CPU emulator threads option requires "
                                              "a dedicated CPU policy option.");
        }
        if (policy != NUMA_MIXED && mask)
                return exception_setf(w->e, EXC_REQUIRED_MIXED_INSTANCE_POLICY, "Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.");
        if (policy == NUMA_MIXED && !mask)
                return exception_setf(w->e, EXC_REQUIRED_MIXED_OR_REALTIME_CPU_MASK, "Dedicated CPU set can be specified from either "
                                      "'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using 'mixed' CPU policy. "
                                      "'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' can not be specified at the same time, or be "
                                      "specified with none of them.");
        return 0;
}

static bool is_true(const char *text) {
        static const char *const words[] = { "1", "t", "true", "on", "y", "yes" };

        for (size_t n = 0; text && n < ELEMENTSOF(words); n++)
                if (strcasecmp(text, words[n]) == 0)
                        return true;
        return false;
}

static int read_wish(Wish *w, GuestTopology *t) {
        NumaPolicy policy = NUMA_POLICY_NONE;
        NumaThreads threads = NUMA_THREADS_NONE;
        cpu_set_t own;
        int64_t nodes = 0, page = 0;
        int mask, r;

        if (is_true(of_flavor(w, "cpu_realtime")))
                return exception_setf(w->e, EXC_INVALID, "hw:cpu_realtime is not supported by this host");
        if (of_flavor(w, "pmem"))
                return exception_setf(w->e, EXC_INVALID, "hw:pmem is not supported by this host");
        w->n_numbers = 0;
        r = read_policy(w, &policy);
        if (r >= 0)
                r = read_threads(w, &threads);
        if (r < 0)
                return r;
        mask = read_mask(w, &own);
        if (mask < 0)
                return mask;
        r = read_emulator(w, &t->emulator);
        if (r >= 0)
                r = read_resources(w, &policy, &threads, t->emulator);
        if (r >= 0)
                r = check_policies(w, policy, threads, t->emulator, mask > 0);
        w->n_numbers = 0;
        if (r >= 0)
                r = read_nodes(w, &nodes);
        if (r >= 0)
                r = read_pages(w, &page);
        if (r < 0)
                return r;
        if ((is_true(of_flavor(w, "locked_memory")) || is_true(of_image(w, "locked_memory"))) && page == 0)
                return exception_setf(w->e, EXC_LOCK_MEMORY_FORBIDDEN, "locked_memory value in image or flavor is forbidden when mem_page_size is "
                                      "not set.");
        if (nodes == 0 && page == 0 && policy != NUMA_DEDICATED && policy != NUMA_MIXED)
                return 0;

        if (policy == NUMA_DEDICATED)
                own = all_cpus(w);
        r = make_cells(w, t, MAX(nodes, 1));
        for (size_t n = 0; r >= 0 && n < t->n; n++) {
                GuestCell *c = &t->cells[n];

                CPU_AND(&c->pcpus, &c->cpus, &own);
                CPU_XOR(&c->cpus, &c->cpus, &c->pcpus);
                c->page_kib = page;
                c->policy = policy;
                c->threads = threads;
        }
        return r < 0 ? r : 1;
}

int numa_constraints(const json_t *extra_specs, const json_t *properties, int64_t vcpus, int64_t memory_mb, GuestTopology *ret,
                     NovaException *e) {
        Wish w = { .specs = extra_specs, .properties = properties, .vcpus = vcpus, .memory_mb = memory_mb, .e = e };
        _cleanup_(guest_topology_done) GuestTopology t = {};
        int r;

        if (vcpus < 1 || vcpus > NUMA_CPUS_MAX || memory_mb < 0)
                return 0;               /* refused where it is counted */
        r = read_wish(&w, &t);
        if (r > 0) {
                *ret = t;
                t = (GuestTopology) {};
        }
        return r;
}

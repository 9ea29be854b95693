/* NUMA as Nova's hardware.py reckons with it (zed 4.3): the cells of a host with what is used of them, those that a guest wants, and
 * where they go. Both are read from Nova's objects, NUMATopology and InstanceNUMATopology, and written into them. Plain values; thread-safe. */
#pragma once

#include <jansson.h>
#include <sched.h>

#include "basic/macros.h"
#include "objects/exception.h"

#define NUMA_CELLS_MAX 128
#define NUMA_CPUS_MAX CPU_SETSIZE       /* numbers are below */

/* Wanted page sizes that are none: Nova's MEMPAGES_… */
enum { PAGES_SMALL = -1, PAGES_LARGE = -2, PAGES_ANY = -3 };

typedef enum NumaPolicy { NUMA_POLICY_NONE, NUMA_SHARED, NUMA_DEDICATED, NUMA_MIXED, _NUMA_POLICY_MAX } NumaPolicy;
typedef enum NumaThreads { NUMA_THREADS_NONE, NUMA_PREFER, NUMA_ISOLATE, NUMA_REQUIRE, _NUMA_THREADS_MAX } NumaThreads;
typedef enum NumaEmulator { NUMA_EMULATOR_NONE, NUMA_EMULATOR_SHARE, NUMA_EMULATOR_ISOLATE, _NUMA_EMULATOR_MAX } NumaEmulator;
const char *numa_policy_to_string(NumaPolicy p);        /* "dedicated", …; NULL for none */

typedef struct HostPages {
        int64_t size_kib, total, used, reserved;
} HostPages;

typedef struct HostCell {
        int64_t id, memory_mb, memory_usage, cpu_usage;
        cpu_set_t cpus, pcpus, pinned;          /* for floating guests, for guests with CPUs of their own, and of these the taken */
        cpu_set_t *siblings;                    /* the threads of each core */
        size_t n_siblings;
        HostPages *pages;
        size_t n_pages;
} HostCell;

typedef struct HostTopology {
        json_t *object;                         /* what it was read from */
        HostCell *cells;
        size_t n;
} HostTopology;
void host_topology_done(HostTopology *t);

typedef struct GuestCell {
        int64_t id;                             /* of the host's cell, once it has a place */
        int64_t memory_mb, page_kib;            /* page_kib: 0 = none wanted, or PAGES_… */
        cpu_set_t cpus, pcpus, reserved;        /* its vCPUs that float, and that are pinned; host CPUs for the emulator */
        bool has_reserved;
        NumaPolicy policy;
        NumaThreads threads;
        int16_t pins[NUMA_CPUS_MAX];            /* of each vCPU, the host's CPU; -1 = none */
} GuestCell;

typedef struct GuestTopology {
        json_t *object;                         /* what it was read from, or NULL */
        GuestCell *cells;
        size_t n;
        NumaEmulator emulator;
} GuestTopology;
void guest_topology_done(GuestTopology *t);

/* @text: JSON of a NUMATopology. 1; 0 for NULL, "" and null: the host tells none. -EINVAL with @e for what is none, -ENOMEM. */
int host_topology_read(const char *text, HostTopology *ret, NovaException *e);
/* The same of an InstanceNUMATopology. */
int guest_topology_read(const char *text, GuestTopology *ret, NovaException *e);
/* As JSON text, malloc'ed; NULL when out of memory. What was read and is not named here stays. */
char *host_topology_text(const HostTopology *t);
char *guest_topology_text(const GuestTopology *t);

/* What the scheduler, or the host in its place, allows in each cell. */
typedef struct NumaLimits {
        double cpu_ratio, ram_ratio;
} NumaLimits;

/* numa_fit_instance_to_host: gives each cell of @guest a cell of the host of its own, the first way that fits: emptier cells first, or
 * fuller ones with @pack. 1: @guest has ids, page sizes and pins; 0: it does not fit and is as it was. @limits NULL: of floating CPUs
 * and their memory only what no guest may exceed by itself. -ENOMEM. */
int numa_fit(const HostTopology *host, GuestTopology *guest, const NumaLimits *limits, bool pack);

/* numa_usage_from_instance_numa: adds what @guest takes. */
void numa_usage_add(HostTopology *host, const GuestTopology *guest);

/* Whether all of it that is to be pinned is. */
bool guest_topology_is_pinned(const GuestTopology *t);
/* clear_host_pinning: it is nowhere any more. */
void guest_topology_clear(GuestTopology *t);

/* "large", "any", "small" (PAGES_…), or a size in KiB: "2048", "2MB", "1GB". 0: it is none. */
int64_t numa_page_size(const char *text);

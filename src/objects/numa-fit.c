/* Where the cells of a guest go: see numa.h. A cell of the host fits or does not, whatever else of the guest is where, so the first of
 * Nova's permutations that fits is found cell by cell: the first of the host's that leaves each of the guest's others one. */
#include "objects/numa.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

static size_t count(const cpu_set_t *s) {
        return (size_t) CPU_COUNT(s);
}

static cpu_set_t without(const cpu_set_t *a, const cpu_set_t *b) {
        cpu_set_t common, rest;

        CPU_AND(&common, a, b);
        CPU_XOR(&rest, a, &common);
        return rest;
}

static cpu_set_t free_pcpus(const HostCell *h) {
        return without(&h->pcpus, &h->pinned);
}

/* ---- pages ---- */

static const HostPages *pages_of(const HostCell *h, int64_t size_kib) {
        for (size_t n = 0; n < h->n_pages; n++)
                if (h->pages[n].size_kib == size_kib)
                        return &h->pages[n];
        return NULL;
}

static int64_t smallest_page(const HostCell *h) {
        int64_t size = 0;

        for (size_t n = 0; n < h->n_pages; n++)
                if (size == 0 || h->pages[n].size_kib < size)
                        size = h->pages[n].size_kib;
        return size;
}

static bool pages_fit(const HostPages *p, int64_t memory_kib, bool only_free) {
        double pages = only_free ? (double) p->total - (double) p->used - (double) p->reserved : (double) p->total;

        return (double) memory_kib <= pages * (double) p->size_kib && memory_kib % p->size_kib == 0;
}

/* The page size that the guest gets in this cell; 0 = none. */
static int64_t choose_page(const HostCell *h, const GuestCell *g) {
        int64_t smallest = smallest_page(h), best = 0, memory = g->memory_mb * 1024;

        if (g->page_kib > 0 || g->page_kib == PAGES_SMALL) {
                const HostPages *p = pages_of(h, g->page_kib > 0 ? g->page_kib : smallest);

                return p && pages_fit(p, memory, true) ? p->size_kib : 0;
        }
        for (size_t n = 0; n < h->n_pages; n++)
                if ((g->page_kib == PAGES_ANY || h->pages[n].size_kib != smallest) && h->pages[n].size_kib > best &&
                    pages_fit(&h->pages[n], memory, true))
                        best = h->pages[n].size_kib;
        return best;
}

/* ---- CPUs of its own ---- */

typedef struct Cores {
        cpu_set_t *sets;
        size_t n;
} Cores;

/* Those with at least so many threads that are free. */
static size_t with_threads(const Cores *c, size_t threads) {
        size_t n = 0;

        for (size_t k = 0; k < c->n; k++)
                n += count(&c->sets[k]) >= threads;
        return n;
}

/* A pin for each of the guest's: of each core that has @least free threads, its first @threads. false: there are too few. */
static bool pin(const Cores *c, size_t least, size_t threads, GuestCell *g) {
        int16_t usable[NUMA_CPUS_MAX];
        size_t n = 0, at = 0;

        for (size_t k = 0; k < c->n; k++) {
                size_t taken = 0;

                for (size_t cpu = 0; count(&c->sets[k]) >= least && cpu < NUMA_CPUS_MAX && taken < threads && n < NUMA_CPUS_MAX; cpu++)
                        if (CPU_ISSET(cpu, &c->sets[k])) {
                                usable[n++] = (int16_t) cpu;
                                taken++;
                        }
        }
        if (count(&g->pcpus) == 0 || n < count(&g->pcpus))
                return false;
        for (size_t vcpu = 0; vcpu < NUMA_CPUS_MAX; vcpu++)
                if (CPU_ISSET(vcpu, &g->pcpus))
                        g->pins[vcpu] = usable[at++];
        return true;
}

/* The first @n CPUs that are left for the emulator; with @isolate not of cores that are taken. */
static bool reserve(const Cores *c, size_t n, bool isolate, GuestCell *g) {
        cpu_set_t pinned;
        size_t found = 0;

        CPU_ZERO(&pinned);
        CPU_ZERO(&g->reserved);
        g->has_reserved = false;
        if (n == 0)
                return true;
        for (size_t vcpu = 0; vcpu < NUMA_CPUS_MAX; vcpu++)
                if (CPU_ISSET(vcpu, &g->pcpus) && g->pins[vcpu] >= 0)
                        CPU_SET((size_t) g->pins[vcpu], &pinned);
        for (size_t k = 0; k < c->n; k++) {
                cpu_set_t taken;

                CPU_AND(&taken, &c->sets[k], &pinned);
                if (isolate && count(&taken) > 0)
                        continue;
                for (size_t cpu = 0; cpu < NUMA_CPUS_MAX && found < n; cpu++)
                        if (CPU_ISSET(cpu, &c->sets[k]) && !CPU_ISSET(cpu, &taken)) {
                                CPU_SET(cpu, &g->reserved);
                                found++;
                        }
        }
        g->has_reserved = found > 0;
        return found > 0;
}

/* All threads for themselves, wherever they are. */
static bool pin_anywhere(const Cores *c, size_t reserved, GuestCell *g) {
        Cores each = { .sets = calloc(NUMA_CPUS_MAX, sizeof *each.sets) };
        bool fits;

        for (size_t k = 0; each.sets && k < c->n; k++)
                for (size_t cpu = 0; cpu < NUMA_CPUS_MAX; cpu++)
                        if (CPU_ISSET(cpu, &c->sets[k]) && each.n < NUMA_CPUS_MAX)
                                CPU_SET(cpu, &each.sets[each.n++]);
        fits = each.sets && pin(&each, 1, 1, g) && reserve(&each, reserved, false, g);
        free(each.sets);
        return fits;
}

static bool pack_onto(const HostCell *h, const Cores *c, GuestCell *g, size_t reserved) {
        size_t per_core = 1;
        bool pinned = false;

        for (size_t k = 0; k < h->n_siblings; k++)
                if (count(&h->siblings[k]) > per_core)
                        per_core = count(&h->siblings[k]);

        if (g->threads == NUMA_ISOLATE) {
                /* Siblings are left idle, which is only told where floating guests are not kept apart from pinned ones. */
                if (per_core != 1 && !CPU_EQUAL(&h->pcpus, &h->cpus))
                        return false;
                return pin(c, per_core, 1, g) && reserve(c, reserved, true, g);
        }
        if (g->threads == NUMA_REQUIRE && per_core <= 1)
                return false;
        for (size_t threads = per_core; threads > (g->threads == NUMA_REQUIRE); threads--) {
                if (with_threads(c, threads) == 0)
                        continue;
                pinned = pin(c, threads, threads, g);
                if (pinned && reserve(c, reserved, false, g))
                        return true;
        }
        return g->threads != NUMA_REQUIRE && !pinned && pin_anywhere(c, reserved, g);
}

static int pack_cell(const HostCell *h, GuestCell *g, size_t reserved) {
        Cores c = { .sets = calloc(h->n_siblings + 1, sizeof *c.sets), .n = h->n_siblings };
        cpu_set_t available = free_pcpus(h);
        bool fits;

        if (!c.sets)
                return -ENOMEM;
        for (size_t k = 0; k < c.n; k++)
                CPU_AND(&c.sets[k], &h->siblings[k], &available);
        fits = pack_onto(h, &c, g, reserved);
        free(c.sets);
        return fits;
}

/* ---- one cell ---- */

/* _numa_fit_instance_cell. 1: @g has its place. */
static int fit_cell(const HostCell *h, GuestCell *g, const NumaLimits *limits, size_t reserved) {
        bool pinned = g->policy == NUMA_DEDICATED || g->policy == NUMA_MIXED;
        cpu_set_t available = free_pcpus(h);
        int r;

        if (g->page_kib != 0) {
                g->page_kib = choose_page(h, g);
                if (g->page_kib == 0)
                        return 0;
        } else if (h->n_pages > 0) {
                if (!pages_fit(pages_of(h, smallest_page(h)), g->memory_mb * 1024, false))
                        return 0;
        } else if (g->memory_mb > h->memory_mb)
                return 0;

        if (pinned && count(&g->pcpus) + reserved > count(&h->pcpus))
                return 0;
        if (g->policy != NUMA_DEDICATED && count(&g->cpus) > count(&h->cpus))
                return 0;
        if (pinned) {
                if (count(&g->pcpus) + reserved > count(&available) || g->memory_mb > h->memory_mb - h->memory_usage)
                        return 0;
                r = pack_cell(h, g, reserved);
                if (r <= 0)
                        return r;
        }
        if (g->policy != NUMA_DEDICATED && limits) {
                if ((double) h->cpu_usage + (double) count(&g->cpus) > (double) count(&h->cpus) * limits->cpu_ratio ||
                    (double) h->memory_usage + (double) g->memory_mb > (double) h->memory_mb * limits->ram_ratio)
                        return 0;
        }
        g->id = h->id;
        return 1;
}

/* ---- all ---- */

static int64_t left_of(const HostCell *c, int by) {
        cpu_set_t available = free_pcpus(c);

        return by == 0 ? c->memory_mb - c->memory_usage : by == 1 ? c->cpu_usage : (int64_t) count(&available);
}

/* Stable. */
static void sort(const HostCell **cells, size_t n, int by, bool descending) {
        for (size_t k = 1; k < n; k++)
                for (size_t i = k; i > 0; i--) {
                        int64_t before = left_of(cells[i - 1], by), after = left_of(cells[i], by);
                        const HostCell *c = cells[i];

                        if (descending ? before >= after : before <= after)
                                break;
                        cells[i] = cells[i - 1];
                        cells[i - 1] = c;
                }
}

/* Of one fitting: whether guest cell g fits on the host's k-th, in fits[g * n + k]. */
typedef struct Fitting {
        size_t n, n_guest;
        signed char *fits;
        GuestCell *placed;                      /* as they would be there */
        size_t *owner;                          /* of each of the host's: the guest's that has it, or n_guest */
        bool *seen;
} Fitting;

/* Finds one for @g among those of the host that are not fixed, moving others if need be. */
static bool find_place(Fitting *f, size_t g, const bool *fixed) {
        for (size_t k = 0; k < f->n; k++) {
                if (fixed[k] || f->seen[k] || !f->fits[g * f->n + k])
                        continue;
                f->seen[k] = true;
                if (f->owner[k] == f->n_guest || find_place(f, f->owner[k], fixed)) {
                        f->owner[k] = g;
                        return true;
                }
        }
        return false;
}

/* Whether those from @g on have places beside what is fixed. */
static bool rest_has_places(Fitting *f, size_t g, const bool *fixed) {
        for (size_t k = 0; k < f->n; k++)
                f->owner[k] = f->n_guest;
        for (; g < f->n_guest; g++) {
                memset(f->seen, 0, f->n * sizeof *f->seen);
                if (!find_place(f, g, fixed))
                        return false;
        }
        return true;
}

static int fit_all(Fitting *f, const HostCell **cells, GuestTopology *guest, const NumaLimits *limits) {
        bool fixed[NUMA_CELLS_MAX] = {};
        size_t places[NUMA_CELLS_MAX];
        int r;

        for (size_t g = 0; g < guest->n; g++)
                for (size_t k = 0; k < f->n; k++) {
                        /* The emulator's is where the guest's first cell is. */
                        size_t reserved = guest->emulator == NUMA_EMULATOR_ISOLATE && g == 0;

                        f->placed[g * f->n + k] = guest->cells[g];
                        r = fit_cell(cells[k], &f->placed[g * f->n + k], limits, reserved);
                        if (r < 0)
                                return r;
                        f->fits[g * f->n + k] = (signed char) r;
                }
        for (size_t g = 0; g < guest->n; g++) {
                size_t k;

                for (k = 0; k < f->n; k++) {
                        if (fixed[k] || !f->fits[g * f->n + k])
                                continue;
                        fixed[k] = true;
                        if (rest_has_places(f, g + 1, fixed))
                                break;
                        fixed[k] = false;
                }
                if (k == f->n)
                        return 0;
                places[g] = k;
        }
        for (size_t g = 0; g < guest->n; g++)
                guest->cells[g] = f->placed[g * f->n + places[g]];
        return 1;
}

int numa_fit(const HostTopology *host, GuestTopology *guest, const NumaLimits *limits, bool pack) {
        const HostCell *cells[NUMA_CELLS_MAX];
        Fitting f = { .n = host->n, .n_guest = guest->n };
        int r;

        assert(host->n <= NUMA_CELLS_MAX && guest->n <= NUMA_CELLS_MAX);
        if (host->n < guest->n || guest->n == 0)
                return 0;
        for (size_t n = 0; n < host->n; n++)
                cells[n] = &host->cells[n];
        if (host->n > guest->n) {
                bool floats = guest->cells[0].policy == NUMA_POLICY_NONE || guest->cells[0].policy == NUMA_SHARED;

                sort(cells, host->n, 0, !pack);
                sort(cells, host->n, floats ? 1 : 2, floats ? pack : !pack);
        }
        f.fits = calloc(f.n * f.n_guest, 1);
        f.placed = calloc(f.n * f.n_guest, sizeof *f.placed);
        f.owner = calloc(f.n, sizeof *f.owner);
        f.seen = calloc(f.n, sizeof *f.seen);
        r = f.fits && f.placed && f.owner && f.seen ? fit_all(&f, cells, guest, limits) : -ENOMEM;
        free(f.fits);
        free(f.placed);
        free(f.owner);
        free(f.seen);
        return r;
}

/* ---- usage ---- */

static void add_cell(HostCell *h, const GuestCell *g) {
        int64_t page = g->page_kib > 0 ? g->page_kib : smallest_page(h);
        cpu_set_t taken;

        for (size_t n = 0; n < h->n_pages; n++)
                if (h->pages[n].size_kib == page)
                        h->pages[n].used = (int64_t) fmax(0, (double) h->pages[n].used + (double) g->memory_mb * 1024 / (double) page);
        h->memory_usage += g->memory_mb;
        h->cpu_usage += (int64_t) count(&g->cpus);
        if (g->policy == NUMA_POLICY_NONE || g->policy == NUMA_SHARED)
                return;

        taken = g->reserved;
        for (size_t n = 0; n < NUMA_CPUS_MAX; n++)
                if (g->pins[n] >= 0)
                        CPU_SET((size_t) g->pins[n], &taken);
        if (g->threads == NUMA_ISOLATE) {
                cpu_set_t cores;

                CPU_ZERO(&cores);
                for (size_t k = 0; k < h->n_siblings; k++) {
                        cpu_set_t some;

                        CPU_AND(&some, &h->siblings[k], &taken);
                        if (count(&some) > 0)
                                CPU_OR(&cores, &cores, &h->siblings[k]);
                }
                taken = cores;
        }
        CPU_AND(&taken, &taken, &h->pcpus);
        CPU_OR(&h->pinned, &h->pinned, &taken);
}

void numa_usage_add(HostTopology *host, const GuestTopology *guest) {
        for (size_t k = 0; k < host->n; k++)
                for (size_t g = 0; g < guest->n; g++)
                        if (guest->cells[g].id == host->cells[k].id)
                                add_cell(&host->cells[k], &guest->cells[g]);
}

/* Claims: see claims.h. */
#define LOG_LOGGER "nova.compute.claims"
#include "compute/claims.h"

#include <assert.h>
#include <math.h>

#include "basic/log.h"
#include "compute/compute.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"

#define SAVE_TRIES 5

struct Claim {
        ComputeManager *manager;        /* one reference */
        char uuid[UUID_TEXT_MAX];
};

/* ---- the test ---- */

/* One resource of a claim. */
typedef struct Resource {
        const char *type, *unit;        /* Nova's words */
        const char *limit_name;
        int64_t total, reserved, used, requested;
        double ratio;
} Resource;

static int read_limit(const json_t *limits, const char *name, double *ret, NovaException *e) {
        const json_t *value = json_object_get(limits, name);

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_number(value))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: limits: %s is not a number", name);
        *ret = json_number_value(value);
        return 1;
}

static void insufficient(FILE *f, const Resource *resource, double free_now) {
        fprintf(f, "%sFree %s %.2f %s < requested %lld %s", ftell(f) > 0 ? "; " : "", resource->type, free_now, resource->unit,
                (long long) resource->requested, resource->unit);
}

/* Adds a reason to @f if there is too little. The scheduler's limits include what is reserved, as the "used" of the row does. */
static int test(FILE *f, const Resource *resource, const json_t *limits, bool local, NovaException *e) {
        double taken = (double) resource->used + (double) resource->reserved, limit = 0, room = INFINITY;
        int r;

        r = read_limit(limits, resource->limit_name, &limit, e);
        if (r < 0)
                return r;
        if (r > 0)
                room = limit - taken;
        if (local)
                room = MIN(room, (double) (resource->total - resource->reserved) * resource->ratio - (double) resource->used);

        log_debug("Total %s: %lld %s, used: %.2f %s, free: %.2f %s, requested: %lld %s", resource->type,
                  (long long) resource->total, resource->unit, taken, resource->unit, room, resource->unit,
                  (long long) resource->requested, resource->unit);
        if (resource->requested == 0)
                return 0;
        if ((double) resource->requested > room)
                insufficient(f, resource, room);
        else if (local && resource->requested > resource->total)
                insufficient(f, resource, (double) resource->total);    /* over-commitment is for many, not for one */
        return 0;
}

int claim_test(const ComputeNode *node, const ResourceUsage *used, const Instance *i, const json_t *limits, bool local, const char *numa,
               NovaException *e) {
        _cleanup_(host_topology_done) HostTopology cells = {};
        _cleanup_free_ char *reasons = NULL;
        ResourceUsage requested = {};
        size_t size = 0;
        FILE *f;
        int r = 0;

        if (limits && !json_is_null(limits) && !json_is_object(limits))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: limits is not an object");
        if (i->memory_mb < 0 || i->vcpus < 0 || i->root_gb < 0 || i->ephemeral_gb < 0 || i->swap_mb < 0)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: the flavor of instance %s asks for less than "
                                      "nothing", i->uuid);

        resource_usage_add(&requested, i);
        r = host_topology_read(node->numa_topology, &cells, e);
        if (r < 0)
                return r;
        resource_usage_add_numa(&requested, &cells, i);
        r = 0;
        const Resource resources[] = {
                {
                        .type = "memory", .unit = "MB", .limit_name = "memory_mb", .total = node->memory_mb,
                        .reserved = node->memory_mb_reserved, .used = used->memory_mb, .requested = requested.memory_mb,
                        .ratio = node->ram_allocation_ratio,
                },
                {
                        .type = "disk", .unit = "GB", .limit_name = "disk_gb", .total = node->local_gb,
                        .reserved = node->local_gb_reserved, .used = used->local_gb, .requested = requested.local_gb,
                        .ratio = node->disk_allocation_ratio,
                },
                {
                        .type = "vcpu", .unit = "VCPU", .limit_name = "vcpu", .total = node->vcpus,
                        .reserved = node->vcpus_reserved, .used = used->vcpus - used->pinned, .requested = requested.vcpus - requested.pinned,
                        .ratio = node->cpu_allocation_ratio,
                },
        };

        f = open_memstream(&reasons, &size);
        if (!f)
                return -ENOMEM;
        for (size_t n = 0; n < ELEMENTSOF(resources) && r >= 0; n++)
                r = test(f, &resources[n], limits, local, e);
        if (numa)
                fprintf(f, "%s%s", ftell(f) > 0 ? "; " : "", numa);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r < 0 || isempty(reasons))
                return r;

        r = exception_setf(e, EXC_COMPUTE_RESOURCES_UNAVAILABLE, "Insufficient compute resources: %s.", reasons);
        exception_kwarg(e, "reason", json_string(reasons));
        return r;
}

static int read_numa_limits(const json_t *limits, const ComputeNode *node, bool local, NumaLimits *ret, NovaException *e) {
        const json_t *given = json_object_get(limits, "numa_topology"), *data = json_object_get(given, "nova_object.data");
        int r;

        if (!given || json_is_null(given)) {
                *ret = (NumaLimits) { node->cpu_allocation_ratio, node->ram_allocation_ratio };
                return local;
        }
        *ret = (NumaLimits) { INFINITY, INFINITY };
        r = read_limit(data ? data : given, "cpu_allocation_ratio", &ret->cpu_ratio, e);
        if (r >= 0)
                r = read_limit(data ? data : given, "ram_allocation_ratio", &ret->ram_ratio, e);
        return r < 0 ? r : 1;
}

int claim_numa(const ComputeNode *node, const HostTopology *host, const Instance *i, const json_t *limits, bool local, bool pack, char **ret,
               NovaException *e) {
        _cleanup_(guest_topology_done) GuestTopology guest = {};
        NumaLimits allowed;
        int limited, r;

        *ret = NULL;
        r = guest_topology_read(i->numa_topology, &guest, e);
        if (r <= 0 || host->n == 0)     /* a host that tells of no nodes has nothing to be fitted to */
                return r < 0 ? r : 1;
        limited = read_numa_limits(limits, node, local, &allowed, e);
        if (limited < 0)
                return limited;
        r = numa_fit(host, &guest, limited > 0 ? &allowed : NULL, pack);
        if (r <= 0)
                return r;
        *ret = guest_topology_text(&guest);
        return *ret ? 1 : -ENOMEM;
}

/* ---- the claim ---- */

/* Under resources_lock: the node as the claims see it, and what the others on it use, in all and of its NUMA nodes. */
static int read_node(ComputeManager *m, const TrackedNode *t, const char *except, ComputeNode *node, ResourceUsage *used,
                     HostTopology *numa, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(instance_list_done) InstanceList instances = {};
        _cleanup_(compute_node_done) ComputeNode row = {};
        ResourceSettings settings;
        int r;

        r = compute_node_copy(&t->view, node);
        if (r < 0)
                return r;
        r = m->store->ops->compute_node_get(m->store, m->host, node->hypervisor_hostname, &row);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read the compute node's row");
        node->cpu_allocation_ratio = row.cpu_allocation_ratio;
        node->ram_allocation_ratio = row.ram_allocation_ratio;
        node->disk_allocation_ratio = row.disk_allocation_ratio;
        resource_settings_read(&settings, config);
        resource_settings_apply(node, &settings);

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &instances);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances of this host");
        r = host_topology_read(node->numa_topology, numa, e);
        if (r < 0)
                return r;
        for (size_t n = 0; n < instances.n; n++)
                if (!streq_ptr(instances.items[n].uuid, except) &&
                    resource_usage_counts(&instances.items[n], node->hypervisor_hostname, t->first)) {
                        resource_usage_add(used, &instances.items[n]);
                        resource_usage_add_numa(used, numa, &instances.items[n]);
                }
        return 0;
}

/* NULL for @host and @node: it is nowhere. */
static int set_place(Instance *i, const char *host, const char *node) {
        char *copies[3] = { NULL, NULL, NULL };

        if (host && (!(copies[0] = strdup(host)) || !(copies[1] = strdup(host)) || !(copies[2] = strdup(node)))) {
                free(copies[0]);
                free(copies[1]);
                return -ENOMEM;
        }
        free(i->host);
        free(i->launched_on);
        free(i->node);
        i->host = copies[0];
        i->launched_on = copies[1];
        i->node = copies[2];
        return 0;
}

/* It is on no NUMA node any more, and has no CPU of the host. */
static void clear_numa(Instance *i) {
        _cleanup_(guest_topology_done) GuestTopology t = {};
        _cleanup_free_ char *text = NULL;

        if (guest_topology_read(i->numa_topology, &t, NULL) <= 0)
                return;
        guest_topology_clear(&t);
        text = guest_topology_text(&t);
        if (!text || instance_set_numa_topology(i, text) < 0)
                log_warning("The NUMA nodes of instance %s could not be given back", i->uuid);
}

/* Under resources_lock. */
static int claim(ComputeManager *m, const RequestContext *context, Instance *i, const json_t *limits, const TrackedNode *t, NovaException *e) {
        const TaskState as_it_was[] = { i->task_state, _TASK_STATE_INVALID };
        bool local = streq(m->store->ops->backend, "local"), pack;
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(host_topology_done) HostTopology numa = {};
        _cleanup_(compute_node_done) ComputeNode node = {};
        _cleanup_free_ char *placed = NULL;
        ResourceUsage used = {};
        int fits, r;

        r = read_node(m, t, i->uuid, &node, &used, &numa, e);
        if (r < 0)
                return r;
        pack = config_boolean(config, "compute.packing_host_numa_cells_allocation_strategy");
        fits = claim_numa(&node, &numa, i, limits, local, pack, &placed, e);
        if (fits < 0)
                return fits;
        r = claim_test(&node, &used, i, limits, local,
                       fits ? NULL : "Requested instance NUMA topology cannot fit the given host NUMA topology", e);
        if (r < 0)
                return r;

        r = placed ? instance_set_numa_topology(i, placed) : 0;
        if (r >= 0)
                r = set_place(i, m->host, node.hypervisor_hostname);
        if (r < 0)
                return r;
        r = compute_instance_save(m, context, i, as_it_was, e);
        if (r > 0)
                return 0;
        (void) set_place(i, NULL, NULL);
        clear_numa(i);
        if (r == 0)
                return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", i->uuid);
        return exception_is_set(e) ? r : exception_set_errno(e, r, "Cannot save the instance");
}

static bool knows_nodes(ComputeManager *m) {
        bool any;

        pthread_mutex_lock(&m->resources_lock);
        any = m->n_tracked_nodes > 0;
        pthread_mutex_unlock(&m->resources_lock);
        return any;
}

int claim_begin(ComputeManager *m, RequestContext *context, Instance *i, const json_t *limits, Claim **ret, NovaException *e) {
        TrackedNode *t;
        Claim *c;
        int r;

        assert(m && i && i->uuid && ret);

        if (strlen(i->uuid) >= sizeof c->uuid)
                return exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %s.", i->uuid);
        if (!knows_nodes(m)) {
                r = resource_tracker_update(m, context, e);
                if (r < 0)
                        return r;
        }
        c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;

        log_debug("Attempting claim: memory %lld MB, disk %lld GB, vcpus %lld CPU", (long long) i->memory_mb,
                  (long long) i->root_gb, (long long) i->vcpus);
        pthread_mutex_lock(&m->resources_lock);
        t = resource_tracker_find(m, i->node);
        if (t)
                r = claim(m, context, i, limits, t, e);
        else {
                r = exception_setf(e, EXC_COMPUTE_HOST_NOT_FOUND, "Compute host %s could not be found.",
                                   isempty(i->node) ? m->host : i->node);
                exception_kwarg(e, "host", json_string(isempty(i->node) ? m->host : i->node));
        }
        pthread_mutex_unlock(&m->resources_lock);
        if (r < 0) {
                free(c);
                return r;
        }

        c->manager = compute_manager_ref(m);
        strcpy(c->uuid, i->uuid);
        resource_tracker_changed(m);
        *ret = c;
        return 0;
}

Claim *claim_end(Claim *c) {
        if (!c)
                return NULL;
        resource_tracker_changed(c->manager);
        compute_manager_unref(c->manager);
        free(c);
        return NULL;
}

/* Under resources_lock. A request may set the task_state between our reading and writing: then once more. */
static int take_out(ComputeManager *m, const char *uuid) {
        int r;

        for (unsigned n = 0;; n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(instance_done) Instance row = {};

                r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &row);
                if (r <= 0)
                        return r;
                const TaskState as_it_is[] = { row.task_state, _TASK_STATE_INVALID };

                (void) set_place(&row, NULL, NULL);
                clear_numa(&row);
                r = compute_instance_save(m, NULL, &row, as_it_is, &e);
                if (r != -ESTALE || n + 1 == SAVE_TRIES)
                        return r;
        }
}

Claim *claim_abort(Claim *c, Instance *i) {
        int r;

        if (!c)
                return NULL;

        log_debug("Aborting claim of instance %s.", c->uuid);
        if (i) {
                (void) set_place(i, NULL, NULL);
                clear_numa(i);
        }
        pthread_mutex_lock(&c->manager->resources_lock);
        r = take_out(c->manager, c->uuid);
        pthread_mutex_unlock(&c->manager->resources_lock);
        if (r < 0)
                log_warning("Cannot take instance %s off this host, so that its claim stays: %s", c->uuid, failure_text(r, NULL));
        return claim_end(c);
}

/* The resource tracker: the arithmetic as one pure function, and around it the rows of the nodes. The hypervisor is asked
 * before the lock is taken, so that a slow one holds up nobody who claims. */
#define LOG_LOGGER "nova.compute.resource_tracker"
#include "compute/resource-tracker.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/compute.h"

#define MIB_PER_GIB 1024
#define REFRESH_DEADLINE (30 * USEC_PER_SEC)

void resource_settings_read(ResourceSettings *s, const Config *config) {
        *s = (ResourceSettings) {
                .reserved_host_memory_mb = config_integer(config, "reserved_host_memory_mb"),
                .reserved_host_disk_mb = config_integer(config, "reserved_host_disk_mb"),
                .reserved_host_cpus = config_integer(config, "reserved_host_cpus"),
                .cpu_allocation_ratio = config_float(config, "cpu_allocation_ratio"),
                .ram_allocation_ratio = config_float(config, "ram_allocation_ratio"),
                .disk_allocation_ratio = config_float(config, "disk_allocation_ratio"),
                .initial_cpu_allocation_ratio = config_float(config, "initial_cpu_allocation_ratio"),
                .initial_ram_allocation_ratio = config_float(config, "initial_ram_allocation_ratio"),
                .initial_disk_allocation_ratio = config_float(config, "initial_disk_allocation_ratio"),
        };
}

/* Adds one to the counter <prefix><name> of @stats, which holds texts. */
static int count(json_t *stats, const char *prefix, const char *name) {
        _cleanup_free_ char *key = NULL;
        const char *before;
        char text[24];

        if (asprintf(&key, "%s%s", prefix, name) < 0)
                return -ENOMEM;
        before = json_member_string(stats, key);
        snprintf(text, sizeof text, "%lld", before ? atoll(before) + 1 : 1);
        return json_object_set_new(stats, key, json_string(text)) < 0 ? -ENOMEM : 0;
}

static bool is_io_task(TaskState t) {
        return t == TASK_RESIZE_MIGRATING || t == TASK_REBUILDING || t == TASK_RESIZE_PREP || t == TASK_IMAGE_SNAPSHOT ||
               t == TASK_IMAGE_BACKUP || t == TASK_RESCUING || t == TASK_UNSHELVING;
}

static bool is_tracked(const Instance *i) {
        if (i->deleted || i->vm_state == VM_DELETED)
                return false;
        return i->vm_state != VM_SHELVED_OFFLOADED || i->task_state == TASK_SPAWNING;
}

bool resource_usage_counts(const Instance *i, const char *node, bool first) {
        return is_tracked(i) && (isempty(i->node) ? first : streq_ptr(i->node, node));
}

static void add(int64_t *sum, int64_t n) {
        if (__builtin_add_overflow(*sum, n, sum))
                *sum = n < 0 ? INT64_MIN : INT64_MAX;
}

void resource_usage_add(ResourceUsage *u, const Instance *i) {
        add(&u->vcpus, i->vcpus);
        add(&u->memory_mb, i->memory_mb);
        add(&u->local_gb, i->volume_backed ? 0 : i->root_gb);
        add(&u->local_gb, i->ephemeral_gb);
        add(&u->local_gb, i->swap_mb / MIB_PER_GIB);
}

/* Whether it has CPUs for pinned guests that are not for others too. */
static bool keeps_cpus(const HostTopology *host) {
        for (size_t n = 0; n < host->n; n++)
                if (!CPU_EQUAL(&host->cells[n].cpus, &host->cells[n].pcpus))
                        return true;
        return false;
}

void resource_usage_add_numa(ResourceUsage *u, HostTopology *host, const Instance *i) {
        _cleanup_(guest_topology_done) GuestTopology guest = {};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int r;

        if (host->n == 0)
                return;
        r = guest_topology_read(i->numa_topology, &guest, &e);
        if (r < 0)
                log_warning("The NUMA topology of instance %s does not count: %s", i->uuid, failure_text(r, &e));
        if (r <= 0)
                return;
        numa_usage_add(host, &guest);
        for (size_t n = 0; u && n < guest.n && keeps_cpus(host); n++)
                u->pinned += CPU_COUNT(&guest.cells[n].pcpus);
}

/* The hypervisor's view has no usage in it. */
static int compute_numa(ComputeNode *node, const InstanceList *instances, bool first) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(host_topology_done) HostTopology host = {};
        char *text;
        int r;

        r = host_topology_read(node->numa_topology, &host, &e);
        if (r == -EINVAL)
                log_warning("The NUMA topology of %s is kept as the driver tells it: %s", strempty(node->hypervisor_hostname), strempty(e.message));
        if (r <= 0)
                return r == -ENOMEM ? r : 0;
        for (size_t n = 0; n < host.n; n++) {
                HostCell *c = &host.cells[n];

                c->memory_usage = c->cpu_usage = 0;
                CPU_ZERO(&c->pinned);
                for (size_t p = 0; p < c->n_pages; p++)
                        c->pages[p].used = 0;
        }
        for (size_t n = 0; n < instances->n; n++)
                if (resource_usage_counts(&instances->items[n], node->hypervisor_hostname, first))
                        resource_usage_add_numa(NULL, &host, &instances->items[n]);
        text = host_topology_text(&host);
        if (!text)
                return -ENOMEM;
        free(node->numa_topology);
        node->numa_topology = text;
        return 0;
}

static int64_t difference(int64_t total, int64_t used) {
        int64_t n;

        return __builtin_sub_overflow(total, used, &n) ? (used < 0 ? INT64_MAX : INT64_MIN) : n;
}

static double ratio(double configured, double own, double initial) {
        return configured > 0 ? configured : own > 0 ? own : initial;
}

void resource_settings_apply(ComputeNode *node, const ResourceSettings *s) {
        node->vcpus_reserved = s->reserved_host_cpus;
        node->memory_mb_reserved = s->reserved_host_memory_mb;
        node->local_gb_reserved = s->reserved_host_disk_mb / MIB_PER_GIB;       /* divided, not multiplied (F18) */
        node->cpu_allocation_ratio = ratio(s->cpu_allocation_ratio, node->cpu_allocation_ratio, s->initial_cpu_allocation_ratio);
        node->ram_allocation_ratio = ratio(s->ram_allocation_ratio, node->ram_allocation_ratio, s->initial_ram_allocation_ratio);
        node->disk_allocation_ratio = ratio(s->disk_allocation_ratio, node->disk_allocation_ratio, s->initial_disk_allocation_ratio);
}

int resource_tracker_compute(ComputeNode *node, const InstanceList *instances, bool first, const ResourceSettings *s) {
        json_auto_t *stats = NULL;
        int64_t instances_seen = 0, io = 0;
        ResourceUsage used;
        const char *builds;
        char text[24];
        int r = 0;

        assert(node && instances && s);

        /* Failed builds count on from what the row says; all else is counted anew. */
        builds = json_member_string(node->stats, "failed_builds");
        stats = json_pack("{s:s}", "failed_builds", builds ? builds : "0");
        if (!stats)
                return -ENOMEM;

        resource_settings_apply(node, s);
        used = (ResourceUsage) {
                .vcpus = node->vcpus_reserved, .memory_mb = node->memory_mb_reserved, .local_gb = node->local_gb_reserved,
        };
        node->current_workload = 0;

        for (size_t n = 0; n < instances->n && r >= 0; n++) {
                const Instance *i = &instances->items[n];

                if (!resource_usage_counts(i, node->hypervisor_hostname, first))
                        continue;

                resource_usage_add(&used, i);
                instances_seen++;
                if (i->task_state != TASK_NONE)
                        node->current_workload++;
                if (i->vm_state == VM_BUILDING)
                        io++;
                if (is_io_task(i->task_state))
                        io++;

                r = count(stats, "num_vm_", strempty(vm_state_to_string(i->vm_state)));
                if (r >= 0)
                        r = count(stats, "num_task_", i->task_state == TASK_NONE ? "None" : task_state_to_string(i->task_state));
                if (r >= 0)
                        r = count(stats, "num_os_type_", i->os_type ? i->os_type : "None");
                if (r >= 0)
                        r = count(stats, "num_proj_", i->project_id ? i->project_id : "None");
        }
        if (r >= 0)
                r = compute_numa(node, instances, first);
        if (r < 0)
                return r;

        snprintf(text, sizeof text, "%lld", (long long) instances_seen);
        if (json_object_set_new(stats, "num_instances", json_string(text)) < 0)
                return -ENOMEM;
        snprintf(text, sizeof text, "%lld", (long long) io);
        if (json_object_set_new(stats, "io_workload", json_string(text)) < 0)
                return -ENOMEM;

        node->running_vms = instances_seen;
        node->vcpus_used = used.vcpus;
        node->memory_mb_used = used.memory_mb;
        node->local_gb_used = used.local_gb;
        node->free_ram_mb = difference(node->memory_mb, node->memory_mb_used);
        node->free_disk_gb = difference(node->local_gb, node->local_gb_used);

        json_decref(node->stats);
        node->stats = json_incref(stats);
        return 0;
}

/* ---- rows ---- */

static int set_text(char **where, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*where);
        *where = copy;
        return 0;
}

/* What the hypervisor does not say and the service knows. */
static int complete(ComputeManager *m, const Config *config, const char *name, ComputeNode *node) {
        int r;

        r = set_text(&node->host, m->host);
        if (r >= 0)
                r = set_text(&node->hypervisor_hostname, name);
        if (r >= 0)
                r = set_text(&node->host_ip, strempty(config_string(config, "my_ip")));
        if (r >= 0 && !node->metrics)
                r = set_text(&node->metrics, "[]");
        if (r >= 0 && !node->pci_device_pools && !(node->pci_device_pools = json_array()))
                r = -ENOMEM;
        return r;
}

/* What stays as the row has it. */
static int inherit(ComputeNode *node, const ComputeNode *row) {
        node->id = row->id;
        node->cpu_allocation_ratio = row->cpu_allocation_ratio;
        node->ram_allocation_ratio = row->ram_allocation_ratio;
        node->disk_allocation_ratio = row->disk_allocation_ratio;
        node->created_at = row->created_at;
        node->updated_at = row->updated_at;
        json_decref(node->stats);
        node->stats = row->stats ? json_incref(row->stats) : NULL;
        return row->uuid ? set_text(&node->uuid, row->uuid) : 0;
}

static int service_id(ComputeManager *m, const Config *config, int64_t *ret, NovaException *e) {
        _cleanup_(service_record_list_done) ServiceRecordList services = {};
        int r;

        r = m->store->ops->service_list(m->store, m->host, config_string(config, "compute_topic"), &services);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read the service of this host");
        if (services.n == 0) {
                (void) exception_setf(e, EXC_COMPUTE_SERVICE_UNAVAILABLE, "Compute service of %s is unavailable at this time.",
                                      m->host);
                return -EAGAIN;
        }
        *ret = services.items[0].id;
        return 0;
}

/* Failed builds that were counted since the row was read go into it. */
static int count_failed_builds(const TrackedNode *t, ComputeNode *node) {
        char text[24];
        json_t *stats;

        if (t->failed_builds < 0)
                return 0;
        snprintf(text, sizeof text, "%lld", (long long) t->failed_builds);
        stats = json_pack("{s:s}", "failed_builds", text);
        if (!stats)
                return -ENOMEM;
        json_decref(node->stats);
        node->stats = stats;
        return 0;
}

/* Under resources_lock. */
static int update_row(ComputeManager *m, const Config *config, const TrackedNode *t, ComputeNode *node, NovaException *e) {
        _cleanup_(instance_list_done) InstanceList instances = {};
        _cleanup_(compute_node_done) ComputeNode row = {};
        ResourceSettings settings;
        int found, r;

        resource_settings_read(&settings, config);
        r = service_id(m, config, &node->service_id, e);
        if (r < 0)
                return r;
        found = m->store->ops->compute_node_get(m->store, m->host, node->hypervisor_hostname, &row);
        if (found < 0)
                return exception_set_errno(e, found, "Cannot read the compute node's row");
        if (found > 0) {
                r = inherit(node, &row);
                if (r < 0)
                        return r;
        }
        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &instances);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances of this host");
        r = count_failed_builds(t, node);
        if (r >= 0)
                r = resource_tracker_compute(node, &instances, t->first, &settings);
        if (r < 0)
                return r;

        if (found > 0) {
                /* Not columns, so never a reason to save. */
                row.vcpus_reserved = node->vcpus_reserved;
                row.memory_mb_reserved = node->memory_mb_reserved;
                row.local_gb_reserved = node->local_gb_reserved;
                if (compute_node_equal(node, &row))
                        return 0;
                r = m->store->ops->compute_node_save(m->store, node);
                if (r > 0)
                        return 0;
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot save the compute node's row");
                node->id = 0;           /* gone meanwhile: a new one */
                node->uuid = (free(node->uuid), NULL);
        }
        if (streq_ptr(m->identity_node, node->hypervisor_hostname)) {
                r = set_text(&node->uuid, m->identity);
                if (r < 0)
                        return r;
        }
        r = m->store->ops->compute_node_create(m->store, node);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot create the compute node's row");
        log_info("Compute node record created for %s:%s with uuid: %s", m->host, node->hypervisor_hostname, strempty(node->uuid));
        return 0;
}

/* Rows of this host whose node the hypervisor names no more, and of services that are dead (F66). */
static int destroy_vanished(ComputeManager *m, char *const *names, NovaException *e) {
        _cleanup_(compute_node_list_done) ComputeNodeList rows = {};
        int r;

        r = m->store->ops->compute_node_list_by_host(m->store, m->host, &rows);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the compute nodes of this host");

        for (size_t n = 0; n < rows.n; n++) {
                bool there = false;

                for (char *const *name = names; *name && !there; name++)
                        there = streq_ptr(rows.items[n].hypervisor_hostname, *name);
                if (there)
                        continue;
                log_info("Deleting orphan compute node %lld, hypervisor host is %s, nodes are %s%s", (long long) rows.items[n].id,
                         strempty(rows.items[n].hypervisor_hostname), names[0], names[1] ? ", …" : "");
                r = m->store->ops->compute_node_destroy(m->store, rows.items[n].id);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot delete an orphan compute node's row");
        }
        return 0;
}

/* ---- the hypervisor's last view ---- */

void tracked_node_done(TrackedNode *t) {
        compute_node_done(&t->view);
}

TrackedNode *resource_tracker_find(ComputeManager *m, const char *name) {
        for (size_t n = 0; n < m->n_tracked_nodes; n++) {
                TrackedNode *t = &m->tracked_nodes[n];

                if (isempty(name) ? t->first : streq_ptr(t->view.hypervisor_hostname, name))
                        return t;
        }
        return NULL;
}

/* Under resources_lock. Takes @view over. */
static TrackedNode *track(ComputeManager *m, ComputeNode *view, bool first) {
        TrackedNode *t = resource_tracker_find(m, view->hypervisor_hostname), *all;

        if (!t) {
                all = reallocarray(m->tracked_nodes, m->n_tracked_nodes + 1, sizeof *all);
                if (!all)
                        return NULL;
                m->tracked_nodes = all;
                t = &all[m->n_tracked_nodes++];
                *t = (TrackedNode) { .failed_builds = -1 };
        }
        compute_node_done(&t->view);
        t->view = *view;
        *view = (ComputeNode) {};
        t->first = first;
        return t;
}

/* Under resources_lock: those that are none of @names are tracked no more. */
static void untrack_vanished(ComputeManager *m, char *const *names) {
        for (size_t n = m->n_tracked_nodes; n-- > 0;) {
                TrackedNode *t = &m->tracked_nodes[n];
                bool there = false;

                for (char *const *name = names; *name && !there; name++)
                        there = streq(*name, t->view.hypervisor_hostname);
                if (there)
                        continue;
                tracked_node_done(t);
                memmove(t, t + 1, (--m->n_tracked_nodes - n) * sizeof *t);
        }
}

/* Under resources_lock: the row of @t as it is now. */
static int update_tracked(ComputeManager *m, const Config *config, const TrackedNode *t, NovaException *e) {
        _cleanup_(compute_node_done) ComputeNode node = {};
        int r;

        r = compute_node_copy(&t->view, &node);
        if (r >= 0)
                r = update_row(m, config, t, &node, e);
        if (r >= 0 && t->first)
                compute_manager_show_node(m, &node);
        return r;
}

static void refresh(ComputeManager *m, const char *key _unused_) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        m->refresh_submitted = false;           /* what changes from here on is not seen for certain */

        pthread_mutex_lock(&m->resources_lock);
        for (size_t n = 0; n < m->n_tracked_nodes; n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                int r = update_tracked(m, config, &m->tracked_nodes[n], &e);

                if (r < 0)
                        log_warning("Cannot update the resources of node %s, until the next update: %s",
                                    m->tracked_nodes[n].view.hypervisor_hostname, failure_text(r, &e));
        }
        pthread_mutex_unlock(&m->resources_lock);
}

void resource_tracker_changed(ComputeManager *m) {
        int r;

        if (atomic_exchange(&m->refresh_submitted, true))
                return;
        r = compute_manager_submit(m, JOB_PERIODIC, "update_resource_usage", NULL, REFRESH_DEADLINE, refresh);
        if (r < 0) {
                m->refresh_submitted = false;
                log_debug("The resources of this host are updated later: %s", failure_text(r, NULL));
        }
}

static int64_t stored_failed_builds(ComputeManager *m, const TrackedNode *t) {
        _cleanup_(compute_node_done) ComputeNode row = {};
        const char *text = NULL;

        if (m->store->ops->compute_node_get(m->store, m->host, t->view.hypervisor_hostname, &row) > 0)
                text = json_member_string(row.stats, "failed_builds");
        return text ? atoll(text) : 0;
}

void resource_tracker_build_ended(ComputeManager *m, const char *node, bool succeeded) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        TrackedNode *t;

        if (!succeeded && config_integer(config, "compute.consecutive_build_service_disable_threshold") == 0)
                return;
        pthread_mutex_lock(&m->resources_lock);
        t = resource_tracker_find(m, node);
        if (t && succeeded)
                t->failed_builds = 0;
        else if (t)
                t->failed_builds = (t->failed_builds < 0 ? stored_failed_builds(m, t) : t->failed_builds) + 1;
        pthread_mutex_unlock(&m->resources_lock);
        resource_tracker_changed(m);
}

/* The machine may be renamed while we run: that makes no second node either. */
static int check_names(ComputeManager *m, char *const *names, NovaException *e) {
        bool known;
        int r = 0;

        pthread_mutex_lock(&m->resources_lock);
        known = !m->identity_node;
        for (char *const *name = names; *name && !known; name++)
                known = streq(*name, m->identity_node);
        if (!known)
                r = exception_setf(e, EXC_INVALID_CONFIGURATION, "This host's node is %s, the hypervisor calls it %s now: its resources are "
                                   "not updated until it has its name again", m->identity_node, names[0]);
        pthread_mutex_unlock(&m->resources_lock);
        return r;
}

int resource_tracker_update(ComputeManager *m, RequestContext *c _unused_, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = driver_call(m, get_available_nodes, e, &names);
        if (r < 0)
                return r;
        if (!names || !names[0]) {
                /* No reason to delete the rows: a hypervisor that is not well may say so. */
                if (compute_manager_say_once(m, SAID_NODES_EMPTY))
                        log_warning("The hypervisor names no node: the resources of this host are not updated.");
                return 0;
        }

        r = check_names(m, names, e);
        if (r < 0)
                return r;

        for (size_t n = 0; names[n]; n++) {
                _cleanup_(compute_node_done) ComputeNode node = {};
                TrackedNode *t;

                r = driver_call(m, get_available_resource, e, names[n], &node);
                if (r >= 0)
                        r = complete(m, config, names[n], &node);
                if (r < 0)
                        return r;

                pthread_mutex_lock(&m->resources_lock);
                t = track(m, &node, n == 0);
                r = t ? update_tracked(m, config, t, e) : -ENOMEM;
                pthread_mutex_unlock(&m->resources_lock);
                if (r < 0)
                        return r;
        }

        pthread_mutex_lock(&m->resources_lock);
        untrack_vanished(m, names);
        pthread_mutex_unlock(&m->resources_lock);
        return destroy_vanished(m, names, e);
}

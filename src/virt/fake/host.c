/* The host that the fake driver pretends to have: the sizes of [fake], and what its guests take of them. */
#include "virt/fake/private.h"

#include <errno.h>

#include "basic/json.h"
#include "virt/host-info.h"

#define HYPERVISOR_VERSION 1000         /* 1.0 as Nova counts */

typedef struct Usage {
        int64_t vcpus, memory_mb, disk_gb;
} Usage;

/* What guests that are on take; disks are taken by all. */
static Usage usage(const FakeDriver *d) {
        Usage u = {};

        for (const Guest *g = d->guests; g; g = g->next) {
                if (g->move == MOVE_INCOMING)
                        continue;
                u.disk_gb += g->disk_gb;
                if (g->state == POWER_SHUTDOWN || g->state == POWER_CRASHED)
                        continue;
                u.vcpus += g->vcpus;
                u.memory_mb += g->memory_mb;
        }
        return u;
}

static json_t *cpu_info(const FakeDriver *d) {
        return json_pack("{s:s, s:s, s:s, s:{s:i, s:I, s:i, s:i}, s:[s, s]}", "arch", "x86_64", "model", "Nehalem", "vendor", "Intel",
                         "topology", "cells", 1, "sockets", (json_int_t) d->vcpus, "cores", 1, "threads", 1, "features", "pge",
                         "clflush");
}

/* A list of what is not NULL at the end. */
static int text_list(char *const *from, size_t n, char ***ret) {
        char **list = calloc(n + 1, sizeof *list);

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!(list[i] = strdup(from[i]))) {
                        strv_free(list);
                        return -ENOMEM;
                }
        *ret = list;
        return 0;
}

static int fake_get_available_nodes(ComputeDriver *driver, char ***ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_available_nodes", e);
        size_t n = 0;

        if (c.r < 0)
                return c.r;
        while (c.d->nodes[n])
                n++;
        return text_list(c.d->nodes, n, ret) < 0 ? fake_no_memory(&c, e) : 0;
}

static int fake_get_available_resource(ComputeDriver *driver, const char *node, ComputeNode *ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_available_resource", e);
        _cleanup_(compute_node_done) ComputeNode n = {};
        json_auto_t *cpu = NULL;
        bool known = false;
        Usage u;

        if (c.r < 0)
                return c.r;
        node = node ?: c.d->nodes[0];
        for (char **p = c.d->nodes; *p; p++)
                known = known || streq(*p, node);
        if (!known) {
                int r = exception_setf(e, EXC_COMPUTE_HOST_NOT_FOUND, "Compute host %s could not be found.", node);

                exception_kwarg(e, "host", json_string(node));
                return r;
        }

        u = usage(c.d);
        n.hypervisor_hostname = strdup(node);
        n.hypervisor_type = strdup("fake");
        n.hypervisor_version = HYPERVISOR_VERSION;
        n.vcpus = c.d->vcpus;
        n.memory_mb = c.d->memory_mb;
        n.local_gb = c.d->local_gb;
        n.vcpus_used = u.vcpus;
        n.memory_mb_used = u.memory_mb;
        n.local_gb_used = u.disk_gb;
        n.disk_available_least = n.local_gb - n.local_gb_used;
        n.has_disk_available_least = true;
        n.supported_hv_specs = json_pack("[[s, s, s]]", "x86_64", "fake", "hvm");
        cpu = cpu_info(c.d);
        n.cpu_info = cpu ? json_text(cpu) : NULL;
        if (!n.hypervisor_hostname || !n.hypervisor_type || !n.supported_hv_specs || !n.cpu_info)
                return fake_no_memory(&c, e);

        *ret = n;
        n = (ComputeNode){};
        return 0;
}

static int fake_get_host_stats(ComputeDriver *driver, bool refresh _unused_, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_host_stats", e);
        json_t *stats;
        Usage u;

        if (c.r < 0)
                return c.r;
        u = usage(c.d);
        stats = json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:i}",
                          "vcpus", (json_int_t) c.d->vcpus, "vcpus_used", (json_int_t) u.vcpus, "cpu_info", cpu_info(c.d),
                          "disk_total", (json_int_t) c.d->local_gb, "disk_used", (json_int_t) u.disk_gb,
                          "disk_available", (json_int_t) (c.d->local_gb - u.disk_gb),
                          "host_memory_total", (json_int_t) c.d->memory_mb,
                          "host_memory_free", (json_int_t) (c.d->memory_mb - u.memory_mb),
                          "hypervisor_type", "fake", "hypervisor_version", HYPERVISOR_VERSION);
        if (!stats)
                return fake_no_memory(&c, e);
        *ret = stats;
        return 0;
}

/* The address of Essex's fake driver: no test must depend on that of the machine. */
static int fake_get_host_ip_addr(ComputeDriver *driver, char **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_host_ip_addr", e);

        if (c.r < 0)
                return c.r;
        *ret = strdup("192.168.0.1");
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_get_host_uptime(ComputeDriver *driver, char **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_host_uptime", e);
        int r;

        if (c.r < 0)
                return c.r;
        r = host_uptime(ret);
        return r < 0 ? exception_set_errno(e, r, "The uptime of the host") : 0;
}

/* The calls that only say what would be done: 0 with the text in *ret. */
static int answer(ComputeDriver *driver, const char *method, const char *text, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, method, e);

        if (c.r < 0)
                return c.r;
        *ret = json_string(text);
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_host_power_action(ComputeDriver *d, const char *action, json_t **ret, NovaException *e) {
        if (!streq(action, "startup") && !streq(action, "shutdown") && !streq(action, "reboot"))
                return exception_setf(e, EXC_INVALID, "Host action \"%s\" is not startup, shutdown or reboot", action);
        return answer(d, "host_power_action", action, ret, e);
}

static int fake_host_maintenance_mode(ComputeDriver *d, const char *host _unused_, bool mode, json_t **ret, NovaException *e) {
        return answer(d, "host_maintenance_mode", mode ? "on_maintenance" : "off_maintenance", ret, e);
}

static int fake_set_host_enabled(ComputeDriver *driver, bool enabled, json_t **ret, NovaException *e) {
        int r = answer(driver, "set_host_enabled", enabled ? "enabled" : "disabled", ret, e);

        if (r >= 0) {
                FakeDriver *d = CONTAINER_OF(driver, FakeDriver, base);

                pthread_mutex_lock(&d->lock);
                d->enabled = enabled;
                pthread_mutex_unlock(&d->lock);
        }
        return r;
}

static int fake_get_volume_connector(ComputeDriver *driver, const Instance *i _unused_, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_volume_connector", e);

        if (c.r < 0)
                return c.r;
        *ret = json_pack("{s:s, s:s, s:s}", "ip", c.d->storage_ip ?: c.d->ip ?: "127.0.0.1", "initiator", "fake", "host", c.d->host);
        return *ret ? 0 : fake_no_memory(&c, e);
}

/* Compatible is what has our architecture and asks for no feature that we lack. */
static int fake_compare_cpu(ComputeDriver *driver, const char *text, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "compare_cpu", e);
        json_auto_t *wanted = NULL, *ours = NULL;
        json_t *feature, *own;
        const char *arch;
        size_t i, k;
        char why[200];
        int r;

        if (c.r < 0)
                return c.r;
        r = json_parse(text, strlen(text), &wanted, why, sizeof why);
        if (r < 0)
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: %s", why);
        ours = cpu_info(c.d);
        if (!ours)
                return fake_no_memory(&c, e);
        arch = json_member_string(wanted, "arch");
        if (!arch || !streq(arch, json_member_string(ours, "arch")))
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: CPU doesn't have compatibility: arch %s",
                                      strempty(arch));
        json_array_foreach(json_object_get(wanted, "features"), i, feature) {
                bool have = false;

                json_array_foreach(json_object_get(ours, "features"), k, own)
                        have = have || json_equal(feature, own);
                if (!have)
                        return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: CPU doesn't have compatibility: feature %s",
                                              strempty(json_string_value(feature)));
        }
        return 0;
}

static int fake_get_console_pool_info(ComputeDriver *driver, const char *console_type _unused_, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_console_pool_info", e);

        if (c.r < 0)
                return c.r;
        *ret = json_pack("{s:s, s:s, s:s}", "address", "127.0.0.1", "username", "fakeuser", "password", "fakepassword");
        return *ret ? 0 : fake_no_memory(&c, e);
}

/* Calls that a hypervisor without disks, filters or aggregates has nothing to do for. */
static int nothing(ComputeDriver *driver, const char *method, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, method, e);

        return c.r;
}

static int fake_manage_image_cache(ComputeDriver *d, const InstanceList *all _unused_, NovaException *e) {
        return nothing(d, "manage_image_cache", e);
}

/* Nothing is fetched: it is remembered which have been asked for. */
static int fake_cache_image(ComputeDriver *d, const RequestContext *context _unused_, const char *image_id, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(d, "cache_image", e);

        if (c.r < 0)
                return c.r;
        if (json_object_get(c.d->cached_images, image_id))
                return 0;
        if (!c.d->cached_images)
                c.d->cached_images = json_object();
        return json_object_set_new(c.d->cached_images, image_id, json_true()) < 0 ? fake_no_memory(&c, e) : 1;
}

static int fake_refresh_security_group_rules(ComputeDriver *d, const char *id _unused_, NovaException *e) {
        return nothing(d, "refresh_security_group_rules", e);
}

static int fake_refresh_security_group_members(ComputeDriver *d, const char *id _unused_, NovaException *e) {
        return nothing(d, "refresh_security_group_members", e);
}

static int fake_refresh_provider_fw_rules(ComputeDriver *d, NovaException *e) {
        return nothing(d, "refresh_provider_fw_rules", e);
}

static int fake_add_to_aggregate(ComputeDriver *d, const RequestContext *context _unused_, const json_t *aggregate _unused_,
                                 const char *host _unused_, NovaException *e) {
        return nothing(d, "add_to_aggregate", e);
}

static int fake_remove_from_aggregate(ComputeDriver *d, const RequestContext *context _unused_,
                                      const json_t *aggregate _unused_, const char *host _unused_, NovaException *e) {
        return nothing(d, "remove_from_aggregate", e);
}

static int fake_poll_rebooting_instances(ComputeDriver *d, unsigned timeout _unused_, const InstanceList *rebooting _unused_,
                                         NovaException *e) {
        return nothing(d, "poll_rebooting_instances", e);
}

/* It has no files, and a snapshot leaves its guest alone. */
static void fake_tidy(ComputeDriver *d _unused_, const Instance *i _unused_) {}

static int fake_undo_snapshot(ComputeDriver *d, const Instance *i _unused_, NovaException *e) {
        return nothing(d, "undo_snapshot", e);
}

static int fake_poll_rescued_instances(ComputeDriver *d, unsigned timeout _unused_, const InstanceList *rescued _unused_,
                                       NovaException *e) {
        return nothing(d, "poll_rescued_instances", e);
}

static int fake_poll_unconfirmed_resizes(ComputeDriver *d, unsigned window _unused_, NovaException *e) {
        return nothing(d, "poll_unconfirmed_resizes", e);
}

void fake_host_ops(ComputeDriverOps *ops) {
        ops->get_available_nodes = fake_get_available_nodes;
        ops->get_available_resource = fake_get_available_resource;
        ops->get_host_stats = fake_get_host_stats;
        ops->get_host_ip_addr = fake_get_host_ip_addr;
        ops->get_host_uptime = fake_get_host_uptime;
        ops->host_power_action = fake_host_power_action;
        ops->host_maintenance_mode = fake_host_maintenance_mode;
        ops->set_host_enabled = fake_set_host_enabled;
        ops->get_volume_connector = fake_get_volume_connector;
        ops->compare_cpu = fake_compare_cpu;
        ops->get_console_pool_info = fake_get_console_pool_info;
        ops->manage_image_cache = fake_manage_image_cache;
        ops->cache_image = fake_cache_image;
        ops->refresh_security_group_rules = fake_refresh_security_group_rules;
        ops->refresh_security_group_members = fake_refresh_security_group_members;
        ops->refresh_provider_fw_rules = fake_refresh_provider_fw_rules;
        ops->add_to_aggregate = fake_add_to_aggregate;
        ops->remove_from_aggregate = fake_remove_from_aggregate;
        ops->poll_rebooting_instances = fake_poll_rebooting_instances;
        ops->poll_rescued_instances = fake_poll_rescued_instances;
        ops->tidy = fake_tidy;
        ops->undo_snapshot = fake_undo_snapshot;
        ops->poll_unconfirmed_resizes = fake_poll_unconfirmed_resizes;
}

/* The host as libvirt and the kernel tell it: nodes, resources, capabilities (zed 4.4, essex 14.2). */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <sys/utsname.h>

#include "basic/json.h"
#include "virt/host-info.h"
#include "virt/libvirt/capabilities.h"
#include "virt/libvirt/xml.h"

#define GIB (1024ull * 1024 * 1024)

/* The node's name: that of the hypervisor's host, as it was first told. malloc'ed; NULL with @e. */
static char *node_name(const LibvirtUse *u, NovaException *e) {
        _cleanup_free_ char *name = NULL;
        LibvirtDriver *d = u->d;
        char *copy;

        pthread_mutex_lock(&d->lock);
        copy = d->hostname ? strdup(d->hostname) : NULL;
        pthread_mutex_unlock(&d->lock);
        if (copy)
                return copy;

        name = virConnectGetHostname(u->connection);
        if (!name) {
                (void) libvirt_failed(u, "The name of the hypervisor's host", NULL, e);
                return NULL;
        }
        copy = strdup(name);
        pthread_mutex_lock(&d->lock);
        if (!d->hostname)
                d->hostname = TAKE_PTR(name);
        pthread_mutex_unlock(&d->lock);
        if (!copy)
                (void) exception_set_errno(e, -ENOMEM, "The name of the hypervisor's host");
        return copy;
}

static int libvirt_get_available_nodes(ComputeDriver *driver, char ***ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        char **nodes;

        if (libvirt_use(&u, driver, "get_available_nodes", e) < 0)
                return u.r;
        nodes = calloc(2, sizeof *nodes);
        if (!nodes)
                return exception_set_errno(e, -ENOMEM, "The nodes");
        nodes[0] = node_name(&u, e);
        if (!nodes[0]) {
                free(nodes);
                return exception_is_set(e) ? e->error : -EIO;
        }
        *ret = nodes;
        return 0;
}

/* The CPUs that are online; where the hypervisor does not tell which, the first so many of its number. */
int libvirt_online_cpus(const LibvirtUse *u, const virNodeInfo *info, CpuSet *ret) {
        _cleanup_free_ unsigned char *map = NULL;
        unsigned online;
        int n;

        CPU_ZERO(ret);
        n = virNodeGetCPUMap(u->connection, &map, &online, 0);
        for (unsigned c = 0; n >= 0 && c < (unsigned) n && c < CPU_SET_MAX; c++)
                if (VIR_CPU_USED(map, c))
                        CPU_SET(c, ret);
        for (unsigned c = 0; n < 0 && c < info->cpus && c < CPU_SET_MAX; c++)
                CPU_SET(c, ret);
        return CPU_COUNT(ret);
}

/* CPUs for guests that float: the shared set, or with none configured all; 0 if all are for pinned guests. */
static int64_t count_vcpus(const LibvirtDriver *d, const CpuSet *online, NovaException *e) {
        CpuSet usable;

        if (d->has_shared) {
                CPU_AND(&usable, online, &d->shared);
                if (CPU_COUNT(&usable) != CPU_COUNT(&d->shared))
                        return exception_setf(e, EXC_INVALID, "[compute] cpu_shared_set names CPUs that are not online on %s", d->host);
                return CPU_COUNT(&usable);
        }
        return d->has_dedicated ? 0 : CPU_COUNT(online);
}

/* What is used of the hypervisor's memory, MiB. Of this machine: all but what the kernel could give (essex F58); of another
 * all but what libvirt says is free or cache. */
static int64_t memory_used(const LibvirtUse *u, const virNodeInfo *info) {
        uint64_t total = info->memory, used = 0;
        virNodeMemoryStats stats[16];
        int n = ELEMENTSOF(stats);
        HostMemory memory;

        if (libvirt_uri_is_local(u->d->uri) && host_memory(&memory) >= 0)
                used = memory.total_kib - memory.available_kib;
        else if (virNodeGetMemoryStats(u->connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats, &n, 0) >= 0 && n > 0) {
                uint64_t free_kib = 0;

                for (int i = 0; i < n; i++)
                        if (!streq(stats[i].field, VIR_NODE_MEMORY_STATS_TOTAL))
                                free_kib += stats[i].value;
                used = total - MIN(free_kib, total);
        } else {
                unsigned long long bytes = virNodeGetFreeMemory(u->connection);

                used = bytes > 0 ? total - MIN(bytes / 1024, total) : 0;
        }
        return (int64_t) (MIN(used, total) / 1024);
}

/* vCPUs of the guests that run. One that ends meanwhile has none. */
static int64_t count_vcpus_used(const DomainList *domains) {
        int64_t used = 0;

        for (size_t i = 0; i < domains->n; i++) {
                int n = virDomainGetVcpusFlags(domains->items[i], VIR_DOMAIN_VCPU_LIVE);

                if (n < 0)      /* containers have no count; they run on at least one */
                        n = virDomainIsActive(domains->items[i]) == 1 ? 1 : 0;
                used += n;
        }
        return used;
}

/* Bytes that the local disks of @domain may still grow by: their virtual size without what is allocated. */
static uint64_t over_committed(virDomainPtr domain) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_free_ char *text = virDomainGetXMLDesc(domain, 0);
        uint64_t bytes = 0;

        doc = text ? xml_parse(text) : NULL;
        for (const xmlNode *n = doc ? xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "disk") : NULL; n; n = xml_next(n, "disk")) {
                const char *target = xml_attribute(xml_child(n, "target"), "dev"), *device = xml_attribute(n, "device");
                virDomainBlockInfo info;

                if (!target || !streq_ptr(xml_attribute(n, "type"), "file") || (device && !streq(device, "disk")))
                        continue;
                if (virDomainGetBlockInfo(domain, target, &info, 0) >= 0 && info.capacity > info.allocation)
                        bytes += info.capacity - info.allocation;
        }
        return bytes;
}

/* floor((free GiB as bytes - over-committed) / GiB), which may be negative. */
static int64_t disk_available_least(const HostDisk *disk, const DomainList *domains) {
        uint64_t over = 0;

        for (size_t i = 0; i < domains->n; i++)
                over += over_committed(domains->items[i]);
        return (int64_t) (disk->available / GIB) - (int64_t) ((over + GIB - 1) / GIB);
}

static int read_capabilities(const LibvirtUse *u, const virNodeInfo *info, Capabilities *ret, NovaException *e) {
        _cleanup_free_ char *xml = virConnectGetCapabilities(u->connection);
        int r;

        if (!xml)
                return libvirt_failed(u, "The capabilities of the host", NULL, e);
        r = capabilities_parse(xml, ret, e);
        if (r < 0)
                return r;
        if (!ret->has_topology) {
                json_t *topology = json_object_get(ret->cpu_info, "topology");

                (void) json_object_set_new(topology, "sockets", json_integer(info->sockets));
                (void) json_object_set_new(topology, "cores", json_integer(info->cores));
                (void) json_object_set_new(topology, "threads", json_integer(info->threads));
        }
        return 0;
}

/* Numbers that both get_available_resource and get_host_stats tell. */
typedef struct Host {
        virNodeInfo info;
        CpuSet online;
        Capabilities capabilities;
        int64_t vcpus, vcpus_used, memory_used_mb, disk_available_least;
        HostDisk disk;
        const char *type;
        unsigned long version;
} Host;

static void host_done(Host *h) {
        capabilities_done(&h->capabilities);
}

static int read_host(const LibvirtUse *u, Host *h, NovaException *e) {
        _cleanup_(domain_list_done) DomainList active = {}, all = {};
        int r;

        if (virNodeGetInfo(u->connection, &h->info) < 0)
                return libvirt_failed(u, "The hardware of the host", NULL, e);
        h->type = virConnectGetType(u->connection);
        if (!h->type || virConnectGetVersion(u->connection, &h->version) < 0)
                return libvirt_failed(u, "The version of the hypervisor", NULL, e);
        (void) libvirt_online_cpus(u, &h->info, &h->online);
        h->vcpus = count_vcpus(u->d, &h->online, e);
        if (h->vcpus < 0)
                return (int) h->vcpus;
        r = read_capabilities(u, &h->info, &h->capabilities, e);
        if (r < 0)
                return r;
        r = libvirt_domains(u, VIR_CONNECT_LIST_DOMAINS_ACTIVE, &active, e);
        if (r < 0)
                return r;
        r = libvirt_domains(u, 0, &all, e);
        if (r < 0)
                return r;
        r = host_disk(u->d->instances_path, &h->disk);
        if (r < 0)
                return exception_set_errno(e, r, u->d->instances_path);

        h->vcpus_used = count_vcpus_used(&active);
        h->memory_used_mb = memory_used(u, &h->info);
        h->disk_available_least = disk_available_least(&h->disk, &all);
        return 0;
}

static int libvirt_get_available_resource(ComputeDriver *driver, const char *node, ComputeNode *ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(compute_node_done) ComputeNode n = {};
        _cleanup_(host_done) Host h = {};
        int r;

        if (libvirt_use(&u, driver, "get_available_resource", e) < 0)
                return u.r;
        n.hypervisor_hostname = node_name(&u, e);
        if (!n.hypervisor_hostname)
                return exception_is_set(e) ? e->error : -EIO;
        if (node && !streq(node, n.hypervisor_hostname)) {
                r = exception_setf(e, EXC_COMPUTE_HOST_NOT_FOUND, "Compute host %s could not be found.", node);
                exception_kwarg(e, "host", json_string(node));
                return r;
        }
        r = read_host(&u, &h, e);
        if (r < 0)
                return r;
        r = capabilities_numa_topology(&h.capabilities, &h.online, u.d->has_shared ? &u.d->shared : NULL,
                                       u.d->has_dedicated ? &u.d->dedicated : NULL, &n.numa_topology);
        if (r < 0)
                return exception_set_errno(e, r, "The NUMA topology of the host");

        n.hypervisor_type = strdup(h.type);
        n.hypervisor_version = (int64_t) h.version;
        n.vcpus = h.vcpus;
        n.memory_mb = (int64_t) (h.info.memory / 1024);
        n.local_gb = (int64_t) (h.disk.total / GIB);
        n.vcpus_used = h.vcpus_used;
        n.memory_mb_used = h.memory_used_mb;
        n.local_gb_used = (int64_t) (h.disk.used / GIB);
        n.disk_available_least = h.disk_available_least;
        n.has_disk_available_least = true;
        n.cpu_info = json_text(h.capabilities.cpu_info);
        n.supported_hv_specs = json_incref(h.capabilities.hv_specs);
        if (!n.hypervisor_type || !n.cpu_info)
                return exception_set_errno(e, -ENOMEM, "The resources of the host");

        *ret = n;
        n = (ComputeNode){};
        return 0;
}

static int libvirt_get_host_stats(ComputeDriver *driver, bool refresh _unused_, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(host_done) Host h = {};
        int r;

        if (libvirt_use(&u, driver, "get_host_stats", e) < 0)
                return u.r;
        r = read_host(&u, &h, e);
        if (r < 0)
                return r;
        *ret = json_pack("{s:I, s:I, s:O, s:I, s:I, s:I, s:I, s:I, s:s, s:I}",
                         "vcpus", (json_int_t) h.vcpus, "vcpus_used", (json_int_t) h.vcpus_used, "cpu_info", h.capabilities.cpu_info,
                         "disk_total", (json_int_t) (h.disk.total / GIB), "disk_used", (json_int_t) (h.disk.used / GIB),
                         "disk_available", (json_int_t) (h.disk.available / GIB),
                         "host_memory_total", (json_int_t) (h.info.memory / 1024),
                         "host_memory_free", (json_int_t) (h.info.memory / 1024) - (json_int_t) h.memory_used_mb,
                         "hypervisor_type", h.type, "hypervisor_version", (json_int_t) h.version);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The state of the host");
}

/* Those below need no hypervisor, and answer without one. */

static int libvirt_get_host_ip_addr(ComputeDriver *driver, char **ret, NovaException *e) {
        const LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);

        *ret = strdup(d->ip ?: "127.0.0.1");
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The address of the host");
}

static int libvirt_get_host_uptime(ComputeDriver *driver _unused_, char **ret, NovaException *e) {
        int r = host_uptime(ret);

        return r < 0 ? exception_set_errno(e, r, "The uptime of the host") : 0;
}

/* libvirt has no switch of its own: whether the host takes guests is the matter of its service and its traits. */
static int libvirt_set_host_enabled(ComputeDriver *driver _unused_, bool enabled, json_t **ret, NovaException *e) {
        *ret = json_string(enabled ? "enabled" : "disabled");
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "set_host_enabled");
}

static int libvirt_get_volume_connector(ComputeDriver *driver, const Instance *i _unused_, json_t **ret, NovaException *e) {
        const LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);
        _cleanup_free_ char *initiator = NULL;
        struct utsname name;
        int r;

        r = host_iscsi_initiator(NULL, &initiator);
        if (r < 0 && r != -ENOENT)
                return exception_set_errno(e, r, "/etc/iscsi/initiatorname.iscsi");
        if (uname(&name) < 0)
                return exception_set_errno(e, -errno, "uname");
        *ret = json_pack("{s:s, s:o, s:s, s:s, s:s, s:b}", "ip", d->storage_ip ?: d->ip ?: "127.0.0.1", "initiator",
                         json_string_or_null(initiator), "host", d->host, "platform", name.machine, "os_type", "linux", "multipath", false);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The volume connector");
}

static int libvirt_compare_cpu(ComputeDriver *driver, const char *cpu_info, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_free_ char *xml = NULL;
        int r;

        if (libvirt_use(&u, driver, "compare_cpu", e) < 0)
                return u.r;
        r = cpu_info_to_xml(cpu_info, &xml, e);
        if (r < 0)
                return r;
        r = virConnectCompareCPU(u.connection, xml, 0);
        if (r < 0)
                return libvirt_failed(&u, "Comparing CPUs", NULL, e);
        if (r == VIR_CPU_COMPARE_INCOMPATIBLE)
                return exception_setf(e, EXC_INVALID_CPU_INFO, "Unacceptable CPU info: CPU doesn't have compatibility.");
        return 0;
}

void libvirt_host_ops(ComputeDriverOps *ops) {
        ops->get_available_nodes = libvirt_get_available_nodes;
        ops->get_available_resource = libvirt_get_available_resource;
        ops->get_host_stats = libvirt_get_host_stats;
        ops->get_host_ip_addr = libvirt_get_host_ip_addr;
        ops->get_host_uptime = libvirt_get_host_uptime;
        ops->set_host_enabled = libvirt_set_host_enabled;
        ops->get_volume_connector = libvirt_get_volume_connector;
        ops->compare_cpu = libvirt_compare_cpu;
}

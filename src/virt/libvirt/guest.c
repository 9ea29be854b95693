/* What there is of guests: look-up, states, lists, devices and their counters. */
#include "virt/libvirt/private.h"

#include <errno.h>

#include "basic/id.h"
#include "basic/json.h"
#include "virt/libvirt/xml.h"

PowerState libvirt_power_state(int domain_state) {
        switch (domain_state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:        /* it waits for something: it runs */
                return POWER_RUNNING;
        case VIR_DOMAIN_PAUSED:
                return POWER_PAUSED;
        case VIR_DOMAIN_SHUTDOWN:       /* is being shut down */
        case VIR_DOMAIN_SHUTOFF:
                return POWER_SHUTDOWN;
        case VIR_DOMAIN_CRASHED:
                return POWER_CRASHED;
        case VIR_DOMAIN_PMSUSPENDED:
                return POWER_SUSPENDED;
        default:
                return POWER_NOSTATE;
        }
}

bool libvirt_event_state(int event, int detail, PowerState *ret) {
        switch (event) {
        case VIR_DOMAIN_EVENT_STARTED:
        case VIR_DOMAIN_EVENT_RESUMED:
                *ret = POWER_RUNNING;
                return true;
        case VIR_DOMAIN_EVENT_SUSPENDED:
                /* A migration pauses the guest for a moment; what it becomes is told afterwards. */
                if (detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED || detail == VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)
                        return false;
                *ret = POWER_PAUSED;
                return true;
        case VIR_DOMAIN_EVENT_STOPPED:
                if (detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED)
                        return false;
                *ret = detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED ? POWER_CRASHED : POWER_SHUTDOWN;
                return true;
        case VIR_DOMAIN_EVENT_PMSUSPENDED:
                *ret = POWER_SUSPENDED;
                return true;
        case VIR_DOMAIN_EVENT_CRASHED:
                *ret = POWER_CRASHED;
                return true;
        default:
                return false;
        }
}

/* By uuid; by name only where there is none: a name may have been given again. */
virDomainPtr libvirt_domain(const LibvirtUse *u, const Instance *i, NovaException *e) {
        virDomainPtr domain;

        if (i->uuid)
                domain = virDomainLookupByUUIDString(u->connection, i->uuid);
        else
                domain = virDomainLookupByName(u->connection, strempty(i->name));
        if (!domain) {
                if (virGetLastErrorCode() == VIR_ERR_INVALID_ARG)       /* no uuid at all: nobody has it */
                        (void) exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", strempty(i->uuid));
                else
                        (void) libvirt_failed(u, "Looking up a domain", i, e);
        }
        return domain;
}

void domain_list_done(DomainList *l) {
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i])
                        (void) virDomainFree(l->items[i]);
        free(l->items);
        *l = (DomainList){};
}

int libvirt_domains(const LibvirtUse *u, unsigned flags, DomainList *ret, NovaException *e) {
        virDomainPtr *items;
        size_t kept = 0;
        int n;

        n = virConnectListAllDomains(u->connection, &items, flags);
        if (n < 0)
                return libvirt_failed(u, "Listing domains", NULL, e);
        for (int i = 0; i < n; i++) {
                if (virDomainGetID(items[i]) == 0)
                        (void) virDomainFree(items[i]);
                else
                        items[kept++] = items[i];
        }
        *ret = (DomainList){ .items = items, .n = kept };
        return 0;
}

int libvirt_no_domain(const NovaException *e) {
        return exception_is_set(e) && e->error < 0 ? e->error : -ENOENT;
}

int libvirt_use_domain(LibvirtUse *u, ComputeDriver *driver, const char *method, const Instance *i, virDomainPtr *ret, NovaException *e) {
        if (libvirt_use(u, driver, method, e) < 0)
                return u->r;
        *ret = libvirt_domain(u, i, e);
        return *ret ? 0 : libvirt_no_domain(e);
}

static int libvirt_get_info(ComputeDriver *driver, const Instance *i, DomainInfo *ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        virDomainInfo info;
        int r;

        r = libvirt_use_domain(&u, driver, "get_info", i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainGetInfo(domain, &info) < 0)
                return libvirt_failed(&u, "The state of a domain", i, e);

        *ret = (DomainInfo){ .state = libvirt_power_state(info.state), .max_mem_kib = (int64_t) info.maxMem,
                             .mem_kib = (int64_t) info.memory, .num_cpu = info.nrVirtCpu, .cpu_time_ns = info.cpuTime };
        return 0;
}

static int libvirt_get_num_instances(ComputeDriver *driver, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_list_done) DomainList domains = {};
        int r;

        if (libvirt_use(&u, driver, "get_num_instances", e) < 0)
                return u.r;
        r = libvirt_domains(&u, 0, &domains, e);
        return r < 0 ? r : (int) domains.n;
}

static int libvirt_instance_exists(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_exception_ NovaException why = {};

        if (libvirt_use(&u, driver, "instance_exists", e) < 0)
                return u.r;
        domain = libvirt_domain(&u, i, &why);
        if (domain)
                return 1;
        if (why.error == -ENOENT)
                return 0;
        if (e)
                exception_move(e, &why);
        return why.error ?: e ? e->error : -EIO;
}

static int list(ComputeDriver *driver, bool uuids, char ***ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_list_done) DomainList domains = {};
        _cleanup_(strv_freep) char **texts = NULL;
        size_t k = 0;
        int r;

        if (libvirt_use(&u, driver, "list_instances", e) < 0)
                return u.r;
        r = libvirt_domains(&u, 0, &domains, e);
        if (r < 0)
                return r;
        texts = calloc(domains.n + 1, sizeof *texts);
        for (size_t i = 0; texts && i < domains.n; i++) {
                char uuid[VIR_UUID_STRING_BUFLEN];
                const char *text = uuid;

                if (!uuids)
                        text = virDomainGetName(domains.items[i]);
                else if (virDomainGetUUIDString(domains.items[i], uuid) < 0)
                        text = NULL;
                if (!text)
                        return libvirt_failed(&u, "The name of a domain", NULL, e);
                texts[k] = strdup(text);
                if (!texts[k++])
                        return exception_set_errno(e, -ENOMEM, "Listing domains");
        }
        if (!texts)
                return exception_set_errno(e, -ENOMEM, "Listing domains");
        *ret = TAKE_PTR(texts);
        return 0;
}

static int libvirt_list_instances(ComputeDriver *d, char ***ret, NovaException *e) {
        return list(d, false, ret, e);
}

static int libvirt_list_instance_uuids(ComputeDriver *d, char ***ret, NovaException *e) {
        return list(d, true, ret, e);
}

int libvirt_domain_and_xml(const LibvirtUse *u, const Instance *i, unsigned flags, virDomainPtr *ret_domain, xmlDocPtr *ret_xml, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = libvirt_domain(u, i, e);
        _cleanup_free_ char *text = NULL;

        if (!domain)
                return libvirt_no_domain(e);
        text = virDomainGetXMLDesc(domain, flags);
        if (!text)
                return libvirt_failed(u, "The description of a domain", i, e);
        *ret_xml = xml_parse(text);
        if (!*ret_xml)
                return exception_set_errno(e, -EBADMSG, "The description of a domain");
        *ret_domain = TAKE_PTR(domain);
        return 0;
}

/* The names that the devices of a kind have: <disk>'s inside the guest, <interface>'s on the host. */
static int list_devices(ComputeDriver *driver, const char *kind, const Instance *i, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        json_t *names;
        int r;

        if (libvirt_use(&u, driver, "list_devices", e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, e);
        if (r < 0)
                return r;
        names = json_array();
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), kind); n; n = xml_next(n, kind)) {
                const char *name = xml_attribute(xml_child(n, "target"), "dev");

                if (name)
                        (void) json_array_append_new(names, json_string(name));
        }
        *ret = names;
        return names ? 0 : exception_set_errno(e, -ENOMEM, "Listing devices");
}

static int libvirt_list_disks(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e) {
        return list_devices(d, "disk", i, ret, e);
}

static int libvirt_list_interfaces(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e) {
        return list_devices(d, "interface", i, ret, e);
}

static int libvirt_block_stats(ComputeDriver *driver, const Instance *i, const char *disk, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        virDomainBlockStatsStruct s;
        int r;

        r = libvirt_use_domain(&u, driver, "block_stats", i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainBlockStats(domain, disk, &s, sizeof s) < 0)
                return libvirt_failed(&u, "The counters of a disk", i, e);
        *ret = json_pack("[I, I, I, I, I]", (json_int_t) s.rd_req, (json_int_t) s.rd_bytes, (json_int_t) s.wr_req,
                         (json_int_t) s.wr_bytes, (json_int_t) s.errs);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The counters of a disk");
}

static int libvirt_interface_stats(ComputeDriver *driver, const Instance *i, const char *interface, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        virDomainInterfaceStatsStruct s;
        int r;

        r = libvirt_use_domain(&u, driver, "interface_stats", i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainInterfaceStats(domain, interface, &s, sizeof s) < 0)
                return libvirt_failed(&u, "The counters of an interface", i, e);
        *ret = json_pack("[I, I, I, I, I, I, I, I]", (json_int_t) s.rx_bytes, (json_int_t) s.rx_packets, (json_int_t) s.rx_errs,
                         (json_int_t) s.rx_drop, (json_int_t) s.tx_bytes, (json_int_t) s.tx_packets, (json_int_t) s.tx_errs,
                         (json_int_t) s.tx_drop);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The counters of an interface");
}

/* A guest that ends, or an interface that goes, while we look is left out. */
static void add_bw_usage(virDomainPtr domain, json_t *all) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_free_ char *text = virDomainGetXMLDesc(domain, 0);
        char uuid[VIR_UUID_STRING_BUFLEN];

        doc = text ? xml_parse(text) : NULL;
        if (!doc || virDomainGetUUIDString(domain, uuid) < 0)
                return;
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "interface"); n; n = xml_next(n, "interface")) {
                const char *name = xml_attribute(xml_child(n, "target"), "dev"), *mac = xml_attribute(xml_child(n, "mac"), "address");
                virDomainInterfaceStatsStruct s;

                if (name && mac && virDomainInterfaceStats(domain, name, &s, sizeof s) >= 0)
                        (void) json_array_append_new(all, json_pack("{s:s, s:s, s:I, s:I}", "uuid", uuid, "mac_address", mac,
                                                                    "bw_in", (json_int_t) s.rx_bytes, "bw_out", (json_int_t) s.tx_bytes));
        }
}

static int libvirt_get_all_bw_usage(ComputeDriver *driver, usec_t start _unused_, usec_t stop _unused_, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_list_done) DomainList domains = {};
        json_t *all;
        int r;

        if (libvirt_use(&u, driver, "get_all_bw_usage", e) < 0)
                return u.r;
        r = libvirt_domains(&u, VIR_CONNECT_LIST_DOMAINS_ACTIVE, &domains, e);
        if (r < 0)
                return r;
        all = json_array();
        for (size_t i = 0; all && i < domains.n; i++)
                add_bw_usage(domains.items[i], all);
        *ret = all;
        return all ? 0 : exception_set_errno(e, -ENOMEM, "The counters of interfaces");
}

void libvirt_guest_ops(ComputeDriverOps *ops) {
        ops->get_info = libvirt_get_info;
        ops->get_num_instances = libvirt_get_num_instances;
        ops->instance_exists = libvirt_instance_exists;
        ops->list_instances = libvirt_list_instances;
        ops->list_instance_uuids = libvirt_list_instance_uuids;
        ops->list_disks = libvirt_list_disks;
        ops->list_interfaces = libvirt_list_interfaces;
        ops->block_stats = libvirt_block_stats;
        ops->interface_stats = libvirt_interface_stats;
        ops->get_all_bw_usage = libvirt_get_all_bw_usage;
}

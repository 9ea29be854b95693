/* The counters of a guest that runs, in the old flat form and as Nova's Diagnostics object. */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "objects/instance-object.h"
#include "virt/libvirt/xml.h"

/* A guest and its devices, while it is read. */
typedef struct Reading {
        LibvirtUse u;
        virDomainPtr domain;
        xmlDocPtr doc;
        virDomainInfo info;
} Reading;

static void reading_done(Reading *r) {
        domain_freep(&r->domain);
        xml_doc_freep(&r->doc);
        libvirt_use_done(&r->u);
}

static int reading_begin(Reading *d, ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        int r;

        if (libvirt_use(&d->u, driver, method, e) < 0)
                return d->u.r;
        r = libvirt_domain_and_xml(&d->u, i, 0, &d->domain, &d->doc, e);
        if (r < 0)
                return r;
        if (virDomainGetInfo(d->domain, &d->info) < 0)
                return libvirt_failed(&d->u, "The state of a domain", i, e);
        return 0;
}

static const xmlNode *first_device(const Reading *d, const char *kind) {
        return xml_child(xml_child(xmlDocGetRootElement(d->doc), "devices"), kind);
}

static void put(json_t *all, const char *device, const char *what, json_int_t value) {
        char name[200];

        snprintf(name, sizeof name, "%s%s", device, what);
        (void) json_object_set_new(all, name, json_integer(value));
}

/* The time of each CPU in ns; the number of CPUs, or 0 where it is not told. */
static size_t cpu_times(const Reading *d, uint64_t *ret, size_t max) {
        virVcpuInfo *cpus = calloc(MIN(d->info.nrVirtCpu, max) + 1u, sizeof *cpus);
        int n = cpus ? virDomainGetVcpus(d->domain, cpus, (int) MIN(d->info.nrVirtCpu, max), NULL, 0) : 0;

        for (int k = 0; k < n; k++)
                ret[k] = cpus[k].cpuTime;
        free(cpus);
        return n > 0 ? (size_t) n : 0;
}

#define CPUS_MAX 1024

static void put_memory(const Reading *d, json_t *all) {
        static const char *const names[VIR_DOMAIN_MEMORY_STAT_NR] = {
                [VIR_DOMAIN_MEMORY_STAT_SWAP_IN] = "swap_in", [VIR_DOMAIN_MEMORY_STAT_SWAP_OUT] = "swap_out",
                [VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT] = "major_fault", [VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT] = "minor_fault",
                [VIR_DOMAIN_MEMORY_STAT_UNUSED] = "unused", [VIR_DOMAIN_MEMORY_STAT_AVAILABLE] = "available",
                [VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON] = "actual", [VIR_DOMAIN_MEMORY_STAT_RSS] = "rss",
                [VIR_DOMAIN_MEMORY_STAT_USABLE] = "usable", [VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE] = "last_update",
                [VIR_DOMAIN_MEMORY_STAT_DISK_CACHES] = "disk_caches",
        };
        virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
        int n = virDomainMemoryStats(d->domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);

        (void) json_object_set_new(all, "memory", json_integer((json_int_t) d->info.maxMem));
        for (int k = 0; k < n; k++)
                if (stats[k].tag >= 0 && (size_t) stats[k].tag < ELEMENTSOF(names) && names[stats[k].tag])
                        put(all, "memory-", names[stats[k].tag], (json_int_t) stats[k].val);
}

/* What cannot be counted is left out: the form has no fixed set. */
static int libvirt_get_diagnostics(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _cleanup_(reading_done) Reading d = {};
        uint64_t times[CPUS_MAX];
        json_t *all;
        size_t n;
        int r;

        r = reading_begin(&d, driver, "get_diagnostics", i, e);
        if (r < 0)
                return r;
        all = json_object();
        n = cpu_times(&d, times, CPUS_MAX);
        for (size_t k = 0; k < n; k++) {
                char name[32];

                snprintf(name, sizeof name, "cpu%zu", k);
                put(all, name, "_time", (json_int_t) times[k]);
        }
        for (const xmlNode *x = first_device(&d, "disk"); x; x = xml_next(x, "disk")) {
                const char *dev = xml_attribute(xml_child(x, "target"), "dev");
                virDomainBlockStatsStruct s;

                if (!dev || virDomainBlockStats(d.domain, dev, &s, sizeof s) < 0)
                        continue;
                put(all, dev, "_read_req", s.rd_req);
                put(all, dev, "_read", s.rd_bytes);
                put(all, dev, "_write_req", s.wr_req);
                put(all, dev, "_write", s.wr_bytes);
                put(all, dev, "_errors", s.errs);
        }
        for (const xmlNode *x = first_device(&d, "interface"); x; x = xml_next(x, "interface")) {
                const char *dev = xml_attribute(xml_child(x, "target"), "dev");
                virDomainInterfaceStatsStruct s;

                if (!dev || virDomainInterfaceStats(d.domain, dev, &s, sizeof s) < 0)
                        continue;
                put(all, dev, "_rx", s.rx_bytes);
                put(all, dev, "_rx_packets", s.rx_packets);
                put(all, dev, "_rx_errors", s.rx_errs);
                put(all, dev, "_rx_drop", s.rx_drop);
                put(all, dev, "_tx", s.tx_bytes);
                put(all, dev, "_tx_packets", s.tx_packets);
                put(all, dev, "_tx_errors", s.tx_errs);
                put(all, dev, "_tx_drop", s.tx_drop);
        }
        put_memory(&d, all);
        *ret = all;
        return all ? 0 : exception_set_errno(e, -ENOMEM, "The counters of a domain");
}

/* A versioned object 1.0 of Nova; steals @data. */
static json_t *object(const char *name, json_t *data) {
        return json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version", "1.0",
                         "nova_object.data", data);
}

static json_t *cpu_details(const Reading *d) {
        uint64_t times[CPUS_MAX];
        size_t n = cpu_times(d, times, CPUS_MAX);
        json_t *list = json_array();

        for (size_t k = 0; k < n; k++)
                (void) json_array_append_new(list, object("CpuDiagnostics", json_pack("{s:I, s:I, s:n}", "id", (json_int_t) k, "time",
                                                                                      (json_int_t) times[k], "utilisation")));
        return list;
}

static json_t *disk_details(const Reading *d) {
        json_t *list = json_array();

        for (const xmlNode *x = first_device(d, "disk"); x; x = xml_next(x, "disk")) {
                const char *dev = xml_attribute(xml_child(x, "target"), "dev");
                virDomainBlockStatsStruct s;

                if (dev && virDomainBlockStats(d->domain, dev, &s, sizeof s) >= 0)
                        (void) json_array_append_new(list, object("DiskDiagnostics",
                                json_pack("{s:I, s:I, s:I, s:I, s:I}", "read_bytes", (json_int_t) s.rd_bytes, "read_requests", (json_int_t) s.rd_req,
                                          "write_bytes", (json_int_t) s.wr_bytes, "write_requests", (json_int_t) s.wr_req, "errors_count",
                                          (json_int_t) s.errs)));
        }
        return list;
}

static json_t *nic_details(const Reading *d) {
        json_t *list = json_array();

        for (const xmlNode *x = first_device(d, "interface"); x; x = xml_next(x, "interface")) {
                const char *dev = xml_attribute(xml_child(x, "target"), "dev"), *mac = xml_attribute(xml_child(x, "mac"), "address");
                virDomainInterfaceStatsStruct s;

                if (!dev || !mac || virDomainInterfaceStats(d->domain, dev, &s, sizeof s) < 0)
                        continue;
                (void) json_array_append_new(list, object("NicDiagnostics",
                        json_pack("{s:s, s:I, s:I, s:I, s:I, s:n, s:I, s:I, s:I, s:I, s:n}", "mac_address", mac, "rx_octets", (json_int_t) s.rx_bytes,
                                  "rx_errors", (json_int_t) s.rx_errs, "rx_drop", (json_int_t) s.rx_drop, "rx_packets", (json_int_t) s.rx_packets,
                                  "rx_rate", "tx_octets", (json_int_t) s.tx_bytes, "tx_errors", (json_int_t) s.tx_errs, "tx_drop",
                                  (json_int_t) s.tx_drop, "tx_packets", (json_int_t) s.tx_packets, "tx_rate")));
        }
        return list;
}

static int libvirt_get_instance_diagnostics(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _cleanup_(reading_done) Reading d = {};
        const char *virt_type, *state;
        json_t *cpus, *disks, *nics;
        json_int_t uptime;
        int r;

        r = reading_begin(&d, driver, "get_instance_diagnostics", i, e);
        if (r < 0)
                return r;
        virt_type = xml_attribute(xmlDocGetRootElement(d.doc), "type");
        state = power_state_to_string(libvirt_power_state(d.info.state));
        uptime = i->launched_at > 0 ? (json_int_t) time(NULL) - (json_int_t) (i->launched_at / USEC_PER_SEC) : 0;
        cpus = cpu_details(&d);
        disks = disk_details(&d);
        nics = nic_details(&d);
        *ret = object("Diagnostics", json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
                "state", state, "driver", "libvirt", "hypervisor", strempty(virt_type), "hypervisor_os", "linux", "uptime", MAX(uptime, 0),
                "config_drive", instance_config_drive(i), "num_cpus", (json_int_t) json_array_size(cpus),
                "num_disks", (json_int_t) json_array_size(disks), "num_nics", (json_int_t) json_array_size(nics),
                "memory_details", object("MemoryDiagnostics", json_pack("{s:I, s:I}", "maximum", (json_int_t) (d.info.maxMem / 1024), "used",
                                                                        (json_int_t) (d.info.memory / 1024))),
                "cpu_details", cpus, "disk_details", disks, "nic_details", nics));
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The counters of a domain");
}

void libvirt_diagnostics_ops(ComputeDriverOps *ops) {
        ops->get_diagnostics = libvirt_get_diagnostics;
        ops->get_instance_diagnostics = libvirt_get_instance_diagnostics;
}

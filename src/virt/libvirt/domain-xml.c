#include "virt/libvirt/domain-private.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "basic/id.h"
#include "config.h"

#define CPUS_TEXT_MAX (NUMA_CPUS_MAX * 5)

/* libvirt makes files of it: no slash, no control characters. */
static int check_names(const Instance *i, NovaException *e) {
        if (!uuid_is_valid(strempty(i->uuid)))
                return exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %s.", strempty(i->uuid));
        if (isempty(i->name) || strlen(i->name) > 200 || strchr(i->name, '/') || streq(i->name, ".") || streq(i->name, ".."))
                return exception_setf(e, EXC_INVALID, "Instance %s: \"%s\" cannot be the name of a domain", i->uuid, strempty(i->name));
        for (const char *s = i->name; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        return exception_setf(e, EXC_INVALID, "Instance %s: its name holds a control character, which the name of a domain cannot", i->uuid);
        return 0;
}

static void write_sysinfo(XmlWriter *w, const DomainRequest *q) {
        const char *kind = q->options->sysinfo_serial, *uuid = q->instance->uuid;
        const char *serial = streq_ptr(kind, "none") ? NULL : !kind || streq(kind, "unique") ? uuid : q->host_uuid ?: uuid;

        xml_begin(w, "sysinfo", "type", "smbios");
        xml_begin(w, "system");
        xml_element(w, "OpenStack Foundation", "entry", "name", "manufacturer");
        xml_element(w, "OpenStack Nova", "entry", "name", "product");
        xml_element(w, PACKAGE_VERSION, "entry", "name", "version");
        if (serial)
                xml_element(w, serial, "entry", "name", "serial");
        xml_element(w, uuid, "entry", "name", "uuid");
        xml_element(w, "Virtual Machine", "entry", "name", "family");
        xml_end(w);
        xml_end(w);
}

const DomainDisk *domain_boot_disk(const DomainRequest *q, bool *ret_order) {
        const DomainDisk *boot = q->n_disks > 0 ? &q->disks[0] : NULL;

        *ret_order = false;
        for (size_t i = 0; i < q->n_disks; i++)
                if (q->disks[i].boot) {
                        boot = &q->disks[i];
                        break;
                }
        for (const DomainDisk *d = q->disks; boot && d < boot; d++)
                *ret_order = *ret_order || streq(d->device, boot->device);
        return boot;
}

static void write_kernel(XmlWriter *w, const DomainRequest *q) {
        const char *kernel = q->kept ? q->kept->kernel : q->kernel, *ramdisk = q->kept ? q->kept->ramdisk : q->ramdisk;
        const char *line = q->properties->command_line ?: q->kept ? q->kept->command_line : NULL;
        char own[256];

        snprintf(own, sizeof own, "root=%s console=tty0 console=ttyS0 console=hvc0", q->root_device ?: "/dev/vda");
        xml_element(w, kernel, "kernel");
        if (ramdisk)
                xml_element(w, ramdisk, "initrd");
        xml_element(w, line ?: own, "cmdline");
}

static void write_os(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;
        bool order;
        const DomainDisk *disk = domain_boot_disk(q, &order);

        xml_begin(w, "os", "firmware", p->firmware == FIRMWARE_UEFI ? "efi" : NULL);
        xml_element(w, "hvm", "type", "arch", p->arch, "machine", p->machine);
        if (p->secure_boot)
                xml_empty(w, "loader", "secure", "yes");
        else if (p->firmware == FIRMWARE_UEFI) {
                /* Else libvirt takes the first that it has, which may be one that refuses what nobody signed. */
                xml_begin(w, "firmware");
                xml_empty(w, "feature", "enabled", "no", "name", "secure-boot");
                xml_end(w);
        }
        if (q->kept ? q->kept->kernel : q->kernel)
                write_kernel(w, q);
        else if (q->kept && q->kept->boot)
                xml_empty(w, "boot", "dev", q->kept->boot);
        else if (!q->kept && !order)
                xml_empty(w, "boot", "dev", disk && streq(disk->device, "cdrom") ? "cdrom" : "hd");
        if (p->boot_menu)
                xml_empty(w, "bootmenu", "enable", "yes");
        xml_empty(w, "smbios", "mode", "sysinfo");
        xml_end(w);
}

static void write_features(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;
        bool kvm = streq(q->host->virt_type, "kvm");

        xml_begin(w, "features");
        if (p->isa_serial) {
                xml_empty(w, "acpi");
                xml_empty(w, "apic");
        } else
                xml_empty(w, "acpi");
        if (p->windows && kvm) {
                xml_begin(w, "hyperv");
                xml_empty(w, "relaxed", "state", "on");
                xml_empty(w, "vapic", "state", "on");
                xml_empty(w, "spinlocks", "state", "on", "retries", "8191");
                xml_empty(w, "vpindex", "state", "on");
                xml_empty(w, "runtime", "state", "on");
                xml_empty(w, "synic", "state", "on");
                xml_empty(w, "reset", "state", "on");
                xml_empty(w, "frequencies", "state", "on");
                xml_end(w);
        }
        if (p->hide_hypervisor && kvm) {
                xml_begin(w, "kvm");
                xml_empty(w, "hidden", "state", "on");
                xml_end(w);
        }
        if (p->has_pmu)
                xml_empty(w, "pmu", "state", p->no_pmu ? "off" : "on");
        if (p->secure_boot)
                xml_empty(w, "smm", "state", "on");
        xml_empty(w, "vmcoreinfo");
        xml_end(w);
}

static void write_clock(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;

        xml_begin(w, "clock", "offset", p->windows ? "localtime" : "utc");
        if (p->isa_serial) {
                xml_empty(w, "timer", "name", "pit", "tickpolicy", "delay");
                xml_empty(w, "timer", "name", "rtc", "tickpolicy", "catchup");
                xml_empty(w, "timer", "name", "hpet", "present", p->hpet ? "yes" : "no");
        }
        if (p->windows && streq(q->host->virt_type, "kvm"))
                xml_empty(w, "timer", "name", "hypervclock", "present", "yes");
        xml_end(w);
}

/* "0-3,8". */
static const char *cpus_text(const cpu_set_t *s, char *buf, size_t size) {
        size_t at = 0;

        *buf = '\0';
        for (size_t n = 0; n < NUMA_CPUS_MAX && at < size; n++) {
                size_t to = n;

                if (!CPU_ISSET(n, s))
                        continue;
                while (to + 1 < NUMA_CPUS_MAX && CPU_ISSET(to + 1, s))
                        to++;
                at += (size_t) (to > n ? snprintf(buf + at, size - at, "%s%zu-%zu", at > 0 ? "," : "", n, to)
                                       : snprintf(buf + at, size - at, "%s%zu", at > 0 ? "," : "", n));
                n = to;
        }
        return buf;
}

static void write_cells(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        char cpus[CPUS_TEXT_MAX];

        xml_begin(w, "numa");
        for (size_t n = 0; n < t->n; n++) {
                cpu_set_t all;

                CPU_OR(&all, &t->cells[n].cpus, &t->cells[n].pcpus);
                xml_empty(w, "cell", "id", XML_DECIMAL((int64_t) n), "cpus", cpus_text(&all, cpus, sizeof cpus), "memory",
                          XML_DECIMAL(t->cells[n].memory_mb * 1024), "memAccess", q->properties->page_kib > 0 ? "shared" : NULL);
        }
        xml_end(w);
}

static const HostCell *host_cell(const DomainRequest *q, int64_t id) {
        for (size_t n = 0; n < q->host->numa.n; n++)
                if (q->host->numa.cells[n].id == id)
                        return &q->host->numa.cells[n];
        return NULL;
}

/* Of a host that keeps CPUs for floating guests: these, wherever they are. */
static void share_cpus(const DomainRequest *q, cpu_set_t *ret) {
        cpu_set_t shared;
        bool apart = false;

        CPU_ZERO(&shared);
        for (size_t n = 0; n < q->host->numa.n; n++) {
                CPU_OR(&shared, &shared, &q->host->numa.cells[n].cpus);
                apart |= !CPU_EQUAL(&q->host->numa.cells[n].cpus, &q->host->numa.cells[n].pcpus);
        }
        if (apart && CPU_COUNT(&shared) > 0)
                *ret = shared;
}

/* What each vCPU may run on: the host's CPU that is its own, or all that are for floating ones on its node. The emulator runs on all of
 * them, or where it was given CPUs on these. Nothing on a host that told no nodes when it was claimed. */
static void write_pins(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        char text[CPUS_TEXT_MAX];
        cpu_set_t all;

        CPU_ZERO(&all);
        for (size_t n = 0; n < t->n; n++)
                for (size_t vcpu = 0; vcpu < NUMA_CPUS_MAX; vcpu++) {
                        const GuestCell *c = &t->cells[n];
                        const HostCell *h = host_cell(q, c->id);
                        cpu_set_t on;

                        CPU_ZERO(&on);
                        if (CPU_ISSET(vcpu, &c->pcpus) && c->pins[vcpu] >= 0)
                                CPU_SET((size_t) c->pins[vcpu], &on);
                        else if (CPU_ISSET(vcpu, &c->cpus) && h)
                                on = h->cpus;
                        else
                                continue;
                        CPU_OR(&all, &all, &on);
                        if (CPU_COUNT(&on) > 0)
                                xml_empty(w, "vcpupin", "vcpu", XML_DECIMAL((int64_t) vcpu), "cpuset", cpus_text(&on, text, sizeof text));
                }
        if (t->n > 0 && t->cells[0].has_reserved)
                all = t->cells[0].reserved;
        else if (t->emulator == NUMA_EMULATOR_SHARE)
                share_cpus(q, &all);
        if (CPU_COUNT(&all) > 0)
                xml_empty(w, "emulatorpin", "cpuset", cpus_text(&all, text, sizeof text));
}

static void write_memory_places(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        char text[CPUS_TEXT_MAX];
        cpu_set_t nodes;

        CPU_ZERO(&nodes);
        for (size_t n = 0; n < t->n; n++)
                if (!host_cell(q, t->cells[n].id) || t->cells[n].id < 0 || t->cells[n].id >= NUMA_CPUS_MAX)
                        return;
                else
                        CPU_SET((size_t) t->cells[n].id, &nodes);
        xml_begin(w, "numatune");
        xml_empty(w, "memory", "mode", "strict", "nodeset", cpus_text(&nodes, text, sizeof text));
        for (size_t n = 0; n < t->n; n++)
                xml_empty(w, "memnode", "cellid", XML_DECIMAL((int64_t) n), "mode", "strict", "nodeset", XML_DECIMAL(t->cells[n].id));
        xml_end(w);
}

/* The CPUs of a cell: "0-3". */
static void write_numa(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        const int64_t n = q->properties->numa_nodes, each = q->instance->vcpus / MAX(n, 1);

        if (t->n > 0) {
                write_cells(w, q, t);
                return;
        }
        if (n == 0)
                return;
        xml_begin(w, "numa");
        for (int64_t k = 0; k < n; k++) {
                char cpus[64];

                if (each == 1)
                        snprintf(cpus, sizeof cpus, "%" PRId64, k);
                else
                        snprintf(cpus, sizeof cpus, "%" PRId64 "-%" PRId64, k * each, (k + 1) * each - 1);
                xml_empty(w, "cell", "id", XML_DECIMAL(k), "cpus", cpus, "memory", XML_DECIMAL(q->instance->memory_mb * 1024 / n), "memAccess",
                          q->properties->page_kib > 0 ? "shared" : NULL);
        }
        xml_end(w);
}

static void write_cpu(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        const GuestProperties *p = q->properties;
        const char *mode = q->options->cpu_mode ?: streq(q->host->virt_type, "kvm") ? "host-model" : "none";
        bool none = streq(mode, "none"), custom = streq(mode, "custom");

        xml_begin(w, "cpu", "mode", none ? NULL : mode, "match", none || streq(mode, "host-passthrough") ? NULL : "exact");
        if (custom)
                xml_element(w, q->options->cpu_models[0], "model");
        xml_empty(w, "topology", "sockets", XML_DECIMAL(p->sockets), "cores", XML_DECIMAL(p->cores), "threads", XML_DECIMAL(p->threads));
        for (char **f = q->options->cpu_flags; !none && *f; f++)
                xml_empty(w, "feature", "policy", **f == '-' ? "disable" : "require", "name", **f == '-' || **f == '+' ? *f + 1 : *f);
        write_numa(w, q, t);
        xml_end(w);
}

static void write_tuning(XmlWriter *w, const DomainRequest *q, const GuestTopology *t) {
        const GuestProperties *p = q->properties;

        if (p->cpu_shares > 0 || p->cpu_period > 0 || p->cpu_quota > 0 || (t->n > 0 && q->host->numa.n > 0)) {
                xml_begin(w, "cputune");
                if (p->cpu_shares > 0)
                        xml_element(w, XML_DECIMAL(p->cpu_shares), "shares");
                if (p->cpu_quota > 0)
                        xml_element(w, XML_DECIMAL(p->cpu_quota), "quota");
                if (p->cpu_period > 0)
                        xml_element(w, XML_DECIMAL(p->cpu_period), "period");
                write_pins(w, q, t);
                xml_end(w);
        }
        if (t->n > 0)
                write_memory_places(w, q, t);
        if (p->page_kib > 0 || p->locked_memory) {
                xml_begin(w, "memoryBacking");
                if (p->page_kib > 0) {
                        xml_begin(w, "hugepages");
                        xml_empty(w, "page", "size", XML_DECIMAL((int64_t) p->page_kib), "unit", "KiB");
                        xml_end(w);
                }
                if (p->locked_memory) {
                        xml_empty(w, "nosharepages");
                        xml_empty(w, "locked");
                }
                xml_end(w);
        }
}

static int write_domain(XmlWriter *w, const DomainRequest *q, NovaException *e) {
        _cleanup_(guest_topology_done) GuestTopology topology = {};
        int r;

        r = guest_topology_read(q->instance->numa_topology, &topology, e);
        if (r < 0)
                return r;
        xml_begin(w, "domain", "type", q->host->virt_type);
        xml_element(w, q->instance->uuid, "uuid");
        xml_element(w, q->instance->name, "name");
        xml_element(w, XML_DECIMAL(q->instance->memory_mb * 1024), "memory");
        xml_element(w, XML_DECIMAL(q->instance->vcpus), "vcpu");
        xml_begin(w, "metadata");
        domain_write_metadata(w, q);
        xml_end(w);
        write_sysinfo(w, q);
        write_os(w, q);
        write_tuning(w, q, &topology);
        write_features(w, q);
        write_clock(w, q);
        write_cpu(w, q, &topology);
        r = domain_write_devices(w, q, e);
        xml_end(w);
        return r;
}

int domain_xml(const DomainRequest *q, char **ret, NovaException *e) {
        XmlWriter w;
        int r;

        r = check_names(q->instance, e);
        if (r < 0)
                return r;
        if (xml_writer_init(&w) < 0)
                return exception_set_errno(e, -ENOMEM, "The description of a domain");
        r = write_domain(&w, q, e);
        if (r >= 0 && xml_writer_finish(&w, ret) < 0)
                r = exception_set_errno(e, -ENOMEM, "The description of a domain");
        xml_writer_done(&w);
        return r;
}

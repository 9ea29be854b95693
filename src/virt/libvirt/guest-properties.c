#include "virt/libvirt/guest-properties.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "objects/numa.h"
#include "virt/libvirt/xml.h"

#define NUMBER_MAX (INT64_MAX / 4096)

typedef enum ValueKind { TEXT, BOOL, NUMBER, CHOICE } ValueKind;

/* The image properties of Nova that have a type which can be wrong. */
static const struct {
        const char *name;
        ValueKind kind;
        const char *choices;            /* each between blanks */
} properties[] = {
        { "hw_boot_menu", BOOL, NULL },
        { "hw_cdrom_bus", CHOICE, " fdc ide sata scsi usb virtio xen lxc uml rbd " },
        { "hw_cpu_cores", NUMBER, NULL },
        { "hw_cpu_sockets", NUMBER, NULL },
        { "hw_cpu_threads", NUMBER, NULL },
        { "hw_cpu_max_cores", NUMBER, NULL },
        { "hw_cpu_max_sockets", NUMBER, NULL },
        { "hw_cpu_max_threads", NUMBER, NULL },
        { "hw_cpu_policy", CHOICE, " dedicated shared mixed " },
        { "hw_cpu_thread_policy", CHOICE, " prefer isolate require " },
        { "hw_disk_bus", CHOICE, " fdc ide sata scsi usb virtio xen lxc uml rbd " },
        { "hw_firmware_type", CHOICE, " bios uefi " },
        { "hw_floppy_bus", CHOICE, " fdc ide sata scsi usb virtio xen lxc uml rbd " },
        { "hw_input_bus", CHOICE, " usb virtio " },
        { "hw_ipxe_boot", BOOL, NULL },
        { "hw_mem_encryption", BOOL, NULL },
        { "hw_numa_nodes", NUMBER, NULL },
        { "hw_pmu", BOOL, NULL },
        { "hw_pointer_model", CHOICE, " usbtablet " },
        { "hw_qemu_guest_agent", BOOL, NULL },
        { "hw_rescue_bus", CHOICE, " fdc ide sata scsi usb virtio xen lxc uml rbd " },
        { "hw_rescue_device", CHOICE, " cdrom disk floppy " },
        { "hw_rng_model", CHOICE, " virtio " },
        { "hw_scsi_model", CHOICE, " buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 virtio-scsi vmpvscsi " },
        { "hw_time_hpet", BOOL, NULL },
        { "hw_tpm_model", CHOICE, " tpm-tis tpm-crb " },
        { "hw_tpm_version", CHOICE, " 1.2 2.0 " },
        { "hw_video_model", CHOICE, " cirrus gop none qxl vga virtio vmvga xen bochs " },
        { "hw_video_ram", NUMBER, NULL },
        { "hw_vif_model", CHOICE, " e1000 e1000e lan9118 ne2k_pci netfront pcnet rtl8139 spapr-vlan sriov virtio VirtualE1000 VirtualE1000e "
          "VirtualPCNet32 VirtualSriovEthernetCard VirtualVmxnet VirtualVmxnet3 vmxnet3 igb " },
        { "hw_vif_multiqueue_enabled", BOOL, NULL },
        { "img_config_drive", CHOICE, " optional mandatory " },
        { "img_hide_hypervisor_id", BOOL, NULL },
        { "os_require_quiesce", BOOL, NULL },
        { "os_secure_boot", CHOICE, " optional required disabled " },
        { "os_skip_agent_inject_at_boot", BOOL, NULL },
        { "os_type", CHOICE, " linux windows " },
};

const char *guest_image_property(const Instance *i, const json_t *image_meta, const char *name) {
        const char *value = json_member_string(json_object_get(image_meta, "properties"), name);

        return value ?: instance_image_property(i, name);
}

/* As oslo's strutils: 1 or 0; -EINVAL. */
static int boolean(const char *s) {
        static const char *const yes[] = { "1", "t", "true", "on", "y", "yes" }, *const no[] = { "0", "f", "false", "off", "n", "no" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(s, yes[i]) == 0)
                        return 1;
                if (strcasecmp(s, no[i]) == 0)
                        return 0;
        }
        return -EINVAL;
}

/* @s among @choices, as the constant there is not: its end is a blank. */
static bool is_choice(const char *choices, const char *s) {
        const size_t n = strlen(s);

        if (n == 0 || strchr(s, ' '))
                return false;
        for (const char *p = choices; (p = strstr(p, s)); p++)
                if (p[-1] == ' ' && p[n] == ' ')
                        return true;
        return false;
}

static int check_types(const Instance *i, const json_t *image_meta, NovaException *e) {
        for (size_t p = 0; p < ELEMENTSOF(properties); p++) {
                const char *value = guest_image_property(i, image_meta, properties[p].name);
                uint64_t n;
                bool good = true;

                if (!value)
                        continue;
                switch (properties[p].kind) {
                case BOOL: good = boolean(value) >= 0; break;
                case NUMBER: good = xml_number(value, &n) && n <= NUMBER_MAX; break;
                case CHOICE: good = is_choice(properties[p].choices, value); break;
                case TEXT: break;
                }
                if (!good)
                        return exception_setf(e, EXC_VALUE_ERROR, "Field value %s is invalid (image property %s%s%s)", value, properties[p].name,
                                              properties[p].kind == CHOICE ? ": one of" : properties[p].kind == BOOL ? ": true or false" : ": a number",
                                              strempty(properties[p].choices));
        }
        return 0;
}

/* The reading of one instance's wishes. */
typedef struct Wishes {
        const Instance *i;
        const json_t *image_meta;
        const GuestHost *host;
        NovaException *e;
} Wishes;

static const char *property(const Wishes *w, const char *name) {
        return guest_image_property(w->i, w->image_meta, name);
}

static bool property_is(const Wishes *w, const char *name) {
        return boolean(property(w, name) ?: "0") > 0;
}

/* Checked before: NUMBER properties are numbers. */
static int64_t property_number(const Wishes *w, const char *name, int64_t otherwise) {
        uint64_t n;

        return xml_number(property(w, name), &n) ? (int64_t) n : otherwise;
}

/* An extra spec that is a boolean. 1 or 0 (also when absent: @otherwise); -EINVAL. */
static int spec_boolean(const Wishes *w, const char *name, bool otherwise) {
        const char *value = instance_extra_spec(w->i, name);
        int r = value ? boolean(value) : otherwise;

        return r >= 0 ? r : exception_setf(w->e, EXC_INVALID, "Flavor extra spec %s = %s is invalid: true or false", name, value);
}

/* An extra spec that is a number in a range; @ret is left as it is when absent. */
static int spec_number(const Wishes *w, const char *name, int64_t min, int64_t max, int64_t *ret) {
        const char *value = instance_extra_spec(w->i, name);
        uint64_t n;

        if (!value)
                return 0;
        if (!xml_number(value, &n) || n > (uint64_t) max || (int64_t) n < min)
                return exception_setf(w->e, EXC_INVALID, "Flavor extra spec %s = %s is invalid: a number from %lld to %lld", name, value,
                                      (long long) min, (long long) max);
        *ret = (int64_t) n;
        return 0;
}

static bool is_machine(const char *s) {
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

        return n > 0 && n < 64 && s[n] == '\0';
}

static int read_machine(const Wishes *w, const char *const *machine_types, GuestProperties *p) {
        const char *wanted = property(w, "hw_architecture"), *machine = property(w, "hw_machine_type");

        p->arch = w->host->arch;
        if (wanted && !streq(wanted, p->arch)) {
                if (streq(wanted, "i686") && streq(p->arch, "x86_64"))
                        p->arch = "i686";
                else
                        return exception_setf(w->e, EXC_INVALID_ARCHITECTURE_NAME, "Architecture name '%s' is not supported on this host (%s)", wanted,
                                              p->arch);
        }
        for (size_t k = 0; !machine && machine_types && machine_types[k]; k++) {
                const char *rest = startswith(machine_types[k], p->arch);

                if (rest && *rest == '=')
                        machine = rest + 1;
        }
        if (!machine)
                machine = streq(p->arch, "x86_64") || streq(p->arch, "i686") ? "pc"
                        : streq(p->arch, "aarch64") || streq(p->arch, "armv7l") ? "virt"
                        : streq(p->arch, "s390x") ? "s390-ccw-virtio" : NULL;
        if (machine && !is_machine(machine))
                return exception_setf(w->e, EXC_INVALID, "Machine type '%s' is invalid", machine);
        p->machine = machine;
        p->q35 = machine && strstr(machine, "q35");
        return 0;
}

static int read_firmware(const Wishes *w, GuestProperties *p) {
        const char *type = property(w, "hw_firmware_type"), *secure = property(w, "os_secure_boot") ?: instance_extra_spec(w->i, "os:secure_boot");

        p->firmware = streq_ptr(type, "uefi") ? FIRMWARE_UEFI : FIRMWARE_BIOS;
        if (p->firmware == FIRMWARE_UEFI && !w->host->has_uefi)
                return exception_setf(w->e, EXC_UEFI_NOT_SUPPORTED, "UEFI is not supported");
        if (streq_ptr(secure, "required")) {
                if (p->firmware != FIRMWARE_UEFI || !p->q35)
                        return exception_setf(w->e, EXC_INVALID, "Secure Boot is not supported by host: it needs hw_firmware_type uefi and a machine of q35");
                p->secure_boot = true;
        }
        if (property(w, "hw_tpm_version") || instance_extra_spec(w->i, "hw:tpm_version"))
                return exception_setf(w->e, EXC_INVALID, "vTPM support is not enabled on this host");
        if (property_is(w, "hw_mem_encryption"))
                return exception_setf(w->e, EXC_INVALID, "Memory encryption of guests is not supported by this host");
        return 0;
}

static int unsupported(const Wishes *w, const char *model) {
        int r = exception_setf(w->e, EXC_UNSUPPORTED_HARDWARE, "Requested hardware '%s' is not supported by the '%s' virt driver", model,
                               w->host->virt_type);

        exception_kwarg(w->e, "model", json_string(model));
        exception_kwarg(w->e, "virt", json_string(w->host->virt_type));
        return r;
}

static int read_devices(const Wishes *w, bool tablet, GuestProperties *p) {
        const char *video = property(w, "hw_video_model");
        int64_t most = 0;
        int r;

        p->disk_bus = property(w, "hw_disk_bus") ?: "virtio";
        if (!is_choice(" virtio scsi sata ide usb fdc ", p->disk_bus))
                return unsupported(w, p->disk_bus);
        p->cdrom_bus = property(w, "hw_cdrom_bus") ?: p->q35 ? "sata" : streq(p->arch, "x86_64") || streq(p->arch, "i686") ? "ide" : "scsi";
        if (!is_choice(" virtio scsi sata ide usb ", p->cdrom_bus) || (p->q35 && streq(p->cdrom_bus, "ide")))
                return unsupported(w, p->cdrom_bus);
        p->scsi_model = property(w, "hw_scsi_model") ?: "virtio-scsi";
        p->rescue_bus = property(w, "hw_rescue_bus");
        p->rescue_device = property(w, "hw_rescue_device");

        p->vif_model = property(w, "hw_vif_model");
        if (p->vif_model && !is_choice(" virtio ne2k_pci pcnet rtl8139 e1000 e1000e lan9118 vmxnet3 igb ", p->vif_model))
                return unsupported(w, p->vif_model);
        p->vif_multiqueue = property_is(w, "hw_vif_multiqueue_enabled") && w->i->vcpus > 1;

        if (video && is_choice(" xen vmvga gop ", video))
                return unsupported(w, video);
        p->video_model = video;
        r = spec_number(w, "hw_video:ram_max_mb", 0, 1 << 20, &most);
        if (r < 0)
                return r;
        p->video_ram_mb = property_number(w, "hw_video_ram", 0);
        if (p->video_ram_mb > most) {
                r = exception_setf(w->e, EXC_REQUESTED_VRAM_TOO_HIGH,
                                   "The requested amount of video memory %lld is higher than the maximum allowed by flavor %lld.",
                                   (long long) p->video_ram_mb, (long long) most);
                exception_kwarg(w->e, "req_vram", json_integer(p->video_ram_mb));
                exception_kwarg(w->e, "max_vram", json_integer(most));
                return r;
        }
        p->input_virtio = streq_ptr(property(w, "hw_input_bus"), "virtio");
        p->tablet = tablet || property(w, "hw_pointer_model") || property(w, "hw_input_bus");

        r = spec_boolean(w, "hw_rng:allowed", true);
        if (r < 0)
                return r;
        p->rng = r > 0;
        r = spec_number(w, "hw_rng:rate_bytes", 0, INT32_MAX, &p->rng_bytes);
        if (r >= 0)
                r = spec_number(w, "hw_rng:rate_period", 0, INT32_MAX, &p->rng_period);
        p->agent = property_is(w, "hw_qemu_guest_agent");
        return r;
}

static int read_watchdog(const Wishes *w, GuestProperties *p) {
        const char *action = property(w, "hw_watchdog_action") ?: instance_extra_spec(w->i, "hw:watchdog_action");

        if (!action || streq(action, "disabled"))
                return 0;
        if (!is_choice(" none pause poweroff reset ", action))
                return exception_setf(w->e, EXC_INVALID_WATCHDOG_ACTION, "Provided watchdog action (%s) is not supported.", action);
        p->watchdog = action;
        return 0;
}

static int read_serial_ports(const Wishes *w, GuestProperties *p) {
        const char *of_flavor = instance_extra_spec(w->i, "hw:serial_port_count"), *of_image = property(w, "hw_serial_port_count");
        uint64_t most = 1, n;

        if (of_flavor && (!xml_number(of_flavor, &most) || most > 4))
                return exception_setf(w->e, EXC_IMAGE_SERIAL_PORT_NUMBER_INVALID,
                                      "Number of serial ports specified in flavor is invalid: expected an integer, got '%s'", of_flavor);
        n = most;
        if (of_image && (!xml_number(of_image, &n) || n > 4))
                return exception_setf(w->e, EXC_IMAGE_SERIAL_PORT_NUMBER_INVALID,
                                      "Number of serial ports specified in image is invalid: expected an integer, got '%s'", of_image);
        if (of_flavor && n > most)
                return exception_setf(w->e, EXC_IMAGE_SERIAL_PORT_NUMBER_EXCEED_FLAVOR_VALUE,
                                      "Forbidden to exceed flavor value of number of serial ports passed in image meta.");
        p->serial_ports = (int64_t) n;
        return 0;
}

/* One bound or wish of the topology: the flavor's, else the image's; @limit says which of them may not be more than the other. */
static int topology_number(const Wishes *w, const char *what, bool limit, int64_t otherwise, int64_t *ret) {
        char spec[40], name[40];
        int64_t of_flavor = 0, of_image;
        int r;

        snprintf(spec, sizeof spec, "hw:cpu_%s%s", limit ? "max_" : "", what);
        snprintf(name, sizeof name, "hw_cpu_%s%s", limit ? "max_" : "", what);
        r = spec_number(w, spec, 1, 65536, &of_flavor);
        if (r < 0)
                return r;
        of_image = property_number(w, name, 0);
        if (limit && of_flavor > 0 && of_image > of_flavor)
                return exception_setf(w->e, EXC_IMAGE_VCPU_LIMITS_RANGE_EXCEEDED,
                                      "Image vCPU topology limits (%s=%lld) exceeds the limits of the flavor (%s=%lld)", what, (long long) of_image, what,
                                      (long long) of_flavor);
        *ret = limit && of_image > 0 ? of_image : of_flavor > 0 ? of_flavor : of_image > 0 ? of_image : otherwise;
        return 0;
}

/* Of all ways to make so many CPUs the one that fulfils most wishes; then with the fewest threads; then the most sockets. */
static int read_topology(const Wishes *w, GuestProperties *p) {
        static const char *const names[] = { "sockets", "cores", "threads" };
        int64_t max[3], want[3], best[3] = {}, vcpus = w->i->vcpus;
        int best_score = -1, r;

        if (vcpus < 1 || vcpus > 65536)
                return exception_setf(w->e, EXC_INVALID, "A guest of %lld vCPUs cannot be", (long long) vcpus);
        for (size_t k = 0; k < 3; k++) {
                r = topology_number(w, names[k], true, 65536, &max[k]);
                if (r >= 0)
                        r = topology_number(w, names[k], false, 0, &want[k]);
                if (r < 0)
                        return r;
                if (want[k] > max[k])
                        return exception_setf(w->e, EXC_IMAGE_VCPU_TOPOLOGY_RANGE_EXCEEDED,
                                              "Image vCPU topology (%s=%lld) exceeds the limits of the flavor or image (%s=%lld)", names[k],
                                              (long long) want[k], names[k], (long long) max[k]);
        }
        for (int64_t s = 1; s <= MIN(vcpus, max[0]); s++)
                for (int64_t c = 1; vcpus % s == 0 && c <= MIN(vcpus / s, max[1]); c++) {
                        const int64_t t = vcpus / s / c;
                        int score;

                        if (vcpus / s % c != 0 || t > max[2])
                                continue;
                        score = (want[0] == s) + (want[1] == c) + (want[2] == t);
                        if (score > best_score || (score == best_score && (t < best[2] || (t == best[2] && s > best[0])))) {
                                best_score = score;
                                best[0] = s;
                                best[1] = c;
                                best[2] = t;
                        }
                }
        if (best_score < 0)
                return exception_setf(w->e, EXC_IMAGE_VCPU_LIMITS_RANGE_IMPOSSIBLE,
                                      "Requested vCPU limits %lld:%lld:%lld are impossible to satisfy for vcpus count %lld", (long long) max[0],
                                      (long long) max[1], (long long) max[2], (long long) vcpus);
        p->sockets = best[0];
        p->cores = best[1];
        p->threads = best[2];
        return 0;
}

static int read_pages(const Wishes *w, GuestProperties *p) {
        const char *of_flavor = instance_extra_spec(w->i, "hw:mem_page_size"), *of_image = property(w, "hw_mem_page_size");
        const char *said = of_image ?: of_flavor;
        int64_t flavor = of_flavor ? numa_page_size(of_flavor) : -1, size = said ? numa_page_size(said) : -1;
        const uint64_t *sizes = w->host->page_sizes_kib, memory = (uint64_t) w->i->memory_mb * 1024;
        uint64_t found = 0;

        if (!said)
                return 0;
        if (flavor == 0 || size == 0)
                return exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_INVALID, "Invalid memory page size '%s'", flavor == 0 ? of_flavor : said);
        if (of_image && flavor != -2 && flavor != -3)
                return exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_FORBIDDEN, "Page size %s forbidden against '%s'", of_image, of_flavor ?: "small");
        if (size == -1 || size == -3)           /* small; any: the smallest will do */
                return 0;
        for (size_t k = 0; k < PAGE_SIZES_MAX && sizes[k] > 0; k++)
                if (memory % sizes[k] == 0 && (size == -2 ? k > 0 : sizes[k] == (uint64_t) size))
                        found = sizes[k];
        if (found == 0)
                return exception_setf(w->e, EXC_MEMORY_PAGE_SIZE_NOT_SUPPORTED, "Page size %s is not supported by the host.", said);
        if (found != sizes[0]) {
                p->page_kib = found;
                p->numa_nodes = 1;
        }
        return 0;
}

/* What the claim has settled for it. */
static int read_settled(const Wishes *w, const GuestTopology *t, GuestProperties *p) {
        const uint64_t *sizes = w->host->page_sizes_kib;

        if (!guest_topology_is_pinned(t))
                return exception_setf(w->e, EXC_INVALID, "Instance %s wants CPUs of its own, and was given none", strempty(w->i->uuid));
        p->numa_nodes = (int64_t) t->n;
        for (size_t n = 0; n < t->n; n++)
                if (t->cells[n].page_kib > 0 && (uint64_t) t->cells[n].page_kib != sizes[0])
                        p->page_kib = (uint64_t) t->cells[n].page_kib;
        return spec_boolean(w, "hw:locked_memory", false);
}

static int read_placement(const Wishes *w, GuestProperties *p) {
        _cleanup_(guest_topology_done) GuestTopology topology = {};
        const char *policy = instance_extra_spec(w->i, "hw:cpu_policy") ?: property(w, "hw_cpu_policy");
        int64_t nodes = 0;
        int r;

        r = spec_boolean(w, "hw:cpu_realtime", false);
        if (r > 0 || instance_extra_spec(w->i, "hw:pmem"))
                return exception_setf(w->e, EXC_INVALID, "Instance %s wants %s, which is not supported by this host", strempty(w->i->uuid),
                                      r > 0 ? "real time CPUs (hw:cpu_realtime)" : "persistent memory (hw:pmem)");
        if (r >= 0)
                r = guest_topology_read(w->i->numa_topology, &topology, w->e);
        if (r > 0) {
                r = read_settled(w, &topology, p);
                p->locked_memory = r > 0;
        }
        if (r != 0 || p->numa_nodes > 0)
                return MIN(r, 0);
        if (policy && !streq(policy, "shared"))
                return exception_setf(w->e, EXC_INVALID, "Instance %s wants the CPU policy '%s': guests with CPUs of their own are not supported by this host",
                                      strempty(w->i->uuid), policy);
        r = read_pages(w, p);
        if (r >= 0)
                r = spec_number(w, "hw:numa_nodes", 1, 64, &nodes);
        if (r < 0)
                return r;
        if (nodes == 0)
                nodes = property_number(w, "hw_numa_nodes", 0);
        if (nodes > 0 && (w->i->vcpus % nodes != 0 || w->i->memory_mb % nodes != 0))
                return exception_setf(w->e, EXC_INVALID, "%lld NUMA nodes for %lld vCPUs and %lld MiB: they cannot be equal", (long long) nodes,
                                      (long long) w->i->vcpus, (long long) w->i->memory_mb);
        if (nodes > 0)
                p->numa_nodes = nodes;
        r = spec_boolean(w, "hw:locked_memory", false);
        if (r > 0 && p->numa_nodes == 0)
                return exception_setf(w->e, EXC_INVALID, "hw:locked_memory needs hw:mem_page_size");
        p->locked_memory = r > 0;
        return r;
}

static int read_quotas(const Wishes *w, GuestProperties *p) {
        const struct {
                const char *name;
                int64_t min, max, *ret;
        } quotas[] = {
                { "quota:cpu_shares", 2, 262144, &p->cpu_shares },
                { "quota:cpu_period", 1000, 1000000, &p->cpu_period },
                { "quota:cpu_quota", 1000, INT64_MAX / 1000, &p->cpu_quota },
                { "quota:disk_read_bytes_sec", 0, NUMBER_MAX, &p->disk_read_bytes },
                { "quota:disk_read_iops_sec", 0, NUMBER_MAX, &p->disk_read_iops },
                { "quota:disk_write_bytes_sec", 0, NUMBER_MAX, &p->disk_write_bytes },
                { "quota:disk_write_iops_sec", 0, NUMBER_MAX, &p->disk_write_iops },
                { "quota:disk_total_bytes_sec", 0, NUMBER_MAX, &p->disk_total_bytes },
                { "quota:disk_total_iops_sec", 0, NUMBER_MAX, &p->disk_total_iops },
                { "quota:vif_inbound_average", 0, INT32_MAX, &p->vif_in_average },
                { "quota:vif_inbound_peak", 0, INT32_MAX, &p->vif_in_peak },
                { "quota:vif_inbound_burst", 0, INT32_MAX, &p->vif_in_burst },
                { "quota:vif_outbound_average", 0, INT32_MAX, &p->vif_out_average },
                { "quota:vif_outbound_peak", 0, INT32_MAX, &p->vif_out_peak },
                { "quota:vif_outbound_burst", 0, INT32_MAX, &p->vif_out_burst },
        };

        for (size_t k = 0; k < ELEMENTSOF(quotas); k++) {
                int r = spec_number(w, quotas[k].name, quotas[k].min, quotas[k].max, quotas[k].ret);

                if (r < 0)
                        return r;
        }
        return 0;
}

int guest_properties_read(GuestProperties *ret, const Instance *i, const json_t *image_meta, const GuestHost *host,
                          const char *const *machine_types, bool tablet, NovaException *e) {
        const Wishes w = { .i = i, .image_meta = image_meta, .host = host, .e = e };
        GuestProperties p = {};
        int r;

        if (i->memory_mb < 1 || i->memory_mb > NUMBER_MAX)
                return exception_setf(e, EXC_INVALID, "A guest with %lld MiB of memory cannot be", (long long) i->memory_mb);
        r = check_types(i, image_meta, e);
        if (r >= 0)
                r = read_machine(&w, machine_types, &p);
        if (r >= 0)
                r = read_firmware(&w, &p);
        if (r >= 0)
                r = read_devices(&w, tablet, &p);
        if (r >= 0)
                r = read_watchdog(&w, &p);
        if (r >= 0)
                r = read_serial_ports(&w, &p);
        if (r >= 0)
                r = read_topology(&w, &p);
        if (r >= 0)
                r = read_placement(&w, &p);
        if (r >= 0)
                r = read_quotas(&w, &p);
        if (r >= 0)
                r = spec_boolean(&w, "hw:boot_menu", property_is(&w, "hw_boot_menu"));
        if (r < 0)
                return r;
        p.boot_menu = r > 0;

        p.windows = streq_ptr(property(&w, "os_type") ?: i->os_type, "windows");
        r = spec_boolean(&w, "hide_hypervisor_id", property_is(&w, "img_hide_hypervisor_id"));
        if (r < 0)
                return r;
        p.hide_hypervisor = r > 0;
        p.has_pmu = property(&w, "hw_pmu") || instance_extra_spec(i, "hw:pmu");
        r = spec_boolean(&w, "hw:pmu", property_is(&w, "hw_pmu"));
        if (r < 0)
                return r;
        p.no_pmu = p.has_pmu && r == 0;
        p.hpet = property_is(&w, "hw_time_hpet");
        p.isa_serial = streq(p.arch, "x86_64") || streq(p.arch, "i686");
        p.command_line = property(&w, "os_command_line");
        *ret = p;
        return 0;
}

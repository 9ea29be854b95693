/* Which disks an instance has, at which bus and under which name (zed 6.6). See disk-private.h. */
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "objects/instance-object.h"
#include "virt/libvirt/disk-private.h"

#define LETTERS 26
#define EPHEMERALS_MAX 20

static const struct {
        const char *bus, *prefix;
} buses[] = {
        { "virtio", "vd" }, { "scsi", "sd" }, { "sata", "sd" }, { "usb", "sd" }, { "ide", "hd" }, { "fdc", "fd" }, { "xen", "xvd" },
};

const char *disk_bus_prefix(const char *bus) {
        for (size_t i = 0; i < ELEMENTSOF(buses); i++)
                if (streq(buses[i].bus, strempty(bus)))
                        return buses[i].prefix;
        return NULL;
}

/* The part of a device's name that libvirt knows: "/dev/vda" and "vda" are "vda"; "vda1" too. */
static void plain_name(const char *device, char *name, size_t size) {
        const char *rest = startswith(device, "/dev/") ?: device;

        (void) snprintf(name, size, "%.*s", (int) MIN(strcspn(rest, "0123456789"), size - 1), rest);
}

void disk_plan_done(DiskPlan *p) {
        disk_set_done(&p->set);
}

typedef struct Names {
        char taken[64][16];
        size_t n;
} Names;

static bool is_taken(const Names *names, const char *name) {
        for (size_t i = 0; i < names->n; i++)
                if (streq(names->taken[i], name))
                        return true;
        return false;
}

static void take(Names *names, const char *device) {
        if (!isempty(device) && names->n < ELEMENTSOF(names->taken))
                plain_name(device, names->taken[names->n++], sizeof names->taken[0]);
}

/* @wish if it fits the bus, else the first letter that is free. */
static int choose(Names *names, const char *bus, const char *wish, char name[static 16], NovaException *e) {
        const char *prefix = disk_bus_prefix(bus);

        if (!isempty(wish)) {
                plain_name(wish, name, 16);
                if (startswith(name, prefix) && strlen(name) == strlen(prefix) + 1 && name[strlen(prefix)] >= 'a' && name[strlen(prefix)] <= 'z') {
                        if (!is_taken(names, name))
                                take(names, name);
                        return 0;
                }
        }
        for (int letter = 0; letter < LETTERS; letter++) {
                (void) snprintf(name, 16, "%s%c", prefix, 'a' + letter);
                if (!is_taken(names, name)) {
                        take(names, name);
                        return 0;
                }
        }
        return exception_setf(e, EXC_NOVA, "No free disk device names for prefix '%s'", prefix);
}

/* Adds a disk; its place in the set, or -errno. */
static int add(DiskPlan *p, Names *names, const char *name, const char *suffix, const char *device, const char *bus, const char *wish, NovaException *e) {
        DiskSet *set = &p->set;
        char target[16];
        Disk *more, *d;
        int r;

        if (!disk_bus_prefix(bus)) {
                bool ours = !exception_is_set(e);

                r = exception_setf(e, EXC_UNSUPPORTED_HARDWARE, "Requested hardware '%.50s' is not supported by the 'kvm' virt driver", bus);
                if (ours)
                        exception_kwarg(e, "model", json_sprintf("%.50s", bus));
                return r;
        }
        r = choose(names, bus, wish, target, e);
        if (r < 0)
                return r;
        more = reallocarray(set->items, set->n + 1, sizeof *more);
        if (!more)
                return exception_set_errno(e, -ENOMEM, "Listing disks");
        set->items = more;
        d = &set->items[set->n++];
        *d = (Disk){};
        if (asprintf(&d->name, "%s%s", name, suffix) < 0 || asprintf(&d->path, "%s/%s", set->directory, d->name) < 0 ||
            !(d->device = strdup(device)) || !(d->bus = strdup(bus)) || !(d->target = strdup(target)))
                return exception_set_errno(e, -ENOMEM, "Listing disks");
        return (int) set->n - 1;
}

static bool is_q35(DiskStore *s, const DiskRequest *q) {
        const char *machine = q->machine ?: image_meta_property(q->image_meta, "hw_machine_type");

        if (!machine)
                machine = instance_image_property(q->instance, "hw_machine_type");
        for (const char *const *pair = config_list(s->config, "libvirt.hw_machine_type"); !machine && *pair; pair++)
                machine = startswith(*pair, "x86_64=");
        return machine && strstr(machine, "q35");
}

static const char *property(const DiskRequest *q, const char *name) {
        const char *value = image_meta_property(q->image_meta, name);

        return !isempty(value) ? value : instance_image_property(q->instance, name);
}

static const char *disk_bus(const DiskRequest *q) {
        const char *bus = property(q, "hw_disk_bus");

        return !isempty(bus) ? bus : "virtio";
}

static const char *cdrom_bus(DiskStore *s, const DiskRequest *q) {
        const char *bus = property(q, "hw_cdrom_bus");

        if (!isempty(bus))
                return bus;
        return is_q35(s, q) ? "sata" : "ide";
}

/* The disks of the block device mapping that are volumes: their names are theirs, and one may be the root. */
static bool take_volumes(const DiskRequest *q, Names *names, const char *root) {
        json_t *mapping = json_object_get(q->block_device_info, "block_device_mapping"), *volume;
        bool is_root = false;
        char first[16] = "", own[16];
        size_t n;

        if (root)
                plain_name(root, first, sizeof first);
        json_array_foreach(mapping, n, volume) {
                const char *device = json_member_string(volume, "mount_device");

                take(names, device);
                if (device)
                        plain_name(device, own, sizeof own);
                is_root = is_root || json_member_integer(volume, "boot_index", -1) == 0 || (device && *first && streq(own, first));
        }
        return is_root;
}

static int add_ephemerals(DiskPlan *p, Names *names, const DiskRequest *q, const char *suffix, NovaException *e) {
        json_t *list = json_object_get(q->block_device_info, "ephemerals"), *one;
        size_t n;

        if (json_array_size(list) > EPHEMERALS_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %zu ephemeral disks", json_array_size(list));
        json_array_foreach(list, n, one) {
                const char *bus = json_member_string(one, "disk_bus");
                char name[32];
                int r;

                (void) snprintf(name, sizeof name, "disk.eph%zu", n);
                r = add(p, names, name, suffix, "disk", !isempty(bus) ? bus : disk_bus(q), json_member_string(one, "device_name"), e);
                if (r < 0)
                        return r;
                if (n == 0)
                        p->ephemeral = r;
                p->n_ephemerals++;
        }
        return 0;
}

/* Of the mapping if that says one, else of the flavor, as far as no volume is there. */
static int add_swap(DiskPlan *p, Names *names, const DiskRequest *q, const char *suffix, NovaException *e) {
        json_t *swap = json_object_get(q->block_device_info, "swap");
        const char *device = json_member_string(swap, "device_name"), *bus = json_member_string(swap, "disk_bus");

        p->swap_mb = json_is_object(swap) ? json_member_integer(swap, "swap_size", 0) : q->instance->swap_mb;
        if (p->swap_mb <= 0)
                return 0;
        p->swap = add(p, names, "disk.swap", suffix, "disk", !isempty(bus) ? bus : disk_bus(q), device, e);
        return p->swap < 0 ? p->swap : 0;
}

static bool wants_config_drive(DiskStore *s, const DiskRequest *q, const char *directory) {
        _cleanup_free_ char *path = NULL;

        if (instance_config_drive(q->instance) || config_boolean(s->config, "force_config_drive") ||
            streq(strempty(property(q, "img_config_drive")), "mandatory"))
                return true;
        return asprintf(&path, "%s/disk.config", directory) >= 0 && disk_exists(path);
}

static int add_config_drive(DiskStore *s, DiskPlan *p, Names *names, const DiskRequest *q, const char *suffix, NovaException *e) {
        bool disc = !streq(config_string(s->config, "config_drive_format"), "vfat");

        p->set.made_config_drive = wants_config_drive(s, q, p->set.directory);
        if (!p->set.made_config_drive)
                return 0;
        p->config = add(p, names, "disk.config", suffix, disc ? "cdrom" : "disk", disc ? cdrom_bus(s, q) : disk_bus(q), NULL, e);
        if (p->config < 0)
                return p->config;
        p->set.items[p->config].config_drive = true;
        return 0;
}

static int add_root(DiskStore *s, DiskPlan *p, Names *names, const DiskRequest *q, const char *suffix, const char *wish, NovaException *e) {
        const char *bus = p->iso ? cdrom_bus(s, q) : disk_bus(q);

        p->root = add(p, names, "disk", suffix, p->iso ? "cdrom" : "disk", bus, wish, e);
        if (p->root < 0)
                return p->root;
        p->set.items[p->root].boot = true;
        return 0;
}

/* The instance's own disks. */
static int plan_own(DiskStore *s, const DiskRequest *q, Names *names, DiskPlan *p, NovaException *e) {
        const char *root = json_member_string(q->block_device_info, "root_device_name");
        bool volume;
        int r = 0;

        if (isempty(root))
                root = instance_text(q->instance, "root_device_name");
        volume = take_volumes(q, names, root) || q->instance->volume_backed;
        if (!volume)
                r = add_root(s, p, names, q, "", root, e);
        if (r >= 0 && json_array_size(json_object_get(q->block_device_info, "ephemerals")) > 0)
                r = add_ephemerals(p, names, q, "", e);
        else if (r >= 0 && q->instance->ephemeral_gb > 0)
                r = p->local = add(p, names, "disk.local", "", "disk", disk_bus(q), NULL, e);
        if (r >= 0)
                r = add_swap(p, names, q, "", e);
        return r;
}

/* As the instance was built, whatever image it is rescued with. */
static int plan_own_for_rescue(DiskStore *s, const DiskRequest *q, Names *names, DiskPlan *p, NovaException *e) {
        DiskRequest own = *q;
        int r;

        own.image_meta = NULL;
        p->iso = streq(strempty(instance_system_metadata_get(q->instance, "image_disk_format")), "iso");
        r = plan_own(s, &own, names, p, e);
        if (r >= 0)
                r = add_config_drive(s, p, names, &own, "", e);
        for (size_t i = 0; i < p->set.n; i++)
                p->set.items[i].boot = false;
        return r;
}

/* Essex's way: the rescue disk is the first, the root disk the second. With hw_rescue_device or hw_rescue_bus (zed 7.4) the
 * instance's disks keep their names, and the rescue disk comes last and is booted from. */
static int plan_rescue(DiskStore *s, const DiskRequest *q, Names *names, DiskPlan *p, NovaException *e) {
        const char *bus = image_meta_property(q->image_meta, "hw_rescue_bus"), *device = image_meta_property(q->image_meta, "hw_rescue_device");
        int r;

        if (isempty(bus) && isempty(device)) {
                (void) take_volumes(q, names, NULL);
                r = add_root(s, p, names, q, ".rescue", NULL, e);
                if (r >= 0 && !q->instance->volume_backed)
                        r = add(p, names, "disk", "", "disk", disk_bus(q), NULL, e);
                return r >= 0 ? add_config_drive(s, p, names, q, ".rescue", e) : r;
        }
        if (!isempty(device) && !streq(device, "disk") && !streq(device, "cdrom"))
                return exception_setf(e, EXC_UNSUPPORTED_HARDWARE, "Requested hardware '%.50s' is not supported by the 'kvm' virt driver", device);
        r = plan_own_for_rescue(s, q, names, p, e);
        if (r < 0)
                return r;
        p->iso = streq(strempty(device), "cdrom");
        p->root = add(p, names, "disk", ".rescue", p->iso ? "cdrom" : "disk",
                      !isempty(bus) ? bus : p->iso ? cdrom_bus(s, q) : disk_bus(q), NULL, e);
        if (p->root < 0)
                return p->root;
        p->set.items[p->root].boot = true;
        return 0;
}

int disk_plan_make(DiskStore *s, const DiskRequest *q, bool rescue, DiskPlan *ret, NovaException *e) {
        _cleanup_(disk_plan_done) DiskPlan p = {.root = -1, .local = -1, .swap = -1, .config = -1, .ephemeral = -1};
        Names names = {};
        int r;

        r = disk_store_directory(s, q->instance, &p.set.directory, e);
        if (r < 0)
                return r;
        p.iso = streq(strempty(json_member_string(q->image_meta, "disk_format")), "iso");
        r = rescue ? plan_rescue(s, q, &names, &p, e) : plan_own(s, q, &names, &p, e);
        if (r >= 0 && !rescue)
                r = add_config_drive(s, &p, &names, q, "", e);
        if (r < 0)
                return r;
        *ret = p;
        p = (DiskPlan){};
        return 0;
}

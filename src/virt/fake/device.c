/* Volumes and interfaces of the fake driver's guests. */
#include "virt/fake/private.h"

#include <errno.h>

#include "basic/json.h"

/* What a VIF goes by: its id, or where it has none its address. */
static const char *vif_id(const json_t *vif) {
        return json_member_string(vif, "id") ?: json_member_string(vif, "address");
}

int fake_guest_set_devices(Guest *g, const json_t *network_info, const json_t *block_device_info) {
        const json_t *mapping = json_object_get(block_device_info, "block_device_mapping");
        json_t *item;
        size_t i;

        if (json_is_array(network_info)) {
                json_object_clear(g->interfaces);
                json_array_foreach(network_info, i, item)
                        if (vif_id(item) && fake_guest_put(&g->interfaces, vif_id(item), json_incref(item)) < 0)
                                return -ENOMEM;
        }
        if (json_is_array(mapping)) {
                json_object_clear(g->volumes);
                json_array_foreach(mapping, i, item) {
                        const char *mountpoint = json_member_string(item, "mount_device");
                        json_t *info = json_object_get(item, "connection_info");

                        if (mountpoint && fake_guest_put(&g->volumes, mountpoint, info ? json_incref(info) : json_null()) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

static int no_volume(const Guest *g, const char *mountpoint, NovaException *e) {
        return exception_setf(e, EXC_NOT_FOUND, "No disk at %s of instance %s", strempty(mountpoint), g->uuid);
}

/* Volumes can be changed while a guest is on or off, not while it is suspended. */
static FakeCall enter_device(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        FakeCall c = fake_enter_guest(driver, method, i, e);

        if (c.r >= 0 && c.guest->state == POWER_SUSPENDED)
                c.r = fake_refuse(&c, c.guest, e);
        return c;
}

static int fake_attach_volume(ComputeDriver *driver, const RequestContext *context _unused_, const json_t *connection_info,
                              const Instance *i, const char *mountpoint, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "attach_volume", i, e);

        if (c.r < 0)
                return c.r;
        if (isempty(mountpoint))
                return exception_setf(e, EXC_INVALID, "A volume for instance %s wants a mount point", c.guest->uuid);
        if (json_object_get(c.guest->volumes, mountpoint))
                return exception_setf(e, EXC_INVALID, "The device %s of instance %s is already in use", mountpoint, c.guest->uuid);
        return fake_guest_put(&c.guest->volumes, mountpoint, json_incref((json_t *) connection_info)) < 0 ? fake_no_memory(&c, e) : 0;
}

static int fake_detach_volume(ComputeDriver *driver, const RequestContext *context _unused_,
                              const json_t *connection_info _unused_, const Instance *i, const char *mountpoint, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "detach_volume", i, e);

        if (c.r < 0)
                return c.r;
        if (json_object_del(c.guest->volumes, strempty(mountpoint)) < 0)
                return no_volume(c.guest, mountpoint, e);
        return 0;
}

static int fake_swap_volume(ComputeDriver *driver, const RequestContext *context _unused_, const json_t *old_info _unused_,
                            const json_t *new_info, const Instance *i, const char *mountpoint,
                            int64_t resize_to_gb _unused_, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "swap_volume", i, e);

        if (c.r < 0)
                return c.r;
        if (!json_object_get(c.guest->volumes, strempty(mountpoint)))
                return no_volume(c.guest, mountpoint, e);
        return fake_guest_put(&c.guest->volumes, mountpoint, json_incref((json_t *) new_info)) < 0 ? fake_no_memory(&c, e) : 0;
}

static int fake_extend_volume(ComputeDriver *driver, const RequestContext *context _unused_, const json_t *connection_info,
                              const Instance *i, int64_t bytes, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "extend_volume", i, e);
        const char *mountpoint;
        json_t *info;

        if (c.r < 0)
                return c.r;
        if (bytes <= 0)
                return exception_setf(e, EXC_INVALID, "A volume of %lld bytes cannot be", (long long) bytes);
        json_object_foreach(c.guest->volumes, mountpoint, info)
                if (json_equal(info, connection_info))
                        return 0;
        return exception_setf(e, EXC_NOT_FOUND, "Instance %s has no such volume to extend", c.guest->uuid);
}

static int fake_attach_interface(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                 const json_t *image_meta _unused_, const json_t *vif, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "attach_interface", i, e);
        const char *id = vif_id(vif);

        if (c.r < 0)
                return c.r;
        if (!id)
                return exception_setf(e, EXC_INVALID, "An interface for instance %s wants an id or address", c.guest->uuid);
        if (json_object_get(c.guest->interfaces, id))
                return exception_setf(e, EXC_INVALID, "Interface %s of instance %s is already attached", id, c.guest->uuid);
        return fake_guest_put(&c.guest->interfaces, id, json_incref((json_t *) vif)) < 0 ? fake_no_memory(&c, e) : 0;
}

static int fake_detach_interface(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                 const json_t *vif, NovaException *e) {
        _fake_call_ FakeCall c = enter_device(driver, "detach_interface", i, e);
        const char *id = vif_id(vif);

        if (c.r < 0)
                return c.r;
        if (json_object_del(c.guest->interfaces, strempty(id)) < 0)
                return exception_setf(e, EXC_NOT_FOUND, "Instance %s has no interface %s", c.guest->uuid, strempty(id));
        return 0;
}

/* Before a guest is there and after it is gone, these are called too. */
static int quietly(ComputeDriver *driver, const char *method, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, method, e);

        return c.r;
}

static int fake_plug_vifs(ComputeDriver *d, const Instance *i _unused_, const json_t *network_info _unused_, NovaException *e) {
        return quietly(d, "plug_vifs", e);
}

static int fake_unplug_vifs(ComputeDriver *d, const Instance *i _unused_, const json_t *network_info _unused_, NovaException *e) {
        return quietly(d, "unplug_vifs", e);
}

static int fake_ensure_filtering_rules_for_instance(ComputeDriver *d, const Instance *i _unused_,
                                                    const json_t *network_info _unused_, NovaException *e) {
        return quietly(d, "ensure_filtering_rules_for_instance", e);
}

static int fake_unfilter_instance(ComputeDriver *d, const Instance *i _unused_, const json_t *network_info _unused_,
                                  NovaException *e) {
        return quietly(d, "unfilter_instance", e);
}

static int fake_reset_network(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "reset_network", i, e);

        return c.r;
}

static int fake_inject_network_info(ComputeDriver *driver, const Instance *i, const json_t *network_info, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "inject_network_info", i, e);

        if (c.r < 0)
                return c.r;
        return fake_guest_set_devices(c.guest, network_info, NULL);
}

void fake_device_ops(ComputeDriverOps *ops) {
        ops->attach_volume = fake_attach_volume;
        ops->detach_volume = fake_detach_volume;
        ops->swap_volume = fake_swap_volume;
        ops->extend_volume = fake_extend_volume;
        ops->attach_interface = fake_attach_interface;
        ops->detach_interface = fake_detach_interface;
        ops->plug_vifs = fake_plug_vifs;
        ops->unplug_vifs = fake_unplug_vifs;
        ops->ensure_filtering_rules_for_instance = fake_ensure_filtering_rules_for_instance;
        ops->unfilter_instance = fake_unfilter_instance;
        ops->reset_network = fake_reset_network;
        ops->inject_network_info = fake_inject_network_info;
}

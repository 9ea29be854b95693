/* What of the configuration shapes guests. */
#include "virt/libvirt/domain-xml.h"

#include <errno.h>
#include <stdio.h>

static int copy_string(const Config *c, const char *name, char **ret) {
        const char *s = config_string(c, name);

        if (isempty(s))
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int copy_list(const Config *c, const char *name, char ***ret) {
        *ret = strv_copy((char *const *) config_list(c, name));
        return *ret ? 0 : -ENOMEM;
}

static int read_port_range(GuestOptions *o, const char *text, NovaException *e) {
        unsigned first, last;
        char rest;

        if (sscanf(strempty(text), "%5u:%5u%c", &first, &last, &rest) != 2 || first < 1 || first > last || last > UINT16_MAX)
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "[serial_console] port_range = %s: expected first:last, ports from 1 to 65535",
                                      strempty(text));
        o->serial_first = (uint16_t) first;
        o->serial_last = (uint16_t) last;
        return 0;
}

int guest_options_read(GuestOptions *ret, const Config *c, NovaException *e) {
        GuestOptions o = {
                .memory_stats_period = config_integer(c, "libvirt.mem_stats_period_seconds"),
                .pcie_ports = config_integer(c, "libvirt.num_pcie_ports"),
                .rx_queue = config_is_set(c, "libvirt.rx_queue_size") ? config_integer(c, "libvirt.rx_queue_size") : 0,
                .tx_queue = config_is_set(c, "libvirt.tx_queue_size") ? config_integer(c, "libvirt.tx_queue_size") : 0,
                .max_queues = config_is_set(c, "libvirt.max_queues") ? config_integer(c, "libvirt.max_queues") : 0,
                .tablet = config_boolean(c, "libvirt.use_usb_tablet"),
                .bridge_virtio = config_boolean(c, "libvirt.use_virtio_for_bridges"),
                .vnc = config_boolean(c, "vnc.enabled"),
                .spice = config_boolean(c, "spice.enabled"),
                .spice_agent = config_boolean(c, "spice.agent_enabled"),
                .serial = config_boolean(c, "serial_console.enabled"),
        };
        const struct {
                const char *name;
                char **ret;
        } strings[] = {
                { "libvirt.cpu_mode", &o.cpu_mode },
                { "libvirt.sysinfo_serial", &o.sysinfo_serial },
                { "libvirt.hw_disk_discard", &o.discard },
                { "libvirt.rng_dev_path", &o.rng_path },
                { "vnc.server_listen", &o.vnc_listen },
                { "vnc.server_proxyclient_address", &o.vnc_client },
                { "vnc_keymap", &o.vnc_keymap },
                { "spice.server_listen", &o.spice_listen },
                { "spice.server_proxyclient_address", &o.spice_client },
                { "spice.image_compression", &o.spice_image },
                { "spice.jpeg_compression", &o.spice_jpeg },
                { "spice.zlib_compression", &o.spice_zlib },
                { "spice.streaming_mode", &o.spice_streaming },
                { "serial_console.proxyclient_address", &o.serial_address },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(strings); i++)
                r = copy_string(c, strings[i].name, strings[i].ret);
        if (r >= 0 && config_is_given(c, "libvirt.virt_type"))
                r = copy_string(c, "libvirt.virt_type", &o.virt_type);
        if (r >= 0 && config_is_given(c, "spice.playback_compression")) {
                o.spice_playback = strdup(config_boolean(c, "spice.playback_compression") ? "on" : "off");
                r = o.spice_playback ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = copy_list(c, "libvirt.cpu_models", &o.cpu_models);
        if (r >= 0)
                r = copy_list(c, "libvirt.cpu_model_extra_flags", &o.cpu_flags);
        if (r >= 0)
                r = copy_list(c, "libvirt.hw_machine_type", &o.machine_types);
        if (r >= 0)
                r = copy_list(c, "libvirt.disk_cachemodes", &o.cache_modes);
        if (r < 0)
                (void) exception_set_errno(e, r, "The options of guests");
        if (r >= 0)
                r = read_port_range(&o, config_string(c, "serial_console.port_range"), e);
        if (r >= 0 && streq_ptr(o.cpu_mode, "custom") && !o.cpu_models[0])
                r = exception_setf(e, EXC_INVALID_CONFIGURATION, "[libvirt] cpu_mode = custom wants a model in cpu_models");
        if (r >= 0 && o.cpu_models[0] && !streq_ptr(o.cpu_mode, "custom"))
                r = exception_setf(e, EXC_INVALID_CONFIGURATION, "[libvirt] cpu_models = %s: only with cpu_mode = custom, and it is %s", o.cpu_models[0],
                                   o.cpu_mode ?: "unset");
        if (r < 0) {
                guest_options_done(&o);
                return r;
        }
        *ret = o;
        return 0;
}

void guest_options_done(GuestOptions *o) {
        char **strings[] = { &o->virt_type, &o->cpu_mode, &o->sysinfo_serial, &o->discard, &o->rng_path, &o->vnc_listen, &o->vnc_client,
                             &o->vnc_keymap, &o->spice_listen, &o->spice_client, &o->spice_image, &o->spice_jpeg, &o->spice_zlib,
                             &o->spice_playback, &o->spice_streaming, &o->serial_address };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(*strings[i]);
        strv_free(o->cpu_models);
        strv_free(o->cpu_flags);
        strv_free(o->machine_types);
        strv_free(o->cache_modes);
        *o = (GuestOptions){};
}

/* The devices of a domain but for its interfaces. */
#include "virt/libvirt/domain-private.h"

#include <errno.h>
#include <stdio.h>

/* The mode that disk_cachemodes says for files; else past the host's cache where that works (zed 6.10). */
static const char *cache_mode(const DomainRequest *q) {
        for (char **m = q->options->cache_modes; *m; m++) {
                const char *mode = startswith(*m, "file=");

                if (mode)
                        return mode;
        }
        return q->host->direct_io ? "none" : "writeback";
}

static void write_tune(XmlWriter *w, const GuestProperties *p) {
        const struct {
                const char *name;
                int64_t value;
        } limits[] = {
                { "read_bytes_sec", p->disk_read_bytes }, { "read_iops_sec", p->disk_read_iops }, { "write_bytes_sec", p->disk_write_bytes },
                { "write_iops_sec", p->disk_write_iops }, { "total_bytes_sec", p->disk_total_bytes }, { "total_iops_sec", p->disk_total_iops },
        };
        bool any = false;

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                any = any || limits[i].value > 0;
        if (!any)
                return;
        xml_begin(w, "iotune");
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (limits[i].value > 0)
                        xml_element(w, XML_DECIMAL(limits[i].value), limits[i].name);
        xml_end(w);
}

static void write_disk(XmlWriter *w, const DomainRequest *q, const DomainDisk *d) {
        bool cdrom = streq(d->device, "cdrom"), order;
        const DomainDisk *boot = domain_boot_disk(q, &order);

        xml_begin(w, "disk", "type", "file", "device", d->device);
        xml_empty(w, "driver", "name", "qemu", "type", d->format, "cache", cache_mode(q), "discard", cdrom ? NULL : q->options->discard);
        xml_empty(w, "source", "file", d->path);
        xml_empty(w, "target", "dev", d->target, "bus", d->bus);
        if (d == boot && order)
                xml_empty(w, "boot", "order", "1");
        if (!cdrom)
                write_tune(w, q->properties);
        xml_end(w);
}

static void write_serial(XmlWriter *w, const DomainRequest *q) {
        char log[4096];

        snprintf(log, sizeof log, "%s/" CONSOLE_LOG, q->directory);
        for (int64_t n = 0; n < q->properties->serial_ports; n++) {
                bool tcp = q->serial_ports != NULL;

                xml_begin(w, "serial", "type", tcp ? "tcp" : "pty");
                if (tcp) {
                        xml_empty(w, "source", "mode", "bind", "host", q->options->serial_address, "service", XML_DECIMAL(q->serial_ports[n]));
                        xml_empty(w, "protocol", "type", "raw");
                }
                /* Nova's says "off": then virtlogd puts a file in its place that only root can read. Ours is emptied before. */
                if (n == 0)
                        xml_empty(w, "log", "file", log, "append", "on");
                if (n > 0)
                        xml_empty(w, "target", "port", XML_DECIMAL(n));
                xml_end(w);
        }
}

static void write_graphics(XmlWriter *w, const DomainRequest *q) {
        const GuestOptions *o = q->options;

        if (q->properties->video_model && streq(q->properties->video_model, "none"))
                return;
        if (o->vnc)
                xml_empty(w, "graphics", "type", "vnc", "autoport", "yes", "keymap", o->vnc_keymap, "listen", o->vnc_listen);
        if (o->spice) {
                xml_begin(w, "graphics", "type", "spice", "autoport", "yes", "listen", o->spice_listen);
                if (o->spice_image)
                        xml_empty(w, "image", "compression", o->spice_image);
                if (o->spice_jpeg)
                        xml_empty(w, "jpeg", "compression", o->spice_jpeg);
                if (o->spice_zlib)
                        xml_empty(w, "zlib", "compression", o->spice_zlib);
                if (o->spice_playback)
                        xml_empty(w, "playback", "compression", o->spice_playback);
                if (o->spice_streaming)
                        xml_empty(w, "streaming", "mode", o->spice_streaming);
                xml_end(w);
        }
}

static void write_channel(XmlWriter *w, const char *type, const char *name) {
        xml_begin(w, "channel", "type", type);
        xml_empty(w, "target", "type", "virtio", "name", name);
        xml_end(w);
}

static void write_console_devices(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;
        const GuestOptions *o = q->options;
        bool video = !streq_ptr(p->video_model, "none"), pointer = p->tablet && video && (o->vnc || (o->spice && !o->spice_agent));

        write_serial(w, q);
        if (p->agent)
                write_channel(w, "unix", "org.qemu.guest_agent.0");
        if (o->spice && o->spice_agent && video)
                write_channel(w, "spicevmc", "com.redhat.spice.0");
        write_graphics(w, q);
        xml_begin(w, "video");
        xml_empty(w, "model", "type", p->video_model ?: "virtio", "vram", p->video_ram_mb > 0 ? XML_DECIMAL(p->video_ram_mb * 1024) : NULL);
        xml_end(w);
        if (pointer)
                xml_empty(w, "input", "type", "tablet", "bus", p->input_virtio ? "virtio" : "usb");
        if (!p->isa_serial && video)
                xml_empty(w, "input", "type", "keyboard", "bus", p->input_virtio ? "virtio" : "usb");
}

static void write_controllers(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;
        bool scsi = q->kept && q->kept->scsi;

        for (size_t i = 0; i < q->n_disks; i++)
                scsi = scsi || streq(q->disks[i].bus, "scsi");
        xml_empty(w, "controller", "type", "usb", "index", "0", "model", p->q35 ? "qemu-xhci" : NULL, "ports", p->q35 ? "15" : NULL);
        if (scsi)
                xml_empty(w, "controller", "type", "scsi", "index", "0", "model", p->scsi_model);
        if (p->q35 && q->options->pcie_ports > 0) {
                xml_empty(w, "controller", "type", "pci", "index", "0", "model", "pcie-root");
                for (int64_t n = 1; n <= q->options->pcie_ports; n++)
                        xml_empty(w, "controller", "type", "pci", "index", XML_DECIMAL(n), "model", "pcie-root-port");
        }
}

static void write_rng(XmlWriter *w, const DomainRequest *q) {
        const GuestProperties *p = q->properties;

        if (!p->rng || isempty(q->options->rng_path))
                return;
        xml_begin(w, "rng", "model", "virtio");
        if (p->rng_bytes > 0)
                xml_empty(w, "rate", "bytes", XML_DECIMAL(p->rng_bytes), "period", p->rng_period > 0 ? XML_DECIMAL(p->rng_period) : NULL);
        xml_element(w, q->options->rng_path, "backend", "model", "random");
        xml_end(w);
}

static void write_memballoon(XmlWriter *w, const DomainRequest *q) {
        if (q->options->memory_stats_period <= 0) {
                xml_empty(w, "memballoon", "model", "virtio");
                return;
        }
        xml_begin(w, "memballoon", "model", "virtio");
        xml_empty(w, "stats", "period", XML_DECIMAL(q->options->memory_stats_period));
        xml_end(w);
}

int domain_write_devices(XmlWriter *w, const DomainRequest *q, NovaException *e) {
        json_t *vif;
        size_t n;
        int r;

        xml_begin(w, "devices");
        for (size_t i = 0; i < q->n_disks && !q->kept; i++)
                write_disk(w, q, &q->disks[i]);
        if (q->kept)
                xml_raw(w, strempty(q->kept->xml));
        json_array_foreach(q->network_info, n, vif) {
                r = domain_write_interface(w, q, vif, e);
                if (r < 0) {
                        xml_end(w);
                        return r;
                }
        }
        write_console_devices(w, q);
        write_rng(w, q);
        write_controllers(w, q);
        if (q->properties->watchdog)
                xml_empty(w, "watchdog", "model", "i6300esb", "action", q->properties->watchdog);
        write_memballoon(w, q);
        xml_end(w);
        return 0;
}

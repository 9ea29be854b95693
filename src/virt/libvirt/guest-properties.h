/* What an image and a flavor want of a guest's hardware (zed 6.6, 6.10): properties and extra specs read, checked and settled.
 * Whatever Nova's ImageMetaProps would refuse is refused in its words; unknown names mean nothing to anybody. Plain value;
 * its strings are constants or belong to the instance. Thread-safe. */
#pragma once

#include <jansson.h>

#include "objects/exception.h"
#include "objects/instance.h"
#include "objects/numa.h"

#define PAGE_SIZES_MAX 8

/* What of the host decides whether a wish can be fulfilled. */
typedef struct GuestHost {
        const char *arch;                       /* "x86_64" */
        const char *virt_type;                  /* "kvm", "qemu" */
        uint64_t page_sizes_kib[PAGE_SIZES_MAX];        /* ascending; 0 ends */
        bool direct_io;                         /* O_DIRECT works where disks are */
        bool has_uefi;                          /* libvirt finds firmware for it; looked at when asked for only */
        HostTopology numa;                      /* of guests that have a place in it only; else empty */
} GuestHost;

typedef enum FirmwareType { FIRMWARE_BIOS, FIRMWARE_UEFI } FirmwareType;

typedef struct GuestProperties {
        const char *arch, *machine;
        bool q35;
        FirmwareType firmware;
        bool secure_boot;
        const char *disk_bus, *cdrom_bus, *scsi_model;
        const char *vif_model;                  /* NULL = virtio */
        bool vif_multiqueue;
        const char *video_model;                /* NULL = the default; "none" = none */
        int64_t video_ram_mb;                   /* 0 = unsaid */
        bool tablet, input_virtio;
        bool rng;
        int64_t rng_bytes, rng_period;          /* 0 = unlimited */
        bool agent;
        bool boot_menu;
        const char *watchdog;                   /* NULL = none */
        int64_t serial_ports;
        int64_t sockets, cores, threads;
        uint64_t page_kib;                      /* 0 = ordinary pages */
        int64_t numa_nodes;                     /* 0 = none shown to the guest; with a topology, its cells */
        bool locked_memory;
        bool hide_hypervisor, no_pmu, has_pmu;
        bool hpet;
        bool windows;
        bool isa_serial;
        const char *command_line;               /* NULL = Nova's own */
        const char *rescue_bus, *rescue_device; /* NULL = the old way of rescue */
        int64_t cpu_shares, cpu_period, cpu_quota;      /* 0 = unsaid */
        int64_t disk_read_bytes, disk_read_iops, disk_write_bytes, disk_write_iops, disk_total_bytes, disk_total_iops;
        int64_t vif_in_average, vif_in_peak, vif_in_burst, vif_out_average, vif_out_peak, vif_out_burst;
} GuestProperties;

/* The value of an image property: of @image_meta's properties if it is given and has it, else as the instance keeps it. Numbers
 * and booleans count as their text only when kept by the instance. NULL if there is none. */
const char *guest_image_property(const Instance *i, const json_t *image_meta, const char *name);

/* @machine_types: the option hw_machine_type ("x86_64=q35"), NULL-terminated. @tablet: what is done about a pointer when the image
 * says nothing. 0, or -EINVAL and others with @e. */
int guest_properties_read(GuestProperties *ret, const Instance *i, const json_t *image_meta, const GuestHost *host,
                          const char *const *machine_types, bool tablet, NovaException *e);

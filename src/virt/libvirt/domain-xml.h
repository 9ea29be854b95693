/* A guest's description for libvirt, as Nova of today writes it (zed 6.10): everything of it comes from what is given here, so
 * that equal input makes equal text. Thread-safe. */
#pragma once

#include <jansson.h>

#include "config/config.h"
#include "objects/context.h"
#include "objects/exception.h"
#include "objects/instance.h"
#include "virt/libvirt/guest-properties.h"

#define NOVA_INSTANCE_NS "http://openstack.org/xmlns/libvirt/nova/1.1"
#define CONSOLE_LOG "console.log"
#define CONSOLE_LOGS_MAX 10             /* console.log.0 … that virtlogd keeps at most, the youngest first */

/* What the configuration says of all guests ([libvirt], [vnc], [spice], [serial_console]). */
typedef struct GuestOptions {
        char *virt_type;                        /* NULL: kvm where the host has it, else qemu */
        char *cpu_mode;                         /* NULL: host-model for kvm, none for others */
        char **cpu_models, **cpu_flags;         /* never NULL */
        char **machine_types;
        char *sysinfo_serial;
        char **cache_modes;                     /* "file=writeback" */
        char *discard;
        char *rng_path;                         /* "" = no device */
        int64_t memory_stats_period;
        int64_t pcie_ports;
        int64_t rx_queue, tx_queue, max_queues;
        bool tablet;
        bool bridge_virtio;
        bool vnc, spice, spice_agent, serial;
        char *vnc_listen, *vnc_client, *vnc_keymap;
        char *spice_listen, *spice_client;
        char *spice_image, *spice_jpeg, *spice_zlib, *spice_playback, *spice_streaming;
        char *serial_address;
        uint16_t serial_first, serial_last;
} GuestOptions;

/* 0 with *ret to be done; InvalidConfiguration with the option, its value and what is allowed; -ENOMEM. */
int guest_options_read(GuestOptions *ret, const Config *config, NovaException *e);
void guest_options_done(GuestOptions *o);

typedef struct DomainDisk {
        const char *path, *format;              /* "raw", "qcow2" */
        const char *device;                     /* "disk", "cdrom" */
        const char *target, *bus;               /* "vda", "virtio" */
        bool boot;                              /* the guest starts from it; with none from the first */
} DomainDisk;

/* The disks of a domain that is there, to be kept as they are: also what we would not have made (a Python nova-compute's volumes). */
typedef struct KeptDevices {
        char *xml;                              /* the elements, whole; NULL = nothing is kept */
        char *kernel, *ramdisk, *command_line;  /* of its <os>, or NULL */
        char *boot;                             /* "hd", "cdrom"; NULL = its disks say in which order */
        bool scsi;
} KeptDevices;

typedef struct DomainRequest {
        const GuestOptions *options;
        const GuestHost *host;
        const GuestProperties *properties;
        const Instance *instance;
        const RequestContext *context;          /* who asked; NULL = nobody */
        const char *directory;                  /* of the instance: console.log is in it */
        const char *host_uuid;                  /* what sysinfo_serial takes it from; NULL = the instance's */
        const DomainDisk *disks;
        size_t n_disks;
        const KeptDevices *kept;                /* instead of the disks above, or NULL */
        const json_t *network_info;             /* Nova's list of VIFs; NULL = none */
        const char *kernel, *ramdisk;           /* files to start directly, or NULL */
        const char *root_device;                /* "/dev/vda": for the kernel's command line */
        const uint16_t *serial_ports;           /* of serial_console, as many as properties->serial_ports; NULL = none */
        time_t created;                         /* as metadata tells it */
        bool filters;                           /* interfaces are given our filters against spoofing */
} DomainRequest;

/* 0 with *ret malloc'ed. Refused are VIFs of a type that cannot be plugged here (VirtualInterfaceCreateException), and what has no
 * usable address or device name (Invalid); names that could not be a domain's (Invalid). */
int domain_xml(const DomainRequest *q, char **ret, NovaException *e);

/* One interface alone, for attaching and detaching. */
int domain_interface_xml(const DomainRequest *q, const json_t *vif, char **ret, NovaException *e);
/* The metadata element alone, for a running guest's. */
int domain_metadata_xml(const DomainRequest *q, char **ret, NovaException *e);

/* The filter that guards @vif ("nova-instance-…"), in @ret; 0 if it has none, 1 if it has. */
int vif_filter_name(const Instance *i, const json_t *vif, char ret[static 64]);

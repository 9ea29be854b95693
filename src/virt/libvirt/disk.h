/* The files of an instance below instances_path, laid out as Nova's so that either finds the other's (zed 6.8, essex 14.3):
 *
 *   _base/<sha1 of the image's id>, _base/ephemeral_<GB>_<hash>, _base/swap_<MB>         image-cache.h
 *   <uuid>/disk, disk.local, disk.eph<N>, disk.swap, disk.config, kernel, ramdisk, disk.info
 *   <uuid>/disk.rescue, disk.config.rescue, kernel.rescue, ramdisk.rescue
 *   snapshots/tmp…/
 *
 * Everything is made under another name or undone when it fails: a call that fails leaves nothing, and says so with Nova's
 * exceptions: ImageNotFound, ImageUnacceptable, FlavorDiskSmallerThanImage, FlavorDiskSmallerThanMinDisk,
 * FlavorMemoryTooSmall, InvalidDiskFormat, NovaException with -ENOSPC in it. Thread-safe; calls block on disk, network and
 * programs, and may be cancelled by the hooks (-ECANCELED). One instance's files are the business of one call at a time. */
#pragma once

#include "image/image.h"
#include "virt/driver.h"

typedef struct DiskStore DiskStore;

/* Reads the options; makes its own image service. Removes the work directories of snapshots whose process was killed. */
int disk_store_new(DiskStore **ret, const Config *config, NovaException *e);
DiskStore *disk_store_free(DiskStore *s);
DEFINE_CLEANUP(DiskStore *, disk_store_free)
ImageService *disk_store_images(DiskStore *s);
const char *disk_store_instances_path(const DiskStore *s);
const char *disk_store_snapshots_path(const DiskStore *s);
/* <instances_path>/<uuid>, malloc'ed; InvalidUUID for what is none. */
int disk_store_directory(const DiskStore *s, const Instance *i, char **ret, NovaException *e);

typedef struct Disk {
        char *name;                     /* "disk", "disk.eph0", "disk.config" */
        char *path;
        char *format;                   /* of the file: "qcow2", "raw" */
        char *device;                   /* "disk", "cdrom" */
        char *bus;                      /* "virtio", "sata", "ide", "scsi" */
        char *target;                   /* "vda" */
        bool boot;                      /* the guest starts from it */
        bool config_drive;
} Disk;

typedef struct DiskSet {
        char *directory;                /* <instances_path>/<uuid> */
        Disk *items;                    /* in the order of their device names */
        size_t n;
        char *kernel, *ramdisk;         /* paths; NULL = none */
        bool made_config_drive;         /* one was asked for, or forced: the instance's config_drive becomes True */
} DiskSet;
void disk_set_done(DiskSet *s);

typedef struct DiskRequest {
        const Instance *instance;
        const json_t *image_meta;       /* Nova's: id, disk_format, min_disk, properties; of a rescue the rescue image */
        const json_t *block_device_info; /* root_device_name, swap, ephemerals, block_device_mapping; or NULL: by the flavor */
        const json_t *network_info;     /* for the config drive; or NULL */
        const json_t *injected_files;   /* [[path, base64], …], or NULL */
        const char *admin_password;     /* for the config drive; or NULL */
        const char *machine;            /* "pc-q35-7.2", for the bus of CD drives; NULL: hw_machine_type of image and options, else pc */
        const DriverHooks *hooks;       /* or NULL */
} DiskRequest;

/* Makes the directory and all that belongs into it, the config drive last. The instance's directory may be there (a console
 * log); a disk that is there is kept as it is (hard reboot, a build taken up again). */
int instance_disks_create(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e);

/* The same set without touching a file, for XML of an instance that is there: formats are those of the files where they
 * are. */
int instance_disks_plan(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e);

/* Removes <uuid> with all in it, by renaming it to <uuid>_del first; one that is not there is fine. */
int instance_disks_delete(DiskStore *s, const Instance *i, NovaException *e);

/* disk.rescue of q->image_meta (and its kernel, ramdisk and config drive, with q->admin_password): first in the set and
 * booted from, the instance's own disks after it. */
int instance_rescue_disks_create(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e);
/* Removes all *.rescue of the directory. */
int instance_rescue_disks_delete(DiskStore *s, const Instance *i, NovaException *e);

/* What is there of disks, for resources and diagnostics, Nova's disk_info: [{type, path, virt_disk_size, backing_file (a base
 * name or ""), disk_size, over_committed_disk_size}, …] of the disk files (no config drive). Reads headers only: fine while the
 * guest runs. */
int instance_disks_info(DiskStore *s, const Instance *i, json_t **ret, NovaException *e);

/* What an ended process left half made of the files of @i; of no instance: work directories of snapshots, base files, images. */
void disks_tidy(DiskStore *s, const Instance *i);
void disks_tidy_store(DiskStore *s);

/* --- snapshots: work in <snapshots_directory>/tmp…, gone with snapshot_done --- */
typedef struct Snapshot {
        char *directory;
        char *delta;                    /* for a live one: what libvirt copies the disk to, shallow; NULL */
        char *file;                     /* what is uploaded; NULL until extracted */
        char *format;                   /* of file */
        int lock;                       /* of the directory: somebody works in it; 0 = none */
} Snapshot;
void snapshot_done(Snapshot *s);

/* Makes the work directory. @disk: the path of the instance's disk. With @live also snapshot->delta, a qcow2 of the same
 * size over the same backing file as @disk, which a block copy fills (REUSE_EXT, SHALLOW). */
int snapshot_begin(DiskStore *s, const char *disk, bool live, Snapshot *ret, NovaException *e);
/* qemu-img convert of the delta, or of @disk, which nobody may be writing: ->file, flat, in the format of
 * [libvirt] snapshot_image_format, else of the disk. */
int snapshot_extract(DiskStore *s, Snapshot *snapshot, const char *disk, const DriverHooks *hooks, NovaException *e);
/* Uploads ->file as @image_id; @image_meta: name, properties, … (may be NULL). */
int snapshot_upload(DiskStore *s, const Snapshot *snapshot, const char *image_id, const json_t *image_meta, const DriverHooks *hooks, NovaException *e);

/* disk -> file in another format by qemu-img; @to must not be there, and is not after a failure. */
int disk_extract(DiskStore *s, const char *disk, const char *format, const char *to, const char *to_format, const DriverHooks *hooks, NovaException *e);

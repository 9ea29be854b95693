/* What the files about disks share. */
#pragma once

#include <pthread.h>

#include "basic/spawn.h"
#include "image/disk-format.h"
#include "virt/libvirt/disk.h"

#define GIB ((uint64_t) 1 << 30)
#define MIB ((uint64_t) 1 << 20)

struct DiskStore {
        Config *config;
        ImageService *images;
        char *instances;                /* instances_path, no slash at its end */
        char *base;                     /* <instances>/_base */
        char *locks;                    /* <instances>/locks */
        char *snapshots;
        bool cow, force_raw, preallocate;
        pthread_mutex_t lock;           /* of what follows */
        pthread_cond_t ended;
        unsigned copies, copies_max;    /* of disks, now and at most; 0 = any number */
};

/* --- disk-tools.c --- */
/* Runs a program and makes an exception of what it says: -ENOSPC where the disk is full, whoever says so. @what: the
 * beginning of the sentence, "Converting image x". */
int disk_run(const char *const *argv, const char *what, const DriverHooks *hooks, NovaException *e);
#define disk_tool(what, hooks, e, ...) disk_run((const char *const[]) { __VA_ARGS__, NULL }, what, hooks, e)
/* "<what>: <strerror>" with the path. */
int disk_failed(int r, const char *what, const char *path, NovaException *e);
/* asprintf that says -ENOMEM. */
int disk_path(char **ret, NovaException *e, const char *format, ...) _printf_(3, 4);
bool disk_exists(const char *path);
/* What a file is, with its size; -ENOENT and others with @e. */
int disk_look(const char *path, DiskInspection *ret, NovaException *e);
/* The file that the qcow2 @fd lies over, as its header names it: 0 with *ret NULL if over none, or if it is no qcow2. -ENOMEM. */
int disk_backing(int fd, char **ret);
/* The size of the disk in @path that a guest sees, and what it lies over (NULL = nothing). */
int disk_chain(const char *path, uint64_t *ret_size, char **ret_backing, NovaException *e);
/* What is made below instances_path is for the hypervisor's users to get at, whatever our umask is: files that it may read,
 * directories that it may pass through. What it writes it is given by libvirt. */
#define DISK_FILE_MODE 0644
#define DISK_DIRECTORY_MODE 0711
/* mkdir -p; only the last one gets the mode. 1 if it was made, 0 if it was there. */
int disk_make_directory(const char *path, NovaException *e);
/* A new file. The descriptor, or -errno with @e. */
int disk_make_file(const char *path, NovaException *e);
/* An empty file of @size bytes that was not there. */
int disk_make_empty(const char *path, uint64_t size, NovaException *e);
/* fsync of the file, rename, fsync of its directory. */
int disk_put_in_place(const char *from, const char *to, NovaException *e);
/* A copy of a whole disk begins, when max_concurrent_disk_ops lets it; -ECANCELED with @e. */
int disk_copy_begin(DiskStore *s, const DriverHooks *hooks, NovaException *e);
void disk_copy_end(DiskStore *s);
/* Waits for the lock <locks>/nova-<name>; the descriptor. */
int disk_lock(DiskStore *s, const char *name, const DriverHooks *hooks, NovaException *e);
/* Hooks of a driver as those of the image service: @p lives as long as @hooks. */
ImageProgress disk_image_progress(const DriverHooks *hooks);

/* What is removed again when a call fails, newest first. */
typedef struct Undo {
        char **paths;
        size_t n;
} Undo;
int undo_add(Undo *u, const char *path);        /* 0 or -ENOMEM: then the caller removes it */
void undo_all(Undo *u);                         /* removes them all, with what is in them */
void undo_done(Undo *u);                        /* forgets them */

/* --- image-cache.c --- */
typedef struct CachedImage {
        char *path;
        DiskFormat format;
        uint64_t virtual_size;
} CachedImage;
static inline void cached_image_done(CachedImage *c) {
        free(c->path);
        *c = (CachedImage){};
}

/* The image as a file of the cache, fetched, looked into and converted when it is not there (zed 6.8). @meta is what is known of it
 * (may be NULL). One whose disk has more than @size_max bytes (0 = any) is FlavorDiskSmallerThanImage. */
int image_cache_fetch(DiskStore *s, const char *id, const json_t *meta, uint64_t size_max, const DriverHooks *hooks, CachedImage *ret,
                      NovaException *e);
/* A kernel or ramdisk: no disk, taken as it is. */
int image_cache_fetch_plain(DiskStore *s, const char *id, const DriverHooks *hooks, CachedImage *ret, NovaException *e);
/* A file of the cache that is made: @make writes it, as @path (not there before). */
int image_cache_make(DiskStore *s, const char *name, int (*make)(const char *path, void *userdata, NovaException *e), void *userdata,
                     const DriverHooks *hooks, char **ret, NovaException *e);
int flavor_disk_too_small(uint64_t flavor, uint64_t image, NovaException *e);

/* --- disk-plan.c --- */
/* Fills the set with names, targets, buses; formats are what they would be made as. With the root disk's place in *ret_root (-1: it is a
 * volume). @suffix: ".rescue" or "". */
typedef struct DiskPlan {
        DiskSet set;
        int root, local, swap, config;  /* places in the set, -1 = none */
        int ephemeral;                  /* of the first of n_ephemerals in a row */
        size_t n_ephemerals;
        int64_t swap_mb;
        bool iso;
} DiskPlan;
void disk_plan_done(DiskPlan *p);
int disk_plan_make(DiskStore *s, const DiskRequest *q, bool rescue, DiskPlan *ret, NovaException *e);
/* The letters of what begins with the bus's name: "vd"; NULL for a bus that is none. */
const char *disk_bus_prefix(const char *bus);

/* --- disk.c --- */
int disk_set_format(Disk *d, const char *format, NovaException *e);
/* GiB of a flavor as bytes; InvalidInput for what no file can have. @what: "a root disk". */
int disk_gib(const char *what, int64_t n, uint64_t *ret, NovaException *e);
/* What all disks share at their end: @part, of @size bytes, gets its mode, and its blocks if they are wanted, and becomes d->path, which
 * is undone by @u. */
int disk_finish(DiskStore *s, Disk *d, const char *part, uint64_t size, Undo *u, NovaException *e);
/* A disk of @size bytes over, or of, @base; at least as large as that. */
int disk_from_base(DiskStore *s, Disk *d, const CachedImage *base, uint64_t size, const DriverHooks *hooks, Undo *u, NovaException *e);

/* --- disk-generated.c --- */
int disk_make_ephemerals(DiskStore *s, const DiskRequest *q, DiskPlan *p, Undo *u, NovaException *e);
int disk_make_swap(DiskStore *s, const DiskRequest *q, DiskPlan *p, Undo *u, NovaException *e);

/* --- snapshot.c --- */
void snapshots_sweep(DiskStore *s);      /* removes the work directories in which nobody works */

/* --- config-drive.c --- */
/* Makes the config drive at @path (mode 0600), which was not there. */
int config_drive_make(DiskStore *s, const DiskRequest *q, const char *path, NovaException *e);

/* The disks of an instance: made, found, removed. See disk.h. */
#include "virt/libvirt/disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "objects/instance-object.h"
#include "virt/libvirt/disk-private.h"

#define INFO "disk.info"

int disk_set_format(Disk *d, const char *format, NovaException *e) {
        free(d->format);
        d->format = strdup(format);
        return d->format ? 0 : exception_set_errno(e, -ENOMEM, "Naming a format");
}

/* --- one disk --- */

/* What all disks share: made as <path>.part, given its blocks if they are wanted, put in place, and undone if the rest fails. */
int disk_finish(DiskStore *s, Disk *d, const char *part, uint64_t size, Undo *u, NovaException *e) {
        int r;

        if (chmod(part, DISK_FILE_MODE) < 0)
                return disk_failed(-errno, "Making", d->path, e);
        if (s->preallocate && size > 0) {
                _cleanup_close_ int fd = open(part, O_RDWR | O_CLOEXEC);

                /* KEEP_SIZE: of a qcow2 the blocks lie behind its end until they are used. */
                if (fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) size) < 0)
                        return disk_failed(-errno, "Giving all its blocks to", d->path, e);
        }
        r = undo_add(u, d->path);
        if (r < 0)
                return exception_set_errno(e, r, "Making a disk");
        if (rename(part, d->path) < 0)
                return disk_failed(-errno, "Making", d->path, e);
        return 0;
}

static int make_overlay(const char *part, const char *base, const char *base_format, uint64_t size, const DriverHooks *hooks, NovaException *e) {
        char bytes[24];

        (void) snprintf(bytes, sizeof bytes, "%llu", (unsigned long long) size);
        return disk_tool("Making a disk over its base image", hooks, e, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", base_format,
                         part, bytes);
}

/* @from, which is raw, to the new file @to of at least @size bytes: sharing its blocks where the file system can, with holes
 * where there are any. */
static int copy_raw(const char *from, const char *to, uint64_t size, const DriverHooks *hooks, NovaException *e) {
        _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
        struct stat st;

        if (in < 0 || fstat(in, &st) < 0)
                return disk_failed(-errno, "Reading", from, e);
        out = disk_make_file(to, e);
        if (out < 0)
                return out;
        if (ioctl(out, FICLONE, in) < 0) {
                off_t at = 0;

                while (at < st.st_size) {
                        off_t data = lseek(in, at, SEEK_DATA), hole;

                        if (data < 0 && errno == ENXIO)         /* nothing but a hole is left */
                                break;
                        hole = data < 0 ? -1 : lseek(in, data, SEEK_HOLE);
                        if (hole < 0)
                                return disk_failed(-errno, "Reading", from, e);
                        for (at = data; at < hole;) {
                                off_t there = at;
                                ssize_t n = copy_file_range(in, &at, out, &there, MIN((size_t) (hole - at), (size_t) 16 << 20), 0);

                                if (n < 0 && errno == EINTR)
                                        continue;
                                if (n <= 0)
                                        return disk_failed(n < 0 ? -errno : -EIO, "Copying to", to, e);
                                if (hooks && hooks->cancelled && hooks->cancelled(hooks->userdata))
                                        return disk_failed(-ECANCELED, "Copying to", to, e);
                        }
                }
        }
        if (ftruncate(out, (off_t) MAX(size, (uint64_t) st.st_size)) < 0)
                return disk_failed(-errno, "Making", to, e);
        return 0;
}

static int make_copy(DiskStore *s, const char *part, const char *base, const char *base_format, uint64_t size, const DriverHooks *hooks,
                     NovaException *e) {
        int r = disk_copy_begin(s, hooks, e);

        if (r < 0)
                return r;
        if (streq(base_format, "raw"))
                r = copy_raw(base, part, size, hooks, e);
        else {
                r = disk_tool("Making a disk of its base image", hooks, e, "qemu-img", "convert", "-f", base_format, "-O", "raw", base, part);
                if (r >= 0 && truncate(part, (off_t) size) < 0)
                        r = disk_failed(-errno, "Making", part, e);
        }
        disk_copy_end(s);
        return r;
}

int disk_from_base(DiskStore *s, Disk *d, const CachedImage *base, uint64_t size, const DriverHooks *hooks, Undo *u, NovaException *e) {
        const char *format = disk_format_to_qemu(base->format);
        _cleanup_free_ char *part = NULL;
        int r;

        r = disk_path(&part, e, "%s.part", d->path);
        if (r < 0)
                return r;
        (void) unlink(part);
        size = MAX(size, base->virtual_size);
        r = disk_set_format(d, s->cow ? "qcow2" : "raw", e);
        if (r < 0)
                return r;
        r = s->cow ? make_overlay(part, base->path, format, size, hooks, e) : make_copy(s, part, base->path, format, size, hooks, e);
        if (r >= 0)
                r = disk_finish(s, d, part, size, u, e);
        if (r < 0)
                (void) unlink(part);
        return r;
}

static int small_enough(const json_t *meta, const Instance *i, NovaException *e) {
        int64_t min_ram = image_meta_integer(meta, "min_ram", 0), min_disk = image_meta_integer(meta, "min_disk", 0);
        bool ours = !exception_is_set(e);
        int r;

        if (i->memory_mb < min_ram)
                return exception_setf(e, EXC_FLAVOR_MEMORY_TOO_SMALL, "Flavor's memory is too small for requested image.");
        if (i->root_gb == 0 || i->root_gb >= min_disk)
                return 0;
        r = exception_setf(e, EXC_FLAVOR_DISK_SMALLER_THAN_MIN_DISK,
                           "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %lld bytes, minimum size is %lld bytes.",
                           (long long) i->root_gb << 30, (long long) MIN(min_disk, INT64_MAX >> 30) << 30);
        if (ours) {
                exception_kwarg(e, "flavor_size", json_integer((json_int_t) i->root_gb << 30));
                exception_kwarg(e, "image_min_disk", json_integer((json_int_t) MIN(min_disk, INT64_MAX >> 30) << 30));
        }
        return r;
}

/* Of a size that a file may have. */
int disk_gib(const char *what, int64_t n, uint64_t *ret, NovaException *e) {
        if (n < 0 || n > INT64_MAX >> 30)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s of %lld GiB", what, (long long) n);
        *ret = (uint64_t) n << 30;
        return 0;
}

/* @rescue: of an image of its own, as large as that is. */
static int make_root(DiskStore *s, const DiskRequest *q, Disk *d, bool rescue, Undo *u, NovaException *e) {
        _cleanup_(cached_image_done) CachedImage base = {};
        const char *id = json_member_string(q->image_meta, "id") ?: q->instance->image_ref;
        uint64_t size = 0;
        int r;

        if (isempty(id))
                return exception_setf(e, EXC_IMAGE_NOT_FOUND, "Image %s could not be found.", "");
        if (!rescue) {
                r = disk_gib("a root disk", q->instance->root_gb, &size, e);
                if (r >= 0)
                        r = small_enough(q->image_meta, q->instance, e);
                if (r < 0)
                        return r;
                /* Not to fetch what cannot fit. */
                if (size > 0 && (uint64_t) image_meta_integer(q->image_meta, "size", 0) > size)
                        return flavor_disk_too_small(size, (uint64_t) image_meta_integer(q->image_meta, "size", 0), e);
        }
        r = image_cache_fetch(s, id, q->image_meta, size, q->hooks, &base, e);
        if (r >= 0)
                r = driver_step(q->hooks, "disks", q->instance, e);
        return r < 0 ? r : disk_from_base(s, d, &base, size, q->hooks, u, e);
}

/* --- kernel and ramdisk --- */

/* The id of a kernel or ramdisk: of the instance, or of its image. "" and "nokernel" are none. */
static const char *boot_image(const DiskRequest *q, const char *field, bool rescue) {
        const char *id = rescue ? NULL : instance_text(q->instance, field);

        if (isempty(id))
                id = image_meta_property(q->image_meta, field);
        return isempty(id) || streq(id, "nokernel") ? NULL : id;
}

static int make_boot_file(DiskStore *s, const DiskRequest *q, const char *directory, const char *field, const char *name, bool rescue,
                          char **ret, Undo *u, NovaException *e) {
        const char *id = boot_image(q, field, rescue);
        _cleanup_(cached_image_done) CachedImage base = {};
        _cleanup_free_ char *path = NULL, *part = NULL;
        int r;

        if (!id)
                return 0;
        r = disk_path(&path, e, "%s/%s%s", directory, name, rescue ? ".rescue" : "");
        if (r >= 0)
                r = disk_path(&part, e, "%s.part", path);
        if (r >= 0 && !disk_exists(path)) {
                (void) unlink(part);
                r = image_cache_fetch_plain(s, id, q->hooks, &base, e);
                if (r >= 0)
                        r = copy_raw(base.path, part, 0, q->hooks, e);
                if (r >= 0 && undo_add(u, path) < 0)
                        r = exception_set_errno(e, -ENOMEM, "Making a disk");
                if (r >= 0 && rename(part, path) < 0)
                        r = disk_failed(-errno, "Making", path, e);
                if (r < 0)
                        (void) unlink(part);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

/* --- the directory --- */

/* What a file that is there is: by disk.info, which its maker wrote; else by itself. */
static int find_format(DiskStore *s, Disk *d, const json_t *info, NovaException *e) {
        const char *known = json_member_string(info, d->path);
        DiskInspection found;
        int r;

        if (d->format)
                return 0;
        if (d->config_drive)
                return disk_set_format(d, "raw", e);
        if (!isempty(known) && (streq(known, "raw") || streq(known, "qcow2")))
                return disk_set_format(d, known, e);
        if (!disk_exists(d->path))
                return disk_set_format(d, s->cow ? "qcow2" : "raw", e);
        r = disk_look(d->path, &found, e);
        return r < 0 ? r : disk_set_format(d, found.format == DISK_FORMAT_QCOW2 ? "qcow2" : "raw", e);
}

static json_t *read_info(const char *directory) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/" INFO, directory) < 0)
                return NULL;
        return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);      /* none, or none that can be read: the files tell */
}

/* disk.info keeps what the guest cannot change: a raw disk in which it wrote the header of a qcow2 stays raw. */
static int write_info(const DiskSet *set, NovaException *e) {
        json_auto_t *info = read_info(set->directory);
        _cleanup_free_ char *path = NULL, *text = NULL;
        bool changed = false;
        int r;

        if (!json_is_object(info)) {
                json_decref(info);
                info = json_object();
        }
        for (size_t i = 0; i < set->n; i++) {
                const Disk *d = &set->items[i];

                if (d->config_drive || streq_ptr(json_member_string(info, d->path), d->format))
                        continue;
                if (json_object_set_new(info, d->path, json_string(d->format)) < 0)
                        return exception_set_errno(e, -ENOMEM, "Writing " INFO);
                changed = true;
        }
        if (!changed)
                return 0;
        text = json_dumps(info, JSON_SORT_KEYS);
        if (!text)
                return exception_set_errno(e, -ENOMEM, "Writing " INFO);
        r = disk_path(&path, e, "%s/" INFO, set->directory);
        if (r < 0)
                return r;
        r = write_file_atomic(path, text, strlen(text), 0644);
        return r < 0 ? disk_failed(r, "Writing", path, e) : 0;
}

/* The directory; when it was not there it is what is undone. */
static int make_directory(const char *path, Undo *u, NovaException *e) {
        int r = disk_make_directory(path, e);

        if (r <= 0)
                return r;
        if (undo_add(u, path) < 0) {
                (void) rmdir(path);
                return exception_set_errno(e, -ENOMEM, "Making a directory");
        }
        return 0;
}

static int make_config_drive(DiskStore *s, const DiskRequest *q, DiskPlan *p, Undo *u, NovaException *e) {
        const Disk *d = p->config < 0 ? NULL : &p->set.items[p->config];

        if (!d || disk_exists(d->path))
                return 0;
        if (undo_add(u, d->path) < 0)
                return exception_set_errno(e, -ENOMEM, "Making the config drive");
        return config_drive_make(s, q, d->path, e);
}

static int make_all(DiskStore *s, const DiskRequest *q, DiskPlan *p, bool rescue, Undo *u, NovaException *e) {
        json_auto_t *info = NULL;
        DiskSet *set = &p->set;
        int r;

        r = driver_step(q->hooks, "image", q->instance, e);
        if (r >= 0)
                r = make_directory(set->directory, u, e);
        if (r >= 0 && p->root >= 0 && !disk_exists(set->items[p->root].path))
                r = make_root(s, q, &set->items[p->root], rescue, u, e);
        if (r >= 0)
                r = make_boot_file(s, q, set->directory, "kernel_id", "kernel", rescue, &set->kernel, u, e);
        if (r >= 0)
                r = make_boot_file(s, q, set->directory, "ramdisk_id", "ramdisk", rescue, &set->ramdisk, u, e);
        if (r >= 0 && !rescue)
                r = disk_make_ephemerals(s, q, p, u, e);
        if (r >= 0 && !rescue)
                r = disk_make_swap(s, q, p, u, e);
        if (r >= 0)
                info = read_info(set->directory);
        for (size_t i = 0; r >= 0 && i < set->n; i++)
                r = find_format(s, &set->items[i], info, e);
        if (r >= 0)
                r = write_info(set, e);
        if (r >= 0)
                r = driver_step(q->hooks, "config_drive", q->instance, e);
        if (r >= 0)
                r = make_config_drive(s, q, p, u, e);
        return r;
}

static void undo_free(Undo *u) {
        undo_done(u);
}

static int create(DiskStore *s, const DiskRequest *q, bool rescue, DiskSet *ret, NovaException *e) {
        _cleanup_(disk_plan_done) DiskPlan p = {};
        _cleanup_(undo_free) Undo u = {};
        int r;

        assert(s && q && q->instance && ret);

        /* What is left of an earlier rescue may be of another image. */
        r = rescue ? instance_rescue_disks_delete(s, q->instance, e) : 0;
        if (r >= 0)
                r = disk_plan_make(s, q, rescue, &p, e);
        if (r >= 0)
                r = make_all(s, q, &p, rescue, &u, e);
        if (r < 0) {
                undo_all(&u);
                return r;
        }
        *ret = p.set;
        p.set = (DiskSet){};
        return 0;
}

int instance_disks_create(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e) {
        return create(s, q, false, ret, e);
}

int instance_rescue_disks_create(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e) {
        return create(s, q, true, ret, e);
}

static int find_boot_file(const char *directory, const char *name, char **ret, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        int r = disk_path(&path, e, "%s/%s", directory, name);

        if (r >= 0 && disk_exists(path))
                *ret = TAKE_PTR(path);
        return r;
}

int instance_disks_plan(DiskStore *s, const DiskRequest *q, DiskSet *ret, NovaException *e) {
        _cleanup_(disk_plan_done) DiskPlan p = {};
        json_auto_t *info = NULL;
        int r;

        assert(s && q && q->instance && ret);

        r = disk_plan_make(s, q, false, &p, e);
        if (r >= 0)
                info = read_info(p.set.directory);
        for (size_t i = 0; r >= 0 && i < p.set.n; i++)
                r = find_format(s, &p.set.items[i], info, e);
        if (r >= 0)
                r = find_boot_file(p.set.directory, "kernel", &p.set.kernel, e);
        if (r >= 0)
                r = find_boot_file(p.set.directory, "ramdisk", &p.set.ramdisk, e);
        if (r < 0)
                return r;
        *ret = p.set;
        p.set = (DiskSet){};
        return 0;
}

int instance_disks_delete(DiskStore *s, const Instance *i, NovaException *e) {
        _cleanup_free_ char *path = NULL, *going = NULL;
        int r;

        r = disk_store_directory(s, i, &path, e);
        if (r >= 0)
                r = disk_path(&going, e, "%s_del", path);
        if (r < 0)
                return r;
        /* One step, so that a directory with half of its disks is never taken for an instance's. What an earlier try left goes too. */
        r = remove_tree(going);
        if (r >= 0 && rename(path, going) < 0 && errno != ENOENT)
                r = -errno;
        if (r >= 0)
                r = remove_tree(going);
        return r < 0 ? disk_failed(r, "Removing", path, e) : 0;
}

int instance_rescue_disks_delete(DiskStore *s, const Instance *i, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        json_auto_t *info = NULL;
        struct dirent *entry;
        const char *key;
        json_t *value;
        void *next;
        bool changed = false;
        DIR *d;
        int r;

        r = disk_store_directory(s, i, &path, e);
        if (r < 0)
                return r;
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : disk_failed(-errno, "Reading", path, e);
        while ((entry = readdir(d))) {
                size_t n = strlen(entry->d_name), m = strlen(".rescue");

                if (n > m && streq(entry->d_name + n - m, ".rescue") && unlinkat(dirfd(d), entry->d_name, 0) < 0 && errno != ENOENT && r >= 0)
                        r = disk_failed(-errno, "Removing", entry->d_name, e);
        }
        (void) closedir(d);

        info = read_info(path);
        json_object_foreach_safe(info, next, key, value) {
                size_t n = strlen(key), m = strlen(".rescue");

                if (n > m && streq(key + n - m, ".rescue")) {
                        (void) json_object_del(info, key);
                        changed = true;
                }
        }
        if (r >= 0 && changed) {
                _cleanup_free_ char *file = NULL, *text = json_dumps(info, JSON_SORT_KEYS);

                r = text ? disk_path(&file, e, "%s/" INFO, path) : exception_set_errno(e, -ENOMEM, "Writing " INFO);
                if (r >= 0)
                        r = write_file_atomic(file, text, strlen(text), 0644);
                if (r < 0 && file)
                        (void) disk_failed(r, "Writing", file, e);
        }
        return r;
}

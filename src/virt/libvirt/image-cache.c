/* The base files of disks, _base of instances_path (zed 6.8). A file comes into being under its lock: fetched to .part, looked
 * into, converted to .converted, and renamed when it is whole; so what is there under its own name may be used without a
 * lock. What a killed process left is removed by who takes the lock next, or by the ageing pass. See image-cache.h. */
#define LOG_LOGGER "nova.virt.libvirt.imagecache"
#include "virt/libvirt/image-cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/file-lock.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/path-util.h"
#include "virt/libvirt/disk-private.h"

int flavor_disk_too_small(uint64_t flavor, uint64_t image, NovaException *e) {
        bool ours = !exception_is_set(e);
        int r = exception_setf(e, EXC_FLAVOR_DISK_SMALLER_THAN_IMAGE,
                               "Flavor's disk is too small for requested image. Flavor disk is %llu bytes, image is %llu bytes.",
                               (unsigned long long) flavor, (unsigned long long) image);

        if (ours) {
                exception_kwarg(e, "flavor_size", json_integer((json_int_t) flavor));
                exception_kwarg(e, "image_size", json_integer((json_int_t) image));
        }
        return r;
}

static int unacceptable(const char *id, const char *reason, NovaException *e) {
        bool ours = !exception_is_set(e);
        int r = exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image %.200s is unacceptable: %s", id, reason);

        if (ours) {
                exception_kwarg(e, "image_id", json_sprintf("%.200s", id));
                exception_kwarg(e, "reason", json_string(reason));
        }
        return r;
}

static bool list_has(const char *const *list, const char *word) {
        for (; *list; list++)
                if (strcasecmp(*list, word) == 0)
                        return true;
        return false;
}

/* Whether what was fetched may be used, by its content and what is said about it. */
static int judge(DiskStore *s, const char *id, const json_t *meta, const DiskInspection *found, NovaException *e) {
        const char *declared = json_member_string(meta, "disk_format"), *is = disk_format_to_string(found->format);
        _cleanup_free_ char *reason = NULL;
        uint64_t most = (uint64_t) config_integer(s->config, "image.max_virtual_size_gb") * GIB;

        if (*found->why)
                return unacceptable(id, found->why, e);
        if (!disk_format_agrees(found, declared)) {
                if (asprintf(&reason, "Image content does not match disk_format: it is %s and is said to be %s", is, declared) < 0)
                        return exception_set_errno(e, -ENOMEM, "Looking into an image");
                return unacceptable(id, reason, e);
        }
        if (list_has(config_list(s->config, "compute.image_type_exclude_list"), is) ||
            (declared && list_has(config_list(s->config, "compute.image_type_exclude_list"), declared))) {
                bool ours = !exception_is_set(e);
                int r = exception_setf(e, EXC_INVALID_DISK_FORMAT, "Disk format %s is not acceptable", declared ?: is);

                if (ours)
                        exception_kwarg(e, "disk_format", json_string(declared ?: is));
                return r;
        }
        if (found->format == DISK_FORMAT_VMDK && !list_has(config_list(s->config, "compute.vmdk_allowed_types"), found->vmdk_type)) {
                if (asprintf(&reason, "Invalid VMDK create-type specified: %s", found->vmdk_type) < 0)
                        return exception_set_errno(e, -ENOMEM, "Looking into an image");
                return unacceptable(id, reason, e);
        }
        if (found->virtual_size == 0 || found->virtual_size > most) {
                if (asprintf(&reason, "its disk has %llu bytes; from 1 to %llu are taken", (unsigned long long) found->virtual_size,
                             (unsigned long long) most) < 0)
                        return exception_set_errno(e, -ENOMEM, "Looking into an image");
                return unacceptable(id, reason, e);
        }
        return 0;
}

static int download(DiskStore *s, const char *id, const char *part, const DriverHooks *hooks, json_t **ret_meta, NovaException *e) {
        _cleanup_close_ int fd = disk_make_file(part, e);
        ImageProgress p = disk_image_progress(hooks);

        if (fd < 0)
                return fd;
        return image_service_download(s->images, id, fd, &p, ret_meta, e);
}

/* @part becomes @path, in the format that is kept. */
static int keep(DiskStore *s, const char *id, const char *part, const char *converted, const char *path, const DiskInspection *found,
                const DriverHooks *hooks, NovaException *e) {
        const char *format = disk_format_to_qemu(found->format);
        _cleanup_free_ char *what = NULL;
        struct stat st;
        int r;

        if (!s->force_raw || streq(format, "raw"))
                return disk_put_in_place(part, path, e);
        r = disk_path(&what, e, "Converting image %.200s to raw", id);
        if (r >= 0)
                r = disk_copy_begin(s, hooks, e);
        if (r >= 0) {
                r = disk_tool(what, hooks, e, "qemu-img", "convert", "-f", format, "-O", "raw", part, converted);
                disk_copy_end(s);
        }
        /* Its bytes are a guest's and may look like anything; its size is the disk's. */
        if (r >= 0 && (chmod(converted, DISK_FILE_MODE) < 0 || stat(converted, &st) < 0))
                r = disk_failed(-errno, "Looking at", converted, e);
        if (r >= 0 && (uint64_t) st.st_size < found->virtual_size)
                r = unacceptable(id, "its disk is smaller than it says", e);
        if (r >= 0)
                r = disk_put_in_place(converted, path, e);
        return r;
}

/* Under the lock. */
static int fetch(DiskStore *s, const char *id, const json_t *meta, bool plain, uint64_t size_max, const char *path, const DriverHooks *hooks,
                 NovaException *e) {
        _cleanup_free_ char *part = NULL, *converted = NULL;
        json_auto_t *learned = NULL;
        DiskInspection found = {};
        int r;

        r = disk_path(&part, e, "%s.part", path);
        if (r >= 0)
                r = disk_path(&converted, e, "%s.converted", path);
        if (r < 0)
                return r;
        (void) unlink(part);
        (void) unlink(converted);

        r = download(s, id, part, hooks, &learned, e);
        if (r >= 0 && !plain) {
                r = disk_look(part, &found, e);
                if (r >= 0)
                        r = judge(s, id, learned, &found, e);
                if (r >= 0 && meta)     /* and what the caller was told */
                        r = judge(s, id, meta, &found, e);
                if (r >= 0 && size_max > 0 && found.virtual_size > size_max)
                        r = flavor_disk_too_small(size_max, found.virtual_size, e);
        }
        if (r >= 0)
                r = plain ? disk_put_in_place(part, path, e) : keep(s, id, part, converted, path, &found, hooks, e);
        (void) unlink(part);            /* what was converted, or failed */
        (void) unlink(converted);
        return r;
}

static int make_base(DiskStore *s, NovaException *e) {
        return disk_make_directory(s->base, e);
}

/* The cache goes by when a file was used last. Not ours to touch (another owner's): then it is young enough by itself, or used. */
static void touch(const char *path) {
        (void) utimensat(AT_FDCWD, path, NULL, 0);
}

static int described(DiskStore *s, const char *id, const char *path, bool plain, CachedImage *ret, NovaException *e) {
        CachedImage image = {.format = DISK_FORMAT_RAW};
        DiskInspection found = {};
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                return disk_failed(-errno, "Looking at", path, e);
        image.virtual_size = (uint64_t) st.st_size;
        if (!plain && !s->force_raw) {
                r = disk_look(path, &found, e);
                if (r < 0)
                        return r;
                if (*found.why)
                        return unacceptable(id, found.why, e);
                image.format = found.format;
                image.virtual_size = found.virtual_size;
        }
        image.path = strdup(path);
        if (!image.path)
                return exception_set_errno(e, -ENOMEM, "Naming a file");
        *ret = image;
        return 0;
}

static int get(DiskStore *s, const char *id, const json_t *meta, bool plain, uint64_t size_max, const DriverHooks *hooks, CachedImage *ret,
               NovaException *e) {
        _cleanup_(cached_image_done) CachedImage image = {};
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int lock = -1;
        char name[IMAGE_CACHE_NAME_MAX];
        int r;

        r = disk_path(&path, e, "%s/%s", s->base, image_cache_name(id, name));
        if (r < 0)
                return r;
        /* The lock also when it is there: the ageing pass may be about to take it away. */
        r = make_base(s, e);
        if (r >= 0)
                r = lock = disk_lock(s, name, hooks, e);
        if (r >= 0 && !disk_exists(path))
                r = fetch(s, id, meta, plain, size_max, path, hooks, e);
        if (r < 0)
                return r;
        touch(path);
        r = described(s, id, path, plain, &image, e);
        if (r < 0)
                return r;
        if (size_max > 0 && image.virtual_size > size_max)
                return flavor_disk_too_small(size_max, image.virtual_size, e);
        *ret = image;
        image = (CachedImage){};
        return 0;
}

int image_cache_fetch(DiskStore *s, const char *id, const json_t *meta, uint64_t size_max, const DriverHooks *hooks, CachedImage *ret,
                      NovaException *e) {
        return get(s, id, meta, false, size_max, hooks, ret, e);
}

int image_cache_fetch_plain(DiskStore *s, const char *id, const DriverHooks *hooks, CachedImage *ret, NovaException *e) {
        return get(s, id, NULL, true, 0, hooks, ret, e);
}

int image_cache_make(DiskStore *s, const char *name, int (*make)(const char *path, void *userdata, NovaException *e), void *userdata,
                     const DriverHooks *hooks, char **ret, NovaException *e) {
        _cleanup_free_ char *path = NULL, *part = NULL;
        _cleanup_close_ int lock = -1;
        int r;

        r = disk_path(&path, e, "%s/%s", s->base, name);
        if (r >= 0)
                r = disk_path(&part, e, "%s.part", path);
        if (r >= 0)
                r = make_base(s, e);
        if (r >= 0)
                r = lock = disk_lock(s, name, hooks, e);
        if (r >= 0 && !disk_exists(path)) {
                (void) unlink(part);
                r = make(part, userdata, e);
                if (r >= 0)
                        r = disk_put_in_place(part, path, e);
                if (r < 0)
                        (void) unlink(part);
        }
        if (r < 0)
                return r;
        touch(path);
        *ret = TAKE_PTR(path);
        return 0;
}

int image_cache_prefetch(DiskStore *s, const char *id, const DriverHooks *hooks, NovaException *e) {
        _cleanup_(cached_image_done) CachedImage image = {};
        _cleanup_free_ char *path = NULL;
        char name[IMAGE_CACHE_NAME_MAX];
        bool there;
        int r;

        r = disk_path(&path, e, "%s/%s", s->base, image_cache_name(id, name));
        if (r < 0)
                return r;
        there = disk_exists(path);
        r = image_cache_fetch(s, id, NULL, 0, hooks, &image, e);
        return r < 0 ? r : !there;
}

/* The ageing pass of the image cache. What is used is found out twice, by the instances we know and by the disks that are there,
 * and either keeps a file. See image-cache.h. */
#define LOG_LOGGER "nova.virt.libvirt.imagecache"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/file-lock.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/path-util.h"
#include "objects/instance-object.h"
#include "virt/libvirt/disk-private.h"
#include "virt/libvirt/image-cache.h"

static int add_image(json_t *used, const char *id) {
        char name[IMAGE_CACHE_NAME_MAX];

        return isempty(id) ? 0 : json_object_set_new(used, image_cache_name(id, name), json_true());
}

/* Names of files in the cache that an instance of ours is made of. */
static int used_by_instances(const InstanceList *all, json_t *used) {
        for (size_t n = 0; n < all->n; n++) {
                const Instance *i = &all->items[n];

                if (i->deleted)
                        continue;
                if (add_image(used, i->image_ref) < 0 || add_image(used, instance_text(i, "kernel_id")) < 0 ||
                    add_image(used, instance_text(i, "ramdisk_id")) < 0 || add_image(used, instance_image_property(i, "kernel_id")) < 0 ||
                    add_image(used, instance_image_property(i, "ramdisk_id")) < 0 ||
                    add_image(used, instance_system_metadata_get(i, "image_base_image_ref")) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int used_by_disks_of(int folder, json_t *used) {
        _cleanup_(closedirp) DIR *d = NULL;
        struct dirent *entry;
        int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                closep(&copy);
                return -errno;
        }
        while ((entry = readdir(d))) {
                _cleanup_free_ char *name = NULL;
                _cleanup_close_ int fd = -1;

                if (entry->d_name[0] == '.')
                        continue;
                fd = openat(folder, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
                if (fd < 0 && (errno == EACCES || errno == EPERM) && startswith(entry->d_name, "disk") && !startswith(entry->d_name, "disk.config"))
                        return -errno;
                if (fd < 0)
                        continue;
                if (disk_backing(fd, &name) < 0 || (name && json_object_set_new(used, path_basename(name), json_true()) < 0))
                        return -ENOMEM;
        }
        return 0;
}

/* All folders of instances_path: of instances, of their resizes, of those being deleted, of snapshots. */
static int used_by_disks(DiskStore *s, json_t *used, NovaException *e) {
        _cleanup_(closedirp) DIR *d = opendir(s->instances);
        struct dirent *entry;

        if (!d)
                return errno == ENOENT ? 0 : disk_failed(-errno, "Reading", s->instances, e);
        while ((entry = readdir(d))) {
                _cleanup_close_ int folder = -1;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                folder = openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (folder < 0)
                        continue;
                r = used_by_disks_of(folder, used);
                if (r < 0)      /* what we cannot read may use anything: nothing is removed then */
                        return disk_failed(r, "Reading", entry->d_name, e);
        }
        return 0;
}

/* Whether it is of the cache's own making: an image, what Essex made of one, an ephemeral disk, swap. */
static bool is_cached_name(const char *name) {
        size_t hex = strspn(name, "0123456789abcdef");

        return (hex == 40 && (!name[40] || name[40] == '_' || name[40] == '.')) || startswith(name, "ephemeral_") || startswith(name, "swap_");
}

static bool is_half_made(const char *name) {
        return endswith(name, ".part") || endswith(name, ".converted");
}

/* Looks again under the lock: somebody may have come for it. */
static bool remove_cached(DiskStore *s, const char *name, int64_t age, bool half_made) {
        _cleanup_free_ char *path = NULL, *lock_path = NULL, *locked = strdup(name);
        _cleanup_close_ int lock = -1;
        struct timespec now;
        struct stat st;

        if (!locked)
                return false;
        if (half_made)
                *strrchr(locked, '.') = '\0';
        if (asprintf(&path, "%s/%s", s->base, name) < 0 || asprintf(&lock_path, "%s/nova-%s", s->locks, locked) < 0)
                return false;
        lock = disk_make_directory(s->locks, NULL) < 0 ? -1 : file_lock(lock_path);
        if (lock < 0 || stat(path, &st) < 0)
                return false;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        if (!half_made && now.tv_sec - st.st_mtim.tv_sec < age)
                return false;
        if (unlink(path) < 0) {
                log_warning("%s could not be removed: %m", path);
                return false;
        }
        log_info("Removed %s of the image cache: %s", path, half_made ? "it was left half made" : "nobody has used it of late");
        return true;
}

int image_cache_age(DiskStore *s, const InstanceList *all, unsigned *ret_removed, NovaException *e) {
        bool remove = config_boolean(s->config, "image_cache.remove_unused_base_images");
        int64_t age = config_integer(s->config, "image_cache.remove_unused_original_minimum_age_seconds");
        int64_t resized_age = config_integer(s->config, "image_cache.remove_unused_resized_minimum_age_seconds");
        _cleanup_(closedirp) DIR *d = NULL;
        json_auto_t *used = json_object();
        struct dirent *entry;
        unsigned removed = 0;
        int r;

        if (ret_removed)
                *ret_removed = 0;
        d = opendir(s->base);
        if (!d)
                return errno == ENOENT ? 0 : disk_failed(-errno, "Reading", s->base, e);
        if (!used || used_by_instances(all, used) < 0)
                return exception_set_errno(e, -ENOMEM, "Looking at the image cache");
        r = used_by_disks(s, used, e);
        if (r < 0)
                return r;

        while ((entry = readdir(d))) {
                bool half_made = is_half_made(entry->d_name);

                if (!is_cached_name(entry->d_name)) {
                        if (entry->d_name[0] != '.')
                                log_warning("Unknown base file: %s/%s", s->base, entry->d_name);
                        continue;
                }
                /* Essex's copies of a certain size; e of ephemeral is a hexadecimal digit too */
                bool resized = strspn(entry->d_name, "0123456789abcdef") == 40 && entry->d_name[40] == '_';

                if (!half_made && json_object_get(used, entry->d_name))
                        (void) utimensat(dirfd(d), entry->d_name, NULL, AT_SYMLINK_NOFOLLOW);
                else if (half_made || remove)
                        removed += remove_cached(s, entry->d_name, resized ? resized_age : age, half_made);
        }
        if (ret_removed)
                *ret_removed = removed;
        return 0;
}

void image_cache_tidy(DiskStore *s) {
        _cleanup_(closedirp) DIR *d = opendir(s->base);
        struct dirent *entry;

        while (d && (entry = readdir(d)))
                if (is_cached_name(entry->d_name) && is_half_made(entry->d_name))
                        (void) remove_cached(s, entry->d_name, 0, true);
}

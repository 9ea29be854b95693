/* Snapshots: the work directory, extraction by qemu-img, upload (zed 7.7). See disk.h. */
#define LOG_LOGGER "nova.virt.libvirt"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "basic/log.h"
#include "basic/path-util.h"
#include "virt/libvirt/disk-private.h"

#define WORK "tmp"

void snapshot_done(Snapshot *s) {
        if (s->directory)
                (void) remove_tree(s->directory);
        if (s->lock > 0)
                (void) close(s->lock);
        free(s->directory);
        free(s->delta);
        free(s->file);
        free(s->format);
        *s = (Snapshot){};
}

void snapshots_sweep(DiskStore *s) {
        DIR *d = opendir(s->snapshots);
        struct dirent *entry;

        while (d && (entry = readdir(d))) {
                _cleanup_close_ int fd = -1;
                _cleanup_free_ char *path = NULL;

                if (!startswith(entry->d_name, WORK) || strlen(entry->d_name) <= strlen(WORK))
                        continue;
                fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || asprintf(&path, "%s/%s", s->snapshots, entry->d_name) < 0)
                        continue;
                log_info("Removing %s: the snapshot that was made there did not come to its end", path);
                (void) remove_tree(path);
        }
        if (d)
                (void) closedir(d);
}

int disk_extract(DiskStore *s, const char *disk, const char *format, const char *to, const char *to_format, const DriverHooks *hooks,
                 NovaException *e) {
        bool compress = streq(to_format, "qcow2") && config_boolean(s->config, "libvirt.snapshot_compression");
        int r;

        if (disk_exists(to))
                return disk_failed(-EEXIST, "Extracting to", to, e);
        r = disk_copy_begin(s, hooks, e);
        if (r < 0)
                return r;
        if (compress)
                r = disk_tool("Extracting a disk", hooks, e, "qemu-img", "convert", "-c", "-f", format, "-O", to_format, disk, to);
        else
                r = disk_tool("Extracting a disk", hooks, e, "qemu-img", "convert", "-f", format, "-O", to_format, disk, to);
        disk_copy_end(s);
        if (r < 0)
                (void) unlink(to);
        return r;
}

/* The format of an instance's disk: what disk.info says, which the guest cannot change; else what it is found to be. */
static int format_of(const char *disk, const char **ret, NovaException *e) {
        _cleanup_free_ char *directory = strndup(disk, (size_t) (path_basename(disk) - disk)), *path = NULL;
        json_auto_t *info = NULL;
        DiskInspection found;
        const char *known;
        int r;

        if (!directory)
                return exception_set_errno(e, -ENOMEM, "Looking at a disk");
        r = disk_path(&path, e, "%sdisk.info", directory);
        if (r < 0)
                return r;
        info = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
        known = json_member_string(info, disk);
        if (known && (streq(known, "raw") || streq(known, "qcow2"))) {
                *ret = streq(known, "raw") ? "raw" : "qcow2";
                return 0;
        }
        r = disk_look(disk, &found, e);
        if (r >= 0)
                *ret = found.format == DISK_FORMAT_QCOW2 ? "qcow2" : "raw";
        return r;
}

int snapshot_begin(DiskStore *s, const char *disk, bool live, Snapshot *ret, NovaException *e) {
        _cleanup_(snapshot_done) Snapshot n = {};
        _cleanup_free_ char *backing = NULL;
        char bytes[24];
        uint64_t size;
        int r;

        r = disk_make_directory(s->snapshots, e);
        if (r >= 0)
                r = disk_path(&n.directory, e, "%s/" WORK "XXXXXX", s->snapshots);
        if (r < 0)
                return r;
        if (!mkdtemp(n.directory)) {
                r = disk_failed(-errno, "Making", n.directory, e);
                free(n.directory);
                n.directory = NULL;
                return r;
        }
        n.lock = open(n.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (n.lock < 0 || flock(n.lock, LOCK_EX | LOCK_NB) < 0)
                return disk_failed(-errno, "Locking", n.directory, e);
        if (live) {
                /* The hypervisor's user writes the delta: it may pass, not look. */
                if (chmod(n.directory, 0701) < 0)
                        return disk_failed(-errno, "Making", n.directory, e);
                r = disk_path(&n.delta, e, "%s/delta", n.directory);
                if (r >= 0)
                        r = disk_chain(disk, &size, &backing, e);
                if (r < 0)
                        return r;
                (void) snprintf(bytes, sizeof bytes, "%llu", (unsigned long long) size);
                if (backing) {
                        DiskInspection base;

                        r = disk_look(backing, &base, e);
                        if (r >= 0)
                                r = disk_tool("Making a snapshot", NULL, e, "qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F",
                                              s->force_raw ? "raw" : disk_format_to_qemu(base.format), n.delta, bytes);
                } else
                        r = disk_tool("Making a snapshot", NULL, e, "qemu-img", "create", "-q", "-f", "qcow2", n.delta, bytes);
                if (r < 0)
                        return r;
        }
        *ret = n;
        n = (Snapshot){};
        return 0;
}

int snapshot_extract(DiskStore *s, Snapshot *snapshot, const char *disk, const DriverHooks *hooks, NovaException *e) {
        const char *format = config_string(s->config, "libvirt.snapshot_image_format"), *from = snapshot->delta ?: disk, *source = "qcow2";
        _cleanup_free_ char *file = NULL, *kept = NULL;
        int r = 0;

        if (!snapshot->delta || isempty(format))
                r = format_of(disk, &source, e);
        if (r < 0)
                return r;
        kept = strdup(isempty(format) ? source : format);
        if (!kept)
                return exception_set_errno(e, -ENOMEM, "Making a snapshot");
        r = disk_path(&file, e, "%s/snapshot", snapshot->directory);
        if (r >= 0)
                r = disk_extract(s, from, snapshot->delta ? "qcow2" : source, file, kept, hooks, e);
        if (r < 0)
                return r;
        snapshot->file = TAKE_PTR(file);
        snapshot->format = TAKE_PTR(kept);
        return 0;
}

int snapshot_upload(DiskStore *s, const Snapshot *snapshot, const char *image_id, const json_t *image_meta, const DriverHooks *hooks,
                    NovaException *e) {
        json_auto_t *meta = image_meta ? json_copy((json_t *) image_meta) : json_object();
        ImageProgress p = disk_image_progress(hooks);

        if (!snapshot->file)
                return exception_set_errno(e, -ENOENT, "Uploading a snapshot");
        if (json_object_set_new(meta, "disk_format", json_string(snapshot->format)) < 0 ||
            json_object_set_new(meta, "container_format", json_string("bare")) < 0)
                return exception_set_errno(e, -ENOMEM, "Uploading a snapshot");
        return image_service_upload(s->images, image_id, meta, snapshot->file, &p, e);
}

/* What there is of an instance's disks, from their headers. See disk.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "virt/libvirt/disk-private.h"

static bool is_disk(const char *name) {
        size_t n = strlen(name);

        if (!startswith(name, "disk") || streq(name, "disk.info") || startswith(name, "disk.config"))
                return false;
        return n < 5 || !streq(name + n - 5, ".part");
}

static json_t *describe(int folder, const char *directory, const char *name, const json_t *known) {
        _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        _cleanup_free_ char *backing = NULL, *path = NULL;
        DiskInspection found;
        const char *type;
        uint64_t size, allocated;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || asprintf(&path, "%s/%s", directory, name) < 0)
                return NULL;
        if (disk_inspect(fd, (uint64_t) st.st_size, &found) < 0)
                return NULL;
        type = found.format == DISK_FORMAT_QCOW2 && !streq(strempty(json_member_string(known, path)), "raw") ? "qcow2" : "raw";
        if (streq(type, "qcow2") && disk_backing(fd, &backing) < 0)
                return NULL;
        size = streq(type, "raw") ? (uint64_t) st.st_size : found.virtual_size;
        allocated = (uint64_t) st.st_blocks * 512;
        return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "type", type, "path", path, "virt_disk_size", (json_int_t) size, "backing_file",
                         backing ? path_basename(backing) : "", "disk_size", (json_int_t) allocated, "over_committed_disk_size",
                         (json_int_t) (size > allocated ? size - allocated : 0));
}

static int by_path(const void *a, const void *b) {
        return strcmp(json_member_string(*(json_t *const *) a, "path"), json_member_string(*(json_t *const *) b, "path"));
}

int instance_disks_info(DiskStore *s, const Instance *i, json_t **ret, NovaException *e) {
        json_auto_t *known = NULL, *list = json_array();
        _cleanup_free_ char *directory = NULL, *info = NULL;
        json_t *items[64];
        struct dirent *entry;
        size_t n = 0;
        DIR *d;
        int r;

        r = disk_store_directory(s, i, &directory, e);
        if (r >= 0)
                r = disk_path(&info, e, "%s/disk.info", directory);
        if (r < 0)
                return r;
        d = opendir(directory);
        if (!d && errno != ENOENT)
                return disk_failed(-errno, "Reading", directory, e);
        known = json_load_file(info, JSON_REJECT_DUPLICATES, NULL);
        while (d && n < ELEMENTSOF(items) && (entry = readdir(d))) {
                if (!is_disk(entry->d_name))
                        continue;
                items[n] = describe(dirfd(d), directory, entry->d_name, known);
                n += items[n] != NULL;          /* one that went meanwhile is none */
        }
        if (d)
                (void) closedir(d);
        if (n > 0)
                qsort(items, n, sizeof *items, by_path);
        for (size_t k = 0; k < n; k++)
                if (json_array_append_new(list, items[k]) < 0)
                        r = -ENOMEM;
        if (r < 0)
                return exception_set_errno(e, r, "Listing disks");
        *ret = TAKE_PTR(list);
        return 0;
}

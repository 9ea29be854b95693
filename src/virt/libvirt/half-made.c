/* What a process that was ended left half made: files that have their name once they are whole (<name>.part), work directories of
 * snapshots, base files, images. See disk.h. */
#define LOG_LOGGER "nova.virt.libvirt"
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "basic/log.h"
#include "virt/libvirt/disk-private.h"
#include "virt/libvirt/image-cache.h"

/* Nobody makes anything in it meanwhile: who does has the instance's turn, as our caller. */
void disks_tidy(DiskStore *s, const Instance *i) {
        _cleanup_free_ char *path = NULL;
        struct dirent *entry;
        DIR *d;

        if (disk_store_directory(s, i, &path, NULL) < 0)
                return;
        d = opendir(path);
        if (!d)
                return;
        while ((entry = readdir(d))) {
                size_t n = strlen(entry->d_name), m = strlen(".part");

                if (n <= m || !streq(entry->d_name + n - m, ".part"))
                        continue;
                if (unlinkat(dirfd(d), entry->d_name, 0) >= 0)
                        log_info("Removed %s/%s: it was left half made", path, entry->d_name);
                else if (errno != ENOENT)
                        log_warning("%s/%s was left half made and could not be removed: %m", path, entry->d_name);
        }
        (void) closedir(d);
}

void disks_tidy_store(DiskStore *s) {
        snapshots_sweep(s);
        image_cache_tidy(s);
        image_service_tidy(s->images);
}

/* Where the files of instances are. See disk.h. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "basic/id.h"
#include "virt/libvirt/disk-private.h"

static char *without_slash(const char *path) {
        char *copy = strdup(path);

        for (size_t n = copy ? strlen(copy) : 0; n > 1 && copy[n - 1] == '/'; n--)
                copy[n - 1] = '\0';
        return copy;
}

int disk_store_new(DiskStore **ret, const Config *config, NovaException *e) {
        const char *instances = config_string(config, "instances_path"), *type = config_string(config, "libvirt.images_type");
        const char *base = config_string(config, "image_cache.subdirectory_name");
        const char *snapshots = config_string(config, "libvirt.snapshots_directory");
        _cleanup_(disk_store_freep) DiskStore *s = calloc(1, sizeof *s);
        int r;

        assert(ret && config);

        if (!s)
                return exception_set_errno(e, -ENOMEM, "Making the store of disks");
        (void) pthread_mutex_init(&s->lock, NULL);
        (void) pthread_cond_init(&s->ended, NULL);
        if (isempty(instances) || *instances != '/')
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "instances_path \"%s\" is no absolute path.", strempty(instances));
        if (isempty(base) || strchr(base, '/') || *base == '.')
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "[image_cache] subdirectory_name \"%s\" is no name of a directory.",
                                      strempty(base));
        if (isempty(snapshots) || *snapshots != '/')
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "[libvirt] snapshots_directory \"%s\" is no absolute path.",
                                      strempty(snapshots));
        if (streq(type, "default"))
                s->cow = config_boolean(config, "use_cow_images");
        else if (streq(type, "qcow2"))
                s->cow = true;
        else if (!streq(type, "raw") && !streq(type, "flat"))
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "[libvirt] images_type \"%s\" is not built; raw and qcow2 are.", type);
        s->force_raw = config_boolean(config, "force_raw_images");
        s->preallocate = streq(config_string(config, "preallocate_images"), "space");

        s->copies_max = (unsigned) MIN(config_integer(config, "compute.max_concurrent_disk_ops"), (int64_t) UINT_MAX);
        s->config = config_ref((Config *) config);
        if (!(s->instances = without_slash(instances)) || !(s->snapshots = without_slash(snapshots)) ||
            asprintf(&s->base, "%s/%s", s->instances, base) < 0 || asprintf(&s->locks, "%s/locks", s->instances) < 0)
                return exception_set_errno(e, -ENOMEM, "Making the store of disks");
        r = image_service_new(&s->images, config, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

DiskStore *disk_store_free(DiskStore *s) {
        if (!s)
                return NULL;
        image_service_free(s->images);
        (void) pthread_cond_destroy(&s->ended);
        (void) pthread_mutex_destroy(&s->lock);
        config_unref(s->config);
        free(s->instances);
        free(s->base);
        free(s->locks);
        free(s->snapshots);
        free(s);
        return NULL;
}

ImageService *disk_store_images(DiskStore *s) {
        return s->images;
}

const char *disk_store_snapshots_path(const DiskStore *s) {
        return s->snapshots;
}

const char *disk_store_instances_path(const DiskStore *s) {
        return s->instances;
}

int disk_store_directory(const DiskStore *s, const Instance *i, char **ret, NovaException *e) {
        if (!uuid_is_valid(strempty(i->uuid)))
                return exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %.100s.", strempty(i->uuid));
        return disk_path(ret, e, "%s/%s", s->instances, i->uuid);
}

void disk_set_done(DiskSet *s) {
        for (size_t i = 0; i < s->n; i++) {
                Disk *d = &s->items[i];

                free(d->name);
                free(d->path);
                free(d->format);
                free(d->device);
                free(d->bus);
                free(d->target);
        }
        free(s->items);
        free(s->directory);
        free(s->kernel);
        free(s->ramdisk);
        *s = (DiskSet){};
}

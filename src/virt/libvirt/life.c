/* A guest comes and goes: spawn, and destroy with all that is left of one. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/libvirt/image-cache.h"
#include "virt/libvirt/xml.h"

static int exists(const Instance *i, NovaException *e) {
        int r = exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", strempty(i->name ?: i->uuid));

        exception_kwarg(e, "name", json_string(strempty(i->name ?: i->uuid)));
        return r;
}

/* What must be right before anything is made: the wishes, and that nobody has this uuid or name. Its use of the connection ends
 * with it: an image may take its time to come. */
static int check_first(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *image_meta,
                       const json_t *network_info, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(guest_request_done) GuestRequest g = {};
        _cleanup_(domain_freep) virDomainPtr by_uuid = NULL, by_name = NULL;
        _cleanup_free_ char *xml = NULL;
        int r;

        if (libvirt_use(&u, driver, "spawn", e) < 0)
                return u.r;
        by_uuid = virDomainLookupByUUIDString(u.connection, strempty(i->uuid));
        by_name = by_uuid || isempty(i->name) ? NULL : virDomainLookupByName(u.connection, i->name);
        if (by_uuid || by_name)
                return exists(i, e);
        r = guest_request_init(&g, &u, context, i, image_meta, network_info, e);
        return r < 0 ? r : domain_xml(&g.xml, &xml, e);
}

/* The half of a spawn that needs libvirt: @disks are made. The guest runs afterwards, or there is none. */
static int spawn_domain(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *image_meta,
                        const json_t *network_info, const DiskSet *disks, const DriverHooks *hooks, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(guest_request_done) GuestRequest g = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        bool wait = hooks && hooks->wait_plugged && json_array_size(network_info) > 0;
        int r;

        if (libvirt_use(&u, driver, "spawn", e) < 0)
                return u.r;
        r = driver_step(hooks, "domain", i, e);
        if (r >= 0)
                r = guest_request_init(&g, &u, context, i, image_meta, network_info, e);
        if (r >= 0)
                r = guest_request_set_disks(&g, disks, e);
        if (r >= 0)
                r = guest_request_start(&g, wait, &domain, e);
        if (r >= 0 && wait) {
                libvirt_use_again(&u, true);
                r = driver_step(hooks, "plugged", i, e);
                if (r >= 0)
                        r = driver_wait_plugged(hooks, e);
                libvirt_use_again(&u, false);
                if (r >= 0 && virDomainResume(domain) < 0)
                        r = libvirt_failed(&u, "Resuming a domain", i, e);
        }
        if (r < 0) {
                if (domain) {
                        (void) guest_stop(&u, domain, i, NULL);
                        (void) guest_undefine(&u, domain, i, false, NULL);
                }
                (void) guest_filters_undefine(&u, i, NULL);
                return r;
        }
        g.keep_ports = true;
        return 0;
}

static int libvirt_spawn(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *image_meta,
                         const json_t *injected_files, const char *admin_password, const json_t *network_info,
                         const json_t *block_device_info, const DriverHooks *hooks, NovaException *e) {
        LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);
        _cleanup_(disk_set_done) DiskSet disks = {};
        json_auto_t *kept = NULL;
        _cleanup_free_ char *directory = NULL;
        struct stat st;
        bool was_there;
        DiskRequest q;
        int r;

        if (!image_meta || json_object_size(image_meta) == 0) {
                image_meta = kept = image_meta_from_instance(i);
                if (!kept)
                        return exception_set_errno(e, -ENOMEM, "The image of an instance");
        }
        r = check_first(driver, context, i, image_meta, network_info, e);
        if (r >= 0)
                r = disk_store_directory(d->disks, i, &directory, e);
        if (r < 0)
                return r;

        was_there = lstat(directory, &st) >= 0;
        q = (DiskRequest){ .instance = i, .image_meta = image_meta, .block_device_info = block_device_info, .network_info = network_info,
                           .injected_files = injected_files, .admin_password = admin_password, .hooks = hooks };
        r = instance_disks_create(d->disks, &q, &disks, e);
        if (r >= 0)
                r = spawn_domain(driver, context, i, image_meta, network_info, &disks, hooks, e);
        if (r < 0 && !was_there)
                (void) instance_disks_delete(d->disks, i, NULL);
        if (r >= 0)
                driver_progress(hooks, 100);
        return r;
}

/* The domain goes, whatever state it is in; absent is fine. */
static int remove_domain(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_exception_ NovaException why = {};
        int r;

        if (libvirt_use(&u, driver, method, e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, &why);
        if (r < 0 && !exception_is(&why, EXC_INSTANCE_NOT_FOUND)) {
                if (e)
                        exception_move(e, &why);
                return r;
        }
        if (r >= 0) {
                r = guest_check_ours(&u, domain, i, e);
                if (r >= 0)
                        r = guest_stop(&u, domain, i, e);
                if (r >= 0)
                        r = guest_undefine(&u, domain, i, false, e);
                if (r < 0)
                        return r;
                guest_ports_give_back(u.d, doc);
        }
        return guest_filters_undefine(&u, i, e);
}

static int libvirt_destroy(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                           const json_t *network_info _unused_, const json_t *block_device_info _unused_, bool destroy_disks,
                           NovaException *e) {
        LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);
        int r;

        r = remove_domain(driver, "destroy", i, e);
        if (r >= 0 && destroy_disks)
                r = instance_disks_delete(d->disks, i, e);
        return r;
}

static int libvirt_cleanup(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *network_info,
                           const json_t *block_device_info, bool destroy_disks, NovaException *e) {
        return libvirt_destroy(driver, context, i, network_info, block_device_info, destroy_disks, e);
}

static int libvirt_get_instance_disk_info(ComputeDriver *driver, const Instance *i, char **ret, NovaException *e) {
        LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);
        json_auto_t *info = NULL;
        int r;

        r = instance_disks_info(d->disks, i, &info, e);
        if (r < 0)
                return r;
        *ret = json_text(info);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "The disks of an instance");
}

static int libvirt_manage_image_cache(ComputeDriver *driver, const InstanceList *all, NovaException *e) {
        return image_cache_age(CONTAINER_OF(driver, LibvirtDriver, base)->disks, all, NULL, e);
}

static int libvirt_cache_image(ComputeDriver *driver, const RequestContext *c _unused_, const char *image_id, NovaException *e) {
        return image_cache_prefetch(CONTAINER_OF(driver, LibvirtDriver, base)->disks, image_id, NULL, e);
}

void libvirt_life_ops(ComputeDriverOps *ops) {
        ops->spawn = libvirt_spawn;
        ops->destroy = libvirt_destroy;
        ops->cleanup = libvirt_cleanup;
        ops->get_instance_disk_info = libvirt_get_instance_disk_info;
        ops->manage_image_cache = libvirt_manage_image_cache;
        ops->cache_image = libvirt_cache_image;
}

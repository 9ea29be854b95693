/* Rescue: the guest is started from another disk, with its own beside it; and put back (zed 7.4). The description that it had is kept
 * in unrescue.xml of its directory, as Nova's, until it has it again. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/host-info.h"
#include "virt/libvirt/xml.h"

#define UNRESCUE_XML "unrescue.xml"

static int unrescue_path(const char *directory, char **ret, NovaException *e) {
        return asprintf(ret, "%s/" UNRESCUE_XML, directory) < 0 ? exception_set_errno(e, -ENOMEM, UNRESCUE_XML) : 0;
}

/* Whole or not at all, and never over one that is there: that one is the true one, of a rescue that was cut off. 1 = made, 0 = there. */
static int keep_xml(const char *path, const char *xml, NovaException *e) {
        _cleanup_free_ char *part = NULL;
        const size_t size = strlen(xml);
        struct stat st;
        int fd, r = 0;

        if (lstat(path, &st) >= 0)
                return 0;
        if (asprintf(&part, "%s.part", path) < 0)
                return exception_set_errno(e, -ENOMEM, path);
        fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return exception_set_errno(e, -errno, part);
        for (size_t done = 0; r >= 0 && done < size;) {
                ssize_t n = write(fd, xml + done, size - done);

                if (n < 0 && errno != EINTR)
                        r = -errno;
                else if (n > 0)
                        done += (size_t) n;
        }
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        (void) close(fd);
        if (r >= 0 && rename(part, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(part);
                return exception_set_errno(e, r, path);
        }
        return 1;
}

/* The image to start from: that of the request, else the host's rescue_image_id, else the instance's own; with the host's kernel. */
static int rescue_image(LibvirtDriver *d, const Instance *i, const json_t *given, json_t **ret, NovaException *e) {
        json_auto_t *meta = NULL;
        json_t *properties;
        int r;

        if (json_member_string(given, "id"))
                meta = json_deep_copy(given);
        else if (d->rescue_image) {
                r = image_service_show(disk_store_images(d->disks), d->rescue_image, &meta, e);
                if (r < 0)
                        return r;
        } else
                meta = image_meta_from_instance(i);
        properties = json_object_get(meta, "properties");
        if (meta && !json_is_object(properties)) {
                properties = json_object();
                if (json_object_set_new(meta, "properties", properties) < 0)
                        properties = NULL;
        }
        if (!meta || !properties || (d->rescue_kernel && json_object_set_new(properties, "kernel_id", json_string(d->rescue_kernel)) < 0) ||
            (d->rescue_ramdisk && json_object_set_new(properties, "ramdisk_id", json_string(d->rescue_ramdisk)) < 0))
                return exception_set_errno(e, -ENOMEM, "The image of a rescue");
        *ret = json_incref(meta);
        return 0;
}

static int libvirt_rescue(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *network_info,
                          const json_t *image_meta, const char *rescue_password, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(guest_request_done) GuestRequest g = {};
        _cleanup_(domain_freep) virDomainPtr before = NULL, domain = NULL;
        _cleanup_(disk_set_done) DiskSet disks = {};
        _cleanup_free_ char *xml = NULL, *former = NULL, *path = NULL;
        json_auto_t *meta = NULL;
        int r, made = 0;

        r = guest_use(&u, driver, "rescue", i, &before, e);
        if (r < 0)
                return r;
        former = virDomainGetXMLDesc(before, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
        if (!former)
                return libvirt_failed(&u, "The description of a domain", i, e);

        libvirt_use_again(&u, true);            /* images may have to come */
        r = rescue_image(u.d, i, image_meta, &meta, e);
        if (r >= 0)
                r = guest_request_init(&g, &u, context, i, NULL, network_info, e);
        if (r >= 0)
                r = unrescue_path(g.directory, &path, e);
        if (r >= 0)
                r = made = keep_xml(path, former, e);
        if (r >= 0) {
                DiskRequest q = { .instance = i, .image_meta = meta, .network_info = g.xml.network_info, .admin_password = rescue_password };

                r = instance_rescue_disks_create(u.d->disks, &q, &disks, e);
        }
        libvirt_use_again(&u, false);
        if (r >= 0)
                r = guest_request_set_disks(&g, &disks, e);
        if (r >= 0)
                r = guest_request_xml(&g, &xml, e);
        if (r >= 0)
                r = guest_stop(&u, before, i, e);
        if (r >= 0)
                r = guest_define_and_start(&u, xml, i, false, &domain, e);
        g.keep_ports = r >= 0;
        if (r < 0 && made > 0) {                /* the domain as it was; whether it runs is its owner's to say */
                virDomainPtr again = virDomainDefineXML(u.connection, former);

                if (again)
                        (void) virDomainFree(again);
                (void) instance_rescue_disks_delete(u.d->disks, i, NULL);
                (void) unlink(path);
        }
        return r;
}

static int libvirt_unrescue(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr before = NULL, domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_free_ char *xml = NULL, *path = NULL, *directory = NULL;
        int r;

        if (libvirt_use(&u, driver, "unrescue", e) < 0)
                return u.r;
        r = disk_store_directory(u.d->disks, i, &directory, e);
        if (r >= 0)
                r = unrescue_path(directory, &path, e);
        if (r < 0)
                return r;
        r = host_read_file(path, &xml);
        if (r == -ENOENT) {
                r = exception_setf(e, EXC_INSTANCE_NOT_IN_RESCUE_MODE, "Instance %s is not in rescue mode", i->uuid);
                exception_kwarg(e, "instance_id", json_string(i->uuid));
                return r;
        }
        if (r < 0)
                return exception_set_errno(e, r, path);
        doc = xml_parse(xml);
        if (!doc || !streq_ptr(xml_text(xml_child(xmlDocGetRootElement(doc), "uuid")), i->uuid))
                return exception_setf(e, EXC_NOVA, "%s is not the description of instance %s", path, i->uuid);

        before = libvirt_domain(&u, i, NULL);
        if (before) {
                r = guest_check_ours(&u, before, i, e);
                if (r >= 0)
                        r = guest_stop(&u, before, i, e);
        }
        if (r >= 0)
                r = guest_define_and_start(&u, xml, i, false, &domain, e);
        if (r >= 0)
                r = instance_rescue_disks_delete(u.d->disks, i, e);
        if (r >= 0 && unlink(path) < 0 && errno != ENOENT)
                r = exception_set_errno(e, -errno, path);
        return r;
}

void libvirt_rescue_ops(ComputeDriverOps *ops) {
        ops->rescue = libvirt_rescue;
        ops->unrescue = libvirt_unrescue;
}

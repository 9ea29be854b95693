/* The root disk of a guest becomes an image (zed 7.7). A guest that is off is read as it is; one that runs goes on meanwhile: libvirt
 * copies the disk, and the copy is cut off at one moment, for which an agent in the guest may hold its file systems still. Where the
 * hypervisor cannot do that the guest's memory is saved, and it goes on afterwards. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>
#include <stdio.h>

#include "basic/fault-step.h"
#include "virt/libvirt/xml.h"
#include "virt/libvirt/xml-writer.h"

typedef struct RootDisk {
        char *path;
        char *target;
} RootDisk;

static void root_disk_done(RootDisk *d) {
        free(d->path);
        free(d->target);
}

/* The disk called "disk" in the instance's directory, where Nova has it; else the first that is a file. */
static int find_root(xmlDocPtr doc, const Instance *i, RootDisk *ret, NovaException *e) {
        const xmlNode *found = NULL;

        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "disk"); n; n = xml_next(n, "disk")) {
                const char *path = xml_attribute(xml_child(n, "source"), "file"), *name = path ? strrchr(path, '/') : NULL;

                if (!path || streq_ptr(xml_attribute(n, "device"), "cdrom"))
                        continue;
                if (!found || (name && streq(name, "/disk")))
                        found = n;
        }
        if (!found)
                return exception_setf(e, EXC_INVALID_DISK_INFO, "Disk info file is invalid: instance %s has no disk of a file to make an image of", i->uuid);
        ret->path = strdup(xml_attribute(xml_child(found, "source"), "file"));
        ret->target = strdup(strempty(xml_attribute(xml_child(found, "target"), "dev")));
        return ret->path && ret->target ? 0 : exception_set_errno(e, -ENOMEM, "The disk of an instance");
}

static void on_block_job(virConnectPtr connection _unused_, virDomainPtr domain _unused_, const char *disk _unused_, int type _unused_,
                         int status _unused_, void *userdata) {
        libvirt_count_event(userdata);
}

static void on_freed(void *userdata) {
        libvirt_driver_unref(userdata);
}

/* Waits until the copy has all. A job that ends before has failed. */
static int wait_copied(LibvirtUse *u, virDomainPtr domain, const char *target, const Instance *i, const DriverHooks *hooks, NovaException *e) {
        for (;;) {
                unsigned seen = libvirt_events_seen(u);
                virDomainBlockJobInfo info = {};
                int r = virDomainGetBlockJobInfo(domain, target, &info, 0);

                if (r < 0)
                        return libvirt_failed(u, "Copying the disk of a domain", i, e);
                if (r == 0)
                        return exception_setf(e, EXC_NOVA, "Copying the disk %s of instance %s failed: the job ended before it had all", target, i->uuid);
                if (info.end > 0 && info.cur == info.end)
                        return 0;
                if (hooks && hooks->cancelled && hooks->cancelled(hooks->userdata))
                        return driver_step(hooks, "extract", i, e);     /* says so */
                libvirt_wait_event(u, seen, now_monotonic() + USEC_PER_SEC / 5);
        }
}

/* 0: @s->delta is the disk of one moment. -EOPNOTSUPP: the hypervisor cannot. */
static int copy_live(LibvirtUse *u, virDomainPtr domain, const RootDisk *root, const Snapshot *s, const Instance *i, const DriverHooks *hooks,
                     NovaException *e) {
        _cleanup_free_ char *xml = NULL;
        XmlWriter w;
        int r, event_id, frozen;

        if (xml_writer_init(&w) < 0)
                return exception_set_errno(e, -ENOMEM, "The copy of a disk");
        xml_begin(&w, "disk", "type", "file");
        xml_empty(&w, "source", "file", s->delta);
        xml_empty(&w, "driver", "type", "qcow2");
        xml_end(&w);
        r = xml_writer_finish(&w, &xml);
        xml_writer_done(&w);
        if (r < 0)
                return exception_set_errno(e, r, "The copy of a disk");

        event_id = virConnectDomainEventRegisterAny(u->connection, domain, VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK(on_block_job),
                                                    libvirt_driver_ref(u->d), on_freed);
        if (event_id < 0)
                libvirt_driver_unref(u->d);
        libvirt_use_again(u, false);
        if (virDomainBlockCopy(domain, root->target, xml, NULL, 0,
                               VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | VIR_DOMAIN_BLOCK_COPY_SHALLOW | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB) < 0)
                r = libvirt_failed(u, "Copying the disk of a domain", i, e);
        else {
                fault_step("copying");
                r = wait_copied(u, domain, root->target, i, hooks, e);
                frozen = r >= 0 ? virDomainFSFreeze(domain, NULL, 0, 0) : -1;   /* without an agent the disk is as after a power cut */
                libvirt_use_again(u, false);
                if (virDomainBlockJobAbort(domain, root->target, 0) < 0 && r >= 0)
                        r = libvirt_failed(u, "Ending the copy of a disk", i, e);
                if (frozen >= 0)
                        (void) virDomainFSThaw(domain, NULL, 0, 0);
        }
        if (event_id >= 0)
                (void) virConnectDomainEventDeregisterAny(u->connection, event_id);
        return r;
}

/* What is to be done with the guest before its disk is read. */
typedef enum Way { WAY_OFF, WAY_LIVE, WAY_SAVED } Way;

/* It goes on as it was saved. Not every hypervisor can be told to start it paused, and those that need not keep it so. */
static int restore(LibvirtUse *u, virDomainPtr domain, bool paused, const Instance *i, int so_far, NovaException *e) {
        int state;

        if (virDomainCreate(domain) < 0 && virDomainIsActive(domain) != 1)
                return so_far < 0 ? so_far : libvirt_failed(u, "Restoring a domain", i, e);
        if (paused && virDomainGetState(domain, &state, NULL, 0) >= 0 && state != VIR_DOMAIN_PAUSED && virDomainSuspend(domain) < 0)
                return so_far < 0 ? so_far : libvirt_failed(u, "Pausing a domain", i, e);
        return so_far;
}

static int read_disk(LibvirtUse *u, virDomainPtr domain, const RootDisk *root, Snapshot *s, const Instance *i, const DriverHooks *hooks,
                     NovaException *e) {
        LibvirtDriver *d = u->d;
        _cleanup_exception_ NovaException why = {};
        Way way = virDomainIsActive(domain) == 1 ? WAY_LIVE : WAY_OFF;
        bool paused = false;
        int r, state;

        r = snapshot_begin(d->disks, root->path, way == WAY_LIVE, s, e);
        if (r < 0)
                return r;
        if (way == WAY_LIVE) {
                r = copy_live(u, domain, root, s, i, hooks, &why);
                if (r < 0 && !exception_is(&why, EXC_NOT_IMPLEMENTED)) {
                        if (e)
                                exception_move(e, &why);
                        return r;
                }
                if (r < 0) {
                        way = WAY_SAVED;
                        snapshot_done(s);
                        *s = (Snapshot){};
                        r = snapshot_begin(d->disks, root->path, false, s, e);
                        if (r < 0)
                                return r;
                }
        }
        if (way == WAY_SAVED) {
                if (virDomainGetState(domain, &state, NULL, 0) < 0)
                        return libvirt_failed(u, "The state of a domain", i, e);
                paused = state == VIR_DOMAIN_PAUSED;
                libvirt_use_again(u, true);
                if (virDomainManagedSave(domain, 0) < 0)
                        return libvirt_failed(u, "Saving the memory of a domain", i, e);
        }
        libvirt_use_again(u, true);
        r = snapshot_extract(d->disks, s, root->path, hooks, e);
        if (way == WAY_SAVED)
                r = restore(u, domain, paused, i, r, e);
        libvirt_use_again(u, false);
        return r;
}

static int read_guest(ComputeDriver *driver, const Instance *i, Snapshot *s, const DriverHooks *hooks, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_(root_disk_done) RootDisk root = {};
        int r;

        if (libvirt_use(&u, driver, "snapshot", e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, e);
        if (r >= 0)
                r = guest_check_ours(&u, domain, i, e);
        if (r >= 0)
                r = find_root(doc, i, &root, e);
        if (r >= 0)
                r = driver_task_state(hooks, TASK_IMAGE_PENDING_UPLOAD, TASK_IMAGE_SNAPSHOT, e);
        if (r >= 0)
                r = driver_step(hooks, "extract", i, e);
        return r < 0 ? r : read_disk(&u, domain, &root, s, i, hooks, e);
}

static int libvirt_snapshot(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i, const char *image_id,
                            const json_t *image_meta, const DriverHooks *hooks, NovaException *e) {
        LibvirtDriver *d = CONTAINER_OF(driver, LibvirtDriver, base);
        _cleanup_(snapshot_done) Snapshot s = {};
        int r;

        if (isempty(image_id))
                return exception_setf(e, EXC_INVALID, "A snapshot of instance %s wants the id of an image", strempty(i->uuid));
        r = read_guest(driver, i, &s, hooks, e);
        if (r >= 0)
                r = driver_task_state(hooks, TASK_IMAGE_UPLOADING, TASK_IMAGE_PENDING_UPLOAD, e);
        if (r >= 0)
                r = driver_step(hooks, "upload", i, e);
        if (r >= 0)
                r = snapshot_upload(d->disks, &s, image_id, image_meta, hooks, e);
        return r;
}

/* The copies of its disks into our directory of snapshots, which nobody waits for any more. */
static int end_copies(LibvirtUse *u, virDomainPtr domain, xmlDocPtr doc, const Instance *i, NovaException *e) {
        const char *directory = disk_store_snapshots_path(u->d->disks);
        int r = 0;

        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "disk"); n; n = xml_next(n, "disk")) {
                const xmlNode *mirror = xml_child(n, "mirror");
                const char *path = xml_attribute(xml_child(mirror, "source"), "file"), *rest;

                rest = startswith(strempty(path ?: xml_attribute(mirror, "file")), directory);
                if (!rest || *rest != '/')
                        continue;
                if (virDomainBlockJobAbort(domain, strempty(xml_attribute(xml_child(n, "target"), "dev")), 0) < 0 && r >= 0)
                        r = libvirt_failed(u, "Ending the copy of a disk", i, e);
        }
        return r;
}

/* Without one that answers there is nothing that could hold file systems still, and asking would take its time. */
static bool has_agent(xmlDocPtr doc) {
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "channel"); n; n = xml_next(n, "channel")) {
                const xmlNode *target = xml_child(n, "target");

                if (streq_ptr(xml_attribute(target, "name"), "org.qemu.guest_agent.0") && streq_ptr(xml_attribute(target, "state"), "connected"))
                        return true;
        }
        return false;
}

static int libvirt_undo_snapshot(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_exception_ NovaException why = {};
        int r, state;

        if (libvirt_use(&u, driver, "undo_snapshot", e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, &why);
        if (r < 0) {
                if (exception_is(&why, EXC_INSTANCE_NOT_FOUND))
                        return 0;
                if (e)
                        exception_move(e, &why);
                return r;
        }
        r = guest_check_ours(&u, domain, i, e);
        if (r < 0)
                return r;
        if (virDomainIsActive(domain) == 1) {
                if (has_agent(doc))
                        (void) virDomainFSThaw(domain, NULL, 0, 0);     /* if it held still */
                r = end_copies(&u, domain, doc, i, e);
                /* Restored, and not yet paused again. */
                if (r >= 0 && i->vm_state == VM_PAUSED && virDomainGetState(domain, &state, NULL, 0) >= 0 &&
                    state == VIR_DOMAIN_RUNNING && virDomainSuspend(domain) < 0)
                        r = libvirt_failed(&u, "Pausing a domain", i, e);
                return r;
        }
        if ((i->vm_state != VM_ACTIVE && i->vm_state != VM_PAUSED) || virDomainHasManagedSaveImage(domain, 0) != 1)
                return 0;
        libvirt_use_again(&u, true);
        return restore(&u, domain, i->vm_state == VM_PAUSED, i, 0, e);
}

void libvirt_snapshot_ops(ComputeDriverOps *ops) {
        ops->snapshot = libvirt_snapshot;
        ops->undo_snapshot = libvirt_undo_snapshot;
}

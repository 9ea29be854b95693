/* Power and pause of guests that are there: stop and start, reboot, pause, suspend (zed 7.2, 7.3). */
#include "virt/libvirt/guest-request.h"

#include <errno.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/libvirt/xml.h"

/* The domain is described anew of today's data and started: hard reboot and start. Its disks stay as they are, also those that
 * we would not have made; where there is no domain any more it is made of the instance's files. */
static int recreate(ComputeDriver *driver, const char *method, const RequestContext *context, const Instance *i,
                    const json_t *network_info, const json_t *block_device_info, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(guest_request_done) GuestRequest g = {};
        _cleanup_(domain_freep) virDomainPtr before = NULL, domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_(disk_set_done) DiskSet disks = {};
        _cleanup_exception_ NovaException why = {};
        json_auto_t *image_meta = NULL;
        int r;

        if (libvirt_use(&u, driver, method, e) < 0)
                return u.r;
        r = guest_request_init(&g, &u, context, i, NULL, network_info, e);
        if (r < 0)
                return r;
        r = libvirt_domain_and_xml(&u, i, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, &before, &doc, &why);
        if (r >= 0) {
                r = guest_check_ours(&u, before, i, e);
                if (r >= 0)
                        r = guest_request_keep_disks(&g, doc, e);
                if (r >= 0)
                        r = guest_stop(&u, before, i, e);
                if (r < 0)
                        return r;
                guest_ports_give_back(u.d, doc);
                if (virDomainHasManagedSaveImage(before, 0) == 1 && virDomainManagedSaveRemove(before, 0) < 0)
                        return libvirt_failed(&u, "Removing the saved memory of a domain", i, e);
        } else if (exception_is(&why, EXC_INSTANCE_NOT_FOUND)) {
                DiskRequest q = { .instance = i, .block_device_info = block_device_info, .network_info = network_info };

                q.image_meta = image_meta = image_meta_from_instance(i);
                libvirt_use_again(&u, true);
                r = instance_disks_create(u.d->disks, &q, &disks, e);
                libvirt_use_again(&u, false);
                if (r >= 0)
                        r = guest_request_set_disks(&g, &disks, e);
        } else if (e)
                exception_move(e, &why);
        if (r >= 0)
                r = guest_request_start(&g, false, &domain, e);
        g.keep_ports = r >= 0;
        return r;
}

/* The guest is asked to shut down until it does or the time is over. 1 = it is off, 0 = it is not. */
static int shut_down(LibvirtUse *u, virDomainPtr domain, const Instance *i, usec_t timeout, usec_t interval, NovaException *e) {
        const usec_t end = now_monotonic() + timeout;

        for (;;) {
                usec_t next = MIN(end, now_monotonic() + MAX(interval, USEC_PER_SEC / 10));
                int r;

                libvirt_use_again(u, false);
                if (virDomainShutdown(domain) < 0 && virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID) {
                        r = libvirt_failed(u, "Shutting a domain down", i, e);
                        return r == -EOPNOTSUPP ? 0 : r;
                }
                r = guest_wait_off(u, domain, i, next, e);
                if (r != 0)
                        return r;
                if (now_monotonic() >= end)
                        return 0;
        }
}

static int libvirt_power_off(ComputeDriver *driver, const Instance *i, unsigned timeout, unsigned retry_interval, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_exception_ NovaException why = {};
        int r;

        r = guest_use(&u, driver, "power_off", i, &domain, e);
        if (r < 0)
                return r;
        /* A paused guest cannot hear; one that fails to listen is no reason not to go on. */
        if (timeout > 0 && virDomainIsActive(domain) == 1 &&
            shut_down(&u, domain, i, timeout * USEC_PER_SEC, retry_interval * USEC_PER_SEC, &why) > 0)
                return 0;
        return guest_stop(&u, domain, i, e);
}

static int libvirt_power_on(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *network_info,
                            const json_t *block_device_info, NovaException *e) {
        return recreate(driver, "power_on", context, i, network_info, block_device_info, e);
}

/* 1 = the guest has rebooted, 0 = it did not: the hard way is left. */
static int soft_reboot(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r, state;

        r = guest_use(&u, driver, "reboot", i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainGetState(domain, &state, NULL, 0) < 0)
                return libvirt_failed(&u, "The state of a domain", i, e);
        if (state != VIR_DOMAIN_RUNNING && state != VIR_DOMAIN_BLOCKED)
                return 0;
        r = shut_down(&u, domain, i, u.d->soft_reboot_timeout, u.d->soft_reboot_timeout, NULL);
        if (r <= 0)
                return 0;
        libvirt_use_again(&u, true);
        return virDomainCreate(domain) < 0 ? 0 : 1;
}

static int libvirt_reboot(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *network_info,
                          RebootType type, const json_t *block_device_info, NovaException *e) {
        if (type == REBOOT_SOFT) {
                int r = soft_reboot(driver, i, e);

                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return recreate(driver, "reboot", context, i, network_info, block_device_info, e);
}

/* One call of libvirt's on the domain of an instance. */
static int simply(ComputeDriver *driver, const char *method, const char *what, int (*call)(virDomainPtr domain), bool patient,
                  const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = guest_use(&u, driver, method, i, &domain, e);
        if (r < 0)
                return r;
        libvirt_use_again(&u, patient);
        return call(domain) < 0 ? libvirt_failed(&u, what, i, e) : 0;
}

static int libvirt_pause(ComputeDriver *d, const Instance *i, NovaException *e) {
        return simply(d, "pause", "Pausing a domain", virDomainSuspend, false, i, e);
}

static int libvirt_unpause(ComputeDriver *d, const Instance *i, NovaException *e) {
        return simply(d, "unpause", "Resuming a domain", virDomainResume, false, i, e);
}

static int managed_save(virDomainPtr domain) {
        return virDomainManagedSave(domain, 0);
}

static int libvirt_suspend(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i, NovaException *e) {
        return simply(d, "suspend", "Saving the memory of a domain", managed_save, true, i, e);
}

/* A guest whose memory was saved goes on where it was; one that lost it starts anew. */
static int libvirt_resume(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *network_info,
                          const json_t *block_device_info, NovaException *e) {
        {
                _libvirt_use_ LibvirtUse u = {};
                _cleanup_(domain_freep) virDomainPtr domain = NULL;
                _cleanup_exception_ NovaException why = {};
                int r;

                if (libvirt_use(&u, driver, "resume", e) < 0)
                        return u.r;
                domain = libvirt_domain(&u, i, &why);
                if (domain) {
                        r = guest_check_ours(&u, domain, i, e);
                        if (r >= 0)
                                r = guest_filters_define(&u, i, network_info, e);
                        if (r < 0)
                                return r;
                        if (virDomainIsActive(domain) == 1)
                                return virDomainResume(domain) < 0 ? libvirt_failed(&u, "Resuming a domain", i, e) : 0;
                        libvirt_use_again(&u, true);
                        if (virDomainHasManagedSaveImage(domain, 0) == 1)
                                return virDomainCreate(domain) < 0 ? libvirt_failed(&u, "Restoring a domain", i, e) : 0;
                } else if (!exception_is(&why, EXC_INSTANCE_NOT_FOUND)) {
                        r = libvirt_no_domain(&why);
                        if (e)
                                exception_move(e, &why);
                        return r;
                }
        }
        return recreate(driver, "resume", context, i, network_info, block_device_info, e);
}

/* The host has come up: what runs stays as it is, what does not is started. */
static int libvirt_resume_state_on_host_boot(ComputeDriver *driver, const RequestContext *context, const Instance *i,
                                             const json_t *network_info, const json_t *block_device_info, NovaException *e) {
        {
                _libvirt_use_ LibvirtUse u = {};
                _cleanup_(domain_freep) virDomainPtr domain = NULL;
                int state;

                if (libvirt_use(&u, driver, "resume_state_on_host_boot", e) < 0)
                        return u.r;
                domain = libvirt_domain(&u, i, NULL);
                if (domain && virDomainGetState(domain, &state, NULL, 0) >= 0 &&
                    (state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED || state == VIR_DOMAIN_PAUSED))
                        return 0;
        }
        return recreate(driver, "resume_state_on_host_boot", context, i, network_info, block_device_info, e);
}

void libvirt_power_ops(ComputeDriverOps *ops) {
        ops->power_off = libvirt_power_off;
        ops->power_on = libvirt_power_on;
        ops->reboot = libvirt_reboot;
        ops->pause = libvirt_pause;
        ops->unpause = libvirt_unpause;
        ops->suspend = libvirt_suspend;
        ops->resume = libvirt_resume;
        ops->resume_state_on_host_boot = libvirt_resume_state_on_host_boot;
}

/* A domain's own life: defined, started, stopped, forgotten. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>

#include "virt/libvirt/xml.h"

#define STOP_TIMEOUT (60 * USEC_PER_SEC)
#define STOP_ATTEMPTS 3

int guest_check_ours(LibvirtUse *u, virDomainPtr domain, const Instance *i, NovaException *e) {
        _cleanup_free_ char *metadata = NULL;
        const char *name = virDomainGetName(domain);

        if (streq_ptr(name, i->name))
                return 0;
        metadata = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NOVA_INSTANCE_NS, 0);
        if (metadata)
                return 0;
        if (virGetLastErrorCode() != VIR_ERR_NO_DOMAIN_METADATA && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN &&
            virGetLastErrorCode() != VIR_ERR_NO_SUPPORT)
                return libvirt_failed(u, "The metadata of a domain", i, e);
        return exception_setf(e, EXC_NOVA, "The domain %s has the uuid of instance %s, and is none of Nova's: it is left alone", strempty(name), i->uuid);
}

int guest_use(LibvirtUse *u, ComputeDriver *driver, const char *method, const Instance *i, virDomainPtr *ret, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = libvirt_use_domain(u, driver, method, i, &domain, e);
        if (r >= 0)
                r = guest_check_ours(u, domain, i, e);
        if (r >= 0)
                *ret = TAKE_PTR(domain);
        return r;
}

/* 1 off, 0 not; -errno. A domain that is gone is off. */
static int is_off(LibvirtUse *u, virDomainPtr domain, const Instance *i, NovaException *e) {
        int state;

        if (virDomainGetState(domain, &state, NULL, 0) < 0)
                return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? 1 : libvirt_failed(u, "The state of a domain", i, e);
        return state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED;
}

int guest_wait_off(LibvirtUse *u, virDomainPtr domain, const Instance *i, usec_t deadline, NovaException *e) {
        for (;;) {
                unsigned seen = libvirt_events_seen(u);
                int r = is_off(u, domain, i, e);

                if (r != 0)
                        return r;
                if (now_monotonic() >= deadline)
                        return 0;
                libvirt_wait_event(u, seen, deadline);
        }
}

int guest_stop(LibvirtUse *u, virDomainPtr domain, const Instance *i, NovaException *e) {
        int r = 0;

        for (unsigned attempt = 1; attempt <= STOP_ATTEMPTS; attempt++) {
                int code;

                libvirt_use_again(u, false);
                if (virDomainDestroy(domain) >= 0)
                        break;
                code = virGetLastErrorCode();
                if (code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_OPERATION_INVALID)     /* it was off */
                        break;
                /* A process that hangs in the kernel (a dead NFS) does not go at once. */
                r = libvirt_failed(u, "Stopping a domain", i, attempt == STOP_ATTEMPTS || code != VIR_ERR_SYSTEM_ERROR ? e : NULL);
                if (code != VIR_ERR_SYSTEM_ERROR || attempt == STOP_ATTEMPTS)
                        return r;
        }
        r = guest_wait_off(u, domain, i, now_monotonic() + STOP_TIMEOUT, e);
        if (r == 0)
                return exception_setf(e, EXC_INSTANCE_POWER_OFF_FAILURE, "Failed to power off instance: the domain of %s does not end", i->uuid);
        return r < 0 ? r : 0;
}

int guest_undefine(LibvirtUse *u, virDomainPtr domain, const Instance *i, bool keep_nvram, NovaException *e) {
        const unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
        int code;

        libvirt_use_again(u, false);
        if (virDomainUndefineFlags(domain, flags | (keep_nvram ? VIR_DOMAIN_UNDEFINE_KEEP_NVRAM : VIR_DOMAIN_UNDEFINE_NVRAM)) >= 0)
                return 0;
        code = virGetLastErrorCode();
        if (code == VIR_ERR_NO_DOMAIN)
                return 0;
        if (code == VIR_ERR_INVALID_ARG || code == VIR_ERR_NO_SUPPORT) {        /* a hypervisor without NVRAM, or without any flags */
                if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE) >= 0 || virDomainUndefine(domain) >= 0)
                        return 0;
        }
        return libvirt_failed(u, "Undefining a domain", i, e);
}

/* A hypervisor that cannot start a guest paused starts it, and pauses it at once. */
static int start(virDomainPtr domain, bool paused) {
        int r;

        r = virDomainCreateWithFlags(domain, paused ? VIR_DOMAIN_START_PAUSED : 0);
        if (r >= 0 || !paused || virGetLastErrorCode() != VIR_ERR_INVALID_ARG)
                return r;
        r = virDomainCreate(domain);
        return r < 0 ? r : virDomainSuspend(domain);
}

int guest_define_and_start(LibvirtUse *u, const char *xml, const Instance *i, bool paused, virDomainPtr *ret, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = NULL, before = virDomainLookupByUUIDString(u->connection, i->uuid);
        int r;

        libvirt_use_again(u, false);
        domain = virDomainDefineXML(u->connection, xml);
        if (!domain)
                return libvirt_failed(u, "Defining a domain", i, e);
        libvirt_use_again(u, true);             /* with large memory this takes its time */
        if (start(domain, paused) < 0) {
                r = libvirt_failed(u, "Starting a domain", i, e);
                libvirt_use_again(u, false);
                if (virDomainIsActive(domain) == 1)
                        (void) guest_stop(u, domain, i, NULL);
                if (!before)
                        (void) guest_undefine(u, domain, i, false, NULL);
                return r;
        }
        libvirt_use_again(u, false);
        *ret = TAKE_PTR(domain);
        return 0;
}

/* The states of all guests at once: one question to libvirt instead of two for each guest. */
#include "virt/libvirt/private.h"

#include <errno.h>

static int add(GuestState *states, size_t *n, virDomainPtr domain, int state) {
        if (virDomainGetID(domain) == 0)
                return 0;       /* Xen's own domain */
        if (virDomainGetUUIDString(domain, states[*n].uuid) < 0)
                return -EIO;
        states[(*n)++].state = libvirt_power_state(state);
        return 0;
}

/* Of a hypervisor without that question: one that ends meanwhile is left out. */
static int ask_each(const LibvirtUse *u, GuestState **ret, size_t *ret_n, NovaException *e) {
        _cleanup_(domain_list_done) DomainList domains = {};
        _cleanup_free_ GuestState *states = NULL;
        size_t n = 0;
        int r;

        r = libvirt_domains(u, 0, &domains, e);
        if (r < 0)
                return r;
        states = calloc(MAX(domains.n, 1u), sizeof *states);
        if (!states)
                return exception_set_errno(e, -ENOMEM, "The states of the domains");
        for (size_t i = 0; i < domains.n; i++) {
                int state, reason;

                if (virDomainGetState(domains.items[i], &state, &reason, 0) < 0) {
                        if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
                                continue;
                        return libvirt_failed(u, "The state of a domain", NULL, e);
                }
                if (add(states, &n, domains.items[i], state) < 0)
                        return libvirt_failed(u, "The uuid of a domain", NULL, e);
        }
        *ret = TAKE_PTR(states);
        *ret_n = n;
        return 0;
}

static int libvirt_list_guest_states(ComputeDriver *driver, GuestState **ret, size_t *ret_n, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        virDomainStatsRecordPtr *records = NULL;
        GuestState *states;
        size_t n = 0;
        int count, r = 0;

        if (libvirt_use(&u, driver, "list_guest_states", e) < 0)
                return u.r;
        count = virConnectGetAllDomainStats(u.connection, VIR_DOMAIN_STATS_STATE, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
        if (count < 0) {
                int code = virGetLastErrorCode();

                if (code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_ARGUMENT_UNSUPPORTED || code == VIR_ERR_INVALID_ARG)
                        return ask_each(&u, ret, ret_n, e);
                return libvirt_failed(&u, "The states of the domains", NULL, e);
        }
        states = calloc(MAX((size_t) count, 1u), sizeof *states);
        if (!states)
                r = exception_set_errno(e, -ENOMEM, "The states of the domains");
        for (int i = 0; i < count && r >= 0; i++) {
                int state = VIR_DOMAIN_NOSTATE;

                (void) virTypedParamsGetInt(records[i]->params, records[i]->nparams, "state.state", &state);
                if (add(states, &n, records[i]->dom, state) < 0)
                        r = libvirt_failed(&u, "The uuid of a domain", NULL, e);
        }
        virDomainStatsRecordListFree(records);
        if (r < 0) {
                free(states);
                return r;
        }
        *ret = states;
        *ret_n = n;
        return 0;
}

void libvirt_states_ops(ComputeDriverOps *ops) {
        ops->list_guest_states = libvirt_list_guest_states;
}

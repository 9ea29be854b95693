/* The host's own end: what logind announces goes to the manager, and the lock is let go when that is done. From then on no request that
 * changes something begins: a guest that was shut down with care is not started again, and none is built that would be cut off. Verbs of
 * D-Bus are refused; what comes over RPC is accepted as ever and waits, for the host to stay up after all, or for the start after
 * the boot. */
#include "bus/bus-internal.h"

static bool host_delays(void *userdata) {
        Bus *b = userdata;

        return b->manager && b->manager->ops->delays_shutdown && b->manager->ops->delays_shutdown(b->manager);
}

static void host_on_ready(void *userdata) {
        Bus *b = userdata;

        logind_ready(b->logind);
}

static void host_goes_down(usec_t until, void *userdata) {
        Bus *b = userdata;

        b->host_goes_down = true;
        if (b->service)
                service_put_off(b->service, true);
        if (b->manager && b->manager->ops->host_goes_down)
                b->manager->ops->host_goes_down(b->manager, until, host_on_ready, b);
        else
                logind_ready(b->logind);
}

static void host_stays_up(void *userdata) {
        Bus *b = userdata;

        if (b->manager && b->manager->ops->host_stays_up)
                b->manager->ops->host_stays_up(b->manager);
        b->host_goes_down = false;
        if (b->service)                 /* behind what the manager puts right again */
                service_put_off(b->service, false);
}

int bus_host_init(Bus *b) {
        const LogindCallbacks callbacks = { .delays = host_delays, .goes_down = host_goes_down, .stays_up = host_stays_up, .userdata = b };

        return logind_new(&b->logind, &callbacks);
}

void bus_reconsider_host(Bus *b) {
        if (b->service)
                service_put_off(b->service, b->host_goes_down);
        if (b->logind)
                logind_reconsider(b->logind);
}

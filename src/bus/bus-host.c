/* The host's own end: what logind announces goes to the manager, and the lock is let go when that is done. */
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

        if (b->manager && b->manager->ops->host_goes_down)
                b->manager->ops->host_goes_down(b->manager, until, host_on_ready, b);
        else
                logind_ready(b->logind);
}

static void host_stays_up(void *userdata) {
        Bus *b = userdata;

        if (b->manager && b->manager->ops->host_stays_up)
                b->manager->ops->host_stays_up(b->manager);
}

int bus_host_init(Bus *b) {
        const LogindCallbacks callbacks = { .delays = host_delays, .goes_down = host_goes_down, .stays_up = host_stays_up, .userdata = b };

        return logind_new(&b->logind, &callbacks);
}

void bus_reconsider_host(Bus *b) {
        if (b->logind)
                logind_reconsider(b->logind);
}

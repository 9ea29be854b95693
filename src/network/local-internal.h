/* The inside of the local network manager. Private to network's local*.c. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "network/dhcp.h"
#include "network/local.h"
#include "network/netlink.h"

typedef struct NetworkCursor {
        IpAddress last[2];              /* leased last, by version: 4, 6 */
} NetworkCursor;

struct LocalNetworks {
        NetworkTable table;             /* never changes */
        Leases *leases;                 /* borrowed; NULL = none */
        unsigned mac_attempts;

        pthread_mutex_t lock;           /* what is chosen, until it is leased */
        NetworkCursor *cursors;         /* of each network */

        DhcpSettings dhcp;              /* never changes */
        pthread_mutex_t *locks;         /* of each network: what it is on this host, and what its dnsmasq was told */
        uint64_t *told;                 /* of each network: the number of changes when its dnsmasq was told last; 0 = never */
        _Atomic uint64_t changes;       /* of leases, from 1 */
        pthread_mutex_t host_lock;
        Netlink *netlink;               /* under it until it is made; NULL = not yet */
};

int local_networks_leases_failed(NovaException *e, int r);

/* Tells dnsmasq, if one runs, that the leases of that network are others now. @gone: what was given back, or NULL. Best effort. */
void local_networks_changed(LocalNetworks *l, const VirtualInterface *gone, const char *network_id);

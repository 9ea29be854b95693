/* The inside of the local network manager. Private to network's local*.c. */
#pragma once

#include <pthread.h>

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
        pthread_mutex_t *locks;         /* of each network: what it is on this host */
        pthread_mutex_t host_lock;
        Netlink *netlink;               /* under it until it is made; NULL = not yet */
};

int local_networks_leases_failed(NovaException *e, int r);

/* Tells dnsmasq, if one runs, that the leases of that network are others now. @gone: what was given back, or NULL. Best effort. */
void local_networks_changed(LocalNetworks *l, const VirtualInterface *gone, const char *network_id);

/* The inside of the local network manager. Private to network's local*.c. */
#pragma once

#include <pthread.h>

#include "network/local.h"

typedef struct NetworkCursor {
        IpAddress last[2];              /* leased last, by version: 4, 6 */
} NetworkCursor;

struct LocalNetworks {
        NetworkTable table;             /* never changes */
        Leases *leases;                 /* borrowed; NULL = none */
        unsigned mac_attempts;

        pthread_mutex_t lock;           /* what is chosen, until it is leased */
        NetworkCursor *cursors;         /* of each network */
};

int local_networks_leases_failed(NovaException *e, int r);

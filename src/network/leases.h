/* Where the local networks keep what they have leased: implemented by compute on the store (compute/leases.c), so that
 * network needs no database. Every function may block and is thread-safe.
 *
 * Whatever asks, no two interfaces have the same uuid or hardware address, and no two the same address in one network:
 * that is -EEXIST. Other failures are -errno. */
#pragma once

#include "objects/virtual-interface.h"

typedef struct Leases Leases;

typedef struct LeasesOps {
        /* All or none. 0, -EEXIST. */
        int (*create)(Leases *l, const VirtualInterface *vifs, size_t n);
        /* Of an instance, a network, both, or all (NULL), in the order made. */
        int (*list)(Leases *l, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret);
        /* One interface of the instance, or (@uuid NULL) all of them, with its addresses. Returns how many there were. */
        int (*destroy)(Leases *l, const char *instance_uuid, const char *uuid);
        /* One address more or less. 1; 0: no such interface or address; -EEXIST. */
        int (*address_add)(Leases *l, const char *vif_uuid, const char *address);
        int (*address_remove)(Leases *l, const char *vif_uuid, const char *address);
} LeasesOps;

struct Leases {
        const LeasesOps *ops;
};

/* Whether there is such an instance now, not deleted: 1, 0, or -errno (not known). */
typedef int (*InstanceExists)(const char *uuid, void *userdata);

/* What a build and a rebuild give their driver to ask and tell (DriverHooks): steps and progress go to the operation, so does the
 * question whether it was cancelled or the instance is to be deleted, and the guest waits for the network's word that its
 * interfaces are wired (zed 6.11). A call that ends for a deletion fails with -ECANCELED: the next save says for what. */
#pragma once

#include "compute/instance-call.h"
#include "compute/instance-events.h"

typedef struct SpawnHooks {
        DriverHooks hooks;              /* for the driver's call */
        InstanceCall *call;
        EventWait *wait;                /* NULL = nothing to wait for */
} SpawnHooks;

/* From now on events are kept: before anything is plugged. Waited for are the VIFs of @network_info that are not active, unless
 * vif_plugging_timeout is 0. All is borrowed until done. 0 or -ENOMEM; in both cases spawn_hooks_done ends it. */
int spawn_hooks_init(SpawnHooks *h, InstanceCall *c, const json_t *network_info);
void spawn_hooks_done(SpawnHooks *h);

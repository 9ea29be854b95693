/* What a build and a rebuild give their driver to ask and tell (DriverHooks): steps and progress go to the operation, so does the
 * question whether it was cancelled, and the guest waits for the network's word that its interfaces are wired (zed 6.11). */
#pragma once

#include "compute/compute.h"
#include "compute/instance-events.h"

typedef struct SpawnHooks {
        DriverHooks hooks;              /* for the driver's call */
        ComputeManager *manager;
        Operation *operation;
        const Instance *instance;
        EventWait *wait;                /* NULL = nothing to wait for */
} SpawnHooks;

/* From now on events are kept: before anything is plugged. Waited for are the VIFs of @network_info that are not active, unless
 * vif_plugging_timeout is 0. All is borrowed until done. 0 or -ENOMEM; in both cases spawn_hooks_done ends it. */
int spawn_hooks_init(SpawnHooks *h, ComputeManager *m, Operation *o, const Instance *i, const json_t *network_info);
void spawn_hooks_done(SpawnHooks *h);

/* Methods that need a service or host which is not here: see refused.c. */
#pragma once

#include "compute/instance-call.h"

/* Whether the method of the table is one of them. */
bool method_is_refused(const char *method);
/* Method.run of those of Essex that do not name an instance by its uuid. */
int run_refused(Operation *o, json_t **ret, NovaException *e);

extern const InstanceMethod method_refused_resize, method_refused_prep_move, method_refused_confirm, method_refused_revert, method_refused_shelve,
        method_refused_offload, method_refused_unshelve, method_refused_attach_volume, method_refused_detach_volume,
        method_refused_swap_volume, method_refused_extend_volume, method_refused_reserve_device, method_refused_live_migration,
        method_refused_quietly, method_drop_move_claim;

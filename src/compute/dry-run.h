/* What a start would do with what an earlier run left: for nova-compute --recover-dry-run, and for D-Bus while the daemon runs. */
#pragma once

#include <stdio.h>

#include "config/config.h"
#include "objects/exception.h"
#include "service/operation.h"

/* Prints one line for each request that is open in the journal or still to be replied to, each instance of this host that is in
 * the middle of something or whose guest is missing, each guest without a row; then one with the sums. Changes nothing: journal
 * and store are read without a lock, no broker is asked, the hypervisor only for what there is. @binary: whose journal. Blocks.
 * 0, or -errno with @e. */
int compute_recover_dry_run(Config *config, const char *binary, FILE *f, NovaException *e);

/* Method.run of _recovery_plan(binary): the same as a list of what those lines say, by the driver and the store that run:
 * [{"method", "instance_uuid", "state", "step", "action", "reason"}], all texts; "" where there is none. "method" is that of a request, or
 * "" for an instance (state and step are its vm_state and task_state) and for a guest without a row. */
int compute_run_recovery_plan(Operation *o, json_t **ret, NovaException *e);

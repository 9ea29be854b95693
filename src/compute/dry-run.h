/* nova-compute --recover-dry-run: what a start would do with what an earlier run left. */
#pragma once

#include <stdio.h>

#include "config/config.h"
#include "objects/exception.h"

/* Prints one line for each request that is open in the journal or still to be replied to, each instance of this host that is in
 * the middle of something or whose guest is missing, each guest without a row; then one with the sums. Changes nothing: journal
 * and store are read without a lock, no broker is asked, the hypervisor only for what there is. @binary: whose journal. Blocks.
 * 0, or -errno with @e. */
int compute_recover_dry_run(Config *config, const char *binary, FILE *f, NovaException *e);

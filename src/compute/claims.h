/* Claims (zed 4.3, 6.2 step 5): before a build the tracker makes sure that the host has room for the instance, and writes
 * into the row that it is here, under one lock with all other claims and with update_available_resource. What is claimed is
 * what the rows of this host say: a claim lives in the row (host, node, launched_on), so that nothing is forgotten by a
 * process that dies, and nothing has to be counted again at its start.
 *
 * All functions are thread-safe and may block on the store, and on the hypervisor when it was not yet asked what it has:
 * workers only. */
#pragma once

#include <jansson.h>

#include "compute/resource-tracker.h"
#include "objects/context.h"
#include "objects/exception.h"
#include "objects/instance.h"
#include "objects/numa.h"

typedef struct Claim Claim;

/* Claims on the node that @i names, or on the first. Tests, each of memory, vcpus and disk of which @i asks for any:
 *   @limits: {"memory_mb", "vcpu", "disk_gb"}, upper limits of what may be used, reservations included, as the scheduler sends
 *       them; NULL, {} and null are none. Wrong types: InvalidInput.
 *   with the store `local` nobody in front of us has counted, so also (total - reserved) * ratio of the host, and that no
 *       instance is larger than the host.
 *   its NUMA topology, if it has one and the host tells of nodes: each of its cells on a node of its own, with room there as Nova reckons it,
 *       CPUs of its own and pages chosen. Where they are is then in the instance's numa_topology.
 * Too little: -ENOSPC with ComputeResourcesUnavailable that names each resource, what is free and what was asked for. Then
 * host, launched_on and node are set in @i and its row, which is saved whole if its task_state is still @i's: otherwise
 * -ESTALE with UnexpectedTaskStateError. No such row: InstanceNotFound. A node that this host has not:
 * ComputeHostNotFound. */
int claim_begin(ComputeManager *m, RequestContext *c, Instance *i, const json_t *limits, Claim **ret, NovaException *e);

/* The instance is here to stay: from now on its row speaks for it. NULL is fine. Returns NULL. */
Claim *claim_end(Claim *c);
/* It is not: host, node and launched_on are taken out of its row, whatever task_state that has meanwhile, and out of @i
 * (may be NULL). A row that is gone is fine; one that cannot be written is told in the log, and counts until it is. Returns
 * NULL. */
Claim *claim_abort(Claim *c, Instance *i);
DEFINE_CLEANUP(Claim *, claim_end)

/* What a claim tests, pure: @node with its totals, reservations and ratios; @used by other instances, reservations not
 * included; @local as above; @numa: a reason why its NUMA topology does not fit, or NULL. Returns 0, -ENOSPC or -EINVAL with @e. */
int claim_test(const ComputeNode *node, const ResourceUsage *used, const Instance *i, const json_t *limits, bool local, const char *numa,
               NovaException *e);
/* Where the NUMA topology of @i goes on @host, which has what the others take: *ret its text with the places, malloc'ed, or NULL if there
 * is nothing to place. Limits as above: {"numa_topology": NUMATopologyLimits}; with @local and none those of @node's ratios. 1; 0: it does not
 * fit; -EINVAL with @e, -ENOMEM. */
int claim_numa(const ComputeNode *node, const HostTopology *host, const Instance *i, const json_t *limits, bool local, bool pack, char **ret,
               NovaException *e);

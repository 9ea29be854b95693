/* ComputeManager of the seed (essex 11): the manager of topic compute. Behind service/manager.h; this header is for
 * what shows it (bus) and for its own files. */
#pragma once

#include "compute/drift.h"
#include "compute/instance-table.h"
#include "compute/offer.h"
#include "network/api.h"
#include "service/manager.h"
#include "virt/driver.h"
#include "volume/api.h"

/* For the table given to service_create. */
extern const ManagerClass compute_manager_class;

typedef struct ComputeManager ComputeManager;

/* NULL if @m is another class. */
ComputeManager *compute_manager_from(Manager *m);

/* For display, on the main loop: the node as last computed (NULL before), realtime of that, the driver's state. */
const ComputeNode *compute_manager_node(const ComputeManager *m);
usec_t compute_manager_node_updated(const ComputeManager *m);
bool compute_manager_hypervisor_connected(const ComputeManager *m);
const char *compute_manager_hypervisor_error(const ComputeManager *m);  /* "" when connected */
const char *compute_manager_driver_name(const ComputeManager *m);
const Offer *compute_manager_offer(const ComputeManager *m);    /* NULL = not yet read */
InstanceTable *compute_manager_instances(const ComputeManager *m);      /* lives as long as @m */
/* Whether a network of that name or id is declared; of those of a network service always, it knows them itself. */
bool compute_manager_has_network(ComputeManager *m, const char *name_or_id);
const char *compute_manager_connection_uri(const ComputeManager *m);

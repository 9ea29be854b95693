/* Who this host is (zed 9: stable compute uuid). The uuid of its node is kept in $state_path/compute_id, 36 characters as
 * today's Nova writes them, from the first start on. A host or hypervisor that was renamed, a file or a database that came
 * from elsewhere would make every instance of the database look like a leftover: then the service refuses to start rather
 * than clean up or begin a second node. */
#pragma once

#include "db/store.h"
#include "objects/exception.h"

typedef struct ComputeManager ComputeManager;

#define IDENTITY_FILE "compute_id"

/* The verdict, pure: @file is the uuid in the file (NULL: there is no file), @rows the nodes of the database, @host and @node
 * what this host and its hypervisor are called now. Returns 1 with *ret the uuid of this host's node, borrowed from @file
 * or @rows; 0 when it is to be made up, on the first start; -EINVAL with InvalidConfiguration that names what disagrees. */
int identity_judge(const char *file, const ComputeNodeList *rows, const char *host, const char *node, const char **ret,
                   NovaException *e);

/* Reads and checks the file, writes it if it is missing. From then on a node that is made has this uuid. Returns 0; -EINVAL
 * when the host is not what the database takes it for, or the file holds no uuid: for good; -errno of the store, the
 * hypervisor or the file system, which may pass. A driver with several nodes has no such file. Blocks; workers only. */
int compute_check_identity(ComputeManager *m, NovaException *e);

/* An instance: what the host-level parts need of Nova's Instance 2.7, and the whole object as received beside it.
 * Plain value; copies are deep. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"
#include "basic/time-util.h"
#include "objects/states.h"

typedef struct Instance {
        int64_t id;
        char *uuid;
        char *name;                     /* instance_name_template: the domain's name */
        char *display_name;
        char *hostname;
        char *host, *node, *launched_on;
        char *user_id, *project_id;
        char *image_ref;
        char *os_type;
        char *availability_zone;
        VmState vm_state;
        TaskState task_state;
        PowerState power_state;
        char *flavor_name;
        int64_t flavor_id;
        int64_t memory_mb, vcpus, root_gb, ephemeral_gb, swap_mb;
        bool locked;
        bool volume_backed;             /* its root disk is a volume: root_gb does not count */
        char *network_info;             /* JSON text of the info cache, or NULL */
        char *numa_topology;            /* JSON text of its InstanceNUMATopology, or NULL; also in object (instance_set_numa_topology) */
        json_t *object;                 /* the Instance primitive this was made of, or NULL: fields we do not name are kept there */
        usec_t created_at, updated_at, launched_at, terminated_at, deleted_at;
        bool deleted, cleaned;
} Instance;

void instance_done(Instance *i);
Instance *instance_free(Instance *i);
DEFINE_CLEANUP(Instance *, instance_free)
int instance_copy(const Instance *i, Instance *ret);            /* 0 or -ENOMEM */

typedef struct InstanceList {
        Instance *items;
        size_t n;
} InstanceList;
void instance_list_done(InstanceList *l);

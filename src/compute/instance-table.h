/* The instances of this host as they are shown: a copy on the main loop, fed by the store as it writes, so that whoever shows them
 * (bus) never waits for the database. All on the main loop but instance_table_watch. */
#pragma once

#include <systemd/sd-event.h>

#include "db/store.h"
#include "objects/instance-view.h"

typedef struct InstanceTable InstanceTable;

typedef enum InstanceChange {
        INSTANCE_ADDED,
        INSTANCE_CHANGED,
        INSTANCE_REMOVED,               /* the view is freed after the call */
} InstanceChange;

/* @v stays where it is as long as the instance is there; its contents are replaced with each change. */
typedef void (*InstanceObserver)(const InstanceView *v, InstanceChange change, void *userdata);

/* @host is copied, @store borrowed: it outlives the table. 0 or -errno. */
int instance_table_new(InstanceTable **ret, sd_event *event, Store *store, const char *host);
InstanceTable *instance_table_free(InstanceTable *t);   /* takes NULL, returns NULL */
DEFINE_CLEANUP(InstanceTable *, instance_table_free)

/* On a worker: from now on the store tells it of its instances; until then it is empty. A second call does nothing. 0 or what
 * the store says: then it may be tried again. */
int instance_table_watch(InstanceTable *t);

/* Called on each change from now on, one observer only; NULL = none. Not of what there is: instance_table_foreach. */
void instance_table_observe(InstanceTable *t, InstanceObserver f, void *userdata);
const InstanceView *instance_table_find(const InstanceTable *t, const char *uuid);      /* NULL = there is none */
size_t instance_table_count(const InstanceTable *t);
/* In the order in which they came. */
void instance_table_foreach(const InstanceTable *t, void (*f)(const InstanceView *v, void *userdata), void *userdata);

/* What happens to this host's interfaces, as it happens: a second rtnetlink socket on the main loop (essex 16). The kernel drops
 * events when it has too many; then all is listed anew, and what differs is told, so that nobody misses how things are in the end. */
#pragma once

#include <systemd/sd-event.h>

#include "network/link.h"

typedef enum LinkChange {
        LINK_ADDED,
        LINK_CHANGED,                   /* up or down, bridge, MTU, name, hardware address */
        LINK_REMOVED,
        _LINK_CHANGE_MAX,
} LinkChange;
const char *link_change_to_string(LinkChange c);

/* On the loop. @link lives during the call; of LINK_REMOVED it is as it was last. */
typedef void (*LinkEventHandler)(LinkChange change, const LinkInfo *link, void *userdata);

typedef struct LinkEvents LinkEvents;

/* In the network namespace of the calling thread. The interfaces there are, are told as ADDED by the loop's first turn, not
 * within the call. */
int link_events_new(LinkEvents **ret, sd_event *event, LinkEventHandler handler, void *userdata);
LinkEvents *link_events_free(LinkEvents *l);
DEFINE_CLEANUP(LinkEvents *, link_events_free)

/* How often events were lost, and all was listed anew. */
unsigned link_events_overruns(const LinkEvents *l);
/* For tests: the size of what the kernel may keep for us. */
int link_events_set_buffer(LinkEvents *l, int bytes);

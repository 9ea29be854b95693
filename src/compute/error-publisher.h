/* publish_errors (essex 4, setup item 5): each line of the log at ERROR or above becomes a notification. */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "objects/exception.h"
#include "objects/messenger.h"

typedef struct ErrorPublisher ErrorPublisher;

/* From here on every line at ERROR or above is sent, secrets masked, from the loop's thread and by the drivers that the
 * configuration names: publisher nova.error.publisher, event error_notification, priority ERROR, payload {"error": line}.
 * Lines of the notifier itself are left out. There is one per process. Returns 0 with *ret NULL when publish_errors is
 * false, or list_notifier_drivers has the log notifier (as in the seed: it would write each line twice); or -errno.
 * @m is borrowed. */
int error_publisher_new(ErrorPublisher **ret, sd_event *event, const Config *config, Messenger *m, NovaException *e);
/* On the loop's thread. Takes NULL, returns NULL. */
ErrorPublisher *error_publisher_free(ErrorPublisher *p);
DEFINE_CLEANUP(ErrorPublisher *, error_publisher_free)

/* nova.notifier of the seed (essex 5.2) with today's driver names (zed 1.7): tells interested parties what happened.
 * Thread-safe; never blocks: it logs, or hands to the Messenger. */
#pragma once

#include "config/config.h"
#include "objects/context.h"
#include "objects/exception.h"
#include "objects/messenger.h"

typedef struct Notifier Notifier;

/* Reads [oslo_messaging_notifications] driver and topics (Essex's notification_driver and notification_topics are names of
 * the same) and list_notifier_drivers. @m is borrowed and may be NULL (then what goes to the broker is a logged failure). A driver that
 * does not exist is no failure here: as in the seed, each use logs it. */
int notifier_new(Notifier **ret, const Config *config, Messenger *m, NovaException *e);
Notifier *notifier_free(Notifier *n);
DEFINE_CLEANUP(Notifier *, notifier_free)

/* Whether anything but no_op is configured: callers may save themselves the payload. */
bool notifier_active(const Notifier *n);

/* Sends {message_id, publisher_id, event_type, priority, payload, timestamp}. @priority: DEBUG, WARN, INFO, ERROR or
 * CRITICAL, else -EINVAL with @e (BadPriorityException); failures of the drivers are logged, never returned. @payload is
 * borrowed. */
int notifier_notify(Notifier *n, const RequestContext *c, const char *publisher_id, const char *event_type,
                    const char *priority, const json_t *payload, NovaException *e);

/* "service.host" (essex) in @buf. */
char *notifier_publisher_id(const char *service, const char *host, char *buf, size_t size);

/* What the test driver recorded: a new reference to a copy of the list. */
json_t *notifier_recorded(Notifier *n);

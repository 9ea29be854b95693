/* nova.notifier of the seed (essex 5.2) with today's driver names (zed 1.7): tells interested parties what happened.
 * Thread-safe; never blocks: it logs, or hands to the Messenger. */
#pragma once

#include "config/config.h"
#include "objects/context.h"
#include "objects/exception.h"
#include "objects/messenger.h"

typedef struct Notifier Notifier;

/* The two forms of a notification (zed 1.7): Essex's with a flat payload, and one whose payload is a versioned object. */
typedef enum NotificationForm {
        NOTIFICATION_UNVERSIONED,
        NOTIFICATION_VERSIONED,
        _NOTIFICATION_FORM_MAX,
} NotificationForm;

/* notify_on_state_change: of which changes of an instance who listens is told. */
typedef enum StateChanges {
        STATE_CHANGES_NONE,
        STATE_CHANGES_VM,               /* of all; as one of states only when vm_state is another */
        STATE_CHANGES_VM_AND_TASK,      /* or task_state */
} StateChanges;

/* Reads [oslo_messaging_notifications] driver and topics (Essex's notification_driver and notification_topics are names of
 * the same), list_notifier_drivers, and [notifications] notification_format, versioned_notifications_topics,
 * bdms_in_notifications, notify_on_state_change. @m is borrowed and may be NULL (then what goes to the broker is a logged failure). A driver that
 * does not exist is no failure here: as in the seed, each use logs it. */
int notifier_new(Notifier **ret, const Config *config, Messenger *m, NovaException *e);
Notifier *notifier_free(Notifier *n);
DEFINE_CLEANUP(Notifier *, notifier_free)

/* Whether anything but no_op is configured: callers may save themselves the payload. */
bool notifier_active(const Notifier *n);

/* Whether that form is sent anywhere: drivers are there, and notification_format has it. */
bool notifier_sends(const Notifier *n, NotificationForm form);
/* Whether versioned payloads tell the block devices of an instance. */
bool notifier_tells_block_devices(const Notifier *n);
/* STATE_CHANGES_NONE also where nothing is sent anywhere. */
StateChanges notifier_tells_changes(const Notifier *n);

/* Sends {message_id, publisher_id, event_type, priority, payload, timestamp}. @priority: DEBUG, WARN, INFO, ERROR or
 * CRITICAL, else -EINVAL with @e (BadPriorityException); failures of the drivers are logged, never returned. @payload is
 * borrowed. Of the unversioned form: nothing is sent, and 0 returned, where only the other is. */
int notifier_notify(Notifier *n, const RequestContext *c, const char *publisher_id, const char *event_type,
                    const char *priority, const json_t *payload, NovaException *e);

/* The same of the versioned form, to its topics. @payload: the primitive of a payload object. */
int notifier_notify_versioned(Notifier *n, const RequestContext *c, const char *publisher_id, const char *event_type,
                              const char *priority, const json_t *payload, NovaException *e);

/* "service.host" (essex) in @buf. */
char *notifier_publisher_id(const char *service, const char *host, char *buf, size_t size);

/* What the test driver recorded: a new reference to a copy of the list. */
json_t *notifier_recorded(Notifier *n);

/* Options of notifications. */
#include "config/options.h"

const Option options_notify[] = {
#define GROUP NULL
        STRING("default_publisher_id", "$host", "Publisher of notifications from hooks around methods.", RELOADABLE),
        MULTI("list_notifier_drivers", "nova.notifier.no_op_notifier", "Drivers that nova.notifier.list_notifier passes notifications to."),
        BOOLEAN("notify_api_faults", "false", "Notify of faults in the API.", ACCEPTED),
        BOOLEAN("instance_usage_audit", "false", "Notify at the end of each period that each instance existed.", RELOADABLE),
        STRING("instance_usage_audit_period", "month", "That period: hour, day, month or year, perhaps with @offset.", RELOADABLE),
#undef GROUP

#define GROUP "notifications"
        STRING("notify_on_state_change", NULL, "Notify of each change of an instance, with the old states when its vm_state "
               "is another, or its task_state too; unset: of none.",
               CHOICES("", "None", "vm_state", "vm_and_task_state"), NAMES("notify_on_state_change")),
        STRING("default_level", "INFO", "Level of notifications from hooks around methods.",
               CHOICES("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"), NAMES("default_notification_level"), RELOADABLE),
        STRING("notification_format", "unversioned", "Which form of notifications is sent.", CHOICES("both", "versioned", "unversioned"),
               NAMES("notification_format")),
        LIST("versioned_notifications_topics", "versioned_notifications", "Topics of versioned notifications."),
        BOOLEAN("bdms_in_notifications", "false", "Put an instance's block devices into versioned notifications."),
        BOOLEAN("include_share_mapping", "false", "Put an instance's shares into them; of a later release.", ACCEPTED),
#undef GROUP

#define GROUP "oslo_messaging_notifications"
        MULTI("driver", NULL, "Where notifications go: messaging, messagingv2, log, noop; also Essex's nova.notifier.rabbit_notifier, "
              "log_notifier, list_notifier, no_op_notifier. Unset: nowhere.",
              NAMES("notification_driver", "oslo_messaging_notifications.notification_driver")),
        STRING("transport_url", NULL, "Broker for notifications; unset: the same as for RPC.", NAMES("notification_transport_url"),
                PLANNED),
        LIST("topics", "notifications", "Topics of notifications.", NAMES("notification_topics", "rpc_notifier2.topics")),
        INTEGER("retry", "-1", "Tries to send a notification; always until it is sent here.", AT_LEAST(-1), ACCEPTED),
#undef GROUP
};
const size_t n_options_notify = ELEMENTSOF(options_notify);

/* Notifications: one message, handed to the drivers that the configuration names, under the names of Essex and of today.
 * A driver's failure is logged and never reaches who notifies. */
#define LOG_LOGGER "nova.notifier"
#include "compute/notifier.h"

#include <assert.h>
#include <pthread.h>

#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/time-util.h"

typedef enum NotifierDriver {
        NOTIFIER_NO_OP,
        NOTIFIER_LOG,
        NOTIFIER_RABBIT,                /* un-enveloped, with a fresh admin context */
        NOTIFIER_MESSAGING,             /* today's, un-enveloped */
        NOTIFIER_MESSAGING_V2,          /* today's, enveloped */
        NOTIFIER_LIST,                  /* all of list_notifier_drivers */
        NOTIFIER_TEST,                  /* records */
        _NOTIFIER_DRIVER_MAX,
        _NOTIFIER_DRIVER_INVALID = -1,
} NotifierDriver;

static const struct {
        const char *name;
        NotifierDriver driver;
} driver_names[] = {
        { "nova.notifier.no_op_notifier", NOTIFIER_NO_OP },
        { "nova.openstack.common.notifier.no_op_notifier", NOTIFIER_NO_OP },
        { "no_op", NOTIFIER_NO_OP },
        { "noop", NOTIFIER_NO_OP },
        { "nova.notifier.log_notifier", NOTIFIER_LOG },
        { "nova.openstack.common.notifier.log_notifier", NOTIFIER_LOG },
        { "log", NOTIFIER_LOG },
        { "nova.notifier.rabbit_notifier", NOTIFIER_RABBIT },
        { "nova.openstack.common.notifier.rabbit_notifier", NOTIFIER_RABBIT },
        { "nova.openstack.common.notifier.rpc_notifier", NOTIFIER_RABBIT },
        { "rabbit", NOTIFIER_RABBIT },
        { "messaging", NOTIFIER_MESSAGING },
        { "messagingv2", NOTIFIER_MESSAGING_V2 },
        { "nova.notifier.list_notifier", NOTIFIER_LIST },
        { "list", NOTIFIER_LIST },
        { "nova.notifier.test_notifier", NOTIFIER_TEST },
        { "test", NOTIFIER_TEST },
};

/* Essex's five, with the level of the log driver's line and the word in the routing key. */
static const struct {
        const char *name, *key;
        LogLevel level;
} priorities[] = {
        { "DEBUG", "debug", LOG_LEVEL_DEBUG },
        { "WARN", "warn", LOG_LEVEL_WARNING },
        { "INFO", "info", LOG_LEVEL_INFO },
        { "ERROR", "error", LOG_LEVEL_ERROR },
        { "CRITICAL", "critical", LOG_LEVEL_CRITICAL },
};

struct Notifier {
        Messenger *messenger;
        char **drivers;                 /* as configured */
        char **list;                    /* of the list driver */
        char **topics[_NOTIFICATION_FORM_MAX];
        bool forms[_NOTIFICATION_FORM_MAX];
        bool block_devices;
        StateChanges changes;
        pthread_mutex_t lock;           /* of recorded */
        json_t *recorded;
};

static NotifierDriver driver_from_string(const char *name) {
        for (size_t n = 0; n < ELEMENTSOF(driver_names); n++)
                if (streq(driver_names[n].name, name))
                        return driver_names[n].driver;
        return _NOTIFIER_DRIVER_INVALID;
}

static void read_forms(Notifier *n, const Config *config) {
        const char *format = strempty(config_string(config, "notifications.notification_format"));
        const char *changes = strempty(config_string(config, "notifications.notify_on_state_change"));

        n->forms[NOTIFICATION_UNVERSIONED] = !streq(format, "versioned");
        n->forms[NOTIFICATION_VERSIONED] = streq(format, "versioned") || streq(format, "both");
        n->block_devices = config_boolean(config, "notifications.bdms_in_notifications");
        n->changes = streq(changes, "vm_state") ? STATE_CHANGES_VM
                   : streq(changes, "vm_and_task_state") ? STATE_CHANGES_VM_AND_TASK : STATE_CHANGES_NONE;
}

int notifier_new(Notifier **ret, const Config *config, Messenger *m, NovaException *e _unused_) {
        _cleanup_(notifier_freep) Notifier *n = NULL;

        assert(ret && config);

        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        pthread_mutex_init(&n->lock, NULL);
        n->messenger = m;

        n->drivers = strv_copy((char *const *) config_list(config, "oslo_messaging_notifications.driver"));
        n->topics[NOTIFICATION_UNVERSIONED] = strv_copy((char *const *) config_list(config, "oslo_messaging_notifications.topics"));
        n->topics[NOTIFICATION_VERSIONED] =
                strv_copy((char *const *) config_list(config, "notifications.versioned_notifications_topics"));
        n->list = strv_copy((char *const *) config_list(config, "list_notifier_drivers"));
        n->recorded = json_array();
        if (!n->drivers || !n->topics[NOTIFICATION_UNVERSIONED] || !n->topics[NOTIFICATION_VERSIONED] || !n->list || !n->recorded)
                return -ENOMEM;
        read_forms(n, config);

        *ret = TAKE_PTR(n);
        return 0;
}

Notifier *notifier_free(Notifier *n) {
        if (!n)
                return NULL;
        strv_free(n->drivers);
        strv_free(n->list);
        for (size_t form = 0; form < _NOTIFICATION_FORM_MAX; form++)
                strv_free(n->topics[form]);
        json_decref(n->recorded);
        pthread_mutex_destroy(&n->lock);
        free(n);
        return NULL;
}

bool notifier_active(const Notifier *n) {
        for (char **d = n->drivers; *d; d++)
                if (driver_from_string(*d) != NOTIFIER_NO_OP)
                        return true;
        return false;
}

bool notifier_sends(const Notifier *n, NotificationForm form) {
        return n->forms[form] && notifier_active(n);
}

bool notifier_tells_block_devices(const Notifier *n) {
        return n->block_devices;
}

StateChanges notifier_tells_changes(const Notifier *n) {
        return n->changes != STATE_CHANGES_NONE && notifier_active(n) ? n->changes : STATE_CHANGES_NONE;
}

char *notifier_publisher_id(const char *service, const char *host, char *buf, size_t size) {
        snprintf(buf, size, "%s.%s", service, host);
        return buf;
}

static void problem(const json_t *message, const char *why) {
        json_auto_t *masked = json_masked(message);
        _cleanup_free_ char *text = masked ? json_text(masked) : NULL;

        log_error("Problem '%s' attempting to send to notification system. Payload=%s", why, strempty(text));
}

static void notify_log(const json_t *message, LogLevel level) {
        json_auto_t *masked = json_masked(message);
        _cleanup_free_ char *text = masked ? json_text(masked) : NULL;
        char logger[160];

        snprintf(logger, sizeof logger, "nova.notification.%s", strempty(json_member_string(message, "event_type")));
        if (text && log_enabled(level, logger))
                log_write(level, logger, __FILE__, __LINE__, __func__, NULL, NULL, "%s", text);
}

/* One message on its way: the same for each driver. */
typedef struct Notification {
        const RequestContext *context;
        const json_t *message;
        char *const *topics;
        size_t priority;                /* index of priorities */
} Notification;

static void notify_broker(Notifier *n, const RequestContext *c, const Notification *m, bool envelope) {
        const char *key = priorities[m->priority].key;
        char why[160];
        int r;

        for (char *const *topic = m->topics; *topic; topic++) {
                r = n->messenger ? n->messenger->notify(n->messenger, c, *topic, key, m->message, envelope) : -ENOTCONN;
                if (r >= 0)
                        continue;
                snprintf(why, sizeof why, "Could not send notification to %s.%s: %s", *topic, key, strerrordesc_np(-r));
                problem(m->message, why);
        }
}

static void notify_record(Notifier *n, const json_t *message) {
        json_t *copy = json_deep_copy(message);

        pthread_mutex_lock(&n->lock);
        (void) json_array_append_new(n->recorded, copy);
        pthread_mutex_unlock(&n->lock);
}

static void notify_by(Notifier *n, const char *name, const Notification *m, bool in_list) {
        char why[160];

        switch (driver_from_string(name)) {
        case NOTIFIER_NO_OP:
                break;

        case NOTIFIER_LOG:
                notify_log(m->message, priorities[m->priority].level);
                break;

        case NOTIFIER_RABBIT: {
                _cleanup_(context_unrefp) RequestContext *admin = context_new_admin();

                if (admin)
                        notify_broker(n, admin, m, false);
                break;
        }

        case NOTIFIER_MESSAGING:
                notify_broker(n, m->context, m, false);
                break;

        case NOTIFIER_MESSAGING_V2:
                notify_broker(n, m->context, m, true);
                break;

        case NOTIFIER_LIST:
                if (in_list) {
                        problem(m->message, "list_notifier_drivers names the list notifier itself");
                        break;
                }
                for (char **d = n->list; *d; d++)
                        notify_by(n, *d, m, true);
                break;

        case NOTIFIER_TEST:
                notify_record(n, m->message);
                break;

        default:
                /* The capacity notifier among them: the resource tracker counts what it counted. */
                snprintf(why, sizeof why, "There is no notification driver %.100s", name);
                problem(m->message, why);
                break;
        }
}

static int notify(Notifier *n, NotificationForm form, const RequestContext *c, const char *publisher_id, const char *event_type,
                  const char *priority, const json_t *payload, NovaException *e) {
        char id[UUID_TEXT_MAX], now[TIME_TEXT_MAX];
        json_auto_t *message = NULL;
        Notification m;
        size_t p = 0;

        assert(n && publisher_id && event_type && priority);

        while (p < ELEMENTSOF(priorities) && !streq(priority, priorities[p].name))
                p++;
        if (p == ELEMENTSOF(priorities)) {
                (void) exception_setf(e, EXC_VALUE_ERROR, "%s not in valid priorities: DEBUG, WARN, INFO, ERROR, CRITICAL",
                                      priority);
                return -EINVAL;
        }
        if (!n->forms[form])
                return 0;

        message = json_pack("{s:s, s:s, s:s, s:s, s:O?, s:s}", "message_id", uuid4(id), "publisher_id", publisher_id,
                            "event_type", event_type, "priority", priority, "payload", payload, "timestamp",
                            time_format_log(now_realtime(), now));
        if (!message)
                return -ENOMEM;
        m = (Notification) { .context = c, .message = message, .topics = n->topics[form], .priority = p };
        for (char **d = n->drivers; *d; d++)
                notify_by(n, *d, &m, false);
        return 0;
}

int notifier_notify(Notifier *n, const RequestContext *c, const char *publisher_id, const char *event_type,
                    const char *priority, const json_t *payload, NovaException *e) {
        return notify(n, NOTIFICATION_UNVERSIONED, c, publisher_id, event_type, priority, payload, e);
}

int notifier_notify_versioned(Notifier *n, const RequestContext *c, const char *publisher_id, const char *event_type,
                              const char *priority, const json_t *payload, NovaException *e) {
        return notify(n, NOTIFICATION_VERSIONED, c, publisher_id, event_type, priority, payload, e);
}

json_t *notifier_recorded(Notifier *n) {
        json_t *copy;

        pthread_mutex_lock(&n->lock);
        copy = json_deep_copy(n->recorded);
        pthread_mutex_unlock(&n->lock);
        return copy;
}

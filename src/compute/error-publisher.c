/* From the log to the notifier. A line is logged on any thread, under whatever locks that has: there it is only copied
 * into a mailbox. */
#define LOG_LOGGER "nova.notifier"
#include "compute/error-publisher.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "basic/mailbox.h"
#include "compute/notifier.h"

struct ErrorPublisher {
        Notifier *notifier;
        Mailbox *lines;
};

static void on_line(void *item, void *userdata) {
        ErrorPublisher *p = userdata;
        _cleanup_free_ char *text = item;
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        json_auto_t *payload = json_pack("{s:s}", "error", text);

        if (c && payload)       /* else out of memory, or no UTF-8: the line is in the log */
                (void) notifier_notify(p->notifier, c, "nova.error.publisher", "error_notification", "ERROR", payload, NULL);
}

/* A failure to notify is an error too, and must not be notified of. */
static bool is_own(const char *logger) {
        return startswith(logger, "nova.notif");        /* nova.notifier, nova.notification.<event> */
}

static void on_error(const char *logger, const char *message, void *userdata) {
        ErrorPublisher *p = userdata;
        char *copy;

        if (is_own(logger))
                return;
        copy = strdup(message);
        if (copy && mailbox_post(p->lines, copy) < 0)
                free(copy);
}

static bool writes_lines_twice(const Config *config) {
        for (const char *const *d = config_list(config, "list_notifier_drivers"); *d; d++)
                if (streq(*d, "nova.notifier.log_notifier"))
                        return true;
        return false;
}

int error_publisher_new(ErrorPublisher **ret, sd_event *event, const Config *config, Messenger *m, NovaException *e) {
        _cleanup_(error_publisher_freep) ErrorPublisher *p = NULL;
        int r;

        assert(ret && event && config);

        if (!config_boolean(config, "publish_errors") || writes_lines_twice(config)) {
                *ret = NULL;
                return 0;
        }
        p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        r = notifier_new(&p->notifier, config, m, e);
        if (r < 0)
                return r;
        r = mailbox_new(&p->lines, event, "log-errors", SD_EVENT_PRIORITY_NORMAL, on_line, free, p);
        if (r < 0)
                return exception_set_errno(e, r, "publish_errors");
        log_set_error_handler(on_error, p);
        *ret = TAKE_PTR(p);
        return 0;
}

ErrorPublisher *error_publisher_free(ErrorPublisher *p) {
        if (!p)
                return NULL;
        log_set_error_handler(NULL, NULL);
        (void) mailbox_free(p->lines);
        (void) notifier_free(p->notifier);
        free(p);
        return NULL;
}

/* The verbs of org.nova.Compute1.Service. Each asks polkit, reads its arguments, checks them, and only then acts; what takes
 * time is answered when it is done. Who may not hears nothing about his arguments. */
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/text-util.h"
#include "bus/options.h"

#define REASON_MAX 255          /* characters: the column's width in Nova */

int bus_refuse_options(sd_bus_message *m, sd_bus_error *error) {
        const char *option;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'e', "sv");
        if (r > 0)
                r = sd_bus_message_read(m, "s", &option);
        if (r < 0)
                return r;
        if (r > 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unknown option '%.*s': %s takes none",
                                         bus_shown(option), option, sd_bus_message_get_member(m));
        return 0;
}

int bus_verb_authorize(Bus *b, sd_bus_message *m, const char *verb, const char *action, const char *task, sd_bus_error *error) {
        _cleanup_free_ char *owned = NULL;
        const char *details[] = {
                "verb", verb,
                "host", bus_text(b->service ? service_host(b->service) : NULL, &owned),
                "binary", b->service ? strempty(service_binary(b->service)) : "",
                task ? "task" : NULL, task,
                NULL,
        };
        int r;

        r = authority_check(b->authority, m, action, details, error);
        if (r <= 0)
                return r;
        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : 1;
}

int bus_verb_authorize_simple(Bus *b, sd_bus_message *m, const char *verb, const char *action, sd_bus_error *error) {
        int r;

        r = bus_verb_authorize(b, m, verb, action, NULL, error);
        if (r <= 0)
                return r;
        r = bus_refuse_options(m, error);
        return r < 0 ? r : 1;
}

static int no_service(sd_bus_error *error) {
        return sd_bus_error_set(error, BUS_ERROR_NOT_RUNNING, "There is no service yet, or no more: the daemon is starting or ending");
}

/* What @c waits for was begun, or refused with @r. */
static int verb_begun(BusCall *c, int r, const char *what, sd_bus_error *error) {
        if (r >= 0)
                return 1;
        bus_call_free(c);
        return bus_error_from(error, r, NULL, what);
}

/* Keeps the call, begins what @begin does, and answers with its result. */
static int verb_ask_service(Bus *b, sd_bus_message *m, const char *what, int (*begin)(Service *s, ServiceDone done, void *userdata),
                            sd_bus_error *error) {
        BusCall *c;
        int r;

        if (!b->service)
                return no_service(error);
        r = bus_call_new(b, m, WAIT_RESULT, what, &c, error);
        if (r < 0)
                return r;
        return verb_begun(c, begin(b->service, bus_call_on_result, c), what, error);
}

/* Start, Stop and Kill answer when the service has come to the state that was asked for, which its observers tell. */
static int verb_change_state(Bus *b, sd_bus_message *m, const char *verb, int (*begin)(Service *s), BusCallWait wait,
                             const char *what, sd_bus_error *error) {
        BusCall *c;
        int r;

        r = bus_verb_authorize_simple(b, m, verb, ACTION_MANAGE_SERVICE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!b->service)
                return no_service(error);
        r = begin(b->service);
        if (r < 0)
                return bus_error_from(error, r, NULL, what);
        r = bus_call_new(b, m, wait, what, &c, error);
        if (r < 0)
                return r;
        bus_calls_on_state(b);          /* it may be there already */
        return 1;
}

int bus_verb_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return verb_change_state(userdata, m, "start", service_start, WAIT_STARTED, "The service could not be started", error);
}

int bus_verb_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return verb_change_state(userdata, m, "stop", service_stop, WAIT_STOPPED, "The service could not be stopped", error);
}

int bus_verb_kill(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return verb_change_state(userdata, m, "kill", service_kill, WAIT_STOPPED, "The service could not be taken off the list", error);
}

int bus_verb_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *why = NULL, *owned = NULL;
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "reload", ACTION_MANAGE_SERVICE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = b->callbacks.reload ? b->callbacks.reload(b->callbacks.userdata, &why) : -EOPNOTSUPP;
        if (r < 0 && why)
                return sd_bus_error_setf(error, BUS_ERROR_CONFIG_INVALID, "The configuration was not reloaded: %s", bus_text(why, &owned));
        if (r < 0)
                return bus_error_from(error, r, NULL, "The configuration was not reloaded");
        return sd_bus_reply_method_return(m, NULL);
}

int bus_verb_report_state(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "report-state", ACTION_REPORT_STATE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return verb_ask_service(b, m, "The state could not be reported", service_report_state, error);
}

int bus_verb_update_available_resource(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "update-available-resource", ACTION_UPDATE_RESOURCES, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return verb_ask_service(b, m, "The resources could not be updated", service_update_available_resource, error);
}

static int set_enabled(Bus *b, sd_bus_message *m, bool enabled, const char *reason, sd_bus_error *error) {
        const char *what = enabled ? "The host could not be enabled" : "The host could not be disabled";
        BusCall *c;
        int r;

        if (!b->service)
                return no_service(error);
        r = bus_call_new(b, m, WAIT_RESULT, what, &c, error);
        if (r < 0)
                return r;
        return verb_begun(c, service_set_enabled(b->service, enabled, reason, bus_call_on_result, c), what, error);
}

int bus_verb_enable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "enable", ACTION_MANAGE_SERVICE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return set_enabled(b, m, true, NULL, error);
}

int bus_verb_disable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *reason;
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize(b, m, "disable", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(m, "s", &reason);
        if (r >= 0)
                r = bus_refuse_options(m, error);
        if (r < 0)
                return r;
        if (text_characters(reason) > REASON_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The reason has %zu characters, at most %d are kept",
                                         text_characters(reason), REASON_MAX);
        return set_enabled(b, m, false, reason, error);
}

static bool task_exists(Manager *m, const char *name) {
        size_t n;
        const PeriodicTask *tasks = bus_manager_tasks(m, &n);

        for (size_t i = 0; i < n; i++)
                if (streq(tasks[i].name, name))
                        return true;
        return false;
}

static int no_such_task(const char *name, sd_bus_error *error) {
        return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_TASK, "There is no periodic task '%.*s': see the property PeriodicTasks",
                                 bus_shown(name), name);
}

int bus_verb_run_periodic_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char what[] = "The periodic task failed";
        const char *name;
        Bus *b = userdata;
        BusCall *c;
        int r;

        /* before it is authorized only for the rules, which hear of no other tasks than there are */
        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = bus_verb_authorize(b, m, "run-periodic-task", ACTION_MANAGE_SERVICE, b->manager && task_exists(b->manager, name) ? name : "", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = bus_refuse_options(m, error);
        if (r < 0)
                return r;
        if (!b->service)
                return no_service(error);
        if (!task_exists(b->manager, name))
                return no_such_task(name, error);
        r = bus_call_new(b, m, WAIT_RESULT, what, &c, error);
        if (r < 0)
                return r;
        r = service_run_periodic_task(b->service, name, bus_call_on_result, c);
        if (r < 0) {
                bus_call_free(c);
                return r == -ENOENT ? no_such_task(name, error) : bus_error_from(error, r, NULL, what);
        }
        return 1;
}

/* org.nova.Compute1.Service: what the service is and does, and the verbs that drive it. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>

#include "config.h"

#define TIMERS_MAX 32
#define SERVERS_MAX 16
#define REASON_MAX 255          /* characters: the column's width in Nova */
#define SHOWN_MAX 64            /* bytes of somebody's text in a sentence of ours */

/* ---- properties ---- */

typedef enum ServiceProperty {
        PROPERTY_VERSION,
        PROPERTY_BINARY,
        PROPERTY_TOPIC,
        PROPERTY_HOST,
        PROPERTY_MANAGER_CLASS,
        PROPERTY_STATE,
        PROPERTY_STEP,
        PROPERTY_TROUBLE,
        PROPERTY_SERVICE_ID,
        PROPERTY_UUID,
        PROPERTY_ZONE,
        PROPERTY_ENABLED,
        PROPERTY_DISABLED_REASON,
        PROPERTY_FORCED_DOWN,
        PROPERTY_MODEL_CONNECTED,
        PROPERTY_REPORT_COUNT,
        PROPERTY_LAST_REPORT,
        PROPERTY_REPORT_INTERVAL,
        PROPERTY_PERIODIC_INTERVAL,
        PROPERTY_BROKER_STATE,
        PROPERTY_BROKER_ADDRESS,
        PROPERTY_BROKER_ERROR,
        PROPERTY_BROKER_ATTEMPTS,
        PROPERTY_BROKER_BLOCKED,
        PROPERTY_BROKER_NEXT_TRY,
        PROPERTY_QUEUES,
        PROPERTY_CONSUMERS,
        PROPERTY_METHODS,
        PROPERTY_PERIODIC_TASKS,
        PROPERTY_TIMERS,
        PROPERTY_STALLED,
        PROPERTY_REQUESTS,
        PROPERTY_FAILURES,
        _SERVICE_PROPERTY_MAX,
} ServiceProperty;

/* What is fixed once the service is there changes with it: bus_set_service marks all that has any flag. */
#define CHANGES_WITH_SERVICE (1u << 31)

static const BusProperty service_properties[_SERVICE_PROPERTY_MAX] = {
        [PROPERTY_VERSION] = { "Version", 0 },
        [PROPERTY_BINARY] = { "Binary", CHANGES_WITH_SERVICE },
        [PROPERTY_TOPIC] = { "Topic", CHANGES_WITH_SERVICE },
        [PROPERTY_HOST] = { "Host", CHANGES_WITH_SERVICE },
        [PROPERTY_MANAGER_CLASS] = { "ManagerClass", CHANGES_WITH_SERVICE },
        [PROPERTY_STATE] = { "State", SERVICE_CHANGED_STATE },
        [PROPERTY_STEP] = { "Step", SERVICE_CHANGED_STATE },
        [PROPERTY_TROUBLE] = { "Trouble", UINT32_MAX },
        [PROPERTY_SERVICE_ID] = { "ServiceId", SERVICE_CHANGED_RECORD },
        [PROPERTY_UUID] = { "Uuid", SERVICE_CHANGED_RECORD },
        [PROPERTY_ZONE] = { "Zone", SERVICE_CHANGED_RECORD },
        [PROPERTY_ENABLED] = { "Enabled", SERVICE_CHANGED_RECORD },
        [PROPERTY_DISABLED_REASON] = { "DisabledReason", SERVICE_CHANGED_RECORD },
        [PROPERTY_FORCED_DOWN] = { "ForcedDown", SERVICE_CHANGED_RECORD },
        [PROPERTY_MODEL_CONNECTED] = { "ModelConnected", SERVICE_CHANGED_REPORT },
        [PROPERTY_REPORT_COUNT] = { "ReportCount", SERVICE_CHANGED_REPORT | SERVICE_CHANGED_RECORD },
        [PROPERTY_LAST_REPORT] = { "LastReportUSec", SERVICE_CHANGED_REPORT },
        [PROPERTY_REPORT_INTERVAL] = { "ReportIntervalUSec", SERVICE_CHANGED_TIMERS },
        [PROPERTY_PERIODIC_INTERVAL] = { "PeriodicIntervalUSec", SERVICE_CHANGED_TIMERS },
        [PROPERTY_BROKER_STATE] = { "BrokerState", SERVICE_CHANGED_BROKER },
        [PROPERTY_BROKER_ADDRESS] = { "BrokerAddress", SERVICE_CHANGED_BROKER },
        [PROPERTY_BROKER_ERROR] = { "BrokerError", SERVICE_CHANGED_BROKER },
        [PROPERTY_BROKER_ATTEMPTS] = { "BrokerAttempts", SERVICE_CHANGED_BROKER },
        [PROPERTY_BROKER_BLOCKED] = { "BrokerBlocked", SERVICE_CHANGED_BROKER },
        [PROPERTY_BROKER_NEXT_TRY] = { "BrokerNextTryUSecMonotonic", SERVICE_CHANGED_BROKER },
        [PROPERTY_QUEUES] = { "Queues", SERVICE_CHANGED_BROKER | SERVICE_CHANGED_STATE },
        [PROPERTY_CONSUMERS] = { "Consumers", SERVICE_CHANGED_BROKER },
        [PROPERTY_METHODS] = { "Methods", CHANGES_WITH_SERVICE },
        [PROPERTY_PERIODIC_TASKS] = { "PeriodicTasks", CHANGES_WITH_SERVICE },
        [PROPERTY_TIMERS] = { "Timers", SERVICE_CHANGED_TIMERS | SERVICE_CHANGED_STATE },
        [PROPERTY_STALLED] = { "Stalled", SERVICE_CHANGED_STALLED },
        [PROPERTY_REQUESTS] = { "Requests", 0 },
        [PROPERTY_FAILURES] = { "Failures", 0 },
};

static int method_names(Manager *m, BusValue *ret) {
        const Method *methods;
        size_t n = 0;

        if (!m || !m->ops->methods)
                return 0;
        methods = m->ops->methods(m, &n);
        ret->owned = calloc(n + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ret->owned[i] = methods[i].name;
        ret->as = ret->owned;
        return 0;
}

static const PeriodicTask *tasks_of(Manager *m, size_t *ret_n) {
        *ret_n = 0;
        return m && m->ops->periodic_tasks ? m->ops->periodic_tasks(m, ret_n) : NULL;
}

static int task_names(Manager *m, BusValue *ret) {
        const PeriodicTask *tasks;
        size_t n;

        tasks = tasks_of(m, &n);
        ret->owned = calloc(n + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ret->owned[i] = tasks[i].name;
        ret->as = ret->owned;
        return 0;
}

static int timer_names(Service *s, BusValue *ret) {
        LoopingCallInfo timers[TIMERS_MAX];
        size_t n = MIN(service_timers(s, timers, TIMERS_MAX), (size_t) TIMERS_MAX);

        ret->owned = calloc(n + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ret->owned[i] = timers[i].name;
        ret->as = ret->owned;
        return 0;
}

/* The one place that says what a property is; without a service each is empty. */
static int service_value(Bus *b, size_t property, BusValue *ret) {
        static const ServiceRecord no_record = {};
        static const RpcStatus no_broker = {};
        Service *s = b->service;
        const ServiceRecord *record = s && service_record(s) ? service_record(s) : &no_record;
        const RpcStatus *broker = s && service_broker(s) ? service_broker(s) : &no_broker;

        switch ((ServiceProperty) property) {
        case PROPERTY_VERSION:
                *ret = BUS_STRING(PACKAGE_VERSION);
                return 0;
        case PROPERTY_BINARY:
                *ret = BUS_STRING(s ? service_binary(s) : NULL);
                return 0;
        case PROPERTY_TOPIC:
                *ret = BUS_STRING(s ? service_topic(s) : NULL);
                return 0;
        case PROPERTY_HOST:
                *ret = BUS_STRING(s ? service_host(s) : NULL);
                return 0;
        case PROPERTY_MANAGER_CLASS:
                *ret = BUS_STRING(s ? service_manager_class(s) : NULL);
                return 0;
        case PROPERTY_STATE:
                *ret = BUS_STRING(service_state_to_string(s ? service_state(s) : b->had_service ? SERVICE_STOPPED : SERVICE_STARTING));
                return 0;
        case PROPERTY_STEP:
                *ret = BUS_STRING(s ? service_step_to_string(service_step(s)) : NULL);
                return 0;
        case PROPERTY_TROUBLE:
                *ret = BUS_STRING(s ? service_trouble(s) : NULL);
                return 0;
        case PROPERTY_SERVICE_ID:
                *ret = BUS_INT64(record->id);
                return 0;
        case PROPERTY_UUID:
                *ret = BUS_STRING(record->uuid);
                return 0;
        case PROPERTY_ZONE:
                *ret = BUS_STRING(record->availability_zone);
                return 0;
        case PROPERTY_ENABLED:
                *ret = BUS_BOOLEAN(record->id != 0 && !record->disabled);
                return 0;
        case PROPERTY_DISABLED_REASON:
                *ret = BUS_STRING(record->disabled_reason);
                return 0;
        case PROPERTY_FORCED_DOWN:
                *ret = BUS_BOOLEAN(record->forced_down);
                return 0;
        case PROPERTY_MODEL_CONNECTED:
                *ret = BUS_BOOLEAN(s && !service_model_disconnected(s));
                return 0;
        case PROPERTY_REPORT_COUNT:
                *ret = BUS_INT64(record->report_count);
                return 0;
        case PROPERTY_LAST_REPORT:
                *ret = BUS_UINT64(s ? service_last_report(s) : 0);
                return 0;
        case PROPERTY_REPORT_INTERVAL:
                *ret = BUS_UINT64(s ? service_report_interval(s) : 0);
                return 0;
        case PROPERTY_PERIODIC_INTERVAL:
                *ret = BUS_UINT64(s ? service_periodic_interval(s) : 0);
                return 0;
        case PROPERTY_BROKER_STATE:
                *ret = BUS_STRING(rpc_link_state_to_string(broker->state));
                return 0;
        case PROPERTY_BROKER_ADDRESS:
                *ret = BUS_STRING(broker->address);
                return 0;
        case PROPERTY_BROKER_ERROR:
                *ret = BUS_STRING(broker->error);
                return 0;
        case PROPERTY_BROKER_ATTEMPTS:
                *ret = BUS_UINT32(broker->attempt);
                return 0;
        case PROPERTY_BROKER_BLOCKED:
                *ret = BUS_BOOLEAN(broker->blocked);
                return 0;
        case PROPERTY_BROKER_NEXT_TRY:
                *ret = BUS_UINT64(broker->next_try);
                return 0;
        case PROPERTY_QUEUES:
                *ret = BUS_STRV(s ? service_queues(s) : NULL);
                return 0;
        case PROPERTY_CONSUMERS:
                *ret = BUS_UINT32(broker->consumers);
                return 0;
        case PROPERTY_METHODS:
                *ret = BUS_STRV(NULL);
                return method_names(b->manager, ret);
        case PROPERTY_PERIODIC_TASKS:
                *ret = BUS_STRV(NULL);
                return task_names(b->manager, ret);
        case PROPERTY_TIMERS:
                *ret = BUS_STRV(NULL);
                return s ? timer_names(s, ret) : 0;
        case PROPERTY_STALLED:
                *ret = BUS_STRV(s ? (const char *const *) service_stalled(s) : NULL);
                return 0;
        case PROPERTY_REQUESTS:
                *ret = BUS_UINT64(s ? service_requests(s) : 0);
                return 0;
        case PROPERTY_FAILURES:
                *ret = BUS_UINT64(s ? service_failures(s) : 0);
                return 0;
        case _SERVICE_PROPERTY_MAX:
                break;
        }
        return -ENOENT;
}

static int property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;

        return bus_interface_get(b, &b->service_interface, property, reply);
}

void bus_service_init(Bus *b) {
        b->service_interface = (BusInterface) {
                .name = "org.nova.Compute1.Service",
                .properties = service_properties,
                .n = ELEMENTSOF(service_properties),
                .value = service_value,
        };
}

/* ---- verbs ---- */

/* How much of @s to show in a sentence: not all of what may be megabytes, and no half character. */
static int shown_length(const char *s) {
        size_t n = strnlen(s, SHOWN_MAX);

        while (s[n] && n > 0 && (s[n] & 0xc0) == 0x80)
                n--;
        return (int) n;
}

/* The part all verbs share: no options that we do not know, then polkit. Returns 1 to go on, 0 when asked (the handler
 * returns 1 and is called again), or -errno with @error. */
static int verb_authorize(Bus *b, sd_bus_message *m, const char *verb, const char *action, const char *task, sd_bus_error *error) {
        _cleanup_free_ char *owned = NULL;
        const char *details[] = {
                "verb", verb,
                "host", bus_text(b->service ? service_host(b->service) : NULL, &owned),
                "binary", b->service ? strempty(service_binary(b->service)) : "",
                task ? "task" : NULL, task,
                NULL,
        };
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
                                         shown_length(option), option, sd_bus_message_get_member(m));
        return authority_check(b->authority, m, action, details, error);
}

static int no_service(sd_bus_error *error) {
        return sd_bus_error_set(error, BUS_ERROR_NOT_RUNNING, "There is no service yet, or no more: the daemon is starting or ending");
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
        r = begin(b->service, bus_call_on_result, c);
        if (r < 0) {
                bus_call_free(c);
                return bus_error_from(error, r, NULL, what);
        }
        return 1;
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char what[] = "The service could not be started";
        Bus *b = userdata;
        BusCall *c;
        int r;

        r = verb_authorize(b, m, "start", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!b->service)
                return no_service(error);
        r = service_start(b->service);
        if (r < 0)
                return bus_error_from(error, r, NULL, what);
        r = bus_call_new(b, m, WAIT_STARTED, what, &c, error);
        if (r < 0)
                return r;
        bus_calls_on_state(b);
        return 1;
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char what[] = "The service could not be stopped";
        Bus *b = userdata;
        BusCall *c;
        int r;

        r = verb_authorize(b, m, "stop", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!b->service)
                return no_service(error);
        r = service_stop(b->service);
        if (r < 0)
                return bus_error_from(error, r, NULL, what);
        r = bus_call_new(b, m, WAIT_STOPPED, what, &c, error);
        if (r < 0)
                return r;
        bus_calls_on_state(b);
        return 1;
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *why = NULL, *owned = NULL;
        Bus *b = userdata;
        int r;

        r = verb_authorize(b, m, "reload", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = b->callbacks.reload ? b->callbacks.reload(b->callbacks.userdata, &why) : -EOPNOTSUPP;
        if (r < 0 && why)
                return sd_bus_error_setf(error, BUS_ERROR_CONFIG_INVALID, "The configuration was not reloaded: %s", bus_text(why, &owned));
        if (r < 0)
                return bus_error_from(error, r, NULL, "The configuration was not reloaded");
        return sd_bus_reply_method_return(m, NULL);
}

static int method_report_state(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = verb_authorize(b, m, "report-state", ACTION_REPORT_STATE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return verb_ask_service(b, m, "The state could not be reported", service_report_state, error);
}

static int method_update_available_resource(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = verb_authorize(b, m, "update-available-resource", ACTION_UPDATE_RESOURCES, NULL, error);
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
        r = service_set_enabled(b->service, enabled, reason, bus_call_on_result, c);
        if (r < 0) {
                bus_call_free(c);
                return bus_error_from(error, r, NULL, what);
        }
        return 1;
}

static int method_enable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = verb_authorize(b, m, "enable", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return set_enabled(b, m, true, NULL, error);
}

static size_t characters(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += (*s & 0xc0) != 0x80;
        return n;
}

static int method_disable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *reason;
        Bus *b = userdata;
        int r;

        r = sd_bus_message_read(m, "s", &reason);
        if (r < 0)
                return r;
        if (characters(reason) > REASON_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The reason has %zu characters, at most %d are kept",
                                         characters(reason), REASON_MAX);
        r = verb_authorize(b, m, "disable", ACTION_MANAGE_SERVICE, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return set_enabled(b, m, false, reason, error);
}

static bool task_exists(Manager *m, const char *name) {
        size_t n;
        const PeriodicTask *tasks = tasks_of(m, &n);

        for (size_t i = 0; i < n; i++)
                if (streq(tasks[i].name, name))
                        return true;
        return false;
}

static int no_such_task(const char *name, sd_bus_error *error) {
        return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_TASK, "There is no periodic task '%.*s': see the property PeriodicTasks",
                                 shown_length(name), name);
}

static int method_run_periodic_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char what[] = "The periodic task failed";
        const char *name;
        Bus *b = userdata;
        BusCall *c;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (b->manager && !task_exists(b->manager, name))
                return no_such_task(name, error);
        r = verb_authorize(b, m, "run-periodic-task", ACTION_MANAGE_SERVICE, b->manager ? name : NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!b->service)
                return no_service(error);
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

/* ---- lists ---- */

static int append_timer(sd_bus_message *reply, const LoopingCallInfo *t) {
        return sd_bus_message_append(reply, "(sta{sv})", strempty(t->name), t->interval, 5,
                                     "Runs", "t", t->runs,
                                     "Errors", "t", t->errors,
                                     "LastStartedUSec", "t", t->last_started,
                                     "LastDurationUSec", "t", t->last_duration,
                                     "Running", "b", (int) t->running);
}

static int method_list_timers(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        LoopingCallInfo timers[TIMERS_MAX];
        sd_bus_message *reply = NULL;
        Bus *b = userdata;
        size_t n;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sta{sv})");
        n = b->service ? MIN(service_timers(b->service, timers, TIMERS_MAX), (size_t) TIMERS_MAX) : 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_timer(reply, timers + i);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(sd_bus_message_get_bus(m), reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int append_server(sd_bus_message *reply, const Server *server) {
        Service *s = server_service(server);
        const struct {
                const char *key, *value;
        } details[] = {
                { "State", s ? service_state_to_string(service_state(s)) : NULL },
                { "Host", s ? service_host(s) : NULL },
                { "Binary", s ? service_binary(s) : NULL },
                { "Topic", s ? service_topic(s) : NULL },
                { "ManagerClass", s ? service_manager_class(s) : NULL },
                { "Trouble", s ? service_trouble(s) : NULL },
        };
        _cleanup_free_ char *name = NULL;
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", bus_text(server->name, &name));
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; i < ELEMENTSOF(details) && r >= 0; i++) {
                _cleanup_free_ char *owned = NULL;

                if (s)
                        r = sd_bus_message_append(reply, "{sv}", details[i].key, "s", bus_text(details[i].value, &owned));
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_services(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        sd_bus_message *reply = NULL;
        Server *servers[SERVERS_MAX];
        Bus *b = userdata;
        size_t n;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sa{sv})");
        n = b->launcher ? MIN(launcher_servers(b->launcher, servers, SERVERS_MAX), (size_t) SERVERS_MAX) : 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_server(reply, servers[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(sd_bus_message_get_bus(m), reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

#define PROPERTY(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Binary", "s"),
        PROPERTY("Topic", "s"),
        PROPERTY("Host", "s"),
        PROPERTY("ManagerClass", "s"),
        PROPERTY("State", "s"),
        PROPERTY("Step", "s"),
        PROPERTY("Trouble", "s"),
        PROPERTY("ServiceId", "x"),
        PROPERTY("Uuid", "s"),
        PROPERTY("Zone", "s"),
        PROPERTY("Enabled", "b"),
        PROPERTY("DisabledReason", "s"),
        PROPERTY("ForcedDown", "b"),
        PROPERTY("ModelConnected", "b"),
        PROPERTY("ReportCount", "x"),
        PROPERTY("LastReportUSec", "t"),
        PROPERTY("ReportIntervalUSec", "t"),
        PROPERTY("PeriodicIntervalUSec", "t"),
        PROPERTY("BrokerState", "s"),
        PROPERTY("BrokerAddress", "s"),
        PROPERTY("BrokerError", "s"),
        PROPERTY("BrokerAttempts", "u"),
        PROPERTY("BrokerBlocked", "b"),
        PROPERTY("BrokerNextTryUSecMonotonic", "t"),
        PROPERTY("Queues", "as"),
        PROPERTY("Consumers", "u"),
        PROPERTY("Methods", "as"),
        PROPERTY("PeriodicTasks", "as"),
        PROPERTY("Timers", "as"),
        PROPERTY("Stalled", "as"),
        SD_BUS_PROPERTY("Requests", "t", property_get, 0, 0),
        SD_BUS_PROPERTY("Failures", "t", property_get, 0, 0),
        SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_start, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReportState", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_report_state,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("UpdateAvailableResource", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                method_update_available_resource, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Enable", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_enable, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Disable", SD_BUS_ARGS("s", reason, "a{sv}", options), SD_BUS_NO_RESULT, method_disable,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RunPeriodicTask", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT, method_run_periodic_task,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTimers", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sta{sv})", timers), method_list_timers,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListServices", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sa{sv})", services), method_list_services,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

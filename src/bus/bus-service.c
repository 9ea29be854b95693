/* org.nova.Compute1.Service: what the service is and does. The verbs that drive it are in bus-verbs.c. */
#include "bus/bus-internal.h"

#include <errno.h>

#include "config.h"

#define TIMERS_MAX 32
#define SERVERS_MAX 16

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

/* The names of a table's rows as a list of our own: a name is @offset into each row of @size bytes. */
static int names_of(const void *rows, size_t n, size_t size, size_t offset, BusValue *ret) {
        *ret = BUS_STRV(NULL);
        ret->owned = calloc(n + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                memcpy(&ret->owned[i], (const char *) rows + i * size + offset, sizeof ret->owned[i]);
        ret->as = ret->owned;
        return 0;
}

const PeriodicTask *bus_manager_tasks(Manager *m, size_t *ret_n) {
        *ret_n = 0;
        return m && m->ops->periodic_tasks ? m->ops->periodic_tasks(m, ret_n) : NULL;
}

static int method_names(Manager *m, BusValue *ret) {
        size_t n = 0;
        const Method *methods = m && m->ops->methods ? m->ops->methods(m, &n) : NULL;

        return names_of(methods, n, sizeof *methods, offsetof(Method, name), ret);
}

static int task_names(Manager *m, BusValue *ret) {
        size_t n;
        const PeriodicTask *tasks = bus_manager_tasks(m, &n);

        return names_of(tasks, n, sizeof *tasks, offsetof(PeriodicTask, name), ret);
}

static size_t timers_of(Service *s, LoopingCallInfo ret[static TIMERS_MAX]) {
        return s ? MIN(service_timers(s, ret, TIMERS_MAX), (size_t) TIMERS_MAX) : 0;
}

static int timer_names(Service *s, BusValue *ret) {
        LoopingCallInfo timers[TIMERS_MAX];
        size_t n = timers_of(s, timers);

        return names_of(timers, n, sizeof *timers, offsetof(LoopingCallInfo, name), ret);
}

/* The one place that says what a property is; without a service each is empty. */
static int service_value(const BusObject *o, size_t property, BusValue *ret) {
        Bus *b = o->bus;
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
                return method_names(b->manager, ret);
        case PROPERTY_PERIODIC_TASKS:
                return task_names(b->manager, ret);
        case PROPERTY_TIMERS:
                return timer_names(s, ret);
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

        return bus_object_get(&b->service_object, property, reply);
}

const BusInterface bus_service_interface = {
        .name = SERVICE_INTERFACE,
        .properties = service_properties,
        .n = ELEMENTSOF(service_properties),
        .value = service_value,
};

/* ---- lists ---- */

static int append_timer(sd_bus_message *reply, const LoopingCallInfo *t) {
        return sd_bus_message_append(reply, "(sta{sv})", strempty(t->name), t->interval, 5,
                                     "Runs", "t", t->runs,
                                     "Errors", "t", t->errors,
                                     "LastStartedUSec", "t", t->last_started,
                                     "LastDurationUSec", "t", t->last_duration,
                                     "Running", "b", (int) t->running);
}

static int append_timers(sd_bus_message *reply, const void *data) {
        LoopingCallInfo timers[TIMERS_MAX];
        const Bus *b = data;
        size_t n = timers_of(b->service, timers);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sta{sv})");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_timer(reply, timers + i);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_timers(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        return bus_answer(m, append_timers, userdata);
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

static int append_servers(sd_bus_message *reply, const void *data) {
        Server *servers[SERVERS_MAX];
        const Bus *b = data;
        size_t n;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sa{sv})");
        n = b->launcher ? MIN(launcher_servers(b->launcher, servers, SERVERS_MAX), (size_t) SERVERS_MAX) : 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_server(reply, servers[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_services(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        return bus_answer(m, append_servers, userdata);
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
        SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_start, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_kill, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReportState", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_report_state,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("UpdateAvailableResource", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                bus_verb_update_available_resource, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Enable", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, bus_verb_enable, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Disable", SD_BUS_ARGS("s", reason, "a{sv}", options), SD_BUS_NO_RESULT, bus_verb_disable,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RunPeriodicTask", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT, bus_verb_run_periodic_task,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTimers", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sta{sv})", timers), method_list_timers,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListServices", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sa{sv})", services), method_list_services,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* What of org.nova.Compute1.Instance asks instead of changing: it is authorized, runs on a worker beside whatever runs on the instance,
 * and answers when it has found what was asked for. */
#include "bus/instance-call.h"

#include <errno.h>

#include "basic/json.h"

/* ---- answers ---- */

static int append_bytes(sd_bus_message *m, const void *result) {
        const char *text = strempty(json_string_value(result));

        return sd_bus_message_append_array(m, 'y', text, strlen(text));
}

static int append_console(sd_bus_message *m, const void *result) {
        uint32_t port = (uint32_t) json_member_integer(result, "port", json_member_integer(result, "tlsPort", 0));
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_text_entry(m, "host", json_member_string(result, "host"));
        if (r >= 0)
                r = bus_append_entry(m, "port", "u", &port);
        if (r >= 0)
                r = bus_append_text_entry(m, "token", json_member_string(result, "token"));
        if (r >= 0)
                r = bus_append_text_entry(m, "url", json_member_string(result, "access_url"));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The values of versioned objects, at any depth: for people. New reference. */
static json_t *plain(const json_t *value) {
        const json_t *data = json_object_get(value, "nova_object.data"), *item;
        json_t *to;
        const char *key;
        size_t n;

        if (data)
                value = data;
        if (json_is_object(value)) {
                to = json_object();
                json_object_foreach((json_t *) value, key, item)
                        (void) json_object_set_new(to, key, plain(item));
                return to;
        }
        if (!json_is_array(value))
                return json_incref((json_t *) value);
        to = json_array();
        json_array_foreach(value, n, item)
                (void) json_array_append_new(to, plain(item));
        return to;
}

static int append_diagnostics(sd_bus_message *m, const void *result) {
        json_auto_t *value = plain(result);
        _cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

        return text ? sd_bus_message_append_basic(m, 's', text) : -ENOMEM;
}

static int append_time(sd_bus_message *m, const char *key, const json_t *of) {
        uint64_t t = (uint64_t) json_member_integer(of, key, 0);

        return bus_append_entry(m, key, "t", &t);
}

static int append_event(sd_bus_message *m, const json_t *event) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_text_entry(m, "event", json_member_string(event, "event"));
        if (r >= 0)
                r = append_time(m, "start", event);
        if (r >= 0)
                r = append_time(m, "finish", event);
        if (r >= 0)
                r = bus_append_text_entry(m, "result", json_member_string(event, "result"));
        if (r >= 0)
                r = bus_append_text_entry(m, "traceback", json_member_string(event, "traceback"));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_events(sd_bus_message *m, const json_t *events) {
        const json_t *event;
        size_t n;
        int r;

        r = bus_open_entry(m, "events", "aa{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "a{sv}");
        json_array_foreach(events, n, event)
                if (r >= 0)
                        r = append_event(m, event);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : bus_close_entry(m);
}

/* What is told of a failure is that of its event: the action itself says only that there was one. */
static const char *message_of(const json_t *action) {
        const json_t *event;
        const char *text = NULL;
        size_t n;

        json_array_foreach(json_object_get(action, "events"), n, event)
                if (json_member_string(event, "details"))
                        text = json_member_string(event, "details");
        return text ? text : json_member_string(action, "message");
}

static int append_action(sd_bus_message *m, const json_t *action) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_text_entry(m, "action", json_member_string(action, "action"));
        if (r >= 0)
                r = bus_append_text_entry(m, "request_id", json_member_string(action, "request_id"));
        if (r >= 0)
                r = bus_append_text_entry(m, "user", json_member_string(action, "user_id"));
        if (r >= 0)
                r = append_time(m, "start", action);
        if (r >= 0)
                r = append_time(m, "finish", action);
        if (r >= 0)
                r = bus_append_text_entry(m, "message", message_of(action));
        if (r >= 0)
                r = append_events(m, json_object_get(action, "events"));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_actions(sd_bus_message *m, const void *actions) {
        const json_t *action;
        size_t n;
        int r;

        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        json_array_foreach((json_t *) actions, n, action)
                if (r >= 0)
                        r = append_action(m, action);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

#define REPLY(name)                                                                                                              \
        static int reply_##name(Bus *b _unused_, sd_bus_message *m, const json_t *result, void *data _unused_, sd_bus_error *error _unused_) { \
                return bus_answer(m, append_##name, result);                                                                     \
        }
REPLY(bytes)
REPLY(console)
REPLY(diagnostics)
REPLY(actions)

/* ---- the table ---- */

static int finish_output(VerbCall *c) {
        json_t *lines = json_object_get(c->options, "lines");

        return lines && json_object_set(c->args, "tail_length", lines) < 0 ? -ENOMEM : 0;
}

#define CONSOLE_TYPE(name, type)                                                                                        \
        static int finish_##name(VerbCall *c) {                                                                          \
                return json_object_set_new(c->args, "console_type", json_string(type)) < 0 ? -ENOMEM : 0;                \
        }
CONSOLE_TYPE(vnc, "novnc")
CONSOLE_TYPE(spice, "spice-html5")
CONSOLE_TYPE(serial, "serial")

#define NO_CONSOLE "There is no console to be had"

static const struct {
        Verb verb;
        BusQueryDone reply;
} queries[] = {
        { { "GetConsoleOutput", "get-console-output", ACTION_READ_CONSOLE, "get_console_output", "The console could not be read",
            .options = (const BusOption[]) { { "lines", "u" }, {} }, .finish = finish_output }, reply_bytes },
        { { "GetVncConsole", "get-vnc-console", ACTION_READ_CONSOLE, "get_vnc_console", NO_CONSOLE, .finish = finish_vnc }, reply_console },
        { { "GetSpiceConsole", "get-spice-console", ACTION_READ_CONSOLE, "get_spice_console", NO_CONSOLE, .finish = finish_spice }, reply_console },
        { { "GetSerialConsole", "get-serial-console", ACTION_READ_CONSOLE, "get_serial_console", NO_CONSOLE, .finish = finish_serial },
          reply_console },
        { { "GetDiagnostics", "get-diagnostics", ACTION_READ_DIAGNOSTICS, "get_instance_diagnostics", "There are no diagnostics" },
          reply_diagnostics },
        { { "GetActions", "get-actions", ACTION_READ_DIAGNOSTICS, "_list_actions", "The actions could not be read" }, reply_actions },
};

const Verb *bus_instance_query_at(size_t n) {
        return n < ELEMENTSOF(queries) ? &queries[n].verb : NULL;
}

int bus_instance_query(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *member = strempty(sd_bus_message_get_member(m));
        BusInstance *i = userdata;
        size_t n = 0;
        int r;

        while (n < ELEMENTSOF(queries) && !streq(queries[n].verb.member, member))
                n++;
        if (n == ELEMENTSOF(queries))
                return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED, "%s cannot be done here", member);
        r = bus_instance_authorize(i, m, &queries[n].verb, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        _cleanup_(bus_instance_call_done) VerbCall c = {
                .bus = i->object.bus, .i = i, .uuid = i->view->uuid, .message = m, .verb = &queries[n].verb, .error = error,
        };
        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = bus_instance_read_call(&c);
        if (r < 0)
                return r;
        c.context = bus_context(c.bus, m, NULL, i->view->project_id, false);
        if (!c.context)
                return -ENOMEM;
        return bus_query_begin(c.bus, m, c.context, c.verb->method, c.args, c.verb->what, queries[n].reply, NULL, NULL, error);
}

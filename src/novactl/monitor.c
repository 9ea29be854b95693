/* monitor: changes as they happen, a line each; with JSON an object a line. */
#include <inttypes.h>
#include <time.h>

#include "novactl/client.h"
#include "novactl/loop.h"
#include "novactl/props.h"
#include "novactl/verbs.h"

typedef struct Monitor {
        Ctl *ctl;
        Loop loop;
        json_t *names;                  /* path -> what the instance is called */
        json_t *wanted;                 /* paths of instances, and of the jobs of those; empty: all */
} Monitor;

static const char *name_of(const Monitor *m, const char *path) {
        const char *name = json_string_value(json_object_get(m->names, path));

        return name ? name : path;
}

static bool is_wanted(const Monitor *m, const char *path) {
        return json_object_size(m->wanted) == 0 || json_object_get(m->wanted, path);
}

/* One event: @what ("instance", "job", "service"), whom it is about, a sentence; @details (taken over, may be NULL) are for JSON. */
static void tell(Monitor *m, const char *what, const char *who, const char *event, const char *sentence, json_t *details) {
        Output *o = &m->ctl->out;
        usec_t now = now_realtime();

        if (o->json != JSON_OFF) {
                json_auto_t *line = must(json_pack("{sI ss ss ss so?}", "usec", (json_int_t) now, "object", what, "name", who, "event", event, "details", details));
                Output one = *o;

                one.json = JSON_SHORT;
                output_json(&one, line);
        } else {
                _cleanup_free_ char *shown = text_shown(who), *text = text_shown(sentence);
                time_t seconds = (time_t) (now / USEC_PER_SEC);
                char clock[16] = "";
                struct tm tm;

                if (localtime_r(&seconds, &tm))
                        (void) strftime(clock, sizeof clock, "%H:%M:%S", &tm);
                fprintf(o->file, "%s%s.%03u%s %-8s %s%s%s  %s\n", output_colour(o, COLOUR_GREY), clock, (unsigned) (now % USEC_PER_SEC / 1000),
                        output_colour_end(o, COLOUR_GREY), what, output_colour(o, COLOUR_BOLD), shown, output_colour_end(o, COLOUR_BOLD), text);
                json_decref(details);
        }
        loop_flush(&m->loop);
}

/* "VmState=stopped TaskState=": of what changed, in the order it came. */
static char *changes_text(const json_t *changed, const json_t *invalidated) {
        char *text = must(strdup(""));
        const json_t *one;
        const char *name;
        json_t *value;
        size_t i;

        json_object_foreach((json_t *) changed, name, value) {
                _cleanup_free_ char *before = TAKE_PTR(text), *shown = value_text(value);

                text = text_format("%s%s%s=%s", before, isempty(before) ? "" : " ", name, shown);
        }
        json_array_foreach(invalidated, i, one) {
                _cleanup_free_ char *before = TAKE_PTR(text);

                text = text_format("%s%s%s=?", before, isempty(before) ? "" : " ", json_string_value(one));
        }
        return text;
}

/* A job of an instance that is wanted is wanted, too, as long as it goes on. */
static void job_noted(Monitor *m, const char *path, const json_t *job) {
        if (json_object_size(m->wanted) > 0 && is_wanted(m, prop_text(job, "Instance")))
                must(json_object_set_new(m->wanted, path, json_true()) == 0 ? m->wanted : NULL);
}

static int monitor_on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const char *path = strempty(sd_bus_message_get_path(message)), *interface, *number, *name;
        json_auto_t *changed = NULL, *invalidated = NULL;
        _cleanup_free_ char *text = NULL;
        Monitor *m = userdata;

        if (sd_bus_message_read(message, "s", &interface) < 0 || !(changed = client_value(message)) || !(invalidated = client_value(message)))
                return 0;
        text = changes_text(changed, invalidated);
        name = json_string_value(json_object_get(changed, "DisplayName"));
        if (streq(interface, INTERFACE_INSTANCE) && name)
                must(json_object_set_new(m->names, path, json_string(name)) == 0 ? m->names : NULL);
        if (!is_wanted(m, path))
                return 0;
        if (streq(interface, INTERFACE_INSTANCE))
                tell(m, "instance", name_of(m, path), "changed", text, json_incref(changed));
        else if (streq(interface, INTERFACE_JOB) && (number = startswith(path, JOB_PREFIX)))
                tell(m, "job", number, "changed", text, json_incref(changed));
        else if (streq(interface, INTERFACE_SERVICE))
                tell(m, "service", "nova-compute", "changed", text, json_incref(changed));
        else if (streq(interface, INTERFACE_NODE))
                tell(m, "node", "host", "changed", text, json_incref(changed));
        else if (streq(interface, INTERFACE_MANAGER))
                tell(m, "host", "manager", "changed", text, json_incref(changed));
        return 0;
}

static int monitor_on_added(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        json_auto_t *interfaces = NULL;
        const json_t *instance, *job;
        Monitor *m = userdata;
        const char *path;

        if (sd_bus_message_read(message, "o", &path) < 0 || !(interfaces = client_value(message)))
                return 0;
        instance = json_object_get(interfaces, INTERFACE_INSTANCE);
        job = json_object_get(interfaces, INTERFACE_JOB);
        if (instance) {
                _cleanup_free_ char *sentence = text_format("added: %s, %s", prop_text(instance, "Uuid"), prop_text(instance, "VmState"));

                must(json_object_set_new(m->names, path, json_string(prop_name(instance))) == 0 ? m->names : NULL);
                if (is_wanted(m, path))
                        tell(m, "instance", prop_name(instance), "added", sentence, json_incref(json_object_get(interfaces, INTERFACE_INSTANCE)));
        } else if (job && is_wanted(m, prop_text(job, "Instance"))) {
                _cleanup_free_ char *id = text_format("%" PRId64, prop_number(job, "Id")),
                                    *sentence = text_format("%s%s%s by %s, %s", prop_text(job, "Method"), streq(prop_text(job, "Instance"), "/") ? "" : " of ",
                                                            streq(prop_text(job, "Instance"), "/") ? "" : name_of(m, prop_text(job, "Instance")),
                                                            isempty(prop_text(job, "User")) ? prop_text(job, "Origin") : prop_text(job, "User"), prop_text(job, "RequestId"));

                job_noted(m, path, job);
                tell(m, "job", id, "begun", sentence, json_incref(json_object_get(interfaces, INTERFACE_JOB)));
        }
        return 0;
}

static int monitor_on_removed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        Monitor *m = userdata;
        const char *path;

        if (sd_bus_message_read(message, "o", &path) < 0 || !startswith(path, INSTANCE_PREFIX))
                return 0;
        if (is_wanted(m, path))
                tell(m, "instance", name_of(m, path), "removed", "is gone", NULL);
        (void) json_object_del(m->names, path);
        return 0;
}

static int monitor_on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_free_ char *sentence = NULL, *number = NULL;
        json_auto_t *details = NULL;
        const char *path, *result, *why;
        Monitor *m = userdata;
        uint64_t id;

        if (sd_bus_message_read(message, "tos", &id, &path, &result) < 0 || !(details = client_value(message)) ||
            !is_wanted(m, prop_text(details, "instance")))
                return 0;
        why = prop_text(details, "message");
        sentence = text_format("%s %s%s%s", prop_text(details, "method"), result, isempty(why) ? "" : ": ", why);
        number = text_format("%" PRIu64, id);
        must(json_object_set_new(details, "result", json_string(result)) == 0 ? details : NULL);
        tell(m, "job", number, "ended", sentence, json_incref(details));
        (void) json_object_del(m->wanted, path);
        return 0;
}

static int monitor_on_drift(sd_bus_message *message _unused_, void *userdata, sd_bus_error *error _unused_) {
        Monitor *m = userdata;

        if (json_object_size(m->wanted) == 0)
                tell(m, "host", "drift", "changed", "a finding has come or gone; 'novactl drift' lists them", NULL);
        return 0;
}

static int monitor_on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *before, *after;
        Monitor *m = userdata;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
                return 0;
        tell(m, "service", "nova-compute", isempty(after) ? "left" : "came", isempty(after) ? "has left the bus" : "is on the bus", NULL);
        return 0;
}

static int monitor_listen(Monitor *m) {
        static const struct {
                const char *interface, *member;
                sd_bus_message_handler_t handler;
        } signals[] = {
                { INTERFACE_PROPERTIES, "PropertiesChanged", monitor_on_changed },
                { INTERFACE_OBJECTS, "InterfacesAdded", monitor_on_added },
                { INTERFACE_OBJECTS, "InterfacesRemoved", monitor_on_removed },
                { INTERFACE_MANAGER, "JobRemoved", monitor_on_job_removed },
                { INTERFACE_MANAGER, "DriftChanged", monitor_on_drift },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                r = sd_bus_match_signal(m->ctl->bus, NULL, BUS_NAME, NULL, signals[i].interface, signals[i].member, signals[i].handler, m);
        if (r >= 0)
                r = loop_watch_daemon(m->ctl, NULL, monitor_on_owner, m);
        return r;
}

/* It ends with the caller, or with the bus. */
static bool monitor_is_over(const void *userdata _unused_) {
        return false;
}

ExitStatus verb_monitor(Ctl *c, const Verb *verb _unused_, char **arguments) {
        json_auto_t *objects = NULL, *names = must(json_object()), *wanted = must(json_object());
        Monitor m = { .ctl = c, .loop.ctl = c, .names = names, .wanted = wanted };
        json_t *interfaces;
        const char *path;
        int r;

        for (; *arguments; arguments++) {
                _cleanup_free_ char *found = NULL;
                ExitStatus status = client_find(c, *arguments, CALL_NO_START, &found);

                if (status != EXIT_DONE)
                        return status;
                must(json_object_set_new(wanted, found, json_true()) == 0 ? wanted : NULL);
        }
        r = monitor_listen(&m);
        if (r < 0) {
                ctl_error("cannot listen to the bus: %s", strerror(-r));
                return EXIT_UNREACHABLE;
        }
        /* a daemon that is not there yet may come */
        if (client_objects(c, CALL_SILENT | CALL_NO_START, &objects) == EXIT_DONE)
                json_object_foreach(objects, path, interfaces) {
                        json_t *instance = json_object_get(interfaces, INTERFACE_INSTANCE), *job = json_object_get(interfaces, INTERFACE_JOB);

                        if (instance)
                                must(json_object_set_new(names, path, json_string(prop_name(instance))) == 0 ? names : NULL);
                        if (job)
                                job_noted(&m, path, job);
                }
        r = loop_open(&m.loop, c);
        if (r >= 0)
                r = loop_run(&m.loop, monitor_is_over, &m);
        loop_done(&m.loop);
        if (r < 0) {
                ctl_error("the connection to the bus was lost");
                return EXIT_UNREACHABLE;
        }
        return EXIT_DONE;
}

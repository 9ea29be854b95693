#include "novactl/wait.h"

#include <inttypes.h>

#include "novactl/loop.h"

#define SHOWN_AFTER_USEC (500 * USEC_PER_MSEC)          /* what is over sooner needs no bar */
#define REDRAW_USEC (250 * USEC_PER_MSEC)

typedef struct Job {
        char *path, *verb, *gerund, *name, *uuid;
        char *state, *step;
        char *result, *error, *message; /* result is NULL until it has ended */
        uint64_t progress;
        sd_bus_slot *question;
} Job;

/* An end that came before its job was added: the signal may overtake the answer. */
typedef struct Ended {
        char *path, *result, *error, *message;
} Ended;

struct Waiter {
        Ctl *ctl;
        Loop loop;
        sd_event_source *clock;
        sd_bus_slot *removed, *changed, *owner;
        Job *jobs;
        size_t n_jobs;
        Ended *ended;
        size_t n_ended;
        usec_t began;
        bool bar_drawn, asked;
        bool left;                      /* the daemon has left the bus */
};

static void job_done(Job *j) {
        sd_bus_slot_unref(j->question);
        free(j->path);
        free(j->verb);
        free(j->gerund);
        free(j->name);
        free(j->uuid);
        free(j->state);
        free(j->step);
        free(j->result);
        free(j->error);
        free(j->message);
}

Waiter *waiter_free(Waiter *w) {
        if (!w)
                return NULL;
        sd_bus_slot_unref(w->removed);
        sd_bus_slot_unref(w->changed);
        sd_bus_slot_unref(w->owner);
        for (size_t i = 0; i < w->n_jobs; i++)
                job_done(w->jobs + i);
        for (size_t i = 0; i < w->n_ended; i++) {
                free(w->ended[i].path);
                free(w->ended[i].result);
                free(w->ended[i].error);
                free(w->ended[i].message);
        }
        free(w->jobs);
        free(w->ended);
        sd_event_source_disable_unref(w->clock);
        loop_done(&w->loop);
        free(w);
        return NULL;
}

static Job *job_find(Waiter *w, const char *path) {
        for (size_t i = 0; i < w->n_jobs; i++)
                if (streq(w->jobs[i].path, path))
                        return w->jobs + i;
        return NULL;
}

static size_t jobs_left(const Waiter *w) {
        size_t n = 0;

        for (size_t i = 0; i < w->n_jobs; i++)
                n += !w->jobs[i].result;
        return n;
}

/* ---- what the daemon tells ---- */

static void replace(char **s, const char *value) {
        free(*s);
        *s = must(strdup(strempty(value)));
}

/* A removed or unknown property leaves what was known. */
static void job_take(Job *j, const json_t *properties) {
        const json_t *progress = json_object_get(properties, "Progress");
        const char *state = json_string_value(json_object_get(properties, "State")), *step = json_string_value(json_object_get(properties, "Step"));

        if (state)
                replace(&j->state, state);
        if (step)
                replace(&j->step, step);
        if (json_is_integer(progress))
                j->progress = (uint64_t) MIN(MAX(json_integer_value(progress), 0), 100);
}

static int waiter_on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Waiter *w = userdata;
        json_auto_t *details = NULL;
        const char *path, *result;
        uint64_t id;
        Ended *e;
        Job *j;

        if (sd_bus_message_read(m, "tos", &id, &path, &result) < 0)
                return 0;
        details = client_value(m);
        j = job_find(w, path);
        if (j) {
                replace(&j->result, result);
                replace(&j->error, json_string_value(json_object_get(details, "error")));
                replace(&j->message, json_string_value(json_object_get(details, "message")));
                return 0;
        }
        w->ended = must(reallocarray(w->ended, w->n_ended + 1, sizeof *w->ended));
        e = w->ended + w->n_ended++;
        *e = (Ended) { .path = must(strdup(path)), .result = must(strdup(result)) };
        replace(&e->error, json_string_value(json_object_get(details, "error")));
        replace(&e->message, json_string_value(json_object_get(details, "message")));
        return 0;
}

static int waiter_on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Waiter *w = userdata;
        Job *j = job_find(w, strempty(sd_bus_message_get_path(m)));
        json_auto_t *properties = NULL;

        if (!j || sd_bus_message_skip(m, "s") < 0)
                return 0;
        properties = client_value(m);
        job_take(j, properties);
        return 0;
}

static int waiter_on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Waiter *w = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || isempty(before))
                return 0;
        /* numbers are of one run of the daemon: who comes after it has others */
        w->left = true;
        return 0;
}

static int job_on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        json_auto_t *properties = NULL;

        if (sd_bus_message_is_method_error(m, NULL))
                return 0;               /* it has ended just now */
        properties = client_value(m);
        job_take(userdata, properties);
        return 0;
}

Waiter *waiter_new(Ctl *c) {
        _cleanup_(waiter_freep) Waiter *w = must(calloc(1, sizeof *w));
        int r;

        w->ctl = c;
        r = sd_bus_match_signal(c->bus, &w->removed, BUS_NAME, BUS_PATH, INTERFACE_MANAGER, "JobRemoved", waiter_on_removed, w);
        if (r >= 0)
                r = sd_bus_add_match(c->bus, &w->changed,
                                     "type='signal',sender='" BUS_NAME "',interface='" INTERFACE_PROPERTIES
                                     "',member='PropertiesChanged',path_namespace='/org/nova/Compute1/job'",
                                     waiter_on_changed, w);
        if (r >= 0)
                r = loop_watch_daemon(c, &w->owner, waiter_on_owner, w);
        if (r < 0) {
                ctl_error("cannot listen to the bus: %s", strerror(-r));
                return NULL;
        }
        return TAKE_PTR(w);
}

void waiter_add(Waiter *w, const char *job, const char *verb, const char *gerund, const char *name, const char *uuid) {
        Job *j;

        w->jobs = must(reallocarray(w->jobs, w->n_jobs + 1, sizeof *w->jobs));
        j = w->jobs + w->n_jobs++;
        *j = (Job) {
                .path = must(strdup(job)),
                .verb = must(strdup(verb)),
                .gerund = must(strdup(gerund)),
                .name = text_shown(name),
                .uuid = must(strdup(uuid)),
                .state = must(strdup("")),
                .step = must(strdup("")),
        };
        for (size_t i = 0; i < w->n_ended; i++)
                if (streq(w->ended[i].path, job)) {
                        j->result = TAKE_PTR(w->ended[i].result);
                        j->error = TAKE_PTR(w->ended[i].error);
                        j->message = TAKE_PTR(w->ended[i].message);
                }
}

/* ---- the line on the terminal ---- */

static bool bar_wanted(const Waiter *w) {
        return isatty(STDERR_FILENO) > 0 && !ctl_has(w->ctl, OPTION_QUIET) && !streq_ptr(getenv("TERM"), "dumb");
}

static void bar_clear(Waiter *w) {
        if (w->bar_drawn)
                fputs("\r\033[K", stderr);
        w->bar_drawn = false;
}

static void bar_draw(Waiter *w) {
        _cleanup_free_ char *line = NULL, *cut = NULL, *bar = NULL, *step = NULL, *many = NULL;
        size_t done = w->n_jobs - jobs_left(w), width = w->ctl->out.width ? w->ctl->out.width : 80;
        char span[TEXT_SPAN_MAX];
        const Job *j = NULL;

        for (size_t i = 0; i < w->n_jobs && !j; i++)
                if (!w->jobs[i].result)
                        j = w->jobs + i;
        if (!j)
                return;
        bar = j->progress > 0 ? text_bar((int64_t) j->progress, 100, 20, w->ctl->out.ascii) : must(strdup(""));
        step = text_shown(!isempty(j->step) ? j->step : j->state);
        many = w->n_jobs > 1 ? text_format("[%zu/%zu] ", done + 1, w->n_jobs) : must(strdup(""));
        (void) text_span((now_monotonic() - w->began) / USEC_PER_SEC * USEC_PER_SEC, span);
        if (j->progress > 0)
                line = text_format("%s%s%s%s  %s %3" PRIu64 "%%  %s  %s", many, j->gerund, isempty(j->name) ? "" : " ", j->name, bar, j->progress, span, step);
        else
                line = text_format("%s%s%s%s  %s  %s", many, j->gerund, isempty(j->name) ? "" : " ", j->name, span, step);
        cut = text_cut(line, width - 1);
        fprintf(stderr, "\r%s\033[K", cut);
        w->bar_drawn = true;
}

static int waiter_on_clock(sd_event_source *s, uint64_t usec _unused_, void *userdata) {
        Waiter *w = userdata;

        if (!w->asked)
                for (size_t i = 0; i < w->n_jobs; i++) {
                        Job *j = w->jobs + i;

                        if (!j->result)
                                (void) sd_bus_call_method_async(w->ctl->bus, &j->question, BUS_NAME, j->path, INTERFACE_PROPERTIES, "GetAll",
                                                                job_on_properties, j, "s", INTERFACE_JOB);
                }
        w->asked = true;
        bar_draw(w);
        (void) sd_event_source_set_time_relative(s, REDRAW_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* ---- waiting ---- */

static bool waiter_is_over(const void *userdata) {
        const Waiter *w = userdata;

        return w->left || jobs_left(w) == 0;
}

static int waiter_loop(Waiter *w) {
        int r = loop_open(&w->loop, w->ctl);

        w->began = now_monotonic();
        if (r >= 0 && bar_wanted(w))
                r = sd_event_add_time_relative(w->loop.event, &w->clock, CLOCK_MONOTONIC, SHOWN_AFTER_USEC, 0, waiter_on_clock, w);
        if (r >= 0)
                r = loop_run(&w->loop, waiter_is_over, w);
        bar_clear(w);
        return r;
}

static uint64_t job_number(const Job *j) {
        uint64_t n = 0;

        (void) text_parse_number(strempty(startswith(j->path, JOB_PREFIX)), UINT64_MAX, &n);
        return n;
}

static char *job_about(const Job *j) {
        return text_format("%s%s%s%s", j->gerund, isempty(j->name) ? "" : " '", j->name, isempty(j->name) ? "" : "'");
}

static void print_json(const Waiter *w) {
        json_auto_t *array = must(json_array());

        for (size_t i = 0; i < w->n_jobs; i++) {
                const Job *j = w->jobs + i;
                json_t *object = must(json_pack("{ss ss ss sI so? ss ss}", "verb", j->verb, "instance", j->uuid, "name", j->name, "job",
                                                (json_int_t) job_number(j), "result", j->result ? json_string(j->result) : NULL, "error",
                                                strempty(j->error), "message", strempty(j->message)));

                must(json_array_append_new(array, object) == 0 ? array : NULL);
        }
        output_json(&w->ctl->out, array);
}

static ExitStatus tell_end(const Job *j) {
        _cleanup_free_ char *about = job_about(j), *message = text_shown(strempty(j->message)), *error = text_shown(strempty(j->error));

        if (streq(j->result, "done"))
                return EXIT_DONE;
        if (streq(j->result, "left"))
                ctl_error("%s: has no outcome yet, the daemon goes on with it at its next start (job %" PRIu64 ")", about, job_number(j));
        else if (streq(j->result, "cancelled"))
                ctl_error("%s: cancelled (job %" PRIu64 ")", about, job_number(j));
        else
                ctl_error("%s failed: %s%s%s%s (job %" PRIu64 ")", about, isempty(message) ? (isempty(error) ? "no reason was given" : error) : message,
                          isempty(message) || isempty(error) ? "" : " [", isempty(message) ? "" : error,
                          isempty(message) || isempty(error) ? "" : "]", job_number(j));
        return EXIT_FAILED;
}

ExitStatus waiter_run(Waiter *w) {
        ExitStatus status = EXIT_DONE;
        int r = jobs_left(w) > 0 ? waiter_loop(w) : 0;

        if (w->ctl->out.json != JSON_OFF && w->n_jobs > 0)
                print_json(w);
        for (size_t i = 0; i < w->n_jobs; i++)
                if (w->jobs[i].result && tell_end(w->jobs + i) != EXIT_DONE)
                        status = EXIT_FAILED;
        if (jobs_left(w) == 0)
                return status;

        if (r < 0) {
                ctl_error("the connection to the bus was lost; what was accepted goes on");
                return EXIT_UNREACHABLE;
        }
        if (w->left) {
                ctl_error("nova-compute has left the bus meanwhile; it goes on with what it had accepted when it is back");
                return EXIT_UNREACHABLE;
        }
        for (size_t i = 0; i < w->n_jobs; i++)
                if (!w->jobs[i].result)
                        ctl_error("job %" PRIu64 " goes on; 'novactl cancel %" PRIu64 "' asks it to stop", job_number(w->jobs + i),
                                  job_number(w->jobs + i));
        return EXIT_INTERRUPTED;
}

ExitStatus waiter_leave(Waiter *w) {
        if (w->ctl->out.json != JSON_OFF) {
                print_json(w);
                return EXIT_DONE;
        }
        for (size_t i = 0; i < w->n_jobs && !ctl_has(w->ctl, OPTION_QUIET); i++) {
                _cleanup_free_ char *about = job_about(w->jobs + i);

                fprintf(w->ctl->out.file, "%s: job %" PRIu64 "\n", about, job_number(w->jobs + i));
        }
        return EXIT_DONE;
}

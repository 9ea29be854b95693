/* LoopingCall: one timer source on the main loop that re-arms itself when the function has finished. A run that hangs
 * leaves the call running for ever; who cares puts a deadline on the work itself. */
#define LOG_LOGGER "nova.service"
#include "service/looping-call.h"

#include <errno.h>

#include "basic/log.h"

struct LoopingCall {
        sd_event *event;
        sd_event_source *timer;
        char *name;
        LoopingCallFunction function;
        void *userdata;
        usec_t interval;
        bool started;           /* re-arms itself at the end of a run */
        bool running;
        bool again;             /* triggered during a run */
        usec_t run_begun;       /* monotonic */
        uint64_t runs, errors;
        usec_t last_started, last_duration;
};

static void looping_call_run(LoopingCall *l) {
        l->running = true;
        l->again = false;
        l->runs++;
        l->last_started = now_realtime();
        l->run_begun = now_monotonic();
        l->function(l, l->userdata);
}

static int looping_call_on_time(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        LoopingCall *l = userdata;

        if (l->running)
                l->again = true;
        else
                looping_call_run(l);
        return 0;
}

static int looping_call_arm(LoopingCall *l, usec_t delay) {
        int r;

        r = sd_event_source_set_time_relative(l->timer, delay);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
        return r;
}

int looping_call_new(LoopingCall **ret, sd_event *event, const char *name, LoopingCallFunction f, void *userdata) {
        _cleanup_(looping_call_freep) LoopingCall *l = NULL;
        int r;

        l = calloc(1, sizeof *l);
        if (!l || !(l->name = strdup(name)))
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->function = f;
        l->userdata = userdata;

        r = sd_event_add_time_relative(event, &l->timer, CLOCK_MONOTONIC, 0, 0, looping_call_on_time, l);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(l->timer, l->name);

        *ret = TAKE_PTR(l);
        return 0;
}

LoopingCall *looping_call_free(LoopingCall *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->timer);
        sd_event_unref(l->event);
        free(l->name);
        free(l);
        return NULL;
}

int looping_call_start_after(LoopingCall *l, usec_t interval, usec_t first) {
        l->interval = interval;
        l->started = true;
        if (l->running) {       /* its end arms the timer with the new interval */
                l->again = first == 0;
                return 0;
        }
        return looping_call_arm(l, first);
}

int looping_call_start(LoopingCall *l, usec_t interval, bool now) {
        return looping_call_start_after(l, interval, now ? 0 : interval);
}

void looping_call_stop(LoopingCall *l) {
        if (!l)
                return;
        l->started = l->again = false;
        (void) sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
}

void looping_call_finished(LoopingCall *l, int r) {
        if (!l->running)
                return;
        l->running = false;
        l->last_duration = now_monotonic() - l->run_begun;
        if (r < 0) {
                l->errors++;
                log_debug("in looping call %s: %s", l->name, strerror(-r));
        }
        if (l->again)
                r = looping_call_arm(l, 0);
        else if (l->started)
                r = looping_call_arm(l, l->interval);
        else
                return;
        if (r < 0)
                log_error("Looping call %s cannot set its timer and ends: %s", l->name, strerror(-r));
}

int looping_call_trigger(LoopingCall *l) {
        if (l->running) {
                l->again = true;
                return 0;
        }
        return looping_call_arm(l, 0);
}

void looping_call_info(const LoopingCall *l, LoopingCallInfo *ret) {
        *ret = (LoopingCallInfo){
                .name = l->name,
                .interval = l->interval,
                .runs = l->runs,
                .errors = l->errors,
                .last_started = l->last_started,
                .last_duration = l->last_duration,
                .running = l->running,
                .started = l->started,
        };
}

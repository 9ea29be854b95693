/* LoopingCall of the seed (essex 6.3): calls a function again and again, the interval counted from its end, so that it
 * never piles up; an error is logged and the loop goes on. On the main loop; the function may finish later. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct LoopingCall LoopingCall;

/* One run. Ends with exactly one looping_call_finished(l, r), now or later, from the main loop. */
typedef void (*LoopingCallFunction)(LoopingCall *l, void *userdata);

int looping_call_new(LoopingCall **ret, sd_event *event, const char *name, LoopingCallFunction f, void *userdata);
/* Stops it; a run under way must not call looping_call_finished any more. */
LoopingCall *looping_call_free(LoopingCall *l);
DEFINE_CLEANUP(LoopingCall *, looping_call_free)

/* @now: the first run at once, else after @interval. Starting again changes the interval. */
int looping_call_start(LoopingCall *l, usec_t interval, bool now);
/* As start, but the first run comes after @first: for a phase of its own. */
int looping_call_start_after(LoopingCall *l, usec_t interval, usec_t first);
void looping_call_stop(LoopingCall *l);
void looping_call_finished(LoopingCall *l, int r);
/* Runs it on the next turn of the loop, or once more after the run under way; also one that is not started (then once). */
int looping_call_trigger(LoopingCall *l);

typedef struct LoopingCallInfo {
        const char *name;
        usec_t interval;
        uint64_t runs, errors;
        usec_t last_started;            /* realtime; 0 = never */
        usec_t last_duration;
        bool running;
        bool started;                   /* goes on by itself */
} LoopingCallInfo;
void looping_call_info(const LoopingCall *l, LoopingCallInfo *ret);

/* Telling at the pace at which the bus takes it. What is told waits with us, as a mark at its object, and becomes a message only when there
 * is room for it: however much changes at once, there are few messages in memory, what changes twice meanwhile is told once, and an
 * answer is never behind a long row of signals. When there is much to tell it takes turns with the calls that are served (fair.c).
 * Of jobs each beginning and end is told: there the table is paused, which holds the news of one job in one place. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include "basic/log.h"

#define BURST_MAX 32u                   /* objects told in one go */
#define SHARE 2u                        /* objects told between two calls */
#define JOBS_UNSENT_MAX 32u

/* Behind the calls that wait when there is much. */
#define PRIORITY_SOON SD_EVENT_PRIORITY_NORMAL
#define PRIORITY_LATE (BUS_PRIORITY_SERVE + 1)

uint64_t bus_unsent(const Bus *b) {
        uint64_t n = 0;

        return b->bus && sd_bus_get_n_queued_write(b->bus, &n) >= 0 ? n : 0;
}

void bus_tell_soon(Bus *b) {
        if (bus_can_tell(b) && !b->behind)
                (void) sd_event_source_set_enabled(b->tell, SD_EVENT_ONESHOT);
}

static void wait_until_taken(Bus *b) {
        (void) sd_event_source_set_enabled(b->taken, SD_EVENT_ON);
}

static void set_behind(Bus *b, bool behind) {
        if (b->behind != behind)
                (void) sd_event_source_set_priority(b->tell, behind ? PRIORITY_LATE : PRIORITY_SOON);
        b->behind = behind;
        if (behind)
                wait_until_taken(b);
}

static int on_tell(sd_event_source *s _unused_, void *userdata) {
        Bus *b = userdata;

        set_behind(b, bus_can_tell(b) && bus_tell_changes(b, BURST_MAX));
        return 0;
}

void bus_tell_some(Bus *b) {
        if (b->behind && bus_can_tell(b))
                set_behind(b, bus_tell_changes(b, SHARE));
}

void bus_jobs_keep_pace(Bus *b) {
        if (b->jobs_paused || !bus_can_tell(b) || bus_unsent(b) <= JOBS_UNSENT_MAX)
                return;
        b->jobs_paused = true;
        job_table_pause(b->job_table, true);
        wait_until_taken(b);
}

void bus_jobs_go_on(Bus *b) {
        if (b->jobs_paused && b->job_table)
                job_table_pause(b->job_table, false);
        b->jobs_paused = false;
}

static int on_taken(sd_event_source *s, void *userdata) {
        Bus *b = userdata;

        if (bus_unsent(b) > 0)
                return 0;
        bus_jobs_go_on(b);
        if (b->behind)
                (void) sd_event_source_set_enabled(b->tell, SD_EVENT_ONESHOT);
        return sd_event_source_set_enabled(s, SD_EVENT_OFF);
}

int bus_pace_new(Bus *b) {
        int r;

        r = sd_event_add_defer(b->event, &b->tell, on_tell, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->tell, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_post(b->event, &b->taken, on_taken, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->taken, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(b->tell, "bus-tell");
        (void) sd_event_source_set_description(b->taken, "bus-taken");
        return 0;
}

void bus_pace_free(Bus *b) {
        b->tell = sd_event_source_disable_unref(b->tell);
        b->taken = sd_event_source_disable_unref(b->taken);
}

/* When which periodic task is due (essex 10, zed 4.9): arithmetic on a clock that is given, no timers, no threads.
 *
 * The service asks once per tick. A task runs when its own due time has come, which advances by the task's spacing from
 * one due time to the next, so that it does not drift; one that fell behind runs once and goes on from there. A task
 * with spacing 0 is due at each tick. Ticks come a little early or late: a due time within half a tick counts as now. */
#pragma once

#include "service/manager.h"

typedef struct PeriodicEntry {
        const PeriodicTask *task;
        bool enabled;
        usec_t spacing;                 /* 0 = every tick */
        usec_t due;                     /* next run, on the clock given */
        uint64_t runs;                  /* times it was due */
} PeriodicEntry;

typedef struct PeriodicSchedule {
        PeriodicEntry *entries;
        size_t n;
        usec_t tick;
        usec_t begun;
} PeriodicSchedule;

/* The task's spacing by configuration: 1 with *ret (0 = every tick), or 0 when it is off. An option below 0 is off, 0 is
 * the task's default, unless the task says that 0 switches it off. */
int periodic_task_spacing(const PeriodicTask *task, const Config *config, usec_t *ret);

/* From @now on, with a tick every @tick. @tasks is borrowed. 0 or -ENOMEM. */
int periodic_schedule_init(PeriodicSchedule *p, const PeriodicTask *tasks, size_t n, const Config *config, usec_t tick,
                           usec_t now);
void periodic_schedule_done(PeriodicSchedule *p);

/* Takes over spacings of a new configuration and a new tick; what was due stays due unless its spacing changed. */
void periodic_schedule_reload(PeriodicSchedule *p, const Config *config, usec_t tick, usec_t now);

/* One tick at @now: writes the indices of the tasks due, in the tasks' order, to @ret (room for p->n) and advances their
 * due times. Returns how many. */
size_t periodic_schedule_tick(PeriodicSchedule *p, usec_t now, size_t *ret);

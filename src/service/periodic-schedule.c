#include "service/periodic-schedule.h"

#include <errno.h>

int periodic_task_spacing(const PeriodicTask *task, const Config *config, usec_t *ret) {
        int64_t seconds = 0;
        bool given = false;

        if (task->spacing_option && config_has(config, task->spacing_option)) {
                seconds = config_integer(config, task->spacing_option);
                given = true;
        }
        if (seconds < 0 || (given && seconds == 0 && task->off_when_zero))
                return 0;
        *ret = (seconds > 0 ? (usec_t) seconds : task->spacing) * USEC_PER_SEC;
        return 1;
}

static void entry_set(PeriodicEntry *e, const Config *config, usec_t from) {
        usec_t spacing = 0;

        e->enabled = periodic_task_spacing(e->task, config, &spacing) > 0;
        e->spacing = spacing;
        e->due = from + spacing;
}

int periodic_schedule_init(PeriodicSchedule *p, const PeriodicTask *tasks, size_t n, const Config *config, usec_t tick,
                           usec_t now) {
        PeriodicEntry *entries;

        entries = calloc(MAX(n, 1u), sizeof *entries);
        if (!entries)
                return -ENOMEM;
        *p = (PeriodicSchedule){.entries = entries, .n = n, .tick = tick, .begun = now};

        for (size_t i = 0; i < n; i++) {
                entries[i].task = tasks + i;
                entry_set(entries + i, config, now);
                if (tasks[i].run_immediately)
                        entries[i].due = now;
        }
        return 0;
}

void periodic_schedule_done(PeriodicSchedule *p) {
        free(p->entries);
        *p = (PeriodicSchedule){};
}

void periodic_schedule_reload(PeriodicSchedule *p, const Config *config, usec_t tick, usec_t now) {
        p->tick = tick;
        for (size_t i = 0; i < p->n; i++) {
                PeriodicEntry *e = p->entries + i, old = *e;

                entry_set(e, config, now);
                if (e->enabled == old.enabled && e->spacing == old.spacing)
                        e->due = old.due;
        }
}

size_t periodic_schedule_tick(PeriodicSchedule *p, usec_t now, size_t *ret) {
        usec_t slack = p->tick / 2;
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++) {
                PeriodicEntry *e = p->entries + i;

                if (!e->enabled || (e->spacing > 0 && e->due > now + MIN(slack, e->spacing / 2)))
                        continue;
                ret[n++] = i;
                e->runs++;
                /* From due time to due time, however late the tick came, but not before the next tick. */
                e->due += e->spacing;
                if (e->due <= now)
                        e->due = now + e->spacing;
        }
        return n;
}

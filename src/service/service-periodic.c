/* Periodic tasks (essex 7.5, 10, 11.7; zed 4.9): one tick for all, a job for each. A task that is slow delays no other,
 * nor the next tick, and never overlaps itself. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>
#include <sys/random.h>

#include "basic/log.h"

typedef struct TaskJob {
        ServiceJob job;
        const PeriodicTask *task;
        size_t index;
        usec_t took;
} TaskJob;

static int task_work(ServiceJob *j) {
        TaskJob *t = CONTAINER_OF(j, TaskJob, job);
        usec_t began = now_monotonic();
        int r;

        r = t->task->run(j->manager, j->context, &j->exception);
        t->took = now_monotonic() - began;
        return r;
}

static void task_count(Service *s, const TaskJob *t, int r) {
        if (t->index >= s->n_tasks || r == -ECANCELED)
                return;
        histogram_observe(&s->tasks[t->index].took, t->took);
        if (r < 0)
                counter_add(&s->tasks[t->index].failures, 1);
}

static void task_ended(ServiceJob *j, int r) {
        TaskJob *t = CONTAINER_OF(j, TaskJob, job);
        Service *s = j->service;

        if (j->run == s->run && s->periodic_running && t->index < s->schedule.n && s->periodic_running[t->index] > 0)
                s->periodic_running[t->index]--;
        s->tasks_out--;
        task_count(s, t, r);
        /* Each failure is one line; the rest of the tasks and the next tick go on. */
        if (r < 0 && r != -ECANCELED)
                log_event(LOG_LEVEL_ERROR, MESSAGE_PERIODIC_FAILED, NULL, "Error during %s.%s: %s",
                          s->manager->ops->class_name, t->task->name, service_job_error(j, r));
        service_job_answer(j, r);
        /* Lists of all instances leave holes. */
        if (s->tasks_out == 0 && service_is_up(s))
                service_give_memory_back(s);
}

static int task_submit(Service *s, const PeriodicTask *task, size_t index, ServiceDone done, void *userdata) {
        _cleanup_free_ char *line = NULL;
        TaskJob *j;
        int r;

        if (asprintf(&line, "periodic/%s", task->name) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        j = service_job_new(s, sizeof *j, task_work, task_ended);
        if (!j)
                return -ENOMEM;
        j->job.done = done;
        j->job.userdata = userdata;
        j->task = task;
        j->index = index;

        log_debug("Running periodic task %s.%s", s->manager->ops->class_name, task->name);
        r = service_job_submit(&j->job, JOB_PERIODIC, task->name, line, task->deadline);
        if (r < 0)
                return r;
        s->tasks_out++;
        if (s->periodic_running && index < s->schedule.n)
                s->periodic_running[index]++;
        return 0;
}

static void periodic_on_tick(LoopingCall *l, void *userdata) {
        Service *s = userdata;
        PeriodicSchedule *p = &s->schedule;
        _cleanup_free_ size_t *due = NULL;
        size_t n;
        int result = 0;

        due = calloc(MAX(p->n, 1u), sizeof *due);
        if (!due) {
                looping_call_finished(l, -ENOMEM);
                return;
        }
        n = periodic_schedule_tick(p, service_now(s), due);
        for (size_t i = 0; i < n; i++) {
                const PeriodicTask *task = p->entries[due[i]].task;
                int r;

                if (s->periodic_running[due[i]] > 0) {
                        log_debug("Skipping %s.%s, its last run has not ended", s->manager->ops->class_name, task->name);
                        continue;
                }
                r = task_submit(s, task, due[i], NULL, NULL);
                if (r < 0) {
                        log_event(LOG_LEVEL_ERROR, MESSAGE_PERIODIC_FAILED, NULL, "%s.%s cannot run: %s",
                                  s->manager->ops->class_name, task->name, strerror(-r));
                        result = r;
                }
        }
        looping_call_finished(l, result);
        service_notify(s, SERVICE_CHANGED_TIMERS);
}

int service_run_periodic_task(Service *s, const char *name, ServiceDone done, void *userdata) {
        const PeriodicTask *tasks;
        size_t n;

        if (!service_is_up(s) || !s->walked)
                return -ESHUTDOWN;
        if (!s->manager->ops->periodic_tasks)
                return -ENOENT;
        tasks = s->manager->ops->periodic_tasks(s->manager, &n);
        for (size_t i = 0; i < n; i++)
                if (streq(tasks[i].name, name))
                        return task_submit(s, tasks + i, i, done, userdata);
        return -ENOENT;
}

/* When the first tick comes: hosts that started together must not come in step (F11). */
static usec_t first_tick(const Service *s, usec_t interval) {
        usec_t fuzz = service_seconds_option(s, "periodic_fuzzy_delay");
        uint64_t random;

        if (fuzz == 0 || getrandom(&random, sizeof random, 0) != sizeof random)
                return interval;
        return random % fuzz;
}

int service_periodic_begin(Service *s) {
        usec_t interval = service_periodic_interval(s);
        const PeriodicTask *tasks;
        size_t n;
        int r;

        if (interval == 0 || !s->manager->ops->periodic_tasks)
                return 0;

        service_periodic_end(s);
        tasks = s->manager->ops->periodic_tasks(s->manager, &n);
        s->periodic_running = calloc(MAX(n, 1u), sizeof *s->periodic_running);
        if (!s->periodic_running)
                return -ENOMEM;
        r = periodic_schedule_init(&s->schedule, tasks, n, s->config, interval, service_now(s));
        if (r >= 0)
                r = looping_call_new(&s->periodic, s->environment.event, "periodic_tasks", periodic_on_tick, s);
        if (r >= 0)
                r = looping_call_start_after(s->periodic, interval, first_tick(s, interval));
        if (r >= 0)
                service_notify(s, SERVICE_CHANGED_TIMERS);
        return r;
}

void service_periodic_end(Service *s) {
        s->periodic = looping_call_free(s->periodic);
        periodic_schedule_done(&s->schedule);
        free(TAKE_PTR(s->periodic_running));
}

void service_periodic_reload(Service *s) {
        usec_t interval = service_periodic_interval(s);

        if (!s->periodic || interval == 0) {
                service_periodic_end(s);
                (void) service_periodic_begin(s);
        } else {
                bool changed = interval != s->schedule.tick;

                periodic_schedule_reload(&s->schedule, s->config, interval, service_now(s));
                if (changed)
                        (void) looping_call_start(s->periodic, interval, false);
        }
        service_notify(s, SERVICE_CHANGED_TIMERS);
}

size_t service_periodic_tasks(const Service *s, PeriodicTaskInfo *ret, size_t max) {
        const PeriodicTask *tasks;
        size_t n, i;

        if (!s->manager->ops->periodic_tasks)
                return 0;
        tasks = s->manager->ops->periodic_tasks(s->manager, &n);
        for (i = 0; i < n && i < max; i++) {
                const PeriodicEntry *entry = i < s->schedule.n ? s->schedule.entries + i : NULL;
                usec_t spacing = 0;
                bool enabled = periodic_task_spacing(tasks + i, s->config, &spacing) > 0;

                ret[i] = (PeriodicTaskInfo){
                        .name = tasks[i].name,
                        .enabled = enabled && s->periodic,
                        .spacing = spacing,
                        .runs = entry ? entry->runs : 0,
                        .running = s->periodic_running && i < s->schedule.n && s->periodic_running[i] > 0,
                };
        }
        return i;
}

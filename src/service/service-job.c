/* Jobs of a service: what blocks runs on a worker with what it needs copied into the job, and comes back to the loop. A
 * job may come back after the service has stopped, started again, or gone. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include "basic/log.h"

void *service_job_new(Service *s, size_t size, int (*work)(ServiceJob *j), void (*ended)(ServiceJob *j, int r)) {
        ServiceJob *j = calloc(1, size);

        if (!j)
                return NULL;
        j->service = s;
        j->run = s->run;
        j->manager = s->manager;
        j->store = s->environment.store;
        j->work = work;
        j->ended = ended;
        j->context = context_new_admin();
        if (!j->context)
                free(TAKE_PTR(j));
        return j;
}

void service_job_free(ServiceJob *j) {
        if (!j)
                return;
        if (j->release)
                j->release(j);
        (void) context_unref(j->context);
        exception_done(&j->exception);
        free(j->job.key);
        free(j);
}

static int job_on_work(Job *job) {
        ServiceJob *j = CONTAINER_OF(job, ServiceJob, job);
        LogFields before;
        int r;

        before = log_fields_set((LogFields){.request_id = context_request_id(j->context), .operation = job->name});
        r = j->work(j);
        (void) log_fields_set(before);
        return r;
}

static void job_on_done(Job *job, int r) {
        ServiceJob *j = CONTAINER_OF(job, ServiceJob, job);
        Service *s = j->service;

        if (!s->gone)
                j->ended(j, r);
        s->host_jobs -= j->host;
        service_job_free(j);
        s->jobs--;
        service_unref_when_idle(s);
}

int service_job_submit(ServiceJob *j, JobKind kind, const char *name, const char *line, usec_t deadline) {
        Service *s = j->service;
        int r;

        if (line && asprintf(&j->job.key, "%s@%s/%s", s->binary, s->host, line) < 0) {
                j->job.key = NULL;
                service_job_free(j);
                return -ENOMEM;
        }
        j->job.kind = kind;
        j->job.name = name;
        j->job.deadline = deadline;
        j->job.work = job_on_work;
        j->job.done = job_on_done;

        j->host = streq_ptr(line, LINE_HOST);
        s->jobs++;
        s->host_jobs += j->host;
        r = pool_submit(s->environment.pool, &j->job);
        if (r < 0) {
                s->jobs--;
                s->host_jobs -= j->host;
                service_job_free(j);
                return r;
        }
        return 0;
}

bool service_job_current(const ServiceJob *j) {
        return j->run == j->service->run && service_is_up(j->service);
}

const char *service_job_error(const ServiceJob *j, int r) {
        if (!isempty(j->exception.message))
                return j->exception.message;
        return r == -ECANCELED ? "the program ends" : strerror(-r);
}

void service_job_answer(ServiceJob *j, int r) {
        if (!j->done)
                return;
        if (r < 0 && !exception_is_set(&j->exception))
                (void) exception_set_errno(&j->exception, r, j->job.name);
        j->done(MIN(r, 0), r < 0 ? &j->exception : NULL, j->userdata);
}

/* The metrics of a service: process, service, broker, operations, journal, periodic tasks; then its manager's. */
#include "service/service-metrics.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>

#include "service/operation-metrics.h"
#include "service/service-internal.h"
#include "service/version.h"

static void gauge(MetricsText *t, const char *name, const char *help, uint64_t value) {
        metrics_family(t, name, METRIC_GAUGE, NULL, help);
        metrics_value(t, value, NULL);
}

static void counter(MetricsText *t, const char *name, const char *help, uint64_t value) {
        metrics_family(t, name, METRIC_COUNTER, NULL, help);
        metrics_value(t, value, NULL);
}

static void histogram(MetricsText *t, const char *name, const char *help, const Histogram *h) {
        metrics_family(t, name, METRIC_HISTOGRAM, "seconds", help);
        metrics_histogram(t, h, NULL);
}

/* ---- the process: names and meanings as in Prometheus' own client libraries ---- */

static usec_t timeval_usec(struct timeval v) {
        return (usec_t) v.tv_sec * USEC_PER_SEC + (usec_t) v.tv_usec;
}

/* Since 1970; 0 = unknown. */
static usec_t process_start(void) {
        _cleanup_free_ char *line = NULL;
        unsigned long long ticks;
        usec_t since_boot;
        size_t size = 0;
        char *p;
        FILE *f = fopen("/proc/self/stat", "re");

        if (!f)
                return 0;
        if (getline(&line, &size, f) < 0)
                line = (free(line), NULL);
        (void) fclose(f);
        p = line ? strrchr(line, ')') : NULL;           /* the name before it may hold anything */
        if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
                return 0;
        since_boot = ticks * USEC_PER_SEC / (usec_t) sysconf(_SC_CLK_TCK);
        return now_realtime() - MIN(now_boottime(), now_realtime()) + since_boot;
}

static uint64_t resident_bytes(void) {
        unsigned long long pages = 0;
        FILE *f = fopen("/proc/self/statm", "re");

        if (!f)
                return 0;
        if (fscanf(f, "%*u %llu", &pages) != 1)
                pages = 0;
        (void) fclose(f);
        return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

static uint64_t open_descriptors(void) {
        DIR *d = opendir("/proc/self/fd");
        uint64_t n = 0;
        const struct dirent *e;

        if (!d)
                return 0;
        while ((e = readdir(d)))
                n += e->d_name[0] != '.';
        (void) closedir(d);
        return n - 1;           /* the directory's own */
}

static void write_process(MetricsText *t) {
        struct rusage usage = {};

        (void) getrusage(RUSAGE_SELF, &usage);
        metrics_family(t, "process_cpu_seconds", METRIC_COUNTER, "seconds", "Processor time of the process, user and system.");
        metrics_usec(t, timeval_usec(usage.ru_utime) + timeval_usec(usage.ru_stime), NULL);
        metrics_family(t, "process_start_time_seconds", METRIC_GAUGE, "seconds", "When the process began, in seconds since 1970.");
        metrics_usec(t, process_start(), NULL);
        metrics_family(t, "process_resident_memory_bytes", METRIC_GAUGE, "bytes", "Memory of the process that is in RAM.");
        metrics_value(t, resident_bytes(), NULL);
        gauge(t, "process_open_fds", "Descriptors that the process has open.", open_descriptors());
}

/* ---- the service ---- */

static const char *state_name(unsigned s) {
        return service_state_to_string((ServiceState) s);
}

static void write_service(const Service *s, MetricsText *t) {
        const ServiceRecord *record = service_record(s);

        metrics_family(t, "nova_compute_build", METRIC_INFO, NULL, "What runs here, and as whom.");
        metrics_info(t, "version", version_string(), "binary", s->binary, "host", s->host, "topic", s->topic, NULL);
        metrics_family(t, "nova_compute_service_state", METRIC_STATESET, NULL, "The state of the service.");
        metrics_states(t, s->state, _SERVICE_STATE_MAX, state_name);
        gauge(t, "nova_compute_service_enabled", "Whether the scheduler may choose this host.", record->id > 0 && !record->disabled);
        gauge(t, "nova_compute_store_connected", "Whether the store answers.", !s->model_disconnected);
        histogram(t, "nova_compute_report_duration_seconds", "How long state reports took that succeeded.", &s->report_took);
        counter(t, "nova_compute_report_failures", "State reports that failed.", counter_read(&s->report_failures));
        metrics_family(t, "nova_compute_last_report_timestamp_seconds", METRIC_GAUGE, "seconds",
                       "When the state was reported last, in seconds since 1970; 0: never.");
        metrics_usec(t, s->last_report, NULL);
}

static void write_broker(const Service *s, MetricsText *t) {
        const RpcCounters *c = s->environment.rpc ? rpc_counters(s->environment.rpc) : NULL;

        gauge(t, "nova_compute_broker_connected", "Whether requests can be consumed from the broker.",
              s->broker.state == RPC_LINK_CONNECTED);
        gauge(t, "nova_compute_broker_blocked", "Whether the broker takes no messages for now.", s->broker.blocked);
        gauge(t, "nova_compute_broker_consumers", "Queues that are consumed from.", s->broker.consumers);
        if (!c)
                return;
        counter(t, "nova_compute_broker_connects", "Connections made to a broker, at the start and after each loss.",
                counter_read(&c->connects));
        counter(t, "nova_compute_broker_messages_received", "Messages that came in the queues of this host.",
                counter_read(&c->deliveries));
        counter(t, "nova_compute_broker_messages_redelivered", "Messages received that the broker says it had delivered before.",
                counter_read(&c->redeliveries));
        counter(t, "nova_compute_broker_messages_duplicate", "Messages received that were known already, and dropped.",
                counter_read(&c->duplicates));
        counter(t, "nova_compute_broker_messages_bad", "Messages received that were not understood, and dropped.",
                counter_read(&c->bad));
        counter(t, "nova_compute_broker_messages_sent", "Messages sent that the broker has confirmed.", counter_read(&c->sent));
        counter(t, "nova_compute_broker_messages_undelivered", "Messages that could not be sent, or that nobody could get.",
                counter_read(&c->undelivered));
        histogram(t, "nova_compute_broker_confirm_duration_seconds", "From the sending of a message to its confirmation by the broker.",
                  &c->confirm);
}

static void write_work(const Service *s, MetricsText *t) {
        uint64_t stalled = 0;

        for (const StalledCall *c = s->stalled; c; c = c->next)
                stalled++;
        operation_metrics_write(s->metrics, t);
        gauge(t, "nova_compute_operations_running", "Operations accepted that have not ended.", service_operations_running(s));
        gauge(t, "nova_compute_calls_stalled", "Calls that have overrun their deadline and go on.", stalled);
        metrics_family(t, "nova_compute_jobs_running", METRIC_GAUGE, NULL, "Work that has a thread now, by kind.");
        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                metrics_value(t, pool_running(s->environment.pool, k), "kind", job_kind_to_string(k), NULL);
        metrics_family(t, "nova_compute_jobs_waiting", METRIC_GAUGE, NULL, "Work that waits for its turn or a thread, by kind.");
        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                metrics_value(t, pool_waiting(s->environment.pool, k), "kind", job_kind_to_string(k), NULL);
        gauge(t, "nova_compute_threads", "Threads for work that may block.", pool_threads(s->environment.pool));
}

static void write_journal(const Service *s, MetricsText *t) {
        OperationJournal *j = s->environment.journal;

        if (!j)
                return;
        gauge(t, "nova_compute_journal_open", "Requests in the journal that have not ended.", operation_journal_open(j));
        gauge(t, "nova_compute_journal_writable", "Whether the journal can be written.", !s->journal_trouble);
        histogram(t, "nova_compute_journal_commit_duration_seconds", "How long commits of the journal took, each with one sync of the disk.",
                  journal_commit_times(operation_journal_journal(j)));
}

static void write_periodic(const Service *s, MetricsText *t) {
        metrics_family(t, "nova_compute_periodic_task_duration_seconds", METRIC_HISTOGRAM, "seconds",
                       "How long the runs of periodic tasks took, by task.");
        for (size_t i = 0; i < s->n_tasks; i++)
                if (histogram_count(&s->tasks[i].took) > 0)
                        metrics_histogram(t, &s->tasks[i].took, "task", s->tasks[i].name, NULL);
        metrics_family(t, "nova_compute_periodic_task_failures", METRIC_COUNTER, NULL, "Runs of periodic tasks that failed, by task.");
        for (size_t i = 0; i < s->n_tasks; i++)
                metrics_value(t, counter_read(&s->tasks[i].failures), "task", s->tasks[i].name, NULL);
}

int service_metrics_text(const Service *s, char **ret) {
        MetricsText t;
        int r;

        r = metrics_text_begin(&t);
        if (r < 0)
                return r;
        write_process(&t);
        if (s) {
                write_service(s, &t);
                write_broker(s, &t);
                write_work(s, &t);
                write_journal(s, &t);
                write_periodic(s, &t);
                if (s->manager->ops->metrics)
                        s->manager->ops->metrics(s->manager, &t);
        }
        return metrics_text_finish(&t, ret);
}

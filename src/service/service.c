/* Service.create of the seed, its end, its state, and what is shown of it. The steps of the start are in service-start.c,
 * the rest by theme in service-*.c. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <ctype.h>
#include <errno.h>

#include "basic/log.h"

static const char *const state_names[_SERVICE_STATE_MAX] = {
        [SERVICE_STOPPED] = "stopped",   [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
        [SERVICE_DEGRADED] = "degraded", [SERVICE_STOPPING] = "stopping", [SERVICE_FAILED] = "failed",
};

const char *service_state_to_string(ServiceState s) {
        return s >= 0 && s < _SERVICE_STATE_MAX ? state_names[s] : NULL;
}

/* ---- create ---- */

/* binary.rpartition('nova-')[2] of the seed: what follows the last "nova-", else the whole. */
static const char *topic_of_binary(const char *binary) {
        const char *topic = binary, *p = binary;

        while ((p = strstr(p, "nova-"))) {
                p += strlen("nova-");
                topic = p;
        }
        return topic;
}

/* Any opaque text may name a host, as long as the queue compute.<host> can exist and a line of log stays a line. */
static int host_check(const char *host, NovaException *e) {
        if (isempty(host))
                return exception_setf(e, EXC_INVALID, "The option host is empty: a service needs a host name");
        if (strlen(host) > 180)
                return exception_setf(e, EXC_INVALID, "host = %.40s… has %zu bytes: at most 180 fit into a queue's name", host,
                                      strlen(host));
        for (const char *p = host; *p; p++)
                if (iscntrl((unsigned char) *p) || *p == ' ')
                        return exception_setf(e, EXC_INVALID,
                                              "The host name holds a space or a control character at position %zu",
                                              (size_t) (p - host) + 1);
        return 0;
}

/* FLAGS.get('%s_manager' % topic) of the seed. */
static int manager_of_topic(const Config *c, const char *topic, const char **ret, NovaException *e) {
        _cleanup_free_ char *option = NULL;

        if (asprintf(&option, "%s_manager", topic) < 0) {
                option = NULL;
                return -ENOMEM;
        }
        if (!config_has(c, option) || isempty(config_string(c, option))) {
                (void) exception_setf(e, EXC_CLASS_NOT_FOUND, "Class None could not be found: no option %s names the manager of topic %s",
                                      option, topic);
                return -ENOENT;
        }
        *ret = config_string(c, option);
        return 0;
}

static void service_on_manager(unsigned what, void *userdata) {
        Service *s = userdata;

        /* The hypervisor came back: what waits for it need not wait out its back-off. */
        if ((what & MANAGER_CHANGED_HYPERVISOR) && !(s->manager->ops->trouble && s->manager->ops->trouble(s->manager))) {
                service_step_retry_soon(s, SERVICE_STEP_INIT_HOST);
                service_step_retry_soon(s, SERVICE_STEP_RESOURCES);
        }
        if ((what & MANAGER_CHANGED_HYPERVISOR) && s->requests)
                operation_gate_wake(s->requests->gate);
        service_update_state(s);
}

static int metrics_construct(Service *s) {
        const PeriodicTask *tasks = NULL;

        s->metrics = operation_metrics_new();
        if (!s->metrics)
                return -ENOMEM;
        if (s->manager->ops->periodic_tasks)
                tasks = s->manager->ops->periodic_tasks(s->manager, &s->n_tasks);
        s->tasks = calloc(MAX(s->n_tasks, 1u), sizeof *s->tasks);
        if (!s->tasks) {
                s->n_tasks = 0;
                return -ENOMEM;
        }
        for (size_t i = 0; i < s->n_tasks; i++)
                s->tasks[i].name = tasks[i].name;
        return 0;
}

static int manager_construct(Service *s, const ManagerClass *class, NovaException *e) {
        const ServiceEnvironment *v = &s->environment;
        ManagerArgs args = {
                .host = s->host,
                .config = s->config,
                .event = v->event,
                .pool = v->pool,
                .store = v->store,
                .messenger = v->rpc ? rpc_messenger(v->rpc) : NULL,
                .compute_driver = s->compute_driver,
                .extra = (const char *const *) s->extra,
        };
        int r;

        r = class->construct(&args, &s->manager, e);
        if (r < 0)
                return r;
        if (s->manager->magic != MANAGER_MAGIC || s->manager->abi != MANAGER_ABI) {
                s->manager = NULL;      /* not ours to free: its table of functions cannot be trusted */
                (void) exception_setf(e, EXC_NOVA, "Expected object of type: nova.manager.Manager, %s made something else",
                                      s->manager_class);
                return -ELIBBAD;
        }
        s->manager->request = service_on_manager_request;
        s->manager->service = s;
        return observers_add(&s->manager->observers, service_on_manager, s);
}

int service_create(Service **ret, const ServiceEnvironment *environment, const ServiceArgs *args, NovaException *e) {
        static const ServiceArgs defaults = {};
        _cleanup_(service_freep) Service *s = NULL;
        _cleanup_free_ char *modules = NULL;
        const ManagerClass *class;
        const char *manager;
        int r;

        if (!args)
                args = &defaults;
        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        s->environment = *environment;
        s->config = config_ref(environment->config);
        s->report_argument = args->report_interval;
        s->periodic_argument = args->periodic_interval;

        s->host = strdup(!isempty(args->host) ? args->host : strempty(config_string(s->config, "host")));
        s->binary = strdup(!isempty(args->binary) ? args->binary : program_invocation_short_name);
        if (!s->host || !s->binary)
                return -ENOMEM;
        s->topic = strdup(!isempty(args->topic) ? args->topic : topic_of_binary(s->binary));
        s->extra = strv_copy((char *const *) args->extra);
        if (!s->topic || !s->extra || service_replace_text(&s->compute_driver, args->compute_driver) < 0)
                return -ENOMEM;
        r = host_check(s->host, e);
        if (r < 0)
                return r;

        manager = args->manager;
        if (isempty(manager)) {
                r = manager_of_topic(s->config, s->topic, &manager, e);
                if (r < 0)
                        return r;
        }
        r = service_replace_text(&s->manager_class, manager);
        if (r < 0)
                return r;
        if (asprintf(&modules, "%s/manager", strempty(config_string(s->config, "module_path"))) < 0) {
                modules = NULL;
                return -ENOMEM;
        }
        r = manager_class_find(environment->manager_classes, modules, manager, &class, e);
        if (r < 0)
                return r;
        r = job_table_new(&s->job_table, environment->event);
        if (r < 0)
                return r;
        job_table_set_emptied_handler(s->job_table, service_on_jobs_emptied, s);
        r = manager_construct(s, class, e);
        if (r >= 0)
                r = metrics_construct(s);
        if (r < 0)
                return r;

        pool_set_stalled_handler(s->environment.pool, service_on_stalled, s);
        *ret = TAKE_PTR(s);
        return 0;
}

/* ---- the end ---- */

void service_unref_when_idle(Service *s) {
        if (!s->gone || s->jobs > 0 || s->retired)
                return;

        (void) manager_free(s->manager);
        service_record_done(&s->record);
        free(s->zone_to_write);
        free(s->model_error);
        free(s->trouble);
        free(s->journal_trouble);
        free(s->failure_text);
        free(s->broker_address);
        free(s->broker_error);
        (void) strv_free(s->queues);
        (void) strv_free(s->extra);
        (void) operation_metrics_unref(s->metrics);
        free(s->tasks);
        free(s->compute_driver);
        free(s->manager_class);
        free(s->topic);
        free(s->binary);
        free(s->host);
        (void) config_unref(s->config);
        free(s);
}

/* Work that is still out, an operation or a job, uses the manager: the object is then freed when the last has ended. */
Service *service_free(Service *s) {
        if (!s)
                return NULL;

        if (s->manager) {
                pool_set_stalled_handler(s->environment.pool, NULL, NULL);
                observers_remove(&s->manager->observers, service_on_manager, s);
                s->manager->request = NULL;
                s->manager->service = NULL;
        }
        s->stop_timer = sd_event_source_disable_unref(s->stop_timer);
        service_steps_reset(s);
        service_periodic_end(s);
        service_report_end(s);
        service_stalled_clear(s);
        service_requests_retire(s, 0);
        observers_done(&s->observers);
        s->job_table = job_table_free(s->job_table);

        s->gone = true;
        service_unref_when_idle(s);
        return NULL;
}

/* ---- state ---- */

usec_t service_now(const Service *s) {
        return s->environment.now ? s->environment.now() : now_monotonic();
}

int service_replace_text(char **p, const char *text) {
        char *copy = NULL;

        if (streq_ptr(*p, text))
                return 0;
        if (text && !(copy = strdup(text)))
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 1;
}

usec_t service_seconds_option(const Service *s, const char *name) {
        return (usec_t) MAX(config_integer(s->config, name), 0) * USEC_PER_SEC;
}

int service_timer_arm(Service *s, sd_event_source **timer, usec_t delay, sd_event_time_handler_t handler, void *userdata,
                      const char *description) {
        int r;

        if (!*timer) {
                r = sd_event_add_time_relative(s->environment.event, timer, CLOCK_MONOTONIC, delay, 0, handler, userdata);
                if (r >= 0)
                        (void) sd_event_source_set_description(*timer, description);
        } else {
                r = sd_event_source_set_time_relative(*timer, delay);
                if (r >= 0)
                        r = sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("The timer %s of %s cannot be set: %s", description, s->topic, strerror(-r));
        return r;
}

bool service_is_up(const Service *s) {
        return s->state == SERVICE_STARTING || s->state == SERVICE_RUNNING || s->state == SERVICE_DEGRADED;
}

void service_notify(Service *s, unsigned what) {
        if (!s->gone)
                observers_notify(&s->observers, what);
}

static void trouble_add(FILE *f, bool *first, const char *what, const char *why) {
        if (!*first)
                fputs("; ", f);
        *first = false;
        fputs(what, f);
        if (!isempty(why))
                fprintf(f, ": %s", why);
}

/* Only the first by name: when a hypervisor hangs they may be many, and all are on D-Bus. */
static void trouble_of_stalled(const Service *s, FILE *f, bool *first) {
        size_t more = 0;

        if (!s->stalled)
                return;
        for (const StalledCall *c = s->stalled->next; c; c = c->next)
                more++;
        trouble_add(f, first, s->stalled->name, NULL);
        if (more > 0)
                fprintf(f, " and %zu more calls have overrun their deadlines", more);
        else
                fputs(" has overrun its deadline", f);
}

/* One line for people: what is not well, most telling first. */
static char *trouble_text(const Service *s) {
        char *text = NULL;
        size_t size;
        bool first = true;
        const char *manager;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;

        manager = service_is_up(s) && s->manager->ops->trouble ? s->manager->ops->trouble(s->manager) : NULL;
        if (s->failure_text)
                trouble_add(f, &first, s->failure_text, NULL);
        for (int i = 0; i < _SERVICE_STEP_MAX; i++) {
                /* Those of the broker are told below, as it is now; what only waits for another step, by that one. */
                if (s->steps[i].state != STEP_PENDING || i == SERVICE_STEP_CONNECTION || i == SERVICE_STEP_CONSUMERS ||
                    service_step_waits(s, i))
                        continue;
                /* What the manager tells below as well, with the name of what is away, is not told twice. */
                if (manager && !isempty(s->steps[i].error) && strstr(manager, s->steps[i].error))
                        continue;
                trouble_add(f, &first, service_step_to_string(i), s->steps[i].error ?: "not done yet");
        }
        if (service_is_up(s) && s->model_disconnected)
                trouble_add(f, &first, "model server went away", s->model_error);
        /* While their step is under way nothing is wrong yet: it has a limit of its own. */
        if (service_is_up(s) && s->consuming && s->environment.rpc && s->steps[SERVICE_STEP_CONSUMERS].state != STEP_UNDER_WAY) {
                if (!s->requests || !s->requests->server)
                        trouble_add(f, &first, "no RPC server", s->steps[SERVICE_STEP_CONNECTION].error);
                else if (s->broker.state != RPC_LINK_CONNECTED) {
                        fprintf(f, "%sAMQP server on %s is not connected", first ? "" : "; ", strempty(s->broker_address));
                        if (!isempty(s->broker_error))
                                fprintf(f, ": %s", s->broker_error);
                        first = false;
                } else if (s->broker.consumers < N_CONSUMERS) {
                        fprintf(f, "%sconsuming from %u of %u queues", first ? "" : "; ", s->broker.consumers, N_CONSUMERS);
                        first = false;
                }
        }
        if (service_is_up(s) && s->journal_trouble)
                trouble_add(f, &first, s->journal_trouble, NULL);
        if (manager)
                trouble_add(f, &first, manager, NULL);
        trouble_of_stalled(s, f, &first);

        if (fclose(f) < 0)
                free(TAKE_PTR(text));
        return text;
}

void service_set_journal_trouble(Service *s, const char *text) {
        (void) service_replace_text(&s->journal_trouble, text);
        service_update_state(s);
}

void service_update_state(Service *s) {
        _cleanup_free_ char *trouble = trouble_text(s);
        ServiceState state = s->state;
        bool changed;

        if (s->gone)
                return;
        if (s->walked && service_is_up(s))
                state = isempty(trouble) ? SERVICE_RUNNING : SERVICE_DEGRADED;
        changed = state != s->state || !streq(strempty(trouble), strempty(s->trouble));
        s->state = state;
        free(s->trouble);
        s->trouble = TAKE_PTR(trouble);
        if (changed)
                service_notify(s, SERVICE_CHANGED_STATE);
}

/* ---- what is shown ---- */

JobTable *service_job_table(const Service *s) {
        return s->job_table;
}

Observers *service_observers(Service *s) {
        return &s->observers;
}

const char *service_host(const Service *s) {
        return s->host;
}

const char *service_binary(const Service *s) {
        return s->binary;
}

const char *service_topic(const Service *s) {
        return s->topic;
}

const char *service_manager_class(const Service *s) {
        return s->manager_class;
}

const char *service_compute_driver(const Service *s) {
        return s->compute_driver;
}

const char *const *service_extra(const Service *s) {
        return (const char *const *) s->extra;
}

Manager *service_manager(const Service *s) {
        return s->manager;
}

ServiceState service_state(const Service *s) {
        return s->state;
}

ServiceStep service_step(const Service *s) {
        return s->step;
}

const char *service_trouble(const Service *s) {
        return strempty(s->trouble);
}

int service_failure(const Service *s) {
        return s->failure;
}

bool service_model_disconnected(const Service *s) {
        return s->model_disconnected;
}

const ServiceRecord *service_record(const Service *s) {
        return &s->record;
}

usec_t service_last_report(const Service *s) {
        return s->last_report;
}

static usec_t interval(const Service *s, int argument, const char *option) {
        int64_t seconds = argument != 0 ? argument : config_integer(s->config, option);

        return seconds > 0 ? (usec_t) seconds * USEC_PER_SEC : 0;
}

usec_t service_report_interval(const Service *s) {
        return interval(s, s->report_argument, "report_interval");
}

usec_t service_periodic_interval(const Service *s) {
        if (!config_boolean(s->config, "periodic_enable"))
                return 0;
        return interval(s, s->periodic_argument, "periodic_interval");
}

size_t service_timers(const Service *s, LoopingCallInfo *ret, size_t max) {
        LoopingCall *const calls[] = {s->report, s->periodic};
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && n < max; i++) {
                if (!calls[i])
                        continue;
                looping_call_info(calls[i], ret + n);
                if (ret[n].started)
                        n++;
        }
        return n;
}

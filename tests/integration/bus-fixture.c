/* The room bus/ of the daemon, the real one, over a service that does what a test tells it on stdin: what the daemon gets
 * into only with luck (an operation that never ends, a name that is no UTF-8, a broker in each state) is here a word.
 * Everything else about the bus is tested with the daemon itself.
 *
 *   create | drop                the service appears; it is freed
 *   host HEX                     its host name, as hex
 *   state STATE [TROUBLE…]       service_state_to_string's words
 *   slow | quick                 start and stop wait for "state"; happen at once
 *   hold | release               verbs wait for "finish" or "fail"; end by themselves
 *   finish | fail CLASS TEXT…    ends what is held
 *   report N                     a state report with that count
 *   model 0|1    broker STATE    stalled TEXT    node VCPUS
 *   node-touch                   says it changed, though nothing did
 *   stats                        prints how many verbs reached the service
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "basic/log.h"
#include "bus/bus.h"
#include "compute/manager.h"
#include "service/service-metrics.h"

#define HELD_MAX 1024

struct Service {
        sd_event *event;
        char *host, *trouble;
        char *stalled[2];
        ServiceState state;
        ServiceRecord record;
        RpcStatus broker;
        usec_t last_report;
        bool model_disconnected, slow, hold;
        Observers observers;
        Manager manager;
        ComputeNode node;
        struct Held {
                ServiceDone done;
                void *userdata;
        } held[HELD_MAX];
        size_t n_held;
        sd_event_source *finish;
        unsigned asked;
        char reason[1024];
};

struct Launcher {
        Server *server;
};

typedef struct Fixture {
        sd_event *event;
        Bus *bus;
        Service *service;
        Launcher launcher;
        Server server;
        unsigned reloads;
} Fixture;

/* ---- service.h, launcher.h and compute/manager.h as far as the bus uses them ---- */

static const char *const state_names[_SERVICE_STATE_MAX] = {
        [SERVICE_STOPPED] = "stopped",   [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
        [SERVICE_DEGRADED] = "degraded", [SERVICE_STOPPING] = "stopping", [SERVICE_FAILED] = "failed",
};

const char *service_state_to_string(ServiceState s) {
        return state_names[s];
}

const char *service_step_to_string(ServiceStep s) {
        return s == SERVICE_STEP_VERSION ? "version" : "other";
}

static void set_state(Service *s, ServiceState state) {
        s->state = state;
        observers_notify(&s->observers, SERVICE_CHANGED_STATE);
}

int service_start(Service *s) {
        s->asked++;
        if (s->state == SERVICE_STOPPING)
                return -EBUSY;
        if (s->state == SERVICE_STOPPED || s->state == SERVICE_FAILED)
                set_state(s, s->slow ? SERVICE_STARTING : SERVICE_RUNNING);
        return 0;
}

int service_stop(Service *s) {
        s->asked++;
        if (s->state == SERVICE_STARTING)
                return -EBUSY;
        if (s->state == SERVICE_RUNNING || s->state == SERVICE_DEGRADED)
                set_state(s, s->slow ? SERVICE_STOPPING : SERVICE_STOPPED);
        return 0;
}

int service_kill(Service *s) {
        return service_stop(s);
}

static void finish_held(Service *s, int r, const NovaException *e) {
        size_t n = s->n_held;
        struct Held held[HELD_MAX];

        memcpy(held, s->held, sizeof held);
        s->n_held = 0;
        for (size_t i = 0; i < n; i++)
                if (held[i].done)
                        held[i].done(r, e, held[i].userdata);
}

static int on_finish(sd_event_source *source, void *userdata) {
        finish_held(userdata, 0, NULL);
        return 0;
}

static int ask(Service *s, ServiceDone done, void *userdata) {
        if (s->state != SERVICE_RUNNING && s->state != SERVICE_DEGRADED)
                return -ESHUTDOWN;
        s->asked++;
        if (s->n_held >= HELD_MAX)
                return -EAGAIN;
        s->held[s->n_held++] = (struct Held) { done, userdata };
        return s->hold ? 0 : sd_event_source_set_enabled(s->finish, SD_EVENT_ONESHOT);
}

int service_report_state(Service *s, ServiceDone done, void *userdata) {
        return ask(s, done, userdata);
}
int service_update_available_resource(Service *s, ServiceDone done, void *userdata) {
        return ask(s, done, userdata);
}
int service_run_periodic_task(Service *s, const char *name, ServiceDone done, void *userdata) {
        return ask(s, done, userdata);
}
int service_set_enabled(Service *s, bool enabled, const char *reason, ServiceDone done, void *userdata) {
        int r = ask(s, done, userdata);

        if (r < 0)
                return r;
        snprintf(s->reason, sizeof s->reason, "%s", strempty(reason));
        s->record.disabled = !enabled;
        s->record.disabled_reason = s->reason;
        observers_notify(&s->observers, SERVICE_CHANGED_RECORD);
        return r;
}

int service_metrics_text(const Service *s, char **ret) {
        static unsigned made;

        return asprintf(ret, "# made %u\n# EOF\n", ++made) < 0 ? -ENOMEM : 0;
}

Observers *service_observers(Service *s) {
        return &s->observers;
}
const char *service_host(const Service *s) {
        return s->host;
}
const char *service_binary(const Service *s) {
        return "nova-compute";
}
const char *service_topic(const Service *s) {
        return "compute";
}
const char *service_manager_class(const Service *s) {
        return "nova.compute.manager.ComputeManager";
}
Manager *service_manager(const Service *s) {
        return (Manager *) &s->manager;
}
ServiceState service_state(const Service *s) {
        return s->state;
}
ServiceStep service_step(const Service *s) {
        return SERVICE_STEP_VERSION;
}
const char *service_trouble(const Service *s) {
        return strempty(s->trouble);
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
usec_t service_report_interval(const Service *s) {
        return 10 * USEC_PER_SEC;
}
usec_t service_periodic_interval(const Service *s) {
        return 60 * USEC_PER_SEC;
}
const RpcStatus *service_broker(const Service *s) {
        return &s->broker;
}
const char *const *service_queues(const Service *s) {
        static const char *const queues[] = { "compute", "compute.testhost", NULL };
        return queues;
}
size_t service_timers(const Service *s, LoopingCallInfo *ret, size_t max) {
        ret[0] = (LoopingCallInfo) { .name = "report_state", .interval = 10 * USEC_PER_SEC, .runs = 7, .errors = 1 };
        ret[1] = (LoopingCallInfo) { .name = "periodic_tasks", .interval = 60 * USEC_PER_SEC, .running = true };
        return 2;
}
uint64_t service_requests(const Service *s) {
        return 5;
}
uint64_t service_failures(const Service *s) {
        return 2;
}
bool service_is_stalled(const Service *s, const char *name, const char *key) {
        return false;
}
void service_foreach_stalled(const Service *s, void (*f)(const char *name, const char *key, usec_t running, void *userdata), void *userdata) {
}
JobTable *service_job_table(const Service *s) {
        return NULL;
}
int service_begin(Service *s, const char *method, const json_t *args, RequestContext *c, uint64_t *ret_id, NovaException *e) {
        return -ESHUTDOWN;
}
int service_call(Service *s, const char *method, const json_t *args, RequestContext *c, OperationOrigin origin,
                 void (*finished)(Operation *o), void *origin_data, NovaException *e) {
        return -ESHUTDOWN;
}
void service_put_off(Service *s, bool on) {
}
int service_cancel_operation(Service *s, uint64_t id) {
        return -ENOENT;
}
char *const *service_stalled(const Service *s) {
        return (char *const *) s->stalled;
}

size_t launcher_servers(const Launcher *l, Server **ret, size_t max) {
        ret[0] = l->server;
        return l->server ? 1 : 0;
}
Service *server_service(const Server *s) {
        return s->userdata;
}

ComputeManager *compute_manager_from(Manager *m) {
        return (ComputeManager *) m;
}
static const Service *service_of(const ComputeManager *m) {
        return CONTAINER_OF(m, Service, manager);
}
const ComputeNode *compute_manager_node(const ComputeManager *m) {
        return &service_of(m)->node;
}
usec_t compute_manager_node_updated(const ComputeManager *m) {
        return service_of(m)->node.vcpus ? 1 : 0;
}
bool compute_manager_hypervisor_connected(const ComputeManager *m) {
        return true;
}
const char *compute_manager_hypervisor_error(const ComputeManager *m) {
        return "";
}
const Offer *compute_manager_offer(const ComputeManager *m) {
        return NULL;
}
size_t compute_drift_count(ComputeManager *m) {
        return 0;
}
const char *drift_kind_to_string(DriftKind k) {
        return "state";
}
void compute_drift_foreach(ComputeManager *m, void (*f)(const Drift *d, void *userdata), void *userdata) {
}
InstanceTable *compute_manager_instances(const ComputeManager *m) {
        return NULL;
}
bool compute_manager_has_network(ComputeManager *m, const char *name_or_id) {
        return true;
}
const char *compute_manager_driver_name(const ComputeManager *m) {
        return "fixture";
}
const char *compute_manager_connection_uri(const ComputeManager *m) {
        return "";
}

static const Method *manager_methods(Manager *m, size_t *ret_n) {
        static const Method methods[] = { { .name = "service_version" }, { .name = "service_config" } };
        *ret_n = ELEMENTSOF(methods);
        return methods;
}
static const PeriodicTask *manager_tasks(Manager *m, size_t *ret_n) {
        static const PeriodicTask tasks[] = { { .name = "_sync_power_states" }, { .name = "update_available_resource" } };
        *ret_n = ELEMENTSOF(tasks);
        return tasks;
}
static const ManagerOps manager_ops = { .methods = manager_methods, .periodic_tasks = manager_tasks };

/* ---- the words on stdin ---- */

static void service_create_here(Fixture *f) {
        Service *s = calloc(1, sizeof *s);

        s->event = f->event;
        s->host = strdup("testhost");
        s->record = (ServiceRecord) { .id = 3, .uuid = (char *) "6f9e0000-0000-4000-8000-000000000001" };
        s->broker = (RpcStatus) { .address = "127.0.0.1:5672", .error = "" };
        s->manager.ops = &manager_ops;
        s->node.supported_hv_specs = json_pack("[[sss], [s]]", "x86_64", "kvm", "hvm", "short");
        s->node.stats = json_pack("{ss si}", "io_workload", "0", "no text", 1);
        (void) sd_event_add_defer(f->event, &s->finish, on_finish, s);
        (void) sd_event_source_set_enabled(s->finish, SD_EVENT_OFF);
        f->service = s;
        f->server = (Server) { .name = "compute", .userdata = s };
        f->launcher.server = &f->server;
        (void) bus_set_service(f->bus, s);
}

static void service_drop_here(Fixture *f, bool bus_too) {
        Service *s = f->service;

        if (!s)
                return;
        if (bus_too)
                (void) bus_set_service(f->bus, NULL);
        finish_held(s, -ECANCELED, NULL);
        sd_event_source_disable_unref(s->finish);
        observers_done(&s->observers);
        observers_done(&s->manager.observers);
        json_decref(s->node.supported_hv_specs);
        json_decref(s->node.stats);
        free(s->host);
        free(s->trouble);
        free(s->stalled[0]);
        free(s);
        f->service = NULL;
        f->launcher.server = NULL;
}

static char *unhex(const char *hex) {
        char *s = calloc(1, strlen(hex) / 2 + 1);
        unsigned byte;

        for (size_t i = 0; s && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
                s[i] = (char) byte;
        return s;
}

static void word_state(Service *s, char *rest) {
        char *trouble = strchr(rest, ' ');

        if (trouble)
                *trouble++ = 0;
        free(s->trouble);
        s->trouble = trouble ? strdup(trouble) : NULL;
        for (ServiceState i = 0; i < _SERVICE_STATE_MAX; i++)
                if (streq(state_names[i], rest))
                        set_state(s, i);
}

static void word_fail(Service *s, const char *rest) {
        NovaException e = {};

        for (ExceptionClass c = 0; c < _EXC_MAX; c++) {
                const char *text = startswith(rest, exception_class_name(c));

                if (text && *text == ' ' && !exception_is_set(&e))
                        exception_setf(&e, c, "%s", text + 1);
        }
        finish_held(s, exception_is_set(&e) ? e.error : -EIO, &e);
        exception_done(&e);
}

static void command(Fixture *f, char *line) {
        char *rest = strchr(line, ' ');
        Service *s = f->service;

        if (rest)
                *rest++ = 0;
        if (streq(line, "create"))
                service_create_here(f);
        else if (streq(line, "reloads"))
                printf("reloads %u", f->reloads);
        else if (s && streq(line, "drop"))
                service_drop_here(f, true);
        else if (s && streq(line, "host")) {
                free(s->host);
                s->host = unhex(rest);
        } else if (s && streq(line, "state"))
                word_state(s, rest);
        else if (s && (streq(line, "slow") || streq(line, "quick")))
                s->slow = streq(line, "slow");
        else if (s && (streq(line, "hold") || streq(line, "release")))
                s->hold = streq(line, "hold");
        else if (s && streq(line, "finish"))
                finish_held(s, 0, NULL);
        else if (s && streq(line, "fail"))
                word_fail(s, rest);
        else if (s && streq(line, "report")) {
                s->record.report_count = atoll(rest);
                s->last_report = now_realtime();
                observers_notify(&s->observers, SERVICE_CHANGED_REPORT);
        } else if (s && streq(line, "model")) {
                s->model_disconnected = *rest == '0';
                observers_notify(&s->observers, SERVICE_CHANGED_REPORT);
        } else if (s && streq(line, "broker")) {
                s->broker.state = streq(rest, "connected") ? RPC_LINK_CONNECTED : RPC_LINK_WAITING;
                s->broker.error = s->broker.state == RPC_LINK_WAITING ? "connection refused" : "";
                observers_notify(&s->observers, SERVICE_CHANGED_BROKER);
        } else if (s && streq(line, "stalled")) {
                free(s->stalled[0]);
                s->stalled[0] = rest ? strdup(rest) : NULL;
                observers_notify(&s->observers, SERVICE_CHANGED_STALLED);
        } else if (s && streq(line, "node")) {
                s->node.vcpus = atoll(rest);
                observers_notify(&s->manager.observers, MANAGER_CHANGED_NODE);
        } else if (s && streq(line, "node-touch"))
                observers_notify(&s->manager.observers, MANAGER_CHANGED_NODE);
        else if (s && streq(line, "stats"))
                printf("asked %u", s->asked);
        printf(" ok\n");
        fflush(stdout);
}

static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char line[8192];

        /* The test sends a line and waits for its answer: never more than one is there. */
        ssize_t n = read(fd, line, sizeof line - 1);

        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        line[n] = 0;
        line[strcspn(line, "\n")] = 0;
        command(userdata, line);
        return 0;
}

static int on_reload(void *userdata, char **ret_error) {
        Fixture *f = userdata;

        if (++f->reloads % 2 == 1)
                return 0;
        *ret_error = strdup("nova.conf:3: report_interval = x: not a number");
        return -EINVAL;
}

int main(void) {
        LogSettings log = { .level = LOG_LEVEL_DEBUG, .target = LOG_TARGET_CONSOLE, .program = "bus-fixture" };
        Fixture f = {};
        BusCallbacks callbacks = { .reload = on_reload, .userdata = &f };
        char why[256];
        int r;

        signal(SIGPIPE, SIG_IGN);
        r = log_open(&log, why, sizeof why);
        if (r >= 0)
                r = sd_event_default(&f.event);
        if (r >= 0)
                r = bus_new(&f.bus, f.event, &f.launcher, &callbacks);
        if (r < 0) {
                printf("bus_new: %s\n", strerror(-r));
                return -r;
        }
        printf("bus %d\n", r);
        fflush(stdout);
        r = sd_event_add_io(f.event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, &f);
        if (r >= 0)
                r = sd_event_loop(f.event);
        /* as the daemon: the bus first, the service after it, with what it still holds */
        f.bus = bus_free(f.bus);
        service_drop_here(&f, false);
        sd_event_unref(f.event);
        log_close();
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

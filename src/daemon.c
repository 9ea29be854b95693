/* What surrounds the services of the process. Signals end in one stop path for all causes; systemd hears READY once the
 * services have walked their start, STATUS whenever the truth changes, STOPPING, RELOADING and EXTEND_TIMEOUT_USEC. */
#define LOG_LOGGER "nova.daemon"
#include "daemon.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "basic/file-lock.h"
#include "basic/log.h"
#include "basic/mailbox.h"
#include "basic/path-util.h"
#include "bus/bus.h"
#include "compute/error-publisher.h"
#include "compute/manager.h"
#include "service/metrics-server.h"
#include "service/service-metrics.h"

#define SERVERS_MAX 16
#define METRICS_SOCKET "metrics"                       /* FileDescriptorName= of the socket unit */
#define STEP_MARGIN_USEC (25 * USEC_PER_SEC)            /* beyond start_step_timeout, asked of systemd anew at each step */
#define STATUS_MAX 2000                                 /* bytes */
#define STOP_MARGIN_USEC (5 * USEC_PER_SEC)             /* beyond stop_timeout, for what follows the services */
#define ABANDON_USEC (200 * USEC_PER_MSEC)              /* jobs that outlived the services' own limit */

struct Daemon {
        Config *config;
        sd_event *event;
        Pool *pool;
        Store *store;
        Journal *journal;               /* NULL: switched off */
        OperationJournal *operations;
        Mailbox *journal_troubles;      /* texts from the journal's thread */
        Rpc *rpc;
        ErrorPublisher *errors;         /* NULL: not wanted */
        Launcher *launcher;
        char *bus_name;
        Bus *bus;                       /* NULL: not wanted */
        Service *service;               /* the first one, that STATUS and the bus show; belongs to the launcher */
        ServiceEnvironment environment;
        MetricsServer *metrics;         /* NULL: no socket was passed for them */
        int lock;
        char *status;
        ServiceStep told;               /* the step for which time was asked last */
        bool ready, stopping;
        int result;
};

static const ManagerClass *const manager_classes[] = { &compute_manager_class, NULL };

/* ---- systemd ---- */

/* A status is one line, and systemd takes no message above 4 KiB: it would drop READY along with it. */
static void status_tidy(char *text) {
        size_t n = strnlen(text, STATUS_MAX);

        while (text[n] && n > 0 && (text[n] & 0xc0) == 0x80)
                n--;
        text[n] = '\0';
        text[0] = (char) toupper((unsigned char) text[0]);
        for (char *c = text; (c = strchr(c, '\n')); c++)
                *c = ' ';
}

/* One message for all that a change has to tell: each costs systemd a turn of its loop, and its socket holds few. What
 * could not be sent, for want of a descriptor, is sent with the next change. */
static void daemon_status(Daemon *d) {
        _cleanup_free_ char *text = NULL;
        ServiceStep told = d->told;
        bool ready = d->ready;
        ServiceState state;
        char more[80] = "";
        const char *what;
        int r;

        if (d->stopping || !d->service)
                return;
        state = service_state(d->service);
        if (!ready && state == SERVICE_STARTING && service_step(d->service) != told) {
                told = service_step(d->service);
                snprintf(more, sizeof more, "\nEXTEND_TIMEOUT_USEC=%llu",
                         (unsigned long long) (config_integer(d->config, "start_step_timeout") * USEC_PER_SEC + STEP_MARGIN_USEC));
        } else if (!ready && (state == SERVICE_RUNNING || state == SERVICE_DEGRADED)) {
                ready = true;
                snprintf(more, sizeof more, "\nREADY=1");
        }
        what = service_trouble(d->service);
        if (isempty(what))
                what = state == SERVICE_STARTING ? service_step_to_string(service_step(d->service))
                     : state == SERVICE_RUNNING  ? "consuming and reporting"
                                                 : "at rest";
        r = asprintf(&text, "%s on host %s: %s", service_state_to_string(state), service_host(d->service), what);
        if (r < 0) {
                text = NULL;
                return;
        }
        status_tidy(text);
        if (streq_ptr(text, d->status) && !*more)
                return;
        r = sd_notifyf(false, "STATUS=%s%s", text, more);
        if (r < 0)
                return;
        d->told = told;
        d->ready = ready;
        free(d->status);
        d->status = TAKE_PTR(text);
}

static void daemon_end(Daemon *d, int result) {
        d->result = result;
        (void) sd_event_exit(d->event, result);
}

static void daemon_on_stopped(void *userdata) {
        Daemon *d = userdata;

        daemon_end(d, d->result);
}

static void daemon_stop(Daemon *d, const char *why) {
        usec_t limit = (usec_t) config_integer(d->config, "stop_timeout") * USEC_PER_SEC + STOP_MARGIN_USEC;
        int r;

        if (d->stopping) {
                log_warning("%s again while stopping: ending at once", why);
                return daemon_end(d, EXIT_FAILURE);
        }
        d->stopping = true;
        log_info("%s: stopping", why);
        (void) sd_notifyf(false, "STOPPING=1\nSTATUS=Stopping: requests in flight end or are handed back\n"
                          "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long) limit);
        r = launcher_stop(d->launcher, daemon_on_stopped, d);
        if (r < 0) {
                log_error("cannot stop the services in order: %s", strerror(-r));
                daemon_end(d, EXIT_FAILURE);
        }
}

/* The services' changes: READY, STATUS, more time for a start that moves on. */
static void daemon_on_service_changed(unsigned what _unused_, void *userdata) {
        daemon_status(userdata);
}

static void daemon_on_launcher_changed(unsigned what, void *userdata) {
        Daemon *d = userdata;
        const char *why = NULL;

        if (launcher_result(d->launcher, &why) < 0 && !d->stopping) {
                log_critical("%s", why && *why ? why : "a service ended with a failure");
                d->result = EXIT_FAILURE;
                daemon_stop(d, "Failure of a service");
        }
}

/* ---- reload ---- */

typedef struct ReloadNames {
        char text[512];
        size_t n;
} ReloadNames;

static void reload_on_difference(const Option *o, void *userdata) {
        ReloadNames *names = userdata;
        int n;

        if (o->flags & (OPTION_RELOADABLE | OPTION_ACCEPTED | OPTION_PLANNED))
                return;
        n = snprintf(names->text + names->n, sizeof names->text - names->n, "%s%s%s%s", names->n ? ", " : "",
                     o->group ? o->group : "", o->group ? "." : "", o->name);
        if (n > 0)
                names->n = MIN(names->n + (size_t) n, sizeof names->text - 1);
}

static LogLevel configured_level(const Config *c) {
        return config_boolean(c, "debug") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/* An eighth of the threads is left to queries, whatever hangs. */
static void daemon_set_caps(Daemon *d) {
        unsigned threads = (unsigned) config_integer(d->config, "rpc_thread_pool_size");

        pool_reserve_for_queries(d->pool, MAX(threads / 8, 1u));
        pool_set_cap(d->pool, JOB_BUILD, (unsigned) config_integer(d->config, "max_concurrent_builds"));
        pool_set_cap(d->pool, JOB_SNAPSHOT, (unsigned) config_integer(d->config, "max_concurrent_snapshots"));
        pool_set_cap(d->pool, JOB_MIGRATION, (unsigned) config_integer(d->config, "max_concurrent_live_migrations"));
}

/* What is wrong with @fresh ends the reload here, before anything was taken from it. */
static int daemon_reload_log(Daemon *d, const Config *fresh, ConfigError *error) {
        char why[256];
        int r;

        r = config_register_secrets(fresh);
        if (r < 0)
                return r;
        r = log_set_default_levels(config_list(fresh, "default_log_levels"), why, sizeof why);
        if (r < 0) {
                snprintf(error->text, sizeof error->text, "default_log_levels: %s", why);
                return r;
        }
        /* Else a level set on D-Bus stays. */
        if (configured_level(fresh) != configured_level(d->config))
                log_set_level(configured_level(fresh));
        return 0;
}

static int daemon_reload(Daemon *d, char **ret_error) {
        _cleanup_(config_unrefp) Config *fresh = NULL;
        ReloadNames waiting = {};
        ConfigError error = {};
        Server *servers[SERVERS_MAX];
        size_t n;
        int r;

        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) now_monotonic());
        r = config_reload(d->config, &fresh, &error);
        if (r >= 0)
                r = daemon_reload_log(d, fresh, &error);
        if (r < 0) {
                const char *why = *error.text ? error.text : strerror(-r);

                log_event(LOG_LEVEL_ERROR, MESSAGE_CONFIG_INVALID, NULL, "not reloaded, the former configuration stays: %s", why);
                (void) sd_notify(false, "READY=1");
                if (ret_error)
                        *ret_error = strdup(why);
                return r;
        }

        config_diff(d->config, fresh, reload_on_difference, &waiting);
        config_unref(d->config);
        d->config = d->environment.config = TAKE_PTR(fresh);
        daemon_set_caps(d);
        n = launcher_servers(d->launcher, servers, SERVERS_MAX);
        for (size_t i = 0; i < n; i++)
                if (server_service(servers[i]))
                        service_reload(server_service(servers[i]), d->config);
        if (d->bus)
                bus_reconsider_host(d->bus);
        log_event(LOG_LEVEL_INFO, MESSAGE_RELOADED, NULL, "configuration reloaded%s%s",
                  waiting.n ? "; these options wait for a restart: " : "", waiting.text);
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int bus_on_reload(void *userdata, char **ret_error) {
        return daemon_reload(userdata, ret_error);
}

/* ---- signals ---- */

static int daemon_on_signal(sd_event_source *s _unused_, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *d = userdata;

        if (si->ssi_signo == SIGHUP)
                (void) daemon_reload(d, NULL);
        else
                daemon_stop(d, si->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        return 0;
}

static int daemon_add_signals(Daemon *d) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t set;
        int r;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        sigaddset(&set, SIGPIPE);
        r = pthread_sigmask(SIG_BLOCK, &set, NULL);
        if (r != 0)
                return -r;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_event_add_signal(d->event, NULL, signals[i], daemon_on_signal, d);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- set-up ---- */

int daemon_setup_logging(const Config *config, const char *program, ConfigError *error) {
        const char *file = config_string(config, "log_file"), *dir = config_string(config, "log_dir");
        LogSettings s = {
                .level = configured_level(config),
                .target = config_boolean(config, "use_journal") ? LOG_TARGET_JOURNAL
                        : !isempty(file) || !isempty(dir)       ? LOG_TARGET_FILE
                                                                : LOG_TARGET_AUTO,
                .program = program,
                .log_file = file,
                .log_dir = dir,
                .file_mode = (unsigned) strtoul(strempty(config_string(config, "logfile_mode")), NULL, 8),
                .syslog_facility = config_string(config, "syslog_log_facility"),
                .use_syslog = config_boolean(config, "use_syslog"),
                .use_stderr = config_boolean(config, "use_stderr"),
                .date_format = config_string(config, "log_date_format"),
                .context_format = config_string(config, "logging_context_format_string"),
                .default_format = config_string(config, "logging_default_format_string"),
                .debug_suffix = config_string(config, "logging_debug_format_suffix"),
                .instance_format = config_string(config, "instance_format"),
                .default_levels = config_list(config, "default_log_levels"),
        };
        char why[512];
        int r;

        r = config_register_secrets(config);
        if (r < 0) {
                snprintf(error->text, sizeof error->text, "out of memory");
                return r;
        }
        r = log_open(&s, why, sizeof why);
        if (r < 0) {
                snprintf(error->text, sizeof error->text, "logging: %s", why);
                return -EINVAL;
        }
        config_log_unknown(config);
        return 0;
}

/* wait() of the seed begins by showing all flags at DEBUG. */
static void daemon_log_configuration(const Config *c) {
        const Option *o;

        if (!config_boolean(c, "log_options") || !log_enabled(LOG_LEVEL_DEBUG, LOG_LOGGER))
                return;
        log_debug("Full set of FLAGS:");
        for (size_t i = 0; (o = config_option(c, i)); i++) {
                _cleanup_free_ char *value = config_shown(c, o);

                if (isempty(value))
                        continue;
                log_debug("%s%s%s : %s", strempty(o->group), o->group ? "." : "", o->name, strempty(value));
        }
}

/* Nothing but the kernel knows reliably whether another nova-compute serves this host: the lock goes with its holder. */
static int daemon_lock(Daemon *d, NovaException *e) {
        const char *directory = config_string(d->config, "state_path");
        _cleanup_free_ char *path = NULL;
        int fd;

        if (asprintf(&path, "%s/nova-compute-%s.lock", directory, config_string(d->config, "host")) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        (void) make_directories(directory, 0755);
        fd = file_lock(path);
        if (fd == -EWOULDBLOCK)
                return exception_setf(e, EXC_NOVA, "another nova-compute already serves host %s: it holds %s",
                                      config_string(d->config, "host"), path);
        if (fd < 0)
                log_warning("cannot lock %s (%s): a second nova-compute of this host would not be noticed", path, strerror(-fd));
        else
                d->lock = fd;
        return 0;
}

/* ---- the journal ---- */

static void daemon_on_journal_trouble(void *item, void *userdata) {
        _cleanup_free_ char *text = item;
        Daemon *d = userdata;
        Server *servers[SERVERS_MAX];
        size_t n = launcher_servers(d->launcher, servers, SERVERS_MAX);

        for (size_t i = 0; i < n; i++)
                if (server_service(servers[i]))
                        service_set_journal_trouble(server_service(servers[i]), *text ? text : NULL);
}

static void journal_on_trouble(void *userdata) {
        Daemon *d = userdata;
        char *text = journal_trouble(d->journal);

        if (!text)
                text = strdup("");
        if (text && mailbox_post(d->journal_troubles, text) < 0)
                free(text);
}

static int daemon_open_journal(Daemon *d, NovaException *e) {
        int r;

        r = journal_new_from_config(&d->journal, d->config, e);
        if (r < 0 || !d->journal)
                return r;
        r = mailbox_new(&d->journal_troubles, d->event, "journal-trouble", SD_EVENT_PRIORITY_NORMAL, daemon_on_journal_trouble, free, d);
        if (r >= 0)
                r = operation_journal_new(&d->operations, d->journal, (unsigned) config_integer(d->config, "max_accepted_requests"));
        if (r < 0)
                return exception_set_errno(e, r, "the journal");
        journal_set_trouble_handler(d->journal, journal_on_trouble, d);
        return 0;
}

/* ---- metrics ---- */

static int metrics_on_text(void *userdata, char **ret) {
        const Daemon *d = userdata;

        return service_metrics_text(d->service, ret);
}

/* A missing socket is no failure, nor is one that cannot be served. */
static void daemon_serve_metrics(Daemon *d) {
        int fd = metrics_server_socket(METRICS_SOCKET), r;

        if (fd < 0)
                return;
        r = metrics_server_new(&d->metrics, d->event, fd, metrics_on_text, d);
        if (r >= 0)
                return;
        (void) close(fd);
        log_warning("Metrics are not served: %s", strerror(-r));
}

int daemon_new(Daemon **ret, Config *config, NovaException *e) {
        _cleanup_(daemon_freep) Daemon *d = calloc(1, sizeof *d);
        int r;

        if (!d)
                return -ENOMEM;
        d->lock = -1;
        d->told = _SERVICE_STEP_MAX;
        d->config = config_ref(config);
        r = daemon_lock(d, e);
        if (r < 0)
                return r;
        r = sd_event_default(&d->event);
        if (r >= 0)
                r = daemon_add_signals(d);
        if (r >= 0)
                r = sd_event_set_watchdog(d->event, true);
        if (r >= 0)
                r = pool_new(&d->pool, d->event, (unsigned) config_integer(config, "rpc_thread_pool_size"));
        if (r >= 0)
                r = launcher_new(&d->launcher, d->event);
        if (r >= 0)
                r = observers_add(launcher_observers(d->launcher), daemon_on_launcher_changed, d);
        if (r < 0)
                return exception_set_errno(e, r, "setting up the event loop");
        daemon_set_caps(d);
        daemon_serve_metrics(d);

        if (config_boolean(config, "dbus")) {
                BusCallbacks callbacks = { .reload = bus_on_reload, .userdata = d };

                d->bus_name = strdup(strempty(config_string(config, "dbus_name")));     /* a reload may drop the option's */
                if (!d->bus_name)
                        return -ENOMEM;
                if (!isempty(d->bus_name) && (!sd_bus_service_name_is_valid(d->bus_name) || *d->bus_name == ':'))
                        return exception_setf(e, EXC_INVALID, "dbus_name \"%s\" cannot be a name on the bus", d->bus_name);
                if (!isempty(d->bus_name))
                        callbacks.name = d->bus_name;
                r = bus_new(&d->bus, d->event, d->launcher, &callbacks);
                if (r == -EEXIST)
                        return exception_setf(e, EXC_NOVA, "another nova-compute owns %s on this bus", callbacks.name ?: BUS_NAME);
                if (r < 0)
                        return exception_set_errno(e, r, "D-Bus");
        }

        r = store_new(&d->store, config, e);
        if (r >= 0)
                r = daemon_open_journal(d, e);
        if (r >= 0)
                r = rpc_new(&d->rpc, d->event, config, e);
        if (r >= 0)
                r = error_publisher_new(&d->errors, d->event, config, rpc_messenger(d->rpc), e);
        if (r < 0)
                return r;
        d->environment = (ServiceEnvironment) {
                .event = d->event,
                .config = d->config,
                .pool = d->pool,
                .store = d->store,
                .rpc = d->rpc,
                .journal = d->operations,
                .manager_classes = manager_classes,
        };
        *ret = TAKE_PTR(d);
        return 0;
}

Daemon *daemon_free(Daemon *d) {
        unsigned abandoned;

        if (!d)
                return NULL;
        d->metrics = metrics_server_free(d->metrics);
        d->bus = bus_free(d->bus);
        if (d->journal)
                journal_give_up(d->journal);
        abandoned = d->pool ? pool_stop(d->pool, ABANDON_USEC) : 0;
        if (abandoned > 0) {
                /* They hold what would be freed below, perhaps for ever: the kernel cleans up after them. */
                log_warning("%u calls hang and are left behind", abandoned);
                log_close();
                _exit(d->result);
        }
        launcher_free(d->launcher);
        error_publisher_free(d->errors);
        rpc_free(d->rpc, STOP_MARGIN_USEC);
        journal_free(d->journal);       /* what was replied last is recorded */
        operation_journal_free(d->operations);
        mailbox_free(d->journal_troubles);
        store_free(d->store);
        pool_free(d->pool);
        sd_event_unref(d->event);
        closep(&d->lock);
        free(d->bus_name);
        free(d->status);
        config_unref(d->config);
        free(d);
        return NULL;
}

int daemon_create_service(Daemon *d, const char *binary, Service **ret, NovaException *e) {
        ServiceArgs args = { .binary = binary };

        return service_create(ret, &d->environment, &args, e);
}

int daemon_serve(Daemon *d, Service *s) {
        Server *server;
        int r;

        r = server_from_service(s, &server);
        if (r < 0) {
                service_free(s);
                return r;
        }
        d->service = s;
        r = observers_add(service_observers(s), daemon_on_service_changed, d);
        if (r >= 0 && d->bus)
                r = bus_set_service(d->bus, s);
        if (r < 0) {
                server->free(server);
                return r;
        }
        return launcher_serve(d->launcher, server);
}

int daemon_wait(Daemon *d) {
        int r;

        daemon_log_configuration(d->config);
        r = sd_event_loop(d->event);
        if (r < 0) {
                log_critical("the event loop failed: %s", strerror(-r));
                return d->result = EXIT_FAILURE;
        }
        return r;
}

/* ComputeManager: what it is made of, in the seed's order, and its two sides. The loop's side shows the node and the
 * hypervisor; the workers' side does the work and tells the loop by notes in a mailbox. A job holds a reference, so that
 * one that a hung hypervisor keeps never touches freed memory: it frees what is left when it ends. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/log.h"
#include "compute/flavor.h"
#include "compute/resource-tracker.h"
#include "network/events.h"

#define SETTLE_DELAY (15 * USEC_PER_SEC)

typedef enum NoteKind {
        NOTE_NODE,
        NOTE_HYPERVISOR,
        NOTE_TROUBLE,
        NOTE_DRIFT,
        NOTE_OFFER,
        NOTE_SETTLE,
        NOTE_REQUEST,
        NOTE_HOST_DOWN,
} NoteKind;

typedef struct Note {
        NoteKind kind;
        ComputeNode node;
        char *text;
        OwnRequest *request;
        Offer *offer;
} Note;

static const ManagerOps compute_manager_ops;

/* ---- small helpers ---- */

void name_set_done(NameSet *s) {
        for (size_t n = 0; n < s->n; n++)
                free(s->items[n]);
        free(s->items);
        *s = (NameSet) {};
}

bool name_set_has(const NameSet *s, const char *name) {
        for (size_t n = 0; n < s->n; n++)
                if (streq(s->items[n], name))
                        return true;
        return false;
}

int name_set_add(NameSet *s, const char *name) {
        char **items, *copy;

        if (name_set_has(s, name))
                return 0;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        items = reallocarray(s->items, s->n + 1, sizeof *items);
        if (!items) {
                free(copy);
                return -ENOMEM;
        }
        s->items = items;
        s->items[s->n++] = copy;
        return 1;
}

bool name_set_remove(NameSet *s, const char *name) {
        for (size_t n = 0; n < s->n; n++) {
                if (!streq(s->items[n], name))
                        continue;
                free(s->items[n]);
                memmove(s->items + n, s->items + n + 1, (s->n - n - 1) * sizeof *s->items);
                s->n--;
                return true;
        }
        return false;
}

bool failure_is(const NovaException *e, ExceptionClass c) {
        return exception_is_set(e) && streq(e->class_name, exception_class_name(c));
}

bool failure_is_passing(int r, const NovaException *e) {
        if (failure_is(e, EXC_HYPERVISOR_UNAVAILABLE) || failure_is(e, EXC_DB_ERROR) || failure_is(e, EXC_MESSAGING_TIMEOUT))
                return true;

        switch (-r) {
        case ENOTCONN:
        case ECONNRESET:
        case ECONNREFUSED:
        case EPIPE:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ETIMEDOUT:
        case EAGAIN:
        case EBUSY:
        case EROFS:
        case ENOSPC:
        case EUCLEAN:
        case ENOMEM:
        case ECANCELED:
        case ESHUTDOWN:
                return true;
        case EIO:
                /* The errno of many a sentence about one guest; of the store's when there is no sentence. */
                return !exception_is_set(e);
        default:
                return false;
        }
}

const char *failure_text(int r, const NovaException *e) {
        const char *text;

        if (exception_is_set(e) && !isempty(e->message))
                return e->message;
        text = strerrordesc_np(-r);
        return text ? text : "unknown error";
}

int driver_not_implemented(NovaException *e, const char *function) {
        (void) exception_setf(e, EXC_NOT_IMPLEMENTED, "The driver does not implement %s", function);
        return -EOPNOTSUPP;
}

int driver_result(int r, const char *function, NovaException *e) {
        return r == -EOPNOTSUPP && !exception_is_set(e) ? driver_not_implemented(e, function) : r;
}

bool gate_pass(ComputeManager *m, usec_t *last, usec_t interval) {
        usec_t now = m->now(), slack = MIN(interval / 10, USEC_PER_SEC);        /* ticks come a little early or late */

        if (*last > 0 && now - *last + slack < interval)
                return false;
        *last = MAX(now, (usec_t) 1);
        return true;
}

bool compute_manager_say_once(ComputeManager *m, unsigned what) {
        return !(atomic_fetch_or(&m->said, what) & what);
}

Config *compute_manager_config(ComputeManager *m) {
        Config *c;

        pthread_mutex_lock(&m->lock);
        c = config_ref(m->config);
        pthread_mutex_unlock(&m->lock);
        return c;
}

/* ---- notes to the loop ---- */

static void note_free(void *item) {
        Note *n = item;

        compute_node_done(&n->node);
        own_request_free(n->request);
        offer_free(n->offer);
        free(n->text);
        free(n);
}

/* Takes @n over. */
static void note_post(ComputeManager *m, Note *n) {
        bool posted = false;

        pthread_mutex_lock(&m->lock);
        if (m->mailbox)
                posted = mailbox_post(m->mailbox, n) >= 0;
        pthread_mutex_unlock(&m->lock);
        if (!posted)
                note_free(n);
}

static void note_post_text(ComputeManager *m, NoteKind kind, const char *text) {
        Note *n = calloc(1, sizeof *n);

        if (!n)
                return;         /* what is shown lags until the next note */
        n->kind = kind;
        if (text && !(n->text = strdup(text)))
                free(n);
        else
                note_post(m, n);
}

void compute_manager_show_node(ComputeManager *m, const ComputeNode *node) {
        Note *n = calloc(1, sizeof *n);

        if (!n)
                return;
        n->kind = NOTE_NODE;
        if (compute_node_copy(node, &n->node) < 0)
                free(n);
        else
                note_post(m, n);
}

void compute_manager_show_hypervisor(ComputeManager *m, const char *error) {
        note_post_text(m, NOTE_HYPERVISOR, strempty(error));
}

void compute_manager_show_trouble(ComputeManager *m) {
        note_post_text(m, NOTE_TROUBLE, NULL);
}

void compute_manager_show_host_down(ComputeManager *m) {
        note_post_text(m, NOTE_HOST_DOWN, NULL);
}

void compute_manager_show_drift(ComputeManager *m) {
        note_post_text(m, NOTE_DRIFT, NULL);
}

void compute_manager_show_offer(ComputeManager *m, Offer *offer) {
        Note *n = calloc(1, sizeof *n);

        if (!n) {
                offer_free(offer);
                return;
        }
        n->kind = NOTE_OFFER;
        n->offer = offer;
        note_post(m, n);
}

void compute_manager_settle(ComputeManager *m, const char *uuid) {
        note_post_text(m, NOTE_SETTLE, uuid);
}

void compute_manager_post_request(ComputeManager *m, OwnRequest *q) {
        Note *n = calloc(1, sizeof *n);

        if (!n) {
                own_request_free(q);
                return;
        }
        n->kind = NOTE_REQUEST;
        n->request = q;
        note_post(m, n);
}

static void settled(ComputeManager *m, const char *uuid);

static int on_settle(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        ComputeManager *m = userdata;

        for (size_t n = 0; n < m->settling.n; n++)
                settled(m, m->settling.items[n]);
        name_set_done(&m->settling);
        return 0;
}

/* A later stop of another guest may find the timer running: it is then looked at a little early, which only means that
 * its state is read once more. */
static int settle_later(ComputeManager *m, const char *uuid) {
        int r;

        r = name_set_add(&m->settling, uuid);
        if (r <= 0 || m->settling.n > 1)
                return r;
        if (m->settle_timer) {
                r = sd_event_source_set_time_relative(m->settle_timer, m->settle_delay);
                if (r < 0)
                        return r;
                return sd_event_source_set_enabled(m->settle_timer, SD_EVENT_ONESHOT);
        }
        r = sd_event_add_time_relative(m->event, &m->settle_timer, CLOCK_MONOTONIC, m->settle_delay, 0, on_settle, m);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(m->settle_timer, "compute-settle");
        return 0;
}

static void on_note(void *item, void *userdata) {
        ComputeManager *m = userdata;
        Note *n = item;
        bool changed;

        switch (n->kind) {
        case NOTE_NODE:
                changed = !m->has_node || !compute_node_equal(&m->node, &n->node);
                if (changed) {
                        compute_node_done(&m->node);
                        m->node = n->node;
                        n->node = (ComputeNode) {};
                        m->has_node = true;
                }
                m->node_updated = now_realtime();
                if (changed)
                        observers_notify(&m->manager.observers, MANAGER_CHANGED_NODE);
                break;

        case NOTE_HYPERVISOR:
                free(m->hypervisor_error);
                m->hypervisor_error = TAKE_PTR(n->text);
                observers_notify(&m->manager.observers, MANAGER_CHANGED_HYPERVISOR);
                break;

        case NOTE_TROUBLE:
                observers_notify(&m->manager.observers, MANAGER_CHANGED_INSTANCES);
                break;

        case NOTE_HOST_DOWN:
                compute_host_down_ended(m);
                break;

        case NOTE_DRIFT:
                observers_notify(&m->manager.observers, MANAGER_CHANGED_DRIFT);
                break;

        case NOTE_OFFER:
                offer_free(m->offer);
                m->offer = TAKE_PTR(n->offer);
                compute_offer_watch(m);
                observers_notify(&m->manager.observers, MANAGER_CHANGED_OFFER);
                break;

        case NOTE_REQUEST:
                own_request_begin(TAKE_PTR(n->request));
                break;

        case NOTE_SETTLE:
                if (settle_later(m, n->text) < 0)
                        log_warning("Cannot look at instance %s later: its state is read at the next synchronization.",
                                    n->text);
                break;
        }
        note_free(n);
}

/* ---- jobs ---- */

typedef struct ManagerJob {
        Job job;
        ComputeManager *manager;        /* one reference */
        void (*run)(ComputeManager *m, const char *uuid);
        char uuid[UUID_TEXT_MAX];
} ManagerJob;

static int manager_job_work(Job *job) {
        ManagerJob *j = CONTAINER_OF(job, ManagerJob, job);
        LogFields before;

        if (j->manager->stopping)
                return -ECANCELED;

        before = log_fields_set((LogFields) { .instance_uuid = j->job.key, .operation = j->job.name });
        j->run(j->manager, j->job.key);
        (void) log_fields_set(before);
        return 0;
}

static void manager_job_done(Job *job, int r _unused_) {
        ManagerJob *j = CONTAINER_OF(job, ManagerJob, job);

        compute_manager_unref(j->manager);
        free(j);
}

int compute_manager_submit(ComputeManager *m, JobKind kind, const char *name, const char *uuid, usec_t deadline,
                           void (*run)(ComputeManager *m, const char *uuid)) {
        ManagerJob *j;
        int r;

        if (uuid && strlen(uuid) >= sizeof j->uuid)
                return -EINVAL;
        j = calloc(1, sizeof *j);
        if (!j)
                return -ENOMEM;
        j->manager = compute_manager_ref(m);
        j->run = run;
        if (uuid)
                j->job.key = strcpy(j->uuid, uuid);
        j->job.kind = kind;
        j->job.name = name;
        j->job.deadline = deadline;
        j->job.work = manager_job_work;
        j->job.done = manager_job_done;
        j->job.done_on_worker = true;

        r = pool_submit(m->pool, &j->job);
        if (r < 0)
                manager_job_done(&j->job, r);
        return r;
}

static void settled(ComputeManager *m, const char *uuid) {
        int r;

        r = compute_manager_submit(m, JOB_STATE, "sync_power_state", uuid, USEC_PER_MINUTE, compute_sync_instance);
        if (r < 0)
                log_warning("Cannot look at instance %s: %s", uuid, failure_text(r, NULL));
}

/* ---- construction ---- */

static ComputeManager *compute_manager_destroy(ComputeManager *m) {
        /* The driver first: its threads may still be in our callback. */
        m->driver = compute_driver_free(m->driver);
        driver_metrics_done(&m->driver_metrics);
        m->network_manager = network_manager_free(m->network_manager);
        m->volume_api = volume_api_free(m->volume_api);
        m->network_api = network_api_free(m->network_api);
        m->notifier = notifier_free(m->notifier);
        m->events = event_registry_free(m->events);
        m->hooks = hooks_free(m->hooks);
        config_unref(m->config);
        json_decref(m->last_capabilities);
        json_decref(m->delete_attempts);
        name_set_done(&m->unrecovered);
        name_set_done(&m->failed);
        drift_list_done(&m->drift);
        name_set_done(&m->deleted_guests);
        name_set_done(&m->open);
        name_set_done(&m->heal_queue);
        name_set_done(&m->own_requests);
        name_set_done(&m->went_down);
        for (size_t n = 0; n < m->n_tracked_nodes; n++)
                tracked_node_done(&m->tracked_nodes[n]);
        free(m->tracked_nodes);
        free(m->identity_node);
        free(m->boot_id);
        strv_free(m->extra);
        free(m->driver_name);
        free(m->host);
        pthread_mutex_destroy(&m->lock);
        pthread_mutex_destroy(&m->resources_lock);
        free(m);
        return NULL;
}

ComputeManager *compute_manager_ref(ComputeManager *m) {
        atomic_fetch_add(&m->refs, 1);
        return m;
}

ComputeManager *compute_manager_unref(ComputeManager *m) {
        if (m && atomic_fetch_sub(&m->refs, 1) == 1)
                return compute_manager_destroy(m);
        return NULL;
}

static Manager *compute_manager_free(Manager *manager) {
        ComputeManager *m = manager_to_compute(manager);
        Mailbox *mailbox;

        m->stopping = true;
        if (m->events)
                (void) event_registry_cancel(m->events, NULL);
        if (m->driver && m->driver->ops->set_event_callback)
                m->driver->ops->set_event_callback(m->driver, NULL, NULL);

        pthread_mutex_lock(&m->lock);
        mailbox = TAKE_PTR(m->mailbox);
        pthread_mutex_unlock(&m->lock);
        mailbox_free(mailbox);

        m->settle_timer = sd_event_source_disable_unref(m->settle_timer);
        m->going_down_limit = sd_event_source_disable_unref(m->going_down_limit);
        m->link_events = link_events_free(m->link_events);
        m->instances = instance_table_free(m->instances);
        m->offer = offer_free(m->offer);
        m->images_watch = sd_event_source_disable_unref(m->images_watch);
        m->images_timer = sd_event_source_disable_unref(m->images_timer);
        name_set_done(&m->settling);
        observers_done(&m->manager.observers);
        compute_node_done(&m->node);
        m->has_node = false;
        m->hypervisor_error = (free(m->hypervisor_error), NULL);
        m->trouble = (free(m->trouble), NULL);

        compute_manager_unref(m);
        return NULL;
}

/* They are read when they are needed; but what is wrong with them is told at the start. */
static int check_flavors(const Config *config, NovaException *e) {
        _cleanup_(flavor_table_done) FlavorTable flavors = {};

        return flavor_table_read(&flavors, config, e);
}

int compute_manager_new(ComputeManager **ret, const ManagerArgs *args, ComputeDriver *driver, NovaException *e) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        ComputeManager *m;
        int r;

        assert(ret && args && args->config && args->host && driver);

        m = calloc(1, sizeof *m);
        if (!m) {
                compute_driver_free(driver);
                return -ENOMEM;
        }
        pthread_mutex_init(&m->lock, NULL);
        pthread_mutex_init(&m->resources_lock, NULL);
        m->refs = 1;
        m->driver = driver;
        m->manager = (Manager) { .magic = MANAGER_MAGIC, .abi = MANAGER_ABI, .ops = &compute_manager_ops };
        manager = &m->manager;

        m->event = args->event;
        m->pool = args->pool;
        m->store = args->store;
        m->messenger = args->messenger;
        m->config = config_ref((Config *) args->config);
        m->now = now_monotonic;
        m->boot_id_path = "/proc/sys/kernel/random/boot_id";
        m->settle_delay = SETTLE_DELAY;
        m->host = strdup(args->host);
        m->driver_name = strdup(strempty(driver->ops->name));
        m->extra = strv_copy((char *const *) args->extra);
        if (!m->host || !m->driver_name || !m->extra)
                return -ENOMEM;

        /* The seed's order: what cannot be had ends the start with its own text. */
        r = network_api_new(&m->network_api, m->config, m->messenger, e);
        if (r < 0)
                return r;
        r = check_flavors(m->config, e);
        if (r < 0)
                return r;
        store_leases_init(&m->leases, m->store);
        network_api_set_leases(m->network_api, &m->leases.leases);
        r = volume_api_new(&m->volume_api, m->config, m->messenger, e);
        if (r < 0)
                return r;
        r = network_manager_load(m->config, NULL, &m->network_manager, e);
        if (r < 0)
                return r;
        m->last_host_check = m->last_bw_usage_poll = m->last_info_cache_heal = 0;

        r = event_registry_new(&m->events);
        if (r < 0)
                return r;
        r = notifier_new(&m->notifier, m->config, m->messenger, e);
        if (r < 0)
                return r;
        r = hooks_new(&m->hooks, m->config, e);
        if (r < 0)
                return r;
        r = mailbox_new(&m->mailbox, m->event, "compute-manager", SD_EVENT_PRIORITY_NORMAL, on_note, note_free, m);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot make the compute manager's mailbox");
        r = instance_table_new(&m->instances, m->event, m->store, m->host);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot make the table of instances");
        compute_watch_networks(m);
        if (m->driver->ops->set_event_callback)
                m->driver->ops->set_event_callback(m->driver, compute_on_driver_event, m);

        *ret = m;
        manager = NULL;
        return 0;
}

static int compute_manager_construct(const ManagerArgs *args, Manager **ret, NovaException *e) {
        ComputeDriver *driver = NULL;
        ComputeManager *m = NULL;
        const char *name;
        int r;

        assert(args && ret);

        /* Read here and now, not when the program was loaded (checklist 77); the argument wins. */
        name = isempty(args->compute_driver) ? strempty(config_string(args->config, "compute_driver")) : args->compute_driver;
        r = compute_driver_load(args->config, name, &driver, e);
        if (r < 0)
                return r;
        r = compute_manager_new(&m, args, driver, e);
        if (r < 0)
                return r;

        *ret = &m->manager;
        return 0;
}

static const char *const class_names[] = {
        "nova.compute.manager.ComputeManager",
        "nova.compute.ComputeManager",
        "compute.manager.ComputeManager",
        "ComputeManager",
        "compute",
        NULL,
};

const ManagerClass compute_manager_class = {
        .magic = MANAGER_MAGIC,
        .abi = MANAGER_ABI,
        .names = class_names,
        .construct = compute_manager_construct,
};

/* ---- the interface ---- */

static int manager_init_host(Manager *m, RequestContext *c, NovaException *e) {
        return compute_init_host(manager_to_compute(m), c, e);
}

static int manager_update_available_resource(Manager *m, RequestContext *c, NovaException *e) {
        return resource_tracker_update(manager_to_compute(m), c, e);
}

static void manager_cleanup_host(Manager *manager) {
        ComputeManager *m = manager_to_compute(manager);
        bool was_ready;

        pthread_mutex_lock(&m->lock);
        was_ready = m->driver_ready;
        m->driver_ready = false;
        m->driver_closing = true;
        pthread_mutex_unlock(&m->lock);
        if (was_ready && m->driver->ops->cleanup_host)
                m->driver->ops->cleanup_host(m->driver);
}

static bool manager_ready(Manager *manager) {
        ComputeManager *m = manager_to_compute(manager);
        bool ready;

        pthread_mutex_lock(&m->lock);
        ready = m->driver_ready;
        pthread_mutex_unlock(&m->lock);
        return ready && (!m->driver->ops->is_connected || m->driver->ops->is_connected(m->driver));
}

static int manager_settle(Manager *manager) {
        Store *s = manager_to_compute(manager)->store;

        return s->ops->sync ? s->ops->sync(s) : 0;
}

static void manager_before_method(Manager *manager, const Operation *o) {
        compute_before_method(manager_to_compute(manager), o);
}

static const Method *manager_methods(Manager *m _unused_, size_t *ret_n) {
        return compute_methods(ret_n);
}

static const RpcEndpoint *manager_endpoints(Manager *manager, size_t *ret_n) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(manager_to_compute(manager));

        return compute_endpoints(config_boolean(config, "rpc_ping_enabled"), ret_n);
}

static const PeriodicTask *manager_periodic_tasks(Manager *m _unused_, size_t *ret_n) {
        return compute_periodic_tasks(ret_n);
}

static void manager_reload(Manager *manager, const Config *config) {
        ComputeManager *m = manager_to_compute(manager);
        Config *former;

        pthread_mutex_lock(&m->lock);
        former = m->config;
        m->config = config_ref((Config *) config);
        pthread_mutex_unlock(&m->lock);
        config_unref(former);
        m->images_watch = sd_event_source_disable_unref(m->images_watch);       /* it may be another directory */
        compute_offer_refresh(m);
}

static const char *manager_trouble(Manager *manager) {
        ComputeManager *m = manager_to_compute(manager);
        size_t size = 0;
        FILE *f;

        m->trouble = (free(m->trouble), NULL);
        f = open_memstream(&m->trouble, &size);
        if (!f)
                return NULL;

        if (!isempty(m->hypervisor_error))
                fprintf(f, "hypervisor %s is not connected: %s", compute_manager_connection_uri(m), m->hypervisor_error);
        pthread_mutex_lock(&m->lock);
        for (size_t n = 0; n < m->failed.n && n < 3; n++)
                fprintf(f, "%s%s", n > 0 ? ", " : ftell(f) > 0 ? "; could not recover instance " : "could not recover instance ",
                        m->failed.items[n]);
        if (m->failed.n > 3)
                fprintf(f, " and %zu more", m->failed.n - 3);
        pthread_mutex_unlock(&m->lock);

        if (fclose(f) != 0 || isempty(m->trouble))
                return NULL;
        return m->trouble;
}

static void manager_interrupted(Manager *m, const Operation *o) {
        compute_interrupted(manager_to_compute(m), o);
}

static void manager_recover_instance(Manager *m, const char *uuid) {
        compute_recover_open_instance(manager_to_compute(m), uuid);
}

static void manager_metrics(Manager *m, MetricsText *t) {
        compute_metrics_write(manager_to_compute(m), t);
}

static bool manager_delays_shutdown(Manager *m) {
        return compute_host_down_waits(manager_to_compute(m));
}

static void manager_host_goes_down(Manager *m, usec_t until, void (*done)(void *userdata), void *userdata) {
        compute_host_goes_down(manager_to_compute(m), until, done, userdata);
}

static void manager_host_stays_up(Manager *m) {
        compute_host_stays_up(manager_to_compute(m));
}

static const ManagerOps compute_manager_ops = {
        .class_name = "nova.compute.manager.ComputeManager",
        .service_name = "compute",
        .free = compute_manager_free,
        .init_host = manager_init_host,
        .update_available_resource = manager_update_available_resource,
        .cleanup_host = manager_cleanup_host,
        .ready = manager_ready,
        .before_method = manager_before_method,
        .settle = manager_settle,
        .interrupted = manager_interrupted,
        .recover_instance = manager_recover_instance,
        .methods = manager_methods,
        .endpoints = manager_endpoints,
        .periodic_tasks = manager_periodic_tasks,
        .reload = manager_reload,
        .trouble = manager_trouble,
        .metrics = manager_metrics,
        .delays_shutdown = manager_delays_shutdown,
        .host_goes_down = manager_host_goes_down,
        .host_stays_up = manager_host_stays_up,
};

/* ---- for display ---- */

ComputeManager *compute_manager_from(Manager *m) {
        return m && m->ops == &compute_manager_ops ? manager_to_compute(m) : NULL;
}

const ComputeNode *compute_manager_node(const ComputeManager *m) {
        return m->has_node ? &m->node : NULL;
}

usec_t compute_manager_node_updated(const ComputeManager *m) {
        return m->node_updated;
}

bool compute_manager_hypervisor_connected(const ComputeManager *m) {
        return isempty(m->hypervisor_error) && m->driver->ops->is_connected && m->driver->ops->is_connected(m->driver);
}

const char *compute_manager_hypervisor_error(const ComputeManager *m) {
        return strempty(m->hypervisor_error);
}

const char *compute_manager_driver_name(const ComputeManager *m) {
        return m->driver_name;
}

const Offer *compute_manager_offer(const ComputeManager *m) {
        return m->offer;
}

InstanceTable *compute_manager_instances(const ComputeManager *m) {
        return m->instances;
}

const char *compute_manager_connection_uri(const ComputeManager *m) {
        return m->driver->ops->connection_uri ? strempty(m->driver->ops->connection_uri(m->driver)) : "";
}

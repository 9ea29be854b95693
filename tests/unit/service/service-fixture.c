#include "service-fixture.h"

#include <errno.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>

#include "basic/log.h"

/* ---- holds ---- */

static void hold_init(Hold *h) {
        *h = (Hold){};
        pthread_mutex_init(&h->lock, NULL);
        pthread_cond_init(&h->changed, NULL);
}

static void hold_set(Hold *h, bool closed) {
        pthread_mutex_lock(&h->lock);
        h->closed = closed;
        pthread_cond_broadcast(&h->changed);
        pthread_mutex_unlock(&h->lock);
}

void hold_close(Hold *h) {
        hold_set(h, true);
}

void hold_open(Hold *h) {
        hold_set(h, false);
}

void hold_pass(Hold *h) {
        pthread_mutex_lock(&h->lock);
        h->waiting++;
        while (h->closed)
                pthread_cond_wait(&h->changed, &h->lock);
        h->waiting--;
        h->passed++;
        pthread_mutex_unlock(&h->lock);
}

static unsigned hold_read(Hold *h, const unsigned *what) {
        unsigned n;

        pthread_mutex_lock(&h->lock);
        n = *what;
        pthread_mutex_unlock(&h->lock);
        return n;
}

unsigned hold_waiting(Hold *h) {
        return hold_read(h, &h->waiting);
}

unsigned hold_passed(Hold *h) {
        return hold_read(h, &h->passed);
}

/* ---- the trace ---- */

void fixture_trace(Fixture *f, const char *what) {
        pthread_mutex_lock(&f->lock);
        if (f->n_trace < TRACE_MAX)
                f->trace[f->n_trace++] = strdup(what);
        pthread_mutex_unlock(&f->lock);
}

bool fixture_traced(Fixture *f, const char *what) {
        bool found = false;

        pthread_mutex_lock(&f->lock);
        for (unsigned i = 0; i < f->n_trace && !found; i++)
                found = streq(f->trace[i], what);
        pthread_mutex_unlock(&f->lock);
        return found;
}

/* ---- the store ---- */

static Fixture *fixture_of(Store *s) {
        return CONTAINER_OF(CONTAINER_OF(s, TestStore, store), Fixture, store);
}

/* Waits at the hold; what to answer instead of the real store, or 0. */
static int enter(Store *s, const char *what) {
        Fixture *f = fixture_of(s);

        fixture_trace(f, what);
        hold_pass(&f->store.hold);
        return atomic_load(&f->store.error);
}

#define FORWARD(name, parameters, ...)                                                       \
        static int store_##name parameters {                                                 \
                int r = enter(s, #name);                                                     \
                Store *real = CONTAINER_OF(s, TestStore, store)->real;                       \
                return r < 0 ? r : real->ops->name(real, __VA_ARGS__);                       \
        }

FORWARD(service_get, (Store *s, int64_t id, ServiceRecord *ret), id, ret)
FORWARD(service_get_by_args, (Store *s, const char *host, const char *binary, ServiceRecord *ret), host, binary, ret)
FORWARD(service_create, (Store *s, ServiceRecord *record, NovaException *e), record, e)
FORWARD(service_report, (Store *s, int64_t id, const char *zone, ServiceRecord *ret), id, zone, ret)
FORWARD(service_set_disabled, (Store *s, int64_t id, bool disabled, const char *reason), id, disabled, reason)
FORWARD(service_set_version, (Store *s, int64_t id, int64_t version), id, version)
FORWARD(service_destroy, (Store *s, int64_t id), id)
FORWARD(compute_node_list_by_host, (Store *s, const char *host, ComputeNodeList *ret), host, ret)
FORWARD(compute_node_save, (Store *s, ComputeNode *node), node)

static const StoreOps store_ops = {
        .backend = "test",
        .service_get = store_service_get,
        .service_get_by_args = store_service_get_by_args,
        .service_create = store_service_create,
        .service_report = store_service_report,
        .service_set_disabled = store_service_set_disabled,
        .service_set_version = store_service_set_version,
        .service_destroy = store_service_destroy,
        .compute_node_list_by_host = store_compute_node_list_by_host,
        .compute_node_save = store_compute_node_save,
};

/* ---- the manager ---- */

static Fixture *manager_fixture(Manager *m) {
        return CONTAINER_OF(m, TestManager, manager)->fixture;
}

static Manager *test_manager_free(Manager *m) {
        TestManager *t = CONTAINER_OF(m, TestManager, manager);

        observers_done(&m->observers);
        free(t);
        return NULL;
}

static int result_of(int r, const char *what, NovaException *e) {
        if (r == -EINVAL)
                return exception_setf(e, EXC_INVALID, "%s: connection_uri is no uri", what);
        return r < 0 ? exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "%s: the hypervisor is away", what), r : 0;
}

static int test_init_host(Manager *m, RequestContext *c, NovaException *e) {
        Fixture *f = manager_fixture(m);

        assert_true(context_is_admin(c));
        fixture_trace(f, "init_host");
        atomic_fetch_add(&f->init_host_calls, 1);
        hold_pass(&f->init_host);
        return result_of(atomic_load(&f->init_host_result), "init_host", e);
}

static int test_resources(Manager *m, RequestContext *c, NovaException *e) {
        Fixture *f = manager_fixture(m);

        fixture_trace(f, "update_available_resource");
        atomic_fetch_add(&f->resources_calls, 1);
        hold_pass(&f->resources);
        return result_of(atomic_load(&f->resources_result), "update_available_resource", e);
}

static void test_cleanup_host(Manager *m) {
        Fixture *f = manager_fixture(m);

        fixture_trace(f, "cleanup_host");
        atomic_fetch_add(&f->cleanup_calls, 1);
}

static int run_ping(Operation *o, json_t **ret, NovaException *e) {
        *ret = json_pack("{s:s, s:O?}", "service", "compute", "arg", json_object_get(o->args, "arg"));
        return 0;
}

static int run_slow(Operation *o, json_t **ret, NovaException *e) {
        hold_pass(&manager_fixture(o->manager)->method);
        *ret = json_string("slow");
        return 0;
}

static int run_broken(Operation *o, json_t **ret, NovaException *e) {
        return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance x could not be found.");
}

static int run_set_host_enabled(Operation *o, json_t **ret, NovaException *e) {
        atomic_store(&manager_fixture(o->manager)->told_enabled, json_is_true(json_object_get(o->args, "enabled")) ? 1 : 2);
        return 0;
}

static const Argument ping_arguments[] = {{"arg", ARGUMENT_STRING, 0}, {}};
static const Argument no_arguments[] = {{}};

static const Method methods[] = {
        {"ping", ping_arguments, METHOD_QUICK, SERVED_BASEAPI | SERVED_ESSEX, JOB_QUERY, 0, NULL, run_ping},
        {"slow", no_arguments, 0, SERVED_ZED | SERVED_ESSEX, JOB_QUERY, 0, NULL, run_slow},
        {"broken", no_arguments, 0, SERVED_ZED | SERVED_ESSEX, JOB_QUERY, 0, NULL, run_broken},
        {"set_host_enabled", no_arguments, 0, SERVED_ZED, JOB_QUERY, 0, NULL, run_set_host_enabled},
};

static const Method *test_methods(Manager *m, size_t *ret_n) {
        *ret_n = ELEMENTSOF(methods);
        return methods;
}

static const RpcEndpoint endpoints[] = {
        {WIRE_OSLO, NULL, 6, 1, SERVED_ZED},
        {WIRE_OSLO, "baseapi", 1, 1, SERVED_BASEAPI},
        {WIRE_ESSEX, NULL, 1, 0, SERVED_ESSEX},
};

static const RpcEndpoint *test_endpoints(Manager *m, size_t *ret_n) {
        *ret_n = ELEMENTSOF(endpoints);
        return endpoints;
}

static int run_every_tick(Manager *m, RequestContext *c, NovaException *e) {
        atomic_fetch_add(&manager_fixture(m)->task_runs[0], 1);
        return 0;
}

static int run_slow_task(Manager *m, RequestContext *c, NovaException *e) {
        Fixture *f = manager_fixture(m);

        atomic_fetch_add(&f->task_runs[1], 1);
        hold_pass(&f->task);
        return 0;
}

static int run_failing_task(Manager *m, RequestContext *c, NovaException *e) {
        atomic_fetch_add(&manager_fixture(m)->task_runs[2], 1);
        return exception_setf(e, EXC_NOVA, "the task is broken");
}

static int run_off(Manager *m, RequestContext *c, NovaException *e) {
        atomic_fetch_add(&manager_fixture(m)->task_runs[3], 1);
        return 0;
}

static const PeriodicTask tasks[] = {
        {.name = "_every_tick", .run = run_every_tick},
        {.name = "_slow", .run = run_slow_task},
        {.name = "_failing", .run = run_failing_task},
        {.name = "_off", .spacing_option = "reboot_timeout", .off_when_zero = true, .run = run_off},
};

static const PeriodicTask *test_tasks(Manager *m, size_t *ret_n) {
        *ret_n = ELEMENTSOF(tasks);
        return tasks;
}

static void test_reload(Manager *m, const Config *config) {
        manager_fixture(m)->reloads++;
}

static const char *test_trouble(Manager *m) {
        return manager_fixture(m)->trouble;
}

static const ManagerOps manager_ops = {
        .class_name = "nova.test.TestManager",
        .service_name = "compute",
        .free = test_manager_free,
        .init_host = test_init_host,
        .update_available_resource = test_resources,
        .cleanup_host = test_cleanup_host,
        .methods = test_methods,
        .endpoints = test_endpoints,
        .periodic_tasks = test_tasks,
        .reload = test_reload,
        .trouble = test_trouble,
};

static int test_construct(const ManagerArgs *args, Manager **ret, NovaException *e) {
        Fixture *f = fixture_of(args->store);
        TestManager *t = calloc(1, sizeof *t);

        assert_non_null(t);
        snprintf(f->constructed_host, sizeof f->constructed_host, "%s", args->host);
        snprintf(f->constructed_driver, sizeof f->constructed_driver, "%s", strempty(args->compute_driver));
        snprintf(f->constructed_extra, sizeof f->constructed_extra, "%s", strempty(args->extra[0]));
        t->fixture = f;
        t->manager = (Manager){.magic = MANAGER_MAGIC, .abi = MANAGER_ABI, .ops = &manager_ops};
        *ret = &t->manager;
        return 0;
}

const ManagerClass test_manager_class = {
        MANAGER_MAGIC, MANAGER_ABI, (const char *const[]){"nova.test.TestManager", NULL}, test_construct,
};

/* ---- the fixture ---- */

Config *fixture_config(Fixture *f, const char *const *assignments) {
        char state_path[96], sql[128];
        const char *all[32] = {state_path, sql, "host=host1", "periodic_fuzzy_delay=0",
                               "compute_manager=nova.test.TestManager"};
        ConfigError error = {};
        Config *c = NULL;
        size_t n = 5;

        snprintf(state_path, sizeof state_path, "state_path=%s", f->directory);
        snprintf(sql, sizeof sql, "sql_connection=sqlite:///%s/nova.sqlite", f->directory);
        for (; assignments && *assignments; assignments++)
                all[n++] = *assignments;
        all[n] = NULL;
        if (config_new_for_test(&c, all, &error) < 0)
                fail_msg("%s", error.text);
        return c;
}

void fixture_begin(Fixture *f, const char *const *assignments) {
        static const ManagerClass *const classes[] = {&test_manager_class, NULL};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char why[256];

        *f = (Fixture){};
        strcpy(f->directory, "/tmp/nova-service-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        snprintf(f->log, sizeof f->log, "%s/log", f->directory);
        if (log_open(&(LogSettings){.level = LOG_LEVEL_DEBUG, .target = LOG_TARGET_FILE, .program = "test", .log_file = f->log},
                     why, sizeof why) < 0)
                fail_msg("%s", why);

        pthread_mutex_init(&f->lock, NULL);
        hold_init(&f->init_host);
        hold_init(&f->resources);
        hold_init(&f->task);
        hold_init(&f->method);
        hold_init(&f->store.hold);
        f->config = fixture_config(f, assignments);
        assert_return_code(sd_event_new(&f->event), 0);
        assert_return_code(pool_new(&f->pool, f->event, 8), 0);
        if (store_new(&f->store.real, f->config, &e) < 0)
                fail_msg("%s", e.message);
        f->store.store.ops = &store_ops;
        f->environment = (ServiceEnvironment){
                .event = f->event,
                .config = f->config,
                .pool = f->pool,
                .store = &f->store.store,
                .manager_classes = classes,
        };
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void fixture_end(Fixture *f) {
        hold_open(&f->init_host);
        hold_open(&f->resources);
        hold_open(&f->task);
        hold_open(&f->method);
        hold_open(&f->store.hold);
        f->service = service_free(f->service);
        assert_int_equal(pool_stop(f->pool, TEST_DEADLINE), 0);
        run_for(f->event, USEC_PER_MSEC);       /* what the last of them left for the loop */
        pool_free(f->pool);
        store_free(f->store.real);
        config_unref(f->config);
        sd_event_unref(f->event);
        for (unsigned i = 0; i < f->n_trace; i++)
                free(f->trace[i]);
        log_close();
        assert_return_code(nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void fixture_service(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        if (service_create(&f->service, &f->environment, &(ServiceArgs){.binary = "nova-compute"}, &e) < 0)
                fail_msg("%s", e.message);
}

static void run_until_state(Fixture *f, ServiceState first, ServiceState second) {
        usec_t until = now_monotonic() + TEST_DEADLINE;

        for (;;) {
                ServiceState now = service_state(f->service);

                if (now == first || now == second)
                        return;
                if (now_monotonic() > until)
                        fail_msg("still %s, not %s: %s", service_state_to_string(now), service_state_to_string(first),
                                 service_trouble(f->service));
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

void fixture_run_until_up(Fixture *f) {
        run_until_state(f, SERVICE_RUNNING, SERVICE_DEGRADED);
}

void fixture_run_until(Fixture *f, ServiceState state) {
        run_until_state(f, state, state);
}

void fixture_start(Fixture *f) {
        fixture_service(f);
        assert_return_code(service_start(f->service), 0);
        fixture_run_until_up(f);
}

void fixture_stop(Fixture *f) {
        assert_return_code(service_stop(f->service), 0);
        fixture_run_until(f, SERVICE_STOPPED);
}

void answer_on_done(int r, const NovaException *e, void *userdata) {
        Answer *a = userdata;

        a->n++;
        a->result = r;
        snprintf(a->text, sizeof a->text, "%s", e ? strempty(e->message) : "");
}

unsigned fixture_log_lines(const Fixture *f, const char *part) {
        FILE *file = fopen(f->log, "re");
        char *line = NULL;
        size_t size = 0;
        unsigned n = 0;

        assert_non_null(file);
        while (getline(&line, &size, file) > 0)
                n += strstr(line, part) != NULL;
        free(line);
        fclose(file);
        return n;
}

int64_t fixture_sql(Fixture *f, const char *sql, char *ret, size_t size) {
        char path[96];
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;
        int64_t value = 0;

        snprintf(path, sizeof path, "%s/nova.sqlite", f->directory);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 5000);
        if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        if (ret)
                ret[0] = 0;
        if (sqlite3_step(q) == SQLITE_ROW) {
                value = sqlite3_column_int64(q, 0);
                if (ret)
                        snprintf(ret, size, "%s", strempty((const char *) sqlite3_column_text(q, 0)));
        }
        sqlite3_finalize(q);
        sqlite3_close(db);
        return value;
}

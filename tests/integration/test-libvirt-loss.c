/* The libvirt driver and a libvirt daemon of its own that is killed, stopped and started: losses are noticed and told, calls
 * do not wait for what is gone, and the connection comes back. The hypervisor behind is libvirt's test driver, inside the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>

#include "virt/driver.h"

#define LIBVIRTD "/usr/sbin/libvirtd"
#define TEST_UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"
#define NOBODY 65534
#define DEADLINE (30 * USEC_PER_SEC)

typedef struct Daemon {
        char dir[64];
        char socket[96];
        char uri[160];
        pid_t pid;                      /* 0 = does not run */
} Daemon;

static void pause_briefly(void) {
        (void) poll(NULL, 0, 20);
}

static bool answers(const Daemon *d) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof a.sun_path, "%s", d->socket);
        return fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof a) == 0;
}

/* As nobody, so that it is a session's daemon and leaves the machine's own alone. */
static void daemon_start(Daemon *d) {
        usec_t deadline = now_monotonic() + DEADLINE;
        char home[96], runtime[96], config[96], cache[96], conf[96], pidfile[96];
        char *env[] = { home, runtime, config, cache, (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

        snprintf(home, sizeof home, "HOME=%s", d->dir);
        snprintf(runtime, sizeof runtime, "XDG_RUNTIME_DIR=%s", d->dir);
        snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s/config", d->dir);
        snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s/cache", d->dir);
        snprintf(conf, sizeof conf, "%s/libvirtd.conf", d->dir);
        snprintf(pidfile, sizeof pidfile, "%s/pid", d->dir);
        (void) unlink(d->socket);

        d->pid = fork();
        assert_true(d->pid >= 0);
        if (d->pid == 0) {
                int null = open("/dev/null", O_RDWR);

                (void) dup2(null, 0);
                (void) dup2(null, 1);
                (void) dup2(null, 2);
                if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
                        _exit(126);
                execve(LIBVIRTD, (char *[]){ (char *) "libvirtd", (char *) "-f", conf, (char *) "-p", pidfile, NULL }, env);
                _exit(127);
        }
        while (!answers(d)) {
                int status;

                if (waitpid(d->pid, &status, WNOHANG) == d->pid || now_monotonic() > deadline)
                        fail_msg("%s does not come up in %s", LIBVIRTD, d->dir);
                pause_briefly();
        }
}

static void daemon_kill(Daemon *d) {
        if (d->pid > 0) {
                (void) kill(d->pid, SIGKILL);
                (void) waitpid(d->pid, NULL, 0);
        }
        d->pid = 0;
}

static int daemon_setup(void **state) {
        Daemon *d = calloc(1, sizeof *d);
        char conf[96];
        FILE *f;

        strcpy(d->dir, "/tmp/nova-libvirtd.XXXXXX");
        if (!mkdtemp(d->dir) || (geteuid() == 0 && chown(d->dir, NOBODY, NOBODY) < 0))
                return -1;
        snprintf(d->socket, sizeof d->socket, "%s/libvirt-sock", d->dir);
        snprintf(d->uri, sizeof d->uri, "test+unix:///default?socket=%s", d->socket);
        snprintf(conf, sizeof conf, "%s/libvirtd.conf", d->dir);
        f = fopen(conf, "we");
        fprintf(f, "unix_sock_dir = \"%s\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\n", d->dir);
        (void) fchmod(fileno(f), 0644);
        (void) fclose(f);
        *state = d;
        return 0;
}

static int daemon_teardown(void **state) {
        Daemon *d = *state;
        char command[128];

        daemon_kill(d);
        snprintf(command, sizeof command, "rm -rf '%s'", d->dir);
        (void) !system(command);
        free(d);
        return 0;
}

/* What the driver told. */
typedef struct Told {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned n[3];
        char why[200];
        PowerState state;
} Told;
#define TOLD { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }

static void on_event(const DriverEvent *event, void *userdata) {
        Told *t = userdata;

        pthread_mutex_lock(&t->lock);
        t->n[event->type]++;
        if (event->type == DRIVER_EVENT_DISCONNECTED)
                snprintf(t->why, sizeof t->why, "%s", strempty(event->text));
        if (event->type == DRIVER_EVENT_LIFECYCLE && streq(event->uuid, TEST_UUID))
                t->state = event->state;
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
}

/* Waits until @type was told @n times. */
static void wait_told(Told *t, DriverEventType type, unsigned n) {
        usec_t deadline = now_monotonic() + DEADLINE;
        const struct timespec ts = { .tv_sec = (time_t) (deadline / USEC_PER_SEC) };
        bool told;

        pthread_mutex_lock(&t->lock);
        while (t->n[type] < n && now_monotonic() < deadline)
                (void) pthread_cond_clockwait(&t->changed, &t->lock, CLOCK_MONOTONIC, &ts);
        told = t->n[type] >= n;
        pthread_mutex_unlock(&t->lock);
        if (!told)
                fail_msg("event %d was told %u times, not %u", type, t->n[type], n);
}

static unsigned count(Told *t, DriverEventType type) {
        unsigned n;

        pthread_mutex_lock(&t->lock);
        n = t->n[type];
        pthread_mutex_unlock(&t->lock);
        return n;
}

static bool reason_says(Told *t, const char *text) {
        bool says;

        pthread_mutex_lock(&t->lock);
        says = strstr(t->why, text) != NULL;
        pthread_mutex_unlock(&t->lock);
        return says;
}

static void wait_state(Told *t, unsigned n, PowerState state) {
        wait_told(t, DRIVER_EVENT_LIFECYCLE, n);
        pthread_mutex_lock(&t->lock);
        assert_int_equal(t->state, state);
        pthread_mutex_unlock(&t->lock);
}

static ComputeDriver *construct(const Daemon *d, const char *a, const char *b, Told *told) {
        _cleanup_free_ char *path = NULL, *uri = NULL;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_exception_ NovaException e = {};
        ComputeDriver *driver = NULL;
        ConfigError error = {};

        assert_true(asprintf(&path, "module_path=%s", getenv("VIRT_MODULE_PATH")) > 0);
        assert_true(asprintf(&uri, "libvirt.connection_uri=%s", d->uri) > 0);
        if (config_new_for_test(&c, (const char *const[]){ path, uri, "host=host1", a, b, NULL }, &error) < 0)
                fail_msg("%s", error.text);
        if (compute_driver_load(c, "libvirt.LibvirtDriver", &driver, &e) < 0)
                fail_msg("%s", e.message);
        driver->ops->set_event_callback(driver, on_event, told);
        return driver;
}

static void connect_driver(ComputeDriver *d) {
        _cleanup_exception_ NovaException e = {};

        if (d->ops->init_host(d, "host1", &e) < 0)
                fail_msg("%s", e.message);
}

static void a_daemon_that_comes_late_is_found_by_the_next_try(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, NULL, NULL, &told);

        assert_int_equal(driver->ops->init_host(driver, "host1", NULL), -ENOTCONN);
        daemon_start(d);
        connect_driver(driver);
        assert_int_equal(count(&told, DRIVER_EVENT_CONNECTED), 1);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
}

static void a_daemon_that_is_killed_is_noticed_and_found_again(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, NULL, NULL, &told);
        _cleanup_exception_ NovaException e = {};
        usec_t before;

        daemon_start(d);
        connect_driver(driver);
        daemon_kill(d);
        wait_told(&told, DRIVER_EVENT_DISCONNECTED, 1);
        assert_true(reason_says(&told, "ended"));
        assert_false(driver->ops->is_connected(driver));
        before = now_monotonic();
        assert_int_equal(driver->ops->get_num_instances(driver, &e), -ENOTCONN);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        assert_true(now_monotonic() - before < USEC_PER_SEC);

        daemon_start(d);
        wait_told(&told, DRIVER_EVENT_CONNECTED, 2);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
        assert_int_equal(count(&told, DRIVER_EVENT_DISCONNECTED), 1);
}

typedef struct Call {
        ComputeDriver *d;
        int r;
} Call;

static void *get_num_instances(void *data) {
        Call *c = data;

        c->r = c->d->ops->get_num_instances(c->d, NULL);
        return NULL;
}

static void a_daemon_that_does_not_answer_is_given_up_by_keepalive(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, "libvirt.keepalive_interval=1", "libvirt.keepalive_count=2", &told);
        Call c = { .d = driver };
        pthread_t t;

        daemon_start(d);
        connect_driver(driver);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);      /* there is a connection for the next */
        assert_int_equal(kill(d->pid, SIGSTOP), 0);
        assert_int_equal(pthread_create(&t, NULL, get_num_instances, &c), 0);
        wait_told(&told, DRIVER_EVENT_DISCONNECTED, 1);
        assert_int_equal(pthread_join(t, NULL), 0);     /* what hung comes back, with a failure */
        assert_int_equal(c.r, -ENOTCONN);
        assert_false(driver->ops->is_connected(driver));
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), -ENOTCONN);

        assert_int_equal(kill(d->pid, SIGCONT), 0);
        wait_told(&told, DRIVER_EVENT_CONNECTED, 2);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
}

static void a_call_that_does_not_return_is_named_and_gets_others_a_new_connection(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, "libvirt.keepalive_interval=0", "libvirt.call_timeout=1", &told);
        Call c = { .d = driver };
        pthread_t t;

        daemon_start(d);
        connect_driver(driver);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
        assert_int_equal(kill(d->pid, SIGSTOP), 0);
        assert_int_equal(pthread_create(&t, NULL, get_num_instances, &c), 0);
        wait_told(&told, DRIVER_EVENT_DISCONNECTED, 1);
        assert_true(reason_says(&told, "get_num_instances has not returned"));
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), -ENOTCONN);
        assert_int_equal(kill(d->pid, SIGCONT), 0);
        assert_int_equal(pthread_join(t, NULL), 0);     /* it has its answer after all */
        assert_int_equal(c.r, 1);
        wait_told(&told, DRIVER_EVENT_CONNECTED, 2);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
}

static void a_call_that_waits_for_a_connection_gives_up_with_it(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, "libvirt.keepalive_interval=0", "libvirt.call_timeout=1", &told);
        Call c = { .d = driver };
        pthread_t t;

        daemon_start(d);
        connect_driver(driver);
        assert_int_equal(kill(d->pid, SIGSTOP), 0);
        assert_int_equal(pthread_create(&t, NULL, get_num_instances, &c), 0);   /* none is there yet for calls, nor will be */
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(c.r, -ENOTCONN);
        wait_told(&told, DRIVER_EVENT_DISCONNECTED, 1);
        assert_true(reason_says(&told, "get_num_instances has not returned"));
        assert_int_equal(kill(d->pid, SIGCONT), 0);
        wait_told(&told, DRIVER_EVENT_CONNECTED, 2);
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
}

typedef struct Caller {
        ComputeDriver *d;
        atomic_bool *stop;
        atomic_uint *answered;
        unsigned refused, others;
} Caller;

static void *call_on_and_on(void *data) {
        Caller *c = data;

        while (!*c->stop) {
                int r = c->d->ops->get_num_instances(c->d, NULL);

                if (r == 1)
                        (*c->answered)++;
                else if (r == -ENOTCONN)
                        c->refused++;
                else
                        c->others++;
                if (r < 0)
                        pause_briefly();
        }
        return NULL;
}

/* A crash of libvirt's client, where threads share a connection (calls.c). */
static void calls_of_many_threads_outlive_a_daemon_that_does_not_answer(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, "libvirt.keepalive_interval=1", "libvirt.keepalive_count=1", &told);
        atomic_bool stop = false;
        Caller callers[12] = {};
        pthread_t threads[ELEMENTSOF(callers)];
        atomic_uint answered = 0;
        unsigned refused = 0;

        daemon_start(d);
        connect_driver(driver);
        for (size_t i = 0; i < ELEMENTSOF(callers); i++) {
                callers[i] = (Caller){ .d = driver, .stop = &stop, .answered = &answered };
                assert_int_equal(pthread_create(threads + i, NULL, call_on_and_on, callers + i), 0);
        }
        for (unsigned n = 1; n <= 2; n++) {
                unsigned before = answered;
                usec_t deadline = now_monotonic() + DEADLINE;

                while (answered < before + 20 * ELEMENTSOF(callers) && now_monotonic() < deadline)
                        pause_briefly();
                assert_true(answered >= before + 20 * ELEMENTSOF(callers));
                assert_int_equal(kill(d->pid, SIGSTOP), 0);
                wait_told(&told, DRIVER_EVENT_DISCONNECTED, n);
                assert_int_equal(kill(d->pid, SIGCONT), 0);
                wait_told(&told, DRIVER_EVENT_CONNECTED, n + 1);
        }
        assert_int_equal(driver->ops->get_num_instances(driver, NULL), 1);
        stop = true;
        for (size_t i = 0; i < ELEMENTSOF(callers); i++) {
                assert_int_equal(pthread_join(threads[i], NULL), 0);
                assert_int_equal(callers[i].others, 0);
                refused += callers[i].refused;
        }
        assert_true(refused >= ELEMENTSOF(callers));
}

static void ending_does_not_wait_for_a_daemon_that_does_not_answer(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        ComputeDriver *driver = construct(d, "libvirt.keepalive_interval=1", "libvirt.keepalive_count=2", &told);
        usec_t before;

        daemon_start(d);
        connect_driver(driver);
        assert_int_equal(kill(d->pid, SIGSTOP), 0);
        before = now_monotonic();
        driver = compute_driver_free(driver);
        assert_true(now_monotonic() - before < 3 * USEC_PER_SEC);
        daemon_kill(d);
}

static void what_happens_to_guests_is_told(void **state) {
        Told told = TOLD;
        Daemon *d = *state;
        _cleanup_(compute_driver_freep) ComputeDriver *driver = construct(d, NULL, NULL, &told);
        virConnectPtr other;
        virDomainPtr domain;

        daemon_start(d);
        connect_driver(driver);
        other = virConnectOpen(d->uri);
        assert_non_null(other);
        domain = virDomainLookupByUUIDString(other, TEST_UUID);
        assert_non_null(domain);
        assert_int_equal(virDomainSuspend(domain), 0);
        wait_state(&told, 1, POWER_PAUSED);
        assert_int_equal(virDomainResume(domain), 0);
        wait_state(&told, 2, POWER_RUNNING);
        assert_int_equal(virDomainDestroy(domain), 0);
        wait_state(&told, 3, POWER_SHUTDOWN);
        (void) virDomainFree(domain);
        (void) virConnectClose(other);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(a_daemon_that_comes_late_is_found_by_the_next_try),
                CASE(a_daemon_that_is_killed_is_noticed_and_found_again),
                CASE(a_daemon_that_does_not_answer_is_given_up_by_keepalive),
                CASE(a_call_that_does_not_return_is_named_and_gets_others_a_new_connection),
                CASE(a_call_that_waits_for_a_connection_gives_up_with_it),
                CASE(calls_of_many_threads_outlive_a_daemon_that_does_not_answer),
                CASE(ending_does_not_wait_for_a_daemon_that_does_not_answer),
                CASE(what_happens_to_guests_is_told),
        };

        if (access(LIBVIRTD, X_OK) < 0) {
                fprintf(stderr, "skipped: %s is not installed\n", LIBVIRTD);
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

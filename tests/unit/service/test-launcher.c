#include "service-fixture.h"

#include <errno.h>

#include "service/launcher.h"

static Fixture f;
static Launcher *launcher;
static unsigned changes, stopped;

/* A server of another kind, as the WSGI services of the seed. */
typedef struct Other {
        Server server;
        unsigned starts, stops, frees;
        int start_result;
        bool slow_stop;
} Other;

static Other web, broken, slow;         /* they outlive a test: the launcher is freed after it */

static int other_start(Server *s) {
        Other *o = s->userdata;

        o->starts++;
        return o->start_result;
}

static int other_stop(Server *s) {
        Other *o = s->userdata;

        o->stops++;
        if (!o->slow_stop)
                launcher_server_ended(s->launcher, s, 0, NULL);
        return 0;
}

static Server *other_free(Server *s) {
        ((Other *) s->userdata)->frees++;
        return NULL;
}

static void serve_other(Other *o, const char *name) {
        o->server = (Server){.name = name, .start = other_start, .stop = other_stop, .free = other_free, .userdata = o};
        assert_return_code(launcher_serve(launcher, &o->server), 0);
}

static Server *serve_service(const char *binary) {
        const ServiceArgs args = {.binary = binary, .topic = "compute"};
        Service *service;
        Server *server;

        assert_return_code(service_create(&service, &f.environment, &args, NULL), 0);
        assert_return_code(server_from_service(service, &server), 0);
        assert_return_code(launcher_serve(launcher, server), 0);
        return server;
}

static void on_change(unsigned what, void *userdata) {
        changes++;
}

static void on_stopped(void *userdata) {
        stopped++;
}

static int setup(void **state) {
        changes = stopped = 0;
        web = broken = slow = (Other){};
        fixture_begin(&f, NULL);
        assert_return_code(launcher_new(&launcher, f.event), 0);
        assert_return_code(observers_add(launcher_observers(launcher), on_change, NULL), 0);
        return 0;
}

static int teardown(void **state) {
        launcher = launcher_free(launcher);
        fixture_end(&f);
        return 0;
}

static ServiceState state_of(Server *s) {
        return service_state(server_service(s));
}

/* checklist: 37, 38, 39, 40 */
static void serving_does_not_block_and_starts_all_in_order(void **state) {
        Server *servers[4], *a = serve_service("nova-compute"), *b = serve_service("nova-other");

        assert_int_equal(state_of(a), SERVICE_STOPPED);         /* not before the loop turns */
        assert_int_equal(launcher_server_state(launcher, a), SERVER_WAITING);
        run_until(f.event, state_of(a) == SERVICE_RUNNING && state_of(b) == SERVICE_RUNNING);
        assert_int_equal(launcher_servers(launcher, servers, 4), 2);
        assert_ptr_equal(servers[0], a);
        assert_ptr_equal(servers[1], b);
        assert_int_equal(launcher_running(launcher), 2);
        assert_true(changes >= 2);
        assert_int_equal(launcher_result(launcher, NULL), 0);
}

/* checklist: 82 */
static void one_of_two_is_stopped_and_the_other_goes_on(void **state) {
        Server *a = serve_service("nova-compute"), *b = serve_service("nova-other");

        run_until(f.event, state_of(a) == SERVICE_RUNNING && state_of(b) == SERVICE_RUNNING);
        assert_return_code(launcher_stop_server(launcher, a), 0);
        run_until(f.event, launcher_server_state(launcher, a) == SERVER_ENDED);
        assert_int_equal(state_of(a), SERVICE_STOPPED);
        assert_int_equal(state_of(b), SERVICE_RUNNING);
        assert_int_equal(launcher_running(launcher), 1);
        assert_int_equal(launcher_result(launcher, NULL), 0);

        /* The service's own verb brings it back into account. */
        assert_return_code(service_start(server_service(a)), 0);
        assert_int_equal(launcher_running(launcher), 2);
}

/* checklist: 39 */
static void a_failing_service_is_told_and_does_not_end_the_others(void **state) {
        Server *a, *b;
        const char *why = NULL;

        atomic_store(&f.init_host_result, -EINVAL);
        a = serve_service("nova-compute");
        run_until(f.event, launcher_server_state(launcher, a) == SERVER_ENDED);
        atomic_store(&f.init_host_result, 0);
        b = serve_service("nova-other");
        run_until(f.event, state_of(b) == SERVICE_RUNNING);
        assert_int_equal(launcher_result(launcher, &why), -EINVAL);
        assert_string_equal(why, "init_host: connection_uri is no uri");
        assert_int_equal(state_of(a), SERVICE_FAILED);
        assert_int_equal(launcher_running(launcher), 1);
}

/* checklist: 76 */
static void servers_of_other_kinds_are_served_too(void **state) {
        const char *why = NULL;
        Server *a;

        broken.start_result = -EADDRINUSE;
        serve_other(&web, "osapi_compute");
        serve_other(&broken, "metadata");
        a = serve_service("nova-compute");
        assert_null(server_service(&web.server));
        run_until(f.event, web.starts == 1 && broken.starts == 1 && state_of(a) == SERVICE_RUNNING);
        assert_int_equal(launcher_server_state(launcher, &broken.server), SERVER_ENDED);
        assert_int_equal(launcher_result(launcher, &why), -EADDRINUSE);
        assert_true(*why);

        assert_return_code(launcher_stop(launcher, on_stopped, NULL), 0);
        run_until(f.event, stopped == 1);
        assert_int_equal(web.stops, 1);
        assert_int_equal(broken.stops, 0);
        launcher = launcher_free(launcher);
        assert_int_equal(web.frees, 1);
        assert_int_equal(broken.frees, 1);
}

/* checklist: 74 */
static void stopping_all_is_done_when_the_last_has_ended(void **state) {
        Server *a = serve_service("nova-compute");

        slow.slow_stop = true;
        serve_other(&slow, "slow");
        run_until(f.event, slow.starts == 1 && state_of(a) == SERVICE_RUNNING);
        assert_return_code(launcher_stop(launcher, on_stopped, NULL), 0);
        assert_int_equal(launcher_stop(launcher, on_stopped, NULL), -EBUSY);
        run_until(f.event, state_of(a) == SERVICE_STOPPED);
        assert_int_equal(stopped, 0);
        launcher_server_ended(launcher, &slow.server, 0, NULL);
        assert_int_equal(stopped, 0);   /* never from inside */
        run_until(f.event, stopped == 1);
}

static void a_stop_before_the_first_turn_starts_nothing(void **state) {
        Server *a = serve_service("nova-compute");

        serve_other(&web, "osapi_compute");
        assert_return_code(launcher_stop(launcher, on_stopped, NULL), 0);
        run_until(f.event, stopped == 1);
        assert_int_equal(web.starts, 0);
        assert_int_equal(state_of(a), SERVICE_STOPPED);
}

static void stopping_nothing_is_done_too(void **state) {
        assert_return_code(launcher_stop(launcher, on_stopped, NULL), 0);
        run_until(f.event, stopped == 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(serving_does_not_block_and_starts_all_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(one_of_two_is_stopped_and_the_other_goes_on, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_service_is_told_and_does_not_end_the_others, setup, teardown),
                cmocka_unit_test_setup_teardown(servers_of_other_kinds_are_served_too, setup, teardown),
                cmocka_unit_test_setup_teardown(stopping_all_is_done_when_the_last_has_ended, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stop_before_the_first_turn_starts_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(stopping_nothing_is_done_too, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* External events: they wake who waits, past what runs on the instance, and a rebuild waits for its interfaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "compute/guest.h"
#include "compute/spawn-hooks.h"
#include "fixture.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define IMAGE1 "aaaaaaaa-0000-4000-8000-000000000001"
#define VIFS "[{\"id\": \"port-1\", \"active\": false}, {\"id\": \"port-2\", \"active\": true}, {\"id\": \"port-3\"}]"

static Fixture *ready(const char *const *assignments) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(assignments);

        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        return f;
}

/* An instance with interfaces, of which the network has not said that the first is wired. */
static void with_interfaces(Fixture *f) {
        _cleanup_(instance_done) Instance i = {};
        char path[256];
        FILE *file;

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_read(f, 1, &i);
        free(i.network_info);
        i.network_info = strdup(VIFS);
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, NULL), 1);

        snprintf(path, sizeof path, "%s/images", f->dir);
        assert_int_equal(mkdir(path, 0755), 0);
        snprintf(path, sizeof path, "%s/images/" IMAGE1, f->dir);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs("bytes", file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static const char *event(char *buf, size_t size, const char *name, const char *tag, const char *status) {
        snprintf(buf, size, "{\"instances\": [{\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\","
                 " \"nova_object.version\": \"2.7\", \"nova_object.data\": {\"uuid\": \"" UUID1 "\"}}],"
                 " \"events\": [{\"nova_object.name\": \"InstanceExternalEvent\", \"nova_object.namespace\": \"nova\","
                 " \"nova_object.version\": \"1.5\", \"nova_object.data\": {\"instance_uuid\": \"" UUID1 "\","
                 " \"name\": \"%s\", \"status\": \"%s\", \"tag\": \"%s\", \"data\": {}}}]}", name, status, tag);
        return buf;
}

/* ---- the rebuild that waits ---- */

static bool rebuilt;
static NovaException rebuild_failure;

static void on_rebuilt(Operation *o) {
        exception_move(&rebuild_failure, &o->exception);
        operation_free(o);
        __atomic_store_n(&rebuilt, true, __ATOMIC_RELEASE);
}

static bool is_rebuilt(Fixture *f _unused_) {
        return __atomic_load_n(&rebuilt, __ATOMIC_ACQUIRE);
}

static Fixture *waits_for;

static bool waits_for_port(Fixture *f) {
        return fixture_query(f, "SELECT count(*) FROM instances WHERE task_state = 'rebuild_spawning'") == 1;
}

static void begin_rebuild(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *args = json_pack("{s:s, s:s}", "instance_uuid", UUID1, "image_ref", IMAGE1);
        Operation *o = NULL;

        rebuilt = false;
        exception_done(&rebuild_failure);
        waits_for = f;
        assert_int_equal(operation_new(&o, &f->m->manager, manager_method(&f->m->manager, "rebuild_instance", ~0u), f->context, args, ORIGIN_RPC,
                                       on_rebuilt, NULL, &e), 0);
        json_decref(TAKE_PTR(args));
        operation_submit(o, NULL, f->pool);
        fixture_wait(f, waits_for_port);
}

static void a_rebuild_waits_until_its_interface_is_wired(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        char args[1024];

        with_interfaces(f);
        begin_rebuild(f);
        /* Of others it is not woken. */
        fixture_do(f, "external_instance_event", event(args, sizeof args, "network-vif-plugged", "port-2", "completed"));
        fixture_do(f, "external_instance_event", event(args, sizeof args, "network-vif-unplugged", "port-1", "completed"));
        fixture_do(f, "external_instance_event", event(args, sizeof args, "network-vif-plugged", "port-1", "in-progress"));
        assert_false(is_rebuilt(f));
        fixture_do(f, "external_instance_event", event(args, sizeof args, "network-vif-plugged", "port-1", "completed"));
        fixture_wait(f, is_rebuilt);
        assert_false(exception_is_set(&rebuild_failure));
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND task_state IS NULL"), 1);
}

static void an_interface_that_failed_fails_the_rebuild(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        char args[1024];

        with_interfaces(f);
        begin_rebuild(f);
        fixture_do(f, "external_instance_event", event(args, sizeof args, "network-vif-plugged", "port-1", "failed"));
        fixture_wait(f, is_rebuilt);
        assert_string_equal(strempty(rebuild_failure.class_name), "VirtualInterfaceCreateException");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'error' AND task_state IS NULL"), 1);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
}

static void a_deletion_calls_the_wait_off(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        with_interfaces(f);
        begin_rebuild(f);
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_true(is_rebuilt(f));
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
}

static void without_a_timeout_nothing_is_waited_for(void **state _unused_) {
        static const char *const options[] = { "vif_plugging_timeout=0", NULL };
        _fixture_ Fixture *f = ready(options);

        with_interfaces(f);
        fixture_do(f, "rebuild_instance", "{\"instance_uuid\": \"" UUID1 "\", \"image_ref\": \"" IMAGE1 "\"}");
}

static void what_did_not_come_in_time_is_fatal_or_not(void **state _unused_) {
        static const char *const fatal[] = { "vif_plugging_timeout=1", NULL };
        static const char *const lax[] = { "vif_plugging_timeout=1", "vif_plugging_is_fatal=false", NULL };
        _fixture_ Fixture *f = ready(fatal), *g = ready(lax);

        with_interfaces(f);
        fixture_refused(f, "rebuild_instance", "{\"instance_uuid\": \"" UUID1 "\", \"image_ref\": \"" IMAGE1 "\"}",
                        "VirtualInterfaceCreateException");
        with_interfaces(g);
        fixture_do(g, "rebuild_instance", "{\"instance_uuid\": \"" UUID1 "\", \"image_ref\": \"" IMAGE1 "\"}");
}

/* ---- the message ---- */

static void events_are_read_before_any_is_acted_on(void **state _unused_) {
        static const struct {
                const char *events, *class_name;
        } rows[] = {
                { "[7]", "TypeError" },
                { "[{}]", "InvalidUUID" },
                { "[{\"instance_uuid\": \"../x\", \"name\": \"network-changed\"}]", "InvalidUUID" },
                { "[{\"instance_uuid\": \"" UUID1 "\", \"name\": \"network-exploded\"}]", "ValueError" },
                { "[{\"instance_uuid\": \"" UUID1 "\"}]", "ValueError" },
                { "[{\"instance_uuid\": \"" UUID1 "\", \"name\": \"network-changed\", \"status\": \"perhaps\"}]", "ValueError" },
        };
        _fixture_ Fixture *f = ready(NULL);
        EventWait *w = NULL;

        assert_int_equal(event_wait_new(f->m->events, UUID1, &w), 0);
        assert_int_equal(event_wait_add(w, "network-vif-plugged", "p"), 0);
        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_free_ char *args = NULL;

                assert_true(asprintf(&args, "{\"instances\": [\"" UUID1 "\"], \"events\": %s}", rows[n].events) > 0);
                fixture_refused(f, "external_instance_event", args, rows[n].class_name);
        }
        /* The first is well, the second is not: neither is acted on. */
        fixture_refused(f, "external_instance_event", "{\"instances\": [\"" UUID1 "\"], \"events\": ["
                        "{\"instance_uuid\": \"" UUID1 "\", \"name\": \"network-vif-plugged\", \"tag\": \"p\"}, {}]}", "InvalidUUID");
        assert_int_equal(event_wait_missing(w), 1);
        /* One about an instance that the message does not bring is none of ours. */
        fixture_do(f, "external_instance_event", "{\"instances\": [], \"events\": ["
                   "{\"instance_uuid\": \"" UUID1 "\", \"name\": \"network-vif-plugged\", \"tag\": \"p\"}]}");
        assert_int_equal(event_wait_missing(w), 1);
        fixture_do(f, "external_instance_event", "{\"instances\": [\"" UUID1 "\"], \"events\": ["
                   "{\"instance_uuid\": \"" UUID1 "\", \"name\": \"network-vif-plugged\", \"tag\": \"p\"}]}");
        assert_int_equal(event_wait_missing(w), 0);
        event_wait_free(w);
        fixture_refused(f, "external_instance_event", "{\"instances\": {}, \"events\": []}", "TypeError");
        fixture_do(f, "external_instance_event", "{\"instances\": [], \"events\": []}");
}

static void events_of_services_that_are_not_here_are_only_told(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        char args[1024];

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_do(f, "external_instance_event", event(args, sizeof args, "volume-extended", "v", "completed"));
        fixture_do(f, "external_instance_event", event(args, sizeof args, "power-update", "POWER_OFF", "completed"));
        fixture_settle(f);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_rebuild_waits_until_its_interface_is_wired),
                cmocka_unit_test(an_interface_that_failed_fails_the_rebuild),
                cmocka_unit_test(a_deletion_calls_the_wait_off),
                cmocka_unit_test(without_a_timeout_nothing_is_waited_for),
                cmocka_unit_test(what_did_not_come_in_time_is_fatal_or_not),
                cmocka_unit_test(events_are_read_before_any_is_acted_on),
                cmocka_unit_test(events_of_services_that_are_not_here_are_only_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

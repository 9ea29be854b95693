/* The build: what it makes and says, what it refuses, and that nothing half made stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json.h"
#include "compute/build.h"
#include "compute/deleted.h"
#include "compute/instance-methods.h"
#include "fixture.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define OBJECT(name, data)                                                                                             \
        "{\"nova_object.name\": \"" name "\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"2.7\","    \
        " \"nova_object.data\": {" data "}}"
#define INSTANCE(more)                                                                                                 \
        "\"instance\": " OBJECT("Instance", "\"uuid\": \"" UUID1 "\", \"memory_mb\": 64, \"vcpus\": 1, \"root_gb\": 1," \
                                " \"vm_state\": \"building\", \"task_state\": \"scheduling\", \"display_name\": \"web\"" more)
#define NO_NETWORK "\"requested_networks\": {\"nova_object.data\": {\"objects\": [{\"nova_object.data\": {\"network_id\": \"none\"}}]}}"
#define BUILD "{" INSTANCE("") ", " NO_NETWORK "}"

static Fixture *ready(const char *const *assignments) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(assignments);

        fixture_service(f);             /* the claim wants it */
        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        return f;
}

/* In error, with one fault like this, of no host; nothing of it is left. */
static void assert_error(Fixture *f, const char *class_name, const char *like) {
        char sql[1024];

        snprintf(sql, sizeof sql, "SELECT count(*) FROM instance_faults WHERE instance_uuid = '" UUID1 "' AND message LIKE '%s'", like);
        if (fixture_query(f, sql) != 1)
                fail_msg("%s: no fault like %s", class_name, like);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'error' AND task_state IS NULL AND host IS"
                                          " NULL AND node IS NULL AND launched_on IS NULL AND power_state = 0 AND deleted = 0"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE result IS NULL OR finish_time IS NULL"), 0);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
}

static void fails(Fixture *f, const char *args, const char *class_name, const char *like) {
        fixture_refused(f, "build_and_run_instance", args, class_name);
        assert_error(f, class_name, like);
}

static void a_build_makes_a_guest_and_its_row(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        fixture_do(f, "build_and_run_instance", BUILD);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE uuid = '" UUID1 "' AND vm_state = 'active' AND"
                                          " task_state IS NULL AND power_state = 1 AND host = 'node1' AND launched_on = 'node1' AND"
                                          " node = 'node1' AND launched_at NOT NULL AND terminated_at IS NULL AND display_name ="
                                          " 'web' AND memory_mb = 64 AND name = printf('instance-%08x', id)"), 1);
        assert_int_equal(fixture_query(f, "SELECT object LIKE '%\"root_device_name\":\"/dev/vda\"%' FROM instances"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions a JOIN instance_actions_events e ON e.action_id"
                                          " = a.id WHERE a.action = 'create' AND a.message IS NULL AND e.result = 'Success' AND"
                                          " e.event = 'compute__do_build_and_run_instance'"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
}

static void essexs_caller_says_what_it_is_beside_the_uuid(void **state _unused_) {
        static const char *const room[] = { "fake.vcpus=4", NULL };
        _fixture_ Fixture *f = ready(room);

        fixture_refused(f, "run_instance", "{\"instance_uuid\": \"" UUID1 "\"}", "InstanceNotFound");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances"), 0);
        fixture_do(f, "run_instance", "{\"instance_uuid\": \"" UUID1 "\", \"is_first_time\": true, \"injected_files\": [],"
                                      " \"admin_password\": \"x\", \"requested_networks\": null, \"request_spec\":"
                                      " {\"instance_properties\": {\"display_name\": \"old\", \"vcpus\": 2, \"project_id\": \"p9\","
                                      " \"metadata\": [{\"key\": \"a\"}], \"id\": 77, \"vm_state\": \"building\"},"
                                      " \"instance_type\": {\"name\": \"m1.tiny\", \"memory_mb\": 512, \"root_gb\": 0, \"swap\": 0}}}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND memory_mb = 512 AND vcpus"
                                          " = 2 AND root_gb = 0 AND project_id = 'p9' AND name = 'instance-0000004d' AND"
                                          " instance_type_name = 'm1.tiny'"), 1);
        fixture_do(f, "reboot_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        fixture_do(f, "power_off_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        fixture_do(f, "power_on_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
}

static void absurd_flavors_end_in_error_with_the_reason(void **state _unused_) {
        static const struct {
                const char *field, *like;
        } rows[] = {
                { ", \"memory_mb\": 0", "Invalid input received: memory_mb is 0, but must be a positive integer" },
                { ", \"memory_mb\": -5", "Invalid input received: memory_mb is -5%" },
                { ", \"vcpus\": 0", "Invalid input received: vcpus is 0%" },
                { ", \"root_gb\": -1", "Invalid input received: root_gb is -1, but must not be negative" },
                { ", \"ephemeral_gb\": 9223372036854775807", "Invalid input received: ephemeral_gb is 9223372036854775807, but may%" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _fixture_ Fixture *f = ready(NULL);
                _cleanup_free_ char *args = NULL;
                json_auto_t *object = json_loads(BUILD, 0, NULL), *field = NULL;
                char text[256];

                snprintf(text, sizeof text, "{%s}", rows[n].field + 2);
                field = json_loads(text, 0, NULL);
                assert_non_null(field);
                (void) json_object_update(json_object_get(json_object_get(object, "instance"), "nova_object.data"), field);
                args = json_dumps(object, 0);
                fails(f, args, "InvalidInput", rows[n].like);
        }
}

static void what_no_host_has_room_for_is_refused_by_the_claim(void **state _unused_) {
        static const char *const small[] = { "fake.memory_mb=1024", "fake.vcpus=2", "fake.local_gb=20", NULL };
        _fixture_ Fixture *f = ready(small);

        fixture_refused(f, "build_and_run_instance",
                        "{\"instance\": " OBJECT("Instance", "\"uuid\": \"" UUID1 "\", \"memory_mb\": 100000, \"vcpus\": 1, \"root_gb\": 1")
                        ", " NO_NETWORK "}", "ComputeResourcesUnavailable");
        assert_error(f, "ComputeResourcesUnavailable", "Insufficient compute resources:%");
}

static void images_that_do_not_fit_are_refused_in_novas_words(void **state _unused_) {
        static const struct {
                const char *image, *class_name, *like;
        } rows[] = {
                { "{\"id\": \"i1\", \"status\": \"queued\"}", "ImageNotActive", "Image i1 is not active." },
                { "{\"id\": \"i1\", \"min_ram\": \"65\"}", "FlavorMemoryTooSmall", "Flavor''s memory is too small for requested image." },
                { "{\"id\": \"i1\", \"size\": 1073741825}", "FlavorDiskSmallerThanImage",
                  "Flavor''s disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 1073741825 bytes." },
                { "{\"id\": \"i1\", \"min_disk\": 2}", "FlavorDiskSmallerThanMinDisk",
                  "Flavor''s disk is smaller than the minimum size specified in image metadata. Flavor disk is 1073741824 bytes,"
                  " minimum size is 2147483648 bytes." },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _fixture_ Fixture *f = ready(NULL);
                _cleanup_free_ char *args = NULL;

                assert_true(asprintf(&args, "{" INSTANCE("") ", \"image\": %s}", rows[n].image) > 0);
                fails(f, args, rows[n].class_name, rows[n].like);
        }
}

static void files_that_are_none_are_refused(void **state _unused_) {
        static const char *const rows[] = { "[[\"/etc/motd\", \"!!!\"]]", "[[\"/etc/motd\", \"YQ\"]]", "[[\"\", \"YQ==\"]]", "[[1, 2]]",
                                            "[\"/etc/motd\"]", "[[\"/etc/motd\", \"YQ==\", \"more\"]]" };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _fixture_ Fixture *f = ready(NULL);
                _cleanup_free_ char *args = NULL;

                assert_true(asprintf(&args, "{" INSTANCE("") ", \"injected_files\": %s}", rows[n]) > 0);
                fails(f, args, "InvalidInput", "Invalid%");
        }
}

static void volumes_need_a_service_that_is_not_here(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        fails(f, "{" INSTANCE("") ", \"block_device_mapping\": {\"nova_object.data\": {\"objects\": [{\"nova_object.data\":"
                 " {\"source_type\": \"volume\", \"destination_type\": \"volume\", \"volume_id\": \"v\", \"boot_index\": 0}}]}}}",
              "BuildAbortException", "Build of instance " UUID1 " aborted: Connection to cinder host failed:%");
}

static void an_object_of_wrong_types_or_versions_leaves_an_error_row(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        fails(f, "{\"instance\": " OBJECT("Instance", "\"uuid\": \"" UUID1 "\", \"memory_mb\": \"much\"") "}", "ValueError", "ValueError");
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        fixture_query(f, "DELETE FROM instance_faults");
        /* One that is well but for what it nests. */
        fails(f, "{" INSTANCE(", \"flavor\": " OBJECT("Flavor", "\"vcpus\": [1]")) "}", "IncompatibleObjectVersion",
              "IncompatibleObjectVersion");
        fixture_refused(f, "build_and_run_instance", "{\"instance\": {}}", "InvalidUUID");
        fixture_refused(f, "build_and_run_instance", "{\"instance\": 1}", "TypeError");
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
}

static void two_builds_of_one_instance_and_the_first_is_not_harmed(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _answer_ Answer a;

        fixture_do(f, "build_and_run_instance", BUILD);
        fixture_call(f, "build_and_run_instance", BUILD, &a);
        assert_string_equal(a.exception.class_name, "InstanceExists");
        assert_string_equal(a.exception.message, "Instance " UUID1 " already exists.");
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND task_state IS NULL"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
}

static int spawn_fails(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, const json_t *files,
                       const char *password, const json_t *network_info, const json_t *block_device_info, const DriverHooks *hooks,
                       NovaException *e);
static Fixture *racing;

static void a_spawn_that_fails_is_undone(void **state _unused_) {
        _fixture_ Fixture *f = racing = ready(NULL);

        f->ops.spawn = spawn_fails;
        fails(f, BUILD, "ImageNotFound", "Image cirros could not be found.");
        assert_int_equal(fixture_query(f, "SELECT code FROM instance_faults"), 404);
}

/* A guest is there, and then it fails. */
static int spawn_fails(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, const json_t *files,
                       const char *password, const json_t *network_info, const json_t *block_device_info, const DriverHooks *hooks,
                       NovaException *e) {
        assert_int_equal(racing->real->spawn(d, c, i, image_meta, files, password, network_info, block_device_info, hooks, e), 0);
        return exception_setf(e, EXC_IMAGE_NOT_FOUND, "Image cirros could not be found.");
}

/* A guest with the uuid of the first instance, whatever the rows say. */
static void put_guest(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = { .uuid = (char *) UUID1, .name = (char *) "another" };

        if (f->real->spawn(f->driver, f->context, &i, NULL, NULL, NULL, NULL, NULL, NULL, &e) < 0)
                fail_msg("spawn: %s", e.message);
}

static void reap(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        if (compute_clean_deleted_guests(f->m, &e) < 0)
                fail_msg("%s", e.message);
        fixture_settle(f);
}

/* A Python nova-compute may have made it, or we with a database that was lost. */
static void a_guest_that_was_there_before_the_build_is_left_alone(void **state _unused_) {
        static const char *const at_once[] = { "running_deleted_instance_action=reap", "running_deleted_instance_timeout=0", NULL };
        _fixture_ Fixture *f = ready(at_once);

        put_guest(f);
        fixture_refused(f, "build_and_run_instance", BUILD, "InstanceExists");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'error' AND task_state IS NULL AND host IS NULL"
                                          " AND deleted = 0"), 1);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        reap(f);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        reap(f);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
}

/* Made by a hypervisor that had been given up. */
static void a_guest_that_comes_after_its_build_has_failed_is_reaped(void **state _unused_) {
        static const char *const at_once[] = { "running_deleted_instance_action=reap", "running_deleted_instance_timeout=0", NULL };
        _fixture_ Fixture *f = racing = ready(at_once);

        f->ops.spawn = spawn_fails;
        fails(f, BUILD, "ImageNotFound", "Image cirros could not be found.");
        put_guest(f);
        reap(f);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
}

static int network_fails(Messenger *m _unused_, const MessageTarget *t _unused_, const RequestContext *c _unused_,
                         const char *method _unused_, const json_t *args _unused_, usec_t timeout _unused_, json_t **ret _unused_,
                         NovaException *e) {
        return exception_setf(e, EXC_NO_MORE_FIXED_IPS, "No fixed IP addresses available for network: n1");
}

static void a_network_without_addresses_aborts_the_build(void **state _unused_) {
        static const char *const service[] = { "network_backend=service", NULL };
        _fixture_ Fixture *f = ready(service);

        f->messenger.messenger.call = network_fails;
        fails(f, "{" INSTANCE("") "}", "BuildAbortException",
              "Build of instance " UUID1 " aborted: No fixed IP addresses available for network: n1");
}

static void accept_delete(const char *uuid) {
        static const Argument none[] = { {} };
        static const Method terminate = { .name = "terminate_instance", .arguments = none, .instance = &method_terminate };
        json_auto_t *args = json_pack("{s:s}", "instance_uuid", uuid);
        Operation *o = NULL;

        assert_int_equal(operation_new(&o, &racing->m->manager, &terminate, racing->context, args, ORIGIN_RPC, NULL, NULL, NULL), 0);
        instance_call_accepted(o);
        operation_free(o);
}

static int spawn_and_delete(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, const json_t *files,
                            const char *password, const json_t *network_info, const json_t *block_device_info,
                            const DriverHooks *hooks, NovaException *e) {
        int r = racing->real->spawn(d, c, i, image_meta, files, password, network_info, block_device_info, hooks, e);

        accept_delete(i->uuid);
        return r;
}

static int spawn_is_told_of_the_delete(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta,
                                       const json_t *files, const char *password, const json_t *network_info,
                                       const json_t *block_device_info, const DriverHooks *hooks, NovaException *e) {
        accept_delete(i->uuid);
        return racing->real->spawn(d, c, i, image_meta, files, password, network_info, block_device_info, hooks, e);
}

static void a_delete_during_the_build_wins_quietly(void **state _unused_) {
        int (*const spawns[])(ComputeDriver *, const RequestContext *, const Instance *, const json_t *, const json_t *, const char *,
                              const json_t *, const json_t *, const DriverHooks *, NovaException *) = {
                spawn_and_delete, spawn_is_told_of_the_delete,
        };

        for (size_t n = 0; n < ELEMENTSOF(spawns); n++) {
                _fixture_ Fixture *f = racing = ready(NULL);

                f->ops.spawn = spawns[n];
                fixture_do(f, "build_and_run_instance", BUILD);
                assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE task_state = 'deleting' AND host IS NULL"), 1);
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
                fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
        }
}

static void a_delete_before_the_build_begins_wins_too(void **state _unused_) {
        _fixture_ Fixture *f = racing = ready(NULL);
        json_auto_t *args = json_loads(BUILD, 0, NULL);
        const Method *m = manager_method(&f->m->manager, "build_and_run_instance", SERVED_ZED);
        Operation *o = NULL;

        assert_int_equal(operation_new(&o, &f->m->manager, m, f->context, args, ORIGIN_RPC, NULL, NULL, NULL), 0);
        m->accepted(o);                 /* by nobody's journal: the broker has it */
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances"), 0);
        o->journal_id = 1;
        m->accepted(o);
        operation_free(o);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'building' AND task_state = 'scheduling'"), 1);
        accept_delete(UUID1);
        fixture_refused(f, "build_and_run_instance", BUILD, "UnexpectedDeletingTaskStateError");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE task_state = 'deleting'"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
        fixture_do(f, "terminate_instance", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
}

/* As an operation of the journal, in the state in which a killed daemon left it. */
static void recovered(Fixture *f, Answer *ret) {
        fixture_call_as(f, "build_and_run_instance", BUILD, ORIGIN_RECOVERY, ret);
}

static void a_build_that_was_interrupted_is_undone_and_says_so(void **state _unused_) {
        static const TaskState tasks[] = { TASK_NETWORKING, TASK_BLOCK_DEVICE_MAPPING, TASK_SPAWNING };

        for (size_t n = 0; n < ELEMENTSOF(tasks); n++) {
                _fixture_ Fixture *f = ready(NULL);
                _answer_ Answer a;

                fixture_instance(f, 1, VM_BUILDING, tasks[n], POWER_NOSTATE, POWER_RUNNING);
                recovered(f, &a);
                assert_string_equal(a.exception.class_name, "BuildAbortException");
                assert_error(f, "BuildAbortException", "Build of instance " UUID1 " aborted: nova-compute ended while it was built");
        }
}

static void a_build_that_was_interrupted_elsewhere_ends_as_it_was(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _answer_ Answer a;

        /* Before its first save: it runs. */
        recovered(f, &a);
        assert_false(exception_is_set(&a.exception));
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        answer_done(&a);
        /* After its last: it is done. */
        recovered(f, &a);
        assert_false(exception_is_set(&a.exception));
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events"), 1);
}

static void the_recovery_of_the_host_undoes_a_build_too(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 1, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE, POWER_RUNNING);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'error' AND task_state IS NULL AND host IS NULL"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message LIKE 'nova-compute was stopped while%'"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_build_makes_a_guest_and_its_row),
                cmocka_unit_test(essexs_caller_says_what_it_is_beside_the_uuid),
                cmocka_unit_test(absurd_flavors_end_in_error_with_the_reason),
                cmocka_unit_test(what_no_host_has_room_for_is_refused_by_the_claim),
                cmocka_unit_test(images_that_do_not_fit_are_refused_in_novas_words),
                cmocka_unit_test(files_that_are_none_are_refused),
                cmocka_unit_test(volumes_need_a_service_that_is_not_here),
                cmocka_unit_test(an_object_of_wrong_types_or_versions_leaves_an_error_row),
                cmocka_unit_test(two_builds_of_one_instance_and_the_first_is_not_harmed),
                cmocka_unit_test(a_spawn_that_fails_is_undone),
                cmocka_unit_test(a_guest_that_was_there_before_the_build_is_left_alone),
                cmocka_unit_test(a_guest_that_comes_after_its_build_has_failed_is_reaped),
                cmocka_unit_test(a_network_without_addresses_aborts_the_build),
                cmocka_unit_test(a_delete_during_the_build_wins_quietly),
                cmocka_unit_test(a_delete_before_the_build_begins_wins_too),
                cmocka_unit_test(a_build_that_was_interrupted_is_undone_and_says_so),
                cmocka_unit_test(a_build_that_was_interrupted_elsewhere_ends_as_it_was),
                cmocka_unit_test(the_recovery_of_the_host_undoes_a_build_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

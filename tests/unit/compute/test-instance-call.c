/* The wrapper of the methods about one instance: what it finds, refuses, records and puts back around the body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json.h"
#include "compute/instance-methods.h"
#include "fixture.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define BY_UUID "{\"instance_uuid\": \"" UUID1 "\"}"
#define OBJECT(data, changes)                                                                                      \
        "{\"instance\": {\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\","                  \
        " \"nova_object.version\": \"2.7\", \"nova_object.data\": {\"uuid\": \"" UUID1 "\"" data "},"               \
        " \"nova_object.changes\": [" changes "]}}"

static Fixture *ready(void) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(NULL);

        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        return f;
}

static void assert_states(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, n, &i);
        assert_string_equal(vm_state_to_string(i.vm_state), vm_state_to_string(vm));
        assert_string_equal(strempty(task_state_to_string(i.task_state)), strempty(task_state_to_string(task)));
        assert_int_equal(i.power_state, power);
}

/* A caller without the role of an administrator. */
static void become_user(Fixture *f) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *message = json_pack("{s:s, s:s, s:b, s:[s], s:s}", "_context_user_id", "u1", "_context_project_id", "p1",
                                         "_context_is_admin", 0, "_context_roles", "member", "_context_request_id",
                                         "req-11111111-1111-4111-8111-111111111111");

        context_unref(f->context);
        assert_int_equal(context_from_message(message, &f->context, &e), 0);
}

static void both_ways_of_naming_an_instance_reach_the_same_row(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_do(f, "pause_instance", BY_UUID);
        assert_states(f, 1, VM_PAUSED, TASK_NONE, POWER_PAUSED);
        assert_int_equal(fixture_guest(f, 1), POWER_PAUSED);
        fixture_do(f, "unpause_instance", OBJECT("", ""));
        assert_states(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
}

static void what_names_no_instance_is_refused(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_refused(f, "stop_instance", "{}", "TypeError");
        fixture_refused(f, "stop_instance", "{\"instance_uuid\": 7}", "InvalidUUID");
        fixture_refused(f, "stop_instance", "{\"instance_uuid\": \"../../etc/passwd\"}", "InvalidUUID");
        fixture_refused(f, "stop_instance", "{\"instance\": null}", "InvalidUUID");
        fixture_refused(f, "stop_instance", "{\"instance\": {}}", "InvalidUUID");
        fixture_refused(f, "stop_instance", "{\"instance\": {\"nova_object.data\": {\"uuid\": \"" UUID1 "/..\"}}}", "InvalidUUID");
        fixture_refused(f, "stop_instance", BY_UUID, "InstanceNotFound");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions"), 0);
}

static void an_instance_of_this_host_that_is_not_known_is_adopted(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_refused(f, "stop_instance", OBJECT(", \"host\": \"other\", \"vm_state\": \"active\", \"id\": 9", ""), "InstanceNotFound");
        fixture_refused(f, "stop_instance", OBJECT(", \"host\": \"node1\", \"vm_state\": \"building\", \"id\": 9", ""), "InstanceNotFound");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances"), 0);
        /* No guest is there: the body fails, but the row is. */
        fixture_refused(f, "stop_instance",
                        OBJECT(", \"host\": \"node1\", \"vm_state\": \"active\", \"id\": 9, \"memory_mb\": 64", ""), "InstanceNotFound");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE id = 9 AND memory_mb = 64"
                                          " AND name = 'instance-00000009' AND host = 'node1' AND task_state IS NULL"), 1);
}

static void a_deleted_instance_does_not_come_back_by_a_late_message(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_do(f, "terminate_instance", BY_UUID);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
        fixture_refused(f, "stop_instance", OBJECT(", \"host\": \"node1\", \"vm_state\": \"active\"", ""), "InstanceNotFound");
        fixture_do(f, "terminate_instance", OBJECT(", \"host\": \"node1\", \"vm_state\": \"active\"", ""));
        fixture_do(f, "terminate_instance", BY_UUID);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'deleted' AND task_state IS NULL"), 1);
}

static void only_what_the_message_changed_is_taken_and_never_states(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_do(f, "pause_instance",
                   OBJECT(", \"display_name\": \"new\", \"hostname\": \"stale\", \"vm_state\": \"error\", \"host\": \"elsewhere\","
                          " \"task_state\": \"pausing\", \"locked\": true",
                          "\"display_name\", \"vm_state\", \"host\", \"task_state\", \"locked\""));
        assert_states(f, 1, VM_PAUSED, TASK_NONE, POWER_PAUSED);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE display_name = 'new' AND hostname IS NULL"
                                          " AND host = 'node1' AND locked = 0"), 1);
        fixture_refused(f, "unpause_instance", OBJECT(", \"display_name\": [1]", "\"display_name\""), "ValueError");
}

static void states_that_do_not_allow_it_are_told_in_novas_words(void **state _unused_) {
        _fixture_ Fixture *f = ready();
        _answer_ Answer a;

        fixture_instance(f, 1, VM_PAUSED, TASK_NONE, POWER_PAUSED, POWER_PAUSED);
        fixture_call(f, "start_instance", BY_UUID, &a);
        assert_string_equal(a.exception.class_name, "InstanceInvalidState");
        assert_string_equal(a.exception.message, "Instance " UUID1 " in vm_state paused. Cannot start while the instance is in"
                                                 " this state.");
        assert_int_equal(a.exception.code, 400);
        assert_string_equal(json_member_string(a.exception.kwargs, "method"), "start");
        answer_done(&a);

        fixture_instance(f, 2, VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, POWER_RUNNING);
        fixture_call(f, "pause_instance", "{\"instance_uuid\": \"6f9e2a10-0000-4000-8000-000000000002\"}", &a);
        assert_string_equal(a.exception.message, "Instance 6f9e2a10-0000-4000-8000-000000000002 in task_state reboot_started."
                                                 " Cannot pause while the instance is in this state.");
        /* A refusal leaves all as it is. */
        assert_states(f, 2, VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions"), 0);
}

static void one_that_is_being_deleted_gives_way_to_nothing_but_the_delete(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_DELETING, POWER_RUNNING, POWER_RUNNING);
        fixture_refused(f, "stop_instance", BY_UUID, "UnexpectedDeletingTaskStateError");
        fixture_refused(f, "soft_delete_instance", BY_UUID, "UnexpectedDeletingTaskStateError");
        assert_states(f, 1, VM_ACTIVE, TASK_DELETING, POWER_RUNNING);
        fixture_do(f, "terminate_instance", BY_UUID);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
}

static void a_locked_instance_refuses_all_but_administrators(void **state _unused_) {
        _fixture_ Fixture *f = ready();
        _answer_ Answer a;

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_do(f, "lock_instance", BY_UUID);
        fixture_call(f, "get_lock", BY_UUID, &a);
        assert_true(json_is_true(a.result));
        answer_done(&a);
        fixture_do(f, "pause_instance", BY_UUID);

        become_user(f);
        fixture_call(f, "unpause_instance", BY_UUID, &a);
        assert_string_equal(a.exception.class_name, "InstanceIsLocked");
        assert_string_equal(a.exception.message, "Instance " UUID1 " is locked");
        fixture_refused(f, "terminate_instance", BY_UUID, "InstanceIsLocked");
        assert_states(f, 1, VM_PAUSED, TASK_NONE, POWER_PAUSED);
        fixture_do(f, "unlock_instance", BY_UUID);
        fixture_do(f, "unpause_instance", BY_UUID);
}

static int fails_with_a_path(ComputeDriver *d _unused_, const Instance *i _unused_, NovaException *e) {
        return exception_setf(e, EXC_NOVA, "Cannot read /var/lib/nova/instances/x/disk: \"/srv/images/a b\" on /dev/vda is é%0300d", 1);
}

static void a_failure_is_a_fault_ends_the_event_and_clears_the_task(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->ops.pause = fails_with_a_path;
        become_user(f);
        fixture_refused(f, "pause_instance", BY_UUID, "NovaException");
        assert_states(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE code = 500 AND host = 'node1' AND"
                                          " length(CAST(message AS BLOB)) = 255 AND message LIKE 'Cannot read /var%'"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE details LIKE"
                                          " 'Traceback%nova.exception.NovaException: Cannot read <path>: \"<path> b\" on /dev/vda is%'"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions a JOIN instance_actions_events e ON e.action_id"
                                          " = a.id WHERE a.action = 'pause' AND a.message = 'Error' AND a.user_id = 'u1' AND"
                                          " a.project_id = 'p1' AND a.request_id LIKE 'req-1111%' AND e.event ="
                                          " 'compute_pause_instance' AND e.result = 'Error' AND e.details LIKE 'Cannot read%'"
                                          " AND e.traceback LIKE 'Traceback%' AND e.host = 'node1' AND e.finish_time NOT NULL"), 1);
}

static unsigned pauses;

static int has_no_room(ComputeDriver *d _unused_, const Instance *i _unused_, NovaException *e) {
        pauses++;
        (void) exception_setf(e, EXC_NOVA, "no room on the hypervisor's disk");
        return -ENOSPC;
}

/* A driver's errno says nothing about the store: nobody waits for it, nor begins the verb again. */
static void a_driver_without_room_is_not_taken_for_a_store_without_room(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->ops.pause = has_no_room;
        pauses = 0;
        fixture_refused(f, "pause_instance", BY_UUID, "NovaException");
        assert_int_equal(pauses, 1);
        assert_states(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 1);
}

static void a_success_is_an_event_of_the_requests_action(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        become_user(f);
        fixture_do(f, "stop_instance", BY_UUID);
        fixture_do(f, "start_instance", BY_UUID);
        /* One request, one action: what it asked for first. */
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions WHERE action = 'stop' AND message IS NULL"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE result = 'Success' AND traceback IS"
                                          " NULL AND details IS NULL AND finish_time >= start_time"), 2);
}

static int not_implemented(ComputeDriver *d _unused_, const Instance *i _unused_, NovaException *e) {
        return driver_not_implemented(e, "pause");
}

static void a_fault_that_is_not_novas_is_its_class(void **state _unused_) {
        _fixture_ Fixture *f = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->ops.pause = not_implemented;
        fixture_refused(f, "pause_instance", BY_UUID, "NotImplementedError");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE code = 500 AND message = 'NotImplementedError'"), 1);
}

/* The driver's call during which somebody asks for the deletion. */
static Fixture *racing;

static int deleted_meanwhile(ComputeDriver *d, const Instance *i, NovaException *e) {
        static const Argument none[] = { {} };
        static const Method terminate = { .name = "terminate_instance", .arguments = none, .instance = &method_terminate };
        json_auto_t *args = json_pack("{s:s}", "instance_uuid", i->uuid);
        Operation *o = NULL;

        assert_int_equal(operation_new(&o, &racing->m->manager, &terminate, racing->context, args, ORIGIN_RPC, NULL, NULL, e), 0);
        instance_call_accepted(o);
        operation_free(o);
        return racing->real->pause(d, i, e);
}

static void a_delete_that_is_accepted_meanwhile_wins(void **state _unused_) {
        _fixture_ Fixture *f = racing = ready();

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->ops.pause = deleted_meanwhile;
        fixture_refused(f, "pause_instance", BY_UUID, "UnexpectedDeletingTaskStateError");
        assert_states(f, 1, VM_ACTIVE, TASK_DELETING, POWER_RUNNING);
        fixture_do(f, "terminate_instance", BY_UUID);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE deleted = 0"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_ways_of_naming_an_instance_reach_the_same_row),
                cmocka_unit_test(what_names_no_instance_is_refused),
                cmocka_unit_test(an_instance_of_this_host_that_is_not_known_is_adopted),
                cmocka_unit_test(a_deleted_instance_does_not_come_back_by_a_late_message),
                cmocka_unit_test(only_what_the_message_changed_is_taken_and_never_states),
                cmocka_unit_test(states_that_do_not_allow_it_are_told_in_novas_words),
                cmocka_unit_test(one_that_is_being_deleted_gives_way_to_nothing_but_the_delete),
                cmocka_unit_test(a_locked_instance_refuses_all_but_administrators),
                cmocka_unit_test(a_failure_is_a_fault_ends_the_event_and_clears_the_task),
                cmocka_unit_test(a_driver_without_room_is_not_taken_for_a_store_without_room),
                cmocka_unit_test(a_success_is_an_event_of_the_requests_action),
                cmocka_unit_test(a_fault_that_is_not_novas_is_its_class),
                cmocka_unit_test(a_delete_that_is_accepted_meanwhile_wins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

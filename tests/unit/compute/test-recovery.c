/* init_host: the driver first, then every instance by itself (checklist 45, 46; F3 to F6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"

static void each_state_has_its_recovery(void **state _unused_) {
        static const struct {
                VmState vm;
                TaskState task;
                PowerState guest;
                RecoveryAction action;
        } rows[] = {
                { VM_ACTIVE, TASK_NONE, POWER_RUNNING, RECOVERY_CONTINUE },
                { VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, RECOVERY_CONTINUE },
                { VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, RECOVERY_LEAVE },
                { VM_ERROR, TASK_NONE, POWER_NOSTATE, RECOVERY_LEAVE },
                { VM_ERROR, TASK_SPAWNING, POWER_NOSTATE, RECOVERY_LEAVE },
                { VM_ERROR, TASK_DELETING, POWER_NOSTATE, RECOVERY_DELETE },
                { VM_ERROR, TASK_RESIZE_MIGRATING, POWER_SHUTDOWN, RECOVERY_REVERT_MIGRATION },
                { VM_DELETED, TASK_NONE, POWER_NOSTATE, RECOVERY_FORGET },
                { VM_BUILDING, TASK_NONE, POWER_NOSTATE, RECOVERY_ERROR },
                { VM_BUILDING, TASK_SPAWNING, POWER_RUNNING, RECOVERY_ERROR },
                { VM_BUILDING, TASK_DELETING, POWER_NOSTATE, RECOVERY_DELETE },
                { VM_ACTIVE, TASK_SCHEDULING, POWER_RUNNING, RECOVERY_ERROR },
                { VM_ACTIVE, TASK_NETWORKING, POWER_RUNNING, RECOVERY_ERROR },
                { VM_ACTIVE, TASK_REBUILDING, POWER_RUNNING, RECOVERY_ERROR },
                { VM_STOPPED, TASK_REBUILD_SPAWNING, POWER_SHUTDOWN, RECOVERY_ERROR },
                { VM_ACTIVE, TASK_IMAGE_SNAPSHOT, POWER_RUNNING, RECOVERY_CLEAR_TASK },
                { VM_ACTIVE, TASK_IMAGE_UPLOADING, POWER_RUNNING, RECOVERY_CLEAR_TASK },
                { VM_ACTIVE, TASK_RESIZE_PREP, POWER_RUNNING, RECOVERY_CLEAR_TASK },
                { VM_ACTIVE, TASK_DELETING, POWER_RUNNING, RECOVERY_DELETE },
                { VM_ACTIVE, TASK_REBOOT_PENDING, POWER_RUNNING, RECOVERY_REBOOT_SOFT },
                { VM_ACTIVE, TASK_REBOOT_PENDING, POWER_SHUTDOWN, RECOVERY_REBOOT_HARD },
                { VM_STOPPED, TASK_REBOOT_PENDING_HARD, POWER_SHUTDOWN, RECOVERY_REBOOT_HARD },
                { VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, RECOVERY_ACTIVE },
                { VM_ACTIVE, TASK_REBOOT_STARTED, POWER_SHUTDOWN, RECOVERY_REBOOT_HARD },
                { VM_ACTIVE, TASK_REBOOT_STARTED_HARD, POWER_NOSTATE, RECOVERY_REBOOT_HARD },
                { VM_ACTIVE, TASK_REBOOTING, POWER_RUNNING, RECOVERY_CONTINUE },
                { VM_ACTIVE, TASK_PAUSING, POWER_RUNNING, RECOVERY_ACTIVE },
                { VM_ACTIVE, TASK_PAUSING, POWER_PAUSED, RECOVERY_CONTINUE },
                { VM_PAUSED, TASK_UNPAUSING, POWER_RUNNING, RECOVERY_ACTIVE },
                { VM_PAUSED, TASK_UNPAUSING, POWER_PAUSED, RECOVERY_UNPAUSE },
                { VM_ACTIVE, TASK_POWERING_OFF, POWER_RUNNING, RECOVERY_POWER_OFF },
                { VM_STOPPED, TASK_POWERING_ON, POWER_SHUTDOWN, RECOVERY_POWER_ON },
                { VM_ACTIVE, TASK_RESIZE_MIGRATING, POWER_SHUTDOWN, RECOVERY_REVERT_MIGRATION },
                { VM_ACTIVE, TASK_MIGRATING, POWER_RUNNING, RECOVERY_ABORT_LIVE_MIGRATION },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                RecoveryAction a = recovery_action(rows[n].vm, rows[n].task, rows[n].guest);

                if (a != rows[n].action)
                        fail_msg("row %zu: %s, not %s", n, recovery_action_to_string(a), recovery_action_to_string(rows[n].action));
        }
}

/* ---- a trace of who was asked in which order ---- */

static Fixture *traced;
static char trace[256];

static int traced_init_host(ComputeDriver *d, const char *host, NovaException *e) {
        strcat(strcat(strcat(trace, "init_host("), host), ") ");
        return traced->real->init_host(d, host, e);
}

static int traced_get_info(ComputeDriver *d, const Instance *i, DomainInfo *ret, NovaException *e) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&lock);
        if (!strstr(trace, "get_info"))
                strcat(trace, "get_info ");
        pthread_mutex_unlock(&lock);
        return traced->real->get_info(d, i, ret, e);
}

/* checklist: 46 */
static void the_driver_is_initialised_first_and_once_with_the_host(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        traced = f;
        trace[0] = '\0';
        f->ops.init_host = traced_init_host;
        f->ops.get_info = traced_get_info;

        assert_int_equal(f->m->manager.ops->init_host(&f->m->manager, f->context, &e), 0);
        fixture_settle(f);
        assert_string_equal(trace, "init_host(node1) get_info ");

        /* Called again, as after a later step failed: the driver is not. */
        assert_int_equal(f->m->manager.ops->init_host(&f->m->manager, f->context, &e), 0);
        fixture_settle(f);
        assert_string_equal(trace, "init_host(node1) get_info ");
        assert_true(compute_manager_hypervisor_connected(f->m));
}

/* checklist: 45 */
static void instances_in_each_state_are_put_right(void **state _unused_) {
        static const struct {
                VmState vm;
                TaskState task;
                PowerState power, guest;
                VmState vm_after;
                PowerState guest_after;
                bool deleted;
        } rows[] = {
                { VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING, VM_ACTIVE, POWER_RUNNING, false },
                { VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE, POWER_NOSTATE, VM_ERROR, POWER_NOSTATE, false },
                { VM_ACTIVE, TASK_REBUILDING, POWER_RUNNING, POWER_RUNNING, VM_ERROR, POWER_RUNNING, false },
                { VM_ACTIVE, TASK_IMAGE_SNAPSHOT, POWER_RUNNING, POWER_RUNNING, VM_ACTIVE, POWER_RUNNING, false },
                { VM_ACTIVE, TASK_DELETING, POWER_RUNNING, POWER_RUNNING, VM_DELETED, POWER_NOSTATE, true },
                { VM_DELETED, TASK_NONE, POWER_NOSTATE, POWER_NOSTATE, VM_DELETED, POWER_NOSTATE, true },
                { VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, POWER_SHUTDOWN, VM_ACTIVE, POWER_RUNNING, false },
                { VM_ACTIVE, TASK_PAUSING, POWER_RUNNING, POWER_RUNNING, VM_ACTIVE, POWER_RUNNING, false },
                { VM_PAUSED, TASK_UNPAUSING, POWER_PAUSED, POWER_PAUSED, VM_ACTIVE, POWER_RUNNING, false },
                { VM_ACTIVE, TASK_POWERING_OFF, POWER_RUNNING, POWER_RUNNING, VM_STOPPED, POWER_SHUTDOWN, false },
                { VM_STOPPED, TASK_POWERING_ON, POWER_SHUTDOWN, POWER_SHUTDOWN, VM_ACTIVE, POWER_RUNNING, false },
                { VM_ACTIVE, TASK_MIGRATING, POWER_RUNNING, POWER_RUNNING, VM_ACTIVE, POWER_RUNNING, false },
                { VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN, VM_SOFT_DELETED, POWER_SHUTDOWN, false },
                { VM_ERROR, TASK_NONE, POWER_NOSTATE, POWER_NOSTATE, VM_ERROR, POWER_NOSTATE, false },
        };
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        for (unsigned n = 0; n < ELEMENTSOF(rows); n++)
                fixture_instance(f, n, rows[n].vm, rows[n].task, rows[n].power, rows[n].guest);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);

        for (unsigned n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, n, &i);
                if (i.vm_state != rows[n].vm_after || i.task_state != TASK_NONE || i.deleted != rows[n].deleted ||
                    fixture_guest(f, n) != rows[n].guest_after)
                        fail_msg("row %u: %s, %s, deleted %d, guest %s", n, vm_state_to_string(i.vm_state),
                                 i.task_state == TASK_NONE ? "no task" : task_state_to_string(i.task_state), i.deleted,
                                 power_state_to_string(fixture_guest(f, n)));
        }
        /* Those two whose work was cut in the middle have a fault each. */
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 2);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE code = 500 AND host = 'node1' AND "
                                          "message LIKE 'nova-compute was stopped while%'"), 2);
}

/* checklist: 45 */
static void no_peer_is_asked_at_the_start(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        for (unsigned n = 0; n < 5; n++)
                fixture_instance(f, n, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

static int plug_vifs_fails_for_one(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e) {
        char uuid[UUID_TEXT_MAX];

        if (streq(i->uuid, fixture_uuid(1, uuid)))
                return exception_setf(e, EXC_NOVA, "binding failed for port abc");
        return traced->real->plug_vifs(d, i, network_info, e);
}

static void give_network(Fixture *f, unsigned n) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, n, &i);
        free(i.network_info);
        i.network_info = strdup("[{\"id\": \"vif\", \"address\": \"fa:16:3e:00:00:01\"}]");
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, &e), 1);
}

/* checklist: 45 */
static void one_bad_instance_ends_in_error_with_a_fault_and_the_others_go_on(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX];

        for (unsigned n = 0; n < 3; n++) {
                fixture_instance(f, n, VM_ACTIVE, n == 2 ? TASK_IMAGE_SNAPSHOT : TASK_NONE, POWER_RUNNING, POWER_RUNNING);
                give_network(f, n);
        }
        traced = f;
        f->ops.plug_vifs = plug_vifs_fails_for_one;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);

        for (unsigned n = 0; n < 3; n++) {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, n, &i);
                assert_int_equal(i.vm_state, n == 1 ? VM_ERROR : VM_ACTIVE);
                assert_int_equal(i.task_state, TASK_NONE);
                assert_int_equal(fixture_guest(f, n), POWER_RUNNING);
        }
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message = 'binding failed for port abc'"), 1);

        /* It is named to the operator, until somebody has repaired it. */
        assert_non_null(strstr(strempty(f->m->manager.ops->trouble(&f->m->manager)), fixture_uuid(1, uuid)));
        assert_true(f->notified & MANAGER_CHANGED_INSTANCES);
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 1, &i);
                i.vm_state = VM_ACTIVE;
                assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, &e), 1);
        }
        assert_int_equal(compute_sync_power_states(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_null(f->m->manager.ops->trouble(&f->m->manager));
}

/* A request that the store broke off: by itself, as soon as the store is back. */
static void one_that_a_request_left_half_way_ends_in_error_just_so(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_(instance_done) Instance i = {};
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 1, VM_ACTIVE, TASK_REBOOTING, POWER_RUNNING, POWER_RUNNING);
        give_network(f, 1);
        traced = f;
        f->ops.plug_vifs = plug_vifs_fails_for_one;

        compute_recover_when_stored(f->m, f->context, fixture_uuid(1, uuid));
        fixture_read(f, 1, &i);
        assert_int_equal(i.vm_state, VM_ERROR);
        assert_int_equal(i.task_state, TASK_NONE);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message = 'binding failed for port abc'"), 1);
        assert_non_null(strstr(strempty(f->m->manager.ops->trouble(&f->m->manager)), uuid));
}

static void write_boot_id(Fixture *f, const char *id) {
        static char path[128];
        FILE *file;

        snprintf(path, sizeof path, "%s/boot_id", f->dir);
        file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "%s\n", id);
        fclose(file);
        f->m->boot_id_path = path;
}

static void start_of_guests(const char *option, bool first_start, bool booted, PowerState running, PowerState stopped,
                            PowerState was_off) {
        const char *assignments[] = { option, NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_instance(f, 1, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_instance(f, 2, VM_ACTIVE, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        write_boot_id(f, "boot-2");
        if (!first_start)
                assert_true(f->store->ops->setting_set(f->store, "boot_id", booted ? "boot-1" : "boot-2") >= 0);

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(fixture_guest(f, 0), running);
        assert_int_equal(fixture_guest(f, 1), stopped);
        assert_int_equal(fixture_guest(f, 2), was_off);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM settings WHERE name = 'boot_id' AND value = 'boot-2'"), 1);
}

/* checklist: 45 */
static void guests_are_restarted_only_after_the_host_has_booted(void **state _unused_) {
        start_of_guests("resume_guests_state_on_host_boot=true", false, true, POWER_RUNNING, POWER_SHUTDOWN, POWER_SHUTDOWN);
        start_of_guests("resume_guests_state_on_host_boot=true", false, false, POWER_SHUTDOWN, POWER_SHUTDOWN, POWER_SHUTDOWN);
        start_of_guests("resume_guests_state_on_host_boot=true", true, true, POWER_SHUTDOWN, POWER_SHUTDOWN, POWER_SHUTDOWN);
        start_of_guests("start_guests_on_host_boot=true", false, true, POWER_RUNNING, POWER_SHUTDOWN, POWER_RUNNING);
        start_of_guests("start_guests_on_host_boot=true", false, false, POWER_SHUTDOWN, POWER_SHUTDOWN, POWER_SHUTDOWN);
        start_of_guests("start_guests_on_host_boot=false", false, true, POWER_SHUTDOWN, POWER_SHUTDOWN, POWER_SHUTDOWN);
}

static bool is_active(Fixture *f) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, 0, &i);
        return i.vm_state == VM_ACTIVE && i.task_state == TASK_NONE;
}

static int answered_just_before(ComputeDriver *d _unused_, char ***ret, NovaException *e _unused_) {
        const char *const names[] = { "node1", NULL };

        *ret = strv_copy((char *const *) names);
        return 0;
}

/* checklist: 45 */
static void an_instance_is_not_blamed_for_an_absent_hypervisor(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};

        fixture_instance(f, 0, VM_ACTIVE, TASK_IMAGE_SNAPSHOT, POWER_RUNNING, POWER_RUNNING);
        write_boot_id(f, "boot-2");
        assert_true(f->store->ops->setting_set(f->store, "boot_id", "boot-1") >= 0);
        assert_int_equal(f->driver->ops->init_host(f->driver, "node1", &e), 0);
        f->m->driver_ready = true;
        fake_driver_set_connected(f->driver, false, "socket closed");
        f->ops.get_available_nodes = answered_just_before;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        f->ops.get_available_nodes = f->real->get_available_nodes;
        fixture_settle(f);
        fixture_read(f, 0, &i);
        assert_int_equal(i.vm_state, VM_ACTIVE);
        assert_int_equal(i.task_state, TASK_IMAGE_SNAPSHOT);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
        assert_false(compute_manager_hypervisor_connected(f->m));
        assert_string_equal(compute_manager_hypervisor_error(f->m), "socket closed");
        /* That the host has booted is not forgotten before all are recovered. */
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM settings WHERE value = 'boot-1'"), 1);

        /* It comes back, and the recovery with it. */
        fake_driver_set_connected(f->driver, true, NULL);
        fixture_wait(f, is_active);
        fixture_settle(f);
        assert_true(compute_manager_hypervisor_connected(f->m));
        assert_null(f->m->manager.ops->trouble(&f->m->manager));
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM settings WHERE value = 'boot-2'"), 1);
}

static void a_driver_that_cannot_connect_is_an_error_that_is_shown(void **state _unused_) {
        const char *assignments[] = { "fake.fault=init_host:fail:HypervisorUnavailable:1", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, none = NOVA_EXCEPTION_NULL;

        fixture_row(f, 0, VM_ACTIVE, TASK_IMAGE_SNAPSHOT, POWER_RUNNING);
        assert_true(compute_init_host(f->m, f->context, &e) < 0);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        fixture_settle(f);
        assert_false(compute_manager_hypervisor_connected(f->m));
        assert_non_null(strstr(strempty(f->m->manager.ops->trouble(&f->m->manager)), "is not connected"));
        assert_true(f->notified & MANAGER_CHANGED_HYPERVISOR);
        assert_false(is_active(f));

        assert_int_equal(compute_init_host(f->m, f->context, &none), 0);
        fixture_wait(f, is_active);
        fixture_settle(f);
        assert_null(f->m->manager.ops->trouble(&f->m->manager));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_state_has_its_recovery),
                cmocka_unit_test(the_driver_is_initialised_first_and_once_with_the_host),
                cmocka_unit_test(instances_in_each_state_are_put_right),
                cmocka_unit_test(no_peer_is_asked_at_the_start),
                cmocka_unit_test(one_bad_instance_ends_in_error_with_a_fault_and_the_others_go_on),
                cmocka_unit_test(one_that_a_request_left_half_way_ends_in_error_just_so),
                cmocka_unit_test(guests_are_restarted_only_after_the_host_has_booted),
                cmocka_unit_test(an_instance_is_not_blamed_for_an_absent_hypervisor),
                cmocka_unit_test(a_driver_that_cannot_connect_is_an_error_that_is_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

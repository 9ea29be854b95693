/* The table holds every method of Nova's compute API, of today and of Essex: carried out, or refused in Nova's words where a
 * service or host that is not here would be needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "basic/json.h"
#include "compute/refused.h"
#include "fixture.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define BY_UUID "{\"instance_uuid\": \"" UUID1 "\"}"

/* zed 5.2, essex 11.6. */
static const char *const of_zed[] = {
        "add_fixed_ip_to_instance", "attach_interface", "attach_volume", "backup_instance",
        "build_and_run_instance", "cache_images", "check_can_live_migrate_destination",
        "check_can_live_migrate_source", "check_instance_shared_storage", "confirm_resize",
        "confirm_snapshot_based_resize_at_source", "detach_interface", "detach_volume",
        "drop_move_claim_at_destination", "extend_volume", "external_instance_event", "finish_resize",
        "finish_revert_resize", "finish_revert_snapshot_based_resize_at_source",
        "finish_snapshot_based_resize_at_dest", "get_console_output", "get_diagnostics", "get_host_uptime",
        "get_instance_diagnostics", "get_mks_console", "get_rdp_console", "get_serial_console",
        "get_spice_console", "get_vnc_console", "host_maintenance_mode", "host_power_action",
        "inject_network_info", "live_migration", "live_migration_abort", "live_migration_force_complete",
        "pause_instance", "post_live_migration_at_destination", "pre_live_migration", "prep_resize",
        "prep_snapshot_based_resize_at_dest", "prep_snapshot_based_resize_at_source", "quiesce_instance",
        "reboot_instance", "rebuild_instance", "remove_fixed_ip_from_instance", "remove_volume_connection",
        "rescue_instance", "reserve_block_device_name", "resize_instance", "restore_instance",
        "resume_instance", "revert_resize", "revert_snapshot_based_resize_at_dest",
        "rollback_live_migration_at_destination", "set_admin_password", "set_host_enabled", "shelve_instance",
        "shelve_offload_instance", "snapshot_instance", "soft_delete_instance", "start_instance",
        "stop_instance", "suspend_instance", "swap_volume", "terminate_instance", "trigger_crash_dump",
        "unpause_instance", "unquiesce_instance", "unrescue_instance", "unshelve_instance",
        "update_available_resource", "validate_console_port", "volume_snapshot_create",
        "volume_snapshot_delete",
};

static const char *const of_essex[] = {
        "add_aggregate_host", "add_fixed_ip_to_instance", "agent_update", "attach_volume",
        "check_shared_storage_test_file", "cleanup_shared_storage_test_file", "compare_cpu", "confirm_resize",
        "create_shared_storage_test_file", "detach_volume", "finish_resize", "finish_revert_resize",
        "get_console_output", "get_console_pool_info", "get_console_topic", "get_diagnostics",
        "get_instance_disk_info", "get_lock", "get_vnc_console", "host_maintenance_mode", "host_power_action",
        "inject_file", "inject_network_info", "live_migration", "lock_instance", "pause_instance",
        "post_live_migration", "post_live_migration_at_destination", "power_off_instance", "power_on_instance",
        "pre_live_migration", "prep_resize", "reboot_instance", "rebuild_instance",
        "refresh_provider_fw_rules", "refresh_security_group_members", "refresh_security_group_rules",
        "remove_aggregate_host", "remove_fixed_ip_from_instance", "remove_volume_connection",
        "rescue_instance", "reset_network", "resize_instance", "resume_instance", "revert_resize",
        "rollback_live_migration", "rollback_live_migration_at_destination", "rotate_backups", "run_instance",
        "service_config", "service_version", "set_admin_password", "set_host_enabled", "snapshot_instance",
        "start_instance", "stop_instance", "suspend_instance", "terminate_instance", "unlock_instance",
        "unpause_instance", "unrescue_instance", "update_available_resource",
};

static void every_method_of_nova_is_in_the_table(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        char missing[1024] = "";

        for (size_t n = 0; n < ELEMENTSOF(of_zed); n++)
                if (!manager_method(&f->m->manager, of_zed[n], SERVED_ZED))
                        snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s", of_zed[n]);
        for (size_t n = 0; n < ELEMENTSOF(of_essex); n++)
                if (!manager_method(&f->m->manager, of_essex[n], SERVED_ESSEX))
                        snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s (Essex)", of_essex[n]);
        if (*missing)
                fail_msg("not in the table:%s", missing);
}

static void no_row_is_there_twice_for_one_caller(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        const Method *all;
        size_t n;

        all = f->m->manager.ops->methods(&f->m->manager, &n);
        for (size_t i = 0; i < n; i++) {
                assert_non_null(all[i].run);
                assert_non_null(all[i].arguments);
                assert_true(all[i].served != 0);
                if (all[i].recovery == RECOVER_UNDO)
                        assert_non_null(all[i].undo);
                for (size_t k = 0; k < i; k++)
                        if (streq(all[i].name, all[k].name) && (all[i].served & all[k].served))
                                fail_msg("%s has two rows", all[i].name);
        }
}

/* Of those that change something the journal must know what a start does with them; those that do not must be repeatable. */
static void flags_agree_with_each_other(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        const Method *all;
        size_t n;

        all = f->m->manager.ops->methods(&f->m->manager, &n);
        for (size_t i = 0; i < n; i++) {
                bool changes = all[i].flags & METHOD_CHANGES_STATE;

                if (!changes && !(all[i].flags & METHOD_REPEATABLE))
                        fail_msg("%s changes nothing, so it can be repeated", all[i].name);
                if (!changes && (all[i].recovery != RECOVER_FAIL || all[i].accepted))
                        fail_msg("%s is not journalled, so it is not recovered", all[i].name);
                if (changes && !all[i].deadline)
                        fail_msg("%s has no deadline", all[i].name);
                if ((all[i].flags & METHOD_PER_INSTANCE) && all[i].kind == JOB_QUERY)
                        fail_msg("%s is a query and waits for its instance", all[i].name);
        }
}

/* ---- refusals ---- */

static void refusals_have_novas_words_and_change_nothing(void **state _unused_) {
        static const struct {
                const char *method, *class_name, *message;
                bool fault, event;
        } rows[] = {
                { "reserve_block_device_name", "InvalidVolume", "Invalid volume: there is no volume service", true, false },
                { "attach_volume", "CinderConnectionFailed", "Connection to cinder host failed: there is no volume service", true, true },
                { "detach_volume", "VolumeBDMNotFound", "No volume Block Device Mapping with id vol-1.", true, true },
                { "swap_volume", "CinderConnectionFailed", "Connection to cinder host failed: there is no volume service", true, true },
                { "volume_snapshot_create", "CinderConnectionFailed", "Connection to cinder host failed: there is no volume service", false, false },
                { "volume_snapshot_delete", "CinderConnectionFailed", "Connection to cinder host failed: there is no volume service", false, false },
                { "remove_volume_connection", "CinderConnectionFailed", "Connection to cinder host failed: there is no volume service", false, false },
                { "prep_resize", "UnableToMigrateToSelf", "Unable to migrate instance (" UUID1 ") to current host (node1).", true, true },
                { "resize_instance", "MigrationError", "Migration error: no other host is known to move instance " UUID1 " from or to", true, true },
                { "confirm_resize", "MigrationNotFoundByStatus", "Migration not found for instance " UUID1 " with status finished.", true, true },
                { "revert_resize", "MigrationNotFoundByStatus", "Migration not found for instance " UUID1 " with status finished.", true, true },
                { "shelve_instance", "GlanceConnectionFailed", "Connection to glance host failed: there is no image service to shelve into", true, true },
                { "unshelve_instance", "GlanceConnectionFailed", "Connection to glance host failed: there is no image service to shelve into", true, true },
                { "check_can_live_migrate_destination", "MigrationPreCheckError",
                  "Migration pre-check error: no other host is known to move instance " UUID1 " from", true, true },
                { "live_migration", "MigrationError", "Migration error: no other host is known to move instance " UUID1 " from or to", true, true },
                { "live_migration_abort", "MigrationNotFoundByStatus", "Migration not found for instance " UUID1 " with status running.", true, true },
        };
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int64_t faults = 0, events = 0;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                static const char *const args = "{\"instance\": {\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\","
                        " \"nova_object.version\": \"2.7\", \"nova_object.data\": {\"uuid\": \"" UUID1 "\", \"task_state\": \"resize_prep\"},"
                        " \"nova_object.changes\": [\"task_state\"]}, \"volume_id\": \"vol-1\", \"anything\": {\"else\": 1}}";
                _answer_ Answer a;

                fixture_call(f, rows[n].method, args, &a);
                if (!exception_is_set(&a.exception))
                        fail_msg("%s was carried out", rows[n].method);
                assert_string_equal(a.exception.class_name, rows[n].class_name);
                assert_string_equal(a.exception.message, rows[n].message);
                assert_string_equal(a.exception.module, "nova.exception");
                assert_true(method_is_refused(rows[n].method));
                faults += rows[n].fault;
                events += rows[n].event;
                if (fixture_query(f, "SELECT count(*) FROM instance_faults") != faults)
                        fail_msg("%s: the fault", rows[n].method);
                if (fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE result = 'Error'") != events)
                        fail_msg("%s: the event", rows[n].method);
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND task_state IS NULL"
                                                  " AND power_state = 1 AND host = 'node1'"), 1);
        }
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_false(method_is_refused("stop_instance"));
        fixture_refused(f, "prep_resize", "{}", "TypeError");
        fixture_refused(f, "prep_resize", "{\"instance_uuid\": \"6f9e2a10-0000-4000-8000-000000000009\"}", "InstanceNotFound");
        fixture_do(f, "drop_move_claim_at_destination", BY_UUID);
}

static void essex_names_instances_by_number_where_it_moves_them(void **state _unused_) {
        static const struct {
                const char *method, *args, *class_name, *message;
        } rows[] = {
                { "live_migration", "{\"instance_id\": 7, \"dest\": \"node2\", \"block_migration\": false}", "MigrationError",
                  "Migration error: no other host is known to move instance 7 from or to" },
                { "pre_live_migration", "{\"instance_id\": 7}", "MigrationError", "Migration error: no other host is known to move instance 7 from or to" },
                { "remove_volume_connection", "{\"instance_id\": 7, \"volume_id\": 3}", "CinderConnectionFailed",
                  "Connection to cinder host failed: there is no volume service" },
                { "add_aggregate_host", "{\"aggregate_id\": 3, \"host\": \"node1\"}", "AggregateError",
                  "Aggregate 3: action 'add_aggregate_host' caused an error: aggregates are not kept here." },
                { "remove_aggregate_host", "{\"aggregate_id\": \"x\"}", "AggregateError",
                  "Aggregate x: action 'remove_aggregate_host' caused an error: aggregates are not kept here." },
        };
        _fixture_ Fixture *f = fixture_new(NULL);

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                const Method *m = manager_method(&f->m->manager, rows[n].method, SERVED_ESSEX);
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *args = json_loads(rows[n].args, 0, NULL), *result = NULL;
                _cleanup_(operation_freep) Operation *o = NULL;

                assert_int_equal(operation_new(&o, &f->m->manager, m, f->context, args, ORIGIN_RPC, NULL, NULL, &e), 0);
                assert_true(m->run(o, &result, &e) < 0);
                assert_string_equal(e.class_name, rows[n].class_name);
                assert_string_equal(e.message, rows[n].message);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_method_of_nova_is_in_the_table),
                cmocka_unit_test(no_row_is_there_twice_for_one_caller),
                cmocka_unit_test(flags_agree_with_each_other),
                cmocka_unit_test(refusals_have_novas_words_and_change_nothing),
                cmocka_unit_test(essex_names_instances_by_number_where_it_moves_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

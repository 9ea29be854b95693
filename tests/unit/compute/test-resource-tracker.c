/* The tracker's arithmetic, and the rows it keeps (zed 4.3; F18, F66). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json.h"
#include "compute/resource-tracker.h"
#include "fixture.h"

#define TEXT(s) ((char *) (s))

static void used_and_free_follow_from_instances_and_reservations(void **state _unused_) {
        static const struct {
                const char *what;
                Instance instances[3];
                size_t n;
                bool first;
                ResourceSettings settings;
                int64_t vcpus_used, memory_used, local_used, free_ram, free_disk, running, workload;
        } rows[] = {
                { "nothing", {}, 0, true, { .reserved_host_memory_mb = 512 }, 0, 512, 0, 15488, 100, 0, 0 },
                { "reservations; disk is divided",
                  {}, 0, true, { .reserved_host_memory_mb = 1024, .reserved_host_disk_mb = 10 * 1024 + 1023, .reserved_host_cpus = 2 },
                  2, 1024, 10, 14976, 90, 0, 0 },
                { "two instances, swap truncated",
                  { { .vm_state = VM_ACTIVE, .memory_mb = 2048, .vcpus = 2, .root_gb = 20, .ephemeral_gb = 5, .swap_mb = 1023 },
                    { .vm_state = VM_STOPPED, .memory_mb = 512, .vcpus = 1, .root_gb = 1, .swap_mb = 2048 } },
                  2, true, {}, 3, 2560, 28, 13440, 72, 2, 0 },
                { "a root disk on a volume does not count",
                  { { .vm_state = VM_ACTIVE, .memory_mb = 512, .vcpus = 1, .root_gb = 20, .ephemeral_gb = 5, .volume_backed = true } },
                  1, true, {}, 1, 512, 5, 15488, 95, 1, 0 },
                { "deleted and offloaded ones do not count, one being unshelved does",
                  { { .vm_state = VM_DELETED, .memory_mb = 512, .vcpus = 1, .root_gb = 1 },
                    { .vm_state = VM_SHELVED_OFFLOADED, .memory_mb = 512, .vcpus = 1, .root_gb = 1 },
                    { .vm_state = VM_SHELVED_OFFLOADED, .task_state = TASK_SPAWNING, .memory_mb = 512, .vcpus = 1, .root_gb = 1 } },
                  3, true, {}, 1, 512, 1, 15488, 99, 1, 1 },
                { "of another node",
                  { { .vm_state = VM_ACTIVE, .node = TEXT("node2"), .memory_mb = 512, .vcpus = 1 },
                    { .vm_state = VM_ACTIVE, .node = TEXT("node1"), .memory_mb = 256, .vcpus = 1 } },
                  2, true, {}, 1, 256, 0, 15744, 100, 1, 0 },
                { "of no node, and this is not the first",
                  { { .vm_state = VM_ACTIVE, .memory_mb = 512, .vcpus = 1 } }, 1, false, {}, 0, 0, 0, 16000, 100, 0, 0 },
                { "over-committed: free goes below nothing",
                  { { .vm_state = VM_ACTIVE, .memory_mb = 20000, .vcpus = 1, .root_gb = 120 } },
                  1, true, {}, 1, 20000, 120, -4000, -20, 1, 0 },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(compute_node_done) ComputeNode node = {
                        .hypervisor_hostname = strdup("node1"), .vcpus = 8, .memory_mb = 16000, .local_gb = 100,
                        /* the hypervisor's view, which is overwritten */
                        .vcpus_used = 77, .memory_mb_used = 77, .local_gb_used = 77, .running_vms = 77,
                };
                InstanceList list = { .items = (Instance *) rows[n].instances, .n = rows[n].n };

                assert_int_equal(resource_tracker_compute(&node, &list, rows[n].first, &rows[n].settings), 0);
                if (node.vcpus_used != rows[n].vcpus_used || node.memory_mb_used != rows[n].memory_used ||
                    node.local_gb_used != rows[n].local_used || node.free_ram_mb != rows[n].free_ram ||
                    node.free_disk_gb != rows[n].free_disk || node.running_vms != rows[n].running ||
                    node.current_workload != rows[n].workload)
                        fail_msg("%s: vcpus %d memory %d disk %d free %d %d running %d workload %d", rows[n].what,
                                 (int) node.vcpus_used, (int) node.memory_mb_used, (int) node.local_gb_used, (int) node.free_ram_mb,
                                 (int) node.free_disk_gb, (int) node.running_vms, (int) node.current_workload);
        }
}

static void stats_count_states_systems_and_projects_as_texts(void **state _unused_) {
        Instance instances[] = {
                { .vm_state = VM_ACTIVE, .os_type = TEXT("linux"), .project_id = TEXT("p1") },
                { .vm_state = VM_ACTIVE, .task_state = TASK_IMAGE_SNAPSHOT, .project_id = TEXT("p1") },
                { .vm_state = VM_BUILDING, .task_state = TASK_SPAWNING, .os_type = TEXT("linux"), .project_id = TEXT("p2") },
        };
        InstanceList list = { .items = instances, .n = ELEMENTSOF(instances) };
        _cleanup_(compute_node_done) ComputeNode node = { .stats = json_pack("{s:s, s:s}", "failed_builds", "3", "num_vm_error", "9") };
        json_auto_t *expected = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "failed_builds", "3",
                                          "num_instances", "3", "num_vm_active", "2", "num_vm_building", "1", "num_task_None", "1",
                                          "num_task_image_snapshot", "1", "num_task_spawning", "1", "num_os_type_linux", "2",
                                          "num_os_type_None", "1", "num_proj_p1", "2", "num_proj_p2", "1", "io_workload", "2");
        ResourceSettings settings = {};

        assert_int_equal(resource_tracker_compute(&node, &list, true, &settings), 0);
        if (!json_equal(node.stats, expected)) {
                _cleanup_free_ char *text = json_dumps(node.stats, JSON_SORT_KEYS);

                fail_msg("stats are %s", text);
        }
        assert_int_equal(node.current_workload, 2);
}

static void ratios_are_configured_or_the_rows_own_or_initial(void **state _unused_) {
        static const struct {
                double configured, own, initial, result;
        } rows[] = { { 0, 0, 16, 16 }, { 0, 4, 16, 4 }, { 2, 4, 16, 2 }, { 2, 0, 16, 2 } };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(compute_node_done) ComputeNode node = { .cpu_allocation_ratio = rows[n].own };
                ResourceSettings settings = {
                        .cpu_allocation_ratio = rows[n].configured, .initial_cpu_allocation_ratio = rows[n].initial,
                };
                InstanceList none = {};

                assert_int_equal(resource_tracker_compute(&node, &none, true, &settings), 0);
                assert_true(node.cpu_allocation_ratio == rows[n].result);
        }
}

/* ---- rows ---- */

static void the_row_is_created_complete_and_shown(void **state _unused_) {
        const char *assignments[] = { "fake.vcpus=4", "fake.memory_mb=8192", "fake.local_gb=200", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(compute_node_done) ComputeNode row = {};
        const ComputeNode *shown;
        int64_t service = fixture_service(f);

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_null(compute_manager_node(f->m));
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);

        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &row), 1);
        assert_int_equal(row.service_id, service);
        assert_string_equal(row.host_ip, "192.0.2.7");
        assert_int_equal(row.vcpus, 4);
        assert_int_equal(row.memory_mb, 8192);
        assert_int_equal(row.local_gb, 200);
        assert_int_equal(row.vcpus_used, 1);
        assert_int_equal(row.memory_mb_used, 1024);     /* 512 reserved by default */
        assert_int_equal(row.local_gb_used, 10);
        assert_int_equal(row.free_ram_mb, 7168);
        assert_int_equal(row.free_disk_gb, 190);
        assert_int_equal(row.running_vms, 1);
        assert_int_equal(row.current_workload, 0);
        assert_true(row.cpu_allocation_ratio == 16.0 && row.ram_allocation_ratio == 1.5 && row.disk_allocation_ratio == 1.0);
        assert_string_equal(row.metrics, "[]");
        assert_string_equal(json_member_string(row.stats, "num_instances"), "1");
        assert_true(uuid_is_valid(row.uuid));

        fixture_settle(f);
        shown = compute_manager_node(f->m);
        assert_non_null(shown);
        assert_int_equal(shown->free_ram_mb, 7168);
        assert_int_equal(shown->memory_mb_reserved, 512);
        assert_true(f->notified & MANAGER_CHANGED_NODE);
        assert_true(compute_manager_node_updated(f->m) > 0);
}

static void nothing_is_saved_or_told_when_nothing_changed(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(compute_node_done) ComputeNode before = {}, after = {}, changed = {};
        usec_t updated;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        for (unsigned pass = 0; pass < 2; pass++)
                assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &before), 1);
        f->notified = f->notifications = 0;
        updated = compute_manager_node_updated(f->m);

        for (unsigned pass = 0; pass < 3; pass++)
                assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &after), 1);
        assert_int_equal(after.updated_at, before.updated_at);
        assert_int_equal(after.id, before.id);
        assert_int_equal(f->notifications, 0);
        assert_true(compute_manager_node_updated(f->m) >= updated);

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &changed), 1);
        assert_int_equal(changed.id, before.id);
        assert_int_equal(changed.running_vms, 1);
        assert_true(changed.updated_at > 0);
        assert_true(f->notified & MANAGER_CHANGED_NODE);
}

static void without_a_service_the_update_fails_and_may_be_tried_again(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, none = NOVA_EXCEPTION_NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &none), 0);
        assert_int_equal(f->m->manager.ops->update_available_resource(&f->m->manager, f->context, &e), -EAGAIN);
        assert_string_equal(e.class_name, "ComputeServiceUnavailable");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes"), 0);

        fixture_service(f);
        assert_int_equal(resource_tracker_update(f->m, f->context, &none), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes"), 1);
}

static void rows_of_nodes_that_are_no_more_are_destroyed(void **state _unused_) {
        const char *assignments[] = { "fake.nodes=big,small", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        ComputeNode stray = { .service_id = fixture_service(f) };

        stray.host = strdup("node1");
        stray.hypervisor_hostname = strdup("removed");
        assert_true(f->store->ops->compute_node_create(f->store, &stray) >= 0);
        free(stray.host);
        free(stray.uuid);
        stray.uuid = NULL;
        stray.id = 0;
        stray.host = strdup("node2");
        assert_true(f->store->ops->compute_node_create(f->store, &stray) >= 0);
        compute_node_done(&stray);

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE host = 'node1' AND deleted = 0"), 2);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE hypervisor_hostname IN ('big', 'small') "
                                          "AND deleted = 0"), 2);
        /* Another host's is none of ours. */
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE host = 'node2' AND deleted = 0"), 1);
}

static int no_nodes(ComputeDriver *d _unused_, char ***ret, NovaException *e _unused_) {
        *ret = calloc(1, sizeof **ret);
        return 0;
}

static void a_hypervisor_that_names_no_node_costs_no_row(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        f->ops.get_available_nodes = no_nodes;
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE deleted = 0"), 1);
}

static void a_configuration_read_again_counts_at_the_next_update(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        const char *assignments[] = { "host=node1", "reserved_host_memory_mb=2048", "cpu_allocation_ratio=3.0", NULL };
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(config_unrefp) Config *config = NULL;
        ConfigError error;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
        f->m->manager.ops->reload(&f->m->manager, config);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        fixture_settle(f);
        assert_int_equal(compute_manager_node(f->m)->memory_mb_reserved, 2048);
        assert_true(compute_manager_node(f->m)->cpu_allocation_ratio == 3.0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(used_and_free_follow_from_instances_and_reservations),
                cmocka_unit_test(stats_count_states_systems_and_projects_as_texts),
                cmocka_unit_test(ratios_are_configured_or_the_rows_own_or_initial),
                cmocka_unit_test(the_row_is_created_complete_and_shown),
                cmocka_unit_test(nothing_is_saved_or_told_when_nothing_changed),
                cmocka_unit_test(without_a_service_the_update_fails_and_may_be_tried_again),
                cmocka_unit_test(rows_of_nodes_that_are_no_more_are_destroyed),
                cmocka_unit_test(a_hypervisor_that_names_no_node_costs_no_row),
                cmocka_unit_test(a_configuration_read_again_counts_at_the_next_update),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "compute/claims.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "basic/json.h"
#include "fixture.h"
#include "objects/instance-object.h"

static void a_claim_needs_room_for_each_resource(void **state _unused_) {
        static const struct {
                const char *what;
                ResourceUsage used;
                Instance instance;
                const char *limits;
                bool local;
                const char *message;    /* NULL = it fits */
        } rows[] = {
                /* The host: 8 processors (1 reserved), 16000 MB (512), 100 GB (10); ratios 2, 1.5, 1. */
                { "nothing asked", {}, {}, NULL, true, NULL },
                { "what there is, to the last", { .memory_mb = 11000, .vcpus = 6, .local_gb = 40 },
                  { .memory_mb = 12232, .vcpus = 8, .root_gb = 50 }, NULL, true, NULL },
                { "a megabyte more", { .memory_mb = 11000 }, { .memory_mb = 12233 }, NULL, true,
                  "Insufficient compute resources: Free memory 12232.00 MB < requested 12233 MB." },
                { "one processor more", { .vcpus = 7 }, { .vcpus = 8 }, NULL, true,
                  "Insufficient compute resources: Free vcpu 7.00 VCPU < requested 8 VCPU." },
                { "one gigabyte more, of root, ephemeral and swap", { .local_gb = 80 },
                  { .root_gb = 4, .ephemeral_gb = 5, .swap_mb = 2047 + 1 }, NULL, true,
                  "Insufficient compute resources: Free disk 10.00 GB < requested 11 GB." },
                { "a root disk on a volume", { .local_gb = 80 }, { .root_gb = 400, .ephemeral_gb = 10, .volume_backed = true }, NULL,
                  true, NULL },
                { "nothing of what is over-committed already", { .local_gb = 800 }, { .memory_mb = 1, .vcpus = 1 }, NULL, true, NULL },
                { "larger than the host, though over-commitment has room", {}, { .vcpus = 9, .memory_mb = 16001 }, NULL, true,
                  "Insufficient compute resources: Free memory 16000.00 MB < requested 16001 MB; "
                  "Free vcpu 8.00 VCPU < requested 9 VCPU." },
                { "an absurd flavor", { .memory_mb = 1 }, { .memory_mb = INT64_MAX, .root_gb = INT64_MAX, .ephemeral_gb = INT64_MAX },
                  NULL, true, "Insufficient compute resources: Free memory 23231.00 MB < requested 9223372036854775807 MB; "
                  "Free disk 90.00 GB < requested 9223372036854775807 GB." },
                { "less than nothing", {}, { .uuid = (char *) "u", .memory_mb = -1 }, NULL, true,
                  "Invalid input received: the flavor of instance u asks for less than nothing" },
                { "somebody else has counted", {}, { .memory_mb = 99000, .vcpus = 99, .root_gb = 999 }, NULL, false, NULL },
                { "empty limits", {}, { .memory_mb = 99000, .vcpus = 99, .root_gb = 999 }, "{}", false, NULL },
                { "null limits", {}, { .memory_mb = 99000 }, "{\"memory_mb\": null, \"numa_topology\": null}", false, NULL },
                { "limits include what is reserved", { .memory_mb = 1000, .vcpus = 1, .local_gb = 20 },
                  { .memory_mb = 488, .vcpus = 2, .root_gb = 10 }, "{\"memory_mb\": 2000.0, \"vcpu\": 4, \"disk_gb\": 40}", false, NULL },
                { "limits exceeded", { .memory_mb = 1000, .vcpus = 1, .local_gb = 20 }, { .memory_mb = 489, .vcpus = 3, .root_gb = 11 },
                  "{\"memory_mb\": 2000.5, \"vcpu\": 4, \"disk_gb\": 40}", false,
                  "Insufficient compute resources: Free memory 488.50 MB < requested 489 MB; "
                  "Free disk 10.00 GB < requested 11 GB; Free vcpu 2.00 VCPU < requested 3 VCPU." },
                { "limits beyond what the host has", { .memory_mb = 11000 }, { .memory_mb = 12233 }, "{\"memory_mb\": 99999}", true,
                  "Insufficient compute resources: Free memory 12232.00 MB < requested 12233 MB." },
                { "limits below it", {}, { .memory_mb = 600 }, "{\"memory_mb\": 1024}", true,
                  "Insufficient compute resources: Free memory 512.00 MB < requested 600 MB." },
                { "a limit that is no number", {}, { .memory_mb = 1 }, "{\"memory_mb\": \"1024\"}", false,
                  "Invalid input received: limits: memory_mb is not a number" },
                { "limits that are none", {}, { .memory_mb = 1 }, "[1]", false, "Invalid input received: limits is not an object" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                ComputeNode node = {
                        .vcpus = 8, .memory_mb = 16000, .local_gb = 100, .vcpus_reserved = 1, .memory_mb_reserved = 512,
                        .local_gb_reserved = 10, .cpu_allocation_ratio = 2, .ram_allocation_ratio = 1.5, .disk_allocation_ratio = 1,
                };
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *limits = rows[n].limits ? json_loads(rows[n].limits, 0, NULL) : NULL;
                int r = claim_test(&node, &rows[n].used, &rows[n].instance, limits, rows[n].local, NULL, &e);

                if ((rows[n].message ? r >= 0 : r != 0) || !streq_ptr(rows[n].message, e.message))
                        fail_msg("%s: %d, %s", rows[n].what, r, e.message ? e.message : "no exception");
        }
}

/* ---- with rows ---- */

static Fixture *ready(const char *const *assignments) {
        Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_service(f);
        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        return f;
}

/* A row as a build finds it: nowhere yet. */
static void new_instance(Fixture *f, unsigned n, Instance *ret) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char uuid[UUID_TEXT_MAX];
        Instance i = {
                .uuid = strdup(fixture_uuid(n, uuid)), .project_id = strdup("p1"), .vm_state = VM_BUILDING,
                .memory_mb = 512, .vcpus = 1, .root_gb = 10,
        };

        assert_int_equal(f->store->ops->instance_create(f->store, &i, &e), 0);
        *ret = i;
}

static int64_t used_memory(Fixture *f) {
        fixture_settle(f);
        return fixture_query(f, "SELECT memory_mb_used FROM compute_nodes WHERE deleted = 0");
}

static void a_claim_is_in_the_row_and_counts_at_once(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {}, row = {};
        Claim *claim = NULL;

        new_instance(f, 0, &i);
        assert_int_equal(claim_begin(f->m, f->context, &i, NULL, &claim, &e), 0);
        assert_non_null(claim);
        fixture_read(f, 0, &row);
        assert_string_equal(row.host, "node1");
        assert_string_equal(row.launched_on, "node1");
        assert_string_equal(row.node, "node1");
        assert_string_equal(i.host, "node1");
        assert_string_equal(i.node, "node1");
        assert_int_equal(used_memory(f), 1024);         /* 512 are reserved */
        assert_int_equal(compute_manager_node(f->m)->running_vms, 1);
        assert_string_equal(json_member_string(compute_manager_node(f->m)->stats, "io_workload"), "1");

        assert_null(claim_end(claim));
        assert_int_equal(used_memory(f), 1024);
}

static void an_aborted_claim_gives_everything_back(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {}, row = {};
        Claim *claim = NULL;

        new_instance(f, 0, &i);
        assert_int_equal(claim_begin(f->m, f->context, &i, NULL, &claim, &e), 0);
        assert_int_equal(used_memory(f), 1024);

        /* A delete was accepted meanwhile: its mark stays. */
        fixture_read(f, 0, &row);
        row.task_state = TASK_DELETING;
        assert_int_equal(f->store->ops->instance_save(f->store, &row, NULL, &e), 1);
        instance_done(&row);

        assert_null(claim_abort(claim, &i));
        assert_null(i.host);
        assert_null(i.node);
        fixture_read(f, 0, &row);
        assert_null(row.host);
        assert_null(row.node);
        assert_null(row.launched_on);
        assert_int_equal(row.task_state, TASK_DELETING);
        assert_int_equal(used_memory(f), 512);
}

static void a_full_host_refuses_and_changes_nothing(void **state _unused_) {
        const char *assignments[] = { "fake.memory_mb=1536", "ram_allocation_ratio=1.0", NULL };
        _fixture_ Fixture *f = ready(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, none = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance row = {};
        Instance i[3] = {};
        Claim *claims[3] = {};

        for (unsigned n = 0; n < 3; n++)
                new_instance(f, n, &i[n]);
        for (unsigned n = 0; n < 2; n++)
                assert_int_equal(claim_begin(f->m, f->context, &i[n], NULL, &claims[n], &none), 0);
        assert_int_equal(claim_begin(f->m, f->context, &i[2], NULL, &claims[2], &e), -ENOSPC);
        assert_string_equal(e.class_name, "ComputeResourcesUnavailable");
        assert_string_equal(e.message, "Insufficient compute resources: Free memory 0.00 MB < requested 512 MB.");
        assert_string_equal(json_member_string(e.kwargs, "reason"), "Free memory 0.00 MB < requested 512 MB");
        assert_null(claims[2]);
        assert_null(i[2].host);
        fixture_read(f, 2, &row);
        assert_null(row.host);

        /* What one gives back the next one gets; a claim does not count against itself. */
        claims[0] = claim_abort(claims[0], &i[0]);
        assert_int_equal(claim_begin(f->m, f->context, &i[2], NULL, &claims[2], &none), 0);
        claim_end(claims[2]);
        assert_int_equal(claim_begin(f->m, f->context, &i[2], NULL, &claims[2], &none), 0);
        claim_end(claims[1]);
        claim_end(claims[2]);
        for (unsigned n = 0; n < 3; n++)
                instance_done(&i[n]);
}

static void a_claim_yields_to_a_task_that_came_first(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {}, row = {};
        Claim *claim = NULL;

        new_instance(f, 0, &i);
        fixture_read(f, 0, &row);
        row.task_state = TASK_DELETING;
        assert_int_equal(f->store->ops->instance_save(f->store, &row, NULL, &e), 1);
        instance_done(&row);

        assert_int_equal(claim_begin(f->m, f->context, &i, NULL, &claim, &e), -ESTALE);
        assert_null(i.host);
        fixture_read(f, 0, &row);
        assert_null(row.host);
        assert_int_equal(row.task_state, TASK_DELETING);
}

static void a_claim_for_no_row_or_no_node_says_which(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException gone = NOVA_EXCEPTION_NULL, nowhere = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {}, other = {};
        Claim *claim = NULL;

        new_instance(f, 0, &i);
        assert_int_equal(f->store->ops->instance_destroy(f->store, i.uuid), 1);
        assert_int_equal(claim_begin(f->m, f->context, &i, NULL, &claim, &gone), -ENOENT);
        assert_string_equal(gone.class_name, "InstanceNotFound");

        new_instance(f, 1, &other);
        other.node = strdup("elsewhere");
        assert_int_equal(claim_begin(f->m, f->context, &other, NULL, &claim, &nowhere), -ENOENT);
        assert_string_equal(nowhere.message, "Compute host elsewhere could not be found.");
}

static void a_claim_of_a_process_that_died_still_counts(void **state _unused_) {
        const char *assignments[] = { "fake.memory_mb=1024", "ram_allocation_ratio=1.0", NULL };
        _fixture_ Fixture *f = ready(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        Claim *claim = NULL;

        /* As the row was left: here, building. */
        fixture_row(f, 7, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
        new_instance(f, 0, &i);
        assert_int_equal(claim_begin(f->m, f->context, &i, NULL, &claim, &e), -ENOSPC);
}

static void failed_builds_are_not_counted_when_that_is_off(void **state _unused_) {
        const char *assignments[] = { "compute.consecutive_build_service_disable_threshold=0", NULL };
        _fixture_ Fixture *f = ready(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        resource_tracker_build_ended(f->m, NULL, false);
        fixture_settle(f);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(fixture_query(f, "SELECT CAST(json_extract(stats, '$.failed_builds') AS INTEGER) FROM compute_nodes"), 0);
}

/* Two nodes of two CPUs for guests that have their own. */
#define NUMA_HOST "{\"cells\": [{\"id\": 0, \"memory\": 2048, \"cpuset\": [], \"pcpuset\": [0, 1], \"siblings\": [[0], [1]], \"mempages\": []}," \
        " {\"id\": 1, \"memory\": 4096, \"cpuset\": [], \"pcpuset\": [2, 3], \"siblings\": [[2], [3]], \"mempages\": []}]}"
#define NUMA_GUEST "{\"cells\": [{\"id\": 0, \"memory\": 512, \"cpuset\": [], \"pcpuset\": [0, 1], \"cpu_policy\": \"dedicated\"}]}"

static int64_t placed(Fixture *f, int cell, int cpu) {
        char sql[300];

        snprintf(sql, sizeof sql, "SELECT count(*) FROM instances WHERE json_extract(numa_topology, '$.cells[0].id') = %d"
                 " AND json_extract(object, '$.\"nova_object.data\".numa_topology.cells[0].cpu_pinning_raw.0') = %d", cell, cpu);
        return fixture_query(f, sql);
}

static int64_t pinned(Fixture *f, int cell) {
        char sql[200];

        snprintf(sql, sizeof sql, "SELECT json_array_length(json_extract(numa_topology, '$.cells[%d].pinned_cpus')) FROM compute_nodes", cell);
        return fixture_query(f, sql);
}

static void numa_cells_are_claimed_counted_and_given_back(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Claim *claims[3] = {};
        Instance i[3] = {};

        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        free(f->m->tracked_nodes[0].view.numa_topology);
        f->m->tracked_nodes[0].view.numa_topology = strdup(NUMA_HOST);
        f->m->tracked_nodes[0].view.vcpus = 0;          /* none for guests that float */
        for (unsigned n = 0; n < 3; n++) {
                new_instance(f, n, &i[n]);
                assert_int_equal(instance_set_numa_topology(&i[n], NUMA_GUEST), 0);
        }
        /* The one with more memory first. */
        assert_int_equal(claim_begin(f->m, f->context, &i[0], NULL, &claims[0], &e), 0);
        assert_int_equal(placed(f, 1, 2), 1);
        assert_int_equal(claim_begin(f->m, f->context, &i[1], NULL, &claims[1], &e), 0);
        assert_int_equal(placed(f, 0, 0), 1);
        fixture_settle(f);
        assert_int_equal(pinned(f, 0), 2);
        assert_int_equal(pinned(f, 1), 2);
        assert_int_equal(claim_begin(f->m, f->context, &i[2], NULL, &claims[2], &e), -ENOSPC);
        assert_string_equal(e.message, "Insufficient compute resources: Requested instance NUMA topology cannot fit the given host NUMA topology.");

        claims[0] = claim_abort(claims[0], &i[0]);
        fixture_settle(f);
        assert_int_equal(pinned(f, 1), 0);
        assert_int_equal(placed(f, 1, 2), 0);
        exception_done(&e);
        assert_int_equal(claim_begin(f->m, f->context, &i[2], NULL, &claims[2], &e), 0);
        assert_int_equal(placed(f, 1, 2), 1);
        for (unsigned n = 0; n < 3; n++) {
                (void) claim_end(claims[n]);
                instance_done(&i[n]);
        }
        fixture_settle(f);
}

typedef struct Racer {
        Fixture *f;
        Instance i;
        int result;
} Racer;

static void *race(void *userdata) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Racer *racer = userdata;
        Claim *claim = NULL;

        racer->result = claim_begin(racer->f->m, racer->f->context, &racer->i, NULL, &claim, &e);
        claim_end(claim);
        return NULL;
}

static void claims_at_once_never_take_more_than_there_is(void **state _unused_) {
        const char *assignments[] = { "fake.vcpus=3", "cpu_allocation_ratio=1.0", NULL };
        _fixture_ Fixture *f = ready(assignments);
        Racer racers[8] = {};
        pthread_t threads[8];
        unsigned given = 0;

        for (unsigned n = 0; n < 8; n++) {
                racers[n].f = f;
                new_instance(f, n, &racers[n].i);
        }
        for (unsigned n = 0; n < 8; n++)
                assert_int_equal(pthread_create(&threads[n], NULL, race, &racers[n]), 0);
        for (unsigned n = 0; n < 8; n++) {
                assert_int_equal(pthread_join(threads[n], NULL), 0);
                if (racers[n].result == 0)
                        given++;
                else
                        assert_int_equal(racers[n].result, -ENOSPC);
                instance_done(&racers[n].i);
        }
        assert_int_equal(given, 3);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE host = 'node1'"), 3);
        fixture_settle(f);
}

static void failed_builds_are_counted_until_one_succeeds(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        static const struct {
                bool succeeded;
                int64_t failed;
        } rows[] = { { false, 1 }, { false, 2 }, { true, 0 }, { false, 1 } };

        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                resource_tracker_build_ended(f->m, NULL, rows[n].succeeded);
                fixture_settle(f);
                assert_int_equal(fixture_query(f, "SELECT CAST(json_extract(stats, '$.failed_builds') AS INTEGER) FROM compute_nodes"),
                                 rows[n].failed);
        }

        /* The row remembers them for the next process; the next update does not forget. */
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(fixture_query(f, "SELECT CAST(json_extract(stats, '$.failed_builds') AS INTEGER) FROM compute_nodes"), 1);
        f->m->tracked_nodes[0].failed_builds = -1;
        resource_tracker_build_ended(f->m, "node1", false);
        fixture_settle(f);
        assert_int_equal(fixture_query(f, "SELECT CAST(json_extract(stats, '$.failed_builds') AS INTEGER) FROM compute_nodes"), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_claim_needs_room_for_each_resource),
                cmocka_unit_test(a_claim_is_in_the_row_and_counts_at_once),
                cmocka_unit_test(an_aborted_claim_gives_everything_back),
                cmocka_unit_test(a_full_host_refuses_and_changes_nothing),
                cmocka_unit_test(a_claim_yields_to_a_task_that_came_first),
                cmocka_unit_test(a_claim_for_no_row_or_no_node_says_which),
                cmocka_unit_test(a_claim_of_a_process_that_died_still_counts),
                cmocka_unit_test(numa_cells_are_claimed_counted_and_given_back),
                cmocka_unit_test(claims_at_once_never_take_more_than_there_is),
                cmocka_unit_test(failed_builds_are_not_counted_when_that_is_off),
                cmocka_unit_test(failed_builds_are_counted_until_one_succeeds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The records of the local store: what each call finds, makes, changes and leaves. */
#include "store-fixture.h"

#include "basic/json.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define UUID1 "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10"
#define UUID2 "0d1f2b63-77de-4f5f-8a0e-3b60c8f0f7a2"

/* checklist: 52, 53 */
static void a_created_service_has_id_uuid_and_the_seeds_columns(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = {};

        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_true(a.id > 0);
        assert_int_equal(strlen(a.uuid), 36);
        assert_true(a.created_at > 0);

        assert_query(f,
                     "SELECT host || '|' || binary || '|' || topic || '|' || report_count || '|' || availability_zone || '|' ||"
                     " disabled || '|' || deleted || '|' || coalesce(updated_at, 'never') FROM services",
                     "host1|nova-compute|compute|0|nova|0|0|never");
        assert_query(f, "SELECT abs(julianday('now') - julianday(created_at)) < 0.01 FROM services", "1");

        assert_result(s->ops->service_get(s, a.id, &b), 1);
        assert_string_equal(b.uuid, a.uuid);
        assert_int_equal(b.version, 64);
        assert_int_equal(b.created_at, a.created_at);
        assert_int_equal(b.last_seen_up, 0);
        service_record_done(&b);

        b.id = 77;
        assert_result(s->ops->service_get(s, a.id + 1, &b), 0);
        assert_int_equal(b.id, 77);
        b.id = 0;
        service_record_done(&a);
}

/* checklist: 51 */
static void a_service_is_found_beside_its_deleted_twin(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = sample_service("host1"), found = {};

        assert_result(s->ops->service_get_by_args(s, "host1", "nova-compute", &found), 0);
        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_result(s->ops->service_destroy(s, a.id), 1);
        assert_result(s->ops->service_get_by_args(s, "host1", "nova-compute", &found), 0);
        assert_result(s->ops->service_get(s, a.id, &found), 0);

        assert_result(s->ops->service_create(s, &b, NULL), 0);
        assert_true(b.id > a.id);
        assert_result(s->ops->service_get_by_args(s, "host1", "nova-compute", &found), 1);
        assert_int_equal(found.id, b.id);
        service_record_done(&found);
        assert_result(s->ops->service_get_by_args(s, "host1", "nova-network", &found), 0);
        assert_query(f, "SELECT count(*) FROM services WHERE deleted = 1 AND deleted_at IS NOT NULL", "1");
        service_record_done(&a);
        service_record_done(&b);
}

/* checklist: 53 */
static void a_second_row_of_one_host_and_binary_is_refused_as_novas_exception(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = sample_service("host1");
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_result(s->ops->service_create(s, &b, &e), -EEXIST);
        assert_string_equal(e.class_name, "ServiceBinaryExists");
        assert_string_equal(e.message, "Service with host host1 binary nova-compute exists.");
        assert_string_equal(json_string_value(json_object_get(e.kwargs, "host")), "host1");
        assert_string_equal(json_string_value(json_object_get(e.kwargs, "binary")), "nova-compute");
        assert_int_equal(b.id, 0);
        assert_null(b.uuid);
        service_record_done(&a);
        service_record_done(&b);
}

/* checklist: 67 */
static void a_report_counts_and_stamps_in_one_statement(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = {};

        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_result(s->ops->service_report(s, a.id, NULL, NULL), 1);
        /* Another writer's beat in between is not lost, and what an admin set is not touched. */
        fixture_sql(f, "UPDATE services SET report_count = report_count + 10, disabled = 1, disabled_reason = 'disk',"
                       " availability_zone = 'rack2'");
        assert_result(s->ops->service_report(s, a.id, NULL, &b), 1);
        assert_int_equal(b.report_count, 12);
        assert_true(b.disabled);
        assert_string_equal(b.disabled_reason, "disk");
        assert_string_equal(b.availability_zone, "rack2");
        assert_true(b.updated_at >= a.created_at);
        assert_int_equal(b.updated_at, b.last_seen_up);
        service_record_done(&b);

        assert_result(s->ops->service_report(s, a.id, "rack3", &b), 1);
        assert_string_equal(b.availability_zone, "rack3");
        service_record_done(&b);
        assert_query(f, "SELECT report_count FROM services", "13");
        service_record_done(&a);
}

/* checklist: 67 */
static void a_report_of_a_row_that_is_gone_says_so(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = {};

        assert_result(s->ops->service_create(s, &a, NULL), 0);
        fixture_sql(f, "DELETE FROM services");
        assert_result(s->ops->service_report(s, a.id, NULL, &b), 0);
        assert_null(b.host);

        /* The row made anew has another id. */
        ServiceRecord c = sample_service("host1");
        assert_result(s->ops->service_create(s, &c, NULL), 0);
        assert_true(c.id > a.id);
        service_record_done(&a);
        service_record_done(&c);
}

static void services_are_listed_by_host_and_topic(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        static const struct {
                const char *host, *topic;
                size_t n;
        } table[] = {
                { NULL, NULL, 3 }, { "host1", NULL, 1 }, { NULL, "compute", 3 }, { "host2", "compute", 1 }, { "host2", "network", 0 },
        };

        for (unsigned i = 1; i <= 4; i++) {
                char host[16];
                (void) snprintf(host, sizeof host, "host%u", i);
                ServiceRecord a = sample_service(host);
                assert_result(s->ops->service_create(s, &a, NULL), 0);
                if (i == 4)
                        assert_result(s->ops->service_destroy(s, a.id), 1);
                service_record_done(&a);
        }
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                ServiceRecordList l = {};

                assert_result(s->ops->service_list(s, table[i].host, table[i].topic, &l), 0);
                assert_int_equal(l.n, table[i].n);
                service_record_list_done(&l);
        }
}

static void disabling_keeps_its_reason_and_enabling_forgets_it(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1");

        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_result(s->ops->service_set_disabled(s, a.id, true, "disk is dying"), 1);
        assert_query(f, "SELECT disabled || disabled_reason FROM services WHERE updated_at IS NOT NULL", "1disk is dying");
        assert_result(s->ops->service_set_disabled(s, a.id, false, "ignored"), 1);
        assert_query(f, "SELECT disabled || coalesce(disabled_reason, 'none') FROM services", "0none");
        assert_result(s->ops->service_set_version(s, a.id, 66), 1);
        assert_query(f, "SELECT version FROM services", "66");
        assert_result(s->ops->service_set_disabled(s, a.id + 1, true, "x"), 0);
        assert_result(s->ops->service_set_version(s, a.id + 1, 1), 0);
        service_record_done(&a);
}

/* checklist: 74 */
static void destroying_a_service_soft_deletes_it_and_its_compute_nodes(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ServiceRecord a = sample_service("host1"), b = sample_service("host2"), c = sample_service("host3");
        ComputeNode by_id = sample_node("host1", "node1"), by_host = sample_node("host1", "node2");
        ComputeNode other = sample_node("host2", "node1"), of_c = sample_node("host3", "node1");

        free(c.topic);
        c.topic = strdup("network");
        assert_result(s->ops->service_create(s, &a, NULL), 0);
        assert_result(s->ops->service_create(s, &b, NULL), 0);
        assert_result(s->ops->service_create(s, &c, NULL), 0);
        by_id.service_id = a.id;
        assert_result(s->ops->compute_node_create(s, &by_id), 0);
        assert_result(s->ops->compute_node_create(s, &by_host), 0);
        assert_result(s->ops->compute_node_create(s, &other), 0);
        assert_result(s->ops->compute_node_create(s, &of_c), 0);

        assert_result(s->ops->service_destroy(s, a.id), 1);
        assert_result(s->ops->service_destroy(s, a.id), 0);
        assert_result(s->ops->service_destroy(s, c.id), 1);
        assert_query(f, "SELECT group_concat(host || hypervisor_hostname) FROM compute_nodes WHERE deleted = 0", "host2node1,host3node1");
        assert_query(f, "SELECT count(*) FROM compute_nodes WHERE deleted = 1 AND deleted_at IS NOT NULL", "2");
        assert_query(f, "SELECT group_concat(host) FROM services WHERE deleted = 0", "host2");

        service_record_done(&a);
        service_record_done(&b);
        service_record_done(&c);
        compute_node_done(&by_id);
        compute_node_done(&by_host);
        compute_node_done(&other);
        compute_node_done(&of_c);
}

/* checklist: 54 */
static void a_compute_node_comes_back_as_it_was_stored(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ComputeNode a = sample_node("host1", "node1"), b = {};

        assert_result(s->ops->compute_node_get(s, "host1", "node1", &b), 0);
        assert_result(s->ops->compute_node_create(s, &a), 0);
        assert_true(a.id > 0);
        assert_int_equal(strlen(a.uuid), 36);
        assert_result(s->ops->compute_node_get(s, "host1", "node1", &b), 1);
        assert_true(compute_node_equal(&a, &b));
        assert_int_equal(b.created_at, a.created_at);
        assert_int_equal(b.updated_at, 0);
        compute_node_done(&b);

        assert_query(f,
                     "SELECT vcpus || ',' || memory_mb || ',' || local_gb || ',' || vcpus_used || ',' || memory_mb_used || ',' ||"
                     " local_gb_used || ',' || hypervisor_type || ',' || hypervisor_version || ',' || free_ram_mb || ',' ||"
                     " free_disk_gb || ',' || current_workload || ',' || running_vms || ',' || disk_available_least || ',' ||"
                     " (stats ->> 'failed_builds') || ',' || coalesce(service_id, 'null') FROM compute_nodes",
                     "2,7514,251,1,640,1,QEMU,7002022,6874,250,0,1,75,0,null");

        a.memory_mb_used = 1152;
        a.has_disk_available_least = false;
        json_object_set_new(a.stats, "num_instances", json_string("1"));
        assert_result(s->ops->compute_node_save(s, &a), 1);
        assert_true(a.updated_at > 0);
        assert_result(s->ops->compute_node_get(s, "host1", "node1", &b), 1);
        a.disk_available_least = 0;
        assert_true(compute_node_equal(&a, &b));
        assert_int_equal(b.updated_at, a.updated_at);
        compute_node_done(&b);

        assert_result(s->ops->compute_node_destroy(s, a.id), 1);
        assert_result(s->ops->compute_node_destroy(s, a.id), 0);
        assert_result(s->ops->compute_node_save(s, &a), 0);
        compute_node_done(&a);
}

static void compute_nodes_are_unique_by_host_and_name_among_the_living(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ComputeNode a = sample_node("host1", "node1"), b = sample_node("host1", "node1"), c = sample_node("host1", "node2");
        ComputeNodeList l = {};

        assert_result(s->ops->compute_node_create(s, &a), 0);
        assert_result(s->ops->compute_node_create(s, &b), -EEXIST);
        assert_int_equal(b.id, 0);
        assert_result(s->ops->compute_node_create(s, &c), 0);
        assert_result(s->ops->compute_node_list_by_host(s, "host1", &l), 0);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.items[1].hypervisor_hostname, "node2");
        compute_node_list_done(&l);
        assert_result(s->ops->compute_node_destroy(s, a.id), 1);
        assert_result(s->ops->compute_node_create(s, &b), 0);
        assert_result(s->ops->compute_node_list_by_host(s, "host2", &l), 0);
        assert_int_equal(l.n, 0);
        compute_node_list_done(&l);

        /* A service that does not exist: the foreign key holds. */
        c.service_id = 4711;
        assert_result(s->ops->compute_node_save(s, &c), -EINVAL);
        compute_node_done(&a);
        compute_node_done(&b);
        compute_node_done(&c);
}

static void an_instance_comes_back_with_its_whole_object(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1"), b = {};

        assert_result(s->ops->instance_get(s, UUID1, READ_DELETED_NO, &b), 0);
        a.task_state = TASK_POWERING_OFF;
        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        assert_true(a.id > 0);
        assert_result(s->ops->instance_get(s, UUID1, READ_DELETED_NO, &b), 1);
        assert_int_equal(b.id, a.id);
        assert_int_equal(b.vm_state, VM_ACTIVE);
        assert_int_equal(b.task_state, TASK_POWERING_OFF);
        assert_int_equal(b.power_state, POWER_RUNNING);
        assert_int_equal(b.memory_mb, 512);
        assert_int_equal(b.launched_at, 1795365898541969);
        assert_null(b.network_info);
        assert_true(json_equal(a.object, b.object));
        instance_done(&b);
        assert_query(f, "SELECT vm_state || task_state || launched_at FROM instances", "activepowering-off2026-11-22 16:44:58.541969");

        a.task_state = TASK_NONE;
        a.vm_state = VM_SOFT_DELETED;
        a.locked = true;
        assert_result(s->ops->instance_save(s, &a, NULL, NULL), 1);
        assert_true(a.updated_at > 0);
        assert_query(f, "SELECT vm_state || coalesce(task_state, 'null') || locked FROM instances", "soft-deletenull1");

        /* A list leaves the object out, and saving what came from one keeps it. */
        InstanceList l = {};
        assert_result(s->ops->instance_list_by_host(s, "host1", READ_DELETED_NO, &l), 0);
        assert_int_equal(l.n, 1);
        assert_null(l.items[0].object);
        assert_string_equal(l.items[0].flavor_name, "m1.tiny");
        l.items[0].vcpus = 4;
        assert_result(s->ops->instance_save(s, &l.items[0], NULL, NULL), 1);
        instance_list_done(&l);
        assert_result(s->ops->instance_get(s, UUID1, READ_DELETED_NO, &b), 1);
        assert_int_equal(b.vcpus, 4);
        assert_true(json_equal(a.object, b.object));
        instance_done(&b);
        instance_done(&a);
}

static void deleted_instances_are_read_as_asked(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1"), b = sample_instance(UUID2, "host1"), x = {};
        static const struct {
                ReadDeleted read_deleted;
                int first, second;
                size_t n;
        } table[] = { { READ_DELETED_NO, 0, 1, 1 }, { READ_DELETED_YES, 1, 1, 2 }, { READ_DELETED_ONLY, 1, 0, 1 } };

        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        assert_result(s->ops->instance_create(s, &b, NULL), 0);
        assert_result(s->ops->instance_destroy(s, UUID1), 1);
        assert_result(s->ops->instance_destroy(s, UUID1), 0);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                InstanceList l = {};

                assert_result(s->ops->instance_get(s, UUID1, table[i].read_deleted, &x), table[i].first);
                assert_true(!table[i].first || (x.deleted && x.deleted_at > 0));
                instance_done(&x);
                assert_result(s->ops->instance_get(s, UUID2, table[i].read_deleted, &x), table[i].second);
                instance_done(&x);
                assert_result(s->ops->instance_list_by_host(s, "host1", table[i].read_deleted, &l), 0);
                assert_int_equal(l.n, table[i].n);
                instance_list_done(&l);
        }
        assert_result(s->ops->instance_save(s, &a, NULL, NULL), 0);
        instance_done(&a);
        instance_done(&b);
}

static void an_instance_keeps_its_number_and_may_come_again_after_deletion(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1"), b = sample_instance(UUID2, "host1"), again = sample_instance(UUID1, "host1");
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        a.id = again.id = 42;
        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        assert_int_equal(a.id, 42);
        assert_result(s->ops->instance_create(s, &again, &e), -EEXIST);
        assert_string_equal(e.class_name, "InstanceExists");
        assert_result(s->ops->instance_create(s, &b, NULL), 0);
        assert_int_equal(b.id, 43);
        assert_result(s->ops->instance_destroy(s, UUID1), 1);
        assert_result(s->ops->instance_create(s, &again, NULL), 0);
        assert_query(f, "SELECT group_concat(id || '/' || deleted) FROM instances", "42/1,43/0,42/0");
        instance_done(&a);
        instance_done(&b);
        instance_done(&again);
}

static void a_save_that_expects_another_task_changes_nothing(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1");
        static const TaskState powering[] = { TASK_POWERING_OFF, _TASK_STATE_INVALID };
        static const TaskState none_or_powering[] = { TASK_NONE, TASK_POWERING_OFF, _TASK_STATE_INVALID };
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_result(s->ops->instance_save(s, &a, powering, NULL), 0);
        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        a.vm_state = VM_STOPPED;
        assert_result(s->ops->instance_save(s, &a, powering, &e), -ESTALE);
        assert_string_equal(e.class_name, "UnexpectedTaskStateError");
        assert_string_equal(e.message, "Conflict updating instance " UUID1 ". Expected: {'task_state': ['powering-off']}."
                                       " Actual: {'task_state': None}");
        json_t *expected = json_pack("{s:s, s:{s:[s]}, s:{s:n}}", "instance_uuid", UUID1, "expected", "task_state", "powering-off",
                                     "actual", "task_state");
        assert_true(json_equal(e.kwargs, expected));
        json_decref(expected);
        assert_query(f, "SELECT vm_state FROM instances", "active");

        a.task_state = TASK_POWERING_OFF;
        assert_result(s->ops->instance_save(s, &a, none_or_powering, NULL), 1);
        assert_query(f, "SELECT vm_state || task_state FROM instances", "stoppedpowering-off");
        assert_result(s->ops->instance_save(s, &a, powering, NULL), 1);
        instance_done(&a);
}

static void an_exchange_says_what_it_overwrote(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1");
        static const TaskState none[] = { TASK_NONE, _TASK_STATE_INVALID };
        InstanceBefore before = { .vm_state = VM_RESCUED };

        assert_result(s->ops->instance_exchange(s, &a, NULL, &before, NULL), 0);
        free(a.display_name);
        a.display_name = strdup("first");
        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        /* Somebody else writes between our reading and our writing. */
        assert_query(f, "UPDATE instances SET display_name = 'second', vm_state = 'paused' RETURNING task_state IS NULL", "1");
        a.vm_state = VM_STOPPED;
        a.task_state = TASK_POWERING_OFF;
        assert_result(s->ops->instance_exchange(s, &a, none, &before, NULL), 1);
        assert_int_equal(before.vm_state, VM_PAUSED);
        assert_int_equal(before.task_state, TASK_NONE);
        assert_string_equal(before.display_name, "second");
        instance_before_done(&before);
        assert_query(f, "SELECT vm_state || task_state || display_name FROM instances", "stoppedpowering-offfirst");

        /* What is refused writes nothing, and says nothing of a row. */
        before.vm_state = VM_RESCUED;
        assert_result(s->ops->instance_exchange(s, &a, none, &before, NULL), -ESTALE);
        assert_int_equal(before.vm_state, VM_RESCUED);
        assert_null(before.display_name);
        assert_result(s->ops->instance_exchange(s, &a, NULL, &before, NULL), 1);
        assert_int_equal(before.vm_state, VM_STOPPED);
        assert_int_equal(before.task_state, TASK_POWERING_OFF);
        instance_before_done(&before);
        instance_done(&a);
}

static void those_of_a_window_are_listed_deleted_or_not(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        const usec_t begin = 1795365897 * USEC_PER_SEC, end = begin + 3600 * USEC_PER_SEC;
        static const char *const uuids[] = {
                "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f00", "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f01", "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f02",
                "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f03", "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f04", "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f05",
                "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f06",
        };
        const struct {
                const char *host;
                usec_t launched, terminated;
                bool listed;
        } table[] = {
                { "host1", begin - 1, 0, true },
                { "host1", end - 1, 0, true },
                { "host1", end, 0, false },
                { "host1", 0, 0, false },                       /* never launched */
                { "host1", begin - 1, begin + 1, true },
                { "host1", begin - 1, begin, false },
                { "host2", begin - 1, 0, false },
        };
        InstanceList l = {};
        size_t n_listed = 0;

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                Instance i = sample_instance(uuids[n], table[n].host);

                i.launched_at = table[n].launched;
                i.terminated_at = table[n].terminated;
                assert_result(s->ops->instance_create(s, &i, NULL), 0);
                if (table[n].terminated > 0)
                        assert_result(s->ops->instance_destroy(s, uuids[n]), 1);
                instance_done(&i);
        }
        assert_result(s->ops->instance_list_active(s, "host1", begin, end, &l), 0);
        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                if (!table[n].listed)
                        continue;
                assert_true(n_listed < l.n);
                assert_string_equal(l.items[n_listed].uuid, uuids[n]);
                assert_int_equal(l.items[n_listed++].deleted, table[n].terminated > 0);
        }
        assert_int_equal(l.n, n_listed);
        instance_list_done(&l);
}

static void a_fault_of_an_instance_is_recorded(void **state) {
        Fixture *f = *state;
        Store *s = f->store;

        assert_result(s->ops->instance_fault_create(s, UUID1, "host1", 500, "no space", NULL), 0);
        assert_query(f, "SELECT instance_uuid || host || code || message || coalesce(details, '-') FROM instance_faults",
                     UUID1 "host1500no space-");
}

static void a_console_token_is_stored_as_its_hash_and_lets_in_until_it_expires(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        char type[] = "novnc", host[] = "192.0.2.1", uuid[] = UUID1, base[] = "http://proxy/vnc";
        ConsoleToken t = { .console_type = type, .host = host, .port = 5900, .instance_uuid = uuid, .access_url_base = base,
                           .expires = now_realtime() + 60 * USEC_PER_SEC };
        ConsoleToken old = { .console_type = type, .host = host, .port = 5901, .instance_uuid = uuid, .access_url_base = base,
                             .expires = now_realtime() - 1 };
        ConsoleToken found = {};

        assert_result(s->ops->console_token_create(s, &t, "abc"), 0);
        assert_true(t.id > 0 && t.created_at > 0);
        assert_query(f, "SELECT token_hash || '|' || console_type || '|' || host || '|' || port || '|' || "
                     "coalesce(internal_access_path, '-') FROM console_auth_tokens",
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|novnc|192.0.2.1|5900|-");
        assert_result(s->ops->console_token_get(s, "abd", &found), 0);
        assert_result(s->ops->console_token_get(s, "abc", &found), 1);
        assert_string_equal(found.instance_uuid, UUID1);
        assert_string_equal(found.access_url_base, "http://proxy/vnc");
        assert_int_equal(found.port, 5900);
        console_token_done(&found);
        /* One token is one row. */
        assert_result(s->ops->console_token_create(s, &t, "abc"), -EEXIST);

        assert_result(s->ops->console_token_create(s, &old, "old"), 0);
        assert_result(s->ops->console_token_get(s, "old", &found), 0);
        assert_result(s->ops->console_token_clean(s, NULL), 1);
        assert_query(f, "SELECT count(*) FROM console_auth_tokens", "1");
        assert_result(s->ops->console_token_clean(s, UUID2), 0);
        assert_result(s->ops->console_token_clean(s, UUID1), 1);
        assert_query(f, "SELECT count(*) FROM console_auth_tokens", "0");
        free(t.token_hash);
        free(old.token_hash);
}

static void bandwidth_is_one_row_for_each_card_and_period(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        BandwidthUsage u = { .mac = (char *) "52:54:00:00:00:01", .start_period = 1795305600000000, .bw_in = 1, .bw_out = 2 };

        assert_result(s->ops->bandwidth_update(s, &u), 0);
        u.bw_in = 10;
        u.last_refreshed = 1795365898000000;
        assert_result(s->ops->bandwidth_update(s, &u), 0);
        u.start_period += 3600 * USEC_PER_SEC;
        assert_result(s->ops->bandwidth_update(s, &u), 0);
        /* Counted once, in the period in which it was read first; what comes then, in the next. */
        assert_query(f, "SELECT group_concat(bw_in || '/' || bw_out) FROM bw_usage_cache", "10/2,0/0");
        u.bw_in = 15;
        assert_result(s->ops->bandwidth_update(s, &u), 0);
        /* The guest's interface is another: its counters began anew. */
        u.bw_in = 4;
        u.bw_out = 1;
        assert_result(s->ops->bandwidth_update(s, &u), 0);
        assert_query(f, "SELECT group_concat(bw_in || '/' || bw_out) FROM bw_usage_cache", "10/2,9/1");
        assert_query(f, "SELECT last_ctr_in || '/' || last_ctr_out FROM bw_usage_cache ORDER BY id DESC LIMIT 1", "4/1");
        assert_query(f, "SELECT last_refreshed FROM bw_usage_cache ORDER BY id LIMIT 1", "2026-11-22 16:44:58.000000");
}

static void settings_are_kept_over_a_restart_and_can_be_removed(void **state) {
        Fixture *f = *state;
        char *text = NULL;

        assert_result(f->store->ops->setting_get(f->store, "host-ip", &text), 0);
        assert_null(text);
        assert_result(f->store->ops->setting_set(f->store, "host-ip", "192.0.2.2"), 0);
        assert_result(f->store->ops->setting_set(f->store, "host-ip", "192.0.2.3"), 0);
        fixture_restart(f);
        assert_result(f->store->ops->setting_get(f->store, "host-ip", &text), 1);
        assert_string_equal(text, "192.0.2.3");
        free(text);
        assert_result(f->store->ops->setting_set(f->store, "host-ip", NULL), 0);
        text = NULL;
        assert_result(f->store->ops->setting_get(f->store, "host-ip", &text), 0);
}

static void a_value_edited_to_nonsense_fails_by_name_and_is_not_damage(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance a = sample_instance(UUID1, "host1"), b = {};

        assert_result(s->ops->instance_create(s, &a, NULL), 0);
        fixture_sql(f, "UPDATE instances SET vm_state = 'asleep'");
        assert_result(s->ops->instance_get(s, UUID1, READ_DELETED_NO, &b), -EBADMSG);
        assert_non_null(strstr(store_last_error(), "row in instances whose vm_state"));
        assert_null(b.uuid);
        fixture_sql(f, "UPDATE instances SET vm_state = 'active', launched_at = 'yesterday'");
        assert_result(s->ops->instance_get(s, UUID1, READ_DELETED_NO, &b), -EBADMSG);
        assert_non_null(strstr(store_last_error(), "launched_at"));
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
        instance_done(&a);
}

static void the_file_is_in_wal_mode_and_closed_to_others(void **state) {
        Fixture *f = *state;
        struct stat st;

        assert_result(f->store->ops->open(f->store, NULL), 0);
        assert_query(f, "PRAGMA journal_mode", "wal");
        assert_query(f, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
                        " AND name NOT LIKE 'sqlite_%'",
                     "0");
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 07, 0);
}

static void an_action_has_an_event_for_each_part_and_one_that_is_open_goes_on(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ActionEvent event = { .instance_uuid = UUID1, .action = "reboot", .event = "compute_reboot_instance", .request_id = "req-1",
                              .user_id = "u1", .project_id = "p1", .host = "host1" };
        int64_t first, again, other;

        assert_result(s->ops->action_event_start(s, &event, &first), 0);
        assert_result(s->ops->action_event_start(s, &event, &again), 0);
        assert_int_equal(again, first);
        assert_result(s->ops->action_event_finish(s, first, "broken", "Traceback"), 1);
        assert_result(s->ops->action_event_finish(s, first, NULL, NULL), 0);
        assert_query(f, "SELECT message FROM instance_actions", "Error");
        assert_query(f, "SELECT result || details || traceback FROM instance_actions_events", "ErrorbrokenTraceback");

        assert_result(s->ops->action_event_start(s, &event, &again), 0);
        assert_true(again > first);
        event.request_id = "req-2";
        assert_result(s->ops->action_event_start(s, &event, &other), 0);
        assert_result(s->ops->action_event_finish(s, other, NULL, NULL), 1);
        assert_query(f, "SELECT group_concat(action_id || coalesce(result, '-'), ' ') FROM instance_actions_events", "1Error 1- 2Success");
        assert_query(f, "SELECT count(*) FROM instance_actions WHERE request_id = 'req-2' AND message IS NULL", "1");
}

static void actions_are_listed_the_newest_first_with_their_events(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        ActionEvent event = { .instance_uuid = UUID1, .action = "reboot", .event = "first", .request_id = "req-1", .user_id = "u1" };
        json_auto_t *none = NULL, *all = NULL, *newest = NULL, *finished = NULL;
        int64_t first, second;

        assert_result(s->ops->action_list(s, UUID1, 10, &none), 0);
        assert_int_equal(json_array_size(none), 0);

        assert_result(s->ops->action_event_start(s, &event, &first), 0);
        assert_result(s->ops->action_event_finish(s, first, "broken", "Traceback"), 1);
        event.event = "second";
        assert_result(s->ops->action_event_start(s, &event, &second), 0);
        event.request_id = "req-2";
        event.action = "stop";
        assert_result(s->ops->action_event_start(s, &event, &first), 0);
        event.instance_uuid = UUID2;
        assert_result(s->ops->action_event_start(s, &event, &first), 0);

        assert_result(s->ops->action_list(s, UUID1, 10, &all), 0);
        assert_int_equal(json_array_size(all), 2);
        assert_string_equal(json_member_string(json_array_get(all, 0), "action"), "stop");
        assert_string_equal(json_member_string(json_array_get(all, 1), "request_id"), "req-1");
        assert_string_equal(json_member_string(json_array_get(all, 1), "user_id"), "u1");
        assert_string_equal(json_member_string(json_array_get(all, 1), "message"), "Error");
        assert_true(json_member_integer(json_array_get(all, 1), "start", 0) > 0);
        assert_int_equal(json_member_integer(json_array_get(all, 1), "finish", -1), 0);
        assert_int_equal(json_array_size(json_object_get(json_array_get(all, 1), "events")), 2);
        assert_string_equal(json_member_string(json_array_get(json_object_get(json_array_get(all, 1), "events"), 0), "details"), "broken");
        assert_string_equal(json_member_string(json_array_get(json_object_get(json_array_get(all, 1), "events"), 1), "event"), "second");

        assert_result(s->ops->action_list(s, UUID1, 1, &newest), 0);
        assert_int_equal(json_array_size(newest), 1);
        assert_string_equal(json_member_string(json_array_get(newest, 0), "action"), "stop");

        assert_result(s->ops->action_event_finish(s, second, NULL, NULL), 1);
        assert_result(s->ops->action_list(s, UUID1, 10, &finished), 0);
        assert_true(json_member_integer(json_array_get(finished, 1), "finish", 0) > 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(an_action_has_an_event_for_each_part_and_one_that_is_open_goes_on),
                CASE(actions_are_listed_the_newest_first_with_their_events),
                CASE(a_created_service_has_id_uuid_and_the_seeds_columns),
                CASE(a_service_is_found_beside_its_deleted_twin),
                CASE(a_second_row_of_one_host_and_binary_is_refused_as_novas_exception),
                CASE(a_report_counts_and_stamps_in_one_statement),
                CASE(a_report_of_a_row_that_is_gone_says_so),
                CASE(services_are_listed_by_host_and_topic),
                CASE(disabling_keeps_its_reason_and_enabling_forgets_it),
                CASE(destroying_a_service_soft_deletes_it_and_its_compute_nodes),
                CASE(a_compute_node_comes_back_as_it_was_stored),
                CASE(compute_nodes_are_unique_by_host_and_name_among_the_living),
                CASE(an_instance_comes_back_with_its_whole_object),
                CASE(deleted_instances_are_read_as_asked),
                CASE(an_instance_keeps_its_number_and_may_come_again_after_deletion),
                CASE(a_save_that_expects_another_task_changes_nothing),
                CASE(an_exchange_says_what_it_overwrote),
                CASE(those_of_a_window_are_listed_deleted_or_not),
                CASE(a_fault_of_an_instance_is_recorded),
                CASE(a_console_token_is_stored_as_its_hash_and_lets_in_until_it_expires),
                CASE(bandwidth_is_one_row_for_each_card_and_period),
                CASE(settings_are_kept_over_a_restart_and_can_be_removed),
                CASE(a_value_edited_to_nonsense_fails_by_name_and_is_not_damage),
                CASE(the_file_is_in_wal_mode_and_closed_to_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

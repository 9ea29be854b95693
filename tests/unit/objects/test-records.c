/* Service records, compute nodes and instances as plain values: deep copies, comparison, giving up what they own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects/compute-node.h"
#include "objects/instance.h"
#include "objects/service-record.h"
#include "objects/versioned.h"

static void a_copied_service_record_owns_its_texts(void **state) {
        ServiceRecord a = { .id = 7, .host = strdup("host1"), .binary = strdup("nova-compute"), .report_count = 3, .disabled = true };
        ServiceRecord b = {};

        assert_int_equal(service_record_copy(&a, &b), 0);
        assert_ptr_not_equal(a.host, b.host);
        service_record_done(&a);
        assert_null(a.host);
        assert_int_equal(a.id, 0);

        assert_int_equal(b.id, 7);
        assert_string_equal(b.host, "host1");
        assert_string_equal(b.binary, "nova-compute");
        assert_null(b.topic);
        assert_int_equal(b.report_count, 3);
        assert_true(b.disabled);
        service_record_done(&b);
        service_record_done(&b);
        service_record_done(NULL);
}

static ComputeNode sample_node(void) {
        return (ComputeNode) {
                .id = 1,
                .host = strdup("host1"),
                .hypervisor_hostname = strdup("node1"),
                .hypervisor_type = strdup("QEMU"),
                .hypervisor_version = 7002022,
                .vcpus = 2,
                .memory_mb = 7514,
                .stats = json_pack("{s:s}", "failed_builds", "0"),
                .supported_hv_specs = json_pack("[[s,s,s]]", "x86_64", "kvm", "hvm"),
                .cpu_allocation_ratio = 16.0,
                .created_at = 1,
        };
}

static void a_copied_compute_node_is_equal_until_something_stored_differs(void **state) {
        ComputeNode a = sample_node(), b = {};

        assert_int_equal(compute_node_copy(&a, &b), 0);
        assert_ptr_not_equal(a.stats, b.stats);
        assert_true(compute_node_equal(&a, &b));

        b.updated_at = 99;
        b.memory_mb_reserved = 512;
        assert_true(compute_node_equal(&a, &b));

        b.disk_available_least = 5;
        assert_true(compute_node_equal(&a, &b));
        b.has_disk_available_least = true;
        assert_false(compute_node_equal(&a, &b));
        b.has_disk_available_least = false;

        b.free_ram_mb++;
        assert_false(compute_node_equal(&a, &b));
        b.free_ram_mb--;

        b.cpu_allocation_ratio = 4.0;
        assert_false(compute_node_equal(&a, &b));
        b.cpu_allocation_ratio = 16.0;

        json_object_set_new(b.stats, "failed_builds", json_string("1"));
        assert_false(compute_node_equal(&a, &b));
        assert_string_equal(json_string_value(json_object_get(a.stats, "failed_builds")), "0");
        json_object_set_new(b.stats, "failed_builds", json_string("0"));
        assert_true(compute_node_equal(&a, &b));

        json_decref(b.stats);
        b.stats = NULL;
        assert_false(compute_node_equal(&a, &b));
        assert_false(compute_node_equal(&b, &a));

        compute_node_done(&a);
        compute_node_done(&b);
        compute_node_done(NULL);
}

static const char *member(const json_t *primitive, const char *key) {
        return json_string_value(json_object_get(json_object_get(primitive, "nova_object.data"), key));
}

static void a_stored_compute_node_is_novas_primitive_without_changes(void **state) {
        ComputeNode n = sample_node();
        json_t *p, *data, *spec;

        n.pci_device_pools = json_pack("[{s:s,s:i}]", "product_id", "0435", "count", 2);
        n.created_at = 1795365812000000;
        p = compute_node_to_primitive(&n);
        assert_non_null(p);
        data = json_object_get(p, "nova_object.data");

        assert_string_equal(json_string_value(json_object_get(p, "nova_object.name")), "ComputeNode");
        assert_string_equal(json_string_value(json_object_get(p, "nova_object.version")), "1.19");
        assert_null(json_object_get(p, "nova_object.changes"));
        assert_int_equal(json_integer_value(json_object_get(data, "id")), 1);
        assert_string_equal(member(p, "hypervisor_hostname"), "node1");
        assert_string_equal(member(p, "created_at"), "2026-11-22T16:43:32Z");
        assert_true(json_is_null(json_object_get(data, "updated_at")));
        assert_true(json_is_null(json_object_get(data, "disk_available_least")));
        assert_true(json_is_null(json_object_get(data, "service_id")));
        assert_true(json_is_real(json_object_get(data, "cpu_allocation_ratio")));

        spec = json_array_get(json_object_get(data, "supported_hv_specs"), 0);
        assert_string_equal(json_string_value(json_object_get(spec, "nova_object.name")), "HVSpec");
        assert_string_equal(member(spec, "hv_type"), "kvm");
        spec = json_object_get(json_object_get(json_object_get(data, "pci_device_pools"), "nova_object.data"), "objects");
        assert_string_equal(member(json_array_get(spec, 0), "product_id"), "0435");
        json_decref(p);
        compute_node_done(&n);
}

static void a_new_compute_node_is_a_primitive_that_lists_all_as_changed(void **state) {
        ComputeNode n = sample_node();
        json_t *p, *data;

        n.id = 0;
        p = compute_node_to_primitive(&n);
        assert_non_null(p);
        data = json_object_get(p, "nova_object.data");
        assert_null(json_object_get(data, "id"));
        assert_null(json_object_get(data, "uuid"));
        assert_null(json_object_get(data, "created_at"));
        assert_int_equal(json_array_size(json_object_get(p, "nova_object.changes")), json_object_size(data));
        json_decref(p);

        /* What cannot be said in UTF-8 is no primitive. */
        free(n.hypervisor_type);
        n.hypervisor_type = strdup("\xff\xfe");
        assert_null(compute_node_to_primitive(&n));
        compute_node_done(&n);
}

static void a_copied_instance_keeps_the_whole_object(void **state) {
        Instance *a = calloc(1, sizeof *a);
        Instance b = {};

        assert_non_null(a);
        a->uuid = strdup("6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10");
        a->vm_state = VM_STOPPED;
        a->task_state = TASK_POWERING_ON;
        a->object = json_pack("{s:s,s:{s:i}}", "nova_object.name", "Instance", "nova_object.data", "launch_index", 4);

        assert_int_equal(instance_copy(a, &b), 0);
        assert_null(instance_free(a));
        assert_string_equal(b.uuid, "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10");
        assert_int_equal(b.vm_state, VM_STOPPED);
        assert_int_equal(b.task_state, TASK_POWERING_ON);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(b.object, "nova_object.data"), "launch_index")), 4);
        instance_done(&b);
        assert_null(instance_free(NULL));
}

static void a_list_of_instances_gives_up_all_it_owns(void **state) {
        InstanceList l = { .items = calloc(2, sizeof(Instance)), .n = 2 };

        l.items[0].uuid = strdup("a");
        l.items[1].object = json_object();
        instance_list_done(&l);
        assert_null(l.items);
        assert_int_equal(l.n, 0);
        instance_list_done(&l);
}

/* What we write is what our own reader takes without a change: no field is of another type than Nova's table says. */
static void the_primitive_of_a_compute_node_is_an_object_of_its_class(void **state) {
        ComputeNode n = sample_node();
        json_auto_t *fresh = compute_node_to_primitive(&n), *stored = NULL, *parsed = NULL, *again = NULL;

        assert_int_equal(object_parse(fresh, "ComputeNode", &parsed, NULL), 0);
        assert_true(json_equal(fresh, parsed));
        n.id = 0;
        stored = compute_node_to_primitive(&n);
        assert_int_equal(object_parse(stored, "ComputeNode", &again, NULL), 0);
        assert_true(json_equal(stored, again));
        compute_node_done(&n);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_primitive_of_a_compute_node_is_an_object_of_its_class),
                cmocka_unit_test(a_copied_service_record_owns_its_texts),
                cmocka_unit_test(a_copied_compute_node_is_equal_until_something_stored_differs),
                cmocka_unit_test(a_stored_compute_node_is_novas_primitive_without_changes),
                cmocka_unit_test(a_new_compute_node_is_a_primitive_that_lists_all_as_changed),
                cmocka_unit_test(a_copied_instance_keeps_the_whole_object),
                cmocka_unit_test(a_list_of_instances_gives_up_all_it_owns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

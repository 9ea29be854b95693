/* Instances as objects and as structs: nothing of the object is lost, and the struct's word counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/json.h"
#include "objects/instance-object.h"

#define UUID "6f9e0b52-6a0c-4c7b-8f0a-0f6d3f5d8c11"

static json_t *sample(void) {
        static const char text[] =
                "{'nova_object.name': 'Instance', 'nova_object.namespace': 'nova', 'nova_object.version': '2.7', 'nova_object.changes':"
                " ['tags', 'ec2_ids'], 'nova_object.data': {'id': 5, 'uuid': '" UUID "', 'user_id': 'u', 'project_id': 'p', 'image_ref':"
                " 'img', 'hostname': 'guest', 'display_name': 'Guest', 'host': null, 'vm_state': 'building', 'task_state': 'scheduling',"
                " 'power_state': 0, 'memory_mb': 128, 'vcpus': 1, 'root_gb': 2, 'ephemeral_gb': 3, 'instance_type_id': 7, 'locked': false,"
                " 'config_drive': 'True', 'user_data': 'Zm9v', 'created_at': '2026-11-22T16:44:57Z', 'deleted': false, 'launched_at': null,"
                " 'something_new': [1, 2], 'metadata': {'a': 'b'}, 'system_metadata': {'image_hw_machine_type': 'q35', 'image_min_disk':"
                " '1', 'image_disk_format': 'raw', 'image_base_image_ref': 'img', 'owner_user_name': 'admin', 'image_os_type': null},"
                " 'flavor': {'nova_object.name': 'Flavor', 'nova_object.namespace': 'nova', 'nova_object.version': '1.2',"
                " 'nova_object.data': {'id': 7, 'name': 'm1', 'swap': 64, 'extra_specs': {'hw:cpu_policy': 'shared'}}},"
                " 'info_cache': {'nova_object.name': 'InstanceInfoCache', 'nova_object.namespace': 'nova', 'nova_object.version': '1.5',"
                " 'nova_object.data': {'instance_uuid': '" UUID "', 'network_info': '[]', 'updated_at': null}},"
                " 'keypairs': {'nova_object.name': 'KeyPairList', 'nova_object.namespace': 'nova', 'nova_object.version': '1.3',"
                " 'nova_object.data': {'objects': []}}}}";
        _cleanup_free_ char *json = strdup(text);
        json_t *v = NULL;

        for (char *c = json; *c; c++)
                if (*c == '\'')
                        *c = '"';
        assert_int_equal(json_parse(json, strlen(json), &v, NULL, 0), 0);
        return v;
}

static json_t *data_of(const json_t *object) {
        return json_object_get(object, "nova_object.data");
}

static Instance sample_instance(void) {
        json_auto_t *object = sample();
        Instance i = {};

        assert_int_equal(instance_from_object(object, &i, NULL), 0);
        return i;
}

static void an_object_fills_the_struct_and_its_parts_are_found(void **state) {
        Instance i = sample_instance();
        json_auto_t *image = image_meta_from_instance(&i), *expected = NULL;

        assert_int_equal(i.id, 5);
        assert_string_equal(i.uuid, UUID);
        assert_string_equal(i.display_name, "Guest");
        assert_null(i.host);
        assert_int_equal(i.vm_state, VM_BUILDING);
        assert_int_equal(i.task_state, TASK_SCHEDULING);
        assert_int_equal(i.ephemeral_gb, 3);
        assert_int_equal(i.flavor_id, 7);
        assert_string_equal(i.flavor_name, "m1");
        assert_int_equal(i.swap_mb, 64);
        assert_string_equal(i.network_info, "[]");
        assert_true(i.created_at == 1795365897 * USEC_PER_SEC);
        assert_true(i.launched_at == 0);

        assert_string_equal(json_member_string(instance_metadata(&i), "a"), "b");
        assert_string_equal(instance_system_metadata_get(&i, "owner_user_name"), "admin");
        assert_null(instance_system_metadata_get(&i, "image_os_type"));
        assert_string_equal(instance_extra_spec(&i, "hw:cpu_policy"), "shared");
        assert_null(instance_extra_spec(&i, "hw:nothing"));
        assert_string_equal(instance_image_property(&i, "hw_machine_type"), "q35");
        assert_string_equal(instance_user_data(&i), "Zm9v");
        assert_true(instance_config_drive(&i));
        assert_int_equal(json_array_size(instance_keypairs(&i)), 0);
        assert_non_null(instance_keypairs(&i));

        expected = json_pack("{s:s, s:i, s:s, s:{s:s, s:s}}", "id", "img", "min_disk", 1, "disk_format", "raw", "properties",
                             "hw_machine_type", "q35", "base_image_ref", "img");
        assert_true(json_equal(image, expected));
        instance_done(&i);
}

static void the_object_made_of_it_loses_nothing_and_has_the_structs_word(void **state) {
        Instance i = sample_instance();
        json_auto_t *object = NULL, *expected = sample();

        i.task_state = TASK_NONE;
        i.vm_state = VM_ACTIVE;
        i.power_state = POWER_RUNNING;
        i.host = strdup("host1");
        i.launched_at = 1795365900 * USEC_PER_SEC;
        free(i.network_info);
        i.network_info = strdup("[{\"id\": 1}]");
        object = instance_to_object(&i);

        json_object_del(expected, "nova_object.changes");
        json_object_set_new(data_of(expected), "vm_state", json_string("active"));
        json_object_set_new(data_of(expected), "task_state", json_null());
        json_object_set_new(data_of(expected), "power_state", json_integer(1));
        json_object_set_new(data_of(expected), "host", json_string("host1"));
        json_object_set_new(data_of(expected), "launched_at", json_string("2026-11-22T16:45:00Z"));
        json_object_set_new(data_of(json_object_get(data_of(expected), "info_cache")), "network_info", json_string("[{\"id\": 1}]"));
        json_object_update_missing(data_of(expected), data_of(object));        /* fields that were unset are told as the struct has them */
        assert_true(json_equal(object, expected));
        assert_true(json_equal(json_object_get(data_of(object), "something_new"), json_object_get(data_of(expected), "something_new")));
        instance_done(&i);
}

static void only_what_changes_names_is_taken_over(void **state) {
        Instance i = sample_instance();
        json_auto_t *object = sample();
        json_t *data = data_of(object), *cache = json_object_get(data, "info_cache");

        i.name = strdup("instance-00000005");
        i.volume_backed = true;
        i.power_state = POWER_RUNNING;
        json_object_set_new(data, "task_state", json_string("powering-off"));
        json_object_set_new(data, "power_state", json_integer(4));             /* stale: not in changes */
        json_object_set_new(data_of(cache), "network_info", json_string("[{\"stale\": 1}]"));
        json_object_set_new(data_of(cache), "updated_at", json_string("2026-11-22T16:45:00Z"));
        json_object_set_new(cache, "nova_object.changes", json_pack("[s]", "updated_at"));
        json_object_set_new(object, "nova_object.changes", json_pack("[s,s,s]", "task_state", "info_cache", "not_there"));

        assert_int_equal(instance_merge_changes(&i, object, NULL), 0);
        assert_int_equal(i.task_state, TASK_POWERING_OFF);
        assert_int_equal(i.power_state, POWER_RUNNING);
        assert_string_equal(i.network_info, "[]");
        assert_string_equal(json_member_string(instance_nested(&i, "info_cache"), "updated_at"), "2026-11-22T16:45:00Z");
        assert_string_equal(i.name, "instance-00000005");
        assert_true(i.volume_backed);
        instance_done(&i);
}

static void a_field_of_a_wrong_type_is_named_and_nothing_is_touched(void **state) {
        static const struct {
                const char *field, *value, *class_name, *part;
        } table[] = {
                { "memory_mb", "[1]", "ValueError", "memory_mb" },
                { "vm_state", "\"dancing\"", "ValueError", "dancing" },
                { "created_at", "\"yesterday\"", "ValueError", "yesterday" },
                { "uuid", "\"../../etc\"", "InvalidUUID", "../../etc" },
                { "uuid", "null", "ValueError", "uuid" },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *object = sample();
                Instance i = { .id = 99 };

                json_object_set_new(data_of(object), table[n].field, json_loads(table[n].value, JSON_DECODE_ANY, NULL));
                assert_true(instance_from_object(object, &i, &e) < 0);
                assert_string_equal(e.class_name, table[n].class_name);
                assert_non_null(strstr(e.message, table[n].part));
                assert_int_equal(i.id, 99);
                assert_null(i.object);
        }
}

static void an_object_of_another_instance_is_refused(void **state) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = sample_instance();
        json_auto_t *object = sample();

        json_object_set_new(data_of(object), "uuid", json_string("00000000-6a0c-4c7b-8f0a-0f6d3f5d8c11"));
        assert_true(instance_merge_changes(&i, object, &e) < 0);
        assert_non_null(strstr(e.message, "00000000-6a0c"));
        instance_done(&i);
}

static void system_metadata_is_set_and_removed(void **state) {
        Instance i = {};

        assert_int_equal(instance_system_metadata_set(&i, "a", NULL), 0);
        assert_null(i.object);
        assert_int_equal(instance_system_metadata_set(&i, "a", "1"), 0);
        assert_string_equal(instance_system_metadata_get(&i, "a"), "1");
        assert_int_equal(instance_system_metadata_set(&i, "a", NULL), 0);
        assert_null(instance_system_metadata_get(&i, "a"));
        instance_done(&i);
}

static void names_are_made_by_the_template(void **state) {
        static const struct {
                const char *template, *name;
        } table[] = {
                { "instance-%08x", "instance-00000005" },
                { "instance-%s", "instance-5" },
                { "%(uuid)s", UUID },
                { "%(hostname)s-%(id)04d%%", "guest-0005%" },
                { "i-%(memory_mb)X", "i-80" },
                { "%(nothing)s", NULL },
                { "%(hostname)d", NULL },
                { "%y", NULL },
                { "%", NULL },
                { "%(uuid", NULL },
                { "a/%x", NULL },
                { "", NULL },
        };

        for (size_t n = 0; n < ELEMENTSOF(table); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                Instance i = sample_instance();
                int r = instance_name_fill(&i, table[n].template, &e);

                if (table[n].name) {
                        assert_int_equal(r, 0);
                        assert_string_equal(i.name, table[n].name);
                } else {
                        assert_true(r < 0);
                        assert_null(i.name);
                        assert_string_equal(e.class_name, "InvalidConfiguration");
                }
                instance_done(&i);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_object_fills_the_struct_and_its_parts_are_found),
                cmocka_unit_test(the_object_made_of_it_loses_nothing_and_has_the_structs_word),
                cmocka_unit_test(only_what_changes_names_is_taken_over),
                cmocka_unit_test(a_field_of_a_wrong_type_is_named_and_nothing_is_touched),
                cmocka_unit_test(an_object_of_another_instance_is_refused),
                cmocka_unit_test(system_metadata_is_set_and_removed),
                cmocka_unit_test(names_are_made_by_the_template),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

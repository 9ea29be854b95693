/* CreateInstance: from simple words to the request of nova-api, and what is refused before anything is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "compute/create.h"
#include "compute/flavor.h"
#include "fixture.h"
#include "objects/versioned.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfnOsDhYvsGq8Qz8oUTgHyHQXWqRv3hN6y2vM8xqH0d me@home"
#define DATA "nova_object.data"
#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"

static Fixture *ready(const char *const *assignments) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(assignments);
        char path[128];

        fixture_service(f);
        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        snprintf(path, sizeof path, "%s/images", f->dir);
        assert_int_equal(mkdir(path, 0755), 0);
        return f;
}

static void put(Fixture *f, const char *name, const char *text) {
        char path[256];
        FILE *file;

        snprintf(path, sizeof path, "%s/images/%s", f->dir, name);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* The arguments of the build that these properties (JSON) make. */
static json_t *made(Fixture *f, const char *properties) {
        _cleanup_free_ char *args = NULL;
        _answer_ Answer a;

        assert_true(asprintf(&args, "{\"properties\": %s}", properties) > 0);
        fixture_call(f, "_make_build_request", args, &a);
        if (exception_is_set(&a.exception))
                fail_msg("%s: %s", a.exception.class_name, a.exception.message);
        return json_incref(a.result);
}

static void refused(Fixture *f, const char *properties, const char *class_name, const char *sentence) {
        _cleanup_free_ char *args = NULL;
        _answer_ Answer a;

        assert_true(asprintf(&args, "{\"properties\": %s}", properties) > 0);
        fixture_call(f, "_make_build_request", args, &a);
        if (!exception_is_set(&a.exception))
                fail_msg("%s was not refused", properties);
        assert_string_equal(a.exception.class_name, class_name);
        assert_string_equal(a.exception.message, sentence);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances"), 0);
}

static const json_t *data_of(const json_t *args, const char *name) {
        return json_object_get(json_object_get(args, name), DATA);
}

/* ---- properties ---- */

static void what_cannot_be_is_refused_by_name_and_value(void **state _unused_) {
        static const struct {
                const char *properties, *sentence;
        } rows[] = {
                { "[]", "the properties are an array, not a dictionary" },
                { "{}", "name is missing" },
                { "{\"name\": \"a\"}", "image is missing" },
                { "{\"name\": \"\", \"image\": \"i\"}", "name is '', but may not be empty" },
                { "{\"name\": \" a\", \"image\": \"i\"}", "name is ' a', but may not begin or end with a blank" },
                { "{\"name\": \"a\\nb\", \"image\": \"i\"}", "name is 'a\nb', but may have no control characters" },
                { "{\"name\": 5}", "name is an integer, but should be a string" },
                { "{\"name\": \"a\", \"colour\": \"red\"}", "there is no property 'colour'" },
                { "{\"name\": \"a\", \"image\": \"i\", \"networks\": [1]}", "networks is an array, but should be a list of strings" },
                { "{\"name\": \"a\", \"image\": \"i\", \"metadata\": {\"k\": 1}}",
                  "metadata is an object, but should be a dictionary of strings" },
                { "{\"name\": \"a\", \"image\": \"i\", \"vcpus\": 1}",
                  "memory_mib is missing: without a flavor vcpus, memory_mib and disk_gib say what it gets" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"m1.tiny\", \"vcpus\": 1}", "vcpus beside flavor: the flavor says it" },
                { "{\"name\": \"a\", \"image\": \"i\", \"vcpus\": 0, \"memory_mib\": 1, \"disk_gib\": 0}",
                  "vcpus is 0, but must be from 1 to 2147483647" },
                { "{\"name\": \"a\", \"image\": \"i\", \"vcpus\": 1, \"memory_mib\": 2147483648, \"disk_gib\": 0}",
                  "memory_mib is 2147483648, but must be from 1 to 2147483647" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"networks\": [\"a\", \"none\"]}",
                  "a network is 'none', but that goes with no other" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"fixed_ips\": [\"192.0.2.1\"]}",
                  "fixed_ips has 1 entries, networks has 0" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"metadata\": {\"\": \"x\"}}",
                  "a key of metadata is '', but must have 1 to 255 characters" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"key_name\": \"k\"}",
                  "key_name without public_key: this host keeps no key pairs" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"public_key\": \"ssh-rsa\"}",
                  "public_key must be a line as in authorized_keys, 'type base64 comment': type and base64 are not there" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"public_key\": \"ssh-rsa !!!! x\"}",
                  "public_key must be a line as in authorized_keys, 'type base64 comment': what follows the type is no base64" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"public_key\": \"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ== x\"}",
                  "public_key must be a line as in authorized_keys, 'type base64 comment': the base64 is of another type of key" },
                { "{\"name\": \"a\", \"image\": \"i\", \"flavor\": \"f\", \"admin_password\": \"\"}",
                  "admin_password must be 1 to 255 bytes without control characters" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *properties = json_loads(rows[n].properties, 0, NULL);
                CreateProperties p = { .name = "untouched" };

                assert_non_null(properties);
                assert_true(create_properties_read(properties, &p, &e) < 0);
                assert_string_equal(e.class_name, "InvalidInput");
                assert_non_null(startswith(e.message, "Invalid input received: "));
                assert_string_equal(e.message + strlen("Invalid input received: "), rows[n].sentence);
                assert_string_equal(p.name, "untouched");
        }
}

static void texts_end_where_novas_columns_do(void **state _unused_) {
        static const struct {
                const char *key;
                size_t most;
        } rows[] = { { "name", 255 }, { "project", 255 }, { "user", 255 }, { "admin_password", 255 }, { "user_data", 65535 } };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++)
                for (size_t beyond = 0; beyond < 2; beyond++) {
                        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                        _cleanup_free_ char *text = calloc(1, rows[n].most + 2);
                        json_auto_t *properties = json_pack("{s:s, s:s, s:s}", "name", "a", "image", "i", "flavor", "f");
                        CreateProperties p;

                        memset(text, 'A', rows[n].most + beyond);
                        assert_int_equal(json_object_set_new(properties, rows[n].key, json_string(text)), 0);
                        assert_int_equal(create_properties_read(properties, &p, &e) < 0, beyond);
                        if (beyond && !streq(rows[n].key, "admin_password"))
                                assert_non_null(strstr(e.message, streq(rows[n].key, "user_data") ? "65536 bytes" : "256 characters"));
                        assert_null(e.message ? strstr(e.message, "AAAA") : NULL);
                }
}

static void a_name_becomes_a_hosts_name(void **state _unused_) {
        static const char *const rows[][2] = {
                { "web", "web" },
                { "Web Server_1.example", "web-server-1-example" },
                { "--a--", "a" },
                { "\xc3\xa4\xc3\xb6", "Server-" UUID1 },
                { "a/../b", "a--b" },            /* what is no letter, digit or dash is dropped */
                { "0123456789012345678901234567890123456789012345678901234567890123456789",
                  "012345678901234567890123456789012345678901234567890123456789012" },
        };
        char name[64];

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                create_hostname(rows[n][0], UUID1, name);
                assert_string_equal(name, rows[n][1]);
        }
}

/* ---- flavors ---- */

static void novas_classic_flavors_are_there_unless_others_are_declared(void **state _unused_) {
        static const char *const own[] = { "flavor=name=gold,vcpus=4,memory=8192,disk=80,ephemeral=10,swap=512,hw:cpu_policy=dedicated", NULL };
        static const char *const *const sets[] = { NULL, own };

        for (size_t n = 0; n < ELEMENTSOF(sets); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(flavor_table_done) FlavorTable t = {};
                _cleanup_(config_unrefp) Config *config = NULL;
                ConfigError error = {};
                const Flavor *f;

                assert_int_equal(config_new_for_test(&config, sets[n], &error), 0);
                assert_int_equal(flavor_table_read(&t, config, &e), 0);
                assert_int_equal(t.n, n == 0 ? 5 : 1);
                f = flavor_table_find(&t, n == 0 ? "m1.small" : "gold");
                assert_non_null(f);
                if (n == 0) {
                        assert_true(f->id == 2 && f->vcpus == 1 && f->memory_mib == 2048 && f->disk_gib == 20 && f->swap_mib == 0);
                        continue;
                }
                assert_true(f->id == 1 && f->vcpus == 4 && f->memory_mib == 8192 && f->disk_gib == 80 && f->ephemeral_gib == 10);
                assert_true(f->swap_mib == 512);
                assert_string_equal(json_member_string(f->extra_specs, "hw:cpu_policy"), "dedicated");
                assert_null(flavor_table_find(&t, "m1.small"));
        }
}

static void a_bad_flavor_is_named_with_its_place(void **state _unused_) {
        static const char *const rows[][2] = {
                { "name=a", "f:1: [DEFAULT] flavor 'a': vcpus is missing" },
                { "vcpus=1,memory=1,disk=1", "f:1: [DEFAULT] flavor '': name is missing" },
                { "name=a,vcpus=1,memory=1", "f:1: [DEFAULT] flavor 'a': disk is missing" },
                { "name=a b", "f:1: [DEFAULT] flavor: 'b' is not key=value" },
                { "name=a/b", "f:1: [DEFAULT] flavor: name = 'a/b': must be 1 to 255 letters, digits, '.', '_' and '-'" },
                { "name=a,vcpus=0", "f:1: [DEFAULT] flavor: vcpus = '0': must be a number from 1 to 2147483647" },
                { "name=a,vcpus=-1", "f:1: [DEFAULT] flavor: vcpus = '-1': must be a number from 1 to 2147483647" },
                { "name=a,disk=2147483648", "f:1: [DEFAULT] flavor: disk = '2147483648': must be a number from 0 to 2147483647" },
                { "name=a,disk=1,disk=1", "f:1: [DEFAULT] flavor: disk = '1': is given twice" },
                { "name=a,colour=red", "f:1: [DEFAULT] flavor: colour = 'red': there is no such key: name, vcpus, memory (MiB), disk (GiB), "
                                       "ephemeral (GiB), swap (MiB), or a property with a colon" },
                { "name=known,vcpus=1,memory=1,disk=1", "f:1: [DEFAULT] flavor 'known': is declared twice" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(flavor_table_done) FlavorTable t = {};

                assert_int_equal(flavor_table_add(&t, "name=known vcpus=1 memory=1 disk=0", "f:0", NULL), 0);
                assert_true(flavor_table_add(&t, rows[n][0], "f:1", &e) < 0);
                assert_string_equal(e.class_name, "InvalidConfiguration");
                assert_string_equal(e.message, rows[n][1]);
                assert_int_equal(t.n, 1);
        }
}

/* ---- the request ---- */

/* Every field that @of has is in @object, but those that only a database gives; and Nova's form accepts it. */
static void assert_whole(const json_t *object, const char *class_name, const char *const *without) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *parsed = NULL, *described = object_class_describe(object_class_find(class_name));
        const char *field;
        json_t *value;

        if (object_parse(object, class_name, &parsed, &e) < 0)
                fail_msg("%s: %s", class_name, e.message);
        assert_true(json_equal(parsed, (json_t *) object));      /* nothing had to be coerced */
        json_object_foreach(described, field, value) {
                bool left_out = false;

                for (const char *const *w = without; *w; w++)
                        left_out |= streq(*w, field);
                if (!left_out && !object_get(parsed, field))
                        fail_msg("%s.%s is not set", class_name, field);
        }
}

static void a_request_is_what_nova_api_would_send(void **state _unused_) {
        static const char *const networks[] = { "network=name=private,cidr=10.1.0.0/24", "network=name=public,cidr=192.0.2.0/24", NULL };
        static const char *const of_row[] = { "id", "services", "created_at", "fault", "pci_devices", "ec2_ids", "migration_context", NULL };
        static const char *const of_spec[] = { "id", "requested_destination", "network_metadata", "request_level_params", NULL };
        static const char *const of_disk[] = { "id", "uuid", "instance", "attachment_id", "volume_type", "encrypted", "encryption_secret_uuid",
                                               "encryption_format", "encryption_options", "created_at", "updated_at", "deleted_at", "deleted",
                                               NULL };
        static const char *const nothing[] = { NULL };
        _fixture_ Fixture *f = ready(networks);
        json_auto_t *args = NULL;
        const json_t *i, *system, *key, *disks, *wanted, *spec;

        put(f, "cirros.img", "guest");
        put(f, "cirros.img.json", "{\"name\": \"cirros\", \"min_ram\": 32, \"disk_format\": \"raw\", \"properties\": {\"hw_rng_model\": \"virtio\","
                                  " \"os_distro\": \"cirros\", \"own\": \"x\"}}");
        args = made(f, "{\"name\": \"Web 1\", \"image\": \"cirros\", \"vcpus\": 2, \"memory_mib\": 128, \"disk_gib\": 3, \"ephemeral_gib\": 4,"
                       " \"swap_mib\": 64, \"uuid\": \"6F9E2A10-0000-4000-8000-000000000001\", \"networks\": [\"private\", \"public\"],"
                       " \"fixed_ips\": [\"10.1.0.9\", \"\"], \"user_data\": \"aGVsbG8=\", \"metadata\": {\"role\": \"web\"},"
                       " \"key_name\": \"mine\", \"public_key\": \"" KEY "\", \"admin_password\": \"s3cret\", \"config_drive\": true,"
                       " \"project\": \"alpha\", \"user\": \"ann\", \"availability_zone\": \"nova\"}");

        assert_whole(json_object_get(args, "instance"), "Instance", of_row);
        assert_whole(json_object_get(args, "request_spec"), "RequestSpec", of_spec);
        assert_whole(json_object_get(args, "requested_networks"), "NetworkRequestList", nothing);
        assert_whole(json_object_get(args, "block_device_mapping"), "BlockDeviceMappingList", nothing);
        assert_string_equal(json_member_string(args, "admin_password"), "s3cret");

        i = data_of(args, "instance");
        assert_string_equal(json_member_string(i, "uuid"), UUID1);
        assert_string_equal(json_member_string(i, "display_name"), "Web 1");
        assert_string_equal(json_member_string(i, "hostname"), "web-1");
        assert_string_equal(json_member_string(i, "image_ref"), "cirros.img");
        assert_string_equal(json_member_string(i, "project_id"), "alpha");
        assert_string_equal(json_member_string(i, "user_id"), "ann");
        assert_string_equal(json_member_string(i, "user_data"), "aGVsbG8=");
        assert_string_equal(json_member_string(i, "key_name"), "mine");
        assert_string_equal(json_member_string(i, "key_data"), KEY);
        assert_string_equal(json_member_string(i, "config_drive"), "True");
        assert_int_equal(json_member_integer(i, "memory_mb", 0), 128);
        assert_string_equal(json_member_string(data_of(i, "flavor"), "name"), "custom");
        assert_int_equal(json_member_integer(data_of(i, "flavor"), "swap", 0), 64);
        key = json_array_get(json_object_get(data_of(i, "keypairs"), "objects"), 0);
        assert_string_equal(json_member_string(json_object_get(key, DATA), "name"), "mine");
        assert_string_equal(json_member_string(json_object_get(key, DATA), "user_id"), "ann");
        assert_int_equal(strlen(json_member_string(json_object_get(key, DATA), "fingerprint")), 47);

        system = json_object_get(i, "system_metadata");
        assert_string_equal(json_member_string(system, "image_base_image_ref"), "cirros.img");
        assert_string_equal(json_member_string(system, "image_hw_rng_model"), "virtio");
        assert_string_equal(json_member_string(system, "image_own"), "x");
        assert_string_equal(json_member_string(system, "image_min_ram"), "32");
        assert_string_equal(json_member_string(system, "image_min_disk"), "3");
        assert_string_equal(json_member_string(system, "image_disk_format"), "raw");

        wanted = json_object_get(data_of(args, "requested_networks"), "objects");
        assert_int_equal(json_array_size(wanted), 2);
        assert_int_equal(strlen(json_member_string(json_object_get(json_array_get(wanted, 0), DATA), "network_id")), 36);
        assert_string_equal(json_member_string(json_object_get(json_array_get(wanted, 0), DATA), "address"), "10.1.0.9");
        assert_true(json_is_null(json_object_get(json_object_get(json_array_get(wanted, 1), DATA), "address")));

        disks = json_object_get(data_of(args, "block_device_mapping"), "objects");
        assert_int_equal(json_array_size(disks), 3);
        for (size_t n = 0; n < 3; n++)
                assert_whole(json_array_get(disks, n), "BlockDeviceMapping", of_disk);
        assert_string_equal(json_member_string(json_object_get(json_array_get(disks, 2), DATA), "guest_format"), "swap");
        assert_int_equal(json_member_integer(json_object_get(json_array_get(disks, 2), DATA), "volume_size", 0), 64);

        spec = data_of(args, "request_spec");
        assert_string_equal(json_member_string(data_of(data_of(spec, "image"), "properties"), "hw_rng_model"), "virtio");
        assert_null(json_object_get(data_of(data_of(spec, "image"), "properties"), "own"));
}

static void what_is_made_can_be_built(void **state _unused_) {
        static const char *const options[] = { "network=name=private,cidr=10.1.0.0/24", "stub_network=true", NULL };
        _fixture_ Fixture *f = ready(options);
        _cleanup_free_ char *args = NULL;
        json_auto_t *request = NULL;

        put(f, "cirros", "guest");
        request = made(f, "{\"name\": \"first\", \"image\": \"cirros\", \"flavor\": \"m1.tiny\", \"metadata\": {\"a\": \"b\"}}");
        args = json_dumps(request, 0);
        fixture_do(f, "build_and_run_instance", args);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND task_state IS NULL AND display_name ="
                                          " 'first' AND memory_mb = 512 AND instance_type_name = 'm1.tiny' AND image_ref = 'cirros'"), 1);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);            /* its uuid is its own */
}

#define WITH(more) "{\"name\": \"a\", \"networks\": [], " more "}"

static void what_this_host_does_not_have_is_refused_with_its_name(void **state _unused_) {
        static const char *const options[] = { "network=name=private,cidr=10.1.0.0/24", "network=name=public,cidr=192.0.2.0/24", NULL };
        _fixture_ Fixture *f = ready(options);

        put(f, "one", "x");
        put(f, "two.img", "x");
        put(f, "two.img.json", "{\"name\": \"same\"}");
        put(f, "three.img", "x");
        put(f, "three.img.json", "{\"name\": \"same\"}");
        put(f, "large", "x");
        put(f, "large.json", "{\"min_ram\": 4096, \"min_disk\": 5}");
        put(f, "taken", "x");
        put(f, "taken.json", "{\"name\": \"theirs\", \"properties\": {\"owner_id\": \"beta\"}}");
        put(f, "off", "x");
        put(f, "off.json", "{\"status\": \"deactivated\"}");

        refused(f, WITH("\"image\": \"gone\", \"flavor\": \"m1.tiny\""), "ImageNotFound", "Image gone could not be found.");
        refused(f, WITH("\"image\": \"../one\", \"flavor\": \"m1.tiny\""), "ImageNotFound", "Image ../one could not be found.");
        refused(f, WITH("\"image\": \"same\", \"flavor\": \"m1.tiny\""), "InvalidInput",
                "Invalid input received: image 'same' is the name of 2 images: say which by its id");
        /* what was on another project's disks */
        refused(f, WITH("\"image\": \"taken\", \"flavor\": \"m1.tiny\", \"project\": \"alpha\""), "ImageNotFound",
                "Image taken could not be found.");
        refused(f, WITH("\"image\": \"theirs\", \"flavor\": \"m1.tiny\", \"project\": \"alpha\""), "ImageNotFound",
                "Image theirs could not be found.");
        json_decref(made(f, WITH("\"image\": \"theirs\", \"flavor\": \"m1.tiny\", \"project\": \"beta\"")));
        refused(f, WITH("\"image\": \"one\", \"flavor\": \"m9\""), "FlavorNotFound", "Flavor m9 could not be found.");
        refused(f, WITH("\"image\": \"large\", \"flavor\": \"m1.tiny\""), "FlavorMemoryTooSmall", "Flavor's memory is too small for requested image.");
        refused(f, WITH("\"image\": \"off\", \"flavor\": \"m1.tiny\""), "ImageNotActive", "Image off is not active.");
        refused(f, WITH("\"image\": \"one\", \"flavor\": \"m1.tiny\", \"availability_zone\": \"west\""), "InvalidInput",
                "Invalid input received: availability_zone is 'west', but this host is of 'nova'");
        refused(f, "{\"name\": \"a\", \"image\": \"one\", \"flavor\": \"m1.tiny\"}", "NetworkAmbiguous",
                "More than one possible network found. Specify network ID(s) to select which one(s) to connect to.");
        refused(f, "{\"name\": \"a\", \"image\": \"one\", \"flavor\": \"m1.tiny\", \"networks\": [\"office\"]}", "NetworkNotFound",
                "Network office could not be found.");
        refused(f, "{\"name\": \"a\", \"image\": \"one\", \"flavor\": \"m1.tiny\", \"networks\": [\"public\"], \"fixed_ips\": [\"10.1.0.4\"]}",
                "InvalidInput", "Invalid input received: fixed IP 10.1.0.4 is not of network public");
        refused(f, WITH("\"image\": \"one\", \"flavor\": \"m1.tiny\", \"uuid\": \"../../x\""), "InvalidUUID",
                "Expected a uuid but received ../../x.");
}

static void an_instance_that_is_or_was_here_is_not_made_again(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        char uuid[UUID_TEXT_MAX], properties[256];
        _cleanup_free_ char *args = NULL;

        put(f, "one", "x");
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        snprintf(properties, sizeof properties, "{\"name\": \"a\", \"image\": \"one\", \"flavor\": \"m1.tiny\", \"uuid\": \"%s\"}",
                 fixture_uuid(1, uuid));
        assert_true(asprintf(&args, "{\"properties\": %s}", properties) > 0);
        fixture_refused(f, "_make_build_request", args, "InstanceExists");
        assert_int_equal(f->m->store->ops->instance_destroy(f->m->store, uuid), 1);
        fixture_refused(f, "_make_build_request", args, "InstanceExists");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_is_refused_by_name_and_value),
                cmocka_unit_test(texts_end_where_novas_columns_do),
                cmocka_unit_test(a_name_becomes_a_hosts_name),
                cmocka_unit_test(novas_classic_flavors_are_there_unless_others_are_declared),
                cmocka_unit_test(a_bad_flavor_is_named_with_its_place),
                cmocka_unit_test(a_request_is_what_nova_api_would_send),
                cmocka_unit_test(what_is_made_can_be_built),
                cmocka_unit_test(what_this_host_does_not_have_is_refused_with_its_name),
                cmocka_unit_test(an_instance_that_is_or_was_here_is_not_made_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

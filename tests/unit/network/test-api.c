/* What network.API sends, byte for byte of its JSON, and how it reads the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "network/api.h"
#include "recording-messenger.h"

typedef struct Fixture {
        Config *config;
        RecordingMessenger messenger;
        NetworkApi *api;
        RequestContext *context;
        Instance instance;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        const char *assignments[] = { "network_backend=service", NULL };
        ConfigError error;

        assert_int_equal(config_new_for_test(&f->config, assignments, &error), 0);
        recording_messenger_init(&f->messenger);
        assert_int_equal(network_api_new(&f->api, f->config, &f->messenger.messenger, NULL), 0);
        f->context = context_new_admin();
        f->instance = (Instance) {
                .id = 7,
                .uuid = (char *) "6f9e2a10-0000-4000-8000-000000000007",
                .project_id = (char *) "p1",
                .host = (char *) "node1",
        };
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        json_decref(f->instance.object);
        context_unref(f->context);
        network_api_free(f->api);
        recording_messenger_done(&f->messenger);
        config_unref(f->config);
        free(f);
        return 0;
}

/* checklist: 31 */
static void allocate_is_a_call_with_exactly_the_seeds_arguments(void **state) {
        Fixture *f = *state;
        json_auto_t *requested = json_pack("[[s, s]]", "net1", "10.0.0.3"), *info = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        f->messenger.answer = json_pack("[{s:s}]", "id", "vif1");
        f->instance.object = json_pack("{s:{s:{s:{s:f}}}}", "nova_object.data", "flavor", "nova_object.data", "rxtx_factor", 2.5);
        assert_int_equal(network_api_allocate_for_instance(f->api, f->context, &f->instance, true, requested, &info, &e), 0);
        recording_messenger_expect(&f->messenger, 0,
                                   "{\"kind\":\"call\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"allocate_for_instance\",\"args\":{\"instance_id\":7,"
                                   "\"instance_uuid\":\"6f9e2a10-0000-4000-8000-000000000007\",\"project_id\":\"p1\","
                                   "\"host\":\"node1\",\"rxtx_factor\":2.5,\"vpn\":true,"
                                   "\"requested_networks\":[[\"net1\",\"10.0.0.3\"]]}}");
        assert_true(json_equal(info, f->messenger.answer));
        assert_int_equal(f->messenger.timeout, 0);
}

/* checklist: 31 */
static void the_other_messages_have_the_seeds_kind_and_arguments(void **state) {
        Fixture *f = *state;
        json_auto_t *info = NULL;

        assert_int_equal(network_api_deallocate_for_instance(f->api, f->context, &f->instance, NULL), 0);
        assert_int_equal(network_api_get_instance_nw_info(f->api, f->context, &f->instance, &info, NULL), 0);
        assert_null(info);
        assert_int_equal(network_api_setup_networks_on_host(f->api, f->context, &f->instance, "node2", true, NULL), 0);
        assert_int_equal(network_api_add_fixed_ip_to_instance(f->api, f->context, &f->instance, "net1", NULL), 0);
        assert_int_equal(network_api_remove_fixed_ip_from_instance(f->api, f->context, &f->instance, "10.0.0.3", NULL), 0);

        recording_messenger_expect(&f->messenger, 0,
                                   "{\"kind\":\"cast\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"deallocate_for_instance\",\"args\":{\"instance_id\":7,\"project_id\":\"p1\","
                                   "\"host\":\"node1\"}}");
        recording_messenger_expect(&f->messenger, 1,
                                   "{\"kind\":\"call\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"get_instance_nw_info\",\"args\":{\"instance_id\":7,"
                                   "\"instance_uuid\":\"6f9e2a10-0000-4000-8000-000000000007\",\"rxtx_factor\":1.0,"
                                   "\"host\":\"node1\",\"project_id\":\"p1\"}}");
        recording_messenger_expect(&f->messenger, 2,
                                   "{\"kind\":\"call\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"setup_networks_on_host\",\"args\":{\"instance_id\":7,\"host\":\"node2\","
                                   "\"teardown\":true}}");
        recording_messenger_expect(&f->messenger, 3,
                                   "{\"kind\":\"cast\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"add_fixed_ip_to_instance\",\"args\":{\"instance_id\":7,\"host\":\"node1\","
                                   "\"network_id\":\"net1\"}}");
        recording_messenger_expect(&f->messenger, 4,
                                   "{\"kind\":\"cast\",\"topic\":\"network\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"remove_fixed_ip_from_instance\",\"args\":{\"instance_id\":7,\"host\":\"node1\","
                                   "\"address\":\"10.0.0.3\"}}");
}

static void a_remote_instance_not_found_becomes_ours(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *failure = json_pack("[s, s, []]", "InstanceNotFound", "it is gone"), *info = NULL;

        f->messenger.result = -EREMOTEIO;
        exception_from_wire(&f->messenger.failure, failure);
        assert_int_equal(network_api_get_instance_nw_info(f->api, f->context, &f->instance, &info, &e), -ENOENT);
        assert_string_equal(e.class_name, "InstanceNotFound");
        assert_string_equal(e.module, "nova.exception");
        assert_string_equal(e.message, "Instance 6f9e2a10-0000-4000-8000-000000000007 could not be found.");
        assert_int_equal(e.code, 404);
        assert_null(info);
}

static void other_remote_errors_are_passed_on(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *failure = json_pack("[s, s, []]", "NetworkNotFound", "no such network"), *info = NULL;

        f->messenger.result = -EREMOTEIO;
        exception_from_wire(&f->messenger.failure, failure);
        assert_int_equal(network_api_get_instance_nw_info(f->api, f->context, &f->instance, &info, &e), -EREMOTEIO);
        assert_string_equal(e.class_name, "NetworkNotFound");
}

static void a_cast_that_cannot_be_sent_says_which(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        f->messenger.result = -ENOBUFS;
        assert_int_equal(network_api_deallocate_for_instance(f->api, f->context, &f->instance, &e), -ENOBUFS);
        assert_non_null(strstr(e.message, "deallocate_for_instance"));
}

static void without_a_messenger_nothing_can_be_sent(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *info = NULL;

        network_api_set_messenger(f->api, NULL);
        assert_int_equal(network_api_get_instance_nw_info(f->api, f->context, &f->instance, &info, &e), -ENOTCONN);
        assert_non_null(strstr(e.message, "get_instance_nw_info"));
}

static void an_unknown_api_class_is_class_not_found(void **state _unused_) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *assignments[] = { "network_api_class=nova.network.other.API", NULL };
        _cleanup_(config_unrefp) Config *config = NULL;
        NetworkApi *api = NULL;
        ConfigError error;

        assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
        assert_true(network_api_new(&api, config, NULL, &e) < 0);
        assert_null(api);
        assert_string_equal(e.class_name, "ClassNotFound");
        assert_non_null(strstr(e.message, "nova.network.other.API"));
}

/* checklist: 33 */
static void network_managers_are_found_by_name_and_vlan_is_the_default(void **state) {
        static const struct {
                const char *name, *found;
        } rows[] = {
                { NULL, "nova.network.manager.VlanManager" },
                { "", "nova.network.manager.VlanManager" },
                { "nova.network.manager.FlatManager", "nova.network.manager.FlatManager" },
                { "nova.network.manager.FlatDHCPManager", "nova.network.manager.FlatDHCPManager" },
                { "nova.network.manager.VlanManager", "nova.network.manager.VlanManager" },
                { "nova.network.quantum.manager.QuantumManager", "nova.network.quantum.manager.QuantumManager" },
                { "FlatDHCPManager", "nova.network.manager.FlatDHCPManager" },
                { "nova.network.manager.NoManager", NULL },
                { "nova.network.manager", NULL },
                { "Manager", NULL },
        };
        Fixture *f = *state;

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(network_manager_freep) NetworkManager *m = NULL;
                int r = network_manager_load(f->config, rows[n].name, &m, &e);

                if (rows[n].found) {
                        assert_int_equal(r, 0);
                        assert_string_equal(network_manager_name(m), rows[n].found);
                } else {
                        assert_true(r < 0);
                        assert_null(m);
                        assert_string_equal(e.class_name, "ClassNotFound");
                        assert_non_null(strstr(e.message, rows[n].name));
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(allocate_is_a_call_with_exactly_the_seeds_arguments, setup, teardown),
                cmocka_unit_test_setup_teardown(the_other_messages_have_the_seeds_kind_and_arguments, setup, teardown),
                cmocka_unit_test_setup_teardown(a_remote_instance_not_found_becomes_ours, setup, teardown),
                cmocka_unit_test_setup_teardown(other_remote_errors_are_passed_on, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cast_that_cannot_be_sent_says_which, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_messenger_nothing_can_be_sent, setup, teardown),
                cmocka_unit_test(an_unknown_api_class_is_class_not_found),
                cmocka_unit_test_setup_teardown(network_managers_are_found_by_name_and_vlan_is_the_default, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

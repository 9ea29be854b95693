/* What volume.API sends, byte for byte of its JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "recording-messenger.h"
#include "volume/api.h"

typedef struct Fixture {
        Config *config;
        RecordingMessenger messenger;
        VolumeApi *api;
        RequestContext *context;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        ConfigError error;

        assert_int_equal(config_new_for_test(&f->config, NULL, &error), 0);
        recording_messenger_init(&f->messenger);
        assert_int_equal(volume_api_new(&f->api, f->config, &f->messenger.messenger, NULL), 0);
        f->context = context_new_admin();
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        context_unref(f->context);
        volume_api_free(f->api);
        recording_messenger_done(&f->messenger);
        config_unref(f->config);
        free(f);
        return 0;
}

/* checklist: 32 */
static void initialize_connection_goes_to_the_volumes_host(void **state) {
        Fixture *f = *state;
        json_auto_t *connector = json_pack("{s:s, s:s}", "ip", "10.0.0.9", "initiator", "iqn.1"), *info = NULL;

        f->messenger.answer = json_pack("{s:s, s:{}}", "driver_volume_type", "iscsi", "data");
        assert_int_equal(volume_api_initialize_connection(f->api, f->context, "stor1", 12, connector, &info, NULL), 0);
        recording_messenger_expect(&f->messenger, 0,
                                   "{\"kind\":\"call\",\"topic\":\"volume\",\"server\":\"stor1\",\"format\":\"essex\","
                                   "\"method\":\"initialize_connection\",\"args\":{\"volume_id\":12,"
                                   "\"connector\":{\"ip\":\"10.0.0.9\",\"initiator\":\"iqn.1\"}}}");
        assert_true(json_equal(info, f->messenger.answer));
}

/* checklist: 32 */
static void the_other_messages_have_the_seeds_arguments(void **state) {
        Fixture *f = *state;
        json_auto_t *connector = json_pack("{s:s}", "ip", "10.0.0.9");

        assert_int_equal(volume_api_attach(f->api, f->context, "stor1", 12, 7, "/dev/vdb", NULL), 0);
        assert_int_equal(volume_api_detach(f->api, f->context, "stor1", 12, NULL), 0);
        assert_int_equal(volume_api_terminate_connection(f->api, f->context, "stor1", 12, connector, NULL), 0);
        assert_int_equal(volume_api_check_for_export(f->api, f->context, 7, NULL), 0);

        recording_messenger_expect(&f->messenger, 0,
                                   "{\"kind\":\"call\",\"topic\":\"volume\",\"server\":\"stor1\",\"format\":\"essex\","
                                   "\"method\":\"attach_volume\",\"args\":{\"volume_id\":12,\"instance_id\":7,"
                                   "\"mountpoint\":\"/dev/vdb\"}}");
        recording_messenger_expect(&f->messenger, 1,
                                   "{\"kind\":\"call\",\"topic\":\"volume\",\"server\":\"stor1\",\"format\":\"essex\","
                                   "\"method\":\"detach_volume\",\"args\":{\"volume_id\":12}}");
        recording_messenger_expect(&f->messenger, 2,
                                   "{\"kind\":\"call\",\"topic\":\"volume\",\"server\":\"stor1\",\"format\":\"essex\","
                                   "\"method\":\"terminate_connection\",\"args\":{\"volume_id\":12,"
                                   "\"connector\":{\"ip\":\"10.0.0.9\"}}}");
        recording_messenger_expect(&f->messenger, 3,
                                   "{\"kind\":\"call\",\"topic\":\"volume\",\"server\":null,\"format\":\"essex\","
                                   "\"method\":\"check_for_export\",\"args\":{\"instance_id\":7}}");
}

static void a_failed_call_gives_the_peers_exception(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *failure = json_pack("[s, s, []]", "VolumeNotFound", "no such volume"), *info = NULL;

        f->messenger.result = -EREMOTEIO;
        exception_from_wire(&f->messenger.failure, failure);
        assert_int_equal(volume_api_initialize_connection(f->api, f->context, "stor1", 12, NULL, &info, &e), -EREMOTEIO);
        assert_string_equal(e.class_name, "VolumeNotFound");
        assert_null(info);
}

static void without_a_messenger_nothing_can_be_sent(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        volume_api_set_messenger(f->api, NULL);
        assert_int_equal(volume_api_detach(f->api, f->context, "stor1", 12, &e), -ENOTCONN);
        assert_non_null(strstr(e.message, "detach_volume"));
}

static void an_unknown_api_class_is_class_not_found(void **state _unused_) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *assignments[] = { "volume_api_class=nova.volume.cinder.API", NULL };
        _cleanup_(config_unrefp) Config *config = NULL;
        VolumeApi *api = NULL;
        ConfigError error;

        assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
        assert_true(volume_api_new(&api, config, NULL, &e) < 0);
        assert_null(api);
        assert_string_equal(e.class_name, "ClassNotFound");
        assert_non_null(strstr(e.message, "nova.volume.cinder.API"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(initialize_connection_goes_to_the_volumes_host, setup, teardown),
                cmocka_unit_test_setup_teardown(the_other_messages_have_the_seeds_arguments, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failed_call_gives_the_peers_exception, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_messenger_nothing_can_be_sent, setup, teardown),
                cmocka_unit_test(an_unknown_api_class_is_class_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

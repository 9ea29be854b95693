/* Values of the bus as JSON, and what errors mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>

#include "novactl/client.h"

void ctl_error(const char *format _unused_, ...) {
}

/* A message with @types in it, ready to be read. A bus that nobody serves is enough to make one. */
static sd_bus_message *message(sd_bus **ret_bus, int *ret_peer, const char *types, ...) {
        sd_bus_message *m = NULL;
        int fds[2];
        va_list ap;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        *ret_peer = fds[1];
        assert_true(sd_bus_new(ret_bus) >= 0);
        assert_true(sd_bus_set_fd(*ret_bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(*ret_bus) >= 0);
        assert_true(sd_bus_message_new_signal(*ret_bus, &m, "/x", "x.y", "Z") >= 0);
        va_start(ap, types);
        assert_true(sd_bus_message_appendv(m, types, ap) >= 0);
        va_end(ap);
        return m;
}

static void sealed(sd_bus_message *m) {
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_true(sd_bus_message_rewind(m, true) >= 0);
}

static void assert_value(sd_bus *bus, int peer, sd_bus_message *m, const char *json) {
        json_auto_t *value = NULL;
        _cleanup_free_ char *text = NULL;

        sealed(m);
        value = client_value(m);
        assert_non_null(value);
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        assert_string_equal(text, json);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        (void) close(peer);
}

#define assert_shown(json, types, ...)                                                  \
        do {                                                                            \
                sd_bus *_bus = NULL;                                                    \
                int _peer = -1;                                                         \
                sd_bus_message *_m = message(&_bus, &_peer, types, __VA_ARGS__);        \
                assert_value(_bus, _peer, _m, json);                                    \
        } while (0)

static void values_of_every_type_become_json(void **state _unused_) {
        assert_shown("true", "b", 1);
        assert_shown("255", "y", 255);
        assert_shown("-2", "n", -2);
        assert_shown("65535", "q", 65535);
        assert_shown("-3", "i", -3);
        assert_shown("4294967295", "u", UINT32_MAX);
        assert_shown("-9223372036854775808", "x", INT64_MIN);
        assert_shown("9223372036854775807", "t", UINT64_MAX);           /* as near as JSON here comes */
        assert_shown("0.5", "d", 0.5);
        assert_shown("null", "d", __builtin_inf());
        assert_shown("null", "d", __builtin_nan(""));
        assert_shown("\"text\"", "s", "text");
        assert_shown("\"/a/b\"", "o", "/a/b");
        assert_shown("\"a{sv}\"", "g", "a{sv}");
        assert_shown("[1,[\"a\",\"b\"]]", "(uas)", 1u, 2, "a", "b");
        assert_shown("{\"k\":\"v\",\"n\":[7]}", "a{sv}", 2, "k", "s", "v", "n", "ax", 1, (int64_t) 7);
        assert_shown("{\"5\":true}", "a{ub}", 1, 5u, 1);
        assert_shown("[]", "as", 0);
        assert_shown("{}", "a{sv}", 0);
        assert_shown("\"hi\"", "ay", 2, 'h', 'i');
        assert_shown("\"\"", "ay", 0);
        assert_shown("\"/wA=\"", "ay", 2, 0xff, 0);                     /* no text: base64 */
        assert_shown("\"inner\"", "v", "v", "s", "inner");
}

static void what_is_not_there_is_no_value(void **state _unused_) {
        sd_bus *bus = NULL;
        int peer = -1;
        sd_bus_message *m = message(&bus, &peer, "s", "only");
        json_auto_t *first = NULL;

        sealed(m);
        first = client_value(m);
        assert_non_null(first);
        assert_null(client_value(m));
        assert_int_equal(errno, ENODATA);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        (void) close(peer);
}

static void a_descriptor_is_refused(void **state _unused_) {
        sd_bus *bus = NULL;
        sd_bus_message *m = NULL;
        json_auto_t *first = NULL;
        int peer = -1;

        m = message(&bus, &peer, "s", "before");
        assert_true(sd_bus_message_append(m, "h", peer) >= 0);
        sealed(m);
        first = client_value(m);
        assert_non_null(first);
        assert_null(client_value(m));
        assert_int_equal(errno, EOPNOTSUPP);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        (void) close(peer);
}

static void errors_have_an_exit_status_and_a_sentence(void **state _unused_) {
        static const struct {
                const char *name, *message;
                ExitStatus status;
                const char *sentence;
                bool whole;
        } cases[] = {
                { "org.nova.Compute1.Error.NoSuchInstance", "There is no instance 'x'", EXIT_NO_SUCH, "There is no instance 'x'", true },
                { "org.nova.Compute1.Error.AmbiguousName", "2 instances are called 'x'", EXIT_NO_SUCH, "2 instances are called 'x'", true },
                { "org.nova.Compute1.Error.InvalidState", "It runs", EXIT_FAILED, "It runs", true },
                { "org.freedesktop.DBus.Error.InvalidArgs", "Unknown option 'x'", EXIT_FAILED, "Unknown option 'x'", true },
                { SD_BUS_ERROR_ACCESS_DENIED, "Access denied: not authorized for x", EXIT_DENIED, "Access denied: not authorized for x", false },
                { SD_BUS_ERROR_UNKNOWN_OBJECT, "Unknown object '/x'.", EXIT_NO_SUCH, "it is gone", false },
                { SD_BUS_ERROR_NO_REPLY, "Message recipient disconnected", EXIT_UNREACHABLE, "nova-compute did not answer in time, or has left the bus", false },
                { SD_BUS_ERROR_TIMEOUT, NULL, EXIT_UNREACHABLE, "nova-compute did not answer in time", false },
                { "System.Error.ECONNRESET", NULL, EXIT_UNREACHABLE, "the connection to the bus was lost", false },
                { "System.Error.ETIMEDOUT", NULL, EXIT_UNREACHABLE, "nova-compute did not answer in time", false },
                { "System.Error.ENOSPC", NULL, EXIT_FAILED, "No space left on device", false },
                { "org.freedesktop.systemd1.NoSuchUnit", "Unit x not found.", EXIT_UNREACHABLE, "Unit x not found.", false },
                { "org.freedesktop.DBus.Error.Spawn.ChildExited", "it ended", EXIT_UNREACHABLE, "it ended", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                bool whole = !cases[i].whole;

                (void) sd_bus_error_set(&error, cases[i].name, cases[i].message);
                assert_int_equal(client_status_of(&error), cases[i].status);
                assert_string_equal(client_sentence_of(&error, &whole), cases[i].sentence);
                assert_int_equal(whole, cases[i].whole);
                sd_bus_error_free(&error);
        }
}

static void what_several_share_is_their_status(void **state _unused_) {
        assert_int_equal(client_status_join(EXIT_DONE, EXIT_DONE), EXIT_DONE);
        assert_int_equal(client_status_join(EXIT_DENIED, EXIT_DONE), EXIT_DENIED);
        assert_int_equal(client_status_join(EXIT_DONE, EXIT_NO_SUCH), EXIT_NO_SUCH);
        assert_int_equal(client_status_join(EXIT_NO_SUCH, EXIT_NO_SUCH), EXIT_NO_SUCH);
        assert_int_equal(client_status_join(EXIT_NO_SUCH, EXIT_DENIED), EXIT_FAILED);
        assert_int_equal(client_status_join(EXIT_FAILED, EXIT_INTERRUPTED), EXIT_INTERRUPTED);
}

static void paths_of_instances_have_a_uuid(void **state _unused_) {
        char uuid[37] = "untouched";

        assert_true(client_path_uuid(INSTANCE_PREFIX "01045134_7f1d_4418_ae5e_34116e30f5a8", uuid));
        assert_string_equal(uuid, "01045134-7f1d-4418-ae5e-34116e30f5a8");
        assert_false(client_path_uuid(INSTANCE_PREFIX "01045134", uuid));
        assert_false(client_path_uuid(INSTANCE_PREFIX "01045134_7f1d_4418_ae5e_34116e30f5zz", uuid));
        assert_false(client_path_uuid("/org/nova/Compute1/job/7", uuid));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_of_every_type_become_json),
                cmocka_unit_test(what_is_not_there_is_no_value),
                cmocka_unit_test(a_descriptor_is_refused),
                cmocka_unit_test(errors_have_an_exit_status_and_a_sentence),
                cmocka_unit_test(what_several_share_is_their_status),
                cmocka_unit_test(paths_of_instances_have_a_uuid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* libvirt's errors and states in Nova's words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virt/libvirt/private.h"

static void every_error_has_an_errno_and_a_class(void **state) {
        static const struct {
                int code;
                int error;
                ExceptionClass class;
        } table[] = {
                { VIR_ERR_NO_DOMAIN, -ENOENT, EXC_INSTANCE_NOT_FOUND },
                { VIR_ERR_DOM_EXIST, -EEXIST, EXC_INSTANCE_EXISTS },
                { VIR_ERR_OPERATION_INVALID, -EBADFD, EXC_INSTANCE_INVALID_STATE },
                { VIR_ERR_NO_CONNECT, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_AUTH_CANCELLED, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_NO_SUPPORT, -EOPNOTSUPP, EXC_NOT_IMPLEMENTED },
                { VIR_ERR_OPERATION_TIMEOUT, -ETIMEDOUT, EXC_NOVA },
                { VIR_ERR_ACCESS_DENIED, -EACCES, EXC_NOVA },
                { VIR_ERR_NO_MEMORY, -ENOMEM, EXC_NOVA },
                { VIR_ERR_INTERNAL_ERROR, -EIO, EXC_NOVA },
                { 9999, -EIO, EXC_NOVA },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                ExceptionClass class = _EXC_MAX;

                assert_int_equal(libvirt_error_errno(table[i].code, &class), table[i].error);
                assert_int_equal(class, table[i].class);
        }
}

static void a_dead_socket_shows_as_one_of_several_errors(void **state) {
        static const struct {
                int code, domain;
                bool connection;
        } table[] = {
                { VIR_ERR_SYSTEM_ERROR, VIR_FROM_REMOTE, true },
                { VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC, true },
                { VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC, true },
                { VIR_ERR_INTERNAL_ERROR, VIR_FROM_REMOTE, true },
                { VIR_ERR_RPC, VIR_FROM_RPC, true },
                { VIR_ERR_SYSTEM_ERROR, VIR_FROM_QEMU, false },
                { VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU, false },
                { VIR_ERR_NO_DOMAIN, VIR_FROM_REMOTE, false },
                { VIR_ERR_NO_SUPPORT, VIR_FROM_RPC, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(libvirt_error_is_connection(table[i].code, table[i].domain), table[i].connection);
}

static void domain_states_become_novas(void **state) {
        static const PowerState table[] = {
                [VIR_DOMAIN_NOSTATE] = POWER_NOSTATE,   [VIR_DOMAIN_RUNNING] = POWER_RUNNING,
                [VIR_DOMAIN_BLOCKED] = POWER_RUNNING,   [VIR_DOMAIN_PAUSED] = POWER_PAUSED,
                [VIR_DOMAIN_SHUTDOWN] = POWER_SHUTDOWN, [VIR_DOMAIN_SHUTOFF] = POWER_SHUTDOWN,
                [VIR_DOMAIN_CRASHED] = POWER_CRASHED,   [VIR_DOMAIN_PMSUSPENDED] = POWER_SUSPENDED,
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(libvirt_power_state((int) i), table[i]);
        assert_int_equal(libvirt_power_state(99), POWER_NOSTATE);
}

static void events_tell_the_state_they_lead_to_or_nothing(void **state) {
        static const struct {
                int event, detail;
                int state;              /* -1: nothing */
        } table[] = {
                { VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, POWER_RUNNING },
                { VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, POWER_RUNNING },
                { VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, POWER_PAUSED },
                { VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED, -1 },
                { VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, POWER_SHUTDOWN },
                { VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, POWER_CRASHED },
                { VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, -1 },
                { VIR_DOMAIN_EVENT_PMSUSPENDED, 0, POWER_SUSPENDED },
                { VIR_DOMAIN_EVENT_CRASHED, 0, POWER_CRASHED },
                { VIR_DOMAIN_EVENT_DEFINED, 0, -1 },
                { VIR_DOMAIN_EVENT_UNDEFINED, 0, -1 },
                { 99, 0, -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                PowerState s = 99;

                assert_int_equal(libvirt_event_state(table[i].event, table[i].detail, &s), table[i].state >= 0);
                assert_int_equal(s, table[i].state >= 0 ? table[i].state : 99);
        }
}

static void the_uri_is_the_configured_one_or_that_of_the_kind_of_guests(void **state) {
        static const struct {
                const char *first, *second, *uri;
        } table[] = {
                { NULL, NULL, "qemu:///system" },
                { "libvirt.virt_type=qemu", NULL, "qemu:///system" },
                { "libvirt.virt_type=lxc", NULL, "lxc:///" },
                { "libvirt.virt_type=xen", NULL, "xen:///" },
                { "libvirt.virt_type=uml", NULL, "uml:///system" },
                { "libvirt.virt_type=parallels", NULL, "parallels:///system" },
                { "libvirt.virt_type=test", NULL, "test:///default" },
                { "libvirt.virt_type=lxc", "libvirt.connection_uri=qemu+tcp://h/system", "qemu+tcp://h/system" },
                { "libvirt_type=lxc", NULL, "lxc:///" },                                /* Essex's names */
                { "libvirt_uri=test:///default", NULL, "test:///default" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(config_unrefp) Config *c = NULL;
                _cleanup_free_ char *uri = NULL;
                ConfigError e = {};

                if (config_new_for_test(&c, (const char *const[]){ table[i].first, table[i].second, NULL }, &e) < 0)
                        fail_msg("%s", e.text);
                uri = libvirt_uri_of(c);
                assert_string_equal(uri, table[i].uri);
        }
}

static void this_machines_memory_counts_only_for_its_own_hypervisor(void **state) {
        static const struct {
                const char *uri;
                bool local;
        } table[] = {
                { "qemu:///system", true },        { "qemu+unix:///system?socket=/x", true }, { "lxc:///", true },
                { "qemu+tcp://localhost/system", true }, { "qemu+tcp://other/system", false }, { "qemu+ssh://root@other/system", false },
                { "test:///default", false },      { "test+unix:///default", false },        { "nonsense", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(libvirt_uri_is_local(table[i].uri), table[i].local);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_error_has_an_errno_and_a_class),
                cmocka_unit_test(a_dead_socket_shows_as_one_of_several_errors),
                cmocka_unit_test(domain_states_become_novas),
                cmocka_unit_test(events_tell_the_state_they_lead_to_or_nothing),
                cmocka_unit_test(the_uri_is_the_configured_one_or_that_of_the_kind_of_guests),
                cmocka_unit_test(this_machines_memory_counts_only_for_its_own_hypervisor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

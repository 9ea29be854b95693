/* The unit file against the daemon: times that must agree, credentials that must be options, and what has bitten before. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config.h"

static char *text;

static int read_unit(void **state) {
        FILE *f = fopen(UNIT, "re");
        size_t n = 0;

        if (!f)
                return -errno;
        return getdelim(&text, &n, 0, f) > 0 ? fclose(f) : -1;
}

static int free_unit(void **state) {
        free(text);
        return 0;
}

/* The value of the @n-th line "@key=…", or NULL; lives in @buf. */
static const char *setting(const char *key, unsigned n, char buf[static 512]) {
        size_t length = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, length) == 0 && line[length] == '=' && n-- == 0) {
                        snprintf(buf, 512, "%.*s", (int) strcspn(line + length + 1, "\n"), line + length + 1);
                        return buf;
                }
        }
        return NULL;
}

static long seconds(const char *key) {
        char buf[512], *end;
        const char *s = setting(key, 0, buf);
        long n;

        assert_non_null(s);
        n = strtol(s, &end, 10);
        assert_true(end != s && *end == 0);     /* plain seconds */
        return n;
}

/* checklist: 79 */
static void systemd_waits_longer_for_a_stop_than_the_daemon_takes(void **state) {
        _cleanup_(config_unrefp) Config *c = NULL;
        ConfigError error;

        assert_int_equal(config_new_for_test(&c, NULL, &error), 0);
        assert_true(seconds("TimeoutStopSec") >= config_integer(c, "stop_timeout") + 10);
}

static void the_start_and_the_watchdog_have_limits(void **state) {
        char buf[512];

        assert_string_equal(setting("Type", 0, buf), "notify");
        assert_string_equal(setting("NotifyAccess", 0, buf), "main");
        assert_true(seconds("WatchdogSec") >= 10);
        assert_true(seconds("TimeoutStartSec") >= 60);
        assert_string_equal(setting("Restart", 0, buf), "on-failure");
        assert_string_equal(setting("RestartPreventExitStatus", 0, buf), "78");
        assert_string_equal(setting("BusName", 0, buf), "org.nova.Compute1");
}

static void each_credential_is_an_option_and_none_has_to_exist(void **state) {
        _cleanup_(config_unrefp) Config *c = NULL;
        ConfigError error;
        char buf[512];
        unsigned n;

        assert_int_equal(config_new_for_test(&c, NULL, &error), 0);
        for (n = 0; setting("LoadCredential", n, buf); n++) {
                char *path = strchr(buf, ':');

                assert_non_null(path);
                *path++ = 0;
                if (!config_has(c, buf))
                        fail_msg("LoadCredential=%s: there is no such option", buf);
                /* an absolute path that is not there fails the start, a name does not */
                assert_true(*path != '/');
        }
        assert_true(n > 0);
}

static void a_broker_or_hypervisor_that_restarts_does_not_take_the_service_along(void **state) {
        char buf[512];

        assert_null(setting("Requires", 0, buf));
        assert_null(setting("BindsTo", 0, buf));
        assert_null(setting("PartOf", 0, buf));
        assert_non_null(strstr(text, "After=rabbitmq-server.service"));
        assert_string_equal(setting("Wants", 0, buf), "network-online.target");
}

static void guests_are_not_in_the_way_of_a_stop(void **state) {
        char buf[512];

        assert_string_equal(setting("KillMode", 0, buf), "process");
}

static void run_is_closed_where_systemd_252_would_leave_it_open(void **state) {
        char buf[512];

        assert_string_equal(setting("ProtectSystem", 0, buf), "strict");
        assert_string_equal(setting("ReadOnlyPaths", 0, buf), "/run");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(systemd_waits_longer_for_a_stop_than_the_daemon_takes),
                cmocka_unit_test(the_start_and_the_watchdog_have_limits),
                cmocka_unit_test(each_credential_is_an_option_and_none_has_to_exist),
                cmocka_unit_test(a_broker_or_hypervisor_that_restarts_does_not_take_the_service_along),
                cmocka_unit_test(guests_are_not_in_the_way_of_a_stop),
                cmocka_unit_test(run_is_closed_where_systemd_252_would_leave_it_open),
        };
        return cmocka_run_group_tests(tests, read_unit, free_unit);
}

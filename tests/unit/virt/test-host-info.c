/* What is read of the host itself. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "virt/host-info.h"

static void memory_that_can_be_had_is_memavailable_and_else_what_is_free_or_cache(void **state) {
        static const struct {
                const char *text;
                int r;
                uint64_t total, available;
        } table[] = {
                { "MemTotal:       8000 kB\nMemFree:        1000 kB\nMemAvailable:   5000 kB\nBuffers: 1 kB\nCached: 2 kB\n", 0, 8000, 5000 },
                { "MemTotal: 8000 kB\nMemFree: 1000 kB\nBuffers: 200 kB\nCached: 30 kB\nSwapCached: 4000 kB", 0, 8000, 1230 },
                { "MemTotal: 100 kB\nMemAvailable: 200 kB\n", 0, 100, 100 },
                { "MemTotal: many kB\n", -EBADMSG, 0, 0 },
                { "MemFree: 1000 kB\n", -EBADMSG, 0, 0 },
                { "", -EBADMSG, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                HostMemory m = { 7, 7 };

                assert_int_equal(host_memory_parse(table[i].text, &m), table[i].r);
                assert_int_equal(m.total_kib, table[i].r < 0 ? 7 : table[i].total);
                assert_int_equal(m.available_kib, table[i].r < 0 ? 7 : table[i].available);
        }
}

static void the_memory_of_this_machine_is_read(void **state) {
        HostMemory m;

        assert_int_equal(host_memory(&m), 0);
        assert_true(m.total_kib > 0 && m.available_kib <= m.total_kib);
}

static void uptime_is_written_as_uptime_writes_it(void **state) {
        static const struct {
                uint64_t up;
                unsigned users;
                const char *text;
        } table[] = {
                { 59, 0, " 00:00:00 up 0 min,  0 users,  load average: 0.00, 0.01, 0.05" },
                { 11 * 60, 1, " 00:00:00 up 11 min,  1 user,  load average: 0.00, 0.01, 0.05" },
                { 2 * 3600 + 3 * 60, 2, " 00:00:00 up  2:03,  2 users,  load average: 0.00, 0.01, 0.05" },
                { 86400 + 60, 1, " 00:00:00 up 1 day, 1 min,  1 user,  load average: 0.00, 0.01, 0.05" },
                { 93 * 86400ull + 18 * 3600 + 25 * 60, 12, " 00:00:00 up 93 days, 18:25, 12 users,  load average: 0.00, 0.01, 0.05" },
        };

        setenv("TZ", "UTC", 1);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(host_uptime_format(0, table[i].up, table[i].users, "0.00, 0.01, 0.05", &text), 0);
                assert_string_equal(text, table[i].text);
        }
}

static void the_uptime_of_this_machine_has_that_form(void **state) {
        _cleanup_free_ char *text = NULL;
        regex_t form;

        assert_int_equal(host_uptime(&text), 0);
        assert_int_equal(regcomp(&form, "^ [0-9]{2}:[0-9]{2}:[0-9]{2} up (.* days?, +)?([0-9]+ min| ?[0-9]+:[0-9]{2}), +[0-9]+ users?,  "
                                        "load average: [0-9]+\\.[0-9]{2}, [0-9]+\\.[0-9]{2}, [0-9]+\\.[0-9]{2}$", REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&form, text, 0, NULL, 0) != 0)
                fail_msg("'%s' is not what uptime(1) prints", text);
        regfree(&form);
}

static void the_disk_of_a_directory_that_is_yet_to_be_made_is_that_of_its_parent(void **state) {
        HostDisk there, later, none = { 1, 2, 3 };

        assert_int_equal(host_disk("/", &there), 0);
        assert_true(there.total > 0 && there.used <= there.total && there.available <= there.total);
        assert_int_equal(host_disk("/no-such-directory/below/it", &later), 0);
        assert_int_equal(later.total, there.total);
        assert_int_equal(host_disk("/dev/null/below", &none), -ENOTDIR);
        assert_int_equal(none.total, 1);
}

static void the_initiator_is_found_in_its_file(void **state) {
        static const struct {
                const char *text;
                int r;
                const char *name;
        } table[] = {
                { "InitiatorName=iqn.1993-08.org.debian:01:abc\n", 0, "iqn.1993-08.org.debian:01:abc" },
                { "## comment\n#InitiatorName=no\n  InitiatorName= iqn.x  \nInitiatorAlias=y\n", 0, "iqn.x" },
                { "InitiatorName=\n", -ENOENT, NULL },
                { "", -ENOENT, NULL },
        };
        char path[] = "/tmp/initiatorname.XXXXXX";
        _cleanup_close_ int fd = mkstemp(path);

        assert_true(fd >= 0);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *name = NULL;

                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, table[i].text, strlen(table[i].text), 0), strlen(table[i].text));
                assert_int_equal(host_iscsi_initiator(path, &name), table[i].r);
                if (table[i].name)
                        assert_string_equal(name, table[i].name);
                else
                        assert_null(name);
        }
        (void) unlink(path);
        assert_int_equal(host_iscsi_initiator(path, NULL), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_that_can_be_had_is_memavailable_and_else_what_is_free_or_cache),
                cmocka_unit_test(the_memory_of_this_machine_is_read),
                cmocka_unit_test(uptime_is_written_as_uptime_writes_it),
                cmocka_unit_test(the_uptime_of_this_machine_has_that_form),
                cmocka_unit_test(the_disk_of_a_directory_that_is_yet_to_be_made_is_that_of_its_parent),
                cmocka_unit_test(the_initiator_is_found_in_its_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

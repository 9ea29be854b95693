/* Other programs: what they get, what is kept of them, and how they end when they do not by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "basic/macros.h"
#include "basic/spawn.h"

#define _cleanup_result_ _cleanup_(spawn_result_done)
#define ARGV(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void output_errors_and_status_come_back(void **state) {
        static const struct {
                const char *script, *output, *error;
                int r, status;
        } table[] = {
                { "echo out; echo err >&2", "out\n", "err", 0, 0 },
                { "echo no such thing >&2; exit 3", "", "no such thing", 1, 3 },
                { "kill -TERM $$", "", "", 1, 128 + SIGTERM },
                { "printf 'a\\000b'", "a", "", 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_result_ SpawnResult result = {};

                assert_int_equal(spawn_run(ARGV("sh", "-c", table[i].script), NULL, &result), table[i].r);
                assert_int_equal(result.status, table[i].status);
                assert_string_equal(result.output, table[i].output);
                assert_string_equal(result.error, table[i].error);
        }
}

static void arguments_are_not_a_shells(void **state) {
        _cleanup_result_ SpawnResult result = {};

        assert_int_equal(spawn_run(ARGV("printf", "%s|", "$(id); `id`", "a b", ""), NULL, &result), 0);
        assert_string_equal(result.output, "$(id); `id`|a b||");
}

static void a_program_that_is_not_there_is_told(void **state) {
        SpawnResult result = {};

        assert_int_equal(spawn_run(ARGV("no-such-program-of-ours"), NULL, &result), -ENOENT);
        assert_int_equal(spawn_run(ARGV("/etc/passwd"), NULL, &result), -EACCES);
        assert_null(result.output);
}

static void the_child_has_nothing_of_ours(void **state) {
        const SpawnOptions options = {.environment = ARGV("EXTRA=1"), .directory = "/usr"};
        _cleanup_result_ SpawnResult result = {};
        int leak = fcntl(STDERR_FILENO, F_DUPFD, 50);   /* without O_CLOEXEC, as a library's may be */
        sigset_t block, old;

        (void) setenv("OUR_SECRET", "x", 1);
        (void) sigemptyset(&block);
        (void) sigaddset(&block, SIGUSR1);
        (void) pthread_sigmask(SIG_BLOCK, &block, &old);
        assert_int_equal(spawn_run(ARGV("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; pwd; echo $EXTRA $LC_ALL $OUR_SECRET; "
                                                    "grep SigBlk /proc/self/status; readlink /proc/self/fd/0"),
                                   &options, &result), 0);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        assert_string_equal(result.output, "0 1 2 3 /usr\n1 C\nSigBlk:\t0000000000000000\n/dev/null\n");     /* 3: ls's own */
        (void) close(leak);
}

static void much_is_read_and_little_kept(void **state) {
        static const SpawnOptions options = {.output_max = 1000};
        _cleanup_result_ SpawnResult result = {};

        assert_int_equal(spawn_run(ARGV("sh", "-c", "seq 1 200000; seq 1 200000 >&2"), &options, &result), 0);
        assert_int_equal(result.output_size, 1000);
        assert_true(result.output_cut);
        assert_memory_equal(result.output, "1\n2\n3\n", 6);
        assert_true(strlen(result.error) < 1000 && strlen(result.error) > 900);
        assert_string_equal(result.error + strlen(result.error) - 13, "199999\n200000");
}

static void whoever_takes_too_long_is_killed_with_its_children(void **state) {
        static const SpawnOptions options = {.timeout = USEC_PER_SEC / 2};
        _cleanup_result_ SpawnResult result = {};
        usec_t began = now_monotonic();
        int child;

        assert_int_equal(spawn_run(ARGV("sh", "-c", "sleep 1000 & echo $!; wait"), &options, &result), -ETIME);
        assert_true(now_monotonic() - began < 30 * USEC_PER_SEC);
        assert_int_equal(result.status, 128 + SIGKILL);
        assert_int_equal(sscanf(result.output, "%d", &child), 1);
        /* It is init's now, perhaps not yet buried. */
        for (unsigned n = 0; kill(child, 0) >= 0 && n < 1000; n++) {
                _cleanup_free_ char *path = NULL;
                char text[200] = "";
                FILE *f;

                assert_true(asprintf(&path, "/proc/%d/stat", child) > 0);
                f = fopen(path, "re");
                if (!f)
                        break;
                (void) fgets(text, sizeof text, f);
                (void) fclose(f);
                if (strstr(text, ") Z"))
                        break;
                (void) usleep(10000);
                assert_true(n < 999);
        }
}

static bool third_time(void *userdata) {
        return ++*(unsigned *) userdata >= 3;
}

static void it_can_be_cancelled(void **state) {
        unsigned asked = 0;
        SpawnOptions options = {.cancelled = third_time, .userdata = &asked};
        _cleanup_result_ SpawnResult result = {};

        assert_int_equal(spawn_run(ARGV("sleep", "1000"), &options, &result), -ECANCELED);
        assert_int_equal(asked, 3);
}

/* A daemon of its own that keeps the pipes open is not waited for. */
static void what_is_left_behind_does_not_hold_us(void **state) {
        _cleanup_result_ SpawnResult result = {};
        int child;

        assert_int_equal(spawn_run(ARGV("sh", "-c", "setsid sleep 1000 & echo $!"), NULL, &result), 0);
        assert_int_equal(sscanf(result.output, "%d", &child), 1);
        (void) kill(child, SIGKILL);
}

static void limits_hold(void **state) {
        static const SpawnOptions options = {.cpu_seconds = 1};
        _cleanup_result_ SpawnResult result = {};

        assert_int_equal(spawn_run(ARGV("sh", "-c", "while :; do :; done"), &options, &result), 1);
        assert_true(result.status == 128 + SIGXCPU || result.status == 128 + SIGKILL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(output_errors_and_status_come_back),
                cmocka_unit_test(arguments_are_not_a_shells),
                cmocka_unit_test(a_program_that_is_not_there_is_told),
                cmocka_unit_test(the_child_has_nothing_of_ours),
                cmocka_unit_test(much_is_read_and_little_kept),
                cmocka_unit_test(whoever_takes_too_long_is_killed_with_its_children),
                cmocka_unit_test(it_can_be_cancelled),
                cmocka_unit_test(what_is_left_behind_does_not_hold_us),
                cmocka_unit_test(limits_hold),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

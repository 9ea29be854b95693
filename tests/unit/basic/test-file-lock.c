/* Locks and the clean-up of what older Nova left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/file-lock.h"
#include "basic/macros.h"

typedef struct Scene {
        char dir[64];
        char host[256];
        pid_t dead;             /* of a process that was */
} Scene;

static int setup(void **state) {
        Scene *s = calloc(1, sizeof *s);

        assert_non_null(s);
        (void) snprintf(s->dir, sizeof s->dir, "/tmp/test-lock-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        assert_int_equal(gethostname(s->host, sizeof s->host - 1), 0);

        s->dead = fork();
        assert_true(s->dead >= 0);
        if (s->dead == 0)
                _exit(0);
        assert_int_equal(waitpid(s->dead, NULL, 0), s->dead);
        *state = s;
        return 0;
}

static int teardown(void **state) {
        Scene *s = *state;
        char command[128];

        (void) snprintf(command, sizeof command, "rm -r %s", s->dir);
        assert_int_equal(system(command), 0);
        free(s);
        return 0;
}

_printf_(3, 4) static void make_path(const Scene *s, char path[static 512], const char *format, ...) {
        int n = snprintf(path, 512, "%s/", s->dir);
        va_list args;

        va_start(args, format);
        (void) vsnprintf(path + n, (size_t) (512 - n), format, args);
        va_end(args);
}

static void touch(const char *path) {
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        (void) close(fd);
}

static bool exists(const char *path) {
        struct stat st;

        return lstat(path, &st) >= 0;
}

static void a_lock_is_exclusive_until_its_descriptor_is_closed(void **state) {
        Scene *s = *state;
        char path[512];
        struct stat st;
        int fd;

        make_path(s, path, "state.lock");
        fd = file_lock(path);
        assert_true(fd >= 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(file_lock(path), -EWOULDBLOCK);

        (void) close(fd);
        fd = file_lock(path);
        assert_true(fd >= 0);
        (void) close(fd);
}

static void the_kernel_gives_a_lock_back_when_its_holder_dies(void **state) {
        Scene *s = *state;
        int ready[2];
        char path[512], c;
        pid_t child;

        make_path(s, path, "state.lock");
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        child = fork();
        if (child == 0) {
                c = file_lock(path) >= 0 ? 'y' : 'n';
                (void) !write(ready[1], &c, 1);
                for (;;)
                        (void) pause();
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        assert_int_equal(c, 'y');
        assert_int_equal(file_lock(path), -EWOULDBLOCK);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);

        int fd = file_lock(path);
        assert_true(fd >= 0);
        (void) close(fd);
        (void) close(ready[0]);
        (void) close(ready[1]);
}

static void what_cannot_be_locked_says_why(void **state) {
        Scene *s = *state;
        char path[512], symbolic[512];

        assert_int_equal(file_lock("/nowhere/x"), -ENOENT);
        assert_int_equal(file_lock(s->dir), -EISDIR);
        make_path(s, path, "target");
        make_path(s, symbolic, "link");
        assert_int_equal(symlink(path, symbolic), 0);
        assert_int_equal(file_lock(symbolic), -ELOOP);
        assert_false(exists(path));
}

/* checklist: 44 */
static void sentinels_of_dead_processes_go_and_those_of_the_living_stay(void **state) {
        Scene *s = *state;
        char dead[512], dead_real[512], live[512], other_user[512], other_host[512], odd[512], zero[512], huge[512];

        make_path(s, dead, "%s.MainThread-%d", s->host, (int) s->dead);
        make_path(s, dead_real, "%s-7f12.%d", s->host, (int) s->dead);
        make_path(s, live, "%s.MainThread-%d", s->host, (int) getpid());
        make_path(s, other_user, "%s.x-1", s->host);                    /* EPERM, unless we are root: alive both ways */
        make_path(s, other_host, "not%s.x-%d", s->host, (int) s->dead);
        make_path(s, odd, "%s.x-%dz", s->host, (int) s->dead);
        make_path(s, zero, "%s.x-0", s->host);
        make_path(s, huge, "%s.x-99999999999999999999", s->host);
        touch(dead);
        touch(dead_real);
        touch(live);
        touch(other_user);
        touch(other_host);
        touch(odd);
        touch(zero);
        touch(huge);

        assert_int_equal(cleanup_file_locks(s->dir), 2);
        assert_false(exists(dead));
        assert_false(exists(dead_real));
        assert_true(exists(live));
        assert_true(exists(other_user));
        assert_true(exists(other_host));
        assert_true(exists(odd));
        assert_true(exists(zero));
        assert_true(exists(huge));
        assert_int_equal(cleanup_file_locks(s->dir), 0);
}

/* checklist: 44 */
static void locks_go_with_their_sentinel_and_stay_while_somebody_holds_them(void **state) {
        Scene *s = *state;
        char sentinel[512], dead[512], live_sentinel[512], live[512], held[512], posix[512], dir[512], symbolic[512], other[512];
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

        make_path(s, sentinel, "%s.MainThread-%d", s->host, (int) s->dead);
        make_path(s, dead, "nova-iptables.lock");
        touch(sentinel);
        assert_int_equal(link(sentinel, dead), 0);

        make_path(s, live_sentinel, "%s.MainThread-%d", s->host, (int) getpid());
        make_path(s, live, "nova-ensure_bridge.lock");
        touch(live_sentinel);
        assert_int_equal(link(live_sentinel, live), 0);

        make_path(s, held, "nova-held.lock");
        int fd = file_lock(held);
        assert_true(fd >= 0);

        make_path(s, posix, "nova-posix.lock");
        touch(posix);
        _cleanup_close_ int posix_fd = open(posix, O_RDWR | O_CLOEXEC);
        assert_int_equal(fcntl(posix_fd, F_OFD_SETLK, &whole), 0);

        make_path(s, dir, "nova-dir.lock");
        assert_int_equal(mkdir(dir, 0700), 0);
        make_path(s, symbolic, "nova-link.lock");
        assert_int_equal(symlink("/etc/passwd", symbolic), 0);
        make_path(s, other, "other.lock");
        touch(other);

        assert_int_equal(cleanup_file_locks(s->dir), 2);
        assert_false(exists(sentinel));
        assert_false(exists(dead));
        assert_true(exists(live_sentinel));
        assert_true(exists(live));
        assert_true(exists(held));
        assert_true(exists(posix));
        assert_true(exists(dir));
        assert_true(exists(symbolic));
        assert_true(exists(other));

        (void) close(fd);
        assert_int_equal(cleanup_file_locks(s->dir), 1);
        assert_false(exists(held));
}

static void a_missing_directory_is_clean_and_a_file_is_an_error(void **state) {
        Scene *s = *state;
        char path[512];

        make_path(s, path, "missing");
        assert_int_equal(cleanup_file_locks(path), 0);
        touch(path);
        assert_int_equal(cleanup_file_locks(path), -ENOTDIR);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(a_lock_is_exclusive_until_its_descriptor_is_closed),
                T(the_kernel_gives_a_lock_back_when_its_holder_dies),
                T(what_cannot_be_locked_says_why),
                T(sentinels_of_dead_processes_go_and_those_of_the_living_stay),
                T(locks_go_with_their_sentinel_and_stay_while_somebody_holds_them),
                T(a_missing_directory_is_clean_and_a_file_is_an_error),
        };
        return cmocka_run_group_tests_name("file-lock", tests, NULL, NULL);
}

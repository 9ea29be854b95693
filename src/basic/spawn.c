/* Other programs, by posix_spawn and a pidfd. See spawn.h. */
#include "basic/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "basic/macros.h"

#define DEFAULT_TIMEOUT (10 * USEC_PER_MINUTE)
#define DEFAULT_OUTPUT_MAX ((size_t) 64 * 1024)
#define ASK_EVERY_MSEC 200              /* whether it is cancelled */
#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What comes out of one of the child's ends. */
typedef struct Stream {
        int fd;
        char *data;
        size_t size, max;
        bool cut;
        bool keep_last;                 /* of too much the end counts, not the beginning */
} Stream;

static void stream_done(Stream *s) {
        closep(&s->fd);
        free(s->data);
}

void spawn_result_done(SpawnResult *r) {
        free(r->output);
        free(r->error);
        *r = (SpawnResult){};
}

static int stream_open(Stream *s, int *ret_theirs) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        s->fd = fds[0];
        *ret_theirs = fds[1];
        s->data = malloc(s->max + 1);
        if (!s->data)
                return -ENOMEM;
        s->data[0] = '\0';
        return fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void stream_keep(Stream *s, const char *data, size_t n) {
        if (n <= s->max - s->size) {
                memcpy(s->data + s->size, data, n);
                s->size += n;
        } else if (!s->keep_last) {
                memcpy(s->data + s->size, data, s->max - s->size);
                s->size = s->max;
                s->cut = true;
        } else {
                size_t fresh = MIN(n, s->max), old = MIN(s->size, s->max - fresh);

                memmove(s->data, s->data + s->size - old, old);
                memcpy(s->data + old, data + n - fresh, fresh);
                s->size = old + fresh;
                s->cut = true;
        }
        s->data[s->size] = '\0';
}

/* Takes what is there now; at the end of it the descriptor is closed. */
static void stream_read(Stream *s) {
        char buffer[4096];

        while (s->fd >= 0) {
                ssize_t n = read(s->fd, buffer, sizeof buffer);

                if (n > 0)
                        stream_keep(s, buffer, (size_t) n);
                else if (n < 0 && errno == EINTR)
                        continue;
                else if (n < 0 && errno == EAGAIN)
                        return;
                else {
                        (void) close(s->fd);
                        s->fd = -1;
                }
        }
}

/* PATH of ours, if any, with the places where systems keep what only root needs. */
static char *path_variable(void) {
        const char *path = getenv("PATH");
        char *text;

        if (asprintf(&text, "PATH=%s%s%s", strempty(path), isempty(path) ? "" : ":", SYSTEM_PATH) < 0)
                return NULL;
        return text;
}

/* posix_spawnp would look in our PATH alone. */
static int find_program(const char *name, const char *path, char **ret) {
        _cleanup_free_ char *copy = NULL;
        char *rest, *dir;

        if (strchr(name, '/')) {
                *ret = strdup(name);
                return *ret ? 0 : -ENOMEM;
        }
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        rest = copy;
        while ((dir = strsep(&rest, ":"))) {
                _cleanup_free_ char *full = NULL;

                if (*dir != '/')        /* never from where we happen to be */
                        continue;
                if (asprintf(&full, "%s/%s", dir, name) < 0)
                        return -ENOMEM;
                if (access(full, X_OK) >= 0) {
                        *ret = TAKE_PTR(full);
                        return 0;
                }
        }
        return -ENOENT;
}

/* Why posix_spawn's own functions are looked at by one: each returns an errno. */
static int start(const char *program, const char *const *argv, const char *const *environment, const char *directory, int out,
                 int err, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r > 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r > 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }
        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                ?: posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)
                ?: posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO)
                ?: posix_spawn_file_actions_addclosefrom_np(&actions, 3)
                ?: posix_spawn_file_actions_addchdir_np(&actions, directory)
                ?: posix_spawnattr_setsigmask(&attributes, &none)
                ?: posix_spawnattr_setsigdefault(&attributes, &all)
                ?: posix_spawnattr_setpgroup(&attributes, 0)
                ?: posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP)
                ?: posix_spawn(ret, program, &actions, &attributes, (char *const *) argv, (char *const *) environment);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static void limit(pid_t pid, const SpawnOptions *o) {
        if (o->address_space > 0)
                (void) prlimit(pid, RLIMIT_AS, &(struct rlimit){o->address_space, o->address_space}, NULL);
        if (o->cpu_seconds > 0)
                (void) prlimit(pid, RLIMIT_CPU, &(struct rlimit){o->cpu_seconds, o->cpu_seconds}, NULL);
}

/* Until the child has ended, reading what it says. Returns 0, or -ETIME or -ECANCELED after which it was killed. */
static int watch(int pidfd, pid_t pid, const SpawnOptions *o, Stream *out, Stream *err) {
        usec_t deadline = now_monotonic() + (o->timeout > 0 ? o->timeout : DEFAULT_TIMEOUT);
        int why = 0;

        for (;;) {
                struct pollfd fds[] = {
                        {.fd = pidfd, .events = POLLIN},
                        {.fd = out->fd, .events = POLLIN},
                        {.fd = err->fd, .events = POLLIN},
                };
                usec_t now = now_monotonic();
                int wait = -1;

                if (why == 0) {
                        if (now >= deadline)
                                why = -ETIME;
                        else if (o->cancelled && o->cancelled(o->userdata))
                                why = -ECANCELED;
                        if (why < 0)
                                (void) kill(-pid, SIGKILL);
                        else {
                                wait = (int) MIN((deadline - now) / USEC_PER_MSEC + 1, (usec_t) 1000000);
                                wait = o->cancelled ? MIN(wait, ASK_EVERY_MSEC) : wait;
                        }
                }
                if (poll(fds, ELEMENTSOF(fds), wait) < 0 && errno != EINTR) {
                        why = why ?: -errno;
                        (void) kill(-pid, SIGKILL);
                        return why;
                }
                stream_read(out);
                stream_read(err);
                if (fds[0].revents)     /* what it left behind may hold the pipes open: nobody waits for that */
                        return why;
        }
}

static void trim(char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!text[i])
                        text[i] = '?';
        while (n > 0 && strchr(" \t\r\n", text[n - 1]))
                text[--n] = '\0';
}

int spawn_run(const char *const *argv, const SpawnOptions *o, SpawnResult *ret) {
        static const SpawnOptions defaults = {};
        _cleanup_free_ const char **environment = NULL;
        _cleanup_free_ char *path = NULL, *program = NULL;
        _cleanup_(stream_done) Stream out = {.fd = -1}, err = {.fd = -1};
        _cleanup_close_ int out_theirs = -1, err_theirs = -1, pidfd = -1;
        siginfo_t info = {};
        size_t n = 0;
        pid_t pid;
        int r;

        assert(argv && argv[0] && ret);

        o = o ?: &defaults;
        path = path_variable();
        while (o->environment && o->environment[n])
                n++;
        environment = calloc(n + 3, sizeof *environment);
        if (!path || !environment)
                return -ENOMEM;
        environment[0] = path;
        environment[1] = "LC_ALL=C";
        for (size_t i = 0; i < n; i++)
                environment[i + 2] = o->environment[i];

        r = find_program(argv[0], path + strlen("PATH="), &program);
        if (r < 0)
                return r;
        out.max = err.max = o->output_max > 0 ? o->output_max : DEFAULT_OUTPUT_MAX;
        err.keep_last = true;
        r = stream_open(&out, &out_theirs);
        if (r >= 0)
                r = stream_open(&err, &err_theirs);
        if (r >= 0)
                r = start(program, argv, environment, o->directory ?: "/", out_theirs, err_theirs, &pid);
        if (r < 0)
                return r;
        limit(pid, o);
        closep(&out_theirs);
        out_theirs = -1;
        closep(&err_theirs);
        err_theirs = -1;

        /* Ours until waited for: the number cannot have gone to another process. */
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) {
                r = -errno;
                (void) kill(-pid, SIGKILL);
        } else
                r = watch(pidfd, pid, o, &out, &err);
        while (waitid(P_PID, (id_t) pid, &info, WEXITED) < 0)
                if (errno != EINTR)
                        return r < 0 ? r : -errno;

        if (r < 0 && r != -ETIME && r != -ECANCELED)
                return r;
        trim(err.data, err.size);
        *ret = (SpawnResult){
                .status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status,
                .output = TAKE_PTR(out.data),
                .output_size = out.size,
                .output_cut = out.cut,
                .error = TAKE_PTR(err.data),
        };
        return r < 0 ? r : ret->status != 0;
}

/* Locks that end with their holder, and what older Nova left behind. See file-lock.h. */
#include "basic/file-lock.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "basic/macros.h"
#include "basic/path-util.h"

int file_lock(const char *path) {
        assert(path);

        for (;;) {
                _cleanup_close_ int fd = -1;
                struct stat held, named;

                fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
                if (fd < 0)
                        return -errno;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return -errno;
                if (fstat(fd, &held) < 0)
                        return -errno;
                /* Who held it before may have removed the file between our open and our lock: then ours locks nothing. */
                if (fstatat(AT_FDCWD, path, &named, AT_SYMLINK_NOFOLLOW) >= 0 && named.st_dev == held.st_dev &&
                    named.st_ino == held.st_ino)
                        return TAKE_FD(fd);
        }
}

int file_lock_wait(const char *path, usec_t timeout, bool (*cancelled)(void *userdata), void *userdata) {
        usec_t began = now_monotonic();

        /* flock itself would wait where neither time nor a word of ours reaches it. */
        for (;;) {
                int fd = file_lock(path);

                if (fd != -EWOULDBLOCK)
                        return fd;
                if (cancelled && cancelled(userdata))
                        return -ECANCELED;
                if (now_monotonic() - began >= timeout)
                        return -ETIME;
                (void) usleep(20 * 1000);
        }
}

/* The process id at the end of a sentinel's name, <host>.<any>-<pid> as was meant, or <host>-<thread>.<pid> as it was
 * written. 0: not a sentinel. */
static pid_t sentinel_pid(const char *name, const char *host) {
        const char *rest = startswith(name, host), *digits, *p;
        uint64_t pid = 0;

        if (!rest || (*rest != '.' && *rest != '-'))
                return 0;

        for (digits = rest + strlen(rest); digits > rest + 1 && digits[-1] >= '0' && digits[-1] <= '9'; digits--)
                ;
        if (!*digits || digits == rest + 1 || digits[-1] != (*rest == '.' ? '-' : '.'))
                return 0;
        for (p = digits; *p; p++) {
                pid = pid * 10 + (uint64_t) (*p - '0');
                if (pid > INT32_MAX)
                        return 0;
        }
        return (pid_t) pid;
}

static bool process_is_dead(pid_t pid) {
        return kill(pid, 0) < 0 && errno == ESRCH;      /* EPERM: somebody else's, but alive */
}

/* Whether nobody holds a lock on the file, neither by flock nor by fcntl as oslo.concurrency does. */
static bool nobody_holds(int dir, const char *name) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _cleanup_close_ int fd = -1;

        fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return false;
        return flock(fd, LOCK_EX | LOCK_NB) >= 0 && fcntl(fd, F_OFD_GETLK, &lock) >= 0 && lock.l_type == F_UNLCK;
}

static bool is_lock_name(const char *name) {
        size_t n = strlen(name);

        return startswith(name, "nova-") && n >= strlen("nova-.lock") && streq(name + n - strlen(".lock"), ".lock");
}

static int remove_stale(DIR *d, bool (*is_stale)(int dir, const char *name, const struct stat *st, void *userdata),
                        void *userdata) {
        struct dirent *e;
        int n = 0;

        rewinddir(d);
        for (;;) {
                struct stat st;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return errno > 0 ? -errno : n;
                if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (is_stale(dirfd(d), e->d_name, &st, userdata) && unlinkat(dirfd(d), e->d_name, 0) >= 0)
                        n++;
        }
}

static bool is_stale_sentinel(int dir, const char *name, const struct stat *st, void *host) {
        pid_t pid = sentinel_pid(name, host);

        return pid > 0 && process_is_dead(pid);
}

static bool is_stale_lock(int dir, const char *name, const struct stat *st, void *userdata) {
        return is_lock_name(name) && st->st_nlink == 1 && nobody_holds(dir, name);
}

int cleanup_file_locks(const char *dir) {
        _cleanup_(closedirp) DIR *d = NULL;
        char host[256] = "";
        int sentinels, locks;

        assert(dir);

        d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        if (gethostname(host, sizeof host - 1) < 0 || isempty(host))
                return -errno;

        /* Sentinels first: they are hard links of the locks, whose count then tells whether they are held. */
        sentinels = remove_stale(d, is_stale_sentinel, host);
        if (sentinels < 0)
                return sentinels;
        locks = remove_stale(d, is_stale_lock, NULL);
        return locks < 0 ? locks : sentinels + locks;
}

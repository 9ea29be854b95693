/* Keeping damaged files: see set-aside.h. */
#include "db/set-aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "basic/macros.h"
#include "basic/time-util.h"

#define TRIES_MAX 1000

/* The companions first: were we killed in between, a log without its database harms nobody, but a new database would
 * take a log that lies beside it for its own. */
static const char *const endings[] = { "-wal", "-shm", "-journal", "" };

static int join(char **ret, const char *name, const char *ending) {
        return asprintf(ret, "%s%s", name, ending) < 0 ? -ENOMEM : 0;
}

static int exists(const char *path) {
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

/* 1 if no file of this name is there, with any ending. */
static int name_is_free(const char *name) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                _cleanup_free_ char *path = NULL;

                r = join(&path, name, endings[i]);
                if (r >= 0)
                        r = exists(path);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return 1;
}

static int rename_new(const char *from, const char *to) {
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) >= 0)
                return 0;
        /* Some file systems do not know the flag; the name was free a moment ago, and the directory is ours by lock. */
        if (errno == EINVAL && rename(from, to) >= 0)
                return 0;
        return -errno;
}

static void sync_directory_of(const char *path) {
        _cleanup_free_ char *directory = strndup(path, (size_t) (strrchr(path, '/') - path + 1));
        _cleanup_close_ int fd = -1;

        if (!directory)
                return;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                (void) fsync(fd);       /* a rename that is lost with the power is made again */
}

static int free_name(const char *path, const char *why, char **ret) {
        char stamp[32];
        time_t now = (time_t) (now_realtime() / USEC_PER_SEC);
        struct tm tm;
        int r;

        (void) strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));

        for (unsigned n = 0; n < TRIES_MAX; n++) {
                _cleanup_free_ char *name = NULL;
                char count[16] = "";

                if (n > 0)
                        (void) snprintf(count, sizeof count, "-%u", n);
                if (asprintf(&name, "%s.%s-%s%s", path, why, stamp, count) < 0) {
                        name = NULL;
                        return -ENOMEM;
                }
                r = name_is_free(name);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = TAKE_PTR(name);
                        return 0;
                }
        }
        return -EEXIST;
}

int set_aside(const char *path, const char *why, bool main, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = free_name(path, why, &name);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                _cleanup_free_ char *from = NULL, *to = NULL;

                if (!main && isempty(endings[i]))
                        continue;
                r = join(&from, path, endings[i]);
                if (r >= 0)
                        r = join(&to, name, endings[i]);
                if (r >= 0)
                        r = rename_new(from, to);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        sync_directory_of(path);
        *ret = TAKE_PTR(name);
        return 0;
}

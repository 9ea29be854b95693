#include "basic/path-util.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/id.h"
#include "basic/macros.h"

const char *path_basename(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

int executable_directory(char **ret) {
        char path[PATH_MAX];
        char *slash, *copy;
        ssize_t n;

        n = readlink("/proc/self/exe", path, sizeof path - 1);
        if (n < 0)
                return -errno;
        path[n] = 0;
        slash = strrchr(path, '/');
        if (!slash)
                return -ENOENT;
        slash[slash == path] = 0;       /* the root keeps its slash */
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int make_directories(const char *path, unsigned mode) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *p = copy + 1; p[-1]; p++) {
                if (*p && *p != '/')
                        continue;
                char end = *p;
                *p = 0;
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return -errno;
                *p = end;
                if (!end)
                        break;
        }
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path) < 0 && errno != ENOENT ? errno : 0;
}

int remove_tree(const char *path) {
        int r = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

        if (r < 0)
                return errno == ENOENT ? 0 : -errno;
        return -r;
}

static int write_and_sync(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                data += n;
                size -= (size_t) n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

int write_file_atomic(const char *path, const void *data, size_t size, unsigned mode) {
        _cleanup_free_ char *temporary = NULL;
        char random[HEX_ID_MAX];
        int fd, r;

        if (asprintf(&temporary, "%s.%.8s.part", path, uuid4_hex(random)) < 0)
                return -ENOMEM;
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, mode) < 0 ? -errno : write_and_sync(fd, data, size);      /* whatever the umask is */
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

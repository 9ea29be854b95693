#include "basic/path-util.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

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

/* Files and programs, for what is about disks. See disk-private.h. */
#include "virt/libvirt/disk-private.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/file-lock.h"
#include "basic/path-util.h"
#include "image/image.h"

#define TOOL_TIMEOUT (4 * 60 * USEC_PER_MINUTE)         /* for a conversion of the largest on the slowest */
#define LOCK_TIMEOUT (4 * 60 * USEC_PER_MINUTE)         /* somebody fetches it */

int disk_failed(int r, const char *what, const char *path, NovaException *e) {
        _cleanup_free_ char *text = NULL;

        assert(path);
        return exception_set_errno(e, r, asprintf(&text, "%s %s", what, path) < 0 ? what : text);
}

int disk_path(char **ret, NovaException *e, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(ret, format, args);
        va_end(args);
        if (r < 0) {
                *ret = NULL;
                return exception_set_errno(e, -ENOMEM, "Naming a file");
        }
        return 0;
}

int disk_run(const char *const *argv, const char *what, const DriverHooks *hooks, NovaException *e) {
        SpawnOptions o = {
                .timeout = TOOL_TIMEOUT,
                .cancelled = hooks ? hooks->cancelled : NULL,
                .userdata = hooks ? hooks->userdata : NULL,
        };
        _cleanup_(spawn_result_done) SpawnResult result = {};
        int r = spawn_run(argv, &o, &result);

        if (r == 0)
                return 0;
        if (r == -ENOENT) {
                (void) exception_setf(e, EXC_NOVA, "%s: the program %s is not installed", what, argv[0]);
                return r;
        }
        if (r < 0)
                return exception_set_errno(e, r, what);
        if (strstr(result.error, strerrordesc_np(ENOSPC)))
                return exception_set_errno(e, -ENOSPC, what);
        return exception_setf(e, EXC_NOVA, "%s: %s ended with %d: %.500s", what, argv[0], result.status, result.error);
}

bool disk_exists(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0;
}

int disk_look(const char *path, DiskInspection *ret, NovaException *e) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return disk_failed(-errno, "Looking at", path, e);
        r = disk_inspect(fd, (uint64_t) st.st_size, ret);
        return r < 0 ? disk_failed(r, "Looking at", path, e) : 0;
}

int disk_backing(int fd, char **ret) {
        _cleanup_free_ char *name = NULL;
        uint64_t offset;
        uint32_t size;
        uint8_t h[20];

        *ret = NULL;
        if (pread(fd, h, sizeof h, 0) != (ssize_t) sizeof h || memcmp(h, "QFI\xfb", 4) != 0)
                return 0;
        memcpy(&offset, h + 8, sizeof offset);
        memcpy(&size, h + 16, sizeof size);
        offset = be64toh(offset);
        size = be32toh(size);
        if (offset == 0 || size == 0 || size > 1023 || offset > INT64_MAX)      /* as qemu bounds it */
                return 0;
        name = calloc(1, size + 1);
        if (!name)
                return -ENOMEM;
        if (pread(fd, name, size, (off_t) offset) == (ssize_t) size)
                *ret = TAKE_PTR(name);
        return 0;
}

int disk_chain(const char *path, uint64_t *ret_size, char **ret_backing, NovaException *e) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        DiskInspection found;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return disk_failed(-errno, "Looking at", path, e);
        r = disk_inspect(fd, (uint64_t) st.st_size, &found);
        if (r >= 0)
                r = disk_backing(fd, ret_backing);
        if (r < 0)
                return disk_failed(r, "Looking at", path, e);
        *ret_size = found.virtual_size;
        return 0;
}

int disk_make_directory(const char *path, NovaException *e) {
        _cleanup_free_ char *parent = strndup(path, (size_t) (path_basename(path) - path));
        int r;

        if (!parent)
                return exception_set_errno(e, -ENOMEM, "Making a directory");
        r = make_directories(parent, DISK_DIRECTORY_MODE);
        if (r < 0)
                return disk_failed(r, "Making", parent, e);
        if (mkdir(path, DISK_DIRECTORY_MODE) < 0)
                return errno == EEXIST ? 0 : disk_failed(-errno, "Making", path, e);
        if (chmod(path, DISK_DIRECTORY_MODE) < 0) {
                r = disk_failed(-errno, "Making", path, e);
                (void) rmdir(path);
                return r;
        }
        return 1;
}

int disk_make_file(const char *path, NovaException *e) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, DISK_FILE_MODE);

        if (fd < 0)
                return disk_failed(-errno, "Making", path, e);
        if (fchmod(fd, DISK_FILE_MODE) < 0) {
                int r = disk_failed(-errno, "Making", path, e);

                (void) unlink(path);
                return r;
        }
        return TAKE_FD(fd);
}

int disk_make_empty(const char *path, uint64_t size, NovaException *e) {
        _cleanup_close_ int fd = disk_make_file(path, e);

        if (fd < 0)
                return fd;
        return ftruncate(fd, (off_t) size) < 0 ? disk_failed(-errno, "Making", path, e) : 0;
}

static int sync_path(const char *path, int flags) {
        _cleanup_close_ int fd = open(path, flags | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int disk_put_in_place(const char *from, const char *to, NovaException *e) {
        _cleanup_free_ char *directory = strndup(to, (size_t) (path_basename(to) - to));
        int r;

        if (!directory)
                return exception_set_errno(e, -ENOMEM, "Naming a file");
        r = sync_path(from, O_RDONLY);
        if (r >= 0 && rename(from, to) < 0)
                r = -errno;
        if (r >= 0)
                r = sync_path(directory, O_RDONLY | O_DIRECTORY);
        return r < 0 ? disk_failed(r, "Writing", to, e) : 0;
}

int disk_lock(DiskStore *s, const char *name, const DriverHooks *hooks, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = disk_path(&path, e, "%s/nova-%s", s->locks, name);
        if (r < 0)
                return r;
        r = disk_make_directory(s->locks, e);
        if (r >= 0)
                r = file_lock_wait(path, LOCK_TIMEOUT, hooks ? hooks->cancelled : NULL, hooks ? hooks->userdata : NULL);
        return r < 0 ? disk_failed(r, "Locking", path, e) : r;
}

int disk_copy_begin(DiskStore *s, const DriverHooks *hooks, NovaException *e) {
        int r = 0;

        (void) pthread_mutex_lock(&s->lock);
        while (s->copies_max > 0 && s->copies >= s->copies_max) {
                struct timespec until;

                if (hooks && hooks->cancelled && hooks->cancelled(hooks->userdata)) {
                        r = exception_set_errno(e, -ECANCELED, "Waiting for copies of other disks");
                        break;
                }
                /* From time to time, to ask. */
                (void) clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += 200 * 1000 * 1000;
                until.tv_sec += until.tv_nsec / 1000000000;
                until.tv_nsec %= 1000000000;
                (void) pthread_cond_timedwait(&s->ended, &s->lock, &until);
        }
        if (r >= 0)
                s->copies++;
        (void) pthread_mutex_unlock(&s->lock);
        return r;
}

void disk_copy_end(DiskStore *s) {
        (void) pthread_mutex_lock(&s->lock);
        s->copies--;
        (void) pthread_cond_signal(&s->ended);
        (void) pthread_mutex_unlock(&s->lock);
}

static void on_image_progress(uint64_t done, uint64_t total, void *userdata) {
        const DriverHooks *hooks = userdata;

        /* Of the whole call a transfer is most. */
        if (hooks->progress && total > 0)
                hooks->progress((unsigned) (done * 80 / total), hooks->userdata);
}

static bool on_image_cancelled(void *userdata) {
        const DriverHooks *hooks = userdata;

        return hooks->cancelled && hooks->cancelled(hooks->userdata);
}

ImageProgress disk_image_progress(const DriverHooks *hooks) {
        if (!hooks)
                return (ImageProgress){};
        return (ImageProgress){.progress = on_image_progress, .cancelled = on_image_cancelled, .userdata = (void *) hooks};
}

int undo_add(Undo *u, const char *path) {
        char **more = reallocarray(u->paths, u->n + 1, sizeof *more);

        if (!more)
                return -ENOMEM;
        u->paths = more;
        u->paths[u->n] = strdup(path);
        if (!u->paths[u->n])
                return -ENOMEM;
        u->n++;
        return 0;
}

void undo_done(Undo *u) {
        for (size_t i = 0; i < u->n; i++)
                free(u->paths[i]);
        free(u->paths);
        *u = (Undo){};
}

void undo_all(Undo *u) {
        while (u->n > 0) {
                (void) remove_tree(u->paths[--u->n]);
                free(u->paths[u->n]);
        }
        undo_done(u);
}

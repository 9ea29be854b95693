/* Images of the directory. Everything is opened with the kernel's word that it is below it, whatever links are about.
 * See image.h. */
#define LOG_LOGGER "nova.image"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "basic/fault-step.h"
#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/path-util.h"
#include "basic/time-util.h"
#include "image/disk-format.h"
#include "image/private.h"

#define NAME_MAX_ALL 1000
#define DEPTH_MAX 4                     /* folders below the directory that are listed */
#define SIDECAR_SIZE_MAX ((off_t) 1024 * 1024)
#define STRONG_HASH "sha512"            /* what Glance takes */

static bool is_letter_or_digit(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Components of plain characters that begin with a letter or a digit: so neither .. nor what is hidden, nor options. */
static bool name_is_valid(const char *name) {
        size_t n = 0;

        if (strlen(name) > NAME_MAX_ALL || endswith(name, IMAGE_SIDECAR) || endswith(name, IMAGE_TEMPORARY))
                return false;
        for (const char *p = name;; p++) {
                if (*p == '/' || !*p) {
                        if (n == 0 || n > 200)
                                return false;
                        if (!*p)
                                return true;
                        n = 0;
                } else if (is_letter_or_digit(*p) || (n > 0 && strchr("._-+~@", *p)))
                        n++;
                else
                        return false;
        }
}

int image_local_name(const ImageService *s, const char *id, char **ret, NovaException *e) {
        const char *rest = startswith(id, s->directory);

        if (rest && *rest == '/')
                id = rest + 1;
        if (!name_is_valid(id))
                return image_not_found(id, e);
        *ret = strdup(id);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, "Looking for an image");
}

/* Where what is open is, by the kernel's word, and its name below /proc. 0 or -errno. */
static int path_of(int fd, char link[static 32], char *ret, size_t size) {
        ssize_t n;

        (void) snprintf(link, 32, "/proc/self/fd/%d", fd);
        n = readlink(link, ret, size - 1);
        if (n < 0)
                return -errno;
        ret[n] = '\0';
        return 0;
}

/* Where openat2 may not be used (a unit with RestrictSUIDSGID= has none): found, looked at where it is, and only then opened. */
static int open_and_check(int dir, const char *name, int flags) {
        _cleanup_close_ int found = openat(dir, name, O_PATH | O_CLOEXEC);
        char link[32], top[PATH_MAX], path[PATH_MAX];
        const char *rest;
        int fd, r;

        if (found < 0)
                return -errno;
        r = path_of(dir, link, top, sizeof top);
        if (r >= 0)
                r = path_of(found, link, path, sizeof path);
        if (r < 0)
                return r;
        rest = startswith(path, top);
        if (!rest || (*rest != '/' && *rest != '\0'))
                return -EXDEV;
        fd = open(link, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static int open_below(int dir, const char *name, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };
        long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);

        if (fd < 0 && errno == ENOSYS)
                return open_and_check(dir, name, flags);
        return fd < 0 ? -errno : (int) fd;
}

static int open_directory(const ImageService *s) {
        int fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int image_local_open(const ImageService *s, const char *name, struct stat *ret) {
        _cleanup_close_ int dir = open_directory(s), fd = -1;

        if (dir < 0)
                return dir;
        fd = open_below(dir, name, O_RDONLY);
        if (fd < 0)     /* EXDEV: it leads out; ELOOP, ENOTDIR, ENAMETOOLONG: nothing is there */
                return fd == -EXDEV || fd == -ELOOP || fd == -ENOTDIR || fd == -ENAMETOOLONG || fd == -ENXIO ? -ENOENT : fd;
        if (fstat(fd, ret) < 0)
                return -errno;
        return S_ISREG(ret->st_mode) ? TAKE_FD(fd) : -ENOENT;
}

/* *ret NULL: there is none. */
static int read_sidecar(const ImageService *s, const char *id, const char *name, json_t **ret, NovaException *e) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_close_ int fd = -1;
        json_auto_t *sidecar = NULL;
        char why[200] = "";
        struct stat st;
        ssize_t n;
        int r;

        if (asprintf(&path, "%s" IMAGE_SIDECAR, name) < 0)
                return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        fd = image_local_open(s, path, &st);
        if (fd == -ENOENT) {
                *ret = NULL;
                return 0;
        }
        if (fd < 0)
                return exception_set_errno(e, fd, "Reading metadata of an image");
        if (st.st_size > SIDECAR_SIZE_MAX)
                return image_unacceptable(id, e, "its metadata has %lld bytes", (long long) st.st_size);
        text = malloc((size_t) st.st_size + 1);
        if (!text)
                return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        n = pread(fd, text, (size_t) st.st_size, 0);
        if (n < 0)
                return exception_set_errno(e, -errno, "Reading metadata of an image");
        r = json_parse(text, (size_t) n, &sidecar, why, sizeof why);
        if (r == -ENOMEM)
                return exception_set_errno(e, r, "Reading metadata of an image");
        if (r < 0)
                return image_unacceptable(id, e, "its metadata is no JSON: %s", why);
        if (!json_is_object(sidecar))
                return image_unacceptable(id, e, "its metadata is %s and should be an object", json_type_name(sidecar));
        *ret = TAKE_PTR(sidecar);
        return 0;
}

static int set_time(json_t *meta, const char *key, const struct timespec *t) {
        char text[TIME_TEXT_MAX];

        if (!json_is_null(json_object_get(meta, key)))
                return 0;
        return json_object_set_new(meta, key, json_string(time_format_rpc((usec_t) t->tv_sec * USEC_PER_SEC, text)));
}

/* What the file itself says where the metadata does not. */
static int complete(json_t *meta, const char *id, const char *name, int fd, const struct stat *st, NovaException *e) {
        int r = 0;

        if (json_is_null(json_object_get(meta, "disk_format"))) {
                DiskInspection found;

                r = disk_inspect(fd, (uint64_t) st->st_size, &found);
                if (r < 0)
                        return exception_set_errno(e, r, "Looking into an image");
                r = json_object_set_new(meta, "disk_format",
                                        json_string(found.format == DISK_FORMAT_GPT ? "raw" : disk_format_to_string(found.format)));
        }
        if (r >= 0 && json_is_null(json_object_get(meta, "name")))
                r = json_object_set_new(meta, "name", json_string(path_basename(name)));
        if (r >= 0 && image_meta_integer(meta, "size", 0) == 0)
                r = json_object_set_new(meta, "size", json_integer(st->st_size));
        if (r >= 0)
                r = set_time(meta, "created_at", &st->st_mtim);
        if (r >= 0)
                r = set_time(meta, "updated_at", &st->st_mtim);
        return r < 0 ? exception_set_errno(e, -ENOMEM, "Reading metadata of an image") : 0;
}

int image_local_show(const ImageService *s, const char *id, json_t **ret_meta, int *ret_fd, char **ret_url, NovaException *e) {
        json_auto_t *sidecar = NULL, *meta = NULL;
        _cleanup_free_ char *name = NULL, *url = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        r = image_local_name(s, id, &name, e);
        if (r < 0)
                return r;
        r = read_sidecar(s, id, name, &sidecar, e);
        if (r < 0)
                return r;
        fd = image_local_open(s, name, &st);
        if (fd < 0 && fd != -ENOENT)
                return exception_set_errno(e, fd, "Opening an image");
        if (fd < 0) {
                const char *text = json_member_string(sidecar, "url");

                if (!text)
                        return image_not_found(id, e);
                if (!image_id_is_url(text))
                        return image_unacceptable(id, e, "its metadata has url %.100s, which is no http or https URL", text);
                url = strdup(text);
                if (!url)
                        return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        }
        r = image_metadata_read(id, sidecar, &meta, e);
        if (r >= 0 && fd >= 0)
                r = complete(meta, id, name, fd, &st, e);
        if (r < 0)
                return r;
        *ret_meta = TAKE_PTR(meta);
        *ret_url = TAKE_PTR(url);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* --- putting in --- */

/* A file that we write under another name first. It is locked for as long as somebody writes it. */
typedef struct Temporary {
        int dir;                        /* borrowed */
        int fd;
        char name[NAME_MAX + 1];        /* "" = none any more */
} Temporary;

static void temporary_done(Temporary *t) {
        if (*t->name)
                (void) unlinkat(t->dir, t->name, 0);
        closep(&t->fd);
        *t = (Temporary){.fd = -1};
}

static int temporary_open(Temporary *t, int dir, const char *id) {
        for (;;) {
                char random[HEX_ID_MAX];
                struct stat st;

                *t = (Temporary){.dir = dir, .fd = -1};
                (void) snprintf(t->name, sizeof t->name, ".%.180s.%s" IMAGE_TEMPORARY, id, uuid4_hex(random));
                t->fd = openat(dir, t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
                if (t->fd < 0) {
                        *t->name = '\0';
                        return -errno;
                }
                /* A sweep may have come between. */
                if (flock(t->fd, LOCK_EX | LOCK_NB) >= 0 && fstat(t->fd, &st) >= 0 && st.st_nlink > 0)
                        return 0;
                temporary_done(t);
        }
}

static int temporary_rename(Temporary *t, const char *name) {
        if (renameat(t->dir, t->name, t->dir, name) < 0)
                return -errno;
        *t->name = '\0';
        return 0;
}

/* What was being written when its process died. */
static void sweep(int dir) {
        _cleanup_(closedirp) DIR *d = NULL;
        int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                closep(&copy);
                return;
        }
        while ((entry = readdir(d))) {
                _cleanup_close_ int fd = -1;

                if (entry->d_name[0] != '.' || !endswith(entry->d_name, IMAGE_TEMPORARY))
                        continue;
                fd = openat(dir, entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) >= 0)
                        (void) unlinkat(dir, entry->d_name, 0);
        }
}

void image_local_tidy(const ImageService *s) {
        _cleanup_close_ int dir = open_directory(s);

        if (dir >= 0)
                sweep(dir);
}

static json_t *sidecar_of(const json_t *meta, uint64_t size, const char *md5, const char *strong) {
        static const char *const kept[] = { "name", "disk_format", "container_format", "min_disk", "min_ram", "properties" };
        json_auto_t *sidecar = json_object();
        char now[TIME_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                json_t *value = json_object_get(meta, kept[i]);

                if (value && !json_is_null(value) && json_object_set(sidecar, kept[i], value) < 0)
                        return NULL;
        }
        time_format_rpc(now_realtime(), now);
        if (json_object_update_new(sidecar, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "size", (json_int_t) size, "checksum", md5,
                                                      "os_hash_algo", STRONG_HASH, "os_hash_value", strong, "status", "active",
                                                      "created_at", now, "updated_at", now)) < 0)
                return NULL;
        return TAKE_PTR(sidecar);
}

static int write_text(int fd, const char *text) {
        size_t n = strlen(text);

        while (n > 0) {
                ssize_t m = write(fd, text, n);

                if (m < 0 && errno == EINTR)
                        continue;
                if (m <= 0)
                        return m < 0 ? -errno : -EIO;
                text += m;
                n -= (size_t) m;
        }
        return 0;
}

static int copy_into(int from, ImageSink *k, NovaException *e) {
        _cleanup_free_ uint8_t *buffer = malloc(IMAGE_CHUNK);

        if (!buffer)
                return exception_set_errno(e, -ENOMEM, "Keeping an image");
        for (;;) {
                ssize_t n = read(from, buffer, IMAGE_CHUNK);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return exception_set_errno(e, -errno, "Reading an image to keep");
                if (n == 0)
                        return 0;
                r = image_sink_write(k, buffer, (size_t) n, e);
                if (r < 0)
                        return r;
        }
}

static void sink_donep(ImageSink *k) {
        image_sink_done(k);
}

int image_local_upload(const ImageService *s, const char *id, const json_t *meta, const char *path, const ImageProgress *p, NovaException *e) {
        _cleanup_free_ char *name = NULL, *beside = NULL, *md5 = NULL, *strong = NULL, *text = NULL;
        _cleanup_close_ int dir = -1, from = -1;
        _cleanup_(temporary_done) Temporary data = {.fd = -1}, about = {.fd = -1};      /* gone before dir is */
        _cleanup_(sink_donep) ImageSink k = {};
        json_auto_t *checked = NULL, *sidecar = NULL;
        struct stat st;
        bool is_new;
        int r;

        if (image_id_is_url(id) || strchr(id, '/') || image_local_name(s, id, &name, NULL) < 0)
                return exception_setf(e, EXC_INVALID, "\"%.200s\" is no uuid and no name that an image may have.", id);
        if (asprintf(&beside, "%s" IMAGE_SIDECAR, name) < 0)
                return exception_set_errno(e, -ENOMEM, "Keeping an image");
        r = image_metadata_read(id, meta, &checked, e);
        if (r < 0)
                return r;

        from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (from < 0 || fstat(from, &st) < 0)
                return exception_set_errno(e, -errno, "Opening an image to keep");
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return exception_setf(e, EXC_INVALID, "%s is no file to make an image of.", path);
        r = make_directories(s->directory, 0755);
        if (r < 0)
                return exception_set_errno(e, r, "Making the directory of images");
        dir = open_directory(s);
        if (dir < 0)
                return exception_set_errno(e, dir, "Opening the directory of images");
        sweep(dir);

        r = temporary_open(&data, dir, name);
        if (r < 0)
                return exception_set_errno(e, r, "Keeping an image");
        r = image_sink_init(&k, id, data.fd, s->max_size, STRONG_HASH, p);
        if (r < 0)
                return exception_set_errno(e, r, "Keeping an image");
        if (S_ISREG(st.st_mode))
                k.total = (uint64_t) st.st_size;
        r = copy_into(from, &k, e);
        if (r >= 0)
                r = image_sink_finish(&k, &md5, &strong, e);
        if (r < 0)
                return r;
        sidecar = sidecar_of(meta, k.done, md5, strong);
        text = sidecar ? json_dumps(sidecar, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
        if (!text)
                return exception_set_errno(e, -ENOMEM, "Keeping an image");
        r = temporary_open(&about, dir, name);
        if (r >= 0)
                r = write_text(about.fd, text);
        if (r >= 0 && (fsync(data.fd) < 0 || fsync(about.fd) < 0))
                r = -errno;

        /* At no moment are there data with another's metadata. Metadata alone is no image: new data are never without. */
        is_new = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
        if (r >= 0 && is_new) {
                r = temporary_rename(&about, beside);
                fault_step("image-half-put");
        } else if (r >= 0 && unlinkat(dir, beside, 0) < 0 && errno != ENOENT)
                r = -errno;
        if (r >= 0)
                r = temporary_rename(&data, name);
        if (r >= 0 && !is_new)
                r = temporary_rename(&about, beside);
        if (r >= 0 && fsync(dir) < 0)
                r = -errno;
        return r < 0 ? exception_set_errno(e, r, "Keeping an image") : 0;
}

/* --- all, and away --- */

static int list_directory(const ImageService *s, const char *below, unsigned depth, json_t *metas, NovaException *e);

/* One name of a folder: an image, metadata of one, or a folder. */
static int list_entry(const ImageService *s, const char *path, unsigned depth, json_t *metas, NovaException *e) {
        _cleanup_exception_ NovaException why = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *id = NULL, *url = NULL;
        _cleanup_close_ int fd = -1;
        json_auto_t *meta = NULL;
        struct stat st;
        int r;

        if (endswith(path, IMAGE_SIDECAR)) {
                _cleanup_close_ int data = -1;

                id = strndup(path, strlen(path) - strlen(IMAGE_SIDECAR));
                data = id ? image_local_open(s, id, &st) : -1;
                if (data >= 0)          /* its own turn comes */
                        return 0;
        } else
                id = strdup(path);
        if (!id)
                return exception_set_errno(e, -ENOMEM, "Listing images");
        if (!name_is_valid(id))
                return 0;

        r = image_local_show(s, id, &meta, &fd, &url, &why);
        if (r == -ENOENT)       /* a folder, or metadata without an image */
                return depth > 0 ? list_directory(s, id, depth - 1, metas, e) : 0;
        if (r < 0) {
                log_warning("Image %s is left out of the list: %s", id, strempty(why.message));
                return 0;
        }
        return json_array_append(metas, meta) < 0 ? exception_set_errno(e, -ENOMEM, "Listing images") : 0;
}

static int list_directory(const ImageService *s, const char *below, unsigned depth, json_t *metas, NovaException *e) {
        _cleanup_close_ int top = open_directory(s);
        _cleanup_(closedirp) DIR *d = NULL;
        int fd;

        fd = top < 0 ? top : open_below(top, below, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd == -ENOENT || fd == -ENOTDIR || fd == -EXDEV || fd == -ELOOP ? 0 : exception_set_errno(e, fd, "Listing images");
        d = fdopendir(fd);
        if (!d) {
                closep(&fd);
                return exception_set_errno(e, -ENOMEM, "Listing images");
        }
        for (;;) {
                _cleanup_free_ char *path = NULL;
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(d);
                if (!entry)
                        return errno > 0 ? exception_set_errno(e, -errno, "Listing images") : 0;
                if (entry->d_name[0] == '.')
                        continue;
                if (asprintf(&path, "%s%s%s", streq(below, ".") ? "" : below, streq(below, ".") ? "" : "/", entry->d_name) < 0)
                        return exception_set_errno(e, -ENOMEM, "Listing images");
                r = list_entry(s, path, depth, metas, e);
                if (r < 0)
                        return r;
        }
}

static int by_id(const void *a, const void *b) {
        return strcmp(json_member_string(*(json_t *const *) a, "id"), json_member_string(*(json_t *const *) b, "id"));
}

int image_local_list(const ImageService *s, json_t **ret_metas, NovaException *e) {
        json_auto_t *metas = json_array(), *sorted = json_array();
        _cleanup_free_ json_t **items = NULL;
        size_t n;
        int r;

        if (!metas || !sorted)
                return exception_set_errno(e, -ENOMEM, "Listing images");
        r = list_directory(s, ".", DEPTH_MAX, metas, e);
        if (r < 0)
                return r;
        n = json_array_size(metas);
        items = calloc(n + 1, sizeof *items);
        if (!items)
                return exception_set_errno(e, -ENOMEM, "Listing images");
        for (size_t i = 0; i < n; i++)
                items[i] = json_array_get(metas, i);
        if (n > 0)
                qsort(items, n, sizeof *items, by_id);
        for (size_t i = 0; i < n; i++)
                if (json_array_append(sorted, items[i]) < 0)
                        return exception_set_errno(e, -ENOMEM, "Listing images");
        *ret_metas = TAKE_PTR(sorted);
        return 0;
}

int image_local_delete(const ImageService *s, const char *id, NovaException *e) {
        _cleanup_close_ int top = -1, dir = -1;
        _cleanup_free_ char *name = NULL, *folder = NULL, *beside = NULL;
        const char *base;
        int r, about;

        if (image_id_is_url(id))
                return exception_setf(e, EXC_INVALID, "Image %.200s is not ours to delete.", id);
        r = image_local_name(s, id, &name, e);
        if (r < 0)
                return r;
        base = path_basename(name);
        folder = base == name ? strdup(".") : strndup(name, (size_t) (base - name - 1));
        if (!folder || asprintf(&beside, "%s" IMAGE_SIDECAR, base) < 0)
                return exception_set_errno(e, -ENOMEM, "Deleting an image");
        top = open_directory(s);
        dir = top < 0 ? top : open_below(top, folder, O_RDONLY | O_DIRECTORY);
        if (dir < 0)
                return dir == -ENOENT || dir == -ENOTDIR || dir == -EXDEV || dir == -ELOOP ? image_not_found(id, e)
                                                                                           : exception_set_errno(e, dir, "Deleting an image");
        /* Metadata alone is no image: whatever happens between, it is gone. */
        r = unlinkat(dir, base, 0) < 0 ? -errno : 0;
        if (r == -EISDIR)
                return image_not_found(id, e);
        if (r < 0 && r != -ENOENT)
                return exception_set_errno(e, r, "Deleting an image");
        about = unlinkat(dir, beside, 0) < 0 ? -errno : 0;
        if (about < 0 && about != -ENOENT)
                return exception_set_errno(e, about, "Deleting an image");
        return r < 0 && about < 0 ? image_not_found(id, e) : 0;
}

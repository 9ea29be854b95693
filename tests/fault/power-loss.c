/* What a disk would have after a loss of power (test_power.py): laid over the C library by LD_PRELOAD, it keeps a second copy of each
 * file in one folder, which is written by nothing but syncs. What a sync of the file has not reached is not in the copy, a name that
 * no sync of the folder has reached is not in its list. From the two the test makes what may be left.
 *
 *     NOVA_POWER_FOLDER   the folder; files right in it, no links
 *     NOVA_POWER_DISK     the copies, each by the number of its inode, and `names`: "number name" a line
 *
 * A sync takes about as long as a fast disk's: who tells something before it has ended is found. The disk's own sync is not asked for. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYNC_USEC 500

/* A file that was written to by this process: where, since its last sync. */
typedef struct Dirty {
        ino_t number;
        bool whole;                     /* it has not been synced by this process */
        off_t from, to;
} Dirty;

static const char *folder, *disk;
static dev_t device;
static ino_t folder_number;
static Dirty *files;
static size_t n_files;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t sync_lock = PTHREAD_MUTEX_INITIALIZER;   /* who syncs what another syncs has it when that one has it */

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);

static void give_up(const char *what) {
        fprintf(stderr, "power-loss: %s: %s\n", what, strerror(errno));
        abort();
}

static void *find(const char *name) {
        void *f = dlsym(RTLD_NEXT, name);

        if (!f)
                give_up(name);
        return f;
}

__attribute__((constructor)) static void begin(void) {
        struct stat st;

        *(void **) &real_pwrite = find("pwrite64");
        *(void **) &real_write = find("write");
        *(void **) &real_ftruncate = find("ftruncate64");
        *(void **) &real_fsync = find("fsync");
        folder = getenv("NOVA_POWER_FOLDER");
        disk = getenv("NOVA_POWER_DISK");
        if (!folder || !disk)
                return;
        if (stat(folder, &st) < 0)
                give_up(folder);
        device = st.st_dev;
        folder_number = st.st_ino;
}

/* The file's number, if it is one of the folder; else 0. */
static ino_t number_of(int fd) {
        char link[64], path[PATH_MAX];
        struct stat st;
        ssize_t n;
        size_t length;

        if (!disk || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_dev != device)
                return 0;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof path - 1);
        if (n < 0)
                return 0;
        path[n] = '\0';
        length = strlen(folder);
        if (strncmp(path, folder, length) != 0 || path[length] != '/' || strchr(path + length + 1, '/'))
                return 0;
        return st.st_ino;
}

/* With the lock held. */
static Dirty *entry(ino_t number) {
        for (size_t n = 0; n < n_files; n++)
                if (files[n].number == number)
                        return &files[n];
        files = realloc(files, (n_files + 1) * sizeof *files);
        if (!files)
                give_up("memory");
        files[n_files] = (Dirty) { .number = number, .whole = true };
        return &files[n_files++];
}

static void touched(int fd, off_t from, off_t to) {
        int before = errno;
        ino_t number = number_of(fd);

        if (number > 0 && to > from) {
                (void) pthread_mutex_lock(&lock);
                Dirty *d = entry(number);
                bool clean = d->to <= d->from;

                d->from = clean || from < d->from ? from : d->from;
                d->to = clean || to > d->to ? to : d->to;
                (void) pthread_mutex_unlock(&lock);
        }
        errno = before;
}

/* ---- syncs ---- */

static void copy_file(int fd, ino_t number) {
        char path[PATH_MAX], block[65536];
        off_t from, to;
        struct stat st;
        int copy;

        (void) pthread_mutex_lock(&lock);
        if (fstat(fd, &st) < 0)
                give_up("fstat");
        Dirty *d = entry(number);
        from = d->whole ? 0 : d->from;
        to = d->whole ? st.st_size : d->to;
        d->from = d->to = 0;
        d->whole = false;
        (void) pthread_mutex_unlock(&lock);

        snprintf(path, sizeof path, "%s/%llu", disk, (unsigned long long) number);
        copy = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (copy < 0 || real_ftruncate(copy, st.st_size) < 0)
                give_up(path);
        while (from < to) {
                ssize_t n = pread(fd, block, (size_t) (to - from) < sizeof block ? (size_t) (to - from) : sizeof block, from);

                if (n == 0)
                        break;
                /* A descriptor that is only written is read through another. */
                if (n < 0) {
                        char link[64];
                        int again;

                        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
                        again = open(link, O_RDONLY | O_CLOEXEC);
                        n = again >= 0 ? pread(again, block, sizeof block, from) : -1;
                        if (n < 0)
                                give_up(link);
                        (void) close(again);
                }
                if (real_pwrite(copy, block, (size_t) n, from) != n)
                        give_up(path);
                from += n;
        }
        (void) close(copy);
}

static void copy_names(void) {
        char path[PATH_MAX], next[PATH_MAX];
        struct dirent *e;
        DIR *d = opendir(folder);
        FILE *f;

        snprintf(path, sizeof path, "%s/names", disk);
        snprintf(next, sizeof next, "%s/names.%d.%lu", disk, (int) getpid(), (unsigned long) pthread_self());
        f = fopen(next, "we");
        if (!d || !f)
                give_up(next);
        while ((e = readdir(d)))
                if (e->d_type == DT_REG)
                        fprintf(f, "%llu %s\n", (unsigned long long) e->d_ino, e->d_name);
        (void) closedir(d);
        if (fclose(f) != 0 || rename(next, path) < 0)
                give_up(path);
}

static int sync_of(int fd) {
        struct stat st;
        ino_t number;

        if (!disk || fstat(fd, &st) < 0)
                return real_fsync(fd);
        number = number_of(fd);
        if (number == 0 && !(S_ISDIR(st.st_mode) && st.st_dev == device && st.st_ino == folder_number))
                return real_fsync(fd);
        (void) usleep(SYNC_USEC);
        (void) pthread_mutex_lock(&sync_lock);
        if (number > 0)
                copy_file(fd, number);
        else
                copy_names();
        (void) pthread_mutex_unlock(&sync_lock);
        return 0;
}

int fsync(int fd) {
        return sync_of(fd);
}

int fdatasync(int fd) {
        return sync_of(fd);
}

/* ---- what changes files ---- */

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
        ssize_t n = real_pwrite(fd, data, size, offset);

        if (n > 0)
                touched(fd, offset, offset + n);
        return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
        return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
        ssize_t n = real_write ? real_write(fd, data, size) : -1;

        if (n > 0 && disk) {
                off_t at = lseek(fd, 0, SEEK_CUR);

                if (at >= n)
                        touched(fd, at - n, at);
        }
        return n;
}

/* The copy has the size of its last sync; what is cut off and grows again was zeros in between. */
int ftruncate64(int fd, off64_t size) {
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -1;
        r = real_ftruncate(fd, size);
        if (r == 0)
                touched(fd, size < st.st_size ? size : st.st_size, size < st.st_size ? st.st_size : size);
        return r;
}

int ftruncate(int fd, off_t size) {
        return ftruncate64(fd, size);
}

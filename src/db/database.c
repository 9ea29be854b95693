/* Opening, losing and regaining the one connection to the database file: see database.h. */
#define LOG_LOGGER "nova.db"

#include "db/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/file-lock.h"
#include "basic/log.h"
#include "db/schema.h"
#include "db/set-aside.h"
#include "db/store-error.h"
#include "db/store.h"

int database_init(Database *d, const char *path, bool synchronous, usec_t timeout) {
        pthread_condattr_t monotonic;

        *d = (Database) {
                .synchronous = synchronous,
                .timeout = timeout,
                .migrations = schema_migrations,
                .n_migrations = schema_n_migrations,
                .application_id = SCHEMA_APPLICATION_ID,
                .lock_fd = -1,
        };

        d->path = strdup(path);
        if (!d->path || asprintf(&d->lock_path, "%s.lock", path) < 0) {
                free(d->path);
                d->path = d->lock_path = NULL;
                return -ENOMEM;
        }
        (void) pthread_mutex_init(&d->sync_lock, NULL);
        (void) pthread_mutex_init(&d->mutex, NULL);
        (void) pthread_condattr_init(&monotonic);
        (void) pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&d->free, &monotonic);
        (void) pthread_condattr_destroy(&monotonic);
        return 0;
}

void database_done(Database *d) {
        if (!d->path)
                return;
        database_close(d);
        (void) pthread_cond_destroy(&d->free);
        (void) pthread_mutex_destroy(&d->mutex);
        (void) pthread_mutex_destroy(&d->sync_lock);
        free(d->path);
        free(d->lock_path);
        *d = (Database) { .lock_fd = -1 };
}

static FileId file_id(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return (FileId) {};
        return (FileId) { .dev = st.st_dev, .ino = st.st_ino };
}

static bool companion(const Database *d, const char *ending, char path[static PATH_MAX]) {
        return (size_t) snprintf(path, PATH_MAX, "%s%s", d->path, ending) < PATH_MAX;
}

static FileId wal_id(const Database *d) {
        char path[PATH_MAX];

        return companion(d, "-wal", path) ? file_id(path) : (FileId) {};
}

/* Closing writes the log into the file and removes it, unless told to leave all as it is. */
static void leave_files_alone(Database *d) {
        if (d->handle)
                (void) sqlite3_db_config(d->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static void close_handle(Database *d) {
        database_statements_drop(d);
        if (d->handle)
                (void) sqlite3_close(d->handle);
        d->handle = NULL;
        d->writable = false;
        d->wal = (FileId) {};
}

/* The lock is held from the first opening to the end, over all openings in between: two daemons on one state would each
 * believe to be the host. The file stays when we end: to remove it would race with who just opened it. */
static int take_lock(Database *d) {
        _cleanup_close_ int fd = -1;
        char text[32] = "";

        if (d->lock_fd >= 0)
                return 0;

        d->lock_fd = file_lock(d->lock_path);
        if (d->lock_fd >= 0) {
                /* For the sentence below; without it the lock is as good. */
                fd = open(d->lock_path, O_WRONLY | O_TRUNC | O_CLOEXEC);
                if (fd >= 0 && dprintf(fd, "%d\n", (int) getpid()) < 0)
                        (void) ftruncate(fd, 0);
                return 0;
        }
        if (d->lock_fd == -EWOULDBLOCK) {
                long pid;

                d->lock_fd = -1;
                fd = open(d->lock_path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
                        text[0] = 0;
                pid = strtol(text, NULL, 10);
                if (pid > 0 && (kill((pid_t) pid, 0) >= 0 || errno == EPERM))
                        return store_failed(-EALREADY, "Another nova-compute, process %ld, works on the database %s (it holds the "
                                            "lock %s)", pid, d->path, d->lock_path);
                return store_failed(-EALREADY, "Another nova-compute works on the database %s (it holds the lock %s)",
                                    d->path, d->lock_path);
        }

        int r = d->lock_fd;
        d->lock_fd = -1;
        return store_failed(r, "The lock %s of the database cannot be taken: %s", d->lock_path, strerror(-r));
}

static int check_directory(const Database *d, char **ret) {
        _cleanup_free_ char *directory = NULL;
        struct stat st;

        directory = strndup(d->path, MAX((size_t) (strrchr(d->path, '/') - d->path), (size_t) 1));
        if (!directory)
                return store_failed(-ENOMEM, "Out of memory");
        if (stat(directory, &st) < 0)
                return store_failed(-errno, "The directory %s of the database %s cannot be used: %s",
                                    directory, d->path, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return store_failed(-ENOTDIR, "%s is not a directory, so the database %s cannot be there", directory, d->path);
        *ret = TAKE_PTR(directory);
        return 0;
}

/* What may be done with the file: 2 it is there and may be written, 1 may be created, 0 may only be read (with the sentence why),
 * -errno neither. Asked before SQLite, which would only say "unable to open database file". */
static int look(const Database *d) {
        _cleanup_free_ char *directory = NULL;
        struct stat st;
        int r, exists;

        r = check_directory(d, &directory);
        if (r < 0)
                return r;

        exists = stat(d->path, &st) >= 0;
        if (!exists && errno != ENOENT)
                return store_failed(-errno, "The database %s cannot be used: %s", d->path, strerror(errno));
        if (exists && !S_ISREG(st.st_mode))
                return store_failed(S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "The database %s is not a regular file", d->path);
        if (exists && faccessat(AT_FDCWD, d->path, R_OK, AT_EACCESS) < 0)
                return store_failed(-errno, "The database %s cannot be read by user %u: %s",
                                    d->path, (unsigned) geteuid(), strerror(errno));

        /* The directory too: SQLite keeps its log beside the file. */
        if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
                return store_failed(exists ? 0 : -errno, "The directory %s of the database %s cannot be written by user %u: %s",
                                    directory, d->path, (unsigned) geteuid(), strerror(errno));
        if (exists && faccessat(AT_FDCWD, d->path, W_OK, AT_EACCESS) < 0)
                return store_failed(0, "The database %s is read-only for user %u: %s", d->path, (unsigned) geteuid(), strerror(errno));
        return exists ? 2 : 1;
}

/* Made here and not by SQLite, for the mode: rows tell about users, so others have nothing to read there; a group of
 * operators may. No connection is open now, whose locks closing this descriptor would drop. */
static int create_file(const Database *d) {
        _cleanup_close_ int fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

        if (fd < 0 && errno != EEXIST)
                return store_failed(-errno, "The database %s cannot be created: %s", d->path, strerror(errno));
        return 0;
}

/* While the file was read-only SQLite may have made its log with the same mode; it would stay so. */
static void restore_modes(const Database *d) {
        static const char *const endings[] = { "-wal", "-shm" };
        char path[PATH_MAX];
        struct stat st;

        if (stat(d->path, &st) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(endings); i++)
                if (companion(d, endings[i], path) && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0 && errno == EACCES)
                        (void) chmod(path, st.st_mode & 0777);
}

#define DEBUG_STATEMENTS 50
#define DEBUG_ALL 100

/* Statements as they were prepared: their values, which may be secrets, are not in them. */
static int on_trace(unsigned event, void *userdata, void *statement, void *x) {
        const char *sql = sqlite3_sql(statement);

        if (event == SQLITE_TRACE_STMT)
                log_debug("%s", strempty(sql));
        else
                log_debug("%lld us: %s", (long long) (*(const sqlite3_int64 *) x / 1000), strempty(sql));
        return 0;
}

static int set_up(Database *d, bool may_write) {
        int r;

        (void) sqlite3_extended_result_codes(d->handle, 1);
        (void) sqlite3_busy_timeout(d->handle, (int) (d->timeout / USEC_PER_MSEC));
        if (d->debug >= DEBUG_STATEMENTS)
                (void) sqlite3_trace_v2(d->handle, d->debug >= DEBUG_ALL ? SQLITE_TRACE_PROFILE : SQLITE_TRACE_STMT, on_trace, NULL);
        (void) sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void) sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);

        r = database_exec(d, "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY");
        d->full = d->synchronous;
        if (r >= 0)
                r = database_exec(d, d->synchronous ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
        if (r >= 0)
                r = database_migrate(d, d->migrations, d->n_migrations, may_write);
        if (r >= 0 && may_write)
                /* Reading something makes the log, of which open_handle remembers which it is. */
                r = database_exec(d, "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=4194304; SELECT count(*) FROM sqlite_schema");
        return r;
}

/* For a look that leaves no trace. */
static int look_only(const Database *d) {
        if (faccessat(AT_FDCWD, d->path, R_OK, AT_EACCESS) < 0)
                return store_failed(-errno, "The database %s cannot be read by user %u: %s", d->path, (unsigned) geteuid(), strerror(errno));
        return store_failed(0, "The database %s is only looked at", d->path);
}

/* A file whose log is there may be written by others meanwhile, and is read with it. One without has all in itself; SQLite
 * would make a log. */
static int uri_of(const Database *d, char **ret) {
        _cleanup_free_ char *path = NULL;
        size_t n = 0;

        path = malloc(3 * strlen(d->path) + 1);
        for (const char *c = d->path; path && *c; c++)
                n += (size_t) sprintf(path + n, strchr("%?#", *c) ? "%%%02x" : "%c", *c);
        if (!path || asprintf(ret, "file:%s?%s", path, wal_id(d).ino == 0 ? "immutable=1" : "mode=ro") < 0)
                return store_failed(-ENOMEM, "Out of memory");
        return 0;
}

static int open_handle(Database *d) {
        _cleanup_free_ char *uri = NULL;
        char why[512];
        int r, rc, access;

        close_handle(d);

        access = d->read_only ? look_only(d) : look(d);
        if (access < 0)
                return access;
        if (access > 0) {
                r = take_lock(d);
                if (r >= 0 && access == 1)
                        r = create_file(d);
                if (r < 0)
                        return r;
                restore_modes(d);
        } else
                (void) snprintf(why, sizeof why, "%s", store_last_error());

        if (d->read_only && (r = uri_of(d, &uri)) < 0)
                return r;
        rc = sqlite3_open_v2(uri ? uri : d->path, &d->handle,
                             (access > 0 ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | (uri ? SQLITE_OPEN_URI : 0) | SQLITE_OPEN_NOMUTEX,
                             NULL);
        r = rc == SQLITE_OK ? 0 : database_failed(d, rc);
        if (r >= 0)
                r = set_up(d, access > 0);
        if (r < 0) {
                if (!d->damaged)
                        close_handle(d);
                /* Read-only is the cause of all but damage: SQLite cannot make its log there. */
                return access > 0 || r == -EUCLEAN || r == -EINVAL || r == -ENOTSUP ? r : store_failed(-EROFS, "%s", why);
        }

        d->writable = access > 0;
        d->opened++;
        d->wal = wal_id(d);
        return d->writable ? 0 : store_failed(-EROFS, "%s", why);
}

static void keep_damaged(Database *d) {
        _cleanup_free_ char *name = NULL, *path_field = NULL, *name_field = NULL;
        int r;

        leave_files_alone(d);
        close_handle(d);
        if (d->lock_fd < 0)
                return;         /* open for reading only: not ours to move */

        r = set_aside(d->path, "corrupt", true, &name);
        if (r < 0) {
                store_failed_more("; it cannot be set aside: %s", strerror(-r));
                return;
        }

        /* The one fault the store logs itself, since it acts on it; the caller may know only that a call failed. */
        if (asprintf(&path_field, "DATABASE=%s", d->path) < 0)
                path_field = NULL;
        if (asprintf(&name_field, "DATABASE_KEPT=%s", name) < 0)
                name_field = NULL;
        log_event(LOG_LEVEL_ERROR, MESSAGE_DATABASE_CORRUPT, ((const char *const[]) { path_field, path_field ? name_field : NULL, NULL }),
                  "%s; it is kept as %s, and a new one is begun", store_last_error(), name);
        store_failed_more("; it is kept as %s", name);
}

/* Another file has our file's name, or none has. What we wrote last may still be in the log, which lies under a name that
 * the new file would take for its own. */
static void leave_replaced(Database *d) {
        _cleanup_free_ char *name = NULL;
        FileId ours = d->wal, there;
        int r = 0;

        leave_files_alone(d);           /* a log of that name may be the new file's by now */
        close_handle(d);
        there = wal_id(d);
        if (ours.ino != 0 && ours.ino == there.ino && ours.dev == there.dev)
                r = set_aside(d->path, "replaced", false, &name);
        log_warning("The database %s was removed or replaced while in use; opening what is there now%s%s%s", d->path,
                    name ? ", the log of the former one is kept as " : "", strempty(name),
                    r < 0 ? ", the log of the former one could not be set aside" : "");
}

static bool was_replaced(const Database *d) {
        int moved = 0;

        return sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

/* Waiting is bounded: behind a file that another process holds, or a disk that hangs, calls would queue up for as long as
 * there are workers. USEC_INFINITY: until it is free. */
static int take(Database *d, usec_t timeout) {
        usec_t until = timeout == USEC_INFINITY ? 0 : now_monotonic() + timeout;
        struct timespec ts = { .tv_sec = (time_t) (until / USEC_PER_SEC), .tv_nsec = (long) (until % USEC_PER_SEC * 1000) };
        int r = 0;

        (void) pthread_mutex_lock(&d->mutex);
        while (d->taken && r == 0)
                r = until == 0 ? pthread_cond_wait(&d->free, &d->mutex) : pthread_cond_timedwait(&d->free, &d->mutex, &ts);
        if (!d->taken)
                d->taken = true;        /* also when it came free as the time ran out */
        else
                r = -EBUSY;
        (void) pthread_mutex_unlock(&d->mutex);

        if (r == -EBUSY)
                return store_failed(r, "The database %s is busy: other calls have not ended within %llu ms", d->path,
                                    (unsigned long long) (timeout / USEC_PER_MSEC));
        return 0;
}

static void give_back(Database *d) {
        if (d->damaged)
                keep_damaged(d);
        else if (d->broken)
                close_handle(d);
        d->damaged = d->broken = false;

        (void) pthread_mutex_lock(&d->mutex);
        /* Only what is in the log by now: a sync that is under way meanwhile does not speak for it. */
        d->later += d->writes_later;
        d->writes_later = false;
        d->taken = false;
        (void) pthread_cond_signal(&d->free);
        (void) pthread_mutex_unlock(&d->mutex);
}

int database_open(Database *d) {
        bool anew = false;
        int r;

        r = take(d, d->timeout);
        if (r < 0)
                return r;

        r = open_handle(d);
        if (r == -EUCLEAN && d->damaged && d->lock_fd >= 0) {
                keep_damaged(d);
                d->damaged = d->broken = false;
                r = open_handle(d);
                anew = r >= 0;
        }
        give_back(d);
        return anew ? 1 : r;
}

void database_close(Database *d) {
        (void) take(d, USEC_INFINITY);
        close_handle(d);
        if (d->lock_fd >= 0)
                (void) close(d->lock_fd);
        d->lock_fd = -1;
        give_back(d);
}

static int set_durability(Database *d, Access access) {
        bool full = access != ACCESS_WRITE_LATER;
        int r;

        if (access == ACCESS_READ || !d->synchronous)
                return 0;
        d->writes_later = !full;
        if (d->full == full)
                return 0;
        r = database_exec(d, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        if (r >= 0)
                d->full = full;
        return r;
}

int database_enter(Database *d, Access access) {
        int r;

        r = take(d, d->timeout);
        if (r < 0)
                return r;

        if (d->handle && was_replaced(d))
                leave_replaced(d);
        if (!d->handle || (access != ACCESS_READ && !d->writable)) {
                r = open_handle(d);
                if (r == -EROFS && access == ACCESS_READ && d->handle)
                        r = 0;
        }
        if (r >= 0)
                r = set_durability(d, access);
        if (r < 0)
                give_back(d);
        return r;
}

int database_sync(Database *d) {
        char path[PATH_MAX];
        uint64_t later;
        int fd, r = 0;

        (void) pthread_mutex_lock(&d->sync_lock);
        (void) pthread_mutex_lock(&d->mutex);
        later = d->synced < d->later ? d->later : 0;
        (void) pthread_mutex_unlock(&d->mutex);
        if (later > 0 && companion(d, "-wal", path)) {
                /* Without a log all is in the file: whoever put it there has synced it. */
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd >= 0 ? fdatasync(fd) < 0 : errno != ENOENT)
                        r = store_failed(-errno, "The log of the database %s cannot be synced: %s", d->path, strerror(errno));
                closep(&fd);
        }
        if (later > 0 && r >= 0) {
                (void) pthread_mutex_lock(&d->mutex);
                d->synced = MAX(d->synced, later);
                (void) pthread_mutex_unlock(&d->mutex);
        }
        (void) pthread_mutex_unlock(&d->sync_lock);
        return r;
}

int database_leave(Database *d, int r) {
        give_back(d);
        return r;
}

/* SQLite's result codes as errno and as sentences. */
#include <errno.h>

#include "db/database.h"
#include "db/store-error.h"

/* What the system call below SQLite said, where that tells more than SQLite's code. */
static int error_of_system(int error, int otherwise) {
        switch (error) {
        case EROFS:
                return -EROFS;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:             /* RLIMIT_FSIZE, or the file system's own limit */
                return -ENOSPC;
        case EACCES:
        case EPERM:
                return -EACCES;
        case ENOENT:
        case ENOTDIR:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                return -error;
        default:
                return otherwise;
        }
}

static int error_of_result(int rc, int error) {
        switch (rc) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
                return -EEXIST;
        }
        switch (rc & 0xff) {
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EUCLEAN;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_TOOBIG:
                return -E2BIG;
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
                return -EINVAL;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
                return rc == SQLITE_IOERR_NOMEM ? -ENOMEM : error_of_system(error, -EIO);
        default:
                return -EIO;
        }
}

/* SQLite notes errno in some of its ways to fail and not in others (a commit); in those the call that failed is mostly the
 * last that set it. Only what the disk says is taken from there: a file that was looked for in vain says nothing. */
static int system_error(const Database *d, int last) {
        int error = d->handle ? sqlite3_system_errno(d->handle) : 0;

        if (error != 0)
                return error;
        switch (last) {
        case EROFS:
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return last;
        default:
                return 0;
        }
}

int database_failed(Database *d, int rc) {
        int error = system_error(d, errno);
        const char *text = d->handle ? sqlite3_errmsg(d->handle) : sqlite3_errstr(rc);
        int r = error_of_result(rc, error);

        switch (r) {
        case -EEXIST:
        case -EINVAL:
        case -E2BIG:
        case -ENOMEM:
                return store_failed(r, "The database %s refused a row: %s", d->path, text);
        case -EBUSY:
                return store_failed(r, "The database %s is locked by another process: %s", d->path, text);
        case -ENOSPC:
                /* What is there stays good: SQLite has undone the statement. */
                return store_failed(r, "There is no room to write the database %s: %s", d->path, text);
        case -EUCLEAN:
                d->damaged = true;
                return store_failed(r, "The database %s is damaged: %s", d->path, text);
        case -EROFS:
                d->broken = true;
                return store_failed(r, "The database %s is read-only: %s", d->path, text);
        default:
                d->broken = true;
                return store_failed(r, "The database %s failed: %s (%s)", d->path, text, strerror(error ? error : -r));
        }
}

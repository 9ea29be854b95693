/* See faulty-vfs.h. */
#include "faulty-vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>

typedef struct FaultyFile {
        sqlite3_file base;
        sqlite3_file real[];            /* as large as the real layer wants */
} FaultyFile;

static struct {
        sqlite3_vfs vfs, *real;
        sqlite3_mem_methods memory;
        FaultKind kind;
        unsigned left;
        int rc, error;
        bool sticky, hit;
} faulty;

void faulty_arm(FaultKind kind, unsigned n, int rc, int error, bool sticky) {
        faulty.kind = kind;
        faulty.left = n;
        faulty.rc = rc;
        faulty.error = error;
        faulty.sticky = sticky;
        faulty.hit = false;
}

bool faulty_disarm(void) {
        faulty.left = 0;
        return faulty.hit;
}

static bool fails(FaultKind kind) {
        if (faulty.left == 0 || faulty.kind != kind)
                return false;
        if (faulty.left > 1) {
                faulty.left--;
                return false;
        }
        if (!faulty.sticky)
                faulty.left = 0;
        faulty.hit = true;
        errno = faulty.error;
        return true;
}

#define REAL(f) (((FaultyFile *) (f))->real)
#define CALL(f, method, ...) (REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__))

static int x_close(sqlite3_file *f) {
        return CALL(f, xClose);
}
static int x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
        return CALL(f, xRead, p, n, at);
}
static int x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
        return fails(FAULT_WRITE) ? faulty.rc : CALL(f, xWrite, p, n, at);
}
static int x_truncate(sqlite3_file *f, sqlite3_int64 size) {
        return fails(FAULT_WRITE) ? SQLITE_IOERR_TRUNCATE : CALL(f, xTruncate, size);
}
/* Nobody pulls the plug in these tests, so nothing has to reach the disk, which would take most of their time. */
static int x_sync(sqlite3_file *f, int flags) {
        return fails(FAULT_WRITE) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}
static int x_file_size(sqlite3_file *f, sqlite3_int64 *ret) {
        return CALL(f, xFileSize, ret);
}
static int x_lock(sqlite3_file *f, int lock) {
        return CALL(f, xLock, lock);
}
static int x_unlock(sqlite3_file *f, int lock) {
        return CALL(f, xUnlock, lock);
}
static int x_check_reserved_lock(sqlite3_file *f, int *ret) {
        return CALL(f, xCheckReservedLock, ret);
}
static int x_file_control(sqlite3_file *f, int op, void *p) {
        return CALL(f, xFileControl, op, p);
}
static int x_sector_size(sqlite3_file *f) {
        return CALL(f, xSectorSize);
}
static int x_device_characteristics(sqlite3_file *f) {
        return CALL(f, xDeviceCharacteristics);
}
static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret) {
        return extend && fails(FAULT_WRITE) ? SQLITE_IOERR_SHMSIZE : CALL(f, xShmMap, page, size, extend, ret);
}
static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
        return CALL(f, xShmLock, offset, n, flags);
}
static void x_shm_barrier(sqlite3_file *f) {
        CALL(f, xShmBarrier);
}
static int x_shm_unmap(sqlite3_file *f, int delete) {
        return CALL(f, xShmUnmap, delete);
}

static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = x_close,
        .xRead = x_read,
        .xWrite = x_write,
        .xTruncate = x_truncate,
        .xSync = x_sync,
        .xFileSize = x_file_size,
        .xLock = x_lock,
        .xUnlock = x_unlock,
        .xCheckReservedLock = x_check_reserved_lock,
        .xFileControl = x_file_control,
        .xSectorSize = x_sector_size,
        .xDeviceCharacteristics = x_device_characteristics,
        .xShmMap = x_shm_map,
        .xShmLock = x_shm_lock,
        .xShmBarrier = x_shm_barrier,
        .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *ret_flags) {
        int rc;

        f->pMethods = NULL;
        if ((flags & SQLITE_OPEN_CREATE) && fails(FAULT_WRITE))
                return SQLITE_CANTOPEN;
        rc = faulty.real->xOpen(faulty.real, name, REAL(f), flags, ret_flags);
        if (REAL(f)->pMethods)
                f->pMethods = &methods;
        return rc;
}

static void *x_malloc(int n) {
        return fails(FAULT_MALLOC) ? NULL : faulty.memory.xMalloc(n);
}

static void *x_realloc(void *p, int n) {
        return fails(FAULT_MALLOC) ? NULL : faulty.memory.xRealloc(p, n);
}

int faulty_install(void) {
        sqlite3_mem_methods memory;

        if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &faulty.memory) != SQLITE_OK)
                return -1;
        memory = faulty.memory;
        memory.xMalloc = x_malloc;
        memory.xRealloc = x_realloc;
        if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK)
                return -1;

        faulty.real = sqlite3_vfs_find(NULL);
        faulty.vfs = *faulty.real;
        faulty.vfs.zName = "faulty";
        faulty.vfs.szOsFile = (int) sizeof(FaultyFile) + faulty.real->szOsFile;
        faulty.vfs.xOpen = x_open;
        return sqlite3_vfs_register(&faulty.vfs, 1) == SQLITE_OK ? 0 : -1;
}

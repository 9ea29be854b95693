/* One SQLite file and one connection to it, used by one thread at a time: opening and opening anew, the lock against a
 * second daemon, damage, prepared statements. Private to db.
 *
 * A caller brackets each use:
 *
 *         r = database_enter(d, ACCESS_WRITE);
 *         if (r < 0)
 *                 return r;
 *         r = f(d, …);         which prepares, steps and resets
 *         return database_leave(d, r);
 *
 * enter waits for the other threads (at most the busy timeout) and sees to it that the file that has the name now is open;
 * leave drops a connection that failed in a way that only opening anew can heal, and sets a damaged file aside. So each
 * fault is told once by the call that met it, and the next call finds out whether it is over. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef enum Access {
        ACCESS_READ,                    /* also while the file can only be read */
        ACCESS_WRITE,                   /* what is committed is on the disk when database_leave returns */
        ACCESS_WRITE_LATER,             /* committed, and on the disk with the next ACCESS_WRITE or database_sync: until then it outlives
                                         * this process, not the machine. Never is a later commit there without an earlier one. */
} Access;

typedef struct FileId {
        dev_t dev;
        ino_t ino;                      /* 0 = no file */
} FileId;

typedef struct Statement {
        const void *owner;              /* what the SQL was made from: a table, or NULL */
        int verb;
        const char *tail;               /* a constant */
        sqlite3_stmt *stmt;
} Statement;

typedef struct Database {
        char *path;
        char *lock_path;
        bool synchronous;
        unsigned debug;                 /* sql_connection_debug: from 50 on statements are logged, from 100 on their times too */
        usec_t timeout;                 /* how long to wait for other threads, and again for other processes */
        const char *const *migrations;  /* its schema; the store's unless set after database_init */
        size_t n_migrations;
        int application_id;             /* marks our files of that schema */
        bool read_only;                 /* nothing is made, locked or written, whatever may be */

        pthread_mutex_t sync_lock;      /* one syncs for all that wait; taken before mutex */
        pthread_mutex_t mutex;          /* guards taken, later, synced */
        pthread_cond_t free;
        uint64_t later, synced;         /* writes that are not synced by their commit, and how many of them are on the disk */
        bool taken;                     /* by the caller to whom all below belongs meanwhile */
        bool writes_later;              /* that one: it counts as later when it leaves */
        int lock_fd;                    /* -1 = not held */
        sqlite3 *handle;                /* NULL = not open */
        bool writable;
        bool full;                      /* commits are synced, now */
        unsigned opened;                /* how often: whether it may be another file than before */
        bool broken, damaged;           /* seen by this call, dealt with by leave */
        FileId wal;                     /* the log that belongs to what we have open */
        Statement *statements;
        size_t n_statements;
} Database;

/* @path is absolute and copied. 0 or -ENOMEM. */
int database_init(Database *d, const char *path, bool synchronous, usec_t timeout);
void database_done(Database *d);

/* Opens now (anew if it is open). 0, or 1: it was damaged, is set aside and a new one is begun. -errno otherwise; -EROFS
 * may leave it open for reading. */
int database_open(Database *d);
/* Closes and gives the lock back. */
void database_close(Database *d);

int database_enter(Database *d, Access access);
int database_leave(Database *d, int r);         /* returns r */

/* Outside of enter and leave: what was written so far is on the disk afterwards. Cheap where it is already; who comes while another
 * syncs shares the next one. 0 or -errno. */
int database_sync(Database *d);

/* Between enter and leave. Failures are kept for store_last_error. */

/* Turns the result of an SQLite call that just failed into -errno, with the sentence; looks at errno. */
int database_failed(Database *d, int rc);

/* Runs SQL that returns nothing of interest. */
int database_exec(Database *d, const char *sql);

/* The statement prepared for (@owner, @verb, @tail); prepared from @sql on first use. It belongs to the database and must
 * be reset after use: `_cleanup_(statement_resetp) sqlite3_stmt *q`. */
int database_statement_find(Database *d, const void *owner, int verb, const char *tail, sqlite3_stmt **ret);  /* 1 or 0 */
int database_statement_add(Database *d, const void *owner, int verb, const char *tail, const char *sql, sqlite3_stmt **ret);
/* The same for constant SQL. */
int database_statement(Database *d, const char *sql, sqlite3_stmt **ret);
void database_statements_drop(Database *d);

/* 1: a row; 0: done; -errno. */
int database_step(Database *d, sqlite3_stmt *q);
/* Steps to the end. Returns how many rows were changed. */
int database_run(Database *d, sqlite3_stmt *q);

void statement_resetp(sqlite3_stmt **q);
#define _cleanup_statement_ _cleanup_(statement_resetp)

/* A transaction: begin, then end with the result so far: commits when @r >= 0, else rolls back. Returns @r or why it
 * could not be committed. */
int database_begin(Database *d);
int database_end(Database *d, int r);

/* Brings the open database to this program's schema (schema.h), having looked whether it is whole (-EUCLEAN). -ENOTSUP if
 * it is newer, -EINVAL if it is another program's. @may_write false: -EROFS if there is something to do. */
int database_migrate(Database *d, const char *const *migrations, size_t n, bool may_write);

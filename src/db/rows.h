/* Rows of a table as plain values and back, by one list of columns per table: reading, inserting and updating cannot
 * disagree on an order. Private to db; used between database_enter and database_leave. */
#pragma once

#include "db/database.h"

typedef enum ColumnType {
        COLUMN_TEXT,                    /* char *; NULL is NULL */
        COLUMN_INTEGER,                 /* int64_t */
        COLUMN_REFERENCE,               /* int64_t; 0 is NULL */
        COLUMN_OPTIONAL,                /* int64_t, NULL unless the bool at `present` is true */
        COLUMN_BOOLEAN,                 /* bool, as 0 or 1 */
        COLUMN_REAL,                    /* double */
        COLUMN_TIME,                    /* usec_t; 0 is NULL */
        COLUMN_JSON,                    /* json_t *, as compact text; NULL is NULL */
        COLUMN_VM_STATE,
        COLUMN_TASK_STATE,              /* TASK_NONE is NULL */
        COLUMN_POWER_STATE,
} ColumnType;

enum {
        COLUMN_FIXED = 1 << 0,          /* set when inserted, never updated */
        COLUMN_GIVEN = 1 << 1,          /* not inserted either: SQLite's or only deleting's */
        COLUMN_KEPT = 1 << 2,           /* an update by NULL leaves it as it is */
};

typedef struct Column {
        const char *name;
        ColumnType type;
        size_t offset;
        size_t present;
        unsigned flags;
} Column;

typedef struct Table {
        const char *name;
        const Column *columns;
        size_t n_columns;
        size_t size;                    /* of the value */
        void (*done)(void *value);
} Table;

/* SELECT all columns FROM the table, then @tail ("WHERE …", a constant). */
int row_select(Database *d, const Table *t, const char *tail, sqlite3_stmt **ret);
/* UPDATE …  @tail RETURNING all columns. */
int row_update_returning(Database *d, const Table *t, const char *tail, sqlite3_stmt **ret);

/* The row that @q stands on, as a value of its own in *ret. 0 or -errno. */
int row_read(Database *d, const Table *t, sqlite3_stmt *q, void *ret);

/* Steps once: 1 with *ret, 0 if there is no row, -errno. The rest is not looked at. */
int row_read_one(Database *d, const Table *t, sqlite3_stmt *q, void *ret);
/* All rows, in an array owned by the caller. */
int row_read_all(Database *d, const Table *t, sqlite3_stmt *q, void **ret_items, size_t *ret_n);

/* Inserts @value; SQLite's row number in *ret_id. */
int row_insert(Database *d, const Table *t, const void *value, int64_t *ret_id);
/* UPDATEs all columns but the fixed ones WHERE id = that of the value (by the parameter :id or :uuid in @tail). The
 * number of rows changed. */
int row_update(Database *d, const Table *t, const void *value, const char *tail);

int bind_text(Database *d, sqlite3_stmt *q, int index, const char *text);       /* must live until reset */
int bind_time(Database *d, sqlite3_stmt *q, int index, usec_t t);               /* 0 = NULL */
int bind_integer(Database *d, sqlite3_stmt *q, int index, int64_t n);

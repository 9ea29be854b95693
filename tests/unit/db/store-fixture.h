/* What the store's tests share: a directory of their own, a store on a file in it, SQL beside the store's back. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "db/local-store.h"

typedef struct Fixture {
        char directory[64];
        char path[96];                  /* of the database */
        char log[96];                   /* where the log goes */
        Store *store;
} Fixture;

#define TEST_TIMEOUT (50 * USEC_PER_MSEC)

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A new store object on the fixture's file, not open. */
Store *fixture_new_store(const Fixture *f);
/* Ends the fixture's store and makes a new one, not open: the daemon started again. */
void fixture_restart(Fixture *f);

/* Runs SQL on the file by a connection of another process, so that none of ours loses its locks. */
void fixture_sql(const Fixture *f, const char *sql);
/* The first column of the first row as text (malloc'ed), "" for NULL or no row; read by another process too. */
char *fixture_query(const Fixture *f, const char *sql);
#define assert_query(f, sql, expected)                               \
        do {                                                         \
                char *_text = fixture_query(f, sql);                 \
                assert_string_equal(_text, expected);                \
                free(_text);                                         \
        } while (0)

/* Runs @f in a child process and waits for it; it fails the test unless it returns 0. */
void fixture_in_child(int (*run)(const Fixture *f, void *userdata), const Fixture *f, void *userdata);

/* How many names in the directory hold @part, logs (-wal, -shm) aside; the last one in @ret_name (at least 256 bytes) if
 * not NULL. */
unsigned fixture_files(const Fixture *f, const char *part, char *ret_name);
/* The same for logs (-wal) only. */
unsigned fixture_companions(const Fixture *f, const char *part, char *ret_name);
/* How many lines of the log hold @part. */
unsigned fixture_log_lines(const Fixture *f, const char *part);

/* Rows to store. */
ServiceRecord sample_service(const char *host);
ComputeNode sample_node(const char *host, const char *name);
Instance sample_instance(const char *uuid, const char *host);

/* Says what the store says when a call does not give what was expected. */
#define assert_result(call, expected)                                                               \
        do {                                                                                        \
                int _r = (call), _x = (expected);                                                   \
                if (_r != _x)                                                                       \
                        fail_msg("%s is %d, not %d: %s", #call, _r, _x, store_last_error());        \
        } while (0)

/* Keeping files that are of no use but must not be lost: a damaged database, a log of a database that was replaced.
 * Private to db. */
#pragma once

#include <stdbool.h>

/* Renames @path (if @main) and its -wal, -shm and -journal (as far as they exist) to <path>.<why>-<UTC time>[-n] with the same
 * ending, so that sqlite3 opens what was kept as it was. Nothing existing is overwritten. On success 0 and the new name
 * in *ret (malloc'ed); else -errno. */
int set_aside(const char *path, const char *why, bool main, char **ret);

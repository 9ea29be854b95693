/* What journal.c and journal-rows.c share. */
#pragma once

#include "db/database.h"
#include "db/journal.h"

#define JOURNAL_APPLICATION_ID 0x4e6f764a       /* "NovJ" */

extern const char *const journal_migrations[];
extern const size_t journal_n_migrations;

/* Between database_enter and database_leave, within a transaction but for LOAD: carries out @w. What done gets, or -errno. */
int journal_apply(Database *d, JournalWrite *w);
/* Deletes what has ended and is older than @before (0 = any age is kept) or beyond the newest @keep_rows (0 = any number),
 * at most @max rows. How many. */
int journal_prune(Database *d, usec_t before, int64_t keep_rows, int max);
/* Rows open or still to be replied to, of @service (NULL = all). */
int journal_load(Database *d, const char *service, JournalRowList *ret);

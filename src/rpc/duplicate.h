/* Which requests were seen: by _unique_id, those that run and the last few thousand that are done. A publisher that
 * lost its connection before the confirm sends again, and a broker delivers again what was not acked. One thread. */
#pragma once

#include "basic/macros.h"

typedef struct Duplicates Duplicates;
typedef struct DuplicateEntry DuplicateEntry;

/* @remembered: how many of the done ones are kept. */
int duplicates_new(Duplicates **ret, unsigned remembered);
Duplicates *duplicates_free(Duplicates *d);
DEFINE_CLEANUP(Duplicates *, duplicates_free)

/* Enters @id as running, with @request as what runs it. Returns 1 with *ret if it is new; 0 if it is known: then
 * *ret_request is what runs it, or NULL if it is done; -ENOMEM. */
int duplicates_enter(Duplicates *d, const char *id, void *request, DuplicateEntry **ret, void **ret_request);
/* What ran is done: remembered until as many others have come after it. */
void duplicates_done(Duplicates *d, DuplicateEntry *e);
/* It goes back to the broker and may come again. */
void duplicates_forget(Duplicates *d, DuplicateEntry *e);

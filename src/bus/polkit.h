/* Authorization of verbs by polkit, without ever waiting: the question goes out, the loop goes on, and the call is
 * dispatched again when the answer is there. Main loop only. */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macros.h"

typedef struct Authority Authority;

/* @left is told of callers that have left the bus while calls of theirs waited here. */
int authority_new(Authority **ret, sd_event *event, void (*left)(const char *caller, void *userdata), void *userdata);
/* Drops all that is under way, as authority_drop_all. Takes NULL, returns NULL. */
Authority *authority_free(Authority *a);
DEFINE_CLEANUP(Authority *, authority_free)

#define AUTHORITY_CALL_SIZE_MAX ((size_t) 1024 * 1024)  /* bytes, about: of the arguments of a call that is kept while polkit decides */

/* May the sender of @m do @action? @details: NULL-terminated key, value, key, value … for rules to look at, or NULL.
 * Called by a handler before it judges what the caller says, and before it changes anything. Returns
 *   1       yes: go on;
 *   0       asked: return 1 from the handler. It is called again with the same message when polkit has answered;
 *   -errno  no, with @error: AccessDenied, InteractiveAuthorizationRequired (it might be yes if the caller let polkit ask
 *           for a password), LimitsExceeded (too many wait, or the call is too large to be kept). No polkit, no answer: no. */
int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details, sd_bus_error *error);

/* Whether @m comes again because polkit has answered. That many are few at once, each has had its turn, and its verdict does not wait for
 * another. What was refused without asking polkit may be many. */
bool authority_decided(const Authority *a, const sd_bus_message *m);
/* Of a call that authority_check said yes to, in the same run of its handler: the uid of its sender in *ret. 0, or -ENODATA: it is
 * no such call. */
int authority_caller(const Authority *a, sd_bus_message *m, uid_t *ret);

/* The bus is gone: nobody waits for an answer any more. */
void authority_drop_all(Authority *a);

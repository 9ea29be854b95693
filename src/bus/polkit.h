/* Authorization of verbs by polkit, without ever waiting: the question goes out, the loop goes on, and the call is
 * dispatched again when the answer is there. Main loop only. */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macros.h"

typedef struct Authority Authority;

int authority_new(Authority **ret, sd_event *event);
/* Drops all that is under way, as authority_drop_all. Takes NULL, returns NULL. */
Authority *authority_free(Authority *a);
DEFINE_CLEANUP(Authority *, authority_free)

/* May the sender of @m do @action? @details: NULL-terminated key, value, key, value … for rules to look at, or NULL.
 * Called by a handler after it has checked its arguments and before it changes anything. Returns
 *   1       yes: go on;
 *   0       asked: return 1 from the handler. It is called again with the same message when polkit has answered;
 *   -errno  no, with @error: AccessDenied, InteractiveAuthorizationRequired (it might be yes if the caller let polkit ask
 *           for a password), LimitsExceeded. No polkit, no answer: no. */
int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details, sd_bus_error *error);

/* The bus is gone: nobody waits for an answer any more. */
void authority_drop_all(Authority *a);

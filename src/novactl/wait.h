/* Waiting for jobs: how they end is told by JobRemoved, how far they are by their properties; on a terminal a line shows it. */
#pragma once

#include "novactl/client.h"

typedef struct Waiter Waiter;

/* Listens from here on, so that no end is missed of what is asked for after it. NULL with the error printed. */
Waiter *waiter_new(Ctl *c);
Waiter *waiter_free(Waiter *w);
DEFINE_CLEANUP(Waiter *, waiter_free)

/* A job to wait for: its path, the verb and its gerund ("rebooting"), and whom it is about (name for people, uuid or ""). All are copied. */
void waiter_add(Waiter *w, const char *job, const char *verb, const char *gerund, const char *name, const char *uuid);

/* Waits until all have ended. Those that failed are printed. With JSON all are, as an array: verb, instance, job, result, error,
 * message. Ctrl-C ends the waiting, not the jobs. */
ExitStatus waiter_run(Waiter *w);
/* Says which jobs there are, and waits for none. */
ExitStatus waiter_leave(Waiter *w);

/* Waiting on the bus: what the verbs share that follow something until it is over or the caller wants no more. */
#pragma once

#include "novactl/novactl.h"

typedef struct Loop {
        Ctl *ctl;
        sd_event *event;
        bool stopped;                   /* by Ctrl-C, SIGTERM or SIGHUP, or by who reads what is written */
} Loop;

/* Attaches the bus to @l. From here on those signals end the loop, not the process. Returns 0, or -errno. */
int loop_open(Loop *l, Ctl *c);
/* Handles what comes until @is_over of @userdata. Returns 1 then, 0 where it was stopped, -ENOTCONN where the bus was lost, or another
 * error. */
int loop_run(Loop *l, bool (*is_over)(const void *userdata), const void *userdata);
/* Detaches the bus; does nothing to one that was not opened. The signals stay blocked: the program ends soon. */
void loop_done(Loop *l);

/* Sends on what was written; who reads it no more stops the loop. */
void loop_flush(Loop *l);

/* Has @handler called when the daemon comes to the bus or leaves it (NameOwnerChanged). @ret may be NULL: as long as the bus. 0 or -errno. */
int loop_watch_daemon(Ctl *c, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata);

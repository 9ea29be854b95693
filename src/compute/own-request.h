/* What the host asks of itself about an instance: a stop because its guest went off, the end of a soft deletion, a hard reboot
 * of one that hangs. It takes the way of every request (origin periodic): its turn comes after all that was accepted
 * for that instance before, it is journalled, and has the same states, events and notifications as a user's. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

typedef struct ComputeManager ComputeManager;
typedef struct OwnRequest OwnRequest;

/* Whether what was found is still so; asked on a worker, when the turn has come. */
typedef bool (*OwnRequestDue)(ComputeManager *m, const char *uuid);

/* Has @method run with @args, "instance": @uuid added. Takes @args over; NULL = {}. One request of the host's own at a time
 * for an instance: 0 when there is one under way already, 1 when it is asked for, -errno. A failure is told in the log.
 * Any thread. */
int compute_request_own(ComputeManager *m, const char *method, const char *uuid, json_t *args, OwnRequestDue due);

/* For manager.c: on the main loop, has it begin; takes it over. Or drops it. */
void own_request_begin(OwnRequest *q);
OwnRequest *own_request_free(OwnRequest *q);

/* External events of instances (zed 6.11, 7.10): what a build waits for before its guest may run, and who wakes it. Events
 * come by external_instance_event, perhaps before the waiting begins, so what is waited for is registered first and kept
 * from then on. Thread-safe; event_wait blocks. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef enum EventStatus {
        EVENT_COMPLETED,
        EVENT_FAILED,
        EVENT_IN_PROGRESS,              /* wakes nobody */
        _EVENT_STATUS_MAX,
        _EVENT_STATUS_INVALID = -1,
} EventStatus;
const char *event_status_to_string(EventStatus s);
EventStatus event_status_from_string(const char *s);

typedef struct EventRegistry EventRegistry;

int event_registry_new(EventRegistry **ret);                            /* 0 or -ENOMEM */
/* After all waits of it have ended and are freed. */
EventRegistry *event_registry_free(EventRegistry *r);
DEFINE_CLEANUP(EventRegistry *, event_registry_free)

/* The events that one piece of work on @uuid waits for: one thread's. */
typedef struct EventWait EventWait;
int event_wait_new(EventRegistry *r, const char *uuid, EventWait **ret); /* 0 or -ENOMEM */
EventWait *event_wait_free(EventWait *w);
DEFINE_CLEANUP(EventWait *, event_wait_free)

/* From now on the event is kept. A second one of the same name and tag is the same. 0 or -ENOMEM. */
int event_wait_add(EventWait *w, const char *name, const char *tag);
size_t event_wait_missing(EventWait *w);

/* Until each has come, @timeout (0 = do not wait) has passed, one came as failed, or the instance's waits were cancelled.
 * @cancelled (may be NULL) is asked twice a second. 0; -ETIMEDOUT, -EREMOTEIO for a failed one, or -ECANCELED, with
 * *ret_key (may be NULL) the event that is missing or has failed, "name-tag": lives as long as the wait. */
int event_wait_for(EventWait *w, usec_t timeout, bool (*cancelled)(void *userdata), void *userdata, const char **ret_key);

/* Tells who waits for it. true if somebody did. @tag NULL is "". */
bool event_registry_deliver(EventRegistry *r, const char *uuid, const char *name, const char *tag, EventStatus status);
/* The instance is being deleted, or the service ends (@uuid NULL: of all): no event will come any more. How many waited. */
unsigned event_registry_cancel(EventRegistry *r, const char *uuid);

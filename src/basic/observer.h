/* A list of those who want to know: the upper rooms subscribe, the lower ones notify without knowing them.
 * One thread (the main loop's). A zeroed Observers is an empty list. */
#pragma once

#include "basic/macros.h"

/* May add and remove observers, itself too, and notify again. */
typedef void (*ObserverCallback)(unsigned what, void *userdata);

typedef struct Observer Observer;
typedef struct Observers {
        Observer *first;
        unsigned notifying;             /* private: how deep in observers_notify */
} Observers;

/* @callback is called in the order of adding, from the next notification on. Returns 0 or -ENOMEM. */
int observers_add(Observers *o, ObserverCallback callback, void *userdata);

/* Ends what was added with the same two. Not there: nothing happens. The callback is not called again, also not by a
 * notification that is under way. */
void observers_remove(Observers *o, ObserverCallback callback, void *userdata);

void observers_notify(Observers *o, unsigned what);                     /* @what: the notifier's flags */

/* Removes all. Not from within a callback. */
void observers_done(Observers *o);

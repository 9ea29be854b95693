/* A list of those who want to know: the upper rooms subscribe, the lower ones notify without knowing them.
 * One thread (the main loop's). */
#pragma once

#include "basic/macros.h"

typedef void (*ObserverCallback)(unsigned what, void *userdata);

typedef struct Observer Observer;
typedef struct Observers {
        Observer *first;
} Observers;

int observers_add(Observers *o, ObserverCallback callback, void *userdata);             /* 0 or -ENOMEM */
void observers_remove(Observers *o, ObserverCallback callback, void *userdata);
void observers_notify(Observers *o, unsigned what);                                     /* @what: the notifier's flags */
void observers_done(Observers *o);

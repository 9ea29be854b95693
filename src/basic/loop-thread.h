/* A thread with an sd_event of its own and a mailbox: what an AMQP connection lives on. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"

typedef struct LoopThread LoopThread;

/* Runs @f(@data) on the thread. */
typedef void (*LoopThreadCall)(void *data);

/* Starts the thread, all signals blocked, named @name (15 bytes). Returns 0 or -errno. */
int loop_thread_new(LoopThread **ret, const char *name);

/* Ends the loop after what was posted before, and joins. Never from the thread itself. Takes NULL, returns NULL. */
LoopThread *loop_thread_free(LoopThread *t);
DEFINE_CLEANUP(LoopThread *, loop_thread_free)

/* For the thread itself: where its sources are attached. */
sd_event *loop_thread_event(LoopThread *t);

/* Any thread: @f(@data) runs soon on the thread, in order. Returns 0 or -ENOMEM. */
int loop_thread_post(LoopThread *t, LoopThreadCall f, void *data);

/* Any other thread: as post, and returns after @f has run. Returns 0 or -ENOMEM (then @f does not run). */
int loop_thread_call(LoopThread *t, LoopThreadCall f, void *data);

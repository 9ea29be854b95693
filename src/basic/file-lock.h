/* Locks between processes that the kernel gives back when the holder dies, and the clean-up of what older Nova left.
 * Thread-safe: each call has a descriptor of its own. */
#pragma once

#include <stdbool.h>

#include "basic/time-util.h"

/* Takes the exclusive lock on file @path (made if missing, mode 0600) with flock(2), not waiting.
 * Returns the descriptor that holds it (close = unlock), -EWOULDBLOCK if another process holds it, or -errno. */
int file_lock(const char *path);

/* The same, but waits for others until @timeout has passed (-ETIME) or @cancelled says so (-ECANCELED; asked some times a second; may be
 * NULL). Who comes first is not the first to get it. */
int file_lock_wait(const char *path, usec_t timeout, bool (*cancelled)(void *userdata), void *userdata);

/* Removes from @dir the stale files of Nova's former lock scheme (essex 6.2): sentinels <hostname>.*-<pid> of dead
 * processes (EPERM from kill is alive) and nova-*.lock with one link that nobody holds. A missing @dir is fine.
 * Returns the number removed or -errno. */
int cleanup_file_locks(const char *dir);

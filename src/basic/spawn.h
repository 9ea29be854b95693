/* Other programs: by argument vector, never through a shell, bounded in time and in what is taken from them. The child has
 * nothing of ours: no descriptor but 0, 1 and 2, default signals, an environment of its own. Thread-safe; blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/time-util.h"

typedef struct SpawnOptions {
        usec_t timeout;                 /* after so long it is killed with all of its process group; 0 = 10 minutes */
        const char *const *environment; /* besides PATH and LC_ALL=C: "NAME=value", NULL-terminated, or NULL */
        const char *directory;          /* to run in; NULL = / */
        size_t output_max;              /* bytes kept of stdout, and of stderr its last; 0 = 64 KiB. More is read and dropped */
        uint64_t address_space;         /* bytes of memory at most (RLIMIT_AS); 0 = any */
        unsigned cpu_seconds;           /* of processor time (RLIMIT_CPU); 0 = any */
        bool (*cancelled)(void *userdata);      /* asked a few times a second; true: it is killed. May be NULL */
        void *userdata;
} SpawnOptions;

typedef struct SpawnResult {
        int status;                     /* what it exited with; 128 + signal if one ended it */
        char *output;                   /* stdout; NUL added, may hold others. Never NULL after success */
        size_t output_size;
        bool output_cut;                /* there was more */
        char *error;                    /* stderr without white space at its end, as one text */
} SpawnResult;

void spawn_result_done(SpawnResult *r);

/* Runs @argv (NULL-terminated; the program is looked for in PATH, and in /usr/sbin:/usr/bin:/sbin:/bin) and waits for its
 * end. Returns 0 when it exited with 0; 1 when it ended otherwise, @ret tells how; -ENOENT and other errnos when it could
 * not be started; -ETIME when it was killed for its time, -ECANCELED when it was cancelled (then @ret is filled too, with
 * what it said until then). @o may be NULL. */
int spawn_run(const char *const *argv, const SpawnOptions *o, SpawnResult *ret);

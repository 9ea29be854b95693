/* Time as the daemon uses it: microseconds in one integer, Nova's three text forms of UTC.
 * Thread-safe. */
#pragma once

#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_INFINITY ((usec_t) UINT64_MAX)
#define USEC_PER_MSEC ((usec_t) 1000)
#define USEC_PER_SEC ((usec_t) 1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)

usec_t now_monotonic(void);     /* CLOCK_MONOTONIC, for intervals and deadlines */
usec_t now_boottime(void);      /* CLOCK_BOOTTIME, since the machine began, sleep included */
usec_t now_realtime(void);      /* CLOCK_REALTIME since 1970, for what is shown and stored */

#define TIME_TEXT_MAX 40

/* Each writes at most TIME_TEXT_MAX bytes to @buf and returns it. */
char *time_format_rpc(usec_t t, char *buf);     /* 2026-01-01T00:00:00.000000, contexts and arguments (oslo strtime) */
char *time_format_iso(usec_t t, char *buf);     /* 2026-01-01T00:00:00Z, fields of versioned objects */
char *time_format_log(usec_t t, char *buf);     /* 2026-01-01 00:00:00.000000, notifications */

/* Parses any of the three, and ISO 8601 with a numeric zone. Returns 0, or -EINVAL with *ret untouched. */
int time_parse(const char *text, usec_t *ret);

/* The delay before try @attempt (0 = first): doubles from @first up to @cap, plus up to a quarter more at random, so
 * that a fleet does not come back in step. */
usec_t backoff_delay(unsigned attempt, usec_t first, usec_t cap);

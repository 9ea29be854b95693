/* The text of a log line, by Python's %(name)s formats as Nova's options hold them. Private to the log. Thread-safe. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "basic/log.h"
#include "basic/time-util.h"

/* One line on its way to the sinks. All texts are borrowed. */
typedef struct LogRecord {
        LogLevel level;
        usec_t time;                    /* realtime */
        const char *logger, *program;
        const char *file, *func;
        int line;
        pid_t pid, tid;
        const char *message;            /* without a newline at its end */
        const char *message_id;
        const char *const *extra;
        LogFields fields;
} LogRecord;

typedef struct LogFormats {
        const char *date, *context, *standard, *debug_suffix, *instance;       /* never NULL */
} LogFormats;

/* What is used when nothing is configured: the layout of Nova's Essex. */
extern const LogFormats log_formats_builtin;

/* Checks a format: every %(name)s known, nothing cut off. Returns 0, or -EINVAL with a sentence in @why. */
int log_format_check(const char *format, char *why, size_t why_size);

/* The whole line without a newline; control characters of its values are written as \n, \x1b, so that no value can
 * begin a line of its own or speak to a terminal. malloc'ed; NULL when out of memory. */
char *log_format_line(const LogFormats *f, const LogRecord *r);

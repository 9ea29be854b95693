/* The process's log: one line, to the journal with fields, or to stderr, a file or syslog in Nova's format.
 * The one process-wide object of the daemon (a line must be possible from anywhere, before and after all else). All
 * functions are thread-safe but log_open and log_close, which the main thread calls while no other thread runs.
 * Levels and formats follow nova.log of Essex (level AUDIT between INFO and WARNING). */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "basic/macros.h"
#include "basic/message-id.h"

typedef enum LogLevel {
        LOG_LEVEL_DEBUG = 10,           /* journal priority 7 */
        LOG_LEVEL_INFO = 20,            /* 6 */
        LOG_LEVEL_AUDIT = 21,           /* 5 */
        LOG_LEVEL_WARNING = 30,         /* 4 */
        LOG_LEVEL_ERROR = 40,           /* 3 */
        LOG_LEVEL_CRITICAL = 50,        /* 2 */
} LogLevel;

typedef enum LogTarget {
        LOG_TARGET_AUTO,        /* journal if it is there and stderr is connected to it ($JOURNAL_STREAM) or we are a service
                                 * ($INVOCATION_ID); else the file if one is named; else console */
        LOG_TARGET_JOURNAL,
        LOG_TARGET_CONSOLE,     /* stderr */
        LOG_TARGET_SYSLOG,      /* /dev/log */
        LOG_TARGET_FILE,
        LOG_TARGET_NULL,
        _LOG_TARGET_MAX,
} LogTarget;

/* What logging.setup() of the original reads; every string may be NULL and is copied. */
typedef struct LogSettings {
        LogLevel level;                 /* lowest level written */
        LogTarget target;
        const char *program;            /* SYSLOG_IDENTIFIER and file name, e.g. nova-compute */
        const char *log_file;           /* with log_dir: joined (unless absolute); alone: as it is. A file that is named
                                         * is written beside every target but NULL */
        const char *log_dir;            /* alone: <log_dir>/<program>.log */
        unsigned file_mode;             /* 0 = 0644 */
        const char *syslog_facility;    /* LOG_USER, user, … ; NULL = LOG_USER */
        const char *syslog_path;        /* the socket; NULL = /dev/log */
        bool use_syslog;                /* in addition to the target */
        bool use_stderr;                /* in addition to a file */
        const char *date_format;        /* strftime; NULL = %Y-%m-%d %H:%M:%S */
        const char *context_format;     /* logging_context_format_string, NULL = built in */
        const char *default_format;     /* logging_default_format_string, NULL = built in */
        const char *debug_suffix;       /* logging_debug_format_suffix, NULL = built in */
        const char *instance_format;    /* "[instance: %(uuid)s] " */
        const char *const *default_levels; /* NULL-terminated "logger=LEVEL" */
} LogSettings;

/* Opens the sinks named by @s in place of those open. Returns 0, or -errno with what was wrong (file, facility, format)
 * in @why; then the former sinks stay. A sink that fails later never fails the daemon: its lines go to stderr. Before the first call lines go to stderr. A log file that is moved away is
 * opened again (rotation). */
int log_open(const LogSettings *s, char *why, size_t why_size);
void log_close(void);

/* The levels of single loggers anew, for a reload: NULL-terminated "logger=LEVEL". 0, -ENOMEM, or -EINVAL with what was
 * wrong in @why; then the former ones stay. */
int log_set_default_levels(const char *const *levels, char *why, size_t why_size);

LogLevel log_level(void);
void log_set_level(LogLevel level);
LogTarget log_target(void);                     /* what is in force, never AUTO */
/* For org.freedesktop.LogControl1: only that target, until AUTO, which brings back all that log_open set up. -ENOENT for
 * the file when none is named. */
int log_set_target(LogTarget target);
const char *log_program(void);

const char *log_level_to_string(LogLevel level);                        /* "AUDIT" */
const char *log_level_to_syslog_string(LogLevel level);                 /* "notice": names of LogControl1 */
int log_level_from_syslog_string(const char *s, LogLevel *ret);         /* also "audit", "error"; -EINVAL */
int log_level_from_string(const char *s, LogLevel *ret);                /* DEBUG … CRITICAL, WARN, FATAL in any case; -EINVAL */
const char *log_target_to_string(LogTarget target);                     /* "journal", "console", "syslog", "file", "null", "auto" */
int log_target_from_string(const char *s, LogTarget *ret);

/* What the lines of this thread are about. Strings are borrowed: they must live until replaced. */
typedef struct LogFields {
        const char *request_id;         /* REQUEST_ID= */
        const char *user_id;            /* USER_ID= */
        const char *project_id;         /* PROJECT_ID= */
        const char *instance_uuid;      /* INSTANCE_UUID= */
        const char *operation;          /* OPERATION= */
        const char *global_request_id;  /* GLOBAL_REQUEST_ID= */
} LogFields;

/* Sets this thread's fields and returns the former ones, for the caller to put back. */
LogFields log_fields_set(LogFields fields);

/* Every text given here is replaced by *** wherever a line would hold it. For passwords and tokens of the
 * configuration, also as they stand in a URL or in JSON; texts shorter than 4 bytes are ignored. Copied; forgotten by
 * log_close. Returns 0 or -ENOMEM. */
int log_add_secret(const char *secret);

/* Calls @f after each line at ERROR or above was written, with its text, secrets masked; on the thread that logged it, which
 * may hold locks: @f must neither wait nor log. One at a time; NULL: nobody. After it has returned the former one is called no more. */
void log_set_error_handler(void (*f)(const char *logger, const char *message, void *userdata), void *userdata);

/* Writes a line. @logger: dotted name, "nova.service". @message_id: MESSAGE_… or NULL. @extra: NULL-terminated
 * "FIELD=value" texts for the journal, or NULL. Use the macros. */
void log_write(LogLevel level, const char *logger, const char *file, int line, const char *func, const char *message_id,
               const char *const *extra, const char *format, ...) _printf_(8, 9);
bool log_enabled(LogLevel level, const char *logger);

/* A file may define LOG_LOGGER before including this. */
#ifndef LOG_LOGGER
#define LOG_LOGGER "nova.compute"
#endif

#define log_full(level, id, extra, ...)                                                                          \
        do {                                                                                                     \
                if (log_enabled(level, LOG_LOGGER))                                                              \
                        log_write(level, LOG_LOGGER, __FILE__, __LINE__, __func__, id, extra, __VA_ARGS__);      \
        } while (0)
#define log_debug(...) log_full(LOG_LEVEL_DEBUG, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_LEVEL_INFO, NULL, NULL, __VA_ARGS__)
#define log_audit(...) log_full(LOG_LEVEL_AUDIT, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_LEVEL_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_full(LOG_LEVEL_ERROR, NULL, NULL, __VA_ARGS__)
#define log_critical(...) log_full(LOG_LEVEL_CRITICAL, NULL, NULL, __VA_ARGS__)
/* A line with a MESSAGE_ID, and perhaps fields: log_event(LOG_LEVEL_ERROR, MESSAGE_X, NULL, "…"). */
#define log_event(level, id, extra, ...) log_full(level, id, extra, __VA_ARGS__)

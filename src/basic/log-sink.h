/* Where log lines go: a file that may be rotated, syslog, a terminal, the journal. Private to the log, which holds its
 * lock around all of it. A sink that fails says so by a negative errno and never ends the program. */
#pragma once

#include "basic/log-format.h"

/* A file that is opened again when it was moved away. */
typedef struct LogFile {
        char *path;
        unsigned mode;
        int fd;
        dev_t dev;
        ino_t ino;
} LogFile;

#define LOG_FILE_NULL (LogFile){.fd = -1}

int log_file_open(LogFile *f, const char *path, unsigned mode);
int log_file_write(LogFile *f, const char *line);
void log_file_close(LogFile *f);

typedef struct LogSyslog {
        char *path;             /* of the socket */
        int facility;           /* LOG_USER, … of <syslog.h> */
        int fd;
} LogSyslog;

#define LOG_SYSLOG_NULL (LogSyslog){.fd = -1}

int log_syslog_open(LogSyslog *s, const char *path, int facility);
int log_syslog_write(LogSyslog *s, const LogRecord *r, const char *line);
void log_syslog_close(LogSyslog *s);

/* "LOG_LOCAL0" or "local0". Returns the value, or -EINVAL with all that are accepted in @why. */
int log_facility_from_string(const char *name, char *why, size_t why_size);

/* Writes the line and a newline to @fd, whole, without SIGPIPE. */
int log_fd_write(int fd, const char *line);

/* 7 for DEBUG … 2 for CRITICAL */
int log_level_to_priority(LogLevel level);

/* Whether a journal listens; whether stderr is connected to it ($JOURNAL_STREAM). */
bool log_journal_is_there(void);
bool log_journal_has_stderr(void);

/* @mask: replaces secrets in a malloc'ed text, frees it, returns a malloc'ed text or NULL. May be NULL. */
int log_journal_write(const LogRecord *r, char *(*mask)(char *text));

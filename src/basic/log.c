/* The process's log: levels, secrets, and which sinks a line goes to. See log.h. */
#include "basic/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "basic/log-format.h"
#include "basic/log-sink.h"
#include "basic/path-util.h"
#include "basic/time-util.h"

#define SYSLOG_SOCKET "/dev/log"
#define SECRET_MIN 4                    /* shorter ones would hide half of every line */
#define MASK "***"

typedef struct LoggerLevel {
        char *logger;
        LogLevel level;
} LoggerLevel;

typedef struct Secret {
        struct Secret *next;            /* longer ones first, so that none is cut by a part of it */
        size_t length;
        char text[];
} Secret;

/* What log_open sets up. */
typedef struct Log {
        unsigned configured, active;    /* bits 1 << LogTarget */
        LogTarget configured_target, target;
        char *program;
        LogFormats formats;
        char *owned_formats[5];
        LoggerLevel *loggers;
        size_t n_loggers;
        LogFile file;
        LogSyslog syslog;
} Log;

#define LOG_NULL                                                                                                     \
        (Log) {                                                                                                      \
                .configured = 1u << LOG_TARGET_CONSOLE, .active = 1u << LOG_TARGET_CONSOLE,                          \
                .configured_target = LOG_TARGET_CONSOLE, .target = LOG_TARGET_CONSOLE, .formats = log_formats_builtin, .file = LOG_FILE_NULL,                 \
                .syslog = LOG_SYSLOG_NULL                                                                            \
        }

/* The one process-wide object. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Log log_state;                   /* under the lock; all zero until first used */
static bool log_ready;
static Secret *secrets;                 /* under secrets_lock */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int level_now = LOG_LEVEL_INFO;
static atomic_int level_lowest = LOG_LEVEL_INFO;        /* of all loggers: what is below needs no lock to be refused */
static pthread_mutex_t error_lock = PTHREAD_MUTEX_INITIALIZER;  /* the two below */
static void (*error_handler)(const char *logger, const char *message, void *userdata);
static void *error_userdata;
static _Thread_local LogFields thread_fields;

/* Names */

static const struct {
        LogLevel level;
        const char *name, *syslog_name;
} level_names[] = {
        {LOG_LEVEL_DEBUG, "DEBUG", "debug"},   {LOG_LEVEL_INFO, "INFO", "info"},
        {LOG_LEVEL_AUDIT, "AUDIT", "notice"},  {LOG_LEVEL_WARNING, "WARNING", "warning"},
        {LOG_LEVEL_ERROR, "ERROR", "err"},     {LOG_LEVEL_CRITICAL, "CRITICAL", "crit"},
};

static const char *const target_names[_LOG_TARGET_MAX] = {
        [LOG_TARGET_AUTO] = "auto",     [LOG_TARGET_JOURNAL] = "journal", [LOG_TARGET_CONSOLE] = "console",
        [LOG_TARGET_SYSLOG] = "syslog", [LOG_TARGET_FILE] = "file",       [LOG_TARGET_NULL] = "null",
};

/* A level between two has the name of the lower one. */
static size_t level_index(LogLevel level) {
        size_t i;

        for (i = ELEMENTSOF(level_names) - 1; i > 0 && level < level_names[i].level; i--)
                ;
        return i;
}

const char *log_level_to_string(LogLevel level) {
        return level_names[level_index(level)].name;
}

const char *log_level_to_syslog_string(LogLevel level) {
        return level_names[level_index(level)].syslog_name;
}

int log_level_from_syslog_string(const char *s, LogLevel *ret) {
        assert(ret);
        for (size_t i = 0; s && i < ELEMENTSOF(level_names); i++)
                if (streq(s, level_names[i].syslog_name)) {
                        *ret = level_names[i].level;
                        return 0;
                }
        if (s && streq(s, "audit"))
                *ret = LOG_LEVEL_AUDIT;
        else if (s && streq(s, "error"))
                *ret = LOG_LEVEL_ERROR;
        else if (s && (streq(s, "alert") || streq(s, "emerg")))
                *ret = LOG_LEVEL_CRITICAL;
        else
                return -EINVAL;
        return 0;
}

int log_level_from_string(const char *s, LogLevel *ret) {
        assert(ret);
        for (size_t i = 0; s && i < ELEMENTSOF(level_names); i++)
                if (strcasecmp(s, level_names[i].name) == 0) {
                        *ret = level_names[i].level;
                        return 0;
                }
        if (s && strcasecmp(s, "WARN") == 0)
                *ret = LOG_LEVEL_WARNING;
        else if (s && strcasecmp(s, "FATAL") == 0)
                *ret = LOG_LEVEL_CRITICAL;
        else if (s && (strcasecmp(s, "TRACE") == 0 || strcasecmp(s, "NOTSET") == 0))
                *ret = LOG_LEVEL_DEBUG;
        else
                return -EINVAL;
        return 0;
}

const char *log_target_to_string(LogTarget target) {
        assert(target >= 0 && target < _LOG_TARGET_MAX);
        return target_names[target];
}

int log_target_from_string(const char *s, LogTarget *ret) {
        assert(ret);
        for (LogTarget t = 0; s && t < _LOG_TARGET_MAX; t++)
                if (streq(s, target_names[t])) {
                        *ret = t;
                        return 0;
                }
        return -EINVAL;
}

/* Secrets */

static int add_secret(const char *text, size_t n) {
        Secret **at, *s;

        if (n < SECRET_MIN)
                return 0;
        for (at = &secrets; *at && (*at)->length >= n; at = &(*at)->next)
                if ((*at)->length == n && memcmp((*at)->text, text, n) == 0)
                        return 0;
        s = malloc(sizeof *s + n + 1);
        if (!s)
                return -ENOMEM;
        *s = (Secret){.length = n, .next = *at};
        memcpy(s->text, text, n);
        s->text[n] = '\0';
        *at = s;
        return 0;
}

/* The secret as it stands in a URL: all but letters, digits and -._~ as %XX, in capitals or not. */
static int add_url_form(const char *secret, const char *digits) {
        _cleanup_free_ char *text = malloc(strlen(secret) * 3 + 1);
        char *p = text;

        if (!text)
                return -ENOMEM;
        for (const unsigned char *c = (const unsigned char *) secret; *c; c++)
                if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                    strchr("-._~", *c))
                        *p++ = (char) *c;
                else {
                        *p++ = '%';
                        *p++ = digits[*c >> 4];
                        *p++ = digits[*c & 15];
                }
        return add_secret(text, (size_t) (p - text));
}

/* The secret as it stands in a JSON text, once and twice encoded (an envelope holds a message as a string). */
static int add_json_form(const char *secret, unsigned times) {
        _cleanup_free_ char *text = malloc(strlen(secret) * 2 + 1);
        char *p = text;
        int r;

        if (!text)
                return -ENOMEM;
        for (; *secret; secret++) {
                if (*secret == '"' || *secret == '\\')
                        *p++ = '\\';
                *p++ = *secret;
        }
        *p = '\0';
        r = add_secret(text, (size_t) (p - text));
        return r < 0 || times <= 1 ? r : add_json_form(text, times - 1);
}

int log_add_secret(const char *secret) {
        int r;

        if (isempty(secret) || strlen(secret) < SECRET_MIN)
                return 0;

        pthread_mutex_lock(&secrets_lock);
        r = add_secret(secret, strlen(secret));
        if (r >= 0)
                r = add_url_form(secret, "0123456789ABCDEF");
        if (r >= 0)
                r = add_url_form(secret, "0123456789abcdef");
        if (r >= 0)
                r = add_json_form(secret, 2);
        pthread_mutex_unlock(&secrets_lock);
        return r;
}

/* Replaces every secret in @text by the mask, which is never longer. In place. */
static char *mask_secrets(char *text) {
        if (!text)
                return NULL;
        pthread_mutex_lock(&secrets_lock);
        for (const Secret *s = secrets; s; s = s->next)
                for (char *at = text; (at = strstr(at, s->text));) {
                        memcpy(at, MASK, strlen(MASK));
                        at += strlen(MASK);
                        memmove(at, at + s->length - strlen(MASK), strlen(at + s->length - strlen(MASK)) + 1);
                }
        pthread_mutex_unlock(&secrets_lock);
        return text;
}

/* Levels */

static void update_lowest(void) {
        int lowest = atomic_load(&level_now);

        for (size_t i = 0; i < log_state.n_loggers; i++)
                lowest = MIN(lowest, (int) log_state.loggers[i].level);
        atomic_store(&level_lowest, lowest);
}

LogLevel log_level(void) {
        return (LogLevel) atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_set_level(LogLevel level) {
        pthread_mutex_lock(&lock);
        atomic_store(&level_now, (int) level);
        update_lowest();
        pthread_mutex_unlock(&lock);
}

/* Lock held. The level of the logger or of the nearest one above it that has one. */
static LogLevel logger_level(const char *logger) {
        LogLevel level = log_level();
        size_t best = 0;

        for (size_t i = 0; i < log_state.n_loggers; i++) {
                const char *name = log_state.loggers[i].logger, *rest = startswith(logger, name);

                if (rest && (*rest == '\0' || *rest == '.') && strlen(name) >= best) {
                        best = strlen(name);
                        level = log_state.loggers[i].level;
                }
        }
        return level;
}

bool log_enabled(LogLevel level, const char *logger) {
        bool enabled;

        if ((int) level < atomic_load_explicit(&level_lowest, memory_order_relaxed))
                return false;
        pthread_mutex_lock(&lock);
        enabled = level >= logger_level(logger);
        pthread_mutex_unlock(&lock);
        return enabled;
}

/* Opening */

static void loggers_done(Log *l) {
        for (size_t i = 0; i < l->n_loggers; i++)
                free(l->loggers[i].logger);
        free(l->loggers);
        l->loggers = NULL;
        l->n_loggers = 0;
}

static void log_done(Log *l) {
        log_file_close(&l->file);
        log_syslog_close(&l->syslog);
        loggers_done(l);
        for (size_t i = 0; i < ELEMENTSOF(l->owned_formats); i++)
                free(l->owned_formats[i]);
        free(l->program);
        *l = LOG_NULL;
}

static int set_format(Log *l, size_t i, const char **format, const char *value, bool check, char *why, size_t why_size) {
        if (!value)
                return 0;
        if (check && log_format_check(value, why, why_size) < 0)
                return -EINVAL;
        l->owned_formats[i] = strdup(value);
        if (!l->owned_formats[i])
                return -ENOMEM;
        *format = l->owned_formats[i];
        return 0;
}

static int set_logger_levels(Log *l, const char *const *levels, char *why, size_t why_size) {
        size_t n = 0;

        while (levels && levels[n])
                n++;
        if (n == 0)
                return 0;
        l->loggers = calloc(n, sizeof *l->loggers);
        if (!l->loggers)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *equals = strchr(levels[i], '=');
                LoggerLevel *to = &l->loggers[l->n_loggers];

                if (!equals || equals == levels[i] || log_level_from_string(equals + 1, &to->level) < 0) {
                        (void) snprintf(why, why_size,
                                        "'%.60s' is no logger and level; such as nova.virt=DEBUG, with one of DEBUG, "
                                        "INFO, AUDIT, WARN, ERROR, CRITICAL",
                                        levels[i]);
                        return -EINVAL;
                }
                to->logger = strndup(levels[i], (size_t) (equals - levels[i]));
                if (!to->logger)
                        return -ENOMEM;
                l->n_loggers++;
        }
        return 0;
}

int log_set_default_levels(const char *const *levels, char *why, size_t why_size) {
        Log former = {}, new = {};
        int r;

        (void) snprintf(why, why_size, "out of memory");
        r = set_logger_levels(&new, levels, why, why_size);
        if (r < 0) {
                loggers_done(&new);
                return r;
        }

        pthread_mutex_lock(&lock);
        former.loggers = log_state.loggers;
        former.n_loggers = log_state.n_loggers;
        log_state.loggers = new.loggers;
        log_state.n_loggers = new.n_loggers;
        update_lowest();
        pthread_mutex_unlock(&lock);
        loggers_done(&former);
        return 0;
}

/* File alone: as it is. Both: joined. Directory alone: a file named after the program. *ret NULL if neither. */
static int log_path(const LogSettings *s, const char *program, char **ret) {
        const char *file = isempty(s->log_file) ? NULL : s->log_file, *dir = isempty(s->log_dir) ? NULL : s->log_dir;
        int n = 0;

        *ret = NULL;
        if (file && (!dir || file[0] == '/'))
                return (*ret = strdup(file)) ? 0 : -ENOMEM;
        if (file)
                n = asprintf(ret, "%s/%s", dir, file);
        else if (dir)
                n = asprintf(ret, "%s/%s.log", dir, program);
        return n < 0 ? -ENOMEM : 0;
}

static LogTarget choose_target(LogTarget wanted, bool has_file) {
        if (wanted != LOG_TARGET_AUTO)
                return wanted;
        if (log_journal_is_there() && (log_journal_has_stderr() || getenv("INVOCATION_ID")))
                return LOG_TARGET_JOURNAL;
        return has_file ? LOG_TARGET_FILE : LOG_TARGET_CONSOLE;
}

static int open_sinks(Log *l, const LogSettings *s, char *why, size_t why_size) {
        _cleanup_free_ char *path = NULL;
        int facility, r;

        facility = log_facility_from_string(isempty(s->syslog_facility) ? "LOG_USER" : s->syslog_facility, why, why_size);
        if (facility < 0)
                return facility;
        r = log_path(s, l->program, &path);
        if (r < 0)
                return r;
        if (s->target == LOG_TARGET_FILE && !path) {
                (void) snprintf(why, why_size, "logging to a file needs log_file or log_dir");
                return -EINVAL;
        }

        if (path && s->target != LOG_TARGET_NULL) {
                r = log_file_open(&l->file, path, s->file_mode ?: 0644);
                if (r < 0) {
                        (void) snprintf(why, why_size, "the log file '%s' cannot be opened: %s", path, strerrordesc_np(-r));
                        return r;
                }
                l->configured |= 1u << LOG_TARGET_FILE;
                if (s->use_stderr)
                        l->configured |= 1u << LOG_TARGET_CONSOLE;
        }
        r = log_syslog_open(&l->syslog, isempty(s->syslog_path) ? SYSLOG_SOCKET : s->syslog_path, facility);
        if (r < 0)
                return r;
        if (s->use_syslog)
                l->configured |= 1u << LOG_TARGET_SYSLOG;

        l->configured_target = l->target = choose_target(s->target, path);
        l->configured |= 1u << l->target;
        l->active = l->configured;
        return 0;
}

int log_open(const LogSettings *s, char *why, size_t why_size) {
        Log new = LOG_NULL;
        char nowhere[1];
        int r;

        assert(s);
        if (!why || why_size == 0) {
                why = nowhere;
                why_size = sizeof nowhere;
        }
        (void) snprintf(why, why_size, "out of memory");

        new.configured = 0;
        new.program = strdup(isempty(s->program) ? program_invocation_short_name : s->program);
        r = new.program ? 0 : -ENOMEM;
        if (r >= 0)
                r = set_format(&new, 0, &new.formats.date, s->date_format, false, why, why_size);
        if (r >= 0)
                r = set_format(&new, 1, &new.formats.context, s->context_format, true, why, why_size);
        if (r >= 0)
                r = set_format(&new, 2, &new.formats.standard, s->default_format, true, why, why_size);
        if (r >= 0)
                r = set_format(&new, 3, &new.formats.debug_suffix, s->debug_suffix, true, why, why_size);
        if (r >= 0)
                r = set_format(&new, 4, &new.formats.instance, s->instance_format, true, why, why_size);
        if (r >= 0)
                r = set_logger_levels(&new, s->default_levels, why, why_size);
        if (r >= 0)
                r = open_sinks(&new, s, why, why_size);
        if (r < 0) {
                log_done(&new);
                return r;
        }
        why[0] = '\0';

        pthread_mutex_lock(&lock);
        if (log_ready)
                log_done(&log_state);
        log_state = new;
        log_ready = true;
        atomic_store(&level_now, (int) (s->level ?: LOG_LEVEL_INFO));
        update_lowest();
        pthread_mutex_unlock(&lock);
        return 0;
}

void log_close(void) {
        pthread_mutex_lock(&lock);
        if (log_ready)
                log_done(&log_state);
        log_ready = false;
        log_state = (Log){};
        update_lowest();
        pthread_mutex_unlock(&lock);

        pthread_mutex_lock(&secrets_lock);
        while (secrets) {
                Secret *s = secrets;
                secrets = s->next;
                explicit_bzero(s->text, s->length);
                free(s);
        }
        pthread_mutex_unlock(&secrets_lock);
}

LogTarget log_target(void) {
        LogTarget t;

        pthread_mutex_lock(&lock);
        t = log_ready ? log_state.target : LOG_TARGET_CONSOLE;
        pthread_mutex_unlock(&lock);
        return t;
}

int log_set_target(LogTarget target) {
        int r = 0;

        assert(target >= 0 && target < _LOG_TARGET_MAX);
        pthread_mutex_lock(&lock);
        if (!log_ready) {
                log_state = LOG_NULL;
                log_ready = true;
        }
        if (target == LOG_TARGET_FILE && log_state.file.fd < 0)
                r = -ENOENT;
        else if (target == LOG_TARGET_SYSLOG && !log_state.syslog.path)
                r = log_syslog_open(&log_state.syslog, SYSLOG_SOCKET, log_facility_from_string("LOG_USER", NULL, 0));
        if (r >= 0) {
                bool back = target == LOG_TARGET_AUTO;

                log_state.active = back ? log_state.configured : 1u << target;
                log_state.target = back ? log_state.configured_target : target;
        }
        pthread_mutex_unlock(&lock);
        return r;
}

const char *log_program(void) {
        return log_ready && log_state.program ? log_state.program : program_invocation_short_name;
}

LogFields log_fields_set(LogFields fields) {
        LogFields former = thread_fields;

        thread_fields = fields;
        return former;
}

/* Writing */

/* Lock held. Each sink for itself; a line that some sink refused goes to stderr, once. */
static void write_sinks(Log *l, const LogRecord *r) {
        _cleanup_free_ char *line = NULL;
        unsigned texts = 1u << LOG_TARGET_CONSOLE | 1u << LOG_TARGET_FILE | 1u << LOG_TARGET_SYSLOG;
        bool failed = false, on_console = l->active & (1u << LOG_TARGET_CONSOLE);

        if (l->active & (1u << LOG_TARGET_JOURNAL))
                failed = log_journal_write(r, mask_secrets) < 0;
        if (!(l->active & texts) && !failed)
                return;

        line = mask_secrets(log_format_line(&l->formats, r));
        if (!line)
                return;
        if (l->active & (1u << LOG_TARGET_FILE))
                failed = log_file_write(&l->file, line) < 0 || failed;
        if (l->active & (1u << LOG_TARGET_SYSLOG))
                (void) log_syslog_write(&l->syslog, r, line);
        if (on_console || failed)
                (void) log_fd_write(STDERR_FILENO, line);
}

void log_set_error_handler(void (*f)(const char *logger, const char *message, void *userdata), void *userdata) {
        pthread_mutex_lock(&error_lock);
        error_handler = f;
        error_userdata = userdata;
        pthread_mutex_unlock(&error_lock);
}

static void tell_error(const char *logger, const char *message) {
        pthread_mutex_lock(&error_lock);
        if (error_handler) {
                _cleanup_free_ char *masked = mask_secrets(strdup(message));

                if (masked)
                        error_handler(logger, masked, error_userdata);
        }
        pthread_mutex_unlock(&error_lock);
}

/* The source's path without the way from the build directory to it. */
static const char *source_path(const char *file) {
        const char *rest;

        while ((rest = startswith(file, "../")))
                file = rest;
        return file;
}

void log_write(LogLevel level, const char *logger, const char *file, int line, const char *func, const char *message_id,
               const char *const *extra, const char *format, ...) {
        int saved_errno = errno;
        _cleanup_free_ char *message = NULL;
        va_list args;
        size_t n;

        assert(logger && file && func && format);

        va_start(args, format);
        if (vasprintf(&message, format, args) < 0)
                message = NULL;
        va_end(args);
        for (n = message ? strlen(message) : 0; n > 0 && message[n - 1] == '\n'; n--)
                message[n - 1] = '\0';

        LogRecord r = {
                .level = level,
                .time = now_realtime(),
                .logger = logger,
                .file = source_path(file),
                .func = func,
                .line = line,
                .pid = getpid(),
                .tid = gettid(),
                /* Without memory the bare format still says what it was about, and holds no secret. */
                .message = message ?: format,
                .message_id = message_id,
                .extra = extra,
                .fields = thread_fields,
        };

        pthread_mutex_lock(&lock);
        if (!log_ready) {
                log_state = LOG_NULL;
                log_ready = true;
        }
        r.program = log_state.program ?: program_invocation_short_name;
        write_sinks(&log_state, &r);
        pthread_mutex_unlock(&lock);
        if (level >= LOG_LEVEL_ERROR)
                tell_error(logger, r.message);
        errno = saved_errno;
}

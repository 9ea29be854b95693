/* Sinks of the log. See log-sink.h. */
#include "basic/log-sink.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <strings.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

int log_level_to_priority(LogLevel level) {
        return level >= LOG_LEVEL_CRITICAL  ? LOG_CRIT
               : level >= LOG_LEVEL_ERROR   ? LOG_ERR
               : level >= LOG_LEVEL_WARNING ? LOG_WARNING
               : level >= LOG_LEVEL_AUDIT   ? LOG_NOTICE
               : level >= LOG_LEVEL_INFO    ? LOG_INFO
                                            : LOG_DEBUG;
}

/* Descriptors */

static int write_whole(int fd, const char *line) {
        struct iovec iov[] = {{(char *) line, strlen(line)}, {(char *) "\n", 1}};
        size_t at = 0;

        while (at < ELEMENTSOF(iov)) {
                ssize_t n = writev(fd, iov + at, (int) (ELEMENTSOF(iov) - at));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                for (; at < ELEMENTSOF(iov) && (size_t) n >= iov[at].iov_len; at++)
                        n -= (ssize_t) iov[at].iov_len;
                if (at < ELEMENTSOF(iov)) {
                        iov[at].iov_base = (char *) iov[at].iov_base + n;
                        iov[at].iov_len -= (size_t) n;
                }
        }
        return 0;
}

int log_fd_write(int fd, const char *line) {
        const struct timespec zero = {};
        sigset_t pipe, pending, old;
        bool was_pending;
        int r;

        /* A reader that went away must not take the daemon with it: the signal is held back for this thread, and eaten if
         * it is ours. */
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        (void) sigpending(&pending);
        was_pending = sigismember(&pending, SIGPIPE) == 1;
        (void) pthread_sigmask(SIG_BLOCK, &pipe, &old);
        r = write_whole(fd, line);
        if (r == -EPIPE && !was_pending)
                while (sigtimedwait(&pipe, NULL, &zero) < 0 && errno == EINTR)
                        ;
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r;
}

/* Files */

static int file_open_again(LogFile *f) {
        struct stat st;
        int fd;

        /* Not waiting for the reader of a pipe. */
        fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, f->mode);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0) {
                int r = -errno;
                (void) close(fd);
                return r;
        }
        /* Somebody else's file may be written without being ours to change. */
        if (S_ISREG(st.st_mode) && (st.st_mode & 07777) != f->mode)
                (void) fchmod(fd, f->mode);

        if (f->fd >= 0)
                (void) close(f->fd);
        f->fd = fd;
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        return 0;
}

int log_file_open(LogFile *f, const char *path, unsigned mode) {
        LogFile new = {.fd = -1, .mode = mode & 07777};
        int r;

        assert(f && path);
        new.path = strdup(path);
        if (!new.path)
                return -ENOMEM;
        r = file_open_again(&new);
        if (r < 0) {
                free(new.path);
                return r;
        }
        *f = new;
        return 0;
}

int log_file_write(LogFile *f, const char *line) {
        struct stat st;
        int r;

        if (f->fd < 0 || stat(f->path, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino) {
                r = file_open_again(f);
                /* Moved away and no new one can be made: the old one still takes lines. */
                if (r < 0 && f->fd < 0)
                        return r;
        }
        return log_fd_write(f->fd, line);
}

void log_file_close(LogFile *f) {
        if (f->fd >= 0)
                (void) close(f->fd);
        free(f->path);
        *f = LOG_FILE_NULL;
}

/* Syslog */

static int syslog_connect(LogSyslog *s) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd, r;

        if (strlen(s->path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, s->path, strlen(s->path) + 1);

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        if (s->fd >= 0)
                (void) close(s->fd);
        s->fd = fd;
        return 0;
}

int log_syslog_open(LogSyslog *s, const char *path, int facility) {
        LogSyslog new = {.fd = -1, .facility = facility};

        assert(s && path);
        new.path = strdup(path);
        if (!new.path)
                return -ENOMEM;
        (void) syslog_connect(&new);    /* who listens there may come later: tried again for each line */
        *s = new;
        return 0;
}

int log_syslog_write(LogSyslog *s, const LogRecord *r, const char *line) {
        time_t seconds = (time_t) (r->time / USEC_PER_SEC);
        _cleanup_free_ char *datagram = NULL;
        char stamp[32] = "";
        struct tm tm;
        int n;

        if (localtime_r(&seconds, &tm))
                (void) strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &tm);
        n = asprintf(&datagram, "<%d>%s %s[%d]: %s", s->facility | log_level_to_priority(r->level), stamp,
                     strempty(r->program), (int) r->pid, line);
        if (n < 0) {
                datagram = NULL;
                return -ENOMEM;
        }

        /* A second try, since the listener may have been restarted. Never waits: a full socket loses the line. */
        for (int i = 0; i < 2; i++) {
                if (s->fd >= 0 && send(s->fd, datagram, (size_t) n, MSG_NOSIGNAL) >= 0)
                        return 0;
                if (s->fd >= 0 && (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS))
                        return -errno;
                if (i == 0) {
                        int k = syslog_connect(s);
                        if (k < 0)
                                return k;
                }
        }
        return -errno;
}

void log_syslog_close(LogSyslog *s) {
        if (s->fd >= 0)
                (void) close(s->fd);
        free(s->path);
        *s = LOG_SYSLOG_NULL;
}

int log_facility_from_string(const char *name, char *why, size_t why_size) {
        static const struct {
                const char *name;
                int value;
        } facilities[] = {
                {"LOG_AUTH", LOG_AUTH},     {"LOG_AUTHPRIV", LOG_AUTHPRIV}, {"LOG_CRON", LOG_CRON},
                {"LOG_DAEMON", LOG_DAEMON}, {"LOG_FTP", LOG_FTP},           {"LOG_KERN", LOG_KERN},
                {"LOG_LOCAL0", LOG_LOCAL0}, {"LOG_LOCAL1", LOG_LOCAL1},     {"LOG_LOCAL2", LOG_LOCAL2},
                {"LOG_LOCAL3", LOG_LOCAL3}, {"LOG_LOCAL4", LOG_LOCAL4},     {"LOG_LOCAL5", LOG_LOCAL5},
                {"LOG_LOCAL6", LOG_LOCAL6}, {"LOG_LOCAL7", LOG_LOCAL7},     {"LOG_LPR", LOG_LPR},
                {"LOG_MAIL", LOG_MAIL},     {"LOG_NEWS", LOG_NEWS},         {"LOG_SYSLOG", LOG_SYSLOG},
                {"LOG_USER", LOG_USER},     {"LOG_UUCP", LOG_UUCP},
        };
        size_t n = 0;

        assert(name);
        for (size_t i = 0; i < ELEMENTSOF(facilities); i++) {
                const char *full = facilities[i].name, *brief = full + strlen("LOG_");

                /* Capitals with LOG_, small letters without: so the original has it. */
                if (streq(name, full) ||
                    (name[0] >= 'a' && name[0] <= 'z' && strlen(name) == strlen(brief) && strcasecmp(name, brief) == 0))
                        return facilities[i].value;
        }

        if (why && why_size > 0) {
                n = (size_t) snprintf(why, why_size, "'%.40s' is no syslog facility; accepted, also in lower case without LOG_:",
                                      name);
                for (size_t i = 0; i < ELEMENTSOF(facilities) && n < why_size; i++)
                        n += (size_t) snprintf(why + n, why_size - n, " %s", facilities[i].name);
        }
        return -EINVAL;
}

/* The journal */

bool log_journal_is_there(void) {
        return access(JOURNAL_SOCKET, W_OK) >= 0;
}

bool log_journal_has_stderr(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;
        char end;

        return stream && sscanf(stream, "%llu:%llu%c", &dev, &ino, &end) == 2 && fstat(STDERR_FILENO, &st) >= 0 &&
               st.st_dev == (dev_t) dev && st.st_ino == (ino_t) ino;
}

#define FIELDS_MAX 40

typedef struct Fields {
        struct iovec iov[FIELDS_MAX];
        int n;
        char *(*mask)(char *text);
} Fields;

static void add_field(Fields *f, const char *name, const char *value) {
        char *text = NULL;

        if (!value || f->n >= FIELDS_MAX || asprintf(&text, "%s%s", name, value) < 0)
                return;
        if (f->mask)
                text = f->mask(text);
        if (text)
                f->iov[f->n++] = (struct iovec){text, strlen(text)};
}

static void add_number(Fields *f, const char *name, int value) {
        char text[16];

        (void) snprintf(text, sizeof text, "%d", value);
        add_field(f, name, text);
}

int log_journal_write(const LogRecord *r, char *(*mask)(char *text)) {
        Fields f = {.mask = mask};
        int k;

        assert(r);
        add_field(&f, "MESSAGE=", r->message);
        add_number(&f, "PRIORITY=", log_level_to_priority(r->level));
        add_field(&f, "SYSLOG_IDENTIFIER=", r->program);
        add_field(&f, "LOGGER=", r->logger);
        add_field(&f, "NOVA_LEVEL=", log_level_to_string(r->level));
        add_field(&f, "CODE_FILE=", r->file);
        add_number(&f, "CODE_LINE=", r->line);
        add_field(&f, "CODE_FUNC=", r->func);
        add_number(&f, "TID=", (int) r->tid);
        add_field(&f, "MESSAGE_ID=", r->message_id);
        add_field(&f, "REQUEST_ID=", r->fields.request_id);
        add_field(&f, "GLOBAL_REQUEST_ID=", r->fields.global_request_id);
        add_field(&f, "USER_ID=", r->fields.user_id);
        add_field(&f, "PROJECT_ID=", r->fields.project_id);
        add_field(&f, "INSTANCE_UUID=", r->fields.instance_uuid);
        add_field(&f, "OPERATION=", r->fields.operation);
        for (const char *const *e = r->extra; e && *e; e++)
                add_field(&f, "", *e);

        k = f.n > 0 && startswith(f.iov[0].iov_base, "MESSAGE=") ? sd_journal_sendv(f.iov, f.n) : -ENOMEM;
        for (int i = 0; i < f.n; i++)
                free(f.iov[i].iov_base);
        return k;
}

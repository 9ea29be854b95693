/* The log: sinks, levels, formats, secrets. The journal and the file that tells of its presence are stood in for below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#define LOG_LOGGER "nova.test"
#include "basic/log.h"
#include "basic/log-sink.h"

/* What the journal was given last, one field a line; and what it answers. */
static char journal_text[16384];
static int journal_result;
static bool journal_listens;

int sd_journal_sendv(const struct iovec *iov, int n);
int sd_journal_sendv(const struct iovec *iov, int n) {
        size_t at = 0;

        for (int i = 0; i < n && at < sizeof journal_text; i++)
                at += (size_t) snprintf(journal_text + at, sizeof journal_text - at, "%.*s\n", (int) iov[i].iov_len,
                                        (const char *) iov[i].iov_base);
        return journal_result;
}

int access(const char *path, int mode) {
        if (!streq(path, "/run/systemd/journal/socket"))
                return faccessat(AT_FDCWD, path, mode, 0);
        errno = ENOENT;
        return journal_listens ? 0 : -1;
}

typedef struct Scene {
        char dir[64];
        char path[128];
        int stderr_was;
        int captured;           /* what went to stderr */
} Scene;

static int setup(void **state) {
        Scene *s = calloc(1, sizeof *s);

        assert_non_null(s);
        (void) snprintf(s->dir, sizeof s->dir, "/tmp/test-log-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        (void) snprintf(s->path, sizeof s->path, "%s/captured", s->dir);
        s->stderr_was = dup(STDERR_FILENO);
        s->captured = open(s->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        assert_true(s->stderr_was >= 0 && s->captured >= 0);
        (void) setenv("TZ", "UTC", 1);
        (void) unsetenv("JOURNAL_STREAM");
        (void) unsetenv("INVOCATION_ID");
        tzset();
        journal_text[0] = '\0';
        journal_result = 0;
        journal_listens = false;
        *state = s;
        return 0;
}

static int teardown(void **state) {
        Scene *s = *state;
        char command[128];

        log_close();
        (void) log_fields_set((LogFields){});
        log_set_level(LOG_LEVEL_INFO);
        (void) dup2(s->stderr_was, STDERR_FILENO);
        (void) close(s->stderr_was);
        (void) close(s->captured);
        (void) snprintf(command, sizeof command, "rm -r %s", s->dir);
        assert_int_equal(system(command), 0);
        free(s);
        return 0;
}

static void capture_stderr(Scene *s) {
        assert_true(dup2(s->captured, STDERR_FILENO) >= 0);
}

/* For assertions to be seen. */
static void release_stderr(Scene *s) {
        assert_true(dup2(s->stderr_was, STDERR_FILENO) >= 0);
}

static char *read_file(const char *path) {
        char *text = calloc(1, 200000);
        FILE *f = fopen(path, "re");

        if (!text)
                abort();
        if (f) {
                (void) !fread(text, 1, 199999, f);
                (void) fclose(f);
        }
        return text;
}

static void assert_contains(const char *text, const char *words) {
        if (!strstr(text, words))
                fail_msg("'%s' is not in:\n%s", strempty(words), strempty(text));
}

static void assert_lacks(const char *text, const char *words) {
        if (strstr(text, words))
                fail_msg("'%s' is in:\n%s", strempty(words), strempty(text));
}

static void open_log(const LogSettings *settings) {
        char why[600];

        if (log_open(settings, why, sizeof why) < 0)
                fail_msg("%s", why);
}

/* checklist: 11, 12, 13 */
static void a_file_gets_nova_s_lines_with_level_names_and_the_debug_suffix(void **state) {
        Scene *s = *state;
        char path[128], wanted[600];

        (void) snprintf(path, sizeof path, "%s/nova-compute.log", s->dir);
        open_log(&(LogSettings){.level = LOG_LEVEL_DEBUG, .target = LOG_TARGET_FILE, .program = "nova-compute",
                                .log_dir = s->dir, .date_format = "DATE"});
        log_audit("Starting %s node", "compute");
        log_info("info");
        log_warning("warning");
        log_error("error");
        log_critical("critical");
        int line = __LINE__ + 1;
        log_debug("debug");

        _cleanup_free_ char *text = read_file(path);
        (void) snprintf(wanted, sizeof wanted,
                        "DATE AUDIT nova.test [-] Starting compute node\n"
                        "DATE INFO nova.test [-] info\n"
                        "DATE WARNING nova.test [-] warning\n"
                        "DATE ERROR nova.test [-] error\n"
                        "DATE CRITICAL nova.test [-] critical\n"
                        "DATE DEBUG nova.test [-] debug from (pid=%d) %s tests/unit/basic/test-log.c:%d\n",
                        (int) getpid(), __func__, line);
        assert_string_equal(text, wanted);

        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
}

/* checklist: 11 */
static void file_and_directory_name_the_file_as_in_nova(void **state) {
        Scene *s = *state;
        char absolute[128];
        const struct {
                const char *file, *dir, *made;
        } table[] = {
                {"own.log", s->dir, "own.log"},
                {NULL, s->dir, "prog.log"},
                {absolute, "/nowhere", "absolute.log"},
                {absolute, NULL, "absolute.log"},
        };

        (void) snprintf(absolute, sizeof absolute, "%s/absolute.log", s->dir);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char path[160];

                (void) snprintf(path, sizeof path, "%s/%s", s->dir, table[i].made);
                (void) unlink(path);
                open_log(&(LogSettings){.target = LOG_TARGET_FILE, .program = "prog", .log_file = table[i].file,
                                        .log_dir = table[i].dir, .file_mode = 0600});
                struct stat st;
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
        }
}

static void a_rotated_file_is_opened_again_and_a_lost_directory_loses_no_line(void **state) {
        Scene *s = *state;
        char path[128], old[128], dir[100];

        (void) snprintf(dir, sizeof dir, "%s/d", s->dir);
        (void) snprintf(path, sizeof path, "%s/x.log", dir);
        (void) snprintf(old, sizeof old, "%s/x.log.1", s->dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path});
        log_info("first");
        assert_int_equal(rename(path, old), 0);
        log_info("second");

        _cleanup_free_ char *a = read_file(old), *b = read_file(path);
        assert_contains(a, "first");
        assert_lacks(a, "second");
        assert_contains(b, "second");

        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
        log_info("nowhere to go");              /* the open descriptor takes it */
        assert_int_equal(mkdir(dir, 0700), 0);
        log_info("third");
        _cleanup_free_ char *c = read_file(path);
        assert_contains(c, "third");
}

static void a_full_disk_sends_lines_to_stderr(void **state) {
        Scene *s = *state;

        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = "/dev/full"});
        capture_stderr(s);
        log_error("no room");
        release_stderr(s);
        _cleanup_free_ char *text = read_file(s->path);
        assert_contains(text, "ERROR nova.test [-] no room\n");
}

static void what_cannot_be_opened_is_named_and_the_former_sinks_stay(void **state) {
        static const char *const bad_level[] = {"nova.virt=DEBUG", "nova.rpc=LOUD", NULL};
        static const char *const no_level[] = {"nova.rpc", NULL};
        Scene *s = *state;
        char path[128];
        const struct {
                LogSettings settings;
                const char *words[3];
        } table[] = {
                {{.log_file = "/nowhere/x.log"}, {"/nowhere/x.log", "No such file"}},
                {{.log_file = "/"}, {"'/'", "directory"}},
                {{.target = LOG_TARGET_FILE}, {"log_file or log_dir"}},
                {{.syslog_facility = "LOG_LOUD"}, {"'LOG_LOUD'", "LOG_AUTHPRIV", "LOG_UUCP"}},
                {{.syslog_facility = "local8"}, {"'local8'", "LOG_LOCAL0"}},
                {{.context_format = "%(message)s %(colour)s"}, {"%(colour)s", "no variable"}},
                {{.default_format = "%(message"}, {"parenthesis"}},
                {{.default_format = "%(message)"}, {"must end with"}},
                {{.default_format = "%(message)x"}, {"must end with"}},
                {{.debug_suffix = "100%"}, {"must be followed by"}},
                {{.instance_format = "%s"}, {"must be followed by"}},
                {{.default_levels = bad_level}, {"'nova.rpc=LOUD'", "AUDIT"}},
                {{.default_levels = no_level}, {"'nova.rpc'"}},
        };

        (void) snprintf(path, sizeof path, "%s/stays.log", s->dir);
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path, .program = "kept"});
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char why[600] = "";

                assert_true(log_open(&table[i].settings, why, sizeof why) < 0);
                for (size_t k = 0; k < 3 && table[i].words[k]; k++)
                        assert_contains(why, table[i].words[k]);
                assert_true(log_open(&table[i].settings, NULL, 0) < 0);
        }
        log_info("still here");
        _cleanup_free_ char *text = read_file(path);
        assert_contains(text, "still here");
        assert_string_equal(log_program(), "kept");
}

static void every_facility_has_a_long_and_a_short_name(void **state) {
        static const struct {
                const char *name;
                int value;
        } table[] = {
                {"LOG_USER", LOG_USER}, {"user", LOG_USER},     {"LOG_LOCAL7", LOG_LOCAL7}, {"local7", LOG_LOCAL7},
                {"daemon", LOG_DAEMON}, {"kern", LOG_KERN},     {"authpriv", LOG_AUTHPRIV}, {"USER", -EINVAL},
                {"log_user", -EINVAL},  {"LOG_", -EINVAL},      {"", -EINVAL},              {"LOG_USER ", -EINVAL},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(log_facility_from_string(table[i].name, NULL, 0), table[i].value);
}

/* checklist: 11 */
static void the_journal_gets_fields_and_the_place_in_the_source(void **state) {
        static const char *const extra[] = {"BROKER=host:5672", "TRY=3", NULL};
        char pid[64];

        open_log(&(LogSettings){.target = LOG_TARGET_JOURNAL, .program = "nova-compute"});
        (void) log_fields_set((LogFields){.request_id = "req-1", .user_id = "u1", .project_id = "p1",
                                          .instance_uuid = "6f9e", .operation = "reboot_instance"});
        int line = __LINE__ + 1;
        log_event(LOG_LEVEL_ERROR, MESSAGE_BROKER_LOST, extra, "The broker\nis %s\n", "away");

        static const char *const fields[] = {
                "MESSAGE=The broker\nis away\n",
                "PRIORITY=3\n",
                "SYSLOG_IDENTIFIER=nova-compute\n",
                "LOGGER=nova.test\n",
                "NOVA_LEVEL=ERROR\n",
                "CODE_FILE=tests/unit/basic/test-log.c\n",
                "CODE_FUNC=the_journal_gets_fields_and_the_place_in_the_source\n",
                "MESSAGE_ID=" MESSAGE_BROKER_LOST "\n",
                "REQUEST_ID=req-1\n",
                "USER_ID=u1\n",
                "PROJECT_ID=p1\n",
                "INSTANCE_UUID=6f9e\n",
                "OPERATION=reboot_instance\n",
                "BROKER=host:5672\n",
                "TRY=3\n",
        };
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                assert_contains(journal_text, fields[i]);
        (void) snprintf(pid, sizeof pid, "CODE_LINE=%d\n", line);
        assert_contains(journal_text, pid);

        (void) log_fields_set((LogFields){});
        log_audit("plain");
        assert_contains(journal_text, "PRIORITY=5\n");
        assert_contains(journal_text, "NOVA_LEVEL=AUDIT\n");
        assert_lacks(journal_text, "REQUEST_ID");
        assert_lacks(journal_text, "MESSAGE_ID");
}

static void a_journal_that_refuses_sends_lines_to_stderr(void **state) {
        Scene *s = *state;

        open_log(&(LogSettings){.target = LOG_TARGET_JOURNAL});
        capture_stderr(s);
        log_error("taken");
        journal_result = -ENOBUFS;
        log_error("refused");
        release_stderr(s);
        _cleanup_free_ char *text = read_file(s->path);
        assert_lacks(text, "taken");
        assert_contains(text, "ERROR nova.test [-] refused\n");
}

static void auto_takes_the_journal_only_where_it_listens_and_we_belong_to_it(void **state) {
        Scene *s = *state;
        char stream[64], path[128];
        struct stat st;
        const struct {
                bool listens, connected, service;
                const char *stream;
                LogTarget target;
        } table[] = {
                {true, true, false, NULL, LOG_TARGET_JOURNAL},  {true, false, true, NULL, LOG_TARGET_JOURNAL},
                {true, false, false, NULL, LOG_TARGET_CONSOLE}, {false, true, true, NULL, LOG_TARGET_CONSOLE},
                {true, false, false, "1:1", LOG_TARGET_CONSOLE}, {true, false, false, "nonsense", LOG_TARGET_CONSOLE},
                {true, false, false, "", LOG_TARGET_CONSOLE},
        };

        (void) snprintf(path, sizeof path, "%s/auto.log", s->dir);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                journal_listens = table[i].listens;
                (void) unsetenv("JOURNAL_STREAM");
                (void) unsetenv("INVOCATION_ID");
                if (table[i].connected || table[i].stream)
                        (void) setenv("JOURNAL_STREAM", table[i].stream ?: stream, 1);
                if (table[i].service)
                        (void) setenv("INVOCATION_ID", "0123", 1);
                open_log(&(LogSettings){.target = LOG_TARGET_AUTO});
                assert_int_equal(log_target(), table[i].target);
                open_log(&(LogSettings){.target = LOG_TARGET_AUTO, .log_file = path});
                assert_int_equal(log_target(),
                                 table[i].target == LOG_TARGET_CONSOLE ? LOG_TARGET_FILE : table[i].target);
        }

        /* A file that is named is written beside the journal. */
        journal_listens = true;
        (void) setenv("INVOCATION_ID", "0123", 1);
        open_log(&(LogSettings){.target = LOG_TARGET_AUTO, .log_file = path});
        log_info("both");
        _cleanup_free_ char *text = read_file(path);
        assert_contains(text, "both");
        assert_contains(journal_text, "MESSAGE=both\n");
}

static int listen_syslog(const Scene *s, char *path, size_t size) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct timeval patience = {.tv_sec = 10};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) snprintf(path, size, "%s/log", s->dir);
        (void) unlink(path);
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
        return fd;
}

/* checklist: 11 */
static void syslog_gets_facility_and_priority_and_survives_a_restart_of_its_listener(void **state) {
        Scene *s = *state;
        char path[128], buf[1000], wanted[200];
        ssize_t n;

        int fd = listen_syslog(s, path, sizeof path);
        open_log(&(LogSettings){.target = LOG_TARGET_NULL, .program = "nova-compute", .use_syslog = true,
                                .syslog_path = path, .syslog_facility = "LOG_LOCAL0", .date_format = "DATE"});
        log_audit("to syslog");
        n = recv(fd, buf, sizeof buf - 1, 0);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_non_null(startswith(buf, "<133>"));      /* local0 and notice */
        (void) snprintf(wanted, sizeof wanted, " nova-compute[%d]: DATE AUDIT nova.test [-] to syslog", (int) getpid());
        assert_string_equal(buf + strlen("<133>Nov 22 16:43:31"), wanted);

        (void) close(fd);
        log_error("nobody listens");
        fd = listen_syslog(s, path, sizeof path);
        log_error("again");
        n = recv(fd, buf, sizeof buf - 1, 0);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_contains(buf, "<131>");
        assert_contains(buf, "again");
        (void) close(fd);
}

static void stderr_may_close_without_ending_the_program(void **state) {
        Scene *s = *state;
        int pipe_fd[2];

        open_log(&(LogSettings){.target = LOG_TARGET_CONSOLE});
        assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
        (void) close(pipe_fd[0]);
        assert_true(dup2(pipe_fd[1], STDERR_FILENO) >= 0);
        (void) close(pipe_fd[1]);
        errno = ENOTTY;
        log_error("nobody reads");
        int e = errno;
        release_stderr(s);
        assert_int_equal(e, ENOTTY);            /* and errno is the caller's own */
}

/* checklist: 11 */
static void formats_are_novas_and_todays_with_widths(void **state) {
        static const char *const identity = "%(user)s %(project)s %(domain)s %(user_domain)s %(project_domain)s";
        Scene *s = *state;
        const struct {
                const char *format, *line;
        } table[] = {
                {NULL, "DATE INFO nova.test [req-1 u1 p1] [instance: 6f9e] text\n"},
                {"%(levelname)8s|%(levelname)-8s|%(name).4s|%(levelno)05d|%(levelno)-5d|%%|%(message)s",
                 "    INFO|INFO    |nova|00020|20   |%|text\n"},
                {"[%(global_request_id)s %(request_id)s %(user_identity)s] %(instance)s%(message)s",
                 "[req-g req-1 u1 p1 - - -] [instance: 6f9e] text\n"},
                {identity, "u1 p1 - - -\n"},
                {"%(funcName)s %(filename)s %(instance_uuid)s %(color)s%(resource)s",
                 "formats_are_novas_and_todays_with_widths test-log.c 6f9e \n"},
                {"no variable", "no variable\n"},
                {"", "\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char path[128];

                (void) snprintf(path, sizeof path, "%s/%zu.log", s->dir, i);
                open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path, .date_format = "DATE",
                                        .context_format = table[i].format});
                (void) log_fields_set((LogFields){.request_id = "req-1", .user_id = "u1", .project_id = "p1",
                                                  .instance_uuid = "6f9e", .global_request_id = "req-g"});
                log_info("text");
                _cleanup_free_ char *text = read_file(path);
                assert_string_equal(text, table[i].line);
        }

        /* Without a request the other format; dates and milliseconds as in oslo's. */
        char path[128];
        (void) snprintf(path, sizeof path, "%s/default.log", s->dir);
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path,
                                .default_format = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] "
                                                  "%(instance)s%(message)s"});
        (void) log_fields_set((LogFields){.user_id = "u1"});
        log_info("text");
        _cleanup_free_ char *text = read_file(path);
        int year, month, day, hour, minute, second, ms, pid, end = 0;
        assert_int_equal(sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d.%3d %d INFO nova.test [-] text\n%n", &year, &month, &day, &hour,
                                &minute, &second, &ms, &pid, &end),
                         8);
        assert_int_equal(end, (int) strlen(text));
        assert_int_equal(pid, (int) getpid());
}

static void no_value_begins_a_line_of_its_own_or_speaks_to_a_terminal(void **state) {
        Scene *s = *state;
        char path[128];

        (void) snprintf(path, sizeof path, "%s/x.log", s->dir);
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path, .date_format = "D"});
        (void) log_fields_set((LogFields){.request_id = "req\n1", .user_id = "\x1b[2J", .project_id = "p"});
        log_info("a\r\n2026 CRITICAL forged\ttab \xc3\xa4\x7f\n\n");
        _cleanup_free_ char *text = read_file(path);
        assert_string_equal(text, "D INFO nova.test [req\\n1 \\x1b[2J p] a\\r\\n2026 CRITICAL forged\ttab \xc3\xa4\\x7f\n");
}

/* checklist: 11, 13 */
static void levels_hold_for_all_or_for_a_logger_and_those_below_it(void **state) {
        static const char *const levels[] = {"nova.virt=WARN", "nova.virt.libvirt=debug", "amqp=ERROR", NULL};
        static const struct {
                LogLevel level;
                const char *logger;
                bool enabled;
        } table[] = {
                {LOG_LEVEL_DEBUG, "nova", false},           {LOG_LEVEL_INFO, "nova", true},
                {LOG_LEVEL_AUDIT, "nova.virt.fake", false}, {LOG_LEVEL_WARNING, "nova.virt", true},
                {LOG_LEVEL_WARNING, "nova.virt.fake", true}, {LOG_LEVEL_DEBUG, "nova.virt.libvirt.host", true},
                {LOG_LEVEL_INFO, "nova.virtual", true},     {LOG_LEVEL_WARNING, "amqp", false},
                {LOG_LEVEL_CRITICAL, "amqp.x", true},
        };

        open_log(&(LogSettings){.level = LOG_LEVEL_INFO, .target = LOG_TARGET_NULL, .default_levels = levels});
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (log_enabled(table[i].level, table[i].logger) != table[i].enabled)
                        fail_msg("%s at %s", table[i].logger, log_level_to_string(table[i].level));

        log_set_level(LOG_LEVEL_ERROR);
        assert_int_equal(log_level(), LOG_LEVEL_ERROR);
        assert_false(log_enabled(LOG_LEVEL_WARNING, "nova"));
        assert_true(log_enabled(LOG_LEVEL_DEBUG, "nova.virt.libvirt"));
        log_set_level(LOG_LEVEL_DEBUG);
        assert_true(log_enabled(LOG_LEVEL_DEBUG, "nova"));
        assert_false(log_enabled(LOG_LEVEL_DEBUG, "nova.virt"));
}

static void single_loggers_get_other_levels_on_reload(void **state) {
        static const char *const before[] = {"nova.virt=WARN", NULL}, *const after[] = {"nova.db=DEBUG", NULL},
                                *const wrong[] = {"nova.db=LOUD", NULL};
        char why[256] = "";

        open_log(&(LogSettings){.level = LOG_LEVEL_INFO, .target = LOG_TARGET_NULL, .default_levels = before});
        assert_int_equal(log_set_default_levels(after, why, sizeof why), 0);
        assert_true(log_enabled(LOG_LEVEL_INFO, "nova.virt"));
        assert_true(log_enabled(LOG_LEVEL_DEBUG, "nova.db"));

        assert_int_equal(log_set_default_levels(wrong, why, sizeof why), -EINVAL);
        assert_contains(why, "'nova.db=LOUD' is no logger and level");
        assert_true(log_enabled(LOG_LEVEL_DEBUG, "nova.db"));
}

static void names_of_levels_and_targets_lead_back(void **state) {
        static const LogLevel levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_AUDIT,
                                          LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL};
        LogLevel level = LOG_LEVEL_DEBUG;
        LogTarget target = LOG_TARGET_AUTO;

        for (size_t i = 0; i < ELEMENTSOF(levels); i++) {
                assert_int_equal(log_level_from_syslog_string(log_level_to_syslog_string(levels[i]), &level), 0);
                assert_int_equal(level, levels[i]);
                assert_int_equal(log_level_from_string(log_level_to_string(levels[i]), &level), 0);
                assert_int_equal(level, levels[i]);
                assert_int_equal(log_level_to_priority(levels[i]), 7 - (int) i);
        }
        assert_int_equal(log_level_from_syslog_string("audit", &level), 0);
        assert_int_equal(level, LOG_LEVEL_AUDIT);
        assert_int_equal(log_level_from_syslog_string("loud", &level), -EINVAL);
        assert_int_equal(log_level_from_syslog_string(NULL, &level), -EINVAL);
        assert_int_equal(log_level_from_string("WARN", &level), 0);
        assert_int_equal(level, LOG_LEVEL_WARNING);
        assert_int_equal(log_level_from_string("", &level), -EINVAL);
        assert_int_equal(level, LOG_LEVEL_WARNING);
        assert_string_equal(log_level_to_string((LogLevel) 25), "AUDIT");

        for (LogTarget t = 0; t < _LOG_TARGET_MAX; t++) {
                assert_int_equal(log_target_from_string(log_target_to_string(t), &target), 0);
                assert_int_equal(target, t);
        }
        assert_int_equal(log_target_from_string("kmsg", &target), -EINVAL);
}

static void the_target_can_be_changed_and_brought_back(void **state) {
        Scene *s = *state;
        char path[128];

        (void) snprintf(path, sizeof path, "%s/x.log", s->dir);
        assert_int_equal(log_target(), LOG_TARGET_CONSOLE);
        open_log(&(LogSettings){.target = LOG_TARGET_AUTO, .log_file = path});
        assert_int_equal(log_target(), LOG_TARGET_FILE);
        assert_int_equal(log_set_target(LOG_TARGET_JOURNAL), 0);
        assert_int_equal(log_target(), LOG_TARGET_JOURNAL);
        log_info("one");
        assert_int_equal(log_set_target(LOG_TARGET_NULL), 0);
        log_info("two");
        assert_int_equal(log_set_target(LOG_TARGET_AUTO), 0);
        assert_int_equal(log_target(), LOG_TARGET_FILE);
        log_info("three");
        _cleanup_free_ char *text = read_file(path);
        assert_lacks(text, "one");
        assert_lacks(text, "two");
        assert_contains(text, "three");
        assert_contains(journal_text, "MESSAGE=one\n");

        log_close();
        assert_int_equal(log_set_target(LOG_TARGET_FILE), -ENOENT);
        assert_int_equal(log_set_target(LOG_TARGET_SYSLOG), 0);
}

static void secrets_are_replaced_in_every_form_and_sink(void **state) {
        static const char *const extra[] = {"URL=rabbit://u:p%40ss%2Fw%22rd@h", NULL};
        Scene *s = *state;
        char path[128];

        (void) snprintf(path, sizeof path, "%s/x.log", s->dir);
        assert_int_equal(log_add_secret("p@ss/w\"rd"), 0);
        assert_int_equal(log_add_secret("p@ss"), 0);            /* a part of the other, known later */
        assert_int_equal(log_add_secret("p@ss"), 0);
        assert_int_equal(log_add_secret("abc"), 0);             /* too short to be hidden */
        assert_int_equal(log_add_secret(""), 0);
        assert_int_equal(log_add_secret(NULL), 0);
        open_log(&(LogSettings){.target = LOG_TARGET_JOURNAL, .log_file = path, .date_format = "D"});
        (void) log_fields_set((LogFields){.request_id = "req-p@ss"});
        log_event(LOG_LEVEL_INFO, NULL, extra,
                  "p@ss/w\"rd, p%%40ss%%2fw%%22rd, {\"a\": \"p@ss/w\\\"rd\"}, p@ssp@ss, abc, \\\"p@ss/w\\\\\\\"rd");

        _cleanup_free_ char *text = read_file(path);
        assert_contains(text, "***, ***, {\"a\": \"***\"}, ******, abc, \\\"***\n");
        for (size_t i = 0; i < 2; i++) {
                const char *where = i == 0 ? text : journal_text;

                assert_lacks(where, "p@ss");
                assert_lacks(where, "p%40");
                assert_lacks(where, "rd@h");
        }
        assert_contains(journal_text, "URL=rabbit://u:***@h\n");
        assert_contains(journal_text, "REQUEST_ID=req-***\n");
}

static void fields_belong_to_the_thread_and_are_put_back(void **state) {
        LogFields former = log_fields_set((LogFields){.request_id = "a"});

        assert_null(former.request_id);
        former = log_fields_set((LogFields){.request_id = "b"});
        assert_string_equal(former.request_id, "a");
        former = log_fields_set(former);
        assert_string_equal(former.request_id, "b");
}

#define WRITERS 4
#define LINES 200

static void *write_lines(void *userdata) {
        (void) log_fields_set((LogFields){.request_id = userdata});
        for (int i = 0; i < LINES; i++) {
                log_info("line %d of secret-word", i);
                if (i % 20 == 0) {
                        (void) log_add_secret("secret-word");
                        log_set_level(i % 40 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG);
                }
        }
        return NULL;
}

static void lines_of_many_threads_stay_whole(void **state) {
        static const char *const names[WRITERS] = {"req-a", "req-b", "req-c", "req-d"};
        Scene *s = *state;
        pthread_t threads[WRITERS];
        char path[128], *save = NULL;
        unsigned n = 0;

        (void) snprintf(path, sizeof path, "%s/x.log", s->dir);
        (void) log_add_secret("secret-word");
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path, .date_format = "D"});
        for (size_t i = 0; i < WRITERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *) names[i]), 0);
        for (size_t i = 0; i < WRITERS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);

        _cleanup_free_ char *text = read_file(path);
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save), n++) {
                int i, end = 0;
                char who;

                if (sscanf(l, "D INFO nova.test [req-%c - -] line %d of ***%n", &who, &i, &end) != 2 || end != (int) strlen(l))
                        fail_msg("broken line: %s", l);
        }
        assert_int_equal(n, WRITERS * LINES);
}

static void before_it_is_opened_lines_go_to_stderr(void **state) {
        Scene *s = *state;

        capture_stderr(s);
        log_warning("early");
        log_debug("too fine");
        release_stderr(s);
        _cleanup_free_ char *text = read_file(s->path);
        assert_contains(text, " WARNING nova.test [-] early\n");
        assert_lacks(text, "too fine");
        assert_string_equal(log_program(), program_invocation_short_name);
}

static void stderr_may_be_beside_a_file(void **state) {
        Scene *s = *state;
        char path[128];

        (void) snprintf(path, sizeof path, "%s/x.log", s->dir);
        open_log(&(LogSettings){.target = LOG_TARGET_FILE, .log_file = path, .use_stderr = true});
        capture_stderr(s);
        log_info("twice");
        release_stderr(s);
        _cleanup_free_ char *a = read_file(s->path), *b = read_file(path);
        assert_contains(a, "twice");
        assert_string_equal(a, b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(before_it_is_opened_lines_go_to_stderr),
                T(a_file_gets_nova_s_lines_with_level_names_and_the_debug_suffix),
                T(file_and_directory_name_the_file_as_in_nova),
                T(a_rotated_file_is_opened_again_and_a_lost_directory_loses_no_line),
                T(a_full_disk_sends_lines_to_stderr),
                T(what_cannot_be_opened_is_named_and_the_former_sinks_stay),
                T(every_facility_has_a_long_and_a_short_name),
                T(the_journal_gets_fields_and_the_place_in_the_source),
                T(a_journal_that_refuses_sends_lines_to_stderr),
                T(auto_takes_the_journal_only_where_it_listens_and_we_belong_to_it),
                T(syslog_gets_facility_and_priority_and_survives_a_restart_of_its_listener),
                T(stderr_may_close_without_ending_the_program),
                T(stderr_may_be_beside_a_file),
                T(formats_are_novas_and_todays_with_widths),
                T(no_value_begins_a_line_of_its_own_or_speaks_to_a_terminal),
                T(levels_hold_for_all_or_for_a_logger_and_those_below_it),
                T(single_loggers_get_other_levels_on_reload),
                T(names_of_levels_and_targets_lead_back),
                T(the_target_can_be_changed_and_brought_back),
                T(secrets_are_replaced_in_every_form_and_sink),
                T(fields_belong_to_the_thread_and_are_put_back),
                T(lines_of_many_threads_stay_whole),
        };
        return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

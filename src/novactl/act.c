/* The verbs that make jobs of instances: ask, wait, say how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <termios.h>

#include "novactl/act.h"
#include "novactl/props.h"
#include "novactl/verbs.h"

#define SECRET_MAX 1024
#define FILE_MAX ((size_t) 1 << 20)

/* ---- what files and terminals hold ---- */

ExitStatus read_input(const char *name, const char *option, char **ret, size_t *ret_size) {
        _cleanup_close_ int owned = -1;
        _cleanup_free_ char *buf = must(malloc(FILE_MAX + 1)), *shown = text_shown(name);
        int fd = STDIN_FILENO;
        size_t size = 0;
        ssize_t n;

        if (!streq(name, "-")) {
                fd = owned = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (fd < 0) {
                        ctl_error("%s: %s: cannot be opened: %m", option, shown);
                        return EXIT_FAILED;
                }
        }
        while (size <= FILE_MAX && (n = read(fd, buf + size, FILE_MAX + 1 - size)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        ctl_error("%s: %s: cannot be read: %m", option, shown);
                        return EXIT_FAILED;
                }
                size += (size_t) n;
        }
        if (size > FILE_MAX) {
                ctl_error("%s: %s: is larger than 1 MiB", option, shown);
                return EXIT_FAILED;
        }
        buf[size] = '\0';
        *ret = TAKE_PTR(buf);
        *ret_size = size;
        return EXIT_DONE;
}

/* A password without the line's end. */
static ExitStatus read_secret_file(const char *name, char **ret) {
        _cleanup_free_ char *shown = NULL;
        size_t size;
        ExitStatus status = read_input(name, "--password-file", ret, &size);

        if (status != EXIT_DONE)
                return status;
        while (size > 0 && ((*ret)[size - 1] == '\n' || (*ret)[size - 1] == '\r'))
                (*ret)[--size] = '\0';
        if (size > 0 && size <= SECRET_MAX && strlen(*ret) == size)
                return EXIT_DONE;
        shown = text_shown(name);
        ctl_error("--password-file=%s: %s", shown, size == 0 ? "is empty" : size > SECRET_MAX ? "is too long for a password" : "holds a NUL character");
        explicit_bzero(*ret, size);
        free(TAKE_PTR(*ret));
        return EXIT_FAILED;
}

/* Asks on the terminal, without showing what is typed. */
static ExitStatus ask_secret(const char *question, char **ret) {
        _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        struct termios before, silent;
        char buf[SECRET_MAX + 2];
        size_t size = 0;
        ssize_t n;

        if (fd < 0 || tcgetattr(fd, &before) < 0) {
                ctl_error("there is no terminal to ask for the password on; give --password-file=FILE (- is standard input)");
                return EXIT_USAGE;
        }
        silent = before;
        silent.c_lflag &= ~(tcflag_t) ECHO;
        (void) tcsetattr(fd, TCSAFLUSH, &silent);       /* before it asks: what is typed from then on is kept, and not shown */
        dprintf(fd, "%s: ", question);
        while (size < sizeof buf - 1 && (n = read(fd, buf + size, 1)) > 0 && buf[size] != '\n')
                size++;
        (void) tcsetattr(fd, TCSAFLUSH, &before);
        dprintf(fd, "\n");
        buf[size] = '\0';
        *ret = must(strdup(buf));
        explicit_bzero(buf, sizeof buf);
        if (size > 0 && size <= SECRET_MAX)
                return EXIT_DONE;
        free(TAKE_PTR(*ret));
        ctl_error(size == 0 ? "no password was given" : "that is too long for a password");
        return EXIT_FAILED;
}

static void secret_free(char **s) {
        if (*s)
                explicit_bzero(*s, strlen(*s));
        free(*s);
}
#define _cleanup_secret_ _cleanup_(secret_free)

/* ---- options of calls ---- */

void options_open(sd_bus_message *m) {
        must(sd_bus_message_open_container(m, 'a', "{sv}") < 0 ? NULL : m);
}

void options_close(sd_bus_message *m) {
        must(sd_bus_message_close_container(m) < 0 ? NULL : m);
}

static bool utf8_checked(const char *option, const char *value) {
        if (utf8_is_valid(value))
                return true;
        ctl_error("%s: is no UTF-8 text", option);
        return false;
}

/* Only what was given; a value that is no text is refused by name. */
bool option_text(Ctl *c, sd_bus_message *m, OptionId id, const char *name, const char *key) {
        const char *value = ctl_value(c, id);

        if (!value)
                return true;
        if (!utf8_checked(name, value))
                return false;
        client_append(m, "{sv}", key, "s", value);
        return true;
}

bool option_password(Ctl *c, sd_bus_message *m, ExitStatus *status) {
        _cleanup_secret_ char *secret = NULL;

        if (!ctl_has(c, OPTION_PASSWORD_FILE))
                return true;
        *status = read_secret_file(ctl_value(c, OPTION_PASSWORD_FILE), &secret);
        if (*status == EXIT_DONE && !utf8_checked("--password-file", secret))
                *status = EXIT_FAILED;
        if (*status != EXIT_DONE)
                return false;
        client_append(m, "{sv}", "admin_password", "s", secret);
        return true;
}

ExitStatus option_user_data(Ctl *c, sd_bus_message *m) {
        _cleanup_free_ char *content = NULL;
        ExitStatus status;
        size_t size = 0;
        int r;

        if (!ctl_has(c, OPTION_USER_DATA))
                return EXIT_DONE;
        status = read_input(ctl_value(c, OPTION_USER_DATA), "--user-data", &content, &size);
        if (status != EXIT_DONE)
                return status;
        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "user_data");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', content, size);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        must(r < 0 ? NULL : m);
        return EXIT_DONE;
}

/* ---- asking and waiting ---- */

/* The instance to act on: its path, name and uuid. */
typedef struct Target {
        char *path;
        const char *name;
        char uuid[37];
} Target;

static void target_done(Target *t) {
        free(t->path);
}

static ExitStatus target_find(Ctl *c, const char *name, Target *ret) {
        ExitStatus status = client_find(c, name, 0, &ret->path);

        ret->name = name;
        if (status == EXIT_DONE && !client_path_uuid(ret->path, ret->uuid))
                *ret->uuid = '\0';
        return status;
}

/* The call of the verb's method on @t, still without arguments. */
static sd_bus_message *target_message(Ctl *c, const Target *t, const char *method) {
        return client_message(c, t->path, INTERFACE_INSTANCE, method);
}

/* Sends @m, and has @w wait for the job that it answers. */
static ExitStatus target_ask(Ctl *c, Waiter *w, const Target *t, const Verb *verb, sd_bus_message *m) {
        _cleanup_free_ char *shown = text_shown(t->name), *what = text_format("%s '%s'", verb->gerund, shown);
        sd_bus_message *reply = NULL;
        const char *job = NULL;
        ExitStatus status;

        status = client_call(c, m, CALL_INTERACTIVE, what, shown, &reply);
        if (status != EXIT_DONE)
                return status;
        if (sd_bus_message_read(reply, "o", &job) >= 0)
                waiter_add(w, job, verb->name, verb->gerund, t->name, t->uuid);
        else {
                ctl_error("%s: the answer cannot be read", what);
                status = EXIT_FAILED;
        }
        sd_bus_message_unref(reply);
        return status;
}

ExitStatus wait_as_asked(Ctl *c, Waiter *w) {
        return ctl_has(c, OPTION_NO_BLOCK) ? waiter_leave(w) : waiter_run(w);
}

/* One instance, one call with its arguments already in @m's hands: @fill adds them and returns EXIT_DONE. */
typedef ExitStatus (*FillArguments)(Ctl *c, const Verb *verb, sd_bus_message *m, char **arguments);

static ExitStatus act(Ctl *c, const Verb *verb, const char *method, char **names, size_t n, FillArguments fill, char **more) {
        _cleanup_(waiter_freep) Waiter *w = waiter_new(c);
        ExitStatus status = EXIT_DONE;

        if (!w)
                return EXIT_UNREACHABLE;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(target_done) Target t = {};
                sd_bus_message *m;
                ExitStatus one;

                one = target_find(c, names[i], &t);
                if (one == EXIT_DONE) {
                        m = target_message(c, &t, method);
                        one = fill(c, verb, m, more);
                        if (one == EXIT_DONE)
                                one = target_ask(c, w, &t, verb, m);
                        else
                                sd_bus_message_unref(m);
                }
                status = client_status_join(status, one);
                if (one == EXIT_UNREACHABLE || one == EXIT_USAGE)
                        break;
        }
        return client_status_join(status, wait_as_asked(c, w));
}

static size_t count(char **arguments) {
        size_t n = 0;

        while (arguments[n])
                n++;
        return n;
}

/* ---- verbs without arguments of their own, and their options ---- */

static ExitStatus fill_simple(Ctl *c, const Verb *verb _unused_, sd_bus_message *m, char **more _unused_) {
        const char *timeout = ctl_value(c, OPTION_TIMEOUT);
        ExitStatus status = EXIT_DONE;
        uint64_t seconds = 0;

        if (timeout && text_parse_number(timeout, UINT32_MAX, &seconds) < 0) {
                _cleanup_free_ char *shown = text_shown(timeout);

                ctl_error("--timeout=%s: it is a number of seconds", shown);
                return EXIT_USAGE;
        }
        options_open(m);
        if (timeout)
                client_append(m, "{sv}", "timeout", "u", (uint32_t) seconds);
        if (ctl_has(c, OPTION_FORCE))
                client_append(m, "{sv}", "force", "b", 1);
        if (!option_text(c, m, OPTION_IMAGE, "--image", "image"))
                return EXIT_USAGE;
        if (!option_password(c, m, &status))
                return status;
        options_close(m);
        return EXIT_DONE;
}

ExitStatus verb_simple(Ctl *c, const Verb *verb, char **arguments) {
        const char *method = verb->method;

        if (ctl_has(c, OPTION_SOFT)) {
                if (ctl_has(c, OPTION_FORCE)) {
                        ctl_error("--soft and --force do not go together");
                        return EXIT_USAGE;
                }
                method = "SoftDelete";
        }
        return act(c, verb, method, arguments, count(arguments), fill_simple, NULL);
}

static ExitStatus fill_reboot(Ctl *c, const Verb *verb _unused_, sd_bus_message *m, char **more _unused_) {
        client_append(m, "sa{sv}", ctl_has(c, OPTION_HARD) ? "hard" : "soft", 0);
        return EXIT_DONE;
}

ExitStatus verb_reboot(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, count(arguments), fill_reboot, NULL);
}

/* ---- verbs of one instance ---- */

static ExitStatus fill_texts(Ctl *c _unused_, const Verb *verb, sd_bus_message *m, char **more) {
        if (!utf8_checked(verb->name, *more))
                return EXIT_USAGE;
        client_append(m, "sa{sv}", *more, 0);
        return EXIT_DONE;
}

ExitStatus verb_snapshot(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_texts, arguments + 1);
}

static ExitStatus fill_backup(Ctl *c _unused_, const Verb *verb, sd_bus_message *m, char **more) {
        uint64_t keep;

        if (text_parse_number(more[2], UINT32_MAX, &keep) < 0) {
                _cleanup_free_ char *shown = text_shown(more[2]);

                ctl_error("backup: '%s' is no number of images to keep", shown);
                return EXIT_USAGE;
        }
        if (!utf8_checked(verb->name, more[0]) || !utf8_checked(verb->name, more[1]))
                return EXIT_USAGE;
        client_append(m, "ssua{sv}", more[0], more[1], (uint32_t) keep, 0);
        return EXIT_DONE;
}

ExitStatus verb_backup(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_backup, arguments + 1);
}

static ExitStatus fill_rebuild(Ctl *c, const Verb *verb, sd_bus_message *m, char **more) {
        ExitStatus status = EXIT_DONE;

        if (*more && !utf8_checked(verb->name, *more))
                return EXIT_USAGE;
        client_append(m, "s", strempty(*more));
        options_open(m);
        if (!option_password(c, m, &status))
                return status;
        status = option_user_data(c, m);
        if (status == EXIT_DONE)
                options_close(m);
        return status;
}

ExitStatus verb_rebuild(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_rebuild, arguments + 1);
}

static ExitStatus fill_metadata(Ctl *c _unused_, const Verb *verb _unused_, sd_bus_message *m, char **more) {
        must(sd_bus_message_open_container(m, 'a', "{ss}") < 0 ? NULL : m);
        for (; *more; more++) {
                const char *equals = strchr(*more, '=');
                _cleanup_free_ char *key = equals ? must(strndup(*more, (size_t) (equals - *more))) : NULL, *shown = text_shown(*more);

                if (isempty(key)) {
                        ctl_error("metadata: '%s' is not KEY=VALUE", shown);
                        return EXIT_USAGE;
                }
                if (!utf8_checked("metadata", *more))
                        return EXIT_USAGE;
                client_append(m, "{ss}", key, equals + 1);
        }
        must(sd_bus_message_close_container(m) < 0 ? NULL : m);
        client_append(m, "a{sv}", 0);
        return EXIT_DONE;
}

ExitStatus verb_metadata(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_metadata, arguments + 1);
}

static ExitStatus fill_password(Ctl *c, const Verb *verb _unused_, sd_bus_message *m, char **more) {
        _cleanup_secret_ char *secret = NULL, *again = NULL;
        _cleanup_free_ char *shown = text_shown(*more), *question = text_format("New password for '%s'", shown);
        ExitStatus status;

        if (ctl_has(c, OPTION_PASSWORD_FILE))
                status = read_secret_file(ctl_value(c, OPTION_PASSWORD_FILE), &secret);
        else {
                status = ask_secret(question, &secret);
                if (status == EXIT_DONE)
                        status = ask_secret("Again", &again);
                if (status == EXIT_DONE && !streq(secret, again)) {
                        ctl_error("the two are not the same");
                        status = EXIT_FAILED;
                }
        }
        if (status == EXIT_DONE && !utf8_checked(ctl_has(c, OPTION_PASSWORD_FILE) ? "--password-file" : "password", secret))
                status = EXIT_FAILED;
        if (status == EXIT_DONE) {
                client_append(m, "sa{sv}", secret, 0);
                (void) sd_bus_message_sensitive(m);
        }
        return status;
}

ExitStatus verb_set_password(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_password, arguments);
}

static ExitStatus fill_file(Ctl *c _unused_, const Verb *verb, sd_bus_message *m, char **more) {
        _cleanup_free_ char *content = NULL;
        ExitStatus status;
        size_t size = 0;

        if (!utf8_checked(verb->name, more[1]))
                return EXIT_USAGE;
        status = read_input(more[0], verb->name, &content, &size);
        if (status != EXIT_DONE)
                return status;
        client_append(m, "s", more[1]);
        must(sd_bus_message_append_array(m, 'y', content, size) < 0 ? NULL : m);
        client_append(m, "a{sv}", 0);
        return EXIT_DONE;
}

ExitStatus verb_inject_file(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_file, arguments + 1);
}

static ExitStatus fill_interface(Ctl *c, const Verb *verb, sd_bus_message *m, char **more) {
        if (!utf8_checked(verb->name, *more))
                return EXIT_USAGE;
        client_append(m, "s", *more);
        options_open(m);
        if (!option_text(c, m, OPTION_FIXED_IP, "--fixed-ip", "fixed_ip"))
                return EXIT_USAGE;
        options_close(m);
        return EXIT_DONE;
}

ExitStatus verb_interface(Ctl *c, const Verb *verb, char **arguments) {
        return act(c, verb, verb->method, arguments, 1, fill_interface, arguments + 1);
}

/* ---- jobs ---- */

ExitStatus verb_cancel(Ctl *c, const Verb *verb, char **arguments) {
        ExitStatus status = EXIT_DONE;

        for (; *arguments; arguments++) {
                _cleanup_free_ char *shown = text_shown(*arguments), *path = NULL, *what = NULL;
                sd_bus_message *m, *reply = NULL;
                uint64_t number;
                ExitStatus one;

                if (text_parse_number(*arguments, INT64_MAX, &number) < 0) {
                        ctl_error("cancel: '%s' is no number of a job; 'novactl jobs' shows them", shown);
                        return EXIT_USAGE;
                }
                path = text_format(JOB_PREFIX "%" PRIu64, number);
                what = text_format("%s job %" PRIu64, verb->gerund, number);
                m = client_message(c, path, INTERFACE_JOB, verb->method);
                client_append(m, "a{sv}", 0);
                one = client_call(c, m, CALL_INTERACTIVE | CALL_MAY_BE_GONE, what, NULL, &reply);
                sd_bus_message_unref(reply);
                if (one == EXIT_NO_SUCH)
                        client_no_job(shown);
                status = client_status_join(status, one);
        }
        return status;
}

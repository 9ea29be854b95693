#include "novactl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "basic/json.h"

static size_t columns_of_terminal(void) {
        const char *e = getenv("COLUMNS");
        struct winsize size = {};
        uint64_t n;

        if (e && text_parse_number(e, 10000, &n) >= 0 && n >= 10)
                return n;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col >= 10)
                return size.ws_col;
        return 80;
}

void output_init(Output *o) {
        const char *term = getenv("TERM");

        *o = (Output) { .file = stdout, .legend = true };
        o->terminal = isatty(STDOUT_FILENO) > 0;
        o->ascii = !streq(nl_langinfo(CODESET), "UTF-8");
        o->colours = o->terminal && isempty(getenv("NO_COLOR")) && term && !streq(term, "dumb");
        o->width = o->terminal ? columns_of_terminal() : 0;
}

/* ---- pager ---- */

extern char **environ;

void output_open_pager(Output *o) {
        const char *pager = getenv("SYSTEMD_PAGER");
        const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
        posix_spawn_file_actions_t actions;
        int fds[2], r;

        if (!o->terminal || o->no_pager || o->pager != 0)
                return;
        if (!pager)
                pager = getenv("PAGER");
        if (pager && (isempty(pager) || streq(pager, "cat")))
                return;
        argv[2] = pager ? pager : "command -v less >/dev/null && exec less; exec cat";
        /* leave when all fits, colours, do not wrap, leave the screen as it is */
        (void) setenv("LESS", "FRSXMK", false);
        (void) setenv("LESSCHARSET", o->ascii ? "ascii" : "utf-8", false);
        if (getenv("SUDO_UID") || getenv("PKEXEC_UID"))
                (void) setenv("LESSSECURE", "1", true);         /* no shell of root's out of less */
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        (void) fflush(stdout);
        must(posix_spawn_file_actions_init(&actions) == 0 ? &actions : NULL);
        must(posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO) == 0 ? &actions : NULL);
        r = posix_spawn(&o->pager, argv[0], &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) close(fds[0]);
        if (r == 0 && dup2(fds[1], STDOUT_FILENO) < 0)
                r = errno;
        (void) close(fds[1]);
        if (r != 0)
                o->pager = 0;
        else
                (void) signal(SIGPIPE, SIG_IGN);        /* q in the pager is no failure */
}

int output_close(Output *o) {
        int r = fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;

        if (o->pager == 0)
                return r;
        (void) signal(SIGINT, SIG_IGN);                 /* Ctrl-C is the pager's */
        (void) fclose(stdout);
        while (waitpid(o->pager, NULL, 0) < 0 && errno == EINTR)
                ;
        o->pager = 0;
        return 0;
}

/* ---- colours ---- */

const char *output_colour(const Output *o, Colour c) {
        static const char *const sequences[_COLOUR_MAX] = {
                [COLOUR_NONE] = "",
                [COLOUR_BOLD] = "\033[1m",
                [COLOUR_GOOD] = "\033[0;32m",
                [COLOUR_WARN] = "\033[0;33m",
                [COLOUR_BAD] = "\033[0;31m",
                [COLOUR_GREY] = "\033[0;38;5;245m",
        };

        return o->colours ? sequences[c] : "";
}

const char *output_colour_end(const Output *o, Colour c) {
        return o->colours && c != COLOUR_NONE ? "\033[0m" : "";
}

Colour colour_of_state(const char *state) {
        static const struct {
                const char *state;
                Colour colour;
        } colours[] = {
                { "active", COLOUR_GOOD }, { "running", COLOUR_GOOD }, { "connected", COLOUR_GOOD }, { "done", COLOUR_GOOD },
                { "building", COLOUR_WARN }, { "rescued", COLOUR_WARN }, { "resized", COLOUR_WARN }, { "starting", COLOUR_WARN },
                { "stopping", COLOUR_WARN }, { "degraded", COLOUR_WARN }, { "cancelling", COLOUR_WARN }, { "waiting", COLOUR_WARN },
                { "connecting", COLOUR_WARN }, { "error", COLOUR_BAD }, { "failed", COLOUR_BAD }, { "crashed", COLOUR_BAD },
                { "stopped", COLOUR_GREY }, { "shutdown", COLOUR_GREY }, { "soft-delete", COLOUR_GREY }, { "deleted", COLOUR_GREY },
                { "shelved_offloaded", COLOUR_GREY }, { "shelved", COLOUR_GREY },
        };

        for (size_t i = 0; i < ELEMENTSOF(colours); i++)
                if (streq(colours[i].state, state))
                        return colours[i].colour;
        return COLOUR_NONE;
}

/* ---- values ---- */

void output_json(const Output *o, const json_t *value) {
        size_t flags = JSON_ENCODE_ANY | (o->json == JSON_PRETTY ? JSON_INDENT(8) : JSON_COMPACT);

        (void) json_dumpf(value, o->file, flags);
        (void) fputc('\n', o->file);
}

char *value_text(const json_t *value) {
        _cleanup_free_ char *line = NULL, *text = NULL;
        const json_t *element;
        size_t i;

        switch (json_typeof(value)) {
        case JSON_STRING:
                return text_shown(json_string_value(value));
        case JSON_INTEGER:
                return text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        case JSON_REAL:
                return text_format("%g", json_real_value(value));
        case JSON_TRUE:
                return must(strdup("yes"));
        case JSON_FALSE:
                return must(strdup("no"));
        case JSON_NULL:
                return must(strdup(""));
        case JSON_OBJECT:
                if (json_object_size(value) == 0)
                        return must(strdup(""));
                break;
        case JSON_ARRAY:
                json_array_foreach(value, i, element)
                        if (json_is_array(element) || json_is_object(element))
                                goto as_json;
                line = must(strdup(""));
                json_array_foreach(value, i, element) {
                        _cleanup_free_ char *one = value_text(element), *before = TAKE_PTR(line);

                        line = text_format("%s%s%s", before, i > 0 ? " " : "", one);
                }
                return TAKE_PTR(line);
        }
as_json:
        text = must(json_text(value));
        return text_shown(text);
}

static bool is_simple(const json_t *value) {
        return !(json_is_object(value) && json_object_size(value) > 0) && !(json_is_array(value) && json_array_size(value) > 0);
}

static void outline_member(const Output *o, const char *name, const json_t *value, unsigned indent, size_t width) {
        _cleanup_free_ char *key = text_shown(name), *text = NULL;

        if (is_simple(value)) {
                text = value_text(value);
                fprintf(o->file, "%*s%s:%*s %s\n", (int) indent, "", key, (int) (width - MIN(width, text_width(key))), "",
                        isempty(text) ? "-" : text);
        } else {
                fprintf(o->file, "%*s%s:\n", (int) indent, "", key);
                output_outline(o, value, indent + 2);
        }
}

void output_outline(const Output *o, const json_t *value, unsigned indent) {
        const json_t *element;
        const char *key;
        size_t i, width = 0;

        if (json_is_object(value)) {
                json_object_foreach((json_t *) value, key, element)
                        if (is_simple(element))
                                width = MAX(width, MIN(text_width(key), 28u));
                json_object_foreach((json_t *) value, key, element)
                        outline_member(o, key, element, indent, width);
        } else if (json_is_array(value)) {
                json_array_foreach(value, i, element) {
                        _cleanup_free_ char *text = is_simple(element) ? value_text(element) : NULL;

                        if (text)
                                fprintf(o->file, "%*s- %s\n", (int) indent, "", text);
                        else {
                                if (i > 0)
                                        (void) fputc('\n', o->file);
                                output_outline(o, element, indent);
                        }
                }
        } else {
                _cleanup_free_ char *text = value_text(value);

                fprintf(o->file, "%*s%s\n", (int) indent, "", text);
        }
}

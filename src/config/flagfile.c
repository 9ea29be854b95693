/* Flag files, the older syntax: one --name=value a line (essex 3.3), and the default flag file (3.1).
 *
 * Both syntaxes share one file name, so the first line that says something decides. A --flagfile line is read where it
 * stands, as gflags did, so that what follows it counts more; Essex put it after the whole file (F63). */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include <config.h>

#include "config/config-internal.h"

#define FLAGFILE_DEPTH_MAX 16

/* Copies the next line without white space around it; "" for one that says nothing. */
static int next_line(const char **text, const char *end, char **ret) {
        const char *newline = memchr(*text, '\n', (size_t) (end - *text));
        size_t n = (size_t) ((newline ? newline : end) - *text);
        char *line = strndup(*text, n), *stripped;

        if (!line)
                return -ENOMEM;
        if (memchr(*text, '\0', n) || !text_is_utf8(*text, n)) {
                free(line);
                return -EILSEQ;
        }
        *text += n + (newline != NULL);

        if (*line == '#' || startswith(line, "//"))
                *line = '\0';
        stripped = text_strip(line);
        memmove(line, stripped, strlen(stripped) + 1);
        *ret = line;
        return 0;
}

bool flagfile_is_ini(const char *text, size_t size) {
        const char *end = text + size;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;
        while (text < end) {
                _cleanup_free_ char *line = NULL;

                if (next_line(&text, end, &line) < 0)
                        return true;    /* whose parser says what is wrong */
                if (*line)
                        return !startswith(line, "--");
        }
        return false;
}

/* A nested file is looked for beside the one that names it, not in whatever directory the daemon runs. */
static int read_nested(Input *in, const char *parent, const char *path, unsigned depth, ConfigError *e) {
        _cleanup_free_ char *joined = NULL;
        const char *slash = strrchr(parent, '/');

        if (*path == '/' || *path == '~' || !slash)
                return input_read_flagfile(in, path, depth, e);
        if (asprintf(&joined, "%.*s/%s", (int) (slash - parent), parent, path) < 0)
                return -ENOMEM;
        return input_read_flagfile(in, joined, depth, e);
}

static int flagfile_line(Input *in, unsigned source, const char *path, unsigned line, char *flag, unsigned depth, ConfigError *e) {
        char *value = strchr(flag, '=');
        size_t n = value ? (size_t) (value - flag) : strlen(flag);
        int r;

        if (n == 0)
                return config_fail(e, "%s:%u: -- without an option", path, line);
        if (n == 8 && strncmp(flag, "flagfile", 8) == 0) {
                if (!value || !value[1])
                        return config_fail(e, "%s:%u: --flagfile needs the name of a file", path, line);
                if (depth >= FLAGFILE_DEPTH_MAX - 1)
                        return config_fail(e, "%s:%u: flag files include each other, or more than %d deep", path, line, FLAGFILE_DEPTH_MAX);
                return read_nested(in, path, value + 1, depth + 1, e);
        }
        if (value)
                value = text_strip(value + 1);
        while (n > 0 && (flag[n - 1] == ' ' || flag[n - 1] == '\t'))
                n--;

        r = input_add_flag(in, source, line, flag, n, value, e);
        return r < 0 ? r : 0;
}

int input_parse_flagfile(Input *in, const char *path, const char *text, size_t size, unsigned depth, ConfigError *e) {
        const char *end = text + size;
        unsigned line = 0;
        int source, r;

        source = input_begin(in, SOURCE_FILE, path);
        if (source < 0)
                return source;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;

        while (text < end) {
                _cleanup_free_ char *s = NULL;

                line++;
                r = next_line(&text, end, &s);
                if (r == -EILSEQ)
                        return config_fail(e, "%s:%u: the line is not UTF-8 text", path, line);
                if (r < 0)
                        return r;
                if (!*s)
                        continue;
                if (*s != '-')
                        return config_fail(e, "%s:%u: line '%.*s…' of a flag file does not begin with --", path, line,
                                           (int) MIN(strcspn(s, " \t=:"), 40U), s);

                r = flagfile_line(in, (unsigned) source, path, line, s + (s[1] == '-' ? 2 : 1), depth, e);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool readable(const char *path) {
        return access(path, F_OK) == 0;
}

static int insert_flagfile(char *const *argv, const char *path, char ***ret) {
        _cleanup_(strv_freep) char **v = NULL;
        char *argument = NULL;

        if (argv[0] && strv_consume(&v, strdup(argv[0])) < 0)
                return -ENOMEM;
        if (asprintf(&argument, "--flagfile=%s", path) < 0 || strv_consume(&v, argument) < 0)
                return -ENOMEM;
        for (size_t i = 1; argv[0] && argv[i]; i++)
                if (strv_consume(&v, strdup(argv[i])) < 0)
                        return -ENOMEM;

        *ret = TAKE_PTR(v);
        return 1;
}

int default_flagfile_at(const Places *p, const char *filename, const char *executable_dir, char *const *argv, bool old_rules,
                        char ***ret) {
        _cleanup_free_ char *first = NULL, *system = NULL;
        const char *chosen;

        assert(p && executable_dir && argv && ret);

        if (!filename)
                filename = "nova.conf";
        for (char *const *a = argv; *a; a++)
                if (strstr(*a, "flagfile") || streq(*a, "--config-file") || startswith(*a, "--config-file="))
                        return (*ret = strv_copy(argv)) ? 0 : -ENOMEM;

        if (*filename == '/')
                first = strdup(filename);
        else if (asprintf(&first, "%s/%s", executable_dir, filename) < 0)
                first = NULL;
        if (!first || asprintf(&system, "%s/nova/nova.conf", p->etc) < 0)
                return -ENOMEM;

        if (readable(first))
                chosen = first;
        else if (readable("./nova.conf"))
                chosen = "./nova.conf";
        else if (readable(system) || old_rules)
                chosen = system;
        else
                return (*ret = strv_copy(argv)) ? 0 : -ENOMEM;

        return insert_flagfile(argv, chosen, ret);
}

int default_flagfile(const char *filename, const char *executable_dir, char *const *argv, bool old_rules, char ***ret) {
        return default_flagfile_at(&(Places) { .etc = SYSCONF_DIR }, filename, executable_dir, argv, old_rules, ret);
}

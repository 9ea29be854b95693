/* nova.conf: the INI syntax of oslo.config, which is that of Essex with quotes taken off (essex 3.4).
 *
 * Not inih, though Debian has it: its library is built to cut lines at 200 bytes (default_log_levels alone is longer), to
 * take " ;" within a value for a comment, and to report a continued line as another assignment of the same key. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

typedef struct Parser {
        Input *in;
        const char *path;
        ConfigError *error;
        unsigned source;
        unsigned line;
        char *group;
        char *key;                      /* of the value that may still be continued */
        unsigned key_line;
        char *value;
} Parser;

static void parser_done(Parser *p) {
        free(p->group);
        free(p->key);
        free(p->value);
}

/* The first word of a line that makes no sense: enough to find it, and no password. */
static int first_word(const char *line) {
        size_t n = strcspn(line, " \t=:");

        return (int) MIN(n, 40U);
}

static int parser_flush(Parser *p) {
        int r;

        if (!p->key)
                return 0;

        r = input_add(p->in, p->source, p->key_line, p->group, p->key, p->value);
        free(TAKE_PTR(p->key));
        free(TAKE_PTR(p->value));
        return r;
}

static int parser_continue(Parser *p, char *line) {
        char *longer = NULL;

        if (!p->key)
                return config_fail(p->error, "%s:%u: the line begins with white space, but there is no option above that it continues",
                                   p->path, p->line);
        if (asprintf(&longer, "%s\n%s", p->value, text_strip(line)) < 0)
                return -ENOMEM;
        free(p->value);
        p->value = longer;
        return 0;
}

static int parser_section(Parser *p, char *line) {
        size_t n = strlen(line);

        if (line[n - 1] != ']')
                return config_fail(p->error, "%s:%u: section '%.60s' does not end with ]", p->path, p->line, line);
        if (n <= 2)
                return config_fail(p->error, "%s:%u: section without a name", p->path, p->line);

        line[n - 1] = '\0';
        free(p->group);
        p->group = strdup(line + 1);
        if (!p->group)
                return -ENOMEM;
        if (!streq(p->group, "DEFAULT"))
                for (char *c = p->group; *c; c++)
                        *c = (char) tolower((unsigned char) *c);
        return 0;
}

static int parser_assignment(Parser *p, char *line) {
        char *split = line + strcspn(line, "=:"), *key, *value;
        size_t n;

        if (!*split)
                return config_fail(p->error, "%s:%u: line '%.*s…' has neither = nor :", p->path, p->line, first_word(line), line);
        *split = '\0';
        key = text_strip(line);
        value = text_strip(split + 1);
        if (!*key)
                return config_fail(p->error, "%s:%u: no option before the =", p->path, p->line);
        if (!p->group)
                return config_fail(p->error, "%s:%u: option '%.60s' stands before any [section]", p->path, p->line, key);

        n = strlen(value);
        if (n > 0 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
                value[n - 1] = '\0';
                value += n > 1;
        }

        p->key = strdup(key);
        p->value = strdup(value);
        p->key_line = p->line;
        return p->key && p->value ? 0 : -ENOMEM;
}

static int parser_line(Parser *p, char *line) {
        bool indented = *line == ' ' || *line == '\t';
        int r;

        for (size_t n = strlen(line); n > 0 && isspace((unsigned char) line[n - 1]); n--)
                line[n - 1] = '\0';

        if (*line && indented)
                return parser_continue(p, line);

        r = parser_flush(p);
        if (r < 0 || !*line || *line == '#' || *line == ';')
                return r;
        return *line == '[' ? parser_section(p, line) : parser_assignment(p, line);
}

int input_parse_ini(Input *in, const char *path, const char *text, size_t size, ConfigError *e) {
        _cleanup_(parser_done) Parser p = { .in = in, .path = path, .error = e };
        const char *end = text + size;
        int r;

        r = input_begin(in, SOURCE_FILE, path);
        if (r < 0)
                return r;
        p.source = (unsigned) r;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t) (end - text));
                size_t n = (size_t) ((newline ? newline : end) - text);
                _cleanup_free_ char *line = NULL;

                p.line++;
                if (memchr(text, '\0', n) || !text_is_utf8(text, n))
                        return config_fail(e, "%s:%u: the line is not UTF-8 text", path, p.line);
                line = strndup(text, n);
                if (!line)
                        return -ENOMEM;
                r = parser_line(&p, line);
                if (r < 0)
                        return r;
                text += n + 1;
        }

        return parser_flush(&p);
}

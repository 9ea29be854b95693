/* What people see of the configuration: --help, --show-config, values with secrets taken out. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

/* ---- URLs ---- */

/* "user:password@host" of one host: where the password begins, or NULL. @more: parts with an @ follow, so that a part
 * without one may be the beginning of a password with a comma in it. */
static const char *find_password(const char *part, size_t n, bool more, const char **ret_end) {
        const char *colon = memchr(part, ':', n), *at = memrchr(part, '@', n);

        if (!colon || (at && colon > at) || (!at && !more))
                return NULL;
        *ret_end = at ? at : part + n;
        return colon + 1;
}

static void mask_authority(FILE *f, const char *s, size_t n) {
        const char *end = s + n;

        while (s < end) {
                const char *comma = memchr(s, ',', (size_t) (end - s)), *stop = comma ? comma : end, *password, *after = NULL;

                password = find_password(s, (size_t) (stop - s), memchr(stop, '@', (size_t) (end - stop)), &after);
                if (password) {
                        fwrite(s, 1, (size_t) (password - s), f);
                        fputs("***", f);
                        fwrite(after, 1, (size_t) (stop - after), f);
                } else
                        fwrite(s, 1, (size_t) (stop - s), f);
                if (comma)
                        fputc(',', f);
                s = comma ? comma + 1 : end;
        }
}

static bool is_secret_key(const char *key, size_t n) {
        static const char *const words[] = { "pass", "secret", "token" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                for (size_t k = 0; k + strlen(words[i]) <= n; k++)
                        if (strncasecmp(key + k, words[i], strlen(words[i])) == 0)
                                return true;
        return false;
}

/* "?a=b&password=c" */
static void mask_query(FILE *f, const char *s, size_t n) {
        const char *end = s + n;

        while (s < end) {
                const char *next = memchr(s + 1, '&', (size_t) (end - s - 1)), *stop = next ? next : end;
                const char *equals = memchr(s, '=', (size_t) (stop - s));

                if (equals && is_secret_key(s, (size_t) (equals - s)))
                        fprintf(f, "%.*s***", (int) (equals + 1 - s), s);
                else
                        fwrite(s, 1, (size_t) (stop - s), f);
                s = stop;
        }
}

static void mask_one(FILE *f, const char *s, size_t n) {
        const char *end = s + n, *scheme = memmem(s, n, "://", 3), *path, *query, *at;

        if (!scheme) {
                fwrite(s, 1, n, f);
                return;
        }
        scheme += 3;
        fwrite(s, 1, (size_t) (scheme - s), f);

        path = scheme;
        while (path < end && !strchr("/?#", *path))
                path++;
        at = memrchr(scheme, '@', (size_t) (end - scheme));
        if (at && at > path) {
                /* An @ beyond the host: a password with / or ? in it that nobody encoded, perhaps. Hide too much. */
                const char *colon = memchr(scheme, ':', (size_t) (at - scheme));

                if (colon) {
                        fprintf(f, "%.*s***", (int) (colon + 1 - scheme), scheme);
                        scheme = at;
                        path = scheme;
                        while (path < end && !strchr("/?#", *path))
                                path++;
                }
        }

        mask_authority(f, scheme, (size_t) (path - scheme));
        query = memchr(path, '?', (size_t) (end - path));
        fwrite(path, 1, (size_t) ((query ? query : end) - path), f);
        if (query)
                mask_query(f, query, (size_t) (end - query));
}

char *mask_url(const char *text) {
        char *masked = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&masked, &size);
        if (!f)
                return NULL;
        /* Each word by itself: a list of URLs, a sentence with one in it. */
        while (*text) {
                size_t n = strcspn(text, " \t\n");

                mask_one(f, text, n);
                text += n;
                n = strspn(text, " \t\n");
                fwrite(text, 1, n, f);
                text += n;
        }
        if (ferror(f) | fclose(f)) {
                free(masked);
                return NULL;
        }
        return masked;
}

char *config_shown(const Config *c, const Option *o) {
        const Value *v;
        char name[256];

        option_full_name(o, name, sizeof name);
        v = config_value(c, name);
        assert(v);

        if (!v->text)
                return strdup("");
        if (v->secret)
                return strdup(*v->text ? "***" : "");
        return mask_url(v->text);
}

/* ---- printing ---- */

/* Breaks @text at blanks so that it fits beside @indent blanks. */
static void print_wrapped(FILE *f, const char *text, unsigned indent, const char *prefix) {
        while (*text) {
                size_t room = 100 - indent, n = strlen(text);

                if (n > room) {
                        for (n = room; n > 0 && text[n] != ' '; n--)
                                ;
                        if (n == 0)
                                n = strcspn(text, " ");
                }
                fprintf(f, "%s%*s%.*s\n", prefix, (int) indent, "", (int) n, text);
                text += n;
                text += strspn(text, " ");
        }
}

static void print_default(FILE *f, const Option *o) {
        if (!o->value)
                fputs("unset", f);
        else if (o->flags & OPTION_SECRET && *o->value)
                fputs("***", f);
        else
                for (const char *p = o->value; *p; p++)
                        fputs(*p == '\n' ? "; " : (char[]) { *p, '\0' }, f);
}

static void print_facts(FILE *f, const Option *o, const char *prefix) {
        fprintf(f, "%s(%s", prefix, option_type_to_string(o->type));
        if (o->choices) {
                fputs(": ", f);
                for (const char *const *c = o->choices; *c; c++)
                        fprintf(f, "%s%s", c == o->choices ? "" : ", ", **c ? *c : "''");
        } else if (o->min != 0 || o->max != 0) {
                if (o->max == INT64_MAX)
                        fprintf(f, ", %lld or more", (long long) o->min);
                else
                        fprintf(f, ", %lld to %lld", (long long) o->min, (long long) o->max);
        }
        fputs("; default ", f);
        print_default(f, o);
        if (o->flags & OPTION_RELOADABLE)
                fputs("; reloadable", f);
        if (o->flags & OPTION_ACCEPTED)
                fputs("; no effect", f);
        fputs(")\n", f);
        if (o->deprecated) {
                fprintf(f, "%s(also known as", prefix);
                for (const char *const *d = o->deprecated; *d; d++)
                        fprintf(f, "%s %s", d == o->deprecated ? "" : ",", *d);
                fputs(")\n", f);
        }
}

void config_print_help(FILE *f, const char *program) {
        const char *group = "";
        const Option *o;

        fprintf(f,
                "usage: %s [options]\n\n"
                "  --config-file FILE    read FILE (repeatable) instead of the default files\n"
                "  --config-dir DIR      read DIR/*.conf (repeatable) instead of the default directories\n"
                "  --flagfile FILE       read FILE: one --name=value a line, or like a configuration file\n"
                "  --show-config         print every option with its value and where it is from, and exit\n"
                "  -h, --help            print this and exit\n"
                "  --version             print the version and exit\n\n"
                "Every option of the configuration may be given as --name VALUE or --name=VALUE, those of a group as\n"
                "--group-name; booleans as --name or --noname. -d is --debug, -v is --verbose.\n",
                program);

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                if (i == 0 || !streq_ptr(group, o->group)) {
                        group = o->group;
                        fprintf(f, "\n[%s]\n", group ? group : "DEFAULT");
                }
                fprintf(f, "  --%s%s%s%s\n", strempty(o->group), o->group ? "-" : "", o->name,
                        o->type == OPTION_BOOLEAN ? "" : " VALUE");
                print_wrapped(f, o->help, 8, "");
                print_facts(f, o, "        ");
        }
}

void config_print(const Config *c, FILE *f) {
        const char *group = "";
        const Option *o;

        for (size_t i = 0; (o = config_option(c, i)); i++) {
                _cleanup_free_ char *shown = config_shown(c, o), *origin = NULL;
                char name[256];

                option_full_name(o, name, sizeof name);
                origin = config_origin(c, name);
                if (i == 0 || !streq_ptr(group, o->group)) {
                        group = o->group;
                        fprintf(f, "%s[%s]\n", i == 0 ? "" : "\n", group ? group : "DEFAULT");
                }

                fprintf(f, "%s%s =", config_is_set(c, name) ? "" : "#", o->name);
                /* A value of several lines is written as it would be read. */
                for (const char *p = strempty(shown); *p;) {
                        size_t n = strcspn(p, "\n");

                        fprintf(f, "%s%.*s", p == shown ? " " : "\n    ", (int) n, p);
                        p += n + (p[n] == '\n');
                }
                fprintf(f, "    # %s\n", strempty(origin));
        }
}

/* What people see of the configuration: --help, --show-config, values with secrets taken out. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

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
        if (o->flags & OPTION_PLANNED)
                fputs("; not used by this version", f);
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
                "  --recover-dry-run     print what a start would do with what an earlier run left, change nothing, and exit\n"
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

/* One line of a value, so that it is read as it is: blanks at its ends and quotes around it need quotes around them, and
 * @escape makes a dollar one that is no reference. */
static void print_line(FILE *f, const char *text, size_t n, bool escape) {
        bool quotes = n > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[n - 1]) || (strchr("\"'", text[0]) && text[0] == text[n - 1]));

        if (quotes)
                fputc('"', f);
        for (size_t i = 0; i < n; i++) {
                if (text[i] == '$' && escape)
                        fputc('$', f);
                fputc(text[i], f);
        }
        if (quotes)
                fputc('"', f);
}

/* As it would be read: one line per value of a multi-valued option, further lines of another indented. */
static void print_setting(FILE *f, const Option *o, const char *prefix, const char *text, bool escape) {
        fprintf(f, "%s%s =%s", prefix, o->name, *text ? " " : "");
        for (;;) {
                size_t n = strcspn(text, "\n");

                print_line(f, text, n, escape);
                text += n;
                if (*text++ != '\n')
                        break;
                if (o->type == OPTION_MULTI_STRING)
                        fprintf(f, "\n%s%s = ", prefix, o->name);
                else
                        fprintf(f, "\n%s    ", prefix);
        }
        fputc('\n', f);
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

                fprintf(f, "# %s\n", strempty(origin));
                print_setting(f, o, config_is_set(c, name) ? "" : "#", strempty(shown), true);
        }
}

void config_print_sample(FILE *f) {
        const char *last = "";
        const Option *o;

        fputs("# Sample configuration of nova-compute: every option that has an effect, with its default.\n"
              "# Comments begin at the beginning of a line only. Values may refer to others as $name or $group.name.\n", f);

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                if (o->flags & (OPTION_ACCEPTED | OPTION_PLANNED))
                        continue;
                if (i == 0 || !streq_ptr(last, o->group)) {
                        last = o->group;
                        fprintf(f, "\n[%s]\n", last ? last : "DEFAULT");
                }
                fputc('\n', f);
                print_wrapped(f, o->help, 0, "# ");
                print_facts(f, o, "# ");
                print_setting(f, o, "#", o->flags & OPTION_SECRET ? "" : strempty(o->value), false);
        }
}

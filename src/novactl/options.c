/* The command line and the help on it. */
#include <getopt.h>

#include "novactl/verbs.h"

/* ---- help ---- */

static char *verb_synopsis(const Verb *v) {
        return text_format("%s%s%s", v->name, isempty(v->arguments) ? "" : " ", v->arguments);
}

static char *option_synopsis(const Option *o) {
        _cleanup_free_ char *letter = o->letter ? text_format("-%c", o->letter) : must(strdup("  "));
        const char *between = !o->name ? "" : o->letter ? " " : " ";

        return text_format("%s%s%s%s%s%s", letter, between, o->name ? "--" : "", strempty(o->name), o->argument ? "=" : "", strempty(o->argument));
}

/* "  LEFT   RIGHT", RIGHT on a line of its own where LEFT is too wide. */
static void print_pair(const Output *o, const char *left, const char *right) {
        enum { COLUMN = 32 };
        size_t width = text_width(left);

        if (width + 3 > COLUMN)
                fprintf(o->file, "  %s\n%*s%s\n", left, COLUMN + 2, "", right);
        else
                fprintf(o->file, "  %s%*s%s\n", left, (int) (COLUMN - width), "", right);
}

static void print_title(const Output *o, const char *title) {
        fprintf(o->file, "\n%s%s:%s\n", output_colour(o, COLOUR_BOLD), title, output_colour_end(o, COLOUR_BOLD));
}

static void print_options(const Output *o, const char *verb) {
        for (size_t i = 0; i < _OPTION_MAX; i++) {
                _cleanup_free_ char *left = NULL;

                if (verb ? !options[i].verbs || !option_is_for(options + i, verb) : options[i].verbs != NULL)
                        continue;
                left = option_synopsis(options + i);
                print_pair(o, left, options[i].help);
        }
}

void help_print(const Output *o) {
        fprintf(o->file, "novactl [OPTIONS…] VERB …\n\nLook after this compute host and its instances.\n");
        for (VerbGroup g = 0; g < _VERB_GROUP_MAX; g++) {
                print_title(o, verb_group_title(g));
                for (size_t i = 0; i < n_verbs; i++) {
                        _cleanup_free_ char *left = verb_synopsis(verbs + i);

                        if (verbs[i].group == g && verbs[i].help)
                                print_pair(o, left, verbs[i].help);
                }
        }
        print_title(o, "Options");
        print_options(o, NULL);
        fprintf(o->file, "\nAn instance is named by its name, its uuid or the beginning of its uuid. Options of a verb: novactl help VERB.\n"
                         "See novactl(1) for all of it.\n");
}

void help_print_verb(const Output *o, const Verb *v) {
        _cleanup_free_ char *synopsis = verb_synopsis(v);
        bool any = false;

        fprintf(o->file, "novactl [OPTIONS…] %s\n\n%s.\n", synopsis, strempty(v->help));
        for (size_t i = 0; i < _OPTION_MAX; i++)
                any = any || (options[i].verbs && option_is_for(options + i, v->name));
        if (any) {
                print_title(o, "Options of this verb");
                print_options(o, v->name);
        }
        print_title(o, "Options of all verbs");
        print_options(o, NULL);
}

/* ---- the command line ---- */

/* A @what ("verb") that is none: @shown as it was given; behind @dashes the one of @names that may be meant. */
static void tell_unknown(const char *what, const char *shown, const char *word, const char *dashes, const char *const *names, size_t n) {
        const char *near = text_nearest(word, names, n);

        if (near)
                ctl_error("unknown %s '%s'; did you mean '%s%s'?", what, shown, dashes, near);
        else
                ctl_error("unknown %s '%s'; 'novactl help' lists them", what, shown);
}

static const Verb *wrong_verb(const char *name) {
        _cleanup_free_ char *shown = text_shown(name);
        const char *names[64];
        size_t n = 0;

        for (size_t i = 0; i < n_verbs && n < ELEMENTSOF(names); i++)
                if (verbs[i].help)
                        names[n++] = verbs[i].name;
        tell_unknown("verb", shown, name, "", names, n);
        return NULL;
}

/* getopt_long has seen a word it does not know, or an option with a value too many or too few. */
static void wrong_option(int answer, char **argv, const char *short_options) {
        const char *word = optind > 0 ? argv[optind - 1] : "";
        const char *names[_OPTION_MAX];
        _cleanup_free_ char *shown = text_shown(word), *name = NULL;
        size_t n = 0;

        if (answer == ':') {
                ctl_error("option '%s' needs a value", shown);
                return;
        }
        if (optopt != 0 && startswith(word, "--")) {
                ctl_error("option '%.*s' takes no value", (int) strcspn(shown, "="), shown);
                return;
        }
        if (!startswith(word, "--")) {
                if (optopt > ' ' && optopt < 0x7f && !strchr(short_options, optopt))
                        ctl_error("unknown option '-%c'; 'novactl help' lists them", optopt);
                else
                        ctl_error("unknown option '%s'; 'novactl help' lists them", shown);
                return;
        }
        for (size_t i = 0; i < _OPTION_MAX; i++)
                if (options[i].name)
                        names[n++] = options[i].name;
        name = must(strndup(word + 2, strcspn(word + 2, "=")));
        tell_unknown("option", shown, name, "--", names, n);
}

static void keep(OptionValues *v, const char *value) {
        v->values = must(reallocarray(v->values, v->n + 1, sizeof *v->values));
        v->values[v->n++] = value;
}

static bool arguments_fit(const Verb *v, unsigned n) {
        _cleanup_free_ char *synopsis = verb_synopsis(v);

        if (n >= v->min && n <= v->max)
                return true;
        if (n >= v->min && v->max == 0)
                ctl_error("'%s' takes no arguments", v->name);
        else
                ctl_error("too %s arguments: novactl %s", n < v->min ? "few" : "many", synopsis);
        return false;
}

static bool options_fit(const Ctl *c, const Verb *v) {
        for (size_t i = 0; i < _OPTION_MAX; i++) {
                if (!ctl_has(c, i) || option_is_for(options + i, v->name))
                        continue;
                ctl_error("'%s' takes no --%s; it is an option of: %s", v->name, options[i].name, options[i].verbs);
                return false;
        }
        return true;
}

static bool common_options(Ctl *c) {
        const char *mode = ctl_value(c, OPTION_JSON);

        if (mode && streq(mode, "help")) {
                puts("pretty\nshort\noff");
                exit(EXIT_DONE);
        }
        if (ctl_has(c, OPTION_J))
                c->out.json = c->out.terminal ? JSON_PRETTY : JSON_SHORT;
        if (mode && !streq(mode, "pretty") && !streq(mode, "short") && !streq(mode, "off")) {
                _cleanup_free_ char *shown = text_shown(mode);

                ctl_error("--json=%s: it is pretty, short or off", shown);
                return false;
        }
        if (mode)
                c->out.json = streq(mode, "pretty") ? JSON_PRETTY : streq(mode, "short") ? JSON_SHORT : JSON_OFF;
        if (c->out.json != JSON_OFF)
                c->out.colours = false;
        c->out.legend = !ctl_has(c, OPTION_NO_LEGEND);
        c->out.no_pager = ctl_has(c, OPTION_NO_PAGER);
        c->out.full = ctl_has(c, OPTION_FULL);
        c->host = ctl_value(c, OPTION_HOST);
        if (c->host && (isempty(c->host) || *c->host == '-')) {
                _cleanup_free_ char *shown = text_shown(c->host);

                ctl_error("--host=%s: that is no host", shown);
                return false;
        }
        return true;
}

const Verb *options_parse(Ctl *c, int argc, char **argv, char ***ret_arguments) {
        struct option longs[_OPTION_MAX + 1] = {};
        char shorts[2 * _OPTION_MAX + 2] = ":", *s = shorts + 1;
        static char *none[] = { NULL };
        const Verb *v;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < _OPTION_MAX; i++) {
                if (options[i].name)
                        longs[n++] = (struct option) { .name = options[i].name, .has_arg = options[i].argument != NULL, .val = 256 + (int) i };
                if (options[i].letter) {
                        *s++ = options[i].letter;
                        if (options[i].argument)
                                *s++ = ':';
                }
        }
        opterr = 0;
        while ((r = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
                size_t i = 0;

                if (r == '?' || r == ':') {
                        wrong_option(r, argv, shorts);
                        return NULL;
                }
                while (i < _OPTION_MAX && r != 256 + (int) i && r != options[i].letter)
                        i++;
                keep(c->options + i, optarg ? optarg : "");
        }
        if (!common_options(c))
                return NULL;

        *ret_arguments = optind < argc ? argv + optind + 1 : none;
        if (ctl_has(c, OPTION_VERSION)) {
                *ret_arguments = none;
                return verb_find("version");
        }
        if (ctl_has(c, OPTION_HELP)) {          /* novactl VERB --help: of that verb */
                v = optind < argc ? verb_find(argv[optind]) : NULL;
                *ret_arguments = v ? argv + optind : none;
                if (v)
                        argv[optind + 1] = NULL;
                return verb_find("help");
        }
        v = optind < argc ? verb_find(argv[optind]) : verb_find("list");
        if (!v)
                return wrong_verb(argv[optind]);
        return arguments_fit(v, (unsigned) (optind < argc ? argc - optind - 1 : 0)) && options_fit(c, v) ? v : NULL;
}

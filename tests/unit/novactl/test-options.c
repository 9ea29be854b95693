#include <getopt.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "novactl/verbs.h"

/* The program's own one is beside main(). Here it is kept. */
static char *last_error;

void ctl_error(const char *format, ...) {
        va_list ap;

        free(last_error);
        va_start(ap, format);
        if (vasprintf(&last_error, format, ap) < 0)
                last_error = NULL;
        va_end(ap);
}

ExitStatus verb_help(Ctl *c _unused_, const Verb *verb _unused_, char **arguments _unused_) {
        return EXIT_DONE;
}

/* Parses a line of words. */
static const Verb *parse(Ctl *c, const char *line, char ***ret) {
        static char text[512], *argv[32];
        int argc = 0;

        snprintf(text, sizeof text, "novactl %s", line);
        for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
                argv[argc++] = p;
        argv[argc] = NULL;
        for (size_t i = 0; i < _OPTION_MAX; i++)
                free(c->options[i].values);
        *c = (Ctl) {};
        optind = 0;
        return options_parse(c, argc, argv, ret);
}

static void done(Ctl *c) {
        for (size_t i = 0; i < _OPTION_MAX; i++)
                free(c->options[i].values);
}

static void options_stand_anywhere_and_without_a_verb_it_is_list(void **state _unused_) {
        char **arguments;
        Ctl c = {};

        assert_string_equal(parse(&c, "", &arguments)->name, "list");
        assert_null(*arguments);
        assert_string_equal(parse(&c, "--no-legend", &arguments)->name, "list");
        assert_false(c.out.legend);
        assert_string_equal(parse(&c, "stop web1 --timeout=5 web2 --no-block", &arguments)->name, "stop");
        assert_string_equal(arguments[0], "web1");
        assert_string_equal(arguments[1], "web2");
        assert_null(arguments[2]);
        assert_string_equal(ctl_value(&c, OPTION_TIMEOUT), "5");
        assert_true(ctl_has(&c, OPTION_NO_BLOCK));
        assert_string_equal(parse(&c, "-H root@node2 --json short show -p A -p B x", &arguments)->name, "show");
        assert_string_equal(c.host, "root@node2");
        assert_int_equal(c.out.json, JSON_SHORT);
        assert_int_equal(c.options[OPTION_PROPERTY].n, 2);
        assert_string_equal(parse(&c, "disable -- -new- disk", &arguments)->name, "disable");
        assert_string_equal(arguments[0], "-new-");
        assert_string_equal(parse(&c, "stop --help", &arguments)->name, "help");
        assert_string_equal(arguments[0], "stop");
        assert_null(arguments[1]);
        assert_string_equal(parse(&c, "--version", &arguments)->name, "version");
        done(&c);
}

static void mistakes_name_the_word_and_what_may_be_meant(void **state _unused_) {
        static const struct {
                const char *line, *error;
        } cases[] = {
                { "strat", "unknown verb 'strat'; did you mean 'start'?" },
                { "xyzzy", "unknown verb 'xyzzy'; 'novactl help' lists them" },
                { "comple", "unknown verb 'comple'; 'novactl help' lists them" },      /* that is for the shells */
                { "--jsno list", "unknown option '--jsno'; did you mean '--json'?" },
                { "-x", "unknown option '-x'; 'novactl help' lists them" },
                { "list --timeout", "option '--timeout' needs a value" },
                { "-H", "option '-H' needs a value" },
                { "--host= list", "--host=: that is no host" },
                { "--host=-oProxyCommand=x list", "--host=-oProxyCommand=x: that is no host" },
                { "--quiet=1 list", "option '--quiet' takes no value" },
                { "--json=xml list", "--json=xml: it is pretty, short or off" },
                { "list --image=x", "'list' takes no --image; it is an option of: create rescue" },
                { "start", "too few arguments: novactl start INSTANCE…" },
                { "snapshot a", "too few arguments: novactl snapshot INSTANCE IMAGE" },
                { "console a b", "too many arguments: novactl console INSTANCE" },
                { "node x", "'node' takes no arguments" },
        };
        char **arguments;
        Ctl c = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_null(parse(&c, cases[i].line, &arguments));
                assert_string_equal(last_error, cases[i].error);
        }
        done(&c);
}

static void the_tables_fit_each_other(void **state _unused_) {
        for (size_t i = 0; i < _OPTION_MAX; i++) {
                assert_int_equal(options[i].id, i);             /* the row is found by its number */
                assert_true(options[i].name || options[i].letter);
                assert_non_null(options[i].help);
                for (const char *p = strempty(options[i].verbs); *p;) {
                        size_t n = strcspn(p, " ");
                        _cleanup_free_ char *name = strndup(p, n);

                        assert_non_null(verb_find(name));
                        p += n + strspn(p + n, " ");
                }
        }
        for (size_t i = 0; i < n_verbs; i++) {
                assert_ptr_equal(verb_find(verbs[i].name), verbs + i);
                assert_non_null(verbs[i].run);
                assert_true(verbs[i].min <= verbs[i].max);
                assert_true(!verbs[i].method == !verbs[i].gerund);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_stand_anywhere_and_without_a_verb_it_is_list),
                cmocka_unit_test(mistakes_name_the_word_and_what_may_be_meant),
                cmocka_unit_test(the_tables_fit_each_other),
        };
        int r;

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        r = cmocka_run_group_tests(tests, NULL, NULL);
        free(last_error);
        return r;
}

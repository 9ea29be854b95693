/* novactl: the operator's command. It reads the command line, connects to the daemon on the system bus, and runs one verb. */
#include "novactl/novactl.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>

#include "novactl/client.h"
#include "novactl/verbs.h"

void ctl_error(const char *format, ...) {
        va_list ap;

        (void) fflush(stdout);
        fputs("novactl: ", stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
}

ExitStatus verb_help(Ctl *c, const Verb *verb _unused_, char **arguments) {
        const Verb *v = *arguments ? verb_find(*arguments) : NULL;
        _cleanup_free_ char *shown = *arguments ? text_shown(*arguments) : NULL;

        if (*arguments && !v) {
                ctl_error("there is no verb '%s'; 'novactl help' lists them", shown);
                return EXIT_USAGE;
        }
        output_open_pager(&c->out);
        if (v)
                help_print_verb(&c->out, v);
        else
                help_print(&c->out);
        return EXIT_DONE;
}

/* These say themselves what it means that there is no bus. */
static bool connects_itself(const Verb *v) {
        return v->run == verb_help || v->run == verb_version || v->run == verb_is_online;
}

/* A completion says nothing where the caller is just typing. */
static bool verb_is_silent(const Verb *v) {
        return v->run == verb_complete;
}

int main(int argc, char **argv) {
        ExitStatus status = EXIT_USAGE;
        char **arguments = NULL;
        Ctl c = {};

        (void) setlocale(LC_CTYPE, "");
        output_init(&c.out);
        c.verb = options_parse(&c, argc, argv, &arguments);
        if (c.verb)
                status = connects_itself(c.verb) ? EXIT_DONE : client_connect(&c, verb_is_silent(c.verb));
        if (c.verb && status == EXIT_DONE)
                status = c.verb->run(&c, c.verb, arguments);

        client_done(&c);
        if (output_close(&c.out) < 0 && status == EXIT_DONE) {
                ctl_error("not all could be written");
                status = EXIT_FAILED;
        }
        for (size_t i = 0; i < _OPTION_MAX; i++)
                free(c.options[i].values);
        return (int) status;
}

/* The verbs and options of novactl: one table each. Dispatch, help, and the tests that compare them with man page and completion
 * go by these. */
#pragma once

#include <limits.h>

#include "novactl/novactl.h"

#define ARGUMENTS_ANY UINT_MAX

typedef enum VerbGroup {
        VERB_INSTANCES,
        VERB_GUESTS,
        VERB_JOBS,
        VERB_HOST,
        VERB_OTHER,
        _VERB_GROUP_MAX,
} VerbGroup;

struct Verb {
        const char *name, *arguments;   /* "INSTANCE…" */
        const char *help;               /* one line */
        VerbGroup group;
        unsigned min, max;              /* arguments after the verb */
        ExitStatus (*run)(Ctl *c, const Verb *verb, char **arguments);
        const char *method;             /* of the verbs that are a method without arguments: its name */
        const char *gerund;             /* "starting": what is being done, for the progress line and errors */
};

typedef struct Option {
        OptionId id;
        const char *name;               /* without -- */
        char letter;                    /* or 0 */
        const char *argument;           /* "FILE"; NULL: takes none */
        const char *verbs;              /* those that take it, separated by spaces; NULL: all */
        const char *help;
        bool repeated;
} Option;

extern const Verb verbs[];
extern const size_t n_verbs;
extern const Option options[_OPTION_MAX];

/* NULL if there is none of that name. */
const Verb *verb_find(const char *name);
const char *verb_group_title(VerbGroup g);
bool option_is_for(const Option *o, const char *verb);

/* `novactl help`, and `novactl help VERB`. */
void help_print(const Output *o);
void help_print_verb(const Output *o, const Verb *v);

/* Reads the command line. Returns the verb with *ret_arguments (NULL-terminated, belongs to @argv) and c->options set, or NULL with
 * the mistake printed. --help and --version, and none at all, are the verbs help, version and list. */
const Verb *options_parse(Ctl *c, int argc, char **argv, char ***ret_arguments);

/* Each runs a verb; the files are called after them. */
ExitStatus verb_list(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_status(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_show(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_create(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_simple(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_reboot(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_snapshot(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_backup(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_rebuild(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_metadata(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_set_password(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_inject_file(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_interface(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_console(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_console_url(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_diagnostics(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_actions(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_jobs(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_cancel(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_monitor(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_node(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_service_method(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_disable(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_service(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_recover(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_drift(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_stalled(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_catalogue(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_metrics(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_is_online(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_version(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_help(Ctl *c, const Verb *verb, char **arguments);
ExitStatus verb_complete(Ctl *c, const Verb *verb, char **arguments);

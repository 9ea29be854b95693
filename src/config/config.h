/* The configuration: one immutable snapshot, read from flag files, nova.conf and the command line (essex 3, zed 10).
 * A reload makes a new one. Snapshots are reference counted and may be read from any thread.
 *
 * Options are named "name" for [DEFAULT] and "group.name" for others, with underscores: "report_interval",
 * "libvirt.virt_type"; a deprecated name means the same option. Asking for a name that is not in the table, or as another
 * type, is our mistake and asserts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/macros.h"

typedef struct Config Config;

typedef enum OptionType {
        OPTION_STRING,
        OPTION_INTEGER,
        OPTION_FLOAT,
        OPTION_BOOLEAN,
        OPTION_LIST,            /* comma separated */
        OPTION_MULTI_STRING,    /* one value per occurrence; in a default one per line */
        _OPTION_TYPE_MAX,
} OptionType;

enum {
        OPTION_SECRET = 1 << 0,         /* never shown or logged */
        OPTION_RELOADABLE = 1 << 1,     /* takes effect on reload; others are named as needing a restart */
        OPTION_ACCEPTED = 1 << 2,       /* read for compatibility and without effect; the help says why */
        OPTION_PLANNED = 1 << 3,        /* read and checked; what it is for is not built into this version */
};

/* A row of the one table (config/options-*.c, see options.h for how rows are written). */
typedef struct Option {
        const char *group;              /* NULL = DEFAULT */
        const char *name;
        OptionType type;
        const char *value;              /* default as text, may hold $other; NULL = unset */
        int (*dynamic)(char **ret);     /* the default is computed (host, my_ip): malloc'ed text; @value only describes it */
        int64_t min, max;               /* both 0 = any; of floats too */
        const char *const *choices;     /* NULL-terminated allowed texts, or NULL */
        const char *help;
        const char *const *deprecated;  /* NULL-terminated "name" or "group.name" that mean the same, or NULL */
        unsigned flags;
} Option;

/* The n-th row of the table, or NULL beyond the last. Rows of one group stand together; those of
 * [DEFAULT] by theme, each followed by the groups of that theme. */
const Option *option_table_at(size_t n);
const char *option_type_to_string(OptionType t);        /* "string", "integer", … */

/* What went wrong, in one sentence that names file, line, option, value and what is allowed. */
typedef struct ConfigError {
        char text[1024];
} ConfigError;

/* Insertion of the default flag file (essex 3.1). @executable_dir: directory of the program. Returns 1 with a new
 * malloc'ed NULL-terminated vector in *ret (its strings owned by it; strv_free), when something was inserted; 0 when
 * not (*ret is a plain copy); -ENOMEM. @filename: NULL = nova.conf. @old_rules: insert the last candidate even if it
 * does not exist, as before 2012. An argument with "flagfile" in it stops the insertion, and so does --config-file,
 * which today replaces the default files: a Debian host that names its files on the command line reads each once. */
int default_flagfile(const char *filename, const char *executable_dir, char *const *argv, bool old_rules, char ***ret);
char **strv_free(char **v);
char **strv_copy(char *const *v);        /* deep; NULL = {}. NULL when out of memory */
static inline void strv_freep(char ***v) {
        if (*v)
                strv_free(*v);
}

/* Reads all. What is read, later before earlier, files in this order:
 *   1. the default files, unless --config-file is given: nova.conf and <program>.conf, each from the first of ~/.nova, ~,
 *      /etc/nova and /etc that has it; unless --flagfile is given either: a flag file called nova.conf (what
 *      default_flagfile inserts) stands for these, and brings the <program>.conf beside it;
 *   2. the default directories, unless --config-dir is given: *.conf of nova.conf.d and <program>.conf.d in byte order,
 *      found in the same places (or beside that flag file);
 *   3. --config-file, --config-dir and --flagfile in the order of the command line (the flag file of 1 where 1 says);
 *   4. $CREDENTIALS_DIRECTORY (systemd's LoadCredential=): *.conf as configuration files; a file named like an option,
 *      "transport_url" or "group.name", holds its value;
 *   5. the environment: OS_<GROUP>__<NAME>, as today's oslo.config does;
 *   6. the command line.
 * Of one file today's name of an option beats its deprecated ones, else the last occurrence counts; multi-valued options
 * collect all. A number that is set to nothing has its default. Unknown names on the command line are an error, in files
 * they are counted. @argv[0] is the program, whose base name gives the default files. On success 0, *ret
 * holds one reference and *ret_leftover (may be NULL) the positional arguments; 1 if --help, --version or --show-config
 * was asked (*ret as far as read; see config_action); -EINVAL with the sentence in @error; -ENOMEM. */
int config_load(char *const *argv, Config **ret, char ***ret_leftover, ConfigError *error);

typedef enum ConfigAction {
        CONFIG_RUN,
        CONFIG_HELP,
        CONFIG_VERSION,
        CONFIG_SHOW,
        CONFIG_RECOVER_DRY_RUN,
} ConfigAction;
ConfigAction config_action(const Config *c);

/* Reads the same command line and files anew. */
int config_reload(const Config *c, Config **ret, ConfigError *error);

Config *config_ref(Config *c);
Config *config_unref(Config *c);
DEFINE_CLEANUP(Config *, config_unref)

/* A snapshot of nothing but defaults and the given "group.name=value" texts (NULL-terminated, or NULL), for tests and tools:
 * no file and no environment is read. Unknown names are -EINVAL. */
int config_new_for_test(Config **ret, const char *const *assignments, ConfigError *error);

/* Values, $names replaced. Strings belong to the snapshot; NULL = unset. */
const char *config_string(const Config *c, const char *name);
int64_t config_integer(const Config *c, const char *name);
double config_float(const Config *c, const char *name);
bool config_boolean(const Config *c, const char *name);
const char *const *config_list(const Config *c, const char *name);      /* NULL-terminated, never NULL; also multi-strings */
bool config_is_set(const Config *c, const char *name);                  /* by a file or the command line, or has a default */
bool config_is_given(const Config *c, const char *name);                /* by a file or the command line */
char *config_origin(const Config *c, const char *name);                 /* "default", "command line", "/etc/nova/nova.conf:12"; malloc'ed */

/* The same of the @n-th value of a multi-valued option: each stands in a line of its own. */
char *config_origin_at(const Config *c, const char *name, size_t n);

/* Adds an option after the fact (a driver's module): the stored input is read for it too, and so it is after a reload.
 * Thread-safe against getters. @o must outlive the snapshot and those reloaded from it. The same @o again is fine. Returns 0; -EEXIST if the name is taken; -EINVAL with @error for a bad value in the input. */
int config_register(Config *c, const Option *o, ConfigError *error);
/* Whether such a name is in the table or registered. */
bool config_has(const Config *c, const char *name);
/* The n-th option of all, or NULL beyond the last. */
const Option *config_option(const Config *c, size_t n);

/* Names that differ between two snapshots: calls @f with each option. */
void config_diff(const Config *a, const Config *b, void (*f)(const Option *o, void *userdata), void *userdata);

/* The value as it may be shown: secrets as ***, URLs without passwords. malloc'ed; NULL when out of memory. */
char *config_shown(const Config *c, const Option *o);

/* @text with the passwords of the URLs in it as ***. malloc'ed; NULL when out of memory. */
char *mask_url(const char *text);

/* --help and --show-config; the latter can be read as a configuration file, but for its secrets. */
void config_print_help(FILE *f, const char *program);
void config_print(const Config *c, FILE *f);
/* data/nova.conf.sample: the options that have an effect. */
void config_print_sample(FILE *f);

/* Calls log_add_secret for each secret value that was given, and passwords inside URLs. Returns 0 or -ENOMEM. */
int config_register_secrets(const Config *c);

/* How many names of the files are unknown to us, each counted once; -ENOMEM. *ret_names (may be NULL): a new vector of them,
 * sorted, as "/etc/nova/nova.conf:12: group.name", without values. */
int config_unknown(const Config *c, char ***ret_names);
/* What is odd but no reason to stop: timeouts in the wrong order (what was made of them), deprecated names. A sentence each. */
const char *const *config_warnings(const Config *c);
/* Logs both: a WARNING per warning; unknown names counted in one INFO line and named at DEBUG, and so are those given for
 * what is not built yet; those given that have no effect here, at DEBUG. */
void config_log_unknown(const Config *c);

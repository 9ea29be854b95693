/* The configuration: one immutable snapshot, read from flag files, nova.conf and the command line (essex 3, zed 10).
 * A reload makes a new one. Snapshots are reference counted and may be read from any thread.
 *
 * Options are named "name" for [DEFAULT] and "group.name" for others, with underscores: "report_interval",
 * "libvirt.virt_type". Asking for a name that is not in the table, or as another type, is our mistake and asserts. */
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
        OPTION_MULTI_STRING,    /* one value per occurrence */
        _OPTION_TYPE_MAX,
} OptionType;

enum {
        OPTION_SECRET = 1 << 0,         /* never shown or logged */
        OPTION_RELOADABLE = 1 << 1,     /* takes effect on reload; others are named as needing a restart */
        OPTION_ACCEPTED = 1 << 2,       /* read for compatibility and without effect; the help says why */
};

/* A row of the one table (config/options.c). */
typedef struct Option {
        const char *group;              /* NULL = DEFAULT */
        const char *name;
        OptionType type;
        const char *value;              /* default as text, may hold $other; NULL = unset */
        int64_t min, max;               /* both 0 = any */
        const char *const *choices;     /* NULL-terminated allowed texts, or NULL */
        const char *help;
        const char *const *deprecated;  /* NULL-terminated "name" or "group.name" that mean the same, or NULL */
        unsigned flags;
} Option;

const Option *option_table(size_t *ret_n);

/* What went wrong, in one sentence that names file, line, option, value and what is allowed. */
typedef struct ConfigError {
        char text[1024];
} ConfigError;

/* Insertion of the default flag file (essex 3.1). @executable_dir: directory of the program. Returns 1 with a new
 * malloc'ed NULL-terminated vector in *ret (its strings owned by it; strv_free), when something was inserted; 0 when
 * not (*ret is a plain copy); -ENOMEM. @filename: NULL = nova.conf. @old_rules: insert the last candidate even if it
 * does not exist, as before 2012. */
int default_flagfile(const char *filename, const char *executable_dir, char *const *argv, bool old_rules, char ***ret);
char **strv_free(char **v);
static inline void strv_freep(char ***v) {
        if (*v)
                strv_free(*v);
}

/* Reads all. @argv[0] is the program, whose base name gives the default files when none is named. On success 0, *ret
 * holds one reference and *ret_leftover (may be NULL) the positional arguments; 1 if --help, --version or --show-config
 * was asked (*ret as far as read; see config_action); -EINVAL with the sentence in @error; -ENOMEM. */
int config_load(char *const *argv, Config **ret, char ***ret_leftover, ConfigError *error);

typedef enum ConfigAction {
        CONFIG_RUN,
        CONFIG_HELP,
        CONFIG_VERSION,
        CONFIG_SHOW,
} ConfigAction;
ConfigAction config_action(const Config *c);

/* Reads the same command line and files anew. */
int config_reload(const Config *c, Config **ret, ConfigError *error);

Config *config_ref(Config *c);
Config *config_unref(Config *c);
DEFINE_CLEANUP(Config *, config_unref)

/* A snapshot of nothing but defaults and the given "group.name=value" texts (NULL-terminated), for tests and tools. */
int config_new_for_test(Config **ret, const char *const *assignments, ConfigError *error);

/* Values, $names replaced. Strings belong to the snapshot; NULL = unset. */
const char *config_string(const Config *c, const char *name);
int64_t config_integer(const Config *c, const char *name);
double config_float(const Config *c, const char *name);
bool config_boolean(const Config *c, const char *name);
const char *const *config_list(const Config *c, const char *name);      /* NULL-terminated, never NULL; also multi-strings */
bool config_is_set(const Config *c, const char *name);                  /* by a file or the command line, or has a default */
char *config_origin(const Config *c, const char *name);                 /* "default", "command line", "/etc/nova/nova.conf:12"; malloc'ed */

/* Adds an option after the fact (a driver's module): the stored input is read for it too. @o must outlive the process
 * or the snapshot. Returns 0; -EEXIST if the name is taken; -EINVAL with @error for a bad value in the input. */
int config_register(Config *c, const Option *o, ConfigError *error);
/* Whether such a name is in the table or registered. */
bool config_has(const Config *c, const char *name);
/* The n-th option of all, or NULL beyond the last. */
const Option *config_option(const Config *c, size_t n);

/* Names that differ between two snapshots: calls @f with each option. */
void config_diff(const Config *a, const Config *b, void (*f)(const Option *o, void *userdata), void *userdata);

/* The value as it may be shown: secrets as ***, URLs without passwords. malloc'ed; NULL when out of memory. */
char *config_shown(const Config *c, const Option *o);

/* --help and --show-config. */
void config_print_help(FILE *f, const char *program);
void config_print(const Config *c, FILE *f);

/* Calls log_add_secret for each secret value, and passwords inside URLs. */
int config_register_secrets(const Config *c);

/* How many names of the files are unknown to us; names are logged at DEBUG by config_log_unknown, one INFO line counts them. */
unsigned config_unknown(const Config *c);
void config_log_unknown(const Config *c);

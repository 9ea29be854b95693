/* What the files of config/ share: the input as read, the index of names, the snapshot. Nobody else includes this, but
 * tests and fuzzers of config/. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "config/config.h"

/* ---- names: every "name" and "group.name" of the table, deprecated ones too, sorted ---- */

typedef struct OptionName {
        const char *text;
        size_t option;                  /* row in the table */
        bool deprecated;
} OptionName;

typedef struct OptionIndex {
        OptionName *names;
        size_t n;
        char *texts;                    /* what the names point into */
} OptionIndex;

int option_index_init(OptionIndex *x);
void option_index_done(OptionIndex *x);
const OptionName *option_index_find(const OptionIndex *x, const char *name);
/* @flag as on a command line: dashes, underscores and the dot after the group are all the same; @n bytes of it. */
const OptionName *option_index_find_flag(const OptionIndex *x, const char *flag, size_t n);
/* Writes "name" or "group.name". */
void option_full_name(const Option *o, char *buf, size_t size);
bool flag_equals(const char *name, const char *flag, size_t n);

/* ---- input: assignments in the order in which they count ---- */

typedef enum SourceKind {
        SOURCE_FILE,
        SOURCE_CREDENTIAL,
        SOURCE_ENVIRONMENT,
        SOURCE_COMMAND_LINE,
        SOURCE_TEST,
} SourceKind;

/* One reading of one file, or all of the environment, … */
typedef struct Source {
        SourceKind kind;
        char *path;                     /* of files and credentials */
} Source;

typedef struct Assignment {
        char *name;                     /* "name" or "group.name"; of a flag as written, without the leading dashes */
        char *value;                    /* NULL: a flag without "=value" */
        unsigned source;
        unsigned line;                  /* 0 = has none */
        bool flag;                      /* from a flag file: to be compared as option_index_find_flag does */
        bool known;
        bool deprecated;                /* by a deprecated name */
        size_t option;                  /* if known */
} Assignment;

typedef struct Input {
        const OptionIndex *index;
        Source *sources;
        size_t n_sources;
        Assignment *assignments;
        size_t n_assignments;
        size_t allocated;
} Input;

void input_done(Input *in);
/* Begins a source; @path may be NULL. Returns its number, or -ENOMEM. */
int input_begin(Input *in, SourceKind kind, const char *path);
/* Adds "group.name = value" (@group NULL or "DEFAULT" for that). Copies. */
int input_add(Input *in, unsigned source, unsigned line, const char *group, const char *name, const char *value);
/* Adds a flag, "name" with its value or NULL: looked up as on a command line, "noname" of a boolean is false. Returns 1 if
 * it is known, 0 if not, -EINVAL with @e if it needs a value. */
int input_add_flag(Input *in, unsigned source, unsigned line, const char *name, size_t n, const char *value, ConfigError *e);
/* "/etc/nova/nova.conf:12", "command line", … */
void input_origin(const Input *in, unsigned source, unsigned line, char *buf, size_t size);

/* Texts of files, given as bytes. Errors name @path and line. */
int input_parse_ini(Input *in, const char *path, const char *text, size_t size, ConfigError *e);
/* @depth: how many flag files include this one. */
int input_parse_flagfile(Input *in, const char *path, const char *text, size_t size, unsigned depth, ConfigError *e);
bool flagfile_is_ini(const char *text, size_t size);

/* Files. A missing one is -EINVAL with @e. */
int input_read_ini(Input *in, const char *path, ConfigError *e);
int input_read_flagfile(Input *in, const char *path, unsigned depth, ConfigError *e);
int input_read_directory(Input *in, const char *path, bool may_be_missing, ConfigError *e);
int input_read_credentials(Input *in, const char *path, ConfigError *e);
int input_read_environment(Input *in, char *const *environment);

/* Whole small files: at most CONFIG_FILE_MAX bytes. 0 with a terminated text, or -errno. */
#define CONFIG_FILE_MAX (4U * 1024 * 1024)
int read_whole(const char *path, char **ret, size_t *ret_size);

/* ---- where defaults are looked for; tests give their own ---- */

typedef struct Places {
        const char *etc;                /* /etc */
        const char *home;               /* NULL = none */
        const char *credentials;        /* NULL = none */
        char *const *environment;       /* NULL = none */
} Places;

int default_flagfile_at(const Places *p, const char *filename, const char *executable_dir, char *const *argv, bool old_rules,
                        char ***ret);
int config_load_at(const Places *p, char *const *argv, Config **ret, char ***ret_leftover, ConfigError *error);

/* A snapshot of one file's text in either syntax and nothing else, for the fuzzer: no other file is read. */
int config_new_from_text(const char *path, const char *text, size_t size, Config **ret, ConfigError *e);

/* Reads @argv and all files it asks for or defaults name. *ret_action as asked, *ret_leftover a new vector. */
int command_line_read(Input *in, const Places *p, char *const *argv, ConfigAction *ret_action, char ***ret_leftover,
                      ConfigError *e);

/* ---- values ---- */

typedef struct Value {
        const Option *option;
        char *text;                     /* after substitution; NULL = unset */
        char **list;                    /* of lists and multi-strings, else NULL */
        union {
                int64_t integer;
                double number;
                bool boolean;
        };
        bool given;                     /* by @source, @line */
        unsigned source;
        unsigned line;
        bool secret;                    /* by its option, or it was made of a secret one */
        enum { VALUE_NEW, VALUE_BUSY, VALUE_DONE } state;
} Value;

typedef struct Registered {
        Value value;
        char *name;
        size_t row;                     /* counted on from the table's */
        struct Registered *next;
} Registered;

struct Config {
        atomic_uint n_ref;
        OptionIndex index;
        Input input;
        Value *values;                  /* one per row of the table */
        size_t n_values;
        Registered *_Atomic registered; /* prepended under the lock, read without */
        pthread_mutex_t lock;           /* of registering, and of the input, whose assignments it may make known */
        ConfigAction action;
        char **argv;                    /* for reload */
        Places places;                  /* its strings are ours, the environment is the process's */
        char **warnings;                /* never NULL */
};

void value_done(Value *v);
/* Finds the text of @v's option in the input, replaces names, converts, checks. Values it refers to are made first. */
int value_make(Config *c, Value *v, ConfigError *e);
/* The same for a value that @row of the input belongs to, in the table or registered. */
int value_make_row(Config *c, Value *v, size_t row, ConfigError *e);
/* Gives @v a new text, as a check of several options may decide. */
int value_replace(Config *c, Value *v, const char *text, ConfigError *e);
Value *config_value(const Config *c, const char *name);
/* Rules over several options (checks.c): -EINVAL with @e, or warnings and what was made of them. */
int config_check(Config *c, ConfigError *e);
int config_warn(Config *c, const char *format, ...) _printf_(2, 3);

/* Calls @f for each password in the URLs of @text, from the left; stops at its first negative return, and returns that. */
int url_passwords(const char *text, int (*f)(const char *password, size_t n, void *userdata), void *userdata);

/* Defaults that are computed. */
int dynamic_hostname(char **ret);
int dynamic_my_ip(char **ret);
int dynamic_module_path(char **ret);

/* Writes the sentence; returns -EINVAL. @e may be NULL. */
int config_fail(ConfigError *e, const char *format, ...) _printf_(2, 3);

/* ---- text ---- */
size_t strv_length(char *const *v);
/* Appends a string that now belongs to *v; frees it on failure. */
int strv_consume(char ***v, char *s);
bool text_is_utf8(const char *s, size_t n);
/* Cuts white space at both ends, in place. */
char *text_strip(char *s);

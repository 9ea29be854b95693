/* The command line, and the order in which files are read: see config_load in config.h. */
#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>

#include "config/config-internal.h"

typedef struct CommandLine {
        Input *in;
        const Places *places;
        ConfigError *error;
        const char *program;
        Input options;                  /* of the command line itself: they count after all files */
        unsigned source;
        bool has_config_file, has_config_dir, has_flagfile;
        const char *main_flagfile;      /* one called nova.conf, which stands for the default files */
        char **files;                   /* 'f' file, 'd' directory, 'g' flag file, then its name: in order */
        ConfigAction action;
} CommandLine;

static void command_line_done(CommandLine *l) {
        input_done(&l->options);
        strv_free(l->files);
}

/* ---- the arguments ---- */

static int add_file(CommandLine *l, char kind, const char *path) {
        char *s = NULL;

        if (!*path)
                return config_fail(l->error, "command line: %s needs a name",
                                   kind == 'f' ? "--config-file" : kind == 'd' ? "--config-dir" : "--flagfile");
        if (asprintf(&s, "%c%s", kind, path) < 0)
                return -ENOMEM;
        if (kind == 'g' && !l->main_flagfile) {
                const char *slash = strrchr(path, '/');

                if (streq(slash ? slash + 1 : path, "nova.conf"))
                        l->main_flagfile = path;
        }
        *(kind == 'f' ? &l->has_config_file : kind == 'd' ? &l->has_config_dir : &l->has_flagfile) = true;
        return strv_consume(&l->files, s);
}

/* An option that is about reading, not of the table. Returns its letter, or 0. */
static char file_argument(const char *name, size_t n) {
        return flag_equals("config_file", name, n) ? 'f' : flag_equals("config_dir", name, n) ? 'd' : flag_equals("flagfile", name, n) ? 'g' : 0;
}

static bool action_argument(const char *name, size_t n, ConfigAction *ret) {
        static const char *const names[] = { [CONFIG_HELP] = "help", [CONFIG_VERSION] = "version", [CONFIG_SHOW] = "show_config",
                                               [CONFIG_RECOVER_DRY_RUN] = "recover_dry_run" };

        for (size_t i = CONFIG_HELP; i < ELEMENTSOF(names); i++)
                if (flag_equals(names[i], name, n)) {
                        *ret = (ConfigAction) i;
                        return true;
                }
        return false;
}

static int read_option(CommandLine *l, const char *name, size_t n, const char *value) {
        int r;

        r = input_add_flag(&l->options, l->source, 0, name, n, value, l->error);
        if (r == 0)
                return config_fail(l->error, "command line: unknown option --%.*s (--help lists all)", (int) n, name);
        return r;
}

/* Whether --name takes the next argument: all but booleans, --noname, and what is unknown anyway. */
static bool takes_value(CommandLine *l, const char *name, size_t n) {
        const OptionName *found = option_index_find_flag(l->in->index, name, n);

        return file_argument(name, n) || (found && option_table_at(found->option)->type != OPTION_BOOLEAN);
}

/* Returns how many arguments it took. */
static int read_argument(CommandLine *l, char *const *argv) {
        const char *name = argv[0] + (argv[0][1] == '-' ? 2 : 1), *value = strchr(name, '=');
        size_t n = value ? (size_t) (value - name) : strlen(name);
        int taken = 1, r;
        char kind;

        if (value)
                value++;
        if (!value && action_argument(name, n, &l->action))
                return 1;
        if (!value && takes_value(l, name, n)) {
                if (!argv[1] || startswith(argv[1], "--"))
                        return config_fail(l->error, "command line: option --%s needs a value", name);
                value = argv[1];
                taken = 2;
        }
        if (value && !text_is_utf8(value, strlen(value)))
                return config_fail(l->error, "command line: the value of --%.*s is not UTF-8 text", (int) n, name);

        kind = file_argument(name, n);
        r = kind ? add_file(l, kind, value) : read_option(l, name, n, value);
        return r < 0 ? r : taken;
}

static int read_arguments(CommandLine *l, char *const *argv, char ***leftover) {
        int r;

        while (*argv) {
                if (streq(*argv, "--")) {
                        argv++;
                        break;
                }
                if (**argv != '-' || streq(*argv, "-"))
                        break;

                if (streq(*argv, "-h")) {
                        l->action = CONFIG_HELP;
                        r = 1;
                } else if (streq(*argv, "-d"))
                        r = read_option(l, "debug", 5, NULL);
                else if (streq(*argv, "-v"))
                        r = read_option(l, "verbose", 7, NULL);
                else if ((*argv)[1] == '-' || startswith(*argv, "-flagfile"))
                        r = read_argument(l, argv);
                else
                        r = config_fail(l->error, "command line: unknown option %.60s (--help lists all)", *argv);
                if (r < 0)
                        return r;
                argv += MAX(r, 1);
        }

        return (*leftover = strv_copy(argv)) ? 0 : -ENOMEM;
}

/* ---- the files ---- */

/* The first of the places of oslo.config that has @name; 0 if none. */
static int find_default(const Places *p, const char *name, char **ret) {
        const struct {
                const char *directory, *sub;
        } places[] = { { p->home, "/.nova" }, { p->home, "" }, { p->etc, "/nova" }, { p->etc, "" } };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = NULL;

                if (!places[i].directory)
                        continue;
                if (asprintf(&path, "%s%s/%s", places[i].directory, places[i].sub, name) < 0)
                        return -ENOMEM;
                if (access(path, F_OK) == 0) {
                        *ret = TAKE_PTR(path);
                        return 1;
                }
        }
        return 0;
}

/* The default file or directory "<stem><suffix>": beside the main flag file if there is one. */
static int read_default(CommandLine *l, const char *stem, const char *suffix, bool directory) {
        _cleanup_free_ char *name = NULL, *path = NULL;
        int r;

        if (asprintf(&name, "%s%s", stem, suffix) < 0)
                return -ENOMEM;
        if (l->main_flagfile) {
                const char *slash = strrchr(l->main_flagfile, '/');

                if (asprintf(&path, "%.*s%s", slash ? (int) (slash - l->main_flagfile) + 1 : 0, l->main_flagfile, name) < 0)
                        return -ENOMEM;
                r = access(path, F_OK) == 0;
        } else
                r = find_default(l->places, name, &path);
        if (r <= 0)
                return r;

        return directory ? input_read_directory(l->in, path, true, l->error) : input_read_ini(l->in, path, l->error);
}

static int read_defaults(CommandLine *l) {
        bool same = streq(l->program, "nova");
        int r;

        if (!l->has_config_file && l->main_flagfile) {
                r = input_read_flagfile(l->in, l->main_flagfile, 0, l->error);
                if (r < 0)
                        return r;
                r = same ? 0 : read_default(l, l->program, ".conf", false);
        } else if (!l->has_config_file && !l->has_flagfile) {
                r = read_default(l, "nova", ".conf", false);
                if (r < 0)
                        return r;
                r = same ? 0 : read_default(l, l->program, ".conf", false);
        } else {
                /* Named files are read where they stand; without that flag file the directories are the usual ones. */
                l->main_flagfile = NULL;
                r = 0;
        }
        if (r < 0 || l->has_config_dir)
                return r;

        r = read_default(l, "nova", ".conf.d", true);
        return r < 0 || same ? r : read_default(l, l->program, ".conf.d", true);
}

static int read_files(CommandLine *l) {
        int r;

        r = read_defaults(l);
        for (char **f = l->files; r >= 0 && f && *f; f++) {
                const char *path = *f + 1;

                if (**f == 'g' && l->main_flagfile && streq(path, l->main_flagfile))
                        continue;
                r = **f == 'f' ? input_read_ini(l->in, path, l->error)
                  : **f == 'd' ? input_read_directory(l->in, path, false, l->error)
                               : input_read_flagfile(l->in, path, 0, l->error);
        }
        if (r >= 0 && l->places->credentials)
                r = input_read_credentials(l->in, l->places->credentials, l->error);
        if (r >= 0)
                r = input_read_environment(l->in, l->places->environment);
        return r;
}

/* The options of the command line come last: they count most. */
static int append_options(CommandLine *l) {
        int source, r;

        source = input_begin(l->in, SOURCE_COMMAND_LINE, NULL);
        if (source < 0)
                return source;
        for (size_t i = 0; i < l->options.n_assignments; i++) {
                const Assignment *a = l->options.assignments + i;

                r = input_add(l->in, (unsigned) source, 0, NULL, a->name, a->value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int command_line_read(Input *in, const Places *p, char *const *argv, ConfigAction *ret_action, char ***ret_leftover,
                      ConfigError *e) {
        _cleanup_(command_line_done) CommandLine l = { .in = in, .places = p, .error = e, .options = { .index = in->index } };
        _cleanup_(strv_freep) char **leftover = NULL;
        const char *slash;
        int r;

        assert(argv && argv[0]);

        slash = strrchr(argv[0], '/');
        l.program = slash ? slash + 1 : argv[0];

        r = input_begin(&l.options, SOURCE_COMMAND_LINE, NULL);
        if (r < 0)
                return r;
        l.source = (unsigned) r;

        r = read_arguments(&l, argv + 1, &leftover);
        if (r < 0)
                return r;
        /* Neither needs a file, and both must work where one is broken. */
        if (l.action != CONFIG_HELP && l.action != CONFIG_VERSION) {
                r = read_files(&l);
                if (r < 0)
                        return r;
        }
        r = append_options(&l);
        if (r < 0)
                return r;

        *ret_action = l.action;
        *ret_leftover = TAKE_PTR(leftover);
        return 0;
}

/* Files of the configuration: one by name, a directory of them, systemd's credentials; and the environment. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

static int read_named(const char *path, char **ret, size_t *ret_size, ConfigError *e) {
        int r = read_whole(path, ret, ret_size);

        if (r == -EFBIG)
                return config_fail(e, "configuration file '%s' is longer than %u bytes", path, CONFIG_FILE_MAX);
        if (r < 0 && r != -ENOMEM)
                return config_fail(e, "cannot read configuration file '%s': %s", path, strerror(-r));
        return r;
}

int input_read_ini(Input *in, const char *path, ConfigError *e) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_named(path, &text, &size, e);
        return r < 0 ? r : input_parse_ini(in, path, text, size, e);
}

int input_read_flagfile(Input *in, const char *path, unsigned depth, ConfigError *e) {
        _cleanup_free_ char *text = NULL, *expanded = NULL;
        size_t size;
        int r;

        if (startswith(path, "~/") && getenv("HOME")) {
                if (asprintf(&expanded, "%s%s", getenv("HOME"), path + 1) < 0)
                        return -ENOMEM;
                path = expanded;
        }

        r = read_named(path, &text, &size, e);
        if (r < 0)
                return r;
        return flagfile_is_ini(text, size) ? input_parse_ini(in, path, text, size, e)
                                           : input_parse_flagfile(in, path, text, size, depth, e);
}

static int is_conf(const struct dirent *d) {
        size_t n = strlen(d->d_name);

        return *d->d_name != '.' && n > 5 && streq(d->d_name + n - 5, ".conf");
}

static int is_visible(const struct dirent *d) {
        return *d->d_name != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls @f for the entries of @path that pass @filter, sorted. */
static int for_each_entry(const char *path, int (*filter)(const struct dirent *), bool may_be_missing,
                          int (*f)(Input *, const char *, const char *, ConfigError *), Input *in, ConfigError *e) {
        struct dirent **entries;
        int n, r = 0;

        n = scandir(path, &entries, filter, by_bytes);
        if (n < 0) {
                if (errno == ENOENT && may_be_missing)
                        return 0;
                return config_fail(e, "cannot read configuration directory '%s': %s", path, strerror(errno));
        }

        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *joined = NULL;

                if (r >= 0)
                        r = asprintf(&joined, "%s/%s", path, entries[i]->d_name) < 0 ? -ENOMEM : f(in, joined, entries[i]->d_name, e);
                free(entries[i]);
        }
        free(entries);
        return r < 0 ? r : 0;
}

static int read_entry(Input *in, const char *path, const char *name _unused_, ConfigError *e) {
        return input_read_ini(in, path, e);
}

int input_read_directory(Input *in, const char *path, bool may_be_missing, ConfigError *e) {
        return for_each_entry(path, is_conf, may_be_missing, read_entry, in, e);
}

/* Other credentials than options are other programs' business (a key for TLS that an option names, say). */
static int read_credential(Input *in, const char *path, const char *name, ConfigError *e) {
        const OptionName *found = option_index_find(in->index, name);
        _cleanup_free_ char *text = NULL;
        size_t size, n = strlen(name);
        int r;

        if (n > 5 && streq(name + n - 5, ".conf"))
                return input_read_ini(in, path, e);
        if (!found)
                return 0;

        r = read_named(path, &text, &size, e);
        if (r < 0)
                return r;
        if (memchr(text, '\0', size) || !text_is_utf8(text, size))
                r = config_fail(e, "credential '%s' is not UTF-8 text", path);
        else if ((r = input_begin(in, SOURCE_CREDENTIAL, path)) >= 0)
                r = input_add(in, (unsigned) r, 0, NULL, name, text_strip(text));
        explicit_bzero(text, size);
        return r;
}

int input_read_credentials(Input *in, const char *path, ConfigError *e) {
        return for_each_entry(path, is_visible, true, read_credential, in, e);
}

int input_read_environment(Input *in, char *const *environment) {
        int source = -1, r;

        for (char *const *v = environment; v && *v; v++) {
                const char *group = startswith(*v, "OS_"), *end, *equals;
                char name[256];
                size_t n;

                equals = group ? strchr(group, '=') : NULL;
                end = group ? strstr(group, "__") : NULL;
                if (!equals || !end || end > equals || equals - group >= (ptrdiff_t) sizeof name || !text_is_utf8(equals, strlen(equals)))
                        continue;

                n = (size_t) snprintf(name, sizeof name, "%.*s.%.*s", (int) (end - group), group, (int) (equals - end - 2), end + 2);
                for (size_t i = 0; i < n; i++)
                        if (name[i] >= 'A' && name[i] <= 'Z')
                                name[i] = (char) (name[i] + 'a' - 'A');

                if (source < 0 && (source = input_begin(in, SOURCE_ENVIRONMENT, NULL)) < 0)
                        return source;
                /* OS_AUTH__… and the like may be anybody's: what is no option is not counted as unknown. */
                if (startswith(name, "default."))
                        memmove(name, name + strlen("default."), n + 1 - strlen("default."));
                if (!option_index_find(in->index, name))
                        continue;
                r = input_add(in, (unsigned) source, 0, NULL, name, equals + 1);
                if (r < 0)
                        return r;
        }

        return 0;
}

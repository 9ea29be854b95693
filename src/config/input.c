/* What was read, as one list of assignments in the order in which they count: the last one wins. It is kept in the
 * snapshot, for options that are registered later. */
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

void input_done(Input *in) {
        for (size_t i = 0; i < in->n_assignments; i++) {
                free(in->assignments[i].name);
                if (in->assignments[i].value)
                        explicit_bzero(in->assignments[i].value, strlen(in->assignments[i].value));
                free(in->assignments[i].value);
        }
        for (size_t i = 0; i < in->n_sources; i++)
                free(in->sources[i].path);
        free(in->assignments);
        free(in->sources);
        *in = (Input) {};
}

int input_begin(Input *in, SourceKind kind, const char *path) {
        _cleanup_free_ char *copy = NULL;
        Source *bigger;

        if (path && !(copy = strdup(path)))
                return -ENOMEM;
        bigger = reallocarray(in->sources, in->n_sources + 1, sizeof *bigger);
        if (!bigger)
                return -ENOMEM;

        in->sources = bigger;
        in->sources[in->n_sources] = (Source) { .kind = kind, .path = TAKE_PTR(copy) };
        return (int) in->n_sources++;
}

void input_origin(const Input *in, unsigned source, unsigned line, char *buf, size_t size) {
        const Source *s = in->sources + source;

        switch (s->kind) {
        case SOURCE_FILE:
                snprintf(buf, size, "%s:%u", s->path, line);
                return;
        case SOURCE_CREDENTIAL:
                snprintf(buf, size, "%s", s->path);
                return;
        case SOURCE_ENVIRONMENT:
                snprintf(buf, size, "environment");
                return;
        case SOURCE_COMMAND_LINE:
                snprintf(buf, size, "command line");
                return;
        case SOURCE_TEST:
                snprintf(buf, size, "test");
                return;
        }
}

/* Takes the contents of @a, also on failure. */
static int input_append(Input *in, Assignment a) {
        if (!a.name)
                goto fail;

        if (in->n_assignments >= in->allocated) {
                size_t more = in->allocated ? in->allocated * 2 : 64;
                Assignment *bigger = reallocarray(in->assignments, more, sizeof *bigger);

                if (!bigger)
                        goto fail;
                in->assignments = bigger;
                in->allocated = more;
        }

        in->assignments[in->n_assignments++] = a;
        return 0;

fail:
        free(a.name);
        free(a.value);
        return -ENOMEM;
}

int input_add(Input *in, unsigned source, unsigned line, const char *group, const char *name, const char *value) {
        bool dotted = strchr(name, '.');
        Assignment a = { .source = source, .line = line };
        const OptionName *found;

        /* [DEFAULT] with a dot in the name is no name of the table, and must not be taken for one of a group. */
        if (group && streq(group, "DEFAULT") && !dotted)
                group = NULL;
        if (asprintf(&a.name, "%s%s%s", strempty(group), group ? "." : "", name) < 0)
                return -ENOMEM;
        if (!(a.value = strdup(value))) {
                free(a.name);
                return -ENOMEM;
        }

        for (char *p = a.name + (group ? strlen(group) + 1 : 0); *p; p++)
                if (*p == '-')
                        *p = '_';

        found = option_index_find(in->index, a.name);
        if (found) {
                a.known = true;
                a.deprecated = found->deprecated;
                a.option = found->option;
        }
        return input_append(in, a);
}

int input_add_flag(Input *in, unsigned source, unsigned line, const char *name, size_t n, const char *value, ConfigError *e) {
        const OptionName *found = option_index_find_flag(in->index, name, n);
        Assignment a = { .source = source, .line = line, .flag = true };
        int r;

        /* "no" is a prefix only where the whole is no name of its own (F63), and only of booleans. */
        if (!found && !value && n > 2 && strncmp(name, "no", 2) == 0) {
                found = option_index_find_flag(in->index, name + 2, n - 2);
                if (found && option_table_at(found->option)->type == OPTION_BOOLEAN)
                        value = "false";
                else
                        found = NULL;
        }
        if (found && !value) {
                if (option_table_at(found->option)->type != OPTION_BOOLEAN) {
                        char origin[512];

                        input_origin(in, source, line, origin, sizeof origin);
                        return config_fail(e, "%s: option --%.*s needs a value", origin, (int) n, name);
                }
                value = "true";
        }

        a.name = found ? strdup(found->text) : strndup(name, n);
        if (value && !(a.value = strdup(value))) {
                free(a.name);
                return -ENOMEM;
        }
        if (found) {
                a.flag = false;
                a.known = true;
                a.deprecated = found->deprecated;
                a.option = found->option;
        }

        r = input_append(in, a);
        return r < 0 ? r : found != NULL;
}

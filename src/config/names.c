/* The index of option names: today's and deprecated ones, sorted for look-up by "name" and "group.name".
 * A flag of the command line is looked up in its order too; there '-', '_' and the dot after the group are one. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

void option_full_name(const Option *o, char *buf, size_t size) {
        snprintf(buf, size, "%s%s%s", strempty(o->group), o->group ? "." : "", o->name);
}

static int compare_names(const void *a, const void *b) {
        const OptionName *x = a, *y = b;

        return strcmp(x->text, y->text);
}

int option_index_init(OptionIndex *x) {
        OptionIndex index = {};
        size_t n = 0, size = 0;
        const Option *o;
        char *p;

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                n++;
                size += strlen(strempty(o->group)) + strlen(o->name) + 2;
                for (const char *const *d = o->deprecated; d && *d; d++)
                        n++;
        }

        index.names = calloc(n, sizeof *index.names);
        index.texts = p = malloc(size);
        if (!index.names || !index.texts) {
                option_index_done(&index);
                return -ENOMEM;
        }

        for (size_t i = 0; (o = option_table_at(i)); i++) {
                option_full_name(o, p, (size_t) (index.texts + size - p));
                index.names[index.n++] = (OptionName) { .text = p, .option = i };
                p += strlen(p) + 1;
                for (const char *const *d = o->deprecated; d && *d; d++)
                        index.names[index.n++] = (OptionName) { .text = *d, .option = i, .deprecated = true };
        }

        qsort(index.names, index.n, sizeof *index.names, compare_names);
        *x = index;
        return 0;
}

void option_index_done(OptionIndex *x) {
        free(x->names);
        free(x->texts);
        *x = (OptionIndex) {};
}

const OptionName *option_index_find(const OptionIndex *x, const char *name) {
        OptionName key = { .text = name };

        return bsearch(&key, x->names, x->n, sizeof *x->names, compare_names);
}

static char flag_char(char c) {
        return c == '-' || c == '.' ? '_' : c;
}

bool flag_equals(const char *name, const char *flag, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (flag_char(name[i]) != flag_char(flag[i]) || name[i] == '\0')
                        return false;
        return name[n] == '\0';
}

const OptionName *option_index_find_flag(const OptionIndex *x, const char *flag, size_t n) {
        const OptionName *old = NULL;

        for (size_t i = 0; i < x->n; i++)
                if (flag_equals(x->names[i].text, flag, n)) {
                        if (!x->names[i].deprecated)
                                return x->names + i;
                        old = x->names + i;
                }

        return old;
}

/* The snapshot: made once from all input, read by everybody, replaced by another at a reload. */
#include "config/config.h"

#include <assert.h>
#include <config.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/config-internal.h"

extern char **environ;

/* ---- making and ending ---- */

static void config_free(Config *c) {
        Registered *g = atomic_load(&c->registered);

        while (g) {
                Registered *next = g->next;

                value_done(&g->value);
                free(g->name);
                free(g);
                g = next;
        }
        for (size_t i = 0; c->values && i < c->n_values; i++)
                value_done(c->values + i);
        free(c->values);
        input_done(&c->input);
        option_index_done(&c->index);
        strv_free(c->argv);
        strv_free(c->warnings);
        free((char *) c->places.etc);
        free((char *) c->places.home);
        free((char *) c->places.credentials);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

Config *config_ref(Config *c) {
        assert(c);
        atomic_fetch_add(&c->n_ref, 1);
        return c;
}

Config *config_unref(Config *c) {
        if (c && atomic_fetch_sub(&c->n_ref, 1) == 1)
                config_free(c);
        return NULL;
}

static int config_new(Config **ret) {
        _cleanup_(config_unrefp) Config *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        atomic_init(&c->n_ref, 1);
        atomic_init(&c->registered, NULL);
        pthread_mutex_init(&c->lock, NULL);

        c->warnings = calloc(1, sizeof *c->warnings);
        if (!c->warnings)
                return -ENOMEM;
        r = option_index_init(&c->index);
        if (r < 0)
                return r;
        c->input.index = &c->index;

        while (option_table_at(c->n_values))
                c->n_values++;
        c->values = calloc(c->n_values, sizeof *c->values);
        if (!c->values)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_values; i++)
                c->values[i].option = option_table_at(i);

        *ret = TAKE_PTR(c);
        return 0;
}

static int config_make_values(Config *c, ConfigError *e) {
        for (size_t i = 0; i < c->n_values; i++) {
                int r = value_make(c, c->values + i, e);

                if (r < 0)
                        return r;
        }
        return config_check(c, e);
}

static int copy_text(const char *s, const char **ret) {
        return !s || (*ret = strdup(s)) ? 0 : -ENOMEM;
}

int config_load_at(const Places *p, char *const *argv, Config **ret, char ***ret_leftover, ConfigError *e) {
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(strv_freep) char **leftover = NULL;
        int r;

        assert(p && argv && argv[0] && ret);

        r = config_new(&c);
        if (r < 0)
                return r;
        c->places.environment = p->environment;
        if (copy_text(p->etc, &c->places.etc) < 0 || copy_text(p->home, &c->places.home) < 0 ||
            copy_text(p->credentials, &c->places.credentials) < 0 || !(c->argv = strv_copy(argv)))
                return -ENOMEM;

        r = command_line_read(&c->input, &c->places, c->argv, &c->action, &leftover, e);
        if (r >= 0)
                r = config_make_values(c, e);
        if (r < 0)
                return r;

        if (ret_leftover)
                *ret_leftover = TAKE_PTR(leftover);
        r = c->action == CONFIG_RUN ? 0 : 1;
        *ret = TAKE_PTR(c);
        return r;
}

int config_load(char *const *argv, Config **ret, char ***ret_leftover, ConfigError *error) {
        Places p = {
                .etc = SYSCONF_DIR,
                .home = getenv("HOME"),
                .credentials = getenv("CREDENTIALS_DIRECTORY"),
                .environment = environ,
        };

        return config_load_at(&p, argv, ret, ret_leftover, error);
}

int config_new_for_test(Config **ret, const char *const *assignments, ConfigError *e) {
        _cleanup_(config_unrefp) Config *c = NULL;
        int r;

        assert(ret);

        r = config_new(&c);
        if (r < 0)
                return r;
        r = input_begin(&c->input, SOURCE_TEST, NULL);
        for (; r >= 0 && assignments && *assignments; assignments++) {
                const char *value = strchr(*assignments, '=');
                _cleanup_free_ char *name = value ? strndup(*assignments, (size_t) (value - *assignments)) : strdup(*assignments);

                if (!name)
                        return -ENOMEM;
                if (!value || !option_index_find(&c->index, name))
                        return config_fail(e, "test: '%s' is not group.name=value of a known option", *assignments);
                r = input_add(&c->input, 0, 0, NULL, name, value + 1);
        }
        if (r >= 0)
                r = config_make_values(c, e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

int config_new_from_text(const char *path, const char *text, size_t size, Config **ret, ConfigError *e) {
        _cleanup_(config_unrefp) Config *c = NULL;
        int r;

        r = config_new(&c);
        if (r < 0)
                return r;
        r = flagfile_is_ini(text, size) ? input_parse_ini(&c->input, path, text, size, e)
                                        : input_parse_flagfile(&c->input, path, text, size, UINT_MAX - 1, e);
        if (r >= 0)
                r = config_make_values(c, e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

ConfigAction config_action(const Config *c) {
        return c->action;
}

/* ---- options that come later ---- */

static Registered *find_registered(const Config *c, const char *name) {
        for (Registered *g = atomic_load(&c->registered); g; g = g->next) {
                if (streq(g->name, name))
                        return g;
                for (const char *const *d = g->value.option->deprecated; d && *d; d++)
                        if (streq(*d, name))
                                return g;
        }
        return NULL;
}

static bool is_taken(const Config *c, const char *name) {
        return option_index_find(&c->index, name) || find_registered(c, name);
}

/* What was read before @o was known is its own now. Flags were kept as they stood. */
static int claim_assignments(Config *c, const Option *o, const char *name, bool deprecated, size_t row) {
        for (size_t i = 0; i < c->input.n_assignments; i++) {
                Assignment *a = c->input.assignments + i;
                size_t n = strlen(a->name);

                if (a->known || !(a->flag ? flag_equals(name, a->name, n) : streq(name, a->name))) {
                        if (a->known || !a->flag || a->value || o->type != OPTION_BOOLEAN || !startswith(a->name, "no") ||
                            !flag_equals(name, a->name + 2, n - 2))
                                continue;
                        a->value = strdup("false");
                } else if (!a->value)
                        a->value = strdup(o->type == OPTION_BOOLEAN ? "true" : "");
                if (!a->value)
                        return -ENOMEM;
                a->known = true;
                a->deprecated = deprecated;
                a->option = row;
        }
        return 0;
}

static int config_register_locked(Config *c, const Option *o, ConfigError *e) {
        Registered *g, *first = atomic_load(&c->registered);
        char name[256];
        int r;

        option_full_name(o, name, sizeof name);
        g = find_registered(c, name);
        if (g && g->value.option == o)
                return 0;
        if (is_taken(c, name)) {
                config_fail(e, "option '%s' is there already", name);
                return -EEXIST;
        }
        for (const char *const *d = o->deprecated; d && *d; d++)
                if (is_taken(c, *d)) {
                        config_fail(e, "option '%s', a former name of '%s', is there already", *d, name);
                        return -EEXIST;
                }

        g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        g->value.option = o;
        g->row = c->n_values + (first ? first->row - c->n_values + 1 : 0);
        g->name = strdup(name);
        r = g->name ? claim_assignments(c, o, name, false, g->row) : -ENOMEM;
        for (const char *const *d = o->deprecated; r >= 0 && d && *d; d++)
                r = claim_assignments(c, o, *d, true, g->row);
        if (r >= 0)
                r = value_make_row(c, &g->value, g->row, e);
        if (r < 0) {
                /* The row is given to nobody else: what was claimed counts for the next try as unknown. */
                for (size_t i = 0; i < c->input.n_assignments; i++)
                        if (c->input.assignments[i].known && c->input.assignments[i].option == g->row)
                                c->input.assignments[i].known = false;
                value_done(&g->value);
                free(g->name);
                free(g);
                return r;
        }

        g->next = first;
        atomic_store(&c->registered, g);
        return 0;
}

int config_register(Config *c, const Option *o, ConfigError *e) {
        int r;

        assert(c && o && o->name);

        pthread_mutex_lock(&c->lock);
        r = config_register_locked(c, o, e);
        pthread_mutex_unlock(&c->lock);
        return r;
}

/* In the order of their registration, so that one may refer to those before it. */
static int register_again(const Registered *g, Config *to, ConfigError *e) {
        int r = g->next ? register_again(g->next, to, e) : 0;

        return r < 0 ? r : config_register(to, g->value.option, e);
}

int config_reload(const Config *c, Config **ret, ConfigError *e) {
        _cleanup_(config_unrefp) Config *fresh = NULL;
        const Registered *g = atomic_load(&c->registered);
        int r;

        if (!c->argv)
                return config_fail(e, "a configuration that was read from nowhere cannot be read again");
        r = config_load_at(&c->places, c->argv, &fresh, NULL, e);
        if (r >= 0 && g)
                r = register_again(g, fresh, e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(fresh);
        return 0;
}

/* ---- reading ---- */

Value *config_value(const Config *c, const char *name) {
        const OptionName *found = option_index_find(&c->index, name);
        Registered *g;

        if (found)
                return c->values + found->option;
        g = find_registered(c, name);
        return g ? &g->value : NULL;
}

static const Value *value_of(const Config *c, const char *name, OptionType a, OptionType b) {
        const Value *v = config_value(c, name);

        if (!v || (v->option->type != a && v->option->type != b)) {
                fprintf(stderr, "no option '%s' of type %s\n", name, option_type_to_string(a));
                abort();
        }
        return v;
}

const char *config_string(const Config *c, const char *name) {
        return value_of(c, name, OPTION_STRING, OPTION_STRING)->text;
}

int64_t config_integer(const Config *c, const char *name) {
        return value_of(c, name, OPTION_INTEGER, OPTION_INTEGER)->integer;
}

double config_float(const Config *c, const char *name) {
        return value_of(c, name, OPTION_FLOAT, OPTION_FLOAT)->number;
}

bool config_boolean(const Config *c, const char *name) {
        return value_of(c, name, OPTION_BOOLEAN, OPTION_BOOLEAN)->boolean;
}

const char *const *config_list(const Config *c, const char *name) {
        return (const char *const *) value_of(c, name, OPTION_LIST, OPTION_MULTI_STRING)->list;
}

static const Value *any_value_of(const Config *c, const char *name) {
        const Value *v = config_value(c, name);

        if (!v) {
                fprintf(stderr, "no option '%s'\n", name);
                abort();
        }
        return v;
}

bool config_is_set(const Config *c, const char *name) {
        return any_value_of(c, name)->text;
}

bool config_is_given(const Config *c, const char *name) {
        return any_value_of(c, name)->given;
}

char *config_origin(const Config *c, const char *name) {
        const Value *v = any_value_of(c, name);
        char origin[4096] = "default";

        if (v->given)
                input_origin(&c->input, v->source, v->line, origin, sizeof origin);
        return strdup(origin);
}

char *config_origin_at(const Config *c, const char *name, size_t n) {
        const Value *v = any_value_of(c, name);
        char origin[4096] = "default";

        for (size_t i = 0; v->given && i < c->input.n_assignments; i++) {
                const Assignment *a = c->input.assignments + i;

                if (!a->known || option_table_at(a->option) != v->option || n-- > 0)
                        continue;
                input_origin(&c->input, a->source, a->line, origin, sizeof origin);
                break;
        }
        return strdup(origin);
}

bool config_has(const Config *c, const char *name) {
        return config_value(c, name);
}

const Option *config_option(const Config *c, size_t n) {
        if (n < c->n_values)
                return c->values[n].option;
        for (const Registered *g = atomic_load(&c->registered); g; g = g->next)
                if (g->row == n)
                        return g->value.option;
        return NULL;
}

void config_diff(const Config *a, const Config *b, void (*f)(const Option *o, void *userdata), void *userdata) {
        const Option *o;

        for (size_t i = 0; (o = config_option(b, i)); i++) {
                const Value *before, *after;
                char name[256];

                option_full_name(o, name, sizeof name);
                before = config_value(a, name);
                after = config_value(b, name);
                if (!before || !streq_ptr(before->text, after->text))
                        f(o, userdata);
        }
}

/* ---- what is odd ---- */

int config_warn(Config *c, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? -ENOMEM : strv_consume(&c->warnings, s);
}

const char *const *config_warnings(const Config *c) {
        return (const char *const *) c->warnings;
}

static int by_name_then_place(const void *a, const void *b) {
        const Assignment *x = *(const Assignment *const *) a, *y = *(const Assignment *const *) b;
        int r = strcmp(x->name, y->name);

        return r ? r : x < y ? -1 : 1;
}

static int find_unknown(const Config *c, char ***ret) {
        _cleanup_free_ const Assignment **found = calloc(c->input.n_assignments + 1, sizeof *found);
        _cleanup_(strv_freep) char **names = NULL;
        size_t n = 0, k = 0;

        if (!found)
                return -ENOMEM;
        for (size_t i = 0; i < c->input.n_assignments; i++)
                if (!c->input.assignments[i].known)
                        found[n++] = c->input.assignments + i;
        qsort(found, n, sizeof *found, by_name_then_place);

        names = calloc(n + 1, sizeof *names);
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                char origin[4096];

                if (i > 0 && streq(found[i]->name, found[i - 1]->name))
                        continue;
                input_origin(&c->input, found[i]->source, found[i]->line, origin, sizeof origin);
                if (asprintf(&names[k], "%s: %s", origin, found[i]->name) < 0) {
                        names[k] = NULL;
                        return -ENOMEM;
                }
                k++;
        }

        *ret = TAKE_PTR(names);
        return (int) k;
}

int config_unknown(const Config *c, char ***ret_names) {
        pthread_mutex_t *lock = &((Config *) c)->lock;
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        pthread_mutex_lock(lock);
        r = find_unknown(c, &names);
        pthread_mutex_unlock(lock);
        if (r >= 0 && ret_names)
                *ret_names = TAKE_PTR(names);
        return r;
}

/* From texts to values: which assignment counts, $names replaced, converted, checked. All is done once per snapshot, so
 * that a reading is a look-up and no option changes under a reader (F70).
 *
 * $name and ${name} stand for another option's value: in a group first one of that group, then of [DEFAULT]; $group.name
 * for one of another group; $$ and \$ for a dollar. What is no option stays as it is, so that a password may hold a dollar. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "config/config-internal.h"

/* An option made of others that are made of others grows fast: what is longer is a mistake. */
#define VALUE_SIZE_MAX (256U * 1024)

void value_done(Value *v) {
        if (v->text && v->secret)
                explicit_bzero(v->text, strlen(v->text));
        free(v->text);
        strv_free(v->list);
        *v = (Value) { .option = v->option };
}

/* ---- errors ---- */

static void describe_allowed(const Option *o, char *buf, size_t size) {
        const char *kind = o->type == OPTION_FLOAT ? "a number" : "a whole number";
        size_t n = 0;

        switch (o->choices ? OPTION_STRING : o->type) {
        case OPTION_BOOLEAN:
                snprintf(buf, size, "true or false (also yes, no, on, off, 1, 0)");
                return;
        case OPTION_INTEGER:
        case OPTION_FLOAT:
                if (o->min == 0 && o->max == 0)
                        snprintf(buf, size, "%s", kind);
                else if (o->max == INT64_MAX)
                        snprintf(buf, size, "%s, %lld or more", kind, (long long) o->min);
                else
                        snprintf(buf, size, "%s from %lld to %lld", kind, (long long) o->min, (long long) o->max);
                return;
        default:
                n = (size_t) snprintf(buf, size, "one of");
                for (const char *const *c = o->choices; c && *c && n < size; c++)
                        n += (size_t) snprintf(buf + n, size - n, "%s %s", c == o->choices ? "" : ",", **c ? *c : "(empty)");
                return;
        }
}

static void describe_place(const Config *c, const Value *v, char *buf, size_t size) {
        char origin[256] = "default";

        if (v->given)
                input_origin(&c->input, v->source, v->line, origin, sizeof origin);
        snprintf(buf, size, "%s: [%s] %s", origin, v->option->group ? v->option->group : "DEFAULT", v->option->name);
}

static int refuse(const Config *c, const Value *v, const char *text, ConfigError *e) {
        bool secret = v->secret || v->option->flags & OPTION_SECRET;
        _cleanup_free_ char *masked = secret ? strdup("***") : mask_url(text);
        char place[512], allowed[512];

        if (!masked)
                return -ENOMEM;
        describe_place(c, v, place, sizeof place);
        describe_allowed(v->option, allowed, sizeof allowed);
        return config_fail(e, "%s = '%.100s': must be %s", place, masked, allowed);
}

/* ---- substitution ---- */

typedef struct Buffer {
        char *text;
        size_t n, allocated;
} Buffer;

static void buffer_done(Buffer *b) {
        free(b->text);
}

static int buffer_add(Buffer *b, const char *s, size_t n) {
        if (b->n + n > VALUE_SIZE_MAX)
                return -E2BIG;
        if (b->n + n + 1 > b->allocated) {
                size_t more = MAX(b->allocated * 2, b->n + n + 1);
                char *bigger = realloc(b->text, more);

                if (!bigger)
                        return -ENOMEM;
                b->text = bigger;
                b->allocated = more;
        }
        memcpy(b->text + b->n, s, n);
        b->text[b->n += n] = '\0';
        return 0;
}

static size_t identifier(const char *s) {
        size_t n = 0;

        if (isalpha((unsigned char) *s) || *s == '_')
                while (isalnum((unsigned char) s[n]) || s[n] == '_' || s[n] == '.')
                        n++;
        return n;
}

/* Finds the option a name of @n bytes means within @group; NULL if none. */
static Value *find_meant(Config *c, const char *group, const char *name, size_t n) {
        char key[256];
        Value *v;

        if (n == 0 || n + strlen(strempty(group)) + 2 > sizeof key)
                return NULL;
        if (group && !memchr(name, '.', n)) {
                snprintf(key, sizeof key, "%s.%.*s", group, (int) n, name);
                v = config_value(c, key);
                if (v)
                        return v;
        }
        snprintf(key, sizeof key, "%.*s", (int) n, name);
        return config_value(c, startswith(key, "DEFAULT.") ? key + strlen("DEFAULT.") : key);
}

/* Reads one reference after the dollar at @s. Returns the bytes it takes with the dollar, and the option meant, or NULL. */
static size_t read_reference(Config *c, const char *group, const char *s, Value **ret) {
        size_t n;

        *ret = NULL;
        if (s[1] == '{') {
                n = identifier(s + 2);
                if (n == 0 || s[2 + n] != '}')
                        return 1;
                *ret = find_meant(c, group, s + 2, n);
                return n + 3;
        }

        /* "$host.example.org": the longest name that is one; Essex knew no dots in names. */
        for (n = identifier(s + 1); n > 0; n--) {
                if (n < identifier(s + 1) && s[1 + n] != '.')
                        continue;
                *ret = find_meant(c, group, s + 1, n);
                if (*ret)
                        return n + 1;
        }
        return 1;
}

static int substitute(Config *c, Value *v, const char *text, char **ret, ConfigError *e) {
        _cleanup_(buffer_done) Buffer b = {};
        int r = buffer_add(&b, "", 0);

        while (r >= 0 && *text) {
                size_t n = strcspn(text, "$\\");
                Value *other;

                r = buffer_add(&b, text, n);
                text += n;
                if (r < 0 || !*text)
                        continue;

                if (text[1] == '$') {           /* $$ and \$ */
                        r = buffer_add(&b, "$", 1);
                        text += 2;
                        continue;
                }
                if (*text == '\\') {
                        r = buffer_add(&b, text++, 1);
                        continue;
                }

                n = read_reference(c, v->option->group, text, &other);
                if (!other)
                        r = buffer_add(&b, text, n);
                else {
                        r = value_make(c, other, e);
                        if (r < 0)
                                return r;
                        v->secret = v->secret || other->secret;
                        r = other->text ? buffer_add(&b, other->text, strlen(other->text)) : 0;
                }
                text += n;
        }

        if (r == -E2BIG) {
                char place[512];

                describe_place(c, v, place, sizeof place);
                return config_fail(e, "%s: the value is longer than %u bytes when the names in it are replaced", place, VALUE_SIZE_MAX);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b.text);
        return 0;
}

/* ---- conversion ---- */

static int to_boolean(const char *s, bool *ret) {
        static const char *const yes[] = { "true", "1", "on", "yes" }, *const no[] = { "false", "0", "off", "no" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
                        *ret = strcasecmp(s, yes[i]) == 0;
                        return 0;
                }
        return -EINVAL;
}

static int to_integer(const char *s, int64_t *ret) {
        char *end;
        long long n;

        if (!isdigit((unsigned char) s[*s == '-' || *s == '+']))
                return -EINVAL;
        errno = 0;
        n = strtoll(s, &end, 10);
        if (errno || *end)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int to_float(const char *s, double *ret) {
        char *end;
        double d;

        if (strspn(s, "0123456789+-.eE") != strlen(s) || !*s)
                return -EINVAL;
        d = strtod(s, &end);
        if (*end || !isfinite(d))
                return -EINVAL;
        *ret = d;
        return 0;
}

static bool in_range(const Option *o, double d) {
        return (o->min == 0 && o->max == 0) || (d >= (double) o->min && (o->max == INT64_MAX || d <= (double) o->max));
}

static bool is_choice(const Option *o, const char *s) {
        for (const char *const *c = o->choices; c && *c; c++)
                if (streq(*c, s))
                        return true;
        return !o->choices;
}

/* Elements without white space around them; commas at the end add none. */
static int split_list(const char *text, char ***ret) {
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_(strv_freep) char **list = NULL;
        size_t n = 0, commas = 0;
        char *s, *next;

        for (const char *p = text; *p; p++)
                commas += *p == ',';
        list = calloc(commas + 2, sizeof(char *));
        if (!copy || !list)
                return -ENOMEM;

        s = text_strip(copy);
        for (size_t end = strlen(s); end > 0 && s[end - 1] == ','; end--)
                s[end - 1] = '\0';

        for (; s && *s; s = next) {
                next = strchr(s, ',');
                if (next)
                        *next++ = '\0';
                list[n] = strdup(text_strip(s));
                if (!list[n++])
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(list);
        return 0;
}

static int convert(Value *v) {
        const Option *o = v->option;
        _cleanup_free_ char *copy = strdup(v->text);
        char *s;
        int r;

        if (!copy)
                return -ENOMEM;
        s = text_strip(copy);

        switch (o->type) {
        case OPTION_STRING:
                return is_choice(o, v->text) ? 0 : -EINVAL;
        case OPTION_INTEGER:
                r = to_integer(s, &v->integer);
                if (r >= 0 && o->choices)
                        return is_choice(o, s) ? 0 : -EINVAL;
                return r < 0 || !in_range(o, (double) v->integer) ? -EINVAL : 0;
        case OPTION_FLOAT:
                r = to_float(s, &v->number);
                return r < 0 || !in_range(o, v->number) ? -EINVAL : 0;
        case OPTION_BOOLEAN:
                return to_boolean(s, &v->boolean);
        case OPTION_LIST:
                return split_list(v->text, &v->list);
        default:
                abort();
        }
}

/* ---- which text counts ---- */

/* The last assignment; of the file that has it today's name before a deprecated one. NULL if there is none. */
static const Assignment *find_assignment(const Input *in, size_t row) {
        const Assignment *found = NULL;

        for (size_t i = in->n_assignments; i-- > 0;) {
                const Assignment *a = in->assignments + i;

                if (!a->known || a->option != row)
                        continue;
                if (!found)
                        found = a;
                if (a->source == found->source && !a->deprecated)
                        return a;
        }
        return found;
}

static int default_text(const Option *o, char **ret) {
        if (o->dynamic)
                return o->dynamic(ret);
        if (!o->value) {
                *ret = NULL;
                return 0;
        }
        return (*ret = strdup(o->value)) ? 0 : -ENOMEM;
}

static int make_multi(Config *c, Value *v, size_t row, ConfigError *e) {
        _cleanup_free_ char *text = NULL;
        char *s, *next;
        int r;

        v->list = calloc(1, sizeof(char *));
        if (!v->list)
                return -ENOMEM;

        for (size_t i = 0; i < c->input.n_assignments; i++) {
                const Assignment *a = c->input.assignments + i;
                char *one = NULL;

                if (!a->known || a->option != row)
                        continue;
                v->given = true;
                v->source = a->source;
                v->line = a->line;
                r = substitute(c, v, a->value, &one, e);
                if (r < 0 || (r = strv_consume(&v->list, one)) < 0)
                        return r;
        }
        if (v->given)
                return 0;

        r = default_text(v->option, &text);
        for (s = text; r >= 0 && s && *s; s = next) {
                char *one = NULL;

                next = s + strcspn(s, "\n");
                if (*next)
                        *next++ = '\0';
                r = substitute(c, v, s, &one, e);
                if (r >= 0)
                        r = strv_consume(&v->list, one);
        }
        return r;
}

/* The text others see: the elements, one a line. */
static int join_multi(Value *v) {
        size_t size = 1;
        char *p;

        if (!*v->list && !v->given && !v->option->value)
                return 0;
        for (char **s = v->list; *s; s++)
                size += strlen(*s) + 1;
        v->text = p = calloc(1, size);
        if (!p)
                return -ENOMEM;
        for (char **s = v->list; *s; s++)
                p = stpcpy(stpcpy(p, s == v->list ? "" : "\n"), *s);
        return 0;
}

static int make_single(Config *c, Value *v, size_t row, ConfigError *e) {
        const Assignment *a = find_assignment(&c->input, row);
        bool number = v->option->type == OPTION_INTEGER || v->option->type == OPTION_FLOAT;
        _cleanup_free_ char *fallback = NULL;
        int r;

        if (a) {
                v->given = true;
                v->source = a->source;
                v->line = a->line;
                r = substitute(c, v, a->value, &v->text, e);
                if (r < 0)
                        return r;
                r = number && !v->text[strspn(v->text, " \t\n")] ? 1 : convert(v);
                if (r == -EINVAL && !(v->option->flags & OPTION_ACCEPTED))
                        return refuse(c, v, v->text, e);
                if (r == 0 || r == -ENOMEM)
                        return r;
                /* A number set to nothing, or a wrong value of an option without effect. */
                free(TAKE_PTR(v->text));
                v->given = false;
        }

        r = default_text(v->option, &fallback);
        if (r < 0 || !fallback)
                return r;
        r = substitute(c, v, fallback, &v->text, e);
        if (r < 0)
                return r;
        r = convert(v);
        return r == -EINVAL ? refuse(c, v, v->text, e) : r;
}

int value_make_row(Config *c, Value *v, size_t row, ConfigError *e) {
        int r;

        if (v->state == VALUE_DONE)
                return 0;
        if (v->state == VALUE_BUSY) {
                char place[512];

                describe_place(c, v, place, sizeof place);
                return config_fail(e, "%s refers to itself, through the $names in its value", place);
        }

        v->state = VALUE_BUSY;
        v->secret = v->option->flags & OPTION_SECRET;
        if (v->option->type == OPTION_MULTI_STRING) {
                r = make_multi(c, v, row, e);
                if (r >= 0)
                        r = join_multi(v);
        } else
                r = make_single(c, v, row, e);
        if (r < 0)
                return r;

        if (!v->list && (v->option->type == OPTION_LIST)) {
                v->list = calloc(1, sizeof(char *));
                if (!v->list)
                        return -ENOMEM;
        }
        v->state = VALUE_DONE;
        return 0;
}

int value_make(Config *c, Value *v, ConfigError *e) {
        /* Only rows of the table can be unmade when another asks for them. */
        return v->state == VALUE_DONE ? 0 : value_make_row(c, v, (size_t) (v - c->values), e);
}

int value_replace(Config *c, Value *v, const char *text, ConfigError *e) {
        char *copy = strdup(text);
        int r;

        if (!copy)
                return -ENOMEM;
        free(v->text);
        v->text = copy;
        v->list = strv_free(v->list);
        r = convert(v);
        return r == -EINVAL ? refuse(c, v, v->text, e) : r;
}

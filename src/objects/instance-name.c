/* The name of an instance's domain, made by instance_name_template. See instance-object.h.
 *
 * The template is Python's: "% id" first, and if the template has names in parentheses, "% dict". We know %s %d %i %u %x %X
 * %o with a zero flag and a width, and %%: what makes sense in a name. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/json.h"
#include "objects/instance-object.h"

#define NAME_LENGTH_MAX 255

typedef struct Directive {
        char column[64];                /* "" = the id */
        bool zero;
        int width;
        char conversion;
} Directive;

/* Reads the directive after a '%'. Returns how many characters it has, 0 if it is none that we know. */
static size_t directive_parse(const char *text, Directive *ret) {
        const char *s = text;
        Directive d = {};
        size_t n;

        if (*s == '(') {
                n = strcspn(s + 1, ")");
                if (s[n + 1] != ')' || n == 0 || n >= sizeof d.column)
                        return 0;
                memcpy(d.column, s + 1, n);
                s += n + 2;
        }
        if (*s == '0') {
                d.zero = true;
                s++;
        }
        for (; *s >= '0' && *s <= '9' && d.width < NAME_LENGTH_MAX; s++)
                d.width = d.width * 10 + (*s - '0');
        if (!*s || !strchr("sdiuxXo%", *s))
                return 0;
        d.conversion = *s;
        *ret = d;
        return (size_t) (s + 1 - text);
}

static json_t *column_value(const json_t *object, const Instance *i, const char *column) {
        json_t *v = json_object_get(json_object_get(object, "nova_object.data"), column);

        if (!*column || (streq(column, "id") && !v))
                return json_integer(i->id);
        return json_is_string(v) || json_is_integer(v) ? json_incref(v) : NULL;
}

/* Writes what the directive stands for. -EINVAL: it cannot stand for this. */
static int directive_print(FILE *f, const Directive *d, const json_t *value) {
        int64_t number = json_integer_value(value);

        switch (d->conversion) {
        case 's':
                if (json_is_string(value))
                        fprintf(f, "%*s", d->width, json_string_value(value));
                else
                        fprintf(f, "%*" PRId64, d->width, number);
                return 0;
        case 'd':
        case 'i':
        case 'u':
                if (!json_is_integer(value))
                        return -EINVAL;
                fprintf(f, d->zero ? "%0*" PRId64 : "%*" PRId64, d->width, number);
                return 0;
        case 'x':
        case 'X':
        case 'o':
                if (!json_is_integer(value) || number < 0)
                        return -EINVAL;
                if (d->conversion == 'x')
                        fprintf(f, d->zero ? "%0*" PRIx64 : "%*" PRIx64, d->width, number);
                else if (d->conversion == 'X')
                        fprintf(f, d->zero ? "%0*" PRIX64 : "%*" PRIX64, d->width, number);
                else
                        fprintf(f, d->zero ? "%0*" PRIo64 : "%*" PRIo64, d->width, number);
                return 0;
        default:
                return -EINVAL;
        }
}

static int print_name(FILE *f, const Instance *i, const json_t *object, const char *template, NovaException *e) {
        Directive d;
        size_t n;
        int r;

        for (const char *s = template; *s; s++) {
                if (*s != '%') {
                        fputc(*s, f);
                        continue;
                }
                n = directive_parse(s + 1, &d);
                if (n == 0)
                        return exception_setf(e, EXC_INVALID_CONFIGURATION,
                                              "Configuration is Invalid: instance_name_template: \"%.20s\" of \"%.100s\" is not known",
                                              s, template);
                s += n;
                if (d.conversion == '%') {
                        fputc('%', f);
                        continue;
                }

                json_auto_t *value = column_value(object, i, d.column);

                r = value ? directive_print(f, &d, value) : -ENOENT;
                if (r < 0)
                        return exception_setf(e, EXC_INVALID_CONFIGURATION,
                                              "Configuration is Invalid: instance_name_template: instance %s has no %s for %%%c",
                                              strempty(i->uuid), *d.column ? d.column : "id", d.conversion);
        }
        return 0;
}

/* Whether it can be the name of a domain and of files. */
static bool is_name(const char *s) {
        if (isempty(s) || strlen(s) > NAME_LENGTH_MAX || streq(s, ".") || streq(s, ".."))
                return false;
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f || *s == '/')
                        return false;
        return true;
}

int instance_name_fill(Instance *i, const char *template, NovaException *e) {
        json_auto_t *object = NULL;
        _cleanup_free_ char *name = NULL;
        size_t size = 0;
        FILE *f;
        int r;

        if (i->name)
                return 0;
        object = instance_to_object(i);
        f = object ? open_memstream(&name, &size) : NULL;
        if (!f)
                return -ENOMEM;
        r = print_name(f, i, object, template, e);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        if (!is_name(name))
                return exception_setf(e, EXC_INVALID_CONFIGURATION,
                                      "Configuration is Invalid: instance_name_template: \"%.100s\" cannot be the name of instance %s",
                                      name, strempty(i->uuid));
        i->name = TAKE_PTR(name);
        return 0;
}

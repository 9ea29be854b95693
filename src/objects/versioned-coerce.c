/* Values of fields, made what their types say, as generously as Python does (zed 2.3): a number for a text, a text for a
 * number, a time in any ISO 8601. What is no value of the type at all is refused by name. See versioned-classes.h. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "basic/json.h"
#include "basic/time-util.h"
#include "objects/versioned-classes.h"

#define SHOWN_MAX 120
#define ALLOWED_MAX 320

static const char *kind_name(const ObjectType *t) {
        switch (t->kind) {
        case OBJECT_INTEGER:
                return "an integer";
        case OBJECT_FLOAT:
                return "a number";
        case OBJECT_BOOLEAN:
        case OBJECT_FLEXIBLE_BOOLEAN:
                return "a boolean";
        case OBJECT_STRING:
        case OBJECT_SENSITIVE_STRING:
                return "a string";
        case OBJECT_UUID:
                return "a uuid";
        case OBJECT_DATETIME:
                return "a time in ISO 8601";
        case OBJECT_POWER_STATE:
                return "a power state";
        case OBJECT_IP_ADDRESS:
                return "an IP address";
        case OBJECT_IPV4_ADDRESS:
                return "an IPv4 address";
        case OBJECT_IPV6_ADDRESS:
                return "an IPv6 address";
        case OBJECT_PATTERN:
                return t->name;
        case OBJECT_NETWORK_MODEL:
                return "a network model: JSON text of a list of objects";
        case OBJECT_VIF_MODEL:
                return "a VIF: JSON text of an object";
        case OBJECT_OBJECT:
                return t->class_name;
        case OBJECT_LIST:
                return "a list";
        case OBJECT_SET:
                return "a list (of a set)";
        case OBJECT_DICT:
                return "a dictionary";
        default:
                return "one of";
        }
}

/* "one of a, b, c". */
static void describe_allowed(const ObjectType *t, char *buf, size_t size) {
        size_t n = (size_t) snprintf(buf, size, "%s", kind_name(t));

        for (size_t i = 0; t->kind == OBJECT_ENUM && t->choices[i] && n < size; i++)
                n += (size_t) snprintf(buf + n, size - n, "%s %s", i > 0 ? "," : "", t->choices[i]);
}

static int refuse(const ObjectPlace *p, const ObjectType *t, const json_t *value, NovaException *e) {
        bool secret = p->field->type->kind == OBJECT_SENSITIVE_STRING || json_key_is_secret(p->field->name);
        _cleanup_free_ char *text = secret ? NULL : json_text(value);
        char allowed[ALLOWED_MAX];

        describe_allowed(t, allowed, sizeof allowed);
        return exception_setf(e, EXC_VALUE_ERROR, "%s.%s: %s is allowed, not %.*s%s", p->of->name, p->field->name, allowed,
                              SHOWN_MAX, text ? text : secret ? "***" : json_type_name(value),
                              text && strlen(text) > SHOWN_MAX ? "…" : "");
}

static int refuse_null(const ObjectPlace *p, const ObjectType *t, NovaException *e) {
        char allowed[ALLOWED_MAX];

        describe_allowed(t, allowed, sizeof allowed);
        return exception_setf(e, EXC_VALUE_ERROR, "Field `%s' cannot be None: %s.%s is %s", p->field->name, p->of->name,
                              p->field->name, allowed);
}

static int give(json_t *value, json_t **ret) {
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}

static int give_same(const json_t *value, json_t **ret) {
        return give(json_incref((json_t *) value), ret);
}

/* The decimal that Python shows: the shortest that is this number, without an exponent from 1e-4 up to 1e16. */
static void real_text(double d, char *buf, size_t size) {
        int digits = 0, exponent;

        do
                snprintf(buf, size, "%.*e", digits, d);
        while (strtod(buf, NULL) != d && ++digits < 17);
        exponent = atoi(strchr(buf, 'e') + 1);
        if (exponent >= -4 && exponent < 16)
                snprintf(buf, size, "%.*f", MAX(digits - exponent, 1), d);
}

/* str() of what has one that makes sense in a field; NULL for lists, dictionaries and null. @buf holds a number's. */
static const char *text_of(const json_t *value, char *buf, size_t size) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                return json_string_value(value);
        case JSON_INTEGER:
                snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return buf;
        case JSON_REAL:
                real_text(json_real_value(value), buf, size);
                return buf;
        case JSON_TRUE:
                return "True";
        case JSON_FALSE:
                return "False";
        default:
                return NULL;
        }
}

static int coerce_string(const json_t *value, json_t **ret) {
        char buf[64];
        const char *text;

        if (json_is_string(value))
                return give_same(value, ret);
        text = text_of(value, buf, sizeof buf);
        return text ? give(json_string(text), ret) : -EINVAL;
}

/* Whether there is nothing but white space. */
static bool is_blank(const char *s) {
        while (isspace((unsigned char) *s))
                s++;
        return !*s;
}

static int coerce_integer(const json_t *value, json_t **ret) {
        double real;
        long long n;
        char *end;

        switch (json_typeof(value)) {
        case JSON_INTEGER:
                return give_same(value, ret);
        case JSON_TRUE:
        case JSON_FALSE:
                return give(json_integer(json_is_true(value)), ret);
        case JSON_REAL:
                real = trunc(json_real_value(value));
                if (!(real >= -0x1p63 && real < 0x1p63))
                        return -EINVAL;
                return give(json_integer((json_int_t) real), ret);
        case JSON_STRING:
                errno = 0;
                n = strtoll(json_string_value(value), &end, 10);
                if (errno != 0 || end == json_string_value(value) || !is_blank(end))
                        return -EINVAL;
                return give(json_integer(n), ret);
        default:
                return -EINVAL;
        }
}

static int coerce_float(const json_t *value, json_t **ret) {
        const char *text;
        double real;
        char *end;

        switch (json_typeof(value)) {
        case JSON_REAL:
                return give_same(value, ret);
        case JSON_INTEGER:
                return give(json_real((double) json_integer_value(value)), ret);
        case JSON_TRUE:
        case JSON_FALSE:
                return give(json_real(json_is_true(value)), ret);
        case JSON_STRING:
                text = json_string_value(value);
                if (strspn(text, "0123456789+-.eE \t\n") != strlen(text))
                        return -EINVAL;         /* neither hexadecimal nor infinite */
                real = strtod(text, &end);
                if (end == text || !is_blank(end) || !isfinite(real))
                        return -EINVAL;
                return give(json_real(real), ret);
        default:
                return -EINVAL;
        }
}

/* bool(): whether there is anything. */
static bool truth(const json_t *value) {
        switch (json_typeof(value)) {
        case JSON_TRUE:
                return true;
        case JSON_INTEGER:
                return json_integer_value(value) != 0;
        case JSON_REAL:
                return json_real_value(value) != 0;
        case JSON_STRING:
                return json_string_length(value) > 0;
        case JSON_ARRAY:
                return json_array_size(value) > 0;
        case JSON_OBJECT:
                return json_object_size(value) > 0;
        default:
                return false;
        }
}

static int coerce_flexible_boolean(const json_t *value, json_t **ret) {
        static const char *const yes[] = { "1", "t", "true", "on", "y", "yes" };
        char buf[64];
        const char *text = text_of(value, buf, sizeof buf);
        size_t n;

        while (text && isspace((unsigned char) *text))
                text++;
        for (size_t i = 0; text && i < ELEMENTSOF(yes); i++) {
                n = strlen(yes[i]);
                if (strncasecmp(text, yes[i], n) == 0 && is_blank(text + n))
                        return give(json_true(), ret);
        }
        return give(json_false(), ret);
}

static int coerce_datetime(const json_t *value, json_t **ret) {
        char text[TIME_TEXT_MAX];
        usec_t t;

        if (!json_is_string(value) || time_parse(json_string_value(value), &t) < 0)
                return -EINVAL;
        return give(json_string(time_format_iso(t, text)), ret);
}

static int coerce_enum(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret) {
        const char *text = json_string_value(value);
        int (*compare)(const char *, const char *) = t->folds ? strcasecmp : strcmp;

        if (!text)
                return -EINVAL;
        for (size_t i = 0; t->aliases && t->aliases[i][0]; i++)
                if (compare(t->aliases[i][0], text) == 0)
                        return give(json_string(t->aliases[i][1]), ret);
        for (size_t i = 0; t->choices[i]; i++)
                if (compare(t->choices[i], text) == 0)
                        return give(json_string(t->choices[i]), ret);
        return p->newer ? give_same(value, ret) : -EINVAL;
}

static int coerce_power_state(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret) {
        _cleanup_(json_decrefp) json_t *number = NULL;
        json_int_t n;

        if (coerce_integer(value, &number) < 0)
                return coerce_enum(p, t, value, ret);
        n = json_integer_value(number);
        for (json_int_t i = 0; t->choices[i]; i++)
                if (i == n)
                        return give(json_string(t->choices[i]), ret);
        return -EINVAL;
}

static int coerce_address(const ObjectType *t, const json_t *value, json_t **ret) {
        const char *text = json_string_value(value);
        char canonical[INET6_ADDRSTRLEN];
        unsigned char raw[16];

        if (!text)
                return -EINVAL;
        if (t->kind != OBJECT_IPV6_ADDRESS && inet_pton(AF_INET, text, raw) == 1)
                return give_same(value, ret);
        if (t->kind == OBJECT_IPV4_ADDRESS || inet_pton(AF_INET6, text, raw) != 1)
                return -EINVAL;
        return give(json_string(inet_ntop(AF_INET6, raw, canonical, sizeof canonical)), ret);
}

static int coerce_pattern(const ObjectType *t, const json_t *value, json_t **ret) {
        _cleanup_free_ char *text = NULL;
        regex_t regex;
        int r;

        if (!json_is_string(value))
                return -EINVAL;
        text = strdup(json_string_value(value));
        if (!text)
                return -ENOMEM;
        for (char *c = text; t->change && *c; c++)
                *c = t->change == tolower && *c == '-' ? ':' : (char) t->change((unsigned char) *c);
        if (regcomp(&regex, t->pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return -ENOMEM;
        r = regexec(&regex, text, 0, NULL, 0);
        regfree(&regex);
        return r == 0 ? give(json_string(text), ret) : -EINVAL;
}

/* Whether it is what the text should hold: a VIF is an object, a network model a list of them. */
static bool is_model(const ObjectType *t, const json_t *content) {
        const json_t *vif;
        size_t n;

        if (t->kind == OBJECT_VIF_MODEL)
                return json_is_object(content);
        json_array_foreach((json_t *) content, n, vif)
                if (!json_is_object(vif))
                        return false;
        return json_is_array(content);
}

/* JSON within JSON: the text stays as it is; a network model that came unpacked is packed. */
static int coerce_packed(const ObjectType *t, const json_t *value, json_t **ret) {
        json_auto_t *content = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (t->kind == OBJECT_NETWORK_MODEL && is_model(t, value)) {
                text = json_text(value);
                return text ? give(json_string(text), ret) : -ENOMEM;
        }
        if (!json_is_string(value))
                return -EINVAL;
        r = json_parse(json_string_value(value), json_string_length(value), &content, NULL, 0);
        if (r == -ENOMEM)
                return r;
        return r >= 0 && is_model(t, content) ? give_same(value, ret) : -EINVAL;
}

static int coerce_object(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        const ObjectClass *c = NULL;

        if (!object_is_primitive(value))
                return -EINVAL;
        if (t->kin)
                c = object_class_find(object_name(value));
        if (!streq(object_name(value), t->class_name) && !(c && streq_ptr(c->parent, t->class_name)))
                return exception_setf(e, EXC_VALUE_ERROR, "%s.%s: An object of type %s is required in field %s, not a %.100s",
                                      p->of->name, p->field->name, t->class_name, p->field->name, object_name(value));
        return object_parse(value, NULL, ret, e);
}

static int coerce_element(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        if (json_is_null(value))
                return t->nullable ? give_same(value, ret) : refuse_null(p, t, e);
        return object_coerce(p, t, value, ret, e);
}

/* Remembers an element of a set. 1 if it is new. */
static int note_member(json_t *seen, const json_t *element) {
        _cleanup_free_ char *key = json_dumps(element, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);

        if (!key)
                return -ENOMEM;
        if (json_object_get(seen, key))
                return 0;
        return json_object_set_new(seen, key, json_true()) < 0 ? -ENOMEM : 1;
}

static int coerce_list(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        json_auto_t *list = NULL, *seen = NULL;
        json_t *element, *coerced;
        size_t n;
        int r;

        if (!json_is_array(value))
                return -EINVAL;
        list = json_array();
        seen = json_object();
        json_array_foreach((json_t *) value, n, element) {
                r = coerce_element(p, t->element, element, &coerced, e);
                if (r < 0)
                        return r;
                r = t->kind == OBJECT_SET ? note_member(seen, coerced) : 1;
                if (r == 0)
                        json_decref(coerced);
                else if (r < 0 || json_array_append_new(list, coerced) < 0)
                        return -ENOMEM;
        }
        return give(TAKE_PTR(list), ret);
}

static int coerce_dict(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        json_auto_t *dict = NULL;
        json_t *element, *coerced;
        const char *key;
        int r;

        if (!json_is_object(value))
                return -EINVAL;
        dict = json_object();
        json_object_foreach((json_t *) value, key, element) {
                r = coerce_element(p, t->element, element, &coerced, e);
                if (r < 0)
                        return r;
                if (json_object_set_new(dict, key, coerced) < 0)
                        return -ENOMEM;
        }
        return give(TAKE_PTR(dict), ret);
}

static int coerce(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        switch (t->kind) {
        case OBJECT_INTEGER:
                return coerce_integer(value, ret);
        case OBJECT_FLOAT:
                return coerce_float(value, ret);
        case OBJECT_BOOLEAN:
                return give(json_boolean(truth(value)), ret);
        case OBJECT_FLEXIBLE_BOOLEAN:
                return coerce_flexible_boolean(value, ret);
        case OBJECT_STRING:
        case OBJECT_SENSITIVE_STRING:
        case OBJECT_UUID:               /* of any form, as Nova still allows */
                return coerce_string(value, ret);
        case OBJECT_DATETIME:
                return coerce_datetime(value, ret);
        case OBJECT_ENUM:
                return coerce_enum(p, t, value, ret);
        case OBJECT_POWER_STATE:
                return coerce_power_state(p, t, value, ret);
        case OBJECT_IP_ADDRESS:
        case OBJECT_IPV4_ADDRESS:
        case OBJECT_IPV6_ADDRESS:
                return coerce_address(t, value, ret);
        case OBJECT_PATTERN:
                return coerce_pattern(t, value, ret);
        case OBJECT_NETWORK_MODEL:
        case OBJECT_VIF_MODEL:
                return coerce_packed(t, value, ret);
        case OBJECT_OBJECT:
                return coerce_object(p, t, value, ret, e);
        case OBJECT_LIST:
        case OBJECT_SET:
                return coerce_list(p, t, value, ret, e);
        case OBJECT_DICT:
                return coerce_dict(p, t, value, ret, e);
        }
        return -EINVAL;
}

int object_coerce(const ObjectPlace *p, const ObjectType *t, const json_t *value, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        assert(p && t && value && ret);

        r = coerce(p, t, value, ret, &x);
        if (r == -EINVAL && !exception_is_set(&x))
                return refuse(p, t, value, e);
        if (r < 0 && e)
                exception_move(e, &x);
        return r;
}

int object_coerce_field(const ObjectPlace *p, const json_t *value, json_t **ret, NovaException *e) {
        const ObjectField *f = p->field;

        if (!json_is_null(value))
                return object_coerce(p, f->type, value, ret, e);
        if (f->flags & NULLABLE)
                return give_same(value, ret);
        if (f->otherwise)
                return give(json_loads(f->otherwise, JSON_DECODE_ANY, NULL), ret);
        return refuse_null(p, f->type, e);
}

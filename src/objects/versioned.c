/* Nova's objects: their classes and what is done with whole ones. See versioned.h. */
#include "objects/versioned.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "objects/versioned-classes.h"

#define NAME "nova_object.name"
#define NAMESPACE "nova_object.namespace"
#define VERSION "nova_object.version"
#define DATA "nova_object.data"
#define CHANGES "nova_object.changes"

static const ObjectTheme *const themes[] = {
        &object_theme_instance,
        &object_theme_host,
        &object_theme_topology,
        &object_theme_request,
        &object_theme_image,
        &object_theme_device,
        &object_theme_migration,
        &object_theme_diagnostics,
};

/* ---- classes ---- */

const ObjectClass *object_class_at(size_t n) {
        for (size_t t = 0; t < ELEMENTSOF(themes); t++) {
                if (n < themes[t]->n_classes)
                        return &themes[t]->classes[n];
                n -= themes[t]->n_classes;
        }
        return NULL;
}

const ObjectClass *object_class_find(const char *name) {
        for (size_t t = 0; t < ELEMENTSOF(themes); t++)
                for (size_t n = 0; n < themes[t]->n_classes; n++) {
                        const ObjectClass *c = &themes[t]->classes[n];

                        if (*c->name == *name && streq(c->name, name))
                                return c;
                }
        return NULL;
}

const char *object_class_name(const ObjectClass *c) {
        return c->name;
}

const char *object_class_version(const ObjectClass *c) {
        return c->version;
}

const ObjectField *object_class_field(const ObjectClass *c, const char *name) {
        for (size_t n = 0; n < c->n_fields; n++)
                if (streq(c->fields[n].name, name))
                        return &c->fields[n];
        return NULL;
}

static int add_to_manifest(json_t *manifest, const ObjectClass *c) {
        int r;

        if (!c || json_object_get(manifest, c->name))
                return 0;
        if (json_object_set_new(manifest, c->name, json_string(c->version)) < 0)
                return -ENOMEM;
        for (size_t n = 0; n < c->n_fields; n++) {
                const ObjectType *t = c->fields[n].type;

                while (t->element)
                        t = t->element;
                r = t->kind == OBJECT_OBJECT ? add_to_manifest(manifest, object_class_find(t->class_name)) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

json_t *object_manifest(const char *class_name) {
        json_t *manifest = json_object();
        const ObjectClass *c;

        for (size_t n = 0; (c = object_class_at(n)); n++)
                if ((!class_name || streq(c->name, class_name)) && add_to_manifest(manifest, c) < 0) {
                        json_decref(manifest);
                        return NULL;
                }
        return manifest;
}

/* ---- parsing ---- */

bool object_is_primitive(const json_t *value) {
        return json_is_string(json_object_get(value, NAME));
}

const char *object_name(const json_t *object) {
        return json_member_string(object, NAME);
}

bool object_is(const json_t *object, const char *class_name) {
        return streq_ptr(object_name(object), class_name);
}

json_t *object_data(const json_t *object) {
        json_t *data = json_object_get(object, DATA);

        return json_is_object(data) ? data : NULL;
}

typedef struct Version {
        unsigned major, minor;
        int length;                     /* of what was read: without a third part */
        bool ended;                     /* there was no third part */
} Version;

static bool version_parse(const char *text, Version *ret) {
        Version v = {};
        unsigned third;
        int end = 0;

        if (strspn(text, "0123456789.") != strlen(text) || strlen(text) > 32 ||
            sscanf(text, "%u.%u%n", &v.major, &v.minor, &v.length) != 2)
                return false;
        v.ended = !text[v.length];
        if (!v.ended && (sscanf(text + v.length, ".%u%n", &third, &end) != 1 || text[v.length + end]))
                return false;
        *ret = v;
        return true;
}

static int incompatible(const ObjectClass *c, const char *version, NovaException *e) {
        (void) exception_setf(e, EXC_INCOMPATIBLE_OBJECT_VERSION, "Version %.40s of %s is not supported, supported version is %s",
                              version, c->name, c->version);
        exception_kwarg(e, "objname", json_string(c->name));
        exception_kwarg(e, "objver", json_string(version));
        exception_kwarg(e, "supported", json_string(c->version));
        return -EPROTO;
}

static int unsupported(const char *namespace, const char *name, NovaException *e) {
        char type[160];

        snprintf(type, sizeof type, "%s%s%.100s", namespace ? namespace : "", namespace ? "." : "", name);
        (void) exception_setf(e, EXC_UNSUPPORTED_OBJECT, "Unsupported object type %s", type);
        exception_kwarg(e, "objtype", json_string(type));
        return -EPROTO;
}

static int refuse_member(const char *name, const char *member, const char *wanted, const json_t *value, NovaException *e) {
        return exception_setf(e, EXC_VALUE_ERROR, "%.100s: %s must be %s, not %s", name, member, wanted, json_type_name(value));
}

/* Finds the class, and checks that it is an object which we can read. */
static int parse_head(const json_t *primitive, const ObjectClass **ret_class, Version *ret_version, NovaException *e) {
        const char *name = object_name(primitive), *namespace = json_member_string(primitive, NAMESPACE);
        const char *version = json_member_string(primitive, VERSION);
        const ObjectClass *c;
        Version ours;

        if (!name)
                return refuse_member("object", NAME, "a string", json_object_get(primitive, NAME), e);
        if (!namespace)
                return refuse_member(name, NAMESPACE, "a string", json_object_get(primitive, NAMESPACE), e);
        if (!streq(namespace, "nova"))
                return unsupported(strnlen(namespace, 50) < 50 ? namespace : "(another namespace)", name, e);
        c = object_class_find(name);
        if (!c)
                return unsupported(NULL, name, e);
        if (!version)
                return refuse_member(name, VERSION, "a string", json_object_get(primitive, VERSION), e);
        if (!version_parse(c->version, &ours) || !version_parse(version, ret_version) || ret_version->major != ours.major)
                return incompatible(c, version, e);
        if (!object_data(primitive))
                return refuse_member(name, DATA, "an object", json_object_get(primitive, DATA), e);
        *ret_class = c;
        return ret_version->minor > ours.minor;
}

/* The field; *next is where it may be, and then where the one after it is: senders tell them in the order of the class. */
static const ObjectField *next_field(const ObjectClass *c, const char *name, size_t *next) {
        for (size_t n = 0; n < c->n_fields; n++) {
                const ObjectField *f = &c->fields[*next];

                *next = *next + 1 < c->n_fields ? *next + 1 : 0;
                if (streq(f->name, name))
                        return f;
        }
        return NULL;
}

static int parse_data(const ObjectClass *c, const json_t *data, bool newer, json_t **ret, NovaException *e) {
        json_auto_t *parsed = json_object();
        json_t *value, *coerced;
        const char *key;
        size_t next = 0;
        int r;

        json_object_foreach((json_t *) data, key, value) {
                ObjectPlace p = { .of = c, .field = next_field(c, key, &next), .newer = newer };

                if (p.field) {
                        r = object_coerce_field(&p, value, &coerced, e);
                        if (r < 0)
                                return r;
                } else
                        coerced = json_deep_copy(value);
                if (json_object_set_new_nocheck(parsed, key, coerced) < 0)
                        return -ENOMEM;
        }
        return (*ret = TAKE_PTR(parsed)) ? 0 : -ENOMEM;
}

/* Those of fields that are there; each once. NULL with 0 when there are none. */
static int parse_changes(const ObjectClass *c, const json_t *changes, const json_t *data, json_t **ret, NovaException *e) {
        json_auto_t *list = NULL, *seen = NULL;
        json_t *name;
        size_t n;

        *ret = NULL;
        if (!changes || json_is_null(changes))
                return 0;
        if (!json_is_array(changes))
                return refuse_member(c->name, CHANGES, "a list", changes, e);
        list = json_array();
        seen = json_object();
        json_array_foreach((json_t *) changes, n, name) {
                const char *text = json_string_value(name);

                if (!text)
                        return refuse_member(c->name, CHANGES, "a list of strings", name, e);
                if (!json_object_get(data, text) || json_object_get(seen, text))
                        continue;
                if (json_array_append(list, name) < 0 || json_object_set_new(seen, text, json_true()) < 0)
                        return -ENOMEM;
        }
        if (json_array_size(list) > 0)
                *ret = TAKE_PTR(list);
        return 0;
}

static int put(json_t *object, const char *key, json_t *value) {
        return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int object_parse(const json_t *primitive, const char *class_name, json_t **ret, NovaException *e) {
        json_auto_t *object = NULL, *data = NULL, *changes = NULL;
        const ObjectClass *c = NULL;
        json_t *value;
        const char *key;
        Version version;
        bool newer;
        int r;

        assert(primitive && ret);

        if (class_name && !object_is(primitive, class_name))
                return exception_setf(e, EXC_VALUE_ERROR, "An object of type %s is required, not %.100s", class_name,
                                      object_is_primitive(primitive) ? object_name(primitive) : json_type_name(primitive));
        r = parse_head(primitive, &c, &version, e);
        if (r < 0)
                return r;
        newer = r > 0;
        r = parse_data(c, object_data(primitive), newer, &data, e);
        if (r >= 0)
                r = parse_changes(c, json_object_get(primitive, CHANGES), data, &changes, e);
        if (r < 0)
                return r;

        object = json_object();
        json_object_foreach((json_t *) primitive, key, value) {
                if (streq(key, DATA))
                        r = put(object, key, json_incref(data));
                else if (streq(key, CHANGES))
                        r = changes ? put(object, key, json_incref(changes)) : 0;
                else if (streq(key, VERSION) && !version.ended)
                        r = put(object, key, json_stringn(json_string_value(value), (size_t) version.length));
                else
                        r = put(object, key, json_is_string(value) ? json_incref(value) : json_deep_copy(value));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(object);
        return 0;
}

static int parse_all_members(const json_t *value, json_t **ret, NovaException *e) {
        json_auto_t *copy = json_object();
        json_t *member, *parsed;
        const char *key;
        int r;

        json_object_foreach((json_t *) value, key, member) {
                r = object_parse_all(member, &parsed, e);
                if (r >= 0)
                        r = put(copy, key, parsed);
                if (r < 0)
                        return r;
        }
        return (*ret = TAKE_PTR(copy)) ? 0 : -ENOMEM;
}

int object_parse_all(const json_t *value, json_t **ret, NovaException *e) {
        json_auto_t *copy = NULL;
        json_t *member, *parsed;
        size_t n;
        int r;

        assert(value && ret);

        if (json_is_object(value))
                return json_object_get(value, NAME) ? object_parse(value, NULL, ret, e) : parse_all_members(value, ret, e);
        if (!json_is_array(value))
                return (*ret = json_deep_copy(value)) ? 0 : -ENOMEM;
        copy = json_array();
        json_array_foreach((json_t *) value, n, member) {
                r = object_parse_all(member, &parsed, e);
                if (r >= 0)
                        r = json_array_append_new(copy, parsed) < 0 ? -ENOMEM : 0;
                if (r < 0)
                        return r;
        }
        return (*ret = TAKE_PTR(copy)) ? 0 : -ENOMEM;
}

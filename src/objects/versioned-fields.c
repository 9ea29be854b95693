/* Fields of Nova's objects, and which of them are changed. See versioned.h. */
#include <assert.h>
#include <errno.h>

#include "basic/json.h"
#include "objects/versioned-classes.h"

#define DATA "nova_object.data"
#define CHANGES "nova_object.changes"

json_t *object_new(const char *class_name) {
        const ObjectClass *c = object_class_find(class_name);

        assert(c);
        return json_pack("{s:s, s:s, s:s, s:{}}", "nova_object.name", c->name, "nova_object.namespace", "nova", "nova_object.version",
                         c->version, DATA);
}

json_t *object_get(const json_t *object, const char *field) {
        return json_object_get(object_data(object), field);
}

static size_t change_index(const json_t *changes, const char *field) {
        const json_t *name;
        size_t n;

        json_array_foreach((json_t *) changes, n, name)
                if (streq_ptr(json_string_value(name), field))
                        return n;
        return SIZE_MAX;
}

static int mark_changed(json_t *object, const char *field) {
        json_t *changes = json_object_get(object, CHANGES);

        if (!json_is_array(changes)) {
                changes = json_array();
                if (json_object_set_new(object, CHANGES, changes) < 0)
                        return -ENOMEM;
        }
        if (change_index(changes, field) != SIZE_MAX)
                return 0;
        return json_array_append_new(changes, json_string(field)) < 0 ? -ENOMEM : 0;
}

int object_set(json_t *object, const char *field, json_t *value, NovaException *e) {
        json_auto_t *given = value;
        const ObjectClass *c = object_class_find(strempty(object_name(object)));
        ObjectPlace p = { .of = c, .field = c ? object_class_field(c, field) : NULL };
        json_t *coerced, *before = object_get(object, field);
        int r;

        assert(object && field);

        if (!given || !object_data(object))
                return -ENOMEM;
        if (!p.field)
                return exception_setf(e, EXC_ATTRIBUTE_ERROR, "'%s' object has no attribute '%s'", strempty(object_name(object)), field);
        r = object_coerce_field(&p, given, &coerced, e);
        if (r < 0)
                return r;
        if ((p.field->flags & READ_ONLY) && before) {
                r = json_equal(before, coerced) ? 0
                                                : exception_setf(e, EXC_READ_ONLY_FIELD, "Cannot modify readonly field %s", field);
                json_decref(coerced);
                return r;
        }
        if (json_object_set_new(object_data(object), field, coerced) < 0)
                return -ENOMEM;
        return mark_changed(object, field);
}

static void forget_change(json_t *object, const char *field) {
        json_t *changes = json_object_get(object, CHANGES);
        size_t n = change_index(changes, field);

        if (n != SIZE_MAX)
                (void) json_array_remove(changes, n);
        if (json_array_size(changes) == 0)
                (void) json_object_del(object, CHANGES);
}

void object_unset(json_t *object, const char *field) {
        (void) json_object_del(object_data(object), field);
        forget_change(object, field);
}

int object_set_defaults(json_t *object) {
        const ObjectClass *c = object_class_find(strempty(object_name(object)));
        int r;

        for (size_t n = 0; c && n < c->n_fields; n++) {
                const ObjectField *f = &c->fields[n];

                if (!f->otherwise || object_get(object, f->name))
                        continue;
                r = object_set(object, f->name, json_loads(f->otherwise, JSON_DECODE_ANY, NULL), NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool any_changed(const json_t *object);

/* Whether the value of the field has changes of its own: Nova asks its objects, and the elements of its list objects; lists of objects
 * that are plain fields it does not ask. */
static bool has_inner_changes(const json_t *object, const ObjectClass *c, const char *field) {
        const json_t *value = object_get(object, field), *element;
        size_t n;

        if (object_is_primitive(value))
                return any_changed(value);
        if (!c || !c->is_list)
                return false;
        json_array_foreach((json_t *) value, n, element)
                if (any_changed(element))
                        return true;
        return false;
}

bool object_is_changed(const json_t *object, const char *field) {
        if (!object_get(object, field))
                return false;
        if (change_index(json_object_get(object, CHANGES), field) != SIZE_MAX)
                return true;
        return has_inner_changes(object, object_class_find(strempty(object_name(object))), field);
}

static bool any_changed(const json_t *object) {
        const ObjectClass *c = object_class_find(strempty(object_name(object)));
        const json_t *name;
        json_t *ignored;
        const char *field;
        size_t n;

        json_array_foreach(json_object_get(object, CHANGES), n, name)
                if (object_get(object, strempty(json_string_value(name))))
                        return true;
        json_object_foreach(object_data(object), field, ignored)
                if (has_inner_changes(object, c, field))
                        return true;
        return false;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

json_t *object_changes(const json_t *object) {
        size_t n = 0, size = json_object_size(object_data(object));
        _cleanup_free_ const char **names = calloc(size + 1, sizeof *names);
        json_t *list = json_array(), *ignored;
        const char *field;

        if (!names || !list)
                goto fail;
        json_object_foreach(object_data(object), field, ignored)
                if (object_is_changed(object, field))
                        names[n++] = field;
        if (n > 0)
                qsort(names, n, sizeof *names, compare_names);
        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(list, json_string(names[i])) < 0)
                        goto fail;
        return list;

fail:
        json_decref(list);
        return NULL;
}

void object_reset_changes(json_t *object, bool recursive) {
        json_t *value, *element;
        const char *field;
        size_t n;

        (void) json_object_del(object, CHANGES);
        if (!recursive)
                return;
        json_object_foreach(object_data(object), field, value) {
                if (object_is_primitive(value))
                        object_reset_changes(value, true);
                json_array_foreach(value, n, element)
                        if (object_is_primitive(element))
                                object_reset_changes(element, true);
        }
}

/* From the inside out: afterwards each object's own member says whether anything in it is changed. */
static int settle_changes(json_t *object) {
        json_t *value, *element, *changes;
        const char *field;
        size_t n;

        json_object_foreach(object_data(object), field, value) {
                if (object_is_primitive(value) && settle_changes(value) < 0)
                        return -ENOMEM;
                json_array_foreach(value, n, element)
                        if (object_is_primitive(element) && settle_changes(element) < 0)
                                return -ENOMEM;
        }
        changes = object_changes(object);
        if (!changes)
                return -ENOMEM;
        if (json_array_size(changes) > 0)
                return json_object_set_new(object, CHANGES, changes) < 0 ? -ENOMEM : 0;
        json_decref(changes);
        (void) json_object_del(object, CHANGES);
        return 0;
}

json_t *object_to_primitive(const json_t *object) {
        json_t *copy = json_deep_copy(object);

        if (copy && settle_changes(copy) < 0) {
                json_decref(copy);
                return NULL;
        }
        return copy;
}

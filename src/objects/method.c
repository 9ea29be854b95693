/* Arguments of methods: checked against the row, masked by it. See method.h. */
#include "objects/method.h"

#include <assert.h>
#include <errno.h>

#include "basic/id.h"
#include "basic/json.h"
#include "objects/versioned.h"

#define SHOWN_MAX 64            /* bytes of a wrong value that a message quotes; longer ones are only described */

static const char *const type_names[_ARGUMENT_TYPE_MAX] = {
        [ARGUMENT_ANY] = "any value",
        [ARGUMENT_STRING] = "a string",
        [ARGUMENT_INTEGER] = "an integer",
        [ARGUMENT_BOOLEAN] = "a boolean",
        [ARGUMENT_OBJECT] = "an object",
        [ARGUMENT_ARRAY] = "an array",
        [ARGUMENT_UUID] = "a uuid",
};

const char *argument_type_to_string(ArgumentType t) {
        assert(t >= 0 && t < _ARGUMENT_TYPE_MAX);
        return type_names[t];
}

const char *method_recovery_to_string(MethodRecovery r) {
        static const char *const names[_RECOVER_MAX] = {
                [RECOVER_FAIL] = "fail",
                [RECOVER_AGAIN] = "again",
                [RECOVER_UNDO] = "undo",
        };

        return r >= 0 && r < _RECOVER_MAX ? names[r] : NULL;
}

static bool type_matches(const Argument *a, const json_t *value) {
        if (json_is_null(value))
                return (a->flags & ARGUMENT_NULLABLE) || a->type == ARGUMENT_ANY;

        switch (a->type) {
        case ARGUMENT_ANY:
                return true;
        case ARGUMENT_STRING:
                return json_is_string(value);
        case ARGUMENT_INTEGER:
                return json_is_integer(value);
        case ARGUMENT_BOOLEAN:
                return json_is_boolean(value);
        case ARGUMENT_OBJECT:
                return json_is_object(value);
        case ARGUMENT_ARRAY:
                return json_is_array(value);
        case ARGUMENT_UUID:
                return json_is_string(value) && uuid_is_valid(json_string_value(value));
        case _ARGUMENT_TYPE_MAX:
                break;
        }
        return false;
}

static int refuse(const Method *m, const Argument *a, const json_t *value, NovaException *e) {
        const char *or_null = a->flags & ARGUMENT_NULLABLE ? " or null" : "";
        _cleanup_free_ char *shown = NULL;

        if (!value)
                return exception_setf(e, EXC_TYPE_ERROR, "%s() is missing the argument '%s': %s%s is required", m->name,
                                      a->name, type_names[a->type], or_null);

        /* Scalars only: what is inside of an object may be secret under any name. */
        if (!json_is_null(value) && !json_is_object(value) && !json_is_array(value) &&
            !(a->flags & ARGUMENT_SECRET) && !json_key_is_secret(a->name))
                shown = json_text(value);
        if (shown && strlen(shown) <= SHOWN_MAX)
                return exception_setf(e, EXC_TYPE_ERROR, "%s() got %s, %s, as argument '%s': %s%s is required", m->name,
                                      json_type_name(value), shown, a->name, type_names[a->type], or_null);
        return exception_setf(e, EXC_TYPE_ERROR, "%s() got %s as argument '%s': %s%s is required", m->name,
                              json_type_name(value), a->name, type_names[a->type], or_null);
}

int method_check_arguments(const Method *m, const json_t *args, NovaException *e) {
        size_t known = 0;

        assert(m);
        if (args && !json_is_object(args))
                return exception_setf(e, EXC_TYPE_ERROR, "%s() got %s as its arguments: an object is required", m->name,
                                      json_type_name(args));

        for (const Argument *a = m->arguments; a && a->name; a++) {
                const json_t *value = json_object_get(args, a->name);

                if (!value && (a->flags & ARGUMENT_OPTIONAL))
                        continue;
                if (!value || !type_matches(a, value))
                        return refuse(m, a, value, e);
                known++;
        }
        return (int) (json_object_size(args) - known);
}

static bool has_objects(const json_t *value) {
        json_t *member;
        const char *key;
        size_t n;

        if (json_object_get(value, "nova_object.name"))
                return true;
        json_object_foreach((json_t *) value, key, member)
                if (has_objects(member))
                        return true;
        json_array_foreach((json_t *) value, n, member)
                if (has_objects(member))
                        return true;
        return false;
}

int method_read_objects(const Method *m, const json_t *args, json_t **ret, NovaException *e) {
        json_auto_t *copy = NULL;
        json_t *parsed;
        int r;

        assert(m && ret);

        for (const Argument *a = m->arguments; a && a->name; a++) {
                const json_t *value = json_object_get(args, a->name);

                if (!has_objects(value))
                        continue;
                if (!copy && !(copy = json_copy((json_t *) args)))
                        return -ENOMEM;
                r = object_parse_all(value, &parsed, e);
                if (r < 0)
                        return r;
                if (json_object_set_new(copy, a->name, parsed) < 0)
                        return -ENOMEM;
        }
        *ret = copy ? TAKE_PTR(copy) : args ? json_incref((json_t *) args) : json_object();
        return *ret ? 0 : -ENOMEM;
}

json_t *method_masked_arguments(const Method *m, const json_t *args) {
        json_auto_t *copy = NULL;

        assert(m);
        copy = args ? json_masked(args) : json_object();
        if (!copy)
                return NULL;

        for (const Argument *a = m->arguments; a && a->name; a++)
                if ((a->flags & ARGUMENT_SECRET) && !json_is_null(json_object_get(copy, a->name)) &&
                    json_object_get(copy, a->name) && json_object_set_new(copy, a->name, json_string("***")) < 0)
                        return NULL;
        return TAKE_PTR(copy);
}

/* Objects of a peer: arguments of any shape in which there may be some. What was taken is in the form that we write ourselves, so that
 * it is read again as the same; an instance keeps all of it on its way through our struct. */
#include "basic/json.h"
#include "fuzz.h"
#include "objects/instance-object.h"
#include "objects/versioned.h"

static void check_taken(const json_t *object) {
        json_auto_t *again = NULL, *sent = object_to_primitive(object), *received = NULL, *changes = object_changes(object);

        fuzz_check(object_parse(object, object_name(object), &again, NULL) == 0);
        fuzz_check(json_equal(object, again));
        fuzz_check(sent && changes);
        fuzz_check(object_parse(sent, NULL, &received, NULL) == 0);
        fuzz_check(json_equal(sent, received));
        fuzz_check((json_array_size(changes) > 0) == (json_object_get(sent, "nova_object.changes") != NULL));
}

/* Fields that our struct does not have are those of the object. */
static void check_instance(const json_t *object) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = {};
        json_auto_t *back = NULL, *image = NULL;
        json_t *value;
        const char *field;
        int r;

        r = instance_from_object(object, &i, &e);
        fuzz_check(r >= 0 || exception_is_set(&e));
        if (r < 0)
                return;
        back = instance_to_object(&i);
        image = image_meta_from_instance(&i);
        fuzz_check(back && image);
        json_object_foreach(object_data(object), field, value)
                fuzz_check(object_get(back, field));
        fuzz_check(instance_merge_changes(&i, object, NULL) == 0);
        fuzz_check(streq_ptr(i.uuid, json_string_value(object_get(back, "uuid"))));
        instance_done(&i);
}

static void check_value(const json_t *value) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *parsed = NULL, *again = NULL;
        int r;

        r = object_parse_all(value, &parsed, &e);
        fuzz_check(r >= 0 ? parsed != NULL : exception_is_set(&e) && !parsed);
        if (r < 0)
                return;
        fuzz_check(object_parse_all(parsed, &again, NULL) == 0);
        fuzz_check(json_equal(parsed, again));
        if (!object_is_primitive(parsed))
                return;
        check_taken(parsed);
        if (object_is(parsed, "Instance"))
                check_instance(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        json_auto_t *value = NULL;

        if (json_parse((const char *) data, size, &value, NULL, 0) >= 0)
                check_value(value);
        return 0;
}

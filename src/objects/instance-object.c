/* Instance <-> its versioned object: see instance-object.h. */
#include "objects/instance-object.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/id.h"
#include "basic/json.h"
#include "objects/versioned.h"

#define DATA "nova_object.data"
#define CHANGES "nova_object.changes"
#define IMAGE_PREFIX "image_"

typedef enum FieldKind {
        FIELD_TEXT,
        FIELD_INTEGER,
        FIELD_BOOLEAN,
        FIELD_TIME,
        FIELD_VM_STATE,
        FIELD_TASK_STATE,
        FIELD_POWER_STATE,
} FieldKind;

/* The struct's members that are fields of the object. */
static const struct {
        const char *name;
        FieldKind kind;
        size_t offset;
} members[] = {
        { "id", FIELD_INTEGER, offsetof(Instance, id) },
        { "uuid", FIELD_TEXT, offsetof(Instance, uuid) },
        { "display_name", FIELD_TEXT, offsetof(Instance, display_name) },
        { "hostname", FIELD_TEXT, offsetof(Instance, hostname) },
        { "host", FIELD_TEXT, offsetof(Instance, host) },
        { "node", FIELD_TEXT, offsetof(Instance, node) },
        { "launched_on", FIELD_TEXT, offsetof(Instance, launched_on) },
        { "user_id", FIELD_TEXT, offsetof(Instance, user_id) },
        { "project_id", FIELD_TEXT, offsetof(Instance, project_id) },
        { "image_ref", FIELD_TEXT, offsetof(Instance, image_ref) },
        { "os_type", FIELD_TEXT, offsetof(Instance, os_type) },
        { "availability_zone", FIELD_TEXT, offsetof(Instance, availability_zone) },
        { "vm_state", FIELD_VM_STATE, offsetof(Instance, vm_state) },
        { "task_state", FIELD_TASK_STATE, offsetof(Instance, task_state) },
        { "power_state", FIELD_POWER_STATE, offsetof(Instance, power_state) },
        { "instance_type_id", FIELD_INTEGER, offsetof(Instance, flavor_id) },
        { "memory_mb", FIELD_INTEGER, offsetof(Instance, memory_mb) },
        { "vcpus", FIELD_INTEGER, offsetof(Instance, vcpus) },
        { "root_gb", FIELD_INTEGER, offsetof(Instance, root_gb) },
        { "ephemeral_gb", FIELD_INTEGER, offsetof(Instance, ephemeral_gb) },
        { "locked", FIELD_BOOLEAN, offsetof(Instance, locked) },
        { "created_at", FIELD_TIME, offsetof(Instance, created_at) },
        { "updated_at", FIELD_TIME, offsetof(Instance, updated_at) },
        { "launched_at", FIELD_TIME, offsetof(Instance, launched_at) },
        { "terminated_at", FIELD_TIME, offsetof(Instance, terminated_at) },
        { "deleted_at", FIELD_TIME, offsetof(Instance, deleted_at) },
        { "deleted", FIELD_BOOLEAN, offsetof(Instance, deleted) },
        { "cleaned", FIELD_BOOLEAN, offsetof(Instance, cleaned) },
};

#define MEMBER(type, i, n) (*(type *) ((char *) (i) + members[n].offset))
#define CONST_MEMBER(type, i, n) (*(type const *) ((const char *) (i) + members[n].offset))

/* The fields of a primitive; of Essex's dictionary, itself. */
static json_t *data_of(const json_t *object) {
        json_t *data = json_object_get(object, DATA);

        return data ? data : json_is_object(object) ? (json_t *) object : NULL;
}

static int bad_value(NovaException *e, const char *field, const json_t *value, const char *wanted) {
        _cleanup_free_ char *text = json_key_is_secret(field) ? NULL : json_text(value);

        return exception_setf(e, EXC_VALUE_ERROR, "Field Instance.%s: %s is allowed, got %.200s", field, wanted,
                              text ? text : json_type_name(value));
}

static int read_text(const json_t *v, char **ret) {
        char *text;

        if (json_is_string(v))
                text = strdup(json_string_value(v));
        else if (json_is_number(v))
                text = json_text(v);
        else
                return -EINVAL;
        if (!text)
                return -ENOMEM;
        free(*ret);
        *ret = text;
        return 0;
}

static int read_member(Instance *i, size_t n, const json_t *v, NovaException *e) {
        const char *name = members[n].name, *text = json_string_value(v);
        int r;

        switch (members[n].kind) {
        case FIELD_TEXT:
                r = read_text(v, &MEMBER(char *, i, n));
                return r == -EINVAL ? bad_value(e, name, v, "a string") : r;
        case FIELD_INTEGER:
                if (!json_is_integer(v))
                        return bad_value(e, name, v, "an integer");
                MEMBER(int64_t, i, n) = json_integer_value(v);
                return 0;
        case FIELD_BOOLEAN:
                if (!json_is_boolean(v) && !json_is_integer(v))
                        return bad_value(e, name, v, "a boolean");
                MEMBER(bool, i, n) = json_is_true(v) || json_integer_value(v) != 0;
                return 0;
        case FIELD_TIME:
                if (!text || time_parse(text, &MEMBER(usec_t, i, n)) < 0)
                        return bad_value(e, name, v, "a time in ISO 8601");
                return 0;
        case FIELD_VM_STATE:
                if (!text || vm_state_from_string(text) < 0)
                        return bad_value(e, name, v, "a vm_state of Nova's");
                i->vm_state = vm_state_from_string(text);
                return 0;
        case FIELD_TASK_STATE:
                if (!text || task_state_from_string(text) < 0)
                        return bad_value(e, name, v, "a task_state of Nova's");
                i->task_state = task_state_from_string(text);
                return 0;
        case FIELD_POWER_STATE:
                if (!json_is_integer(v))
                        return bad_value(e, name, v, "a power_state of Nova's");
                i->power_state = (PowerState) json_integer_value(v);
                return 0;
        }
        return -EINVAL;
}

/* The members that come from nested objects. */
static int read_nested(Instance *i, NovaException *e) {
        const json_t *flavor = instance_flavor(i), *cache = instance_nested(i, "info_cache"), *info;
        const json_t *numa = instance_field(i, "numa_topology");
        const char *name;

        name = json_member_string(flavor, "name");
        if (name && !(i->flavor_name = strdup(name)))
                return -ENOMEM;
        i->swap_mb = json_member_integer(flavor, "swap", 0);
        if (json_is_object(numa) && !(i->numa_topology = json_text(numa)))
                return -ENOMEM;

        info = json_object_get(cache, "network_info");
        if (json_is_string(info))
                i->network_info = strdup(json_string_value(info));
        else if (json_is_array(info))
                i->network_info = json_text(info);
        else if (info && !json_is_null(info))
                return bad_value(e, "info_cache", info, "a network_info of JSON text");
        return json_is_null(info) || !info || i->network_info ? 0 : -ENOMEM;
}

/* Takes @object. */
static int read_object(json_t *object, Instance *ret, NovaException *e) {
        Instance i = { .object = object, .vm_state = VM_BUILDING };
        const json_t *v;
        int r = 0;

        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(members); n++) {
                v = json_object_get(data_of(object), members[n].name);
                if (v && !json_is_null(v))
                        r = read_member(&i, n, v, e);
        }
        if (r >= 0 && !uuid_is_valid(strempty(i.uuid)))
                r = exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %.100s.", i.uuid ? i.uuid : "None");
        if (r >= 0)
                r = read_nested(&i, e);
        if (r < 0) {
                instance_done(&i);
                return r;
        }
        *ret = i;
        return 0;
}

int instance_from_object(const json_t *primitive, Instance *ret, NovaException *e) {
        json_t *object;
        int r;

        assert(primitive && ret);

        r = object_parse(primitive, "Instance", &object, e);
        return r < 0 ? r : read_object(object, ret, e);
}

/* Whether the two are one and the same object: a changed part of it can be taken over by itself. */
static bool is_same_object(const json_t *a, const json_t *b) {
        static const char *const keys[] = { "id", "uuid", "instance_uuid" };
        bool known = false;

        if (!json_equal(json_object_get(a, "nova_object.name"), json_object_get(b, "nova_object.name")))
                return false;
        for (size_t n = 0; n < ELEMENTSOF(keys); n++) {
                const json_t *x = json_object_get(data_of(a), keys[n]), *y = json_object_get(data_of(b), keys[n]);

                if (x && y && !json_equal(x, y))
                        return false;
                known |= x && y;
        }
        return known;
}

static int merge(json_t *into, const json_t *from) {
        const json_t *changes = json_object_get(from, CHANGES), *name;
        json_t *to = data_of(into), *old, *new;
        size_t n;
        int r;

        json_array_foreach(changes, n, name) {
                const char *field = json_string_value(name);

                new = field ? json_object_get(data_of(from), field) : NULL;
                if (!new)
                        continue;
                old = json_object_get(to, field);
                if (json_object_get(new, CHANGES) && is_same_object(old, new)) {
                        r = merge(old, new);
                        if (r < 0)
                                return r;
                } else if (json_object_set_new(to, field, json_deep_copy(new)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int instance_merge_changes(Instance *i, const json_t *primitive, NovaException *e) {
        json_auto_t *object = NULL, *given = NULL;
        const char *uuid;
        Instance merged;
        int r;

        assert(i && primitive);

        r = object_parse(primitive, "Instance", &given, e);
        if (r < 0)
                return r;
        uuid = json_string_value(object_get(given, "uuid"));
        if (uuid && !streq_ptr(uuid, i->uuid))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: the object is of instance %.100s, not of %s",
                                      uuid, strempty(i->uuid));

        object = instance_to_object(i);
        if (!object)
                return -ENOMEM;
        r = merge(object, given);
        if (r >= 0)
                r = read_object(json_incref(object), &merged, e);
        if (r < 0)
                return r;

        merged.name = TAKE_PTR(i->name);        /* these are no fields of the object */
        merged.volume_backed = i->volume_backed;
        if (!merged.flavor_name)
                merged.flavor_name = TAKE_PTR(i->flavor_name);
        if (!instance_flavor(&merged))
                merged.swap_mb = i->swap_mb;
        instance_done(i);
        *i = merged;
        return 0;
}

static json_t *member_value(const Instance *i, size_t n) {
        char text[TIME_TEXT_MAX];
        usec_t t;

        switch (members[n].kind) {
        case FIELD_TEXT:
                return json_string_or_null(CONST_MEMBER(char *, i, n));
        case FIELD_INTEGER:
                return json_integer(CONST_MEMBER(int64_t, i, n));
        case FIELD_BOOLEAN:
                return json_boolean(CONST_MEMBER(bool, i, n));
        case FIELD_TIME:
                t = CONST_MEMBER(usec_t, i, n);
                return t == 0 ? json_null() : json_string(time_format_iso(t, text));
        case FIELD_VM_STATE:
                return json_string_or_null(vm_state_to_string(i->vm_state));
        case FIELD_TASK_STATE:
                return json_string_or_null(task_state_to_string(i->task_state));
        case FIELD_POWER_STATE:
                return json_integer(i->power_state);
        }
        return NULL;
}

static int put_info_cache(json_t *data, const Instance *i) {
        json_t *cache = json_object_get(data, "info_cache");

        if (!json_object_get(cache, DATA)) {
                cache = object_new("InstanceInfoCache");
                if (json_object_set_new(data, "info_cache", cache) < 0 ||
                    json_object_set_new(object_data(cache), "instance_uuid", json_string(strempty(i->uuid))) < 0)
                        return -ENOMEM;
        }
        return json_object_set_new(json_object_get(cache, DATA), "network_info",
                                   json_string(i->network_info ? i->network_info : "[]")) < 0 ? -ENOMEM : 0;
}

static int put_members(json_t *data, const Instance *i) {
        static const char *const dictionaries[] = { "metadata", "system_metadata" };

        for (size_t n = 0; n < ELEMENTSOF(members); n++) {
                if (members[n].offset == offsetof(Instance, id) && i->id == 0)
                        continue;       /* not stored yet: unset, not 0 */
                if (json_object_set_new(data, members[n].name, member_value(i, n)) < 0)
                        return -ENOMEM;
        }
        for (size_t n = 0; n < ELEMENTSOF(dictionaries); n++)
                if (!json_object_get(data, dictionaries[n]) && json_object_set_new(data, dictionaries[n], json_object()) < 0)
                        return -ENOMEM;
        return put_info_cache(data, i);
}

json_t *instance_to_object(const Instance *i) {
        json_t *object, *data;

        assert(i);

        if (json_object_get(i->object, DATA))
                object = json_deep_copy(i->object);
        else
                object = object_new("Instance");
        data = json_object_get(object, DATA);
        if (!data || put_members(data, i) < 0) {
                json_decref(object);
                return NULL;
        }
        object_reset_changes(object, true);
        return object;
}

const json_t *instance_field(const Instance *i, const char *field) {
        return json_object_get(data_of(i->object), field);
}

const char *instance_text(const Instance *i, const char *field) {
        return json_string_value(instance_field(i, field));
}

int64_t instance_number(const Instance *i, const char *field, int64_t otherwise) {
        return json_member_integer(data_of(i->object), field, otherwise);
}

int instance_set_field(Instance *i, const char *field, json_t *value) {
        json_t *data;

        if (!i->object)
                i->object = object_new("Instance");
        data = data_of(i->object);
        if (!data) {
                json_decref(value);
                return -ENOMEM;
        }
        if (!value) {
                (void) json_object_del(data, field);
                return 0;
        }
        return json_object_set_new(data, field, value) < 0 ? -ENOMEM : 0;
}

int instance_set_numa_topology(Instance *i, const char *text) {
        json_t *value = NULL;
        char *copy = text ? strdup(text) : NULL;
        int r = text && !copy ? -ENOMEM : 0;

        if (r >= 0 && text)
                r = json_parse(text, strlen(text), &value, NULL, 0);
        if (r >= 0)
                r = instance_set_field(i, "numa_topology", text ? value : json_null());
        if (r < 0) {
                free(copy);
                return r;
        }
        free(i->numa_topology);
        i->numa_topology = copy;
        return 0;
}

const json_t *instance_nested(const Instance *i, const char *field) {
        return data_of(instance_field(i, field));
}

static const json_t *dictionary(const Instance *i, const char *field) {
        const json_t *v = instance_field(i, field);

        return json_is_object(v) ? v : NULL;
}

const json_t *instance_metadata(const Instance *i) {
        return dictionary(i, "metadata");
}

const json_t *instance_system_metadata(const Instance *i) {
        return dictionary(i, "system_metadata");
}

const char *instance_system_metadata_get(const Instance *i, const char *key) {
        return json_string_value(json_object_get(instance_system_metadata(i), key));
}

int instance_system_metadata_set(Instance *i, const char *key, const char *value_or_null) {
        json_t *metadata = (json_t *) instance_system_metadata(i);
        int r;

        if (!metadata) {
                if (!value_or_null)
                        return 0;
                r = instance_set_field(i, "system_metadata", json_object());
                if (r < 0)
                        return r;
                metadata = (json_t *) instance_system_metadata(i);
        }
        if (!value_or_null) {
                (void) json_object_del(metadata, key);
                return 0;
        }
        return json_object_set_new(metadata, key, json_string(value_or_null)) < 0 ? -ENOMEM : 0;
}

const json_t *instance_flavor(const Instance *i) {
        const json_t *flavor = instance_nested(i, "flavor");

        return flavor ? flavor : instance_nested(i, "instance_type");   /* Essex */
}

const char *instance_extra_spec(const Instance *i, const char *key) {
        return json_member_string(json_object_get(instance_flavor(i), "extra_specs"), key);
}

const char *instance_image_property(const Instance *i, const char *key) {
        char name[256];

        if (snprintf(name, sizeof name, IMAGE_PREFIX "%s", key) >= (int) sizeof name)
                return NULL;
        return instance_system_metadata_get(i, name);
}

/* Of system_metadata these are the image's own fields, the others its properties; the first two are numbers. */
static const char *const image_fields[] = { "min_disk", "min_ram", "disk_format", "container_format" };

static json_t *image_field_value(size_t n, const json_t *value) {
        const char *text = json_string_value(value);
        char *end;
        long long number;

        if (n > 1 || !text)
                return json_incref((json_t *) value);
        number = strtoll(text, &end, 10);
        return end == text || *end ? NULL : json_integer(number);
}

static int put_image_value(json_t *image, json_t *properties, const char *key, json_t *value) {
        json_t *v;

        for (size_t n = 0; n < ELEMENTSOF(image_fields); n++)
                if (streq(key, image_fields[n])) {
                        v = image_field_value(n, value);
                        return v && json_object_set_new(image, key, v) < 0 ? -ENOMEM : 0;
                }
        return json_object_set(properties, key, value) < 0 ? -ENOMEM : 0;
}

json_t *image_meta_from_instance(const Instance *i) {
        json_auto_t *image = json_object(), *properties = json_object();
        const char *key, *id = i->image_ref, *name;
        json_t *value;

        json_object_foreach((json_t *) instance_system_metadata(i), key, value) {
                name = startswith(key, IMAGE_PREFIX);
                if (name && !json_is_null(value) && put_image_value(image, properties, name, value) < 0)
                        return NULL;
        }
        if (isempty(id))
                id = json_member_string(properties, "base_image_ref");
        if ((!isempty(id) && json_object_set_new(image, "id", json_string(id)) < 0) ||
            json_object_set(image, "properties", properties) < 0)
                return NULL;
        return json_incref(image);
}

const json_t *instance_keypairs(const Instance *i) {
        const json_t *list = json_object_get(instance_nested(i, "keypairs"), "objects");

        return json_is_array(list) ? list : NULL;
}

const char *instance_user_data(const Instance *i) {
        return instance_text(i, "user_data");
}

bool instance_config_drive(const Instance *i) {
        const json_t *v = instance_field(i, "config_drive");

        return json_is_true(v) || !isempty(json_string_value(v));
}

/* What is known of an image: <id>.json to Nova's dictionary. See image.h. */
#include <errno.h>

#include "basic/json.h"
#include "image/private.h"

#define TEXT_MAX 255                    /* of Glance's names and values that are one word */

static const struct {
        const char *name;
        const char *otherwise;          /* NULL = null */
} texts[] = {
        { "name", NULL },     { "disk_format", NULL }, { "container_format", "bare" }, { "status", "active" },
        { "checksum", NULL }, { "os_hash_algo", NULL }, { "os_hash_value", NULL },     { "created_at", NULL },
        { "updated_at", NULL },
};
static const char *const numbers[] = { "size", "min_disk", "min_ram" };

int64_t image_meta_integer(const json_t *meta, const char *key, int64_t otherwise) {
        json_t *value = json_object_get(meta, key);
        int64_t n = 0;

        if (json_is_integer(value))
                return json_integer_value(value) >= 0 ? json_integer_value(value) : otherwise;
        if (!json_is_string(value) || json_string_length(value) == 0)
                return otherwise;
        for (const char *p = json_string_value(value); *p; p++)
                if (*p < '0' || *p > '9' || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
                        return otherwise;
        return n;
}

const char *image_meta_property(const json_t *meta, const char *key) {
        return json_member_string(json_object_get(meta, "properties"), key);
}

static int wrong(const char *id, const char *key, const json_t *value, NovaException *e) {
        _cleanup_free_ char *shown = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

        return image_unacceptable(id, e, "its metadata has %s %.100s", key, strempty(shown));
}

/* Values of properties are texts in Nova; what a person wrote as a number or a boolean becomes one. */
static json_t *property_text(const json_t *value) {
        if (json_is_string(value))
                return json_string_nocheck(json_string_value(value));
        if (json_is_integer(value))
                return json_sprintf("%lld", (long long) json_integer_value(value));
        if (json_is_boolean(value))
                return json_string(json_is_true(value) ? "true" : "false");
        return NULL;
}

static int read_properties(const char *id, json_t *from, json_t *to, NovaException *e) {
        const char *key;
        json_t *value;

        if (!from || json_is_null(from))
                return 0;
        if (!json_is_object(from))
                return wrong(id, "properties", from, e);
        json_object_foreach(from, key, value) {
                json_t *text;

                if (json_is_null(value))
                        continue;
                text = property_text(value);
                if (!text)
                        return wrong(id, key, value, e);
                if (json_object_set_new(to, key, text) < 0)
                        return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        }
        return 0;
}

int image_metadata_read(const char *id, const json_t *sidecar, json_t **ret, NovaException *e) {
        json_auto_t *meta = json_pack("{s:s, s:{}, s:b, s:b, s:n, s:s, s:b, s:[], s:n}", "id", id, "properties", "is_public", 1,
                                      "deleted", 0, "deleted_at", "visibility", "public", "protected", 0, "tags", "owner");
        int r;

        if (!meta)
                return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                json_t *value = json_object_get(sidecar, texts[i].name);

                if (value && !json_is_null(value) && (!json_is_string(value) || json_string_length(value) > TEXT_MAX))
                        return wrong(id, texts[i].name, value, e);
                if (json_object_set_new(meta, texts[i].name, json_string_or_null(json_string_value(value) ?: texts[i].otherwise)) < 0)
                        return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        }
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                json_t *value = json_object_get(sidecar, numbers[i]);
                int64_t n = value && !json_is_null(value) ? image_meta_integer(sidecar, numbers[i], -1) : 0;

                if (n < 0)
                        return wrong(id, numbers[i], value, e);
                if (json_object_set_new(meta, numbers[i], json_integer(n)) < 0)
                        return exception_set_errno(e, -ENOMEM, "Reading metadata of an image");
        }
        if (json_is_string(json_object_get(meta, "os_hash_value")) && !image_hash_is_known(json_member_string(meta, "os_hash_algo")))
                return wrong(id, "os_hash_algo", json_object_get(meta, "os_hash_algo"), e);
        r = read_properties(id, json_object_get(sidecar, "properties"), json_object_get(meta, "properties"), e);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(meta);
        return 0;
}

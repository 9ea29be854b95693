/* The quick reader of JSON: what it takes, jansson takes too, and reads the same. */
#include "basic/json.h"
#include "rpc/plain-json.h"
#include "fuzz.h"

#define PREFIX "_context_"

/* Puts the members that were kept apart back under their names. */
static void join(json_t *object, const json_t *prefixed) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) prefixed, key, value) {
                _cleanup_free_ char *name = NULL;

                fuzz_check(*key && asprintf(&name, PREFIX "%s", key) > 0);
                fuzz_check(!json_object_get(object, name) && json_object_set(object, name, value) == 0);
        }
}

static bool keep(const char *name, size_t size, json_t *value, void *userdata) {
        if (json_object_getn(userdata, name, size)) {
                json_decref(value);
                return false;
        }
        return json_object_setn_new(userdata, name, size, value) == 0;
}

/* @text as it stands in the string of an envelope. */
static char *escaped(const char *text, size_t size, size_t *ret_size) {
        char *s = malloc(2 * size + 1);
        size_t k = 0;

        fuzz_check(s);
        for (size_t i = 0; i < size; i++) {
                if (text[i] == '"' || text[i] == '\\')
                        s[k++] = '\\';
                s[k++] = text[i];
        }
        *ret_size = k;
        return s;
}

static bool check_reader(const char *text, size_t size, const char *prefix, const json_t *expected) {
        json_auto_t *object = NULL, *prefixed = json_object();
        _cleanup_free_ char *s = escaped(text, size, &size);
        size_t used = SIZE_MAX;
        const char *key;
        json_t *value;

        fuzz_check(prefixed);
        if (!plain_json_parse(s, size, prefix, keep, prefixed, &object, &used)) {
                fuzz_check(!object && used == SIZE_MAX);
                return false;
        }
        fuzz_check(used <= size);
        if (used < size)
                return false;           /* whoever reads on decides */
        fuzz_check(object && expected);
        if (prefix)
                json_object_foreach(object, key, value)
                        fuzz_check(!startswith(key, prefix) || streq(key, prefix));
        else
                fuzz_check(json_object_size(prefixed) == 0);
        join(object, prefixed);
        fuzz_check(json_equal(object, expected));
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        json_auto_t *expected = NULL;

        (void) json_parse((const char *) data, size, &expected, NULL, 0);
        fuzz_check(check_reader((const char *) data, size, PREFIX, expected) == check_reader((const char *) data, size, NULL, expected));
        return 0;
}

/* jansson with our limits: depth, masks, messages that quote nothing. See json.h. */
#include "basic/json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "basic/macros.h"

/* What went wrong, in words of ours: jansson's own text quotes the place, and the place may be a password. */
static const char *problem_name(enum json_error_code code) {
        switch (code) {
        case json_error_premature_end_of_input:
                return "the text ends too early";
        case json_error_end_of_input_expected:
                return "there is more after the end of the value";
        case json_error_invalid_utf8:
                return "not UTF-8";
        case json_error_null_character:
        case json_error_null_byte_in_key:
                return "a NUL character in a string";
        case json_error_duplicate_key:
                return "a key occurs twice in one object";
        case json_error_numeric_overflow:
                return "a number is too large";
        case json_error_stack_overflow:
                return "nested too deeply";
        case json_error_invalid_syntax:
                return "not JSON";
        default:
                return "cannot be read";
        }
}

/* Whether brackets outside of strings nest deeper than JSON_DEPTH_MAX. Parsing, dumping and freeing recurse, and the
 * stacks of workers are small: depth is refused before anything is built. Sets *ret_at. */
static bool too_deep(const char *text, size_t len, size_t *ret_at) {
        unsigned depth = 0;
        bool quoted = false;

        for (size_t i = 0; i < len; i++) {
                char c = text[i];

                if (quoted) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                quoted = false;
                } else if (c == '"')
                        quoted = true;
                else if (c == '{' || c == '[') {
                        if (++depth > JSON_DEPTH_MAX) {
                                *ret_at = i;
                                return true;
                        }
                } else if ((c == '}' || c == ']') && depth > 0)
                        depth--;
        }
        return false;
}

int json_parse(const char *text, size_t len, json_t **ret, char *why, size_t why_size) {
        json_error_t error = {};
        size_t at = 0;
        json_t *value;

        assert((text || len == 0) && ret);

        if (too_deep(strempty(text), len, &at)) {
                if (why)
                        (void) snprintf(why, why_size, "nested deeper than %d levels at byte %zu of %zu", JSON_DEPTH_MAX,
                                        at, len);
                return -EBADMSG;
        }

        value = json_loadb(strempty(text), len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!value) {
                enum json_error_code code = json_error_code(&error);

                if (code == json_error_out_of_memory)
                        return -ENOMEM;
                if (why)
                        (void) snprintf(why, why_size, "%s at line %d, byte %d of %zu", problem_name(code),
                                        MAX(error.line, 1), MAX(error.position, 0), len);
                return -EBADMSG;
        }
        *ret = value;
        return 0;
}

char *json_text(const json_t *value) {
        return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

const char *json_member_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

bool json_member_boolean(const json_t *object, const char *key, bool otherwise) {
        const json_t *v = json_object_get(object, key);
        return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise) {
        const json_t *v = json_object_get(object, key);
        return json_is_integer(v) ? (int64_t) json_integer_value(v) : otherwise;
}

json_t *json_string_or_null(const char *s) {
        return s ? json_string(s) : json_null();
}

const char *json_type_name(const json_t *value) {
        if (!value)
                return "nothing";
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return "an object";
        case JSON_ARRAY:
                return "an array";
        case JSON_STRING:
                return "a string";
        case JSON_INTEGER:
                return "an integer";
        case JSON_REAL:
                return "a real number";
        case JSON_TRUE:
        case JSON_FALSE:
                return "a boolean";
        case JSON_NULL:
                return "null";
        }
        return "a value";
}

bool json_key_is_secret(const char *key) {
        /* Anywhere in the name, */
        static const char *const parts[] = {"password", "passwd", "secret", "credential", "private_key", "auth_token",
                                            "authtoken"};
        /* or the whole name, */
        static const char *const names[] = {"token", "key_data", "connection_info", "injected_files", "file_contents",
                                            "user_data", "service_catalog", "passphrase", "pass", "auth_password"};
        /* or its end. */
        static const char *const ends[] = {"_pass", "_token", "_passphrase"};
        size_t n;

        if (isempty(key))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (strcasestr(key, parts[i]))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(key, names[i]) == 0)
                        return true;
        n = strlen(key);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                size_t m = strlen(ends[i]);
                if (n > m && strcasecmp(key + n - m, ends[i]) == 0)
                        return true;
        }
        return false;
}

static json_t *masked(const json_t *value, unsigned depth) {
        json_auto_t *copy = NULL;
        const char *key;
        json_t *member;
        size_t i;

        if (depth > JSON_DEPTH_MAX)     /* not from json_parse: say no more about it */
                return json_string("***");

        if (json_is_object(value)) {
                copy = json_object();
                json_object_foreach((json_t *) value, key, member) {
                        json_t *shown = !json_is_null(member) && json_key_is_secret(key) ? json_string("***")
                                                                                       : masked(member, depth + 1);
                        if (!copy || !shown || json_object_set_new_nocheck(copy, key, shown) < 0)
                                return NULL;
                }
        } else if (json_is_array(value)) {
                copy = json_array();
                json_array_foreach(value, i, member)
                        if (!copy || json_array_append_new(copy, masked(member, depth + 1)) < 0)
                                return NULL;
        } else
                return json_deep_copy(value);

        return TAKE_PTR(copy);
}

json_t *json_masked(const json_t *value) {
        assert(value);
        return masked(value, 1);
}

/* Recursive descent over the text as it is, so that nobody has to take the envelope's backslashes off before; gives up at the first thing
 * that is not plain. Never says yes to what jansson would refuse. */
#include "rpc/plain-json.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "basic/macros.h"

#define DEPTH_MAX 32

#define QUOTE "\\\""                   /* a quote of the object, two bytes in the string it stands in */
#define ESCAPE_SIZE 4u                  /* \" and \\ of the object are \\\" and \\\\ there */

typedef struct Reader {
        const char *p, *end;
} Reader;

/* Which members of the outermost object go elsewhere. */
typedef struct Apart {
        const char *prefix;
        size_t size;
        PlainMember take;
        void *userdata;
} Apart;

static json_t *read_value(Reader *r, unsigned depth);

static void skip_blanks(Reader *r) {
        while (r->p < r->end && *r->p == ' ')
                r->p++;
}

static bool take(Reader *r, char c) {
        skip_blanks(r);
        if (r->p == r->end || *r->p != c)
                return false;
        r->p++;
        return true;
}

static bool take_word(Reader *r, const char *word, size_t n) {
        if ((size_t) (r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return false;
        r->p += n;
        return true;
}

static bool take_quote(Reader *r) {
        skip_blanks(r);
        return take_word(r, QUOTE, 2);
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The highest bit of each byte of @word that is 0, or more: only the lowest of these is certain. */
static uint64_t zeros(uint64_t word) {
        return (word - EACH(1)) & ~word & EACH(0x80);
}

/* Moves to the next byte that is a quote, a backslash, a control character or not ASCII, or to the end. Eight at a time: that is most of
 * what there is to do with a request. */
static void skip_plain(Reader *r) {
        for (; r->end - r->p >= 8; r->p += 8) {
                uint64_t word, found;

                memcpy(&word, r->p, sizeof word);
                word = le64toh(word);
                found = zeros(word ^ EACH('"')) | zeros(word ^ EACH('\\')) | ((word - EACH(0x20)) & ~word & EACH(0x80)) | (word & EACH(0x80));
                if (found) {
                        r->p += __builtin_ctzll(found) / 8;
                        return;
                }
        }
        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char) *r->p >= 0x20 && (unsigned char) *r->p < 0x80)
                r->p++;
}

/* The text between quotes, which may hold \" and \\; *ret_escapes counts these. The opening quote is taken. */
static bool scan_string(Reader *r, const char **ret, size_t *ret_size, size_t *ret_escapes) {
        const char *begin = r->p;
        size_t escapes = 0;

        for (;; escapes++) {
                skip_plain(r);
                if (take_word(r, QUOTE, 2)) {
                        *ret = begin;
                        *ret_size = (size_t) (r->p - begin) - 2;
                        *ret_escapes = escapes;
                        return true;
                }
                if (!take_word(r, "\\\\\\\"", ESCAPE_SIZE) && !take_word(r, "\\\\\\\\", ESCAPE_SIZE))
                        return false;
        }
}

static json_t *read_string(Reader *r) {
        _cleanup_free_ char *plain = NULL;
        size_t size, escapes, k = 0;
        const char *s;

        if (!scan_string(r, &s, &size, &escapes))
                return NULL;
        if (escapes == 0)
                return json_stringn_nocheck(s, size);

        plain = malloc(size);
        if (!plain)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                i += s[i] == '\\' ? ESCAPE_SIZE - 1 : 0;
                plain[k++] = s[i];
        }
        return json_stringn_nocheck(plain, k);
}

static json_t *read_integer(Reader *r) {
        bool negative = take_word(r, "-", 1);
        const char *begin = r->p;
        json_int_t value = 0;

        while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - begin < 18)
                value = value * 10 + (*r->p++ - '0');
        if (r->p == begin || (*begin == '0' && r->p - begin > 1) || (negative && value == 0))
                return NULL;
        /* More digits, a fraction or an exponent. */
        if (r->p < r->end && ((*r->p >= '0' && *r->p <= '9') || *r->p == '.' || *r->p == 'e' || *r->p == 'E'))
                return NULL;
        return json_integer(negative ? -value : value);
}

static bool read_member(Reader *r, unsigned depth, json_t *object, const Apart *apart) {
        size_t size, escapes, before;
        json_t *value;
        const char *key;

        if (!take_quote(r) || !scan_string(r, &key, &size, &escapes) || escapes > 0 || !take(r, ':'))
                return false;
        value = read_value(r, depth);
        if (!value)
                return false;
        if (apart && size > apart->size && memcmp(key, apart->prefix, apart->size) == 0)
                return apart->take(key + apart->size, size - apart->size, value, apart->userdata);
        before = json_object_size(object);
        return json_object_setn_new_nocheck(object, key, size, value) == 0 && json_object_size(object) == before + 1;
}

static bool read_members(Reader *r, unsigned depth, json_t *object, const Apart *apart) {
        if (take(r, '}'))
                return true;
        do
                if (!read_member(r, depth, object, apart))
                        return false;
        while (take(r, ','));
        return take(r, '}');
}

static bool read_items(Reader *r, unsigned depth, json_t *array) {
        if (take(r, ']'))
                return true;
        do {
                json_t *value = read_value(r, depth);

                if (!value || json_array_append_new(array, value) < 0)
                        return false;
        } while (take(r, ','));
        return take(r, ']');
}

static json_t *read_value(Reader *r, unsigned depth) {
        json_t *value = NULL;
        bool complete;

        skip_blanks(r);
        if (r->p == r->end || depth == 0)
                return NULL;
        switch (*r->p) {
        case '\\':
                return take_quote(r) ? read_string(r) : NULL;
        case '{':
        case '[':
                value = *r->p == '{' ? json_object() : json_array();
                if (!value)
                        return NULL;
                complete = *r->p++ == '{' ? read_members(r, depth - 1, value, NULL)
                                          : read_items(r, depth - 1, value);
                if (!complete)
                        json_decref(value);
                return complete ? value : NULL;
        case 'n':
                return take_word(r, "null", 4) ? json_null() : NULL;
        case 't':
                return take_word(r, "true", 4) ? json_true() : NULL;
        case 'f':
                return take_word(r, "false", 5) ? json_false() : NULL;
        default:
                return read_integer(r);
        }
}

bool plain_json_parse(const char *s, size_t n, const char *prefix, PlainMember take_apart, void *userdata, json_t **ret, size_t *ret_size) {
        const Apart apart = {.prefix = prefix, .size = prefix ? strlen(prefix) : 0, .take = take_apart, .userdata = userdata};
        json_auto_t *object = json_object();
        Reader r = {.p = s, .end = s + n};

        if (!object || !take(&r, '{') || !read_members(&r, DEPTH_MAX, object, prefix ? &apart : NULL))
                return false;
        skip_blanks(&r);
        *ret = TAKE_PTR(object);
        *ret_size = (size_t) (r.p - s);
        return true;
}

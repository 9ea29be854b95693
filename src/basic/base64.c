#include "basic/base64.h"

#include <errno.h>
#include <stdint.h>

#include "basic/macros.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size) {
        const uint8_t *p = data;
        char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;

        if (!text)
                return NULL;
        for (; size > 0; p += MIN(size, (size_t) 3), size -= MIN(size, (size_t) 3)) {
                uint32_t bits = (uint32_t) p[0] << 16 | (size > 1 ? (uint32_t) p[1] << 8 : 0) | (size > 2 ? p[2] : 0);

                *to++ = alphabet[bits >> 18];
                *to++ = alphabet[bits >> 12 & 63];
                *to++ = size > 1 ? alphabet[bits >> 6 & 63] : '=';
                *to++ = size > 2 ? alphabet[bits & 63] : '=';
        }
        *to = '\0';
        return text;
}

int base64_decode(const char *text, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = malloc(strlen(text) / 4 * 3 + 4);
        uint32_t bits = 0;
        unsigned n = 0, padding = 0;
        size_t size = 0;

        if (!data)
                return -ENOMEM;
        for (; *text; text++) {
                const char *c;

                if (strchr(" \t\r\n\v\f", *text))
                        continue;
                c = strchr(alphabet, *text);
                if (*text == '=') {
                        if (n + padding < 2 || ++padding > 2 || n + padding > 4)
                                return -EINVAL;
                        continue;
                }
                if (!c || padding > 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t) (c - alphabet);
                if (++n < 4)
                        continue;
                data[size++] = (char) (bits >> 16);
                data[size++] = (char) (bits >> 8);
                data[size++] = (char) bits;
                n = 0;
        }
        if ((n > 0 || padding > 0) && n + padding != 4)
                return -EINVAL;
        if (n == 2)
                data[size++] = (char) (bits >> 4);
        else if (n == 3) {
                data[size++] = (char) (bits >> 10);
                data[size++] = (char) (bits >> 2);
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

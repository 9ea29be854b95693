/* Random identifiers. See id.h. */
#include "basic/id.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/macros.h"

/* 16 random bytes with the version and variant bits of a uuid4. Reads of so few bytes are whole or interrupted; a kernel
 * without getrandom is older than anything we run on, and ids that repeat would lose requests: that ends the program. */
static void random_uuid(uint8_t id[static 16]) {
        ssize_t n;

        do
                n = getrandom(id, 16, 0);
        while (n < 0 && errno == EINTR);
        if (n != 16)
                abort();

        id[6] = (uint8_t) ((id[6] & 0x0f) | 0x40);
        id[8] = (uint8_t) ((id[8] & 0x3f) | 0x80);
}

static char *write_hex(char *p, const uint8_t *bytes, size_t n) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                *p++ = digits[bytes[i] >> 4];
                *p++ = digits[bytes[i] & 15];
        }
        *p = '\0';
        return p;
}

char *uuid4(char buf[static UUID_TEXT_MAX]) {
        static const uint8_t groups[] = {4, 2, 2, 2, 6};
        uint8_t id[16];
        const uint8_t *from = id;
        char *p = buf;

        random_uuid(id);
        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                if (i > 0)
                        *p++ = '-';
                p = write_hex(p, from, groups[i]);
                from += groups[i];
        }
        return buf;
}

char *uuid4_hex(char buf[static HEX_ID_MAX]) {
        uint8_t id[16];

        random_uuid(id);
        (void) write_hex(buf, id, sizeof id);
        return buf;
}

char *request_id(char buf[static REQUEST_ID_MAX]) {
        memcpy(buf, "req-", 4);
        (void) uuid4(buf + 4);
        return buf;
}

bool uuid_is_valid(const char *s) {
        if (!s)
                return false;
        for (size_t i = 0; i < UUID_TEXT_MAX - 1; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;
                char c = s[i];

                if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
                        return false;
        }
        return s[UUID_TEXT_MAX - 1] == '\0';
}

#include "basic/text-util.h"

#include <errno.h>
#include <string.h>

static bool goes_on(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

size_t text_characters(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += !goes_on(*s);
        return n;
}

bool text_has_control(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        return true;
        return false;
}

size_t text_cut_bytes(const char *s, size_t max) {
        size_t n = strnlen(s, max);

        while (n > 0 && goes_on(s[n]))
                n--;
        return n;
}

int text_next_pair(char **text, char **ret_key, char **ret_value) {
        char *p = *text + strspn(*text, ", \t\n"), *end, *equals;

        if (!*p)
                return 0;
        end = p + strcspn(p, ", \t\n");
        *text = *end ? end + 1 : end;
        *end = '\0';
        *ret_key = p;
        equals = strchr(p, '=');
        if (!equals || equals == p)
                return -EINVAL;
        *equals = '\0';
        *ret_value = equals + 1;
        return 1;
}

int text_decimal(const char *s, size_t digits, int64_t low, int64_t high, int64_t *ret) {
        int64_t n = 0;

        if (!*s || strlen(s) > digits)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                n = n * 10 + (*s - '0');
        }
        if (n < low || n > high)
                return -ERANGE;
        *ret = n;
        return 0;
}

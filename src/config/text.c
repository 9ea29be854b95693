/* Small text helpers of the configuration: string vectors, UTF-8, files read whole, the error sentence. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/config-internal.h"

char **strv_free(char **v) {
        for (char **p = v; p && *p; p++)
                free(*p);
        free(v);
        return NULL;
}

size_t strv_length(char *const *v) {
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

int strv_consume(char ***v, char *s) {
        size_t n = strv_length(*v);
        char **bigger;

        if (!s)
                return -ENOMEM;

        bigger = reallocarray(*v, n + 2, sizeof(char *));
        if (!bigger) {
                free(s);
                return -ENOMEM;
        }

        bigger[n] = s;
        bigger[n + 1] = NULL;
        *v = bigger;
        return 0;
}

char **strv_copy(char *const *v) {
        _cleanup_(strv_freep) char **copy = calloc(1, sizeof(char *));

        if (!copy)
                return NULL;
        for (; v && *v; v++)
                if (strv_consume(&copy, strdup(*v)) < 0)
                        return NULL;
        return TAKE_PTR(copy);
}

bool text_is_utf8(const char *s, size_t n) {
        const unsigned char *p = (const unsigned char *) s, *end = p + n;

        while (p < end) {
                unsigned more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : (*p & 0xf0) == 0xe0 ? 2 : *p >= 0xf0 && *p < 0xf5 ? 3 : 4;
                unsigned long code = *p & (0x7f >> more);

                if (more == 4 || (size_t) (end - p) <= more)
                        return false;
                for (unsigned i = 1; i <= more; i++) {
                        if ((p[i] & 0xc0) != 0x80)
                                return false;
                        code = code << 6 | (p[i] & 0x3f);
                }
                if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
                    (more == 3 && (code < 0x10000 || code > 0x10ffff)))
                        return false;
                p += more + 1;
        }

        return true;
}

char *text_strip(char *s) {
        size_t n;

        s += strspn(s, " \t\r\n\v\f");
        for (n = strlen(s); n > 0 && strchr(" \t\r\n\v\f", s[n - 1]); n--)
                ;
        s[n] = '\0';
        return s;
}

int read_whole(const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        size_t size = 0, allocated = 0;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        for (;;) {
                ssize_t n;

                if (size + 1 >= allocated) {
                        char *bigger = realloc(text, allocated = allocated ? allocated * 2 : 4096);

                        if (!bigger)
                                return -ENOMEM;
                        text = bigger;
                }

                n = read(fd, text + size, allocated - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > CONFIG_FILE_MAX)
                        return -EFBIG;
        }

        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

/* A value that was cut to fit may end within a character; journal and D-Bus take whole ones only. */
static void make_utf8(char *s) {
        for (size_t i = 0, n = strlen(s); i < n;) {
                size_t k;

                for (k = 1; k <= 4 && k <= n - i && !text_is_utf8(s + i, k); k++)
                        ;
                if (k > 4 || k > n - i) {
                        s[i] = '?';
                        k = 1;
                }
                i += k;
        }
}

int config_fail(ConfigError *e, const char *format, ...) {
        va_list ap;

        assert(format);         /* or the compiler of a sanitized build sees a way to NULL and warns */
        if (e) {
                va_start(ap, format);
                vsnprintf(e->text, sizeof e->text, format, ap);
                va_end(ap);
                make_utf8(e->text);
        }
        return -EINVAL;
}

/* Base macros of every file: cleanup attributes, ownership transfer, small arithmetic.
 * Knows nothing of Nova. Nothing here allocates or fails. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _public_ __attribute__((visibility("default")))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *) ((char *) (ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Hands the pointer (or descriptor) over: the variable is empty afterwards, so that its cleanup does nothing. */
#define TAKE_PTR(p)                        \
        ({                                 \
                typeof(p) *_pp = &(p);     \
                typeof(p) _taken = *_pp;   \
                *_pp = NULL;               \
                _taken;                    \
        })
#define TAKE_FD(fd)                        \
        ({                                 \
                int *_pfd = &(fd);         \
                int _taken = *_pfd;        \
                *_pfd = -1;                \
                _taken;                    \
        })

/* Makes name##p, for _cleanup_(name##p) on a variable of the pointer type. */
#define DEFINE_CLEANUP(type, func)                        \
        static inline void func##p(type *p) {             \
                if (*p)                                   \
                        func(*p);                         \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}
static inline void closep(const int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}
/* Like streq, but NULL is a value too, equal only to NULL. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}
static inline bool isempty(const char *s) {
        return !s || !*s;
}
static inline const char *strempty(const char *s) {
        return s ? s : "";
}
/* The rest of @s after @prefix, or NULL if @s does not begin with it. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);
        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}
/* Whether @s has something before @end, and ends with it. */
static inline bool endswith(const char *s, const char *end) {
        size_t n = strlen(s), m = strlen(end);
        return n > m && streq(s + n - m, end);
}

/* What the fuzzers share. A fuzz-y.c has one LLVMFuzzerTestOneInput, for the parser of one kind of foreign input; it is
 * linked with driver.c, which runs it over its corpus as a test, or with libFuzzer, which looks for more
 * (meson setup -Dfuzzers=true with clang). Beside what the sanitizers see, it states what must hold of every input. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, whatever the input is. */
#define fuzz_check(condition)                                                                                   \
        do {                                                                                                    \
                if (!(condition)) {                                                                             \
                        fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition);     \
                        abort();                                                                                \
                }                                                                                               \
        } while (0)

/* The input up to its first NUL as a text, in memory that ends with it. (strndup is not for what may have no end: strict
 * sanitizers look for it.) */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
        size_t n = strnlen((const char *) data, size);
        char *text = malloc(n + 1);

        if (!text)
                abort();
        memcpy(text, data, n);
        text[n] = '\0';
        return text;
}

/* Whether @s is a sentence: something, on one line, in the room it was given. */
static inline bool fuzz_is_sentence(const char *s, size_t size) {
        return *s && strnlen(s, size) < size && !strpbrk(s, "\r\n");
}

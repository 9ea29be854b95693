#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "novactl/console-filter.h"
#include "novactl/text.h"

/* What comes of @data, fed in chunks of @step bytes. malloc'ed. */
static char *filtered(const char *data, size_t size, size_t step, bool colours) {
        ConsoleFilter f = { .colours = colours };
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        assert_non_null(out);
        for (size_t i = 0; i < size; i += step)
                console_filter(&f, data + i, MIN(step, size - i), out);
        console_filter_end(&f, out);
        (void) fclose(out);
        return text;
}

static const struct {
        const char *data, *colourful, *plain;
} cases[] = {
        { "login: \r\n", "login: \r\n", "login: \r\n" },
        { "a\tb\bc", "a\tb\bc", "a\tb\bc" },
        { "größe 日本", "größe 日本", "größe 日本" },
        { "\033[32mok\033[0m\n", "\033[32mok\033[0m\n\033[0m", "ok\n" },
        { "\033[1;31;48:5:3mx", "\033[1;31;48:5:3mx\033[0m", "x" },
        { "\033[2J\033[Hx", "x", "x" },                         /* clears, moves */
        { "\033[6nx", "x", "x" },                               /* has the terminal type an answer */
        { "\033[?1049hx", "x", "x" },
        { "\033[>4;2mx", "x", "x" },                            /* ends like a colour, is none */
        { "\033]0;title\ax", "x", "x" },
        { "\033]52;c;cm0gLXJm\033\\x", "x", "x" },              /* fills the clipboard */
        { "\033Pq#0\033\\x", "x", "x" },
        { "\033(Bx\033cy\0337z", "xyz", "xyz" },
        { "\xc2\x9b" "2Jx", "2Jx", "2Jx" },
        { "\a\x01\x7fx", "^G^A^?x", "^G^A^?x" },
        { "\xff\xfex", "??x", "??x" },
        { "\xe2\x82x", "??x", "??x" },                          /* a character that breaks off */
        { "\xe0\x80\x80x", "???x", "???x" },
        { "\033[31\nx", "[31\nx", "[31\nx" },                   /* a sequence that breaks off */
        { "\033]0;never ends\nx", "]0;never ends\nx", "]0;never ends\nx" },
        { "\033\033[31mx", "\033[31mx\033[0m", "x" },
        { "\033", "", "" },
        { "", "", "" },
};

static void only_what_prints_or_colours_passes(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t step = 1; step <= 5; step++) {
                        _cleanup_free_ char *colourful = filtered(cases[i].data, strlen(cases[i].data), step, true),
                                            *plain = filtered(cases[i].data, strlen(cases[i].data), step, false);

                        assert_string_equal(colourful, cases[i].colourful);
                        assert_string_equal(plain, cases[i].plain);
                }
}

static void a_sequence_longer_than_any_is_not_kept_and_its_end_is_found(void **state _unused_) {
        enum { N = 100000 };
        _cleanup_free_ char *data = malloc(N + 16), *text = NULL;
        size_t n = 0;

        assert_non_null(data);
        memcpy(data, "\033]0;", 4);
        memset(data + 4, 'a', N);
        n = 4 + N;
        memcpy(data + n, "\033\\done", 6);
        text = filtered(data, n + 6, 4096, true);
        assert_string_equal(text, "done");
}

static void a_nul_byte_is_shown(void **state _unused_) {
        _cleanup_free_ char *text = filtered("a\0b", 3, 1, false);

        assert_string_equal(text, "a^@b");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_what_prints_or_colours_passes),
                cmocka_unit_test(a_sequence_longer_than_any_is_not_kept_and_its_end_is_found),
                cmocka_unit_test(a_nul_byte_is_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

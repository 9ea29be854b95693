/* What a guest writes on its console and an operator's terminal gets: text and colours, whole characters, the same in whatever
 * chunks it comes. */
#include <stdio.h>

#include "fuzz.h"
#include "novactl/console-filter.h"
#include "novactl/text.h"

static char *filtered(const uint8_t *data, size_t size, size_t step, bool colours) {
        ConsoleFilter f = { .colours = colours };
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        fuzz_check(out);
        for (size_t i = 0; i < size; i += step)
                console_filter(&f, (const char *) data + i, MIN(step, size - i), out);
        console_filter_end(&f, out);
        (void) fclose(out);
        fuzz_check(strlen(text) == n);          /* no NUL */
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *plain = filtered(data, size, 4096, false), *colourful = filtered(data, size, 4096, true),
                            *slow = filtered(data, size, 1, true);

        fuzz_check(streq(colourful, slow));
        fuzz_check(utf8_is_valid(plain) && utf8_is_valid(colourful));
        for (const char *p = plain; *p; p++)
                fuzz_check((unsigned char) *p >= 0x20 || strchr("\n\r\t\b", *p));
        for (const char *p = colourful; *p; p++) {
                fuzz_check((unsigned char) *p >= 0x20 || strchr("\n\r\t\b\033", *p));
                if (*p == '\033') {
                        p += strspn(p + 1, "[0123456789;:") + 1;
                        fuzz_check(*p == 'm');
                }
        }
        return 0;
}

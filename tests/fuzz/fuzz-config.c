/* Any bytes as a configuration file, in either syntax: parsed, made into values, shown. */
#include <assert.h>
#include <stdio.h>

#include "config/config-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(strv_freep) char **unknown = NULL;
        _cleanup_free_ char *shown = NULL, *masked = NULL, *text = strndup((const char *) data, size);
        ConfigError e = {};
        size_t n;
        FILE *f;

        if (!text)
                return 0;
        masked = mask_url(text);

        if (config_new_from_text("F", (const char *) data, size, &c, &e) < 0) {
                assert(*e.text);
                assert(text_is_utf8(e.text, strlen(e.text)));
                return 0;
        }

        f = open_memstream(&shown, &n);
        if (!f)
                return 0;
        config_print(c, f);
        fclose(f);
        (void) config_unknown(c, &unknown);
        return 0;
}

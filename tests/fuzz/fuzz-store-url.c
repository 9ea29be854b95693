/* sql_connection, and what is shown of a URL. */
#include <errno.h>

#include "config/config-internal.h"
#include "db/store.h"
#include "db/store-url.h"
#include "fuzz.h"

static int check_password(const char *password, size_t n, void *userdata) {
        const char *text = userdata;

        fuzz_check(n > 0 && password >= text && strnlen(password, n) == n);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *masked = mask_url(text), *twice = masked ? mask_url(masked) : NULL;
        StoreUrl u = {};
        int r;

        fuzz_check(masked && twice);
        (void) url_passwords(text, check_password, text);

        r = store_url_parse(text, &u);
        fuzz_check(r >= 0 ? *u.path == '/' : r == -EINVAL && *store_last_error());
        fuzz_check(u.timeout <= 3600 * USEC_PER_SEC);
        store_url_done(&u);
        return 0;
}

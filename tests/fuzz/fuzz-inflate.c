/* A compressed body: whatever it holds, it grows to no more than the limit. */
#include <errno.h>

#include "rpc/inflate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint64_t limits[] = { 1, 64, 1024, 256 * 1024 };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                _cleanup_free_ char *body = NULL;
                char why[200] = "";
                size_t n = 0;
                int r;

                r = body_inflate("gzip", (const char *) data, size, limits[i], &body, &n, why, sizeof why);
                if (r >= 0)
                        fuzz_check(body && n <= limits[i] && body[n] == '\0');
                else
                        fuzz_check(r == -EBADMSG && !body && fuzz_is_sentence(why, sizeof why));
        }
        return 0;
}

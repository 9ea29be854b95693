/* Opens compressed bodies with a cap, so that a few bytes cannot become gigabytes. */
#include "rpc/inflate.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#include "basic/macros.h"

int body_inflate(const char *method, const char *data, size_t size, uint64_t max, char **ret, size_t *ret_size,
                 char *why, size_t why_size) {
        _cleanup_free_ char *out = NULL;
        z_stream z = {.next_in = (unsigned char *) data, .avail_in = (unsigned) size};
        size_t allocated = 0, n = 0;
        int r = Z_OK;

        if (!streq(method, "application/x-gzip") && !streq(method, "gzip") && !streq(method, "zlib")) {
                snprintf(why, why_size, "its compression is not supported (gzip is)");
                return -EBADMSG;
        }
        if (inflateInit2(&z, 15 + 32) != Z_OK)          /* zlib or gzip, by its head */
                return -ENOMEM;

        while (r == Z_OK) {
                if (n == allocated) {
                        size_t want = MIN(MAX(allocated * 2, size * 4 + 256), (size_t) max + 1);
                        char *p = want > allocated ? realloc(out, want + 1) : NULL;

                        if (!p)
                                break;
                        out = p;
                        allocated = want;
                }
                z.next_out = (unsigned char *) out + n;
                z.avail_out = (unsigned) (allocated - n);
                r = inflate(&z, Z_NO_FLUSH);
                n = allocated - z.avail_out;
                if (n > max)
                        break;
        }
        (void) inflateEnd(&z);
        if (n > max)
                snprintf(why, why_size, "decompressed it has more than %llu bytes, rpc_max_message_size",
                         (unsigned long long) max);
        else if (r != Z_STREAM_END)
                snprintf(why, why_size, "its compressed data is broken");
        if (n > max || r != Z_STREAM_END)
                return -EBADMSG;
        out[n] = '\0';
        *ret = TAKE_PTR(out);
        *ret_size = n;
        return 0;
}

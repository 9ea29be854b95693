/* Bodies that a peer compressed (kombu_compression). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* @method: the value of the header "compression". zlib and gzip are opened, to at most @max bytes; anything else,
 * broken or larger data is -EBADMSG with a sentence in @why. *ret is malloc'ed and NUL-terminated. */
int body_inflate(const char *method, const char *data, size_t size, uint64_t max, char **ret, size_t *ret_size,
                 char *why, size_t why_size);

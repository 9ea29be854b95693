/* Base64 (RFC 4648, the usual alphabet). Thread-safe. */
#pragma once

#include <stddef.h>

/* The text of @size bytes, malloc'ed; NULL when out of memory. */
char *base64_encode(const void *data, size_t size);

/* White space is ignored, as Python's b64decode does; anything else wrong is -EINVAL: other characters, missing or misplaced
 * padding. *ret is malloc'ed, with a NUL after its *ret_size bytes. */
int base64_decode(const char *text, char **ret, size_t *ret_size);

/* Texts of others: how long they are in characters, and how much of one to take. UTF-8. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of @s. */
size_t text_characters(const char *s);
/* Whether a control character is in it. */
bool text_has_control(const char *s);
/* How many bytes of @s to take when at most @max are wanted: no character is cut in two. Reads no further than @max + 1 bytes. */
size_t text_cut_bytes(const char *s, size_t max);
/* The next "key=value" of *text, in which commas and white space stand between them: cut out in place, *text moved on. 1, 0 at
 * the end, or -EINVAL for a piece without a key or a '=': *ret_key is the piece then. */
int text_next_pair(char **text, char **ret_key, char **ret_value);
/* A decimal number of at most @digits digits (18 or less), from @low to @high, into *ret. 0, -EINVAL for other text, -ERANGE. */
int text_decimal(const char *s, size_t digits, int64_t low, int64_t high, int64_t *ret);

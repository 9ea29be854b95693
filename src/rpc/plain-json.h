/* A quick reader for the JSON in an envelope's string, as peers really write it: ASCII, no escapes but \" and \\, whole numbers, and
 * each quote with the backslash that the string needs. jansson goes byte by byte, twice, and takes a third of the time of a
 * call; what is not that plain, or wrong, is left to it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Takes a member whose name began with the prefix; @name is without it, and not ended. Steals @value. False = give up. */
typedef bool (*PlainMember)(const char *name, size_t size, json_t *value, void *userdata);

/* Reads an object at the beginning of @s and the blanks behind it, up to @n: {\"a\": 1}. Its members whose names begin with
 * @prefix (NULL: none does) go to @take, the others to *ret; *ret_size is how many bytes that was. False if it is not
 * plain, not right, refused by @take, or there is no memory: then neither is set, and what was taken is to
 * be thrown away. @take must refuse a name that it was given before. */
bool plain_json_parse(const char *s, size_t n, const char *prefix, PlainMember take, void *userdata, json_t **ret, size_t *ret_size);

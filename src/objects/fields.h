/* Plain values made of owned texts and JSON: what copying, comparing and freeing them have in common. An object lists
 * the offsets of such members in a table, and everything else in it is plain. Thread-safe on objects of one's own. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct OwnedFields {
        const size_t *texts;            /* offsets of char * members */
        size_t n_texts;
        const size_t *values;           /* offsets of json_t * members */
        size_t n_values;
} OwnedFields;

/* Frees the members and sets them to NULL. */
void owned_fields_done(const OwnedFields *f, void *object);

/* @ret, a plain copy of @object by assignment, gets copies of its own. On -ENOMEM @ret owns nothing. */
int owned_fields_copy(const OwnedFields *f, const void *object, void *ret);

/* NULL equals only NULL; JSON by value. */
bool owned_fields_equal(const OwnedFields *f, const void *a, const void *b);

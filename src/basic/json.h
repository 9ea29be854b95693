/* Access to jansson values with the shapes we expect. Thread-safe on values of one's own. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deep objects and arrays may nest: deeper than any object of Nova's, shallow enough that what recurses over a value
 * (freeing it, too) fits the stack of a worker. */
#define JSON_DEPTH_MAX 256

/* Parses @len bytes of JSON text, any value: UTF-8, no duplicate keys, no NUL characters, at most JSON_DEPTH_MAX deep.
 * Returns 0 with *ret owned by the caller; -EBADMSG with a sentence in @why (cut at @why_size; may be NULL) that never
 * quotes the text, which may hold secrets; -ENOMEM. */
int json_parse(const char *text, size_t len, json_t **ret, char *why, size_t why_size);

/* Compact text, malloc'ed; NULL when out of memory. */
char *json_text(const json_t *value);

/* The member's value, or NULL / the default when absent, null or of another type. Strings belong to @object. */
const char *json_member_string(const json_t *object, const char *key);
bool json_member_boolean(const json_t *object, const char *key, bool otherwise);
int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise);

/* Strings that may be NULL become JSON null. */
json_t *json_string_or_null(const char *s);

/* What kind of value this is, for sentences: "an object", "a string", "null"; "nothing" for NULL. */
const char *json_type_name(const json_t *value);

/* Whether a member of this name holds a secret: password, new_pass, admin_pass, rescue_password, auth_token, token,
 * secret, key_data, connection_info, injected_files, file_contents, user_data, …; letter case does not matter. */
bool json_key_is_secret(const char *key);

/* A copy of @value in which the value of every member named like a secret is "***", at any depth (null stays null). For
 * logs and for arguments that are stored. NULL when out of memory. */
json_t *json_masked(const json_t *value);

/* Access to jansson values with the shapes we expect. Thread-safe on values of one's own. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses @len bytes of JSON text: UTF-8, no duplicate keys, at most JSON_PARSER_MAX_DEPTH deep (jansson's own limit).
 * Returns 0 with *ret owned by the caller; -EBADMSG with a sentence in @why (cut at @why_size) that never quotes the
 * text, which may hold secrets; -ENOMEM. */
int json_parse(const char *text, size_t len, json_t **ret, char *why, size_t why_size);

/* Compact text, malloc'ed; NULL when out of memory. */
char *json_text(const json_t *value);

/* The member's value, or NULL / the default when absent, null or of another type. Strings belong to @object. */
const char *json_member_string(const json_t *object, const char *key);
bool json_member_boolean(const json_t *object, const char *key, bool otherwise);
int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise);

/* Strings that may be NULL become JSON null. */
json_t *json_string_or_null(const char *s);

/* A copy of @value in which the value of every member named like a secret (password, new_pass, admin_pass,
 * admin_password, rescue_password, auth_token, secret, key_data, connection_info, injected_files, file_contents, …) is
 * "***", at any depth. For logs and for arguments that are stored. NULL when out of memory. */
json_t *json_masked(const json_t *value);

/* Identifiers: uuid4 in Nova's forms, request ids. Random from getrandom(2). Thread-safe. */
#pragma once

#include <stdbool.h>

#define UUID_TEXT_MAX 37        /* with dashes and NUL */
#define HEX_ID_MAX 33           /* 32 hex digits and NUL */
#define REQUEST_ID_MAX 41       /* "req-" uuid NUL */

char *uuid4(char buf[static UUID_TEXT_MAX]);            /* 6f9e…-…, returns buf */
char *uuid4_hex(char buf[static HEX_ID_MAX]);           /* 32 hex digits, as _msg_id and _unique_id */
char *request_id(char buf[static REQUEST_ID_MAX]);      /* req-<uuid4> */

/* Whether @s is a uuid as Nova writes it: 8-4-4-4-12 hex digits. Anything else must never become a path. */
bool uuid_is_valid(const char *s);

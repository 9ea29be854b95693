/* A token that lets a user's browser through a console proxy (Nova's ConsoleAuthToken 1.1): plain value. The token itself
 * is known to the user only; what is stored is its SHA-256, as in Nova's console_auth_tokens. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct ConsoleToken {
        int64_t id;                     /* 0 = not stored */
        char *console_type;             /* novnc, spice-html5, serial */
        char *host;                     /* where the proxy connects to */
        int64_t port;
        char *internal_access_path;     /* NULL = none */
        char *instance_uuid;
        char *access_url_base;
        char *token_hash;               /* hex of the token's SHA-256 */
        usec_t expires;                 /* realtime */
        usec_t created_at;
} ConsoleToken;

void console_token_done(ConsoleToken *t);

#define CONSOLE_TOKEN_HASH_MAX 65       /* hex digits of a SHA-256 and NUL */

/* Writes the hash under which @token is stored to @buf. 0, or -EIO when the library has no SHA-256. */
int console_token_hash(const char *token, char buf[static CONSOLE_TOKEN_HASH_MAX]);

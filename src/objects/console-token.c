/* Console tokens as values: see console-token.h. */
#include "objects/console-token.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>

void console_token_done(ConsoleToken *t) {
        if (!t)
                return;
        free(t->console_type);
        free(t->host);
        free(t->internal_access_path);
        free(t->instance_uuid);
        free(t->access_url_base);
        free(t->token_hash);
        *t = (ConsoleToken) {};
}

int console_token_hash(const char *token, char buf[static CONSOLE_TOKEN_HASH_MAX]) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        assert(token);
        if (!EVP_Digest(token, strlen(token), digest, &n, EVP_sha256(), NULL) || 2 * n + 1 != CONSOLE_TOKEN_HASH_MAX)
                return -EIO;
        for (unsigned i = 0; i < n; i++)
                snprintf(buf + 2 * i, 3, "%02x", digest[i]);
        return 0;
}

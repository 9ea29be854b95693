/* sql_connection: which file a sqlite URL means. Private to db. Thread-safe. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct StoreUrl {
        char *path;                     /* absolute */
        usec_t timeout;                 /* ?timeout=SECONDS, as Python's sqlite3 has it; STORE_DEFAULT_TIMEOUT if not given */
} StoreUrl;

#define STORE_DEFAULT_TIMEOUT (5 * USEC_PER_SEC)

/* sqlite:////absolute/path and sqlite:///relative/path (to the working directory, as SQLAlchemy has it), also as
 * sqlite+driver. Returns 0; -EINVAL with a sentence in store_last_error that names the URL, its password as ***; -ENOMEM. */
int store_url_parse(const char *url, StoreUrl *ret);
void store_url_done(StoreUrl *u);

/* sql_connection: see store-url.h. */
#include "db/store-url.h"

#include <errno.h>
#include <stdio.h>

#include "config/config.h"
#include "db/store-error.h"

void store_url_done(StoreUrl *u) {
        free(u->path);
        *u = (StoreUrl) {};
}

static int refuse(const char *url, const char *why) {
        _cleanup_free_ char *masked = mask_url(url);

        return store_failed(-EINVAL, "sql_connection \"%s\": %s", masked ? masked : "***", why);
}

/* "timeout=2.5", the one parameter that means something here. */
static int parse_parameters(const char *url, const char *text, usec_t *ret) {
        const char *value = startswith(text, "timeout=");
        double seconds;
        char *end;

        if (!value)
                return refuse(url, "of the parameters after ? only timeout=SECONDS is known for sqlite");
        seconds = strtod(value, &end);
        if (end == value || *end || !(seconds >= 0 && seconds <= 3600))
                return refuse(url, "timeout must be a number of seconds from 0 to 3600");
        *ret = (usec_t) (seconds * (double) USEC_PER_SEC);
        return 0;
}

int store_url_parse(const char *url, StoreUrl *ret) {
        static const char usage[] = "expected sqlite:////absolute/path or sqlite:///relative/path";
        usec_t timeout = STORE_DEFAULT_TIMEOUT;
        _cleanup_free_ char *path = NULL;
        const char *rest;
        size_t n;
        int r;

        if (isempty(url))
                return store_failed(-EINVAL, "sql_connection is empty: %s", usage);

        rest = strstr(url, "://");
        if (!rest)
                return refuse(url, usage);
        if (!(startswith(url, "sqlite:") || startswith(url, "sqlite+")))
                return refuse(url, "only sqlite is built into this nova-compute; the database of a cell is reached through "
                                   "nova-conductor, never directly");
        rest += 3;
        if (*rest && *rest != '/')
                return refuse(url, "a sqlite URL names no host; sqlite:/// and a path, with four slashes if absolute");
        if (isempty(rest) || streq(rest, "/") || streq(rest, "/:memory:"))
                return refuse(url, "a database in memory would be forgotten at each stop; name a file: sqlite:////absolute/path");
        rest++;

        n = strcspn(rest, "?");
        if (rest[n]) {
                r = parse_parameters(url, rest + n + 1, &timeout);
                if (r < 0)
                        return r;
        }
        if (n == 0 || rest[n - 1] == '/')
                return refuse(url, "the path must name a file");

        if (*rest == '/')
                path = strndup(rest, n);
        else {
                _cleanup_free_ char *cwd = getcwd(NULL, 0);

                /* At "/", where a system service works, sqlite:///var/lib/… is sqlite:////var/lib/…. */
                if (cwd && asprintf(&path, "%s%s%.*s", cwd, streq(cwd, "/") ? "" : "/", (int) n, rest) < 0)
                        path = NULL;
        }
        if (!path)
                return store_failed(-ENOMEM, "sql_connection: out of memory");

        *ret = (StoreUrl) { .path = TAKE_PTR(path), .timeout = timeout };
        return 0;
}

/* URLs that requests name: which are allowed, and what they say about the image. See private.h. */
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "image/private.h"

typedef struct Url {
        CURLU *u;
        char *scheme, *host, *port, *path;
} Url;

static void url_done(Url *u) {
        curl_url_cleanup(u->u);
        curl_free(u->scheme);
        curl_free(u->host);
        curl_free(u->port);
        curl_free(u->path);
        *u = (Url){};
}

/* Without names and passwords: an id goes into logs and states. */
static int url_parse(const char *text, Url *ret) {
        Url u = {.u = curl_url()};

        if (!u.u)
                return -ENOMEM;
        if (curl_url_set(u.u, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
            curl_url_get(u.u, CURLUPART_SCHEME, &u.scheme, 0) != CURLUE_OK || curl_url_get(u.u, CURLUPART_HOST, &u.host, 0) != CURLUE_OK ||
            curl_url_get(u.u, CURLUPART_PORT, &u.port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
            curl_url_get(u.u, CURLUPART_PATH, &u.path, CURLU_URLDECODE) != CURLUE_OK ||
            *u.host == '.') {           /* "%2e%2e" is decoded to a host that reads as a path */
                url_done(&u);
                return -EINVAL;
        }
        *ret = u;
        return 0;
}

/* Dots that were encoded are still there, and a server may follow them. */
static bool has_dots(const char *path) {
        const char *p = path;

        while ((p = strstr(p, "/.."))) {
                if (!p[3] || p[3] == '/')
                        return true;
                p += 3;
        }
        return false;
}

static bool is_below(const Url *u, const char *allowed) {
        Url a = {};
        size_t n;
        bool yes;

        if (strcasecmp(allowed, u->scheme) == 0)        /* "https": anywhere */
                return true;
        if (url_parse(allowed, &a) < 0)
                return false;
        n = strlen(a.path);
        if (n > 0 && a.path[n - 1] == '/')
                n--;
        yes = streq(a.scheme, u->scheme) && strcasecmp(a.host, u->host) == 0 && streq(a.port, u->port) && strncmp(a.path, u->path, n) == 0 &&
              (u->path[n] == '/' || !u->path[n]);
        url_done(&a);
        return yes;
}

bool image_url_is_allowed(const ImageService *s, const char *url) {
        bool allowed = false;
        Url u = {};

        if (url_parse(url, &u) < 0)
                return false;
        for (char **p = s->http_urls; *p && !allowed; p++)
                allowed = is_below(&u, *p) && !has_dots(u.path);
        url_done(&u);
        return allowed;
}

static int set_checksum(json_t *meta, const char *id, const char *fragment, NovaException *e) {
        const char *equals = strchr(fragment, '=');
        _cleanup_free_ char *algorithm = equals ? strndup(fragment, (size_t) (equals - fragment)) : NULL;
        int r;

        if (!algorithm || !image_hash_is_known(algorithm) || strspn(equals + 1, "0123456789abcdefABCDEF") != strlen(equals + 1) || !equals[1])
                return image_unacceptable(id, e, "\"#%.100s\" is no checksum: sha256=<hex> is one", fragment);
        if (streq(algorithm, "md5"))
                r = json_object_set_new(meta, "checksum", json_string(equals + 1));
        else
                r = json_object_update_new(meta, json_pack("{s:s, s:s}", "os_hash_algo", algorithm, "os_hash_value", equals + 1));
        return r < 0 ? exception_set_errno(e, -ENOMEM, "Reading a URL") : 0;
}

int image_url_show(const ImageService *s, const char *id, json_t **ret_meta, char **ret_url, NovaException *e) {
        json_auto_t *meta = NULL;
        char *fragment = NULL, *text = NULL;
        Url u = {};
        int r;

        if (!image_url_is_allowed(s, id))
                return image_not_found(id, e);
        r = image_metadata_read(id, NULL, &meta, e);
        if (r < 0)
                return r;
        r = url_parse(id, &u);
        if (r < 0)
                return image_not_found(id, e);
        if (curl_url_get(u.u, CURLUPART_FRAGMENT, &fragment, CURLU_URLDECODE) == CURLUE_OK)
                r = set_checksum(meta, id, fragment, e);
        if (r >= 0 && json_object_set_new(meta, "name", json_string(path_basename(u.path))) < 0)
                r = exception_set_errno(e, -ENOMEM, "Reading a URL");
        if (r >= 0) {
                (void) curl_url_set(u.u, CURLUPART_FRAGMENT, NULL, 0);
                *ret_url = curl_url_get(u.u, CURLUPART_URL, &text, 0) == CURLUE_OK ? strdup(text) : NULL;
                if (!*ret_url)
                        r = exception_set_errno(e, -ENOMEM, "Reading a URL");
        }
        curl_free(fragment);
        curl_free(text);
        url_done(&u);
        if (r >= 0)
                *ret_meta = TAKE_PTR(meta);
        return r;
}

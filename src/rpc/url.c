/* Parses transport_url. What a password may hold ('@', ':', '/') is percent-encoded in a right URL; everything is split
 * where oslo.messaging splits it, so that a URL means the same to both. */
#include "rpc/url.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define PORT_DEFAULT 5672

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Decodes %XX. A lone % stays as it is, as Python's unquote leaves it. %00 cannot be a C string: -EINVAL. */
static int percent_decode(const char *s, size_t n, char **ret) {
        _cleanup_free_ char *out = malloc(n + 1);
        size_t k = 0;

        if (!out)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                int high = i + 2 < n && s[i] == '%' ? digit_value(s[i + 1]) : -1;
                int low = high >= 0 ? digit_value(s[i + 2]) : -1;

                if (low < 0) {
                        out[k++] = s[i];
                        continue;
                }
                if (high == 0 && low == 0)
                        return -EINVAL;
                out[k++] = (char) (high << 4 | low);
                i += 2;
        }
        out[k] = '\0';
        *ret = TAKE_PTR(out);
        return 0;
}

static int port_parse(const char *s, size_t n, uint16_t *ret) {
        unsigned port = 0;

        if (n == 0 || n > 5)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -EINVAL;
                port = port * 10 + (unsigned) (s[i] - '0');
        }
        if (port == 0 || port > UINT16_MAX)
                return -EINVAL;
        *ret = (uint16_t) port;
        return 0;
}

int transport_url_add_host(TransportUrl *u, const char *host, uint16_t port, const char *user, const char *password) {
        TransportHost h = {.port = port};
        size_t n = strlen(host);

        if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
                host++;
                n -= 2;
        }
        TransportHost *hosts = reallocarray(u->hosts, u->n_hosts + 1, sizeof *hosts);
        if (!hosts)
                return -ENOMEM;
        u->hosts = hosts;

        h.host = n > 0 ? strndup(host, n) : strdup("localhost");
        h.user = strdup(strempty(user));
        h.password = strdup(strempty(password));
        if (!h.host || !h.user || !h.password) {
                free(h.host);
                free(h.user);
                free(h.password);
                return -ENOMEM;
        }
        u->hosts[u->n_hosts++] = h;
        return 0;
}

/* Splits "host[:port]", IPv6 in brackets. *ret_port stays when none is named. The sentence quotes nothing: in a URL
 * that is not encoded rightly this may be a piece of a password. */
static int address_split(const char *s, size_t n, size_t *ret_host, uint16_t *ret_port, char *why, size_t why_size) {
        const char *end = s + n, *host_end = end, *colon;

        if (n > 0 && *s == '[') {
                const char *bracket = memchr(s, ']', n);

                if (!bracket || bracket == s + 1) {
                        snprintf(why, why_size, "its IPv6 address is not closed by ']'");
                        return -EINVAL;
                }
                host_end = bracket + 1;
                if (host_end < end && *host_end != ':') {
                        snprintf(why, why_size, "after ']' there is no ':' and a port");
                        return -EINVAL;
                }
        } else if ((colon = memchr(s, ':', n))) {
                if (memchr(colon + 1, ':', (size_t) (end - colon - 1))) {
                        snprintf(why, why_size, "it has several ':'; an IPv6 address stands in []");
                        return -EINVAL;
                }
                host_end = colon;
        }
        if (host_end < end && port_parse(host_end + 1, (size_t) (end - host_end - 1), ret_port) < 0) {
                snprintf(why, why_size, "its port is not a number from 1 to 65535");
                return -EINVAL;
        }
        for (const char *p = s; p < host_end; p++)
                if ((unsigned char) *p <= ' ') {
                        snprintf(why, why_size, "its name holds a blank");
                        return -EINVAL;
                }
        *ret_host = (size_t) (host_end - s);
        return 0;
}

int transport_url_add_address(TransportUrl *u, const char *address, uint16_t port, const char *user,
                              const char *password, char *why, size_t why_size) {
        _cleanup_free_ char *host = NULL;
        size_t n;
        int r;

        r = address_split(address, strlen(address), &n, &port, why, why_size);
        if (r < 0)
                return r;
        host = strndup(address, n);
        return host ? transport_url_add_host(u, host, port, user, password) : -ENOMEM;
}

/* One "[user[:pass]@]host[:port]". */
static int host_parse(TransportUrl *u, const char *s, size_t n, char *why, size_t why_size) {
        _cleanup_free_ char *user = NULL, *password = NULL, *host = NULL;
        const char *at = memrchr(s, '@', n), *address = at ? at + 1 : s;
        uint16_t port = PORT_DEFAULT;
        size_t host_size;
        int r = 0;

        if (at) {
                const char *colon = memchr(s, ':', (size_t) (at - s));
                const char *user_end = colon ? colon : at;

                r = percent_decode(s, (size_t) (user_end - s), &user);
                if (r >= 0 && colon)
                        r = percent_decode(colon + 1, (size_t) (at - colon - 1), &password);
        }
        if (r >= 0) {
                r = address_split(address, (size_t) (s + n - address), &host_size, &port, why, why_size);
                if (r < 0)
                        return r;
                r = percent_decode(address, host_size, &host);
        }
        if (r == -EINVAL)
                snprintf(why, why_size, "it holds a zero byte (%%00)");
        return r < 0 ? r : transport_url_add_host(u, host, port, user, password);
}

static int query_parse(TransportUrl *u, const char *s, char *why, size_t why_size) {
        size_t count = 1, n = 0;
        int r;

        for (const char *p = s; *p; p++)
                count += *p == '&';
        u->query = calloc(count + 1, sizeof *u->query);
        if (!u->query)
                return -ENOMEM;

        for (const char *p = s; *p;) {
                size_t len = strcspn(p, "&");

                if (len > 0 && memchr(p, '=', len)) {
                        r = percent_decode(p, len, &u->query[n]);
                        if (r == -EINVAL)
                                snprintf(why, why_size, "transport_url: the query holds a zero byte (%%00)");
                        if (r < 0)
                                return r;
                        for (char *c = u->query[n]; *c; c++)
                                if (*c == '+')
                                        *c = ' ';
                        n++;
                } else if (len > 0) {
                        snprintf(why, why_size, "transport_url: part %zu of the query is not name=value", n + 1);
                        return -EINVAL;
                }
                p += len;
                p += *p == '&';
        }
        return 0;
}

/* Only what can be the name of a transport is quoted: anything else may be a password, or hold what no sentence should.
 */
static size_t scheme_length(const char *text) {
        size_t n = 0;

        while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
               (n > 0 && text[n] >= '0' && text[n] <= '9') ||
               (n > 0 && (text[n] == '+' || text[n] == '-' || text[n] == '.')))
                n++;
        return n;
}

int transport_url_parse(const char *text, TransportUrl *ret, char *why, size_t why_size) {
        _cleanup_(transport_url_done) TransportUrl u = {};
        const char *rest, *path, *question;
        int r;

        if ((rest = startswith(text, "rabbit://")) || (rest = startswith(text, "kombu://")))
                u.kind = TRANSPORT_RABBIT;
        else if ((rest = startswith(text, "fake://")))
                u.kind = TRANSPORT_FAKE;
        else {
                size_t n = scheme_length(text);

                if (n > 0 && startswith(text + n, "://"))
                        snprintf(why, why_size,
                                 "transport_url: unknown transport '%.*s'; rabbit, kombu and fake are known",
                                 (int) MIN(n, (size_t) 32), text);
                else
                        snprintf(why, why_size, "transport_url: it does not begin with rabbit://");
                return -EINVAL;
        }

        question = strchr(rest, '?');
        const char *end = question ? question : rest + strlen(rest);
        path = memchr(rest, '/', (size_t) (end - rest));
        const char *netloc_end = path ? path : end;

        if (question) {
                r = query_parse(&u, question + 1, why, why_size);
                if (r < 0)
                        return r;
        }

        if (path && path + 1 < end && !(path[1] == '/' && path + 2 == end)) {
                r = percent_decode(path + 1, (size_t) (end - path - 1), &u.vhost);
                if (r == -EINVAL)
                        snprintf(why, why_size, "transport_url: the virtual host holds a zero byte (%%00)");
                if (r < 0)
                        return r;
                if (strlen(u.vhost) > 255) {
                        snprintf(why, why_size, "transport_url: the virtual host is longer than 255 bytes");
                        return -EINVAL;
                }
        } else if (!(u.vhost = strdup("/")))
                return -ENOMEM;

        if (u.kind == TRANSPORT_RABBIT) {
                size_t index = 1;

                for (const char *p = rest; p < netloc_end; index++) {
                        const char *comma = memchr(p, ',', (size_t) (netloc_end - p));
                        const char *part_end = comma ? comma : netloc_end;

                        if (part_end == p) {
                                snprintf(why, why_size, "transport_url: host %zu of the list is empty", index);
                                return -EINVAL;
                        }
                        char detail[128] = "";

                        r = host_parse(&u, p, (size_t) (part_end - p), detail, sizeof detail);
                        if (r == -EINVAL)
                                snprintf(why, why_size, "transport_url: host %zu of the list: %s", index, detail);
                        if (r < 0)
                                return r;
                        p = part_end + (comma ? 1 : 0);
                        if (comma && p == netloc_end) {
                                snprintf(why, why_size, "transport_url: host %zu of the list is empty", index + 1);
                                return -EINVAL;
                        }
                }
                if (u.n_hosts == 0) {
                        r = transport_url_add_host(&u, "localhost", PORT_DEFAULT, "guest", "guest");
                        if (r < 0)
                                return r;
                }
        }

        *ret = u;
        u = TRANSPORT_URL_NULL;
        return 0;
}

void transport_url_shuffle(TransportUrl *u) {
        for (size_t i = u->n_hosts; i > 1; i--) {
                uint32_t x = 0;

                if (getrandom(&x, sizeof x, 0) != sizeof x)
                        return;
                size_t j = x % i;
                TransportHost h = u->hosts[i - 1];
                u->hosts[i - 1] = u->hosts[j];
                u->hosts[j] = h;
        }
}

const char *transport_url_query(const TransportUrl *u, const char *name) {
        const char *found = NULL;

        for (char **q = u->query; q && *q; q++) {
                const char *value = startswith(*q, name);

                if (value && *value == '=')
                        found = value + 1;
        }
        return found;
}

void transport_url_done(TransportUrl *u) {
        for (size_t i = 0; i < u->n_hosts; i++) {
                free(u->hosts[i].host);
                free(u->hosts[i].user);
                if (u->hosts[i].password)
                        explicit_bzero(u->hosts[i].password, strlen(u->hosts[i].password));
                free(u->hosts[i].password);
        }
        free(u->hosts);
        free(u->vhost);
        for (char **q = u->query; q && *q; q++)
                free(*q);
        free(u->query);
        *u = TRANSPORT_URL_NULL;
}

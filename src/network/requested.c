/* What networks are asked for: see requested.h. */
#include "network/requested.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "basic/json.h"

#define SHOWN_MAX 60

static int bad(NovaException *e, size_t n, const char *what, const json_t *value) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: the %s of entry %zu is %s", what, n,
                              json_type_name(value));
}

static int set_text(const json_t *value, size_t n, const char *what, char **ret, NovaException *e) {
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return bad(e, n, what, value);
        if (!*json_string_value(value))
                return 0;
        if (json_string_length(value) > 255)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: the %s of entry %zu is longer "
                                      "than 255 characters", what, n);
        *ret = strdup(json_string_value(value));
        return *ret ? 0 : -ENOMEM;
}

static int set_address(const json_t *value, size_t n, IpAddress *ret, NovaException *e) {
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return bad(e, n, "address", value);
        if (!*json_string_value(value))
                return 0;
        if (ip_parse(json_string_value(value), ret) < 0) {
                int r = exception_setf(e, EXC_FIXED_IP_INVALID, "Fixed IP address %.*s is invalid.", SHOWN_MAX, json_string_value(value));

                exception_kwarg(e, "address", json_string(json_string_value(value)));
                return r;
        }
        return 0;
}

/* A member of Nova's object, of its data, or of a plain dict. */
static const json_t *member(const json_t *object, const char *key) {
        const json_t *data = json_object_get(object, "nova_object.data");

        return json_object_get(json_is_object(data) ? data : object, key);
}

/* [network, address], [network, address, port], [network, address, port, pci request …] */
static int read_tuple(const json_t *tuple, size_t n, NetworkRequest *ret, NovaException *e) {
        int r;

        if (json_array_size(tuple) > 6)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: entry %zu has %zu members", n,
                                      json_array_size(tuple));
        r = set_text(json_array_get(tuple, 0), n, "network", &ret->network, e);
        if (r >= 0)
                r = set_address(json_array_get(tuple, 1), n, &ret->address, e);
        if (r >= 0)
                r = set_text(json_array_get(tuple, 2), n, "port", &ret->port, e);
        return r;
}

static int read_object(const json_t *o, size_t n, NetworkRequest *ret, NovaException *e) {
        const json_t *network = member(o, "network_id"), *address = member(o, "address");
        int r;

        r = set_text(network ? network : member(o, "uuid"), n, "network", &ret->network, e);
        if (r >= 0)
                r = set_address(address ? address : member(o, "fixed_ip"), n, &ret->address, e);
        if (r >= 0)
                r = set_text(member(o, "port_id"), n, "port", &ret->port, e);
        if (r >= 0)
                r = set_text(member(o, "tag"), n, "tag", &ret->tag, e);
        return r;
}

static void request_done(NetworkRequest *q) {
        free(q->network);
        free(q->port);
        free(q->tag);
        *q = (NetworkRequest) {};
}

static int read_entry(const json_t *entry, size_t n, NetworkRequest *ret, NovaException *e) {
        if (json_is_array(entry))
                return read_tuple(entry, n, ret, e);
        if (json_is_object(entry))
                return read_object(entry, n, ret, e);
        if (json_is_string(entry))
                return set_text(entry, n, "network", &ret->network, e);
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: entry %zu is %s", n, json_type_name(entry));
}

static int check(const NetworkRequests *q, NovaException *e) {
        for (size_t n = 0; n < q->n; n++) {
                const NetworkRequest *a = &q->items[n];

                if (!a->network && !a->port && !ip_is_set(&a->address) && q->n > 1)
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: entry %zu names nothing", n);
                for (size_t k = 0; k < n; k++)
                        if (a->port && q->items[k].port && strcasecmp(a->port, q->items[k].port) == 0)
                                return exception_setf(e, EXC_NETWORK_DUPLICATED, "Network %s is duplicated.", a->port);
        }
        return 0;
}

int network_requests_read(const json_t *requested, NetworkRequests *ret, NovaException *e) {
        _cleanup_(network_requests_done) NetworkRequests q = {};
        const json_t *list = requested, *entry;
        size_t n;
        int r;

        assert(ret);

        if (json_is_object(requested)) {
                list = member(requested, "objects");
                if (!json_is_array(list))
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: its objects are %s, not "
                                              "an array", json_type_name(list));
        }
        if (json_is_string(list)) {
                if (streq(json_string_value(list), "none") || streq(json_string_value(list), "auto")) {
                        *ret = (NetworkRequests) { .none = streq(json_string_value(list), "none"),
                                                   .any = streq(json_string_value(list), "auto") };
                        return 0;
                }
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks: '%.*s' is neither none nor "
                                      "auto", SHOWN_MAX, json_string_value(list));
        }
        if (!list || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0)) {
                *ret = (NetworkRequests) { .any = true };
                return 0;
        }
        if (!json_is_array(list))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks is %s, not an array",
                                      json_type_name(list));
        if (json_array_size(list) > NETWORK_REQUESTS_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: requested_networks has %zu entries, more than %u",
                                      json_array_size(list), NETWORK_REQUESTS_MAX);

        q.items = calloc(json_array_size(list), sizeof *q.items);
        if (!q.items)
                return -ENOMEM;
        json_array_foreach((json_t *) list, n, entry) {
                q.n = n + 1;
                r = read_entry(entry, n, &q.items[n], e);
                if (r < 0)
                        return r;
        }

        if (q.n == 1 && !q.items[0].port) {
                const char *network = strempty(q.items[0].network);

                q.none = streq(network, "none");
                q.any = streq(network, "auto") || (!*network && !ip_is_set(&q.items[0].address));
                if (q.none || q.any) {
                        request_done(&q.items[0]);
                        q.n = 0;
                }
        }
        r = check(&q, e);
        if (r < 0)
                return r;

        *ret = q;
        q = (NetworkRequests) {};
        return 0;
}

void network_requests_done(NetworkRequests *q) {
        if (!q)
                return;
        for (size_t n = 0; n < q->n; n++)
                request_done(&q->items[n]);
        free(q->items);
        *q = (NetworkRequests) {};
}

/* The declared networks: see declared.h.
 *
 * A value is a list of key=value, separated by commas or white space (so that it may be continued over lines). What goes
 * together is checked when all keys were read: the rules are in network_finish. */
#include "network/declared.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "basic/id.h"
#include "basic/text-util.h"

#define SHOWN_MAX 60            /* characters of a value in an error */

static const char *const vif_types[_VIF_TYPE_MAX] = { [VIF_BRIDGE] = "bridge", [VIF_TAP] = "tap" };

const char *vif_type_to_string(VifType t) {
        return (unsigned) t < _VIF_TYPE_MAX ? vif_types[t] : NULL;
}

/* What is read of one value, and where it stands. */
typedef struct Reader {
        const char *option;             /* "network" */
        const char *origin;
        NovaException *e;
} Reader;

static int refuse(const Reader *r, const char *key, const char *value, const char *why) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] %s: %s = '%.*s': %s", r->origin, r->option, key,
                              SHOWN_MAX, value, why);
}

static int refuse_piece(const Reader *r, const char *piece) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] %s: '%.*s' is not key=value", r->origin, r->option,
                              SHOWN_MAX, piece);
}

static int refuse_whole(const Reader *r, const char *name, const char *why) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] %s '%.*s': %s", r->origin, r->option, SHOWN_MAX,
                              strempty(name), why);
}

/* An interface's name as the kernel takes it, without what would be odd in a path or a program's arguments. */
static bool is_interface(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n > NETWORK_INTERFACE_MAX || *s == '.' || *s == '-')
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("._-@", *s))
                        return false;
        return true;
}

static bool is_name(const char *s) {
        if (!*s || strlen(s) > 255)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("._-", *s))
                        return false;
        return true;
}

int mac_parse(const char *text, char buf[static 18]) {
        unsigned bits = 0;

        if (strlen(text) != 17)
                return -EINVAL;
        for (size_t i = 0; i < 17; i++) {
                if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char) text[i]))
                        return -EINVAL;
                bits |= text[i] != ':' && text[i] != '0';
        }
        if (!bits || strchr("13579bdfBDF", text[1]))
                return -EINVAL;
        for (size_t i = 0; i < 18; i++)
                buf[i] = (char) tolower((unsigned char) text[i]);
        return 0;
}

void network_id_of_name(const char *name, char buf[static 37]) {
        /* A name-based uuid (version 5) in a name space of our own. */
        static const unsigned char space[16] = { 0x5b, 0x1d, 0xc4, 0x0e, 0x83, 0x6a, 0x4c, 0x27,
                                                 0x9e, 0x52, 0x2f, 0x70, 0xa8, 0x19, 0xd3, 0x64 };
        unsigned char digest[EVP_MAX_MD_SIZE] = {}, *d = digest;
        EVP_MD_CTX *c = EVP_MD_CTX_new();

        if (c) {
                (void) (EVP_DigestInit_ex(c, EVP_sha1(), NULL) && EVP_DigestUpdate(c, space, sizeof space) &&
                        EVP_DigestUpdate(c, name, strlen(name)) && EVP_DigestFinal_ex(c, digest, NULL));
                EVP_MD_CTX_free(c);
        }
        d[6] = (unsigned char) ((d[6] & 0x0f) | 0x50);
        d[8] = (unsigned char) ((d[8] & 0x3f) | 0x80);
        (void) snprintf(buf, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2], d[3],
                        d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* ---- the parts of a value ---- */

static int set_text(const Reader *r, const char *key, char **field, const char *value) {
        if (*field)
                return refuse(r, key, value, "is given twice");
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

static int read_flag(const Reader *r, const char *key, const char *value, bool *ret) {
        static const struct {
                const char *text;
                bool value;
        } words[] = { { "yes", true }, { "true", true }, { "on", true }, { "1", true },
                      { "no", false }, { "false", false }, { "off", false }, { "0", false } };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(words[i].text, value) == 0) {
                        *ret = words[i].value;
                        return 0;
                }
        return refuse(r, key, value, "must be yes or no");
}

/* What is said of addresses before it is known in which subnet they are. */
typedef struct Draft {
        DeclaredNetwork net;
        IpAddress gateways[2], hosts[2];
        IpAddress firsts[2], lasts[2];
        size_t n_gateways, n_hosts, n_ranges;
        bool has_vif, has_dhcp;
} Draft;

static void network_done(DeclaredNetwork *n) {
        free(n->id);
        free(n->name);
        free(n->bridge);
        free(n->interface);
        free(n->origin);
        *n = (DeclaredNetwork) {};
}

static void draft_done(Draft *d) {
        network_done(&d->net);
}

static int add_address(const Reader *r, const char *key, const char *value, IpAddress *list, size_t *n, size_t max) {
        IpAddress a;

        if (ip_parse(value, &a) < 0)
                return refuse(r, key, value, "must be an IP address");
        if (*n == max)
                return refuse(r, key, value, "is one too many");
        list[(*n)++] = a;
        return 0;
}

static int add_range(const Reader *r, const char *value, Draft *d) {
        const char *dash = strchr(value, '-');
        char first[IP_TEXT_MAX];
        IpAddress a, b;

        if (d->n_ranges == 2)
                return refuse(r, "range", value, "is one too many: one of each version of IP");
        if (!dash || (size_t) (dash - value) >= sizeof first)
                return refuse(r, "range", value, "must be FIRST-LAST, two IP addresses");
        memcpy(first, value, (size_t) (dash - value));
        first[dash - value] = '\0';
        if (ip_parse(first, &a) < 0 || ip_parse(dash + 1, &b) < 0 || a.family != b.family)
                return refuse(r, "range", value, "must be FIRST-LAST, two IP addresses");
        if (ip_compare(&a, &b) > 0)
                return refuse(r, "range", value, "ends before it begins");
        d->firsts[d->n_ranges] = a;
        d->lasts[d->n_ranges++] = b;
        return 0;
}

static int add_cidr(const Reader *r, const char *value, DeclaredNetwork *n) {
        char text[IP_TEXT_MAX], why[160];
        IpPrefix p;
        int q;

        q = ip_prefix_parse(value, &p);
        if (q == -ERANGE) {
                (void) snprintf(why, sizeof why, "has bits beyond the length of its prefix; is %s meant?", ip_prefix_format(&p, text));
                return refuse(r, "cidr", value, why);
        }
        if (q < 0)
                return refuse(r, "cidr", value, "must be an address with the length of the prefix, as 10.0.0.0/24 or fd00::/64");
        /* Of version 4 the first and last are not guests', and one is left over for the gateway. */
        if (p.length > ip_size(&p.address) * 8 - 2)
                return refuse(r, "cidr", value, "has no room for guests");
        if (p.length == 0)
                return refuse(r, "cidr", value, "is every address there is");
        for (size_t i = 0; i < n->n_subnets; i++)
                if (n->subnets[i].prefix.address.family == p.address.family)
                        return refuse(r, "cidr", value, "a network has one of each version of IP");
        n->subnets[n->n_subnets++].prefix = p;
        return 0;
}

static int set_number(const Reader *r, const char *key, const char *value, int64_t low, int64_t high, int64_t *ret) {
        char why[80];

        if (text_decimal(value, 9, low, high, ret) >= 0)
                return 0;
        (void) snprintf(why, sizeof why, "must be a number from %lld to %lld", (long long) low, (long long) high);
        return refuse(r, key, value, why);
}

static int set_network_key(const Reader *r, Draft *d, const char *key, const char *value) {
        DeclaredNetwork *n = &d->net;
        bool filter = true;
        int64_t number;
        int q;

        if (streq(key, "name"))
                return is_name(value) ? set_text(r, key, &n->name, value)
                                      : refuse(r, key, value, "must be of letters, digits, dots, dashes and underscores");
        if (streq(key, "id")) {
                if (!uuid_is_valid(value))
                        return refuse(r, key, value, "must be a uuid");
                return set_text(r, key, &n->id, value);
        }
        if (streq(key, "cidr"))
                return add_cidr(r, value, n);
        if (streq(key, "bridge") || streq(key, "interface")) {
                if (!is_interface(value))
                        return refuse(r, key, value, "must be the name of an interface: 1 to 15 letters, digits, dots, dashes");
                return set_text(r, key, streq(key, "bridge") ? &n->bridge : &n->interface, value);
        }
        if (streq(key, "gateway"))
                return add_address(r, key, value, d->gateways, &d->n_gateways, ELEMENTSOF(d->gateways));
        if (streq(key, "address"))
                return add_address(r, key, value, d->hosts, &d->n_hosts, ELEMENTSOF(d->hosts));
        if (streq(key, "dns"))
                return add_address(r, key, value, n->dns, &n->n_dns, ELEMENTSOF(n->dns));
        if (streq(key, "range"))
                return add_range(r, value, d);
        if (streq(key, "remote")) {
                if (ip_is_set(&n->remote))
                        return refuse(r, key, value, "is given twice");
                if (ip_parse(value, &n->remote) < 0)
                        return refuse(r, key, value, "must be an IP address");
                return 0;
        }
        if (streq(key, "vlan")) {
                q = set_number(r, key, value, 1, 4094, &number);
                n->vlan = q < 0 ? 0 : (unsigned) number;
                return q;
        }
        if (streq(key, "vxlan"))
                return set_number(r, key, value, 1, 16777215, &n->vxlan);
        if (streq(key, "mtu")) {
                q = set_number(r, key, value, 576, 65535, &number);
                n->mtu = q < 0 ? 0 : (unsigned) number;
                return q;
        }
        if (streq(key, "dhcp")) {
                d->has_dhcp = true;
                return read_flag(r, key, value, &n->dhcp);
        }
        if (streq(key, "filter")) {
                q = read_flag(r, key, value, &filter);
                n->no_filter = !filter;
                return q;
        }
        if (streq(key, "vif")) {
                for (int t = 0; t < _VIF_TYPE_MAX; t++)
                        if (streq(value, vif_types[t])) {
                                n->vif = (VifType) t;
                                return 0;
                        }
                return refuse(r, key, value, "must be bridge or tap");
        }
        return refuse(r, key, value, "there is no such key; there are name, id, cidr, bridge, interface, vlan, vxlan, remote, "
                      "gateway, address, range, dns, dhcp, filter, mtu, vif");
}

/* ---- what belongs together ---- */

static int place_address(const Reader *r, const char *key, DeclaredNetwork *n, const IpAddress *a, size_t field) {
        char text[IP_TEXT_MAX];
        IpAddress last;

        for (size_t i = 0; i < n->n_subnets; i++) {
                Subnet *s = &n->subnets[i];
                IpAddress *to = (IpAddress *) ((char *) s + field);

                if (!ip_prefix_contains(&s->prefix, a))
                        continue;
                last = ip_prefix_last(&s->prefix);
                if (ip_compare(a, &s->prefix.address) == 0 || (a->family == AF_INET && ip_compare(a, &last) == 0))
                        return refuse(r, key, ip_format(a, text), "is the network's own address or its broadcast");
                if (ip_is_set(to))
                        return refuse(r, key, ip_format(a, text), "is a second one of this version of IP");
                *to = *a;
                return 0;
        }
        return refuse(r, key, ip_format(a, text), "is not in the network's cidr");
}

static int place_ranges(const Reader *r, Draft *d) {
        DeclaredNetwork *n = &d->net;
        char text[IP_TEXT_MAX];

        for (size_t i = 0; i < n->n_subnets; i++) {
                Subnet *s = &n->subnets[i];
                bool v4 = s->prefix.address.family == AF_INET;
                IpAddress last = ip_prefix_last(&s->prefix);

                /* Not the network's own (of version 6: the routers' anycast) nor the broadcast. */
                s->first = ip_add(&s->prefix.address, 1);
                s->last = last;
                if (v4)
                        s->last.bytes[3]--;
                for (size_t k = 0; k < d->n_ranges; k++) {
                        if (d->firsts[k].family != s->prefix.address.family)
                                continue;
                        if (ip_compare(&d->firsts[k], &s->first) < 0 || ip_compare(&d->lasts[k], &s->last) > 0)
                                return refuse(r, "range", ip_format(&d->firsts[k], text), "is not within the guests' part of the cidr");
                        s->first = d->firsts[k];
                        s->last = d->lasts[k];
                }
        }
        for (size_t k = 0; k < d->n_ranges; k++) {
                if (!network_subnet_of(n, &d->firsts[k]) || (k > 0 && d->firsts[k].family == d->firsts[0].family))
                        return refuse(r, "range", ip_format(&d->firsts[k], text), "is not in the network's cidr, or is a second one");
        }
        return 0;
}

/* A network that no interface of this host joins to others has this host as its gateway, if it has one; and for DHCP this
 * host must have an address, for which the first serves there. */
static void default_addresses(DeclaredNetwork *n) {
        for (size_t i = 0; i < n->n_subnets; i++) {
                Subnet *s = &n->subnets[i];
                bool alone = !n->interface && n->vxlan < 0;

                if (alone && !ip_is_set(&s->host))
                        s->host = s->gateway;
                if (alone && n->dhcp && !ip_is_set(&s->host)) {
                        s->host = ip_add(&s->prefix.address, 1);
                        if (!ip_is_set(&s->gateway))
                                s->gateway = s->host;
                }
        }
}

static int network_finish(const Reader *r, const NetworkTable *t, Draft *d) {
        DeclaredNetwork *n = &d->net;
        char id[UUID_TEXT_MAX];
        int q = 0;

        if (!n->name)
                return refuse_whole(r, n->id, "has no name=");
        if (n->n_subnets == 0)
                return refuse_whole(r, n->name, "has no cidr=");
        if (n->n_subnets == 2 && n->subnets[0].prefix.address.family == AF_INET6) {
                Subnet s = n->subnets[0];
                n->subnets[0] = n->subnets[1];
                n->subnets[1] = s;
        }
        if (n->vlan && !n->interface)
                return refuse_whole(r, n->name, "vlan= needs the interface= that it is on");
        if (n->vlan && n->vxlan >= 0)
                return refuse_whole(r, n->name, "vlan= and vxlan= exclude each other");
        if (ip_is_set(&n->remote) && n->vxlan < 0)
                return refuse_whole(r, n->name, "remote= is the peer of a vxlan=, and there is none");
        if (n->vxlan >= 0 && !ip_is_set(&n->remote))
                return refuse_whole(r, n->name, "vxlan= needs remote=, the peer's address or the multicast group");

        if (!n->id) {
                network_id_of_name(n->name, id);
                n->id = strdup(id);
        }
        if (n->id && !n->bridge && asprintf(&n->bridge, "br%.11s", n->id) < 0)
                n->bridge = NULL;
        if (!n->id || !n->bridge)
                return -ENOMEM;

        q = place_ranges(r, d);
        for (size_t i = 0; q >= 0 && i < d->n_gateways; i++)
                q = place_address(r, "gateway", n, &d->gateways[i], offsetof(Subnet, gateway));
        for (size_t i = 0; q >= 0 && i < d->n_hosts; i++)
                q = place_address(r, "address", n, &d->hosts[i], offsetof(Subnet, host));
        if (q < 0)
                return q;
        default_addresses(n);
        if (n->dhcp && !ip_is_set(&n->subnets[0].host))
                return refuse_whole(r, n->name, "dhcp=yes needs address=, this host's own in the network, which DHCP answers from");

        for (size_t i = 0; i < t->n; i++) {
                const DeclaredNetwork *other = &t->networks[i];
                const char *what = streq(other->name, n->name) ? "name" : strcasecmp(other->id, n->id) == 0 ? "id" :
                                   streq(other->bridge, n->bridge) ? "bridge" : NULL;

                if (what)
                        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] network '%.*s': network '%.*s' (%s) has the "
                                              "same %s", r->origin, SHOWN_MAX, n->name, SHOWN_MAX, other->name, other->origin, what);
                for (size_t a = 0; a < n->n_subnets; a++)
                        for (size_t b = 0; b < other->n_subnets; b++)
                                if (ip_is_set(&n->subnets[a].host) && ip_is_set(&other->subnets[b].host) &&
                                    ip_prefix_overlaps(&n->subnets[a].prefix, &other->subnets[b].prefix))
                                        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] network '%.*s': its cidr "
                                                              "overlaps with that of network '%.*s' (%s), and this host has an "
                                                              "address in both", r->origin, SHOWN_MAX, n->name, SHOWN_MAX, other->name,
                                                              other->origin);
        }
        return 0;
}

int network_table_add_network(NetworkTable *t, const char *text, const char *origin, NovaException *e) {
        const Reader r = { .option = "network", .origin = origin, .e = e };
        _cleanup_(draft_done) Draft d = { .net.vxlan = -1 };
        _cleanup_free_ char *copy = strdup(text);
        char *p = copy, *key = NULL, *value = NULL;
        DeclaredNetwork *bigger;
        int q;

        if (!copy || !(d.net.origin = strdup(origin)))
                return -ENOMEM;
        while ((q = text_next_pair(&p, &key, &value)) > 0) {
                q = set_network_key(&r, &d, key, value);
                if (q < 0)
                        return q;
        }
        if (q < 0)
                return refuse_piece(&r, key);
        q = network_finish(&r, t, &d);
        if (q < 0)
                return q;

        bigger = reallocarray(t->networks, t->n + 1, sizeof *bigger);
        if (!bigger)
                return -ENOMEM;
        t->networks = bigger;
        bigger[t->n++] = d.net;
        d.net = (DeclaredNetwork) {};
        return 0;
}

/* ---- ports ---- */

static void port_done(DeclaredPort *p) {
        free(p->id);
        free(p->mac);
        free(p->origin);
        *p = (DeclaredPort) {};
}

static int set_port_key(const Reader *r, const NetworkTable *t, DeclaredPort *p, bool *has_network, const char *key, const char *value) {
        char mac[18];

        if (streq(key, "id"))
                return uuid_is_valid(value) ? set_text(r, key, &p->id, value) : refuse(r, key, value, "must be a uuid");
        if (streq(key, "mac"))
                return mac_parse(value, mac) >= 0 ? set_text(r, key, &p->mac, mac)
                                                  : refuse(r, key, value, "must be a hardware address of one card, as fa:16:3e:01:02:03");
        if (streq(key, "address"))
                return add_address(r, key, value, p->addresses, &p->n_addresses, ELEMENTSOF(p->addresses));
        if (streq(key, "network")) {
                const DeclaredNetwork *n = network_table_find(t, value);

                if (!n)
                        return refuse(r, key, value, "there is no network of this name or id");
                if (*has_network)
                        return refuse(r, key, value, "is given twice");
                *has_network = true;
                p->network = (size_t) (n - t->networks);
                return 0;
        }
        return refuse(r, key, value, "there is no such key; there are id, network, mac, address");
}

static int port_finish(const Reader *r, const NetworkTable *t, const DeclaredPort *p, bool has_network) {
        char text[IP_TEXT_MAX];

        if (!p->id)
                return refuse_whole(r, p->mac, "has no id=");
        if (!has_network)
                return refuse_whole(r, p->id, "has no network=");
        if (!p->mac)
                return refuse_whole(r, p->id, "has no mac=");
        for (size_t i = 0; i < p->n_addresses; i++) {
                const Subnet *s = network_subnet_of(&t->networks[p->network], &p->addresses[i]);

                if (!s)
                        return refuse(r, "address", ip_format(&p->addresses[i], text), "is not in the cidr of its network");
                if (ip_compare(&p->addresses[i], &s->host) == 0 || ip_compare(&p->addresses[i], &s->gateway) == 0)
                        return refuse(r, "address", ip_format(&p->addresses[i], text), "is this host's own or the gateway's");
                if (i > 0 && p->addresses[0].family == p->addresses[1].family)
                        return refuse(r, "address", ip_format(&p->addresses[i], text), "is a second one of this version of IP");
        }
        for (size_t k = 0; k < t->n_ports; k++) {
                const DeclaredPort *other = &t->ports[k];

                if (strcasecmp(other->id, p->id) == 0 || streq(other->mac, p->mac))
                        return refuse_whole(r, p->id, "another port has the same id or mac");
                for (size_t i = 0; i < p->n_addresses; i++)
                        for (size_t j = 0; other->network == p->network && j < other->n_addresses; j++)
                                if (ip_compare(&p->addresses[i], &other->addresses[j]) == 0)
                                        return refuse(r, "address", ip_format(&p->addresses[i], text), "is another port's");
        }
        return 0;
}

int network_table_add_port(NetworkTable *t, const char *text, const char *origin, NovaException *e) {
        const Reader r = { .option = "network_port", .origin = origin, .e = e };
        _cleanup_(port_done) DeclaredPort port = {};
        _cleanup_free_ char *copy = strdup(text);
        char *p = copy, *key = NULL, *value = NULL;
        bool has_network = false;
        DeclaredPort *bigger;
        int q;

        if (!copy || !(port.origin = strdup(origin)))
                return -ENOMEM;
        while ((q = text_next_pair(&p, &key, &value)) > 0) {
                q = set_port_key(&r, t, &port, &has_network, key, value);
                if (q < 0)
                        return q;
        }
        if (q < 0)
                return refuse_piece(&r, key);
        q = port_finish(&r, t, &port, has_network);
        if (q < 0)
                return q;

        bigger = reallocarray(t->ports, t->n_ports + 1, sizeof *bigger);
        if (!bigger)
                return -ENOMEM;
        t->ports = bigger;
        bigger[t->n_ports++] = port;
        port = (DeclaredPort) {};
        return 0;
}

/* ---- the table ---- */

static int read_option(NetworkTable *t, const Config *config, const char *option,
                       int (*add)(NetworkTable *t, const char *text, const char *origin, NovaException *e), NovaException *e) {
        const char *const *values = config_list(config, option);

        for (size_t n = 0; values[n]; n++) {
                _cleanup_free_ char *origin = config_origin_at(config, option, n);
                int r;

                if (!origin)
                        return -ENOMEM;
                r = add(t, values[n], origin, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int network_table_read(NetworkTable *ret, const Config *config, NovaException *e) {
        _cleanup_(network_table_done) NetworkTable t = {};
        int r;

        assert(ret && config);

        r = read_option(&t, config, "network", network_table_add_network, e);
        if (r >= 0)
                r = read_option(&t, config, "network_port", network_table_add_port, e);
        if (r < 0)
                return r;
        *ret = t;
        t = (NetworkTable) {};
        return 0;
}

void network_table_done(NetworkTable *t) {
        if (!t)
                return;
        for (size_t n = 0; n < t->n; n++)
                network_done(&t->networks[n]);
        free(t->networks);
        for (size_t n = 0; n < t->n_ports; n++)
                port_done(&t->ports[n]);
        free(t->ports);
        *t = (NetworkTable) {};
}

const DeclaredNetwork *network_table_find(const NetworkTable *t, const char *id_or_name) {
        for (size_t n = 0; n < t->n; n++)
                if (strcasecmp(t->networks[n].id, id_or_name) == 0)
                        return &t->networks[n];
        for (size_t n = 0; n < t->n; n++)
                if (streq(t->networks[n].name, id_or_name))
                        return &t->networks[n];
        return NULL;
}

const DeclaredPort *network_table_find_port(const NetworkTable *t, const char *id) {
        for (size_t n = 0; n < t->n_ports; n++)
                if (strcasecmp(t->ports[n].id, id) == 0)
                        return &t->ports[n];
        return NULL;
}

const Subnet *network_subnet_of(const DeclaredNetwork *n, const IpAddress *a) {
        for (size_t i = 0; i < n->n_subnets; i++)
                if (ip_prefix_contains(&n->subnets[i].prefix, a))
                        return &n->subnets[i];
        return NULL;
}

const Subnet *network_subnet_of_version(const DeclaredNetwork *n, int version) {
        for (size_t i = 0; i < n->n_subnets; i++)
                if (ip_version(&n->subnets[i].prefix.address) == version)
                        return &n->subnets[i];
        return NULL;
}

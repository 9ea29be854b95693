/* The local network manager: who has which address. See local.h; what is done to the host for it is in local-host.c.
 *
 * Which address is free is looked up and taken under one lock, so that many builds at once do not race for the same one; that
 * none is ever given twice does not rest on that, but on the leases' unique keys. */
#define LOG_LOGGER "nova.network.manager"
#include "network/local-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"
#include "network/network-info.h"
#include "network/requested.h"

int local_networks_new(LocalNetworks **ret, const Config *config, NovaException *e) {
        _cleanup_(local_networks_freep) LocalNetworks *l = NULL;
        int r;

        assert(ret && config);

        l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        pthread_mutex_init(&l->lock, NULL);
        pthread_mutex_init(&l->host_lock, NULL);
        l->mac_attempts = (unsigned) config_integer(config, "create_unique_mac_address_attempts");
        r = network_table_read(&l->table, config, e);
        if (r < 0)
                return r;
        r = dhcp_settings_read(&l->dhcp, config, e);
        if (r < 0)
                return r;
        l->cursors = calloc(MAX(l->table.n, 1U), sizeof *l->cursors);
        l->locks = calloc(MAX(l->table.n, 1U), sizeof *l->locks);
        l->told = calloc(MAX(l->table.n, 1U), sizeof *l->told);
        if (!l->cursors || !l->locks || !l->told)
                return -ENOMEM;
        l->changes = 1;
        for (size_t n = 0; n < l->table.n; n++)
                pthread_mutex_init(&l->locks[n], NULL);

        *ret = TAKE_PTR(l);
        return 0;
}

LocalNetworks *local_networks_free(LocalNetworks *l) {
        if (!l)
                return NULL;
        for (size_t n = 0; l->locks && n < l->table.n; n++)
                pthread_mutex_destroy(&l->locks[n]);
        free(l->locks);
        free(l->told);
        netlink_free(l->netlink);
        dhcp_settings_done(&l->dhcp);
        network_table_done(&l->table);
        free(l->cursors);
        pthread_mutex_destroy(&l->host_lock);
        pthread_mutex_destroy(&l->lock);
        free(l);
        return NULL;
}

void local_networks_set_leases(LocalNetworks *l, Leases *leases) {
        assert(l);
        l->leases = leases;
}

const NetworkTable *local_networks_table(const LocalNetworks *l) {
        return &l->table;
}

int local_networks_leases_failed(NovaException *e, int r) {
        return exception_is_set(e) ? r : exception_set_errno(e, r, "Cannot work on the leases of the local networks");
}

static int list(LocalNetworks *l, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret, NovaException *e) {
        int r;

        if (!l->leases)
                return local_networks_leases_failed(e, -ENOTCONN);
        r = l->leases->ops->list(l->leases, instance_uuid, network_id, ret);
        return r < 0 ? local_networks_leases_failed(e, r) : 0;
}

/* ---- failures in Nova's words ---- */

static int network_not_found(NovaException *e, const char *network) {
        int r = exception_setf(e, EXC_NETWORK_NOT_FOUND, "Network %.255s could not be found.", network);

        exception_kwarg(e, "network_id", json_string(network));
        return r;
}

static int network_ambiguous(NovaException *e) {
        return exception_setf(e, EXC_NETWORK_AMBIGUOUS, "More than one possible network found. Specify network ID(s) to select which "
                              "one(s) to connect to.");
}

static int port_not_found(NovaException *e, const char *port) {
        int r = exception_setf(e, EXC_PORT_NOT_FOUND, "Port id %.255s could not be found.", port);

        exception_kwarg(e, "port_id", json_string(port));
        return r;
}

static int port_in_use(NovaException *e, const char *port) {
        int r = exception_setf(e, EXC_PORT_IN_USE, "Port %.255s is still in use.", port);

        exception_kwarg(e, "port_id", json_string(port));
        return r;
}

static int already_in_use(NovaException *e, const IpAddress *a, const char *instance_uuid) {
        char text[IP_TEXT_MAX];
        int r = exception_setf(e, EXC_FIXED_IP_ALREADY_IN_USE, "Fixed IP address %s is already in use on instance %s.",
                               ip_format(a, text), instance_uuid);

        exception_kwarg(e, "address", json_string(text));
        exception_kwarg(e, "instance_uuid", json_string(instance_uuid));
        return r;
}

static int not_of_network(NovaException *e, const IpAddress *a, const DeclaredNetwork *n) {
        char text[IP_TEXT_MAX];
        int r = exception_setf(e, EXC_FIXED_IP_NOT_FOUND_FOR_NETWORK, "Fixed IP address (%s) does not exist in network (%s).",
                               ip_format(a, text), n->id);

        exception_kwarg(e, "address", json_string(text));
        exception_kwarg(e, "network_uuid", json_string(n->id));
        return r;
}

static int no_more(NovaException *e, const DeclaredNetwork *n) {
        int r = exception_setf(e, EXC_NO_MORE_FIXED_IPS, "No fixed IP addresses available for network: %s", n->id);

        exception_kwarg(e, "net", json_string(n->id));
        return r;
}

/* ---- which addresses are free ---- */

/* What of one network is leased, and what this allocation has chosen besides. */
typedef struct Taken {
        const DeclaredNetwork *network;
        VirtualInterfaceList leased;
        IpAddress *sorted;
        size_t n;
} Taken;

static void taken_done(Taken *t) {
        virtual_interface_list_done(&t->leased);
        free(t->sorted);
        *t = (Taken) {};
}

static int compare_addresses(const void *a, const void *b) {
        return ip_compare(a, b);
}

static bool taken_has(const Taken *t, const IpAddress *a) {
        return t->n > 0 && bsearch(a, t->sorted, t->n, sizeof *t->sorted, compare_addresses);
}

static int taken_read(LocalNetworks *l, const DeclaredNetwork *network, Taken *ret, NovaException *e) {
        size_t allocated = 0;
        int r;

        ret->network = network;
        r = list(l, NULL, network->id, &ret->leased, e);
        if (r < 0)
                return r;
        for (size_t n = 0; n < ret->leased.n; n++)
                for (char **a = ret->leased.items[n].addresses; a && *a; a++) {
                        if (ret->n == allocated) {
                                IpAddress *bigger = reallocarray(ret->sorted, allocated * 2 + 16, sizeof *bigger);

                                if (!bigger)
                                        return -ENOMEM;
                                ret->sorted = bigger;
                                allocated = allocated * 2 + 16;
                        }
                        if (ip_parse(*a, &ret->sorted[ret->n]) >= 0)
                                ret->n++;
                }
        if (ret->n > 0)
                if (ret->n > 0)
                        qsort(ret->sorted, ret->n, sizeof *ret->sorted, compare_addresses);
        return 0;
}

/* Takes note of one more. */
static int taken_add(Taken *t, const IpAddress *a) {
        IpAddress *bigger = reallocarray(t->sorted, t->n + 1, sizeof *bigger);

        if (!bigger)
                return -ENOMEM;
        t->sorted = bigger;
        bigger[t->n++] = *a;
        if (t->n > 0)
                qsort(bigger, t->n, sizeof *bigger, compare_addresses);
        return 0;
}

static const char *holder(const Taken *t, const IpAddress *a) {
        char text[IP_TEXT_MAX];

        (void) ip_format(a, text);
        for (size_t n = 0; n < t->leased.n; n++)
                if (virtual_interface_has_address(&t->leased.items[n], text))
                        return t->leased.items[n].instance_uuid;
        return "";
}

/* Kept from guests that did not ask for it: of the host, the gateway, the servers, and declared ports. */
static bool is_reserved(const LocalNetworks *l, const DeclaredNetwork *n, const Subnet *s, const IpAddress *a) {
        if (ip_compare(a, &s->host) == 0 || ip_compare(a, &s->gateway) == 0)
                return true;
        for (size_t i = 0; i < n->n_dns; i++)
                if (ip_compare(a, &n->dns[i]) == 0)
                        return true;
        for (size_t p = 0; p < l->table.n_ports; p++)
                for (size_t i = 0; &l->table.networks[l->table.ports[p].network] == n && i < l->table.ports[p].n_addresses; i++)
                        if (ip_compare(a, &l->table.ports[p].addresses[i]) == 0)
                                return true;
        return false;
}

/* The next free one after that leased last, around: one that was just given back rests as long as it can, for its former
 * holder's lease of DHCP and its neighbours' caches. */
static int pick(LocalNetworks *l, Taken *t, const Subnet *s, IpAddress *ret, NovaException *e) {
        size_t which = (size_t) (t->network - l->table.networks);
        IpAddress *cursor = &l->cursors[which].last[ip_version(&s->prefix.address) == 6];
        uint64_t size = ip_distance(&s->first, &s->last), begin = 0;

        if (cursor->family == s->first.family)
                begin = ip_distance(&s->first, cursor) + 1;
        for (uint64_t n = 0;; n++) {
                uint64_t at = begin + n;
                IpAddress a;

                if (at > size)
                        at = at - size - 1;
                a = ip_add(&s->first, at);
                if (!taken_has(t, &a) && !is_reserved(l, t->network, s, &a)) {
                        *cursor = *ret = a;
                        return taken_add(t, &a);
                }
                if (n == size)
                        return no_more(e, t->network);
        }
}

/* ---- what an instance gets ---- */

static int add_address(VirtualInterface *v, const IpAddress *a) {
        char text[IP_TEXT_MAX];

        return virtual_interface_add_address(v, ip_format(a, text));
}

static int new_mac(char buf[static 18]) {
        unsigned char random[3];

        if (getrandom(random, sizeof random, 0) != sizeof random)
                return -EIO;
        (void) snprintf(buf, 18, "fa:16:3e:%02x:%02x:%02x", random[0], random[1], random[2]);
        return 0;
}

/* Fills @v, which is empty, as @q asks: an address of each version, the one asked for among them. */
static int fill_interface(LocalNetworks *l, const Instance *i, const NetworkRequest *q, const DeclaredNetwork *n, Taken *t,
                          VirtualInterface *v, NovaException *e) {
        char uuid[UUID_TEXT_MAX], mac[18];
        int r;

        r = new_mac(mac);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot make a hardware address");
        v->uuid = strdup(uuid4(uuid));
        v->mac = strdup(mac);
        v->instance_uuid = strdup(i->uuid);
        v->network_id = strdup(n->id);
        v->tag = q->tag ? strdup(q->tag) : NULL;
        v->hostname = i->hostname ? strdup(i->hostname) : NULL;
        if (!v->uuid || !v->mac || !v->instance_uuid || !v->network_id || (q->tag && !v->tag) || (i->hostname && !v->hostname))
                return -ENOMEM;

        for (size_t k = 0; k < n->n_subnets; k++) {
                const Subnet *s = &n->subnets[k];
                IpAddress a;

                if (ip_is_set(&q->address) && ip_prefix_contains(&s->prefix, &q->address)) {
                        IpAddress last = ip_prefix_last(&s->prefix);

                        a = q->address;
                        if (ip_compare(&a, &s->prefix.address) == 0 || (ip_version(&a) == 4 && ip_compare(&a, &last) == 0))
                                return not_of_network(e, &a, n);
                        if (taken_has(t, &a))
                                return already_in_use(e, &a, holder(t, &a));
                        if (is_reserved(l, n, s, &a))
                                return already_in_use(e, &a, "None");
                        r = taken_add(t, &a);
                } else
                        r = pick(l, t, s, &a, e);
                if (r >= 0)
                        r = add_address(v, &a);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A port that the configuration declares. */
static int fill_port(LocalNetworks *l, const Instance *i, const NetworkRequest *q, const DeclaredPort *p, Taken *t,
                     VirtualInterface *v, NovaException *e) {
        const DeclaredNetwork *n = &l->table.networks[p->network];
        int r;

        for (size_t k = 0; k < t->leased.n; k++)
                if (strcasecmp(t->leased.items[k].uuid, p->id) == 0)
                        return port_in_use(e, p->id);

        v->uuid = strdup(p->id);
        v->mac = strdup(p->mac);
        v->instance_uuid = strdup(i->uuid);
        v->network_id = strdup(n->id);
        v->tag = q->tag ? strdup(q->tag) : NULL;
        v->hostname = i->hostname ? strdup(i->hostname) : NULL;
        v->preserve = true;
        if (!v->uuid || !v->mac || !v->instance_uuid || !v->network_id || (q->tag && !v->tag) || (i->hostname && !v->hostname))
                return -ENOMEM;

        for (size_t k = 0; k < n->n_subnets; k++) {
                const Subnet *s = &n->subnets[k];
                IpAddress a = {};

                for (size_t j = 0; j < p->n_addresses; j++)
                        if (ip_prefix_contains(&s->prefix, &p->addresses[j]))
                                a = p->addresses[j];
                if (!ip_is_set(&a))
                        r = pick(l, t, s, &a, e);
                else if (taken_has(t, &a))
                        r = already_in_use(e, &a, holder(t, &a));
                else
                        r = taken_add(t, &a);
                if (r >= 0)
                        r = add_address(v, &a);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Which network a request means; the network that has the address, when only that is said. */
static int resolve(const LocalNetworks *l, const NetworkRequest *q, const DeclaredNetwork **ret, NovaException *e) {
        const DeclaredNetwork *found = NULL;
        char text[IP_TEXT_MAX];

        if (q->network) {
                found = network_table_find(&l->table, q->network);
                if (!found)
                        return network_not_found(e, q->network);
                if (ip_is_set(&q->address) && !network_subnet_of(found, &q->address))
                        return not_of_network(e, &q->address, found);
                *ret = found;
                return 0;
        }
        for (size_t n = 0; n < l->table.n; n++) {
                if (ip_is_set(&q->address) && !network_subnet_of(&l->table.networks[n], &q->address))
                        continue;
                if (found)
                        return network_ambiguous(e);
                found = &l->table.networks[n];
        }
        if (!found)
                return network_not_found(e, ip_is_set(&q->address) ? ip_format(&q->address, text) : "None");
        *ret = found;
        return 0;
}

static Taken *taken_of(Taken *all, size_t n_all, const DeclaredNetwork *n) {
        for (size_t k = 0; k < n_all; k++)
                if (all[k].network == n)
                        return &all[k];
        return NULL;
}

/* Chooses for all requests. Called under the lock. */
static int choose(LocalNetworks *l, const Instance *i, const NetworkRequest *requests, size_t n, VirtualInterfaceList *ret,
                  NovaException *e) {
        Taken all[NETWORK_REQUESTS_MAX] = {};
        size_t n_all = 0;
        int r = 0;

        assert(n <= NETWORK_REQUESTS_MAX);

        for (size_t k = 0; r >= 0 && k < n; k++) {
                const NetworkRequest *q = &requests[k];
                const DeclaredNetwork *network = NULL;
                const DeclaredPort *port = NULL;
                VirtualInterface *v;
                Taken *t;

                if (q->port) {
                        port = network_table_find_port(&l->table, q->port);
                        if (!port) {
                                r = port_not_found(e, q->port);
                                break;
                        }
                        network = &l->table.networks[port->network];
                } else {
                        r = resolve(l, q, &network, e);
                        if (r < 0)
                                break;
                }
                t = taken_of(all, n_all, network);
                if (!t) {
                        t = &all[n_all++];
                        r = taken_read(l, network, t, e);
                        if (r < 0)
                                break;
                }
                v = virtual_interface_list_add(ret);
                if (!v)
                        r = -ENOMEM;
                else if (port)
                        r = fill_port(l, i, q, port, t, v, e);
                else
                        r = fill_interface(l, i, q, network, t, v, e);
        }
        for (size_t k = 0; k < n_all; k++)
                taken_done(&all[k]);
        return r;
}

/* Chooses and takes. A key that was taken meanwhile, be it by another program, is chosen anew. */
static int lease(LocalNetworks *l, const Instance *i, const NetworkRequest *requests, size_t n, VirtualInterfaceList *ret,
                 NovaException *e) {
        int r = -EEXIST;

        for (unsigned attempt = 0; r == -EEXIST && attempt < MAX(l->mac_attempts, 1U); attempt++) {
                _cleanup_(virtual_interface_list_done) VirtualInterfaceList chosen = {};

                pthread_mutex_lock(&l->lock);
                r = choose(l, i, requests, n, &chosen, e);
                if (r >= 0)
                        r = l->leases->ops->create(l->leases, chosen.items, chosen.n);
                pthread_mutex_unlock(&l->lock);
                if (r >= 0) {
                        atomic_fetch_add(&l->changes, 1);
                        *ret = chosen;
                        chosen = (VirtualInterfaceList) {};
                }
        }
        if (r == -EEXIST && !exception_is_set(e))
                return exception_setf(e, EXC_VIRTUAL_INTERFACE_MAC_ADDRESS, "Creation of virtual interface with unique mac address failed");
        return r < 0 ? local_networks_leases_failed(e, r) : 0;
}

/* Whether a VIF is of a network that we declare: what is said of it then is ours to say. */
static bool is_ours(const LocalNetworks *l, const json_t *vif) {
        const char *network = json_member_string(json_object_get(vif, "network"), "id");

        return network && network_table_find(&l->table, network);
}

/* Adds the VIFs to @info, as they stand. */
static int append_vifs(LocalNetworks *l, const Instance *i, const VirtualInterfaceList *vifs, json_t *info) {
        for (size_t n = 0; n < vifs->n; n++) {
                const DeclaredNetwork *network = network_table_find(&l->table, vifs->items[n].network_id);

                if (!network)
                        log_warning("Instance %s has interface %s in network %s, which is declared no more", i->uuid, vifs->items[n].uuid,
                                    vifs->items[n].network_id);
                else if (json_array_append_new(info, vif_to_json(&vifs->items[n], network, i->project_id)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Then those of the cache that are not ours to tell of: of a network that is declared no more, or of a guest that came here
 * from elsewhere. */
static int append_cached(LocalNetworks *l, const Instance *i, json_t *info) {
        json_auto_t *cache = NULL;
        json_t *vif;
        size_t n;

        if (isempty(i->network_info) || json_parse(i->network_info, strlen(i->network_info), &cache, NULL, 0) < 0)
                return 0;
        json_array_foreach(cache, n, vif)
                if (json_is_object(vif) && !is_ours(l, vif) && json_array_append(info, vif) < 0)
                        return -ENOMEM;
        return 0;
}

/* Whether @have is what @requests ask for: what they name, in their order. */
static bool satisfies(const LocalNetworks *l, const VirtualInterfaceList *have, const NetworkRequest *requests, size_t n) {
        char text[IP_TEXT_MAX];

        if (have->n != n)
                return false;
        for (size_t k = 0; k < n; k++) {
                const VirtualInterface *v = &have->items[k];
                const DeclaredNetwork *network = network_table_find(&l->table, v->network_id);
                const DeclaredNetwork *asked = requests[k].network ? network_table_find(&l->table, requests[k].network) : network;

                if (!network || network != asked || (requests[k].port ? strcasecmp(requests[k].port, v->uuid) != 0 : v->preserve))
                        return false;
                if (ip_is_set(&requests[k].address) && !virtual_interface_has_address(v, ip_format(&requests[k].address, text)))
                        return false;
        }
        return true;
}

/* Gives back one interface, or (@port NULL) all. Returns how many there were. */
static int give_back(LocalNetworks *l, const Instance *i, const char *port, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList had = {};
        int r, n;

        r = list(l, i->uuid, NULL, &had, e);
        if (r < 0)
                return r;
        n = l->leases->ops->destroy(l->leases, i->uuid, port);
        if (n < 0)
                return local_networks_leases_failed(e, n);
        for (size_t k = 0; k < had.n; k++)
                if (!port || streq(had.items[k].uuid, port))
                        local_networks_changed(l, &had.items[k], had.items[k].network_id);
        return n;
}

int local_networks_allocate(LocalNetworks *l, const Instance *i, const json_t *requested, json_t **ret, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList have = {}, got = {};
        _cleanup_(network_requests_done) NetworkRequests q = {};
        const NetworkRequest *requests, any = {};
        json_auto_t *info = NULL;
        size_t n;
        int r;

        assert(l && i && i->uuid && ret);

        r = network_requests_read(requested, &q, e);
        if (r < 0)
                return r;
        if (q.any && l->table.n > 1)
                return network_ambiguous(e);
        requests = q.any ? &any : q.items;
        n = q.any ? l->table.n : q.n;

        info = json_array();
        if (!info)
                return -ENOMEM;
        if (n == 0 && !l->leases) {
                *ret = TAKE_PTR(info);
                return 0;
        }
        r = list(l, i->uuid, NULL, &have, e);
        if (r < 0)
                return r;
        if (have.n > 0 && satisfies(l, &have, requests, n)) {
                got = have;
                have = (VirtualInterfaceList) {};
        } else {
                if (have.n > 0) {
                        r = give_back(l, i, NULL, e);
                        if (r < 0)
                                return r;
                }
                if (n > 0) {
                        r = lease(l, i, requests, n, &got, e);
                        if (r < 0)
                                return r;
                }
        }
        r = append_vifs(l, i, &got, info);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(info);
        return 0;
}

int local_networks_deallocate(LocalNetworks *l, const Instance *i, NovaException *e) {
        int r;

        assert(l && i && i->uuid);

        r = l->leases ? give_back(l, i, NULL, e) : 0;
        return r < 0 ? r : 0;
}

int local_networks_info(LocalNetworks *l, const Instance *i, json_t **ret, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList have = {};
        json_auto_t *info = json_array();
        int r;

        assert(l && i && i->uuid && ret);

        if (!info)
                return -ENOMEM;
        r = list(l, i->uuid, NULL, &have, e);
        if (r >= 0)
                r = append_vifs(l, i, &have, info);
        if (r >= 0)
                r = append_cached(l, i, info);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(info);
        return 0;
}

int local_networks_attach(LocalNetworks *l, const Instance *i, const char *network, const char *port, const char *address,
                          const char *tag, json_t **ret_vif, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList got = {};
        NetworkRequest q = { .network = (char *) network, .port = (char *) port, .tag = (char *) tag };
        json_auto_t *info = json_array();
        int r;

        assert(l && i && i->uuid && ret_vif);

        if (!info)
                return -ENOMEM;
        if (address && ip_parse(address, &q.address) < 0) {
                r = exception_setf(e, EXC_FIXED_IP_INVALID, "Fixed IP address %.60s is invalid.", address);
                exception_kwarg(e, "address", json_string(address));
                return r;
        }
        if (!network && !port && l->table.n == 0) {
                r = exception_setf(e, EXC_INTERFACE_ATTACH_FAILED_NO_NETWORK, "No specific network was requested and none are available "
                                   "for project '%s'.", strempty(i->project_id));
                exception_kwarg(e, "project_id", json_string(strempty(i->project_id)));
                return r;
        }
        if (!l->leases)
                return local_networks_leases_failed(e, -ENOTCONN);

        r = lease(l, i, &q, 1, &got, e);
        if (r >= 0)
                r = append_vifs(l, i, &got, info);
        if (r < 0)
                return r;
        *ret_vif = json_incref(json_array_get(info, 0));
        return 0;
}

int local_networks_detach(LocalNetworks *l, const Instance *i, const char *port, NovaException *e) {
        int r;

        assert(l && i && i->uuid && port);

        if (!l->leases)
                return local_networks_leases_failed(e, -ENOTCONN);
        r = give_back(l, i, port, e);
        return r == 0 ? port_not_found(e, port) : MIN(r, 0);
}

int local_networks_add_fixed_ip(LocalNetworks *l, const Instance *i, const char *network, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList have = {};
        const DeclaredNetwork *n;
        int r;

        assert(l && i && i->uuid && network);

        n = network_table_find(&l->table, network);
        if (!n)
                return network_not_found(e, network);
        r = list(l, i->uuid, n->id, &have, e);
        if (r < 0)
                return r;
        if (have.n == 0)
                return network_not_found(e, network);

        r = -EEXIST;
        for (unsigned attempt = 0; r == -EEXIST && attempt < MAX(l->mac_attempts, 1U); attempt++) {
                _cleanup_(taken_done) Taken t = {};
                char text[IP_TEXT_MAX];
                IpAddress a;

                pthread_mutex_lock(&l->lock);
                r = taken_read(l, n, &t, e);
                if (r >= 0)
                        r = pick(l, &t, &n->subnets[0], &a, e);
                if (r >= 0)
                        r = l->leases->ops->address_add(l->leases, have.items[0].uuid, ip_format(&a, text));
                pthread_mutex_unlock(&l->lock);
        }
        if (r == 0)
                return network_not_found(e, network);   /* the interface went meanwhile */
        if (r < 0)
                return local_networks_leases_failed(e, r);
        local_networks_changed(l, NULL, n->id);
        return 0;
}

int local_networks_remove_fixed_ip(LocalNetworks *l, const Instance *i, const char *address, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList have = {};
        char text[IP_TEXT_MAX];
        IpAddress a;
        int r;

        assert(l && i && i->uuid && address);

        if (ip_parse(address, &a) < 0) {
                r = exception_setf(e, EXC_FIXED_IP_INVALID, "Fixed IP address %.60s is invalid.", address);
                exception_kwarg(e, "address", json_string(address));
                return r;
        }
        r = list(l, i->uuid, NULL, &have, e);
        if (r < 0)
                return r;
        (void) ip_format(&a, text);
        for (size_t n = 0; n < have.n; n++) {
                if (!virtual_interface_has_address(&have.items[n], text))
                        continue;
                r = l->leases->ops->address_remove(l->leases, have.items[n].uuid, text);
                if (r < 0)
                        return local_networks_leases_failed(e, r);
                local_networks_changed(l, NULL, have.items[n].network_id);
                return 0;
        }
        r = exception_setf(e, EXC_FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE, "Instance %s doesn't have fixed IP '%s'.", i->uuid, text);
        exception_kwarg(e, "instance_uuid", json_string(i->uuid));
        exception_kwarg(e, "ip", json_string(text));
        return r;
}

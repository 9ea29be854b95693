/* What the local networks are on this host: for each a bridge, below it the interface, VLAN or VXLAN that joins it to others, on it
 * this host's own address, and dnsmasq. All of it is made when the first guest needs it, found as it is after a restart, and made
 * anew after a boot of the host. The bridge stays when the last guest goes: an administrator may have use for it, and what is
 * reachable by it stays so; dnsmasq does not.
 *
 * Each network has one thread at work on it at a time. */
#define LOG_LOGGER "nova.network.linux_net"
#include "network/local-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "basic/log.h"
#include "network/address.h"
#include "network/network-info.h"

/* The socket, made on first use: the daemon of a host without networks needs none. It stays. */
static int netlink(LocalNetworks *l, Netlink **ret) {
        int r = 0;

        pthread_mutex_lock(&l->host_lock);
        if (!l->netlink)
                r = netlink_new(&l->netlink);
        *ret = l->netlink;
        pthread_mutex_unlock(&l->host_lock);
        return r;
}

/* What could not be done, with the kernel's reason and what is missing. */
static int failed(NovaException *e, int r, const DeclaredNetwork *n, const char *what, const char *name) {
        const char *reason = netlink_reason();

        (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: cannot %s %s: %s%s%s%s", n->name,
                              what, name, r == -EOPNOTSUPP ? "this kernel lacks what it needs" : strerror(-r), *reason ? " (" : "", reason,
                              *reason ? ")" : "");
        return r;
}

static int lacking(NovaException *e, int r, const DeclaredNetwork *n, const char *kind, const char *name) {
        if (r != -EOPNOTSUPP)
                return failed(e, r, n, "make", name);
        (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: cannot make %s: this kernel has no "
                              "%s", n->name, name, link_kind_reason(kind));
        return r;
}

/* A bridge's hardware address of its own, the same at every boot: else it is that of the lowest port, and changes with them. */
static void bridge_mac(const DeclaredNetwork *n, char buf[static 18]) {
        const char *id = n->id;

        /* Beginning with fe, as libvirt's taps, which a bridge never chooses; from the id's last digits. */
        (void) snprintf(buf, 18, "fe:16:3e:%.2s:%.2s:%.2s", id + 30, id + 32, id + 34);
        for (char *c = buf; *c; c++)
                *c = (char) (*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
}

static int ensure_bridge(Netlink *nl, const DeclaredNetwork *n, NovaException *e) {
        char mac[18];
        LinkInfo link;
        int r;

        r = link_get(nl, n->bridge, &link);
        if (r > 0 && !streq(link.kind, "bridge")) {
                (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: %s is there, but it is "
                                      "no bridge", n->name, n->bridge);
                return -EEXIST;
        }
        if (r == 0) {
                bridge_mac(n, mac);
                r = link_add_bridge(nl, n->bridge, n->interface ? NULL : mac, 0);
                if (r >= 0 || r == -EEXIST) {
                        log_info("Bridge %s of network %s is made", n->bridge, n->name);
                        r = link_get(nl, n->bridge, &link);
                        if (r == 0)
                                r = -ENODEV;
                }
        }
        if (r < 0)
                return lacking(e, r, n, "bridge", n->bridge);
        if (n->mtu && link.mtu != n->mtu) {
                r = link_set_mtu(nl, n->bridge, n->mtu);
                if (r < 0)
                        return failed(e, r, n, "set the MTU of", n->bridge);
        }
        if (!(link.flags & IFF_UP)) {
                r = link_set_up(nl, n->bridge, true);
                if (r < 0)
                        return failed(e, r, n, "bring up", n->bridge);
        }
        return 0;
}

/* Puts what joins the network to others into the bridge. */
static int ensure_port(Netlink *nl, const DeclaredNetwork *n, const char *name, NovaException *e) {
        int r;

        if (n->mtu) {
                r = link_set_mtu(nl, name, n->mtu);
                if (r < 0)
                        return failed(e, r, n, "set the MTU of", name);
        }
        r = link_set_up(nl, name, true);
        if (r >= 0)
                r = bridge_take_interface(nl, n->bridge, name);
        if (r == -EBUSY) {
                (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: %s is in another bridge",
                                      n->name, name);
                return r;
        }
        if (r < 0)
                return failed(e, r, n, "put into the bridge", name);
        if (r > 0)
                log_info("%s is in bridge %s of network %s, with the addresses and routes it had", name, n->bridge, n->name);
        return 0;
}

/* A virtual interface below the bridge. One of that name that is something else is not touched. */
static int ensure_virtual(Netlink *nl, const DeclaredNetwork *n, char name[static IF_NAMESIZE], NovaException *e) {
        const char *kind = n->vlan ? "vlan" : "vxlan";
        LinkInfo link, parent = {};
        int r;

        (void) snprintf(name, IF_NAMESIZE, "%s%u", kind, n->vlan ? n->vlan : (unsigned) n->vxlan);
        if (n->interface) {
                r = link_get(nl, n->interface, &parent);
                if (r <= 0)
                        return failed(e, r < 0 ? r : -ENODEV, n, "find", n->interface);
                r = link_set_up(nl, n->interface, true);
                if (r < 0)
                        return failed(e, r, n, "bring up", n->interface);
        }
        r = link_get(nl, name, &link);
        if (r < 0)
                return failed(e, r, n, "look at", name);
        if (r > 0) {
                if (streq(link.kind, kind) && (n->vlan ? link.vlan == n->vlan && link.parent == parent.index : link.vxlan == (uint32_t) n->vxlan))
                        return 0;
                (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: %s is there, but it is not "
                                      "what the network declares", n->name, name);
                return -EEXIST;
        }
        r = n->vlan ? link_add_vlan(nl, name, n->interface, n->vlan) : link_add_vxlan(nl, name, (uint32_t) n->vxlan, &n->remote, n->interface);
        if (r < 0 && r != -EEXIST)
                return lacking(e, r, n, kind, name);
        log_info("%s of network %s is made", name, n->name);
        return 0;
}

static int ensure_addresses(Netlink *nl, const DeclaredNetwork *n, NovaException *e) {
        char text[IP_TEXT_MAX];
        int r;

        for (size_t i = 0; i < n->n_subnets; i++) {
                if (!ip_is_set(&n->subnets[i].host))
                        continue;
                r = address_ensure(nl, n->bridge, &n->subnets[i].host, n->subnets[i].prefix.length);
                if (r < 0)
                        return failed(e, r, n, "give the bridge the address", ip_format(&n->subnets[i].host, text));
        }
        return 0;
}

static int ensure_links(Netlink *nl, const DeclaredNetwork *n, NovaException *e) {
        char name[IF_NAMESIZE];
        int r;

        r = ensure_bridge(nl, n, e);
        if (r < 0)
                return r;
        if (n->vlan || n->vxlan >= 0) {
                r = ensure_virtual(nl, n, name, e);
                if (r >= 0)
                        r = ensure_port(nl, n, name, e);
        } else if (n->interface)
                r = ensure_port(nl, n, n->interface, e);
        if (r < 0)
                return r;
        return ensure_addresses(nl, n, e);
}

/* ---- DHCP ---- */

/* dnsmasq knows what is leased now; without any it is not needed. Under the network's lock. */
static int refresh_dhcp(LocalNetworks *l, const DeclaredNetwork *n, bool may_start, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList vifs = {};
        uint64_t *told = &l->told[n - l->table.networks], changes = atomic_load(&l->changes);
        pid_t pid;
        int r;

        if (!n->dhcp || !l->leases)
                return 0;
        /* When a thousand instances are plugged at a start it is told once. */
        if (*told == changes && dhcp_find(&l->dhcp, n->id, &pid) > 0)
                return 0;
        r = l->leases->ops->list(l->leases, NULL, n->id, &vifs);
        if (r < 0)
                return local_networks_leases_failed(e, r);
        if (vifs.n == 0)
                return dhcp_stop(&l->dhcp, n->id);
        if (!may_start && dhcp_find(&l->dhcp, n->id, &pid) <= 0)
                return 0;
        r = dhcp_update(&l->dhcp, n, &vifs, e);
        *told = r < 0 ? 0 : changes;
        return r;
}

static pthread_mutex_t *lock_of(LocalNetworks *l, const DeclaredNetwork *n) {
        return &l->locks[n - l->table.networks];
}

void local_networks_changed(LocalNetworks *l, const VirtualInterface *gone, const char *network_id) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const DeclaredNetwork *n = network_table_find(&l->table, network_id);
        int r;

        atomic_fetch_add(&l->changes, 1);
        if (!n || !n->dhcp)
                return;
        pthread_mutex_lock(lock_of(l, n));
        for (char **a = gone ? gone->addresses : NULL; a && *a; a++) {
                IpAddress ip;
                pid_t pid;

                /* Its former holder does not say so itself: that address could not be given to another before its time is over. */
                if (ip_parse(*a, &ip) >= 0 && ip_version(&ip) == 4 && dhcp_find(&l->dhcp, n->id, &pid) > 0)
                        (void) dhcp_release(n, gone->mac, &ip);
        }
        r = refresh_dhcp(l, n, false, &e);
        pthread_mutex_unlock(lock_of(l, n));
        if (r < 0)
                log_warning("dnsmasq of network %s is not told what is leased: %s", n->name, exception_is_set(&e) ? e.message : strerror(-r));
}

/* ---- VIFs ---- */

static const DeclaredNetwork *network_of(const LocalNetworks *l, const json_t *vif) {
        const char *id = json_member_string(json_object_get(vif, "network"), "id");

        return id ? network_table_find(&l->table, id) : NULL;
}

static int ensure_tap(Netlink *nl, const DeclaredNetwork *n, const char *name, NovaException *e) {
        LinkInfo link;
        int r;

        r = link_add_tap(name, (uid_t) -1);
        if (r == -EEXIST)       /* ours from before: a name like it is nobody else's */
                r = link_get(nl, name, &link) > 0 && streq(link.kind, "tun") ? 0 : -EEXIST;
        if (r == -ENOENT) {
                (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_PLUG, "Virtual interface plugin failed: network %s: cannot make tap %s: there is "
                                      "no /dev/net/tun", n->name, name);
                return r;
        }
        if (r < 0)
                return failed(e, r, n, "make tap", name);
        if (n->mtu)
                r = link_set_mtu(nl, name, n->mtu);
        if (r >= 0)
                r = link_set_master(nl, name, n->bridge);
        if (r >= 0)
                r = link_set_up(nl, name, true);
        if (r < 0) {
                r = failed(e, r, n, "put into the bridge", name);
                (void) link_delete(nl, name);
        }
        return r;
}

/* The tap of a guest that runs is put back, when its bridge was taken away under it. */
static int ensure_guest(Netlink *nl, const DeclaredNetwork *n, const char *name, NovaException *e) {
        LinkInfo link;
        int r;

        r = link_get(nl, name, &link);
        if (r <= 0 || !streq(link.kind, "tun") || link.master != 0)
                return r < 0 ? failed(e, r, n, "look at", name) : 0;
        r = link_set_master(nl, name, n->bridge);
        if (r < 0)
                return r == -ENODEV ? 0 : failed(e, r, n, "put into the bridge", name);
        log_info("Tap %s is put back into bridge %s of network %s", name, n->bridge, n->name);
        return 0;
}

int local_networks_plug(LocalNetworks *l, const Instance *i _unused_, const json_t *vif, NovaException *e) {
        const DeclaredNetwork *n = network_of(l, vif);
        const char *id = json_member_string(vif, "id");
        char device[VIF_DEVICE_MAX];
        Netlink *nl;
        int r;

        assert(l && i && vif);

        if (!n || isempty(id))
                return 0;
        r = netlink(l, &nl);
        if (r < 0)
                return failed(e, r, n, "open", "a netlink socket");

        pthread_mutex_lock(lock_of(l, n));
        r = ensure_links(nl, n, e);
        vif_device_name(id, device);
        if (r >= 0)
                r = n->vif == VIF_TAP ? ensure_tap(nl, n, device, e) : ensure_guest(nl, n, device, e);
        if (r >= 0)
                r = refresh_dhcp(l, n, true, e);
        pthread_mutex_unlock(lock_of(l, n));
        return r < 0 ? r : 0;
}

/* A tap that nobody made is no failure: also that of a bridge VIF, which the hypervisor takes with the guest, is looked for, in
 * case it was left behind. */
int local_networks_unplug(LocalNetworks *l, const Instance *i _unused_, const json_t *vif, NovaException *e) {
        const DeclaredNetwork *n = network_of(l, vif);
        const char *id = json_member_string(vif, "id");
        char device[VIF_DEVICE_MAX];
        LinkInfo link;
        Netlink *nl;
        int r;

        assert(l && i && vif);

        if (!n || isempty(id))
                return 0;
        r = netlink(l, &nl);
        if (r >= 0) {
                vif_device_name(id, device);
                r = link_get(nl, device, &link);
                if (r > 0 && streq(link.kind, "tun"))
                        r = link_delete(nl, device);
                else if (r > 0)
                        r = 0;
        }
        if (r < 0 && r != -ENODEV) {
                (void) exception_setf(e, EXC_VIRTUAL_INTERFACE_UNPLUG, "Failed to unplug virtual interface: %s of network %s: %s", id, n->name,
                                      strerror(-r));
                return r;
        }
        return 0;
}

/* ---- counters ---- */

int local_networks_counters(LocalNetworks *l, json_t **ret, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList vifs = {};
        _cleanup_free_ LinkCounters *all = NULL;
        json_auto_t *list = json_array();
        size_t n_all = 0;
        Netlink *nl;
        int r = 0;

        assert(l && ret);

        if (!list)
                return -ENOMEM;
        if (l->leases)
                r = l->leases->ops->list(l->leases, NULL, NULL, &vifs);
        if (r < 0)
                return local_networks_leases_failed(e, r);
        if (vifs.n > 0) {
                r = netlink(l, &nl);
                if (r >= 0)
                        r = link_list_counters(nl, &all, &n_all);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot read the counters of interfaces");
        }
        for (size_t i = 0; i < vifs.n; i++) {
                char device[VIF_DEVICE_MAX];

                vif_device_name(vifs.items[i].uuid, device);
                for (size_t k = 0; k < n_all; k++) {
                        const LinkCounters *c = &all[k];

                        if (!streq(c->name, device))
                                continue;
                        /* What goes out of the host's end comes in to the guest. */
                        if (json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "uuid", vifs.items[i].instance_uuid, "mac_address",
                                                                  vifs.items[i].mac, "bw_in", (json_int_t) c->tx_bytes, "bw_out",
                                                                  (json_int_t) c->rx_bytes)) < 0)
                                return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(list);
        return 0;
}

/* ---- what nobody has use for ---- */

static bool is_known(const char *const *instances, const char *uuid) {
        for (; *instances; instances++)
                if (streq(*instances, uuid))
                        return true;
        return false;
}

/* Who is not in the list may have come since it was made: asked for by name once more before it is taken for gone. */
static int release_orphans(LocalNetworks *l, const VirtualInterfaceList *vifs, const char *const *instances, InstanceExists exists,
                           void *userdata, NovaException *e) {
        int r, n = 0;

        for (size_t i = 0; i < vifs->n; i++) {
                const VirtualInterface *v = &vifs->items[i];

                if (is_known(instances, v->instance_uuid) || exists(v->instance_uuid, userdata) != 0)
                        continue;
                log_warning("Interface %s (%s, %s) is leased to instance %s, which is gone: it is given back", v->uuid, v->mac,
                            v->addresses && *v->addresses ? *v->addresses : "no address", v->instance_uuid);
                r = l->leases->ops->destroy(l->leases, v->instance_uuid, v->uuid);
                if (r < 0)
                        return local_networks_leases_failed(e, r);
                local_networks_changed(l, v, v->network_id);
                n++;
        }
        return n;
}

/* Taps of ours are ports of our bridges, called by an interface's uuid. */
static bool is_our_tap(const LocalNetworks *l, const LinkInfo *links, size_t n_links, const LinkInfo *tap) {
        if (!streq(tap->kind, "tun") || strlen(tap->name) != 14 || !startswith(tap->name, "tap") || tap->name[11] != '-')
                return false;
        for (size_t i = 0; i < n_links; i++)
                for (size_t k = 0; links[i].index == tap->master && k < l->table.n; k++)
                        if (streq(links[i].name, l->table.networks[k].bridge))
                                return true;
        return false;
}

static int remove_taps(LocalNetworks *l, const VirtualInterfaceList *vifs, NovaException *e) {
        _cleanup_free_ LinkInfo *links = NULL;
        size_t n_links = 0;
        Netlink *nl;
        int r, n = 0;

        r = netlink(l, &nl);
        if (r >= 0)
                r = link_list(nl, &links, &n_links);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the interfaces of this host");
        for (size_t i = 0; i < n_links; i++) {
                bool leased = false;

                if (!is_our_tap(l, links, n_links, &links[i]))
                        continue;
                for (size_t k = 0; k < vifs->n && !leased; k++) {
                        char device[VIF_DEVICE_MAX];

                        vif_device_name(vifs->items[k].uuid, device);
                        leased = streq(device, links[i].name);
                }
                /* One that somebody has open is a guest's, though we know none: it is not ours to end. */
                if (leased)
                        continue;
                if (links[i].flags & IFF_RUNNING) {
                        log_warning("Tap %s is of no instance, but something has it open: it is left alone", links[i].name);
                        continue;
                }
                log_warning("Tap %s is of no instance: it is removed", links[i].name);
                if (link_delete(nl, links[i].name) >= 0)
                        n++;
        }
        return n;
}

int local_networks_sweep(LocalNetworks *l, const char *const *instances, InstanceExists exists, void *userdata, NovaException *e) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList before = {}, after = {};
        _cleanup_(strv_freep) char **served = NULL;
        int r, n;

        assert(l && instances && exists);

        if (!l->leases)
                return 0;
        r = l->leases->ops->list(l->leases, NULL, NULL, &before);
        if (r < 0)
                return local_networks_leases_failed(e, r);
        n = r = release_orphans(l, &before, instances, exists, userdata, e);
        if (r < 0)
                return r;
        /* Networks that are declared no more. */
        if (dhcp_list(&l->dhcp, &served) >= 0)
                for (char **id = served; *id; id++)
                        if (!network_table_find(&l->table, *id) && dhcp_stop(&l->dhcp, *id) > 0)
                                n++;
        if (l->table.n == 0)
                return n;
        r = l->leases->ops->list(l->leases, NULL, NULL, &after);
        if (r < 0)
                return local_networks_leases_failed(e, r);
        r = remove_taps(l, &after, e);
        return r < 0 ? r : n + r;
}

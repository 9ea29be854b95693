/* The local networks on a real kernel with a real dnsmasq: bridges, taps and DHCP in network namespaces of the test's own. Leases
 * are in memory here; a client made of a raw socket asks for an address as a guest does. */
#include "namespace.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/id.h"
#include "basic/json.h"
#include "network/api.h"
#include "network/dhcp.h"

#define INSTANCE "6f9e2a10-0000-4000-8000-000000000001"
#define OTHER "6f9e2a10-0000-4000-8000-000000000002"
#define NETWORK "6f9e2a10-0000-4000-8000-0000000000cc"

/* ---- leases in memory ---- */

typedef struct MemoryLeases {
        Leases leases;
        VirtualInterfaceList vifs;
} MemoryLeases;

static int copy_vif(const VirtualInterface *v, VirtualInterfaceList *l) {
        VirtualInterface *to = virtual_interface_list_add(l);

        assert_non_null(to);
        *to = (VirtualInterface) { .uuid = strdup(v->uuid), .mac = strdup(v->mac), .instance_uuid = strdup(v->instance_uuid),
                                   .network_id = strdup(v->network_id), .hostname = v->hostname ? strdup(v->hostname) : NULL };
        for (char **a = v->addresses; a && *a; a++)
                assert_int_equal(virtual_interface_add_address(to, *a), 0);
        return 0;
}

static int memory_create(Leases *l, const VirtualInterface *vifs, size_t n) {
        for (size_t i = 0; i < n; i++)
                (void) copy_vif(&vifs[i], &CONTAINER_OF(l, MemoryLeases, leases)->vifs);
        return 0;
}

static int memory_list(Leases *l, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret) {
        VirtualInterfaceList *all = &CONTAINER_OF(l, MemoryLeases, leases)->vifs, found = {};

        for (size_t i = 0; i < all->n; i++)
                if ((!instance_uuid || streq(all->items[i].instance_uuid, instance_uuid)) &&
                    (!network_id || streq(all->items[i].network_id, network_id)))
                        (void) copy_vif(&all->items[i], &found);
        *ret = found;
        return 0;
}

static int memory_destroy(Leases *l, const char *instance_uuid, const char *uuid) {
        VirtualInterfaceList *all = &CONTAINER_OF(l, MemoryLeases, leases)->vifs;
        int n = 0;

        for (size_t i = 0; i < all->n;) {
                if (!streq(all->items[i].instance_uuid, instance_uuid) || (uuid && !streq(all->items[i].uuid, uuid))) {
                        i++;
                        continue;
                }
                virtual_interface_done(&all->items[i]);
                all->items[i] = all->items[--all->n];
                n++;
        }
        return n;
}

static const LeasesOps memory_ops = { .create = memory_create, .list = memory_list, .destroy = memory_destroy };

typedef struct Host {
        Netlink *n;
        char dir[64];
        Config *config;
        MemoryLeases leases;
        NetworkApi *api;
        DhcpSettings dhcp;
} Host;

static int setup(void **state) {
        Host *h = calloc(1, sizeof *h);

        if (namespace_enter() < 0) {
                free(h);
                return 0;
        }
        assert_int_equal(netlink_new(&h->n), 0);
        assert_int_equal(link_set_up(h->n, "lo", true), 0);
        strcpy(h->dir, "/tmp/test-local-host-XXXXXX");
        assert_non_null(mkdtemp(h->dir));
        /* dnsmasq of root becomes nobody, who reads the hosts again. */
        assert_int_equal(chmod(h->dir, 0711), 0);
        h->leases.leases.ops = &memory_ops;
        *state = h;
        return 0;
}

/* @network: the value of the option. */
static void configure(Host *h, const char *network) {
        _cleanup_free_ char *path = NULL, *option = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *assignments[4] = {};
        ConfigError error;

        assert_true(asprintf(&path, "networks_path=%s/networks", h->dir) > 0);
        assert_true(asprintf(&option, "network=%s", network) > 0);
        assignments[0] = path;
        assignments[1] = option;
        network_api_free(TAKE_PTR(h->api));
        dhcp_settings_done(&h->dhcp);
        config_unref(TAKE_PTR(h->config));
        if (config_new_for_test(&h->config, assignments, &error) < 0)
                fail_msg("%s", error.text);
        if (network_api_new(&h->api, h->config, NULL, &e) < 0)
                fail_msg("%s", e.message);
        network_api_set_leases(h->api, &h->leases.leases);
        assert_int_equal(dhcp_settings_read(&h->dhcp, h->config, NULL), 0);
}

static int teardown(void **state) {
        _cleanup_free_ char *command = NULL;
        Host *h = *state;

        if (!h)
                return 0;
        if (h->config) {
                (void) dhcp_stop(&h->dhcp, NETWORK);
                network_api_free(h->api);
                dhcp_settings_done(&h->dhcp);
                config_unref(h->config);
        }
        virtual_interface_list_done(&h->leases.vifs);
        netlink_free(h->n);
        assert_true(asprintf(&command, "rm -rf %s", h->dir) > 0);
        assert_int_equal(system(command), 0);
        free(h);
        return 0;
}

static Host *host_or_skip(void **state) {
        if (!*state) {
                print_message("skipped: no network namespace can be made here\n");
                skip();
        }
        return *state;
}

static Instance instance(const char *uuid) {
        return (Instance) { .uuid = (char *) uuid, .hostname = (char *) "guest", .project_id = (char *) "p1" };
}

static json_t *allocate(Host *h, const char *uuid) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = instance(uuid);
        json_t *info = NULL;

        if (network_api_allocate_for_instance(h->api, NULL, &i, false, NULL, &info, &e) < 0)
                fail_msg("allocate: %s", e.message);
        return info;
}

static void plug(Host *h, const char *uuid, const json_t *info) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = instance(uuid);

        if (network_api_plug_all(h->api, &i, info, &e) < 0)
                fail_msg("plug: %s", e.message);
}

static bool exists(Host *h, const char *name) {
        LinkInfo l;

        return link_get(h->n, name, &l) == 1;
}

static void needs_dnsmasq(void) {
        if (access("/usr/sbin/dnsmasq", X_OK) < 0 && access("/usr/bin/dnsmasq", X_OK) < 0) {
                print_message("skipped: dnsmasq is not installed\n");
                skip();
        }
}

/* ---- bridges and taps ---- */

static void plugging_makes_the_bridge_and_its_address_once(void **state) {
        Host *h = host_or_skip(state);
        json_auto_t *info = NULL;
        LinkAddress *addresses = NULL;
        char text[IP_TEXT_MAX];
        size_t n;
        LinkInfo bridge;

        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,gateway=10.1.0.1,bridge=br-private,mtu=1400");
        info = allocate(h, INSTANCE);
        assert_false(exists(h, "br-private"));
        for (unsigned round = 0; round < 2; round++) {
                plug(h, INSTANCE, info);
                assert_int_equal(link_get(h->n, "br-private", &bridge), 1);
                assert_true(bridge.flags & IFF_UP);
                assert_int_equal(bridge.mtu, 1400);
                assert_string_equal(bridge.mac, "fe:16:3e:00:00:cc");
                assert_int_equal(address_list(h->n, "br-private", &addresses, &n), 0);
                assert_string_equal(ip_prefix_format(&addresses[0].prefix, text), "10.1.0.1/24");
                free(TAKE_PTR(addresses));
        }
        /* What the hypervisor left behind goes with the VIF. */
        {
                Instance i = instance(INSTANCE);
                const char *device = json_member_string(json_array_get(info, 0), "devname");
                int r = link_add_tap(device, (uid_t) -1);

                if (r >= 0) {
                        assert_int_equal(network_api_unplug_all(h->api, &i, info, NULL), 0);
                        assert_false(exists(h, device));
                }
                assert_int_equal(network_api_unplug_all(h->api, &i, info, NULL), 0);
        }
        assert_true(exists(h, "br-private"));
}

static void taps_are_made_for_who_asks_and_taken_away(void **state) {
        Host *h = host_or_skip(state);
        Instance i = instance(INSTANCE);
        json_auto_t *info = NULL;
        const char *device;
        LinkInfo tap, bridge;

        if (access("/dev/net/tun", R_OK | W_OK) < 0) {
                print_message("skipped: /dev/net/tun: %s\n", strerror(errno));
                skip();
        }
        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,bridge=br-private,vif=tap");
        info = allocate(h, INSTANCE);
        assert_string_equal(json_member_string(json_array_get(info, 0), "type"), "tap");
        assert_true(json_member_boolean(json_object_get(json_array_get(info, 0), "details"), "unmanaged_tap", false));
        device = json_member_string(json_array_get(info, 0), "devname");
        plug(h, INSTANCE, info);
        plug(h, INSTANCE, info);
        assert_int_equal(link_get(h->n, device, &tap), 1);
        assert_int_equal(link_get(h->n, "br-private", &bridge), 1);
        assert_int_equal(tap.master, bridge.index);
        assert_true(tap.flags & IFF_UP);
        assert_int_equal(network_api_unplug_all(h->api, &i, info, NULL), 0);
        assert_false(exists(h, device));
}

static void an_interface_of_the_host_is_joined_to_the_network(void **state) {
        Host *h = host_or_skip(state);
        const IpAddress own = { .family = AF_INET, .bytes = { 10, 1, 0, 9 } };
        json_auto_t *info = NULL;
        LinkAddress *addresses = NULL;
        char text[IP_TEXT_MAX];
        LinkInfo eth, bridge;
        size_t n;

        assert_int_equal(link_add_veth(h->n, "eth0", "outside"), 0);
        assert_int_equal(link_set_up(h->n, "eth0", true), 0);
        assert_int_equal(address_ensure(h->n, "eth0", &own, 24), 0);
        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,gateway=10.1.0.1,interface=eth0,bridge=br-ex");
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        plug(h, INSTANCE, info);
        assert_int_equal(link_get(h->n, "eth0", &eth), 1);
        assert_int_equal(link_get(h->n, "br-ex", &bridge), 1);
        assert_int_equal(eth.master, bridge.index);
        assert_int_equal(address_list(h->n, "br-ex", &addresses, &n), 0);
        assert_string_equal(ip_prefix_format(&addresses[0].prefix, text), "10.1.0.9/24");
        free(addresses);
}

static void a_vxlan_joins_the_network_to_its_peer(void **state) {
        Host *h = host_or_skip(state);
        json_auto_t *info = NULL;
        LinkInfo vxlan, bridge;
        const IpAddress peer = { .family = AF_INET, .bytes = { 192, 0, 2, 1 } };
        int r = link_add_vxlan(h->n, "probe", 1, &peer, NULL);

        if (r == -EOPNOTSUPP) {
                print_message("skipped: this kernel has no %s\n", link_kind_reason("vxlan"));
                skip();
        }
        assert_int_equal(r, 0);
        assert_int_equal(link_delete(h->n, "probe"), 0);
        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,vxlan=77,remote=192.0.2.1,bridge=br-vx,mtu=1450");
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        plug(h, INSTANCE, info);
        assert_int_equal(link_get(h->n, "vxlan77", &vxlan), 1);
        assert_int_equal(link_get(h->n, "br-vx", &bridge), 1);
        assert_int_equal(vxlan.master, bridge.index);
        assert_int_equal(vxlan.mtu, 1450);
}

static void refused(Host *h, const char *network, const char *message) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Instance i = instance(INSTANCE);
        json_auto_t *info = NULL;

        configure(h, network);
        info = allocate(h, INSTANCE);
        assert_true(network_api_plug_all(h->api, &i, info, &e) < 0);
        assert_string_equal(e.class_name, "VirtualInterfacePlugException");
        if (!strstr(e.message, message))
                fail_msg("%s", e.message);
}

static void what_cannot_be_plugged_says_why(void **state) {
        Host *h = host_or_skip(state);

        assert_int_equal(link_add_veth(h->n, "eth0", "outside"), 0);
        refused(h, "name=a,id=" NETWORK ",cidr=10.1.0.0/24,bridge=eth0", "network a: eth0 is there, but it is no bridge");
        refused(h, "name=a,id=" NETWORK ",cidr=10.1.0.0/24,interface=eth7,bridge=br-a", "eth7: No such device");
        assert_int_equal(link_add_bridge(h->n, "br-b", NULL, 0), 0);
        assert_int_equal(link_set_master(h->n, "eth0", "br-b"), 0);
        refused(h, "name=a,id=" NETWORK ",cidr=10.1.0.0/24,interface=eth0,bridge=br-a", "eth0 is in another bridge");
        assert_int_equal(link_add_bridge(h->n, "vlan7", NULL, 0), 0);
        refused(h, "name=a,id=" NETWORK ",cidr=10.1.0.0/24,interface=outside,vlan=7,bridge=br-a", "vlan7 is there, but it is not what");
        assert_int_equal(link_delete(h->n, "vlan7"), 0);
        if (link_add_vlan(h->n, "probe", "outside", 7) == -EOPNOTSUPP)
                refused(h, "name=a,id=" NETWORK ",cidr=10.1.0.0/24,interface=outside,vlan=7,bridge=br-a",
                        "cannot make vlan7: this kernel has no VLAN devices (CONFIG_VLAN_8021Q, module 8021q)");
}

/* ---- DHCP ---- */

/* A guest: one end of a pair is in the bridge, at the other a raw socket speaks with its hardware address. */
typedef struct Guest {
        int fd;
        int index;
        unsigned char mac[6];
} Guest;

static void guest_begin(Host *h, Guest *g, const char *bridge, const char *mac) {
        struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
        unsigned b[6];
        LinkInfo l;

        if (!exists(h, "guest0")) {
                assert_int_equal(link_add_veth(h->n, "port0", "guest0"), 0);
                assert_int_equal(link_set_master(h->n, "port0", bridge), 0);
                assert_int_equal(link_set_up(h->n, "port0", true), 0);
                assert_int_equal(link_set_up(h->n, "guest0", true), 0);
        }
        assert_int_equal(link_get(h->n, "guest0", &l), 1);
        g->index = a.sll_ifindex = l.index;
        g->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
        assert_true(g->fd >= 0);
        assert_int_equal(bind(g->fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(setsockopt(g->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                                    &(struct packet_mreq) { .mr_ifindex = l.index, .mr_type = PACKET_MR_PROMISC },
                                    sizeof(struct packet_mreq)), 0);
        assert_int_equal(sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]), 6);
        for (size_t i = 0; i < 6; i++)
                g->mac[i] = (unsigned char) b[i];
}

static uint16_t checksum(const void *data, size_t size) {
        const unsigned char *p = data;
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < size; i += 2)
                sum += (uint32_t) (p[i] << 8 | p[i + 1]);
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

typedef struct __attribute__((packed)) Frame {
        struct ether_header ethernet;
        struct iphdr ip;
        struct udphdr udp;
        unsigned char bootp[236];
        unsigned char cookie[4];
        unsigned char options[312];
} Frame;

/* Sends a message of that type, with the address asked for (or 0). */
static void guest_send(const Guest *g, unsigned char type, const unsigned char address[4], const unsigned char server[4]) {
        Frame f = {};
        unsigned char *o = f.options;

        memset(f.ethernet.ether_dhost, 0xff, 6);
        memcpy(f.ethernet.ether_shost, g->mac, 6);
        f.ethernet.ether_type = htons(ETHERTYPE_IP);
        f.ip = (struct iphdr) { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = INADDR_BROADCAST,
                                .tot_len = htons(sizeof f - sizeof f.ethernet) };
        f.ip.check = checksum(&f.ip, sizeof f.ip);
        f.udp.source = htons(68);
        f.udp.dest = htons(67);
        f.udp.len = htons(sizeof f - sizeof f.ethernet - sizeof f.ip);
        f.bootp[0] = 1;
        f.bootp[1] = 1;
        f.bootp[2] = 6;
        memcpy(f.bootp + 4, "test", 4);
        f.bootp[10] = 0x80;             /* answer to all */
        memcpy(f.bootp + 28, g->mac, 6);
        memcpy(f.cookie, (unsigned char[]) { 99, 130, 83, 99 }, 4);
        *o++ = 53, *o++ = 1, *o++ = type;
        if (address) {
                *o++ = 50, *o++ = 4;
                o = (unsigned char *) memcpy(o, address, 4) + 4;
                *o++ = 54, *o++ = 4;
                o = (unsigned char *) memcpy(o, server, 4) + 4;
        }
        *o++ = 55, *o++ = 5, *o++ = 1, *o++ = 3, *o++ = 6, *o++ = 12, *o++ = 26;
        *o = 255;
        assert_int_equal(send(g->fd, &f, sizeof f, 0), sizeof f);
}

/* A socket that hears what comes by the interface. */
static int listen_on(Host *h, const char *name) {
        struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
        const struct timeval wait = { .tv_sec = 10 };
        LinkInfo l;
        int fd;

        assert_int_equal(link_set_up(h->n, name, true), 0);
        assert_int_equal(link_get(h->n, name, &l), 1);
        a.sll_ifindex = l.index;
        fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        return fd;
}

/* The guest's frames go out with the network's tag, and with no other. */
static void a_vlan_joins_the_network_to_those_of_its_number(void **state) {
        Host *h = host_or_skip(state);
        unsigned char frame[2048];
        json_auto_t *info = NULL;
        LinkInfo vlan, bridge;
        Guest g = {};
        int r, seven, eight;

        assert_int_equal(link_add_veth(h->n, "eth0", "outside"), 0);
        assert_int_equal(link_set_up(h->n, "outside", true), 0);
        r = link_add_vlan(h->n, "outside.7", "outside", 7);
        if (r == -EOPNOTSUPP) {
                print_message("skipped: this kernel has no %s\n", link_kind_reason("vlan"));
                skip();
        }
        assert_int_equal(r, 0);
        assert_int_equal(link_add_vlan(h->n, "outside.8", "outside", 8), 0);
        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,interface=eth0,vlan=7,bridge=br-v");
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        plug(h, INSTANCE, info);
        assert_int_equal(link_get(h->n, "vlan7", &vlan), 1);
        assert_int_equal(link_get(h->n, "br-v", &bridge), 1);
        assert_int_equal(vlan.vlan, 7);
        assert_int_equal(vlan.master, bridge.index);

        guest_begin(h, &g, "br-v", "fa:16:3e:00:00:07");
        seven = listen_on(h, "outside.7");
        eight = listen_on(h, "outside.8");
        guest_send(&g, 1, NULL, NULL);
        do
                assert_true(recv(seven, frame, sizeof frame, 0) >= ETH_HLEN);
        while (memcmp(frame + 6, g.mac, 6) != 0);
        while (recv(eight, frame, sizeof frame, MSG_DONTWAIT) > 0)
                assert_memory_not_equal(frame + 6, g.mac, 6);
        (void) close(seven);
        (void) close(eight);
        (void) close(g.fd);
}

typedef struct Answer {
        unsigned char type;
        unsigned char address[4], server[4], mask[4], router[4], dns[4];
        char hostname[64];
        unsigned mtu;
} Answer;

/* 1 with the answer, or 0 when none came until @until. */
static int guest_receive(const Guest *g, usec_t until, Answer *ret) {
        for (;;) {
                struct pollfd p = { .fd = g->fd, .events = POLLIN };
                usec_t now = now_monotonic();
                unsigned char data[2048];
                const Frame *f = (const Frame *) (const void *) data;
                const unsigned char *o;
                Answer a = {};
                ssize_t n;

                if (now >= until || poll(&p, 1, (int) ((until - now) / USEC_PER_MSEC) + 1) == 0)
                        return 0;
                n = recv(g->fd, data, sizeof data, 0);
                if (n < (ssize_t) offsetof(Frame, options) + 3 || f->ip.protocol != IPPROTO_UDP || f->udp.dest != htons(68) ||
                    f->bootp[0] != 2 || memcmp(f->bootp + 28, g->mac, 6) != 0)
                        continue;
                memcpy(a.address, f->bootp + 16, 4);
                for (o = f->options; o + 1 < data + n && *o != 255; o += *o == 0 ? 1 : 2 + o[1]) {
                        if (*o == 53)
                                a.type = o[2];
                        else if (*o == 54)
                                memcpy(a.server, o + 2, 4);
                        else if (*o == 1)
                                memcpy(a.mask, o + 2, 4);
                        else if (*o == 3)
                                memcpy(a.router, o + 2, 4);
                        else if (*o == 6)
                                memcpy(a.dns, o + 2, 4);
                        else if (*o == 26)
                                a.mtu = (unsigned) (o[2] << 8 | o[3]);
                        else if (*o == 12)
                                (void) snprintf(a.hostname, sizeof a.hostname, "%.*s", o[1], (const char *) o + 2);
                }
                *ret = a;
                return 1;
        }
}

/* Asks again every half second, as clients do, until it is answered. */
static int guest_ask(const Guest *g, unsigned char type, const unsigned char address[4], const unsigned char server[4], unsigned tries,
                     Answer *ret) {
        for (unsigned n = 0; n < tries; n++) {
                guest_send(g, type, address, server);
                if (guest_receive(g, now_monotonic() + USEC_PER_SEC / 2, ret))
                        return 1;
        }
        return 0;
}

static pid_t dnsmasq_pid(Host *h) {
        pid_t pid = 0;

        return dhcp_find(&h->dhcp, NETWORK, &pid) == 1 ? pid : 0;
}

#define PRIVATE "name=private,id=" NETWORK ",cidr=10.1.0.0/24,dhcp=yes,bridge=br-private,dns=192.0.2.53,mtu=1400"

static void guest_gets(Host *h, const char *mac, const char *expected) {
        Answer offer = {}, ack = {};
        char text[INET_ADDRSTRLEN];
        Guest g;

        guest_begin(h, &g, "br-private", mac);
        if (!guest_ask(&g, 1, NULL, NULL, 20, &offer))
                fail_msg("nobody answers %s", mac);
        assert_int_equal(offer.type, 2);
        if (!guest_ask(&g, 3, offer.address, offer.server, 20, &ack))
                fail_msg("nobody answers the request of %s", mac);
        assert_int_equal(ack.type, 5);
        assert_string_equal(inet_ntop(AF_INET, ack.address, text, sizeof text), expected);
        assert_string_equal(inet_ntop(AF_INET, ack.router, text, sizeof text), "10.1.0.1");
        assert_string_equal(inet_ntop(AF_INET, ack.server, text, sizeof text), "10.1.0.1");
        assert_string_equal(inet_ntop(AF_INET, ack.dns, text, sizeof text), "192.0.2.53");
        assert_string_equal(inet_ntop(AF_INET, ack.mask, text, sizeof text), "255.255.255.0");
        assert_string_equal(ack.hostname, "guest");
        assert_int_equal(ack.mtu, 1400);
        (void) close(g.fd);
}

static const char *mac_of(const json_t *info) {
        return json_member_string(json_array_get(info, 0), "address");
}

static void a_guest_asks_and_gets_what_is_leased_to_it(void **state) {
        Host *h = host_or_skip(state);
        json_auto_t *info = NULL, *other = NULL;
        Instance i = instance(INSTANCE), k = instance(OTHER);
        Answer a;
        Guest g;
        pid_t pid;

        needs_dnsmasq();
        configure(h, PRIVATE);
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        pid = dnsmasq_pid(h);
        assert_true(pid > 0);
        guest_gets(h, mac_of(info), "10.1.0.2");

        /* Who has no lease gets no answer. */
        guest_begin(h, &g, "br-private", "fa:16:3e:ff:ff:ff");
        assert_int_equal(guest_ask(&g, 1, NULL, NULL, 2, &a), 0);
        (void) close(g.fd);

        /* Another one comes: the same process is told. */
        other = allocate(h, OTHER);
        plug(h, OTHER, other);
        assert_int_equal(dnsmasq_pid(h), pid);
        guest_gets(h, mac_of(other), "10.1.0.3");

        /* The first goes: what it had can be given to the next at once, though its time is not over. */
        assert_int_equal(network_api_deallocate_for_instance(h->api, NULL, &i, NULL), 0);
        assert_int_equal(dnsmasq_pid(h), pid);
        {
                json_auto_t *again = NULL, *asked = json_pack("[[s, s]]", "private", "10.1.0.2");

                assert_int_equal(network_api_allocate_for_instance(h->api, NULL, &i, false, asked, &again, NULL), 0);
                plug(h, INSTANCE, again);
                assert_string_not_equal(mac_of(again), mac_of(info));
                guest_gets(h, mac_of(again), "10.1.0.2");
        }

        /* The last one goes, and with it dnsmasq and its files. */
        assert_int_equal(network_api_deallocate_for_instance(h->api, NULL, &i, NULL), 0);
        assert_int_equal(network_api_deallocate_for_instance(h->api, NULL, &k, NULL), 0);
        assert_int_equal(dnsmasq_pid(h), 0);
        {
                _cleanup_(strv_freep) char **left = NULL;

                assert_int_equal(dhcp_list(&h->dhcp, &left), 0);
                assert_null(left[0]);
        }
}

static void a_daemon_that_starts_anew_goes_on_with_the_dnsmasq_there_is(void **state) {
        Host *h = host_or_skip(state);
        _cleanup_free_ char *path = NULL;
        json_auto_t *info = NULL;
        pid_t pid, next;
        FILE *f;

        needs_dnsmasq();
        configure(h, PRIVATE);
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        pid = dnsmasq_pid(h);

        configure(h, PRIVATE);
        plug(h, INSTANCE, info);
        assert_int_equal(dnsmasq_pid(h), pid);

        /* Its file is gone, or names a process that is none of ours: it is found even so, and that other one left alone. */
        assert_true(asprintf(&path, "%s/networks/" NETWORK ".pid", h->dir) > 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(dnsmasq_pid(h), pid);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f, "%d\n", (int) getpid());
        (void) fclose(f);
        assert_int_equal(dnsmasq_pid(h), pid);

        /* Another configuration: another process. */
        configure(h, PRIVATE ",gateway=10.1.0.1,dns=192.0.2.54");
        plug(h, INSTANCE, info);
        next = dnsmasq_pid(h);
        assert_true(next > 0 && next != pid);

        /* It was killed: the next plug starts one. */
        assert_int_equal(kill(next, SIGKILL), 0);
        for (usec_t until = now_monotonic() + 10 * USEC_PER_SEC; dnsmasq_pid(h) == next && now_monotonic() < until;)
                (void) poll(NULL, 0, 10);
        plug(h, INSTANCE, info);
        assert_true(dnsmasq_pid(h) > 0 && dnsmasq_pid(h) != next);
}

static void dnsmasq_takes_networks_of_both_versions(void **state) {
        Host *h = host_or_skip(state);
        json_auto_t *info = NULL;

        needs_dnsmasq();
        configure(h, PRIVATE ",cidr=fd00:1::/64,gateway=fd00:1::1,dns=2001:db8::53,range=10.1.0.100-10.1.0.200");
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        assert_true(dnsmasq_pid(h) > 0);
        guest_gets(h, mac_of(info), "10.1.0.100");
}

/* A real machine, emulated: its card's firmware asks by DHCP for what to boot, over the tap that was made for it. */
static void a_real_machine_gets_its_lease_over_its_tap(void **state) {
        Host *h = host_or_skip(state);
        _cleanup_free_ char *leases = NULL, *netdev = NULL, *device = NULL, *want = NULL;
        json_auto_t *info = NULL;
        bool leased = false;
        char text[512] = "";
        int status;
        pid_t pid;

        needs_dnsmasq();
        if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0) {
                print_message("skipped: it needs qemu-system-x86_64 and /dev/net/tun\n");
                skip();
        }
        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,dhcp=yes,bridge=br-private,vif=tap");
        info = allocate(h, INSTANCE);
        plug(h, INSTANCE, info);
        assert_true(asprintf(&leases, "%s/networks/" NETWORK ".leases", h->dir) > 0);
        assert_true(asprintf(&netdev, "tap,id=n,ifname=%s,script=no,downscript=no,vnet_hdr=on",
                             json_member_string(json_array_get(info, 0), "devname")) > 0);
        assert_true(asprintf(&device, "virtio-net-pci,netdev=n,mac=%s", mac_of(info)) > 0);
        assert_true(asprintf(&want, "%s 10.1.0.2 ", mac_of(info)) > 0);

        pid = fork();
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                execl("/usr/bin/qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "pc,accel=tcg",
                      "-m", "64", "-boot", "n", "-netdev", netdev, "-device", device, (char *) NULL);
                _exit(127);
        }
        assert_true(pid > 0);
        for (usec_t until = now_monotonic() + 120 * USEC_PER_SEC; !leased && now_monotonic() < until && waitpid(pid, &status, WNOHANG) == 0;) {
                FILE *f = fopen(leases, "re");

                while (f && !leased && fgets(text, sizeof text, f))
                        leased = strstr(text, want);
                if (f)
                        (void) fclose(f);
                (void) poll(NULL, 0, 50);
        }
        if (leased) {
                json_auto_t *counters = NULL;

                assert_int_equal(network_api_get_all_bw_usage(h->api, &counters, NULL), 0);
                assert_true(json_member_integer(json_array_get(counters, 0), "bw_out", 0) > 300);
                assert_true(json_member_integer(json_array_get(counters, 0), "bw_in", 0) > 300);
        }
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);
        assert_true(leased);
}

static void what_dnsmasq_has_against_it_is_told(void **state) {
        Host *h = host_or_skip(state);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        VirtualInterfaceList none = {};
        _cleanup_(network_table_done) NetworkTable t = {};
        int r;

        configure(h, PRIVATE);
        assert_int_equal(network_table_read(&t, h->config, NULL), 0);
        /* The bridge is not there: dnsmasq says so, and its words are ours. */
        needs_dnsmasq();
        r = dhcp_update(&h->dhcp, &t.networks[0], &none, &e);
        assert_int_equal(r, -EIO);
        assert_non_null(strstr(e.message, "dnsmasq for network private ended with"));
        assert_non_null(strstr(e.message, "br-private"));
}

/* ---- what is left over ---- */

static int known(const char *uuid, void *userdata) {
        return streq(uuid, userdata);
}

static void what_belongs_to_no_instance_is_taken_away(void **state) {
        Host *h = host_or_skip(state);
        json_auto_t *info = NULL, *other = NULL, *counters = NULL;
        const char *nobody[] = { NULL };
        const char *mine, *stale;
        int taps;

        configure(h, "name=private,id=" NETWORK ",cidr=10.1.0.0/24,bridge=br-private");
        info = allocate(h, INSTANCE);
        other = allocate(h, OTHER);
        plug(h, INSTANCE, info);
        mine = json_member_string(json_array_get(info, 0), "devname");
        stale = json_member_string(json_array_get(other, 0), "devname");
        taps = link_add_tap(mine, (uid_t) -1) >= 0;
        if (taps) {
                assert_int_equal(link_set_master(h->n, mine, "br-private"), 0);
                assert_int_equal(link_add_tap(stale, (uid_t) -1), 0);
                assert_int_equal(link_set_master(h->n, stale, "br-private"), 0);
                assert_int_equal(link_add_tap("tap-of-another", (uid_t) -1), 0);
                assert_int_equal(link_set_master(h->n, "tap-of-another", "br-private"), 0);
                assert_int_equal(network_api_get_all_bw_usage(h->api, &counters, NULL), 0);
                assert_int_equal(json_array_size(counters), 2);
                assert_string_equal(json_member_string(json_array_get(counters, 0), "uuid"), INSTANCE);
        }
        /* The list knows none, but asked by name the first is there. */
        assert_int_equal(network_api_sweep(h->api, nobody, known, (void *) INSTANCE, NULL), 1 + taps);
        assert_int_equal(h->leases.vifs.n, 1);
        assert_string_equal(h->leases.vifs.items[0].instance_uuid, INSTANCE);
        if (taps) {
                assert_true(exists(h, mine));
                assert_false(exists(h, stale));
                assert_true(exists(h, "tap-of-another"));
        }
        assert_int_equal(network_api_sweep(h->api, nobody, known, (void *) INSTANCE, NULL), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(plugging_makes_the_bridge_and_its_address_once),
                CASE(taps_are_made_for_who_asks_and_taken_away),
                CASE(an_interface_of_the_host_is_joined_to_the_network),
                CASE(a_vxlan_joins_the_network_to_its_peer),
                CASE(a_vlan_joins_the_network_to_those_of_its_number),
                CASE(what_cannot_be_plugged_says_why),
                CASE(a_guest_asks_and_gets_what_is_leased_to_it),
                CASE(a_daemon_that_starts_anew_goes_on_with_the_dnsmasq_there_is),
                CASE(dnsmasq_takes_networks_of_both_versions),
                CASE(a_real_machine_gets_its_lease_over_its_tap),
                CASE(what_dnsmasq_has_against_it_is_told),
                CASE(what_belongs_to_no_instance_is_taken_away),
        };

        /* It needs a machine below it that has qemu. */
        if (getenv("RUN_IN_LINUX"))
                cmocka_set_skip_filter("a_real_machine_gets_its_lease_over_its_tap");
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Interfaces of this host: see link.h. */
#include "network/link.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define VXLAN_PORT 4789

static bool name_fits(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n < IF_NAMESIZE;
}

static int mac_bytes(const char *text, unsigned char ret[static 6]) {
        unsigned b[6];

        if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
                return -EINVAL;
        for (size_t i = 0; i < 6; i++)
                ret[i] = (unsigned char) b[i];
        return 0;
}

const char *link_kind_reason(const char *kind) {
        static const struct {
                const char *kind, *reason;
        } rows[] = {
                { "vlan", "VLAN devices (CONFIG_VLAN_8021Q, module 8021q)" },
                { "vxlan", "VXLAN devices (CONFIG_VXLAN, module vxlan)" },
                { "bridge", "bridges (CONFIG_BRIDGE, module bridge)" },
                { "veth", "veth pairs (CONFIG_VETH, module veth)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (streq(rows[i].kind, kind))
                        return rows[i].reason;
        return "";
}

/* ---- reading ---- */

static void copy_string(const struct nlattr *a, char *buf, size_t size) {
        (void) snprintf(buf, size, "%.*s", (int) strnlen(nla_data(a), (size_t) nla_len(a)), (const char *) nla_data(a));
}

static uint32_t get_u32(const struct nlattr *a) {
        return a && nla_len(a) >= (int) sizeof(uint32_t) ? nla_get_u32(a) : 0;
}

static void parse_info(struct nlattr *info, LinkInfo *ret) {
        struct nlattr *a[IFLA_INFO_MAX + 1] = {}, *d;

        if (nla_parse_nested(a, IFLA_INFO_MAX, info, NULL) < 0 || !a[IFLA_INFO_KIND])
                return;
        copy_string(a[IFLA_INFO_KIND], ret->kind, sizeof ret->kind);
        if (!a[IFLA_INFO_DATA])
                return;
        if (streq(ret->kind, "vlan")) {
                d = nla_find(nla_data(a[IFLA_INFO_DATA]), nla_len(a[IFLA_INFO_DATA]), IFLA_VLAN_ID);
                ret->vlan = d && nla_len(d) >= 2 ? nla_get_u16(d) : 0;
        } else if (streq(ret->kind, "vxlan"))
                ret->vxlan = get_u32(nla_find(nla_data(a[IFLA_INFO_DATA]), nla_len(a[IFLA_INFO_DATA]), IFLA_VXLAN_ID));
}

int link_parse(const struct nlmsghdr *h, LinkInfo *ret) {
        struct nlattr *a[IFLA_MAX + 1] = {};
        const struct ifinfomsg *i;
        LinkInfo l = {};

        if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
            nlmsg_parse((struct nlmsghdr *) h, sizeof *i, a, IFLA_MAX, NULL) < 0 || !a[IFLA_IFNAME])
                return -EBADMSG;
        i = nlmsg_data(h);
        l.index = i->ifi_index;
        l.flags = i->ifi_flags;
        copy_string(a[IFLA_IFNAME], l.name, sizeof l.name);
        l.mtu = get_u32(a[IFLA_MTU]);
        l.master = (int) get_u32(a[IFLA_MASTER]);
        l.parent = (int) get_u32(a[IFLA_LINK]);
        if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == 6) {
                const unsigned char *m = nla_data(a[IFLA_ADDRESS]);

                (void) snprintf(l.mac, sizeof l.mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        }
        if (a[IFLA_LINKINFO])
                parse_info(a[IFLA_LINKINFO], &l);
        *ret = l;
        return 0;
}

static int parse_counters(struct nlmsghdr *h, LinkCounters *ret) {
        struct nlattr *a[IFLA_MAX + 1] = {};
        struct rtnl_link_stats64 s = {};
        LinkCounters c = {};

        if (h->nlmsg_type != RTM_NEWLINK || nlmsg_parse(h, sizeof(struct ifinfomsg), a, IFLA_MAX, NULL) < 0 ||
            !a[IFLA_IFNAME] || !a[IFLA_STATS64])
                return -EBADMSG;
        copy_string(a[IFLA_IFNAME], c.name, sizeof c.name);
        memcpy(&s, nla_data(a[IFLA_STATS64]), MIN(sizeof s, (size_t) nla_len(a[IFLA_STATS64])));
        c.rx_bytes = s.rx_bytes;
        c.rx_packets = s.rx_packets;
        c.rx_errors = s.rx_errors;
        c.rx_dropped = s.rx_dropped;
        c.tx_bytes = s.tx_bytes;
        c.tx_packets = s.tx_packets;
        c.tx_errors = s.tx_errors;
        c.tx_dropped = s.tx_dropped;
        *ret = c;
        return 0;
}

/* A question of one interface by name, or (NULL) of all. */
static struct nl_msg *question(const char *name) {
        const struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
        struct nl_msg *m = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | (name ? 0 : NLM_F_DUMP));

        if (m && (nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 || (name && nla_put_string(m, IFLA_IFNAME, name) < 0))) {
                nlmsg_free(m);
                return NULL;
        }
        return m;
}

static int on_link(struct nlmsghdr *h, void *userdata) {
        return link_parse(h, userdata);
}

int link_get(Netlink *n, const char *name, LinkInfo *ret) {
        LinkInfo l = {};
        int r;

        if (!name_fits(name))
                return -EINVAL;
        r = netlink_read(n, question(name), on_link, &l);
        if (r == -ENODEV)
                return 0;
        if (r < 0)
                return r;
        *ret = l;
        return 1;
}

int link_index(Netlink *n, const char *name) {
        LinkInfo l;
        int r;

        r = link_get(n, name, &l);
        return r < 0 ? r : r == 0 ? -ENODEV : l.index;
}

static int on_counters(struct nlmsghdr *h, void *userdata) {
        return parse_counters(h, userdata);
}

int link_counters(Netlink *n, const char *name, LinkCounters *ret) {
        LinkCounters c = {};
        int r;

        if (!name_fits(name))
                return -EINVAL;
        r = netlink_read(n, question(name), on_counters, &c);
        if (r == -ENODEV)
                return 0;
        if (r < 0)
                return r;
        *ret = c;
        return 1;
}

/* An array that grows, of elements of one size. */
typedef struct Listing {
        char *items;
        size_t n, allocated, size;
        int (*parse)(struct nlmsghdr *h, void *item);
} Listing;

static int on_item(struct nlmsghdr *h, void *userdata) {
        Listing *l = userdata;

        if (l->n == l->allocated) {
                char *bigger = reallocarray(l->items, l->allocated * 2 + 16, l->size);

                if (!bigger)
                        return -ENOMEM;
                l->items = bigger;
                l->allocated = l->allocated * 2 + 16;
        }
        if (l->parse(h, l->items + l->n * l->size) >= 0)
                l->n++;
        return 0;
}

/* A list that changed while it was read is read again; the last one counts even so. */
static int list(Netlink *n, Listing *l) {
        int r = -EINTR;

        for (unsigned attempt = 0; r == -EINTR && attempt < 5; attempt++) {
                l->n = 0;
                r = netlink_read(n, question(NULL), on_item, l);
        }
        if (r < 0 && r != -EINTR) {
                free(l->items);
                return r;
        }
        return 0;
}

static int parse_link(struct nlmsghdr *h, void *item) {
        return link_parse(h, item);
}

int link_list(Netlink *n, LinkInfo **ret, size_t *ret_n) {
        Listing l = { .size = sizeof(LinkInfo), .parse = parse_link };
        int r;

        r = list(n, &l);
        if (r < 0)
                return r;
        *ret = (LinkInfo *) (void *) l.items;
        *ret_n = l.n;
        return 0;
}

int link_list_counters(Netlink *n, LinkCounters **ret, size_t *ret_n) {
        Listing l = { .size = sizeof(LinkCounters), .parse = on_counters };
        int r;

        r = list(n, &l);
        if (r < 0)
                return r;
        *ret = (LinkCounters *) (void *) l.items;
        *ret_n = l.n;
        return 0;
}

/* ---- making ---- */

/* RTM_NEWLINK for a new interface of @kind, with its data nest open in *ret_data. */
static struct nl_msg *creation(const char *name, const char *kind, const char *mac, int parent, struct nlattr **ret_info,
                               struct nlattr **ret_data) {
        const struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
        struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        unsigned char bytes[6];

        if (!m)
                return NULL;
        if (nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 || nla_put_string(m, IFLA_IFNAME, name) < 0 ||
            (mac && (mac_bytes(mac, bytes) < 0 || nla_put(m, IFLA_ADDRESS, sizeof bytes, bytes) < 0)) ||
            (parent > 0 && nla_put_u32(m, IFLA_LINK, (uint32_t) parent) < 0) ||
            !(*ret_info = nla_nest_start(m, IFLA_LINKINFO)) || nla_put_string(m, IFLA_INFO_KIND, kind) < 0 ||
            !(*ret_data = nla_nest_start(m, IFLA_INFO_DATA))) {
                nlmsg_free(m);
                return NULL;
        }
        return m;
}

static int create(Netlink *n, struct nl_msg *m, struct nlattr *info, struct nlattr *data) {
        nla_nest_end(m, data);
        nla_nest_end(m, info);
        return netlink_request(n, m);
}

int link_add_bridge(Netlink *n, const char *name, const char *mac, unsigned ageing) {
        struct nlattr *info, *data;
        unsigned char bytes[6];
        struct nl_msg *m;

        if (!name_fits(name) || (mac && mac_bytes(mac, bytes) < 0))
                return -EINVAL;
        m = creation(name, "bridge", mac, 0, &info, &data);
        if (!m)
                return -ENOMEM;
        /* Times are in hundredths of a second. */
        if (nla_put_u32(m, IFLA_BR_FORWARD_DELAY, 0) < 0 || nla_put_u32(m, IFLA_BR_STP_STATE, 0) < 0 ||
            (ageing > 0 && nla_put_u32(m, IFLA_BR_AGEING_TIME, ageing * 100) < 0)) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return create(n, m, info, data);
}

int link_add_veth(Netlink *n, const char *name, const char *peer) {
        const struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
        struct nlattr *info, *data, *other;
        struct nl_msg *m;

        if (!name_fits(name) || !name_fits(peer))
                return -EINVAL;
        m = creation(name, "veth", NULL, 0, &info, &data);
        if (!m)
                return -ENOMEM;
        if (!(other = nla_nest_start(m, VETH_INFO_PEER)) || nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 ||
            nla_put_string(m, IFLA_IFNAME, peer) < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        nla_nest_end(m, other);
        return create(n, m, info, data);
}

int link_add_vlan(Netlink *n, const char *name, const char *parent, unsigned id) {
        struct nlattr *info, *data;
        struct nl_msg *m;
        int index;

        if (!name_fits(name) || id < 1 || id > 4094)
                return -EINVAL;
        index = link_index(n, parent);
        if (index < 0)
                return index;
        m = creation(name, "vlan", NULL, index, &info, &data);
        if (!m)
                return -ENOMEM;
        if (nla_put_u16(m, IFLA_VLAN_ID, (uint16_t) id) < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return create(n, m, info, data);
}

int link_add_vxlan(Netlink *n, const char *name, uint32_t id, const IpAddress *remote, const char *parent) {
        struct nlattr *info, *data;
        struct nl_msg *m;
        int index = 0, r;

        if (!name_fits(name) || id < 1 || id >= 1U << 24)
                return -EINVAL;
        if (parent) {
                index = link_index(n, parent);
                if (index < 0)
                        return index;
        }
        m = creation(name, "vxlan", NULL, 0, &info, &data);
        if (!m)
                return -ENOMEM;
        r = nla_put_u32(m, IFLA_VXLAN_ID, id);
        if (r >= 0)
                r = nla_put_u16(m, IFLA_VXLAN_PORT, htons(VXLAN_PORT));
        if (r >= 0 && remote)
                r = nla_put(m, remote->family == AF_INET6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP, (int) ip_size(remote), remote->bytes);
        if (r >= 0 && index > 0)
                r = nla_put_u32(m, IFLA_VXLAN_LINK, (uint32_t) index);
        if (r < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return create(n, m, info, data);
}

int link_add_tap(const char *name, uid_t uid) {
        _cleanup_close_ int fd = -1;
        struct ifreq q = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };

        if (!name_fits(name))
                return -EINVAL;
        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return errno == ENODEV ? -ENOENT : -errno;
        strcpy(q.ifr_name, name);
        if (ioctl(fd, TUNSETIFF, &q) < 0)
                return errno == EBUSY ? -EEXIST : -errno;
        if ((uid != (uid_t) -1 && ioctl(fd, TUNSETOWNER, (unsigned long) uid) < 0) || ioctl(fd, TUNSETPERSIST, 1UL) < 0)
                return -errno;
        return 0;
}

/* RTM_SETLINK, RTM_DELLINK of an interface by name. */
static struct nl_msg *change(const char *name, uint16_t type, unsigned char family, unsigned flags, unsigned mask) {
        const struct ifinfomsg i = { .ifi_family = family, .ifi_flags = flags, .ifi_change = mask };
        struct nl_msg *m = nlmsg_alloc_simple(type, 0);

        if (m && (nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 || nla_put_string(m, IFLA_IFNAME, name) < 0)) {
                nlmsg_free(m);
                return NULL;
        }
        return m;
}

int link_delete(Netlink *n, const char *name) {
        return name_fits(name) ? netlink_request(n, change(name, RTM_DELLINK, AF_UNSPEC, 0, 0)) : -EINVAL;
}

int link_set_up(Netlink *n, const char *name, bool up) {
        if (!name_fits(name))
                return -EINVAL;
        return netlink_request(n, change(name, RTM_NEWLINK, AF_UNSPEC, up ? IFF_UP : 0, IFF_UP));
}

static int set_u32(Netlink *n, const char *name, int attribute, uint32_t value) {
        struct nl_msg *m;

        if (!name_fits(name))
                return -EINVAL;
        m = change(name, RTM_NEWLINK, AF_UNSPEC, 0, 0);
        if (m && nla_put_u32(m, attribute, value) < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return netlink_request(n, m);
}

int link_set_mtu(Netlink *n, const char *name, unsigned mtu) {
        return set_u32(n, name, IFLA_MTU, mtu);
}

int link_set_mac(Netlink *n, const char *name, const char *mac) {
        unsigned char bytes[6];
        struct nl_msg *m;

        if (!name_fits(name) || mac_bytes(mac, bytes) < 0)
                return -EINVAL;
        m = change(name, RTM_NEWLINK, AF_UNSPEC, 0, 0);
        if (m && nla_put(m, IFLA_ADDRESS, sizeof bytes, bytes) < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return netlink_request(n, m);
}

int link_set_master(Netlink *n, const char *name, const char *master) {
        int index = 0;

        if (master) {
                index = link_index(n, master);
                if (index < 0)
                        return index;
        }
        return set_u32(n, name, IFLA_MASTER, (uint32_t) index);
}

int link_set_hairpin(Netlink *n, const char *name, bool on) {
        const struct ifinfomsg i = { .ifi_family = AF_BRIDGE, .ifi_index = link_index(n, name) };
        struct nl_msg *m;
        struct nlattr *nest;

        if (i.ifi_index < 0)
                return i.ifi_index;
        m = nlmsg_alloc_simple(RTM_SETLINK, 0);
        if (!m)
                return -ENOMEM;
        if (nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 ||
            !(nest = nla_nest_start(m, IFLA_PROTINFO | NLA_F_NESTED)) || nla_put_u8(m, IFLA_BRPORT_MODE, on) < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        nla_nest_end(m, nest);
        return netlink_request(n, m);
}

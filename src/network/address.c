/* Addresses of interfaces: see address.h. */
#include "network/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>

static IpAddress get_address(int family, const struct nlattr *a) {
        IpAddress ip = { .family = family };

        if (!a || nla_len(a) != (int) ip_size(&ip))
                return (IpAddress) {};
        memcpy(ip.bytes, nla_data(a), ip_size(&ip));
        return ip;
}

typedef struct AddressListing {
        int index;
        LinkAddress *items;
        size_t n;
} AddressListing;

static int on_address(struct nlmsghdr *h, void *userdata) {
        AddressListing *l = userdata;
        struct nlattr *a[IFA_MAX + 1] = {};
        const struct ifaddrmsg *i = nlmsg_data(h);
        LinkAddress *bigger, found;
        IpAddress other;

        if (h->nlmsg_type != RTM_NEWADDR || nlmsg_parse(h, sizeof *i, a, IFA_MAX, NULL) < 0)
                return 0;
        if ((int) i->ifa_index != l->index || (i->ifa_family != AF_INET && i->ifa_family != AF_INET6))
                return 0;

        found = (LinkAddress) {
                .prefix = { .address = get_address(i->ifa_family, a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS]),
                            .length = i->ifa_prefixlen },
                .broadcast = get_address(i->ifa_family, a[IFA_BROADCAST]),
                .scope = i->ifa_scope,
                .flags = a[IFA_FLAGS] && nla_len(a[IFA_FLAGS]) >= 4 ? nla_get_u32(a[IFA_FLAGS]) : i->ifa_flags,
                .metric = a[IFA_RT_PRIORITY] && nla_len(a[IFA_RT_PRIORITY]) >= 4 ? nla_get_u32(a[IFA_RT_PRIORITY]) : 0,
                .preferred = UINT32_MAX,
                .valid = UINT32_MAX,
        };
        other = get_address(i->ifa_family, a[IFA_ADDRESS]);
        if (a[IFA_LOCAL] && ip_is_set(&other) && ip_compare(&other, &found.prefix.address) != 0)
                found.peer = other;
        if (a[IFA_CACHEINFO] && nla_len(a[IFA_CACHEINFO]) >= (int) sizeof(struct ifa_cacheinfo)) {
                const struct ifa_cacheinfo *c = nla_data(a[IFA_CACHEINFO]);

                found.preferred = c->ifa_prefered;
                found.valid = c->ifa_valid;
        }
        if (!ip_is_set(&found.prefix.address))
                return 0;
        bigger = reallocarray(l->items, l->n + 1, sizeof *bigger);
        if (!bigger)
                return -ENOMEM;
        l->items = bigger;
        bigger[l->n++] = found;
        return 0;
}

static void forget(void *userdata) {
        AddressListing *l = userdata;

        free(l->items);
        l->items = NULL;
        l->n = 0;
}

int address_list(Netlink *n, const char *name, LinkAddress **ret, size_t *ret_n) {
        const struct ifaddrmsg i = { .ifa_family = AF_UNSPEC };
        AddressListing l = {};
        int r;

        r = l.index = link_index(n, name);
        if (r < 0)
                return r;
        r = netlink_list(n, RTM_GETADDR, &i, sizeof i, on_address, forget, &l);
        if (r < 0 && r != -EINTR) {
                forget(&l);
                return r;
        }
        *ret = l.items;
        *ret_n = l.n;
        return 0;
}

static int put_ip(struct nl_msg *m, int attribute, const IpAddress *a) {
        return nla_put(m, attribute, (int) ip_size(a), a->bytes);
}

static int address_request(Netlink *n, const char *name, const LinkAddress *a, uint16_t type) {
        /* What the kernel says of an address's state is not for us to say. */
        const unsigned flags = a->flags & ~(unsigned) (IFA_F_PERMANENT | IFA_F_SECONDARY | IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED);
        struct ifaddrmsg i = { .ifa_family = (unsigned char) a->prefix.address.family, .ifa_prefixlen = (unsigned char) a->prefix.length,
                               .ifa_scope = a->scope };
        const struct ifa_cacheinfo times = { .ifa_prefered = a->preferred, .ifa_valid = a->valid };
        struct nl_msg *m;
        int r;

        r = link_index(n, name);
        if (r < 0)
                return r;
        i.ifa_index = (unsigned) r;
        m = nlmsg_alloc_simple(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0);
        if (!m)
                return -ENOMEM;
        r = nlmsg_append(m, &i, sizeof i, NLMSG_ALIGNTO);
        if (r >= 0)
                r = put_ip(m, IFA_LOCAL, &a->prefix.address);
        if (r >= 0)
                r = put_ip(m, IFA_ADDRESS, ip_is_set(&a->peer) ? &a->peer : &a->prefix.address);
        if (r >= 0 && ip_is_set(&a->broadcast))
                r = put_ip(m, IFA_BROADCAST, &a->broadcast);
        if (r >= 0 && flags && type == RTM_NEWADDR)
                r = nla_put_u32(m, IFA_FLAGS, flags);
        if (r >= 0 && a->metric && type == RTM_NEWADDR)
                r = nla_put_u32(m, IFA_RT_PRIORITY, a->metric);
        if (r >= 0 && a->valid != UINT32_MAX && type == RTM_NEWADDR)
                r = nla_put(m, IFA_CACHEINFO, sizeof times, &times);
        if (r < 0) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        return netlink_request(n, m);
}

int address_add(Netlink *n, const char *name, const LinkAddress *a) {
        return address_request(n, name, a, RTM_NEWADDR);
}

int address_delete(Netlink *n, const char *name, const LinkAddress *a) {
        return address_request(n, name, a, RTM_DELADDR);
}

int address_ensure(Netlink *n, const char *name, const IpAddress *ip, unsigned length) {
        LinkAddress a = { .prefix = { .address = *ip, .length = length }, .preferred = UINT32_MAX, .valid = UINT32_MAX };
        int r;

        /* Version 4 has its broadcast; version 6 has nobody on a new bridge to be in conflict with. */
        if (ip->family == AF_INET)
                a.broadcast = ip_prefix_last(&a.prefix);
        else
                a.flags = IFA_F_NODAD;
        r = address_add(n, name, &a);
        return r == -EEXIST ? 0 : r;
}

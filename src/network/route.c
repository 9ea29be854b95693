/* Routes out of an interface: see address.h. A route is kept as the message the kernel sent, for it may have any of two dozen
 * attributes; only the interface in it is exchanged. */
#include "network/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>

void link_routes_done(LinkRoutes *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i].message);
        free(l->items);
        *l = (LinkRoutes) {};
}

typedef struct RouteListing {
        int index;
        LinkRoutes routes;
} RouteListing;

/* Calls @f with each interface number in the route: its own and those of its hops. */
static void each_interface(struct nlmsghdr *h, void (*f)(void *at, void *userdata), void *userdata) {
        struct nlattr *a;
        int left;

        nlmsg_for_each_attr(a, h, sizeof(struct rtmsg), left) {
                if (nla_type(a) == RTA_OIF && nla_len(a) >= 4)
                        f(nla_data(a), userdata);
                if (nla_type(a) == RTA_MULTIPATH) {
                        struct rtnexthop *hop = nla_data(a);
                        int hops = nla_len(a);

                        for (; RTNH_OK(hop, hops); hops -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
                                f(&hop->rtnh_ifindex, userdata);
                }
        }
}

typedef struct Search {
        int index;
        bool found;
} Search;

static void compare(void *at, void *userdata) {
        Search *s = userdata;
        int index;

        memcpy(&index, at, sizeof index);
        s->found |= index == s->index;
}

static int on_route(struct nlmsghdr *h, void *userdata) {
        RouteListing *l = userdata;
        const struct rtmsg *m = nlmsg_data(h);
        struct nlattr *a[RTA_MAX + 1] = {};
        Search s = { .index = l->index };
        LinkRoute *bigger;

        if (h->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(h, sizeof *m, a, RTA_MAX, NULL) < 0)
                return 0;
        if ((m->rtm_family != AF_INET && m->rtm_family != AF_INET6) || m->rtm_type != RTN_UNICAST || m->rtm_table == RT_TABLE_LOCAL ||
            m->rtm_protocol == RTPROT_KERNEL || m->rtm_protocol == RTPROT_RA || m->rtm_protocol == RTPROT_REDIRECT ||
            (m->rtm_flags & RTM_F_CLONED))
                return 0;
        each_interface(h, compare, &s);
        if (!s.found)
                return 0;

        bigger = reallocarray(l->routes.items, l->routes.n + 1, sizeof *bigger);
        if (!bigger)
                return -ENOMEM;
        l->routes.items = bigger;
        bigger[l->routes.n] = (LinkRoute) { .message = malloc(h->nlmsg_len), .index = l->index,
                                              .gateway = a[RTA_GATEWAY] || a[RTA_MULTIPATH] || a[RTA_VIA] };
        if (!bigger[l->routes.n].message)
                return -ENOMEM;
        memcpy(bigger[l->routes.n++].message, h, h->nlmsg_len);
        return 0;
}

static int by_gateway(const void *a, const void *b) {
        return (int) ((const LinkRoute *) a)->gateway - (int) ((const LinkRoute *) b)->gateway;
}

static void forget(void *userdata) {
        link_routes_done(&((RouteListing *) userdata)->routes);
}

int route_list(Netlink *n, const char *name, LinkRoutes *ret) {
        const struct rtmsg any = { .rtm_family = AF_UNSPEC };
        RouteListing l = {};
        int r;

        r = l.index = link_index(n, name);
        if (r < 0)
                return r;
        r = netlink_list(n, RTM_GETROUTE, &any, sizeof any, on_route, forget, &l);
        if (r < 0 && r != -EINTR) {
                forget(&l);
                return r;
        }
        if (l.routes.n > 0)
                qsort(l.routes.items, l.routes.n, sizeof *l.routes.items, by_gateway);
        *ret = l.routes;
        return 0;
}

/* Whether the kernel takes this attribute back: what it only reports (age, use, expiry) it does not. */
static bool is_set_by_us(int type) {
        return type != RTA_CACHEINFO && type != RTA_EXPIRES && type != RTA_NH_ID;
}

typedef struct Exchange {
        int from, to;
} Exchange;

static void replace(void *at, void *userdata) {
        const Exchange *x = userdata;
        int index;

        memcpy(&index, at, sizeof index);
        if (index == x->from)
                memcpy(at, &x->to, sizeof x->to);
}

/* Hops over other interfaces stay as they are. */
static int request(Netlink *n, const LinkRoute *r, int index, uint16_t type, int flags) {
        struct rtmsg i = *(const struct rtmsg *) nlmsg_data(r->message);
        struct nl_msg *m = nlmsg_alloc_simple(type, flags);
        struct nlattr *a;
        int left;

        if (!m)
                return -ENOMEM;
        i.rtm_flags &= (unsigned) RTNH_F_ONLINK;
        if (nlmsg_append(m, &i, sizeof i, NLMSG_ALIGNTO) < 0)
                goto fail;
        nlmsg_for_each_attr(a, r->message, sizeof(struct rtmsg), left)
                if (is_set_by_us(nla_type(a)) && nla_put(m, nla_type(a), nla_len(a), nla_data(a)) < 0)
                        goto fail;
        each_interface(nlmsg_hdr(m), replace, &(Exchange) { .from = r->index, .to = index });
        return netlink_request(n, m);
fail:
        nlmsg_free(m);
        return -ENOMEM;
}

int route_move(Netlink *n, const LinkRoute *r, int index) {
        return request(n, r, index, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
}

int route_add_default(Netlink *n, const char *name, const IpAddress *gateway) {
        const struct rtmsg i = { .rtm_family = (unsigned char) gateway->family, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                                 .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST };
        struct nl_msg *m;
        int index, r;

        index = link_index(n, name);
        if (index < 0)
                return index;
        m = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
        if (m && (nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO) < 0 ||
                  nla_put(m, RTA_GATEWAY, (int) ip_size(gateway), gateway->bytes) < 0 || nla_put_u32(m, RTA_OIF, (uint32_t) index) < 0)) {
                nlmsg_free(m);
                return -ENOMEM;
        }
        r = netlink_request(n, m);
        return r == -EEXIST ? 0 : r;
}

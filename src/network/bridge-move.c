/* The move of an interface's addresses and routes onto its bridge, and back: see address.h.
 *
 * While it lasts the host may be reachable by nothing else, so it must end well or not have been: what was there is written
 * down first; then each step is done, and when one fails those done are undone in reverse, each as well as it can be. The
 * kernel drops a route when the address or the interface it leads over goes, so the routes are put back last, both ways. */
#define LOG_LOGGER "nova.network.manager"
#include "network/address.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "basic/log.h"

typedef struct Move {
        Netlink *n;
        const char *from, *to;
        LinkInfo from_link, to_link;
        LinkAddress *addresses;
        size_t n_addresses;
        LinkRoutes routes;
        size_t moved;                   /* addresses that are on @to */
} Move;

static void move_done(Move *m) {
        free(m->addresses);
        link_routes_done(&m->routes);
}

/* A link-local one is the interface's own, and the bridge makes one itself; what a router announced comes again. */
static bool is_moved(const LinkAddress *a) {
        if (a->scope != RT_SCOPE_UNIVERSE)
                return false;
        return a->prefix.address.family == AF_INET ||
               (!(a->flags & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR)) && (a->valid == UINT32_MAX || !(a->flags & IFA_F_NOPREFIXROUTE)));
}

static int move_begin(Move *m) {
        size_t kept = 0;
        int r;

        r = link_get(m->n, m->from, &m->from_link);
        if (r > 0)
                r = link_get(m->n, m->to, &m->to_link);
        if (r <= 0)
                return r < 0 ? r : -ENODEV;
        r = address_list(m->n, m->from, &m->addresses, &m->n_addresses);
        if (r >= 0)
                r = route_list(m->n, m->from, &m->routes);
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->n_addresses; i++)
                if (is_moved(&m->addresses[i]))
                        m->addresses[kept++] = m->addresses[i];
        m->n_addresses = kept;
        return 0;
}

static int move_address(Move *m, const LinkAddress *address) {
        LinkAddress a = *address;
        int r;

        r = address_delete(m->n, m->from, &a);
        if (r < 0 && r != -EADDRNOTAVAIL)
                return r;
        /* It was in use a moment ago: nobody else has it. */
        if (a.prefix.address.family == AF_INET6)
                a.flags |= IFA_F_NODAD;
        r = address_add(m->n, m->to, &a);
        return r == -EEXIST ? 0 : r;
}

/* The old routes go first: one to the same network over two interfaces is one too many for the kernel. */
static int move_run(Move *m) {
        int r;

        for (size_t i = 0; i < m->routes.n; i++) {
                r = route_delete(m->n, &m->routes.items[i], m->from_link.index);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < m->n_addresses; i++) {
                m->moved = i + 1;
                r = move_address(m, &m->addresses[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < m->routes.n; i++) {
                r = route_add(m->n, &m->routes.items[i], m->to_link.index);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* All as it was; what cannot be put back is named. Also addresses that were not yet moved are put back in their first order, since
 * the first of a subnet is its primary, with which the kernel drops or promotes the others. */
static void move_undo(Move *m) {
        char text[IP_TEXT_MAX];
        int r;

        for (size_t i = 0; i < m->routes.n; i++)
                (void) route_delete(m->n, &m->routes.items[i], m->to_link.index);
        for (size_t i = m->moved; i-- > 0;)
                (void) address_delete(m->n, m->to, &m->addresses[i]);
        for (size_t i = m->n_addresses; m->moved > 0 && i-- > 0;)
                (void) address_delete(m->n, m->from, &m->addresses[i]);
        for (size_t i = 0; i < m->n_addresses; i++) {
                LinkAddress a = m->addresses[i];

                if (a.prefix.address.family == AF_INET6)
                        a.flags |= IFA_F_NODAD;
                r = address_add(m->n, m->from, &a);
                if (r < 0 && r != -EEXIST)
                        log_error("Address %s cannot be put back onto %s: %s", ip_prefix_format(&a.prefix, text), m->from, strerror(-r));
        }
        for (size_t i = 0; i < m->routes.n; i++) {
                r = route_add(m->n, &m->routes.items[i], m->from_link.index);
                if (r < 0)
                        log_error("A route cannot be put back onto %s: %s", m->from, strerror(-r));
        }
}

int bridge_take_interface(Netlink *n, const char *bridge, const char *name) {
        _cleanup_(move_done) Move m = { .n = n, .from = name, .to = bridge };
        bool inside;
        int r;

        r = move_begin(&m);
        if (r < 0)
                return r;
        inside = m.from_link.master == m.to_link.index;
        if (inside && m.n_addresses == 0 && m.routes.n == 0)
                return 0;
        if (!inside && m.from_link.master != 0)
                return -EBUSY;          /* another's */

        if (!inside) {
                r = link_set_master(n, name, bridge);
                if (r < 0)
                        return r;
        }
        r = link_set_up(n, bridge, true);
        if (r >= 0 && (m.from_link.flags & IFF_UP) == 0)
                r = link_set_up(n, name, true);
        if (r >= 0)
                r = move_run(&m);
        if (r >= 0)
                return 1;

        if (!inside)
                (void) link_set_master(n, name, NULL);
        if ((m.from_link.flags & IFF_UP) == 0)
                (void) link_set_up(n, name, false);
        move_undo(&m);
        return r;
}

int bridge_give_interface(Netlink *n, const char *bridge, const char *name) {
        _cleanup_(move_done) Move m = { .n = n, .from = bridge, .to = name };
        int r;

        r = move_begin(&m);
        if (r < 0)
                return r;
        if (m.to_link.master != m.from_link.index)
                return 0;
        r = link_set_master(n, name, NULL);
        if (r < 0)
                return r;
        r = move_run(&m);
        if (r >= 0)
                return 1;

        move_undo(&m);
        (void) link_set_master(n, name, bridge);
        return r;
}

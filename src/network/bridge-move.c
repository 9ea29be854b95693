/* The move of an interface's addresses and routes onto its bridge, and back: see address.h.
 *
 * While it lasts the host may be reachable by nothing else, so it must end well or not have been, and nothing may be lost whenever
 * it is broken off: addresses are put onto the new interface first, then the routes are exchanged one for one, and only then are the
 * addresses taken from the old one. When a step fails the same is done the other way round. */
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

/* In their first order: the first of a subnet is its primary. It was in use a moment ago, so nobody else has it. */
static int put_addresses(Move *m, const char *name) {
        int r;

        for (size_t i = 0; i < m->n_addresses; i++) {
                LinkAddress a = m->addresses[i];

                if (a.prefix.address.family == AF_INET6)
                        a.flags |= IFA_F_NODAD;
                r = address_add(m->n, name, &a);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

/* With the first of a subnet the kernel may drop the others, or not. */
static int take_addresses(Move *m, const char *name) {
        int r;

        for (size_t i = 0; i < m->n_addresses; i++) {
                r = address_delete(m->n, name, &m->addresses[i]);
                if (r < 0 && r != -EADDRNOTAVAIL)
                        return r;
        }
        return 0;
}

static int move_run(Move *m) {
        int r;

        r = put_addresses(m, m->to);
        for (size_t i = 0; r >= 0 && i < m->routes.n; i++)
                r = route_move(m->n, &m->routes.items[i], m->to_link.index);
        if (r >= 0)
                r = take_addresses(m, m->from);
        return r;
}

/* All as it was; what cannot be put back is named. Those that are still on @from are taken off for a moment, since they could not be
 * brought into their order otherwise; they are on @to meanwhile. */
static void move_undo(Move *m) {
        int r;

        (void) put_addresses(m, m->to);
        (void) take_addresses(m, m->from);
        r = put_addresses(m, m->from);
        if (r < 0)
                log_error("An address cannot be put back onto %s: %s", m->from, strerror(-r));
        for (size_t i = 0; i < m->routes.n; i++) {
                r = route_move(m->n, &m->routes.items[i], m->from_link.index);
                if (r < 0)
                        log_error("A route cannot be put back onto %s: %s", m->from, strerror(-r));
        }
        (void) take_addresses(m, m->to);
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

/* Addresses and routes of this host's interfaces, and the move of both from one interface to another (essex 16). Workers only;
 * thread-safe as netlink.h. */
#pragma once

#include "network/link.h"

typedef struct LinkAddress {
        IpPrefix prefix;                /* the address with its length: bits beyond it are set */
        IpAddress broadcast;
        IpAddress peer;                 /* of a point-to-point one */
        unsigned char scope;            /* RT_SCOPE_… */
        unsigned flags;                 /* IFA_F_… */
        uint32_t metric;                /* of its route; 0 = the default */
        uint32_t preferred, valid;      /* seconds; UINT32_MAX = for ever */
} LinkAddress;

/* All of the interface, both versions, in the order the kernel has them. -ENODEV. */
int address_list(Netlink *n, const char *name, LinkAddress **ret, size_t *ret_n);
/* -EEXIST: it has it. Of version 6 without duplicate address detection when @a says IFA_F_NODAD. */
int address_add(Netlink *n, const char *name, const LinkAddress *a);
/* -EADDRNOTAVAIL: it has not. */
int address_delete(Netlink *n, const char *name, const LinkAddress *a);
/* An address of the interface's own: there is fine. */
int address_ensure(Netlink *n, const char *name, const IpAddress *a, unsigned length);

/* A route as the kernel told it, whole: to be put back, or put onto another interface, with all that it has. */
typedef struct LinkRoute {
        struct nlmsghdr *message;       /* RTM_NEWROUTE, malloc'ed */
        int index;                      /* the interface it was listed for */
        bool gateway;                   /* it leads over another host: to be added after those that do not */
} LinkRoute;
typedef struct LinkRoutes {
        LinkRoute *items;
        size_t n;
} LinkRoutes;
void link_routes_done(LinkRoutes *l);

/* The routes out of that interface which somebody set: not those the kernel makes with an address, nor what a router
 * announced, which come by themselves. */
int route_list(Netlink *n, const char *name, LinkRoutes *ret);
/* The same route out of interface @index, in the place of the one there is: at no time is there none. */
int route_move(Netlink *n, const LinkRoute *r, int index);
/* A default route over @gateway; there is fine. */
int route_add_default(Netlink *n, const char *name, const IpAddress *gateway);

/* Puts @name into bridge @bridge, with its global addresses and its routes moved onto the bridge, so that the host stays
 * reachable by them. All or nothing: when a step fails what was moved is moved back, and @name is out of the bridge again. When the
 * process is killed meanwhile each address and route is in one place or in both, and the next call moves the rest.
 * 1: something was moved, 0: nothing was to do. */
int bridge_take_interface(Netlink *n, const char *bridge, const char *name);
/* The other way round. */
int bridge_give_interface(Netlink *n, const char *bridge, const char *name);

/* Interfaces of this host: bridges, taps, veth pairs, VLANs, VXLANs, and what is common to all (essex 16). No program is run:
 * rtnetlink by libnl-3, and /dev/net/tun for taps. Workers only; thread-safe as netlink.h.
 *
 * Names are of 1 to 15 characters: others are -EINVAL. Making what is there already is -EEXIST, and of no interface -ENODEV. A kind
 * that this kernel lacks is -EOPNOTSUPP: link_kind_reason names what is missing. */
#pragma once

#include <net/if.h>

#include "network/ip.h"
#include "network/netlink.h"

typedef struct LinkInfo {
        int index;
        char name[IF_NAMESIZE];
        char kind[16];                  /* "bridge", "tun", "veth", "vlan", "vxlan"; "" of a physical one */
        char mac[18];                   /* "" if it has none */
        unsigned flags;                 /* IFF_… */
        int master;                     /* index of its bridge; 0 = none */
        int parent;                     /* index of the interface below it (vlan) or its peer (veth); 0 = none */
        unsigned mtu;
        unsigned vlan;                  /* of a vlan */
        uint32_t vxlan;                 /* of a vxlan */
} LinkInfo;

typedef struct LinkCounters {
        char name[IF_NAMESIZE];
        uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
        uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
} LinkCounters;

/* 1 with *ret, 0 if there is none of that name. */
int link_get(Netlink *n, const char *name, LinkInfo *ret);
/* Its index; -ENODEV if there is none of that name. */
int link_index(Netlink *n, const char *name);
/* All, in an array owned by the caller. */
int link_list(Netlink *n, LinkInfo **ret, size_t *ret_n);
/* The counters as they stand since the interface was made; 1, or 0 if there is none. rx is what came in from outside of the
 * host's end: of a guest's tap what the guest sent. */
int link_counters(Netlink *n, const char *name, LinkCounters *ret);
int link_list_counters(Netlink *n, LinkCounters **ret, size_t *ret_n);

/* A bridge without spanning tree and forward delay, so that a new port forwards at once. @mac NULL = the kernel's choice, which
 * changes with the ports; @ageing in seconds, 0 = the kernel's. Down. */
int link_add_bridge(Netlink *n, const char *name, const char *mac, unsigned ageing);
int link_add_veth(Netlink *n, const char *name, const char *peer);
/* On @parent, with @id 1 to 4094. */
int link_add_vlan(Netlink *n, const char *name, const char *parent, unsigned id);
/* @remote: the peer, or a multicast group, which needs @parent; else NULL. UDP port 4789. */
int link_add_vxlan(Netlink *n, const char *name, uint32_t id, const IpAddress *remote, const char *parent);
/* A persistent tap that @uid may open, or anybody who may change the network ((uid_t) -1). It is made in the namespace of the
 * calling thread. -ENOENT: there is no /dev/net/tun. */
int link_add_tap(const char *name, uid_t uid);
int link_delete(Netlink *n, const char *name);

int link_set_up(Netlink *n, const char *name, bool up);
int link_set_mtu(Netlink *n, const char *name, unsigned mtu);
int link_set_mac(Netlink *n, const char *name, const char *mac);
/* Puts @name into bridge @master; NULL takes it out. Being in it already is fine. */
int link_set_master(Netlink *n, const char *name, const char *master);
/* Whether frames may leave by the port they came in by. */
int link_set_hairpin(Netlink *n, const char *name, bool on);

/* "VLAN devices (CONFIG_VLAN_8021Q)"; "" of a kind that every kernel has. */
const char *link_kind_reason(const char *kind);

/* The RTM_NEWLINK at @h. -EBADMSG for what is none. Private to network. */
int link_parse(const struct nlmsghdr *h, LinkInfo *ret);

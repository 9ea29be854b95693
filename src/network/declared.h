/* The local networks as the configuration declares them: options `network` and `network_port`, one value each, as
 *
 *   network = name=private, cidr=10.1.0.0/24, dhcp=yes, dns=192.0.2.53
 *   network_port = id=<uuid>, network=private, mac=fa:16:3e:00:00:05, address=10.1.0.5
 *
 * Immutable once read. The parser takes any text: it is fuzzed. */
#pragma once

#include "config/config.h"
#include "network/ip.h"
#include "objects/exception.h"

#define NETWORK_INTERFACE_MAX 15        /* characters of an interface's name (IFNAMSIZ less NUL) */
#define NETWORK_DNS_MAX 8

typedef enum VifType {
        VIF_BRIDGE,             /* the hypervisor makes the tap and puts it into the bridge */
        VIF_TAP,                /* we make it */
        _VIF_TYPE_MAX,
} VifType;
const char *vif_type_to_string(VifType t);

typedef struct Subnet {
        IpPrefix prefix;
        IpAddress first, last;          /* addresses are leased from first to last */
        IpAddress gateway;              /* what guests are told; not set = none */
        IpAddress host;                 /* this host's own on the bridge; not set = none. DHCP answers from it */
} Subnet;

typedef struct DeclaredNetwork {
        char *id;                       /* uuid: given, or made of the name, so that it is the same on every start */
        char *name;
        Subnet subnets[2];              /* at most one of each version, 4 first */
        size_t n_subnets;
        char *bridge;
        char *interface;                /* this host's, put into the bridge (or what the vlan is on); NULL = none */
        unsigned vlan;                  /* 0 = none */
        int64_t vxlan;                  /* network identifier, -1 = none */
        IpAddress remote;               /* of the vxlan: the peer or the multicast group */
        IpAddress dns[NETWORK_DNS_MAX];
        size_t n_dns;
        bool dhcp;
        bool no_filter;                 /* guests may say that they are others */
        unsigned mtu;                   /* 0 = the kernel's */
        VifType vif;
        char *origin;                   /* "/etc/nova/nova.conf:12" */
} DeclaredNetwork;

typedef struct DeclaredPort {
        char *id;
        char *mac;
        size_t network;                 /* which of the table's */
        IpAddress addresses[2];
        size_t n_addresses;
        char *origin;
} DeclaredPort;

typedef struct NetworkTable {
        DeclaredNetwork *networks;
        size_t n;
        DeclaredPort *ports;
        size_t n_ports;
} NetworkTable;

/* Reads both options. A bad value is InvalidConfiguration, which names file, line, value and what is allowed. */
int network_table_read(NetworkTable *ret, const Config *config, NovaException *e);
void network_table_done(NetworkTable *t);

/* One value of either option, added to the table. @origin is told in errors. */
int network_table_add_network(NetworkTable *t, const char *text, const char *origin, NovaException *e);
int network_table_add_port(NetworkTable *t, const char *text, const char *origin, NovaException *e);

/* By id or name; NULL if there is none. */
const DeclaredNetwork *network_table_find(const NetworkTable *t, const char *id_or_name);
const DeclaredPort *network_table_find_port(const NetworkTable *t, const char *id);
/* The subnet of that network that holds @a, or NULL. */
const Subnet *network_subnet_of(const DeclaredNetwork *n, const IpAddress *a);
const Subnet *network_subnet_of_version(const DeclaredNetwork *n, int version);

/* The uuid that a network called @name has unless one is given. */
void network_id_of_name(const char *name, char buf[static 37]);
/* "fa:16:3e:01:02:03" in lower case, of a card of its own (not multicast, not zero). -EINVAL. */
int mac_parse(const char *text, char buf[static 18]);

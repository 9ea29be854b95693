/* DHCP for a declared network, by dnsmasq (essex 16): one for each, run from a configuration of ours below networks_path. It answers
 * only those whose lease stands in its file of hosts, and always with that address. It outlives this daemon: the next one finds it by
 * its process id, looks whether that process is ours (its program and its configuration), and goes on with it.
 *
 * Files of network <id>: <id>.conf, <id>.hosts, <id>.pid, <id>.leases. Workers only; blocks up to DHCP_START_TIMEOUT. Calls for one
 * network must not overlap: local-host.c sees to it. */
#pragma once

#include "network/declared.h"
#include "objects/virtual-interface.h"

#define DHCP_START_TIMEOUT (15 * USEC_PER_SEC)

typedef struct DhcpSettings {
        char *directory;                /* networks_path */
        char *domain;                   /* dhcp_domain; "" = none */
        char *config_file;              /* dnsmasq_config_file; "" = none */
        unsigned lease_time;            /* seconds */
        IpAddress dns[NETWORK_DNS_MAX]; /* dns_server: for networks without dns= */
        size_t n_dns;
} DhcpSettings;

int dhcp_settings_read(DhcpSettings *ret, const Config *config, NovaException *e);
void dhcp_settings_done(DhcpSettings *s);

/* Makes it so that a dnsmasq of ours answers for @vifs (those of the network): starts one, tells the one that runs of what
 * changed (SIGHUP), or starts it anew when its configuration is another. Returns 1 when something was done, 0 when all was well.
 * -ENOENT: dnsmasq is not installed; other failures with what dnsmasq said. */
int dhcp_update(const DhcpSettings *s, const DeclaredNetwork *n, const VirtualInterfaceList *vifs, NovaException *e);
/* Ends it and removes its files. 1, or 0: there was none. */
int dhcp_stop(const DhcpSettings *s, const char *network_id);
/* 1 with its process id, or 0. */
int dhcp_find(const DhcpSettings *s, const char *network_id, pid_t *ret);
/* Ids of the networks that have files here, running or not, NULL-terminated (strv_free). */
int dhcp_list(const DhcpSettings *s, char ***ret);

/* Tells the server that the holder of @address goes, in its name: it may be given to another at once. Best effort. */
int dhcp_release(const DeclaredNetwork *n, const char *mac, const IpAddress *address);

/* The two files' texts; malloc'ed. Private to network, and its tests. */
char *dhcp_configuration(const DhcpSettings *s, const DeclaredNetwork *n);
char *dhcp_hosts(const DhcpSettings *s, const DeclaredNetwork *n, const VirtualInterfaceList *vifs);

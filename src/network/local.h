/* The local network manager: networks that the configuration declares, addresses leased from our own store, bridges of this
 * host. It is what stands behind network_api_* with network_backend = local.
 *
 * Thread-safe; every function may block on the store or the kernel: workers only. Nova's exceptions are named at each; what the
 * store could not do is -errno with a NovaException. */
#pragma once

#include "network/declared.h"
#include "network/leases.h"
#include "objects/context.h"
#include "objects/instance.h"

typedef struct LocalNetworks LocalNetworks;

/* Reads the declarations: InvalidConfiguration. Nothing of the host is touched. */
int local_networks_new(LocalNetworks **ret, const Config *config, NovaException *e);
LocalNetworks *local_networks_free(LocalNetworks *l);
DEFINE_CLEANUP(LocalNetworks *, local_networks_free)
/* Borrowed; before other threads use @l. Without leases what allocates fails. */
void local_networks_set_leases(LocalNetworks *l, Leases *leases);
const NetworkTable *local_networks_table(const LocalNetworks *l);

/* All that the instance asks for, or nothing (zed 6.1, 6.4). What it has already is given back before, unless it is just
 * that: so a build that runs again after a kill finds the same addresses. *ret is the network_info.
 * NetworkNotFound, NetworkAmbiguous, FixedIpInvalid, FixedIpNotFoundForNetwork, FixedIpAlreadyInUse, NoMoreFixedIps,
 * PortNotFound, PortInUse, NetworkDuplicated, VirtualInterfaceMacAddressException, InvalidInput. */
int local_networks_allocate(LocalNetworks *l, const Instance *i, const json_t *requested, json_t **ret, NovaException *e);
/* Gives back what it has, which may be nothing. */
int local_networks_deallocate(LocalNetworks *l, const Instance *i, NovaException *e);
/* As it stands now. VIFs of networks that are not declared are as the instance's cache has them. */
int local_networks_info(LocalNetworks *l, const Instance *i, json_t **ret, NovaException *e);

/* One interface more (zed 7.10): *ret_vif is it. @network, @port, @address, @tag may be NULL. InterfaceAttachFailedNoNetwork
 * when no network is declared, NetworkAmbiguous when it is not clear which; else as allocate. */
int local_networks_attach(LocalNetworks *l, const Instance *i, const char *network, const char *port, const char *address,
                          const char *tag, json_t **ret_vif, NovaException *e);
/* One less: PortNotFound. */
int local_networks_detach(LocalNetworks *l, const Instance *i, const char *port, NovaException *e);

/* A further address of the network on the instance's interface in it: NetworkNotFound, NoMoreFixedIps. */
int local_networks_add_fixed_ip(LocalNetworks *l, const Instance *i, const char *network, NovaException *e);
/* FixedIpNotFoundForSpecificInstance, FixedIpInvalid. */
int local_networks_remove_fixed_ip(LocalNetworks *l, const Instance *i, const char *address, NovaException *e);

/* Makes this host ready for the VIF, and takes away what was made for it alone: see network/api.h. VIFs of networks that are
 * not declared are left to who made them. */
int local_networks_plug(LocalNetworks *l, const Instance *i, const json_t *vif, NovaException *e);
int local_networks_unplug(LocalNetworks *l, const Instance *i, const json_t *vif, NovaException *e);

/* [{uuid, mac_address, bw_in, bw_out}] as the driver's get_all_bw_usage: bytes into and out of each guest since its tap was made. */
int local_networks_counters(LocalNetworks *l, json_t **ret, NovaException *e);

/* What nobody has use for: leases of instances that are not among @instances (uuids of all that are not deleted, NULL-terminated) nor
 * @exists now, taps of ours without a lease, dnsmasq of networks that are declared no more. Each is named in the log and taken away. Returns how
 * many there were. */
int local_networks_sweep(LocalNetworks *l, const char *const *instances, InstanceExists exists, void *userdata, NovaException *e);

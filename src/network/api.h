/* network.API of the seed (essex 17.1), with two back ends behind the same functions; network_backend says which:
 *
 *   local      the networks that the configuration declares, on this host (local.h): nothing else is needed. The default.
 *   service    the client of a network service. Messages go out in Essex's form to network_topic; the calls block until
 *              it answers or rpc_response_timeout has passed.
 *
 * Thread-safe; workers only. Failures: with local as local.h says; with service what the Messenger returned, with @e, and
 * -ENOTCONN when there is no Messenger. What only local has (said below) is NotImplementedError with service. */
#pragma once

#include "config/config.h"
#include "network/leases.h"
#include "objects/instance.h"
#include "objects/messenger.h"

typedef struct NetworkApi NetworkApi;

/* By network_api_class and network_backend; an unknown class is ClassNotFound, a bad declaration InvalidConfiguration. @m is
 * borrowed, may be NULL and be set later. */
int network_api_new(NetworkApi **ret, const Config *config, Messenger *m, NovaException *e);
NetworkApi *network_api_free(NetworkApi *a);
DEFINE_CLEANUP(NetworkApi *, network_api_free)
/* Before other threads use @a. Both borrowed. */
void network_api_set_messenger(NetworkApi *a, Messenger *m);
void network_api_set_leases(NetworkApi *a, Leases *l);
bool network_api_is_local(const NetworkApi *a);

/* Call. @requested_networks: what the request brought (NetworkRequestList, list of tuples, null). *ret is Nova's list of VIFs
 * (a new reference, NULL for null). */
int network_api_allocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, bool vpn,
                                      const json_t *requested_networks, json_t **ret, NovaException *e);
/* Cast. With local all is given back when it returns. */
int network_api_deallocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, NovaException *e);
/* Call. The service's InstanceNotFound becomes ours. */
int network_api_get_instance_nw_info(NetworkApi *a, const RequestContext *c, const Instance *i, json_t **ret, NovaException *e);
/* Call; the network service tells network.<host>. With local: plugs, or with @teardown unplugs, all VIFs of the instance. */
int network_api_setup_networks_on_host(NetworkApi *a, const RequestContext *c, const Instance *i, const char *host,
                                       bool teardown, NovaException *e);
/* Casts. With local done when they return. */
int network_api_add_fixed_ip_to_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *network_id, NovaException *e);
int network_api_remove_fixed_ip_from_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *address, NovaException *e);

/* ---- local only ---- */

/* One interface more for attach_interface (zed 7.10), *ret_vif its VIF; any of the texts may be NULL. And one less. */
int network_api_allocate_port_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *network_id,
                                           const char *port_id, const char *requested_ip, const char *tag, json_t **ret_vif,
                                           NovaException *e);
int network_api_deallocate_port_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *port_id,
                                             NovaException *e);

/* Makes this host ready for the VIF (its bridge and what is below it, its tap if its type is tap, DHCP): before the guest
 * starts; again is fine. unplug takes away what plug made for this VIF alone: after the guest is gone. With service both do
 * nothing: the service's own agents do. VirtualInterfacePlugException, VirtualInterfaceUnplugException. */
int network_api_plug(NetworkApi *a, const Instance *i, const json_t *vif, NovaException *e);
int network_api_unplug(NetworkApi *a, const Instance *i, const json_t *vif, NovaException *e);
/* Of a whole network_info, in order. plug_all unplugs those already plugged when one fails. */
int network_api_plug_all(NetworkApi *a, const Instance *i, const json_t *network_info, NovaException *e);
int network_api_unplug_all(NetworkApi *a, const Instance *i, const json_t *network_info, NovaException *e);

/* Whether networks are declared, and whether one's bridge is called so. */
bool network_api_has_networks(const NetworkApi *a);
bool network_api_is_bridge(const NetworkApi *a, const char *name);

/* Counters of the guests' interfaces, as the driver's get_all_bw_usage gives them. */
int network_api_get_all_bw_usage(NetworkApi *a, json_t **ret, NovaException *e);
/* At start and now and then: takes away what belongs to none of @instances (the uuids of this host's, NULL-terminated) nor to one that
 * @exists since; each is named in the log. How many; 0 with service. */
int network_api_sweep(NetworkApi *a, const char *const *instances, InstanceExists exists, void *userdata, NovaException *e);

/* network_manager of the seed: constructed, never run, inside compute (essex 17.2). Its name must be one we know
 * (nova.network.manager.{Flat,FlatDHCP,Vlan}Manager, nova.network.quantum.manager.QuantumManager, or the class alone)
 * else ClassNotFound. @name NULL = option network_manager. */
typedef struct NetworkManager NetworkManager;
int network_manager_load(const Config *config, const char *name, NetworkManager **ret, NovaException *e);
NetworkManager *network_manager_free(NetworkManager *m);
DEFINE_CLEANUP(NetworkManager *, network_manager_free)
const char *network_manager_name(const NetworkManager *m);      /* the full name */

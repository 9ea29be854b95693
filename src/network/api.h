/* network.API of the seed: the client of the network service (essex 17.1). Messages go out in Essex's form to
 * network_topic. The calls block until the service answers or rpc_response_timeout has passed: workers only; the casts
 * never wait. Thread-safe.
 *
 * Failures: what the Messenger returned, with @e; -ENOTCONN when there is no Messenger. */
#pragma once

#include "config/config.h"
#include "objects/instance.h"
#include "objects/messenger.h"

typedef struct NetworkApi NetworkApi;

/* By network_api_class; an unknown name is ClassNotFound. @m is borrowed, may be NULL and be set later. */
int network_api_new(NetworkApi **ret, const Config *config, Messenger *m, NovaException *e);
NetworkApi *network_api_free(NetworkApi *a);
DEFINE_CLEANUP(NetworkApi *, network_api_free)
/* Before other threads use @a. */
void network_api_set_messenger(NetworkApi *a, Messenger *m);

/* Calls; *ret is Nova's list of VIFs (a new reference, NULL for null). */
int network_api_allocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, bool vpn,
                                      const json_t *requested_networks, json_t **ret, NovaException *e);
/* Cast. */
int network_api_deallocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, NovaException *e);
/* Call. The service's InstanceNotFound becomes ours. */
int network_api_get_instance_nw_info(NetworkApi *a, const RequestContext *c, const Instance *i, json_t **ret, NovaException *e);
/* Call; the network service tells network.<host>. */
int network_api_setup_networks_on_host(NetworkApi *a, const RequestContext *c, const Instance *i, const char *host,
                                       bool teardown, NovaException *e);
/* Casts. */
int network_api_add_fixed_ip_to_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *network_id, NovaException *e);
int network_api_remove_fixed_ip_from_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *address, NovaException *e);

/* network_manager of the seed: constructed, never run, inside compute (essex 17.2). Its name must be one we know
 * (nova.network.manager.{Flat,FlatDHCP,Vlan}Manager, nova.network.quantum.manager.QuantumManager, or the class alone)
 * else ClassNotFound. @name NULL = option network_manager. */
typedef struct NetworkManager NetworkManager;
int network_manager_load(const Config *config, const char *name, NetworkManager **ret, NovaException *e);
NetworkManager *network_manager_free(NetworkManager *m);
DEFINE_CLEANUP(NetworkManager *, network_manager_free)
const char *network_manager_name(const NetworkManager *m);      /* the full name */

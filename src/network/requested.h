/* The networks that a build asks for: Nova's NetworkRequestList (zed 6.1), Essex's list of [network, address] (essex 17.1),
 * the tuples in between, or null. Pure; takes any JSON: it is fuzzed. */
#pragma once

#include <jansson.h>

#include "network/ip.h"
#include "objects/exception.h"

#define NETWORK_REQUESTS_MAX 64

typedef struct NetworkRequest {
        char *network;                  /* id or name; NULL = not said */
        IpAddress address;              /* not set = any */
        char *port;                     /* id; NULL = a new one */
        char *tag;
} NetworkRequest;

typedef struct NetworkRequests {
        bool none;                      /* "none": no network at all */
        bool any;                       /* nothing asked for, or "auto": what there is, if it is clear which */
        NetworkRequest *items;
        size_t n;
} NetworkRequests;

/* InvalidInput for what has no such shape, FixedIpInvalid for what is no address, NetworkDuplicated for a port asked for twice. */
int network_requests_read(const json_t *requested, NetworkRequests *ret, NovaException *e);
void network_requests_done(NetworkRequests *r);

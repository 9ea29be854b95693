/* transport_url: rabbit://user:pass@host1:5672,user:pass@host2:5672/vhost?option=value (zed 1.1).
 * Pure values; thread-safe on objects of one's own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "basic/macros.h"

typedef enum TransportKind {
        TRANSPORT_RABBIT,               /* rabbit://, kombu:// */
        TRANSPORT_FAKE,                 /* fake://: in-process */
        _TRANSPORT_KIND_MAX,
} TransportKind;

typedef struct TransportHost {
        char *host;                     /* without brackets; "localhost" when it was empty */
        uint16_t port;
        char *user;                     /* percent-decoded; "" when none (not inherited from the others) */
        char *password;
} TransportHost;

typedef struct TransportUrl {
        TransportKind kind;
        TransportHost *hosts;
        size_t n_hosts;                 /* at least 1 for TRANSPORT_RABBIT */
        char *vhost;                    /* "/" when the path is empty */
        char **query;                   /* "name=value" percent-decoded, NULL-terminated; in order */
} TransportUrl;

#define TRANSPORT_URL_NULL (TransportUrl){}

/* Parses @text. Returns 0 with *ret filled (transport_url_done), or -EINVAL with a sentence in @why, which never quotes
 * what may be a password, or -ENOMEM. */
int transport_url_parse(const char *text, TransportUrl *ret, char *why, size_t why_size);

/* One host by its parts, as the rabbit_host, rabbit_port, rabbit_userid, rabbit_password of Essex name it. IPv6 may be
 * in brackets. Returns 0 or -ENOMEM. */
int transport_url_add_host(TransportUrl *u, const char *host, uint16_t port, const char *user, const char *password);

/* One host as "host", "host:port" or "[IPv6]:port", as rabbit_hosts lists them. @port: when it names none. 0, -EINVAL
 * with
 * @why, or -ENOMEM. */
int transport_url_add_address(TransportUrl *u, const char *address, uint16_t port, const char *user,
                              const char *password, char *why, size_t why_size);

/* Puts the hosts into a random order, so that a fleet does not all take the first. */
void transport_url_shuffle(TransportUrl *u);

/* The last value given for @name in the query, or NULL. */
const char *transport_url_query(const TransportUrl *u, const char *name);

void transport_url_done(TransportUrl *u);

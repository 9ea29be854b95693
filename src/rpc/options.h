/* What the configuration says about RPC, read once: the option table's values with the transport_url's query over them.
 * Immutable after rpc_options_read, so that all threads may read it. */
#pragma once

#include "basic/time-util.h"
#include "config/config.h"
#include "objects/exception.h"
#include "rpc/topology.h"
#include "rpc/url.h"

typedef enum RpcLogin {
        RPC_LOGIN_PLAIN,
        RPC_LOGIN_EXTERNAL,             /* by the client certificate */
        _RPC_LOGIN_MAX,
} RpcLogin;

typedef struct RpcTls {
        bool enabled;
        bool verify;                    /* chain and name */
        bool verify_name;
        char *ca_file;                  /* NULL = the system's */
        char *cert_file, *key_file;     /* NULL = no client certificate */
        int min_version, max_version;   /* OpenSSL's TLS1_2_VERSION …; 0 = any that is safe */
} RpcTls;

typedef struct RpcOptions {
        TransportUrl url;               /* shuffled */
        char *host;                     /* CONF.host, of queue names */
        char *program;                  /* of queue and connection names */
        char *exchange;                 /* control_exchange */
        RpcLogin login;
        RpcTls tls;
        TopologyOptions topology;       /* strings belong to this */

        unsigned heartbeat;             /* seconds; 0 = none */
        unsigned heartbeat_rate;        /* heartbeats sent in that time, at least */
        usec_t retry_first, retry_step, retry_max;
        usec_t splay;                   /* random share of a wait, at least */
        bool shuffle_on_failure;        /* kombu_failover_strategy */

        unsigned prefetch;              /* per consumer; never 0 */
        bool cancel_on_failover;
        uint64_t max_message_size;
        usec_t response_timeout;
        usec_t missing_queue_timeout;   /* kombu_missing_consumer_retry_timeout */
        bool mandatory;                 /* direct_mandatory_flag */
} RpcOptions;

/* Returns 0 with *ret (rpc_options_free), -EINVAL with @e naming option and value (never a password), -ENOMEM. */
int rpc_options_read(const Config *c, RpcOptions **ret, NovaException *e);
/* The same with another broker: cast_to_server. */
int rpc_options_read_url(const Config *c, const char *url, RpcOptions **ret, NovaException *e);
RpcOptions *rpc_options_free(RpcOptions *o);
DEFINE_CLEANUP(RpcOptions *, rpc_options_free)

/* How long to wait before the next try to connect. @attempt: failures since it was good, at least 1. While the port
 * refuses, and for a minute only, tries are short: a broker that restarts is found at once. Else the options' interval,
 * growing by the back-off up to the maximum, and up to a quarter more at random. @random: any number. */
usec_t rpc_options_retry_delay(const RpcOptions *o, unsigned attempt, bool refused, usec_t outage, uint32_t random);

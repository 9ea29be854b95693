/* Reads [DEFAULT] and [oslo_messaging_rabbit]. A value in the transport_url's query beats the option of that name. */
#include "rpc/options.h"

#include <assert.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <strings.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"

#define GROUP "oslo_messaging_rabbit."
#define HEARTBEAT_MAX 65535
#define PREFETCH_MAX 65535
#define QUICK_RETRIES_FOR (60 * USEC_PER_SEC)

typedef struct Reader {
        const Config *config;
        const TransportUrl *url;
        NovaException *e;
        int failed;
} Reader;

static const char *query_of(Reader *d, const char *name) {
        return transport_url_query(d->url, name);
}

static void reject(Reader *d, const char *name, const char *value, const char *allowed) {
        d->failed = -EINVAL;
        exception_setf(d->e, EXC_INVALID, "transport_url: %s=%s is not valid; allowed is %s", name, value, allowed);
}

static const char *option_string(Reader *d, const char *option, const char *name) {
        const char *value = query_of(d, name);

        return value ? value : config_string(d->config, option);
}

static bool option_boolean(Reader *d, const char *option, const char *name) {
        static const char *const yes[] = {"1", "true", "yes", "on", "t", "y"};
        static const char *const no[] = {"0", "false", "no", "off", "f", "n"};
        const char *value = query_of(d, name);

        if (!value)
                return config_boolean(d->config, option);
        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(value, yes[i]) == 0)
                        return true;
                if (strcasecmp(value, no[i]) == 0)
                        return false;
        }
        reject(d, name, value, "true or false");
        return false;
}

static int64_t option_integer(Reader *d, const char *option, const char *name, int64_t max) {
        const char *value = query_of(d, name);
        int64_t n = 0;

        if (!value)
                return MIN(config_integer(d->config, option), max);
        if (*value == '\0' || strlen(value) > 12 || strspn(value, "0123456789") != strlen(value)) {
                reject(d, name, value, "a whole number from 0");
                return 0;
        }
        for (; *value; value++)
                n = n * 10 + (*value - '0');
        return MIN(n, max);
}

#define TEXT(name) option_string(&d, GROUP name, name)
#define BOOL(name) option_boolean(&d, GROUP name, name)
#define NUMBER(name, max) option_integer(&d, GROUP name, name, max)

static int copy(char **ret, const char *s) {
        if (isempty(s)) {
                *ret = NULL;
                return 0;
        }
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_url(const Config *c, const char *text, TransportUrl *ret, NovaException *e) {
        char why[256] = "";
        int r;

        if (!isempty(text)) {
                r = transport_url_parse(text, ret, why, sizeof why);
                if (r == -EINVAL)
                        exception_setf(e, EXC_INVALID, "%s", why);
                return r;
        }

        /* Essex named the parts one by one; their defaults are the broker on this host. */
        const char *const *hosts = config_list(c, "rabbit_hosts"), *user = config_string(c, "rabbit_userid"),
                          *password = config_string(c, "rabbit_password");
        uint16_t port = (uint16_t) config_integer(c, "rabbit_port");

        *ret = (TransportUrl){.kind = TRANSPORT_RABBIT,
                              .vhost = strdup(config_string(c, "rabbit_virtual_host") ?: "/")};
        if (!ret->vhost)
                return -ENOMEM;
        if (!*hosts)
                return transport_url_add_host(ret, config_string(c, "rabbit_host") ?: "localhost", port, user,
                                              password);
        for (; *hosts; hosts++) {
                r = transport_url_add_address(ret, *hosts, port, user, password, why, sizeof why);
                if (r == -EINVAL)
                        exception_setf(e, EXC_INVALID, "rabbit_hosts: '%s': %s", *hosts, why);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_tls(Reader *dp, RpcTls *t) {
        static const struct {
                const char *name;
                int version;
        } versions[] = {{"", 0}, {"SSLv23", 0}, {"TLS", 0}, {"TLSv1_2", TLS1_2_VERSION}, {"TLSv1_3", TLS1_3_VERSION},
                        {"TLSv1", 0}};
        Reader d = *dp;
        const char *version = strempty(TEXT("ssl_version"));
        bool known = false;
        int r;

        t->enabled = BOOL("ssl");
        t->verify = BOOL("ssl_verify");
        t->verify_name = t->verify && BOOL("ssl_enforce_hostname_verification");
        if ((r = copy(&t->ca_file, TEXT("ssl_ca_file"))) < 0 || (r = copy(&t->cert_file, TEXT("ssl_cert_file"))) < 0 ||
            (r = copy(&t->key_file, TEXT("ssl_key_file"))) < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(versions); i++)
                if (strcasecmp(versions[i].name, version) == 0) {
                        t->min_version = t->max_version = versions[i].version;
                        known = true;
                }
        if (!known && t->enabled) {
                d.failed = -EINVAL;
                exception_setf(d.e, EXC_INVALID, "oslo_messaging_rabbit.ssl_version: '%s' is not known; "
                               "TLSv1_2 and TLSv1_3 are, or empty for the best", version);
        }
        if (t->enabled && !t->verify)
                log_warning("oslo_messaging_rabbit.ssl_verify is false: whoever answers is taken for the broker");
        else if (t->enabled && !t->verify_name)
                log_warning("oslo_messaging_rabbit.ssl_enforce_hostname_verification is false: any host that the "
                            "CA knows is taken for the broker");
        if (t->enabled && t->key_file && !t->cert_file) {
                d.failed = -EINVAL;
                exception_setf(d.e, EXC_INVALID, "oslo_messaging_rabbit.ssl_key_file is set without ssl_cert_file");
        }
        *dp = d;
        return d.failed;
}

static int read_login(Reader *dp, const RpcTls *tls, RpcLogin *ret) {
        Reader d = *dp;
        const char *method = strempty(TEXT("rabbit_login_method"));

        if (strcasecmp(method, "EXTERNAL") == 0) {
                if (!tls->enabled || !tls->cert_file) {
                        d.failed = -EINVAL;
                        exception_setf(d.e, EXC_INVALID,
                                       "oslo_messaging_rabbit.rabbit_login_method=EXTERNAL logs in by certificate: "
                                       "ssl must be true and ssl_cert_file set");
                }
                *ret = RPC_LOGIN_EXTERNAL;
        } else if (strcasecmp(method, "PLAIN") == 0 || *method == '\0')
                *ret = RPC_LOGIN_PLAIN;
        else if (strcasecmp(method, "AMQPLAIN") == 0) {
                /* The same user and password in another order; every RabbitMQ takes both. */
                log_debug("rabbit_login_method AMQPLAIN: logging in by PLAIN");
                *ret = RPC_LOGIN_PLAIN;
        } else {
                d.failed = -EINVAL;
                exception_setf(d.e, EXC_INVALID, "oslo_messaging_rabbit.rabbit_login_method: '%s' is not known; "
                               "PLAIN, AMQPLAIN and EXTERNAL are", method);
        }
        *dp = d;
        return d.failed;
}

static int read_all(const Config *c, const char *url, RpcOptions **ret, NovaException *e) {
        _cleanup_(rpc_options_freep) RpcOptions *o = calloc(1, sizeof *o);
        const char *backend = config_string(c, "rpc_backend");
        int r;

        if (!o)
                return -ENOMEM;

        r = read_url(c, url, &o->url, e);
        if (r < 0)
                return r;
        if (config_boolean(c, "fake_rabbit") || (backend && (strstr(backend, "impl_fake") || streq(backend, "fake"))))
                o->url.kind = TRANSPORT_FAKE;
        if (o->url.kind == TRANSPORT_RABBIT && backend && !strstr(backend, "kombu") && !strstr(backend, "rabbit") &&
            !strstr(backend, "carrot")) {
                exception_setf(e, EXC_INVALID, "rpc_backend: '%s' is not built in; rabbit, nova.rpc.impl_kombu and "
                               "nova.rpc.impl_fake are", backend);
                return -EINVAL;
        }
        transport_url_shuffle(&o->url);

        Reader d = {.config = c, .url = &o->url, .e = e};
        if ((r = copy(&o->host, config_string(c, "host"))) < 0 ||
            (r = copy(&o->program, program_invocation_short_name)) < 0 ||
            (r = copy(&o->exchange, config_string(c, "control_exchange"))) < 0)
                return r;
        if (!o->host || !o->exchange) {
                exception_setf(e, EXC_INVALID, "%s: it is empty", o->host ? "control_exchange" : "host");
                return -EINVAL;
        }

        if ((r = read_tls(&d, &o->tls)) < 0 || (r = read_login(&d, &o->tls, &o->login)) < 0)
                return r;

        o->topology = (TopologyOptions){
                .exchange = o->exchange,
                .durable = BOOL("amqp_durable_queues"),
                .auto_delete = BOOL("amqp_auto_delete"),
                .ha = BOOL("rabbit_ha_queues"),
                .quorum = BOOL("rabbit_quorum_queue"),
                .quorum_delivery_limit = NUMBER("rabbit_quorum_delivery_limit", INT32_MAX),
                .quorum_max_length = NUMBER("rabbit_quorum_max_memory_length", INT32_MAX),
                .quorum_max_bytes = NUMBER("rabbit_quorum_max_memory_bytes", INT64_MAX),
                .transient_ttl = NUMBER("rabbit_transient_queues_ttl", INT32_MAX),
        };
        if (o->topology.ha && o->topology.quorum) {
                exception_setf(e, EXC_INVALID,
                               "oslo_messaging_rabbit: rabbit_ha_queues and rabbit_quorum_queue exclude each other");
                return -EINVAL;
        }

        o->heartbeat = (unsigned) NUMBER("heartbeat_timeout_threshold", HEARTBEAT_MAX);
        o->heartbeat_rate = MAX(2U, (unsigned) NUMBER("heartbeat_rate", 100));
        o->retry_first = MAX((usec_t) 1, (usec_t) NUMBER("rabbit_retry_interval", 3600)) * USEC_PER_SEC;
        o->retry_step = (usec_t) NUMBER("rabbit_retry_backoff", 3600) * USEC_PER_SEC;
        o->retry_max = MAX(o->retry_first, (usec_t) NUMBER("rabbit_interval_max", 86400) * USEC_PER_SEC);
        o->splay = (usec_t) (config_float(c, GROUP "kombu_reconnect_splay") * (double) USEC_PER_SEC);
        o->shuffle_on_failure = streq(strempty(TEXT("kombu_failover_strategy")), "shuffle");

        o->prefetch = (unsigned) NUMBER("rabbit_qos_prefetch_count", PREFETCH_MAX);
        if (o->prefetch == 0) {
                /* 0 means no limit to oslo.messaging, which makes one host take all of a shared queue. */
                o->prefetch = (unsigned) MAX(config_integer(c, "rpc_thread_pool_size"), (int64_t) 8);
        }
        o->cancel_on_failover = BOOL("enable_cancel_on_failover");
        o->mandatory = BOOL("direct_mandatory_flag");
        o->missing_queue_timeout = (usec_t) NUMBER("kombu_missing_consumer_retry_timeout", 86400) * USEC_PER_SEC;
        o->max_message_size = (uint64_t) MAX(config_integer(c, "rpc_max_message_size"), (int64_t) 1024);
        o->response_timeout = (usec_t) MAX(config_integer(c, "rpc_response_timeout"), (int64_t) 1) * USEC_PER_SEC;

        if (d.failed < 0)
                return d.failed;
        *ret = TAKE_PTR(o);
        return 0;
}

int rpc_options_read(const Config *c, RpcOptions **ret, NovaException *e) {
        return read_all(c, config_string(c, "transport_url"), ret, e);
}

int rpc_options_read_url(const Config *c, const char *url, RpcOptions **ret, NovaException *e) {
        return read_all(c, url, ret, e);
}

RpcOptions *rpc_options_free(RpcOptions *o) {
        if (!o)
                return NULL;
        transport_url_done(&o->url);
        free(o->host);
        free(o->program);
        free(o->exchange);
        free(o->tls.ca_file);
        free(o->tls.cert_file);
        free(o->tls.key_file);
        free(o);
        return NULL;
}

usec_t rpc_options_retry_delay(const RpcOptions *o, unsigned attempt, bool refused, usec_t outage, uint32_t random) {
        usec_t delay;

        assert(o);
        if (refused && outage < QUICK_RETRIES_FOR)
                return 150 * USEC_PER_MSEC + random % (150 * USEC_PER_MSEC);

        attempt = MIN(MAX(attempt, 1U), 100000U);
        delay = MIN(o->retry_first + (attempt - 1) * o->retry_step, o->retry_max);
        return delay + random % (MAX(delay / 4, o->splay) + 1);
}

/* From nothing to logged in: socket, TLS, login. Runs on the link's thread and may wait; each step has a limit, but for
 * the resolver, which has its own. */
#include "rpc/link-internal.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>

#include "basic/id.h"

#define CONNECT_TIMEOUT 5               /* seconds, TCP and TLS together */
#define LOGIN_TIMEOUT 10
#define ANSWER_TIMEOUT 10
#define FRAME_MAX 131072
#define CHANNEL_MAX 16

/* OpenSSL tells here which certificate it does not like and why; afterwards only "verify failed" is left. */
static int on_verify(int ok, X509_STORE_CTX *store) {
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        Link *l = ssl ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;

        if (!ok && l && !*l->tls_reason)
                snprintf(l->tls_reason, sizeof l->tls_reason, "%s",
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        return ok;
}

static int tls_file_failed(Link *l, const char *option, const char *path) {
        unsigned long code = ERR_peek_last_error();
        const char *why = ERR_reason_error_string(code);

        if (access(path, R_OK) < 0)
                link_set_reason(l, "oslo_messaging_rabbit.%s: cannot read %s: %s", option, path,
                                strerrordesc_np(errno));
        else
                link_set_reason(l, "oslo_messaging_rabbit.%s: %s holds nothing usable: %s", option, path,
                                why ? why : "no certificate");
        ERR_clear_error();
        return -EINVAL;
}

/* The library verifies by itself, but knows no addresses in certificates and does not say what was wrong: OpenSSL does
 * both within the handshake. */
static int tls_prepare(Link *l, amqp_socket_t *socket, const char *host) {
        const RpcTls *t = &l->options->tls;
        SSL_CTX *ctx = amqp_ssl_socket_get_context(socket);
        X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
        unsigned char address[16];

        ERR_clear_error();
        l->tls_reason[0] = '\0';
        amqp_ssl_socket_set_verify_peer(socket, false);
        amqp_ssl_socket_set_verify_hostname(socket, false);
        (void) SSL_CTX_set_app_data(ctx, l);
        (void) SSL_CTX_set_min_proto_version(ctx, t->min_version ? t->min_version : TLS1_2_VERSION);
        (void) SSL_CTX_set_max_proto_version(ctx, t->max_version);
        SSL_CTX_set_verify(ctx, t->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verify);

        if (t->verify) {
                if (t->ca_file ? SSL_CTX_load_verify_locations(ctx, t->ca_file, NULL) != 1
                               : SSL_CTX_set_default_verify_paths(ctx) != 1)
                        return tls_file_failed(l, "ssl_ca_file", t->ca_file ? t->ca_file : "the system's store");
                if (t->verify_name) {
                        bool is_address =
                                inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;

                        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
                        if ((is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
                                        : X509_VERIFY_PARAM_set1_host(param, host, 0)) != 1)
                                return -ENOMEM;
                }
        }
        if (t->cert_file) {
                const char *key = t->key_file ? t->key_file : t->cert_file;

                if (SSL_CTX_use_certificate_chain_file(ctx, t->cert_file) != 1)
                        return tls_file_failed(l, "ssl_cert_file", t->cert_file);
                if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
                        return tls_file_failed(l, "ssl_key_file", key);
        }
        return 0;
}

static int connect_failed(Link *l, int status, bool tls) {
        int error = errno;

        if (tls && *l->tls_reason) {
                link_set_reason(l, "TLS: the certificate of the broker is refused: %s", l->tls_reason);
                return -ENOTCONN;
        }
        if (tls && status <= AMQP_STATUS_SSL_ERROR) {
                const char *why = ERR_reason_error_string(ERR_peek_last_error());

                link_set_reason(l, "TLS: the handshake failed: %s", why ? why : "the broker closed the socket");
                return -ENOTCONN;
        }
        /* The library leaves errno of the last connect(2), and of a late refusal only SO_ERROR would have told. */
        if (status == AMQP_STATUS_SOCKET_ERROR) {
                bool told = error == ECONNREFUSED || error == ENETUNREACH || error == EHOSTUNREACH ||
                            error == ETIMEDOUT || error == EACCES || error == EMFILE || error == ENFILE;

                l->refused = !told || error == ECONNREFUSED;
                link_set_reason(l, "connecting: %s", told ? strerrordesc_np(error) : "Connection refused");
                return -ENOTCONN;
        }
        if (status == AMQP_STATUS_TIMEOUT)
                link_set_reason(l, "connecting: no answer within %d seconds", CONNECT_TIMEOUT);
        return link_check_status(l, status, "connecting");
}

/* The kernel notices a dead peer as the heartbeat does, also while only acknowledgements are missing. */
static void tune_socket(Link *l, int fd) {
        int on = 1, buffer = 256 * 1024, seconds = l->options->heartbeat > 0 ? (int) l->options->heartbeat : 60;
        unsigned ms = (unsigned) seconds * 1000;
        int idle = MAX(1, seconds / 3), interval = MAX(1, seconds / 6), count = 3;

        (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);   /* link_try_lock counts on some room */
}

static amqp_table_entry_t entry_text(const char *key, const char *text) {
        return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                    .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(text)}};
}

static amqp_table_entry_t entry_true(const char *key) {
        return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                    .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

static int login(Link *l, const TransportHost *h) {
        const RpcOptions *o = l->options;
        char name[512], id[UUID_TEXT_MAX];

        snprintf(name, sizeof name, "%s:%d:%s:%s:%s", o->program, (int) getpid(), uuid4(id), o->host, l->purpose);
        amqp_table_entry_t capabilities[] = {entry_true("authentication_failure_close"),
                                             entry_true("connection.blocked"), entry_true("consumer_cancel_notify"),
                                             entry_true("publisher_confirms"), entry_true("basic.nack")};
        amqp_table_entry_t properties[] = {
                entry_text("product", "nova-compute"),
                entry_text("connection_name", name),
                {.key = amqp_cstring_bytes("capabilities"),
                 .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {ELEMENTSOF(capabilities), capabilities}}},
        };
        amqp_table_t table = {ELEMENTSOF(properties), properties};
        amqp_rpc_reply_t reply;

        link_enter(l);
        if (o->login == RPC_LOGIN_EXTERNAL)
                /* The library takes no empty identity; the broker looks at the certificate only. */
                reply = amqp_login_with_properties(l->conn, o->url.vhost, CHANNEL_MAX, FRAME_MAX, (int) o->heartbeat,
                                                   &table, AMQP_SASL_METHOD_EXTERNAL, *h->user ? h->user : o->program);
        else
                reply = amqp_login_with_properties(l->conn, o->url.vhost, CHANNEL_MAX, FRAME_MAX, (int) o->heartbeat,
                                                   &table, AMQP_SASL_METHOD_PLAIN, h->user, h->password);
        link_leave(l);

        if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error != AMQP_STATUS_TIMEOUT &&
            !o->tls.enabled && !amqp_get_server_properties(l->conn)->num_entries) {
                link_set_reason(
                        l,
                        "login as '%s': what listens there has not answered in AMQP; if it expects TLS, set ssl=true",
                        h->user);
                return -ENOTCONN;
        }
        char what[400];
        snprintf(what, sizeof what, "login as '%s' to virtual host '%s'", h->user, o->url.vhost);
        return link_check_reply(l, reply, what);
}

int link_connect(Link *l) {
        const RpcOptions *o = l->options;
        const TransportHost *h = &o->url.hosts[l->host % o->url.n_hosts];
        struct timeval connect_timeout = {.tv_sec = CONNECT_TIMEOUT}, login_timeout = {.tv_sec = LOGIN_TIMEOUT},
                       answer_timeout = {.tv_sec = ANSWER_TIMEOUT};
        amqp_socket_t *socket;
        int r;

        l->conn = amqp_new_connection();
        socket = !l->conn ? NULL : o->tls.enabled ? amqp_ssl_socket_new(l->conn) : amqp_tcp_socket_new(l->conn);
        if (!socket) {
                link_set_reason(l, "connecting: out of memory");
                return -ENOMEM;
        }
        if (o->tls.enabled) {
                r = tls_prepare(l, socket, h->host);
                if (r < 0)
                        return r;
        }

        errno = 0;
        r = amqp_socket_open_noblock(socket, h->host, h->port, &connect_timeout);
        if (r != AMQP_STATUS_OK)
                return connect_failed(l, r, o->tls.enabled);

        link_set_guard(l, amqp_get_sockfd(l->conn));
        if (l->guard < 0) {
                link_set_reason(l, "connecting: too many open files");
                return -EMFILE;
        }
        tune_socket(l, l->guard);
        (void) amqp_set_handshake_timeout(l->conn, &login_timeout);
        (void) amqp_set_rpc_timeout(l->conn, &answer_timeout);

        r = login(l, h);
        if (r < 0)
                return r;
        l->heartbeat_seconds = (unsigned) MAX(amqp_get_heartbeat(l->conn), 0);
        return 0;
}

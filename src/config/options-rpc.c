/* Options of RPC: where the broker is, how queues are made, how connections are kept. */
#include "config/options.h"

const Option options_rpc[] = {
#define GROUP NULL
        STRING("transport_url", NULL, "The broker: rabbit://user:password@host:port,user:password@host:port/vhost?option=value. "
               "fake:// is a transport within the process. Unset: rabbit_host and the options beside it."),
        STRING("rpc_backend", "nova.rpc.impl_kombu", "Module of the transport: nova.rpc.impl_kombu or rabbit; nova.rpc.impl_fake or fake "
               "is within the process."),
        STRING("control_exchange", "nova", "Exchange of the topics."),
        INTEGER("rpc_response_timeout", "60", "Seconds a caller waits for an answer.", AT_LEAST(1)),
        INTEGER("long_rpc_timeout", "1800", "Seconds for calls known to take long, while the other side shows that it lives.", AT_LEAST(1),
                PLANNED),
        INTEGER("rpc_thread_pool_size", "64", "Requests that are worked on at once.", RANGE(1, 4096),
                NAMES("executor_thread_pool_size")),
        INTEGER("rpc_conn_pool_size", "30", "Connections for sending; we need one.", AT_LEAST(1), ACCEPTED),
        INTEGER("conn_pool_min_size", "2", "Connections for sending that are kept; we need one.", AT_LEAST(0), ACCEPTED),
        INTEGER("conn_pool_ttl", "1200", "Seconds after which an unused connection for sending is closed; ours is kept.", AT_LEAST(0),
                ACCEPTED),
        INTEGER("rpc_max_message_size", "16777216", "Bytes of the longest message taken. A longer one is refused, and its caller told.",
                RANGE(65536, 1073741824)),
        BOOLEAN("rpc_ping_enabled", "false", "Answer oslo_rpc_server_ping.", RELOADABLE),
        LIST("allowed_rpc_exception_modules", "nova.exception, exceptions", "Modules whose exceptions may be made from an answer; ours "
             "are values and run no code.", ACCEPTED),
        BOOLEAN("fake_rabbit", "false", "Use a transport within the process: nothing leaves it."),

        /* the broker as Essex named it, for when transport_url is not set */
        STRING("rabbit_host", "localhost", "Host of the broker.", NAMES("oslo_messaging_rabbit.rabbit_host")),
        INTEGER("rabbit_port", "5672", "Port of the broker.", PORT, NAMES("oslo_messaging_rabbit.rabbit_port")),
        LIST("rabbit_hosts", NULL, "host:port of several brokers of one cluster; unset: rabbit_host and rabbit_port.",
             NAMES("oslo_messaging_rabbit.rabbit_hosts")),
        STRING("rabbit_userid", "guest", "User at the broker.", NAMES("oslo_messaging_rabbit.rabbit_userid")),
        STRING("rabbit_password", "guest", "Password at the broker.", SECRET, NAMES("oslo_messaging_rabbit.rabbit_password")),
        STRING("rabbit_virtual_host", "/", "Virtual host at the broker.", NAMES("oslo_messaging_rabbit.rabbit_virtual_host")),
        INTEGER("rabbit_max_retries", "0", "Tries to connect before giving up. We never give up; systemd restarts nothing for a "
                "broker that is away.", ACCEPTED, NAMES("oslo_messaging_rabbit.rabbit_max_retries")),

        STRING("qpid_hostname", "localhost", "Another broker, which is not built: AMQP 0-10.", ACCEPTED),
        STRING("qpid_port", "5672", "See qpid_hostname.", ACCEPTED),
        STRING("qpid_username", "", "See qpid_hostname.", ACCEPTED),
        STRING("qpid_password", "", "See qpid_hostname.", .flags = OPTION_ACCEPTED | OPTION_SECRET),
        STRING("qpid_sasl_mechanisms", "", "See qpid_hostname.", ACCEPTED),
        BOOLEAN("qpid_reconnect", "true", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_reconnect_timeout", "0", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_reconnect_limit", "0", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_reconnect_interval", "0", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_reconnect_interval_min", "0", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_reconnect_interval_max", "0", "See qpid_hostname.", ACCEPTED),
        INTEGER("qpid_heartbeat", "5", "See qpid_hostname.", ACCEPTED),
        STRING("qpid_protocol", "tcp", "See qpid_hostname.", ACCEPTED),
        BOOLEAN("qpid_tcp_nodelay", "true", "See qpid_hostname.", ACCEPTED),
#undef GROUP

#define GROUP "oslo_messaging_rabbit"
        BOOLEAN("amqp_durable_queues", "false", "Exchange and queues of the topics survive a restart of the broker. Must be the same on "
                "all hosts.", NAMES("amqp_durable_queues", "rabbit_durable_queues", "oslo_messaging_rabbit.rabbit_durable_queues")),
        BOOLEAN("amqp_auto_delete", "false", "Queues of the topics go with their last consumer. Must be the same on all hosts.",
                NAMES("amqp_auto_delete")),
        BOOLEAN("ssl", "false", "Speak TLS to the broker.", NAMES("oslo_messaging_rabbit.rabbit_use_ssl", "rabbit_use_ssl")),
        STRING("ssl_version", "", "TLSv1_2 or TLSv1_3 and nothing else; unset: the best that both sides know, from TLSv1_2 on. SSLv23 "
               "and TLSv1 mean the same as unset.", NAMES("oslo_messaging_rabbit.kombu_ssl_version", "kombu_ssl_version")),
        STRING("ssl_key_file", "", "File of the key of our certificate.", NAMES("oslo_messaging_rabbit.kombu_ssl_keyfile", "kombu_ssl_keyfile")),
        STRING("ssl_cert_file", "", "File of our certificate.", NAMES("oslo_messaging_rabbit.kombu_ssl_certfile", "kombu_ssl_certfile")),
        STRING("ssl_ca_file", "", "File of certificates we trust; unset: the system's.",
               NAMES("oslo_messaging_rabbit.kombu_ssl_ca_certs", "kombu_ssl_ca_certs")),
        BOOLEAN("ssl_verify", "true", "Verify the broker's certificate. false is for a laboratory."),
        BOOLEAN("ssl_enforce_hostname_verification", "true", "Verify that the certificate is of the host we connect to. Zed's default is "
                "false; false says so in the journal."),
        BOOLEAN("ssl_enforce_fips_mode", "false", "Refuse to start unless the crypto library is in FIPS mode.", ACCEPTED),
        BOOLEAN("heartbeat_in_pthread", "false", "Heartbeats from a thread of their own; always so here.", ACCEPTED),
        FLOAT("kombu_reconnect_delay", "1.0", "Seconds added to each wait before another try to connect; our waits are as "
              "rabbit_retry_interval and the options beside it say.", RANGE(0, 5), ACCEPTED, NAMES("kombu_reconnect_delay")),
        FLOAT("kombu_reconnect_splay", "0.0", "Upper bound of the random seconds added to each wait, if that is more than the quarter that is added anyway.", AT_LEAST(0)),
        STRING("kombu_compression", NULL, "Compress what we send: gzip or bz2 is not built for sending; what is received may be "
               "compressed.", ACCEPTED),
        INTEGER("kombu_missing_consumer_retry_timeout", "60", "Seconds for which an answer is tried again while its queue is missing.",
                AT_LEAST(0), NAMES("oslo_messaging_rabbit.kombu_reconnect_timeout")),
        STRING("kombu_failover_strategy", "round-robin", "Which of several brokers comes next.", CHOICES("round-robin", "shuffle")),
        STRING("rabbit_login_method", "AMQPLAIN", "How to log in. AMQPLAIN means PLAIN here: the same credentials, and every broker "
               "takes it. EXTERNAL needs TLS and a certificate of ours.",
               CHOICES("PLAIN", "AMQPLAIN", "EXTERNAL", "RABBIT-CR-DEMO"), NAMES("rabbit_login_method")),
        INTEGER("rabbit_retry_interval", "1", "Seconds before the first try to connect again.", AT_LEAST(0), NAMES("rabbit_retry_interval")),
        INTEGER("rabbit_retry_backoff", "2", "Seconds by which each next wait is longer.", AT_LEAST(0), NAMES("rabbit_retry_backoff")),
        INTEGER("rabbit_interval_max", "30", "Seconds of the longest wait.", AT_LEAST(1)),
        BOOLEAN("rabbit_ha_queues", "false", "Declare queues mirrored, for brokers of before 3.0. Must be the same on all hosts.",
                NAMES("rabbit_ha_queues")),
        BOOLEAN("rabbit_quorum_queue", "false", "Declare queues of the topics as quorum queues. Must be the same on all hosts."),
        INTEGER("rabbit_quorum_delivery_limit", "0", "Deliveries after which a quorum queue drops a message; 0: the broker's.", AT_LEAST(0)),
        INTEGER("rabbit_quorum_max_memory_length", "0", "Messages that a quorum queue keeps in memory; 0: the broker's.", AT_LEAST(0),
                NAMES("oslo_messaging_rabbit.rabbit_quroum_max_memory_length")),
        INTEGER("rabbit_quorum_max_memory_bytes", "0", "Bytes that a quorum queue keeps in memory; 0: the broker's.", AT_LEAST(0),
                NAMES("oslo_messaging_rabbit.rabbit_quroum_max_memory_bytes")),
        INTEGER("rabbit_transient_queues_ttl", "1800", "Seconds after which the broker drops an unused reply or fan-out queue.", AT_LEAST(1)),
        INTEGER("rabbit_qos_prefetch_count", "0", "Requests the broker sends ahead; 0: as many as are worked on at once.", RANGE(0, 65535)),
        INTEGER("heartbeat_timeout_threshold", "60", "Seconds of silence after which the broker counts as gone; 0: no heartbeats.",
                RANGE(0, 65535)),
        INTEGER("heartbeat_rate", "2", "How often in that time the connection is looked at, at least.", RANGE(1, 100)),
        BOOLEAN("direct_mandatory_flag", "true", "Ask the broker to return answers whose queue is gone."),
        BOOLEAN("enable_cancel_on_failover", "false", "Have consumers cancelled when a mirrored queue moves."),
        BOOLEAN("use_queue_manager", "false", "Name queues after the host instead of at random; always so here.", ACCEPTED),
        BOOLEAN("rabbit_stream_fanout", "false", "Fan-out through a stream; of a later release.", ACCEPTED),
        BOOLEAN("rabbit_transient_quorum_queue", "false", "Reply and fan-out queues as quorum queues; of a later release.", ACCEPTED),
#undef GROUP
};
const size_t n_options_rpc = ELEMENTSOF(options_rpc);

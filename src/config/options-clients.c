/* Options of other OpenStack services that compute is a client of: who we are to them, where they are, how patient we are.
 * With state_backend local they are asked for nothing but what an operation names. */
#include "config/options.h"

#define ACCESS_OPTIONS                                                                                              \
        STRING("cafile", NULL, "File of certificates that are trusted; unset: the system's.", PLANNED),             \
        STRING("certfile", NULL, "File of our certificate.", PLANNED),                                              \
        STRING("keyfile", NULL, "File of its key.", PLANNED),                                                       \
        BOOLEAN("insecure", "false", "Do not verify the service's certificate.", PLANNED),                          \
        INTEGER("timeout", NULL, "Seconds for an answer; unset: 60.", AT_LEAST(0), PLANNED),                        \
        BOOLEAN("collect_timing", "false", "Measure each request.", ACCEPTED),                                      \
        BOOLEAN("split_loggers", "false", "Log requests under several names.", ACCEPTED)

#define AUTH_OPTIONS                                                                                                \
        STRING("auth_type", NULL, "Way to get a token: password, v3password, none.", PLANNED),                      \
        STRING("auth_section", NULL, "Another section that holds these options.", PLANNED),                         \
        STRING("auth_url", NULL, "URL of the identity service.", PLANNED),                                          \
        STRING("system_scope", NULL, "Scope of the token: the whole system.", PLANNED),                             \
        STRING("domain_id", NULL, "Scope of the token: a domain.", PLANNED),                                        \
        STRING("domain_name", NULL, "Scope of the token: a domain.", PLANNED),                                      \
        STRING("project_id", NULL, "Scope of the token: a project.", PLANNED),                                      \
        STRING("project_name", NULL, "Scope of the token: a project.", PLANNED),                                    \
        STRING("project_domain_id", NULL, "Domain of that project.", PLANNED),                                      \
        STRING("project_domain_name", NULL, "Domain of that project.", PLANNED),                                    \
        STRING("tenant_id", NULL, "Former name of project_id.", PLANNED),                                           \
        STRING("tenant_name", NULL, "Former name of project_name.", PLANNED),                                       \
        STRING("trust_id", NULL, "Trust that the token is for.", PLANNED),                                          \
        STRING("default_domain_id", NULL, "Domain where none is given.", PLANNED),                                  \
        STRING("default_domain_name", NULL, "Domain where none is given.", PLANNED),                                \
        STRING("user_id", NULL, "User.", PLANNED),                                                                  \
        STRING("username", NULL, "User.", PLANNED),                                                                 \
        STRING("user_domain_id", NULL, "Domain of that user.", PLANNED),                                            \
        STRING("user_domain_name", NULL, "Domain of that user.", PLANNED),                                          \
        STRING("password", NULL, "Password of that user.", .flags = OPTION_SECRET | OPTION_PLANNED),                \
        STRING("token", NULL, "Token, instead of a user.", .flags = OPTION_SECRET | OPTION_PLANNED)

#define ENDPOINT_OPTIONS(kind)                                                                                      \
        STRING("service_type", kind, "Type of the service in the catalog.", PLANNED),                               \
        STRING("service_name", NULL, "Name of the service in the catalog.", PLANNED),                               \
        LIST("valid_interfaces", "internal, public", "Interfaces of the catalog, best first.", PLANNED),            \
        STRING("region_name", NULL, "Region of the catalog.", PLANNED),                                             \
        STRING("endpoint_override", NULL, "URL of the service, whatever the catalog says.", PLANNED),               \
        INTEGER("connect_retries", NULL, "Tries to connect again.", AT_LEAST(0), PLANNED),                          \
        FLOAT("connect_retry_delay", NULL, "Seconds between them.", AT_LEAST(0), PLANNED),                          \
        INTEGER("status_code_retries", NULL, "Tries when the service is busy.", AT_LEAST(0), PLANNED),              \
        FLOAT("status_code_retry_delay", NULL, "Seconds between them.", AT_LEAST(0), PLANNED)

const Option options_clients[] = {
#define GROUP "neutron"
        STRING("ovs_bridge", "br-int", "Bridge of Open vSwitch.", NAMES("neutron_ovs_bridge"), PLANNED),
        STRING("default_floating_pool", "nova", "Pool of floating addresses.", ACCEPTED),
        INTEGER("extension_sync_interval", "600", "Seconds for which the service's extensions are remembered.", AT_LEAST(0),
                PLANNED),
        LIST("physnets", NULL, "Physical networks with a NUMA affinity.", PLANNED),
        INTEGER("http_retries", "3", "Tries of a request.", AT_LEAST(0), PLANNED),
        BOOLEAN("service_metadata_proxy", "false", "The metadata service's.", ACCEPTED),
        STRING("metadata_proxy_shared_secret", "", "The metadata service's.", .flags = OPTION_SECRET | OPTION_ACCEPTED),
        ACCESS_OPTIONS,
        AUTH_OPTIONS,
        ENDPOINT_OPTIONS("network"),
#undef GROUP

#define GROUP "glance"
        LIST("api_servers", NULL, "URLs of the image service; unset: the catalog's, or http://$glance_host:$glance_port.",
             NAMES("glance_api_servers"), PLANNED),
        INTEGER("num_retries", "3", "Tries of a request.", AT_LEAST(0), NAMES("glance_num_retries"), PLANNED),
        BOOLEAN("verify_glance_signatures", "false", "Take signed images only.", ACCEPTED),
        BOOLEAN("enable_certificate_validation", "false", "Validate the certificates that images are signed with.", ACCEPTED),
        LIST("default_trusted_certificate_ids", NULL, "These certificates.", ACCEPTED),
        BOOLEAN("enable_rbd_download", "false", "Fetch images from the storage cluster; not built.", ACCEPTED),
        STRING("rbd_user", "", "See enable_rbd_download.", ACCEPTED),
        INTEGER("rbd_connect_timeout", "5", "See enable_rbd_download.", ACCEPTED),
        STRING("rbd_pool", "", "See enable_rbd_download.", ACCEPTED),
        STRING("rbd_ceph_conf", "", "See enable_rbd_download.", ACCEPTED),
        BOOLEAN("debug", "false", "Log requests.", PLANNED),
        ACCESS_OPTIONS,
        ENDPOINT_OPTIONS("image"),
#undef GROUP

#define GROUP "cinder"
        STRING("catalog_info", "volumev3::publicURL", "type:name:interface of the volume service in the catalog.", PLANNED),
        STRING("endpoint_template", NULL, "URL of the service with %(project_id)s, whatever the catalog says.", PLANNED),
        STRING("os_region_name", NULL, "Region of the catalog.", PLANNED),
        INTEGER("http_retries", "3", "Tries of a request.", AT_LEAST(0), PLANNED),
        BOOLEAN("cross_az_attach", "true", "Volumes of other zones may be attached.", PLANNED),
        BOOLEAN("debug", "false", "Log requests.", PLANNED),
        ACCESS_OPTIONS,
        AUTH_OPTIONS,
#undef GROUP

#define GROUP "placement"
        ACCESS_OPTIONS,
        AUTH_OPTIONS,
        ENDPOINT_OPTIONS("placement"),
#undef GROUP

#define GROUP "service_user"
        BOOLEAN("send_service_user_token", "false", "Send our own token beside the user's.", PLANNED),
        ACCESS_OPTIONS,
        AUTH_OPTIONS,
#undef GROUP

/* The API's middleware; Debian's nova.conf sets it for all services. Only that its secrets are secrets matters here. */
#define GROUP "keystone_authtoken"
        STRING("www_authenticate_uri", NULL, "The API's.", ACCEPTED),
        STRING("region_name", NULL, "The API's.", ACCEPTED),
        LIST("memcached_servers", NULL, "The API's.", ACCEPTED),
        BOOLEAN("service_token_roles_required", "false", "The API's.", ACCEPTED),
        LIST("service_token_roles", "service", "The API's.", ACCEPTED),
        ACCESS_OPTIONS,
        AUTH_OPTIONS,
#undef GROUP

#define GROUP "oslo_policy"
        LIST("policy_dirs", "policy.d", "The API's.", ACCEPTED),
        STRING("policy_file", "policy.yaml", "The API's.", ACCEPTED),
#undef GROUP
};
const size_t n_options_clients = ELEMENTSOF(options_clients);

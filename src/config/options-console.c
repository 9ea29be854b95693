/* Options of consoles: VNC, SPICE, serial. */
#include "config/options.h"

const Option options_console[] = {
#define GROUP NULL
        STRING("console_host", "$host", "Host of the console proxy for instances here.", RELOADABLE),
        STRING("vnc_keymap", NULL, "Keymap of VNC servers; unset: the client's.", NAMES("vnc.keymap")),
        STRING("xvpvncproxy_base_url", "http://127.0.0.1:6081/console", "URL of the other VNC proxy of Essex.", RELOADABLE),
        BOOLEAN("ssl_only", "false", "The proxies'.", ACCEPTED),
        BOOLEAN("daemon", "false", "The proxies'. This service never goes to the background by itself.", ACCEPTED),
#undef GROUP

#define GROUP "vnc"
        BOOLEAN("enabled", "true", "Give guests a VNC display.", NAMES("vnc_enabled")),
        STRING("server_listen", "127.0.0.1", "Address at which displays are.", NAMES("vncserver_listen", "vnc.vncserver_listen")),
        STRING("server_proxyclient_address", "127.0.0.1", "Address by which proxies reach them.",
               NAMES("vncserver_proxyclient_address", "vnc.vncserver_proxyclient_address")),
        STRING("novncproxy_base_url", "http://127.0.0.1:6080/vnc_auto.html", "URL of the proxy that users are given.",
               NAMES("novncproxy_base_url"), RELOADABLE),
        STRING("novncproxy_host", "0.0.0.0", "The proxy's.", ACCEPTED, NAMES("novncproxy_host")),
        INTEGER("novncproxy_port", "6080", "The proxy's.", ACCEPTED, NAMES("novncproxy_port")),
        LIST("auth_schemes", "none", "The proxy's.", ACCEPTED),
        STRING("vencrypt_client_key", NULL, "The proxy's.", ACCEPTED),
        STRING("vencrypt_client_cert", NULL, "The proxy's.", ACCEPTED),
        STRING("vencrypt_ca_certs", NULL, "The proxy's.", ACCEPTED),
#undef GROUP

#define GROUP "spice"
        BOOLEAN("enabled", "false", "Give guests a SPICE display."),
        BOOLEAN("agent_enabled", "true", "Give guests the channel of the SPICE agent."),
        STRING("html5proxy_base_url", "http://127.0.0.1:6082/spice_auto.html", "URL of the proxy that users are given.", RELOADABLE),
        STRING("server_listen", "127.0.0.1", "Address at which displays are."),
        STRING("server_proxyclient_address", "127.0.0.1", "Address by which proxies reach them."),
        STRING("html5proxy_host", "0.0.0.0", "The proxy's.", ACCEPTED),
        INTEGER("html5proxy_port", "6082", "The proxy's.", ACCEPTED),
        STRING("image_compression", NULL, "Compression of pictures.", CHOICES("auto_glz", "auto_lz", "quic", "glz", "lz", "off")),
        STRING("jpeg_compression", NULL, "Lossy compression of pictures.", CHOICES("auto", "never", "always")),
        STRING("zlib_compression", NULL, "Further compression of pictures.", CHOICES("auto", "never", "always")),
        BOOLEAN("playback_compression", NULL, "Compress sound."),
        STRING("streaming_mode", NULL, "Detect and compress films.", CHOICES("filter", "all", "off")),
#undef GROUP

#define GROUP "serial_console"
        BOOLEAN("enabled", "false", "Offer serial consoles on TCP ports."),
        STRING("port_range", "10000:20000", "Ports for them, first:last."),
        STRING("base_url", "ws://127.0.0.1:6083/", "URL of the proxy that users are given.", RELOADABLE),
        STRING("proxyclient_address", "127.0.0.1", "Address at which the ports are."),
        STRING("serialproxy_host", "0.0.0.0", "The proxy's.", ACCEPTED),
        INTEGER("serialproxy_port", "6083", "The proxy's.", ACCEPTED),
#undef GROUP

#define GROUP "rdp"
        BOOLEAN("enabled", "false", "Another hypervisor's.", ACCEPTED),
        STRING("html5_proxy_base_url", "http://127.0.0.1:6083/", "Another hypervisor's.", ACCEPTED),
#undef GROUP

#define GROUP "mks"
        BOOLEAN("enabled", "false", "Another hypervisor's.", ACCEPTED),
        STRING("mksproxy_base_url", "http://127.0.0.1:6090/", "Another hypervisor's.", ACCEPTED),
#undef GROUP

#define GROUP "consoleauth"
        INTEGER("token_ttl", "600", "Seconds for which a console's token is good.", AT_LEAST(0), NAMES("console_token_ttl"), RELOADABLE),
        BOOLEAN("enforce_session_timeout", "false", "The proxy's; of a later release.", ACCEPTED),
#undef GROUP
};
const size_t n_options_console = ELEMENTSOF(options_console);

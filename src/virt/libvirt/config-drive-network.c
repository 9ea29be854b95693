/* network_data.json. See config-drive.h. */
#include <arpa/inet.h>
#include <stdio.h>

#include "basic/json.h"
#include "virt/libvirt/config-drive.h"

static const json_t *first_subnet(const json_t *network, int version) {
        const json_t *subnets = json_object_get(network, "subnets"), *subnet;
        size_t n;

        json_array_foreach(subnets, n, subnet)
                if (json_member_integer(subnet, "version", 0) == version)
                        return subnet;
        return NULL;
}

static json_t *member_or_null(const json_t *object, const char *key) {
        json_t *value = json_object_get(object, key);

        return value ? json_incref(value) : json_null();
}

/* The link as the guest sees it. Real kinds are named; the rest is "phy", a card. */
static json_t *link_of(const json_t *vif, const char *id) {
        static const char *const named[] = { "bridge", "ovs", "dvs", "hw_veb", "hyperv", "vhostuser", "tap", "802.1qbh", "802.1qbg" };
        const json_t *network = json_object_get(vif, "network"), *subnet;
        const char *type = json_member_string(vif, "type"), *shown = "phy";
        bool dhcp = false;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                if (type && streq(named[i], type))
                        shown = named[i];
        json_array_foreach(json_object_get(network, "subnets"), n, subnet)
                dhcp = dhcp || json_member_string(json_object_get(subnet, "meta"), "dhcp_server");
        return json_pack("{s:s, s:o, s:s, s:o, s:o}", "id", id, "vif_id", member_or_null(vif, "id"), "type", shown, "mtu",
                         dhcp ? json_null() : member_or_null(json_object_get(network, "meta"), "mtu"),  /* DHCP tells */
                         "ethernet_mac_address", member_or_null(vif, "address"));
}

/* The address and the mask of "10.0.0.0/24", as texts. */
static bool cidr_parts(const char *cidr, char address[static INET6_ADDRSTRLEN], char mask[static INET6_ADDRSTRLEN]) {
        const char *slash = cidr ? strchr(cidr, '/') : NULL;
        int family = cidr && strchr(cidr, ':') ? AF_INET6 : AF_INET;
        unsigned most = family == AF_INET6 ? 128 : 32, bits = 0;
        uint8_t raw[16] = {}, ones[16] = {};
        char text[INET6_ADDRSTRLEN];

        if (!slash || (size_t) (slash - cidr) >= sizeof text || !slash[1] || strlen(slash + 1) > 3)
                return false;
        (void) snprintf(text, sizeof text, "%.*s", (int) (slash - cidr), cidr);
        for (const char *p = slash + 1; *p; p++) {
                if (*p < '0' || *p > '9')
                        return false;
                bits = bits * 10 + (unsigned) (*p - '0');
        }
        if (bits > most || inet_pton(family, text, raw) != 1)
                return false;
        for (unsigned i = 0; i < most; i++) {
                if (i < bits)
                        ones[i / 8] = (uint8_t) (ones[i / 8] | 0x80 >> i % 8);
                else
                        raw[i / 8] = (uint8_t) (raw[i / 8] & ~(0x80 >> i % 8));
        }
        return inet_ntop(family, raw, address, INET6_ADDRSTRLEN) && inet_ntop(family, ones, mask, INET6_ADDRSTRLEN);
}

static json_t *services_of(const json_t *subnet) {
        json_t *services = json_array(), *dns;
        size_t n;

        json_array_foreach(json_object_get(subnet, "dns"), n, dns) {
                const char *address = json_member_string(dns, "address");

                if (address && json_array_append_new(services, json_pack("{s:s, s:s}", "type", "dns", "address", address)) < 0) {
                        json_decref(services);
                        return NULL;
                }
        }
        return services;
}

static json_t *routes_of(const json_t *subnet, int version) {
        const char *gateway = json_member_string(json_object_get(subnet, "gateway"), "address"), *any = version == 4 ? "0.0.0.0" : "::";
        json_auto_t *routes = json_array();
        json_t *route;
        size_t n;

        if (!isempty(gateway) &&
            json_array_append_new(routes, json_pack("{s:s, s:s, s:s}", "network", any, "netmask", any, "gateway", gateway)) < 0)
                return NULL;
        json_array_foreach(json_object_get(subnet, "routes"), n, route) {
                char address[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
                const char *via = json_member_string(json_object_get(route, "gateway"), "address");

                if (!via || !cidr_parts(json_member_string(route, "cidr"), address, mask))
                        continue;
                if (json_array_append_new(routes, json_pack("{s:s, s:s, s:s}", "network", address, "netmask", mask, "gateway", via)) < 0)
                        return NULL;
        }
        return TAKE_PTR(routes);
}

static json_t *network_of(const json_t *vif, const json_t *subnet, int version, unsigned number, const char *link) {
        const json_t *meta = json_object_get(subnet, "meta"), *ip = json_array_get(json_object_get(subnet, "ips"), 0);
        const char *mode = json_member_string(meta, "ipv6_address_mode"), *fixed = json_member_string(ip, "netmask");
        char address[INET6_ADDRSTRLEN] = "", mask[INET6_ADDRSTRLEN] = "";
        json_t *id = member_or_null(json_object_get(vif, "network"), "id");

        if (!mode && json_member_string(meta, "dhcp_server"))
                return json_pack("{s:o, s:o, s:s, s:o}", "id", json_sprintf("network%u", number), "type", json_sprintf("ipv%d_dhcp", version),
                                 "link", link, "network_id", id);
        (void) cidr_parts(json_member_string(subnet, "cidr"), address, mask);
        return json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "id", json_sprintf("network%u", number), "type",
                         json_sprintf("ipv%d%s%s", version, mode ? "_" : "", strempty(mode)), "link", link, "ip_address",
                         member_or_null(ip, "address"), "netmask", fixed ?: mask, "routes", routes_of(subnet, version), "network_id", id,
                         "services", services_of(subnet));
}

/* Those of @from that @to has not. */
static int add_services(json_t *to, const json_t *subnet) {
        json_auto_t *services = services_of(subnet);
        json_t *one, *other;
        size_t n, m;

        json_array_foreach(services, n, one) {
                bool known = false;

                json_array_foreach(to, m, other)
                        known = known || json_equal(one, other);
                if (!known && json_array_append(to, one) < 0)
                        return -1;
        }
        return services ? 0 : -1;
}

json_t *drive_network_data(const json_t *network_info) {
        json_auto_t *links = json_array(), *networks = json_array(), *services = json_array();
        unsigned interfaces = 0, n_networks = 0;
        json_t *vif;
        size_t n;

        if (json_array_size(network_info) == 0)
                return json_object();
        json_array_foreach(network_info, n, vif) {
                const char *name = json_member_string(vif, "devname");
                bool linked = false;
                char numbered[32];

                if (json_array_size(json_object_get(json_object_get(vif, "network"), "subnets")) == 0)
                        continue;
                (void) snprintf(numbered, sizeof numbered, "interface%u", interfaces++);
                name = isempty(name) ? numbered : name;
                for (int version = 4; version <= 6; version += 2) {
                        const json_t *subnet = first_subnet(json_object_get(vif, "network"), version);

                        if (!subnet)
                                continue;
                        if (!linked && json_array_append_new(links, link_of(vif, name)) < 0)
                                return NULL;
                        linked = true;
                        if (json_array_size(json_object_get(subnet, "ips")) == 0)
                                continue;
                        if (json_array_append_new(networks, network_of(vif, subnet, version, n_networks++, name)) < 0 ||
                            add_services(services, subnet) < 0)
                                return NULL;
                }
        }
        return json_pack("{s:O, s:O, s:O}", "links", links, "networks", networks, "services", services);
}

/* Nova's network model: see network-info.h. */
#include "network/network-info.h"

#include <stdio.h>


void vif_device_name(const char *vif_uuid, char buf[static VIF_DEVICE_MAX]) {
        (void) snprintf(buf, VIF_DEVICE_MAX, "tap%.11s", vif_uuid);
}

static json_t *address_json(const IpAddress *a, const char *type) {
        char text[IP_TEXT_MAX];

        return json_pack("{s:s, s:s, s:i, s:{}}", "address", ip_format(a, text), "type", type, "version", ip_version(a), "meta");
}

/* Nova has a gateway object even where there is none. */
static json_t *gateway_json(const Subnet *s) {
        if (ip_is_set(&s->gateway))
                return address_json(&s->gateway, "gateway");
        return json_pack("{s:n, s:s, s:n, s:{}}", "address", "type", "gateway", "version", "meta");
}

static json_t *dns_json(const DeclaredNetwork *n, int version) {
        json_t *list = json_array();

        for (size_t i = 0; i < n->n_dns; i++)
                if (ip_version(&n->dns[i]) == version)
                        (void) json_array_append_new(list, address_json(&n->dns[i], "dns"));
        return list;
}

static json_t *ips_json(const VirtualInterface *v, const Subnet *s) {
        json_t *list = json_array();

        for (char **text = v->addresses; text && *text; text++) {
                IpAddress a;
                json_t *ip;

                if (ip_parse(*text, &a) < 0 || !ip_prefix_contains(&s->prefix, &a))
                        continue;
                ip = address_json(&a, "fixed");
                if (ip)
                        (void) json_object_set_new(ip, "floating_ips", json_array());
                (void) json_array_append_new(list, ip);
        }
        return list;
}

static json_t *subnet_json(const VirtualInterface *v, const DeclaredNetwork *n, const Subnet *s) {
        int version = ip_version(&s->prefix.address);
        json_t *meta = json_object();
        char text[IP_TEXT_MAX];

        if (n->dhcp && ip_is_set(&s->host)) {
                (void) json_object_set_new(meta, "dhcp_server", json_string(ip_format(&s->host, text)));
                if (version == 6)
                        (void) json_object_set_new(meta, "ipv6_address_mode", json_string("dhcpv6-stateful"));
        }
        return json_pack("{s:s, s:i, s:o, s:o, s:[], s:o, s:o}", "cidr", ip_prefix_format(&s->prefix, text), "version", version,
                         "gateway", gateway_json(s), "dns", dns_json(n, version), "routes", "ips", ips_json(v, s), "meta", meta);
}

/* An interface without an address in a subnet is not of that subnet. */
static bool is_of_subnet(const VirtualInterface *v, const Subnet *s) {
        for (char **text = v->addresses; text && *text; text++) {
                IpAddress a;

                if (ip_parse(*text, &a) >= 0 && ip_prefix_contains(&s->prefix, &a))
                        return true;
        }
        return false;
}

static json_t *network_json(const VirtualInterface *v, const DeclaredNetwork *n, const char *project_id) {
        json_t *subnets = json_array(), *meta;

        for (size_t i = 0; i < n->n_subnets; i++)
                if (is_of_subnet(v, &n->subnets[i]))
                        (void) json_array_append_new(subnets, subnet_json(v, n, &n->subnets[i]));

        meta = json_pack("{s:b, s:s?, s:s?, s:b, s:b}", "injected", !n->dhcp, "tenant_id", project_id, "physical_network",
                         n->interface, "tunneled", n->vxlan >= 0, "multi_host", 0);
        if (meta && n->mtu)
                (void) json_object_set_new(meta, "mtu", json_integer(n->mtu));
        if (meta && n->interface)
                (void) json_object_set_new(meta, "bridge_interface", json_string(n->interface));
        if (meta && n->vlan)
                (void) json_object_set_new(meta, "vlan", json_integer(n->vlan));
        return json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", n->id, "bridge", n->bridge, "label", n->name, "meta", meta,
                         "subnets", subnets);
}

json_t *vif_to_json(const VirtualInterface *v, const DeclaredNetwork *n, const char *project_id) {
        json_t *details = json_object();
        char device[VIF_DEVICE_MAX];

        vif_device_name(v->uuid, device);
        /* The driver takes the tap that we made, as it is. */
        if (details && n->vif == VIF_TAP)
                (void) json_object_set_new(details, "unmanaged_tap", json_true());
        if (details && n->vif == VIF_BRIDGE && !n->no_filter)
                (void) json_object_set_new(details, "port_filter", json_true());
        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:{}, s:s, s:n, s:n, s:n, s:b, s:b, s:b, s:{}, s:o}", "id", v->uuid,
                         "address", v->mac, "type", vif_type_to_string(n->vif), "vnic_type", "normal", "details", details, "profile",
                         "devname", device, "ovs_interfaceid", "qbh_params", "qbg_params", "active", 1, "preserve_on_delete",
                         (int) v->preserve, "delegate_create", 1, "meta", "network", network_json(v, n, project_id));
}

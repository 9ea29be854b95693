/* Options of the host's network, as Essex's linux_net reads them within compute. */
#include "config/options.h"

const Option options_network[] = {
#define GROUP NULL
        STRING("network_backend", "local", "Who gives instances their networks: local, this host's own as the options network declare "
               "them, or service, a network service at network_topic.", CHOICES("local", "service")),
        MULTI("network", NULL, "A local network, as name=private,cidr=10.1.0.0/24: a list of key=value. Keys: name; id (a uuid, else "
              "made of the name); cidr (one of each version of IP); bridge (else br and 11 characters of the id); interface (of this "
              "host, put into the bridge); vlan (on the interface); vxlan and remote (its peer or group); gateway, dns, range "
              "(FIRST-LAST that guests get); address (this host's own on the bridge); dhcp=yes (served by dnsmasq); "
              "filter=no (guests are not kept from being others); mtu; vif=tap (made here, not by the hypervisor; not filtered)."),
        MULTI("network_port", NULL, "A port that instances may ask for by its id: id=<uuid>,network=private,mac=fa:16:3e:00:00:05,"
              "address=10.1.0.5."),
        STRING("networks_path", "$state_path/networks", "Directory of the networks' files."),
        STRING("public_interface", "eth0", "Interface with public addresses.", PLANNED),
        INTEGER("network_device_mtu", NULL, "MTU of interfaces that we make; unset: the kernel's.", RANGE(68, 65535), PLANNED),
        STRING("dhcpbridge", "$bindir/nova-dhcpbridge", "Program that the DHCP server calls.", PLANNED),
        MULTI("dhcpbridge_flagfile", "/etc/nova/nova-dhcpbridge.conf", "Its flag files.", PLANNED),
        STRING("routing_source_ip", "$my_ip", "Address that outgoing traffic of guests gets.", PLANNED),
        INTEGER("dhcp_lease_time", "120", "Seconds of a lease.", AT_LEAST(1)),
        STRING("dhcp_domain", "novalocal", "Domain of guests' names.", NAMES("api.dhcp_domain")),
        MULTI("dns_server", NULL, "Server of names that guests are told."),
        LIST("dmz_cidr", "10.128.0.0/24", "Networks to which guests' traffic keeps its address.", PLANNED),
        STRING("dnsmasq_config_file", "", "Further configuration of the DHCP server."),
        STRING("linuxnet_interface_driver", "nova.network.linux_net.LinuxBridgeInterfaceDriver", "What makes bridges and interfaces.",
                PLANNED),
        STRING("linuxnet_ovs_integration_bridge", "br-int", "Bridge of Open vSwitch.", PLANNED),
        BOOLEAN("send_arp_for_ha", "false", "Announce addresses that moved here.", PLANNED),
        INTEGER("send_arp_for_ha_count", "3", "How often.", RANGE(0, 100), PLANNED),
        BOOLEAN("use_single_default_gateway", "false", "Only the first network of a guest has a gateway.", PLANNED),
        STRING("flat_network_bridge", NULL, "Bridge of a flat network.", PLANNED),
        STRING("flat_network_dns", "8.8.4.4", "Server of names in it.", PLANNED),
        STRING("flat_interface", NULL, "Interface put into that bridge.", PLANNED),
        INTEGER("vlan_start", "100", "First VLAN of projects.", RANGE(1, 4094), PLANNED),
        STRING("vlan_interface", NULL, "Interface that VLANs are on.", PLANNED),
        INTEGER("num_networks", "1", "Networks that are made.", AT_LEAST(0), PLANNED),
        INTEGER("network_size", "256", "Addresses in each.", AT_LEAST(0), PLANNED),
        STRING("fixed_range", "10.0.0.0/8", "Range of fixed addresses.", PLANNED),
        STRING("fixed_range_v6", "fd00::/48", "Range of fixed addresses of version 6.", PLANNED),
        STRING("gateway", NULL, "Gateway of version 4.", PLANNED),
        STRING("gateway_v6", NULL, "Gateway of version 6.", PLANNED),
        STRING("floating_range", "4.4.4.0/24", "Range of floating addresses.", ACCEPTED),
        STRING("default_floating_pool", "nova", "Pool of floating addresses.", ACCEPTED),
        STRING("vpn_ip", "$my_ip", "Public address of VPN instances.", ACCEPTED),
        INTEGER("vpn_start", "1000", "First port of VPN instances.", ACCEPTED),
        BOOLEAN("multi_host", "false", "Each compute host has a network service of its own.", PLANNED),
        STRING("network_host", "$host", "Host of the network service.", PLANNED),
        INTEGER("fixed_ip_disassociate_timeout", "600", "Seconds after which an unused address is free.", AT_LEAST(0), PLANNED),
        INTEGER("create_unique_mac_address_attempts", "5", "Tries to find a new hardware address.", AT_LEAST(1)),
        BOOLEAN("auto_assign_floating_ip", "false", "Give each instance a floating address.", ACCEPTED),
        BOOLEAN("force_dhcp_release", "false", "Give an address back when its guest is gone.", PLANNED),
        BOOLEAN("use_ipv6", "false", "Networks have version 6 too.", PLANNED),
        STRING("metadata_host", "$my_ip", "Address of the metadata service.", PLANNED),
        INTEGER("metadata_port", "8775", "Its port.", PORT, PLANNED),
        STRING("quantum_ovs_bridge", "br-int", "Bridge of Open vSwitch in Folsom.", ACCEPTED),
#undef GROUP
};
const size_t n_options_network = ELEMENTSOF(options_network);

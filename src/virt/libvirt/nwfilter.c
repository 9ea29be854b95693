/* Filters against spoofing: each VIF that wants one has a filter of its own, nova-instance-<uuid>-<mac>, which holds the three
 * rules that the network's owner counts on and the addresses that the VIF may use. libvirt keeps them and puts them into the
 * kernel when a guest's interface comes up. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>

#include "basic/json.h"
#include "virt/libvirt/xml-writer.h"

#define PREFIX "nova-instance-"

/* What no VIF may do, whatever its addresses are: be somebody else on the Ethernet, be another address, answer for one, hand out
 * addresses, or be a router. What falls off the end of a chain is accepted, whatever chains follow: so those that others follow end
 * with a return. Defined once per connection of libvirt; the uuids are libvirt's own to give. */
static const struct {
        const char *name, *xml;
} base_filters[] = {
        { "nova-no-mac-spoofing",
          "<filter name='nova-no-mac-spoofing' chain='mac' priority='-800'>"
          "<rule action='return' direction='out' priority='-800'><mac srcmacaddr='$MAC'/></rule>"
          "<rule action='drop' direction='out' priority='-790'><mac/></rule></filter>" },
        { "nova-no-ip-spoofing",
          "<filter name='nova-no-ip-spoofing' chain='ipv4-ip' priority='-710'>"
          "<rule action='return' direction='out' priority='100'><ip srcipaddr='0.0.0.0' protocol='udp'/></rule>"
          "<rule action='return' direction='out' priority='500'><ip srcipaddr='$IP'/></rule>"
          "<rule action='drop' direction='out' priority='1000'/></filter>" },
        { "nova-no-arp-spoofing",
          "<filter name='nova-no-arp-spoofing' chain='arp' priority='-500'>"
          "<rule action='drop' direction='out' priority='300'><mac match='no' srcmacaddr='$MAC'/></rule>"
          "<rule action='drop' direction='out' priority='350'><arp match='no' arpsrcmacaddr='$MAC'/></rule>"
          "<rule action='return' direction='out' priority='400'><arp match='yes' arpsrcipaddr='$IP'/></rule>"
          "<rule action='return' direction='out' priority='410'><arp match='yes' arpsrcipaddr='0.0.0.0'/></rule>"
          "<rule action='drop' direction='out' priority='1000'><arp/></rule></filter>" },
        { "nova-no-dhcp-server",
          "<filter name='nova-no-dhcp-server' chain='ipv4-dhcp' priority='-700'>"
          "<rule action='drop' direction='out' priority='100'><ip protocol='udp' srcportstart='67'/></rule></filter>" },
        { "nova-base",
          "<filter name='nova-base' chain='root'><filterref filter='nova-no-mac-spoofing'/><filterref filter='nova-no-ip-spoofing'/>"
          "<filterref filter='nova-no-arp-spoofing'/><filterref filter='nova-no-dhcp-server'/></filter>" },
        { "nova-mac-only",
          "<filter name='nova-mac-only' chain='root'><filterref filter='nova-no-mac-spoofing'/></filter>" },
        { "nova-no-ipv4",
          "<filter name='nova-no-ipv4' chain='root'>"
          "<rule action='drop' direction='out' priority='-450'><mac protocolid='ipv4'/></rule>"
          "<rule action='drop' direction='out' priority='-450'><mac protocolid='arp'/></rule></filter>" },
        /* Whoever has addresses of IPv4 only may have those of his link all the same, as every card. */
        { "nova-no-ipv6-server",
          "<filter name='nova-no-ipv6-server' chain='ipv6-server' priority='-600'>"
          "<rule action='drop' direction='out' priority='100'><ipv6 protocol='udp' srcportstart='547'/></rule>"
          "<rule action='drop' direction='out' priority='110'><ipv6 protocol='icmpv6' type='134'/></rule>"
          "<rule action='drop' direction='out' priority='120'><ipv6 protocol='icmpv6' type='137'/></rule>"
          "<rule action='return' direction='out' priority='1000'/></filter>" },
        { "nova-no-ipv6-spoofing",
          "<filter name='nova-no-ipv6-spoofing' chain='ipv6-ip' priority='-610'>"
          "<rule action='return' direction='out' priority='100'><ipv6 srcipaddr='fe80::' srcipmask='10'/></rule>"
          "<rule action='return' direction='out' priority='110'><ipv6 srcipaddr='::' srcipmask='128'/></rule>"
          "<rule action='return' direction='out' priority='500'><ipv6 srcipaddr='$IPV6'/></rule>"
          "<rule action='drop' direction='out' priority='1000'/></filter>" },
        { "nova-no-ipv6",
          "<filter name='nova-no-ipv6' chain='ipv6-ip' priority='-610'>"
          "<rule action='return' direction='out' priority='100'><ipv6 srcipaddr='fe80::' srcipmask='10'/></rule>"
          "<rule action='return' direction='out' priority='110'><ipv6 srcipaddr='::' srcipmask='128'/></rule>"
          "<rule action='drop' direction='out' priority='1000'/></filter>" },
};

static int define(LibvirtUse *u, const char *xml, const Instance *i, NovaException *e) {
        virNWFilterPtr filter = virNWFilterDefineXML(u->connection, xml);

        if (!filter)
                return libvirt_failed(u, "Defining a filter of interfaces", i, e);
        (void) virNWFilterFree(filter);
        return 0;
}

static bool is_there(LibvirtUse *u, const char *name) {
        virNWFilterPtr there = virNWFilterLookupByName(u->connection, name);

        if (there)
                (void) virNWFilterFree(there);
        return there;
}

/* The first guests of a host may come together: each would make them, and one is told that another has. */
static int define_base(LibvirtUse *u, NovaException *e) {
        for (size_t n = 0; n < ELEMENTSOF(base_filters); n++) {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
                int r;

                if (is_there(u, base_filters[n].name))
                        continue;
                r = define(u, base_filters[n].xml, NULL, &x);
                if (r >= 0 || is_there(u, base_filters[n].name))
                        continue;
                exception_move(e, &x);
                return r;
        }
        return 0;
}

/* The addresses of @vif of this version. @w: as values of the parameter; NULL: only the number is wanted. */
static size_t addresses(XmlWriter *w, const json_t *vif, int version) {
        json_t *subnet, *ip;
        size_t a, b, n = 0;

        json_array_foreach(json_object_get(json_object_get(vif, "network"), "subnets"), a, subnet)
                json_array_foreach(json_object_get(subnet, "ips"), b, ip) {
                        const char *address = json_member_string(ip, "address");

                        if (!address || json_member_integer(ip, "version", 4) != version)
                                continue;
                        n++;
                        if (w)
                                xml_empty(w, "parameter", "name", version == 4 ? "IP" : "IPV6", "value", address);
                }
        return n;
}

static void refer(XmlWriter *w, const char *filter, const json_t *vif, int version) {
        xml_begin(w, "filterref", "filter", filter);
        (void) addresses(w, vif, version);
        xml_end(w);
}

/* A filter with the addresses of @vif. Without any (a port that has none) it guards the MAC alone. @uuid: of the one of this name
 * that there is, or NULL. */
static int filter_xml(const char *name, const char *uuid, const json_t *vif, char **ret) {
        size_t fours = addresses(NULL, vif, 4), sixes = addresses(NULL, vif, 6);
        XmlWriter w;
        int r;

        r = xml_writer_init(&w);
        if (r < 0)
                return r;
        xml_begin(&w, "filter", "name", name, "chain", "root");
        if (uuid)
                xml_element(&w, uuid, "uuid");
        if (fours > 0)
                refer(&w, "nova-base", vif, 4);
        else
                xml_empty(&w, "filterref", "filter", "nova-mac-only");
        if (fours == 0 && sixes > 0)
                xml_empty(&w, "filterref", "filter", "nova-no-ipv4");
        if (fours > 0 || sixes > 0)
                xml_empty(&w, "filterref", "filter", "nova-no-ipv6-server");
        if (sixes > 0)
                refer(&w, "nova-no-ipv6-spoofing", vif, 6);
        else if (fours > 0)
                xml_empty(&w, "filterref", "filter", "nova-no-ipv6");
        xml_end(&w);
        r = xml_writer_finish(&w, ret);
        xml_writer_done(&w);
        return r;
}

int guest_filters_define(LibvirtUse *u, const Instance *i, const json_t *network_info, NovaException *e) {
        bool base = false;
        json_t *vif;
        size_t n;
        int r;

        json_array_foreach(network_info, n, vif) {
                char name[64], uuid[VIR_UUID_STRING_BUFLEN] = "";
                _cleanup_free_ char *xml = NULL;
                virNWFilterPtr there;

                if (!atomic_load(&u->d->has_filters) || vif_filter_name(i, vif, name) == 0)
                        continue;
                r = base ? 0 : define_base(u, e);
                if (r < 0)
                        return r;
                base = true;
                there = virNWFilterLookupByName(u->connection, name);
                if (there) {
                        (void) virNWFilterGetUUIDString(there, uuid);
                        (void) virNWFilterFree(there);
                }
                r = filter_xml(name, *uuid ? uuid : NULL, vif, &xml);
                if (r < 0)
                        return exception_set_errno(e, r, "A filter of interfaces");
                r = define(u, xml, i, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int guest_filters_undefine(LibvirtUse *u, const Instance *i, NovaException *e) {
        virNWFilterPtr *filters = NULL;
        char prefix[64];
        int n, r = 0;

        if (!atomic_load(&u->d->has_filters))
                return 0;
        n = virConnectListAllNWFilters(u->connection, &filters, 0);
        if (n < 0)
                return libvirt_failed(u, "Listing filters of interfaces", i, e);
        snprintf(prefix, sizeof prefix, PREFIX "%.36s-", strempty(i->uuid));
        for (int k = 0; k < n; k++) {
                if (r >= 0 && startswith(strempty(virNWFilterGetName(filters[k])), prefix) && virNWFilterUndefine(filters[k]) < 0 &&
                    virGetLastErrorCode() != VIR_ERR_NO_NWFILTER)
                        r = libvirt_failed(u, "Undefining a filter of interfaces", i, e);
                (void) virNWFilterFree(filters[k]);
        }
        free(filters);
        return r;
}

/* The interfaces of a domain, by the type of the VIF (zed 6.4, 6.10; essex 16, 17). */
#include "virt/libvirt/domain-private.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "basic/json.h"

static bool is_mac(const char *s) {
        for (size_t i = 0; i < 17; i++)
                if (i % 3 == 2 ? s[i] != ':' : !s[i] || !strchr("0123456789abcdefABCDEF", s[i]))
                        return false;
        return s[17] == '\0';
}

/* A name that the kernel takes for a link: what else would come into a command line or a path is refused with it. */
static bool is_link_name(const char *s) {
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

        return n > 0 && n < IFNAMSIZ && s[n] == '\0' && !streq(s, ".") && !streq(s, "..");
}

static int refuse(const DomainRequest *q, const json_t *vif, NovaException *e) {
        return exception_setf(e, EXC_VIRTUAL_INTERFACE_CREATE, "Virtual Interface creation failed: unexpected vif_type=%s of port %s, instance %s",
                              json_member_string(vif, "type") ?: "none", strempty(json_member_string(vif, "id")), strempty(q->instance->uuid));
}

/* The name of the interface on the host: the VIF's, or as Nova makes it of the port's id. 0 if it has none. */
static int device_name(const json_t *vif, char ret[static IFNAMSIZ]) {
        const char *name = json_member_string(vif, "devname"), *id = json_member_string(vif, "id");

        if (name)
                return snprintf(ret, IFNAMSIZ, "%s", name) < IFNAMSIZ && is_link_name(ret) ? 1 : -EINVAL;
        if (!id)
                return 0;
        snprintf(ret, IFNAMSIZ, "tap%.11s", id);
        return is_link_name(ret) ? 1 : -EINVAL;
}

int vif_filter_name(const Instance *i, const json_t *vif, char ret[static 64]) {
        const json_t *details = json_object_get(vif, "details");
        const char *mac = json_member_string(vif, "address");
        size_t n;

        if (!json_member_boolean(details, "port_filter", false) || !mac || !is_mac(mac) || !i->uuid)
                return 0;
        n = (size_t) snprintf(ret, 64, "nova-instance-%.36s-", i->uuid);
        for (; *mac && n < 63; mac++)
                if (*mac != ':')
                        ret[n++] = *mac;
        ret[n] = '\0';
        return 1;
}

static void write_bandwidth(XmlWriter *w, const GuestProperties *p) {
        if (p->vif_in_average == 0 && p->vif_out_average == 0)
                return;
        xml_begin(w, "bandwidth");
        if (p->vif_in_average > 0)
                xml_empty(w, "inbound", "average", XML_DECIMAL(p->vif_in_average), "peak", p->vif_in_peak > 0 ? XML_DECIMAL(p->vif_in_peak) : NULL,
                          "burst", p->vif_in_burst > 0 ? XML_DECIMAL(p->vif_in_burst) : NULL);
        if (p->vif_out_average > 0)
                xml_empty(w, "outbound", "average", XML_DECIMAL(p->vif_out_average), "peak",
                          p->vif_out_peak > 0 ? XML_DECIMAL(p->vif_out_peak) : NULL, "burst",
                          p->vif_out_burst > 0 ? XML_DECIMAL(p->vif_out_burst) : NULL);
        xml_end(w);
}

static void write_driver(XmlWriter *w, const DomainRequest *q) {
        const GuestOptions *o = q->options;
        int64_t queues = q->properties->vif_multiqueue ? q->instance->vcpus : 0;
        bool kvm = streq(q->host->virt_type, "kvm"), is_virtio = !q->properties->vif_model || streq(q->properties->vif_model, "virtio");

        if (o->max_queues > 0)
                queues = MIN(queues, o->max_queues);
        if (!is_virtio || (kvm && queues == 0 && o->rx_queue == 0 && o->tx_queue == 0))
                return;
        xml_empty(w, "driver", "name", kvm ? "vhost" : "qemu", "queues", queues > 0 ? XML_DECIMAL(queues) : NULL, "rx_queue_size",
                  o->rx_queue > 0 ? XML_DECIMAL(o->rx_queue) : NULL, "tx_queue_size", o->tx_queue > 0 ? XML_DECIMAL(o->tx_queue) : NULL);
}

int domain_write_interface(XmlWriter *w, const DomainRequest *q, const json_t *vif, NovaException *e) {
        const json_t *network = json_object_get(vif, "network"), *details = json_object_get(vif, "details");
        const char *mac = json_member_string(vif, "address"), *type = json_member_string(vif, "type") ?: "bridge";
        const char *bridge = json_member_string(network, "bridge"), *vnic = json_member_string(vif, "vnic_type") ?: "normal";
        int64_t mtu = json_member_integer(json_object_get(network, "meta"), "mtu", 0);
        char device[IFNAMSIZ] = "", hybrid[IFNAMSIZ], filter[64];
        const char *model = q->properties->vif_model ?: "virtio";
        bool ovs = streq(type, "ovs"), is_hybrid = ovs && json_member_boolean(details, "ovs_hybrid_plug", false), on_bridge;

        if (!mac || !is_mac(mac))
                return exception_setf(e, EXC_INVALID, "Instance %s: \"%s\" is no MAC address of a port", strempty(q->instance->uuid), strempty(mac));
        if (device_name(vif, device) < 0)
                return exception_setf(e, EXC_INVALID, "Instance %s: \"%s\" cannot be the name of an interface", strempty(q->instance->uuid),
                                      json_member_string(vif, "devname") ?: strempty(json_member_string(vif, "id")));
        if (mtu < 0 || mtu > 65535)
                return exception_setf(e, EXC_INVALID, "Instance %s: an MTU of %lld cannot be", strempty(q->instance->uuid), (long long) mtu);
        if (!streq(vnic, "normal"))
                return refuse(q, vif, e);
        if (is_hybrid) {
                snprintf(hybrid, sizeof hybrid, "qbr%.11s", strempty(json_member_string(vif, "id")));
                bridge = hybrid;
        }
        on_bridge = streq(type, "bridge") || is_hybrid;
        if (!on_bridge && !ovs && !streq(type, "tap") && !streq(type, "ethernet"))
                return refuse(q, vif, e);
        if (on_bridge && (!bridge || !is_link_name(bridge)))
                return exception_setf(e, EXC_INVALID, "Instance %s: \"%s\" cannot be the name of a bridge", strempty(q->instance->uuid), strempty(bridge));
        if (on_bridge && !q->properties->vif_model && !q->options->bridge_virtio)
                model = NULL;

        xml_begin(w, "interface", "type", on_bridge ? "bridge" : "ethernet");
        xml_empty(w, "mac", "address", mac);
        if (on_bridge)
                xml_empty(w, "source", "bridge", bridge);
        if (model)
                xml_empty(w, "model", "type", model);
        write_driver(w, q);
        if (mtu > 0)
                xml_empty(w, "mtu", "size", XML_DECIMAL(mtu));
        if (*device)
                xml_empty(w, "target", "dev", device, "managed", !on_bridge && json_member_boolean(details, "unmanaged_tap", false) ? "no" : NULL);
        if (q->filters && on_bridge && vif_filter_name(q->instance, vif, filter) > 0)
                xml_empty(w, "filterref", "filter", filter);
        write_bandwidth(w, q->properties);
        xml_end(w);
        return 0;
}

int domain_interface_xml(const DomainRequest *q, const json_t *vif, char **ret, NovaException *e) {
        XmlWriter w;
        int r;

        if (xml_writer_init(&w) < 0)
                return exception_set_errno(e, -ENOMEM, "The description of an interface");
        r = domain_write_interface(&w, q, vif, e);
        if (r >= 0 && xml_writer_finish(&w, ret) < 0)
                r = exception_set_errno(e, -ENOMEM, "The description of an interface");
        xml_writer_done(&w);
        return r;
}

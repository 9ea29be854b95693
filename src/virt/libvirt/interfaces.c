/* Interfaces of a guest that is there, their filters, and what the domain tells of the instance (zed 7.10). The links on the host are
 * the network's to make: compute plugs before and unplugs after. */
#include "virt/libvirt/guest-request.h"

#include <errno.h>

#include "basic/json.h"
#include "virt/libvirt/xml.h"

/* Where a change must be made: in what is kept, and in what runs. */
static unsigned affect(virDomainPtr domain) {
        return (virDomainIsPersistent(domain) == 1 ? VIR_DOMAIN_AFFECT_CONFIG : 0u) | (virDomainIsActive(domain) == 1 ? VIR_DOMAIN_AFFECT_LIVE : 0u);
}

/* What the instance's network will be said to be when this is done: with @vif, or without the one of its id. */
static json_t *network_then(const Instance *i, const json_t *vif, bool there) {
        const char *id = json_member_string(vif, "id");
        json_t *list = NULL, *other;
        size_t n;

        if (!i->network_info || json_parse(i->network_info, strlen(i->network_info), &list, NULL, 0) < 0 || !json_is_array(list)) {
                json_decref(list);
                list = json_array();
        }
        json_array_foreach(list, n, other)
                if (streq_ptr(json_member_string(other, "id"), id)) {
                        (void) json_array_remove(list, n);
                        break;
                }
        if (there)
                (void) json_array_append(list, (json_t *) vif);
        return list;
}

/* Nova's element in the domain, as the instance is now. */
static int update_metadata(LibvirtUse *u, virDomainPtr domain, const RequestContext *c, const Instance *i, const json_t *network_info,
                           NovaException *e) {
        _cleanup_free_ char *xml = NULL;
        DomainRequest q = { .instance = i, .context = c, .network_info = network_info, .created = time(NULL) };
        json_auto_t *parsed = NULL;
        int r;

        if (!network_info && i->network_info && json_parse(i->network_info, strlen(i->network_info), &parsed, NULL, 0) >= 0)
                q.network_info = parsed;
        r = domain_metadata_xml(&q, &xml, e);
        if (r < 0)
                return r;
        if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, "nova", NOVA_INSTANCE_NS, affect(domain)) < 0)
                return libvirt_failed(u, "The metadata of a domain", i, e);
        return 0;
}

static int attach_failed(const Instance *i, NovaException *e, const NovaException *why) {
        int r = exception_setf(e, EXC_INTERFACE_ATTACH_FAILED, "Failed to attach network adapter device to %s%s%s", i->uuid,
                               exception_is_set(why) ? ": " : "", exception_is_set(why) ? why->message : "");

        exception_kwarg(e, "instance_uuid", json_string(i->uuid));
        return r;
}

static int libvirt_attach_interface(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *image_meta, const json_t *vif,
                                    NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(guest_request_done) GuestRequest g = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_exception_ NovaException why = {};
        _cleanup_free_ char *xml = NULL;
        json_auto_t *list = json_pack("[O]", vif), *then = network_then(i, vif, true);
        int r;

        r = guest_use(&u, driver, "attach_interface", i, &domain, e);
        if (r >= 0)
                r = guest_request_init(&g, &u, context, i, image_meta, list, e);
        if (r >= 0)
                r = domain_interface_xml(&g.xml, vif, &xml, e);
        if (r >= 0)
                r = guest_filters_define(&u, i, list, e);
        if (r < 0)
                return r;
        libvirt_use_again(&u, false);
        if (virDomainAttachDeviceFlags(domain, xml, affect(domain)) < 0) {
                (void) libvirt_failed(&u, "libvirt", i, &why);
                return attach_failed(i, e, &why);
        }
        (void) update_metadata(&u, domain, context, i, then, NULL);     /* told for people: not worth a failure */
        return 0;
}

static const xmlNode *find_mac(xmlDocPtr doc, const char *mac) {
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "interface"); n; n = xml_next(n, "interface")) {
                const char *found = xml_attribute(xml_child(n, "mac"), "address");

                if (found && mac && strcasecmp(found, mac) == 0)
                        return n;
        }
        return NULL;
}

/* The interface with this MAC as XML by itself; 0 if there is none, 1 with *ret. */
static int interface_of(LibvirtUse *u, const Instance *i, const char *mac, unsigned flags, char **ret, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        const xmlNode *node;
        xmlBufferPtr buffer;
        int r;

        r = libvirt_domain_and_xml(u, i, flags, &domain, &doc, e);
        if (r < 0)
                return r;
        node = find_mac(doc, mac);
        if (!node)
                return 0;
        buffer = xmlBufferCreate();
        if (buffer && xmlNodeDump(buffer, doc, (xmlNode *) node, 0, 0) > 0)
                *ret = strdup((const char *) xmlBufferContent(buffer));
        if (buffer)
                xmlBufferFree(buffer);
        return *ret ? 1 : exception_set_errno(e, -ENOMEM, "The description of an interface");
}

static void on_device_removed(virConnectPtr connection _unused_, virDomainPtr domain _unused_, const char *alias _unused_, void *userdata) {
        libvirt_count_event(userdata);
}

static void on_freed(void *userdata) {
        libvirt_driver_unref(userdata);
}

/* A guest gives a device back when it likes: it is asked again some times, and each time given some seconds. */
static int detach_live(LibvirtUse *u, virDomainPtr domain, const Instance *i, const char *mac, NovaException *e) {
        const LibvirtDriver *d = u->d;
        int r = 1, event_id;

        event_id = virConnectDomainEventRegisterAny(u->connection, domain, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                                    VIR_DOMAIN_EVENT_CALLBACK(on_device_removed), libvirt_driver_ref(u->d), on_freed);
        if (event_id < 0)
                libvirt_driver_unref(u->d);
        for (unsigned attempt = 0; attempt < d->detach_attempts && r > 0; attempt++) {
                usec_t deadline = now_monotonic() + d->detach_timeout;
                bool asked = false;

                do {
                        unsigned seen = libvirt_events_seen(u);
                        _cleanup_free_ char *xml = NULL;

                        r = interface_of(u, i, mac, 0, &xml, e);
                        if (r > 0 && !asked) {
                                asked = true;
                                if (virDomainDetachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0 &&
                                    virGetLastErrorCode() != VIR_ERR_DEVICE_MISSING && virGetLastErrorCode() != VIR_ERR_OPERATION_FAILED)
                                        r = libvirt_failed(u, "Detaching an interface", i, e);
                                else
                                        continue;
                        }
                        if (r > 0)
                                libvirt_wait_event(u, seen, deadline);
                } while (r > 0 && now_monotonic() < deadline);
        }
        if (event_id >= 0)
                (void) virConnectDomainEventDeregisterAny(u->connection, event_id);
        if (r > 0) {
                r = exception_setf(e, EXC_DEVICE_DETACH_FAILED, "Device detach failed for %s: Run out of retry while detaching device %s of instance %s", mac, mac,
                                   i->uuid);
                exception_kwarg(e, "device", json_string(mac));
        }
        return r;
}

static int libvirt_detach_interface(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *vif, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        const char *mac = json_member_string(vif, "address");
        json_auto_t *then = network_then(i, vif, false);
        _cleanup_free_ char *kept = NULL;
        char filter[64];
        int r;

        if (!mac)
                return exception_setf(e, EXC_INVALID, "An interface of instance %s without an address cannot be found", strempty(i->uuid));
        r = guest_use(&u, driver, "detach_interface", i, &domain, e);
        if (r >= 0 && virDomainIsPersistent(domain) == 1)
                r = interface_of(&u, i, mac, VIR_DOMAIN_XML_INACTIVE, &kept, e);
        if (r < 0)
                return r;
        if (kept && virDomainDetachDeviceFlags(domain, kept, VIR_DOMAIN_AFFECT_CONFIG) < 0 && virGetLastErrorCode() != VIR_ERR_DEVICE_MISSING)
                return libvirt_failed(&u, "Detaching an interface", i, e);
        if (virDomainIsActive(domain) == 1) {
                r = detach_live(&u, domain, i, mac, e);
                if (r < 0)
                        return r;
        }
        if (atomic_load(&u.d->has_filters) && vif_filter_name(i, vif, filter) > 0) {
                virNWFilterPtr f = virNWFilterLookupByName(u.connection, filter);

                if (f) {
                        (void) virNWFilterUndefine(f);
                        (void) virNWFilterFree(f);
                }
        }
        (void) update_metadata(&u, domain, context, i, then, NULL);
        return 0;
}

/* A user's metadata is no part of the domain; what is (the name, the owner) is put in as it is now. */
static int libvirt_change_instance_metadata(ComputeDriver *driver, const RequestContext *context, const Instance *i, const json_t *diff _unused_,
                                            NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = guest_use(&u, driver, "change_instance_metadata", i, &domain, e);
        return r < 0 ? r : update_metadata(&u, domain, context, i, NULL, e);
}

/* The addresses that the guest may use from now on. */
static int libvirt_inject_network_info(ComputeDriver *driver, const Instance *i, const json_t *network_info, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = guest_use(&u, driver, "inject_network_info", i, &domain, e);
        if (r >= 0)
                r = guest_filters_define(&u, i, network_info, e);
        return r < 0 ? r : update_metadata(&u, domain, NULL, i, network_info, e);
}

/* libvirt's guests take their addresses by DHCP or config drive: there is nobody to be told. As Nova's. */
static int libvirt_reset_network(ComputeDriver *driver _unused_, const Instance *i _unused_, NovaException *e _unused_) {
        return 0;
}

static int libvirt_plug_vifs(ComputeDriver *driver _unused_, const Instance *i _unused_, const json_t *network_info _unused_, NovaException *e _unused_) {
        return 0;
}

static int libvirt_ensure_filtering_rules_for_instance(ComputeDriver *driver, const Instance *i, const json_t *network_info, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};

        if (libvirt_use(&u, driver, "ensure_filtering_rules_for_instance", e) < 0)
                return u.r;
        return guest_filters_define(&u, i, network_info, e);
}

static int libvirt_unfilter_instance(ComputeDriver *driver, const Instance *i, const json_t *network_info _unused_, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};

        if (libvirt_use(&u, driver, "unfilter_instance", e) < 0)
                return u.r;
        return guest_filters_undefine(&u, i, e);
}

void libvirt_interface_ops(ComputeDriverOps *ops) {
        ops->attach_interface = libvirt_attach_interface;
        ops->detach_interface = libvirt_detach_interface;
        ops->change_instance_metadata = libvirt_change_instance_metadata;
        ops->inject_network_info = libvirt_inject_network_info;
        ops->reset_network = libvirt_reset_network;
        ops->plug_vifs = libvirt_plug_vifs;
        ops->unplug_vifs = libvirt_plug_vifs;
        ops->ensure_filtering_rules_for_instance = libvirt_ensure_filtering_rules_for_instance;
        ops->unfilter_instance = libvirt_unfilter_instance;
}

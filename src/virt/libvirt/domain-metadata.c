/* What a domain tells of the instance that it is: Nova's element in its metadata (zed 6.10). */
#include "virt/libvirt/domain-private.h"

#include <errno.h>
#include <time.h>

#include "basic/json.h"
#include "config.h"
#include "objects/instance-object.h"

static void write_flavor(XmlWriter *w, const Instance *i) {
        xml_begin(w, "nova:flavor", "name", strempty(i->flavor_name));
        xml_element(w, XML_DECIMAL(i->memory_mb), "nova:memory");
        xml_element(w, XML_DECIMAL(i->root_gb), "nova:disk");
        xml_element(w, XML_DECIMAL(i->swap_mb), "nova:swap");
        xml_element(w, XML_DECIMAL(i->ephemeral_gb), "nova:ephemeral");
        xml_element(w, XML_DECIMAL(i->vcpus), "nova:vcpus");
        xml_end(w);
}

/* The names of who asked are in the request only, and may be another's than the instance's. */
static void write_owner(XmlWriter *w, const DomainRequest *q) {
        json_auto_t *values = q->context ? context_safe_dict(q->context) : NULL;
        const Instance *i = q->instance;
        const char *user = json_member_string(values, "user_name"), *project = json_member_string(values, "project_name");

        if (!i->user_id && !i->project_id) {
                xml_empty(w, "nova:owner");
                return;
        }
        if (!q->context || !streq_ptr(context_user_id(q->context), i->user_id))
                user = NULL;
        if (!q->context || !streq_ptr(context_project_id(q->context), i->project_id))
                project = NULL;
        xml_begin(w, "nova:owner");
        if (i->user_id)
                xml_element(w, user ?: i->user_id, "nova:user", "uuid", i->user_id);
        if (i->project_id)
                xml_element(w, project ?: i->project_id, "nova:project", "uuid", i->project_id);
        xml_end(w);
}

static void write_ports(XmlWriter *w, const json_t *network_info) {
        json_t *vif, *subnet, *ip;
        size_t a, b, c;

        if (json_array_size(network_info) == 0) {
                xml_empty(w, "nova:ports");
                return;
        }
        xml_begin(w, "nova:ports");
        json_array_foreach(network_info, a, vif) {
                json_t *subnets = json_object_get(json_object_get(vif, "network"), "subnets");

                xml_begin(w, "nova:port", "uuid", strempty(json_member_string(vif, "id")));
                json_array_foreach(subnets, b, subnet)
                        json_array_foreach(json_object_get(subnet, "ips"), c, ip)
                                xml_empty(w, "nova:ip", "type", json_member_string(ip, "type") ?: "fixed", "address",
                                          strempty(json_member_string(ip, "address")), "ipVersion",
                                          json_member_integer(ip, "version", 4) == 6 ? "6" : "4");
                xml_end(w);
        }
        xml_end(w);
}

void domain_write_metadata(XmlWriter *w, const DomainRequest *q) {
        const Instance *i = q->instance;
        char created[32] = "";
        struct tm tm;

        if (gmtime_r(&q->created, &tm))
                (void) strftime(created, sizeof created, "%Y-%m-%d %H:%M:%S", &tm);

        xml_begin(w, "nova:instance", "xmlns:nova", NOVA_INSTANCE_NS);
        xml_empty(w, "nova:package", "version", PACKAGE_VERSION);
        xml_element(w, i->display_name, "nova:name");
        xml_element(w, created, "nova:creationTime");
        write_flavor(w, i);
        write_owner(w, q);
        if (!isempty(i->image_ref))
                xml_empty(w, "nova:root", "type", "image", "uuid", i->image_ref);
        write_ports(w, q->network_info);
        xml_end(w);
}

/* libvirt puts the namespace and its prefix into what is set in a domain that is there, and takes it in no other form. */
static void drop_namespace(char *xml) {
        static const char *const drop[] = { " xmlns:nova=\"" NOVA_INSTANCE_NS "\"", "<nova:", "</nova:" };
        char *to = xml;

        while (*xml) {
                size_t n = 0;

                for (size_t k = 0; k < ELEMENTSOF(drop) && n == 0; k++)
                        if (startswith(xml, drop[k])) {
                                n = strlen(drop[k]);
                                for (const char *c = drop[k]; *c == '<' || *c == '/'; c++)
                                        *to++ = *c;
                        }
                if (n == 0)
                        *to++ = *xml++;
                else
                        xml += n;
        }
        *to = '\0';
}

int domain_metadata_xml(const DomainRequest *q, char **ret, NovaException *e) {
        XmlWriter w;
        int r;

        r = xml_writer_init(&w);
        if (r >= 0) {
                domain_write_metadata(&w, q);
                r = xml_writer_finish(&w, ret);
                xml_writer_done(&w);
        }
        if (r >= 0)
                drop_namespace(*ret);
        return r < 0 ? exception_set_errno(e, r, "The metadata of a domain") : 0;
}

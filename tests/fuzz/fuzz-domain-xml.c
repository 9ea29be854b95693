/* Image properties, extra specs, names and VIFs as users and peers send them, and the description that is made of them. A line is one of
 *   i NAME=VALUE     an image property          f NAME=VALUE     an extra spec
 *   n TEXT           the instance's name        d TEXT           its display name, and a disk's path
 *   v JSON           network information        m NUMBER  c NUMBER   memory and CPUs
 * Whatever they are: refused with a sentence, or well-formed XML of one domain, with one <devices>. */
#include <errno.h>
#include <stdlib.h>

#include "basic/json.h"
#include "fuzz.h"
#include "objects/instance-object.h"
#include "virt/libvirt/domain-xml.h"
#include "virt/libvirt/xml.h"

static void put(json_t *object, const char *prefix, char *assignment) {
        char *value = strchr(assignment, '='), name[300];

        if (!value)
                return;
        *value++ = '\0';
        snprintf(name, sizeof name, "%s%s", prefix, assignment);
        (void) json_object_set_new(object, name, json_string(value));   /* no UTF-8: nothing is set */
}

static void replace(char **s, const char *text) {
        free(*s);
        *s = strdup(text);
}

static void check_xml(const DomainRequest *q, const char *xml) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = xml_parse(xml);
        const xmlNode *root, *devices;

        fuzz_check(doc);
        root = xmlDocGetRootElement(doc);
        devices = xml_child(root, "devices");
        fuzz_check(xml_is(root, "domain") && !root->next && devices && !xml_next(devices, "devices"));
        fuzz_check(streq_ptr(xml_text(xml_child(root, "uuid")), q->instance->uuid));
        fuzz_check(xml_child(xml_child(root, "metadata"), "instance") && !xml_next(xml_child(root, "metadata"), "metadata"));
        fuzz_check(xml_child(devices, "disk") && !xml_next(xml_child(devices, "disk"), "disk"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const nothing[] = { NULL };
        static const GuestHost host = { .arch = "x86_64", .virt_type = "kvm", .page_sizes_kib = { 4, 2048, 1048576 }, .direct_io = true, .has_uefi = true };
        static GuestOptions options = { .cpu_models = (char **) nothing, .cpu_flags = (char **) nothing, .machine_types = (char **) nothing,
                                        .cache_modes = (char **) nothing, .rng_path = (char *) "/dev/urandom", .vnc = true,
                                        .vnc_listen = (char *) "127.0.0.1", .tablet = true, .memory_stats_period = 10 };
        _cleanup_free_ char *text = fuzz_text(data, size), *path = strdup("/d"), *xml = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_t *image = json_object(), *specs = json_object();
        json_auto_t *vifs = NULL;
        Instance i = { .uuid = strdup("7d671d0e-f599-4e9a-9f56-820cca4200b5"), .name = strdup("instance-00000001"), .memory_mb = 512, .vcpus = 1 };
        GuestProperties properties = {};
        DomainDisk disk = { .format = "raw", .device = "disk", .target = "vda", .bus = "virtio" };
        DomainRequest q = { .options = &options, .host = &host, .properties = &properties, .instance = &i, .directory = "/i", .disks = &disk,
                            .n_disks = 1, .filters = true };
        char *state = NULL;

        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                if (line[0] == '\0' || line[1] != ' ')
                        continue;
                switch (line[0]) {
                case 'i': put(image, "image_", line + 2); break;
                case 'f': put(specs, "", line + 2); break;
                case 'n': replace(&i.name, line + 2); break;
                case 'd': replace(&i.display_name, line + 2); replace(&path, line + 2); break;
                case 'm': i.memory_mb = atoll(line + 2); break;
                case 'c': i.vcpus = MIN(atoll(line + 2), 4096); break;
                case 'v':
                        json_decref(vifs);
                        vifs = NULL;
                        (void) json_parse(line + 2, strlen(line + 2), &vifs, NULL, 0);
                        break;
                }
        }
        disk.path = path;
        q.network_info = vifs;
        fuzz_check(instance_set_field(&i, "system_metadata", image) == 0);
        fuzz_check(instance_set_field(&i, "flavor", json_pack("{s:s, s:s, s:s, s:{s:o}}", "nova_object.name", "Flavor", "nova_object.namespace",
                                                              "nova", "nova_object.version", "1.2", "nova_object.data", "extra_specs", specs)) == 0);

        if (guest_properties_read(&properties, &i, NULL, &host, nothing, true, &e) < 0 || domain_xml(&q, &xml, &e) < 0)
                fuzz_check(exception_is_set(&e) && *e.message && !xml);
        else {
                fuzz_check(properties.sockets * properties.cores * properties.threads == i.vcpus);
                check_xml(&q, xml);
        }
        instance_done(&i);
        return 0;
}

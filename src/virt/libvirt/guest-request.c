#include "virt/libvirt/guest-request.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "virt/libvirt/capabilities.h"
#include "virt/libvirt/xml.h"

/* Whether files in instances_path can be opened past the host's cache. Tried once. */
static bool direct_io(LibvirtDriver *d) {
        char path[4096];
        int fd, works, why;

        pthread_mutex_lock(&d->lock);
        works = d->direct_io;
        pthread_mutex_unlock(&d->lock);
        if (works >= 0)
                return works;

        /* Without a name, so that nothing is left of it should we end now; not every file system can. */
        fd = open(d->instances_path, O_TMPFILE | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
        if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
                snprintf(path, sizeof path, "%s/.directio.test.%d", d->instances_path, (int) getpid());
                fd = open(path, O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
                why = errno;
                (void) unlink(path);            /* it may be there all the same */
                errno = why;
        }
        if (fd < 0 && errno != EINVAL)
                return false;                   /* nothing can be made there now: that is no answer */
        works = fd >= 0;
        if (fd >= 0)
                (void) close(fd);
        pthread_mutex_lock(&d->lock);
        d->direct_io = works;
        pthread_mutex_unlock(&d->lock);
        return works;
}

/* kvm if libvirt offers it for guests of this kind, else qemu. That it is offered does not yet mean that a guest speaks. */
static const char *best_virt_type(const Capabilities *c, const char *arch) {
        json_t *spec;
        size_t i;

        json_array_foreach(c->hv_specs, i, spec)
                if (streq_ptr(json_string_value(json_array_get(spec, 0)), arch) && streq_ptr(json_string_value(json_array_get(spec, 1)), "kvm"))
                        return "kvm";
        return "qemu";
}

static void set_page_sizes(GuestHost *h, const Capabilities *c) {
        size_t n = 0;

        for (size_t p = 0; c->n_cells > 0 && p < c->cells[0].n_pages && n < PAGE_SIZES_MAX; p++)
                h->page_sizes_kib[n++] = c->cells[0].pages[p].size_kib;
        if (n == 0)
                h->page_sizes_kib[0] = (uint64_t) sysconf(_SC_PAGESIZE) / 1024;
}

/* Asked only when an image wants it: it takes libvirt a while. */
static bool has_uefi(const LibvirtUse *u, const GuestHost *h) {
        _cleanup_free_ char *text = virConnectGetDomainCapabilities(u->connection, NULL, h->arch, NULL, h->virt_type, 0);
        _cleanup_(xml_doc_freep) xmlDocPtr doc = text ? xml_parse(text) : NULL;
        const xmlNode *os = doc ? xml_child(xmlDocGetRootElement(doc), "os") : NULL;

        for (const xmlNode *n = xml_child(os, "enum"); n; n = xml_next(n, "enum"))
                if (streq_ptr(xml_attribute(n, "name"), "firmware"))
                        for (const xmlNode *v = xml_child(n, "value"); v; v = xml_next(v, "value"))
                                if (streq_ptr(xml_text(v), "efi"))
                                        return true;
        return false;
}

/* The nodes that its cells may be on. */
static int read_numa(GuestRequest *g, const Capabilities *c, NovaException *e) {
        LibvirtDriver *d = g->u->d;
        _cleanup_free_ char *text = NULL;
        virNodeInfo info;
        CpuSet online;
        int r;

        if (isempty(g->xml.instance->numa_topology))
                return 0;
        if (virNodeGetInfo(g->u->connection, &info) < 0)
                return libvirt_failed(g->u, "The host's processors", NULL, e);
        (void) libvirt_online_cpus(g->u, &info, &online);
        r = capabilities_numa_topology(c, &online, d->has_shared ? &d->shared : NULL, d->has_dedicated ? &d->dedicated : NULL, &text);
        if (r > 0)
                r = host_topology_read(text, &g->host.numa, e);
        return r < 0 && !exception_is_set(e) ? exception_set_errno(e, r, "The NUMA topology of the host") : r;
}

static int read_host(GuestRequest *g, const char *text, const json_t *image_meta, NovaException *e) {
        LibvirtDriver *d = g->u->d;
        Capabilities c = {};
        int r;

        r = capabilities_parse(text, &c, e);
        if (r < 0)
                return r;
        g->arch = strdup(json_member_string(c.cpu_info, "arch") ?: "x86_64");
        g->host.arch = g->arch;
        if (startswith(d->uri, "test:") || startswith(d->uri, "test+"))
                g->host.virt_type = "test";
        else if (d->guests.virt_type)
                g->host.virt_type = d->guests.virt_type;
        else
                g->host.virt_type = best_virt_type(&c, strempty(g->arch));
        set_page_sizes(&g->host, &c);
        r = read_numa(g, &c, e);
        capabilities_done(&c);
        if (r < 0)
                return r;
        if (!g->arch)
                return exception_set_errno(e, -ENOMEM, "The capabilities of the host");

        g->host.direct_io = direct_io(d);
        if (streq_ptr(guest_image_property(g->xml.instance, image_meta, "hw_firmware_type"), "uefi"))
                g->host.has_uefi = has_uefi(g->u, &g->host);
        return 0;
}

/* libvirt would say only what it cannot make of it. Aliases (pc, q35) are among them. */
static int check_machine(GuestRequest *g, const char *capabilities, NovaException *e) {
        _cleanup_(xml_doc_freep) xmlDocPtr doc = xml_parse(capabilities);
        const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
        bool known = false;

        for (const xmlNode *guest = xml_child(root, "guest"); guest; guest = xml_next(guest, "guest")) {
                const xmlNode *arch = xml_child(guest, "arch");

                if (!streq_ptr(xml_attribute(arch, "name"), g->properties.arch))
                        continue;
                for (const xmlNode *m = xml_child(arch, "machine"); m; m = xml_next(m, "machine")) {
                        if (streq_ptr(xml_text(m), g->properties.machine))
                                return 0;
                        known = true;
                }
        }
        if (!known || !g->properties.machine)   /* a hypervisor that names none */
                return 0;
        return exception_setf(e, EXC_INVALID, "Machine type '%s' is not supported for %s guests by the hypervisor of %s", g->properties.machine,
                              g->properties.arch, g->u->d->host);
}

int guest_request_init(GuestRequest *g, LibvirtUse *u, const RequestContext *context, const Instance *i, const json_t *image_meta,
                       const json_t *network_info, NovaException *e) {
        LibvirtDriver *d = u->d;
        _cleanup_free_ char *capabilities = NULL;
        int r;

        *g = (GuestRequest){ .u = u };
        if (!network_info && i->network_info) {
                if (json_parse(i->network_info, strlen(i->network_info), &g->network_info, NULL, 0) < 0)
                        return exception_setf(e, EXC_INVALID, "The network information of instance %s cannot be read", strempty(i->uuid));
                network_info = g->network_info;
        }
        g->xml = (DomainRequest){ .options = &d->guests, .host = &g->host, .properties = &g->properties, .instance = i, .context = context,
                                  .network_info = network_info, .created = time(NULL), .filters = atomic_load(&d->has_filters) };
        capabilities = virConnectGetCapabilities(u->connection);
        if (!capabilities)
                return libvirt_failed(u, "The capabilities of the host", NULL, e);
        r = read_host(g, capabilities, image_meta, e);
        if (r >= 0)
                r = guest_properties_read(&g->properties, i, image_meta, &g->host, (const char *const *) d->guests.machine_types,
                                          d->guests.tablet, e);
        if (r >= 0)
                r = check_machine(g, capabilities, e);
        if (r >= 0)
                r = disk_store_directory(d->disks, i, &g->directory, e);
        g->xml.directory = g->directory;
        return r;
}

static void set_port(LibvirtDriver *d, uint16_t port, bool taken) {
        if (taken)
                d->serial_taken[port / 8] |= (uint8_t) (1u << port % 8);
        else
                d->serial_taken[port / 8] &= (uint8_t) ~(1u << port % 8);
}

void guest_request_done(GuestRequest *g) {
        if (!g->u)
                return;
        pthread_mutex_lock(&g->u->d->lock);
        for (size_t n = 0; n < g->n_ports && !g->keep_ports; n++)
                set_port(g->u->d, g->ports[n], false);
        pthread_mutex_unlock(&g->u->d->lock);
        free(g->disks);
        free(g->kept.xml);
        free(g->kept.kernel);
        free(g->kept.ramdisk);
        free(g->kept.command_line);
        free(g->kept.boot);
        free(g->directory);
        free(g->arch);
        host_topology_done(&g->host.numa);
        json_decref(g->network_info);
        *g = (GuestRequest){};
}

int guest_request_set_disks(GuestRequest *g, const DiskSet *set, NovaException *e) {
        g->disks = calloc(set->n + 1, sizeof *g->disks);
        if (!g->disks)
                return exception_set_errno(e, -ENOMEM, "The disks of a domain");
        for (size_t n = 0; n < set->n; n++)
                g->disks[n] = (DomainDisk){ .path = set->items[n].path, .format = set->items[n].format, .device = set->items[n].device,
                                            .target = set->items[n].target, .bus = set->items[n].bus, .boot = set->items[n].boot };
        g->xml.disks = g->disks;
        g->xml.n_disks = set->n;
        g->xml.kernel = set->kernel;
        g->xml.ramdisk = set->ramdisk;
        return 0;
}

static int keep_text(const xmlNode *node, char **ret) {
        const char *s = xml_text(node);

        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

/* Where a device sits is libvirt's to say anew: the others around it may be others. */
static void forget_place(xmlNode *device) {
        for (xmlNode *n = device->children, *next; n; n = next) {
                next = n->next;
                if (xml_is(n, "alias") || xml_is(n, "address")) {
                        xmlUnlinkNode(n);
                        xmlFreeNode(n);
                }
        }
}

int guest_request_keep_disks(GuestRequest *g, xmlDocPtr doc, NovaException *e) {
        const xmlNode *root = xmlDocGetRootElement(doc), *os = xml_child(root, "os"), *boot = xml_child(os, "boot");
        const char *dev = xml_attribute(boot, "dev");
        xmlBufferPtr buffer = xmlBufferCreate();
        int r = buffer ? 0 : -ENOMEM;

        for (xmlNode *n = (xmlNode *) xml_child(root, "devices") ? xml_child(root, "devices")->children : NULL; r >= 0 && n; n = n->next) {
                if (!xml_is(n, "disk") && !xml_is(n, "hostdev"))
                        continue;
                forget_place(n);
                if (streq_ptr(xml_attribute(xml_child(n, "target"), "bus"), "scsi"))
                        g->kept.scsi = true;
                if (xmlNodeDump(buffer, doc, n, 2, 0) < 0 || xmlBufferAdd(buffer, (const xmlChar *) "\n", 1) != 0)
                        r = -ENOMEM;
        }
        if (r >= 0 && !(g->kept.xml = strdup((const char *) xmlBufferContent(buffer))))
                r = -ENOMEM;
        if (buffer)
                xmlBufferFree(buffer);
        if (r >= 0)
                r = keep_text(xml_child(os, "kernel"), &g->kept.kernel);
        if (r >= 0)
                r = keep_text(xml_child(os, "initrd"), &g->kept.ramdisk);
        if (r >= 0)
                r = keep_text(xml_child(os, "cmdline"), &g->kept.command_line);
        if (r >= 0 && dev && !(g->kept.boot = strdup(dev)))
                r = -ENOMEM;
        if (r < 0)
                return exception_set_errno(e, r, "The disks of a domain");
        g->xml.kept = &g->kept;
        return 0;
}

/* Nobody else listens there now: what a guest of another program has is not in our list. */
static bool port_is_free(const char *address, uint16_t port) {
        struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *a = NULL;
        char service[8];
        int one = 1, fd;
        bool is_free = false;

        snprintf(service, sizeof service, "%u", port);
        if (getaddrinfo(address, service, &hints, &a) != 0)
                return true;                    /* a name: libvirt will say */
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
                (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
                is_free = bind(fd, a->ai_addr, a->ai_addrlen) == 0;
                (void) close(fd);
        }
        freeaddrinfo(a);
        return is_free;
}

static int take_ports(GuestRequest *g, NovaException *e) {
        LibvirtDriver *d = g->u->d;
        const GuestOptions *o = &d->guests;
        int r;

        pthread_mutex_lock(&d->lock);
        for (unsigned p = o->serial_first; p <= o->serial_last && (int64_t) g->n_ports < g->properties.serial_ports; p++)
                if (!(d->serial_taken[p / 8] & 1u << p % 8) && port_is_free(o->serial_address, (uint16_t) p)) {
                        set_port(d, (uint16_t) p, true);
                        g->ports[g->n_ports++] = (uint16_t) p;
                }
        pthread_mutex_unlock(&d->lock);
        if ((int64_t) g->n_ports < g->properties.serial_ports) {
                r = exception_setf(e, EXC_SOCKET_PORT_RANGE_EXHAUSTED, "Not able to acquire a free port for %s", strempty(o->serial_address));
                exception_kwarg(e, "host", json_string(strempty(o->serial_address)));
                return r;
        }
        g->xml.serial_ports = g->ports;
        return 0;
}

int guest_request_xml(GuestRequest *g, char **ret, NovaException *e) {
        int r;

        if (g->u->d->guests.serial && !g->xml.serial_ports) {
                r = take_ports(g, e);
                if (r < 0)
                        return r;
        }
        return domain_xml(&g->xml, ret, e);
}

int guest_request_start(GuestRequest *g, bool paused, virDomainPtr *ret, NovaException *e) {
        const Instance *i = g->xml.instance;
        _cleanup_free_ char *xml = NULL;
        int r;

        r = guest_console_log_make(g->directory, e);
        if (r >= 0)
                r = guest_filters_define(g->u, i, g->xml.network_info, e);
        if (r >= 0)
                r = guest_request_xml(g, &xml, e);
        return r < 0 ? r : guest_define_and_start(g->u, xml, i, paused, ret, e);
}

void guest_ports_give_back(LibvirtDriver *d, xmlDocPtr doc) {
        const xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

        pthread_mutex_lock(&d->lock);
        for (const xmlNode *n = xml_child(devices, "serial"); n; n = xml_next(n, "serial")) {
                uint64_t port;

                if (streq_ptr(xml_attribute(n, "type"), "tcp") && xml_number(xml_attribute(xml_child(n, "source"), "service"), &port) &&
                    port <= UINT16_MAX)
                        set_port(d, (uint16_t) port, false);
        }
        pthread_mutex_unlock(&d->lock);
}

/* libvirt gives the file to whom it runs guests as: that we may read it is said in an access control list, which stays. Where there
 * are none it is root who may, or nobody. */
static void keep_readable(int fd) {
        enum { ACL_VERSION = 2, USER_OBJ = 0x01, USER = 0x02, GROUP_OBJ = 0x04, MASK = 0x10, OTHER = 0x20, READ_WRITE = 6 };
        const struct {
                uint32_t version;
                struct {
                        uint16_t tag, permissions;
                        uint32_t id;
                } entries[5];
        } acl = { htole32(ACL_VERSION),
                  { { htole16(USER_OBJ), htole16(READ_WRITE), UINT32_MAX },
                    { htole16(USER), htole16(READ_WRITE), htole32(geteuid()) },
                    { htole16(GROUP_OBJ), 0, UINT32_MAX },
                    { htole16(MASK), htole16(READ_WRITE), UINT32_MAX },
                    { htole16(OTHER), 0, UINT32_MAX } } };

        if (geteuid() != 0)
                (void) fsetxattr(fd, "system.posix_acl_access", &acl, sizeof acl, 0);
}

int guest_console_log_make(const char *directory, NovaException *e) {
        char path[4096];
        int fd;

        fd = make_directories(directory, 0755);
        if (fd < 0)
                return exception_set_errno(e, fd, directory);
        if (snprintf(path, sizeof path, "%s/" CONSOLE_LOG, directory) >= (int) sizeof path)
                return exception_set_errno(e, -ENAMETOOLONG, directory);
        for (int n = 0; n < CONSOLE_LOGS_MAX; n++) {
                char rotated[4200];

                snprintf(rotated, sizeof rotated, "%s.%d", path, n);
                (void) unlink(rotated);
        }
        /* what is there may be root's, and cannot be opened: another is put in its place */
        if (unlink(path) < 0 && errno != ENOENT)
                return exception_set_errno(e, -errno, path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return exception_set_errno(e, -errno, path);
        keep_readable(fd);
        (void) close(fd);
        return 0;
}

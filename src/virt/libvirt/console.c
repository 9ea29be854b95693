/* Consoles: what a guest wrote, and where its displays and serial lines are (zed 7.11). */
#include "virt/libvirt/guest-request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "virt/libvirt/xml.h"

/* Puts up to @room bytes of the end of @path before @end. Returns the number, 0 if the file is not there; -errno. */
static ssize_t read_tail(const char *path, char *end, size_t room) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        size_t size, done = 0;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        size = MIN((size_t) st.st_size, room);
        while (done < size) {
                ssize_t n = pread(fd, end - size + done, size - done, st.st_size - (off_t) size + (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)             /* it was cut meanwhile: what is missing is white space */
                        break;
                done += (size_t) n;
        }
        if (done < size)
                memmove(end - done, end - size, done);
        return (ssize_t) done;
}

/* The end of the log and of those that were rotated away before it, as bytes; a NUL byte becomes one that is no ASCII. */
static int read_log(const char *path, size_t max_bytes, char **ret, NovaException *e) {
        _cleanup_free_ char *buffer = malloc(max_bytes + 1);
        bool kept_from_us = false;
        char *p;

        if (!buffer)
                return exception_set_errno(e, -ENOMEM, path);
        p = buffer + max_bytes;
        *p = '\0';
        for (int n = -1; n < CONSOLE_LOGS_MAX && p > buffer; n++) {
                char name[4200];
                ssize_t got;

                if (n < 0)
                        snprintf(name, sizeof name, "%s", path);
                else
                        snprintf(name, sizeof name, "%s.%d", path, n);
                got = read_tail(name, p, (size_t) (p - buffer));
                if (got == -EACCES) {   /* virtlogd began it anew as its own: those before may be ours */
                        kept_from_us = true;
                        continue;
                }
                if (got < 0)
                        return exception_set_errno(e, (int) got, name);
                if (got == 0 && n >= 0)
                        break;
                for (char *c = p - got; c < p; c++)
                        if (*c == '\0')
                                *c = '\xff';
                p -= got;
        }
        if (kept_from_us && p == buffer + max_bytes)
                return exception_set_errno(e, -EACCES, path);
        *ret = strdup(p);
        return *ret ? 0 : exception_set_errno(e, -ENOMEM, path);
}

static int no_console(NovaException *e) {
        return exception_setf(e, EXC_CONSOLE_NOT_AVAILABLE, "Guest does not have a console available.");
}

/* Where libvirt logs what the guest writes: also of a guest that was made by another than us. */
static const char *log_of(xmlDocPtr doc) {
        static const char *const kinds[] = { "serial", "console" };
        const xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                for (const xmlNode *n = xml_child(devices, kinds[k]); n; n = xml_next(n, kinds[k])) {
                        const char *file = xml_attribute(xml_child(n, "log"), "file");

                        if (!file && streq_ptr(xml_attribute(n, "type"), "file"))
                                file = xml_attribute(xml_child(n, "source"), "path");
                        if (file && *file == '/')
                                return file;
                }
        return NULL;
}

/* The path is @ret_doc's. */
static int log_of_domain(LibvirtUse *u, const Instance *i, xmlDocPtr *ret_doc, const char **ret, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = libvirt_domain_and_xml(u, i, 0, &domain, ret_doc, e);
        if (r < 0)
                return r;
        *ret = log_of(*ret_doc);
        return !*ret || strlen(*ret) > 4096 ? no_console(e) : 0;
}

static int libvirt_get_console_output(ComputeDriver *driver, const Instance *i, size_t max_bytes, char **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        const char *path;
        int r;

        if (libvirt_use(&u, driver, "get_console_output", e) < 0)
                return u.r;
        r = log_of_domain(&u, i, &doc, &path, e);
        if (r < 0)
                return r;
        return read_log(path, MIN(max_bytes ?: SIZE_MAX, (size_t) 16 << 20), ret, e);
}

/* ---- followed ---- */

/* The @n-th of the logs: the one written now is -1, those rotated away before it from 0 on. -errno, or a descriptor with *ret. */
static int open_log(const char *path, int n, struct stat *ret) {
        char name[4200];
        int fd, r;

        if (n < 0)
                snprintf(name, sizeof name, "%s", path);
        else
                snprintf(name, sizeof name, "%s.%d", path, n);
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        r = fstat(fd, ret) < 0 ? -errno : S_ISREG(ret->st_mode) ? 0 : -EINVAL;
        if (r < 0)
                (void) close(fd);
        return r < 0 ? r : fd;
}

/* Which of the logs @p is in, open; -1 is the one written now, also where it is in none that is left: then from its beginning. */
static int find_log(const char *path, ConsolePosition *p, struct stat *ret, int *ret_n) {
        for (int n = -1; n < CONSOLE_LOGS_MAX; n++) {
                int fd = open_log(path, n, ret);

                if (fd < 0 && n >= 0)
                        break;
                if (fd < 0)
                        continue;
                if (!p->begun || (p->device == ret->st_dev && p->inode == ret->st_ino)) {
                        *ret_n = n;
                        return fd;
                }
                (void) close(fd);
        }
        *ret_n = -1;
        p->offset = 0;
        return open_log(path, -1, ret);
}

static int read_since(const char *path, ConsolePosition *p, size_t max_bytes, ConsoleText *ret) {
        struct stat st;
        int n = -1;

        for (;;) {
                _cleanup_close_ int fd = find_log(path, p, &st, &n);
                ssize_t got;

                if (fd == -ENOENT)              /* nothing was written yet */
                        return 0;
                if (fd < 0)
                        return fd;
                if (!p->begun)
                        p->offset = (uint64_t) st.st_size > max_bytes ? (uint64_t) st.st_size - max_bytes : 0;
                else if (p->offset > (uint64_t) st.st_size)
                        p->offset = 0;          /* it was cut */
                p->begun = true;
                p->device = st.st_dev;
                p->inode = st.st_ino;
                got = pread(fd, ret->data, max_bytes, (off_t) p->offset);
                if (got < 0)
                        return -errno;
                p->offset += (uint64_t) got;
                ret->size = (size_t) got;
                if (got > 0 || n < 0)
                        return 0;
                /* A log that was rotated away has no more: the next younger one follows. */
                {
                        _cleanup_close_ int next = open_log(path, n - 1, &st);

                        if (next < 0)
                                return next == -ENOENT ? 0 : next;
                        p->device = st.st_dev;
                        p->inode = st.st_ino;
                        p->offset = 0;
                }
        }
}

static int libvirt_follow_console(ComputeDriver *driver, const Instance *i, ConsolePosition *p, size_t max_bytes, ConsoleText *ret,
                                  NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        _cleanup_(console_text_done) ConsoleText text = {};
        const char *path;
        int r;

        if (libvirt_use(&u, driver, "follow_console", e) < 0)
                return u.r;
        r = log_of_domain(&u, i, &doc, &path, e);
        if (r < 0)
                return r;
        text.path = strdup(path);
        text.data = malloc(max_bytes + 1);
        if (!text.path || !text.data)
                return exception_set_errno(e, -ENOMEM, path);
        r = read_since(path, p, max_bytes, &text);
        if (r < 0)
                return exception_set_errno(e, r, path);
        *ret = text;
        text = (ConsoleText) {};
        return 0;
}

static int type_unavailable(const char *type, NovaException *e) {
        int r = exception_setf(e, EXC_CONSOLE_TYPE_UNAVAILABLE, "Unavailable console type %s.", type);

        exception_kwarg(e, "console_type", json_string(type));
        return r;
}

/* @name: of the call; @type: "vnc", "spice"; @host: where proxies find it. */
static int graphics(ComputeDriver *driver, const char *name, const char *type, bool enabled, const char *host, const Instance *i, json_t **ret,
                    NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        int r;

        if (libvirt_use(&u, driver, name, e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, e);
        if (r < 0)
                return r;
        if (!enabled)
                return type_unavailable(type, e);
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "graphics"); n; n = xml_next(n, "graphics")) {
                uint64_t port = 0, tls = 0;

                if (!streq_ptr(xml_attribute(n, "type"), type))
                        continue;
                (void) xml_number(xml_attribute(n, "port"), &port);     /* "-1" while it does not run */
                (void) xml_number(xml_attribute(n, "tlsPort"), &tls);
                if (port == 0 && tls == 0)
                        break;
                *ret = json_pack("{s:s, s:o, s:n}", "host", strempty(host), "port", port > 0 ? json_integer((json_int_t) port) : json_null(),
                                 "internal_access_path");
                if (*ret && tls > 0 && json_object_set_new(*ret, "tlsPort", json_integer((json_int_t) tls)) < 0) {
                        json_decref(*ret);
                        *ret = NULL;
                }
                return *ret ? 0 : exception_set_errno(e, -ENOMEM, name);
        }
        return type_unavailable(type, e);
}

static int libvirt_get_vnc_console(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        const GuestOptions *o = &CONTAINER_OF(driver, LibvirtDriver, base)->guests;

        return graphics(driver, "get_vnc_console", "vnc", o->vnc, o->vnc_client, i, ret, e);
}

static int libvirt_get_spice_console(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        const GuestOptions *o = &CONTAINER_OF(driver, LibvirtDriver, base)->guests;

        return graphics(driver, "get_spice_console", "spice", o->spice, o->spice_client, i, ret, e);
}

static int libvirt_get_serial_console(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_(xml_doc_freep) xmlDocPtr doc = NULL;
        int r;

        if (libvirt_use(&u, driver, "get_serial_console", e) < 0)
                return u.r;
        r = libvirt_domain_and_xml(&u, i, 0, &domain, &doc, e);
        if (r < 0)
                return r;
        for (const xmlNode *n = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), "serial"); n; n = xml_next(n, "serial")) {
                const xmlNode *source = xml_child(n, "source");
                uint64_t port;

                if (!streq_ptr(xml_attribute(n, "type"), "tcp") || !xml_number(xml_attribute(source, "service"), &port))
                        continue;
                *ret = json_pack("{s:s, s:I, s:n}", "host", strempty(xml_attribute(source, "host")), "port", (json_int_t) port, "internal_access_path");
                return *ret ? 0 : exception_set_errno(e, -ENOMEM, "get_serial_console");
        }
        return type_unavailable("serial", e);
}

void libvirt_console_ops(ComputeDriverOps *ops) {
        ops->get_console_output = libvirt_get_console_output;
        ops->follow_console = libvirt_follow_console;
        ops->get_vnc_console = libvirt_get_vnc_console;
        ops->get_spice_console = libvirt_get_spice_console;
        ops->get_serial_console = libvirt_get_serial_console;
}

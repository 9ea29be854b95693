/* What is asked of the agent inside a guest: passwords, files, still file systems; and the interrupt that makes it dump. */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>

#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/libvirt/guest-request.h"

#define AGENT_TIMEOUT 10                /* seconds for one answer */
#define FILE_PIECE (48 * 1024)          /* base64 in one command: less than what agents read */

static bool image_says(const Instance *i, const char *name) {
        const char *v = instance_image_property(i, name);

        return v && (streq(v, "yes") || streq(v, "true") || streq(v, "True") || streq(v, "1") || streq(v, "on") || streq(v, "y") || streq(v, "t"));
}

static int no_agent(NovaException *e) {
        return exception_setf(e, EXC_QEMU_GUEST_AGENT_NOT_ENABLED, "QEMU guest agent is not enabled");
}

/* The domain of @i, which runs. */
static int running(LibvirtUse *u, ComputeDriver *driver, const char *method, const Instance *i, virDomainPtr *ret, NovaException *e) {
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = guest_use(u, driver, method, i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainIsActive(domain) != 1) {
                r = exception_setf(e, EXC_INSTANCE_NOT_RUNNING, "Instance %s is not running.", i->uuid);
                exception_kwarg(e, "instance_id", json_string(i->uuid));
                return r;
        }
        *ret = TAKE_PTR(domain);
        return 0;
}

static int libvirt_set_admin_password(ComputeDriver *driver, const Instance *i, const char *password, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        const char *user = instance_image_property(i, "os_admin_user");
        int r;

        if (!image_says(i, "hw_qemu_guest_agent"))
                return no_agent(e);
        r = running(&u, driver, "set_admin_password", i, &domain, e);
        if (r < 0)
                return r;
        if (!user)
                user = streq_ptr(instance_image_property(i, "os_type") ?: i->os_type, "windows") ? "Administrator" : "root";
        if (virDomainSetUserPassword(domain, user, strempty(password), 0) < 0) {
                if (virGetLastErrorCode() == VIR_ERR_AGENT_UNRESPONSIVE)
                        return exception_setf(e, EXC_NOT_IMPLEMENTED, "Failed to set password: QEMU agent unresponsive");
                return exception_setf(e, EXC_INSTANCE_PASSWORD_SET_FAILED, "Failed to set admin password on %s because %s", i->uuid,
                                      virGetLastErrorMessage());
        }
        return 0;
}

/* One command to the agent; *ret is its "return". */
static int ask(LibvirtUse *u, virDomainPtr domain, const Instance *i, json_t *command, json_t **ret, NovaException *e) {
        _cleanup_free_ char *text = json_text(command), *answer = NULL;
        json_auto_t *all = NULL;

        json_decref(command);
        if (!text)
                return exception_set_errno(e, -ENOMEM, "A command to the guest's agent");
        libvirt_use_again(u, false);
        answer = virDomainQemuAgentCommand(domain, text, AGENT_TIMEOUT, 0);
        if (!answer)
                return libvirt_failed(u, "The agent in a guest", i, e);
        if (json_parse(answer, strlen(answer), &all, NULL, 0) < 0 || !json_object_get(all, "return"))
                return exception_setf(e, EXC_NOVA, "The agent in instance %s gives an answer that is none", i->uuid);
        if (ret)
                *ret = json_incref(json_object_get(all, "return"));
        return 0;
}

static int write_file(LibvirtUse *u, virDomainPtr domain, const Instance *i, const char *path, const char *contents_b64, NovaException *e) {
        json_auto_t *handle = NULL;
        size_t left = strlen(contents_b64);
        int r;

        r = ask(u, domain, i, json_pack("{s:s, s:{s:s, s:s}}", "execute", "guest-file-open", "arguments", "path", path, "mode", "w"), &handle, e);
        if (r < 0)
                return r;
        for (const char *p = contents_b64; r >= 0 && left > 0;) {
                size_t n = MIN(left, (size_t) FILE_PIECE);      /* a multiple of 4: each piece is base64 by itself */

                r = ask(u, domain, i, json_pack("{s:s, s:{s:O, s:o}}", "execute", "guest-file-write", "arguments", "handle", handle, "buf-b64",
                                                json_stringn(p, n)), NULL, e);
                p += n;
                left -= n;
        }
        if (ask(u, domain, i, json_pack("{s:s, s:{s:O}}", "execute", "guest-file-close", "arguments", "handle", handle), NULL, r >= 0 ? e : NULL) < 0 &&
            r >= 0)
                r = -EIO;
        return r;
}

static int digit(char c) {
        const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", *p = c ? strchr(all, c) : NULL;

        return p ? (int) (p - all) : -1;
}

/* base64, strictly. @ret (may be NULL) gets the bytes and a NUL. The number of bytes or -EINVAL. */
static ssize_t decode(const char *s, char *ret) {
        size_t n = strlen(s), out = 0;

        if (n % 4 != 0)
                return -EINVAL;
        for (size_t k = 0; k < n; k += 4) {
                bool last = k + 4 == n;
                unsigned pad = last && s[k + 3] == '=' ? s[k + 2] == '=' ? 2 : 1 : 0, value = 0;

                for (unsigned m = 0; m < 4; m++) {
                        int d = m >= 4 - pad ? 0 : digit(s[k + m]);

                        if (d < 0)
                                return -EINVAL;
                        value = value << 6 | (unsigned) d;
                }
                for (unsigned m = 0; m < 3 - pad; m++, out++)
                        if (ret)
                                ret[out] = (char) (value >> (16 - 8 * m));
        }
        if (ret)
                ret[out] = '\0';
        return (ssize_t) out;
}

static int libvirt_inject_file(ComputeDriver *driver, const Instance *i, const char *path_b64, const char *contents_b64, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        _cleanup_free_ char *path = NULL;
        ssize_t n;
        int r;

        if (!image_says(i, "hw_qemu_guest_agent"))
                return no_agent(e);
        path = malloc(strlen(strempty(path_b64)) + 1);
        if (!path)
                return exception_set_errno(e, -ENOMEM, "inject_file");
        n = decode(strempty(path_b64), path);
        if (n <= 0 || (size_t) n != strlen(path) || *path != '/')
                return exception_setf(e, EXC_INVALID, "inject_file: the path is no base64 of an absolute path");
        if (decode(strempty(contents_b64), NULL) < 0)
                return exception_setf(e, EXC_INVALID, "inject_file: the contents of %s are no base64", path);
        r = running(&u, driver, "inject_file", i, &domain, e);
        return r < 0 ? r : write_file(&u, domain, i, path, strempty(contents_b64), e);
}

static int freeze(ComputeDriver *driver, const char *method, const Instance *i, int (*call)(virDomainPtr domain, const char **points, unsigned n, unsigned flags),
                  NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        if (!image_says(i, "hw_qemu_guest_agent")) {
                r = exception_setf(e, EXC_INSTANCE_QUIESCE_NOT_SUPPORTED, "Quiescing is not supported in instance %s", strempty(i->uuid));
                exception_kwarg(e, "instance_id", json_string(strempty(i->uuid)));
                return r;
        }
        r = running(&u, driver, method, i, &domain, e);
        if (r < 0)
                return r;
        return call(domain, NULL, 0, 0) < 0 ? libvirt_failed(&u, "The file systems of a guest", i, e) : 0;
}

static int libvirt_quiesce(ComputeDriver *d, const RequestContext *c _unused_, const Instance *i, const json_t *image_meta _unused_, NovaException *e) {
        return freeze(d, "quiesce", i, virDomainFSFreeze, e);
}

static int libvirt_unquiesce(ComputeDriver *d, const RequestContext *c _unused_, const Instance *i, const json_t *image_meta _unused_, NovaException *e) {
        return freeze(d, "unquiesce", i, virDomainFSThaw, e);
}

static int libvirt_trigger_crash_dump(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _libvirt_use_ LibvirtUse u = {};
        _cleanup_(domain_freep) virDomainPtr domain = NULL;
        int r;

        r = running(&u, driver, "trigger_crash_dump", i, &domain, e);
        if (r < 0)
                return r;
        if (virDomainInjectNMI(domain, 0) >= 0)
                return 0;
        if (virGetLastErrorCode() == VIR_ERR_NO_SUPPORT)
                return exception_setf(e, EXC_TRIGGER_CRASH_DUMP_NOT_SUPPORTED, "Triggering crash dump is not supported");
        return libvirt_failed(&u, "Interrupting a guest", i, e);
}

void libvirt_agent_ops(ComputeDriverOps *ops) {
        ops->set_admin_password = libvirt_set_admin_password;
        ops->inject_file = libvirt_inject_file;
        ops->quiesce = libvirt_quiesce;
        ops->unquiesce = libvirt_unquiesce;
        ops->trigger_crash_dump = libvirt_trigger_crash_dump;
}

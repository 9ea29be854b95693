/* What an error of libvirt is in errno and in Nova's exceptions. */
#include "virt/libvirt/private.h"

#include <errno.h>

int libvirt_error_errno(int code, ExceptionClass *ret_class) {
        static const struct {
                int code;
                int error;
                ExceptionClass class;
        } table[] = {
                { VIR_ERR_NO_DOMAIN, -ENOENT, EXC_INSTANCE_NOT_FOUND },
                { VIR_ERR_DOM_EXIST, -EEXIST, EXC_INSTANCE_EXISTS },
                { VIR_ERR_OPERATION_INVALID, -EBADFD, EXC_INSTANCE_INVALID_STATE },
                { VIR_ERR_NO_CONNECT, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_INVALID_CONN, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_AUTH_FAILED, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_AUTH_CANCELLED, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_AUTH_UNAVAILABLE, -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE },
                { VIR_ERR_NO_SUPPORT, -EOPNOTSUPP, EXC_NOT_IMPLEMENTED },
                { VIR_ERR_OPERATION_UNSUPPORTED, -EOPNOTSUPP, EXC_NOT_IMPLEMENTED },
                { VIR_ERR_ARGUMENT_UNSUPPORTED, -EOPNOTSUPP, EXC_NOT_IMPLEMENTED },
                { VIR_ERR_CONFIG_UNSUPPORTED, -EOPNOTSUPP, EXC_NOVA },
                { VIR_ERR_CPU_INCOMPATIBLE, -EINVAL, EXC_INVALID_CPU_INFO },
                { VIR_ERR_INVALID_ARG, -EINVAL, EXC_INVALID },
                { VIR_ERR_XML_ERROR, -EINVAL, EXC_INVALID },
                { VIR_ERR_XML_DETAIL, -EINVAL, EXC_INVALID },
                { VIR_ERR_NO_MEMORY, -ENOMEM, EXC_NOVA },
                { VIR_ERR_OPERATION_TIMEOUT, -ETIMEDOUT, EXC_NOVA },
                { VIR_ERR_AGENT_UNRESPONSIVE, -ETIMEDOUT, EXC_NOVA },
                { VIR_ERR_OPERATION_DENIED, -EPERM, EXC_NOVA },
                { VIR_ERR_ACCESS_DENIED, -EACCES, EXC_NOVA },
                { VIR_ERR_RESOURCE_BUSY, -EBUSY, EXC_NOVA },
                { VIR_ERR_BLOCK_COPY_ACTIVE, -EBUSY, EXC_NOVA },
                { VIR_ERR_OPERATION_ABORTED, -ECANCELED, EXC_NOVA },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].code == code) {
                        *ret_class = table[i].class;
                        return table[i].error;
                }
        *ret_class = EXC_NOVA;
        return -EIO;
}

bool libvirt_error_is_connection(int code, int domain) {
        return (code == VIR_ERR_SYSTEM_ERROR || code == VIR_ERR_INTERNAL_ERROR || code == VIR_ERR_RPC) &&
               (domain == VIR_FROM_REMOTE || domain == VIR_FROM_RPC);
}

int libvirt_failed(const LibvirtUse *u, const char *what, const Instance *i, NovaException *e) {
        const virError *error = virGetLastError();
        _cleanup_free_ char *kept = error && error->message ? strdup(error->message) : NULL;    /* the next call of libvirt frees it */
        const char *text = kept ?: "no reason given";
        ExceptionClass class;
        int r;

        r = libvirt_error_errno(error ? error->code : 0, &class);

        /* A dead socket shows as one of several errors; libvirt itself knows best whether it is dead. */
        if (error && libvirt_error_is_connection(error->code, error->domain) &&
            (!u->connection || virConnectIsAlive(u->connection) != 1))
                class = EXC_HYPERVISOR_UNAVAILABLE;

        switch (class) {
        case EXC_HYPERVISOR_UNAVAILABLE:
                r = exception_setf(e, class, "Connection to the hypervisor is broken on host: %s (%s: %s)", u->d->host, u->d->uri, text);
                exception_kwarg(e, "host", json_string(u->d->host));
                if (u->owner)
                        libvirt_lost(u->d, u->generation, text);
                break;
        case EXC_INSTANCE_NOT_FOUND:
                r = exception_setf(e, class, "Instance %s could not be found.", i ? strempty(i->uuid) : what);
                exception_kwarg(e, "instance_id", json_string(i ? strempty(i->uuid) : what));
                break;
        case EXC_NOVA:
                (void) exception_setf(e, class, "%s: libvirt: %s", what, text);
                if (e)
                        e->error = r;
                break;
        default:
                r = exception_setf(e, class, "%s: libvirt: %s", what, text);
        }
        return r;
}

/* Which endpoint serves a request (zed 1.5, point 4). */
#include <assert.h>
#include <errno.h>

#include "rpc/rpc.h"

int rpc_dispatch(const RpcEndpoint *endpoints, size_t n, const RpcRequest *r,
                 bool (*has)(unsigned served, const char *method, void *userdata), void *userdata, NovaException *e) {
        const char *method = rpc_request_method(r);
        bool compatible = false;
        unsigned major, minor;

        assert(method && has);

        rpc_request_version(r, &major, &minor);
        for (size_t i = 0; i < n; i++) {
                const RpcEndpoint *p = &endpoints[i];

                if (p->format != rpc_request_format(r) || !streq_ptr(p->namespace, rpc_request_namespace(r)) ||
                    p->major != major || minor > p->minor)
                        continue;
                compatible = true;
                /* A leading underscore is private to Python peers, and nothing of ours has one. */
                if (*method != '_' && has(p->served, method, userdata))
                        return (int) i;
        }

        if (rpc_request_format(r) == WIRE_ESSEX && compatible)
                exception_setf(e, EXC_ATTRIBUTE_ERROR, "'ComputeManager' object has no attribute '%s'", method);
        else if (compatible)
                exception_setf(e, EXC_NO_SUCH_METHOD, "Endpoint does not support RPC method %s", method);
        else
                exception_setf(e, EXC_UNSUPPORTED_VERSION,
                               "Endpoint does not support RPC version %u.%u. Attempted method: %s", major, minor,
                               method);
        return -EOPNOTSUPP;
}

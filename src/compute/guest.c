/* What the themes about a guest share: see guest.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"

#include <errno.h>

int guest_not_here(InstanceCall *c, int r, NovaException *x, NovaException *e) {
        if (failure_is(x, EXC_INSTANCE_NOT_FOUND) && c->i->vm_state == VM_BUILDING)
                return instance_not_ready(e, c->i->uuid);
        if (exception_is_set(x))
                exception_move(e, x);
        return r;
}

int guest_password(ComputeManager *m, char buf[static GUEST_PASSWORD_MAX]) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        /* No characters that look alike. What a byte gives beyond a multiple of their number is thrown away. */
        static const char characters[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz";
        const unsigned n = sizeof characters - 1;
        size_t length = 0, wanted = MIN((size_t) config_integer(config, "password_length"), (size_t) GUEST_PASSWORD_MAX - 1);

        while (length < wanted) {
                unsigned char byte;

                if (getentropy(&byte, 1) < 0)
                        return -errno;
                if (byte < 256 / n * n)
                        buf[length++] = characters[byte % n];
        }
        buf[length] = '\0';
        return 0;
}

int guest_undo_begin(Operation *o, ComputeManager **ret_manager, Instance *ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        int r;

        *ret_manager = m;
        if (!o->instance_uuid)
                return 0;
        r = m->store->ops->instance_get(m->store, o->instance_uuid, READ_DELETED_NO, ret);
        return r < 0 ? exception_set_errno(e, r, "Cannot read the instance") : r;
}

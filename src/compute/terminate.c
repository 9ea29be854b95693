/* Termination (zed 7.1): guest, files, network and claim go, then the row. It may be asked for more than once, and for what is
 * not there any more: then there is nothing to do. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/build.h"
#include "compute/instance-methods.h"

#include <assert.h>
#include <unistd.h>

#include "basic/log.h"

#define TRIES 20
#define PAUSE (100 * USEC_PER_MSEC)

/* What goes away in the midst of it may have taken the guest already: it is gone on with when it is back. */
static int delete(InstanceCall *c, NovaException *e) {
        int r;

        for (unsigned n = 0;; n++) {
                r = compute_instance_delete(c->manager, c->context, c->i, e);
                if (r >= 0 || n >= TRIES || !failure_is(e, EXC_HYPERVISOR_UNAVAILABLE))
                        return r;
                (void) usleep(PAUSE);   /* its loss may not be known yet */
                if (!operation_wait_until_ready(c->operation))
                        return r;
                exception_done(e);
        }
}

static int terminate(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL, y = NOVA_EXCEPTION_NULL;
        bool passing, half_built;
        int r;

        (void) operation_step(c->operation, "destroy");
        r = delete(c, &x);
        if (r >= 0)
                return r;
        if (failure_is(&x, EXC_INSTANCE_NOT_FOUND)) {
                log_info("Instance %s was gone already.", c->i->uuid);
                return 0;
        }
        /* What only waits for its hypervisor stays as it was, and may be asked for again. A build that gave way to us does not go on. */
        passing = failure_is_passing(r, &x);
        half_built = passing && c->i->vm_state == VM_BUILDING;
        if (half_built || !passing)
                instance_call_record_fault(c, r, &x);
        if (half_built)
                instance_set_unbuilt(c->i, c->i->host ? r : 0);
        else
                c->i->vm_state = VM_ERROR;
        if ((half_built || !passing) && instance_call_save(c, NULL, &y) < 0)
                log_warning("Cannot write that instance %s is in error: %s", c->i->uuid, failure_text(r, &y));
        else if (half_built && c->i->host)
                compute_recover_later(c->manager, c->i->uuid);
        exception_move(e, &x);
        return r;
}

const InstanceMethod method_terminate = {
        .action = "delete", .notify = "delete", .flags = WRAP_ALL | INSTANCE_LOCKABLE | INSTANCE_ABSENT_OK | INSTANCE_OVERRIDES, .task = TASK_DELETING,
        .body = terminate,
};

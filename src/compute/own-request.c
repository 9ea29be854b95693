/* Requests of the host's own: see own-request.h. Found on a worker, they are begun on the loop, where the service is. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/own-request.h"

#include <assert.h>

#include "basic/log.h"
#include "compute/compute.h"

struct OwnRequest {
        ComputeManager *manager;        /* one reference */
        const char *method;
        char uuid[UUID_TEXT_MAX];
        json_t *args;
        OwnRequestDue due;
};

OwnRequest *own_request_free(OwnRequest *q) {
        if (!q)
                return NULL;
        pthread_mutex_lock(&q->manager->lock);
        (void) name_set_remove(&q->manager->own_requests, q->uuid);
        pthread_mutex_unlock(&q->manager->lock);
        json_decref(q->args);
        compute_manager_unref(q->manager);
        free(q);
        return NULL;
}

int compute_request_own(ComputeManager *m, const char *method, const char *uuid, json_t *args, OwnRequestDue due) {
        json_auto_t *given = args ? args : json_object();
        OwnRequest *q;
        int r;

        assert(m && method && uuid);

        if (!given || json_object_set_new(given, "instance", json_string(uuid)) < 0)
                return -ENOMEM;
        q = calloc(1, sizeof *q);
        if (!q)
                return -ENOMEM;
        if (strlen(uuid) >= sizeof q->uuid) {
                free(q);
                return -EINVAL;
        }

        pthread_mutex_lock(&m->lock);
        r = name_set_add(&m->own_requests, uuid);
        pthread_mutex_unlock(&m->lock);
        if (r <= 0) {
                free(q);
                return r;
        }
        q->manager = compute_manager_ref(m);
        q->method = method;
        strcpy(q->uuid, uuid);
        q->args = TAKE_PTR(given);      /* all of it: counts of references are not safe between threads */
        q->due = due;
        compute_manager_post_request(m, q);
        return 1;
}

static bool is_due(Operation *o) {
        OwnRequest *q = o->origin_data;

        return !q->due || q->due(q->manager, q->uuid);
}

/* On the worker that ran it. What was refused or failed is the log's already, but for what never began. */
static void finished(Operation *o) {
        OwnRequest *q = o->origin_data;

        if (!o->begun)
                log_info("%s of instance %s, which the host asked for, was not begun: %s", q->method, q->uuid,
                         strempty(o->exception.message));
        operation_free(o);
        own_request_free(q);
}

/* Of a manager that no service has: as the service would. */
static int submit(ComputeManager *m, OwnRequest *q, RequestContext *c, NovaException *e) {
        const Method *method = manager_method(&m->manager, q->method, ~0u);
        Operation *o;
        int r;

        if (!method)
                return exception_setf(e, EXC_NO_SUCH_METHOD, "Endpoint does not support RPC method %s", q->method);
        r = operation_new(&o, &m->manager, method, c, q->args, ORIGIN_PERIODIC, finished, q, e);
        if (r < 0)
                return r;
        json_decref(TAKE_PTR(q->args));
        o->due = is_due;
        operation_submit(o, NULL, m->pool);
        return 0;
}

void own_request_begin(OwnRequest *q) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        ComputeManager *m = q->manager;
        int r;

        if (!c)
                r = -ENOMEM;
        else if (m->manager.request)
                r = m->manager.request(m->manager.service, q->method, q->args, c, is_due, finished, q, &e);
        else
                r = submit(m, q, c, &e);
        if (r >= 0)
                return;
        log_warning("Cannot ask for %s of instance %s: %s", q->method, q->uuid, failure_text(r, &e));
        own_request_free(q);
}

/* A build's side of the driver's questions: see spawn-hooks.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/spawn-hooks.h"

#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"

#define PLUGGED "network-vif-plugged"

static void on_step(const char *step, void *userdata) {
        SpawnHooks *h = userdata;

        (void) operation_step(h->call->operation, step);
}

static void on_progress(unsigned percent, void *userdata) {
        SpawnHooks *h = userdata;

        operation_progress(h->call->operation, percent);
}

static bool on_cancelled(void *userdata) {
        InstanceCall *c = ((SpawnHooks *) userdata)->call;
        _cleanup_(instance_done) Instance row = {};
        Store *s = c->manager->store;
        int r;

        if (operation_cancelled(c->operation))
                return true;
        /* Whoever accepts a deletion writes that into the row. */
        r = s->ops->instance_get(s, c->i->uuid, READ_DELETED_NO, &row);
        return r == 0 || (r > 0 && row.task_state != c->task);
}

static int not_plugged(NovaException *e) {
        return exception_setf(e, EXC_VIRTUAL_INTERFACE_CREATE, "Virtual Interface creation failed");
}

static int on_wait_plugged(void *userdata, NovaException *e) {
        SpawnHooks *h = userdata;
        _cleanup_(config_unrefp) Config *config = compute_manager_config(h->call->manager);
        int64_t timeout = config_integer(config, "vif_plugging_timeout");
        const char *event = NULL, *uuid = h->call->i->uuid;
        int r;

        if (!h->wait)
                return 0;
        log_debug("Preparing to wait for %zu external events", event_wait_missing(h->wait));
        r = event_wait_for(h->wait, (usec_t) timeout * USEC_PER_SEC, on_cancelled, h, &event);
        switch (r) {
        case 0:
                log_debug("Instance event wait completed");
                return 0;
        case -EREMOTEIO:
                log_warning("Instance %s: the network says that %s has failed", uuid, event);
                return not_plugged(e);
        case -ETIMEDOUT:
                if (!config_boolean(config, "vif_plugging_is_fatal")) {
                        log_warning("Timeout waiting for %s of instance %s: its guest starts without", event, uuid);
                        return 0;
                }
                log_warning("Timeout waiting for %s of instance %s", event, uuid);
                return not_plugged(e);
        default:
                if (operation_cancelled(h->call->operation))
                        return operation_refuse_cancelled(h->call->operation, e);
                /* Its deletion was accepted, or the service ends: whoever runs this finds out which by its next save. */
                (void) exception_setf(e, EXC_NOVA, "The wait for %s of instance %s is called off", event, uuid);
                return -ECANCELED;
        }
}

int spawn_hooks_init(SpawnHooks *h, InstanceCall *c, const json_t *network_info) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        const json_t *vif;
        size_t n;
        int r;

        *h = (SpawnHooks) {
                .hooks = { .step = on_step, .progress = on_progress, .cancelled = on_cancelled, .wait_plugged = on_wait_plugged, .userdata = h },
                .call = c,
        };
        if (config_integer(config, "vif_plugging_timeout") <= 0)
                return 0;
        json_array_foreach((json_t *) network_info, n, vif) {
                const char *id = json_member_string(vif, "id");

                if (!id || json_member_boolean(vif, "active", true))
                        continue;
                if (!h->wait) {
                        r = event_wait_new(c->manager->events, c->i->uuid, &h->wait);
                        if (r < 0)
                                return r;
                }
                r = event_wait_add(h->wait, PLUGGED, id);
                if (r < 0)
                        return r;
        }
        return 0;
}

void spawn_hooks_done(SpawnHooks *h) {
        h->wait = event_wait_free(h->wait);
}

/* What a guest consumes, as its hypervisor counts it: the flat dictionary of old and Nova's Diagnostics object. Only of a guest
 * that runs. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include "basic/json.h"
#include "basic/log.h"

/* 1 if it runs; 0 if Essex asks of one that does not, and gets null; else InstanceInvalidState. */
static int runs(InstanceCall *c, const char *method, NovaException *e) {
        PowerState power;
        int r;

        r = compute_instance_power(c->manager, c->i, &power, e);
        if (r < 0)
                return r;
        if (power == POWER_RUNNING)
                return 1;
        if (!json_object_get(c->args, "instance"))
                return 0;
        return instance_invalid_state(e, c->i->uuid, "power state", power_state_to_string(power), method);
}

static int diagnostics(InstanceCall *c, json_t **ret, NovaException *e) {
        int r;

        r = runs(c, "get_diagnostics", e);
        if (r <= 0)
                return r;
        log_info("Retrieving diagnostics");
        return driver_result(driver_call(c->manager, get_diagnostics, e, c->i, ret), "get_diagnostics", e);
}

static int instance_diagnostics(InstanceCall *c, json_t **ret, NovaException *e) {
        int r;

        r = runs(c, "get_instance_diagnostics", e);
        if (r <= 0)
                return r;
        log_info("Retrieving diagnostics");
        return driver_result(driver_call(c->manager, get_instance_diagnostics, e, c->i, ret), "get_instance_diagnostics", e);
}

#define ACTIONS_MAX 200

int compute_run_list_actions(Operation *o, json_t **ret, NovaException *e) {
        Store *s = manager_to_compute(o->manager)->store;
        int r;

        r = s->ops->action_list(s, strempty(o->instance_uuid), ACTIONS_MAX, ret);
        return r < 0 ? exception_set_errno(e, r, "Cannot read the actions") : 0;
}

const InstanceMethod method_diagnostics = {
        .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK, .body = diagnostics,
};

const InstanceMethod method_instance_diagnostics = {
        .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK, .body = instance_diagnostics,
};

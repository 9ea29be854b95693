/* What other services tell of instances here (zed 7.10): an interface is wired, an address changed, a port was deleted. Waking who
 * waits is done at once, past whatever runs on the instance, which may be just what waits. What changes the instance is a part of
 * the request with a turn of its own, and in the journal before the whole has ended. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/host.h"
#include "compute/instance-methods.h"
#include "compute/method-rows.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"

typedef enum EventAction {
        EVENT_WAKES,
        EVENT_CHANGES,                  /* the instance's network information */
        EVENT_REFUSED,                  /* of a service or a hypervisor that is not here */
} EventAction;

static const struct {
        const char *name;
        EventAction action;
} known[] = {
        { "network-vif-plugged", EVENT_WAKES },
        { "network-vif-unplugged", EVENT_WAKES },
        { "volume-reimaged", EVENT_WAKES },
        { "accelerator-request-bound", EVENT_WAKES },
        { "network-changed", EVENT_CHANGES },
        { "network-vif-deleted", EVENT_CHANGES },
        { "volume-extended", EVENT_REFUSED },
        { "power-update", EVENT_REFUSED },
};

typedef struct ExternalEvent {
        const char *uuid, *name, *tag;  /* tag "" = none */
        EventAction action;
        EventStatus status;
} ExternalEvent;

static const json_t *object_data(const json_t *object) {
        const json_t *data = json_object_get(object, "nova_object.data");

        return data ? data : object;
}

static int read_event(const json_t *primitive, size_t n, ExternalEvent *ret, NovaException *e) {
        const json_t *data = object_data(primitive);
        const char *uuid = json_member_string(data, "instance_uuid"), *name = json_member_string(data, "name");
        const char *status = json_member_string(data, "status");
        size_t k = 0;

        if (!json_is_object(primitive))
                return exception_setf(e, EXC_TYPE_ERROR, "external_instance_event() got %s as events[%zu]: an InstanceExternalEvent "
                                      "is required", json_type_name(primitive), n);
        if (!uuid || !uuid_is_valid(uuid))
                return exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %.64s.", uuid ? uuid : "none");
        while (k < ELEMENTSOF(known) && !streq(strempty(name), known[k].name))
                k++;
        if (k == ELEMENTSOF(known))
                return exception_setf(e, EXC_VALUE_ERROR, "Field value %.64s is invalid", name ? name : "None");
        *ret = (ExternalEvent) {
                .uuid = uuid, .name = known[k].name, .tag = strempty(json_member_string(data, "tag")), .action = known[k].action,
                .status = status ? event_status_from_string(status) : EVENT_COMPLETED,
        };
        if (ret->status == _EVENT_STATUS_INVALID)
                return exception_setf(e, EXC_VALUE_ERROR, "Field value %.64s is invalid", status);
        return 0;
}

static bool is_among(const json_t *instances, const char *uuid) {
        const json_t *i;
        size_t n;

        json_array_foreach((json_t *) instances, n, i) {
                const char *one = json_is_string(i) ? json_string_value(i) : json_member_string(object_data(i), "uuid");

                if (one && strcasecmp(one, uuid) == 0)
                        return true;
        }
        return false;
}

static int process(Operation *o, const ExternalEvent *event, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        json_auto_t *args = NULL;

        switch (event->action) {
        case EVENT_WAKES:
                if (!event_registry_deliver(m->events, event->uuid, event->name, event->tag, event->status))
                        log_debug("Received unexpected event %s-%s for instance %s", event->name, event->tag, event->uuid);
                return 0;
        case EVENT_CHANGES:
                args = json_pack("{s:s, s:s, s:s}", "instance", event->uuid, "name", event->name, "tag", event->tag);
                return args ? operation_follow(o, "_instance_network_event", TAKE_PTR(args), e) : -ENOMEM;
        case EVENT_REFUSED:
                log_warning("Event %s-%s for instance %s is not for this host: it has no service that sends it", event->name,
                            event->tag, event->uuid);
                return 0;
        }
        return 0;
}

/* All are looked at before the first is acted on. */
static int external_instance_event(Operation *o, NovaException *e) {
        const json_t *instances = json_object_get(o->args, "instances"), *events = json_object_get(o->args, "events"), *primitive;
        _cleanup_free_ ExternalEvent *list = calloc(json_array_size(events) + 1, sizeof *list);
        int r;
        size_t n;

        if (!list)
                return -ENOMEM;
        json_array_foreach((json_t *) events, n, primitive) {
                r = read_event(primitive, n, &list[n], e);
                if (r < 0)
                        return r;
        }
        for (n = 0; n < json_array_size(events); n++) {
                if (!is_among(instances, list[n].uuid)) {
                        log_warning("Event %s-%s is about instance %s, which the message does not bring", list[n].name, list[n].tag,
                                    list[n].uuid);
                        continue;
                }
                log_debug("Received event %s-%s for instance %s", list[n].name, list[n].tag, list[n].uuid);
                r = process(o, &list[n], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int compute_run_external_instance_event(Operation *o, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r = external_instance_event(o, &x);

        return compute_ran_host(o, r, &x, e);
}

/* ---- in the instance's turn ---- */

static int network_event(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        const char *name = strempty(json_member_string(c->args, "name")), *tag = strempty(json_member_string(c->args, "tag"));
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        if (streq(name, "network-vif-deleted"))
                r = guest_vif_deleted(c, tag, &x);
        else
                r = guest_network_changed(c, &x);
        if (r < 0 && x.code == 404) {
                log_info("Failed to process external instance event %s-%s due to: %s", name, tag, failure_text(r, &x));
                return 0;
        }
        if (r < 0 && exception_is_set(&x))
                exception_move(e, &x);
        return r;
}

const InstanceMethod method_network_event = {
        .flags = WRAP_NOTIFY | INSTANCE_ANY_TASK | INSTANCE_ABSENT_OK, .body = network_event,
};

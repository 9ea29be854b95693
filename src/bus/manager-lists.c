/* Lists of org.nova.Compute1.Manager: drift and stalled calls, by name; and Recover, which looks for the former. */
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/id.h"
#include "compute/manager.h"

static const ComputeManager *compute_of(const Bus *b) {
        return b->manager ? compute_manager_from(b->manager) : NULL;
}

/* An array under way. */
typedef struct Appending {
        const Bus *bus;
        sd_bus_message *reply;
        int r;
} Appending;

/* ---- drift ---- */

static void append_drift(const Drift *d, void *userdata) {
        _cleanup_free_ char *name = NULL, *text = NULL;
        Appending *a = userdata;

        if (a->r >= 0)
                a->r = sd_bus_message_append(a->reply, "(ssst)", drift_kind_to_string(d->kind), bus_text(d->name, &name),
                                             bus_text(d->text, &text), d->since);
}

static int append_drifts(sd_bus_message *reply, const void *data) {
        Appending a = { .bus = data, .reply = reply };
        ComputeManager *c = (ComputeManager *) compute_of(a.bus);

        a.r = sd_bus_message_open_container(reply, 'a', "(ssst)");
        if (c && a.r >= 0)
                compute_drift_foreach(c, append_drift, &a);
        return a.r < 0 ? a.r : sd_bus_message_close_container(reply);
}

int bus_manager_list_drift(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        return bus_answer(m, append_drifts, userdata);
}

void bus_drift_changed(Bus *b) {
        bus_object_changed(&b->manager_object, MANAGER_CHANGED_DRIFT);
        if (bus_can_tell(b))
                (void) sd_bus_emit_signal(b->bus, BUS_PATH, MANAGER_INTERFACE, "DriftChanged", "");
}

/* ---- stalled calls ---- */

/* Periodic tasks and queries are none. */
static const char *job_of(const Bus *b, const char *method, const char *uuid) {
        for (const BusJob *j = b->first_job; j; j = j->next)
                if (j->view->started > 0 && streq(j->view->method->name, method) && streq_ptr(j->view->instance_uuid, uuid))
                        return j->path;
        return "/";
}

static void append_stalled(const char *name, const char *key, usec_t running, void *userdata) {
        const char *uuid = key && uuid_is_valid(key) ? key : NULL;
        Appending *a = userdata;

        if (a->r >= 0)
                a->r = sd_bus_message_append(a->reply, "(ssto)", name, strempty(uuid), running, job_of(a->bus, name, uuid));
}

static int append_all_stalled(sd_bus_message *reply, const void *data) {
        Appending a = { .bus = data, .reply = reply };

        a.r = sd_bus_message_open_container(reply, 'a', "(ssto)");
        if (a.bus->service && a.r >= 0)
                service_foreach_stalled(a.bus->service, append_stalled, &a);
        return a.r < 0 ? a.r : sd_bus_message_close_container(reply);
}

int bus_manager_list_stalled(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        return bus_answer(m, append_all_stalled, userdata);
}

/* ---- Recover ---- */

int bus_manager_recover(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "recover", ACTION_MANAGE_SERVICE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_job_begin(b, m, NULL, "_recover", NULL, "The instances could not be recovered", NULL, NULL, error);
}

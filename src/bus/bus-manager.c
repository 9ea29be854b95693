/* org.nova.Compute1.Manager: what concerns instances and jobs as a whole. Its verbs are in manager-verbs.c. */
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/time-util.h"
#include "compute/manager.h"
#include "service/service-metrics.h"

typedef enum ManagerProperty {
        PROPERTY_N_INSTANCES,
        PROPERTY_N_JOBS,
        PROPERTY_N_DRIFT,
        PROPERTY_FLAVORS,
        PROPERTY_NETWORKS,
        PROPERTY_IMAGES,
        _MANAGER_PROPERTY_MAX,
} ManagerProperty;

static const BusProperty manager_properties[_MANAGER_PROPERTY_MAX] = {
        [PROPERTY_N_INSTANCES] = { "NInstances", BUS_MANAGER_CHANGED_INSTANCES },
        [PROPERTY_N_JOBS] = { "NJobs", BUS_MANAGER_CHANGED_JOBS },
        [PROPERTY_N_DRIFT] = { "NDrift", MANAGER_CHANGED_DRIFT },
        [PROPERTY_FLAVORS] = { "Flavors", MANAGER_CHANGED_OFFER },
        [PROPERTY_NETWORKS] = { "Networks", MANAGER_CHANGED_OFFER },
        [PROPERTY_IMAGES] = { "Images", MANAGER_CHANGED_OFFER },
};

static int append_flavors(sd_bus_message *m, const void *data) {
        const Offer *o = data;
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sutt)");
        for (size_t n = 0; o && r >= 0 && n < o->flavors.n; n++) {
                const Flavor *f = &o->flavors.items[n];
                _cleanup_free_ char *name = NULL;

                r = sd_bus_message_append(m, "(sutt)", bus_text(f->name, &name), (uint32_t) f->vcpus, (uint64_t) f->memory_mib,
                                          (uint64_t) f->disk_gib);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_images(sd_bus_message *m, const void *data) {
        const Offer *o = data;
        int r;

        r = sd_bus_message_open_container(m, 'a', "(ssst)");
        for (size_t n = 0; o && r >= 0 && n < o->n_images; n++) {
                _cleanup_free_ char *id = NULL, *name = NULL, *format = NULL;
                const OfferedImage *i = &o->images[n];

                r = sd_bus_message_append(m, "(ssst)", bus_text(i->id, &id), bus_text(i->name, &name), bus_text(i->disk_format, &format),
                                          i->size);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static uint64_t hash_flavors(const Offer *o) {
        uint64_t h = BUS_HASH_BEGIN;

        for (size_t n = 0; o && n < o->flavors.n; n++) {
                const Flavor *f = &o->flavors.items[n];
                const int64_t sizes[] = { f->vcpus, f->memory_mib, f->disk_gib };

                h = bus_hash(bus_hash_text(h, f->name), sizes, sizeof sizes);
        }
        return h;
}

static uint64_t hash_images(const Offer *o) {
        uint64_t h = BUS_HASH_BEGIN;

        for (size_t n = 0; o && n < o->n_images; n++) {
                const OfferedImage *i = &o->images[n];

                h = bus_hash_text(bus_hash_text(bus_hash_text(h, i->id), i->name), i->disk_format);
                h = bus_hash(h, &i->size, sizeof i->size);
        }
        return h;
}

/* The one place that says what a property is. */
static int manager_value(const BusObject *o, size_t property, BusValue *ret) {
        const Bus *b = o->bus;
        ComputeManager *c = b->manager ? compute_manager_from(b->manager) : NULL;
        const Offer *offer = c ? compute_manager_offer(c) : NULL;

        switch ((ManagerProperty) property) {
        case PROPERTY_N_INSTANCES:
                *ret = BUS_UINT32(b->n_instances);
                return 0;
        case PROPERTY_N_JOBS:
                *ret = BUS_UINT32(b->n_jobs);
                return 0;
        case PROPERTY_N_DRIFT:
                *ret = BUS_UINT32(c ? (uint32_t) compute_drift_count(c) : 0);
                return 0;
        case PROPERTY_FLAVORS:
                *ret = (BusValue) { .type = "a(sutt)", .append = append_flavors, .data = offer, .hash = hash_flavors(offer) };
                return 0;
        case PROPERTY_NETWORKS:
                *ret = (BusValue) { .type = "a(ss)", .as = offer ? (const char *const *) offer->networks : NULL };
                return 0;
        case PROPERTY_IMAGES:
                *ret = (BusValue) { .type = "a(ssst)", .append = append_images, .data = offer, .hash = hash_images(offer) };
                return 0;
        case _MANAGER_PROPERTY_MAX:
                break;
        }
        return -ENOENT;
}

const BusInterface bus_manager_interface = {
        .name = MANAGER_INTERFACE,
        .properties = manager_properties,
        .n = ELEMENTSOF(manager_properties),
        .value = manager_value,
};

static int property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        const Bus *b = userdata;

        return bus_object_get(&b->manager_object, property, reply);
}

static int method_get_instance(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const BusInstance *i;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        i = bus_instance_by_name(userdata, name, error);
        return i ? sd_bus_reply_method_return(m, "o", i->path) : -ENOENT;
}

/* Made at most once in this time, as that of the socket is. */
#define METRICS_FRESH_FOR USEC_PER_SEC

static int method_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Bus *b = userdata;
        usec_t now = now_monotonic();
        int r;

        if (!b->metrics || now - b->metrics_made >= METRICS_FRESH_FOR) {
                char *text;

                r = service_metrics_text(b->service, &text);
                if (r < 0)
                        return r;
                free(b->metrics);
                b->metrics = text;
                b->metrics_made = now;
        }
        return sd_bus_reply_method_return(m, "s", b->metrics);
}

#define PROPERTY(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("CreateInstance", SD_BUS_ARGS("a{sv}", properties), SD_BUS_RESULT("o", instance, "o", job),
                                bus_create_instance, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetInstance", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", instance), method_get_instance,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDrift", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssst)", drift), bus_manager_list_drift,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListStalled", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssto)", stalled), bus_manager_list_stalled,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RecoverDryRun", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("aa{sv}", plan), bus_manager_recover_dry_run,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Recover", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", job), bus_manager_recover,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetMetrics", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", text), method_get_metrics,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        PROPERTY("NInstances", "u"),
        PROPERTY("NJobs", "u"),
        PROPERTY("NDrift", "u"),
        PROPERTY("Flavors", "a(sutt)"),
        PROPERTY("Networks", "a(ss)"),
        PROPERTY("Images", "a(ssst)"),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("t", id, "o", job, "s", result, "a{sv}", details), 0),
        SD_BUS_SIGNAL("DriftChanged", "", 0),
        SD_BUS_VTABLE_END,
};

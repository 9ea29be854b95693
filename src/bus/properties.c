/* Properties of all interfaces: the one getter, and telling what has changed, once per turn of the loop and nothing that is as it
 * was told last. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/log.h"

void bus_object_init(BusObject *o, Bus *b, const BusInterface *i, const char *path, uint64_t *told) {
        *o = (BusObject) { .bus = b, .interface = i, .path = path, .told = told };
}

static bool is_listed(const BusObject *o) {
        return o->previous || o->next || o->bus->dirty == o;
}

static void unlist(BusObject *o) {
        if (!is_listed(o))
                return;
        *(o->previous ? &o->previous->next : &o->bus->dirty) = o->next;
        if (o->next)
                o->next->previous = o->previous;
        o->previous = o->next = NULL;
}

void bus_object_done(BusObject *o) {
        unlist(o);
}

void bus_object_changed(BusObject *o, unsigned changes) {
        const BusInterface *i = o->interface;
        Bus *b = o->bus;

        for (size_t n = 0; n < i->n; n++)
                if (i->properties[n].changes & changes)
                        o->dirty |= UINT64_C(1) << n;
        if (!o->dirty)
                return;
        if (!is_listed(o)) {
                o->next = b->dirty;
                if (o->next)
                        o->next->previous = o;
                b->dirty = o;
        }
        if (bus_can_tell(b))
                (void) sd_event_source_set_enabled(b->tell, SD_EVENT_ONESHOT);
}

/* Compares what is dirty with what was told; collects the names of what is different. */
static size_t differences(BusObject *o, const char **names) {
        const BusInterface *i = o->interface;
        size_t n_names = 0;

        for (size_t n = 0; n < i->n; n++) {
                BusValue v = {};
                uint64_t hash;

                if (!(o->dirty & UINT64_C(1) << n) || i->value(o, n, &v) < 0)
                        continue;
                hash = bus_value_hash(&v);
                bus_value_done(&v);
                if (names && hash != o->told[n])
                        names[n_names++] = i->properties[n].name;
                o->told[n] = hash;
        }
        o->dirty = 0;
        unlist(o);
        return n_names;
}

void bus_object_learn(BusObject *o) {
        o->dirty = UINT64_MAX;
        (void) differences(o, NULL);
}

void bus_tell_changes(Bus *b) {
        BusObject *o;
        int r;

        while ((o = b->dirty)) {
                const char *names[PROPERTIES_MAX + 1] = {};

                if (differences(o, names) == 0)
                        continue;
                r = sd_bus_emit_properties_changed_strv(b->bus, o->path, o->interface->name, (char **) names);
                if (r < 0)
                        log_debug("changes of %s could not be told: %s", o->path, strerror(-r));
        }
}

/* The library hands out the names of its own table: mostly these are the very same. */
static const BusProperty *find(const BusInterface *i, const char *name) {
        for (const BusProperty *p = i->properties; p < i->properties + i->n; p++)
                if (p->name == name)
                        return p;
        for (const BusProperty *p = i->properties; p < i->properties + i->n; p++)
                if (streq(p->name, name))
                        return p;
        return NULL;
}

int bus_object_get(const BusObject *o, const char *property, sd_bus_message *reply) {
        const BusProperty *p = find(o->interface, property);
        BusValue v = {};
        int r;

        if (!p)
                return -ENOENT;
        r = o->interface->value(o, (size_t) (p - o->interface->properties), &v);
        if (r >= 0)
                r = bus_value_append(&v, reply);
        bus_value_done(&v);
        return r;
}

/* Properties of all interfaces: the one getter, and telling what has changed, once per turn of the loop and nothing that is as it
 * was told last. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>
#include <limits.h>

#include "basic/log.h"

void bus_object_init(BusObject *o, Bus *b, const BusInterface *i, const char *path, uint64_t *told, bool announced) {
        *o = (BusObject) { .bus = b, .interface = i, .path = path, .told = told, .announced = announced };
}

static bool is_listed(const BusObject *o) {
        return o->previous || o->next || o->bus->first_dirty == o;
}

static void list(BusObject *o) {
        Bus *b = o->bus;

        if (!is_listed(o)) {
                o->previous = b->last_dirty;
                *(b->last_dirty ? &b->last_dirty->next : &b->first_dirty) = o;
                b->last_dirty = o;
        }
        bus_tell_soon(b);
}

static void unlist(BusObject *o) {
        if (!is_listed(o))
                return;
        *(o->previous ? &o->previous->next : &o->bus->first_dirty) = o->next;
        *(o->next ? &o->next->previous : &o->bus->last_dirty) = o->previous;
        o->previous = o->next = NULL;
}

void bus_object_done(BusObject *o) {
        unlist(o);
}

void bus_object_changed(BusObject *o, unsigned changes) {
        const BusInterface *i = o->interface;

        for (size_t n = 0; n < i->n; n++)
                if (i->properties[n].changes & changes)
                        o->dirty |= UINT64_C(1) << n;
        if (o->dirty)
                list(o);
}

void bus_object_announce(BusObject *o) {
        list(o);
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

static void tell_added(BusObject *o) {
        int r;

        o->announced = true;
        bus_object_learn(o);
        r = sd_bus_emit_interfaces_added(o->bus->bus, o->path, o->interface->name, NULL);
        if (r < 0)
                log_debug("that %s is there could not be told: %s", o->path, strerror(-r));
}

static void tell_changed(BusObject *o) {
        const char *names[PROPERTIES_MAX + 1] = {};
        int r;

        if (differences(o, names) == 0)
                return;
        r = sd_bus_emit_properties_changed_strv(o->bus->bus, o->path, o->interface->name, (char **) names);
        if (r < 0)
                log_debug("changes of %s could not be told: %s", o->path, strerror(-r));
}

bool bus_tell_changes(Bus *b, unsigned max) {
        for (unsigned n = 0; b->first_dirty; n++) {
                if (max < UINT_MAX && (n >= max || bus_unsent(b) > UNSENT_MAX))
                        return true;
                if (b->first_dirty->announced)
                        tell_changed(b->first_dirty);
                else
                        tell_added(b->first_dirty);
        }
        return false;
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

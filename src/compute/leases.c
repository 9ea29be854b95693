/* The leases of the local networks in the store: see leases.h. */
#include "compute/leases.h"

static Store *store_of(Leases *l) {
        return CONTAINER_OF(l, StoreLeases, leases)->store;
}

static int create(Leases *l, const VirtualInterface *vifs, size_t n) {
        Store *s = store_of(l);
        return s->ops->vif_create(s, vifs, n);
}

static int list(Leases *l, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret) {
        Store *s = store_of(l);
        return s->ops->vif_list(s, instance_uuid, network_id, ret);
}

static int destroy(Leases *l, const char *instance_uuid, const char *uuid) {
        Store *s = store_of(l);
        return s->ops->vif_destroy(s, instance_uuid, uuid);
}

static int address_add(Leases *l, const char *vif_uuid, const char *address) {
        Store *s = store_of(l);
        return s->ops->fixed_ip_create(s, vif_uuid, address);
}

static int address_remove(Leases *l, const char *vif_uuid, const char *address) {
        Store *s = store_of(l);
        return s->ops->fixed_ip_destroy(s, vif_uuid, address);
}

static const LeasesOps store_leases_ops = {
        .create = create,
        .list = list,
        .destroy = destroy,
        .address_add = address_add,
        .address_remove = address_remove,
};

void store_leases_init(StoreLeases *l, Store *s) {
        *l = (StoreLeases) { .leases = { .ops = &store_leases_ops }, .store = s };
}

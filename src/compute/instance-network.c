/* The interfaces of an instance on this host: made ready before its guest starts, taken away when it is gone. And what the local
 * networks have for instances that are gone: left over when the host lost its power between the end of a guest and the giving
 * back, or when a row was removed by hand. Each is named and taken away (network/api.h). */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include "basic/log.h"
#include "network/declared.h"
#include "network/events.h"

int compute_network_plug(ComputeManager *m, const Instance *i, const json_t *network_info, NovaException *e) {
        if (network_is_stub(m))
                return 0;
        return network_api_plug_all(m->network_api, i, network_info, e);
}

void compute_network_unplug(ComputeManager *m, const Instance *i, const json_t *network_info) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int r;

        if (network_is_stub(m))
                return;
        r = network_api_unplug_all(m->network_api, i, network_info, &e);
        if (r < 0)
                log_warning("An interface of instance %s is not taken away: %s", i->uuid, failure_text(r, &e));
}

void compute_network_give_back(ComputeManager *m, RequestContext *c, const Instance *i, const json_t *network_info) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int r;

        compute_network_unplug(m, i, network_info);
        if (network_is_stub(m) || (json_array_size(network_info) == 0 && !network_api_is_local(m->network_api)))
                return;
        r = network_api_deallocate_for_instance(m->network_api, c, i, &e);
        if (r < 0)
                log_warning("The network of instance %s is not given back: %s", i->uuid, failure_text(r, &e));
}

/* ---- bridges that are taken away ---- */

/* Plugs all instances of this host once more: what is there stays as it is. */
static void replug(ComputeManager *m, const char *uuid _unused_) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        int r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r < 0) {
                log_warning("Cannot make the bridges of instances anew: %s", failure_text(r, NULL));
                return;
        }
        for (size_t n = 0; n < rows.n; n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *info = instance_network_info(&rows.items[n]);

                if (!info || rows.items[n].vm_state == VM_BUILDING)
                        continue;
                r = compute_network_plug(m, &rows.items[n], info, &e);
                if (r < 0)
                        log_error("Instance %s has no network: %s", rows.items[n].uuid, failure_text(r, &e));
        }
}

static void on_link(LinkChange change, const LinkInfo *link, void *userdata) {
        ComputeManager *m = userdata;
        int r;

        if (change != LINK_REMOVED || !network_api_is_bridge(m->network_api, link->name))
                return;
        log_warning("Bridge %s of a local network was taken away: it is made anew if there are instances on it", link->name);
        r = compute_manager_submit(m, JOB_STATE, "plug_networks", NULL, USEC_PER_MINUTE, replug);
        if (r < 0)
                log_warning("Cannot make bridge %s anew: %s", link->name, failure_text(r, NULL));
}

void compute_watch_networks(ComputeManager *m) {
        int r;

        if (!network_api_has_networks(m->network_api) || network_is_stub(m))
                return;
        r = link_events_new(&m->link_events, m->event, on_link, m);
        if (r < 0)
                log_warning("Bridges of the local networks cannot be watched: %s", failure_text(r, NULL));
}

bool compute_manager_has_network(ComputeManager *m, const char *name_or_id) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(network_table_done) NetworkTable table = {};

        if (!network_api_is_local(m->network_api) || network_table_read(&table, config, NULL) < 0)
                return true;
        return network_table_find(&table, name_or_id) != NULL;
}

/* ---- what is left over ---- */

/* 1 also when it cannot be known: what is in doubt is not taken away. */
static int instance_exists(const char *uuid, void *userdata) {
        ComputeManager *m = userdata;
        _cleanup_(instance_done) Instance i = {};

        return m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) != 0;
}

void compute_sweep_networks(ComputeManager *m) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ const char **uuids = NULL;
        int r;

        if (!network_api_is_local(m->network_api) || network_is_stub(m))
                return;
        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r < 0) {
                log_warning("Cannot look for what is left over in the local networks: %s", failure_text(r, NULL));
                return;
        }
        uuids = calloc(rows.n + 1, sizeof *uuids);
        if (!uuids)
                return;
        for (size_t n = 0; n < rows.n; n++)
                uuids[n] = rows.items[n].uuid;
        r = network_api_sweep(m->network_api, uuids, instance_exists, m, &e);
        if (r < 0)
                log_warning("Cannot take away what is left over in the local networks: %s", failure_text(r, &e));
        else if (r > 0)
                log_info("The local networks had %d things of instances that are gone.", r);
}

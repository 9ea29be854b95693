/* The two back ends of network.API. Of the network service it is the client: one function per message of essex 17.1, each
 * building exactly the arguments that nova-network of that era reads. */
#include "network/api.h"

#include <assert.h>
#include <errno.h>

#include "network/local.h"

struct NetworkApi {
        LocalNetworks *local;           /* NULL: the network service is asked */
        Messenger *messenger;
        char *topic;
};

static const char *const class_names[] = {
        "nova.network.api.API",
        "nova.network.API",
        NULL,
};

int network_api_new(NetworkApi **ret, const Config *config, Messenger *m, NovaException *e) {
        _cleanup_(network_api_freep) NetworkApi *a = NULL;
        const char *name;
        size_t n;

        assert(ret && config);

        name = strempty(config_string(config, "network_api_class"));
        for (n = 0; class_names[n]; n++)
                if (streq(class_names[n], name))
                        break;
        if (!class_names[n])
                return exception_setf(e, EXC_CLASS_NOT_FOUND,
                                      "Class %s could not be found: network_api_class may be %s", name, class_names[0]);

        a = calloc(1, sizeof *a);
        if (!a || !(a->topic = strdup(strempty(config_string(config, "network_topic")))))
                return -ENOMEM;
        a->messenger = m;
        if (streq(strempty(config_string(config, "network_backend")), "local")) {
                int r = local_networks_new(&a->local, config, e);

                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(a);
        return 0;
}

NetworkApi *network_api_free(NetworkApi *a) {
        if (!a)
                return NULL;
        local_networks_free(a->local);
        free(a->topic);
        free(a);
        return NULL;
}

void network_api_set_messenger(NetworkApi *a, Messenger *m) {
        assert(a);
        a->messenger = m;
}

void network_api_set_leases(NetworkApi *a, Leases *l) {
        assert(a);
        if (a->local)
                local_networks_set_leases(a->local, l);
}

bool network_api_is_local(const NetworkApi *a) {
        assert(a);
        return a->local;
}

/* The factor of the flavor, which the whole object brings (Zed's or Essex's shape); 1 when it does not. */
static double rxtx_factor(const Instance *i) {
        const json_t *data = json_object_get(i->object, "nova_object.data"), *factor;

        factor = json_object_get(json_object_get(json_object_get(data, "flavor"), "nova_object.data"), "rxtx_factor");
        if (!factor)
                factor = json_object_get(json_object_get(i->object, "instance_type"), "rxtx_factor");
        return json_is_number(factor) ? json_number_value(factor) : 1.0;
}

static int not_connected(NovaException *e, const char *method) {
        (void) exception_setf(e, EXC_NOVA, "Cannot send %s to the network service: there is no messenger", method);
        return -ENOTCONN;
}

/* Takes over @args (NULL: out of memory). */
static int api_call(NetworkApi *a, const RequestContext *c, const char *method, json_t *args, json_t **ret, NovaException *e) {
        json_auto_t *owned = args, *result = NULL;
        const MessageTarget target = { .topic = a->topic, .format = WIRE_ESSEX };
        int r;

        if (!args)
                return -ENOMEM;
        if (!a->messenger)
                return not_connected(e, method);

        r = a->messenger->call(a->messenger, &target, c, method, owned, 0, &result, e);
        if (r < 0)
                return r;
        if (ret)
                *ret = TAKE_PTR(result);
        return 0;
}

/* Takes over @args (NULL: out of memory). */
static int api_cast(NetworkApi *a, const RequestContext *c, const char *method, json_t *args, NovaException *e) {
        json_auto_t *owned = args;
        const MessageTarget target = { .topic = a->topic, .format = WIRE_ESSEX };
        int r;

        if (!args)
                return -ENOMEM;
        if (!a->messenger)
                return not_connected(e, method);

        r = a->messenger->cast(a->messenger, &target, c, method, owned);
        return r < 0 ? exception_set_errno(e, r, method) : r;
}

int network_api_allocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, bool vpn,
                                      const json_t *requested_networks, json_t **ret, NovaException *e) {
        assert(a && i && ret);

        if (a->local)
                return local_networks_allocate(a->local, i, requested_networks, ret, e);
        return api_call(a, c, "allocate_for_instance",
                        json_pack("{s:I, s:s?, s:s?, s:s?, s:f, s:b, s:O?}", "instance_id", (json_int_t) i->id,
                                  "instance_uuid", i->uuid, "project_id", i->project_id, "host", i->host, "rxtx_factor",
                                  rxtx_factor(i), "vpn", (int) vpn, "requested_networks", requested_networks),
                        ret, e);
}

int network_api_deallocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, NovaException *e) {
        assert(a && i);

        if (a->local)
                return local_networks_deallocate(a->local, i, e);
        return api_cast(a, c, "deallocate_for_instance",
                        json_pack("{s:I, s:s?, s:s?}", "instance_id", (json_int_t) i->id, "project_id", i->project_id,
                                  "host", i->host),
                        e);
}

int network_api_get_instance_nw_info(NetworkApi *a, const RequestContext *c, const Instance *i, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        assert(a && i && ret);

        if (a->local)
                return local_networks_info(a->local, i, ret, e);
        r = api_call(a, c, "get_instance_nw_info",
                     json_pack("{s:I, s:s?, s:f, s:s?, s:s?}", "instance_id", (json_int_t) i->id, "instance_uuid", i->uuid,
                               "rxtx_factor", rxtx_factor(i), "host", i->host, "project_id", i->project_id),
                     ret, &x);
        if (r >= 0)
                return r;
        /* A failure reply names the peer's class: that one has a meaning here, the instance is gone. */
        if (exception_is_set(&x) && streq(x.class_name, exception_class_name(EXC_INSTANCE_NOT_FOUND)))
                return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", strempty(i->uuid));

        exception_move(e, &x);
        return r;
}

static int setup_local(NetworkApi *a, const RequestContext *c, const Instance *i, bool teardown, NovaException *e) {
        json_auto_t *info = NULL;
        int r;

        r = network_api_get_instance_nw_info(a, c, i, &info, e);
        if (r < 0)
                return r;
        return teardown ? network_api_unplug_all(a, i, info, e) : network_api_plug_all(a, i, info, e);
}

int network_api_setup_networks_on_host(NetworkApi *a, const RequestContext *c, const Instance *i, const char *host,
                                       bool teardown, NovaException *e) {
        assert(a && i);

        if (a->local)
                return setup_local(a, c, i, teardown, e);
        return api_call(a, c, "setup_networks_on_host",
                        json_pack("{s:I, s:s?, s:b}", "instance_id", (json_int_t) i->id, "host", host, "teardown",
                                  (int) teardown),
                        NULL, e);
}

int network_api_add_fixed_ip_to_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *network_id,
                                         NovaException *e) {
        assert(a && i && network_id);

        if (a->local)
                return local_networks_add_fixed_ip(a->local, i, network_id, e);
        return api_cast(a, c, "add_fixed_ip_to_instance",
                        json_pack("{s:I, s:s?, s:s}", "instance_id", (json_int_t) i->id, "host", i->host, "network_id",
                                  network_id),
                        e);
}

int network_api_remove_fixed_ip_from_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *address,
                                              NovaException *e) {
        assert(a && i && address);

        if (a->local)
                return local_networks_remove_fixed_ip(a->local, i, address, e);
        return api_cast(a, c, "remove_fixed_ip_from_instance",
                        json_pack("{s:I, s:s?, s:s}", "instance_id", (json_int_t) i->id, "host", i->host, "address", address),
                        e);
}

static int local_only(NovaException *e, const char *function) {
        return exception_setf(e, EXC_NOT_IMPLEMENTED, "%s needs network_backend = local: a network service of Essex has no such call",
                              function);
}

int network_api_allocate_port_for_instance(NetworkApi *a, const RequestContext *c _unused_, const Instance *i,
                                           const char *network_id, const char *port_id, const char *requested_ip,
                                           const char *tag, json_t **ret_vif, NovaException *e) {
        assert(a && i && ret_vif);

        return a->local ? local_networks_attach(a->local, i, network_id, port_id, requested_ip, tag, ret_vif, e)
                        : local_only(e, "allocate_port_for_instance");
}

int network_api_deallocate_port_for_instance(NetworkApi *a, const RequestContext *c _unused_, const Instance *i,
                                             const char *port_id, NovaException *e) {
        assert(a && i && port_id);

        return a->local ? local_networks_detach(a->local, i, port_id, e) : local_only(e, "deallocate_port_for_instance");
}

int network_api_plug(NetworkApi *a, const Instance *i, const json_t *vif, NovaException *e) {
        assert(a && i && vif);

        return a->local ? local_networks_plug(a->local, i, vif, e) : 0;
}

int network_api_unplug(NetworkApi *a, const Instance *i, const json_t *vif, NovaException *e) {
        assert(a && i && vif);

        return a->local ? local_networks_unplug(a->local, i, vif, e) : 0;
}

int network_api_plug_all(NetworkApi *a, const Instance *i, const json_t *network_info, NovaException *e) {
        json_t *vif;
        size_t n;
        int r;

        json_array_foreach((json_t *) network_info, n, vif) {
                r = network_api_plug(a, i, vif, e);
                if (r < 0) {
                        while (n-- > 0)
                                (void) network_api_unplug(a, i, json_array_get(network_info, n), NULL);
                        return r;
                }
        }
        return 0;
}

int network_api_unplug_all(NetworkApi *a, const Instance *i, const json_t *network_info, NovaException *e) {
        json_t *vif;
        int r = 0, q;
        size_t n;

        json_array_foreach((json_t *) network_info, n, vif) {
                q = network_api_unplug(a, i, vif, e);
                if (q < 0)
                        r = q;
        }
        return r;
}

bool network_api_has_networks(const NetworkApi *a) {
        assert(a);
        return a->local && local_networks_table(a->local)->n > 0;
}

bool network_api_is_bridge(const NetworkApi *a, const char *name) {
        const NetworkTable *t;

        assert(a && name);

        t = a->local ? local_networks_table(a->local) : NULL;
        for (size_t n = 0; t && n < t->n; n++)
                if (streq(t->networks[n].bridge, name))
                        return true;
        return false;
}

int network_api_get_all_bw_usage(NetworkApi *a, json_t **ret, NovaException *e) {
        assert(a && ret);

        return a->local ? local_networks_counters(a->local, ret, e) : local_only(e, "get_all_bw_usage");
}

int network_api_sweep(NetworkApi *a, const char *const *instances, InstanceExists exists, void *userdata, NovaException *e) {
        assert(a && instances && exists);

        return a->local ? local_networks_sweep(a->local, instances, exists, userdata, e) : 0;
}

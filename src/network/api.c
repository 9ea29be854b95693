/* Client of the network service: one function per message of essex 17.1, each building exactly the arguments that
 * nova-network of that era reads. */
#include "network/api.h"

#include <assert.h>
#include <errno.h>


struct NetworkApi {
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

        *ret = TAKE_PTR(a);
        return 0;
}

NetworkApi *network_api_free(NetworkApi *a) {
        if (!a)
                return NULL;
        free(a->topic);
        free(a);
        return NULL;
}

void network_api_set_messenger(NetworkApi *a, Messenger *m) {
        assert(a);
        a->messenger = m;
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

        return api_call(a, c, "allocate_for_instance",
                        json_pack("{s:I, s:s?, s:s?, s:s?, s:f, s:b, s:O?}", "instance_id", (json_int_t) i->id,
                                  "instance_uuid", i->uuid, "project_id", i->project_id, "host", i->host, "rxtx_factor",
                                  rxtx_factor(i), "vpn", (int) vpn, "requested_networks", requested_networks),
                        ret, e);
}

int network_api_deallocate_for_instance(NetworkApi *a, const RequestContext *c, const Instance *i, NovaException *e) {
        assert(a && i);

        return api_cast(a, c, "deallocate_for_instance",
                        json_pack("{s:I, s:s?, s:s?}", "instance_id", (json_int_t) i->id, "project_id", i->project_id,
                                  "host", i->host),
                        e);
}

int network_api_get_instance_nw_info(NetworkApi *a, const RequestContext *c, const Instance *i, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        assert(a && i && ret);

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

int network_api_setup_networks_on_host(NetworkApi *a, const RequestContext *c, const Instance *i, const char *host,
                                       bool teardown, NovaException *e) {
        assert(a && i);

        return api_call(a, c, "setup_networks_on_host",
                        json_pack("{s:I, s:s?, s:b}", "instance_id", (json_int_t) i->id, "host", host, "teardown",
                                  (int) teardown),
                        NULL, e);
}

int network_api_add_fixed_ip_to_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *network_id,
                                         NovaException *e) {
        assert(a && i && network_id);

        return api_cast(a, c, "add_fixed_ip_to_instance",
                        json_pack("{s:I, s:s?, s:s}", "instance_id", (json_int_t) i->id, "host", i->host, "network_id",
                                  network_id),
                        e);
}

int network_api_remove_fixed_ip_from_instance(NetworkApi *a, const RequestContext *c, const Instance *i, const char *address,
                                              NovaException *e) {
        assert(a && i && address);

        return api_cast(a, c, "remove_fixed_ip_from_instance",
                        json_pack("{s:I, s:s?, s:s}", "instance_id", (json_int_t) i->id, "host", i->host, "address", address),
                        e);
}

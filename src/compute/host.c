/* The methods of the host itself: what it is, how it is configured, and what the operator does with it as a whole. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/host.h"

#include "basic/json.h"
#include "basic/log.h"
#include "compute/resource-tracker.h"
#include "service/version.h"

static int give(json_t *value, json_t **ret) {
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}

int host_service_version(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_, json_t **ret,
                         NovaException *e _unused_) {
        return give(json_string(version_string()), ret);
}

/* Elements may be URLs, with passwords in them. */
static json_t *option_list(const char *const *values) {
        json_auto_t *list = json_array();

        for (; list && values && *values; values++) {
                _cleanup_free_ char *shown = mask_url(*values);

                if (!shown || json_array_append_new(list, json_string(shown)) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

/* The value as it may be shown, in its own type: a secret is never but ***. */
static json_t *option_value(const Config *config, const Option *o, const char *name) {
        _cleanup_free_ char *shown = NULL;

        if (!config_is_set(config, name))
                return json_null();
        if (!(o->flags & OPTION_SECRET)) {
                switch (o->type) {
                case OPTION_INTEGER:
                        return json_integer(config_integer(config, name));
                case OPTION_FLOAT:
                        return json_real(config_float(config, name));
                case OPTION_BOOLEAN:
                        return json_boolean(config_boolean(config, name));
                case OPTION_LIST:
                case OPTION_MULTI_STRING:
                        return option_list(config_list(config, name));
                default:
                        break;
                }
        }
        shown = config_shown(config, o);
        return shown ? json_string(shown) : NULL;
}

int host_service_config(ComputeManager *m, RequestContext *c _unused_, const json_t *args _unused_, json_t **ret,
                        NovaException *e _unused_) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        json_auto_t *all = json_object();
        const Option *o;

        for (size_t n = 0; (o = config_option(config, n)); n++) {
                _cleanup_free_ char *name = NULL;

                if (asprintf(&name, "%s%s%s", strempty(o->group), o->group ? "." : "", o->name) < 0)
                        return -ENOMEM;
                if (json_object_set_new(all, name, option_value(config, o, name)) < 0)
                        return -ENOMEM;
        }
        return give(json_incref(all), ret);
}

int host_ping(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret, NovaException *e _unused_) {
        return give(json_pack("{s:s, s:O?}", "service", m->manager.ops->service_name, "arg", json_object_get(args, "arg")), ret);
}

/* There is no debugging console to connect to. */
int host_get_backdoor_port(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_,
                           json_t **ret _unused_, NovaException *e _unused_) {
        return 0;
}

int host_rpc_server_ping(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_, json_t **ret,
                         NovaException *e _unused_) {
        return give(json_string("pong"), ret);
}

int host_get_host_uptime(ComputeManager *m, RequestContext *c _unused_, const json_t *args _unused_, json_t **ret,
                         NovaException *e) {
        _cleanup_free_ char *uptime = NULL;
        int r;

        r = driver_result(driver_call(m, get_host_uptime, e, &uptime), "get_host_uptime", e);
        return r < 0 ? r : give(json_string(strempty(uptime)), ret);
}

int host_set_host_enabled(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        bool enabled = json_member_boolean(args, "enabled", true);
        json_auto_t *result = NULL;
        int r;

        r = driver_call(m, set_host_enabled, &x, enabled, &result);
        if (r == -EOPNOTSUPP)   /* expected of a driver: the services row is what counts, and the API has written it */
                return give(json_string(enabled ? "enabled" : "disabled"), ret);
        if (r < 0) {
                exception_move(e, &x);
                return r;
        }
        return result ? give(json_incref(result), ret) : 0;
}

int host_maintenance_mode(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret, NovaException *e) {
        const char *host = json_member_string(args, "host_param");
        json_auto_t *result = NULL;
        int r;

        if (!host)
                host = json_member_string(args, "host");
        r = driver_call(m, host_maintenance_mode, e, host ? host : m->host, json_member_boolean(args, "mode", false), &result);
        r = driver_result(r, "host_maintenance_mode", e);
        if (r < 0)
                return r;
        return result ? give(json_incref(result), ret) : 0;
}

int host_power_action(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret, NovaException *e) {
        static const char *const actions[] = { "startup", "shutdown", "reboot" };
        const char *action = strempty(json_member_string(args, "action"));
        json_auto_t *result = NULL;
        size_t n = 0;
        int r;

        while (n < ELEMENTSOF(actions) && !streq(action, actions[n]))
                n++;
        if (n == ELEMENTSOF(actions))
                return exception_setf(e, EXC_INVALID, "host_power_action: action is \"%.64s\", not startup, shutdown or reboot",
                                      action);

        r = driver_call(m, host_power_action, e, action, &result);
        r = driver_result(r, "host_power_action", e);
        if (r < 0)
                return r;
        return result ? give(json_incref(result), ret) : 0;
}

int host_update_available_resource(ComputeManager *m, RequestContext *c, const json_t *args _unused_, json_t **ret _unused_,
                                   NovaException *e) {
        return resource_tracker_update(m, c, e);
}

int host_publish_service_capabilities(ComputeManager *m, RequestContext *c, const json_t *args _unused_,
                                      json_t **ret _unused_, NovaException *e) {
        return compute_publish_capabilities(m, c, e);
}

/* Packet filters of guests belong to the network service, which is told of changed rules itself: nothing is to be done here,
 * and whoever asks is answered. */
static int nothing_to_refresh(const char *method, const char *what) {
        log_debug("%s: nothing to do, %s are applied by the network service, not by the compute host.", method, what);
        return 0;
}

int host_refresh_security_group_rules(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_,
                                      json_t **ret _unused_, NovaException *e _unused_) {
        return nothing_to_refresh("refresh_security_group_rules", "security group rules");
}

int host_refresh_security_group_members(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_,
                                        json_t **ret _unused_, NovaException *e _unused_) {
        return nothing_to_refresh("refresh_security_group_members", "security group members");
}

int host_refresh_provider_fw_rules(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_,
                                   json_t **ret _unused_, NovaException *e _unused_) {
        return nothing_to_refresh("refresh_provider_fw_rules", "provider firewall rules");
}

int host_refresh_instance_security_rules(ComputeManager *m _unused_, RequestContext *c _unused_, const json_t *args _unused_,
                                         json_t **ret _unused_, NovaException *e _unused_) {
        return nothing_to_refresh("refresh_instance_security_rules", "an instance's security rules");
}

int host_compare_cpu(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret _unused_, NovaException *e) {
        return driver_result(driver_call(m, compare_cpu, e, strempty(json_member_string(args, "cpu_info"))), "compare_cpu", e);
}

/* Essex names the instance by the domain's name. */
int host_get_instance_disk_info(ComputeManager *m, RequestContext *c _unused_, const json_t *args, json_t **ret, NovaException *e) {
        const char *name = strempty(json_member_string(args, "instance_name"));
        _cleanup_(instance_list_done) InstanceList all = {};
        _cleanup_free_ char *info = NULL;
        int r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &all);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances");
        for (size_t n = 0; n < all.n; n++) {
                if (!streq_ptr(all.items[n].name, name))
                        continue;
                r = driver_result(driver_call(m, get_instance_disk_info, e, &all.items[n], &info), "get_instance_disk_info", e);
                return r < 0 ? r : give(json_string(strempty(info)), ret);
        }
        r = exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %.255s could not be found.", name);
        exception_kwarg(e, "instance_id", json_string(name));
        return r;
}

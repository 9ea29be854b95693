/* Interfaces and addresses of an instance that is there already (zed 7.10, essex 11.6): attached and detached, changed by the
 * network, told to the guest; and its metadata. What the network says is in the row's cache afterwards. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include "basic/json.h"
#include "basic/log.h"
#include "objects/instance-object.h"

/* ---- the cache ---- */

static int set_network_info(Instance *i, const json_t *info) {
        char *text = json_text(info);

        if (!text)
                return -ENOMEM;
        free(i->network_info);
        i->network_info = text;
        return 0;
}

static json_t *find_vif(const json_t *info, const char *id, size_t *ret_at) {
        json_t *vif;
        size_t n;

        json_array_foreach((json_t *) info, n, vif)
                if (strcasecmp(strempty(json_member_string(vif, "id")), id) == 0) {
                        if (ret_at)
                                *ret_at = n;
                        return vif;
                }
        return NULL;
}

/* What the network says that the instance has, into the cache. The network may be away: then the cache stays, and is healed when
 * its turn comes. Only what is wrong with the instance itself fails. */
static int refresh(ComputeManager *m, RequestContext *context, Instance *i, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *info = NULL;
        int r;

        if (network_is_stub(m))
                return 0;
        r = network_api_get_instance_nw_info(m->network_api, context, i, &info, &x);
        if (r < 0 && failure_is(&x, EXC_INSTANCE_NOT_FOUND)) {
                exception_move(e, &x);
                return r;
        }
        if (r < 0) {
                log_warning("The network information of instance %s cannot be refreshed: %s", i->uuid, failure_text(r, &x));
                return 0;
        }
        return json_is_array(info) ? set_network_info(i, info) : 0;
}

/* ---- attach ---- */

static int attach_failed(InstanceCall *c, int r, const NovaException *why, NovaException *e) {
        log_error("attaching network adapter failed: %s", failure_text(r, why));
        r = exception_setf(e, EXC_INTERFACE_ATTACH_FAILED, "Failed to attach network adapter device to %s", c->i->uuid);
        exception_kwarg(e, "instance_uuid", json_string(c->i->uuid));
        return r;
}

static void give_back(ComputeManager *m, RequestContext *context, const Instance *i, const json_t *vif) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL, y = NOVA_EXCEPTION_NULL;
        const char *id = strempty(json_member_string(vif, "id"));
        int r;

        r = network_api_unplug(m->network_api, i, vif, &x);
        if (r < 0)
                log_warning("Interface %s of instance %s is not unplugged: %s", id, i->uuid, failure_text(r, &x));
        r = network_api_deallocate_port_for_instance(m->network_api, context, i, id, &y);
        if (r < 0 && !failure_is(&y, EXC_PORT_NOT_FOUND))
                log_warning("Port %s of instance %s is not given back: %s", id, i->uuid, failure_text(r, &y));
}

static int attach_interface(InstanceCall *c, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *vif = NULL, *info = instance_network_info(c->i), *image_meta = image_meta_from_instance(c->i);
        ComputeManager *m = c->manager;
        int r;

        if (!info || !image_meta)
                return -ENOMEM;
        if (!m->driver->ops->attach_interface) {
                r = exception_setf(e, EXC_ATTACH_INTERFACE_NOT_SUPPORTED, "Attaching interfaces is not supported for instance %s.", c->i->uuid);
                exception_kwarg(e, "instance_uuid", json_string(c->i->uuid));
                return r;
        }
        (void) operation_step(c->operation, "allocate");
        r = network_api_allocate_port_for_instance(m->network_api, c->context, c->i, json_member_string(c->args, "network_id"),
                                                   json_member_string(c->args, "port_id"), json_member_string(c->args, "requested_ip"),
                                                   json_member_string(c->args, "tag"), &vif, e);
        if (r < 0)
                return r;

        (void) operation_step(c->operation, "attach");
        r = network_api_plug(m->network_api, c->i, vif, &x);
        if (r >= 0)
                r = driver_result(driver_call(m, attach_interface, &x, c->context, c->i, image_meta, vif), "attach_interface", &x);
        if (r < 0) {
                give_back(m, c->context, c->i, vif);
                return attach_failed(c, r, &x, e);
        }

        if (json_array_append(info, vif) < 0)
                return -ENOMEM;
        r = set_network_info(c->i, info);
        if (r >= 0)
                r = instance_call_save(c, NULL, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(vif);
        return 0;
}

/* A start finds an attachment that was not finished: an interface that the network knows and the row does not goes again. */
int guest_undo_attach(Operation *o, NovaException *e) {
        json_auto_t *known = NULL, *info = NULL;
        _cleanup_(instance_done) Instance i = {};
        ComputeManager *m;
        const json_t *vif;
        size_t n;
        int r;

        r = guest_undo_begin(o, &m, &i, e);
        if (r <= 0 || network_is_stub(m))
                return MIN(r, 0);
        known = instance_network_info(&i);
        if (!known)
                return -ENOMEM;
        r = network_api_get_instance_nw_info(m->network_api, o->context, &i, &info, e);
        if (r < 0)
                return r;
        json_array_foreach(info, n, vif) {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
                const char *id = json_member_string(vif, "id");

                if (!id || find_vif(known, id, NULL))
                        continue;
                r = driver_result(driver_call(m, detach_interface, &x, o->context, &i, vif), "detach_interface", &x);
                if (r < 0)      /* it had not come so far */
                        log_debug("Interface %s of instance %s is not detached: %s", id, i.uuid, failure_text(r, &x));
                give_back(m, o->context, &i, vif);
        }
        return 0;
}

#define INTERFACES_FROM VMS(VM_ACTIVE, VM_PAUSED, VM_STOPPED)

const InstanceMethod method_attach_interface = {
        .action = "attach_interface", .notify = "interface_attach", .vm_states = INTERFACES_FROM,
        .flags = WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT | INSTANCE_LOCKABLE | INSTANCE_TELLS_FAILURE, .body = attach_interface,
};

/* ---- detach ---- */

static int port_not_found(NovaException *e, const char *id) {
        int r = exception_setf(e, EXC_PORT_NOT_FOUND, "Port id %.64s could not be found.", id);

        exception_kwarg(e, "port_id", json_string(id));
        return r;
}

/* The VIF of port @id in the row: its network information, the VIF, and where it stands. */
static int row_vif(InstanceCall *c, const char *id, json_t **ret_info, json_t **ret_vif, size_t *ret_at, NovaException *e) {
        json_auto_t *info = instance_network_info(c->i);
        json_t *vif;

        if (!info)
                return -ENOMEM;
        vif = find_vif(info, id, ret_at);
        if (!vif)
                return port_not_found(e, id);
        *ret_vif = json_incref(vif);
        *ret_info = json_incref(info);
        return 0;
}

static int detach_interface(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        const char *id = strempty(json_member_string(c->args, "port_id"));
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *info = NULL, *vif = NULL;
        size_t at = 0;
        int r;

        r = row_vif(c, id, &info, &vif, &at, e);
        if (r < 0)
                return r;

        (void) operation_step(c->operation, "detach");
        r = driver_result(driver_call(c->manager, detach_interface, &x, c->context, c->i, vif), "detach_interface", &x);
        if (r < 0 && !failure_is(&x, EXC_DEVICE_NOT_FOUND) && !failure_is(&x, EXC_NOT_FOUND)) {
                log_warning("Detach interface failed, port_id=%s, reason: %s", id, failure_text(r, &x));
                r = exception_setf(e, EXC_INTERFACE_DETACH_FAILED, "Failed to detach network adapter device from %s", c->i->uuid);
                exception_kwarg(e, "instance_uuid", json_string(c->i->uuid));
                return r;
        }
        give_back(c->manager, c->context, c->i, vif);

        (void) json_array_remove(info, at);
        r = set_network_info(c->i, info);
        return r < 0 ? r : instance_call_save(c, NULL, e);
}

const InstanceMethod method_detach_interface = {
        .action = "detach_interface", .notify = "interface_detach", .vm_states = INTERFACES_FROM,
        .flags = WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT | INSTANCE_LOCKABLE, .body = detach_interface,
};

/* ---- addresses ---- */

/* Told to a guest whose hypervisor can: that it cannot is no failure. */
static int tell_guest(InstanceCall *c, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *info = instance_network_info(c->i);
        int r;

        if (!info)
                return -ENOMEM;
        r = driver_call(c->manager, inject_network_info, &x, c->i, info);
        if (r >= 0 || r == -EOPNOTSUPP) {
                exception_done(&x);
                r = driver_call(c->manager, reset_network, &x, c->i);
        }
        if (r >= 0 || r == -EOPNOTSUPP)
                return 0;
        exception_move(e, &x);
        return r;
}

static int addresses_changed(InstanceCall *c, NovaException *e) {
        int r;

        r = refresh(c->manager, c->context, c->i, e);
        if (r >= 0)
                r = instance_call_save(c, NULL, e);
        return r < 0 ? r : tell_guest(c, e);
}

static int add_fixed_ip(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int r;

        r = network_api_add_fixed_ip_to_instance(c->manager->network_api, c->context, c->i,
                                                 strempty(json_member_string(c->args, "network_id")), e);
        return r < 0 ? r : addresses_changed(c, e);
}

static int remove_fixed_ip(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        int r;

        r = network_api_remove_fixed_ip_from_instance(c->manager->network_api, c->context, c->i,
                                                      strempty(json_member_string(c->args, "address")), e);
        return r < 0 ? r : addresses_changed(c, e);
}

const InstanceMethod method_add_fixed_ip = {
        .notify = "create_ip", .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .body = add_fixed_ip,
};

const InstanceMethod method_remove_fixed_ip = {
        .notify = "delete_ip", .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .body = remove_fixed_ip,
};

static int reset_network(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return driver_result(driver_call(c->manager, reset_network, e, c->i), "reset_network", e);
}

static int inject_network_info(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        json_auto_t *info = NULL;
        int r;

        r = refresh(c->manager, c->context, c->i, e);
        if (r >= 0)
                r = instance_call_save(c, NULL, e);
        if (r < 0)
                return r;
        info = instance_network_info(c->i);
        if (!info)
                return -ENOMEM;
        return driver_result(driver_call(c->manager, inject_network_info, e, c->i, info), "inject_network_info", e);
}

const InstanceMethod method_reset_network = {
        .flags = WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .body = reset_network,
};

const InstanceMethod method_inject_network_info = {
        .flags = WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE, .body = inject_network_info,
};

/* ---- what the network tells (external_instance_event) ---- */

int guest_network_changed(InstanceCall *c, NovaException *e) {
        int r;

        r = refresh(c->manager, c->context, c->i, e);
        return r < 0 ? r : instance_call_save(c, NULL, e);
}

int guest_vif_deleted(InstanceCall *c, const char *id, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *info = NULL, *vif = NULL;
        size_t at = 0;
        int r;

        r = row_vif(c, id, &info, &vif, &at, e);
        if (r < 0)
                return r;
        log_info("Interface %s was deleted: it is taken from instance %s", id, c->i->uuid);

        (void) json_array_remove(info, at);
        r = set_network_info(c->i, info);
        if (r >= 0)
                r = instance_call_save(c, NULL, e);
        if (r < 0)
                return r;
        r = driver_result(driver_call(c->manager, detach_interface, &x, c->context, c->i, vif), "detach_interface", &x);
        if (r < 0)
                log_warning("Detach interface failed, port_id=%s, reason: %s", id, failure_text(r, &x));
        give_back(c->manager, c->context, c->i, vif);
        return 0;
}

/* ---- metadata ---- */

/* {name: ["+", value]} sets, {name: ["-"]} removes. */
static int check_diff(const json_t *args, NovaException *e) {
        const char *name;
        json_t *change;

        json_object_foreach(json_object_get(args, "diff"), name, change) {
                const char *sign = json_string_value(json_array_get(change, 0));
                bool sets = sign && streq(sign, "+") && json_array_size(change) == 2 && json_is_string(json_array_get(change, 1));

                if (!sets && !(sign && streq(sign, "-") && json_array_size(change) == 1))
                        return exception_setf(e, EXC_TYPE_ERROR, "change_instance_metadata() got as the change of \"%.64s\" "
                                              "neither [\"+\", text] nor [\"-\"]", name);
        }
        return 0;
}

static int change_metadata(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_t *diff = json_object_get(c->args, "diff"), *change, *metadata;
        const json_t *old = instance_metadata(c->i);
        const char *name;
        bool well;
        int r;

        log_debug("Changing instance metadata according to %zu changes", json_object_size(diff));
        metadata = old ? json_copy((json_t *) old) : json_object();
        well = metadata;
        json_object_foreach(diff, name, change)
                if (json_array_size(change) == 2)
                        well = well && json_object_set(metadata, name, json_array_get(change, 1)) >= 0;
                else if (well)
                        (void) json_object_del(metadata, name);
        if (!well || instance_set_field(c->i, "metadata", metadata) < 0)
                return -ENOMEM;
        r = instance_call_save(c, NULL, e);
        if (r < 0)
                return r;

        /* A hypervisor that tells its guests nothing of it has nothing to do. */
        r = driver_call(c->manager, change_instance_metadata, &x, c->context, c->i, diff);
        if (r >= 0 || r == -EOPNOTSUPP)
                return 0;
        exception_move(e, &x);
        return r;
}

const InstanceMethod method_change_metadata = {
        .verb = "update_instance_metadata", .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK | INSTANCE_LOCKABLE,
        .vm_states = VMS(VM_ACTIVE, VM_PAUSED, VM_SUSPENDED, VM_STOPPED), .check = check_diff, .body = change_metadata,
};

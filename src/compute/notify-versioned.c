/* The payloads of versioned notifications about instances (zed 1.7, appendix C), with the fields and versions of Nova 26: what a
 * consumer of nova.notifications.objects reads. See notify-instance.h. */
#include <assert.h>
#include <stdio.h>

#include "basic/json.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"

#define DATA "nova_object.data"

/* The class of an action's payload; the others have the last. */
static const struct {
        const char *action, *class_name, *version;
} classes[] = {
        { "create", "InstanceCreatePayload", "1.12" },
        { "rebuild", "InstanceActionRebuildPayload", "1.9" },
        { "rescue", "InstanceActionRescuePayload", "1.3" },
        { "snapshot", "InstanceActionSnapshotPayload", "1.9" },
        { "update", "InstanceUpdatePayload", "2.0" },
        { "exists", "InstanceExistsPayload", "2.0" },
        { NULL, "InstanceActionPayload", "1.8" },
};

static json_t *primitive(const char *name, const char *version, json_t *data) {
        return json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version",
                         version, DATA, data);
}

static json_t *copy_or_null(const json_t *value) {
        return value ? json_deep_copy(value) : json_null();
}

/* Fields of the payload, and those of the object that they are taken from. */
typedef struct Source {
        const char *field, *from;
} Source;

static int put_from(json_t *data, const json_t *from, const Source *sources, size_t n_sources) {
        for (size_t n = 0; n < n_sources; n++)
                if (json_object_set_new(data, sources[n].field, copy_or_null(json_object_get(from, sources[n].from))) < 0)
                        return -1;
        return 0;
}

static const Source instance_sources[] = {
        { "uuid", "uuid" },
        { "user_id", "user_id" },
        { "tenant_id", "project_id" },
        { "reservation_id", "reservation_id" },
        { "display_name", "display_name" },
        { "display_description", "display_description" },
        { "host_name", "hostname" },
        { "host", "host" },
        { "node", "node" },
        { "os_type", "os_type" },
        { "architecture", "architecture" },
        { "availability_zone", "availability_zone" },
        { "image_uuid", "image_ref" },
        { "key_name", "key_name" },
        { "kernel_id", "kernel_id" },
        { "ramdisk_id", "ramdisk_id" },
        { "created_at", "created_at" },
        { "launched_at", "launched_at" },
        { "terminated_at", "terminated_at" },
        { "deleted_at", "deleted_at" },
        { "updated_at", "updated_at" },
        { "state", "vm_state" },
        { "task_state", "task_state" },
        { "progress", "progress" },
        { "metadata", "metadata" },
        { "locked", "locked" },
};

static const Source flavor_sources[] = {
        { "flavorid", "flavorid" },
        { "memory_mb", "memory_mb" },
        { "vcpus", "vcpus" },
        { "root_gb", "root_gb" },
        { "ephemeral_gb", "ephemeral_gb" },
        { "name", "name" },
        { "swap", "swap" },
        { "rxtx_factor", "rxtx_factor" },
        { "vcpu_weight", "vcpu_weight" },
        { "disabled", "disabled" },
        { "is_public", "is_public" },
        { "extra_specs", "extra_specs" },
        { "projects", "projects" },
        { "description", "description" },
};

static const Source keypair_sources[] = {
        { "user_id", "user_id" },
        { "name", "name" },
        { "public_key", "public_key" },
        { "fingerprint", "fingerprint" },
        { "type", "type" },
};

/* A row that came without its flavor (Essex's) still knows its sizes. */
static json_t *flavor_payload(const Instance *i) {
        json_auto_t *data = json_object(), *own = NULL;

        own = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "name", strempty(i->flavor_name), "memory_mb",
                        (json_int_t) i->memory_mb, "vcpus", (json_int_t) i->vcpus, "root_gb", (json_int_t) i->root_gb, "ephemeral_gb",
                        (json_int_t) i->ephemeral_gb, "swap", (json_int_t) i->swap_mb, "disabled", 0, "is_public", 1);
        if (instance_flavor(i) && json_object_update(own, (json_t *) instance_flavor(i)) < 0)
                return NULL;
        if (put_from(data, own, flavor_sources, ELEMENTSOF(flavor_sources)) < 0)
                return NULL;
        return primitive("FlavorPayload", "1.4", json_incref(data));
}

/* Texts, whatever the values are: Nova's str() of them. */
static json_t *as_texts(const json_t *dictionary) {
        json_t *texts = json_object(), *value;
        const char *key;

        json_object_foreach((json_t *) dictionary, key, value) {
                _cleanup_free_ char *text = json_is_string(value) ? NULL : json_text(value);

                if (json_is_boolean(value))
                        (void) json_object_set_new(texts, key, json_string(json_is_true(value) ? "True" : "False"));
                else if (json_is_null(value))
                        (void) json_object_set_new(texts, key, json_string("None"));
                else
                        (void) json_object_set_new(texts, key, json_string(text ? text : json_string_value(value)));
        }
        return texts;
}

static json_t *address_payload(const json_t *vif, const json_t *ip) {
        return primitive("IpPayload", "1.0",
                         json_pack("{s:s, s:s, s:o, s:o, s:I, s:s, s:o}", "label",
                                   strempty(json_member_string(json_object_get(vif, "network"), "label")), "mac",
                                   strempty(json_member_string(vif, "address")), "meta", as_texts(json_object_get(vif, "meta")),
                                   "port_uuid", copy_or_null(json_object_get(vif, "id")), "version",
                                   (json_int_t) json_member_integer(ip, "version", 4), "address",
                                   strempty(json_member_string(ip, "address")), "device_name",
                                   copy_or_null(json_object_get(vif, "devname"))));
}

static json_t *address_payloads(const Instance *i) {
        json_auto_t *info = instance_network_info(i), *list = json_array();
        json_t *vif, *subnet, *ip, *payload;
        size_t a, b, c;

        json_array_foreach(info, a, vif)
                json_array_foreach(json_object_get(json_object_get(vif, "network"), "subnets"), b, subnet)
                        json_array_foreach(json_object_get(subnet, "ips"), c, ip) {
                                payload = address_payload(vif, ip);
                                if (json_array_append_new(list, payload) < 0)
                                        return NULL;
                        }
        return json_incref(list);
}

static json_t *fault_payload(const NovaException *e) {
        if (!exception_is_set(e))
                return json_null();
        return primitive("ExceptionPayload", "1.1",
                         json_pack("{s:s, s:s, s:s, s:s, s:o}", "module_name", "nova.compute.manager", "function_name", "unknown",
                                   "exception", e->class_name, "exception_message", strempty(e->message), "traceback",
                                   json_sprintf("%s.%s: %s", strempty(e->module), e->class_name, strempty(e->message))));
}

static int put_tags(json_t *data, const Instance *i) {
        json_t *tags = json_array(), *item;
        size_t n;

        json_array_foreach(json_object_get(instance_nested(i, "tags"), "objects"), n, item)
                (void) json_array_append(tags, json_object_get(json_object_get(item, DATA), "tag"));
        return json_object_set_new(data, "tags", tags);
}

static int put_create(json_t *data, const Instance *i) {
        json_t *keypairs = json_array(), *item;
        size_t n;

        json_array_foreach((json_t *) instance_keypairs(i), n, item) {
                json_t *keypair = json_object();

                (void) put_from(keypair, json_object_get(item, DATA), keypair_sources, ELEMENTSOF(keypair_sources));
                (void) json_array_append_new(keypairs, primitive("KeypairPayload", "1.0", keypair));
        }
        if (json_object_set_new(data, "keypairs", keypairs) < 0 || put_tags(data, i) < 0)
                return -1;
        return json_object_set_new(data, "instance_name", json_string_or_null(i->name));
}

/* The times of @extra are those of the other form. */
static json_t *time_of(const json_t *extra, const char *name) {
        char text[TIME_TEXT_MAX];
        usec_t t;

        return time_parse(strempty(json_member_string(extra, name)), &t) < 0 ? json_null() : json_string(time_format_iso(t, text));
}

static int put_audit_period(json_t *data, const json_t *extra) {
        json_t *period = json_pack("{s:o, s:o}", AUDIT_BEGINNING, time_of(extra, AUDIT_BEGINNING), AUDIT_ENDING, time_of(extra, AUDIT_ENDING));

        return json_object_set_new(data, "audit_period", primitive("AuditPeriodPayload", "1.0", period));
}

static int put_update(json_t *data, const Instance *i, const json_t *extra) {
        static const Source states[] = { { "old_state", "old_state" }, { "state", "state" }, { "old_task_state", "old_task_state" },
                                         { "new_task_state", "new_task_state" } };
        json_t *update = json_object();

        if (put_from(update, extra, states, ELEMENTSOF(states)) < 0 ||
            json_object_set_new(data, "old_display_name", copy_or_null(json_object_get(extra, "old_display_name"))) < 0 ||
            put_audit_period(data, extra) < 0 || put_tags(data, i) < 0) {
                json_decref(update);
                return -1;
        }
        return json_object_set_new(data, "state_update", primitive("InstanceStateUpdatePayload", "1.0", update));
}

static int put_particular(json_t *data, const char *action, const Instance *i, const json_t *extra) {
        if (streq(action, "create") && put_create(data, i) < 0)
                return -1;
        if (streq(action, "create") || streq(action, "rebuild"))
                return json_object_set_new(data, "trusted_image_certificates",
                                           copy_or_null(json_object_get(instance_nested(i, "trusted_certs"), "ids")));
        if (streq(action, "update"))
                return put_update(data, i, extra);
        if (streq(action, "exists"))
                return put_audit_period(data, extra);
        if (streq(action, "rescue"))
                return json_object_set_new(data, "rescue_image_ref", copy_or_null(json_object_get(extra, "rescue_image_ref")));
        if (streq(action, "snapshot"))
                return json_object_set_new(data, "snapshot_image_id", copy_or_null(json_object_get(extra, "snapshot_image_id")));
        return 0;
}

/* Who asked: of periodic work nobody, and then no request id either. */
static int put_request(json_t *data, const RequestContext *c) {
        const char *user = c ? context_user_id(c) : NULL, *project = c ? context_project_id(c) : NULL;
        json_auto_t *request = json_pack("{s:s?, s:s?, s:s?}", "request_id", user && project ? context_request_id(c) : NULL,
                                         "action_initiator_user", user, "action_initiator_project", project);

        return json_object_update(data, request);
}

static int put_computed(json_t *data, const Instance *i, bool block_devices) {
        bool automatic = json_is_true(instance_field(i, "auto_disk_config"));

        /* What is in block_devices are volumes, and there are none: they need a volume service. */
        if (json_object_set_new(data, "block_devices", block_devices ? json_array() : json_null()) < 0 ||
            json_object_set_new(data, "auto_disk_config", json_string(automatic ? "AUTO" : "MANUAL")) < 0 ||
            json_object_set_new(data, "power_state", json_string(power_state_to_string(i->power_state))) < 0 ||
            json_object_set_new(data, "flavor", flavor_payload(i)) < 0 ||
            json_object_set_new(data, "ip_addresses", address_payloads(i)) < 0)
                return -1;
        return json_object_set_new(data, "locked_reason", json_string_or_null(instance_system_metadata_get(i, "locked_reason")));
}

/* The others tell of no action that could fail. */
static bool is_about_action(const char *action) {
        return !streq(action, "update") && !streq(action, "exists");
}

json_t *notify_versioned_payload(const RequestContext *c, const Instance *i, const char *action, const NovaException *exception,
                                 bool block_devices, const json_t *extra) {
        json_auto_t *object = instance_to_object(i), *data = json_object();
        size_t n = 0;

        while (classes[n].action && !streq(classes[n].action, action))
                n++;
        if (!object || put_from(data, json_object_get(object, DATA), instance_sources, ELEMENTSOF(instance_sources)) < 0 ||
            put_computed(data, i, block_devices) < 0 || put_request(data, c) < 0 ||
            (is_about_action(action) && json_object_set_new(data, "fault", fault_payload(exception)) < 0) ||
            put_particular(data, action, i, extra) < 0)
                return NULL;
        return primitive(classes[n].class_name, classes[n].version, json_incref(data));
}

/* Notifications about instances: who gets which form, and the unversioned payload. See notify-instance.h. */
#define LOG_LOGGER "nova.compute.utils"
#include "compute/notify-instance.h"

#include <assert.h>
#include <stdio.h>

#include "basic/json.h"
#include "basic/log.h"
#include "objects/instance-object.h"

#define IMAGE_PREFIX "image_"

/* What Nova tells in one form only, under another name, or with the addresses; everything else is told in both. */
static const struct {
        const char *action;
        const char *unversioned;        /* NULL: in the versioned form only */
        bool network;
} peculiar[] = {
        { "create", "create", true },
        { "rebuild", "rebuild", true },
        { "rescue", "rescue", true },
        { "unrescue", "unrescue", true },
        { "interface_attach", NULL, false },
        { "interface_detach", NULL, false },
        { "lock", NULL, false },
        { "unlock", NULL, false },
        { "create_ip", "create_ip", true },
        { "delete_ip", "delete_ip", true },
};

/* These have no versioned form. */
static const char *const only_unversioned[] = { "create_ip", "delete_ip" };

static const char *const only_told_versioned[] = { "rescue_image_ref", "snapshot_image_id" };

static const char *unversioned_name(const char *action, bool *ret_network) {
        *ret_network = false;
        for (size_t n = 0; n < ELEMENTSOF(peculiar); n++)
                if (streq(peculiar[n].action, action)) {
                        *ret_network = peculiar[n].network;
                        return peculiar[n].unversioned;
                }
        return action;
}

static bool has_versioned(const char *action) {
        for (size_t n = 0; n < ELEMENTSOF(only_unversioned); n++)
                if (streq(only_unversioned[n], action))
                        return false;
        return true;
}

static void event_type(char *buf, size_t size, const char *prefix, const char *action, NotifyPhase phase) {
        static const char *const suffixes[] = {
                [NOTIFY_START] = ".start",
                [NOTIFY_END] = ".end",
                [NOTIFY_ERROR] = ".error",
                [NOTIFY_ONCE] = "",
        };

        snprintf(buf, size, "%s%s%s", prefix, action, suffixes[phase]);
}

void compute_notify_instance(ComputeManager *m, const RequestContext *context, const Instance *i, const char *action,
                             NotifyPhase phase, const NovaException *exception) {
        compute_notify_instance_with(m, context, i, action, phase, exception, NULL);
}

void compute_notify_instance_with(ComputeManager *m, const RequestContext *context, const Instance *i, const char *action,
                                  NotifyPhase phase, const NovaException *exception, const json_t *extra) {
        const char *priority = phase == NOTIFY_ERROR ? "ERROR" : "INFO", *name;
        char publisher[256], event[128];
        bool network;

        assert(m && i && action && phase < _NOTIFY_PHASE_MAX);

        name = unversioned_name(action, &network);
        if (name && notifier_sends(m->notifier, NOTIFICATION_UNVERSIONED)) {
                /* Nova knows the addresses of a guest when it is there, not when its build begins or fails. */
                json_auto_t *payload = notify_unversioned_payload(i, network && phase == NOTIFY_END, exception, extra);

                event_type(event, sizeof event, "compute.instance.", name, phase);
                snprintf(publisher, sizeof publisher, "compute.%s", m->host);
                if (!payload || notifier_notify(m->notifier, context, publisher, event, priority, payload, NULL) < 0)
                        log_error("Could not make the notification %s of instance %s", event, strempty(i->uuid));
        }
        if (has_versioned(action) && notifier_sends(m->notifier, NOTIFICATION_VERSIONED)) {
                json_auto_t *payload = notify_versioned_payload(context, i, action, exception,
                                                                notifier_tells_block_devices(m->notifier), extra);

                event_type(event, sizeof event, "instance.", action, phase);
                snprintf(publisher, sizeof publisher, "nova-compute:%s", m->host);
                if (!payload || notifier_notify_versioned(m->notifier, context, publisher, event, priority, payload, NULL) < 0)
                        log_error("Could not make the notification %s of instance %s", event, strempty(i->uuid));
        }
}

/* ---- the unversioned payload ---- */

static json_t *put_address(json_t *list, const json_t *vif, const json_t *network, json_t *ip) {
        json_t *copy = json_deep_copy(ip);

        (void) json_object_set_new(copy, "label", json_string_or_null(json_member_string(network, "label")));
        (void) json_object_set_new(copy, "vif_mac", json_string_or_null(json_member_string(vif, "address")));
        (void) json_array_append_new(list, copy);
        return copy;
}

json_t *notify_fixed_ips(const json_t *network_info) {
        json_t *list = json_array(), *vif, *subnet, *ip;
        size_t a, b, c;

        json_array_foreach((json_t *) network_info, a, vif) {
                json_t *network = json_object_get(vif, "network");

                json_array_foreach(json_object_get(network, "subnets"), b, subnet)
                        json_array_foreach(json_object_get(subnet, "ips"), c, ip)
                                if (!put_address(list, vif, network, ip)) {
                                        json_decref(list);
                                        return NULL;
                                }
        }
        return list;
}

/* Python's str() of a text or nothing: "" for nothing. */
static json_t *text_or_empty(const char *s) {
        return json_string(strempty(s));
}

static json_t *time_or_empty(usec_t t) {
        char text[TIME_TEXT_MAX];

        return json_string(t == 0 ? "" : time_format_rpc(t, text));
}

/* As Python shows a time with a zone: 2026-01-01 00:00:00+00:00. */
static json_t *time_python(usec_t t) {
        char text[TIME_TEXT_MAX];

        if (t == 0)
                return json_string("None");
        time_format_iso(t, text);
        text[10] = ' ';
        return json_sprintf("%.19s+00:00", text);
}

static int64_t size_of(const Instance *i, const char *field, int64_t own) {
        return json_member_integer(instance_flavor(i), field, own);
}

static int put_sizes(json_t *payload, const Instance *i) {
        int64_t root = size_of(i, "root_gb", i->root_gb), ephemeral = size_of(i, "ephemeral_gb", i->ephemeral_gb);
        json_auto_t *sizes = json_pack("{s:I, s:I, s:I, s:I, s:I}", "memory_mb", (json_int_t) size_of(i, "memory_mb", i->memory_mb),
                                       "vcpus", (json_int_t) size_of(i, "vcpus", i->vcpus), "root_gb", (json_int_t) root,
                                       "ephemeral_gb", (json_int_t) ephemeral, "disk_gb", (json_int_t) (root + ephemeral));

        return json_object_update(payload, sizes);
}

static json_t *image_meta(const Instance *i) {
        json_t *image = json_object(), *value;
        const char *key, *name;

        json_object_foreach((json_t *) instance_system_metadata(i), key, value) {
                name = startswith(key, IMAGE_PREFIX);
                if (name)
                        (void) json_object_set(image, name, value);
        }
        return image;
}

static json_t *copy_or_null(const json_t *value) {
        return value ? json_deep_copy(value) : json_null();
}

static json_t *copy_or_object(const json_t *value) {
        return value ? json_deep_copy(value) : json_object();
}

/* Fields that are told as the object has them. */
static int put_object_fields(json_t *payload, const Instance *i) {
        static const char *const fields[] = { "reservation_id", "architecture", "kernel_id", "ramdisk_id", "access_ip_v4",
                                              "access_ip_v6" };

        for (size_t n = 0; n < ELEMENTSOF(fields); n++)
                if (json_object_set_new(payload, fields[n], copy_or_null(instance_field(i, fields[n]))) < 0)
                        return -1;
        return 0;
}

static int put_failure(json_t *payload, const NovaException *e) {
        const char *message = strempty(e->message);
        json_auto_t *failure = json_pack("{s:s, s:s, s:i}", "exception", message, "message", message, "code",
                                         e->code ? e->code : 500);

        return json_object_update(payload, failure);
}

json_t *notify_unversioned_payload(const Instance *i, bool network, const NovaException *exception, const json_t *extra) {
        int64_t progress = instance_number(i, "progress", 0);
        json_auto_t *info = NULL, *payload = json_pack(
                "{s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:I, s:o, s:s?, s:s?, s:s?, s:o, s:o, s:o, s:o, s:o, s:s?, s:s?, s:s?, s:o, s:o,"
                " s:o, s:o}",
                "tenant_id", i->project_id, "user_id", i->user_id, "instance_id", i->uuid, "display_name", i->display_name,
                "hostname", i->hostname, "instance_type", text_or_empty(i->flavor_name), "instance_type_id",
                (json_int_t) i->flavor_id, "instance_flavor_id",
                text_or_empty(json_member_string(instance_flavor(i), "flavorid")), "host", i->host, "node", i->node,
                "availability_zone", i->availability_zone, "cell_name", text_or_empty(instance_text(i, "cell_name")),
                "created_at", time_python(i->created_at), "terminated_at", time_or_empty(i->terminated_at), "deleted_at",
                time_or_empty(i->deleted_at), "launched_at", time_or_empty(i->launched_at), "image_ref_url", i->image_ref,
                "os_type", i->os_type, "state", vm_state_to_string(i->vm_state), "state_description",
                text_or_empty(task_state_to_string(i->task_state)), "progress",
                progress ? json_integer(progress) : json_string(""), "image_meta", image_meta(i), "metadata",
                copy_or_object(instance_metadata(i)));

        if (!payload || put_sizes(payload, i) < 0 || put_object_fields(payload, i) < 0)
                return NULL;
        if (network) {
                info = instance_network_info(i);
                if (!info || json_object_set_new(payload, "fixed_ips", notify_fixed_ips(info)) < 0)
                        return NULL;
        }
        if (exception_is_set(exception) && put_failure(payload, exception) < 0)
                return NULL;
        if (extra && json_object_update(payload, (json_t *) extra) < 0)
                return NULL;
        for (size_t n = 0; n < ELEMENTSOF(only_told_versioned); n++)
                (void) json_object_del(payload, only_told_versioned[n]);
        return json_incref(payload);
}

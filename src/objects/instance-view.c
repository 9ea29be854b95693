/* An instance as it is shown: see instance-view.h. */
#include "objects/instance-view.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "objects/instance-object.h"

static const struct {
        size_t from, to;
} texts[] = {
        { offsetof(Instance, uuid), offsetof(InstanceView, uuid) },
        { offsetof(Instance, name), offsetof(InstanceView, name) },
        { offsetof(Instance, display_name), offsetof(InstanceView, display_name) },
        { offsetof(Instance, hostname), offsetof(InstanceView, hostname) },
        { offsetof(Instance, project_id), offsetof(InstanceView, project_id) },
        { offsetof(Instance, user_id), offsetof(InstanceView, user_id) },
        { offsetof(Instance, flavor_name), offsetof(InstanceView, flavor_name) },
        { offsetof(Instance, image_ref), offsetof(InstanceView, image_ref) },
        { offsetof(Instance, availability_zone), offsetof(InstanceView, availability_zone) },
};

#define VIEW_TEXT(object, offset) (*(const char **) ((char *) (object) + (offset)))
#define ROW_TEXT(object, offset) strempty(*(char *const *) ((const char *) (object) + (offset)))

/* ---- lists of texts ---- */

static void texts_free(char **v) {
        for (char **s = v; s && *s; s++)
                free(*s);
        free(v);
}

static int copy(const char *s, char **ret) {
        return (*ret = strdup(strempty(s))) ? 0 : -ENOMEM;
}

static int fill_texts(const Instance *row, InstanceView *v) {
        size_t size = 0;
        char *to;

        for (size_t n = 0; n < ELEMENTSOF(texts); n++)
                size += strlen(ROW_TEXT(row, texts[n].from)) + 1;
        to = v->texts = malloc(size);
        if (!to)
                return -ENOMEM;
        for (size_t n = 0; n < ELEMENTSOF(texts); n++) {
                VIEW_TEXT(v, texts[n].to) = to;
                to = stpcpy(to, ROW_TEXT(row, texts[n].from)) + 1;
        }
        return 0;
}

/* Nova's metadata are texts; an older row may hold a number. */
static int fill_metadata(const json_t *metadata, char ***ret) {
        size_t n = 0;
        const char *key;
        json_t *value;

        *ret = calloc(2 * json_object_size(metadata) + 1, sizeof **ret);
        if (!*ret)
                return -ENOMEM;
        json_object_foreach((json_t *) metadata, key, value) {
                char *text;

                if (json_is_null(value))
                        continue;
                text = json_is_string(value) ? strdup(json_string_value(value)) : json_text(value);
                (*ret)[n] = strdup(key);
                if (!text || !(*ret)[n]) {
                        free(text);
                        return -ENOMEM;
                }
                (*ret)[n + 1] = text;
                n += 2;
        }
        return 0;
}

/* ---- interfaces ---- */

static void interface_done(InterfaceView *i) {
        free(i->port);
        free(i->mac);
        free(i->network);
        free(i->network_uuid);
        free(i->bridge);
        free(i->device);
        free(i->type);
        texts_free(i->addresses);
}

/* The prefix is the subnet's. */
static int fill_addresses(const json_t *subnets, char ***ret) {
        const json_t *subnet, *ip;
        size_t n = 0, i, k;

        json_array_foreach((json_t *) subnets, i, subnet)
                n += json_array_size(json_object_get(subnet, "ips"));
        *ret = calloc(n + 1, sizeof **ret);
        if (!*ret)
                return -ENOMEM;
        n = 0;
        json_array_foreach((json_t *) subnets, i, subnet) {
                const char *cidr = json_member_string(subnet, "cidr"), *slash = cidr ? strchr(cidr, '/') : NULL;

                json_array_foreach(json_object_get(subnet, "ips"), k, ip) {
                        const char *address = json_member_string(ip, "address");

                        if (address && asprintf(&(*ret)[n], "%s%s", address, strempty(slash)) < 0) {
                                (*ret)[n] = NULL;
                                return -ENOMEM;
                        }
                        n += address != NULL;
                }
        }
        return 0;
}

static int fill_interface(const json_t *vif, InterfaceView *i) {
        const json_t *network = json_object_get(vif, "network");
        int r;

        r = copy(json_member_string(vif, "id"), &i->port);
        if (r >= 0)
                r = copy(json_member_string(vif, "address"), &i->mac);
        if (r >= 0)
                r = copy(json_member_string(vif, "devname"), &i->device);
        if (r >= 0)
                r = copy(json_member_string(vif, "type"), &i->type);
        if (r >= 0)
                r = copy(json_member_string(network, "label"), &i->network);
        if (r >= 0)
                r = copy(json_member_string(network, "id"), &i->network_uuid);
        if (r >= 0)
                r = copy(json_member_string(network, "bridge"), &i->bridge);
        return r < 0 ? r : fill_addresses(json_object_get(network, "subnets"), &i->addresses);
}

static int fill_interfaces(const char *network_info, InstanceView *v) {
        json_auto_t *info = NULL;
        const json_t *vif;
        size_t i;
        int r = 0;

        if (isempty(network_info) || streq(network_info, "[]"))
                return 0;
        r = json_parse(network_info, strlen(network_info), &info, NULL, 0);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        v->interfaces = calloc(MAX(json_array_size(info), 1u), sizeof *v->interfaces);
        if (!v->interfaces)
                return -ENOMEM;
        json_array_foreach(info, i, vif)
                if (r >= 0 && json_is_object(vif))
                        r = fill_interface(vif, &v->interfaces[v->n_interfaces++]);
        return r;
}

/* ---- the view ---- */

InstanceView *instance_view_free(InstanceView *v) {
        if (!v)
                return NULL;
        free(v->texts);
        free(v->key_name);
        free(v->fault);
        texts_free(v->metadata);
        for (size_t n = 0; n < v->n_interfaces; n++)
                interface_done(&v->interfaces[n]);
        free(v->interfaces);
        free(v);
        return NULL;
}

int instance_view_new(const Instance *row, InstanceView **ret) {
        _cleanup_(instance_view_freep) InstanceView *v = calloc(1, sizeof *v);
        int r = v ? fill_texts(row, v) : -ENOMEM;

        if (r >= 0)
                r = copy(instance_text(row, "key_name"), &v->key_name);
        if (r >= 0)
                r = copy(NULL, &v->fault);
        if (r >= 0)
                r = fill_metadata(instance_metadata(row), &v->metadata);
        if (r >= 0)
                r = fill_interfaces(row->network_info, v);
        if (r < 0)
                return r;

        v->vm_state = row->vm_state;
        v->task_state = row->task_state;
        v->power_state = row->power_state;
        v->locked = row->locked;
        v->config_drive = instance_config_drive(row);
        v->vcpus = row->vcpus;
        v->memory_mb = row->memory_mb;
        v->root_gb = row->root_gb;
        v->ephemeral_gb = row->ephemeral_gb;
        v->swap_mb = row->swap_mb;
        v->created_at = row->created_at;
        v->launched_at = row->launched_at;
        v->updated_at = row->updated_at;
        v->terminated_at = row->terminated_at;
        v->brief = !row->object;
        *ret = TAKE_PTR(v);
        return 0;
}

#define SWAP(a, b)                      \
        do {                            \
                typeof(a) _was = (a);   \
                (a) = (b);              \
                (b) = _was;             \
        } while (false)

void instance_view_inherit(InstanceView *v, InstanceView *before) {
        SWAP(v->fault, before->fault);
        v->fault_at = before->fault_at;
        if (!v->brief)
                return;
        SWAP(v->key_name, before->key_name);
        SWAP(v->metadata, before->metadata);
        v->config_drive = before->config_drive;
        v->brief = before->brief;
}

int instance_view_set_fault(InstanceView *v, const char *message, usec_t at) {
        char *fault = strdup(strempty(message));

        if (!fault)
                return -ENOMEM;
        free(v->fault);
        v->fault = fault;
        v->fault_at = at;
        return 0;
}

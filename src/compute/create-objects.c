/* The objects of a new instance, as nova-api writes them (zed 6.1, appendix A): see create.h. */
#include "compute/create.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

#include "basic/text-util.h"
#include "basic/base64.h"
#include "basic/json.h"
#include "compute/flavor.h"
#include "image/image.h"
#include "objects/versioned.h"

#define HOSTNAME_MAX 63
#define SYSTEM_METADATA_MAX 255         /* bytes of a value: the column of Nova's */

/* ---- texts ---- */

void create_hostname(const char *name, const char *uuid, char ret[static 64]) {
        size_t n = 0, begin = 0;

        for (; *name && n < HOSTNAME_MAX; name++) {
                char c = *name;

                if (c == ' ' || c == '_' || c == '.')
                        c = '-';
                if (!isalnum((unsigned char) c) && c != '-')
                        continue;
                if (n == 0 && c == '-')
                        continue;
                ret[n++] = (char) tolower((unsigned char) c);
        }
        while (n > begin && ret[n - 1] == '-')
                n--;
        ret[n] = '\0';
        if (n == 0)
                (void) snprintf(ret, 64, "Server-%.50s", uuid);
}

/* "r-x7k2m9qa" */
static void reservation_id(char ret[static 11]) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        unsigned char random[8] = {};

        (void) getrandom(random, sizeof random, 0);
        ret[0] = 'r';
        ret[1] = '-';
        for (size_t i = 0; i < sizeof random; i++)
                ret[2 + i] = letters[random[i] % (sizeof letters - 1)];
        ret[10] = '\0';
}

static int bad_key(NovaException *e, const char *why) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: public_key must be a line as in authorized_keys, 'type base64 "
                              "comment': %s", why);
}

/* Of what is in the base64: "aa:bb:…", as Nova shows keys. */
static int fingerprint(const char *data, size_t size, char ret[static 48]) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        size_t n;

        if (!EVP_Q_digest(NULL, "MD5", NULL, data, size, digest, &n) || n != 16)
                return -EIO;
        for (size_t i = 0; i < n; i++)
                (void) snprintf(ret + 3 * i, 4, "%02x%s", digest[i], i + 1 < n ? ":" : "");
        return 0;
}

/* An object of the class, without changes; steals @data. */
static json_t *object_of(const char *class_name, json_t *data) {
        json_t *object = object_new(class_name);

        if (!object || !data || json_object_set_new(object, "nova_object.data", data) < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

static json_t *list_of(const char *class_name, json_t *items) {
        return object_of(class_name, json_pack("{s:o}", "objects", items ? items : json_array()));
}

int create_keypair(const char *name, const char *line, const char *user, json_t **ret, NovaException *e) {
        size_t type = strcspn(line, " \t"), gap = strspn(line + type, " \t"), length = strcspn(line + type + gap, " \t");
        _cleanup_free_ char *text = strndup(line + type + gap, length), *data = NULL;
        unsigned char inner[4];
        char print[48] = "";
        size_t size = 0, n;

        if (!text)
                return -ENOMEM;
        if (type == 0 || type > 64 || length == 0)
                return bad_key(e, "type and base64 are not there");
        if (base64_decode(text, &data, &size) < 0 || size < 4)
                return bad_key(e, "what follows the type is no base64");
        memcpy(inner, data, 4);
        n = (size_t) inner[0] << 24 | (size_t) inner[1] << 16 | (size_t) inner[2] << 8 | inner[3];
        if (n != type || size < 4 + n || memcmp(data + 4, line, n) != 0)
                return bad_key(e, "the base64 is of another type of key");
        (void) fingerprint(data, size, print);          /* MD5 may be forbidden: then there is none */
        *ret = object_of("KeyPair", json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:n, s:n, s:n}", "name", name, "user_id", user, "type", "ssh",
                                              "public_key", line, "fingerprint", print, "deleted", 0, "created_at", "updated_at",
                                              "deleted_at"));
        return *ret ? 0 : -ENOMEM;
}

/* ---- parts ---- */

static json_t *flavor_object(const Flavor *f) {
        return object_of("Flavor", json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:i, s:b, s:b, s:o, s:n, s:n, s:n, s:n, s:b}",
                                             "id", (json_int_t) f->id, "name", f->name, "memory_mb", (json_int_t) f->memory_mib, "vcpus",
                                             (json_int_t) f->vcpus, "root_gb", (json_int_t) f->disk_gib, "ephemeral_gb",
                                             (json_int_t) f->ephemeral_gib, "flavorid", f->name, "swap", (json_int_t) f->swap_mib,
                                             "rxtx_factor", 1.0, "vcpu_weight", 0, "disabled", 0, "is_public", 1, "extra_specs",
                                             json_deep_copy(f->extra_specs), "description", "created_at", "updated_at", "deleted_at",
                                             "deleted", 0));
}

static json_t *cut_text(const char *text) {
        return json_stringn(text, text_cut_bytes(text, SYSTEM_METADATA_MAX));
}

/* What the instance remembers of its image; numbers are texts there. */
static json_t *system_metadata(const NewInstance *n) {
        static const char *const texts[] = { "disk_format", "container_format" };
        const char *key, *id = json_member_string(n->image, "id");
        json_auto_t *all = json_object();
        char name[300];
        json_t *value;

        json_object_foreach(json_object_get(n->image, "properties"), key, value) {
                (void) snprintf(name, sizeof name, "image_%.255s", key);
                if (json_is_string(value) && json_object_set_new(all, name, cut_text(json_string_value(value))) < 0)
                        return NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                value = json_object_get(n->image, texts[i]);
                (void) snprintf(name, sizeof name, "image_%s", texts[i]);
                if (json_is_string(value) && json_object_set(all, name, value) < 0)
                        return NULL;
        }
        if (json_object_set_new(all, "image_min_ram", json_sprintf("%lld", (long long) image_meta_integer(n->image, "min_ram", 0))) < 0 ||
            json_object_set_new(all, "image_min_disk",
                                json_sprintf("%lld", (long long) MAX(image_meta_integer(n->image, "min_disk", 0), n->flavor->disk_gib))) < 0 ||
            json_object_set_new(all, "image_base_image_ref", json_string(strempty(id))) < 0 ||
            json_object_set_new(all, "owner_user_name", json_string(strempty(n->properties->user))) < 0 ||
            json_object_set_new(all, "owner_project_name", json_string(strempty(n->properties->project))) < 0)
                return NULL;
        return TAKE_PTR(all);
}

static int add(json_t *data, json_t *more) {
        int r = more ? json_object_update(data, more) : -1;

        json_decref(more);
        return r;
}

static int add_nulls(json_t *data) {
        static const char *const names[] = {
                "host", "node", "launched_on", "launched_at", "terminated_at", "os_type", "architecture", "vm_mode", "root_device_name",
                "default_ephemeral_device", "default_swap_device", "access_ip_v4", "access_ip_v6", "cell_name", "ephemeral_key_uuid",
                "display_description", "locked_by", "numa_topology", "device_metadata", "old_flavor", "new_flavor", "vcpu_model",
                "trusted_certs", "resources", "updated_at", "deleted_at",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (json_object_set_new(data, names[i], json_null()) < 0)
                        return -ENOMEM;
        return 0;
}

json_t *create_instance_object(const NewInstance *n) {
        const CreateProperties *p = n->properties;
        const char *kernel = image_meta_property(n->image, "kernel_id"), *ramdisk = image_meta_property(n->image, "ramdisk_id");
        json_t *keypairs = json_array();
        json_auto_t *data = NULL;
        char hostname[64], reservation[11];

        create_hostname(p->name, n->uuid, hostname);
        reservation_id(reservation);
        if (n->keypair)
                (void) json_array_append(keypairs, n->keypair);
        data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s?, s:s?, s:i, s:s, s:s}", "uuid", n->uuid, "user_id",
                         strempty(p->user), "project_id", strempty(p->project), "image_ref", strempty(json_member_string(n->image, "id")),
                         "kernel_id", strempty(kernel), "ramdisk_id", strempty(ramdisk), "hostname", hostname, "launch_index", 0, "key_name",
                         p->public_key ? (p->key_name ? p->key_name : "key") : NULL, "key_data", p->public_key, "power_state", 0, "vm_state",
                         "building", "task_state", "scheduling");
        if (!data ||
            add(data, json_pack("{s:I, s:I, s:I, s:I, s:I, s:s?, s:s, s:s?, s:s}", "memory_mb", (json_int_t) n->flavor->memory_mib, "vcpus",
                                (json_int_t) n->flavor->vcpus, "root_gb", (json_int_t) n->flavor->disk_gib, "ephemeral_gb",
                                (json_int_t) n->flavor->ephemeral_gib, "instance_type_id", (json_int_t) n->flavor->id, "user_data",
                                p->user_data, "reservation_id", reservation, "availability_zone", n->zone, "display_name", p->name)) < 0 ||
            add(data, json_pack("{s:s, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "config_drive", p->config_drive ? "True" : "", "progress", 0,
                                "locked", 0, "auto_disk_config", 0, "shutdown_terminate", 0, "disable_terminate", 0, "cleaned", 0, "hidden", 0,
                                "deleted", 0)) < 0 ||
            add(data, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "metadata",
                                p->metadata ? json_deep_copy(p->metadata) : json_object(), "system_metadata", system_metadata(n), "flavor",
                                flavor_object(n->flavor), "info_cache",
                                object_of("InstanceInfoCache", json_pack("{s:s, s:s, s:n, s:n, s:n, s:b}", "instance_uuid", n->uuid,
                                                                         "network_info", "[]", "created_at", "updated_at", "deleted_at",
                                                                         "deleted", 0)),
                                "security_groups", list_of("SecurityGroupList", NULL), "tags", list_of("TagList", NULL), "pci_requests",
                                object_of("InstancePCIRequests", json_pack("{s:s, s:[]}", "instance_uuid", n->uuid, "requests")), "keypairs",
                                list_of("KeyPairList", TAKE_PTR(keypairs)))) < 0 ||
            add_nulls(data) < 0 || (n->numa && json_object_set_new(data, "numa_topology", json_deep_copy(n->numa)) < 0)) {
                json_decref(keypairs);
                return NULL;
        }
        return object_of("Instance", TAKE_PTR(data));
}

/* ---- what the scheduler would have been told ---- */

/* Those properties that Nova has a field for; what it cannot be is left out here, and refused where it is used. */
static json_t *image_properties(const json_t *image) {
        json_t *object = object_new("ImageMetaProps"), *value;
        const char *key;

        json_object_foreach(json_object_get(image, "properties"), key, value)
                (void) object_set(object, key, json_incref(value), NULL);
        object_reset_changes(object, true);
        return object;
}

static json_t *image_object(const json_t *image) {
        static const char *const fields[] = { "id",       "name",        "status",     "checksum",   "owner",   "container_format",
                                              "disk_format", "created_at", "updated_at" };
        static const char *const numbers[] = { "size", "min_ram", "min_disk" };
        json_auto_t *object = object_new("ImageMeta");

        if (!object)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                json_t *value = json_object_get(image, fields[i]);

                if (json_is_string(value))
                        (void) object_set(object, fields[i], json_incref(value), NULL);
        }
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (object_set(object, numbers[i], json_integer(image_meta_integer(image, numbers[i], 0)), NULL) < 0)
                        return NULL;
        if (object_set(object, "properties", image_properties(image), NULL) < 0)
                return NULL;
        object_reset_changes(object, true);
        return TAKE_PTR(object);
}

json_t *create_networks(const NewInstance *n) {
        json_t *items = json_array(), *wanted;
        size_t i;

        if (!n->networks)
                return list_of("NetworkRequestList", items);
        json_array_foreach((json_t *) n->networks, i, wanted) {
                json_t *data = json_pack("{s:O, s:O, s:n, s:n, s:n, s:n, s:n}", "network_id", json_object_get(wanted, "network_id"), "address",
                                         json_object_get(wanted, "address"), "port_id", "pci_request_id", "tag", "arq_uuid", "device_profile");

                if (json_array_append_new(items, object_of("NetworkRequest", data)) < 0) {
                        json_decref(items);
                        return NULL;
                }
        }
        return list_of("NetworkRequestList", items);
}

static json_t *disk(const NewInstance *n, const char *source, int boot_index, const char *guest_format, int64_t size) {
        return object_of("BlockDeviceMapping",
                         json_pack("{s:s, s:s, s:s, s:s?, s:s, s:n, s:i, s:n, s:b, s:n, s:n, s:o, s:o, s:b, s:n, s:n}", "instance_uuid", n->uuid,
                                   "source_type", source, "destination_type", "local", "guest_format", guest_format, "device_type", "disk",
                                   "disk_bus", "boot_index", boot_index, "device_name", "delete_on_termination", 1, "snapshot_id", "volume_id",
                                   "volume_size", size >= 0 ? json_integer(size) : json_null(), "image_id",
                                   boot_index == 0 ? json_string(strempty(json_member_string(n->image, "id"))) : json_null(), "no_device", 0,
                                   "connection_info", "tag"));
}

json_t *create_disks(const NewInstance *n) {
        json_t *items = json_array();
        int r;

        r = json_array_append_new(items, disk(n, "image", 0, NULL, -1));
        if (r >= 0 && n->flavor->ephemeral_gib > 0)
                r = json_array_append_new(items, disk(n, "blank", -1, NULL, n->flavor->ephemeral_gib));
        if (r >= 0 && n->flavor->swap_mib > 0)
                r = json_array_append_new(items, disk(n, "blank", -1, "swap", n->flavor->swap_mib));
        if (r < 0) {
                json_decref(items);
                return NULL;
        }
        return list_of("BlockDeviceMappingList", items);
}

json_t *create_request_spec(const NewInstance *n) {
        const CreateProperties *p = n->properties;
        json_t *group = object_of("SecurityGroup", json_pack("{s:s}", "name", "default"));
        json_auto_t *data = NULL;

        data = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "instance_uuid", n->uuid, "image", image_object(n->image), "flavor",
                         flavor_object(n->flavor), "requested_networks", create_networks(n), "security_groups",
                         list_of("SecurityGroupList", json_pack("[o]", group)), "pci_requests",
                         object_of("InstancePCIRequests", json_pack("{s:s, s:[]}", "instance_uuid", n->uuid, "requests")), "limits",
                         object_of("SchedulerLimits", json_pack("{s:n, s:n, s:n, s:n}", "numa_topology", "vcpu", "disk_gb", "memory_mb")));
        if (!data ||
            add(data, json_pack("{s:s, s:s, s:s?, s:i, s:n, s:n, s:n, s:n, s:n, s:n, s:{}, s:[], s:b}", "project_id", strempty(p->project),
                                "user_id", strempty(p->user), "availability_zone", p->availability_zone, "num_instances", 1, "numa_topology",
                                "ignore_hosts", "force_hosts", "force_nodes", "retry", "instance_group", "scheduler_hints",
                                "requested_resources", "is_bfv", 0)) < 0 ||
            (n->numa && json_object_set_new(data, "numa_topology", json_deep_copy(n->numa)) < 0))
                return NULL;
        return object_of("RequestSpec", TAKE_PTR(data));
}

/* The files of a config drive, in all versions that guests ask for. See config-drive.h. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "objects/instance-object.h"
#include "virt/libvirt/config-drive.h"

#define RANDOM_SEED 512
#define INJECTED_MAX 1000

/* Versions of OpenStack's metadata and what came with them, the oldest first; guests take the newest they know. */
typedef enum Release { FOLSOM, GRIZZLY, HAVANA, LIBERTY, NEWTON_ONE, NEWTON_TWO, OCATA, ROCKY, VICTORIA, LATEST, _RELEASE_MAX } Release;
static const char *const releases[_RELEASE_MAX] = {
        [FOLSOM] = "2012-08-10",     [GRIZZLY] = "2013-04-04",    [HAVANA] = "2013-10-17", [LIBERTY] = "2015-10-15",
        [NEWTON_ONE] = "2016-06-30", [NEWTON_TWO] = "2016-10-06", [OCATA] = "2017-02-22",  [ROCKY] = "2018-08-27",
        [VICTORIA] = "2020-10-14",   [LATEST] = "latest",
};
static const char *const ec2_versions[] = { "2009-04-04", "latest" };

void drive_content_done(DriveContent *c) {
        for (size_t i = 0; i < c->n; i++) {
                free(c->files[i].path);
                if (c->files[i].data)
                        explicit_bzero(c->files[i].data, c->files[i].size);
                free(c->files[i].data);
        }
        free(c->files);
        *c = (DriveContent){};
}

static int out_of_memory(NovaException *e) {
        return exception_set_errno(e, -ENOMEM, "Making a config drive");
}

static int add(DriveContent *c, const char *data, size_t size, NovaException *e, const char *format, ...) _printf_(5, 6);
static int add(DriveContent *c, const char *data, size_t size, NovaException *e, const char *format, ...) {
        DriveFile *more = reallocarray(c->files, c->n + 1, sizeof *more), *f;
        va_list args;
        int r;

        if (!more)
                return out_of_memory(e);
        c->files = more;
        f = &c->files[c->n++];
        *f = (DriveFile){};
        va_start(args, format);
        r = vasprintf(&f->path, format, args);
        va_end(args);
        if (r < 0) {
                f->path = NULL;
                return out_of_memory(e);
        }
        f->data = malloc(size + 1);
        if (!f->data)
                return out_of_memory(e);
        memcpy(f->data, data, size);
        f->data[size] = '\0';
        f->size = size;
        return 0;
}

static int add_json(DriveContent *c, const json_t *value, NovaException *e, const char *format, const char *a, const char *b) {
        _cleanup_free_ char *text = value ? json_dumps(value, JSON_SORT_KEYS) : NULL, *path = NULL;
        int r;

        if (!text || asprintf(&path, "%s/%s/%s", format, a, b) < 0)
                return out_of_memory(e);
        r = add(c, text, strlen(text), e, "%s", path);
        explicit_bzero(text, strlen(text));
        return r;
}

/* The keys that a user may log in with: of the list, else the one that Essex had. */
static int set_keys(const Instance *i, json_t *meta) {
        const char *key_name = instance_text(i, "key_name"), *data = instance_text(i, "key_data"), *type = "ssh";
        const json_t *pair = json_array_get(instance_keypairs(i), 0), *fields;

        fields = json_object_get(pair, "nova_object.data") ?: pair;
        if (isempty(key_name))
                return 0;
        if (json_member_string(fields, "public_key")) {
                data = json_member_string(fields, "public_key");
                key_name = json_member_string(fields, "name") ?: key_name;
                type = json_member_string(fields, "type") ?: type;
        }
        if (isempty(data))
                return 0;
        return json_object_update_new(meta, json_pack("{s:{s:s}, s:[{s:s, s:s, s:s}]}", "public_keys", key_name, data, "keys", "name", key_name,
                                                      "type", type, "data", data));
}

static json_t *random_seed(void) {
        _cleanup_free_ char *text = NULL;
        uint8_t seed[RANDOM_SEED];

        if (getrandom(seed, sizeof seed, 0) != (ssize_t) sizeof seed)
                return NULL;
        text = base64_encode(seed, sizeof seed);
        return text ? json_string(text) : NULL;
}

static json_t *text_or_null(const Instance *i, const char *field, const char *ours) {
        return json_string_or_null(ours ?: instance_text(i, field));
}

static json_t *host_name(const Instance *i, const char *domain) {
        const char *name = i->hostname ?: instance_text(i, "hostname");

        if (!name)
                return json_null();
        return isempty(domain) ? json_string(name) : json_sprintf("%s.%s", name, domain);
}

static json_t *meta_data(const DiskRequest *q, Release release, const char *domain, json_t *files) {
        const Instance *i = q->instance;
        const json_t *metadata = instance_metadata(i);
        json_auto_t *meta = json_pack("{s:s, s:o, s:o, s:I, s:o}", "uuid", i->uuid, "hostname", host_name(i, domain), "name",
                                      text_or_null(i, "display_name", i->display_name), "launch_index",
                                      (json_int_t) instance_number(i, "launch_index", 0), "availability_zone",
                                      text_or_null(i, "availability_zone", i->availability_zone));

        if (!meta || set_keys(i, meta) < 0)
                return NULL;
        if (json_object_size(metadata) > 0 && json_object_set(meta, "meta", (json_t *) metadata) < 0)
                return NULL;
        if (json_array_size(files) > 0 && json_object_set(meta, "files", files) < 0)
                return NULL;
        if (!isempty(q->admin_password) && json_object_set_new(meta, "admin_pass", json_string(q->admin_password)) < 0)
                return NULL;
        if (release >= GRIZZLY && json_object_set_new(meta, "random_seed", random_seed()) < 0)
                return NULL;
        if (release >= LIBERTY && json_object_set_new(meta, "project_id", text_or_null(i, "project_id", i->project_id)) < 0)
                return NULL;
        if (release >= NEWTON_ONE && json_object_set_new(meta, "devices", json_array()) < 0)
                return NULL;
        if (release >= VICTORIA && json_object_set_new(meta, "dedicated_cpus", json_array()) < 0)
                return NULL;
        return TAKE_PTR(meta);
}

/* The first address of a kind in Nova's list of VIFs, "" if none. */
static const char *first_address(const json_t *network_info, bool floating) {
        const json_t *vif, *subnet, *ip;
        size_t n, m, k;

        json_array_foreach(network_info, n, vif)
                json_array_foreach(json_object_get(json_object_get(vif, "network"), "subnets"), m, subnet)
                        json_array_foreach(json_object_get(subnet, "ips"), k, ip) {
                                const char *address = json_member_string(ip, "address");

                                if (floating)
                                        address = json_member_string(json_array_get(json_object_get(ip, "floating_ips"), 0), "address");
                                if (address && !strchr(address, ':'))
                                        return address;
                        }
        return "";
}

/* The data of the n-th of a list object, or of a list. */
static const json_t *nth(const json_t *list, size_t n) {
        const json_t *objects = json_is_array(list) ? list : json_object_get(list, "objects");
        const json_t *item = json_array_get(objects, n);

        return json_object_get(item, "nova_object.data") ?: item;
}

static json_t *security_groups(const Instance *i) {
        const json_t *list = instance_nested(i, "security_groups"), *item;
        json_t *names = json_array();

        if (!list)
                list = instance_field(i, "security_groups");
        for (size_t n = 0; (item = nth(list, n)); n++) {
                const char *name = json_is_string(item) ? json_string_value(item) : json_member_string(item, "name");

                if (name)
                        (void) json_array_append_new(names, json_string(name));
        }
        return names;
}

static json_t *ec2_meta_data(const DiskRequest *q, const char *domain) {
        const Instance *i = q->instance;
        const json_t *ids = instance_nested(i, "ec2_ids");
        const char *root = instance_text(i, "root_device_name") ?: "/dev/vda", *key_data = instance_text(i, "key_data");
        json_auto_t *meta = NULL;

        meta = json_pack("{s:o, s:I, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:{s:s, s:s}, s:{s:o}, s:s}",
                         "ami-id", json_string_or_null(json_member_string(ids, "ami_id")),
                         "ami-launch-index", (json_int_t) instance_number(i, "launch_index", 0),
                         "ami-manifest-path", "FIXME",  /* this is what every cloud of Nova says */
                         "instance-id", json_string_or_null(json_member_string(ids, "instance_id")),
                         "hostname", host_name(i, domain),
                         "local-ipv4", first_address(q->network_info, false),
                         "reservation-id", text_or_null(i, "reservation_id", NULL),
                         "security-groups", security_groups(i),
                         "local-hostname", host_name(i, domain),
                         "public-hostname", host_name(i, domain),
                         "public-ipv4", first_address(q->network_info, true),
                         "instance-type", json_string_or_null(i->flavor_name),
                         "block-device-mapping", "ami", startswith(root, "/dev/") ?: root, "root", root,
                         "placement", "availability-zone", text_or_null(i, "availability_zone", i->availability_zone),
                         "instance-action", "none");
        if (!meta)
                return NULL;
        if (!isempty(key_data) && json_object_set_new(meta, "public-keys", json_pack("{s:{s:s}}", "0", "openssh-key", key_data)) < 0)
                return NULL;
        if (json_member_string(ids, "kernel_id") && json_object_set(meta, "kernel-id", json_object_get(ids, "kernel_id")) < 0)
                return NULL;
        if (json_member_string(ids, "ramdisk_id") && json_object_set(meta, "ramdisk-id", json_object_get(ids, "ramdisk_id")) < 0)
                return NULL;
        return TAKE_PTR(meta);
}

/* content/0000 and so on, and what meta_data.json says of them. */
static int add_injected(const DiskRequest *q, DriveContent *c, json_t *files, NovaException *e) {
        json_t *file;
        size_t n;

        if (json_array_size(q->injected_files) > INJECTED_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %zu injected files", json_array_size(q->injected_files));
        json_array_foreach(q->injected_files, n, file) {
                const char *path = json_string_value(json_array_get(file, 0)), *text = json_string_value(json_array_get(file, 1));
                _cleanup_free_ char *data = NULL;
                size_t size;
                int r;

                if (!path || !text)
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: injected file %zu is no path with content", n);
                r = base64_decode(text, &data, &size);
                if (r == -EINVAL)
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: injected file %.200s is no base64", path);
                if (r < 0)
                        return out_of_memory(e);
                r = add(c, data, size, e, "openstack/content/%04zu", n);
                explicit_bzero(data, size);
                if (r < 0)
                        return r;
                if (json_array_append_new(files, json_pack("{s:s, s:o}", "path", path, "content_path", json_sprintf("/content/%04zu", n))) < 0)
                        return out_of_memory(e);
        }
        return 0;
}

int drive_content_make(const DiskRequest *q, const char *domain, DriveContent *ret, NovaException *e) {
        _cleanup_(drive_content_done) DriveContent c = {};
        json_auto_t *files = json_array(), *network = drive_network_data(q->network_info), *nothing = json_object(), *ec2 = NULL;
        const char *encoded = instance_user_data(q->instance);
        _cleanup_free_ char *user_data = NULL;
        size_t size = 0;
        int r;

        ec2 = ec2_meta_data(q, domain);
        if (!files || !network || !nothing || !ec2)
                return out_of_memory(e);
        if (!isempty(encoded)) {
                r = base64_decode(encoded, &user_data, &size);
                if (r == -EINVAL)
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: user data of instance %s is no base64", q->instance->uuid);
                if (r < 0)
                        return out_of_memory(e);
        }
        r = add_injected(q, &c, files, e);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(ec2_versions); i++) {
                r = add_json(&c, ec2, e, "ec2", ec2_versions[i], "meta-data.json");
                if (r >= 0 && user_data)
                        r = add(&c, user_data, size, e, "ec2/%s/user-data", ec2_versions[i]);
        }
        for (Release release = 0; r >= 0 && release < _RELEASE_MAX; release++) {
                json_auto_t *meta = meta_data(q, release, domain, files);

                r = add_json(&c, meta, e, "openstack", releases[release], "meta_data.json");
                if (r >= 0 && user_data)
                        r = add(&c, user_data, size, e, "openstack/%s/user_data", releases[release]);
                if (r >= 0 && release >= HAVANA)
                        r = add_json(&c, nothing, e, "openstack", releases[release], "vendor_data.json");
                if (r >= 0 && release >= LIBERTY)
                        r = add_json(&c, network, e, "openstack", releases[release], "network_data.json");
                if (r >= 0 && release >= NEWTON_TWO)
                        r = add_json(&c, nothing, e, "openstack", releases[release], "vendor_data2.json");
        }
        if (r < 0)
                return r;
        *ret = c;
        c = (DriveContent){};
        return 0;
}

/* What a build asks for: see build.h. All of it is a stranger's, and checked before anything is made. */
#include "compute/build.h"

#include <inttypes.h>

#include "basic/json.h"
#include "objects/instance-object.h"

#define DATA "nova_object.data"
#define SIZE_MAX_NOVA 0x7fffffff        /* what Nova's columns of sizes hold */
#define GIB (INT64_C(1) << 30)

void build_request_done(BuildRequest *q) {
        json_decref(q->image_meta);
        json_decref(q->block_device_info);
        *q = (BuildRequest) {};
}

/* The items of a list object, or of a plain list. */
static const json_t *items_of(const json_t *list) {
        return json_is_array(list) ? list : json_object_get(json_object_get(list, DATA), "objects");
}

static const json_t *fields_of(const json_t *object) {
        const json_t *data = json_object_get(object, DATA);

        return data ? data : object;
}

static int invalid(NovaException *e, const char *what, int64_t value, const char *wanted) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s is %" PRId64 ", but %s", what, value, wanted);
}

static int check_flavor(const Instance *i, NovaException *e) {
        const struct {
                const char *name;
                int64_t value, least;
        } sizes[] = {
                { "memory_mb", i->memory_mb, 1 },       { "vcpus", i->vcpus, 1 }, { "root_gb", i->root_gb, 0 },
                { "ephemeral_gb", i->ephemeral_gb, 0 }, { "swap", i->swap_mb, 0 },
        };

        for (size_t n = 0; n < ELEMENTSOF(sizes); n++) {
                if (sizes[n].value < sizes[n].least)
                        return invalid(e, sizes[n].name, sizes[n].value, sizes[n].least > 0 ? "must be a positive integer"
                                                                                            : "must not be negative");
                if (sizes[n].value > SIZE_MAX_NOVA)
                        return invalid(e, sizes[n].name, sizes[n].value, "may be at most 2147483647");
        }
        return 0;
}

/* A number of the dictionary, which peers also send as text. */
static int64_t image_number(const json_t *image, const char *key) {
        const json_t *v = json_object_get(image, key);
        const char *text = json_string_value(v);

        if (json_is_integer(v))
                return json_integer_value(v);
        return !isempty(text) && strlen(text) < 18 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
}

/* What Nova's API checks of image and flavor before it sends. */
static int check_image(const json_t *image, const Instance *i, NovaException *e) {
        const char *status = json_member_string(image, "status"), *id = strempty(json_member_string(image, "id"));
        int64_t size = image_number(image, "size"), min_disk = image_number(image, "min_disk");
        int r;

        if (status && !streq(status, "active")) {
                r = exception_setf(e, EXC_IMAGE_NOT_ACTIVE, "Image %s is not active.", id);
                exception_kwarg(e, "image_id", json_string(id));
                return r;
        }
        if (image_number(image, "min_ram") > i->memory_mb)
                return exception_setf(e, EXC_FLAVOR_MEMORY_TOO_SMALL, "Flavor's memory is too small for requested image.");
        /* A root disk of no size is as large as the image. */
        if (i->root_gb == 0 || i->volume_backed)
                return 0;
        if (size > i->root_gb * GIB)
                return exception_setf(e, EXC_FLAVOR_DISK_SMALLER_THAN_IMAGE,
                                      "Flavor's disk is too small for requested image. Flavor disk is %" PRId64
                                      " bytes, image is %" PRId64 " bytes.", i->root_gb * GIB, size);
        if (min_disk > i->root_gb)
                return exception_setf(e, EXC_FLAVOR_DISK_SMALLER_THAN_MIN_DISK,
                                      "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %"
                                      PRId64 " bytes, minimum size is %" PRId64 " bytes.", i->root_gb * GIB,
                                      min_disk > INT64_MAX / GIB ? INT64_MAX : min_disk * GIB);
        return 0;
}

static bool is_base64(const char *text) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t n = 0, pad = 0;

        for (; *text; text++) {
                if (strchr(" \t\r\n", *text))
                        continue;
                if (*text == '=')
                        pad++;
                else if (pad > 0 || !strchr(alphabet, *text))
                        return false;
                n++;
        }
        return pad <= 2 && n % 4 == 0;
}

static int check_files(const json_t *files, NovaException *e) {
        const json_t *file;
        size_t n;

        json_array_foreach(files, n, file) {
                const char *path = json_string_value(json_array_get(file, 0));
                const char *contents = json_string_value(json_array_get(file, 1));

                if (isempty(path) || !contents || json_array_size(file) != 2)
                        return exception_setf(e, EXC_INVALID_INPUT,
                                              "Invalid input received: injected_files[%zu] is not a path and base64", n);
                if (!is_base64(contents))
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid Base 64 data for file %.200s", path);
        }
        return 0;
}

/* Disks that are made here are of the flavor; others are a volume service's. */
static int read_disk(const json_t *bdm, const Instance *i, json_t *ephemerals, json_t **swap, NovaException *e) {
        const char *source = strempty(json_member_string(bdm, "source_type"));
        const char *destination = strempty(json_member_string(bdm, "destination_type"));
        json_t *disk;
        int r;

        if (json_member_boolean(bdm, "no_device", false))
                return 0;
        if (streq(destination, "volume") || streq(source, "volume") || streq(source, "snapshot") ||
            (json_is_string(json_object_get(bdm, "volume_id")))) {
                r = exception_setf(e, EXC_BUILD_ABORT,
                                   "Build of instance %s aborted: Connection to cinder host failed: no volume service is configured",
                                   i->uuid);
                exception_kwarg(e, "instance_uuid", json_string(i->uuid));
                return r;
        }
        if (!streq(source, "blank"))
                return 0;
        disk = json_pack("{s:s?, s:s?, s:s?, s:s?}", "device_name", json_member_string(bdm, "device_name"), "guest_format",
                         json_member_string(bdm, "guest_format"), "disk_bus", json_member_string(bdm, "disk_bus"), "device_type",
                         json_member_string(bdm, "device_type"));
        if (!disk)
                return -ENOMEM;
        if (streq(strempty(json_member_string(bdm, "guest_format")), "swap")) {
                json_decref(*swap);
                *swap = disk;
                r = json_object_set_new(disk, "swap_size", json_integer(json_member_integer(bdm, "volume_size", i->swap_mb)));
        } else {
                r = json_object_set_new(disk, "size", json_integer(json_member_integer(bdm, "volume_size", i->ephemeral_gb)));
                if (json_array_append_new(ephemerals, disk) < 0)
                        r = -ENOMEM;
        }
        return r < 0 ? -ENOMEM : 0;
}

static const char *root_device(const Instance *i) {
        const char *given = instance_text(i, "root_device_name");
        const char *bus = strempty(instance_image_property(i, "hw_disk_bus"));

        if (!isempty(given))
                return given;
        if (streq(bus, "ide"))
                return "/dev/hda";
        return streq(bus, "scsi") || streq(bus, "sata") || streq(bus, "usb") ? "/dev/sda" : "/dev/vda";
}

static int read_disks(const json_t *bdms, const Instance *i, json_t **ret, NovaException *e) {
        json_auto_t *ephemerals = json_array(), *swap = NULL;
        const json_t *bdm;
        size_t n;
        int r;

        if (!ephemerals)
                return -ENOMEM;
        json_array_foreach(items_of(bdms), n, bdm) {
                r = read_disk(fields_of(bdm), i, ephemerals, &swap, e);
                if (r < 0)
                        return r;
        }
        *ret = json_pack("{s:s, s:O, s:O?, s:[]}", "root_device_name", root_device(i), "ephemerals", ephemerals, "swap", swap,
                         "block_device_mapping");
        return *ret ? 0 : -ENOMEM;
}

/* NetworkRequestList of one request whose network is "none". */
static bool wants_no_network(const json_t *requested) {
        const json_t *items = items_of(requested);
        const char *id = json_member_string(fields_of(json_array_get(items, 0)), "network_id");

        return json_array_size(items) == 1 && id && streq(id, "none");
}

int build_request_read(const json_t *args, const Instance *i, BuildRequest *ret, NovaException *e) {
        _cleanup_(build_request_done) BuildRequest q = {
                .injected_files = json_object_get(args, "injected_files"),
                .admin_password = json_member_string(args, "admin_password"),
                .requested_networks = json_object_get(args, "requested_networks"),
                .limits = json_object_get(args, "limits"),
                .node = json_member_string(args, "node"),
        };
        json_t *image = json_object_get(args, "image");
        int r;

        r = check_flavor(i, e);
        if (r >= 0 && json_object_size(image) > 0)
                r = check_image(image, i, e);
        if (r >= 0)
                r = check_files(q.injected_files, e);
        if (r >= 0)
                r = read_disks(json_object_get(args, "block_device_mapping"), i, &q.block_device_info, e);
        if (r < 0)
                return r;
        q.image_meta = json_object_size(image) > 0 ? json_incref(image) : image_meta_from_instance(i);
        if (!q.image_meta)
                return -ENOMEM;
        q.no_network = wants_no_network(q.requested_networks);
        *ret = q;
        q = (BuildRequest) {};
        return 0;
}

/* ---- the row ---- */

/* Essex's scheduler sends the row that its API made, and the flavor, beside the uuid; they are Nova's columns by name. */
static json_t *essex_primitive(const json_t *spec, const char *uuid) {
        json_t *properties = json_object_get(spec, "instance_properties"), *type = json_object_get(spec, "instance_type");
        static const char *const sizes[] = { "memory_mb", "vcpus", "root_gb", "ephemeral_gb" };
        json_auto_t *data = NULL;
        json_t *flavor;

        if (!json_is_object(properties))
                return NULL;
        data = json_copy(properties);
        if (!data || json_object_set_new(data, "uuid", json_string(uuid)) < 0)
                return NULL;
        /* Associations are lists of rows there. */
        (void) json_object_del(data, "system_metadata");
        if (!json_is_object(json_object_get(data, "metadata")))
                (void) json_object_del(data, "metadata");
        (void) json_object_del(data, "security_groups");
        (void) json_object_del(data, "info_cache");
        if (json_is_object(type)) {
                for (size_t n = 0; n < ELEMENTSOF(sizes); n++)
                        if (!json_object_get(data, sizes[n]) && json_object_get(type, sizes[n]))
                                (void) json_object_set(data, sizes[n], json_object_get(type, sizes[n]));
                flavor = json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", "Flavor", "nova_object.namespace", "nova",
                                   "nova_object.version", "1.2", DATA, json_copy(type));
                if (!json_is_object(json_object_get(type, "extra_specs")))
                        (void) json_object_del(json_object_get(flavor, DATA), "extra_specs");
                if (!flavor || json_object_set_new(data, "flavor", flavor) < 0)
                        return NULL;
        }
        return json_pack("{s:s, s:s, s:s, s:O}", "nova_object.name", "Instance", "nova_object.namespace", "nova",
                         "nova_object.version", "2.7", DATA, data);
}

int build_new_instance(ComputeManager *m, const json_t *args, const char *uuid, Instance *ret, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(instance_done) Instance i = {};
        const json_t *object = json_object_get(args, "instance");
        json_auto_t *made = NULL;
        int r;

        if (!json_is_object(object)) {
                object = made = essex_primitive(json_object_get(args, "request_spec"), uuid);
                if (!object) {
                        r = exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid);
                        exception_kwarg(e, "instance_id", json_string(uuid));
                        return r;
                }
        }
        r = instance_from_object(object, &i, e);
        if (r < 0)
                return r;

        /* What a new instance is, whatever its sender thought. */
        i.vm_state = VM_BUILDING;
        i.task_state = TASK_SCHEDULING;
        i.power_state = POWER_NOSTATE;
        i.launched_at = i.terminated_at = i.deleted_at = 0;
        i.deleted = i.cleaned = false;
        free(i.host);
        free(i.node);
        free(i.launched_on);
        i.host = i.node = i.launched_on = NULL;
        /* The name is made of the number, which the store gives one without. */
        if (i.id != 0) {
                r = instance_name_fill(&i, strempty(config_string(config, "instance_name_template")), e);
                if (r < 0)
                        return r;
        }
        *ret = i;
        i = (Instance) {};
        return 0;
}

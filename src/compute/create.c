/* From properties to the request of a build: what this host knows is looked up, and all that the build would refuse is refused
 * here already, before anything is accepted. On a worker; changes nothing. See create.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/create.h"

#include "basic/json.h"
#include "compute/build.h"
#include "compute/flavor.h"
#include "compute/host.h"
#include "compute/numa-constraints.h"
#include "image/image.h"
#include "network/declared.h"

#define SHOWN_MAX 60
#define CUSTOM_FLAVOR "custom"          /* of sizes that are no flavor's */

/* ---- the image ---- */

static int image_ambiguous(const char *name, size_t n, NovaException *e) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: image '%.*s' is the name of %zu images: say which by its id",
                              SHOWN_MAX, name, n);
}

/* A snapshot holds what was on somebody's disk: it is for instances of its project. What nobody's instance was made into is for all. */
static bool is_for(const json_t *image, const char *project) {
        const char *owner = image_meta_property(image, "owner_id");

        return !owner || !project || streq(owner, project);
}

/* The only one of that name. 1, 0, -errno. */
static int find_by_name(ImageService *images, const char *name, const char *project, json_t **ret, NovaException *e) {
        json_auto_t *all = NULL;
        json_t *image, *found = NULL;
        size_t n, n_found = 0;
        int r;

        r = image_service_list(images, &all, e);
        if (r < 0)
                return r;
        json_array_foreach(all, n, image)
                if (streq(strempty(json_member_string(image, "name")), name) && is_for(image, project)) {
                        found = image;
                        n_found++;
                }
        if (n_found > 1)
                return image_ambiguous(name, n_found, e);
        if (found)
                *ret = json_incref(found);
        return found != NULL;
}

static int image_not_found(const char *id, NovaException *e) {
        int r = exception_setf(e, EXC_IMAGE_NOT_FOUND, "Image %.*s could not be found.", SHOWN_MAX, id);

        exception_kwarg(e, "image_id", json_string(id));
        return r;
}

int create_find_image(const Config *config, const char *wanted, const char *project, json_t **ret, NovaException *e) {
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *image = NULL;
        int r;

        r = image_service_new(&images, config, e);
        if (r < 0)
                return r;
        r = image_service_show(images, wanted, &image, &x);
        if (r >= 0 && is_for(image, project)) {
                *ret = TAKE_PTR(image);
                return 0;
        }
        if (r < 0 && !exception_is(&x, EXC_IMAGE_NOT_FOUND)) {
                exception_move(e, &x);
                return r;
        }
        r = find_by_name(images, wanted, project, ret, e);
        return r == 0 ? image_not_found(wanted, e) : MIN(r, 0);
}

/* ---- the networks ---- */

static int network_not_found(NovaException *e, const char *name) {
        int r = exception_setf(e, EXC_NETWORK_NOT_FOUND, "Network %.*s could not be found.", SHOWN_MAX, name);

        exception_kwarg(e, "network_id", json_string(name));
        return r;
}

static int check_address(const DeclaredNetwork *network, const char *text, NovaException *e) {
        IpAddress address;
        int r;

        if (!*text || (ip_parse(text, &address) >= 0 && network_subnet_of(network, &address)))
                return 0;
        r = exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: fixed IP %s is not of network %s", text, network->name);
        return r;
}

/* Names become ids; a network service finds its own. */
static int resolve_network(const NetworkTable *table, bool local, const char *name, const char *address, json_t *to, NovaException *e) {
        const DeclaredNetwork *network = NULL;
        const char *id = name;
        int r;

        if (local && !streq(name, "none") && !streq(name, "auto")) {
                network = network_table_find(table, name);
                if (!network)
                        return network_not_found(e, name);
                r = check_address(network, address, e);
                if (r < 0)
                        return r;
                id = network->id;
        }
        return json_array_append_new(to, json_pack("{s:s, s:s?}", "network_id", id, "address", *address ? address : NULL)) < 0 ? -ENOMEM : 0;
}

static int resolve_networks(ComputeManager *m, const Config *config, const CreateProperties *p, json_t **ret, NovaException *e) {
        _cleanup_(network_table_done) NetworkTable table = {};
        bool local = network_api_is_local(m->network_api);
        json_auto_t *items = json_array();
        const json_t *name;
        size_t n;
        int r;

        r = local ? network_table_read(&table, config, e) : 0;
        if (r < 0)
                return r;
        if (!p->networks) {
                if (local && table.n > 1)
                        return exception_setf(e, EXC_NETWORK_AMBIGUOUS, "More than one possible network found. Specify network ID(s) to "
                                              "select which one(s) to connect to.");
                *ret = NULL;
                return 0;
        }
        if (json_array_size(p->networks) == 0)
                r = resolve_network(&table, local, "none", "", items, e);
        json_array_foreach(p->networks, n, name) {
                if (r < 0)
                        break;
                r = resolve_network(&table, local, json_string_value(name), strempty(json_string_value(json_array_get(p->fixed_ips, n))), items, e);
        }
        if (r >= 0)
                *ret = TAKE_PTR(items);
        return r;
}

/* ---- the whole ---- */

static int check_zone(const Config *config, const CreateProperties *p, const char **ret, NovaException *e) {
        const char *ours = strempty(config_string(config, "node_availability_zone"));

        if (p->availability_zone && !streq(p->availability_zone, ours))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: availability_zone is '%.*s', but this host is of '%s'",
                                      SHOWN_MAX, p->availability_zone, ours);
        *ret = ours;
        return 0;
}

static int find_flavor(const FlavorTable *table, const CreateProperties *p, Flavor *custom, const Flavor **ret, NovaException *e) {
        int r;

        if (!p->flavor) {
                *custom = (Flavor) {
                        .name = (char *) CUSTOM_FLAVOR,
                        .vcpus = p->vcpus,
                        .memory_mib = p->memory_mib,
                        .disk_gib = p->disk_gib,
                        .ephemeral_gib = MAX(p->ephemeral_gib, 0),
                        .swap_mib = MAX(p->swap_mib, 0),
                        .extra_specs = json_object(),
                };
                *ret = custom;
                return custom->extra_specs ? 0 : -ENOMEM;
        }
        *ret = flavor_table_find(table, p->flavor);
        if (*ret)
                return 0;
        r = exception_setf(e, EXC_FLAVOR_NOT_FOUND, "Flavor %.*s could not be found.", SHOWN_MAX, p->flavor);
        exception_kwarg(e, "flavor_id", json_string(p->flavor));
        return r;
}

static int check_new(ComputeManager *m, const char *uuid, NovaException *e) {
        _cleanup_(instance_done) Instance known = {};
        int r;

        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_YES, &known);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read the instance");
        if (r == 0)
                return 0;
        r = exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", uuid);
        exception_kwarg(e, "name", json_string(uuid));
        return r;
}

/* What the build itself will check, of the very arguments it will get. */
static int check_as_build(ComputeManager *m, const json_t *args, const char *uuid, NovaException *e) {
        _cleanup_(build_request_done) BuildRequest request = {};
        _cleanup_(instance_done) Instance i = {};
        int r;

        r = build_new_instance(m, args, uuid, &i, e);
        return r < 0 ? r : build_request_read(args, &i, &request, e);
}

/* As Nova's API works it out of flavor and image. */
static int want_numa(const NewInstance *n, json_t **ret, NovaException *e) {
        _cleanup_(guest_topology_done) GuestTopology t = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = numa_constraints(n->flavor->extra_specs, json_object_get(n->image, "properties"), n->flavor->vcpus, n->flavor->memory_mib, &t, e);
        if (r <= 0)
                return r;
        text = guest_topology_text(&t);
        return text ? json_parse(text, strlen(text), ret, NULL, 0) : -ENOMEM;
}

static int make(ComputeManager *m, const CreateProperties *p, const NewInstance *n, json_t **ret, NovaException *e) {
        json_auto_t *args = NULL;
        int r;

        args = json_pack("{s:o, s:O, s:o, s:{}, s:s?, s:[], s:o, s:[s], s:o, s:n, s:{}, s:[], s:[]}", "instance", create_instance_object(n),
                         "image", n->image, "request_spec", create_request_spec(n), "filter_properties", "admin_password", p->admin_password,
                         "injected_files", "requested_networks", create_networks(n), "security_groups", "default", "block_device_mapping",
                         create_disks(n), "node", "limits", "host_list", "accel_uuids");
        if (!args)
                return -ENOMEM;
        r = check_as_build(m, args, n->uuid, e);
        if (r >= 0)
                *ret = TAKE_PTR(args);
        return r;
}

int compute_run_make_build_request(Operation *o, json_t **ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(flavor_table_done) FlavorTable flavors = {};
        json_auto_t *image = NULL, *networks = NULL, *keypair = NULL, *numa = NULL;
        char uuid[UUID_TEXT_MAX];
        CreateProperties p;
        Flavor custom = {};
        NewInstance n = { .properties = &p, .uuid = uuid };
        int r;

        r = create_properties_read(json_object_get(o->args, "properties"), &p, e);
        if (r >= 0)
                r = check_zone(config, &p, &n.zone, e);
        if (r >= 0)
                r = flavor_table_read(&flavors, config, e);
        if (r >= 0)
                r = find_flavor(&flavors, &p, &custom, &n.flavor, e);
        if (r >= 0 && p.uuid)
                r = check_new(m, p.uuid, e);
        if (r >= 0)
                r = resolve_networks(m, config, &p, &networks, e);
        if (r >= 0)
                r = create_find_image(config, p.image, strempty(p.project), &image, e);
        if (r >= 0 && p.public_key)
                r = create_keypair(p.key_name ? p.key_name : "key", p.public_key, strempty(p.user), &keypair, e);
        if (r >= 0) {
                (void) uuid4(uuid);
                for (size_t i = 0; p.uuid && i < UUID_TEXT_MAX; i++)
                        uuid[i] = (char) (p.uuid[i] >= 'A' && p.uuid[i] <= 'F' ? p.uuid[i] + 'a' - 'A' : p.uuid[i]);
                n.image = image;
                n.networks = networks;
                n.keypair = keypair;
                r = want_numa(&n, &numa, e);
                n.numa = numa;
                if (r >= 0)
                        r = make(m, &p, &n, ret, e);
        }
        json_decref(custom.extra_specs);
        return r;
}

int compute_run_find_image(Operation *o, json_t **ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        return create_find_image(config, strempty(json_member_string(o->args, "image")), json_member_string(o->args, "project"), ret, e);
}

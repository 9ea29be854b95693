/* The build (zed 6.2, 6.3): claim, network, guest, step by step, and each step undone when a later one fails. The role `local`
 * has nobody to try another host: an instance that cannot be built here ends in error, with a fault that says why. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/build.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/claims.h"
#include "compute/instance-methods.h"
#include "compute/spawn-hooks.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"

/* In system_metadata. */
#define HALF_BUILT "half_built"
#define BUILD_BEGUN "build_begun"       /* of one without host: a guest that is there is of its build */

typedef struct Build {
        InstanceCall *call;
        json_t *args;                   /* the call's, with their objects read */
        BuildRequest request;
        Claim *claim;
        json_t *network_info;           /* allocated; NULL = not yet */
        bool networks;                  /* an allocation was begun: what it may have made is given back */
        bool spawned;                   /* the driver was asked: a guest may be there */
} Build;

static void build_done(Build *b) {
        build_request_done(&b->request);
        json_decref(b->args);
        (void) claim_end(b->claim);
        json_decref(b->network_info);
}

/* ---- what is made ---- */

static int save_task(InstanceCall *c, TaskState task, const TaskState *expected, NovaException *e) {
        c->i->task_state = task;
        return instance_call_save(c, expected, e);
}

/* Whose build it is (the drivers of some clouds ask), as Nova keeps it. */
static int note_roles(InstanceCall *c) {
        json_auto_t *values = context_safe_dict(c->context);
        _cleanup_free_ char *text = NULL;
        const json_t *role;
        size_t n, size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        json_array_foreach(json_object_get(values, "roles"), n, role)
                fprintf(f, "%s%s", n > 0 ? "," : "", strempty(json_string_value(role)));
        if (fclose(f) != 0)
                return -ENOMEM;
        return instance_system_metadata_set(c->i, "boot_roles", text);
}

static int allocate_networks(Build *b, NovaException *e) {
        InstanceCall *c = b->call;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r = 0;

        if (b->request.no_network || network_is_stub(c->manager))
                b->network_info = json_array();
        else {
                b->networks = true;
                r = network_api_allocate_for_instance(c->manager->network_api, c->context, c->i, false,
                                                      b->request.requested_networks, &b->network_info, &x);
        }
        if (r < 0 && failure_is(&x, EXC_NO_MORE_FIXED_IPS)) {
                r = exception_setf(e, EXC_BUILD_ABORT, "Build of instance %s aborted: %s", c->i->uuid, strempty(x.message));
                exception_kwarg(e, "instance_uuid", json_string(c->i->uuid));
                exception_kwarg(e, "reason", json_string(strempty(x.message)));
                return r;
        }
        if (r < 0) {
                exception_move(e, &x);
                return r;
        }
        if (!json_is_array(b->network_info)) {
                json_decref(b->network_info);
                b->network_info = json_array();
        }
        free(c->i->network_info);
        c->i->network_info = json_text(b->network_info);
        return c->i->network_info ? 0 : -ENOMEM;
}

static int spawn(Build *b, NovaException *e) {
        InstanceCall *c = b->call;
        SpawnHooks hooks;
        int r;

        b->spawned = true;
        r = spawn_hooks_init(&hooks, c, b->network_info);
        if (r >= 0)
                r = compute_network_plug(c->manager, c->i, b->network_info, e);
        if (r >= 0)
                r = driver_call(c->manager, spawn, e, c->context, c->i, b->request.image_meta, b->request.injected_files,
                                b->request.admin_password, b->network_info, b->request.block_device_info, &hooks.hooks);
        spawn_hooks_done(&hooks);
        return r;
}

/* The first addresses of the network that the operator names. */
static int set_access_addresses(InstanceCall *c, const json_t *network_info) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        const char *name = config_string(config, "default_access_ip_network_name");
        const json_t *vif, *subnet;
        size_t n, k;
        int r = 0;

        if (isempty(name) || !isempty(instance_text(c->i, "access_ip_v4")) || !isempty(instance_text(c->i, "access_ip_v6")))
                return 0;
        json_array_foreach(network_info, n, vif) {
                const json_t *network = json_object_get(vif, "network");

                if (!streq(strempty(json_member_string(network, "label")), name))
                        continue;
                json_array_foreach(json_object_get(network, "subnets"), k, subnet) {
                        const json_t *ip = json_array_get(json_object_get(subnet, "ips"), 0);
                        const char *address = json_member_string(ip, "address");

                        if (r >= 0 && address)
                                r = instance_set_field(c->i, json_member_integer(ip, "version", 4) == 6 ? "access_ip_v6" : "access_ip_v4",
                                                       json_string(address));
                }
        }
        return r;
}

static int finish(Build *b, NovaException *e) {
        InstanceCall *c = b->call;
        int r;

        if (c->i->launched_at == 0)
                c->i->launched_at = now_realtime();
        r = set_access_addresses(c, b->network_info);
        if (r >= 0)
                r = instance_system_metadata_set(c->i, "network_allocated", NULL);
        if (r >= 0)
                r = instance_system_metadata_set(c->i, BUILD_BEGUN, NULL);
        if (r < 0)
                return r;
        return instance_call_save_done(c, VM_ACTIVE, TASKS(TASK_SPAWNING), e);
}

static int exists(NovaException *e, const char *uuid) {
        int r = exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", uuid);

        exception_kwarg(e, "name", json_string(uuid));
        return r;
}

/* A guest of this uuid that is there before anything was done for this build is not this build's to take back: a Python nova-compute may
 * have made it, or we with a database that was lost. Nothing of the instance says yet that something may have been made. */
static int refuse_other_guest(InstanceCall *c, NovaException *e) {
        int r;

        if (!c->manager->driver->ops->instance_exists)
                return 0;
        r = driver_call(c->manager, instance_exists, e, c->i);
        return r > 0 ? exists(e, c->i->uuid) : r;
}

/* That the build was begun is on the disk before there can be a guest: after a loss of power it would be nobody's. Who builds at the same
 * time shares the sync. */
static int make_lasting(InstanceCall *c, NovaException *e) {
        Store *s = c->manager->store;
        int r = s->ops->sync ? s->ops->sync(s) : 0;

        return r < 0 ? exception_set_errno(e, r, "Cannot make the instance's row lasting") : 0;
}

static int run(Build *b, NovaException *e) {
        InstanceCall *c = b->call;
        Instance *i = c->i;
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        int r;

        r = operation_cancelled(c->operation) ? operation_refuse_cancelled(c->operation, e)
                                              : method_read_objects(c->operation->method, c->args, &b->args, e);
        if (r >= 0)
                r = build_request_read(b->args, i, &b->request, e);
        if (r >= 0)
                r = instance_name_fill(i, strempty(config_string(config, "instance_name_template")), e);
        if (r >= 0)
                r = note_roles(c);
        if (r >= 0)
                r = refuse_other_guest(c, e);
        if (r >= 0)
                r = instance_system_metadata_set(i, BUILD_BEGUN, "True");       /* written with what is saved next */
        if (r < 0)
                return r;

        (void) operation_step(c->operation, "claim");
        if (!isempty(b->request.node) && !(i->node = strdup(b->request.node)))
                return -ENOMEM;
        r = claim_begin(c->manager, c->context, i, b->request.limits, &b->claim, e);
        if (r < 0)
                return r;

        r = save_task(c, TASK_NETWORKING, TASKS(TASK_SCHEDULING, TASK_NONE), e);
        if (r < 0)
                return r;
        (void) operation_step(c->operation, "network");
        r = allocate_networks(b, e);
        if (r >= 0)
                r = instance_set_field(i, "root_device_name",
                                       json_incref(json_object_get(b->request.block_device_info, "root_device_name")));
        if (r >= 0)
                r = save_task(c, TASK_BLOCK_DEVICE_MAPPING, TASKS(TASK_NETWORKING), e);
        if (r >= 0)
                r = save_task(c, TASK_SPAWNING, TASKS(TASK_BLOCK_DEVICE_MAPPING), e);
        if (r >= 0)
                r = make_lasting(c, e);
        if (r >= 0)
                r = spawn(b, e);
        if (r < 0)
                return r;
        (void) operation_step(c->operation, "active");
        return finish(b, e);
}

/* ---- what is undone ---- */

bool instance_build_was_begun(const Instance *i) {
        return i->host || i->launched_on || instance_system_metadata_get(i, BUILD_BEGUN);
}

int compute_build_undo(ComputeManager *m, RequestContext *c, const Instance *i) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        json_auto_t *info = instance_network_info(i);
        int r;

        if (!info)
                return -ENOMEM;
        r = instance_build_was_begun(i) ? driver_call(m, destroy, &x, c, i, info, NULL, true) : 0;
        if (r < 0 && failure_is_passing(r, &x)) {
                log_warning("What was made of instance %s is taken away when the hypervisor is back: %s", i->uuid, failure_text(r, &x));
                return r;
        }
        if (r < 0 && !failure_is(&x, EXC_INSTANCE_NOT_FOUND))
                log_error("What was made of instance %s is not all taken away: %s", i->uuid, failure_text(r, &x));
        compute_network_give_back(m, c, i, info);
        return 0;
}

bool instance_is_half_built(const Instance *i) {
        return instance_system_metadata_get(i, HALF_BUILT) != NULL;
}

void instance_set_unbuilt(Instance *i, int undone) {
        i->vm_state = VM_ERROR;
        i->task_state = TASK_NONE;
        i->power_state = POWER_NOSTATE;
        (void) instance_system_metadata_set(i, HALF_BUILT, undone < 0 ? "True" : NULL);
        if (undone < 0)
                return;
        if (instance_build_was_begun(i))
                (void) instance_system_metadata_set(i, BUILD_BEGUN, "True");
        free(i->host);
        free(i->node);
        free(i->launched_on);
        free(i->network_info);
        i->host = i->node = i->launched_on = i->network_info = NULL;
}

static int set_error(InstanceCall *c, int undone, int failure, const NovaException *why, NovaException *e) {
        int r;

        instance_call_record_fault(c, failure, why);
        instance_set_unbuilt(c->i, undone);
        r = instance_call_save(c, NULL, e);
        if (r >= 0 && undone < 0)
                compute_recover_later(c->manager, c->i->uuid);
        return r;
}

static int failed(Build *b, int failure, NovaException *why) {
        InstanceCall *c = b->call;
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        bool overtaken = instance_call_overtaken(why);
        int undone = 0, r;

        /* The driver that was told to stop says so; for whose sake, the row knows. */
        if (!overtaken && failure == -ECANCELED && b->spawned && !operation_cancelled(c->operation)) {
                r = instance_call_save(c, NULL, &x);
                overtaken = r < 0 && instance_call_overtaken(&x);
                exception_done(&x);
        }
        (void) operation_step(c->operation, "undo");
        if (b->spawned || b->networks)
                undone = compute_build_undo(c->manager, c->context, c->i);
        /* What is still there still takes its room. */
        b->claim = undone < 0 ? claim_end(b->claim) : claim_abort(b->claim, c->i);
        if (overtaken) {
                log_info("The build of instance %s gives way: %s", c->i->uuid, failure_text(failure, why));
                return 0;
        }
        log_info("Instance %s could not be built: %s", c->i->uuid, failure_text(failure, why));
        resource_tracker_build_ended(c->manager, b->request.node, false);
        r = set_error(c, undone, failure, why, &x);
        if (r < 0 && instance_call_overtaken(&x))
                return 0;
        if (r < 0)
                log_error("Cannot write that instance %s is in error: %s", c->i->uuid, failure_text(r, &x));
        return failure;
}

static int was_interrupted(NovaException *e, const char *uuid) {
        return exception_setf(e, EXC_BUILD_ABORT, "Build of instance %s aborted: nova-compute ended while it was built", uuid);
}

/* An earlier run of the daemon was ended in the middle of this build. */
static int interrupted(InstanceCall *c, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int failure = was_interrupted(e, c->i->uuid), r;

        r = compute_build_undo(c->manager, c->context, c->i);
        r = set_error(c, r, failure, e, &x);
        if (r < 0)
                exception_done(e);
        if (r < 0 && instance_call_overtaken(&x))
                return 0;
        if (r < 0) {
                exception_move(e, &x);
                return r;
        }
        return failure;
}

static int build(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        _cleanup_(build_done) Build b = { .call = c };
        const char *image_name = json_member_string(json_object_get(c->args, "image"), "name");
        json_auto_t *begun = json_pack("{s:s}", "image_name", strempty(image_name));
        json_auto_t *made = json_pack("{s:s}", "message", "Success");
        int r;

        if (c->i->launched_on || c->task == TASK_NETWORKING || c->task == TASK_BLOCK_DEVICE_MAPPING || c->task == TASK_SPAWNING)
                return interrupted(c, e);

        compute_notify_instance_with(c->manager, c->context, c->i, "create", NOTIFY_START, NULL, begun);
        r = run(&b, e);
        if (r < 0) {
                if (!exception_is_set(e))
                        (void) exception_set_errno(e, r, "The build failed");
                compute_notify_instance(c->manager, c->context, c->i, "create", NOTIFY_ERROR, e);
                r = failed(&b, r, e);
                if (r >= 0)
                        exception_done(e);
                return r;
        }
        resource_tracker_build_ended(c->manager, c->i->node, true);
        compute_notify_instance_with(c->manager, c->context, c->i, "create", NOTIFY_END, NULL, made);
        return 0;
}

/* ---- the row ---- */

/* An instance of which not even a row can be made says so with one: its sender hears nothing else. */
static void record_refused(ComputeManager *m, const char *uuid, int r, const NovaException *why) {
        Instance row = { .uuid = (char *) uuid, .vm_state = VM_ERROR };
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

        if (m->store->ops->instance_create(m->store, &row, &x) >= 0)
                instance_fault_record(m, uuid, r, why);
}

/* The row of this build: made when it was accepted, or now. One that has gone further is another build's, which is not
 * harmed; after a restart it may be this one's own. 1, or 0: it is done. */
static int find(InstanceCall *c, const char *uuid, NovaException *e) {
        ComputeManager *m = c->manager;
        Instance *i = c->i;
        int r;

        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, i);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read the instance");
        if (r > 0) {
                if (i->vm_state == VM_BUILDING && (i->task_state == TASK_DELETING || i->task_state == TASK_SOFT_DELETING))
                        return 1;       /* the first save says so */
                if (i->vm_state == VM_BUILDING && !i->launched_on &&
                    (i->task_state == TASK_SCHEDULING || i->task_state == TASK_NONE))
                        return 1;
                if (c->operation->origin != ORIGIN_RECOVERY)
                        return exists(e, uuid);
                if (i->vm_state == VM_BUILDING)
                        return 1;
                if (i->vm_state != VM_ERROR)
                        return 0;
                return operation_is_interrupted(c->operation) ? was_interrupted(e, uuid) : exists(e, uuid);
        }

        r = build_new_instance(m, c->args, uuid, i, e);
        if (r >= 0)
                r = m->store->ops->instance_create(m->store, i, e);
        if (r < 0 && !failure_is(e, EXC_INSTANCE_NOT_FOUND) && !failure_is(e, EXC_INSTANCE_EXISTS) && !failure_is_passing(r, e))
                record_refused(m, uuid, r, e);
        return r < 0 ? exception_set_errno(e, r, "Cannot make the instance's row") : 1;
}

void compute_build_accepted(Operation *o) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(instance_done) Instance i = {}, known = {};

        /* Without a journal the broker has it until it has ended, and brings it again after a crash: as new. */
        if (o->journal_id == 0 && o->origin == ORIGIN_RPC)
                return;
        /* What cannot be made now is tried, and told, in its turn. */
        if (!o->instance_uuid || m->store->ops->instance_get(m->store, o->instance_uuid, READ_DELETED_NO, &known) != 0)
                return;
        if (build_new_instance(m, o->args, o->instance_uuid, &i, NULL) >= 0)
                (void) m->store->ops->instance_create(m->store, &i, NULL);
}

const InstanceMethod method_build = {
        .action = "create", .event = "compute__do_build_and_run_instance", .verb = "build", .flags = WRAP_ALL | INSTANCE_NEW,
        .vm_states = VMS(VM_BUILDING), .task = TASK_SCHEDULING,
        .tasks = TASKS(TASK_NETWORKING, TASK_BLOCK_DEVICE_MAPPING, TASK_SPAWNING), .find = find, .body = build,
};

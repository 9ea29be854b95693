/* The one method table of ComputeManager (design.md section 4): what RPC serves, D-Bus offers and the documentation lists.
 * A method that is not in it cannot be called, whatever its name (F23). Endpoints are those of a deployed nova-compute
 * (zed 1.5), and Essex's. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/log.h"
#include "compute/create.h"
#include "compute/dry-run.h"
#include "compute/deleted.h"
#include "compute/host.h"
#include "compute/instance-methods.h"
#include "compute/method-rows.h"

#define MODULE "nova.compute.manager"
#define CLASS MODULE ".ComputeManager"
#define METHODS_MAX 160         /* a table that outgrows it ends every test */

static const Argument no_arguments[] = { {} };

static const Argument ping_arguments[] = {
        { "arg", ARGUMENT_ANY, ARGUMENT_NULLABLE },
        {},
};

static const Argument set_host_enabled_arguments[] = {
        { "enabled", ARGUMENT_BOOLEAN },
        { "host", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

static const Argument host_maintenance_mode_arguments[] = {
        { "host", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "mode", ARGUMENT_BOOLEAN },
        { "host_param", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

static const Argument host_power_action_arguments[] = {
        { "action", ARGUMENT_STRING },
        { "host", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

/* An id is an integer in Essex, a uuid since. */
static const Argument security_group_arguments[] = {
        { "security_group_id", ARGUMENT_ANY },
        {},
};

static const Argument security_refresh_arguments[] = {
        { "instance", ARGUMENT_ANY },
        {},
};

static const Argument instance_arguments[] = {
        THE_INSTANCE,
        {},
};

static const Argument stop_arguments[] = {
        THE_INSTANCE,
        { "clean_shutdown", ARGUMENT_BOOLEAN, ARGUMENT_OPTIONAL },
        { "shutdown_timeout", ARGUMENT_INTEGER, ARGUMENT_OPTIONAL },    /* ours: seconds in place of the configured ones */
        {},
};

static const Argument reboot_arguments[] = {
        THE_INSTANCE,
        { "block_device_info", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "reboot_type", ARGUMENT_STRING, ARGUMENT_OPTIONAL },
        {},
};

static const Argument build_arguments[] = {
        { "instance", ARGUMENT_OBJECT },
        { "image", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "request_spec", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "filter_properties", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "admin_password", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        { "injected_files", ARGUMENT_ARRAY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        { "requested_networks", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "security_groups", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "block_device_mapping", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "node", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "limits", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "host_list", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "accel_uuids", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

/* The scheduler's extras say what the instance is; without them its row must be there. */
static const Argument run_arguments[] = {
        { "instance_uuid", ARGUMENT_ANY },
        { "requested_networks", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "injected_files", ARGUMENT_ARRAY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        { "admin_password", ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        { "is_first_time", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "request_spec", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

static const Argument terminate_arguments[] = {
        THE_INSTANCE,
        { "bdms", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

static const Argument create_arguments[] = {
        { "properties", ARGUMENT_OBJECT, ARGUMENT_SECRET },
        {},
};

static const Argument recovery_plan_arguments[] = {
        { "binary", ARGUMENT_STRING },
        {},
};
static const Argument find_image_arguments[] = {
        { "image", ARGUMENT_STRING },
        { "project", ARGUMENT_STRING, ARGUMENT_OPTIONAL },
        {},
};

static const Argument follow_arguments[] = {
        { "instance", ARGUMENT_UUID },
        { "lines", ARGUMENT_INTEGER, ARGUMENT_OPTIONAL },
        { "position", ARGUMENT_OBJECT, ARGUMENT_OPTIONAL },
        { "inotify", ARGUMENT_INTEGER, ARGUMENT_OPTIONAL },
        {},
};

void compute_notify_failure(ComputeManager *m, const Operation *o, int r, const NovaException *e) {
        char publisher[256];
        json_auto_t *payload = NULL;

        if (!notifier_active(m->notifier))
                return;
        payload = json_pack("{s:o, s:{s:s, s:s}}", "args", method_masked_arguments(o->method, o->args), "exception", "class",
                            exception_is_set(e) ? e->class_name : exception_class_name(EXC_NOVA), "message",
                            failure_text(r, e));
        if (!payload)
                return;
        (void) notifier_notify(m->notifier, o->context, notifier_publisher_id("compute", m->host, publisher, sizeof publisher),
                               o->method->name, "ERROR", payload, NULL);
}

int compute_run_host(Operation *o, HostFunction f, json_t **ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = f(m, o->context, o->args, ret, &x);
        return compute_ran_host(o, r, &x, e);
}

int compute_ran_host(Operation *o, int r, NovaException *x, NovaException *e) {
        if (r < 0) {
                compute_notify_failure(manager_to_compute(o->manager), o, r, x);
                if (!exception_is_set(x))
                        (void) exception_set_errno(x, r, o->method->name);
                exception_move(e, x);
        }
        return r;
}

RUN(service_version)
RUN(service_config)
RUN(ping)
RUN(get_backdoor_port)
RUN(rpc_server_ping)
RUN(get_host_uptime)
RUN(set_host_enabled)
RUN(maintenance_mode)
RUN(power_action)
RUN(update_available_resource)
RUN(publish_service_capabilities)
RUN(refresh_security_group_rules)
RUN(refresh_security_group_members)
RUN(refresh_provider_fw_rules)
RUN(refresh_instance_security_rules)

/* What the host asks of itself about an instance. */
#define OWN(name_, run_)                                                                                            \
        {                                                                                                            \
                .name = name_, .arguments = instance_arguments, .served = SERVED_SELF,                              \
                .flags = METHOD_CHANGES_STATE | METHOD_PER_INSTANCE | METHOD_REPEATABLE, .kind = JOB_STATE,          \
                .deadline = 5 * USEC_PER_MINUTE, .recovery = RECOVER_AGAIN, .run = run_,                             \
        }

static const Method methods[] = {
        {
                .name = "service_version", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_service_version,
        },
        {
                .name = "service_config", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_REPEATABLE, .kind = JOB_QUERY, .deadline = 10 * USEC_PER_SEC,
                .action = ACTION_MANAGE_SERVICE, .run = run_service_config,
        },
        {
                .name = "ping", .arguments = ping_arguments, .served = SERVED_BASEAPI,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_ping,
        },
        {
                .name = "get_backdoor_port", .arguments = no_arguments, .served = SERVED_BASEAPI,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_get_backdoor_port,
        },
        {
                .name = "oslo_rpc_server_ping", .arguments = no_arguments, .served = SERVED_RPC_PING,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_rpc_server_ping,
        },
        {
                .name = "get_host_uptime", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_REPEATABLE, .kind = JOB_QUERY, .deadline = 10 * USEC_PER_SEC, .run = run_get_host_uptime,
        },
        {
                .name = "set_host_enabled", .arguments = set_host_enabled_arguments, .served = BOTH,
                .flags = METHOD_CHANGES_STATE | METHOD_REPEATABLE, .kind = JOB_STATE, .deadline = USEC_PER_MINUTE,
                .action = ACTION_MANAGE_SERVICE, .run = run_set_host_enabled, .recovery = RECOVER_AGAIN,
        },
        {
                .name = "host_maintenance_mode", .arguments = host_maintenance_mode_arguments, .served = BOTH,
                .flags = METHOD_CHANGES_STATE, .kind = JOB_STATE, .deadline = USEC_PER_MINUTE,
                .action = ACTION_MANAGE_SERVICE, .run = run_maintenance_mode,
        },
        {
                .name = "host_power_action", .arguments = host_power_action_arguments, .served = BOTH,
                .flags = METHOD_CHANGES_STATE, .kind = JOB_STATE, .deadline = USEC_PER_MINUTE,
                .action = ACTION_MANAGE_SERVICE, .run = run_power_action,
        },
        {
                .name = "update_available_resource", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_REPEATABLE, .kind = JOB_QUERY, .deadline = 30 * USEC_PER_SEC,
                .action = ACTION_UPDATE_RESOURCES, .run = run_update_available_resource,
        },
        {
                .name = "publish_service_capabilities", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_REPEATABLE, .kind = JOB_QUERY, .deadline = 30 * USEC_PER_SEC,
                .action = ACTION_UPDATE_RESOURCES, .run = run_publish_service_capabilities,
        },
        {
                .name = "refresh_security_group_rules", .arguments = security_group_arguments, .served = BOTH,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_refresh_security_group_rules,
        },
        {
                .name = "refresh_security_group_members", .arguments = security_group_arguments, .served = BOTH,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_refresh_security_group_members,
        },
        {
                .name = "refresh_provider_fw_rules", .arguments = no_arguments, .served = BOTH,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_refresh_provider_fw_rules,
        },
        {
                .name = "refresh_instance_security_rules", .arguments = security_refresh_arguments, .served = BOTH,
                .flags = METHOD_QUICK | METHOD_REPEATABLE, .kind = JOB_QUERY, .run = run_refresh_instance_security_rules,
        },

        INSTANCE("build_and_run_instance", build_arguments, SERVED_ZED, JOB_BUILD, 30 * USEC_PER_MINUTE, method_build,
                 .recovery = RECOVER_AGAIN, .accepted = compute_build_accepted, .reads_objects = true),
        INSTANCE("run_instance", run_arguments, SERVED_ESSEX, JOB_BUILD, 30 * USEC_PER_MINUTE, method_build,
                 .recovery = RECOVER_AGAIN, .accepted = compute_build_accepted, .reads_objects = true),
        INSTANCE("stop_instance", stop_arguments, BOTH, JOB_STATE, 10 * USEC_PER_MINUTE, method_stop, .recovery = RECOVER_AGAIN),
        INSTANCE("start_instance", instance_arguments, BOTH, JOB_STATE, 5 * USEC_PER_MINUTE, method_start, .recovery = RECOVER_AGAIN),
        /* Essex's names of the same. */
        INSTANCE("power_off_instance", instance_arguments, SERVED_ESSEX, JOB_STATE, 10 * USEC_PER_MINUTE, method_stop,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("power_on_instance", instance_arguments, SERVED_ESSEX, JOB_STATE, 5 * USEC_PER_MINUTE, method_start,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("reboot_instance", reboot_arguments, BOTH, JOB_STATE, 5 * USEC_PER_MINUTE, method_reboot, .recovery = RECOVER_AGAIN),
        INSTANCE("pause_instance", instance_arguments, BOTH, JOB_STATE, USEC_PER_MINUTE, method_pause, .recovery = RECOVER_AGAIN),
        INSTANCE("unpause_instance", instance_arguments, BOTH, JOB_STATE, USEC_PER_MINUTE, method_unpause, .recovery = RECOVER_AGAIN),
        INSTANCE("suspend_instance", instance_arguments, BOTH, JOB_STATE, 5 * USEC_PER_MINUTE, method_suspend, .recovery = RECOVER_AGAIN),
        INSTANCE("resume_instance", instance_arguments, BOTH, JOB_STATE, 5 * USEC_PER_MINUTE, method_resume, .recovery = RECOVER_AGAIN),
        INSTANCE("soft_delete_instance", instance_arguments, SERVED_ZED, JOB_STATE, 5 * USEC_PER_MINUTE, method_soft_delete,
                 .recovery = RECOVER_AGAIN, .accepted = instance_call_accepted),
        INSTANCE_RECORD("restore_instance", instance_arguments, SERVED_ZED, JOB_STATE, 5 * USEC_PER_MINUTE, method_restore,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("terminate_instance", terminate_arguments, BOTH, JOB_STATE, 10 * USEC_PER_MINUTE, method_terminate,
                 .recovery = RECOVER_AGAIN, .accepted = instance_call_accepted),
        INSTANCE_RECORD("lock_instance", instance_arguments, SERVED_ESSEX, JOB_STATE, USEC_PER_MINUTE, method_lock, .recovery = RECOVER_AGAIN),
        INSTANCE_RECORD("unlock_instance", instance_arguments, SERVED_ESSEX, JOB_STATE, USEC_PER_MINUTE, method_unlock,
                 .recovery = RECOVER_AGAIN),
        /* What the host asks of itself (deleted.h). */
        /* It waits for others, so it has a thread of those that no other work can take. */
        {
                .name = "_recover", .arguments = no_arguments, .served = SERVED_SELF,
                .flags = METHOD_CHANGES_STATE | METHOD_REPEATABLE | METHOD_CANCELLABLE, .kind = JOB_SERVICE,
                .deadline = 5 * USEC_PER_MINUTE, .recovery = RECOVER_FAIL, .run = compute_run_recover,
        },
        OWN("_reap_deleted_instance", compute_run_reap_deleted),
        OWN("_shutdown_deleted_instance", compute_run_shutdown_deleted),
        OWN("_remove_deleted_files", compute_run_remove_deleted_files),
        /* What D-Bus asks before it accepts. */
        {
                .name = "_make_build_request", .arguments = create_arguments, .served = SERVED_SELF, .flags = METHOD_REPEATABLE,
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = compute_run_make_build_request,
        },
        {
                .name = "_find_image", .arguments = find_image_arguments, .served = SERVED_SELF, .flags = METHOD_REPEATABLE,
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = compute_run_find_image,
        },
        {
                .name = "_recovery_plan", .arguments = recovery_plan_arguments, .served = SERVED_SELF, .flags = METHOD_REPEATABLE,
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = compute_run_recovery_plan,
        },
        {
                .name = "_follow_console", .arguments = follow_arguments, .served = SERVED_SELF, .flags = METHOD_REPEATABLE,
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = compute_run_follow_console,
        },
        {
                .name = "_list_actions", .arguments = instance_arguments, .served = SERVED_SELF, .flags = METHOD_REPEATABLE,
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = compute_run_list_actions,
        },
        INSTANCE_QUERY("get_lock", instance_arguments, SERVED_ESSEX, USEC_PER_MINUTE, method_get_lock),
};

/* The rows of all themes as one array, made when it is first asked for. */
static Method all_methods[METHODS_MAX];
static size_t n_all_methods;

static void add_methods(const Method *rows, size_t n) {
        assert(n_all_methods + n <= METHODS_MAX);
        for (size_t i = 0; i < n; i++)
                all_methods[n_all_methods++] = rows[i];
}

static void make_table(void) {
        add_methods(methods, ELEMENTSOF(methods));
        add_methods(guest_methods, n_guest_methods);
        add_methods(refused_methods, n_refused_methods);
}

const Method *compute_methods(size_t *ret_n) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        assert(ret_n);
        (void) pthread_once(&once, make_table);
        *ret_n = n_all_methods;
        return all_methods;
}

/* In the order in which a request looks for its endpoint; the last one is left out unless rpc_ping_enabled. */
static const RpcEndpoint endpoints[] = {
        { WIRE_ESSEX, NULL, 1, 0, SERVED_ESSEX },
        { WIRE_OSLO, NULL, 6, 1, SERVED_ZED },
        { WIRE_OSLO, "baseapi", 1, 1, SERVED_BASEAPI },
        { WIRE_OSLO, NULL, 5, 13, SERVED_ZED },
        { WIRE_OSLO, NULL, 1, 0, SERVED_RPC_PING },
};

const RpcEndpoint *compute_endpoints(bool rpc_ping, size_t *ret_n) {
        assert(ret_n);
        *ret_n = ELEMENTSOF(endpoints) - (rpc_ping ? 0 : 1);
        return endpoints;
}

void compute_before_method(ComputeManager *m, const Operation *o) {
        _cleanup_(config_unrefp) Config *config = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *payload = NULL;
        char event[128];

        if (!hooks_notify(m->hooks, MODULE))
                return;

        config = compute_manager_config(m);
        /* Arguments of a request have names, all of them. */
        payload = json_pack("{s:[], s:o}", "args", "kwarg", method_masked_arguments(o->method, o->args));
        if (!payload)
                return;
        snprintf(event, sizeof event, CLASS ".%s", o->method->name);
        if (notifier_notify(m->notifier, o->context, strempty(config_string(config, "default_publisher_id")), event,
                            strempty(config_string(config, "notifications.default_level")), payload, &e) < 0)
                log_error("Cannot notify of %s: %s", event, failure_text(-EINVAL, &e));
}

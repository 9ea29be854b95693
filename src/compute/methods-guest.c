/* Rows of the method table: what is done with a guest that is there (zed 5.2, essex 11.6), and the host's part of it. Queries run
 * beside whatever runs on their instance; what changes it waits for its turn. */
#include "compute/guest.h"
#include "compute/instance-methods.h"
#include "compute/method-rows.h"

RUN(cache_images)
RUN(get_console_topic)
RUN(get_console_pool_info)
RUN(compare_cpu)
RUN(get_instance_disk_info)
RUN(check_instance_shared_storage)
RUN(create_shared_storage_test_file)
RUN(check_shared_storage_test_file)
RUN(cleanup_shared_storage_test_file)

#define OPTIONAL_TEXT ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE
#define OPTIONAL_ANY ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE
#define OPTIONAL_BOOLEAN ARGUMENT_BOOLEAN, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE
#define OPTIONAL_SECRET ARGUMENT_STRING, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET

static const Argument no_arguments[] = { {} };

static const Argument only_instance[] = { THE_INSTANCE, {} };

static const Argument rescue_arguments[] = {
        THE_INSTANCE,
        { "rescue_password", OPTIONAL_SECRET },
        { "rescue_image_ref", OPTIONAL_TEXT },
        { "clean_shutdown", OPTIONAL_BOOLEAN },
        {},
};

static const Argument rebuild_arguments[] = {
        THE_INSTANCE,
        { "orig_image_ref", OPTIONAL_TEXT },
        { "image_ref", OPTIONAL_TEXT },
        { "injected_files", ARGUMENT_ARRAY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        { "new_pass", OPTIONAL_SECRET },
        { "orig_sys_metadata", OPTIONAL_ANY },
        { "bdms", OPTIONAL_ANY },
        { "recreate", OPTIONAL_BOOLEAN },
        { "on_shared_storage", OPTIONAL_BOOLEAN },
        { "preserve_ephemeral", OPTIONAL_BOOLEAN },
        { "migration", OPTIONAL_ANY },
        { "scheduled_node", OPTIONAL_TEXT },
        { "limits", OPTIONAL_ANY },
        { "request_spec", OPTIONAL_ANY },
        { "accel_uuids", OPTIONAL_ANY },
        { "reimage_boot_volume", OPTIONAL_BOOLEAN },
        {},
};

static const Argument snapshot_arguments[] = {
        THE_INSTANCE,
        { "image_id", ARGUMENT_STRING },
        { "image_type", OPTIONAL_TEXT },
        { "backup_type", OPTIONAL_TEXT },
        { "rotation", OPTIONAL_ANY },
        { "image_name", OPTIONAL_TEXT },        /* ours: where nobody has made the image's record before */
        {},
};

static const Argument backup_arguments[] = {
        THE_INSTANCE,
        { "image_id", ARGUMENT_STRING },
        { "backup_type", ARGUMENT_STRING },
        { "rotation", ARGUMENT_ANY, ARGUMENT_NULLABLE },
        { "image_name", OPTIONAL_TEXT },
        {},
};

static const Argument rotate_arguments[] = {
        THE_INSTANCE,
        { "backup_type", ARGUMENT_STRING },
        { "rotation", ARGUMENT_ANY },
        {},
};

static const Argument output_arguments[] = {
        THE_INSTANCE,
        { "tail_length", OPTIONAL_ANY },
        {},
};

static const Argument console_arguments[] = {
        THE_INSTANCE,
        { "console_type", ARGUMENT_STRING },
        {},
};

static const Argument console_port_arguments[] = {
        THE_INSTANCE,
        { "port", ARGUMENT_ANY },
        { "console_type", ARGUMENT_STRING },
        {},
};

static const Argument console_pool_arguments[] = {
        { "console_type", ARGUMENT_STRING },
        {},
};

static const Argument password_arguments[] = {
        THE_INSTANCE,
        { "new_pass", OPTIONAL_SECRET },
        {},
};

static const Argument inject_file_arguments[] = {
        THE_INSTANCE,
        { "path", ARGUMENT_STRING },
        { "file_contents", ARGUMENT_STRING, ARGUMENT_SECRET },
        {},
};

static const Argument agent_update_arguments[] = {
        THE_INSTANCE,
        { "url", ARGUMENT_STRING },
        { "md5hash", ARGUMENT_STRING },
        {},
};

static const Argument unquiesce_arguments[] = {
        THE_INSTANCE,
        { "mapping", OPTIONAL_ANY },
        {},
};

static const Argument attach_interface_arguments[] = {
        THE_INSTANCE,
        { "network_id", OPTIONAL_TEXT },
        { "port_id", OPTIONAL_TEXT },
        { "requested_ip", OPTIONAL_TEXT },
        { "tag", OPTIONAL_TEXT },
        {},
};

static const Argument detach_interface_arguments[] = {
        THE_INSTANCE,
        { "port_id", ARGUMENT_STRING },
        {},
};

static const Argument add_fixed_ip_arguments[] = {
        THE_INSTANCE,
        { "network_id", ARGUMENT_STRING },
        {},
};

static const Argument remove_fixed_ip_arguments[] = {
        THE_INSTANCE,
        { "address", ARGUMENT_STRING },
        {},
};

static const Argument metadata_arguments[] = {
        THE_INSTANCE,
        { "diff", ARGUMENT_OBJECT },
        {},
};

static const Argument event_arguments[] = {
        { "instances", ARGUMENT_ARRAY },
        { "events", ARGUMENT_ARRAY },
        {},
};

static const Argument network_event_arguments[] = {
        THE_INSTANCE,
        { "name", ARGUMENT_STRING },
        { "tag", ARGUMENT_STRING },
        {},
};

static const Argument cache_images_arguments[] = {
        { "image_ids", ARGUMENT_ARRAY },
        {},
};

static const Argument compare_cpu_arguments[] = {
        { "cpu_info", ARGUMENT_STRING },
        {},
};

static const Argument disk_info_arguments[] = {
        { "instance_name", ARGUMENT_STRING },
        {},
};

static const Argument shared_storage_arguments[] = {
        { "instance", OPTIONAL_ANY },
        { "data", ARGUMENT_OBJECT },
        { "instance_id", OPTIONAL_ANY },
        {},
};

static const Argument test_file_arguments[] = {
        { "filename", ARGUMENT_STRING },
        {},
};

#define HOST_QUERY(name_, arguments_, served_, deadline_, ...)                                                              \
        {                                                                                                           \
                .name = #name_, .arguments = arguments_, .served = served_, .flags = METHOD_REPEATABLE,             \
                .kind = JOB_QUERY, .deadline = deadline_, .run = run_##name_, __VA_ARGS__                           \
        }

#define MANAGE .action = ACTION_MANAGE_INSTANCES
#define CONSOLE .action = ACTION_READ_CONSOLE

const Method guest_methods[] = {
        INSTANCE("rescue_instance", rescue_arguments, BOTH, JOB_STATE, 10 * USEC_PER_MINUTE, method_rescue, MANAGE,
                 .recovery = RECOVER_UNDO, .undo = guest_undo_rescue),
        INSTANCE("unrescue_instance", only_instance, BOTH, JOB_STATE, 5 * USEC_PER_MINUTE, method_unrescue, MANAGE,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("rebuild_instance", rebuild_arguments, BOTH, JOB_BUILD, 30 * USEC_PER_MINUTE, method_rebuild, MANAGE,
                 .recovery = RECOVER_UNDO, .undo = guest_undo_rebuild),
        INSTANCE("snapshot_instance", snapshot_arguments, BOTH, JOB_SNAPSHOT, 60 * USEC_PER_MINUTE, method_snapshot, MANAGE,
                 .recovery = RECOVER_UNDO, .undo = guest_undo_snapshot),
        INSTANCE("backup_instance", backup_arguments, SERVED_ZED, JOB_SNAPSHOT, 60 * USEC_PER_MINUTE, method_backup, MANAGE,
                 .recovery = RECOVER_UNDO, .undo = guest_undo_snapshot),
        INSTANCE_RECORD("rotate_backups", rotate_arguments, SERVED_ESSEX, JOB_STATE, 5 * USEC_PER_MINUTE, method_rotate_backups, MANAGE,
                 .recovery = RECOVER_AGAIN),

        INSTANCE_QUERY("get_console_output", output_arguments, BOTH, USEC_PER_MINUTE, method_console_output, CONSOLE),
        INSTANCE_QUERY("get_vnc_console", console_arguments, BOTH, USEC_PER_MINUTE, method_vnc_console, CONSOLE),
        INSTANCE_QUERY("get_spice_console", console_arguments, SERVED_ZED, USEC_PER_MINUTE, method_spice_console, CONSOLE),
        INSTANCE_QUERY("get_serial_console", console_arguments, SERVED_ZED, USEC_PER_MINUTE, method_serial_console, CONSOLE),
        INSTANCE_QUERY("get_rdp_console", console_arguments, SERVED_ZED, USEC_PER_MINUTE, method_no_such_console),
        INSTANCE_QUERY("get_mks_console", console_arguments, SERVED_ZED, USEC_PER_MINUTE, method_no_such_console),
        INSTANCE_QUERY("validate_console_port", console_port_arguments, SERVED_ZED, USEC_PER_MINUTE, method_validate_console_port),
        HOST_QUERY(get_console_topic, no_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
        HOST_QUERY(get_console_pool_info, console_pool_arguments, SERVED_ESSEX, USEC_PER_MINUTE),

        INSTANCE_QUERY("get_diagnostics", only_instance, BOTH, USEC_PER_MINUTE, method_diagnostics, MANAGE),
        INSTANCE_QUERY("get_instance_diagnostics", only_instance, SERVED_ZED, USEC_PER_MINUTE, method_instance_diagnostics, MANAGE),

        INSTANCE("set_admin_password", password_arguments, BOTH, JOB_STATE, USEC_PER_MINUTE, method_set_admin_password, MANAGE,
                 .recovery = RECOVER_FAIL),
        INSTANCE("inject_file", inject_file_arguments, SERVED_ESSEX, JOB_STATE, USEC_PER_MINUTE, method_inject_file, MANAGE,
                 .recovery = RECOVER_FAIL),
        INSTANCE("agent_update", agent_update_arguments, SERVED_ESSEX, JOB_STATE, 5 * USEC_PER_MINUTE, method_agent_update, MANAGE,
                 .recovery = RECOVER_FAIL),
        INSTANCE("quiesce_instance", only_instance, SERVED_ZED, JOB_STATE, USEC_PER_MINUTE, method_quiesce, MANAGE,
                 .recovery = RECOVER_FAIL),
        INSTANCE("unquiesce_instance", unquiesce_arguments, SERVED_ZED, JOB_STATE, USEC_PER_MINUTE, method_unquiesce, MANAGE,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("trigger_crash_dump", only_instance, SERVED_ZED, JOB_STATE, USEC_PER_MINUTE, method_trigger_crash_dump, MANAGE,
                 .recovery = RECOVER_FAIL),

        INSTANCE("attach_interface", attach_interface_arguments, SERVED_ZED, JOB_STATE, 3 * USEC_PER_MINUTE, method_attach_interface,
                 MANAGE, .recovery = RECOVER_UNDO, .undo = guest_undo_attach),
        INSTANCE("detach_interface", detach_interface_arguments, SERVED_ZED, JOB_STATE, 3 * USEC_PER_MINUTE, method_detach_interface,
                 MANAGE, .recovery = RECOVER_AGAIN),
        INSTANCE("add_fixed_ip_to_instance", add_fixed_ip_arguments, BOTH, JOB_STATE, 3 * USEC_PER_MINUTE, method_add_fixed_ip, MANAGE,
                 .recovery = RECOVER_FAIL),
        INSTANCE("remove_fixed_ip_from_instance", remove_fixed_ip_arguments, BOTH, JOB_STATE, 3 * USEC_PER_MINUTE,
                 method_remove_fixed_ip, MANAGE, .recovery = RECOVER_FAIL),
        INSTANCE("reset_network", only_instance, BOTH, JOB_STATE, USEC_PER_MINUTE, method_reset_network, MANAGE,
                 .recovery = RECOVER_AGAIN),
        INSTANCE("inject_network_info", only_instance, BOTH, JOB_STATE, USEC_PER_MINUTE, method_inject_network_info, MANAGE,
                 .recovery = RECOVER_AGAIN),
        INSTANCE_RECORD("change_instance_metadata", metadata_arguments, SERVED_ZED, JOB_STATE, USEC_PER_MINUTE, method_change_metadata, MANAGE,
                 .recovery = RECOVER_AGAIN),

        /* It wakes what runs, perhaps a build that waits, so it may not wait for anything of its instances itself. */
        {
                .name = "external_instance_event", .arguments = event_arguments, .served = SERVED_ZED,
                .flags = METHOD_CHANGES_STATE | METHOD_REPEATABLE, .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE,
                .run = compute_run_external_instance_event, .recovery = RECOVER_AGAIN,
        },
        INSTANCE("_instance_network_event", network_event_arguments, SERVED_SELF, JOB_STATE, USEC_PER_MINUTE, method_network_event,
                 .recovery = RECOVER_AGAIN),

        HOST_QUERY(cache_images, cache_images_arguments, SERVED_ZED, 60 * USEC_PER_MINUTE),
        HOST_QUERY(compare_cpu, compare_cpu_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
        HOST_QUERY(get_instance_disk_info, disk_info_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
        HOST_QUERY(check_instance_shared_storage, shared_storage_arguments, SERVED_ZED, USEC_PER_MINUTE),
        HOST_QUERY(create_shared_storage_test_file, no_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
        HOST_QUERY(check_shared_storage_test_file, test_file_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
        HOST_QUERY(cleanup_shared_storage_test_file, test_file_arguments, SERVED_ESSEX, USEC_PER_MINUTE),
};
const size_t n_guest_methods = ELEMENTSOF(guest_methods);

/* Rows of the method table: what needs a service or a host that is not here (refused.h). Their arguments are those of Nova, but none
 * is looked at: all are optional. */
#include "compute/instance-methods.h"
#include "compute/method-rows.h"
#include "compute/refused.h"

static const Argument only_instance[] = { THE_INSTANCE, {} };

static const Argument volume_arguments[] = {
        THE_INSTANCE,
        { "volume_id", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "bdm", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE | ARGUMENT_SECRET },
        {},
};

static const Argument numbered_arguments[] = {
        { "instance_id", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        { "instance_uuid", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

static const Argument aggregate_arguments[] = {
        { "aggregate_id", ARGUMENT_ANY },
        { "host", ARGUMENT_ANY, ARGUMENT_OPTIONAL | ARGUMENT_NULLABLE },
        {},
};

/* A refusal writes fault and event, so it is journalled and has its turn like any other; asked again it refuses again. */
#define REFUSED(name_, arguments_, served_, wrapper_) \
        INSTANCE_RECORD(#name_, arguments_, served_, JOB_STATE, USEC_PER_MINUTE, method_refused_##wrapper_, .recovery = RECOVER_AGAIN)
/* Asked before anything is done: nothing is written. */
#define REFUSED_QUERY(name_, arguments_, served_, wrapper_) \
        INSTANCE_QUERY(#name_, arguments_, served_, USEC_PER_MINUTE, method_refused_##wrapper_)
/* Essex's, that name an instance by its number, or none. */
#define REFUSED_ESSEX(name_, arguments_)                                                                            \
        {                                                                                                           \
                .name = #name_, .arguments = arguments_, .served = SERVED_ESSEX, .flags = METHOD_REPEATABLE,        \
                .kind = JOB_QUERY, .deadline = USEC_PER_MINUTE, .run = run_refused                                  \
        }

const Method refused_methods[] = {
        REFUSED_QUERY(reserve_block_device_name, volume_arguments, SERVED_ZED, reserve_device),
        REFUSED(attach_volume, volume_arguments, BOTH, attach_volume),
        REFUSED(detach_volume, volume_arguments, BOTH, detach_volume),
        REFUSED(swap_volume, volume_arguments, SERVED_ZED, swap_volume),
        REFUSED(extend_volume, volume_arguments, SERVED_ZED, extend_volume),
        REFUSED(volume_snapshot_create, volume_arguments, SERVED_ZED, quietly),
        REFUSED(volume_snapshot_delete, volume_arguments, SERVED_ZED, quietly),
        REFUSED_QUERY(remove_volume_connection, volume_arguments, SERVED_ZED, quietly),
        REFUSED_ESSEX(remove_volume_connection, numbered_arguments),

        REFUSED(prep_resize, only_instance, BOTH, resize),
        REFUSED(resize_instance, only_instance, BOTH, resize),
        REFUSED(finish_resize, only_instance, BOTH, resize),
        REFUSED(confirm_resize, only_instance, BOTH, confirm),
        REFUSED(revert_resize, only_instance, BOTH, revert),
        REFUSED(finish_revert_resize, only_instance, BOTH, revert),
        REFUSED(prep_snapshot_based_resize_at_dest, only_instance, SERVED_ZED, prep_move),
        REFUSED(prep_snapshot_based_resize_at_source, only_instance, SERVED_ZED, resize),
        REFUSED(finish_snapshot_based_resize_at_dest, only_instance, SERVED_ZED, resize),
        REFUSED(confirm_snapshot_based_resize_at_source, only_instance, SERVED_ZED, confirm),
        REFUSED(revert_snapshot_based_resize_at_dest, only_instance, SERVED_ZED, revert),
        REFUSED(finish_revert_snapshot_based_resize_at_source, only_instance, SERVED_ZED, revert),

        REFUSED(shelve_instance, only_instance, SERVED_ZED, shelve),
        REFUSED(shelve_offload_instance, only_instance, SERVED_ZED, offload),
        REFUSED(unshelve_instance, only_instance, SERVED_ZED, unshelve),

        REFUSED(check_can_live_migrate_destination, only_instance, SERVED_ZED, live_migration),
        REFUSED(check_can_live_migrate_source, only_instance, SERVED_ZED, live_migration),
        REFUSED(pre_live_migration, only_instance, SERVED_ZED, live_migration),
        REFUSED(live_migration, only_instance, SERVED_ZED, live_migration),
        REFUSED(live_migration_force_complete, only_instance, SERVED_ZED, live_migration),
        REFUSED(live_migration_abort, only_instance, SERVED_ZED, live_migration),
        REFUSED(post_live_migration_at_destination, only_instance, SERVED_ZED, live_migration),
        REFUSED(rollback_live_migration_at_destination, only_instance, SERVED_ZED, live_migration),
        INSTANCE_QUERY("drop_move_claim_at_destination", only_instance, SERVED_ZED, USEC_PER_MINUTE, method_drop_move_claim),
        REFUSED_ESSEX(pre_live_migration, numbered_arguments),
        REFUSED_ESSEX(live_migration, numbered_arguments),
        REFUSED_ESSEX(post_live_migration, numbered_arguments),
        REFUSED_ESSEX(post_live_migration_at_destination, numbered_arguments),
        REFUSED_ESSEX(rollback_live_migration, numbered_arguments),
        REFUSED_ESSEX(rollback_live_migration_at_destination, numbered_arguments),

        REFUSED_ESSEX(add_aggregate_host, aggregate_arguments),
        REFUSED_ESSEX(remove_aggregate_host, aggregate_arguments),
};
const size_t n_refused_methods = ELEMENTSOF(refused_methods);

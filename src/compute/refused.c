/* The methods of Nova's that need a service or a host that is not here: volumes by cinder, another host to move to, aggregates,
 * shelving into glance. Each is in the table and fails as Nova's own fails where the same is missing: in its words, with fault
 * and event where Nova writes them, and nothing of the instance changed. README lists them as not yet. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/refused.h"

#include <assert.h>

#include "basic/json.h"
#include "compute/instance-methods.h"

typedef struct Refusal {
        const char *method;
        ExceptionClass class;
        const char *text;               /* %i the instance, %h this host, %v the argument volume_id, %a the aggregate */
} Refusal;

#define NO_CINDER "Connection to cinder host failed: there is no volume service"
#define NO_GLANCE "Connection to glance host failed: there is no image service to shelve into"
#define NO_HOST "Migration error: no other host is known to move instance %i from or to"
#define NO_BDM "No volume Block Device Mapping with id %v."
#define NO_MIGRATION "Migration not found for instance %i with status "

static const Refusal refusals[] = {
        { "reserve_block_device_name", EXC_INVALID_VOLUME, "Invalid volume: there is no volume service" },
        { "attach_volume", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },
        { "detach_volume", EXC_VOLUME_BDM_NOT_FOUND, NO_BDM },
        { "swap_volume", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },
        { "extend_volume", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },
        { "remove_volume_connection", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },
        { "volume_snapshot_create", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },
        { "volume_snapshot_delete", EXC_CINDER_CONNECTION_FAILED, NO_CINDER },

        { "prep_resize", EXC_UNABLE_TO_MIGRATE_TO_SELF, "Unable to migrate instance (%i) to current host (%h)." },
        { "resize_instance", EXC_MIGRATION_ERROR, NO_HOST },
        { "finish_resize", EXC_MIGRATION_ERROR, NO_HOST },
        { "confirm_resize", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "finished." },
        { "revert_resize", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "finished." },
        { "finish_revert_resize", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "reverting." },
        { "prep_snapshot_based_resize_at_dest", EXC_MIGRATION_PRE_CHECK_ERROR, "Migration pre-check error: there are no other cells" },
        { "prep_snapshot_based_resize_at_source", EXC_MIGRATION_PRE_CHECK_ERROR, "Migration pre-check error: there are no other cells" },
        { "finish_snapshot_based_resize_at_dest", EXC_MIGRATION_ERROR, NO_HOST },
        { "confirm_snapshot_based_resize_at_source", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "finished." },
        { "revert_snapshot_based_resize_at_dest", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "finished." },
        { "finish_revert_snapshot_based_resize_at_source", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "reverting." },

        { "shelve_instance", EXC_GLANCE_CONNECTION_FAILED, NO_GLANCE },
        { "shelve_offload_instance", EXC_GLANCE_CONNECTION_FAILED, NO_GLANCE },
        { "unshelve_instance", EXC_GLANCE_CONNECTION_FAILED, NO_GLANCE },

        { "check_can_live_migrate_destination", EXC_MIGRATION_PRE_CHECK_ERROR,
          "Migration pre-check error: no other host is known to move instance %i from" },
        { "check_can_live_migrate_source", EXC_MIGRATION_PRE_CHECK_ERROR,
          "Migration pre-check error: no other host is known to move instance %i to" },
        { "pre_live_migration", EXC_MIGRATION_ERROR, NO_HOST },
        { "live_migration", EXC_MIGRATION_ERROR, NO_HOST },
        { "live_migration_force_complete", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "running." },
        { "live_migration_abort", EXC_MIGRATION_NOT_FOUND_BY_STATUS, NO_MIGRATION "running." },
        { "post_live_migration", EXC_MIGRATION_ERROR, NO_HOST },
        { "post_live_migration_at_destination", EXC_MIGRATION_ERROR, NO_HOST },
        { "rollback_live_migration", EXC_MIGRATION_ERROR, NO_HOST },
        { "rollback_live_migration_at_destination", EXC_MIGRATION_ERROR, NO_HOST },

        { "add_aggregate_host", EXC_AGGREGATE_ERROR, "Aggregate %a: action 'add_aggregate_host' caused an error: aggregates are not kept here." },
        { "remove_aggregate_host", EXC_AGGREGATE_ERROR, "Aggregate %a: action 'remove_aggregate_host' caused an error: aggregates are not kept here." },
};

bool method_is_refused(const char *method) {
        for (size_t n = 0; n < ELEMENTSOF(refusals); n++)
                if (streq(refusals[n].method, method))
                        return true;
        return false;
}

/* An argument for a sentence: texts and numbers, of bounded length. */
static void put_argument(FILE *f, const json_t *args, const char *name) {
        const json_t *value = json_object_get(args, name);

        if (json_is_integer(value))
                fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
                fprintf(f, "%.64s", json_is_string(value) ? json_string_value(value) : "None");
}

static int refuse(ComputeManager *m, const char *method, const char *uuid, const json_t *args, NovaException *e) {
        const Refusal *refusal = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r;

        for (size_t n = 0; n < ELEMENTSOF(refusals) && !refusal; n++)
                if (streq(refusals[n].method, method))
                        refusal = &refusals[n];
        assert(refusal);

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (const char *p = refusal->text; *p; p++)
                if (*p != '%')
                        fputc(*p, f);
                else
                        switch (*++p) {
                        case 'i':
                                fputs(uuid, f);
                                break;
                        case 'h':
                                fputs(m->host, f);
                                break;
                        case 'v':
                                put_argument(f, args, "volume_id");
                                break;
                        case 'a':
                                put_argument(f, args, "aggregate_id");
                                break;
                        }
        if (fclose(f) != 0)
                return -ENOMEM;
        r = exception_setf(e, refusal->class, "%s", text);
        if (!isempty(uuid))
                exception_kwarg(e, "instance_id", json_string(uuid));
        return r;
}

static int refused(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return refuse(c->manager, c->operation->method->name, c->i->uuid, c->args, e);
}

int run_refused(Operation *o, json_t **ret _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        const json_t *id = json_object_get(o->args, "instance_id");
        _cleanup_free_ char *shown = json_is_integer(id) || json_is_string(id) ? json_text(id) : NULL;
        int r;

        r = refuse(m, o->method->name, o->instance_uuid ? o->instance_uuid : shown ? shown : "", o->args, e);
        compute_notify_failure(m, o, r, e);
        return r;
}

/* By the wrappers that Nova has around them (zed 5.2): all of them, without the revert, or the notification alone. */
#define REFUSED(name, action_, flags_)                                                                  \
        const InstanceMethod method_refused_##name = {                                                  \
                .action = action_, .flags = (flags_) | INSTANCE_ANY_TASK, .body = refused,              \
        }
REFUSED(resize, "resize", WRAP_ALL);
REFUSED(prep_move, "migrate", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(confirm, "confirmResize", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(revert, "revertResize", WRAP_ALL);
REFUSED(shelve, "shelve", WRAP_ALL);
REFUSED(offload, "shelveOffload", WRAP_ALL);
REFUSED(unshelve, "unshelve", WRAP_ALL);
REFUSED(attach_volume, "attach_volume", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(detach_volume, "detach_volume", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(swap_volume, "swap_volume", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(extend_volume, "extend_volume", WRAP_EVENT | WRAP_FAULT);
REFUSED(reserve_device, NULL, WRAP_NOTIFY | WRAP_REVERT | WRAP_FAULT);
REFUSED(live_migration, "live-migration", WRAP_NOTIFY | WRAP_EVENT | WRAP_FAULT);
REFUSED(quietly, NULL, WRAP_NOTIFY);

/* The claim of an instance that was to move here: none ever does, so there is none to drop. */
static int drop_move_claim(InstanceCall *c _unused_, json_t **ret _unused_, NovaException *e _unused_) {
        return 0;
}

const InstanceMethod method_drop_move_claim = {
        .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK, .body = drop_move_claim,
};

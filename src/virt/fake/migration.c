/* Guests of the fake driver that are resized or move to another host. The other host is another driver: this one plays
 * whichever end it is asked to be. */
#include "virt/fake/private.h"

#include <errno.h>

#include "basic/json.h"

static int fake_migrate_disk_and_power_off(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                           const char *dest, const json_t *flavor, const json_t *network_info _unused_,
                                           const json_t *block_device_info _unused_, char **ret_disk_info, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "migrate_disk_and_power_off", i, e);
        json_auto_t *disks = NULL;
        int64_t root_gb;
        char *text;

        if (c.r < 0)
                return c.r;
        if (c.guest->resize == RESIZE_LEFT || isempty(dest))
                return fake_refuse(&c, c.guest, e);
        root_gb = json_member_integer(flavor, "root_gb", c.guest->root_gb);
        if (root_gb < c.guest->root_gb)
                return exception_setf(e, EXC_INVALID, "Unable to resize disk down: from %lld to %lld GiB", (long long) c.guest->root_gb,
                                      (long long) root_gb);

        disks = json_pack("[{s:s, s:s, s:I}]", "type", "qcow2", "path", "disk", "virt_disk_size", (json_int_t) c.guest->root_gb << 30);
        text = disks ? json_text(disks) : NULL;
        if (!text)
                return fake_no_memory(&c, e);
        c.guest->resize = RESIZE_LEFT;
        fake_guest_set_state(&c, c.guest, POWER_SHUTDOWN);
        *ret_disk_info = text;
        return 0;
}

static int fake_finish_migration(ComputeDriver *driver, const RequestContext *context _unused_, const json_t *migration _unused_,
                                 const Instance *i, const char *disk_info _unused_, const json_t *network_info,
                                 const json_t *image_meta _unused_, bool resize_instance, const json_t *block_device_info,
                                 bool power_on, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "finish_migration", e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);      /* there already when it is resized on its own host */
        if (g && g->resize != RESIZE_LEFT)
                return fake_refuse(&c, g, e);
        if (!g)
                g = fake_guest_new(c.d, i);
        if (!g || fake_guest_set_devices(g, network_info, block_device_info) < 0)
                return fake_no_memory(&c, e);
        if (resize_instance) {
                g->memory_mb = i->memory_mb;
                g->vcpus = i->vcpus;
                g->root_gb = i->volume_backed ? 0 : i->root_gb;
                g->disk_gb = g->root_gb + i->ephemeral_gb + i->swap_mb / 1024;
        }
        g->resize = RESIZE_ARRIVED;
        fake_guest_set_state(&c, g, power_on ? POWER_RUNNING : POWER_SHUTDOWN);
        return 0;
}

/* At the source: what was left there is no longer needed. */
static int fake_confirm_migration(ComputeDriver *driver, const RequestContext *context _unused_, const json_t *migration _unused_,
                                  const Instance *i, const json_t *network_info _unused_, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "confirm_migration", e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);
        if (g && g->resize == RESIZE_LEFT)
                fake_guest_remove(c.d, g);
        else if (g)
                g->resize = RESIZE_NONE;
        return 0;
}

static int fake_finish_revert_migration(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                        const json_t *network_info, const json_t *block_device_info, bool power_on,
                                        NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "finish_revert_migration", i, e);

        if (c.r < 0)
                return c.r;
        if (c.guest->resize == RESIZE_NONE)
                return fake_refuse(&c, c.guest, e);
        if (fake_guest_set_devices(c.guest, network_info, block_device_info) < 0)
                return fake_no_memory(&c, e);
        c.guest->memory_mb = i->memory_mb;
        c.guest->vcpus = i->vcpus;
        c.guest->resize = RESIZE_NONE;
        fake_guest_set_state(&c, c.guest, power_on ? POWER_RUNNING : POWER_SHUTDOWN);
        return 0;
}

static int fake_check_can_live_migrate_destination(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                                   bool block_migration, bool disk_over_commit, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "check_can_live_migrate_destination", e);

        if (c.r < 0)
                return c.r;
        if (fake_guest_find(c.d, i->uuid))
                return exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", i->uuid);
        *ret = json_pack("{s:s, s:b, s:b, s:I}", "filename", i->uuid, "block_migration", block_migration, "disk_over_commit",
                         disk_over_commit, "disk_available_mb", (json_int_t) c.d->local_gb * 1024);
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_check_can_live_migrate_source(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                              const json_t *check_data, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "check_can_live_migrate_source", i, e);

        if (c.r < 0)
                return c.r;
        *ret = check_data ? json_deep_copy(check_data) : json_object();
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_pre_live_migration(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                   const json_t *block_device_info, const json_t *network_info, const json_t *migrate_data,
                                   json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "pre_live_migration", e);
        json_t *data;
        Guest *g;

        if (c.r < 0)
                return c.r;
        if (fake_guest_find(c.d, i->uuid))
                return exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", i->uuid);
        data = migrate_data ? json_deep_copy(migrate_data) : json_object();
        g = data ? fake_guest_new(c.d, i) : NULL;
        if (!g) {
                json_decref(data);
                return fake_no_memory(&c, e);
        }
        g->move = MOVE_INCOMING;
        g->state = POWER_NOSTATE;
        if (fake_guest_set_devices(g, network_info, block_device_info) < 0) {
                fake_guest_remove(c.d, g);
                json_decref(data);
                return fake_no_memory(&c, e);
        }
        *ret = data;
        return 0;
}

static int fake_pre_block_migration(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i _unused_,
                                    const char *disk_info, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "pre_block_migration", e);
        json_auto_t *disks = NULL;
        char why[200];

        if (c.r < 0)
                return c.r;
        if (json_parse(strempty(disk_info), strlen(strempty(disk_info)), &disks, why, sizeof why) < 0 || !json_is_array(disks))
                return exception_setf(e, EXC_INVALID, "The disk information is no JSON list");
        return 0;
}

/* Takes [fake] migration_seconds, during which it can be aborted or forced to its end. */
static int fake_live_migration(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i, const char *dest,
                               bool block_migration _unused_, const json_t *migrate_data _unused_, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "live_migration", i, e);
        usec_t deadline;

        if (c.r < 0)
                return c.r;
        if ((c.guest->state != POWER_RUNNING && c.guest->state != POWER_PAUSED) || c.guest->move != MOVE_NONE)
                return fake_refuse(&c, c.guest, e);
        if (isempty(dest) || streq(dest, c.d->host))
                return exception_setf(e, EXC_INVALID, "Instance %s cannot move to \"%s\" from there", c.guest->uuid, strempty(dest));

        c.guest->move = MOVE_OUTGOING;
        deadline = now_monotonic() + c.d->migration_time;
        while (!c.d->closing && now_monotonic() < deadline) {
                fake_wait(c.d, deadline);
                c.guest = fake_guest_find(c.d, i->uuid);      /* it may have been destroyed meanwhile */
                if (!c.guest)
                        return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", i->uuid);
                if (c.guest->move != MOVE_OUTGOING)
                        break;
        }
        if (c.d->closing || c.guest->move == MOVE_ABORTED) {
                c.guest->move = MOVE_NONE;
                (void) exception_setf(e, EXC_NOVA, "The live migration of instance %s was aborted", c.guest->uuid);
                if (e)
                        e->error = -ECANCELED;
                return -ECANCELED;
        }

        fake_guest_set_state(&c, c.guest, POWER_SHUTDOWN);
        fake_guest_remove(c.d, c.guest);
        return 0;
}

static int tell_migration(ComputeDriver *driver, const char *method, const Instance *i, MoveStage stage, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, method, i, e);

        if (c.r < 0)
                return c.r;
        if (c.guest->move != MOVE_OUTGOING)
                return fake_refuse(&c, c.guest, e);
        c.guest->move = stage;        /* fake_leave wakes the migration */
        return 0;
}

static int fake_live_migration_abort(ComputeDriver *d, const Instance *i, NovaException *e) {
        return tell_migration(d, "live_migration_abort", i, MOVE_ABORTED, e);
}

static int fake_live_migration_force_complete(ComputeDriver *d, const Instance *i, NovaException *e) {
        return tell_migration(d, "live_migration_force_complete", i, MOVE_FORCED, e);
}

static int fake_post_live_migration_at_destination(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                                   const json_t *network_info, bool block_migration _unused_, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "post_live_migration_at_destination", e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);
        if (!g || g->move != MOVE_INCOMING)
                return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", strempty(i->uuid));
        if (fake_guest_set_devices(g, network_info, NULL) < 0)
                return fake_no_memory(&c, e);
        g->move = MOVE_NONE;
        fake_guest_set_state(&c, g, POWER_RUNNING);
        return 0;
}

static int fake_rollback_live_migration_at_destination(ComputeDriver *driver, const RequestContext *context _unused_,
                                                       const Instance *i, const json_t *network_info _unused_,
                                                       const json_t *block_device_info _unused_, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "rollback_live_migration_at_destination", e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);
        if (g && g->move == MOVE_INCOMING)
                fake_guest_remove(c.d, g);
        return 0;
}

void fake_migration_ops(ComputeDriverOps *ops) {
        ops->migrate_disk_and_power_off = fake_migrate_disk_and_power_off;
        ops->finish_migration = fake_finish_migration;
        ops->confirm_migration = fake_confirm_migration;
        ops->finish_revert_migration = fake_finish_revert_migration;
        ops->check_can_live_migrate_destination = fake_check_can_live_migrate_destination;
        ops->check_can_live_migrate_source = fake_check_can_live_migrate_source;
        ops->pre_live_migration = fake_pre_live_migration;
        ops->pre_block_migration = fake_pre_block_migration;
        ops->live_migration = fake_live_migration;
        ops->live_migration_abort = fake_live_migration_abort;
        ops->live_migration_force_complete = fake_live_migration_force_complete;
        ops->post_live_migration_at_destination = fake_post_live_migration_at_destination;
        ops->rollback_live_migration_at_destination = fake_rollback_live_migration_at_destination;
}

/* init_host of the seed, as later releases made it: the driver first and once, then each instance of this host by itself.
 * Recoveries are jobs under the instance's key: the service reports and consumes while they run, requests for an instance
 * wait behind its recovery, and one that fails ends in ERROR with a fault while the others go on (F3 to F6). Nothing here
 * asks a peer, and no guest is destroyed whose deletion had not begun.
 *
 * A failure that passes by itself (no hypervisor, no store) says nothing about an instance: it is kept in a list and tried
 * again when the hypervisor is back and with each power synchronization. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/build.h"

#include <assert.h>
#include <fcntl.h>
#include <malloc.h>

#include "basic/log.h"
#include "compute/identity.h"
#include "compute/notify-instance.h"

#define BOOT_ID_SETTING "boot_id"
#define RECOVERY_DEADLINE (5 * USEC_PER_MINUTE)

static const char *const recovery_action_names[_RECOVERY_ACTION_MAX] = {
        [RECOVERY_LEAVE] = "leave",
        [RECOVERY_CONTINUE] = "continue",
        [RECOVERY_ERROR] = "error",
        [RECOVERY_FORGET] = "forget",
        [RECOVERY_DELETE] = "delete",
        [RECOVERY_CLEAR_TASK] = "clear task",
        [RECOVERY_ACTIVE] = "active",
        [RECOVERY_REBOOT_SOFT] = "soft reboot",
        [RECOVERY_REBOOT_HARD] = "hard reboot",
        [RECOVERY_UNPAUSE] = "unpause",
        [RECOVERY_POWER_OFF] = "power off",
        [RECOVERY_POWER_ON] = "power on",
        [RECOVERY_REVERT_MIGRATION] = "revert migration",
        [RECOVERY_ABORT_LIVE_MIGRATION] = "abort live migration",
};

const char *recovery_action_to_string(RecoveryAction a) {
        return a >= 0 && a < _RECOVERY_ACTION_MAX ? recovery_action_names[a] : NULL;
}

RecoveryAction recovery_action(VmState vm, TaskState task, PowerState guest) {
        bool running = guest == POWER_RUNNING;

        if (vm == VM_SOFT_DELETED)
                return RECOVERY_LEAVE;
        if (vm == VM_ERROR && task != TASK_RESIZE_MIGRATING && task != TASK_DELETING)
                return RECOVERY_LEAVE;
        if (vm == VM_DELETED)
                return RECOVERY_FORGET;
        if (vm == VM_BUILDING && task != TASK_DELETING)
                return RECOVERY_ERROR;

        switch (task) {
        case TASK_SCHEDULING:
        case TASK_BLOCK_DEVICE_MAPPING:
        case TASK_NETWORKING:
        case TASK_SPAWNING:
                return RECOVERY_ERROR;

        case TASK_REBUILDING:
        case TASK_REBUILD_BLOCK_DEVICE_MAPPING:
        case TASK_REBUILD_SPAWNING:
                return vm == VM_ACTIVE || vm == VM_STOPPED ? RECOVERY_ERROR : RECOVERY_CONTINUE;

        case TASK_IMAGE_SNAPSHOT:
        case TASK_IMAGE_SNAPSHOT_PENDING:
        case TASK_IMAGE_PENDING_UPLOAD:
        case TASK_IMAGE_UPLOADING:
        case TASK_IMAGE_BACKUP:
        case TASK_RESIZE_PREP:
                return RECOVERY_CLEAR_TASK;

        case TASK_DELETING:
                return RECOVERY_DELETE;

        case TASK_REBOOT_PENDING:
                if (vm != VM_ACTIVE)
                        return RECOVERY_CONTINUE;
                return running ? RECOVERY_REBOOT_SOFT : RECOVERY_REBOOT_HARD;
        case TASK_REBOOT_PENDING_HARD:
                if (vm == VM_ACTIVE || vm == VM_STOPPED || vm == VM_PAUSED || vm == VM_SUSPENDED)
                        return RECOVERY_REBOOT_HARD;
                return RECOVERY_CONTINUE;
        case TASK_REBOOT_STARTED:
        case TASK_REBOOT_STARTED_HARD:
                return running ? RECOVERY_ACTIVE : RECOVERY_REBOOT_HARD;

        case TASK_RESUMING:
        case TASK_PAUSING:
                return running ? RECOVERY_ACTIVE : RECOVERY_CONTINUE;
        case TASK_UNPAUSING:
                return running ? RECOVERY_ACTIVE : guest == POWER_PAUSED ? RECOVERY_UNPAUSE : RECOVERY_CONTINUE;

        case TASK_POWERING_OFF:
                return RECOVERY_POWER_OFF;
        case TASK_POWERING_ON:
                return RECOVERY_POWER_ON;
        case TASK_RESIZE_MIGRATING:
                return RECOVERY_REVERT_MIGRATION;
        case TASK_MIGRATING:
                return RECOVERY_ABORT_LIVE_MIGRATION;

        default:
                /* Others are begun by requests that wait in the queue, or end with them. */
                return RECOVERY_CONTINUE;
        }
}

static int save_states(ComputeManager *m, const RequestContext *c, Instance *i, VmState vm, NovaException *e) {
        int r;

        i->vm_state = vm;
        i->task_state = TASK_NONE;
        r = compute_instance_save(m, c, i, NULL, e);
        return r < 0 && !exception_is_set(e) ? exception_set_errno(e, r, "Cannot save the instance") : r;
}

/* Carries @action out. Returns 1 when the instance is to be looked after further (interfaces, restart), 0 when done. */
static int recovery_run(ComputeManager *m, RequestContext *c, Instance *i, RecoveryAction action, PowerState guest,
                        NovaException *e) {
        json_auto_t *info = instance_network_info(i);
        int r;

        if (!info)
                return -ENOMEM;

        switch (action) {
        case RECOVERY_LEAVE:
                return 0;

        case RECOVERY_CONTINUE:
                return 1;

        case RECOVERY_ERROR:
                /* What a build has half made is taken back, as when it fails: it may be asked for again elsewhere. */
                if (i->vm_state == VM_BUILDING) {
                        r = compute_build_undo(m, c, i);
                        if (r < 0)
                                return exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "Its build cannot be taken back before the hypervisor answers");
                }
                (void) exception_setf(e, EXC_NOVA, "nova-compute was stopped while the instance was %s%s%s",
                                      vm_state_to_string(i->vm_state), i->task_state == TASK_NONE ? "" : ", ",
                                      strempty(task_state_to_string(i->task_state)));
                if (i->vm_state == VM_BUILDING)
                        instance_set_unbuilt(i, 0);
                return -EINTR;

        case RECOVERY_FORGET:
                r = compute_instance_destroy(m, c, i);
                return r < 0 ? exception_set_errno(e, r, "Cannot delete the instance's row") : 0;

        case RECOVERY_DELETE:
                r = compute_instance_delete(m, c, i, e);
                return r < 0 ? r : 0;

        case RECOVERY_CLEAR_TASK:
                if (i->task_state != TASK_RESIZE_PREP && m->driver->ops->undo_snapshot) {
                        r = driver_call(m, undo_snapshot, e, i);
                        if (r < 0)
                                return r;
                }
                r = save_states(m, c, i, i->vm_state, e);
                return r < 0 ? r : 1;

        case RECOVERY_ACTIVE:
                i->power_state = guest;
                r = save_states(m, c, i, VM_ACTIVE, e);
                return r < 0 ? r : 1;

        case RECOVERY_REBOOT_SOFT:
        case RECOVERY_REBOOT_HARD:
                r = compute_instance_reboot(m, c, i, action == RECOVERY_REBOOT_SOFT ? REBOOT_SOFT : REBOOT_HARD, e);
                return r < 0 ? r : 0;

        case RECOVERY_UNPAUSE:
                r = driver_call(m, unpause, e, i);
                if (r < 0)
                        return r;
                i->power_state = POWER_RUNNING;
                r = save_states(m, c, i, VM_ACTIVE, e);
                return r < 0 ? r : 0;

        case RECOVERY_POWER_OFF:
                r = compute_instance_power_off(m, i, true, e);
                return r < 0 ? r : 0;

        case RECOVERY_POWER_ON:
                r = compute_instance_power_on(m, c, i, e);
                return r < 0 ? r : 0;

        case RECOVERY_REVERT_MIGRATION:
                r = driver_call(m, finish_revert_migration, e, c, i, info, NULL, i->vm_state == VM_ACTIVE);
                if (r < 0)
                        return r;
                r = save_states(m, c, i, i->vm_state, e);
                return r < 0 ? r : 1;

        case RECOVERY_ABORT_LIVE_MIGRATION: {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

                r = driver_call(m, live_migration_abort, &x, i);
                if (r < 0)      /* there may be none under way any more */
                        log_info("No live migration of instance %s to abort: %s", i->uuid, failure_text(r, &x));
                r = save_states(m, c, i, i->vm_state, e);
                return r < 0 ? r : 1;
        }

        default:
                assert(false);
                return 0;
        }
}

/* After a boot of the host its guests are off: which ones come back (F6). Stopped by their users, or not yet or no more
 * whole, they stay off. */
static bool restart_after_boot(ComputeManager *m, const Instance *i, PowerState guest) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        if (!m->host_rebooted || (guest != POWER_NOSTATE && guest != POWER_SHUTDOWN && guest != POWER_CRASHED))
                return false;
        if (i->vm_state != VM_ACTIVE && i->vm_state != VM_RESCUED && i->vm_state != VM_RESIZED)
                return false;
        if (config_boolean(config, "start_guests_on_host_boot"))
                return true;
        return config_boolean(config, "resume_guests_state_on_host_boot") &&
               power_state_normal(i->power_state) == POWER_RUNNING;
}

static int plug(ComputeManager *m, const Instance *i, const json_t *info, PowerState guest, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        if (json_array_size(info) == 0)
                return 0;

        r = compute_network_plug(m, i, info, e);
        if (r < 0)
                return r;
        r = driver_call(m, plug_vifs, &x, i, info);
        if (r < 0 && r != -EOPNOTSUPP) {
                exception_move(e, &x);
                return r;
        }
        exception_done(&x);
        if (guest != POWER_RUNNING)
                return 0;

        r = driver_call(m, ensure_filtering_rules_for_instance, &x, i, info);
        if (r == -EOPNOTSUPP) {
                if (compute_manager_say_once(m, SAID_FILTERING_RULES))
                        log_warning("Hypervisor driver does not support firewall rules");
                return 0;
        }
        if (r < 0)
                exception_move(e, &x);
        return r;
}

/* Its build failed when the hypervisor was away. */
static int take_back(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        int r;

        r = compute_build_undo(m, c, i);
        if (r < 0)
                return exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "Its build cannot be taken back before the hypervisor answers");
        instance_set_unbuilt(i, 0);
        r = compute_instance_save(m, c, i, (const TaskState[]) { TASK_NONE, _TASK_STATE_INVALID }, e);
        return r < 0 ? r : 0;
}

static int recover(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        json_auto_t *info = instance_network_info(i);
        RecoveryAction action;
        PowerState guest;
        int r;

        if (!info)
                return -ENOMEM;
        if (instance_is_half_built(i) && i->vm_state == VM_ERROR && i->task_state == TASK_NONE)
                return take_back(m, c, i, e);
        if (m->driver->ops->tidy)
                m->driver->ops->tidy(m->driver, i);
        r = compute_instance_power(m, i, &guest, e);
        if (r < 0)
                return r;
        log_debug("Current state is %d, state in DB is %d.", guest, i->power_state);

        action = recovery_action(i->vm_state, i->task_state, guest);
        if (action != RECOVERY_CONTINUE && action != RECOVERY_LEAVE)
                log_info("Recovering instance %s (%s, %s): %s", i->uuid, vm_state_to_string(i->vm_state),
                         i->task_state == TASK_NONE ? "no task" : task_state_to_string(i->task_state),
                         recovery_action_to_string(action));
        r = recovery_run(m, c, i, action, guest, e);
        if (r <= 0)
                return r;

        r = plug(m, i, info, guest, e);
        if (r < 0)
                return r;
        if (!restart_after_boot(m, i, guest))
                return 0;

        log_info("Rebooting instance %s after nova-compute restart.", i->uuid);
        r = driver_call(m, resume_state_on_host_boot, e, c, i, info, NULL);
        if (r < 0)
                return r;
        r = compute_instance_power(m, i, &i->power_state, e);
        if (r < 0)
                return r;
        r = compute_instance_save(m, c, i, NULL, e);
        return r < 0 ? r : 0;
}

/* One recovery less; after the last one the boot of the host is dealt with. */
static void recovery_ended(ComputeManager *m, const char *uuid, bool again) {
        _cleanup_free_ char *boot_id = NULL;
        bool last;
        int r;

        pthread_mutex_lock(&m->lock);
        if (again)
                (void) name_set_add(&m->unrecovered, uuid);
        else
                (void) name_set_remove(&m->unrecovered, uuid);
        assert(m->recovering > 0);
        if (--m->recovering == 0 && m->unrecovered.n == 0)
                boot_id = TAKE_PTR(m->boot_id);
        last = m->recovering == 0;
        pthread_mutex_unlock(&m->lock);

        if (last)               /* every row was read whole, as it will not be again so soon */
                (void) malloc_trim(0);
        if (!boot_id)
                return;
        r = m->store->ops->setting_set(m->store, BOOT_ID_SETTING, boot_id);
        if (r < 0)
                log_warning("Cannot remember this boot of the host: %s", failure_text(r, NULL));
}

/* One that cannot be recovered is set to ERROR and named. A failure that is returned is a passing one, or the store's. */
static int recover_or_give_up(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        int r;

        r = recover(m, c, i, e);
        if (r >= 0 || failure_is_passing(r, e))
                return r;
        r = compute_instance_failed(m, i, r, e);
        exception_done(e);              /* from here on it is about the store */
        pthread_mutex_lock(&m->lock);
        (void) name_set_add(&m->failed, i->uuid);
        pthread_mutex_unlock(&m->lock);
        compute_manager_show_trouble(m);
        return r;
}

static void recover_instance(ComputeManager *m, const char *uuid) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        bool again = false;
        int r;

        r = c ? m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) : -ENOMEM;
        if (r > 0 && (i.host ? streq(i.host, m->host) : i.vm_state == VM_BUILDING))
                r = recover_or_give_up(m, c, &i, &e);
        if (r < 0) {
                log_warning("Instance %s is not yet recovered: %s", uuid, failure_text(r, &e));
                again = true;
        }
        recovery_ended(m, uuid, again);
}

static int submit_recovery(ComputeManager *m, const char *uuid) {
        int r;

        pthread_mutex_lock(&m->lock);
        m->recovering++;
        pthread_mutex_unlock(&m->lock);

        r = compute_manager_submit(m, JOB_STATE, "recover_instance", uuid, RECOVERY_DEADLINE, recover_instance);
        if (r < 0)
                recovery_ended(m, uuid, true);
        return r;
}

void compute_recover_later(ComputeManager *m, const char *uuid) {
        pthread_mutex_lock(&m->lock);
        (void) name_set_add(&m->unrecovered, uuid);
        pthread_mutex_unlock(&m->lock);
}

void compute_recover_again(ComputeManager *m) {
        NameSet again;

        pthread_mutex_lock(&m->lock);
        again = m->unrecovered;
        m->unrecovered = (NameSet) {};
        m->recovering++;                /* not the last one before all are submitted */
        pthread_mutex_unlock(&m->lock);

        for (size_t n = 0; n < again.n; n++)
                (void) submit_recovery(m, again.items[n]);
        name_set_done(&again);

        recovery_ended(m, "", false);
}

/* Whether the host has booted since the service ran last: then 1, 0 if not or if it never ran here. The new id is
 * remembered once all recoveries have ended, so that a crash in between loses no restart. */
static int check_boot(ComputeManager *m, char **ret_boot_id) {
        _cleanup_free_ char *before = NULL, *now = NULL;
        _cleanup_close_ int fd = -1;
        char buf[64];
        ssize_t n;
        int r;

        fd = open(m->boot_id_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, buf, sizeof buf - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        buf[strcspn(buf, "\r\n")] = '\0';
        now = strdup(buf);
        if (!now)
                return -ENOMEM;

        r = m->store->ops->setting_get(m->store, BOOT_ID_SETTING, &before);
        if (r < 0)
                return r;
        if (r > 0 && streq(before, now))
                return 0;

        *ret_boot_id = TAKE_PTR(now);
        return r > 0;
}

static int init_driver(ComputeManager *m, NovaException *e) {
        bool ready;
        int r;

        pthread_mutex_lock(&m->lock);
        ready = m->driver_ready;
        m->driver_closing = false;
        pthread_mutex_unlock(&m->lock);
        if (ready)
                return 0;

        r = driver_call(m, init_host, e, m->host);
        if (r < 0) {
                compute_manager_show_hypervisor(m, failure_text(r, e));
                return r;
        }
        pthread_mutex_lock(&m->lock);
        m->driver_ready = true;
        pthread_mutex_unlock(&m->lock);
        compute_manager_show_hypervisor(m, NULL);
        return 0;
}

static void collect_busy(const OperationInfo *info, void *userdata) {
        if (info->instance_uuid)
                (void) name_set_add(userdata, info->instance_uuid);
}

/* Builds that were accepted and have no host yet. Who asked for them on D-Bus was told at a stop that they do not begin, and without a
 * journal nobody knows of them after the end of the process: they fail. */
static int list_waiting_builds(ComputeManager *m, InstanceList *ret) {
        size_t n = 0;
        int r;

        r = m->store->ops->instance_list_by_host(m->store, NULL, READ_DELETED_NO, ret);
        if (r < 0)
                return r;
        for (size_t k = 0; k < ret->n; k++)
                if (ret->items[k].vm_state == VM_BUILDING)
                        ret->items[n++] = ret->items[k];
                else
                        instance_done(&ret->items[k]);
        ret->n = n;
        return 0;
}

/* Whether the journal has requests for it that an earlier run accepted: these go first. */
static bool is_open(const ComputeManager *m, const char *uuid) {
        for (const char *const *p = m->manager.open_instances; p && *p; p++)
                if (streq(*p, uuid))
                        return true;
        return false;
}

void compute_recover_when_stored(ComputeManager *m, RequestContext *c, const char *uuid) {
        for (unsigned attempt = 0; !m->stopping; attempt++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(instance_done) Instance i = {};
                bool half = false;
                int r;

                r = m->store->ops->setting_set(m->store, "last_write_failure", uuid);
                if (r >= 0)
                        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i);
                if (r > 0)
                        half = i.task_state != TASK_NONE || i.vm_state == VM_BUILDING;
                if (half && (!i.host || streq(i.host, m->host)))
                        r = recover_or_give_up(m, c, &i, &e);
                if (r >= 0 || !failure_is_passing(r, &e))
                        return;
                if (attempt == 0)
                        log_warning("Instance %s is left half-way until the store can be written: %s", uuid, failure_text(r, &e));
                (void) usleep((useconds_t) backoff_delay(MIN(attempt, 4u), 100 * USEC_PER_MSEC, 2 * USEC_PER_SEC));
        }
}

/* Its open requests have their turn now; behind them comes what is to be done with any instance. One without a row, or of
 * another host, was not counted by init_host. */
void compute_recover_open_instance(ComputeManager *m, const char *uuid) {
        bool counted;

        pthread_mutex_lock(&m->lock);
        counted = name_set_remove(&m->open, uuid);
        pthread_mutex_unlock(&m->lock);
        if (!counted)
                return;
        if (submit_recovery(m, uuid) < 0)
                log_warning("Instance %s is not yet recovered", uuid);
        recovery_ended(m, "", false);
}

/* What was half done is as the hypervisor has it, as for any instance found in the middle of a task; the fault and the end of
 * the task are the request's. */
void compute_interrupted(ComputeManager *m, const Operation *o) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        bool told = false;
        int r;

        if (!o->instance_uuid)
                return;
        r = m->store->ops->instance_get(m->store, o->instance_uuid, READ_DELETED_NO, &i);
        /* A build that had not begun has no host yet. */
        if (r <= 0 || (i.host ? !streq(i.host, m->host) : i.vm_state != VM_BUILDING))
                return;
        if (i.vm_state == VM_BUILDING && i.task_state != TASK_DELETING && i.task_state != TASK_SOFT_DELETING) {
                const TaskState expected[] = { i.task_state, _TASK_STATE_INVALID };
                int undone = compute_build_undo(m, o->context, &i);

                /* before it is in error, without a host: the next start would not look at it any more */
                told = m->store->ops->instance_fault_create(m->store, i.uuid, m->host, 500, strempty(o->exception.message), NULL) >= 0;
                instance_set_unbuilt(&i, undone);
                r = compute_instance_save(m, o->context, &i, expected, NULL);
                if (r >= 0 && undone < 0)
                        compute_recover_later(m, i.uuid);
        } else if (i.task_state != TASK_NONE) {
                r = recover(m, o->context, &i, &e);
                if (r < 0)
                        log_warning("Instance %s could not be looked at after %s: %s", i.uuid, o->method->name, failure_text(r, &e));
                instance_done(&i);
                i = (Instance) {};
                r = m->store->ops->instance_get(m->store, o->instance_uuid, READ_DELETED_NO, &i);
                if (r <= 0)
                        return;
        }
        if (i.task_state != TASK_NONE) {
                i.task_state = TASK_NONE;
                r = compute_instance_save(m, o->context, &i, NULL, NULL);
        }
        if (r >= 0 && !told)
                r = m->store->ops->instance_fault_create(m->store, i.uuid, m->host, 500, strempty(o->exception.message), NULL);
        if (r < 0)
                log_error("The fault of instance %s could not be recorded: %s", i.uuid, failure_text(r, NULL));
        instance_call_interrupted(o, &o->exception);
}

/* ---- asked for ---- */

static bool recovering(ComputeManager *m) {
        bool some;

        pthread_mutex_lock(&m->lock);
        some = m->recovering > 0;
        pthread_mutex_unlock(&m->lock);
        return some;
}

/* Those with requests in flight are in good hands: what is half done there is being done. They are looked for after the rows are
 * listed, so that none that is only accepted is taken for one that was left. */
int compute_run_recover(Operation *o, json_t **ret _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(instance_list_done) InstanceList rows = {}, waiting = {};
        NameSet busy = {};
        int r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r >= 0)
                r = list_waiting_builds(m, &waiting);
        if (r < 0)
                return local_store_failure(r, "Cannot list the instances of this host", e);
        operation_foreach_other(o, collect_busy, &busy);
        (void) operation_step(o, "instances");
        for (size_t n = 0; n < rows.n; n++)
                if (!name_set_has(&busy, rows.items[n].uuid))
                        (void) submit_recovery(m, rows.items[n].uuid);
        for (size_t n = 0; n < waiting.n; n++)
                if (!name_set_has(&busy, waiting.items[n].uuid))
                        (void) submit_recovery(m, waiting.items[n].uuid);
        name_set_done(&busy);
        /* Each under its own key, behind what is worked on there. */
        while (recovering(m)) {
                if (operation_cancelled(o))
                        return operation_refuse_cancelled(o, e);
                if (m->stopping)
                        return exception_setf(e, EXC_NOVA, "The service ends");
                (void) usleep(20 * USEC_PER_MSEC);
        }
        (void) operation_step(o, "power states");
        operation_progress(o, 90);
        return compute_sync_power_states(m, o->context, e);
}

int local_store_failure(int r, const char *what, NovaException *e) {
        (void) exception_setf(e, EXC_DB_ERROR, "%s: %s", what, isempty(store_last_error()) ? strerror(-r) : store_last_error());
        return r;
}

int compute_init_host(ComputeManager *m, RequestContext *c _unused_, NovaException *e) {
        _cleanup_(instance_list_done) InstanceList instances = {}, waiting = {};
        _cleanup_free_ char *boot_id = NULL;
        NameSet busy = {};
        int booted, r;

        /* Also while there is no hypervisor. A store that cannot be read is told below. */
        (void) instance_table_watch(m->instances);
        compute_offer_refresh(m);
        r = init_driver(m, e);
        if (r < 0)
                return r;
        /* Before anything is recovered: on another host's database nothing is put right. */
        r = compute_check_identity(m, e);
        if (r < 0)
                return r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &instances);
        if (r >= 0)
                r = list_waiting_builds(m, &waiting);
        if (r < 0)
                return local_store_failure(r, "Cannot list the instances of this host", e);
        /* Behind the list: what was accepted since is in the gate. */
        if (m->manager.gate)
                operation_gate_foreach(m->manager.gate, collect_busy, &busy);
        if (m->driver->ops->tidy)
                m->driver->ops->tidy(m->driver, NULL);

        booted = check_boot(m, &boot_id);
        if (booted < 0) {
                log_warning("Cannot tell whether the host has booted, so no guest is restarted: %s", failure_text(booted, NULL));
                booted = 0;
        }

        pthread_mutex_lock(&m->lock);
        m->host_rebooted = booted > 0;
        free(m->boot_id);
        m->boot_id = TAKE_PTR(boot_id);
        m->recovering++;
        pthread_mutex_unlock(&m->lock);

        for (size_t n = 0; n < instances.n; n++) {
                if (is_open(m, instances.items[n].uuid)) {
                        /* Until compute_recover_open_instance. Not again, should init_host be called again. */
                        pthread_mutex_lock(&m->lock);
                        if (name_set_add(&m->open, instances.items[n].uuid) > 0)
                                m->recovering++;
                        pthread_mutex_unlock(&m->lock);
                        continue;
                }
                r = submit_recovery(m, instances.items[n].uuid);
                if (r < 0)
                        log_warning("Instance %s is not yet recovered: %s", instances.items[n].uuid, failure_text(r, NULL));
        }
        for (size_t n = 0; n < waiting.n; n++)
                if (!is_open(m, waiting.items[n].uuid) && !name_set_has(&busy, waiting.items[n].uuid))
                        (void) submit_recovery(m, waiting.items[n].uuid);
        name_set_done(&busy);
        recovery_ended(m, "", false);
        return 0;
}

/* The periodic tasks (essex 11.7, zed 4.9): each has its own due time and runs as a job of its own; the table says when.
 * Where the seed had a gate of its own besides (host status, bandwidth, network info), it is kept: the task is asked every
 * tick, and works when the gate's interval has passed.
 *
 * A task that finds an instance to work on does not do so itself: it submits a job under that instance's key, which reads
 * the row anew, so that what a user asked for meanwhile counts. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/audit-period.h"
#include "compute/resource-tracker.h"

#define INSTANCE_DEADLINE (5 * USEC_PER_MINUTE)

static int list_instances(ComputeManager *m, ReadDeleted deleted, InstanceList *ret, NovaException *e) {
        int r;

        r = m->store->ops->instance_list_by_host(m->store, m->host, deleted, ret);
        return r < 0 ? exception_set_errno(e, r, "Cannot list the instances of this host") : 0;
}

static usec_t seconds_option(ComputeManager *m, const char *name) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        int64_t seconds = config_integer(config, name);

        return seconds > 0 ? (usec_t) seconds * USEC_PER_SEC : 0;
}

static bool older_than(usec_t when, usec_t age) {
        return when > 0 && when + age <= now_realtime();
}

static usec_t last_change(const Instance *i) {
        return i->updated_at > 0 ? i->updated_at : i->created_at;
}

/* ---- an instance's turn ---- */

typedef bool (*InstanceTest)(const Instance *i, usec_t age);
typedef int (*InstanceWork)(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e);

/* Reads the row anew, and does @work if it is still due. */
static void work_if_due(ComputeManager *m, const char *uuid, const char *option, InstanceTest due, InstanceWork work,
                        const char *what) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        usec_t age = seconds_option(m, option);
        int r;

        if (!c || age == 0 || m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) <= 0)
                return;
        if (!streq_ptr(i.host, m->host) || !due(&i, age))
                return;

        log_info("Instance %s: %s", uuid, what);
        r = work(m, c, &i, &e);
        if (r < 0)
                log_error("Instance %s: %s failed: %s", uuid, what, failure_text(r, &e));
}

static int submit_due(ComputeManager *m, const char *option, InstanceTest due, const char *name,
                      void (*run)(ComputeManager *m, const char *uuid), NovaException *e) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        usec_t age = seconds_option(m, option);
        int r;

        if (age == 0)
                return 0;
        r = list_instances(m, READ_DELETED_NO, &rows, e);
        if (r < 0)
                return r;
        for (size_t n = 0; n < rows.n; n++) {
                if (!due(&rows.items[n], age))
                        continue;
                r = compute_manager_submit(m, JOB_STATE, name, rows.items[n].uuid, INSTANCE_DEADLINE, run);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot submit a job");
        }
        return 0;
}

static bool is_stuck_rebooting(const Instance *i, usec_t age) {
        switch (i->task_state) {
        case TASK_REBOOTING:
        case TASK_REBOOT_PENDING:
        case TASK_REBOOT_STARTED:
                return older_than(last_change(i), age);
        default:
                return false;
        }
}

static int reboot_hard(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        return compute_instance_reboot(m, c, i, REBOOT_HARD, e);
}

static void run_reboot(ComputeManager *m, const char *uuid) {
        work_if_due(m, uuid, "reboot_timeout", is_stuck_rebooting, reboot_hard, "hard reboot, its reboot has timed out");
}

static bool is_rescued_too_long(const Instance *i, usec_t age) {
        return i->vm_state == VM_RESCUED && i->task_state == TASK_NONE &&
               older_than(i->launched_at > 0 ? i->launched_at : last_change(i), age);
}

static int unrescue(ComputeManager *m, RequestContext *c, Instance *i, NovaException *e) {
        int r;

        r = driver_call(m, unrescue, e, c, i);
        if (r < 0)
                return r;
        i->vm_state = VM_ACTIVE;
        i->task_state = TASK_NONE;
        (void) compute_instance_power(m, i, &i->power_state, NULL);
        r = m->store->ops->instance_save(m->store, i, NULL, e);
        return r < 0 && !exception_is_set(e) ? exception_set_errno(e, r, "Cannot save the instance") : r;
}

static void run_unrescue(ComputeManager *m, const char *uuid) {
        work_if_due(m, uuid, "rescue_timeout", is_rescued_too_long, unrescue, "unrescue, its time is over");
}

static bool is_reclaimable(const Instance *i, usec_t age) {
        return i->vm_state == VM_SOFT_DELETED && (i->deleted_at == 0 ? older_than(last_change(i), age) : older_than(i->deleted_at, age));
}

static void run_reclaim(ComputeManager *m, const char *uuid) {
        work_if_due(m, uuid, "reclaim_instance_interval", is_reclaimable, compute_instance_delete,
                    "deletion, it was deleted softly long enough ago");
}

static bool is_built_too_long(const Instance *i, usec_t age) {
        return i->vm_state == VM_BUILDING && older_than(i->created_at, age);
}

static int build_failed(ComputeManager *m, RequestContext *c _unused_, Instance *i, NovaException *e _unused_) {
        _cleanup_exception_ NovaException why = NOVA_EXCEPTION_NULL;

        (void) exception_setf(&why, EXC_NOVA, "Instance build timed out. Set to error state.");
        return compute_instance_failed(m, i, -ETIME, &why);
}

static void run_build_failed(ComputeManager *m, const char *uuid) {
        work_if_due(m, uuid, "instance_build_timeout", is_built_too_long, build_failed, "error, its build has timed out");
}

/* ---- the tasks ---- */

static int task_update_available_resource(Manager *manager, RequestContext *c, NovaException *e) {
        return resource_tracker_update(manager_to_compute(manager), c, e);
}

static int task_sync_power_states(Manager *manager, RequestContext *c, NovaException *e) {
        return compute_sync_power_states(manager_to_compute(manager), c, e);
}

static int task_report_driver_status(Manager *manager, RequestContext *c, NovaException *e) {
        return compute_report_driver_status(manager_to_compute(manager), c, e);
}

static int task_publish_service_capabilities(Manager *manager, RequestContext *c, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        bool there;

        pthread_mutex_lock(&m->lock);
        there = m->last_capabilities;
        pthread_mutex_unlock(&m->lock);
        if (!there || !config_boolean(config, "publish_service_capabilities"))
                return 0;
        return compute_publish_capabilities(m, c, e);
}

static int task_poll_rebooting_instances(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return submit_due(manager_to_compute(manager), "reboot_timeout", is_stuck_rebooting, "reboot_instance", run_reboot, e);
}

static int task_poll_rescued_instances(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return submit_due(manager_to_compute(manager), "rescue_timeout", is_rescued_too_long, "unrescue_instance", run_unrescue, e);
}

static int task_reclaim_queued_deletes(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return submit_due(manager_to_compute(manager), "reclaim_instance_interval", is_reclaimable, "reclaim_instance",
                          run_reclaim, e);
}

static int task_check_instance_build_time(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return submit_due(manager_to_compute(manager), "instance_build_timeout", is_built_too_long, "check_instance_build_time",
                          run_build_failed, e);
}

static int task_poll_unconfirmed_resizes(Manager *manager, RequestContext *c _unused_, NovaException *e _unused_) {
        ComputeManager *m = manager_to_compute(manager);

        if (seconds_option(m, "resize_confirm_window") > 0 && compute_manager_say_once(m, SAID_UNCONFIRMED_RESIZES))
                log_error("resize_confirm_window is set, but NotImplementedError: this version does not resize, "
                          "so no resize is confirmed.");
        return 0;
}

/* The interfaces' counters since the begin of the current audit period. */
static int task_poll_bandwidth_usage(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int64_t interval = config_integer(config, "bandwidth_poll_interval");
        json_auto_t *usages = NULL;
        const char *unit;
        usec_t begin, end, now;
        json_t *usage;
        size_t n;
        int r;

        if (interval <= 0 || !gate_pass(m, &m->last_bw_usage_poll, (usec_t) interval * USEC_PER_SEC))
                return 0;

        unit = strempty(config_string(config, "instance_usage_audit_period"));
        now = now_realtime();
        r = audit_period(unit, now, &begin, &end);
        if (r < 0)
                return exception_setf(e, EXC_INVALID, "instance_usage_audit_period is \"%s\", not hour, day, month or year, "
                                      "with @offset or without", unit);

        r = driver_call(m, get_all_bw_usage, &x, end, now, &usages);
        if (r == -EOPNOTSUPP) {
                if (compute_manager_say_once(m, SAID_BANDWIDTH))
                        log_info("Bandwidth usage not supported by hypervisor.");
                return 0;
        }
        if (r < 0) {
                exception_move(e, &x);
                return r;
        }

        json_array_foreach(usages, n, usage) {
                _cleanup_free_ char *mac = strdup(strempty(json_member_string(usage, "mac_address")));
                BandwidthUsage row = {
                        .mac = mac,
                        .start_period = end,
                        .last_refreshed = now,
                        .bw_in = json_member_integer(usage, "bw_in", 0),
                        .bw_out = json_member_integer(usage, "bw_out", 0),
                };

                if (isempty(mac))
                        continue;
                r = m->store->ops->bandwidth_update(m->store, &row);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot save bandwidth usage");
        }
        return 0;
}

/* The next instance whose network info is to be refreshed; the list is taken anew when it has run out. Returns 1 with *ret
 * filled, 0 when there is none. */
static int heal_next(ComputeManager *m, Instance *ret, NovaException *e) {
        for (bool refilled = false;;) {
                _cleanup_(instance_list_done) InstanceList rows = {};
                _cleanup_free_ char *uuid = NULL;
                int r;

                pthread_mutex_lock(&m->lock);
                if (m->heal_queue.n > 0) {
                        uuid = m->heal_queue.items[0];
                        m->heal_queue.items[0] = NULL;
                        memmove(m->heal_queue.items, m->heal_queue.items + 1, --m->heal_queue.n * sizeof(char *));
                }
                pthread_mutex_unlock(&m->lock);

                if (uuid) {
                        Instance i = {};

                        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i);
                        if (r < 0)
                                return exception_set_errno(e, r, "Cannot read the instance");
                        if (r > 0 && streq_ptr(i.host, m->host) && i.vm_state != VM_BUILDING && i.task_state != TASK_DELETING) {
                                *ret = i;
                                return 1;
                        }
                        instance_done(&i);      /* moved away, gone, or not yet there */
                        continue;
                }
                if (refilled)
                        return 0;

                r = list_instances(m, READ_DELETED_NO, &rows, e);
                if (r < 0)
                        return r;
                pthread_mutex_lock(&m->lock);
                for (size_t n = 0; n < rows.n; n++)
                        (void) name_set_add(&m->heal_queue, rows.items[n].uuid);
                pthread_mutex_unlock(&m->lock);
                refilled = true;
        }
}

/* Writes what the network service said, unless a task has begun since. */
static int heal_save(ComputeManager *m, const char *uuid, const json_t *info, NovaException *e) {
        _cleanup_(instance_done) Instance i = {};
        const TaskState task[] = { TASK_NONE, _TASK_STATE_INVALID };
        _cleanup_free_ char *text = json_text(info);
        int r;

        if (!text)
                return -ENOMEM;
        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i);
        if (r <= 0 || streq_ptr(i.network_info, text))
                return r;
        free(i.network_info);
        i.network_info = TAKE_PTR(text);
        r = m->store->ops->instance_save(m->store, &i, task, e);
        return r == -ESTALE ? 0 : r;
}

static int task_heal_instance_info_cache(Manager *manager, RequestContext *c, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        usec_t interval = seconds_option(m, "heal_instance_info_cache_interval");
        json_auto_t *info = NULL;
        int r;

        if (interval == 0 || !m->messenger || network_is_stub(m) || !gate_pass(m, &m->last_info_cache_heal, interval))
                return 0;
        r = heal_next(m, &i, e);
        if (r <= 0)
                return r;

        /* A peer that does not answer is its own trouble: told once, not every minute. */
        r = network_api_get_instance_nw_info(m->network_api, c, &i, &info, &x);
        if (r >= 0 && info)
                r = heal_save(m, i.uuid, info, &x);
        if (r >= 0)
                (void) atomic_fetch_and(&m->said, ~(unsigned) SAID_HEAL_FAILED);
        else if (compute_manager_say_once(m, SAID_HEAL_FAILED))
                log_warning("Cannot refresh the network info of instance %s: %s", i.uuid, failure_text(r, &x));
        return 0;
}

/* ---- guests of deleted rows ---- */

typedef enum DeletedAction { DELETED_NOOP, DELETED_LOG, DELETED_SHUTDOWN, DELETED_REAP, _DELETED_ACTION_MAX } DeletedAction;
static const char *const deleted_actions[_DELETED_ACTION_MAX] = { "noop", "log", "shutdown", "reap" };

static void run_deleted_guest(ComputeManager *m, const char *uuid, bool reap) {
        _cleanup_(context_unrefp) RequestContext *c = context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *info = NULL;
        int r;

        if (!c || m->store->ops->instance_get(m->store, uuid, READ_DELETED_ONLY, &i) <= 0)
                return;
        info = instance_network_info(&i);
        if (!info)
                return;
        if (reap)
                r = driver_call(m, destroy, &e, c, &i, info, NULL, true);
        else
                r = driver_call(m, power_off, &e, &i, 0, 0);
        if (r < 0)
                log_error("Cannot %s the guest of deleted instance %s: %s", reap ? "destroy" : "power off", uuid,
                          failure_text(r, &e));
        else
                log_info("The guest of deleted instance %s is %s.", uuid, reap ? "destroyed" : "powered off");
}

static void run_reap(ComputeManager *m, const char *uuid) {
        run_deleted_guest(m, uuid, true);
}

static void run_shutdown(ComputeManager *m, const char *uuid) {
        run_deleted_guest(m, uuid, false);
}

static int task_cleanup_running_deleted_instances(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *text = strempty(config_string(config, "running_deleted_instance_action"));
        int64_t timeout = config_integer(config, "running_deleted_instance_timeout");
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_(strv_freep) char **guests = NULL;
        int action = 0, r;

        while (action < _DELETED_ACTION_MAX && !streq(text, deleted_actions[action]))
                action++;
        if (action == _DELETED_ACTION_MAX)
                return exception_setf(e, EXC_INVALID, "running_deleted_instance_action is \"%s\", not noop, log, shutdown or reap",
                                      text);
        if (action == DELETED_NOOP)
                return 0;

        r = driver_call(m, list_instance_uuids, e, &guests);
        if (r < 0)
                return r;
        r = list_instances(m, READ_DELETED_ONLY, &rows, e);
        if (r < 0)
                return r;

        for (size_t n = 0; n < rows.n; n++) {
                const Instance *i = &rows.items[n];
                bool running = false, is_new;

                for (char **g = guests; g && *g && !running; g++)
                        running = streq(*g, i->uuid);
                if (!running || !older_than(i->deleted_at, (usec_t) MAX(timeout, 0) * USEC_PER_SEC))
                        continue;

                pthread_mutex_lock(&m->lock);
                is_new = name_set_add(&m->deleted_guests, i->uuid) != 0;
                pthread_mutex_unlock(&m->lock);

                switch (action) {
                case DELETED_LOG:
                        if (is_new)
                                log_warning("Detected instance with name label '%s' (%s) which is marked as DELETED but still present "
                                            "on host.", strempty(i->name), i->uuid);
                        r = 0;
                        break;
                case DELETED_SHUTDOWN:
                        r = compute_manager_submit(m, JOB_STATE, "shutdown_deleted", i->uuid, INSTANCE_DEADLINE, run_shutdown);
                        break;
                default:
                        log_info("Destroying instance with name label '%s' (%s) which is marked as DELETED but still present on "
                                 "host.", strempty(i->name), i->uuid);
                        r = compute_manager_submit(m, JOB_STATE, "reap_deleted", i->uuid, INSTANCE_DEADLINE, run_reap);
                        break;
                }
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot submit a job");
        }
        return 0;
}

static int task_run_image_cache_manager_pass(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = list_instances(m, READ_DELETED_NO, &rows, e);
        if (r < 0)
                return r;
        r = driver_call(m, manage_image_cache, &x, &rows);
        if (r == -EOPNOTSUPP) {
                if (compute_manager_say_once(m, SAID_IMAGE_CACHE))
                        log_debug("The driver keeps no image cache.");
                return 0;
        }
        if (r < 0)
                exception_move(e, &x);
        return r;
}

/* Every tick = periodic_interval. A task of which an option switches it off looks at that option itself, so that a reload
 * takes effect. */
static const PeriodicTask tasks[] = {
        {
                .name = "update_available_resource", .spacing_option = "update_resources_interval",
                .deadline = 30 * USEC_PER_SEC, .run = task_update_available_resource,
        },
        {
                .name = "_sync_power_states", .spacing_option = "sync_power_state_interval", .spacing = 600,
                .run_immediately = true, .deadline = USEC_PER_MINUTE, .run = task_sync_power_states,
        },
        {
                .name = "_report_driver_status", .deadline = 30 * USEC_PER_SEC, .run = task_report_driver_status,
        },
        {
                .name = "_publish_service_capabilities", .deadline = 30 * USEC_PER_SEC,
                .run = task_publish_service_capabilities,
        },
        {
                .name = "_heal_instance_info_cache", .deadline = 2 * USEC_PER_MINUTE, .run = task_heal_instance_info_cache,
        },
        {
                .name = "_poll_bandwidth_usage", .deadline = USEC_PER_MINUTE, .run = task_poll_bandwidth_usage,
        },
        {
                .name = "_poll_rebooting_instances", .deadline = USEC_PER_MINUTE, .run = task_poll_rebooting_instances,
        },
        {
                .name = "_poll_rescued_instances", .deadline = USEC_PER_MINUTE, .run = task_poll_rescued_instances,
        },
        {
                .name = "_poll_unconfirmed_resizes", .deadline = USEC_PER_MINUTE, .run = task_poll_unconfirmed_resizes,
        },
        {
                .name = "_reclaim_queued_deletes", .deadline = USEC_PER_MINUTE, .run = task_reclaim_queued_deletes,
        },
        {
                .name = "_check_instance_build_time", .deadline = USEC_PER_MINUTE, .run = task_check_instance_build_time,
        },
        {
                .name = "_cleanup_running_deleted_instances", .spacing_option = "running_deleted_instance_poll_interval",
                .spacing = 1800, .off_when_zero = true, .run_immediately = true, .deadline = USEC_PER_MINUTE,
                .run = task_cleanup_running_deleted_instances,
        },
        {
                .name = "_run_image_cache_manager_pass", .spacing_option = "image_cache.manager_interval", .spacing = 2400,
                .deadline = 10 * USEC_PER_MINUTE, .run = task_run_image_cache_manager_pass,
        },
};

const PeriodicTask *compute_periodic_tasks(size_t *ret_n) {
        assert(ret_n);
        *ret_n = ELEMENTSOF(tasks);
        return tasks;
}

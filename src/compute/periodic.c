/* The periodic tasks (essex 11.7, zed 4.9): each has its own due time and runs as a job of its own; the table says when.
 * Where the seed had a gate of its own besides (host status, bandwidth, network info), it is kept: the task is asked every
 * tick, and works when the gate's interval has passed.
 *
 * A task that finds an instance to work on does not do so itself: it asks the service for it as a user would
 * (own-request.h), and when that has its turn the row is looked at anew, so that what a user asked for meanwhile counts. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include <assert.h>

#include "basic/json.h"
#include "basic/log.h"
#include "compute/deleted.h"
#include "compute/instance-call.h"
#include "compute/notify-instance.h"
#include "compute/resource-tracker.h"

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

/* ---- what is found at an instance ---- */

typedef bool (*InstanceTest)(const Instance *i, usec_t age);

/* Reads the row anew: 1 with *ret filled when the age of @option has come for it still. */
static int read_due(ComputeManager *m, const char *uuid, const char *option, InstanceTest test, Instance *ret) {
        _cleanup_(instance_done) Instance i = {};
        usec_t age = seconds_option(m, option);

        if (age == 0 || m->store->ops->instance_get(m->store, uuid, READ_DELETED_NO, &i) <= 0 || !streq_ptr(i.host, m->host) ||
            !test(&i, age))
                return 0;
        if (ret) {
                *ret = i;
                i = (Instance) {};
        }
        return 1;
}

/* Has @found called for each instance of which the age of @option has come. */
static int for_each_due(ComputeManager *m, const char *option, InstanceTest test, int (*found)(ComputeManager *m, const char *uuid),
                        NovaException *e) {
        _cleanup_(instance_list_done) InstanceList rows = {};
        usec_t age = seconds_option(m, option);
        int r;

        if (age == 0)
                return 0;
        r = list_instances(m, READ_DELETED_NO, &rows, e);
        if (r < 0)
                return r;
        for (size_t n = 0; n < rows.n; n++) {
                if (!test(&rows.items[n], age))
                        continue;
                r = found(m, rows.items[n].uuid);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot submit a request");
        }
        return 0;
}

static bool is_stuck_rebooting(const Instance *i, usec_t age) {
        switch (i->task_state) {
        case TASK_REBOOTING:
        case TASK_REBOOT_PENDING:
        case TASK_REBOOT_STARTED:
        case TASK_REBOOTING_HARD:
        case TASK_REBOOT_PENDING_HARD:
        case TASK_REBOOT_STARTED_HARD:
                return older_than(last_change(i), age);
        default:
                return false;
        }
}

static bool reboot_is_due(ComputeManager *m, const char *uuid) {
        return read_due(m, uuid, "reboot_timeout", is_stuck_rebooting, NULL) > 0;
}

static int found_stuck_reboot(ComputeManager *m, const char *uuid) {
        int r = compute_request_own(m, "reboot_instance", uuid, json_pack("{s:s}", "reboot_type", "HARD"), reboot_is_due);

        if (r > 0)
                log_info("Instance %s: its reboot has timed out, it is rebooted hard.", uuid);
        return r;
}

static bool is_rescued_too_long(const Instance *i, usec_t age) {
        return i->vm_state == VM_RESCUED && i->task_state == TASK_NONE &&
               older_than(i->launched_at > 0 ? i->launched_at : last_change(i), age);
}

static bool unrescue_is_due(ComputeManager *m, const char *uuid) {
        return read_due(m, uuid, "rescue_timeout", is_rescued_too_long, NULL) > 0;
}

static int found_rescued(ComputeManager *m, const char *uuid) {
        int r = compute_request_own(m, "unrescue_instance", uuid, NULL, unrescue_is_due);

        if (r > 0)
                log_info("Instance %s: the time of its rescue is over, it is unrescued.", uuid);
        return r;
}

static bool is_reclaimable(const Instance *i, usec_t age) {
        return i->vm_state == VM_SOFT_DELETED && (i->deleted_at == 0 ? older_than(last_change(i), age) : older_than(i->deleted_at, age));
}

static bool reclaim_is_due(ComputeManager *m, const char *uuid) {
        return read_due(m, uuid, "reclaim_instance_interval", is_reclaimable, NULL) > 0;
}

static int found_reclaimable(ComputeManager *m, const char *uuid) {
        int r = compute_request_own(m, "terminate_instance", uuid, json_pack("{s:[]}", "bdms"), reclaim_is_due);

        if (r > 0)
                log_info("Instance %s was deleted softly long enough ago: it is deleted.", uuid);
        return r;
}

static bool is_built_too_long(const Instance *i, usec_t age) {
        return i->vm_state == VM_BUILDING && older_than(i->created_at, age);
}

/* Here and now: in its turn it would wait for the very build that does not end. That one finds its task_state gone at its
 * next step, and gives way. */
static int found_stuck_build(ComputeManager *m, const char *uuid) {
        _cleanup_exception_ NovaException why = NOVA_EXCEPTION_NULL, x = NOVA_EXCEPTION_NULL;
        TaskState as_found[] = { TASK_NONE, _TASK_STATE_INVALID };
        _cleanup_(instance_done) Instance i = {};
        int r;

        if (read_due(m, uuid, "instance_build_timeout", is_built_too_long, &i) == 0)
                return 0;
        as_found[0] = i.task_state;
        i.vm_state = VM_ERROR;
        i.task_state = TASK_NONE;
        (void) exception_setf(&why, EXC_NOVA, "Instance build timed out. Set to error state.");
        instance_fault_record(m, uuid, -ETIME, &why);
        r = compute_instance_save(m, NULL, &i, as_found, &x);
        if (r == -ESTALE)
                return 0;       /* it goes on after all; if not, the next tick finds it */
        if (r < 0)
                return r;
        log_warning("Instance %s: Instance build timed out. Set to error state.", uuid);
        return 0;
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
        return for_each_due(manager_to_compute(manager), "reboot_timeout", is_stuck_rebooting, found_stuck_reboot, e);
}

static int task_poll_rescued_instances(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return for_each_due(manager_to_compute(manager), "rescue_timeout", is_rescued_too_long, found_rescued, e);
}

static int task_reclaim_queued_deletes(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return for_each_due(manager_to_compute(manager), "reclaim_instance_interval", is_reclaimable, found_reclaimable, e);
}

static int task_check_instance_build_time(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return for_each_due(manager_to_compute(manager), "instance_build_timeout", is_built_too_long, found_stuck_build, e);
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
        usec_t begin, end, now;
        json_t *usage;
        size_t n;
        int r;

        if (interval <= 0 || !gate_pass(m, &m->last_bw_usage_poll, (usec_t) interval * USEC_PER_SEC))
                return 0;

        now = now_realtime();
        r = compute_audit_period(m, now, &begin, &end, e);
        if (r < 0)
                return r;

        r = driver_call(m, get_all_bw_usage, &x, end, now, &usages);
        if (r == -EOPNOTSUPP && network_api_is_local(m->network_api)) {
                /* The interfaces of guests are this host's. */
                exception_done(&x);
                r = network_api_get_all_bw_usage(m->network_api, &usages, &x);
        }
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
                        .instance_uuid = (char *) json_member_string(usage, "uuid"),
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

/* Writes what the network's back end said, unless a task has begun since. */
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
        r = compute_instance_save(m, NULL, &i, task, e);
        return r == -ESTALE ? 0 : r;
}

static int task_heal_instance_info_cache(Manager *manager, RequestContext *c, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        usec_t interval = seconds_option(m, "heal_instance_info_cache_interval");
        json_auto_t *info = NULL;
        int r;

        if (interval == 0 || (!m->messenger && !network_api_is_local(m->network_api)) || network_is_stub(m) ||
            !gate_pass(m, &m->last_info_cache_heal, interval))
                return 0;
        r = heal_next(m, &i, e);
        if (r <= 0)
                return r;

        /* A peer that does not answer is its own trouble: told once, not every minute. */
        r = network_api_get_instance_nw_info(m->network_api, c, &i, &info, &x);
        if (r >= 0 && info)
                r = heal_save(m, i.uuid, info, &x);
        /* What it is on this host, too: a dnsmasq that has ended is started again. */
        if (r >= 0 && info && network_api_is_local(m->network_api) && i.vm_state == VM_ACTIVE && i.task_state == TASK_NONE)
                r = compute_network_plug(m, &i, info, &x);
        if (r >= 0)
                (void) atomic_fetch_and(&m->said, ~(unsigned) SAID_HEAL_FAILED);
        else if (compute_manager_say_once(m, SAID_HEAL_FAILED))
                log_warning("Cannot refresh the network info of instance %s: %s", i.uuid, failure_text(r, &x));
        return 0;
}

static int task_cleanup_running_deleted_instances(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(manager);

        compute_sweep_networks(m);
        return compute_clean_deleted_guests(m, e);
}

static int task_run_pending_deletes(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return compute_clean_deleted_files(manager_to_compute(manager), e);
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

static int task_cleanup_expired_console_auth_tokens(Manager *manager, RequestContext *c _unused_, NovaException *e) {
        return compute_clean_console_tokens(manager_to_compute(manager), e);
}

static int task_instance_usage_audit(Manager *manager, RequestContext *c, NovaException *e) {
        return compute_usage_audit(manager_to_compute(manager), c, e);
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
                .name = "_run_pending_deletes", .spacing_option = "instance_delete_interval", .spacing = 300,
                .deadline = USEC_PER_MINUTE, .run = task_run_pending_deletes,
        },
        {
                .name = "_run_image_cache_manager_pass", .spacing_option = "image_cache.manager_interval", .spacing = 2400,
                .deadline = 10 * USEC_PER_MINUTE, .run = task_run_image_cache_manager_pass,
        },
        {
                .name = "_cleanup_expired_console_auth_tokens", .spacing = 300, .deadline = USEC_PER_MINUTE,
                .run = task_cleanup_expired_console_auth_tokens,
        },
        {
                .name = "_instance_usage_audit", .deadline = 10 * USEC_PER_MINUTE, .run = task_instance_usage_audit,
        },
};

const PeriodicTask *compute_periodic_tasks(size_t *ret_n) {
        assert(ret_n);
        *ret_n = ELEMENTSOF(tasks);
        return tasks;
}

/* The periodic tasks: what each does, its gates, and what an option switches off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sched.h>
#include <errno.h>

#include "basic/json.h"
#include "fixture.h"

static const PeriodicTask *find(const char *name) {
        size_t n;
        const PeriodicTask *t = compute_periodic_tasks(&n);

        for (size_t k = 0; k < n; k++)
                if (streq(t[k].name, name))
                        return t + k;
        fail_msg("there is no task %s", name);
        return NULL;
}

static void run(Fixture *f, const char *name) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        int r = find(name)->run(&f->m->manager, f->context, &e);

        if (r < 0)
                fail_msg("%s: %s", name, failure_text(r, &e));
        fixture_settle(f);
}

static Fixture *started(const char *const *assignments) {
        Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_int_equal(compute_init_host(f->m, f->context, &e), 0);
        fixture_settle(f);
        return f;
}

/* checklist: 36 */
static void every_task_is_there_with_the_cadence_of_today(void **state _unused_) {
        static const struct {
                const char *name, *option;
                unsigned spacing;
                bool immediately;
        } rows[] = {
                { "update_available_resource", "update_resources_interval", 0, false },
                { "_sync_power_states", "sync_power_state_interval", 600, true },
                { "_report_driver_status", NULL, 0, false },
                { "_publish_service_capabilities", NULL, 0, false },
                { "_heal_instance_info_cache", NULL, 0, false },
                { "_poll_bandwidth_usage", NULL, 0, false },
                { "_poll_rebooting_instances", NULL, 0, false },
                { "_poll_rescued_instances", NULL, 0, false },
                { "_poll_unconfirmed_resizes", NULL, 0, false },
                { "_reclaim_queued_deletes", NULL, 0, false },
                { "_check_instance_build_time", NULL, 0, false },
                { "_cleanup_running_deleted_instances", "running_deleted_instance_poll_interval", 1800, true },
                { "_run_pending_deletes", "instance_delete_interval", 300, false },
                { "_run_image_cache_manager_pass", "image_cache.manager_interval", 2400, false },
                { "_cleanup_expired_console_auth_tokens", NULL, 300, false },
                { "_instance_usage_audit", NULL, 0, false },
        };
        size_t n;

        (void) compute_periodic_tasks(&n);
        assert_int_equal(n, ELEMENTSOF(rows));
        for (size_t k = 0; k < n; k++) {
                const PeriodicTask *t = find(rows[k].name);

                assert_int_equal(t->spacing, rows[k].spacing);
                assert_int_equal(t->run_immediately, rows[k].immediately);
                assert_true(streq_ptr(t->spacing_option, rows[k].option));
        }
}

/* ---- the gates ---- */

static usec_t clock_now;
static unsigned stats_calls, bandwidth_calls;

static usec_t test_clock(void) {
        return clock_now;
}

static int counted_stats(ComputeDriver *d _unused_, bool refresh, json_t **ret, NovaException *e _unused_) {
        assert_true(refresh);
        stats_calls++;
        *ret = json_pack("{s:i}", "vcpus", stats_calls);
        return 0;
}

static int counted_bandwidth(ComputeDriver *d _unused_, usec_t start, usec_t stop, json_t **ret, NovaException *e _unused_) {
        assert_true(start < stop);
        bandwidth_calls++;
        *ret = json_pack("[{s:s, s:i, s:i}]", "mac_address", "fa:16:3e:00:00:01", "bw_in", 10 * bandwidth_calls, "bw_out", 7);
        return 0;
}

/* Network info comes from a network service, by messages. */
static const char *const service[] = { "network_backend=service", NULL };

/* checklist: 34 */
static void the_three_gates_act_on_the_first_tick_and_then_once_per_interval(void **state _unused_) {
        _fixture_ Fixture *f = started(service);
        usec_t begun = 5 * USEC_PER_SEC;

        assert_int_equal(f->m->last_host_check, 0);
        assert_int_equal(f->m->last_bw_usage_poll, 0);
        assert_int_equal(f->m->last_info_cache_heal, 0);
        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->m->now = test_clock;
        f->ops.get_host_stats = counted_stats;
        f->ops.get_all_bw_usage = counted_bandwidth;
        f->messenger.answer = json_array();
        stats_calls = bandwidth_calls = 0;

        /* 120 s, 600 s and 60 s by default; 50 ticks of half a minute. */
        for (unsigned tick = 0; tick < 50; tick++) {
                clock_now = begun + tick * 30 * USEC_PER_SEC;
                run(f, "_report_driver_status");
                run(f, "_poll_bandwidth_usage");
                run(f, "_heal_instance_info_cache");
                assert_int_equal(stats_calls, 1 + tick / 4);
                assert_int_equal(bandwidth_calls, 1 + tick / 20);
                assert_int_equal(recording_messenger_count(&f->messenger), 1 + tick / 2);
        }
}

static void gates_below_nothing_are_closed(void **state _unused_) {
        const char *assignments[] = { "host_state_interval=-1", "bandwidth_poll_interval=0", "heal_instance_info_cache_interval=0", NULL };
        _fixture_ Fixture *f = started(assignments);

        fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        f->ops.get_host_stats = counted_stats;
        f->ops.get_all_bw_usage = counted_bandwidth;
        stats_calls = bandwidth_calls = 0;
        run(f, "_report_driver_status");
        run(f, "_poll_bandwidth_usage");
        run(f, "_heal_instance_info_cache");
        assert_int_equal(stats_calls + bandwidth_calls, 0);
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

static void bandwidth_is_kept_per_interface_and_period(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);

        f->m->now = test_clock;
        f->ops.get_all_bw_usage = counted_bandwidth;
        bandwidth_calls = 0;
        for (unsigned n = 1; n <= 2; n++) {
                clock_now = n * 1000 * USEC_PER_SEC;
                run(f, "_poll_bandwidth_usage");
        }
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM bw_usage_cache"), 1);
        assert_int_equal(fixture_query(f, "SELECT bw_in FROM bw_usage_cache WHERE mac = 'fa:16:3e:00:00:01'"), 20);
}

static void a_wrong_audit_period_is_an_error_that_names_it(void **state _unused_) {
        const char *assignments[] = { "instance_usage_audit_period=fortnight", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_true(find("_poll_bandwidth_usage")->run(&f->m->manager, f->context, &e) < 0);
        assert_non_null(strstr(e.message, "fortnight"));
}

/* ---- the usage audit ---- */

static const char audit[] = "instance_usage_audit=true", recorder[] = "oslo_messaging_notifications.driver=test";

static void launched(Fixture *f, unsigned n, const char *at, const char *terminated) {
        _cleanup_free_ char *sql = NULL;
        char uuid[UUID_TEXT_MAX];

        fixture_row(f, n, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_true(asprintf(&sql, "UPDATE instances SET launched_at = '%s', terminated_at = %s WHERE uuid = '%s'", at, terminated,
                             fixture_uuid(n, uuid)) > 0);
        (void) fixture_query(f, sql);
}

/* How many exists were sent, all of one period, which is what the store remembers. */
static size_t told_exists(Fixture *f) {
        json_auto_t *recorded = notifier_recorded(f->m->notifier);
        _cleanup_free_ char *remembered = NULL, *text = NULL;
        const json_t *message;
        size_t n, count = 0;

        (void) f->store->ops->setting_get(f->store, "usage_audit", &remembered);
        json_array_foreach(recorded, n, message) {
                const json_t *payload = json_object_get(message, "payload");

                if (!streq(json_member_string(message, "event_type"), "compute.instance.exists"))
                        continue;
                count++;
                free(text);
                text = NULL;
                assert_true(asprintf(&text, "%s %s", json_member_string(payload, "audit_period_beginning"),
                                     json_member_string(payload, "audit_period_ending")) > 0);
                assert_int_equal(strlen(text), strlen("2026-01-01 00:00:00 2026-02-01 00:00:00"));
        }
        if (text)
                assert_string_equal(strempty(remembered), text);
        return count;
}

static void a_usage_audit_tells_of_each_instance_once_for_a_period(void **state _unused_) {
        const char *assignments[] = { audit, recorder, "instance_usage_audit_period=year", NULL };
        _fixture_ Fixture *f = started(assignments);
        char uuid[UUID_TEXT_MAX];

        launched(f, 0, "2012-01-01 00:00:00.000000", "NULL");
        launched(f, 1, "2012-01-01 00:00:00.000000", "'2013-01-01 00:00:00.000000'");  /* long gone */
        launched(f, 2, "9012-01-01 00:00:00.000000", "NULL");
        launched(f, 3, "2012-01-01 00:00:00.000000", "NULL");
        assert_int_equal(f->store->ops->instance_destroy(f->store, fixture_uuid(3, uuid)), 1);  /* now: it was there in that year */
        run(f, "_instance_usage_audit");
        assert_int_equal(told_exists(f), 2);
        run(f, "_instance_usage_audit");
        assert_int_equal(told_exists(f), 2);
        /* Another period: as told the last time it was due. */
        assert_int_equal(f->store->ops->setting_set(f->store, "usage_audit", "2012-01-01 00:00:00 2013-01-01 00:00:00"), 0);
        run(f, "_instance_usage_audit");
        assert_int_equal(told_exists(f), 4);
}

static void a_usage_audit_that_failed_is_not_remembered(void **state _unused_) {
        const char *assignments[] = { audit, recorder, "instance_usage_audit_period=hour", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        launched(f, 0, "2012-01-01 00:00:00.000000", "NULL");
        (void) fixture_query(f, "CREATE TRIGGER full BEFORE INSERT ON settings WHEN NEW.name = 'usage_audit'"
                                " BEGIN SELECT RAISE(ABORT, 'no room'); END");
        assert_true(find("_instance_usage_audit")->run(&f->m->manager, f->context, &e) < 0);
        (void) fixture_query(f, "DROP TRIGGER full");
        run(f, "_instance_usage_audit");
        assert_int_equal(told_exists(f), 2);
}

static void a_usage_audit_is_off_by_default_and_waits_for_who_listens(void **state _unused_) {
        static const char *const off[] = { recorder, NULL }, *const unheard[] = { audit, NULL };

        for (unsigned n = 0; n < 2; n++) {
                _fixture_ Fixture *f = started(n == 0 ? off : unheard);

                launched(f, 0, "2012-01-01 00:00:00.000000", "NULL");
                run(f, "_instance_usage_audit");
                assert_int_equal(told_exists(f), 0);
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM settings WHERE name = 'usage_audit'"), 0);
        }
}

static void a_usage_audit_of_a_wrong_period_is_an_error_that_names_it(void **state _unused_) {
        const char *assignments[] = { audit, recorder, "instance_usage_audit_period=month@32", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        assert_true(find("_instance_usage_audit")->run(&f->m->manager, f->context, &e) < 0);
        assert_non_null(strstr(e.message, "instance_usage_audit_period is \"month@32\""));
}

/* A row with the uuid of one that was deleted is another instance's. */
static void an_instance_that_came_again_is_told_as_both(void **state _unused_) {
        const char *assignments[] = { audit, recorder, "instance_usage_audit_period=year", NULL };
        _fixture_ Fixture *f = started(assignments);
        json_auto_t *recorded = NULL;
        char uuid[UUID_TEXT_MAX];

        for (unsigned n = 0; n < 3; n++) {
                launched(f, 0, "2012-01-01 00:00:00.000000", "NULL");
                if (n == 0)
                        (void) fixture_query(f, "UPDATE instances SET display_name = 'first'");
                if (n < 2)
                        assert_int_equal(f->store->ops->instance_destroy(f->store, fixture_uuid(0, uuid)), 1);
        }
        run(f, "_instance_usage_audit");
        assert_int_equal(told_exists(f), 3);
        recorded = notifier_recorded(f->m->notifier);
        assert_string_equal(json_member_string(json_object_get(json_array_get(recorded, 0), "payload"), "display_name"), "first");
        assert_null(json_member_string(json_object_get(json_array_get(recorded, 1), "payload"), "display_name"));
}

/* ---- capabilities ---- */

/* checklist: 35 */
static void capabilities_are_published_only_when_asked_for(void **state _unused_) {
        static const char *const on[] = { "publish_service_capabilities=true", NULL };

        for (unsigned wanted = 0; wanted < 2; wanted++) {
                _fixture_ Fixture *f = started(wanted ? on : NULL);

                run(f, "_publish_service_capabilities");        /* none taken yet */
                assert_int_equal(recording_messenger_count(&f->messenger), 0);
                run(f, "_report_driver_status");
                run(f, "_publish_service_capabilities");
                assert_int_equal(recording_messenger_count(&f->messenger), wanted);
                if (wanted) {
                        json_auto_t *sent = recording_messenger_get(&f->messenger, 0);

                        assert_string_equal(json_member_string(json_object_get(sent, "args"), "service_name"), "compute");
                }
        }
}

/* ---- the network cache ---- */

static void healing_goes_round_robin_and_writes_what_changed(void **state _unused_) {
        _fixture_ Fixture *f = started(service);
        char seen[5][UUID_TEXT_MAX], uuid[UUID_TEXT_MAX];

        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        fixture_row(f, 1, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
        fixture_row(f, 2, VM_ACTIVE, TASK_DELETING, POWER_RUNNING);
        fixture_row(f, 3, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
        f->m->now = test_clock;
        f->messenger.answer = json_pack("[{s:s}]", "id", "vif1");

        for (unsigned n = 0; n < 4; n++) {
                json_auto_t *sent = NULL;

                clock_now = (n + 1) * USEC_PER_MINUTE;
                run(f, "_heal_instance_info_cache");
                sent = recording_messenger_get(&f->messenger, n);
                assert_string_equal(json_member_string(sent, "method"), "get_instance_nw_info");
                strcpy(seen[n], json_member_string(json_object_get(sent, "args"), "instance_uuid"));
        }
        assert_string_equal(seen[0], fixture_uuid(0, uuid));
        assert_string_equal(seen[1], fixture_uuid(3, uuid));
        assert_string_equal(seen[2], seen[0]);
        assert_string_equal(seen[3], seen[1]);
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 3, &i);
                assert_string_equal(i.network_info, "[{\"id\":\"vif1\"}]");
        }
}

static void a_network_service_that_is_away_is_no_failure_and_loses_nothing(void **state _unused_) {
        _fixture_ Fixture *f = started(service);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 0, &i);
                i.network_info = strdup("[{\"id\":\"old\"}]");
                assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, &e), 1);
        }
        f->messenger.result = -ETIMEDOUT;
        run(f, "_heal_instance_info_cache");
        {
                _cleanup_(instance_done) Instance i = {};

                fixture_read(f, 0, &i);
                assert_string_equal(i.network_info, "[{\"id\":\"old\"}]");
        }
}

static void the_local_networks_heal_a_cache_and_keep_what_is_not_theirs(void **state _unused_) {
        const char *assignments[] = { "network=name=private,cidr=10.1.0.0/24", NULL };
        /* Healing makes the bridge: not on the machine's own network. Who may not have one of his own may not make one either. */
        int alone _unused_ = unshare(CLONE_NEWNET);
        _fixture_ Fixture *f = started(assignments);
        json_auto_t *info = NULL, *healed = NULL;
        _cleanup_(instance_done) Instance i = {}, after = {};

        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        fixture_read(f, 0, &i);
        assert_int_equal(network_api_allocate_for_instance(f->m->network_api, f->context, &i, false, NULL, &info, NULL), 0);
        /* A guest that a Python nova-compute left here has its port in another service's network; and a VIF of ours that is not
         * leased any more. */
        i.network_info = strdup("[{\"id\": \"port1\", \"network\": {\"id\": \"net1\"}},"
                                " {\"id\": \"gone\", \"network\": {\"id\": \"d921059f-5698-5cf5-92e0-b8619736caa3\"}}]");
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, NULL), 1);

        run(f, "_heal_instance_info_cache");
        fixture_read(f, 0, &after);
        healed = instance_network_info(&after);
        assert_int_equal(json_array_size(healed), 2);
        assert_true(json_equal(json_array_get(healed, 0), json_array_get(info, 0)));
        assert_string_equal(json_member_string(json_array_get(healed, 1), "id"), "port1");
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

static void with_stub_network_nobody_is_asked(void **state _unused_) {
        const char *assignments[] = { "stub_network=true", NULL };
        _fixture_ Fixture *f = started(assignments);

        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        run(f, "_heal_instance_info_cache");
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

/* ---- what took too long ---- */

static void backdate(Fixture *f, unsigned n, const char *column) {
        _cleanup_free_ char *sql = NULL;
        char uuid[UUID_TEXT_MAX];

        /* What the guest's first events make of the row comes before. */
        fixture_settle(f);
        assert_true(asprintf(&sql, "UPDATE instances SET %s = '2012-01-01 00:00:00.000000' WHERE uuid = '%s'", column,
                             fixture_uuid(n, uuid)) > 0);
        (void) fixture_query(f, sql);
}

static void a_stuck_reboot_is_done_hard_after_its_time(void **state _unused_) {
        const char *assignments[] = { "reboot_timeout=300", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_(instance_done) Instance stuck = {}, fresh = {};

        fixture_instance(f, 0, VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_instance(f, 1, VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, POWER_SHUTDOWN);
        backdate(f, 0, "updated_at");
        run(f, "_poll_rebooting_instances");
        fixture_read(f, 0, &stuck);
        fixture_read(f, 1, &fresh);
        assert_int_equal(stuck.task_state, TASK_NONE);
        assert_int_equal(stuck.power_state, POWER_RUNNING);
        assert_int_equal(fixture_guest(f, 0), POWER_RUNNING);
        assert_int_equal(fresh.task_state, TASK_REBOOT_STARTED);
        assert_int_equal(fixture_guest(f, 1), POWER_SHUTDOWN);
}

static void a_rescue_ends_after_its_time(void **state _unused_) {
        const char *assignments[] = { "rescue_timeout=300", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance before = {}, after = {};

        fixture_instance(f, 0, VM_RESCUED, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_read(f, 0, &before);
        assert_int_equal(f->real->rescue(f->driver, f->context, &before, NULL, NULL, NULL, &e), 0);
        fixture_settle(f);
        backdate(f, 0, "launched_at");
        run(f, "_poll_rescued_instances");
        fixture_read(f, 0, &after);
        assert_int_equal(after.vm_state, VM_ACTIVE);
        /* The driver would refuse a second one. */
        assert_true(f->real->unrescue(f->driver, f->context, &before, &e) < 0);
}

static void a_build_that_takes_too_long_is_an_error_with_a_fault(void **state _unused_) {
        const char *assignments[] = { "instance_build_timeout=600", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_(instance_done) Instance slow = {}, fresh = {};

        fixture_row(f, 0, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
        fixture_row(f, 1, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
        backdate(f, 0, "created_at");
        run(f, "_check_instance_build_time");
        fixture_read(f, 0, &slow);
        fixture_read(f, 1, &fresh);
        assert_int_equal(slow.vm_state, VM_ERROR);
        assert_int_equal(fresh.vm_state, VM_BUILDING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message LIKE '%timed out%'"), 1);
}

static void what_was_deleted_softly_is_reclaimed_after_its_time(void **state _unused_) {
        const char *assignments[] = { "reclaim_instance_interval=600", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_(instance_done) Instance old = {}, fresh = {};

        fixture_instance(f, 0, VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_instance(f, 1, VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        backdate(f, 0, "updated_at");
        run(f, "_reclaim_queued_deletes");
        fixture_read(f, 0, &old);
        fixture_read(f, 1, &fresh);
        assert_true(old.deleted && old.cleaned && old.terminated_at > 0);
        assert_int_equal(old.vm_state, VM_DELETED);
        assert_int_equal(fixture_guest(f, 0), POWER_NOSTATE);
        assert_false(fresh.deleted);
        assert_int_equal(fixture_guest(f, 1), POWER_SHUTDOWN);
}

static void timeouts_that_are_off_touch_nothing(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        _cleanup_(instance_done) Instance a = {}, b = {};

        fixture_instance(f, 0, VM_ACTIVE, TASK_REBOOT_STARTED, POWER_RUNNING, POWER_SHUTDOWN);
        fixture_instance(f, 1, VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        backdate(f, 0, "updated_at");
        backdate(f, 1, "updated_at");
        run(f, "_poll_rebooting_instances");
        run(f, "_poll_rescued_instances");
        run(f, "_poll_unconfirmed_resizes");
        run(f, "_reclaim_queued_deletes");
        run(f, "_check_instance_build_time");
        fixture_read(f, 0, &a);
        fixture_read(f, 1, &b);
        assert_int_equal(a.task_state, TASK_REBOOT_STARTED);
        assert_false(b.deleted);
}

/* ---- guests of deleted rows ---- */

static void a_guest_of_a_deleted_row_is_treated_as_configured(void **state _unused_) {
        static const struct {
                const char *action, *timeout;
                PowerState after;
        } rows[] = {
                { "noop", "0", POWER_RUNNING },
                { "log", "0", POWER_RUNNING },
                { "shutdown", "0", POWER_SHUTDOWN },
                { "reap", "0", POWER_NOSTATE },
                { "reap", "3600", POWER_RUNNING },      /* not yet old enough */
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_free_ char *action = NULL, *timeout = NULL;
                char uuid[UUID_TEXT_MAX];

                assert_true(asprintf(&action, "running_deleted_instance_action=%s", rows[n].action) > 0);
                assert_true(asprintf(&timeout, "running_deleted_instance_timeout=%s", rows[n].timeout) > 0);

                const char *assignments[] = { action, timeout, NULL };
                _fixture_ Fixture *f = started(assignments);

                fixture_instance(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
                fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
                fixture_settle(f);
                assert_true(f->store->ops->instance_destroy(f->store, fixture_uuid(0, uuid)) >= 0);
                run(f, "_cleanup_running_deleted_instances");
                assert_int_equal(fixture_guest(f, 0), rows[n].after);
                assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        }
}

/* A driver whose files go at the given attempt, 0 = never. */
static unsigned cleanups, cleanup_succeeds;
static char *cleanup_directory;

static int counted_cleanup(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                           const json_t *info, const json_t *bdi _unused_, bool destroy_disks, NovaException *e _unused_) {
        assert_true(destroy_disks);
        assert_true(json_is_array(info));
        if (++cleanups == cleanup_succeeds)
                assert_int_equal(rmdir(cleanup_directory), 0);
        return 0;
}

static void files_of_a_deleted_row_are_tried_to_be_removed_a_few_times(void **state _unused_) {
        static const struct {
                const char *suffix;
                unsigned succeeds, cleanups;
        } rows[] = { { "", 1, 1 }, { "_del", 1, 1 }, { "_del", 2, 2 }, { "_del", 0, 3 } };
        const char *assignments[] = { "maximum_instance_delete_attempts=3", NULL };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _fixture_ Fixture *f = started(assignments);
                _cleanup_free_ char *instances = NULL, *living = NULL, *unknown = NULL;
                char uuid[UUID_TEXT_MAX];

                f->ops.cleanup = counted_cleanup;
                cleanups = 0;
                cleanup_succeeds = rows[n].succeeds;
                fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
                fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
                assert_true(f->store->ops->instance_destroy(f->store, fixture_uuid(0, uuid)) >= 0);
                assert_true(asprintf(&instances, "%s/instances", f->dir) > 0);
                assert_int_equal(mkdir(instances, 0700), 0);
                assert_true(asprintf(&cleanup_directory, "%s/%s%s", instances, uuid, rows[n].suffix) > 0);
                assert_true(asprintf(&living, "%s/%s", instances, fixture_uuid(1, uuid)) > 0);
                assert_true(asprintf(&unknown, "%s/%s_del", instances, fixture_uuid(2, uuid)) > 0);
                assert_int_equal(mkdir(cleanup_directory, 0700), 0);
                assert_int_equal(mkdir(living, 0700), 0);
                assert_int_equal(mkdir(unknown, 0700), 0);

                for (unsigned tick = 0; tick < 1000 && cleanups < rows[n].cleanups; tick++)
                        run(f, "_run_pending_deletes");
                for (unsigned tick = 0; tick < 3; tick++)
                        run(f, "_run_pending_deletes");
                if (cleanups != rows[n].cleanups)
                        fail_msg("row %zu: %u attempts", n, cleanups);
                assert_int_equal(access(cleanup_directory, F_OK), rows[n].succeeds > 0 ? -1 : 0);
                assert_int_equal(access(living, F_OK), 0);
                assert_int_equal(access(unknown, F_OK), 0);
                free(TAKE_PTR(cleanup_directory));
        }
}

static void a_tick_that_finds_an_attempt_under_way_is_none_itself(void **state _unused_) {
        const char *assignments[] = { "maximum_instance_delete_attempts=2", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_free_ char *directory = NULL;
        char uuid[UUID_TEXT_MAX];

        f->ops.cleanup = counted_cleanup;
        cleanups = cleanup_succeeds = 0;
        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_true(f->store->ops->instance_destroy(f->store, fixture_uuid(0, uuid)) >= 0);
        assert_true(asprintf(&directory, "%s/instances", f->dir) > 0);
        assert_int_equal(mkdir(directory, 0700), 0);
        free(TAKE_PTR(directory));
        assert_true(asprintf(&directory, "%s/instances/%s", f->dir, uuid) > 0);
        assert_int_equal(mkdir(directory, 0700), 0);

        for (unsigned tick = 0; tick < 5; tick++)       /* the loop does not turn: the first is asked for, and has not begun */
                assert_int_equal(find("_run_pending_deletes")->run(&f->m->manager, f->context, NULL), 0);
        fixture_settle(f);
        assert_int_equal(cleanups, 1);
        for (unsigned tick = 0; tick < 3; tick++)
                run(f, "_run_pending_deletes");
        assert_int_equal(cleanups, 2);
}

/* ---- the way of requests ---- */

/* As a request of a user that was accepted before: what it leaves is what counts. */
static void what_is_found_is_looked_at_anew_in_its_turn(void **state _unused_) {
        const char *assignments[] = { "reboot_timeout=60", "reclaim_instance_interval=60", NULL };
        _fixture_ Fixture *f = started(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance soft = {}, again = {};
        char uuid[UUID_TEXT_MAX];

        fixture_instance(f, 0, VM_SOFT_DELETED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_settle(f);
        backdate(f, 0, "updated_at");

        /* Found, but its turn comes when the loop runs: until then it is restored. */
        assert_int_equal(find("_reclaim_queued_deletes")->run(&f->m->manager, f->context, &e), 0);
        assert_true(name_set_has(&f->m->own_requests, fixture_uuid(0, uuid)));
        assert_int_equal(find("_reclaim_queued_deletes")->run(&f->m->manager, f->context, &e), 0);
        assert_int_equal(f->m->own_requests.n, 1);
        fixture_read(f, 0, &soft);
        soft.vm_state = VM_ACTIVE;
        assert_int_equal(f->store->ops->instance_save(f->store, &soft, NULL, &e), 1);
        fixture_settle(f);

        fixture_read(f, 0, &again);
        assert_false(again.deleted);
        assert_int_equal(again.task_state, TASK_NONE);
        assert_int_equal(fixture_guest(f, 0), POWER_SHUTDOWN);
        assert_int_equal(f->m->own_requests.n, 0);
}

static void a_stop_found_by_the_host_has_the_events_of_a_users(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);
        _cleanup_(instance_done) Instance i = {};

        fixture_instance(f, 0, VM_PAUSED, TASK_NONE, POWER_PAUSED, POWER_PAUSED);
        fixture_settle(f);
        {
                char uuid[UUID_TEXT_MAX];

                assert_int_equal(fake_driver_set_guest_state(f->driver, fixture_uuid(0, uuid), POWER_SHUTDOWN), 0);
        }
        run(f, "_sync_power_states");
        fixture_read(f, 0, &i);
        assert_int_equal(i.vm_state, VM_STOPPED);
        assert_int_equal(i.power_state, POWER_SHUTDOWN);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions WHERE action = 'stop'"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE event = 'compute_stop_instance' "
                                          "AND result = 'Success'"), 1);
}

/* ---- images ---- */

static size_t cached_instances;

static int counted_cache(ComputeDriver *d _unused_, const InstanceList *all, NovaException *e _unused_) {
        cached_instances = all->n;
        return 0;
}

static void the_image_cache_is_given_all_instances_of_the_host(void **state _unused_) {
        _fixture_ Fixture *f = started(NULL);

        fixture_row(f, 0, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        fixture_row(f, 1, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
        f->ops.manage_image_cache = counted_cache;
        run(f, "_run_image_cache_manager_pass");
        assert_int_equal(cached_instances, 2);
        /* A driver without one is nothing to complain of. */
        f->ops.manage_image_cache = NULL;
        run(f, "_run_image_cache_manager_pass");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_task_is_there_with_the_cadence_of_today),
                cmocka_unit_test(the_three_gates_act_on_the_first_tick_and_then_once_per_interval),
                cmocka_unit_test(gates_below_nothing_are_closed),
                cmocka_unit_test(bandwidth_is_kept_per_interface_and_period),
                cmocka_unit_test(a_wrong_audit_period_is_an_error_that_names_it),
                cmocka_unit_test(a_usage_audit_tells_of_each_instance_once_for_a_period),
                cmocka_unit_test(a_usage_audit_that_failed_is_not_remembered),
                cmocka_unit_test(a_usage_audit_is_off_by_default_and_waits_for_who_listens),
                cmocka_unit_test(a_usage_audit_of_a_wrong_period_is_an_error_that_names_it),
                cmocka_unit_test(an_instance_that_came_again_is_told_as_both),
                cmocka_unit_test(capabilities_are_published_only_when_asked_for),
                cmocka_unit_test(healing_goes_round_robin_and_writes_what_changed),
                cmocka_unit_test(a_network_service_that_is_away_is_no_failure_and_loses_nothing),
                cmocka_unit_test(the_local_networks_heal_a_cache_and_keep_what_is_not_theirs),
                cmocka_unit_test(with_stub_network_nobody_is_asked),
                cmocka_unit_test(a_stuck_reboot_is_done_hard_after_its_time),
                cmocka_unit_test(a_rescue_ends_after_its_time),
                cmocka_unit_test(a_build_that_takes_too_long_is_an_error_with_a_fault),
                cmocka_unit_test(what_was_deleted_softly_is_reclaimed_after_its_time),
                cmocka_unit_test(timeouts_that_are_off_touch_nothing),
                cmocka_unit_test(a_guest_of_a_deleted_row_is_treated_as_configured),
                cmocka_unit_test(files_of_a_deleted_row_are_tried_to_be_removed_a_few_times),
                cmocka_unit_test(a_tick_that_finds_an_attempt_under_way_is_none_itself),
                cmocka_unit_test(what_is_found_is_looked_at_anew_in_its_turn),
                cmocka_unit_test(a_stop_found_by_the_host_has_the_events_of_a_users),
                cmocka_unit_test(the_image_cache_is_given_all_instances_of_the_host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

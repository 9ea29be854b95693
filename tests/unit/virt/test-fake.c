/* The fake driver as a hypervisor: states follow the calls, wrong calls are refused, faults come and go. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "objects/versioned.h"
#include "virt/fake/fake.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define OTHER "99999999-2222-3333-4444-555555555555"
#define DEADLINE (10 * USEC_PER_SEC)

static Instance instance = { .uuid = (char *) UUID, .name = (char *) "instance-00000001", .memory_mb = 512, .vcpus = 2, .root_gb = 10,
                             .ephemeral_gb = 4, .swap_mb = 2048 };
static const Instance nobody = { .uuid = (char *) OTHER, .name = (char *) "instance-00000002" };

/* @assignments: up to three, NULL-terminated. */
static ComputeDriver *driver_with(const char *const *assignments, NovaException *e) {
        _cleanup_(config_unrefp) Config *c = NULL;
        const char *all[8] = { "host=host1", "fake.vcpus=4" };
        ConfigError error = {};

        for (size_t i = 0; assignments && assignments[i]; i++)
                all[2 + i] = assignments[i];
        if (config_new_for_test(&c, all, &error) < 0)
                fail_msg("%s", error.text);
        return fake_driver_construct(c, e);
}

static ComputeDriver *connected(const char *const *assignments) {
        _cleanup_exception_ NovaException e = {};
        ComputeDriver *d = driver_with(assignments, &e);

        assert_non_null(d);
        if (d->ops->init_host(d, "host1", &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static void spawn(ComputeDriver *d, const Instance *i) {
        _cleanup_exception_ NovaException e = {};

        if (d->ops->spawn(d, NULL, i, NULL, NULL, NULL, NULL, NULL, NULL, &e) < 0)
                fail_msg("%s", e.message);
}

static PowerState state_of(ComputeDriver *d, const Instance *i) {
        DomainInfo info = { .state = 99 };

        assert_int_equal(d->ops->get_info(d, i, &info, NULL), 0);
        return info.state;
}

static void no_entry_of_the_interface_is_missing(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        void *const *entries = (void *const *) d->ops;

        for (size_t i = 0; i < sizeof(ComputeDriverOps) / sizeof(void *); i++)
                if (!entries[i])
                        fail_msg("entry %zu of ComputeDriverOps is NULL", i);
}

/* What a call does to a guest in each state: its letter is the state afterwards, - is refused.
 * R running, P paused, S shut down, C crashed, U suspended. */
static const char states[] = "RPSCU";
static const PowerState powers[] = { POWER_RUNNING, POWER_PAUSED, POWER_SHUTDOWN, POWER_CRASHED, POWER_SUSPENDED };

static int call(ComputeDriver *d, const char *method, const Instance *i, NovaException *e) {
        const ComputeDriverOps *o = d->ops;

        if (streq(method, "pause"))
                return o->pause(d, i, e);
        if (streq(method, "unpause"))
                return o->unpause(d, i, e);
        if (streq(method, "suspend"))
                return o->suspend(d, NULL, i, e);
        if (streq(method, "resume"))
                return o->resume(d, NULL, i, NULL, NULL, e);
        if (streq(method, "power_off"))
                return o->power_off(d, i, 60, 10, e);
        if (streq(method, "power_on"))
                return o->power_on(d, NULL, i, NULL, NULL, e);
        if (streq(method, "reboot soft"))
                return o->reboot(d, NULL, i, NULL, REBOOT_SOFT, NULL, e);
        if (streq(method, "reboot hard"))
                return o->reboot(d, NULL, i, NULL, REBOOT_HARD, NULL, e);
        if (streq(method, "trigger_crash_dump"))
                return o->trigger_crash_dump(d, i, e);
        if (streq(method, "rescue"))
                return o->rescue(d, NULL, i, NULL, NULL, NULL, e);
        if (streq(method, "unrescue"))
                return o->unrescue(d, NULL, i, e);
        if (streq(method, "set_admin_password"))
                return o->set_admin_password(d, i, "secret", e);
        if (streq(method, "resume_state_on_host_boot"))
                return o->resume_state_on_host_boot(d, NULL, i, NULL, NULL, e);
        fail_msg("no method %s", method);
        return 0;
}

static void every_call_changes_every_state_as_a_hypervisor_would(void **state) {
        static const struct {
                const char *method, *after;
        } table[] = {
                { "pause", "P----" },
                { "unpause", "-R---" },
                { "suspend", "UU---" },
                { "resume", "----R" },
                { "power_off", "SSSSS" },
                { "power_on", "R-RRR" },
                { "reboot soft", "R----" },
                { "reboot hard", "RRRRR" },
                { "trigger_crash_dump", "C----" },
                { "rescue", "RRRRR" },
                { "unrescue", "-----" },
                { "set_admin_password", "R----" },
                { "resume_state_on_host_boot", "RRRRR" },
        };

        for (size_t t = 0; t < ELEMENTSOF(table); t++)
                for (size_t s = 0; s < ELEMENTSOF(powers); s++) {
                        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
                        _cleanup_exception_ NovaException e = {};
                        char after = table[t].after[s];
                        int r;

                        spawn(d, &instance);
                        assert_int_equal(fake_driver_set_guest_state(d, UUID, powers[s]), 0);
                        r = call(d, table[t].method, &instance, &e);
                        if (after == '-') {
                                assert_int_equal(r, -EBADFD);
                                assert_string_equal(e.class_name, "InstanceInvalidState");
                                assert_non_null(strstr(e.message, UUID));
                                assert_int_equal(state_of(d, &instance), powers[s]);
                        } else {
                                if (r != 0)
                                        fail_msg("%s in %c: %s", table[t].method, states[s], e.message);
                                assert_int_equal(state_of(d, &instance), powers[strchr(states, after) - states]);
                        }
                        exception_done(&e);
                        e = (NovaException){};
                        assert_int_equal(call(d, table[t].method, &nobody, &e), -ENOENT);
                        assert_string_equal(e.class_name, "InstanceNotFound");
                }
}

static void a_guest_is_there_from_spawn_to_destroy(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        _cleanup_exception_ NovaException e = {};
        _cleanup_(strv_freep) char **names = NULL, **uuids = NULL;

        assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        assert_int_equal(d->ops->instance_exists(d, &instance, NULL), 0);
        spawn(d, &instance);
        assert_int_equal(state_of(d, &instance), POWER_RUNNING);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
        assert_int_equal(d->ops->instance_exists(d, &instance, NULL), 1);
        assert_int_equal(d->ops->list_instances(d, &names, NULL), 0);
        assert_string_equal(names[0], "instance-00000001");
        assert_null(names[1]);
        assert_int_equal(d->ops->list_instance_uuids(d, &uuids, NULL), 0);
        assert_string_equal(uuids[0], UUID);
        assert_int_equal(d->ops->spawn(d, NULL, &instance, NULL, NULL, NULL, NULL, NULL, NULL, &e), -EEXIST);
        assert_string_equal(e.class_name, "InstanceExists");
        assert_int_equal(d->ops->destroy(d, NULL, &instance, NULL, NULL, true, NULL), 0);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        assert_int_equal(d->ops->destroy(d, NULL, &instance, NULL, NULL, true, NULL), 0);      /* absent is fine */
        assert_int_equal(d->ops->cleanup(d, NULL, &instance, NULL, NULL, true, NULL), 0);
}

static void an_instance_without_a_uuid_is_not_spawned(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        const Instance bad = { .uuid = (char *) "../etc" };
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(d->ops->spawn(d, NULL, &bad, NULL, NULL, NULL, NULL, NULL, NULL, &e), -EINVAL);
        assert_non_null(strstr(e.message, "../etc"));
}

typedef struct Hooked {
        ComputeDriver *d;
        char steps[200];
        const char *cancel_at;          /* cancelled once this step was begun */
        unsigned percent;
        PowerState while_waiting;
        int wait_result;
} Hooked;

static void hook_step(const char *step, void *userdata) {
        Hooked *t = userdata;

        strcat(strcat(t->steps, step), " ");
}

static void hook_progress(unsigned percent, void *userdata) {
        ((Hooked *) userdata)->percent = percent;
}

static bool is_cancelled(void *userdata) {
        Hooked *t = userdata;

        return t->cancel_at && strstr(t->steps, t->cancel_at);
}

static int wait_plugged(void *userdata, NovaException *e) {
        Hooked *t = userdata;

        strcat(t->steps, "wait ");
        t->while_waiting = state_of(t->d, &instance);           /* no lock is held: the driver may be asked */
        return t->wait_result < 0 ? exception_setf(e, EXC_NOVA, "no network") : 0;
}

static int hook_task_state(TaskState state, TaskState expected, void *userdata, NovaException *e) {
        Hooked *t = userdata;

        strcat(strcat(strcat(strcat(t->steps, task_state_to_string(expected)), ">"), task_state_to_string(state)), " ");
        return t->wait_result < 0 ? exception_setf(e, EXC_UNEXPECTED_TASK_STATE, "deleting") : 0;
}

static int spawn_hooked(Hooked *t, NovaException *e) {
        const DriverHooks hooks = { .step = hook_step, .progress = hook_progress, .cancelled = is_cancelled,
                                    .wait_plugged = wait_plugged, .userdata = t };

        return t->d->ops->spawn(t->d, NULL, &instance, NULL, NULL, NULL, NULL, NULL, &hooks, e);
}

static void a_spawn_tells_its_steps_and_waits_for_the_network_paused(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        Hooked t = { .d = d };

        assert_int_equal(spawn_hooked(&t, NULL), 0);
        assert_string_equal(t.steps, "disks domain plugged wait ");
        assert_int_equal(t.while_waiting, POWER_PAUSED);
        assert_int_equal(t.percent, 100);
        assert_int_equal(state_of(d, &instance), POWER_RUNNING);
}

static void a_spawn_that_is_cancelled_or_has_no_network_leaves_nothing(void **state) {
        static const char *const at[] = { "disks", "domain" };
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);

        for (size_t i = 0; i < ELEMENTSOF(at); i++) {
                Hooked t = { .d = d, .cancel_at = at[i] };
                _cleanup_exception_ NovaException e = {};

                assert_int_equal(spawn_hooked(&t, &e), -ECANCELED);
                assert_non_null(strstr(e.message, UUID));
                assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        }
        {
                Hooked t = { .d = d, .wait_result = -1 };
                _cleanup_exception_ NovaException e = {};

                assert_true(spawn_hooked(&t, &e) < 0);
                assert_string_equal(e.message, "no network");
                assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        }
}

static void a_snapshot_asks_for_each_state_of_its_task(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        _cleanup_exception_ NovaException e = {};
        Hooked t = { .d = d };
        const DriverHooks hooks = { .step = hook_step, .progress = hook_progress, .task_state = hook_task_state, .userdata = &t };

        spawn(d, &instance);
        assert_int_equal(d->ops->snapshot(d, NULL, &instance, "image", NULL, &hooks, NULL), 0);
        assert_string_equal(t.steps, "image_snapshot>image_pending_upload extract image_pending_upload>image_uploading upload ");
        assert_int_equal(t.percent, 100);

        t.wait_result = -1;
        t.steps[0] = '\0';
        assert_true(d->ops->snapshot(d, NULL, &instance, "image", NULL, &hooks, &e) < 0);
        assert_string_equal(e.class_name, "UnexpectedTaskStateError");
        assert_null(strstr(t.steps, "extract"));
}

static void resources_are_those_configured_less_what_guests_take(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected((const char *const[]){ "fake.memory_mb=8192", "fake.local_gb=100", NULL });
        _cleanup_(compute_node_done) ComputeNode before = {}, after = {}, none = {};
        _cleanup_exception_ NovaException e = {};
        json_auto_t *stats = NULL;

        assert_int_equal(d->ops->get_available_resource(d, NULL, &before, NULL), 0);
        assert_string_equal(before.hypervisor_hostname, "host1");
        assert_string_equal(before.hypervisor_type, "fake");
        assert_int_equal(before.hypervisor_version, 1000);
        assert_int_equal(before.vcpus, 4);
        assert_int_equal(before.memory_mb, 8192);
        assert_int_equal(before.memory_mb_used + before.vcpus_used + before.local_gb_used, 0);

        spawn(d, &instance);
        assert_int_equal(d->ops->get_available_resource(d, "host1", &after, NULL), 0);
        assert_int_equal(after.vcpus_used, 2);
        assert_int_equal(after.memory_mb_used, 512);
        assert_int_equal(after.local_gb_used, 10 + 4 + 2);
        assert_int_equal(after.disk_available_least, 84);
        assert_int_equal(d->ops->get_host_stats(d, true, &stats, NULL), 0);
        assert_int_equal(json_integer_value(json_object_get(stats, "host_memory_free")), 8192 - 512);
        assert_int_equal(json_integer_value(json_object_get(stats, "disk_available")), 84);

        assert_int_equal(d->ops->get_available_resource(d, "elsewhere", &none, &e), -ENOENT);
        assert_string_equal(e.class_name, "ComputeHostNotFound");
}

static void nodes_are_those_configured(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected((const char *const[]){ "fake.nodes=a, b", NULL });
        _cleanup_(strv_freep) char **nodes = NULL;

        assert_int_equal(d->ops->get_available_nodes(d, &nodes, NULL), 0);
        assert_string_equal(nodes[0], "a");
        assert_string_equal(nodes[1], "b");
        assert_null(nodes[2]);
}

static void a_console_has_the_lines_of_each_boot_and_gives_its_end(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        _cleanup_free_ char *all = NULL, *twice = NULL, *end = NULL;

        spawn(d, &instance);
        assert_int_equal(d->ops->get_console_output(d, &instance, 0, &all, NULL), 0);
        assert_string_equal(all, "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE");
        assert_int_equal(d->ops->reboot(d, NULL, &instance, NULL, REBOOT_SOFT, NULL, NULL), 0);
        assert_int_equal(d->ops->get_console_output(d, &instance, 0, &twice, NULL), 0);
        assert_int_equal(strlen(twice), 2 * strlen(all) + 1);
        assert_int_equal(d->ops->get_console_output(d, &instance, 9, &end, NULL), 0);
        assert_string_equal(end, "LAST LINE");
}

static void volumes_and_interfaces_come_and_go(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        json_auto_t *info = json_pack("{s:s}", "driver_volume_type", "iscsi"), *vif = json_pack("{s:s, s:s}", "id", "port1", "address", "fa:16:3e:00:00:01");
        json_auto_t *disks = NULL, *names = NULL, *stats = NULL, *usage = NULL, *bdi = NULL, *vifs = NULL;
        _cleanup_exception_ NovaException e = {};
        const ComputeDriverOps *o = d->ops;

        bdi = json_pack("{s:[{s:s, s:O}]}", "block_device_mapping", "mount_device", "/dev/vdb", "connection_info", info);
        vifs = json_pack("[O]", vif);
        assert_int_equal(o->spawn(d, NULL, &instance, NULL, NULL, NULL, vifs, bdi, NULL, NULL), 0);
        assert_int_equal(o->attach_volume(d, NULL, info, &instance, "/dev/vdc", NULL), 0);
        assert_int_equal(o->attach_volume(d, NULL, info, &instance, "/dev/vdc", &e), -EINVAL);
        assert_non_null(strstr(e.message, "/dev/vdc"));
        assert_int_equal(o->list_disks(d, &instance, &disks, NULL), 0);
        assert_int_equal(json_array_size(disks), 3);
        assert_int_equal(o->block_stats(d, &instance, "vdb", &stats, NULL), 0);
        assert_int_equal(json_array_size(stats), 5);
        assert_int_equal(o->swap_volume(d, NULL, info, info, &instance, "/dev/vdb", 0, NULL), 0);
        assert_int_equal(o->extend_volume(d, NULL, info, &instance, 1 << 30, NULL), 0);
        assert_int_equal(o->detach_volume(d, NULL, info, &instance, "/dev/vdb", NULL), 0);
        assert_int_equal(o->detach_volume(d, NULL, info, &instance, "/dev/vdb", NULL), -ENOENT);

        assert_int_equal(o->attach_interface(d, NULL, &instance, NULL, vif, NULL), -EINVAL);
        assert_int_equal(o->list_interfaces(d, &instance, &names, NULL), 0);
        assert_string_equal(json_string_value(json_array_get(names, 0)), "port1");
        assert_int_equal(o->get_all_bw_usage(d, 0, 0, &usage, NULL), 0);
        assert_string_equal(json_string_value(json_object_get(json_array_get(usage, 0), "mac_address")), "fa:16:3e:00:00:01");
        assert_int_equal(o->detach_interface(d, NULL, &instance, vif, NULL), 0);
        assert_int_equal(o->detach_interface(d, NULL, &instance, vif, NULL), -ENOENT);
        assert_int_equal(o->attach_volume(d, NULL, info, &nobody, "/dev/vdb", NULL), -ENOENT);
}

static void diagnostics_are_of_guests_that_run(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        json_auto_t *old = NULL, *new = NULL, *none = NULL, *parsed = NULL;

        spawn(d, &instance);
        assert_int_equal(d->ops->get_diagnostics(d, &instance, &old, NULL), 0);
        assert_int_equal(json_integer_value(json_object_get(old, "memory")), 512 * 1024);
        assert_int_equal(d->ops->get_instance_diagnostics(d, &instance, &new, NULL), 0);
        assert_int_equal(object_parse(new, "Diagnostics", &parsed, NULL), 0);
        assert_true(json_equal(new, parsed));
        assert_int_equal(json_array_size(json_object_get(json_object_get(new, "nova_object.data"), "cpu_details")), 2);
        assert_int_equal(fake_driver_set_guest_state(d, UUID, POWER_SHUTDOWN), 0);
        assert_int_equal(d->ops->get_diagnostics(d, &instance, &none, NULL), -EBADFD);
        assert_int_equal(d->ops->get_instance_diagnostics(d, &instance, &none, NULL), -EBADFD);
}

static void a_resize_is_confirmed_or_reverted(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *source = connected(NULL), *dest = connected(NULL);
        json_auto_t *flavor = json_pack("{s:i}", "root_gb", 20), *small = json_pack("{s:i}", "root_gb", 1);
        _cleanup_free_ char *disks = NULL, *again = NULL;
        const ComputeDriverOps *o = source->ops;

        spawn(source, &instance);
        assert_int_equal(o->migrate_disk_and_power_off(source, NULL, &instance, "192.0.2.9", small, NULL, NULL, &disks, NULL), -EINVAL);
        assert_int_equal(o->finish_revert_migration(source, NULL, &instance, NULL, NULL, true, NULL), -EBADFD);
        assert_int_equal(o->migrate_disk_and_power_off(source, NULL, &instance, "192.0.2.9", flavor, NULL, NULL, &disks, NULL), 0);
        assert_int_equal(state_of(source, &instance), POWER_SHUTDOWN);
        assert_int_equal(dest->ops->finish_migration(dest, NULL, NULL, &instance, disks, NULL, NULL, true, NULL, true, NULL), 0);
        assert_int_equal(state_of(dest, &instance), POWER_RUNNING);
        assert_int_equal(o->finish_revert_migration(source, NULL, &instance, NULL, NULL, true, NULL), 0);
        assert_int_equal(state_of(source, &instance), POWER_RUNNING);
        assert_int_equal(o->migrate_disk_and_power_off(source, NULL, &instance, "192.0.2.9", flavor, NULL, NULL, &again, NULL), 0);
        assert_int_equal(o->confirm_migration(source, NULL, NULL, &instance, NULL, NULL), 0);
        assert_int_equal(o->instance_exists(source, &instance, NULL), 0);
}

typedef struct Call {
        ComputeDriver *d;
        int r;
        NovaException e;
} Call;

static void *migrate(void *data) {
        Call *c = data;

        c->r = c->d->ops->live_migration(c->d, NULL, &instance, "host2", false, NULL, &c->e);
        return NULL;
}

static void *get_info(void *data) {
        Call *c = data;
        DomainInfo info;

        c->r = c->d->ops->get_info(c->d, &instance, &info, &c->e);
        return NULL;
}

static void wait_in_flight(ComputeDriver *d, unsigned n) {
        usec_t deadline = now_monotonic() + DEADLINE;

        while (fake_driver_in_flight(d) != n) {
                if (now_monotonic() > deadline)
                        fail_msg("%u calls under way, not %u", fake_driver_in_flight(d), n);
                sched_yield();
        }
}

static void a_live_migration_moves_the_guest(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *source = connected(NULL), *dest = connected(NULL);
        json_auto_t *checked = NULL, *data = NULL, *prepared = NULL;
        const ComputeDriverOps *o = source->ops;

        spawn(source, &instance);
        assert_int_equal(o->check_can_live_migrate_destination(dest, NULL, &instance, false, false, &checked, NULL), 0);
        assert_int_equal(o->check_can_live_migrate_source(source, NULL, &instance, checked, &data, NULL), 0);
        assert_int_equal(o->pre_live_migration(dest, NULL, &instance, NULL, NULL, data, &prepared, NULL), 0);
        assert_int_equal(o->instance_exists(dest, &instance, NULL), 0);         /* not yet */
        assert_int_equal(o->live_migration(source, NULL, &instance, "host1", false, NULL, NULL), -EINVAL);
        assert_int_equal(o->live_migration(source, NULL, &instance, "host2", false, prepared, NULL), 0);
        assert_int_equal(o->instance_exists(source, &instance, NULL), 0);
        assert_int_equal(o->post_live_migration_at_destination(dest, NULL, &instance, NULL, false, NULL), 0);
        assert_int_equal(state_of(dest, &instance), POWER_RUNNING);
}

static void a_live_migration_under_way_can_be_aborted_or_forced(void **state) {
        for (int forced = 0; forced < 2; forced++) {
                _cleanup_(compute_driver_freep) ComputeDriver *d = connected((const char *const[]){ "fake.migration_seconds=600", NULL });
                Call c = { .d = d };
                usec_t deadline = now_monotonic() + DEADLINE;
                pthread_t t;
                int r;

                spawn(d, &instance);
                assert_int_equal(d->ops->live_migration_abort(d, &instance, NULL), -EBADFD);
                assert_int_equal(pthread_create(&t, NULL, migrate, &c), 0);
                do
                        r = forced ? d->ops->live_migration_force_complete(d, &instance, NULL) : d->ops->live_migration_abort(d, &instance, NULL);
                while (r == -EBADFD && now_monotonic() < deadline);
                assert_int_equal(r, 0);
                assert_int_equal(pthread_join(t, NULL), 0);
                assert_int_equal(c.r, forced ? 0 : -ECANCELED);
                assert_int_equal(d->ops->instance_exists(d, &instance, NULL), !forced);
                exception_done(&c.e);
        }
}

typedef struct Told {
        unsigned n;
        DriverEventType type;
        PowerState state;
        char uuid[40];
} Told;

static void on_event(const DriverEvent *event, void *userdata) {
        Told *t = userdata;

        t->n++;
        t->type = event->type;
        t->state = event->state;
        snprintf(t->uuid, sizeof t->uuid, "%s", strempty(event->uuid));
}

static void changes_are_told(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = driver_with(NULL, NULL);
        Told told = {};

        d->ops->set_event_callback(d, on_event, &told);
        assert_false(d->ops->is_connected(d));
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
        assert_int_equal(told.type, DRIVER_EVENT_CONNECTED);
        assert_true(d->ops->is_connected(d));
        spawn(d, &instance);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.type, DRIVER_EVENT_LIFECYCLE);
        assert_int_equal(told.state, POWER_RUNNING);
        assert_string_equal(told.uuid, UUID);
        assert_int_equal(d->ops->power_on(d, NULL, &instance, NULL, NULL, NULL), 0);    /* it is on: nothing new */
        assert_int_equal(told.n, 2);
        assert_int_equal(fake_driver_set_guest_state(d, UUID, POWER_CRASHED), 0);
        assert_int_equal(told.state, POWER_CRASHED);
        fake_driver_set_connected(d, false, "pulled");
        assert_int_equal(told.type, DRIVER_EVENT_DISCONNECTED);
        assert_false(d->ops->is_connected(d));
}

static void a_lost_connection_fails_calls_until_init_host(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = driver_with(NULL, NULL);
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(d->ops->get_num_instances(d, &e), -ENOTCONN);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        fake_driver_set_connected(d, false, "pulled");
        assert_int_equal(d->ops->get_num_instances(d, NULL), -ENOTCONN);
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
}

static void a_fault_fails_its_method_as_often_as_it_says(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = driver_with((const char *const[]){ "fake.fault=init_host:fail:HypervisorUnavailable:2", NULL }, NULL);
        _cleanup_exception_ NovaException e = {};

        assert_int_equal(d->ops->init_host(d, "host1", &e), -ENOTCONN);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        assert_int_equal(d->ops->init_host(d, "host1", NULL), -ENOTCONN);
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
}

static void a_bad_fault_is_refused_at_construction(void **state) {
        _cleanup_exception_ NovaException e = {};

        assert_null(driver_with((const char *const[]){ "fake.fault=spawn:burn", NULL }, &e));
        assert_non_null(strstr(e.message, "spawn:burn"));
}

static void a_slow_call_takes_its_time(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected((const char *const[]){ "fake.fault=get_num_instances:slow:0.05", NULL });
        usec_t before = now_monotonic();

        assert_int_equal(d->ops->get_num_instances(d, NULL), 0);
        assert_true(now_monotonic() - before >= 50 * USEC_PER_MSEC);
}

/* Others go on meanwhile; and the driver can be freed. */
static void a_call_that_hangs_holds_up_nobody_else(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected((const char *const[]){ "fake.fault=get_info:hang", NULL });
        Call c = { .d = d };
        pthread_t t;

        spawn(d, &instance);
        assert_int_equal(pthread_create(&t, NULL, get_info, &c), 0);
        wait_in_flight(d, 1);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
        assert_int_equal(fake_driver_in_flight(d), 1);
        d = compute_driver_free(d);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(c.r, -ECANCELED);
        exception_done(&c.e);
}

static void write_file(const char *path, const char *text) {
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void faults_in_the_file_come_and_go(void **state) {
        char path[] = "/tmp/nova-faults.XXXXXX";
        _cleanup_close_ int fd = mkstemp(path);
        _cleanup_free_ char *assignment = NULL;
        _cleanup_(compute_driver_freep) ComputeDriver *d = NULL;
        _cleanup_exception_ NovaException e = {};
        Call c = {};
        pthread_t t;

        assert_true(fd >= 0);
        assert_true(asprintf(&assignment, "fake.fault_file=%s", path) > 0);
        c.d = d = connected((const char *const[]){ assignment, NULL });
        spawn(d, &instance);

        write_file(path, "# the guest's monitor\nget_info:hang\n");
        assert_int_equal(pthread_create(&t, NULL, get_info, &c), 0);
        wait_in_flight(d, 1);
        write_file(path, "");
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(c.r, 0);

        write_file(path, "connection:fail\n");
        assert_int_equal(d->ops->get_num_instances(d, &e), -ENOTCONN);
        assert_int_equal(d->ops->init_host(d, "host1", NULL), -ENOTCONN);
        write_file(path, "*:fail:InstanceNotFound\n");
        assert_int_equal(d->ops->get_num_instances(d, NULL), -ENOENT);
        (void) unlink(path);
        assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
}

static void a_cpu_that_asks_for_more_is_refused(void **state) {
        static const struct {
                const char *cpu;
                int r;
        } table[] = {
                { "{\"arch\": \"x86_64\", \"features\": [\"pge\"]}", 0 },
                { "{\"arch\": \"x86_64\"}", 0 },
                { "{\"arch\": \"x86_64\", \"features\": [\"avx512f\"]}", -EINVAL },
                { "{\"arch\": \"ppc64le\"}", -EINVAL },
                { "{}", -EINVAL },
                { "?", -EINVAL },
        };
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(d->ops->compare_cpu(d, table[i].cpu, NULL), table[i].r);
}

static size_t count_lines(const char *path) {
        FILE *f = fopen(path, "r");
        size_t n = 0;
        int c;

        assert_non_null(f);
        while ((c = fgetc(f)) != EOF)
                n += c == '\n';
        fclose(f);
        return n;
}

static void guests_in_a_file_outlive_the_driver(void **state) {
        char path[] = "/tmp/test-fake-guests-XXXXXX", option[96];
        const char *const assignments[] = { option, NULL };
        _cleanup_exception_ NovaException e = {};
        json_auto_t *vif = json_pack("{s:s, s:s}", "id", "vif-1", "address", "fa:16:3e:00:00:01");
        const Instance third = { .uuid = (char *) "77777777-2222-3333-4444-555555555555", .name = (char *) "instance-00000003" };
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        snprintf(option, sizeof option, "fake.guests_file=%s", path);
        for (unsigned run = 0; run < 4; run++) {
                _cleanup_(compute_driver_freep) ComputeDriver *d = connected(assignments);
                json_auto_t *interfaces = NULL;

                switch (run) {
                case 0:
                        spawn(d, &instance);
                        spawn(d, &nobody);
                        spawn(d, &third);
                        assert_int_equal(d->ops->pause(d, &instance, &e), 0);
                        assert_int_equal(d->ops->attach_interface(d, NULL, &instance, NULL, vif, &e), 0);
                        assert_int_equal(d->ops->destroy(d, NULL, &nobody, NULL, NULL, true, &e), 0);
                        assert_int_equal(fake_driver_set_guest_state(d, third.uuid, POWER_CRASHED), 0);
                        break;
                default:
                        assert_int_equal(d->ops->get_num_instances(d, &e), 2);
                        assert_int_equal(state_of(d, &instance), POWER_PAUSED);
                        assert_int_equal(state_of(d, &third), POWER_CRASHED);
                        assert_int_equal(d->ops->list_interfaces(d, &instance, &interfaces, &e), 0);
                        assert_int_equal(json_array_size(interfaces), 1);
                        assert_int_equal(count_lines(path), 2);         /* what is over is not kept */
                        break;
                }
                /* The line of a daemon that was killed while it wrote. */
                if (run == 2) {
                        FILE *f = fopen(path, "a");

                        assert_true(fputs("{\"uuid\": \"" UUID "\"", f) >= 0);
                        fclose(f);
                }
        }
        close(fd);

        FILE *f = fopen(path, "a");
        assert_true(fputs("not a guest\n", f) >= 0);
        fclose(f);
        assert_null(driver_with(assignments, &e));
        assert_string_equal(strstr(e.message, path) ? path : e.message, path);
        assert_int_equal(unlink(path), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(guests_in_a_file_outlive_the_driver),
                cmocka_unit_test(no_entry_of_the_interface_is_missing),
                cmocka_unit_test(every_call_changes_every_state_as_a_hypervisor_would),
                cmocka_unit_test(a_guest_is_there_from_spawn_to_destroy),
                cmocka_unit_test(an_instance_without_a_uuid_is_not_spawned),
                cmocka_unit_test(a_spawn_tells_its_steps_and_waits_for_the_network_paused),
                cmocka_unit_test(a_spawn_that_is_cancelled_or_has_no_network_leaves_nothing),
                cmocka_unit_test(a_snapshot_asks_for_each_state_of_its_task),
                cmocka_unit_test(resources_are_those_configured_less_what_guests_take),
                cmocka_unit_test(nodes_are_those_configured),
                cmocka_unit_test(a_console_has_the_lines_of_each_boot_and_gives_its_end),
                cmocka_unit_test(volumes_and_interfaces_come_and_go),
                cmocka_unit_test(diagnostics_are_of_guests_that_run),
                cmocka_unit_test(a_resize_is_confirmed_or_reverted),
                cmocka_unit_test(a_live_migration_moves_the_guest),
                cmocka_unit_test(a_live_migration_under_way_can_be_aborted_or_forced),
                cmocka_unit_test(changes_are_told),
                cmocka_unit_test(a_lost_connection_fails_calls_until_init_host),
                cmocka_unit_test(a_fault_fails_its_method_as_often_as_it_says),
                cmocka_unit_test(a_bad_fault_is_refused_at_construction),
                cmocka_unit_test(a_slow_call_takes_its_time),
                cmocka_unit_test(a_call_that_hangs_holds_up_nobody_else),
                cmocka_unit_test(faults_in_the_file_come_and_go),
                cmocka_unit_test(a_cpu_that_asks_for_more_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

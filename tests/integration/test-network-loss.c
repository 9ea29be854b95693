/* What is taken away under guests: a bridge of a local network, a dnsmasq. The manager sees it and makes it anew. In a network namespace
 * of its own, with the fake driver and a real store. */
#include "namespace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "fixture.h"
#include "network/dhcp.h"

typedef struct Wanted {
        Netlink *n;
        const char *tap;                /* NULL = taps cannot be made here */
} Wanted;

static Wanted wanted;

static bool bridge_is_whole(Fixture *f _unused_) {
        LinkInfo bridge, tap;

        if (link_get(wanted.n, "br-loss", &bridge) != 1 || !(bridge.flags & IFF_UP))
                return false;
        return !wanted.tap || (link_get(wanted.n, wanted.tap, &tap) == 1 && tap.master == bridge.index);
}

static void a_bridge_taken_away_under_its_guests_is_made_anew(void **state) {
        Netlink *n = namespace_or_skip(state);
        static const char *const assignments[] = { "network=name=private,cidr=10.1.0.0/24,gateway=10.1.0.1,bridge=br-loss", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *info = NULL;
        LinkInfo bridge;

        wanted = (Wanted) { .n = n };
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_read(f, 1, &i);
        assert_int_equal(network_api_allocate_for_instance(f->m->network_api, f->context, &i, false, NULL, &info, &e), 0);
        i.network_info = json_text(info);
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, NULL), 1);
        if (compute_network_plug(f->m, &i, info, &e) < 0)
                fail_msg("%s", e.message);
        assert_true(bridge_is_whole(f));
        /* As the hypervisor does. */
        if (link_add_tap(json_member_string(json_array_get(info, 0), "devname"), (uid_t) -1) >= 0) {
                wanted.tap = json_member_string(json_array_get(info, 0), "devname");
                assert_int_equal(link_set_master(n, wanted.tap, "br-loss"), 0);
        }
        fixture_settle(f);

        assert_int_equal(link_delete(n, "br-loss"), 0);
        fixture_wait(f, bridge_is_whole);
        fixture_settle(f);

        /* Without guests nobody needs it. */
        compute_network_unplug(f->m, &i, info);
        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        assert_int_equal(f->store->ops->instance_destroy(f->store, i.uuid), 1);
        assert_int_equal(link_delete(n, "br-loss"), 0);
        fixture_settle(f);
        assert_int_equal(link_get(n, "br-loss", &bridge), 0);
}

static int run_heal(Fixture *f) {
        const PeriodicTask *tasks;
        size_t n_tasks;

        tasks = compute_periodic_tasks(&n_tasks);
        f->m->last_info_cache_heal = 0;
        for (size_t n = 0; n < n_tasks; n++)
                if (streq(tasks[n].name, "_heal_instance_info_cache"))
                        return tasks[n].run(&f->m->manager, f->context, NULL);
        return -ENOENT;
}

static void healing_starts_a_dnsmasq_that_has_ended(void **state) {
        Netlink *n = namespace_or_skip(state);
        static const char *const assignments[] = { "network=name=private,id=6f9e2a10-0000-4000-8000-0000000000cc,cidr=10.1.0.0/24,dhcp=yes,"
                                                   "bridge=br-loss", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(dhcp_settings_done) DhcpSettings s = {};
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *info = NULL;
        pid_t pid = 0, next = 0;

        if (access("/usr/sbin/dnsmasq", X_OK) < 0) {
                print_message("skipped: dnsmasq is not installed\n");
                skip();
        }
        assert_int_equal(link_set_up(n, "lo", true), 0);
        assert_int_equal(chmod(f->dir, 0711), 0);
        assert_int_equal(dhcp_settings_read(&s, f->config, NULL), 0);
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        fixture_read(f, 1, &i);
        assert_int_equal(network_api_allocate_for_instance(f->m->network_api, f->context, &i, false, NULL, &info, &e), 0);
        assert_int_equal(run_heal(f), 0);
        assert_int_equal(dhcp_find(&s, "6f9e2a10-0000-4000-8000-0000000000cc", &pid), 1);

        assert_int_equal(kill(pid, SIGKILL), 0);
        for (usec_t until = now_monotonic() + 10 * USEC_PER_SEC; dhcp_find(&s, "6f9e2a10-0000-4000-8000-0000000000cc", &next) == 1 &&
             now_monotonic() < until;)
                (void) poll(NULL, 0, 10);
        assert_int_equal(run_heal(f), 0);
        assert_int_equal(dhcp_find(&s, "6f9e2a10-0000-4000-8000-0000000000cc", &next), 1);
        assert_int_not_equal(next, pid);
        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        assert_int_equal(dhcp_find(&s, "6f9e2a10-0000-4000-8000-0000000000cc", &next), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NAMESPACE_CASE(a_bridge_taken_away_under_its_guests_is_made_anew),
                NAMESPACE_CASE(healing_starts_a_dnsmasq_that_has_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The libvirt driver, as the module that is loaded, on libvirt's own test hypervisor: no daemon, two NUMA cells, 16 CPUs of
 * which 3 are online, 3 GiB and a running domain "test". */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "virt/driver.h"

#define TEST_UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"

/* @more: one assignment, or NULL. */
static ComputeDriver *construct(const char *uri, const char *more) {
        _cleanup_free_ char *path = NULL, *connection = NULL;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_exception_ NovaException e = {};
        ComputeDriver *d = NULL;
        ConfigError error = {};

        assert_true(asprintf(&path, "module_path=%s", getenv("VIRT_MODULE_PATH")) > 0);
        assert_true(asprintf(&connection, "libvirt.connection_uri=%s", uri) > 0);
        if (config_new_for_test(&c, (const char *const[]){ path, connection, "host=host1", "my_ip=192.0.2.7", "instances_path=/no-such/instances",
                                                           more, NULL }, &error) < 0)
                fail_msg("%s", error.text);
        if (compute_driver_load(c, "libvirt.LibvirtDriver", &d, &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static ComputeDriver *connected(const char *more) {
        ComputeDriver *d = construct("test:///default", more);
        _cleanup_exception_ NovaException e = {};

        if (d->ops->init_host(d, "host1", &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static void it_is_connected_from_init_host_to_cleanup_host(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = construct("test:///default", NULL);
        _cleanup_exception_ NovaException e = {};

        assert_string_equal(d->ops->connection_uri(d), "test:///default");
        assert_false(d->ops->is_connected(d));
        assert_int_equal(d->ops->get_num_instances(d, &e), -ENOTCONN);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
        assert_non_null(strstr(e.message, "test:///default: not connected"));
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);       /* once more does no harm */
        assert_true(d->ops->is_connected(d));
        assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
        d->ops->cleanup_host(d);
        assert_false(d->ops->is_connected(d));
        assert_int_equal(d->ops->get_num_instances(d, NULL), -ENOTCONN);
}

static void it_connects_again_after_its_end(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);

        for (int i = 0; i < 3; i++) {
                d->ops->cleanup_host(d);
                assert_false(d->ops->is_connected(d));
                d->ops->cleanup_host(d);
                assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
                assert_true(d->ops->is_connected(d));
                assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
        }
}

static void all_guests_are_listed_with_their_states(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL), *away = construct("test:///default", NULL);
        _cleanup_free_ GuestState *guests = NULL;
        _cleanup_exception_ NovaException e = {};
        size_t n = 0;

        assert_int_equal(d->ops->list_guest_states(d, &guests, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(guests[0].uuid, TEST_UUID);
        assert_int_equal(guests[0].state, POWER_RUNNING);
        assert_int_equal(away->ops->list_guest_states(away, &guests, &n, &e), -ENOTCONN);
        assert_string_equal(e.class_name, "HypervisorUnavailable");
}

static void a_hypervisor_that_is_not_there_is_unavailable_by_its_uri(void **state) {
        static const char *const uris[] = { "qemu+unix:///system?socket=/no-such/socket", "nosuch:///" };

        for (size_t i = 0; i < ELEMENTSOF(uris); i++) {
                _cleanup_(compute_driver_freep) ComputeDriver *d = construct(uris[i], NULL);
                _cleanup_exception_ NovaException e = {};

                assert_int_equal(d->ops->init_host(d, "host1", &e), -ENOTCONN);
                assert_string_equal(e.class_name, "HypervisorUnavailable");
                assert_non_null(strstr(e.message, "Connection to the hypervisor is broken on host: host1"));
                assert_non_null(strstr(e.message, uris[i]));
                assert_false(d->ops->is_connected(d));
                assert_int_equal(d->ops->init_host(d, "host1", NULL), -ENOTCONN);        /* may be tried again */
        }
}

/* checklist: 54 */
static void resources_are_those_of_the_hypervisor(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        _cleanup_(strv_freep) char **nodes = NULL;
        _cleanup_(compute_node_done) ComputeNode n = {};
        _cleanup_exception_ NovaException e = {};
        json_auto_t *cpu = NULL, *numa = NULL, *specs = NULL;
        ComputeNode none = {};
        char hostname[256];
        struct statvfs s;

        assert_int_equal(gethostname(hostname, sizeof hostname), 0);
        assert_int_equal(d->ops->get_available_nodes(d, &nodes, NULL), 0);
        assert_non_null(strstr(nodes[0], hostname));
        assert_null(nodes[1]);

        if (d->ops->get_available_resource(d, nodes[0], &n, &e) < 0)
                fail_msg("%s", e.message);
        assert_string_equal(n.hypervisor_type, "TEST");
        assert_int_equal(n.hypervisor_version, 2);
        assert_string_equal(n.hypervisor_hostname, nodes[0]);
        assert_int_equal(n.vcpus, 3);
        assert_int_equal(n.vcpus_used, 2);
        assert_int_equal(n.memory_mb, 3072);
        assert_true(n.memory_mb_used >= 0 && n.memory_mb_used <= 3072);
        assert_int_equal(statvfs("/", &s), 0);
        assert_int_equal(n.local_gb, (uint64_t) s.f_frsize * s.f_blocks >> 30);
        assert_true(n.local_gb_used <= n.local_gb);
        assert_true(n.has_disk_available_least && n.disk_available_least <= n.local_gb);

        cpu = json_loads(n.cpu_info, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(cpu, "arch")), "i686");
        assert_int_equal(json_integer_value(json_object_get(json_object_get(cpu, "topology"), "cells")), 2);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(cpu, "topology"), "cores")), 2);     /* of virNodeInfo */
        numa = json_loads(n.numa_topology, 0, NULL);
        assert_int_equal(json_array_size(json_object_get(json_object_get(numa, "nova_object.data"), "cells")), 2);
        specs = json_pack("[[s, s, s], [s, s, s]]", "i686", "test", "hvm", "i686", "test", "xen");
        assert_true(json_equal(n.supported_hv_specs, specs));

        assert_int_equal(d->ops->get_available_resource(d, "elsewhere", &none, &e), -ENOENT);
        assert_null(none.cpu_info);
}

static void cpus_are_those_of_the_sets(void **state) {
        static const struct {
                const char *set;
                int64_t vcpus;          /* -1: refused */
        } table[] = {
                { "compute.cpu_shared_set=0,4", 2 },
                { "compute.cpu_dedicated_set=0", 0 },
                { "vcpu_pin_set=0,1", -1 },             /* CPU 1 is offline */
                { "vcpu_pin_set=0,2", 2 },
                { "compute.cpu_shared_set=0-15", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(compute_driver_freep) ComputeDriver *d = connected(table[i].set);
                _cleanup_(compute_node_done) ComputeNode n = {};
                _cleanup_exception_ NovaException e = {};
                int r = d->ops->get_available_resource(d, NULL, &n, &e);

                if (table[i].vcpus < 0) {
                        assert_int_equal(r, -EINVAL);
                        assert_non_null(strstr(e.message, "not online"));
                } else {
                        if (r < 0)
                                fail_msg("%s: %s", table[i].set, e.message);
                        assert_int_equal(n.vcpus, table[i].vcpus);
                }
        }
}

static void a_bad_cpu_set_is_refused_at_construction(void **state) {
        _cleanup_free_ char *path = NULL;
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_exception_ NovaException e = {};
        ComputeDriver *d = NULL;

        assert_true(asprintf(&path, "module_path=%s", getenv("VIRT_MODULE_PATH")) > 0);
        assert_int_equal(config_new_for_test(&c, (const char *const[]){ path, "compute.cpu_shared_set=0-x", NULL }, NULL), 0);
        assert_int_equal(compute_driver_load(c, "libvirt.LibvirtDriver", &d, &e), -EINVAL);
        assert_non_null(strstr(e.message, "compute.cpu_shared_set = 0-x"));
}

static void host_stats_have_the_ten_of_the_seed(void **state) {
        static const char *const keys[] = { "vcpus", "vcpus_used", "cpu_info", "disk_total", "disk_used", "disk_available", "host_memory_total",
                                            "host_memory_free", "hypervisor_type", "hypervisor_version" };
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        json_auto_t *stats = NULL;

        assert_int_equal(d->ops->get_host_stats(d, true, &stats, NULL), 0);
        assert_int_equal(json_object_size(stats), ELEMENTSOF(keys));
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                assert_non_null(json_object_get(stats, keys[i]));
        assert_true(json_is_object(json_object_get(stats, "cpu_info")));
        assert_int_equal(json_integer_value(json_object_get(stats, "host_memory_total")), 3072);
}

static void the_host_says_what_it_is_without_a_hypervisor_too(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = construct("test:///default", NULL);
        json_auto_t *connector = NULL, *on = NULL, *off = NULL;
        _cleanup_free_ char *ip = NULL, *uptime = NULL;

        assert_int_equal(d->ops->get_host_ip_addr(d, &ip, NULL), 0);
        assert_string_equal(ip, "192.0.2.7");
        assert_int_equal(d->ops->get_host_uptime(d, &uptime, NULL), 0);
        assert_non_null(strstr(uptime, "load average: "));
        assert_int_equal(d->ops->get_volume_connector(d, NULL, &connector, NULL), 0);
        assert_string_equal(json_string_value(json_object_get(connector, "ip")), "192.0.2.7");
        assert_string_equal(json_string_value(json_object_get(connector, "host")), "host1");
        assert_non_null(json_object_get(connector, "initiator"));
        assert_int_equal(d->ops->set_host_enabled(d, true, &on, NULL), 0);
        assert_string_equal(json_string_value(on), "enabled");
        assert_int_equal(d->ops->set_host_enabled(d, false, &off, NULL), 0);
        assert_string_equal(json_string_value(off), "disabled");
}

/* The next issue's, and what libvirt has no way for: nothing pretends. */
static void what_is_not_built_is_not_there(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = construct("test:///default", NULL);

        assert_null(d->ops->host_power_action);
        assert_null(d->ops->host_maintenance_mode);
        assert_null(d->ops->get_console_pool_info);
        assert_null(d->ops->attach_volume);
        assert_null(d->ops->live_migration);
}

static void domains_are_looked_up(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        const Instance by_uuid = { .uuid = (char *) TEST_UUID, .name = (char *) "another" }, by_name = { .name = (char *) "test" },
                       absent = { .uuid = (char *) "11111111-2222-3333-4444-555555555555", .name = (char *) "test" },
                       broken = { .uuid = (char *) "no-uuid" };
        _cleanup_(strv_freep) char **names = NULL, **uuids = NULL;
        _cleanup_exception_ NovaException e = {};
        DomainInfo info = {};

        assert_int_equal(d->ops->get_num_instances(d, NULL), 1);
        assert_int_equal(d->ops->list_instances(d, &names, NULL), 0);
        assert_string_equal(names[0], "test");
        assert_null(names[1]);
        assert_int_equal(d->ops->list_instance_uuids(d, &uuids, NULL), 0);
        assert_string_equal(uuids[0], TEST_UUID);

        assert_int_equal(d->ops->instance_exists(d, &by_uuid, NULL), 1);
        assert_int_equal(d->ops->instance_exists(d, &by_name, NULL), 1);
        assert_int_equal(d->ops->instance_exists(d, &absent, NULL), 0);        /* its name is another guest's */
        assert_int_equal(d->ops->instance_exists(d, &broken, NULL), 0);

        assert_int_equal(d->ops->get_info(d, &by_uuid, &info, NULL), 0);
        assert_int_equal(info.state, POWER_RUNNING);
        assert_int_equal(info.max_mem_kib, 8 * 1024 * 1024);
        assert_int_equal(info.mem_kib, 2 * 1024 * 1024);
        assert_int_equal(info.num_cpu, 2);
        assert_int_equal(d->ops->get_info(d, &absent, &info, &e), -ENOENT);
        assert_string_equal(e.class_name, "InstanceNotFound");
        assert_string_equal(e.message, "Instance 11111111-2222-3333-4444-555555555555 could not be found.");
        assert_string_equal(json_string_value(json_object_get(e.kwargs, "instance_id")), absent.uuid);
}

static void devices_and_their_counters_are_told(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        const Instance i = { .uuid = (char *) TEST_UUID };
        json_auto_t *disks = NULL, *interfaces = NULL, *stats = NULL, *block = NULL, *usage = NULL;
        json_t *none = NULL;

        assert_int_equal(d->ops->list_disks(d, &i, &disks, NULL), 0);
        assert_string_equal(json_string_value(json_array_get(disks, 0)), "vda");
        assert_int_equal(d->ops->list_interfaces(d, &i, &interfaces, NULL), 0);
        assert_string_equal(json_string_value(json_array_get(interfaces, 0)), "testnet0");
        assert_int_equal(d->ops->interface_stats(d, &i, "testnet0", &stats, NULL), 0);
        assert_int_equal(json_array_size(stats), 8);
        assert_int_equal(d->ops->block_stats(d, &i, "vda", &block, NULL), 0);
        assert_int_equal(json_array_size(block), 5);
        assert_true(d->ops->interface_stats(d, &i, "nosuch0", &none, NULL) < 0);
        assert_null(none);
        assert_int_equal(d->ops->get_all_bw_usage(d, 0, 0, &usage, NULL), 0);
        assert_string_equal(json_string_value(json_object_get(json_array_get(usage, 0), "mac_address")), "aa:bb:cc:dd:ee:ff");
        assert_string_equal(json_string_value(json_object_get(json_array_get(usage, 0), "uuid")), TEST_UUID);
}

static void what_the_hypervisor_cannot_is_not_implemented(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = connected(NULL);
        _cleanup_exception_ NovaException e = {}, bad = {};

        assert_int_equal(d->ops->compare_cpu(d, "{\"arch\": \"x86_64\"}", &e), -EOPNOTSUPP);
        assert_string_equal(e.class_name, "NotImplementedError");
        assert_int_equal(d->ops->compare_cpu(d, "?", &bad), -EINVAL);
        assert_string_equal(bad.class_name, "InvalidCPUInfo");
}

static void on_event(const DriverEvent *event, void *userdata) {
        unsigned *n = userdata;

        n[event->type]++;
}

static void the_connection_is_told(void **state) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = construct("test:///default", NULL);
        unsigned n[3] = {};

        d->ops->set_event_callback(d, on_event, n);
        assert_int_equal(d->ops->init_host(d, "host1", NULL), 0);
        assert_int_equal(n[DRIVER_EVENT_CONNECTED], 1);
        d = compute_driver_free(d);
        assert_int_equal(n[DRIVER_EVENT_DISCONNECTED], 0);      /* our own closing is no loss */
}

static void two_drivers_share_libvirts_event_loop(void **state) {
        ComputeDriver *a = connected(NULL), *b = connected(NULL);

        a = compute_driver_free(a);
        assert_int_equal(b->ops->get_num_instances(b, NULL), 1);
        assert_true(b->ops->is_connected(b));
        b = compute_driver_free(b);
        a = connected(NULL);
        a = compute_driver_free(a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_guests_are_listed_with_their_states),
                cmocka_unit_test(it_is_connected_from_init_host_to_cleanup_host),
                cmocka_unit_test(it_connects_again_after_its_end),
                cmocka_unit_test(a_hypervisor_that_is_not_there_is_unavailable_by_its_uri),
                cmocka_unit_test(resources_are_those_of_the_hypervisor),
                cmocka_unit_test(cpus_are_those_of_the_sets),
                cmocka_unit_test(a_bad_cpu_set_is_refused_at_construction),
                cmocka_unit_test(host_stats_have_the_ten_of_the_seed),
                cmocka_unit_test(the_host_says_what_it_is_without_a_hypervisor_too),
                cmocka_unit_test(what_is_not_built_is_not_there),
                cmocka_unit_test(domains_are_looked_up),
                cmocka_unit_test(devices_and_their_counters_are_told),
                cmocka_unit_test(what_the_hypervisor_cannot_is_not_implemented),
                cmocka_unit_test(the_connection_is_told),
                cmocka_unit_test(two_drivers_share_libvirts_event_loop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

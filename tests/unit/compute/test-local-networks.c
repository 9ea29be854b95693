/* The local networks on a real store: what instances get, what they are refused, and that nothing is given twice. */
#include "fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "basic/json.h"

#define PORT "6f9e2a10-0000-4000-8000-0000000000aa"

static const char *const private[] = { "network=name=private,cidr=10.1.0.0/24,cidr=fd00:1::/64,gateway=10.1.0.1,dns=192.0.2.53,mtu=1450",
                                       "network_port=id=" PORT ",network=private,mac=fa:16:3e:aa:00:01,address=10.1.0.50", NULL };
static const char *const two[] = { "network=name=a,cidr=10.1.0.0/24", "network=name=b,cidr=10.2.0.0/29", NULL };

static Instance instance(unsigned n) {
        static char uuids[32][UUID_TEXT_MAX];

        return (Instance) { .id = n, .uuid = (char *) fixture_uuid(n, uuids[n % 32]), .project_id = (char *) "p1", .host = (char *) "node1" };
}

static json_t *parse(const char *text) {
        json_t *value;

        if (!text)
                return NULL;
        assert_int_equal(json_parse(text, strlen(text), &value, NULL, 0), 0);
        return value;
}

/* The n-th VIF's address of that version, or "". */
static const char *address(const json_t *info, size_t vif, int version) {
        json_t *subnets = json_object_get(json_object_get(json_array_get(info, vif), "network"), "subnets"), *s;
        size_t n;

        json_array_foreach(subnets, n, s)
                if (json_member_integer(s, "version", 0) == version)
                        return strempty(json_member_string(json_array_get(json_object_get(s, "ips"), 0), "address"));
        return "";
}

static json_t *allocate(Fixture *f, const Instance *i, const char *requested) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *q = parse(requested);
        json_t *info = NULL;

        if (network_api_allocate_for_instance(f->m->network_api, f->context, i, false, q, &info, &e) < 0)
                fail_msg("allocate: %s: %s", strempty(e.class_name), strempty(e.message));
        return info;
}

static void refused(Fixture *f, const Instance *i, const char *requested, const char *class, const char *message) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *q = parse(requested), *info = NULL;

        assert_true(network_api_allocate_for_instance(f->m->network_api, f->context, i, false, q, &info, &e) < 0);
        assert_null(info);
        assert_string_equal(strempty(e.class_name), class);
        assert_string_equal(e.message, message);
}

static void without_networks_instances_have_none(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        Instance i = instance(1);
        static const char *const asked[] = { NULL, "null", "[]", "\"auto\"", "\"none\"", "[{\"network_id\": \"auto\"}]" };

        for (size_t n = 0; n < ELEMENTSOF(asked); n++) {
                json_auto_t *info = allocate(f, &i, asked[n]);

                assert_true(json_is_array(info));
                assert_int_equal(json_array_size(info), 0);
        }
        refused(f, &i, "[[\"private\", null]]", "NetworkNotFound", "Network private could not be found.");
        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        assert_int_equal(recording_messenger_count(&f->messenger), 0);
}

static void the_vif_is_novas_model(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(private);
        Instance i = instance(1);
        json_auto_t *info = allocate(f, &i, NULL), *want = NULL, *again = NULL, *got = NULL;
        json_t *vif = json_array_get(info, 0);
        const char *id = json_member_string(vif, "id"), *mac = json_member_string(vif, "address");
        _cleanup_free_ char *text = NULL, *shown = NULL;

        assert_int_equal(json_array_size(info), 1);
        assert_non_null(startswith(mac, "fa:16:3e:"));
        assert_true(asprintf(&text, "{\"id\": \"%s\", \"address\": \"%s\", \"type\": \"bridge\", \"vnic_type\": \"normal\", \"details\": {\"port_filter\": true},"
                             " \"profile\": {}, \"devname\": \"tap%.11s\", \"ovs_interfaceid\": null, \"qbh_params\": null, \"qbg_params\": null,"
                             " \"active\": true, \"preserve_on_delete\": false, \"delegate_create\": true, \"meta\": {}, \"network\":"
                             " {\"id\": \"d921059f-5698-5cf5-92e0-b8619736caa3\", \"bridge\": \"brd921059f-56\", \"label\": \"private\","
                             " \"meta\": {\"injected\": true, \"tenant_id\": \"p1\", \"physical_network\": null, \"tunneled\": false,"
                             " \"multi_host\": false, \"mtu\": 1450}, \"subnets\": ["
                             " {\"cidr\": \"10.1.0.0/24\", \"version\": 4, \"gateway\": {\"address\": \"10.1.0.1\", \"type\": \"gateway\","
                             " \"version\": 4, \"meta\": {}}, \"dns\": [{\"address\": \"192.0.2.53\", \"type\": \"dns\", \"version\": 4, \"meta\": {}}],"
                             " \"routes\": [], \"ips\": [{\"address\": \"10.1.0.2\", \"type\": \"fixed\", \"version\": 4, \"meta\": {},"
                             " \"floating_ips\": []}], \"meta\": {}},"
                             " {\"cidr\": \"fd00:1::/64\", \"version\": 6, \"gateway\": {\"address\": null, \"type\": \"gateway\","
                             " \"version\": null, \"meta\": {}}, \"dns\": [], \"routes\": [], \"ips\": [{\"address\": \"fd00:1::1\","
                             " \"type\": \"fixed\", \"version\": 6, \"meta\": {}, \"floating_ips\": []}], \"meta\": {}}]}}", id, mac, id) > 0);
        want = parse(text);
        shown = json_text(vif);
        if (!json_equal(vif, want))
                fail_msg("%s", shown);

        /* A build that runs again finds the same; the info is the same when asked for. */
        again = allocate(f, &i, NULL);
        assert_true(json_equal(again, info));
        assert_int_equal(network_api_get_instance_nw_info(f->m->network_api, f->context, &i, &got, NULL), 0);
        assert_true(json_equal(got, info));
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces"), 1);

        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), 0);
}

static void networks_are_found_by_id_name_and_address(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(two);
        Instance i = instance(1), k = instance(2);
        json_auto_t *info = allocate(f, &i, "[[\"b\", \"10.2.0.3\"], [\"a\", null], {\"address\": \"10.1.0.77\", \"tag\": \"x\"}]");

        assert_int_equal(json_array_size(info), 3);
        assert_string_equal(address(info, 0, 4), "10.2.0.3");
        assert_string_equal(address(info, 1, 4), "10.1.0.1");
        assert_string_equal(address(info, 2, 4), "10.1.0.77");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces WHERE tag = 'x'"), 1);

        refused(f, &k, NULL, "NetworkAmbiguous", "More than one possible network found. Specify network ID(s) to select which one(s) to "
                "connect to.");
        refused(f, &k, "[{\"network_id\": \"auto\"}]", "NetworkAmbiguous", "More than one possible network found. Specify network ID(s) "
                "to select which one(s) to connect to.");
        refused(f, &k, "[[\"c\", null]]", "NetworkNotFound", "Network c could not be found.");
        refused(f, &k, "[[\"b\", \"10.2.0.3\"]]", "FixedIpAlreadyInUse",
                "Fixed IP address 10.2.0.3 is already in use on instance 6f9e2a10-0000-4000-8000-000000000001.");
        refused(f, &k, "[[\"b\", \"10.1.0.3\"]]", "FixedIpNotFoundForNetwork",
                "Fixed IP address (10.1.0.3) does not exist in network (5acd7b33-4107-5018-9035-8bd22cc7204f).");
}

static void a_full_network_says_so_and_takes_nothing(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(two);
        Instance last = instance(9);

        for (unsigned n = 1; n <= 6; n++) {
                Instance i = instance(n);
                json_auto_t *info _unused_ = allocate(f, &i, "[\"b\"]");
        }
        {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *q = parse("[\"a\", \"b\"]"), *info = NULL;

                assert_int_equal(network_api_allocate_for_instance(f->m->network_api, f->context, &last, false, q, &info, &e), -EADDRNOTAVAIL);
                assert_string_equal(e.class_name, "NoMoreFixedIps");
                assert_non_null(startswith(e.message, "No fixed IP addresses available for network: "));
        }
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), 6);
        {
                Instance i = instance(3);
                json_auto_t *info = NULL;

                assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
                info = allocate(f, &last, "[\"b\"]");
                assert_string_equal(address(info, 0, 4), "10.2.0.3");
        }
}

static void an_address_given_back_rests_as_long_as_it_can(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(two);
        Instance i = instance(1), k = instance(2);
        json_auto_t *first = allocate(f, &i, "[\"b\"]"), *second = NULL;

        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        second = allocate(f, &k, "[\"b\"]");
        assert_string_equal(address(first, 0, 4), "10.2.0.1");
        assert_string_equal(address(second, 0, 4), "10.2.0.2");
}

static void declared_ports_belong_to_one_instance_at_a_time(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(private);
        Instance i = instance(1), k = instance(2);
        json_auto_t *info = allocate(f, &i, "[{\"port_id\": \"" PORT "\"}]"), *again = NULL;
        json_t *vif = json_array_get(info, 0);

        assert_string_equal(json_member_string(vif, "id"), PORT);
        assert_string_equal(json_member_string(vif, "address"), "fa:16:3e:aa:00:01");
        assert_string_equal(address(info, 0, 4), "10.1.0.50");
        assert_true(json_member_boolean(vif, "preserve_on_delete", false));
        refused(f, &k, "[{\"port_id\": \"" PORT "\"}]", "PortInUse", "Port " PORT " is still in use.");
        refused(f, &k, "[{\"port_id\": \"p\"}]", "PortNotFound", "Port id p could not be found.");
        refused(f, &k, "[[null, \"10.1.0.50\"]]", "FixedIpAlreadyInUse",
                "Fixed IP address 10.1.0.50 is already in use on instance 6f9e2a10-0000-4000-8000-000000000001.");
        assert_int_equal(network_api_deallocate_for_instance(f->m->network_api, f->context, &i, NULL), 0);
        again = allocate(f, &k, "[{\"port_id\": \"" PORT "\"}]");
        assert_int_equal(json_array_size(again), 1);
}

static void interfaces_and_addresses_come_and_go(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(private);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        NetworkApi *a = f->m->network_api;
        Instance i = instance(1);
        json_auto_t *none = allocate(f, &i, "\"none\""), *vif = NULL, *info = NULL, *later = NULL;
        json_t *ips;

        assert_int_equal(json_array_size(none), 0);
        assert_int_equal(network_api_allocate_port_for_instance(a, f->context, &i, NULL, NULL, "10.1.0.9", NULL, &vif, NULL), 0);
        assert_int_equal(network_api_add_fixed_ip_to_instance(a, f->context, &i, "private", NULL), 0);
        assert_int_equal(network_api_get_instance_nw_info(a, f->context, &i, &info, NULL), 0);
        ips = json_object_get(json_array_get(json_object_get(json_object_get(json_array_get(info, 0), "network"), "subnets"), 0), "ips");
        assert_int_equal(json_array_size(ips), 2);
        assert_string_equal(json_member_string(json_array_get(ips, 0), "address"), "10.1.0.9");

        assert_int_equal(network_api_remove_fixed_ip_from_instance(a, f->context, &i, "10.1.0.9", NULL), 0);
        assert_true(network_api_remove_fixed_ip_from_instance(a, f->context, &i, "10.1.0.9", &e) < 0);
        assert_string_equal(e.class_name, "FixedIpNotFoundForSpecificInstance");
        assert_string_equal(e.message, "Instance 6f9e2a10-0000-4000-8000-000000000001 doesn't have fixed IP '10.1.0.9'.");
        exception_done(&e);
        assert_true(network_api_add_fixed_ip_to_instance(a, f->context, &i, "other", &e) < 0);
        assert_string_equal(e.class_name, "NetworkNotFound");
        exception_done(&e);

        assert_int_equal(network_api_deallocate_port_for_instance(a, f->context, &i, json_member_string(vif, "id"), NULL), 0);
        assert_true(network_api_deallocate_port_for_instance(a, f->context, &i, json_member_string(vif, "id"), &e) < 0);
        assert_string_equal(e.class_name, "PortNotFound");
        assert_int_equal(network_api_get_instance_nw_info(a, f->context, &i, &later, NULL), 0);
        assert_int_equal(json_array_size(later), 0);
}

static void what_is_leased_to_instances_that_are_gone_is_given_back(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(private);
        Instance here = instance(1), gone = instance(2);
        json_auto_t *a = NULL, *b = NULL;

        fixture_row(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        fixture_row(f, 2, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        a = allocate(f, &here, NULL);
        b = allocate(f, &gone, NULL);
        compute_sweep_networks(f->m);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces"), 2);
        assert_int_equal(f->store->ops->instance_destroy(f->store, gone.uuid), 1);
        compute_sweep_networks(f->m);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces WHERE instance_uuid ="
                                       " '6f9e2a10-0000-4000-8000-000000000001'"), 1);
}

/* ---- many at once ---- */

#define THREADS 16
#define ROUNDS 40

typedef struct Worker {
        Fixture *f;
        unsigned number;
        unsigned got, refused;
        int failed;
        pthread_t thread;
} Worker;

/* Takes and gives back at random; cmocka's assertions are for the main thread only. */
static void *work(void *userdata) {
        Worker *w = userdata;

        for (unsigned n = 0; n < ROUNDS; n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                char uuid[UUID_TEXT_MAX];
                Instance i = { .id = 1, .uuid = (char *) fixture_uuid(w->number * 1000 + n, uuid), .project_id = (char *) "p1" };
                json_auto_t *info = NULL;
                int r;

                r = network_api_allocate_for_instance(w->f->m->network_api, w->f->context, &i, false, NULL, &info, &e);
                if (r >= 0)
                        w->got++;
                else if (exception_is(&e, EXC_NO_MORE_FIXED_IPS))
                        w->refused++;
                else
                        w->failed = r;
                if (r >= 0 && n % 4 == 3 && network_api_deallocate_for_instance(w->f->m->network_api, w->f->context, &i, NULL) < 0)
                        w->failed = -1;
        }
        return NULL;
}

/* 16 x 40 want one of 509 addresses, a quarter gives it back: each address is leased once, and all are. */
static void no_address_is_leased_twice_by_many_at_once(void **state _unused_) {
        static const char *const assignments[] = { "network=name=n,cidr=10.8.0.0/23,gateway=10.8.0.1", "sqlite_synchronous=false", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        Worker workers[THREADS] = {};
        unsigned got = 0, refusals = 0;

        for (unsigned n = 0; n < THREADS; n++) {
                workers[n] = (Worker) { .f = f, .number = n + 1 };
                assert_int_equal(pthread_create(&workers[n].thread, NULL, work, &workers[n]), 0);
        }
        for (unsigned n = 0; n < THREADS; n++) {
                assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
                assert_int_equal(workers[n].failed, 0);
                got += workers[n].got;
                refusals += workers[n].refused;
        }
        assert_int_equal(got + refusals, THREADS * ROUNDS);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), got - got / 4);
        assert_int_equal(fixture_query(f, "SELECT count(DISTINCT address) FROM fixed_ips"), got - got / 4);
        assert_int_equal(fixture_query(f, "SELECT count(DISTINCT address) FROM virtual_interfaces"), got - got / 4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_networks_instances_have_none),
                cmocka_unit_test(the_vif_is_novas_model),
                cmocka_unit_test(networks_are_found_by_id_name_and_address),
                cmocka_unit_test(a_full_network_says_so_and_takes_nothing),
                cmocka_unit_test(an_address_given_back_rests_as_long_as_it_can),
                cmocka_unit_test(declared_ports_belong_to_one_instance_at_a_time),
                cmocka_unit_test(interfaces_and_addresses_come_and_go),
                cmocka_unit_test(what_is_leased_to_instances_that_are_gone_is_given_back),
                cmocka_unit_test(no_address_is_leased_twice_by_many_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

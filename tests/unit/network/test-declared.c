/* Declarations of networks and ports: what is read of them, and what a bad one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "basic/id.h"
#include "network/declared.h"

#define ORIGIN "/etc/nova/nova.conf:12"

static void shown(const IpAddress *a, const char *expected) {
        char text[IP_TEXT_MAX];

        assert_string_equal(ip_format(a, text), expected);
}

static void a_name_and_a_cidr_are_enough(void **state _unused_) {
        _cleanup_(network_table_done) NetworkTable t = {};
        const DeclaredNetwork *n;
        char id[UUID_TEXT_MAX], bridge[16];

        assert_int_equal(network_table_add_network(&t, "name=private,cidr=10.1.0.0/24", ORIGIN, NULL), 0);
        n = network_table_find(&t, "private");
        assert_non_null(n);
        /* The same id on every host and at every start. */
        assert_string_equal(n->id, "d921059f-5698-5cf5-92e0-b8619736caa3");
        network_id_of_name("private", id);
        assert_string_equal(n->id, id);
        assert_true(uuid_is_valid(id));
        snprintf(bridge, sizeof bridge, "br%.11s", id);
        assert_string_equal(n->bridge, bridge);
        assert_ptr_equal(network_table_find(&t, id), n);
        assert_null(network_table_find(&t, "other"));
        assert_null(n->interface);
        assert_false(n->dhcp);
        assert_false(n->no_filter);
        assert_int_equal(n->vif, VIF_BRIDGE);
        assert_true(n->vxlan == -1);
        shown(&n->subnets[0].first, "10.1.0.1");
        shown(&n->subnets[0].last, "10.1.0.254");
        assert_false(ip_is_set(&n->subnets[0].gateway));
        assert_false(ip_is_set(&n->subnets[0].host));
}

static void every_key_is_read_over_lines_and_blanks(void **state _unused_) {
        _cleanup_(network_table_done) NetworkTable t = {};
        const DeclaredNetwork *n;

        assert_int_equal(network_table_add_network(&t, "name=prod, id=6f9e2a10-0000-4000-8000-00000000000a\n"
                                                   " cidr=fd00:1::/64 cidr=10.2.0.0/16, bridge=br-prod interface=eth1,vlan=100\n"
                                                   " gateway=10.2.0.1,gateway=fd00:1::1 , address=10.2.0.2, address=fd00:1::2\n"
                                                   " dns=192.0.2.53,dns=2001:db8::53 range=10.2.1.0-10.2.1.255 dhcp=Yes filter=no mtu=1450 vif=tap",
                                                   ORIGIN, NULL), 0);
        n = &t.networks[0];
        assert_string_equal(n->id, "6f9e2a10-0000-4000-8000-00000000000a");
        assert_string_equal(n->bridge, "br-prod");
        assert_string_equal(n->interface, "eth1");
        assert_string_equal(n->origin, ORIGIN);
        assert_int_equal(n->vlan, 100);
        assert_int_equal(n->mtu, 1450);
        assert_true(n->dhcp);
        assert_true(n->no_filter);
        assert_int_equal(n->vif, VIF_TAP);
        assert_int_equal(n->n_dns, 2);
        assert_int_equal(n->n_subnets, 2);
        shown(&n->subnets[0].first, "10.2.1.0");
        shown(&n->subnets[0].last, "10.2.1.255");
        shown(&n->subnets[0].gateway, "10.2.0.1");
        shown(&n->subnets[0].host, "10.2.0.2");
        shown(&n->subnets[1].first, "fd00:1::1");
        shown(&n->subnets[1].gateway, "fd00:1::1");
        shown(&n->subnets[1].host, "fd00:1::2");
}

static void a_network_that_nothing_joins_to_others_has_this_host_as_its_gateway(void **state _unused_) {
        _cleanup_(network_table_done) NetworkTable t = {};

        assert_int_equal(network_table_add_network(&t, "name=a,cidr=10.1.0.0/24,dhcp=yes", ORIGIN, NULL), 0);
        shown(&t.networks[0].subnets[0].host, "10.1.0.1");
        shown(&t.networks[0].subnets[0].gateway, "10.1.0.1");
        assert_int_equal(network_table_add_network(&t, "name=b,cidr=10.2.0.0/24,gateway=10.2.0.9", ORIGIN, NULL), 0);
        shown(&t.networks[1].subnets[0].host, "10.2.0.9");
        /* One with an interface has its gateway out there. */
        assert_int_equal(network_table_add_network(&t, "name=c,cidr=10.3.0.0/24,gateway=10.3.0.9,interface=eth0", ORIGIN, NULL), 0);
        assert_false(ip_is_set(&t.networks[2].subnets[0].host));
}

static void a_bad_network_names_file_line_value_and_what_is_allowed(void **state _unused_) {
        static const struct {
                const char *text, *part;
        } rows[] = {
                { "", "has no name=" },
                { "name=x", "has no cidr=" },
                { "cidr=10.0.0.0/24", "has no name=" },
                { "name=x,cidr", "'cidr' is not key=value" },
                { "name=x,=y", "'=y' is not key=value" },
                { "name=x,colour=red", "colour = 'red': there is no such key; there are name, id" },
                { "name=../x", "name = '../x': must be of letters" },
                { "name=x,name=y", "name = 'y': is given twice" },
                { "name=x,id=7", "id = '7': must be a uuid" },
                { "name=x,cidr=10.0.0.9/24", "cidr = '10.0.0.9/24': has bits beyond the length of its prefix; is 10.0.0.0/24 meant?" },
                { "name=x,cidr=10.0.0.0", "cidr = '10.0.0.0': must be an address with the length of the prefix" },
                { "name=x,cidr=10.0.0.0/31", "has no room for guests" },
                { "name=x,cidr=0.0.0.0/0", "is every address there is" },
                { "name=x,cidr=10.0.0.0/24,cidr=10.0.1.0/24", "a network has one of each version of IP" },
                { "name=x,cidr=10.0.0.0/24,gateway=10.0.1.1", "gateway = '10.0.1.1': is not in the network's cidr" },
                { "name=x,cidr=10.0.0.0/24,gateway=10.0.0.0", "is the network's own address or its broadcast" },
                { "name=x,cidr=10.0.0.0/24,gateway=10.0.0.1,gateway=10.0.0.2", "is a second one of this version of IP" },
                { "name=x,cidr=10.0.0.0/24,address=there", "address = 'there': must be an IP address" },
                { "name=x,cidr=10.0.0.0/24,range=10.0.0.5", "must be FIRST-LAST" },
                { "name=x,cidr=10.0.0.0/24,range=10.0.0.9-10.0.0.5", "ends before it begins" },
                { "name=x,cidr=10.0.0.0/24,range=10.0.0.9-10.0.1.5", "is not within the guests' part of the cidr" },
                { "name=x,cidr=10.0.0.0/24,range=fd00::1-fd00::5", "is not in the network's cidr" },
                { "name=x,cidr=10.0.0.0/24,vlan=4095,interface=eth0", "vlan = '4095': must be a number from 1 to 4094" },
                { "name=x,cidr=10.0.0.0/24,vlan=1e3,interface=eth0", "vlan = '1e3': must be a number" },
                { "name=x,cidr=10.0.0.0/24,vlan=5", "vlan= needs the interface= that it is on" },
                { "name=x,cidr=10.0.0.0/24,vxlan=5", "vxlan= needs remote=" },
                { "name=x,cidr=10.0.0.0/24,remote=192.0.2.1", "remote= is the peer of a vxlan=" },
                { "name=x,cidr=10.0.0.0/24,vxlan=5,remote=192.0.2.1,vlan=3,interface=eth0", "exclude each other" },
                { "name=x,cidr=10.0.0.0/24,mtu=68", "mtu = '68': must be a number from 576 to 65535" },
                { "name=x,cidr=10.0.0.0/24,dhcp=perhaps", "dhcp = 'perhaps': must be yes or no" },
                { "name=x,cidr=10.0.0.0/24,filter=some", "filter = 'some': must be yes or no" },
                { "name=x,cidr=10.0.0.0/24,vif=ovs", "vif = 'ovs': must be bridge or tap" },
                { "name=x,cidr=10.0.0.0/24,bridge=a/b", "bridge = 'a/b': must be the name of an interface" },
                { "name=x,cidr=10.0.0.0/24,bridge=sixteen-letters-", "must be the name of an interface" },
                { "name=x,cidr=10.0.0.0/24,dhcp=yes,interface=eth0", "dhcp=yes needs address=" },
                { "name=first,cidr=10.9.0.0/24", "network 'first' (/etc/nova/a.conf:3) has the same name" },
                { "name=x,cidr=10.9.0.0/24,bridge=br-first", "has the same bridge" },
                { "name=x,cidr=10.7.0.0/16,dhcp=yes", "overlaps with that of network 'first'" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(network_table_done) NetworkTable t = {};
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                assert_int_equal(network_table_add_network(&t, "name=first,cidr=10.7.0.0/24,bridge=br-first,dhcp=yes",
                                                           "/etc/nova/a.conf:3", NULL), 0);
                assert_int_equal(network_table_add_network(&t, rows[n].text, ORIGIN, &e), -EINVAL);
                assert_int_equal(t.n, 1);
                assert_true(exception_is(&e, EXC_INVALID_CONFIGURATION));
                if (!startswith(e.message, ORIGIN ": [DEFAULT] network") || !strstr(e.message, rows[n].part))
                        fail_msg("%s: %s", rows[n].text, e.message);
        }
}

static void ports_have_a_network_and_what_is_theirs(void **state _unused_) {
        static const struct {
                const char *text, *part;
        } rows[] = {
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=FA:16:3E:00:00:06,address=10.1.0.6", NULL },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa:16:3e:00:00:06", NULL },
                { "network=private,mac=fa:16:3e:00:00:06", "has no id=" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,mac=fa:16:3e:00:00:06", "has no network=" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private", "has no mac=" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=other", "network = 'other': there is no network of this name" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=01:00:5e:00:00:01", "a hardware address of one card" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa163e000001", "a hardware address of one card" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa:16:3e:00:00:06,address=10.2.0.6", "is not in the cidr" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa:16:3e:00:00:06,address=10.1.0.1", "this host's own" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa:16:3e:00:00:06,address=10.1.0.5", "is another port's" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,network=private,mac=fa:16:3e:00:00:05", "the same id or mac" },
                { "id=6f9e2a10-0000-4000-8000-00000000000b,name=x", "there is no such key; there are id, network, mac, address" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_(network_table_done) NetworkTable t = {};
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                assert_int_equal(network_table_add_network(&t, "name=private,cidr=10.1.0.0/24,dhcp=yes", ORIGIN, NULL), 0);
                assert_int_equal(network_table_add_port(&t, "id=6f9e2a10-0000-4000-8000-00000000000A,network=private,"
                                                        "mac=fa:16:3e:00:00:05,address=10.1.0.5", ORIGIN, NULL), 0);
                assert_int_equal(network_table_add_port(&t, rows[n].text, ORIGIN, &e), rows[n].part ? -EINVAL : 0);
                assert_int_equal(t.n_ports, rows[n].part ? 1 : 2);
                if (!rows[n].part)
                        assert_string_equal(t.ports[1].mac, "fa:16:3e:00:00:06");
                else if (!startswith(e.message, ORIGIN ": [DEFAULT] network_port") || !strstr(e.message, rows[n].part))
                        fail_msg("%s: %s", rows[n].text, e.message);
        }
}

static void the_options_are_read_and_each_value_has_its_own_line(void **state _unused_) {
        const char *assignments[] = { "network=name=a,cidr=10.1.0.0/24", "network=name=b,cidr=10.2.0.0/24",
                                      "network_port=id=6f9e2a10-0000-4000-8000-00000000000b,network=b,mac=fa:16:3e:00:00:06", NULL };
        _cleanup_(network_table_done) NetworkTable t = {};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(config_unrefp) Config *config = NULL, *bad = NULL;
        char file[64] = "/tmp/test-declared-XXXXXX", argument[96], want[128];
        char *argv[] = { (char *) "nova-compute", argument, NULL };
        ConfigError error = {};
        int fd;

        assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
        assert_int_equal(network_table_read(&t, config, NULL), 0);
        assert_int_equal(t.n, 2);
        assert_int_equal(t.n_ports, 1);
        network_table_done(&t);

        fd = mkstemp(file);
        assert_true(fd >= 0);
        assert_true(dprintf(fd, "[DEFAULT]\nnetwork = name=a,cidr=10.1.0.0/24\n\nnetwork = name=b,\n  cidr=10.2.0.0/99\n") > 0);
        (void) close(fd);
        snprintf(argument, sizeof argument, "--config-file=%s", file);
        if (config_load(argv, &bad, NULL, &error) < 0)
                fail_msg("%s", error.text);
        assert_int_equal(network_table_read(&t, bad, &e), -EINVAL);
        snprintf(want, sizeof want, "%s:4: [DEFAULT] network: cidr = '10.2.0.0/99'", file);
        assert_non_null(strstr(e.message, want));
        assert_int_equal(t.n, 0);
        (void) unlink(file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_and_a_cidr_are_enough),
                cmocka_unit_test(every_key_is_read_over_lines_and_blanks),
                cmocka_unit_test(a_network_that_nothing_joins_to_others_has_this_host_as_its_gateway),
                cmocka_unit_test(a_bad_network_names_file_line_value_and_what_is_allowed),
                cmocka_unit_test(ports_have_a_network_and_what_is_theirs),
                cmocka_unit_test(the_options_are_read_and_each_value_has_its_own_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

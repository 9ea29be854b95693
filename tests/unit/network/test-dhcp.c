/* What dnsmasq is told, to the letter; and that nothing of a guest's name gets into it but a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "network/dhcp.h"

#define ID "6f9e2a10-0000-4000-8000-0000000000cc"

static DhcpSettings settings(void) {
        return (DhcpSettings) { .directory = (char *) "/var/lib/nova/networks", .domain = (char *) "novalocal", .config_file = (char *) "",
                                .lease_time = 120 };
}

static void the_configuration_is_to_the_letter(void **state _unused_) {
        _cleanup_(network_table_done) NetworkTable t = {};
        DhcpSettings s = settings();
        _cleanup_free_ char *text = NULL;

        assert_int_equal(network_table_add_network(&t, "name=private,id=" ID ",cidr=10.1.0.0/20,cidr=fd00:1::/64,dhcp=yes,bridge=br-p,"
                                                   "dns=192.0.2.53,dns=2001:db8::53,mtu=1400", "here", NULL), 0);
        text = dhcp_configuration(&s, &t.networks[0]);
        assert_string_equal(text, "# Network private (" ID "), written by nova-compute; changes are lost.\n"
                            "port=0\ninterface=br-p\nexcept-interface=lo\nbind-interfaces\n"
                            "pid-file=/var/lib/nova/networks/" ID ".pid\n"
                            "dhcp-leasefile=/var/lib/nova/networks/" ID ".leases\n"
                            "dhcp-hostsfile=/var/lib/nova/networks/" ID ".hosts\n"
                            "dhcp-authoritative\nno-ping\ndhcp-lease-max=1048576\ndomain=novalocal\n"
                            "dhcp-range=10.1.0.0,static,255.255.240.0,120s\n"
                            "dhcp-option=option:router,10.1.0.1\n"
                            "dhcp-option=option:dns-server,192.0.2.53\n"
                            "dhcp-range=fd00:1::,static,64,120s\nenable-ra\n"
                            "dhcp-option=option6:dns-server,[2001:db8::53]\n"
                            "dhcp-option=option:mtu,1400\n");
}

static void without_gateway_and_servers_guests_are_told_of_none(void **state _unused_) {
        _cleanup_(network_table_done) NetworkTable t = {};
        DhcpSettings s = settings();
        _cleanup_free_ char *text = NULL, *other = NULL;

        assert_int_equal(network_table_add_network(&t, "name=x,cidr=10.1.0.0/24,dhcp=yes,interface=eth0,address=10.1.0.5", "here", NULL), 0);
        text = dhcp_configuration(&s, &t.networks[0]);
        assert_non_null(strstr(text, "\ndhcp-option=option:router\n"));
        assert_non_null(strstr(text, "\ndhcp-option=option:dns-server\n"));
        assert_null(strstr(text, "mtu"));

        /* Those of dns_server are for networks that name none. */
        assert_int_equal(ip_parse("192.0.2.1", &s.dns[s.n_dns++]), 0);
        s.config_file = (char *) "/etc/nova/dnsmasq.conf";
        s.domain = (char *) "";
        other = dhcp_configuration(&s, &t.networks[0]);
        assert_non_null(strstr(other, "\ndhcp-option=option:dns-server,192.0.2.1\n"));
        assert_non_null(strstr(other, "\nconf-file=/etc/nova/dnsmasq.conf\n"));
        assert_null(strstr(other, "domain="));
}

static void hosts_have_their_first_address_of_each_version_and_a_name_that_is_one(void **state _unused_) {
        static const struct {
                const char *hostname, *line;
        } rows[] = {
                { "web-1", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2],web-1\n" },
                { NULL, "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
                { "", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
                { "evil,ignore", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
                { "two\nlines", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
                { "-dash", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
                { "a.b", "fa:16:3e:00:00:01,10.1.0.2,[fd00:1::2]\n" },
        };
        char *addresses[] = { (char *) "10.1.0.2", (char *) "10.1.0.7", (char *) "fd00:1::2", (char *) "192.0.2.9", NULL };
        _cleanup_(network_table_done) NetworkTable t = {};
        const DhcpSettings s = settings();

        assert_int_equal(network_table_add_network(&t, "name=x,cidr=10.1.0.0/24,cidr=fd00:1::/64,dhcp=yes", "here", NULL), 0);
        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                VirtualInterface v = { .mac = (char *) "fa:16:3e:00:00:01", .addresses = addresses, .hostname = (char *) rows[n].hostname };
                const VirtualInterfaceList l = { .items = &v, .n = 1 };
                _cleanup_free_ char *text = dhcp_hosts(&s, &t.networks[0], &l);

                assert_string_equal(text, rows[n].line);
        }
}

static void settings_that_dnsmasq_cannot_take_are_refused(void **state _unused_) {
        static const struct {
                const char *assignment, *part;
        } rows[] = {
                { "dns_server=there", "dns_server = 'there': must be an IP address" },
                { "dhcp_domain=a b", "dhcp_domain" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                const char *assignments[] = { rows[n].assignment, NULL };
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(config_unrefp) Config *config = NULL;
                DhcpSettings s = {};
                ConfigError error;

                assert_int_equal(config_new_for_test(&config, assignments, &error), 0);
                assert_true(dhcp_settings_read(&s, config, &e) < 0);
                assert_true(exception_is(&e, EXC_INVALID_CONFIGURATION));
                assert_non_null(strstr(e.message, rows[n].part));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_configuration_is_to_the_letter),
                cmocka_unit_test(without_gateway_and_servers_guests_are_told_of_none),
                cmocka_unit_test(hosts_have_their_first_address_of_each_version_and_a_name_that_is_one),
                cmocka_unit_test(settings_that_dnsmasq_cannot_take_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

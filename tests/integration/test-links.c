/* Interfaces, addresses, routes and their move, on a real kernel in network namespaces. */
#include "namespace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "network/events.h"

#define assert_ok(call)                                                                                 \
        do {                                                                                            \
                int _r = (call);                                                                        \
                if (_r < 0)                                                                             \
                        fail_msg("%s: %s (%s)", #call, strerror(-_r), netlink_reason());                \
        } while (0)

static LinkInfo get(Netlink *n, const char *name) {
        LinkInfo l = {};

        if (link_get(n, name, &l) != 1)
                fail_msg("there is no %s", name);
        return l;
}

static IpAddress ip(const char *text) {
        IpAddress a;

        assert_int_equal(ip_parse(text, &a), 0);
        return a;
}

/* A setting of a bridge, of the kernel's own words: IFLA_BR_… */
typedef struct Setting {
        int attribute;
        uint32_t value;
} Setting;

static int on_setting(struct nlmsghdr *h, void *userdata) {
        Setting *s = userdata;
        struct nlattr *info = nlmsg_find_attr(h, sizeof(struct ifinfomsg), IFLA_LINKINFO);
        struct nlattr *data = nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA);

        s->value = nla_get_u32(nla_find(nla_data(data), nla_len(data), s->attribute));
        return 0;
}

static uint32_t setting(Netlink *n, const char *name, int attribute) {
        const struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
        struct nl_msg *m = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST);
        Setting s = { .attribute = attribute, .value = UINT32_MAX };

        assert_int_equal(nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO), 0);
        assert_int_equal(nla_put_string(m, IFLA_IFNAME, name), 0);
        assert_ok(netlink_read(n, m, on_setting, &s));
        return s.value;
}

static void a_bridge_is_made_ready_to_forward_and_unmade(void **state) {
        Netlink *n = namespace_or_skip(state);
        LinkInfo l;

        assert_int_equal(link_get(n, "br-test", &l), 0);
        assert_ok(link_add_bridge(n, "br-test", "fe:16:3e:00:00:01", 60));
        assert_int_equal(link_add_bridge(n, "br-test", NULL, 0), -EEXIST);
        l = get(n, "br-test");
        assert_string_equal(l.kind, "bridge");
        assert_string_equal(l.mac, "fe:16:3e:00:00:01");
        assert_false(l.flags & IFF_UP);
        assert_int_equal(setting(n, "br-test", IFLA_BR_STP_STATE), 0);
        assert_int_equal(setting(n, "br-test", IFLA_BR_FORWARD_DELAY), 0);
        assert_int_equal(setting(n, "br-test", IFLA_BR_AGEING_TIME), 6000);
        assert_ok(link_set_up(n, "br-test", true));
        assert_true(get(n, "br-test").flags & IFF_UP);
        assert_ok(link_set_mtu(n, "br-test", 1400));
        assert_int_equal(get(n, "br-test").mtu, 1400);
        assert_ok(link_set_mac(n, "br-test", "fe:16:3e:00:00:02"));
        assert_string_equal(get(n, "br-test").mac, "fe:16:3e:00:00:02");

        assert_ok(link_delete(n, "br-test"));
        assert_int_equal(link_get(n, "br-test", &l), 0);
        assert_int_equal(link_delete(n, "br-test"), -ENODEV);
        assert_int_equal(link_set_up(n, "br-test", true), -ENODEV);
}

static void what_has_no_name_of_an_interface_is_refused_before_the_kernel(void **state) {
        static const char *const names[] = { "", "sixteen-letters-", "a-name-of-no-interface-at-all" };
        Netlink *n = namespace_or_skip(state);
        LinkInfo l;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(link_get(n, names[i], &l), -EINVAL);
                assert_int_equal(link_add_bridge(n, names[i], NULL, 0), -EINVAL);
                assert_int_equal(link_delete(n, names[i]), -EINVAL);
                assert_int_equal(link_add_tap(names[i], (uid_t) -1), -EINVAL);
        }
        assert_int_equal(link_add_bridge(n, "br-test", "no mac", 0), -EINVAL);
        assert_int_equal(link_add_vlan(n, "v", "lo", 4095), -EINVAL);
        assert_int_equal(link_add_vlan(n, "v", "nobody", 7), -ENODEV);
}

static void ports_join_and_leave_a_bridge(void **state) {
        Netlink *n = namespace_or_skip(state);
        LinkInfo *all = NULL;
        size_t n_all;

        assert_ok(link_add_bridge(n, "br-test", NULL, 0));
        assert_ok(link_add_veth(n, "veth0", "veth1"));
        assert_int_equal(get(n, "veth0").parent, get(n, "veth1").index);
        assert_ok(link_set_master(n, "veth0", "br-test"));
        assert_ok(link_set_master(n, "veth0", "br-test"));
        assert_int_equal(get(n, "veth0").master, get(n, "br-test").index);
        assert_ok(link_set_hairpin(n, "veth0", true));
        assert_ok(link_set_master(n, "veth0", NULL));
        assert_int_equal(get(n, "veth0").master, 0);
        assert_true(link_set_hairpin(n, "veth0", true) < 0);
        assert_int_equal(link_set_master(n, "veth0", "nobody"), -ENODEV);
        assert_true(link_set_master(n, "veth0", "lo") < 0);

        assert_ok(link_list(n, &all, &n_all));
        assert_true(n_all >= 4);
        free(all);
}

static void taps_stay_when_their_maker_is_gone(void **state) {
        Netlink *n = namespace_or_skip(state);
        int r;

        r = link_add_tap("tap0", 0);
        if (r == -ENOENT || r == -EACCES || r == -EPERM) {
                print_message("skipped: taps cannot be made: /dev/net/tun: %s\n", strerror(-r));
                skip();
        }
        assert_ok(r);
        assert_string_equal(get(n, "tap0").kind, "tun");
        assert_int_equal(link_add_tap("tap0", 0), -EEXIST);
        assert_ok(link_set_up(n, "tap0", true));
        assert_ok(link_delete(n, "tap0"));
}

/* Probes: a kind that the kernel lacks is -EOPNOTSUPP, and its reason names what is missing. */
static void skip_without(int r, const char *kind) {
        if (r != -EOPNOTSUPP)
                return;
        assert_true(*link_kind_reason(kind));
        print_message("skipped: this kernel has no %s\n", link_kind_reason(kind));
        skip();
}

static void vxlans_have_a_peer_or_a_group(void **state) {
        Netlink *n = namespace_or_skip(state);
        const IpAddress peer = ip("192.0.2.1"), group = ip("239.1.1.1"), six = ip("2001:db8::1");
        int r;

        assert_ok(link_add_veth(n, "veth0", "veth1"));
        r = link_add_vxlan(n, "vx0", 42, &peer, NULL);
        skip_without(r, "vxlan");
        assert_ok(r);
        assert_int_equal(get(n, "vx0").vxlan, 42);
        assert_string_equal(get(n, "vx0").kind, "vxlan");
        assert_ok(link_add_vxlan(n, "vx1", 43, &group, "veth0"));
        assert_ok(link_add_vxlan(n, "vx2", 44, &six, NULL));
        assert_int_equal(link_add_vxlan(n, "vx3", 0, &peer, NULL), -EINVAL);
}

static void vlans_are_on_their_parent(void **state) {
        Netlink *n = namespace_or_skip(state);
        int r;

        assert_ok(link_add_veth(n, "veth0", "veth1"));
        r = link_add_vlan(n, "veth0.7", "veth0", 7);
        skip_without(r, "vlan");
        assert_ok(r);
        assert_int_equal(get(n, "veth0.7").vlan, 7);
        assert_int_equal(get(n, "veth0.7").parent, get(n, "veth0").index);
}

/* Sends over the pair what the counters then say. */
static void counters_count_what_went_by(void **state) {
        Netlink *n = namespace_or_skip(state);
        const IpAddress a = ip("10.0.0.1"), b = ip("10.0.0.2");
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
        LinkCounters before = {}, after = {}, other = {}, *all = NULL;
        _cleanup_close_ int fd = -1;
        size_t n_all;
        char data[1000] = {};

        assert_int_equal(link_counters(n, "veth0", &before), 0);
        assert_ok(link_add_veth(n, "veth0", "veth1"));
        assert_ok(link_set_up(n, "veth0", true));
        assert_ok(link_set_up(n, "veth1", true));
        assert_ok(address_ensure(n, "veth0", &a, 24));
        assert_int_equal(link_counters(n, "veth0", &before), 1);
        (void) b;

        /* To everybody in the network: it goes out without asking who has the address. */
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int) { 1 }, sizeof(int)), 0);
        assert_int_equal(inet_pton(AF_INET, "10.0.0.255", &to.sin_addr), 1);
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(sendto(fd, data, sizeof data, 0, (struct sockaddr *) &to, sizeof to), sizeof data);

        assert_int_equal(link_counters(n, "veth0", &after), 1);
        assert_int_equal(link_counters(n, "veth1", &other), 1);
        assert_true(after.tx_bytes - before.tx_bytes >= 10 * (sizeof data + 42));
        assert_true(after.tx_packets - before.tx_packets >= 10);
        assert_true(other.rx_bytes >= 10 * sizeof data);
        assert_ok(link_list_counters(n, &all, &n_all));
        assert_int_equal(n_all, 3);
        free(all);
}

/* ---- the move ---- */

/* What the interface has, as a text to compare: addresses and the routes over it. */
static char *picture(Netlink *n, const char *name) {
        LinkAddress *addresses = NULL;
        LinkRoutes routes = {};
        size_t n_addresses, size;
        char text[IP_TEXT_MAX];
        char *ret = NULL;
        FILE *f = open_memstream(&ret, &size);

        assert_ok(address_list(n, name, &addresses, &n_addresses));
        assert_ok(route_list(n, name, &routes));
        for (size_t i = 0; i < n_addresses; i++)
                if (addresses[i].scope == RT_SCOPE_UNIVERSE)
                        fprintf(f, "%s%s ", ip_prefix_format(&addresses[i].prefix, text),
                                addresses[i].flags & IFA_F_SECONDARY && addresses[i].prefix.address.family == AF_INET ? "(2)" : "");
        for (size_t i = 0; i < routes.n; i++) {
                const struct rtmsg *m = nlmsg_data(routes.items[i].message);
                const struct nlattr *d = nlmsg_find_attr(routes.items[i].message, sizeof *m, RTA_DST);
                const struct nlattr *g = nlmsg_find_attr(routes.items[i].message, sizeof *m, RTA_GATEWAY);
                const struct nlattr *p = nlmsg_find_attr(routes.items[i].message, sizeof *m, RTA_PRIORITY);
                char from[INET6_ADDRSTRLEN] = "default", over[INET6_ADDRSTRLEN] = "-";

                if (d)
                        (void) inet_ntop(m->rtm_family, nla_data(d), from, sizeof from);
                if (g)
                        (void) inet_ntop(m->rtm_family, nla_data(g), over, sizeof over);
                fprintf(f, "[%s/%u via %s metric %u] ", from, m->rtm_dst_len, over, p ? nla_get_u32(p) : 0);
        }
        (void) fclose(f);
        free(addresses);
        link_routes_done(&routes);
        return ret;
}

static struct nl_msg *route(Netlink *n, const char *name, const char *to, unsigned length, const char *over, unsigned metric) {
        const IpAddress gateway = ip(over);
        const struct rtmsg i = { .rtm_family = (unsigned char) gateway.family, .rtm_dst_len = (unsigned char) length, .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST };
        struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);

        assert_int_equal(nlmsg_append(m, (void *) &i, sizeof i, NLMSG_ALIGNTO), 0);
        if (to) {
                const IpAddress d = ip(to);
                assert_int_equal(nla_put(m, RTA_DST, (int) ip_size(&d), d.bytes), 0);
        }
        assert_int_equal(nla_put(m, RTA_GATEWAY, (int) ip_size(&gateway), gateway.bytes), 0);
        assert_int_equal(nla_put_u32(m, RTA_OIF, (uint32_t) get(n, name).index), 0);
        if (metric)
                assert_int_equal(nla_put_u32(m, RTA_PRIORITY, metric), 0);
        return m;
}

/* A host as it is: an interface with several addresses of both versions, a default route over it and more. */
static void furnish(Netlink *n) {
        const IpAddress first = ip("192.0.2.10"), second = ip("192.0.2.11"), third = ip("10.7.0.1"), six = ip("2001:db8::10");
        const IpAddress gateway = ip("192.0.2.1"), gateway6 = ip("2001:db8::1");

        assert_ok(link_add_veth(n, "eth0", "outside"));
        assert_ok(link_set_up(n, "eth0", true));
        assert_ok(link_set_up(n, "outside", true));
        assert_ok(address_ensure(n, "eth0", &first, 24));
        assert_ok(address_ensure(n, "eth0", &second, 24));
        assert_ok(address_ensure(n, "eth0", &third, 16));
        assert_ok(address_ensure(n, "eth0", &six, 64));
        assert_ok(route_add_default(n, "eth0", &gateway));
        assert_ok(route_add_default(n, "eth0", &gateway6));
        assert_ok(netlink_request(n, route(n, "eth0", "198.51.100.0", 24, "10.7.0.9", 50)));
        assert_ok(link_add_bridge(n, "br-ex", NULL, 0));
}

static const char before[] = "192.0.2.10/24 10.7.0.1/16 192.0.2.11/24(2) 2001:db8::10/64 ";

static void an_interface_goes_under_its_bridge_with_all_that_it_has_and_back(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_free_ char *was = NULL, *now = NULL, *left = NULL, *back = NULL;

        furnish(n);
        was = picture(n, "eth0");
        assert_non_null(startswith(was, before));
        assert_non_null(strstr(was, "[default/0 via 192.0.2.1 metric 0]"));
        assert_non_null(strstr(was, "[default/0 via 2001:db8::1 metric 1024]"));
        assert_non_null(strstr(was, "[198.51.100.0/24 via 10.7.0.9 metric 50]"));

        assert_int_equal(bridge_take_interface(n, "br-ex", "eth0"), 1);
        now = picture(n, "br-ex");
        left = picture(n, "eth0");
        assert_string_equal(now, was);
        assert_string_equal(left, "");
        assert_int_equal(get(n, "eth0").master, get(n, "br-ex").index);
        assert_int_equal(bridge_take_interface(n, "br-ex", "eth0"), 0);

        assert_int_equal(bridge_give_interface(n, "br-ex", "eth0"), 1);
        back = picture(n, "eth0");
        assert_string_equal(back, was);
        assert_int_equal(get(n, "eth0").master, 0);
        assert_int_equal(bridge_give_interface(n, "br-ex", "eth0"), 0);
}

/* Each request of the move fails once: afterwards all is as before, and the move can be made. */
static void a_move_that_fails_at_any_step_leaves_all_as_it_was(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_free_ char *was = NULL, *end = NULL;
        unsigned step, failures = 0;
        int r;

        furnish(n);
        was = picture(n, "eth0");
        for (step = 1;; step++) {
                _cleanup_free_ char *now = NULL, *bridge = NULL;

                netlink_fail_at(n, step, false);
                r = bridge_take_interface(n, "br-ex", "eth0");
                netlink_fail_at(n, 0, false);
                if (r == 1)
                        break;
                assert_int_equal(r, -EIO);
                failures++;
                now = picture(n, "eth0");
                bridge = picture(n, "br-ex");
                if (!streq(now, was) || !streq(bridge, "") || get(n, "eth0").master != 0)
                        fail_msg("after the failure of request %u eth0 has %s, br-ex %s", step, now, bridge);
        }
        assert_true(failures >= 4 + 2 * 2 * 4 + 3);
        end = picture(n, "br-ex");
        assert_string_equal(end, was);
}

/* The process is killed at each request of the move: whoever comes next finds every address somewhere, and ends the move. */
static void a_move_that_is_killed_at_any_step_is_ended_by_the_next(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_free_ char *was = NULL;
        unsigned step, kills = 0;

        furnish(n);
        was = picture(n, "eth0");
        for (step = 1;; step++) {
                _cleanup_free_ char *now = NULL, *left = NULL;
                int status, r;
                pid_t pid;

                pid = fork();
                if (pid == 0) {
                        Netlink *own = NULL;

                        if (netlink_new(&own) < 0)
                                _exit(2);
                        netlink_fail_at(own, step, true);
                        _exit(bridge_take_interface(own, "br-ex", "eth0") == 1 ? 0 : 1);
                }
                assert_true(pid > 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                r = bridge_take_interface(n, "br-ex", "eth0");
                assert_true(r >= 0);
                now = picture(n, "br-ex");
                left = picture(n, "eth0");
                if (!streq(now, was) || !streq(left, ""))
                        fail_msg("killed at request %u, then eth0 has %s, br-ex %s", step, left, now);
                assert_int_equal(bridge_give_interface(n, "br-ex", "eth0"), 1);
                if (WIFEXITED(status)) {
                        assert_int_equal(WEXITSTATUS(status), 0);
                        break;
                }
                kills++;
        }
        assert_true(kills >= 4 + 2 * 2 * 4 + 3);
}

static void an_interface_of_another_bridge_is_left_there(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_free_ char *was = NULL, *now = NULL;

        furnish(n);
        assert_ok(link_add_bridge(n, "br-other", NULL, 0));
        assert_ok(link_set_master(n, "eth0", "br-other"));
        was = picture(n, "eth0");
        assert_int_equal(bridge_take_interface(n, "br-ex", "eth0"), -EBUSY);
        now = picture(n, "eth0");
        assert_string_equal(now, was);
        assert_int_equal(bridge_take_interface(n, "br-ex", "nobody"), -ENODEV);
        assert_int_equal(bridge_take_interface(n, "nobody", "outside"), -ENODEV);
}

/* ---- events ---- */

typedef struct SeenLink {
        char name[IF_NAMESIZE];
        bool up;
} SeenLink;

typedef struct Seen {
        SeenLink links[64];
        size_t n;
        unsigned told;
} Seen;

static size_t seen_find(const Seen *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (streq(s->links[i].name, name))
                        return i;
        return s->n;
}

/* Keeps a table by what it is told alone. */
static void on_event(LinkChange c, const LinkInfo *link, void *userdata) {
        Seen *s = userdata;
        size_t i = seen_find(s, link->name);

        s->told++;
        if (c == LINK_REMOVED) {
                assert_true(i < s->n);
                s->links[i] = s->links[--s->n];
                return;
        }
        assert_int_equal(c == LINK_ADDED, i == s->n);
        if (i == s->n) {
                assert_true(s->n < ELEMENTSOF(s->links));
                s->n++;
        }
        strcpy(s->links[i].name, link->name);
        s->links[i].up = link->flags & IFF_UP;
}

/* Until what was told is what there is, or fails. */
static void until_equal(Netlink *n, sd_event *event, const Seen *s) {
        usec_t deadline = now_monotonic() + 10 * USEC_PER_SEC;

        for (;;) {
                LinkInfo *all = NULL;
                size_t n_all, same = 0;

                while (sd_event_run(event, 10 * USEC_PER_MSEC) > 0)
                        ;
                assert_ok(link_list(n, &all, &n_all));
                for (size_t i = 0; i < n_all; i++) {
                        size_t k = seen_find(s, all[i].name);

                        same += k < s->n && s->links[k].up == !!(all[i].flags & IFF_UP);
                }
                free(all);
                if (same == n_all && n_all == s->n)
                        return;
                if (now_monotonic() > deadline)
                        fail_msg("%zu of %zu interfaces are told as they are", same, n_all);
        }
}

static void events_tell_what_happens(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_(link_events_freep) LinkEvents *events = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Seen seen = {};

        assert_ok(link_add_bridge(n, "br-test", NULL, 0));
        assert_ok(sd_event_new(&event));
        assert_ok(link_events_new(&events, event, on_event, &seen));
        assert_int_equal(seen.told, 0);
        until_equal(n, event, &seen);
        assert_true(seen_find(&seen, "br-test") < seen.n);

        assert_ok(link_add_veth(n, "veth0", "veth1"));
        assert_ok(link_set_up(n, "veth0", true));
        until_equal(n, event, &seen);
        assert_true(seen.links[seen_find(&seen, "veth0")].up);
        assert_ok(link_set_master(n, "veth0", "br-test"));
        assert_ok(link_delete(n, "br-test"));
        assert_ok(link_delete(n, "veth1"));
        until_equal(n, event, &seen);
        assert_int_equal(seen_find(&seen, "veth0"), seen.n);
        assert_int_equal(link_events_overruns(events), 0);
}

static void events_that_were_lost_are_made_up_for(void **state) {
        Netlink *n = namespace_or_skip(state);
        _cleanup_(link_events_freep) LinkEvents *events = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Seen seen = {};
        char name[IF_NAMESIZE];

        assert_ok(sd_event_new(&event));
        assert_ok(link_events_new(&events, event, on_event, &seen));
        assert_ok(link_add_bridge(n, "br-gone", NULL, 0));
        until_equal(n, event, &seen);

        /* Nobody reads, and there is room for little. */
        assert_ok(link_events_set_buffer(events, 4096));
        assert_ok(link_delete(n, "br-gone"));
        for (unsigned i = 0; i < 40; i++) {
                snprintf(name, sizeof name, "br%u", i);
                assert_ok(link_add_bridge(n, name, NULL, 0));
                assert_ok(link_set_up(n, name, true));
                if (i % 3 == 0)
                        assert_ok(link_delete(n, name));
        }
        until_equal(n, event, &seen);
        assert_true(link_events_overruns(events) > 0);
        assert_int_equal(seen_find(&seen, "br-gone"), seen.n);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NAMESPACE_CASE(a_bridge_is_made_ready_to_forward_and_unmade),
                NAMESPACE_CASE(what_has_no_name_of_an_interface_is_refused_before_the_kernel),
                NAMESPACE_CASE(ports_join_and_leave_a_bridge),
                NAMESPACE_CASE(taps_stay_when_their_maker_is_gone),
                NAMESPACE_CASE(vxlans_have_a_peer_or_a_group),
                NAMESPACE_CASE(vlans_are_on_their_parent),
                NAMESPACE_CASE(counters_count_what_went_by),
                NAMESPACE_CASE(an_interface_goes_under_its_bridge_with_all_that_it_has_and_back),
                NAMESPACE_CASE(a_move_that_fails_at_any_step_leaves_all_as_it_was),
                NAMESPACE_CASE(a_move_that_is_killed_at_any_step_is_ended_by_the_next),
                NAMESPACE_CASE(an_interface_of_another_bridge_is_left_there),
                NAMESPACE_CASE(events_tell_what_happens),
                NAMESPACE_CASE(events_that_were_lost_are_made_up_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* IP addresses of both versions: texts, prefixes, sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/macros.h"
#include "network/ip.h"

static void texts_are_read_whole_or_refused(void **state _unused_) {
        static const struct {
                const char *text, *shown;
        } rows[] = {
                { "10.0.0.1", "10.0.0.1" }, { "255.255.255.255", "255.255.255.255" }, { "fd00::1", "fd00::1" },
                { "FD00:0:0:0:0:0:0:1", "fd00::1" }, { "::ffff:10.0.0.1", "::ffff:10.0.0.1" },
                { "", NULL }, { "10.0.0", NULL }, { "10.0.0.256", NULL }, { "10.0.0.1 ", NULL }, { "10.0.0.1/24", NULL },
                { "fd00::1%eth0", NULL }, { "0x0a000001", NULL }, { ":::", NULL },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                char text[IP_TEXT_MAX];
                IpAddress a = { .family = -1 };

                assert_int_equal(ip_parse(rows[n].text, &a), rows[n].shown ? 0 : -EINVAL);
                if (rows[n].shown)
                        assert_string_equal(ip_format(&a, text), rows[n].shown);
                else
                        assert_int_equal(a.family, -1);
        }
}

static void prefixes_are_read_and_bits_beyond_them_told(void **state _unused_) {
        static const struct {
                const char *text, *shown, *last;
                int r;
        } rows[] = {
                { "10.0.0.0/24", "10.0.0.0/24", "10.0.0.255", 0 },
                { "10.0.0.7/24", "10.0.0.0/24", "10.0.0.255", -ERANGE },
                { "192.0.2.129/25", "192.0.2.128/25", "192.0.2.255", -ERANGE },
                { "0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", 0 },
                { "fd00:0:0:1::/64", "fd00:0:0:1::/64", "fd00::1:ffff:ffff:ffff:ffff", 0 },
                { "10.0.0.1/32", "10.0.0.1/32", "10.0.0.1", 0 },
                { "10.0.0.0/33", NULL, NULL, -EINVAL },
                { "10.0.0.0/", NULL, NULL, -EINVAL },
                { "10.0.0.0/024", NULL, NULL, -EINVAL },
                { "10.0.0.0/2 4", NULL, NULL, -EINVAL },
                { "10.0.0.0", NULL, NULL, -EINVAL },
                { "fd00::/129", NULL, NULL, -EINVAL },
                { "/24", NULL, NULL, -EINVAL },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                char text[IP_TEXT_MAX];
                IpAddress last;
                IpPrefix p;

                assert_int_equal(ip_prefix_parse(rows[n].text, &p), rows[n].r);
                if (!rows[n].shown)
                        continue;
                assert_string_equal(ip_prefix_format(&p, text), rows[n].shown);
                last = ip_prefix_last(&p);
                assert_string_equal(ip_format(&last, text), rows[n].last);
        }
}

static void sums_carry_and_distances_are_what_was_added(void **state _unused_) {
        static const struct {
                const char *from, *to;
                uint64_t n;
        } rows[] = {
                { "10.0.0.255", "10.0.1.0", 1 }, { "10.0.0.1", "10.0.0.1", 0 }, { "10.255.255.255", "11.0.0.0", 1 },
                { "fd00::ffff", "fd00::1:0", 1 }, { "fd00::", "fd00::ffff:ffff:ffff:ffff", UINT64_MAX },
                { "fd00::1:0", "fd00::2:0", 65536 },
        };
        IpAddress a, b, c;

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                assert_int_equal(ip_parse(rows[n].from, &a), 0);
                assert_int_equal(ip_parse(rows[n].to, &b), 0);
                c = ip_add(&a, rows[n].n);
                assert_int_equal(ip_compare(&c, &b), 0);
                assert_true(ip_distance(&a, &b) == rows[n].n);
        }
        assert_int_equal(ip_parse("fd00::", &a), 0);
        assert_int_equal(ip_parse("fd01::", &b), 0);
        assert_true(ip_distance(&a, &b) == UINT64_MAX);
}

static void a_prefix_holds_its_own_version_only(void **state _unused_) {
        IpPrefix p, q;
        IpAddress a;

        assert_int_equal(ip_prefix_parse("10.0.0.0/24", &p), 0);
        assert_int_equal(ip_parse("10.0.0.77", &a), 0);
        assert_true(ip_prefix_contains(&p, &a));
        assert_int_equal(ip_parse("10.0.1.0", &a), 0);
        assert_false(ip_prefix_contains(&p, &a));
        assert_int_equal(ip_parse("a00::", &a), 0);
        assert_false(ip_prefix_contains(&p, &a));
        assert_int_equal(ip_prefix_parse("10.0.0.128/25", &q), 0);
        assert_true(ip_prefix_overlaps(&p, &q));
        assert_true(ip_prefix_overlaps(&q, &p));
        assert_int_equal(ip_prefix_parse("10.0.1.0/24", &q), 0);
        assert_false(ip_prefix_overlaps(&p, &q));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_are_read_whole_or_refused),
                cmocka_unit_test(prefixes_are_read_and_bits_beyond_them_told),
                cmocka_unit_test(sums_carry_and_distances_are_what_was_added),
                cmocka_unit_test(a_prefix_holds_its_own_version_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* transport_url as oslo.messaging reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "rpc/url.h"

typedef struct Case {
        const char *text;
        const char *result;             /* "user:password@host:port,… vhost query…"; NULL: refused */
        const char *why;                /* a part of the sentence */
} Case;

static const Case cases[] = {
        {"rabbit://guest:guest@localhost:5672/", "guest:guest@localhost:5672 / "},
        {"kombu://u:p@h", "u:p@h:5672 / "},
        {"rabbit://u:p@h//", "u:p@h:5672 / "},
        {"rabbit://u:p@h/nova", "u:p@h:5672 nova "},
        {"rabbit://u:p@h/%2Fnova%20x", "u:p@h:5672 /nova x "},
        {"rabbit://u:p@h1:1,v:q@h2:65535/x", "u:p@h1:1,v:q@h2:65535 x "},
        {"rabbit://u:p@h1,h2/x", "u:p@h1:5672,:@h2:5672 x "},              /* a login is not inherited */
        {"rabbit://u@h/", "u:@h:5672 / "},
        {"rabbit://%75:p%40%3a%2f%2C%25@h/", "u:p@:/,%@h:5672 / "},
        {"rabbit://u:a%zzb%2@h/", "u:a%zzb%2@h:5672 / "},                   /* as Python's unquote */
        {"rabbit://u:p@[::1]:5671/", "u:p@::1:5671 / "},
        {"rabbit://u:p@[fe80::1]/v", "u:p@fe80::1:5672 v "},
        {"rabbit:///v", "guest:guest@localhost:5672 v "},
        {"rabbit://", "guest:guest@localhost:5672 / "},
        {"rabbit://:5673/", ":@localhost:5673 / "},
        {"rabbit://u:p@h/?ssl=1&rabbit_qos_prefetch_count=10", "u:p@h:5672 / ssl=1;rabbit_qos_prefetch_count=10;"},
        {"rabbit://u:p@h?ssl=1", "u:p@h:5672 / ssl=1;"},
        {"rabbit://u:p@h/?ssl_ca_file=%2Fa+b&", "u:p@h:5672 / ssl_ca_file=/a b;"},
        {"fake://", " / "},
        {"fake:///x", " x "},

        {"", NULL, "does not begin with rabbit://"},
        {"localhost", NULL, "does not begin with rabbit://"},
        {"u:s3cret@h", NULL, "does not begin with rabbit://"},
        {"qpid://u:s3cret@h/", NULL, "unknown transport 'qpid'"},
        {"rabbit://u:s3cret@h:0/", NULL, "host 1 of the list: its port"},
        {"rabbit://u:s3cret@h:65536/", NULL, "host 1 of the list: its port"},
        {"rabbit://u:s3cret@h:/", NULL, "its port"},
        {"rabbit://u:s3cret@h:12x/", NULL, "its port"},
        {"rabbit://u:p@h,u:s3cret@g:x/", NULL, "host 2 of the list: its port"},
        {"rabbit://u:s3cret@[::1/", NULL, "not closed by ']'"},
        {"rabbit://u:s3cret@[]/", NULL, "not closed by ']'"},
        {"rabbit://u:s3cret@[::1]x/", NULL, "after ']'"},
        {"rabbit://u:s3cret@::1/", NULL, "IPv6 address stands in []"},
        {"rabbit://u:s3cret@h,,h/", NULL, "host 2 of the list is empty"},
        {"rabbit://,u:s3cret@h/", NULL, "host 1 of the list is empty"},
        {"rabbit://u:s3cret@h,/", NULL, "host 2 of the list is empty"},
        {"rabbit://u:s3cret@a b/", NULL, "blank"},
        {"rabbit://u:s3cret%00@h/", NULL, "zero byte"},
        {"rabbit://u:s3cret@h/%00", NULL, "virtual host holds a zero byte"},
        {"rabbit://u:s3cret@h/?ssl", NULL, "part 1 of the query is not name=value"},
        {"rabbit://u:s3cret/x@h/", NULL, "its port"},                       /* a '/' that is not encoded */
};

static void print(const TransportUrl *u, char *s, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < u->n_hosts; i++)
                n += (size_t) snprintf(s + n, size - n, "%s%s:%s@%s:%u", i ? "," : "", u->hosts[i].user,
                                       u->hosts[i].password, u->hosts[i].host, u->hosts[i].port);
        n += (size_t) snprintf(s + n, size - n, " %s ", u->vhost);
        for (char **q = u->query; q && *q; q++)
                n += (size_t) snprintf(s + n, size - n, "%s;", *q);
}

static void a_url_is_read_as_oslo_messaging_reads_it(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                TransportUrl u = {.n_hosts = 77}, untouched = u;
                char why[256] = "", s[1024];
                int r = transport_url_parse(c->text, &u, why, sizeof why);

                if (!c->result) {
                        if (r != -EINVAL || !strstr(why, c->why))
                                fail_msg("%s: %d %s", c->text, r, why);
                        assert_memory_equal(&u, &untouched, sizeof u);
                        continue;
                }
                if (r != 0)
                        fail_msg("%s: %d %s", c->text, r, why);
                print(&u, s, sizeof s);
                assert_string_equal(s, c->result);
                transport_url_done(&u);
        }
}

static void what_is_wrong_is_told_without_the_password(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TransportUrl u = {};
                char why[256] = "";

                if (transport_url_parse(cases[i].text, &u, why, sizeof why) < 0)
                        assert_null(strstr(why, "s3cret"));
                else
                        transport_url_done(&u);
        }
}

static void a_vhost_beyond_what_amqp_can_say_is_refused(void **state) {
        char text[400] = "rabbit://u:p@h/", why[256] = "";
        TransportUrl u = {};

        memset(text + strlen(text), 'v', 256);
        assert_int_equal(transport_url_parse(text, &u, why, sizeof why), -EINVAL);
        assert_non_null(strstr(why, "255"));
}

static void the_last_of_several_values_counts(void **state) {
        TransportUrl u = {};
        char why[64];

        assert_int_equal(transport_url_parse("rabbit://h/?ssl=0&ssl_ca_file=/x&ssl=1", &u, why, sizeof why), 0);
        assert_string_equal(transport_url_query(&u, "ssl"), "1");
        assert_string_equal(transport_url_query(&u, "ssl_ca_file"), "/x");
        assert_null(transport_url_query(&u, "ss"));
        transport_url_done(&u);
}

static void shuffling_keeps_every_host_and_puts_each_first_at_times(void **state) {
        unsigned first[3] = {};

        for (unsigned i = 0; i < 200; i++) {
                TransportUrl u = {};
                char why[64];
                unsigned seen = 0;

                assert_int_equal(transport_url_parse("rabbit://u:p@h0,u:p@h1,u:p@h2/", &u, why, sizeof why), 0);
                transport_url_shuffle(&u);
                for (size_t k = 0; k < u.n_hosts; k++)
                        seen |= 1U << (u.hosts[k].host[1] - '0');
                assert_int_equal(seen, 7);
                first[u.hosts[0].host[1] - '0']++;
                transport_url_done(&u);
        }
        for (unsigned i = 0; i < 3; i++)
                assert_true(first[i] > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_url_is_read_as_oslo_messaging_reads_it),
                cmocka_unit_test(what_is_wrong_is_told_without_the_password),
                cmocka_unit_test(a_vhost_beyond_what_amqp_can_say_is_refused),
                cmocka_unit_test(the_last_of_several_values_counts),
                cmocka_unit_test(shuffling_keeps_every_host_and_puts_each_first_at_times),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

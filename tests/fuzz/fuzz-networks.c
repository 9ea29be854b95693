/* Declarations of networks and ports, a line each, and what networks a request asks for. */
#include <errno.h>

#include "basic/json.h"
#include "network/declared.h"
#include "network/requested.h"
#include "fuzz.h"

static void check_network(const NetworkTable *t, const DeclaredNetwork *n) {
        fuzz_check(network_table_find(t, n->id) == n && n->n_subnets > 0 && n->n_subnets <= 2);
        fuzz_check(*n->bridge && strlen(n->bridge) <= NETWORK_INTERFACE_MAX && !strpbrk(n->bridge, "/ \n"));
        for (size_t i = 0; i < n->n_subnets; i++) {
                const Subnet *s = &n->subnets[i];

                fuzz_check(ip_compare(&s->first, &s->last) <= 0);
                fuzz_check(ip_prefix_contains(&s->prefix, &s->first) && ip_prefix_contains(&s->prefix, &s->last));
                fuzz_check(!ip_is_set(&s->host) || ip_prefix_contains(&s->prefix, &s->host));
                fuzz_check(!ip_is_set(&s->gateway) || ip_prefix_contains(&s->prefix, &s->gateway));
        }
        fuzz_check(!n->dhcp || ip_is_set(&n->subnets[0].host));
}

static void check_declarations(char *text) {
        NetworkTable t = {};
        char *line, *next;

        for (line = text; line && t.n < 20; line = next) {
                NovaException e = NOVA_EXCEPTION_NULL;
                size_t before = t.n + t.n_ports;
                int r;

                next = strchr(line, ';');
                if (next)
                        *next++ = '\0';
                r = startswith(line, "port ") ? network_table_add_port(&t, line + 5, "fuzz", &e)
                                              : network_table_add_network(&t, line, "fuzz", &e);
                fuzz_check(t.n + t.n_ports == before + (r >= 0));
                fuzz_check(r >= 0 || (exception_is(&e, EXC_INVALID_CONFIGURATION) && startswith(e.message, "fuzz: ")));
                exception_done(&e);
        }
        for (size_t n = 0; n < t.n; n++)
                check_network(&t, &t.networks[n]);
        for (size_t n = 0; n < t.n_ports; n++)
                fuzz_check(t.ports[n].network < t.n);
        network_table_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        json_auto_t *value = NULL;

        if (json_parse((const char *) data, size, &value, NULL, 0) >= 0) {
                NovaException e = NOVA_EXCEPTION_NULL;
                NetworkRequests q = {};
                int r;

                r = network_requests_read(value, &q, &e);
                fuzz_check(r >= 0 || (exception_is_set(&e) && q.n == 0 && !q.items));
                fuzz_check(r < 0 || q.n <= NETWORK_REQUESTS_MAX);
                fuzz_check(!(q.none || q.any) || q.n == 0);
                network_requests_done(&q);
                exception_done(&e);
        }
        check_declarations(text);
        return 0;
}

/* What dnsmasq is told: see dhcp.h. Whatever comes from outside (names of guests) is checked before it gets into a line. */
#include "network/dhcp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

/* A label of a host's name; dnsmasq would take others for keywords, or not at all. */
static bool is_label(const char *s) {
        size_t n = strlen(strempty(s));

        if (n == 0 || n > 63 || *s == '-' || s[n - 1] == '-')
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && *s != '-')
                        return false;
        return true;
}

static void put_dns(FILE *f, const DhcpSettings *s, const DeclaredNetwork *n, int version) {
        const IpAddress *dns = n->n_dns > 0 ? n->dns : s->dns;
        size_t n_dns = n->n_dns > 0 ? n->n_dns : s->n_dns;
        char text[IP_TEXT_MAX];

        fprintf(f, version == 4 ? "dhcp-option=option:dns-server" : "dhcp-option=option6:dns-server");
        for (size_t i = 0; i < n_dns; i++)
                if (ip_version(&dns[i]) == version)
                        fprintf(f, version == 4 ? ",%s" : ",[%s]", ip_format(&dns[i], text));
        fputc('\n', f);
}

static void put_subnet(FILE *f, const DhcpSettings *s, const DeclaredNetwork *n, const Subnet *subnet) {
        const IpAddress *a = &subnet->prefix.address;
        char text[IP_TEXT_MAX];

        if (ip_version(a) == 4) {
                const IpPrefix all = { .address = { .family = AF_INET }, .length = subnet->prefix.length };
                IpAddress mask = ip_prefix_last(&all);

                for (size_t i = 0; i < 4; i++)          /* what is set beyond the length, turned round */
                        mask.bytes[i] = (unsigned char) ~mask.bytes[i];
                fprintf(f, "dhcp-range=%s,static", ip_format(a, text));
                fprintf(f, ",%s,%us\n", ip_format(&mask, text), s->lease_time);
                /* Without a gateway the option has no value: else dnsmasq would give its own address. */
                fprintf(f, "dhcp-option=option:router%s%s\n", ip_is_set(&subnet->gateway) ? "," : "", ip_format(&subnet->gateway, text));
        } else {
                fprintf(f, "dhcp-range=%s,static,%u,%us\n", ip_format(a, text), subnet->prefix.length, s->lease_time);
                if (ip_is_set(&subnet->gateway) && ip_compare(&subnet->gateway, &subnet->host) == 0)
                        fprintf(f, "enable-ra\n");
        }
        put_dns(f, s, n, ip_version(a));
}

char *dhcp_configuration(const DhcpSettings *s, const DeclaredNetwork *n) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fprintf(f, "# Network %s (%s), written by nova-compute; changes are lost.\n", n->name, n->id);
        /* No names are served: guests are told of servers that do. */
        fprintf(f, "port=0\ninterface=%s\nexcept-interface=lo\nbind-interfaces\n", n->bridge);
        fprintf(f, "pid-file=%s/%s.pid\ndhcp-leasefile=%s/%s.leases\ndhcp-hostsfile=%s/%s.hosts\n", s->directory, n->id, s->directory,
                n->id, s->directory, n->id);
        /* Addresses are ours to give: nobody need be asked by echo requests, for which it would need raw sockets. */
        fprintf(f, "dhcp-authoritative\nno-ping\ndhcp-lease-max=1048576\n");
        if (!isempty(s->domain))
                fprintf(f, "domain=%s\n", s->domain);
        for (size_t i = 0; i < n->n_subnets; i++)
                if (ip_is_set(&n->subnets[i].host))
                        put_subnet(f, s, n, &n->subnets[i]);
        if (n->mtu)
                fprintf(f, "dhcp-option=option:mtu,%u\n", n->mtu);
        if (!isempty(s->config_file))
                fprintf(f, "conf-file=%s\n", s->config_file);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *dhcp_hosts(const DhcpSettings *s _unused_, const DeclaredNetwork *n, const VirtualInterfaceList *vifs) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < vifs->n; i++) {
                const VirtualInterface *v = &vifs->items[i];
                bool seen[2] = {};

                fputs(v->mac, f);
                for (char **a = v->addresses; a && *a; a++) {
                        IpAddress ip;
                        bool six;

                        /* The first of each version: a card is asked for one. */
                        if (ip_parse(*a, &ip) < 0 || !network_subnet_of(n, &ip) || seen[six = ip_version(&ip) == 6])
                                continue;
                        seen[six] = true;
                        fprintf(f, six ? ",[%s]" : ",%s", *a);
                }
                if (is_label(v->hostname))
                        fprintf(f, ",%s", v->hostname);
                fputc('\n', f);
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

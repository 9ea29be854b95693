/* IP addresses of both versions as values, and their texts. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_MAX 64          /* an address with its prefix length, and NUL */

typedef struct IpAddress {
        int family;             /* AF_INET, AF_INET6; 0 = none */
        unsigned char bytes[16];
} IpAddress;

typedef struct IpPrefix {
        IpAddress address;
        unsigned length;
} IpPrefix;

static inline bool ip_is_set(const IpAddress *a) {
        return a->family != 0;
}
/* 4 or 6. */
int ip_version(const IpAddress *a);
size_t ip_size(const IpAddress *a);             /* bytes: 4 or 16 */

/* The whole of @text. 0, or -EINVAL with *ret untouched. */
int ip_parse(const char *text, IpAddress *ret);
char *ip_format(const IpAddress *a, char buf[static IP_TEXT_MAX]);
/* By version, then as numbers: below 0, 0, above 0. */
int ip_compare(const IpAddress *a, const IpAddress *b);

/* "10.0.0.0/24". -EINVAL for what is no prefix, -ERANGE (*ret set all the same, cut) when bits beyond the length are set. */
int ip_prefix_parse(const char *text, IpPrefix *ret);
char *ip_prefix_format(const IpPrefix *p, char buf[static IP_TEXT_MAX]);
bool ip_prefix_contains(const IpPrefix *p, const IpAddress *a);
bool ip_prefix_overlaps(const IpPrefix *a, const IpPrefix *b);
/* Its last address: of version 4 the broadcast. */
IpAddress ip_prefix_last(const IpPrefix *p);

/* The address @n further on; wraps around. */
IpAddress ip_add(const IpAddress *a, uint64_t n);
/* How far @b is beyond @a, of the same version and not below it; UINT64_MAX when that is more. */
uint64_t ip_distance(const IpAddress *a, const IpAddress *b);

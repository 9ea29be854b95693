/* IP addresses: see ip.h. */
#include "network/ip.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int ip_version(const IpAddress *a) {
        return a->family == AF_INET6 ? 6 : 4;
}

size_t ip_size(const IpAddress *a) {
        return a->family == AF_INET6 ? 16 : 4;
}

int ip_parse(const char *text, IpAddress *ret) {
        IpAddress a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

        if (inet_pton(a.family, text, a.bytes) != 1)
                return -EINVAL;
        *ret = a;
        return 0;
}

char *ip_format(const IpAddress *a, char buf[static IP_TEXT_MAX]) {
        if (!ip_is_set(a) || !inet_ntop(a->family, a->bytes, buf, IP_TEXT_MAX))
                buf[0] = '\0';
        return buf;
}

int ip_compare(const IpAddress *a, const IpAddress *b) {
        if (a->family != b->family)
                return a->family < b->family ? -1 : 1;
        return memcmp(a->bytes, b->bytes, ip_size(a));
}

/* @a with the bits beyond @length as @set says. */
static IpAddress fill(const IpAddress *a, unsigned length, bool set) {
        IpAddress filled = *a;

        for (unsigned bit = length; bit < ip_size(a) * 8; bit++) {
                unsigned char mask = (unsigned char) (0x80 >> (bit % 8));

                if (set)
                        filled.bytes[bit / 8] |= mask;
                else
                        filled.bytes[bit / 8] &= (unsigned char) ~mask;
        }
        return filled;
}

int ip_prefix_parse(const char *text, IpPrefix *ret) {
        const char *slash = strchr(text, '/');
        char address[IP_TEXT_MAX];
        IpPrefix p = {};
        size_t digits;

        if (!slash || (size_t) (slash - text) >= sizeof address)
                return -EINVAL;
        memcpy(address, text, (size_t) (slash - text));
        address[slash - text] = '\0';
        if (ip_parse(address, &p.address) < 0)
                return -EINVAL;

        digits = strspn(slash + 1, "0123456789");
        if (digits == 0 || digits > 3 || slash[1 + digits] || (slash[1] == '0' && digits > 1))
                return -EINVAL;
        for (const char *c = slash + 1; *c; c++)
                p.length = p.length * 10 + (unsigned) (*c - '0');
        if (p.length > ip_size(&p.address) * 8)
                return -EINVAL;

        ret->length = p.length;
        ret->address = fill(&p.address, p.length, false);
        return ip_compare(&ret->address, &p.address) == 0 ? 0 : -ERANGE;
}

char *ip_prefix_format(const IpPrefix *p, char buf[static IP_TEXT_MAX]) {
        size_t n;

        (void) ip_format(&p->address, buf);
        n = strlen(buf);
        (void) snprintf(buf + n, IP_TEXT_MAX - n, "/%u", p->length);
        return buf;
}

bool ip_prefix_contains(const IpPrefix *p, const IpAddress *a) {
        IpAddress cut;

        if (p->address.family != a->family)
                return false;
        cut = fill(a, p->length, false);
        return ip_compare(&cut, &p->address) == 0;
}

bool ip_prefix_overlaps(const IpPrefix *a, const IpPrefix *b) {
        return ip_prefix_contains(a, &b->address) || ip_prefix_contains(b, &a->address);
}

IpAddress ip_prefix_last(const IpPrefix *p) {
        return fill(&p->address, p->length, true);
}

IpAddress ip_add(const IpAddress *a, uint64_t n) {
        IpAddress sum = *a;

        for (size_t i = ip_size(a); i-- > 0 && n > 0;) {
                uint64_t byte = sum.bytes[i] + (n & 0xff);

                sum.bytes[i] = (unsigned char) byte;
                n = (n >> 8) + (byte >> 8);
        }
        return sum;
}

uint64_t ip_distance(const IpAddress *a, const IpAddress *b) {
        unsigned char difference[16];
        uint64_t n = 0;
        int borrow = 0;
        size_t size = ip_size(a);

        assert(a->family == b->family && ip_compare(a, b) <= 0);

        for (size_t i = size; i-- > 0;) {
                int byte = b->bytes[i] - a->bytes[i] - borrow;

                borrow = byte < 0;
                difference[i] = (unsigned char) (byte + 256 * borrow);
        }
        for (size_t i = 0; i < size; i++) {
                if (i + 8 < size && difference[i])
                        return UINT64_MAX;
                n = n << 8 | difference[i];
        }
        return n;
}

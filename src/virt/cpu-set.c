/* The grammar of cpu_shared_set and cpu_dedicated_set, and of libvirt's own lists of CPUs. */
#include "virt/cpu-set.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* A number below CPU_SET_MAX with blanks around it. Returns what follows, or NULL. */
static const char *parse_number(const char *s, unsigned *ret) {
        unsigned n = 0;

        while (*s == ' ' || *s == '\t')
                s++;
        if (!isdigit((unsigned char) *s))
                return NULL;
        for (; isdigit((unsigned char) *s); s++) {
                n = n * 10 + (unsigned) (*s - '0');
                if (n >= CPU_SET_MAX)
                        return NULL;
        }
        while (*s == ' ' || *s == '\t')
                s++;

        *ret = n;
        return s;
}

int cpu_set_parse(const char *text, CpuSet *ret, char *why, size_t why_size) {
        CpuSet in, out;

        CPU_ZERO(&in);
        CPU_ZERO(&out);

        for (const char *part = text; *part;) {
                size_t length = strcspn(part, ",");
                const char *s = part + strspn(part, " \t");
                bool excluded = *s == '^';
                unsigned from, to;

                if (s == part + length) {       /* nothing between two commas is nothing */
                        part += length + (part[length] == ',');
                        continue;
                }
                s = parse_number(s + excluded, &from);
                to = from;
                if (s && *s == '-')
                        s = parse_number(s + 1, &to);
                if (!s || s != part + length || to < from) {
                        snprintf(why, why_size, "\"%.*s\" is no CPU number below %d, range or ^exclusion", (int) MIN(length, 60u),
                                 part, CPU_SET_MAX);
                        return -EINVAL;
                }
                for (unsigned c = from; c <= to; c++)
                        CPU_SET(c, excluded ? &out : &in);
                part += length + (part[length] == ',');
        }

        for (unsigned c = 0; c < CPU_SET_MAX; c++)
                if (CPU_ISSET(c, &out))
                        CPU_CLR(c, &in);
        *ret = in;
        return 0;
}

json_t *cpu_set_to_json(const CpuSet *s) {
        json_t *list = json_array();

        for (unsigned c = 0; list && c < CPU_SET_MAX; c++)
                if (CPU_ISSET(c, s) && json_array_append_new(list, json_integer(c)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

/* A property's value between our state and the bus: so that one getter serves an interface, and a change can be told
 * from what is the same as before. */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macros.h"

typedef struct BusValue {
        const char *type;               /* the D-Bus signature; NULL = not set */
        union {
                const char *s;          /* "s"; NULL is "" */
                bool b;
                uint32_t u;
                uint64_t t;
                int64_t x;
                double d;
                const char *const *as;  /* "as", and "a{ss}", "a(sss)" flat; NULL-terminated, or NULL */
        };
        const char **owned;             /* the array if it is ours; the strings never are */
        /* Of any other type: appends @data, and is told apart from others by @hash. */
        int (*append)(sd_bus_message *m, const void *data);
        const void *data;
        uint64_t hash;
} BusValue;

#define BUS_STRING(v) (BusValue){ .type = "s", .s = (v) }
#define BUS_BOOLEAN(v) (BusValue){ .type = "b", .b = (v) }
#define BUS_UINT32(v) (BusValue){ .type = "u", .u = (v) }
#define BUS_UINT64(v) (BusValue){ .type = "t", .t = (v) }
#define BUS_INT64(v) (BusValue){ .type = "x", .x = (v) }
#define BUS_DOUBLE(v) (BusValue){ .type = "d", .d = (v) }
#define BUS_PATHS(v) (BusValue){ .type = "ao", .as = (v) }
#define BUS_STRV(v) (BusValue){ .type = "as", .as = (v) }

void bus_value_done(BusValue *v);
/* Appends it as its type. Returns 0 or -errno. */
int bus_value_append(const BusValue *v, sd_bus_message *m);
/* Equal values have the same. */
uint64_t bus_value_hash(const BusValue *v);
/* For @hash: begins with BUS_HASH_BEGIN. */
#define BUS_HASH_BEGIN UINT64_C(0xcbf29ce484222325)
uint64_t bus_hash(uint64_t hash, const void *data, size_t n);
uint64_t bus_hash_text(uint64_t hash, const char *s);           /* with its end; NULL is "" */
/* A member of an a{sv}, up to where its value of type @contents goes, and from there on. */
int bus_open_entry(sd_bus_message *m, const char *key, const char *contents);
int bus_close_entry(sd_bus_message *m);
/* A whole one; text that is no UTF-8 is made so. */
int bus_append_text_entry(sd_bus_message *m, const char *key, const char *value);
int bus_append_entry(sd_bus_message *m, const char *key, const char *type, const void *value);

/* D-Bus takes UTF-8 only, and drops who sends anything else, while names and errors may come from anywhere. Returns @s
 * itself if it is valid, else a copy in *ret_owned with the bytes that are not as \xNN, "" when out of memory. */
const char *bus_text(const char *s, char **ret_owned);

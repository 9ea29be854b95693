/* The flavors that CreateInstance takes by name: those that the option `flavor` declares, one value each, as
 *
 *   flavor = name=m1.small, vcpus=1, memory=2048, disk=20, ephemeral=0, swap=512, hw:cpu_policy=dedicated
 *
 * or Nova's classic five where none is declared. Immutable once read. The parser takes any text: it is fuzzed. */
#pragma once

#include <jansson.h>

#include "config/config.h"
#include "objects/exception.h"

#define FLAVOR_SIZE_MAX 0x7fffffff      /* what Nova's columns of sizes hold */

typedef struct Flavor {
        char *name;
        int64_t id;                     /* instance_type_id: its place, from 1 */
        int64_t vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib;
        json_t *extra_specs;            /* {name: text}; those keys that have a colon */
        char *origin;                   /* "/etc/nova/nova.conf:12"; NULL: of the classic ones */
} Flavor;

typedef struct FlavorTable {
        Flavor *items;
        size_t n;
} FlavorTable;

/* Reads the option. A bad value is InvalidConfiguration, which names file, line, value and what is allowed. */
int flavor_table_read(FlavorTable *ret, const Config *config, NovaException *e);
void flavor_table_done(FlavorTable *t);

/* One value of the option, added to the table. @origin is told in errors. */
int flavor_table_add(FlavorTable *t, const char *text, const char *origin, NovaException *e);

const Flavor *flavor_table_find(const FlavorTable *t, const char *name);        /* NULL if there is none */

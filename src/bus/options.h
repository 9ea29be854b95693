/* Dictionaries of callers: a{sv} whose keys we know, read into JSON; and what else of a message becomes JSON. */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "basic/macros.h"

#define SHOWN_MAX 64            /* bytes of somebody's text in a sentence of ours */
#define ENTRIES_MAX 1024        /* of a dictionary or list */

/* A key and the types its value may be of: "s", "u", "ut" (numbers of either), "b", "as", "a{ss}", "s|ay" (text or bytes: base64 in
 * JSON). NULL as name ends a list. */
typedef struct BusOption {
        const char *name;
        const char *types;
} BusOption;

/* How much of @s to show in a sentence: not all of what may be megabytes, and no half character. */
int bus_shown(const char *s);

/* Reads a{sv} into an object. InvalidArgs with the name of a key that is not among @known, comes twice, or has a value of another
 * type; @what is called in sentences ("Option", "Property"). *ret is a new reference. 0 or -errno with @error. */
int bus_read_options(sd_bus_message *m, const BusOption *known, const char *what, json_t **ret, sd_bus_error *error);
/* a{ss}, likewise. */
int bus_read_dictionary(sd_bus_message *m, json_t **ret, sd_bus_error *error);
/* ay as base64. */
int bus_read_bytes(sd_bus_message *m, json_t **ret, sd_bus_error *error);

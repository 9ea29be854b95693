/* An Instance as Nova's versioned object and as our struct: the struct holds what the host-level parts reckon with and is
 * the truth about it, ->object keeps everything else as it came (zed 2.3, Appendix A). Functions are thread-safe on
 * instances of one's own. What accessors return is borrowed from ->object and ends with the next change of it. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"
#include "objects/exception.h"
#include "objects/instance.h"

/* A whole Instance primitive -> *ret; ->object holds a copy of it. The name is not in it: instance_name_fill. Fields that are unset
 * or null are 0, NULL, false; without a vm_state it is building. On failure *ret is untouched and @e names field and value:
 * InvalidUUID (the uuid becomes a path), or what object_parse says; or -ENOMEM. */
int instance_from_object(const json_t *primitive, Instance *ret, NovaException *e);

/* Takes over the fields that the primitive names in its changes, and no others; those of a nested object that is the same one
 * (by its id or uuid) the same way, else the nested object whole. What is not named in changes may be stale and is not
 * looked at, but for the uuid, which must be @i's (else InvalidInput). Failures as above, @i untouched. */
int instance_merge_changes(Instance *i, const json_t *primitive, NovaException *e);

/* The Instance 2.7 primitive: ->object with our fields put in (states, host, sizes, times, info cache…), no changes at any
 * depth. New reference, NULL when out of memory. */
json_t *instance_to_object(const Instance *i);

/* The domain's name by instance_name_template (zed 10): "instance-%08x" of the id, or %(uuid)s, %(hostname)s, %(id)d and
 * other columns by name. Sets i->name unless it has one. A template that names what is not there, or makes a name that
 * cannot be a file or a domain (empty, '/', control characters), is refused: InvalidConfiguration. */
int instance_name_fill(Instance *i, const char *template, NovaException *e);

/* The value of a field of ->object: Nova's object, or Essex's dictionary. NULL when it is unset; JSON null when it is null. The
 * struct's own members are not looked up here: they may be newer. */
const json_t *instance_field(const Instance *i, const char *field);
const char *instance_text(const Instance *i, const char *field);                /* NULL unless a text */
int64_t instance_number(const Instance *i, const char *field, int64_t otherwise);
/* Sets a field of ->object, made if there is none. Steals @value; NULL unsets. -ENOMEM. */
int instance_set_field(Instance *i, const char *field, json_t *value);
/* The InstanceNUMATopology, here and in ->object: JSON text, which is copied; NULL = none. 0 or -errno, then nothing is changed. */
int instance_set_numa_topology(Instance *i, const char *text);
/* The data of a nested object ("flavor", "info_cache", …), or NULL. */
const json_t *instance_nested(const Instance *i, const char *field);

const json_t *instance_metadata(const Instance *i);                             /* an object, or NULL */
const json_t *instance_system_metadata(const Instance *i);
const char *instance_system_metadata_get(const Instance *i, const char *key);   /* NULL when absent or null */
/* Sets, or with NULL removes. 0 or -ENOMEM. */
int instance_system_metadata_set(Instance *i, const char *key, const char *value_or_null);

const json_t *instance_flavor(const Instance *i);               /* data of the Flavor; extra_specs inside. NULL without */
const char *instance_extra_spec(const Instance *i, const char *key);
/* A property of the image as it was at the build, without the prefix: "hw_machine_type". From system_metadata image_*. */
const char *instance_image_property(const Instance *i, const char *key);
/* The image as Nova's ImageMeta.from_instance sees it: {id, disk_format, container_format, min_disk, min_ram, properties:
 * {…}}. New reference, NULL when out of memory. */
json_t *image_meta_from_instance(const Instance *i);

const json_t *instance_keypairs(const Instance *i);             /* array of KeyPair primitives, or NULL */
const char *instance_user_data(const Instance *i);              /* base64 as it came, or NULL */
bool instance_config_drive(const Instance *i);                  /* the user asked for one */

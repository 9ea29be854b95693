/* CreateInstance: what a person says of a new instance in simple words, made into the request that nova-api and a conductor would
 * send for it: the whole Instance, RequestSpec, Flavor, NetworkRequestList, BlockDeviceMappingList (zed 6.1). From there on it is
 * a build like any other. */
#pragma once

#include <jansson.h>

#include "service/operation.h"

typedef enum CreateType {
        CREATE_TEXT,                    /* s */
        CREATE_NUMBER,                  /* u, t */
        CREATE_BOOLEAN,                 /* b */
        CREATE_TEXTS,                   /* as */
        CREATE_DICTIONARY,              /* a{ss} */
        CREATE_DATA,                    /* s, ay; base64 in JSON */
        _CREATE_TYPE_MAX,
} CreateType;

/* The keys of CreateInstance's dictionary and what their values are on the bus. NULL beyond the last. */
typedef struct CreateKey {
        const char *name;
        CreateType type;
        bool secret;
} CreateKey;
const CreateKey *create_key_at(size_t n);
const CreateKey *create_key_find(const char *name);

/* The properties as read; texts are borrowed from the JSON they were read of. */
typedef struct CreateProperties {
        const char *name, *image, *flavor, *uuid, *key_name, *public_key, *admin_password, *availability_zone, *project, *user;
        const char *user_data;          /* base64 */
        int64_t vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib;   /* -1 = not given */
        const json_t *networks, *fixed_ips, *metadata;                  /* NULL = not given */
        bool config_drive;
} CreateProperties;

/* Checks an object of those keys, as far as it can be checked without looking at this host: InvalidInput, which names key, value and
 * what is allowed. Pure; takes any JSON: it is fuzzed. */
int create_properties_read(const json_t *properties, CreateProperties *ret, NovaException *e);

/* The image of that id, or else the only one of that name, that an instance of @project may be made of (NULL = any): Nova's dictionary. One
 * that was made of an instance (property owner_id) is for its own project. Blocks. ImageNotFound; InvalidInput for a name that several
 * have; what image.h says else. */
int create_find_image(const Config *config, const char *wanted, const char *project, json_t **ret, NovaException *e);

/* Method.run of _make_build_request(properties): the arguments of a build_and_run_instance of them. FlavorNotFound, ImageNotFound,
 * NetworkNotFound, NetworkAmbiguous, InstanceExists, and what a build refuses. */
int compute_run_make_build_request(Operation *o, json_t **ret, NovaException *e);

/* Method.run of _find_image(image, project): create_find_image for an instance of that project. */
int compute_run_find_image(Operation *o, json_t **ret, NovaException *e);

/* For create.c: the parts of the request. Each a new reference, NULL when out of memory. */
typedef struct Flavor Flavor;
typedef struct NewInstance {
        const CreateProperties *properties;
        const Flavor *flavor;
        const char *uuid;
        const char *zone;
        const json_t *image;            /* Nova's dictionary */
        const json_t *networks;         /* [{network_id, address}], or NULL: those Nova would choose */
        json_t *keypair;                /* a KeyPair, or NULL */
        const json_t *numa;             /* an InstanceNUMATopology, or NULL */
} NewInstance;
json_t *create_instance_object(const NewInstance *n);
json_t *create_request_spec(const NewInstance *n);
json_t *create_networks(const NewInstance *n);
json_t *create_disks(const NewInstance *n);

/* "Web Server.1" -> "web-server-1": what a host may be called, "Server-<uuid>" if nothing is left of it. */
void create_hostname(const char *name, const char *uuid, char ret[static 64]);
/* The KeyPair of a line of authorized_keys: InvalidInput if it is none. */
int create_keypair(const char *name, const char *line, const char *user, json_t **ret, NovaException *e);

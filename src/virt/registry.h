/* How a driver's name becomes a module file, and a module file a driver (essex 6.1, 13.1). For the room and its tests;
 * others call compute_driver_load. Thread-safe. */
#pragma once

#include "virt/driver.h"

/* What a back end of the world is to us. */
typedef enum BackEndKind {
        BACK_END_MODULE,        /* virt/<name>.so, which came with this program */
        BACK_END_FOREIGN,       /* known by name, and not built */
        BACK_END_FACTORY,       /* nova.virt.connection.get_connection: goes by connection_type */
} BackEndKind;

typedef struct BackEnd {
        BackEndKind kind;
        const char *name;               /* the module, and the value of connection_type: "libvirt" */
        const char *title;              /* for people: "VMware vSphere" */
        const char *const *classes;     /* NULL-terminated: what compute_driver may say for it, without "nova.virt." */
} BackEnd;

/* The back end that @name (compute_driver) means, or NULL. "nova.virt." in front does not matter. */
const BackEnd *back_end_by_class(const char *name);
/* The back end of a connection_type, or NULL; never the factory. */
const BackEnd *back_end_by_type(const char *type);

/* get_connection (virt/connection.c): the back end that connection_type names. NULL with @e set: "Unknown connection
 * type "X"", and for those not built a sentence that says so. */
const BackEnd *connection_back_end(const Config *config, NovaException *e);

/* The sentence for a back end that this program does not have. Returns the negative errno. */
int back_end_not_built(const BackEnd *b, NovaException *e);

/* Loads the module file @path and constructs its driver. Texts as compute_driver_load. */
int compute_driver_load_file(const Config *config, const char *path, ComputeDriver **ret, NovaException *e);

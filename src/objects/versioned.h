/* Nova's versioned objects in their generic form (zed 2.2 to 2.4, appendix A): every class that a compute host meets, with its fields,
 * their types and their coercions. An object is its primitive, a JSON value
 *
 *      {"nova_object.name": …, "nova_object.namespace": "nova", "nova_object.version": …, "nova_object.data": {…},
 *       "nova_object.changes": […]}
 *
 * where a field that is absent from data is unset, and one that is null is null. Thread-safe on objects of one's own. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "objects/exception.h"

typedef struct ObjectClass ObjectClass;

/* The class of that name, or NULL. */
const ObjectClass *object_class_find(const char *name);
/* All, one after another; NULL after the last. */
const ObjectClass *object_class_at(size_t n);
const char *object_class_name(const ObjectClass *c);
const char *object_class_version(const ObjectClass *c);         /* "2.7": what we write, and the newest we know in full */

/* {class: version} of the class and all that it can hold (zed 2.4); of all classes for NULL. New reference, NULL when out of memory. */
json_t *object_manifest(const char *class_name);
/* What a class is made of, for comparing with Nova's: {field: {"type": …, "nullable": …, "default": …}}. New reference. */
json_t *object_class_describe(const ObjectClass *c);

/* Whether the value looks like an object: it has a nova_object.name. */
bool object_is_primitive(const json_t *value);
/* Whether it is an object of this class. */
bool object_is(const json_t *object, const char *class_name);
const char *object_name(const json_t *object);                  /* NULL if it is none */
json_t *object_data(const json_t *object);                      /* borrowed; NULL if it has none */

/* Checks and copies an object as it came: types coerced as Python does, nested objects and lists too. Unknown fields are kept as they are,
 * with their changes. Older minor versions lack fields, which stay unset; newer ones of the same major may have more, and more
 * values of enums; a third part of the version is dropped. @class_name: what it must be, or NULL for any class. *ret is a new reference.
 * Failures: IncompatibleObjectVersion (another major version), UnsupportedObjectError (a class or namespace we do not know),
 * ValueError (naming object, field, value and what is allowed; values of secrets are masked), -ENOMEM. */
int object_parse(const json_t *primitive, const char *class_name, json_t **ret, NovaException *e);
/* The same for every object within any value: arguments, results (zed 2.2). */
int object_parse_all(const json_t *value, json_t **ret, NovaException *e);

/* A new object of a class that we have, all fields unset. NULL when out of memory. */
json_t *object_new(const char *class_name);
/* Sets those fields that are unset and have a default. 0 or -ENOMEM. */
int object_set_defaults(json_t *object);

/* The value, borrowed; NULL when it is unset. */
json_t *object_get(const json_t *object, const char *field);
/* Sets and marks as changed. Steals @value (NULL is out of memory); an object is checked as by object_parse. ValueError as above,
 * AttributeError when the class has no such field, ReadOnlyFieldError. */
int object_set(json_t *object, const char *field, json_t *value, NovaException *e);
/* Also from the changes. */
void object_unset(json_t *object, const char *field);

/* Names of the fields that are changed, and of those whose own object is, at any depth: a new array in order of the alphabet; NULL
 * when out of memory. */
json_t *object_changes(const json_t *object);
bool object_is_changed(const json_t *object, const char *field);
void object_reset_changes(json_t *object, bool recursive);
/* A copy to be sent: at each depth with the changes as object_changes tells them, without that member when there are none. NULL when
 * out of memory. */
json_t *object_to_primitive(const json_t *object);

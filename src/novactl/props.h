/* Members of a bag of properties, with what stands for one that is missing. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "basic/macros.h"

static inline const char *prop_text(const json_t *properties, const char *name) {
        return strempty(json_string_value(json_object_get(properties, name)));
}
static inline int64_t prop_number(const json_t *properties, const char *name) {
        return json_integer_value(json_object_get(properties, name));
}
static inline bool prop_true(const json_t *properties, const char *name) {
        return json_is_true(json_object_get(properties, name));
}
/* What an instance is called in sentences: the name people gave it, else its uuid. */
static inline const char *prop_name(const json_t *instance) {
        const char *name = prop_text(instance, "DisplayName");

        return isempty(name) ? prop_text(instance, "Uuid") : name;
}

/* Owned members of plain values: see fields.h. */
#include "objects/fields.h"

#include <errno.h>

#include "basic/macros.h"

static char **text_at(const void *object, size_t offset) {
        return (char **) ((char *) object + offset);
}

static json_t **value_at(const void *object, size_t offset) {
        return (json_t **) ((char *) object + offset);
}

void owned_fields_done(const OwnedFields *f, void *object) {
        for (size_t i = 0; i < f->n_texts; i++) {
                free(*text_at(object, f->texts[i]));
                *text_at(object, f->texts[i]) = NULL;
        }
        for (size_t i = 0; i < f->n_values; i++) {
                json_decref(*value_at(object, f->values[i]));
                *value_at(object, f->values[i]) = NULL;
        }
}

int owned_fields_copy(const OwnedFields *f, const void *object, void *ret) {
        /* First nothing is owned, so that giving up half-way frees only copies. */
        for (size_t i = 0; i < f->n_texts; i++)
                *text_at(ret, f->texts[i]) = NULL;
        for (size_t i = 0; i < f->n_values; i++)
                *value_at(ret, f->values[i]) = NULL;

        for (size_t i = 0; i < f->n_texts; i++) {
                const char *from = *text_at(object, f->texts[i]);

                if (from && !(*text_at(ret, f->texts[i]) = strdup(from)))
                        goto fail;
        }
        for (size_t i = 0; i < f->n_values; i++) {
                json_t *from = *value_at(object, f->values[i]);

                if (from && !(*value_at(ret, f->values[i]) = json_deep_copy(from)))
                        goto fail;
        }
        return 0;

fail:
        owned_fields_done(f, ret);
        return -ENOMEM;
}

bool owned_fields_equal(const OwnedFields *f, const void *a, const void *b) {
        for (size_t i = 0; i < f->n_texts; i++)
                if (!streq_ptr(*text_at(a, f->texts[i]), *text_at(b, f->texts[i])))
                        return false;
        for (size_t i = 0; i < f->n_values; i++) {
                json_t *x = *value_at(a, f->values[i]), *y = *value_at(b, f->values[i]);

                if (x != y && !(x && y && json_equal(x, y)))
                        return false;
        }
        return true;
}

/* The tables of classes as JSON: for people, and for tests that compare them with Nova's own. See versioned.h. */
#include <stdio.h>

#include "objects/versioned-classes.h"

static const char *kind_text(const ObjectType *t) {
        static const char *const texts[] = {
                [OBJECT_INTEGER] = "Integer",
                [OBJECT_FLOAT] = "Float",
                [OBJECT_BOOLEAN] = "Boolean",
                [OBJECT_FLEXIBLE_BOOLEAN] = "FlexibleBoolean",
                [OBJECT_STRING] = "String",
                [OBJECT_SENSITIVE_STRING] = "SensitiveString",
                [OBJECT_UUID] = "UUID",
                [OBJECT_DATETIME] = "DateTime",
                [OBJECT_ENUM] = "Enum",
                [OBJECT_POWER_STATE] = "Enum",
                [OBJECT_IP_ADDRESS] = "IPAddress",
                [OBJECT_IPV4_ADDRESS] = "IPV4Address",
                [OBJECT_IPV6_ADDRESS] = "IPV6Address",
                [OBJECT_PATTERN] = "Pattern",
                [OBJECT_NETWORK_MODEL] = "NetworkModel",
                [OBJECT_VIF_MODEL] = "NetworkVIFModel",
                [OBJECT_OBJECT] = "Object",
                [OBJECT_LIST] = "List",
                [OBJECT_SET] = "Set",
                [OBJECT_DICT] = "Dict",
        };

        return texts[t->kind];
}

/* "Dict<String?>", "Object(Flavor)", "Enum{a,b}". */
static void print_type(FILE *f, const ObjectType *t) {
        fputs(kind_text(t), f);
        if (t->class_name)
                fprintf(f, "(%s%s)", t->class_name, t->kin ? "*" : "");
        for (size_t n = 0; t->choices && t->choices[n]; n++)
                fprintf(f, "%c%s", n == 0 ? '{' : ',', t->choices[n]);
        if (t->choices)
                fputc('}', f);
        if (t->element) {
                fputc('<', f);
                print_type(f, t->element);
                fputs(t->element->nullable ? "?>" : ">", f);
        }
}

static json_t *type_text(const ObjectType *t) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        print_type(f, t);
        return fclose(f) == 0 ? json_string(text) : NULL;
}

json_t *object_class_describe(const ObjectClass *c) {
        json_t *fields = json_object();

        for (size_t n = 0; n < c->n_fields; n++) {
                const ObjectField *f = &c->fields[n];
                json_t *field = json_pack("{s:o, s:b, s:b}", "type", type_text(f->type), "nullable", (f->flags & NULLABLE) != 0,
                                          "read_only", (f->flags & READ_ONLY) != 0);

                if (f->otherwise)
                        (void) json_object_set_new(field, "default", json_loads(f->otherwise, JSON_DECODE_ANY, NULL));
                if (json_object_set_new(fields, f->name, field) < 0) {
                        json_decref(fields);
                        return NULL;
                }
        }
        return fields;
}

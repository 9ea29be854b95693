/* The declared flavors: see flavor.h. */
#include "compute/flavor.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "basic/text-util.h"

#define SHOWN_MAX 60                    /* characters of a value in an error */
#define NAME_MAX_FLAVOR 255
#define EXTRA_SPECS_MAX 64

static const char *const classic[] = {
        "name=m1.tiny,vcpus=1,memory=512,disk=1",      "name=m1.small,vcpus=1,memory=2048,disk=20",
        "name=m1.medium,vcpus=2,memory=4096,disk=40",  "name=m1.large,vcpus=4,memory=8192,disk=80",
        "name=m1.xlarge,vcpus=8,memory=16384,disk=160",
};

static const struct {
        const char *key;
        size_t offset;
        int64_t least;
        bool required;
} sizes[] = {
        { "vcpus", offsetof(Flavor, vcpus), 1, true },          { "memory", offsetof(Flavor, memory_mib), 1, true },
        { "disk", offsetof(Flavor, disk_gib), 0, true },        { "ephemeral", offsetof(Flavor, ephemeral_gib), 0, false },
        { "swap", offsetof(Flavor, swap_mib), 0, false },
};

#define SIZE(f, n) (*(int64_t *) ((char *) (f) + sizes[n].offset))

/* What is read of one value, and where it stands. */
typedef struct Reader {
        Flavor flavor;
        unsigned seen;                  /* a bit per size */
        const char *origin;
        NovaException *e;
} Reader;

static void flavor_done(Flavor *f) {
        free(f->name);
        json_decref(f->extra_specs);
        free(f->origin);
        *f = (Flavor) {};
}

static int refuse(const Reader *r, const char *key, const char *value, const char *why) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] flavor: %.*s = '%.*s': %s", r->origin, SHOWN_MAX, key,
                              SHOWN_MAX, value, why);
}

static int refuse_piece(const Reader *r, const char *piece) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] flavor: '%.*s' is not key=value", r->origin, SHOWN_MAX, piece);
}

static int refuse_whole(const Reader *r, const char *why) {
        return exception_setf(r->e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] flavor '%.*s': %s", r->origin, SHOWN_MAX,
                              strempty(r->flavor.name), why);
}

static bool is_name(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n > NAME_MAX_FLAVOR)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("._-", *s))
                        return false;
        return true;
}

static int set_extra_spec(Reader *r, const char *key, const char *value) {
        json_t *text;

        for (const char *k = key; *k; k++)
                if (!isalnum((unsigned char) *k) && !strchr(":._-", *k))
                        return refuse(r, key, value, "a property's name has letters, digits, ':', '.', '_' and '-'");
        if (json_object_get(r->flavor.extra_specs, key))
                return refuse(r, key, value, "is given twice");
        if (strlen(key) > 255 || strlen(value) > 255)
                return refuse(r, key, value, "is longer than 255 characters");
        if (json_object_size(r->flavor.extra_specs) >= EXTRA_SPECS_MAX)
                return refuse(r, key, value, "there may be 64 such properties");
        text = json_string(value);
        if (!text)
                return refuse(r, key, value, "is no UTF-8");
        return json_object_set_new(r->flavor.extra_specs, key, text) < 0 ? -ENOMEM : 0;
}

static int set_pair(Reader *r, const char *key, const char *value) {
        if (streq(key, "name")) {
                if (r->flavor.name)
                        return refuse(r, key, value, "is given twice");
                if (!is_name(value))
                        return refuse(r, key, value, "must be 1 to 255 letters, digits, '.', '_' and '-'");
                r->flavor.name = strdup(value);
                return r->flavor.name ? 0 : -ENOMEM;
        }
        for (size_t n = 0; n < ELEMENTSOF(sizes); n++) {
                if (!streq(key, sizes[n].key))
                        continue;
                if (r->seen & 1u << n)
                        return refuse(r, key, value, "is given twice");
                r->seen |= 1u << n;
                if (text_decimal(value, 10, sizes[n].least, FLAVOR_SIZE_MAX, &SIZE(&r->flavor, n)) < 0)
                        return refuse(r, key, value, sizes[n].least > 0 ? "must be a number from 1 to 2147483647"
                                                                        : "must be a number from 0 to 2147483647");
                return 0;
        }
        if (strchr(key, ':'))
                return set_extra_spec(r, key, value);
        return refuse(r, key, value, "there is no such key: name, vcpus, memory (MiB), disk (GiB), ephemeral (GiB), swap (MiB), or a "
                                     "property with a colon");
}

static int read_value(Reader *r, const FlavorTable *t, char *text) {
        char *key = NULL, *value = NULL;
        int k;

        r->flavor.extra_specs = json_object();
        if (!r->flavor.extra_specs)
                return -ENOMEM;
        while ((k = text_next_pair(&text, &key, &value)) > 0) {
                k = set_pair(r, key, value);
                if (k < 0)
                        return k;
        }
        if (k < 0)
                return refuse_piece(r, key);
        if (!r->flavor.name)
                return refuse_whole(r, "name is missing");
        for (size_t n = 0; n < ELEMENTSOF(sizes); n++)
                if (sizes[n].required && !(r->seen & 1u << n))
                        return refuse_whole(r, n == 0 ? "vcpus is missing" : n == 1 ? "memory is missing" : "disk is missing");
        if (flavor_table_find(t, r->flavor.name))
                return refuse_whole(r, "is declared twice");
        return 0;
}

int flavor_table_add(FlavorTable *t, const char *text, const char *origin, NovaException *e) {
        Reader r = { .origin = strempty(origin), .e = e };
        _cleanup_free_ char *copy = strdup(text);
        Flavor *more;
        int k;

        assert(t && text);

        k = copy ? read_value(&r, t, copy) : -ENOMEM;
        if (k >= 0 && origin && !(r.flavor.origin = strdup(origin)))
                k = -ENOMEM;
        if (k >= 0) {
                more = reallocarray(t->items, t->n + 1, sizeof *more);
                if (more)
                        t->items = more;
                else
                        k = -ENOMEM;
        }
        if (k < 0) {
                flavor_done(&r.flavor);
                return k;
        }
        r.flavor.id = (int64_t) t->n + 1;
        t->items[t->n++] = r.flavor;
        return 0;
}

int flavor_table_read(FlavorTable *ret, const Config *config, NovaException *e) {
        const char *const *values = config_list(config, "flavor");
        _cleanup_(flavor_table_done) FlavorTable t = {};
        int r = 0;

        assert(ret);

        for (size_t n = 0; r >= 0 && values[n]; n++) {
                _cleanup_free_ char *origin = config_origin_at(config, "flavor", n);

                r = flavor_table_add(&t, values[n], strempty(origin), e);
        }
        for (size_t n = 0; r >= 0 && !values[0] && n < ELEMENTSOF(classic); n++)
                r = flavor_table_add(&t, classic[n], NULL, e);
        if (r < 0)
                return r;
        *ret = t;
        t = (FlavorTable) {};
        return 0;
}

void flavor_table_done(FlavorTable *t) {
        for (size_t n = 0; n < t->n; n++)
                flavor_done(&t->items[n]);
        free(t->items);
        *t = (FlavorTable) {};
}

const Flavor *flavor_table_find(const FlavorTable *t, const char *name) {
        for (size_t n = 0; n < t->n; n++)
                if (streq(t->items[n].name, name))
                        return &t->items[n];
        return NULL;
}

/* What a person says of a new instance: see create.h. */
#include "compute/create.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/id.h"
#include "basic/json.h"
#include "basic/text-util.h"
#include "compute/flavor.h"
#include "network/ip.h"
#include "network/requested.h"

#define SHOWN_MAX 60                    /* bytes of a value in a sentence */
#define TEXT_MAX 255                    /* characters: the columns of Nova's */
#define KEY_MAX 16384
#define USER_DATA_MAX 65535             /* bytes in base64: the column of Nova's */
#define METADATA_MAX 128                /* Nova's quota */
#define URL_TEXT_MAX 2048

static const CreateKey keys[] = {
        { "name", CREATE_TEXT, false },           { "image", CREATE_TEXT, false },
        { "flavor", CREATE_TEXT, false },         { "vcpus", CREATE_NUMBER, false },
        { "memory_mib", CREATE_NUMBER, false },   { "disk_gib", CREATE_NUMBER, false },
        { "ephemeral_gib", CREATE_NUMBER, false },{ "swap_mib", CREATE_NUMBER, false },
        { "uuid", CREATE_TEXT, false },           { "networks", CREATE_TEXTS, false },
        { "fixed_ips", CREATE_TEXTS, false },     { "user_data", CREATE_DATA, true },
        { "metadata", CREATE_DICTIONARY, false }, { "key_name", CREATE_TEXT, false },
        { "public_key", CREATE_TEXT, false },     { "admin_password", CREATE_TEXT, true },
        { "config_drive", CREATE_BOOLEAN, false },{ "availability_zone", CREATE_TEXT, false },
        { "project", CREATE_TEXT, false },        { "user", CREATE_TEXT, false },
};

const CreateKey *create_key_at(size_t n) {
        return n < ELEMENTSOF(keys) ? &keys[n] : NULL;
}

const CreateKey *create_key_find(const char *name) {
        for (size_t n = 0; n < ELEMENTSOF(keys); n++)
                if (streq(keys[n].name, name))
                        return &keys[n];
        return NULL;
}

/* How much of @s to show: no half character. */
static int shown(const char *s) {
        return (int) text_cut_bytes(s, SHOWN_MAX);
}

static int refuse(NovaException *e, const char *key, const char *value, const char *wanted) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s is '%.*s', but %s", key, shown(value), value, wanted);
}

static int missing(NovaException *e, const char *what) {
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s", what);
}

/* A text of one line that is not empty. */
static int check_text(const char *key, const char *value, size_t max, NovaException *e) {
        if (!value)
                return 0;
        if (!*value)
                return refuse(e, key, value, "may not be empty");
        if (text_characters(value) > max)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s has %zu characters, but may have %zu", key,
                                      text_characters(value), max);
        if (text_has_control(value))
                return refuse(e, key, value, "may have no control characters");
        return 0;
}

static int check_name(const char *name, NovaException *e) {
        int r;

        if (!name)
                return missing(e, "name is missing");
        r = check_text("name", name, TEXT_MAX, e);
        if (r >= 0 && (*name == ' ' || name[strlen(name) - 1] == ' '))
                return refuse(e, "name", name, "may not begin or end with a blank");
        return r;
}

/* Both JSON of our own making and any other. */
static int read_value(const CreateKey *key, const json_t *value, NovaException *e) {
        static const char *const wanted[_CREATE_TYPE_MAX] = {
                [CREATE_TEXT] = "a string",         [CREATE_NUMBER] = "a number",
                [CREATE_BOOLEAN] = "a boolean",     [CREATE_TEXTS] = "a list of strings",
                [CREATE_DICTIONARY] = "a dictionary of strings", [CREATE_DATA] = "a string or bytes",
        };
        const json_t *item;
        const char *name;
        bool well = false;
        size_t n;

        switch (key->type) {
        case CREATE_TEXT:
        case CREATE_DATA:
                well = json_is_string(value);
                break;
        case CREATE_NUMBER:
                well = json_is_integer(value);
                break;
        case CREATE_BOOLEAN:
                well = json_is_boolean(value);
                break;
        case CREATE_TEXTS:
                well = json_is_array(value);
                json_array_foreach(value, n, item)
                        well = well && json_is_string(item);
                break;
        case CREATE_DICTIONARY:
                well = json_is_object(value);
                json_object_foreach((json_t *) value, name, item)
                        well = well && json_is_string(item);
                break;
        case _CREATE_TYPE_MAX:
                break;
        }
        return well ? 0 : exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s is %s, but should be %s", key->name,
                                         json_type_name(value), wanted[key->type]);
}

static int check_keys(const json_t *properties, NovaException *e) {
        const json_t *value;
        const char *name;

        if (!json_is_object(properties))
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: the properties are %s, not a dictionary",
                                      json_type_name(properties));
        json_object_foreach((json_t *) properties, name, value) {
                const CreateKey *key = create_key_find(name);
                int r;

                if (!key)
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: there is no property '%.*s'", shown(name), name);
                r = read_value(key, value, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* -1 when not given. */
static int64_t number_of(const json_t *properties, const char *key) {
        const json_t *v = json_object_get(properties, key);

        return v ? json_integer_value(v) : -1;
}

static int check_size(const json_t *properties, const char *key, int64_t least, NovaException *e) {
        const json_t *v = json_object_get(properties, key);
        json_int_t n = json_integer_value(v);

        if (!v || (n >= least && n <= FLAVOR_SIZE_MAX))
                return 0;
        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s is %" JSON_INTEGER_FORMAT ", but must be from %lld to %d", key,
                              n, (long long) least, FLAVOR_SIZE_MAX);
}

/* A flavor by its name, or one made of what is said. */
static int check_sizes(const json_t *properties, const CreateProperties *p, NovaException *e) {
        static const struct {
                const char *key;
                int64_t least;
                bool required;
        } sizes[] = {
                { "vcpus", 1, true }, { "memory_mib", 1, true }, { "disk_gib", 0, true }, { "ephemeral_gib", 0, false }, { "swap_mib", 0, false },
        };
        int r;

        for (size_t n = 0; n < ELEMENTSOF(sizes); n++) {
                if (p->flavor && json_object_get(properties, sizes[n].key))
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s beside flavor: the flavor says it", sizes[n].key);
                if (!p->flavor && sizes[n].required && !json_object_get(properties, sizes[n].key))
                        return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: %s is missing: without a flavor vcpus, memory_mib "
                                              "and disk_gib say what it gets", sizes[n].key);
                r = check_size(properties, sizes[n].key, sizes[n].least, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_networks(const CreateProperties *p, NovaException *e) {
        size_t n_networks = json_array_size(p->networks), n;
        const json_t *item;
        IpAddress address;
        int r;

        if (n_networks > NETWORK_REQUESTS_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: networks has %zu entries, but may have %d", n_networks,
                                      NETWORK_REQUESTS_MAX);
        json_array_foreach(p->networks, n, item) {
                const char *name = json_string_value(item);

                r = check_text("a network", name, TEXT_MAX, e);
                if (r < 0)
                        return r;
                if (n_networks > 1 && (streq(name, "none") || streq(name, "auto")))
                        return refuse(e, "a network", name, "that goes with no other");
        }
        if (json_array_size(p->fixed_ips) > n_networks)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: fixed_ips has %zu entries, networks has %zu",
                                      json_array_size(p->fixed_ips), n_networks);
        json_array_foreach(p->fixed_ips, n, item) {
                const char *text = json_string_value(item);

                if (*text && ip_parse(text, &address) < 0) {
                        r = exception_setf(e, EXC_FIXED_IP_INVALID, "Fixed IP address %.*s is invalid.", shown(text), text);
                        exception_kwarg(e, "address", json_string(text));
                        return r;
                }
        }
        return 0;
}

static int check_metadata(const json_t *metadata, NovaException *e) {
        const json_t *value;
        const char *key;

        if (json_object_size(metadata) > METADATA_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: metadata has %zu items, but may have %d",
                                      json_object_size(metadata), METADATA_MAX);
        json_object_foreach((json_t *) metadata, key, value) {
                if (!*key || text_characters(key) > TEXT_MAX)
                        return refuse(e, "a key of metadata", key, "must have 1 to 255 characters");
                if (text_characters(json_string_value(value)) > TEXT_MAX)
                        return refuse(e, "the value of metadata", key, "may have 255 characters");
        }
        return 0;
}

static int check_keypair(const CreateProperties *p, NovaException *e) {
        json_auto_t *made = NULL;
        int r;

        if (p->key_name && !p->public_key)
                return missing(e, "key_name without public_key: this host keeps no key pairs");
        r = check_text("key_name", p->key_name, TEXT_MAX, e);
        if (r >= 0)
                r = check_text("public_key", p->public_key, KEY_MAX, e);
        if (r >= 0 && p->public_key)
                r = create_keypair("", p->public_key, "", &made, e);
        return r;
}

static int check_rest(const CreateProperties *p, NovaException *e) {
        int r;

        r = check_text("flavor", p->flavor, TEXT_MAX, e);
        if (r >= 0)
                r = check_text("image", p->image, URL_TEXT_MAX, e);
        if (r >= 0)
                r = check_text("availability_zone", p->availability_zone, TEXT_MAX, e);
        if (r >= 0)
                r = check_text("project", p->project, TEXT_MAX, e);
        if (r >= 0)
                r = check_text("user", p->user, TEXT_MAX, e);
        if (r < 0)
                return r;
        if (!p->image)
                return missing(e, "image is missing");
        if (p->uuid && !uuid_is_valid(p->uuid)) {
                r = exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %.*s.", shown(p->uuid), p->uuid);
                exception_kwarg(e, "uuid", json_string(p->uuid));
                return r;
        }
        if (p->user_data && strlen(p->user_data) > USER_DATA_MAX)
                return exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: user_data has %zu bytes in base64, but may have %d",
                                      strlen(p->user_data), USER_DATA_MAX);
        if (p->admin_password && (!*p->admin_password || strlen(p->admin_password) > TEXT_MAX || text_has_control(p->admin_password)))
                return missing(e, "admin_password must be 1 to 255 bytes without control characters");
        return 0;
}

int create_properties_read(const json_t *properties, CreateProperties *ret, NovaException *e) {
        CreateProperties p = {};
        int r;

        assert(ret);

        r = check_keys(properties, e);
        if (r < 0)
                return r;
        p = (CreateProperties) {
                .name = json_member_string(properties, "name"),
                .image = json_member_string(properties, "image"),
                .flavor = json_member_string(properties, "flavor"),
                .uuid = json_member_string(properties, "uuid"),
                .key_name = json_member_string(properties, "key_name"),
                .public_key = json_member_string(properties, "public_key"),
                .admin_password = json_member_string(properties, "admin_password"),
                .availability_zone = json_member_string(properties, "availability_zone"),
                .project = json_member_string(properties, "project"),
                .user = json_member_string(properties, "user"),
                .user_data = json_member_string(properties, "user_data"),
                .vcpus = number_of(properties, "vcpus"),
                .memory_mib = number_of(properties, "memory_mib"),
                .disk_gib = number_of(properties, "disk_gib"),
                .ephemeral_gib = number_of(properties, "ephemeral_gib"),
                .swap_mib = number_of(properties, "swap_mib"),
                .networks = json_object_get(properties, "networks"),
                .fixed_ips = json_object_get(properties, "fixed_ips"),
                .metadata = json_object_get(properties, "metadata"),
                .config_drive = json_is_true(json_object_get(properties, "config_drive")),
        };
        r = check_name(p.name, e);
        if (r >= 0)
                r = check_rest(&p, e);
        if (r >= 0)
                r = check_sizes(properties, &p, e);
        if (r >= 0)
                r = check_networks(&p, e);
        if (r >= 0)
                r = check_metadata(p.metadata, e);
        if (r >= 0)
                r = check_keypair(&p, e);
        if (r < 0)
                return r;
        *ret = p;
        return 0;
}

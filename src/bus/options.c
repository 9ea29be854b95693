/* Dictionaries of callers: see options.h. */
#include "bus/options.h"

#include <errno.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/text-util.h"

int bus_shown(const char *s) {
        return (int) text_cut_bytes(s, SHOWN_MAX);
}

static int too_many(sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "More than %d entries", ENTRIES_MAX);
}

static int read_number(sd_bus_message *m, char type, json_t **ret) {
        uint64_t t;
        uint32_t u;
        int r;

        if (type == 'u') {
                r = sd_bus_message_read_basic(m, 'u', &u);
                t = u;
        } else
                r = sd_bus_message_read_basic(m, 't', &t);
        if (r < 0)
                return r;
        *ret = json_integer(t > INT64_MAX ? INT64_MAX : (json_int_t) t);
        return *ret ? 0 : -ENOMEM;
}

static int read_text(sd_bus_message *m, bool base64, json_t **ret) {
        _cleanup_free_ char *encoded = NULL;
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0)
                return r;
        if (base64 && !(encoded = base64_encode(text, strlen(text))))
                return -ENOMEM;
        *ret = json_string(base64 ? encoded : text);
        return *ret ? 0 : -EINVAL;      /* the bus takes UTF-8 only, and so do we */
}

int bus_read_bytes(sd_bus_message *m, json_t **ret, sd_bus_error *error _unused_) {
        _cleanup_free_ char *encoded = NULL;
        const void *data;
        size_t size;
        int r;

        r = sd_bus_message_read_array(m, 'y', &data, &size);
        if (r < 0)
                return r;
        encoded = base64_encode(data, size);
        *ret = encoded ? json_string(encoded) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int read_texts(sd_bus_message *m, json_t **ret, sd_bus_error *error) {
        json_auto_t *list = json_array();
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &text)) > 0) {
                if (json_array_size(list) >= ENTRIES_MAX)
                        return too_many(error);
                if (json_array_append_new(list, json_string(text)) < 0)
                        return -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

int bus_read_dictionary(sd_bus_message *m, json_t **ret, sd_bus_error *error) {
        json_auto_t *all = json_object();
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0) {
                if (json_object_get(all, key))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "'%.*s' is given twice", bus_shown(key), key);
                if (json_object_size(all) >= ENTRIES_MAX)
                        return too_many(error);
                if (json_object_set_new(all, key, json_string(value)) < 0)
                        return -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

static bool type_fits(const char *types, const char *contents) {
        if (streq(types, "ut"))
                return streq(contents, "u") || streq(contents, "t");
        if (streq(types, "s|ay"))
                return streq(contents, "s") || streq(contents, "ay");
        return streq(types, contents);
}

static const char *types_text(const char *types) {
        return streq(types, "ut") ? "u or t" : streq(types, "s|ay") ? "s or ay" : types;
}

/* The value within the variant. */
static int read_value(sd_bus_message *m, const BusOption *o, const char *contents, json_t **ret, sd_bus_error *error) {
        int boolean, r;

        if (streq(contents, "ay"))
                return bus_read_bytes(m, ret, error);
        if (streq(contents, "as"))
                return read_texts(m, ret, error);
        if (streq(contents, "a{ss}"))
                return bus_read_dictionary(m, ret, error);
        switch (*contents) {
        case 's':
                return read_text(m, streq(o->types, "s|ay"), ret);
        case 'u':
        case 't':
                return read_number(m, *contents, ret);
        default:
                r = sd_bus_message_read_basic(m, 'b', &boolean);
                if (r >= 0)
                        *ret = json_boolean(boolean);
                return r;
        }
}

static int read_entry(sd_bus_message *m, const BusOption *known, const char *what, json_t *to, sd_bus_error *error) {
        const char *name, *contents;
        const BusOption *o = known;
        json_t *value = NULL;
        char type;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        while (o && o->name && !streq(o->name, name))
                o++;
        if (!o || !o->name)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unknown %s '%.*s'%s%s", what, bus_shown(name), name,
                                         known && known->name ? "" : ": there is none for ",
                                         known && known->name ? "" : strempty(sd_bus_message_get_member(m)));
        if (json_object_get(to, name))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s '%s' is given twice", what, name);
        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (!type_fits(o->types, contents))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s '%s' is of type %.*s, but must be of type %s", what, name,
                                         bus_shown(contents), contents, types_text(o->types));
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r >= 0)
                r = read_value(m, o, contents, &value, error);
        if (r < 0)
                return r;
        if (json_object_set_new(to, name, value) < 0)
                return -ENOMEM;
        return sd_bus_message_exit_container(m);
}

int bus_read_options(sd_bus_message *m, const BusOption *known, const char *what, json_t **ret, sd_bus_error *error) {
        json_auto_t *all = json_object();
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, known, what, all, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

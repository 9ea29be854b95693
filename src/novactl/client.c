#include "novactl/client.h"

#include <errno.h>
#include <stdarg.h>

#include "basic/base64.h"
#include "basic/id.h"
#include "novactl/agent.h"

#define CALL_USEC (25 * USEC_PER_SEC)
#define CALL_BRIEF_USEC (3 * USEC_PER_SEC)
#define CALL_INTERACTIVE_USEC (6 * USEC_PER_MINUTE)     /* somebody types a password; polkit itself waits 5 */

ExitStatus client_connect(Ctl *c, bool silent) {
        int r;

        if (c->bus)
                return EXIT_DONE;
        r = c->host ? sd_bus_open_system_remote(&c->bus, c->host) : sd_bus_open_system(&c->bus);
        if (r < 0) {
                if (silent)
                        return EXIT_UNREACHABLE;
                if (c->host)
                        ctl_error("cannot reach the system bus of %s by ssh: %s", c->host, strerror(-r));
                else
                        ctl_error("cannot connect to the system bus: %s", strerror(-r));
                return EXIT_UNREACHABLE;
        }
        return EXIT_DONE;
}

void client_done(Ctl *c) {
        agent_close(c);
        c->bus = sd_bus_flush_close_unref(c->bus);
}

/* ---- calls ---- */

sd_bus_message *client_message(Ctl *c, const char *path, const char *interface, const char *method) {
        sd_bus_message *m = NULL;

        (void) sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, path, interface, method);
        return must(m);
}

void client_append(sd_bus_message *m, const char *types, ...) {
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        must(r < 0 ? NULL : m);
}

ExitStatus client_status_of(const sd_bus_error *error) {
        static const struct {
                const char *name;
                ExitStatus status;
        } by_name[] = {
                { BUS_NAME ".Error.NoSuchInstance", EXIT_NO_SUCH },
                { BUS_NAME ".Error.AmbiguousName", EXIT_NO_SUCH },
                { BUS_NAME ".Error.NoSuchJob", EXIT_NO_SUCH },
                { SD_BUS_ERROR_UNKNOWN_OBJECT, EXIT_NO_SUCH },
                { SD_BUS_ERROR_ACCESS_DENIED, EXIT_DENIED },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_DENIED },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, EXIT_UNREACHABLE },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, EXIT_UNREACHABLE },
                { SD_BUS_ERROR_NO_REPLY, EXIT_UNREACHABLE },
                { SD_BUS_ERROR_DISCONNECTED, EXIT_UNREACHABLE },
                { SD_BUS_ERROR_TIMEOUT, EXIT_UNREACHABLE },
                { SD_BUS_ERROR_NO_SERVER, EXIT_UNREACHABLE },
        };

        for (size_t i = 0; i < ELEMENTSOF(by_name); i++)
                if (sd_bus_error_has_name(error, by_name[i].name))
                        return by_name[i].status;
        if (error->name && (startswith(error->name, "org.freedesktop.systemd1.") || startswith(error->name, "org.freedesktop.DBus.Error.Spawn")))
                return EXIT_UNREACHABLE;        /* the bus could not have the unit started */
        switch (sd_bus_error_get_errno(error)) {
        case ETIMEDOUT:
        case ECONNRESET:
        case EPIPE:
        case ENOTCONN:
                return EXIT_UNREACHABLE;
        default:
                return EXIT_FAILED;
        }
}

ExitStatus client_status_join(ExitStatus a, ExitStatus b) {
        if (a == EXIT_DONE || a == b)
                return b;
        if (b == EXIT_DONE)
                return a;
        return a == EXIT_INTERRUPTED || b == EXIT_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

const char *client_sentence_of(const sd_bus_error *error, bool *ret_whole) {
        static const struct {
                const char *name, *sentence;
        } ours[] = {
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "nova-compute is not on the system bus; 'systemctl status nova-compute' says more" },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, "nova-compute is not on the system bus; 'systemctl status nova-compute' says more" },
                { SD_BUS_ERROR_NO_REPLY, "nova-compute did not answer in time, or has left the bus" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                  "not authorized; a password could be asked for on a terminal, or a polkit rule could allow it" },
                { SD_BUS_ERROR_UNKNOWN_INTERFACE, "this nova-compute is older than novactl and does not have it" },
                { SD_BUS_ERROR_UNKNOWN_METHOD, "this nova-compute is older than novactl and does not have it" },
                { SD_BUS_ERROR_UNKNOWN_OBJECT, "it is gone" },
        };

        *ret_whole = false;
        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (sd_bus_error_has_name(error, ours[i].name))
                        return ours[i].sentence;
        switch (sd_bus_error_get_errno(error)) {
        case ETIMEDOUT:
                return "nova-compute did not answer in time";
        case ECONNRESET:
        case EPIPE:
        case ENOTCONN:
                return "the connection to the bus was lost";
        default:
                if (isempty(error->message))
                        return strerror(sd_bus_error_get_errno(error));
                /* "Access denied: …" is whole, too, but does not say to whom or what */
                *ret_whole = client_status_of(error) == EXIT_FAILED || client_status_of(error) == EXIT_NO_SUCH;
                return error->message;
        }
}

static void tell_failure(const sd_bus_error *error, const char *what, const char *whom) {
        _cleanup_free_ char *sentence = NULL;
        bool whole;

        sentence = text_shown(client_sentence_of(error, &whole));
        if (!whole)
                ctl_error("%s: %s", what, sentence);
        else if (whom)
                ctl_error("'%s': %s", whom, sentence);
        else
                ctl_error("%s", sentence);
}

ExitStatus client_call(Ctl *c, sd_bus_message *m, CallFlags flags, const char *what, const char *whom, sd_bus_message **ret) {
        usec_t timeout = flags & CALL_BRIEF ? CALL_BRIEF_USEC : CALL_USEC;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        ExitStatus status = EXIT_DONE;
        int r;

        if (flags & CALL_INTERACTIVE && !ctl_has(c, OPTION_NO_ASK_PASSWORD)) {
                agent_open(c);
                (void) sd_bus_message_set_allow_interactive_authorization(m, true);
                timeout = CALL_INTERACTIVE_USEC;
        }
        if (flags & CALL_NO_START)
                (void) sd_bus_message_set_auto_start(m, false);

        r = sd_bus_call(c->bus, m, timeout, &error, ret);
        sd_bus_message_unref(m);
        if (r < 0) {
                if (!sd_bus_error_is_set(&error))
                        (void) sd_bus_error_set_errno(&error, r);
                status = client_status_of(&error);
                if (!(flags & CALL_SILENT) && !(flags & CALL_MAY_BE_GONE && sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT)))
                        tell_failure(&error, what, whom);
        }
        sd_bus_error_free(&error);
        return status;
}

ExitStatus client_query(Ctl *c, sd_bus_message *m, CallFlags flags, const char *what, const char *whom, json_t **ret) {
        sd_bus_message *reply = NULL;
        ExitStatus status = client_call(c, m, flags, what, whom, &reply);
        json_t *value;

        if (status != EXIT_DONE)
                return status;
        value = client_value(reply);
        if (value)
                *ret = value;
        else if (!(flags & CALL_SILENT))
                ctl_error("%s: the answer cannot be read: %s", what, strerror(errno));
        sd_bus_message_unref(reply);
        return value ? EXIT_DONE : EXIT_FAILED;
}

/* ---- values ---- */

static json_t *bytes_value(sd_bus_message *m) {
        const void *bytes = NULL;
        size_t size = 0;
        json_t *value;
        int r;

        r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0) {
                errno = -r;
                return NULL;
        }
        value = json_stringn(size > 0 ? bytes : "", size);      /* NULL for what is no UTF-8 */
        if (!value) {
                _cleanup_free_ char *text = must(base64_encode(bytes, size));

                value = json_string(text);
        }
        return must(value);
}

/* An integer of JSON's here has 63 bits and a sign. */
static json_t *unsigned_value(uint64_t n) {
        return json_integer((json_int_t) MIN(n, (uint64_t) INT64_MAX));
}

static json_t *basic_value(sd_bus_message *m, char type) {
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
                const char *s;
        } v = {};
        int r = type == 'h' ? -EOPNOTSUPP : sd_bus_message_read_basic(m, type, &v);

        if (r < 0) {
                errno = -r;
                return NULL;
        }
        switch (type) {
        case 'b':
                return must(json_boolean(v.b));
        case 'y':
                return must(json_integer(v.y));
        case 'n':
                return must(json_integer(v.n));
        case 'q':
                return must(json_integer(v.q));
        case 'i':
                return must(json_integer(v.i));
        case 'u':
                return must(json_integer(v.u));
        case 'x':
                return must(json_integer(v.x));
        case 't':
                return must(unsigned_value(v.t));
        case 'd':
                return must(v.d - v.d == 0 ? json_real(v.d) : json_null());    /* JSON has no infinity */
        default:
                return must(json_string(v.s));
        }
}

/* a{k…}: k becomes text where it is a number. */
static json_t *dictionary_value(sd_bus_message *m, json_t *object) {
        const char *contents;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0 && type == SD_BUS_TYPE_DICT_ENTRY) {
                json_t *key = NULL, *value = NULL;
                _cleanup_free_ char *text = NULL;

                r = sd_bus_message_enter_container(m, type, contents);
                if (r >= 0 && (key = client_value(m)) && (value = client_value(m))) {
                        text = json_is_string(key) ? must(strdup(json_string_value(key))) : value_text(key);
                        must(json_object_set_new(object, text, value) == 0 ? object : NULL);
                        r = sd_bus_message_exit_container(m);
                } else if (r >= 0)
                        r = -EBADMSG;
                json_decref(key);
                if (r < 0)
                        break;
        }
        if (r < 0) {
                json_decref(object);
                errno = -r;
                return NULL;
        }
        return object;
}

static json_t *list_value(sd_bus_message *m, json_t *array) {
        int r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_t *value = client_value(m);

                if (!value) {
                        r = -errno;
                        break;
                }
                must(json_array_append_new(array, value) == 0 ? array : NULL);
        }
        if (r < 0) {
                json_decref(array);
                errno = -r;
                return NULL;
        }
        return array;
}

json_t *client_value(sd_bus_message *m) {
        const char *contents = NULL;
        json_t *value;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0) {
                errno = r < 0 ? -r : ENODATA;
                return NULL;
        }
        if (type != SD_BUS_TYPE_ARRAY && type != SD_BUS_TYPE_STRUCT && type != SD_BUS_TYPE_VARIANT)
                return basic_value(m, type);
        if (type == SD_BUS_TYPE_ARRAY && streq(contents, "y"))
                return bytes_value(m);

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0) {
                errno = -r;
                return NULL;
        }
        if (type == SD_BUS_TYPE_VARIANT)
                value = client_value(m);
        else if (type == SD_BUS_TYPE_ARRAY && *contents == SD_BUS_TYPE_DICT_ENTRY_BEGIN)
                value = dictionary_value(m, must(json_object()));
        else
                value = list_value(m, must(json_array()));
        if (!value)
                return NULL;
        r = sd_bus_message_exit_container(m);
        if (r < 0) {
                json_decref(value);
                errno = -r;
                return NULL;
        }
        return value;
}

/* ---- objects ---- */

ExitStatus client_properties(Ctl *c, const char *path, const char *interface, CallFlags flags, json_t **ret) {
        sd_bus_message *m = client_message(c, path, INTERFACE_PROPERTIES, "GetAll");

        client_append(m, "s", interface);
        return client_query(c, m, flags, "cannot read what nova-compute shows", NULL, ret);
}

ExitStatus client_objects(Ctl *c, CallFlags flags, json_t **ret) {
        return client_query(c, client_message(c, BUS_PATH, INTERFACE_OBJECTS, "GetManagedObjects"), flags, "cannot list objects", NULL, ret);
}

void client_no_job(const char *number) {
        ctl_error("no job %s; 'novactl jobs' shows those that have not ended", number);
}

bool client_path_uuid(const char *path, char uuid[static 37]) {
        const char *id = startswith(path, INSTANCE_PREFIX);

        if (!id || strlen(id) != 36)
                return false;
        for (size_t i = 0; i <= 36; i++)
                uuid[i] = id[i] == '_' ? '-' : id[i];
        return uuid_is_valid(uuid);
}

/* A name like @name among the instances; malloc'ed, or NULL. */
static char *similar_name(Ctl *c, const char *name) {
        json_auto_t *objects = NULL;
        _cleanup_free_ const char **names = NULL;
        const char *path, *near;
        json_t *interfaces;
        size_t n = 0;

        if (client_objects(c, CALL_SILENT | CALL_NO_START, &objects) != EXIT_DONE)
                return NULL;
        names = must(calloc(json_object_size(objects) + 1, sizeof *names));
        json_object_foreach(objects, path, interfaces) {
                const char *shown = json_string_value(json_object_get(json_object_get(interfaces, INTERFACE_INSTANCE), "DisplayName"));

                if (!isempty(shown))
                        names[n++] = shown;
        }
        near = text_nearest(name, names, n);
        return near ? text_shown(near) : NULL;
}

ExitStatus client_find(Ctl *c, const char *name, CallFlags flags, char **ret_path) {
        _cleanup_free_ char *shown = text_shown(name), *near = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m, *reply = NULL;
        ExitStatus status = EXIT_DONE;
        const char *path = NULL;
        int r;

        m = client_message(c, BUS_PATH, INTERFACE_MANAGER, "GetInstance");
        r = sd_bus_message_append(m, "s", name);
        if (r < 0) {
                sd_bus_message_unref(m);
                ctl_error("'%s' is no name: it is not UTF-8", shown);
                return EXIT_NO_SUCH;
        }
        if (flags & CALL_NO_START)
                (void) sd_bus_message_set_auto_start(m, false);
        r = sd_bus_call(c->bus, m, CALL_USEC, &error, &reply);
        sd_bus_message_unref(m);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                *ret_path = must(strdup(path));
        else {
                _cleanup_free_ char *what = text_format("cannot find instance '%s'", shown);

                if (!sd_bus_error_is_set(&error))
                        (void) sd_bus_error_set_errno(&error, r);
                status = client_status_of(&error);
                if (sd_bus_error_has_name(&error, BUS_NAME ".Error.NoSuchInstance"))
                        near = similar_name(c, name);
                if (near)
                        ctl_error("no instance '%s'; did you mean '%s'?", shown, near);
                else if (sd_bus_error_has_name(&error, BUS_NAME ".Error.NoSuchInstance"))
                        ctl_error("no instance '%s'; 'novactl list' shows them", shown);
                else
                        tell_failure(&error, what, NULL);
        }
        sd_bus_error_free(&error);
        sd_bus_message_unref(reply);
        return status;
}

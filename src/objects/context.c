/* The request context and its two forms on the wire. See context.h.
 *
 * What was received is kept as one JSON object that is never changed after it was made, and nothing of it is handed
 * out: messages get copies, so that no reference count is shared between threads. */
#include "objects/context.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>

#include "basic/id.h"
#include "basic/json.h"
#include "basic/time-util.h"

#define PREFIX "_context_"
#define ID_MAX 255              /* bytes of an id: what columns and log fields hold */

struct RequestContext {
        atomic_uint refs;
        json_t *values;         /* all keys, without the prefix */
        bool is_admin;
};

typedef enum KeyType {
        KEY_TEXT,               /* string or null */
        KEY_ID,                 /* string of at most ID_MAX bytes, or null */
        KEY_BOOLEAN,
        KEY_TIME,               /* string that is a time */
        KEY_DELETED,            /* no, yes, only */
        KEY_TEXTS,              /* array of strings */
        KEY_LIST,               /* array */
} KeyType;

enum {
        IN_ESSEX = 1 << 0,      /* one of the nine of Essex */
        IN_OSLO = 1 << 1,       /* one of the 25 of today */
        IS_SAFE = 1 << 2,       /* may be shown and stored */
        IS_TRUE = 1 << 3,       /* default of a boolean */
};

typedef struct Key {
        const char *name;
        KeyType type;
        unsigned flags;
} Key;

static const Key keys[] = {
        {"user_id", KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"user", KEY_ID, IN_OSLO | IS_SAFE},
        {"project_id", KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"project", KEY_ID, IN_OSLO | IS_SAFE},
        {"system_scope", KEY_ID, IN_OSLO | IS_SAFE},
        {"domain", KEY_ID, IN_OSLO | IS_SAFE},
        {"user_domain", KEY_ID, IN_OSLO | IS_SAFE},
        {"project_domain", KEY_ID, IN_OSLO | IS_SAFE},
        {"is_admin", KEY_BOOLEAN, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"is_admin_project", KEY_BOOLEAN, IN_OSLO | IS_SAFE | IS_TRUE},
        {"read_only", KEY_BOOLEAN, IN_OSLO | IS_SAFE},
        {"show_deleted", KEY_BOOLEAN, IN_OSLO | IS_SAFE},
        {"read_deleted", KEY_DELETED, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"auth_token", KEY_TEXT, IN_OSLO | IN_ESSEX},
        {"request_id", KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"global_request_id", KEY_ID, IN_OSLO | IS_SAFE},
        {"resource_uuid", KEY_ID, IN_OSLO | IS_SAFE},
        {"roles", KEY_TEXTS, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"user_identity", KEY_TEXT, IN_OSLO | IS_SAFE},
        {"remote_address", KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"timestamp", KEY_TIME, IN_OSLO | IN_ESSEX | IS_SAFE},
        {"quota_class", KEY_ID, IN_OSLO | IS_SAFE},
        {"user_name", KEY_ID, IN_OSLO | IS_SAFE},
        {"project_name", KEY_ID, IN_OSLO | IS_SAFE},
        {"service_catalog", KEY_LIST, IN_OSLO},
};

static const char *key_allows(const Key *k) {
        switch (k->type) {
        case KEY_TEXT:
                return "a string or null";
        case KEY_ID:
                return "a string of at most 255 bytes or null";
        case KEY_BOOLEAN:
                return "a boolean";
        case KEY_TIME:
                return "a time such as 2026-01-01T00:00:00.000000";
        case KEY_DELETED:
                return "one of 'no', 'yes' and 'only'";
        case KEY_TEXTS:
                return "an array of strings";
        case KEY_LIST:
                return "an array";
        }
        return "";
}

static bool key_accepts(const Key *k, const json_t *value) {
        const char *s = json_string_value(value);
        json_t *item;
        usec_t t;
        size_t i;

        switch (k->type) {
        case KEY_TEXT:
                return s;
        case KEY_ID:
                return s && strlen(s) <= ID_MAX;
        case KEY_BOOLEAN:
                return json_is_boolean(value);
        case KEY_TIME:
                return s && time_parse(s, &t) >= 0;
        case KEY_DELETED:
                return s && (streq(s, "no") || streq(s, "yes") || streq(s, "only"));
        case KEY_TEXTS:
                json_array_foreach(value, i, item)
                        if (!json_is_string(item))
                                return false;
                return json_is_array(value);
        case KEY_LIST:
                return json_is_array(value);
        }
        return false;
}

static bool roles_have_admin(const json_t *roles) {
        json_t *role;
        size_t i;

        json_array_foreach(roles, i, role)
                if (json_is_string(role) && strcasecmp(json_string_value(role), "admin") == 0)
                        return true;
        return false;
}

/* The user's one-line identity as oslo.context writes it. */
static json_t *user_identity(const json_t *values) {
        static const char *const parts[] = {"user_id", "project_id", "domain", "user_domain", "project_domain"};
        const char *p[ELEMENTSOF(parts)];

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                p[i] = json_member_string(values, parts[i]);
                if (isempty(p[i]))
                        p[i] = "-";
        }
        return json_sprintf("%s %s %s %s %s", p[0], p[1], p[2], p[3], p[4]);
}

static json_t *key_default(const Key *k, const json_t *values) {
        char buf[MAX((int) TIME_TEXT_MAX, (int) REQUEST_ID_MAX)];

        /* Two names for one thing: a peer may send either. */
        if (streq(k->name, "user_id"))
                return json_string_or_null(json_member_string(values, "user"));
        if (streq(k->name, "user"))
                return json_string_or_null(json_member_string(values, "user_id"));
        if (streq(k->name, "project_id"))
                return json_string_or_null(json_member_string(values, "project"));
        if (streq(k->name, "project"))
                return json_string_or_null(json_member_string(values, "project_id"));
        if (streq(k->name, "request_id"))
                return json_string(request_id(buf));
        if (streq(k->name, "user_identity"))
                return user_identity(values);
        /* A message that does not say it is an administrator's is one only by its roles. */
        if (streq(k->name, "is_admin"))
                return json_boolean(roles_have_admin(json_object_get(values, "roles")));

        switch (k->type) {
        case KEY_BOOLEAN:
                return json_boolean(k->flags & IS_TRUE);
        case KEY_TIME:
                return json_string(time_format_rpc(now_realtime(), buf));
        case KEY_DELETED:
                return json_string("no");
        case KEY_TEXTS:
        case KEY_LIST:
                return json_array();
        case KEY_TEXT:
        case KEY_ID:
                break;
        }
        return json_null();
}

/* Null stands for itself where it may, else for "missing". */
static bool null_is_missing(const Key *k) {
        return (k->type != KEY_TEXT && k->type != KEY_ID) || streq(k->name, "request_id");
}

/* Adds what is missing to @values and makes a context of it. Steals @values. */
static RequestContext *context_new(json_t *values) {
        json_auto_t *v = values;
        RequestContext *c;

        if (!v)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                json_t *value = json_object_get(v, keys[i].name);

                if ((!value || (json_is_null(value) && null_is_missing(&keys[i]))) &&
                    json_object_set_new(v, keys[i].name, key_default(&keys[i], v)) < 0)
                        return NULL;
        }

        c = malloc(sizeof *c);
        if (!c)
                return NULL;
        *c = (RequestContext){.refs = 1, .is_admin = json_member_boolean(v, "is_admin", false)};
        c->values = TAKE_PTR(v);
        return c;
}

RequestContext *context_ref(RequestContext *c) {
        if (c)
                (void) atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
        return c;
}

RequestContext *context_unref(RequestContext *c) {
        if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
                json_decref(c->values);
                free(c);
        }
        return NULL;
}

RequestContext *context_new_admin(void) {
        return context_new(json_pack("{s:b}", "is_admin", 1));
}

static const Key *find_key(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (*keys[i].name == *name && streq(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

static int refuse(const Key *k, const json_t *value, NovaException *e) {
        const char *s = k->flags & IS_SAFE ? json_string_value(value) : NULL;
        ExceptionClass c = s ? EXC_VALUE_ERROR : EXC_TYPE_ERROR;

        if (s && strlen(s) <= 64)
                return exception_setf(e, c, "The context's '%s' is \"%s\": %s is required", k->name, s, key_allows(k));
        if (s)
                return exception_setf(e, c, "The context's '%s' is a string of %zu bytes: %s is required", k->name,
                                      strlen(s), key_allows(k));
        return exception_setf(e, c, "The context's '%s' is %s: %s is required", k->name, json_type_name(value),
                              key_allows(k));
}

int context_from_values(json_t *values, RequestContext **ret, NovaException *e) {
        json_auto_t *v = values;
        const char *name;
        RequestContext *c;
        json_t *value;

        assert(json_is_object(values) && ret);

        json_object_foreach(v, name, value) {
                const Key *k = find_key(name);

                if (k && !json_is_null(value) && !key_accepts(k, value))
                        return refuse(k, value, e);
        }

        c = context_new(TAKE_PTR(v));
        if (!c)
                return -ENOMEM;
        *ret = c;
        return 0;
}

int context_from_message(const json_t *message, RequestContext **ret, NovaException *e) {
        json_auto_t *values = json_object();
        const char *name;
        json_t *value;

        if (!values)
                return -ENOMEM;

        json_object_foreach((json_t *) message, name, value) {
                const char *key = startswith(name, PREFIX);

                if (!isempty(key) && json_object_set_new(values, key, json_deep_copy(value)) < 0)
                        return -ENOMEM;
        }
        return context_from_values(TAKE_PTR(values), ret, e);
}

static int set_prefixed(json_t *message, const char *key, json_t *value) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, PREFIX "%s", key) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return json_object_set_new(message, name, json_deep_copy(value)) < 0 ? -ENOMEM : 0;
}

/* Essex: who is an administrator has the role. Not so today. New reference. */
static json_t *roles_with_admin(const json_t *values) {
        json_t *roles = json_deep_copy(json_object_get(values, "roles"));

        if (roles && !roles_have_admin(roles) && json_array_append_new(roles, json_string("admin")) < 0) {
                json_decref(roles);
                return NULL;
        }
        return roles;
}

int context_to_message(const RequestContext *c, WireFormat format, json_t *message) {
        const char *name;
        json_t *value;
        int r;

        assert(c && json_is_object(message));

        if (format == WIRE_OSLO) {
                json_object_foreach(c->values, name, value) {
                        r = set_prefixed(message, name, value);
                        if (r < 0)
                                return r;
                }
                return 0;
        }

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                json_auto_t *roles = NULL;

                if (!(keys[i].flags & IN_ESSEX))
                        continue;
                value = json_object_get(c->values, keys[i].name);
                if (c->is_admin && streq(keys[i].name, "roles")) {
                        value = roles = roles_with_admin(c->values);
                        if (!roles)
                                return -ENOMEM;
                }
                r = set_prefixed(message, keys[i].name, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

json_t *context_safe_dict(const RequestContext *c) {
        json_auto_t *safe = json_object();

        assert(c);
        for (size_t i = 0; safe && i < ELEMENTSOF(keys); i++) {
                const json_t *value = json_object_get(c->values, keys[i].name);

                if ((keys[i].flags & IS_SAFE) && json_object_set_new(safe, keys[i].name, json_deep_copy(value)) < 0)
                        return NULL;
        }
        return TAKE_PTR(safe);
}

RequestContext *context_elevated(const RequestContext *c) {
        json_auto_t *values = NULL, *roles = NULL;

        assert(c);
        values = json_deep_copy(c->values);
        roles = roles_with_admin(c->values);    /* a list of its own: the original must not gain the role */
        if (!values || !roles || json_object_set(values, "roles", roles) < 0 ||
            json_object_set_new(values, "is_admin", json_true()) < 0)
                return NULL;
        return context_new(TAKE_PTR(values));
}

const char *context_request_id(const RequestContext *c) {
        return json_member_string(c->values, "request_id");
}

const char *context_global_request_id(const RequestContext *c) {
        return json_member_string(c->values, "global_request_id");
}

const char *context_user_id(const RequestContext *c) {
        return json_member_string(c->values, "user_id");
}

const char *context_project_id(const RequestContext *c) {
        return json_member_string(c->values, "project_id");
}

bool context_is_admin(const RequestContext *c) {
        return c->is_admin;
}

const char *context_read_deleted(const RequestContext *c) {
        return json_member_string(c->values, "read_deleted");
}

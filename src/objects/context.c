/* The request context and its two forms on the wire. See context.h.
 *
 * What was received is kept as JSON values that are never changed after it was made, and nothing of them is handed
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
        size_t size;
        KeyType type;
        unsigned flags;
} Key;

/* Kept by number, in the order in which peers write them: a request's context is made and dropped with each message, and
 * most of it is never looked at. */
typedef enum KeyNumber {
        USER,
        PROJECT_ID,
        SYSTEM_SCOPE,
        PROJECT,
        DOMAIN,
        USER_DOMAIN,
        PROJECT_DOMAIN,
        IS_ADMIN,
        READ_ONLY,
        SHOW_DELETED,
        AUTH_TOKEN,
        REQUEST_ID,
        GLOBAL_REQUEST_ID,
        RESOURCE_UUID,
        ROLES,
        USER_IDENTITY,
        IS_ADMIN_PROJECT,
        USER_ID,
        READ_DELETED,
        REMOTE_ADDRESS,
        TIMESTAMP,
        QUOTA_CLASS,
        USER_NAME,
        SERVICE_CATALOG,
        PROJECT_NAME,
        N_KEYS,
} KeyNumber;

static const Key keys[N_KEYS] = {
        [USER] = {"user", sizeof "user" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [PROJECT_ID] = {"project_id", sizeof "project_id" - 1, KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        [SYSTEM_SCOPE] = {"system_scope", sizeof "system_scope" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [PROJECT] = {"project", sizeof "project" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [DOMAIN] = {"domain", sizeof "domain" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [USER_DOMAIN] = {"user_domain", sizeof "user_domain" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [PROJECT_DOMAIN] = {"project_domain", sizeof "project_domain" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [IS_ADMIN] = {"is_admin", sizeof "is_admin" - 1, KEY_BOOLEAN, IN_OSLO | IN_ESSEX | IS_SAFE},
        [READ_ONLY] = {"read_only", sizeof "read_only" - 1, KEY_BOOLEAN, IN_OSLO | IS_SAFE},
        [SHOW_DELETED] = {"show_deleted", sizeof "show_deleted" - 1, KEY_BOOLEAN, IN_OSLO | IS_SAFE},
        [AUTH_TOKEN] = {"auth_token", sizeof "auth_token" - 1, KEY_TEXT, IN_OSLO | IN_ESSEX},
        [REQUEST_ID] = {"request_id", sizeof "request_id" - 1, KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        [GLOBAL_REQUEST_ID] = {"global_request_id", sizeof "global_request_id" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [RESOURCE_UUID] = {"resource_uuid", sizeof "resource_uuid" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [ROLES] = {"roles", sizeof "roles" - 1, KEY_TEXTS, IN_OSLO | IN_ESSEX | IS_SAFE},
        [USER_IDENTITY] = {"user_identity", sizeof "user_identity" - 1, KEY_TEXT, IN_OSLO | IS_SAFE},
        [IS_ADMIN_PROJECT] = {"is_admin_project", sizeof "is_admin_project" - 1, KEY_BOOLEAN, IN_OSLO | IS_SAFE | IS_TRUE},
        [USER_ID] = {"user_id", sizeof "user_id" - 1, KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        [READ_DELETED] = {"read_deleted", sizeof "read_deleted" - 1, KEY_DELETED, IN_OSLO | IN_ESSEX | IS_SAFE},
        [REMOTE_ADDRESS] = {"remote_address", sizeof "remote_address" - 1, KEY_ID, IN_OSLO | IN_ESSEX | IS_SAFE},
        [TIMESTAMP] = {"timestamp", sizeof "timestamp" - 1, KEY_TIME, IN_OSLO | IN_ESSEX | IS_SAFE},
        [QUOTA_CLASS] = {"quota_class", sizeof "quota_class" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [USER_NAME] = {"user_name", sizeof "user_name" - 1, KEY_ID, IN_OSLO | IS_SAFE},
        [SERVICE_CATALOG] = {"service_catalog", sizeof "service_catalog" - 1, KEY_LIST, IN_OSLO},
        [PROJECT_NAME] = {"project_name", sizeof "project_name" - 1, KEY_ID, IN_OSLO | IS_SAFE},
};

struct RequestContext {
        atomic_uint refs;
        json_t *known[N_KEYS];  /* once complete, none is NULL */
        json_t *others;         /* members we have no use for, to be passed on; NULL = none */
        bool is_admin;
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

static const char *text_of(const RequestContext *c, KeyNumber n) {
        return json_string_value(c->known[n]);
}

/* The user's one-line identity as oslo.context writes it. */
static json_t *user_identity(const RequestContext *c) {
        static const KeyNumber parts[] = {USER_ID, PROJECT_ID, DOMAIN, USER_DOMAIN, PROJECT_DOMAIN};
        const char *p[ELEMENTSOF(parts)];

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                p[i] = text_of(c, parts[i]);
                if (!p[i] && parts[i] == USER_ID)
                        p[i] = text_of(c, USER);
                if (isempty(p[i]))
                        p[i] = "-";
        }
        return json_sprintf("%s %s %s %s %s", p[0], p[1], p[2], p[3], p[4]);
}

static json_t *key_default(const RequestContext *c, KeyNumber n) {
        char buf[MAX((int) TIME_TEXT_MAX, (int) REQUEST_ID_MAX)];

        switch (n) {
        /* Two names for one thing: a peer may send either. */
        case USER_ID:
                return json_string_or_null(text_of(c, USER));
        case USER:
                return json_string_or_null(text_of(c, USER_ID));
        case PROJECT_ID:
                return json_string_or_null(text_of(c, PROJECT));
        case PROJECT:
                return json_string_or_null(text_of(c, PROJECT_ID));
        case REQUEST_ID:
                return json_string(request_id(buf));
        case USER_IDENTITY:
                return user_identity(c);
        /* A message that does not say it is an administrator's is one only by its roles. */
        case IS_ADMIN:
                return json_boolean(roles_have_admin(c->known[ROLES]));
        default:
                break;
        }

        switch (keys[n].type) {
        case KEY_BOOLEAN:
                return json_boolean(keys[n].flags & IS_TRUE);
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
static bool null_is_missing(KeyNumber n) {
        return (keys[n].type != KEY_TEXT && keys[n].type != KEY_ID) || n == REQUEST_ID;
}

/* Adds what is missing. 0 or -ENOMEM. */
static int complete(RequestContext *c) {
        for (KeyNumber n = 0; n < N_KEYS; n++) {
                json_t *value = c->known[n];

                if (value && !(json_is_null(value) && null_is_missing(n)))
                        continue;
                json_decref(value);
                c->known[n] = NULL;
                c->known[n] = key_default(c, n);
                if (!c->known[n])
                        return -ENOMEM;
        }
        c->is_admin = json_is_true(c->known[IS_ADMIN]);
        return 0;
}

RequestContext *context_begin(void) {
        RequestContext *c = calloc(1, sizeof *c);

        if (c)
                c->refs = 1;
        return c;
}

static bool find_key(const char *name, size_t size, KeyNumber *ret) {
        for (KeyNumber n = 0; n < N_KEYS; n++)
                if (keys[n].size == size && *keys[n].name == *name && memcmp(keys[n].name, name, size) == 0) {
                        *ret = n;
                        return true;
                }
        return false;
}

int context_take(RequestContext *c, const char *name, size_t size, json_t *value) {
        json_auto_t *v = value;
        KeyNumber n;

        if (!v)
                return -ENOMEM;
        if (find_key(name, size, &n)) {
                if (c->known[n])
                        return -EEXIST;
                c->known[n] = TAKE_PTR(v);
                return 0;
        }
        if (!c->others && !(c->others = json_object()))
                return -ENOMEM;
        if (json_object_getn(c->others, name, size))
                return -EEXIST;
        return json_object_setn_new_nocheck(c->others, name, size, TAKE_PTR(v)) < 0 ? -ENOMEM : 0;
}

RequestContext *context_ref(RequestContext *c) {
        if (c)
                (void) atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
        return c;
}

RequestContext *context_unref(RequestContext *c) {
        if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
                for (KeyNumber n = 0; n < N_KEYS; n++)
                        json_decref(c->known[n]);
                json_decref(c->others);
                free(c);
        }
        return NULL;
}

RequestContext *context_new_admin(void) {
        _cleanup_(context_unrefp) RequestContext *c = context_begin();

        if (!c || context_take(c, "is_admin", strlen("is_admin"), json_true()) < 0 || complete(c) < 0)
                return NULL;
        return TAKE_PTR(c);
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

int context_finish(RequestContext *c, NovaException *e) {
        for (KeyNumber n = 0; n < N_KEYS; n++) {
                const json_t *value = c->known[n];

                if (value && !json_is_null(value) && !key_accepts(&keys[n], value))
                        return refuse(&keys[n], value, e);
        }
        return complete(c);
}

int context_from_message(const json_t *message, RequestContext **ret, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *c = context_begin();
        const char *name;
        json_t *value;
        int r;

        if (!c)
                return -ENOMEM;

        json_object_foreach((json_t *) message, name, value) {
                const char *key = startswith(name, PREFIX);

                if (isempty(key))
                        continue;
                r = context_take(c, key, strlen(key), json_deep_copy(value));
                if (r < 0)
                        return r;
        }
        r = context_finish(c, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
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
static json_t *roles_with_admin(const RequestContext *c) {
        json_t *roles = json_deep_copy(c->known[ROLES]);

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

        for (KeyNumber n = 0; n < N_KEYS; n++) {
                json_auto_t *roles = NULL;

                if (format == WIRE_ESSEX && !(keys[n].flags & IN_ESSEX))
                        continue;
                value = c->known[n];
                if (format == WIRE_ESSEX && c->is_admin && n == ROLES) {
                        value = roles = roles_with_admin(c);
                        if (!roles)
                                return -ENOMEM;
                }
                r = set_prefixed(message, keys[n].name, value);
                if (r < 0)
                        return r;
        }
        if (format == WIRE_OSLO)
                json_object_foreach(c->others, name, value) {
                        r = set_prefixed(message, name, value);
                        if (r < 0)
                                return r;
                }
        return 0;
}

json_t *context_safe_dict(const RequestContext *c) {
        json_auto_t *safe = json_object();

        assert(c);
        for (KeyNumber n = 0; safe && n < N_KEYS; n++)
                if ((keys[n].flags & IS_SAFE) && json_object_set_new(safe, keys[n].name, json_deep_copy(c->known[n])) < 0)
                        return NULL;
        return TAKE_PTR(safe);
}

RequestContext *context_elevated(const RequestContext *c) {
        _cleanup_(context_unrefp) RequestContext *copy = context_begin();

        assert(c);
        if (!copy || (c->others && !(copy->others = json_deep_copy(c->others))))
                return NULL;
        for (KeyNumber n = 0; n < N_KEYS; n++) {
                /* A list of its own: the original must not gain the role. */
                copy->known[n] = n == ROLES ? roles_with_admin(c) : n == IS_ADMIN ? json_true() : json_deep_copy(c->known[n]);
                if (!copy->known[n])
                        return NULL;
        }
        copy->is_admin = true;
        return TAKE_PTR(copy);
}

const char *context_request_id(const RequestContext *c) {
        return text_of(c, REQUEST_ID);
}

const char *context_global_request_id(const RequestContext *c) {
        return text_of(c, GLOBAL_REQUEST_ID);
}

const char *context_user_id(const RequestContext *c) {
        return text_of(c, USER_ID);
}

const char *context_project_id(const RequestContext *c) {
        return text_of(c, PROJECT_ID);
}

bool context_is_admin(const RequestContext *c) {
        return c->is_admin;
}

const char *context_read_deleted(const RequestContext *c) {
        return text_of(c, READ_DELETED);
}

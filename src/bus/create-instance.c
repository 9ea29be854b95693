/* CreateInstance of org.nova.Compute1.Manager: authorized with the project that it is for, then looked at on a worker, where images are
 * found and all is refused that a build would refuse, then begun as any build (compute/create.h). */
#include "bus/bus-internal.h"

#include <errno.h>
#include <stdio.h>

#include "basic/id.h"
#include "basic/json.h"
#include "bus/options.h"
#include "compute/create.h"

#define WHAT "The instance could not be created"
#define PROJECT_DEFAULT "default"
#define LOOKED_AT_MAX 64                /* entries; there are fewer keys */

static const char *const types[_CREATE_TYPE_MAX] = {
        [CREATE_TEXT] = "s",   [CREATE_NUMBER] = "ut",         [CREATE_BOOLEAN] = "b",
        [CREATE_TEXTS] = "as", [CREATE_DICTIONARY] = "a{ss}",  [CREATE_DATA] = "s|ay",
};

/* ---- who asks ---- */

void bus_caller(Bus *b, sd_bus_message *m, char ret[static 24]) {
        uid_t uid;

        if (authority_caller(b->authority, m, &uid) < 0)
                (void) snprintf(ret, 24, "uid:unknown");
        else
                (void) snprintf(ret, 24, "uid:%u", (unsigned) uid);
}

RequestContext *bus_context(Bus *b, sd_bus_message *m, const char *user, const char *project, bool admin) {
        RequestContext *context = NULL;
        json_auto_t *message = NULL;
        char caller[24], id[REQUEST_ID_MAX];

        bus_caller(b, m, caller);
        message = json_pack("{s:s, s:s, s:s, s:s, s:b, s:[], s:s}", "_context_user_id", user ? user : caller, "_context_user",
                            user ? user : caller, "_context_project_id", strempty(project), "_context_project", strempty(project),
                            "_context_is_admin", admin, "_context_roles", "_context_request_id", request_id(id));
        return message && context_from_message(message, &context, NULL) >= 0 ? context : NULL;
}

/* ---- what rules look at ---- */

typedef struct Said {
        const char *name, *project, *user;
} Said;

/* Before anything is checked: what of it is no text is none. What is said twice is refused later. */
static int look(sd_bus_message *m, Said *ret) {
        const char *key, *contents;
        char type;
        int r;

        *ret = (Said) { .name = "", .project = PROJECT_DEFAULT, .user = "" };
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        for (unsigned n = 0; r >= 0 && n < LOOKED_AT_MAX; n++) {
                const char **to;

                r = sd_bus_message_enter_container(m, 'e', "sv");
                if (r == 0)
                        break;
                if (r >= 0)
                        r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, &type, &contents);
                if (r < 0)
                        return r;
                to = streq(key, "name") ? &ret->name : streq(key, "project") ? &ret->project : streq(key, "user") ? &ret->user : NULL;
                if (to && streq(contents, "s"))
                        r = sd_bus_message_read(m, "v", "s", to);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int authorize(Bus *b, sd_bus_message *m, sd_bus_error *error) {
        _cleanup_free_ char *owned = NULL;
        Said said;
        int r;

        r = look(m, &said);
        if (r < 0)
                return r;
        const char *details[] = {
                "verb", "create",
                "host", bus_text(b->service ? service_host(b->service) : NULL, &owned),
                "instance.name", said.name,
                "project", said.project,
                "user", said.user,
                NULL,
        };
        return authority_check(b->authority, m, ACTION_CREATE_INSTANCES, details, error);
}

/* ---- the rest ---- */

static int read_properties(sd_bus_message *m, json_t **ret, sd_bus_error *error) {
        BusOption known[32] = {};
        int r;

        for (size_t n = 0; n < ELEMENTSOF(known) - 1 && create_key_at(n); n++)
                known[n] = (BusOption) { create_key_at(n)->name, types[create_key_at(n)->type] };
        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : bus_read_options(m, known, "Property", ret, error);
}

static int answer(sd_bus_message *reply, const char *job, void *data) {
        return sd_bus_message_append(reply, "oo", (const char *) data, job);
}

static void free_context(void *data) {
        (void) context_unref(data);
}

/* What the build is asked for, in full: on the loop. */
static int on_made(Bus *b, sd_bus_message *m, const json_t *args, void *data, sd_bus_error *error) {
        const char *uuid = json_member_string(json_object_get(json_object_get(args, "instance"), "nova_object.data"), "uuid");
        char *path = uuid ? bus_instance_path(uuid) : NULL;

        if (!path)
                return -ENOMEM;
        return bus_job_begin(b, m, data, "build_and_run_instance", args, WHAT, answer, path, error);
}

int bus_create_instance(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        json_auto_t *properties = NULL, *args = NULL;
        RequestContext *context;
        Bus *b = userdata;
        char caller[24];
        int r;

        r = authorize(b, m, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = read_properties(m, &properties, error);
        if (r < 0)
                return r;
        bus_caller(b, m, caller);
        if (!json_object_get(properties, "project") && json_object_set_new(properties, "project", json_string(PROJECT_DEFAULT)) < 0)
                return -ENOMEM;
        if (!json_object_get(properties, "user") && json_object_set_new(properties, "user", json_string(caller)) < 0)
                return -ENOMEM;
        context = bus_context(b, m, json_member_string(properties, "user"), json_member_string(properties, "project"), false);
        args = json_pack("{s:O}", "properties", properties);
        if (!context || !args) {
                (void) context_unref(context);
                return -ENOMEM;
        }
        return bus_query_begin(b, m, context, "_make_build_request", args, WHAT, on_made, context, free_context, error);
}

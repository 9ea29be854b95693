/* The verbs of org.nova.Compute1.Instance: one table from the verb to the method of the compute API that it begins. Whatever the verb,
 * the caller is authorized first, with what the instance is as details, and only then its arguments are read, the states of the
 * instance looked at by the method's own rules, and the operation begun. What asks instead of changing is in instance-queries.c. */
#include "bus/bus-internal.h"

#include <errno.h>
#include <strings.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "basic/text-util.h"
#include "bus/instance-call.h"
#include "compute/instance-states.h"
#include "compute/manager.h"
#include "network/ip.h"

#define NAME_MAX_IMAGE 255              /* characters, as of Nova's columns */
#define PASSWORD_MAX 255
#define PATH_MAX_GUEST 4096
#define METADATA_MAX 128                /* Nova's quota */

static int refuse(VerbCall *c, const char *sentence) {
        return sd_bus_error_setf(c->error, SD_BUS_ERROR_INVALID_ARGS, "%s: %s", c->verb->what, sentence);
}

/* A text of one line, of 1 to @max characters, into the arguments. */
static int set_text(VerbCall *c, const char *what, const char *text, size_t max, const char *argument) {
        if (!*text || text_characters(text) > max || text_has_control(text))
                return sd_bus_error_setf(c->error, SD_BUS_ERROR_INVALID_ARGS, "%s: %s must have 1 to %zu characters, and no control characters",
                                         c->verb->what, what, max);
        return json_object_set_new(c->args, argument, json_string(text)) < 0 ? -ENOMEM : 0;
}

static int read_text(VerbCall *c, const char *what, size_t max, const char *argument) {
        const char *text;
        int r;

        r = sd_bus_message_read(c->message, "s", &text);
        return r < 0 ? r : set_text(c, what, text, max, argument);
}

/* ---- arguments of their own ---- */

static int read_reboot(VerbCall *c) {
        const char *type;
        int r;

        r = sd_bus_message_read(c->message, "s", &type);
        if (r < 0)
                return r;
        if (!streq(type, "soft") && !streq(type, "hard"))
                return sd_bus_error_setf(c->error, SD_BUS_ERROR_INVALID_ARGS, "%s: type is '%.*s', but must be soft or hard", c->verb->what,
                                         bus_shown(type), type);
        return json_object_set_new(c->args, "reboot_type", json_string(streq(type, "hard") ? "HARD" : "SOFT")) < 0 ? -ENOMEM : 0;
}

static int finish_stop(VerbCall *c) {
        json_t *timeout = json_object_get(c->options, "timeout");

        if (!timeout)
                return 0;
        return json_object_set(c->args, "shutdown_timeout", timeout) < 0 ||
               json_object_set_new(c->args, "clean_shutdown", json_boolean(json_integer_value(timeout) > 0)) < 0 ? -ENOMEM : 0;
}

static int finish_password(VerbCall *c, const char *argument) {
        const char *password = json_member_string(c->options, "admin_password");

        return password ? set_text(c, "the password", password, PASSWORD_MAX, argument) : 0;
}

/* The image is looked up first, by id or by name. */
static int finish_rescue(VerbCall *c) {
        const char *image = json_member_string(c->options, "image");

        if (image && !*image)
                return refuse(c, "image may not be empty");
        c->image = image;
        c->image_argument = "rescue_image_ref";
        return finish_password(c, "rescue_password");
}

static int read_rebuild(VerbCall *c) {
        const char *image;
        int r;

        r = sd_bus_message_read(c->message, "s", &image);
        if (r < 0)
                return r;
        c->image = *image ? image : NULL;
        c->image_argument = "image_ref";
        return json_object_set_new(c->args, "injected_files", json_array()) < 0 ? -ENOMEM : 0;
}

/* What the API has changed of the row before it asks comes with the object. */
static int finish_rebuild(VerbCall *c) {
        const char *name = json_member_string(c->options, "name"), *data = json_member_string(c->options, "user_data");
        json_auto_t *fields = json_pack("{s:s}", "uuid", c->uuid), *changes = json_array();
        int r = 0;

        if (name) {
                r = set_text(c, "name", name, 255, "name");
                if (r < 0)
                        return r;
                (void) json_object_del(c->args, "name");
                if (json_object_set_new(fields, "display_name", json_string(name)) < 0 ||
                    json_array_append_new(changes, json_string("display_name")) < 0)
                        return -ENOMEM;
        }
        if (data) {
                if (strlen(data) > 65535)
                        return refuse(c, "user_data may have 65535 bytes in base64");
                if (json_object_set_new(fields, "user_data", json_string(data)) < 0 ||
                    json_array_append_new(changes, json_string("user_data")) < 0)
                        return -ENOMEM;
        }
        if ((name || data) &&
            json_object_set_new(c->args, "instance", json_pack("{s:s, s:s, s:s, s:O, s:O}", "nova_object.name", "Instance",
                                                               "nova_object.namespace", "nova", "nova_object.version", "2.7",
                                                               "nova_object.data", fields, "nova_object.changes", changes)) < 0)
                return -ENOMEM;
        return finish_password(c, "new_pass");
}

static int read_snapshot(VerbCall *c) {
        char id[UUID_TEXT_MAX];

        if (json_object_set_new(c->args, "image_id", json_string(uuid4(id))) < 0)
                return -ENOMEM;
        return read_text(c, "name", NAME_MAX_IMAGE, "image_name");
}

static int read_backup(VerbCall *c) {
        uint32_t rotation;
        int r;

        r = read_snapshot(c);
        if (r >= 0)
                r = read_text(c, "type", NAME_MAX_IMAGE, "backup_type");
        if (r >= 0)
                r = sd_bus_message_read(c->message, "u", &rotation);
        if (r < 0)
                return r;
        return json_object_set_new(c->args, "rotation", json_integer(rotation)) < 0 ? -ENOMEM : 0;
}

/* As Nova sends a change of metadata: {name: ["+", value]} or {name: ["-"]}. */
static int read_metadata(VerbCall *c) {
        json_auto_t *given = NULL, *diff = json_object();
        size_t n = 0, known = 0;
        const char *key;
        json_t *value;
        int r;

        r = bus_read_dictionary(c->message, &given, c->error);
        if (r < 0)
                return r;
        for (char *const *m = c->i->view->metadata; m && m[0]; m += 2)
                known += !json_object_get(given, m[0]);
        json_object_foreach(given, key, value) {
                const char *text = json_string_value(value);

                if (!*key || text_characters(key) > 255 || text_characters(text) > 255)
                        return refuse(c, "keys must have 1 to 255 characters, values may have 255");
                n += *text != '\0';
                if (json_object_set_new(diff, key, *text ? json_pack("[s, s]", "+", text) : json_pack("[s]", "-")) < 0)
                        return -ENOMEM;
        }
        if (known + n > METADATA_MAX)
                return refuse(c, "an instance may have 128 items of metadata");
        return json_object_set(c->args, "diff", diff) < 0 ? -ENOMEM : 0;
}

static int finish_delete(VerbCall *c) {
        c->admin = json_is_true(json_object_get(c->options, "force"));
        return 0;
}

static int read_password(VerbCall *c) {
        return read_text(c, "the password", PASSWORD_MAX, "new_pass");
}

static int read_file(VerbCall *c) {
        _cleanup_free_ char *encoded = NULL;
        json_t *contents;
        const char *path;
        int r;

        r = sd_bus_message_read(c->message, "s", &path);
        if (r < 0)
                return r;
        if (*path != '/' || strlen(path) > PATH_MAX_GUEST || text_has_control(path))
                return refuse(c, "path must begin with / and may have 4096 bytes, and no control characters");
        encoded = base64_encode(path, strlen(path));
        if (!encoded || json_object_set_new(c->args, "path", json_string(encoded)) < 0)
                return -ENOMEM;
        r = bus_read_bytes(c->message, &contents, c->error);
        if (r < 0)
                return r;
        return json_object_set_new(c->args, "file_contents", contents) < 0 ? -ENOMEM : 0;
}

/* ---- interfaces ---- */

static int no_such_network(VerbCall *c, const char *name) {
        return sd_bus_error_setf(c->error, BUS_ERROR_NO_SUCH_NETWORK, "%s: Network %.*s could not be found.", c->verb->what, bus_shown(name), name);
}

/* Of those that the configuration declares; a network service knows its own. */
static int check_network(VerbCall *c, const char *name) {
        ComputeManager *m = c->bus->manager ? compute_manager_from(c->bus->manager) : NULL;

        return !m || compute_manager_has_network(m, name) ? 0 : no_such_network(c, name);
}

static int read_network(VerbCall *c) {
        const char *name;
        int r;

        r = sd_bus_message_read(c->message, "s", &name);
        if (r >= 0)
                r = set_text(c, "network", name, 255, "network_id");
        return r < 0 ? r : check_network(c, name);
}

static int finish_attach(VerbCall *c) {
        const char *address = json_member_string(c->options, "fixed_ip");
        IpAddress parsed;

        if (!address)
                return 0;
        if (ip_parse(address, &parsed) < 0)
                return sd_bus_error_setf(c->error, SD_BUS_ERROR_INVALID_ARGS, "%s: fixed_ip '%.*s' is no address", c->verb->what,
                                         bus_shown(address), address);
        return json_object_set_new(c->args, "requested_ip", json_string(address)) < 0 ? -ENOMEM : 0;
}

static int read_interface(VerbCall *c) {
        const InstanceView *v = c->i->view;
        const char *name;
        int r;

        r = sd_bus_message_read(c->message, "s", &name);
        if (r < 0)
                return r;
        for (size_t n = 0; *name && n < v->n_interfaces; n++)
                if (strcasecmp(v->interfaces[n].mac, name) == 0 || strcasecmp(v->interfaces[n].port, name) == 0)
                        return json_object_set_new(c->args, "port_id", json_string(v->interfaces[n].port)) < 0 ? -ENOMEM : 0;
        return sd_bus_error_setf(c->error, BUS_ERROR_NO_SUCH_INTERFACE, "%s: there is none '%.*s', by hardware address or by port",
                                 c->verb->what, bus_shown(name), name);
}

/* ---- the table ---- */

#define OPTIONS(...) (const BusOption[]) { __VA_ARGS__, {} }
#define MANAGE ACTION_MANAGE_INSTANCES
#define CHANGE ACTION_CHANGE_GUESTS

static const Verb verbs[] = {
        { "Start", "start", MANAGE, "start_instance", "The instance could not be started" },
        { "Stop", "stop", MANAGE, "stop_instance", "The instance could not be stopped", .options = OPTIONS({ "timeout", "u" }),
          .finish = finish_stop },
        { "Reboot", "reboot", MANAGE, "reboot_instance", "The instance could not be rebooted", .read = read_reboot },
        { "Pause", "pause", MANAGE, "pause_instance", "The instance could not be paused" },
        { "Unpause", "unpause", MANAGE, "unpause_instance", "The instance could not be unpaused" },
        { "Suspend", "suspend", MANAGE, "suspend_instance", "The instance could not be suspended" },
        { "Resume", "resume", MANAGE, "resume_instance", "The instance could not be resumed" },
        { "Rescue", "rescue", MANAGE, "rescue_instance", "The instance could not be rescued",
          .options = OPTIONS({ "image", "s" }, { "admin_password", "s" }), .finish = finish_rescue },
        { "Unrescue", "unrescue", MANAGE, "unrescue_instance", "The instance could not be unrescued" },
        { "Lock", "lock", MANAGE, "lock_instance", "The instance could not be locked" },
        { "Unlock", "unlock", MANAGE, "unlock_instance", "The instance could not be unlocked" },
        { "Restore", "restore", MANAGE, "restore_instance", "The instance could not be restored" },
        { "SetMetadata", "set-metadata", MANAGE, "change_instance_metadata", "The metadata could not be changed", .read = read_metadata },
        { "Snapshot", "snapshot", ACTION_SNAPSHOT_INSTANCES, "snapshot_instance", "No image could be made of the instance",
          .read = read_snapshot },
        { "Backup", "backup", ACTION_SNAPSHOT_INSTANCES, "backup_instance", "No backup could be made of the instance", .read = read_backup },
        { "Rebuild", "rebuild", ACTION_DELETE_INSTANCES, "rebuild_instance", "The instance could not be rebuilt",
          .options = OPTIONS({ "admin_password", "s" }, { "name", "s" }, { "user_data", "s|ay" }), .read = read_rebuild,
          .finish = finish_rebuild },
        { "Delete", "delete", ACTION_DELETE_INSTANCES, "terminate_instance", "The instance could not be deleted",
          .options = OPTIONS({ "force", "b" }), .finish = finish_delete },
        { "SoftDelete", "soft-delete", ACTION_DELETE_INSTANCES, "soft_delete_instance", "The instance could not be deleted" },
        { "SetAdminPassword", "set-admin-password", CHANGE, "set_admin_password", "The password could not be set", .read = read_password },
        { "InjectFile", "inject-file", CHANGE, "inject_file", "The file could not be written", .read = read_file },
        { "TriggerCrashDump", "trigger-crash-dump", CHANGE, "trigger_crash_dump", "The instance was not interrupted" },
        { "Quiesce", "quiesce", CHANGE, "quiesce_instance", "The file systems could not be frozen" },
        { "Unquiesce", "unquiesce", CHANGE, "unquiesce_instance", "The file systems could not be thawed" },
        { "AttachInterface", "attach-interface", CHANGE, "attach_interface", "No interface could be attached",
          .options = OPTIONS({ "fixed_ip", "s" }), .read = read_network, .finish = finish_attach },
        { "DetachInterface", "detach-interface", CHANGE, "detach_interface", "The interface could not be detached", .read = read_interface },
        { "ResetNetwork", "reset-network", CHANGE, "reset_network", "The network could not be made anew" },
};

const Verb *bus_instance_verb_at(size_t n) {
        return n < ELEMENTSOF(verbs) ? &verbs[n] : bus_instance_query_at(n - ELEMENTSOF(verbs));
}

/* ---- what all have in common ---- */

int bus_instance_authorize(const BusInstance *i, sd_bus_message *m, const Verb *verb, sd_bus_error *error) {
        const InstanceView *v = i->view;
        Bus *b = i->object.bus;
        _cleanup_free_ char *owned = NULL, *name = NULL, *project = NULL, *user = NULL;
        const char *details[] = {
                "verb", verb->detail,
                "host", bus_text(b->service ? service_host(b->service) : NULL, &owned),
                "instance.uuid", v->uuid,
                "instance.name", bus_text(v->display_name, &name),
                "project", bus_text(v->project_id, &project),
                "user", bus_text(v->user_id, &user),
                NULL,
        };

        return authority_check(b->authority, m, verb->action, details, error);
}

int bus_instance_read_call(VerbCall *c) {
        int r;

        c->args = json_pack("{s:s}", "instance", c->uuid);
        if (!c->args)
                return -ENOMEM;
        r = c->verb->read ? c->verb->read(c) : 0;
        if (r >= 0)
                r = bus_read_options(c->message, c->verb->options, "Option", &c->options, c->error);
        if (r >= 0 && c->verb->finish)
                r = c->verb->finish(c);
        return r;
}

void bus_instance_call_done(VerbCall *c) {
        json_decref(c->args);
        json_decref(c->options);
        (void) context_unref(c->context);
}

/* By the rules of the method; its turn may find it otherwise. */
static int check_states(VerbCall *c) {
        const InstanceView *v = c->i->view;
        const InstanceStates states = {
                .uuid = v->uuid, .vm_state = v->vm_state, .task_state = v->task_state, .locked = v->locked, .admin = c->admin,
        };
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const Method *method = c->bus->manager ? manager_method(c->bus->manager, c->verb->method, ~0u) : NULL;
        int r;

        if (!method || !method->instance)
                return 0;       /* told when it is begun */
        r = instance_method_refusal(method, c->args, &states, &e);
        return r < 0 ? bus_error_from(c->error, r, &e, c->verb->what) : 0;
}

/* ---- those that name an image ---- */

typedef struct WithImage {
        json_t *args;
        RequestContext *context;
        const Verb *verb;
        const char *argument;
} WithImage;

static void with_image_free(void *data) {
        WithImage *w = data;

        json_decref(w->args);
        (void) context_unref(w->context);
        free(w);
}

static int on_image(Bus *b, sd_bus_message *m, const json_t *image, void *data, sd_bus_error *error) {
        WithImage *w = data;

        if (json_object_set(w->args, w->argument, json_object_get(image, "id")) < 0)
                return -ENOMEM;
        return bus_job_begin(b, m, w->context, w->verb->method, w->args, w->verb->what, NULL, NULL, error);
}

static int begin_with_image(VerbCall *c) {
        json_auto_t *args = json_pack("{s:s, s:s}", "image", c->image, "project", c->i->view->project_id);
        WithImage *w = args ? calloc(1, sizeof *w) : NULL;

        if (!w)
                return -ENOMEM;
        *w = (WithImage) {
                .args = json_incref(c->args), .context = context_ref(c->context), .verb = c->verb, .argument = c->image_argument,
        };
        return bus_query_begin(c->bus, c->message, c->context, "_find_image", args, c->verb->what, on_image, w, with_image_free, c->error);
}

static int begin(VerbCall *c) {
        int r;

        r = bus_instance_read_call(c);
        if (r >= 0)
                r = check_states(c);
        if (r < 0)
                return r;
        c->context = bus_context(c->bus, c->message, NULL, c->i->view->project_id, c->admin);
        if (!c->context)
                return -ENOMEM;
        if (c->image)
                return begin_with_image(c);
        return bus_job_begin(c->bus, c->message, c->context, c->verb->method, c->args, c->verb->what, NULL, NULL, c->error);
}

int bus_instance_verb(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *member = strempty(sd_bus_message_get_member(m));
        BusInstance *i = userdata;
        const Verb *verb = NULL;
        int r;

        for (size_t n = 0; n < ELEMENTSOF(verbs); n++)
                if (streq(verbs[n].member, member))
                        verb = &verbs[n];
        if (!verb)
                return bus_instance_query(m, userdata, error);
        r = bus_instance_authorize(i, m, verb, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        _cleanup_(bus_instance_call_done) VerbCall c = {
                .bus = i->object.bus, .i = i, .uuid = i->view->uuid, .message = m, .verb = verb, .error = error,
        };
        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : begin(&c);
}

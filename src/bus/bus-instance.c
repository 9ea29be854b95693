/* org.nova.Compute1.Instance: the instances of this host, from the manager's table. Nothing is registered per object: an object is
 * found by its path when somebody asks. Its verbs are in instance-verbs.c. */
#define LOG_LOGGER "nova.bus"
#include "bus/instance-call.h"

#include <errno.h>
#include <search.h>

#include "basic/id.h"
#include "basic/log.h"
#include "compute/instance-states.h"

/* What is told of the observed. */
enum {
        CHANGED_ROW = 1 << 0,
        CHANGED_JOBS = 1 << 1,
};

typedef enum InstanceProperty {
        PROPERTY_UUID,
        PROPERTY_NAME,
        PROPERTY_DISPLAY_NAME,
        PROPERTY_HOSTNAME,
        PROPERTY_PROJECT,
        PROPERTY_USER,
        PROPERTY_VM_STATE,
        PROPERTY_TASK_STATE,
        PROPERTY_POWER_STATE,
        PROPERTY_LOCKED,
        PROPERTY_FLAVOR,
        PROPERTY_VCPUS,
        PROPERTY_MEMORY,
        PROPERTY_ROOT,
        PROPERTY_EPHEMERAL,
        PROPERTY_SWAP,
        PROPERTY_IMAGE,
        PROPERTY_KEY_NAME,
        PROPERTY_CONFIG_DRIVE,
        PROPERTY_AVAILABILITY_ZONE,
        PROPERTY_METADATA,
        PROPERTY_NETWORKS,
        PROPERTY_VOLUMES,
        PROPERTY_FAULT,
        PROPERTY_FAULT_USEC,
        PROPERTY_CREATED,
        PROPERTY_LAUNCHED,
        PROPERTY_UPDATED,
        PROPERTY_TERMINATED,
        PROPERTY_JOBS,
        PROPERTY_VERBS,
        _INSTANCE_PROPERTY_MAX,
} InstanceProperty;

static const BusProperty instance_properties[_INSTANCE_PROPERTY_MAX] = {
        [PROPERTY_UUID] = { "Uuid", 0 },
        [PROPERTY_NAME] = { "Name", CHANGED_ROW },
        [PROPERTY_DISPLAY_NAME] = { "DisplayName", CHANGED_ROW },
        [PROPERTY_HOSTNAME] = { "Hostname", CHANGED_ROW },
        [PROPERTY_PROJECT] = { "Project", CHANGED_ROW },
        [PROPERTY_USER] = { "User", CHANGED_ROW },
        [PROPERTY_VM_STATE] = { "VmState", CHANGED_ROW },
        [PROPERTY_TASK_STATE] = { "TaskState", CHANGED_ROW },
        [PROPERTY_POWER_STATE] = { "PowerState", CHANGED_ROW },
        [PROPERTY_LOCKED] = { "Locked", CHANGED_ROW },
        [PROPERTY_FLAVOR] = { "Flavor", CHANGED_ROW },
        [PROPERTY_VCPUS] = { "VCPUs", CHANGED_ROW },
        [PROPERTY_MEMORY] = { "MemoryMiB", CHANGED_ROW },
        [PROPERTY_ROOT] = { "RootGiB", CHANGED_ROW },
        [PROPERTY_EPHEMERAL] = { "EphemeralGiB", CHANGED_ROW },
        [PROPERTY_SWAP] = { "SwapMiB", CHANGED_ROW },
        [PROPERTY_IMAGE] = { "Image", CHANGED_ROW },
        [PROPERTY_KEY_NAME] = { "KeyName", CHANGED_ROW },
        [PROPERTY_CONFIG_DRIVE] = { "ConfigDrive", CHANGED_ROW },
        [PROPERTY_AVAILABILITY_ZONE] = { "AvailabilityZone", CHANGED_ROW },
        [PROPERTY_METADATA] = { "Metadata", CHANGED_ROW },
        [PROPERTY_NETWORKS] = { "Networks", CHANGED_ROW },
        [PROPERTY_VOLUMES] = { "Volumes", CHANGED_ROW },
        [PROPERTY_FAULT] = { "Fault", CHANGED_ROW },
        [PROPERTY_FAULT_USEC] = { "FaultUSec", CHANGED_ROW },
        [PROPERTY_CREATED] = { "CreatedUSec", CHANGED_ROW },
        [PROPERTY_LAUNCHED] = { "LaunchedUSec", CHANGED_ROW },
        [PROPERTY_UPDATED] = { "UpdatedUSec", CHANGED_ROW },
        [PROPERTY_TERMINATED] = { "TerminatedUSec", CHANGED_ROW },
        [PROPERTY_JOBS] = { "Jobs", CHANGED_JOBS },
        [PROPERTY_VERBS] = { "Verbs", CHANGED_ROW },
};

/* ---- values ---- */

static int append_interface(sd_bus_message *m, const InterfaceView *i) {
        const struct {
                const char *key, *value;
        } texts[] = {
                { "port", i->port },          { "mac", i->mac },       { "network", i->network }, { "network_uuid", i->network_uuid },
                { "bridge", i->bridge },      { "device", i->device }, { "type", i->type },
        };
        BusValue addresses = BUS_STRV((const char *const *) i->addresses);
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(texts); n++)
                r = bus_append_text_entry(m, texts[n].key, texts[n].value);
        if (r >= 0)
                r = bus_open_entry(m, "addresses", "as");
        if (r >= 0)
                r = bus_value_append(&addresses, m);
        if (r >= 0)
                r = bus_close_entry(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_networks(sd_bus_message *m, const void *data) {
        const InstanceView *v = data;
        int r;

        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        for (size_t n = 0; r >= 0 && n < v->n_interfaces; n++)
                r = append_interface(m, &v->interfaces[n]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static BusValue networks(const InstanceView *v) {
        uint64_t h = BUS_HASH_BEGIN;

        for (size_t n = 0; n < v->n_interfaces; n++) {
                const InterfaceView *i = &v->interfaces[n];

                h = bus_hash_text(h, i->port);
                h = bus_hash_text(h, i->mac);
                h = bus_hash_text(h, i->network);
                h = bus_hash_text(h, i->network_uuid);
                h = bus_hash_text(h, i->bridge);
                h = bus_hash_text(h, i->device);
                h = bus_hash_text(h, i->type);
                for (char **a = i->addresses; a && *a; a++)
                        h = bus_hash_text(h, *a);
                h = bus_hash(h, "", 1);
        }
        return (BusValue) { .type = "aa{sv}", .append = append_networks, .data = v, .hash = h };
}

/* Volumes are another service's, which this host does not speak to: no instance has one. */
static int append_no_volumes(sd_bus_message *m, const void *data _unused_) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int jobs_of(const BusInstance *i, BusValue *ret) {
        size_t n = 0;

        *ret = BUS_PATHS(NULL);
        if (!i->first_job)
                return 0;
        for (const BusJob *j = i->first_job; j; j = j->of_instance_next)
                n++;
        ret->owned = calloc(n + 1, sizeof *ret->owned);
        if (!ret->owned)
                return -ENOMEM;
        n = 0;
        for (const BusJob *j = i->first_job; j; j = j->of_instance_next)
                ret->owned[n++] = j->path;
        ret->as = ret->owned;
        return 0;
}

/* Whether it may be begun: of a reboot, in its hard or its soft kind. */
static bool may_begin(const Method *m, const InstanceView *v) {
        static const char *const kinds[] = { "HARD", "SOFT" };

        if (!m || !m->instance || !m->instance->variant)
                return instance_method_may_begin(m, NULL, v->vm_state, v->task_state, v->locked);
        for (size_t n = 0; n < ELEMENTSOF(kinds); n++) {
                json_auto_t *args = json_pack("{s:s}", "reboot_type", kinds[n]);

                if (args && instance_method_may_begin(m, args, v->vm_state, v->task_state, v->locked))
                        return true;
        }
        return false;
}

/* It depends on two states and the lock only, and there are few of these that instances are in: what was found is kept. */
static int verbs_of(const BusInstance *i, BusValue *ret) {
        Bus *b = i->object.bus;
        BusVerbs *known = &b->verbs[i->view->locked][i->view->vm_state][i->view->task_state];
        const Verb *verb;
        size_t n = 0, k;

        if (!b->manager || i->view->vm_state < 0 || i->view->task_state < 0) {
                *ret = BUS_STRV(NULL);
                return 0;
        }
        if (!known->names) {
                for (k = 0; bus_instance_verb_at(k); k++)
                        ;
                known->names = calloc(k + 1, sizeof *known->names);
                if (!known->names)
                        return -ENOMEM;
                for (k = 0; (verb = bus_instance_verb_at(k)); k++)
                        if (may_begin(manager_method(b->manager, verb->method, ~0u), i->view))
                                known->names[n++] = verb->member;
        }
        *ret = BUS_STRV(known->names);
        return 0;
}

static void forget_verbs(Bus *b) {
        for (size_t locked = 0; locked < 2; locked++)
                for (size_t vm = 0; vm < _VM_STATE_MAX; vm++)
                        for (size_t task = 0; task < _TASK_STATE_MAX; task++) {
                                free(b->verbs[locked][vm][task].names);
                                b->verbs[locked][vm][task].names = NULL;
                        }
}

/* The one place that says what a property is. */
static int instance_value(const BusObject *o, size_t property, BusValue *ret) {
        const BusInstance *i = CONTAINER_OF(o, BusInstance, object);
        const InstanceView *v = i->view;
        bool faulty = v->vm_state == VM_ERROR;

        switch ((InstanceProperty) property) {
        case PROPERTY_UUID:
                *ret = BUS_STRING(v->uuid);
                return 0;
        case PROPERTY_NAME:
                *ret = BUS_STRING(v->name);
                return 0;
        case PROPERTY_DISPLAY_NAME:
                *ret = BUS_STRING(v->display_name);
                return 0;
        case PROPERTY_HOSTNAME:
                *ret = BUS_STRING(v->hostname);
                return 0;
        case PROPERTY_PROJECT:
                *ret = BUS_STRING(v->project_id);
                return 0;
        case PROPERTY_USER:
                *ret = BUS_STRING(v->user_id);
                return 0;
        case PROPERTY_VM_STATE:
                *ret = BUS_STRING(vm_state_to_string(v->vm_state));
                return 0;
        case PROPERTY_TASK_STATE:
                *ret = BUS_STRING(task_state_to_string(v->task_state));
                return 0;
        case PROPERTY_POWER_STATE:
                *ret = BUS_STRING(power_state_to_string(v->power_state));
                return 0;
        case PROPERTY_LOCKED:
                *ret = BUS_BOOLEAN(v->locked);
                return 0;
        case PROPERTY_FLAVOR:
                *ret = BUS_STRING(v->flavor_name);
                return 0;
        case PROPERTY_VCPUS:
                *ret = BUS_UINT32((uint32_t) MAX(v->vcpus, 0));
                return 0;
        case PROPERTY_MEMORY:
                *ret = BUS_UINT64((uint64_t) MAX(v->memory_mb, 0));
                return 0;
        case PROPERTY_ROOT:
                *ret = BUS_UINT64((uint64_t) MAX(v->root_gb, 0));
                return 0;
        case PROPERTY_EPHEMERAL:
                *ret = BUS_UINT64((uint64_t) MAX(v->ephemeral_gb, 0));
                return 0;
        case PROPERTY_SWAP:
                *ret = BUS_UINT64((uint64_t) MAX(v->swap_mb, 0));
                return 0;
        case PROPERTY_IMAGE:
                *ret = BUS_STRING(v->image_ref);
                return 0;
        case PROPERTY_KEY_NAME:
                *ret = BUS_STRING(v->key_name);
                return 0;
        case PROPERTY_CONFIG_DRIVE:
                *ret = BUS_BOOLEAN(v->config_drive);
                return 0;
        case PROPERTY_AVAILABILITY_ZONE:
                *ret = BUS_STRING(v->availability_zone);
                return 0;
        case PROPERTY_METADATA:
                *ret = (BusValue) { .type = "a{ss}", .as = (const char *const *) v->metadata };
                return 0;
        case PROPERTY_NETWORKS:
                *ret = networks(v);
                return 0;
        case PROPERTY_VOLUMES:
                *ret = (BusValue) { .type = "aa{sv}", .append = append_no_volumes };
                return 0;
        case PROPERTY_FAULT:
                *ret = BUS_STRING(faulty ? v->fault : NULL);
                return 0;
        case PROPERTY_FAULT_USEC:
                *ret = BUS_UINT64(faulty ? v->fault_at : 0);
                return 0;
        case PROPERTY_CREATED:
                *ret = BUS_UINT64(v->created_at);
                return 0;
        case PROPERTY_LAUNCHED:
                *ret = BUS_UINT64(v->launched_at);
                return 0;
        case PROPERTY_UPDATED:
                *ret = BUS_UINT64(v->updated_at);
                return 0;
        case PROPERTY_TERMINATED:
                *ret = BUS_UINT64(v->terminated_at);
                return 0;
        case PROPERTY_JOBS:
                return jobs_of(i, ret);
        case PROPERTY_VERBS:
                return verbs_of(i, ret);
        case _INSTANCE_PROPERTY_MAX:
                break;
        }
        return -ENOENT;
}

static const BusInterface instance_interface = {
        .name = INSTANCE_INTERFACE,
        .properties = instance_properties,
        .n = ELEMENTSOF(instance_properties),
        .value = instance_value,
};

static int property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        const BusInstance *i = userdata;

        return bus_object_get(&i->object, property, reply);
}

/* ---- paths ---- */

char *bus_instance_path(const char *uuid) {
        char *path;

        if (asprintf(&path, INSTANCES_PATH "/%s", uuid) < 0)
                return NULL;
        for (char *c = path + sizeof INSTANCES_PATH; *c; c++)
                if (*c == '-')
                        *c = '_';
        return path;
}

static int compare_uuid(const void *a, const void *b) {
        return strcmp(((const BusInstance *) a)->view->uuid, ((const BusInstance *) b)->view->uuid);
}

BusInstance *bus_instance_find(const Bus *b, const char *uuid) {
        const InstanceView view = { .uuid = (char *) uuid };
        const BusInstance key = { .view = &view };
        BusInstance **found = tfind(&key, &b->instances, compare_uuid);

        return found ? *found : NULL;
}

int bus_instance_object_find(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata, void **ret,
                             sd_bus_error *error _unused_) {
        const char *name = startswith(path, INSTANCES_PATH "/");
        char uuid[UUID_TEXT_MAX];
        BusInstance *i;

        if (!name || strlen(name) != UUID_TEXT_MAX - 1)
                return 0;
        for (size_t n = 0; n < UUID_TEXT_MAX; n++)
                uuid[n] = name[n] == '_' ? '-' : name[n];
        i = bus_instance_find(userdata, uuid);
        if (!i)
                return 0;
        *ret = i;
        return 1;
}

int bus_instance_enumerate(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata, char ***ret, sd_bus_error *error _unused_) {
        const Bus *b = userdata;
        char **paths = calloc(b->n_instances + 1, sizeof *paths);
        size_t n = 0;

        for (const BusInstance *i = b->first_instance; paths && i; i = i->next)
                if (!(paths[n++] = strdup(i->path)))
                        paths = strv_free(paths);
        if (!paths)
                return -ENOMEM;
        *ret = paths;
        return 0;
}

/* ---- names ---- */

#define SHOWN_MAX 64

BusInstance *bus_instance_by_name(const Bus *b, const char *name, sd_bus_error *error) {
        BusInstance *named = NULL, *prefixed = NULL, *i = bus_instance_find(b, name);
        unsigned n_named = 0, n_prefixed = 0;

        if (i)
                return i;
        for (i = b->first_instance; i && *name; i = i->next) {
                if (streq(i->view->display_name, name) || streq(i->view->name, name)) {
                        named = i;
                        n_named++;
                }
                if (startswith(i->view->uuid, name)) {
                        prefixed = i;
                        n_prefixed++;
                }
        }
        if (n_named == 1)
                return named;
        if (n_named == 0 && n_prefixed == 1)
                return prefixed;
        if (n_named > 0)
                (void) sd_bus_error_setf(error, BUS_ERROR_AMBIGUOUS_NAME, "%u instances are called '%.*s': give the uuid", n_named, SHOWN_MAX, name);
        else if (n_prefixed > 0)
                (void) sd_bus_error_setf(error, BUS_ERROR_AMBIGUOUS_NAME, "The uuids of %u instances begin with '%.*s': give more of it",
                                         n_prefixed, SHOWN_MAX, name);
        else
                (void) sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_INSTANCE, "There is no instance '%.*s', by name or by uuid", SHOWN_MAX, name);
        return NULL;
}

/* ---- the table ---- */

static void instance_remove(BusInstance *i) {
        Bus *b = i->object.bus;
        int r;

        bus_jobs_leave_instance(i);
        (void) tdelete(i, &b->instances, compare_uuid);
        *(i->previous ? &i->previous->next : &b->first_instance) = i->next;
        *(i->next ? &i->next->previous : &b->last_instance) = i->previous;
        b->n_instances--;
        bus_object_done(&i->object);
        if (bus_can_tell(b)) {
                r = sd_bus_emit_interfaces_removed(b->bus, i->path, INSTANCE_INTERFACE, NULL);
                if (r < 0)
                        log_debug("that %s is gone could not be told: %s", i->path, strerror(-r));
        }
        free(i);
}

static void instance_add(Bus *b, const InstanceView *v) {
        _cleanup_free_ char *path = bus_instance_path(v->uuid);
        const size_t told = _INSTANCE_PROPERTY_MAX * sizeof(uint64_t);
        BusInstance *i = path ? calloc(1, sizeof *i + told + strlen(path) + 1) : NULL;

        if (i)
                i->view = v;
        if (!i || !tsearch(i, &b->instances, compare_uuid)) {
                log_warning("Out of memory: instance %s is not on the bus", v->uuid);
                free(i);
                return;
        }
        i->path = strcpy((char *) i->told + told, path);
        bus_object_init(&i->object, b, &instance_interface, i->path, i->told, false);
        i->previous = b->last_instance;
        *(b->last_instance ? &b->last_instance->next : &b->first_instance) = i;
        b->last_instance = i;
        b->n_instances++;
        bus_jobs_join_instance(b, i);
        bus_object_announce(&i->object);
}

static void on_instance(const InstanceView *v, InstanceChange change, void *userdata) {
        Bus *b = userdata;
        BusInstance *i = bus_instance_find(b, v->uuid);

        if (change == INSTANCE_REMOVED) {
                if (i)
                        instance_remove(i);
        } else if (!i)
                instance_add(b, v);
        else
                bus_object_changed(&i->object, CHANGED_ROW);
        if (change != INSTANCE_CHANGED)
                bus_object_changed(&b->manager_object, BUS_MANAGER_CHANGED_INSTANCES);
}

static void add_known(const InstanceView *v, void *userdata) {
        on_instance(v, INSTANCE_ADDED, userdata);
}

void bus_instances_set_table(Bus *b, InstanceTable *t) {
        if (b->instance_table)
                instance_table_observe(b->instance_table, NULL, NULL);
        while (b->first_instance)
                instance_remove(b->first_instance);
        forget_verbs(b);
        b->instance_table = t;
        if (!t)
                return;
        instance_table_observe(t, on_instance, b);
        instance_table_foreach(t, add_known, b);
}

void bus_instance_jobs_changed(BusInstance *i) {
        bus_object_changed(&i->object, CHANGED_JOBS);
}

/* ---- the interface ---- */

#define CONSTANT(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define PROPERTY(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define VERB(name, ...)                                                                                           \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS(__VA_ARGS__), SD_BUS_RESULT("o", job), bus_instance_verb, SD_BUS_VTABLE_UNPRIVILEGED)
#define SIMPLE_VERB(name) VERB(name, "a{sv}", options)
#define QUERY(name, type, result)                                                                                 \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT(type, result), bus_instance_verb, \
                                SD_BUS_VTABLE_UNPRIVILEGED)

const sd_bus_vtable bus_instance_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SIMPLE_VERB("Start"),
        SIMPLE_VERB("Stop"),
        VERB("Reboot", "s", type, "a{sv}", options),
        SIMPLE_VERB("Pause"),
        SIMPLE_VERB("Unpause"),
        SIMPLE_VERB("Suspend"),
        SIMPLE_VERB("Resume"),
        SIMPLE_VERB("Rescue"),
        SIMPLE_VERB("Unrescue"),
        SIMPLE_VERB("Lock"),
        SIMPLE_VERB("Unlock"),
        SIMPLE_VERB("Restore"),
        VERB("SetMetadata", "a{ss}", metadata, "a{sv}", options),
        VERB("Snapshot", "s", name, "a{sv}", options),
        VERB("Backup", "s", name, "s", type, "u", rotation, "a{sv}", options),
        VERB("Rebuild", "s", image, "a{sv}", options),
        SIMPLE_VERB("Delete"),
        SIMPLE_VERB("SoftDelete"),
        VERB("SetAdminPassword", "s", password, "a{sv}", options),
        VERB("InjectFile", "s", path, "ay", contents, "a{sv}", options),
        SIMPLE_VERB("TriggerCrashDump"),
        SIMPLE_VERB("Quiesce"),
        SIMPLE_VERB("Unquiesce"),
        VERB("AttachInterface", "s", network, "a{sv}", options),
        VERB("DetachInterface", "s", interface, "a{sv}", options),
        SIMPLE_VERB("ResetNetwork"),
        QUERY("GetConsoleOutput", "ay", output),
        SD_BUS_METHOD_WITH_ARGS("FollowConsole", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("t", id), bus_follow_console,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("UnfollowConsole", SD_BUS_ARGS("t", id), SD_BUS_NO_RESULT, bus_unfollow_console, SD_BUS_VTABLE_UNPRIVILEGED),
        QUERY("GetVncConsole", "a{sv}", console),
        QUERY("GetSpiceConsole", "a{sv}", console),
        QUERY("GetSerialConsole", "a{sv}", console),
        QUERY("GetDiagnostics", "s", diagnostics),
        QUERY("GetActions", "aa{sv}", actions),
        CONSTANT("Uuid", "s"),
        PROPERTY("Name", "s"),
        PROPERTY("DisplayName", "s"),
        PROPERTY("Hostname", "s"),
        PROPERTY("Project", "s"),
        PROPERTY("User", "s"),
        PROPERTY("VmState", "s"),
        PROPERTY("TaskState", "s"),
        PROPERTY("PowerState", "s"),
        PROPERTY("Locked", "b"),
        PROPERTY("Flavor", "s"),
        PROPERTY("VCPUs", "u"),
        PROPERTY("MemoryMiB", "t"),
        PROPERTY("RootGiB", "t"),
        PROPERTY("EphemeralGiB", "t"),
        PROPERTY("SwapMiB", "t"),
        PROPERTY("Image", "s"),
        PROPERTY("KeyName", "s"),
        PROPERTY("ConfigDrive", "b"),
        PROPERTY("AvailabilityZone", "s"),
        PROPERTY("Metadata", "a{ss}"),
        PROPERTY("Networks", "aa{sv}"),
        PROPERTY("Volumes", "aa{sv}"),
        PROPERTY("Fault", "s"),
        PROPERTY("FaultUSec", "t"),
        PROPERTY("CreatedUSec", "t"),
        PROPERTY("LaunchedUSec", "t"),
        PROPERTY("UpdatedUSec", "t"),
        PROPERTY("TerminatedUSec", "t"),
        PROPERTY("Jobs", "ao"),
        PROPERTY("Verbs", "as"),
        SD_BUS_SIGNAL_WITH_ARGS("ConsoleOutput", SD_BUS_ARGS("t", id, "ay", output), 0),
        SD_BUS_VTABLE_END,
};

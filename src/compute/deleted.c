/* What is left of deleted instances: see deleted.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/deleted.h"

#include <assert.h>
#include <dirent.h>
#include <sys/stat.h>

#include "basic/log.h"
#include "compute/build.h"

/* Deleted here, also after its build had failed; or not deleted yet, and of no host since its build failed. That one has a guest all the
 * same, when its hypervisor did not answer, was given up, and then did what it had been asked for. One whose build was refused before it
 * was begun, perhaps since there is such a guest, has no claim to any. */
static bool should_have_nothing(const ComputeManager *m, const Instance *i) {
        if (i->host)
                return i->deleted && streq(i->host, m->host);
        return instance_build_was_begun(i) && (i->deleted || (i->vm_state == VM_ERROR && i->task_state == TASK_NONE));
}

static int read_deleted(ComputeManager *m, const char *uuid, Instance *ret) {
        int r;

        r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_YES, ret);
        if (r > 0 && !should_have_nothing(m, ret)) {
                instance_done(ret);     /* it lives, perhaps again, or is another host's */
                return 0;
        }
        return r;
}

/* It with its network, for an operation about it: 1; 0 if there is nothing to do. */
static int read_for(Operation *o, Instance *ret, json_t **ret_info, NovaException *e) {
        int r = read_deleted(manager_to_compute(o->manager), o->instance_uuid, ret);

        if (r <= 0)
                return r < 0 ? exception_set_errno(e, r, "Cannot read the instance") : 0;
        *ret_info = instance_network_info(ret);
        return *ret_info ? 1 : -ENOMEM;
}

/* ---- guests ---- */

typedef enum DeletedAction { DELETED_NOOP, DELETED_LOG, DELETED_SHUTDOWN, DELETED_REAP, _DELETED_ACTION_MAX } DeletedAction;
static const char *const deleted_actions[_DELETED_ACTION_MAX] = { "noop", "log", "shutdown", "reap" };

static int clean_guest(Operation *o, bool reap, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *info = NULL;
        int r;

        r = read_for(o, &i, &info, e);
        if (r <= 0)
                return r;
        if (reap)
                r = driver_call(m, destroy, e, o->context, &i, info, NULL, true);
        else
                r = driver_call(m, power_off, e, &i, 0, 0);
        if (r >= 0)
                log_info("The guest of deleted instance %s is %s.", i.uuid, reap ? "destroyed" : "powered off");
        return r < 0 ? r : 0;
}

int compute_run_reap_deleted(Operation *o, json_t **ret _unused_, NovaException *e) {
        return clean_guest(o, true, e);
}

int compute_run_shutdown_deleted(Operation *o, json_t **ret _unused_, NovaException *e) {
        return clean_guest(o, false, e);
}

static bool is_still_deleted(ComputeManager *m, const char *uuid) {
        _cleanup_(instance_done) Instance i = {};

        return read_deleted(m, uuid, &i) > 0;
}

static int found_guest(ComputeManager *m, const Instance *i, PowerState state, DeletedAction action) {
        bool is_new;
        int r;

        pthread_mutex_lock(&m->lock);
        is_new = name_set_add(&m->deleted_guests, i->uuid) != 0;
        pthread_mutex_unlock(&m->lock);

        switch (action) {
        case DELETED_LOG:
                if (is_new)
                        log_warning("Detected instance with name label '%s' (%s) which is marked as DELETED but still present on "
                                    "host.", strempty(i->name), i->uuid);
                return 0;
        case DELETED_SHUTDOWN:
                if (state == POWER_SHUTDOWN || state == POWER_CRASHED)
                        return 0;
                r = compute_request_own(m, "_shutdown_deleted_instance", i->uuid, NULL, is_still_deleted);
                if (r > 0)
                        log_info("Powering off instance with name label '%s' (%s) which is marked as DELETED but still present on "
                                 "host.", strempty(i->name), i->uuid);
                return r;
        default:
                r = compute_request_own(m, "_reap_deleted_instance", i->uuid, NULL, is_still_deleted);
                if (r > 0)
                        log_info("Destroying instance with name label '%s' (%s) which is marked as DELETED but still present on "
                                 "host.", strempty(i->name), i->uuid);
                return r;
        }
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_living(const InstanceList *rows, char **sorted, const char *uuid) {
        return rows->n > 0 && bsearch(&uuid, sorted, rows->n, sizeof *sorted, compare_texts);
}

int compute_clean_deleted_guests(ComputeManager *m, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *text = strempty(config_string(config, "running_deleted_instance_action"));
        usec_t timeout = (usec_t) MAX(config_integer(config, "running_deleted_instance_timeout"), (int64_t) 0) * USEC_PER_SEC;
        _cleanup_(instance_list_done) InstanceList rows = {};
        _cleanup_free_ GuestState *guests = NULL;
        _cleanup_free_ char **living = NULL;
        size_t n_guests = 0;
        int action = 0, r;

        while (action < _DELETED_ACTION_MAX && !streq(text, deleted_actions[action]))
                action++;
        if (action == _DELETED_ACTION_MAX)
                return exception_setf(e, EXC_INVALID, "running_deleted_instance_action is \"%s\", not noop, log, shutdown or reap",
                                      text);
        if (action == DELETED_NOOP)
                return 0;

        /* From the guests, of which there are few that no living row has: rows of deleted instances grow for ever. */
        r = compute_list_guests(m, &guests, &n_guests, e);
        if (r < 0)
                return r;
        r = m->store->ops->instance_list_by_host(m->store, m->host, READ_DELETED_NO, &rows);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances of this host");
        living = reallocarray(NULL, MAX(rows.n, 1u), sizeof *living);
        if (!living)
                return -ENOMEM;
        for (size_t n = 0; n < rows.n; n++)
                living[n] = rows.items[n].uuid;
        if (rows.n > 0)
                qsort(living, rows.n, sizeof *living, compare_texts);

        for (size_t n = 0; n < n_guests; n++) {
                _cleanup_(instance_done) Instance i = {};

                if (is_living(&rows, living, guests[n].uuid) || read_deleted(m, guests[n].uuid, &i) <= 0 ||
                    (i.deleted ? i.deleted_at : i.updated_at) == 0 || (i.deleted ? i.deleted_at : i.updated_at) + timeout > now_realtime())
                        continue;
                r = found_guest(m, &i, guests[n].state, (DeletedAction) action);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot submit a request");
        }
        return 0;
}

/* ---- files ---- */

static bool has_directory(ComputeManager *m, const char *uuid) {
        static const char *const suffixes[] = { "", "_del" };
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        bool there = false;

        for (size_t n = 0; n < ELEMENTSOF(suffixes) && !there; n++) {
                _cleanup_free_ char *path = NULL;
                struct stat st;

                there = asprintf(&path, "%s/%s%s", strempty(config_string(config, "instances_path")), uuid, suffixes[n]) < 0 ||
                        lstat(path, &st) == 0;
        }
        return there;
}

int compute_run_remove_deleted_files(Operation *o, json_t **ret _unused_, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *info = NULL;
        int r;

        r = read_for(o, &i, &info, e);
        if (r <= 0)
                return r;
        r = driver_call(m, cleanup, e, o->context, &i, info, NULL, true);
        if (r < 0)
                return r;
        if (has_directory(m, i.uuid))
                return exception_setf(e, EXC_NOVA, "The files of deleted instance %s are still there", i.uuid);
        log_info("The files of deleted instance %s are removed.", i.uuid);
        return 0;
}

/* How many there were, with @more. */
static int64_t count_attempts(ComputeManager *m, const char *uuid, int64_t more) {
        int64_t n;

        pthread_mutex_lock(&m->lock);
        if (!m->delete_attempts)
                m->delete_attempts = json_object();
        n = json_integer_value(json_object_get(m->delete_attempts, uuid)) + more;
        if (more > 0)
                (void) json_object_set_new(m->delete_attempts, uuid, json_integer(n));
        pthread_mutex_unlock(&m->lock);
        return n;
}

/* An attempt is what was asked for, not what was still to be done when it was the time for the next. */
static int try_again(ComputeManager *m, const char *uuid, int64_t most) {
        int64_t n = count_attempts(m, uuid, 0);
        int r;

        if (n > most)
                return 0;
        if (n == most) {
                log_error("The files of deleted instance %s could not be removed in %lld attempts: they stay.", uuid, (long long) most);
                (void) count_attempts(m, uuid, 1);
                return 0;
        }
        r = compute_request_own(m, "_remove_deleted_files", uuid, NULL, is_still_deleted);
        if (r > 0)
                (void) count_attempts(m, uuid, 1);
        return r;
}

int compute_clean_deleted_files(ComputeManager *m, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *path = strempty(config_string(config, "instances_path"));
        int64_t most = config_integer(config, "maximum_instance_delete_attempts");
        struct dirent *entry;
        char uuid[UUID_TEXT_MAX];
        DIR *d;
        int r = 0;

        if (!m->driver->ops->cleanup)
                return 0;
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : exception_set_errno(e, -errno, path);
        while (r >= 0 && (entry = readdir(d))) {
                size_t n = strlen(entry->d_name);

                if (n < UUID_TEXT_MAX - 1 || !(n == UUID_TEXT_MAX - 1 || streq(entry->d_name + UUID_TEXT_MAX - 1, "_del")))
                        continue;
                memcpy(uuid, entry->d_name, UUID_TEXT_MAX - 1);
                uuid[UUID_TEXT_MAX - 1] = '\0';
                if (uuid_is_valid(uuid) && is_still_deleted(m, uuid))
                        r = try_again(m, uuid, most);
        }
        closedir(d);
        return r < 0 ? exception_set_errno(e, r, "Cannot submit a request") : 0;
}

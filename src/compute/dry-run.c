/* What a start would do, by the same rules: see dry-run.h. */
#include "compute/dry-run.h"

#include <errno.h>

#include "basic/json.h"
#include "compute/compute.h"
#include "service/operation-journal.h"
#include "virt/driver.h"

typedef struct DryRun {
        FILE *f;                        /* lines for a person go here; NULL = none */
        json_t *plan;                   /* and entries here; NULL = none */
        const char *host;
        Store *store;
        ComputeDriver *driver;
        JournalRowList rows;
        InstanceList instances, nowhere;
        char **guests;                  /* uuids */
        unsigned n_requests, n_instances, n_guests;
} DryRun;

static const Method *find_method(const char *name) {
        const Method *m;
        size_t n;

        m = compute_methods(&n);
        for (size_t i = 0; i < n; i++)
                if (streq(m[i].name, name))
                        return &m[i];
        return NULL;
}

/* @verdict is "action: reason", or an action alone. */
static int plan_add(DryRun *d, const char *method, const char *uuid, const char *state, const char *step, const char *verdict) {
        const char *colon = strstr(verdict, ": "), *reason = colon ? colon + 2 : "";
        json_t *entry;

        if (!d->plan)
                return 0;
        entry = json_pack("{s:s, s:s, s:s, s:s, s:s%, s:s}", "method", method, "instance_uuid", strempty(uuid), "state", strempty(state), "step",
                          strempty(step), "action", verdict, colon ? (size_t) (colon - verdict) : strlen(verdict), "reason", reason);
        return entry && json_array_append_new(d->plan, entry) >= 0 ? 0 : -ENOMEM;
}

static int tell_request(DryRun *d, const JournalRow *row) {
        char at[TIME_TEXT_MAX];
        bool open = journal_state_is_open(journal_state_from_string(row->state));
        const char *verdict = open ? operation_recovery_verdict(row, find_method(row->method)) : "its reply is sent";

        d->n_requests++;
        if (d->f)
                fprintf(d->f, "request %lld: %s%s%s (%s, accepted %s UTC, %s%s%s): %s\n", (long long) row->id, row->method,
                        row->instance_uuid ? " of instance " : "", strempty(row->instance_uuid), row->origin, time_format_log(row->accepted_at, at),
                        row->state, row->step ? " at the step " : "", strempty(row->step), verdict);
        return plan_add(d, row->method, row->instance_uuid, row->state, row->step, verdict);
}

static bool has_open_request(const DryRun *d, const char *uuid) {
        for (size_t i = 0; i < d->rows.n; i++)
                if (streq_ptr(d->rows.items[i].instance_uuid, uuid) &&
                    journal_state_is_open(journal_state_from_string(d->rows.items[i].state)))
                        return true;
        return false;
}

/* The sentence for a person. */
static const char *action_text(RecoveryAction a) {
        switch (a) {
        case RECOVERY_ERROR:
                return "set to error, with a fault";
        case RECOVERY_FORGET:
                return "its row is deleted";
        case RECOVERY_DELETE:
                return "its deletion runs again";
        case RECOVERY_CLEAR_TASK:
                return "its task is cleared";
        case RECOVERY_ACTIVE:
                return "the hypervisor has done it: active, no task";
        default:
                return recovery_action_to_string(a);
        }
}

static bool has_guest(const DryRun *d, const char *uuid) {
        for (char **g = d->guests; g && *g; g++)
                if (streq(*g, uuid))
                        return true;
        return false;
}

static int tell_instance(DryRun *d, const Instance *i, NovaException *e) {
        bool guest = has_guest(d, i->uuid);
        PowerState power = POWER_NOSTATE;
        RecoveryAction action;
        const char *text = NULL;

        if (guest) {
                DomainInfo info = {};
                int r = driver_invoke(d->driver, get_info, e, i, &info);

                if (r < 0)
                        return r;
                power = info.state;
        }
        action = recovery_action(i->vm_state, i->task_state, power_state_normal(power));
        if (action != RECOVERY_LEAVE && action != RECOVERY_CONTINUE)
                text = action_text(action);
        else if (i->task_state != TASK_NONE)
                text = "its task is left to the requests that wait";
        if (has_open_request(d, i->uuid))
                text = "its open requests come first";
        else if (!text && !guest && i->vm_state != VM_ERROR && i->vm_state != VM_BUILDING && i->vm_state != VM_DELETED)
                text = "its guest is missing: named, nothing is made";
        if (!text)
                return 0;
        d->n_instances++;
        if (d->f)
                fprintf(d->f, "instance %s (%s, %s, guest %s): %s\n", i->uuid, vm_state_to_string(i->vm_state),
                        i->task_state == TASK_NONE ? "no task" : task_state_to_string(i->task_state),
                        guest ? power_state_to_string(power) : "missing", text);
        return plan_add(d, "", i->uuid, vm_state_to_string(i->vm_state), i->task_state == TASK_NONE ? "" : task_state_to_string(i->task_state), text);
}

static int tell_guest(DryRun *d, const char *uuid) {
        _cleanup_(instance_done) Instance row = {};
        const char *text;
        int r;

        for (size_t i = 0; i < d->instances.n; i++)
                if (streq(d->instances.items[i].uuid, uuid))
                        return 0;
        r = d->store->ops->instance_get(d->store, uuid, READ_DELETED_YES, &row);
        if (r < 0)
                return r;
        d->n_guests++;
        text = r == 0        ? "it has no row: left as it is"
               : row.deleted ? "its instance is deleted: left to running_deleted_instance_action"
                             : "its instance is of another host: left as it is";
        if (d->f)
                fprintf(d->f, "guest %s: %s\n", uuid, text);
        return plan_add(d, "", uuid, "", "", text);
}

static int look(DryRun *d, NovaException *e) {
        int r;

        for (size_t i = 0; i < d->rows.n; i++) {
                r = tell_request(d, &d->rows.items[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < d->instances.n; i++) {
                r = tell_instance(d, &d->instances.items[i], e);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < d->nowhere.n; i++) {
                r = d->nowhere.items[i].vm_state == VM_BUILDING ? tell_instance(d, &d->nowhere.items[i], e) : 0;
                if (r < 0)
                        return r;
        }
        for (char **g = d->guests; g && *g; g++) {
                r = tell_guest(d, *g);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
        }
        if (d->f)
                fprintf(d->f, "%u requests, %u instances, %u guests; nothing was changed\n", d->n_requests, d->n_instances, d->n_guests);
        return 0;
}

static int look_with_driver(DryRun *d, Config *config, NovaException *e) {
        int r;

        r = compute_driver_load(config, strempty(config_string(config, "compute_driver")), &d->driver, e);
        if (r >= 0)
                r = driver_invoke(d->driver, init_host, e, d->host);
        if (r >= 0)
                r = driver_invoke(d->driver, list_instance_uuids, e, &d->guests);
        return r < 0 ? r : look(d, e);
}

/* Those of other services in the same file are not this one's. */
static void keep_own(JournalRowList *l, const char *binary, const char *host) {
        size_t n = 0;

        for (size_t i = 0; i < l->n; i++) {
                const char *at = strrchr(l->items[i].service, '@');
                size_t length = at ? (size_t) (at - l->items[i].service) : 0;

                if (at && streq(at + 1, host) && strlen(binary) == length && strncmp(l->items[i].service, binary, length) == 0)
                        l->items[n++] = l->items[i];
                else
                        journal_row_done(&l->items[i]);
        }
        l->n = n;
}

/* Of a journal that may not be there yet, which has no rows then. */
static int read_journal(DryRun *d, Config *config, const char *binary, NovaException *e) {
        _cleanup_free_ char *path = journal_path(config);
        int r;

        if (!path)
                return -ENOMEM;
        if (!config_boolean(config, "request_journal"))
                return 0;
        r = journal_peek(path, &d->rows);
        if (r < 0)
                return exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
        keep_own(&d->rows, binary, d->host);
        return 0;
}

int compute_run_recovery_plan(Operation *o, json_t **ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        DryRun d = { .plan = json_array(), .host = strempty(config_string(config, "host")), .store = m->store, .driver = m->driver };
        int r;

        r = d.plan ? read_journal(&d, config, strempty(json_member_string(o->args, "binary")), e) : -ENOMEM;
        if (r >= 0) {
                r = m->store->ops->instance_list_by_host(m->store, d.host, READ_DELETED_NO, &d.instances);
                if (r >= 0)
                        r = m->store->ops->instance_list_by_host(m->store, NULL, READ_DELETED_NO, &d.nowhere);
                if (r < 0)
                        r = exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
        }
        if (r >= 0)
                r = driver_invoke(d.driver, list_instance_uuids, e, &d.guests);
        if (r >= 0)
                r = look(&d, e);
        instance_list_done(&d.instances);
        instance_list_done(&d.nowhere);
        journal_row_list_done(&d.rows);
        (void) strv_free(d.guests);
        if (r < 0)
                json_decref(d.plan);
        else
                *ret = d.plan;
        return r < 0 ? r : 0;
}

int compute_recover_dry_run(Config *config, const char *binary, FILE *f, NovaException *e) {
        DryRun d = { .f = f, .host = strempty(config_string(config, "host")) };
        int r;

        r = read_journal(&d, config, binary, e);
        if (r >= 0)
                r = store_new_read_only(&d.store, config, e);
        if (r >= 0) {
                r = d.store->ops->instance_list_by_host(d.store, d.host, READ_DELETED_NO, &d.instances);
                if (r >= 0)
                        r = d.store->ops->instance_list_by_host(d.store, NULL, READ_DELETED_NO, &d.nowhere);
                if (r == -ENOENT)
                        fprintf(f, "there is no database yet: a start makes it\n");
                else if (r < 0)
                        r = exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
        }
        if (r == -ENOENT)
                r = 0;
        else if (r >= 0)
                r = look_with_driver(&d, config, e);
        if (d.driver && d.driver->ops->cleanup_host)
                d.driver->ops->cleanup_host(d.driver);
        d.driver = compute_driver_free(d.driver);
        store_free(d.store);
        instance_list_done(&d.instances);
        instance_list_done(&d.nowhere);
        journal_row_list_done(&d.rows);
        (void) strv_free(d.guests);
        return r < 0 ? r : 0;
}

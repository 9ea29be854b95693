/* What a start would do, by the same rules: see dry-run.h. */
#include "compute/dry-run.h"

#include <errno.h>

#include "compute/compute.h"
#include "service/operation-journal.h"
#include "virt/driver.h"

typedef struct DryRun {
        FILE *f;
        const char *host;
        Store *store;
        ComputeDriver *driver;
        JournalRowList rows;
        InstanceList instances;
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

static void print_request(DryRun *d, const JournalRow *row) {
        char at[TIME_TEXT_MAX];
        bool open = journal_state_is_open(journal_state_from_string(row->state));

        d->n_requests++;
        fprintf(d->f, "request %lld: %s%s%s (%s, accepted %s UTC, %s%s%s): %s\n", (long long) row->id, row->method,
                row->instance_uuid ? " of instance " : "", strempty(row->instance_uuid), row->origin, time_format_log(row->accepted_at, at),
                row->state, row->step ? " at the step " : "", strempty(row->step),
                open ? operation_recovery_verdict(row, find_method(row->method)) : "its reply is sent");
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

static int print_instance(DryRun *d, const Instance *i, NovaException *e) {
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
        fprintf(d->f, "instance %s (%s, %s, guest %s): %s\n", i->uuid, vm_state_to_string(i->vm_state),
                i->task_state == TASK_NONE ? "no task" : task_state_to_string(i->task_state), guest ? power_state_to_string(power) : "missing",
                text);
        return 0;
}

static int print_guest(DryRun *d, const char *uuid) {
        _cleanup_(instance_done) Instance row = {};
        int r;

        for (size_t i = 0; i < d->instances.n; i++)
                if (streq(d->instances.items[i].uuid, uuid))
                        return 0;
        r = d->store->ops->instance_get(d->store, uuid, READ_DELETED_YES, &row);
        if (r < 0)
                return r;
        d->n_guests++;
        fprintf(d->f, "guest %s: %s\n", uuid, r == 0       ? "it has no row: left as it is"
                                              : row.deleted ? "its instance is deleted: left to running_deleted_instance_action"
                                                            : "its instance is of another host: left as it is");
        return 0;
}

static int look(DryRun *d, NovaException *e) {
        int r;

        for (size_t i = 0; i < d->rows.n; i++)
                print_request(d, &d->rows.items[i]);
        for (size_t i = 0; i < d->instances.n; i++) {
                r = print_instance(d, &d->instances.items[i], e);
                if (r < 0)
                        return r;
        }
        for (char **g = d->guests; g && *g; g++) {
                r = print_guest(d, *g);
                if (r < 0)
                        return exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
        }
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

int compute_recover_dry_run(Config *config, const char *binary, FILE *f, NovaException *e) {
        DryRun d = { .f = f, .host = strempty(config_string(config, "host")) };
        _cleanup_free_ char *path = journal_path(config);
        int r;

        r = path ? 0 : -ENOMEM;
        if (r >= 0 && config_boolean(config, "request_journal")) {
                r = journal_peek(path, &d.rows);
                if (r < 0)
                        r = exception_setf(e, EXC_DB_ERROR, "%s", store_last_error());
                keep_own(&d.rows, binary, d.host);
        }
        if (r >= 0)
                r = store_new_read_only(&d.store, config, e);
        if (r >= 0) {
                r = d.store->ops->instance_list_by_host(d.store, d.host, READ_DELETED_NO, &d.instances);
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
        journal_row_list_done(&d.rows);
        (void) strv_free(d.guests);
        return r < 0 ? r : 0;
}

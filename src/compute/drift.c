/* Drift between store, hypervisor and disk: see drift.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/drift.h"

#include <assert.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/log.h"
#include "compute/compute.h"

static const char *const kind_names[_DRIFT_KIND_MAX] = {
        [DRIFT_GUEST_UNKNOWN] = "guest-unknown",
        [DRIFT_GUEST_DELETED] = "guest-deleted",
        [DRIFT_GUEST_MISSING] = "guest-missing",
        [DRIFT_STATE] = "state",
        [DRIFT_DIRECTORY] = "directory",
};

const char *drift_kind_to_string(DriftKind k) {
        return k >= 0 && k < _DRIFT_KIND_MAX ? kind_names[k] : NULL;
}

/* ---- lists ---- */

static void drift_done(Drift *d) {
        free(d->name);
        free(d->text);
        *d = (Drift) {};
}

void drift_list_done(DriftList *l) {
        for (size_t n = 0; n < l->n; n++)
                drift_done(&l->items[n]);
        free(l->items);
        *l = (DriftList) {};
}

/* Takes the contents of @d over, also when it fails. */
static int append(DriftList *l, Drift *d) {
        if (l->n == l->allocated) {
                size_t allocated = MAX(l->allocated * 2, (size_t) 16);
                Drift *items = reallocarray(l->items, allocated, sizeof *items);

                if (!items) {
                        drift_done(d);
                        return -ENOMEM;
                }
                l->items = items;
                l->allocated = allocated;
        }
        l->items[l->n++] = *d;
        *d = (Drift) {};
        return 0;
}

int drift_list_add(DriftList *l, DriftKind kind, const char *name, const char *format, ...) {
        Drift d = { .kind = kind, .name = strdup(name) };
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&d.text, format, ap);
        va_end(ap);
        if (r < 0)
                d.text = NULL;
        if (!d.name || !d.text) {
                drift_done(&d);
                return -ENOMEM;
        }
        return append(l, &d);
}

static int compare(const Drift *a, const Drift *b) {
        return a->kind != b->kind ? (a->kind < b->kind ? -1 : 1) : strcmp(a->name, b->name);
}

static int compare_items(const void *a, const void *b) {
        return compare(a, b);
}

/* ---- settling ---- */

static void tell(const Drift *d, bool came) {
        bool about_instance = d->kind != DRIFT_DIRECTORY;
        LogFields before = {};

        if (about_instance)
                before = log_fields_set((LogFields) { .instance_uuid = d->name });
        if (came)
                log_event(LOG_LEVEL_WARNING, MESSAGE_DRIFT_FOUND, NULL, "%s", d->text);
        else
                log_event(LOG_LEVEL_INFO, MESSAGE_DRIFT_GONE, NULL, "No more so: %s", d->text);
        if (about_instance)
                (void) log_fields_set(before);
}

/* Merges the sorted @found into the sorted @known: what stays keeps its time, what was of @kinds and is not found goes to
 * @gone, copies of what is new are told. */
static void merge(DriftList *known, unsigned kinds, DriftList *found, DriftList *now, DriftList *came, DriftList *gone) {
        size_t k = 0, f = 0;

        while (k < known->n || f < found->n) {
                Drift *a = k < known->n ? &known->items[k] : NULL, *b = f < found->n ? &found->items[f] : NULL;
                int order = !a ? 1 : !b ? -1 : compare(a, b);

                if (order < 0) {
                        (void) append(kinds & 1u << a->kind ? gone : now, a);
                        k++;
                } else if (order > 0) {
                        if (now->n == 0 || compare(&now->items[now->n - 1], b) != 0) {  /* found twice counts once */
                                b->since = now_realtime();
                                (void) drift_list_add(came, b->kind, b->name, "%s", b->text);
                                (void) append(now, b);
                        } else
                                drift_done(b);
                        f++;
                } else {
                        b->since = a->since;
                        drift_done(a);
                        (void) append(now, b);
                        k++, f++;
                }
        }
        known->n = found->n = 0;
}

void compute_drift_settle(ComputeManager *m, unsigned kinds, DriftList *found) {
        DriftList now = {}, came = {}, gone = {};

        if (found->n > 1)
                if (found->n > 0)
                        qsort(found->items, found->n, sizeof *found->items, compare_items);

        pthread_mutex_lock(&m->lock);
        merge(&m->drift, kinds, found, &now, &came, &gone);
        drift_list_done(&m->drift);
        m->drift = now;
        pthread_mutex_unlock(&m->lock);

        for (size_t n = 0; n < gone.n; n++)
                tell(&gone.items[n], false);
        for (size_t n = 0; n < came.n; n++)
                tell(&came.items[n], true);
        if (came.n + gone.n > 0)
                compute_manager_show_drift(m);
        drift_list_done(&came);
        drift_list_done(&gone);
        drift_list_done(found);
}

void compute_drift_foreach(ComputeManager *m, void (*f)(const Drift *d, void *userdata), void *userdata) {
        pthread_mutex_lock(&m->lock);
        for (size_t n = 0; n < m->drift.n; n++)
                f(&m->drift.items[n], userdata);
        pthread_mutex_unlock(&m->lock);
}

size_t compute_drift_count(ComputeManager *m) {
        size_t n;

        pthread_mutex_lock(&m->lock);
        n = m->drift.n;
        pthread_mutex_unlock(&m->lock);
        return n;
}

/* ---- looking ---- */

bool drift_state_fits(VmState vm, PowerState guest) {
        guest = power_state_normal(guest);
        switch (vm) {
        case VM_ACTIVE:
        case VM_RESCUED:
        case VM_RESIZED:
                return guest == POWER_RUNNING;
        case VM_PAUSED:
                return guest == POWER_PAUSED;
        case VM_SUSPENDED:              /* one that is saved to disk is off */
                return guest == POWER_SUSPENDED || guest == POWER_SHUTDOWN || guest == POWER_NOSTATE;
        case VM_STOPPED:
        case VM_SOFT_DELETED:
        case VM_SHELVED:
                return guest == POWER_SHUTDOWN || guest == POWER_CRASHED || guest == POWER_NOSTATE;
        default:
                return true;
        }
}

static bool needs_guest(VmState vm) {
        return vm != VM_BUILDING && vm != VM_ERROR && vm != VM_DELETED && vm != VM_SHELVED && vm != VM_SHELVED_OFFLOADED;
}

static int compare_rows(const void *a, const void *b) {
        return strcmp((*(const Instance *const *) a)->uuid, (*(const Instance *const *) b)->uuid);
}

static int compare_uuid(const void *key, const void *row) {
        return strcmp(key, (*(const Instance *const *) row)->uuid);
}

static int compare_guests(const void *a, const void *b) {
        return strcmp(((const GuestState *) a)->uuid, ((const GuestState *) b)->uuid);
}

static int compare_guest(const void *key, const void *guest) {
        return strcmp(key, ((const GuestState *) guest)->uuid);
}

/* Rows by uuid. */
typedef struct RowIndex {
        const Instance **rows;
        size_t n;
} RowIndex;

static const Instance *find_row(const RowIndex *x, const char *uuid) {
        const Instance **found = x->n > 0 ? bsearch(uuid, x->rows, x->n, sizeof *x->rows, compare_uuid) : NULL;

        return found ? *found : NULL;
}

/* No living row of this host has it. */
static void look_at_stranger(ComputeManager *m, const GuestState *guest, DriftList *found) {
        _cleanup_(instance_done) Instance i = {};
        int r;

        r = m->store->ops->instance_get(m->store, guest->uuid, READ_DELETED_YES, &i);
        if (r < 0 || (r > 0 && !i.deleted && (streq_ptr(i.host, m->host) || i.task_state != TASK_NONE)))
                return;         /* come since the rows were listed; of one that cannot be looked up nothing is said */
        if (r > 0 && i.deleted && streq_ptr(i.host, m->host))
                (void) drift_list_add(found, DRIFT_GUEST_DELETED, guest->uuid, "Instance %s (%s) is deleted, but the hypervisor has "
                                      "its guest still.", guest->uuid, strempty(i.name));
        else if (r > 0 && !i.deleted && !isempty(i.host) && !streq(i.host, m->host))
                (void) drift_list_add(found, DRIFT_GUEST_UNKNOWN, guest->uuid, "The hypervisor has a guest of instance %s, which is on "
                                      "host %s; it is left alone.", guest->uuid, i.host);
        else
                (void) drift_list_add(found, DRIFT_GUEST_UNKNOWN, guest->uuid, "The hypervisor has a guest %s that is no instance of "
                                      "this host; it is left alone.", guest->uuid);
}

/* Whether the row is as it was listed: what was done meanwhile is no drift. */
static bool is_unchanged(ComputeManager *m, const Instance *i) {
        _cleanup_(instance_done) Instance now = {};

        return m->store->ops->instance_get(m->store, i->uuid, READ_DELETED_NO, &now) > 0 && now.task_state == i->task_state &&
               now.vm_state == i->vm_state && streq_ptr(now.host, m->host);
}

/* What power synchronization is about to stop is dealt with. */
static bool is_being_stopped(const Instance *i, PowerState guest) {
        PowerVerdict v = power_verdict(i->vm_state, i->power_state, guest, true);

        return v == POWER_STOP || v == POWER_FORCE_STOP;
}

static void look_at_rows(ComputeManager *m, const InstanceList *rows, const GuestState *guests, size_t n_guests, DriftList *found) {
        for (size_t n = 0; n < rows->n; n++) {
                const Instance *i = &rows->items[n];
                const GuestState *guest;

                if (i->task_state != TASK_NONE)
                        continue;       /* the task knows better */
                guest = n_guests > 0 ? bsearch(i->uuid, guests, n_guests, sizeof *guests, compare_guest) : NULL;
                if (!guest && needs_guest(i->vm_state) && is_unchanged(m, i))
                        (void) drift_list_add(found, DRIFT_GUEST_MISSING, i->uuid, "Instance %s (%s) is %s but the hypervisor has no "
                                              "such guest.", i->uuid, strempty(i->name), vm_state_to_string(i->vm_state));
                else if (guest && !drift_state_fits(i->vm_state, guest->state) && !is_being_stopped(i, guest->state) &&
                         is_unchanged(m, i))
                        (void) drift_list_add(found, DRIFT_STATE, i->uuid, "Instance %s (%s) is %s but its guest is %s.", i->uuid,
                                              strempty(i->name), vm_state_to_string(i->vm_state),
                                              power_state_to_string(guest->state));
        }
}

/* Directories of instances are named by their uuid, those on their way out have _del or _resize behind it. */
static bool uuid_of_directory(const char *name, char ret[static UUID_TEXT_MAX]) {
        const char *rest;

        if (strlen(name) < UUID_TEXT_MAX - 1)
                return false;
        memcpy(ret, name, UUID_TEXT_MAX - 1);
        ret[UUID_TEXT_MAX - 1] = '\0';
        rest = name + UUID_TEXT_MAX - 1;
        return uuid_is_valid(ret) && (!*rest || streq(rest, "_del") || streq(rest, "_resize"));
}

/* Whether the directories could be looked at. One of an instance that is being built elsewhere than in a row is none. */
static bool look_at_directories(ComputeManager *m, const RowIndex *rows, DriftList *found) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *path = strempty(config_string(config, "instances_path"));
        struct dirent *entry;
        char uuid[UUID_TEXT_MAX];
        DIR *d;

        d = opendir(path);
        if (!d)
                return errno == ENOENT;
        while ((entry = readdir(d))) {
                _cleanup_(instance_done) Instance i = {};
                int r;

                if (!uuid_of_directory(entry->d_name, uuid) || find_row(rows, uuid))
                        continue;
                r = m->store->ops->instance_get(m->store, uuid, READ_DELETED_YES, &i);
                if (r < 0 || (r > 0 && !i.deleted && i.task_state != TASK_NONE))
                        continue;
                (void) drift_list_add(found, DRIFT_DIRECTORY, entry->d_name, "The directory %s/%s belongs to %s.", path, entry->d_name,
                                      r == 0 ? "no instance of this host" : i.deleted ? "a deleted instance" : "an instance that "
                                      "is not on this host");
        }
        closedir(d);
        return true;
}

void compute_drift_look(ComputeManager *m, const InstanceList *rows, const GuestState *guests, size_t n_guests) {
        _cleanup_free_ GuestState *sorted = NULL;
        _cleanup_free_ const Instance **pointers = NULL;
        unsigned kinds = 1u << DRIFT_GUEST_UNKNOWN | 1u << DRIFT_GUEST_DELETED | 1u << DRIFT_GUEST_MISSING | 1u << DRIFT_STATE;
        RowIndex index;
        DriftList found = {};

        sorted = reallocarray(NULL, MAX(n_guests, 1u), sizeof *sorted);
        pointers = reallocarray(NULL, MAX(rows->n, 1u), sizeof *pointers);
        if (!sorted || !pointers)
                return;         /* what is known stays until the next look */
        if (n_guests > 0)
                memcpy(sorted, guests, n_guests * sizeof *sorted);
        if (n_guests > 0)
                qsort(sorted, n_guests, sizeof *sorted, compare_guests);
        for (size_t n = 0; n < rows->n; n++)
                pointers[n] = &rows->items[n];
        if (rows->n > 0)
                qsort(pointers, rows->n, sizeof *pointers, compare_rows);
        index = (RowIndex) { .rows = pointers, .n = rows->n };

        for (size_t n = 0; n < n_guests; n++)
                if (!find_row(&index, sorted[n].uuid))
                        look_at_stranger(m, &sorted[n], &found);
        look_at_rows(m, rows, sorted, n_guests, &found);
        if (look_at_directories(m, &index, &found))
                kinds |= 1u << DRIFT_DIRECTORY;
        compute_drift_settle(m, kinds, &found);
}

/* The requests that an earlier run of the daemon accepted and did not finish: read from the journal at the start, made
 * operations again, and given their turn before what came later. See operation-journal.h. */
#define LOG_LOGGER "nova.service"
#include "service/operation-internal.h"

#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"

struct OperationRecovery {
        JournalRowList rows;
        char **instances;               /* NULL-terminated */
};

OperationRecovery *operation_recovery_free(OperationRecovery *r) {
        if (!r)
                return NULL;
        journal_row_list_done(&r->rows);
        (void) strv_free(r->instances);
        free(r);
        return NULL;
}

static bool row_is_open(const JournalRow *row) {
        return journal_state_is_open(journal_state_from_string(row->state));
}

static bool in_flight(OperationJournal *j, int64_t id) {
        bool found = false;

        (void) pthread_mutex_lock(&j->lock);
        for (const Operation *o = j->flight; o && !found; o = o->flight_next)
                found = o->journal_id == id;
        (void) pthread_mutex_unlock(&j->lock);
        return found;
}

/* Each once, @with_none: "" for those of no instance. */
static char **instances_of(const JournalRowList *rows, bool with_none) {
        char **v = calloc(rows->n + 1, sizeof *v);
        size_t n = 0;

        for (size_t i = 0; v && i < rows->n; i++) {
                const char *uuid = strempty(rows->items[i].instance_uuid);
                bool known = !row_is_open(&rows->items[i]) || (!*uuid && !with_none);

                for (size_t k = 0; k < n && !known; k++)
                        known = streq(v[k], uuid);
                if (!known && !(v[n++] = strdup(uuid)))
                        return strv_free(v);
        }
        return v;
}

/* With the gate's lock held: those that need not wait (any more). */
static OperationList take_ready(OperationGate *g) {
        OperationList ready = {}, still = {};
        Operation *o;

        while ((o = operation_list_pop(&g->held)))
                operation_list_append(operation_must_wait(g, o) ? &still : &ready, o);
        g->held = still;
        return ready;
}

int operation_recovery_load(OperationRecovery **ret, OperationGate *g, NovaException *e) {
        _cleanup_(operation_recovery_freep) OperationRecovery *r = calloc(1, sizeof *r);
        JournalWrite w = { .verb = JOURNAL_LOAD };
        char **before = NULL;
        OperationList ready;
        Operation *o;
        size_t n = 0;
        int k;

        if (!r)
                return -ENOMEM;
        w.row.service = g->service;
        k = journal_write(g->journal->journal, &w);
        if (k < 0) {
                _cleanup_free_ char *why = journal_trouble(g->journal->journal);

                return exception_set_errno(e, k, why ? why : "the journal cannot be read");
        }
        r->rows = w.rows;
        /* Of this process they are in good hands. */
        for (size_t i = 0; i < r->rows.n; i++)
                if (in_flight(g->journal, r->rows.items[i].id))
                        journal_row_done(&r->rows.items[i]);
                else
                        r->rows.items[n++] = r->rows.items[i];
        r->rows.n = n;
        r->instances = instances_of(&r->rows, false);
        before = instances_of(&r->rows, true);
        if (!r->instances || !before) {
                (void) strv_free(before);
                return -ENOMEM;
        }

        (void) pthread_mutex_lock(&g->lock);
        (void) strv_free(g->before);
        g->before = before;
        g->loaded = true;
        ready = take_ready(g);
        (void) pthread_mutex_unlock(&g->lock);
        while ((o = operation_list_pop(&ready)))
                operation_to_pool(o);
        *ret = TAKE_PTR(r);
        return 0;
}

const char *const *operation_recovery_instances(const OperationRecovery *r) {
        return (const char *const *) r->instances;
}

void operation_recovery_foreach_unanswered(const OperationRecovery *r, OperationGate *g, void (*f)(const JournalRow *row, void *userdata),
                                           void *userdata) {
        bool told;

        (void) pthread_mutex_lock(&g->lock);
        told = g->unanswered_told;
        g->unanswered_told = true;
        (void) pthread_mutex_unlock(&g->lock);
        if (told)
                return;
        for (size_t i = 0; i < r->rows.n; i++)
                if (!row_is_open(&r->rows.items[i]) && r->rows.items[i].msg_id)
                        f(&r->rows.items[i], userdata);
}

const char *operation_recovery_verdict(const JournalRow *row, const Method *method) {
        bool begun = journal_state_from_string(row->state) == JOURNAL_BEGUN;

        if (!method)
                return "fails: there is no such method any more";
        if (row->secrets_dropped)
                return "fails: its secret arguments are not kept";
        if (!begun && streq_ptr(row->origin, operation_origin_to_string(ORIGIN_PERIODIC)))
                return "ends: its periodic task looks again";
        if (!begun)
                return "runs";
        switch (method->recovery) {
        case RECOVER_AGAIN:
                return "runs again";
        case RECOVER_UNDO:
                return "is put back and fails";
        default:
                return "fails: it was interrupted";
        }
}

static int read_context(json_t *values, RequestContext **ret, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *c = context_begin();
        const char *key;
        json_t *value;
        int r = c ? 0 : -ENOMEM;

        json_object_foreach(values, key, value)
                if (r >= 0)
                        r = context_take(c, key, strlen(key), json_incref(value));
        if (r >= 0)
                r = context_finish(c, e);
        if (r >= 0)
                *ret = TAKE_PTR(c);
        return r;
}

/* A row as the operation it was. The method may have gone, its arguments may be wrong by now: -errno with @e. */
static int operation_from_row(Operation **ret, const JournalRow *row, Manager *manager, void (*finished)(Operation *o),
                              void *origin_data, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *context = NULL;
        _cleanup_(operation_freep) Operation *o = NULL;
        json_auto_t *args = NULL, *values = NULL;
        const Method *m = manager_method(manager, row->method, ~0u);
        int r;

        if (!m) {
                (void) exception_setf(e, EXC_NO_SUCH_METHOD, "%s, accepted by an earlier nova-compute, is no method of this one", row->method);
                return -ENOENT;
        }
        r = json_parse(strempty(row->args), strlen(strempty(row->args)), &args, NULL, 0);
        if (r >= 0)
                r = json_parse(strempty(row->context), strlen(strempty(row->context)), &values, NULL, 0);
        if (r >= 0)
                r = read_context(values, &context, e);
        if (r < 0)
                return exception_set_errno(e, r, "reading it from the journal");
        if (row->secrets_dropped) {
                /* They will not be looked at: checked against what is left they would seem to be missing. */
                json_decref(TAKE_PTR(args));
                args = json_object();
        }
        r = row->secrets_dropped ? operation_new_unchecked(&o, manager, m, context, args, ORIGIN_RECOVERY, finished, origin_data)
                                 : operation_new(&o, manager, m, context, args, ORIGIN_RECOVERY, finished, origin_data, e);
        if (r < 0)
                return r;
        free(o->instance_uuid);
        o->instance_uuid = row->instance_uuid ? strdup(row->instance_uuid) : NULL;
        o->job.key = m->flags & METHOD_PER_INSTANCE ? o->instance_uuid : NULL;
        o->journal_id = o->write.id = row->id;
        o->essex = row->essex;
        o->interrupted = journal_state_from_string(row->state) == JOURNAL_BEGUN;
        o->secrets_dropped = row->secrets_dropped;
        if ((row->instance_uuid && !o->instance_uuid) || (row->step && !(o->step = strdup(row->step))) ||
            (row->msg_id && !(o->msg_id = strdup(row->msg_id))) || (row->reply_q && !(o->reply_q = strdup(row->reply_q))))
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

/* What cannot even be an operation ends here. */
static void fail_row(OperationGate *g, const JournalRow *row, const NovaException *e) {
        json_auto_t *x = exception_to_oslo(e);
        _cleanup_free_ char *failure = x ? json_text(x) : NULL;
        JournalWrite w = { .verb = JOURNAL_FINISH, .id = row->id, .state = JOURNAL_FAILED, .failure = failure ? failure : "{}" };

        log_warning("Request %lld of the journal (%s) is not carried out: %s", (long long) row->id, row->method, strempty(e->message));
        (void) journal_write(g->journal->journal, &w);
}

static void submit_row(OperationGate *g, const JournalRow *row, Pool *pool, Manager *manager, void (*finished)(Operation *o),
                       void *origin_data) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Operation *o = NULL;
        int r;

        r = operation_from_row(&o, row, manager, finished, origin_data, &e);
        if (r >= 0 && !o->interrupted && streq_ptr(row->origin, operation_origin_to_string(ORIGIN_PERIODIC))) {
                /* What it was due for was found by the run that ended. */
                o = operation_free(o);
                r = exception_setf(&e, EXC_NOVA, "%s was not begun: nova-compute ended while it waited", row->method);
        }
        if (r < 0) {
                if (r != -ENOMEM)
                        fail_row(g, row, &e);
                return;
        }
        o->pool = pool;
        if (operation_gate_enter(g, o) < 0) {
                o->left = true;
                o->journal_id = 0;
                o->finished(o);
                return;
        }
        operation_journal_remember(o, true);
        job_record_accepted(o->record);
        log_info("Request %lld of an earlier run, %s%s%s, %s", (long long) row->id, row->method, row->instance_uuid ? " of instance " : "",
                 strempty(row->instance_uuid), operation_recovery_verdict(row, o->method));
        if (!o->interrupted && !o->secrets_dropped && o->method->accepted)
                o->method->accepted(o);
        operation_to_pool(o);
}

void operation_recovery_run(OperationRecovery *r, OperationGate *g, Pool *pool, Manager *manager, void (*finished)(Operation *o),
                            void *origin_data) {
        OperationList ready;
        Operation *o;
        bool before;

        (void) pthread_mutex_lock(&g->lock);
        before = g->recovered;
        (void) pthread_mutex_unlock(&g->lock);
        if (before)
                return;

        for (size_t i = 0; i < r->rows.n; i++)
                if (row_is_open(&r->rows.items[i]))
                        submit_row(g, &r->rows.items[i], pool, manager, finished, origin_data);
        for (char **p = r->instances; *p && manager->ops->recover_instance; p++)
                manager->ops->recover_instance(manager, *p);

        /* One more may be held at any time until the lock says that none is. */
        for (;;) {
                (void) pthread_mutex_lock(&g->lock);
                ready = g->held;
                g->held = (OperationList) {};
                g->recovered = !ready.first;
                (void) pthread_mutex_unlock(&g->lock);
                if (!ready.first)
                        return;
                while ((o = operation_list_pop(&ready)))
                        operation_to_pool(o);
        }
}

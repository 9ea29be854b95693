/* What is shown of the instances: see instance-table.h. The store tells on its callers' threads; a note with the finished view
 * goes to the loop, where the table is. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/instance-table.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>

#include "basic/log.h"
#include "basic/mailbox.h"

typedef enum NoteKind {
        NOTE_BEGIN,                     /* what is not told again before NOTE_END is gone */
        NOTE_END,
        NOTE_ROW,
        NOTE_GONE,
        NOTE_FAULT,
} NoteKind;

typedef struct Note {
        NoteKind kind;
        InstanceView *view;
        char *uuid, *fault;
        usec_t at;
} Note;

/* In the tree by uuid; in a list by age. */
typedef struct Entry {
        InstanceView view;              /* first: the view is the entry */
        struct Entry *previous, *next;
        bool stale;                     /* from before NOTE_BEGIN */
} Entry;

struct InstanceTable {
        Store *store;
        char *host;
        Mailbox *mailbox;
        InstanceWatch watch;
        pthread_mutex_t lock;
        bool watching;                  /* under the lock */

        void *tree;
        Entry *first, *last;
        size_t n;
        InstanceObserver observer;
        void *userdata;
};

/* ---- on the store's threads ---- */

static void note_free(void *item) {
        Note *n = item;

        instance_view_free(n->view);
        free(n->uuid);
        free(n->fault);
        free(n);
}

static void on_changed(InstanceWatch *w, const char *uuid, const Instance *row, const char *fault, usec_t at) {
        InstanceTable *t = w->userdata;
        Note *n = calloc(1, sizeof *n);
        bool whole = n;

        if (n) {
                n->kind = row ? NOTE_ROW : fault ? NOTE_FAULT : NOTE_GONE;
                n->at = at;
                if (row)
                        whole = instance_view_new(row, &n->view) >= 0;
                else
                        whole = (n->uuid = strdup(uuid)) && (!fault || (n->fault = strdup(fault)));
        }
        if (whole && mailbox_post(t->mailbox, n) >= 0)
                return;
        log_warning("Out of memory: what is shown of instance %s is old until it changes again", uuid);
        if (n)
                note_free(n);
}

static void post_mark(InstanceTable *t, NoteKind kind) {
        Note *n = calloc(1, sizeof *n);

        if (!n)
                return;         /* what is gone is shown until it is looked at again */
        n->kind = kind;
        if (mailbox_post(t->mailbox, n) < 0)
                note_free(n);
}

static void on_begin(InstanceWatch *w) {
        post_mark(w->userdata, NOTE_BEGIN);
}

static void on_end(InstanceWatch *w) {
        post_mark(w->userdata, NOTE_END);
}

int instance_table_watch(InstanceTable *t) {
        int r = 0;

        if (!t->store || !t->store->ops->instance_watch)
                return 0;
        (void) pthread_mutex_lock(&t->lock);
        if (!t->watching) {
                r = t->store->ops->instance_watch(t->store, &t->watch);
                t->watching = r >= 0;
        }
        (void) pthread_mutex_unlock(&t->lock);
        return r;
}

/* ---- on the loop ---- */

static int compare_uuid(const void *a, const void *b) {
        return strcmp(((const Entry *) a)->view.uuid, ((const Entry *) b)->view.uuid);
}

static Entry *entry_find(const InstanceTable *t, const char *uuid) {
        const Entry key = { .view.uuid = uuid };
        Entry **found = tfind(&key, &t->tree, compare_uuid);

        return found ? *found : NULL;
}

static void tell(InstanceTable *t, const Entry *e, InstanceChange change) {
        if (t->observer)
                t->observer(&e->view, change, t->userdata);
}

/* The contents of @v become the entry's. */
static void entry_take(Entry *e, InstanceView *v) {
        InstanceView was = e->view;

        e->view = *v;
        *v = was;
}

static void entry_remove(InstanceTable *t, Entry *e) {
        (void) tdelete(e, &t->tree, compare_uuid);
        *(e->previous ? &e->previous->next : &t->first) = e->next;
        *(e->next ? &e->next->previous : &t->last) = e->previous;
        t->n--;
        tell(t, e, INSTANCE_REMOVED);
        (void) instance_view_free(&e->view);    /* the view is the entry */
}

static void add(InstanceTable *t, InstanceView *v) {
        Entry *e = calloc(1, sizeof *e);

        if (e)
                entry_take(e, v);
        if (!e || !tsearch(e, &t->tree, compare_uuid)) {
                log_warning("Out of memory: instance %s is not shown until it changes again", e ? e->view.uuid : v->uuid);
                if (e)
                        (void) instance_view_free(&e->view);
                return;
        }
        e->previous = t->last;
        *(t->last ? &t->last->next : &t->first) = e;
        t->last = e;
        t->n++;
        tell(t, e, INSTANCE_ADDED);
}

static void on_row(InstanceTable *t, InstanceView *v) {
        Entry *e = entry_find(t, v->uuid);

        if (!e) {
                add(t, v);
                return;
        }
        e->stale = false;
        instance_view_inherit(v, &e->view);
        entry_take(e, v);
        tell(t, e, INSTANCE_CHANGED);
}

static void on_note(void *item, void *userdata) {
        InstanceTable *t = userdata;
        Note *n = item;
        Entry *e, *next;

        switch (n->kind) {
        case NOTE_BEGIN:
                for (e = t->first; e; e = e->next)
                        e->stale = true;
                break;
        case NOTE_END:
                for (e = t->first; e; e = next) {
                        next = e->next;
                        if (e->stale)
                                entry_remove(t, e);
                }
                break;
        case NOTE_ROW:
                on_row(t, n->view);
                break;
        case NOTE_GONE:
                e = entry_find(t, n->uuid);
                if (e)
                        entry_remove(t, e);
                break;
        case NOTE_FAULT:
                e = entry_find(t, n->uuid);
                if (e && instance_view_set_fault(&e->view, n->fault, n->at) >= 0)
                        tell(t, e, INSTANCE_CHANGED);
                break;
        }
        note_free(n);
}

int instance_table_new(InstanceTable **ret, sd_event *event, Store *store, const char *host) {
        _cleanup_(instance_table_freep) InstanceTable *t = calloc(1, sizeof *t);
        int r;

        if (!t)
                return -ENOMEM;
        (void) pthread_mutex_init(&t->lock, NULL);
        t->store = store;
        t->host = strdup(host);
        if (!t->host)
                return -ENOMEM;
        t->watch = (InstanceWatch) { .host = t->host, .begin = on_begin, .end = on_end, .changed = on_changed, .userdata = t };
        r = mailbox_new(&t->mailbox, event, "instances", SD_EVENT_PRIORITY_NORMAL, on_note, note_free, t);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

InstanceTable *instance_table_free(InstanceTable *t) {
        Entry *next;

        if (!t)
                return NULL;
        if (t->watching)
                t->store->ops->instance_unwatch(t->store, &t->watch);
        (void) mailbox_free(t->mailbox);
        for (Entry *e = t->first; e; e = next) {
                next = e->next;
                (void) tdelete(e, &t->tree, compare_uuid);
                (void) instance_view_free(&e->view);
        }
        (void) pthread_mutex_destroy(&t->lock);
        free(t->host);
        free(t);
        return NULL;
}

void instance_table_observe(InstanceTable *t, InstanceObserver f, void *userdata) {
        t->observer = f;
        t->userdata = userdata;
}

const InstanceView *instance_table_find(const InstanceTable *t, const char *uuid) {
        const Entry *e = entry_find(t, uuid);

        return e ? &e->view : NULL;
}

size_t instance_table_count(const InstanceTable *t) {
        return t->n;
}

void instance_table_foreach(const InstanceTable *t, void (*f)(const InstanceView *v, void *userdata), void *userdata) {
        for (const Entry *e = t->first; e; e = e->next)
                f(&e->view, userdata);
}

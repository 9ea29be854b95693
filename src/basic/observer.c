/* Observers in the order they came. See observer.h. */
#include "basic/observer.h"

#include <assert.h>
#include <errno.h>

struct Observer {
        ObserverCallback callback;      /* NULL: removed while a notification was under way, swept at its end */
        void *userdata;
        Observer *next;
};

int observers_add(Observers *o, ObserverCallback callback, void *userdata) {
        Observer **tail, *n;

        assert(o && callback);
        n = malloc(sizeof *n);
        if (!n)
                return -ENOMEM;
        *n = (Observer){.callback = callback, .userdata = userdata};

        for (tail = &o->first; *tail; tail = &(*tail)->next)
                ;
        *tail = n;
        return 0;
}

static void sweep(Observers *o) {
        for (Observer **p = &o->first; *p;) {
                Observer *n = *p;

                if (n->callback) {
                        p = &n->next;
                        continue;
                }
                *p = n->next;
                free(n);
        }
}

void observers_remove(Observers *o, ObserverCallback callback, void *userdata) {
        assert(o && callback);
        for (Observer *n = o->first; n; n = n->next)
                if (n->callback == callback && n->userdata == userdata) {
                        n->callback = NULL;
                        break;
                }
        if (o->notifying == 0)
                sweep(o);
}

void observers_notify(Observers *o, unsigned what) {
        Observer *last = NULL;

        assert(o);
        for (Observer *n = o->first; n; n = n->next)
                last = n;

        /* Who comes during the notification hears the next one; who goes hears nothing more. */
        o->notifying++;
        for (Observer *n = o->first; n; n = n == last ? NULL : n->next)
                if (n->callback)
                        n->callback(what, n->userdata);
        if (--o->notifying == 0)
                sweep(o);
}

void observers_done(Observers *o) {
        if (!o)
                return;
        assert(o->notifying == 0);
        while (o->first) {
                Observer *n = o->first;
                o->first = n->next;
                free(n);
        }
}

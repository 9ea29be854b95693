/* Who waits for which external event: see instance-events.h. A host builds a few instances at once, each with a few
 * interfaces, so a list is searched. */
#include "compute/instance-events.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define LOOK_AGAIN (500 * USEC_PER_MSEC)

typedef struct Expected {
        char *key;                      /* "name-tag" */
        bool came;
        EventStatus status;
} Expected;

struct EventWait {
        EventRegistry *registry;
        EventWait *next;
        char *uuid;
        Expected *items;
        size_t n;
        bool cancelled;
};

struct EventRegistry {
        pthread_mutex_t lock;           /* of all waits too */
        pthread_cond_t changed;
        EventWait *waits;
};

static const char *const status_names[_EVENT_STATUS_MAX] = {
        [EVENT_COMPLETED] = "completed",
        [EVENT_FAILED] = "failed",
        [EVENT_IN_PROGRESS] = "in-progress",
};

const char *event_status_to_string(EventStatus s) {
        return s >= 0 && s < _EVENT_STATUS_MAX ? status_names[s] : NULL;
}

EventStatus event_status_from_string(const char *s) {
        for (EventStatus k = 0; s && k < _EVENT_STATUS_MAX; k++)
                if (streq(status_names[k], s))
                        return k;
        return _EVENT_STATUS_INVALID;
}

int event_registry_new(EventRegistry **ret) {
        EventRegistry *r = calloc(1, sizeof *r);

        if (!r)
                return -ENOMEM;
        pthread_mutex_init(&r->lock, NULL);
        pthread_cond_init(&r->changed, NULL);
        *ret = r;
        return 0;
}

EventRegistry *event_registry_free(EventRegistry *r) {
        if (!r)
                return NULL;
        assert(!r->waits);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->lock);
        free(r);
        return NULL;
}

int event_wait_new(EventRegistry *r, const char *uuid, EventWait **ret) {
        EventWait *w = calloc(1, sizeof *w);

        assert(r && uuid && ret);
        if (!w || !(w->uuid = strdup(uuid))) {
                free(w);
                return -ENOMEM;
        }
        w->registry = r;
        pthread_mutex_lock(&r->lock);
        w->next = r->waits;
        r->waits = w;
        pthread_mutex_unlock(&r->lock);
        *ret = w;
        return 0;
}

EventWait *event_wait_free(EventWait *w) {
        if (!w)
                return NULL;

        pthread_mutex_lock(&w->registry->lock);
        for (EventWait **at = &w->registry->waits; *at; at = &(*at)->next)
                if (*at == w) {
                        *at = w->next;
                        break;
                }
        pthread_mutex_unlock(&w->registry->lock);

        for (size_t i = 0; i < w->n; i++)
                free(w->items[i].key);
        free(w->items);
        free(w->uuid);
        free(w);
        return NULL;
}

static Expected *find(EventWait *w, const char *key) {
        for (size_t i = 0; i < w->n; i++)
                if (streq(w->items[i].key, key))
                        return &w->items[i];
        return NULL;
}

int event_wait_add(EventWait *w, const char *name, const char *tag) {
        Expected *items;
        char *key;
        int r = 0;

        if (asprintf(&key, "%s-%s", name, strempty(tag)) < 0)
                return -ENOMEM;

        pthread_mutex_lock(&w->registry->lock);
        if (find(w, key))
                free(key);
        else if ((items = reallocarray(w->items, w->n + 1, sizeof *items))) {
                w->items = items;
                items[w->n++] = (Expected) { .key = key };
        } else {
                free(key);
                r = -ENOMEM;
        }
        pthread_mutex_unlock(&w->registry->lock);
        return r;
}

/* Under the lock: 0 if nothing is missing, -EREMOTEIO, or -EAGAIN; *ret the event it is about. */
static int look(EventWait *w, const Expected **ret) {
        *ret = NULL;
        for (size_t i = 0; i < w->n; i++) {
                if (w->items[i].came && w->items[i].status == EVENT_FAILED) {
                        *ret = &w->items[i];
                        return -EREMOTEIO;
                }
                if (!w->items[i].came && !*ret)
                        *ret = &w->items[i];
        }
        return *ret ? -EAGAIN : 0;
}

size_t event_wait_missing(EventWait *w) {
        size_t n = 0;

        pthread_mutex_lock(&w->registry->lock);
        for (size_t i = 0; i < w->n; i++)
                n += !w->items[i].came;
        pthread_mutex_unlock(&w->registry->lock);
        return n;
}

/* Up to @until, or until something changes; without the lock it asks whether to go on. */
static bool wait_a_little(EventRegistry *r, usec_t until, bool (*cancelled)(void *userdata), void *userdata) {
        usec_t t = cancelled ? MIN(until, now_monotonic() + LOOK_AGAIN) : until;
        struct timespec ts = { .tv_sec = (time_t) (t / USEC_PER_SEC), .tv_nsec = (long) (t % USEC_PER_SEC) * 1000 };
        bool stop;

        (void) pthread_cond_clockwait(&r->changed, &r->lock, CLOCK_MONOTONIC, &ts);
        if (!cancelled)
                return true;
        pthread_mutex_unlock(&r->lock);
        stop = cancelled(userdata);
        pthread_mutex_lock(&r->lock);
        return !stop;
}

int event_wait_for(EventWait *w, usec_t timeout, bool (*cancelled)(void *userdata), void *userdata, const char **ret_key) {
        usec_t until = now_monotonic() + MIN(timeout, 365u * 86400u * USEC_PER_SEC);
        const Expected *about;
        bool go_on = true;
        int r;

        assert(w);
        pthread_mutex_lock(&w->registry->lock);
        for (;;) {
                r = look(w, &about);
                if (r != -EAGAIN)
                        break;
                if (w->cancelled || !go_on) {
                        r = -ECANCELED;
                        break;
                }
                if (now_monotonic() >= until) {
                        r = -ETIMEDOUT;
                        break;
                }
                go_on = wait_a_little(w->registry, until, cancelled, userdata);
        }
        if (ret_key)
                *ret_key = about ? about->key : NULL;
        pthread_mutex_unlock(&w->registry->lock);
        return r;
}

bool event_registry_deliver(EventRegistry *r, const char *uuid, const char *name, const char *tag, EventStatus status) {
        _cleanup_free_ char *key = NULL;
        bool waited = false;

        assert(r && uuid && name);
        if (status == EVENT_IN_PROGRESS || asprintf(&key, "%s-%s", name, strempty(tag)) < 0)
                return false;

        pthread_mutex_lock(&r->lock);
        for (EventWait *w = r->waits; w; w = w->next) {
                Expected *x = strcasecmp(w->uuid, uuid) == 0 ? find(w, key) : NULL;

                if (!x)
                        continue;
                waited = true;
                if (x->came)            /* the first word counts */
                        continue;
                x->came = true;
                x->status = status;
        }
        if (waited)
                pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        return waited;
}

unsigned event_registry_cancel(EventRegistry *r, const char *uuid) {
        unsigned n = 0;

        pthread_mutex_lock(&r->lock);
        for (EventWait *w = r->waits; w; w = w->next)
                if (!w->cancelled && (!uuid || strcasecmp(w->uuid, uuid) == 0)) {
                        w->cancelled = true;
                        n++;
                }
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        return n;
}

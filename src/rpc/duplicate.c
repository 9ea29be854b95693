/* A hash table over a ring: done entries leave in the order in which they were done. */
#include "rpc/duplicate.h"

#include <assert.h>
#include <errno.h>

#define BUCKETS 1024                    /* a power of two */

struct DuplicateEntry {
        DuplicateEntry *chain;          /* of the bucket */
        DuplicateEntry *newer;          /* of the done ones */
        void *request;                  /* NULL: done */
        char id[];
};

struct Duplicates {
        DuplicateEntry *buckets[BUCKETS];
        DuplicateEntry *oldest, *newest;
        unsigned n_done, remembered;
};

static DuplicateEntry **bucket_of(Duplicates *d, const char *id) {
        uint64_t h = 1469598103934665603u;

        for (; *id; id++)
                h = (h ^ (unsigned char) *id) * 1099511628211u;
        return &d->buckets[(h ^ h >> 32) & (BUCKETS - 1)];
}

int duplicates_new(Duplicates **ret, unsigned remembered) {
        Duplicates *d = calloc(1, sizeof *d);

        if (!d)
                return -ENOMEM;
        d->remembered = remembered;
        *ret = d;
        return 0;
}

static void unlink_entry(Duplicates *d, DuplicateEntry *e) {
        DuplicateEntry **p = bucket_of(d, e->id);

        while (*p != e)
                p = &(*p)->chain;
        *p = e->chain;
        free(e);
}

Duplicates *duplicates_free(Duplicates *d) {
        if (!d)
                return NULL;
        for (size_t i = 0; i < BUCKETS; i++)
                while (d->buckets[i]) {
                        DuplicateEntry *e = d->buckets[i];

                        d->buckets[i] = e->chain;
                        free(e);
                }
        free(d);
        return NULL;
}

int duplicates_enter(Duplicates *d, const char *id, void *request, DuplicateEntry **ret, void **ret_request) {
        DuplicateEntry **bucket = bucket_of(d, id), *e;
        size_t n = strlen(id) + 1;

        assert(request);
        for (e = *bucket; e; e = e->chain)
                if (streq(e->id, id)) {
                        *ret_request = e->request;
                        return 0;
                }

        e = malloc(sizeof *e + n);
        if (!e)
                return -ENOMEM;
        *e = (DuplicateEntry){.chain = *bucket, .request = request};
        memcpy(e->id, id, n);
        *bucket = *ret = e;
        return 1;
}

void duplicates_done(Duplicates *d, DuplicateEntry *e) {
        assert(e->request);
        e->request = NULL;
        if (d->newest)
                d->newest->newer = e;
        else
                d->oldest = e;
        d->newest = e;

        if (++d->n_done > d->remembered) {
                DuplicateEntry *o = d->oldest;

                d->oldest = o->newer;
                if (!d->oldest)
                        d->newest = NULL;
                d->n_done--;
                unlink_entry(d, o);
        }
}

void duplicates_forget(Duplicates *d, DuplicateEntry *e) {
        assert(e->request);
        unlink_entry(d, e);
}

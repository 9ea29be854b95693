/* Verbs that ask before they answer: a query of the manager runs on a worker, and what it found comes back to the loop, to the call
 * that waits for it. Operations may outlive the bus: what they find then is let go. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "basic/mailbox.h"

struct BusFeed {
        atomic_uint references;         /* the bus, and each query under way */
        pthread_mutex_t lock;
        Mailbox *mailbox;               /* NULL: the bus is gone */
};

/* What a query found, on its way to the loop; before that, whom it is for. */
typedef struct Finding {
        BusFeed *feed;
        Bus *bus;                       /* the loop's */
        BusCall *call;                  /* the loop's; NULL: the bus itself asks, and hears by told */
        BusQueryDone done;
        void (*told)(Bus *b, const json_t *result, const NovaException *e, void *data);
        void *data;
        void (*free_data)(void *data);
        json_t *result;
        NovaException exception;
        bool begun;
} Finding;

static BusFeed *feed_unref(BusFeed *f) {
        if (!f || atomic_fetch_sub(&f->references, 1) > 1)
                return NULL;
        (void) pthread_mutex_destroy(&f->lock);
        free(f);
        return NULL;
}

static Finding *finding_free(Finding *f) {
        if (!f)
                return NULL;
        if (f->free_data)
                f->free_data(f->data);
        json_decref(f->result);
        exception_done(&f->exception);
        (void) feed_unref(f->feed);
        free(f);
        return NULL;
}
DEFINE_CLEANUP(Finding *, finding_free)

/* Nobody will read it; its call was let go with the bus. */
static void discard(void *item) {
        Finding *f = item;

        (void) bus_call_free(f->call);
        (void) finding_free(f);
}

static void on_finding(void *item, void *userdata _unused_) {
        _cleanup_(finding_freep) Finding *f = item;
        BusCall *c = TAKE_PTR(f->call);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m;
        int r;

        if (!c) {
                f->told(f->bus, exception_is_set(&f->exception) || !f->begun ? NULL : f->result, &f->exception, f->data);
                return;
        }
        if (!c->bus || !c->message) {
                (void) bus_call_free(c);
                return;
        }
        if (exception_is_set(&f->exception) || !f->begun) {
                bus_call_finish(c, f->begun ? 0 : -ECANCELED, f->begun ? &f->exception : NULL);
                return;
        }
        m = sd_bus_message_ref(c->message);
        r = f->done(c->bus, m, f->result, f->data, &error);
        if (r < 0) {
                if (!sd_bus_error_is_set(&error))
                        (void) bus_error_from(&error, r, NULL, c->what);
                (void) sd_bus_reply_method_error(m, &error);
        }
        sd_bus_error_free(&error);
        sd_bus_message_unref(m);
        (void) bus_call_free(c);
}

/* On the worker that ran it. */
static void on_finished(Operation *o) {
        Finding *f = o->origin_data;
        BusFeed *feed = f->feed;        /* @f goes with the post */
        bool gone;
        int r = 0;

        atomic_fetch_add(&feed->references, 1);
        exception_move(&f->exception, &o->exception);
        f->result = TAKE_PTR(o->result);
        f->begun = o->begun;
        (void) operation_free(o);

        (void) pthread_mutex_lock(&feed->lock);
        gone = !feed->mailbox;
        if (!gone)
                r = mailbox_post(feed->mailbox, f);
        (void) pthread_mutex_unlock(&feed->lock);
        if (gone)
                discard(f);
        else if (r < 0)         /* out of memory: the call is the loop's, which finds it when the bus goes */
                (void) finding_free(f);
        (void) feed_unref(feed);
}

int bus_queries_new(Bus *b) {
        BusFeed *f = calloc(1, sizeof *f);
        int r;

        if (!f)
                return -ENOMEM;
        atomic_init(&f->references, 1);
        (void) pthread_mutex_init(&f->lock, NULL);
        r = mailbox_new(&f->mailbox, b->event, "bus-queries", SD_EVENT_PRIORITY_NORMAL, on_finding, discard, b);
        if (r < 0) {
                (void) feed_unref(f);
                return r;
        }
        b->feed = f;
        return 0;
}

void bus_queries_free(Bus *b) {
        Mailbox *mailbox;

        if (!b->feed)
                return;
        (void) pthread_mutex_lock(&b->feed->lock);
        mailbox = TAKE_PTR(b->feed->mailbox);
        (void) pthread_mutex_unlock(&b->feed->lock);
        (void) mailbox_free(mailbox);
        b->feed = feed_unref(b->feed);
}

int bus_query_begin(Bus *b, sd_bus_message *m, RequestContext *context, const char *method, const json_t *args, const char *what,
                    BusQueryDone done, void *data, void (*free_data)(void *data), sd_bus_error *error) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(finding_freep) Finding *f = NULL;
        BusCall *c;
        int r;

        assert(done);

        f = calloc(1, sizeof *f);
        if (!f) {
                if (free_data)
                        free_data(data);
                return -ENOMEM;
        }
        f->bus = b;
        f->done = done;
        f->data = data;
        f->free_data = free_data;
        if (!b->service)
                return sd_bus_error_set(error, BUS_ERROR_NOT_RUNNING,
                                        "There is no service yet, or no more: the daemon is starting or ending");
        r = bus_call_new(b, m, WAIT_RESULT, what, &c, error);
        if (r < 0)
                return r;
        f->call = c;
        f->feed = b->feed;
        atomic_fetch_add(&f->feed->references, 1);
        r = service_call(b->service, method, args, context, ORIGIN_BUS, on_finished, f, &e);
        if (r < 0) {
                f->call = bus_call_free(c);
                return bus_error_from(error, r, &e, what);
        }
        TAKE_PTR(f);            /* on_finished has it */
        return 1;
}

int bus_query_ask(Bus *b, const char *method, const json_t *args,
                  void (*told)(Bus *b, const json_t *result, const NovaException *e, void *data), void *data) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(finding_freep) Finding *f = calloc(1, sizeof *f);
        int r;

        if (!f) {
                free(data);
                return -ENOMEM;
        }
        f->bus = b;
        f->told = told;
        f->data = data;
        f->free_data = free;
        f->feed = b->feed;
        atomic_fetch_add(&f->feed->references, 1);
        r = b->service ? service_call(b->service, method, args, NULL, ORIGIN_BUS, on_finished, f, &e) : -ESHUTDOWN;
        if (r < 0)
                return r;
        TAKE_PTR(f);
        return 0;
}

/* The way between threads: a list under a lock and an eventfd that wakes the reader. See mailbox.h. */
#include "basic/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

typedef struct Letter {
        struct Letter *next;
        void *item;
} Letter;

struct Mailbox {
        MailboxHandler handler;
        void (*discard)(void *item);
        void *userdata;

        int wake;                       /* eventfd */
        sd_event_source *source;
        Letter *reading;                /* taken over by the loop, not yet handled */
        bool handling;                  /* handlers run; if one of them frees the mailbox, */
        bool doomed;                    /* that is done after it has returned */

        pthread_mutex_t lock;
        Letter *first, **last;          /* posted, not seen; under the lock */
};

static void discard_all(Mailbox *m, Letter *l) {
        while (l) {
                Letter *next = l->next;

                if (m->discard)
                        m->discard(l->item);
                free(l);
                l = next;
        }
}

static void destroy(Mailbox *m) {
        m->source = sd_event_source_disable_unref(m->source);
        if (m->wake >= 0)
                (void) close(m->wake);
        discard_all(m, m->reading);
        discard_all(m, m->first);
        (void) pthread_mutex_destroy(&m->lock);
        free(m);
}

Mailbox *mailbox_free(Mailbox *m) {
        if (m && m->handling)
                m->doomed = true;
        else if (m)
                destroy(m);
        return NULL;
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Mailbox *m = userdata;
        eventfd_t n;

        (void) eventfd_read(fd, &n);

        pthread_mutex_lock(&m->lock);
        m->reading = m->first;
        m->first = NULL;
        m->last = &m->first;
        pthread_mutex_unlock(&m->lock);

        m->handling = true;
        while (m->reading && !m->doomed) {
                Letter *l = m->reading;
                void *item = l->item;

                m->reading = l->next;
                free(l);
                m->handler(item, m->userdata);
        }
        m->handling = false;
        if (m->doomed)
                destroy(m);
        return 0;
}

int mailbox_new(Mailbox **ret, sd_event *event, const char *name, int64_t priority, MailboxHandler handler,
                void (*discard)(void *item), void *userdata) {
        _cleanup_(mailbox_freep) Mailbox *m = NULL;
        int r;

        assert(ret && event && handler);

        m = malloc(sizeof *m);
        if (!m)
                return -ENOMEM;
        *m = (Mailbox){.handler = handler, .discard = discard, .userdata = userdata, .wake = -1,
                       .lock = PTHREAD_MUTEX_INITIALIZER};
        m->last = &m->first;

        m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (m->wake < 0)
                return -errno;
        r = sd_event_add_io(event, &m->source, m->wake, EPOLLIN, on_wake, m);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(m->source, priority);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(m->source, name);

        *ret = TAKE_PTR(m);
        return 0;
}

int mailbox_post(Mailbox *m, void *item) {
        bool wake;
        Letter *l;

        assert(m);
        l = malloc(sizeof *l);
        if (!l)
                return -ENOMEM;
        *l = (Letter){.item = item};

        pthread_mutex_lock(&m->lock);
        wake = !m->first;
        *m->last = l;
        m->last = &l->next;
        /* Under the lock: once the reader has the item it may end whoever posts, and with that the mailbox. */
        if (wake)
                (void) eventfd_write(m->wake, 1);
        pthread_mutex_unlock(&m->lock);
        return 0;
}

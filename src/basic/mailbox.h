/* A mailbox: any thread posts items, the thread that runs the sd_event reads them in order.
 * The way between threads of this daemon. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"

typedef struct Mailbox Mailbox;

/* Called on the event loop's thread for each item, in the order posted. Owns @item. It may post and may free the
 * mailbox; what comes in while the batch is handled waits for the loop's next turn. */
typedef void (*MailboxHandler)(void *item, void *userdata);

/* @discard frees an item that nobody will read any more (mailbox_free with items left); may be NULL. @name is borrowed.
 * Returns 0 with *ret owned by the caller, or -errno. */
int mailbox_new(Mailbox **ret, sd_event *event, const char *name, int64_t priority, MailboxHandler handler,
                void (*discard)(void *item), void *userdata);

/* On the loop's thread, after the posters are gone; also from within a handler. Discards what is left. Takes NULL, returns NULL. */
Mailbox *mailbox_free(Mailbox *m);
DEFINE_CLEANUP(Mailbox *, mailbox_free)

/* Any thread. Hands @item over. Returns 0, or -ENOMEM (then @item stays the caller's). Wakes the loop once for any
 * number of items that it has not yet seen. */
int mailbox_post(Mailbox *m, void *item);

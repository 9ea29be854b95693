/* A synchronous rtnetlink socket: one request at a time, each answered within its time limit. libnl-3 carries the messages;
 * what they hold is the business of link.c, address.c and route.c. The socket belongs to the network namespace of the thread
 * that opened it.
 *
 * Workers only: a request waits for the kernel, NETLINK_TIMEOUT at most (then -ETIMEDOUT, and the socket is made anew).
 * Thread-safe: threads take turns. Failures are the kernel's own -errno; netlink_reason says what it had to add. */
#pragma once

#include <linux/netlink.h>
#include <netlink/msg.h>

#include "basic/macros.h"
#include "basic/time-util.h"

#define NETLINK_TIMEOUT (5 * USEC_PER_SEC)

typedef struct Netlink Netlink;

int netlink_new(Netlink **ret);
Netlink *netlink_free(Netlink *n);
DEFINE_CLEANUP(Netlink *, netlink_free)

/* Sends @m, which it takes over (NULL: out of memory), and waits for the acknowledgement. 0 or -errno. */
int netlink_request(Netlink *n, struct nl_msg *m);
/* Sends @m, and calls @f for each message of the answer, under the lock: @f may not use @n. A negative return of @f is
 * passed on when all were read. -EINTR: what was listed changed meanwhile; list it anew. */
int netlink_read(Netlink *n, struct nl_msg *m, int (*f)(struct nlmsghdr *h, void *userdata), void *userdata);
/* Asks for all of a kind (@type: RTM_GET…, @head: its header, of which the kernel reads the family) and calls @f for each, as netlink_read
 * does. Where they change meanwhile it begins anew, some times, after @reset. 0; -errno; -EINTR when they never held still. */
int netlink_list(Netlink *n, int type, const void *head, size_t size, int (*f)(struct nlmsghdr *h, void *userdata), void (*reset)(void *userdata),
                 void *userdata);

/* What the kernel said of this thread's last failure ("Unknown device type"), or "". */
const char *netlink_reason(void);

/* For tests of what follows a failure: the request of this number from now on (1 = the next; 0 = none) is not sent but fails with
 * -EIO, or (@die) the process is killed at it. */
void netlink_fail_at(Netlink *n, unsigned number, bool die);

/* Events of interfaces: see events.h.
 *
 * Listing is asynchronous like all else here: the dump is asked for, and its messages come in by the same socket as the events do.
 * While one is under way each interface seen gets its number; those without it at its end are gone. */
#define LOG_LOGGER "nova.network.manager"
#include "network/events.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include "basic/log.h"

#define BUFFER (1024 * 1024)

typedef struct Known {
        LinkInfo link;
        unsigned seen;                  /* the number of the last dump that had it */
} Known;

struct LinkEvents {
        struct nl_sock *sock;
        sd_event_source *source, *again;
        LinkEventHandler handler;
        void *userdata;
        Known *known;
        size_t n;
        unsigned dump;                  /* the number of the dump under way or ended */
        bool dumping;                   /* it is under way */
        bool interrupted;               /* it has to be done again */
        unsigned overruns;
};

const char *link_change_to_string(LinkChange c) {
        static const char *const names[_LINK_CHANGE_MAX] = { "added", "changed", "removed" };

        return (unsigned) c < _LINK_CHANGE_MAX ? names[c] : NULL;
}

static void tell(LinkEvents *l, LinkChange c, const LinkInfo *link) {
        LinkInfo copy = *link;          /* the table may grow under a handler that makes an interface */

        l->handler(c, &copy, l->userdata);
}

static bool differs(const LinkInfo *a, const LinkInfo *b) {
        return a->flags != b->flags || a->master != b->master || a->mtu != b->mtu || !streq(a->name, b->name) || !streq(a->mac, b->mac);
}

static Known *find(LinkEvents *l, int index) {
        for (size_t i = 0; i < l->n; i++)
                if (l->known[i].link.index == index)
                        return &l->known[i];
        return NULL;
}

static void forget(LinkEvents *l, Known *k) {
        LinkInfo gone = k->link;

        *k = l->known[--l->n];
        tell(l, LINK_REMOVED, &gone);
}

static int on_message(struct nl_msg *m, void *userdata) {
        const struct nlmsghdr *h = nlmsg_hdr(m);
        LinkEvents *l = userdata;
        LinkInfo link;
        Known *k;

        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
                l->interrupted = true;
        /* Of a bridge's port there is a second message, of family AF_BRIDGE, which lacks the rest. */
        if (((const struct ifinfomsg *) nlmsg_data((struct nlmsghdr *) h))->ifi_family != AF_UNSPEC || link_parse(h, &link) < 0)
                return NL_OK;

        k = find(l, link.index);
        if (h->nlmsg_type == RTM_DELLINK) {
                if (k)
                        forget(l, k);
                return NL_OK;
        }
        if (!k) {
                Known *bigger = reallocarray(l->known, l->n + 1, sizeof *bigger);

                if (!bigger) {
                        l->interrupted = true;
                        return NL_OK;
                }
                l->known = bigger;
                bigger[l->n++] = (Known) { .link = link, .seen = l->dump };
                tell(l, LINK_ADDED, &link);
                return NL_OK;
        }
        k->seen = l->dump;
        if (differs(&k->link, &link)) {
                k->link = link;
                tell(l, LINK_CHANGED, &link);
        }
        return NL_OK;
}

static int on_dump_end(struct nl_msg *m, void *userdata) {
        LinkEvents *l = userdata;

        if (nlmsg_hdr(m)->nlmsg_flags & NLM_F_DUMP_INTR)
                l->interrupted = true;
        l->dumping = false;
        /* Of a dump that is to be done again nothing may be taken for gone. */
        for (size_t i = 0; !l->interrupted && i < l->n;)
                if (l->known[i].seen != l->dump)
                        forget(l, &l->known[i]);
                else
                        i++;
        return NL_OK;
}

static int begin_dump(LinkEvents *l) {
        const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
        int r;

        l->dump++;
        l->dumping = true;
        l->interrupted = false;
        r = nl_send_simple(l->sock, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, (void *) &any, sizeof any);
        if (r < 0) {
                l->dumping = false;
                return -EIO;
        }
        return 0;
}

/* A dump that could not be begun, or has to be done again, is tried from here, so that a busy kernel does not hold the loop. */
static int on_again(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        LinkEvents *l = userdata;
        int r;

        if (l->dumping)
                return 0;
        r = begin_dump(l);
        if (r < 0) {
                (void) sd_event_source_set_time_relative(l->again, USEC_PER_SEC);
                (void) sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
        }
        return 0;
}

static void dump_again(LinkEvents *l, usec_t delay) {
        (void) sd_event_source_set_time_relative(l->again, delay);
        (void) sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata) {
        LinkEvents *l = userdata;

        /* Bounded: other sources have their turn when many events come. */
        for (unsigned n = 0; n < 64; n++) {
                int r = nl_recvmsgs_default(l->sock);

                if (r >= 0)
                        continue;
                if (r == -NLE_AGAIN)
                        break;
                if (r == -NLE_NOMEM || r == -NLE_DUMP_INTR) {
                        /* Lost: also what we believe to be under way, perhaps. */
                        if (r == -NLE_NOMEM) {
                                l->overruns++;
                                log_debug("The kernel dropped events of interfaces, they are listed anew");
                        }
                        l->dumping = false;
                        l->interrupted = true;
                        continue;
                }
                log_warning("Events of interfaces cannot be read: %s", nl_geterror(r));
                l->dumping = false;
                l->interrupted = true;
                break;
        }
        if (l->interrupted && !l->dumping)
                dump_again(l, 0);
        return 0;
}

int link_events_new(LinkEvents **ret, sd_event *event, LinkEventHandler handler, void *userdata) {
        _cleanup_(link_events_freep) LinkEvents *l = NULL;
        int r;

        assert(ret && event && handler);

        l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->handler = handler;
        l->userdata = userdata;
        l->sock = nl_socket_alloc();
        if (!l->sock)
                return -ENOMEM;
        nl_socket_disable_seq_check(l->sock);
        if (nl_connect(l->sock, NETLINK_ROUTE) < 0)
                return errno > 0 ? -errno : -EPROTO;
        (void) nl_socket_set_nonblocking(l->sock);
        (void) nl_socket_set_buffer_size(l->sock, BUFFER, 0);
        nl_socket_modify_cb(l->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, l);
        nl_socket_modify_cb(l->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_dump_end, l);
        /* Members first: what changes while the dump is made is told after it. */
        if (nl_socket_add_membership(l->sock, RTNLGRP_LINK) < 0)
                return -EPROTO;

        r = sd_event_add_io(event, &l->source, nl_socket_get_fd(l->sock), EPOLLIN, on_readable, l);
        if (r >= 0)
                r = sd_event_source_set_description(l->source, "link-events");
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->again, CLOCK_MONOTONIC, 0, 0, on_again, l);
        if (r >= 0)
                r = sd_event_source_set_description(l->again, "link-events-again");
        if (r >= 0)
                r = begin_dump(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

LinkEvents *link_events_free(LinkEvents *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->source);
        sd_event_source_disable_unref(l->again);
        if (l->sock)
                nl_socket_free(l->sock);
        free(l->known);
        free(l);
        return NULL;
}

unsigned link_events_overruns(const LinkEvents *l) {
        return l->overruns;
}

int link_events_set_buffer(LinkEvents *l, int bytes) {
        return setsockopt(nl_socket_get_fd(l->sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

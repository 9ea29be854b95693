/* The synchronous rtnetlink socket: see netlink.h. */
#include "network/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define LIST_ATTEMPTS 5

struct Netlink {
        pthread_mutex_t lock;
        struct nl_sock *sock;           /* NULL: to be made anew */
        unsigned fail_at;               /* 0 = none */
        bool die;
};

/* One exchange, as its callbacks see it. */
typedef struct Exchange {
        int (*f)(struct nlmsghdr *h, void *userdata);
        void *userdata;
        bool done;
        bool interrupted;
        int result;                     /* the kernel's */
        int f_result;
} Exchange;

static _Thread_local char reason[160];

const char *netlink_reason(void) {
        return reason;
}

static int open_socket(Netlink *n) {
        const struct timeval timeout = { .tv_sec = NETLINK_TIMEOUT / USEC_PER_SEC };
        int on = 1, fd;

        n->sock = nl_socket_alloc();
        if (!n->sock)
                return -ENOMEM;
        nl_socket_disable_auto_ack(n->sock);    /* an answer is not followed by one: requests ask for it */
        if (nl_connect(n->sock, NETLINK_ROUTE) < 0) {
                nl_socket_free(TAKE_PTR(n->sock));
                return errno > 0 ? -errno : -EPROTO;
        }
        fd = nl_socket_get_fd(n->sock);
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
        /* The kernel's words beside its errno. */
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
        (void) nl_socket_set_buffer_size(n->sock, 1024 * 1024, 0);
        return 0;
}

int netlink_new(Netlink **ret) {
        _cleanup_(netlink_freep) Netlink *n = NULL;
        int r;

        assert(ret);

        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        pthread_mutex_init(&n->lock, NULL);
        r = open_socket(n);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(n);
        return 0;
}

Netlink *netlink_free(Netlink *n) {
        if (!n)
                return NULL;
        if (n->sock)
                nl_socket_free(n->sock);
        pthread_mutex_destroy(&n->lock);
        free(n);
        return NULL;
}

static int on_valid(struct nl_msg *m, void *userdata) {
        Exchange *x = userdata;
        struct nlmsghdr *h = nlmsg_hdr(m);

        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
                x->interrupted = true;
        if (x->f && x->f_result >= 0)
                x->f_result = x->f(h, x->userdata);
        if (!(h->nlmsg_flags & NLM_F_MULTI))
                x->done = true;
        return NL_OK;
}

static int on_end(struct nl_msg *m, void *userdata) {
        Exchange *x = userdata;

        if (nlmsg_hdr(m)->nlmsg_flags & NLM_F_DUMP_INTR)
                x->interrupted = true;
        x->done = true;
        return NL_STOP;
}

/* The acknowledgement of a request is an error of 0 or more; behind it the kernel's words, if it has any. */
static int on_error(struct sockaddr_nl *from _unused_, struct nlmsgerr *e, void *userdata) {
        const struct nlmsghdr *h = (const struct nlmsghdr *) ((const char *) e - NLMSG_HDRLEN);
        Exchange *x = userdata;

        x->done = true;
        x->result = e->error;
        if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
                size_t header = NLMSG_ALIGN(sizeof *e) + (h->nlmsg_flags & NLM_F_CAPPED ? 0 : NLMSG_ALIGN(e->msg.nlmsg_len - NLMSG_HDRLEN));
                const struct nlattr *text;

                if (h->nlmsg_len < NLMSG_HDRLEN + header)
                        return NL_STOP;
                text = nla_find((struct nlattr *) ((char *) e + header), (int) (h->nlmsg_len - NLMSG_HDRLEN - header), NLMSGERR_ATTR_MSG);
                if (text)
                        (void) snprintf(reason, sizeof reason, "%.*s", (int) strnlen(nla_data(text), (size_t) nla_len(text)),
                                        (const char *) nla_data(text));
        }
        return NL_STOP;
}

static int exchange(Netlink *n, struct nl_msg *m, Exchange *x) {
        struct nl_cb *cb;
        int r = 0;

        reason[0] = '\0';
        if (n->fail_at > 0 && --n->fail_at == 0) {
                if (n->die)
                        (void) raise(SIGKILL);
                (void) snprintf(reason, sizeof reason, "made to fail");
                return -EIO;
        }
        if (!n->sock) {
                r = open_socket(n);
                if (r < 0)
                        return r;
        }
        cb = nl_cb_alloc(NL_CB_DEFAULT);
        if (!cb)
                return -ENOMEM;
        nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, x);
        nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, x);
        nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, x);
        nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);

        if (nl_send_auto(n->sock, m) < 0)
                r = errno > 0 ? -errno : -EPROTO;
        while (r >= 0 && !x->done) {
                r = nl_recvmsgs(n->sock, cb);
                if (r >= 0 || x->done)
                        r = 0;
                else if (r == -NLE_AGAIN)
                        r = -ETIMEDOUT;
                else if (r == -NLE_DUMP_INTR) {
                        x->interrupted = true;
                        r = 0;
                } else
                        r = -EPROTO;
        }
        nl_cb_put(cb);
        /* What was not answered may be so later: that answer is nobody's. */
        if (r < 0)
                nl_socket_free(TAKE_PTR(n->sock));
        return r < 0 ? r : x->result;
}

int netlink_request(Netlink *n, struct nl_msg *m) {
        Exchange x = {};
        int r;

        assert(n);

        if (!m)
                return -ENOMEM;
        nlmsg_hdr(m)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        pthread_mutex_lock(&n->lock);
        r = exchange(n, m, &x);
        pthread_mutex_unlock(&n->lock);
        nlmsg_free(m);
        return r;
}

int netlink_read(Netlink *n, struct nl_msg *m, int (*f)(struct nlmsghdr *h, void *userdata), void *userdata) {
        Exchange x = { .f = f, .userdata = userdata };
        int r;

        assert(n && f);

        if (!m)
                return -ENOMEM;
        pthread_mutex_lock(&n->lock);
        r = exchange(n, m, &x);
        pthread_mutex_unlock(&n->lock);
        nlmsg_free(m);
        if (r >= 0 && x.interrupted)
                return -EINTR;
        return r < 0 ? r : x.f_result;
}

void netlink_fail_at(Netlink *n, unsigned number, bool die) {
        pthread_mutex_lock(&n->lock);
        n->fail_at = number;
        n->die = die;
        pthread_mutex_unlock(&n->lock);
}

int netlink_list(Netlink *n, int type, const void *head, size_t size, int (*f)(struct nlmsghdr *h, void *userdata), void (*reset)(void *userdata),
                 void *userdata) {
        int r = -EINTR;

        for (unsigned attempt = 0; r == -EINTR && attempt < LIST_ATTEMPTS; attempt++) {
                struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);

                reset(userdata);
                if (m && nlmsg_append(m, (void *) head, size, NLMSG_ALIGNTO) < 0) {
                        nlmsg_free(m);
                        m = NULL;
                }
                r = netlink_read(n, m, f, userdata);
        }
        return r;
}

/* The life of a connection. One try at a time: link_try connects (it may wait, on this thread), then frames come by
 * epoll. Whatever goes wrong ends in link_lose, which only turns a defer source on: the caller may be deep inside a
 * handler that still holds on to the connection. The defer source takes everything down, sources first, the socket
 * after, and sets the timer for the next try. */
#include "rpc/link-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#define LOG_LOGGER "nova.rpc"
#include "basic/log.h"

#define PROVEN_AFTER (10 * USEC_PER_SEC)
#define SAY_AGAIN_AFTER (60 * USEC_PER_SEC)
#define WAIT_LIMIT_WITHOUT_HEARTBEAT (60 * USEC_PER_SEC)
#define GOODBYE_LIMIT (1 * USEC_PER_SEC)

static void link_schedule(Link *l);

/* ---- status ---- */

static void status_changed(Link *l) {
        if (l->handlers.on_status)
                l->handlers.on_status(l, l->userdata);
}

static void set_state(Link *l, RpcLinkState state, usec_t next_try) {
        const TransportHost *h = &l->options->url.hosts[l->host % l->options->url.n_hosts];
        bool v6 = strchr(h->host, ':');

        pthread_mutex_lock(&l->lock);
        l->status.state = state;
        l->status.logged_in = state == RPC_LINK_CONNECTED;
        l->status.next_try = next_try;
        l->status.attempt = l->failures;
        snprintf(l->status.address, sizeof l->status.address, v6 ? "[%s]:%u" : "%s:%u", h->host, h->port);
        if (state == RPC_LINK_CONNECTED)
                l->status.error[0] = '\0';
        else if (*l->reason)
                memcpy(l->status.error, l->reason, sizeof l->reason);
        if (state != RPC_LINK_CONNECTED) {
                l->status.blocked = false;
                l->status.consumers = 0;
        }
        pthread_mutex_unlock(&l->lock);
        status_changed(l);
}

void link_status(Link *l, LinkStatus *ret) {
        pthread_mutex_lock(&l->lock);
        *ret = l->status;
        pthread_mutex_unlock(&l->lock);
}

void link_set_consumers(Link *l, unsigned n) {
        pthread_mutex_lock(&l->lock);
        l->status.consumers = n;
        pthread_mutex_unlock(&l->lock);
        if (l->open)                    /* else it is told with the state */
                status_changed(l);
}

bool link_is_open(const Link *l) {
        return l->open && !l->lost;
}

bool link_is_blocked(const Link *l) {
        return l->status.blocked;       /* written by this thread only */
}

int link_close_code(const Link *l) {
        return l->close_code;
}

unsigned link_generation(const Link *l) {
        return l->generation;
}

void link_proven(Link *l) {
        l->proven = true;
}

/* ---- failures as sentences ---- */

void link_set_reason(Link *l, const char *format, ...) {
        va_list ap;

        if (*l->reason)
                return;
        va_start(ap, format);
        (void) vsnprintf(l->reason, sizeof l->reason, format, ap);
        va_end(ap);
        for (char *p = l->reason; *p; p++)
                if ((unsigned char) *p < ' ')
                        *p = ' ';
}

typedef struct CloseCode {
        uint16_t code;
        const char *name;
        const char *advice;             /* what it means here */
} CloseCode;

static const CloseCode close_codes[] = {
        {311, "CONTENT_TOO_LARGE", "a message is larger than the broker takes"},
        {312, "NO_ROUTE", "nobody takes the message"},
        {313, "NO_CONSUMERS", "nobody consumes"},
        {320, "CONNECTION_FORCED", "an operator closed the connection or the broker stops"},
        {402, "INVALID_PATH", "there is no such virtual host"},
        {403, "ACCESS_REFUSED", "user, password or permissions on the virtual host are not right"},
        {404, "NOT_FOUND", "a queue or exchange has gone; it is declared again"},
        {405, "RESOURCE_LOCKED", "another connection holds a queue for itself"},
        {406, "PRECONDITION_FAILED",
         "it exists with other flags: amqp_durable_queues, amqp_auto_delete, rabbit_ha_queues and "
         "rabbit_quorum_queue must be as in the other services"},
        {501, "FRAME_ERROR", "a frame was not understood"},
        {502, "SYNTAX_ERROR", "a frame held a wrong value"},
        {503, "COMMAND_INVALID", "commands came in a wrong order"},
        {504, "CHANNEL_ERROR", "the channel is not open"},
        {505, "UNEXPECTED_FRAME", "a frame came in a wrong order"},
        {506, "RESOURCE_ERROR", "the broker lacks resources"},
        {530, "NOT_ALLOWED", "the virtual host does not exist or does not admit the user"},
        {540, "NOT_IMPLEMENTED", "the broker does not know the command"},
        {541, "INTERNAL_ERROR", "the broker failed inside; a cluster may still be electing"},
};

void link_set_close(Link *l, uint16_t code, amqp_bytes_t text, const char *what) {
        const char *name = "", *advice = NULL;

        for (size_t i = 0; i < ELEMENTSOF(close_codes); i++)
                if (close_codes[i].code == code) {
                        name = close_codes[i].name;
                        advice = close_codes[i].advice;
                }
        l->close_code = code;
        link_set_reason(l, "%s: the broker closed it with %u %s%s%s (\"%.*s\")", what, code, name, advice ? ": " : "",
                        strempty(advice), (int) MIN(text.len, (size_t) 200),
                        text.len > 0 ? (const char *) text.bytes : "");
}

static const char *status_sentence(int status) {
        switch (status) {
        case AMQP_STATUS_CONNECTION_CLOSED:
                return "the broker closed the socket";
        case AMQP_STATUS_SOCKET_ERROR:
        case AMQP_STATUS_TCP_ERROR:
                return "the socket failed";
        case AMQP_STATUS_SOCKET_CLOSED:
                return "the socket was closed";
        case AMQP_STATUS_HEARTBEAT_TIMEOUT:
                return "the broker has sent no heartbeat";
        case AMQP_STATUS_TIMEOUT:
                return "the broker did not answer in time";
        case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
                return "the name cannot be resolved";
        case AMQP_STATUS_BROKER_UNSUPPORTED_SASL_METHOD:
                return "the broker does not offer the login method";
        case AMQP_STATUS_BAD_AMQP_DATA:
        case AMQP_STATUS_UNKNOWN_CLASS:
        case AMQP_STATUS_UNKNOWN_METHOD:
        case AMQP_STATUS_WRONG_METHOD:
        case AMQP_STATUS_UNEXPECTED_STATE:
        case AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION:
                return "what answers does not speak AMQP 0-9-1 rightly";
        default:
                return amqp_error_string2(status);
        }
}

int link_check_status(Link *l, int status, const char *what) {
        if (status >= 0)
                return 0;
        link_set_reason(l, "%s: %s", what, status_sentence(status));
        link_lose(l);
        return -ENOTCONN;
}

int link_check_reply(Link *l, amqp_rpc_reply_t reply, const char *what) {
        if (reply.reply_type == AMQP_RESPONSE_NORMAL)
                return 0;
        if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
                const amqp_channel_close_t *m = reply.reply.decoded;
                link_set_close(l, m->reply_code, m->reply_text, what);
        } else if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
                   reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
                const amqp_connection_close_t *m = reply.reply.decoded;
                link_set_close(l, m->reply_code, m->reply_text, what);
        } else
                link_set_reason(l, "%s: %s", what,
                                status_sentence(reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                                                        ? reply.library_error
                                                        : AMQP_STATUS_UNEXPECTED_STATE));
        link_lose(l);
        return -ENOTCONN;
}

/* ---- up and down ---- */

void link_set_guard(Link *l, int fd) {
        int guard = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

        pthread_mutex_lock(&l->lock);
        if (l->guard >= 0)
                (void) close(l->guard);
        l->guard = guard;
        pthread_mutex_unlock(&l->lock);
}

static void link_down(Link *l) {
        bool was_open = l->open;

        l->open = false;
        l->input = sd_event_source_disable_unref(l->input);
        (void) sd_event_source_set_enabled(l->heartbeat, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(l->again, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(l->drop, SD_EVENT_OFF);
        link_assemblies_done(l);
        if (l->conn) {
                /* Through a dead connection TLS would still say goodbye: not a word more goes out. */
                if (l->lost)
                        link_interrupt(l);
                (void) amqp_destroy_connection(l->conn);
                l->conn = NULL;
        }
        link_set_guard(l, -1);
        l->lost = false;
        if (was_open)
                l->handlers.on_lost(l, l->userdata);
}

void link_lose(Link *l) {
        if (l->lost)
                return;
        l->lost = true;
        if (l->open)
                (void) sd_event_source_set_enabled(l->drop, SD_EVENT_ONESHOT);
}

void link_fail(Link *l, const char *reason) {
        if (!l->open)
                return;
        link_set_reason(l, "%s", reason);
        link_lose(l);
}

/* The failure in the log: when it begins, when it changes, and once a minute. */
static void say_failure(Link *l, usec_t delay) {
        usec_t now = now_monotonic();
        LinkStatus s;

        if (streq(l->said, l->reason) && now - l->said_at < SAY_AGAIN_AFTER)
                return;
        memcpy(l->said, l->reason, sizeof l->said);
        l->said_at = now;
        link_status(l, &s);
        log_event(LOG_LEVEL_ERROR, MESSAGE_BROKER_LOST, NULL,
                  "AMQP server on %s is unreachable: %s. Trying again in %.1f seconds. (%s)", s.address, l->reason,
                  (double) delay / (double) USEC_PER_SEC, l->purpose);
}

/* Sets the timer for the next try after a loss or a failed one. */
static void link_schedule(Link *l) {
        usec_t now = now_monotonic(), delay;
        uint32_t random = 0;

        (void) getrandom(&random, sizeof random, 0);
        if (l->opened > 0 && (l->proven || now - l->opened > PROVEN_AFTER))
                l->failures = 0;
        l->opened = 0;
        l->proven = false;
        if (l->outage == 0)
                l->outage = now;

        /* A loss of what was good is tried again at once: most are a queue deleted, a failover, a restart. */
        if (l->failures++ == 0)
                delay = random % (100 * USEC_PER_MSEC);
        else {
                delay = rpc_options_retry_delay(l->options, l->failures - 1, l->refused, now - l->outage, random);
                l->host = l->options->shuffle_on_failure && l->options->url.n_hosts > 1
                        ? l->host + 1 + random % (l->options->url.n_hosts - 1) : l->host + 1;
        }
        if (l->close_code == AMQP_INTERNAL_ERROR)
                delay = MAX(delay, 2 * USEC_PER_SEC);

        set_state(l, RPC_LINK_WAITING, now + delay);
        say_failure(l, delay);
        (void) sd_event_source_set_time_relative(l->retry, delay);
        (void) sd_event_source_set_enabled(l->retry, SD_EVENT_ONESHOT);
}

void link_lock(Link *l) {
        pthread_mutex_lock(&l->io);
}

void link_unlock(Link *l) {
        pthread_mutex_unlock(&l->io);
}

bool link_try_lock(Link *l) {
        if (pthread_mutex_trylock(&l->io) != 0)
                return false;
        if (link_is_open(l) && !l->status.blocked) {
                struct pollfd p = {.fd = l->guard, .events = POLLOUT};

                /* The kernel says yes while a third of the buffer is free, far more than a small message. */
                if (poll(&p, 1, 0) == 1 && p.revents == POLLOUT)
                        return true;
        }
        pthread_mutex_unlock(&l->io);
        return false;
}

void link_check(Link *l) {
        if (l->lost && l->open)
                (void) sd_event_source_set_enabled(l->drop, SD_EVENT_ONESHOT);
}

static int on_input(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Link *l = userdata;

        link_lock(l);
        (void) link_drain(l);
        link_unlock(l);
        return 0;
}

static int on_again(sd_event_source *s, void *userdata) {
        return on_input(s, -1, 0, userdata);
}

static int on_drop(sd_event_source *s, void *userdata) {
        Link *l = userdata;

        link_lock(l);
        link_down(l);
        if (l->wanted)
                link_schedule(l);
        link_unlock(l);
        return 0;
}

/* Sends our heartbeat at the rate asked for, and looks whether theirs came. The library would do both only inside its
 * own waiting. A broker sends twice in the negotiated time: one and a half times without a byte is a dead one. */
static void beat(Link *l) {
        usec_t period = l->heartbeat_seconds * USEC_PER_SEC;
        amqp_frame_t f = {.frame_type = AMQP_FRAME_HEARTBEAT};
        usec_t silent;

        if (!link_is_open(l))
                return;

        silent = now_monotonic() - l->last_input;
        if (silent >= period + period / 2) {
                link_set_reason(l, "the broker has been silent for %.1f seconds, the heartbeat is %u",
                                (double) silent / (double) USEC_PER_SEC, l->heartbeat_seconds);
                link_lose(l);
                return;
        }

        link_enter(l);
        int r = amqp_send_frame(l->conn, &f);
        link_leave(l);
        if (link_check_status(l, r, "sending a heartbeat") < 0)
                return;
        (void) sd_event_source_set_time_relative(l->heartbeat, period / l->options->heartbeat_rate);
        (void) sd_event_source_set_enabled(l->heartbeat, SD_EVENT_ONESHOT);
}

static int on_heartbeat(sd_event_source *s, uint64_t usec, void *userdata) {
        Link *l = userdata;

        link_lock(l);
        beat(l);
        link_unlock(l);
        return 0;
}

static int link_open(Link *l) {
        int r;

        r = link_connect(l);
        if (r < 0)
                return r;

        pthread_mutex_lock(&l->lock);
        l->status.logged_in = true;
        pthread_mutex_unlock(&l->lock);
        l->generation++;
        l->last_input = l->opened = now_monotonic();
        r = sd_event_add_io(l->event, &l->input, l->guard, EPOLLIN, on_input, l);
        if (r < 0) {
                link_set_reason(l, "watching the socket: %s", strerrordesc_np(-r));
                return r;
        }
        (void) sd_event_source_set_description(l->input, "amqp-input");

        /* Not open yet: a loss within on_open is handled here and not by the defer source. */
        if (*l->delete_first) {
                r = link_open_channel(l, LINK_CHANNEL_MAX, false);
                if (r >= 0)
                        r = link_delete_queue(l, LINK_CHANNEL_MAX, l->delete_first);
                if (r >= 0)
                        r = link_check_reply(l, amqp_channel_close(l->conn, LINK_CHANNEL_MAX, AMQP_REPLY_SUCCESS),
                                             "closing a channel");
                if (r < 0)
                        return r;
                l->delete_first[0] = '\0';
        }
        r = l->handlers.on_open(l, l->userdata);
        return r < 0 ? r : l->lost ? -ENOTCONN : 0;
}

static void try_to_connect(Link *l) {
        LinkStatus status;

        if (!l->wanted || l->open)
                return;

        l->reason[0] = '\0';
        l->close_code = 0;
        l->refused = false;
        set_state(l, RPC_LINK_CONNECTING, 0);

        if (link_open(l) < 0) {
                if (!*l->reason)
                        link_set_reason(l, "it could not be set up");
                link_down(l);
                if (l->wanted)
                        link_schedule(l);
                return;
        }

        l->open = true;
        l->outage = 0;
        l->said[0] = '\0';
        if (l->heartbeat_seconds > 0) {
                (void) sd_event_source_set_time_relative(l->heartbeat, l->heartbeat_seconds * USEC_PER_SEC /
                                                                               l->options->heartbeat_rate);
                (void) sd_event_source_set_enabled(l->heartbeat, SD_EVENT_ONESHOT);
        }
        set_state(l, RPC_LINK_CONNECTED, 0);
        link_status(l, &status);
        log_event(LOG_LEVEL_INFO, MESSAGE_BROKER_CONNECTED, NULL, "Connected to AMQP server on %s (%s)", status.address,
                  l->purpose);
        link_drain_soon(l);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        Link *l = userdata;

        link_lock(l);
        try_to_connect(l);
        link_unlock(l);
        return 0;
}

void link_drain_soon(Link *l) {
        (void) sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
}

int link_new(Link **ret, sd_event *event, const RpcOptions *options, const char *purpose, const LinkHandlers *handlers,
             void *userdata) {
        _cleanup_(link_freep) Link *l = calloc(1, sizeof *l);
        int r;

        if (!l)
                return -ENOMEM;
        l->guard = -1;
        l->options = options;
        l->purpose = purpose;
        l->handlers = *handlers;
        l->userdata = userdata;
        l->event = sd_event_ref(event);
        l->status.state = RPC_LINK_IDLE;
        (void) pthread_mutex_init(&l->lock, NULL);
        (void) pthread_mutex_init(&l->io, NULL);

        r = sd_event_add_time(event, &l->retry, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_retry, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &l->heartbeat, CLOCK_MONOTONIC, 0, 50 * USEC_PER_MSEC, on_heartbeat, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->heartbeat, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->again, on_again, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->again, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->drop, on_drop, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->drop, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(l->retry, "amqp-retry");
        (void) sd_event_source_set_description(l->heartbeat, "amqp-heartbeat");
        (void) sd_event_source_set_description(l->again, "amqp-again");
        (void) sd_event_source_set_description(l->drop, "amqp-drop");
        /* Before anything else that would use what is lost. */
        (void) sd_event_source_set_priority(l->drop, SD_EVENT_PRIORITY_IMPORTANT);

        *ret = TAKE_PTR(l);
        return 0;
}

void link_start(Link *l) {
        if (l->wanted)
                return;
        l->wanted = true;
        set_state(l, RPC_LINK_CONNECTING, 0);
        (void) sd_event_source_set_time_relative(l->retry, 0);
        (void) sd_event_source_set_enabled(l->retry, SD_EVENT_ONESHOT);
}

void link_close(Link *l, usec_t wait) {
        l->wanted = false;
        (void) sd_event_source_set_enabled(l->retry, SD_EVENT_OFF);
        if (link_is_open(l)) {
                struct timeval tv = {.tv_sec = (time_t) (wait / USEC_PER_SEC),
                                     .tv_usec = (suseconds_t) (wait % USEC_PER_SEC)};

                (void) amqp_set_rpc_timeout(l->conn, &tv);
                link_enter(l);
                (void) amqp_connection_close(l->conn, AMQP_REPLY_SUCCESS);
                link_leave(l);
                l->lost = true;
        }
        link_down(l);
        l->reason[0] = '\0';
        set_state(l, RPC_LINK_CLOSED, 0);
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        l->wanted = l->open = false;
        link_down(l);
        l->retry = sd_event_source_disable_unref(l->retry);
        l->heartbeat = sd_event_source_disable_unref(l->heartbeat);
        l->again = sd_event_source_disable_unref(l->again);
        l->drop = sd_event_source_disable_unref(l->drop);
        l->event = sd_event_unref(l->event);
        (void) pthread_mutex_destroy(&l->lock);
        (void) pthread_mutex_destroy(&l->io);
        free(l);
        return NULL;
}

/* ---- from other threads ---- */

void link_interrupt(Link *l) {
        pthread_mutex_lock(&l->lock);
        if (l->guard >= 0)
                (void) shutdown(l->guard, SHUT_RDWR);
        pthread_mutex_unlock(&l->lock);
}

usec_t link_goodbye_until(Link *l, usec_t deadline) {
        usec_t now = now_monotonic();
        LinkStatus s;

        link_status(l, &s);
        return s.logged_in ? MAX(deadline, now + GOODBYE_LIMIT) : now;
}

usec_t link_watch(Link *l) {
        unsigned heartbeat = l->options->heartbeat;
        usec_t limit = heartbeat > 0 ? heartbeat * USEC_PER_SEC * 3 / 2 : WAIT_LIMIT_WITHOUT_HEARTBEAT;
        usec_t since = atomic_load_explicit(&l->waiting_since, memory_order_relaxed), now = now_monotonic();

        if (since > 0 && now - since >= limit) {
                log_event(LOG_LEVEL_WARNING, MESSAGE_CALL_STALLED, NULL,
                          "The connection to the AMQP server has been stuck for %.1f seconds; breaking it (%s)",
                          (double) (now - since) / (double) USEC_PER_SEC, l->purpose);
                link_interrupt(l);
        }
        return now + limit / 6;
}

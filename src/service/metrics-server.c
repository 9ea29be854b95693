/* The metrics on a socket. A text is made at most once a second and shared by all who ask meanwhile; few clients are served at
 * a time, each within a limit, and the rest wait in the kernel's queue: so a flood of them costs the loop little. */
#define LOG_LOGGER "nova.service"
#include "service/metrics-server.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "service/service-metrics.h"

#define CLIENTS_MAX 8u
#define REQUEST_MAX 8192u               /* bytes of request line and headers */
#define CLIENT_LIMIT (5 * USEC_PER_SEC)
#define FRESH_FOR USEC_PER_SEC
#define AGAIN_AFTER USEC_PER_SEC        /* when nobody could be accepted */

typedef struct Page {
        unsigned references;
        char *text;
        size_t size;
} Page;

typedef struct Client Client;
struct Client {
        MetricsServer *server;
        int fd;
        sd_event_source *io, *limit;
        char request[REQUEST_MAX + 1];
        size_t n_request;

        /* the answer */
        bool answering;
        char head[256];
        size_t n_head;
        Page *page;                     /* NULL: the head is all */
        size_t sent;                    /* of head and page together */

        Client *next, **at;
};

struct MetricsServer {
        sd_event *event;
        int fd;
        sd_event_source *io, *again;
        int (*text)(void *userdata, char **ret);
        void *userdata;
        Client *clients;
        unsigned n_clients;
        Page *page;
        usec_t made;                    /* monotonic */
};

/* ---- the text ---- */

static Page *page_unref(Page *p) {
        if (!p || --p->references > 0)
                return NULL;
        free(p->text);
        free(p);
        return NULL;
}

/* The text as it was within the last second. NULL when it cannot be made. */
static Page *page_get(MetricsServer *s) {
        usec_t now = now_monotonic();
        Page *p;

        if (!s->page || now - s->made >= FRESH_FOR) {
                p = calloc(1, sizeof *p);
                if (!p)
                        return NULL;
                p->references = 1;
                if (s->text(s->userdata, &p->text) < 0)
                        return page_unref(p);
                p->size = strlen(p->text);
                (void) page_unref(s->page);
                s->page = p;
                s->made = now;
        }
        s->page->references++;
        return s->page;
}

/* ---- a client ---- */

static Client *client_free(Client *c) {
        MetricsServer *s = c->server;

        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->limit);
        (void) close(c->fd);
        (void) page_unref(c->page);
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        free(c);
        s->n_clients--;
        (void) sd_event_source_set_enabled(s->io, SD_EVENT_ON);
        return NULL;
}

static int client_send(Client *c) {
        size_t size = c->n_head + (c->page ? c->page->size : 0);

        while (c->sent < size) {
                bool in_head = c->sent < c->n_head;
                const char *from = in_head ? c->head + c->sent : c->page->text + (c->sent - c->n_head);
                ssize_t n = send(c->fd, from, in_head ? c->n_head - c->sent : size - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                c->sent += (size_t) n;
        }
        return 1;
}

static void client_begin_answer(Client *c) {
        c->answering = true;
        (void) sd_event_source_set_io_events(c->io, EPOLLOUT);
}

static void client_refuse(Client *c, const char *status, const char *more) {
        int n = snprintf(c->head, sizeof c->head, "HTTP/1.0 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status, more);

        c->n_head = (size_t) n;
        client_begin_answer(c);
}

static void client_answer(Client *c, bool http, bool body) {
        c->page = page_get(c->server);
        if (!c->page) {
                client_refuse(c, "503 Service Unavailable", "");
                return;
        }
        if (http)
                c->n_head = (size_t) snprintf(c->head, sizeof c->head,
                                              "HTTP/1.0 200 OK\r\nContent-Type: " METRICS_CONTENT_TYPE
                                              "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", c->page->size);
        if (!body)
                c->page = page_unref(c->page);
        client_begin_answer(c);
}

/* The request line is all that matters of a request. */
static void client_dispatch(Client *c) {
        char method[16], path[256], version[16], more;
        size_t n_path;

        c->request[strcspn(c->request, "\r\n")] = '\0';
        if (sscanf(c->request, "%15s %255s %15s %c", method, path, version, &more) != 3 || !startswith(version, "HTTP/1.")) {
                client_refuse(c, "400 Bad Request", "");
                return;
        }
        n_path = strcspn(path, "?");
        if (!streq(method, "GET") && !streq(method, "HEAD"))
                client_refuse(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
        else if (!(n_path == 1 && path[0] == '/') && !(n_path == strlen("/metrics") && startswith(path, "/metrics")))
                client_refuse(c, "404 Not Found", "");
        else
                client_answer(c, true, streq(method, "GET"));
}

/* 1 when the request is whole, 0 while more may come. */
static int client_receive(Client *c) {
        for (;;) {
                ssize_t n = recv(c->fd, c->request + c->n_request, REQUEST_MAX - c->n_request, MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (n == 0) {
                        if (c->n_request == 0)
                                client_answer(c, false, true);          /* the bare text */
                        else
                                client_refuse(c, "400 Bad Request", "");
                        return 1;
                }
                c->n_request += (size_t) n;
                c->request[c->n_request] = '\0';
                if (strlen(c->request) < c->n_request)                  /* a NUL in it */
                        client_refuse(c, "400 Bad Request", "");
                else if (strstr(c->request, "\r\n\r\n") || strstr(c->request, "\n\n"))
                        client_dispatch(c);
                else if (c->n_request == REQUEST_MAX)
                        client_refuse(c, "431 Request Header Fields Too Large", "");
                else
                        continue;
                return 1;
        }
}

static int client_on_io(sd_event_source *io _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata) {
        Client *c = userdata;
        int r = 1;

        if (!c->answering)
                r = client_receive(c);
        if (r > 0)
                r = client_send(c);
        if (r != 0) {
                if (r < 0)
                        log_debug("A client of the metrics is gone: %s", strerror(-r));
                (void) client_free(c);
        }
        return 0;
}

static int client_on_limit(sd_event_source *limit _unused_, uint64_t usec _unused_, void *userdata) {
        log_debug("A client of the metrics has taken too long");
        (void) client_free(userdata);
        return 0;
}

static int client_new(MetricsServer *s, int fd) {
        Client *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        c->server = s;
        c->fd = fd;
        r = sd_event_add_io(s->event, &c->io, fd, EPOLLIN, client_on_io, c);
        if (r >= 0)
                r = sd_event_add_time_relative(s->event, &c->limit, CLOCK_MONOTONIC, CLIENT_LIMIT, 0, client_on_limit, c);
        if (r < 0) {
                sd_event_source_disable_unref(c->io);
                free(c);
                return r;
        }
        (void) sd_event_source_set_description(c->io, "metrics-client");
        (void) sd_event_source_set_description(c->limit, "metrics-client-limit");
        c->next = s->clients;
        c->at = &s->clients;
        if (c->next)
                c->next->at = &c->next;
        s->clients = c;
        s->n_clients++;
        return 0;
}

/* ---- the server ---- */

static int server_on_io(sd_event_source *io _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        MetricsServer *s = userdata;
        int client, r;

        client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
                /* For want of a descriptor, say: the loop would come back at once, and must not. */
                if (errno != EAGAIN && errno != ECONNABORTED) {
                        (void) sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
                        (void) sd_event_source_set_time_relative(s->again, AGAIN_AFTER);
                        (void) sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
                }
                return 0;
        }
        r = client_new(s, client);
        if (r < 0) {
                (void) close(client);
                log_debug("A client of the metrics is not served: %s", strerror(-r));
        } else if (s->n_clients >= CLIENTS_MAX)
                (void) sd_event_source_set_enabled(s->io, SD_EVENT_OFF);        /* until one has ended */
        return 0;
}

static int server_on_again(sd_event_source *again _unused_, uint64_t usec _unused_, void *userdata) {
        MetricsServer *s = userdata;

        if (s->n_clients < CLIENTS_MAX)
                (void) sd_event_source_set_enabled(s->io, SD_EVENT_ON);
        return 0;
}

int metrics_server_new(MetricsServer **ret, sd_event *event, int fd, int (*text)(void *userdata, char **ret), void *userdata) {
        MetricsServer *s = calloc(1, sizeof *s);
        int flags, r;

        if (!s)
                return -ENOMEM;
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
                r = -errno;
                free(s);
                return r;
        }
        s->event = event;
        s->text = text;
        s->userdata = userdata;
        r = sd_event_add_io(event, &s->io, fd, EPOLLIN, server_on_io, s);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &s->again, CLOCK_MONOTONIC, 0, 0, server_on_again, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->again, SD_EVENT_OFF);
        if (r < 0) {
                sd_event_source_disable_unref(s->io);
                sd_event_source_disable_unref(s->again);
                free(s);
                return r;
        }
        (void) sd_event_source_set_description(s->io, "metrics");
        (void) sd_event_source_set_description(s->again, "metrics-again");
        s->fd = fd;
        *ret = s;
        return 0;
}

MetricsServer *metrics_server_free(MetricsServer *s) {
        if (!s)
                return NULL;
        while (s->clients)
                (void) client_free(s->clients);
        sd_event_source_disable_unref(s->io);
        sd_event_source_disable_unref(s->again);
        (void) close(s->fd);
        (void) page_unref(s->page);
        free(s);
        return NULL;
}

int metrics_server_socket(const char *name) {
        char **names = NULL;
        int n, found = -1;

        n = sd_listen_fds_with_names(true, &names);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (found < 0 && streq_ptr(names[i], name) && sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, true) > 0)
                        found = fd;
                else {
                        log_warning("The descriptor \"%s\" that was passed at the start is not used: only a listening stream socket "
                                    "\"%s\" is, once", names[i], name);
                        (void) close(fd);
                }
        }
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
        if (n < 0)
                log_warning("What descriptors were passed at the start cannot be told: %s", strerror(-n));
        return found;
}

/* The metrics on a socket: what clients get who ask well, badly, slowly, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop-test.h"
#include "service/metrics-server.h"
#include "service/service-metrics.h"

#define SIZE 1000000u                   /* of the text: more than a socket holds */

typedef struct Fixture {
        sd_event *event;
        struct sockaddr_un address;
        socklen_t length;
        MetricsServer *server;
        unsigned made;
        bool fails;
} Fixture;

static int on_text(void *userdata, char **ret) {
        Fixture *f = userdata;

        if (f->fails)
                return -ENOMEM;
        *ret = malloc(SIZE + 1);
        assert_non_null(*ret);
        memset(*ret, 'a' + (int) (f->made++ % 26), SIZE);
        (*ret)[SIZE] = '\0';
        return 0;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        int fd;

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        f->address.sun_family = AF_UNIX;
        assert_int_equal(bind(fd, (struct sockaddr *) &f->address, sizeof f->address.sun_family), 0);     /* a name of the kernel's */
        f->length = sizeof f->address;
        assert_int_equal(getsockname(fd, (struct sockaddr *) &f->address, &f->length), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(metrics_server_new(&f->server, f->event, fd, on_text, f), 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) metrics_server_free(f->server);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static int ask(Fixture *f, const char *request, size_t size) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &f->address, f->length), 0);
        if (size > 0)
                assert_int_equal(send(fd, request, size, MSG_NOSIGNAL), size);
        return fd;
}

/* Until the server closes: all that it said, malloc'ed. */
static char *answer(Fixture *f, int fd, size_t *ret_size) {
        char *text = malloc(SIZE + 4096);
        size_t n = 0;

        assert_non_null(text);
        for (bool end = false; !end;) {
                ssize_t k = recv(fd, text + n, SIZE + 4095 - n, 0);

                if (k > 0)
                        n += (size_t) k;
                end = k == 0 || (k < 0 && errno != EAGAIN);
                if (k < 0 && errno == EAGAIN)
                        assert_true(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
        }
        text[n] = '\0';
        if (ret_size)
                *ret_size = n;
        (void) close(fd);
        return text;
}

static void each_request_has_its_answer(void **state) {
        static const struct {
                const char *request, *status;
                size_t body;
        } table[] = {
                { "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", "HTTP/1.0 200 OK\r\n", SIZE },
                { "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n", SIZE },
                { "GET /metrics?name=x HTTP/1.1\r\n\r\n", "HTTP/1.0 200 OK\r\n", SIZE },
                { "GET /metrics HTTP/1.1\n\n", "HTTP/1.0 200 OK\r\n", SIZE },
                { "HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 200 OK\r\n", 0 },
                { "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n", 0 },
                { "GET /other HTTP/1.1\r\n\r\n", "HTTP/1.0 404 Not Found\r\n", 0 },
                { "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.0 404 Not Found\r\n", 0 },
                { "GET /metrics\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n", 0 },
                { "GET /metrics HTTP/1.1 more\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n", 0 },
                { "GET /metrics SPDY/3\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n", 0 },
                { "\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n", 0 },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *text = answer(f, ask(f, table[i].request, strlen(table[i].request)), NULL);
                const char *body = strstr(text, "\r\n\r\n");

                if (!startswith(text, table[i].status) || !body || strlen(body + 4) != table[i].body)
                        fail_msg("%s: %.200s", table[i].request, text);
                if (table[i].body > 0) {
                        assert_non_null(strstr(text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
                        assert_non_null(strstr(text, "\r\nContent-Length: 1000000\r\n"));
                }
        }
}

static void a_request_may_come_in_pieces(void **state) {
        static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        _cleanup_free_ char *text = NULL;
        Fixture *f = *state;
        int fd = ask(f, request, 1);

        for (size_t i = 1; i < sizeof request - 1; i++) {
                assert_true(sd_event_run(f->event, 0) >= 0);
                assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        }
        text = answer(f, fd, NULL);
        assert_non_null(startswith(text, "HTTP/1.0 200 OK\r\n"));
}

static void who_says_nothing_and_closes_his_side_gets_the_bare_text(void **state) {
        _cleanup_free_ char *text = NULL;
        Fixture *f = *state;
        int fd = ask(f, "", 0);

        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        text = answer(f, fd, NULL);
        assert_int_equal(strspn(text, "a"), SIZE);
        assert_int_equal(strlen(text), SIZE);
}

static void what_is_no_request_is_refused(void **state) {
        _cleanup_free_ char *cut = NULL, *binary = NULL, *endless = NULL;
        Fixture *f = *state;
        char much[9000];
        int fd;

        fd = ask(f, "GET /metr", 9);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        cut = answer(f, fd, NULL);
        assert_non_null(startswith(cut, "HTTP/1.0 400 "));

        binary = answer(f, ask(f, "GET /\0 HTTP/1.1\r\n\r\n", 19), NULL);
        assert_non_null(startswith(binary, "HTTP/1.0 400 "));

        memset(much, 'x', sizeof much);
        endless = answer(f, ask(f, much, sizeof much), NULL);
        assert_non_null(startswith(endless, "HTTP/1.0 431 "));
        assert_int_equal(f->made, 0);
}

static void a_text_that_cannot_be_made_is_said(void **state) {
        _cleanup_free_ char *text = NULL, *bare = NULL;
        Fixture *f = *state;
        int fd;

        f->fails = true;
        text = answer(f, ask(f, "GET / HTTP/1.0\r\n\r\n", 18), NULL);
        assert_non_null(startswith(text, "HTTP/1.0 503 Service Unavailable\r\n"));
        fd = ask(f, "", 0);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        bare = answer(f, fd, NULL);
        assert_non_null(startswith(bare, "HTTP/1.0 503 "));
}

static void a_crowd_shares_one_text_and_the_rest_waits(void **state) {
        Fixture *f = *state;
        int fds[40];

        /* Those who say nothing are held for a while, but not all places. */
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = ask(f, "GET / HTTP/1.0\r\n\r\n", 18);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                _cleanup_free_ char *text = answer(f, fds[i], NULL);

                assert_non_null(startswith(text, "HTTP/1.0 200 OK\r\n"));
        }
        assert_in_range(f->made, 1, 5);         /* one a second, and the machine may be slow */
}

static void who_hangs_is_let_go(void **state) {
        _cleanup_free_ char *text = NULL;
        Fixture *f = *state;
        int fds[8];
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = ask(f, i % 2 ? "GET" : "GET / HTTP/1.0\r\n\r\n", i % 2 ? 3 : 18);     /* and reads nothing */
        /* All places are taken: the next is served when their time is over. */
        text = answer(f, ask(f, "GET / HTTP/1.0\r\n\r\n", 18), &n);
        assert_non_null(startswith(text, "HTTP/1.0 200 OK\r\n"));
        assert_true(n > SIZE);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
}

static void who_leaves_early_harms_nobody(void **state) {
        _cleanup_free_ char *text = NULL;
        Fixture *f = *state;

        for (unsigned i = 0; i < 20; i++) {
                int fd = ask(f, "GET / HTTP/1.0\r\n\r\n", i % 2 ? 18 : 5);

                assert_true(sd_event_run(f->event, 0) >= 0);
                (void) close(fd);
        }
        text = answer(f, ask(f, "GET / HTTP/1.0\r\n\r\n", 18), NULL);
        assert_non_null(startswith(text, "HTTP/1.0 200 OK\r\n"));
}

static void want_of_descriptors_does_not_keep_the_loop_busy(void **state) {
        struct rlimit before, none;
        Fixture *f = *state;
        _cleanup_free_ char *text = NULL;
        int fd = ask(f, "GET / HTTP/1.0\r\n\r\n", 18);
        unsigned turns = 0;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit) { .rlim_cur = (rlim_t) fd + 1, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        for (usec_t end = now_monotonic() + 200 * USEC_PER_MSEC; now_monotonic() < end;)
                turns += sd_event_run(f->event, 50 * USEC_PER_MSEC) > 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_in_range(turns, 1, 3);
        text = answer(f, fd, NULL);
        assert_non_null(startswith(text, "HTTP/1.0 200 OK\r\n"));
}

static void clients_under_way_end_with_the_server(void **state) {
        Fixture *f = *state;
        int fd = ask(f, "GET", 3);

        assert_true(sd_event_run(f->event, 0) >= 0);
        f->server = metrics_server_free(f->server);
        (void) close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_request_has_its_answer, setup, teardown),
                cmocka_unit_test_setup_teardown(a_request_may_come_in_pieces, setup, teardown),
                cmocka_unit_test_setup_teardown(who_says_nothing_and_closes_his_side_gets_the_bare_text, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_no_request_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(a_text_that_cannot_be_made_is_said, setup, teardown),
                cmocka_unit_test_setup_teardown(a_crowd_shares_one_text_and_the_rest_waits, setup, teardown),
                cmocka_unit_test_setup_teardown(who_hangs_is_let_go, setup, teardown),
                cmocka_unit_test_setup_teardown(who_leaves_early_harms_nobody, setup, teardown),
                cmocka_unit_test_setup_teardown(want_of_descriptors_does_not_keep_the_loop_busy, setup, teardown),
                cmocka_unit_test_setup_teardown(clients_under_way_end_with_the_server, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

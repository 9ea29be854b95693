/* Calls a method over RabbitMQ as fast as one client can, so many at once, and says how long each took. The messages are
 * those of an OpenStack client (oslo envelope 2.0, a full context); the same go to bare-echo for comparison.
 * usage: rpc-load PORT USER PASSWORD EXCHANGE KEY NAMESPACE VERSION METHOD CALLS AT_ONCE [LIMIT_MS]
 *        EXCHANGE "" is the default one; NAMESPACE "-" is null; LIMIT_MS is how long to wait for an answer (30000)
 * prints: calls/s, p50 and p99 in milliseconds */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void check(amqp_connection_state_t c, const char *what) {
        if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL) {
                fprintf(stderr, "rpc-load: %s failed\n", what);
                exit(1);
        }
}

static int by_value(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

/* The index that send() wrote into _msg_id, from an answer however it is quoted; -1 if there is none. */
static long answer_index(const char *body, size_t n) {
        const char *p = memmem(body, n, "_msg_id", 7);
        char digits[33] = {};

        if (!p)
                return -1;
        for (p += 7; p < body + n && !isxdigit((unsigned char) *p); p++)
                ;
        if (p + 32 > body + n)
                return -1;
        memcpy(digits, p, 32);
        return strtol(digits + 16, NULL, 16);
}

int main(int argc, char **argv) {
        static const char format[] =
                "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"%s\\\", \\\"args\\\": {%s}, %s%s%s\\\"version\\\": \\\"%s\\\", "
                "\\\"_msg_id\\\": \\\"%016lx%016lx\\\", \\\"_reply_q\\\": \\\"%s\\\", \\\"_timeout\\\": null, \\\"_unique_id\\\": \\\"%016lx%016lx\\\", "
                "\\\"_context_user_id\\\": null, \\\"_context_user\\\": null, \\\"_context_project_id\\\": null, \\\"_context_project\\\": null, "
                "\\\"_context_is_admin\\\": true, \\\"_context_read_only\\\": false, \\\"_context_show_deleted\\\": false, "
                "\\\"_context_auth_token\\\": null, \\\"_context_request_id\\\": \\\"req-7432acb3-b82d-4ba8-b127-4df565ac1201\\\", "
                "\\\"_context_global_request_id\\\": null, \\\"_context_resource_uuid\\\": null, \\\"_context_roles\\\": [], "
                "\\\"_context_user_identity\\\": \\\"- - - - -\\\", \\\"_context_is_admin_project\\\": true, "
                "\\\"_context_read_deleted\\\": \\\"no\\\", \\\"_context_remote_address\\\": null, "
                "\\\"_context_timestamp\\\": \\\"2026-11-22T16:14:58.279625\\\", \\\"_context_quota_class\\\": null, "
                "\\\"_context_user_name\\\": null, \\\"_context_service_catalog\\\": [], \\\"_context_project_name\\\": null}\"}";
        if (argc != 11 && argc != 12) {
                fprintf(stderr, "usage: rpc-load PORT USER PASSWORD EXCHANGE KEY NAMESPACE VERSION METHOD CALLS AT_ONCE [LIMIT_MS]\n");
                return 2;
        }
        const char *exchange = argv[4], *key = argv[5], *ns = argv[6], *version = argv[7], *method = argv[8];
        long calls = atol(argv[9]), at_once = atol(argv[10]), sent = 0, done = 0;
        long limit_ms = argc == 12 ? atol(argv[11]) : 30000;
        long run = (long) getpid() << 20 ^ (long) (now() * 1e6);        /* no two runs share their unique ids */
        amqp_connection_state_t c = amqp_new_connection();
        char reply[64], body[4096];
        double *began = calloc((size_t) calls, sizeof *began), *took = calloc((size_t) calls, sizeof *took), start;

        if (!began || !took || amqp_socket_open(amqp_tcp_socket_new(c), "127.0.0.1", atoi(argv[1])) != AMQP_STATUS_OK) {
                fprintf(stderr, "rpc-load: cannot connect\n");
                return 1;
        }
        amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, argv[2], argv[3]);
        amqp_channel_open(c, 1);
        check(c, "login");
        snprintf(reply, sizeof reply, "reply_%032lx", run);
        amqp_queue_declare(c, 1, amqp_cstring_bytes(reply), 0, 0, 1, 1, amqp_empty_table);
        check(c, "reply queue");
        amqp_basic_consume(c, 1, amqp_cstring_bytes(reply), amqp_empty_bytes, 0, 1, 1, amqp_empty_table);
        check(c, "consume");

        start = now();
        while (done < calls) {
                amqp_envelope_t e;
                amqp_basic_properties_t p = {
                        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                                  AMQP_BASIC_REPLY_TO_FLAG,
                        .content_type = amqp_cstring_bytes("application/json"),
                        .content_encoding = amqp_cstring_bytes("utf-8"),
                        .delivery_mode = 2,
                        .reply_to = amqp_cstring_bytes(reply),
                };
                struct timeval limit = { .tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000 };
                amqp_rpc_reply_t r;
                long i;

                while (sent < calls && sent - done < at_once) {
                        bool null = strcmp(ns, "-") == 0;
                        snprintf(body, sizeof body, format, method, strcmp(method, "ping") == 0 ? "\\\"arg\\\": \\\"x\\\"" : "",
                                 null ? "" : "\\\"namespace\\\": \\\"", null ? "" : ns, null ? "" : "\\\", ", version, run, sent,
                                 reply, run, sent);
                        began[sent++] = now();
                        if (amqp_basic_publish(c, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), 0, 0, &p,
                                               amqp_cstring_bytes(body)) < 0) {
                                fprintf(stderr, "rpc-load: publish failed\n");
                                return 1;
                        }
                }
                amqp_maybe_release_buffers(c);
                r = amqp_consume_message(c, &e, &limit, 0);
                if (r.reply_type != AMQP_RESPONSE_NORMAL) {
                        fprintf(stderr, "rpc-load: no answer within %ld ms after %ld of %ld\n", limit_ms, done, calls);
                        return 1;
                }
                i = answer_index(e.message.body.bytes, e.message.body.len);
                if (i >= 0 && i < calls && took[i] == 0) {
                        if (memmem(e.message.body.bytes, e.message.body.len, "nova.exception", 14)) {
                                fprintf(stderr, "rpc-load: a failure came back\n");
                                return 1;
                        }
                        took[i] = now() - began[i];
                        done++;
                }
                amqp_destroy_envelope(&e);
        }
        double wall = now() - start;
        qsort(took, (size_t) calls, sizeof *took, by_value);
        printf("%.0f calls/s p50 %.3f ms p99 %.3f ms\n", (double) calls / wall, 1e3 * took[calls / 2], 1e3 * took[calls * 99 / 100]);
        return 0;
}

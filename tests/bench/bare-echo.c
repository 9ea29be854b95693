/* The yardstick of the RPC benchmark: the least that a librabbitmq server can do. Consumes one queue on one connection and
 * publishes each body, untouched, to the queue that reply_to names; acks each delivery. No JSON, no threads, no confirms.
 * usage: bare-echo PORT USER PASSWORD QUEUE */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(amqp_connection_state_t c, const char *what) {
        if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL) {
                fprintf(stderr, "bare-echo: %s failed\n", what);
                exit(1);
        }
}

int main(int argc, char **argv) {
        amqp_connection_state_t c = amqp_new_connection();
        amqp_bytes_t queue;

        if (argc != 5) {
                fprintf(stderr, "usage: bare-echo PORT USER PASSWORD QUEUE\n");
                return 2;
        }
        if (amqp_socket_open(amqp_tcp_socket_new(c), "127.0.0.1", atoi(argv[1])) != AMQP_STATUS_OK)
                return 1;
        amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, argv[2], argv[3]);
        amqp_channel_open(c, 1);
        check(c, "login");
        queue = amqp_cstring_bytes(argv[4]);
        amqp_queue_declare(c, 1, queue, 0, 0, 0, 0, amqp_empty_table);
        check(c, "declare");
        amqp_basic_qos(c, 1, 0, 128, 0);
        amqp_basic_consume(c, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
        check(c, "consume");
        puts("ready");
        fflush(stdout);
        for (;;) {
                amqp_envelope_t e;
                amqp_basic_properties_t p = { ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2 };

                amqp_maybe_release_buffers(c);
                if (amqp_consume_message(c, &e, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
                        return 0;
                if (amqp_basic_publish(c, 1, amqp_empty_bytes, e.message.properties.reply_to, 0, 0, &p, e.message.body) < 0)
                        return 1;
                amqp_basic_ack(c, 1, e.delivery_tag, 0);
                amqp_destroy_envelope(&e);
        }
}

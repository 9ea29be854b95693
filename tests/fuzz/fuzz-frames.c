/* Frames from a broker: decoded by librabbitmq, put together to messages by us. */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <errno.h>

#include "rpc/link-internal.h"
#include "fuzz.h"

#define MESSAGE_MAX 4096

static void on_message(Link *l _unused_, LinkMessage *m, void *userdata) {
        unsigned *messages = userdata;

        (*messages)++;
        fuzz_check((m->body != NULL) == (m->size <= MESSAGE_MAX));
        if (m->body)
                fuzz_check(m->body[m->size] == '\0');
        fuzz_check(strnlen(m->key, sizeof m->key) < sizeof m->key);
        fuzz_check(strnlen(m->content_type, sizeof m->content_type) < sizeof m->content_type);
        fuzz_check(strnlen(m->compression, sizeof m->compression) < sizeof m->compression);
        fuzz_check(strnlen(m->return_text, sizeof m->return_text) < sizeof m->return_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const RpcOptions options = { .max_message_size = MESSAGE_MAX };
        unsigned messages = 0;
        Link l = {
                .options = &options, .purpose = "fuzz", .handlers.on_message = on_message, .userdata = &messages, .guard = -1,
                .conn = amqp_new_connection(), .lock = PTHREAD_MUTEX_INITIALIZER,
        };
        /* An answer to connection.close has nowhere to go. */
        amqp_socket_t *socket = amqp_tcp_socket_new(l.conn);
        amqp_bytes_t input = { size, (void *) data };

        fuzz_check(socket);
        amqp_tcp_socket_set_sockfd(socket, -1);
        while (input.len > 0) {
                amqp_frame_t f = {};
                int n = amqp_handle_input(l.conn, input, &f);

                if (n <= 0)
                        break;
                fuzz_check((size_t) n <= input.len);
                input.bytes = (uint8_t *) input.bytes + n;
                input.len -= (size_t) n;
                if (f.frame_type != 0 && link_frame(&l, &f) < 0) {
                        fuzz_check(l.reason[0] && strnlen(l.reason, sizeof l.reason) < sizeof l.reason);
                        break;
                }
                amqp_maybe_release_buffers(l.conn);
        }
        link_assemblies_done(&l);
        amqp_destroy_connection(l.conn);
        return 0;
}

/* Reading: frames with zero timeout until there is none, put together to messages in memory of our own, with a cap. */
#include "rpc/link-internal.h"

#include <errno.h>
#include <stdio.h>

#define FRAMES_AT_ONCE 1024             /* then others on this loop have their turn */
#define BUFFER_KEPT 65536

static void copy_bytes(char *to, size_t size, amqp_bytes_t from) {
        size_t n = MIN(from.len, size - 1);

        memcpy(to, from.bytes ? from.bytes : "", n);
        to[n] = '\0';
}

static unsigned parse_tag(amqp_bytes_t tag) {
        unsigned n = 0;

        for (size_t i = 0; i < tag.len && i < 6; i++)
                n = n * 10 + (unsigned) (((const char *) tag.bytes)[i] - '0') % 10;
        return n;
}

static void assembly_done(LinkAssembly *a) {
        bool keep = a->buffer_size <= BUFFER_KEPT;

        if (!keep)
                free(a->buffer);
        *a = (LinkAssembly){.buffer = keep ? a->buffer : NULL, .buffer_size = keep ? a->buffer_size : 0};
}

void link_assemblies_done(Link *l) {
        for (size_t i = 0; i < ELEMENTSOF(l->assembly); i++) {
                free(l->assembly[i].buffer);
                l->assembly[i] = (LinkAssembly){};
        }
}

static int wrong_order(Link *l) {
        link_set_reason(l, "the broker sent frames in a wrong order");
        return -EPROTO;
}

static int message_complete(Link *l, LinkAssembly *a) {
        if (a->received < a->message.size)
                return 0;
        if (a->message.body)
                a->message.body[a->message.size] = '\0';
        l->handlers.on_message(l, &a->message, l->userdata);
        assembly_done(a);
        return 0;
}

static int frame_header(Link *l, LinkAssembly *a, const amqp_frame_t *f) {
        const amqp_basic_properties_t *p = f->payload.properties.decoded;

        if (!a->active || a->has_header)
                return wrong_order(l);
        /* The library decodes the properties of every class, each into a structure of its own. */
        if (f->payload.properties.class_id != AMQP_BASIC_CLASS) {
                link_set_reason(l, "the broker sent the header of a message that is none");
                return -EPROTO;
        }
        a->has_header = true;
        a->message.size = f->payload.properties.body_size;
        if (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
                copy_bytes(a->message.content_type, sizeof a->message.content_type, p->content_type);
        if (p->_flags & AMQP_BASIC_HEADERS_FLAG)
                for (int i = 0; i < p->headers.num_entries; i++) {
                        const amqp_table_entry_t *h = &p->headers.entries[i];

                        if (h->key.len == strlen("compression") &&
                            memcmp(h->key.bytes, "compression", h->key.len) == 0 &&
                            (h->value.kind == AMQP_FIELD_KIND_UTF8 || h->value.kind == AMQP_FIELD_KIND_BYTES))
                                copy_bytes(a->message.compression, sizeof a->message.compression, h->value.value.bytes);
                }
        if (a->message.size <= l->options->max_message_size) {
                if (a->message.size >= a->buffer_size) {
                        free(a->buffer);
                        a->buffer_size = a->message.size + 1;
                        a->buffer = malloc(a->buffer_size);
                }
                if (!a->buffer) {
                        a->buffer_size = 0;
                        link_set_reason(l, "out of memory for a message of %llu bytes",
                                        (unsigned long long) a->message.size);
                        return -ENOMEM;
                }
                a->message.body = a->buffer;
        }
        return message_complete(l, a);
}

static int frame_body(Link *l, LinkAssembly *a, const amqp_frame_t *f) {
        amqp_bytes_t b = f->payload.body_fragment;

        if (!a->active || !a->has_header || b.len > a->message.size - a->received)
                return wrong_order(l);
        if (a->message.body)
                memcpy(a->message.body + a->received, b.bytes, b.len);
        else if (l->handlers.on_oversize)
                l->handlers.on_oversize(l, f->channel, b.bytes, b.len, l->userdata);
        a->received += b.len;
        return message_complete(l, a);
}

static void set_blocked(Link *l, bool blocked) {
        pthread_mutex_lock(&l->lock);
        l->status.blocked = blocked;
        pthread_mutex_unlock(&l->lock);
        if (l->handlers.on_status)
                l->handlers.on_status(l, l->userdata);
}

static int frame_method(Link *l, LinkAssembly *a, const amqp_frame_t *f) {
        switch (f->payload.method.id) {

        case AMQP_BASIC_DELIVER_METHOD: {
                const amqp_basic_deliver_t *m = f->payload.method.decoded;

                if (a->active)
                        return wrong_order(l);
                a->active = true;
                a->message = (LinkMessage){.channel = f->channel,
                                           .consumer = parse_tag(m->consumer_tag),
                                           .tag = m->delivery_tag,
                                           .redelivered = m->redelivered};
                copy_bytes(a->message.key, sizeof a->message.key, m->routing_key);
                return 0;
        }

        case AMQP_BASIC_RETURN_METHOD: {
                const amqp_basic_return_t *m = f->payload.method.decoded;

                if (a->active)
                        return wrong_order(l);
                a->active = true;
                a->message = (LinkMessage){.channel = f->channel, .returned = true, .return_code = m->reply_code};
                copy_bytes(a->message.return_text, sizeof a->message.return_text, m->reply_text);
                copy_bytes(a->message.key, sizeof a->message.key, m->routing_key);
                return 0;
        }

        case AMQP_BASIC_ACK_METHOD: {
                const amqp_basic_ack_t *m = f->payload.method.decoded;

                if (l->handlers.on_confirm)
                        l->handlers.on_confirm(l, f->channel, m->delivery_tag, m->multiple, true, l->userdata);
                return 0;
        }

        case AMQP_BASIC_NACK_METHOD: {
                const amqp_basic_nack_t *m = f->payload.method.decoded;

                if (l->handlers.on_confirm)
                        l->handlers.on_confirm(l, f->channel, m->delivery_tag, m->multiple, false, l->userdata);
                return 0;
        }

        case AMQP_BASIC_CANCEL_OK_METHOD: {
                const amqp_basic_cancel_ok_t *m = f->payload.method.decoded;

                if (l->handlers.on_cancel_ok)
                        l->handlers.on_cancel_ok(l, parse_tag(m->consumer_tag), l->userdata);
                return 0;
        }

        case AMQP_BASIC_CANCEL_METHOD:
                link_set_reason(l, "the broker cancelled consumer %u: its queue was deleted or moved to another member",
                                parse_tag(((const amqp_basic_cancel_t *) f->payload.method.decoded)->consumer_tag));
                return -ENOTCONN;

        case AMQP_CHANNEL_CLOSE_METHOD: {
                const amqp_channel_close_t *m = f->payload.method.decoded;

                link_set_close(l, m->reply_code, m->reply_text, "the channel");
                return -ENOTCONN;
        }

        case AMQP_CONNECTION_CLOSE_METHOD: {
                const amqp_connection_close_t *m = f->payload.method.decoded;
                amqp_connection_close_ok_t ok = {};

                link_set_close(l, m->reply_code, m->reply_text, "the connection");
                (void) amqp_send_method(l->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
                return -ENOTCONN;
        }

        case AMQP_CONNECTION_BLOCKED_METHOD:
                set_blocked(l, true);
                return 0;

        case AMQP_CONNECTION_UNBLOCKED_METHOD:
                set_blocked(l, false);
                return 0;

        default:
                return 0;               /* late answers to what nobody waits for */
        }
}

int link_frame(Link *l, const amqp_frame_t *f) {
        LinkAssembly *a = &l->assembly[f->channel <= LINK_CHANNEL_MAX ? f->channel : 0];

        switch (f->frame_type) {
        case AMQP_FRAME_METHOD:
                return frame_method(l, a, f);
        case AMQP_FRAME_HEADER:
                return frame_header(l, a, f);
        case AMQP_FRAME_BODY:
                return frame_body(l, a, f);
        default:
                return 0;
        }
}

int link_drain(Link *l) {
        unsigned n;

        if (!link_is_open(l))
                return 0;

        l->last_input = now_monotonic();
        for (n = 0; n < FRAMES_AT_ONCE && link_is_open(l); n++) {
                struct timeval zero = {};
                amqp_frame_t f;
                int r;

                amqp_maybe_release_buffers(l->conn);
                link_enter(l);
                r = amqp_simple_wait_frame_noblock(l->conn, &f, &zero);
                link_leave(l);
                if (r == AMQP_STATUS_TIMEOUT)
                        break;
                if (r != AMQP_STATUS_OK) {
                        (void) link_check_status(l, r, "reading");
                        break;
                }
                if (link_frame(l, &f) < 0)
                        link_lose(l);
                /* What is still in the kernel wakes us again; TLS keeps some where nobody can look. */
                if (!l->options->tls.enabled && l->conn && !amqp_frames_enqueued(l->conn) &&
                    !amqp_data_in_buffer(l->conn))
                        break;
        }
        if (n == FRAMES_AT_ONCE)
                link_drain_soon(l);
        if (l->handlers.on_idle)
                l->handlers.on_idle(l, l->userdata);
        return 0;
}
